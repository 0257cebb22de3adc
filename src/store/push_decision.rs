//! What pushes were told before their refs moved.

use diesel::prelude::*;

use super::schema::git::push_decision;
use super::{Conn, Tx};
use crate::domain::id::{PersonId, RepositoryId, TicketId};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// A decision. Refs, commits and reasons are lines.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = push_decision)]
pub struct Decision {
    pub repository_id: RepositoryId,
    pub push_id: String,
    pub decided_at: Timestamp,
    /// As the transport called them.
    pub pusher: Option<String>,
    /// Who that is here.
    pub person_id: Option<PersonId>,
    pub verdict: String,
    pub breaks_glass: bool,
    /// The hook decided by itself, since nobody answered.
    pub by_hook: bool,
    /// The ticket that its commits stand on, besides those that they name.
    pub ticket_id: Option<TicketId>,
    pub refs: String,
    /// The ids of its commits, newest first, a line each; empty without a ticket.
    pub commits: String,
    pub reasons: String,
    /// Which rules were in force.
    pub rules_hash: String,
}

pub fn insert(tx: &mut Tx, decision: &Decision) -> Result<()> {
    diesel::insert_into(push_decision::table)
        .values(decision.clone())
        .execute(&mut **tx)?;
    Ok(())
}

pub fn of_push(conn: &mut Conn, of: RepositoryId, push_id: &str) -> Result<Option<Decision>> {
    Ok(push_decision::table
        .find((of, push_id))
        .select(Decision::as_select())
        .get_result(conn)
        .optional()?)
}

/// The newest of those that weren't plainly accepted.
pub fn notable(conn: &mut Conn, of: RepositoryId, most: i64) -> Result<Vec<Decision>> {
    Ok(push_decision::table
        .filter(push_decision::repository_id.eq(of))
        .filter(push_decision::verdict.ne("accept"))
        .order(push_decision::decided_at.desc())
        .limit(most)
        .select(Decision::as_select())
        .load(conn)?)
}

/// Pushes of somebody that broke the glass since then, newest first.
pub fn through_glass(
    conn: &mut Conn,
    of: RepositoryId,
    person: PersonId,
    since: Timestamp,
    most: i64,
) -> Result<Vec<Decision>> {
    Ok(push_decision::table
        .filter(push_decision::repository_id.eq(of))
        .filter(push_decision::person_id.eq(person))
        .filter(push_decision::breaks_glass.eq(true))
        .filter(push_decision::decided_at.ge(since))
        .order(push_decision::decided_at.desc())
        .limit(most)
        .select(Decision::as_select())
        .load(conn)?)
}
