//! Promises made by hand: when they are moved, lengthened or taken back, and that a breach of one outlives all of it (4.2).

use super::tests::{HOUR, always, events, mon, one, track};
use super::*;

#[test]
fn a_promise_by_hand_that_is_late_stays_missed_whatever_is_promised_after_it() {
    let promise = |metric, at: Option<i64>| Happening::Promised {
        metric,
        at: at.map(mon),
        lengthens: false,
    };
    for metric in [Metric::CallBack, Metric::Due] {
        let by_hand = Track {
            spells: vec![],
            ..track(metric, HOUR, always())
        };
        let derived = |moved_at: Timestamp, to: Option<i64>| {
            let mut list = events(&[(0, promise(metric, Some(HOUR))), (60, promise(metric, to))]);
            let last = list.last_mut().unwrap();
            (last.effective_at, last.recorded_at) = (moved_at, moved_at);
            derive(&by_hand, &list, mon(4 * HOUR))
        };
        let late = mon(HOUR).plus_micros(1);
        // At the deadline itself it isn't late: the one clock moves.
        let in_time = derived(mon(HOUR), Some(5 * HOUR));
        assert_eq!(
            deadlines(&in_time),
            [(1, 0, ClockState::Running, Some(mon(5 * HOUR)), None)]
        );
        for (to, breached_at) in [(5, None), (3, Some(mon(3 * HOUR)))] {
            let moved = derived(late, Some(to * HOUR));
            assert_eq!(
                deadlines(&moved),
                [
                    (
                        1,
                        0,
                        ClockState::Superseded,
                        Some(mon(HOUR)),
                        Some(mon(HOUR))
                    ),
                    (1, 1, ClockState::Running, Some(mon(to * HOUR)), breached_at),
                ]
            );
            assert_eq!((moved[0].ended_at, moved[1].anchor_at), (Some(late), late));
            assert!(!moved[1].late_by_change, "it ran out afterwards");
        }
        // One that is set into the past is late from its first moment.
        let past = derived(late, Some(HOUR / 2));
        assert_eq!(past[1].breached_at, Some(mon(HOUR / 2)));
        assert!(past[1].late_by_change);
        let taken_back = derived(late, None);
        assert_eq!(
            deadlines(&taken_back),
            [(
                1,
                0,
                ClockState::Cancelled,
                Some(mon(HOUR)),
                Some(mon(HOUR))
            )]
        );
    }
}

#[test]
fn a_promise_made_sooner_than_agreed_stays_missed_too() {
    let promise = |at: Option<i64>, lengthens| Happening::Promised {
        metric: Metric::Due,
        at: at.map(mon),
        lengthens,
    };
    let agreed = track(Metric::Due, 4 * HOUR, always());
    let derived = |then| {
        let list = [(60, promise(Some(HOUR), false)), (2 * HOUR, then)];
        deadlines(&derive(&agreed, &events(&list), mon(2 * HOUR)))
    };
    let missed = (
        1,
        0,
        ClockState::Superseded,
        Some(mon(HOUR)),
        Some(mon(HOUR)),
    );
    for (then, due) in [
        (promise(Some(3 * HOUR), false), 3),
        (promise(Some(5 * HOUR), false), 4),
        (promise(Some(5 * HOUR), true), 5),
        (promise(None, false), 4),
    ] {
        let next = (1, 1, ClockState::Running, Some(mon(due * HOUR)), None);
        assert_eq!(derived(then), [missed, next]);
    }
    // What was agreed is late, and no promise by hand ran: more time doesn't make it right.
    let update = track(Metric::Update, HOUR, always());
    let more = |at| {
        let lengthened = Happening::Promised {
            metric: Metric::Update,
            at: Some(mon(5 * HOUR)),
            lengthens: true,
        };
        one(&update, &[(at, lengthened)], 2 * HOUR).breached_at
    };
    assert_eq!((more(HOUR), more(HOUR + 1)), (None, Some(mon(HOUR))));
}

#[test]
fn what_was_promised_by_hand_is_the_budget_that_there_is() {
    let update = track(Metric::Update, 4 * HOUR, always());
    let promised = |at: i64, lengthens, now| {
        let what = Happening::Promised {
            metric: Metric::Update,
            at: Some(mon(at)),
            lengthens,
        };
        one(&update, &[(60, what)], now)
    };
    let agreed_at = Some(mon(4 * HOUR));
    // Sooner, and later by who may.
    for (at, lengthens) in [(HOUR, false), (6 * HOUR, true)] {
        let clock = promised(at, lengthens, at / 2);
        assert_eq!(clock.by_hand, Some(ByHand { seq: 2, agreed_at }));
        assert_eq!(clock.budget(), Some(at * 1_000_000));
        assert_eq!(clock.used_permyriad(mon(at / 2)), 5_000);
    }
    // Later than agreed without the right: what was agreed decides.
    let clock = promised(6 * HOUR, false, HOUR);
    assert_eq!(
        (clock.by_hand, clock.budget()),
        (None, Some(4 * HOUR * 1_000_000))
    );
    // For just when it was agreed: nobody promised anything that wasn't owed.
    assert_eq!(promised(4 * HOUR, false, HOUR).by_hand, None);
    // Of two the sooner one decides, and is the one that is named.
    let promise = |at: i64| Happening::Promised {
        metric: Metric::Update,
        at: Some(mon(at)),
        lengthens: false,
    };
    let both = [(60, promise(HOUR)), (120, promise(2 * HOUR))];
    let clock = one(&update, &both, 300);
    assert_eq!(clock.by_hand, Some(ByHand { seq: 2, agreed_at }));
    // Without an agreement there is nothing that it stands instead of.
    let by_hand = Track {
        spells: vec![],
        ..track(Metric::Update, HOUR, always())
    };
    let clock = one(&by_hand, &[(60, promise(HOUR))], 300);
    assert_eq!((clock.by_hand, clock.deadline_at), (None, Some(mon(HOUR))));
}

#[test]
fn what_a_program_writes_is_an_update_and_nobodys_answer() {
    let told = [(60, Happening::Announced)];
    let respond = track(Metric::Respond, HOUR, always());
    assert_eq!(one(&respond, &told, 120).state, ClockState::Running);
    let update = track(Metric::Update, HOUR, always());
    let clocks = derive(&update, &events(&told), mon(120));
    assert_eq!(
        deadlines(&clocks),
        [
            (1, 0, ClockState::Met, Some(mon(HOUR)), None),
            (2, 0, ClockState::Running, Some(mon(60 + HOUR)), None),
        ]
    );
}

/// Cycle, revision, state, deadline and breach.
type Stands = (i32, i32, ClockState, Option<Timestamp>, Option<Timestamp>);

fn deadlines(clocks: &[Clock]) -> Vec<Stands> {
    let shown = |it: &Clock| {
        (
            it.cycle,
            it.revision,
            it.state,
            it.deadline_at,
            it.breached_at,
        )
    };
    clocks.iter().map(shown).collect()
}
