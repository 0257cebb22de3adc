//! What the figures of delivery are made of, read in bulk: deployments of a span, commits and what they close, links between tickets.

use std::collections::HashMap;

use diesel::prelude::*;

use super::Conn;
use super::deployment::{Row, all_of};
use super::schema::core::ticket_link;
use super::schema::deploy::{deployment, suspect_mark};
use super::schema::git::{git_commit, git_link};
use crate::domain::commit_message::Relation as Said;
use crate::domain::deployment::Deployment;
use crate::domain::dora::Carried;
use crate::domain::id::{DeploymentId, Id, RepositoryId, ServiceId, SubjectId, TicketId};
use crate::domain::suspect::{Blame, Kind};
use crate::domain::ticket::Relation;
use crate::domain::worktime::Interval;
use crate::error::Result;

/// SQLite takes at most 32,766 values in one statement.
const AT_ONCE: usize = 10_000;

/// What began in a span in one environment, by its begin; at most `most`.
pub fn begun(
    conn: &mut Conn,
    environment: &str,
    service: Option<ServiceId>,
    span: Interval,
    most: i64,
) -> Result<Vec<Deployment>> {
    let mut query = deployment::table
        .filter(deployment::environment.eq(environment.to_owned()))
        .filter(deployment::started_at.ge(span.from))
        .filter(deployment::started_at.lt(span.to))
        .select(Row::as_select())
        .into_boxed();
    if let Some(service) = service {
        query = query.filter(deployment::service_id.eq(service));
    }
    let rows: Vec<Row> = query
        .order((deployment::started_at, deployment::seq, deployment::id))
        .limit(most)
        .load(conn)?;
    Ok(all_of(rows))
}

/// Those of these commits that we have, merges left out, with the tickets that they close.
pub fn commits(
    conn: &mut Conn,
    of: RepositoryId,
    oids: &[String],
) -> Result<(Vec<Carried>, Vec<TicketId>)> {
    let (mut found, mut closed) = (Vec::new(), Vec::new());
    for some in oids.chunks(AT_ONCE) {
        let rows: Vec<(String, String, crate::domain::timestamp::Timestamp)> = git_commit::table
            .filter(git_commit::repository_id.eq(of))
            .filter(git_commit::oid.eq_any(some.to_vec()))
            .order(git_commit::seq)
            .select((
                git_commit::oid,
                git_commit::parents,
                git_commit::committed_at,
            ))
            .load(conn)?;
        // A merge brings nothing of its own.
        let own = rows
            .into_iter()
            .filter(|(_, parents, _)| !parents.contains(' '));
        found.extend(own.map(|(oid, _, committed_at)| Carried { oid, committed_at }));
        let tickets: Vec<TicketId> = git_link::table
            .inner_join(git_commit::table)
            .filter(git_commit::repository_id.eq(of))
            .filter(git_commit::oid.eq_any(some.to_vec()))
            .filter(git_link::relation.eq(Said::Closes))
            .filter(git_link::negated.eq(false))
            .select(git_link::ticket_id)
            .load(conn)?;
        closed.extend(tickets);
    }
    Ok((found, closed))
}

/// Links that begin or end at any of these tickets: from, how, to.
pub fn links(conn: &mut Conn, of: &[TicketId]) -> Result<Vec<(TicketId, Relation, TicketId)>> {
    let mut found = Vec::new();
    for some in of.chunks(AT_ONCE) {
        let columns = (
            ticket_link::from_id,
            ticket_link::relation,
            ticket_link::to_id,
        );
        let out: Vec<(TicketId, Relation, TicketId)> = ticket_link::table
            .filter(ticket_link::from_id.eq_any(some.to_vec()))
            .select(columns)
            .load(conn)?;
        let back: Vec<(TicketId, Relation, TicketId)> = ticket_link::table
            .filter(ticket_link::to_id.eq_any(some.to_vec()))
            .select(columns)
            .load(conn)?;
        found.extend(out);
        found.extend(back);
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// The incidents that people found these deployments to be the cause of, or not to be.
pub fn marks(
    conn: &mut Conn,
    of: &[DeploymentId],
    blame: Blame,
) -> Result<HashMap<DeploymentId, Vec<TicketId>>> {
    let subjects: Vec<SubjectId> = of.iter().map(|id| Id::from_uuid(id.uuid())).collect();
    let mut found: HashMap<DeploymentId, Vec<TicketId>> = HashMap::new();
    for some in subjects.chunks(AT_ONCE) {
        let rows: Vec<(SubjectId, TicketId)> = suspect_mark::table
            .filter(suspect_mark::kind.eq(Kind::Deployment))
            .filter(suspect_mark::blame.eq(blame))
            .filter(suspect_mark::subject_id.eq_any(some.to_vec()))
            .select((suspect_mark::subject_id, suspect_mark::ticket_id))
            .load(conn)?;
        for (subject, ticket) in rows {
            let id = Id::from_uuid(subject.uuid());
            found.entry(id).or_default().push(ticket);
        }
    }
    Ok(found)
}

/// Those of these incidents whose cause is a deployment that somebody pointed at.
pub fn pointed(conn: &mut Conn, of: &[TicketId]) -> Result<Vec<TicketId>> {
    let mut found = Vec::new();
    for some in of.chunks(AT_ONCE) {
        let rows: Vec<TicketId> = suspect_mark::table
            .filter(suspect_mark::kind.eq(Kind::Deployment))
            .filter(suspect_mark::blame.eq(Blame::Caused))
            .filter(suspect_mark::ticket_id.eq_any(some.to_vec()))
            .select(suspect_mark::ticket_id)
            .distinct()
            .load(conn)?;
        found.extend(rows);
    }
    Ok(found)
}
