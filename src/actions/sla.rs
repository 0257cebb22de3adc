//! Clocks follow the timeline. Every change of a ticket comes by here: its clocks are derived anew from its entries, what is
//! different is written, breaches and warnings that have fallen due are recorded and told, and the queue learns what is next.
//!
//! The job for due clocks takes the same road ([`wake`]), so that it can't come to another answer than a person's change does.

use std::sync::Arc;

use super::sla_reading::{KINDS, events, retargets};
use crate::app::{App, Ctx};
use crate::domain::id::{ClockId, CustomerId, Id, TicketId};
use crate::domain::severity::Severity;
use crate::domain::sla_agreement::{Anchor, Metric, Promisee};
use crate::domain::sla_book::Book;
use crate::domain::sla_clock::{self, Clock, Event, Happening, Spell, Terms, Track};
use crate::domain::ticket::Ticket;
use crate::domain::timeline::{Actor, Audience, Door, EntryKind, Facts};
use crate::domain::timestamp::Timestamp;
use crate::domain::worktime;
use crate::error::{Error, Result, is_unique_violation};
use crate::store::sla::ClockRow;
use crate::store::timeline::Recorded;
use crate::store::{self, Conn, Tx};

/// The book in force. Kept in memory; one small read tells whether another process has changed it.
pub fn book(app: &App, conn: &mut Conn) -> Result<Arc<Book>> {
    let version = store::sla::book_version(conn)?;
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
        settle(tx, ctx, &mut ticket, &entries, rows, None)
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

/// What the change at hand may do to the terms.
#[derive(Clone, Copy)]
struct Change {
    first_seq: i64,
    retargeted: Option<i64>,
}

/// Derives, compares, writes, tells.
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
    let counted = ticket.entry_count;
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
    let due = sla_clock::due_of(current.iter().map(ClockRow::standing), hold_until);
    if due != ticket.due || counted != ticket.entry_count {
        ticket.due = due;
        store::ticket::update_due(tx, ticket)?;
    }
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

/// One ticket, the parties that promises are made to, and the book.
struct Scene<'a> {
    book: &'a Book,
    ticket: &'a Ticket,
    parties: Vec<Party>,
    services: Vec<crate::domain::id::ServiceId>,
}

struct Party {
    customer: Option<CustomerId>,
    impact_at: Timestamp,
    reported_at: Option<Timestamp>,
}

impl<'a> Scene<'a> {
    /// A new ticket without a customer asks the database for nothing.
    fn load(conn: &mut Conn, book: &'a Book, ticket: &'a Ticket) -> Result<Self> {
        let mut parties = Vec::new();
        if ticket.customer.is_some() || ticket.version > 1 {
            for row in store::ticket::affected(conn, ticket.id)? {
                parties.push(Party {
                    customer: Some(row.customer_id),
                    impact_at: row.impact_at,
                    reported_at: row.reported_at,
                });
            }
        }
        if !parties
            .iter()
            .any(|party| party.customer == ticket.customer)
            && (ticket.customer.is_some() || parties.is_empty())
        {
            parties.push(Party {
                customer: ticket.customer,
                impact_at: ticket.impact_at,
                reported_at: None,
            });
        }
        let services = if book.asks_for_services() {
            store::ticket::services(conn, ticket.id)?
        } else {
            Vec::new()
        };
        Ok(Self {
            book,
            ticket,
            parties,
            services,
        })
    }

    fn clocks(
        &self,
        entries: &[Recorded],
        rows: &[ClockRow],
        change: Option<Change>,
        now: Timestamp,
    ) -> Vec<(Option<CustomerId>, Clock)> {
        let mut all = Vec::new();
        let mut gone: Vec<Option<CustomerId>> = rows.iter().map(|row| row.customer_id).collect();
        gone.sort_unstable();
        gone.dedup();
        gone.retain(|customer| !self.parties.iter().any(|party| party.customer == *customer));
        let gone = gone.into_iter().map(|customer| Party {
            customer,
            impact_at: self.ticket.impact_at,
            reported_at: None,
        });
        for (party, is_hit) in self
            .parties
            .iter()
            .map(|party| (party, true))
            .chain(gone.collect::<Vec<_>>().iter().map(|party| (party, false)))
        {
            let events = sla_clock::in_order(events(self.ticket, party.customer, entries));
            let own: Vec<&ClockRow> = rows
                .iter()
                .filter(|row| row.customer_id == party.customer)
                .collect();
            for track in self.tracks(party, is_hit, &events, &own, change) {
                for clock in sla_clock::derive(&track, &events, now) {
                    all.push((party.customer, clock));
                }
            }
        }
        all
    }

    /// What is promised to one party: by the agreement, and by hand.
    fn tracks(
        &self,
        party: &Party,
        is_hit: bool,
        events: &[Event],
        rows: &[&ClockRow],
        change: Option<Change>,
    ) -> Vec<Track> {
        let key = self.ticket.key;
        let opening = rows.is_empty() && change.is_some_and(|change| change.first_seq == 1);
        let retargeted = change.and_then(|change| change.retargeted);
        // Terms are looked up only where they may begin to hold; open clocks keep theirs.
        let current: Vec<Terms> = if change.is_some() && is_hit {
            self.book.terms_for(
                party.customer,
                key.kind,
                self.ticket.severity,
                &self.services,
            )
        } else {
            Vec::new()
        };
        let mut metrics: Vec<Metric> = rows.iter().map(|row| row.metric).collect();
        if opening || retargeted.is_some() {
            metrics.extend(current.iter().map(|terms| terms.target.metric));
        }
        metrics.extend(events.iter().filter_map(|event| match event.what {
            Happening::Promised { metric, .. } => Some(metric),
            _ => None,
        }));
        metrics.sort_unstable();
        metrics.dedup();
        metrics
            .into_iter()
            .map(|metric| {
                let now_holds = current
                    .iter()
                    .find(|terms| terms.target.metric == metric)
                    .cloned();
                let of_metric: Vec<&&ClockRow> =
                    rows.iter().filter(|row| row.metric == metric).collect();
                let spells = self.spells(&of_metric, now_holds, opening, retargeted, change);
                let standing = spells.iter().rev().find_map(|spell| spell.terms.as_ref());
                let promisee = standing.map(|terms| terms.target.promisee).unwrap_or(
                    if party.customer.is_some() {
                        Promisee::Customer
                    } else {
                        Promisee::Internal
                    },
                );
                let anchor = standing.map_or(Anchor::Logged, |terms| terms.target.anchor);
                let anchor_at = match anchor {
                    Anchor::Impact => party.impact_at,
                    Anchor::Reported => party.reported_at.unwrap_or(self.ticket.logged_at),
                    Anchor::Logged => self.ticket.logged_at,
                };
                let anchor_at = if metric == Metric::Log {
                    party.impact_at
                } else {
                    anchor_at
                };
                Track {
                    metric,
                    promisee,
                    kind: key.kind,
                    anchor_at,
                    spells,
                    by_hand: self.book.by_hand(),
                }
            })
            .collect()
    }

    /// Which terms held from which entry on: what the clocks say that ran under them, and what the change at hand brings.
    fn spells(
        &self,
        rows: &[&&ClockRow],
        now_holds: Option<Terms>,
        opening: bool,
        retargeted: Option<i64>,
        change: Option<Change>,
    ) -> Vec<Spell> {
        let mut spells: Vec<Spell> = Vec::new();
        for row in rows {
            if let Some(terms) = row.target_id.and_then(|id| self.book.terms(id)) {
                spells.push(Spell {
                    from_seq: row.from_seq,
                    terms: Some(terms),
                });
            }
            if let Some(until) = row.until_seq {
                spells.push(Spell {
                    from_seq: until,
                    terms: None,
                });
            }
        }
        // Where one spell ends and the next begins with the same entry, what begins is what counts.
        spells.sort_by_key(|spell| (spell.from_seq, spell.terms.is_some()));
        spells.dedup_by(|next, kept| {
            let same_start = next.from_seq == kept.from_seq;
            if same_start && next.terms.is_some() {
                kept.terms = next.terms.clone();
            }
            same_start
        });
        if opening {
            spells.push(Spell {
                from_seq: 0,
                terms: now_holds,
            });
        } else if let Some(seq) = retargeted {
            spells.push(Spell {
                from_seq: seq,
                terms: now_holds,
            });
        } else if let Some(change) = change
            && now_holds.is_some()
            && !rows.is_empty()
            && rows.iter().all(|row| !row.state.is_open())
        {
            // The next cycle begins under the agreement as it is now.
            spells.push(Spell {
                from_seq: change.first_seq,
                terms: now_holds,
            });
        }
        spells
    }
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

/// Records a breach or its withdrawal as a fact, and tells what has fallen due: of several warnings the last, and none once it
/// is late.
fn tell_what_is_due(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: &mut Ticket,
    clock: &Clock,
    row: &mut ClockRow,
    known: Option<&ClockRow>,
) -> Result<()> {
    let was_breached = known.is_some_and(|known| known.breached_at.is_some());
    if let (Some(deadline), false) = (row.breached_at, was_breached) {
        let facts =
            facts_of(row).with_some("cause", row.late_by_change.then_some("late_by_change"));
        let seq = note(tx, ctx, ticket, EntryKind::ClockBreached, facts)?;
        // Whoever satisfied it late knows; only what is still open is worth waking somebody.
        if row.state.is_open() {
            // A clock that is met or written for the first time has no row for its notice to hang on yet.
            if known.is_none()
                || store::sla::note_fired(tx, row.id, "breach", row.generation, deadline, ctx.now)?
            {
                tell(tx, ctx, ticket, row, seq, Urgency::Breach)?;
            }
        }
    } else if row.breached_at.is_none() && was_breached {
        note(
            tx,
            ctx,
            ticket,
            EntryKind::ClockWithdrawn,
            known.map(facts_of).unwrap_or_default(),
        )?;
    }
    if row.breached_at.is_some() || !row.state.is_open() {
        return Ok(());
    }
    let Some((threshold, due_at)) = clock.warnings_due(row.warned_until, ctx.now).last() else {
        return Ok(());
    };
    row.warned_until = due_at;
    let threshold = threshold.to_string();
    if known.is_none()
        || store::sla::note_fired(tx, row.id, &threshold, row.generation, due_at, ctx.now)?
    {
        let late = (ctx.now.secs_since(due_at) > LATE_NOTICE_SECS).then_some("true");
        let facts = facts_of(row)
            .with("threshold", &threshold)
            .with_some("late", late);
        let seq = note(tx, ctx, ticket, EntryKind::ClockWarned, facts)?;
        tell(tx, ctx, ticket, row, seq, Urgency::Warning)?;
    }
    Ok(())
}

/// A notice given later than this after it was due says so.
const LATE_NOTICE_SECS: i64 = 120;

fn facts_of(row: &ClockRow) -> Facts {
    Facts::new()
        .with("clock", row.id)
        .with("metric", row.metric)
        .with("cycle", row.cycle)
        .with_some("customer", row.customer_id)
        .with_some("deadline", row.deadline_at.map(Timestamp::rfc3339))
}

/// Writes an entry of the clocks' own: nobody changed the ticket, so its version stays. Its place on the timeline.
fn note(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: &mut Ticket,
    kind: EntryKind,
    facts: Facts,
) -> Result<i64> {
    ticket.entry_count += 1;
    let entry = Recorded {
        id: Id::new(ctx.now),
        ticket: ticket.id,
        seq: ticket.entry_count,
        effective_at: facts
            .instant("deadline")
            .filter(|_| kind == EntryKind::ClockBreached)
            .unwrap_or(ctx.now),
        recorded_at: ctx.now,
        actor: Actor::System,
        actor_name: "clocks".to_owned(),
        door: Door::Clock,
        kind,
        audience: Audience::Internal,
        for_report: false,
        body: String::new(),
        facts,
        source_id: None,
        corrects: None,
        redacted_at: None,
    };
    store::timeline::append(tx, &entry)?;
    Ok(entry.seq)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Urgency {
    Warning,
    Breach,
}

/// Tells the owner; without one the team, and of a breach of something bad the team as well.
fn tell(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: &Ticket,
    row: &ClockRow,
    seq: i64,
    urgency: Urgency,
) -> Result<()> {
    use crate::domain::delivery::DeliveryKind;
    use crate::store::outbox::NewDelivery;
    use crate::store::people::Holder;
    let is_bad = matches!(ticket.severity, Some(Severity::Disaster | Severity::High));
    let mut people: Vec<_> = ticket.owner.into_iter().collect();
    if (people.is_empty() || (urgency == Urgency::Breach && is_bad))
        && let Some(team) = ticket.team
    {
        let team = store::house::members(tx, team)?;
        people.extend(
            team.into_iter()
                .filter(|person| Some(*person) != ticket.owner),
        );
    }
    let not_before = match urgency {
        Urgency::Warning if !is_bad => opening_of(tx, ctx, ticket)?,
        Urgency::Warning | Urgency::Breach => None,
    };
    let (word, kind) = match urgency {
        Urgency::Warning => (
            row.warned_until.micros().to_string(),
            EntryKind::ClockWarned,
        ),
        Urgency::Breach => ("breach".to_owned(), EntryKind::ClockBreached),
    };
    for person in people {
        let Some(address) = store::people::addresses(tx, Holder::Person(person))?
            .into_iter()
            .next()
        else {
            continue;
        };
        let key = format!("clock:{}:{word}:{}:{person}", row.id, row.generation);
        let mut notice = NewDelivery::mail(DeliveryKind::Notice, key, address.as_str());
        notice.ticket = Some(ticket.id);
        notice.entry_seq = Some(seq);
        notice.person = Some(person);
        notice.not_before = not_before;
        notice.facts = facts_of(row).with("about", kind);
        store::outbox::queue(tx, &notice, ctx.now)?;
    }
    Ok(())
}

/// When the team's hours begin, if they aren't on: a warning can wait for them.
fn opening_of(tx: &mut Tx, ctx: &Ctx<'_>, ticket: &Ticket) -> Result<Option<Timestamp>> {
    let Some(team) = ticket.team else {
        return Ok(None);
    };
    let calendar = store::house::team(tx, team)?.and_then(|team| team.calendar_id);
    let book = book(ctx.app, tx)?;
    let hours = calendar
        .and_then(|id| book.calendar(id))
        .map(|known| known.hours.clone());
    Ok(hours
        .and_then(|hours| worktime::deadline(&hours, ctx.now, 0, &[]))
        .filter(|opening| *opening > ctx.now))
}
