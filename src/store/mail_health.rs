//! Whether mail flows: when some last came in, what is held, and what can't leave.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::backend::Conn;
use super::schema::core::delivery;
use super::schema::mail::mail;
use crate::domain::delivery::{Channel, DeliveryState};
use crate::domain::id::MailId;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// When the last mail came in at or before `until`.
pub fn last_until(conn: &mut Conn, until: Timestamp) -> Result<Option<Timestamp>> {
    Ok(mail::table
        .filter(mail::received_at.le(until))
        .order(mail::received_at.desc())
        .select(mail::received_at)
        .first(conn)
        .optional()?)
}

/// How many letters were tried, wait for their next try, and were queued before `before`; counting stops at `most`.
pub fn stuck(conn: &mut Conn, before: Timestamp, most: i64) -> Result<i64> {
    let waiting: Vec<Timestamp> = delivery::table
        .filter(delivery::state.eq(DeliveryState::Queued))
        .filter(delivery::channel.eq(Channel::Mail))
        .filter(delivery::attempts.gt(0))
        .filter(delivery::queued_at.le(before))
        .select(delivery::queued_at)
        .limit(most)
        .load(conn)?;
    Ok(waiting.len() as i64)
}

/// How many mails are held that somebody is to look at.
pub fn held(conn: &mut Conn) -> Result<i64> {
    Ok(mail::table
        // Written out: for a value that is only known later no partial index is sure to be used.
        .filter(sql::<Bool>("state = 'held' AND NOT is_quiet"))
        .count()
        .get_result(conn)?)
}

/// Whether a mail of this block that came at or after `since` was shown as held; it may have been looked at meanwhile.
pub fn was_shown(conn: &mut Conn, pattern: &str, since: Timestamp) -> Result<bool> {
    let shown: Option<MailId> = mail::table
        .filter(sql::<Bool>("held_for = 'blocked' AND NOT is_quiet"))
        .filter(mail::detail.eq(pattern))
        .filter(mail::received_at.ge(since))
        .select(mail::id)
        .first(conn)
        .optional()?;
    Ok(shown.is_some())
}
