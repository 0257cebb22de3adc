//! Deployments that wait for a freeze to lift.

use diesel::prelude::*;

use super::column::text_column;
use super::schema::deploy::{deployment, queued_deployment};
use super::{Conn, Tx};
use crate::domain::deploy_queue::{Queued, Reason, State};
use crate::domain::deployment::{Lane, Status};
use crate::domain::id::{DeploymentId, PersonId, QueuedId, ServiceId, TicketId};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};

text_column!(State, Reason);

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = queued_deployment, treat_none_as_null = true)]
struct Row {
    id: QueuedId,
    environment: String,
    service_id: ServiceId,
    target: String,
    version: String,
    commit_oid: Option<String>,
    ticket_id: Option<TicketId>,
    source: String,
    source_event_id: String,
    by_id: Option<PersonId>,
    by_name: String,
    actor: Option<String>,
    url: Option<String>,
    state: State,
    reason: Reason,
    detail: String,
    opens_at: Option<Timestamp>,
    queued_at: Timestamp,
    look_at: Option<Timestamp>,
    go_at: Option<Timestamp>,
    go_name: Option<String>,
    released_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    ended_name: Option<String>,
    deployment_id: Option<DeploymentId>,
}

impl Row {
    fn of(of: &Queued) -> Self {
        let it = of.clone();
        Row {
            id: it.id,
            environment: it.lane.environment,
            service_id: it.lane.service,
            target: it.lane.target,
            version: it.version,
            commit_oid: it.commit,
            ticket_id: it.ticket,
            source: it.source,
            source_event_id: it.source_event_id,
            by_id: it.by,
            by_name: it.by_name,
            actor: it.actor,
            url: it.url,
            state: it.state,
            reason: it.reason,
            detail: it.detail,
            opens_at: it.opens_at,
            queued_at: it.queued_at,
            look_at: it.look_at,
            go_at: it.go_at,
            go_name: it.go_name,
            released_at: it.released_at,
            ended_at: it.ended_at,
            ended_name: it.ended_name,
            deployment_id: it.deployment,
        }
    }

    fn queued(self) -> Queued {
        Queued {
            id: self.id,
            lane: Lane {
                environment: self.environment,
                service: self.service_id,
                target: self.target,
            },
            version: self.version,
            commit: self.commit_oid,
            ticket: self.ticket_id,
            source: self.source,
            source_event_id: self.source_event_id,
            by: self.by_id,
            by_name: self.by_name,
            actor: self.actor,
            url: self.url,
            state: self.state,
            reason: self.reason,
            detail: self.detail,
            opens_at: self.opens_at,
            queued_at: self.queued_at,
            look_at: self.look_at,
            go_at: self.go_at,
            go_name: self.go_name,
            released_at: self.released_at,
            ended_at: self.ended_at,
            ended_name: self.ended_name,
            deployment: self.deployment_id,
        }
    }
}

fn all_of(rows: Vec<Row>) -> Vec<Queued> {
    rows.into_iter().map(Row::queued).collect()
}

pub fn by_id(conn: &mut Conn, id: QueuedId) -> Result<Option<Queued>> {
    let row: Option<Row> = queued_deployment::table
        .find(id)
        .select(Row::as_select())
        .get_result(conn)
        .optional()?;
    Ok(row.map(Row::queued))
}

/// What this source asked for under this id.
pub fn by_source(conn: &mut Conn, source: &str, event: &str) -> Result<Option<Queued>> {
    let row: Option<Row> = queued_deployment::table
        .filter(queued_deployment::source.eq(source))
        .filter(queued_deployment::source_event_id.eq(event))
        .select(Row::as_select())
        .get_result(conn)
        .optional()?;
    Ok(row.map(Row::queued))
}

/// Everything that isn't over, first come first.
pub fn open(conn: &mut Conn, most: i64) -> Result<Vec<Queued>> {
    let rows: Vec<Row> = queued_deployment::table
        .filter(queued_deployment::look_at.is_not_null())
        .order((queued_deployment::queued_at, queued_deployment::id))
        .limit(most)
        .select(Row::as_select())
        .load(conn)?;
    Ok(all_of(rows))
}

/// The same of one service.
pub fn open_of(conn: &mut Conn, service: ServiceId) -> Result<Vec<Queued>> {
    let rows: Vec<Row> = queued_deployment::table
        .filter(queued_deployment::look_at.is_not_null())
        .filter(queued_deployment::service_id.eq(service))
        .order((queued_deployment::queued_at, queued_deployment::id))
        .select(Row::as_select())
        .load(conn)?;
    Ok(all_of(rows))
}

/// The same of one change.
pub fn of_ticket(conn: &mut Conn, of: TicketId) -> Result<Vec<Queued>> {
    let rows: Vec<Row> = queued_deployment::table
        .filter(queued_deployment::ticket_id.eq(of))
        .filter(queued_deployment::look_at.is_not_null())
        .order((queued_deployment::queued_at, queued_deployment::id))
        .select(Row::as_select())
        .load(conn)?;
    Ok(all_of(rows))
}

/// What is to be looked at, first come first.
pub fn due(conn: &mut Conn, now: Timestamp, most: i64) -> Result<Vec<QueuedId>> {
    Ok(queued_deployment::table
        .filter(queued_deployment::look_at.le(now))
        .order((queued_deployment::queued_at, queued_deployment::id))
        .limit(most)
        .select(queued_deployment::id)
        .load(conn)?)
}

/// Enters the queue of a service: whoever else wants to move it waits until this transaction ends.
pub fn enter(tx: &mut Tx, service: ServiceId) -> Result<()> {
    diesel::update(
        queued_deployment::table
            .filter(queued_deployment::service_id.eq(service))
            .filter(queued_deployment::look_at.is_not_null()),
    )
    .set(queued_deployment::look_at.eq(queued_deployment::look_at))
    .execute(&mut **tx)?;
    Ok(())
}

/// The last of a service that was let go: when, and its deployment.
pub fn last_released(
    conn: &mut Conn,
    service: ServiceId,
) -> Result<Option<(Timestamp, Option<DeploymentId>)>> {
    let rows: Vec<(Option<Timestamp>, Option<DeploymentId>)> = queued_deployment::table
        .filter(queued_deployment::service_id.eq(service))
        .filter(queued_deployment::released_at.is_not_null())
        .order((queued_deployment::released_at.desc(), queued_deployment::id))
        .limit(1)
        .select((
            queued_deployment::released_at,
            queued_deployment::deployment_id,
        ))
        .load(conn)?;
    Ok(rows.into_iter().next().and_then(|(at, id)| Some((at?, id))))
}

/// When something was deployed last in a lane, failures aside, if that was at `since` or later.
pub fn deployed_since(conn: &mut Conn, lane: &Lane, since: Timestamp) -> Result<Option<Timestamp>> {
    let found: Vec<Timestamp> = deployment::table
        .filter(deployment::environment.eq(&lane.environment))
        .filter(deployment::service_id.eq(lane.service))
        .filter(deployment::target.eq(&lane.target))
        .filter(deployment::started_at.ge(since))
        .filter(deployment::status.ne(Status::Failed))
        .order((deployment::started_at.desc(), deployment::seq.desc()))
        .limit(1)
        .select(deployment::started_at)
        .load(conn)?;
    Ok(found.into_iter().next())
}

pub fn insert(tx: &mut Tx, new: &Queued) -> Result<()> {
    diesel::insert_into(queued_deployment::table)
        .values(Row::of(new))
        .execute(&mut **tx)?;
    Ok(())
}

/// Writes it, unless it was over when it was read.
pub fn update(tx: &mut Tx, known: &Queued) -> Result<()> {
    let open = queued_deployment::table
        .find(known.id)
        .filter(queued_deployment::look_at.is_not_null());
    match diesel::update(open)
        .set(Row::of(known))
        .execute(&mut **tx)?
    {
        1 => Ok(()),
        _ => Err(Error::Stale),
    }
}
