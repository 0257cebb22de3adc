//! When a zone's clock differs from UTC by how much, laid out for arithmetic.
//!
//! A calendar asks for thousands of conversions to find one deadline; here they are a walk along a short table, found once
//! per zone from the tz database and kept for the life of the program. Good from 1970 on; the last offset holds for ever.
//!
//! The one rule for local times that daylight saving makes doubtful (`sla-clocks` 4.7): a time that doesn't exist is the
//! first instant after the gap; a repeated one is its first occurrence when something starts, its last when it ends.

use std::collections::HashMap;
use std::sync::{OnceLock, RwLock};

use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::Tz;

/// Seconds of a day.
pub(super) const DAY: i64 = 86_400;

/// One offset and the instant (seconds UTC) from which it holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub from: i64,
    pub offset: i64,
}

/// The offsets of one zone. Local times are counted in seconds as if the wall clock were UTC.
#[derive(Debug, Clone, Copy)]
pub(super) struct Offsets(&'static [Span]);

impl Offsets {
    pub fn of(zone: Tz) -> Self {
        static KNOWN: OnceLock<RwLock<HashMap<Tz, Offsets>>> = OnceLock::new();
        let known = KNOWN.get_or_init(RwLock::default);
        // A poisoned lock still holds a table of finished rows: each is inserted whole.
        if let Some(found) = known.read().unwrap_or_else(|e| e.into_inner()).get(&zone) {
            return *found;
        }
        let mut known = known.write().unwrap_or_else(|e| e.into_inner());
        *known
            .entry(zone)
            .or_insert_with(|| Self(Box::leak(survey(zone).into_boxed_slice())))
    }

    /// The position of the span that holds at `utc`.
    fn index(self, utc: i64) -> usize {
        self.0.partition_point(|span| span.from <= utc).max(1) - 1
    }

    pub fn offset_at(self, utc: i64) -> i64 {
        self.0[self.index(utc)].offset
    }

    /// The local date (days since 1970-01-01) that a wall clock shows at `utc`.
    pub fn date_at(self, utc: i64) -> i64 {
        (utc + self.offset_at(utc)).div_euclid(DAY)
    }

    /// The offset at `utc` with the half-open interval of UTC seconds in which it doesn't change.
    pub fn steady(self, utc: i64) -> (i64, i64, i64) {
        let index = self.index(utc);
        let until = self.0.get(index + 1).map_or(i64::MAX, |next| next.from);
        (self.0[index].from, until, self.0[index].offset)
    }

    /// The first instant whose wall clock reads `local`, or the end of the gap that swallowed it.
    pub fn earliest(self, local: i64) -> i64 {
        let first = self.index(local - 26 * 3600);
        for index in first..self.0.len() {
            let span = self.0[index];
            let utc = local - span.offset;
            if utc < span.from {
                return span.from; // read by neither side: the clock jumped over it here
            }
            if self.0.get(index + 1).is_none_or(|next| utc < next.from) {
                return utc;
            }
        }
        local // not reached: the last span has no end
    }

    /// The last instant whose wall clock reads `local`, or the end of the gap that swallowed it.
    pub fn latest(self, local: i64) -> i64 {
        let first = self.index(local - 26 * 3600);
        let last = self.index(local + 26 * 3600);
        for index in (first..=last).rev() {
            let span = self.0[index];
            let utc = local - span.offset;
            let ended = self.0.get(index + 1).is_some_and(|next| utc >= next.from);
            if utc >= span.from {
                return if ended { self.0[index + 1].from } else { utc };
            }
        }
        self.earliest(local)
    }
}

/// Finds every change of offset between 1970 and 2100 by looking at each noon and halving the days that differ.
fn survey(zone: Tz) -> Vec<Span> {
    let offset = |utc: i64| -> i64 {
        let naive = DateTime::from_timestamp(utc, 0)
            .unwrap_or_default()
            .naive_utc();
        i64::from(
            zone.offset_from_utc_datetime(&naive)
                .fix()
                .local_minus_utc(),
        )
    };
    const END: i64 = 131 * 366 * DAY;
    const STEP: i64 = DAY;
    let mut spans = vec![Span {
        from: i64::MIN,
        offset: offset(0),
    }];
    let (mut at, mut current) = (0, offset(0));
    while at < END {
        let next = at + STEP;
        if offset(next) != current {
            let (mut before, mut after) = (at, next);
            while after - before > 1 {
                let middle = (before + after) / 2;
                if offset(middle) == current {
                    before = middle;
                } else {
                    after = middle;
                }
            }
            current = offset(after);
            spans.push(Span {
                from: after,
                offset: current,
            });
            at = after;
        } else {
            at = next;
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{LocalResult, NaiveDate};

    #[test]
    fn conversions_agree_with_the_tz_database() {
        for zone in [
            Tz::Europe__Berlin,
            Tz::America__Havana,
            Tz::Africa__Casablanca,
            Tz::Australia__Lord_Howe,
            Tz::Pacific__Apia,
            Tz::America__St_Johns,
            Tz::Asia__Kathmandu,
        ] {
            let offsets = Offsets::of(zone);
            let start = NaiveDate::from_ymd_opt(2005, 1, 1)
                .unwrap()
                .and_hms_opt(0, 0, 0)
                .unwrap();
            for step in 0..60_000 {
                let local = start + chrono::TimeDelta::minutes(step * 197);
                let seconds = local.and_utc().timestamp();
                let (first, last) = match zone.from_local_datetime(&local) {
                    LocalResult::Single(one) => (one.timestamp(), one.timestamp()),
                    LocalResult::Ambiguous(a, b) => (a.timestamp(), b.timestamp()),
                    LocalResult::None => {
                        let gap = chrono_tz::GapInfo::new(&local, &zone).unwrap();
                        let end = gap.end.unwrap().timestamp();
                        (end, end)
                    }
                };
                assert_eq!(offsets.earliest(seconds), first, "{zone} {local}");
                assert_eq!(offsets.latest(seconds), last, "{zone} {local}");
            }
        }
    }
}
