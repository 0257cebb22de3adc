//! What the load programs share: a house, a real server process, light clients, a relay that counts.

// Each program uses its own share of it.
#![allow(dead_code)]

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use watchkeeper::actions::{customer, login, settings};
use watchkeeper::app::App;
use watchkeeper::config::Config;
use watchkeeper::domain::access::{Principal, Reach, Roles, Scopes, TokenOwner};
use watchkeeper::domain::id::PersonId;
use watchkeeper::domain::people::{ContactDetails, CustomerDetails, PersonDetails};
use watchkeeper::domain::settings::SettingKey;
use watchkeeper::domain::text::EmailAddress;
use watchkeeper::domain::timeline::Door;
use watchkeeper::store::backend::DatabaseUrl;
use watchkeeper::store::{Store, migrate};
use watchkeeper::time::TimeSource;

pub const BODY: &str = "Free space on /var fell below five percent at 04:07. The log of the payment service grew by 40 GB.";
/// Where the house's mail comes in.
pub const INTAKE: &str = "watch@watch.example.org";

/// Founds a house with one person, who is always on call, and makes a token for them.
pub fn found(config: &Config) -> String {
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
        mail_from: INTAKE.to_owned(),
        team: "Operations".to_owned(),
        service: "everything".to_owned(),
        freeze: None,
    };
    let ctx = app.system("load", Door::Cli);
    let founded = settings::found(&ctx, &founding).expect("founded");
    // Each mail is answered, also to whom nobody has met, and however much one person writes.
    let budgets = [
        (SettingKey::MailStrangersPerHour, "1000000".to_owned()),
        (SettingKey::MailAnswersPerHour, "10000".to_owned()),
    ];
    let ctx = app.ctx(ada(founded.admin), Door::Cli);
    settings::change(&ctx, &budgets).expect("budgets");
    let details = CustomerDetails {
        name: "Load".to_owned(),
        zone: chrono_tz::UTC,
        language: "en".to_owned(),
        domains: vec!["load.example.org".to_owned()],
        note: String::new(),
    };
    let customer = customer::add(&ctx, &details).expect("a customer");
    for n in 0..SENDERS {
        let contact = ContactDetails {
            name: format!("Contact {n}"),
            email: EmailAddress::parse(&sender(n)).expect("an address"),
            phone: None,
            zone: None,
            reach: Reach::Own,
        };
        customer::add_contact(&ctx, customer.id, &contact).expect("a contact");
    }
    token_of(&app, founded.admin)
}

/// Contacts of the customer, who write in turn.
const SENDERS: usize = 500;

pub fn sender(n: usize) -> String {
    format!("m{}@load.example.org", n % SENDERS)
}

fn ada(id: PersonId) -> Principal {
    Principal::Person {
        id,
        name: "Ada".to_owned(),
        roles: Roles::all(),
    }
}

/// A token that may do everything the person may.
pub fn token_of(app: &App, id: PersonId) -> String {
    let wanted = login::NewToken {
        name: "load".to_owned(),
        owner: TokenOwner::Person(id),
        roles: Roles::NONE,
        scopes: Scopes::all(),
        expires_at: None,
    };
    login::make_token(&app.ctx(ada(id), Door::Cli), &wanted)
        .expect("a token")
        .1
}

/// A server process; killed when dropped.
pub struct Server {
    child: Child,
    pub http: SocketAddr,
    pub lmtp: SocketAddr,
    /// From the start of the process until it listens for pages and for mail.
    pub start_up: Duration,
}

/// Where a server listens and what it works on: the same over several lives.
#[derive(Clone)]
pub struct Post {
    pub folder: PathBuf,
    pub database: String,
    pub http: SocketAddr,
    pub lmtp: SocketAddr,
    pub relay: SocketAddr,
}

impl Post {
    pub fn new(config: &Config, folder: &Path, relay: SocketAddr) -> Self {
        Self {
            folder: folder.to_owned(),
            database: match &config.database {
                DatabaseUrl::Sqlite(path) => path.display().to_string(),
                DatabaseUrl::Postgres(url) => url.clone(),
            },
            http: free_address(),
            lmtp: free_address(),
            relay,
        }
    }

    pub fn start(&self) -> Server {
        let began = Instant::now();
        let child = Command::new(env!("CARGO_BIN_EXE_watchkeeper"))
            .current_dir(&self.folder)
            .args(["serve", "--log", "error", "--database", &self.database])
            .arg("--data")
            .arg(&self.folder)
            .args(["--listen", &self.http.to_string()])
            .args(["--lmtp-listen", &self.lmtp.to_string()])
            .args(["--smtp-relay", &format!("smtp://{}", self.relay)])
            .spawn()
            .expect("the server starts");
        let mut server = Server {
            child,
            http: self.http,
            lmtp: self.lmtp,
            start_up: Duration::ZERO,
        };
        // Mail is taken a moment after pages are served.
        let listens = |at: SocketAddr| TcpStream::connect(at).is_ok();
        while !listens(self.http) || !listens(self.lmtp) {
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "the server doesn't listen"
            );
            if let Ok(Some(status)) = server.child.try_wait() {
                panic!("the server ended at once: {status}");
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        server.start_up = began.elapsed();
        server
    }
}

impl Server {
    /// A line of `/proc/PID/status`, such as `VmRSS`.
    pub fn memory(&self, line: &str) -> Option<String> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let found = status.lines().find(|found| found.starts_with(line))?;
        Some(
            found
                .split_whitespace()
                .skip(1)
                .collect::<Vec<_>>()
                .join(" "),
        )
    }

    /// Processor time that it has used.
    pub fn cpu(&self) -> Duration {
        cpu_of(&self.child.id().to_string())
    }

    /// Whether it is gone, by itself.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// SIGTERM, and waits until it has said goodbye.
    pub fn stop(mut self) {
        let _ = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        self.child.wait().expect("it ended");
    }

    /// SIGKILL: no goodbye.
    pub fn kill(mut self) {
        self.child.kill().expect("it ran");
        self.child.wait().expect("it ended");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Processor time that a process has used; `self` is this one.
pub fn cpu_of(process: &str) -> Duration {
    let line = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // After the name, which may hold anything: state is field 3, utime 14, stime 15, in hundredths of a second.
    let fields = line.rsplit(')').next().unwrap_or_default();
    let ticks: u64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Duration::from_millis(ticks * 10)
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|socket| socket.local_addr())
        .expect("a free port")
}

/// What came back.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name)?;
        Some(&found.1)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// One keep-alive connection, as light as it can be: the generator shares the machine.
pub struct Client(BufReader<TcpStream>);

impl Client {
    pub fn connect(to: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(to)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(Self(BufReader::new(stream)))
    }

    pub fn post(&mut self, path: &str, token: &str, key: &str, body: &str) -> io::Result<Answer> {
        let head = format!(
            "Authorization: Bearer {token}\r\nIdempotency-Key: {key}\r\nContent-Type: application/json\r\n"
        );
        self.ask("POST", path, &head, body)
    }

    /// `head`: further header lines, each ended.
    pub fn ask(&mut self, method: &str, path: &str, head: &str, body: &str) -> io::Result<Answer> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{head}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.0.get_mut().write_all(request.as_bytes())?;
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut headers = Vec::new();
        loop {
            line.clear();
            if self.0.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Answer {
            status,
            headers,
            body: Vec::new(),
        };
        if let Some(length) = answer.header("content-length") {
            let length = length.parse().map_err(|_| io::ErrorKind::InvalidData)?;
            answer.body = vec![0; length];
            self.0.read_exact(&mut answer.body)?;
        } else if answer.header("transfer-encoding") == Some("chunked") {
            self.chunks(&mut answer.body)?;
        }
        Ok(answer)
    }

    fn chunks(&mut self, into: &mut Vec<u8>) -> io::Result<()> {
        let mut line = String::new();
        loop {
            line.clear();
            self.0.read_line(&mut line)?;
            let length =
                usize::from_str_radix(line.trim(), 16).map_err(|_| io::ErrorKind::InvalidData)?;
            let from = into.len();
            into.resize(from + length, 0);
            self.0.read_exact(&mut into[from..])?;
            self.0.read_exact(&mut [0; 2])?;
            if length == 0 {
                return Ok(());
            }
        }
    }
}

pub struct Lmtp(BufReader<TcpStream>);

impl Lmtp {
    pub fn connect(to: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(to)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let mut link = Self(BufReader::new(stream));
        link.answer()?;
        link.say("LHLO load.example.org\r\n")?;
        Ok(link)
    }

    /// One pipelined mail from a sender of its own. `Ok` means that the server answered 250 after the dot.
    pub fn deliver(&mut self, sender: &str, message_id: &str, subject: &str) -> io::Result<()> {
        let head = format!("MAIL FROM:<{sender}>\r\nRCPT TO:<{INTAKE}>\r\nDATA\r\n");
        self.0.get_mut().write_all(head.as_bytes())?;
        self.expect(&["250", "250", "354"])?;
        let mail = format!(
            "From: Load <{sender}>\r\nTo: {INTAKE}\r\nSubject: {subject}\r\nMessage-ID: <{message_id}>\r\n\
             Date: Mon, 01 Jun 2026 09:00:00 +0000\r\n\r\n{BODY}\r\n.\r\n"
        );
        self.say(&mail)
    }

    /// Any bytes, as they are, by BDAT.
    pub fn deliver_bytes(&mut self, sender: &str, mail: &[u8]) -> io::Result<()> {
        let head = format!("MAIL FROM:<{sender}>\r\nRCPT TO:<{INTAKE}>\r\n");
        self.0.get_mut().write_all(head.as_bytes())?;
        self.expect(&["250", "250"])?;
        let chunk = format!("BDAT {} LAST\r\n", mail.len());
        let chunk = [chunk.as_bytes(), mail].concat();
        self.0.get_mut().write_all(&chunk)?;
        self.expect(&["250"])
    }

    /// Any bytes by DATA, as a mail server sends them on: all line ends are whole, and dots are doubled.
    pub fn deliver_lines(&mut self, sender: &str, mail: &[u8]) -> io::Result<()> {
        let head = format!("MAIL FROM:<{sender}>\r\nRCPT TO:<{INTAKE}>\r\nDATA\r\n");
        self.0.get_mut().write_all(head.as_bytes())?;
        self.expect(&["250", "250", "354"])?;
        let mut text = Vec::with_capacity(mail.len() + 64);
        let mut rest = mail;
        while !rest.is_empty() {
            let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
            let (line, after) = rest.split_at(end.unwrap_or(rest.len()));
            if line.first() == Some(&b'.') {
                text.push(b'.');
            }
            text.extend_from_slice(line);
            text.extend_from_slice(b"\r\n");
            rest = after
                .strip_prefix(b"\r\n")
                .unwrap_or_else(|| after.get(1..).unwrap_or_default());
        }
        text.extend_from_slice(b".\r\n");
        self.0.get_mut().write_all(&text)?;
        self.expect(&["250"])
    }

    fn expect(&mut self, answers: &[&str]) -> io::Result<()> {
        for wanted in answers {
            let answer = self.answer()?;
            if !answer.starts_with(wanted) {
                return Err(io::Error::other(answer));
            }
        }
        Ok(())
    }

    fn say(&mut self, text: &str) -> io::Result<()> {
        self.0.get_mut().write_all(text.as_bytes())?;
        let answer = self.answer()?;
        if !answer.starts_with("250") {
            return Err(io::Error::other(answer));
        }
        Ok(())
    }

    fn answer(&mut self) -> io::Result<String> {
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(line);
            }
        }
    }
}

/// A relay that takes everything and remembers how often it took which message, and when first.
pub struct Relay {
    pub address: SocketAddr,
    taken: Arc<Mutex<HashMap<String, Taken>>>,
}

#[derive(Clone, Copy)]
pub struct Taken {
    pub times: usize,
    pub first: Instant,
}

impl Relay {
    pub fn start() -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = socket.local_addr().expect("an address");
        let taken = Arc::new(Mutex::new(HashMap::new()));
        let shared = Arc::clone(&taken);
        std::thread::spawn(move || {
            for stream in socket.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || take(stream, &shared));
            }
        });
        Self { address, taken }
    }

    pub fn messages(&self) -> HashMap<String, Taken> {
        self.taken.lock().expect("no taker panicked").clone()
    }

    pub fn count(&self) -> usize {
        self.taken.lock().expect("no taker panicked").len()
    }
}

/// One SMTP connection. `None` only means that the server closed it.
fn take(stream: TcpStream, taken: &Mutex<HashMap<String, Taken>>) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut link = BufReader::new(stream);
    link.get_mut().write_all(b"220 relay\r\n").ok()?;
    let (mut line, mut in_data, mut message) = (String::new(), false, String::new());
    loop {
        line.clear();
        if link.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let answer: &[u8] = match (in_data, line.trim_end()) {
            (true, ".") => {
                in_data = false;
                let mut taken = taken.lock().ok()?;
                let fresh = Taken {
                    times: 0,
                    first: Instant::now(),
                };
                taken
                    .entry(std::mem::take(&mut message))
                    .or_insert(fresh)
                    .times += 1;
                b"250 taken\r\n"
            }
            (true, text) => {
                if let Some((name, id)) = text.split_once(':')
                    && name.eq_ignore_ascii_case("message-id")
                    && message.is_empty()
                {
                    message = id.trim().trim_matches(['<', '>']).to_owned();
                }
                continue;
            }
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
