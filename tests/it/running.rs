//! The real program as a process: its own database, its mails in a folder, its ports on loopback. For stories that a person
//! plays from outside.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use mail_parser::{Message, MessageParser};

use crate::browser::PATIENCE;
use crate::git_bench::WATCHKEEPER;

pub struct Running {
    child: Child,
    folder: tempfile::TempDir,
    pub url: String,
    pub smtp: u16,
    /// What it printed for whoever starts it: the set-up link, or how to log in.
    pub said: String,
}

impl Running {
    /// A fresh installation, at its set-up link.
    pub fn fresh(database: Option<&str>) -> Self {
        Self::start("serve", database, "/set-up/")
    }

    /// The demo with its month.
    pub fn demo() -> Self {
        Self::start("demo", None, "Password")
    }

    /// Starts it and reads what it prints until `last` is in a line.
    fn start(verb: &str, database: Option<&str>, last: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (web, smtp) = (free_port(), free_port());
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", WATCHKEEPER, verb])
            .arg("--data")
            .arg(folder.path().join("data"))
            .arg("--mail-folder")
            .arg(folder.path().join("outbox"))
            .args(["--listen", &format!("127.0.0.1:{web}")])
            .args(["--smtp-listen", &format!("127.0.0.1:{smtp}")])
            .args(["--log", "error"])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        if let Some(database) = database {
            command.args(["--database", database]);
        }
        let mut child = command
            .spawn()
            .expect("setpriv runs (Debian's package `util-linux`)");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let mut said = String::new();
        while !said.contains(last) {
            let line = lines.next().and_then(Result::ok);
            said.push_str(&line.unwrap_or_else(|| panic!("it ended: {said}")));
            said.push('\n');
        }
        // Read on, so that it never waits for us.
        std::thread::spawn(move || lines.for_each(drop));
        let running = Self {
            child,
            folder,
            url: format!("http://127.0.0.1:{web}"),
            smtp,
            said,
        };
        running.wait_until_it_answers(web);
        running
    }

    /// It prints before it serves.
    fn wait_until_it_answers(&self, port: u16) {
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < PATIENCE, "it doesn't serve");
            crate::waiting::look_again();
        }
    }

    /// The path of the set-up link.
    pub fn set_up_path(&self) -> String {
        let at = self.said.find("/set-up/").expect("a link");
        let path = self.said[at..].split_whitespace().next();
        path.expect("a link").to_owned()
    }

    fn outbox(&self) -> PathBuf {
        let own = self.folder.path().join("outbox");
        if own.exists() {
            own
        } else {
            self.folder.path().join("data/outbox")
        }
    }

    /// The mails that went out so far, oldest first.
    pub fn letters(&self) -> Vec<Letter> {
        let Ok(entries) = std::fs::read_dir(self.outbox()) else {
            return Vec::new();
        };
        let mut paths: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .collect();
        paths.sort();
        let mails = paths.iter().filter_map(|path| std::fs::read(path).ok());
        mails.filter_map(|raw| Letter::read(&raw)).collect()
    }

    /// The newest mail to `to` whose subject has `subject`, once it is there.
    #[track_caller]
    pub fn letter(&self, to: &str, subject: &str) -> Letter {
        let began = Instant::now();
        loop {
            let mut letters = self.letters();
            letters.retain(|letter| letter.to == to && letter.subject.contains(subject));
            if let Some(letter) = letters.pop() {
                return letter;
            }
            if began.elapsed() > PATIENCE {
                let all: Vec<String> = self
                    .letters()
                    .into_iter()
                    .map(|letter| format!("{}: {}", letter.to, letter.subject))
                    .collect();
                panic!("no {subject:?} to {to} among {all:#?}");
            }
            crate::waiting::look_again();
        }
    }

    /// Sends a mail to the built-in listener with `swaks`.
    pub fn swaks(&self, from: &str, headers: &[(&str, &str)], body: &str) {
        let server = format!("127.0.0.1:{}", self.smtp);
        let mut command = Command::new("swaks");
        command.args(["--server", &server, "--from", from]).args([
            "--to",
            "support@northstar.example",
            "--body",
            body,
        ]);
        for (name, value) in headers {
            command.arg("--header").arg(format!("{name}: {value}"));
        }
        let sent = command
            .output()
            .expect("swaks runs (Debian's package `swaks`)");
        assert!(
            sent.status.success(),
            "{}{}",
            String::from_utf8_lossy(&sent.stdout),
            String::from_utf8_lossy(&sent.stderr)
        );
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A mail as its reader has it.
#[derive(Debug)]
pub struct Letter {
    pub to: String,
    pub subject: String,
    pub text: String,
    pub message_id: String,
    pub in_reply_to: String,
    /// The calendar object, unfolded, if there is one.
    pub calendar: Option<String>,
}

impl Letter {
    fn read(raw: &[u8]) -> Option<Self> {
        let mail: Message<'_> = MessageParser::default().parse(raw)?;
        let to = mail.to()?.first()?.address()?.to_owned();
        let calendar = mail.parts.iter().find_map(|part| {
            use mail_parser::MimeHeaders;
            let kind = part.content_type()?;
            (kind.ctype() == "text" && kind.subtype() == Some("calendar"))
                .then(|| part.text_contents().map(|text| text.replace("\r\n ", "")))
                .flatten()
        });
        Some(Self {
            to,
            subject: mail.subject().unwrap_or_default().to_owned(),
            text: mail.body_text(0).unwrap_or_default().into_owned(),
            message_id: mail.message_id().unwrap_or_default().to_owned(),
            in_reply_to: mail.in_reply_to().as_text().unwrap_or_default().to_owned(),
            calendar,
        })
    }

    /// The path of the first link that leads to `place`.
    #[track_caller]
    pub fn link(&self, place: &str) -> String {
        let at = self.text.find(place);
        let at = at.unwrap_or_else(|| panic!("no {place} in {}", self.text));
        let path = self.text[at..].split_whitespace().next();
        path.expect("a link").to_owned()
    }
}

pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}
