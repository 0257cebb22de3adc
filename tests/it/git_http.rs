//! A forge's HTTPS, on loopback: Debian's `git http-backend` behind a certificate of an authority of its own, and for one login only.
//! It can be unwell.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use watchkeeper::domain::id::Kind;
use watchkeeper::domain::timeline::EntryKind;

use crate::both_databases;
use crate::git_bench::{Bench, text};
use crate::mail_server::certify;

pub const LOGIN: &str = "deploy";
pub const TOKEN: &str = "glpat-s3cret";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Well,
    /// From this request on, counted from 0, it answers with this status alone.
    Says(usize, u16),
    /// The answer to this request breaks off.
    BreaksOff(usize),
    /// From this request on it never answers.
    Hangs(usize),
}

pub struct GitHttp {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    root: PathBuf,
    tls: Arc<ServerConfig>,
    mood: Mutex<Mood>,
    requests: AtomicUsize,
}

/// What came.
struct Request {
    method: String,
    path: String,
    query: String,
    heads: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl GitHttp {
    /// Serves the repositories in `root`; its certificate, and the authority's, are in `certificates`.
    pub fn new(root: &Path, certificates: &Path) -> Self {
        let tls = watchkeeper::tls::read(
            &certificates.join("cert.pem"),
            &certificates.join("key.pem"),
        );
        let shared = Arc::new(Shared {
            root: root.to_owned(),
            tls: Arc::new(tls.expect("a certificate and its key")),
            mood: Mutex::new(Mood::Well),
            requests: AtomicUsize::new(0),
        });
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let all = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (client, shared) = (client.expect("a client"), Arc::clone(&all));
                // Whoever goes in the middle of an answer is gone.
                std::thread::spawn(move || shared.serve(client));
            }
        });
        Self { address, shared }
    }

    pub fn url(&self, repository: &str) -> String {
        format!("https://localhost:{}/{repository}", self.address.port())
    }

    pub fn is(&self, mood: Mood) {
        *self.shared.mood.lock().unwrap() = mood;
        self.shared.requests.store(0, Ordering::SeqCst);
    }

    /// Since it is as it is.
    pub fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }
}

impl Shared {
    fn serve(&self, client: std::net::TcpStream) -> Option<()> {
        let tls = ServerConnection::new(Arc::clone(&self.tls)).ok()?;
        let mut stream = BufReader::new(StreamOwned::new(tls, client));
        let request = read(&mut stream)?;
        let stream = stream.get_mut();
        let nth = self.requests.fetch_add(1, Ordering::SeqCst);
        let mood = *self.mood.lock().unwrap();
        match mood {
            Mood::Says(from, status) if nth >= from => return answer(stream, status, "", b"no"),
            Mood::Hangs(from) if nth >= from => {
                // Until the other end has enough of it.
                let _ = stream.read(&mut [0; 1]);
                return None;
            }
            _ => {}
        }
        let expected = STANDARD.encode(format!("{LOGIN}:{TOKEN}"));
        let given = request.heads.get("authorization");
        if given.is_none_or(|given| *given != format!("Basic {expected}")) {
            return answer(
                stream,
                401,
                "WWW-Authenticate: Basic realm=\"git\"\r\n",
                b"",
            );
        }
        let said = self.backend(&request);
        let end = said.windows(4).position(|four| four == b"\r\n\r\n")?;
        let (head, body) = (String::from_utf8_lossy(&said[..end]), &said[end + 4..]);
        let status = head
            .lines()
            .find_map(|line| line.strip_prefix("Status: ")?.get(..3)?.parse().ok());
        let heads: String = head
            .lines()
            .filter(|line| !line.starts_with("Status:"))
            .map(|line| format!("{line}\r\n"))
            .collect();
        match mood {
            Mood::BreaksOff(at) if at == nth => {
                let head = format!(
                    "HTTP/1.1 200 OK\r\n{heads}Content-Length: {}\r\n\r\n",
                    body.len()
                );
                stream.write_all(head.as_bytes()).ok()?;
                stream.write_all(&body[..body.len() / 2]).ok()
            }
            _ => answer(stream, status.unwrap_or(200), &heads, body),
        }
    }

    fn backend(&self, request: &Request) -> Vec<u8> {
        let head = |name: &str| request.heads.get(name).cloned().unwrap_or_default();
        let mut child = Command::new("git")
            .arg("http-backend")
            .env("GIT_PROJECT_ROOT", &self.root)
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("REQUEST_METHOD", &request.method)
            .env("PATH_INFO", &request.path)
            .env("QUERY_STRING", &request.query)
            .env("CONTENT_TYPE", head("content-type"))
            .env("CONTENT_LENGTH", request.body.len().to_string())
            .env("HTTP_CONTENT_ENCODING", head("content-encoding"))
            .env("GIT_PROTOCOL", head("git-protocol"))
            .env("REMOTE_USER", LOGIN)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("git http-backend runs");
        // It reads all of a request before it answers.
        let _ = child.stdin.take().unwrap().write_all(&request.body);
        child.wait_with_output().unwrap().stdout
    }
}

fn read(from: &mut impl BufRead) -> Option<Request> {
    let mut line = || {
        let mut line = String::new();
        from.read_line(&mut line).ok()?;
        Some(line.trim_end().to_owned())
    };
    let first = line()?;
    let mut words = first.split(' ');
    let (method, place) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut heads = BTreeMap::new();
    loop {
        let head = line()?;
        let Some((name, value)) = head.split_once(": ") else {
            break;
        };
        heads.insert(name.to_lowercase(), value.to_owned());
    }
    let length = heads.get("content-length").map_or("0", String::as_str);
    let mut body = vec![0; length.parse().expect("a request that says its length")];
    from.read_exact(&mut body).ok()?;
    let (path, query) = place.split_once('?').unwrap_or((&place, ""));
    Some(Request {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        heads,
        body,
    })
}

fn answer(to: &mut impl Write, status: u16, heads: &str, body: &[u8]) -> Option<()> {
    let place = match status {
        300..=399 => "Location: https://localhost/elsewhere.git/info/refs\r\n",
        _ => "",
    };
    let head = format!(
        "HTTP/1.1 {status} So\r\n{place}{heads}Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    to.write_all(head.as_bytes()).ok()?;
    to.write_all(body).ok()?;
    to.flush().ok()
}

both_databases!(
    whoever_logged_in_to_push_over_https_is_named_at_the_commit,
    |desk| {
        let certificates = tempfile::tempdir().unwrap();
        certify(certificates.path());
        let bench = Bench::new(desk);
        let http = GitHttp::new(bench.folder.path(), certificates.path());
        let change = bench.open(Kind::Change, "Pool").key;
        bench.commit("pool.toml", &format!("Pool\n\nRefs: {change}"));
        let ca = certificates.path().join("ca.pem");
        let login = STANDARD.encode(format!("{LOGIN}:{TOKEN}"));
        let push = |login: &str| {
            let header = format!("http.extraHeader=Authorization: Basic {login}");
            let mut command = bench.command("git", &bench.path("work"));
            command
                .args(["-c", &header, "-c", "core.askPass=true"])
                .args(["push", "-o", "explain", &http.url("origin.git"), "main"])
                .env("GIT_TERMINAL_PROMPT", "0")
                .env("GIT_SSL_CAINFO", &ca);
            command.output().unwrap()
        };
        assert!(!push("x").status.success());
        let pushed = push(&login);
        let said = text(&pushed);
        assert!(pushed.status.success(), "{said}");
        assert!(said.contains("remote: watchkeeper: CHG-1 refs"), "{said}");
        assert!(said.contains("is judged by the rule"), "{said}");
        let [entry] = &bench.entries(change, EntryKind::CommitLinked)[..] else {
            panic!()
        };
        assert_eq!(entry.facts.get("pusher"), Some(LOGIN));
        assert_eq!(bench.spooled(), 0);
    }
);

both_databases!(
    a_push_over_https_that_is_turned_away_says_why_at_the_other_end,
    |desk| {
        let certificates = tempfile::tempdir().unwrap();
        certify(certificates.path());
        let bench = Bench::new(desk);
        let http = GitHttp::new(bench.folder.path(), certificates.path());
        let ca = certificates.path().join("ca.pem");
        let login = STANDARD.encode(format!("{LOGIN}:{TOKEN}"));
        let push = || {
            let header = format!("http.extraHeader=Authorization: Basic {login}");
            let mut command = bench.command("git", &bench.path("work"));
            command
                .args(["-c", &header, "push", &http.url("origin.git"), "main"])
                .env("GIT_TERMINAL_PROMPT", "0")
                .env("GIT_SSL_CAINFO", &ca);
            command.output().unwrap()
        };
        bench.commit("a.txt", "Start");
        let first = push();
        assert!(first.status.success(), "{}", text(&first));
        let before = bench.git(&bench.path("origin.git"), &["rev-parse", "main"]);
        crate::push_rules::frozen(&bench, watchkeeper::domain::freeze::Level::Block);
        bench.commit("b.txt", "Raise pool size");
        let said = text(&push());
        for line in [
            "remote: watchkeeper: refused (FREEZE): main is frozen by \"Year end\"",
            "-o break-glass=",
            "pre-receive hook declined",
        ] {
            assert!(said.contains(line), "{line}: {said}");
        }
        let after = bench.git(&bench.path("origin.git"), &["rev-parse", "main"]);
        assert_eq!(before, after);
        // Who it was stands with the refusal.
        let kept = bench.desk.app.store.read(|conn| {
            let repository = watchkeeper::store::repository::repositories(conn)?.remove(0);
            watchkeeper::store::push_decision::notable(conn, repository.id, 10)
        });
        assert_eq!(kept.unwrap()[0].pusher.as_deref(), Some(LOGIN));
    }
);
