//! What clocks say when they fall due: entries of their own on the timeline, and notices to whoever the house's rules name. Nothing
//! here asks the database: a look gathers first, decides, and writes at its end.

use std::collections::HashSet;

use super::escalation::hours_of;
use crate::domain::delivery::DeliveryKind;
use crate::domain::holidays;
use crate::domain::id::{ClockId, Id, PersonId};
use crate::domain::roster::Roster;
use crate::domain::sla_book::Book;
use crate::domain::sla_clock::Clock;
use crate::domain::sla_notice::{Hearer, Moment};
use crate::domain::ticket::{State, Ticket};
use crate::domain::timeline::{Actor, Audience, Door, EntryKind, Facts};
use crate::domain::timestamp::Timestamp;
use crate::domain::worktime;
use crate::error::Result;
use crate::store::outbox::NewDelivery;
use crate::store::sla::ClockRow;
use crate::store::slate::{Fired, Slate};
use crate::store::timeline::Recorded;
use crate::store::{self, Conn};

/// What every look needs besides the tickets.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    pub book: &'a Book,
    pub roster: &'a Roster,
    pub now: Timestamp,
    /// Who acts.
    pub by: &'a str,
    /// What happened, if this look follows a change.
    pub cause: Option<EntryKind>,
}

impl Around<'_> {
    /// Why a breach is one no longer, and who brought that about.
    pub(super) fn withdrawal(&self, facts: Facts) -> Facts {
        facts.with_some("cause", self.cause).with("name", self.by)
    }

    /// Whoever merges two tickets looks at both of them: nobody else need be told.
    fn is_quiet(&self) -> bool {
        matches!(self.cause, Some(EntryKind::Merged | EntryKind::Absorbed))
    }
}

/// Records a breach or its withdrawal as a fact, and tells what has fallen due: of several warnings the last, and none once it
/// is late. `fired`: what was told before. Whether somebody is to be paged.
pub(super) fn tell_what_is_due(
    around: Around<'_>,
    ticket: &mut Ticket,
    clock: &Clock,
    row: &mut ClockRow,
    known: Option<&ClockRow>,
    fired: &HashSet<(ClockId, String, i32)>,
    slate: &mut Slate,
) -> bool {
    let now = around.now;
    let was_breached = known.is_some_and(|known| known.breached_at.is_some());
    if let (Some(deadline), false) = (row.breached_at, was_breached) {
        let facts = facts_of(row)
            .with_some("cause", row.late_by_change.then_some("late_by_change"))
            .with_some("by", around.cause.filter(|_| row.late_by_change))
            .with_some("late", is_late_notice(deadline, now));
        let seq = note(slate, ticket, EntryKind::ClockBreached, facts, now);
        // Whoever satisfied it late knows; only what is still open is worth waking somebody.
        if row.state.is_open() && fire(slate, row, BREACH, deadline, fired, now) {
            return tell(around, ticket, row, seq, Moment::Breach, deadline, slate);
        }
        return false;
    }
    if row.breached_at.is_none() && was_breached {
        let facts = around.withdrawal(known.map(facts_of).unwrap_or_default());
        note(slate, ticket, EntryKind::ClockWithdrawn, facts, now);
    }
    if row.breached_at.is_some() || !row.state.is_open() {
        return false;
    }
    let Some((threshold, due_at)) = clock.warnings_due(row.warned_until, now).last() else {
        return false;
    };
    row.warned_until = due_at;
    let threshold = threshold.to_string();
    // What was told once is told again only when it falls due once more, not when it turns out to have been due before.
    let has_just_moved = known.is_some_and(|known| known.generation != row.generation);
    let is_old = fired
        .iter()
        .any(|(clock, told, _)| *clock == row.id && *told == threshold);
    if has_just_moved && is_old {
        return false;
    }
    if !fire(slate, row, &threshold, due_at, fired, now) {
        return false;
    }
    let facts = facts_of(row)
        .with("threshold", &threshold)
        .with_some("late", is_late_notice(due_at, now));
    let seq = note(slate, ticket, EntryKind::ClockWarned, facts, now);
    tell(around, ticket, row, seq, Moment::Warning, due_at, slate)
}

/// The threshold's name under which a breach is told.
const BREACH: &str = "breach";

/// Puts it on the slate that this is told, unless it was.
fn fire(
    slate: &mut Slate,
    row: &ClockRow,
    threshold: &str,
    due_at: Timestamp,
    fired: &HashSet<(ClockId, String, i32)>,
    now: Timestamp,
) -> bool {
    let this = (row.id, threshold.to_owned(), row.generation);
    if fired.contains(&this) {
        return false;
    }
    slate.fired.push(Fired {
        clock_id: this.0,
        threshold: this.1,
        generation: this.2,
        due_at,
        fired_at: now,
    });
    true
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

fn is_late_notice(due_at: Timestamp, now: Timestamp) -> Option<&'static str> {
    (now.secs_since(due_at) > LATE_NOTICE_SECS).then_some("true")
}

pub(super) fn facts_of(row: &ClockRow) -> Facts {
    Facts::new()
        .with("clock", row.id)
        .with("metric", row.metric)
        .with("cycle", row.cycle)
        .with_some("customer", row.customer_id)
        .with_some("deadline", row.deadline_at.map(Timestamp::rfc3339))
}

/// Puts an entry of the clocks' own on the slate: nobody changed the ticket, so its version stays. Its place on the timeline.
pub(super) fn note(
    slate: &mut Slate,
    ticket: &mut Ticket,
    kind: EntryKind,
    facts: Facts,
    now: Timestamp,
) -> i64 {
    ticket.entry_count += 1;
    let entry = noted(ticket, kind, facts, now);
    let seq = entry.seq;
    slate.entries.push(entry);
    seq
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

/// Tells whom the rule for the ticket's severity names. Whether it says that somebody is to be paged: not about what works again.
fn tell(
    around: Around<'_>,
    ticket: &Ticket,
    row: &ClockRow,
    seq: i64,
    moment: Moment,
    due_at: Timestamp,
    slate: &mut Slate,
) -> bool {
    if around.is_quiet() {
        return false;
    }
    let hearers = around.roster.settings.hearers(moment).of(ticket.severity);
    let waits = moment == Moment::Warning && !hearers.contains(&Hearer::AtOnce);
    let (word, kind) = match moment {
        Moment::Warning => (due_at.micros().to_string(), EntryKind::ClockWarned),
        Moment::Breach => (BREACH.to_owned(), EntryKind::ClockBreached),
    };
    for id in people(around, ticket, hearers) {
        let Some(person) = around.roster.person(id).filter(|person| person.is_active) else {
            continue;
        };
        let key = format!("clock:{}:{word}:{}:{id}", row.id, row.generation);
        let mut notice = NewDelivery::mail(DeliveryKind::Notice, key, person.email.as_str());
        notice.ticket = Some(ticket.id);
        notice.entry_seq = Some(seq);
        notice.person = Some(id);
        notice.not_before = waits.then(|| opening_for(around, ticket, id)).flatten();
        let belated = is_late_notice(due_at, around.now).map(|_| due_at.rfc3339());
        notice.facts = facts_of(row)
            .with("about", kind)
            .with_some("belated", belated);
        slate.notices.push(notice);
    }
    hearers.contains(&Hearer::Page) && ticket.is_open() && ticket.state != State::Restored
}

/// Each once.
fn people(around: Around<'_>, ticket: &Ticket, hearers: &[Hearer]) -> Vec<PersonId> {
    let team = ticket
        .team
        .map_or(&[][..], |team| around.roster.members(team));
    let mut people: Vec<PersonId> = Vec::new();
    let mut add = |more: &[PersonId]| {
        for person in more {
            if !people.contains(person) {
                people.push(*person);
            }
        }
    };
    for hearer in hearers {
        match hearer {
            Hearer::Owner => match ticket.owner {
                Some(owner) => add(&[owner]),
                None => add(team),
            },
            Hearer::Team => add(team),
            Hearer::OnDuty => {
                if let Some(team) = ticket.team {
                    add(&around.roster.on_duty(team, around.now));
                }
            }
            Hearer::Page | Hearer::AtOnce => {}
        }
    }
    people
}

/// When somebody works again, if they don't now: a warning can wait for the team's hours, and for the day after a holiday of theirs.
fn opening_for(around: Around<'_>, ticket: &Ticket, person: PersonId) -> Option<Timestamp> {
    let now = around.now;
    let team = around.roster.team(ticket.team?)?;
    let hours = hours_of(around.book, team).ok()?;
    let zone = around.roster.person(person).map(|person| person.zone);
    let code = around.roster.holidays.get(&person);
    let free = code.map(|code| {
        let zone = zone.unwrap_or(chrono_tz::UTC);
        holidays::free_time(code, zone, now, now.plus_secs(FREE_SECS))
    });
    let opening = worktime::deadline(&hours, now, 0, &free.unwrap_or_default());
    opening.filter(|opening| *opening > now)
}

/// How far ahead a warning looks for holidays: no row of them is longer.
const FREE_SECS: i64 = 30 * 86_400;
