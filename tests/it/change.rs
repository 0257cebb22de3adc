//! A change from one line to its end, through the actions and through the browser.

use watchkeeper::actions::change as act;
use watchkeeper::actions::ticket;
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::change::Plan;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, Outcome, State};
use watchkeeper::error::Error;

use crate::both_databases;
use crate::desk::{Desk, On};
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
        let (_, change) = act::read(&desk.as_person(&ben), key).unwrap();
        assert_eq!(change.approved_by, Some(ben.id));
    }
);

#[test]
fn a_change_is_planned_and_asked_for_in_the_browser() {
    let desk = Desk::new(On::Sqlite);
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
}

#[test]
fn a_repository_is_registered_in_the_browser_and_its_token_shown_once() {
    let desk = Desk::new(On::Sqlite);
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
