//! What reports of promises read: which agreement a target stands in, the clocks of a period by their outcomes, outages and
//! maintenance.

use std::collections::HashMap;

use diesel::prelude::*;

use super::schema::core::{affected, ticket, ticket_service};
use super::schema::git::change_plan;
use super::schema::sla::{agreement, clock, target};
use super::sla::ClockRow;
use super::timeline::Recorded;
use super::{Conn, timeline};
use crate::domain::availability::{Outage, Turn, is_maintenance, outages};
use crate::domain::correction::{self, Said};
use crate::domain::id::{AgreementId, CustomerId, Kind, ServiceId, TargetId, TicketId, TicketKey};
use crate::domain::severity::Severity;
use crate::domain::sla_proof::Home;
use crate::domain::ticket::State;
use crate::domain::timestamp::Timestamp;
use crate::domain::worktime::Interval;
use crate::error::Result;

diesel::allow_tables_to_appear_in_same_query!(agreement, target);
diesel::allow_tables_to_appear_in_same_query!(change_plan, ticket);

/// Ids in one statement.
const AT_ONCE: usize = 500;

/// In which agreement, and in which version of it, these targets stand.
pub fn homes(conn: &mut Conn, ids: &[TargetId]) -> Result<HashMap<TargetId, Home>> {
    let mut homes = HashMap::with_capacity(ids.len());
    for some in ids.chunks(AT_ONCE) {
        let rows: Vec<(TargetId, AgreementId, String, i64)> = target::table
            .inner_join(agreement::table.on(agreement::id.eq(target::agreement_id)))
            .filter(target::id.eq_any(some.to_vec()))
            .select((
                target::id,
                agreement::id,
                agreement::name,
                target::agreement_version,
            ))
            .load(conn)?;
        homes.extend(rows.into_iter().map(|(id, agreement, name, version)| {
            let home = Home {
                agreement,
                name,
                version,
            };
            (id, home)
        }));
    }
    Ok(homes)
}

/// The tickets with a clock of this party (`None`: the house) that ended in the period.
pub fn tickets_ended(
    conn: &mut Conn,
    customer: Option<CustomerId>,
    period: Interval,
) -> Result<Vec<TicketId>> {
    let mut query = clock::table
        .filter(clock::ended_at.ge(period.from))
        .filter(clock::ended_at.lt(period.to))
        .select(clock::ticket_id)
        .distinct()
        .into_boxed();
    query = match customer {
        Some(customer) => query.filter(clock::customer_id.eq(customer)),
        None => query.filter(clock::customer_id.is_null()),
    };
    Ok(query.load(conn)?)
}

/// The tickets with a clock of this party that was open at `at`.
pub fn tickets_open(
    conn: &mut Conn,
    customer: Option<CustomerId>,
    at: Timestamp,
) -> Result<Vec<TicketId>> {
    let mut query = clock::table
        .filter(clock::anchor_at.lt(at))
        .filter(clock::ended_at.is_null().or(clock::ended_at.ge(at)))
        .select(clock::ticket_id)
        .distinct()
        .into_boxed();
    query = match customer {
        Some(customer) => query.filter(clock::customer_id.eq(customer)),
        None => query.filter(clock::customer_id.is_null()),
    };
    Ok(query.load(conn)?)
}

/// Every clock of this party on these tickets, by ticket, metric, cycle and revision.
pub fn clocks(
    conn: &mut Conn,
    customer: Option<CustomerId>,
    tickets: &[TicketId],
) -> Result<Vec<ClockRow>> {
    let mut rows = Vec::new();
    for some in tickets.chunks(AT_ONCE) {
        let mut query = clock::table
            .filter(clock::ticket_id.eq_any(some.to_vec()))
            .order((
                clock::ticket_id,
                clock::metric,
                clock::cycle,
                clock::revision,
            ))
            .select(ClockRow::as_select())
            .into_boxed();
        query = match customer {
            Some(customer) => query.filter(clock::customer_id.eq(customer)),
            None => query.filter(clock::customer_id.is_null()),
        };
        let some: Vec<ClockRow> = query.load(conn)?;
        rows.extend(some);
    }
    Ok(rows)
}

/// In which tickets those of these that were merged go on.
pub fn merged_into(conn: &mut Conn, tickets: &[TicketId]) -> Result<HashMap<TicketId, TicketId>> {
    let mut into = HashMap::new();
    for some in tickets.chunks(AT_ONCE) {
        let rows: Vec<(TicketId, Option<TicketId>)> = ticket::table
            .filter(ticket::id.eq_any(some.to_vec()))
            .filter(ticket::merged_into.is_not_null())
            .select((ticket::id, ticket::merged_into))
            .load(conn)?;
        into.extend(
            rows.into_iter()
                .filter_map(|(id, other)| Some((id, other?))),
        );
    }
    Ok(into)
}

/// Keys and titles.
pub fn titles(
    conn: &mut Conn,
    tickets: &[TicketId],
) -> Result<HashMap<TicketId, (TicketKey, String)>> {
    let mut titles = HashMap::with_capacity(tickets.len());
    for some in tickets.chunks(AT_ONCE) {
        let rows: Vec<(TicketId, Kind, i64, String)> = ticket::table
            .filter(ticket::id.eq_any(some.to_vec()))
            .select((ticket::id, ticket::kind, ticket::number, ticket::title))
            .load(conn)?;
        titles.extend(
            rows.into_iter()
                .map(|(id, kind, number, title)| (id, (TicketKey { kind, number }, title))),
        );
    }
    Ok(titles)
}

/// An incident that a customer was hit by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    pub key: TicketKey,
    pub severity: Option<Severity>,
    /// Those that overlap the period; several where it was opened again.
    pub outages: Vec<Outage>,
    /// None: it names no service.
    pub services: Vec<ServiceId>,
}

/// What hit this customer and overlaps the period. Cancelled tickets were no incidents.
pub fn hits(conn: &mut Conn, customer: CustomerId, period: Interval) -> Result<Vec<Hit>> {
    type Row = (
        (TicketId, i64, Option<Severity>, Option<Timestamp>),
        (Option<ServiceId>, Timestamp, Option<Timestamp>),
    );
    let rows: Vec<Row> = affected::table
        .inner_join(ticket::table.on(ticket::id.eq(affected::ticket_id)))
        .filter(affected::customer_id.eq(customer))
        .filter(affected::impact_at.lt(period.to))
        .filter(
            affected::restored_at
                .is_null()
                .or(affected::restored_at.gt(period.from)),
        )
        .filter(ticket::kind.eq(Kind::Incident))
        .filter(ticket::state.ne(State::Cancelled))
        .order((affected::impact_at, affected::id))
        .select((
            (
                ticket::id,
                ticket::number,
                ticket::severity,
                ticket::resolved_at,
            ),
            (
                affected::service_id,
                affected::impact_at,
                affected::restored_at,
            ),
        ))
        .load(conn)?;
    let ids: Vec<TicketId> = rows.iter().map(|((id, ..), _)| *id).collect();
    let services = services(conn, &ids)?;
    let turns = turns(conn, customer, &ids)?;
    let overlaps =
        |outage: &Outage| outage.from < period.to && outage.to.is_none_or(|to| to > period.from);
    Ok(rows
        .into_iter()
        .map(
            |((id, number, severity, resolved_at), (service, from, restored_at))| {
                // What never broke again is as its row says, however it came here.
                let mut all = match turns.get(&id) {
                    Some(turns) => outages(from, turns),
                    None => vec![Outage {
                        from,
                        to: restored_at.or(resolved_at),
                    }],
                };
                all.retain(overlaps);
                Hit {
                    key: TicketKey {
                        kind: Kind::Incident,
                        number,
                    },
                    severity,
                    outages: all,
                    services: match services.get(&id) {
                        Some(services) => services.clone(),
                        None => service.into_iter().collect(),
                    },
                }
            },
        )
        .filter(|hit| !hit.outages.is_empty())
        .collect())
}

/// When those of these incidents that broke again were restored for this customer and when they broke, in their order.
fn turns(
    conn: &mut Conn,
    customer: CustomerId,
    tickets: &[TicketId],
) -> Result<HashMap<TicketId, Vec<(Timestamp, Turn)>>> {
    let mut all: HashMap<TicketId, Vec<(Timestamp, Turn)>> = HashMap::new();
    for some in tickets.chunks(AT_ONCE) {
        let entries = timeline::without_text(conn, some, correction::STORY)?;
        for of_ticket in entries.chunk_by(|one, other| one.ticket == other.ticket) {
            let story: Vec<Said<'_>> = of_ticket.iter().map(Recorded::said).collect();
            let turns = correction::turns(Some(customer), &story);
            if turns.iter().any(|(_, turn)| *turn == Turn::Broken) {
                all.insert(of_ticket[0].ticket, turns);
            }
        }
    }
    Ok(all)
}

/// Maintenance that was announced and overlaps the period, with the services that it was on.
pub fn maintenance(conn: &mut Conn, period: Interval) -> Result<Vec<(Interval, Vec<ServiceId>)>> {
    type Row = (
        TicketId,
        State,
        Option<Timestamp>,
        Option<Timestamp>,
        Option<Timestamp>,
    );
    let rows: Vec<Row> = change_plan::table
        .inner_join(ticket::table.on(ticket::id.eq(change_plan::ticket_id)))
        .filter(change_plan::starts_at.lt(period.to))
        .filter(change_plan::ends_at.gt(period.from))
        .select((
            ticket::id,
            ticket::state,
            change_plan::approved_at,
            change_plan::starts_at,
            change_plan::ends_at,
        ))
        .order(ticket::id)
        .load(conn)?;
    let ids: Vec<TicketId> = rows.iter().map(|(id, ..)| *id).collect();
    let mut services = services(conn, &ids)?;
    Ok(rows
        .into_iter()
        .filter_map(|(id, state, approved_at, starts_at, ends_at)| {
            let window = is_maintenance(state, approved_at, (starts_at, ends_at))?;
            Some((window, services.remove(&id).unwrap_or_default()))
        })
        .collect())
}

fn services(conn: &mut Conn, tickets: &[TicketId]) -> Result<HashMap<TicketId, Vec<ServiceId>>> {
    let mut services: HashMap<TicketId, Vec<ServiceId>> = HashMap::new();
    for some in tickets.chunks(AT_ONCE) {
        let rows: Vec<(TicketId, ServiceId)> = ticket_service::table
            .filter(ticket_service::ticket_id.eq_any(some.to_vec()))
            .order((ticket_service::ticket_id, ticket_service::service_id))
            .select((ticket_service::ticket_id, ticket_service::service_id))
            .load(conn)?;
        for (id, service) in rows {
            services.entry(id).or_default().push(service);
        }
    }
    Ok(services)
}
