//! Which tickets have to do with which.

use diesel::prelude::*;

use super::backend::{Conn, Tx};
use super::column::text_column;
use super::schema::core::ticket_link;
use crate::domain::id::TicketId;
use crate::domain::ticket::Relation;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

text_column!(Relation);

/// Links `from` to `to`; whether it was new.
pub fn link(
    tx: &mut Tx,
    from: TicketId,
    relation: Relation,
    to: TicketId,
    now: Timestamp,
) -> Result<bool> {
    let known: i64 = ticket_link::table
        .filter(ticket_link::from_id.eq(from))
        .filter(ticket_link::to_id.eq(to))
        .filter(ticket_link::relation.eq(relation))
        .count()
        .get_result(&mut **tx)?;
    if known > 0 {
        return Ok(false);
    }
    diesel::insert_into(ticket_link::table)
        .values((
            ticket_link::from_id.eq(from),
            ticket_link::to_id.eq(to),
            ticket_link::relation.eq(relation),
            ticket_link::made_at.eq(now),
        ))
        .execute(&mut **tx)?;
    Ok(true)
}

pub fn unlink(tx: &mut Tx, from: TicketId, relation: Relation, to: TicketId) -> Result<bool> {
    let row = ticket_link::table
        .filter(ticket_link::from_id.eq(from))
        .filter(ticket_link::to_id.eq(to))
        .filter(ticket_link::relation.eq(relation));
    Ok(diesel::delete(row).execute(&mut **tx)? > 0)
}

/// A link as seen from one of its tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    pub relation: Relation,
    /// This ticket is the `from` of the relation.
    pub outgoing: bool,
    pub other: TicketId,
}

pub fn links(conn: &mut Conn, of: TicketId) -> Result<Vec<Link>> {
    let out: Vec<(TicketId, Relation)> = ticket_link::table
        .filter(ticket_link::from_id.eq(of))
        .order(ticket_link::made_at)
        .select((ticket_link::to_id, ticket_link::relation))
        .load(conn)?;
    let back: Vec<(TicketId, Relation)> = ticket_link::table
        .filter(ticket_link::to_id.eq(of))
        .order(ticket_link::made_at)
        .select((ticket_link::from_id, ticket_link::relation))
        .load(conn)?;
    let link = |outgoing| {
        move |(other, relation)| Link {
            relation,
            outgoing,
            other,
        }
    };
    Ok(out
        .into_iter()
        .map(link(true))
        .chain(back.into_iter().map(link(false)))
        .collect())
}
