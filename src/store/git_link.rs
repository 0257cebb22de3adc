//! Commits that hooks told us of, which tickets they stand on, and what they did there.

use std::collections::HashMap;

use diesel::prelude::*;

use super::backend::far;
use super::column::text_column;
use super::schema::git::{git_commit, git_deed, git_link};
use super::timeline::{facts_json, facts_of};
use super::{Conn, Tx};
use crate::domain::commit_message::{Link, Place, Relation};
use crate::domain::git::{FileChange, Oid, RefMove, ReportedCommit, TouchedPath};
use crate::domain::id::{CommitId, Id, PushId, RepositoryId, TicketId};
use crate::domain::timeline::Facts;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

text_column!(Relation, Place);

/// SQLite takes at most 32,766 values in one statement.
const AT_ONCE: usize = 10_000;

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
struct CommitRow {
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
}

impl CommitRow {
    fn of(commit: RecordedCommit) -> Self {
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
        }
    }

    fn commit(self) -> RecordedCommit {
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
        }
    }
}

/// Keeps commits, and where they stand. The caller has asked [`known`] first.
pub fn insert(tx: &mut Tx, commits: Vec<RecordedCommit>, links: &[CommitLink]) -> Result<()> {
    let commits: Vec<CommitRow> = commits.into_iter().map(CommitRow::of).collect();
    let links: Vec<LinkRow> = links.iter().map(LinkRow::of).collect();
    if let Some(conn) = far(tx) {
        if !commits.is_empty() {
            diesel::copy_from(git_commit::table)
                .from_insertable(commits)
                .execute(conn)?;
        }
        if !links.is_empty() {
            diesel::copy_from(git_link::table)
                .from_insertable(links)
                .execute(conn)?;
        }
        return Ok(());
    }
    // Row after row by a statement that stays prepared is faster here than a long text that never comes again.
    for row in &commits {
        diesel::insert_into(git_commit::table)
            .values(row)
            .execute(&mut **tx)?;
    }
    for row in &links {
        diesel::insert_into(git_link::table)
            .values(row)
            .execute(&mut **tx)?;
    }
    Ok(())
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
        let rows: Vec<String> = git_commit::table
            .filter(git_commit::repository_id.eq(of))
            .filter(git_commit::oid.eq_any(some.to_vec()))
            .select(git_commit::oid)
            .load(conn)?;
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
    let rows: Vec<CommitRow> = git_commit::table
        .filter(git_commit::repository_id.eq(of))
        .filter(git_commit::oid.ge(start))
        .filter(git_commit::oid.lt(format!("{start}g")))
        .limit(2)
        .select(CommitRow::as_select())
        .load(conn)?;
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

/// Those of these commits that stand on a ticket, with their links.
pub fn linked(
    conn: &mut Conn,
    of: RepositoryId,
    oids: &[&str],
) -> Result<Vec<(RecordedCommit, CommitLink)>> {
    let mut found = Vec::new();
    for some in oids.chunks(AT_ONCE) {
        let rows: Vec<(CommitRow, LinkRow)> = git_link::table
            .inner_join(git_commit::table)
            .filter(git_commit::repository_id.eq(of))
            .filter(git_commit::oid.eq_any(some.to_vec()))
            .select((CommitRow::as_select(), LinkRow::as_select()))
            .load(conn)?;
        found.extend(
            rows.into_iter()
                .map(|(commit, link)| (commit.commit(), link.link())),
        );
    }
    Ok(found)
}

/// A commit's link to a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitLink {
    pub commit: CommitId,
    pub ticket: TicketId,
    pub relation: Relation,
    pub place: Place,
    /// Line of the message, from 1.
    pub line: i32,
    pub verb: Option<String>,
    pub negated: bool,
    pub parser: i32,
    pub made_at: Timestamp,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = git_link, treat_none_as_default_value = false)]
struct LinkRow {
    commit_id: CommitId,
    ticket_id: TicketId,
    relation: Relation,
    place: Place,
    line: i32,
    verb: Option<String>,
    negated: bool,
    parser: i32,
    made_at: Timestamp,
}

impl LinkRow {
    fn of(link: &CommitLink) -> Self {
        Self {
            commit_id: link.commit,
            ticket_id: link.ticket,
            relation: link.relation,
            place: link.place,
            line: link.line,
            verb: link.verb.clone(),
            negated: link.negated,
            parser: link.parser,
            made_at: link.made_at,
        }
    }

    fn link(self) -> CommitLink {
        CommitLink {
            commit: self.commit_id,
            ticket: self.ticket_id,
            relation: self.relation,
            place: self.place,
            line: self.line,
            verb: self.verb,
            negated: self.negated,
            parser: self.parser,
            made_at: self.made_at,
        }
    }
}

impl CommitLink {
    /// As it will be kept.
    pub fn of(
        commit: CommitId,
        ticket: TicketId,
        link: &Link,
        parser: i32,
        now: Timestamp,
    ) -> Self {
        Self {
            commit,
            ticket,
            relation: link.relation,
            place: link.place,
            line: i32::try_from(link.line).unwrap_or(i32::MAX),
            verb: link.verb.clone(),
            negated: link.negated,
            parser,
            made_at: now,
        }
    }
}

/// Where a push stands: each ticket with the strongest that its commits say of it, and how many they are.
pub fn tickets_of_push(
    conn: &mut Conn,
    push: PushId,
) -> Result<HashMap<TicketId, (Relation, usize)>> {
    let rows: Vec<(TicketId, Relation, CommitId)> = git_link::table
        .inner_join(git_commit::table)
        .filter(git_commit::push_id.eq(push))
        .order((git_link::ticket_id, git_link::commit_id))
        .select((git_link::ticket_id, git_link::relation, git_link::commit_id))
        .load(conn)?;
    let mut found: HashMap<TicketId, (Relation, usize)> = HashMap::new();
    let mut last = None;
    for (ticket, relation, commit) in rows {
        let (strongest, commits) = found.entry(ticket).or_insert((relation, 0));
        *strongest = relation.max(*strongest);
        *commits += usize::from(last.replace((ticket, commit)) != Some((ticket, commit)));
    }
    Ok(found)
}

/// The links of one commit.
pub fn links_of_commit(conn: &mut Conn, commit: CommitId) -> Result<Vec<CommitLink>> {
    let rows: Vec<LinkRow> = git_link::table
        .filter(git_link::commit_id.eq(commit))
        .select(LinkRow::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(LinkRow::link).collect())
}

/// The commits that stand on a ticket, oldest first, each with its link; at most `most` of the newest.
pub fn of_ticket(
    conn: &mut Conn,
    ticket: TicketId,
    most: i64,
) -> Result<Vec<(RecordedCommit, CommitLink)>> {
    let rows: Vec<(CommitRow, LinkRow)> = git_link::table
        .inner_join(git_commit::table)
        .filter(git_link::ticket_id.eq(ticket))
        .order((git_link::made_at.desc(), git_commit::seq.desc()))
        .limit(most)
        .select((CommitRow::as_select(), LinkRow::as_select()))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .rev()
        .map(|(commit, link)| (commit.commit(), link.link()))
        .collect())
}

/// Notes that this root acts on the ticket by this relation; false if one of its commits did so before.
pub fn first_deed(
    tx: &mut Tx,
    ticket: TicketId,
    relation: Relation,
    commit: &RecordedCommit,
    now: Timestamp,
) -> Result<bool> {
    let known: i64 = git_deed::table
        .filter(git_deed::ticket_id.eq(ticket))
        .filter(git_deed::relation.eq(relation))
        .filter(git_deed::root.eq(&commit.root))
        .count()
        .get_result(&mut **tx)?;
    if known > 0 {
        return Ok(false);
    }
    diesel::insert_into(git_deed::table)
        .values((
            git_deed::ticket_id.eq(ticket),
            git_deed::relation.eq(relation),
            git_deed::root.eq(&commit.root),
            git_deed::commit_id.eq(commit.id),
            git_deed::done_at.eq(now),
        ))
        .execute(&mut **tx)?;
    Ok(true)
}
