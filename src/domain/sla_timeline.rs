//! A clock without a ticket: what became of one target, given when it ran, paused and stopped. For dry runs and comparisons;
//! tickets' clocks are [`super::sla_clock`]'s.

use super::timestamp::Timestamp;
use super::word::words;
use super::worktime::{self, Hours, Interval};

words! {
    /// How a clock was set at some instant.
    pub enum Setting { Running = "running", Paused = "paused", Stopped = "stopped" }
}

/// What a timeline comes to. Lengths are microseconds of working time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    pub elapsed: i64,
    /// Negative when it is late.
    pub remaining: i64,
    /// The deadline, once it is past and wasn't stopped at or before.
    pub breached_at: Option<Timestamp>,
    /// The breach; else, of a running clock, when the target is reached. `None` too if that isn't within five years.
    pub due_at: Option<Timestamp>,
}

/// Reads a clock of `target` microseconds at `now`. `settings` ascend; of several at one instant the last counts, those after
/// `now` don't, and nothing runs before the first.
///
/// A pause at or after the deadline doesn't move it. A clock that was stopped and set running again goes on where it was.
pub fn read(
    hours: &Hours,
    target: i64,
    now: Timestamp,
    settings: &[(Timestamp, Setting)],
) -> Reading {
    let passed = settings.partition_point(|(at, _)| *at <= now);
    let settings = &settings[..passed];
    let Some((anchor, _)) = settings.first().copied() else {
        return Reading {
            elapsed: 0,
            remaining: target,
            breached_at: None,
            due_at: None,
        };
    };
    // Whatever isn't running is a hold; the last one, if it lasts, has no end.
    let mut idle = Vec::new();
    for (index, (from, setting)) in settings.iter().enumerate() {
        let until = settings
            .get(index + 1)
            .map_or(Timestamp::NEVER, |(at, _)| *at);
        if *setting != Setting::Running {
            idle.push(Interval::new(*from, until));
        }
    }
    worktime::unite(&mut idle);
    let elapsed = worktime::counted(hours, anchor, now, &idle);
    let deadline = worktime::deadline(hours, anchor, target, &idle);
    let is_running = settings
        .last()
        .is_some_and(|(_, setting)| *setting == Setting::Running);
    let seen_until = stopped_at(settings).unwrap_or(now);
    let breached_at = deadline.filter(|deadline| *deadline < seen_until);
    Reading {
        elapsed,
        remaining: target.saturating_sub(elapsed),
        breached_at,
        due_at: breached_at.or(deadline.filter(|_| is_running)),
    }
}

/// When it was stopped, if it hasn't run since.
fn stopped_at(settings: &[(Timestamp, Setting)]) -> Option<Timestamp> {
    let mut stopped = None;
    for (index, (at, setting)) in settings.iter().enumerate() {
        let is_replaced = settings.get(index + 1).is_some_and(|(next, _)| next == at);
        if is_replaced {
            continue;
        }
        stopped = match setting {
            Setting::Running => None,
            Setting::Paused => stopped,
            Setting::Stopped => stopped.or(Some(*at)),
        };
    }
    stopped
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono_tz::Tz;

    use super::*;
    use crate::domain::calendar::{Calendar, Range};
    use Setting::{Paused, Running, Stopped};

    const HOUR: i64 = 3_600_000_000;

    /// Monday 1 June 2026, 09:00 in Berlin, plus hours.
    fn mon(hours: i64) -> Timestamp {
        Timestamp::parse_rfc3339("2026-06-01T07:00:00Z")
            .unwrap()
            .plus_micros(hours * HOUR)
    }

    fn working() -> Hours {
        let range = Range::parse("09:00-17:00").unwrap();
        let week: Vec<_> = (0..=4).map(|day| (day, range)).collect();
        let calendar = Calendar::new(Tz::Europe__Berlin, &week, vec![]).unwrap();
        Hours::of(Arc::new(calendar))
    }

    fn at(target: i64, now: Timestamp, settings: &[(i64, Setting)]) -> Reading {
        let settings: Vec<_> = settings.iter().map(|(at, set)| (mon(*at), *set)).collect();
        read(&working(), target * HOUR, now, &settings)
    }

    #[test]
    fn a_running_clock_says_when_it_is_due_and_a_late_one_when_it_was() {
        let running = [(0, Running)];
        let reading = at(4, mon(3), &running);
        assert_eq!((reading.elapsed, reading.remaining), (3 * HOUR, HOUR));
        assert_eq!((reading.breached_at, reading.due_at), (None, Some(mon(4))));
        let just = at(4, mon(4), &running);
        assert_eq!(
            (just.remaining, just.breached_at, just.due_at),
            (0, None, Some(mon(4)))
        );
        let past = at(4, mon(4).plus_micros(1), &running);
        assert_eq!(
            (past.breached_at, past.due_at),
            (Some(mon(4)), Some(mon(4)))
        );
        assert_eq!(at(4, mon(6), &running).remaining, -2 * HOUR);
        // The night isn't counted.
        assert_eq!(at(10, mon(9), &running).due_at, Some(mon(26)));
    }

    #[test]
    fn a_pause_moves_the_deadline_unless_it_comes_at_or_after_it() {
        let paused = [(0, Running), (2, Paused)];
        assert_eq!(at(4, mon(6), &paused).due_at, None);
        assert_eq!(at(4, mon(30), &paused).breached_at, None);
        let resumed = [(0, Running), (2, Paused), (5, Running)];
        let reading = at(4, mon(6), &resumed);
        assert_eq!((reading.elapsed, reading.due_at), (3 * HOUR, Some(mon(7))));
        for late in [4, 5] {
            let reading = at(4, mon(6), &[(0, Running), (late, Paused)]);
            assert_eq!(reading.breached_at, Some(mon(4)), "{late}");
            assert_eq!(reading.due_at, Some(mon(4)), "{late}");
        }
    }

    #[test]
    fn stopping_at_or_before_the_deadline_keeps_the_promise() {
        for at_hour in [2, 4] {
            let reading = at(4, mon(100), &[(0, Running), (at_hour, Stopped)]);
            assert_eq!(
                (reading.breached_at, reading.due_at),
                (None, None),
                "{at_hour}"
            );
            assert_eq!(reading.elapsed, at_hour * HOUR);
        }
        let late = at(4, mon(100), &[(0, Running), (5, Stopped)]);
        assert_eq!((late.breached_at, late.remaining), (Some(mon(4)), -HOUR));
        // Paused at the deadline and stopped later is late; stopped at it and then marked paused is not.
        let paused_first = at(4, mon(9), &[(0, Running), (4, Paused), (5, Stopped)]);
        assert_eq!(paused_first.breached_at, Some(mon(4)));
        let stopped_first = at(
            4,
            mon(9),
            &[(0, Running), (4, Stopped), (5, Paused), (6, Stopped)],
        );
        assert_eq!(stopped_first.breached_at, None);
        // Set running again, it goes on where it was.
        let again = [(0, Running), (3, Stopped), (5, Running)];
        assert_eq!(at(4, mon(5), &again).due_at, Some(mon(6)));
        assert_eq!(at(4, mon(7), &again).breached_at, Some(mon(6)));
    }

    #[test]
    fn of_several_settings_at_one_instant_the_last_counts_and_those_to_come_do_not() {
        let reading = at(
            4,
            mon(3),
            &[(0, Paused), (0, Running), (2, Stopped), (2, Running)],
        );
        assert_eq!((reading.elapsed, reading.due_at), (3 * HOUR, Some(mon(4))));
        let stopped = at(4, mon(6), &[(0, Running), (4, Running), (4, Stopped)]);
        assert_eq!(stopped.breached_at, None);
        let to_come = at(4, mon(3), &[(0, Running), (4, Paused)]);
        assert_eq!(to_come.due_at, Some(mon(4)));
        let now_set = at(4, mon(3), &[(0, Running), (3, Paused)]);
        assert_eq!(now_set.due_at, None);
    }

    #[test]
    fn nothing_runs_before_the_first_setting() {
        for settings in [&[][..], &[(5, Running)]] {
            let reading = at(4, mon(3), settings);
            assert_eq!((reading.elapsed, reading.remaining), (0, 4 * HOUR));
            assert_eq!((reading.breached_at, reading.due_at), (None, None));
        }
        let reading = at(4, mon(3), &[(1, Paused), (2, Running)]);
        assert_eq!((reading.elapsed, reading.due_at), (HOUR, Some(mon(6))));
        // Nothing to do is due at the first open, running instant.
        assert_eq!(at(0, mon(-3), &[(-5, Running)]).due_at, Some(mon(0)));
        assert_eq!(
            at(0, mon(3), &[(1, Paused), (2, Running)]).breached_at,
            Some(mon(2))
        );
        assert_eq!(
            at(0, mon(2), &[(1, Paused), (2, Running)]).breached_at,
            None
        );
    }
}
