//! The commit-msg hook: says what the message means while it can still be changed. Warns; stops nobody unless the repository
//! asks for it (`enforce = true` in `.watchkeeper.toml`).

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::client::{Answer, Client};
use super::place::Place;
use super::say;
use crate::domain::commit_message::{LintCode, Message, Mode, Relation, Rules, parse};
use crate::domain::git::pattern_fits;
use crate::intake::git::Git;
use crate::time::TimeSource;

/// All questions to the service together: a commit must not feel slower.
const BUDGET: Duration = Duration::from_millis(300);
/// A key that was known is known for this long without asking.
const REMEMBER_SECS: i64 = 600;
/// Keys asked about; a message that names more is an import.
const QUESTIONS: usize = 8;
/// Lines printed at most.
const LINES: usize = 5;

/// `.watchkeeper.toml` at the top of the work tree.
#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Policy {
    /// A commit that names no ticket is refused.
    enforce: bool,
    /// Paths such as `docs/*`, where `*` stands for anything: a commit that changes nothing else needs no ticket.
    exempt: Vec<String>,
}

pub fn run(file: &Path) -> anyhow::Result<ExitCode> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let git = Git::here();
    let place = Place::of(&git)?;
    let url = place.url().ok();
    let mode = Mode::Hook {
        editor: has_editor(),
        comment: comment_mark(&git),
    };
    let message = parse(
        &String::from_utf8_lossy(&bytes),
        &mode,
        &Rules::house(url.as_deref()),
    );
    let mut report = Report::default();
    let strong = message
        .links
        .iter()
        .any(|link| link.relation >= Relation::Refs);
    if !strong && !is_exempt(&git, &message) {
        let policy = policy(&git)?;
        if !needs_none(&git, &policy) {
            report.line("hook-no-ticket", &[]);
            if policy.enforce {
                report.print();
                say("hook-enforced", &[]);
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    if place.is_set_up() && !message.links.is_empty() {
        check_keys(&place, &message, &mut report)?;
    }
    for lint in &message.lint {
        match (&lint.instead, lint.code) {
            (Some(instead), _) => report.line(
                "hook-near-miss",
                &[("text", lint.text.clone()), ("instead", instead.clone())],
            ),
            (None, LintCode::Conflict) => {
                report.line("hook-conflict", &[("text", lint.text.clone())])
            }
            (None, _) => report.line("hook-not-a-link", &[("text", lint.text.replace('\n', " "))]),
        }
    }
    if !message.links.is_empty() {
        let read: Vec<String> = message
            .links
            .iter()
            .map(|link| {
                let negated = if link.negated { " (negated)" } else { "" };
                format!("{} {}{negated}", link.key, link.relation)
            })
            .collect();
        report.line("hook-understood", &[("links", read.join(", "))]);
    }
    report.print();
    Ok(ExitCode::SUCCESS)
}

/// At most [`LINES`] lines, worst first.
#[derive(Default)]
struct Report(Vec<(&'static str, Vec<(&'static str, String)>)>);

impl Report {
    fn line(&mut self, key: &'static str, values: &[(&'static str, String)]) {
        self.0.push((key, values.to_vec()));
    }

    fn print(&self) {
        for (key, values) in self.0.iter().take(LINES) {
            let values: Vec<_> = values
                .iter()
                .map(|(name, value)| (*name, value.as_str().into()))
                .collect();
            say(key, &values);
        }
    }
}

/// git sets `GIT_EDITOR` to `:` when it opens none; then lines with the comment mark are content.
fn has_editor() -> bool {
    std::env::var("GIT_EDITOR").map_or(true, |editor| editor != ":")
}

fn comment_mark(git: &Git<'_>) -> String {
    ["core.commentString", "core.commentChar"]
        .iter()
        .find_map(|name| git.maybe(&["config", "--get", name]))
        // `auto` picks a mark that the message doesn't use; which one, only git knows.
        .filter(|mark| mark != "auto")
        .unwrap_or_else(|| "#".to_owned())
}

/// Merges, reverts and fixups say nothing new; a waiver says why there is nothing to say.
fn is_exempt(git: &Git<'_>, message: &Message) -> bool {
    let flags = message.flags;
    flags.merge
        || flags.revert
        || flags.reapply
        || flags.autosquash
        || message.facts.no_ticket.is_some()
        || message.facts.new_change
        || git
            .maybe(&["rev-parse", "--quiet", "--verify", "MERGE_HEAD"])
            .is_some()
}

/// It changes exempt paths alone; or it is the first of all and empty.
fn needs_none(git: &Git<'_>, policy: &Policy) -> bool {
    let Ok(changed) = git.ask(&["diff", "--cached", "--name-only", "--no-renames", "-z"]) else {
        return false;
    };
    let mut paths = changed
        .split('\0')
        .filter(|path| !path.is_empty())
        .peekable();
    if paths.peek().is_none() {
        let head = git.maybe(&["rev-parse", "--quiet", "--verify", "HEAD"]);
        return head.is_none();
    }
    paths.all(|path| policy.exempt.iter().any(|one| pattern_fits(one, path)))
}

fn policy(git: &Git<'_>) -> anyhow::Result<Policy> {
    let Some(top) = git.maybe(&["rev-parse", "--show-toplevel"]) else {
        return Ok(Policy::default());
    };
    match std::fs::read_to_string(Path::new(&top).join(".watchkeeper.toml")) {
        Ok(text) => toml::from_str(&text).context(".watchkeeper.toml"),
        Err(_) => Ok(Policy::default()),
    }
}

/// Asks about the keys that aren't remembered, all at once, and says which nobody knows.
fn check_keys(place: &Place, message: &Message, report: &mut Report) -> anyhow::Result<()> {
    let now = TimeSource::system().now().micros() / 1_000_000;
    let mut known = remembered(place, now);
    let keys: Vec<String> = message
        .links
        .iter()
        .map(|link| link.key.to_string())
        .filter(|key| !known.contains_key(key))
        .take(QUESTIONS)
        .collect();
    if keys.is_empty() {
        return Ok(());
    }
    let client = Client::of(place, BUDGET)?;
    let asked_at = Instant::now();
    let answers: Vec<(String, Answer<bool>)> = std::thread::scope(|scope| {
        let asked: Vec<_> = keys
            .into_iter()
            .map(|key| {
                let client = &client;
                scope.spawn(move || {
                    let answer = client.knows(&key);
                    (key, answer)
                })
            })
            .collect();
        asked
            .into_iter()
            .filter_map(|thread| thread.join().ok())
            .collect()
    });
    let mut unchecked = None;
    for (key, answer) in answers {
        match answer {
            Answer::Got(true) => {
                known.insert(key, now);
            }
            Answer::Got(false) => report.line("hook-unknown-ticket", &[("key", key)]),
            Answer::Away(_) => unchecked = Some("hook-not-checked"),
            Answer::Refused(_, why) => report.line("hook-token-refused", &[("why", why)]),
        }
    }
    if let Some(key) = unchecked {
        let millis = asked_at.elapsed().as_millis().to_string();
        report.line(key, &[("millis", millis)]);
    }
    let lines: String = known
        .iter()
        .map(|(key, at)| format!("{at} {key}\n"))
        .collect();
    place.set_verdicts(&lines)
}

fn remembered(place: &Place, now: i64) -> BTreeMap<String, i64> {
    let text = place.verdicts().unwrap_or_default();
    text.lines()
        .filter_map(|line| {
            let (at, key) = line.split_once(' ')?;
            let at: i64 = at.parse().ok()?;
            ((now - REMEMBER_SECS)..=now)
                .contains(&at)
                .then(|| (key.to_owned(), at))
        })
        .collect()
}
