//! Commits that close an incident: whether they run where it is, and what people say of it.

use diesel::prelude::*;

use super::git_commit::{CommitRow, RecordedCommit};
use super::schema::git::{git_commit, incident_fix};
use super::{Conn, Tx};
use crate::domain::id::{CommitId, DeploymentId, TicketId};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// A fix of an incident, once for all commits that are the same work.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = incident_fix, treat_none_as_default_value = false)]
pub struct Fix {
    pub ticket_id: TicketId,
    pub root: String,
    pub commit_id: CommitId,
    /// When it was published.
    pub landed_at: Timestamp,
    /// Whoever pushed it may resolve the incident.
    pub may_resolve: bool,
    /// The last one that brought it to customers.
    pub deployment_id: Option<DeploymentId>,
    pub live_at: Option<Timestamp>,
    /// Since when it isn't live any more.
    pub gone_at: Option<Timestamp>,
    /// When somebody found that the incident isn't over by it.
    pub declined_at: Option<Timestamp>,
    pub declined_by: Option<String>,
}

impl Fix {
    /// It runs where customers are.
    pub const fn is_live(&self) -> bool {
        self.live_at.is_some() && self.gone_at.is_none()
    }
}

/// Keeps one, unless it is known.
pub fn land(tx: &mut Tx, fix: &Fix) -> Result<()> {
    let known: i64 = incident_fix::table
        .filter(incident_fix::ticket_id.eq(fix.ticket_id))
        .filter(incident_fix::root.eq(&fix.root))
        .count()
        .get_result(&mut **tx)?;
    if known == 0 {
        diesel::insert_into(incident_fix::table)
            .values(fix.clone())
            .execute(&mut **tx)?;
    }
    Ok(())
}

/// The fixes of an incident with their commits, in the order in which they landed.
pub fn of(conn: &mut Conn, ticket: TicketId) -> Result<Vec<(Fix, RecordedCommit)>> {
    let rows: Vec<(Fix, CommitRow)> = incident_fix::table
        .inner_join(git_commit::table.on(git_commit::id.eq(incident_fix::commit_id)))
        .filter(incident_fix::ticket_id.eq(ticket))
        .order((incident_fix::landed_at, incident_fix::root))
        .select((Fix::as_select(), CommitRow::as_select()))
        .load(conn)?;
    let fixes = rows.into_iter();
    Ok(fixes.map(|(fix, commit)| (fix, commit.commit())).collect())
}

/// This deployment brings it to customers.
pub fn live(
    tx: &mut Tx,
    ticket: TicketId,
    root: &str,
    by: DeploymentId,
    at: Timestamp,
) -> Result<()> {
    diesel::update(incident_fix::table.find((ticket, root)))
        .set((
            incident_fix::deployment_id.eq(by),
            incident_fix::live_at.eq(at),
            incident_fix::gone_at.eq(None::<Timestamp>),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// It isn't live any more.
pub fn gone(tx: &mut Tx, ticket: TicketId, root: &str, at: Timestamp) -> Result<()> {
    diesel::update(incident_fix::table.find((ticket, root)))
        .set(incident_fix::gone_at.eq(at))
        .execute(&mut **tx)?;
    Ok(())
}

/// The incident isn't over by what is live of its fixes.
pub fn decline(tx: &mut Tx, ticket: TicketId, by: &str, at: Timestamp) -> Result<()> {
    let live = incident_fix::table
        .filter(incident_fix::ticket_id.eq(ticket))
        .filter(incident_fix::live_at.is_not_null())
        .filter(incident_fix::declined_at.is_null());
    diesel::update(live)
        .set((
            incident_fix::declined_at.eq(at),
            incident_fix::declined_by.eq(by),
        ))
        .execute(&mut **tx)?;
    Ok(())
}
