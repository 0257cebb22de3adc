//! What forced pushes and deleted branches leave behind, kept for whoever must be able to look at it: git sweeps away what no ref
//! holds. Off unless it is chosen.
//!
//! A ref of ours holds each lost tip: clients don't see it, can't fetch it by name and can't remove it; by the commit's id git gives it
//! out to whoever knows that. It stays when a branch brings the commits again.

use std::collections::HashSet;

use crate::domain::git::Oid;
use crate::intake::git::{Git, unheld};

const SETTING: &str = "watchkeeper.keep";
/// Everything of ours among the refs.
const HIDDEN: &str = "refs/watchkeeper";
const KEPT: &str = "refs/watchkeeper/keep/";

/// From now on this repository keeps what pushes leave behind. What else is hidden from clients stays hidden.
pub(super) fn choose(git: &Git<'_>) -> anyhow::Result<()> {
    if !is_hidden(git) {
        git.ask(&["config", "--add", "transfer.hideRefs", HIDDEN])?;
    }
    git.ask(&["config", SETTING, "true"])?;
    Ok(())
}

pub(super) fn is_chosen(git: &Git<'_>) -> bool {
    let set = git.maybe(&["config", "--type=bool", "--get", SETTING]);
    set.as_deref() == Some("true")
}

/// Whether clients are shown none of it.
pub(super) fn is_hidden(git: &Git<'_>) -> bool {
    let set = git.maybe(&["config", "--get-all", "transfer.hideRefs"]);
    set.is_some_and(|set| set.lines().any(|line| line == HIDDEN))
}

/// How many lost tips are kept.
pub(super) fn count(git: &Git<'_>) -> anyhow::Result<usize> {
    let listed = git.ask(&["for-each-ref", "--format=%(refname)", KEPT])?;
    Ok(listed.lines().count())
}

/// Keeps those of these tips that no branch and no tag holds any more.
pub(super) fn lost(git: &Git<'_>, left: &[&Oid]) -> anyhow::Result<()> {
    if left.is_empty() || !is_chosen(git) {
        return Ok(());
    }
    // A tag may be an object of its own, and what was swept meanwhile has no commit any more.
    let asked: String = left
        .iter()
        .map(|oid| format!("{oid}^{{commit}}\n"))
        .collect();
    let args = ["cat-file", "--batch-check=%(objectname)"];
    let found = git.feed(&args, asked.into_bytes())?;
    let found = String::from_utf8_lossy(&found);
    let commits: Vec<Option<Oid>> = found.lines().map(Oid::parse).collect();
    let tips: String = commits
        .iter()
        .flatten()
        .map(|oid| format!("{oid}\n"))
        .collect();
    if tips.is_empty() {
        return Ok(());
    }
    let lost = unheld(git, tips, None)?;
    let lost: HashSet<Oid> = lost.into_iter().collect();
    let kept: String = left
        .iter()
        .zip(&commits)
        .filter(|(_, commit)| commit.as_ref().is_some_and(|oid| lost.contains(oid)))
        .map(|(tip, _)| format!("update {KEPT}{tip} {tip}\n"))
        .collect();
    if !kept.is_empty() {
        git.feed(&["update-ref", "--stdin"], kept.into_bytes())?;
    }
    Ok(())
}
