//! `hook drain` once a day: the refs as they are against those that the service has taken. Where refs moved and no hook heard of it (a
//! mirror, somebody at work in the repository itself, a hook that was gone) the service is told now, as of a push that nobody made.

use std::collections::BTreeMap;
use std::time::Duration;

use super::client::{Answer, Client};
use super::place::Place;
use super::{post_receive, say, spool};
use crate::domain::git::{Gap, Oid};
use crate::domain::id::PushId;
use crate::intake::git::Git;
use crate::time::TimeSource;

/// Once a day, whenever in it the timer runs.
const EVERY_SECS: i64 = 20 * 3_600;
/// A push whose hook is at work moves refs before it tells: what is still different a moment later was told by nobody.
const MOMENT: Duration = Duration::from_secs(3);
/// Refs whose missing commits are counted; each takes a walk.
const COUNTED: usize = 20;

/// Writes down what moved unheard, to be told like any push; how many refs.
pub(super) fn find_lost(git: &Git<'_>, place: &Place) -> anyhow::Result<usize> {
    let now = TimeSource::system().now();
    let is_due = place
        .compared_at()
        .is_none_or(|at| now.secs_since(at) >= EVERY_SECS);
    let is_bare = git.ask(&["rev-parse", "--is-bare-repository"])? == "true";
    // What was never told of is no gap: its first push brings everything.
    if !is_bare || !place.is_set_up() || !is_due || place.recorded().is_empty() {
        return Ok(0);
    }
    // What waits to be told isn't lost.
    if !spool::waiting(place).is_empty() {
        return Ok(0);
    }
    let mut lost = different(git, place)?;
    if !lost.is_empty() {
        std::thread::sleep(MOMENT);
        let still = different(git, place)?;
        lost.retain(|name, moved| still.get(name) == Some(moved));
    }
    if !spool::waiting(place).is_empty() {
        return Ok(0);
    }
    tell(place, &gaps(git, place, &lost)?)?;
    if !lost.is_empty() {
        let lines: String = lost
            .iter()
            .map(|(name, (old, new))| format!("{old} {new} {name}\n"))
            .collect();
        let moves = post_receive::moves(git, &lines);
        let push_id = PushId::new(now).to_string();
        let parts = post_receive::news(git, place, push_id.clone(), None, moves)?.parts()?;
        spool::keep(place, &push_id, parts)?;
        let names: Vec<&str> = lost.keys().map(String::as_str).collect();
        say(
            "hook-found-lost",
            &[
                ("count", lost.len().into()),
                ("refs", names.join(", ").into()),
            ],
        );
    }
    place.set_compared_at(now)?;
    Ok(lost.len())
}

/// What the service is told is missing there.
fn gaps(git: &Git<'_>, place: &Place, lost: &Lost) -> anyhow::Result<Vec<Gap>> {
    let known = place.recorded().into_iter();
    let known: String = known.map(|(_, oid)| format!("^{oid}\n")).collect();
    let args = ["rev-list", "--count", "--ignore-missing", "--stdin"];
    let mut gaps = Vec::new();
    for (name, (old, new)) in lost {
        let (Some(old), Some(new)) = (Oid::parse(old), Oid::parse(new)) else {
            continue;
        };
        let commits = match new.is_zero() || gaps.len() >= COUNTED {
            true => None,
            false => {
                let count = git.feed(&args, format!("{new}\n{known}").into_bytes())?;
                String::from_utf8_lossy(&count).trim().parse().ok()
            }
        };
        gaps.push(Gap {
            name: name.clone(),
            old,
            new,
            commits,
        });
    }
    Ok(gaps)
}

/// Whether the service takes it or not, what is missing is written down and told next.
fn tell(place: &Place, gaps: &[Gap]) -> anyhow::Result<()> {
    match Client::of(place, spool::EXCHANGE_BY_HAND)?.compared(gaps) {
        Answer::Got(()) => {}
        Answer::Away(why) | Answer::Refused(_, why) => {
            say("hook-compared-unheard", &[("why", why.into())]);
        }
    }
    Ok(())
}

/// Refs by name: where the service has them, and where they are.
type Lost = BTreeMap<String, (String, String)>;

/// Branches and tags that aren't where the service has them: before and now, by name.
fn different(git: &Git<'_>, place: &Place) -> anyhow::Result<Lost> {
    let format = "--format=%(objectname) %(refname)";
    let listed = git.ask(&["for-each-ref", format, "refs/heads", "refs/tags"])?;
    let there = listed.lines().filter_map(|line| line.split_once(' '));
    let there: BTreeMap<String, String> = there
        .map(|(oid, name)| (name.to_owned(), oid.to_owned()))
        .collect();
    let known: BTreeMap<String, String> = place.recorded().into_iter().collect();
    let mut found = BTreeMap::new();
    let names = there.keys().chain(known.keys());
    for name in names {
        let (old, new) = (known.get(name), there.get(name));
        if old == new {
            continue;
        }
        let length = old.or(new).map_or(40, String::len);
        let none = || "0".repeat(length);
        found.insert(
            name.clone(),
            (
                old.cloned().unwrap_or_else(none),
                new.cloned().unwrap_or_else(none),
            ),
        );
    }
    Ok(found)
}
