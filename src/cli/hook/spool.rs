//! Pushes that the service hasn't acknowledged yet: `$GIT_DIR/watchkeeper/spool/<push>.jsonl`, one part a line.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use super::client::{Answer, Client};
use super::place::{Place, write_whole};
use super::say;
use crate::domain::commit_message::consequence::Consequence;
use crate::domain::git::Oid;
use crate::intake::git::Git;
use crate::intake::push::{PushAnswer, PushBody, RefBody, tips_hash};
use crate::intake::push_verdict::AskBody;
use crate::words::Words;

/// One exchange with the service while somebody waits for their push.
pub const EXCHANGE: Duration = Duration::from_millis(1_500);
/// And when nobody does.
const EXCHANGE_BY_HAND: Duration = Duration::from_secs(60);
/// Lines that one push may print.
const LINES: usize = 8;

/// How the file of a decision ends: it goes before its push.
const ASKED: &str = "asked";

/// Writes a push down. Durable when it returns.
pub fn keep(place: &Place, push_id: &str, parts: &[PushBody]) -> anyhow::Result<()> {
    let folder = place.spool();
    fs::create_dir_all(&folder)?;
    let mut lines = String::new();
    for part in parts {
        lines.push_str(&serde_json::to_string(part)?);
        lines.push('\n');
    }
    write_whole(&folder.join(format!("{push_id}.jsonl")), lines.as_bytes())
}

/// Writes down what a push was let through with while nobody answered. Durable when it returns.
pub fn keep_asked(place: &Place, push_id: &str, asked: &AskBody) -> anyhow::Result<()> {
    let folder = place.spool();
    fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{push_id}.{ASKED}"));
    write_whole(&path, &serde_json::to_vec(asked)?)
}

/// Tells everything that waits, oldest first, until the deadline. What is left waits on, and the pusher hears of it.
pub fn drain(place: &Place, exchange: Duration, deadline: Instant) -> anyhow::Result<()> {
    let mut waiting = waiting(place)?;
    let mut why = None;
    while let Some(path) = waiting.first() {
        let patience = deadline
            .saturating_duration_since(Instant::now())
            .min(exchange);
        if patience.is_zero() {
            break;
        }
        let told = match path.extension() {
            Some(end) if end == ASKED => tell_asked(place, path, patience)?,
            _ => tell(place, path, patience)?,
        };
        match told {
            Told::All(answers) => {
                report(&answers);
                remove(path)?;
            }
            Told::Refused(401 | 403, reason) => {
                // A new token lets it through: it stays.
                say("hook-token-refused", &[("why", reason.into())]);
                break;
            }
            Told::Refused(_, reason) => {
                let aside = path.with_extension("refused");
                fs::rename(path, &aside)?;
                say(
                    "hook-push-refused",
                    &[
                        ("why", reason.into()),
                        ("path", aside.display().to_string().into()),
                    ],
                );
            }
            Told::Away(reason) => {
                why = Some(reason);
                break;
            }
        }
        waiting.remove(0);
    }
    if !waiting.is_empty() {
        let why = why.unwrap_or_default();
        say(
            "hook-recorded-later",
            &[("count", waiting.len().into()), ("why", why.into())],
        );
    }
    Ok(())
}

/// `hook drain`: from cron or a timer; takes the time it needs, and fails while something still waits.
pub fn drain_by_hand(repo: Option<&Path>) -> anyhow::Result<ExitCode> {
    let git = Git::in_folder(repo);
    let place = Place::of(&git)?;
    let before = waiting(&place)?.len();
    drain(
        &place,
        EXCHANGE_BY_HAND,
        Instant::now() + Duration::from_secs(300),
    )?;
    let left = waiting(&place)?.len();
    say(
        "hook-drained",
        &[
            ("sent", before.saturating_sub(left).into()),
            ("left", left.into()),
        ],
    );
    Ok(if left == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Push ids begin with their time: sorted by name is sorted by age.
pub(super) fn waiting(place: &Place) -> anyhow::Result<Vec<PathBuf>> {
    let Ok(folder) = fs::read_dir(place.spool()) else {
        return Ok(Vec::new());
    };
    let mut found: Vec<PathBuf> = folder
        .filter_map(|file| file.ok().map(|file| file.path()))
        .filter(|path| {
            let end = path.extension();
            end.is_some_and(|end| end == "jsonl" || end == ASKED)
        })
        .collect();
    found.sort();
    Ok(found)
}

/// Another push's hook may have sent it meanwhile.
fn remove(path: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

enum Told {
    All(Vec<PushAnswer>),
    Away(String),
    Refused(u16, String),
}

/// Tells a decision that was made here.
fn tell_asked(place: &Place, path: &Path, patience: Duration) -> anyhow::Result<Told> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Told::All(Vec::new()));
        }
        Err(error) => return Err(error.into()),
    };
    let asked: AskBody = match serde_json::from_str(&text) {
        Ok(asked) => asked,
        Err(error) => return Ok(Told::Refused(0, error.to_string())),
    };
    Ok(match Client::of(place, patience)?.ask(&asked) {
        Answer::Got(answer) => {
            place.set_snapshot(&answer.snapshot)?;
            for line in answer.message {
                eprintln!("watchkeeper: {line}");
            }
            Told::All(Vec::new())
        }
        Answer::Away(why) => Told::Away(why),
        Answer::Refused(status, why) => Told::Refused(status, why),
    })
}

/// Tells one push, part by part.
fn tell(place: &Place, path: &Path, patience: Duration) -> anyhow::Result<Told> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Told::All(Vec::new()));
        }
        Err(error) => return Err(error.into()),
    };
    let client = Client::of(place, patience)?;
    let mut answers = Vec::new();
    for line in text.lines() {
        let mut part: PushBody = match serde_json::from_str(line) {
            Ok(part) => part,
            Err(error) => return Ok(Told::Refused(0, error.to_string())),
        };
        let tips = after(place.recorded(), &part.refs);
        part.tips_hash = part.last.then(|| tips_hash(&tips));
        match client.tell(&part) {
            Answer::Got(answer) => {
                if part.last {
                    let theirs = answer.recorded_tips.as_ref();
                    let theirs = theirs.map(|tips| {
                        tips.iter()
                            .map(|tip| (tip.name.clone(), tip.oid.clone()))
                            .collect::<Vec<_>>()
                    });
                    place.set_recorded(theirs.as_deref().unwrap_or(&tips))?;
                }
                answers.push(answer);
            }
            Answer::Away(why) => return Ok(Told::Away(why)),
            Answer::Refused(status, why) => return Ok(Told::Refused(status, why)),
        }
    }
    Ok(Told::All(answers))
}

/// The recorded tips once these refs have moved, by name.
fn after(mut tips: Vec<(String, String)>, refs: &[RefBody]) -> Vec<(String, String)> {
    for moved in refs {
        tips.retain(|(name, _)| *name != moved.name);
        if Oid::parse(&moved.new).is_some_and(|oid| !oid.is_zero()) {
            tips.push((moved.name.clone(), moved.new.clone()));
        }
    }
    tips.sort();
    tips
}

/// Says what became of a push: tickets, and keys that no ticket has.
fn report(answers: &[PushAnswer]) {
    let words = Words::english();
    let mut lines = 0;
    for ticket in answers
        .iter()
        .flat_map(|answer| &answer.tickets)
        .take(LINES)
    {
        let did = ticket
            .did
            .as_deref()
            .and_then(|did| did.parse::<Consequence>().ok());
        let did = did
            .map(|did| words.t(did_key(did)).into_owned())
            .unwrap_or_default();
        say(
            "hook-told",
            &[
                ("key", ticket.key.as_str().into()),
                ("relation", ticket.relation.as_str().into()),
                ("count", ticket.commits.into()),
                ("did", did.into()),
            ],
        );
        lines += 1;
    }
    let unknown = answers.iter().flat_map(|answer| &answer.unknown);
    for key in unknown.take(LINES - lines.min(LINES)) {
        say("hook-unknown-ticket", &[("key", key.as_str().into())]);
    }
}

/// What a commit did, in a few words; "" for a mere link.
pub fn did_key(did: Consequence) -> &'static str {
    match did {
        Consequence::Link => "did-link",
        Consequence::Content => "did-content",
        Consequence::Resolve => "did-resolve",
        Consequence::Reopen => "did-reopen",
        Consequence::FixLanded => "did-fix-landed",
        Consequence::NoteRevert => "did-note-revert",
        Consequence::RevertPrepared => "did-revert-prepared",
        Consequence::RefuseReopen => "did-refuse-reopen",
    }
}
