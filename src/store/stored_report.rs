//! Reports of locked periods as they were when the period was locked: their hash, and the bytes of each form.

use chrono::NaiveDate;
use chrono_tz::Tz;
use diesel::prelude::*;

use super::blob::{self, Hash};
use super::people::stored_zone;
use super::schema::reports::{locked_days, stored_report, stored_report_file};
use super::{Conn, Tx};
use crate::domain::id::{CustomerId, PeriodLockId, ReportId};
use crate::domain::sla_report::Period;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};

/// One stored report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub id: ReportId,
    pub lock: PeriodLockId,
    /// `None`: the house's.
    pub customer: Option<CustomerId>,
    pub period: Period,
    /// The report's own hash.
    pub content_hash: String,
    pub made_at: Timestamp,
    /// The lock was taken back then: the report is history.
    pub undone_at: Option<Timestamp>,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = stored_report, treat_none_as_default_value = false)]
struct Row {
    id: ReportId,
    lock_id: PeriodLockId,
    customer_id: Option<CustomerId>,
    from_on: String,
    to_on: String,
    zone: String,
    content_hash: String,
    made_at: Timestamp,
    undone_at: Option<Timestamp>,
}

impl Row {
    fn of(stored: &Stored) -> Self {
        Row {
            id: stored.id,
            lock_id: stored.lock,
            customer_id: stored.customer,
            from_on: stored.period.from_on.to_string(),
            to_on: stored.period.to_on.to_string(),
            zone: stored.period.zone.name().to_owned(),
            content_hash: stored.content_hash.clone(),
            made_at: stored.made_at,
            undone_at: stored.undone_at,
        }
    }

    fn stored(self) -> Result<Stored> {
        Ok(Stored {
            id: self.id,
            lock: self.lock_id,
            customer: self.customer_id,
            period: days(&self.from_on, &self.to_on, &self.zone)?,
            content_hash: self.content_hash,
            made_at: self.made_at,
            undone_at: self.undone_at,
        })
    }
}

fn days(from_on: &str, to_on: &str, zone: &str) -> Result<Period> {
    let day = |text: &str| {
        text.parse::<NaiveDate>()
            .map_err(|_| Error::internal(format!("a stored period: {text}")))
    };
    let zone: Tz = stored_zone(zone)?;
    Ok(Period {
        from_on: day(from_on)?,
        to_on: day(to_on)?,
        zone,
    })
}

/// Keeps the days and the zone that a lock was set for: its reports are still to be stored.
pub fn expect(tx: &mut Tx, lock: PeriodLockId, period: &Period) -> Result<()> {
    diesel::insert_into(locked_days::table)
        .values((
            locked_days::lock_id.eq(lock),
            locked_days::from_on.eq(period.from_on.to_string()),
            locked_days::to_on.eq(period.to_on.to_string()),
            locked_days::zone.eq(period.zone.name()),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// A lock whose reports are still to be stored, the oldest first.
pub fn expected(conn: &mut Conn) -> Result<Option<(PeriodLockId, Period)>> {
    let row: Option<(PeriodLockId, String, String, String)> = locked_days::table
        .filter(locked_days::stored_at.is_null())
        .order(locked_days::lock_id)
        .select((
            locked_days::lock_id,
            locked_days::from_on,
            locked_days::to_on,
            locked_days::zone,
        ))
        .first(conn)
        .optional()?;
    row.map(|(lock, from, to, zone)| Ok((lock, days(&from, &to, &zone)?)))
        .transpose()
}

/// The days that each lock was set for.
pub fn days_of(conn: &mut Conn) -> Result<Vec<(PeriodLockId, Period, Option<Timestamp>)>> {
    let rows: Vec<(PeriodLockId, String, String, String, Option<Timestamp>)> = locked_days::table
        .order(locked_days::lock_id)
        .select((
            locked_days::lock_id,
            locked_days::from_on,
            locked_days::to_on,
            locked_days::zone,
            locked_days::stored_at,
        ))
        .load(conn)?;
    rows.into_iter()
        .map(|(lock, from, to, zone, at)| Ok((lock, days(&from, &to, &zone)?, at)))
        .collect()
}

/// All reports of a lock are stored.
pub fn fulfil(tx: &mut Tx, lock: PeriodLockId, now: Timestamp) -> Result<()> {
    diesel::update(locked_days::table.find(lock))
        .set(locked_days::stored_at.eq(Some(now)))
        .execute(&mut **tx)?;
    Ok(())
}

/// Writes a report with its forms, whose bytes are stored already.
pub fn insert(tx: &mut Tx, stored: &Stored, files: &[(&str, Hash)]) -> Result<()> {
    diesel::insert_into(stored_report::table)
        .values(Row::of(stored))
        .execute(&mut **tx)?;
    for (format, hash) in files {
        diesel::insert_into(stored_report_file::table)
            .values((
                stored_report_file::report_id.eq(stored.id),
                stored_report_file::format.eq(*format),
                stored_report_file::hash.eq(hash.0.to_vec()),
            ))
            .execute(&mut **tx)?;
    }
    Ok(())
}

/// The report of exactly this period that stands; none after its lock was taken back.
pub fn standing(
    conn: &mut Conn,
    customer: Option<CustomerId>,
    period: &Period,
) -> Result<Option<Stored>> {
    let mut query = stored_report::table
        .filter(stored_report::from_on.eq(period.from_on.to_string()))
        .filter(stored_report::to_on.eq(period.to_on.to_string()))
        .filter(stored_report::zone.eq(period.zone.name().to_owned()))
        .filter(stored_report::undone_at.is_null())
        .order(stored_report::id)
        .select(Row::as_select())
        .into_boxed();
    query = match customer {
        Some(customer) => query.filter(stored_report::customer_id.eq(customer)),
        None => query.filter(stored_report::customer_id.is_null()),
    };
    let row: Option<Row> = query.first(conn).optional()?;
    row.map(Row::stored).transpose()
}

pub fn by_id(conn: &mut Conn, id: ReportId) -> Result<Option<Stored>> {
    let row: Option<Row> = stored_report::table
        .find(id)
        .select(Row::as_select())
        .get_result(conn)
        .optional()?;
    row.map(Row::stored).transpose()
}

/// The reports made under these locks: lock by lock, the house's last.
pub fn of_locks(conn: &mut Conn, locks: &[PeriodLockId]) -> Result<Vec<Stored>> {
    let rows: Vec<Row> = stored_report::table
        .filter(stored_report::lock_id.eq_any(locks.to_vec()))
        .select(Row::as_select())
        .load(conn)?;
    let all: Result<Vec<Stored>> = rows.into_iter().map(Row::stored).collect();
    let mut all = all?;
    all.sort_by_key(|it| (it.lock, it.customer.is_none(), it.customer, it.id));
    Ok(all)
}

/// The forms of a report with the hashes of their bytes.
pub fn files(conn: &mut Conn, of: ReportId) -> Result<Vec<(String, Hash)>> {
    let rows: Vec<(String, Vec<u8>)> = stored_report_file::table
        .filter(stored_report_file::report_id.eq(of))
        .order(stored_report_file::format)
        .select((stored_report_file::format, stored_report_file::hash))
        .load(conn)?;
    rows.into_iter()
        .map(|(format, hash)| Ok((format, Hash::from_column(hash)?)))
        .collect()
}

/// The bytes of one form, and their hash; they are checked against it.
pub fn bytes(conn: &mut Conn, of: ReportId, format: &str) -> Result<Option<(Hash, Vec<u8>)>> {
    let found = files(conn, of)?
        .into_iter()
        .find(|(known, _)| known == format);
    let Some((_, hash)) = found else {
        return Ok(None);
    };
    let bytes = blob::get(conn, hash)?
        .ok_or_else(|| Error::internal("the bytes of a stored report are gone"))?;
    if Hash::of(&bytes) != hash {
        return Err(Error::internal("the bytes of a stored report were changed"));
    }
    Ok(Some((hash, bytes)))
}

/// Makes the reports of a lock history.
pub fn undo(tx: &mut Tx, lock: PeriodLockId, now: Timestamp) -> Result<()> {
    diesel::update(stored_report::table.filter(stored_report::lock_id.eq(lock)))
        .set(stored_report::undone_at.eq(Some(now)))
        .execute(&mut **tx)?;
    Ok(())
}
