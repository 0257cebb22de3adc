//! Mails that ask to join a ticket: which ones wait, and which are due.

use std::collections::HashMap;

use diesel::prelude::*;

use super::backend::{Conn, Tx, direct};
use super::intake::{Row, StoredMail, mails};
use super::schema::mail::mail;
use crate::domain::id::{MailId, TicketId};
use crate::domain::intake::Verdict;
use crate::domain::mail_join::Asked;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// The mails that ask to join a ticket and weren't answered, those that are due first before the others; at most ten.
pub fn of_ticket(conn: &mut Conn, ticket: TicketId) -> Result<Vec<StoredMail>> {
    mails(
        mail::table
            .filter(mail::ticket_id.eq(ticket))
            .filter(mail::verdict.eq(Verdict::JoinRequest))
            .order((mail::join_due_at, mail::id))
            .limit(10)
            .select(Row::as_select())
            .load(conn)?,
    )
}

/// The request to join this ticket that is to be answered before the others.
pub fn soonest(conn: &mut Conn, ticket: TicketId) -> Result<Option<Asked>> {
    let found: Option<(Timestamp, Option<Timestamp>)> = direct!(conn, |own| mail::table
        .filter(mail::ticket_id.eq(ticket))
        .filter(mail::join_due_at.is_not_null())
        .order((mail::join_due_at, mail::id))
        .select((mail::received_at, mail::join_due_at))
        .first(own))
    .optional()?;
    Ok(found.and_then(|(from, until)| until.map(|until| Asked { from, until })))
}

/// The same of each of these tickets that has one.
pub fn soonest_of(conn: &mut Conn, tickets: &[TicketId]) -> Result<HashMap<TicketId, Asked>> {
    let rows: Vec<(Option<TicketId>, Timestamp, Option<Timestamp>)> = mail::table
        .filter(mail::ticket_id.eq_any(tickets.to_vec()))
        .filter(mail::join_due_at.is_not_null())
        .order((mail::join_due_at, mail::id))
        .select((mail::ticket_id, mail::received_at, mail::join_due_at))
        .load(conn)?;
    let mut soonest = HashMap::new();
    for (ticket, from, until) in rows {
        if let (Some(ticket), Some(until)) = (ticket, until) {
            soonest.entry(ticket).or_insert(Asked { from, until });
        }
    }
    Ok(soonest)
}

/// Where a ticket goes on in another one, whoever asks to join it asks to join that one.
pub fn ask_of(tx: &mut Tx, ticket: TicketId, other: TicketId) -> Result<()> {
    let asking = mail::table
        .filter(mail::ticket_id.eq(ticket))
        .filter(mail::join_due_at.is_not_null());
    diesel::update(asking)
        .set(mail::ticket_id.eq(other))
        .execute(&mut **tx)?;
    Ok(())
}

/// All that ask, those that are due first before the others.
pub fn ahead(conn: &mut Conn, most: i64) -> Result<Vec<StoredMail>> {
    mails(
        mail::table
            .filter(mail::join_due_at.is_not_null())
            .order((mail::join_due_at, mail::id))
            .limit(most)
            .select(Row::as_select())
            .load(conn)?,
    )
}

/// Requests that nobody answered in time.
pub fn due(conn: &mut Conn, now: Timestamp, most: i64) -> Result<Vec<MailId>> {
    Ok(mail::table
        .filter(mail::join_due_at.le(now))
        .order((mail::join_due_at, mail::id))
        .limit(most)
        .select(mail::id)
        .load(conn)?)
}

/// Requests of which somebody is to be warned.
pub fn to_warn(conn: &mut Conn, now: Timestamp, most: i64) -> Result<Vec<MailId>> {
    Ok(mail::table
        .filter(mail::join_warn_at.le(now))
        .order((mail::join_warn_at, mail::id))
        .limit(most)
        .select(mail::id)
        .load(conn)?)
}
