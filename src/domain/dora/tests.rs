//! The figures worked by hand.

use super::*;
use crate::domain::id::{Id, Kind};

const START: Timestamp = Timestamp::from_micros(1_780_300_800_000_000); // Mon 2026-06-01 08:00 UTC
const MIN: i64 = 60;
const HOUR: i64 = 3_600;
const SEC_MICROS: i64 = 1_000_000;

fn id<T>(n: u8) -> Id<T> {
    Id::from_uuid(uuid::Uuid::from_bytes([n; 16]))
}

fn inc(number: i64) -> TicketKey {
    TicketKey {
        kind: Kind::Incident,
        number,
    }
}

/// The n-th deployment: it succeeds, begins so many seconds after the start and takes ten minutes.
fn shipment(n: u8, at: i64) -> Shipment {
    Shipment {
        id: id(n),
        lane: Lane {
            environment: "prod".into(),
            service: id(100),
            target: String::new(),
        },
        version: format!("1.{n}"),
        status: Status::Succeeded,
        step: Step::Forward,
        started_at: START.plus_secs(at),
        ended_at: Some(START.plus_secs(at + 10 * MIN)),
        previous: n.checked_sub(1).filter(|n| *n > 0).map(id),
        commits: None,
        is_emergency: false,
        mends: Vec::new(),
        linked: Vec::new(),
        caused: Vec::new(),
        cleared: Vec::new(),
        next_good_at: None,
    }
}

fn whys(all: Vec<Shipment>, restored: &[(i64, Option<i64>)]) -> Vec<String> {
    let restored = restored
        .iter()
        .map(|(number, at)| (inc(*number), at.map(|at| START.plus_secs(at))))
        .collect();
    judge(all, &restored)
        .iter()
        .map(|it| match &it.fail {
            None => "-".to_owned(),
            Some(fail) => {
                let why: Vec<&str> = fail.why.iter().map(|why| why.as_str()).collect();
                let recovery = it.recovery().map(|micros| micros / SEC_MICROS / MIN);
                format!("{} {recovery:?}", why.join("+"))
            }
        })
        .collect()
}

#[test]
fn a_deployment_fails_for_one_of_four_reasons_and_no_other() {
    let second = || shipment(2, HOUR);
    // What is changed of the second of two deployments, what becomes of the first and of the second.
    type Case = (&'static str, fn(&mut Shipment), [&'static str; 2]);
    let cases: [Case; 11] = [
        ("nothing", |_| {}, ["-", "-"]),
        (
            "a newer version that carries an incident",
            |it| it.linked = vec![inc(1)],
            ["-", "-"],
        ),
        (
            "a rollback that nobody linked",
            |it| it.step = Step::Rollback,
            ["-", "-"],
        ),
        (
            "a rollback that is linked",
            |it| (it.step, it.linked) = (Step::Rollback, vec![inc(1)]),
            ["intervened Some(90)", "-"],
        ),
        (
            "a hot-fix through broken glass",
            |it| (it.is_emergency, it.linked) = (true, vec![inc(1)]),
            ["intervened Some(90)", "-"],
        ),
        (
            "a hot-fix whose commit closes the incident",
            |it| (it.mends, it.linked) = (vec![inc(1)], vec![inc(1)]),
            ["intervened Some(90)", "-"],
        ),
        (
            "a hot-fix of an incident that was cancelled",
            |it| (it.mends, it.linked) = (vec![inc(9)], vec![inc(9)]),
            ["-", "-"],
        ),
        (
            "an emergency without an incident",
            |it| it.is_emergency = true,
            ["-", "-"],
        ),
        (
            "it failed",
            |it| it.status = Status::Failed,
            ["-", "failed None"],
        ),
        (
            "it was taken back",
            |it| it.status = Status::RolledBack,
            ["-", "rolled_back Some(10)"],
        ),
        (
            "an incident comes of it",
            |it| it.caused = vec![inc(1)],
            ["-", "caused Some(30)"],
        ),
    ];
    for (what, change, expected) in cases {
        let mut second = second();
        change(&mut second);
        let all = vec![shipment(1, 0), second];
        assert_eq!(whys(all, &[(1, Some(90 * MIN))]), expected, "{what}");
    }
}

#[test]
fn an_intervention_counts_for_a_day_from_the_end_of_what_it_mends() {
    // The first one ends after 10 minutes; the rollback begins exactly a day later, and a second later than that.
    for (at, expected) in [
        (24 * HOUR + 10 * MIN, "intervened None"),
        (24 * HOUR + 10 * MIN + 1, "-"),
    ] {
        let mut back = shipment(2, at);
        (back.step, back.linked) = (Step::Rollback, vec![inc(1)]);
        let all = vec![shipment(1, 0), back];
        assert_eq!(whys(all, &[(1, None)])[0], expected, "{at}");
    }
    // A hot-fix after a rollback mends what was rolled back, not the rollback; what was blamed first stays so.
    let (mut back, mut fix) = (shipment(2, HOUR), shipment(3, 2 * HOUR));
    back.step = Step::Rollback;
    (fix.mends, fix.linked) = (vec![inc(1)], vec![inc(1)]);
    let all = vec![shipment(1, 0), back, fix];
    assert_eq!(whys(all, &[(1, None)]), ["intervened None", "-", "-"]);
    // Somebody found that this incident has nothing to do with it.
    let mut first = shipment(1, 0);
    first.cleared = vec![inc(1)];
    let mut back = shipment(2, HOUR);
    (back.step, back.linked) = (Step::Rollback, vec![inc(1)]);
    assert_eq!(whys(vec![first, back], &[(1, None)])[0], "-");
}

#[test]
fn recovery_is_from_the_begin_of_what_failed_to_the_moment_that_it_was_right() {
    // Without an incident: the next one that succeeded.
    let mut failed = shipment(1, 0);
    (failed.status, failed.next_good_at) = (Status::Failed, Some(START.plus_secs(45 * MIN)));
    assert_eq!(whys(vec![failed.clone()], &[]), ["failed Some(45)"]);
    failed.next_good_at = None;
    assert_eq!(whys(vec![failed], &[]), ["failed None"]);
    // Two incidents: the later one; while one goes on it isn't right.
    let mut caused = shipment(1, 0);
    caused.caused = vec![inc(1), inc(2)];
    caused.next_good_at = Some(START.plus_secs(20 * MIN));
    let both = [(1, Some(30 * MIN)), (2, Some(50 * MIN))];
    assert_eq!(whys(vec![caused.clone()], &both), ["caused Some(50)"]);
    assert_eq!(
        whys(vec![caused], &[(1, Some(30 * MIN)), (2, None)]),
        ["caused None"]
    );
}

#[test]
fn a_commit_is_on_its_way_until_the_first_deployment_that_brings_it_ends() {
    let commit = |oid: &str, before: i64| Carried {
        oid: oid.into(),
        committed_at: START.plus_secs(-before),
    };
    let mut first = shipment(1, 0);
    first.commits = Some(vec![commit("a", HOUR), commit("b", 2 * HOUR)]);
    // The same commit once more, and one from a clock that is ahead.
    let mut second = shipment(2, HOUR);
    second.commits = Some(vec![commit("a", HOUR), commit("c", -90 * MIN)]);
    let mut failed = shipment(3, 2 * HOUR);
    (failed.status, failed.commits) = (Status::Failed, Some(vec![commit("d", 0)]));
    // Another region is another place to arrive at.
    let mut region = shipment(4, 3 * HOUR);
    region.lane.target = "eu".into();
    region.commits = Some(vec![commit("a", HOUR)]);
    let judged = judge(
        vec![first, second, failed, region, shipment(5, 4 * HOUR)],
        &BTreeMap::new(),
    );
    let leads: Vec<Vec<(String, i64)>> = judged
        .iter()
        .map(|it| {
            let lead = |(commit, micros): &'_ (Carried, i64)| {
                (commit.oid.clone(), micros / SEC_MICROS / MIN)
            };
            it.leads.iter().map(lead).collect()
        })
        .collect();
    let lead = |oid: &str, minutes: i64| (oid.to_owned(), minutes);
    let expected = [
        vec![lead("a", 70), lead("b", 130)],
        vec![lead("c", 0)],
        vec![],
        vec![lead("a", 250)],
        vec![],
    ];
    assert_eq!(leads, expected);
    let figures = Figures::of(
        judged.iter(),
        Interval::new(START, START.plus_secs(7 * 86_400)),
    );
    // 0, 70, 130, 250 minutes: the middle of 70 and 130; nine of ten by nearest rank is the fourth.
    let minutes = |micros: Option<i64>| micros.map(|it| it / SEC_MICROS / MIN);
    assert_eq!(
        (minutes(figures.lead.median), minutes(figures.lead.p90)),
        (Some(100), Some(250))
    );
    assert_eq!(figures.list(Number::LeadUnknown), [id(5)]);
    assert_eq!(figures.count(Number::Lead), 3);
}

#[test]
fn the_middle_and_nine_of_ten() {
    let table: [(&[i64], Option<i64>, Option<i64>); 6] = [
        (&[], None, None),
        (&[7], Some(7), Some(7)),
        (&[9, 1], Some(5), Some(9)),
        (&[3, 1, 2], Some(2), Some(3)),
        (&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], Some(5), Some(9)),
        (&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], Some(6), Some(10)),
    ];
    for (values, median, p90) in table {
        let spread = Spread::of(values.to_vec());
        assert_eq!((spread.median, spread.p90), (median, p90), "{values:?}");
    }
}

#[test]
fn shares_are_of_all_that_ended_and_nothing_is_a_share_of_nothing() {
    let week = Interval::new(START, START.plus_secs(7 * 86_400));
    let empty = Figures::of([].iter(), week);
    assert_eq!(
        (empty.count(Number::All), empty.share(Number::Failed)),
        (0, None)
    );
    assert_eq!(empty.tenths_a_week, 0);
    let mut all: Vec<Shipment> = (1..=8).map(|n| shipment(n, i64::from(n) * HOUR)).collect();
    all[0].status = Status::Failed;
    all[1].status = Status::RolledBack;
    (all[2].status, all[2].ended_at) = (Status::Started, None);
    all[3].is_emergency = true;
    let judged = judge(all, &BTreeMap::new());
    let figures = Figures::of(judged.iter(), week);
    // 8 began, 1 of them still runs; 1 failed, so that 6 were live; 2 went wrong, 1 was an emergency.
    assert_eq!(figures.count(Number::Running), 1);
    assert_eq!(
        (figures.count(Number::All), figures.count(Number::Reached)),
        (7, 6)
    );
    assert_eq!(
        figures.share(Number::Failed),
        Some(286),
        "2 of 7 is 28.57 %"
    );
    assert_eq!(
        figures.share(Number::Rework),
        Some(143),
        "1 of 7 is 14.29 %"
    );
    assert_eq!(figures.tenths_a_week, 60);
    assert_eq!((tenths(286), tenths(60)), ("28.6".into(), "6".into()));
    // Six in three days are fourteen a week.
    let days = Interval::new(START, START.plus_secs(3 * 86_400));
    assert_eq!(Figures::of(judged.iter(), days).tenths_a_week, 140);
}
