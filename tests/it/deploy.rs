//! Deployments: told once, put in order, refused by freezes, carried by changes that close when they are stable.

use std::sync::Arc;

use watchkeeper::actions::deployment::{self as act, Recorded};
use watchkeeper::actions::deployment_rule::{self, TypedRule};
use watchkeeper::actions::{
    change, commits, deployment_story as story, freeze, ticket, ticket_parts,
};
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::change::Plan;
use watchkeeper::domain::deployment::{Step, Typed};
use watchkeeper::domain::freeze::Details;
use watchkeeper::domain::id::{DeploymentId, Kind, ServiceId, TicketKey};
use watchkeeper::domain::people::ServiceDetails;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, Outcome, Relation, State};
use watchkeeper::domain::timeline::{Door, EntryKind};
use watchkeeper::domain::timestamp::Timestamp;
use watchkeeper::error::Error;
use watchkeeper::store::{self, timeline::Recorded as Told};

use crate::accounts::{as_person, founded};
use crate::both_databases;
use crate::desk::{Desk, Staff};
use crate::git_bench::Bench;
use crate::sla::{HOUR, entries};
use crate::web::Browser;

const EVERYTHING: Roles = Roles::of(&[Role::Responder, Role::ChangeApprover, Role::Lead]);
const DAY: i64 = 24 * HOUR;

/// A house with the service `web` in it, and two people who run changes.
pub fn a_house(desk: &Desk) -> (Staff, Staff, ServiceId) {
    desk.let_letters_go();
    let house = founded(desk);
    let by = as_person(&desk.app, house.admin);
    let details = ServiceDetails {
        name: "web".into(),
        public_name: "Web shop".into(),
        team_id: house.team,
        runbook_url: None,
        members_total: 2,
        members_needed: 1,
    };
    let lists = Default::default();
    let web = watchkeeper::actions::house::add_service(&by, &details, &lists).unwrap();
    let (ann, ben) = (
        desk.person("Ann", EVERYTHING),
        desk.person("Ben", EVERYTHING),
    );
    (ann, ben, web.id)
}

pub fn typed(version: &str, status: &str) -> Typed {
    Typed {
        service: "web".into(),
        environment: "prod".into(),
        version: version.into(),
        status: status.into(),
        ..Typed::default()
    }
}

/// By the pipeline.
pub fn tell(desk: &Desk, typed: Typed) -> watchkeeper::error::Result<Recorded> {
    act::record(&desk.app.system("pipeline", Door::Api), typed)
}

pub fn live(desk: &Desk, at: Option<Timestamp>) -> Vec<(String, String)> {
    let system = desk.app.system("test", Door::Cli);
    let live = story::live(&system, None, at).unwrap();
    live.into_iter()
        .map(|it| (it.deployment.lane.environment, it.deployment.version))
        .collect()
}

fn in_prod(version: &str) -> Vec<(String, String)> {
    vec![("prod".to_owned(), version.to_owned())]
}

fn detail(desk: &Desk, id: DeploymentId) -> story::Detail {
    story::read(&desk.app.system("test", Door::Cli), id).unwrap()
}

fn rule<T: std::fmt::Debug>(outcome: watchkeeper::error::Result<T>) -> &'static str {
    match outcome.unwrap_err() {
        Error::Refused(refusal) | Error::Forbidden(refusal) => refusal.rule,
        other => panic!("{other:?}"),
    }
}

fn told(desk: &Desk, key: TicketKey, kind: EntryKind) -> Vec<Told> {
    let read = |conn: &mut store::Conn| store::ticket::by_key(conn, key);
    let ticket = desk.app.store.read(read).unwrap().unwrap();
    entries(desk, &ticket, kind)
}

/// An approved change of `web`.
pub fn approved(desk: &Desk, by: &Staff, other: &Staff, web: ServiceId) -> TicketKey {
    let title = Title::parse("Raise pool size").unwrap();
    let opening = Opening {
        services: vec![web],
        ..Opening::default()
    };
    let key = change::open(&desk.as_person(by), title, &opening, Plan::default())
        .unwrap()
        .key;
    let waiting = change::ask_approval(&desk.as_person(by), key, None).unwrap();
    change::approve(&desk.as_person(other), key, waiting.version).unwrap();
    key
}

fn state(desk: &Desk, key: TicketKey) -> State {
    ticket::read(&desk.app.system("test", Door::Cli), key)
        .unwrap()
        .state
}

both_databases!(
    case_4_7_a_deployment_told_twice_is_one_and_late_ones_are_put_where_they_belong,
    |desk| {
        let (ann, ..) = a_house(&desk);
        let browser = Browser::of(&desk, &ann);
        let is_mixed = || {
            browser
                .get("/deployments")
                .text()
                .contains("mixed versions")
        };
        let event = |version: &str, status: &str, id: &str, ago: i64| Typed {
            source: "ci".into(),
            source_event_id: id.into(),
            started_at: Some(desk.now().plus_secs(-ago)),
            ..typed(version, status)
        };
        desk.advance(HOUR);
        let first = tell(&desk, event("4.11.8", "succeeded", "1", 3_000)).unwrap();
        assert_eq!((first.is_news, first.deployment.step), (true, Step::First));
        let again = tell(&desk, event("4.11.8", "succeeded", "1", 3_000)).unwrap();
        assert_eq!(
            (again.is_news, again.deployment.id),
            (false, first.deployment.id)
        );
        let third = tell(&desk, event("4.12.1", "started", "3", 600)).unwrap();
        assert_eq!(
            live(&desk, None),
            in_prod("4.11.8"),
            "what has begun isn't live"
        );
        tell(&desk, event("4.12.1", "succeeded", "3", 600)).unwrap();
        tell(&desk, event("4.13.0", "failed", "4", 300)).unwrap();
        assert_eq!(live(&desk, None), in_prod("4.12.1"), "what failed never is");
        assert_eq!(
            detail(&desk, third.deployment.id).told.before.as_deref(),
            Some("4.11.8")
        );

        // The one in between is told last: it isn't live, and is what the third followed.
        let second = tell(&desk, event("4.12.0", "succeeded", "2", 1_800)).unwrap();
        assert_eq!(live(&desk, None), in_prod("4.12.1"));
        assert_eq!(
            detail(&desk, second.deployment.id).told.before.as_deref(),
            Some("4.11.8")
        );
        assert_eq!(
            detail(&desk, third.deployment.id).told.before.as_deref(),
            Some("4.12.0")
        );
        let earlier = desk.now().plus_secs(-1_000);
        assert_eq!(live(&desk, Some(earlier)), in_prod("4.12.0"));
        assert_eq!(live(&desk, Some(desk.now().plus_secs(-2 * HOUR))), []);

        // The pipeline takes it back: what was live before is live again.
        tell(&desk, event("4.12.1", "rolled_back", "3", 600)).unwrap();
        assert_eq!(live(&desk, None), in_prod("4.12.0"));
        assert_eq!(
            rule(tell(&desk, event("4.12.1", "succeeded", "3", 600))),
            "deployment-ended"
        );
        assert_eq!(
            rule(tell(&desk, event("4.12.2", "succeeded", "3", 600))),
            "deployment-differs"
        );

        // Another environment, and two targets of one.
        let staging = Typed {
            environment: "staging".into(),
            ..event("5.0.0", "succeeded", "5", 60)
        };
        tell(&desk, staging).unwrap();
        assert!(!is_mixed(), "another environment is another place");
        for (id, target) in [("6", "eu"), ("7", "us")] {
            let region = Typed {
                target: target.into(),
                ..event("4.14.0", "succeeded", id, 50)
            };
            let told = tell(&desk, region).unwrap().deployment;
            assert_eq!((told.seq, told.step), (1, Step::First), "{target}");
        }
        assert_eq!(live(&desk, None).len(), 4);
        assert!(is_mixed());
        let back = tell(&desk, event("4.11.8", "succeeded", "8", 10)).unwrap();
        assert_eq!(back.deployment.step, Step::Rollback);
        assert_eq!(back.deployment.seq, 5, "without gaps");
        let wrong = Typed {
            environment: "moon".into(),
            service: "wbe".into(),
            ..typed("1", "succeeded")
        };
        let Err(Error::Invalid(faults)) = tell(&desk, wrong) else {
            panic!("it is taken")
        };
        let faults: Vec<_> = faults.iter().map(|it| it.problem).collect();
        assert_eq!(faults, ["unknown-environment", "unknown-service-name"]);
    }
);

both_databases!(
    a_freeze_refuses_what_begins_now_takes_what_has_happened_and_is_gone_through_with_a_reason,
    |desk| {
        let (ann, ben, web) = a_house(&desk);
        let admin = desk.person("Root", Roles::of(&[Role::Admin]));
        let zone = chrono_tz::Europe::Stockholm;
        freeze::add(
            &desk.as_person(&admin),
            &Details::friday("No changes on Friday", zone),
        )
        .unwrap();
        // From Monday 09:00 UTC to Friday noon.
        desk.advance(4 * DAY + 3 * HOUR);
        let refused = tell(&desk, typed("4.12.0", "started")).unwrap_err();
        let Error::Refused(refusal) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(refusal.rule, "deploy-frozen");
        let args: Vec<_> = refusal
            .args
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        assert!(args.contains(&("name", "No changes on Friday")), "{args:?}");
        assert!(
            args.contains(&("opens", "2026-06-08T05:00:00Z")),
            "{args:?}"
        );
        assert_eq!(
            rule(tell(&desk, typed("4.12.0", "succeeded"))),
            "deploy-frozen"
        );
        assert_eq!(live(&desk, None), [], "nothing was noted");
        // Rehearsals go on, and facts are facts: with the freeze that they happened in.
        let staging = Typed {
            environment: "staging".into(),
            ..typed("4.12.0", "succeeded")
        };
        assert_eq!(tell(&desk, staging).unwrap().deployment.freeze, None);
        let fact = Typed {
            started_at: Some(desk.now().plus_secs(-600)),
            ..typed("4.11.9", "succeeded")
        };
        let fact = tell(&desk, fact).unwrap().deployment;
        assert_eq!(fact.freeze.as_deref(), Some("No changes on Friday"));

        // Through it: with a reason, by somebody who may, and looked at afterwards.
        let urgent = |reason: &str| Typed {
            break_glass: reason.into(),
            ..typed("4.12.0", "started")
        };
        let short = act::record(&desk.as_person(&ann), urgent("too short"));
        assert!(matches!(short, Err(Error::Invalid(_))), "{short:?}");
        let cleo = desk.person("Cleo", Roles::of(&[Role::Responder]));
        let reason = "the certificate expires tonight";
        assert_eq!(
            rule(act::record(&desk.as_person(&cleo), urgent(reason))),
            "needs-role"
        );
        let through = act::record(&desk.as_person(&ann), urgent(reason)).unwrap();
        assert_eq!(through.deployment.glass.as_deref(), Some(reason));
        let emergency = through.emergency.expect("a change was opened");
        assert_eq!(state(&desk, emergency), State::InProgress);
        let [broken] = &told(&desk, emergency, EntryKind::GlassBroken)[..] else {
            panic!("it isn't noted")
        };
        assert_eq!(broken.facts.get("freeze"), Some("No changes on Friday"));
        // Its end comes without an id, and needs no second reason.
        let ended = act::record(&desk.as_person(&ann), typed("4.12.0", "succeeded")).unwrap();
        assert_eq!(ended.deployment.id, through.deployment.id);
        assert_eq!(state(&desk, emergency), State::OnWatch);
        // One review is enough for what is done until it.
        let next = Typed {
            change: emergency.to_string(),
            version: "4.12.1".into(),
            ..urgent("the first fix was half of it")
        };
        act::record(&desk.as_person(&ann), next).unwrap();
        assert_eq!(told(&desk, emergency, EntryKind::GlassBroken).len(), 1);

        let browser = Browser::of(&desk, &ben);
        browser
            .get("/deployments")
            .says("4.12.0")
            .says("No changes on Friday");
        browser
            .get(&format!("/deployments/{}", through.deployment.id))
            .says("The glass was broken:")
            .says(reason);
        let draft = change::open(
            &desk.as_person(&ann),
            Title::parse("Not yet").unwrap(),
            &Opening::default(),
            Plan::default(),
        );
        let named = Typed {
            change: draft.unwrap().key.to_string(),
            environment: "staging".into(),
            ..typed("4.13.0", "started")
        };
        assert_eq!(rule(tell(&desk, named)), "deploy-unapproved");
        let _ = web;
    }
);

both_databases!(
    case_c7_a_deployed_change_is_on_watch_and_closes_when_it_was_stable,
    |desk| {
        let (ann, ben, web) = a_house(&desk);
        tell(&desk, typed("4.11.8", "succeeded")).unwrap();
        deployment_rule::set_rule(
            &desk.as_person(&ann),
            web,
            0,
            &TypedRule::new("helm rollback {service} {prev.version}", 120),
        )
        .unwrap();
        let of = |key: TicketKey, version: &str, status: &str| Typed {
            change: key.to_string(),
            ..typed(version, status)
        };
        let stable = approved(&desk, &ann, &ben, web);
        desk.advance(60);
        tell(&desk, of(stable, "4.12.0", "started")).unwrap();
        assert_eq!(state(&desk, stable), State::InProgress);
        desk.advance(60);
        tell(&desk, of(stable, "4.12.0", "succeeded")).unwrap();
        assert_eq!(state(&desk, stable), State::OnWatch);
        let browser = Browser::of(&desk, &ben);
        browser
            .get(&format!("/{stable}"))
            .says("Where it is live")
            .says("4.11.8")
            .says("helm rollback web 4.11.8")
            .says("deployed web 4.12.0 to prod");
        desk.advance(2 * HOUR - 1);
        desk.settle();
        assert_eq!(state(&desk, stable), State::OnWatch);
        desk.advance(2);
        desk.settle();
        let closed = ticket::read(&desk.as_person(&ben), stable).unwrap();
        assert_eq!(
            (closed.state, closed.outcome),
            (State::Closed, Some(Outcome::Successful))
        );

        // An incident is said to come of it: somebody has to look, and nothing closes by itself.
        let blamed = approved(&desk, &ann, &ben, web);
        tell(&desk, of(blamed, "4.13.0", "succeeded")).unwrap();
        let title = Title::parse("Checkout fails").unwrap();
        let broken = ticket::open(
            &desk.as_person(&ann),
            Kind::Incident,
            title,
            &Opening::default(),
        );
        let broken = broken.unwrap().key;
        ticket_parts::link(&desk.as_person(&ann), broken, Relation::CausedBy, blamed).unwrap();
        desk.advance(3 * HOUR);
        desk.settle();
        assert_eq!(state(&desk, blamed), State::OnWatch);

        // Taken back: it is being worked on again, and its page says where it is live no longer.
        let back = tell(&desk, typed("4.12.0", "succeeded")).unwrap();
        assert_eq!(back.deployment.step, Step::Rollback);
        assert_eq!(state(&desk, blamed), State::InProgress);
        browser
            .get(&format!("/{blamed}"))
            .says("took it back: web 4.12.0 is live in prod again");
        assert_eq!(state(&desk, stable), State::Closed);

        // Staging is no place where anything is done.
        let rehearsed = approved(&desk, &ann, &ben, web);
        let staging = Typed {
            environment: "staging".into(),
            ..of(rehearsed, "4.14.0", "succeeded")
        };
        tell(&desk, staging).unwrap();
        assert_eq!(state(&desk, rehearsed), State::Approved);
        // Watched by hand and never deployed: a person closes it.
        let by = desk.as_person(&ann);
        change::start(&by, rehearsed, None).unwrap();
        let by_hand = approved(&desk, &ann, &ben, web);
        change::start(&by, by_hand, None).unwrap();
        change::watch(&by, by_hand, None, None).unwrap();
        desk.advance(2 * DAY);
        desk.settle();
        assert_eq!(state(&desk, by_hand), State::OnWatch);
        let stale =
            deployment_rule::set_rule(&desk.as_person(&ann), web, 0, &TypedRule::new("", 60));
        assert!(matches!(stale, Err(Error::Stale)), "{stale:?}");
        browser
            .get(&format!("/services/{web}"))
            .says("Live now")
            .says("helm rollback {service} {prev.version}");
        let place = format!("/services/{web}/deploy-rule");
        browser
            .post(
                &place,
                &[("rev", "1"), ("revert", "x {nothing}"), ("soak", "soon")],
            )
            .is(422)
            .says("There is no place {nothing}")
            .says("One minute to 30 days");
        browser
            .post(&place, &[("rev", "1"), ("revert", ""), ("soak", "90 min")])
            .is(303);
        browser.get(&format!("/services/{web}")).says("1 h 30 min");
    }
);

both_databases!(
    case_4_7_commits_say_what_a_deployment_brings_and_that_it_goes_back,
    |mut desk| {
        let copies = tempfile::tempdir().unwrap();
        let app = Arc::get_mut(&mut desk.app).expect("nobody else holds it yet");
        app.config.git_folder = Some(copies.path().to_owned());
        let (ann, ..) = a_house(&desk);
        let bench = Bench::new(desk);
        let desk = &bench.desk;
        let change = bench.open(Kind::Change, "Raise pool size").key;
        bench.commit("a.txt", "Start");
        bench.work(&["push", "-q", "origin", "main"]);
        let old = bench.head();
        bench.commit("pool.toml", &format!("Raise pool size\n\nRefs: {change}"));
        bench.work(&["switch", "-q", "-c", "more", "HEAD~1"]);
        bench.commit("b.txt", "Say how full it is");
        bench.work(&["switch", "-q", "main"]);
        bench.work(&["merge", "-q", "--no-ff", "-m", "Merge more", "more"]);
        bench.work(&["push", "-q", "origin", "main"]);
        let new = bench.head();
        let at = |version: &str, commit: &str| Typed {
            commit: commit.into(),
            ..typed(version, "succeeded")
        };
        tell(desk, at("blue", &old)).unwrap();
        desk.advance(60);
        let told = tell(desk, at("green", &new[..12])).unwrap().deployment;
        assert_eq!(
            (told.step, told.commit.as_deref()),
            (Step::Forward, Some(new.as_str()))
        );
        let brought = detail(desk, told.id);
        assert_eq!((brought.added_count, brought.removed_count), (3, 0));
        let tickets: Vec<_> = brought.told.tickets.iter().map(|(key, _)| *key).collect();
        assert_eq!(tickets, [change]);
        let lines = brought.revert.expect("a way back").lines;
        assert_eq!(lines[0], format!("git revert --no-edit -m 1 {new}"));
        assert_eq!(
            lines.len(),
            2,
            "the merge, and the commit before it: {lines:?}"
        );
        // Tried in memory where the repository can be read.
        assert_eq!(detail(desk, told.id).freshness, None);
        let copy = copies.path().join("infra/web.git");
        bench.copy_to(&copy);
        desk.settle();
        let fresh = detail(desk, told.id).freshness.expect("it was tried");
        assert_eq!(
            (fresh.tip.as_str(), fresh.conflicts.len()),
            (new.as_str(), 0)
        );
        let browser = Browser::of(desk, &ann);
        browser
            .get(&format!("/deployments/{}", told.id))
            .says("Still reverts cleanly.");
        // So are the change's own commits, by whatever they were deployed.
        let tried = || {
            let ticket = bench.ticket(change);
            let found = desk
                .app
                .store
                .read(|conn| commits::of_ticket(conn, &ticket));
            found.unwrap().pop().unwrap().freshness
        };
        let fresh = tried().expect("it was tried");
        assert_eq!((fresh.tip, fresh.conflicts), (new.clone(), Vec::new()));
        // What the lines leave is what was there.
        for line in &lines {
            let words: Vec<&str> = line.split(' ').skip(1).collect();
            bench.work(&words);
        }
        let tree = |of: &str| bench.work(&["rev-parse", &format!("{of}^{{tree}}")]);
        assert_eq!(tree("HEAD"), tree(&old));
        // A draft isn't moved by a deployment, and hears of it.
        assert_eq!(bench.ticket(change).state, State::Draft);
        assert_eq!(bench.entries(change, EntryKind::Deployed).len(), 1);
        desk.advance(60);
        let back = tell(desk, at("blue2", &old)).unwrap().deployment;
        assert_eq!(back.step, Step::Rollback);
        assert_eq!(detail(desk, back.id).removed_count, 3);
        let gone = bench.entries(change, EntryKind::Deployed);
        assert_eq!(gone.last().unwrap().facts.get("did"), Some("gone"));

        // Somebody changed the same lines since.
        bench.work(&["reset", "-q", "--hard", &new]);
        bench.commit("pool.toml", "Another size");
        bench.work(&["push", "-q", "origin", "main"]);
        let _ = std::fs::remove_dir_all(&copy);
        bench.copy_to(&copy);
        desk.settle();
        assert_eq!(tried().unwrap().conflicts, ["pool.toml"]);
        browser.get(&format!("/{change}")).says("pool.toml");
        // What was tried of one commit says nothing of two.
        bench.commit("c.txt", &format!("Measure it\n\nRefs: {change}"));
        bench.work(&["push", "-q", "origin", "main"]);
        assert_eq!(tried(), None);
    }
);
