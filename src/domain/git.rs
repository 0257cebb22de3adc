//! Commits, pushes and repositories as values, and the command that takes commits back.

use std::collections::{HashMap, HashSet};

use super::commit_message::{Facts, Flags, Link};
use super::id::{RepositoryId, ServiceId};
use super::live_tag::Tag;
use super::refusal::FieldError;
use super::text::{NAME_CHARS, one_line, optional_line};
use super::timestamp::Timestamp;
use super::word::words;

/// A push of more new commits than this links without acting: it is an import, not somebody's work of today.
pub const BULK_COMMITS: usize = 2_000;
/// Commits of one push that are said to be gone; of more, the newest.
pub const GONE: usize = 1_000;
/// Paths kept of one commit; the number of all is kept beside them.
pub const PATHS: usize = 100;

/// A commit id: 40 or 64 lower-case hex digits (SHA-1 or SHA-256).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Oid(String);

impl Oid {
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        (hex && matches!(text.len(), 40 | 64)).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// git's way to say "no object": a ref that is created or deleted. All zeros, whatever the length.
    pub fn is_zero(&self) -> bool {
        self.0.bytes().all(|byte| byte == b'0')
    }

    /// As people read it: the first ten digits.
    pub fn short(&self) -> &str {
        &self.0[..10]
    }
}

impl std::fmt::Display for Oid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who wrote or committed, and when. Shown, but gives no rights: anybody can write any name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    pub name: String,
    pub email: String,
    pub at: Timestamp,
}

words! {
    /// What a commit did to a file.
    pub enum FileChange { Added = "A", Modified = "M", Deleted = "D", Renamed = "R", Copied = "C", Retyped = "T" }
}

/// A file that a commit touched, compared with its first parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TouchedPath {
    pub change: FileChange,
    pub path: String,
}

/// A commit as it lies in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    pub oid: Oid,
    pub parents: Vec<Oid>,
    pub author: Signature,
    pub committer: Signature,
    /// Decoded; the parser cleans it.
    pub message: String,
}

/// A commit as a hook reports it: what its message says, not the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedCommit {
    pub oid: Oid,
    pub parents: Vec<Oid>,
    pub author: Signature,
    pub committer: Signature,
    pub subject: String,
    pub links: Vec<Link>,
    pub facts: Facts,
    pub flags: Flags,
    /// At most [`PATHS`], of `path_count`.
    pub paths: Vec<TouchedPath>,
    pub path_count: i32,
    /// The ref of this push by which it came, as an index into [`Push::refs`].
    pub by_ref: usize,
}

impl ReportedCommit {
    /// What stays the same when a commit is rebased, cherry-picked or sent to a second remote, so that it acts once.
    ///
    /// Gerrit's Change-Id, else author, author's date and subject: all three survive a rebase and a cherry-pick, and no diff
    /// has to leave the repository for them. (A pick whose origin is known has the origin's root: the caller looks it up.)
    pub fn root(&self) -> String {
        if let Some(id) = &self.facts.change_id {
            return format!("change-id:{id}");
        }
        let (email, at) = (&self.author.email, self.author.at.micros());
        format!("author:{email} {at} {}", self.subject)
    }
}

/// A ref that a push moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefMove {
    pub name: String,
    pub old: Oid,
    pub new: Oid,
    /// Commits of `old` that `new` no longer has: more than zero means a forced push.
    pub dropped: i64,
    /// `git describe --tags --always` of the old and the new tip.
    pub version_before: Option<String>,
    pub version_after: Option<String>,
    /// Of a tag that was set: what it names and says.
    pub tag: Option<Tag>,
}

impl RefMove {
    pub fn branch(&self) -> Option<&str> {
        self.name.strip_prefix("refs/heads/")
    }

    pub fn is_tag(&self) -> bool {
        self.name.starts_with("refs/tags/")
    }

    /// The name without `refs/heads/` or `refs/tags/`.
    pub fn short_name(&self) -> &str {
        let tag = self.name.strip_prefix("refs/tags/");
        self.branch().or(tag).unwrap_or(&self.name)
    }
}

/// What arrived by one push, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// Made by the hook; sending the same push again changes nothing.
    pub push_id: String,
    /// As the transport told the hook: shown, not believed.
    pub pusher: Option<String>,
    pub parser: i32,
    pub refs: Vec<RefMove>,
    /// Oldest first.
    pub commits: Vec<ReportedCommit>,
    /// What no branch or tag holds any more: a forced push replaced it, or its branch was deleted. At most [`GONE`].
    pub gone: Vec<Oid>,
    /// More than [`BULK_COMMITS`] in all its parts.
    pub is_bulk: bool,
    /// Nothing more follows of this push: its refs are recorded now.
    pub is_last: bool,
    /// The hash of the tips that the hook will believe recorded once this is acknowledged.
    pub tips_hash: Option<String>,
}

/// A repository that may tell us about its commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    pub id: RepositoryId,
    pub name: String,
    pub default_branch: String,
    /// Branches whose commits count as published besides the default branch; `*` stands for anything.
    pub publish: Vec<String>,
    /// Where a commit can be looked at; `{commit}` stands for its id.
    pub commit_url: Option<String>,
    pub service: Option<ServiceId>,
    /// What else is made from it: their freezes hold for its pushes too.
    pub other_services: Vec<ServiceId>,
    /// Where no pipeline says it: tags such as `deploy/prod/4.12.0` and `env/prod` do ([`super::live_tag`]).
    pub tags_say_live: bool,
    /// Commits of pushers whom nobody here knows resolve and reopen tickets too; else only those of people who may.
    pub strangers_move: bool,
    /// What pushes are asked, as it was written; empty: [`super::push_rule::default_rules`].
    pub push_rules: String,
    pub is_active: bool,
    pub made_at: Timestamp,
    pub last_push_at: Option<Timestamp>,
    pub version: i64,
}

/// A ref that isn't where the service has it: it moved, and nobody told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    pub name: String,
    /// Where the service has it; zeros: nowhere.
    pub old: Oid,
    /// Where it is; zeros: it is gone.
    pub new: Oid,
    /// Commits that the service doesn't have, if they were counted.
    pub commits: Option<i64>,
}

impl Repository {
    /// Everything that is made from it, its own service first.
    pub fn services(&self) -> Vec<ServiceId> {
        let mut all: Vec<ServiceId> = self.service.into_iter().collect();
        for other in &self.other_services {
            if !all.contains(other) {
                all.push(*other);
            }
        }
        all
    }

    /// Is a commit that this ref holds published? Until then nothing acts on it.
    pub fn publishes(&self, ref_name: &str) -> bool {
        ref_name.strip_prefix("refs/heads/").is_some_and(|branch| {
            branch == self.default_branch
                || self
                    .publish
                    .iter()
                    .any(|pattern| pattern_fits(pattern, branch))
        })
    }

    pub fn url_of(&self, commit: &str) -> Option<String> {
        Some(self.commit_url.as_ref()?.replace("{commit}", commit))
    }
}

/// `*` stands for any number of any characters, everything else for itself.
pub fn pattern_fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut last = None;
    for part in parts {
        if let Some(middle) = last.replace(part) {
            match rest.find(middle) {
                Some(at) => rest = &rest[at + middle.len()..],
                None => return false,
            }
        }
    }
    match last {
        Some(end) => rest.ends_with(end),
        None => rest.is_empty(),
    }
}

/// A repository's name: path-like, so that it can stand in an address: `infra/web`.
pub fn repository_name(text: &str) -> Result<String, FieldError> {
    let name = one_line("name", text, NAME_CHARS)?;
    let good = name.split('/').all(|part| {
        !part.is_empty()
            && !part.starts_with('.')
            && part
                .chars()
                .all(|c| c.is_alphanumeric() || "-_.".contains(c))
    });
    if good {
        Ok(name)
    } else {
        Err(FieldError::new("name", "not-a-repository-name").with("value", name))
    }
}

/// A branch's name, or a pattern of them.
pub fn branch_name(field: &'static str, text: &str) -> Result<String, FieldError> {
    let name = one_line(field, text, NAME_CHARS)?;
    let good = !name.contains("..")
        && !name.starts_with(['-', '/'])
        && !name.ends_with('/')
        && !name.chars().any(|c| " ~^:?[\\".contains(c));
    if good {
        Ok(name)
    } else {
        Err(FieldError::new(field, "not-a-branch").with("value", name))
    }
}

/// Patterns of published branches, one per line, blank or comma.
pub fn publish_patterns(text: &str) -> Result<Vec<String>, FieldError> {
    text.split(|c: char| c.is_whitespace() || c == ',')
        .filter(|word| !word.is_empty())
        .map(|word| branch_name("publish", word))
        .collect()
}

/// The address of a commit on a forge: http or https, with `{commit}` in it.
pub fn commit_url(text: &str) -> Result<Option<String>, FieldError> {
    let Some(url) = optional_line("commit_url", text, 500)? else {
        return Ok(None);
    };
    let web = url.starts_with("https://") || url.starts_with("http://");
    if web && url.contains("{commit}") && !url.contains(['"', '\'', '<', '>', ' ']) {
        return Ok(Some(url));
    }
    Err(FieldError::new("commit_url", "not-a-commit-url").with("value", url))
}

/// A linked commit, as far as taking it back depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revertible {
    pub oid: String,
    pub parents: Vec<String>,
    /// The commits that it takes back itself, maybe abbreviated.
    pub reverts: Vec<String>,
}

/// Those of `linked` whose work is in effect, oldest first, as `linked` comes: nothing in it took them back, or what did was taken
/// back itself. What takes others back is no work; nor is what a merge brought in, beside the merge.
///
/// `graph` knows the parents of the repository's commits, for the merges.
pub fn in_effect<'a>(
    linked: &'a [Revertible],
    graph: &HashMap<String, Vec<String>>,
) -> Vec<&'a Revertible> {
    let is_of = |start: &String, commit: &Revertible| {
        start.len() >= 7 && commit.oid.starts_with(start.as_str())
    };
    // What counts is decided from the newest on: a revert that was reverted takes nothing back.
    let mut counts = vec![true; linked.len()];
    for at in (0..linked.len()).rev() {
        let mut later = linked.iter().zip(&counts).skip(at + 1);
        let undone = later.any(|(other, counts)| {
            *counts && other.reverts.iter().any(|start| is_of(start, &linked[at]))
        });
        counts[at] = !undone;
    }
    let takes_back = |commit: &Revertible| {
        let mut starts = commit.reverts.iter();
        starts.any(|start| linked.iter().any(|other| is_of(start, other)))
    };
    let mut brought: HashSet<&str> = HashSet::new();
    for merge in linked.iter().filter(|commit| commit.parents.len() > 1) {
        let mainline = reachable(&merge.parents[..1], graph);
        brought.extend(reachable(&merge.parents[1..], graph).difference(&mainline));
    }
    let in_effect = linked.iter().zip(counts).filter(|(commit, counts)| {
        *counts && !takes_back(commit) && !brought.contains(commit.oid.as_str())
    });
    in_effect.map(|(commit, _)| commit).collect()
}

/// The commands that take `linked` back, newest first; run from top to bottom. `linked` comes oldest first.
///
/// A merge is taken back with its first parent as the mainline, and what it brought in isn't taken back a second time. A commit and
/// the one that reverted it cancel out, until that is reverted.
pub fn revert_commands(linked: &[Revertible], graph: &HashMap<String, Vec<String>>) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    let mut ordinary: Vec<&str> = Vec::new();
    let flush = |ordinary: &mut Vec<&str>, commands: &mut Vec<String>| {
        if !ordinary.is_empty() {
            commands.push(format!("git revert --no-edit {}", ordinary.join(" ")));
            ordinary.clear();
        }
    };
    for commit in in_effect(linked, graph).into_iter().rev() {
        if commit.parents.len() > 1 {
            flush(&mut ordinary, &mut commands);
            commands.push(format!("git revert --no-edit -m 1 {}", commit.oid));
        } else {
            ordinary.push(&commit.oid);
        }
    }
    flush(&mut ordinary, &mut commands);
    commands
}

/// The commits of `graph` that can be reached from `from`, and `from` itself.
fn reachable<'a>(from: &'a [String], graph: &'a HashMap<String, Vec<String>>) -> HashSet<&'a str> {
    let mut seen = HashSet::new();
    let mut open: Vec<&str> = from.iter().map(String::as_str).collect();
    while let Some(oid) = open.pop() {
        if seen.insert(oid)
            && let Some(parents) = graph.get(oid)
        {
            open.extend(parents.iter().map(String::as_str));
        }
    }
    seen
}

/// The commits of `unpublished` (id → parents) that `tips` hold, oldest first: what their publication publishes.
pub fn newly_published<'a, 'b>(
    tips: impl IntoIterator<Item = &'b str>,
    unpublished: &'a HashMap<String, Vec<String>>,
) -> Vec<&'a str> {
    let mut order = Vec::new();
    let mut seen: HashSet<&str> = HashSet::new();
    let mut open: Vec<(&str, bool)> = tips
        .into_iter()
        .filter_map(|tip| unpublished.get_key_value(tip))
        .map(|(tip, _)| (tip.as_str(), false))
        .collect();
    open.reverse();
    while let Some((oid, parents_done)) = open.pop() {
        if parents_done {
            order.push(oid);
        } else if seen.insert(oid) {
            open.push((oid, true));
            let parents = unpublished.get(oid).into_iter().flatten();
            for parent in parents.filter_map(|parent| unpublished.get_key_value(parent.as_str())) {
                open.push((parent.0, false));
            }
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(oid: &str, parents: &[&str], reverts: &[&str]) -> Revertible {
        let own = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        Revertible {
            oid: oid.into(),
            parents: own(parents),
            reverts: own(reverts),
        }
    }

    fn graph(commits: &[(&str, &[&str])]) -> HashMap<String, Vec<String>> {
        let own = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        commits
            .iter()
            .map(|(oid, parents)| ((*oid).to_owned(), own(parents)))
            .collect()
    }

    #[test]
    fn ordinary_commits_are_reverted_newest_first_in_one_command() {
        let linked = [commit("a", &["0"], &[]), commit("b", &["a"], &[])];
        assert_eq!(
            revert_commands(&linked, &HashMap::new()),
            ["git revert --no-edit b a"]
        );
        assert_eq!(revert_commands(&[], &HashMap::new()), Vec::<String>::new());
    }

    #[test]
    fn a_merge_is_reverted_by_its_mainline_and_its_branch_not_again() {
        // 0 - a ------- m - z      (x, y on a branch from 0; a and z ordinary)
        //  `- x - y ---´
        let graph = graph(&[
            ("a", &["0"]),
            ("x", &["0"]),
            ("y", &["x"]),
            ("m", &["a", "y"]),
            ("z", &["m"]),
        ]);
        let linked = [
            commit("a", &["0"], &[]),
            commit("x", &["0"], &[]),
            commit("y", &["x"], &[]),
            commit("m", &["a", "y"], &[]),
            commit("z", &["m"], &[]),
        ];
        assert_eq!(
            revert_commands(&linked, &graph),
            [
                "git revert --no-edit z",
                "git revert --no-edit -m 1 m",
                "git revert --no-edit a"
            ]
        );
    }

    #[test]
    fn what_was_reverted_already_is_not_reverted_again() {
        let linked = [
            commit("aaaaaaaa1", &["0"], &[]),
            commit("b", &["aaaaaaaa1"], &["aaaaaaaa"]),
            commit("c", &["b"], &["1234567"]),
        ];
        assert_eq!(
            revert_commands(&linked, &HashMap::new()),
            ["git revert --no-edit c"]
        );
    }

    #[test]
    fn what_was_brought_back_is_in_effect_again() {
        let (a, b) = ("aaaaaaaa1", "bbbbbbbb1");
        let mut linked = vec![
            commit(a, &["0"], &[]),
            commit(b, &[a], &[a]),
            commit("cccccccc1", &[b], &[b]),
        ];
        let oids = |linked: &[Revertible]| -> Vec<String> {
            let all = in_effect(linked, &HashMap::new()).into_iter();
            all.map(|it| it.oid.clone()).collect()
        };
        assert_eq!(oids(&linked), [a]);
        assert_eq!(oids(&linked[..2]), Vec::<String>::new());
        assert_eq!(
            revert_commands(&linked, &HashMap::new()),
            [format!("git revert --no-edit {a}")]
        );
        // And taken back once more.
        linked.push(commit("dddddddd1", &["cccccccc1"], &["cccccccc1"]));
        assert_eq!(oids(&linked), Vec::<String>::new());
    }

    #[test]
    fn publication_reaches_down_to_what_is_published_oldest_first() {
        let unpublished = graph(&[
            ("c", &["b", "x"]),
            ("b", &["a"]),
            ("x", &["a"]),
            ("wip", &["b"]),
        ]);
        let order = newly_published(["c"], &unpublished);
        assert_eq!(order.last(), Some(&"c"));
        assert_eq!(order.len(), 3);
        assert_eq!(
            newly_published(["unknown"], &unpublished),
            Vec::<&str>::new()
        );
    }

    #[test]
    fn branches_are_published_by_name_or_pattern() {
        let repository = Repository {
            id: crate::domain::id::Id::new(Timestamp::from_micros(0)),
            name: "infra/web".into(),
            default_branch: "main".into(),
            publish: vec!["release/*".into()],
            commit_url: Some("https://git.example/c/{commit}".into()),
            service: None,
            other_services: Vec::new(),
            tags_say_live: false,
            strangers_move: false,
            push_rules: String::new(),
            is_active: true,
            made_at: Timestamp::from_micros(0),
            last_push_at: None,
            version: 1,
        };
        for (name, published) in [
            ("refs/heads/main", true),
            ("refs/heads/main2", false),
            ("refs/heads/release/1.2", true),
            ("refs/heads/wip/release/1", false),
            ("refs/tags/main", false),
        ] {
            assert_eq!(repository.publishes(name), published, "{name}");
        }
        assert_eq!(
            repository.url_of("abc").as_deref(),
            Some("https://git.example/c/abc")
        );
        for (pattern, text, fits) in [
            ("*", "x/y", true),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "acb", false),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(pattern_fits(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn names_and_addresses_are_checked() {
        assert_eq!(repository_name(" infra/web-1.x ").unwrap(), "infra/web-1.x");
        for wrong in ["", "/x", "x/", "../x", "a b", "a\u{0}/b c"] {
            assert!(repository_name(wrong).is_err(), "{wrong}");
        }
        assert!(commit_url("https://g/x/{commit}").is_ok());
        for wrong in ["https://g/x", "javascript:{commit}", "https://g/\"{commit}"] {
            assert!(commit_url(wrong).is_err(), "{wrong}");
        }
        assert!(branch_name("default_branch", "--upload-pack=x").is_err());
    }

    #[test]
    fn an_oid_is_40_or_64_hex_digits() {
        assert!(Oid::parse(&"0".repeat(64)).unwrap().is_zero());
        assert!(!Oid::parse(&"a".repeat(40)).unwrap().is_zero());
        for wrong in ["", "abc", &"A".repeat(40), &"g".repeat(40), &"a".repeat(41)] {
            assert_eq!(Oid::parse(wrong), None);
        }
    }
}
