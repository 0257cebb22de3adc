//! Repositories elsewhere: their refs, and a mirror of them here. Only the `git` program speaks to them.
//!
//! Whoever names the remote gets nothing but this one protocol: no shell, no option, no prompt, no redirect, no helper of another
//! kind, a deadline for the whole, and no word of a password in arguments, in what is said, or in the log.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::program::{Git, OTHERS};
use crate::domain::forge::{CloneLogin, CloneUrl, Tip};
use crate::domain::git::Oid;
use crate::error::{Error, Result};

/// Asking for refs.
const ASK: Duration = Duration::from_secs(60);
/// Fetching: a first import of a great history takes its time, and one that is cut off begins anew.
const FETCH: Duration = Duration::from_secs(30 * 60);
/// Bytes of answers: 50,000 refs are 5 MB.
const MOST_SAID: u64 = 64 * 1024 * 1024;
/// Characters kept of what it says when it fails.
const WHY_CHARS: usize = 300;
/// How often a process that runs is looked at for whether it has to end early.
const GLANCE: Duration = Duration::from_millis(200);

/// Refs by their names.
pub type Refs = BTreeMap<String, Oid>;

/// Where to fetch from, and with what.
pub struct Remote<'a> {
    pub url: &'a CloneUrl,
    pub login: Option<&'a CloneLogin>,
    /// Whose certificates are believed, in place of the system's.
    pub ca: Option<&'a Path>,
    /// Whether this process is about to end: then git ends too.
    pub is_ending: &'a dyn Fn() -> bool,
}

/// Why a remote could not be read, as git says it, in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreached(pub String);

impl Remote<'_> {
    /// Its branches and tags.
    pub fn refs(&self) -> std::result::Result<Refs, Unreached> {
        let mut command = self.command();
        command
            .args(["ls-remote", "--refs", "--heads", "--tags", "--"])
            .arg(self.url.as_str());
        let said = self.run(command, ASK)?;
        let said = String::from_utf8_lossy(&said);
        let lines = said.lines().filter_map(|line| line.split_once('\t'));
        Ok(lines
            .filter_map(|(oid, name)| Some((name.to_owned(), Oid::parse(oid)?)))
            .collect())
    }

    /// git, with all that keeps it in bounds.
    fn command(&self) -> Command {
        let mut command = Command::new("git");
        for name in OTHERS.iter().chain(TALKING) {
            command.env_remove(name);
        }
        command
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ASKPASS", "true")
            .env("SSH_ASKPASS", "true")
            .env("GIT_ALLOW_PROTOCOL", self.url.protocol)
            .env("LC_ALL", "C");
        if std::env::var_os("GIT_SSH_COMMAND").is_none() && std::env::var_os("GIT_SSH").is_none() {
            command.env(
                "GIT_SSH_COMMAND",
                "ssh -oBatchMode=yes -oConnectTimeout=15 -oServerAliveInterval=15",
            );
        }
        let mut settings = vec![
            ("credential.helper", String::new()),
            ("core.askPass", "true".to_owned()),
            ("core.hooksPath", "/dev/null".to_owned()),
            // They would choose an address of their own, and be handed the password.
            ("http.followRedirects", "false".to_owned()),
            ("http.lowSpeedLimit", "1000".to_owned()),
            ("http.lowSpeedTime", "30".to_owned()),
            // Nothing runs on when it is done.
            ("gc.autoDetach", "false".to_owned()),
            ("maintenance.autoDetach", "false".to_owned()),
            ("protocol.version", "2".to_owned()),
            ("fetch.recurseSubmodules", "false".to_owned()),
            ("transfer.credentialsInUrl", "die".to_owned()),
        ];
        if let Some(ca) = self.ca {
            // The setting `http.sslCAInfo` would yield to a variable that somebody has set for all programs.
            command.env("GIT_SSL_CAINFO", ca);
        }
        if let Some(login) = self.login.filter(|_| self.url.protocol == "https") {
            let both = STANDARD.encode(format!("{}:{}", login.name, login.password));
            // Not as an argument, which every process of this machine can read.
            settings.push(("http.extraHeader", format!("Authorization: Basic {both}")));
        }
        command.env("GIT_CONFIG_COUNT", settings.len().to_string());
        for (at, (key, value)) in settings.into_iter().enumerate() {
            command
                .env(format!("GIT_CONFIG_KEY_{at}"), key)
                .env(format!("GIT_CONFIG_VALUE_{at}"), value);
        }
        command
    }

    /// Runs it to its end, or ends it with all that it started when its time is up. What it printed.
    fn run(
        &self,
        mut command: Command,
        within: Duration,
    ) -> std::result::Result<Vec<u8>, Unreached> {
        let failed = |why: &dyn std::fmt::Display| Unreached(format!("git: {why}"));
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|error| failed(&error))?;
        let (tell, told) = mpsc::channel();
        let (out, said) = (child.stdout.take(), child.stderr.take());
        listen(0, out, tell.clone());
        listen(1, said, tell);
        let mut heard = [None, None];
        let deadline = Instant::now() + within;
        while heard.iter().any(Option::is_none) {
            match told.recv_timeout(GLANCE) {
                Ok((which, bytes)) => heard[which] = Some(bytes),
                Err(_) if (self.is_ending)() => {
                    end(&mut child);
                    return Err(Unreached("stopped with this service".to_owned()));
                }
                Err(_) if Instant::now() >= deadline => {
                    end(&mut child);
                    let secs = within.as_secs();
                    return Err(Unreached(format!("it took longer than {secs} seconds")));
                }
                Err(_) => {}
            }
        }
        let status = child.wait().map_err(|error| failed(&error))?;
        let [out, said] = heard.map(Option::unwrap_or_default);
        match status.success() {
            true => Ok(out),
            false => Err(Unreached(self.why(&String::from_utf8_lossy(&said)))),
        }
    }

    /// The lines that say what is wrong, as one; whatever could give the password away is taken out.
    fn why(&self, said: &str) -> String {
        let lines: Vec<&str> = said.lines().map(str::trim).collect();
        let telling = |line: &&&str| {
            ["fatal:", "error:", "remote:", "ssh:"]
                .iter()
                .any(|word| line.starts_with(word))
                || line.contains("denied")
                || line.contains("verification failed")
        };
        let mut why: Vec<&str> = lines.iter().filter(telling).copied().collect();
        if why.is_empty() {
            why = lines.into_iter().filter(|line| !line.is_empty()).collect();
        }
        let mut why = why.join(" ");
        if let Some(login) = self.login.filter(|login| !login.password.is_empty()) {
            let both = STANDARD.encode(format!("{}:{}", login.name, login.password));
            why = why.replace(&login.password, "…").replace(&both, "…");
        }
        let plain = why.chars().filter(|c| !c.is_control());
        plain.take(WHY_CHARS).collect()
    }
}

/// Besides what leads git elsewhere: what changes its settings, and what makes it say more than it should.
const TALKING: &[&str] = &[
    "GIT_CONFIG_PARAMETERS",
    "GIT_TRACE",
    "GIT_TRACE_CURL",
    "GIT_CURL_VERBOSE",
];

/// Reads a stream to its end on a thread of its own; what is beyond the limit is read and dropped.
fn listen<R: Read + Send + 'static>(
    which: usize,
    from: Option<R>,
    tell: mpsc::Sender<(usize, Vec<u8>)>,
) {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut from) = from {
            // A stream that breaks has ended.
            let _ = from.by_ref().take(MOST_SAID).read_to_end(&mut bytes);
            let _ = std::io::copy(&mut from, &mut std::io::sink());
        }
        // Nobody waits any more: it was ended.
        let _ = tell.send((which, bytes));
    });
}

/// Ends git and whatever it started: transports are processes of their own.
fn end(child: &mut Child) {
    use rustix::process::{Pid, Signal, kill_process_group};
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // It may have ended by itself meanwhile.
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.wait();
}

/// A bare copy of a remote's branches and tags.
pub struct Mirror {
    folder: PathBuf,
}

impl Mirror {
    /// The mirror in this folder, made where it isn't, or isn't of the format that these refs are of.
    pub fn at(folder: &Path, refs: &Refs) -> Result<Self> {
        let mirror = Self {
            folder: folder.to_owned(),
        };
        let is_long = refs.values().any(|oid| oid.as_str().len() == 64);
        let format = if is_long { "sha256" } else { "sha1" };
        let asked = ["rev-parse", "--show-object-format"];
        match mirror.folder.join("HEAD").is_file() {
            true if mirror.git().maybe(&asked).as_deref() == Some(format) => return Ok(mirror),
            true => std::fs::remove_dir_all(&mirror.folder).map_err(Error::internal)?,
            false => {}
        }
        std::fs::create_dir_all(&mirror.folder).map_err(Error::internal)?;
        let format = format!("--object-format={format}");
        let made = ["init", "-q", "--bare", "--template=", &format];
        mirror.git().ask(&made)?;
        Ok(mirror)
    }

    pub fn git(&self) -> Git<'_> {
        Git::bare(&self.folder)
    }

    /// Brings the mirror to where the remote is. What a ref had before stays for some weeks, so that forced pushes can be told.
    pub fn fetch(&self, remote: &Remote<'_>) -> std::result::Result<(), Unreached> {
        let mut command = remote.command();
        command
            .arg("--git-dir")
            .arg(&self.folder)
            .args([
                "fetch",
                "--quiet",
                "--prune",
                "--no-tags",
                "--force",
                "--no-write-fetch-head",
                "--no-recurse-submodules",
                "--",
            ])
            .arg(remote.url.as_str())
            .args(["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]);
        remote.run(command, FETCH).map(drop)
    }

    /// Its branches and tags, with the commits that annotated tags name.
    pub fn tips(&self) -> Result<BTreeMap<String, Tip>> {
        let format = "--format=%(refname)%09%(objectname)%09%(*objectname)";
        let listed = self
            .git()
            .ask(&["for-each-ref", format, "refs/heads", "refs/tags"])?;
        let tip = |line: &str| {
            let mut parts = line.split('\t');
            let (name, oid) = (parts.next()?, Oid::parse(parts.next()?)?);
            let peeled = parts.next().and_then(Oid::parse);
            let peeled = peeled.unwrap_or_else(|| oid.clone());
            Some((name.to_owned(), Tip { oid, peeled }))
        };
        Ok(listed.lines().filter_map(tip).collect())
    }

    /// Whether it has this commit, or this tag's object.
    pub fn has(&self, oid: &Oid) -> bool {
        let object = format!("{oid}^{{commit}}");
        self.git().ask(&["cat-file", "-e", &object]).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn never() -> bool {
        false
    }

    fn remote<'a>(url: &'a CloneUrl, login: Option<&'a CloneLogin>) -> Remote<'a> {
        Remote {
            url,
            login,
            ca: None,
            is_ending: &never,
        }
    }

    #[test]
    fn a_password_is_in_no_argument_and_in_nothing_that_is_said() {
        let url = CloneUrl::parse("https://git.example.org/web.git").unwrap();
        let login = CloneLogin {
            name: "ada".into(),
            password: "s3cret-token".into(),
        };
        let remote = remote(&url, Some(&login));
        let command = remote.command();
        assert!(!format!("{:?}", command.get_args().collect::<Vec<_>>()).contains("s3cret"));
        let why = remote.why("noise\nfatal: unable to access 'https://ada:s3cret-token@x/': YWRhOnMzY3JldC10b2tlbg==\n");
        assert_eq!(why, "fatal: unable to access 'https://ada:…@x/': …");
        assert_eq!(remote.why("\nwhat is it\n"), "what is it");
    }

    #[test]
    fn a_remote_that_is_not_there_is_said_in_words_and_a_hanging_one_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let place = format!("file://{}/none.git", folder.path().display());
        let url = CloneUrl::parse(&place).unwrap();
        let Unreached(why) = remote(&url, None).refs().unwrap_err();
        assert!(why.contains("fatal:"), "{why}");

        let hanging = remote(&url, None);
        let began = Instant::now();
        let mut command = Command::new("sh");
        // A child of its own, which keeps the pipe open.
        command.args(["-c", "sleep 60 & sleep 60"]);
        let Unreached(why) = hanging
            .run(command, Duration::from_millis(300))
            .unwrap_err();
        assert!(why.contains("longer than"), "{why}");
        let ended = Remote {
            url: &url,
            login: None,
            ca: None,
            is_ending: &|| true,
        };
        let mut command = Command::new("sleep");
        command.arg("60");
        let Unreached(why) = ended.run(command, Duration::from_secs(60)).unwrap_err();
        assert!(why.contains("stopped"), "{why}");
        assert!(began.elapsed() < Duration::from_secs(30));
    }
}
