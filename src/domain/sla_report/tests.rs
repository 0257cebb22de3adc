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
        cancelled: match verdict {
            Verdict::Cancelled => Some(CancelReason::Ticket),
            Verdict::NotNeeded => Some(CancelReason::NotNeeded),
            Verdict::Moved => Some(CancelReason::Merged),
            Verdict::Met | Verdict::Missed => None,
        },
        anchor_at: anchor,
        deadline_at: Some(anchor.plus_secs(3_600)),
        breached_at: (!late.is_empty()).then(|| anchor.plus_secs(3_600)),
        ended_at: anchor.plus_secs(7_200),
        used: 7_200_000_000,
        over_secs: if late.is_empty() { 0 } else { 3_600 },
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
                in_force: 3,
                outcomes: vec![
                    outcome(1, Metric::Respond, Verdict::Met, &[]),
                    outcome(2, Metric::Respond, Verdict::Met, &[]),
                    outcome(3, Metric::Respond, Verdict::Missed, &late),
                    outcome(4, Metric::Respond, Verdict::Cancelled, &[(team, 0)]),
                    outcome(7, Metric::Respond, Verdict::NotNeeded, &[]),
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

/// A revision that began at eight, was due a minute later and ended after a minute and a half.
fn revision(state: ClockState, cancelled: Option<CancelReason>, breached: bool) -> Revision {
    let began = at("2026-06-02T08:00:00Z");
    Revision {
        clock: Id::new(began),
        home: None,
        anchor_at: began,
        deadline_at: Some(began.plus_secs(60)),
        ended_at: Some(began.plus_secs(90)).filter(|_| !state.is_open()),
        state,
        cancelled,
        breached_at: breached.then(|| began.plus_secs(60)),
    }
}

fn verdict(chain: &[Revision]) -> Option<Verdict> {
    judged(chain, &[]).map(|(verdict, _)| verdict)
}

#[test]
fn t52_a_breach_under_an_earlier_target_stays() {
    use ClockState as S;
    let revision = |state, breached| revision(state, None, breached);
    let late = revision(S::Superseded, true);
    assert_eq!(
        verdict(&[late.clone(), revision(S::Met, false)]),
        Some(Verdict::Missed)
    );
    let chain = [late.clone(), revision(S::Missed, true)];
    assert_eq!(judged(&chain, &[]).unwrap().1, &late, "the first decides");
    assert_eq!(
        verdict(&[revision(S::Superseded, false), revision(S::Met, false)]),
        Some(Verdict::Met)
    );
    assert_eq!(verdict(&[late, revision(S::Running, false)]), None);
    assert_eq!(verdict(&[]), None);
}

#[test]
fn however_a_late_promise_ends_it_was_missed_unless_its_ticket_was_cancelled() {
    use ClockState as S;
    let early = revision(S::Superseded, None, true);
    for why in CancelReason::ALL.iter().copied() {
        let ended = |breached| match why {
            CancelReason::Merged => revision(S::Superseded, Some(why), breached),
            _ => revision(S::Cancelled, Some(why), breached),
        };
        let (late, in_time) = match why {
            CancelReason::Ticket => (Verdict::Cancelled, Verdict::Cancelled),
            CancelReason::NotNeeded => (Verdict::Missed, Verdict::NotNeeded),
            CancelReason::Merged => (Verdict::Missed, Verdict::Moved),
            CancelReason::Closed | CancelReason::NoTarget | CancelReason::TakenBack => {
                (Verdict::Missed, Verdict::Cancelled)
            }
        };
        assert_eq!(verdict(&[ended(true)]), Some(late), "{why}");
        assert_eq!(verdict(&[ended(false)]), Some(in_time), "{why}");
        let after_a_late_one = [early.clone(), ended(false)];
        assert_eq!(verdict(&after_a_late_one), Some(late), "{why}");
    }
}

#[test]
fn what_is_late_on_both_tickets_of_a_merge_is_late_once() {
    use ClockState as S;
    let absorbed = [revision(S::Superseded, Some(CancelReason::Merged), true)];
    let merged_at = absorbed[0].ended_at.unwrap();
    let with = |breached: Option<i64>, ended: Option<i64>| {
        let survivor = [Revision {
            breached_at: breached.map(|secs| merged_at.plus_secs(secs)),
            ended_at: ended.map(|secs| merged_at.plus_secs(secs)),
            ..revision(S::Running, None, false)
        }];
        judged(&absorbed, &survivor).unwrap().0
    };
    assert_eq!(with(Some(0), None), Verdict::Moved);
    assert_eq!(with(Some(-60), Some(0)), Verdict::Moved);
    assert_eq!(with(None, None), Verdict::Missed, "it was in time");
    assert_eq!(with(Some(1), None), Verdict::Missed, "late only later");
    assert_eq!(with(Some(-60), Some(-1)), Verdict::Missed, "another cycle");
    // What wasn't late goes on there in any case.
    let in_time = [revision(S::Superseded, Some(CancelReason::Merged), false)];
    assert_eq!(judged(&in_time, &[]).unwrap().0, Verdict::Moved);
}

#[test]
fn shares_are_of_what_was_to_be_kept() {
    let report = example();
    let counts = report.sections[0].counts();
    let respond = counts[&Metric::Respond];
    assert_eq!((respond.met, respond.all()), (2, 3));
    assert_eq!((respond.cancelled, respond.cancelled_late), (1, 1));
    assert_eq!(respond.not_needed, 1, "apart from what was cancelled");
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
