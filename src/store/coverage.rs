//! What was published in a span and the tickets that it stands on; the changes that ended in it.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;

use super::Conn;
use super::schema::core::ticket;
use super::schema::deploy::{deployment, deployment_ticket};
use super::schema::git::{change_plan, git_commit, git_link, push, push_decision};
use super::ticket::Row as TicketRow;
use super::timeline::facts_of;
use crate::domain::change::Sort;
use crate::domain::commit_message::Relation;
use crate::domain::deployment::Status;
use crate::domain::id::{CommitId, DeploymentId, Kind, PushId, RepositoryId, TicketId};
use crate::domain::ticket::{State, Ticket};
use crate::domain::timeline::Facts;
use crate::domain::timestamp::Timestamp;
use crate::domain::worktime::Interval;
use crate::error::Result;

/// SQLite takes at most 32,766 values in one statement.
const AT_ONCE: usize = 10_000;

/// A commit that lies on a published branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    pub id: CommitId,
    pub repository: RepositoryId,
    pub oid: String,
    pub parent_count: usize,
    pub author_name: String,
    pub author_email: String,
    pub subject: String,
    /// What its message told besides tickets.
    pub facts: Facts,
    pub push: PushId,
    pub is_imported: bool,
    pub published_at: Timestamp,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = git_commit)]
struct Row {
    id: CommitId,
    repository_id: RepositoryId,
    oid: String,
    parents: String,
    author_name: String,
    author_email: String,
    subject: String,
    facts: String,
    push_id: PushId,
    acts: bool,
    published_at: Option<Timestamp>,
}

/// What was published in a span, by its publication; at most `most`.
pub fn published(
    conn: &mut Conn,
    of: Option<RepositoryId>,
    span: Interval,
    most: i64,
) -> Result<Vec<Published>> {
    let mut query = git_commit::table
        .filter(git_commit::published_at.ge(span.from))
        .filter(git_commit::published_at.lt(span.to))
        .select(Row::as_select())
        .into_boxed();
    if let Some(of) = of {
        query = query.filter(git_commit::repository_id.eq(of));
    }
    let rows: Vec<Row> = query
        .order((git_commit::published_at, git_commit::seq))
        .limit(most)
        .load(conn)?;
    let found = rows.into_iter().filter_map(|it| {
        Some(Published {
            id: it.id,
            repository: it.repository_id,
            oid: it.oid,
            parent_count: it.parents.split_whitespace().count(),
            author_name: it.author_name,
            author_email: it.author_email,
            subject: it.subject,
            facts: facts_of(&it.facts),
            push: it.push_id,
            is_imported: !it.acts,
            published_at: it.published_at?,
        })
    });
    Ok(found.collect())
}

/// How these commits stand to tickets.
pub fn links(
    conn: &mut Conn,
    of: &[CommitId],
) -> Result<HashMap<CommitId, Vec<(TicketId, Relation)>>> {
    let mut found: HashMap<CommitId, Vec<(TicketId, Relation)>> = HashMap::new();
    for some in of.chunks(AT_ONCE) {
        let rows: Vec<(CommitId, TicketId, Relation)> = git_link::table
            .filter(git_link::commit_id.eq_any(some.to_vec()))
            .order((git_link::commit_id, git_link::ticket_id))
            .select((git_link::commit_id, git_link::ticket_id, git_link::relation))
            .load(conn)?;
        for (commit, ticket, relation) in rows {
            found.entry(commit).or_default().push((ticket, relation));
        }
    }
    Ok(found)
}

/// What was decided about these pushes before their refs moved, as it was told: lines.
pub fn decided(conn: &mut Conn, of: &[PushId]) -> Result<HashMap<PushId, String>> {
    let mut found = HashMap::new();
    for some in of.chunks(AT_ONCE) {
        let rows: Vec<(PushId, String)> = push::table
            .inner_join(
                push_decision::table.on(push_decision::repository_id
                    .eq(push::repository_id)
                    .and(push_decision::push_id.eq(push::push_id))),
            )
            .filter(push::id.eq_any(some.to_vec()))
            .select((push::id, push_decision::reasons))
            .load(conn)?;
        found.extend(rows);
    }
    Ok(found)
}

/// Deployments that ran under a standing change, begun in a span, newest first; at most `most`.
pub fn under_standing(
    conn: &mut Conn,
    span: Interval,
    most: i64,
) -> Result<Vec<(DeploymentId, TicketId)>> {
    Ok(deployment::table
        .inner_join(deployment_ticket::table)
        .inner_join(change_plan::table.on(change_plan::ticket_id.eq(deployment_ticket::ticket_id)))
        .filter(deployment::started_at.ge(span.from))
        .filter(deployment::started_at.lt(span.to))
        .filter(deployment::status.ne(Status::Failed))
        .filter(deployment_ticket::is_named.eq(true))
        .filter(change_plan::sort.eq(Sort::Standard))
        .order((deployment::started_at.desc(), deployment::id))
        .limit(most)
        .select((deployment::id, deployment_ticket::ticket_id))
        .load(conn)?)
}

/// Changes that were closed in a span, by their end.
pub fn closed(conn: &mut Conn, span: Interval, most: i64) -> Result<Vec<Ticket>> {
    let rows: Vec<TicketRow> = ticket::table
        .filter(ticket::kind.eq(Kind::Change))
        .filter(ticket::state.eq(State::Closed))
        // Named, so that the index leads with it.
        .filter(ticket::is_open.eq(false))
        .filter(ticket::closed_at.ge(span.from))
        .filter(ticket::closed_at.lt(span.to))
        .filter(ticket::merged_into.is_null())
        .order((ticket::closed_at, ticket::number))
        .limit(most)
        .select(TicketRow::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(TicketRow::ticket).collect())
}

/// Those of these tickets on which a commit of any repository stands.
pub fn with_commits(conn: &mut Conn, of: &[TicketId]) -> Result<HashSet<TicketId>> {
    let mut found = HashSet::new();
    for some in of.chunks(AT_ONCE) {
        let rows: Vec<(TicketId, Relation)> = git_link::table
            .filter(git_link::ticket_id.eq_any(some.to_vec()))
            .select((git_link::ticket_id, git_link::relation))
            .distinct()
            .load(conn)?;
        let stand = rows
            .into_iter()
            .filter(|(_, relation)| *relation >= Relation::Refs);
        found.extend(stand.map(|(ticket, _)| ticket));
    }
    Ok(found)
}
