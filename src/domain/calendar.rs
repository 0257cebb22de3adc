//! Working calendars: a zone, weekly local ranges, and the dates that differ from the week.
//!
//! A calendar is a set of instants. It is described in local civil time and walked in UTC: for each local date both ends of
//! each range are converted, and an exception governs its whole local date and nothing else (`sla-clocks` 4.7). Nothing here
//! ever adds a day's seconds to an instant across a change of offset.
//!
//! Laid out for speed: a date without exception in a stretch without a change of offset is a look into a table of its
//! weekday, and whole such weeks can be leapt over.

use chrono::{Datelike, NaiveDate};
use chrono_tz::Tz;

use super::refusal::FieldError;
use super::timestamp::Timestamp;
use super::zone::{DAY, Offsets};

/// Longest list of ranges and exceptions in one calendar: far beyond any real one, small enough to expand.
const MAX_RANGES: usize = 200;
const MAX_EXCEPTIONS: usize = 2_000;

/// Local time of a day, in minutes since midnight, half-open; the end may lie on the next date (up to 48:00).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Range {
    from: u16,
    to: u16,
}

impl Range {
    /// The whole date, 00:00–24:00.
    pub const DAY: Range = Range { from: 0, to: 1440 };

    /// Minutes since midnight. An end before its start passes midnight; `from` = `to` and an end over 48:00 are refused.
    pub fn new(from: u16, to: u16) -> Result<Self, FieldError> {
        let to_past = if to < from { to + 1440 } else { to };
        if from >= 1440 || from == to || to_past > 2880 {
            let text = format!("{}–{}", clock_text(from), clock_text(to));
            return Err(FieldError::new("ranges", "not-a-range").with("value", text));
        }
        Ok(Self { from, to: to_past })
    }

    /// `09:00-17:00`, also with an en dash and blanks around it.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let wrong = || FieldError::new("ranges", "not-a-range").with("value", text.to_owned());
        let (from, to) = text.split_once(['-', '–']).ok_or_else(wrong)?;
        match (minutes_of(from.trim()), minutes_of(to.trim())) {
            (Some(from), Some(to)) => Self::new(from, to).map_err(|_| wrong()),
            _ => Err(wrong()),
        }
    }

    pub const fn from_minute(self) -> u16 {
        self.from
    }

    pub const fn to_minute(self) -> u16 {
        self.to
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", clock_text(self.from), clock_text(self.to))
    }
}

/// `09:00` as minutes since midnight; up to 48:59, since ranges may end on the next date.
pub fn minutes_of(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let two =
        |s: &str| (s.len() == 2 && s.bytes().all(|b| b.is_ascii_digit())).then(|| s.parse::<u16>());
    let (hour, minute) = (two(hour)?.ok()?, two(minute)?.ok()?);
    (minute < 60 && hour <= 48).then_some(hour * 60 + minute)
}

fn clock_text(minutes: u16) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

/// Which dates an exception is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// These dates, both ends included.
    Once { from: NaiveDate, to: NaiveDate },
    /// Each year from this month and day to that one, both included; the span may cross New Year. 29 February exists in leap
    /// years only.
    Yearly { from: (u32, u32), to: (u32, u32) },
    /// As `Yearly`, with a 29 February at an end of it for which another day stands in common years: 28 February or 1 March.
    LeapDay {
        from: (u32, u32),
        to: (u32, u32),
        otherwise: (u32, u32),
    },
    /// The `nth` (1–5, or −1 for the last) such weekday of a month; weekday 0 is Monday.
    NthWeekday { month: u32, nth: i8, weekday: u8 },
    /// Days after Easter Sunday (western), negative before.
    Easter { days: i16 },
}

/// What is different on those dates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    Closed,
    /// Closed at these times only.
    ClosedFor(Vec<Range>),
    /// Open at these times instead of the week's, all within the date; without any it is closed.
    Open(Vec<Range>),
}

/// Dates that differ from the week. The most specific exception wins: once before yearly, a shorter span before a longer one;
/// of equals, closed wins (closed at times: at those times).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    pub name: String,
    pub when: When,
    pub what: What,
}

/// What holds on one exceptional date.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Special {
    /// The week's hours don't count on this date.
    cut_all: bool,
    cut: Vec<Range>,
    open: Vec<Range>,
}

/// A working calendar, ready to be walked.
#[derive(Debug, Clone)]
pub struct Calendar {
    zone: Tz,
    weekly: [Vec<Range>; 7],
    exceptions: Vec<Exception>,
    offsets: Offsets,
    /// What is open on each weekday (tails of the days before included) as long as no offset changes: minutes in 0..1440.
    plain: [Vec<(u16, u16)>; 7],
    week_secs: i64,
    /// Exceptional dates, ascending, each with its place in `specials`.
    dates: Vec<(i64, u32)>,
    specials: Vec<Special>,
}

impl PartialEq for Calendar {
    /// Equal as written.
    fn eq(&self, other: &Self) -> bool {
        self.zone == other.zone
            && self.weekly == other.weekly
            && self.exceptions == other.exceptions
    }
}

impl Calendar {
    /// Builds a calendar from `weekly` ranges (`0` is Monday) and `exceptions`.
    ///
    /// Refuses hours of a special day that leave their date, dates that don't exist in any year, and lists beyond measure.
    /// A calendar that is never open can be built; [`super::worktime::Hours::is_ever_open`] asks, and saving refuses it.
    pub fn new(
        zone: Tz,
        weekly: &[(u8, Range)],
        exceptions: Vec<Exception>,
    ) -> Result<Self, FieldError> {
        if weekly.len() > MAX_RANGES || exceptions.len() > MAX_EXCEPTIONS {
            return Err(FieldError::new("ranges", "too-many-ranges"));
        }
        for exception in &exceptions {
            check(exception)?;
        }
        let mut days: [Vec<Range>; 7] = Default::default();
        for (day, range) in weekly {
            let day = usize::from(*day);
            if day > 6 {
                return Err(FieldError::new("weekday", "not-a-weekday"));
            }
            days[day].push(*range);
        }
        for day in &mut days {
            unite(day);
        }
        let (dates, specials) = expand(&exceptions);
        let mut calendar = Self {
            zone,
            weekly: days,
            exceptions,
            offsets: Offsets::of(zone),
            plain: Default::default(),
            week_secs: 0,
            dates,
            specials,
        };
        for day in 0..7 {
            calendar.plain[day] = calendar.plain_day(day);
        }
        calendar.week_secs = calendar
            .plain
            .iter()
            .flatten()
            .map(|(from, to)| i64::from(to - from) * 60)
            .sum();
        Ok(calendar)
    }

    /// Round the clock, every day.
    pub fn always(zone: Tz) -> Self {
        let week: Vec<(u8, Range)> = (0..7).map(|day| (day, Range::DAY)).collect();
        Self::new(zone, &week, Vec::new()).expect("seven whole days are a valid week")
    }

    pub const fn zone(&self) -> Tz {
        self.zone
    }

    /// The week's ranges as written, united, Monday first.
    pub const fn weekly(&self) -> &[Vec<Range>; 7] {
        &self.weekly
    }

    pub fn exceptions(&self) -> &[Exception] {
        &self.exceptions
    }

    /// Whether some exception governs this date.
    pub fn differs_on(&self, date: NaiveDate) -> bool {
        self.special(days_of(date)).is_some()
    }

    /// What is open on each weekday, Monday first, tails of the day before included: minutes of the day.
    pub const fn open_by_weekday(&self) -> &[Vec<(u16, u16)>; 7] {
        &self.plain
    }

    /// The local date of `at`, as days since 1970-01-01.
    pub(super) fn date_of(&self, at: Timestamp) -> i64 {
        self.offsets.date_at(at.micros().div_euclid(1_000_000))
    }

    /// Whether the calendar's week is open without a break.
    pub fn is_always(&self) -> bool {
        self.week_secs == 7 * DAY && self.dates.is_empty()
    }

    fn plain_day(&self, day: usize) -> Vec<(u16, u16)> {
        let mut open: Vec<Range> = self.weekly[day]
            .iter()
            .map(|range| Range {
                from: range.from,
                to: range.to.min(1440),
            })
            .collect();
        let tails = self.weekly[(day + 6) % 7]
            .iter()
            .filter(|range| range.to > 1440);
        open.extend(tails.map(|range| Range {
            from: 0,
            to: range.to - 1440,
        }));
        unite(&mut open);
        open.iter().map(|range| (range.from, range.to)).collect()
    }

    fn special(&self, date: i64) -> Option<&Special> {
        let place = self
            .dates
            .binary_search_by_key(&date, |(date, _)| *date)
            .ok()?;
        Some(&self.specials[self.dates[place].1 as usize])
    }

    /// The open pieces, as UTC seconds, of the ranges that *start* on `date`, after every exception; unsorted, for the rule
    /// "end of the nth working day". Empty when the date doesn't count.
    pub(super) fn starting_on(&self, date: i64) -> Vec<(i64, i64)> {
        let own = self.special(date);
        let mut pieces = Vec::new();
        if own.is_none_or(|special| !special.cut_all) {
            for range in &self.weekly[weekday(date)] {
                pieces.push(self.instants(date, *range));
            }
            for other in date - 1..=date + 2 {
                if let Some(special) = self.special(other) {
                    self.cut(other, special, &mut pieces);
                }
            }
        }
        if let Some(special) = own {
            pieces.extend(self.special_hours(date, special));
        }
        pieces.retain(|(from, to)| from < to);
        pieces
    }

    fn instants(&self, date: i64, range: Range) -> (i64, i64) {
        (
            self.offsets
                .earliest(date * DAY + i64::from(range.from) * 60),
            self.offsets.latest(date * DAY + i64::from(range.to) * 60),
        )
    }

    /// From the first 00:00 of `date` to the first 00:00 of the next.
    fn span(&self, date: i64) -> (i64, i64) {
        (
            self.offsets.earliest(date * DAY),
            self.offsets.earliest((date + 1) * DAY),
        )
    }

    fn cut(&self, date: i64, special: &Special, pieces: &mut Vec<(i64, i64)>) {
        if special.cut_all {
            subtract(pieces, self.span(date));
        }
        for range in &special.cut {
            subtract(pieces, self.instants(date, *range));
        }
    }

    /// The hours that `special` brings to `date`; closings of the same rank win over them.
    fn special_hours(&self, date: i64, special: &Special) -> Vec<(i64, i64)> {
        let open = special.open.iter();
        let mut pieces = open.map(|range| self.instants(date, *range)).collect();
        for range in &special.cut {
            subtract(&mut pieces, self.instants(date, *range));
        }
        pieces
    }

    /// What is open within the span of `date`, ascending and disjoint, into `out`: the slow and exact way, for dates near a
    /// change of offset and for exceptional ones.
    fn exact_day(&self, date: i64, out: &mut Vec<(i64, i64)>) {
        let (start, end) = self.span(date);
        for day in date - 2..=date {
            for range in &self.weekly[weekday(day)] {
                let (from, to) = self.instants(day, *range);
                out.push((from.max(start), to.min(end)));
            }
        }
        out.retain(|(from, to)| from < to);
        // A 24:00 may be the second midnight and lie in the next date's span: look at the day before too.
        for day in date - 1..=date {
            if let Some(special) = self.special(day) {
                self.cut(day, special, out);
            }
        }
        for day in date - 1..=date {
            if let Some(special) = self.special(day) {
                let hours = self.special_hours(day, special).into_iter();
                out.extend(hours.map(|(from, to)| (from.max(start), to.min(end))));
            }
        }
        out.retain(|(from, to)| from < to);
        out.sort_unstable();
        let mut kept = 0;
        for index in 0..out.len() {
            let piece = out[index];
            if kept > 0 && piece.0 <= out[kept - 1].1 {
                out[kept - 1].1 = out[kept - 1].1.max(piece.1);
            } else {
                out[kept] = piece;
                kept += 1;
            }
        }
        out.truncate(kept);
    }
}

/// Walks a calendar's open pieces in UTC seconds from an instant on: ascending, disjoint, cut at local midnights.
#[derive(Debug, Clone)]
pub(super) struct Walk<'a> {
    calendar: &'a Calendar,
    date: i64,
    from: i64,
    pieces: Vec<(i64, i64)>,
    next: usize,
    /// Dates in `steady.0..steady.1` have `offset` throughout, with a day's margin on both sides.
    steady: (i64, i64),
    offset: i64,
    /// The next exceptional date that is not before `date`.
    special_at: usize,
}

impl<'a> Walk<'a> {
    pub fn new(calendar: &'a Calendar, from: i64) -> Self {
        let date = calendar.offsets.date_at(from) - 1;
        Self {
            calendar,
            date,
            from,
            pieces: Vec::with_capacity(4),
            next: 0,
            steady: (0, 0),
            offset: 0,
            special_at: calendar
                .dates
                .partition_point(|(special, _)| *special < date),
        }
    }

    /// Whether `date` lies in a stretch without a change of offset; looks the stretch up when it leaves the known one.
    fn is_steady(&mut self, date: i64) -> bool {
        if date >= self.steady.1 || date < self.steady.0 {
            let offsets = self.calendar.offsets;
            let (from, until, offset) = offsets.steady(offsets.earliest(date * DAY));
            let first = if from == i64::MIN {
                i64::MIN
            } else {
                (from + offset).div_euclid(DAY) + 3
            };
            let last = if until == i64::MAX {
                i64::MAX
            } else {
                (until + offset).div_euclid(DAY) - 2
            };
            (self.steady, self.offset) = ((first, last), offset);
        }
        self.steady.0 <= date && date < self.steady.1
    }

    fn next_special(&mut self) -> i64 {
        let dates = &self.calendar.dates;
        while self.special_at < dates.len() && dates[self.special_at].0 < self.date {
            self.special_at += 1;
        }
        dates
            .get(self.special_at)
            .map_or(i64::MAX, |(date, _)| *date)
    }

    /// The next open piece; `None` once `until` is reached.
    pub fn next(&mut self, until: i64) -> Option<(i64, i64)> {
        loop {
            while self.next < self.pieces.len() {
                let (from, to) = self.pieces[self.next];
                self.next += 1;
                if to > self.from && from < until {
                    return Some((from.max(self.from), to.min(until)));
                }
            }
            let date = self.date;
            if date * DAY > until.saturating_add(2 * DAY) {
                return None;
            }
            self.pieces.clear();
            self.next = 0;
            let special = self.next_special();
            if special != date && self.is_steady(date) {
                let midnight = date * DAY - self.offset;
                let day = &self.calendar.plain[weekday(date)];
                self.pieces.extend(day.iter().map(|(from, to)| {
                    (
                        midnight + i64::from(*from) * 60,
                        midnight + i64::from(*to) * 60,
                    )
                }));
            } else {
                self.calendar.exact_day(date, &mut self.pieces);
            }
            self.date += 1;
        }
    }

    /// Leaps over whole plain weeks that hold less than `secs` of open time together and end before `stop`; answers how much
    /// was leapt over. Only between two dates; a no-op where the next week isn't plain.
    pub fn leap(&mut self, secs: i64, stop: i64) -> i64 {
        if self.next < self.pieces.len() || self.date * DAY <= self.from + 2 * DAY {
            return 0;
        }
        let week = self.calendar.week_secs;
        let by_time = if week == 0 {
            i64::MAX
        } else {
            (secs - 1) / week
        };
        if by_time <= 0 || !self.is_steady(self.date) {
            return 0;
        }
        let stop_date = (stop / DAY).saturating_sub(2);
        let last = self.next_special().min(self.steady.1).min(stop_date);
        let weeks = by_time.min(last.saturating_sub(self.date) / 7);
        if weeks <= 0 {
            return 0;
        }
        self.date += weeks * 7;
        weeks * week
    }
}

/// 0 is Monday; 1970-01-01 was a Thursday.
fn weekday(date: i64) -> usize {
    (date + 3).rem_euclid(7) as usize
}

fn days_of(date: NaiveDate) -> i64 {
    i64::from(date.num_days_from_ce()) - 719_163
}

/// Sorts, and joins what overlaps or touches.
fn unite(ranges: &mut Vec<Range>) {
    ranges.sort_unstable();
    let mut united: Vec<Range> = Vec::with_capacity(ranges.len());
    for range in ranges.iter() {
        match united.last_mut() {
            Some(last) if range.from <= last.to => last.to = last.to.max(range.to),
            _ => united.push(*range),
        }
    }
    *ranges = united;
}

fn subtract(pieces: &mut Vec<(i64, i64)>, cut: (i64, i64)) {
    if cut.0 >= cut.1 {
        return;
    }
    let mut rest = Vec::with_capacity(pieces.len() + 1);
    for (from, to) in pieces.drain(..) {
        if from < cut.0.min(to) {
            rest.push((from, to.min(cut.0)));
        }
        if to > cut.1.max(from) {
            rest.push((from.max(cut.1), to));
        }
    }
    *pieces = rest;
}

fn check(exception: &Exception) -> Result<(), FieldError> {
    let wrong =
        |problem| FieldError::new("exceptions", problem).with("value", exception.name.clone());
    let day_exists = |(month, day): (u32, u32)| NaiveDate::from_ymd_opt(2024, month, day).is_some();
    let known = match exception.when {
        When::Once { from, to } => from <= to && days_of(to) - days_of(from) <= 366,
        When::Yearly { from, to } => day_exists(from) && day_exists(to),
        When::LeapDay {
            from,
            to,
            otherwise,
        } => {
            let has_leap_day = from == (2, 29) || to == (2, 29);
            let stands_in = otherwise == (2, 28) || otherwise == (3, 1);
            day_exists(from) && day_exists(to) && has_leap_day && stands_in
        }
        When::NthWeekday {
            month,
            nth,
            weekday,
        } => (1..=12).contains(&month) && (nth == -1 || (1..=5).contains(&nth)) && weekday < 7,
        When::Easter { days } => days.abs() <= 180,
    };
    if !known {
        return Err(wrong("no-such-date"));
    }
    match &exception.what {
        What::Closed => Ok(()),
        What::ClosedFor(ranges) if ranges.is_empty() => Err(wrong("not-a-range")),
        What::Open(ranges) | What::ClosedFor(ranges) => {
            if ranges.iter().any(|range| range.to > 1440) {
                return Err(wrong("leaves-its-date"));
            }
            Ok(())
        }
    }
}

/// One date's winner so far: how specific (recurring, span in days), and what.
type Claim = ((bool, i64), Special);

/// Works out what holds on each exceptional date from 1970 to 2100 (years without recurring exceptions cost nothing).
fn expand(exceptions: &[Exception]) -> (Vec<(i64, u32)>, Vec<Special>) {
    let mut claims: std::collections::BTreeMap<i64, Claim> = std::collections::BTreeMap::new();
    for exception in exceptions {
        let mut claim = |from: i64, to: i64, recurring: bool| {
            let rank = (recurring, to - from);
            let special = Special::of(&exception.what);
            for date in from..=to {
                match claims.get_mut(&date) {
                    Some((held, winner)) if *held == rank => winner.join(&special),
                    Some((held, _)) if *held < rank => {}
                    _ => {
                        claims.insert(date, (rank, special.clone()));
                    }
                }
            }
        };
        match exception.when {
            When::Once { from, to } => claim(days_of(from), days_of(to), false),
            When::Yearly { from, to } => {
                // A span that touches a 29 February keeps its other days in other years.
                let is_span = from != to;
                let (first, last) = ((3, 1), (2, 28));
                for (first, last) in yearly(from, to, is_span.then_some((first, last))) {
                    claim(first, last, true);
                }
            }
            When::LeapDay {
                from,
                to,
                otherwise,
            } => {
                for (first, last) in yearly(from, to, Some((otherwise, otherwise))) {
                    claim(first, last, true);
                }
            }
            When::NthWeekday {
                month,
                nth,
                weekday: day,
            } => {
                for year in 1970..=2100 {
                    if let Some(date) = nth_weekday(year, month, nth, i64::from(day)) {
                        claim(date, date, true);
                    }
                }
            }
            When::Easter { days } => {
                for year in 1970..=2100 {
                    let date = easter(year) + i64::from(days);
                    claim(date, date, true);
                }
            }
        }
    }
    let mut dates = Vec::with_capacity(claims.len());
    let mut specials: Vec<Special> = Vec::new();
    for (date, (_, special)) in claims {
        let place = specials
            .iter()
            .position(|known| *known == special)
            .unwrap_or_else(|| {
                specials.push(special);
                specials.len() - 1
            });
        dates.push((date, place as u32));
    }
    (dates, specials)
}

/// The days of a yearly span. `instead`: what a first and what a last day that a year doesn't have is there, if anything.
fn yearly(
    from: (u32, u32),
    to: (u32, u32),
    instead: Option<((u32, u32), (u32, u32))>,
) -> impl Iterator<Item = (i64, i64)> {
    let on = |year, (month, day): (u32, u32)| NaiveDate::from_ymd_opt(year, month, day);
    (1969..=2100).filter_map(move |year| {
        let end_year = if to < from { year + 1 } else { year };
        let first = on(year, from).or_else(|| on(year, instead?.0))?;
        let last = on(end_year, to).or_else(|| on(end_year, instead?.1))?;
        Some((days_of(first), days_of(last)))
    })
}

impl Special {
    fn of(what: &What) -> Self {
        match what {
            What::Closed => Self {
                cut_all: true,
                ..Self::default()
            },
            What::ClosedFor(ranges) => Self {
                cut: ranges.clone(),
                ..Self::default()
            },
            What::Open(ranges) => {
                let mut open = ranges.clone();
                unite(&mut open);
                Self {
                    cut_all: true,
                    open,
                    ..Self::default()
                }
            }
        }
    }

    /// Two exceptions of equal rank on one date: closed wins, hours and closings add up.
    fn join(&mut self, other: &Self) {
        let closed = |special: &Self| special.cut_all && special.open.is_empty();
        if closed(self) || closed(other) {
            *self = Self::of(&What::Closed);
            return;
        }
        self.cut_all |= other.cut_all;
        self.cut.extend_from_slice(&other.cut);
        self.open.extend_from_slice(&other.open);
        unite(&mut self.cut);
        unite(&mut self.open);
    }
}

fn nth_weekday(year: i32, month: u32, nth: i8, day: i64) -> Option<i64> {
    let first = days_of(NaiveDate::from_ymd_opt(year, month, 1)?);
    let next_month = days_of(if month == 12 {
        NaiveDate::from_ymd_opt(year + 1, 1, 1)?
    } else {
        NaiveDate::from_ymd_opt(year, month + 1, 1)?
    });
    let start = first + (day - weekday(first) as i64).rem_euclid(7);
    let date = if nth == -1 {
        start + (next_month - 1 - start) / 7 * 7
    } else {
        start + 7 * (i64::from(nth) - 1)
    };
    (date < next_month).then_some(date)
}

/// Easter Sunday of the Gregorian calendar, as days since 1970-01-01 (the method of Meeus, Jones and Butcher).
fn easter(year: i32) -> i64 {
    let year = i64::from(year);
    let golden = year % 19;
    let (century, in_century) = (year / 100, year % 100);
    let (leap_centuries, century_rest) = (century / 4, century % 4);
    let moon_drift = (century + 8) / 25;
    let moon_shift = (century - moon_drift + 1) / 3;
    let epact = (19 * golden + century - leap_centuries - moon_shift + 15) % 30;
    let (leaps, year_rest) = (in_century / 4, in_century % 4);
    let to_sunday = (32 + 2 * century_rest + 2 * leaps - epact - year_rest) % 7;
    let late = (golden + 11 * epact + 22 * to_sunday) / 451;
    let month = (epact + to_sunday - 7 * late + 114) / 31;
    let day = (epact + to_sunday - 7 * late + 114) % 31 + 1;
    NaiveDate::from_ymd_opt(year as i32, month as u32, day as u32).map_or(0, days_of)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(y: i32, m: u32, d: u32) -> i64 {
        days_of(NaiveDate::from_ymd_opt(y, m, d).unwrap())
    }

    #[test]
    fn ranges_are_read_and_odd_ones_refused() {
        assert_eq!(
            Range::parse("09:00-17:00").unwrap().to_string(),
            "09:00-17:00"
        );
        assert_eq!(
            Range::parse("22:00 – 06:00").unwrap().to_string(),
            "22:00-30:00"
        );
        for wrong in [
            "09:00-09:00",
            "9-17",
            "09:00",
            "24:00-25:00",
            "10:00-48:30",
            "09:60-10:00",
            "+9:00-10:00",
        ] {
            assert!(Range::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn moving_feasts_fall_where_the_almanac_says() {
        assert_eq!(easter(2026), date(2026, 4, 5));
        assert_eq!(easter(2027), date(2027, 3, 28));
        assert_eq!(easter(2038), date(2038, 4, 25));
        assert_eq!(nth_weekday(2026, 11, 4, 3), Some(date(2026, 11, 26)));
        assert_eq!(nth_weekday(2026, 5, -1, 0), Some(date(2026, 5, 25)));
        assert_eq!(nth_weekday(2026, 2, 5, 0), None);
    }

    #[test]
    fn the_most_specific_exception_wins_and_of_equals_closed() {
        let day = |y, m, d| NaiveDate::from_ymd_opt(y, m, d).unwrap();
        let once = |d: NaiveDate, what| Exception {
            name: "x".into(),
            when: When::Once { from: d, to: d },
            what,
        };
        let hours = What::Open(vec![Range::parse("09:00-13:00").unwrap()]);
        let calendar = Calendar::new(
            Tz::UTC,
            &[],
            vec![
                Exception {
                    name: "xmas".into(),
                    when: When::Yearly {
                        from: (12, 24),
                        to: (1, 2),
                    },
                    what: What::Closed,
                },
                once(day(2026, 12, 28), hours.clone()),
                once(day(2026, 12, 29), hours.clone()),
                once(day(2026, 12, 29), What::Closed),
            ],
        )
        .unwrap();
        assert!(calendar.starting_on(date(2026, 12, 27)).is_empty());
        assert_eq!(calendar.starting_on(date(2026, 12, 28)).len(), 1);
        assert!(calendar.starting_on(date(2026, 12, 29)).is_empty());
    }

    #[test]
    fn a_29_february_is_in_leap_years_only_unless_a_day_stands_in_for_it() {
        let closed_in = |line: &str, year: i32| -> Vec<(u32, u32)> {
            let exceptions = crate::domain::calendar_text::parse_exceptions("x", line).unwrap();
            let calendar = Calendar::new(Tz::UTC, &[], exceptions).unwrap();
            let days = NaiveDate::from_ymd_opt(year, 1, 1).unwrap().iter_days();
            days.take_while(|day| day.year() == year)
                .filter(|day| calendar.differs_on(*day))
                .map(|day| (day.month(), day.day()))
                .collect()
        };
        for (line, leap, common) in [
            ("02-29 closed", vec![(2, 29)], vec![]),
            ("02-29 or 02-28 closed", vec![(2, 29)], vec![(2, 28)]),
            ("02-29 or 03-01 closed", vec![(2, 29)], vec![(3, 1)]),
            // A span keeps its other days; its end, or its beginning, may be another one.
            (
                "02-27..02-29 closed",
                vec![(2, 27), (2, 28), (2, 29)],
                vec![(2, 27), (2, 28)],
            ),
            (
                "02-27..02-29 or 03-01 closed",
                vec![(2, 27), (2, 28), (2, 29)],
                vec![(2, 27), (2, 28), (3, 1)],
            ),
            (
                "02-29..03-02 closed",
                vec![(2, 29), (3, 1), (3, 2)],
                vec![(3, 1), (3, 2)],
            ),
            (
                "02-29..03-02 or 02-28 closed",
                vec![(2, 29), (3, 1), (3, 2)],
                vec![(2, 28), (3, 1), (3, 2)],
            ),
        ] {
            for year in [2024, 2028, 2000] {
                assert_eq!(closed_in(line, year), leap, "{line}, {year}");
            }
            for year in [2025, 2026, 2027, 2100] {
                assert_eq!(closed_in(line, year), common, "{line}, {year}");
            }
        }
        for wrong in [
            "02-28 or 03-01 closed",
            "02-29 or 02-27 closed",
            "02-29 or 02-29 closed",
        ] {
            let exceptions = crate::domain::calendar_text::parse_exceptions("x", wrong).unwrap();
            let refused = Calendar::new(Tz::UTC, &[], exceptions).unwrap_err();
            assert_eq!(refused.problem, "no-such-date", "{wrong}");
        }
    }
}
