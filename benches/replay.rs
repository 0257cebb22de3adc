//! Whole histories through the post-receive hook, in ranges of 500 commits and in one push, twice: the second time adds nothing.
//!
//! ```sh
//! cargo bench --bench replay -- --repository ../linux.git --repository .
//! cargo bench --bench replay -- --commits 100000 --database postgres://user@host/empty_database
//! ```
//! Each `--repository` is a local clone, which is copied; without any it is the one around the current folder. `--commits` makes a history
//! besides, in which every tenth commit names a change and every hundredth is a merge.

mod rig;

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use diesel::RunQueryDsl;
use diesel::sql_types::BigInt;
use rig::{Client, Post, Relay, Server, found};
use watchkeeper::config::Config;
use watchkeeper::store::Store;
use watchkeeper::store::backend::DatabaseUrl;

const WATCHKEEPER: &str = env!("CARGO_BIN_EXE_watchkeeper");
/// Commits of one push, about.
const RANGE: usize = 500;
/// Changes that a made history names.
const CHANGES: usize = 50;

struct Options {
    database: Option<String>,
    repositories: Vec<PathBuf>,
    commits: usize,
}

fn options() -> Options {
    let mut options = Options {
        database: None,
        repositories: Vec::new(),
        commits: 100_000,
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
            "--repository" => options.repositories.push(value().into()),
            "--commits" => options.commits = value().parse().expect("a number of commits"),
            // What cargo itself passes.
            "--bench" => {}
            other => panic!("unknown option {other}"),
        }
    }
    if options.repositories.is_empty() {
        options.repositories.push(".".into());
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
    let store = Store::open(&config.database).expect("the database opens");
    let relay = Relay::start();
    let server = Post::new(&config, folder.path(), relay.address).start();
    let house = House {
        folder: folder.path(),
        server: &server,
        store: &store,
        token,
    };
    for (nth, source) in options.repositories.iter().enumerate() {
        let name = source
            .canonicalize()
            .ok()
            .and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
            .unwrap_or_default();
        let bare = house.copy(source, &format!("real-{nth}.git"));
        house.replay(&name, &bare, RANGE);
    }
    if options.commits > 0 {
        let bare = house.make("made.git", options.commits);
        house.replay("made", &bare, RANGE);
        let bare = house.make("whole.git", options.commits);
        house.replay("made, one push", &bare, usize::MAX);
    }
}

#[derive(diesel::QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// What is on record.
#[derive(Debug, PartialEq, Eq)]
struct Record {
    commits: i64,
    links: i64,
}

struct House<'a> {
    folder: &'a Path,
    server: &'a Server,
    store: &'a Store,
    token: String,
}

impl House<'_> {
    fn count(&self, table: &str) -> i64 {
        let asked = format!("SELECT COUNT(*) AS n FROM {table}");
        let count = self
            .store
            .read(|conn| Ok(diesel::sql_query(&asked).get_result::<Count>(conn)?));
        count.expect("counted").n
    }

    fn record(&self) -> Record {
        Record {
            commits: self.count("git_commit"),
            links: self.count("git_link"),
        }
    }

    fn post(&self, path: &str, body: &str) -> serde_json::Value {
        let mut client = Client::connect(self.server.http).expect("the server listens");
        let key = uuid::Uuid::new_v4().to_string();
        let answer = client
            .post(path, &self.token, &key, body)
            .expect("an answer");
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()
    }

    /// A copy of a clone, with our hook in it.
    fn copy(&self, source: &Path, name: &str) -> PathBuf {
        let bare = self.folder.join(name);
        let from = source.to_str().expect("a path of UTF-8");
        let to = bare.to_str().expect("a path of UTF-8");
        git(self.folder, &["clone", "-q", "--bare", from, to]);
        self.install(&bare, name);
        bare
    }

    /// A history of so many commits.
    fn make(&self, name: &str, commits: usize) -> PathBuf {
        let changes: Vec<String> = (0..CHANGES)
            .map(|n| {
                let body = format!(r#"{{"kind":"change","title":"Change {n} of {name}"}}"#);
                let made = self.post("/api/v1/tickets", &body);
                made["key"].as_str().expect("a key").to_owned()
            })
            .collect();
        let bare = self.folder.join(name);
        git(self.folder, &["init", "-q", "--bare", "-b", "main", name]);
        let mut stream = String::new();
        for n in 1..=commits {
            let refs = match n % 10 {
                0 => format!("\n\nRefs: {}", changes[n / 10 % CHANGES]),
                _ => String::new(),
            };
            let message = format!("Step {n}: adjust pool {}{refs}\n", n % 97);
            let who = format!(
                "Ada Lovelace <ada@load.example.org> {} +0000",
                1_700_000_000 + n * 60
            );
            let _ = write!(
                stream,
                "commit refs/heads/main\nmark :{n}\ncommitter {who}\ndata {}\n{message}",
                message.len()
            );
            if n > 1 {
                let _ = writeln!(stream, "from :{}", n - 1);
            }
            if n % 100 == 0 {
                let _ = writeln!(stream, "merge :{}", n - 50);
            }
            let text = format!("value = {n}\n");
            let _ = write!(
                stream,
                "M 644 inline conf/pool-{}.toml\ndata {}\n{text}\n",
                n % 300,
                text.len()
            );
        }
        let mut import = Command::new("git")
            .current_dir(&bare)
            .args(["fast-import", "--quiet"])
            .stdin(Stdio::piped())
            .spawn()
            .expect("git runs");
        let mut input = import.stdin.take().expect("its input");
        input.write_all(stream.as_bytes()).expect("it reads");
        drop(input);
        assert!(import.wait().expect("it ends").success());
        self.install(&bare, name);
        bare
    }

    fn install(&self, bare: &Path, name: &str) {
        let branch = git(bare, &["symbolic-ref", "--short", "HEAD"]);
        let asked = serde_json::json!({"name": name, "default_branch": branch.trim()});
        let made = self.post("/api/v1/repositories", &asked.to_string());
        let token = made["token"].as_str().expect("a token");
        let url = format!("http://{}", self.server.http);
        let repo = bare.to_str().expect("a path of UTF-8");
        let args = [
            "hook", "install", "--url", &url, "--token", token, "--repo", repo,
        ];
        let installed = Command::new(WATCHKEEPER).args(args).output();
        let installed = installed.expect("the program runs");
        assert!(installed.status.success(), "{installed:?}");
    }

    /// Its default branch grows from nothing to what it is, twice.
    fn replay(&self, name: &str, bare: &Path, range: usize) {
        let branch = git(bare, &["symbolic-ref", "HEAD"]).trim().to_owned();
        let (tips, commits) = tips(bare, &branch, range);
        let before = self.record();
        let first = self.push_all(bare, &branch, &tips);
        let after = self.record();
        assert_eq!(after.commits - before.commits, commits as i64, "{name}");
        let second = self.push_all(bare, &branch, &tips);
        assert_eq!(self.record(), after, "{name}: the second time adds nothing");
        println!(
            "{name:<16} {commits} commits in {} pushes, {} links; {:.2} s, the longest {:.0} ms; again {:.2} s, nothing added",
            tips.len(),
            after.links - before.links,
            first.0.as_secs_f64(),
            first.1.as_secs_f64() * 1_000.0,
            second.0.as_secs_f64(),
        );
    }

    /// One push after the other; how long all took until the service had them, and the longest.
    fn push_all(&self, bare: &Path, branch: &str, tips: &[String]) -> (Duration, Duration) {
        let mut old = "0".repeat(tips[0].len());
        let (began, mut longest) = (Instant::now(), Duration::ZERO);
        for new in tips {
            git(bare, &["update-ref", branch, new]);
            let pushed = Instant::now();
            let mut hook = Command::new(WATCHKEEPER)
                .current_dir(bare)
                .env("GIT_DIR", ".")
                .args(["hook", "post-receive"])
                .stdin(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .expect("the hook runs");
            let mut input = hook.stdin.take().expect("its input");
            writeln!(input, "{old} {new} {branch}").expect("it reads");
            drop(input);
            assert!(hook.wait().expect("it ends").success());
            // What its three seconds were too short for.
            let drained = Command::new(WATCHKEEPER)
                .current_dir(bare)
                .args(["hook", "drain"])
                .output();
            let drained = drained.expect("the program runs");
            assert!(drained.status.success(), "{drained:?}");
            longest = longest.max(pushed.elapsed());
            old.clone_from(new);
        }
        (began.elapsed(), longest)
    }
}

/// Where the branch stood after each push of about `range` commits, along its first parents; and how many commits it has.
fn tips(bare: &Path, branch: &str, range: usize) -> (Vec<String>, usize) {
    let log = git(bare, &["rev-list", "--parents", branch]);
    let parents: HashMap<&str, Vec<&str>> = log
        .lines()
        .filter_map(|line| {
            let mut oids = line.split(' ');
            Some((oids.next()?, oids.collect()))
        })
        .collect();
    let line = git(bare, &["rev-list", "--first-parent", "--reverse", branch]);
    let line: Vec<&str> = line.lines().collect();
    let (mut seen, mut since, mut tips) = (HashSet::new(), 0, Vec::new());
    for (nth, tip) in line.iter().enumerate() {
        let mut open = vec![*tip];
        while let Some(oid) = open.pop() {
            if seen.insert(oid) {
                since += 1;
                open.extend(parents.get(oid).into_iter().flatten());
            }
        }
        if since >= range || nth + 1 == line.len() {
            tips.push((*tip).to_owned());
            since = 0;
        }
    }
    (tips, seen.len())
}

fn git(folder: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(folder)
        .args(args)
        .output()
        .expect("git runs");
    assert!(
        output.status.success(),
        "git {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}
