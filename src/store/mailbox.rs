//! The mailboxes that are watched: how far each is read, which of its mails are ours already, and what went wrong.

use std::collections::HashMap;

use diesel::prelude::*;

use super::backend::{Conn, Tx, insert_new};
use super::blob::Hash;
use super::schema::mail::{mail, mailbox, mailbox_mail};
use crate::domain::id::MailId;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// How far a mailbox is read.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = mailbox)]
pub struct Standing {
    pub name: String,
    pub uid_validity: i64,
    /// Every UID below is done.
    pub next_uid: i64,
    /// What arrived earlier isn't taken: it was there before the mailbox was watched.
    pub begins_at: Option<Timestamp>,
    /// When it was last read in good order.
    pub read_at: Option<Timestamp>,
    /// What went wrong since.
    pub fault: Option<String>,
    pub fault_since: Option<Timestamp>,
}

pub fn of(conn: &mut Conn, name: &str) -> Result<Option<Standing>> {
    Ok(mailbox::table
        .find(name)
        .select(Standing::as_select())
        .get_result(conn)
        .optional()?)
}

/// These of them that were ever looked at, by name.
pub fn of_all(conn: &mut Conn, names: &[String]) -> Result<Vec<Standing>> {
    Ok(mailbox::table
        .filter(mailbox::name.eq_any(names))
        .order(mailbox::name)
        .select(Standing::as_select())
        .load(conn)?)
}

/// One that wasn't watched before. Nothing if it is known.
pub fn begin(tx: &mut Tx, name: &str) -> Result<()> {
    let row = (
        mailbox::name.eq(name),
        mailbox::uid_validity.eq(0),
        mailbox::next_uid.eq(0),
    );
    insert_new!(tx, mailbox::table, row)?;
    Ok(())
}

/// Makes `holder` the one that reads it until then; no if another one does.
pub fn hold(
    tx: &mut Tx,
    name: &str,
    holder: &str,
    now: Timestamp,
    until: Timestamp,
) -> Result<bool> {
    let free = mailbox::table.filter(mailbox::name.eq(name)).filter(
        mailbox::held_by
            .is_null()
            .or(mailbox::held_by.eq(holder).assume_not_null())
            .or(mailbox::held_until.lt(now).assume_not_null()),
    );
    let held = diesel::update(free).set((
        mailbox::held_by.eq(Some(holder)),
        mailbox::held_until.eq(Some(until)),
    ));
    Ok(held.execute(&mut **tx)? == 1)
}

/// Lets go of whatever `holder` holds.
pub fn release(tx: &mut Tx, holder: &str) -> Result<()> {
    diesel::update(mailbox::table.filter(mailbox::held_by.eq(holder)))
        .set((
            mailbox::held_by.eq(None::<String>),
            mailbox::held_until.eq(None::<Timestamp>),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// Every UID below `next_uid` is done.
pub fn set_place(tx: &mut Tx, name: &str, uid_validity: i64, next_uid: i64) -> Result<()> {
    diesel::update(mailbox::table.find(name))
        .set((
            mailbox::uid_validity.eq(uid_validity),
            mailbox::next_uid.eq(next_uid),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

pub fn set_beginning(tx: &mut Tx, name: &str, at: Option<Timestamp>) -> Result<()> {
    diesel::update(mailbox::table.find(name))
        .set(mailbox::begins_at.eq(at))
        .execute(&mut **tx)?;
    Ok(())
}

/// It was read in good order.
pub fn set_read(tx: &mut Tx, name: &str, now: Timestamp) -> Result<()> {
    diesel::update(mailbox::table.find(name))
        .set((
            mailbox::read_at.eq(Some(now)),
            mailbox::fault.eq(None::<String>),
            mailbox::fault_since.eq(None::<Timestamp>),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// Something goes wrong, since now or since longer.
pub fn set_fault(tx: &mut Tx, name: &str, fault: &str, now: Timestamp) -> Result<()> {
    diesel::update(mailbox::table.find(name))
        .set(mailbox::fault.eq(Some(fault)))
        .execute(&mut **tx)?;
    let fresh = mailbox::table
        .find(name)
        .filter(mailbox::fault_since.is_null());
    diesel::update(fresh)
        .set(mailbox::fault_since.eq(Some(now)))
        .execute(&mut **tx)?;
    Ok(())
}

/// The UIDs from `first` on that are ours already, and how large each of these mails is.
pub fn taken(
    conn: &mut Conn,
    name: &str,
    uid_validity: i64,
    first: i64,
) -> Result<HashMap<u32, i64>> {
    let rows: Vec<(i64, i64)> = mailbox_mail::table
        .inner_join(mail::table.on(mail::id.eq(mailbox_mail::mail_id)))
        .filter(mailbox_mail::mailbox.eq(name))
        .filter(mailbox_mail::uid_validity.eq(uid_validity))
        .filter(mailbox_mail::uid.ge(first))
        .select((mailbox_mail::uid, mail::size_bytes))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .filter_map(|(uid, size)| Some((u32::try_from(uid).ok()?, size)))
        .collect())
}

/// A mail of this mailbox with equal bytes and the same instant of arrival: it is that mail, whatever its UID is now.
pub fn same(conn: &mut Conn, name: &str, raw: Hash, at: Timestamp) -> Result<Option<MailId>> {
    Ok(mailbox_mail::table
        .inner_join(mail::table.on(mail::id.eq(mailbox_mail::mail_id)))
        .filter(mail::raw_hash.eq(raw.0.to_vec()))
        .filter(mail::received_at.eq(at))
        .filter(mailbox_mail::mailbox.eq(name))
        .select(mail::id)
        .first(conn)
        .optional()?)
}

/// This UID is that mail; no if it was known.
pub fn note(tx: &mut Tx, name: &str, uid_validity: i64, uid: i64, mail: MailId) -> Result<bool> {
    let row = (
        mailbox_mail::mailbox.eq(name),
        mailbox_mail::uid_validity.eq(uid_validity),
        mailbox_mail::uid.eq(uid),
        mailbox_mail::mail_id.eq(mail),
    );
    Ok(insert_new!(tx, mailbox_mail::table, row)?)
}

pub fn has(conn: &mut Conn, name: &str, uid_validity: i64, uid: i64) -> Result<bool> {
    Ok(
        diesel::select(diesel::dsl::exists(mailbox_mail::table.find((
            name,
            uid_validity,
            uid,
        ))))
        .get_result(conn)?,
    )
}
