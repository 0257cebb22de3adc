//! Mails as they are found again: by the search those on no timeline, from an entry the one behind it.

use std::collections::HashMap;

use diesel::prelude::*;

use super::backend::Conn;
use super::intake::{Row, StoredMail, mails};
use super::schema::mail::mail;
use super::timeline::facts_of;
use crate::domain::id::{MailId, TicketId};
use crate::domain::intake::{MailState, Verdict};
use crate::error::Result;

/// Settled or held mails that became no entry of a timeline and repeat none, by id; those after `after`.
pub fn on_no_timeline(
    conn: &mut Conn,
    after: Option<MailId>,
    most: i64,
) -> Result<Vec<StoredMail>> {
    let mut found = mail::table
        .filter(mail::entry_seq.is_null())
        .filter(mail::duplicate_of.is_null())
        .filter(mail::state.ne(MailState::Waiting))
        .order(mail::id)
        .limit(most)
        .select(Row::as_select())
        .into_boxed();
    if let Some(after) = after {
        found = found.filter(mail::id.gt(after));
    }
    mails(found.load(conn)?)
}

pub fn by_ids(conn: &mut Conn, ids: &[MailId]) -> Result<Vec<StoredMail>> {
    let rows = mail::table
        .filter(mail::id.eq_any(ids.to_vec()))
        .order((mail::received_at.desc(), mail::id.desc()))
        .select(Row::as_select())
        .load(conn)?;
    mails(rows)
}

/// What stands behind an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind {
    pub mail: MailId,
    /// The note that has its text as it reads in a character set that somebody chose.
    pub reread_seq: Option<i64>,
}

/// Which mail stands behind an entry of the ticket, by the entry's number.
pub fn behind_entries(conn: &mut Conn, ticket: TicketId) -> Result<HashMap<i64, Behind>> {
    let rows: Vec<(Option<i64>, MailId, String)> = mail::table
        .filter(mail::ticket_id.eq(ticket))
        .filter(mail::entry_seq.is_not_null())
        .filter(mail::verdict.ne(Verdict::Duplicate))
        .select((mail::entry_seq, mail::id, mail::because))
        .load(conn)?;
    let known = rows.into_iter().filter_map(|(seq, mail, because)| {
        let reread_seq = facts_of(&because).get("reread_seq").map(str::parse);
        let reread_seq = reread_seq.and_then(|seq| seq.ok());
        Some((seq?, Behind { mail, reread_seq }))
    });
    Ok(known.collect())
}
