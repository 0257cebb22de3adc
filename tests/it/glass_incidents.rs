//! Broken glass and the incident that it was broken for; and what went ahead while the service was away.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};
use watchkeeper::actions::deployment as act;
use watchkeeper::actions::{change, freeze, ticket, ticket_parts};
use watchkeeper::domain::access::{Role, Roles, Scope, Scopes, TokenOwner};
use watchkeeper::domain::deployment::Typed;
use watchkeeper::domain::freeze::{Details, Level};
use watchkeeper::domain::id::{Kind, ServiceId, TicketKey};
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, Relation, Ticket};
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::domain::timestamp::Timestamp;
use watchkeeper::store;

use crate::both_databases;
use crate::deploy::{a_house, tell, typed};
use crate::desk::{Desk, On, Staff};
use crate::git_bench::{Bench, WATCHKEEPER, text};
use crate::program::Program;
use crate::push_rules::{frozen, push, through};
use crate::served::Served;
use crate::sla::{HOUR, entries};

const REASON: &str = "the shop takes no cards";

fn incident(desk: &Desk, by: &Staff, service: ServiceId, severity: Severity) -> TicketKey {
    let title = Title::parse("Checkout is down").unwrap();
    let opening = Opening {
        severity: Some(severity),
        services: vec![service],
        ..Opening::default()
    };
    let by = desk.as_person(by);
    ticket::open(&by, Kind::Incident, title, &opening)
        .unwrap()
        .key
}

fn found(desk: &Desk, key: TicketKey) -> Ticket {
    let read = |conn: &mut store::Conn| store::ticket::by_key(conn, key);
    desk.app.store.read(read).unwrap().unwrap()
}

/// Tickets that name each other with this one, by both timelines.
fn linked(desk: &Desk, key: TicketKey) -> Vec<TicketKey> {
    let of = found(desk, key);
    let told = entries(desk, &of, EntryKind::Linked);
    let keys = told.iter().filter_map(|entry| {
        let other = entry.facts.get("to").or(entry.facts.get("from"))?;
        other.parse().ok()
    });
    let keys: Vec<TicketKey> = keys.collect();
    for other in &keys {
        let back = entries(desk, &found(desk, *other), EntryKind::Linked);
        let key = key.to_string();
        let names = |entry: &store::timeline::Recorded| {
            [entry.facts.get("to"), entry.facts.get("from")].contains(&Some(key.as_str()))
        };
        assert!(back.iter().any(names), "{other} doesn't name {key}");
    }
    keys
}

fn friday(desk: &Desk) {
    let admin = desk.person("Root", Roles::of(&[Role::Admin]));
    let zone = chrono_tz::Europe::Stockholm;
    let details = Details::friday("No changes on Friday", zone);
    freeze::add(&desk.as_person(&admin), &details).unwrap();
    // From Monday 09:00 UTC to Friday noon.
    desk.advance(4 * 24 * HOUR + 3 * HOUR);
}

fn urgent(version: &str, reason: &str) -> Typed {
    Typed {
        break_glass: reason.into(),
        ..typed(version, "started")
    }
}

both_databases!(
    a_deployment_through_broken_glass_stands_with_the_worst_open_incident,
    |desk| {
        let (ann, _, web) = a_house(&desk);
        friday(&desk);
        let by = desk.as_person(&ann);
        let minor = incident(&desk, &ann, web, Severity::Warning);
        let worst = incident(&desk, &ann, web, Severity::High);
        let newer = incident(&desk, &ann, web, Severity::High);
        let over = incident(&desk, &ann, web, Severity::Disaster);
        ticket::resolve(&by, over, None, "It was the monitor").unwrap();
        let made = act::record(&by, urgent("4.12.0", REASON)).unwrap();
        assert_eq!(made.incident, Some(newer));
        let change = made.emergency.unwrap();
        assert_eq!(linked(&desk, change), [newer]);
        // What the reason names comes before what is worse.
        let named = format!("{minor}: the banner is gone");
        let made = act::record(&by, urgent("4.12.1", &named)).unwrap();
        assert_eq!(made.incident, Some(minor));
        // A change that belongs to one already stays with it.
        let own = Title::parse("Bring the banner back").unwrap();
        let opening = Opening {
            services: vec![web],
            ..Opening::default()
        };
        let own = change::open(&by, own, &opening, Default::default()).unwrap();
        ticket_parts::link(&by, own.key, Relation::Follows, worst).unwrap();
        let of = Typed {
            change: own.key.to_string(),
            ..urgent("4.12.2", REASON)
        };
        let made = act::record(&by, of).unwrap();
        assert_eq!((made.emergency, made.incident), (None, Some(worst)));
        assert_eq!(linked(&desk, own.key), [worst]);
    }
);

both_databases!(
    glass_that_is_broken_without_an_incident_opens_one_and_the_next_finds_it,
    |desk| {
        let (ann, ..) = a_house(&desk);
        friday(&desk);
        let by = desk.as_person(&ann);
        // Where no customers are there is no incident.
        let rehearsal = Typed {
            environment: "staging".into(),
            ..urgent("4.12.0", REASON)
        };
        assert_eq!(act::record(&by, rehearsal).unwrap().incident, None);
        let one = Typed {
            source_event_id: "run-1".into(),
            ..urgent("4.12.0", REASON)
        };
        let made = act::record(&by, one.clone()).unwrap();
        let (change, opened) = (made.emergency.unwrap(), made.incident.unwrap());
        assert_eq!(linked(&desk, change), [opened]);
        let incident = found(&desk, opened);
        assert_eq!(
            incident.title.to_string(),
            format!("Ann broke the glass: {REASON}")
        );
        // Nobody is woken: whoever broke it is at work on it.
        assert_eq!(
            (incident.severity, incident.owner),
            (Some(Severity::Average), Some(ann.id))
        );
        let body = &entries(&desk, &incident, EntryKind::Opened)[0].body;
        assert!(body.contains(&change.to_string()), "{body}");
        // The same run again, and the next emergency.
        let again = act::record(&by, one).unwrap();
        assert_eq!((again.is_news, again.incident), (false, None));
        let next = act::record(&by, urgent("4.12.1", "half of it was missing")).unwrap();
        assert_eq!(next.incident, Some(opened));
        let all = desk
            .app
            .store
            .read(|conn| store::ticket::open_of_kind(conn, Kind::Incident, 10));
        assert_eq!(all.unwrap().len(), 1);
        // By hand a change is linked to what is open.
        let title = Title::parse("Renew the certificate").unwrap();
        let opening = Opening {
            services: incident.service.into_iter().collect(),
            ..Opening::default()
        };
        let third = change::open(&by, title, &opening, Default::default()).unwrap();
        change::break_glass(&by, third.key, None, REASON).unwrap();
        assert_eq!(linked(&desk, third.key), [opened]);
    }
);

both_databases!(
    a_push_through_broken_glass_stands_with_an_incident_however_often_it_is_tried,
    |desk| {
        let bench = Bench::new(desk);
        bench
            .desk
            .person("Ina", Roles::of(&[Role::Responder, Role::Lead]));
        bench.commit("a.txt", "Start");
        let ina = "ina@watch.example.org";
        through(&push(&bench, ina, &["main"]));
        frozen(&bench, Level::Block);
        bench.commit("pool.toml", "Raise pool size");
        // Another hook turns away what ours let through.
        let other = bench.path("origin.git/hooks/update");
        std::fs::write(&other, "#!/bin/sh\nexit 1\n").unwrap();
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&other, std::fs::Permissions::from_mode(0o755)).unwrap();
        let glass = format!("break-glass={REASON}");
        let said = text(&push(&bench, ina, &["-o", &glass, "main"]));
        assert!(said.contains("the glass is broken: CHG-1"), "{said}");
        assert!(said.contains("linked to the incident INC-1"), "{said}");
        std::fs::remove_file(&other).unwrap();
        let said = through(&push(&bench, ina, &["-o", &glass, "main"]));
        assert!(said.contains("the glass is broken: CHG-1"), "{said}");
        assert!(said.contains("INC-1"), "{said}");
        let key = "CHG-1".parse().unwrap();
        assert_eq!(bench.entries(key, EntryKind::GlassBroken).len(), 1);
        let keys: Vec<String> = linked(&bench.desk, key)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(keys, ["INC-1"]);
        assert_eq!(bench.commits(key).len(), 1);
        // Another emergency names its incident.
        let second = bench.open(Kind::Incident, "Nobody can log in").key;
        bench.commit("login.toml", "Shorter sessions");
        let ticket = format!("ticket={second}");
        let glass = format!("break-glass={REASON} again");
        let said = through(&push(&bench, ina, &["-o", &glass, "-o", &ticket, "main"]));
        assert!(said.contains(&format!("incident {second}")), "{said}");
    }
);

fn run(folder: &Path, url: &str, token: &str, args: &[&str]) -> (Option<i32>, String) {
    let output: Output = std::process::Command::new(WATCHKEEPER)
        .args(args)
        .args(["--url", url, "--token", token])
        .env_clear()
        .env("WATCHKEEPER_DEPLOY_SPOOL", folder)
        .output()
        .unwrap();
    (output.status.code(), text(&output))
}

fn waiting(folder: &Path, end: &str) -> Vec<PathBuf> {
    let Ok(files) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let all = files.map(|file| file.unwrap().path());
    let mut all: Vec<PathBuf> = all
        .filter(|path| path.to_string_lossy().ends_with(end))
        .collect();
    all.sort();
    all
}

/// The build machine's clock isn't the desk's.
fn happened(path: &Path, name: &str, at: Timestamp) {
    let text = std::fs::read_to_string(path).unwrap();
    let mut kept: Value = serde_json::from_str(&text).unwrap();
    assert!(kept["body"][name].is_string(), "{kept}");
    kept["body"][name] = at.rfc3339().into();
    std::fs::write(path, kept.to_string()).unwrap();
}

#[test]
fn what_goes_ahead_while_the_service_is_away_is_told_once_and_with_its_time() {
    let desk = Desk::new(On::Sqlite);
    a_house(&desk);
    friday(&desk);
    let mut p = Program::new(desk);
    let address = p.server.address();
    let url = p.server.url();
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("kept");
    let token = p.token.clone();
    let deploy = |args: &[&str]| {
        let all: Vec<&str> = ["deploy"].iter().chain(args).copied().collect();
        run(&spool, &url, &token, &all)
    };
    // It serves elsewhere: nobody answers here.
    p.server = Served::new(&p.desk.app);
    // Without a reason nothing begins.
    let (code, said) = deploy(&["web@4.12.0", "--status", "started"]);
    assert_eq!(code, Some(2), "{said}");
    let (code, said) = deploy(&["web@4.12.0", "--break-glass", "urgent"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("at least 10 characters"), "{said}");
    assert_eq!(waiting(&spool, ""), [] as [PathBuf; 0]);

    let (code, said) = deploy(&["web@4.12.0", "--status", "started", "--break-glass", REASON]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("The glass is broken"), "{said}");
    // Its end follows without a word; that of anything else doesn't.
    let (code, said) = deploy(&["web@4.12.0", "--status", "succeeded"]);
    assert_eq!(code, Some(0), "{said}");
    let (code, _) = deploy(&["web@4.12.1", "--status", "succeeded"]);
    assert_eq!(code, Some(2));
    let kept = waiting(&spool, ".json");
    assert_eq!(kept.len(), 2);
    let secret = std::fs::read_to_string(&kept[0]).unwrap();
    assert!(!secret.contains(&token), "a token lies on the disk");
    let began = p.desk.now();
    happened(&kept[0], "decided_at", began);
    happened(&kept[1], "started_at", began);
    happened(&kept[1], "finished_at", began.plus_secs(120));

    p.desk.advance(2 * HOUR);
    p.server = Served::again(&p.desk.app, address);
    // The next call tells it first; what it asks itself is frozen.
    let (code, said) = deploy(&["web@4.13.0", "--status", "started"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("told now what went ahead while the service was away: web 4.12.0, CHG-1"),
        "{said}"
    );
    assert_eq!(waiting(&spool, ".json"), [] as [PathBuf; 0]);
    let told = p.get("/api/v1/deployments");
    assert_eq!(
        told.body["items"].as_array().unwrap().len(),
        1,
        "{}",
        told.body
    );
    let one = &told.body["items"][0];
    assert_eq!(one["status"], "succeeded");
    assert_eq!(one["started_at"], began.rfc3339());
    assert_eq!(one["finished_at"], began.plus_secs(120).rfc3339());
    assert_eq!(one["break_glass"], REASON);
    let key: TicketKey = "CHG-1".parse().unwrap();
    let ticket = found(&p.desk, key);
    let broken = entries(&p.desk, &ticket, EntryKind::GlassBroken);
    assert_eq!(broken.len(), 1);
    assert_eq!(broken[0].effective_at, began);
    assert_eq!(broken[0].facts.get("freeze"), Some("No changes on Friday"));
    assert_eq!(linked(&p.desk, key).len(), 1);
    // A lost answer is asked for again, and changes nothing.
    std::fs::write(&kept[0], secret).unwrap();
    let (code, said) = deploy(&["--drain"]);
    assert_eq!(code, Some(0), "{said}");
    let told = p.get("/api/v1/deployments");
    assert_eq!(told.body["items"].as_array().unwrap().len(), 1);
}

#[test]
fn whoever_may_not_break_the_glass_and_couldnt_be_asked_stands_on_record() {
    let desk = Desk::new(On::Sqlite);
    a_house(&desk);
    friday(&desk);
    let mut p = Program::new(desk);
    // Pipelines know services by their names.
    let frozen = p.get("/api/v1/freeze?service=web");
    assert_eq!(frozen.text("/state"), "block");
    let unknown = p.call("GET", "/api/v1/freeze?service=wbe", &[], None);
    assert_eq!(unknown.faults()[0].1, "unknown-service-name");
    let (address, url) = (p.server.address(), p.server.url());
    let pipeline = {
        let new = watchkeeper::actions::login::NewToken {
            name: "pipeline".into(),
            owner: TokenOwner::Service,
            roles: Roles::of(&[Role::Responder]),
            scopes: Scopes::of(&[Scope::Deploy]),
            expires_at: None,
        };
        let by = p.desk.as_person(&p.ada);
        watchkeeper::actions::login::make_token(&by, &new)
            .unwrap()
            .1
    };
    let folder = tempfile::tempdir().unwrap();
    let deploy = |args: &[&str]| {
        let all: Vec<&str> = ["deploy"].iter().chain(args).copied().collect();
        run(folder.path(), &url, &pipeline, &all)
    };
    let (code, said) = deploy(&["web@4.12.0", "--break-glass", REASON]);
    assert_ne!(code, Some(0), "asked, it may not: {said}");
    // It serves elsewhere: nobody answers here.
    p.server = Served::new(&p.desk.app);
    let (code, said) = deploy(&["web@4.12.0", "--break-glass", REASON]);
    assert_eq!(code, Some(0), "{said}");
    // What the service can never take is put aside.
    let (code, _) = deploy(&["wbe@4.12.0", "--break-glass", REASON]);
    assert_eq!(code, Some(0));
    p.server = Served::again(&p.desk.app, address);
    let (code, said) = deploy(&["--drain"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("won't have"), "{said}");
    assert_eq!(waiting(folder.path(), ".refused").len(), 1);
    let key: TicketKey = "CHG-1".parse().unwrap();
    let broken = entries(&p.desk, &found(&p.desk, key), EntryKind::GlassBroken);
    assert_eq!(broken[0].facts.get("entitled"), Some("no"));
    let change = p.get("/api/v1/changes/CHG-1");
    assert_eq!(
        change.body["glass"]["was_entitled"],
        json!(false),
        "{}",
        change.body
    );
    let page = crate::web::Browser::of(&p.desk, &p.ada);
    page.get("/CHG-1")
        .says("may not break the glass")
        .says("while the service was away");
}

#[test]
fn a_fact_without_a_reason_is_no_emergency() {
    let desk = Desk::new(On::Sqlite);
    a_house(&desk);
    let wrong = Typed {
        decided_at: Some(desk.now()),
        ..typed("4.12.0", "started")
    };
    let Err(watchkeeper::error::Error::Invalid(faults)) = tell(&desk, wrong) else {
        panic!("it is taken")
    };
    assert_eq!(faults[0].problem, "decided-without-glass");
}

both_databases!(
    glass_that_is_broken_for_the_same_again_and_again_proposes_a_standing_change,
    |desk| {
        let (ann, ben, web) = a_house(&desk);
        let cleo = desk.person("Cleo", Roles::of(&[Role::Responder]));
        let browser = crate::web::Browser::of(&desk, &ben);
        let broken = |reason: &str| {
            desk.advance(60);
            let by = desk.as_person(&ann);
            let title = Title::parse("Clear the spool").unwrap();
            let opening = Opening {
                services: vec![web],
                ..Opening::default()
            };
            let key = change::open(&by, title, &opening, Default::default());
            let key = key.unwrap().key;
            change::break_glass(&by, key, None, reason).unwrap();
            key
        };
        broken("the spool is full on mx1");
        broken("The spool is full, on mx2");
        broken("nobody answers the door");
        broken("the spool is full on mx1");
        let page = browser.get("/deployments");
        page.says("the spool is full on mx1").says("CHG-2");
        assert!(!page.text().contains("Begin a standing change"));
        broken("the spool is full on mx3");
        let page = browser.get("/deployments");
        page.says("Begin a standing change");
        let form = browser.get(&format!(
            "/new?kind=change&title=Standing%20change&service={web}&body=again"
        ));
        form.says("Standing change").says("again");
        // A month later it is another one's turn.
        desk.advance(31 * 24 * HOUR);
        let later = crate::web::Browser::of(&desk, &cleo);
        let page = later.get("/deployments");
        page.says("Broken glass, 2026-07")
            .says("No glass was broken.");
        assert!(!page.text().contains("Begin a standing change"));
        page.says("href=\"/deployments?month=2026-06#glass\"");
        let page = later.get("/deployments?month=2026-06&env=prod");
        page.says("Broken glass, 2026-06")
            .says("the spool is full on mx1");
        page.says("href=\"/deployments?month=2026-07&#38;env=prod#glass\"");
        later.get("/deployments?month=summer").is(422);

        let p = crate::program::Program::new(desk);
        let count = |place: &str| p.get(place).body;
        let told = count("/api/v1/broken-glass?month=2026-06");
        assert_eq!(told["month"], "2026-06");
        let first = &told["lines"][0];
        assert_eq!(first["reason"], "the spool is full on mx1");
        assert_eq!(
            (&first["count"], &first["is_habit"]),
            (&4.into(), &true.into())
        );
        assert_eq!(first["service_id"], web.to_string());
        assert_eq!(first["changes"].as_array().unwrap().len(), 4);
        assert_eq!(told["lines"][1]["count"], 1);
        let now = count("/api/v1/broken-glass");
        assert_eq!(
            (
                now["month"].as_str(),
                now["lines"].as_array().unwrap().len()
            ),
            (Some("2026-07"), 0)
        );
        let before = count("/api/v1/broken-glass?month=2026-05");
        assert!(before["lines"].as_array().unwrap().is_empty());
        let wrong = p.call("GET", "/api/v1/broken-glass?month=summer", &[], None);
        assert_eq!(
            wrong.faults(),
            [("month".to_owned(), "not-a-month".to_owned())]
        );
    }
);
