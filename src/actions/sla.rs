//! Clocks follow the timeline. Every change of a ticket comes by here: its clocks are derived anew from its entries, what is
//! different is written, breaches and warnings that have fallen due are recorded and told, and the queue learns what is next.
//!
//! The job for due clocks takes the same road ([`wake`]), so that it can't come to another answer than a person's change does.

use std::sync::Arc;

use super::Standing;
use super::sla_notice::{facts_of, note, tell_what_is_due};
use super::sla_reading::{KINDS, retargets};
use super::sla_scene::{Change, Scene};
use crate::app::{App, Ctx};
use crate::domain::id::{ClockId, CustomerId, Id, TicketId};
use crate::domain::sla_book::Book;
use crate::domain::sla_clock::{self, Clock};
use crate::domain::ticket::Ticket;
use crate::domain::timeline::EntryKind;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result, is_unique_violation};
use crate::store::sla::ClockRow;
use crate::store::timeline::Recorded;
use crate::store::{self, Conn, Tx};

/// The book in force. Kept in memory; one small read tells whether another process has changed it.
pub fn book(app: &App, conn: &mut Conn) -> Result<Arc<Book>> {
    let version = store::version::known(conn)?;
    let known = app
        .book
        .read()
        .unwrap_or_else(|poison| poison.into_inner())
        .clone();
    if let Some(known) = known.filter(|known| known.version == version) {
        return Ok(known);
    }
    let fresh = Arc::new(store::sla::book(conn)?);
    *app.book
        .write()
        .unwrap_or_else(|poison| poison.into_inner()) = Some(fresh.clone());
    Ok(fresh)
}

/// Lets the clocks follow what was just recorded.
pub fn follow(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: &mut Ticket,
    recorded: &[Recorded],
) -> Result<()> {
    let Some(first) = recorded.iter().find(|entry| KINDS.contains(&entry.kind)) else {
        return Ok(());
    };
    let change = Change {
        first_seq: first.seq,
        retargeted: recorded
            .iter()
            .find(|entry| retargets(entry.kind))
            .map(|entry| entry.seq),
    };
    if first.kind == EntryKind::Opened && ticket.version == 1 {
        let entries: Vec<Recorded> = recorded
            .iter()
            .filter(|entry| KINDS.contains(&entry.kind))
            .cloned()
            .collect();
        return settle(tx, ctx, ticket, &entries, Vec::new(), Some(change));
    }
    let entries = store::timeline::of_kinds(tx, ticket.id, KINDS)?;
    let rows = store::sla::of_ticket(tx, ticket.id)?;
    settle(tx, ctx, ticket, &entries, rows, Some(change))
}

/// Looks at a ticket of which some clock is due. Somebody else's change in between makes the look void: theirs did the same.
pub fn wake(ctx: &Ctx<'_>, id: TicketId) -> Result<()> {
    let outcome = ctx.write(|tx| {
        store::ticket::lock(tx, id)?;
        let mut ticket = store::ticket::by_id(tx, id)?.ok_or(Error::NotFound)?;
        let entries = store::timeline::of_kinds(tx, id, KINDS)?;
        let rows = store::sla::of_ticket(tx, id)?;
        let written = Standing::of(&ticket);
        settle(tx, ctx, &mut ticket, &entries, rows, None)?;
        written.bring_up_to(tx, &ticket)?;
        Ok(())
    });
    match outcome {
        Err(Error::Stale) => Ok(()),
        Err(error) if is_unique_violation(&error) => Ok(()),
        other => other,
    }
}

/// The clocks of a ticket as of now, with what they were derived from: for the explain view.
pub fn derived(
    app: &App,
    conn: &mut Conn,
    ticket: &Ticket,
    now: Timestamp,
) -> Result<Vec<(ClockRow, Clock)>> {
    let book = book(app, conn)?;
    let entries = store::timeline::of_kinds(conn, ticket.id, KINDS)?;
    let rows = store::sla::of_ticket(conn, ticket.id)?;
    let scene = Scene::load(conn, &book, ticket)?;
    let mut pairs = Vec::with_capacity(rows.len());
    for (party, clock) in scene.clocks(&entries, &rows, None, now) {
        if let Some(row) = rows.iter().find(|row| is_cache_of(row, party, &clock)) {
            pairs.push((row.clone(), clock));
        }
    }
    Ok(pairs)
}

/// Whether the stored clocks, and what the queue sorts by, are what the timeline says at `now`: everything that is cached, for
/// checks. Of a ticket that a job still has to look at, they aren't.
pub fn is_as_derived(app: &App, conn: &mut Conn, ticket: &Ticket, now: Timestamp) -> Result<bool> {
    let book = book(app, conn)?;
    let entries = store::timeline::of_kinds(conn, ticket.id, KINDS)?;
    let rows = store::sla::of_ticket(conn, ticket.id)?;
    let derived = Scene::load(conn, &book, ticket)?.clocks(&entries, &rows, None, now);
    let same = derived.iter().all(|(party, clock)| {
        let known = rows.iter().find(|row| is_cache_of(row, *party, clock));
        known.is_some_and(|known| {
            let mut fresh = cache_of(ticket.id, *party, clock, Some(known), now);
            fresh.next_wake_at =
                clock.next_wake(now, fresh.warned_until, fresh.breached_at.is_some());
            fresh == *known
        })
    });
    let hold_until = ticket.hold.as_ref().and_then(|hold| hold.until);
    let due = sla_clock::due_of(rows.iter().map(ClockRow::standing), hold_until);
    Ok(same && derived.len() == rows.len() && due == ticket.due)
}

/// The clocks of a ticket that isn't stored yet, with its whole timeline so far. Nobody is warned any more of what fell due
/// before `now`.
pub(super) fn first_rows(
    scene: &Scene<'_>,
    ticket: &Ticket,
    entries: &[Recorded],
    now: Timestamp,
) -> Vec<ClockRow> {
    let opening = Change {
        first_seq: 1,
        retargeted: None,
    };
    scene
        .clocks(entries, &[], Some(opening), now)
        .iter()
        .map(|(party, clock)| {
            let mut row = cache_of(ticket.id, *party, clock, None, ticket.logged_at);
            if row.state.is_open() {
                row.warned_until = now.max(row.warned_until);
            }
            row.next_wake_at = clock.next_wake(now, row.warned_until, row.breached_at.is_some());
            row
        })
        .collect()
}

/// Derives, compares, writes, tells. The ticket learns what is due next; writing its row is the caller's.
fn settle(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: &mut Ticket,
    entries: &[Recorded],
    rows: Vec<ClockRow>,
    change: Option<Change>,
) -> Result<()> {
    let book = book(ctx.app, tx)?;
    let scene = Scene::load(tx, &book, ticket)?;
    let derived = scene.clocks(entries, &rows, change, ctx.now);
    let mut current: Vec<ClockRow> = Vec::with_capacity(derived.len());
    for (party, clock) in &derived {
        let known = rows.iter().find(|row| is_cache_of(row, *party, clock));
        let mut row = cache_of(ticket.id, *party, clock, known, ctx.now);
        tell_what_is_due(tx, ctx, ticket, clock, &mut row, known)?;
        row.next_wake_at = clock.next_wake(ctx.now, row.warned_until, row.breached_at.is_some());
        match known {
            None => store::sla::insert(tx, &row)?,
            Some(known) if *known != row => store::sla::update(tx, &row)?,
            Some(_) => {}
        }
        current.push(row);
    }
    for gone in rows
        .iter()
        .filter(|row| !current.iter().any(|kept| kept.id == row.id))
    {
        withdraw(tx, ctx, ticket, gone)?;
    }
    let hold_until = ticket.hold.as_ref().and_then(|hold| hold.until);
    ticket.due = sla_clock::due_of(current.iter().map(ClockRow::standing), hold_until);
    Ok(())
}

/// A cycle that a correction took back: the reply that had started it never arrived.
fn withdraw(tx: &mut Tx, ctx: &Ctx<'_>, ticket: &mut Ticket, gone: &ClockRow) -> Result<()> {
    if !gone.state.is_open() && gone.breached_at.is_none() {
        return Ok(());
    }
    let mut row = gone.clone();
    row.state = sla_clock::ClockState::Cancelled;
    row.cancelled = Some(sla_clock::CancelReason::TakenBack);
    row.ended_at = row.ended_at.or(Some(ctx.now));
    row.next_wake_at = None;
    if row.breached_at.take().is_some() {
        note(tx, ctx, ticket, EntryKind::ClockWithdrawn, facts_of(gone))?;
    }
    if row != *gone {
        store::sla::update(tx, &row)?;
    }
    Ok(())
}

fn is_cache_of(row: &ClockRow, party: Option<CustomerId>, clock: &Clock) -> bool {
    row.customer_id == party
        && row.metric == clock.metric
        && row.cycle == clock.cycle
        && row.revision == clock.revision
}

fn cache_of(
    ticket: TicketId,
    party: Option<CustomerId>,
    clock: &Clock,
    known: Option<&ClockRow>,
    now: Timestamp,
) -> ClockRow {
    let moved = known.is_some_and(|known| known.deadline_at != clock.deadline_at);
    ClockRow {
        id: known.map_or_else(|| -> ClockId { Id::new(now) }, |known| known.id),
        ticket_id: ticket,
        customer_id: party,
        metric: clock.metric,
        promisee: clock.promisee,
        cycle: clock.cycle,
        revision: clock.revision,
        target_id: clock.terms.target.id,
        from_seq: clock.from_seq,
        until_seq: clock.until_seq,
        anchor_at: clock.anchor_at,
        state: clock.state,
        deadline_at: clock.deadline_at,
        ended_at: clock.ended_at,
        cancelled: clock.cancelled,
        breached_at: clock.breached_at,
        late_by_change: clock.late_by_change,
        warned_until: known.map_or(clock.anchor_at, |known| known.warned_until),
        generation: known.map_or(0, |known| known.generation + i32::from(moved)),
        next_wake_at: None,
    }
}
