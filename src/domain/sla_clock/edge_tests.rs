//! The edges of a ticket's clocks: one before, exactly at, and one after; and T34, T44, T61 of the specification's table.

use super::tests::*;
use super::*;
use crate::domain::id::Id;
use crate::domain::sla_agreement::Budget;

fn due_by(metric: Metric, promisee: Promisee, budget: Budget) -> Track {
    track_of(target(metric, promisee, budget), always(), mon(0))
}

fn promised(metric: Metric, at: Option<i64>) -> Happening {
    Happening::Promised {
        metric,
        at: at.map(mon),
        lengthens: false,
    }
}

fn hold(on: WaitingOn, until: Option<i64>, by_state: bool) -> Happening {
    Happening::Held {
        on,
        until: until.map(mon),
        by_state,
    }
}

/// The terms of a target of so many seconds, other than the track's own.
fn other(metric: Metric, secs: i64) -> Option<Terms> {
    let mut target = target(metric, Promisee::Customer, Budget::Counted { secs });
    target.id = Some(Id::new(mon(99)));
    Some(Terms {
        target: Arc::new(target),
        hours: always(),
    })
}

#[test]
fn t34_an_update_due_before_the_first_answer_leaves_the_answer_its_own_clock() {
    let respond = track(Metric::Respond, 4 * HOUR, always());
    let update = track(Metric::Update, HOUR, always());
    let now = 2 * HOUR;
    assert_eq!(one(&update, &[], now).breached_at, Some(mon(HOUR)));
    let waiting = one(&respond, &[], now);
    assert_eq!(
        (waiting.state, waiting.deadline_at),
        (ClockState::Running, Some(mon(4 * HOUR)))
    );
    let answered = [(now, Happening::Replied)];
    assert_eq!(one(&respond, &answered, now).state, ClockState::Met);
    let updates = derive(&update, &events(&answered), mon(now));
    let states: Vec<_> = updates
        .iter()
        .map(|clock| (clock.state, clock.anchor_at))
        .collect();
    assert_eq!(
        states,
        [
            (ClockState::Missed, mon(0)),
            (ClockState::Running, mon(now))
        ]
    );
}

#[test]
fn t44_own_and_resolve_wake_at_deadlines_of_their_own() {
    let own = one(&track(Metric::Own, 2 * HOUR, always()), &[], 0);
    let resolve = one(&track(Metric::Resolve, 8 * HOUR, always()), &[], 0);
    for (clock, hours) in [(own, 2), (resolve, 8)] {
        assert_eq!(clock.deadline_at, Some(mon(hours * HOUR)));
        let half = mon(hours * HOUR / 2);
        assert_eq!(clock.warnings[0], (Threshold::Percent(50), half));
        assert_eq!(clock.next_wake(mon(0), mon(0), false), Some(half));
    }
}

#[test]
fn t61_a_history_that_is_told_later_comes_to_the_same() {
    let resolve = track(Metric::Resolve, 4 * HOUR, working());
    let list = [
        (HOUR, wait(WaitingOn::Customer)),
        (HOUR, Happening::Replied),
        (2 * HOUR, Happening::Released),
        (5 * HOUR, Happening::Resolved),
        (6 * HOUR, Happening::Reopened),
        (7 * HOUR, Happening::Resolved),
    ];
    let live = events(&list);
    let mut told = live.clone();
    for event in &mut told {
        event.recorded_at = mon(1_000 * HOUR);
    }
    told.reverse();
    let now = mon(2_000 * HOUR);
    let outcome = |events: &[Event]| {
        let clocks = derive(&resolve, events, now);
        let clock = &clocks[0];
        assert_eq!(clocks.len(), 1);
        (
            clock.state,
            clock.deadline_at,
            clock.ended_at,
            clock.breached_at,
            clock.stops.clone(),
            clock.used(now),
        )
    };
    assert_eq!(outcome(&in_order(told)), outcome(&live));
    assert_eq!(outcome(&live).0, ClockState::Missed);
}

#[test]
fn one_transaction_satisfies_cancels_holds_releases_and_starts_in_this_order() {
    let told = [
        promised(Metric::CallBack, Some(HOUR)),
        Happening::Released,
        wait(WaitingOn::Customer),
        Happening::NoReplyNeeded,
        Happening::Kept(Metric::CallBack),
        Happening::CustomerWrote,
        Happening::Opened,
    ];
    let at = |secs| mon(secs);
    let event = |(index, what): (usize, &Happening)| Event {
        seq: index as i64,
        effective_at: at(0),
        recorded_at: at(0),
        what: *what,
    };
    let mut expected = told.to_vec();
    expected.reverse();
    let order = |events: Vec<Event>| -> Vec<Happening> {
        in_order(events)
            .into_iter()
            .map(|event| event.what)
            .collect()
    };
    assert_eq!(
        order(told.iter().enumerate().map(event).collect()),
        expected
    );
    // From different transactions the later recorded counts later.
    let mut apart: Vec<Event> = told.iter().enumerate().map(event).collect();
    for event in &mut apart {
        event.recorded_at = at(event.seq);
    }
    apart.reverse();
    assert_eq!(order(apart), told);
    // Held and released at once is not held; kept and promised anew is promised.
    let resolve = track(Metric::Resolve, HOUR, always());
    let both = [(60, Happening::Released), (60, wait(WaitingOn::Customer))];
    assert_eq!(one(&resolve, &both, 120).state, ClockState::Running);
}

#[test]
fn a_reply_withdrawn_after_the_ticket_was_reopened_no_longer_counts() {
    let respond = track(Metric::Respond, HOUR, always());
    let list = [
        (60, Happening::Replied),
        (120, Happening::Closed),
        (180, Happening::Reopened),
        (240, Happening::Withdrawn { seq: 2 }),
    ];
    let clock = one(&respond, &list, 300);
    assert_eq!((clock.state, clock.ended_at), (ClockState::Running, None));
    assert_eq!(clock.deadline_at, Some(mon(HOUR + 60)));
}

#[test]
fn a_clock_wakes_for_the_next_warning_then_for_its_breach() {
    let respond = track(Metric::Respond, HOUR, always());
    let clock = one(&respond, &[], 0);
    let (first, second) = (mon(30 * MINUTE), mon(48 * MINUTE));
    let breach = mon(HOUR).plus_micros(1);
    let wake = |warned_until, recorded| clock.next_wake(mon(0), warned_until, recorded);
    assert_eq!(wake(mon(0), false), Some(first));
    assert_eq!(wake(first.plus_micros(-1), false), Some(first));
    assert_eq!(wake(first, false), Some(second));
    assert_eq!(wake(second, false), Some(breach));
    assert_eq!(wake(second, true), None);
    // What is late already isn't warned of.
    let late = one(&respond, &[], 2 * HOUR);
    assert_eq!(late.next_wake(mon(2 * HOUR), mon(0), false), Some(breach));
    assert_eq!(late.next_wake(mon(2 * HOUR), mon(0), true), None);
    let answered = one(&respond, &[(60, Happening::Replied)], 120);
    assert_eq!(answered.next_wake(mon(120), mon(0), false), None);

    let due = |warned_until, now| -> Vec<Timestamp> {
        clock
            .warnings_due(warned_until, now)
            .map(|(_, at)| at)
            .collect()
    };
    assert_eq!(due(mon(0), second), [first, second]);
    assert_eq!(due(mon(0), second.plus_micros(-1)), [first]);
    assert_eq!(due(first, second), [second]);
    assert_eq!(due(first.plus_micros(-1), first), [first]);
    assert!(due(second, mon(2 * HOUR)).is_empty());
}

#[test]
fn a_clock_wakes_when_a_hold_ends_and_when_it_starts_to_count() {
    let resolve = track(Metric::Resolve, 10 * HOUR, always());
    let list = [(HOUR, hold(WaitingOn::Customer, Some(3 * HOUR), false))];
    let clock = one(&resolve, &list, 2 * HOUR);
    assert_eq!(
        (clock.state, clock.deadline_at),
        (ClockState::Held, Some(mon(12 * HOUR)))
    );
    assert_eq!(
        clock.next_wake(mon(2 * HOUR), mon(0), false),
        Some(mon(3 * HOUR))
    );
    let warning = mon(7 * HOUR);
    assert_eq!(clock.next_wake(mon(3 * HOUR), mon(0), false), Some(warning));
    assert_eq!(clock.next_wake(mon(4 * HOUR), mon(0), false), Some(warning));
    let for_ever = one(&resolve, &[(HOUR, wait(WaitingOn::Customer))], 2 * HOUR);
    assert_eq!(for_ever.next_wake(mon(2 * HOUR), mon(0), false), None);

    let later = track_of(
        (*resolve.spells[0].terms.clone().unwrap().target).clone(),
        always(),
        mon(HOUR),
    );
    let scheduled = one(&later, &[], 0);
    assert_eq!(scheduled.state, ClockState::Scheduled);
    assert_eq!(scheduled.next_wake(mon(0), mon(0), false), Some(mon(HOUR)));
    let begun = one(&later, &[], HOUR);
    assert_eq!(begun.state, ClockState::Running);
    assert_eq!(
        begun.next_wake(mon(HOUR), mon(0), false),
        Some(mon(6 * HOUR))
    );
}

#[test]
fn percent_used_needs_a_budget_to_measure_by() {
    let nothing = one(&track(Metric::Resolve, 0, always()), &[], HOUR);
    assert_eq!(
        (nothing.budget(), nothing.used_permyriad(mon(HOUR))),
        (Some(0), 0)
    );
    let by_day = due_by(
        Metric::Resolve,
        Promisee::Customer,
        Budget::EndOfDay { n: 0 },
    );
    let clock = one(
        &track_of(
            (*by_day.spells[0].terms.clone().unwrap().target).clone(),
            working(),
            mon(0),
        ),
        &[],
        2 * HOUR,
    );
    assert_eq!(clock.deadline_at, Some(mon(8 * HOUR)));
    assert_eq!(clock.budget(), Some(8 * HOUR * 1_000_000));
    assert_eq!(clock.used_permyriad(mon(2 * HOUR)), 2_500);
    // A promised instant outside the hours leaves nothing to count.
    let night = Budget::Fixed { at: mon(-HOUR) };
    let clock = one(
        &track_of(
            target(Metric::Resolve, Promisee::Customer, night),
            working(),
            mon(-2 * HOUR),
        ),
        &[],
        HOUR,
    );
    assert_eq!(
        (clock.budget(), clock.used_permyriad(mon(HOUR))),
        (Some(0), 0)
    );
    let never = one(
        &track(Metric::Resolve, HOUR, always()),
        &[(60, wait(WaitingOn::Customer))],
        120,
    );
    assert_eq!(never.budget(), Some(HOUR * 1_000_000));
}

/// Every metric and who it is promised to, and what keeps it of all that can happen.
#[test]
fn each_promise_is_kept_by_what_was_promised_and_by_nothing_else() {
    use Happening as H;
    let all = [
        H::CustomerWrote,
        H::Replied,
        H::Acknowledged,
        H::OwnerSet { by_self: true },
        H::OwnerSet { by_self: false },
        H::Restored,
        H::Resolved,
        H::Closed,
        H::Kept(Metric::Respond),
        H::Kept(Metric::CallBack),
        H::Kept(Metric::Report),
        H::Kept(Metric::Review),
        H::Kept(Metric::Meeting),
        H::Kept(Metric::Due),
    ];
    let own = [
        H::OwnerSet { by_self: true },
        H::OwnerSet { by_self: false },
        H::Acknowledged,
        H::Resolved,
        H::Closed,
    ];
    let house = [
        H::Replied,
        H::Acknowledged,
        H::OwnerSet { by_self: true },
        H::Restored,
        H::Resolved,
        H::Closed,
    ];
    let customer = [
        H::Replied,
        H::Kept(Metric::Respond),
        H::Kept(Metric::CallBack),
    ];
    let cases: &[(Metric, Promisee, &[H])] = &[
        (Metric::Own, Promisee::Customer, &own),
        (Metric::Respond, Promisee::Customer, &customer),
        (Metric::Respond, Promisee::Internal, &house),
        (
            Metric::Respond,
            Promisee::Vendor,
            &[H::Kept(Metric::Respond)],
        ),
        (
            Metric::Update,
            Promisee::Customer,
            &[H::Replied, H::Resolved, H::Closed],
        ),
        (
            Metric::Restore,
            Promisee::Customer,
            &[H::Restored, H::Resolved, H::Closed],
        ),
        (
            Metric::Resolve,
            Promisee::Customer,
            &[H::Resolved, H::Closed],
        ),
        (
            Metric::Due,
            Promisee::Internal,
            &[H::Resolved, H::Kept(Metric::Due)],
        ),
        (
            Metric::CallBack,
            Promisee::Customer,
            &[H::Kept(Metric::CallBack)],
        ),
        (
            Metric::Report,
            Promisee::Customer,
            &[H::Kept(Metric::Report)],
        ),
        (
            Metric::Review,
            Promisee::Internal,
            &[H::Kept(Metric::Review)],
        ),
        (
            Metric::Meeting,
            Promisee::Internal,
            &[H::Kept(Metric::Meeting)],
        ),
    ];
    for (metric, promisee, keeps) in cases {
        let track = due_by(*metric, *promisee, Budget::Counted { secs: HOUR });
        for what in all {
            let clock = &derive(&track, &events(&[(60, what)]), mon(120))[0];
            let is_kept = clock.state == ClockState::Met;
            assert_eq!(
                is_kept,
                keeps.contains(&what),
                "{metric} for {promisee}: {what:?}"
            );
        }
    }
    let logged = due_by(
        Metric::Log,
        Promisee::Internal,
        Budget::Counted { secs: HOUR },
    );
    assert_eq!(one(&logged, &[], 60).state, ClockState::Met);
}

#[test]
fn what_ends_a_hold_ends_only_its_own() {
    let resolve = track(Metric::Resolve, 4 * HOUR, always());
    let by_state = hold(WaitingOn::Vendor, None, true);
    let released = [(HOUR, by_state), (2 * HOUR, Happening::Released)];
    assert_eq!(one(&resolve, &released, 3 * HOUR).state, ClockState::Held);
    // One that had an expected end stops there, however late it is released.
    let expected = [
        (HOUR, hold(WaitingOn::Customer, Some(2 * HOUR), false)),
        (3 * HOUR, Happening::Released),
    ];
    assert_eq!(
        one(&resolve, &expected, 3 * HOUR).deadline_at,
        Some(mon(5 * HOUR))
    );
    let early = [
        (HOUR, hold(WaitingOn::Customer, Some(3 * HOUR), false)),
        (2 * HOUR, Happening::Released),
    ];
    assert_eq!(
        one(&resolve, &early, 3 * HOUR).deadline_at,
        Some(mon(5 * HOUR))
    );
    // Cancelling the ticket ends every wait; reopened it runs.
    let cancelled = [
        (HOUR, wait(WaitingOn::Customer)),
        (2 * HOUR, Happening::Cancelled),
        (3 * HOUR, Happening::Reopened),
    ];
    let clock = one(&resolve, &cancelled, 3 * HOUR);
    assert_eq!(
        (clock.state, clock.deadline_at),
        (ClockState::Running, Some(mon(6 * HOUR)))
    );
    // A wait that the target doesn't name stops nothing.
    let colleague = [(HOUR, wait(WaitingOn::Colleague))];
    assert_eq!(
        one(&resolve, &colleague, 2 * HOUR).state,
        ClockState::Running
    );
}

#[test]
fn a_clock_shows_the_waits_of_its_own_time_only() {
    let update = track(Metric::Update, 4 * HOUR, always());
    let list = [
        (HOUR, wait(WaitingOn::Customer)),
        (2 * HOUR, Happening::Released),
        (2 * HOUR, Happening::Replied),
        (3 * HOUR, wait(WaitingOn::Customer)),
        (4 * HOUR, Happening::Released),
    ];
    let clocks = derive(&update, &events(&list), mon(5 * HOUR));
    let waits = |clock: &Clock| -> Vec<Interval> {
        clock.stops.iter().map(|(interval, _)| *interval).collect()
    };
    // The second cycle begins just as the first wait ends.
    assert_eq!(waits(&clocks[0]), [Interval::new(mon(HOUR), mon(2 * HOUR))]);
    assert_eq!(
        waits(&clocks[1]),
        [Interval::new(mon(3 * HOUR), mon(4 * HOUR))]
    );
    // A wait that begins with the end isn't shown.
    let at_once = [
        (HOUR, Happening::Resolved),
        (HOUR, wait(WaitingOn::Customer)),
    ];
    let resolve = track(Metric::Resolve, 4 * HOUR, always());
    assert!(one(&resolve, &at_once, 2 * HOUR).stops.is_empty());
    let before = [
        (HOUR - 1, wait(WaitingOn::Customer)),
        (HOUR, Happening::Resolved),
    ];
    assert_eq!(one(&resolve, &before, 2 * HOUR).stops.len(), 1);
}

#[test]
fn terms_begin_with_their_event_and_not_before_it() {
    let mut resolve = track(Metric::Resolve, 4 * HOUR, always());
    resolve.spells.push(Spell {
        from_seq: 3,
        terms: other(Metric::Resolve, 2 * HOUR),
        reach: Reach::Running,
    });
    let list = [
        (HOUR, Happening::CustomerWrote),
        (90 * MINUTE, Happening::Retargeted),
    ];
    let clocks = derive(&resolve, &events(&list[..1]), mon(2 * HOUR));
    assert_eq!(clocks.len(), 1);
    let clocks = derive(&resolve, &events(&list), mon(2 * HOUR));
    let told: Vec<_> = clocks
        .iter()
        .map(|clock| {
            (
                clock.cycle,
                clock.revision,
                clock.from_seq,
                clock.until_seq,
                clock.state,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (1, 0, 0, Some(3), ClockState::Superseded),
            (1, 1, 3, None, ClockState::Running)
        ]
    );
    // Not late by the change: the deadline lies after it, exactly or later.
    let late = |at| {
        let list = [(60, Happening::CustomerWrote), (at, Happening::Retargeted)];
        let clocks = derive(&resolve, &events(&list), mon(9 * HOUR));
        (clocks[1].breached_at, clocks[1].late_by_change)
    };
    assert_eq!(late(2 * HOUR), (Some(mon(2 * HOUR)), false));
    assert_eq!(late(2 * HOUR + 1), (Some(mon(2 * HOUR)), true));
    // Nor is one that was late when the ticket was opened.
    let early = track_of(
        (*resolve.spells[0].terms.clone().unwrap().target).clone(),
        always(),
        mon(-5 * HOUR),
    );
    let clock = one(&early, &[], 60);
    assert_eq!(
        (clock.breached_at, clock.late_by_change),
        (Some(mon(-HOUR)), false)
    );
    // Terms that come when the ticket is closed start nothing.
    let mut closed = track(Metric::CallBack, HOUR, always());
    closed.spells[0].from_seq = 3;
    let list = [(60, Happening::Closed), (120, Happening::Retargeted)];
    assert!(derive(&closed, &events(&list), mon(180)).is_empty());
}

#[test]
fn an_update_promised_late_counts_from_the_last_one() {
    let mut update = track(Metric::Update, HOUR, always());
    update.spells[0].from_seq = 4;
    let list = [
        (60, Happening::Replied),
        (120, Happening::Replied),
        (180, Happening::Retargeted),
    ];
    let clock = one(&update, &list, 240);
    assert_eq!(
        (clock.anchor_at, clock.state),
        (mon(120), ClockState::Running)
    );
    update.spells[0].from_seq = 2;
    let clock = one(&update, &[(180, Happening::Retargeted)], 240);
    assert_eq!(clock.anchor_at, mon(0));
}

#[test]
fn only_a_customers_message_after_an_answer_starts_the_next_cycle() {
    use Happening::{Closed, CustomerWrote, NoReplyNeeded, Replied};
    let respond = track(Metric::Respond, HOUR, always());
    let cycles =
        |track: &Track, list: &[(i64, Happening)]| -> Vec<(ClockState, Option<CancelReason>)> {
            let clocks = derive(track, &events(list), mon(600));
            for (clock, cycle) in clocks.iter().zip(1..) {
                assert_eq!(clock.cycle, cycle);
            }
            clocks
                .iter()
                .map(|clock| (clock.state, clock.cancelled))
                .collect()
        };
    let (running, met) = ((ClockState::Running, None), (ClockState::Met, None));
    let not_needed = (ClockState::Cancelled, Some(CancelReason::NotNeeded));
    assert_eq!(
        cycles(&respond, &[(60, NoReplyNeeded), (120, CustomerWrote)]),
        [not_needed, running]
    );
    assert_eq!(
        cycles(
            &respond,
            &[(60, Replied), (120, CustomerWrote), (180, CustomerWrote)]
        ),
        [met, running]
    );
    assert_eq!(
        cycles(
            &respond,
            &[(60, Replied), (90, Closed), (120, CustomerWrote)]
        ),
        [met]
    );
    let resolve = track(Metric::Resolve, HOUR, always());
    assert_eq!(
        cycles(&resolve, &[(60, NoReplyNeeded), (120, CustomerWrote)]),
        [running]
    );
    assert_eq!(
        cycles(&resolve, &[(60, Happening::Resolved), (120, CustomerWrote)]),
        [met]
    );
    let house = due_by(
        Metric::Respond,
        Promisee::Internal,
        Budget::Counted { secs: HOUR },
    );
    assert_eq!(
        cycles(&house, &[(60, Replied), (120, CustomerWrote)]),
        [met]
    );
    // Closed with nobody called back.
    let call_back = track(Metric::CallBack, HOUR, always());
    assert_eq!(
        cycles(&call_back, &[(60, Closed)]),
        [(ClockState::Cancelled, Some(CancelReason::Closed))]
    );
    assert_eq!(
        cycles(&call_back, &[(60, Happening::Cancelled)]),
        [(ClockState::Cancelled, Some(CancelReason::Ticket))]
    );
}

#[test]
fn reopening_resumes_what_is_about_the_end_and_leaves_what_was_answered() {
    use Happening::{Cancelled, Reopened, Replied, Resolved};
    let derive = |metric, list: &[(i64, Happening)]| {
        derive(
            &track(metric, 4 * HOUR, always()),
            &events(list),
            mon(3 * HOUR),
        )
    };
    let list = [(HOUR, Resolved), (2 * HOUR, Reopened)];
    for metric in [Metric::Restore, Metric::Resolve, Metric::Due] {
        let clocks = derive(metric, &list);
        assert_eq!(clocks.len(), 1, "{metric}");
        assert_eq!(
            (clocks[0].state, clocks[0].deadline_at),
            (ClockState::Running, Some(mon(5 * HOUR))),
            "{metric}"
        );
    }
    let own = derive(Metric::Own, &list);
    assert_eq!((own.len(), own[0].state), (1, ClockState::Met));
    let respond = derive(Metric::Respond, &[(60, Replied), list[0], list[1]]);
    assert_eq!((respond.len(), respond[0].state), (1, ClockState::Met));
    let update = derive(Metric::Update, &list);
    assert_eq!(
        (update.len(), update[1].anchor_at, update[1].state),
        (2, mon(2 * HOUR), ClockState::Running)
    );
    // A cancelled ticket takes up everything that was open, without the time in between, however long.
    for metric in [Metric::Own, Metric::Respond, Metric::CallBack] {
        let clocks = derive(metric, &[(HOUR, Cancelled), (2 * HOUR, Reopened)]);
        assert_eq!(
            (clocks.len(), clocks[0].state, clocks[0].cancelled),
            (1, ClockState::Running, None),
            "{metric}"
        );
        assert_eq!(
            clocks[0].stops,
            [(Interval::new(mon(HOUR), mon(2 * HOUR)), Stop::Closed)],
            "{metric}"
        );
    }
    // Nobody needs an answer: that stays so.
    let not_needed = derive(
        Metric::Respond,
        &[
            (60, Happening::NoReplyNeeded),
            (HOUR, Cancelled),
            (2 * HOUR, Reopened),
        ],
    );
    assert_eq!(not_needed[0].cancelled, Some(CancelReason::NotNeeded));
    // Reopening what is open changes nothing.
    assert!(
        derive(Metric::Resolve, &[(HOUR, Reopened)])[0]
            .stops
            .is_empty()
    );
}

#[test]
fn promises_by_hand_shorten_an_agreed_update_and_replace_each_other_otherwise() {
    let deadline = |track: &Track, list: &[(i64, Happening)]| one(track, list, 180).deadline_at;
    let update = track(Metric::Update, 4 * HOUR, always());
    let sooner = (60, promised(Metric::Update, Some(HOUR)));
    let later = (120, promised(Metric::Update, Some(2 * HOUR)));
    assert_eq!(deadline(&update, &[sooner, later]), Some(mon(HOUR)));
    assert_eq!(deadline(&update, &[later, sooner]), Some(mon(HOUR)));
    assert_eq!(
        deadline(&update, &[sooner, (120, promised(Metric::Update, None))]),
        Some(mon(4 * HOUR))
    );
    // Another metric's promise is no concern of this one.
    assert_eq!(
        deadline(&update, &[(60, promised(Metric::CallBack, Some(HOUR)))]),
        Some(mon(4 * HOUR))
    );
    let by_hand = Track {
        spells: vec![],
        ..update.clone()
    };
    assert_eq!(deadline(&by_hand, &[sooner, later]), Some(mon(2 * HOUR)));
    let resolve = track(Metric::Resolve, 4 * HOUR, always());
    let (sooner, later) = (
        (60, promised(Metric::Resolve, Some(HOUR))),
        (120, promised(Metric::Resolve, Some(2 * HOUR))),
    );
    assert_eq!(deadline(&resolve, &[sooner, later]), Some(mon(2 * HOUR)));
    // Taken back and promised again is the next cycle; taken back without a promise is nothing.
    let call_back = Track {
        spells: vec![],
        ..track(Metric::CallBack, HOUR, always())
    };
    let again = [
        (60, promised(Metric::CallBack, Some(HOUR))),
        (120, promised(Metric::CallBack, None)),
        (180, promised(Metric::CallBack, Some(2 * HOUR))),
    ];
    let clocks = derive(&call_back, &events(&again), mon(240));
    assert_eq!(
        (clocks.len(), clocks[1].cycle, clocks[1].anchor_at),
        (2, 2, mon(180))
    );
    assert!(derive(&call_back, &events(&[again[1]]), mon(240)).is_empty());
}

#[test]
fn warnings_are_parts_of_what_is_counted() {
    let warned = |secs, warn: Vec<Threshold>| -> Vec<Timestamp> {
        let mut target = target(
            Metric::Resolve,
            Promisee::Customer,
            Budget::Counted { secs },
        );
        target.warn = warn;
        let clock = one(&track_of(target, always(), mon(0)), &[], 0);
        clock.warnings.iter().map(|(_, at)| *at).collect()
    };
    use Threshold::{Before, Percent};
    assert_eq!(
        warned(
            10 * HOUR,
            vec![Percent(99), Before { secs: HOUR }, Percent(1)]
        ),
        [mon(6 * MINUTE), mon(9 * HOUR), mon(9 * HOUR + 54 * MINUTE)]
    );
    // One that would fall on the anchor is dropped like one before it.
    assert!(warned(HOUR, vec![Before { secs: HOUR }]).is_empty());
    assert_eq!(warned(HOUR, vec![Before { secs: HOUR - 1 }]), [mon(1)]);
    assert!(warned(0, vec![Percent(50)]).is_empty());
}

#[test]
fn of_equal_deadlines_the_queue_names_the_first_and_a_hold_must_end_sooner() {
    let standing = |metric, due| Standing {
        metric,
        state: ClockState::Running,
        anchor_at: mon(0),
        deadline_at: Some(mon(due)),
        breached_at: None,
    };
    let both = [
        standing(Metric::Respond, 30),
        standing(Metric::Resolve, 30),
        standing(Metric::Own, 60),
    ];
    let due = due_of(both.into_iter(), None, Some(mon(30)));
    assert_eq!(
        (due.at, due.metric.as_deref(), due.from),
        (mon(30), Some("respond"), Some(mon(0)))
    );
    assert!(!due.is_late);
    let sooner = due_of(both.into_iter(), None, Some(mon(29)));
    assert_eq!((sooner.at, sooner.metric), (mon(29), None));
    // A mail that asks to join is due like a clock, and before one where both are at once; neither is behind a hold's end.
    let asks = |until| {
        let (from, until) = (mon(5), mon(until));
        Some(Asked { from, until })
    };
    for (asked, hold, at, metric, from) in [
        (asks(20), None, 20, Some(Due::JOIN), Some(mon(5))),
        (asks(30), None, 30, Some(Due::JOIN), Some(mon(5))),
        (asks(31), None, 30, Some("respond"), Some(mon(0))),
        (asks(20), Some(mon(21)), 20, Some(Due::JOIN), Some(mon(5))),
        (asks(20), Some(mon(19)), 19, None, None),
    ] {
        let due = due_of(both.into_iter(), asked, hold);
        let found = (due.at, due.metric.as_deref(), due.from);
        assert_eq!(found, (mon(at), metric, from), "{asked:?} {hold:?}");
        assert_eq!(due.clock(), metric.filter(|of| *of != Due::JOIN));
    }
    let alone = due_of([].into_iter(), asks(20), None);
    assert_eq!((alone.at, alone.is_late), (mon(20), false));
}
