//! What clocks say when they fall due: entries of their own on the timeline, and notices to whoever can do something about it.

use super::sla::book;
use crate::app::Ctx;
use crate::domain::delivery::DeliveryKind;
use crate::domain::id::Id;
use crate::domain::severity::Severity;
use crate::domain::sla_clock::Clock;
use crate::domain::ticket::Ticket;
use crate::domain::timeline::{Actor, Audience, Door, EntryKind, Facts};
use crate::domain::timestamp::Timestamp;
use crate::domain::worktime;
use crate::error::Result;
use crate::store::outbox::NewDelivery;
use crate::store::people::Holder;
use crate::store::sla::ClockRow;
use crate::store::timeline::Recorded;
use crate::store::{self, Conn, Tx};

/// Records a breach or its withdrawal as a fact, and tells what has fallen due: of several warnings the last, and none once it
/// is late.
pub(super) fn tell_what_is_due(
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

/// Whether a notice still says something to anybody: that about a clock does as long as it runs.
pub fn is_wanted(conn: &mut Conn, facts: &Facts) -> Result<bool> {
    let Some(id) = facts.get("clock").and_then(Id::parse) else {
        return Ok(true);
    };
    let clock = store::sla::by_id(conn, id)?;
    Ok(clock.is_none_or(|clock| clock.state.is_open()))
}

/// A notice given later than this after it was due says so.
const LATE_NOTICE_SECS: i64 = 120;

pub(super) fn facts_of(row: &ClockRow) -> Facts {
    Facts::new()
        .with("clock", row.id)
        .with("metric", row.metric)
        .with("cycle", row.cycle)
        .with_some("customer", row.customer_id)
        .with_some("deadline", row.deadline_at.map(Timestamp::rfc3339))
}

/// Writes an entry of the clocks' own: nobody changed the ticket, so its version stays. Its place on the timeline.
pub(super) fn note(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: &mut Ticket,
    kind: EntryKind,
    facts: Facts,
) -> Result<i64> {
    ticket.entry_count += 1;
    let entry = noted(ticket, kind, facts, ctx.now);
    store::timeline::append(tx, &entry)?;
    Ok(entry.seq)
}

/// What [`note`] writes, behind the entries that the ticket has counted.
pub(super) fn noted(ticket: &Ticket, kind: EntryKind, facts: Facts, now: Timestamp) -> Recorded {
    Recorded {
        id: Id::new(now),
        ticket: ticket.id,
        seq: ticket.entry_count,
        effective_at: facts
            .instant("deadline")
            .filter(|_| kind == EntryKind::ClockBreached)
            .unwrap_or(now),
        recorded_at: now,
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
    }
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
