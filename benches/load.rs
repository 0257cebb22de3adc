//! The load program: a real server process under real clients, with the generator on the same machine.
//!
//! ```sh
//! cargo bench --bench load -- --tickets 20000 --clients 8
//! cargo bench --bench load -- --database postgres://user@host/empty_database
//! ```
//! Parts: `store` (tickets opened through the actions, in process), `api` (the same over HTTP with token and idempotency key),
//! `paced` (1,000 a second, for the waiting times), `lmtp` (mails accepted in a burst, and how long until all are tickets),
//! `relay` (from the answer that opened a disaster to its page at the relay).

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use watchkeeper::actions::{login, settings, ticket};
use watchkeeper::app::App;
use watchkeeper::config::Config;
use watchkeeper::domain::access::{Principal, Roles, Scopes, TokenOwner};
use watchkeeper::domain::id::Kind;
use watchkeeper::domain::people::PersonDetails;
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::text::{EmailAddress, Title};
use watchkeeper::domain::ticket::Opening;
use watchkeeper::domain::timeline::Door;
use watchkeeper::store::backend::DatabaseUrl;
use watchkeeper::store::{Store, migrate};
use watchkeeper::time::TimeSource;

struct Options {
    database: Option<String>,
    clients: usize,
    tickets: usize,
    parts: Vec<String>,
}

fn options() -> Options {
    let mut options = Options {
        database: None,
        clients: 8,
        tickets: 10_000,
        parts: ["store", "api", "paced", "lmtp", "relay"]
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
    if wants("store") {
        store_alone(&config, &options);
    }
    let relay = Relay::start();
    let server = Server::start(&config, folder.path(), relay.address);
    if wants("api") {
        through_the_api(&server, &token, &options, None);
    }
    if wants("paced") {
        through_the_api(&server, &token, &options, Some(1_000.0));
    }
    if wants("lmtp") {
        by_lmtp(&server, &config, &options);
    }
    if wants("relay") {
        pages(&server, &token, &relay);
    }
}

/// Founds a house with one person, who is always on call, and makes a token for them.
fn found(config: &Config) -> String {
    let store = Store::open(&config.database).expect("the database opens");
    migrate::up(&store).expect("it migrates");
    let app = App::new(store, TimeSource::system(), config.clone()).expect("the house opens");
    let founding = settings::Founding {
        admin: PersonDetails {
            name: "Ada".to_owned(),
            email: EmailAddress::parse("ada@watch.example.org").expect("an address"),
            zone: chrono_tz::UTC,
            phone: None,
        },
        password_hash: String::new(),
        house_name: "Load".to_owned(),
        house_zone: chrono_tz::UTC,
        public_url: "http://127.0.0.1:8080".to_owned(),
        smtp_relay: String::new(),
        mail_from: "watch@watch.example.org".to_owned(),
        team: "Operations".to_owned(),
        service: "everything".to_owned(),
    };
    let founded = settings::found(&app.system("load", Door::Cli), &founding).expect("founded");
    let by = Principal::Person {
        id: founded.admin,
        name: "Ada".to_owned(),
        roles: Roles::all(),
    };
    let wanted = login::NewToken {
        name: "load".to_owned(),
        owner: TokenOwner::Person(founded.admin),
        roles: Roles::NONE,
        scopes: Scopes::all(),
        expires_at: None,
    };
    login::make_token(&app.ctx(by, Door::Cli), &wanted)
        .expect("a token")
        .1
}

fn store_alone(config: &Config, options: &Options) {
    let store = Store::open(&config.database).expect("the database opens");
    let app = App::new(store, TimeSource::system(), config.clone()).expect("the house opens");
    let began = Instant::now();
    let waits = in_parallel(options.clients, options.tickets, |n| {
        let opening = Opening {
            severity: Some(Severity::High),
            body: BODY.to_owned(),
            ..Opening::default()
        };
        let title = Title::parse(&format!("Disk {n} is full")).expect("a title");
        let ctx = app.system("load", Door::Api);
        ticket::open(&ctx, Kind::Incident, title, &opening).expect("opened");
    });
    print("store alone", options.tickets, began.elapsed(), waits);
}

const BODY: &str = "Free space on /var fell below five percent at 04:07. The log of the payment service grew by 40 GB.";

fn through_the_api(server: &Server, token: &str, options: &Options, per_second: Option<f64>) {
    let clients: Vec<Mutex<Option<Client>>> =
        (0..options.clients).map(|_| Mutex::new(None)).collect();
    let run = uuid::Uuid::new_v4().simple().to_string();
    let began = Instant::now();
    let waits = in_parallel(options.clients, options.tickets, |n| {
        if let Some(rate) = per_second {
            let due = began + Duration::from_secs_f64(n as f64 / rate);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        let mut seat = clients[n % options.clients]
            .lock()
            .expect("no client panicked");
        let client = seat.get_or_insert_with(|| Client::connect(server.http));
        let body = format!(r#"{{"title":"Disk {n} is full","severity":"high","body":"{BODY}"}}"#);
        let status = client.post("/api/v1/tickets", token, &format!("{run}-{n}"), &body);
        assert_eq!(status, 201, "POST /api/v1/tickets");
    });
    let name = if per_second.is_some() {
        "api, paced"
    } else {
        "api, saturated"
    };
    print(name, options.tickets, began.elapsed(), waits);
}

fn by_lmtp(server: &Server, config: &Config, options: &Options) {
    let began = Instant::now();
    let links: Vec<Mutex<Option<Lmtp>>> = (0..options.clients).map(|_| Mutex::new(None)).collect();
    let run = uuid::Uuid::new_v4().simple().to_string();
    let waits = in_parallel(options.clients, options.tickets, |n| {
        let mut seat = links[n % options.clients]
            .lock()
            .expect("no client panicked");
        let link = seat.get_or_insert_with(|| Lmtp::connect(server.lmtp));
        link.deliver(&run, n);
    });
    print("lmtp, accepted", options.tickets, began.elapsed(), waits);
    let store = Store::open(&config.database).expect("the database opens");
    while store
        .read(watchkeeper::store::intake::backlog)
        .expect("counted")
        .0
        > 0
    {
        std::thread::sleep(Duration::from_millis(20));
    }
    let rate = options.tickets as f64 / began.elapsed().as_secs_f64();
    println!(
        "{:<16} {rate:>8.0}/s until every mail was a ticket",
        "lmtp, opened"
    );
}

fn pages(server: &Server, token: &str, relay: &Relay) {
    let mut client = Client::connect(server.http);
    let run = uuid::Uuid::new_v4().simple().to_string();
    let mut waits = Vec::new();
    for n in 0..100 {
        let before = relay.taken.load(Ordering::SeqCst);
        let body = format!(r#"{{"title":"Page {n}","severity":"disaster"}}"#);
        assert_eq!(
            client.post("/api/v1/tickets", token, &format!("{run}-p{n}"), &body),
            201
        );
        let began = Instant::now();
        while relay.taken.load(Ordering::SeqCst) == before {
            assert!(began.elapsed() < Duration::from_secs(30), "no page came");
            std::thread::sleep(Duration::from_millis(1));
        }
        waits.push(began.elapsed());
    }
    let spent = waits.iter().sum();
    print("page at relay", 100, spent, waits);
}

/// Runs `work(0..count)` on `threads` threads; how long each took.
fn in_parallel(threads: usize, count: usize, work: impl Fn(usize) + Sync) -> Vec<Duration> {
    let all = Mutex::new(Vec::with_capacity(count));
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (all, work) = (&all, &work);
            scope.spawn(move || {
                let mut own = Vec::new();
                for n in (thread..count).step_by(threads) {
                    let began = Instant::now();
                    work(n);
                    own.push(began.elapsed());
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

struct Server {
    child: Child,
    http: SocketAddr,
    lmtp: SocketAddr,
}

impl Server {
    fn start(config: &Config, folder: &Path, relay: SocketAddr) -> Self {
        let (http, lmtp) = (free_address(), free_address());
        let database = match &config.database {
            DatabaseUrl::Sqlite(path) => path.display().to_string(),
            DatabaseUrl::Postgres(url) => url.clone(),
        };
        let began = Instant::now();
        let child = Command::new(env!("CARGO_BIN_EXE_watchkeeper"))
            .current_dir(folder)
            .args(["serve", "--log", "warn", "--database", &database])
            .args([
                "--listen",
                &http.to_string(),
                "--lmtp-listen",
                &lmtp.to_string(),
            ])
            .args(["--smtp-relay", &format!("smtp://{relay}")])
            .spawn()
            .expect("the server starts");
        while TcpStream::connect(http).is_err() {
            assert!(
                began.elapsed() < Duration::from_secs(30),
                "the server doesn't listen"
            );
            std::thread::sleep(Duration::from_millis(1));
        }
        println!("start-up         {:>8} ms", began.elapsed().as_millis());
        Self { child, http, lmtp }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))
            .unwrap_or_default();
        if let Some(line) = status.lines().find(|line| line.starts_with("VmHWM")) {
            println!("{line}");
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|socket| socket.local_addr())
        .expect("a free port")
}

/// One keep-alive connection, as light as it can be: the generator shares the machine.
struct Client(BufReader<TcpStream>);

impl Client {
    fn connect(to: SocketAddr) -> Self {
        let stream = TcpStream::connect(to).expect("the server listens");
        stream.set_nodelay(true).expect("a TCP socket");
        Self(BufReader::new(stream))
    }

    fn post(&mut self, path: &str, token: &str, key: &str, body: &str) -> u16 {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nIdempotency-Key: {key}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.0
            .get_mut()
            .write_all(request.as_bytes())
            .expect("sent");
        let mut line = String::new();
        self.0.read_line(&mut line).expect("an answer");
        let status = line
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .expect("a status");
        let mut length = 0;
        loop {
            line.clear();
            self.0.read_line(&mut line).expect("a header");
            if line.trim().is_empty() {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
        }
        let mut rest = vec![0; length];
        self.0.read_exact(&mut rest).expect("a body");
        status
    }
}

struct Lmtp(BufReader<TcpStream>);

impl Lmtp {
    fn connect(to: SocketAddr) -> Self {
        let stream = TcpStream::connect(to).expect("LMTP listens");
        stream.set_nodelay(true).expect("a TCP socket");
        let mut link = Self(BufReader::new(stream));
        link.answer();
        link.say("LHLO load.example.org\r\n");
        link
    }

    /// One pipelined mail from a sender of its own.
    fn deliver(&mut self, run: &str, n: usize) {
        let head = format!(
            "MAIL FROM:<m{n}@load.example.org>\r\nRCPT TO:<watch@watch.example.org>\r\nDATA\r\n"
        );
        self.0.get_mut().write_all(head.as_bytes()).expect("sent");
        for wanted in ["250", "250", "354"] {
            let answer = self.answer();
            assert!(answer.starts_with(wanted), "{answer}");
        }
        let mail = format!(
            "From: M{n} <m{n}@load.example.org>\r\nTo: watch@watch.example.org\r\nSubject: Disk {n} is full\r\n\
             Message-ID: <{run}.{n}@load.example.org>\r\nDate: Mon, 01 Jun 2026 09:00:00 +0000\r\n\r\n{BODY}\r\n.\r\n"
        );
        self.say(&mail);
    }

    fn say(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).expect("sent");
        let answer = self.answer();
        assert!(answer.starts_with("250"), "{answer}");
    }

    fn answer(&mut self) -> String {
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).expect("an answer");
            if line.as_bytes().get(3) != Some(&b'-') {
                return line;
            }
        }
    }
}

/// A relay that takes everything and counts.
struct Relay {
    address: SocketAddr,
    taken: Arc<AtomicUsize>,
}

impl Relay {
    fn start() -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = socket.local_addr().expect("an address");
        let taken = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&taken);
        std::thread::spawn(move || {
            for stream in socket.incoming().flatten() {
                let count = Arc::clone(&count);
                std::thread::spawn(move || take(stream, &count));
            }
        });
        Self { address, taken }
    }
}

/// One SMTP connection. An error only means that the server closed it.
fn take(stream: TcpStream, count: &AtomicUsize) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut link = BufReader::new(stream);
    link.get_mut().write_all(b"220 relay\r\n").ok()?;
    let (mut line, mut in_data) = (String::new(), false);
    loop {
        line.clear();
        if link.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let answer: &[u8] = match (in_data, line.trim_end()) {
            (true, ".") => {
                in_data = false;
                count.fetch_add(1, Ordering::SeqCst);
                b"250 taken\r\n"
            }
            (true, _) => continue,
            (false, "DATA") => {
                in_data = true;
                b"354 go on\r\n"
            }
            (false, "QUIT") => b"221 bye\r\n",
            (false, _) => b"250 ok\r\n",
        };
        link.get_mut().write_all(answer).ok()?;
    }
}
