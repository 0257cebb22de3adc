//! Which windows and conflicts a push is asked for: of which services, in which environment, for which refs.

use watchkeeper::actions::approval::{Ballot, approve};
use watchkeeper::actions::{change, freeze, repository, settings, ticket as act, ticket_parts};
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::freeze::{Details, Level, Scope, Sort, TypeLevels, When};
use watchkeeper::domain::id::{Kind, ServiceId, TicketKey};
use watchkeeper::domain::people::ServiceDetails;
use watchkeeper::domain::settings::SettingKey;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, Relation};
use watchkeeper::error::Error;
use watchkeeper::store;

use crate::both_databases;
use crate::deploy::a_house;
use crate::desk::{Desk, START, Staff};
use crate::git_bench::Bench;
use crate::push_rules::{push, refused, rules, through, told, told_so};
use crate::served::Served;
use crate::web::Browser;

const ENFORCED: &str = "[[rule]]\nrefs = \"refs/heads/*\"\nfreeze = \"enforce\"\n";

fn service(desk: &Desk, by: &Staff, name: &str) -> ServiceId {
    let team_id = desk.app.store.read(store::house::teams).unwrap()[0].id;
    let details = ServiceDetails {
        name: name.into(),
        public_name: name.into(),
        team_id,
        runbook_url: None,
        members_total: 1,
        members_needed: 1,
    };
    let lists = Default::default();
    let made = watchkeeper::actions::house::add_service(&desk.as_person(by), &details, &lists);
    made.unwrap().id
}

/// A window of today that is for this.
fn window(bench: &Bench, by: &Staff, name: &str, level: Level, scope: Scope) {
    let zone = chrono_tz::UTC;
    let edge = |hours: i64| {
        let at = START.plus_secs(hours * 3_600).in_zone(zone);
        at.format("%Y-%m-%d %H:%M").to_string()
    };
    let details = Details {
        name: name.to_owned(),
        zone,
        when: When::parse(&edge(-1), &edge(24)).unwrap(),
        sort: Sort::Deny,
        level,
        types: TypeLevels::default(),
        scope,
        announce_secs: None,
        is_active: true,
    };
    freeze::add(&bench.desk.as_person(by), &details).unwrap();
}

fn of(bench: &Bench, by: &Staff, first: ServiceId, others: &[ServiceId]) {
    let by = bench.desk.as_person(by);
    let listed = repository::list(&by).unwrap().pop().unwrap().repository;
    let typed = repository::Typed {
        name: listed.name,
        default_branch: listed.default_branch,
        publish: listed.publish.join("\n"),
        service: Some(first),
        other_services: others.to_vec(),
        push_rules: listed.push_rules,
        is_active: true,
        ..repository::Typed::default()
    };
    repository::edit(&by, listed.id, listed.version, &typed).unwrap();
}

fn a_bench(desk: Desk) -> (Bench, Staff, ServiceId) {
    let (.., web) = a_house(&desk);
    let root = desk.person("Keeper", Roles::of(&[Role::Admin]));
    let bench = Bench::new(desk);
    bench.commit("a.txt", "Start");
    through(&push(&bench, "ina", &["main"]));
    (bench, root, web)
}

both_databases!(
    a_repository_of_several_services_is_asked_for_each_and_the_severest_is_named,
    |desk| {
        let (bench, root, web) = a_bench(desk);
        let (db, mail) = (
            service(&bench.desk, &root, "db"),
            service(&bench.desk, &root, "mail"),
        );
        let scope = |id| Scope {
            services: vec![id],
            ..Scope::default()
        };
        window(&bench, &root, "Web waits", Level::Warn, scope(web));
        window(&bench, &root, "Year end books", Level::Block, scope(db));
        of(&bench, &root, web, &[]);
        bench.commit("b.txt", "One");
        let said = through(&push(&bench, "ina", &["main"]));
        assert!(said.contains("Web waits"), "{said}");
        assert!(
            !said.contains("It is of"),
            "of one service nothing is said: {said}"
        );
        of(&bench, &root, web, &[db, mail]);
        bench.commit("b.txt", "Two");
        let said = refused(&push(&bench, "ina", &["main"]), "FREEZE");
        assert!(said.contains("Year end books"), "{said}");
        assert!(said.contains("It is of db."), "{said}");
        // On its page they are ticked.
        let id = bench
            .desk
            .app
            .store
            .read(store::repository::repositories)
            .unwrap()[0]
            .id;
        let page = Browser::of(&bench.desk, &root);
        page.get(&format!("/repositories/{id}"))
            .says(&format!("value=\"{db}\" checked"));
    }
);

both_databases!(
    a_repository_is_registered_with_everything_that_is_made_from_it,
    |desk| {
        let (.., web) = a_house(&desk);
        let root = desk.person("Keeper", Roles::of(&[Role::Admin]));
        let (db, mail) = (service(&desk, &root, "db"), service(&desk, &root, "mail"));
        let browser = Browser::of(&desk, &root);
        let name = |id: ServiceId| id.to_string();
        let form = |branch: &'static str| {
            let fields = [
                ("name", "infra/all".to_owned()),
                ("default_branch", branch.to_owned()),
                ("service", name(web)),
                ("other_services", name(db)),
                ("other_services", name(mail)),
            ];
            let fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
            browser.post("/repositories", &fields)
        };
        browser
            .get("/repositories")
            .says(&format!("name=\"other_services\" value=\"{db}\""));
        // What was ticked stays ticked where something else is wrong.
        form("no branch")
            .is(422)
            .says(&format!("value=\"{mail}\" checked"));
        form("main").is(200).says("watchkeeper hook install");
        let known = desk
            .app
            .store
            .read(store::repository::repositories)
            .unwrap();
        assert_eq!(known[0].services(), [web, db, mail]);
    }
);

both_databases!(a_rule_asks_for_the_windows_of_its_environment, |desk| {
    let (bench, root, _) = a_bench(desk);
    let staging = Scope {
        environments: vec!["staging".into()],
        ..Scope::default()
    };
    window(&bench, &root, "Load test", Level::Block, staging);
    rules(&bench, ENFORCED);
    bench.commit("b.txt", "One");
    through(&push(&bench, "ina", &["main"]));
    rules(&bench, &format!("{ENFORCED}env = \"Staging\"\n"));
    bench.commit("b.txt", "Two");
    let said = refused(&push(&bench, "ina", &["main"]), "FREEZE");
    assert!(said.contains("Load test"), "{said}");
    // Written out, where customers are is what it is without a word.
    rules(&bench, &format!("{ENFORCED}env = \"prod\"\n"));
    through(&push(&bench, "ina", &["main"]));
    let production = Scope {
        environments: vec!["prod".into()],
        ..Scope::default()
    };
    window(&bench, &root, "Year end", Level::Block, production);
    bench.commit("b.txt", "Three");
    refused(&push(&bench, "ina", &["main"]), "FREEZE");
    // An environment that the house hasn't is a mistake.
    let by = bench.desk.as_person(&root);
    let listed = repository::list(&by).unwrap().pop().unwrap().repository;
    let typed = repository::Typed {
        name: listed.name,
        push_rules: format!("{ENFORCED}env = \"moon\"\n"),
        is_active: true,
        ..repository::Typed::default()
    };
    let wrong = repository::edit(&by, listed.id, listed.version, &typed).unwrap_err();
    let Error::Invalid(faults) = wrong else {
        panic!("{wrong:?}")
    };
    assert_eq!(faults[0].problem, "rule-unknown-env");
});

both_databases!(
    a_window_for_some_refs_is_for_pushes_to_those_alone,
    |desk| {
        let (bench, root, web) = a_bench(desk);
        of(&bench, &root, web, &[]);
        rules(&bench, ENFORCED);
        let scope = Scope {
            refs: vec!["refs/heads/release/*".into()],
            ..Scope::default()
        };
        window(
            &bench,
            &root,
            "Release candidates rest",
            Level::Block,
            scope,
        );
        bench.commit("b.txt", "One");
        through(&push(&bench, "ina", &["main"]));
        let said = refused(
            &push(&bench, "ina", &["HEAD:refs/heads/release/4"]),
            "FREEZE",
        );
        assert!(said.contains("release/4 is frozen"), "{said}");
        // Whatever begins isn't pushed.
        let all = bench.desk.app.store.read(store::freeze::all).unwrap();
        let services = [web];
        let asked = watchkeeper::domain::freeze::Asked::production(&services);
        let now = bench.desk.now();
        assert_eq!(
            watchkeeper::domain::freeze::standing(&all, &asked, now),
            None
        );
        let page = Browser::of(&bench.desk, &root);
        page.get("/freezes").says("pushes to refs/heads/release/*");
        let wrong = page.post(
            "/freezes",
            &[
                ("name", "Wrong"),
                ("zone", "UTC"),
                ("kind", "deny"),
                ("level", "block"),
                ("from", "Fri 00:00"),
                ("to", "Mon 07:00"),
                ("refs", "main"),
            ],
        );
        wrong.says("main is none.");
    }
);

fn opened(bench: &Bench, by: &Staff, title: &str, service: ServiceId) -> TicketKey {
    let opening = Opening {
        services: vec![service],
        ..Opening::default()
    };
    let title = Title::parse(title).unwrap();
    let by = bench.desk.as_person(by);
    change::open(&by, title, &opening, Default::default())
        .unwrap()
        .key
}

both_databases!(
    what_is_in_the_way_of_a_change_is_said_at_its_push_and_turns_it_away_where_that_is_set,
    |desk| {
        let (bench, root, web) = a_bench(desk);
        let everything = Roles::of(&[Role::Responder, Role::ChangeApprover, Role::Lead]);
        let (ina, lena) = (
            bench.desk.person("Ina", everything),
            bench.desk.person("Lena", everything),
        );
        rules(&bench, ENFORCED);
        let ready = |title: &str| {
            let key = opened(&bench, &ina, title, web);
            let asked = change::ask_approval(&bench.desk.as_person(&ina), key, None).unwrap();
            let by = bench.desk.as_person(&lena);
            approve(&by, key, asked.version, &Ballot::default()).unwrap();
            key
        };
        let mine = ready("Raise pool size");
        let other = ready("Move the cache");
        bench.commit("b.txt", &format!("One\n\nRefs: {mine}"));
        let said = through(&push(&bench, "ina", &["main"]));
        assert!(!said.contains("CONFLICT"), "{said}");
        change::start(&bench.desk.as_person(&ina), other, None).unwrap();
        bench.commit("b.txt", &format!("Two\n\nRefs: {mine}"));
        let said = through(&push(&bench, "ina", &["main"]));
        assert!(said.contains(&format!("CONFLICT: {mine}")), "{said}");
        assert!(said.contains(&other.to_string()), "{said}");
        let levels = (SettingKey::ConflictLevels, "same_service:block".to_owned());
        settings::change(&bench.desk.as_person(&root), &[levels]).unwrap();
        bench.commit("b.txt", &format!("Three\n\nRefs: {mine}"));
        let said = refused(&push(&bench, "ina", &["main"]), "CONFLICT");
        assert!(said.contains(&other.to_string()), "{said}");
        // Where freezes don't count, conflicts don't either.
        rules(&bench, "[[rule]]\nrefs = \"refs/heads/main\"\n");
        through(&push(&bench, "ina", &["main"]));
        // What has begun goes on.
        rules(&bench, ENFORCED);
        bench.commit("b.txt", &format!("Four\n\nRefs: {other}"));
        let said = through(&push(&bench, "ina", &["main"]));
        assert!(!said.contains("CONFLICT"), "{said}");
    }
);

both_databases!(
    while_the_service_is_away_a_hook_knows_what_is_in_the_way_of_a_change,
    |desk| {
        let (mut bench, root, web) = a_bench(desk);
        bench.desk.let_letters_go();
        let everything = Roles::of(&[Role::Responder, Role::ChangeApprover, Role::Lead]);
        let ina = bench.desk.person("Ina", everything);
        rules(
            &bench,
            "[[rule]]\nrefs = \"refs/heads/*\"\nfreeze = \"enforce\"\non_service_down = \"cached\"\n",
        );
        let key = |title: &str| opened(&bench, &ina, title, web);
        let (mine, other, linked) = (key("Raise pool size"), key("Move cache"), key("Renew"));
        let elsewhere = service(&bench.desk, &root, "mail");
        let free = opened(&bench, &ina, "Rotate keys", elsewhere);
        change::break_glass(&bench.desk.as_person(&ina), other, None, "the site is down").unwrap();
        let by = bench.desk.as_person(&ina);
        let broken = Opening {
            services: vec![web],
            ..Opening::default()
        };
        let title = Title::parse("It is down").unwrap();
        let incident = act::open(&by, Kind::Incident, title, &broken).unwrap().key;
        ticket_parts::link(&by, linked, Relation::RelatedTo, incident).unwrap();
        let pushed = |bench: &Bench, key: TicketKey| {
            bench.commit("b.txt", &format!("More\n\nRefs: {key}"));
            push(bench, "ina", &["main"])
        };
        let online = through(&pushed(&bench, mine));
        let warnings = |said: &str| {
            let lines = said.lines().filter(|line| line.contains("CONFLICT"));
            lines.map(|line| line.trim().to_owned()).collect::<Vec<_>>()
        };
        for key in [other, incident] {
            assert!(
                warnings(&online).concat().contains(&key.to_string()),
                "{online}"
            );
        }
        let online_linked = warnings(&through(&pushed(&bench, linked)));
        assert!(!online_linked.concat().contains(&incident.to_string()));
        let address = bench.server.take().unwrap().address();
        told(&bench, 5);
        let offline = through(&pushed(&bench, mine));
        assert_eq!(warnings(&offline), warnings(&online), "{offline}");
        assert_eq!(warnings(&through(&pushed(&bench, linked))), online_linked);
        assert!(
            offline.contains("this is decided by what it said 5 min"),
            "{offline}"
        );
        let said = through(&pushed(&bench, free));
        assert!(
            !said.contains("CONFLICT") && said.contains("told later"),
            "{said}"
        );
        // What a service from before told says nothing of it; what a later one says beyond it is passed over.
        told_so(&bench, 5, |snapshot| {
            for (_, known) in snapshot["changes"].as_object_mut().unwrap() {
                known.as_object_mut().unwrap().remove("clashes");
            }
        });
        let said = through(&pushed(&bench, mine));
        assert!(!said.contains("CONFLICT"), "{said}");
        told_so(&bench, 5, |snapshot| {
            let clash =
                |code: &str| serde_json::json!({"code": code, "with": "CHG-9", "blocks": true});
            let known = &mut snapshot["changes"][mine.to_string()];
            known["clashes"] = serde_json::json!([clash("moon_phase"), clash("same_service")]);
        });
        let said = refused(&pushed(&bench, mine), "CONFLICT");
        assert_eq!(warnings(&said).len(), 1, "{said}");

        // It is back, and nothing begins beside something else any more: also while it is away again.
        bench.server = Some(Served::again(&bench.desk.app, address));
        let levels = (SettingKey::ConflictLevels, "same_service:block".to_owned());
        settings::change(&bench.desk.as_person(&root), &[levels]).unwrap();
        let online = refused(&pushed(&bench, mine), "CONFLICT");
        bench.server = None;
        told(&bench, 1);
        let offline = refused(&push(&bench, "ina", &["main"]), "CONFLICT");
        assert_eq!(warnings(&offline), warnings(&online), "{offline}");
    }
);

both_databases!(
    a_repository_with_long_ids_is_turned_away_by_a_rule_and_let_in_with_a_ticket,
    |desk| {
        let bench = Bench::with_format(desk, "sha256");
        bench.commit("a.txt", "Start");
        through(&push(&bench, "ina", &["main"]));
        rules(
            &bench,
            "[[rule]]\nrefs = \"refs/heads/main\"\nrequire = \"ticket\"\nforce_push = \"deny\"\ndelete = \"deny\"\n",
        );
        bench.commit("b.txt", "One");
        assert_eq!(bench.head().len(), 64);
        let said = refused(&push(&bench, "ina", &["main"]), "NO_TICKET");
        assert!(said.contains(&bench.head()[..7]), "{said}");
        let key = bench.open(Kind::Task, "Pool").key;
        let ticket = format!("ticket={key}");
        through(&push(&bench, "ina", &["-o", &ticket, "main"]));
        bench.work(&["reset", "-q", "--hard", "HEAD~1"]);
        bench.commit("c.txt", &format!("Other\n\nRefs: {key}"));
        refused(&push(&bench, "ina", &["--force", "main"]), "FORCE_PUSH");
        refused(&push(&bench, "ina", &[":main"]), "DELETED");
    }
);
