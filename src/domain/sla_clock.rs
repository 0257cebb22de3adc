//! Clocks: what became of each promise on a ticket, derived from its timeline.
//!
//! [`derive()`] is a pure function of the terms (targets with their hours), the events and `now`. What is stored of a clock is a
//! cache of its answer. A breach is a fact, not a state: it is the deadline, as soon as `now` is past it and the promise unmet,
//! whenever anybody looks. Nothing that happens later takes it away (`sla-clocks` 4.2–4.4).
//!
//! [`super::sla_explain`] says how a deadline came about.

mod fold;
mod stops;

use std::sync::Arc;

use self::fold::{End, Promised, Run};
use self::stops::Stretches;
use super::id::{CalendarId, Kind};
use super::mail_join::Asked;
use super::sla_agreement::{Anchor, Budget, Metric, Promisee, Target, Threshold};
use super::ticket::{Due, State, WaitingOn};
use super::timestamp::Timestamp;
use super::word::words;
use super::worktime::{self, Hours, Interval};

words! {
    /// How a clock stands. That it was breached is said apart.
    pub enum ClockState {
        Scheduled = "scheduled",
        Running = "running",
        Held = "held",
        Met = "met",
        /// Satisfied, but late.
        Missed = "missed",
        Cancelled = "cancelled",
        /// Another target took over, see the next revision of the same cycle; or another ticket did.
        Superseded = "superseded",
    }
}

impl ClockState {
    pub const fn is_open(self) -> bool {
        matches!(
            self,
            ClockState::Scheduled | ClockState::Running | ClockState::Held
        )
    }
}

words! {
    /// Why a clock was cancelled, or superseded by no other of its ticket.
    pub enum CancelReason {
        /// The ticket was cancelled.
        Ticket = "ticket",
        /// The ticket was closed with this still open.
        Closed = "closed",
        /// After a change no target holds any more.
        NoTarget = "no_target",
        /// Nobody needs this answer.
        NotNeeded = "not_needed",
        /// The promise was taken back.
        TakenBack = "taken_back",
        /// The ticket goes on in another, which answers for the promise.
        Merged = "merged",
    }
}

/// What happened, as far as clocks care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    Opened,
    CustomerWrote,
    /// One of us wrote to or spoke with the customer.
    Replied,
    /// A program of ours wrote to the customer: an update, but nobody's answer.
    Announced,
    Acknowledged,
    OwnerSet {
        by_self: bool,
    },
    Restored,
    Resolved,
    Reopened,
    Closed,
    Cancelled,
    /// `by_state`: a state brought the wait with it, and leaving the state ends it.
    Held {
        on: WaitingOn,
        until: Option<Timestamp>,
        by_state: bool,
    },
    /// Every hold that a person put on.
    Released,
    /// The one hold that the event with this `seq` began.
    ReleasedOne {
        seq: i64,
    },
    StateChanged,
    /// The ticket is in this state from here on.
    Entered(State),
    /// Promised by hand; `None` takes it back. `lengthens`: by who may promise an update later than agreed.
    Promised {
        metric: Metric,
        at: Option<Timestamp>,
        lengthens: bool,
    },
    Kept(Metric),
    NoReplyNeeded,
    /// Severity, customer or service changed: the terms say what holds from here on.
    Retargeted,
    /// What clocks with this anchor count from was corrected.
    AnchorMoved(Anchor),
    /// The event with this `seq` no longer counts: a reply that bounced or was held back.
    Withdrawn {
        seq: i64,
    },
    /// The ticket goes on in another.
    Merged,
    /// Another ticket goes on in this one; its open clock of this metric counted from `anchor_at`.
    Absorbed {
        metric: Metric,
        anchor_at: Timestamp,
    },
    /// The merge that the event with this `seq` was is undone: as if it had never been.
    Unmerged {
        seq: i64,
    },
}

impl Happening {
    /// Within one transaction: satisfy, cancel, hold, release, start.
    const fn rank(self) -> u8 {
        match self {
            Happening::Opened => 0,
            Happening::CustomerWrote
            | Happening::Retargeted
            | Happening::AnchorMoved(_)
            | Happening::Withdrawn { .. }
            | Happening::Unmerged { .. } => 1,
            Happening::Replied
            | Happening::Announced
            | Happening::Acknowledged
            | Happening::OwnerSet { .. }
            | Happening::Restored
            | Happening::Resolved
            | Happening::Kept(_) => 2,
            Happening::Closed
            | Happening::Cancelled
            | Happening::NoReplyNeeded
            | Happening::Merged => 3,
            Happening::Held { .. } => 4,
            Happening::Released
            | Happening::ReleasedOne { .. }
            | Happening::StateChanged
            | Happening::Entered(_) => 5,
            Happening::Reopened | Happening::Promised { .. } | Happening::Absorbed { .. } => 6,
        }
    }
}

/// An entry of the timeline, as clocks read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    pub seq: i64,
    pub effective_at: Timestamp,
    pub recorded_at: Timestamp,
    pub what: Happening,
}

/// Puts events into the order in which they count, and drops those that were withdrawn (on a closed ticket a withdrawal is a
/// note only) and merges that were undone.
pub fn in_order(mut events: Vec<Event>) -> Vec<Event> {
    events.sort_by_key(|event| {
        (
            event.effective_at,
            event.recorded_at,
            event.what.rank(),
            event.seq,
        )
    });
    let mut withdrawn = Vec::new();
    let mut closed = false;
    for event in &events {
        match event.what {
            Happening::Closed => closed = true,
            Happening::Reopened => closed = false,
            Happening::Withdrawn { seq } if !closed => withdrawn.push(seq),
            Happening::Unmerged { seq } => withdrawn.push(seq),
            _ => {}
        }
    }
    if !withdrawn.is_empty() {
        events.retain(|event| !withdrawn.contains(&event.seq));
    }
    events
}

/// A target and the hours it counts in.
#[derive(Debug, Clone)]
pub struct Terms {
    pub target: Arc<Target>,
    pub hours: Arc<Hours>,
}

/// The terms that hold from the event `from_seq` on; `None`: none do.
#[derive(Debug, Clone)]
pub struct Spell {
    pub from_seq: i64,
    pub terms: Option<Terms>,
    pub reach: Reach,
}

/// What a spell means for the clock that runs when it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Nothing: a cycle that begins from here on runs under it.
    NextCycle,
    /// The ticket is another one now: what becomes of the clock is for its own target to say.
    Running,
    /// What the clock ran under is gone: the agreement, or the customer it was promised to.
    Gone,
}

/// One metric of one party on one ticket.
#[derive(Debug, Clone)]
pub struct Track {
    pub metric: Metric,
    pub promisee: Promisee,
    pub kind: Kind,
    /// Where the first cycle begins to count.
    pub anchor_at: Timestamp,
    /// Ascending.
    pub spells: Vec<Spell>,
    /// What a promise made by hand is counted in.
    pub by_hand: (CalendarId, Arc<Hours>),
    /// Cycle, revision and terms of what had ended before: a correction of the terms doesn't touch it.
    pub kept: Vec<(i32, i32, Terms)>,
}

/// Why a clock didn't count for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    Waiting(WaitingOn),
    /// The ticket was resolved and later opened again.
    Closed,
    /// The ticket was in a state that brings a hold with it.
    InState(State),
}

/// An instant that was promised by hand on a clock that an agreement stands behind: it is the deadline, not what was agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByHand {
    /// The event by which it was promised.
    pub seq: i64,
    /// When it would be due by the agreement alone; `None`: never in sight.
    pub agreed_at: Option<Timestamp>,
}

/// One cycle of one promise, as it stands.
#[derive(Debug, Clone)]
pub struct Clock {
    pub metric: Metric,
    pub promisee: Promisee,
    /// 1, 2, 3 …: each answer, update or reopening starts the next.
    pub cycle: i32,
    /// 0, 1, 2 … within the cycle: each change of target starts the next.
    pub revision: i32,
    pub terms: Terms,
    /// The events at which these terms began and, if they did, ceased to hold.
    pub from_seq: i64,
    pub until_seq: Option<i64>,
    pub anchor_at: Timestamp,
    /// What counts begins here, with so much used already: the anchor and nothing, unless a share was carried over.
    pub counts_from: Timestamp,
    /// In microseconds of the budget.
    pub credit: i64,
    pub state: ClockState,
    /// `None`: not reached within five years, or held without an end.
    pub deadline_at: Option<Timestamp>,
    /// The deadline is one that was promised by hand.
    pub by_hand: Option<ByHand>,
    /// Satisfied, cancelled or superseded then.
    pub ended_at: Option<Timestamp>,
    pub cancelled: Option<CancelReason>,
    pub breached_at: Option<Timestamp>,
    /// The deadline lay in the past already when a change brought it.
    pub late_by_change: bool,
    pub stops: Vec<(Interval, Stop)>,
    /// The instants at which warnings fall due, ascending; of an open clock only.
    pub warnings: Vec<(Threshold, Timestamp)>,
}

impl Clock {
    /// The stops as intervals, united.
    pub fn held(&self) -> Vec<Interval> {
        let mut held: Vec<Interval> = self.stops.iter().map(|(interval, _)| *interval).collect();
        worktime::unite(&mut held);
        held
    }

    /// Working time used until `now`, or until it ended, in microseconds.
    pub fn used(&self, now: Timestamp) -> i64 {
        let until = self.ended_at.unwrap_or(now);
        self.credit + worktime::counted(&self.terms.hours, self.counts_from, until, &self.held())
    }

    /// The working time that there is until the deadline; `None` if there is none to measure by. What was promised by hand makes it
    /// shorter or longer than what was agreed.
    pub fn budget(&self) -> Option<i64> {
        match (self.by_hand, self.terms.target.budget) {
            (None, Budget::Counted { secs }) => Some(secs * 1_000_000),
            _ => self.counted_until(self.deadline_at?),
        }
    }

    /// The working time that was agreed, whatever was promised by hand.
    fn agreed_budget(&self) -> Option<i64> {
        match (self.terms.target.budget, self.by_hand) {
            (Budget::Counted { secs }, _) => Some(secs * 1_000_000),
            (_, Some(by_hand)) => self.counted_until(by_hand.agreed_at?),
            (_, None) => self.counted_until(self.deadline_at?),
        }
    }

    fn counted_until(&self, until: Timestamp) -> Option<i64> {
        let counted = worktime::counted(&self.terms.hours, self.counts_from, until, &self.held());
        Some(self.credit + counted)
    }

    /// Hundredths of a percent used, never rounded up: 99.951 % is 9995. Zero without a budget to measure by.
    pub fn used_permyriad(&self, now: Timestamp) -> i64 {
        match self.budget() {
            Some(budget) if budget > 0 => {
                (i128::from(self.used(now)) * 10_000 / i128::from(budget)) as i64
            }
            _ => 0,
        }
    }

    /// When a job should look at this clock again: the next warning after `warned_until`, the breach while it isn't `recorded`,
    /// a hold's end. `None`: only an event can change it.
    pub fn next_wake(
        &self,
        now: Timestamp,
        warned_until: Timestamp,
        recorded: bool,
    ) -> Option<Timestamp> {
        if !self.state.is_open() {
            return None;
        }
        // Nobody is warned of what is late already.
        let warning = self
            .warnings
            .iter()
            .map(|(_, at)| *at)
            .find(|at| *at > warned_until && self.breached_at.is_none());
        // Breached is what is *past* the deadline.
        let breach = self
            .deadline_at
            .filter(|_| !recorded)
            .map(|at| at.plus_micros(1));
        let hold_end = self
            .stops
            .iter()
            .map(|(interval, _)| interval.to)
            .filter(|to| *to > now && *to < Timestamp::NEVER);
        let start = Some(self.anchor_at).filter(|at| *at > now);
        [warning, breach, start]
            .into_iter()
            .flatten()
            .chain(hold_end)
            .min()
    }

    /// Warnings that fell due after `warned_until` and until `now`.
    pub fn warnings_due(
        &self,
        warned_until: Timestamp,
        now: Timestamp,
    ) -> impl Iterator<Item = (Threshold, Timestamp)> + '_ {
        self.warnings
            .iter()
            .copied()
            .filter(move |(_, at)| *at > warned_until && *at <= now)
    }
}

/// Every wait of the ticket as an interval; one without a known end reaches to [`Timestamp::NEVER`].
pub(super) fn waits(events: &[Event]) -> Vec<(Interval, WaitingOn)> {
    stops::waits(events)
}

/// Derives every cycle of one track. `events` as [`in_order`] made them; those after `now` are expected to be left out.
pub fn derive(track: &Track, events: &[Event], now: Timestamp) -> Vec<Clock> {
    let stretches = Stretches::of(events);
    let mut clocks: Vec<Clock> = Vec::new();
    for run in fold::runs(track, events) {
        let clock = finish(track, run, &stretches, now, clocks.last());
        clocks.push(clock);
    }
    clocks
}

/// Does the arithmetic of one run. `before` is the clock before it, of which it may carry a share.
fn finish(
    track: &Track,
    mut run: Run,
    stretches: &Stretches,
    now: Timestamp,
    before: Option<&Clock>,
) -> Clock {
    let is_this = |kept: &&(i32, i32, Terms)| (kept.0, kept.1) == (run.cycle, run.revision);
    if run.end.is_some()
        && let Some((_, _, terms)) = track.kept.iter().find(is_this)
    {
        run.terms = terms.clone();
    }
    let target = &run.terms.target;
    let mut clock = Clock {
        metric: track.metric,
        promisee: track.promisee,
        cycle: run.cycle,
        revision: run.revision,
        from_seq: run.from_seq,
        until_seq: run.until_seq,
        anchor_at: run.anchor_at,
        counts_from: run.anchor_at,
        credit: 0,
        state: ClockState::Running,
        deadline_at: None,
        by_hand: None,
        ended_at: run.end.map(|(at, _)| at),
        cancelled: None,
        breached_at: None,
        late_by_change: false,
        stops: stretches.stops(&run),
        warnings: Vec::new(),
        terms: run.terms.clone(),
    };
    let held = clock.held();
    let hours = &*run.terms.hours;
    let share = run
        .prorated_at
        .zip(before)
        .map(|(at, before)| (at, share(before, at)));
    let agreed = match (target.budget, share) {
        (Budget::Counted { secs }, Some((at, Some((used, of))))) => {
            let budget = secs * 1_000_000;
            clock.counts_from = at;
            clock.credit = (i128::from(budget) * i128::from(used) / i128::from(of)) as i64;
            if used >= of {
                // Nothing was left: it stays due when it was.
                before.and_then(|before| before.deadline_at)
            } else {
                worktime::deadline(hours, at, budget - clock.credit, &held)
            }
        }
        (Budget::Counted { secs }, _) => {
            worktime::deadline(hours, run.anchor_at, secs * 1_000_000, &held)
        }
        (Budget::EndOfDay { n }, _) => worktime::end_of_day(hours, run.anchor_at, n, &held),
        // What was promised last by hand replaces it.
        (Budget::Fixed { at }, _) => Some(run.promised.map_or(at, |promised| promised.at)),
    };
    let promised = run.promised.map(|promised| promised.at);
    clock.deadline_at = match (agreed, promised) {
        // What was late already when more time was promised stays late.
        (Some(agreed), Some(promised)) if run.lengthened.is_none_or(|at| agreed < at) => {
            Some(agreed.min(promised))
        }
        (Some(_), Some(promised)) => Some(promised),
        (agreed, promised) => agreed.or(promised),
    };
    clock.by_hand = run
        .promised
        .and_then(|promised| by_hand(&clock, agreed, promised));
    let seen_until = clock.ended_at.unwrap_or(now);
    clock.breached_at = clock.deadline_at.filter(|deadline| *deadline < seen_until);
    clock.late_by_change = clock
        .breached_at
        .is_some_and(|at| run.changed_at.is_some_and(|changed| at < changed));
    clock.state = match run.end {
        Some((_, End::Satisfied)) if clock.breached_at.is_some() => ClockState::Missed,
        Some((_, End::Satisfied)) => ClockState::Met,
        Some((_, End::Cancelled(why))) => {
            clock.cancelled = Some(why);
            ClockState::Cancelled
        }
        Some((_, End::Superseded)) => ClockState::Superseded,
        Some((_, End::Merged)) => {
            clock.cancelled = Some(CancelReason::Merged);
            ClockState::Superseded
        }
        None if run.anchor_at > now => ClockState::Scheduled,
        None if held.iter().any(|interval| interval.contains(now)) => ClockState::Held,
        None => ClockState::Running,
    };
    if run.end.is_none() {
        clock.warnings = warnings(&clock, &held);
    }
    clock
}

/// Says that the deadline is what was promised, and not what was agreed. Without an agreement nothing else could be.
fn by_hand(clock: &Clock, agreed: Option<Timestamp>, promised: Promised) -> Option<ByHand> {
    let agreed_at = match clock.terms.target.budget {
        Budget::Fixed { at } => Some(at),
        Budget::Counted { .. } | Budget::EndOfDay { .. } => agreed,
    };
    let decides = clock.deadline_at == Some(promised.at) && agreed_at != clock.deadline_at;
    (clock.terms.target.id.is_some() && decides).then_some(ByHand {
        seq: promised.seq,
        agreed_at,
    })
}

/// What `before` had used of its budget at `at`, and the budget; `None` if it had none to measure by.
fn share(before: &Clock, at: Timestamp) -> Option<(i64, i64)> {
    let budget = before.agreed_budget().filter(|budget| *budget > 0)?;
    Some((before.used(at).clamp(0, budget), budget))
}

/// When each threshold is reached; one that would lie before the anchor, or before a share was carried over, is dropped.
fn warnings(clock: &Clock, held: &[Interval]) -> Vec<(Threshold, Timestamp)> {
    let Some(deadline) = clock.deadline_at else {
        return Vec::new();
    };
    let hours = &*clock.terms.hours;
    let unasked = clock.terms.target.warn.is_empty();
    let (from, credit) = (clock.counts_from, clock.credit);
    let budget = if unasked {
        0
    } else {
        credit + worktime::counted(hours, from, deadline, held)
    };
    let mut due: Vec<(Threshold, Timestamp)> = Vec::with_capacity(clock.terms.target.warn.len());
    for threshold in &clock.terms.target.warn {
        let used = match threshold {
            Threshold::Percent(percent) => (i128::from(budget) * i128::from(*percent) / 100) as i64,
            Threshold::Before { secs } => budget - secs * 1_000_000,
        };
        if used <= credit {
            continue;
        }
        if let Some(at) =
            worktime::deadline(hours, from, used - credit, held).filter(|at| *at < deadline)
        {
            due.push((*threshold, at));
        }
    }
    due.sort_by_key(|(_, at)| *at);
    due
}

/// One open clock, as the queue needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub metric: Metric,
    pub state: ClockState,
    pub anchor_at: Timestamp,
    pub deadline_at: Option<Timestamp>,
    pub breached_at: Option<Timestamp>,
}

/// What the queue sorts a ticket by: the earliest deadline of its open clocks that aren't held, or of a mail that asks to join it; the
/// expected end of a hold if that comes first.
pub fn due_of(
    clocks: impl Iterator<Item = Standing>,
    asked: Option<Asked>,
    hold_until: Option<Timestamp>,
) -> Due {
    let mut due = Due::NONE;
    for clock in clocks.filter(|clock| clock.state.is_open()) {
        due.is_late |= clock.breached_at.is_some();
        if clock.state == ClockState::Held {
            continue;
        }
        if let Some(at) = clock.deadline_at.filter(|at| *at < due.at) {
            due.at = at;
            due.from = Some(clock.anchor_at);
            due.metric = Some(clock.metric.as_str().to_owned());
        }
    }
    // Of both at once the request: taking the ticket doesn't answer it.
    if let Some(asked) = asked.filter(|asked| asked.until <= due.at) {
        due.at = asked.until;
        due.from = Some(asked.from);
        due.metric = Some(Due::JOIN.to_owned());
    }
    if let Some(until) = hold_until.filter(|until| *until < due.at) {
        due.at = until;
        due.from = None;
        due.metric = None;
    }
    due
}

#[cfg(test)]
mod edge_tests;
#[cfg(test)]
mod event_tests;
#[cfg(test)]
mod promise_tests;
#[cfg(test)]
pub(in crate::domain) mod tests;
