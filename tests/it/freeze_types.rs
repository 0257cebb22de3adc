//! What a window says to one type of change: an approved emergency goes through Friday, a standing change's deployments may be
//! warned only, and nobody's own word makes a change an emergency.

use serde_json::json;
use watchkeeper::actions::change as act;
use watchkeeper::actions::{freeze, ticket};
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::change::{Plan, Sort};
use watchkeeper::domain::deployment::Typed;
use watchkeeper::domain::freeze::{Details, TypeLevel, TypeLevels};
use watchkeeper::domain::id::{ServiceId, TicketKey};
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, State};
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::error::Error;
use watchkeeper::store;

use crate::both_databases;
use crate::deploy::{a_house, tell, typed};
use crate::desk::{Desk, Staff};
use crate::git_bench::Bench;
use crate::program::Program;
use crate::sla::{HOUR, entries, house};
use crate::web::Browser;

const APPROVER: Roles = Roles::of(&[Role::Responder, Role::ChangeApprover, Role::Lead]);
const DAY: i64 = 24 * HOUR;
const STOCKHOLM: chrono_tz::Tz = chrono_tz::Europe::Stockholm;

fn opened(desk: &Desk, who: &Staff, sort: Sort, services: &[ServiceId]) -> TicketKey {
    let title = Title::parse("Renew the certificate").unwrap();
    let opening = Opening {
        services: services.to_vec(),
        ..Opening::default()
    };
    let plan = Plan {
        sort,
        ..Plan::default()
    };
    act::open(&desk.as_person(who), title, &opening, plan)
        .unwrap()
        .key
}

fn approve(desk: &Desk, by: &Staff, other: &Staff, key: TicketKey) -> TicketKey {
    let waiting = act::ask_approval(&desk.as_person(by), key, None).unwrap();
    act::approve(&desk.as_person(other), key, waiting.version).unwrap();
    key
}

#[track_caller]
fn rule<T: std::fmt::Debug>(outcome: watchkeeper::error::Result<T>) -> String {
    match outcome.unwrap_err() {
        Error::Refused(refusal) => refusal.rule.to_owned(),
        other => panic!("{other:?}"),
    }
}

/// From Monday 09:00 UTC to Friday noon.
fn go_to_friday(desk: &Desk) {
    desk.advance(4 * DAY + 3 * HOUR);
}

both_databases!(
    an_approved_emergency_begins_on_friday_and_one_that_nobody_approved_breaks_the_glass,
    |desk| {
        desk.let_letters_go();
        let admin = house(&desk);
        let (ada, ben) = (desk.person("Ann", APPROVER), desk.person("Ben", APPROVER));
        let friday = Details::friday("No changes on Friday", STOCKHOLM);
        freeze::add(&desk.as_person(&admin), &friday).unwrap();
        go_to_friday(&desk);
        let by = desk.as_person(&ada);
        let normal = opened(&desk, &ada, Sort::Normal, &[]);
        approve(&desk, &ada, &ben, normal);
        assert_eq!(rule(act::start(&by, normal, None)), "frozen");
        let urgent = opened(&desk, &ada, Sort::Emergency, &[]);
        // A draft can't begin, whatever it calls itself: its glass is broken, and the window stands on the record.
        let alone = opened(&desk, &ada, Sort::Emergency, &[]);
        assert_eq!(rule(act::start(&by, alone, None)), "no-such-step");
        act::break_glass(&by, alone, None, "the certificate expires tonight").unwrap();
        let told = |key, kind| {
            let found = by.read(|conn| store::ticket::by_key(conn, key)).unwrap();
            entries(&desk, &found.unwrap(), kind).pop().unwrap().facts
        };
        let broken = told(alone, EntryKind::GlassBroken);
        assert_eq!(broken.get("freeze"), Some("No changes on Friday"));

        approve(&desk, &ada, &ben, urgent);
        let browser = Browser::of(&desk, &ada);
        let page = browser.get(&format!("/{urgent}"));
        assert!(!page.text().contains("Frozen:"));
        assert!(page.text().contains(&format!("action=\"/{urgent}/start\"")));
        act::start(&by, urgent, None).unwrap();
        let begun = told(urgent, EntryKind::StateChanged);
        assert_eq!(
            (begun.get("freeze"), begun.get("exempt")),
            (Some("No changes on Friday"), Some("emergency"))
        );
        browser
            .get(&format!("/{urgent}"))
            .says("inside the freeze “No changes on Friday”, from which")
            .says("emergency are exempt");
    }
);

both_databases!(
    a_deployment_goes_by_the_type_that_its_change_was_approved_as,
    |desk| {
        let (ann, ben, web) = a_house(&desk);
        let admin = desk.person("Root", Roles::of(&[Role::Admin]));
        let friday = Details::friday("No changes on Friday", STOCKHOLM);
        freeze::add(&desk.as_person(&admin), &friday).unwrap();
        go_to_friday(&desk);
        let of = |key: TicketKey, version: &str| Typed {
            change: key.to_string(),
            ..typed(version, "started")
        };
        let normal = opened(&desk, &ann, Sort::Normal, &[web]);
        approve(&desk, &ann, &ben, normal);
        assert_eq!(rule(tell(&desk, of(normal, "4.0.0"))), "deploy-frozen");
        let urgent = opened(&desk, &ann, Sort::Emergency, &[web]);
        assert_eq!(rule(tell(&desk, of(urgent, "4.0.1"))), "deploy-unapproved");
        approve(&desk, &ann, &ben, urgent);
        let begun = tell(&desk, of(urgent, "4.0.1")).unwrap().deployment;
        // It is let through, and whoever checks the year sees the window that it went through.
        assert_eq!(begun.freeze.as_deref(), Some("No changes on Friday"));
        assert_eq!(begun.glass, None);

        // Whose glass was broken nobody approved: each of its deployments says why it can't wait.
        let by = desk.as_person(&ann);
        let alone = opened(&desk, &ann, Sort::Emergency, &[web]);
        act::break_glass(&by, alone, None, "the certificate expires tonight").unwrap();
        assert_eq!(rule(tell(&desk, of(alone, "4.0.2"))), "deploy-frozen");
    }
);

both_databases!(
    whoever_calls_a_change_an_emergency_after_it_was_approved_gains_nothing,
    |desk| {
        let (ann, ben, web) = a_house(&desk);
        let admin = desk.person("Root", Roles::of(&[Role::Admin]));
        let key = opened(&desk, &ann, Sort::Normal, &[web]);
        approve(&desk, &ann, &ben, key);
        act::start(&desk.as_person(&ann), key, None).unwrap();
        let friday = Details::friday("No changes on Friday", STOCKHOLM);
        freeze::add(&desk.as_person(&admin), &friday).unwrap();
        go_to_friday(&desk);
        // It is under way: its plan may still be written, and its approval stays.
        let plan = Plan {
            sort: Sort::Emergency,
            ..Plan::default()
        };
        act::edit(&desk.as_person(&ann), key, None, plan).unwrap();
        let of = Typed {
            change: key.to_string(),
            ..typed("4.0.0", "started")
        };
        assert_eq!(rule(tell(&desk, of)), "deploy-frozen");
    }
);

both_databases!(
    deployments_in_the_lane_of_a_standing_change_are_standard,
    |desk| {
        let (ann, ben, web) = a_house(&desk);
        let admin = desk.person("Root", Roles::of(&[Role::Admin]));
        tell(&desk, typed("4.0.0", "succeeded")).unwrap();
        let standing = crate::standing::standing(&desk, &ann, &ben, web);
        let friday = Details {
            types: TypeLevels {
                standard: Some(TypeLevel::Warn),
                ..TypeLevels::default()
            },
            ..Details::friday("No changes on Friday", STOCKHOLM)
        };
        let window = freeze::add(&desk.as_person(&admin), &friday).unwrap();
        go_to_friday(&desk);
        // It names nothing, and stays in its lane.
        let begun = tell(&desk, typed("4.0.1", "succeeded")).unwrap();
        assert_eq!(
            begun.deployment.freeze.as_deref(),
            Some("No changes on Friday")
        );
        assert_eq!(begun.deployment.glass, None);
        // Out of its lane it is as any other: frozen, and the glass that is broken isn't the standing change's.
        desk.advance(HOUR);
        tell(&desk, typed("4.0.2", "failed")).unwrap();
        desk.advance(HOUR);
        assert_eq!(
            rule(tell(&desk, typed("4.0.3", "started"))),
            "deploy-frozen"
        );
        let urgent = Typed {
            change: standing.to_string(),
            break_glass: "nobody can pay any more".into(),
            ..typed("4.0.3", "started")
        };
        assert!(tell(&desk, urgent).unwrap().emergency.is_some());
        let by = desk.as_person(&ann);
        assert_eq!(ticket::read(&by, standing).unwrap().state, State::Approved);

        // A window that says nothing of standard changes blocks them.
        let all = Details {
            types: TypeLevels::default(),
            ..friday
        };
        let edited = freeze::edit(&desk.as_person(&admin), window.id, window.version, &all);
        edited.unwrap();
        desk.advance(HOUR);
        tell(&desk, typed("4.0.3", "succeeded")).unwrap();
        desk.advance(HOUR);
        assert_eq!(
            rule(tell(&desk, typed("4.0.4", "started"))),
            "deploy-frozen"
        );
    }
);

both_databases!(
    a_push_goes_by_the_types_that_its_changes_were_approved_as,
    |desk| {
        let bench = Bench::new(desk);
        let desk = &bench.desk;
        let (ann, ben) = (desk.person("Ann", APPROVER), desk.person("Ben", APPROVER));
        let admin = desk.person("Warden", Roles::of(&[Role::Admin]));
        let push = || bench.try_git(&bench.path("work"), &["push", "origin", "main"]);
        bench.commit("a.txt", "Start");
        assert!(push().status.success());
        let friday = Details::friday("No changes on Friday", STOCKHOLM);
        freeze::add(&desk.as_person(&admin), &friday).unwrap();
        go_to_friday(desk);
        let urgent = opened(desk, &ann, Sort::Emergency, &[]);
        bench.commit("pool.toml", &format!("Raise pool size\n\nRefs: {urgent}"));
        let said = crate::git_bench::text(&push());
        assert!(said.contains("refused (FREEZE)"), "{said}");
        approve(desk, &ann, &ben, urgent);
        let said = push();
        assert!(said.status.success(), "{}", crate::git_bench::text(&said));
        // What a change of another type rides along with it stays outside.
        let normal = opened(desk, &ann, Sort::Normal, &[]);
        approve(desk, &ann, &ben, normal);
        bench.commit("pool.toml", &format!("Raise it more\n\nRefs: {urgent}"));
        bench.commit("b.txt", &format!("And this\n\nRefs: {normal}"));
        let said = crate::git_bench::text(&push());
        assert!(said.contains("refused (FREEZE)"), "{said}");
    }
);

both_databases!(
    what_a_window_says_to_a_type_is_kept_shown_and_asked_for,
    |desk| {
        desk.let_letters_go();
        let p = Program::new(desk);
        let new = json!({
            "name": "No changes on Friday", "zone": "Europe/Stockholm", "from": "Fri 00:00", "to": "Mon 07:00",
            "level": "block", "type_levels": {"standard": "warn", "emergency": "exempt"},
        });
        let wrong = json!({
            "name": "x", "zone": "UTC", "from": "Fri 00:00", "to": "Mon 07:00", "level": "block",
            "type_levels": {"normal": "perhaps", "emergency": "never"},
        });
        let wrong = p.call("POST", "/api/v1/freezes", &[], Some(&wrong.to_string()));
        let fault = |field: &str| {
            (
                format!("type_levels.{field}"),
                "not-a-type-level".to_owned(),
            )
        };
        assert_eq!(wrong.faults(), [fault("normal"), fault("emergency")]);
        let made = p.done("POST", "/api/v1/freezes", new);
        let place = format!("/api/v1/freezes/{}", made.text("/id"));
        let levels = json!({"normal": null, "standard": "warn", "emergency": "exempt"});
        assert_eq!(made.body["type_levels"], levels);
        let state = |query: &str| {
            let at = "at=2026-06-05T12:00:00Z";
            p.get(&format!("/api/v1/freeze?{at}{query}")).text("/state")
        };
        assert_eq!(state(""), "block");
        assert_eq!(state("&type=normal"), "block");
        assert_eq!(state("&type=standard"), "warn");
        assert_eq!(state("&type=emergency"), "open");
        assert_eq!(p.get("/api/v1/freeze?type=odd").status, 422);
        // What isn't named stays; what is, is all that there is.
        p.done("PATCH", &place, json!({"name": "Friday"}));
        assert_eq!(state("&type=emergency"), "open");
        let edited = p.done(
            "PATCH",
            &place,
            json!({"type_levels": {"emergency": "approve"}}),
        );
        assert_eq!(edited.body["type_levels"]["standard"], json!(null));
        assert_eq!(state("&type=standard"), "block");
        assert_eq!(state("&type=emergency"), "approve");
        let days = "from=2026-06-04T00:00:00Z&until=2026-06-06T00:00:00Z";
        let calendar = p.get(&format!("/api/v1/calendar?{days}"));
        let window = &calendar.body["windows"][0];
        assert_eq!(window["type_levels"]["emergency"], "approve");

        let browser = Browser::of(&p.desk, &p.ada);
        browser
            .get("/freezes")
            .says("approved emergencies: Needs an approval given inside it");
        let form = |emergency: &'static str, rev: &'static str| {
            [
                ("name", "Friday"),
                ("zone", "Europe/Stockholm"),
                ("from", "Fri 00:00"),
                ("to", "Mon 07:00"),
                ("kind", "deny"),
                ("level", "block"),
                ("type_levels.emergency", emergency),
                ("active", "yes"),
                ("rev", rev),
            ]
        };
        let id = made.text("/id");
        let place = format!("/freezes/{id}");
        let page = browser.post(&place, &form("never", "3"));
        page.is(422).says("warn, approve, block or exempt");
        browser.post(&place, &form("exempt", "3")).is(303);
        browser.get("/freezes").says("approved emergencies: Exempt");
        browser
            .get("/calendar")
            .says("approved emergencies: Exempt");
        browser.get("/audit").says("emergency: exempt");
    }
);
