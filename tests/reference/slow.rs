//! Working time by definition: a second implementation of `sla-clocks` 4.3 and 4.7, written from their text alone.
//!
//! It writes down what the wall clock shows in each minute, marks the minutes that are open, and counts marks. It shares
//! nothing with the engine but the tz database, and it is slow. Good for offsets of whole minutes, which all are since 1972.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, Days, NaiveDate, Offset, TimeZone};
use chrono_tz::Tz;

/// Minutes of a day.
const DAY: i64 = 1440;
/// Microseconds of a minute.
pub const MINUTE: i64 = 60_000_000;
/// Minutes beyond a window that are looked at too: ranges begin two dates earlier, and Samoa once skipped a date.
const MARGIN: i64 = 5 * DAY;

/// Minutes since midnight.
pub type Times = (u16, u16);

#[derive(Debug, Clone)]
pub struct Plan {
    pub zone: Tz,
    /// 0 is Monday; the end comes after the start, up to 48:00.
    pub weekly: Vec<(u8, Times)>,
    pub exceptions: Vec<Except>,
}

#[derive(Debug, Clone)]
pub struct Except {
    pub dates: Dates,
    pub change: Change,
}

#[derive(Debug, Clone)]
pub enum Dates {
    Once(NaiveDate, NaiveDate),
    /// Month and day, both included.
    Yearly((u32, u32), (u32, u32)),
    /// The nth such weekday of a month, −1 is the last.
    Nth(u32, i8, u8),
    Easter(i16),
}

#[derive(Debug, Clone)]
pub enum Change {
    Closed,
    ClosedFor(Vec<Times>),
    Open(Vec<Times>),
}

/// One calendar, several together, or one after the other from certain microseconds on.
#[derive(Debug, Clone)]
pub enum Book {
    Union(Vec<Plan>),
    Versions(Vec<(i64, Plan)>),
}

/// Half-open, in microseconds.
pub type Span = (i64, i64);

/// What the wall clock of a zone shows in each minute of a stretch.
struct Wall {
    first: i64,
    /// Minutes of local time since 1970, by minute of UTC.
    local: Vec<i64>,
    offsets: BTreeSet<i64>,
    /// The minutes before which the wall clock leapt ahead.
    leaps: Vec<i64>,
}

/// Minutes that `zone` is ahead of UTC in this minute of UTC.
pub fn offset(zone: Tz, minute: i64) -> i64 {
    let utc = DateTime::from_timestamp(minute * 60, 0).expect("within chrono's years");
    let offset = zone.offset_from_utc_datetime(&utc.naive_utc());
    i64::from(offset.fix().local_minus_utc()) / 60
}

impl Wall {
    fn new(zone: Tz, first: i64, last: i64) -> Self {
        let mut local = Vec::new();
        let mut at = first;
        while at < last {
            let (here, ahead) = (offset(zone, at), offset(zone, at + 15));
            for minute in at..at + 15 {
                // Nothing changes twice within a quarter of an hour.
                let offset = if here == ahead {
                    here
                } else {
                    offset(zone, minute)
                };
                local.push(minute + offset);
            }
            at += 15;
        }
        let minutes = first..;
        let offsets = local
            .iter()
            .zip(minutes)
            .map(|(local, utc)| local - utc)
            .collect();
        let pairs = local.windows(2).zip(first + 1..);
        let leaps = pairs
            .filter(|(pair, _)| pair[1] > pair[0] + 1)
            .map(|(_, minute)| minute)
            .collect();
        Self {
            first,
            local,
            offsets,
            leaps,
        }
    }

    fn shows(&self, minute: i64) -> Option<i64> {
        let index = usize::try_from(minute - self.first).ok()?;
        self.local.get(index).copied()
    }

    /// The minutes in which it shows `wanted`; if none, the first one after the gap.
    fn readings(&self, wanted: i64) -> Vec<i64> {
        let minutes = self.offsets.iter().map(|offset| wanted - offset);
        let mut found: Vec<i64> = minutes
            .filter(|minute| self.shows(*minute) == Some(wanted))
            .collect();
        if found.is_empty() {
            let gap = self.leaps.iter().find(|minute| {
                self.shows(**minute - 1).is_some_and(|shown| shown < wanted)
                    && self.shows(**minute).is_some_and(|shown| shown > wanted)
            });
            found.extend(gap);
        }
        found.sort_unstable();
        found
    }

    /// A start counts from the first occurrence.
    fn start(&self, local: i64) -> Option<i64> {
        self.readings(local).first().copied()
    }

    /// An end counts to the last.
    fn end(&self, local: i64) -> Option<i64> {
        self.readings(local).last().copied()
    }

    /// The local date in this minute.
    fn date(&self, minute: i64) -> Option<NaiveDate> {
        Some(date_of(self.shows(minute)?.div_euclid(DAY)))
    }
}

fn date_of(days: i64) -> NaiveDate {
    DateTime::from_timestamp(days * 86_400, 0)
        .expect("within chrono's years")
        .date_naive()
}

fn minute_of(date: NaiveDate, minutes: u16) -> i64 {
    let midnight = date.and_hms_opt(0, 0, 0).expect("every date has one");
    midnight.and_utc().timestamp() / 60 + i64::from(minutes)
}

/// The exceptions that govern `date`: of all that name it the most specific ones, which are equals.
fn governing(plan: &Plan, date: NaiveDate) -> Vec<&Change> {
    let named: Vec<_> = plan
        .exceptions
        .iter()
        .filter_map(|exception| Some((specific(&exception.dates, date)?, &exception.change)))
        .collect();
    let Some(most) = named.iter().map(|(rank, _)| *rank).min() else {
        return Vec::new();
    };
    let equals: Vec<_> = named
        .into_iter()
        .filter(|(rank, _)| *rank == most)
        .map(|(_, change)| change)
        .collect();
    // Of equals closed wins; a special date without hours is closed.
    let is_closed = |change: &Change| match change {
        Change::Closed => true,
        Change::Open(hours) => hours.is_empty(),
        Change::ClosedFor(_) => false,
    };
    match equals.iter().find(|change| is_closed(change)) {
        Some(closed) => vec![*closed],
        None => equals,
    }
}

/// How specific `dates` are if they name `date`, smaller being more so: once before recurring, then by the length in days.
fn specific(dates: &Dates, date: NaiveDate) -> Option<(bool, i64)> {
    match dates {
        Dates::Once(from, to) => {
            (*from <= date && date <= *to).then(|| (false, (*to - *from).num_days()))
        }
        Dates::Yearly(from, to) => {
            let day = |date: NaiveDate| (date.month(), date.day());
            let is_named = |date: NaiveDate| match from <= to {
                true => *from <= day(date) && day(date) <= *to,
                false => *from <= day(date) || day(date) <= *to,
            };
            if !is_named(date) {
                return None;
            }
            let begins = |date: NaiveDate| {
                let before = date.pred_opt().expect("not the first date");
                day(date) >= *from && (day(before) < *from || before.year() < date.year())
            };
            let ends = |date: NaiveDate| {
                let after = date.succ_opt().expect("not the last date");
                day(date) <= *to && (day(after) > *to || after.year() > date.year())
            };
            let (mut first, mut last) = (date, date);
            while !begins(first) {
                first = first.pred_opt().expect("not the first date");
            }
            while !ends(last) {
                last = last.succ_opt().expect("not the last date");
            }
            Some((true, (last - first).num_days()))
        }
        Dates::Nth(month, nth, weekday) => {
            let is_last = (date + Days::new(7)).month() != *month;
            let which = (date.day() - 1) / 7 + 1;
            let is_it = date.month() == *month
                && date.weekday().num_days_from_monday() == u32::from(*weekday)
                && (i64::from(*nth) == i64::from(which) || *nth == -1 && is_last);
            is_it.then_some((true, 0))
        }
        Dates::Easter(days) => {
            let day = |year| easter(year) + chrono::TimeDelta::days(i64::from(*days));
            let years = date.year() - 1..=date.year() + 1;
            years
                .into_iter()
                .any(|year| day(year) == date)
                .then_some((true, 0))
        }
    }
}

/// Easter Sunday by Gauss's rule as Lichtenberg corrected it (1997).
pub fn easter(year: i32) -> NaiveDate {
    let century = year / 100;
    let moon = 15 + (3 * century + 3) / 4 - (8 * century + 13) / 25;
    let sun = 2 - (3 * century + 3) / 4;
    let golden = year % 19;
    let seed = (19 * golden + moon) % 30;
    let correction = (seed + golden / 11) / 29;
    let limit = 21 + seed - correction;
    let sunday = 7 - (year + year / 4 + sun).rem_euclid(7);
    let after = 7 - (limit - sunday).rem_euclid(7);
    let march = NaiveDate::from_ymd_opt(year, 3, 1).expect("March begins");
    march + chrono::TimeDelta::days(i64::from(limit + after - 1))
}

/// Minutes of a stretch, marked or not.
struct Marks {
    first: i64,
    is_open: Vec<bool>,
}

impl Marks {
    fn set(&mut self, from: Option<i64>, to: Option<i64>, is_open: bool) {
        let length = self.is_open.len() as i64;
        let (Some(from), Some(to)) = (from, to) else {
            return; // Lies beyond the stretch.
        };
        let from = (from - self.first).clamp(0, length);
        let to = (to - self.first).clamp(from, length);
        self.is_open[from as usize..to as usize].fill(is_open);
    }

    fn add(&mut self, other: &Marks) {
        for (is_open, minute) in other.is_open.iter().zip(other.first..) {
            if *is_open {
                self.set(Some(minute), Some(minute + 1), true);
            }
        }
    }

    fn spans(&self) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        for (is_open, minute) in self.is_open.iter().zip(self.first..) {
            if !is_open {
                continue;
            }
            match spans.last_mut() {
                Some(last) if last.1 == minute => last.1 = minute + 1,
                _ => spans.push((minute, minute + 1)),
            }
        }
        spans
            .into_iter()
            .map(|(from, to)| (from * MINUTE, to * MINUTE))
            .collect()
    }
}

/// A plan over a stretch of UTC minutes.
struct Page<'a> {
    plan: &'a Plan,
    wall: Wall,
    dates: Vec<NaiveDate>,
    first: i64,
    last: i64,
}

impl<'a> Page<'a> {
    fn new(plan: &'a Plan, first: i64, last: i64) -> Self {
        let wall = Wall::new(plan.zone, first - 2 * MARGIN, last + 2 * MARGIN);
        let dates = (first - MARGIN).div_euclid(DAY)..=(last + MARGIN).div_euclid(DAY);
        Self {
            plan,
            wall,
            dates: dates.map(date_of).collect(),
            first: first - MARGIN,
            last: last + MARGIN,
        }
    }

    fn blank(&self) -> Marks {
        Marks {
            first: self.first,
            is_open: vec![false; (self.last - self.first) as usize],
        }
    }

    /// Room for the ranges that start on `date`, in any zone.
    fn blank_around(&self, date: NaiveDate) -> Marks {
        Marks {
            first: minute_of(date, 0) - 2 * DAY,
            is_open: vec![false; 7 * DAY as usize],
        }
    }

    fn mark(&self, marks: &mut Marks, date: NaiveDate, times: Times, is_open: bool) {
        let from = self.wall.start(minute_of(date, times.0));
        let to = self.wall.end(minute_of(date, times.1));
        marks.set(from, to, is_open);
    }

    fn weekly(&self, date: NaiveDate) -> impl Iterator<Item = Times> {
        let weekday = date.weekday().num_days_from_monday();
        let ranges = self.plan.weekly.iter();
        ranges
            .filter(move |(day, _)| u32::from(*day) == weekday)
            .map(|(_, times)| *times)
    }

    /// (b) of 4.7.4: cuts what is closed on `date`.
    fn cut(&self, marks: &mut Marks, date: NaiveDate) {
        for change in governing(self.plan, date) {
            match change {
                Change::Closed | Change::Open(_) => {
                    let from = self.wall.start(minute_of(date, 0));
                    let to = self.wall.start(minute_of(date + Days::new(1), 0));
                    marks.set(from, to, false);
                }
                Change::ClosedFor(times) => {
                    for times in times {
                        self.mark(marks, date, *times, false);
                    }
                }
            }
        }
    }

    /// (c) of 4.7.4: the special hours of `date`; closings of the same rank win over them.
    fn special(&self, date: NaiveDate) -> Marks {
        let mut own = self.blank_around(date);
        let governing = governing(self.plan, date);
        for change in &governing {
            if let Change::Open(hours) = change {
                for times in hours {
                    self.mark(&mut own, date, *times, true);
                }
            }
        }
        for change in &governing {
            if let Change::ClosedFor(closings) = change {
                for times in closings {
                    self.mark(&mut own, date, *times, false);
                }
            }
        }
        own
    }

    fn is_special(&self, date: NaiveDate) -> bool {
        let governing = governing(self.plan, date);
        governing
            .iter()
            .any(|change| matches!(change, Change::Open(_)))
    }

    /// All that is open.
    fn open(&self) -> Marks {
        let mut marks = self.blank();
        for date in &self.dates {
            for times in self.weekly(*date) {
                self.mark(&mut marks, *date, times, true);
            }
        }
        for date in &self.dates {
            self.cut(&mut marks, *date);
        }
        for date in self.dates.iter().filter(|date| self.is_special(**date)) {
            marks.add(&self.special(*date));
        }
        marks
    }

    /// What is open of the ranges that start on `date`, after every exception; nothing if the date is closed.
    fn of_date(&self, date: NaiveDate) -> Vec<Span> {
        let mut marks = self.blank_around(date);
        let governing = governing(self.plan, date);
        let is_cut = governing
            .iter()
            .any(|change| !matches!(change, Change::ClosedFor(_)));
        if !is_cut {
            for times in self.weekly(date) {
                self.mark(&mut marks, date, times, true);
            }
            for other in date.iter_days().take(4).chain(date.pred_opt()) {
                self.cut(&mut marks, other);
            }
        }
        if self.is_special(date) {
            marks.add(&self.special(date));
        }
        marks.spans()
    }
}

/// A book, worked out over a window.
pub struct Slow<'a> {
    book: &'a Book,
    window: Span,
    pages: Vec<Page<'a>>,
    open: Vec<Span>,
}

impl<'a> Slow<'a> {
    /// The window's ends are whole minutes, in microseconds.
    pub fn new(book: &'a Book, window: Span) -> Self {
        let (first, last) = (window.0 / MINUTE, window.1 / MINUTE);
        let plans: Vec<&Plan> = match book {
            Book::Union(plans) => plans.iter().collect(),
            Book::Versions(versions) => versions.iter().map(|(_, plan)| plan).collect(),
        };
        let pages: Vec<Page> = plans
            .into_iter()
            .map(|plan| Page::new(plan, first, last))
            .collect();
        let mut slow = Self {
            book,
            window,
            pages,
            open: Vec::new(),
        };
        let mut open = Vec::new();
        for (index, page) in slow.pages.iter().enumerate() {
            let holds = slow.holds(index);
            open.extend(clip(&page.open().spans(), holds));
        }
        slow.open = clip(&joined(open), window);
        slow
    }

    /// When the calendar at `index` counts.
    fn holds(&self, index: usize) -> Span {
        match self.book {
            Book::Union(_) => (i64::MIN, i64::MAX),
            Book::Versions(versions) => {
                let from = if index == 0 {
                    i64::MIN
                } else {
                    versions[index].0
                };
                let until = versions.get(index + 1).map_or(i64::MAX, |next| next.0);
                (from, until)
            }
        }
    }

    pub fn open(&self) -> &[Span] {
        &self.open
    }

    pub fn is_open(&self, at: i64) -> bool {
        self.open.iter().any(|span| span.0 <= at && at < span.1)
    }

    fn counting(&self, from: i64, holds: &[Span]) -> Vec<Span> {
        let mut left = clip(&self.open, (from, self.window.1));
        for hold in holds {
            left = left
                .into_iter()
                .flat_map(|(from, to)| [(from, to.min(hold.0)), (from.max(hold.1), to)])
                .filter(|(from, to)| from < to)
                .collect();
        }
        left
    }

    /// 4.3.1
    pub fn counted(&self, from: i64, to: i64, holds: &[Span]) -> i64 {
        let spans = clip(&self.counting(from, holds), (from, to));
        spans.iter().map(|(from, to)| to - from).sum()
    }

    /// 4.3.2; `None` if it isn't within the window.
    pub fn deadline(&self, anchor: i64, budget: i64, holds: &[Span]) -> Option<i64> {
        let mut left = budget;
        for (from, to) in self.counting(anchor, holds) {
            if left <= to - from {
                return Some(from + left);
            }
            left -= to - from;
        }
        None
    }

    /// 4.3.8; `None` if it isn't within the window.
    pub fn end_of_day(&self, anchor: i64, n: u16, holds: &[Span]) -> Option<i64> {
        let minute = anchor.div_euclid(MINUTE);
        let leads = match self.book {
            Book::Union(_) => 0,
            Book::Versions(versions) => {
                let begun = versions.iter().filter(|(from, _)| *from <= anchor).count();
                begun.max(1) - 1
            }
        };
        let wall = &self.pages[leads].wall;
        let own_date = wall.date(minute)?;
        let mut date = own_date;
        let mut found = 0;
        loop {
            let close = self.close_of(date, wall);
            // No zone is ahead of UTC by a day.
            if (minute_of(date, 0) - DAY) * MINUTE > self.window.1 {
                return None;
            }
            let held = |at: i64| holds.iter().any(|hold| hold.0 < at && at < hold.1);
            if let Some(close) = close.filter(|close| !held(*close)) {
                found += u16::from(date > own_date);
                let is_it = match n {
                    0 => close >= anchor,
                    _ => found == n && date > own_date,
                };
                if is_it {
                    // What closes beyond the window isn't for it to say.
                    return Some(close).filter(|close| *close <= self.window.1);
                }
            }
            date = date + Days::new(1);
        }
    }

    /// The end of the last range that starts on this date of `wall`'s zone.
    fn close_of(&self, date: NaiveDate, wall: &Wall) -> Option<i64> {
        let mut close = None;
        for (index, page) in self.pages.iter().enumerate() {
            let holds = self.holds(index);
            // Another zone's date may be one off.
            for other in [date - Days::new(1), date, date + Days::new(1)] {
                for span in page.of_date(other) {
                    let minute = span.0 / MINUTE;
                    // What an exception left of a range for the next date doesn't start a day there.
                    let starts =
                        page.wall.date(minute) == Some(other) && wall.date(minute) == Some(date);
                    for (_, to) in clip(&[span], holds) {
                        if starts {
                            close = close.max(Some(to));
                        }
                    }
                }
            }
        }
        close
    }
}

fn clip(spans: &[Span], to: Span) -> Vec<Span> {
    spans
        .iter()
        .map(|span| (span.0.max(to.0), span.1.min(to.1)))
        .filter(|(from, to)| from < to)
        .collect()
}

fn joined(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    let mut joined: Vec<Span> = Vec::new();
    for span in spans {
        match joined.last_mut() {
            Some(last) if span.0 <= last.1 => last.1 = last.1.max(span.1),
            _ => joined.push(span),
        }
    }
    joined
}
