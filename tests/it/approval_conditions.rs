//! "Yes, but not before": what an approver says of the time holds at every door where work begins.

use serde_json::json;
use watchkeeper::actions::approval::{self as act, Ballot};
use watchkeeper::domain::approval::{Needs, Verdict, When};
use watchkeeper::domain::id::TicketKey;
use watchkeeper::domain::ticket::{State, Ticket};
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::error::{Error, Result};
use watchkeeper::store::people::Holder;

use crate::api_walk::Two;
use crate::approvals::{House, argument, rule};
use crate::both_databases;
use crate::deploy::{tell, typed};
use crate::desk::Staff;
use crate::served::Served;
use crate::sla::{HOUR, entries};
use crate::visitor::Visitor;

fn approve_from(house: &House, who: &Staff, key: TicketKey, secs: Option<i64>) -> Result<Ticket> {
    let ballot = Ballot {
        not_before: secs.map(|secs| house.desk.now().plus_secs(secs)),
        ..Ballot::default()
    };
    act::approve(&house.by(who), key, house.ticket(key).version, &ballot)
}

#[track_caller]
fn problem<T: std::fmt::Debug>(outcome: Result<T>) -> (String, &'static str) {
    match outcome {
        Err(Error::Invalid(faults)) => (faults[0].field.to_string(), faults[0].problem),
        other => panic!("{other:?}"),
    }
}

both_databases!(
    what_was_approved_for_later_begins_later_and_whoever_said_so_may_say_otherwise,
    |desk| {
        let house = House::new(desk);
        let two = Needs {
            approvers: 2,
            ..Needs::HOUSE
        };
        house.rule(When::default(), two);
        let key = house.asked();
        for (secs, wrong) in [
            (0, "not-before-in-past"),
            (24 * HOUR, "not-before-too-late"),
        ] {
            let refused = problem(approve_from(&house, &house.ben, key, Some(secs)));
            assert_eq!(refused, ("not_before".to_owned(), wrong));
        }
        approve_from(&house, &house.ben, key, Some(3 * HOUR)).unwrap();
        let opens = house.desk.now().plus_secs(5 * HOUR);
        let approved = approve_from(&house, &house.cleo, key, Some(5 * HOUR)).unwrap();
        assert_eq!(approved.state, State::Approved);
        let said = entries(&house.desk, &approved, EntryKind::Approved);
        assert_eq!(said[0].facts.instant("not_before"), Some(opens));
        let mut told = typed("2.0", "started");
        told.change = key.to_string();
        assert_eq!(rule(house.start(key)), "approval-not-yet");
        assert_eq!(argument(house.start(key), "name"), "Cleo");
        assert_eq!(argument(house.start(key), "at"), opens.rfc3339());
        assert_eq!(rule(tell(&house.desk, told.clone())), "approval-not-yet");
        // Nobody has to approve it anew, and nobody else may meddle; whoever said so may.
        let dora = house.desk.person("Dora", crate::approvals::APPROVER);
        assert_eq!(rule(approve_from(&house, &dora, key, None)), "no-such-step");
        house.desk.advance(HOUR);
        let sooner = approve_from(&house, &house.cleo, key, None).unwrap();
        assert_eq!(sooner.state, State::Approved);
        assert_eq!(argument(house.start(key), "name"), "Ben");
        house.desk.advance(2 * HOUR);
        assert!(house.verdict(key).is_standing());
        tell(&house.desk, told).unwrap();
        assert_eq!(house.ticket(key).state, State::InProgress);

        // An edit ends the condition with its approval.
        let key = house.asked();
        approve_from(&house, &house.ben, key, Some(HOUR)).unwrap();
        house.approve(&house.cleo, key).unwrap();
        assert!(matches!(house.verdict(key), Verdict::Waits { .. }));
        house.desk.advance(HOUR);
        house.start(key).unwrap();
    }
);

both_databases!(
    a_condition_is_typed_on_the_page_in_ones_own_zone_and_read_by_the_api,
    |desk| {
        let house = House::new(desk);
        let key = house.asked();
        let served = Served::new(&house.desk.app);
        let enter = |id| Visitor::logged_in(&served, &house.desk.app, Holder::Person(id));
        let (ann, ben) = (enter(house.ann.id), enter(house.ben.id));
        let place = format!("/{key}/approve");
        let rev = house.ticket(key).version.to_string();
        let say = |when: &str| ben.post(&place, &[("rev", &rev), ("not_before", when)]);
        let wrong = say("2026-05-01T18:00");
        assert_eq!(wrong.status, 422);
        for part in ["Name a time to come", "value=\"2026-05-01T18:00\""] {
            assert!(wrong.text.contains(part), "{part}: {}", wrong.text);
        }
        assert!(
            say("2026-06-09T18:00")
                .text
                .contains("An approval given now runs out")
        );
        // 18:00 in Stockholm.
        assert_eq!(say("2026-06-01T18:00").status, 303);
        let page = ann.get(&format!("/{key}")).text;
        for part in [
            "Approved, and doesn&#39;t begin before",
            "Ben said so",
            "18:00",
            "approved it (not before",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(
            !page.contains(&format!("action=\"/{key}/start\"")),
            "{page}"
        );
        let refused = ann.post(&format!("/{key}/start"), &[]);
        assert_eq!(refused.status, 422);
        assert!(refused.text.contains("Ben approved"), "{}", refused.text);
        assert!(ben.get(&format!("/{key}")).text.contains("Say it anew"));
        let cleo = enter(house.cleo.id);
        assert!(!cleo.get(&format!("/{key}")).text.contains(&place));
        house.desk.advance(7 * HOUR);
        assert_eq!(ann.post(&format!("/{key}/start"), &[]).status, 303);
    }
);

both_databases!(a_condition_is_said_and_read_by_the_api, |desk| {
    desk.let_letters_go();
    let two = Two::new(desk);
    let p = &two.p;
    let key = p.opened(json!({"title": "Raise pool size", "kind": "change"}));
    let on = |rest: &str| format!("/api/v1/changes/{key}{rest}");
    p.done("POST", &on("/ask-approval"), serde_json::Value::Null);
    let etag = p.get(&on("")).header("etag").expect("a version").to_owned();
    let later = json!({"not_before": "2026-06-01T16:00:00Z"});
    let said = two.bob("POST", &on("/approve"), &[("if-match", &etag)], later);
    assert_eq!(said.text("/state"), "approved");
    let approval = p.get(&on("")).body["approval"].clone();
    assert_eq!(
        (
            &approval["state"],
            &approval["opens_at"],
            &approval["votes"][0]["not_before"]
        ),
        (
            &json!("waits"),
            &json!("2026-06-01T16:00:00Z"),
            &json!("2026-06-01T16:00:00Z")
        )
    );
    let refused = p.call("POST", &on("/start"), &[], None);
    assert_eq!(refused.status, 422, "{}", refused.body);
    p.desk.advance(7 * HOUR);
    p.done("POST", &on("/start"), serde_json::Value::Null);
});
