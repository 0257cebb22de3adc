//! What counts in which number, in which month, and that a hash names all of it.

use super::super::id::{Id, Kind};
use super::super::sla_credit::{Counting, Rule};
use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn key(number: i64) -> TicketKey {
    TicketKey {
        kind: Kind::Incident,
        number,
    }
}

fn id<T>(number: i64) -> Id<T> {
    Id::from_uuid(uuid::Uuid::from_u128(number as u128))
}

fn outcome(number: i64, metric: Metric, verdict: Verdict, late: &[(Bearer, i64)]) -> Outcome {
    let anchor = at("2026-06-02T08:00:00Z");
    Outcome {
        clock: id(number),
        ticket: key(number),
        title: format!("Uplink {number} down"),
        metric,
        cycle: 1,
        verdict,
        cancelled: (verdict == Verdict::Cancelled).then_some(CancelReason::NotNeeded),
        anchor_at: anchor,
        deadline_at: Some(anchor.plus_secs(3_600)),
        breached_at: (!late.is_empty()).then(|| anchor.plus_secs(3_600)),
        ended_at: anchor.plus_secs(7_200),
        late: late.to_vec(),
    }
}

/// A whole report, used by the renderers' tests too.
pub fn example() -> SlaReport {
    let anchor = at("2026-06-02T08:00:00Z");
    let netops = id(1);
    let minute = 60_000_000;
    let team = Bearer::Team(Some(netops));
    let late = [(team, 40 * minute), (Bearer::Customer, 20 * minute)];
    SlaReport {
        customer: Some((id(1), "Contoso".into())),
        period: Period::new(day("2026-06-01"), day("2026-06-30"), Tz::Europe__Berlin).unwrap(),
        as_of: None,
        teams: BTreeMap::from([(netops, "Network <ops>".to_owned())]),
        sections: vec![
            Section {
                agreement: Some(id(1)),
                name: "Gold".into(),
                versions: vec![2, 3],
                outcomes: vec![
                    outcome(1, Metric::Respond, Verdict::Met, &[]),
                    outcome(2, Metric::Respond, Verdict::Met, &[]),
                    outcome(3, Metric::Respond, Verdict::Missed, &late),
                    outcome(4, Metric::Respond, Verdict::Cancelled, &[(team, 0)]),
                    outcome(1, Metric::Resolve, Verdict::Met, &[]),
                ],
                pending: vec![Pending {
                    clock: id(99),
                    ticket: key(5),
                    title: "Phones, all".into(),
                    metric: Metric::Resolve,
                    cycle: 1,
                    anchor_at: anchor,
                    deadline_at: Some(anchor.plus_secs(3_600)),
                    is_late: true,
                }],
                availability: Some(vec![
                    Served {
                        service: Some("Checkout".into()),
                        uptime: Uptime {
                            total: 720 * 60 * minute,
                            down: 72 * minute,
                        },
                        incidents: vec![key(1), key(3)],
                    },
                    Served {
                        service: None,
                        uptime: Uptime {
                            total: 720 * 60 * minute,
                            down: minute,
                        },
                        incidents: vec![key(2)],
                    },
                ]),
                clause: Some(Clause {
                    counting: Counting::USUAL,
                    cap: 12_000,
                    rules: vec![
                        Rule {
                            basis: Basis::Kept(Metric::Respond),
                            below: 95_000,
                            credit: 5_000,
                        },
                        Rule {
                            basis: Basis::Availability,
                            below: 99_900,
                            credit: 10_000,
                        },
                    ],
                }),
            },
            Section {
                name: "By hand".into(),
                outcomes: vec![outcome(6, Metric::CallBack, Verdict::Met, &[])],
                ..Section::default()
            },
        ],
    }
}

#[test]
fn t66_a_period_is_whole_days_of_its_zone() {
    let june = |zone| Period::new(day("2026-06-01"), day("2026-06-30"), zone).unwrap();
    for (zone, from, to) in [
        (Tz::UTC, "2026-06-01T00:00:00Z", "2026-07-01T00:00:00Z"),
        (
            Tz::Asia__Tokyo,
            "2026-05-31T15:00:00Z",
            "2026-06-30T15:00:00Z",
        ),
        (
            Tz::America__New_York,
            "2026-06-01T04:00:00Z",
            "2026-07-01T04:00:00Z",
        ),
    ] {
        let interval = june(zone).interval();
        assert_eq!((interval.from, interval.to), (at(from), at(to)), "{zone}");
    }
    // October has an hour more in Berlin; in Santiago the 6th of September begins at 01:00.
    let october = Period::new(day("2026-10-01"), day("2026-10-31"), Tz::Europe__Berlin).unwrap();
    assert_eq!(october.interval().micros() / 3_600_000_000, 31 * 24 + 1);
    let sixth = Period::new(day("2026-09-06"), day("2026-09-06"), Tz::America__Santiago).unwrap();
    assert_eq!(sixth.interval().micros() / 3_600_000_000, 23);
    let problem = |from, to| {
        Period::new(day(from), day(to), Tz::UTC)
            .unwrap_err()
            .problem
    };
    assert_eq!(problem("2026-06-02", "2026-06-01"), "end-before-start");
    assert_eq!(problem("2026-01-01", "2027-01-02"), "period-too-long");
}

#[test]
fn t52_a_breach_under_an_earlier_target_stays() {
    let began = at("2026-06-02T08:00:00Z");
    let revision = |state, breached: bool| Revision {
        clock: Id::new(began),
        home: None,
        anchor_at: began,
        deadline_at: Some(began.plus_secs(60)),
        ended_at: Some(began.plus_secs(90)),
        state,
        cancelled: None,
        breached_at: breached.then(|| began.plus_secs(60)),
    };
    use ClockState as S;
    let verdict = |chain: &[Revision]| judged(chain).map(|(verdict, _)| verdict);
    let late = revision(S::Superseded, true);
    assert_eq!(
        verdict(&[late.clone(), revision(S::Met, false)]),
        Some(Verdict::Missed)
    );
    let chain = [late.clone(), revision(S::Missed, true)];
    assert_eq!(judged(&chain).unwrap().1, &late, "the first breach decides");
    assert_eq!(
        verdict(&[revision(S::Superseded, false), revision(S::Met, false)]),
        Some(Verdict::Met)
    );
    assert_eq!(
        verdict(&[late.clone(), revision(S::Cancelled, false)]),
        Some(Verdict::Cancelled)
    );
    assert_eq!(
        verdict(&[revision(S::Superseded, false)]),
        Some(Verdict::Moved)
    );
    assert_eq!(verdict(&[late, revision(S::Running, false)]), None);
    assert_eq!(verdict(&[]), None);
}

#[test]
fn shares_are_of_what_was_to_be_kept() {
    let report = example();
    let counts = report.sections[0].counts();
    let respond = counts[&Metric::Respond];
    assert_eq!((respond.met, respond.all()), (2, 3));
    assert_eq!((respond.cancelled, respond.cancelled_late), (1, 1));
    let resolve = counts[&Metric::Resolve];
    assert_eq!(
        (resolve.met, resolve.all(), resolve.open, resolve.open_late),
        (1, 1, 1, 1)
    );
    // What was cancelled adds no late time.
    let late: Vec<i64> = report.sections[0].late().into_values().collect();
    assert_eq!(late, [40 * 60_000_000, 20 * 60_000_000]);
    let credit = report.sections[0].credit().unwrap();
    // 2 of 3 and 99.83 %: 5 % and 10 %, but never more than 12 %.
    assert_eq!((credit.sum, credit.credit), (15_000, 12_000));
}

#[test]
fn the_hash_names_everything_that_the_report_says() {
    let report = example();
    assert_eq!(report.hash(), example().hash());
    let changes: [fn(&mut SlaReport); 9] = [
        |it| it.period.zone = Tz::UTC,
        |it| it.as_of = Some(Timestamp::from_micros(0)),
        |it| it.sections[0].name.push('!'),
        |it| it.sections[0].outcomes[0].ended_at = Timestamp::from_micros(0),
        |it| it.sections[0].outcomes[2].late[0].1 += 1,
        |it| it.sections[0].outcomes[0].title.push('!'),
        |it| it.sections[0].pending.clear(),
        |it| it.sections[0].availability = None,
        |it| it.sections[0].clause = None,
    ];
    let mut hashes = vec![report.hash()];
    for change in changes {
        let mut changed = example();
        change(&mut changed);
        hashes.push(changed.hash());
    }
    let count = hashes.len();
    hashes.sort();
    hashes.dedup();
    assert_eq!(hashes.len(), count);
}
