//! When a window is: two ends on the wall clock of a zone, once, every week, every month or every year.
//!
//! An end is the first such time after the start, so that `third Sat 00:00` to `Mon 07:00` is the weekend of the third Saturday. A day
//! that a month doesn't have is its last.

use chrono::{
    Datelike, Days, Month, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone,
    Weekday,
};
use chrono_tz::Tz;

use crate::domain::refusal::FieldError;
use crate::domain::timestamp::Timestamp;
use crate::domain::wall_clock;
use crate::domain::word::words;

words! {
    /// How often a window comes.
    pub enum Rhythm {
        Once = "once",
        Weekly = "weekly",
        Monthly = "monthly",
        Yearly = "yearly",
    }
}

/// A day of every month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MonthDay {
    /// From 1; beyond the month's end it is its last day.
    Day(u32),
    Last,
    /// The first to fourth such day.
    Nth(u32, Weekday),
    LastOf(Weekday),
}

const ORDINALS: [(&str, &str); 4] = [
    ("first", "1st"),
    ("second", "2nd"),
    ("third", "3rd"),
    ("fourth", "4th"),
];

impl MonthDay {
    fn parse(first: &str, second: &str) -> Option<Self> {
        let first = first.to_lowercase();
        let is_day = second.eq_ignore_ascii_case("day");
        if first == "last" {
            return match is_day {
                true => Some(MonthDay::Last),
                false => second.parse().ok().map(MonthDay::LastOf),
            };
        }
        if first == "day" {
            let day = second.parse().ok().filter(|day| (1..=31).contains(day));
            return day.map(MonthDay::Day);
        }
        let place = ORDINALS
            .iter()
            .position(|(a, b)| first == *a || first == *b)?;
        Some(MonthDay::Nth(place as u32 + 1, second.parse().ok()?))
    }

    fn text(self) -> String {
        match self {
            MonthDay::Day(day) => format!("day {day}"),
            MonthDay::Last => "last day".to_owned(),
            MonthDay::Nth(n, day) => {
                let (ordinal, _) = ORDINALS[(n as usize - 1).min(3)];
                format!("{ordinal} {day}")
            }
            MonthDay::LastOf(day) => format!("last {day}"),
        }
    }

    /// In the month of `first`, which is its first day.
    fn within(self, first: NaiveDate) -> Option<NaiveDate> {
        let last = (first + Months::new(1)).pred_opt()?;
        match self {
            MonthDay::Day(day) => Some(first.with_day(day).unwrap_or(last)),
            MonthDay::Last => Some(last),
            MonthDay::Nth(n, day) => {
                NaiveDate::from_weekday_of_month_opt(first.year(), first.month(), day, n as u8)
            }
            MonthDay::LastOf(day) => {
                let back = last.weekday().days_since(day);
                last.checked_sub_days(Days::new(back.into()))
            }
        }
    }
}

/// One end of a window, on the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    Once(NaiveDateTime),
    Weekly {
        day: Weekday,
        time: NaiveTime,
    },
    Monthly {
        on: MonthDay,
        time: NaiveTime,
    },
    Yearly {
        month: u32,
        day: u32,
        time: NaiveTime,
    },
}

impl Edge {
    /// `2026-12-20 00:00`, `Fri 00:00`, `third Sat 00:00`, `last day 18:00`, `day 28 00:00` or `20 Dec 00:00`.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, FieldError> {
        let wrong = || FieldError::new(field, "not-a-freeze-time").with("value", text.to_owned());
        let (day, time) = text.trim().rsplit_once([' ', 'T']).ok_or_else(wrong)?;
        let time = NaiveTime::parse_from_str(time.trim(), "%H:%M").map_err(|_| wrong())?;
        let words: Vec<&str> = day.split_whitespace().collect();
        let found = match words.as_slice() {
            [day] => match NaiveDate::parse_from_str(day, "%Y-%m-%d") {
                Ok(date) => Some(Edge::Once(date.and_time(time))),
                Err(_) => day.parse().ok().map(|day| Edge::Weekly { day, time }),
            },
            [first, second] => match (yearly(first, second), MonthDay::parse(first, second)) {
                (Some((month, day)), _) => Some(Edge::Yearly { month, day, time }),
                (None, on) => on.map(|on| Edge::Monthly { on, time }),
            },
            _ => None,
        };
        found.ok_or_else(wrong)
    }

    pub fn text(self) -> String {
        let with = |day: String, time: NaiveTime| format!("{day} {}", time.format("%H:%M"));
        match self {
            Edge::Once(at) => at.format("%Y-%m-%d %H:%M").to_string(),
            Edge::Weekly { day, time } => with(day.to_string(), time),
            Edge::Monthly { on, time } => with(on.text(), time),
            Edge::Yearly { month, day, time } => {
                let name = Month::try_from(month as u8).map_or("", |month| month.name());
                with(format!("{day} {}", &name[..name.len().min(3)]), time)
            }
        }
    }

    const fn rhythm(self) -> Rhythm {
        match self {
            Edge::Once(_) => Rhythm::Once,
            Edge::Weekly { .. } => Rhythm::Weekly,
            Edge::Monthly { .. } => Rhythm::Monthly,
            Edge::Yearly { .. } => Rhythm::Yearly,
        }
    }

    /// Every such time from the beginning of the period before that of `day` until the end of the second after it.
    fn around(self, day: NaiveDate) -> Vec<NaiveDateTime> {
        let month = |ahead: i32| {
            let first = day.with_day(1)?;
            match ahead < 0 {
                true => first.checked_sub_months(Months::new(ahead.unsigned_abs())),
                false => first.checked_add_months(Months::new(ahead.unsigned_abs())),
            }
        };
        let periods = -1..=2_i32;
        match self {
            Edge::Once(at) => vec![at],
            Edge::Weekly { day: on, time } => {
                let monday = day - TimeDelta::days(day.weekday().num_days_from_monday().into());
                let days = |week: i32| i64::from(7 * week) + i64::from(on.num_days_from_monday());
                let dates = periods.map(|week| monday + TimeDelta::days(days(week)));
                dates.map(|date| date.and_time(time)).collect()
            }
            Edge::Monthly { on, time } => {
                let dates = periods.filter_map(|ahead| on.within(month(ahead)?));
                dates.map(|date| date.and_time(time)).collect()
            }
            Edge::Yearly {
                month,
                day: on,
                time,
            } => {
                let first = |ahead: i32| NaiveDate::from_ymd_opt(day.year() + ahead, month, 1);
                let dates = periods.filter_map(|ahead| MonthDay::Day(on).within(first(ahead)?));
                dates.map(|date| date.and_time(time)).collect()
            }
        }
    }

    /// The first such time after `start`.
    fn after(self, start: NaiveDateTime) -> Option<NaiveDateTime> {
        let mut found = self.around(start.date()).into_iter();
        found.find(|at| *at > start)
    }
}

/// `20 Dec` or `Dec 20`; the 29 February of a common year is the 28th.
fn yearly(first: &str, second: &str) -> Option<(u32, u32)> {
    let (month, day) = match (first.parse::<Month>(), second.parse::<Month>()) {
        (Ok(month), _) => (month, second),
        (_, Ok(month)) => (month, first),
        _ => return None,
    };
    let day: u32 = day.parse().ok()?;
    let month = month.number_from_month();
    // A leap year has every date.
    NaiveDate::from_ymd_opt(2024, month, day).map(|_| (month, day))
}

/// When a window is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct When {
    from: Edge,
    to: Edge,
}

impl When {
    pub(super) const fn of(from: Edge, to: Edge) -> Self {
        Self { from, to }
    }

    /// Two ends as people type them. One that comes again is open at some time in between.
    pub fn parse(from: &str, to: &str) -> Result<Self, Vec<FieldError>> {
        let (from, to) = match (Edge::parse("from", from), Edge::parse("to", to)) {
            (Ok(from), Ok(to)) => (from, to),
            (from, to) => return Err([from.err(), to.err()].into_iter().flatten().collect()),
        };
        let by_weekday = |edge| {
            matches!(
                edge,
                Edge::Monthly {
                    on: MonthDay::Nth(..) | MonthDay::LastOf(_),
                    ..
                }
            )
        };
        let problem = match (from, to) {
            (Edge::Once(from), Edge::Once(to)) => (to <= from).then_some("ends-before-start"),
            (Edge::Once(_), _) | (_, Edge::Once(_)) => Some("freeze-mixed"),
            // The third Sunday may come before the third Saturday: nobody means a month.
            _ if by_weekday(to) => Some("freeze-end-by-weekday"),
            _ if from == to => Some("freeze-never-open"),
            // It would begin again before it ends.
            _ if to.rhythm() > from.rhythm() => Some("freeze-mixed"),
            _ => None,
        };
        match problem {
            Some(problem) => Err(vec![FieldError::new("to", problem)]),
            None => Ok(Self { from, to }),
        }
    }

    pub fn from(self) -> String {
        self.from.text()
    }

    pub fn to(self) -> String {
        self.to.text()
    }

    pub const fn rhythm(self) -> Rhythm {
        self.from.rhythm()
    }

    /// Its occurrence at `at`, or else the next one.
    pub fn next(self, at: Timestamp, zone: Tz) -> Option<(Timestamp, Timestamp)> {
        self.around(at, zone).into_iter().next()
    }

    /// The occurrences that end after `at`, the earliest first: at least the next two of a window that comes again.
    fn around(self, at: Timestamp, zone: Tz) -> Vec<(Timestamp, Timestamp)> {
        let mut all = self.near(at, zone);
        all.retain(|(_, until)| *until > at);
        all
    }

    /// When the last occurrence that is over by `at` ended.
    pub(super) fn last_end(self, at: Timestamp, zone: Tz) -> Option<Timestamp> {
        let ends = self.near(at, zone).into_iter().map(|(_, until)| until);
        ends.filter(|until| *until <= at).max()
    }

    /// Those of the period of `at`, of the one before and of the two after it.
    fn near(self, at: Timestamp, zone: Tz) -> Vec<(Timestamp, Timestamp)> {
        let today = at.in_zone(zone).date_naive();
        let starts = self.from.around(today).into_iter();
        let mut all: Vec<(Timestamp, Timestamp)> = starts
            .filter_map(|from| {
                let to = self.to.after(from)?;
                Some((wall_clock::instant(from, zone), last_instant(to, zone)))
            })
            .collect();
        all.sort_unstable();
        all
    }
}

/// The instant at which the clocks of `zone` show `local` for the last time.
fn last_instant(local: NaiveDateTime, zone: Tz) -> Timestamp {
    match zone.from_local_datetime(&local) {
        chrono::LocalResult::Ambiguous(first, second) => first.max(second).into(),
        _ => wall_clock::instant(local, zone),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZONE: Tz = chrono_tz::Europe::Stockholm;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    /// The occurrences after an instant, on the wall clock.
    fn next(from: &str, to: &str, after: &str, count: usize) -> Vec<String> {
        let when = When::parse(from, to).unwrap();
        let mut at = at(after);
        let mut found = Vec::new();
        while found.len() < count {
            let Some((start, end)) = when.around(at, ZONE).first().copied() else {
                break;
            };
            let shown = |at: Timestamp| at.in_zone(ZONE).format("%a %Y-%m-%d %H:%M").to_string();
            found.push(format!("{} to {}", shown(start), shown(end)));
            at = end;
        }
        found
    }

    #[test]
    fn a_weekend_of_the_month_ends_on_its_own_monday() {
        // 1 August 2026 is a Saturday, 1 November a Sunday.
        assert_eq!(
            next("third Sat 00:00", "Mon 07:00", "2026-07-21T00:00:00Z", 4),
            [
                "Sat 2026-08-15 00:00 to Mon 2026-08-17 07:00",
                "Sat 2026-09-19 00:00 to Mon 2026-09-21 07:00",
                "Sat 2026-10-17 00:00 to Mon 2026-10-19 07:00",
                "Sat 2026-11-21 00:00 to Mon 2026-11-23 07:00",
            ]
        );
        assert_eq!(
            next("last fri 18:00", "mon 06:00", "2026-12-27T00:00:00Z", 2),
            [
                "Fri 2026-12-25 18:00 to Mon 2026-12-28 06:00",
                "Fri 2027-01-29 18:00 to Mon 2027-02-01 06:00",
            ]
        );
    }

    #[test]
    fn a_months_end_goes_on_into_the_next_and_its_days_exist() {
        assert_eq!(
            next("last day 00:00", "day 3 07:00", "2027-02-10T00:00:00Z", 2),
            [
                "Sun 2027-02-28 00:00 to Wed 2027-03-03 07:00",
                "Wed 2027-03-31 00:00 to Sat 2027-04-03 07:00",
            ]
        );
        assert_eq!(
            next("day 31 00:00", "last day 12:00", "2026-06-10T00:00:00Z", 2),
            [
                "Tue 2026-06-30 00:00 to Tue 2026-06-30 12:00",
                "Fri 2026-07-31 00:00 to Fri 2026-07-31 12:00",
            ]
        );
    }

    #[test]
    fn a_year_ends_in_the_next_one() {
        assert_eq!(
            next("20 Dec 00:00", "Jan 2 07:00", "2027-01-01T12:00:00Z", 3),
            [
                "Sun 2026-12-20 00:00 to Sat 2027-01-02 07:00",
                "Mon 2027-12-20 00:00 to Sun 2028-01-02 07:00",
                "Wed 2028-12-20 00:00 to Tue 2029-01-02 07:00",
            ]
        );
        assert_eq!(
            next("29 Feb 00:00", "1 Mar 00:00", "2027-01-01T00:00:00Z", 2),
            [
                "Sun 2027-02-28 00:00 to Mon 2027-03-01 00:00",
                "Tue 2028-02-29 00:00 to Wed 2028-03-01 00:00",
            ]
        );
    }

    #[test]
    fn once_is_once_and_what_is_over_has_ended() {
        let span = ("2026-06-02 12:00", "2026-06-02 14:00");
        assert_eq!(next(span.0, span.1, "2026-06-01T00:00:00Z", 9).len(), 1);
        assert!(next(span.0, span.1, "2026-06-02T12:00:00Z", 9).is_empty());
        let when = When::parse("Fri 00:00", "Mon 07:00").unwrap();
        assert_eq!(
            when.last_end(at("2026-06-10T12:00:00Z"), ZONE),
            Some(at("2026-06-08T05:00:00Z"))
        );
    }

    #[test]
    fn what_is_no_window_is_refused_at_its_field() {
        let fault = |from: &str, to: &str| {
            let faults = When::parse(from, to).unwrap_err();
            let faults = faults.iter().map(|it| (it.field.to_string(), it.problem));
            faults.collect::<Vec<_>>()
        };
        let of = |field: &str, problem: &'static str| vec![(field.to_owned(), problem)];
        for (from, to, problem) in [
            ("Fri 00:00", "Fri 00:00", "freeze-never-open"),
            ("Fri 00:00", "2026-01-01 00:00", "freeze-mixed"),
            ("Fri 00:00", "day 3 00:00", "freeze-mixed"),
            ("last day 00:00", "2 Jan 00:00", "freeze-mixed"),
            (
                "third Sat 00:00",
                "third Sun 00:00",
                "freeze-end-by-weekday",
            ),
            ("2026-01-02 00:00", "2026-01-01 00:00", "ends-before-start"),
        ] {
            assert_eq!(fault(from, to), of("to", problem), "{from} to {to}");
        }
        assert_eq!(fault("Fry 00:00", "25:00").len(), 2);
        for wrong in [
            "fifth Sat 00:00",
            "day 32 00:00",
            "30 Feb 00:00",
            "every Sat 00:00",
        ] {
            assert_eq!(fault(wrong, "Mon 07:00")[0].0, "from", "{wrong}");
        }
        for (typed, kept) in [
            (" friday 7:00", "Fri 07:00"),
            ("3rd saturday 07:00", "third Sat 07:00"),
            ("december 20 00:00", "20 Dec 00:00"),
            ("LAST DAY 18:00", "last day 18:00"),
        ] {
            let edge = Edge::parse("from", typed).unwrap();
            assert_eq!(edge.text(), kept);
            assert_eq!(Edge::parse("from", kept), Ok(edge));
        }
    }
}
