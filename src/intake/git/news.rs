//! What a push brought: which commits are new to the service, and what each of them says, as it will be told.
//!
//! The refs have moved when this runs, so that "not in any ref" would find nothing: what is new is measured against the tips
//! that the service has taken. Telling the same twice is harmless.

use std::collections::VecDeque;

use super::facts::Reader;
use super::program::Git;
use super::tags::read_tags;
use crate::domain::commit_message::PARSER_VERSION;
use crate::domain::git::{BULK_COMMITS, GONE, Oid, Push, RefMove, ReportedCommit};
use crate::domain::live_tag::{FOLDERS, is_meant};
use crate::error::Result;
use crate::intake::push::{COMMITS_PER_PART, PushBody};

/// Paths in one request: some megabytes.
const PATHS_PER_PART: usize = 20_000;
/// A push of more refs than this is a mirror's: describing each of them would take minutes.
const DESCRIBED_REFS: usize = 20;

/// A push that is about to be told: what moved, and what the service has already.
pub struct News<'a> {
    pub git: &'a Git<'a>,
    /// The tips whose commits the service has taken: name and id. A list that is too old only makes the push larger.
    pub taken: Vec<(String, String)>,
    /// The service's own address, by which messages may name tickets.
    pub base_url: Option<String>,
    pub push_id: String,
    pub pusher: Option<String>,
    /// With neither versions nor the number of dropped commits, which are found here. The first to bring a commit counts.
    pub refs: Vec<RefMove>,
    /// Whether the service hears which files the commits touch, or only how many.
    pub sends_paths: bool,
}

impl<'a> News<'a> {
    /// The push as the service will hear it, in parts of at most [`COMMITS_PER_PART`] commits, each read when it is asked for.
    pub fn parts(self) -> Result<Parts<'a>> {
        let mut refs = self.refs;
        let commits = new_commits(self.git, &self.taken, &refs)?;
        read_tags(self.git, &mut refs, self.base_url.as_deref())?;
        if refs.len() <= DESCRIBED_REFS {
            for (index, moved) in refs.iter_mut().enumerate() {
                let oldest = commits
                    .iter()
                    .find(|(_, by_ref)| *by_ref == index)
                    .map(|(oid, _)| oid);
                describe(self.git, moved, oldest);
            }
        }
        let is_bulk = commits.len() > BULK_COMMITS;
        Ok(Parts {
            reader: Reader::of(self.git, !is_bulk, self.base_url.as_deref()),
            gone: gone(self.git, &refs)?,
            push: Push {
                push_id: self.push_id,
                pusher: self.pusher,
                parser: PARSER_VERSION,
                refs,
                commits: Vec::new(),
                gone: Vec::new(),
                is_bulk,
                is_last: false,
                tips_hash: None,
            },
            sends_paths: self.sends_paths,
            commits,
            asked: 0,
            read: VecDeque::new(),
        })
    }
}

/// A push, part by part. A push without commits is one part.
pub struct Parts<'a> {
    reader: Reader<'a>,
    /// What all parts say.
    push: Push,
    gone: Vec<Oid>,
    sends_paths: bool,
    commits: Vec<(Oid, usize)>,
    /// So many of them have been read.
    asked: usize,
    /// And these of them wait for the next part.
    read: VecDeque<ReportedCommit>,
}

impl Parts<'_> {
    pub fn is_bulk(&self) -> bool {
        self.push.is_bulk
    }

    /// Where the refs were that lost commits.
    pub fn left(&self) -> Vec<&Oid> {
        left(&self.push.refs)
    }

    fn part(&mut self) -> Result<PushBody> {
        let next = &self.commits[self.asked..];
        let next = &next[..next.len().min(COMMITS_PER_PART - self.read.len())];
        let mut read = self.reader.read(next)?;
        if !self.sends_paths {
            read.iter_mut().for_each(|commit| commit.paths.clear());
        }
        self.read.extend(read);
        self.asked += next.len();
        let length = part_length(&self.read);
        self.push.commits = self.read.drain(..length).collect();
        self.push.is_last = self.read.is_empty() && self.asked == self.commits.len();
        if self.push.is_last {
            self.push.gone = std::mem::take(&mut self.gone);
        }
        Ok(PushBody::of(&self.push))
    }
}

impl Iterator for Parts<'_> {
    type Item = Result<PushBody>;

    fn next(&mut self) -> Option<Self::Item> {
        (!self.push.is_last).then(|| self.part())
    }
}

/// How many of these commits fit into one request.
fn part_length(commits: &VecDeque<ReportedCommit>) -> usize {
    let mut paths = 0;
    let fits = commits.iter().take_while(|commit| {
        paths += commit.paths.len();
        paths <= PATHS_PER_PART
    });
    // One commit fits always: it has at most 100 paths.
    fits.count().max(1).min(commits.len())
}

/// Commits that the service hasn't taken, oldest first, each with the first ref that brought it.
fn new_commits(
    git: &Git<'_>,
    taken: &[(String, String)],
    refs: &[RefMove],
) -> Result<Vec<(Oid, usize)>> {
    let mut taken: String = taken.iter().map(|(_, oid)| format!("^{oid}\n")).collect();
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

/// Where the refs were that were forced or deleted. Of a mirror's push that isn't known one by one: where all of them were.
fn left(refs: &[RefMove]) -> Vec<&Oid> {
    let is_mirror = refs.len() > DESCRIBED_REFS;
    refs.iter()
        .filter(|moved| moved.new.is_zero() || moved.dropped > 0 || is_mirror)
        .map(|moved| &moved.old)
        .filter(|old| !old.is_zero())
        .collect()
}

/// What lay on the refs that were forced or deleted, and on no branch or tag any more; git has it until it sweeps.
fn gone(git: &Git<'_>, refs: &[RefMove]) -> Result<Vec<Oid>> {
    let old: String = left(refs).iter().map(|old| format!("{old}\n")).collect();
    if old.is_empty() {
        return Ok(Vec::new());
    }
    unheld(git, old, Some(GONE))
}

/// The commits below these, an id a line, that no branch and no tag holds; at most so many.
pub fn unheld(git: &Git<'_>, below: String, most: Option<usize>) -> Result<Vec<Oid>> {
    let most = most.map(|most| format!("--max-count={most}"));
    let mut args = vec!["rev-list", "--ignore-missing"];
    args.extend(most.as_deref());
    args.extend(["--not", "--branches", "--tags", "--not", "--stdin"]);
    let output = git.feed(&args, below.into_bytes())?;
    let listed = String::from_utf8_lossy(&output);
    Ok(listed.lines().filter_map(Oid::parse).collect())
}

/// Names the versions before and after, and counts what a forced push has dropped.
fn describe(git: &Git<'_>, moved: &mut RefMove, oldest: Option<&Oid>) {
    // What says where something is, is no version. Where there is no tag, git looks for one through the whole history: seconds in a large one, at every push.
    let tags = git.maybe(&["for-each-ref", "--format=%(refname)", "refs/tags"]);
    let has_tags = tags.is_some_and(|names| names.lines().any(|name| !is_meant(name)));
    let left_out = FOLDERS.map(|folder| format!("--exclude={folder}/*"));
    let [first, second] = left_out.each_ref().map(String::as_str);
    let version = |commit: &str| match has_tags {
        true => git.maybe(&["describe", "--tags", "--always", first, second, commit]),
        false => git.maybe(&[
            "rev-parse",
            "--verify",
            "-q",
            "--short",
            &format!("{commit}^{{commit}}"),
        ]),
    };
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
