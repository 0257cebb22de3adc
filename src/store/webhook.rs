//! Who is told by outgoing webhooks.

use diesel::prelude::*;

use super::schema::api::webhook;
use super::{Conn, Tx};
use crate::domain::id::HookId;
use crate::domain::timestamp::Timestamp;
use crate::domain::webhook::{Events, Webhook};
use crate::error::{Error, Result};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = webhook)]
struct Row {
    id: HookId,
    name: String,
    url: String,
    secret: String,
    events: String,
    is_enabled: bool,
    made_at: Timestamp,
    version: i64,
}

impl Row {
    fn of(hook: &Webhook) -> Self {
        Row {
            id: hook.id,
            name: hook.name.clone(),
            url: hook.url.clone(),
            secret: hook.secret.clone(),
            events: hook.events.text(),
            is_enabled: hook.is_enabled,
            made_at: hook.made_at,
            version: hook.version,
        }
    }

    fn hook(self) -> Webhook {
        Webhook {
            id: self.id,
            name: self.name,
            url: self.url,
            secret: self.secret,
            events: Events::from_text(&self.events),
            is_enabled: self.is_enabled,
            made_at: self.made_at,
            version: self.version,
        }
    }
}

/// Oldest first.
pub fn all(conn: &mut Conn) -> Result<Vec<Webhook>> {
    let rows: Vec<Row> = webhook::table
        .order(webhook::id)
        .select(Row::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(Row::hook).collect())
}

/// Those that are told now.
pub fn enabled(conn: &mut Conn) -> Result<Vec<Webhook>> {
    let rows: Vec<Row> = webhook::table
        .filter(webhook::is_enabled.eq(true))
        .order(webhook::id)
        .select(Row::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(Row::hook).collect())
}

pub fn by_id(conn: &mut Conn, id: HookId) -> Result<Option<Webhook>> {
    let row: Option<Row> = webhook::table
        .find(id)
        .select(Row::as_select())
        .get_result(conn)
        .optional()?;
    Ok(row.map(Row::hook))
}

pub fn insert(tx: &mut Tx, hook: &Webhook) -> Result<()> {
    super::version::raise(tx)?;
    diesel::insert_into(webhook::table)
        .values(Row::of(hook))
        .execute(&mut **tx)?;
    Ok(())
}

/// Writes it if nobody else has since it was read; raises its version. Else [`Error::Stale`].
pub fn update(tx: &mut Tx, hook: &mut Webhook) -> Result<()> {
    super::version::raise(tx)?;
    let read_at = hook.version;
    hook.version += 1;
    let unchanged = webhook::table
        .filter(webhook::id.eq(hook.id))
        .filter(webhook::version.eq(read_at));
    match diesel::update(unchanged)
        .set(Row::of(hook))
        .execute(&mut **tx)?
    {
        1 => Ok(()),
        _ => Err(Error::Stale),
    }
}

pub fn delete(tx: &mut Tx, id: HookId) -> Result<bool> {
    super::version::raise(tx)?;
    Ok(diesel::delete(webhook::table.find(id)).execute(&mut **tx)? > 0)
}
