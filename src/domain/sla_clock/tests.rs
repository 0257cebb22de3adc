//! The cases of the specification's table that are about one ticket's clocks (T21, T24–T33, T35–T39, T41–T43, T45,
//! T51–T54, T65); T34, T44 and T61 are among the edges, T46 among the stories of notices.

use chrono_tz::Tz;

use super::*;
use crate::domain::calendar::{Calendar, Range};
use crate::domain::id::Id;
use crate::domain::sla_agreement::Anchor;
use crate::domain::sla_policy::Policy;

pub(super) const BERLIN: Tz = Tz::Europe__Berlin;
pub(in crate::domain) const MINUTE: i64 = 60;
pub(in crate::domain) const HOUR: i64 = 3600;

/// Monday 1 June 2026, 09:00 in Berlin, plus seconds.
pub(in crate::domain) fn mon(secs: i64) -> Timestamp {
    Timestamp::parse_rfc3339("2026-06-01T07:00:00Z")
        .unwrap()
        .plus_secs(secs)
}

pub(in crate::domain) fn working() -> Arc<Hours> {
    let range = Range::parse("09:00-17:00").unwrap();
    let week: Vec<_> = (0..=4).map(|day| (day, range)).collect();
    Arc::new(Hours::of(Arc::new(
        Calendar::new(BERLIN, &week, vec![]).unwrap(),
    )))
}

pub(in crate::domain) fn always() -> Arc<Hours> {
    Arc::new(Hours::of(Arc::new(Calendar::always(BERLIN))))
}

pub(in crate::domain) fn target(metric: Metric, promisee: Promisee, budget: Budget) -> Target {
    Target {
        id: Some(Id::new(mon(i64::from(metric as u8)))),
        metric,
        promisee,
        kind: Kind::Incident,
        severity: None,
        service: None,
        customer: None,
        budget,
        calendar: Id::new(mon(0)),
        also: Vec::new(),
        anchor: Anchor::Logged,
        warn: vec![Threshold::Percent(50), Threshold::Percent(80)],
        stops_on: Target::usual_stops(metric).to_vec(),
        policy: Policy::default(),
    }
}

pub(super) fn track_of(target: Target, hours: Arc<Hours>, anchor_at: Timestamp) -> Track {
    Track {
        metric: target.metric,
        promisee: target.promisee,
        kind: Kind::Incident,
        anchor_at,
        spells: vec![Spell {
            from_seq: 0,
            terms: Some(Terms {
                target: Arc::new(target),
                hours,
            }),
            reach: Reach::Running,
        }],
        by_hand: (Id::new(mon(0)), always()),
        kept: Vec::new(),
    }
}

/// A customer's target of so many seconds, anchored at Monday 09:00.
pub(super) fn track(metric: Metric, secs: i64, hours: Arc<Hours>) -> Track {
    track_of(
        target(metric, Promisee::Customer, Budget::Counted { secs }),
        hours,
        mon(0),
    )
}

/// Events in the order given, each its own transaction, the first of them the opening at Monday 09:00.
pub(super) fn events(list: &[(i64, Happening)]) -> Vec<Event> {
    let mut events = vec![Event {
        seq: 1,
        effective_at: mon(0),
        recorded_at: mon(0),
        what: Happening::Opened,
    }];
    for (index, (secs, what)) in list.iter().enumerate() {
        let at = mon(*secs);
        events.push(Event {
            seq: index as i64 + 2,
            effective_at: at,
            recorded_at: at,
            what: *what,
        });
    }
    in_order(events)
}

pub(super) fn one(track: &Track, list: &[(i64, Happening)], now: i64) -> Clock {
    let mut clocks = derive(track, &events(list), mon(now));
    assert_eq!(clocks.len(), 1);
    clocks.remove(0)
}

pub(super) fn wait(on: WaitingOn) -> Happening {
    Happening::Held {
        on,
        until: None,
        by_state: false,
    }
}

#[test]
fn t21_t24_a_hold_is_left_out_and_ends_with_the_resolve() {
    let resolve = track(Metric::Resolve, 4 * HOUR, working());
    let list = [
        (2 * HOUR, wait(WaitingOn::Customer)),
        (25 * HOUR, Happening::Released),
    ];
    assert_eq!(
        one(&resolve, &list, 25 * HOUR).deadline_at,
        Some(mon(27 * HOUR))
    );
    assert_eq!(one(&resolve, &list[..1], 3 * HOUR).state, ClockState::Held);
    let straight = [
        (2 * HOUR, wait(WaitingOn::Customer)),
        (300 * HOUR, Happening::Resolved),
    ];
    let clock = one(&resolve, &straight, 400 * HOUR);
    assert_eq!(
        (clock.state, clock.used(mon(400 * HOUR))),
        (ClockState::Met, 2 * HOUR * 1_000_000)
    );
}

#[test]
fn t25_a_change_of_severity_keeps_the_hold_in_full() {
    let mut resolve = track(Metric::Resolve, 4 * HOUR, always());
    let mut stricter = target(
        Metric::Resolve,
        Promisee::Customer,
        Budget::Counted { secs: 2 * HOUR },
    );
    stricter.id = Some(Id::new(mon(99)));
    resolve.spells.push(Spell {
        from_seq: 3,
        terms: Some(Terms {
            target: Arc::new(stricter),
            hours: always(),
        }),
        reach: Reach::Running,
    });
    let list = [
        (HOUR, wait(WaitingOn::Vendor)),
        (2 * HOUR, Happening::Retargeted),
        (5 * HOUR, Happening::Released),
    ];
    let clocks = derive(&resolve, &events(&list), mon(5 * HOUR));
    assert_eq!(clocks[0].state, ClockState::Superseded);
    assert_eq!(
        (clocks[1].revision, clocks[1].deadline_at),
        (1, Some(mon(6 * HOUR)))
    );
}

#[test]
fn t26_a_states_hold_ends_with_the_state_a_persons_hold_stays() {
    let resolve = track(Metric::Resolve, 4 * HOUR, always());
    let by_state = Happening::Held {
        on: WaitingOn::Customer,
        until: None,
        by_state: true,
    };
    let list = [(HOUR, by_state), (2 * HOUR, Happening::StateChanged)];
    assert_eq!(
        one(&resolve, &list, 3 * HOUR).deadline_at,
        Some(mon(5 * HOUR))
    );
    let by_hand = [
        (HOUR, wait(WaitingOn::Customer)),
        (2 * HOUR, Happening::StateChanged),
    ];
    assert_eq!(one(&resolve, &by_hand, 3 * HOUR).state, ClockState::Held);
}

#[test]
fn t27_t53_a_deadline_inside_a_hold_is_not_a_breach_but_a_promised_date_does_not_move() {
    let hold = [(HOUR, wait(WaitingOn::Customer))];
    let counted = one(
        &track(Metric::Resolve, 2 * HOUR, always()),
        &hold,
        10 * HOUR,
    );
    assert_eq!((counted.breached_at, counted.deadline_at), (None, None));
    // The end of Monday lies inside the wait: Monday doesn't count, and while the wait has no end, no day does.
    let with = |budget| {
        let target = target(Metric::Resolve, Promisee::Customer, budget);
        track_of(target, working(), mon(0))
    };
    let day = with(Budget::EndOfDay { n: 0 });
    let open_ended = one(&day, &hold, 10 * HOUR);
    assert_eq!(
        (
            open_ended.state,
            open_ended.breached_at,
            open_ended.deadline_at
        ),
        (ClockState::Held, None, None)
    );
    let over_night = [hold[0], (25 * HOUR, Happening::Released)];
    let released = one(&day, &over_night, 26 * HOUR);
    assert_eq!(
        (released.breached_at, released.deadline_at),
        (None, Some(mon(32 * HOUR))),
        "Tuesday at 17:00"
    );
    let fixed = one(&with(Budget::Fixed { at: mon(2 * HOUR) }), &hold, 10 * HOUR);
    assert_eq!(fixed.breached_at, Some(mon(2 * HOUR)));
}

#[test]
fn t28_t29_reopening_within_the_grace_runs_on_and_later_starts_a_new_cycle() {
    let resolve = track(Metric::Resolve, 4 * HOUR, always());
    let soon = [
        (HOUR, Happening::Resolved),
        (73 * HOUR, Happening::Reopened),
    ];
    let clock = one(&resolve, &soon, 74 * HOUR);
    assert_eq!(
        (clock.state, clock.deadline_at),
        (ClockState::Running, Some(mon(76 * HOUR)))
    );
    assert_eq!(
        clock.stops,
        [(Interval::new(mon(HOUR), mon(73 * HOUR)), Stop::Closed)]
    );
    let late = [
        (HOUR, Happening::Resolved),
        (73 * HOUR + 1, Happening::Reopened),
    ];
    let clocks = derive(&resolve, &events(&late), mon(80 * HOUR));
    assert_eq!((clocks[0].state, clocks[0].cycle), (ClockState::Met, 1));
    assert_eq!(
        (clocks[1].cycle, clocks[1].anchor_at),
        (2, mon(73 * HOUR + 1))
    );
}

#[test]
fn t30_a_stop_exactly_at_the_deadline_is_met_and_a_moment_later_missed() {
    let respond = track(Metric::Respond, HOUR, always());
    assert_eq!(
        one(&respond, &[(HOUR, Happening::Replied)], 2 * HOUR).state,
        ClockState::Met
    );
    let mut late = events(&[(HOUR, Happening::Replied)]);
    late[1].effective_at = mon(HOUR).plus_micros(1_000);
    let clock = &derive(&respond, &late, mon(2 * HOUR))[0];
    assert_eq!(
        (clock.state, clock.breached_at),
        (ClockState::Missed, Some(mon(HOUR)))
    );
    assert_eq!(one(&respond, &[], HOUR).breached_at, None);
}

#[test]
fn t31_t32_what_counts_is_the_deadline_not_when_somebody_looked() {
    let respond = track(Metric::Respond, HOUR, always());
    assert_eq!(one(&respond, &[], 4 * HOUR).breached_at, Some(mon(HOUR)));
    let in_time = one(&respond, &[(HOUR - 10, Happening::Replied)], HOUR + 60);
    assert_eq!(
        (
            in_time.breached_at,
            in_time.next_wake(mon(HOUR + 60), mon(0), false)
        ),
        (None, None)
    );
}

#[test]
fn t33_messages_before_the_answer_join_one_cycle_and_the_next_opens_another() {
    use Happening::{CustomerWrote, Replied};
    let respond = track(Metric::Respond, HOUR, always());
    let list = [
        (60, CustomerWrote),
        (120, CustomerWrote),
        (600, Replied),
        (900, CustomerWrote),
    ];
    let clocks = derive(&respond, &events(&list), mon(1000));
    assert_eq!(clocks.len(), 2);
    assert_eq!(
        (clocks[0].anchor_at, clocks[0].ended_at),
        (mon(0), Some(mon(600)))
    );
    assert_eq!(
        (clocks[1].anchor_at, clocks[1].state),
        (mon(900), ClockState::Running)
    );
}

#[test]
fn every_update_closes_a_cycle_and_opens_the_next_until_it_is_resolved() {
    let update = track(Metric::Update, HOUR, always());
    let list = [
        (1800, Happening::Replied),
        (2 * HOUR, Happening::Replied),
        (2 * HOUR + 60, Happening::Resolved),
    ];
    let clocks = derive(&update, &events(&list), mon(9 * HOUR));
    let results: Vec<_> = clocks
        .iter()
        .map(|clock| (clock.cycle, clock.anchor_at, clock.state))
        .collect();
    assert_eq!(
        results,
        [
            (1, mon(0), ClockState::Met),
            (2, mon(1800), ClockState::Missed),
            (3, mon(2 * HOUR), ClockState::Met)
        ]
    );
}

#[test]
fn an_update_may_be_promised_sooner_than_agreed_and_later_only_with_a_right() {
    let update = track(Metric::Update, 2 * HOUR, always());
    let promise = |at, lengthens| Happening::Promised {
        metric: Metric::Update,
        at: Some(mon(at)),
        lengthens,
    };
    let due = |list: &[(i64, Happening)]| one(&update, list, 180).deadline_at;
    let (sooner, later) = (promise(HOUR, false), promise(5 * HOUR, false));
    let lengthened = promise(5 * HOUR, true);
    assert_eq!(due(&[(60, sooner)]), Some(mon(HOUR)));
    assert_eq!(due(&[(60, later)]), Some(mon(2 * HOUR)));
    assert_eq!(due(&[(60, lengthened)]), Some(mon(5 * HOUR)));
    assert_eq!(due(&[(60, sooner), (120, later)]), Some(mon(HOUR)));
    assert_eq!(due(&[(60, sooner), (120, lengthened)]), Some(mon(5 * HOUR)));
    assert_eq!(due(&[(60, lengthened), (120, sooner)]), Some(mon(HOUR)));
    // It holds for the cycle that it was promised in.
    let list = events(&[(60, lengthened), (HOUR, Happening::Replied)]);
    let clocks = derive(&update, &list, mon(HOUR + 60));
    assert_eq!(clocks[1].deadline_at, Some(mon(3 * HOUR)));
}

#[test]
fn a_call_back_is_a_clock_without_any_agreement() {
    let track = Track {
        spells: vec![],
        ..track(Metric::CallBack, HOUR, always())
    };
    let promised = Happening::Promised {
        metric: Metric::CallBack,
        at: Some(mon(HOUR)),
        lengthens: false,
    };
    assert_eq!(
        one(&track, &[(0, promised)], 60).deadline_at,
        Some(mon(HOUR))
    );
    let kept = [(0, promised), (HOUR + 1, Happening::Kept(Metric::CallBack))];
    assert_eq!(one(&track, &kept, 2 * HOUR).state, ClockState::Missed);
    let moved = Happening::Promised {
        metric: Metric::CallBack,
        at: Some(mon(3 * HOUR)),
        lengthens: false,
    };
    assert_eq!(
        one(&track, &[(0, promised), (60, moved)], 120).deadline_at,
        Some(mon(3 * HOUR))
    );
    let taken_back = Happening::Promised {
        metric: Metric::CallBack,
        at: None,
        lengthens: false,
    };
    assert_eq!(
        one(&track, &[(0, promised), (60, taken_back)], 120).cancelled,
        Some(CancelReason::TakenBack)
    );
}

#[test]
fn t35_t36_t37_t38_only_what_reaches_the_customer_answers_and_a_bounce_undoes_it() {
    let respond = track(Metric::Respond, HOUR, always());
    for other in [
        Happening::Acknowledged,
        Happening::OwnerSet { by_self: true },
        Happening::Kept(Metric::Report),
    ] {
        assert_eq!(
            one(&respond, &[(60, other)], 120).state,
            ClockState::Running,
            "{other:?}"
        );
    }
    let bounced = [
        (60, Happening::Replied),
        (180, Happening::Withdrawn { seq: 2 }),
    ];
    let clock = one(&respond, &bounced, 240);
    assert_eq!(
        (clock.state, clock.anchor_at),
        (ClockState::Running, mon(0))
    );
    let closed = [
        (60, Happening::Replied),
        (90, Happening::Closed),
        (180, Happening::Withdrawn { seq: 2 }),
    ];
    assert_eq!(one(&respond, &closed, 240).state, ClockState::Met);
}

#[test]
fn acknowledging_meets_own_and_the_houses_respond() {
    for metric in [Metric::Own, Metric::Respond] {
        let house = target(metric, Promisee::Internal, Budget::Counted { secs: HOUR });
        let clock = one(
            &track_of(house, always(), mon(0)),
            &[(60, Happening::Acknowledged)],
            120,
        );
        assert_eq!(clock.state, ClockState::Met, "{metric}");
    }
}

#[test]
fn t39_without_a_target_the_clock_is_cancelled_and_its_breach_kept() {
    let mut resolve = track(Metric::Resolve, HOUR, always());
    resolve.spells.push(Spell {
        from_seq: 2,
        terms: None,
        reach: Reach::Running,
    });
    let clock = one(&resolve, &[(2 * HOUR, Happening::Retargeted)], 3 * HOUR);
    assert_eq!(
        (clock.cancelled, clock.breached_at),
        (Some(CancelReason::NoTarget), Some(mon(HOUR)))
    );
}

#[test]
fn t41_t42_closing_keeps_lateness_and_an_answered_ticket_is_not_overdue() {
    let resolve = track(Metric::Resolve, HOUR, always());
    let closed = one(
        &resolve,
        &[
            (2 * HOUR, Happening::Resolved),
            (3 * HOUR, Happening::Closed),
        ],
        9 * HOUR,
    );
    assert_eq!(
        (closed.state, closed.breached_at),
        (ClockState::Missed, Some(mon(HOUR)))
    );
    let answered = one(
        &track(Metric::Respond, HOUR, always()),
        &[(60, Happening::Replied)],
        9 * HOUR,
    );
    assert_eq!(answered.breached_at, None);
}

#[test]
fn t43_an_owner_at_creation_meets_own_in_no_time() {
    let own = track(Metric::Own, HOUR, always());
    let clock = one(&own, &[(0, Happening::OwnerSet { by_self: false })], 60);
    assert_eq!((clock.state, clock.used(mon(60))), (ClockState::Met, 0));
}

#[test]
fn t45_warnings_fall_due_in_hours_and_none_before_the_anchor() {
    let friday = mon(4 * 24 * HOUR + 7 * HOUR + 50 * MINUTE); // Fri 16:50
    let with = |secs, warn: Vec<Threshold>| {
        let mut target = target(
            Metric::Resolve,
            Promisee::Customer,
            Budget::Counted { secs },
        );
        target.warn = warn;
        let track = track_of(target, working(), friday);
        let opened = Event {
            seq: 1,
            effective_at: friday,
            recorded_at: friday,
            what: Happening::Opened,
        };
        derive(&track, &[opened], friday).remove(0)
    };
    let half_hour = Threshold::Before { secs: 30 * MINUTE };
    let clock = with(4 * HOUR, vec![half_hour]);
    let monday = mon(7 * 24 * HOUR);
    assert_eq!(
        clock.deadline_at,
        Some(monday.plus_secs(3 * HOUR + 50 * MINUTE))
    );
    assert_eq!(
        clock.warnings,
        [(half_hour, monday.plus_secs(3 * HOUR + 20 * MINUTE))]
    );
    assert!(with(20 * MINUTE, vec![half_hour]).warnings.is_empty());
    assert_eq!(
        clock.next_wake(friday, friday, false),
        Some(monday.plus_secs(3 * HOUR + 20 * MINUTE))
    );
}

#[test]
fn t51_t52_changes_carry_the_anchor_and_never_erase_a_breach() {
    let mut resolve = track(Metric::Resolve, 4 * HOUR, always());
    let mut other = target(
        Metric::Resolve,
        Promisee::Customer,
        Budget::Counted { secs: HOUR },
    );
    other.id = Some(Id::new(mon(99)));
    resolve.spells.push(Spell {
        from_seq: 2,
        terms: Some(Terms {
            target: Arc::new(other),
            hours: always(),
        }),
        reach: Reach::Running,
    });
    let up = derive(
        &resolve,
        &events(&[(2 * HOUR, Happening::Retargeted)]),
        mon(2 * HOUR + 60),
    );
    assert_eq!(
        (up[1].breached_at, up[1].late_by_change),
        (Some(mon(HOUR)), true)
    );
    resolve.spells.swap(0, 1);
    (resolve.spells[0].from_seq, resolve.spells[1].from_seq) = (0, 2);
    let down = derive(
        &resolve,
        &events(&[(2 * HOUR, Happening::Retargeted)]),
        mon(2 * HOUR + 60),
    );
    assert_eq!(
        (down[0].state, down[0].breached_at),
        (ClockState::Superseded, Some(mon(HOUR)))
    );
    assert_eq!(
        (down[1].breached_at, down[1].deadline_at),
        (None, Some(mon(4 * HOUR)))
    );
}

#[test]
fn t54_almost_used_up_is_not_used_up() {
    let clock = one(&track(Metric::Resolve, 100_000, always()), &[], 99_951);
    assert_eq!(
        (clock.used_permyriad(mon(99_951)), clock.breached_at),
        (9_995, None)
    );
}

#[test]
fn t65_a_clock_set_back_makes_no_negative_segment() {
    let resolve = track(Metric::Resolve, HOUR, always());
    let clock = one(&resolve, &[(-300, Happening::Resolved)], 60);
    assert!(clock.used(mon(60)) >= 0);
    let held = [(600, wait(WaitingOn::Customer)), (300, Happening::Released)];
    let clock = one(&resolve, &held, 900);
    assert!(
        clock
            .stops
            .iter()
            .all(|(interval, _)| interval.from <= interval.to)
    );
}

#[test]
fn terms_that_come_later_see_what_was_done_before() {
    let mut respond = track(Metric::Respond, HOUR, always());
    respond.spells[0].from_seq = 3;
    let list = [(60, Happening::Replied), (120, Happening::Retargeted)];
    let clock = one(&respond, &list, 600);
    assert_eq!((clock.state, clock.anchor_at), (ClockState::Met, mon(0)));
    let unanswered = one(
        &Track {
            spells: vec![Spell {
                from_seq: 2,
                ..respond.spells[0].clone()
            }],
            ..respond
        },
        &[(120, Happening::Retargeted)],
        600,
    );
    assert_eq!(
        (unanswered.state, unanswered.anchor_at),
        (ClockState::Running, mon(0))
    );
}

#[test]
fn the_queue_sorts_by_the_earliest_deadline_that_runs() {
    let standing = |state, due: i64, late: bool| Standing {
        metric: Metric::Respond,
        state,
        anchor_at: mon(0),
        deadline_at: Some(mon(due)),
        breached_at: late.then(|| mon(due)),
    };
    let clocks = [
        standing(ClockState::Held, 10, false),
        standing(ClockState::Running, 30, true),
        standing(ClockState::Met, 5, false),
    ];
    let due = due_of(clocks.into_iter(), None, Some(mon(60)));
    assert_eq!((due.at, due.is_late), (mon(30), true));
    let held = due_of(
        [standing(ClockState::Held, 10, false)].into_iter(),
        None,
        Some(mon(60)),
    );
    assert_eq!((held.at, held.from, held.is_late), (mon(60), None, false));
    assert_eq!(due_of([].into_iter(), None, None), Due::NONE);
}
