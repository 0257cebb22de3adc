//! Dovecot, started once per process from Debian's package on a free loopback port, and a hand that puts mail into its mailboxes. It
//! goes when the test process goes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use crate::cluster::{as_somebody, is_root};
use crate::running::free_port;

pub const PASSWORD: &str = "secret with %, @ and \"";
/// Each with the one password.
const USERS: u32 = 100;

/// A user whose mailboxes nobody has touched.
pub fn new_user() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    assert!(next < USERS);
    format!("u{next}")
}

pub struct Dovecot {
    pub folder: PathBuf,
    /// In the clear, STARTTLS offered.
    pub imap: u16,
    /// TLS from the first byte.
    pub imaps: u16,
    /// Takes mail for any user of `mailbox.example`.
    pub lmtp: u16,
}

/// The one of this process.
pub fn dovecot() -> &'static Dovecot {
    static DOVECOT: OnceLock<Dovecot> = OnceLock::new();
    DOVECOT.get_or_init(start)
}

fn start() -> Dovecot {
    let folder = PathBuf::from(format!("/tmp/wk-dovecot-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let server = Dovecot {
        imap: free_port(),
        imaps: free_port(),
        lmtp: free_port(),
        folder,
    };
    certify(&server.folder);
    let lines: String = (0..USERS)
        .map(|user| format!("u{user}:{{PLAIN}}{PASSWORD}::::::\n"))
        .collect();
    std::fs::write(server.folder.join("passwords"), lines).expect("a file");
    std::fs::write(server.folder.join("dovecot.conf"), configuration(&server)).expect("a file");
    if is_root() {
        let owned = Command::new("chown")
            .args(["-R", "nobody"])
            .arg(&server.folder)
            .status();
        assert!(owned.expect("chown runs").success());
    }
    // It ends with this process, however this process ends: the shell waits for our end of the pipe to close.
    let script = format!(
        "dovecot -F -c {0}/dovecot.conf >{0}/said 2>&1 & server=$!; cat >/dev/null; kill $server; wait $server; rm -rf {0}",
        server.folder.display()
    );
    let child = as_somebody("sh")
        .args(["-c", &script])
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .stdin(Stdio::piped())
        .spawn()
        .expect("sh runs");
    // Leaked on purpose: its pipe closes when the process is gone.
    std::mem::forget(child);
    let began = Instant::now();
    while TcpStream::connect(("127.0.0.1", server.imap)).is_err() {
        let read = |name| std::fs::read_to_string(server.folder.join(name)).unwrap_or_default();
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "Dovecot (Debian's packages `dovecot-imapd`, `dovecot-lmtpd`) didn't start:\n{}{}",
            read("said"),
            read("log")
        );
        crate::waiting::look_again();
    }
    server
}

/// An authority of our own, `ca.pem`, and a certificate for `localhost` that it signed.
pub fn certify(folder: &std::path::Path) {
    let script = "openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 3650 -subj '/CN=An authority' \
        && openssl req -newkey rsa:2048 -nodes -keyout key.pem -out request.pem -subj /CN=localhost \
        && printf 'subjectAltName=DNS:localhost' > names \
        && openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 -extfile names -out cert.pem";
    let made = Command::new("sh")
        .args(["-ec", script])
        .current_dir(folder)
        .output();
    let made = made.expect("openssl runs (Debian's package `openssl`)");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
}

fn configuration(server: &Dovecot) -> String {
    let Dovecot {
        folder,
        imap,
        imaps,
        lmtp,
    } = server;
    let folder = folder.display();
    let (user, group) = match is_root() {
        true => ("nobody".to_owned(), "nogroup".to_owned()),
        false => (said("-un"), said("-gn")),
    };
    format!(
        "base_dir = {folder}/run\nstate_dir = {folder}/run\nlog_path = {folder}/log\n\
         protocols = imap lmtp\nlisten = 127.0.0.1\n\
         default_internal_user = {user}\ndefault_login_user = {user}\ndefault_internal_group = {group}\n\
         first_valid_uid = 1\nfirst_valid_gid = 1\nmail_location = maildir:{folder}/mail/%n\n\
         disable_plaintext_auth = no\nauth_username_chars =\nmail_fsync = never\n\
         ssl = yes\nssl_cert = <{folder}/cert.pem\nssl_key = <{folder}/key.pem\n\
         passdb {{\n driver = passwd-file\n args = username_format=%n {folder}/passwords\n}}\n\
         userdb {{\n driver = static\n args = uid={user} gid={group} home={folder}/home/%n\n}}\n\
         service anvil {{\n chroot =\n}}\n\
         service imap-login {{\n chroot =\n\
         inet_listener imap {{\n port = {imap}\n}}\n\
         inet_listener imaps {{\n port = {imaps}\n ssl = yes\n}}\n}}\n\
         service lmtp {{\n user = {user}\n inet_listener lmtp {{\n port = {lmtp}\n}}\n}}\n",
    )
}

fn said(flag: &str) -> String {
    let output = Command::new("id").arg(flag).output().expect("id runs");
    String::from_utf8_lossy(output.stdout.trim_ascii()).into_owned()
}

/// A client that knows as much IMAP as it takes to fill a mailbox and look into it.
pub struct Hand {
    line: BufReader<TcpStream>,
}

impl Hand {
    /// Logs in as this user.
    pub fn of(user: &str) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", dovecot().imap)).expect("Dovecot listens");
        let mut hand = Self {
            line: BufReader::new(stream),
        };
        hand.read_line();
        let password = PASSWORD.replace('"', "\\\"");
        hand.say(&format!("LOGIN {user} \"{password}\""));
        hand
    }

    #[track_caller]
    fn read_line(&mut self) -> String {
        let mut line = Vec::new();
        self.line.read_until(b'\n', &mut line).expect("it answers");
        assert!(!line.is_empty(), "the line broke");
        String::from_utf8_lossy(&line).trim_end().to_owned()
    }

    /// Sends a command that has to succeed, and returns what the server told.
    #[track_caller]
    pub fn say(&mut self, command: &str) -> Vec<String> {
        let line = format!("t {command}\r\n");
        self.line
            .get_mut()
            .write_all(line.as_bytes())
            .expect("it listens");
        self.hear(command)
    }

    #[track_caller]
    fn hear(&mut self, command: &str) -> Vec<String> {
        let mut told = Vec::new();
        loop {
            let line = self.read_line();
            if let Some(end) = line.strip_prefix("t ") {
                assert!(end.starts_with("OK"), "{command}: {line}");
                return told;
            }
            told.push(line);
        }
    }

    /// Puts a mail into a folder as if it had arrived at that time, such as `01-Jun-2026 08:00:00 +0000`.
    #[track_caller]
    pub fn put(&mut self, folder: &str, at: &str, raw: &[u8]) {
        let line = format!("t APPEND {folder} \"{at}\" {{{}}}\r\n", raw.len());
        self.line
            .get_mut()
            .write_all(line.as_bytes())
            .expect("it listens");
        let more = self.read_line();
        assert!(more.starts_with('+'), "{more}");
        self.line.get_mut().write_all(raw).expect("it listens");
        self.line.get_mut().write_all(b"\r\n").expect("it listens");
        self.hear("APPEND");
    }

    /// The flags of each mail of a folder, in its order.
    pub fn flags(&mut self, folder: &str) -> Vec<String> {
        self.say(&format!("EXAMINE {folder}"));
        let told = self.say("UID FETCH 1:* (FLAGS)");
        let flags = told.iter().filter(|line| line.contains(" FETCH "));
        flags.cloned().collect()
    }
}

/// Passes everything on between the program and Dovecot, remembers what the program says, and hangs up once when it says `cut`.
pub struct Passage {
    pub port: u16,
    said: Arc<Mutex<String>>,
}

impl Passage {
    pub fn cutting(cut: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let said = Arc::new(Mutex::new(String::new()));
        let heard = Arc::clone(&said);
        std::thread::spawn(move || {
            let mut may_cut = !cut.is_empty();
            for client in listener.incoming().map_while(Result::ok) {
                let server = TcpStream::connect(("127.0.0.1", dovecot().imap)).expect("Dovecot");
                let (mut back, mut to_client) =
                    (server.try_clone().unwrap(), client.try_clone().unwrap());
                let answers = std::thread::spawn(move || {
                    let _ = std::io::copy(&mut back, &mut to_client);
                    let _ = to_client.shutdown(Shutdown::Both);
                });
                may_cut &= !pass_on(client, server, &heard, cut.as_bytes(), may_cut);
                let _ = answers.join();
            }
        });
        Self { port, said }
    }

    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }
}

/// Until one side hangs up; whether it was cut.
fn pass_on(
    mut client: TcpStream,
    mut server: TcpStream,
    heard: &Mutex<String>,
    cut: &[u8],
    may_cut: bool,
) -> bool {
    let mut bytes = [0; 4_096];
    loop {
        let size = client.read(&mut bytes).unwrap_or(0);
        let line = &bytes[..size];
        heard
            .lock()
            .unwrap()
            .push_str(&String::from_utf8_lossy(line));
        let is_cut = may_cut && line.windows(cut.len()).any(|window| window == cut);
        if size == 0 || is_cut || server.write_all(line).is_err() {
            let _ = (
                server.shutdown(Shutdown::Both),
                client.shutdown(Shutdown::Both),
            );
            return is_cut;
        }
    }
}
