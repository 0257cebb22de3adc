//! The burn lines of a list: how much working time each ticket's next deadline has left. One query for the whole list; the
//! calendars are in memory.

use std::collections::HashMap;

use chrono_tz::Tz;

use super::sla::{book, derived};
use crate::app::App;
use crate::domain::id::{ClockId, TicketId};
use crate::domain::sla_agreement::Budget;
use crate::domain::sla_book::Book;
use crate::domain::sla_burn::{Burn, over_secs};
use crate::domain::sla_clock::ClockState;
use crate::domain::ticket::Ticket;
use crate::domain::timeline::EntryKind;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::store::sla::ClockRow;
use crate::store::sla_check::{self, Running};
use crate::store::{self, Conn};

/// How a ticket's next deadline stands in a list.
#[derive(Debug, Clone, Copy, Default)]
pub struct Standing {
    /// Its working time; `None` for what was promised by hand: there it is what the wall clock says.
    pub burn: Option<Burn>,
    /// How long it stood since it was late, in seconds: that makes it no later.
    pub stood_secs: i64,
    /// Nothing runs, and what stands was late before: by how much.
    pub late_and_held_secs: Option<i64>,
}

/// Of each ticket's next deadline; none for tickets that wait or have no deadline.
pub fn of_tickets(
    app: &App,
    conn: &mut Conn,
    tickets: &[Ticket],
    now: Timestamp,
) -> Result<HashMap<TicketId, Standing>> {
    let wanted: HashMap<TicketId, &Ticket> = tickets
        .iter()
        .filter(|ticket| {
            ticket.is_open() && (ticket.due.from.is_some() || is_late_and_held(ticket))
        })
        .map(|ticket| (ticket.id, ticket))
        .collect();
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<TicketId> = wanted.keys().copied().collect();
    let book = book(app, conn)?;
    let mut standings: HashMap<TicketId, Standing> = HashMap::with_capacity(ids.len());
    let mut late = Vec::new();
    for running in sla_check::running(conn, &ids)? {
        let is_next = wanted.get(&running.ticket).is_some_and(|ticket| {
            Some(running.deadline_at) == Some(ticket.due.at)
                && Some(running.anchor_at) == ticket.due.from
                && Some(running.metric.as_str()) == ticket.due.metric.as_deref()
        });
        if !is_next || standings.contains_key(&running.ticket) {
            continue;
        }
        let burn = burn(app, conn, &book, &running, now)?;
        let standing = Standing {
            burn,
            ..Standing::default()
        };
        standings.insert(running.ticket, standing);
        if running.deadline_at < now {
            late.push(running);
        }
    }
    for (ticket, stood_secs) in stood(app, conn, &wanted, &late, now)? {
        standings.entry(ticket).or_default().stood_secs = stood_secs;
    }
    for ticket in wanted.values().filter(|ticket| is_late_and_held(ticket)) {
        let derived = derived(app, conn, ticket, now)?;
        let open = derived.iter().filter(|(row, _)| row.state.is_open());
        let late = open.map(|(_, clock)| over_secs(clock, now)).max();
        standings.entry(ticket.id).or_default().late_and_held_secs = late.filter(|late| *late > 0);
    }
    Ok(standings)
}

fn is_late_and_held(ticket: &Ticket) -> bool {
    ticket.is_open() && ticket.due.is_late && ticket.due.clock().is_none()
}

/// How long each of these late clocks stood since it was late, in seconds; one query where no ticket ever waited.
fn stood(
    app: &App,
    conn: &mut Conn,
    tickets: &HashMap<TicketId, &Ticket>,
    late: &[Running],
    now: Timestamp,
) -> Result<Vec<(TicketId, i64)>> {
    if late.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<TicketId> = late.iter().map(|it| it.ticket).collect();
    let stops = [EntryKind::Held, EntryKind::Reopened];
    let stopped = store::timeline::with_any(conn, &ids, &stops)?;
    let mut stood = Vec::new();
    for running in late.iter().filter(|it| stopped.contains(&it.ticket)) {
        let Some(ticket) = tickets.get(&running.ticket) else {
            continue;
        };
        let derived = derived(app, conn, ticket, now)?;
        if let Some((_, clock)) = derived.iter().find(|(row, _)| row.id == running.clock) {
            let since = now.secs_since(running.deadline_at);
            stood.push((ticket.id, (since - over_secs(clock, now)).max(0)));
        }
    }
    Ok(stood)
}

/// What a ticket's page says of one of its clocks beyond its row.
#[derive(Debug, Clone, Copy)]
pub struct Sight {
    /// Where its agreement counts.
    pub zone: Tz,
    /// Of one that runs and has a deadline.
    pub burn: Option<Burn>,
}

/// Of each of a ticket's clocks that an agreement promises.
pub fn of_clocks(
    app: &App,
    conn: &mut Conn,
    rows: &[ClockRow],
    now: Timestamp,
) -> Result<HashMap<ClockId, Sight>> {
    let book = book(app, conn)?;
    let mut sights = HashMap::with_capacity(rows.len());
    for row in rows {
        let Some(terms) = row.target_id.and_then(|target| book.terms(target)) else {
            continue;
        };
        let runs = matches!(row.state, ClockState::Running | ClockState::Scheduled);
        let burn = match Running::of(row).filter(|_| runs) {
            Some(running) => burn(app, conn, &book, &running, now)?,
            None => None,
        };
        let zone = terms.hours.zone(row.anchor_at);
        sights.insert(row.id, Sight { zone, burn });
    }
    Ok(sights)
}

/// By how much each of a ticket's clocks that were late is or was late, in seconds; asks for nothing where none was.
pub fn over(
    app: &App,
    conn: &mut Conn,
    ticket: &Ticket,
    rows: &[ClockRow],
    now: Timestamp,
) -> Result<HashMap<ClockId, i64>> {
    if rows.iter().all(|row| row.breached_at.is_none()) {
        return Ok(HashMap::new());
    }
    let derived = derived(app, conn, ticket, now)?.into_iter();
    let late = derived.filter(|(row, _)| row.breached_at.is_some());
    Ok(late
        .map(|(row, clock)| (row.id, over_secs(&clock, now)))
        .collect())
}

fn burn(
    app: &App,
    conn: &mut Conn,
    book: &Book,
    of: &Running,
    now: Timestamp,
) -> Result<Option<Burn>> {
    let Some(terms) = of.target.and_then(|target| book.terms(target)) else {
        return Ok(None);
    };
    let held = match terms.target.budget {
        Budget::Counted { .. } | Budget::Fixed { .. } => Vec::new(),
        // Here the waits behind it say how much there was; few promises are of this kind.
        Budget::EndOfDay { .. } => match store::ticket::by_id(conn, of.ticket)? {
            Some(ticket) => derived(app, conn, &ticket, now)?
                .into_iter()
                .find(|(row, _)| row.id == of.clock)
                .map(|(_, clock)| clock.held())
                .unwrap_or_default(),
            None => Vec::new(),
        },
    };
    let (anchor, deadline) = (of.anchor_at, of.deadline_at);
    Ok(Some(Burn::of(
        &terms.target,
        &terms.hours,
        anchor,
        deadline,
        &held,
        now,
    )))
}
