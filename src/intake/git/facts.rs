//! What the new commits of a push are, and what each of them says.

use std::collections::HashMap;

use super::program::{Git, next_object};
use crate::domain::commit_message::{Mode, Rules, parse};
use crate::domain::git::{Commit, Oid, PATHS, ReportedCommit, TouchedPath};
use crate::error::{Error, Result};
use crate::intake::commits;

type Touched = (Vec<TouchedPath>, i32);

/// Reads commits of one repository.
pub struct Reader<'a> {
    git: &'a Git<'a>,
    /// `None`: git2 can't open it.
    opened: Option<git2::Repository>,
    with_paths: bool,
    rules: Rules,
}

impl<'a> Reader<'a> {
    /// `with_paths` is false for imports: a diff per commit of a whole history would take longer than a hook may.
    pub fn of(git: &'a Git<'a>, with_paths: bool, base_url: Option<&str>) -> Self {
        Self {
            git,
            opened: opened(git),
            with_paths,
            rules: Rules::house(base_url),
        }
    }

    /// The commits of `oids` as they will be reported, in that order; each comes with the index of the ref that brought it.
    pub fn read(&self, oids: &[(Oid, usize)]) -> Result<Vec<ReportedCommit>> {
        let opened = self.opened.as_ref();
        let found = match opened.and_then(|it| by_library(it, oids, self.with_paths)) {
            Some(found) => found,
            // git2 can't open SHA-256 repositories, nor such as belong to another user.
            None => by_program(self.git, oids, self.with_paths)?,
        };
        let found = found.into_iter().zip(oids);
        Ok(found
            .map(|((commit, touched), (_, by_ref))| reported(commit, touched, *by_ref, &self.rules))
            .collect())
    }
}

fn opened(git: &Git<'_>) -> Option<git2::Repository> {
    // git doesn't hash again what it reads either: that is what `git fsck` is for.
    git2::opts::strict_hash_verification(false);
    let folder = git.ask(&["rev-parse", "--absolute-git-dir"]).ok()?;
    git2::Repository::open(folder).ok()
}

/// As above, without paths and by git alone: what lies in quarantine the library doesn't see.
pub fn by_program_alone(
    git: &Git<'_>,
    oids: &[Oid],
    base_url: Option<&str>,
) -> Result<Vec<ReportedCommit>> {
    let rules = Rules::house(base_url);
    let asked: Vec<(Oid, usize)> = oids.iter().map(|oid| (oid.clone(), 0)).collect();
    let found = by_program(git, &asked, false)?.into_iter();
    Ok(found
        .map(|(commit, touched)| reported(commit, touched, 0, &rules))
        .collect())
}

fn reported(
    commit: Commit,
    (paths, path_count): Touched,
    by_ref: usize,
    rules: &Rules,
) -> ReportedCommit {
    let message = parse(&commit.message, &Mode::Server, rules);
    ReportedCommit {
        subject: message.subject().to_owned(),
        oid: commit.oid,
        parents: commit.parents,
        author: commit.author,
        committer: commit.committer,
        links: message.links,
        facts: message.facts,
        flags: message.flags,
        paths,
        path_count,
        by_ref,
    }
}

fn by_library(
    repository: &git2::Repository,
    oids: &[(Oid, usize)],
    with_paths: bool,
) -> Option<Vec<(Commit, Touched)>> {
    oids.iter()
        .map(|(oid, _)| {
            let commit = commits::read(repository, oid).ok().flatten()?;
            let touched = if with_paths {
                commits::touched(repository, oid).ok()?
            } else {
                Touched::default()
            };
            Some((commit, touched))
        })
        .collect()
}

fn by_program(
    git: &Git<'_>,
    oids: &[(Oid, usize)],
    with_paths: bool,
) -> Result<Vec<(Commit, Touched)>> {
    let input: String = oids.iter().map(|(oid, _)| format!("{oid}\n")).collect();
    let objects = git.feed(&["cat-file", "--batch", "--buffer"], input.into_bytes())?;
    let commits = objects_of(&objects, oids)?;
    let mut touched = if with_paths {
        touched_by_program(git, &commits)?
    } else {
        HashMap::new()
    };
    Ok(commits
        .into_iter()
        .map(|commit| {
            let paths = touched.remove(commit.oid.as_str()).unwrap_or_default();
            (commit, paths)
        })
        .collect())
}

/// `<oid> commit <size>\n<bytes>\n` for each, in the order asked.
fn objects_of(mut bytes: &[u8], oids: &[(Oid, usize)]) -> Result<Vec<Commit>> {
    let mut found = Vec::with_capacity(oids.len());
    for (oid, _) in oids {
        let (_, raw) = next_object(&mut bytes)?
            .ok_or_else(|| Error::internal(format!("git has no object {oid}")))?;
        found.push(
            commits::commit(oid.clone(), raw)
                .ok_or_else(|| Error::internal(format!("{oid} is no commit")))?,
        );
    }
    Ok(found)
}

/// Files of each commit against its first parent. git takes `commit parent` on a line as exactly that question.
fn touched_by_program(git: &Git<'_>, commits: &[Commit]) -> Result<HashMap<String, Touched>> {
    let input: String = commits
        .iter()
        .map(|commit| match commit.parents.first() {
            Some(parent) => format!("{} {parent}\n", commit.oid),
            None => format!("{}\n", commit.oid),
        })
        .collect();
    let args = [
        "diff-tree",
        "--stdin",
        "-r",
        "--root",
        "--name-status",
        "--no-renames",
        "-z",
    ];
    let output = git.feed(&args, input.into_bytes())?;
    let mut found: HashMap<String, Touched> = HashMap::new();
    let mut current: Option<&mut Touched> = None;
    let mut fields = output
        .split(|byte| matches!(byte, 0 | b'\n'))
        .filter(|field| !field.is_empty());
    while let Some(field) = fields.next() {
        let text = String::from_utf8_lossy(field);
        if Oid::parse(&text).is_some() {
            current = Some(found.entry(text.into_owned()).or_default());
            continue;
        }
        let (Ok(change), Some(path), Some((paths, count))) =
            (text.parse(), fields.next(), current.as_mut())
        else {
            continue;
        };
        *count += 1;
        if paths.len() < PATHS {
            paths.push(TouchedPath {
                change,
                path: String::from_utf8_lossy(path).into_owned(),
            });
        }
    }
    Ok(found)
}
