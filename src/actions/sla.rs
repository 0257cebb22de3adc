//! Clocks follow the timeline. Every change of a ticket comes by here: its clocks are derived anew from its entries, what is
//! different is written, breaches and warnings that have fallen due are recorded and told, and the queue learns what is next.
//!
//! The job for due clocks takes the same road ([`wake`]), so that it can't come to another answer than a person's change does.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::sla_notice::{Around, Told, facts_of, note, noted, tell_what_is_due};
use super::sla_reading::{KINDS, concerns, retargets};
use super::sla_scene::{Change, Promise, Scene};
use super::{Standing, escalation, recount, roster};
use crate::app::{App, Ctx};
use crate::domain::id::{ClockId, CustomerId, Id, ServiceId, TicketId};
use crate::domain::mail_join::Asked;
use crate::domain::roster::Roster;
use crate::domain::sla_agreement::Metric;
use crate::domain::sla_book::{Book, TZDB};
use crate::domain::sla_clock::{self, Clock};
use crate::domain::sla_notice::{self, Hearer, Hearers};
use crate::domain::ticket::Ticket;
use crate::domain::timeline::{Audience, Entry, EntryKind};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result, is_unique_violation};
use crate::store::sla::ClockRow;
use crate::store::slate::Slate;
use crate::store::ticket::Affected;
use crate::store::timeline::Recorded;
use crate::store::{self, Conn, Tx};

/// The book in force. Kept in memory; one small read tells whether another process has changed it.
pub fn book(app: &App, conn: &mut Conn) -> Result<Arc<Book>> {
    let version = store::version::known(conn)?;
    book_at(app, conn, version)
}

/// The book as of this version of what is kept in memory, which the caller has just read.
pub(super) fn book_at(app: &App, conn: &mut Conn, version: i64) -> Result<Arc<Book>> {
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

/// Lets the clocks follow what was just recorded. What there is to say on the timeline, for the caller to add.
pub(super) fn follow(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    roster: &Roster,
    ticket: &mut Ticket,
    recorded: &[Recorded],
) -> Result<Vec<Entry>> {
    let Some(first) = recorded.iter().find(|entry| KINDS.contains(&entry.kind)) else {
        return Ok(Vec::new());
    };
    let change = Change {
        first_seq: first.seq,
        retargeted: recorded
            .iter()
            .find(|entry| retargets(entry.kind))
            .map(|entry| entry.seq),
        only: None,
        without_house: false,
    };
    let book = book_at(ctx.app, tx, roster.version)?;
    let mut known = if first.kind == EntryKind::Opened && ticket.version == 1 {
        let driving = recorded.iter().filter(|entry| KINDS.contains(&entry.kind));
        Known::of_new(tx, &book, ticket, driving.cloned().collect())?
    } else {
        Known::load(tx, &book, ticket)?
    };
    known.told.look_for_watchers(tx, roster, ticket.id)?;
    let around = Around {
        book: &book,
        roster,
        // Another node's clock may be ahead of ours.
        now: ctx.now.max(ticket.updated_at),
        by: ctx.by.name(),
        cause: Some(first.kind),
    };
    let mut slate = Slate::default();
    let mut pages = recount::catch_up(around, ticket, &mut known, change.first_seq, &mut slate);
    pages |= settle(around, ticket, &known, Some(change), &mut slate);
    slate.write(tx, ctx.now)?;
    match pages {
        true => escalation::clock_late(tx, ctx, roster, ticket),
        false => Ok(Vec::new()),
    }
}

/// Looks at a ticket of which some clock is due. Somebody else's change in between makes the look void: theirs did the same.
pub fn wake(ctx: &Ctx<'_>, id: TicketId) -> Result<()> {
    let outcome = ctx.write(|tx| {
        store::ticket::lock(tx, id)?;
        look(tx, ctx, &[id])
    });
    match outcome {
        Err(Error::Stale) => Ok(()),
        Err(error) if is_unique_violation(&error) => Ok(()),
        other => other,
    }
}

/// Writes a ticket's clocks anew, also those of which the first row is missing or runs under what was never agreed.
pub(super) fn restore(ctx: &Ctx<'_>, id: TicketId) -> Result<()> {
    ctx.write(|tx| {
        store::ticket::lock(tx, id)?;
        look_at(tx, ctx, &[id], true)
    })
}

/// Looks at tickets of which some clock is due, those that have waited longest and that no other node is looking at, in one
/// transaction; how many there were. At most `most` clocks are considered.
pub fn wake_due(ctx: &Ctx<'_>, most: i64) -> Result<usize> {
    ctx.write(|tx| {
        let taken = store::bulk::take_due(tx, ctx.now, most)?;
        look(tx, ctx, &taken)?;
        Ok(taken.len())
    })
}

/// Looks at these tickets, which the transaction holds: few statements however many they are.
fn look(tx: &mut Tx, ctx: &Ctx<'_>, ids: &[TicketId]) -> Result<()> {
    look_at(tx, ctx, ids, false)
}

fn look_at(tx: &mut Tx, ctx: &Ctx<'_>, ids: &[TicketId], by_the_opening: bool) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let roster = roster::in_force(ctx.app, tx, ctx.now)?;
    let book = book_at(ctx.app, tx, roster.version)?;
    let around = Around {
        book: &book,
        roster: &roster,
        now: ctx.now,
        by: ctx.by.name(),
        cause: None,
    };
    let mut known = Known::load_all(tx, &book, &roster, ids)?;
    let mut slate = Slate::default();
    let mut to_page = Vec::new();
    for mut ticket in store::ticket::by_ids(tx, ids)? {
        let written = Standing::of(&ticket);
        let mut of_ticket = known.remove(&ticket.id).unwrap_or_default();
        let of_ticket = &mut of_ticket;
        of_ticket.by_the_opening = by_the_opening;
        let mut pages = recount::catch_up(around, &mut ticket, of_ticket, i64::MAX, &mut slate);
        let ended = end_agreements(around, &mut ticket, of_ticket, &mut slate);
        let change = ended
            .as_ref()
            .map(|(seq, left)| Change::of_some(*seq, left, true));
        pages |= settle(around, &mut ticket, of_ticket, change, &mut slate);
        if pages {
            to_page.push((written, ticket));
        } else if written.has_moved(&ticket) {
            slate.moved.push(ticket);
        }
    }
    slate.write(tx, ctx.now)?;
    for (written, ticket) in to_page {
        page(tx, ctx, &roster, &written, ticket)?;
    }
    Ok(())
}

/// Pages whoever is on duty for a ticket of which a promise was missed, and writes the ticket's row.
pub(super) fn page(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    roster: &Roster,
    written: &Standing,
    mut ticket: Ticket,
) -> Result<()> {
    let entries = escalation::clock_late(tx, ctx, roster, &ticket)?;
    let added = super::add(tx, ctx, &mut ticket, entries)?;
    written.bring_up_to(tx, &ticket)?;
    super::webhook::follow(tx, ctx, roster, &ticket, &added)
}

/// Says on the timeline that what some clocks ran under holds no more: a ticket that was opened again brought them back, or whoever
/// counts them anew wasn't there yet. Which promises they are, and the entry's place.
fn end_agreements(
    around: Around<'_>,
    ticket: &mut Ticket,
    known: &mut Known,
    slate: &mut Slate,
) -> Option<(i64, Vec<Promise>)> {
    let left = recount::left_behind(around.book, &known.rows, around.now);
    let (_, target) = left.first()?;
    let facts = recount::facts_ended(around.book, *target, around.now);
    ticket.entry_count += 1;
    let said = noted(ticket, EntryKind::AgreementEnded, facts, around.now);
    let seq = said.seq;
    known.entries.push(said.clone());
    slate.entries.push(said);
    Some((seq, left.into_iter().map(|(promise, _)| promise).collect()))
}

/// What a ticket's clocks are derived from, and what is stored of them.
#[derive(Default)]
pub(super) struct Known {
    /// Those of [`KINDS`].
    pub entries: Vec<Recorded>,
    pub rows: Vec<ClockRow>,
    pub hits: Vec<Affected>,
    pub services: Vec<ServiceId>,
    /// The mail that asks to join it and is to be answered first.
    pub asked: Option<Asked>,
    pub told: Told,
    /// See [`Scene::by_the_opening`].
    pub by_the_opening: bool,
}

impl Known {
    /// Of a ticket that was opened just now, with its whole timeline. One without a customer costs nothing.
    fn of_new(tx: &mut Tx, book: &Book, ticket: &Ticket, entries: Vec<Recorded>) -> Result<Self> {
        let (hits, services) = around_new(tx, book, ticket)?;
        Ok(Self {
            entries,
            hits,
            services,
            ..Self::default()
        })
    }

    /// Without who watches: see [`Told::look_for_watchers`].
    pub fn load(tx: &mut Conn, book: &Book, ticket: &Ticket) -> Result<Self> {
        let rows = store::sla::of_ticket(tx, ticket.id)?;
        let open: Vec<ClockId> = rows.iter().map(|row| row.id).collect();
        let fired = match open.is_empty() {
            true => HashSet::new(),
            false => store::slate::fired(tx, &open)?,
        };
        // Before anything was told, nothing is unread.
        let unread = match fired.is_empty() {
            true => Vec::new(),
            false => {
                let mut of = store::told::unread(tx, &[ticket.id])?;
                of.remove(&ticket.id).unwrap_or_default()
            }
        };
        Ok(Self {
            entries: store::timeline::of_kinds(tx, ticket.id, KINDS)?,
            hits: store::ticket::affected(tx, ticket.id)?,
            services: match book.asks_for_services() {
                true => store::ticket::services(tx, ticket.id)?,
                false => Vec::new(),
            },
            asked: store::mail_join::soonest(tx, ticket.id)?,
            told: Told {
                fired,
                unread,
                watchers: Vec::new(),
            },
            rows,
            by_the_opening: false,
        })
    }

    fn load_all(
        tx: &mut Tx,
        book: &Book,
        roster: &Roster,
        ids: &[TicketId],
    ) -> Result<HashMap<TicketId, Self>> {
        let mut all: HashMap<TicketId, Self> = HashMap::with_capacity(ids.len());
        let mut clocks = Vec::new();
        for (id, rows) in store::sla::of_tickets(tx, ids)? {
            clocks.extend(rows.iter().map(|row| row.id));
            all.entry(id).or_default().rows = rows;
        }
        for (id, entries) in store::timeline::of_kinds_of(tx, ids, KINDS)? {
            all.entry(id).or_default().entries = entries;
        }
        for (id, hits) in store::ticket::affected_of(tx, ids)? {
            all.entry(id).or_default().hits = hits;
        }
        if book.asks_for_services() {
            for (id, services) in store::ticket::services_of(tx, ids)? {
                all.entry(id).or_default().services = services;
            }
        }
        for (id, asked) in store::mail_join::soonest_of(tx, ids)? {
            all.entry(id).or_default().asked = Some(asked);
        }
        let fired = store::slate::fired(tx, &clocks)?;
        for known in all.values_mut() {
            let own: HashSet<ClockId> = known.rows.iter().map(|row| row.id).collect();
            let told = fired.iter().filter(|(clock, _, _)| own.contains(clock));
            known.told.fired = told.cloned().collect();
        }
        let told = all.iter().filter(|(_, known)| !known.told.fired.is_empty());
        let told: Vec<TicketId> = told.map(|(id, _)| *id).collect();
        if !told.is_empty() {
            for (id, unread) in store::told::unread(tx, &told)? {
                all.entry(id).or_default().told.unread = unread;
            }
        }
        if roster.settings.tells(Hearer::Watchers) {
            for (id, watchers) in store::told::watching(tx, ids)? {
                all.entry(id).or_default().told.watchers = watchers;
            }
        }
        Ok(all)
    }
}

fn around_new(
    conn: &mut Conn,
    book: &Book,
    ticket: &Ticket,
) -> Result<(Vec<Affected>, Vec<ServiceId>)> {
    let hits = match ticket.customer {
        Some(_) => store::ticket::affected(conn, ticket.id)?,
        None => Vec::new(),
    };
    let services = match book.asks_for_services() {
        true => store::ticket::services(conn, ticket.id)?,
        false => Vec::new(),
    };
    Ok((hits, services))
}

/// When those whom `audience` names hear the next time by what was agreed with them, once `entries` are written: the earliest of
/// them. `None` where no agreement's clock would run.
pub(super) fn next_update(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: &Ticket,
    entries: &[Entry],
    audience: Audience,
) -> Result<Option<Timestamp>> {
    let book = book(ctx.app, tx)?;
    let mut known = Known::load(tx, &book, ticket)?;
    let mut after = ticket.clone();
    let change = Change {
        first_seq: ticket.entry_count + 1,
        retargeted: None,
        only: None,
        without_house: false,
    };
    let written = super::place_all(ctx, &mut after, entries.to_vec());
    known.entries.extend(written);
    let scene = Scene::of(&book, &after, &known.hits, known.services);
    let clocks = scene.clocks(&known.entries, &known.rows, Some(change), ctx.now);
    let due = clocks.into_iter().filter_map(|(party, clock)| {
        let is_agreed = clock.metric == Metric::Update
            && clock.state.is_open()
            && clock.terms.target.id.is_some()
            && concerns(ticket, party, audience);
        clock.deadline_at.filter(|_| is_agreed)
    });
    Ok(due.min())
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
/// checks. `sla_verify` says what differs.
pub fn is_as_derived(app: &App, conn: &mut Conn, ticket: &Ticket, now: Timestamp) -> Result<bool> {
    Ok(super::sla_verify::of_ticket(app, conn, ticket, now)?.is_empty())
}

/// The clocks of a ticket that isn't stored yet, with its whole timeline so far. Nobody is warned any more of what fell due
/// before `now`.
pub(super) fn first_rows(
    scene: &Scene<'_>,
    ticket: &Ticket,
    entries: &[Recorded],
    after: &Hearers,
    now: Timestamp,
) -> Vec<ClockRow> {
    let opening = Change {
        first_seq: 1,
        retargeted: None,
        only: None,
        without_house: false,
    };
    scene
        .clocks(entries, &[], Some(opening), now)
        .iter()
        .map(|(party, clock)| {
            let book = scene.book();
            let mut row = cache_of(book, ticket.id, *party, clock, None, ticket.logged_at);
            if row.state.is_open() {
                row.warned_until = now.max(row.warned_until);
            }
            let (told_until, recorded) = (row.warned_until, row.breached_at.is_some());
            let severity = ticket.severity;
            row.next_wake_at =
                sla_notice::next_wake(clock, after, severity, now, told_until, recorded);
            row
        })
        .collect()
}

/// Derives, compares, and puts on the slate what is different and whom to tell. The ticket learns what is due next; writing its row
/// is the caller's. Whether somebody is to be paged.
fn settle(
    around: Around<'_>,
    ticket: &mut Ticket,
    known: &Known,
    change: Option<Change<'_>>,
    slate: &mut Slate,
) -> bool {
    let (rows, now) = (&known.rows, around.now);
    let scene = Scene::of(around.book, ticket, &known.hits, known.services.clone());
    let scene = scene.by_the_opening(known.by_the_opening);
    let derived = scene.clocks(&known.entries, rows, change, now);
    let mut pages = false;
    let mut current: Vec<ClockRow> = Vec::with_capacity(derived.len());
    for (party, clock) in &derived {
        let stored = rows.iter().find(|row| is_cache_of(row, *party, clock));
        let mut row = cache_of(around.book, ticket.id, *party, clock, stored, now);
        pages |= tell_what_is_due(around, ticket, clock, &mut row, stored, &known.told, slate);
        row.next_wake_at = around.next_wake(ticket, clock, &row);
        match stored {
            None => slate.new.push(row.clone()),
            Some(stored) if *stored != row => slate.put(row.clone()),
            Some(_) => {}
        }
        current.push(row);
    }
    for gone in rows
        .iter()
        .filter(|row| !current.iter().any(|kept| kept.id == row.id))
    {
        withdraw(around, ticket, gone, slate);
    }
    let standing = current.iter().map(ClockRow::standing);
    ticket.due = sla_clock::due_of(standing, known.asked, ticket.held_until());
    pages
}

/// A mail asks to join this ticket, or asks no more: the queue learns what is due next. Its clocks stay as they are.
pub(super) fn tell_queue(tx: &mut Tx, id: TicketId) -> Result<()> {
    store::ticket::lock(tx, id)?;
    let mut ticket = store::ticket::by_id(tx, id)?.ok_or(Error::NotFound)?;
    let asked = store::mail_join::soonest(tx, id)?;
    let rows = store::sla::of_ticket(tx, id)?;
    let standing = rows.iter().map(ClockRow::standing);
    let due = sla_clock::due_of(standing, asked, ticket.held_until());
    if due != ticket.due {
        ticket.due = due;
        store::ticket::update_due(tx, &ticket)?;
    }
    Ok(())
}

/// A cycle that a correction took back: the reply that had started it never arrived, the ticket it came from was merged by mistake.
fn withdraw(around: Around<'_>, ticket: &mut Ticket, gone: &ClockRow, slate: &mut Slate) {
    if gone.is_taken_back() {
        return;
    }
    let mut row = gone.clone();
    row.state = sla_clock::ClockState::Cancelled;
    row.cancelled = Some(sla_clock::CancelReason::TakenBack);
    row.ended_at = row.ended_at.or(Some(around.now));
    row.next_wake_at = None;
    if row.breached_at.take().is_some() {
        let facts = around.withdrawal(facts_of(gone));
        note(slate, ticket, EntryKind::ClockWithdrawn, facts, around.now);
    }
    if row != *gone {
        slate.put(row);
    }
}

pub(super) fn is_cache_of(row: &ClockRow, party: Option<CustomerId>, clock: &Clock) -> bool {
    row.customer_id == party
        && row.metric == clock.metric
        && row.cycle == clock.cycle
        && row.revision == clock.revision
}

pub(super) fn cache_of(
    book: &Book,
    ticket: TicketId,
    party: Option<CustomerId>,
    clock: &Clock,
    known: Option<&ClockRow>,
    now: Timestamp,
) -> ClockRow {
    let moved = known.is_some_and(|known| known.deadline_at != clock.deadline_at);
    // Set back, it may owe warnings that lie before those that were dealt with.
    let warned = known.map(|known| match known.anchor_at > clock.anchor_at {
        true => clock.anchor_at,
        false => known.warned_until,
    });
    // What had ended keeps the terms that it was counted by; of an open clock they are noted anew where they moved.
    let counted = known.filter(|known| {
        known.ended_at.is_some()
            || known.tzdb == TZDB && !book.has_moved_since(&clock.terms.target, known.edition)
    });
    let (edition, tzdb) = counted.map_or((book.edition, TZDB.to_owned()), |known| {
        (known.edition, known.tzdb.clone())
    });
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
        warned_until: warned.unwrap_or(clock.anchor_at),
        generation: known.map_or(0, |known| known.generation + i32::from(moved)),
        next_wake_at: None,
        edition,
        tzdb,
    }
}
