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
use crate::domain::holidays::{self, Holiday};
use crate::domain::id::CalendarId;
use crate::domain::sla_book::{CalendarVersion, KnownCalendar, TZDB};
use crate::domain::sla_version::Layer;
use crate::domain::timestamp::Timestamp;
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
    Once {
        from: NaiveDate,
        to: NaiveDate,
    },
    Yearly {
        from: (u32, u32),
        to: (u32, u32),
    },
    LeapDay {
        from: (u32, u32),
        to: (u32, u32),
        otherwise: (u32, u32),
    },
    NthWeekday {
        month: u32,
        nth: i8,
        weekday: u8,
    },
    Easter {
        days: i16,
    },
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
                When::LeapDay {
                    from,
                    to,
                    otherwise,
                } => WhenJson::LeapDay {
                    from,
                    to,
                    otherwise,
                },
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
                WhenJson::LeapDay {
                    from,
                    to,
                    otherwise,
                } => When::LeapDay {
                    from,
                    to,
                    otherwise,
                },
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

/// The holiday sets of a version, with their days as they were known when it was written.
#[derive(Serialize, Deserialize)]
struct HolidaysJson {
    sets: Vec<String>,
    data: String,
    days: Vec<(NaiveDate, String)>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = calendar_version)]
struct VersionRow {
    calendar_id: CalendarId,
    number: i64,
    effective_from: Timestamp,
    zone: String,
    weekly: String,
    exceptions: String,
    tzdb: String,
    made_at: Timestamp,
    name: String,
    effective_until: Option<Timestamp>,
    is_correction: bool,
    edition: i64,
    holidays: String,
    made_by: String,
    reason: String,
}

impl VersionRow {
    fn version(self) -> Result<(Layer, CalendarVersion)> {
        let own = Arc::new(read(&self.zone, &self.weekly, &self.exceptions)?);
        let broken = |what: &dyn std::fmt::Display| {
            Error::internal(format!("holidays of a stored calendar: {what}"))
        };
        let holidays: HolidaysJson =
            serde_json::from_str(&self.holidays).map_err(|error| broken(&error))?;
        let days: Vec<Holiday> = holidays
            .days
            .into_iter()
            .map(|(on, name)| Holiday { on, name })
            .collect();
        let calendar = if days.is_empty() {
            own.clone()
        } else {
            let closed = holidays::closed_on(&own, &days);
            Arc::new(closed.map_err(|error| broken(&error.problem))?)
        };
        let layer = Layer {
            number: self.number,
            from: self.effective_from,
            until: self.effective_until,
            is_correction: self.is_correction,
            edition: self.edition,
            made_by: self.made_by,
            made_at: self.made_at,
            reason: self.reason,
        };
        let version = CalendarVersion {
            name: self.name,
            calendar,
            own,
            holidays: holidays.sets,
            holiday_data: holidays.data,
            tzdb: self.tzdb,
        };
        Ok((layer, version))
    }
}

/// All calendars with all their versions, retired ones too, in the order of their making.
pub fn all(conn: &mut Conn) -> Result<Vec<KnownCalendar>> {
    let rows: Vec<(CalendarId, String, bool)> = calendar::table
        .order(calendar::id)
        .select((calendar::id, calendar::name, calendar::is_active))
        .load(conn)?;
    let written: Vec<VersionRow> = calendar_version::table
        .order((calendar_version::calendar_id, calendar_version::number))
        .select(VersionRow::as_select())
        .load(conn)?;
    let mut layers: HashMap<CalendarId, Vec<(Layer, CalendarVersion)>> = HashMap::new();
    for row in written {
        let of = layers.entry(row.calendar_id).or_default();
        of.push(row.version()?);
    }
    let mut known = Vec::with_capacity(rows.len());
    for (id, name, is_active) in rows {
        let layers = layers.remove(&id).unwrap_or_default();
        let calendar = KnownCalendar::new(id, name.clone(), is_active, layers);
        known.push(
            calendar.ok_or_else(|| Error::internal(format!("calendar {name} has no version")))?,
        );
    }
    Ok(known)
}

/// A version about to be written.
pub struct NewVersion<'a> {
    pub name: &'a str,
    /// What people wrote, without the days of holiday sets.
    pub own: &'a Calendar,
    pub holiday_sets: &'a [String],
    /// The days of these sets.
    pub days: &'a [Holiday],
    pub layer: &'a Layer,
}

/// Writes a new calendar with its first version. Fails with a unique violation if another calendar has the name.
pub fn insert(tx: &mut Tx, id: CalendarId, first: &NewVersion<'_>) -> Result<()> {
    diesel::insert_into(calendar::table)
        .values((
            calendar::id.eq(id),
            calendar::name.eq(first.name),
            calendar::folded_name.eq(first.name.to_lowercase()),
            calendar::is_active.eq(true),
            calendar::made_at.eq(first.layer.made_at),
            calendar::version.eq(first.layer.number),
        ))
        .execute(&mut **tx)?;
    add_version(tx, id, first)
}

fn add_version(tx: &mut Tx, id: CalendarId, new: &NewVersion<'_>) -> Result<()> {
    let layer = new.layer;
    let holidays = HolidaysJson {
        sets: new.holiday_sets.to_vec(),
        data: if new.holiday_sets.is_empty() {
            String::new()
        } else {
            holidays::source().to_owned()
        },
        days: new
            .days
            .iter()
            .map(|day| (day.on, day.name.clone()))
            .collect(),
    };
    diesel::insert_into(calendar_version::table)
        .values((
            calendar_version::calendar_id.eq(id),
            calendar_version::number.eq(layer.number),
            calendar_version::effective_from.eq(layer.from),
            calendar_version::effective_until.eq(layer.until),
            calendar_version::is_correction.eq(layer.is_correction),
            calendar_version::edition.eq(layer.edition),
            calendar_version::name.eq(new.name),
            calendar_version::zone.eq(new.own.zone().name()),
            calendar_version::weekly.eq(weekly_json(new.own)),
            calendar_version::exceptions.eq(exceptions_json(new.own.exceptions())),
            calendar_version::holidays.eq(json(&holidays)),
            calendar_version::tzdb.eq(TZDB),
            calendar_version::made_by.eq(&layer.made_by),
            calendar_version::reason.eq(&layer.reason),
            calendar_version::made_at.eq(layer.made_at),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// Writes the version after `seen`. [`Error::Stale`] if `seen` isn't the newest.
pub fn update(
    tx: &mut Tx,
    id: CalendarId,
    seen: i64,
    is_active: bool,
    next: &NewVersion<'_>,
) -> Result<()> {
    let known = calendar::table.filter(calendar::id.eq(id).and(calendar::version.eq(seen)));
    let changed = diesel::update(known)
        .set((
            calendar::name.eq(next.name),
            calendar::folded_name.eq(next.name.to_lowercase()),
            calendar::is_active.eq(is_active),
            calendar::version.eq(next.layer.number),
        ))
        .execute(&mut **tx)?;
    if changed == 0 {
        return Err(Error::Stale);
    }
    add_version(tx, id, next)
}

/// Takes a calendar away with its versions: one in which nothing was ever counted.
pub fn delete(tx: &mut Tx, id: CalendarId) -> Result<()> {
    diesel::delete(calendar_version::table.filter(calendar_version::calendar_id.eq(id)))
        .execute(&mut **tx)?;
    diesel::delete(calendar::table.find(id)).execute(&mut **tx)?;
    Ok(())
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
                    When::LeapDay {
                        from: (2, 20),
                        to: (2, 29),
                        otherwise: (3, 1),
                    },
                    What::Closed,
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
