//! Old and new deadlines before the state of a change is another one: by the API and on the page. A promise that stands while it
//! awaits approval or is on watch moves with each of these steps.

use serde_json::{Value, json};
use watchkeeper::actions::agreement::change_agreement;
use watchkeeper::actions::{change as act, ticket};
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::change::Plan;
use watchkeeper::domain::id::{Kind, TicketKey};
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::sla_agreement::Metric;
use watchkeeper::domain::sla_clock::ClockState;
use watchkeeper::domain::sla_version::Effect;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, State, Ticket};

use crate::api_walk::{Two, is};
use crate::both_databases;
use crate::desk::{Desk, START, Staff};
use crate::program::{Program, Said};
use crate::sla::{HOUR, caches_are_true, clock, customer, house, now_of, open, promise};
use crate::sla_changes::agreed;
use crate::web::Browser;

/// A calendar without a closed hour.
pub fn always(p: &Program) -> String {
    let day = json!(["00:00-24:00"]);
    let weekly =
        json!({"mon": day, "tue": day, "wed": day, "thu": day, "fri": day, "sat": day, "sun": day});
    let asked = json!({"name": "Always", "zone": "UTC", "weekly": weekly});
    p.done("POST", "/api/v1/calendars", asked).text("/id")
}

/// A change of Contoso's that is to be done within eight hours; what it awaits and proves doesn't count.
fn contosos_change(p: &Program, contoso: &str, calendar: &str) -> String {
    let agreements = p.get("/api/v1/agreements");
    let known = agreements.body["items"].as_array().unwrap();
    if !known.iter().any(|it| it["name"] == "Changes") {
        let target = json!({"metric": "resolve", "kind": "change", "budget_secs": 28_800, "calendar_id": calendar,
            "policy": {"on_change": "carry", "reopen_grace_hours": 24, "holds_in": ["awaiting_approval", "on_watch"]}});
        p.done(
            "POST",
            "/api/v1/agreements",
            json!({"customer_ids": [contoso], "name": "Changes", "targets": [target]}),
        );
    }
    p.opened(json!({"title": "Raise pool size", "kind": "change", "customer_id": contoso}))
}

/// Its resolve clock before and after, and whether it moves.
fn resolve(said: &Said) -> (Value, Value, bool) {
    is(said, 200);
    assert_eq!(said.body["dry_run"], true, "{}", said.body);
    let all = said.body["clocks"].as_array().unwrap();
    let it = all.iter().find(|it| it["metric"] == "resolve").unwrap();
    let side = |name: &str| it[name]["deadline_at"].clone();
    (
        side("before"),
        side("after"),
        it["moves"].as_bool().unwrap(),
    )
}

both_databases!(every_step_of_a_change_can_be_tried, |desk| {
    let two = Two::new(desk);
    let p = &two.p;
    p.desk.let_letters_go();
    let (contoso, carol) = two.contoso();
    let calendar = always(p);
    let key = contosos_change(p, &contoso, &calendar);
    let place = format!("/api/v1/changes/{key}");
    let due = |text: &str| Value::String(format!("2026-06-01T{text}:00Z"));
    let read = || p.get(&place).body;
    let rev = || format!("\"{}\"", read()["ticket"]["version"]);
    let tried = |rest: &str, body: Value| {
        let before = read();
        let body = (!body.is_null()).then(|| body.to_string());
        let said = p.call(
            "POST",
            &format!("{place}/{rest}?dry_run=1"),
            &[],
            body.as_deref(),
        );
        assert_eq!(read(), before, "{rest} changed something");
        said
    };
    let done = |rest: &str, body: Value| p.done("POST", &format!("{place}/{rest}"), body);
    // Bob approves: Ada asked.
    let bob = |rest: &str, body: Value| {
        let rev = rev();
        let heads = [("if-match", rev.as_str())];
        two.bob("POST", &format!("{place}/{rest}"), &heads, body)
    };

    let asked = tried("ask-approval", Value::Null);
    assert_eq!(resolve(&asked), (due("17:00"), Value::Null, true));
    assert_eq!(asked.body["ticket"]["state"], "awaiting_approval");
    done("ask-approval", Value::Null);
    p.desk.advance(HOUR);
    let before = read();
    for (rest, body, state) in [
        ("approve?dry_run=1", Value::Null, "approved"),
        (
            "refuse?dry_run=1",
            json!({"why": "not on a Monday"}),
            "draft",
        ),
        ("redraft?dry_run=1", Value::Null, "draft"),
    ] {
        let said = bob(rest, body);
        assert_eq!(resolve(&said), (Value::Null, due("18:00"), true), "{rest}");
        assert_eq!(said.body["ticket"]["state"], state);
        assert_eq!(read(), before, "{rest} changed something");
    }
    // Editing the plan takes it back to the drawing board.
    let edit = json!({"revert": "helm rollback"}).to_string();
    let edited = p.call("PATCH", &format!("{place}?dry_run=1"), &[], Some(&edit));
    assert_eq!(resolve(&edited), (Value::Null, due("18:00"), true));
    assert_eq!(read(), before);
    let broken = tried(
        "break-glass",
        json!({"reason": "Checkout is down without it"}),
    );
    assert_eq!(resolve(&broken), (Value::Null, due("18:00"), true));
    let review = |said: &Said| {
        let all = said.body["clocks"].as_array().unwrap().iter();
        let mut all = all.filter(|it| it["metric"] == "review");
        all.next().map(|it| it["moves"].clone())
    };
    assert_eq!(
        review(&broken),
        Some(json!(true)),
        "a review is promised with it"
    );
    // What may not be is refused when it is tried, too.
    let seen = rev();
    let heads = [("if-match", seen.as_str())];
    let own = p.call("POST", &format!("{place}/approve?dry_run=1"), &heads, None);
    assert_eq!(own.text("/rule"), "not-your-own");

    bob("approve", Value::Null);
    let started = tried("start", Value::Null);
    assert_eq!(resolve(&started), (due("18:00"), due("18:00"), false));
    done("start", Value::Null);
    let watched = tried("watch", json!({}));
    assert_eq!(resolve(&watched), (due("18:00"), Value::Null, true));
    done("watch", json!({}));
    p.desk.advance(2 * HOUR);
    let resumed = tried("start", Value::Null);
    assert_eq!(resolve(&resumed), (Value::Null, due("20:00"), true));
    let closed = tried("close", json!({"outcome": "successful"}));
    assert!(!resolve(&closed).2, "a promise that is kept moves nothing");
    assert_eq!(closed.body["ticket"]["state"], "closed");
    // The general step is no way round these, tried or not.
    let step = json!({"state": "in_progress"}).to_string();
    let refused = p.call(
        "POST",
        &format!("/api/v1/tickets/{key}/state?dry_run=1"),
        &[],
        Some(&step),
    );
    assert_eq!(refused.text("/rule"), "step-of-a-change");

    // Nor do these of any ticket happen when they are tried.
    let asked = json!({"title": "Slow", "customer_id": contoso, "requester_id": carol});
    let at = format!("/api/v1/tickets/{}", p.opened(asked));
    p.done("POST", &format!("{at}/take"), Value::Null);
    let before = p.get(&at).body;
    for (rest, body) in [
        ("unassign", Value::Null),
        (
            "hand-over",
            json!({"person_id": two.bob_id, "note": "my shift ends"}),
        ),
        ("no-reply-needed", json!({"why": "thanks only"})),
    ] {
        let body = (!body.is_null()).then(|| body.to_string());
        let said = p.call(
            "POST",
            &format!("{at}/{rest}?dry_run=1"),
            &[],
            body.as_deref(),
        );
        is(&said, 200);
        assert_eq!(said.body["dry_run"], true, "{rest}: {}", said.body);
        assert_eq!(p.get(&at).body, before, "{rest} changed something");
        let owner = said.body["ticket"]["owner_id"].clone();
        let expected = match rest {
            "unassign" => Value::Null,
            "hand-over" => json!(two.bob_id),
            _ => before["owner_id"].clone(),
        };
        assert_eq!(owner, expected, "{rest}");
    }
});

/// Contoso's changes are done within eight hours, approval and watch not counted.
fn a_change(desk: &Desk, ada: &Staff) -> Ticket {
    let contoso = customer(desk, "Contoso");
    promise(
        desk,
        ada,
        contoso,
        &[
            (Metric::Resolve, None, 8 * HOUR),
            (Metric::Respond, None, HOUR),
        ],
    );
    let (id, version, mut details) = agreed(desk, contoso);
    let by = desk.as_person(ada);
    let mut of_changes = details.targets[0].clone();
    of_changes.id = None;
    of_changes.metric = Metric::Resolve;
    of_changes.kind = Kind::Change;
    of_changes.policy.holds_in = vec![State::AwaitingApproval, State::OnWatch];
    details.targets.push(of_changes);
    change_agreement(&by, id, version, &details, &Effect::FromNow).unwrap();
    let opening = Opening {
        customer: Some(contoso),
        ..Opening::default()
    };
    let title = Title::parse("Raise pool size").unwrap();
    act::open(&by, title, &opening, Plan::default()).unwrap()
}

both_databases!(
    the_page_shows_what_a_change_moves_before_its_state_is_another,
    |desk| {
        desk.let_letters_go();
        let ada = house(&desk);
        let ben = desk.person("Ben", Roles::of(&[Role::Responder, Role::ChangeApprover]));
        let change = a_change(&desk, &ada);
        let browsers = (Browser::of(&desk, &ada), Browser::of(&desk, &ben));
        let state = || now_of(&desk, &change).state;
        let version = || now_of(&desk, &change).version.to_string();
        // Looked at, it says what would move and does nothing; confirmed, it is done.
        let step = |browser: &Browser, verb: &str, form: &[(&str, &str)], says: &[&str]| {
            let (before, rev) = (state(), version());
            let place = format!("/{}/{verb}", change.key);
            let form = [form, &[("rev", rev.as_str())]].concat();
            let shown = browser.post(&place, &form);
            shown
                .is(200)
                .says("Before it is saved")
                .says("Resolve, Contoso");
            for text in says {
                shown.says(text);
            }
            assert_eq!(state(), before, "{verb}");
            let sure = [&form[..], &[("confirmed", "yes")]].concat();
            browser.post(&place, &sure).is(303);
        };
        let (ada, ben) = &browsers;
        // Stockholm's wall clock: due at 19:00.
        step(
            ada,
            "ask",
            &[],
            &["Waiting for approval", "19:00", "held, without an end"],
        );
        assert_eq!(state(), State::AwaitingApproval);
        desk.advance(HOUR);
        step(
            ben,
            "refuse",
            &[("why", "not on a Monday")],
            &["Not approved", "20:00"],
        );
        assert_eq!(state(), State::Draft);
        step(ada, "ask", &[], &["Waiting for approval"]);
        step(ada, "redraft", &[], &["A draft again"]);
        step(ada, "ask", &[], &["Waiting for approval"]);
        step(
            ada,
            "plan",
            &[("purpose", "fewer time-outs")],
            &["With the new plan"],
        );
        assert_eq!(state(), State::Draft);
        step(ada, "ask", &[], &["Waiting for approval"]);
        step(ben, "approve", &[], &["Approved", "20:00"]);
        assert_eq!(state(), State::Approved);
        // Its start moves nothing, and is saved at once.
        ada.post(&format!("/{}/start", change.key), &[]).is(303);
        step(
            ada,
            "watch",
            &[("live", "yes")],
            &["Live and on watch", "held, without an end"],
        );
        assert_eq!(state(), State::OnWatch);
        desk.advance(HOUR);
        step(ada, "start", &[], &["Under way", "21:00"]);
        assert_eq!(state(), State::InProgress);
        caches_are_true(&desk, &change);
        // Whoever only wants to hear of it isn't asked anything.
        ada.post(&format!("/{}/watch", change.key), &[]).is(303);
        // What is kept moves nothing.
        let end = [("outcome", "successful")];
        ada.post(&format!("/{}/finish", change.key), &end).is(303);
        assert_eq!(state(), State::Closed);
        assert_eq!(
            clock(&desk, &change, Metric::Resolve).state,
            ClockState::Met
        );
        caches_are_true(&desk, &change);
    }
);

both_databases!(
    a_confirmed_approval_is_for_the_plan_that_was_looked_at,
    |desk| {
        desk.let_letters_go();
        let ada = house(&desk);
        let ben = desk.person("Ben", Roles::of(&[Role::Responder, Role::ChangeApprover]));
        let change = a_change(&desk, &ada);
        act::ask_approval(&desk.as_person(&ada), change.key, None).unwrap();
        let browser = Browser::of(&desk, &ben);
        let rev = now_of(&desk, &change).version.to_string();
        let place = format!("/{}/approve", change.key);
        browser.post(&place, &[("rev", &rev)]).is(200);
        ticket::note(&desk.as_person(&ada), change.key, "wait").unwrap();
        let sure = [("rev", rev.as_str()), ("confirmed", "yes")];
        // It isn't what was looked at.
        browser.post(&place, &sure);
        assert_eq!(now_of(&desk, &change).state, State::AwaitingApproval);
    }
);

both_databases!(
    an_answer_that_is_spared_and_a_ticket_that_is_put_back_are_shown_where_they_move_something,
    |desk| {
        desk.let_letters_go();
        let ada = house(&desk);
        a_change(&desk, &ada);
        let contoso = desk
            .app
            .store
            .read(|conn| watchkeeper::store::customer::by_name(conn, "Contoso"))
            .unwrap();
        let incident = open(&desk, &ada, Severity::High, contoso);
        let key: TicketKey = incident.key;
        let browser = Browser::of(&desk, &ada);
        let why = [("why", "thanks only")];
        browser
            .post(&format!("/{key}/no-reply"), &why)
            .is(200)
            .says("Without an answer")
            .says("12:00")
            .says("cancelled");
        let respond = clock(&desk, &incident, Metric::Respond);
        assert_eq!(respond.deadline_at, Some(START.plus_secs(HOUR)));
        assert_eq!(respond.state, ClockState::Running);
        let rev = now_of(&desk, &incident).version.to_string();
        let sure = [why[0], ("confirmed", "yes"), ("rev", rev.as_str())];
        browser.post(&format!("/{key}/no-reply"), &sure).is(303);
        assert_eq!(
            clock(&desk, &incident, Metric::Respond).state,
            ClockState::Cancelled
        );
        // Nobody's promise changes hands with the ticket.
        ticket::take(&desk.as_person(&ada), key, None).unwrap();
        browser.post(&format!("/{key}/put-back"), &[]).is(303);
        assert_eq!(now_of(&desk, &incident).owner, None);
    }
);
