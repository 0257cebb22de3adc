//! Public holidays of countries and their parts, from data that comes with the program.
//!
//! The data is made from a package that many people keep right (`src/domain/holidays/make.py`), for some years back and many ahead. A
//! calendar keeps the days of its sets with each of its versions, so that new data never changes what was counted before.

use std::ops::RangeInclusive;
use std::sync::OnceLock;

use chrono::{Datelike, NaiveDate};
use chrono_tz::Tz;

use super::calendar::{Calendar, Exception, What, When};
use super::calendar_days::start_of;
use super::refusal::FieldError;
use super::timestamp::Timestamp;
use super::worktime::{self, Interval};

/// Most sets of one calendar: their days, over all years, have to fit into it.
pub const MOST_SETS: usize = 5;

const DATA: &str = include_str!("holidays/sets.txt");

/// The holidays of a country, or of a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HolidaySet {
    /// `DE`, `DE-BY`.
    pub code: String,
    pub country: &'static str,
    /// Empty: the country's own.
    pub part: &'static str,
    /// Places in the table of lines.
    lines: Vec<usize>,
}

impl HolidaySet {
    pub fn name(&self) -> String {
        if self.part.is_empty() {
            self.country.to_owned()
        } else {
            format!("{}, {}", self.country, self.part)
        }
    }
}

/// One free day.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Holiday {
    pub on: NaiveDate,
    pub name: String,
}

struct Line {
    name: &'static str,
    dates: &'static str,
}

struct Table {
    source: &'static str,
    years: RangeInclusive<i32>,
    sets: Vec<HolidaySet>,
    lines: Vec<Line>,
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(read)
}

fn read() -> Table {
    let mut table = Table {
        source: "",
        years: 0..=0,
        sets: Vec::new(),
        lines: Vec::new(),
    };
    let mut country = 0;
    for line in DATA.lines() {
        if let Some(head) = line.strip_prefix('#') {
            let (source, years) = head.rsplit_once(' ').unwrap_or_default();
            let (first, last) = years.split_once('-').unwrap_or_default();
            table.source = source;
            table.years = first.parse().unwrap_or(0)..=last.parse().unwrap_or(0);
        } else if let Some(head) = line.strip_prefix('=') {
            let (code, name) = head.split_once(' ').unwrap_or_default();
            country = table.sets.len();
            table.sets.push(HolidaySet {
                code: code.to_owned(),
                country: name,
                part: "",
                lines: Vec::new(),
            });
        } else if let Some(part) = line.strip_prefix('+') {
            let (code, name) = part.split_once(' ').unwrap_or_default();
            let whole = &table.sets[country];
            let set = HolidaySet {
                code: format!("{}-{code}", whole.code),
                country: whole.country,
                part: name,
                lines: Vec::new(),
            };
            table.sets.push(set);
        } else {
            let mut fields = line.split('|');
            let mut field = || fields.next().unwrap_or_default();
            let (parts, name, dates) = (field(), field(), field());
            let whole = table.sets[country].code.len() + 1;
            for set in &mut table.sets[country..] {
                let own = set.code.get(whole..).unwrap_or("-");
                if parts == "*" || parts.split(',').any(|part| part == own) {
                    set.lines.push(table.lines.len());
                }
            }
            table.lines.push(Line { name, dates });
        }
    }
    table
        .sets
        .sort_by_key(|set| (set.country, !set.part.is_empty(), set.part));
    table
}

/// Where the data comes from, with its version: `holidays 0.109`.
pub fn source() -> &'static str {
    table().source
}

/// The years that the data knows.
pub fn years() -> RangeInclusive<i32> {
    table().years.clone()
}

/// All sets, by country, each country before its parts.
pub fn sets() -> &'static [HolidaySet] {
    &table().sets
}

pub fn set(code: &str) -> Option<&'static HolidaySet> {
    sets().iter().find(|set| set.code == code)
}

/// The set that somebody named, in any case.
pub fn parse_set(field: &'static str, text: &str) -> Result<&'static HolidaySet, FieldError> {
    sets()
        .iter()
        .find(|set| set.code.eq_ignore_ascii_case(text.trim()))
        .ok_or_else(|| {
            FieldError::new(field, "unknown-holidays").with("value", text.trim().to_owned())
        })
}

impl HolidaySet {
    /// Its days in these years, ascending. Two holidays may share a day.
    pub fn days(&self, years: RangeInclusive<i32>) -> Vec<Holiday> {
        let table = table();
        let known = table.years.clone();
        let mut days = Vec::new();
        for line in self.lines.iter().map(|place| &table.lines[*place]) {
            let mut add = |year: i32, month_day: &str| {
                let number: u32 = month_day.parse().unwrap_or_default();
                if let Some(on) = NaiveDate::from_ymd_opt(year, number / 100, number % 100)
                    && years.contains(&year)
                {
                    let name = line.name.to_owned();
                    days.push(Holiday { on, name });
                }
            };
            for date in line.dates.split(',') {
                match date.split_once(':') {
                    Some((year, month_day)) => {
                        add(2000 + year.parse().unwrap_or(0), month_day);
                    }
                    None => known.clone().for_each(|year| add(year, date)),
                }
            }
        }
        days.sort();
        days
    }
}

/// The days of several sets together, each day and name once.
pub fn days_of(codes: &[String], years: RangeInclusive<i32>) -> Vec<Holiday> {
    let mut days: Vec<Holiday> = codes
        .iter()
        .filter_map(|code| set(code))
        .flat_map(|set| set.days(years.clone()))
        .collect();
    days.sort();
    days.dedup();
    days
}

/// `own` with these days closed. What `own` itself says about a date goes before: a house may work on a holiday.
pub fn closed_on(own: &Calendar, days: &[Holiday]) -> Result<Calendar, FieldError> {
    let mut weekly = Vec::new();
    for (day, ranges) in own.weekly().iter().enumerate() {
        weekly.extend(ranges.iter().map(|range| (day as u8, *range)));
    }
    let mut exceptions = own.exceptions().to_vec();
    let free = days.iter().filter(|day| !own.differs_on(day.on));
    exceptions.extend(free.map(|day| Exception {
        name: day.name.clone(),
        when: When::Once {
            from: day.on,
            to: day.on,
        },
        what: What::Closed,
    }));
    Calendar::new(own.zone(), &weekly, exceptions)
}

/// Somebody's free days between two instants, as intervals of their own local dates, ascending.
pub fn free_time(code: &str, zone: Tz, from: Timestamp, to: Timestamp) -> Vec<Interval> {
    let (first, last) = (from.in_zone(zone).year(), to.in_zone(zone).year());
    let days = set(code)
        .map(|set| set.days(first - 1..=last))
        .unwrap_or_default();
    let mut free: Vec<Interval> = days
        .into_iter()
        .filter_map(|day| {
            let next = day.on.succ_opt()?;
            Some(Interval::new(start_of(zone, day.on), start_of(zone, next)))
        })
        .filter(|day| day.from < to && from < day.to)
        .collect();
    worktime::unite(&mut free);
    free
}

/// What a list "for the next two years" shows: from the 1st of this month on.
pub fn next_two_years(today: NaiveDate) -> (NaiveDate, NaiveDate) {
    let first = today.with_day(1).unwrap_or(today);
    let last = first.with_year(first.year() + 2).unwrap_or(first);
    (first, last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::Range;
    use crate::domain::calendar_text::parse_exceptions;

    fn date(y: i32, m: u32, d: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(y, m, d).unwrap()
    }

    fn names(code: &str, on: NaiveDate) -> Vec<String> {
        let days = set(code).unwrap().days(on.year()..=on.year());
        let there = days.into_iter().filter(|day| day.on == on);
        there.map(|day| day.name).collect()
    }

    /// Dates out of almanacs, not out of the data: national days, days of one part alone, days that move and that are moved.
    #[test]
    fn the_days_are_those_of_the_almanac() {
        for (code, on, is_free) in [
            ("DE", date(2026, 10, 3), true),
            ("DE", date(2026, 1, 6), false),
            ("DE-BY", date(2026, 1, 6), true),
            ("DE-BY", date(2026, 6, 4), true),
            ("DE-BE", date(2026, 6, 4), false),
            ("DE-SN", date(2026, 11, 18), true),
            ("SE", date(2026, 6, 6), true),
            ("SE", date(2026, 6, 20), true),
            ("FR", date(2027, 5, 6), true),
            ("US", date(2026, 11, 26), true),
            ("US", date(2027, 12, 24), true), // Christmas 2027 is a Saturday
            ("GB-SCT", date(2026, 11, 30), true),
            ("GB-ENG", date(2026, 11, 30), false),
            ("GB-ENG", date(2026, 12, 28), true), // Boxing Day is a Saturday
            ("CH-ZH", date(2026, 8, 1), true),
            ("JP", date(2026, 5, 6), true), // the 3rd is a Sunday
            ("AT", date(2026, 10, 26), true),
            ("NL", date(2026, 4, 27), true),
            ("PL", date(2026, 12, 24), true),
            ("CA-QC", date(2026, 6, 24), true),
            ("CA-ON", date(2026, 6, 24), false),
            ("GR", date(2027, 5, 3), true), // Orthodox Easter is 2 May
        ] {
            assert_eq!(!names(code, on).is_empty(), is_free, "{code} {on}");
        }
    }

    #[test]
    fn every_set_has_days_in_every_year_and_a_name_of_its_own() {
        let mut seen = std::collections::HashSet::new();
        assert!(
            sets().len() > 300 && years().contains(&2036),
            "{}",
            source()
        );
        for set in sets() {
            assert!(seen.insert(set.name()), "{}", set.name());
            assert!(seen.insert(set.code.clone()), "{}", set.code);
            for year in [2025, 2030, 2035] {
                let count = set.days(year..=year).len();
                assert!((4..=60).contains(&count), "{} {year}: {count}", set.code);
            }
        }
        assert_eq!(set("DE-BY").unwrap().name(), "Germany, Bayern");
        assert_eq!(parse_set("holidays", " de-by ").unwrap().code, "DE-BY");
        assert_eq!(
            parse_set("holidays", "XX").unwrap_err().problem,
            "unknown-holidays"
        );
    }

    #[test]
    fn a_house_may_work_on_a_holiday() {
        let week: Vec<_> = (0..7).map(|day| (day, Range::DAY)).collect();
        let own = parse_exceptions("exceptions", "05-01 10:00-12:00 We do work").unwrap();
        let own = Calendar::new(chrono_tz::Europe::Berlin, &week, own).unwrap();
        let days = days_of(&["DE".into(), "DE-BY".into()], years());
        let calendar = closed_on(&own, &days).unwrap();
        assert!(!own.differs_on(date(2026, 10, 3)) && calendar.differs_on(date(2026, 10, 3)));
        let special = |on: NaiveDate| {
            let days = i64::from(on.num_days_from_ce()) - 719_163;
            calendar.starting_on(days).len()
        };
        assert_eq!(
            (special(date(2026, 5, 1)), special(date(2026, 10, 3))),
            (1, 0)
        );
    }

    #[test]
    fn five_sets_fit_into_a_calendar() {
        let mut by_size: Vec<_> = sets().iter().collect();
        by_size.sort_by_key(|set| std::cmp::Reverse(set.days(years()).len()));
        let codes: Vec<String> = by_size
            .iter()
            .take(MOST_SETS)
            .map(|set| set.code.clone())
            .collect();
        let own = Calendar::always(chrono_tz::UTC);
        assert!(closed_on(&own, &days_of(&codes, years())).is_ok());
    }
}
