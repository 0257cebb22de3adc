//! Counting working time: how much passed between two instants, and when an amount of it will have passed.
//!
//! [`Hours`] are the calendars that a promise counts in: one, a union of several (follow the sun), and their versions over
//! time. All results are exact to the microsecond; time is elapsed time, so an hour that the wall clock shows twice counts
//! twice and one that it skips counts nothing (`sla-clocks` 4.3).

use std::sync::Arc;

use chrono_tz::Tz;

use super::calendar::{Calendar, Range, Walk};
use super::timestamp::Timestamp;

/// No search looks further than this after its start: five years, leap days included.
pub const SEARCH_SECS: i64 = 1_826 * 86_400 + 86_400 / 4;

const MICROS: i64 = 1_000_000;

/// Half-open: `from` belongs to it, `to` doesn't.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval {
    pub from: Timestamp,
    pub to: Timestamp,
}

impl Interval {
    pub const fn new(from: Timestamp, to: Timestamp) -> Self {
        Self { from, to }
    }

    pub fn contains(self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }

    pub fn micros(self) -> i64 {
        self.to.micros_since(self.from).max(0)
    }
}

/// Sorts intervals, drops empty ones and joins those that overlap or touch: the form that every function here expects.
pub fn unite(intervals: &mut Vec<Interval>) {
    intervals.retain(|interval| interval.from < interval.to);
    intervals.sort_unstable();
    intervals.dedup_by(|next, kept| {
        let joined = next.from <= kept.to;
        if joined {
            kept.to = kept.to.max(next.to);
        }
        joined
    });
}

/// From when on which calendars count, together.
#[derive(Debug, Clone)]
struct Stretch {
    from: Timestamp,
    calendars: Vec<Arc<Calendar>>,
}

/// The working time of a promise.
#[derive(Debug, Clone)]
pub struct Hours {
    /// Ascending; the first holds from the beginning of time, each until the next.
    stretches: Vec<Stretch>,
}

impl Hours {
    /// One calendar that never changed.
    pub fn of(calendar: Arc<Calendar>) -> Self {
        Self::union(vec![calendar])
    }

    /// Open whenever one of `calendars` is. The first one's zone names the dates. Expects at least one.
    pub fn union(calendars: Vec<Arc<Calendar>>) -> Self {
        let from = Timestamp::from_micros(i64::MIN);
        Self {
            stretches: vec![Stretch { from, calendars }],
        }
    }

    /// Open whenever one of `all` is, each with its versions. The first one's zone names the dates. Expects at least one.
    pub fn together(all: &[Arc<Hours>]) -> Self {
        let mut edges: Vec<Timestamp> = all
            .iter()
            .flat_map(|hours| hours.stretches.iter().map(|stretch| stretch.from))
            .collect();
        edges.sort_unstable();
        edges.dedup();
        let stretches = edges
            .into_iter()
            .map(|from| Stretch {
                from,
                calendars: all
                    .iter()
                    .flat_map(|hours| hours.stretches[hours.index(from)].calendars.clone())
                    .collect(),
            })
            .collect();
        Self { stretches }
    }

    /// The versions of one calendar, ascending by the instant from which each holds; the first holds for all time before too.
    /// Expects at least one.
    pub fn versions(versions: Vec<(Timestamp, Arc<Calendar>)>) -> Self {
        let mut stretches: Vec<Stretch> = versions
            .into_iter()
            .map(|(from, calendar)| Stretch {
                from,
                calendars: vec![calendar],
            })
            .collect();
        if let Some(first) = stretches.first_mut() {
            first.from = Timestamp::from_micros(i64::MIN);
        }
        Self { stretches }
    }

    /// The same week and the same special dates on the wall clock of another zone.
    pub fn in_zone(&self, zone: Tz) -> Self {
        let moved = |calendar: &Arc<Calendar>| {
            if calendar.zone() == zone {
                return calendar.clone();
            }
            let week = calendar.weekly().iter().zip(0..);
            let week: Vec<(u8, Range)> = week
                .flat_map(|(ranges, day)| ranges.iter().map(move |range| (day, *range)))
                .collect();
            // What was a calendar in its own zone is one in every other.
            match Calendar::new(zone, &week, calendar.exceptions().to_vec()) {
                Ok(moved) => Arc::new(moved),
                Err(_) => calendar.clone(),
            }
        };
        let stretches = self.stretches.iter().map(|stretch| Stretch {
            from: stretch.from,
            calendars: stretch.calendars.iter().map(moved).collect(),
        });
        Self {
            stretches: stretches.collect(),
        }
    }

    /// The zone in which dates are meant at `at`.
    pub fn zone(&self, at: Timestamp) -> Tz {
        self.stretches[self.index(at)]
            .calendars
            .first()
            .map_or(Tz::UTC, |calendar| calendar.zone())
    }

    fn index(&self, at: Timestamp) -> usize {
        self.stretches
            .partition_point(|stretch| stretch.from <= at)
            .max(1)
            - 1
    }

    /// Since when what holds at `at` has held; `None` if it was never otherwise before.
    pub fn in_force_since(&self, at: Timestamp) -> Option<Timestamp> {
        let since = self.stretches[self.index(at)].from;
        (since.micros() > i64::MIN).then_some(since)
    }

    /// The instants in `from..until` at which other calendars came to hold.
    pub fn changes(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> impl Iterator<Item = Timestamp> + '_ {
        let starts = self.stretches.iter().skip(1).map(|stretch| stretch.from);
        starts.filter(move |start| *start > from && *start < until)
    }

    /// Whether any instant in the five years after `from` is open. What isn't may not be saved: no promise could be kept.
    pub fn is_ever_open(&self, from: Timestamp) -> bool {
        deadline(self, from, 0, &[]).is_some()
    }

    pub fn is_open(&self, at: Timestamp) -> bool {
        self.pieces(at, at.plus_micros(1)).next_piece().is_some()
    }

    /// Open pieces within `from..until`, ascending and disjoint; long ones come in parts (cut at midnights).
    fn pieces(&self, from: Timestamp, until: Timestamp) -> Pieces<'_> {
        let mut pieces = Pieces {
            hours: self,
            stretch: self.index(from),
            at: from,
            until,
            walks: Vec::new(),
            heads: Vec::new(),
        };
        pieces.enter();
        pieces
    }

    /// The open intervals within `from..until`, joined where they touch: for drawing and explaining, not for arithmetic.
    pub fn open_intervals(&self, from: Timestamp, until: Timestamp) -> Vec<Interval> {
        let mut open = Vec::new();
        let mut pieces = self.pieces(from, until);
        while let Some(piece) = pieces.next_piece() {
            open.push(piece);
        }
        unite(&mut open);
        open
    }
}

/// What of `intervals` lies outside `holes`; both sorted and disjoint, as [`unite`] leaves them.
pub fn without(intervals: &[Interval], holes: &[Interval]) -> Vec<Interval> {
    let mut rest = Vec::with_capacity(intervals.len());
    let mut holes = holes;
    for interval in intervals {
        each_unheld(*interval, &mut holes, |part| {
            rest.push(part);
            None::<()>
        });
    }
    rest
}

/// A walk over [`Hours`].
struct Pieces<'a> {
    hours: &'a Hours,
    stretch: usize,
    /// Everything before this was handed out or is of no interest.
    at: Timestamp,
    until: Timestamp,
    walks: Vec<Walk<'a>>,
    /// Per walk the piece that was looked at but not handed out yet (unions only).
    heads: Vec<Option<(i64, i64)>>,
}

impl Pieces<'_> {
    fn enter(&mut self) {
        let seconds = self.at.micros().div_euclid(MICROS);
        self.walks.clear();
        for calendar in &self.hours.stretches[self.stretch].calendars {
            self.walks.push(Walk::new(calendar, seconds));
        }
        self.heads = vec![
            None;
            if self.walks.len() > 1 {
                self.walks.len()
            } else {
                0
            }
        ];
    }

    /// Where the current stretch, or the whole walk, ends.
    fn stretch_end(&self) -> Timestamp {
        let next = self.hours.stretches.get(self.stretch + 1);
        next.map_or(self.until, |next| next.from.min(self.until))
    }

    fn next_piece(&mut self) -> Option<Interval> {
        loop {
            let end = self.stretch_end();
            let end_secs = end.micros().div_euclid(MICROS) + 1;
            while let Some((from, to)) = self.next_raw(end_secs) {
                let from = Timestamp::from_micros(from.saturating_mul(MICROS)).max(self.at);
                let to = Timestamp::from_micros(to.saturating_mul(MICROS)).min(end);
                if from < to {
                    self.at = to;
                    return Some(Interval { from, to });
                }
                if from >= end {
                    break;
                }
            }
            if end >= self.until {
                return None;
            }
            self.stretch += 1;
            self.at = end;
            self.enter();
        }
    }

    fn next_raw(&mut self, until: i64) -> Option<(i64, i64)> {
        if let [walk] = self.walks.as_mut_slice() {
            return walk.next(until);
        }
        for (walk, head) in self.walks.iter_mut().zip(&mut self.heads) {
            if head.is_none() {
                *head = walk.next(until);
            }
        }
        let first = self
            .heads
            .iter_mut()
            .filter(|head| head.is_some())
            .min_by_key(|head| **head)?;
        first.take()
    }

    /// See [`Walk::leap`]; unions are walked day by day.
    fn leap(&mut self, micros: i64, stop: Timestamp) -> i64 {
        let stop = stop.min(self.stretch_end()).micros().div_euclid(MICROS);
        match self.walks.as_mut_slice() {
            [walk] => walk.leap(micros / MICROS, stop) * MICROS,
            _ => 0,
        }
    }
}

/// Working time in `from..to`, without what is in `holds` (united), in microseconds.
pub fn counted(hours: &Hours, from: Timestamp, to: Timestamp, holds: &[Interval]) -> i64 {
    let mut total = 0;
    let mut holds = holds;
    let mut pieces = hours.pieces(from, to);
    loop {
        let next_hold = holds.first().map_or(to, |hold| hold.from.min(to));
        total += pieces.leap(i64::MAX, next_hold);
        let Some(piece) = pieces.next_piece() else {
            return total;
        };
        each_unheld(piece, &mut holds, |part| {
            total += part.micros();
            None::<()>
        });
    }
}

/// The instant at which `budget` microseconds of working time have passed since `anchor`, what is in `holds` (united) left
/// out: the *earliest* such instant, so that 8 h from Mon 09:00 in 09–17 is Mon 17:00.
///
/// A budget of zero or less gives the first open, unheld instant at or after `anchor`. `None` if nothing is reached within five years.
pub fn deadline(
    hours: &Hours,
    anchor: Timestamp,
    budget: i64,
    holds: &[Interval],
) -> Option<Timestamp> {
    let limit = anchor.plus_secs(SEARCH_SECS);
    let mut left = budget;
    let mut holds = holds;
    let mut pieces = hours.pieces(anchor, limit);
    loop {
        let next_hold = holds.first().map_or(limit, |hold| hold.from.min(limit));
        left -= pieces.leap(left, next_hold);
        let piece = pieces.next_piece()?;
        let found = each_unheld(piece, &mut holds, |part| {
            if left <= part.micros() {
                return Some(part.from.plus_micros(left.max(0)));
            }
            left -= part.micros();
            None
        });
        if found.is_some() {
            return found;
        }
    }
}

/// Calls `visit` for each part of `piece` outside `holds` until it answers; drops holds that lie behind.
fn each_unheld<T>(
    piece: Interval,
    holds: &mut &[Interval],
    mut visit: impl FnMut(Interval) -> Option<T>,
) -> Option<T> {
    let mut from = piece.from;
    while let Some((hold, later)) = holds.split_first() {
        if hold.from >= piece.to {
            break;
        }
        if hold.from > from {
            let found = visit(Interval::new(from, hold.from));
            if found.is_some() {
                return found;
            }
        }
        from = from.max(hold.to);
        if hold.to > piece.to {
            return None;
        }
        *holds = later;
    }
    if from < piece.to {
        visit(Interval::new(from, piece.to))
    } else {
        None
    }
}

/// The end of the `n`th working day after the local date of `anchor`.
///
/// A day counts if a range starts on it after every exception and it isn't held when it closes; its end is that of the last
/// such range. `n` = 0 is the anchor's own date; after its close, or when it doesn't count, the next day that does.
/// `None` if there is none within five years.
pub fn end_of_day(
    hours: &Hours,
    anchor: Timestamp,
    n: u16,
    holds: &[Interval],
) -> Option<Timestamp> {
    let limit = anchor.plus_secs(SEARCH_SECS);
    let leader = hours.stretches[hours.index(anchor)].calendars.first()?;
    let anchor_date = leader.date_of(anchor);
    let mut date = if n == 0 { anchor_date } else { anchor_date + 1 };
    let mut to_find = n.max(1);
    loop {
        let close = close_of(hours, leader, date);
        if let Some(close) = close {
            if close > limit {
                return None;
            }
            // Held at its close means: before and beyond it. A hold that begins with the close doesn't move it.
            let held = holds
                .iter()
                .any(|hold| hold.from < close && close < hold.to);
            let passed = n == 0 && close < anchor;
            if !held && !passed {
                to_find -= 1;
                if to_find == 0 {
                    return Some(close);
                }
            }
        }
        date += 1;
        if date - anchor_date > SEARCH_SECS / 86_400 + 2 {
            return None;
        }
    }
}

/// When `date`, as `leader`'s zone counts it, closes; `None` if no range starts on it.
fn close_of(hours: &Hours, leader: &Calendar, date: i64) -> Option<Timestamp> {
    let mut close = None;
    for (index, stretch) in hours.stretches.iter().enumerate() {
        let until = hours
            .stretches
            .get(index + 1)
            .map_or(i64::MAX, |next| next.from.micros());
        for calendar in &stretch.calendars {
            // Another zone's range may start on this date of the leader while it is the day before or after there.
            let around = if calendar.zone() == leader.zone() {
                date..=date
            } else {
                date - 1..=date + 1
            };
            for other in around {
                for (from, to) in calendar.starting_on(other) {
                    let from = Timestamp::from_micros(from.saturating_mul(MICROS));
                    let to = Timestamp::from_micros(to.saturating_mul(MICROS).min(until));
                    // What an exception left of a range for the next date doesn't start a day there.
                    let starts = calendar.date_of(from) == other && leader.date_of(from) == date;
                    if starts && from.max(stretch.from) < to {
                        close = close.max(Some(to));
                    }
                }
            }
        }
    }
    close
}

#[cfg(test)]
mod tests;
