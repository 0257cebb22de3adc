//! Taking back and correcting in the browser and by a program: what moves is shown before it is saved.

use serde_json::{Value, json};
use watchkeeper::domain::access::{Role, Roles, Scopes};
use watchkeeper::domain::sla_agreement::Metric;
use watchkeeper::domain::sla_clock::ClockState;
use watchkeeper::domain::ticket::State;

use crate::api_walk::{Two, is};
use crate::both_databases;
use crate::desk::START;
use crate::program::token_of;
use crate::sla::{HOUR, MINUTE};
use crate::web::Browser;
use crate::what_if_changes::always;

use crate::corrections::{PROOF, Story};

both_databases!(
    the_page_takes_back_and_corrects_after_showing_what_moves,
    |desk| {
        let story = Story::new(&desk);
        desk.advance(30 * MINUTE);
        let spoke = story.spoke().to_string();
        let (ada, ben) = (
            Browser::of(&desk, &story.ada),
            Browser::of(&desk, &story.ben),
        );
        ada.get("/INC-1")
            .is(200)
            .says("action=\"/INC-1/take-back\"");
        let page = ben.get("/INC-1").text();
        assert!(
            !page.contains("action=\"/INC-1/take-back\""),
            "no right of his"
        );
        let form = [
            ("seq", spoke.as_str()),
            ("evidence", "ask Ben"),
            ("why", "<another> customer"),
        ];
        ada.post("/INC-1/take-back", &form)
            .is(422)
            .says("ask Ben")
            .says("&#60;another&#62; customer");
        let form = [form[0], ("evidence", PROOF), form[2]];
        ada.post("/INC-1/take-back", &form)
            .is(200)
            .says("With this entry taken back")
            .says("First response")
            .says("12:00");
        assert_eq!(story.stands(Metric::Respond).0, ClockState::Met);
        let rev = story.now().version.to_string();
        let sure = [("confirmed", "yes"), ("rev", rev.as_str())];
        ada.post("/INC-1/take-back", &[&form[..], &sure].concat())
            .is(303);
        assert_eq!(story.stands(Metric::Respond).0, ClockState::Running);
        ada.get("/INC-1")
            .says("<del><strong>Ben</strong> spoke with the customer</del>")
            .says("Taken back by Ada: &#60;another&#62; customer")
            .says(&format!(
                "took back that somebody spoke with the customer (#{spoke})"
            ));
        story.step(State::Restored);
        // Stockholm's wall clock: said at 11:30, it worked at 11:10.
        let page = ada.get("/INC-1").text();
        assert!(
            page.contains("name=\"restored_at\" value=\"2026-06-01T11:30\""),
            "{page}"
        );
        let times = [
            ("was-at", "2026-06-01T11:00"),
            ("at", "2026-06-01T11:00"),
            ("was-restored_at", "2026-06-01T11:30"),
            ("restored_at", "2026-06-01T11:10"),
            ("evidence", PROOF),
            ("why", "the graphs say so"),
        ];
        let mut wrong = times;
        wrong[3].1 = "2026-02-30T11:10";
        ada.post("/INC-1/times", &wrong)
            .is(422)
            .says("is no date and time");
        ada.post("/INC-1/times", &times).is(303);
        assert_eq!(story.stands(Metric::Restore), (ClockState::Met, Some(10)));
    }
);

both_databases!(
    a_program_takes_back_and_corrects_and_may_try_it_first,
    |desk| {
        let two = Two::new(desk);
        let p = &two.p;
        let (contoso, carol) = two.contoso();
        let calendar = always(p);
        let ben = p.desk.person("Ben", Roles::of(&[Role::Responder]));
        p.desk.let_letters_go();
        let target = |metric: &str| json!({"metric": metric, "budget_secs": 14_400, "calendar_id": calendar});
        p.done(
        "POST",
        "/api/v1/agreements",
        json!({"customer_ids": [contoso], "name": "Gold", "targets": [target("respond"), target("restore")]}),
    );
        let key = p.opened(json!({"title": "Uplink down", "severity": "high", "customer_id": contoso, "requester_id": carol}));
        let at = format!("/api/v1/tickets/{key}");
        p.done(
            "POST",
            &format!("{at}/conversations"),
            json!({"body": "called"}),
        );
        let entries = p.get(&format!("{at}/entries?limit=50")).body;
        let all = entries["items"].as_array().unwrap();
        let spoke = all
            .iter()
            .find(|it| it["kind"] == "customer_contact")
            .unwrap()["seq"]
            .clone();
        let place = format!("{at}/entries/{spoke}/take-back");
        let body = json!({"why": "another customer", "evidence": PROOF});
        let respond = |said: &crate::program::Said| {
            let all = said.body["clocks"].as_array().unwrap();
            let own = all.iter().find(|it| it["metric"] == "respond").unwrap();
            (
                own["before"]["state"].clone(),
                own["after"]["state"].clone(),
                own["moves"].clone(),
            )
        };
        let call = |place: &str, body: &Value| p.call("POST", place, &[], Some(&body.to_string()));
        let before = p.get(&at).body;
        let tried = call(&format!("{place}?dry_run=1"), &body);
        is(&tried, 200);
        assert_eq!(
            respond(&tried),
            (json!("met"), json!("running"), json!(true))
        );
        assert_eq!(p.get(&at).body, before);
        let bearer = format!("Bearer {}", token_of(&p.desk, &ben, Scopes::all()));
        let heads = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        assert_eq!(
            p.send("POST", &place, &heads, Some(&body.to_string()))
                .status,
            403
        );
        let bare = call(&place, &json!({"why": "x", "evidence": ""}));
        assert_eq!(
            bare.faults(),
            [("evidence".to_owned(), "required".to_owned())]
        );
        let done = call(&place, &body);
        is(&done, 200);
        assert_eq!(done.body["awaits_us"], true);
        assert_eq!(call(&place, &body).text("/rule"), "already-taken-back");
        let first = call(&format!("{at}/entries/1/take-back"), &body);
        assert_eq!(first.text("/rule"), "not-to-be-taken-back");
        is(&call(&format!("{at}/entries/999/take-back"), &body), 404);

        p.desk.app.time.set(START.plus_secs(2 * HOUR));
        p.done("POST", &format!("{at}/state"), json!({"state": "restored"}));
        let sooner =
            json!({"restored_at": "2026-06-01T10:00:00Z", "why": "the graphs", "evidence": "#1"});
        let tried = call(&format!("{at}/times?dry_run=1"), &sooner);
        assert_eq!(tried.text("/ticket/restored_at"), "2026-06-01T10:00:00Z");
        assert_eq!(p.get(&at).text("/restored_at"), "2026-06-01T11:00:00Z");
        is(&call(&format!("{at}/times"), &sooner), 200);
        assert_eq!(p.get(&at).text("/restored_at"), "2026-06-01T10:00:00Z");
        let later =
            json!({"restored_at": "2026-06-01T11:00:01Z", "why": "the graphs", "evidence": "#1"});
        assert_eq!(
            call(&format!("{at}/times"), &later).text("/rule"),
            "ended-after-said"
        );
    }
);
