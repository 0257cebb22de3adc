use super::*;
use crate::domain::change::{Plan, Sort};
use crate::domain::freeze;
use crate::domain::id::{Id, ServiceId};
use crate::domain::severity::Risk;

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

const NOW: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

/// Ids that sort as they were asked for.
fn people<const N: usize>() -> [PersonId; N] {
    std::array::from_fn(|n| Id::new(NOW.plus_secs(n as i64)))
}

fn teams<const N: usize>() -> [TeamId; N] {
    std::array::from_fn(|n| Id::new(NOW.plus_secs(n as i64)))
}

fn vote(by: PersonId, case: &Case) -> Vote {
    Vote {
        by,
        by_name: "Ben".to_owned(),
        on_behalf: None,
        at: NOW,
        not_before: None,
        saw: Vec::new(),
        until: NOW.plus_secs(HOUSE_SECS),
        digest: case.snapshot.digest(),
        snapshot: case.snapshot.clone(),
        over_at: None,
    }
}

fn snapshot(title: &str) -> Snapshot {
    Snapshot::of(title, &Plan::default(), Some(Risk::Low), &[], None, &[])
}

fn case(approvers: usize, teams: &[(TeamId, &[PersonId])]) -> Case {
    Case {
        snapshot: snapshot("Raise pool size"),
        approvers,
        teams: teams.iter().map(|(team, _)| *team).collect(),
        members: teams
            .iter()
            .map(|(team, members)| (*team, members.to_vec()))
            .collect(),
        ..Case::default()
    }
}

#[test]
fn those_are_needed_without_whose_vote_it_would_not_hold() {
    let [ada, ben, cleo] = people();
    let mut all = [ada, ben];
    all.sort_unstable();
    let with = |approvers, voters: &[PersonId]| {
        let mut case = case(approvers, &[]);
        for voter in voters {
            case.vote(vote(*voter, &case));
        }
        case.needed(NOW)
    };
    assert_eq!(with(1, &[ada]), [ada]);
    assert_eq!(with(1, &[ada, ben]), [], "one more than it takes");
    assert_eq!(with(2, &[ada, ben]), all);
    assert_eq!(with(2, &[ada, ben, cleo]), []);
    assert_eq!(with(2, &[ada]), [], "it isn't approved");
}

#[test]
fn everybody_is_for_one_need_and_who_fits_two_takes_the_one_that_others_cant() {
    let [ada, ben, cleo] = people();
    let [db, web] = teams();
    // Ben belongs to both teams, Ada to the first alone.
    let mut case = case(1, &[(db, &[ben, ada]), (web, &[ben])]);
    assert_eq!(
        case.verdict(NOW),
        Verdict::Missing(vec![Need::Approvers(1), Need::Team(db), Need::Team(web)])
    );
    for (by, missing) in [
        (ben, vec![Need::Approvers(1), Need::Team(web)]),
        (ada, vec![Need::Approvers(1)]),
    ] {
        case.vote(vote(by, &case));
        assert_eq!(case.needs(NOW), missing);
    }
    case.vote(vote(ada, &case));
    assert_eq!(
        case.needs(NOW),
        [Need::Approvers(1)],
        "one person, one vote"
    );
    case.vote(vote(cleo, &case));
    assert_eq!(
        case.verdict(NOW),
        Verdict::Standing {
            until: NOW.plus_secs(HOUSE_SECS)
        }
    );
}

#[test]
fn it_stands_until_the_first_vote_that_it_cant_do_without_runs_out() {
    let [ada, ben, cleo] = people();
    let mut case = case(2, &[]);
    for (by, hours) in [(ada, 1), (ben, 5), (cleo, 3)] {
        let until = NOW.plus_secs(hours * 3_600);
        case.vote(Vote {
            until,
            ..vote(by, &case)
        });
    }
    let hours = |hours: i64| NOW.plus_secs(hours * 3_600);
    let until = hours(3);
    assert_eq!(case.verdict(NOW), Verdict::Standing { until });
    assert_eq!(case.verdict(hours(2)), Verdict::Standing { until });
    assert_eq!(case.verdict(hours(3)), Verdict::Expired { at: until });
    // Votes that ran out one after the other never were enough later on.
    assert_eq!(case.verdict(hours(9)), Verdict::Expired { at: until });
}

#[test]
fn whatever_is_changed_afterwards_is_named_and_what_is_changed_back_stands() {
    let [_, ben] = people();
    let mut case = case(1, &[]);
    case.vote(vote(ben, &case));
    let was = std::mem::replace(&mut case.snapshot, snapshot("Halve pool size"));
    assert_eq!(
        case.verdict(NOW),
        Verdict::Stale {
            at: NOW,
            why: vec![Difference {
                field: Field::Title,
                before: "Raise pool size".to_owned(),
                after: "Halve pool size".to_owned(),
            }]
        }
    );
    case.snapshot = was;
    assert!(case.verdict(NOW).is_standing());
    case.votes[0].over_at = Some(NOW);
    assert_eq!(
        case.verdict(NOW),
        Verdict::Missing(vec![Need::Approvers(1)])
    );
}

#[test]
fn every_field_moves_the_digest_and_none_can_stand_for_another() {
    let service: ServiceId = Id::new(NOW);
    let other: ServiceId = Id::new(NOW.plus_secs(1));
    let plan = |change: fn(&mut Plan)| {
        let mut plan = Plan::default();
        change(&mut plan);
        Snapshot::of("A", &plan, Some(Risk::Low), &[service], None, &[])
    };
    let bound = |oids: &[&str]| {
        let oids: Vec<String> = oids.iter().map(|it| it.repeat(20)).collect();
        Snapshot::of(
            "A",
            &Plan::default(),
            Some(Risk::Low),
            &[service],
            None,
            &oids,
        )
    };
    let all = [
        plan(|_| {}),
        plan(|it| it.purpose = "x".into()),
        plan(|it| it.starts_at = Some(NOW)),
        plan(|it| it.ends_at = Some(NOW)),
        plan(|it| it.side_effects = "x".into()),
        plan(|it| it.version_before = Some("x".into())),
        plan(|it| it.version_after = Some("x".into())),
        plan(|it| it.revert = "x".into()),
        plan(|it| it.environment = Some("x".into())),
        plan(|it| it.sort = Sort::Standard),
        Snapshot::of(
            "A\npurpose 1\nx",
            &Plan::default(),
            Some(Risk::Low),
            &[service],
            None,
            &[],
        ),
        Snapshot::of(
            "A",
            &Plan::default(),
            Some(Risk::High),
            &[service],
            None,
            &[],
        ),
        Snapshot::of(
            "A",
            &Plan::default(),
            Some(Risk::Low),
            &[service, other],
            None,
            &[],
        ),
        Snapshot::of(
            "A",
            &Plan::default(),
            Some(Risk::Low),
            &[service],
            Some((Id::new(NOW), 1)),
            &[],
        ),
        plan(|it| it.artefact = Some("x".into())),
        bound(&["b2", "a1"]),
        bound(&["b2", "a1", "c3"]),
    ];
    let mut digests: Vec<String> = all.iter().map(Snapshot::digest).collect();
    assert_eq!(digests[0].len(), 64);
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), all.len());
    for one in &all {
        let again = Snapshot::of_facts(&one.facts());
        assert_eq!((&again, again.digest()), (one, one.digest()));
    }
    // The order of services is nobody's decision.
    let turned = Snapshot::of(
        "A",
        &Plan::default(),
        Some(Risk::Low),
        &[other, service],
        None,
        &[],
    );
    assert_eq!(turned.digest(), all[12].digest());
    // Nor is that of commits; and a vote from before plans had artefacts is what it was.
    assert_eq!(bound(&["a1", "b2", "a1"]).digest(), all[15].digest());
    assert!(all[0].facts().get("artefact").is_none());
    assert!(all[0].facts().get("commits").is_none());
}

#[test]
fn who_is_on_the_other_side_has_no_vote_and_loses_one_that_was_given() {
    let [ada, ben, cleo] = people();
    let mut case = case(1, &[]);
    case.apart = BTreeMap::from([(ada, Apart::Requested)]);
    let rule = |case: &Case, by, whom| case.may_vote(by, whom, NOW).err().map(|it| it.rule);
    assert_eq!(rule(&case, ada, None), Some("not-your-own"));
    assert_eq!(rule(&case, ben, Some(ada)), Some("stands-in-for-author"));
    assert_eq!(rule(&case, ben, None), None);
    case.vote(Vote {
        on_behalf: Some((cleo, "Cleo".to_owned())),
        ..vote(ben, &case)
    });
    assert!(case.verdict(NOW).is_standing());
    assert_eq!(rule(&case, cleo, None), Some("voice-given"));
    assert_eq!(rule(&case, ben, None), None, "they may vote anew");
    let later = NOW.plus_secs(HOUSE_SECS);
    assert!(case.may_vote(cleo, None, later).is_ok(), "it ran out");
    for (who, why, said) in [
        (ben, Apart::Wrote, "wrote-its-commits"),
        (ben, Apart::Planned, "planned-it"),
        (ben, Apart::Pushed, "pushed-its-commits"),
        (ben, Apart::Deployed, "deployed-it"),
    ] {
        case.apart.insert(who, why);
        assert_eq!(case.worth(&case.votes[0], NOW), Worth::Apart);
        assert!(!case.verdict(NOW).is_standing());
        assert_eq!(rule(&case, who, None), Some(said));
    }
    case.apart.remove(&ben);
    case.apart.insert(cleo, Apart::Wrote);
    assert!(!case.verdict(NOW).is_standing(), "nor in their name");
}

#[test]
fn of_the_rules_that_fit_the_strictest_applies() {
    let web: ServiceId = Id::new(NOW);
    let [db] = teams();
    let mut made = 0;
    let mut rule = |name: &str, when: When, needs: Needs, valid_secs: i64| {
        made += 1;
        Rule {
            id: Id::new(NOW.plus_secs(made)),
            name: name.to_owned(),
            when,
            needs,
            binds_commits: false,
            valid_secs,
            reminders: Reminders::default(),
            is_active: true,
            made_at: NOW,
            version: 1,
            terms: 1,
        }
    };
    let two = Needs {
        approvers: 2,
        ..Needs::HOUSE
    };
    let with_team = Needs {
        team: Some(db),
        ..Needs::HOUSE
    };
    let prod = When {
        environments: vec!["prod".to_owned()],
        ..When::default()
    };
    let risky = When {
        min_risk: Some(Risk::Medium),
        ..When::default()
    };
    let of_web = When {
        services: vec![web],
        ..When::default()
    };
    let standard = When {
        sort: Some(Sort::Standard),
        ..When::default()
    };
    let all = [
        rule("prod", prod, Needs::HOUSE, HOUSE_SECS),
        rule("risky", risky, two, HOUSE_SECS),
        rule("web", of_web, with_team, HOUSE_SECS),
        rule("standard", standard, Needs::HOUSE, 3_600),
    ];
    let name = |services: &[ServiceId], environment, risk, sort| {
        let of = Of {
            services,
            environment,
            risk,
            sort,
        };
        strictest(&all, &of).map(|it| it.name.clone())
    };
    let named = |name: &str| Some(name.to_owned());
    let low = Some(Risk::Low);
    assert_eq!(name(&[], "lab", low, Sort::Normal), None);
    assert_eq!(name(&[], "prod", low, Sort::Normal), named("prod"));
    assert_eq!(name(&[], "prod", low, Sort::Standard), named("standard"));
    assert_eq!(
        name(&[], "prod", Some(Risk::Medium), Sort::Normal),
        named("risky")
    );
    assert_eq!(
        name(&[], "prod", None, Sort::Normal),
        named("risky"),
        "nobody judged it"
    );
    // As many people, but certain ones.
    assert_eq!(
        name(&[web], "prod", Some(Risk::High), Sort::Normal),
        named("web")
    );
    let mut off = all.clone();
    off[2].is_active = false;
    let of = Of {
        services: &[web],
        environment: "prod",
        risk: Some(Risk::High),
        sort: Sort::Normal,
    };
    assert_eq!(
        strictest(&off, &of).map(|it| it.name.as_str()),
        Some("risky")
    );
}

#[test]
fn a_rule_wants_somebody_and_says_everything_that_is_wrong_with_it() {
    let check = |approvers: &str, valid: &str, wants_owner| {
        let typed = Typed {
            name: "Two",
            approvers,
            valid,
            team: None,
            wants_owner,
            binds_commits: false,
            remind: "",
            escalate: "",
            escalate_team: None,
        };
        Details::check(&typed, When::default(), true)
            .map(|it| (it.needs.approvers, it.valid_secs))
            .map_err(|faults| faults.iter().map(|it| it.problem).collect::<Vec<_>>())
    };
    assert_eq!(check("2", "", false), Ok((2, HOUSE_SECS)));
    assert_eq!(check("0", "8 h", true), Ok((0, 8 * 3_600)));
    assert_eq!(check("0", "8 h", false), Err(vec!["nobody-approves"]));
    assert_eq!(
        check("many", "soon", false),
        Err(vec!["not-an-approver-count", "not-a-validity"])
    );
    assert_eq!(check("10", "1 min", false).unwrap_err().len(), 2);
}

fn friday() -> Vec<Freeze> {
    let details = freeze::Details::friday("No changes on Friday", chrono_tz::UTC);
    vec![details.freeze(Id::new(NOW), NOW, 1)]
}

#[test]
fn an_approval_stands_still_while_a_freeze_blocks_the_change() {
    let asked = Asked::production(&[]);
    let windows = friday();
    let until = |given: &str, secs| expires(at(given), secs, &windows, &asked).rfc3339();
    // A day in the middle of the week.
    assert_eq!(
        until("2026-06-02T10:00:00Z", HOUSE_SECS),
        "2026-06-03T10:00:00Z"
    );
    // Two hours before the freeze, and the other 22 after it.
    assert_eq!(
        until("2026-06-04T22:00:00Z", HOUSE_SECS),
        "2026-06-09T05:00:00Z"
    );
    // Inside it.
    assert_eq!(until("2026-06-06T12:00:00Z", 3_600), "2026-06-08T08:00:00Z");
    // It ends at the minute in which the freeze begins.
    assert_eq!(until("2026-06-04T23:00:00Z", 3_600), "2026-06-05T00:00:00Z");
    // Two freezes on the way.
    assert_eq!(
        until("2026-06-04T22:00:00Z", 5 * 86_400),
        "2026-06-16T12:00:00Z"
    );
    let elsewhere = Asked {
        environment: "lab",
        is_production: false,
        ..asked
    };
    assert_eq!(
        expires(at("2026-06-04T22:00:00Z"), HOUSE_SECS, &windows, &elsewhere).rfc3339(),
        "2026-06-05T22:00:00Z"
    );
    // Friday lets an emergency through that was approved.
    let emergency = asked.sort(Some(Sort::Emergency));
    assert_eq!(
        expires(at("2026-06-04T22:00:00Z"), HOUSE_SECS, &windows, &emergency).rfc3339(),
        "2026-06-05T22:00:00Z"
    );
    let mut warns = friday();
    warns[0].level = Level::Warn;
    assert_eq!(
        expires(at("2026-06-04T22:00:00Z"), HOUSE_SECS, &warns, &asked).rfc3339(),
        "2026-06-05T22:00:00Z"
    );
}

#[test]
fn somebody_stands_in_for_another_for_a_while() {
    let [ada, ben] = people();
    let stand_in = |to, starts: i64, ends: i64| StandIn {
        id: Id::new(NOW),
        from: ada,
        to,
        starts_at: NOW.plus_secs(starts),
        ends_at: NOW.plus_secs(ends),
        made_at: NOW,
        ended_at: None,
    };
    let problems = |it: StandIn| match it.check(NOW) {
        Ok(()) => Vec::new(),
        Err(faults) => faults.iter().map(|it| it.problem).collect(),
    };
    assert!(problems(stand_in(ben, 0, 3_600)).is_empty());
    assert_eq!(
        problems(stand_in(ada, 0, 3_600)),
        ["stands-in-for-themselves"]
    );
    assert_eq!(problems(stand_in(ben, 60, 60)), ["ends-before-start"]);
    assert_eq!(problems(stand_in(ben, -60, -1)), ["away-in-past"]);
    assert_eq!(problems(stand_in(ben, 0, 93 * 86_400)), ["away-too-long"]);
    let later = stand_in(ben, 60, 120);
    let open = |secs| later.is_open(NOW.plus_secs(secs));
    assert_eq!([59, 60, 119, 120].map(open), [false, true, true, false]);
    let ended = StandIn {
        ended_at: Some(NOW),
        ..later.clone()
    };
    assert!(!ended.is_open(NOW.plus_secs(60)) && !ended.is_ahead(NOW));
    assert!(later.is_ahead(NOW));
}

#[test]
fn of_several_conditions_the_latest_counts_and_who_named_it_is_said() {
    let [ada, ben, cleo] = people();
    let mut case = case(2, &[]);
    let hours = |hours: i64| NOW.plus_secs(hours * 3_600);
    for (by, name, not_before) in [
        (ada, "Ada", Some(hours(2))),
        (ben, "Ben", Some(hours(5))),
        (cleo, "Cleo", None),
    ] {
        case.vote(Vote {
            by_name: name.to_owned(),
            not_before,
            ..vote(by, &case)
        });
    }
    let until = NOW.plus_secs(HOUSE_SECS);
    let waits = |opens, by, by_name: &str| Verdict::Waits {
        opens,
        by,
        by_name: by_name.to_owned(),
        until,
    };
    assert_eq!(case.verdict(NOW), waits(hours(5), ben, "Ben"));
    assert!(case.verdict(NOW).holds() && !case.verdict(NOW).is_standing());
    assert_eq!(case.verdict(hours(5)), Verdict::Standing { until });
    // One who may say otherwise, and one who said nothing.
    assert!(case.has_said_when(ben, NOW) && !case.has_said_when(cleo, NOW));
    assert!(!case.has_said_when(ben, hours(5)), "it has come");
    case.vote(vote(ben, &case));
    assert_eq!(case.verdict(NOW), waits(hours(2), ada, "Ada"));
    // Whoever is on the other side by now has no say in it.
    case.apart.insert(ada, Apart::Wrote);
    assert_eq!(case.verdict(NOW), Verdict::Standing { until });
}

#[test]
fn an_approval_is_for_what_a_rule_decides_and_not_for_its_name_or_its_reminders() {
    let [web, mail]: [ServiceId; 2] = [Id::new(NOW), Id::new(NOW.plus_secs(1))];
    let [db] = teams();
    let known = Rule {
        id: Id::new(NOW),
        name: "Production".to_owned(),
        when: When {
            environments: vec!["prod".to_owned(), "lab".to_owned()],
            services: vec![web, mail],
            min_risk: Some(Risk::Medium),
            sort: None,
        },
        needs: Needs::HOUSE,
        binds_commits: false,
        valid_secs: HOUSE_SECS,
        reminders: Reminders::default(),
        is_active: true,
        made_at: NOW,
        version: 7,
        terms: 3,
    };
    let said = |change: &dyn Fn(&mut Details)| {
        let mut details = Details {
            name: known.name.clone(),
            when: known.when.clone(),
            needs: known.needs,
            binds_commits: known.binds_commits,
            valid_secs: known.valid_secs,
            reminders: known.reminders,
            is_active: known.is_active,
        };
        change(&mut details);
        let edited = known.clone().edited(&details);
        assert_eq!((edited.id, edited.version), (known.id, known.version));
        assert_eq!(
            (&edited.name, edited.reminders),
            (&details.name, details.reminders)
        );
        assert_eq!((&edited.when, edited.needs), (&details.when, details.needs));
        edited.terms
    };
    let same: [&dyn Fn(&mut Details); 5] = [
        &|_| {},
        &|it| it.name = "Live".to_owned(),
        &|it| it.reminders.remind_secs = 0,
        &|it| it.reminders.escalate = Some((db, 8 * 3_600)),
        &|it| {
            it.when.environments.reverse();
            it.when.services.reverse();
        },
    ];
    for change in same {
        assert_eq!(said(change), 3);
    }
    let others: [&dyn Fn(&mut Details); 10] = [
        &|it| it.when.environments.truncate(1),
        &|it| it.when.services.truncate(1),
        &|it| it.when.min_risk = None,
        &|it| it.when.sort = Some(Sort::Standard),
        &|it| it.needs.approvers = 2,
        &|it| it.needs.team = Some(db),
        &|it| it.needs.wants_owner = true,
        &|it| it.binds_commits = true,
        &|it| it.valid_secs += 3_600,
        &|it| it.is_active = false,
    ];
    for change in others {
        assert_eq!(said(change), 8, "the version that it gets");
    }
}
