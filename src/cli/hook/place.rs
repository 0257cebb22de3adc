//! `$GIT_DIR/watchkeeper/`: where the hooks of one repository keep the service's address, their token and their memory.

use std::fs;
use std::io::{BufWriter, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use crate::domain::timestamp::Timestamp;
use crate::intake::git::Git;
use crate::intake::push_verdict::{AskAnswer, KeyBody, SignedBody, Snapshot};
use crate::secrets::is_signed_for_hook;

/// How the ending begins of a file that isn't whole yet; behind it stands who writes it, as a process id.
const HALF: &str = "new-";

/// What the service told last.
#[derive(Default)]
pub struct Known {
    pub snapshot: Snapshot,
    /// It is signed by whom we know. What isn't decides nothing; it only says which refs wait for the service.
    pub is_sound: bool,
}

pub struct Place {
    folder: PathBuf,
}

impl Place {
    /// The place of the repository that git is in; its folder may not exist yet. Worktrees share their repository's.
    pub fn of(git: &Git<'_>) -> anyhow::Result<Self> {
        let common = git.ask(&["rev-parse", "--path-format=absolute", "--git-common-dir"])?;
        Ok(Self {
            folder: Path::new(&common).join("watchkeeper"),
        })
    }

    /// Keeps address and token; the token can be read by this user alone.
    pub fn set_up(&self, url: &str, token: &str, ca: Option<&Path>) -> anyhow::Result<()> {
        fs::create_dir_all(self.folder.join("spool"))?;
        fs::set_permissions(&self.folder, fs::Permissions::from_mode(0o700))?;
        self.write("url", url.as_bytes())?;
        self.write("token", token.as_bytes())?;
        match ca {
            Some(path) => {
                let pem =
                    fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
                self.write("ca.pem", &pem)
            }
            None => Ok(()),
        }
    }

    pub fn is_set_up(&self) -> bool {
        self.folder.join("url").exists()
    }

    pub fn url(&self) -> anyhow::Result<String> {
        self.read("url")
    }

    pub fn token(&self) -> anyhow::Result<String> {
        let path = self.folder.join("token");
        let mode = fs::metadata(&path)
            .map(|file| file.permissions().mode())
            .unwrap_or(0);
        if mode & 0o077 != 0 {
            bail!(
                "{} can be read by others: chmod 600 it, and get a new token",
                path.display()
            );
        }
        self.read("token")
    }

    /// The company's own authority, as PEM.
    pub fn ca(&self) -> Option<Vec<u8>> {
        fs::read(self.folder.join("ca.pem")).ok()
    }

    pub fn spool(&self) -> PathBuf {
        self.folder.join("spool")
    }

    fn read(&self, name: &str) -> anyhow::Result<String> {
        let path = self.folder.join(name);
        let text = fs::read_to_string(&path).with_context(|| {
            format!(
                "cannot read {}: run `watchkeeper hook install`",
                path.display()
            )
        })?;
        Ok(text.trim().to_owned())
    }

    /// The refs whose commits the service has, as far as we know: `oid ref` lines. Unreadable is empty: then more is sent.
    pub fn recorded(&self) -> Vec<(String, String)> {
        let text = fs::read_to_string(self.folder.join("recorded")).unwrap_or_default();
        text.lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(oid, name)| (name.to_owned(), oid.to_owned()))
            .collect()
    }

    pub fn set_recorded(&self, tips: &[(String, String)]) -> anyhow::Result<()> {
        let lines: String = tips
            .iter()
            .map(|(name, oid)| format!("{oid} {name}\n"))
            .collect();
        self.write("recorded", lines.as_bytes())
    }

    /// When the refs were last held against those that the service has.
    pub fn compared_at(&self) -> Option<Timestamp> {
        let text = fs::read_to_string(self.folder.join("compared")).ok()?;
        Timestamp::parse_rfc3339(text.trim())
    }

    pub fn set_compared_at(&self, at: Timestamp) -> anyhow::Result<()> {
        self.write("compared", at.rfc3339().as_bytes())
    }

    /// Keys that the service knew lately.
    pub fn verdicts(&self) -> Option<String> {
        fs::read_to_string(self.folder.join("verdicts")).ok()
    }

    pub fn set_verdicts(&self, text: &str) -> anyhow::Result<()> {
        self.write("verdicts", text.as_bytes())
    }

    /// What decides while the service is away; `None`: it was never told, or can't be read.
    pub fn snapshot(&self) -> Option<Known> {
        let text = fs::read_to_string(self.folder.join("snapshot")).ok()?;
        let pin = self.pin();
        if let Ok(kept) = serde_json::from_str::<SignedBody>(&text) {
            let is_sound = match &pin {
                Some(pin) => {
                    let SignedBody {
                        text, signature, ..
                    } = &kept;
                    is_signed_for_hook(&pin.key, &pin.repository, text, signature)
                }
                None => false,
            };
            let snapshot = serde_json::from_str(&kept.text).ok()?;
            return Some(Known { snapshot, is_sound });
        }
        let snapshot = serde_json::from_str(&text).ok()?;
        // From before anything was signed; whoever pinned a key was told of a signed one since.
        let is_sound = pin.is_none();
        Some(Known { snapshot, is_sound })
    }

    /// Keeps what the service goes by, if it is signed by whom we know. Without a pin this is the one that is pinned: the answer came to
    /// our token, over the way that was set up. False: it is signed by somebody else, and isn't kept.
    pub fn keep_told(&self, answer: &AskAnswer) -> anyhow::Result<bool> {
        let Some(signed) = &answer.signed else {
            self.write("snapshot", &serde_json::to_vec(&answer.snapshot)?)?;
            return Ok(self.pin().is_none());
        };
        let pin = match self.pin() {
            Some(pin) => pin,
            None => {
                self.set_pin(&signed.key)?;
                signed.key.clone()
            }
        };
        if !is_signed_for_hook(&pin.key, &pin.repository, &signed.text, &signed.signature) {
            return Ok(false);
        }
        self.write("snapshot", &serde_json::to_vec(signed)?)?;
        Ok(true)
    }

    /// Whose signature counts here.
    pub fn pin(&self) -> Option<KeyBody> {
        let text = fs::read_to_string(self.folder.join("pin")).ok()?;
        serde_json::from_str(&text).ok()
    }

    pub fn set_pin(&self, pin: &KeyBody) -> anyhow::Result<()> {
        self.write("pin", &serde_json::to_vec(pin)?)
    }

    /// Leaves the id of a push for its post-receive hook, under each of these names.
    pub fn set_pending(&self, names: &[String], push_id: &str) -> anyhow::Result<()> {
        let folder = self.folder.join("pending");
        fs::create_dir_all(&folder)?;
        for name in names {
            write_whole(&folder.join(name), push_id.as_bytes())?;
        }
        Ok(())
    }

    /// The id that was left under any of these names, which are gone afterwards.
    pub fn take_pending(&self, names: &[String]) -> Option<String> {
        let folder = self.folder.join("pending");
        let mut found = None;
        for path in names.iter().map(|name| folder.join(name)) {
            if let Ok(text) = fs::read_to_string(&path) {
                found = Some(text.trim().to_owned());
                // Gone already: another hook was faster.
                let _ = fs::remove_file(&path);
            }
        }
        found.filter(|id| !id.is_empty())
    }

    /// What hooks were writing when they were killed. It was never whole, and nobody ever reads it.
    pub fn halves(&self) -> Vec<PathBuf> {
        let folders = [
            self.folder.clone(),
            self.spool(),
            self.folder.join("pending"),
        ];
        let files = folders
            .iter()
            .filter_map(|folder| fs::read_dir(folder).ok());
        let paths = files.flatten().filter_map(|file| Some(file.ok()?.path()));
        paths.filter(|path| is_abandoned(path)).collect()
    }

    /// Replaces a file by rename, so that nobody ever reads half of it. Durable when it returns.
    pub fn write(&self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        fs::create_dir_all(&self.folder)?;
        write_whole(&self.folder.join(name), bytes)
    }
}

/// Whether it is half of a file whose writer no longer lives.
fn is_abandoned(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    let writer = ending.and_then(|ending| ending.strip_prefix(HALF)?.parse().ok());
    let writer = writer.and_then(Pid::from_raw);
    writer.is_some_and(|writer| test_kill_process(writer) == Err(Errno::SRCH))
}

/// As [`Place::write`], for any file.
pub fn write_whole(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut file = Whole::begin(path)?;
    file.write(bytes)?;
    file.end()
}

/// A file that is there as a whole or not at all: written beside its place, synced, renamed, and the folder synced.
pub struct Whole {
    path: PathBuf,
    beside: PathBuf,
    file: BufWriter<fs::File>,
}

impl Whole {
    pub fn begin(path: &Path) -> anyhow::Result<Self> {
        let beside = path.with_extension(format!("{HALF}{}", std::process::id()));
        let file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)
            .with_context(|| format!("cannot write {}", beside.display()))?;
        Ok(Self {
            path: path.to_owned(),
            beside,
            file: BufWriter::new(file),
        })
    }

    pub fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        Ok(self.file.write_all(bytes)?)
    }

    /// Durable when it returns.
    pub fn end(mut self) -> anyhow::Result<()> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        fs::rename(&self.beside, &self.path)?;
        let folder = self.path.parent().context("a file without a folder")?;
        fs::File::open(folder)?.sync_all()?;
        Ok(())
    }
}
