//! Tickets that belong to one another: merged into one, or parts of one.

use diesel::prelude::*;

use super::Conn;
use super::schema::core::{ticket, ticket_link};
use super::ticket::{Row, by_ids};
use crate::domain::id::TicketId;
use crate::domain::ticket::{Relation, Ticket};
use crate::error::Result;

/// Tickets that go on in this one, in the order of their numbers.
pub fn merged_into(conn: &mut Conn, survivor: TicketId) -> Result<Vec<Ticket>> {
    let rows: Vec<Row> = ticket::table
        .filter(ticket::merged_into.eq(survivor))
        .order(ticket::number)
        .select(Row::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(Row::ticket).collect())
}

/// Tickets that are part of this one: opened below it, or linked so.
pub fn children(conn: &mut Conn, parent: TicketId) -> Result<Vec<Ticket>> {
    let mut ids: Vec<TicketId> = ticket_link::table
        .filter(ticket_link::from_id.eq(parent))
        .filter(ticket_link::relation.eq(Relation::ParentOf))
        .select(ticket_link::to_id)
        .load(conn)?;
    let below: Vec<TicketId> = ticket::table
        .filter(ticket::parent_id.eq(parent))
        .select(ticket::id)
        .load(conn)?;
    ids.extend(below);
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut tickets = by_ids(conn, &ids)?;
    tickets.sort_by_key(|ticket| ticket.key);
    Ok(tickets)
}
