//! What becomes of clocks when their ticket changes, waits for several things, is opened again, merged or corrected
//! (T22, T23, T25, T26, T28, T29, T40, T51, T59).

use super::tests::{
    HOUR, MINUTE, always, events, mon, one, target, track, track_of, wait, working,
};
use super::*;
use crate::domain::id::Id;
use crate::domain::sla_policy::{ChangePolicy, Policy, ReopenPolicy};

fn with_policy(metric: Metric, secs: i64, policy: Policy) -> Target {
    let mut target = target(metric, Promisee::Customer, Budget::Counted { secs });
    target.policy = policy;
    target
}

/// A resolve target of `first` seconds with this policy, and from the event 2 on another one of `then` seconds.
fn changed(first: i64, policy: ChangePolicy, then: Option<i64>) -> Track {
    let policy = Policy {
        on_change: policy,
        ..Policy::default()
    };
    let mut track = track_of(
        with_policy(Metric::Resolve, first, policy),
        always(),
        mon(0),
    );
    let terms = then.map(|secs| {
        let mut next = with_policy(Metric::Resolve, secs, Policy::default());
        next.id = Some(Id::new(mon(99)));
        Terms {
            target: Arc::new(next),
            hours: always(),
        }
    });
    track.spells.push(Spell {
        from_seq: 2,
        terms,
        reach: Reach::Running,
    });
    track
}

fn deadlines(clocks: &[Clock]) -> Vec<(i32, ClockState, Option<Timestamp>)> {
    clocks
        .iter()
        .map(|clock| (clock.revision, clock.state, clock.deadline_at))
        .collect()
}

#[test]
fn the_running_target_says_what_becomes_of_its_clock_when_another_takes_over() {
    use ClockState::{Running, Superseded};
    let change = events(&[(2 * HOUR, Happening::Retargeted)]);
    let at = |hours: i64| Some(mon(hours * HOUR));
    for (policy, expected) in [
        (
            ChangePolicy::Carry,
            vec![(0, Superseded, at(8)), (1, Running, at(4))],
        ),
        (
            ChangePolicy::Restart,
            vec![(0, Superseded, at(8)), (1, Running, at(6))],
        ),
        (ChangePolicy::Keep, vec![(0, Running, at(8))]),
        // A quarter was used: three quarters of four hours are left.
        (
            ChangePolicy::Prorate,
            vec![(0, Superseded, at(8)), (1, Running, at(5))],
        ),
    ] {
        let clocks = derive(
            &changed(8 * HOUR, policy, Some(4 * HOUR)),
            &change,
            mon(3 * HOUR),
        );
        assert_eq!(deadlines(&clocks), expected, "{policy}");
    }
    let kept = derive(
        &changed(8 * HOUR, ChangePolicy::Keep, None),
        &change,
        mon(3 * HOUR),
    );
    assert_eq!(
        deadlines(&kept),
        [(0, Running, at(8))],
        "kept though none holds"
    );
    let mut gone = changed(8 * HOUR, ChangePolicy::Keep, None);
    gone.spells[1].reach = Reach::Gone;
    let clocks = derive(&gone, &change, mon(3 * HOUR));
    assert_eq!(clocks[0].cancelled, Some(CancelReason::NoTarget));
}

#[test]
fn a_prorated_clock_carries_its_share_and_adds_up() {
    let change = events(&[(2 * HOUR, Happening::Retargeted)]);
    let track = changed(8 * HOUR, ChangePolicy::Prorate, Some(4 * HOUR));
    let clocks = derive(&track, &change, mon(3 * HOUR));
    let clock = &clocks[1];
    assert_eq!(
        (clock.counts_from, clock.credit),
        (mon(2 * HOUR), HOUR * 1_000_000)
    );
    assert_eq!(clock.used_permyriad(mon(2 * HOUR)), 2_500);
    assert_eq!(clock.used_permyriad(mon(5 * HOUR)), 10_000);
    let custody = crate::domain::sla_holder::Custody::default();
    let explained = crate::domain::sla_explain::explain(clock, &change, &custody, mon(5 * HOUR));
    let last = explained.steps.last().map(|step| step.used_after);
    assert_eq!(
        (last, explained.budget),
        (Some(4 * HOUR * 1_000_000), Some(4 * HOUR * 1_000_000))
    );
    // The warning at 50 % comes when two of four hours are used, not again for what was used before.
    let warned: Vec<_> = clock.warnings.iter().map(|(_, at)| *at).collect();
    assert_eq!(warned, [mon(3 * HOUR), mon(4 * HOUR + 12 * MINUTE)]);
    // Used up is used up: it stays due when it was.
    let late = derive(
        &changed(HOUR, ChangePolicy::Prorate, Some(4 * HOUR)),
        &change,
        mon(3 * HOUR),
    );
    assert_eq!(late[1].deadline_at, Some(mon(HOUR)));
    assert_eq!(late[1].breached_at, Some(mon(HOUR)));
}

#[test]
fn terms_whose_entry_a_party_does_not_hear_of_begin_with_the_next_that_it_does() {
    let mut track = changed(8 * HOUR, ChangePolicy::Carry, Some(4 * HOUR));
    track.spells[1].from_seq = 3;
    let list = [
        (HOUR, Happening::Acknowledged),
        (2 * HOUR, Happening::Acknowledged),
        (3 * HOUR, Happening::Acknowledged),
    ];
    // The third entry was for others.
    let heard: Vec<Event> = events(&list)
        .into_iter()
        .filter(|event| event.seq != 3)
        .collect();
    let clocks = derive(&track, &heard, mon(3 * HOUR));
    let at = |hours: i64| Some(mon(hours * HOUR));
    assert_eq!(
        deadlines(&clocks),
        [
            (0, ClockState::Superseded, at(8)),
            (1, ClockState::Running, at(4))
        ]
    );
    assert_eq!(clocks[0].ended_at, at(3));
    assert_eq!(derive(&track, &heard[..2], mon(3 * HOUR)).len(), 1);
}

#[test]
fn what_had_nothing_to_use_up_carries_no_share() {
    // An agreed instant that was the beginning itself: none of its time was ever there.
    let mut track = changed(8 * HOUR, ChangePolicy::Prorate, Some(4 * HOUR));
    let terms = track.spells[0].terms.as_mut().unwrap();
    let mut nothing = terms.target.as_ref().clone();
    nothing.budget = Budget::Fixed { at: mon(0) };
    terms.target = Arc::new(nothing);
    let change = events(&[(2 * HOUR, Happening::Retargeted)]);
    let clocks = derive(&track, &change, mon(3 * HOUR));
    assert_eq!(
        (
            clocks[1].deadline_at,
            clocks[1].credit,
            clocks[1].counts_from
        ),
        (Some(mon(4 * HOUR)), 0, mon(0))
    );
}

#[test]
fn what_had_ended_keeps_its_own_terms_and_gives_them_to_no_other_cycle() {
    let updates = |kept: &[(i32, i32)]| {
        let mut track = track(Metric::Update, HOUR, always());
        let target = target(
            Metric::Update,
            Promisee::Customer,
            Budget::Counted { secs: 30 * MINUTE },
        );
        let terms = Terms {
            target: Arc::new(target),
            hours: always(),
        };
        let kept = kept.iter();
        track.kept = kept
            .map(|(cycle, revision)| (*cycle, *revision, terms.clone()))
            .collect();
        let list = [
            (45 * MINUTE, Happening::Replied),
            (90 * MINUTE, Happening::Replied),
        ];
        let clocks = derive(&track, &events(&list), mon(91 * MINUTE));
        clocks.iter().map(|clock| clock.state).collect::<Vec<_>>()
    };
    use ClockState::{Met, Missed, Running};
    assert_eq!(updates(&[]), [Met, Met, Running]);
    assert_eq!(updates(&[(1, 0)]), [Missed, Met, Running]);
    assert_eq!(updates(&[(2, 0)]), [Met, Missed, Running]);
    // What is open, and what never was, has nothing to keep.
    assert_eq!(updates(&[(3, 0), (1, 1)]), [Met, Met, Running]);
}

#[test]
fn terms_that_hold_again_let_a_cancelled_clock_go_on_from_its_anchor() {
    let mut track = changed(8 * HOUR, ChangePolicy::Carry, None);
    track.spells.push(Spell {
        from_seq: 4,
        ..track.spells[0].clone()
    });
    track.spells[2].reach = Reach::Running;
    let list = [
        (HOUR, Happening::Retargeted),
        (2 * HOUR, Happening::Acknowledged),
        (3 * HOUR, Happening::Retargeted),
    ];
    let clocks = derive(&track, &events(&list), mon(3 * HOUR));
    assert_eq!(
        deadlines(&clocks),
        [
            (0, ClockState::Cancelled, Some(mon(8 * HOUR))),
            (1, ClockState::Running, Some(mon(8 * HOUR)))
        ]
    );
    let mut kept = list;
    kept[1].1 = Happening::Resolved;
    let clocks = derive(&track, &events(&kept), mon(3 * HOUR));
    assert_eq!(
        (clocks[1].state, clocks[1].ended_at),
        (ClockState::Met, Some(mon(2 * HOUR)))
    );
}

#[test]
fn what_was_promised_by_hand_outlives_every_change_of_targets() {
    let promised = Happening::Promised {
        metric: Metric::CallBack,
        at: Some(mon(4 * HOUR)),
        lengthens: false,
    };
    let track = Track {
        spells: vec![Spell {
            from_seq: 3,
            terms: None,
            reach: Reach::Running,
        }],
        ..track(Metric::CallBack, HOUR, always())
    };
    let clock = one(&track, &[(60, promised), (120, Happening::Retargeted)], 180);
    assert_eq!(
        (clock.state, clock.deadline_at),
        (ClockState::Running, Some(mon(4 * HOUR)))
    );
}

#[test]
fn an_event_that_took_effect_earlier_brings_no_later_terms_with_it() {
    let track = changed(8 * HOUR, ChangePolicy::Carry, Some(HOUR));
    // Recorded after the change, in effect before it.
    let mut list = events(&[
        (3 * HOUR, Happening::Retargeted),
        (4 * HOUR, wait(WaitingOn::Customer)),
    ]);
    list[2].effective_at = mon(2 * HOUR);
    let clocks = derive(&track, &in_order(list), mon(5 * HOUR));
    assert_eq!(clocks[0].ended_at, Some(mon(3 * HOUR)));
}

#[test]
fn t28_t29_each_target_says_what_becomes_of_its_clock_when_a_ticket_is_opened_again() {
    let reopened = |policy: Policy, after: i64| {
        let track = track_of(
            with_policy(Metric::Resolve, 4 * HOUR, policy),
            always(),
            mon(0),
        );
        let list = [
            (HOUR, Happening::Resolved),
            (HOUR + after, Happening::Reopened),
        ];
        let clocks = derive(&track, &events(&list), mon(2 * HOUR + after));
        clocks
            .iter()
            .map(|clock| (clock.cycle, clock.state.is_open(), clock.deadline_at))
            .collect::<Vec<_>>()
    };
    let within = |within| Policy {
        reopen_grace_secs: 10 * HOUR,
        reopen_within: within,
        ..Policy::default()
    };
    let at = |hours: i64| Some(mon(hours * HOUR));
    assert_eq!(
        reopened(within(ReopenPolicy::ResumeWithoutGap), 10 * HOUR),
        [(1, true, at(14))]
    );
    assert_eq!(
        reopened(within(ReopenPolicy::ResumeWithGap), 10 * HOUR),
        [(1, true, at(4))]
    );
    let next = [(1, false, at(4)), (2, true, at(15))];
    assert_eq!(reopened(within(ReopenPolicy::NewCycle), 10 * HOUR), next);
    let past = [(1, false, at(4)), (2, true, Some(mon(15 * HOUR + 1)))];
    assert_eq!(
        reopened(within(ReopenPolicy::ResumeWithGap), 10 * HOUR + 1),
        past
    );
    let later = Policy {
        reopen_later: ReopenPolicy::ResumeWithoutGap,
        ..within(ReopenPolicy::NewCycle)
    };
    assert_eq!(reopened(later, 20 * HOUR), [(1, true, at(24))]);
}

#[test]
fn t25_several_holds_overlap_and_each_wait_is_counted_once() {
    let resolve = track(Metric::Resolve, 4 * HOUR, always());
    let list = [
        (HOUR, wait(WaitingOn::Customer)),
        (2 * HOUR, wait(WaitingOn::Vendor)),
        (3 * HOUR, Happening::ReleasedOne { seq: 2 }),
        (6 * HOUR, Happening::ReleasedOne { seq: 3 }),
    ];
    for (until, state) in [
        (2, ClockState::Held),
        (3, ClockState::Held),
        (4, ClockState::Running),
    ] {
        let clock = one(
            &resolve,
            &list[..until],
            5 * HOUR + until as i64 * HOUR - HOUR,
        );
        assert_eq!(clock.state, state, "{until}");
    }
    assert_eq!(
        one(&resolve, &list, 7 * HOUR).deadline_at,
        Some(mon(9 * HOUR))
    );
    let both = [list[0], list[1], (5 * HOUR, Happening::Released)];
    assert_eq!(
        one(&resolve, &both, 7 * HOUR).deadline_at,
        Some(mon(8 * HOUR))
    );
}

#[test]
fn a_hold_at_the_opening_counts_nothing_and_one_outside_the_hours_changes_nothing() {
    let resolve = track(Metric::Resolve, 4 * HOUR, working());
    let clock = one(&resolve, &[(0, wait(WaitingOn::Customer))], 3 * HOUR);
    assert_eq!(
        (clock.state, clock.used(mon(3 * HOUR))),
        (ClockState::Held, 0)
    );
    let at_night = [
        (10 * HOUR, wait(WaitingOn::Customer)),
        (20 * HOUR, Happening::Released),
    ];
    let clock = one(
        &track(Metric::Resolve, 10 * HOUR, working()),
        &at_night,
        25 * HOUR,
    );
    assert_eq!(clock.deadline_at, Some(mon(26 * HOUR)));
    assert_eq!(clock.stops.len(), 1, "it is on record");
}

#[test]
fn t22_a_hold_over_the_repeated_hour_is_as_long_as_it_was() {
    let at = |text: &str| Timestamp::parse_rfc3339(text).unwrap();
    let (from, to) = (at("2026-10-25T00:10:00Z"), at("2026-10-25T01:50:00Z"));
    let anchor = at("2026-10-24T22:00:00Z");
    let mut list = events(&[(0, wait(WaitingOn::Customer)), (0, Happening::Released)]);
    for (event, at) in list.iter_mut().zip([anchor, from, to]) {
        (event.effective_at, event.recorded_at) = (at, at);
    }
    let budget = Budget::Counted { secs: 24 * HOUR };
    let target = target(Metric::Resolve, Promisee::Customer, budget);
    let clock = derive(&track_of(target, always(), anchor), &list, to).remove(0);
    assert_eq!(clock.held()[0].micros(), 100 * MINUTE * 1_000_000);
    assert_eq!(
        clock.deadline_at,
        Some(anchor.plus_secs(24 * HOUR + 100 * MINUTE))
    );
}

#[test]
fn t23_a_hold_of_twenty_seconds_is_twenty_seconds_wherever_it_lies() {
    for from in [50, 60, 59 * MINUTE + 50] {
        let list = [
            (from, wait(WaitingOn::Customer)),
            (from + 20, Happening::Released),
        ];
        let clock = one(
            &track(Metric::Resolve, 4 * HOUR, working()),
            &list,
            2 * HOUR,
        );
        assert_eq!(clock.deadline_at, Some(mon(4 * HOUR + 20)), "{from}");
    }
}

#[test]
fn t26_a_state_that_brings_a_hold_with_it_holds_as_long_as_it_lasts() {
    let policy = Policy {
        holds_in: vec![State::Restored],
        ..Policy::default()
    };
    let resolve = track_of(
        with_policy(Metric::Resolve, 4 * HOUR, policy),
        always(),
        mon(0),
    );
    let list = [
        (0, Happening::Entered(State::New)),
        (HOUR, Happening::Restored),
        (HOUR, Happening::Entered(State::Restored)),
        (2 * HOUR, wait(WaitingOn::Vendor)),
        (3 * HOUR, Happening::Entered(State::New)),
    ];
    assert_eq!(
        one(&resolve, &list[..3], 90 * MINUTE).state,
        ClockState::Held
    );
    let after = one(&resolve, &list, 4 * HOUR);
    assert_eq!(after.state, ClockState::Held, "a person's hold stays");
    let released = [&list[..], &[(5 * HOUR, Happening::Released)]].concat();
    let clock = one(&resolve, &released, 6 * HOUR);
    assert_eq!(clock.deadline_at, Some(mon(8 * HOUR)));
    assert_eq!(clock.stops[0].1, Stop::InState(State::Restored));
    // Imported: the wait came with the state, and goes with whichever follows it.
    let by_state = Happening::Held {
        on: WaitingOn::Customer,
        until: None,
        by_state: true,
    };
    let plain = track(Metric::Resolve, 4 * HOUR, always());
    let list = [
        (HOUR, by_state),
        (2 * HOUR, Happening::Restored),
        (2 * HOUR, Happening::Entered(State::Restored)),
    ];
    assert_eq!(
        one(&plain, &list, 3 * HOUR).deadline_at,
        Some(mon(5 * HOUR))
    );
}

#[test]
fn t40_an_absorbed_clock_is_superseded_and_the_survivor_counts_from_whichever_began_earlier() {
    let resolve = track(Metric::Resolve, 4 * HOUR, always());
    let merged = one(&resolve, &[(2 * HOUR, Happening::Merged)], 9 * HOUR);
    assert_eq!(
        (merged.state, merged.cancelled, merged.breached_at),
        (ClockState::Superseded, Some(CancelReason::Merged), None)
    );
    let absorbed = |metric, anchor: i64| Happening::Absorbed {
        metric,
        anchor_at: mon(anchor),
    };
    let list = [(2 * HOUR, absorbed(Metric::Resolve, -3 * HOUR))];
    let clock = one(&resolve, &list, 2 * HOUR);
    assert_eq!(
        (clock.anchor_at, clock.deadline_at, clock.late_by_change),
        (mon(-3 * HOUR), Some(mon(HOUR)), true)
    );
    let later = one(
        &resolve,
        &[(2 * HOUR, absorbed(Metric::Resolve, HOUR))],
        2 * HOUR,
    );
    assert_eq!(later.anchor_at, mon(0));
    let apart = [list[0], (3 * HOUR, Happening::Unmerged { seq: 2 })];
    let clock = one(&resolve, &apart, 3 * HOUR);
    assert_eq!((clock.anchor_at, clock.breached_at), (mon(0), None));
    // A message that nobody answered there waits for its answer here.
    let respond = track(Metric::Respond, HOUR, always());
    let answered = [
        (10 * MINUTE, Happening::Replied),
        (40 * MINUTE, absorbed(Metric::Respond, 20 * MINUTE)),
    ];
    let clocks = derive(&respond, &events(&answered), mon(40 * MINUTE));
    assert_eq!(
        (clocks[1].cycle, clocks[1].deadline_at),
        (2, Some(mon(80 * MINUTE)))
    );
}

#[test]
fn t59_a_corrected_anchor_makes_late_by_change_and_no_other_does() {
    let respond = track(Metric::Respond, HOUR, always());
    let corrected = [(2 * HOUR, Happening::AnchorMoved(Anchor::Logged))];
    let clock = one(&respond, &corrected, 2 * HOUR);
    assert_eq!(
        (clock.breached_at, clock.late_by_change),
        (Some(mon(HOUR)), true)
    );
    let another = [(2 * HOUR, Happening::AnchorMoved(Anchor::Impact))];
    assert!(!one(&respond, &another, 2 * HOUR).late_by_change);
}

#[test]
fn where_messages_are_not_followed_the_first_answer_is_the_only_one() {
    let policy = Policy {
        follows_messages: false,
        ..Policy::default()
    };
    let respond = track_of(with_policy(Metric::Respond, HOUR, policy), always(), mon(0));
    let list = [(60, Happening::Replied), (120, Happening::CustomerWrote)];
    assert_eq!(derive(&respond, &events(&list), mon(180)).len(), 1);
}

#[test]
fn t51_a_change_back_and_forth_loses_no_breach() {
    let change = events(&[(2 * HOUR, Happening::Retargeted)]);
    let up = derive(
        &changed(8 * HOUR, ChangePolicy::Carry, Some(HOUR)),
        &change,
        mon(3 * HOUR),
    );
    assert!(up[1].late_by_change && up[0].breached_at.is_none());
    let down = derive(
        &changed(HOUR, ChangePolicy::Carry, Some(8 * HOUR)),
        &change,
        mon(3 * HOUR),
    );
    assert_eq!(
        (down[0].breached_at, down[1].breached_at),
        (Some(mon(HOUR)), None)
    );
    let restarted = derive(
        &changed(8 * HOUR, ChangePolicy::Restart, Some(HOUR)),
        &change,
        mon(4 * HOUR),
    );
    assert!(!restarted[1].late_by_change && restarted[1].breached_at == Some(mon(3 * HOUR)));
}
