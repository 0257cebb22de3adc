//! A machine on which nothing of ours has run yet: the program's own command line in an empty folder, its log kept.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Instant;

use watchkeeper::store::backend::DatabaseUrl;

use crate::browser::PATIENCE;
use crate::desk::{Desk, On};
use crate::git_bench::WATCHKEEPER;

pub struct Machine {
    folder: tempfile::TempDir,
    database: Option<String>,
}

impl Machine {
    /// Nothing is there; on PostgreSQL a database without a table.
    pub fn new(on: On) -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            database: match on {
                On::Sqlite => None,
                On::Postgres => Some(crate::cluster::new_empty_database()),
            },
        }
    }

    /// Another machine on the desk's own database.
    pub fn beside(desk: &Desk) -> Self {
        let database = match &desk.app.config.database {
            DatabaseUrl::Sqlite(file) => file.display().to_string(),
            DatabaseUrl::Postgres(address) => address.clone(),
        };
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            database: Some(database),
        }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The database that its commands speak to.
    pub fn url(&self) -> DatabaseUrl {
        match &self.database {
            Some(database) => DatabaseUrl::parse(database).expect("a URL"),
            None => DatabaseUrl::Sqlite(self.folder().join("data/watchkeeper.db")),
        }
    }

    fn command(&self, args: &[&str]) -> Command {
        // Should this test be killed, the program goes with it.
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", WATCHKEEPER])
            .args(args)
            .current_dir(self.folder.path());
        if let Some(database) = &self.database {
            command.args(["--database", database]);
        }
        command
    }

    /// Runs one command to its end.
    pub fn run(&self, args: &[&str]) -> Output {
        self.run_with(args, b"")
    }

    /// As [`Machine::run`], with something on its standard input.
    pub fn run_with(&self, args: &[&str], input: &[u8]) -> Output {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("setpriv runs (Debian's package `util-linux`)");
        let mut stdin = child.stdin.take().expect("a pipe");
        // Whoever doesn't want it all may hang up.
        let _ = stdin.write_all(input);
        drop(stdin);
        child.wait_with_output().expect("it ends")
    }

    /// Starts `serve` on a free port and waits until it serves.
    pub fn serve(&self, args: &[&str]) -> Serving {
        self.serving(self.command(&["serve", "--listen", "127.0.0.1:0"]), args)
    }

    /// As [`Machine::serve`], on a system that lets no file grow beyond so many bytes: writing further fails as on a broken disk.
    pub fn serve_with_files_up_to(&self, bytes: u64, args: &[&str]) -> Serving {
        // What is ignored stays ignored in the program: it gets an error, not the signal.
        let limits = format!("trap '' XFSZ; ulimit -f {}; exec \"$@\"", bytes / 512);
        let mut command = Command::new("setpriv");
        command
            .args([
                "--pdeathsig",
                "KILL",
                "sh",
                "-c",
                &limits,
                "sh",
                WATCHKEEPER,
            ])
            .args(["serve", "--listen", "127.0.0.1:0"])
            .current_dir(self.folder.path());
        self.serving(command, args)
    }

    fn serving(&self, mut command: Command, args: &[&str]) -> Serving {
        let log = self.folder().join("log");
        let file = std::fs::File::create(&log).expect("a log");
        let child = command
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .expect("setpriv runs (Debian's package `util-linux`)");
        let mut serving = Serving {
            child,
            log,
            url: String::new(),
        };
        let line = serving.wait_for("serving at ");
        let (_, url) = line.split_once("serving at ").expect("an address");
        let url = url.split(['"', ' ']).next().expect("an address");
        serving.url = url.to_owned();
        serving
    }
}

/// A running `watchkeeper serve`. It is killed when it is dropped.
pub struct Serving {
    child: Child,
    log: PathBuf,
    pub url: String,
}

impl Serving {
    /// Everything it has logged so far.
    pub fn log(&self) -> String {
        let raw = std::fs::read_to_string(&self.log).expect("a log");
        // A terminal's colours aren't there, since this is none.
        assert!(!raw.contains('\u{1b}'), "{raw}");
        raw
    }

    /// The first line of its log with `text`, once it is there.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str) -> String {
        let began = Instant::now();
        loop {
            let log = self.log();
            if let Some(line) = log.lines().find(|line| line.contains(text)) {
                return line.to_owned();
            }
            let ended = self.child.try_wait().expect("it can be asked");
            assert!(ended.is_none(), "it ended with {ended:?}:\n{log}");
            assert!(began.elapsed() < PATIENCE, "no {text:?} in\n{log}");
            crate::waiting::look_again();
        }
    }

    pub fn get(&self, path: &str, headers: &[(&str, &str)]) -> Got {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .build()
            .into();
        let mut request = agent.get(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Got::of(request.call().expect("it answers"))
    }

    /// Sends a signal by its name; [`Serving::ended`] says how it went.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &self.child.id().to_string()])
            .status();
        assert!(sent.expect("kill runs").success());
    }

    /// Waits for its end.
    pub fn ended(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().expect("it ends");
        (status, self.log())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub struct Got {
    pub status: u16,
    pub request_id: String,
    pub headers: Vec<(String, String)>,
    pub text: String,
}

impl Got {
    pub fn of(mut answer: ureq::http::Response<ureq::Body>) -> Self {
        let headers: Vec<(String, String)> = answer
            .headers()
            .iter()
            .map(|(name, value)| {
                let value = value.to_str().unwrap_or_default();
                (name.as_str().to_owned(), value.to_owned())
            })
            .collect();
        let mut got = Self {
            status: answer.status().as_u16(),
            request_id: String::new(),
            headers,
            text: answer.body_mut().read_to_string().unwrap_or_default(),
        };
        got.request_id = got.header("x-request-id").to_owned();
        got
    }

    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }
}

/// What a command said, on both of its outputs.
pub fn said(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it));
    format!("{out}{err}")
}
