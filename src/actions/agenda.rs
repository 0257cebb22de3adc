//! The calendar of changes: what is planned when, which windows stand in the way, and what conflicts with what. Nothing of it is
//! stored.

use super::{allow, allow_ticket};
use crate::app::Ctx;
use crate::domain::access::{Action, Principal, Target};
use crate::domain::agenda::{Agenda, Item};
use crate::domain::conflict::{Around, BAKE_SECS, Conflict, Planned};
use crate::domain::id::{Kind, ServiceId};
use crate::domain::ticket::{State, Ticket};
use crate::domain::timestamp::Timestamp;
use crate::domain::worktime::Interval;
use crate::error::Result;
use crate::store::{self, Conn};

/// Days that a calendar shows at most.
pub const MOST_DAYS: i64 = 92;

/// The calendar of a period; changes that whoever asks may not read aren't in it.
pub fn read(ctx: &Ctx<'_>, period: Interval) -> Result<Agenda> {
    allow(&ctx.by, Action::ReadHouse, Target::House)?;
    ctx.read(|conn| read_as(&ctx.by, conn, period, ctx.now))
}

/// As [`read`], for whoever is known already and reads what the house consists of.
pub fn read_as(
    by: &Principal,
    conn: &mut Conn,
    period: Interval,
    now: Timestamp,
) -> Result<Agenda> {
    let mut services = store::house::services(conn)?;
    services.retain(|it| it.is_active);
    let found = store::agenda::planned(conn, period)?;
    let planned: Vec<Planned> = found.iter().map(|(_, planned)| planned.clone()).collect();
    let around = around(conn, planned)?;
    let mut items = Vec::with_capacity(found.len());
    for (ticket, planned) in found {
        if allow_ticket(conn, by, Action::ReadTickets, &ticket).is_err() {
            continue;
        }
        items.push(Item {
            conflicts: planned.conflicts(&around, now),
            state: ticket.state,
            planned,
        });
    }
    Ok(Agenda {
        period,
        items,
        freezes: around.freezes,
        services,
    })
}

/// What is in the way of one change that has a time and hasn't begun: what has is done with or goes on.
pub fn conflicts(ctx: &Ctx<'_>, conn: &mut Conn, ticket: &Ticket) -> Result<Vec<Conflict>> {
    let waits = matches!(
        ticket.state,
        State::Draft | State::AwaitingApproval | State::Approved
    );
    if ticket.key.kind != Kind::Change || !waits {
        return Ok(Vec::new());
    }
    let plan = store::change::of(conn, ticket.id)?.plan;
    let Some(starts_at) = plan.starts_at else {
        return Ok(Vec::new());
    };
    let ends_at = plan.ends_at.unwrap_or(starts_at);
    let period = Interval::new(starts_at, ends_at.plus_secs(BAKE_SECS));
    let found = store::agenda::planned(conn, period)?;
    let planned: Vec<Planned> = found.into_iter().map(|(_, planned)| planned).collect();
    let own = planned.iter().find(|it| it.ticket == ticket.id).cloned();
    let around = around(conn, planned)?;
    Ok(own.map_or_else(Vec::new, |own| own.conflicts(&around, ctx.now)))
}

/// Everything that these changes are held against.
fn around(conn: &mut Conn, planned: Vec<Planned>) -> Result<Around> {
    let mut services: Vec<ServiceId> = planned.iter().flat_map(|it| it.services.clone()).collect();
    services.sort_unstable();
    services.dedup();
    let map = store::service_map::load(conn)?;
    // What they call may be broken too.
    services.extend(map.around(&services));
    Ok(Around {
        map,
        freezes: store::freeze::all(conn)?,
        incidents: store::agenda::open_incidents(conn, &services)?,
        unreviewed: store::agenda::unreviewed(conn, &services)?,
        planned,
    })
}
