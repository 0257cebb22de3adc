//! What is wrong with the house itself, and the signs by which that is seen.

use diesel::prelude::*;

use super::backend::{Conn, Tx, insert_new};
use super::column::text_column;
use super::schema::checks::trouble;
use super::schema::core::delivery;
use crate::domain::delivery::{DeliveryKind, DeliveryState};
use crate::domain::id::TicketId;
use crate::domain::timestamp::Timestamp;
use crate::domain::trouble::TroubleKind;
use crate::error::Result;

text_column!(TroubleKind);

/// Something that is wrong now.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = trouble)]
pub struct Trouble {
    pub what: TroubleKind,
    pub began_at: Timestamp,
    /// The incident about it, if one was opened.
    pub ticket_id: Option<TicketId>,
    /// What was found, for people.
    pub detail: String,
}

/// Everything that is wrong, the oldest first.
pub fn all(conn: &mut Conn) -> Result<Vec<Trouble>> {
    Ok(trouble::table
        .order((trouble::began_at, trouble::what))
        .select(Trouble::as_select())
        .load(conn)?)
}

pub fn of(conn: &mut Conn, what: TroubleKind) -> Result<Option<Trouble>> {
    Ok(trouble::table
        .find(what)
        .select(Trouble::as_select())
        .get_result(conn)
        .optional()?)
}

/// Whether it is new: what is wrong already stays as it was found.
pub fn begin(tx: &mut Tx, new: &Trouble) -> Result<bool> {
    Ok(insert_new!(tx, trouble::table, new)?)
}

/// This is the incident about it; no if it has one, or is over.
pub fn give_ticket(tx: &mut Tx, what: TroubleKind, ticket: TicketId) -> Result<bool> {
    let without = trouble::table
        .filter(trouble::what.eq(what))
        .filter(trouble::ticket_id.is_null());
    let given = diesel::update(without).set(trouble::ticket_id.eq(Some(ticket)));
    Ok(given.execute(&mut **tx)? == 1)
}

/// It is over; no if that was known.
pub fn end(tx: &mut Tx, over: &Trouble) -> Result<bool> {
    let this = trouble::table
        .filter(trouble::what.eq(over.what))
        .filter(trouble::began_at.eq(over.began_at));
    Ok(diesel::delete(this).execute(&mut **tx)? == 1)
}

/// The oldest page that was tried and waits for another try, asked for by `before`; and what its last try said.
pub fn page_waiting_since(
    conn: &mut Conn,
    before: Timestamp,
) -> Result<Option<(Timestamp, String)>> {
    let oldest: Option<(Timestamp, Option<String>)> = delivery::table
        .filter(delivery::state.eq(DeliveryState::Queued))
        .filter(delivery::urgency.eq(DeliveryKind::Page.urgency()))
        .filter(delivery::attempts.gt(0))
        .filter(delivery::queued_at.le(before))
        .order(delivery::queued_at)
        .select((delivery::queued_at, delivery::last_error))
        .first(conn)
        .optional()?;
    Ok(oldest.map(|(at, error)| (at, error.unwrap_or_default())))
}

/// A delivery is tried for no longer than this, in seconds; see `domain::outgoing::MOST_ATTEMPTS`.
const TRIED_SECS: i64 = 3 * 86_400;

/// Whether anything has got through to anybody since then. Calls to the house's own subscribers say nothing about people.
pub fn has_delivered_since(conn: &mut Conn, since: Timestamp) -> Result<bool> {
    let accepted = delivery::table
        .filter(delivery::state.eq(DeliveryState::Accepted))
        .filter(delivery::queued_at.gt(since.plus_secs(-TRIED_SECS)))
        .filter(delivery::kind.ne(DeliveryKind::Webhook))
        .filter(delivery::settled_at.ge(since));
    Ok(diesel::select(diesel::dsl::exists(accepted)).get_result(conn)?)
}
