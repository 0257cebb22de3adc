//! What clocks say when they fall due: entries of their own on the timeline, and notices to whoever the house's rules name. Nothing
//! here asks the database: a look gathers first, decides, and writes at its end.

use std::collections::HashSet;
use std::sync::Arc;

use super::escalation::{hours_of, nine_to_five};
use crate::domain::access::Role;
use crate::domain::delivery::DeliveryKind;
use crate::domain::holidays;
use crate::domain::id::{ClockId, Id, PersonId, TicketId};
use crate::domain::people::{Person, Team};
use crate::domain::roster::Roster;
use crate::domain::sla_book::Book;
use crate::domain::sla_clock::{Clock, ClockState};
use crate::domain::sla_notice::{Hearer, Hearers, Moment, next_wake, steps_ahead};
use crate::domain::ticket::{State, Ticket};
use crate::domain::timeline::{Actor, Audience, Door, EntryKind, Facts};
use crate::domain::timestamp::Timestamp;
use crate::domain::worktime::{self, Hours};
use crate::error::Result;
use crate::store::outbox::NewDelivery;
use crate::store::sla::ClockRow;
use crate::store::slate::{Fired, Slate};
use crate::store::timeline::Recorded;
use crate::store::told::Unread;
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

    /// When a job should look at this clock again.
    pub(super) fn next_wake(
        &self,
        ticket: &Ticket,
        clock: &Clock,
        row: &ClockRow,
    ) -> Option<Timestamp> {
        let after = self.hearers(Moment::After);
        let recorded = row.breached_at.is_some();
        let (now, told_until) = (self.now, row.warned_until);
        next_wake(clock, after, ticket.severity, now, told_until, recorded)
    }

    fn hearers(&self, moment: Moment) -> &Hearers {
        self.roster.settings.hearers(moment)
    }

    /// Whoever merges two tickets looks at both of them: nobody else need be told.
    fn is_quiet(&self) -> bool {
        matches!(self.cause, Some(EntryKind::Merged | EntryKind::Absorbed))
    }
}

/// What was told of a ticket's clocks before, and who is told of them for watching it.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Threshold and generation of each clock.
    pub fired: HashSet<(ClockId, String, i32)>,
    /// Warnings that nobody has read: they wait for their reader's hours, or were called off.
    pub unread: Vec<Unread>,
    /// Loaded only where a rule of the house names them.
    pub watchers: Vec<PersonId>,
}

impl Told {
    pub(super) fn look_for_watchers(
        &mut self,
        conn: &mut Conn,
        roster: &Roster,
        ticket: TicketId,
    ) -> Result<()> {
        if roster.settings.tells(Hearer::Watchers) {
            let mut of = store::told::watching(conn, &[ticket])?;
            self.watchers = of.remove(&ticket).unwrap_or_default();
        }
        Ok(())
    }
}

/// Records a breach or its withdrawal as a fact, and tells what has fallen due: of several warnings the last, and none once it
/// is late; after the breach each step of the escalation. Whether somebody is to be paged.
pub(super) fn tell_what_is_due(
    around: Around<'_>,
    ticket: &mut Ticket,
    clock: &Clock,
    row: &mut ClockRow,
    known: Option<&ClockRow>,
    told: &Told,
    slate: &mut Slate,
) -> bool {
    let now = around.now;
    let was_breached = known.is_some_and(|known| known.breached_at.is_some());
    // Whoever is told of the breach needn't hear in the same moment that it has lasted.
    let mut heard = Vec::new();
    let mut pages = false;
    if let (Some(deadline), false) = (row.breached_at, was_breached) {
        let facts = facts_of(row)
            .with_some("cause", row.late_by_change.then_some("late_by_change"))
            .with_some("by", around.cause.filter(|_| row.late_by_change))
            .with_some("late", is_late_notice(deadline, now));
        let seq = note(slate, ticket, EntryKind::ClockBreached, facts, now);
        // Whoever satisfied it late knows; only what is still open is worth waking somebody.
        if row.state.is_open() && fire(slate, row, BREACH, deadline, &told.fired, now) {
            let what = Telling {
                about: EntryKind::ClockBreached,
                word: BREACH.to_owned(),
                due_at: deadline,
                seq,
                hearers: around.hearers(Moment::Breach).of(ticket.severity),
            };
            pages = tell(around, ticket, row, what, told, &mut heard, slate);
        }
    }
    if row.breached_at.is_none() && was_breached {
        let facts = around.withdrawal(known.map(facts_of).unwrap_or_default());
        note(slate, ticket, EntryKind::ClockWithdrawn, facts, now);
    }
    // What was told once is told again only when it falls due once more, not when it turns out to have been due before.
    let has_just_moved = known.is_some_and(|known| known.generation != row.generation);
    let is_old = |row: &ClockRow, threshold: &str| {
        has_just_moved
            && told
                .fired
                .iter()
                .any(|(clock, told, _)| *clock == row.id && told == threshold)
    };
    if !row.state.is_open() {
        return pages;
    }
    if row.breached_at.is_some() {
        let after = around.hearers(Moment::After);
        let ahead = steps_ahead(clock, after, ticket.severity, row.warned_until);
        let mut hearers: Vec<Hearer> = Vec::new();
        let mut last = None;
        for (secs, at, whom) in ahead.take_while(|(_, at, _)| *at <= now) {
            let threshold = step_word(secs);
            row.warned_until = row.warned_until.max(at);
            if !is_old(row, &threshold) && fire(slate, row, &threshold, at, &told.fired, now) {
                hearers.extend_from_slice(whom);
                last = Some((secs, at));
            }
        }
        // After a silence in which several fell due, one entry and one letter to each person say so.
        let Some((secs, at)) = last else {
            return pages;
        };
        let facts = facts_of(row)
            .with("late_by", secs)
            .with_some("late", is_late_notice(at, now));
        let seq = note(slate, ticket, EntryKind::ClockStillLate, facts, now);
        let what = Telling {
            about: EntryKind::ClockBreached,
            word: step_word(secs),
            due_at: at,
            seq,
            hearers: &hearers,
        };
        return pages | tell(around, ticket, row, what, told, &mut heard, slate);
    }
    // What was called off is told again with the release, and what waits is told of the deadline as it is now.
    let is_back = has_just_moved
        || known.is_some_and(|known| known.state == ClockState::Held)
            && row.state != ClockState::Held;
    let unread: Vec<PersonId> = told
        .unread
        .iter()
        .filter(|it| it.clock == row.id && row.state != ClockState::Held)
        .filter(|it| match it.waits {
            true => it.deadline != row.deadline_at,
            false => is_back,
        })
        .map(|it| it.person)
        .collect();
    let told_until = match unread.is_empty() {
        true => row.warned_until,
        false => clock.anchor_at,
    };
    let Some((threshold, due_at)) = clock.warnings_due(told_until, now).last() else {
        return pages;
    };
    row.warned_until = row.warned_until.max(due_at);
    let word = threshold.to_string();
    let is_new = !is_old(row, &word) && fire(slate, row, &word, due_at, &told.fired, now);
    if !is_new && unread.is_empty() {
        return pages;
    }
    let facts = facts_of(row)
        .with("threshold", &word)
        .with_some("late", is_late_notice(due_at, now));
    let seq = note(slate, ticket, EntryKind::ClockWarned, facts, now);
    let rules = around.hearers(Moment::Warning);
    let what = Telling {
        about: EntryKind::ClockWarned,
        word: match is_new {
            true => due_at.micros().to_string(),
            false => format!("{}.{seq}", due_at.micros()),
        },
        due_at,
        seq,
        hearers: rules.at(ticket.severity, threshold),
    };
    if !is_new {
        let all = people(around, ticket, what.hearers, &told.watchers).into_iter();
        heard.extend(all.filter(|person| !unread.contains(person)));
    }
    pages | tell(around, ticket, row, what, told, &mut heard, slate)
}

/// The name under which a step after the breach is told.
fn step_word(secs: i64) -> String {
    format!("late:{secs}")
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

/// Why a notice says nothing to anybody any more, as a key of the catalogue: its clock has ended; or it warns of one that is held now
/// (the release tells again) or of a deadline that has moved since (what still holds of it was told anew).
pub fn unwanted(conn: &mut Conn, facts: &Facts) -> Result<Option<&'static str>> {
    let Some(id) = facts.get("clock").and_then(Id::parse) else {
        return Ok(None);
    };
    let Some(clock) = store::sla::by_id(conn, id)? else {
        return Ok(None);
    };
    let warns = facts.get("about") == Some(EntryKind::ClockWarned.as_str());
    Ok(if !clock.state.is_open() {
        Some("unwanted-promise-kept")
    } else if warns && clock.state == ClockState::Held {
        Some("unwanted-promise-held")
    } else if warns && clock.deadline_at != facts.instant("deadline") {
        Some("unwanted-promise-moved")
    } else {
        None
    })
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

/// What is told: the letter it makes, the word that makes its key its own, when it fell due, its place on the timeline, and to whom.
struct Telling<'a> {
    about: EntryKind,
    word: String,
    due_at: Timestamp,
    seq: i64,
    hearers: &'a [Hearer],
}

/// Tells its hearers, but for those who have `heard`. Whether somebody is to be paged: not about what works again.
fn tell(
    around: Around<'_>,
    ticket: &Ticket,
    row: &ClockRow,
    what: Telling<'_>,
    told: &Told,
    heard: &mut Vec<PersonId>,
    slate: &mut Slate,
) -> bool {
    if around.is_quiet() {
        return false;
    }
    let hearers = what.hearers;
    let waits = what.about == EntryKind::ClockWarned && !hearers.contains(&Hearer::AtOnce);
    for id in people(around, ticket, hearers, &told.watchers) {
        let person = around.roster.person(id).filter(|person| person.is_active);
        let Some(person) = person.filter(|_| !heard.contains(&id)) else {
            continue;
        };
        heard.push(id);
        let key = format!("clock:{}:{}:{}:{id}", row.id, what.word, row.generation);
        let mut notice = NewDelivery::mail(DeliveryKind::Notice, key, person.email.as_str());
        notice.ticket = Some(ticket.id);
        notice.entry_seq = Some(what.seq);
        notice.person = Some(id);
        notice.not_before = waits
            .then(|| opening_for(around.book, around.roster, around.now, person))
            .flatten();
        let belated = is_late_notice(what.due_at, around.now).map(|_| what.due_at.rfc3339());
        notice.facts = facts_of(row)
            .with("about", what.about)
            .with_some("belated", belated);
        slate.notices.push(notice);
    }
    hearers.contains(&Hearer::Page) && ticket.is_open() && ticket.state != State::Restored
}

/// Each once.
fn people(
    around: Around<'_>,
    ticket: &Ticket,
    hearers: &[Hearer],
    watchers: &[PersonId],
) -> Vec<PersonId> {
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
            Hearer::Lead => {
                let leads = |id: &PersonId| {
                    let person = around.roster.person(*id);
                    person.is_some_and(|person| person.roles.has(Role::Lead))
                };
                let leads: Vec<PersonId> = team.iter().copied().filter(leads).collect();
                add(&leads);
            }
            Hearer::Watchers => add(watchers),
            Hearer::Page | Hearer::AtOnce => {}
        }
    }
    people
}

/// When somebody works again, if they don't now: a warning can wait for that. Whoever is on call works.
pub(super) fn opening_for(
    book: &Book,
    roster: &Roster,
    now: Timestamp,
    person: &Person,
) -> Option<Timestamp> {
    let mut hours: Vec<Arc<Hours>> = Vec::new();
    for team in teams_of(roster, person.id) {
        if roster.on_duty(team.id, now).contains(&person.id) {
            return None;
        }
        let of_team = hours_of(book, team).ok()?;
        hours.push(Arc::new(of_team.in_zone(person.zone)));
    }
    if hours.is_empty() {
        hours.push(nine_to_five(person.zone).ok()?);
    }
    let code = roster.holidays.get(&person.id);
    let free =
        code.map(|code| holidays::free_time(code, person.zone, now, now.plus_secs(FREE_SECS)));
    let free = free.unwrap_or_default();
    let opening = worktime::deadline(&Hours::together(&hours), now, 0, &free);
    opening.filter(|opening| *opening > now)
}

fn teams_of(roster: &Roster, person: PersonId) -> impl Iterator<Item = &Team> {
    let teams = roster.teams.iter().filter(|team| team.is_active);
    teams.filter(move |team| roster.members(team.id).contains(&person))
}

/// Whether somebody is on call for one of their teams.
pub(super) fn is_on_duty(roster: &Roster, now: Timestamp, person: PersonId) -> bool {
    teams_of(roster, person).any(|team| roster.on_duty(team.id, now).contains(&person))
}

/// How far ahead a warning looks for holidays: no row of them is longer.
const FREE_SECS: i64 = 30 * 86_400;
