//! Addresses that are known on a ticket because a mail of somebody known named them.

use diesel::prelude::*;

use super::schema::mail::mail_named;
use super::{Conn, Tx, statement};
use crate::domain::id::TicketId;
use crate::error::{Result, is_unique_violation};

/// Remembers that a mail of somebody known named this folded address.
pub fn name_on_ticket(tx: &mut Tx, ticket: TicketId, address: &str) -> Result<()> {
    if !is_named(tx, ticket, address)? {
        let inserted = statement(tx, |tx| {
            diesel::insert_into(mail_named::table)
                .values((
                    mail_named::ticket_id.eq(ticket),
                    mail_named::address.eq(address),
                ))
                .execute(&mut **tx)?;
            Ok(())
        });
        match inserted {
            Err(error) if !is_unique_violation(&error) => return Err(error),
            _ => {}
        }
    }
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
    let found: Option<String> = mail_named::table
        .find((ticket, address.to_owned()))
        .select(mail_named::address)
        .get_result(conn)
        .optional()?;
    Ok(found.is_some())
}
