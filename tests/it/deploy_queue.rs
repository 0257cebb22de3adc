//! Deployments that wait for a freeze to lift: in order, looked at anew, and never over what came meanwhile.

use serde_json::json;
use watchkeeper::actions::deployment::{self as act, Asked};
use watchkeeper::actions::deployment_rule::{TypedRule, set_rule};
use watchkeeper::actions::{change, freeze};
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::change::{Plan, Sort};
use watchkeeper::domain::deploy_queue::{Queued, Reason, State};
use watchkeeper::domain::deployment::Typed;
use watchkeeper::domain::freeze::Details;
use watchkeeper::domain::id::{ServiceId, TicketKey};
use watchkeeper::domain::people::ServiceDetails;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::Opening;
use watchkeeper::domain::timeline::{Door, EntryKind};
use watchkeeper::domain::timestamp::Timestamp;
use watchkeeper::error::Error;
use watchkeeper::store;

use crate::both_databases;
use crate::deploy::{a_house, tell, typed};
use crate::desk::{Desk, On, Staff};
use crate::git_bench::WATCHKEEPER;
use crate::mail;
use crate::program::Program;
use crate::sla::{HOUR, entries};
use crate::web::Browser;

/// Operations that are called here.
pub const CALLED: &[&str] = &[
    "deploy_queue :: list",
    "deploy_queue :: read",
    "deploy_queue :: go",
    "deploy_queue :: withdraw",
];

pub(crate) const DAY: i64 = 24 * HOUR;
pub(crate) const MIN: i64 = 60;

pub(crate) fn no_fridays(desk: &Desk) {
    let admin = desk.person("Root", Roles::of(&[Role::Admin]));
    let friday = Details::friday("No changes on Friday", chrono_tz::Tz::UTC);
    freeze::add(&desk.as_person(&admin), &friday).unwrap();
}

/// From Monday 09:00 to Friday noon.
pub(crate) fn go_to_friday(desk: &Desk) {
    desk.advance(4 * DAY + 3 * HOUR);
}

/// When the window of that Friday ends.
pub(crate) fn monday() -> Timestamp {
    Timestamp::parse_rfc3339("2026-06-08T07:00:00Z").unwrap()
}

pub(crate) fn go_to_monday(desk: &Desk) {
    desk.advance(monday().secs_since(desk.now()));
}

pub(crate) fn wish(version: &str, id: &str) -> Typed {
    Typed {
        source: "ci".into(),
        source_event_id: id.into(),
        when_open: true,
        ..typed(version, "started")
    }
}

pub(crate) fn ask(desk: &Desk, typed: Typed) -> watchkeeper::error::Result<Asked> {
    act::ask(&desk.app.system("pipeline", Door::Api), typed)
}

pub(crate) fn waits(desk: &Desk, typed: Typed) -> Queued {
    match ask(desk, typed).unwrap() {
        Asked::Waits { queued, .. } => queued,
        Asked::Recorded(it) => panic!("it began: {it:?}"),
    }
}

pub(crate) fn begins(desk: &Desk, typed: Typed) -> String {
    match ask(desk, typed).unwrap() {
        Asked::Recorded(it) => it.deployment.version,
        Asked::Waits { queued, .. } => panic!("it waits: {queued:?}"),
    }
}

pub(crate) fn refused(outcome: watchkeeper::error::Result<impl std::fmt::Debug>) -> &'static str {
    match outcome.unwrap_err() {
        Error::Refused(refusal) | Error::Forbidden(refusal) => refusal.rule,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn now(desk: &Desk, it: &Queued) -> Queued {
    let found = desk
        .app
        .store
        .read(|conn| store::deploy_queue::by_id(conn, it.id));
    found.unwrap().unwrap()
}

pub(crate) fn stands(desk: &Desk, it: &Queued) -> (State, Reason) {
    let it = now(desk, it);
    (it.state, it.reason)
}

fn another_service(desk: &Desk, name: &str, by: &Staff) {
    let team = desk.app.store.read(store::house::teams).unwrap()[0].id;
    let details = ServiceDetails {
        name: name.into(),
        public_name: name.into(),
        team_id: team,
        runbook_url: None,
        members_total: 1,
        members_needed: 1,
    };
    let by = desk.as_person(by);
    watchkeeper::actions::house::add_service(&by, &details, &Default::default()).unwrap();
}

/// An approved change of `web`.
pub(crate) fn approved(
    desk: &Desk,
    ann: &Staff,
    ben: &Staff,
    web: ServiceId,
    plan: Plan,
) -> TicketKey {
    let opening = Opening {
        services: vec![web],
        owner: Some(ann.id),
        ..Opening::default()
    };
    let title = Title::parse("Raise pool size").unwrap();
    let by = desk.as_person(ann);
    let key = change::open(&by, title, &opening, plan).unwrap().key;
    let waiting = change::ask_approval(&by, key, None).unwrap();
    change::approve(&desk.as_person(ben), key, waiting.version).unwrap();
    key
}

pub(crate) fn told(desk: &Desk, key: TicketKey, kind: EntryKind) -> Vec<String> {
    let read = |conn: &mut store::Conn| store::ticket::by_key(conn, key);
    let ticket = desk.app.store.read(read).unwrap().unwrap();
    let facts = |it: &store::timeline::Recorded| {
        let fact = |name| it.facts.get(name).unwrap_or_default().to_owned();
        format!("{} {}{}", fact("what"), fact("reason"), fact("did"))
    };
    entries(desk, &ticket, kind).iter().map(facts).collect()
}

both_databases!(
    case_5_2_6_fridays_approval_holds_on_monday_and_what_waited_begins_when_it_is_asked_once_more,
    |desk| {
        let (ann, ben, web) = a_house(&desk);
        no_fridays(&desk);
        // Late on Thursday: for a day.
        desk.advance(3 * DAY + 13 * HOUR);
        let key = approved(&desk, &ann, &ben, web, Plan::default());
        desk.advance(14 * HOUR);
        desk.letters();
        let named = |when_open| Typed {
            change: key.to_string(),
            when_open,
            ..wish("4.12.0", "run-7")
        };
        assert_eq!(refused(ask(&desk, named(false))), "deploy-frozen");
        let queued = waits(&desk, named(true));
        assert_eq!(
            (queued.state, queued.reason, queued.detail.as_str()),
            (State::Waiting, Reason::Window, "No changes on Friday")
        );
        assert_eq!(queued.opens_at, Some(monday()));
        // Asking again changes nothing; under another version it is a mistake.
        assert_eq!(waits(&desk, named(true)).id, queued.id);
        let other = Typed {
            version: "4.12.1".into(),
            ..named(true)
        };
        assert_eq!(refused(ask(&desk, other)), "deployment-differs");
        assert_eq!(
            told(&desk, key, EntryKind::DeploymentQueued),
            ["web 4.12.0 window"]
        );
        assert!(desk.letters().is_empty(), "nobody has to do anything");
        let browser = Browser::of(&desk, &ann);
        for page in [format!("/{key}"), "/deployments".to_owned()] {
            let seen = browser.get(&page);
            seen.says("web 4.12.0").says("waits for a window");
        }
        desk.advance(DAY);
        assert_eq!(stands(&desk, &queued), (State::Waiting, Reason::Window));
        go_to_monday(&desk);
        assert_eq!(now(&desk, &queued).state, State::Released);
        assert_eq!(
            told(&desk, key, EntryKind::DeploymentReleased),
            ["web 4.12.0 "]
        );
        let letters = desk.letters();
        let letter = mail::to(&letters, "ann@watch.example.org");
        assert!(letter.text.contains("may now"), "{}", letter.text);
        assert_eq!(begins(&desk, named(true)), "4.12.0");
        let over = now(&desk, &queued);
        assert_eq!(over.state, State::Begun);
        assert!(over.deployment.is_some() && over.look_at.is_none());
        let after = browser.get("/deployments");
        assert!(!after.text().contains("Waiting to begin"));
        assert_eq!(
            told(&desk, key, EntryKind::Deployed),
            ["web 4.12.0 started"]
        );
        // It ends as any other.
        let ended = Typed {
            status: "succeeded".into(),
            when_open: false,
            ..named(false)
        };
        assert!(!tell(&desk, ended).unwrap().is_first);
    }
);

both_databases!(
    case_5_2_6_only_the_newest_of_a_place_is_let_go_and_those_of_a_service_follow_with_a_gap,
    |desk| {
        let (ann, ..) = a_house(&desk);
        another_service(&desk, "api", &ann);
        no_fridays(&desk);
        go_to_friday(&desk);
        let first = waits(&desk, wish("4.12.0", "1"));
        desk.advance(MIN);
        let api = Typed {
            service: "api".into(),
            ..wish("1.0.0", "2")
        };
        let api = waits(&desk, api);
        desk.advance(MIN);
        let eu = Typed {
            target: "eu".into(),
            ..wish("4.12.0", "3")
        };
        let eu = waits(&desk, eu);
        desk.advance(MIN);
        let newer = waits(&desk, wish("4.12.1", "4"));
        assert_eq!(now(&desk, &first).state, State::Superseded);
        assert_eq!(
            refused(ask(&desk, wish("4.12.0", "1"))),
            "deploy-superseded"
        );
        go_to_monday(&desk);
        let states = |desk: &Desk| [&api, &eu, &newer].map(|it| stands(desk, it));
        assert_eq!(
            states(&desk),
            [
                (State::Released, Reason::Window),
                (State::Released, Reason::Window),
                (State::Waiting, Reason::Turn)
            ],
            "another service has a gap of its own"
        );
        // Who comes later waits behind them.
        let third = Typed {
            target: "us".into(),
            ..wish("4.12.1", "5")
        };
        let third = waits(&desk, third);
        assert_eq!(third.reason, Reason::Turn);
        desk.advance(9 * MIN);
        assert_eq!(now(&desk, &newer).state, State::Waiting);
        desk.advance(MIN);
        assert_eq!(now(&desk, &newer).state, State::Released);
        assert_eq!(now(&desk, &third).state, State::Waiting);
        desk.advance(10 * MIN);
        assert_eq!(now(&desk, &third).state, State::Released);
        assert_eq!(begins(&desk, wish("4.12.1", "4")), "4.12.1");
        // What isn't taken up is over after a day.
        desk.advance(DAY);
        assert_eq!(now(&desk, &eu).state, State::Expired);
        let late = Typed {
            target: "eu".into(),
            ..wish("4.12.0", "3")
        };
        assert_eq!(refused(ask(&desk, late)), "deploy-expired");
        // Nothing in front of it: what may begin begins.
        assert_eq!(begins(&desk, wish("4.12.2", "6")), "4.12.2");
    }
);

both_databases!(
    an_approval_that_is_gone_keeps_it_and_the_same_version_by_hand_is_enough,
    |desk| {
        let (ann, ben, web) = a_house(&desk);
        no_fridays(&desk);
        desk.advance(3 * DAY + 13 * HOUR);
        let key = approved(&desk, &ann, &ben, web, Plan::default());
        desk.advance(14 * HOUR);
        let named = Typed {
            change: key.to_string(),
            ..wish("4.12.0", "1")
        };
        let queued = waits(&desk, named);
        let unapproved = change::open(
            &desk.as_person(&ann),
            Title::parse("Not yet").unwrap(),
            &Opening::default(),
            Plan::default(),
        );
        let early = Typed {
            change: unapproved.unwrap().key.to_string(),
            target: "eu".into(),
            ..wish("5.0.0", "9")
        };
        assert_eq!(refused(ask(&desk, early)), "deploy-unapproved");
        let plan = Plan {
            purpose: "Another one".into(),
            ..Plan::default()
        };
        let ticket = watchkeeper::actions::ticket::read(&desk.as_person(&ann), key).unwrap();
        change::edit(&desk.as_person(&ann), key, Some(ticket.version), plan).unwrap();
        desk.letters();
        go_to_monday(&desk);
        assert_eq!(stands(&desk, &queued), (State::Waiting, Reason::Refused));
        let letters = desk.letters();
        let letter = mail::to(&letters, "ann@watch.example.org");
        assert!(letter.text.contains("it is refused"), "{}", letter.text);
        // Approved anew it goes by itself.
        let waiting = change::ask_approval(&desk.as_person(&ann), key, None).unwrap();
        change::approve(&desk.as_person(&ben), key, waiting.version).unwrap();
        desk.advance(MIN);
        assert_eq!(now(&desk, &queued).state, State::Released);
        // Somebody deploys the same version by hand: what waited is over.
        tell(&desk, typed("4.12.0", "succeeded")).unwrap();
        assert_eq!(now(&desk, &queued).state, State::Superseded);
    }
);

both_databases!(
    what_was_let_go_waits_again_where_another_window_came_and_a_standing_change_waits_too,
    |desk| {
        let (ann, ben, web) = a_house(&desk);
        no_fridays(&desk);
        set_rule(
            &desk.as_person(&ann),
            web,
            0,
            &TypedRule::new("helm rollback web", 60),
        )
        .unwrap();
        let standing = Plan {
            sort: Sort::Standard,
            ..Plan::default()
        };
        let key = approved(&desk, &ann, &ben, web, standing);
        go_to_friday(&desk);
        let queued = waits(&desk, wish("4.12.0", "1"));
        assert!(queued.ticket.is_some());
        assert!(told(&desk, key, EntryKind::DeploymentQueued).is_empty());
        go_to_monday(&desk);
        assert_eq!(now(&desk, &queued).state, State::Released);
        assert_eq!(told(&desk, key, EntryKind::DeploymentReleased).len(), 1);
        // Nobody asked until the next Friday's window: a day is too long, but another window an hour later isn't.
        let admin = desk.person("Cora", Roles::of(&[Role::Admin]));
        let audit = Details {
            name: "Audit".into(),
            when: watchkeeper::domain::freeze::When::parse("2026-06-08 08:00", "2026-06-08 10:00")
                .unwrap(),
            ..Details::friday("", chrono_tz::Tz::UTC)
        };
        freeze::add(&desk.as_person(&admin), &audit).unwrap();
        desk.advance(HOUR + MIN);
        let again = waits(&desk, wish("4.12.0", "1"));
        assert_eq!(
            (again.id, again.state, again.detail.as_str()),
            (queued.id, State::Waiting, "Audit")
        );
        desk.advance(2 * HOUR);
        assert_eq!(begins(&desk, wish("4.12.0", "1")), "4.12.0");
    }
);

both_databases!(the_queue_is_read_and_moved_through_the_api, |desk| {
    let (ann, ..) = a_house(&desk);
    no_fridays(&desk);
    go_to_friday(&desk);
    let _ = ann;
    let p = Program::new(desk);
    let body = json!({"service": "web", "environment": "prod", "version": "4.12.0", "status": "started", "when_open": true});
    let said = p.call("POST", "/api/v1/deployments", &[], Some(&body.to_string()));
    assert_eq!(
        (said.status, said.text("/verdict").as_str()),
        (202, "queued"),
        "{}",
        said.body
    );
    assert_eq!(said.body["deployment"], json!(null));
    assert_eq!(said.text("/queued/reason"), "window");
    assert_eq!(said.text("/queued/opens_at"), "2026-06-08T07:00:00Z");
    let id = said.text("/queued/id");
    let place = format!("/api/v1/deployment-queue/{id}");
    assert_eq!(p.get("/api/v1/deployment-queue").text("/items/0/id"), id);
    assert_eq!(p.get(&place).text("/state"), "waiting");
    let go = p.done("POST", &format!("{place}/go"), json!({}));
    assert_eq!(go.text("/go_name"), "Ada");
    assert_eq!(go.text("/state"), "waiting", "a word opens no window");
    let over = p.done("POST", &format!("{place}/withdraw"), json!({}));
    assert_eq!(over.text("/state"), "withdrawn");
    assert_eq!(p.get("/api/v1/deployment-queue").body["items"], json!([]));
    let fact = json!({"service": "web", "environment": "prod", "version": "4.12.0", "status": "succeeded", "when_open": true});
    let fact = p.call("POST", "/api/v1/deployments", &[], Some(&fact.to_string()));
    assert_eq!(
        fact.faults(),
        [("when_open".to_owned(), "only-a-wish-waits".to_owned())]
    );
});

#[test]
fn a_pipeline_waits_with_one_flag_and_exits_with_3() {
    let desk = Desk::new(On::Sqlite);
    a_house(&desk);
    no_fridays(&desk);
    go_to_friday(&desk);
    let p = Program::new(desk);
    let deploy = |args: &[&str]| {
        let output = std::process::Command::new(WATCHKEEPER)
            .args(["deploy", "web@4.12.0"])
            .args(args)
            .args(["--url", &p.server.url(), "--token", &p.token])
            .env_clear()
            .output()
            .unwrap();
        let out = String::from_utf8_lossy(&output.stdout);
        let text = format!("{out}{}", String::from_utf8_lossy(&output.stderr));
        (output.status.code(), text)
    };
    let (code, text) = deploy(&["--when-open", "--id", "run-7"]);
    assert_eq!(code, Some(3), "{text}");
    assert!(
        text.contains("waits: web 4.12.0 to prod until “No changes on Friday” allows it (2026-06-08 07:00 UTC); id run-7"),
        "{text}"
    );
    let (code, text) = deploy(&["--when-open", "--wait", "soon"]);
    assert_eq!(code, Some(2), "{text}");
    go_to_monday(&p.desk);
    let (code, text) = deploy(&["--when-open", "--id", "run-7"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("yes: web 4.12.0 may be deployed to prod"),
        "{text}"
    );
    let (code, text) = deploy(&["--id", "run-7"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("is live in prod"), "{text}");
}
