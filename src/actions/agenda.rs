//! The calendar of changes: what is planned when, which windows stand in the way, and what conflicts with what. Nothing of it is
//! stored.

use std::collections::{BTreeMap, BTreeSet};

use super::{allow, allow_ticket, approval};
use crate::app::Ctx;
use crate::domain::access::{Action, Principal, Target};
use crate::domain::agenda::{Agenda, Item};
use crate::domain::change::Change;
use crate::domain::conflict::{Around, BAKE_SECS, Conflict, Levels, Planned};
use crate::domain::freeze::Level;
use crate::domain::id::{Kind, ServiceId, TicketId};
use crate::domain::push_rule::Clash;
use crate::domain::refusal::Refusal;
use crate::domain::ticket::{State, Ticket};
use crate::domain::timestamp::Timestamp;
use crate::domain::worktime::Interval;
use crate::error::Result;
use crate::store::{self, Conn};
use crate::words::Words;

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
    let mut planned: Vec<Planned> = found.iter().map(|(_, planned)| planned.clone()).collect();
    and_others(&mut planned, store::agenda::ended(conn, period)?);
    let around = around(conn, planned, &[])?;
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
        production: around.production,
        services,
        levels: store::settings::all(conn)?.conflict_levels,
    })
}

/// What is in the way of one change that has a time and hasn't begun: what has is done with or goes on.
pub fn conflicts(ctx: &Ctx<'_>, conn: &mut Conn, ticket: &Ticket) -> Result<Vec<Conflict>> {
    if ticket.key.kind != Kind::Change || !waits(ticket) {
        return Ok(Vec::new());
    }
    let plan = store::change::of(conn, ticket.id)?.plan;
    let Some(starts_at) = plan.starts_at else {
        return Ok(Vec::new());
    };
    let ends_at = plan.ends_at.unwrap_or(starts_at);
    let period = Interval::new(starts_at, ends_at.plus_secs(BAKE_SECS));
    let found = store::agenda::planned(conn, period)?;
    let mut planned: Vec<Planned> = found.into_iter().map(|(_, planned)| planned).collect();
    and_others(&mut planned, store::agenda::ended(conn, period)?);
    let own = planned.iter().find(|it| it.ticket == ticket.id).cloned();
    let around = around(conn, planned, &[])?;
    Ok(own.map_or_else(Vec::new, |own| own.conflicts(&around, ctx.now)))
}

/// What would be in its way if it began at `now` and took as long as was planned.
fn if_begun(
    conn: &mut Conn,
    ticket: &Ticket,
    change: &Change,
    now: Timestamp,
) -> Result<Vec<Conflict>> {
    let services = store::ticket::services(conn, ticket.id)?;
    let mut own = begun(ticket, change, services, now);
    own.linked = store::agenda::linked_to(conn, ticket.id)?;
    let around = around_now(conn, &own.services, now, own.ends_at)?;
    Ok(own.conflicts(&around, now))
}

/// It, begun at `now`. What it is linked to is left out.
fn begun(ticket: &Ticket, change: &Change, services: Vec<ServiceId>, now: Timestamp) -> Planned {
    let plan = &change.plan;
    let length = match (plan.starts_at, plan.ends_at) {
        (Some(from), Some(to)) => to.secs_since(from),
        _ => 0,
    };
    Planned {
        ticket: ticket.id,
        key: ticket.key,
        title: ticket.title.to_string(),
        starts_at: now,
        ends_at: now.plus_secs(length),
        ended_at: None,
        services,
        owner: ticket.owner,
        risk: ticket.risk,
        sort: plan.sort,
        environment: plan.environment.clone(),
        linked: Vec::new(),
    }
}

/// What changes of these services are held against that begin at `now` and are done by `until`: what is planned for these hours, and
/// what somebody works on, whatever was planned.
fn around_now(
    conn: &mut Conn,
    services: &[ServiceId],
    now: Timestamp,
    until: Timestamp,
) -> Result<Around> {
    let period = Interval::new(now, until.plus_secs(BAKE_SECS));
    let mut others = store::agenda::under_way(conn, now)?;
    let planned = store::agenda::planned(conn, period)?.into_iter();
    and_others(&mut others, planned.map(|(_, planned)| planned).collect());
    and_others(&mut others, store::agenda::ended(conn, period)?);
    around(conn, others, services)
}

/// Adds those of `more` that aren't known yet.
fn and_others(known: &mut Vec<Planned>, more: Vec<Planned>) {
    let mut seen: BTreeSet<TicketId> = known.iter().map(|it| it.ticket).collect();
    known.extend(more.into_iter().filter(|it| seen.insert(it.ticket)));
}

/// The marks of what an approver sees who approves it now.
pub(super) fn seen_now(
    ctx: &Ctx<'_>,
    conn: &mut Conn,
    ticket: &Ticket,
    change: &Change,
) -> Result<Vec<String>> {
    let mut seen = conflicts(ctx, conn, ticket)?;
    seen.extend(if_begun(conn, ticket, change, ctx.now)?);
    let mut marks: Vec<String> = seen.iter().map(Conflict::mark).collect();
    marks.sort_unstable();
    marks.dedup();
    Ok(marks)
}

/// Why a change can't begin now for what is in its way, by the levels that the house has set; where customers are alone.
pub(super) fn stops(
    conn: &mut Conn,
    ticket: &Ticket,
    change: &Change,
    now: Timestamp,
) -> Result<Option<Refusal>> {
    let levels = store::settings::all(conn)?.conflict_levels;
    if levels.only_warn() || !approval::environment(conn, change)?.1 {
        return Ok(None);
    }
    let seen = approval::Scene::load(conn, ticket, change)?.case.seen(now);
    let found = if_begun(conn, ticket, change, now)?;
    let Some((conflict, level)) = levels.stops(&found, &seen) else {
        return Ok(None);
    };
    let rule = match level {
        Level::Block => "conflict-blocks",
        Level::Approve | Level::Warn => "conflict-unseen",
    };
    let key = format!("conflict-{}", conflict.code.as_str().replace('_', "-"));
    let with = conflict.with.map(|key| key.to_string());
    let with = with.unwrap_or_else(|| conflict.window.clone());
    Ok(Some(
        Refusal::new(rule)
            .with("key", ticket.key.to_string())
            .with("what", Words::english().t(&key).into_owned())
            .with("with", with),
    ))
}

/// Conflicts that are said of one change at a push.
const SAID: usize = 3;

/// What is in the way of a change that hasn't begun, where customers are, for whoever pushes it now: the same as if it began. What blocks
/// comes first; what its approval has seen isn't said again.
pub(super) fn clashes(
    conn: &mut Conn,
    ticket: &Ticket,
    change: &Change,
    now: Timestamp,
) -> Result<Vec<Clash>> {
    if !waits(ticket) || !approval::environment(conn, change)?.1 {
        return Ok(Vec::new());
    }
    let levels = store::settings::all(conn)?.conflict_levels;
    let found = if_begun(conn, ticket, change, now)?;
    said(conn, ticket, change, found, &levels, now)
}

/// The same of many at once, by ticket; those that nothing is in the way of are left out.
pub(super) fn clashes_of_all(
    conn: &mut Conn,
    open: &[(Ticket, Change)],
    now: Timestamp,
) -> Result<BTreeMap<TicketId, Vec<Clash>>> {
    let production = production(conn)?;
    let is_there = |change: &Change| {
        let place = change.plan.environment.as_ref();
        place.is_none_or(|place| *place == production)
    };
    let asked = open.iter();
    let asked: Vec<_> = asked
        .filter(|(ticket, change)| waits(ticket) && is_there(change))
        .collect();
    let ids: Vec<TicketId> = asked.iter().map(|(ticket, _)| ticket.id).collect();
    let services_of = store::ticket::services_of(conn, &ids)?;
    let own = |ticket: &Ticket, change: &Change| {
        let services = services_of.get(&ticket.id).cloned().unwrap_or_default();
        begun(ticket, change, services, now)
    };
    let until = asked
        .iter()
        .map(|(ticket, change)| own(ticket, change).ends_at);
    let Some(until) = until.max() else {
        return Ok(BTreeMap::new());
    };
    let services: BTreeSet<ServiceId> = services_of.values().flatten().copied().collect();
    let services: Vec<ServiceId> = services.into_iter().collect();
    let around = around_now(conn, &services, now, until)?;
    let levels = store::settings::all(conn)?.conflict_levels;
    let mut all = BTreeMap::new();
    for (ticket, change) in asked {
        let mut own = own(ticket, change);
        // What it is linked to only takes some of them away: most have none.
        let mut found = own.conflicts(&around, now);
        if found.iter().any(|it| !it.code.is_by_window()) {
            own.linked = store::agenda::linked_to(conn, ticket.id)?;
            found = own.conflicts(&around, now);
        }
        let clashes = said(conn, ticket, change, found, &levels, now)?;
        if !clashes.is_empty() {
            all.insert(ticket.id, clashes);
        }
    }
    Ok(all)
}

/// Whether it hasn't begun.
const fn waits(ticket: &Ticket) -> bool {
    matches!(
        ticket.state,
        State::Draft | State::AwaitingApproval | State::Approved
    )
}

/// What is said of this at a push.
fn said(
    conn: &mut Conn,
    ticket: &Ticket,
    change: &Change,
    mut found: Vec<Conflict>,
    levels: &Levels,
    now: Timestamp,
) -> Result<Vec<Clash>> {
    // The windows turn pushes away themselves.
    found.retain(|it| !it.code.is_by_window());
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let seen = approval::Scene::load(conn, ticket, change)?.case.seen(now);
    found.retain(|it| levels.of(it.code) == Level::Block || !seen.contains(&it.mark()));
    let mut clashes: Vec<Clash> = found
        .into_iter()
        .map(|it| Clash {
            blocks: levels.of(it.code) == Level::Block,
            with: it.with.map_or(it.window, |key| key.to_string()),
            code: it.code,
        })
        .collect();
    clashes.sort_by_key(|it| !it.blocks);
    clashes.truncate(SAID);
    Ok(clashes)
}

/// The environment in which customers are.
fn production(conn: &mut Conn) -> Result<String> {
    let known = store::house::environments(conn)?;
    Ok(known.into_iter().next().unwrap_or_default())
}

/// Everything that changes are held against: these, and what happens to their services and to `more` of them.
fn around(conn: &mut Conn, planned: Vec<Planned>, more: &[ServiceId]) -> Result<Around> {
    let mut services: Vec<ServiceId> = planned.iter().flat_map(|it| it.services.clone()).collect();
    services.extend(more);
    services.sort_unstable();
    services.dedup();
    let map = store::service_map::load(conn)?;
    // What they call may be broken too.
    services.extend(map.around(&services));
    Ok(Around {
        map,
        freezes: store::freeze::all(conn)?,
        production: production(conn)?,
        incidents: store::agenda::open_incidents(conn, &services)?,
        unreviewed: store::agenda::unreviewed(conn, &services)?,
        planned,
    })
}
