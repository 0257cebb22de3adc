//! Addresses that are known on a ticket because a mail of somebody known named them.

use diesel::prelude::*;

use super::backend::{Conn, Tx, direct, insert_new};
use super::schema::mail::mail_named;
use crate::domain::id::TicketId;
use crate::error::Result;

/// Remembers that a mail of somebody known named this folded address.
pub fn name_on_ticket(tx: &mut Tx, ticket: TicketId, address: &str) -> Result<()> {
    let row = (
        mail_named::ticket_id.eq(ticket),
        mail_named::address.eq(address),
    );
    insert_new!(tx, mail_named::table, row)?;
    Ok(())
}

/// Whoever is known on `from` is known on `to` as well.
pub fn name_all_on(tx: &mut Tx, from: TicketId, to: TicketId) -> Result<()> {
    let named: Vec<String> = mail_named::table
        .filter(mail_named::ticket_id.eq(from))
        .select(mail_named::address)
        .load(&mut **tx)?;
    for address in named {
        name_on_ticket(tx, to, &address)?;
    }
    Ok(())
}

pub fn is_named(conn: &mut Conn, ticket: TicketId, address: &str) -> Result<bool> {
    let found: Option<String> = direct!(conn, |own| mail_named::table
        .find((ticket, address.to_owned()))
        .select(mail_named::address)
        .get_result(own))
    .optional()?;
    Ok(found.is_some())
}
