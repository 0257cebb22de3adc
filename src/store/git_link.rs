//! Which tickets commits stand on, and what they did there.

use std::collections::HashMap;

use diesel::prelude::*;

use super::backend::{direct, far, near};
use super::column::text_column;
use super::git_commit::{AT_ONCE, CommitRow, RecordedCommit};
use super::schema::git::{git_commit, git_deed, git_link};
use super::{Conn, Tx};
use crate::domain::commit_message::{Link, Place, Relation};
use crate::domain::id::{CommitId, PushId, RepositoryId, TicketId};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

text_column!(Relation, Place);

/// Keeps commits, and where they stand. The caller has asked [`super::git_commit::known`] first.
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
    if let Some(conn) = near(tx) {
        for row in &commits {
            diesel::insert_into(git_commit::table)
                .values(row)
                .execute(conn)?;
        }
        for row in &links {
            diesel::insert_into(git_link::table)
                .values(row)
                .execute(conn)?;
        }
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
        let rows: Vec<(CommitRow, LinkRow)> = direct!(conn, |own| git_link::table
            .inner_join(git_commit::table)
            .filter(git_commit::repository_id.eq(of))
            .filter(git_commit::oid.eq_any(some.to_vec()))
            .select((CommitRow::as_select(), LinkRow::as_select()))
            .load(own))?;
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

/// The ticket that a commit with this root began.
pub fn begun_by(conn: &mut Conn, root: &str) -> Result<Option<TicketId>> {
    let found: Vec<TicketId> = git_deed::table
        .filter(git_deed::root.eq(root))
        .filter(git_deed::relation.eq(Relation::Implements))
        .order(git_deed::done_at)
        .select(git_deed::ticket_id)
        .load(conn)?;
    Ok(found.first().copied())
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
