//! Whole batches of tickets with everything that their clocks are derived from, and where the clocks of some were found to differ.

use std::collections::HashMap;

use diesel::prelude::*;

use super::schema::checks::clock_difference;
use super::schema::core::{affected, ticket, ticket_service};
use super::schema::sla::clock;
use super::sla::ClockRow;
use super::ticket::{Affected, Row};
use super::timeline::{self, Recorded};
use super::{Conn, Tx};
use crate::domain::id::{ClockId, ServiceId, TargetId, TicketId};
use crate::domain::mail_join::Asked;
use crate::domain::sla_agreement::Metric;
use crate::domain::sla_clock::ClockState;
use crate::domain::ticket::Ticket;
use crate::domain::timeline::EntryKind;
use crate::domain::timestamp::Timestamp;
use crate::error::{Result, is_unique_violation};

/// What the clocks of some tickets are derived from, and the clocks as they are stored.
#[derive(Debug, Default)]
pub struct Evidence {
    /// Oldest first.
    pub entries: HashMap<TicketId, Vec<Recorded>>,
    /// In the order of their making.
    pub clocks: HashMap<TicketId, Vec<ClockRow>>,
    pub affected: HashMap<TicketId, Vec<Affected>>,
    /// The primary one first.
    pub services: HashMap<TicketId, Vec<ServiceId>>,
    /// The mail that asks to join and is to be answered first.
    pub asked: HashMap<TicketId, Asked>,
}

/// Up to `most` tickets by id, from after `after` on; only open ones, if so wished.
pub fn tickets_after(
    conn: &mut Conn,
    after: Option<TicketId>,
    only_open: bool,
    most: i64,
) -> Result<Vec<Ticket>> {
    let mut query = ticket::table
        .order(ticket::id)
        .limit(most)
        .select(Row::as_select())
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(ticket::id.gt(after));
    }
    if only_open {
        query = query.filter(ticket::is_open.eq(true));
    }
    let rows: Vec<Row> = query.load(conn)?;
    Ok(rows.into_iter().map(Row::ticket).collect())
}

/// Reads it all in five queries. Texts of entries are left out: clocks don't read them, and a batch of them could be large.
pub fn evidence(conn: &mut Conn, ids: &[TicketId], kinds: &[EntryKind]) -> Result<Evidence> {
    let mut evidence = Evidence {
        asked: super::mail_join::soonest_of(conn, ids)?,
        ..Evidence::default()
    };
    for some in timeline::without_text(conn, ids, kinds)? {
        evidence.entries.entry(some.ticket).or_default().push(some);
    }
    let rows: Vec<ClockRow> = clock::table
        .filter(clock::ticket_id.eq_any(ids.to_vec()))
        .order((clock::ticket_id, clock::anchor_at, clock::id))
        .select(ClockRow::as_select())
        .load(conn)?;
    for row in rows {
        evidence.clocks.entry(row.ticket_id).or_default().push(row);
    }
    let rows: Vec<Affected> = affected::table
        .filter(affected::ticket_id.eq_any(ids.to_vec()))
        .order((affected::ticket_id, affected::id))
        .select(Affected::as_select())
        .load(conn)?;
    for row in rows {
        evidence
            .affected
            .entry(row.ticket_id)
            .or_default()
            .push(row);
    }
    let rows: Vec<(TicketId, ServiceId)> = ticket_service::table
        .filter(ticket_service::ticket_id.eq_any(ids.to_vec()))
        .order((
            ticket_service::ticket_id,
            ticket_service::is_primary.desc(),
            ticket_service::service_id,
        ))
        .select((ticket_service::ticket_id, ticket_service::service_id))
        .load(conn)?;
    for (id, service) in rows {
        evidence.services.entry(id).or_default().push(service);
    }
    Ok(evidence)
}

/// A ticket whose clocks were found to differ.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Found {
    pub ticket: TicketId,
    pub found_at: Timestamp,
    pub checked_at: Timestamp,
    /// One difference a line.
    pub what: String,
}

/// At most `most` of them, the oldest first.
pub fn found(conn: &mut Conn, most: i64) -> Result<Vec<Found>> {
    Ok(clock_difference::table
        .order((clock_difference::found_at, clock_difference::ticket_id))
        .limit(most)
        .select((
            clock_difference::ticket_id,
            clock_difference::found_at,
            clock_difference::checked_at,
            clock_difference::what,
        ))
        .load(conn)?)
}

/// How many there are.
pub fn count(conn: &mut Conn) -> Result<i64> {
    Ok(clock_difference::table.count().get_result(conn)?)
}

/// Notes what was found at `now`; `None`: nothing differs any more. Whether that is news.
pub fn note(tx: &mut Tx, of: TicketId, what: Option<&str>, now: Timestamp) -> Result<bool> {
    let known = clock_difference::table.find(of);
    let Some(what) = what else {
        return Ok(diesel::delete(known).execute(&mut **tx)? > 0);
    };
    let changed = diesel::update(known)
        .set((
            clock_difference::checked_at.eq(now),
            clock_difference::what.eq(what),
        ))
        .execute(&mut **tx)?;
    if changed > 0 {
        return Ok(false);
    }
    let inserted = diesel::insert_into(clock_difference::table)
        .values((
            clock_difference::ticket_id.eq(of),
            clock_difference::found_at.eq(now),
            clock_difference::checked_at.eq(now),
            clock_difference::what.eq(what),
        ))
        .execute(&mut **tx);
    match inserted.map_err(crate::error::Error::from) {
        Ok(_) => Ok(true),
        // Another node found it at the same moment.
        Err(error) if is_unique_violation(&error) => Err(crate::error::Error::Stale),
        Err(error) => Err(error),
    }
}

/// A clock that runs and never falls due: its hours don't reach the budget within five years of its anchor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Queryable)]
pub struct Endless {
    pub clock: ClockId,
    pub ticket: TicketId,
    pub metric: Metric,
    pub target: Option<TargetId>,
    pub anchor_at: Timestamp,
}

/// At most `most` of them, the oldest first.
pub fn endless(conn: &mut Conn, most: i64) -> Result<Vec<Endless>> {
    Ok(clock::table
        .filter(clock::state.eq(ClockState::Running))
        .filter(clock::deadline_at.is_null())
        .order((clock::anchor_at, clock::id))
        .limit(most)
        .select((
            clock::id,
            clock::ticket_id,
            clock::metric,
            clock::target_id,
            clock::anchor_at,
        ))
        .load(conn)?)
}

/// How many there are: an index of their own counts them.
pub fn count_endless(conn: &mut Conn) -> Result<i64> {
    Ok(clock::table
        .filter(clock::state.eq(ClockState::Running))
        .filter(clock::deadline_at.is_null())
        .count()
        .get_result(conn)?)
}

/// A clock with a deadline, as far as its burn line needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Queryable)]
pub struct Running {
    pub clock: ClockId,
    pub ticket: TicketId,
    pub metric: Metric,
    pub target: Option<TargetId>,
    pub anchor_at: Timestamp,
    pub deadline_at: Timestamp,
}

impl Running {
    /// `None` without a deadline.
    pub fn of(row: &ClockRow) -> Option<Self> {
        Some(Self {
            clock: row.id,
            ticket: row.ticket_id,
            metric: row.metric,
            target: row.target_id,
            anchor_at: row.anchor_at,
            deadline_at: row.deadline_at?,
        })
    }
}

/// The clocks of these tickets that run and have a deadline.
pub fn running(conn: &mut Conn, ids: &[TicketId]) -> Result<Vec<Running>> {
    Ok(clock::table
        .filter(clock::ticket_id.eq_any(ids.to_vec()))
        .filter(clock::deadline_at.is_not_null())
        .filter(clock::state.eq_any(vec![ClockState::Running, ClockState::Scheduled]))
        .select((
            clock::id,
            clock::ticket_id,
            clock::metric,
            clock::target_id,
            clock::anchor_at,
            clock::deadline_at.assume_not_null(),
        ))
        .load(conn)?)
}
