//! What went ahead with broken glass while the service was away: `<folder>/<id>.json`, one deployment a file, told as soon as it
//! answers again. A token is never written down: whoever tells it brings theirs.
//!
//! Whether they may break the glass nobody can be asked meanwhile. It is taken all the same, and the service puts it on record if they
//! may not. Written down is what `--break-glass` was given for, and what came after it of the same deployment; without that a pipeline
//! waits for the service like any other day.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::deploy::{place, say};
use super::hook::write_whole;
use super::remote::{Answer, Away, Remote};
use crate::domain::change::MIN_REASON_CHARS;
use crate::domain::id::PushId;
use crate::time::TimeSource;

/// How the file ends of what waits, and of what the service won't have.
const WAITS: &str = "json";
const REFUSED: &str = "refused";

pub(super) struct Spool {
    folder: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    /// Which service it is for.
    url: String,
    body: Map<String, Value>,
}

impl Spool {
    /// In that folder, or else where this user's programs keep what they must not forget.
    pub(super) fn at(folder: Option<&Path>) -> anyhow::Result<Self> {
        let variable = |name| std::env::var_os(name).filter(|it| !it.is_empty());
        let own = || {
            let state = variable("XDG_STATE_HOME").map(PathBuf::from);
            let home = || Some(PathBuf::from(variable("HOME")?).join(".local/state"));
            Some(state.or_else(home)?.join("watchkeeper/deployments"))
        };
        let folder = folder.map(Path::to_owned).or_else(own);
        Ok(Self {
            folder: folder.context(
                "there is no folder to write down in what can't be told now: name one in WATCHKEEPER_DEPLOY_SPOOL",
            )?,
        })
    }

    /// Writes down what nobody can be asked about, and says that it goes ahead; durable when it returns. False: it may not go ahead
    /// without being asked for.
    pub(super) fn keep(
        &self,
        door: &Remote,
        mut body: Map<String, Value>,
        away: &anyhow::Error,
    ) -> anyhow::Result<bool> {
        let said = |body: &Map<String, Value>, name: &str| {
            let value = body.get(name).and_then(Value::as_str);
            value.unwrap_or_default().trim().to_owned()
        };
        let reason = said(&body, "break_glass");
        let before = self
            .waiting()?
            .into_iter()
            .filter_map(|path| read(&path).ok());
        // Its beginning waits to be told: its end waits behind that.
        let begun = before.filter(|it| it.url == door.url()).find(|it| {
            let names = ["service", "environment", "target", "version"];
            names
                .iter()
                .all(|name| said(&it.body, name) == said(&body, name))
        });
        if reason.is_empty() && begun.is_none() {
            return Ok(false);
        }
        if !reason.is_empty() && reason.chars().count() < MIN_REASON_CHARS {
            bail!("the reason to break the glass has at least {MIN_REASON_CHARS} characters");
        }
        let now = TimeSource::system().now();
        let id = PushId::new(now).to_string();
        let of = |at: &str| Value::String(at.to_owned());
        match &begun {
            None => {
                body.insert("decided_at".to_owned(), of(&now.rfc3339()));
            }
            Some(begun) => {
                // It was broken for the whole of it.
                body.remove("break_glass");
                let since = ["started_at", "decided_at"].into_iter();
                let mut since = since.map(|name| said(&begun.body, name));
                let since = since.rfind(|it| !it.is_empty());
                let began = since.unwrap_or_else(|| now.rfc3339());
                let start = body.entry("started_at");
                start.or_insert_with(|| of(&began));
                if said(&body, "status") != "started" {
                    let end = body.entry("finished_at");
                    end.or_insert_with(|| of(&now.rfc3339()));
                }
                if said(&body, "source_event_id").is_empty() {
                    let known = said(&begun.body, "source_event_id");
                    body.insert("source_event_id".to_owned(), of(&known));
                }
            }
        }
        // However often it is told, it is one deployment.
        if said(&body, "source_event_id").is_empty() {
            body.insert("source_event_id".to_owned(), of(&id));
        }
        let what = format!("{} {}", said(&body, "service"), said(&body, "version"));
        let place = place(&said(&body, "environment"), &said(&body, "target"));
        let kept = Kept {
            url: door.url().to_owned(),
            body,
        };
        fs::create_dir_all(&self.folder)
            .with_context(|| format!("cannot make {}", self.folder.display()))?;
        let path = self.folder.join(format!("{id}.{WAITS}"));
        write_whole(&path, &serde_json::to_vec(&kept)?)?;
        say(
            "deploy-spooled",
            &[
                ("why", format!("{away:#}").into()),
                ("what", what.into()),
                ("place", place.into()),
                ("path", path.display().to_string().into()),
            ],
        );
        Ok(true)
    }

    /// Tells what waits for this service, oldest first; how much is left.
    pub(super) fn drain(&self, door: &Remote) -> anyhow::Result<usize> {
        let mut left = 0;
        let mut is_away = false;
        for path in self.waiting()? {
            let kept = match read(&path) {
                Ok(kept) => kept,
                // Another call told it meanwhile.
                Err(_) if !path.exists() => continue,
                Err(error) => {
                    aside(&path, &format!("{error:#}"))?;
                    continue;
                }
            };
            if kept.url != door.url() {
                continue;
            }
            left += 1;
            if is_away {
                continue;
            }
            let name = |name: &str| {
                kept.body
                    .get(name)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
            };
            let what = format!("{} {}", name("service"), name("version"));
            match door.post("/api/v1/deployments", &Value::Object(kept.body.clone())) {
                Ok(Answer::Yes(text)) => {
                    let told: Option<Told> = serde_json::from_str(&text).ok();
                    remove(&path)?;
                    left -= 1;
                    match told.and_then(|it| it.emergency) {
                        Some(key) => say(
                            "deploy-told-late-of",
                            &[("what", what.into()), ("key", key.into())],
                        ),
                        None => say("deploy-told-late", &[("what", what.into())]),
                    }
                }
                Ok(Answer::No(why)) => {
                    aside(&path, &why)?;
                    left -= 1;
                }
                Err(error) if error.is::<Away>() => is_away = true,
                // Such as a token that may not: it waits for one that may, and holds nobody up.
                Err(error) => say(
                    "deploy-still-waits",
                    &[
                        ("what", what.into()),
                        ("why", format!("{error:#}").into()),
                        ("path", path.display().to_string().into()),
                    ],
                ),
            }
        }
        Ok(left)
    }

    /// Their ids begin with their time: sorted by name is sorted by age.
    fn waiting(&self) -> anyhow::Result<Vec<PathBuf>> {
        let files = match fs::read_dir(&self.folder) {
            Ok(files) => files,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => {
                let folder = self.folder.display();
                return Err(error).with_context(|| format!("cannot read {folder}"));
            }
        };
        let paths = files.filter_map(|file| Some(file.ok()?.path()));
        let mut paths: Vec<PathBuf> = paths
            .filter(|path| path.extension().is_some_and(|end| end == WAITS))
            .collect();
        paths.sort();
        Ok(paths)
    }
}

/// Tells what waits, if address and token are among the variables; how much is left.
pub(super) fn drain_in_passing() -> anyhow::Result<usize> {
    let variable = |name| {
        std::env::var(name)
            .ok()
            .filter(|it: &String| !it.is_empty())
    };
    let (Some(url), Some(token)) = (
        variable("WATCHKEEPER_DEPLOY_URL"),
        variable("WATCHKEEPER_DEPLOY_TOKEN"),
    ) else {
        return Ok(0);
    };
    let folder = variable("WATCHKEEPER_DEPLOY_SPOOL").map(PathBuf::from);
    match Spool::at(folder.as_deref()) {
        Ok(spool) => spool.drain(&Remote::new(&url, token.trim(), None)?),
        // Nothing was ever written down.
        Err(_) => Ok(0),
    }
}

#[derive(Deserialize)]
struct Told {
    emergency: Option<String>,
}

fn read(path: &Path) -> anyhow::Result<Kept> {
    let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} isn't ours", path.display()))
}

/// Puts aside what the service won't have, for somebody to look at.
fn aside(path: &Path, why: &str) -> anyhow::Result<()> {
    let aside = path.with_extension(format!("{WAITS}.{REFUSED}"));
    fs::rename(path, &aside)?;
    say(
        "deploy-spool-refused",
        &[
            ("why", why.to_owned().into()),
            ("path", aside.display().to_string().into()),
        ],
    );
    Ok(())
}

fn remove(path: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
