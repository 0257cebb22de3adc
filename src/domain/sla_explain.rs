//! How a deadline came about, step by step: what was counted, what lay outside the hours, what was waited for.
//!
//! Derived anew each time it is asked; nothing of it is stored.

use super::sla_clock::{Clock, Stop};
use super::timestamp::Timestamp;
use super::worktime::Interval;

/// Longest explanation; a promise of years would fill a book with its evenings.
pub const MOST_STEPS: usize = 120;

/// What a stretch of time was to the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepKind {
    Counted,
    /// Outside the calendar's hours.
    Outside,
    Stopped(Stop),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    pub interval: Interval,
    pub kind: StepKind,
    /// Working time used at its end, in microseconds.
    pub used_after: i64,
    /// It begins at or after the deadline: lateness.
    pub is_late: bool,
}

/// The way from the anchor, or from where a share was carried over, to the deadline and on to now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    pub steps: Vec<Step>,
    /// There are more steps than are shown.
    pub is_cut: bool,
    pub used: i64,
    pub budget: Option<i64>,
    /// Working time after the deadline until it ended or until now, in microseconds.
    pub late: i64,
}

/// Explains `clock` as of `now`: up to its end, or to its deadline or `now`, whichever is later.
pub fn explain(clock: &Clock, now: Timestamp) -> Explanation {
    let seen_until = clock.ended_at.unwrap_or(now);
    let horizon = match clock.ended_at {
        Some(end) => end,
        None => clock.deadline_at.map_or(now, |deadline| deadline.max(now)),
    };
    let anchor = clock.counts_from;
    let open = clock.terms.hours.open_intervals(anchor, horizon);
    let mut edges = vec![anchor, horizon];
    edges.extend(clock.deadline_at);
    if clock.ended_at.is_none() {
        edges.push(now);
    }
    for interval in open
        .iter()
        .chain(clock.stops.iter().map(|(interval, _)| interval))
    {
        edges.extend([interval.from, interval.to]);
    }
    edges.retain(|edge| *edge >= anchor && *edge <= horizon);
    edges.sort_unstable();
    edges.dedup();

    let mut steps: Vec<Step> = Vec::new();
    let (mut used, mut late, mut is_cut) = (clock.credit, 0, false);
    let mut open_at = 0;
    for pair in edges.windows(2) {
        let interval = Interval::new(pair[0], pair[1]);
        while open
            .get(open_at)
            .is_some_and(|piece| piece.to <= interval.from)
        {
            open_at += 1;
        }
        let stop = clock
            .stops
            .iter()
            .find(|(stop, _)| stop.contains(interval.from));
        let kind = match stop {
            Some((_, stop)) => StepKind::Stopped(*stop),
            None if open
                .get(open_at)
                .is_some_and(|piece| piece.contains(interval.from)) =>
            {
                StepKind::Counted
            }
            None => StepKind::Outside,
        };
        let is_late = clock
            .deadline_at
            .is_some_and(|deadline| interval.from >= deadline);
        if kind == StepKind::Counted {
            used += interval.micros();
            if is_late && interval.from < seen_until {
                late += interval.micros();
            }
        }
        let step = Step {
            interval,
            kind,
            used_after: used,
            is_late,
        };
        if steps.len() >= MOST_STEPS {
            is_cut = true;
            continue;
        }
        // `now` is an edge so that lateness ends there; it isn't a step of its own.
        match steps.last_mut() {
            Some(last) if last.kind == kind && last.is_late == is_late => {
                last.interval.to = interval.to;
                last.used_after = used;
            }
            _ => steps.push(step),
        }
    }
    Explanation {
        steps,
        is_cut,
        used: clock.used(now),
        budget: clock.budget(),
        late,
    }
}
