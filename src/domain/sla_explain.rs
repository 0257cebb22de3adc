//! How a deadline came about, step by step: what was counted, what lay outside the hours, what was waited for, in whose hands it
//! was meanwhile, and what began each step. Whoever adds up the counted lengths comes to the deadline.
//!
//! Derived anew each time it is asked; nothing of it is stored.

use super::sla_clock::{Clock, Event, Happening, Stop};
use super::sla_holder::{Custody, Holder};
use super::timestamp::Timestamp;
use super::worktime::Interval;

/// Longest explanation; a promise of years would fill a book with its evenings. Of a longer one the middle is summed up.
pub const MOST_STEPS: usize = 120;

/// What a stretch of time was to the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepKind {
    Counted,
    /// Outside the calendar's hours.
    Outside,
    Stopped(Stop),
}

/// What began a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The promise began to count, with this entry of the timeline if one stands at that instant.
    Anchor { seq: Option<i64> },
    /// This entry of the timeline.
    Entry { seq: i64 },
    /// The hours began or ended.
    Hours,
    /// Another version of the calendar came to hold.
    Version,
    /// A hold reached its expected end.
    HoldEnd,
    /// The deadline passed.
    Deadline,
    /// Nothing: what went before is what happened, this is what will be or would have been.
    Now,
}

impl Cause {
    pub const fn word(self) -> &'static str {
        match self {
            Cause::Anchor { .. } => "anchor",
            Cause::Entry { .. } => "entry",
            Cause::Hours => "hours",
            Cause::Version => "version",
            Cause::HoldEnd => "hold_end",
            Cause::Deadline => "deadline",
            Cause::Now => "now",
        }
    }

    pub const fn seq(self) -> Option<i64> {
        match self {
            Cause::Anchor { seq } => seq,
            Cause::Entry { seq } => Some(seq),
            Cause::Hours | Cause::Version | Cause::HoldEnd | Cause::Deadline | Cause::Now => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    pub interval: Interval,
    pub kind: StepKind,
    /// Working time used at its end, in microseconds.
    pub used_after: i64,
    /// It begins at or after the deadline: lateness.
    pub is_late: bool,
    /// It lies ahead: so it will be if nothing happens. Of a clock that has ended: it lies after its end, and only shows how the
    /// deadline came about.
    pub is_ahead: bool,
    pub cause: Cause,
    pub holder: Holder,
}

/// Steps in the middle of a long explanation, summed up. They stand behind the step `after` (a place in `steps`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Folded {
    pub after: usize,
    pub steps: usize,
    pub interval: Interval,
    /// Microseconds of them that counted.
    pub counted: i64,
    /// Of those, after the deadline.
    pub late: i64,
}

/// The way from the anchor, or from where a share was carried over, to the deadline and on to now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    pub steps: Vec<Step>,
    pub folded: Option<Folded>,
    pub used: i64,
    pub budget: Option<i64>,
    /// Working time after the deadline until it ended or until now, in microseconds.
    pub late: i64,
    /// What was carried over, and the counted lengths up to the deadline, in their order: they sum to the budget. Folded ones are one
    /// length.
    pub sum: Vec<i64>,
}

/// Explains `clock` as of `now`: up to its deadline, and to its end or `now` if that is later. `events` and `custody` are those
/// of its ticket; without them the steps have no entries for their causes, and nobody had it.
pub fn explain(clock: &Clock, events: &[Event], custody: &Custody, now: Timestamp) -> Explanation {
    let seen_until = clock.ended_at.unwrap_or(now);
    let horizon = clock
        .deadline_at
        .map_or(seen_until, |deadline| deadline.max(seen_until));
    let mut steps = steps(clock, custody, horizon, seen_until);
    let mut before: Option<Step> = None;
    for step in &mut steps {
        step.cause = cause(clock, events, custody, before.as_ref(), step);
        before = Some(*step);
    }
    let late = steps
        .iter()
        .filter(|step| step.kind == StepKind::Counted && step.is_late)
        .map(|step| Interval::new(step.interval.from, step.interval.to.min(seen_until)).micros())
        .sum();
    let folded = fold(&mut steps);
    Explanation {
        sum: summands(clock.credit, &steps, folded),
        steps,
        folded,
        used: clock.used(now),
        budget: clock.budget(),
        late,
    }
}

/// Every stretch between where `clock` counts from and `horizon` in which nothing changed, neighbours that say the same joined.
fn steps(clock: &Clock, custody: &Custody, horizon: Timestamp, seen_until: Timestamp) -> Vec<Step> {
    let anchor = clock.counts_from;
    let hours = &clock.terms.hours;
    let open = hours.open_intervals(anchor, horizon);
    let mut edges = vec![anchor, horizon, seen_until];
    edges.extend(clock.deadline_at);
    let stops = clock.stops.iter().map(|(interval, _)| interval);
    for interval in open.iter().chain(stops) {
        edges.extend([interval.from, interval.to]);
    }
    edges.extend(custody.edges());
    edges.extend(hours.changes(anchor, horizon));
    edges.retain(|edge| *edge >= anchor && *edge <= horizon);
    edges.sort_unstable();
    edges.dedup();

    let mut steps: Vec<Step> = Vec::new();
    let mut used = clock.credit;
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
        if kind == StepKind::Counted {
            used += interval.micros();
        }
        let step = Step {
            interval,
            kind,
            used_after: used,
            is_late: clock
                .deadline_at
                .is_some_and(|deadline| interval.from >= deadline),
            is_ahead: interval.from >= seen_until,
            cause: Cause::Hours,
            holder: custody.at(interval.from),
        };
        match steps.last_mut() {
            Some(last) if is_more_of(last, &step, clock) => {
                last.interval.to = interval.to;
                last.used_after = used;
            }
            _ => steps.push(step),
        }
    }
    steps
}

/// Whether `step` only continues `last`. In whose hands it was matters only while the time is counted.
fn is_more_of(last: &Step, step: &Step, clock: &Clock) -> bool {
    let hours = &clock.terms.hours;
    let same_hands = last.holder == step.holder || step.kind == StepKind::Outside;
    let same_hours = step.kind != StepKind::Counted
        || hours.in_force_since(last.interval.from) == hours.in_force_since(step.interval.from);
    let same_side = last.is_late == step.is_late && last.is_ahead == step.is_ahead;
    last.kind == step.kind && same_side && same_hands && same_hours
}

/// What began `step`.
fn cause(
    clock: &Clock,
    events: &[Event],
    custody: &Custody,
    before: Option<&Step>,
    step: &Step,
) -> Cause {
    let at = step.interval.from;
    let here = |wanted: fn(Happening) -> bool| {
        let found = events
            .iter()
            .rfind(|event| event.effective_at == at && wanted(event.what));
        found.map(|event| event.seq)
    };
    let Some(before) = before else {
        let seq = here(starts).or_else(|| {
            // Counted from the impact or from the report: it was opened later.
            let opened = events
                .iter()
                .find(|event| event.what == Happening::Opened && clock.cycle == 1);
            opened.map(|event| event.seq)
        });
        return Cause::Anchor { seq };
    };
    let entry = |seq: Option<i64>| seq.map(|seq| Cause::Entry { seq });
    let is_now = before.is_ahead != step.is_ahead;
    if is_now && clock.ended_at.is_some() {
        // What ended it, if an entry did.
        return entry(here(keeps)).unwrap_or(Cause::Now);
    }
    if before.kind != step.kind {
        let begins_stop = match step.kind {
            StepKind::Stopped(Stop::Waiting(_)) => {
                here(|what| matches!(what, Happening::Held { .. }))
            }
            StepKind::Stopped(Stop::Closed) => here(ends),
            StepKind::Stopped(Stop::InState(_)) => here(enters),
            StepKind::Counted | StepKind::Outside => None,
        };
        let ends_stop = match before.kind {
            StepKind::Stopped(Stop::Waiting(_)) => here(|what| ends(what) || releases(what)),
            StepKind::Stopped(Stop::InState(_)) => here(enters),
            StepKind::Stopped(Stop::Closed) => here(|what| what == Happening::Reopened),
            StepKind::Counted | StepKind::Outside => None,
        };
        let was_held = matches!(before.kind, StepKind::Stopped(Stop::Waiting(_)));
        return entry(begins_stop.or(ends_stop)).unwrap_or(match was_held {
            _ if is_now => Cause::Now,
            true => Cause::HoldEnd,
            false => Cause::Hours,
        });
    }
    if is_now {
        return Cause::Now;
    }
    let turned = custody
        .turned_by(at)
        .or_else(|| here(|what| releases(what) || matches!(what, Happening::Held { .. })));
    if before.is_late != step.is_late {
        return Cause::Deadline;
    }
    if before.holder != step.holder {
        return entry(turned).unwrap_or(Cause::HoldEnd);
    }
    Cause::Version
}

/// What may end a wait.
const fn releases(what: Happening) -> bool {
    matches!(
        what,
        Happening::Released
            | Happening::ReleasedOne { .. }
            | Happening::StateChanged
            | Happening::Entered(_)
    )
}

const fn enters(what: Happening) -> bool {
    matches!(what, Happening::Entered(_))
}

/// What may begin a cycle.
const fn starts(what: Happening) -> bool {
    matches!(
        what,
        Happening::Opened
            | Happening::CustomerWrote
            | Happening::Replied
            | Happening::Announced
            | Happening::Reopened
            | Happening::Retargeted
            | Happening::AnchorMoved(_)
            | Happening::Absorbed { .. }
            | Happening::Promised { .. }
    )
}

/// What may end a cycle.
const fn keeps(what: Happening) -> bool {
    ends(what)
        || matches!(
            what,
            Happening::Replied
                | Happening::Announced
                | Happening::Acknowledged
                | Happening::OwnerSet { .. }
                | Happening::Kept(_)
                | Happening::NoReplyNeeded
                | Happening::Retargeted
        )
}

/// What ends a ticket's work for a while.
const fn ends(what: Happening) -> bool {
    matches!(
        what,
        Happening::Resolved
            | Happening::Closed
            | Happening::Cancelled
            | Happening::Restored
            | Happening::Merged
    )
}

/// Takes the middle out of an explanation that is too long to read.
fn fold(steps: &mut Vec<Step>) -> Option<Folded> {
    if steps.len() <= MOST_STEPS {
        return None;
    }
    let half = MOST_STEPS / 2;
    let middle: Vec<Step> = steps.drain(half..steps.len() - half).collect();
    let (first, last) = (middle.first()?, middle.last()?);
    Some(Folded {
        after: half - 1,
        steps: middle.len(),
        interval: Interval::new(first.interval.from, last.interval.to),
        counted: last.used_after - steps[half - 1].used_after,
        late: middle
            .iter()
            .filter(|step| step.kind == StepKind::Counted && step.is_late)
            .map(|step| step.interval.micros())
            .sum(),
    })
}

fn summands(credit: i64, steps: &[Step], folded: Option<Folded>) -> Vec<i64> {
    let mut sum: Vec<i64> = (credit > 0).then_some(credit).into_iter().collect();
    for (place, step) in steps.iter().enumerate() {
        if step.kind == StepKind::Counted && !step.is_late {
            sum.push(step.interval.micros());
        }
        sum.extend(
            folded
                .filter(|folded| folded.after == place && folded.counted > folded.late)
                .map(|folded| folded.counted - folded.late),
        );
    }
    sum
}

#[cfg(test)]
mod tests;
