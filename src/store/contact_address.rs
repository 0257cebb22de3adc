//! The addresses of contacts, what is known of each, and the tickets that answer to one.

use std::collections::HashMap;

use diesel::prelude::*;

use super::backend::direct;
use super::bouncing::{self, Bouncing};
use super::people::stored_address;
use super::schema::accounts::address;
use super::schema::core::ticket;
use super::{Conn, Tx};
use crate::domain::id::{ContactId, TicketId};
use crate::domain::text::EmailAddress;
use crate::domain::ticket::State;
use crate::error::Result;

/// One address of a contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactAddress {
    pub email: EmailAddress,
    /// Letters go here, where nobody asked for another.
    pub is_main: bool,
    /// Letters to it came back for good, and nobody wrote from there since.
    pub bouncing: Option<Bouncing>,
}

/// All addresses of these contacts, of each the main one first.
pub fn of_contacts(
    conn: &mut Conn,
    contacts: &[ContactId],
) -> Result<HashMap<ContactId, Vec<ContactAddress>>> {
    let mut rows: Vec<(ContactId, String, String, bool)> = address::table
        .filter(address::contact_id.eq_any(contacts))
        .select((
            address::contact_id.assume_not_null(),
            address::folded,
            address::email,
            address::is_main,
        ))
        .load(conn)?;
    // The two databases collate differently.
    rows.sort_by(|one, other| (!one.3, &one.1).cmp(&(!other.3, &other.1)));
    let all: Vec<String> = rows.iter().map(|(_, folded, ..)| folded.clone()).collect();
    let mut marked: HashMap<String, Bouncing> = bouncing::of(conn, &all)?
        .into_iter()
        .map(|mark| (mark.address.clone(), mark))
        .collect();
    let mut found: HashMap<ContactId, Vec<ContactAddress>> = HashMap::new();
    for (contact, folded, email, is_main) in rows {
        found.entry(contact).or_default().push(ContactAddress {
            email: stored_address(&email)?,
            is_main,
            bouncing: marked.remove(&folded),
        });
    }
    Ok(found)
}

/// As [`of_contacts`], of one.
pub fn of_contact(conn: &mut Conn, contact: ContactId) -> Result<Vec<ContactAddress>> {
    let mut found = of_contacts(conn, &[contact])?;
    Ok(found.remove(&contact).unwrap_or_default())
}

/// Takes an address off whoever has it: nobody's from now on.
pub fn remove(tx: &mut Tx, email: &EmailAddress) -> Result<()> {
    diesel::delete(address::table.find(email.folded())).execute(&mut **tx)?;
    Ok(())
}

/// This contact's tickets that are open, or that a reply would reopen, and that answer to this address instead of their main one.
pub fn answering_to(
    conn: &mut Conn,
    contact: ContactId,
    email: &EmailAddress,
) -> Result<Vec<TicketId>> {
    let rows: Vec<(TicketId, Option<String>)> = direct!(conn, |own| ticket::table
        .filter(ticket::requester_id.eq(contact))
        .filter(ticket::requester_address.is_not_null())
        .filter(
            ticket::is_open
                .eq(true)
                .or(ticket::state.eq(State::Resolved)),
        )
        .order(ticket::id)
        .select((ticket::id, ticket::requester_address))
        .load(own))?;
    let folded = email.folded();
    let is_there = |at: &Option<String>| at.as_ref().is_some_and(|at| at.to_lowercase() == folded);
    let there = rows.into_iter().filter(|(_, at)| is_there(at));
    Ok(there.map(|(id, _)| id).collect())
}
