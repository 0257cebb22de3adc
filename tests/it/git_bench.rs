//! A bench for stories with the real git: repositories with our hooks, and a server on loopback.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use watchkeeper::actions::commits;
use watchkeeper::actions::repository::{self, Typed};
use watchkeeper::actions::ticket as act;
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::id::{Kind, TicketKey};
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, Ticket};
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::store;
use watchkeeper::store::git_commit::RecordedCommit;
use watchkeeper::store::git_link::CommitLink;
use watchkeeper::store::timeline::Recorded;

use crate::desk::{Desk, START};
use crate::served::Served;

pub const WATCHKEEPER: &str = env!("CARGO_BIN_EXE_watchkeeper");

/// A desk with a server, a bare repository with our hook, and a clone of it with ours too.
pub struct Bench {
    pub desk: Desk,
    pub server: Option<Served>,
    pub folder: tempfile::TempDir,
    pub token: String,
    pub minute: std::cell::Cell<i64>,
}

impl Bench {
    pub fn new(desk: Desk) -> Self {
        Self::with_format(desk, "sha1")
    }

    pub fn with_format(desk: Desk, format: &str) -> Self {
        let server = Served::new(&desk.app);
        let admin = desk.person("Root", Roles::of(&[Role::Admin, Role::Responder]));
        let typed = Typed {
            name: "infra/web".into(),
            publish: "release/*".into(),
            // Its server names nobody.
            strangers_move: true,
            ..Typed::default()
        };
        let (_, token) = repository::register(&desk.as_person(&admin), &typed).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let bench = Self {
            desk,
            server: Some(server),
            folder,
            token,
            minute: std::cell::Cell::new(1),
        };
        let format = format!("--object-format={format}");
        bench.git(
            bench.folder.path(),
            &["init", "-q", "--bare", "-b", "main", &format, "origin.git"],
        );
        bench.git(
            bench.folder.path(),
            &["init", "-q", "-b", "main", &format, "work"],
        );
        bench.work(&["remote", "add", "origin", "../origin.git"]);
        bench.install("origin.git");
        bench.install("work");
        bench
    }

    /// What the repository is now, where the service can read it.
    pub fn copy_to(&self, place: &Path) {
        let place = place.to_string_lossy();
        let args = ["clone", "-q", "--bare", "origin.git", &place];
        self.git(self.folder.path(), &args);
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn install(&self, repository: &str) -> Output {
        self.install_at(repository, &self.server.as_ref().unwrap().url())
    }

    /// Its hook finds the service at that address.
    pub fn install_at(&self, repository: &str, url: &str) -> Output {
        self.install_with(repository, url, &[])
    }

    pub fn install_with(&self, repository: &str, url: &str, more: &[&str]) -> Output {
        let repository = self.path(repository);
        let args = [
            "hook",
            "install",
            "--url",
            url,
            "--token",
            &self.token,
            "--repo",
        ];
        let mut command = self.command(WATCHKEEPER, self.folder.path());
        let output = command
            .args(args)
            .arg(&repository)
            .args(more)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", text(&output));
        output
    }

    /// A program with nothing of this machine's own configuration, and a clock that moves a minute each time.
    pub fn command(&self, program: &str, folder: &Path) -> Command {
        let mut command = Command::new(program);
        self.minute.set(self.minute.get() + 1);
        let secs = START.micros() / 1_000_000 + self.minute.get() * 60;
        command
            .current_dir(folder)
            .env("HOME", self.folder.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_EDITOR", ":")
            .env("GIT_AUTHOR_NAME", "Ada Lovelace")
            .env("GIT_AUTHOR_EMAIL", "ada@example.org")
            .env("GIT_COMMITTER_NAME", "Ada Lovelace")
            .env("GIT_COMMITTER_EMAIL", "ada@example.org")
            .env("GIT_AUTHOR_DATE", format!("{secs} +0000"))
            .env("GIT_COMMITTER_DATE", format!("{secs} +0000"));
        for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
            command.env_remove(name);
        }
        command
    }

    pub fn try_git(&self, folder: &Path, args: &[&str]) -> Output {
        self.command("git", folder).args(args).output().unwrap()
    }

    /// What git said on both of its outputs.
    pub fn git(&self, folder: &Path, args: &[&str]) -> String {
        let output = self.try_git(folder, args);
        assert!(output.status.success(), "git {args:?}: {}", text(&output));
        text(&output)
    }

    pub fn work(&self, args: &[&str]) -> String {
        self.git(&self.path("work"), args)
    }

    /// Writes a file and commits it with this message.
    pub fn commit(&self, file: &str, message: &str) -> String {
        let path = self.path("work").join(file);
        std::fs::write(&path, format!("{message}{}", self.minute.get())).unwrap();
        self.work(&["add", file]);
        self.work(&["commit", "-q", "-m", message])
    }

    pub fn head(&self) -> String {
        self.work(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    pub fn open(&self, kind: Kind, title: &str) -> Ticket {
        let name = format!("P{}", self.minute.get());
        self.minute.set(self.minute.get() + 1);
        let somebody = self.desk.person(&name, Roles::of(&[Role::Responder]));
        let title = Title::parse(title).unwrap();
        act::open(
            &self.desk.as_person(&somebody),
            kind,
            title,
            &Opening::default(),
        )
        .unwrap()
    }

    pub fn ticket(&self, key: TicketKey) -> Ticket {
        let found = self
            .desk
            .app
            .store
            .read(|conn| store::ticket::by_key(conn, key));
        found.unwrap().unwrap()
    }

    pub fn commits(&self, key: TicketKey) -> Vec<(RecordedCommit, CommitLink)> {
        let id = self.ticket(key).id;
        self.desk
            .app
            .store
            .read(|conn| store::git_link::of_ticket(conn, id, 100))
            .unwrap()
    }

    pub fn entries(&self, key: TicketKey, kind: EntryKind) -> Vec<Recorded> {
        let id = self.ticket(key).id;
        let all = self
            .desk
            .app
            .store
            .read(|conn| store::timeline::of_ticket(conn, id))
            .unwrap();
        all.into_iter().filter(|entry| entry.kind == kind).collect()
    }

    pub fn revert(&self, key: TicketKey) -> Vec<String> {
        let ticket = self.ticket(key);
        let read = self
            .desk
            .app
            .store
            .read(|conn| commits::of_ticket(conn, &ticket));
        read.unwrap().into_iter().flat_map(|on| on.revert).collect()
    }

    /// Runs the bare repository's hook by hand, as git would.
    pub fn post_receive(&self, lines: &str) -> String {
        use std::io::Write;
        let mut child = self
            .command(WATCHKEEPER, &self.path("origin.git"))
            .env("GIT_DIR", ".")
            .args(["hook", "post-receive"])
            .stdin(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(lines.as_bytes())
            .unwrap();
        text(&child.wait_with_output().unwrap())
    }

    /// Pushes that wait to be told, and what else is left of them.
    pub fn spooled(&self) -> usize {
        let folder = self.path("origin.git/watchkeeper/spool");
        let files = std::fs::read_dir(folder).unwrap();
        files
            .filter(|file| file.as_ref().unwrap().file_name() != "lock")
            .count()
    }

    pub fn forget_recorded(&self) {
        std::fs::remove_file(self.path("origin.git/watchkeeper/recorded")).unwrap();
    }
}

pub fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}
