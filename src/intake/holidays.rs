//! An iCalendar file as days on which a calendar is closed: what somebody looks through before any of it is taken over.
//!
//! Day values stay local dates, whatever zone anybody is in. What comes back each year becomes a rule; what comes back otherwise is
//! listed date by date for some years ahead. Strange input is left out by name, never refused.

use std::collections::HashMap;

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;
use rrule::RRuleSet;

use super::ics::{Event, Line, Moment, events};
use crate::domain::calendar::{Exception, Range, What, When};

/// Most days that are shown.
const MOST_FOUND: usize = 500;
/// How many years ahead what comes back irregularly is listed.
const YEARS_AHEAD: i32 = 10;
/// Longest single event, in days; the longest span that a calendar takes.
const MOST_DAYS: i64 = 366;

/// Why an event is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftOut {
    Cancelled,
    /// It has no date that can be read.
    NoDate,
    /// Its rule can't be read.
    BadRule,
    /// All of it is over.
    Past,
    TooLong,
}

/// What a file holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    pub found: Vec<Exception>,
    pub left_out: Vec<(String, LeftOut)>,
    /// There is more than is shown.
    pub is_cut: bool,
}

/// Reads a file for a calendar in `zone`; what is over before `today` is left out. A text without a single event reads as nothing.
pub fn read(text: &str, zone: Tz, today: NaiveDate) -> Reading {
    let mut reading = Reading::default();
    let events = events(text);
    let moved = moved_occurrences(&events);
    for event in &events {
        let name = event.name();
        let outcome = match event.is_cancelled() {
            true => Err(LeftOut::Cancelled),
            false => event.days(&name, zone, today, &moved),
        };
        match outcome {
            Ok(days) => {
                for day in days {
                    if reading.found.len() == MOST_FOUND {
                        reading.is_cut = true;
                        return reading;
                    }
                    if !reading.found.contains(&day) {
                        reading.found.push(day);
                    }
                }
            }
            Err(why) => reading.left_out.push((name, why)),
        }
    }
    reading
}

/// Occurrences that have an event of their own, by the series they belong to.
fn moved_occurrences(events: &[Event]) -> HashMap<String, Vec<NaiveDate>> {
    let mut moved: HashMap<String, Vec<NaiveDate>> = HashMap::new();
    for event in events {
        if let (Some(uid), Some(of)) = (event.first("UID"), event.first("RECURRENCE-ID")) {
            let dates = of.moments().into_iter().map(Moment::date);
            moved.entry(uid.value.clone()).or_default().extend(dates);
        }
    }
    moved
}

impl Event {
    fn days(
        &self,
        name: &str,
        zone: Tz,
        today: NaiveDate,
        moved: &HashMap<String, Vec<NaiveDate>>,
    ) -> Result<Vec<Exception>, LeftOut> {
        let start = self.first("DTSTART").map(Line::moments);
        let start = start
            .and_then(|moments| moments.first().copied())
            .ok_or(LeftOut::NoDate)?;
        let end = self.end(start);
        let span = Span::of(start, end, zone)?;
        let mut except: Vec<NaiveDate> = self
            .0
            .iter()
            .filter(|line| line.name == "EXDATE")
            .flat_map(Line::moments)
            .map(Moment::date)
            .collect();
        let is_moved = self.first("RECURRENCE-ID").is_some();
        if let Some(uid) = self.first("UID").filter(|_| !is_moved) {
            except.extend(moved.get(&uid.value).into_iter().flatten());
        }
        let added: Vec<NaiveDate> = self
            .0
            .iter()
            .filter(|line| line.name == "RDATE")
            .flat_map(Line::moments)
            .map(Moment::date)
            .collect();
        let rule = self.first("RRULE").filter(|_| !is_moved);
        if let (Some(rule), true) = (rule, except.is_empty() && added.is_empty())
            && let Some(days) = span.yearly(name, &rule.value)
        {
            return Ok(days);
        }
        let mut starts = match rule {
            Some(rule) => occurrences(span.first, &rule.value, today)?,
            None => vec![span.first],
        };
        starts.extend(added);
        starts.retain(|date| !except.contains(date));
        starts.sort_unstable();
        starts.dedup();
        let days: Vec<Exception> = starts
            .into_iter()
            .flat_map(|first| span.once(name, first))
            .filter(|day| matches!(day.when, When::Once { to, .. } if to >= today))
            .collect();
        if days.is_empty() {
            return Err(LeftOut::Past);
        }
        Ok(days)
    }

    fn end(&self, start: Moment) -> Option<Moment> {
        if let Some(end) = self.first("DTEND") {
            return end.moments().first().copied();
        }
        // `P1D`, `PT4H`, `P1DT2H30M`: what holidays use of it.
        let text = self.first("DURATION")?.value.to_ascii_uppercase();
        let (mut minutes, mut number) = (0_i64, 0_i64);
        for letter in text.trim_start_matches(['+', 'P']).chars() {
            let unit = match letter {
                '0'..='9' => {
                    number = (number * 10 + i64::from(letter as u8 - b'0')).min(1_000_000);
                    continue;
                }
                'W' => 7 * 24 * 60,
                'D' => 24 * 60,
                'H' => 60,
                'M' => 1,
                _ => 0,
            };
            minutes += number * unit;
            number = 0;
        }
        let later = chrono::Duration::try_minutes(minutes)?;
        Some(match start {
            Moment::Day(date) => Moment::Day(date.checked_add_signed(later)?),
            Moment::Time(at, zone) => Moment::Time(at.checked_add_signed(later)?, zone),
        })
    }
}

/// How long one occurrence is.
struct Span {
    first: NaiveDate,
    /// Whole days; 0: times within days.
    days: u64,
    /// Minutes after the first date's midnight, where it isn't whole days.
    times: Option<(i64, i64)>,
}

impl Span {
    fn of(start: Moment, end: Option<Moment>, zone: Tz) -> Result<Self, LeftOut> {
        let whole = start.is_midnight() && end.is_none_or(Moment::is_midnight);
        if whole {
            // As dates where they were written: nothing is moved by anybody's zone. The end isn't part of it any more.
            let first = start.date();
            let days = end.map_or(1, |end| (end.date() - first).num_days()).max(1);
            if days > MOST_DAYS {
                return Err(LeftOut::TooLong);
            }
            return Ok(Self {
                first,
                days: days as u64,
                times: None,
            });
        }
        let from = start.seen_in(zone);
        let to = end.map_or(from, |end| end.seen_in(zone));
        let midnight = from.date().and_hms_opt(0, 0, 0).unwrap_or_default();
        let minutes = |at: NaiveDateTime| (at - midnight).num_minutes();
        if to <= from {
            return Err(LeftOut::NoDate);
        }
        if minutes(to) > MOST_DAYS * 1440 {
            return Err(LeftOut::TooLong);
        }
        Ok(Self {
            first: from.date(),
            days: 0,
            times: Some((minutes(from), minutes(to))),
        })
    }

    /// The occurrence that begins on `first`.
    fn once(&self, name: &str, first: NaiveDate) -> Vec<Exception> {
        let later = |days: u64| first.checked_add_days(Days::new(days)).unwrap_or(first);
        let day = |from, to, what| Exception {
            name: name.to_owned(),
            when: When::Once { from, to },
            what,
        };
        let Some((from, to)) = self.times else {
            return vec![day(first, later(self.days - 1), What::Closed)];
        };
        let last = (to - 1).div_euclid(1440);
        (0..=last)
            .filter_map(|index| {
                let (start, end) = ((from - index * 1440).max(0), (to - index * 1440).min(1440));
                let date = later(index as u64);
                if (start, end) == (0, 1440) {
                    return Some(day(date, date, What::Closed));
                }
                let range = Range::new(start as u16, end as u16).ok()?;
                Some(day(date, date, What::ClosedFor(vec![range])))
            })
            .collect()
    }

    /// What a plain yearly rule says, if it is one.
    fn yearly(&self, name: &str, rule: &str) -> Option<Vec<Exception>> {
        let parts: HashMap<String, String> = rule
            .split(';')
            .filter_map(|part| part.split_once('='))
            .map(|(key, value)| (key.to_ascii_uppercase(), value.to_ascii_uppercase()))
            .collect();
        let plain = |key: &String| {
            ["FREQ", "INTERVAL", "BYMONTH", "BYMONTHDAY", "BYDAY", "WKST"].contains(&key.as_str())
        };
        let interval = parts.get("INTERVAL").map_or("1", String::as_str);
        if parts.get("FREQ")? != "YEARLY" || interval != "1" || !parts.keys().all(plain) {
            return None;
        }
        let number = |key: &str| -> Option<Option<u32>> {
            parts
                .get(key)
                .map(|text| text.parse().ok())
                .map_or(Some(None), |it| it.map(Some))
        };
        let month = number("BYMONTH")?.unwrap_or(self.first.month());
        let by_day = number("BYMONTHDAY")?;
        let what = match self.times {
            None => What::Closed,
            Some((from, to)) if to <= 1440 => {
                What::ClosedFor(vec![Range::new(from as u16, to as u16).ok()?])
            }
            Some(_) => return None,
        };
        let when = match (parts.get("BYDAY"), by_day) {
            (Some(_), Some(_)) => return None,
            (Some(day), None) => {
                // Counted within a month; a span of days after it can't be said so.
                parts.get("BYMONTH")?;
                if self.days > 1 {
                    return None;
                }
                let (nth, weekday) = day.split_at_checked(day.len().checked_sub(2)?)?;
                let weekday = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
                    .iter()
                    .position(|known| *known == weekday)?;
                let nth: i8 = nth.parse().ok()?;
                if nth != -1 && !(1..=5).contains(&nth) {
                    return None;
                }
                When::NthWeekday {
                    month,
                    nth,
                    weekday: weekday as u8,
                }
            }
            (None, day) => {
                let first = NaiveDate::from_ymd_opt(2024, month, day.unwrap_or(self.first.day()))?;
                let last = first.checked_add_days(Days::new(self.days.max(1) - 1))?;
                When::Yearly {
                    from: (first.month(), first.day()),
                    to: (last.month(), last.day()),
                }
            }
        };
        Some(vec![Exception {
            name: name.to_owned(),
            when,
            what,
        }])
    }
}

/// The first dates of what comes back, from `first` on until some years ahead.
fn occurrences(first: NaiveDate, rule: &str, today: NaiveDate) -> Result<Vec<NaiveDate>, LeftOut> {
    // Dates are counted as midnights in UTC; an end is the end of its date.
    let rule: Vec<String> = rule
        .split(';')
        .map(|part| match part.split_once('=') {
            Some((key, value)) if key.eq_ignore_ascii_case("UNTIL") && value.len() >= 8 => {
                format!("UNTIL={}T235959Z", value.get(..8).unwrap_or_default())
            }
            _ => part.to_owned(),
        })
        .collect();
    let text = format!(
        "DTSTART:{}T000000Z\nRRULE:{}",
        first.format("%Y%m%d"),
        rule.join(";")
    );
    let set: RRuleSet = text.parse().map_err(|_| LeftOut::BadRule)?;
    let utc = |date: NaiveDate| -> DateTime<rrule::Tz> {
        let at = date.and_hms_opt(0, 0, 0).unwrap_or_default();
        Utc.from_utc_datetime(&at).with_timezone(&rrule::Tz::UTC)
    };
    let horizon = NaiveDate::from_ymd_opt(today.year() + YEARS_AHEAD, 12, 31).unwrap_or(today);
    let since = today
        .checked_sub_days(Days::new(MOST_DAYS as u64))
        .unwrap_or(today);
    let found = set
        .after(utc(since))
        .before(utc(horizon))
        .all(MOST_FOUND as u16);
    Ok(found.dates.iter().map(DateTime::date_naive).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar_text::exceptions_text;

    const BERLIN: Tz = Tz::Europe__Berlin;

    fn today() -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 6, 1).unwrap()
    }

    fn file(events: &[&str]) -> String {
        let events: Vec<String> = events
            .iter()
            .map(|lines| {
                format!(
                    "BEGIN:VEVENT\r\n{}\r\nEND:VEVENT\r\n",
                    lines.replace('\n', "\r\n")
                )
            })
            .collect();
        format!(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{}END:VCALENDAR\r\n",
            events.concat()
        )
    }

    fn lines(zone: Tz, events: &[&str]) -> Vec<String> {
        let reading = read(&file(events), zone, today());
        exceptions_text(&reading.found)
            .lines()
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn a_day_is_the_same_date_in_every_zone() {
        let event = "SUMMARY:Christmas\nDTSTART;VALUE=DATE:20261225\nDTEND;VALUE=DATE:20261227";
        let at_utc_midnight = "SUMMARY:New Year\nDTSTART:20270101T000000Z\nDTEND:20270102T000000Z";
        let with_zone = "SUMMARY:Epiphany\nDTSTART;TZID=Europe/Berlin:20270106T000000\nDTEND;TZID=Europe/Berlin:20270107T000000";
        for zone in [BERLIN, Tz::Pacific__Auckland, Tz::America__Los_Angeles] {
            assert_eq!(
                lines(zone, &[event, at_utc_midnight, with_zone]),
                [
                    "2026-12-25..2026-12-26 closed Christmas",
                    "2027-01-01 closed New Year",
                    "2027-01-06 closed Epiphany"
                ]
            );
        }
    }

    #[test]
    fn what_comes_back_each_year_is_one_line() {
        assert_eq!(
            lines(
                BERLIN,
                &[
                    "SUMMARY:May Day\nDTSTART;VALUE=DATE:20200501\nRRULE:FREQ=YEARLY",
                    "SUMMARY:Thanksgiving\nDTSTART;VALUE=DATE:20201126\nRRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH",
                    "SUMMARY:Memorial Day\nDTSTART;VALUE=DATE:20200525\nRRULE:FREQ=YEARLY;BYMONTH=5;BYDAY=-1MO",
                    "SUMMARY:Year's end\nDTSTART;VALUE=DATE:20201230\nDTEND;VALUE=DATE:20210102\nRRULE:FREQ=YEARLY;INTERVAL=1",
                ]
            ),
            [
                "05-01 closed May Day",
                "4-thu-nov closed Thanksgiving",
                "last-mon-may closed Memorial Day",
                "12-30..01-01 closed Year's end",
            ]
        );
    }

    #[test]
    fn what_comes_back_otherwise_is_listed_date_by_date() {
        assert_eq!(
            lines(
                BERLIN,
                &[
                    "SUMMARY:Fair\nDTSTART;VALUE=DATE:20240703\nRRULE:FREQ=YEARLY;INTERVAL=2;UNTIL=20300703"
                ]
            ),
            [
                "2026-07-03 closed Fair",
                "2028-07-03 closed Fair",
                "2030-07-03 closed Fair"
            ]
        );
        assert_eq!(
            lines(
                BERLIN,
                &[
                    "SUMMARY:Audit\nDTSTART;VALUE=DATE:20260115\nRRULE:FREQ=MONTHLY;COUNT=8\nEXDATE;VALUE=DATE:20260715"
                ]
            ),
            ["2026-06-15 closed Audit", "2026-08-15 closed Audit"]
        );
        // Moved to another day, by an event of its own.
        assert_eq!(
            lines(
                BERLIN,
                &[
                    "UID:1\nSUMMARY:Day off\nDTSTART;VALUE=DATE:20260601\nRRULE:FREQ=YEARLY;COUNT=2",
                    "UID:1\nSUMMARY:Day off\nRECURRENCE-ID;VALUE=DATE:20270601\nDTSTART;VALUE=DATE:20270603",
                ]
            ),
            ["2026-06-01 closed Day off", "2027-06-03 closed Day off"]
        );
    }

    #[test]
    fn times_are_those_of_the_calendars_zone() {
        let afternoon = "SUMMARY:Half day\nDTSTART:20261224T120000Z\nDTEND:20261224T170000Z";
        assert_eq!(
            lines(BERLIN, &[afternoon]),
            ["2026-12-24 not 13:00-18:00 Half day"]
        );
        let night = "SUMMARY:Move\nDTSTART:20261224T200000\nDURATION:PT36H";
        assert_eq!(
            lines(BERLIN, &[night]),
            [
                "2026-12-24 not 20:00-24:00 Move",
                "2026-12-25 closed Move",
                "2026-12-26 not 00:00-08:00 Move"
            ]
        );
        let windows = "SUMMARY:Lunch\nDTSTART;TZID=W. Europe Standard Time:20260701T120000\nDTEND;TZID=\"x:y\":20260701T130000";
        assert_eq!(
            lines(BERLIN, &[windows]),
            ["2026-07-01 not 12:00-13:00 Lunch"]
        );
    }

    #[test]
    fn what_is_left_out_is_named() {
        let reading = read(
            &file(&[
                "SUMMARY:Old\nDTSTART;VALUE=DATE:20200101",
                "SUMMARY:Off\nDTSTART;VALUE=DATE:20270101\nSTATUS:CANCELLED",
                "SUMMARY:When",
                "SUMMARY:Odd\nDTSTART;VALUE=DATE:20270101\nRRULE:FREQ=SOMETIMES",
                "SUMMARY:Ages\nDTSTART;VALUE=DATE:20270101\nDTEND;VALUE=DATE:20300101",
            ]),
            BERLIN,
            today(),
        );
        assert_eq!(reading.found, []);
        let left: Vec<_> = reading
            .left_out
            .iter()
            .map(|(name, why)| (name.as_str(), *why))
            .collect();
        assert_eq!(
            left,
            [
                ("Old", LeftOut::Past),
                ("Off", LeftOut::Cancelled),
                ("When", LeftOut::NoDate),
                ("Odd", LeftOut::BadRule),
                ("Ages", LeftOut::TooLong),
            ]
        );
    }

    #[test]
    fn names_are_unfolded_and_unescaped_and_alarms_are_not_events() {
        let event = "SUMMARY:Day of all\\, who\n  work\\; and rest\nDTSTART;VALUE=DATE:20260701\n\
                     BEGIN:VALARM\nSUMMARY:Alarm\nTRIGGER:-PT15M\nEND:VALARM";
        assert_eq!(
            lines(BERLIN, &[event]),
            ["2026-07-01 closed Day of all, who work; and rest"]
        );
    }

    #[test]
    fn strange_input_reads_as_nothing() {
        for text in [
            "",
            "no calendar",
            "BEGIN:VEVENT",
            "BEGIN:VEVENT\nDTSTART:99999999\nEND:VEVENT",
            "BEGIN:VEVENT\nDTSTART:20270101T250000Z\nRRULE:FREQ=YEARLY;BYMONTH=99\nEND:VEVENT",
            "END:VEVENT\n:\n;;;:::\nBEGIN:VEVENT\n;=:\nEND:VEVENT",
            "BEGIN:VEVENT\nDTSTART;VALUE=DATE:20270101\nRRULE:FREQ=YEARLY;BYMONTH=1;BYDAY=Éa\nDURATION:P99999999999999999999W\nEND:VEVENT",
            "\u{0}\u{1}\u{2}",
        ] {
            assert_eq!(read(text, BERLIN, today()).found, [], "{text:?}");
        }
    }

    #[test]
    fn a_rule_without_end_is_cut_and_says_so() {
        let daily = file(&["SUMMARY:Daily\nDTSTART;VALUE=DATE:20260601\nRRULE:FREQ=DAILY"; 2]);
        let reading = read(&daily, BERLIN, today());
        assert!(reading.found.len() <= MOST_FOUND, "{}", reading.found.len());
        let many: Vec<String> = (0..600)
            .map(|n| format!("SUMMARY:Day {n}\nDTSTART;VALUE=DATE:20270101"))
            .collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(read(&file(&many), BERLIN, today()).is_cut);
    }
}
