//! A large house under its readers: pages, search, start-up, memory, and a backup while somebody writes.
//!
//! ```sh
//! cargo run --release -- demo --tickets 1000000 --data big    # end it once it serves
//! cargo bench --bench house -- --data big
//! ```
//! With `--database postgres://…` the house that was filled there is asked; the backup is then PostgreSQL's own affair.

mod rig;

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use diesel::RunQueryDsl;
use diesel::sql_types::BigInt;
use rig::{Answer, BODY, Client, Post, Relay, Server};
use watchkeeper::app::App;
use watchkeeper::config::Config;
use watchkeeper::domain::text::EmailAddress;
use watchkeeper::store::backend::{Conn, DatabaseUrl};
use watchkeeper::store::people::Holder;
use watchkeeper::store::{self, Store};
use watchkeeper::time::TimeSource;

/// Who the demo's pages are shown to.
const READER: &str = "ines@northstar.example";
const PASSWORD: &str = "keep the watch";

struct Options {
    data: PathBuf,
    database: Option<String>,
    rounds: usize,
    words: Vec<String>,
}

fn options() -> Options {
    let mut options = Options {
        data: PathBuf::from("demo-data"),
        database: None,
        rounds: 500,
        words: Vec::new(),
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || {
            words
                .next()
                .unwrap_or_else(|| panic!("{word} wants a value"))
        };
        match word.as_str() {
            "--data" => options.data = PathBuf::from(value()),
            "--database" => options.database = Some(value()),
            "--rounds" => options.rounds = value().parse().expect("a number of rounds"),
            "--search" => options.words.push(value()),
            "--bench" => {}
            other => panic!("unknown option {other}"),
        }
    }
    options
}

#[derive(diesel::QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

fn count(store: &Store, sql: &str) -> i64 {
    let query = || diesel::sql_query(sql.to_owned());
    let counted = store.read(|conn| {
        Ok(match conn {
            Conn::Sqlite(conn) => query().get_result::<Count>(conn)?,
            Conn::Pg(conn) => query().get_result::<Count>(conn)?,
        })
    });
    counted.expect("counted").n
}

fn main() {
    let options = options();
    let mut config = Config::in_folder(&options.data);
    if let Some(url) = &options.database {
        config.database = DatabaseUrl::parse(url).expect("a database");
    }
    let (token, incidents) = {
        let store = Store::open(&config.database).expect("the database opens");
        println!(
            "{} tickets, {} entries, {} clocks in {:?}",
            count(&store, "SELECT count(*) AS n FROM ticket"),
            count(&store, "SELECT count(*) AS n FROM entry"),
            count(&store, "SELECT count(*) AS n FROM clock"),
            config.database
        );
        let incidents = count(
            &store,
            "SELECT max(number) AS n FROM ticket WHERE kind = 'incident'",
        );
        let app = App::new(store, TimeSource::system(), config.clone()).expect("the house opens");
        let reader = EmailAddress::parse(READER).expect("an address");
        let holder = app
            .store
            .read(|conn| store::people::holder(conn, &reader))
            .expect("asked");
        let Some(Holder::Person(id)) = holder else {
            panic!("{READER} isn't here: this is no demo's house");
        };
        (rig::token_of(&app, id), incidents)
    };
    let relay = Relay::start();
    let post = Post::new(&config, &options.data, relay.address);
    // Twice: the second start finds what the first left in the page cache.
    post.start().stop();
    let server = post.start();
    println!("start-up         {:>8} ms", server.start_up.as_millis());

    let mut reader = Reader::log_in(&server);
    let any = |n: usize| {
        let number = (n as i64).wrapping_mul(7_919).rem_euclid(incidents) + 1;
        format!("/INC-{number}")
    };
    reader.measure("queue", options.rounds, |_| "/queue".to_owned());
    reader.measure("incidents", options.rounds, |_| "/incidents".to_owned());
    reader.measure("my shift", options.rounds, |_| "/".to_owned());
    reader.measure("ticket page", options.rounds, any);
    for words in &options.words {
        let path = format!("/search?q={}", words.replace(' ', "+"));
        let name = format!("search `{words}`");
        reader.measure(&name, options.rounds.min(200), |_| path.clone());
    }
    under_load(&server, &reader.cookies, options.rounds, &any);
    println!(
        "memory           {:>11} under page load, at most {}",
        server.memory("VmRSS").unwrap_or_default(),
        server.memory("VmHWM").unwrap_or_default()
    );
    if let DatabaseUrl::Sqlite(file) = &config.database {
        backup(&server, &token, file, &options.data);
    }
}

fn cookies_of(answer: &Answer) -> String {
    let given = answer
        .headers
        .iter()
        .filter(|(name, _)| name == "set-cookie");
    let pairs = given.filter_map(|(_, value)| value.split(';').next());
    pairs.collect::<Vec<_>>().join("; ")
}

struct Reader {
    link: Client,
    cookies: String,
}

impl Reader {
    fn log_in(server: &Server) -> Self {
        let mut link = Client::connect(server.http).expect("the server listens");
        let form = link.ask("GET", "/log-in", "", "").expect("the form");
        let page = form.text();
        let csrf = page
            .split_once("name=\"csrf\" value=\"")
            .and_then(|(_, rest)| rest.split_once('"'))
            .map(|(value, _)| value)
            .expect("a form");
        let body = format!(
            "csrf={csrf}&email={READER}&password={}&then=/",
            PASSWORD.replace(' ', "+")
        );
        let head = format!(
            "Content-Type: application/x-www-form-urlencoded\r\nCookie: {}\r\n",
            cookies_of(&form)
        );
        let answer = link
            .ask("POST", "/log-in", &head, &body)
            .expect("an answer");
        assert_eq!(answer.status, 303, "{}", answer.text());
        let cookies = cookies_of(&answer);
        Self { link, cookies }
    }

    fn get(&mut self, path: &str) -> Duration {
        let head = format!("Cookie: {}\r\n", self.cookies);
        let asked = Instant::now();
        let answer = self.link.ask("GET", path, &head, "").expect("an answer");
        let spent = asked.elapsed();
        assert_eq!(answer.status, 200, "{path}");
        spent
    }

    fn measure(&mut self, name: &str, rounds: usize, path: impl Fn(usize) -> String) {
        for n in 0..rounds / 10 {
            self.get(&path(n + rounds));
        }
        let mut waits: Vec<Duration> = (0..rounds).map(|n| self.get(&path(n))).collect();
        waits.sort();
        let at =
            |share: f64| waits[((waits.len() - 1) as f64 * share) as usize].as_secs_f64() * 1_000.0;
        println!(
            "{name:<28} p50 {:>6.1} ms   p95 {:>6.1} ms   max {:>6.1} ms",
            at(0.5),
            at(0.95),
            at(1.0)
        );
    }
}

/// Eight readers at once, so that the memory is a busy house's.
fn under_load(
    server: &Server,
    cookies: &str,
    rounds: usize,
    any: &(impl Fn(usize) -> String + Sync),
) {
    let began = Instant::now();
    std::thread::scope(|scope| {
        for reader in 0..8 {
            scope.spawn(move || {
                let mut seat = Reader {
                    link: Client::connect(server.http).expect("the server listens"),
                    cookies: cookies.to_owned(),
                };
                for n in 0..rounds {
                    seat.get(&any(n * 8 + reader));
                    seat.get("/queue");
                }
            });
        }
    });
    println!(
        "8 readers        {:>8.0} pages/s",
        (rounds * 16) as f64 / began.elapsed().as_secs_f64()
    );
}

/// `watchkeeper backup` while somebody files a ticket every 10 ms.
fn backup(server: &Server, token: &str, file: &std::path::Path, folder: &std::path::Path) {
    let copy = tempfile::tempdir_in(folder).expect("a folder for the copy");
    let over = AtomicBool::new(false);
    let run = uuid::Uuid::new_v4().simple().to_string();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut link = Client::connect(server.http).expect("the server listens");
            let (mut count, mut longest) = (0, Duration::ZERO);
            while !over.load(Ordering::Relaxed) {
                let body = format!(
                    r#"{{"title":"During backup {count}","severity":"high","body":"{BODY}"}}"#
                );
                let sent = Instant::now();
                let answer = link
                    .post("/api/v1/tickets", token, &format!("{run}-{count}"), &body)
                    .expect("an answer");
                assert_eq!(answer.status, 201);
                longest = longest.max(sent.elapsed());
                count += 1;
                std::thread::sleep(Duration::from_millis(10));
            }
            (count, longest)
        });
        let began = Instant::now();
        let status = Command::new(env!("CARGO_BIN_EXE_watchkeeper"))
            .args(["backup", "--database"])
            .arg(file)
            .arg(copy.path().join("copy.db"))
            .status()
            .expect("backup runs");
        assert!(status.success(), "backup");
        let spent = began.elapsed();
        over.store(true, Ordering::Relaxed);
        let (count, longest) = writer.join().expect("it wrote");
        println!(
            "backup           {:>8.1} s; {count} tickets filed meanwhile, the longest waited {} ms",
            spent.as_secs_f64(),
            longest.as_millis()
        );
    });
}
