//! The prepare-commit-msg hook: a message that names no ticket gets the one that its branch is named after, and a squash keeps the
//! tickets of what it squashes. Whoever writes the message sees it, and may take it away.

use std::path::Path;

use anyhow::Context;

use super::place::Place;
use crate::domain::commit_message::{Mode, Relation, Rules, parse};
use crate::domain::id::TicketKey;
use crate::intake::git::Git;

/// `source` is git's word for where the message comes from: `message`, `template`, `merge`, `squash`, `commit`, or none.
pub fn run(file: &Path, source: &str) -> anyhow::Result<()> {
    // A merge has its branch in its subject, and a commit that is amended was thought about.
    if matches!(source, "merge" | "commit") {
        return Ok(());
    }
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let text = String::from_utf8_lossy(&bytes);
    let git = Git::here();
    let url = Place::of(&git).ok().and_then(|place| place.url().ok());
    let rules = Rules::house(url.as_deref());
    let keys = match source {
        "squash" => squashed(&text, &rules),
        _ if !named(&text, &rules).is_empty() => Vec::new(),
        _ => of_branch(&git).into_iter().collect(),
    };
    let file = file.to_str().context("a file name that isn't text")?;
    for key in keys {
        let trailer = format!("Refs: {key}");
        let ask = [
            "interpret-trailers",
            "--in-place",
            "--if-exists",
            "addIfDifferent",
            "--trailer",
            &trailer,
            file,
        ];
        git.ask(&ask)?;
    }
    Ok(())
}

fn named(text: &str, rules: &Rules) -> Vec<TicketKey> {
    let mode = Mode::Hook {
        editor: true,
        comment: "#".to_owned(),
    };
    let message = parse(text, &mode, rules);
    let strong = message.links.iter();
    let strong = strong.filter(|link| link.relation >= Relation::Refs);
    strong.map(|link| link.key).collect()
}

/// The tickets of the messages in a squash, which git indents, as far as the whole doesn't name them by itself.
fn squashed(text: &str, rules: &Rules) -> Vec<TicketKey> {
    let own = named(text, rules);
    let mut keys = Vec::new();
    let mut one = String::new();
    let lines = text.lines().chain(std::iter::once("commit "));
    for line in lines {
        match line.strip_prefix("    ") {
            Some(inner) => {
                one.push_str(inner);
                one.push('\n');
            }
            None if line.trim().is_empty() => one.push('\n'),
            None => {
                keys.extend(named(&one, rules));
                one.clear();
            }
        }
    }
    keys.retain(|key| !own.contains(key));
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// `fix/CHG-7-pool` is about CHG-7.
fn of_branch(git: &Git<'_>) -> Option<TicketKey> {
    let branch = git.maybe(&["symbolic-ref", "--quiet", "--short", "HEAD"])?;
    let mut words = branch.split(['/', '_', '.']);
    words.find_map(|word| {
        let mut parts = word.splitn(3, '-');
        let (prefix, number) = (parts.next()?, parts.next()?);
        format!("{prefix}-{number}").parse().ok()
    })
}
