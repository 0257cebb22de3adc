//! The load program: a real server process under real clients, with the generator on the same machine.
//!
//! ```sh
//! cargo bench --bench load -- --tickets 20000 --clients 8
//! cargo bench --bench load -- --database postgres://user@host/empty_database
//! ```
//! Parts: `api` (tickets opened over HTTP with token and idempotency key), `paced` (1,000 a second, for the waiting times), `lmtp`
//! (mails accepted in a burst, and how long until all are tickets), `sustained` (300 mails a second for a minute, or `--rate` of them),
//! `huge` (one mail of 50 MB until it is a ticket; alone, `--parts huge`, it tells the most memory that it took), `shapes` (mails made to
//! burn time: what each costs until it is a ticket), `relay` (from the answer that opened a disaster to its page at the relay), `store`
//! (tickets opened through the actions, in process).

mod rig;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rig::{BODY, Client, Lmtp, Post, Relay, Server, found};
use watchkeeper::actions::ticket;
use watchkeeper::app::App;
use watchkeeper::config::Config;
use watchkeeper::domain::id::Kind;
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::Opening;
use watchkeeper::domain::timeline::Door;
use watchkeeper::store::Store;
use watchkeeper::store::backend::DatabaseUrl;
use watchkeeper::time::TimeSource;

struct Options {
    database: Option<String>,
    clients: usize,
    tickets: usize,
    /// Mails a second of the part `sustained`.
    rate: usize,
    parts: Vec<String>,
}

fn options() -> Options {
    let mut options = Options {
        database: None,
        clients: 8,
        tickets: 10_000,
        rate: 300,
        // The store alone comes last: the pages that it queues are nobody else's burden then.
        parts: [
            "api",
            "paced",
            "lmtp",
            "sustained",
            "huge",
            "shapes",
            "relay",
            "store",
        ]
        .map(str::to_owned)
        .to_vec(),
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
            "--clients" => options.clients = value().parse().expect("a number of clients"),
            "--tickets" => options.tickets = value().parse().expect("a number of tickets"),
            "--rate" => options.rate = value().parse().expect("a number of mails"),
            "--parts" => options.parts = value().split(',').map(str::to_owned).collect(),
            // What cargo itself passes.
            "--bench" => {}
            other => panic!("unknown option {other}"),
        }
    }
    options
}

fn main() {
    let options = options();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut config = Config::in_folder(folder.path());
    if let Some(url) = &options.database {
        config.database = DatabaseUrl::parse(url).expect("a database");
    }
    let token = found(&config);
    println!(
        "{} clients, {} tickets, {:?}",
        options.clients, options.tickets, config.database
    );
    let wants = |part: &str| options.parts.iter().any(|wanted| wanted == part);
    let relay = Relay::start();
    let server = Post::new(&config, folder.path(), relay.address).start();
    println!("start-up         {:>8} ms", server.start_up.as_millis());
    if wants("api") {
        through_the_api(&server, &token, &options, None);
    }
    if wants("paced") {
        through_the_api(&server, &token, &options, Some(1_000.0));
    }
    if wants("lmtp") {
        by_lmtp(&server, &config, &options, options.tickets, None);
    }
    if wants("sustained") {
        let rate = options.rate;
        by_lmtp(&server, &config, &options, rate * 60, Some(rate as f64));
    }
    if wants("huge") {
        huge(&server, &config);
    }
    if wants("shapes") {
        shapes(&server, &config);
    }
    if wants("relay") {
        pages(&server, &token, &relay);
    }
    let memory = server.memory("VmHWM").unwrap_or_default();
    println!("most memory      {memory:>11}");
    drop(server);
    if wants("store") {
        store_alone(&config, &options);
    }
}

fn store_alone(config: &Config, options: &Options) {
    let store = Store::open(&config.database).expect("the database opens");
    let app = App::new(store, TimeSource::system(), config.clone()).expect("the house opens");
    let cpu = rig::cpu_of("self");
    let began = Instant::now();
    let waits = in_parallel(options.clients, options.tickets, |n| {
        let opening = Opening {
            severity: Some(Severity::High),
            body: BODY.to_owned(),
            ..Opening::default()
        };
        let title = Title::parse(&format!("Disk {n} is full")).expect("a title");
        let ctx = app.system("load", Door::Api);
        let sent = Instant::now();
        ticket::open(&ctx, Kind::Incident, title, &opening).expect("opened");
        sent.elapsed()
    });
    print("store alone", options.tickets, began.elapsed(), waits);
    print_cost(cpu, rig::cpu_of("self"), options.tickets);
}

/// A connection for each client, made when first used.
fn seats<T>(options: &Options) -> Vec<Mutex<Option<T>>> {
    (0..options.clients).map(|_| Mutex::new(None)).collect()
}

/// Waits for the moment at which number `n` is due.
fn pace(began: Instant, n: usize, per_second: Option<f64>) {
    if let Some(rate) = per_second {
        let due = began + Duration::from_secs_f64(n as f64 / rate);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}

fn through_the_api(server: &Server, token: &str, options: &Options, per_second: Option<f64>) {
    let clients = seats(options);
    let run = uuid::Uuid::new_v4().simple().to_string();
    let cpu = server.cpu();
    let began = Instant::now();
    let waits = in_parallel(options.clients, options.tickets, |n| {
        pace(began, n, per_second);
        let mut seat = clients[n % options.clients]
            .lock()
            .expect("no client panicked");
        let client =
            seat.get_or_insert_with(|| Client::connect(server.http).expect("the server listens"));
        let body = format!(r#"{{"title":"Disk {n} is full","severity":"high","body":"{BODY}"}}"#);
        let sent = Instant::now();
        let answer = client
            .post("/api/v1/tickets", token, &format!("{run}-{n}"), &body)
            .expect("an answer");
        assert_eq!(answer.status, 201, "{}", answer.text());
        sent.elapsed()
    });
    let name = if per_second.is_some() {
        "api, paced"
    } else {
        "api, saturated"
    };
    print(name, options.tickets, began.elapsed(), waits);
    print_cost(cpu, server.cpu(), options.tickets);
}

/// Delivers `count` mails and waits until all are tickets with their answers queued; samples the backlog's age meanwhile.
fn by_lmtp(
    server: &Server,
    config: &Config,
    options: &Options,
    count: usize,
    per_second: Option<f64>,
) {
    let store = Store::open(&config.database).expect("the database opens");
    let behind = || {
        let (count, oldest) = store
            .read(watchkeeper::store::intake::backlog)
            .expect("counted");
        let now = TimeSource::system().now().micros();
        let age = oldest.map_or(0, |at| (now - at.micros()).max(0));
        (count, Duration::from_micros(age.unsigned_abs()))
    };
    let cpu = server.cpu();
    let links = seats(options);
    let run = uuid::Uuid::new_v4().simple().to_string();
    let over = AtomicBool::new(false);
    let began = Instant::now();
    let (waits, accepted, oldest) = std::thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let mut oldest = Duration::ZERO;
            while !over.load(Ordering::Relaxed) {
                oldest = oldest.max(behind().1);
                std::thread::sleep(Duration::from_millis(100));
            }
            oldest
        });
        let waits = in_parallel(options.clients, count, |n| {
            pace(began, n, per_second);
            let mut seat = links[n % options.clients]
                .lock()
                .expect("no client panicked");
            let link =
                seat.get_or_insert_with(|| Lmtp::connect(server.lmtp).expect("LMTP listens"));
            let sent = Instant::now();
            let sender = rig::sender(n);
            let id = format!("{run}.{n}@load.example.org");
            link.deliver(&sender, &id, &format!("Disk {n} is full"))
                .expect("accepted");
            sent.elapsed()
        });
        let accepted = began.elapsed();
        while behind().0 > 0 {
            std::thread::sleep(Duration::from_millis(20));
        }
        over.store(true, Ordering::Relaxed);
        (waits, accepted, watching.join().expect("it watched"))
    });
    let name = if per_second.is_some() {
        "lmtp, paced"
    } else {
        "lmtp, burst"
    };
    print(name, count, accepted, waits);
    println!(
        "{:<16} {:>8.0}/s until every mail was a ticket with its answer queued; the oldest waited {:.1} s",
        "  opened",
        count as f64 / began.elapsed().as_secs_f64(),
        oldest.as_secs_f64()
    );
    print_cost(cpu, server.cpu(), count);
}

/// The largest mail that is taken by default, with one file in it, until it is a ticket.
fn huge(server: &Server, config: &Config) {
    let store = Store::open(&config.database).expect("the database opens");
    let line = format!("{}\r\n", "QUJD".repeat(19));
    let lines = (50 * 1024 * 1024 - 4_096) / line.len();
    let mail = format!(
        "From: m@load.example.org\r\nSubject: A core dump\r\nMessage-ID: <{}@load.example.org>\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nHere it is.\r\n--x\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=core\r\n\r\n{}--x--\r\n",
        uuid::Uuid::new_v4().simple(),
        line.repeat(lines)
    );
    let before = server.memory("VmRSS").unwrap_or_default();
    let cost = until_it_is_a_ticket(server, &store, &mail);
    println!(
        "{:<16} {:>8} MB {cost}; {before} resident before, {} at most since the start",
        "huge",
        mail.len() / 1024 / 1024,
        server.memory("VmHWM").unwrap_or_default()
    );
}

/// Delivers one mail and waits until it is dealt with; says what that took.
fn until_it_is_a_ticket(server: &Server, store: &Store, mail: &str) -> String {
    let (cpu, began) = (server.cpu(), Instant::now());
    let mut link = Lmtp::connect(server.lmtp).expect("LMTP listens");
    link.deliver_bytes("m@load.example.org", mail.as_bytes())
        .expect("accepted");
    let accepted = began.elapsed();
    let backlog = || store.read(watchkeeper::store::intake::backlog);
    while backlog().expect("counted").0 > 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    format!(
        "accepted after {:.2} s, a ticket after {:.2} s, {:.2} s of processor",
        accepted.as_secs_f64(),
        began.elapsed().as_secs_f64(),
        (server.cpu() - cpu).as_secs_f64(),
    )
}

/// Mails that are made to burn time.
fn shapes(server: &Server, config: &Config) {
    let store = Store::open(&config.database).expect("the database opens");
    let plain = |head: String| (head, "deep".to_owned());
    let page = |inner: String| ("Content-Type: text/html".to_owned(), inner);
    let links = |count: usize| page("<a href=\"http://x.example/\">x</a> ".repeat(count));
    let paragraph = "<p style=\"color:red\">The disk of db-1 is full, <b>again</b>.</p>\r\n";
    for (name, (head, body)) in [
        (
            "100 kB header",
            plain(format!("X-A: {}", "x".repeat(100 * 1024))),
        ),
        (
            "1,000 readers",
            plain(format!("Cc: {}", "Ada <a@x.example>,\r\n ".repeat(1_000))),
        ),
        ("2,000 links", links(2_000)),
        ("20,000 links", links(20_000)),
        (
            "20 MB of HTML",
            page(paragraph.repeat(20 * 1024 * 1024 / paragraph.len())),
        ),
        ("nested tags", page("<div>".repeat(100_000))),
        ("blanks", page(" ".repeat(1_000_000))),
        ("lines of >", ("X-A: y".to_owned(), ">\r\n".repeat(200_000))),
    ] {
        let mail = format!(
            "From: m@load.example.org\r\nSubject: With {name}\r\nMessage-ID: <{}@load.example.org>\r\n{head}\r\n\r\n{body}deep\r\n",
            uuid::Uuid::new_v4().simple()
        );
        let cost = until_it_is_a_ticket(server, &store, &mail);
        println!("{name:<16} {cost}");
    }
}

/// From the answer that says that a disaster is on file until its page is at the relay.
fn pages(server: &Server, token: &str, relay: &Relay) {
    let mut client = Client::connect(server.http).expect("the server listens");
    let run = uuid::Uuid::new_v4().simple().to_string();
    let began = Instant::now();
    let mut waits = Vec::new();
    for n in 0..100 {
        let before = relay.count();
        let body = format!(r#"{{"title":"Page {n}","severity":"disaster"}}"#);
        let answer = client
            .post("/api/v1/tickets", token, &format!("{run}-p{n}"), &body)
            .expect("an answer");
        assert_eq!(answer.status, 201);
        let asked = Instant::now();
        while relay.count() == before {
            assert!(asked.elapsed() < Duration::from_secs(30), "no page came");
            std::thread::sleep(Duration::from_millis(1));
        }
        waits.push(asked.elapsed());
    }
    print("page at relay", 100, began.elapsed(), waits);
}

/// Runs `work(0..count)` on `threads` threads; how long each said that it took.
fn in_parallel(
    threads: usize,
    count: usize,
    work: impl Fn(usize) -> Duration + Sync,
) -> Vec<Duration> {
    let all = Mutex::new(Vec::with_capacity(count));
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (all, work) = (&all, &work);
            scope.spawn(move || {
                let mut own = Vec::new();
                for n in (thread..count).step_by(threads) {
                    own.push(work(n));
                }
                all.lock().expect("no thread panicked").extend(own);
            });
        }
    });
    all.into_inner().expect("no thread panicked")
}

fn print(name: &str, count: usize, spent: Duration, mut waits: Vec<Duration>) {
    waits.sort();
    let at =
        |share: f64| waits[((waits.len() - 1) as f64 * share) as usize].as_secs_f64() * 1_000.0;
    println!(
        "{name:<16} {:>8.0}/s   p50 {:.1} ms   p99 {:.1} ms   max {:.1} ms",
        count as f64 / spent.as_secs_f64(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

fn print_cost(before: Duration, after: Duration, count: usize) {
    println!(
        "{:<16} {:>8.0} us of processor time each",
        "",
        after.saturating_sub(before).as_secs_f64() * 1e6 / count as f64
    );
}
