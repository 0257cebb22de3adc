//! What the calendar of changes is made of: changes with a time, and what may stand in their way.

use std::collections::{BTreeSet, HashMap};

use diesel::prelude::*;

use super::schema::core::{ticket, ticket_link, ticket_service};
use super::schema::git::change_plan;
use super::schema::sla::clock;
use super::{Conn, ticket as tickets};
use crate::domain::change::Sort;
use crate::domain::conflict::{BAKE_SECS, Open, Planned};
use crate::domain::id::{Kind, ServiceId, TicketId};
use crate::domain::sla_agreement::Metric;
use crate::domain::sla_clock::ClockState;
use crate::domain::ticket::{Relation, State, Ticket};
use crate::domain::timestamp::Timestamp;
use crate::domain::worktime::Interval;
use crate::error::Result;

/// Changes of one calendar, and open tickets that it is held against; beyond it nobody plans by eye.
const MOST: i64 = 500;

/// A change: when it begins, when it ends, when it did end, its kind.
type Row = (
    TicketId,
    Option<Timestamp>,
    Option<Timestamp>,
    Option<Timestamp>,
    Sort,
);

const ROW: (
    ticket::id,
    change_plan::starts_at,
    change_plan::ends_at,
    change_plan::ended_at,
    change_plan::sort,
) = (
    ticket::id,
    change_plan::starts_at,
    change_plan::ends_at,
    change_plan::ended_at,
    change_plan::sort,
);

/// The open changes that are planned for some time of `period` or still bake in it, each with its ticket, by their start.
pub fn planned(conn: &mut Conn, period: Interval) -> Result<Vec<(Ticket, Planned)>> {
    let over: Vec<State> = State::ALL
        .iter()
        .copied()
        .filter(|it| !it.is_open())
        .collect();
    let bakes_from = period.from.plus_secs(-BAKE_SECS);
    let lasts = change_plan::ends_at.gt(bakes_from).or(change_plan::ends_at
        .is_null()
        .and(change_plan::starts_at.gt(bakes_from)));
    let rows: Vec<Row> = change_plan::table
        .inner_join(ticket::table.on(ticket::id.eq(change_plan::ticket_id)))
        .filter(change_plan::starts_at.lt(period.to))
        .filter(lasts.assume_not_null())
        .filter(ticket::state.ne_all(over))
        .order((change_plan::starts_at, change_plan::ticket_id))
        .limit(MOST)
        .select(ROW)
        .load(conn)?;
    with_tickets(conn, rows)
}

/// The changes that ended in `period`, or so shortly before that they bake in it, whatever was planned; those that were closed too.
pub fn ended(conn: &mut Conn, period: Interval) -> Result<Vec<Planned>> {
    let rows: Vec<Row> = change_plan::table
        .inner_join(ticket::table.on(ticket::id.eq(change_plan::ticket_id)))
        .filter(change_plan::ended_at.gt(period.from.plus_secs(-BAKE_SECS)))
        .filter(change_plan::ended_at.lt(period.to))
        .filter(ticket::state.eq_any(vec![State::OnWatch, State::Closed]))
        .order(change_plan::ended_at.desc())
        .limit(MOST)
        .select(ROW)
        .load(conn)?;
    let rows = rows
        .into_iter()
        .map(|(id, starts_at, ends_at, ended_at, sort)| {
            (id, starts_at.or(ended_at), ends_at, ended_at, sort)
        });
    let found = with_tickets(conn, rows.collect())?;
    Ok(found.into_iter().map(|(_, planned)| planned).collect())
}

/// The changes that somebody works on, whatever was planned: each goes on until `now` at least.
pub fn under_way(conn: &mut Conn, now: Timestamp) -> Result<Vec<Planned>> {
    type Found = (TicketId, Option<Timestamp>, Option<Timestamp>, Option<Sort>);
    let rows: Vec<Found> = ticket::table
        .left_join(change_plan::table.on(change_plan::ticket_id.eq(ticket::id)))
        .filter(ticket::kind.eq(Kind::Change))
        .filter(ticket::state.eq(State::InProgress))
        .order(ticket::id.desc())
        .limit(MOST)
        .select((
            ticket::id,
            change_plan::starts_at.nullable(),
            change_plan::ends_at.nullable(),
            change_plan::sort.nullable(),
        ))
        .load(conn)?;
    let rows = rows.into_iter().map(|(id, starts_at, ends_at, sort)| {
        let starts_at = starts_at.map_or(now, |at| at.min(now));
        (
            id,
            Some(starts_at),
            Some(ends_at.map_or(now, |at| at.max(now))),
            None,
            sort.unwrap_or_default(),
        )
    });
    let found = with_tickets(conn, rows.collect())?;
    Ok(found.into_iter().map(|(_, planned)| planned).collect())
}

/// Changes by when they begin, end and did end, each with its ticket.
fn with_tickets(conn: &mut Conn, rows: Vec<Row>) -> Result<Vec<(Ticket, Planned)>> {
    let ids: Vec<TicketId> = rows.iter().map(|(id, ..)| *id).collect();
    let mut known: HashMap<TicketId, Ticket> = tickets::by_ids(conn, &ids)?
        .into_iter()
        .map(|it| (it.id, it))
        .collect();
    let mut services = tickets::services_of(conn, &ids)?;
    let mut linked = linked(conn, &ids)?;
    let places: Vec<(TicketId, Option<String>)> = change_plan::table
        .filter(change_plan::ticket_id.eq_any(&ids))
        .filter(change_plan::environment.is_not_null())
        .select((change_plan::ticket_id, change_plan::environment))
        .load(conn)?;
    let mut places: HashMap<TicketId, Option<String>> = places.into_iter().collect();
    let planned = rows
        .into_iter()
        .filter_map(|(id, starts_at, ends_at, ended_at, sort)| {
            let of = known.remove(&id)?;
            let planned = Planned {
                ticket: id,
                key: of.key,
                title: of.title.to_string(),
                starts_at: starts_at?,
                ends_at: ends_at.or(starts_at)?,
                ended_at,
                services: services.remove(&id).unwrap_or_default(),
                owner: of.owner,
                risk: of.risk,
                sort,
                environment: places.remove(&id).flatten(),
                linked: linked.remove(&id).unwrap_or_default(),
            };
            Some((of, planned))
        });
    Ok(planned.collect())
}

/// Tickets that a change is linked to, as [`Planned`] has them.
pub fn linked_to(conn: &mut Conn, of: TicketId) -> Result<Vec<TicketId>> {
    Ok(linked(conn, &[of])?.remove(&of).unwrap_or_default())
}

fn linked(conn: &mut Conn, of: &[TicketId]) -> Result<HashMap<TicketId, Vec<TicketId>>> {
    let pairs: Vec<(TicketId, TicketId, Relation)> = ticket_link::table
        .filter(
            ticket_link::from_id
                .eq_any(of.to_vec())
                .or(ticket_link::to_id.eq_any(of.to_vec())),
        )
        .select((
            ticket_link::from_id,
            ticket_link::to_id,
            ticket_link::relation,
        ))
        .load(conn)?;
    let mut linked: HashMap<TicketId, Vec<TicketId>> = HashMap::new();
    for (from, to, relation) in pairs {
        linked.entry(from).or_default().push(to);
        // An incident that came of a change isn't what it is for.
        if relation != Relation::CausedBy {
            linked.entry(to).or_default().push(from);
        }
    }
    Ok(linked)
}

/// The incidents of these services that are open, newest first.
pub fn open_incidents(conn: &mut Conn, services: &[ServiceId]) -> Result<Vec<Open>> {
    let over: Vec<State> = State::ALL
        .iter()
        .copied()
        .filter(|it| !it.is_open())
        .collect();
    let ids: Vec<TicketId> = ticket_service::table
        .inner_join(ticket::table.on(ticket::id.eq(ticket_service::ticket_id)))
        .filter(ticket_service::service_id.eq_any(services.to_vec()))
        .filter(ticket::kind.eq(Kind::Incident))
        .filter(ticket::state.ne_all(over))
        .order(ticket::id.desc())
        .limit(MOST)
        .select(ticket::id)
        .load(conn)?;
    open(conn, ids)
}

/// The changes of these services whose broken glass waits for its review.
pub fn unreviewed(conn: &mut Conn, services: &[ServiceId]) -> Result<Vec<Open>> {
    let runs = vec![ClockState::Scheduled, ClockState::Running, ClockState::Held];
    // Of the whole house: there is rarely more than one.
    let ids: Vec<TicketId> = clock::table
        .filter(clock::metric.eq(Metric::Review))
        .filter(clock::state.eq_any(runs))
        .order(clock::ticket_id.desc())
        .limit(MOST)
        .select(clock::ticket_id)
        .load(conn)?;
    let mut found = open(conn, ids)?;
    found.retain(|it| it.services.iter().any(|id| services.contains(id)));
    Ok(found)
}

fn open(conn: &mut Conn, ids: Vec<TicketId>) -> Result<Vec<Open>> {
    let ids: BTreeSet<TicketId> = ids.into_iter().collect();
    let ids: Vec<TicketId> = ids.into_iter().collect();
    let mut services = tickets::services_of(conn, &ids)?;
    let mut found: Vec<Open> = tickets::by_ids(conn, &ids)?
        .into_iter()
        .map(|it| Open {
            ticket: it.id,
            key: it.key,
            services: services.remove(&it.id).unwrap_or_default(),
        })
        .collect();
    found.sort_by_key(|it| it.key);
    Ok(found)
}
