//! Notices about clocks: one person gets at most one such letter a minute, and what else is due by then goes with it.
//!
//! What joined another letter is settled with that letter's Message-ID, by which it is found again.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;

use super::backend::{Conn, Tx, direct, insert_new};
use super::fixed::fixed_update;
use super::outbox::{self, Delivery};
use super::schema::core::{attempt, delivery, watcher};
use super::schema::sla::clock_told;
use super::timeline::facts_of;
use crate::domain::delivery::{AttemptOutcome, Channel, DeliveryKind, DeliveryState};
use crate::domain::id::{ClockId, DeliveryId, Id, PersonId, TicketId};
use crate::domain::timeline::EntryKind;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// Between two letters about clocks to one person.
const GAP_SECS: i64 = 60;

/// The staff who watch these tickets, each ticket's in the order in which they began to.
pub fn watching(conn: &mut Conn, tickets: &[TicketId]) -> Result<HashMap<TicketId, Vec<PersonId>>> {
    let rows: Vec<(TicketId, Id<()>)> = watcher::table
        .filter(watcher::ticket_id.eq_any(tickets.to_vec()))
        .filter(watcher::is_contact.eq(false))
        .order(watcher::since_at)
        .select((watcher::ticket_id, watcher::watcher_id))
        .load(conn)?;
    let mut of: HashMap<TicketId, Vec<PersonId>> = HashMap::new();
    for (ticket, person) in rows {
        of.entry(ticket)
            .or_default()
            .push(Id::from_uuid(person.uuid()));
    }
    Ok(of)
}

/// A warning that its reader hasn't got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unread {
    pub clock: ClockId,
    pub person: PersonId,
    /// What it says.
    pub deadline: Option<Timestamp>,
    /// It waits to be sent; otherwise it was called off.
    pub waits: bool,
}

/// Of each clock of these tickets and each reader the last warning, where that wasn't sent.
pub fn unread(conn: &mut Conn, tickets: &[TicketId]) -> Result<HashMap<TicketId, Vec<Unread>>> {
    type Row = (
        Option<TicketId>,
        Option<PersonId>,
        String,
        DeliveryState,
        i32,
    );
    let rows: Vec<Row> = delivery::table
        .filter(delivery::ticket_id.eq_any(tickets.to_vec()))
        .filter(delivery::kind.eq(DeliveryKind::Notice))
        .filter(delivery::dedupe_key.ge("clock:"))
        .filter(delivery::dedupe_key.lt("clock;"))
        // Two of one instant stand in the order in which the timeline tells of them.
        .order((delivery::entry_seq, delivery::queued_at))
        .select((
            delivery::ticket_id,
            delivery::person_id,
            delivery::facts,
            delivery::state,
            delivery::attempts,
        ))
        .load(conn)?;
    let mut last: HashMap<(TicketId, ClockId, PersonId), Option<Unread>> = HashMap::new();
    for (ticket, person, facts, state, attempts) in rows {
        let facts = facts_of(&facts);
        let warns = facts.get("about") == Some(EntryKind::ClockWarned.as_str());
        let clock = facts.get("clock").and_then(Id::parse);
        let (Some(ticket), Some(person), Some(clock), true) = (ticket, person, clock, warns) else {
            continue;
        };
        let is_unread = match state {
            DeliveryState::Queued => attempts == 0,
            DeliveryState::Cancelled => true,
            _ => false,
        };
        let unread = Unread {
            clock,
            person,
            deadline: facts.instant("deadline"),
            waits: state == DeliveryState::Queued,
        };
        last.insert((ticket, clock, person), is_unread.then_some(unread));
    }
    let mut of: HashMap<TicketId, Vec<Unread>> = HashMap::new();
    for ((ticket, ..), unread) in last {
        of.entry(ticket).or_default().extend(unread);
    }
    Ok(of)
}

/// Takes the person's turn; when the next one is, if it isn't now.
pub fn take_turn(tx: &mut Tx, person: PersonId, now: Timestamp) -> Result<Option<Timestamp>> {
    let is_free = clock_told::person_id
        .eq(person)
        .and(clock_told::told_at.le(now.plus_secs(-GAP_SECS)));
    let taken = fixed_update(clock_told::table, is_free, clock_told::told_at.eq(now));
    if direct!(tx, |own| taken.execute(own))? == 1 {
        return Ok(None);
    }
    let last: Option<Timestamp> = direct!(tx, |own| clock_told::table
        .find(person)
        .select(clock_told::told_at)
        .get_result(own))
    .optional()?;
    if let Some(last) = last {
        return Ok(Some(last.plus_secs(GAP_SECS)));
    }
    let row = (
        clock_told::person_id.eq(person),
        clock_told::told_at.eq(now),
    );
    // If it isn't the first, another node was faster.
    let is_first = insert_new!(tx, clock_told::table, row)?;
    Ok((!is_first).then(|| now.plus_secs(GAP_SECS)))
}

/// The rows that wait to tell this person of a clock, and never left yet.
macro_rules! waiting {
    ($person:expr, $now:expr) => {
        delivery::table
            .filter(delivery::state.eq(DeliveryState::Queued))
            .filter(delivery::urgency.eq(DeliveryKind::Notice.urgency()))
            .filter(delivery::kind.eq(DeliveryKind::Notice))
            .filter(delivery::person_id.eq($person))
            .filter(delivery::attempts.eq(0))
            .filter(delivery::next_attempt_at.le($now))
            // Those of clocks have keys that begin so (`actions::sla_notice`).
            .filter(delivery::dedupe_key.ge("clock:"))
            .filter(delivery::dedupe_key.lt("clock;"))
    };
}

/// Everything else that waits to tell this person of clocks goes out with `main`.
pub fn join(
    tx: &mut Tx,
    main: DeliveryId,
    person: PersonId,
    message_id: &str,
    now: Timestamp,
) -> Result<usize> {
    Ok(
        diesel::update(waiting!(person, now).filter(delivery::id.ne(main)))
            .set((
                delivery::state.eq(DeliveryState::Joined),
                delivery::message_id.eq(Some(message_id)),
                delivery::settled_at.eq(Some(now)),
                delivery::leased_until.eq(None::<Timestamp>),
                delivery::leased_by.eq(None::<String>),
            ))
            .execute(&mut **tx)?,
    )
}

/// Everything that waits to tell this person of clocks waits until then.
pub fn put_off(tx: &mut Tx, person: PersonId, until: Timestamp, now: Timestamp) -> Result<()> {
    diesel::update(waiting!(person, now))
        .set((
            delivery::next_attempt_at.eq(until),
            delivery::leased_until.eq(None::<Timestamp>),
            delivery::leased_by.eq(None::<String>),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// What joined the letter with this Message-ID: how many, and the first `most` of them, oldest first.
pub fn joined(conn: &mut Conn, message_id: &str, most: i64) -> Result<(i64, Vec<Delivery>)> {
    let count: i64 = delivery::table
        .filter(delivery::message_id.eq(message_id))
        .filter(delivery::state.eq(DeliveryState::Joined))
        .count()
        .get_result(conn)?;
    let ids: Vec<DeliveryId> = delivery::table
        .filter(delivery::message_id.eq(message_id))
        .filter(delivery::state.eq(DeliveryState::Joined))
        .order((delivery::queued_at, delivery::id))
        .limit(most)
        .select(delivery::id)
        .load(conn)?;
    Ok((count, outbox::by_ids(conn, &ids)?))
}

/// Most notices that one letter about several gathers; what is left makes another.
const MOST_LATE: i64 = 1_000;

/// The notices that should have been with this person before `before` and aren't being handed over just now, oldest first; without
/// `besides`. What was put off for a fault counts from when it was asked for, the rest from when it was to leave.
pub fn late(
    conn: &mut Conn,
    person: PersonId,
    besides: DeliveryId,
    before: Timestamp,
) -> Result<Vec<Delivery>> {
    let is_late = delivery::last_error
        .is_not_null()
        .and(delivery::queued_at.le(before))
        .or(delivery::last_error
            .is_null()
            .and(delivery::next_attempt_at.le(before)));
    let mut ids: Vec<DeliveryId> = delivery::table
        .filter(delivery::state.eq(DeliveryState::Queued))
        .filter(delivery::urgency.eq(DeliveryKind::Notice.urgency()))
        .filter(delivery::kind.eq(DeliveryKind::Notice))
        .filter(delivery::channel.eq(Channel::Mail))
        .filter(delivery::person_id.eq(person))
        .filter(delivery::id.ne(besides))
        .filter(is_late)
        .order((delivery::queued_at, delivery::id))
        .limit(MOST_LATE)
        .select(delivery::id)
        .load(conn)?;
    let mut under_way: HashSet<DeliveryId> = HashSet::new();
    // Below every backend's limit of bound values.
    for some in ids.chunks(500) {
        let begun: Vec<DeliveryId> = attempt::table
            .filter(attempt::delivery_id.eq_any(some.to_vec()))
            .filter(attempt::outcome.eq(AttemptOutcome::Started))
            .select(attempt::delivery_id)
            .load(conn)?;
        under_way.extend(begun);
    }
    ids.retain(|id| !under_way.contains(id));
    outbox::by_ids(conn, &ids)
}

/// Makes this notice the letter that others are to join, unless it has joined another one meanwhile or is being sent: of two that
/// would join each other one has to wait.
pub fn hold(tx: &mut Tx, letter: &Delivery, until: Timestamp) -> Result<bool> {
    let unchanged = delivery::id
        .eq(letter.id)
        .and(delivery::state.eq(DeliveryState::Queued))
        .and(delivery::attempts.eq(letter.attempts));
    let changes = delivery::leased_until.eq(Some(until));
    let statement = fixed_update(delivery::table, unchanged, changes);
    Ok(direct!(tx, |own| statement.execute(own))? == 1)
}

/// A notice that is late goes out with the letter of this Message-ID, and so does what had joined it. Nothing if somebody has begun
/// to send it meanwhile.
pub fn join_late(tx: &mut Tx, late: &Delivery, message_id: &str, now: Timestamp) -> Result<()> {
    let unchanged = delivery::id
        .eq(late.id)
        .and(delivery::state.eq(DeliveryState::Queued))
        .and(delivery::attempts.eq(late.attempts));
    let changes = (
        delivery::state.eq(DeliveryState::Joined),
        delivery::message_id.eq(Some(message_id)),
        delivery::settled_at.eq(Some(now)),
        delivery::leased_until.eq(None::<Timestamp>),
        delivery::leased_by.eq(None::<String>),
    );
    let joined = fixed_update(delivery::table, unchanged, changes).execute(&mut **tx)?;
    if let (1, Some(own)) = (joined, &late.message_id) {
        let with_it = delivery::table
            .filter(delivery::message_id.eq(own))
            .filter(delivery::state.eq(DeliveryState::Joined));
        diesel::update(with_it)
            .set(delivery::message_id.eq(Some(message_id)))
            .execute(&mut **tx)?;
    }
    Ok(())
}

/// The letter with this Message-ID isn't sent after all: what joined it waits for the next one.
pub fn part(tx: &mut Tx, message_id: &str) -> Result<()> {
    diesel::update(
        delivery::table
            .filter(delivery::message_id.eq(message_id))
            .filter(delivery::state.eq(DeliveryState::Joined)),
    )
    .set((
        delivery::state.eq(DeliveryState::Queued),
        delivery::message_id.eq(None::<String>),
        delivery::settled_at.eq(None::<Timestamp>),
    ))
    .execute(&mut **tx)?;
    Ok(())
}
