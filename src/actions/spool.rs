//! A Maildir beside the database: other programs deliver mail into it, and while the database is away we keep what comes in there
//! ourselves. Either way it is taken in as soon as the database answers, at the time at which it arrived.
//!
//! What others deliver lies in `new`, as every Maildir has it. Our own lies in the subfolder `.Kept`, with its envelope before it on a
//! line of its own: nobody can write one there by mail.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::intake::store_raw;
use crate::app::App;
use crate::config::Config;
use crate::domain::intake::Way;
use crate::domain::letter::header_bytes;
use crate::domain::timeline::Door;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::store;
use crate::store::intake::arrived;

/// Mails of one look: others have their turn between two.
const AT_ONCE: usize = 50;
/// Longest line with an envelope: a thousand recipients fit.
const MOST_ENVELOPE: u64 = 1024 * 1024;
/// Of a mail above the limit so much is looked at for its header.
const MOST_HEADER: u64 = 2 * 1024 * 1024;
/// The subfolder of what we kept ourselves.
const KEPT: &str = ".Kept";

/// What was said about a mail when it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Envelope {
    way: String,
    from: Option<String>,
    to: Vec<String>,
    at_micros: i64,
}

/// Keeps a mail while the database is away: when this returns, it is durable. An error if there is no folder for that, or no room in it.
pub fn keep(
    config: &Config,
    now: Timestamp,
    way: Way,
    from: Option<&str>,
    to: &[String],
    raw: &[u8],
) -> io::Result<()> {
    let Some(spool) = &config.mail_spool else {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            "no `mail_spool` is set",
        ));
    };
    let envelope = Envelope {
        way: way.as_str().to_owned(),
        from: from.map(str::to_owned),
        to: to.to_vec(),
        at_micros: now.micros(),
    };
    let folder = spool.join(KEPT);
    for part in ["tmp", "new", "cur"] {
        fs::create_dir_all(folder.join(part))?;
    }
    let name = format!(
        "{}.{}.watchkeeper",
        now.micros() / 1_000_000,
        Uuid::new_v4().simple()
    );
    let half = folder.join("tmp").join(&name);
    let written = || {
        let mut file = File::create_new(&half)?;
        serde_json::to_writer(&mut file, &envelope)?;
        file.write_all(b"\n")?;
        file.write_all(raw)?;
        file.sync_all()?;
        fs::rename(&half, folder.join("new").join(&name))
    };
    if let Err(error) = written() {
        // Its sender keeps it; the half of it would only take room. If that stays too, nobody takes it for a mail.
        let _ = fs::remove_file(&half);
        return Err(error);
    }
    // The name is durable too.
    File::open(folder.join("new"))?.sync_all()
}

/// Takes in what lies there, oldest first; whether there may be more.
pub fn pick_up(app: &App) -> Result<bool> {
    let Some(spool) = &app.config.mail_spool else {
        return Ok(false);
    };
    let mut is_more = false;
    let mut waiting = 0;
    for (folder, is_ours) in [(spool.join(KEPT), true), (spool.clone(), false)] {
        let names = names_in(&folder.join("new"))?;
        let mut taken = 0;
        for (place, name) in names.iter().enumerate() {
            if taken == AT_ONCE {
                is_more = true;
                waiting += names.len() - place;
                break;
            }
            match take(app, &folder, name, is_ours) {
                Ok(()) => taken += 1,
                // Whoever moved it away has it.
                Err(Fault::File(error)) if error.kind() == io::ErrorKind::NotFound => {}
                // It stays, is counted, and stops nobody. The log would hear of it at every look.
                Err(Fault::File(error)) => {
                    waiting += 1;
                    tracing::debug!(%error, folder = %folder.display(), name, "a mail in the spool can't be taken in");
                }
                Err(Fault::House(error)) => {
                    waiting += names.len() - place;
                    metrics::gauge!("watchkeeper_mail_spooled").set(waiting as f64);
                    return Err(error);
                }
            }
        }
    }
    metrics::gauge!("watchkeeper_mail_spooled").set(waiting as f64);
    Ok(is_more)
}

enum Fault {
    File(io::Error),
    House(Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}

/// Names in a Maildir begin with the second of arrival, so this is their order. A folder that isn't there yet is empty.
fn names_in(folder: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(Error::internal(format!("{}: {error}", folder.display())));
        }
    };
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    Ok(names)
}

fn take(app: &App, folder: &Path, name: &str, is_ours: bool) -> std::result::Result<(), Fault> {
    let path = folder.join("new").join(name);
    let limit = app.config.mail_limit_bytes as u64;
    let whole = fs::metadata(&path)?.len();
    let is_large = whole > limit + MOST_ENVELOPE;
    let mut bytes = Vec::new();
    // Of what is too large only its beginning is looked at: its header stands there.
    let most = if is_large { MOST_HEADER } else { whole };
    File::open(&path)?.take(most).read_to_end(&mut bytes)?;
    let (envelope, raw) = match opened(&bytes).filter(|_| is_ours) {
        Some(opened) => opened,
        // Also one of ours whose first line was damaged: a mail without an envelope is better than none.
        None => (of_file(&path, name)?, bytes.as_slice()),
    };
    let size = match is_large {
        true => usize::try_from(whole).unwrap_or(usize::MAX),
        false => raw.len(),
    };
    let is_large = size > app.config.mail_limit_bytes;
    accept(app, &envelope, raw, size, is_large).map_err(Fault::House)?;
    if is_large {
        // Its header is taken in; the whole stays for whoever looks for it.
        let kept: PathBuf = folder.join("cur");
        fs::create_dir_all(&kept)?;
        fs::rename(&path, kept.join(format!("{name}:2,S")))?;
    } else {
        fs::remove_file(&path)?;
    }
    Ok(())
}

/// Our own: the envelope's line, and the mail behind it.
fn opened(bytes: &[u8]) -> Option<(Envelope, &[u8])> {
    let (line, rest) = bytes.split_at(memchr::memchr(b'\n', bytes)?);
    Some((serde_json::from_slice(line).ok()?, &rest[1..]))
}

/// Another program's: its name says when it came, else the file does; the envelope stands in its header.
fn of_file(path: &Path, name: &str) -> io::Result<Envelope> {
    let digits: String = name.chars().take_while(char::is_ascii_digit).collect();
    let by_name = digits
        .parse::<i64>()
        .ok()
        .and_then(|secs| secs.checked_mul(1_000_000));
    let at_micros = match by_name {
        Some(micros) => micros,
        None => {
            let written = fs::metadata(path)?.modified()?;
            let since = written.duration_since(UNIX_EPOCH).unwrap_or_default();
            i64::try_from(since.as_micros()).unwrap_or(0)
        }
    };
    Ok(Envelope {
        way: Way::Maildir.as_str().to_owned(),
        from: None,
        to: Vec::new(),
        at_micros,
    })
}

fn accept(app: &App, envelope: &Envelope, raw: &[u8], size: usize, is_large: bool) -> Result<()> {
    let ctx = app.system("mail", Door::Mail);
    let raw = match is_large {
        true => &raw[..header_bytes(raw)],
        false => raw,
    };
    // A file from the future must not start anything there.
    let at = Timestamp::from_micros(envelope.at_micros).min(ctx.now);
    let way = envelope.way.parse().unwrap_or(Way::Maildir);
    // PostgreSQL's text holds no NUL.
    let clean = |text: &String| text.replace('\0', "");
    let from = envelope.from.as_ref().map(clean);
    let to: Vec<String> = envelope.to.iter().map(clean).collect();
    store_raw(&ctx, raw, |tx, hash| {
        // Taken in before, and the file is still there.
        if store::intake::has_arrived(tx, hash, at)? {
            return Ok(());
        }
        let mut mail = arrived(way, from.as_deref(), &to, hash, size, ctx.now);
        mail.received_at = at;
        store::intake::insert(tx, &mail)
    })
}
