//! What is out of order, case by case; and a sample that is drawn again.

use super::*;
use crate::domain::change::{Review, Verdict};
use crate::domain::deployment::Lane;
use crate::domain::id::{Id, Kind};

const START: Timestamp = Timestamp::from_micros(1_780_304_400_000_000);
const HOUR: i64 = 3_600;

fn id<T>(n: u8) -> Id<T> {
    Id::from_uuid(uuid::Uuid::from_bytes([n; 16]))
}

fn somebody(n: u8) -> Somebody {
    Somebody {
        id: id(n),
        name: format!("P{n}"),
        email: format!("p{n}@example.org"),
    }
}

/// P1 asked for it, P2 approved it an hour before the deployment, which P3's pipeline told of and P4 wrote.
fn item(change: impl FnOnce(&mut Item)) -> Item {
    let approval = Approval {
        by: Some(somebody(2)),
        by_name: "P2".into(),
        at: START.plus_secs(-HOUR),
        until: None,
        asked_by: Some(id(1)),
        others: Vec::new(),
        rule: None,
        digest: None,
    };
    let mut item = Item {
        seq: 1,
        it: Deployment {
            id: id(50),
            lane: Lane {
                environment: "prod".into(),
                service: id(60),
                target: String::new(),
            },
            seq: 1,
            source: "ci".into(),
            source_event_id: "1".into(),
            version: "1.1".into(),
            commit: None,
            repository: None,
            artefact: None,
            revision: None,
            status: Status::Succeeded,
            started_at: START,
            check: None,
            finished_at: Some(START.plus_secs(60)),
            by: Some(id(3)),
            by_name: "P3".into(),
            actor: None,
            url: None,
            freeze: None,
            glass: None,
            previous: None,
            step: Step::Forward,
            recorded_at: START.plus_secs(60),
            updated_at: START.plus_secs(60),
        },
        service: "web".into(),
        repository: None,
        before: None,
        changes: vec![Carried {
            key: TicketKey {
                kind: Kind::Change,
                number: 7,
            },
            title: "Raise pool size".into(),
            requested_by: Some(somebody(1)),
            approvals: vec![approval],
            glass: None,
        }],
        authors: BTreeSet::from(["p4@example.org".to_owned()]),
    };
    change(&mut item);
    item
}

fn glass(reviewed: Option<i64>) -> Glass {
    Glass {
        by: Some(id(1)),
        by_name: "P1".into(),
        at: START,
        reason: "the site is down".into(),
        review_until: Some(START.plus_secs(24 * HOUR)),
        was_entitled: true,
        review: reviewed.map(|at| Review {
            by_name: "P2".into(),
            at: START.plus_secs(at),
            verdict: Verdict::Accepted,
            text: String::new(),
        }),
    }
}

#[test]
fn each_thing_out_of_order_is_found_and_nothing_else() {
    // What is changed; the exceptions a week later; approved before; segregated.
    type Case = (
        &'static str,
        Item,
        &'static [&'static str],
        bool,
        Option<bool>,
    );
    let approval =
        |item: &mut Item, change: fn(&mut Approval)| change(&mut item.changes[0].approvals[0]);
    let cases: Vec<Case> = vec![
        ("in order", item(|_| {}), &[], true, Some(true)),
        (
            "no change",
            item(|it| it.changes.clear()),
            &["no_change"],
            false,
            None,
        ),
        (
            "approved at the very moment",
            item(|it| approval(it, |it| it.at = START)),
            &[],
            true,
            Some(true),
        ),
        (
            "approved a microsecond later",
            item(|it| approval(it, |it| it.at = START.plus_micros(1))),
            &["late_approval"],
            false,
            None,
        ),
        (
            "one of two who approved wrote it",
            item(|it| {
                approval(it, |it| {
                    it.others.push(Approver {
                        by: Some(somebody(4)),
                        by_name: "P4".into(),
                        at: START.plus_secs(-HOUR),
                        digest: None,
                    })
                })
            }),
            &["approver_wrote"],
            true,
            Some(false),
        ),
        (
            "taken back before it began",
            item(|it| approval(it, |it| it.until = Some(START))),
            &["unapproved"],
            false,
            None,
        ),
        (
            "taken back afterwards",
            item(|it| approval(it, |it| it.until = Some(START.plus_micros(1)))),
            &[],
            true,
            Some(true),
        ),
        (
            "never approved",
            item(|it| it.changes[0].approvals.clear()),
            &["unapproved"],
            false,
            None,
        ),
        (
            "one of two changes isn't approved",
            item(|it| {
                let mut other = it.changes[0].clone();
                other.approvals.clear();
                it.changes.push(other);
            }),
            &["unapproved"],
            false,
            Some(true),
        ),
        (
            "approved by who wanted it",
            item(|it| approval(it, |it| it.by = Some(somebody(1)))),
            &["self_approval"],
            true,
            Some(false),
        ),
        (
            "approved by who deployed it",
            item(|it| approval(it, |it| it.by = Some(somebody(3)))),
            &["approver_deployed"],
            true,
            Some(false),
        ),
        (
            "approved by who wrote it",
            item(|it| approval(it, |it| it.by = Some(somebody(4)))),
            &["approver_wrote"],
            true,
            Some(false),
        ),
        (
            "through a freeze",
            item(|it| {
                (it.it.freeze, it.it.glass) = (Some("Friday".into()), Some("it burns".into()))
            }),
            &["override"],
            true,
            Some(true),
        ),
        (
            "in a freeze, told as a fact",
            item(|it| it.it.freeze = Some("Friday".into())),
            &["in_freeze"],
            true,
            Some(true),
        ),
        (
            "reviewed at the last moment",
            item(|it| it.changes[0].glass = Some(glass(Some(24 * HOUR)))),
            &[],
            true,
            Some(true),
        ),
        (
            "reviewed a second late",
            item(|it| it.changes[0].glass = Some(glass(Some(24 * HOUR + 1)))),
            &["review_overdue"],
            true,
            Some(true),
        ),
        (
            "never reviewed",
            item(|it| it.changes[0].glass = Some(glass(None))),
            &["review_overdue"],
            true,
            Some(true),
        ),
        (
            "told an hour after its end",
            item(|it| it.it.recorded_at = START.plus_secs(HOUR + 60)),
            &[],
            true,
            Some(true),
        ),
        (
            "told a second later than that",
            item(|it| it.it.recorded_at = START.plus_secs(HOUR + 61)),
            &["told_late"],
            true,
            Some(true),
        ),
        (
            "without an end",
            item(|it| (it.it.status, it.it.finished_at) = (Status::Started, None)),
            &["no_end"],
            true,
            Some(true),
        ),
    ];
    let now = START.plus_secs(7 * 24 * HOUR);
    for (what, item, expected, approved, segregated) in cases {
        let found: Vec<&str> = item
            .exceptions(now)
            .iter()
            .map(|it| it.what.as_str())
            .collect();
        assert_eq!(found, expected, "{what}");
        assert_eq!(
            (item.is_approved(), item.is_segregated()),
            (approved, segregated),
            "{what}"
        );
    }
    // A review that isn't due yet is none.
    let waiting = item(|it| it.changes[0].glass = Some(glass(None)));
    assert_eq!(waiting.exceptions(START.plus_secs(24 * HOUR)), []);
}

#[test]
fn a_silence_is_a_gap_when_it_is_long_and_unusual() {
    let hourly = |gaps: &[(usize, i64)], count: i64| -> Vec<Timestamp> {
        let mut at = START;
        let mut told = vec![at];
        for n in 1..count {
            let extra = gaps.iter().find(|(place, _)| *place as i64 == n);
            at = at.plus_secs(extra.map_or(HOUR, |(_, secs)| *secs));
            told.push(at);
        }
        told
    };
    assert_eq!(gaps("ci", &hourly(&[], 40)), []);
    let found = gaps("ci", &hourly(&[(10, 24 * HOUR + 1)], 40));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].from, START.plus_secs(9 * HOUR));
    assert_eq!(
        gaps("ci", &hourly(&[(10, 24 * HOUR)], 40)),
        [],
        "a day is none"
    );
    assert_eq!(
        gaps("ci", &hourly(&[(10, 24 * HOUR + 1)], 19)),
        [],
        "no rhythm"
    );
    // Where a day's silence is usual, four of them aren't.
    let daily = |last: i64| -> Vec<Timestamp> {
        let mut told: Vec<Timestamp> = (0..30).map(|n| START.plus_secs(n * 24 * HOUR)).collect();
        told.push(told[29].plus_secs(last));
        told
    };
    assert_eq!(gaps("ci", &daily(96 * HOUR)), []);
    assert_eq!(gaps("ci", &daily(96 * HOUR + 1)).len(), 1);
}

#[test]
fn a_sample_is_drawn_again_by_its_seed() {
    let population: Vec<DeploymentId> = (1..=100).map(id).collect();
    let drawn = draw(42, &population, 25);
    assert_eq!(drawn.len(), 25);
    assert_eq!(drawn, draw(42, &population, 25));
    assert_ne!(drawn, draw(43, &population, 25));
    assert_eq!(
        draw(42, &population, 10),
        drawn[..10],
        "a smaller one is its beginning"
    );
    let all: BTreeSet<usize> = draw(42, &population, 200).into_iter().collect();
    assert_eq!(all.len(), 100, "each once");
    assert_eq!(draw(42, &[], 25), [0; 0]);
    // What it is doesn't depend on the order in which it comes.
    let mut turned = population.clone();
    turned.reverse();
    let names = |population: &[DeploymentId], drawn: &[usize]| -> Vec<DeploymentId> {
        drawn.iter().map(|place| population[*place]).collect()
    };
    assert_eq!(
        names(&population, &drawn),
        names(&turned, &draw(42, &turned, 25))
    );
}
