//! Mails as the search finds them: those on no timeline.

use diesel::prelude::*;

use super::backend::Conn;
use super::intake::{Row, StoredMail, mails};
use super::schema::mail::mail;
use crate::domain::id::MailId;
use crate::domain::intake::MailState;
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
