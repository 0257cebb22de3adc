//! The events of a ticket folded into the runs of one promise: when each cycle began, under which terms, and how it ended. No
//! arithmetic of hours here.

use std::sync::Arc;

use super::{CancelReason, Event, Happening, Reach, Spell, Terms, Track};
use crate::domain::sla_agreement::{Anchor, Metric, Promisee, Target};
use crate::domain::sla_policy::{ChangePolicy, ReopenPolicy};
use crate::domain::timestamp::Timestamp;
use crate::domain::worktime::Interval;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Satisfied,
    Cancelled(CancelReason),
    Superseded,
    /// The ticket goes on in another.
    Merged,
}

/// What was promised by hand, and the event that did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Promised {
    pub at: Timestamp,
    pub seq: i64,
}

/// A clock in the making.
pub(super) struct Run {
    pub cycle: i32,
    pub revision: i32,
    pub terms: Terms,
    pub from_seq: i64,
    pub until_seq: Option<i64>,
    /// When a change last gave it another target or another anchor: what lay in the past then is late by change.
    pub changed_at: Option<Timestamp>,
    /// From here on it counts by the new terms, with the share that was used before.
    pub prorated_at: Option<Timestamp>,
    pub anchor_at: Timestamp,
    pub end: Option<(Timestamp, End)>,
    pub gaps: Vec<Interval>,
    pub promised: Option<Promised>,
    /// Since when what was promised holds, though it is later than what was agreed.
    pub lengthened: Option<Timestamp>,
}

impl Run {
    /// The next revision of the same cycle, as this run's own target wants it.
    fn succeeded(&self, terms: Terms, from_seq: i64, at: Timestamp) -> Run {
        let policy = self.terms.target.policy.on_change;
        Run {
            cycle: self.cycle,
            revision: self.revision + 1,
            terms,
            from_seq,
            until_seq: None,
            changed_at: Some(at),
            prorated_at: (policy == ChangePolicy::Prorate).then_some(at),
            anchor_at: match policy {
                ChangePolicy::Restart => at,
                ChangePolicy::Carry | ChangePolicy::Keep | ChangePolicy::Prorate => self.anchor_at,
            },
            end: None,
            gaps: self.gaps.clone(),
            promised: self.promised,
            lengthened: self.lengthened,
        }
    }
}

pub(super) fn runs(track: &Track, events: &[Event]) -> Vec<Run> {
    let mut fold = Fold {
        track,
        places: places(&track.spells, events),
        runs: Vec::new(),
        standing: None,
        next_spell: 0,
        opened: false,
        closed: false,
        first: None,
        last: None,
    };
    for (place, event) in events.iter().enumerate() {
        fold.spells_until(place, event);
        fold.take(event);
    }
    fold.runs
}

/// Where among the ordered events each spell begins: with its own event, which may take effect before others that were recorded
/// earlier; where its party doesn't hear of that event, with the first one recorded later.
fn places(spells: &[Spell], events: &[Event]) -> Vec<usize> {
    let mut least = 0;
    let mut place_of = |spell: &Spell| {
        let own = events.iter().position(|event| event.seq == spell.from_seq);
        let later = || events.iter().position(|event| event.seq > spell.from_seq);
        least = own.or_else(later).unwrap_or(events.len()).max(least);
        least
    };
    spells
        .iter()
        .map(|spell| match spell.from_seq {
            0 => 0,
            _ => place_of(spell),
        })
        .collect()
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
        Metric::Update => matches!(what, H::Replied | H::Announced | H::Resolved | H::Closed),
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
    /// Of each spell, where among the events it begins.
    places: Vec<usize>,
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

    /// Brings the spells that begin here into force.
    fn spells_until(&mut self, place: usize, event: &Event) {
        let track = self.track;
        while let Some(spell) = track.spells.get(self.next_spell) {
            if self.places[self.next_spell] > place {
                return;
            }
            self.next_spell += 1;
            self.standing = spell.terms.clone().map(|terms| (spell.from_seq, terms));
            let is_first = self.opened && !self.closed && self.runs.is_empty();
            match self.open_run() {
                Some(_) if spell.reach == Reach::NextCycle => {}
                Some(_) => self.change(spell, event.effective_at),
                None if is_first && spell.terms.is_some() => self.start_late(event.effective_at),
                None if spell.reach != Reach::NextCycle => {
                    self.come_back(spell, event.effective_at)
                }
                None => {}
            }
        }
    }

    /// The running clock meets other terms: what becomes of it is for its own target to say.
    fn change(&mut self, spell: &Spell, at: Timestamp) {
        let Some(run) = self.open_run() else { return };
        let Some(terms) = &spell.terms else {
            // What was promised by hand, and what is kept through all changes, needs no target any more.
            let stays = run.terms.target.id.is_none()
                || spell.reach == Reach::Running
                    && run.terms.target.policy.on_change == ChangePolicy::Keep;
            if !stays {
                run.end = Some((at, End::Cancelled(CancelReason::NoTarget)));
                run.until_seq = Some(spell.from_seq);
            }
            return;
        };
        let stays = spell.reach == Reach::Running
            && run.terms.target.policy.on_change == ChangePolicy::Keep;
        if stays || run.terms.target.promises_the_same(&terms.target) {
            return;
        }
        run.end = Some((at, End::Superseded));
        run.until_seq = Some(spell.from_seq);
        let next = run.succeeded(terms.clone(), spell.from_seq, at);
        self.runs.push(next);
    }

    /// Terms hold again for a clock that was cancelled for want of any: it goes on, and sees what was done meanwhile.
    fn come_back(&mut self, spell: &Spell, at: Timestamp) {
        let (Some(terms), Some(run)) = (&spell.terms, self.runs.last()) else {
            return;
        };
        let Some((ended_at, End::Cancelled(CancelReason::NoTarget))) = run.end else {
            return;
        };
        if self.closed {
            return;
        }
        let mut next = run.succeeded(terms.clone(), spell.from_seq, at);
        if let Some(kept) = self.last.filter(|kept| *kept >= ended_at) {
            next.end = Some((kept.max(next.anchor_at), End::Satisfied));
        }
        self.runs.push(next);
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

    /// Starts the next cycle under the standing terms, if there are any. `since` is when that came about.
    fn start(&mut self, anchor_at: Timestamp, since: Timestamp) {
        if let Some((from_seq, terms)) = self.standing.clone() {
            self.begin(terms, from_seq, anchor_at);
            // Begun afterwards, it may be late from its first moment.
            let is_afterwards = self.opened && anchor_at < since;
            if let Some(run) = self.open_run().filter(|_| is_afterwards) {
                run.changed_at = Some(since);
            }
        }
    }

    fn begin(&mut self, terms: Terms, from_seq: i64, anchor_at: Timestamp) {
        let cycle = self.runs.last().map_or(1, |run| run.cycle + 1);
        self.runs.push(Run {
            cycle,
            revision: 0,
            terms,
            from_seq,
            until_seq: None,
            changed_at: None,
            prorated_at: None,
            anchor_at,
            end: None,
            gaps: Vec::new(),
            promised: None,
            lengthened: None,
        });
    }

    fn take(&mut self, event: &Event) {
        let (metric, at) = (self.track.metric, event.effective_at);
        if event.what == Happening::Opened && !self.opened {
            self.start(self.track.anchor_at, at);
            self.opened = true;
        }
        let promisee = self.track.promisee;
        if satisfies(metric, promisee, event.what) {
            self.first = self.first.or(Some(at));
            self.last = Some(at);
            if let Some(run) = self.open_run() {
                let at = at.max(run.anchor_at);
                run.end = Some((at, End::Satisfied));
                let is_told = matches!(event.what, Happening::Replied | Happening::Announced);
                if metric == Metric::Update && is_told {
                    self.start(at, at);
                }
            }
        }
        match event.what {
            Happening::Cancelled => self.end_open(at, End::Cancelled(CancelReason::Ticket)),
            Happening::Closed => {
                self.closed = true;
                self.end_open(at, End::Cancelled(CancelReason::Closed));
            }
            Happening::Merged => self.end_open(at, End::Merged),
            Happening::NoReplyNeeded if metric == Metric::Respond => {
                self.end_open(at, End::Cancelled(CancelReason::NotNeeded));
            }
            Happening::CustomerWrote
                if metric == Metric::Respond && promisee == Promisee::Customer && !self.closed =>
            {
                let asked_again = self.runs.last().is_some_and(|run| {
                    run.terms.target.policy.follows_messages
                        && matches!(
                            run.end,
                            Some((_, End::Satisfied | End::Cancelled(CancelReason::NotNeeded)))
                        )
                });
                if asked_again {
                    self.start(at, at);
                }
            }
            Happening::Reopened => self.reopen(at),
            Happening::AnchorMoved(anchor) => self.anchor_moved(anchor, event.recorded_at),
            Happening::Absorbed {
                metric: theirs,
                anchor_at,
            } if theirs == metric => self.absorb(anchor_at, at),
            Happening::Promised {
                metric: promised,
                at: due,
                lengthens,
            } if promised == metric => self.promise(event, due, lengthens),
            _ => {}
        }
    }

    fn end_open(&mut self, at: Timestamp, how: End) {
        if let Some(run) = self.open_run() {
            run.end = Some((at, how));
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
                let policy = &run.terms.target.policy;
                match policy.reopened_after(at.secs_since(ended_at)) {
                    ReopenPolicy::ResumeWithoutGap => {
                        run.end = None;
                        run.gaps.push(Interval::new(ended_at, at));
                    }
                    ReopenPolicy::ResumeWithGap => run.end = None,
                    ReopenPolicy::NewCycle => self.start(at, at),
                }
            }
            End::Cancelled(CancelReason::Ticket | CancelReason::Closed) => {
                run.end = None;
                run.gaps.push(Interval::new(ended_at, at));
            }
            End::Satisfied | End::Cancelled(_) | End::Superseded | End::Merged => {}
        }
    }

    /// The first cycle counts from the ticket's anchor, which was corrected.
    fn anchor_moved(&mut self, anchor: Anchor, at: Timestamp) {
        let is_log = self.track.metric == Metric::Log && anchor == Anchor::Impact;
        for run in self.runs.iter_mut().filter(|run| run.cycle == 1) {
            let counts_from_it = run.anchor_at == self.track.anchor_at;
            if counts_from_it && (run.terms.target.anchor == anchor || is_log) {
                run.changed_at = Some(at);
            }
        }
    }

    /// What is owed on an absorbed ticket is owed here: counted from whichever began earlier. A message that nobody answered
    /// there waits for its answer here.
    fn absorb(&mut self, anchor_at: Timestamp, at: Timestamp) {
        if let Some(run) = self.open_run() {
            if anchor_at < run.anchor_at {
                run.anchor_at = anchor_at;
                run.changed_at = Some(at);
            }
            return;
        }
        let is_answer = self.track.metric == Metric::Respond
            && self.track.promisee == Promisee::Customer
            && !self.closed;
        if is_answer {
            self.start(anchor_at, at);
        }
    }

    fn promise(&mut self, event: &Event, due: Option<Timestamp>, lengthens: bool) {
        let is_update = self.track.metric == Metric::Update;
        self.leave_what_was_missed(event, due);
        match (due, self.open_run()) {
            (Some(due), Some(run)) => {
                let by_hand = run.terms.target.id.is_none();
                let new = Promised {
                    at: due,
                    seq: event.seq,
                };
                run.promised = Some(match run.promised {
                    // An update may be promised sooner freely; later only with a right, or where no agreement stands behind it.
                    Some(earlier) if is_update && !by_hand && !lengthens && earlier.at <= due => {
                        earlier
                    }
                    _ => new,
                });
                if lengthens {
                    run.lengthened = run.lengthened.or(Some(event.effective_at));
                }
            }
            (None, Some(run)) => {
                if run.terms.target.id.is_none() {
                    run.end = Some((event.effective_at, End::Cancelled(CancelReason::TakenBack)));
                } else {
                    run.promised = None;
                    run.lengthened = None;
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
                self.begin(terms, event.seq, event.effective_at);
                if let Some(run) = self.open_run() {
                    run.promised = Some(Promised {
                        at: due,
                        seq: event.seq,
                    });
                }
            }
            (None, None) => {}
        }
    }

    /// What was promised by hand and is late already stays missed: what is promised from here on is another revision's.
    fn leave_what_was_missed(&mut self, event: &Event, due: Option<Timestamp>) {
        let at = event.effective_at;
        let is_missed = |run: &&mut Run| run.promised.is_some_and(|promised| promised.at < at);
        let Some(run) = self.open_run().filter(is_missed) else {
            return;
        };
        let by_hand = run.terms.target.id.is_none();
        // Taken back, it ends as it stands.
        if by_hand && due.is_none() {
            return;
        }
        run.end = Some((at, End::Superseded));
        run.until_seq = Some(event.seq);
        let next = Run {
            prorated_at: None,
            // Where no agreement says since when, it counts from its making.
            anchor_at: if by_hand { at } else { run.anchor_at },
            promised: None,
            lengthened: None,
            ..run.succeeded(run.terms.clone(), event.seq, at)
        };
        self.runs.push(next);
    }
}
