//! What changed just before an incident: a deploy is named first, with the way back; who can't have been it has an alibi; what
//! responders find is kept and counts.

use std::sync::Arc;

use serde_json::json;
use watchkeeper::actions::deployment_rule::TypedRule;
use watchkeeper::actions::suspect::{self as act, Subject};
use watchkeeper::actions::{change, ticket};
use watchkeeper::domain::change::Plan;
use watchkeeper::domain::deployment::Typed;
use watchkeeper::domain::id::{Id, Kind as TicketKind, TicketKey};
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::suspect::{Alibi, Band, Blame, Kind, Verdict};
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, Relation, State};
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::error::Error;
use watchkeeper::store;

use crate::both_databases;
use crate::deploy::{a_house, tell, typed};
use crate::desk::{Desk, Staff};
use crate::git_bench::Bench;
use crate::program::Program;
use crate::sla::{HOUR, entries};
use crate::web::Browser;

pub fn incident(desk: &Desk, by: &Staff, opening: Opening) -> TicketKey {
    let title = Title::parse("Checkout pool refuses connections").unwrap();
    let opening = Opening {
        severity: Some(Severity::High),
        ..opening
    };
    ticket::open(&desk.as_person(by), TicketKind::Incident, title, &opening)
        .unwrap()
        .key
}

both_databases!(
    case_c6_an_incident_names_the_deploy_before_it_first_and_says_how_to_take_it_back,
    |desk| {
        let (ann, ben, web) = a_house(&desk);
        tell(&desk, typed("4.11.8", "succeeded")).unwrap();
        desk.advance(20 * HOUR);
        let by = desk.as_person(&ann);
        let opening = Opening {
            services: vec![web],
            ..Opening::default()
        };
        let plan = Plan {
            side_effects: "the pool refuses connections for two seconds".into(),
            ..Plan::default()
        };
        let pool = change::open(
            &by,
            Title::parse("Raise the checkout pool").unwrap(),
            &opening,
            plan,
        );
        let pool = pool.unwrap().key;
        let waiting = change::ask_approval(&by, pool, None).unwrap();
        change::approve(&desk.as_person(&ben), pool, waiting.version).unwrap();
        watchkeeper::actions::deployment_rule::set_rule(
            &by,
            web,
            0,
            &TypedRule::new("helm rollback web {prev.version}", 60),
        )
        .unwrap();
        let deployed = tell(
            &desk,
            Typed {
                change: pool.to_string(),
                ..typed("4.12.0", "succeeded")
            },
        );
        let deployed = deployed.unwrap().deployment;
        let staging = Typed {
            environment: "staging".into(),
            ..typed("4.13.0", "succeeded")
        };
        tell(&desk, staging).unwrap();
        desk.advance(8 * 60);
        let key = incident(&desk, &ann, opening.clone());
        desk.advance(10 * 60);
        tell(&desk, typed("4.12.1", "started")).unwrap();

        let found = act::read(&desk.as_person(&ben), key).unwrap();
        assert_eq!(found.verdict, Verdict::Suspected);
        let (first, suspect) = &found.suspects[0];
        assert_eq!(
            (first.what.as_str(), first.before.as_deref()),
            ("web 4.12.0", Some("4.11.8"))
        );
        assert_eq!((suspect.band, suspect.before_secs), (Band::Prime, 480));
        assert!(
            suspect.words.contains(&"pool".to_owned()),
            "{:?}",
            suspect.words
        );
        let alibis: Vec<_> = found
            .alibis
            .iter()
            .map(|(it, why)| (it.what.as_str(), *why))
            .collect();
        assert!(
            alibis.contains(&("web 4.13.0", Alibi::NotLive)),
            "{alibis:?}"
        );
        assert!(
            alibis.contains(&("web 4.12.1", Alibi::StartedAfter)),
            "{alibis:?}"
        );
        let browser = Browser::of(&desk, &ben);
        browser
            .get(&format!("/{key}"))
            .says("What changed just before?")
            .says("prime suspect")
            .says("helm rollback web 4.11.8")
            .says("ended 8 min before it began")
            .says("began after it");

        // Judged by one press of a button: kept with who and when, linked, and the change doesn't close by itself.
        let place = format!("/{key}/suspect");
        browser
            .post(
                &place,
                &[("mark", &format!("caused deployment {}", deployed.id))],
            )
            .is(303);
        browser
            .get(&format!("/{key}"))
            .says("The cause")
            .says("found the cause: web 4.12.0");
        browser
            .post(&place, &[("mark", "caused deployment nobody")])
            .is(422);
        let links = desk.app.store.read(|conn| {
            let ticket = store::ticket::by_key(conn, key)?.unwrap();
            store::ticket_link::links(conn, ticket.id)
        });
        let links = links.unwrap();
        assert!(
            links.iter().any(|it| it.relation == Relation::CausedBy),
            "{links:?}"
        );
        desk.advance(2 * HOUR);
        desk.settle();
        let watched = ticket::read(&by, pool).unwrap();
        assert_eq!(watched.state, State::OnWatch);
        // It counts from now on; taken back, the link goes with it.
        let again = act::read(&desk.as_person(&ben), key).unwrap();
        assert_eq!(
            (
                again.suspects[0].0.history.confirmed,
                again.suspects[0].0.history.judged
            ),
            (1, 1)
        );
        let subject = Subject {
            kind: Kind::Deployment,
            id: Id::from_uuid(deployed.id.uuid()),
        };
        act::mark(&desk.as_person(&ben), key, subject, Blame::Cleared).unwrap();
        act::mark(&desk.as_person(&ben), key, subject, Blame::Cleared).unwrap();
        let read = |conn: &mut store::Conn| store::ticket::by_key(conn, key);
        let now = desk.app.store.read(read).unwrap().unwrap();
        assert_eq!(entries(&desk, &now, EntryKind::SuspectMarked).len(), 2);
        assert_eq!(entries(&desk, &now, EntryKind::Unlinked).len(), 1);
        desk.settle();
        assert_eq!(ticket::read(&by, pool).unwrap().state, State::Closed);
        let nobody = act::mark(&desk.as_person(&ben), pool, subject, Blame::Caused);
        assert!(matches!(nobody, Err(Error::Refused(_))), "{nobody:?}");
    }
);

both_databases!(
    case_c6_changes_are_ruled_out_only_while_every_feed_speaks_as_often_as_it_does,
    |desk| {
        let (ann, _, web) = a_house(&desk);
        // A deploy of every hour, elsewhere in the house: the pipeline's rhythm is known.
        for n in 0..24 {
            let every = Typed {
                service: "Everything".into(),
                version: format!("1.{n}"),
                source: "pipeline".into(),
                ..typed("", "succeeded")
            };
            tell(&desk, every).unwrap();
            desk.advance(HOUR);
        }
        // However often it speaks of others: nobody has ever told of web.
        let quiet = || Opening {
            services: vec![web],
            ..Opening::default()
        };
        let key = incident(&desk, &ann, quiet());
        let found = act::read(&desk.as_person(&ann), key).unwrap();
        assert_eq!(found.verdict, Verdict::Unknown);
        assert_eq!(found.untold, ["web"]);
        let browser = Browser::of(&desk, &ann);
        browser
            .get(&format!("/{key}"))
            .says("Nobody tells us of changes of web: the others can&#39;t vouch for that.");
        let long_ago = Typed {
            source: "pipeline".into(),
            started_at: Some(desk.now().plus_secs(-5 * 24 * HOUR)),
            ..typed("0.9", "succeeded")
        };
        tell(&desk, long_ago).unwrap();
        let key = incident(&desk, &ann, quiet());
        let by = desk.as_person(&ann);
        let found = act::read(&by, key).unwrap();
        assert_eq!(found.verdict, Verdict::RuledOut, "{:?}", found.suspects);
        browser
            .get(&format!("/{key}"))
            .says("Changes are ruled out.")
            .says("pipeline (");
        desk.advance(26 * HOUR);
        let found = act::read(&desk.as_person(&ann), key).unwrap();
        assert_eq!(found.verdict, Verdict::Unknown);
        browser
            .get(&format!("/{key}"))
            .says("it can&#39;t be ruled out")
            .says("normally every 1 h: <strong>not an alibi</strong>");

        // A change that somebody works on by hand is a candidate too.
        let opening = Opening {
            services: vec![web],
            ..Opening::default()
        };
        let plan = Plan {
            revert: "ip route del 10.0.0.0/8".into(),
            ..Plan::default()
        };
        let route = change::open(
            &desk.as_person(&ann),
            Title::parse("New route").unwrap(),
            &opening,
            plan,
        );
        let route = route.unwrap().key;
        change::break_glass(&desk.as_person(&ann), route, None, "the old one is gone").unwrap();
        desk.advance(600);
        let next = incident(&desk, &ann, opening);
        let found = act::read(&desk.as_person(&ann), next).unwrap();
        let (first, suspect) = &found.suspects[0];
        assert_eq!(first.what, format!("{route} New route"));
        assert_eq!((suspect.before_secs, suspect.band), (0, Band::Prime));
        assert!(first.risk.is_emergency);
        assert_eq!(
            first.revert.as_ref().unwrap().lines,
            ["ip route del 10.0.0.0/8"]
        );
        // A pipeline that has been silent for weeks is still one that says nothing; after a quarter it is gone.
        let verdict_in = |days: i64| {
            desk.advance(days * 24 * HOUR);
            let quiet = Opening {
                services: vec![web],
                ..Opening::default()
            };
            let key = incident(&desk, &ann, quiet);
            let found = act::read(&desk.as_person(&ann), key).unwrap();
            let names = found.feeds.into_iter().map(|it| it.name);
            (found.verdict, names.collect::<Vec<_>>())
        };
        let silent = (Verdict::Unknown, vec!["pipeline".to_owned()]);
        assert_eq!(verdict_in(40), silent);
        assert_eq!(verdict_in(60), (Verdict::Unknown, vec![]));
    }
);

/// By the API: asked and answered.
pub fn by_api(p: &Program, deployment: &str) {
    let key = p.opened(json!({"kind": "incident", "title": "Web fails"}));
    let place = format!("/api/v1/tickets/{key}/suspects");
    let found = p.get(&place);
    let all = found.body["suspects"].as_array().unwrap();
    assert!(
        all.iter().any(|it| it["subject"]["id"] == deployment),
        "{}",
        found.body
    );
    p.done(
        "POST",
        &place,
        json!({"kind": "deployment", "id": deployment, "blame": "contributed"}),
    );
    let found = p.get(&place);
    let all = found.body["suspects"].as_array().unwrap();
    let marked = all
        .iter()
        .find(|it| it["subject"]["id"] == deployment)
        .unwrap();
    assert_eq!(marked["subject"]["mark"]["blame"], "contributed");
    let wrong = json!({"kind": "push", "id": deployment, "blame": "caused"}).to_string();
    let said = p.call("POST", &place, &[], Some(&wrong));
    assert_eq!(
        said.faults(),
        [("subject".to_owned(), "unknown-subject".to_owned())]
    );
    let task = p.opened(json!({"kind": "task", "title": "Tidy up"}));
    assert_eq!(
        p.get(&format!("/api/v1/tickets/{task}/suspects")).status,
        404
    );
}

both_databases!(
    how_often_the_list_was_right_is_told_by_week_with_the_incidents_behind_it,
    |desk| {
        let (ann, ben, web) = a_house(&desk);
        let quiet = || Opening {
            services: vec![web],
            ..Opening::default()
        };
        tell(&desk, typed("4.11.8", "succeeded")).unwrap();
        let rehearsal = Typed {
            environment: "staging".into(),
            ..typed("4.13.0", "succeeded")
        };
        let rehearsal = tell(&desk, rehearsal).unwrap().deployment;
        desk.advance(HOUR);
        let deployed = tell(&desk, typed("4.12.0", "succeeded"))
            .unwrap()
            .deployment;
        desk.advance(60);
        let [first, second, third] = [0; 3].map(|_| {
            desk.advance(60);
            incident(&desk, &ann, quiet())
        });
        let by = || desk.as_person(&ben);
        let subject = |id: watchkeeper::domain::id::DeploymentId| Subject {
            kind: Kind::Deployment,
            id: Id::from_uuid(id.uuid()),
        };
        act::mark(&by(), first, subject(deployed.id), Blame::Caused).unwrap();
        desk.advance(60);
        // What ran in staging alone is on no place of the list.
        act::mark(&by(), second, subject(rehearsal.id), Blame::Caused).unwrap();
        act::mark(&by(), second, subject(deployed.id), Blame::Contributed).unwrap();
        desk.advance(60);
        let resolved = ticket::read(&by(), third).unwrap();
        ticket::resolve(&by(), third, Some(resolved.version), "Restarted").unwrap();
        desk.advance(60);

        let p = Program::new(desk);
        let span = "from=2026-06-01&to=2026-06-07";
        let said = p.get(&format!("/api/v1/suspects/figures?{span}"));
        assert_eq!(said.status, 200, "{}", said.body);
        assert_eq!(
            said.body["total"],
            json!({
                "found": 2,
                "first": 1,
                "among_three": 1,
                "unlisted": 1,
                "percent_first": "50",
                "percent_among_three": "50",
                "mean_reciprocal_rank": "0.500",
                "unexplained": 1,
            })
        );
        assert_eq!(said.body["weeks"][0]["tally"], said.body["total"]);
        let places: Vec<_> = said.body["incidents"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| (it["incident"].clone(), it["place"].clone()))
            .collect();
        assert_eq!(
            places,
            [
                (json!(second.to_string()), json!(null)),
                (json!(first.to_string()), json!(1))
            ]
        );
        let wrong = p.get("/api/v1/suspects/figures?from=2026-06-07&to=2026-06-01");
        assert_eq!(wrong.status, 422, "{}", wrong.body);
        let browser = Browser::of(&p.desk, &ann);
        browser
            .get("/deployments/figures")
            .says("/deployments/suspects");
        browser
            .get(&format!("/deployments/suspects?{span}"))
            .is(200)
            .says("50 % (1 of 2)")
            .says("not on the list");
        browser
            .get("/deployments/suspects?from=2026-06-07&to=2026-06-01")
            .is(422);
    }
);

both_databases!(
    case_5_5_v_a_check_after_a_deployment_halves_the_suspicion_or_adds_to_it,
    |desk| {
        let (ann, ben, web) = a_house(&desk);
        tell(&desk, typed("4.11.8", "succeeded")).unwrap();
        desk.advance(20 * HOUR);
        let run = |check: &str| Typed {
            source: "ci".into(),
            source_event_id: "run-7".into(),
            check: check.into(),
            ..typed("4.12.0", "succeeded")
        };
        let too_early = Typed {
            status: "started".into(),
            ..run("green")
        };
        let Err(Error::Invalid(faults)) = tell(&desk, too_early) else {
            panic!("nothing has ended")
        };
        assert_eq!(
            (&*faults[0].field, faults[0].problem),
            ("check", "check-before-end")
        );
        let plan = Plan::default();
        let opening = Opening {
            services: vec![web],
            ..Opening::default()
        };
        let change = change::open(
            &desk.as_person(&ann),
            Title::parse("Raise the pool").unwrap(),
            &opening,
            plan,
        );
        let change = change.unwrap();
        let waiting = change::ask_approval(&desk.as_person(&ann), change.key, None).unwrap();
        change::approve(&desk.as_person(&ben), change.key, waiting.version).unwrap();
        let carried = Typed {
            change: change.key.to_string(),
            ..run("")
        };
        let deployed = tell(&desk, carried).unwrap().deployment;
        desk.advance(8 * 60);
        let key = incident(&desk, &ann, opening);
        let suspicion = || {
            let found = act::read(&desk.as_person(&ben), key).unwrap();
            let (told, suspect) = &found.suspects[0];
            assert_eq!(told.what, "web 4.12.0");
            (suspect.score, suspect.band)
        };
        let (plain, _) = suspicion();
        // A check that comes later is news once.
        assert!(tell(&desk, run("green")).unwrap().is_news);
        assert!(!tell(&desk, run("green")).unwrap().is_news);
        assert!(!tell(&desk, run("")).unwrap().is_news, "nothing is said");
        assert!((suspicion().0 - plain / 2.0).abs() < 0.01);
        assert!(tell(&desk, run("red")).unwrap().is_news);
        assert!((suspicion().0 - (plain * 1.3).min(100.0)).abs() < 0.01);
        assert!(tell(&desk, run("green")).unwrap().is_news, "it recovered");
        tell(&desk, run("red")).unwrap();
        let browser = Browser::of(&desk, &ben);
        browser.get(&format!("/{key}")).says("its check was red");
        browser
            .get(&format!("/deployments/{}", deployed.id))
            .says("Its check</dt><dd>red");
        browser.get("/deployments").says("check red");
        let found = desk
            .app
            .store
            .read(|conn| store::ticket::by_key(conn, change.key));
        let told: Vec<String> = entries(&desk, &found.unwrap().unwrap(), EntryKind::Deployed)
            .iter()
            .map(|it| it.facts.get("did").unwrap_or_default().to_owned())
            .collect();
        assert_eq!(
            told,
            [
                "succeeded",
                "check_green",
                "check_red",
                "check_green",
                "check_red"
            ]
        );
        browser
            .get(&format!("/{}", change.key))
            .says("found web 4.12.0 unwell in prod: its check was red");
    }
);

both_databases!(
    case_5_5_r_what_has_no_down_step_counts_as_irreversible_and_says_which_file,
    |mut desk| {
        let copies = tempfile::tempdir().unwrap();
        let app = Arc::get_mut(&mut desk.app).expect("nobody else holds it yet");
        app.config.git_folder = Some(copies.path().to_owned());
        let (ann, ben, web) = a_house(&desk);
        let bench = Bench::new(desk);
        let desk = &bench.desk;
        bench.commit("pool.toml", "Start");
        let old = bench.head();
        std::fs::create_dir_all(bench.path("work").join("db/migrate")).unwrap();
        bench.commit("db/migrate/0042_drop.sql", "Drop what nobody reads");
        bench.work(&["push", "-q", "origin", "main"]);
        let new = bench.head();
        let at = |version: &str, commit: &str| Typed {
            commit: commit.into(),
            ..typed(version, "succeeded")
        };
        tell(desk, at("4.11.8", &old)).unwrap();
        desk.advance(20 * HOUR);
        let deployed = tell(desk, at("4.12.0", &new)).unwrap().deployment;
        desk.advance(8 * 60);
        let opening = Opening {
            services: vec![web],
            ..Opening::default()
        };
        let key = incident(desk, &ann, opening);
        let found = || {
            let found = act::read(&desk.as_person(&ben), key).unwrap();
            let (told, suspect) = found.suspects.into_iter().next().unwrap();
            assert_eq!(told.what, "web 4.12.0");
            (told.risk, suspect.score)
        };
        let (risk, before) = found();
        assert!(!risk.is_irreversible && !risk.is_migration);
        // Tried in memory, once the repository can be read.
        let copy = copies.path().join("infra/web.git");
        bench.copy_to(&copy);
        desk.settle();
        let (risk, score) = found();
        assert!(risk.is_irreversible);
        assert!((score - before - 4.5).abs() < 0.01, "{before} {score}");
        let browser = Browser::of(desk, &ben);
        browser
            .get(&format!("/{key}"))
            .says("irreversible: no down step in db/migrate/0042_drop.sql");
        browser
            .get(&format!("/deployments/{}", deployed.id))
            .says("Still reverts cleanly.")
            .says("Irreversible, no down step:")
            .says("db/migrate/0042_drop.sql");
        let program = Program::new(bench.desk);
        let told = program.get(&format!("/api/v1/tickets/{key}/suspects"));
        let first = &told.body["suspects"][0];
        assert_eq!(first["risk"]["is_irreversible"], json!(true));
        assert_eq!(
            first["revert"]["irreversible"],
            json!(["db/migrate/0042_drop.sql"])
        );
    }
);
