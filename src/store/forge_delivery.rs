//! What the webhooks of forges brought: a durable queue, and the memory that takes each delivery once.

use diesel::prelude::*;

use super::schema::forge::forge_delivery;
use super::{Conn, Tx};
use crate::domain::forge::{Delivery, Doubt, ToldMove, Verdict};
use crate::domain::git::Oid;
use crate::domain::id::{ForgeDeliveryId, RepositoryId};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = forge_delivery)]
struct Row {
    id: ForgeDeliveryId,
    repository_id: RepositoryId,
    delivery_id: Option<String>,
    event: String,
    verdict: Verdict,
    reason: Option<Doubt>,
    pusher: Option<String>,
    moves: String,
    received_at: Timestamp,
    settled_at: Option<Timestamp>,
}

impl Row {
    fn delivery(self) -> Delivery {
        Delivery {
            id: self.id,
            repository: self.repository_id,
            delivery_id: self.delivery_id,
            event: self.event,
            verdict: self.verdict,
            doubt: self.reason,
            pusher: self.pusher,
            moves: self.moves.lines().filter_map(move_of).collect(),
            received_at: self.received_at,
            settled_at: self.settled_at,
        }
    }
}

/// `before after ref`; what is no id stands for no commit.
fn move_of(line: &str) -> Option<ToldMove> {
    let mut words = line.splitn(3, ' ');
    let (before, after) = (Oid::parse(words.next()?), Oid::parse(words.next()?));
    Some(ToldMove {
        name: words.next()?.to_owned(),
        before,
        after,
    })
}

fn line_of(told: &ToldMove) -> String {
    let id = |oid: &Option<Oid>| oid.as_ref().map_or("-", Oid::as_str).to_owned();
    format!("{} {} {}", id(&told.before), id(&told.after), told.name)
}

/// Keeps a delivery. Fails with a unique violation if its id is known.
pub fn insert(tx: &mut Tx, new: &Delivery) -> Result<()> {
    let moves: Vec<String> = new.moves.iter().map(line_of).collect();
    diesel::insert_into(forge_delivery::table)
        .values(Row {
            id: new.id,
            repository_id: new.repository,
            delivery_id: new.delivery_id.clone(),
            event: new.event.clone(),
            verdict: new.verdict,
            reason: new.doubt,
            pusher: new.pusher.clone(),
            moves: moves.join("\n"),
            received_at: new.received_at,
            settled_at: new.settled_at,
        })
        .execute(&mut **tx)?;
    Ok(())
}

pub fn is_known(conn: &mut Conn, of: RepositoryId, delivery_id: &str) -> Result<bool> {
    let count: i64 = forge_delivery::table
        .filter(forge_delivery::repository_id.eq(of))
        .filter(forge_delivery::delivery_id.eq(delivery_id))
        .count()
        .get_result(conn)?;
    Ok(count > 0)
}

/// Whether one was refused for this reason since then.
pub fn was_refused(
    conn: &mut Conn,
    of: RepositoryId,
    doubt: Doubt,
    since: Timestamp,
) -> Result<bool> {
    let count: i64 = forge_delivery::table
        .filter(forge_delivery::repository_id.eq(of))
        .filter(forge_delivery::received_at.gt(since))
        .filter(forge_delivery::verdict.eq(Verdict::Refused))
        .filter(forge_delivery::reason.eq(doubt))
        .count()
        .get_result(conn)?;
    Ok(count > 0)
}

/// Those that wait, in the order in which they came.
pub fn waiting(conn: &mut Conn, of: RepositoryId, most: i64) -> Result<Vec<Delivery>> {
    let rows: Vec<Row> = forge_delivery::table
        .filter(forge_delivery::repository_id.eq(of))
        .filter(forge_delivery::settled_at.is_null())
        .order((forge_delivery::received_at, forge_delivery::id))
        .limit(most)
        .select(Row::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(Row::delivery).collect())
}

/// It was looked at, and what it told is recorded as far as it holds.
pub fn settle(tx: &mut Tx, id: ForgeDeliveryId, now: Timestamp) -> Result<()> {
    diesel::update(forge_delivery::table.find(id))
        .set((
            forge_delivery::verdict.eq(Verdict::Taken),
            forge_delivery::settled_at.eq(now),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// The newest, newest first.
pub fn latest(conn: &mut Conn, of: RepositoryId, most: i64) -> Result<Vec<Delivery>> {
    let rows: Vec<Row> = forge_delivery::table
        .filter(forge_delivery::repository_id.eq(of))
        .order((
            forge_delivery::received_at.desc(),
            forge_delivery::id.desc(),
        ))
        .limit(most)
        .select(Row::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(Row::delivery).collect())
}

/// When the oldest of all came.
pub fn oldest(conn: &mut Conn) -> Result<Option<Timestamp>> {
    Ok(forge_delivery::table
        .select(diesel::dsl::min(forge_delivery::received_at))
        .get_result(conn)?)
}

/// Forgets what came before `before` and waits for nothing; at most so many. How many there were.
pub fn sweep(tx: &mut Tx, before: Timestamp, most: i64) -> Result<usize> {
    let old: Vec<ForgeDeliveryId> = forge_delivery::table
        .filter(forge_delivery::received_at.lt(before))
        .filter(forge_delivery::settled_at.is_not_null())
        .limit(most)
        .select(forge_delivery::id)
        .load(&mut **tx)?;
    let gone = forge_delivery::table.filter(forge_delivery::id.eq_any(old));
    Ok(diesel::delete(gone).execute(&mut **tx)?)
}
