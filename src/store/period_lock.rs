//! Locked periods.

use diesel::prelude::*;

use super::schema::sla::period_lock;
use super::{Conn, Tx};
use crate::domain::id::{CustomerId, PeriodLockId};
use crate::domain::period_lock::PeriodLock;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = period_lock)]
struct Row {
    id: PeriodLockId,
    from_at: Timestamp,
    until_at: Timestamp,
    customer_id: Option<CustomerId>,
    reason: String,
    made_by: String,
    made_at: Timestamp,
}

impl Row {
    fn lock(self) -> PeriodLock {
        PeriodLock {
            id: self.id,
            from_at: self.from_at,
            until_at: self.until_at,
            customer_id: self.customer_id,
            reason: self.reason,
            made_by: self.made_by,
            made_at: self.made_at,
        }
    }
}

pub fn insert(tx: &mut Tx, lock: &PeriodLock) -> Result<()> {
    let row = Row {
        id: lock.id,
        from_at: lock.from_at,
        until_at: lock.until_at,
        customer_id: lock.customer_id,
        reason: lock.reason.clone(),
        made_by: lock.made_by.clone(),
        made_at: lock.made_at,
    };
    diesel::insert_into(period_lock::table)
        .values(row)
        .execute(&mut **tx)?;
    Ok(())
}

/// The locks in which an outcome of `customer` (`None`: the house) at `at` stands: everybody's and their own, by when they begin.
pub fn covering(
    conn: &mut Conn,
    customer: Option<CustomerId>,
    at: Timestamp,
) -> Result<Vec<PeriodLock>> {
    let rows: Vec<Row> = period_lock::table
        .filter(period_lock::until_at.gt(at))
        .filter(period_lock::from_at.le(at))
        .order((period_lock::from_at, period_lock::id))
        .select(Row::as_select())
        .load(conn)?;
    let locks = rows.into_iter().map(Row::lock);
    Ok(locks.filter(|lock| lock.covers(customer, at)).collect())
}

/// All of them, by when they begin: one or two a month and customer in a real house.
pub fn all(conn: &mut Conn) -> Result<Vec<PeriodLock>> {
    let rows: Vec<Row> = period_lock::table
        .order((period_lock::from_at, period_lock::id))
        .select(Row::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(Row::lock).collect())
}

pub fn by_id(conn: &mut Conn, id: PeriodLockId) -> Result<Option<PeriodLock>> {
    let row: Option<Row> = period_lock::table
        .find(id)
        .select(Row::as_select())
        .get_result(conn)
        .optional()?;
    Ok(row.map(Row::lock))
}

/// Takes a lock back. That somebody did, and why, is for the audit.
pub fn remove(tx: &mut Tx, id: PeriodLockId) -> Result<bool> {
    Ok(diesel::delete(period_lock::table.find(id)).execute(&mut **tx)? > 0)
}
