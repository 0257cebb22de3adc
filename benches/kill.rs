//! The kill run: clients file tickets, write notes, resolve and send mail while the server is killed with SIGKILL again and
//! again, at random moments; then every promise is counted. Nothing that was accepted may be lost, and nothing logical may
//! happen twice.
//!
//! ```sh
//! cargo bench --bench kill -- --kills 200 --seed 7
//! cargo bench --bench kill -- --mails 10000 --seed 7      # mail by LMTP alone, killed until so many are in
//! cargo bench --bench kill -- --database postgres://user@host/empty_database
//! ```
//! A client whose connection broke asks again with the same idempotency key or Message-ID, as a real one would. The seed decides
//! the moments of the kills; it is printed with the counts. Ends with an error if a count is wrong.

mod rig;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Text};
use rig::{BODY, Client, Lmtp, Post, Relay};
use watchkeeper::config::Config;
use watchkeeper::store::Store;
use watchkeeper::store::backend::{Conn, DatabaseUrl};

const API_CLIENTS: usize = 4;
const MAIL_CLIENTS: usize = 2;
const MAIL_CLIENTS_ALONE: usize = 6;
/// How long a life lasts before it is killed, in milliseconds after it listens.
const LIFE: std::ops::Range<u64> = 20..500;
/// Every so many tickets one is a disaster: it pages, is resolved, and opens its post-mortem.
const DISASTERS: usize = 5;

struct Options {
    database: Option<String>,
    kills: usize,
    /// Mail alone, and so many of them, however many kills that takes.
    mails: Option<usize>,
    seed: u64,
}

fn options() -> Options {
    let mut options = Options {
        database: None,
        kills: 200,
        mails: None,
        seed: u64::from_le_bytes(
            uuid::Uuid::new_v4().as_bytes()[..8]
                .try_into()
                .expect("8 bytes"),
        ) >> 32,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || {
            words
                .next()
                .unwrap_or_else(|| panic!("{word} wants a value"))
        };
        match word.as_str() {
            "--database" => options.database = Some(value()),
            "--kills" => options.kills = value().parse().expect("a number of kills"),
            "--mails" => options.mails = Some(value().parse().expect("a number of mails")),
            "--seed" => options.seed = value().parse().expect("a number"),
            "--bench" => {}
            other => panic!("unknown option {other}"),
        }
    }
    options
}

/// SplitMix64: the moments of the kills come from the seed alone.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, range: &std::ops::Range<u64>) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        range.start + (mixed ^ (mixed >> 31)) % (range.end - range.start)
    }
}

/// What was accepted, as the clients saw it.
#[derive(Default)]
struct Accepted {
    tickets: AtomicUsize,
    disasters: AtomicUsize,
    notes: AtomicUsize,
    resolved: AtomicUsize,
    mails: AtomicUsize,
    /// Requests and mails that had to be sent again because the server died under them.
    again: AtomicUsize,
}

fn main() {
    let options = options();
    match options.mails {
        Some(mails) => println!("seed {}, {mails} mails by LMTP", options.seed),
        None => println!("seed {}, {} kills", options.seed, options.kills),
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut config = Config::in_folder(folder.path());
    if let Some(url) = &options.database {
        config.database = DatabaseUrl::parse(url).expect("a database");
    }
    let token = rig::found(&config);
    let relay = Relay::start();
    let post = Post::new(&config, folder.path(), relay.address);
    let accepted = Accepted::default();
    let (over, next_ticket, next_mail) = (
        AtomicBool::new(false),
        AtomicUsize::new(0),
        AtomicUsize::new(0),
    );
    let began = Instant::now();
    let mut life = Some(post.start());
    let mut slowest_start = Duration::ZERO;
    let mut kills = 0;
    std::thread::scope(|scope| {
        let (api_clients, mail_clients) = match options.mails {
            Some(_) => (0, MAIL_CLIENTS_ALONE),
            None => (API_CLIENTS, MAIL_CLIENTS),
        };
        for _ in 0..api_clients {
            scope.spawn(|| {
                let mut caller = Caller {
                    post: &post,
                    token: &token,
                    accepted: &accepted,
                    link: None,
                };
                while !over.load(Ordering::Relaxed) {
                    caller.ticket(next_ticket.fetch_add(1, Ordering::Relaxed));
                }
            });
        }
        for _ in 0..mail_clients {
            scope.spawn(|| {
                let mut link = None;
                while !over.load(Ordering::Relaxed) {
                    let next = next_mail.fetch_add(1, Ordering::Relaxed);
                    if options.mails.is_some_and(|mails| next >= mails) {
                        break;
                    }
                    mail(&post, &accepted, &mut link, next);
                }
            });
        }
        let mut dice = Dice(options.seed);
        let is_enough = |kills: usize| match options.mails {
            Some(mails) => accepted.mails.load(Ordering::Relaxed) >= mails,
            None => kills >= options.kills,
        };
        while !is_enough(kills) {
            kills += 1;
            std::thread::sleep(Duration::from_millis(dice.roll(&LIFE)));
            // The old process is gone before the new one starts.
            if let Some(server) = life.take() {
                server.kill();
            }
            let server = post.start();
            slowest_start = slowest_start.max(server.start_up);
            life = Some(server);
        }
        over.store(true, Ordering::Relaxed);
    });
    println!(
        "{kills} kills in {:.0} s; slowest start after one {} ms",
        began.elapsed().as_secs_f64(),
        slowest_start.as_millis()
    );
    let faults = Audit::of(&config).judge(&accepted, &relay);
    drop(life);
    if faults > 0 {
        println!("{faults} counts are wrong (seed {})", options.seed);
        std::process::exit(1);
    }
    println!("lost 0, doubled 0");
}

struct Caller<'a> {
    post: &'a Post,
    token: &'a str,
    accepted: &'a Accepted,
    link: Option<Client>,
}

impl Caller<'_> {
    fn ticket(&mut self, n: usize) {
        let is_disaster = n.is_multiple_of(DISASTERS);
        let severity = if is_disaster { "disaster" } else { "high" };
        let opened = self.insist(
            "/api/v1/tickets",
            &format!("open-{n}"),
            &format!(r#"{{"title":"Kill {n}","severity":"{severity}","body":"{BODY}"}}"#),
        );
        let key = opened["key"].as_str().expect("a key").to_owned();
        self.accepted.tickets.fetch_add(1, Ordering::Relaxed);
        let path = format!("/api/v1/tickets/{key}/notes");
        self.insist(
            &path,
            &format!("note-{n}"),
            &format!(r#"{{"body":"Seen {n}"}}"#),
        );
        self.accepted.notes.fetch_add(1, Ordering::Relaxed);
        if is_disaster {
            self.accepted.disasters.fetch_add(1, Ordering::Relaxed);
            let path = format!("/api/v1/tickets/{key}/resolve");
            self.insist(
                &path,
                &format!("resolve-{n}"),
                r#"{"how":"Disk replaced."}"#,
            );
            self.accepted.resolved.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Asks until there is an answer, with the same key.
    fn insist(&mut self, path: &str, key: &str, body: &str) -> serde_json::Value {
        loop {
            let answer = match &mut self.link {
                Some(link) => link.post(path, self.token, key, body),
                None => match Client::connect(self.post.http) {
                    Ok(link) => {
                        self.link = Some(link);
                        continue;
                    }
                    Err(error) => Err(error),
                },
            };
            match answer {
                Ok(answer) if answer.status < 300 => return answer.json(),
                // A stop or a busy database says so; anything else is a fault of ours.
                Ok(answer) if answer.status == 503 => {}
                Ok(answer) => panic!("{path}: {} {}", answer.status, answer.text()),
                Err(_) => self.link = None,
            }
            self.accepted.again.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn mail(post: &Post, accepted: &Accepted, link: &mut Option<Lmtp>, n: usize) {
    let (sender, id) = (
        format!("m{n}@load.example.org"),
        format!("kill.{n}@load.example.org"),
    );
    loop {
        let outcome = match link {
            Some(link) => link.deliver(&sender, &id, &format!("Mail {n}")),
            None => match Lmtp::connect(post.lmtp) {
                Ok(fresh) => {
                    *link = Some(fresh);
                    continue;
                }
                Err(error) => Err(error),
            },
        };
        match outcome {
            Ok(()) => break,
            Err(_) => *link = None,
        }
        accepted.again.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(5));
    }
    accepted.mails.fetch_add(1, Ordering::Relaxed);
}

/// Counts in the database after the last life has worked off what was waiting.
struct Audit {
    store: Store,
    faults: usize,
}

#[derive(diesel::QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

#[derive(diesel::QueryableByName)]
struct Sent {
    #[diesel(sql_type = Text)]
    message_id: String,
    #[diesel(sql_type = BigInt)]
    tries: i64,
}

impl Audit {
    fn of(config: &Config) -> Self {
        Self {
            store: Store::open(&config.database).expect("the database opens"),
            faults: 0,
        }
    }

    fn count(&self, sql: &str) -> i64 {
        let query = || diesel::sql_query(sql.to_owned());
        let count = self.store.read(|conn| {
            Ok(match conn {
                Conn::Sqlite(conn) => query().get_result::<Count>(conn)?,
                Conn::Pg(conn) => query().get_result::<Count>(conn)?,
            })
        });
        count.expect("counted").n
    }

    fn expect(&mut self, what: &str, found: i64, wanted: i64) {
        let verdict = if found == wanted { "ok" } else { "WRONG" };
        println!("{what:<58} {found:>7} of {wanted:>7}  {verdict}");
        self.faults += usize::from(found != wanted);
    }

    fn judge(mut self, accepted: &Accepted, relay: &Relay) -> usize {
        let began = Instant::now();
        let waiting = "SELECT (SELECT count(*) FROM mail WHERE state = 'waiting') + (SELECT count(*) FROM delivery WHERE state = 'queued' AND attempts = 0) AS n";
        while self.count(waiting) > 0 {
            assert!(
                began.elapsed() < Duration::from_secs(600),
                "what waits is never worked off"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
        println!("worked off after {:.1} s", began.elapsed().as_secs_f64());
        let seen = |count: &AtomicUsize| count.load(Ordering::Relaxed) as i64;
        println!(
            "{} requests and mails were sent again",
            seen(&accepted.again)
        );

        let incidents = "FROM ticket WHERE kind = 'incident' AND title LIKE";
        self.twice(
            "tickets by API",
            &format!("title {incidents} 'Kill %'"),
            seen(&accepted.tickets),
        );
        self.twice(
            "tickets by mail",
            &format!("title {incidents} 'Mail %'"),
            seen(&accepted.mails),
        );
        self.twice(
            "notes",
            "body FROM entry WHERE kind = 'note' AND body LIKE 'Seen %'",
            seen(&accepted.notes),
        );
        self.twice(
            "resolved once",
            "ticket_id FROM entry WHERE kind = 'resolved'",
            seen(&accepted.resolved),
        );
        self.twice(
            "post-mortems, one for each disaster",
            "incident_id FROM postmortem",
            seen(&accepted.disasters),
        );
        // Alarms of mails make one page of many.
        if seen(&accepted.tickets) > 0 {
            self.twice(
                "tickets by API that paged, first round and step",
                "ticket_id FROM page WHERE round = 1 AND step = 0",
                seen(&accepted.tickets),
            );
        }
        self.twice(
            "answers to mails",
            "ticket_id FROM delivery WHERE kind = 'auto_answer'",
            seen(&accepted.mails),
        );
        let tickets = self.count("SELECT count(*) AS n FROM ticket");
        let whole = self.count(
            "SELECT count(*) AS n FROM ticket t WHERE t.entry_count = (SELECT count(*) FROM entry e WHERE e.ticket_id = t.id) \
             AND t.entry_count = (SELECT max(seq) FROM entry e WHERE e.ticket_id = t.id)",
        );
        self.expect("timelines without a gap", whole, tickets);
        let found = self.count("SELECT count(*) AS n FROM ticket t WHERE EXISTS (SELECT 1 FROM search_doc s WHERE s.ticket_id = t.id)");
        self.expect("tickets that search knows", found, tickets);
        let with_clocks = self.count("SELECT count(DISTINCT ticket_id) AS n FROM clock WHERE ticket_id IN (SELECT id FROM ticket WHERE kind = 'incident')");
        let incidents = self.count("SELECT count(*) AS n FROM ticket WHERE kind = 'incident'");
        self.expect("incidents with clocks", with_clocks, incidents);
        let doubled = self.count(
            "SELECT count(*) AS n FROM (SELECT 1 AS one FROM clock GROUP BY ticket_id, customer_id, metric, promisee, cycle, revision HAVING count(*) > 1) AS twice",
        );
        self.expect("clocks that run twice", doubled, 0);
        self.deliveries(relay);
        if self.store.is_sqlite() {
            let bad = self.count(
                "SELECT count(*) AS n FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
            );
            self.expect("faults that the integrity check found", bad, 0);
            let dangling = self.count("SELECT count(*) AS n FROM pragma_foreign_key_check");
            self.expect("dangling references", dangling, 0);
        }
        self.faults
    }

    /// All rows and all different rows of `what` are as many as wanted.
    fn twice(&mut self, name: &str, what: &str, wanted: i64) {
        let (column, rest) = what.split_once(' ').expect("a column and where it is from");
        let all = self.count(&format!("SELECT count(*) AS n {rest}"));
        let different = self.count(&format!("SELECT count(DISTINCT {column}) AS n {rest}"));
        self.expect(name, all, wanted);
        self.expect("  all different", different, wanted);
    }

    /// Everything was handed over or says why not; what the relay saw twice is explained by a try whose outcome nobody knows.
    fn deliveries(&mut self, relay: &Relay) {
        for state in ["accepted", "unsure", "cancelled", "dead", "queued"] {
            let count = self.count(&format!(
                "SELECT count(*) AS n FROM delivery WHERE state = '{state}'"
            ));
            println!("deliveries {state:<47} {count:>7}");
        }
        let sent = "SELECT message_id, (SELECT count(*) FROM attempt a WHERE a.delivery_id = d.id AND a.outcome IN ('unsure', 'started')) AS tries \
                    FROM delivery d WHERE message_id IS NOT NULL AND channel = 'mail'";
        let query = || diesel::sql_query(sent);
        let sent: Vec<Sent> = self
            .store
            .read(|conn| {
                Ok(match conn {
                    Conn::Sqlite(conn) => query().load(conn)?,
                    Conn::Pg(conn) => query().load(conn)?,
                })
            })
            .expect("listed");
        let mut unknown: HashMap<String, i64> = HashMap::new();
        for delivery in sent {
            *unknown.entry(delivery.message_id).or_default() += delivery.tries;
        }
        let taken = relay.messages();
        let strange = taken.keys().filter(|id| !unknown.contains_key(*id)).count();
        self.expect("messages at the relay that nobody sent", strange as i64, 0);
        let unexplained = taken
            .iter()
            .filter(|(id, taken)| taken.times as i64 > 1 + unknown.get(*id).copied().unwrap_or(0))
            .count();
        let twice = taken.values().filter(|taken| taken.times > 1).count();
        println!("messages that the relay saw twice, after an unknown outcome  {twice:>5}");
        self.expect("messages doubled without a reason", unexplained as i64, 0);
        let claimed = "SELECT count(DISTINCT message_id) AS n FROM delivery WHERE state = 'accepted' AND channel = 'mail'";
        let claimed = self.count(claimed);
        let there = self.accepted_and_there(&taken);
        self.expect(
            "messages said to be accepted that the relay has",
            there,
            claimed,
        );
    }

    fn accepted_and_there(&self, taken: &HashMap<String, rig::Taken>) -> i64 {
        let query = || {
            diesel::sql_query(
                "SELECT DISTINCT message_id, CAST(0 AS BIGINT) AS tries FROM delivery WHERE state = 'accepted' AND channel = 'mail'",
            )
        };
        let claimed: Vec<Sent> = self
            .store
            .read(|conn| {
                Ok(match conn {
                    Conn::Sqlite(conn) => query().load(conn)?,
                    Conn::Pg(conn) => query().load(conn)?,
                })
            })
            .expect("listed");
        claimed
            .iter()
            .filter(|sent| taken.contains_key(&sent.message_id))
            .count() as i64
    }
}
