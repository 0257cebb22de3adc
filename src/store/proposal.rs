//! Texts in own words that wait for a second person. A row is there as long as one waits; who wrote what stands in the entry of the
//! ticket's timeline that has its `seq`.

use diesel::prelude::*;

use super::column::text_column;
use super::schema::wording::proposal;
use super::{Conn, Tx};
use crate::domain::id::{CustomerId, TicketId};
use crate::domain::timestamp::Timestamp;
use crate::domain::wording::Speaking;
use crate::error::Result;

text_column!(Speaking);

/// What waits.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = proposal)]
pub struct Proposal {
    pub ticket_id: TicketId,
    /// Of the entry that has its text and its author.
    pub seq: i64,
    pub what: Speaking,
    /// The note that the customer is to read.
    pub note_seq: Option<i64>,
    /// What it promises once it goes out.
    pub next_update_at: Option<Timestamp>,
    pub proposed_at: Timestamp,
    /// For which other of the customers who were hit; `None`: as ever.
    pub customer_id: Option<CustomerId>,
}

pub fn insert(tx: &mut Tx, new: &Proposal) -> Result<()> {
    diesel::insert_into(proposal::table)
        .values(new)
        .execute(&mut **tx)?;
    Ok(())
}

/// It waits no more; whether it did.
pub fn settle(tx: &mut Tx, ticket: TicketId, seq: i64) -> Result<bool> {
    let gone = diesel::delete(proposal::table.find((ticket, seq))).execute(&mut **tx)?;
    Ok(gone > 0)
}

pub fn by_seq(conn: &mut Conn, ticket: TicketId, seq: i64) -> Result<Option<Proposal>> {
    Ok(proposal::table
        .find((ticket, seq))
        .select(Proposal::as_select())
        .get_result(conn)
        .optional()?)
}

/// What waits on a ticket, oldest first.
pub fn of_ticket(conn: &mut Conn, ticket: TicketId) -> Result<Vec<Proposal>> {
    Ok(proposal::table
        .filter(proposal::ticket_id.eq(ticket))
        .order(proposal::seq)
        .select(Proposal::as_select())
        .load(conn)?)
}

/// Everything that waits, oldest first.
pub fn waiting(conn: &mut Conn, most: i64) -> Result<Vec<Proposal>> {
    Ok(proposal::table
        .order((proposal::proposed_at, proposal::ticket_id, proposal::seq))
        .limit(most)
        .select(Proposal::as_select())
        .load(conn)?)
}
