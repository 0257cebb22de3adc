//! That an explanation adds up, names what began each step, and stays readable however long the promise.

use std::sync::Arc;

use chrono_tz::Tz;
use proptest::prelude::*;

use super::super::calendar::{Calendar, Range};
use super::super::id::{Id, Kind};
use super::super::sla_agreement::{Anchor, Budget, Metric, Promisee, Target};
use super::super::sla_clock::{Reach, Spell, Terms, Track, derive, in_order};
use super::super::sla_holder::Turn;
use super::super::sla_policy::Policy;
use super::super::ticket::{State, WaitingOn};
use super::super::worktime::Hours;
use super::*;

const HOUR: i64 = 3600;

/// Monday 1 June 2026, 09:00 in Berlin, plus seconds.
fn mon(secs: i64) -> Timestamp {
    Timestamp::parse_rfc3339("2026-06-01T07:00:00Z")
        .unwrap()
        .plus_secs(secs)
}

fn calendar(range: &str) -> Arc<Calendar> {
    let range = Range::parse(range).unwrap();
    let week: Vec<_> = (0..=4).map(|day| (day, range)).collect();
    Arc::new(Calendar::new(Tz::Europe__Berlin, &week, vec![]).unwrap())
}

fn working() -> Arc<Hours> {
    Arc::new(Hours::of(calendar("09:00-17:00")))
}

fn events(list: &[(i64, Happening)]) -> Vec<Event> {
    let all = [(0, Happening::Opened)].into_iter().chain(list.to_vec());
    in_order(
        all.enumerate()
            .map(|(index, (secs, what))| Event {
                seq: index as i64 + 1,
                effective_at: mon(secs),
                recorded_at: mon(secs),
                what,
            })
            .collect(),
    )
}

fn clock(hours: Arc<Hours>, budget: Budget, events: &[Event], now: Timestamp) -> Clock {
    clocks(Metric::Resolve, hours, budget, events, now).remove(0)
}

/// The cycles of a promise that stands still while the ticket is restored.
fn clocks(
    metric: Metric,
    hours: Arc<Hours>,
    budget: Budget,
    events: &[Event],
    now: Timestamp,
) -> Vec<Clock> {
    let target = Target {
        id: Some(Id::new(mon(0))),
        metric,
        promisee: Promisee::Customer,
        kind: Kind::Incident,
        severity: None,
        service: None,
        customer: None,
        budget,
        calendar: Id::new(mon(0)),
        also: Vec::new(),
        anchor: Anchor::Logged,
        warn: Vec::new(),
        stops_on: Target::usual_stops(Metric::Resolve).to_vec(),
        policy: Policy {
            holds_in: vec![State::Restored],
            ..Policy::default()
        },
    };
    let track = Track {
        metric,
        promisee: Promisee::Customer,
        kind: Kind::Incident,
        anchor_at: mon(0),
        spells: vec![Spell {
            from_seq: 0,
            reach: Reach::NextCycle,
            terms: Some(Terms {
                target: Arc::new(target),
                hours: hours.clone(),
            }),
        }],
        by_hand: (Id::new(mon(0)), hours),
        kept: Vec::new(),
    };
    derive(&track, events, now)
}

fn wait(on: WaitingOn, until: Option<Timestamp>) -> Happening {
    Happening::Held {
        on,
        until,
        by_state: false,
    }
}

#[test]
fn an_explanation_adds_up_to_the_deadline() {
    let list = events(&[
        (2 * HOUR, wait(WaitingOn::Customer, None)),
        (3 * HOUR, Happening::Released),
    ]);
    let budget = Budget::Counted { secs: 10 * HOUR };
    let clock = clock(working(), budget, &list, mon(4 * HOUR));
    let explained = explain(&clock, &list, &Custody::default(), mon(4 * HOUR));
    let steps: Vec<_> = explained
        .steps
        .iter()
        .map(|step| {
            let hours = step.interval.micros() / 3_600_000_000;
            (step.kind, hours, step.cause, step.is_ahead)
        })
        .collect();
    let customer = StepKind::Stopped(Stop::Waiting(WaitingOn::Customer));
    assert_eq!(
        steps,
        [
            (StepKind::Counted, 2, Cause::Anchor { seq: Some(1) }, false),
            (customer, 1, Cause::Entry { seq: 2 }, false),
            (StepKind::Counted, 1, Cause::Entry { seq: 3 }, false),
            (StepKind::Counted, 4, Cause::Now, true),
            (StepKind::Outside, 16, Cause::Hours, true),
            (StepKind::Counted, 3, Cause::Hours, true),
        ]
    );
    let hours: Vec<i64> = explained
        .sum
        .iter()
        .map(|part| part / 3_600_000_000)
        .collect();
    assert_eq!(hours, [2, 1, 4, 3]);
    assert_eq!(Some(explained.sum.iter().sum::<i64>()), explained.budget);
    assert_eq!((explained.used, explained.late), (3 * HOUR * 1_000_000, 0));
}

#[test]
fn lateness_begins_with_the_deadline_and_is_not_part_of_the_sum() {
    let list = events(&[]);
    let budget = Budget::Counted { secs: 3 * HOUR };
    let clock = clock(working(), budget, &list, mon(5 * HOUR));
    let explained = explain(&clock, &list, &Custody::default(), mon(5 * HOUR));
    let last = explained.steps.last().unwrap();
    assert_eq!((last.cause, last.is_late), (Cause::Deadline, true));
    assert_eq!(explained.late, 2 * HOUR * 1_000_000);
    assert_eq!(explained.sum, [3 * HOUR * 1_000_000]);
}

#[test]
fn other_hands_a_holds_end_and_another_calendar_are_causes_of_their_own() {
    let list = events(&[(HOUR, wait(WaitingOn::Vendor, Some(mon(2 * HOUR))))]);
    let hours = Arc::new(Hours::versions(vec![
        (mon(-HOUR), calendar("09:00-17:00")),
        (mon(4 * HOUR), calendar("09:00-18:00")),
    ]));
    let turn = |secs: i64, owner| Turn {
        at: mon(secs),
        seq: 7,
        owner,
        team: None,
    };
    let turns = vec![turn(0, None), turn(3 * HOUR, Some(Id::new(mon(1))))];
    let custody = Custody::new(turns, &list);
    let now = mon(5 * HOUR);
    let budget = Budget::Counted { secs: 20 * HOUR };
    let explained = explain(&clock(hours, budget, &list, now), &list, &custody, now);
    let causes: Vec<_> = explained
        .steps
        .iter()
        .map(|step| step.cause)
        .take(6)
        .collect();
    assert_eq!(
        causes,
        [
            Cause::Anchor { seq: Some(1) },
            Cause::Entry { seq: 2 },
            Cause::HoldEnd,
            Cause::Entry { seq: 7 },
            Cause::Version,
            Cause::Now,
        ]
    );
}

#[test]
fn each_wait_is_begun_and_ended_by_its_own_entry() {
    let list = events(&[
        (HOUR, wait(WaitingOn::Customer, None)),
        (2 * HOUR, Happening::Released),
        (3 * HOUR, wait(WaitingOn::Customer, None)),
        (4 * HOUR, Happening::Released),
    ]);
    let budget = Budget::Counted { secs: 4 * HOUR };
    let now = mon(5 * HOUR);
    let clock = clock(working(), budget, &list, now);
    let explained = explain(&clock, &list, &Custody::default(), now);
    let causes: Vec<_> = explained
        .steps
        .iter()
        .map(|step| (step.cause.word(), step.cause.seq()))
        .collect();
    assert_eq!(
        causes,
        [
            ("anchor", Some(1)),
            ("entry", Some(2)),
            ("entry", Some(3)),
            ("entry", Some(4)),
            ("entry", Some(5)),
            ("now", None),
        ]
    );
    let words = [
        Cause::Hours,
        Cause::Version,
        Cause::HoldEnd,
        Cause::Deadline,
    ];
    let words = words.map(|cause| (cause.word(), cause.seq()));
    let expected = ["hours", "version", "hold_end", "deadline"];
    assert_eq!(words, expected.map(|word| (word, None)));
    assert_eq!(Cause::Anchor { seq: None }.seq(), None);
}

#[test]
fn of_several_entries_at_one_instant_the_one_that_did_it_is_named() {
    // Each time something else was written in the same moment, and after it.
    let aside = Happening::Promised {
        metric: Metric::CallBack,
        at: Some(mon(90 * HOUR)),
        lengthens: false,
    };
    let named = |list: &[(i64, Happening)]| -> Vec<(&str, Option<i64>)> {
        let list = events(list);
        let budget = Budget::Counted { secs: 4 * HOUR };
        let now = mon(3 * HOUR);
        let explained = explain(
            &clock(working(), budget, &list, now),
            &list,
            &Custody::default(),
            now,
        );
        let steps = explained.steps.iter();
        steps
            .map(|step| (step.cause.word(), step.cause.seq()))
            .collect()
    };
    let sent = Happening::Kept(Metric::Report);
    let begun = [(0, sent)];
    assert_eq!(named(&begun)[0], ("anchor", Some(1)));
    let waited = [
        (HOUR, wait(WaitingOn::Vendor, None)),
        (HOUR, aside),
        (2 * HOUR, Happening::Released),
        (2 * HOUR, aside),
    ];
    assert_eq!(
        named(&waited)[1..3],
        [("entry", Some(2)), ("entry", Some(4))]
    );
    let in_state = [
        (HOUR, Happening::Entered(State::Restored)),
        (HOUR, aside),
        (2 * HOUR, Happening::Entered(State::InProgress)),
        (2 * HOUR, aside),
    ];
    assert_eq!(
        named(&in_state)[1..3],
        [("entry", Some(2)), ("entry", Some(4))]
    );
    let again = [
        (HOUR, Happening::Resolved),
        (HOUR, aside),
        (2 * HOUR, Happening::Reopened),
        (2 * HOUR, aside),
    ];
    assert_eq!(
        named(&again)[1..3],
        [("entry", Some(2)), ("entry", Some(4))]
    );
    let kept = [(2 * HOUR, Happening::Resolved), (2 * HOUR, aside)];
    assert_eq!(named(&kept)[1], ("entry", Some(2)));
    // A later cycle begins with the entry that brought it about, and with none if none did.
    let list = events(&[(HOUR, Happening::Replied), (HOUR, sent)]);
    let budget = Budget::Counted { secs: 4 * HOUR };
    let now = mon(2 * HOUR);
    let updates = clocks(Metric::Update, working(), budget, &list, now);
    let explained = explain(&updates[1], &list, &Custody::default(), now);
    assert_eq!(explained.steps[0].cause, Cause::Anchor { seq: Some(2) });
}

#[test]
fn what_counts_from_before_it_was_opened_is_begun_by_the_opening_and_no_later_cycle_is() {
    let event = |seq, secs: i64, what| Event {
        seq,
        effective_at: mon(secs),
        recorded_at: mon(HOUR),
        what,
    };
    // The impact lies an hour back, and somebody had a look before it was written down.
    let list = in_order(vec![
        event(1, HOUR, Happening::Opened),
        event(2, HOUR / 2, Happening::Acknowledged),
    ]);
    let budget = Budget::Counted { secs: 4 * HOUR };
    let now = mon(2 * HOUR);
    let mut clock = clock(working(), budget, &list, now);
    let begun_by = |clock: &Clock| {
        let explained = explain(clock, &list, &Custody::default(), now);
        explained.steps[0].cause
    };
    assert_eq!(begun_by(&clock), Cause::Anchor { seq: Some(1) });
    clock.cycle = 2;
    assert_eq!(begun_by(&clock), Cause::Anchor { seq: None });
}

#[test]
fn an_evening_that_begins_right_now_is_now() {
    let list = events(&[]);
    let budget = Budget::Counted { secs: 10 * HOUR };
    let now = mon(8 * HOUR);
    let clock = clock(working(), budget, &list, now);
    let explained = explain(&clock, &list, &Custody::default(), now);
    let steps: Vec<_> = explained
        .steps
        .iter()
        .map(|it| (it.kind, it.cause))
        .collect();
    assert_eq!(
        steps,
        [
            (StepKind::Counted, Cause::Anchor { seq: Some(1) }),
            (StepKind::Outside, Cause::Now),
            (StepKind::Counted, Cause::Hours),
        ]
    );
}

#[test]
fn what_is_summed_up_of_a_long_lateness_is_no_part_of_the_budget() {
    let list = events(&[]);
    let budget = Budget::Counted { secs: HOUR };
    let now = mon(150 * 24 * HOUR);
    let clock = clock(working(), budget, &list, now);
    let explained = explain(&clock, &list, &Custody::default(), now);
    let folded = explained.folded.expect("a hundred working days are folded");
    assert_eq!(folded.counted, folded.late);
    assert_eq!(explained.sum, [HOUR * 1_000_000]);
}

#[test]
fn what_happened_before_it_or_changed_nothing_is_no_step() {
    let list = events(&[]);
    let (one, other) = (Id::new(mon(1)), Id::new(mon(2)));
    let turn = |secs: i64, seq, owner| Turn {
        at: mon(secs),
        seq,
        owner: Some(owner),
        team: None,
    };
    // Somebody had it before it counted; the same person gets it again; and somebody else long after its deadline.
    let turns = vec![
        turn(-HOUR, 5, one),
        turn(HOUR, 6, one),
        turn(2 * HOUR, 7, other),
        turn(6 * HOUR, 8, one),
    ];
    let custody = Custody::new(turns, &list);
    let budget = Budget::Counted { secs: 4 * HOUR };
    let now = mon(0);
    let clock = clock(working(), budget, &list, now);
    let explained = explain(&clock, &list, &custody, now);
    let steps: Vec<_> = explained
        .steps
        .iter()
        .map(|step| (step.interval.from, step.interval.to, step.cause))
        .collect();
    assert_eq!(
        steps,
        [
            (mon(0), mon(2 * HOUR), Cause::Anchor { seq: Some(1) }),
            (mon(2 * HOUR), mon(4 * HOUR), Cause::Entry { seq: 7 }),
        ]
    );
    // By night it is in nobody's hands: whoever gets it then makes no step of their own.
    let turns = vec![turn(0, 5, one), turn(10 * HOUR, 6, other)];
    let custody = Custody::new(turns, &list);
    let budget = Budget::Counted { secs: 9 * HOUR };
    let clock = self::clock(working(), budget, &list, now);
    let explained = explain(&clock, &list, &custody, now);
    let kinds: Vec<_> = explained.steps.iter().map(|step| step.kind).collect();
    assert_eq!(
        kinds,
        [StepKind::Counted, StepKind::Outside, StepKind::Counted]
    );
}

#[test]
fn a_promise_of_years_is_told_in_its_beginning_its_end_and_one_sum_between() {
    let list = events(&[]);
    let budget = Budget::Counted { secs: 2_000 * HOUR };
    let explained = explain(
        &clock(working(), budget, &list, mon(0)),
        &list,
        &Custody::default(),
        mon(0),
    );
    let folded = explained.folded.expect("250 working days are folded");
    assert_eq!(explained.steps.len(), MOST_STEPS);
    assert_eq!(
        folded.interval.from,
        explained.steps[folded.after].interval.to
    );
    assert_eq!(
        folded.interval.to,
        explained.steps[folded.after + 1].interval.from
    );
    assert_eq!(explained.sum.iter().sum::<i64>(), 2_000 * HOUR * 1_000_000);
}

#[test]
fn a_clock_that_was_kept_early_still_says_how_its_deadline_came_about() {
    let list = events(&[(2 * HOUR, Happening::Resolved)]);
    let budget = Budget::Counted { secs: 10 * HOUR };
    let clock = clock(working(), budget, &list, mon(40 * HOUR));
    let explained = explain(&clock, &list, &Custody::default(), mon(40 * HOUR));
    let steps: Vec<_> = explained
        .steps
        .iter()
        .map(|step| {
            let hours = step.interval.micros() / 3_600_000_000;
            (hours, step.cause, step.is_ahead)
        })
        .collect();
    assert_eq!(
        steps,
        [
            (2, Cause::Anchor { seq: Some(1) }, false),
            (6, Cause::Entry { seq: 2 }, true),
            (16, Cause::Hours, true),
            (2, Cause::Hours, true),
        ]
    );
    assert_eq!(Some(explained.sum.iter().sum::<i64>()), explained.budget);
    assert_eq!(explained.used, 2 * HOUR * 1_000_000);
}

proptest! {
    /// The steps leave no gap from the anchor to the end; the counted ones before the deadline sum to the budget, those until now
    /// to what is used, and the running sum is theirs.
    #[test]
    fn whatever_happens_the_arithmetic_is_right(
        gaps in prop::collection::vec((60_i64..200_000, 0_usize..6), 0..16),
        minutes in 1_i64..4_000,
        ahead in 0_i64..2_000_000,
    ) {
        let mut at = 0;
        let list: Vec<_> = gaps.iter().map(|(gap, what)| {
            at += gap;
            (at, match what {
                0 => wait(WaitingOn::Customer, None),
                1 => wait(WaitingOn::Vendor, Some(mon(at + 40_000))),
                2 => wait(WaitingOn::Date, None),
                3 => Happening::Resolved,
                4 => Happening::Reopened,
                _ => Happening::Released,
            })
        }).collect();
        let list = events(&list);
        let now = mon(at + ahead);
        let clock = clock(working(), Budget::Counted { secs: minutes * 60 }, &list, now);
        let explained = explain(&clock, &list, &Custody::new(Vec::new(), &list), now);
        let (mut used, mut so_far) = (0, 0);
        for (place, step) in explained.steps.iter().enumerate() {
            let folded = explained.folded.filter(|folded| folded.after + 1 == place);
            if let Some(folded) = folded {
                used += folded.counted;
            }
            if step.kind == StepKind::Counted {
                used += step.interval.micros();
                so_far += if step.is_ahead { 0 } else { step.interval.micros() };
            }
            prop_assert_eq!(step.used_after, used);
            let from = match (place, folded) {
                (0, _) => clock.anchor_at,
                (_, Some(folded)) => folded.interval.to,
                (_, None) => explained.steps[place - 1].interval.to,
            };
            prop_assert_eq!(step.interval.from, from);
        }
        if explained.folded.is_none() {
            prop_assert_eq!(so_far, explained.used);
        }
        let sum: i64 = explained.sum.iter().sum();
        if clock.deadline_at.is_some() {
            prop_assert_eq!(sum, minutes * 60_000_000);
        }
    }
}
