//! Mails that look alike: copies of one mail that came by several ways, and different mails under one Message-ID.

use diesel::prelude::*;

use super::Conn;
use super::intake::StoredMail;
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
        .filter(mail::id.ne(of.id))
        .filter(
            mail::verdict
                .is_null()
                .or(mail::verdict.ne(Verdict::Duplicate)),
        )
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
