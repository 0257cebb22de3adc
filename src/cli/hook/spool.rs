//! Pushes that the service hasn't acknowledged yet: `$GIT_DIR/watchkeeper/spool/<push>.jsonl`, one part a line.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::client::{Answer, Client};
use super::place::{Place, Whole, write_whole};
use super::say;
use crate::domain::commit_message::consequence::Consequence;
use crate::domain::git::Oid;
use crate::intake::git::{Git, Parts};
use crate::intake::push::{PushAnswer, PushBody, RefBody, tips_hash};
use crate::intake::push_verdict::AskBody;
use crate::words::Words;

/// One exchange with the service while somebody waits for their push.
pub const EXCHANGE: Duration = Duration::from_millis(1_500);
/// And when nobody does.
pub(super) const EXCHANGE_BY_HAND: Duration = Duration::from_secs(60);
/// Lines that one push may print.
const LINES: usize = 8;

/// How the file of a push ends.
const PUSH: &str = "jsonl";
/// How the file of a decision ends: it goes before its push.
const ASKED: &str = "asked";
/// How the file ends that says how many parts of a push the service has acknowledged.
const TOLD: &str = "told";
/// How the file ends that the service won't have.
const REFUSED: &str = "refused";
/// Parts of a whole history that are read before the service has taken the ones before them.
const PARTS_AHEAD: usize = 4;
/// Between two looks whether another hook is done.
const LOOKS_AGAIN: Duration = Duration::from_millis(20);
/// What a killed hook leaves behind lies so long. Its writer may live where its process can't be seen: on another machine, in
/// another container.
const LEFT_BEHIND: Duration = Duration::from_secs(3_600);

/// Writes a push down, part by part. Durable when it returns. Of a whole history the first parts are told meanwhile: the service takes
/// them in while the next are read.
pub fn keep(place: &Place, push_id: &str, parts: Parts<'_>) -> anyhow::Result<()> {
    let folder = place.spool();
    fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{push_id}.{PUSH}"));
    let is_bulk = parts.is_bulk();
    let mut file = Whole::begin(&path)?;
    let told = std::thread::scope(|scope| {
        let (tell, come) = mpsc::sync_channel(PARTS_AHEAD);
        let teller = is_bulk.then(|| scope.spawn(|| tell_as_they_come(place, come)));
        for part in parts {
            let part = part?;
            let is_last = part.last;
            let line = serde_json::to_string(&part)?;
            file.write(line.as_bytes())?;
            file.write(b"\n")?;
            if is_bulk && !is_last {
                // Nobody listens any more: it is told later, from the file.
                let _ = tell.send(line);
            }
        }
        drop(tell);
        let told = teller.map(|teller| teller.join());
        anyhow::Ok(told.and_then(Result::ok).unwrap_or(0))
    })?;
    if told > 0 {
        fs::write(path.with_extension(TOLD), told.to_string())?;
    }
    file.end()
}

/// Tells the first parts of a push; how many the service has taken. None while an older push waits, or another hook tells.
fn tell_as_they_come(place: &Place, parts: mpsc::Receiver<String>) -> usize {
    let Ok(Some(_mine)) = alone(place, Instant::now()) else {
        return 0;
    };
    let is_first = waiting(place).is_empty();
    let Ok(client) = Client::of(place, EXCHANGE) else {
        return 0;
    };
    let mut told = 0;
    for part in parts {
        if !is_first {
            break;
        }
        let Answer::Got(_) = client.tell_written(&part) else {
            break;
        };
        told += 1;
    }
    told
}

/// Writes down what a push was let through with while nobody answered. Durable when it returns.
pub fn keep_asked(place: &Place, push_id: &str, asked: &AskBody) -> anyhow::Result<()> {
    let folder = place.spool();
    fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{push_id}.{ASKED}"));
    write_whole(&path, &serde_json::to_vec(asked)?)
}

/// Tells everything that waits, oldest first, until the deadline. What is left waits on, and the pusher hears of it. True: the service
/// takes it in, it only takes longer.
pub fn drain(place: &Place, exchange: Duration, deadline: Instant) -> anyhow::Result<bool> {
    let Some(_mine) = alone(place, deadline)? else {
        // Whoever tells it looks once more at what waits before it ends.
        say("hook-told-elsewhere", &[]);
        return Ok(false);
    };
    clear(place);
    loop {
        // Another push may have come meanwhile.
        let waiting = waiting(place);
        let Some(path) = waiting.first() else {
            return Ok(false);
        };
        let patience = deadline
            .saturating_duration_since(Instant::now())
            .min(exchange);
        let told = match path.extension() {
            _ if patience.is_zero() => Told::Later,
            Some(end) if end == ASKED => tell_asked(place, path, patience)?,
            _ => tell(place, path, patience, deadline)?,
        };
        match told {
            Told::All(answers) => {
                report(&answers);
                remove(path)?;
                remove(&path.with_extension(TOLD))?;
            }
            Told::Refused(401 | 403, reason) => {
                // A new token lets it through: it stays.
                say("hook-token-refused", &[("why", reason.into())]);
                return Ok(false);
            }
            Told::Refused(_, reason) => {
                let mut aside = path.clone().into_os_string();
                aside.push(format!(".{REFUSED}"));
                let aside = PathBuf::from(aside);
                fs::rename(path, &aside)?;
                say(
                    "hook-push-refused",
                    &[
                        ("why", reason.into()),
                        ("path", aside.display().to_string().into()),
                    ],
                );
            }
            Told::Later => return Ok(true),
            // Our time was up before the service answered: that doesn't say that it is away.
            Told::Away(_) if Instant::now() >= deadline => return Ok(true),
            Told::Away(why) => {
                say(
                    "hook-recorded-later",
                    &[("count", waiting.len().into()), ("why", why.into())],
                );
                return Ok(false);
            }
        }
    }
}

/// Keeps others from telling the same at the same time, while the file is held; `None`: another one does, until the deadline.
fn alone(place: &Place, deadline: Instant) -> anyhow::Result<Option<fs::File>> {
    let folder = place.spool();
    fs::create_dir_all(&folder)?;
    let lock = fs::File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(folder.join("lock"))?;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(Some(lock)),
            Err(fs::TryLockError::WouldBlock) if Instant::now() < deadline => {
                // A lock can only be waited for without an end: it is looked at again instead.
                std::thread::sleep(LOOKS_AGAIN);
            }
            Err(fs::TryLockError::WouldBlock) => return Ok(None),
            // Some network's file systems have no locks: telling twice is harmless.
            Err(fs::TryLockError::Error(_)) => return Ok(Some(lock)),
        }
    }
}

/// Removes what killed hooks have left behind.
fn clear(place: &Place) {
    let mut left = place.halves();
    // So many parts were told of a push that never became whole, or that is told by now.
    let counts = files(place).into_iter().filter(|path| has_end(path, TOLD));
    left.extend(counts.filter(|path| !path.with_extension(PUSH).exists()));
    for path in left {
        let written_at = fs::metadata(&path).and_then(|file| file.modified());
        let age = written_at.ok().and_then(|at| at.elapsed().ok());
        if age.is_some_and(|age| age > LEFT_BEHIND) {
            // Nobody reads it: if it can't be removed it lies on, and what waits is told all the same.
            let _ = fs::remove_file(&path);
        }
    }
}

/// Goes on telling where nobody waits for it. Whatever ends it, the next push or `hook drain` takes up.
pub fn go_on_alone(place: &Place) -> anyhow::Result<()> {
    let left = waiting(place).len();
    let started = std::env::current_exe().and_then(|program| {
        Command::new(program)
            .args(["hook", "drain"])
            .stdin(Stdio::null())
            // git waits for whoever holds these.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
    });
    match started {
        Ok(_) => say("hook-goes-on", &[("count", left.into())]),
        Err(error) => say(
            "hook-recorded-later",
            &[("count", left.into()), ("why", error.to_string().into())],
        ),
    }
    Ok(())
}

/// `hook drain`: from cron or a timer; takes the time it needs, and fails while something still waits.
pub fn drain_by_hand(repo: Option<&Path>) -> anyhow::Result<ExitCode> {
    let git = Git::in_folder(repo);
    let place = Place::of(&git)?;
    let before = waiting(&place).len();
    let deadline = Instant::now() + Duration::from_secs(300);
    drain(&place, EXCHANGE_BY_HAND, deadline)?;
    if super::compare::find_lost(&git, &place)? > 0 {
        drain(&place, EXCHANGE_BY_HAND, deadline)?;
    }
    let left = waiting(&place).len();
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
pub(super) fn waiting(place: &Place) -> Vec<PathBuf> {
    let mut found = files(place);
    found.retain(|path| has_end(path, PUSH) || has_end(path, ASKED));
    found.sort();
    found
}

/// What the service refused for good, and waits for somebody to look at it.
pub(super) fn refused(place: &Place) -> usize {
    let found = files(place).into_iter();
    found.filter(|path| has_end(path, REFUSED)).count()
}

fn files(place: &Place) -> Vec<PathBuf> {
    let folder = fs::read_dir(place.spool()).into_iter().flatten();
    folder.filter_map(|file| Some(file.ok()?.path())).collect()
}

fn has_end(path: &Path, end: &str) -> bool {
    path.extension().is_some_and(|found| found == end)
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
    /// The time is up, and the service is there.
    Later,
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
            super::pre_receive::keep_told(place, &answer)?;
            for line in answer.message {
                eprintln!("watchkeeper: {line}");
            }
            Told::All(Vec::new())
        }
        Answer::Away(why) => Told::Away(why),
        Answer::Refused(status, why) => Told::Refused(status, why),
    })
}

/// Tells one push, part by part; what was acknowledged isn't told again.
fn tell(place: &Place, path: &Path, patience: Duration, deadline: Instant) -> anyhow::Result<Told> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Told::All(Vec::new()));
        }
        Err(error) => return Err(error.into()),
    };
    let client = Client::of(place, patience)?;
    let parts: Vec<&str> = text.lines().collect();
    let Some((last, written)) = parts.split_last() else {
        return Ok(Told::All(Vec::new()));
    };
    let so_far = path.with_extension(TOLD);
    let told: usize = fs::read_to_string(&so_far)
        .ok()
        .and_then(|count| count.trim().parse().ok())
        .unwrap_or(0);
    let mut answers = Vec::new();
    for (nth, part) in written.iter().enumerate().skip(told) {
        match client.tell_written(part) {
            Answer::Got(answer) => answers.push(answer),
            other => return Ok(not_told(other)),
        }
        // Were it lost, the part would only be told once more: it needn't be durable.
        fs::write(&so_far, (nth + 1).to_string())?;
        if Instant::now() >= deadline {
            return Ok(Told::Later);
        }
    }
    let mut last: PushBody = match serde_json::from_str(last) {
        Ok(part) => part,
        Err(error) => return Ok(Told::Refused(0, error.to_string())),
    };
    let tips = after(place.recorded(), &last.refs);
    last.tips_hash = Some(tips_hash(&tips));
    match client.tell(&last) {
        Answer::Got(answer) => {
            let theirs = answer.recorded_tips.as_ref().map(|tips| {
                tips.iter()
                    .map(|tip| (tip.name.clone(), tip.oid.clone()))
                    .collect::<Vec<_>>()
            });
            place.set_recorded(theirs.as_deref().unwrap_or(&tips))?;
            answers.push(answer);
        }
        other => return Ok(not_told(other)),
    }
    Ok(Told::All(answers))
}

fn not_told(answer: Answer<PushAnswer>) -> Told {
    match answer {
        Answer::Got(answer) => Told::All(vec![answer]),
        Answer::Away(why) => Told::Away(why),
        Answer::Refused(status, why) => Told::Refused(status, why),
    }
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
    for live in answers.iter().flat_map(|answer| &answer.live).take(LINES) {
        let values = [
            ("service", live.service.as_str().into()),
            ("version", live.version.as_str().into()),
            ("environment", live.environment.as_str().into()),
            ("tag", short(&live.tag).into()),
        ];
        say("hook-live", &values);
        if let Some(freeze) = &live.freeze {
            say("hook-live-frozen", &[("freeze", freeze.as_str().into())]);
        }
    }
    for tag in answers
        .iter()
        .flat_map(|answer| &answer.unclear)
        .take(LINES)
    {
        say("hook-unclear-tag", &[("tag", short(tag).into())]);
    }
    let unknown = answers.iter().flat_map(|answer| &answer.unknown);
    for key in unknown.take(LINES - lines.min(LINES)) {
        say("hook-unknown-ticket", &[("key", key.as_str().into())]);
    }
}

fn short(tag: &str) -> &str {
    tag.strip_prefix("refs/tags/").unwrap_or(tag)
}

/// What a commit did, in a few words; "" for a mere link.
pub fn did_key(did: Consequence) -> &'static str {
    match did {
        Consequence::Link => "did-link",
        Consequence::Content => "did-content",
        Consequence::Open => "did-open",
        Consequence::Resolve => "did-resolve",
        Consequence::Reopen => "did-reopen",
        Consequence::FixLanded => "did-fix-landed",
        Consequence::NoteRevert => "did-note-revert",
        Consequence::RevertPrepared => "did-revert-prepared",
        Consequence::RefuseReopen => "did-refuse-reopen",
        Consequence::DenyResolve => "did-deny-resolve",
        Consequence::DenyReopen => "did-deny-reopen",
        Consequence::Repair => "did-repair",
        Consequence::Blame => "did-blame",
        Consequence::Backport => "did-backport",
    }
}
