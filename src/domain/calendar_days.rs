//! A calendar as people look at it: what was understood of its week, the dates that differ from it, and what it does to a promise.

use std::sync::Arc;

use chrono::{Datelike, Days, NaiveDate, NaiveTime, TimeZone, Timelike};
use chrono_tz::Tz;

use super::calendar::{Calendar, Range};
use super::holidays::Holiday;
use super::timestamp::Timestamp;
use super::worktime::{self, Hours};

/// Something that was typed in another way than it is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Understood {
    /// An end before its start lies on the next day.
    PassesMidnight { day: usize, range: Range },
    /// Ranges that overlap or touch are one.
    United {
        day: usize,
        typed: Vec<Range>,
        range: Range,
    },
}

/// What was understood of a week, `typed` by weekday from Monday on.
pub fn understood(typed: &[Vec<Range>; 7], calendar: &Calendar) -> Vec<Understood> {
    let mut notes = Vec::new();
    for (day, ranges) in typed.iter().enumerate() {
        for range in ranges.iter().filter(|range| range.to_minute() > 1440) {
            notes.push(Understood::PassesMidnight { day, range: *range });
        }
        for united in &calendar.weekly()[day] {
            let within: Vec<Range> = ranges
                .iter()
                .copied()
                .filter(|it| {
                    united.from_minute() <= it.from_minute() && it.to_minute() <= united.to_minute()
                })
                .collect();
            if within.len() > 1 {
                notes.push(Understood::United {
                    day,
                    typed: within,
                    range: *united,
                });
            }
        }
    }
    notes
}

/// A date that differs from the week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecialDay {
    pub on: NaiveDate,
    /// By what it is called; several if several exceptions fall on it.
    pub names: Vec<String>,
    /// Minutes of the local day in which it is open.
    pub open: Vec<(u16, u16)>,
    /// A holiday set says so, nobody else.
    pub is_holiday: bool,
}

/// The dates from `from` to before `to` that differ from the week. `calendar` is `own` with the days of holiday sets.
pub fn special_days(
    calendar: &Arc<Calendar>,
    own: &Calendar,
    days: &[Holiday],
    (from, to): (NaiveDate, NaiveDate),
) -> Vec<SpecialDay> {
    // One calendar per exception tells on which dates it falls.
    let alone: Vec<(&str, Calendar)> = own
        .exceptions()
        .iter()
        .filter_map(|exception| {
            let one = Calendar::new(own.zone(), &[], vec![exception.clone()]).ok()?;
            Some((exception.name.as_str(), one))
        })
        .collect();
    let hours = Hours::of(calendar.clone());
    from.iter_days()
        .take_while(|date| *date < to)
        .filter(|date| calendar.differs_on(*date))
        .map(|on| {
            let mut names: Vec<String> = alone
                .iter()
                .filter(|(_, one)| one.differs_on(on))
                .map(|(name, _)| (*name).to_owned())
                .collect();
            let is_holiday = names.is_empty();
            names.extend(
                days.iter()
                    .filter(|day| day.on == on)
                    .map(|day| day.name.clone()),
            );
            names.dedup();
            SpecialDay {
                on,
                names,
                open: open_on(&hours, calendar.zone(), on),
                is_holiday,
            }
        })
        .collect()
}

/// The first instant of a local date, or of what follows a gap in its place.
pub fn start_of(zone: Tz, date: NaiveDate) -> Timestamp {
    at_local(zone, date, 0)
}

/// The instant at which `zone`'s clock shows this minute of the date: the first of two, or what follows a gap.
pub fn at_local(zone: Tz, date: NaiveDate, minute: u32) -> Timestamp {
    let time = NaiveTime::from_hms_opt(minute / 60, minute % 60, 0).unwrap_or_default();
    let mut local = date.and_time(time);
    // No gap is longer than a day.
    for _ in 0..=24 {
        if let Some(at) = zone.from_local_datetime(&local).earliest() {
            return at.into();
        }
        local += chrono::Duration::hours(1);
    }
    zone.from_utc_datetime(&local).into()
}

fn open_on(hours: &Hours, zone: Tz, date: NaiveDate) -> Vec<(u16, u16)> {
    let next = date.checked_add_days(Days::new(1)).unwrap_or(date);
    let (from, to) = (start_of(zone, date), start_of(zone, next));
    let minute = |at: Timestamp| {
        let local = at.in_zone(zone);
        (local.hour() * 60 + local.minute()) as u16
    };
    hours
        .open_intervals(from, to)
        .into_iter()
        .map(|open| {
            let end = if open.to == to { 1440 } else { minute(open.to) };
            (minute(open.from), end)
        })
        .collect()
}

/// A ticket of some moment, and when so much working time has passed for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Example {
    pub from: Timestamp,
    pub due: Option<Timestamp>,
}

/// Moments that show what a calendar does: now, late on the next Friday, the Sunday night after it, and the afternoon before the next
/// date that differs.
pub fn moments(calendar: &Calendar, now: Timestamp) -> Vec<Timestamp> {
    let zone = calendar.zone();
    let today = now.in_zone(zone).date_naive();
    let until_friday = (4 + 7 - i64::from(today.weekday().num_days_from_monday())) % 7;
    let until_friday = if until_friday == 0 { 7 } else { until_friday };
    let friday = today
        .checked_add_days(Days::new(until_friday as u64))
        .unwrap_or(today);
    let sunday = friday.checked_add_days(Days::new(2)).unwrap_or(friday);
    let differs = today
        .iter_days()
        .skip(1)
        .take(370)
        .find(|date| calendar.differs_on(*date));
    let afternoon = |date| at_local(zone, date, 16 * 60 + 30);
    let mut moments = vec![
        Timestamp::from_micros(now.micros().div_euclid(60_000_000) * 60_000_000),
        afternoon(friday),
        at_local(zone, sunday, 3 * 60),
    ];
    moments.extend(differs.and_then(|date| date.pred_opt()).map(afternoon));
    // The afternoon before tomorrow's free day may be over.
    moments.retain(|at| *at >= now.plus_secs(-60));
    moments.sort_unstable();
    moments.dedup();
    moments
}

/// When so many seconds of working time have passed, for each of the moments.
pub fn examples(hours: &Hours, moments: &[Timestamp], secs: i64) -> Vec<Example> {
    moments
        .iter()
        .map(|from| Example {
            from: *from,
            due: worktime::deadline(hours, *from, secs * 1_000_000, &[]),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar_text::{parse_exceptions, parse_ranges};
    use crate::domain::holidays;

    const BERLIN: Tz = Tz::Europe__Berlin;

    fn week(texts: &[&str]) -> [Vec<Range>; 7] {
        let mut week: [Vec<Range>; 7] = Default::default();
        for (day, text) in texts.iter().enumerate() {
            week[day] = parse_ranges("mon", text).unwrap();
        }
        week
    }

    fn calendar(week: &[Vec<Range>; 7], exceptions: &str) -> Calendar {
        let ranges: Vec<(u8, Range)> = (0_u8..)
            .zip(week)
            .flat_map(|(day, ranges)| ranges.iter().map(move |range| (day, *range)))
            .collect();
        let exceptions = parse_exceptions("exceptions", exceptions).unwrap();
        Calendar::new(BERLIN, &ranges, exceptions).unwrap()
    }

    fn date(y: i32, m: u32, d: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(y, m, d).unwrap()
    }

    #[test]
    fn what_was_understood_is_said_where_it_is_not_what_was_typed() {
        let typed = week(&["09:00-12:00, 11:00-17:00", "22:00-06:00", "09:00-17:00"]);
        let notes = understood(&typed, &calendar(&typed, ""));
        let range = |text| Range::parse(text).unwrap();
        assert_eq!(
            notes,
            [
                Understood::United {
                    day: 0,
                    typed: vec![range("09:00-12:00"), range("11:00-17:00")],
                    range: range("09:00-17:00"),
                },
                Understood::PassesMidnight {
                    day: 1,
                    range: range("22:00-06:00"),
                },
            ]
        );
    }

    #[test]
    fn special_days_are_listed_with_their_names_and_what_is_open_on_them() {
        let typed = week(&["09:00-17:00"; 5]);
        let own = calendar(
            &typed,
            "2026-12-24 09:00-13:00 Christmas Eve\n12-31 closed Stocktaking",
        );
        let days = holidays::days_of(&["DE-BY".to_owned()], 2026..=2027);
        let closed = Arc::new(holidays::closed_on(&own, &days).unwrap());
        let span = (date(2026, 12, 1), date(2027, 1, 7));
        let listed: Vec<_> = special_days(&closed, &own, &days, span)
            .into_iter()
            .map(|day| {
                (
                    day.on.to_string(),
                    day.names.join(", "),
                    day.open,
                    day.is_holiday,
                )
            })
            .collect();
        let shut = Vec::new;
        assert_eq!(
            listed,
            [
                (
                    "2026-12-24".into(),
                    "Christmas Eve".into(),
                    vec![(540, 780)],
                    false
                ),
                ("2026-12-25".into(), "Christmas Day".into(), shut(), true),
                (
                    "2026-12-26".into(),
                    "Second Day of Christmas".into(),
                    shut(),
                    true
                ),
                ("2026-12-31".into(), "Stocktaking".into(), shut(), false),
                ("2027-01-01".into(), "New Year's Day".into(), shut(), true),
                ("2027-01-06".into(), "Epiphany".into(), shut(), true),
            ]
        );
    }

    #[test]
    fn examples_lie_around_the_weekend_and_before_the_next_free_day() {
        let typed = week(&["09:00-17:00"; 5]);
        let own = calendar(&typed, "2026-06-04 closed Corpus Christi");
        let now = at_local(BERLIN, date(2026, 6, 1), 11 * 60);
        let moments = moments(&own, now);
        let texts: Vec<String> = moments
            .iter()
            .map(|at| at.in_zone(BERLIN).format("%a %d %H:%M").to_string())
            .collect();
        assert_eq!(
            texts,
            [
                "Mon 01 11:00",
                "Wed 03 16:30",
                "Fri 05 16:30",
                "Sun 07 03:00"
            ]
        );
        let hours = Hours::of(Arc::new(own));
        let due: Vec<String> = examples(&hours, &moments, 4 * 3600)
            .iter()
            .map(|it| {
                it.due
                    .unwrap()
                    .in_zone(BERLIN)
                    .format("%a %d %H:%M")
                    .to_string()
            })
            .collect();
        assert_eq!(
            due,
            [
                "Mon 01 15:00",
                "Fri 05 12:30",
                "Mon 08 12:30",
                "Mon 08 13:00"
            ]
        );
    }

    #[test]
    fn a_midnight_that_a_zone_leaps_over_is_the_hour_after_it() {
        // Santiago's clocks go from 24:00 to 01:00 on 6 September 2026.
        let at = start_of(Tz::America__Santiago, date(2026, 9, 6));
        assert_eq!(at.rfc3339(), "2026-09-06T04:00:00Z");
    }
}
