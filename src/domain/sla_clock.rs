//! Clocks: what became of each promise on a ticket, derived from its timeline.
//!
//! [`derive()`] is a pure function of the terms (targets with their hours), the events and `now`. What is stored of a clock is a
//! cache of its answer. A breach is a fact, not a state: it is the deadline, as soon as `now` is past it and the promise unmet,
//! whenever anybody looks. Nothing that happens later takes it away (`sla-clocks` 4.2–4.4).
//!
//! [`super::sla_explain`] says how a deadline came about.

use std::sync::Arc;

use super::id::{CalendarId, Kind};
use super::sla_agreement::{Budget, Metric, Promisee, REOPEN_GRACE_SECS, Target, Threshold};
use super::ticket::{Due, WaitingOn};
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
        /// Another target took over, see the next revision of the same cycle.
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
    /// Why a clock was cancelled.
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
    }
}

/// What happened, as far as clocks care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    Opened,
    CustomerWrote,
    /// One of us wrote to or spoke with the customer.
    Replied,
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
    Released,
    StateChanged,
    /// Promised by hand; `None` takes it back.
    Promised {
        metric: Metric,
        at: Option<Timestamp>,
    },
    Kept(Metric),
    NoReplyNeeded,
    /// Severity, customer or service changed: the terms say what holds from here on.
    Retargeted,
    /// The event with this `seq` no longer counts: a reply that bounced or was held back.
    Withdrawn {
        seq: i64,
    },
}

impl Happening {
    /// Within one transaction: satisfy, cancel, hold, release, start.
    const fn rank(self) -> u8 {
        match self {
            Happening::Opened => 0,
            Happening::CustomerWrote | Happening::Retargeted | Happening::Withdrawn { .. } => 1,
            Happening::Replied
            | Happening::Acknowledged
            | Happening::OwnerSet { .. }
            | Happening::Restored
            | Happening::Resolved
            | Happening::Kept(_) => 2,
            Happening::Closed | Happening::Cancelled | Happening::NoReplyNeeded => 3,
            Happening::Held { .. } => 4,
            Happening::Released | Happening::StateChanged => 5,
            Happening::Reopened | Happening::Promised { .. } => 6,
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
/// note only).
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
}

/// Why a clock didn't count for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    Waiting(WaitingOn),
    /// The ticket was resolved and later opened again.
    Closed,
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
    pub state: ClockState,
    /// `None`: not reached within five years, or held without an end.
    pub deadline_at: Option<Timestamp>,
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
    pub(super) fn held(&self) -> Vec<Interval> {
        let mut held: Vec<Interval> = self.stops.iter().map(|(interval, _)| *interval).collect();
        worktime::unite(&mut held);
        held
    }

    /// Working time used until `now`, or until it ended, in microseconds.
    pub fn used(&self, now: Timestamp) -> i64 {
        let until = self.ended_at.unwrap_or(now);
        worktime::counted(&self.terms.hours, self.anchor_at, until, &self.held())
    }

    /// The budget in working time; `None` if there is no deadline to measure by.
    pub fn budget(&self) -> Option<i64> {
        match self.terms.target.budget {
            Budget::Counted { secs } => Some(secs * 1_000_000),
            Budget::EndOfDay { .. } | Budget::Fixed { .. } => {
                let deadline = self.deadline_at?;
                Some(worktime::counted(
                    &self.terms.hours,
                    self.anchor_at,
                    deadline,
                    &self.held(),
                ))
            }
        }
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

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Satisfied,
    Cancelled(CancelReason),
    Superseded,
}

/// A clock in the making.
struct Run {
    cycle: i32,
    revision: i32,
    terms: Terms,
    from_seq: i64,
    until_seq: Option<i64>,
    /// When these terms came to hold.
    since: Timestamp,
    anchor_at: Timestamp,
    end: Option<(Timestamp, End)>,
    gaps: Vec<Interval>,
    promised: Option<Timestamp>,
}

/// Derives every cycle of one track. `events` as [`in_order`] made them; those after `now` are expected to be left out.
pub fn derive(track: &Track, events: &[Event], now: Timestamp) -> Vec<Clock> {
    let holds = holds(events);
    let mut fold = Fold {
        track,
        runs: Vec::new(),
        standing: None,
        next_spell: 0,
        opened: false,
        closed: false,
        first: None,
        last: None,
    };
    for event in events {
        fold.spells_until(event);
        fold.take(event);
    }
    fold.runs
        .into_iter()
        .map(|run| finish(track, run, &holds, now))
        .collect()
}

/// Every wait of the ticket as an interval; one without a known end reaches to [`Timestamp::NEVER`].
fn holds(events: &[Event]) -> Vec<(Interval, WaitingOn)> {
    let mut done = Vec::new();
    let mut open: Vec<(Timestamp, WaitingOn, Option<Timestamp>, bool)> = Vec::new();
    let mut end = |open: &mut Vec<(Timestamp, WaitingOn, Option<Timestamp>, bool)>,
                   at: Timestamp,
                   which: fn(bool) -> bool| {
        open.retain(|(from, on, until, by_state)| {
            let ends = which(*by_state);
            if ends {
                let to = until.map_or(at, |until| until.min(at));
                done.push((Interval::new(*from, to), *on));
            }
            !ends
        });
    };
    for event in events {
        match event.what {
            Happening::Held {
                on,
                until,
                by_state,
            } => open.push((event.effective_at, on, until, by_state)),
            Happening::Released => end(&mut open, event.effective_at, |by_state| !by_state),
            Happening::StateChanged => end(&mut open, event.effective_at, |by_state| by_state),
            Happening::Resolved | Happening::Closed | Happening::Cancelled => {
                end(&mut open, event.effective_at, |_| true);
            }
            _ => {}
        }
    }
    for (from, on, until, _) in open {
        done.push((Interval::new(from, until.unwrap_or(Timestamp::NEVER)), on));
    }
    done
}

/// Whether `what` keeps the promise.
fn satisfies(metric: Metric, promisee: Promisee, what: Happening) -> bool {
    use Happening as H;
    match metric {
        Metric::Own => matches!(
            what,
            H::OwnerSet { .. } | H::Acknowledged | H::Resolved | H::Closed
        ),
        Metric::Respond => match promisee {
            Promisee::Customer => matches!(
                what,
                H::Replied | H::Kept(Metric::CallBack | Metric::Respond)
            ),
            // Nobody waits outside: that someone of us is at it is the answer.
            Promisee::Internal => {
                matches!(
                    what,
                    H::Replied
                        | H::Acknowledged
                        | H::OwnerSet { by_self: true }
                        | H::Restored
                        | H::Resolved
                        | H::Closed
                )
            }
            Promisee::Vendor => what == H::Kept(Metric::Respond),
        },
        Metric::Update => matches!(what, H::Replied | H::Resolved | H::Closed),
        Metric::Restore => matches!(what, H::Restored | H::Resolved | H::Closed),
        Metric::Resolve => matches!(what, H::Resolved | H::Closed),
        Metric::Due => matches!(what, H::Resolved | H::Kept(Metric::Due)),
        Metric::Log => what == H::Opened,
        Metric::CallBack | Metric::Report | Metric::Review | Metric::Meeting => {
            what == H::Kept(metric)
        }
    }
}

struct Fold<'a> {
    track: &'a Track,
    runs: Vec<Run>,
    standing: Option<(i64, Terms)>,
    next_spell: usize,
    opened: bool,
    closed: bool,
    /// The first and the last event that would have kept the promise: for terms that come to hold afterwards.
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl Fold<'_> {
    fn open_run(&mut self) -> Option<&mut Run> {
        self.runs.last_mut().filter(|run| run.end.is_none())
    }

    /// Brings the spells that begin with `event` into force.
    fn spells_until(&mut self, event: &Event) {
        let track = self.track;
        while let Some(spell) = track.spells.get(self.next_spell) {
            if spell.from_seq > event.seq {
                return;
            }
            self.next_spell += 1;
            let from_seq = spell.from_seq;
            self.standing = spell.terms.clone().map(|terms| (from_seq, terms));
            let is_first = self.opened && !self.closed && self.runs.is_empty();
            let Some(run) = self.open_run() else {
                if is_first && spell.terms.is_some() {
                    self.start_late(event.effective_at);
                }
                continue;
            };
            let Some(terms) = &spell.terms else {
                run.end = Some((event.effective_at, End::Cancelled(CancelReason::NoTarget)));
                run.until_seq = Some(from_seq);
                continue;
            };
            if run.terms.target.promises_the_same(&terms.target) {
                continue;
            }
            run.end = Some((event.effective_at, End::Superseded));
            run.until_seq = Some(from_seq);
            let next = Run {
                cycle: run.cycle,
                revision: run.revision + 1,
                terms: terms.clone(),
                from_seq,
                until_seq: None,
                since: event.effective_at,
                anchor_at: run.anchor_at,
                end: None,
                gaps: run.gaps.clone(),
                promised: run.promised,
            };
            self.runs.push(next);
        }
    }

    /// Terms that come to hold after the ticket was opened count from its anchor, and see what was done before.
    fn start_late(&mut self, since: Timestamp) {
        if self.track.metric == Metric::Update {
            let anchor = self.last.unwrap_or(self.track.anchor_at);
            self.start(anchor, since);
            return;
        }
        self.start(self.track.anchor_at, since);
        let (first, anchor) = (self.first, self.track.anchor_at);
        if let (Some(at), Some(run)) = (first, self.open_run()) {
            run.end = Some((at.max(anchor), End::Satisfied));
        }
    }

    /// Starts the next cycle under the standing terms.
    fn start(&mut self, anchor_at: Timestamp, since: Timestamp) {
        if let Some((from_seq, terms)) = self.standing.clone() {
            self.begin(terms, from_seq, anchor_at, since);
        }
    }

    fn begin(&mut self, terms: Terms, from_seq: i64, anchor_at: Timestamp, since: Timestamp) {
        let cycle = self.runs.last().map_or(1, |run| run.cycle + 1);
        self.runs.push(Run {
            cycle,
            revision: 0,
            terms,
            from_seq,
            until_seq: None,
            since,
            anchor_at,
            end: None,
            gaps: Vec::new(),
            promised: None,
        });
    }

    fn take(&mut self, event: &Event) {
        let (metric, at) = (self.track.metric, event.effective_at);
        if event.what == Happening::Opened && !self.opened {
            self.opened = true;
            self.start(self.track.anchor_at, at);
        }
        let promisee = self.track.promisee;
        if satisfies(metric, promisee, event.what) {
            self.first = self.first.or(Some(at));
            self.last = Some(at);
            if let Some(run) = self.open_run() {
                let at = at.max(run.anchor_at);
                run.end = Some((at, End::Satisfied));
                if metric == Metric::Update && event.what == Happening::Replied {
                    self.start(at, at);
                }
            }
        }
        match event.what {
            Happening::Cancelled => self.end_open(at, CancelReason::Ticket),
            Happening::Closed => {
                self.closed = true;
                self.end_open(at, CancelReason::Closed);
            }
            Happening::NoReplyNeeded if metric == Metric::Respond => {
                self.end_open(at, CancelReason::NotNeeded)
            }
            Happening::CustomerWrote
                if metric == Metric::Respond && promisee == Promisee::Customer && !self.closed =>
            {
                let answered = self.runs.last().is_some_and(|run| {
                    matches!(
                        run.end,
                        Some((_, End::Satisfied | End::Cancelled(CancelReason::NotNeeded)))
                    )
                });
                if answered {
                    self.start(at, at);
                }
            }
            Happening::Reopened => self.reopen(at),
            Happening::Promised {
                metric: promised,
                at: due,
            } if promised == metric => self.promise(event, due),
            _ => {}
        }
    }

    fn end_open(&mut self, at: Timestamp, why: CancelReason) {
        if let Some(run) = self.open_run() {
            run.end = Some((at, End::Cancelled(why)));
        }
    }

    fn reopen(&mut self, at: Timestamp) {
        self.closed = false;
        let metric = self.track.metric;
        let Some(run) = self.runs.last_mut() else {
            return;
        };
        let Some((ended_at, end)) = run.end else {
            return;
        };
        let resumes = matches!(metric, Metric::Restore | Metric::Resolve | Metric::Due);
        match end {
            End::Satisfied if metric == Metric::Update => self.start(at, at),
            End::Satisfied if resumes => {
                if at.secs_since(ended_at) <= REOPEN_GRACE_SECS {
                    run.end = None;
                    run.gaps.push(Interval::new(ended_at, at));
                } else {
                    self.start(at, at);
                }
            }
            End::Cancelled(CancelReason::Ticket | CancelReason::Closed) => {
                run.end = None;
                run.gaps.push(Interval::new(ended_at, at));
            }
            End::Satisfied | End::Cancelled(_) | End::Superseded => {}
        }
    }

    fn promise(&mut self, event: &Event, due: Option<Timestamp>) {
        let is_update = self.track.metric == Metric::Update;
        match (due, self.open_run()) {
            (Some(due), Some(run)) => {
                let by_hand = run.terms.target.id.is_none();
                run.promised = Some(match run.promised {
                    // An update may be promised sooner freely; later only by a promise that replaces one made by hand.
                    Some(earlier) if is_update && !by_hand => earlier.min(due),
                    _ => due,
                });
            }
            (None, Some(run)) => {
                if run.terms.target.id.is_none() {
                    run.end = Some((event.effective_at, End::Cancelled(CancelReason::TakenBack)));
                } else {
                    run.promised = None;
                }
            }
            (Some(due), None) => {
                let (calendar, hours) = &self.track.by_hand;
                let target = Target::promise(
                    self.track.metric,
                    self.track.promisee,
                    self.track.kind,
                    due,
                    *calendar,
                );
                let terms = Terms {
                    target: Arc::new(target),
                    hours: hours.clone(),
                };
                self.begin(terms, event.seq, event.effective_at, event.effective_at);
                if let Some(run) = self.open_run() {
                    run.promised = Some(due);
                }
            }
            (None, None) => {}
        }
    }
}

/// Does the arithmetic of one run.
fn finish(track: &Track, run: Run, holds: &[(Interval, WaitingOn)], now: Timestamp) -> Clock {
    let target = &run.terms.target;
    let fixed = matches!(target.budget, Budget::Fixed { .. });
    let mut stops: Vec<(Interval, Stop)> =
        run.gaps.iter().map(|gap| (*gap, Stop::Closed)).collect();
    if !fixed {
        let waits = holds.iter().filter(|(interval, on)| {
            target.stops_on.contains(on)
                && interval.to > run.anchor_at
                && run.end.is_none_or(|(at, _)| interval.from < at)
        });
        stops.extend(waits.map(|(interval, on)| (*interval, Stop::Waiting(*on))));
    }
    stops.sort_by_key(|(interval, _)| *interval);
    let mut clock = Clock {
        metric: track.metric,
        promisee: track.promisee,
        cycle: run.cycle,
        revision: run.revision,
        from_seq: run.from_seq,
        until_seq: run.until_seq,
        anchor_at: run.anchor_at,
        state: ClockState::Running,
        deadline_at: None,
        ended_at: run.end.map(|(at, _)| at),
        cancelled: None,
        breached_at: None,
        late_by_change: false,
        stops,
        warnings: Vec::new(),
        terms: run.terms.clone(),
    };
    let held = clock.held();
    let hours = &*run.terms.hours;
    let agreed = match target.budget {
        Budget::Counted { secs } => {
            worktime::deadline(hours, run.anchor_at, secs * 1_000_000, &held)
        }
        Budget::EndOfDay { n } => worktime::end_of_day(hours, run.anchor_at, n, &held),
        // What was promised last by hand replaces it.
        Budget::Fixed { at } => Some(run.promised.unwrap_or(at)),
    };
    clock.deadline_at = match (agreed, run.promised) {
        (Some(agreed), Some(promised)) => Some(agreed.min(promised)),
        (agreed, promised) => agreed.or(promised),
    };
    let seen_until = clock.ended_at.unwrap_or(now);
    clock.breached_at = clock.deadline_at.filter(|deadline| *deadline < seen_until);
    clock.late_by_change = run.revision > 0 && clock.breached_at.is_some_and(|at| at < run.since);
    clock.state = match run.end {
        Some((_, End::Satisfied)) if clock.breached_at.is_some() => ClockState::Missed,
        Some((_, End::Satisfied)) => ClockState::Met,
        Some((_, End::Cancelled(why))) => {
            clock.cancelled = Some(why);
            ClockState::Cancelled
        }
        Some((_, End::Superseded)) => ClockState::Superseded,
        None if run.anchor_at > now => ClockState::Scheduled,
        None if held.iter().any(|interval| interval.contains(now)) => ClockState::Held,
        None => ClockState::Running,
    };
    if run.end.is_none() {
        clock.warnings = warnings(&clock, &held);
    }
    clock
}

/// When each threshold is reached; one that would lie before the anchor is dropped.
fn warnings(clock: &Clock, held: &[Interval]) -> Vec<(Threshold, Timestamp)> {
    let Some(deadline) = clock.deadline_at else {
        return Vec::new();
    };
    let hours = &*clock.terms.hours;
    let unasked = clock.terms.target.warn.is_empty();
    let budget = if unasked {
        0
    } else {
        worktime::counted(hours, clock.anchor_at, deadline, held)
    };
    let mut due: Vec<(Threshold, Timestamp)> = Vec::with_capacity(clock.terms.target.warn.len());
    for threshold in &clock.terms.target.warn {
        let used = match threshold {
            Threshold::Percent(percent) => (i128::from(budget) * i128::from(*percent) / 100) as i64,
            Threshold::Before { secs } => budget - secs * 1_000_000,
        };
        if used <= 0 {
            continue;
        }
        if let Some(at) =
            worktime::deadline(hours, clock.anchor_at, used, held).filter(|at| *at < deadline)
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

/// What the queue sorts a ticket by: the earliest deadline of its open clocks that aren't held; the expected end of a hold if
/// that comes first.
pub fn due_of(clocks: impl Iterator<Item = Standing>, hold_until: Option<Timestamp>) -> Due {
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
    if let Some(until) = hold_until.filter(|until| *until < due.at) {
        due.at = until;
        due.from = None;
        due.metric = None;
    }
    due
}

#[cfg(test)]
mod tests;
