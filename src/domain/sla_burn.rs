//! How much of a promise's working time is left: what a burn line draws. Outside the hours nothing burns. And by how much a promise
//! is late by the wall clock.

use super::sla_agreement::{Budget, Target};
use super::sla_clock::Clock;
use super::timestamp::Timestamp;
use super::worktime::{Hours, Interval, counted, unite};

/// The working time of a running clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Burn {
    /// Microseconds of working time until the deadline; zero once it is late.
    pub left: i64,
    /// Microseconds of working time that there were from the anchor on.
    pub total: i64,
    /// It is being used up now.
    pub is_open: bool,
    /// When that changes next; `None`: not in the coming week, or not before the deadline.
    pub until: Option<Timestamp>,
}

/// How far ahead the next opening or closing is looked for.
const AHEAD_SECS: i64 = 7 * 86_400;

impl Burn {
    /// Of a clock that runs: it isn't held at `now`. `held`: the waits behind it, united; they matter for budgets that aren't an
    /// amount, and may be left out for the others.
    pub fn of(
        target: &Target,
        hours: &Hours,
        anchor: Timestamp,
        deadline: Timestamp,
        held: &[Interval],
        now: Timestamp,
    ) -> Self {
        let left = counted(hours, now.max(anchor), deadline, &[]);
        let total = match target.budget {
            // A promise made by hand may have brought the deadline forward: then there was less.
            Budget::Counted { secs } => {
                (secs * 1_000_000).min(counted(hours, anchor, deadline, &[]))
            }
            Budget::EndOfDay { .. } | Budget::Fixed { .. } => {
                counted(hours, anchor, deadline, held)
            }
        };
        let soon = now.plus_secs(AHEAD_SECS).min(deadline);
        let open = hours.open_intervals(now, soon);
        let first = open.first().copied();
        let is_open = first.is_some_and(|piece| piece.from <= now);
        let until = match (first, is_open) {
            (Some(piece), true) => Some(piece.to).filter(|to| *to < soon),
            (Some(piece), false) => Some(piece.from),
            (None, _) => None,
        };
        Self {
            left,
            total: total.max(left),
            is_open,
            until,
        }
    }
}

/// By how much a clock is late, or was when it ended, in seconds by the wall clock: what passed since its breach, without the
/// stretches in which it stood. Zero without a breach.
pub fn over_secs(clock: &Clock, now: Timestamp) -> i64 {
    cycle_over_secs(&[clock], now)
}

/// The same of a whole cycle: since the first breach that one of its clocks, which stand in their order, came to.
pub fn cycle_over_secs(clocks: &[&Clock], now: Timestamp) -> i64 {
    let until = clocks.last().and_then(|last| last.ended_at).unwrap_or(now);
    let breached_at = clocks.iter().find_map(|clock| clock.breached_at);
    let Some(from) = breached_at.filter(|at| *at < until) else {
        return 0;
    };
    let mut held: Vec<Interval> = clocks.iter().flat_map(|clock| clock.held()).collect();
    unite(&mut held);
    let stood = held.into_iter();
    let stood = stood.map(|it| it.to.min(until).micros_since(it.from.max(from)).max(0));
    (until.micros_since(from) - stood.sum::<i64>()) / 1_000_000
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono_tz::Tz;

    use super::super::calendar::{Calendar, Range};
    use super::super::id::{Id, Kind};
    use super::super::sla_agreement::{Metric, Promisee};
    use super::*;

    /// Monday 1 June 2026, 09:00 in Berlin, plus hours.
    fn mon(hours: i64) -> Timestamp {
        Timestamp::parse_rfc3339("2026-06-01T07:00:00Z")
            .unwrap()
            .plus_secs(hours * 3600)
    }

    #[test]
    fn lateness_on_the_wall_stands_still_while_its_clock_is_held() {
        use super::super::sla_clock::{
            Event, Happening, Reach, Spell, Terms, Track, derive, in_order,
        };
        use super::super::ticket::WaitingOn;
        let always = Arc::new(Hours::of(Arc::new(Calendar::always(Tz::UTC))));
        let target = Target::promise(
            Metric::Resolve,
            Promisee::Customer,
            Kind::Incident,
            mon(0),
            Id::new(mon(0)),
        );
        let target = Target {
            id: Some(Id::new(mon(0))),
            budget: Budget::Counted { secs: 2 * 3600 },
            stops_on: vec![WaitingOn::Vendor],
            ..target
        };
        let track = Track {
            metric: Metric::Resolve,
            promisee: Promisee::Customer,
            kind: Kind::Incident,
            anchor_at: mon(0),
            spells: vec![Spell {
                from_seq: 0,
                terms: Some(Terms {
                    target: Arc::new(target),
                    hours: always.clone(),
                }),
                reach: Reach::Running,
            }],
            by_hand: (Id::new(mon(0)), always),
            kept: Vec::new(),
        };
        let hold = Happening::Held {
            on: WaitingOn::Vendor,
            until: None,
            by_state: false,
        };
        // Held for an hour before the deadline, which that moves to three; and, by two waits, from four to seven.
        let happened = [
            (0, Happening::Opened),
            (1, hold),
            (2, Happening::Released),
            (4, hold),
            (5, hold),
            (7, Happening::Released),
            (10, Happening::Resolved),
        ];
        let over = |now: i64| {
            let events = happened.iter().zip(1..).map(|((at, what), seq)| Event {
                seq,
                effective_at: mon(*at),
                recorded_at: mon(*at),
                what: *what,
            });
            let events = in_order(events.filter(|it| it.effective_at <= mon(now)).collect());
            over_secs(&derive(&track, &events, mon(now))[0], mon(now)) / 3600
        };
        let hours = [1, 3, 4, 5, 6, 7, 8, 9, 10, 20];
        assert_eq!(hours.map(over), [0, 0, 1, 1, 1, 1, 2, 3, 4, 4]);
    }

    #[test]
    fn a_line_burns_in_working_hours_alone() {
        let week: Vec<_> = (0..=4)
            .map(|day| (day, Range::parse("09:00-17:00").unwrap()))
            .collect();
        let calendar = Calendar::new(Tz::Europe__Berlin, &week, vec![]).unwrap();
        let hours = Hours::of(Arc::new(calendar));
        let mut target = Target::promise(
            Metric::Resolve,
            Promisee::Customer,
            Kind::Incident,
            mon(0),
            Id::new(mon(0)),
        );
        target.budget = Budget::Counted { secs: 10 * 3600 };
        // Ten hours from Monday 09:00 end on Tuesday at 11:00.
        let burn = |now| {
            let burn = Burn::of(&target, &hours, mon(0), mon(26), &[], mon(now));
            let hour = 3_600_000_000;
            (
                burn.left / hour,
                burn.total / hour,
                burn.is_open,
                burn.until,
            )
        };
        assert_eq!(burn(4), (6, 10, true, Some(mon(8))));
        assert_eq!(burn(12), (2, 10, false, Some(mon(24))), "by night");
        assert_eq!(burn(25), (1, 10, true, None));
        assert_eq!(burn(27), (0, 10, false, None), "late");
        // Five hours of it were a wait: for an amount that doesn't matter, for a day's end it does.
        target.budget = Budget::EndOfDay { n: 1 };
        let held = [Interval::new(mon(2), mon(7))];
        let burn = Burn::of(&target, &hours, mon(0), mon(32), &held, mon(12));
        assert_eq!(
            (burn.left / 3_600_000_000, burn.total / 3_600_000_000),
            (8, 11)
        );
    }
}
