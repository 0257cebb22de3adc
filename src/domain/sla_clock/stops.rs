//! The stretches of a ticket's life in which clocks may stand: its waits, and the states it was in.

use super::fold::Run;
use super::{Event, Happening, Stop};
use crate::domain::sla_agreement::Budget;
use crate::domain::ticket::{State, WaitingOn};
use crate::domain::timestamp::Timestamp;
use crate::domain::worktime::Interval;

pub(super) struct Stretches {
    waits: Vec<(Interval, WaitingOn)>,
    states: Vec<(Interval, State)>,
}

/// A wait that hasn't ended yet.
struct Wait {
    seq: i64,
    from: Timestamp,
    on: WaitingOn,
    until: Option<Timestamp>,
    by_state: bool,
}

impl Wait {
    /// One that is ended before it began was none.
    fn ended(&self, at: Timestamp) -> (Interval, WaitingOn) {
        let to = self.until.map_or(at, |until| until.min(at));
        (Interval::new(self.from, to.max(self.from)), self.on)
    }
}

impl Stretches {
    /// One without a known end reaches to [`Timestamp::NEVER`].
    pub(super) fn of(events: &[Event]) -> Self {
        Self {
            waits: waits(events),
            states: states(events),
        }
    }

    /// Where the clock of `run` stands. A promised date is stopped by nothing but the ticket's being closed.
    pub(super) fn stops(&self, run: &Run) -> Vec<(Interval, Stop)> {
        let target = &run.terms.target;
        let mut stops: Vec<(Interval, Stop)> =
            run.gaps.iter().map(|gap| (*gap, Stop::Closed)).collect();
        let touches = |interval: &Interval| {
            interval.to > run.anchor_at && run.end.is_none_or(|(at, _)| interval.from < at)
        };
        if !matches!(target.budget, Budget::Fixed { .. }) {
            let waits = self.waits.iter().copied();
            stops.extend(
                waits
                    .filter(|(interval, on)| target.stops_on.contains(on) && touches(interval))
                    .map(|(interval, on)| (interval, Stop::Waiting(on))),
            );
            let states = self.states.iter().copied();
            stops.extend(
                states
                    .filter(|(interval, state)| {
                        target.policy.holds_in.contains(state) && touches(interval)
                    })
                    .map(|(interval, state)| (interval, Stop::InState(state))),
            );
        }
        stops.sort_by_key(|(interval, _)| *interval);
        stops
    }
}

pub(super) fn waits(events: &[Event]) -> Vec<(Interval, WaitingOn)> {
    let mut done = Vec::new();
    let mut open: Vec<Wait> = Vec::new();
    for event in events {
        let at = event.effective_at;
        let mut end = |ends: &dyn Fn(&Wait) -> bool| {
            open.retain(|wait| {
                let ends = ends(wait);
                if ends {
                    done.push(wait.ended(at));
                }
                !ends
            });
        };
        match event.what {
            Happening::Held {
                on,
                until,
                by_state,
            } => open.push(Wait {
                seq: event.seq,
                from: at,
                on,
                until,
                by_state,
            }),
            Happening::Released => end(&|wait| !wait.by_state),
            Happening::ReleasedOne { seq } => end(&|wait| wait.seq == seq),
            // The state in which it was put on, which came with the same entry, is the one that it ends with.
            Happening::StateChanged | Happening::Entered(_) => {
                end(&|wait| wait.by_state && wait.seq != event.seq);
            }
            Happening::Resolved | Happening::Closed | Happening::Cancelled | Happening::Merged => {
                end(&|_| true)
            }
            _ => {}
        }
    }
    for wait in open {
        done.push(wait.ended(wait.until.unwrap_or(Timestamp::NEVER)));
    }
    done
}

fn states(events: &[Event]) -> Vec<(Interval, State)> {
    let mut done = Vec::new();
    let mut standing: Option<(Timestamp, State)> = None;
    for event in events {
        let Happening::Entered(state) = event.what else {
            continue;
        };
        if let Some((from, left)) = standing.replace((event.effective_at, state)) {
            done.push((Interval::new(from, event.effective_at.max(from)), left));
        }
    }
    if let Some((from, state)) = standing {
        done.push((Interval::new(from, Timestamp::NEVER), state));
    }
    done
}
