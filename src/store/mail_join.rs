//! Mails that ask to join a ticket: which ones wait, and which are due.

use diesel::prelude::*;

use super::Conn;
use super::intake::{Row, StoredMail, mails};
use super::schema::mail::mail;
use crate::domain::id::{MailId, TicketId};
use crate::domain::intake::Verdict;
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
