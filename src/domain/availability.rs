//! Availability: what part of the agreed time a service worked for a customer. Outages that overlap count once; what was announced
//! as maintenance counts, where the agreement says so, neither as time nor as outage.

use super::ticket::State;
use super::timestamp::Timestamp;
use super::worktime::{Hours, Interval, counted, unite, without};

/// One outage: of an incident, from its impact to its restoration, or still going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    pub from: Timestamp,
    pub to: Option<Timestamp>,
}

/// What an incident's timeline says of whether it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    Restored,
    /// It was opened again, or the restoration didn't hold.
    Broken,
}

/// The outages of one incident since `from`, one for each time that it broke. `turns` ascend; what is restored already isn't
/// restored once more.
pub fn outages(from: Timestamp, turns: &[(Timestamp, Turn)]) -> Vec<Outage> {
    let mut outages = vec![Outage { from, to: None }];
    for (at, turn) in turns {
        let last = outages.last_mut().filter(|outage| outage.to.is_none());
        match (turn, last) {
            (Turn::Restored, Some(outage)) => outage.to = Some((*at).max(outage.from)),
            (Turn::Broken, None) => outages.push(Outage {
                from: *at,
                to: None,
            }),
            (Turn::Restored, None) | (Turn::Broken, Some(_)) => {}
        }
    }
    outages
}

/// How much of the agreed time something worked, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uptime {
    /// The agreed time of the period, without excluded maintenance.
    pub total: i64,
    /// Of that, in which it was down.
    pub down: i64,
}

impl Uptime {
    pub const fn up(self) -> i64 {
        self.total - self.down
    }
}

/// A change's window is maintenance if the change was approved before it began and not called off.
pub fn is_maintenance(
    state: State,
    approved_at: Option<Timestamp>,
    window: (Option<Timestamp>, Option<Timestamp>),
) -> Option<Interval> {
    let (Some(from), Some(to)) = window else {
        return None;
    };
    let was_announced = approved_at.is_some_and(|approved| approved <= from);
    (was_announced && state != State::Cancelled && from < to).then_some(Interval::new(from, to))
}

/// The uptime within `period`. `hours`: the agreed time, `None` round the clock. An outage that goes on lasts until the period's
/// end. `maintenance` in any order; overlaps are counted once.
pub fn uptime(
    period: Interval,
    hours: Option<&Hours>,
    outages: &[Outage],
    maintenance: &[Interval],
) -> Uptime {
    let mut maintained = maintenance.to_vec();
    unite(&mut maintained);
    let mut down: Vec<Interval> = outages
        .iter()
        .map(|outage| {
            let to = outage.to.unwrap_or(period.to).min(period.to);
            Interval::new(outage.from.max(period.from), to)
        })
        .collect();
    unite(&mut down);
    let counts = |interval: Interval| match hours {
        Some(hours) => counted(hours, interval.from, interval.to, &[]),
        None => interval.micros(),
    };
    let rest = |intervals: &[Interval]| -> i64 {
        without(intervals, &maintained)
            .into_iter()
            .map(counts)
            .sum()
    };
    Uptime {
        total: rest(&[period]),
        down: rest(&down),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono_tz::Tz;

    use super::super::calendar::{Calendar, Range};
    use super::*;

    /// 1 June 2026, 00:00 UTC, plus minutes.
    fn at(minutes: i64) -> Timestamp {
        Timestamp::parse_rfc3339("2026-06-01T00:00:00Z")
            .unwrap()
            .plus_secs(minutes * 60)
    }

    fn outage(from: i64, to: i64) -> Outage {
        Outage {
            from: at(from),
            to: Some(at(to)),
        }
    }

    const MINUTE: i64 = 60_000_000;

    fn minutes(uptime: Uptime) -> (i64, i64) {
        (uptime.total / MINUTE, uptime.down / MINUTE)
    }

    #[test]
    fn outages_that_overlap_count_once_and_only_within_the_period() {
        let day = Interval::new(at(0), at(1440));
        let outages = [
            outage(60, 120),
            outage(90, 150),
            outage(150, 160),
            // It began the day before, and one goes on into the next.
            outage(-30, 10),
            Outage {
                from: at(1430),
                to: None,
            },
            outage(-90, -60),
            outage(1500, 1600),
        ];
        assert_eq!(minutes(uptime(day, None, &outages, &[])), (1440, 120));
        assert_eq!(minutes(uptime(day, None, &[], &[])), (1440, 0));
    }

    #[test]
    fn what_was_opened_again_is_an_outage_for_each_time_that_it_broke() {
        use Turn::{Broken, Restored};
        let spans = |turns: &[(i64, Turn)]| -> Vec<(i64, Option<i64>)> {
            let turns: Vec<_> = turns
                .iter()
                .map(|(minute, turn)| (at(*minute), *turn))
                .collect();
            let minute = |it: Timestamp| it.secs_since(at(0)) / 60;
            let outages = outages(at(10), &turns).into_iter();
            outages
                .map(|outage| (minute(outage.from), outage.to.map(minute)))
                .collect()
        };
        assert_eq!(spans(&[]), [(10, None)]);
        assert_eq!(spans(&[(30, Restored)]), [(10, Some(30))]);
        // Restored and then resolved: it worked from the first of them on.
        assert_eq!(spans(&[(30, Restored), (40, Restored)]), [(10, Some(30))]);
        let again = [(30, Restored), (90, Broken), (95, Broken), (100, Restored)];
        assert_eq!(spans(&again), [(10, Some(30)), (90, Some(100))]);
        assert_eq!(spans(&again[..3]), [(10, Some(30)), (90, None)]);
        // Broken while it was down says nothing new; restored before the impact that was corrected, it was never down.
        assert_eq!(spans(&[(20, Broken), (30, Restored)]), [(10, Some(30))]);
        assert_eq!(spans(&[(5, Restored)]), [(10, Some(10))]);
        let day = Interval::new(at(0), at(1440));
        let turns = again.map(|(minute, turn)| (at(minute), turn));
        let down = uptime(day, None, &outages(at(10), &turns), &[]);
        assert_eq!(minutes(down), (1440, 30));
    }

    #[test]
    fn maintenance_is_neither_time_nor_outage() {
        let day = Interval::new(at(0), at(1440));
        let windows = [
            Interval::new(at(100), at(200)),
            Interval::new(at(150), at(250)),
        ];
        let down = uptime(day, None, &[outage(60, 120), outage(240, 300)], &windows);
        assert_eq!(minutes(down), (1290, 90));
        assert_eq!((down.up() / MINUTE), 1200);
    }

    #[test]
    fn only_the_agreed_hours_count() {
        // Monday 09:00–17:00 in London is 08:00–16:00 UTC in June.
        let office = Range::parse("09:00-17:00").unwrap();
        let calendar = Calendar::new(Tz::Europe__London, &[(0, office)], vec![]).unwrap();
        let hours = Hours::of(Arc::new(calendar));
        let day = Interval::new(at(0), at(1440));
        let down = uptime(
            day,
            Some(&hours),
            &[outage(400, 510), outage(1000, 1200)],
            &[],
        );
        assert_eq!(minutes(down), (480, 30));
    }

    #[test]
    fn a_window_counts_if_it_was_approved_before_and_not_called_off() {
        let window = (Some(at(60)), Some(at(120)));
        let interval = Some(Interval::new(at(60), at(120)));
        for (state, approved, expected) in [
            (State::Closed, Some(at(60)), interval),
            (State::Closed, Some(at(61)), None),
            (State::Approved, Some(at(0)), interval),
            (State::Cancelled, Some(at(0)), None),
            (State::Draft, None, None),
        ] {
            assert_eq!(is_maintenance(state, approved, window), expected);
        }
        assert_eq!(
            is_maintenance(State::Closed, Some(at(0)), (Some(at(60)), None)),
            None
        );
    }
}
