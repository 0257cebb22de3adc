//! Freezes: what stands before a change on a Friday, through every door, and who keeps the windows.

use serde_json::json;
use watchkeeper::actions::change as act;
use watchkeeper::actions::{self, freeze, ticket};
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::change::Plan;
use watchkeeper::domain::freeze::{Asked, Details, Scope, Typed, TypedLevels};
use watchkeeper::domain::id::TicketKey;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, State};
use watchkeeper::domain::timeline::{Door, EntryKind};
use watchkeeper::domain::timestamp::Timestamp;
use watchkeeper::error::Error;
use watchkeeper::store::people::Holder;
use watchkeeper::store::{self, timeline::Recorded};

use crate::both_databases;
use crate::desk::{Desk, Staff};
use crate::program::Program;
use crate::served::Served;
use crate::sla::{HOUR, entries, house};
use crate::visitor::Visitor;
use crate::web::Browser;

const RESPONDER: Roles = Roles::of(&[Role::Responder]);
const APPROVER: Roles = Roles::of(&[Role::Responder, Role::ChangeApprover, Role::Lead]);
const DAY: i64 = 24 * HOUR;
const STOCKHOLM: chrono_tz::Tz = chrono_tz::Europe::Stockholm;

fn opened(desk: &Desk, who: &Staff) -> TicketKey {
    let title = Title::parse("Raise pool size").unwrap();
    let opened = act::open(
        &desk.as_person(who),
        title,
        &Opening::default(),
        Plan::default(),
    );
    opened.unwrap().key
}

fn approved(desk: &Desk, by: &Staff, other: &Staff) -> TicketKey {
    let key = opened(desk, by);
    let waiting = act::ask_approval(&desk.as_person(by), key, None).unwrap();
    act::approve(&desk.as_person(other), key, waiting.version).unwrap();
    key
}

/// From Monday 09:00 UTC to Friday noon.
fn go_to_friday(desk: &Desk) {
    desk.advance(4 * DAY + 3 * HOUR);
    is_friday(desk);
}

fn is_friday(desk: &Desk) {
    assert_eq!(
        desk.now(),
        Timestamp::parse_rfc3339("2026-06-05T12:00:00Z").unwrap()
    );
}

/// The last entry of this kind.
fn told(desk: &Desk, key: TicketKey, kind: EntryKind) -> Recorded {
    let system = desk.app.system("test", Door::Cli);
    let ticket = system.read(|conn| store::ticket::by_key(conn, key));
    let mut found = entries(desk, &ticket.unwrap().unwrap(), kind);
    found.pop().expect("told")
}

#[track_caller]
fn rule<T: std::fmt::Debug>(outcome: watchkeeper::error::Result<T>) -> String {
    match outcome.unwrap_err() {
        Error::Refused(refusal) => refusal.rule.to_owned(),
        other => panic!("{other:?}"),
    }
}

both_databases!(
    on_friday_no_change_begins_what_has_begun_is_finished_and_the_glass_can_be_broken,
    |desk| {
        desk.let_letters_go();
        let admin = house(&desk);
        let (ada, ben) = (desk.person("Ann", APPROVER), desk.person("Ben", APPROVER));
        let friday = Details::friday("No changes on Friday", STOCKHOLM);
        freeze::add(&desk.as_person(&admin), &friday).unwrap();
        let before = approved(&desk, &ada, &ben);
        act::start(&desk.as_person(&ada), before, None).unwrap();
        // An hour before it: approvals stand still in it.
        desk.advance(3 * DAY + 12 * HOUR);
        let late = approved(&desk, &ada, &ben);
        let urgent = approved(&desk, &ada, &ben);
        desk.advance(15 * HOUR);
        is_friday(&desk);
        let by = desk.as_person(&ada);
        let refused = act::start(&by, late, None).unwrap_err();
        let Error::Refused(refusal) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(refusal.rule, "frozen");
        let args: Vec<_> = refusal
            .args
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        assert_eq!(
            args,
            [
                ("name", "No changes on Friday"),
                ("until", "2026-06-08T05:00:00Z")
            ]
        );
        assert_eq!(ticket::read(&by, late).unwrap().state, State::Approved);
        let browser = Browser::of(&desk, &ada);
        let page = browser.get(&format!("/{late}"));
        page.says("Frozen:")
            .says("No changes on Friday")
            .says("Mon 8 Jun 2026 07:00 CEST");
        assert!(!page.text().contains(&format!("action=\"/{late}/start\"")));
        browser
            .post(&format!("/{late}/start"), &[])
            .is(422)
            .says("changes don&#39;t begin");

        // What has begun goes on: live, back from its watch, and live again.
        act::watch(&by, before, None, None).unwrap();
        act::start(&by, before, None).unwrap();

        act::break_glass(&by, urgent, None, "the certificate expires tonight").unwrap();
        let begun = ticket::read(&by, urgent).unwrap();
        assert_eq!(begun.state, State::InProgress);
        let broken = told(&desk, urgent, EntryKind::GlassBroken);
        assert_eq!(broken.facts.get("freeze"), Some("No changes on Friday"));
        browser
            .get(&format!("/{urgent}"))
            .says("broke the glass inside the freeze “No changes on Friday”");

        // Monday 07:00 in Stockholm, and a second before it.
        desk.advance(2 * DAY + 17 * HOUR - 1);
        assert_eq!(
            rule(act::start(&desk.as_person(&ada), late, None)),
            "frozen"
        );
        desk.advance(1);
        assert!(
            browser
                .get(&format!("/{late}"))
                .text()
                .contains(&format!("/{late}/start"))
        );
        let begun = act::start(&desk.as_person(&ada), late, None).unwrap();
        assert_eq!(begun.state, State::InProgress);
    }
);

both_databases!(
    a_window_that_wants_an_approval_lets_the_approved_begin_and_one_that_warns_is_named,
    |desk| {
        desk.let_letters_go();
        let admin = house(&desk);
        let (ada, ben) = (desk.person("Ann", APPROVER), desk.person("Ben", APPROVER));
        let by = desk.as_person(&admin);
        let window = |name: &str, level: &str| {
            let typed = Typed {
                name,
                zone: "Europe/Stockholm",
                from: "2026-06-01 12:00",
                to: "2026-06-02 00:00",
                sort: "deny",
                level,
                types: TypedLevels::default(),
                announce: "",
            };
            Details::check(&typed, Scope::default(), true).unwrap()
        };
        let strict = freeze::add(&by, &window("Month's end", "approve")).unwrap();
        let key = approved(&desk, &ada, &ben);
        let browser = Browser::of(&desk, &ada);
        // Approved at 11:00 in Stockholm, which was before it.
        desk.advance(2 * HOUR);
        let ann = desk.as_person(&ada);
        assert_eq!(rule(act::start(&ann, key, None)), "frozen-unapproved");
        browser
            .get(&format!("/{key}"))
            .says("Begins only with an approval given inside this window");
        act::back_to_draft(&ann, key, None).unwrap();
        let waiting = act::ask_approval(&ann, key, None).unwrap();
        act::approve(&desk.as_person(&ben), key, waiting.version).unwrap();
        act::start(&ann, key, None).unwrap();
        let begun = told(&desk, key, EntryKind::StateChanged);
        assert_eq!(begun.facts.get("freeze"), Some("Month's end"));
        let other = approved(&desk, &ada, &ben);

        freeze::edit(
            &by,
            strict.id,
            strict.version,
            &window("Month's end", "warn"),
        )
        .unwrap();
        act::start(&ann, other, None).unwrap();
        browser
            .get(&format!("/{other}"))
            .says("inside the freeze “Month&#39;s end”");
        let stale = freeze::edit(&by, strict.id, strict.version, &window("x", "warn"));
        assert!(matches!(stale, Err(Error::Stale)));
    }
);

both_databases!(windows_are_kept_in_the_browser_by_who_may, |desk| {
    let admin = house(&desk);
    let ben = desk.person("Ben", RESPONDER);
    let browser = Browser::of(&desk, &admin);
    browser.get("/settings").says("href=\"/freezes\"");
    browser
        .get("/freezes")
        .is(200)
        .says("No freeze yet")
        .says("value=\"No changes on Friday\"")
        .says("value=\"Fri 00:00\"");
    let mut form = vec![
        ("name", "No changes on Friday"),
        ("zone", "Europe/Stockholm"),
        ("from", "Fry 00:00"),
        ("to", "Mon 07:00"),
        ("level", "block"),
        ("active", "yes"),
    ];
    browser
        .post("/freezes", &form)
        .is(422)
        .says("“Fry 00:00” is no such time")
        .says("value=\"Mon 07:00\"");
    form[2] = ("from", "fri 00:00");
    browser.post("/freezes", &form).is(303);
    let listed = browser.get("/freezes");
    listed
        .says("every week, Fri 00:00 to Mon 07:00")
        .says("Blocks")
        .says("Fri 5 Jun 2026 00:00 CEST");
    let text = listed.text();
    let (_, id) = text.split_once("href=\"/freezes/").expect("its page");
    let place = format!("/freezes/{}", id.split('"').next().unwrap());
    browser.get(&place).is(200).says("value=\"Fri 00:00\"");

    let served = Served::new(&desk.app);
    let reader = Visitor::logged_in(&served, &desk.app, Holder::Person(ben.id));
    let seen = reader.get("/freezes");
    assert_eq!(seen.status, 200);
    assert!(seen.text.contains("No changes on Friday"));
    assert!(!seen.text.contains("name=\"level\""));
    assert_eq!(reader.post("/freezes", &form).status, 403);

    // Off, it stays on the list and asks nothing.
    let mut off: Vec<_> = form
        .into_iter()
        .filter(|(name, _)| *name != "active")
        .collect();
    off.push(("rev", "1"));
    browser.post(&place, &off).is(303);
    browser.get("/freezes").says("off");
    browser
        .post(&place, &off)
        .is(409)
        .says("name=\"rev\" value=\"2\"");
    browser.get("/audit").says("changed a freeze");
    go_to_friday(&desk);
    let now = desk.now();
    let state = desk
        .app
        .store
        .read(|conn| freeze::state(conn, &Asked::production(&[]), now));
    assert_eq!(state.unwrap().level, None);
});

both_databases!(a_pipeline_asks_whether_changes_may_begin, |desk| {
    let p = Program::new(desk);
    asks_and_keeps(&p);
    p.desk.letters();
});

/// A program keeps a window and asks what it says.
pub fn asks_and_keeps(p: &Program) {
    let asked = |query: &str| p.get(&format!("/api/v1/freeze{query}")).body;
    let open = asked("");
    assert_eq!(
        (&open["state"], &open["next_open"]),
        (&json!("open"), &open["at"])
    );
    let new = json!({
        "name": "No changes on Friday", "zone": "Europe/Stockholm",
        "from": "Fri 00:00", "to": "Mon 07:00", "level": "block",
    });
    let made = p.done("POST", "/api/v1/freezes", new);
    let id = made.text("/id");
    let frozen = asked("?at=2026-06-05T12:00:00Z");
    assert_eq!(
        (&frozen["state"], &frozen["window"], &frozen["next_open"]),
        (
            &json!("block"),
            &json!("No changes on Friday"),
            &json!("2026-06-08T05:00:00Z")
        )
    );
    let place = format!("/api/v1/freezes/{id}");
    let wrong = json!({"to": "Fri 00:00", "zone": "Europe/Stokholm"}).to_string();
    let wrong = p.call("PATCH", &place, &[], Some(&wrong));
    assert_eq!(wrong.status, 422);
    assert_eq!(
        wrong.faults(),
        [
            ("zone".to_owned(), "unknown-zone".to_owned()),
            ("to".to_owned(), "freeze-never-open".to_owned())
        ]
    );
    let off = p.done("PATCH", &place, json!({"is_active": false}));
    assert_eq!(
        (&off.body["is_active"], &off.body["from"]),
        (&json!(false), &json!("Fri 00:00"))
    );
    assert_eq!(asked("?at=2026-06-05T12:00:00Z")["state"], "open");
    assert_eq!(p.get("/api/v1/freezes").body["items"][0]["id"], json!(id));
    assert_eq!(p.get(&place).body["version"], 2);
}

both_databases!(
    a_window_is_for_its_environments_its_risk_and_its_weekend_of_the_month,
    |desk| {
        desk.let_letters_go();
        let p = Program::new(desk);
        let by = p.desk.as_person(&p.ada);
        actions::house::set_environments(&by, "prod\nstaging").unwrap();
        let made = |body: serde_json::Value| {
            let said = p.done("POST", "/api/v1/freezes", body);
            assert_eq!(said.status, 201, "{}", said.body);
            said.text("/id")
        };
        made(
            json!({"name": "Rehearsal", "zone": "Europe/Stockholm", "from": "Mon 00:00", "to": "Tue 00:00",
            "level": "block", "environments": ["staging"]}),
        );
        let risky = made(
            json!({"name": "Careful", "zone": "Europe/Stockholm", "from": "Mon 00:00", "to": "Tue 00:00",
            "level": "approve", "min_risk": "medium"}),
        );
        // START is a Monday, 11:00 in Stockholm.
        let state = |query: &str| p.get(&format!("/api/v1/freeze?{query}")).text("/state");
        assert_eq!(state("env=staging"), "block");
        assert_eq!(state("env=prod"), "approve", "unjudged");
        assert_eq!(state("env=prod&risk=low"), "open");
        assert_eq!(state("risk=high"), "approve");
        let unknown = p.get("/api/v1/freeze?env=moon");
        assert_eq!(
            unknown.faults(),
            [("env".to_owned(), "unknown-environment".to_owned())]
        );
        let edited = p.call(
            "PATCH",
            &format!("/api/v1/freezes/{risky}"),
            &[],
            Some(r#"{"min_risk": null}"#),
        );
        assert_eq!(edited.status, 200, "{}", edited.body);
        assert_eq!(edited.body["min_risk"], json!(null));
        assert_eq!(state("risk=low"), "approve");
        // Every third Saturday until Monday: the next is 20 June.
        made(
            json!({"name": "Weekend of the month", "zone": "Europe/Stockholm", "from": "third Sat 00:00",
            "to": "Mon 07:00", "level": "block"}),
        );
        let at = p.get("/api/v1/freeze?at=2026-06-21T10:00:00Z");
        assert_eq!(
            (at.text("/window"), at.text("/until")),
            ("Weekend of the month".into(), "2026-06-22T05:00:00Z".into())
        );
        assert_eq!(state("at=2026-06-13T10:00:00Z"), "open");
        let wrong = json!({"name": "x", "zone": "UTC", "from": "third Sat 00:00", "to": "third Sun 00:00", "level": "block"});
        let wrong = p.call("POST", "/api/v1/freezes", &[], Some(&wrong.to_string()));
        assert_eq!(
            wrong.faults(),
            [("to".to_owned(), "freeze-end-by-weekday".to_owned())]
        );
        let browser = Visitor::logged_in(&p.server, &p.desk.app, Holder::Person(p.ada.id));
        let page = browser.get("/freezes").text;
        for wanted in [
            "every month, third Sat 00:00 to Mon 07:00",
            "staging",
            "every week, Mon 00:00 to Tue 00:00",
        ] {
            assert!(page.contains(wanted), "{wanted:?} isn't in\n{page}");
        }
    }
);

both_databases!(
    where_there_are_maintenance_windows_changes_begin_only_inside_them,
    |desk| {
        desk.let_letters_go();
        let admin = house(&desk);
        let (ada, ben) = (desk.person("Ann", APPROVER), desk.person("Ben", APPROVER));
        let browser = Browser::of(&desk, &admin);
        let form = [
            ("name", "Tuesday night"),
            ("zone", "Europe/Stockholm"),
            ("kind", "allow"),
            ("from", "Tue 22:00"),
            ("to", "Wed 02:00"),
            ("active", "yes"),
        ];
        browser.post("/freezes", &form).is(303);
        browser.get("/freezes").says("changes begin only inside it");
        let key = approved(&desk, &ada, &ben);
        let by = || desk.as_person(&ada);
        assert_eq!(rule(act::start(&by(), key, None)), "outside-maintenance");
        Browser::of(&desk, &ada)
            .get(&format!("/{key}"))
            .says("Tuesday night")
            .says("Tue 2 Jun 2026 22:00 CEST");
        // Tuesday 22:00 in Stockholm.
        desk.advance(DAY + 11 * HOUR);
        act::start(&by(), key, None).unwrap();
        let late = approved(&desk, &ada, &ben);
        desk.advance(4 * HOUR);
        assert_eq!(rule(act::start(&by(), late, None)), "outside-maintenance");
        act::break_glass(&by(), late, None, "the disk is full, it can't wait").unwrap();
        let broken = told(&desk, late, EntryKind::GlassBroken);
        assert_eq!(broken.facts.get("freeze"), Some("Tuesday night"));
    }
);
