//! Working calendars and their versions. Ranges and exceptions are JSON text, in the form of the calculator's door.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::NaiveDate;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::people::stored_zone;
use super::schema::sla::{calendar, calendar_version};
use super::{Conn, Tx};
use crate::domain::calendar::{Calendar, Exception, Range, What, When};
use crate::domain::id::CalendarId;
use crate::domain::sla_book::KnownCalendar;
use crate::domain::timestamp::Timestamp;
use crate::domain::worktime::Hours;
use crate::error::{Error, Result};

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

#[derive(Serialize, Deserialize)]
struct WeeklyJson {
    day: String,
    from: String,
    to: String,
}

#[derive(Serialize, Deserialize)]
struct ExceptionJson {
    name: String,
    when: WhenJson,
    what: WhatJson,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WhenJson {
    Once { from: NaiveDate, to: NaiveDate },
    Yearly { from: (u32, u32), to: (u32, u32) },
    NthWeekday { month: u32, nth: i8, weekday: u8 },
    Easter { days: i16 },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WhatJson {
    Closed,
    ClosedFor(Vec<String>),
    Open(Vec<String>),
}

fn weekly_json(calendar: &Calendar) -> String {
    let mut rows = Vec::new();
    for (day, ranges) in DAYS.iter().zip(calendar.weekly()) {
        for range in ranges {
            let text = range.to_string();
            let (from, to) = text.split_once('-').unwrap_or_default();
            rows.push(WeeklyJson {
                day: (*day).to_owned(),
                from: from.to_owned(),
                to: to.to_owned(),
            });
        }
    }
    json(&rows)
}

fn exceptions_json(exceptions: &[Exception]) -> String {
    let texts = |ranges: &[Range]| ranges.iter().map(Range::to_string).collect();
    let rows: Vec<ExceptionJson> = exceptions
        .iter()
        .map(|exception| ExceptionJson {
            name: exception.name.clone(),
            when: match exception.when {
                When::Once { from, to } => WhenJson::Once { from, to },
                When::Yearly { from, to } => WhenJson::Yearly { from, to },
                When::NthWeekday {
                    month,
                    nth,
                    weekday,
                } => WhenJson::NthWeekday {
                    month,
                    nth,
                    weekday,
                },
                When::Easter { days } => WhenJson::Easter { days },
            },
            what: match &exception.what {
                What::Closed => WhatJson::Closed,
                What::ClosedFor(ranges) => WhatJson::ClosedFor(texts(ranges)),
                What::Open(ranges) => WhatJson::Open(texts(ranges)),
            },
        })
        .collect();
    json(&rows)
}

fn json<T: Serialize>(rows: &T) -> String {
    serde_json::to_string(rows).expect("plain structs of texts and numbers have a JSON form")
}

fn read(zone: &str, weekly: &str, exceptions: &str) -> Result<Calendar> {
    let broken =
        |what: &dyn std::fmt::Display| Error::internal(format!("a stored calendar: {what}"));
    let weekly: Vec<WeeklyJson> = serde_json::from_str(weekly).map_err(|e| broken(&e))?;
    let exceptions: Vec<ExceptionJson> =
        serde_json::from_str(exceptions).map_err(|e| broken(&e))?;
    let range = |text: &str| Range::parse(text).map_err(|_| broken(&text));
    let mut week = Vec::new();
    for row in weekly {
        let day = DAYS
            .iter()
            .position(|day| *day == row.day)
            .ok_or_else(|| broken(&row.day))?;
        week.push((day as u8, range(&format!("{}-{}", row.from, row.to))?));
    }
    let ranges = |texts: Vec<String>| {
        texts
            .iter()
            .map(|text| range(text))
            .collect::<Result<Vec<_>>>()
    };
    let mut special = Vec::new();
    for row in exceptions {
        special.push(Exception {
            name: row.name,
            when: match row.when {
                WhenJson::Once { from, to } => When::Once { from, to },
                WhenJson::Yearly { from, to } => When::Yearly { from, to },
                WhenJson::NthWeekday {
                    month,
                    nth,
                    weekday,
                } => When::NthWeekday {
                    month,
                    nth,
                    weekday,
                },
                WhenJson::Easter { days } => When::Easter { days },
            },
            what: match row.what {
                WhatJson::Closed => What::Closed,
                WhatJson::ClosedFor(texts) => What::ClosedFor(ranges(texts)?),
                WhatJson::Open(texts) => What::Open(ranges(texts)?),
            },
        });
    }
    Calendar::new(stored_zone(zone)?, &week, special).map_err(|error| broken(&error.problem))
}

/// All calendars with all their versions, retired ones too, in the order of their making.
pub fn all(conn: &mut Conn) -> Result<Vec<KnownCalendar>> {
    let rows: Vec<(CalendarId, String, bool, i64)> = calendar::table
        .order(calendar::id)
        .select((
            calendar::id,
            calendar::name,
            calendar::is_active,
            calendar::version,
        ))
        .load(conn)?;
    let written: Vec<(CalendarId, Timestamp, String, String, String)> = calendar_version::table
        .order((calendar_version::calendar_id, calendar_version::number))
        .select((
            calendar_version::calendar_id,
            calendar_version::effective_from,
            calendar_version::zone,
            calendar_version::weekly,
            calendar_version::exceptions,
        ))
        .load(conn)?;
    let mut versions: HashMap<CalendarId, Vec<(Timestamp, Arc<Calendar>)>> = HashMap::new();
    for (id, from, zone, weekly, exceptions) in written {
        versions
            .entry(id)
            .or_default()
            .push((from, Arc::new(read(&zone, &weekly, &exceptions)?)));
    }
    let mut known = Vec::with_capacity(rows.len());
    for (id, name, is_active, version) in rows {
        let versions = versions.remove(&id).unwrap_or_default();
        let Some((_, latest)) = versions.last().cloned() else {
            return Err(Error::internal(format!("calendar {name} has no version")));
        };
        let hours = Arc::new(Hours::versions(versions));
        known.push(KnownCalendar {
            id,
            name,
            is_active,
            version,
            hours,
            latest,
        });
    }
    Ok(known)
}

/// Fails with a unique violation if another calendar has the name.
pub fn insert(
    tx: &mut Tx,
    id: CalendarId,
    name: &str,
    first: &Calendar,
    now: Timestamp,
) -> Result<()> {
    diesel::insert_into(calendar::table)
        .values((
            calendar::id.eq(id),
            calendar::name.eq(name),
            calendar::folded_name.eq(name.to_lowercase()),
            calendar::is_active.eq(true),
            calendar::made_at.eq(now),
            calendar::version.eq(1_i64),
        ))
        .execute(&mut **tx)?;
    add_version(tx, id, 1, first, now)
}

fn add_version(
    tx: &mut Tx,
    id: CalendarId,
    number: i64,
    value: &Calendar,
    now: Timestamp,
) -> Result<()> {
    diesel::insert_into(calendar_version::table)
        .values((
            calendar_version::calendar_id.eq(id),
            calendar_version::number.eq(number),
            calendar_version::effective_from.eq(now),
            calendar_version::zone.eq(value.zone().name()),
            calendar_version::weekly.eq(weekly_json(value)),
            calendar_version::exceptions.eq(exceptions_json(value.exceptions())),
            calendar_version::tzdb.eq(chrono_tz::IANA_TZDB_VERSION),
            calendar_version::made_at.eq(now),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// Writes the next version, which holds from `now` on. [`Error::Stale`] if `seen` isn't the newest.
pub fn update(
    tx: &mut Tx,
    id: CalendarId,
    seen: i64,
    name: &str,
    is_active: bool,
    value: &Calendar,
    now: Timestamp,
) -> Result<()> {
    let changed =
        diesel::update(calendar::table.filter(calendar::id.eq(id).and(calendar::version.eq(seen))))
            .set((
                calendar::name.eq(name),
                calendar::folded_name.eq(name.to_lowercase()),
                calendar::is_active.eq(is_active),
                calendar::version.eq(seen + 1),
            ))
            .execute(&mut **tx)?;
    if changed == 0 {
        return Err(Error::Stale);
    }
    add_version(tx, id, seen + 1, value, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_calendar_survives_its_text() {
        let range = |text| Range::parse(text).unwrap();
        let date = |d| NaiveDate::from_ymd_opt(2026, 12, d).unwrap();
        let exception = |when, what| Exception {
            name: "x".into(),
            when,
            what,
        };
        let calendar = Calendar::new(
            chrono_tz::Europe::Berlin,
            &[(0, range("09:00-17:00")), (5, range("22:00-06:00"))],
            vec![
                exception(
                    When::Once {
                        from: date(24),
                        to: date(26),
                    },
                    What::Closed,
                ),
                exception(
                    When::Yearly {
                        from: (12, 24),
                        to: (1, 2),
                    },
                    What::ClosedFor(vec![range("09:00-10:00")]),
                ),
                exception(
                    When::NthWeekday {
                        month: 11,
                        nth: 4,
                        weekday: 3,
                    },
                    What::Closed,
                ),
                exception(
                    When::Easter { days: -2 },
                    What::Open(vec![range("09:00-24:00")]),
                ),
            ],
        )
        .unwrap();
        let again = read(
            "Europe/Berlin",
            &weekly_json(&calendar),
            &exceptions_json(calendar.exceptions()),
        )
        .unwrap();
        assert_eq!(again, calendar);
    }
}
