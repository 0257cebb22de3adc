//! What a change has beyond its ticket.

use std::collections::HashMap;

use diesel::prelude::*;

use super::column::text_column;
use super::schema::core::{entry, ticket, ticket_link, ticket_service};
use super::schema::deploy::deployment_ticket;
use super::schema::git::change_plan;
use super::{Conn, Tx};
use crate::domain::change::{Change, Plan, Sort};
use crate::domain::glass_count::Broken;
use crate::domain::id::{Kind, PersonId, ServiceId, TeamId, TicketId, TicketKey};
use crate::domain::ticket::{Relation, State, Ticket};
use crate::domain::timeline::EntryKind;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

text_column!(Sort);

#[derive(Queryable, Selectable, Insertable, AsChangeset, Identifiable)]
#[diesel(table_name = change_plan, primary_key(ticket_id), treat_none_as_null = true)]
struct Row {
    ticket_id: TicketId,
    purpose: String,
    starts_at: Option<Timestamp>,
    ends_at: Option<Timestamp>,
    side_effects: String,
    version_before: Option<String>,
    version_after: Option<String>,
    revert: String,
    requested_by: Option<PersonId>,
    asked_by: Option<PersonId>,
    approved_by: Option<PersonId>,
    approved_at: Option<Timestamp>,
    revert_prepared_at: Option<Timestamp>,
    watch_until: Option<Timestamp>,
    environment: Option<String>,
    sort: Sort,
    ended_at: Option<Timestamp>,
    artefact: Option<String>,
}

/// The standing changes of a service that are approved, the newest first.
pub fn standing_of(conn: &mut Conn, service: ServiceId) -> Result<Vec<TicketId>> {
    let approved: Vec<TicketId> = ticket_service::table
        .inner_join(ticket::table.on(ticket::id.eq(ticket_service::ticket_id)))
        .filter(ticket_service::service_id.eq(service))
        .filter(ticket::kind.eq(Kind::Change))
        .filter(ticket::state.eq(State::Approved))
        .select(ticket::id)
        .load(conn)?;
    Ok(change_plan::table
        .filter(change_plan::ticket_id.eq_any(approved))
        .filter(change_plan::sort.eq(Sort::Standard))
        .order(change_plan::ticket_id.desc())
        .select(change_plan::ticket_id)
        .load(conn)?)
}

impl Row {
    fn of(ticket_id: TicketId, change: &Change) -> Self {
        let plan = change.plan.clone();
        Row {
            ticket_id,
            purpose: plan.purpose,
            starts_at: plan.starts_at,
            ends_at: plan.ends_at,
            side_effects: plan.side_effects,
            version_before: plan.version_before,
            version_after: plan.version_after,
            revert: plan.revert,
            requested_by: change.requested_by,
            asked_by: change.asked_by,
            approved_by: change.approved_by,
            approved_at: change.approved_at,
            revert_prepared_at: change.revert_prepared_at,
            watch_until: change.watch_until,
            environment: plan.environment,
            sort: plan.sort,
            ended_at: change.ended_at,
            artefact: plan.artefact,
        }
    }

    fn change(self) -> Change {
        Change {
            plan: Plan {
                purpose: self.purpose,
                starts_at: self.starts_at,
                ends_at: self.ends_at,
                side_effects: self.side_effects,
                version_before: self.version_before,
                version_after: self.version_after,
                artefact: self.artefact,
                revert: self.revert,
                environment: self.environment,
                sort: self.sort,
            },
            requested_by: self.requested_by,
            asked_by: self.asked_by,
            approved_by: self.approved_by,
            approved_at: self.approved_at,
            revert_prepared_at: self.revert_prepared_at,
            watch_until: self.watch_until,
            ended_at: self.ended_at,
        }
    }
}

/// What is known of a change; a change that was opened with its title alone has no row yet, and nothing in it.
pub fn of(conn: &mut Conn, ticket: TicketId) -> Result<Change> {
    let row: Option<Row> = change_plan::table
        .find(ticket)
        .select(Row::as_select())
        .get_result(conn)
        .optional()?;
    Ok(row.map(Row::change).unwrap_or_default())
}

/// Changes whose watch is over, which were deployed, and which no incident is said to come of; longest over first.
pub fn soaked(conn: &mut Conn, now: Timestamp, most: i64) -> Result<Vec<TicketId>> {
    let due: Vec<TicketId> = change_plan::table
        .filter(change_plan::watch_until.le(now))
        .order(change_plan::watch_until)
        .limit(most)
        .select(change_plan::ticket_id)
        .load(conn)?;
    if due.is_empty() {
        return Ok(due);
    }
    let watched: Vec<TicketId> = ticket::table
        .filter(ticket::id.eq_any(due.clone()))
        .filter(ticket::state.eq(State::OnWatch))
        .select(ticket::id)
        .load(conn)?;
    let deployed: Vec<TicketId> = deployment_ticket::table
        .filter(deployment_ticket::ticket_id.eq_any(watched.clone()))
        .select(deployment_ticket::ticket_id)
        .load(conn)?;
    let blamed: Vec<TicketId> = ticket_link::table
        .filter(ticket_link::to_id.eq_any(watched.clone()))
        .filter(ticket_link::relation.eq(Relation::CausedBy))
        .select(ticket_link::to_id)
        .load(conn)?;
    let is_stable = |id: &TicketId| deployed.contains(id) && !blamed.contains(id);
    Ok(watched.into_iter().filter(is_stable).collect())
}

/// Changes whose entries are looked through in one statement.
const AT_ONCE: usize = 500;

/// Glass that was broken from then until before `to`, in its order. Only changes are looked at that were written since.
pub fn broken_between(conn: &mut Conn, since: Timestamp, to: Timestamp) -> Result<Vec<Broken>> {
    type Told = (TicketId, i64, Option<TeamId>, Option<ServiceId>);
    let changes: Vec<Told> = ticket::table
        .filter(ticket::kind.eq(Kind::Change))
        .filter(ticket::updated_at.ge(since))
        .select((
            ticket::id,
            ticket::number,
            ticket::team_id,
            ticket::service_id,
        ))
        .load(conn)?;
    let mut broken: Vec<(Timestamp, Broken)> = Vec::new();
    for some in changes.chunks(AT_ONCE) {
        let ids: Vec<TicketId> = some.iter().map(|(id, ..)| *id).collect();
        let found: Vec<(TicketId, Timestamp, String)> = entry::table
            .filter(entry::ticket_id.eq_any(ids))
            .filter(entry::kind.eq(EntryKind::GlassBroken))
            .filter(entry::effective_at.ge(since))
            .filter(entry::effective_at.lt(to))
            .select((entry::ticket_id, entry::effective_at, entry::body))
            .load(conn)?;
        for (of, at, reason) in found {
            let told = some.iter().find(|(id, ..)| *id == of);
            let Some((_, number, team, service)) = told else {
                continue;
            };
            let key = TicketKey {
                kind: Kind::Change,
                number: *number,
            };
            let it = Broken {
                team: *team,
                service: *service,
                key,
                reason,
            };
            broken.push((at, it));
        }
    }
    broken.sort_by_key(|(at, it)| (*at, it.key));
    Ok(broken.into_iter().map(|(_, it)| it).collect())
}

/// Writes it. The caller records the ticket in the same transaction, whose version guards both.
pub fn put(tx: &mut Tx, ticket: TicketId, change: &Change) -> Result<()> {
    let row = Row::of(ticket, change);
    let known = diesel::update(change_plan::table.find(ticket))
        .set(&row)
        .execute(&mut **tx)?;
    if known == 0 {
        diesel::insert_into(change_plan::table)
            .values(row)
            .execute(&mut **tx)?;
    }
    Ok(())
}

/// How the open changes stand, the newest first.
pub fn open(conn: &mut Conn, most: i64) -> Result<Vec<(Ticket, Change)>> {
    let tickets = super::ticket::open_of_kind(conn, Kind::Change, most)?;
    let ids: Vec<TicketId> = tickets.iter().map(|ticket| ticket.id).collect();
    let rows: Vec<Row> = change_plan::table
        .filter(change_plan::ticket_id.eq_any(ids))
        .select(Row::as_select())
        .load(conn)?;
    let mut plans: HashMap<TicketId, Change> = rows
        .into_iter()
        .map(|row| (row.ticket_id, row.change()))
        .collect();
    Ok(tickets
        .into_iter()
        .map(|ticket| {
            let change = plans.remove(&ticket.id).unwrap_or_default();
            (ticket, change)
        })
        .collect())
}
