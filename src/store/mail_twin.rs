//! Mails that look alike: copies of one mail that came by several ways, and different mails under one Message-ID.

use diesel::prelude::*;

use super::Conn;
use super::intake::{Row, StoredMail, mails};
use super::schema::mail::mail;
use crate::domain::id::{MailId, TicketId};
use crate::domain::intake::Verdict;
use crate::error::{Error, Result};

/// Rows that are looked at: a page shows no more.
const MOST: i64 = 20;

/// Where the copies of a mail were delivered to, each address once.
pub fn copies_came_to(conn: &mut Conn, of: MailId) -> Result<Vec<String>> {
    let lists: Vec<String> = mail::table
        .filter(mail::duplicate_of.eq(of))
        .order((mail::received_at, mail::id))
        .limit(MOST)
        .select(mail::envelope_to)
        .load(conn)?;
    let mut all: Vec<String> = Vec::new();
    for list in lists {
        let addresses: Vec<String> = serde_json::from_str(&list)
            .map_err(|error| Error::internal(format!("recipients of a copy of {of}: {error}")))?;
        for address in addresses {
            if !all.contains(&address) {
                all.push(address);
            }
        }
    }
    Ok(all)
}

/// The copies of a mail that opened a ticket of their own, where an address asked for one.
pub fn with_own_tickets(conn: &mut Conn, of: MailId) -> Result<Vec<StoredMail>> {
    mails(
        mail::table
            .filter(mail::duplicate_of.eq(of))
            .filter(mail::verdict.eq(Verdict::Opened))
            .order((mail::received_at, mail::id))
            .limit(MOST)
            .select(Row::as_select())
            .load(conn)?,
    )
}

/// The other tickets that a mail opened which opened this one by this entry: text that goes from one may stand on those.
pub fn other_tickets(conn: &mut Conn, ticket: TicketId, seq: i64) -> Result<Vec<TicketId>> {
    let rows: Vec<(MailId, Option<MailId>)> = mail::table
        .filter(mail::ticket_id.eq(ticket))
        .filter(mail::entry_seq.eq(seq))
        .select((mail::id, mail::duplicate_of))
        .load(conn)?;
    let firsts: Vec<MailId> = rows.iter().map(|(id, of)| of.unwrap_or(*id)).collect();
    let others: Vec<Option<TicketId>> = mail::table
        .filter(
            mail::id
                .eq_any(&firsts)
                .or(mail::duplicate_of.eq_any(&firsts)),
        )
        .filter(mail::ticket_id.ne(ticket))
        .select(mail::ticket_id)
        .distinct()
        .load(conn)?;
    Ok(others.into_iter().flatten().collect())
}

/// Other mails, not copies, with the same Message-ID: their sender's program gives one id to several.
pub fn under_the_same_id(conn: &mut Conn, of: &StoredMail) -> Result<Vec<MailId>> {
    let Some(id) = &of.message_id else {
        return Ok(Vec::new());
    };
    if of.verdict == Some(Verdict::Duplicate) {
        return Ok(Vec::new());
    }
    Ok(mail::table
        .filter(mail::message_id.eq(id))
        .filter(mail::id.ne(of.duplicate_of.unwrap_or(of.id)))
        .filter(mail::duplicate_of.is_null())
        .order((mail::received_at, mail::id))
        .limit(MOST)
        .select(mail::id)
        .load(conn)?)
}

/// Whether a mail of the ticket carried something of ours that wasn't genuine.
pub fn has_forged(conn: &mut Conn, ticket: TicketId) -> Result<bool> {
    let found: Option<MailId> = mail::table
        .filter(mail::ticket_id.eq(ticket))
        .filter(mail::detail.eq("forged"))
        .select(mail::id)
        .first(conn)
        .optional()?;
    Ok(found.is_some())
}
