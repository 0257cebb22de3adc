//! The post-receive hook: which commits are new to the service, what they say, and telling it so.
//!
//! The refs have moved when it runs, so that "not in any ref" would find nothing: what is new is measured against the tips
//! that the service has acknowledged. A list of them that is too old only makes the set larger, and telling twice is harmless.

use std::io::Read;
use std::time::{Duration, Instant};

use super::facts::gather;
use super::git::Git;
use super::place::Place;
use super::pre_receive::pending;
use super::{say, spool};
use crate::domain::commit_message::PARSER_VERSION;
use crate::domain::git::{BULK_COMMITS, Oid, Push, RefMove, ReportedCommit};
use crate::domain::id::PushId;
use crate::intake::push::{COMMITS_PER_PART, PushBody};
use crate::time::TimeSource;

/// The whole hook: forges cut theirs off after five seconds, and somebody is waiting.
const BUDGET: Duration = Duration::from_secs(3);
/// Paths in one request: some megabytes.
const PATHS_PER_PART: usize = 20_000;
/// A push of more refs than this is a mirror's: describing each of them would take minutes.
const DESCRIBED_REFS: usize = 20;

pub fn run() -> anyhow::Result<()> {
    let deadline = Instant::now() + BUDGET;
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input)?;
    let git = Git::here();
    let place = Place::of(&git)?;
    if !place.is_set_up() {
        say("hook-not-set-up", &[]);
        return Ok(());
    }
    let moves = moves(&git, &input);
    if !moves.is_empty() {
        // The one that pre-receive asked with, if it did: its decision names the ticket of this push.
        let asked = place.take_pending(&pending(&moves));
        let push_id = asked.unwrap_or_else(|| PushId::new(TimeSource::system().now()).to_string());
        let parts = parts(&git, &place, push_id.clone(), pusher(), moves)?;
        // Written down before it is told: whatever happens from here on, nothing is lost.
        spool::keep(&place, &push_id, &parts)?;
    }
    spool::drain(&place, spool::EXCHANGE, deadline)
}

/// `old new ref` lines; refs that hold no work of people are left out. The default branch first: its versions count.
pub(super) fn moves(git: &Git<'_>, input: &str) -> Vec<RefMove> {
    let head = git.maybe(&["symbolic-ref", "--quiet", "HEAD"]);
    let mut moves: Vec<RefMove> = input
        .lines()
        .filter_map(|line| {
            let mut words = line.splitn(3, ' ');
            let (old, new) = (Oid::parse(words.next()?)?, Oid::parse(words.next()?)?);
            let name = words.next()?.to_owned();
            let ours = name.starts_with("refs/heads/") || name.starts_with("refs/tags/");
            ours.then_some(RefMove {
                name,
                old,
                new,
                dropped: 0,
                version_before: None,
                version_after: None,
            })
        })
        .collect();
    moves.sort_by_key(|moved| {
        let is_head = Some(&moved.name) == head.as_ref();
        (!is_head, moved.branch().is_none(), moved.name.clone())
    });
    moves
}

/// The push as the service will hear it, in parts of at most [`COMMITS_PER_PART`] commits.
pub(super) fn parts(
    git: &Git<'_>,
    place: &Place,
    push_id: String,
    pusher: Option<String>,
    mut refs: Vec<RefMove>,
) -> anyhow::Result<Vec<PushBody>> {
    let news = new_commits(git, place, &refs)?;
    if refs.len() <= DESCRIBED_REFS {
        for (index, moved) in refs.iter_mut().enumerate() {
            let oldest = news
                .iter()
                .find(|(_, by_ref)| *by_ref == index)
                .map(|(oid, _)| oid);
            describe(git, moved, oldest);
        }
    }
    let is_bulk = news.len() > BULK_COMMITS;
    let mut commits = gather(git, &news, !is_bulk, &place.url()?)?;
    let mut parts = Vec::new();
    loop {
        let rest = commits.split_off(part_length(&commits));
        let push = Push {
            push_id: push_id.clone(),
            pusher: pusher.clone(),
            parser: PARSER_VERSION,
            refs: refs.clone(),
            commits,
            is_bulk,
            is_last: rest.is_empty(),
            tips_hash: None,
        };
        parts.push(PushBody::of(&push));
        if rest.is_empty() {
            return Ok(parts);
        }
        commits = rest;
    }
}

/// How many of these commits fit into one request.
fn part_length(commits: &[ReportedCommit]) -> usize {
    let mut paths = 0;
    let fits = commits.iter().take(COMMITS_PER_PART).take_while(|commit| {
        paths += commit.paths.len();
        paths <= PATHS_PER_PART
    });
    // One commit fits always: it has at most 100 paths.
    fits.count().max(1).min(commits.len())
}

/// Commits that the service hasn't taken, oldest first, each with the first ref that brought it.
fn new_commits(
    git: &Git<'_>,
    place: &Place,
    refs: &[RefMove],
) -> anyhow::Result<Vec<(Oid, usize)>> {
    let mut taken: String = place
        .recorded()
        .iter()
        .map(|(_, oid)| format!("^{oid}\n"))
        .collect();
    let mut found = Vec::new();
    for (index, moved) in refs
        .iter()
        .enumerate()
        .filter(|(_, moved)| !moved.new.is_zero())
    {
        let input = format!("{}\n{taken}", moved.new);
        // Options don't work on stdin before git 2.42, and 50,000 arguments don't fit a command line: `^oid` lines do both.
        let args = [
            "rev-list",
            "--topo-order",
            "--reverse",
            "--ignore-missing",
            "--stdin",
        ];
        let output = git.feed(&args, input.into_bytes())?;
        let listed = String::from_utf8_lossy(&output);
        found.extend(
            listed
                .lines()
                .filter_map(Oid::parse)
                .map(|oid| (oid, index)),
        );
        taken.push_str(&format!("^{}\n", moved.new));
    }
    Ok(found)
}

/// Names the versions before and after, and counts what a forced push has dropped.
fn describe(git: &Git<'_>, moved: &mut RefMove, oldest: Option<&Oid>) {
    let version = |commit: &str| git.maybe(&["describe", "--tags", "--always", commit]);
    if !moved.new.is_zero() {
        moved.version_after = version(moved.new.as_str());
    }
    if !moved.old.is_zero() {
        moved.version_before = version(moved.old.as_str());
    } else if let Some(oldest) = oldest {
        // A new branch: what its first new commit was built on. Nothing, if it is the very first.
        moved.version_before = version(&format!("{oldest}^"));
    }
    if !moved.old.is_zero() && !moved.new.is_zero() {
        let new = format!("^{}", moved.new);
        let count = git.maybe(&[
            "rev-list",
            "--count",
            "--ignore-missing",
            moved.old.as_str(),
            &new,
        ]);
        moved.dropped = count.and_then(|count| count.parse().ok()).unwrap_or(0);
    }
}

/// Who pushes, as whatever runs git here says: shown, and gives no rights.
pub(super) fn pusher() -> Option<String> {
    let variable = |name| {
        std::env::var(name)
            .ok()
            .filter(|value: &String| !value.trim().is_empty())
    };
    if variable("GIT_PUSH_CERT_STATUS").as_deref() == Some("G")
        && let Some(signer) = variable("GIT_PUSH_CERT_SIGNER")
    {
        return Some(signer);
    }
    [
        "GITHUB_USER_LOGIN",
        "PHABRICATOR_USER",
        "GL_USERNAME",
        "GL_ID",
        "GITEA_PUSHER_NAME",
        "GL_USER",
        "REMOTE_USER",
        // For a forced command or a wrapper of one's own.
        "WATCHKEEPER_USER",
    ]
    .into_iter()
    .find_map(variable)
}
