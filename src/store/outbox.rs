//! The outbox: what is to be sent, in the same transaction as the change that asks for it.

use diesel::prelude::*;

use super::backend::{Conn, Tx, direct, insert_new};
use super::blob::Hash;
use super::column::text_column;
use super::fixed::fixed_update;
use super::schema::core::{attempt, delivery};
use super::timeline::{facts_json, facts_of};

use crate::domain::delivery::{AttemptOutcome, Channel, DeliveryKind, DeliveryState};
use crate::domain::id::{AttemptId, ContactId, DeliveryId, HookId, Id, PageId, PersonId, TicketId};
use crate::domain::timeline::Facts;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

text_column!(DeliveryKind, Channel, DeliveryState, AttemptOutcome);

/// A message to be sent. Its text is rendered when it is sent, unless `frozen` names bytes that somebody previewed.
#[derive(Debug, Clone)]
pub struct NewDelivery {
    pub kind: DeliveryKind,
    pub channel: Channel,
    /// Asking twice with the same key sends once.
    pub dedupe_key: String,
    pub ticket: Option<TicketId>,
    pub entry_seq: Option<i64>,
    pub page: Option<PageId>,
    pub person: Option<PersonId>,
    pub contact: Option<ContactId>,
    /// A mail address or a URL.
    pub address: String,
    /// What the letter needs to know.
    pub facts: Facts,
    pub frozen: Option<Hash>,
    /// Not before this instant: a reply waits so that it can still be withdrawn.
    pub not_before: Option<Timestamp>,
}

impl NewDelivery {
    pub fn mail(
        kind: DeliveryKind,
        dedupe_key: impl Into<String>,
        address: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            channel: Channel::Mail,
            dedupe_key: dedupe_key.into(),
            ticket: None,
            entry_seq: None,
            page: None,
            person: None,
            contact: None,
            address: address.into(),
            facts: Facts::new(),
            frozen: None,
            not_before: None,
        }
    }
}

/// Whether a letter about this entry was frozen as these bytes.
pub fn is_frozen_as(conn: &mut Conn, ticket: TicketId, seq: i64, bytes: Hash) -> Result<bool> {
    let known: i64 = delivery::table
        .filter(delivery::ticket_id.eq(ticket))
        .filter(delivery::entry_seq.eq(seq))
        .filter(delivery::frozen_hash.eq(bytes.0.to_vec()))
        .count()
        .get_result(conn)?;
    Ok(known > 0)
}

/// Whether a letter with this answer, other than those that are `lost`, is on its way to somebody or has got there, as far as is
/// known.
pub fn reached_somebody_else(
    conn: &mut Conn,
    ticket: TicketId,
    seq: i64,
    lost: &[DeliveryId],
) -> Result<bool> {
    let others: i64 = delivery::table
        .filter(delivery::ticket_id.eq(ticket))
        .filter(delivery::entry_seq.eq(seq))
        .filter(delivery::kind.eq(DeliveryKind::Reply))
        .filter(delivery::id.ne_all(lost.to_vec()))
        .filter(delivery::state.ne(DeliveryState::Dead))
        .filter(delivery::state.ne(DeliveryState::Cancelled))
        .count()
        .get_result(conn)?;
    Ok(others > 0)
}

/// A new row of `delivery`.
#[derive(Insertable)]
#[diesel(table_name = delivery, treat_none_as_default_value = false)]
pub(super) struct NewRow {
    id: DeliveryId,
    kind: DeliveryKind,
    channel: Channel,
    dedupe_key: String,
    ticket_id: Option<TicketId>,
    entry_seq: Option<i64>,
    page_id: Option<PageId>,
    person_id: Option<PersonId>,
    contact_id: Option<ContactId>,
    address: String,
    facts: String,
    frozen_hash: Option<Vec<u8>>,
    urgency: i16,
    state: DeliveryState,
    queued_at: Timestamp,
    next_attempt_at: Timestamp,
    attempts: i32,
    message_id: Option<String>,
}

impl NewRow {
    pub(super) fn of(new: &NewDelivery, now: Timestamp) -> Self {
        Self {
            id: Id::new(now),
            kind: new.kind,
            channel: new.channel,
            dedupe_key: new.dedupe_key.clone(),
            ticket_id: new.ticket,
            entry_seq: new.entry_seq,
            page_id: new.page,
            person_id: new.person,
            contact_id: new.contact,
            address: new.address.clone(),
            facts: facts_json(&new.facts),
            frozen_hash: new.frozen.map(|hash| hash.0.to_vec()),
            urgency: new.kind.urgency(),
            state: DeliveryState::Queued,
            queued_at: now,
            next_attempt_at: new.not_before.unwrap_or(now),
            attempts: 0,
            message_id: None,
        }
    }
}

/// Queues it; `None` if a delivery with this key exists already.
pub fn queue(tx: &mut Tx, new: &NewDelivery, now: Timestamp) -> Result<Option<DeliveryId>> {
    let row = NewRow::of(new, now);
    let id = row.id;
    Ok(insert_new!(tx, delivery::table, row)?.then_some(id))
}

/// A delivery as it stands.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub id: DeliveryId,
    pub kind: DeliveryKind,
    pub channel: Channel,
    pub ticket: Option<TicketId>,
    pub entry_seq: Option<i64>,
    pub page: Option<PageId>,
    pub person: Option<PersonId>,
    pub contact: Option<ContactId>,
    pub address: String,
    pub facts: Facts,
    pub frozen: Option<Hash>,
    pub state: DeliveryState,
    pub queued_at: Timestamp,
    pub next_attempt_at: Timestamp,
    pub attempts: i32,
    pub settled_at: Option<Timestamp>,
    pub message_id: Option<String>,
    pub last_error: Option<String>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = delivery)]
struct Row {
    id: DeliveryId,
    kind: DeliveryKind,
    channel: Channel,
    ticket_id: Option<TicketId>,
    entry_seq: Option<i64>,
    page_id: Option<PageId>,
    person_id: Option<PersonId>,
    contact_id: Option<ContactId>,
    address: String,
    facts: String,
    frozen_hash: Option<Vec<u8>>,
    state: DeliveryState,
    queued_at: Timestamp,
    next_attempt_at: Timestamp,
    attempts: i32,
    settled_at: Option<Timestamp>,
    message_id: Option<String>,
    last_error: Option<String>,
}

impl Row {
    fn delivery(self) -> Result<Delivery> {
        Ok(Delivery {
            id: self.id,
            kind: self.kind,
            channel: self.channel,
            ticket: self.ticket_id,
            entry_seq: self.entry_seq,
            page: self.page_id,
            person: self.person_id,
            contact: self.contact_id,
            address: self.address,
            facts: facts_of(&self.facts),
            frozen: self.frozen_hash.map(Hash::from_column).transpose()?,
            state: self.state,
            queued_at: self.queued_at,
            next_attempt_at: self.next_attempt_at,
            attempts: self.attempts,
            settled_at: self.settled_at,
            message_id: self.message_id,
            last_error: self.last_error,
        })
    }
}

pub fn by_id(conn: &mut Conn, id: DeliveryId) -> Result<Option<Delivery>> {
    let row: Option<Row> = direct!(conn, |own| delivery::table
        .find(id)
        .select(Row::as_select())
        .get_result(own))
    .optional()?;
    row.map(Row::delivery).transpose()
}

/// These, oldest first.
pub fn by_ids(conn: &mut Conn, ids: &[DeliveryId]) -> Result<Vec<Delivery>> {
    let rows: Vec<Row> = delivery::table
        .filter(delivery::id.eq_any(ids.to_vec()))
        .order((delivery::queued_at, delivery::id))
        .select(Row::as_select())
        .load(conn)?;
    rows.into_iter().map(Row::delivery).collect()
}

/// The answers to customers that entries after `seq` ask for, in the order in which they were asked for.
pub fn answers_after(conn: &mut Conn, ticket: TicketId, seq: i64) -> Result<Vec<Delivery>> {
    let rows: Vec<Row> = direct!(conn, |own| delivery::table
        .filter(delivery::ticket_id.eq(ticket))
        .filter(delivery::kind.eq(DeliveryKind::Reply))
        .filter(delivery::entry_seq.gt(seq))
        .order(delivery::id)
        .select(Row::as_select())
        .load(own))?;
    rows.into_iter().map(Row::delivery).collect()
}

/// Queued deliveries that are due and whose urgency lies in `urgencies`, most urgent first, then oldest first.
pub fn due(
    conn: &mut Conn,
    urgencies: std::ops::Range<i16>,
    now: Timestamp,
    most: i64,
) -> Result<Vec<DeliveryId>> {
    Ok(delivery::table
        .filter(delivery::state.eq(DeliveryState::Queued))
        .filter(delivery::urgency.ge(urgencies.start))
        .filter(delivery::urgency.lt(urgencies.end))
        .filter(delivery::next_attempt_at.le(now))
        .filter(
            delivery::leased_until
                .is_null()
                .or(delivery::leased_until.lt(now)),
        )
        .order((delivery::urgency, delivery::next_attempt_at))
        .limit(most)
        .select(delivery::id)
        .load(conn)?)
}

/// Makes it this worker's until then; no if another one has it.
pub fn lease(
    tx: &mut Tx,
    id: DeliveryId,
    worker: &str,
    now: Timestamp,
    until: Timestamp,
) -> Result<bool> {
    let is_free = delivery::leased_until
        .is_null()
        .or(delivery::leased_until.lt(now).assume_not_null());
    let leased = direct!(tx, |own| fixed_update(
        delivery::table,
        delivery::id
            .eq(id)
            .and(delivery::state.eq(DeliveryState::Queued))
            .and(is_free),
        (
            delivery::leased_until.eq(Some(until)),
            delivery::leased_by.eq(Some(worker)),
        ),
    )
    .execute(own))?;
    Ok(leased == 1)
}

/// The last try, if it began and its end was never written: the process died between the two.
pub fn open_attempt(conn: &mut Conn, id: DeliveryId) -> Result<Option<i32>> {
    // The first of few, without a limit: SQLite plans a bound one anew for each letter.
    let last: Option<(i32, AttemptOutcome)> = direct!(conn, |own| attempt::table
        .filter(attempt::delivery_id.eq(id))
        .order(attempt::number.desc())
        .select((attempt::number, attempt::outcome))
        .get_result(own))
    .optional()?;
    Ok(last
        .filter(|(_, outcome)| *outcome == AttemptOutcome::Started)
        .map(|(number, _)| number))
}

/// Writes that a try begins, before the first byte leaves.
pub fn begin_attempt(
    tx: &mut Tx,
    id: DeliveryId,
    number: i32,
    message_id: &str,
    now: Timestamp,
    leased_until: Timestamp,
) -> Result<bool> {
    let begun = direct!(tx, |own| fixed_update(
        delivery::table,
        delivery::id
            .eq(id)
            .and(delivery::state.eq(DeliveryState::Queued))
            .and(delivery::attempts.eq(number - 1)),
        (
            delivery::attempts.eq(number),
            delivery::message_id.eq(Some(message_id)),
            delivery::leased_until.eq(Some(leased_until)),
        ),
    )
    .execute(own))?;
    if begun == 0 {
        return Ok(false);
    }
    let new: AttemptId = Id::new(now);
    direct!(tx, |own| diesel::insert_into(attempt::table)
        .values((
            attempt::id.eq(new),
            attempt::delivery_id.eq(id),
            attempt::number.eq(number),
            attempt::started_at.eq(now),
            attempt::ended_at.eq(None::<Timestamp>),
            attempt::outcome.eq(AttemptOutcome::Started),
            attempt::detail.eq(""),
        ))
        .execute(own))?;
    Ok(true)
}

pub fn end_attempt(
    tx: &mut Tx,
    id: DeliveryId,
    number: i32,
    outcome: AttemptOutcome,
    detail: &str,
    now: Timestamp,
) -> Result<()> {
    direct!(tx, |own| fixed_update(
        attempt::table,
        attempt::delivery_id.eq(id).and(attempt::number.eq(number)),
        (
            attempt::ended_at.eq(Some(now)),
            attempt::outcome.eq(outcome),
            attempt::detail.eq(detail),
        ),
    )
    .execute(own))?;
    Ok(())
}

/// It is over, one way or another.
pub fn settle(
    tx: &mut Tx,
    id: DeliveryId,
    state: DeliveryState,
    error: Option<&str>,
    now: Timestamp,
) -> Result<()> {
    direct!(tx, |own| fixed_update(
        delivery::table,
        delivery::id.eq(id),
        (
            delivery::state.eq(state),
            delivery::settled_at.eq(Some(now)),
            delivery::leased_until.eq(None::<Timestamp>),
            delivery::leased_by.eq(None::<String>),
            delivery::last_error.eq(error),
        ),
    )
    .execute(own))?;
    Ok(())
}

/// It is tried again at `at`.
pub fn postpone(tx: &mut Tx, id: DeliveryId, at: Timestamp, error: &str) -> Result<()> {
    diesel::update(delivery::table.find(id))
        .set((
            delivery::next_attempt_at.eq(at),
            delivery::leased_until.eq(None::<Timestamp>),
            delivery::leased_by.eq(None::<String>),
            delivery::last_error.eq(Some(error)),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// Puts a dead, unsure or cancelled one back in line, with its tries counted afresh from where they stand. Whether it was one.
pub fn replay(tx: &mut Tx, id: DeliveryId, now: Timestamp) -> Result<bool> {
    let over = delivery::table
        .filter(delivery::id.eq(id))
        .filter(delivery::state.eq_any([
            DeliveryState::Dead,
            DeliveryState::Unsure,
            DeliveryState::Cancelled,
        ]));
    let changed = diesel::update(over)
        .set((
            delivery::state.eq(DeliveryState::Queued),
            delivery::next_attempt_at.eq(now),
            delivery::settled_at.eq(None::<Timestamp>),
            delivery::leased_until.eq(None::<Timestamp>),
            delivery::queued_at.eq(now),
        ))
        .execute(&mut **tx)?;
    Ok(changed == 1)
}

/// Gives back what a process of this name held when it died: nobody else sends from its database.
pub fn release_leases(tx: &mut Tx, worker: &str) -> Result<usize> {
    let held = delivery::table
        .filter(delivery::state.eq(DeliveryState::Queued))
        .filter(delivery::leased_by.eq(worker));
    Ok(diesel::update(held)
        .set((
            delivery::leased_until.eq(None::<Timestamp>),
            delivery::leased_by.eq(None::<String>),
        ))
        .execute(&mut **tx)?)
}

/// One page of what leaves or left, newest first; `before` is the last line of the page above.
pub fn page(
    conn: &mut Conn,
    state: Option<DeliveryState>,
    before: Option<(Timestamp, DeliveryId)>,
    most: i64,
) -> Result<Vec<Delivery>> {
    let mut query = delivery::table
        .order((delivery::queued_at.desc(), delivery::id.desc()))
        .limit(most)
        .select(Row::as_select())
        .into_boxed();
    if let Some(state) = state {
        query = query.filter(delivery::state.eq(state));
    }
    if let Some((at, id)) = before {
        query = query.filter(
            delivery::queued_at
                .le(at)
                .and(delivery::queued_at.lt(at).or(delivery::id.lt(id))),
        );
    }
    query
        .load::<Row>(conn)?
        .into_iter()
        .map(Row::delivery)
        .collect()
}

/// Everything sent about a ticket, oldest first.
pub fn of_ticket(conn: &mut Conn, ticket: TicketId) -> Result<Vec<Delivery>> {
    let rows: Vec<Row> = delivery::table
        .filter(delivery::ticket_id.eq(ticket))
        .order((delivery::queued_at, delivery::id))
        .select(Row::as_select())
        .load(conn)?;
    rows.into_iter().map(Row::delivery).collect()
}

/// The last calls to a webhook at this address, newest first.
pub fn of_webhook(
    conn: &mut Conn,
    hook: HookId,
    address: &str,
    most: i64,
) -> Result<Vec<Delivery>> {
    let its_own = format!("hook-{}-%", hook.uuid().simple());
    let rows: Vec<Row> = delivery::table
        .filter(delivery::address.eq(address))
        .filter(delivery::dedupe_key.like(its_own))
        .order((delivery::queued_at.desc(), delivery::id.desc()))
        .limit(most)
        .select(Row::as_select())
        .load(conn)?;
    rows.into_iter().map(Row::delivery).collect()
}

/// One try.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Attempt {
    pub number: i32,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub outcome: AttemptOutcome,
    pub detail: String,
}

/// The tries of a delivery, in order.
pub fn attempts(conn: &mut Conn, id: DeliveryId) -> Result<Vec<Attempt>> {
    Ok(attempt::table
        .filter(attempt::delivery_id.eq(id))
        .order(attempt::number)
        .select((
            attempt::number,
            attempt::started_at,
            attempt::ended_at,
            attempt::outcome,
            attempt::detail,
        ))
        .load(conn)?)
}

/// How many are in this state.
pub fn count(conn: &mut Conn, state: DeliveryState) -> Result<i64> {
    Ok(delivery::table
        .filter(delivery::state.eq(state))
        .count()
        .get_result(conn)?)
}
