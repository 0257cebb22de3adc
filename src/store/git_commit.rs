//! Commits that hooks told us of: what they are, which are published, and which no branch holds any more.

use std::collections::HashMap;

use diesel::prelude::*;

use super::backend::direct;
use super::schema::git::git_commit;
use super::timeline::{facts_json, facts_of};
use super::{Conn, Tx};
use crate::domain::git::{FileChange, Oid, RefMove, ReportedCommit, TouchedPath};
use crate::domain::id::{CommitId, Id, PushId, RepositoryId};
use crate::domain::timeline::Facts;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// SQLite takes at most 32,766 values in one statement.
pub(super) const AT_ONCE: usize = 10_000;

/// A commit as we keep it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedCommit {
    pub id: CommitId,
    pub repository: RepositoryId,
    pub oid: String,
    pub parents: Vec<String>,
    pub root: String,
    pub author_name: String,
    pub author_email: String,
    pub authored_at: Timestamp,
    pub committer_name: String,
    pub committer_email: String,
    pub committed_at: Timestamp,
    pub subject: String,
    /// What the message told besides tickets; lists of commits with blanks between.
    pub facts: Facts,
    pub paths: Vec<TouchedPath>,
    pub path_count: i32,
    pub push: PushId,
    /// Its place among the commits of its repository, in the order in which they came.
    pub seq: i64,
    /// The ref that brought it.
    pub ref_name: String,
    pub version_before: Option<String>,
    pub version_after: Option<String>,
    /// False for an import: it links, and moves nothing.
    pub acts: bool,
    pub published_at: Option<Timestamp>,
    /// Since when no branch or tag holds it.
    pub gone_at: Option<Timestamp>,
}

impl RecordedCommit {
    /// The commits that it takes back, as its message names them.
    pub fn reverts(&self) -> Vec<String> {
        self.facts
            .get("reverts")
            .map(|list| list.split_whitespace().map(str::to_owned).collect())
            .unwrap_or_default()
    }

    /// The addresses of those who wrote it with its author.
    pub fn co_authors(&self) -> Vec<String> {
        let list = self.facts.get("co_authors").unwrap_or_default();
        list.split_whitespace().map(str::to_owned).collect()
    }

    pub fn short(&self) -> &str {
        self.oid.get(..10).unwrap_or(&self.oid)
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = git_commit, treat_none_as_default_value = false)]
pub(super) struct CommitRow {
    id: CommitId,
    repository_id: RepositoryId,
    oid: String,
    parents: String,
    root: String,
    author_name: String,
    author_email: String,
    authored_at: Timestamp,
    committer_name: String,
    committer_email: String,
    committed_at: Timestamp,
    subject: String,
    facts: String,
    paths: String,
    path_count: i32,
    push_id: PushId,
    seq: i64,
    ref_name: String,
    version_before: Option<String>,
    version_after: Option<String>,
    acts: bool,
    published_at: Option<Timestamp>,
    gone_at: Option<Timestamp>,
}

impl CommitRow {
    pub(super) fn of(commit: RecordedCommit) -> Self {
        let paths: Vec<String> = commit
            .paths
            .iter()
            .map(|touched| format!("{} {}", touched.change, touched.path))
            .collect();
        Self {
            id: commit.id,
            repository_id: commit.repository,
            oid: commit.oid,
            parents: commit.parents.join(" "),
            root: commit.root,
            author_name: commit.author_name,
            author_email: commit.author_email,
            authored_at: commit.authored_at,
            committer_name: commit.committer_name,
            committer_email: commit.committer_email,
            committed_at: commit.committed_at,
            subject: commit.subject,
            facts: facts_json(&commit.facts),
            paths: paths.join("\n"),
            path_count: commit.path_count,
            push_id: commit.push,
            seq: commit.seq,
            ref_name: commit.ref_name,
            version_before: commit.version_before,
            version_after: commit.version_after,
            acts: commit.acts,
            published_at: commit.published_at,
            gone_at: commit.gone_at,
        }
    }

    pub(super) fn commit(self) -> RecordedCommit {
        RecordedCommit {
            id: self.id,
            repository: self.repository_id,
            oid: self.oid,
            parents: self.parents.split_whitespace().map(str::to_owned).collect(),
            root: self.root,
            author_name: self.author_name,
            author_email: self.author_email,
            authored_at: self.authored_at,
            committer_name: self.committer_name,
            committer_email: self.committer_email,
            committed_at: self.committed_at,
            subject: self.subject,
            facts: facts_of(&self.facts),
            paths: self.paths.lines().filter_map(path_of).collect(),
            path_count: self.path_count,
            push: self.push_id,
            seq: self.seq,
            ref_name: self.ref_name,
            version_before: self.version_before,
            version_after: self.version_after,
            acts: self.acts,
            published_at: self.published_at,
            gone_at: self.gone_at,
        }
    }
}

/// `M src/main.rs`, one a line; control characters never came in.
fn path_of(line: &str) -> Option<TouchedPath> {
    let (change, path) = line.split_once(' ')?;
    let change: FileChange = change.parse().ok()?;
    Some(TouchedPath {
        change,
        path: path.to_owned(),
    })
}

/// How a commit came to us.
pub struct Arrival<'a> {
    pub repository: RepositoryId,
    pub push: PushId,
    /// Its place among the commits of its repository.
    pub seq: i64,
    pub root: String,
    /// The ref that brought it.
    pub moved: &'a RefMove,
    /// False for an import.
    pub acts: bool,
    pub published_at: Option<Timestamp>,
}

impl RecordedCommit {
    /// As it will be kept.
    pub fn of(commit: &ReportedCommit, came: Arrival<'_>, now: Timestamp) -> Self {
        Self {
            id: Id::new(now),
            repository: came.repository,
            oid: commit.oid.to_string(),
            parents: commit.parents.iter().map(Oid::to_string).collect(),
            root: came.root,
            author_name: commit.author.name.clone(),
            author_email: commit.author.email.clone(),
            authored_at: commit.author.at,
            committer_name: commit.committer.name.clone(),
            committer_email: commit.committer.email.clone(),
            committed_at: commit.committer.at,
            subject: commit.subject.clone(),
            facts: told(commit),
            paths: commit.paths.clone(),
            path_count: commit.path_count,
            push: came.push,
            seq: came.seq,
            ref_name: came.moved.name.clone(),
            version_before: came.moved.version_before.clone(),
            version_after: came.moved.version_after.clone(),
            acts: came.acts,
            published_at: came.published_at,
            gone_at: None,
        }
    }
}

fn told(commit: &ReportedCommit) -> Facts {
    let facts = &commit.facts;
    let list = |ids: &[String]| (!ids.is_empty()).then(|| ids.join(" "));
    Facts::new()
        .with_some("reverts", list(&facts.reverts))
        .with_some("cherry_from", list(&facts.cherry_from))
        .with_some("fixes_commit", list(&facts.fixes_commit))
        .with_some("caused_by", list(&facts.caused_by))
        .with_some("causes", list(&facts.causes))
        .with_some("change_id", facts.change_id.as_ref())
        .with_some("purpose", facts.purpose.as_ref())
        .with_some("side_effects", facts.side_effects.as_ref())
        .with_some("rollback", facts.rollback.as_ref())
        .with_some("risk", facts.risk.as_ref())
        .with_some("no_ticket", facts.no_ticket.as_ref())
        .with_some("break_glass", facts.break_glass.as_ref())
        .with_some("co_authors", list(&facts.co_authors))
}

/// Which of these commits we have.
pub fn known(conn: &mut Conn, of: RepositoryId, oids: &[&str]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for some in oids.chunks(AT_ONCE) {
        let rows: Vec<String> = direct!(conn, |own| git_commit::table
            .filter(git_commit::repository_id.eq(of))
            .filter(git_commit::oid.eq_any(some.to_vec()))
            .select(git_commit::oid)
            .load(own))?;
        found.extend(rows);
    }
    Ok(found)
}

/// Those of these commits that we have.
pub fn by_oids(conn: &mut Conn, of: RepositoryId, oids: &[String]) -> Result<Vec<RecordedCommit>> {
    let rows: Vec<CommitRow> = git_commit::table
        .filter(git_commit::repository_id.eq(of))
        .filter(git_commit::oid.eq_any(oids.to_vec()))
        .select(CommitRow::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(CommitRow::commit).collect())
}

/// The commits whose id begins with `start` (at least 7 hex digits), at most two: more than one is ambiguous.
pub fn by_start(conn: &mut Conn, of: RepositoryId, start: &str) -> Result<Vec<RecordedCommit>> {
    // Hex digits sort below `g`, so that this is a range of the index, and no pattern that a message could write.
    let rows: Vec<CommitRow> = direct!(conn, |own| git_commit::table
        .filter(git_commit::repository_id.eq(of))
        .filter(git_commit::oid.ge(start))
        .filter(git_commit::oid.lt(format!("{start}g")))
        .limit(2)
        .select(CommitRow::as_select())
        .load(own))?;
    Ok(rows.into_iter().map(CommitRow::commit).collect())
}

/// A commit's place among those of its repository.
pub fn place(conn: &mut Conn, of: RepositoryId, oid: &str) -> Result<Option<i64>> {
    Ok(git_commit::table
        .filter(git_commit::repository_id.eq(of))
        .filter(git_commit::oid.eq(oid))
        .select(git_commit::seq)
        .get_result(conn)
        .optional()?)
}

/// Commits of a repository from this place downwards, newest first, at most `most`: their places, ids and parents.
pub fn downwards(
    conn: &mut Conn,
    of: RepositoryId,
    from: i64,
    most: i64,
) -> Result<Vec<(i64, String, Vec<String>)>> {
    let rows: Vec<(i64, String, String)> = git_commit::table
        .filter(git_commit::repository_id.eq(of))
        .filter(git_commit::seq.le(from))
        .order(git_commit::seq.desc())
        .limit(most)
        .select((git_commit::seq, git_commit::oid, git_commit::parents))
        .load(conn)?;
    let rows = rows.into_iter().map(|(seq, oid, parents)| {
        let (oid, parents) = parents_of((oid, parents));
        (seq, oid, parents)
    });
    Ok(rows.collect())
}

/// The parents of the commits that this push brought by that ref.
pub fn parents_in(conn: &mut Conn, push: PushId, ref_name: &str) -> Result<Vec<String>> {
    let rows: Vec<String> = git_commit::table
        .filter(git_commit::push_id.eq(push))
        .filter(git_commit::ref_name.eq(ref_name))
        .select(git_commit::parents)
        .load(conn)?;
    let parents = rows.iter().flat_map(|row| row.split_whitespace());
    Ok(parents.map(str::to_owned).collect())
}

/// The parents of every commit that isn't published yet.
pub fn unpublished(conn: &mut Conn, of: RepositoryId) -> Result<HashMap<String, Vec<String>>> {
    let rows: Vec<(String, String)> = git_commit::table
        .filter(git_commit::repository_id.eq(of))
        .filter(git_commit::published_at.is_null())
        .select((git_commit::oid, git_commit::parents))
        .load(conn)?;
    Ok(rows.into_iter().map(parents_of).collect())
}

/// The parents of all commits that came by these pushes: the graph in which a revert is planned.
pub fn graph(conn: &mut Conn, pushes: &[PushId]) -> Result<HashMap<String, Vec<String>>> {
    let rows: Vec<(String, String)> = git_commit::table
        .filter(git_commit::push_id.eq_any(pushes.to_vec()))
        .select((git_commit::oid, git_commit::parents))
        .load(conn)?;
    Ok(rows.into_iter().map(parents_of).collect())
}

fn parents_of((oid, parents): (String, String)) -> (String, Vec<String>) {
    (oid, parents.split_whitespace().map(str::to_owned).collect())
}

/// Marks commits as published by this move of a ref; its versions are theirs from now on.
pub fn publish(
    tx: &mut Tx,
    of: RepositoryId,
    oids: &[&str],
    moved: &RefMove,
    now: Timestamp,
) -> Result<()> {
    for some in oids.chunks(AT_ONCE) {
        let commits = git_commit::table
            .filter(git_commit::repository_id.eq(of))
            .filter(git_commit::oid.eq_any(some.to_vec()));
        diesel::update(commits)
            .set((
                git_commit::published_at.eq(now),
                git_commit::ref_name.eq(&moved.name),
                git_commit::version_before.eq(moved.version_before.as_deref()),
                git_commit::version_after.eq(moved.version_after.as_deref()),
            ))
            .execute(&mut **tx)?;
    }
    Ok(())
}

/// Notes that no branch or tag holds these commits any more.
pub fn lose(tx: &mut Tx, of: RepositoryId, oids: &[Oid], now: Timestamp) -> Result<()> {
    let oids: Vec<&str> = oids.iter().map(Oid::as_str).collect();
    let lost = git_commit::table
        .filter(git_commit::repository_id.eq(of))
        .filter(git_commit::oid.eq_any(oids))
        .filter(git_commit::gone_at.is_null());
    diesel::update(lost)
        .set(git_commit::gone_at.eq(now))
        .execute(&mut **tx)?;
    Ok(())
}

/// A ref holds these commits, whatever was said of them before.
pub fn find_again(tx: &mut Tx, of: RepositoryId, oids: &[&str]) -> Result<()> {
    for some in oids.chunks(AT_ONCE) {
        let found = git_commit::table
            .filter(git_commit::repository_id.eq(of))
            .filter(git_commit::oid.eq_any(some.to_vec()))
            .filter(git_commit::gone_at.is_not_null());
        diesel::update(found)
            .set(git_commit::gone_at.eq(None::<Timestamp>))
            .execute(&mut **tx)?;
    }
    Ok(())
}
