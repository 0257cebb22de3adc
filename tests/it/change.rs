//! A change from one line to its end, through the actions and through the browser.

use serde_json::{Value, json};
use watchkeeper::actions::change as act;
use watchkeeper::actions::{settings, ticket};
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::change::{Plan, Verdict};
use watchkeeper::domain::settings::SettingKey;
use watchkeeper::domain::sla_agreement::Metric;
use watchkeeper::domain::sla_clock::ClockState;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, Outcome, State};
use watchkeeper::error::Error;
use watchkeeper::store::people::Holder;

use crate::api_walk::{Two, fault, is};
use crate::both_databases;
use crate::desk::Staff;
use crate::served::Served;
use crate::sla::{HOUR, caches_are_true, clock, house};
use crate::visitor::Visitor;
use crate::web::Browser;

const RESPONDER: Roles = Roles::of(&[Role::Responder]);
const APPROVER: Roles = Roles::of(&[Role::Responder, Role::ChangeApprover]);

fn title() -> Title {
    Title::parse("Raise pool size").unwrap()
}

#[track_caller]
fn refused<T: std::fmt::Debug>(outcome: watchkeeper::error::Result<T>) -> &'static str {
    match outcome.unwrap_err() {
        Error::Refused(refusal) | Error::Forbidden(refusal) => refusal.rule,
        other => panic!("{other:?}"),
    }
}

both_databases!(
    a_change_is_approved_by_somebody_else_and_ends_with_an_outcome,
    |desk| {
        let (ada, ben) = (desk.person("Ada", APPROVER), desk.person("Ben", APPROVER));
        let opened = act::open(
            &desk.as_person(&ada),
            title(),
            &Opening::default(),
            Plan::default(),
        );
        let key = opened.unwrap().key;
        assert_eq!(key.to_string(), "CHG-1");
        let waiting = act::ask_approval(&desk.as_person(&ada), key, None).unwrap();
        assert_eq!(
            refused(act::approve(&desk.as_person(&ada), key, waiting.version)),
            "not-your-own"
        );
        let cleo = desk.person("Cleo", RESPONDER);
        assert_eq!(
            refused(act::approve(&desk.as_person(&cleo), key, waiting.version)),
            "needs-role"
        );
        // The general step is no way round the approval.
        let step = ticket::step(&desk.as_person(&ada), key, None, State::Approved, "");
        assert_eq!(refused(step), "step-of-a-change");
        act::approve(&desk.as_person(&ben), key, waiting.version).unwrap();

        // The plan changes: the approval was for another one.
        let plan = Plan {
            revert: "helm rollback web 41".into(),
            ..Plan::default()
        };
        let edited = act::edit(&desk.as_person(&ada), key, None, plan).unwrap();
        assert_eq!(edited.state, State::Draft);
        act::ask_approval(&desk.as_person(&ada), key, None).unwrap();
        let stale = act::approve(&desk.as_person(&ben), key, waiting.version);
        assert!(
            matches!(stale, Err(Error::Stale)),
            "an approval is for what was read"
        );
        let now = ticket::read(&desk.as_person(&ben), key).unwrap().version;
        act::approve(&desk.as_person(&ben), key, now).unwrap();

        act::start(&desk.as_person(&ada), key, None).unwrap();
        act::watch(&desk.as_person(&ada), key, None, None).unwrap();
        let closed = act::close(&desk.as_person(&ada), key, None, Outcome::Successful, "").unwrap();
        assert_eq!(
            (closed.state, closed.outcome),
            (State::Closed, Some(Outcome::Successful))
        );
        let (_, change, glass) = act::read(&desk.as_person(&ben), key).unwrap();
        assert_eq!(glass, None);
        assert_eq!(change.approved_by, Some(ben.id));
    }
);

both_databases!(a_change_is_planned_and_asked_for_in_the_browser, |desk| {
    let ada = desk.person("Ada", RESPONDER);
    let plan = Plan {
        purpose: "Fewer time-outs".into(),
        ..Plan::default()
    };
    act::open(&desk.as_person(&ada), title(), &Opening::default(), plan).unwrap();
    let browser = Browser::of(&desk, &ada);
    let page = browser.get("/CHG-1");
    page.is(200)
        .says("Fewer time-outs")
        .says("How to revert")
        .says("Ask for approval");
    let rev = ticket::read(&desk.as_person(&ada), "CHG-1".parse().unwrap())
        .unwrap()
        .version;
    let rev = rev.to_string();
    let wrong = browser.post(
        "/CHG-1/plan",
        &[
            ("rev", &rev),
            ("purpose", "Fewer time-outs"),
            ("ends_at", "2026-06-02T10:00"),
            ("revert", "helm <rollback>"),
        ],
    );
    wrong.is(422).says("helm &lt;rollback&gt;");
    browser.post("/CHG-1/ask", &[]).is(303);
    browser
        .get("/CHG-1")
        .is(200)
        .says("Waiting for somebody else");
});

both_databases!(
    a_repository_is_registered_in_the_browser_and_its_token_shown_once,
    |desk| {
        let root = desk.person("Root", Roles::of(&[Role::Admin]));
        let browser = Browser::of(&desk, &root);
        browser.get("/repositories").is(200).says("No repository");
        browser
            .post("/repositories", &[("name", "a b")])
            .is(422)
            .says("no name of a repository");
        let made = browser.post(
            "/repositories",
            &[("name", "infra/web"), ("publish", "release/*")],
        );
        made.is(200)
            .says("watchkeeper hook install --url https://watch.example.org --token wk_");
        let list = browser.get("/repositories");
        assert!(!list.says("infra/web").text().contains("--token"));
    }
);

const REASON: &str = "the certificate ends in ten minutes";

both_databases!(
    broken_glass_starts_a_clock_that_a_review_by_somebody_else_keeps,
    |desk| {
        house(&desk);
        let lead = Roles::of(&[Role::Responder, Role::Lead, Role::ChangeApprover]);
        let (ada, ben) = (desk.person("Mia", lead), desk.person("Ben", APPROVER));
        let (by_ada, by_ben) = (desk.as_person(&ada), desk.as_person(&ben));
        let key = act::open(&by_ada, title(), &Opening::default(), Plan::default())
            .unwrap()
            .key;
        assert_eq!(
            refused(act::break_glass(&by_ben, key, None, REASON)),
            "needs-role"
        );
        let short = act::break_glass(&by_ada, key, None, "urgent").unwrap_err();
        assert!(matches!(short, Error::Invalid(faults) if faults[0].problem == "too-short"));
        let broken = act::break_glass(&by_ada, key, None, REASON).unwrap();
        assert_eq!(broken.state, State::InProgress);
        let review = clock(&desk, &broken, Metric::Review);
        assert_eq!(
            (review.state, review.deadline_at),
            (ClockState::Running, Some(desk.now().plus_secs(24 * HOUR)))
        );
        assert_eq!(
            refused(act::break_glass(&by_ada, key, None, REASON)),
            "glass-already-broken"
        );
        assert_eq!(
            refused(act::close(&by_ada, key, None, Outcome::Successful, "")),
            "glass-unreviewed"
        );
        let verdict = Verdict::NeedsFollowUp;
        assert_eq!(
            refused(act::review_glass(&by_ada, key, None, verdict, "it was me")),
            "not-your-own"
        );
        let silent = act::review_glass(&by_ben, key, None, verdict, " ").unwrap_err();
        assert!(matches!(silent, Error::Invalid(faults) if faults[0].field == "text"));
        desk.advance(23 * HOUR);
        let (by_ada, by_ben) = (desk.as_person(&ada), desk.as_person(&ben));
        let reviewed =
            act::review_glass(&by_ben, key, None, verdict, "renew it by a timer").unwrap();
        assert_eq!(
            clock(&desk, &reviewed, Metric::Review).state,
            ClockState::Met
        );
        caches_are_true(&desk, &reviewed);
        let (_, _, glass) = act::read(&by_ben, key).unwrap();
        let found = glass.unwrap().review.unwrap();
        assert_eq!((found.by_name.as_str(), found.verdict), ("Ben", verdict));
        assert_eq!(
            refused(act::review_glass(&by_ben, key, None, verdict, "again")),
            "glass-whole"
        );
        act::close(&by_ada, key, None, Outcome::Successful, "").unwrap();
        desk.let_letters_go();
    }
);

both_databases!(
    a_review_that_nobody_made_is_late_as_any_promise_and_its_hours_are_a_setting,
    |desk| {
        let ada = house(&desk);
        let admin = desk.as_person(&ada);
        let hours = (SettingKey::GlassReviewHours, "2".to_owned());
        settings::change(&admin, &[hours]).unwrap();
        let opening = Opening {
            owner: Some(ada.id),
            ..Opening::default()
        };
        let key = act::open(&admin, title(), &opening, Plan::default())
            .unwrap()
            .key;
        let broken = act::break_glass(&admin, key, None, REASON).unwrap();
        let deadline = desk.now().plus_secs(2 * HOUR);
        desk.letters();
        desk.advance(2 * HOUR + 1);
        let review = clock(&desk, &broken, Metric::Review);
        assert_eq!(review.breached_at, Some(deadline));
        let sent = desk.letters();
        assert!(
            matches!(sent.as_slice(), [one] if one.subject.contains("Late: Raise pool size")),
            "{sent:?}"
        );
    }
);

both_databases!(glass_is_broken_and_reviewed_in_the_browser, |desk| {
    desk.let_letters_go();
    house(&desk);
    let lead = Roles::of(&[Role::Responder, Role::Lead]);
    let (ada, ben) = (desk.person("Mia", lead), desk.person("Ben", APPROVER));
    let opening = Opening::default();
    act::open(&desk.as_person(&ada), title(), &opening, Plan::default()).unwrap();
    let served = Served::new(&desk.app);
    let enter = |who: &Staff| Visitor::logged_in(&served, &desk.app, Holder::Person(who.id));
    let (mia, ben) = (enter(&ada), enter(&ben));
    assert!(mia.get("/CHG-1").text.contains("Break the glass"));
    assert!(!ben.get("/CHG-1").text.contains("Break the glass"));
    let short = mia.post("/CHG-1/break-glass", &[("reason", "now <b>")]);
    assert_eq!(short.status, 422);
    for said in ["Write at least 10 characters", "now &#60;b&#62;"] {
        assert!(short.text.contains(said), "{said}: {}", short.text);
    }
    // The review that somebody will owe is shown first.
    let shown = mia.post("/CHG-1/break-glass", &[("reason", REASON)]);
    assert_eq!(shown.status, 200, "{}", shown.text);
    for said in ["Gone ahead without approval", "no promise"] {
        assert!(shown.text.contains(said), "{said}: {}", shown.text);
    }
    assert!(!mia.get("/CHG-1").text.contains("Mia broke the glass"));
    let seen = ticket::read(&desk.as_person(&ada), "CHG-1".parse().unwrap());
    let rev = seen.unwrap().version.to_string();
    let sure = [
        ("reason", REASON),
        ("confirmed", "yes"),
        ("rev", rev.as_str()),
    ];
    let broken = mia.post("/CHG-1/break-glass", &sure);
    assert_eq!(broken.status, 303, "{}", broken.text);
    let page = mia.get("/CHG-1").text;
    for said in ["Mia broke the glass", "Somebody else reviews it by"] {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert!(!page.contains("/CHG-1/glass-review"), "not her own");
    assert!(ben.get("/CHG-1").text.contains("/CHG-1/glass-review"));
    let said = [("verdict", "accepted"), ("text", "nothing else helped")];
    assert_eq!(ben.post("/CHG-1/glass-review", &said).status, 303);
    let page = mia.get("/CHG-1").text;
    for said in ["Ben reviewed it: accepted", "nothing else helped"] {
        assert!(page.contains(said), "{said}: {page}");
    }
});

both_databases!(glass_is_broken_and_reviewed_by_the_api, |desk| {
    desk.let_letters_go();
    let two = Two::new(desk);
    let key = two.p.opened(json!({"title": "Renew it", "kind": "change"}));
    let place = format!("/api/v1/changes/{key}");
    assert_eq!(two.p.get(&place).body["glass"], Value::Null);
    let short = json!({"reason": "urgent"}).to_string();
    let refused = two
        .p
        .call("POST", &format!("{place}/break-glass"), &[], Some(&short));
    assert_eq!(refused.faults(), [fault("reason", "too-short")]);
    two.p.done(
        "POST",
        &format!("{place}/break-glass"),
        json!({"reason": REASON}),
    );
    let glass = two.p.get(&place).body["glass"].clone();
    assert_eq!(
        (&glass["reason"], &glass["review"]),
        (&json!(REASON), &Value::Null)
    );
    let clocks = two.p.get(&format!("/api/v1/tickets/{key}/clocks")).body;
    let is_review = |it: &Value| it["metric"] == "review" && it["state"] == "running";
    assert!(
        clocks["items"].as_array().unwrap().iter().any(is_review),
        "{clocks}"
    );
    let found = json!({"verdict": "needs_follow_up", "text": "renew it by a timer"});
    let review = format!("{place}/glass-review");
    let own = two.p.call("POST", &review, &[], Some(&found.to_string()));
    assert_eq!(own.text("/rule"), "not-your-own");
    is(&two.bob("POST", &review, &[], found), 200);
    let glass = two.p.get(&place);
    assert_eq!(glass.text("/glass/review/verdict"), "needs_follow_up");
    assert_eq!(glass.text("/glass/review/by_name"), "Bob");
});
