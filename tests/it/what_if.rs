//! Old and new deadlines before anything is saved: what was shown is what happens, and looking changes nothing.

use serde_json::{Value, json};
use watchkeeper::actions::{ticket as act, what_if};
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::sla_agreement::Metric;
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::error::Error;
use watchkeeper::store::people::Holder;

use crate::api_walk::{Two, is};
use crate::both_databases;
use crate::desk::START;
use crate::program::Program;
use crate::served::Served;
use crate::sla::{HOUR, MINUTE, clock, clocks, entries, house, now_of, open};
use crate::visitor::Visitor;

both_databases!(
    a_look_at_what_would_happen_leaves_no_trace_and_is_what_happens,
    |desk| {
        let ada = house(&desk);
        let ticket = open(&desk, &ada, Severity::High, None);
        desk.advance(10 * MINUTE);
        let ctx = desk.as_person(&ada);
        let before = (clocks(&desk, &ticket), now_of(&desk, &ticket));
        let worse = |ctx: &watchkeeper::app::Ctx<'_>| {
            act::change_severity(ctx, ticket.key, None, Severity::Disaster, "all nodes")
        };
        let (would, moves) = what_if::of(&ctx, &[ticket.key], worse).unwrap();
        assert_eq!(would.severity, Some(Severity::Disaster));
        assert_eq!((clocks(&desk, &ticket), now_of(&desk, &ticket)), before);
        assert!(entries(&desk, &ticket, EntryKind::ClockBreached).is_empty());
        assert!(desk.letters().is_empty());
        let own = moves.iter().find(|it| it.metric == Metric::Own).unwrap();
        let due = |stand: &Option<what_if::Stand>| stand.unwrap().deadline_at;
        assert_eq!(due(&own.before), Some(START.plus_secs(15 * MINUTE)));
        assert_eq!(due(&own.after), Some(START.plus_secs(5 * MINUTE)));
        assert!(own.moves() && moves.iter().all(|it| it.moves()));
        worse(&ctx).unwrap();
        for it in &moves {
            let row = clock(&desk, &ticket, it.metric);
            let after = it.after.unwrap();
            assert_eq!(
                (row.deadline_at, row.state, row.breached_at),
                (after.deadline_at, after.state, after.breached_at)
            );
        }
        // What is kept by a change moves nothing; what is refused is refused here too.
        let (_, moves) = what_if::of(&ctx, &[ticket.key], |ctx| {
            act::resolve(ctx, ticket.key, None, "done")
        })
        .unwrap();
        assert!(
            !moves.is_empty() && moves.iter().all(|it| !it.moves()),
            "{moves:?}"
        );
        let again = what_if::of(&ctx, &[ticket.key], worse);
        assert!(matches!(again, Err(Error::Refused(refusal)) if refusal.rule == "unchanged"));
        let eve = desk.person("Eve", Roles::of(&[Role::Viewer]));
        let forbidden = what_if::of(&desk.as_person(&eve), &[ticket.key], |ctx| {
            act::resolve(ctx, ticket.key, None, "done")
        });
        assert!(matches!(forbidden, Err(Error::Forbidden(_))));
    }
);

both_databases!(every_call_that_can_move_a_clock_can_be_tried, |desk| {
    let two = Two::new(desk);
    let p = &two.p;
    let (contoso, _) = two.contoso();
    let calendar = p.done(
        "POST",
        "/api/v1/calendars",
        json!({"name": "Always", "zone": "Europe/Berlin", "weekly": {"mon": ["00:00-24:00"], "tue": ["00:00-24:00"],
            "wed": ["00:00-24:00"], "thu": ["00:00-24:00"], "fri": ["00:00-24:00"], "sat": ["00:00-24:00"], "sun": ["00:00-24:00"]}}),
    );
    let target = |severity: &str, secs: i64| {
        let holds_in = if severity == "average" {
            "new"
        } else {
            "restored"
        };
        json!({"metric": "resolve", "severity": severity, "budget_secs": secs, "calendar_id": calendar.text("/id"),
            "policy": {"on_change": "carry", "reopen_grace_hours": 24, "holds_in": [holds_in]}})
    };
    let agreement = p.done(
        "POST",
        "/api/v1/agreements",
        json!({"customer_ids": [contoso], "name": "Gold", "targets": [target("high", 14_400), target("disaster", 3_600), target("average", 7_200)],
            "backdate_days": 2}),
    );
    assert_eq!(
        agreement.body["targets"][0]["policy"]["reopen_later"],
        "new_cycle"
    );
    assert_eq!(agreement.body["backdate_days"], 2);
    let opened = json!({"title": "Uplink down", "severity": "high", "customer_id": contoso});
    let (one, other) = (p.opened(opened.clone()), p.opened(opened));
    let at = format!("/api/v1/tickets/{one}");
    let before = p.get(&at).body;
    let tried = |method: &str, rest: &str, body: Value| -> Value {
        let said = p.call(
            method,
            &format!("{at}{rest}?dry_run=1"),
            &[],
            Some(&body.to_string()),
        );
        is(&said, 200);
        assert_eq!(said.body["dry_run"], true, "{}", said.body);
        assert_eq!(p.get(&at).body, before, "{method} {rest} changed something");
        said.body
    };
    // The customer's resolve clock of the ticket itself.
    let resolve = |body: &Value| -> (Value, Value, bool) {
        let all = body["clocks"].as_array().unwrap();
        let it = all
            .iter()
            .find(|it| {
                it["metric"] == "resolve"
                    && it["key"] == one.as_str()
                    && it["customer_id"] == contoso.as_str()
            })
            .unwrap();
        let side = |name: &str| it[name]["deadline_at"].clone();
        (
            side("before"),
            side("after"),
            it["moves"].as_bool().unwrap(),
        )
    };
    let due = |text: &str| Value::String(format!("2026-06-01T{text}Z"));
    let severity = tried("POST", "/severity", json!({"severity": "disaster"}));
    assert_eq!(resolve(&severity), (due("13:00:00"), due("10:00:00"), true));
    assert_eq!(severity["ticket"]["severity"], "disaster");
    let hold = tried(
        "POST",
        "/hold",
        json!({"on": "vendor", "reason": "a part", "until": "2026-06-01T12:00:00Z"}),
    );
    assert_eq!(resolve(&hold), (due("13:00:00"), due("16:00:00"), true));
    assert_eq!(hold["ticket"]["holds"][0]["reason"], "a part");
    let state = tried("POST", "/state", json!({"state": "restored"}));
    assert_eq!(
        resolve(&state),
        (due("13:00:00"), Value::Null, true),
        "held as long as it is restored"
    );
    // A call-back that is moved: it was promised by eleven and would be by two.
    let call = |at: &str| json!({"callback_number": "+49 30 1", "callback_at": due(at)});
    p.done("POST", &format!("{at}/callback"), call("11:00:00"));
    let before = p.get(&at).body;
    let moved = p.call(
        "POST",
        &format!("{at}/callback?dry_run=1"),
        &[],
        Some(&call("14:00:00").to_string()),
    );
    is(&moved, 200);
    assert_eq!(p.get(&at).body, before);
    let clocks = moved.body["clocks"].as_array().unwrap();
    let own = clocks
        .iter()
        .find(|it| it["metric"] == "call_back")
        .unwrap();
    assert_eq!(
        (
            &own["before"]["deadline_at"],
            &own["after"]["deadline_at"],
            &own["moves"]
        ),
        (&due("11:00:00"), &due("14:00:00"), &json!(true))
    );
    let tried = |method: &str, rest: &str, body: Value| -> Value {
        let said = p.call(
            method,
            &format!("{at}{rest}?dry_run=1"),
            &[],
            Some(&body.to_string()),
        );
        is(&said, 200);
        assert_eq!(said.body["dry_run"], true, "{}", said.body);
        assert_eq!(p.get(&at).body, before, "{method} {rest} changed something");
        said.body
    };
    let resolved = tried("POST", "/resolve", json!({"how": "spliced"}));
    assert!(
        !resolve(&resolved).2,
        "a promise that is kept moves nothing"
    );
    let fabrikam = p.done(
        "POST",
        "/api/v1/customers",
        json!({"name": "Fabrikam", "zone": "UTC"}),
    );
    let customer = tried("PATCH", "", json!({"customer_id": fabrikam.text("/id")}));
    let (_, _, moves) = resolve(&customer);
    assert!(moves, "no promise of Contoso's is left: {customer}");
    tried(
        "POST",
        "/affected",
        json!({"customer_id": fabrikam.text("/id")}),
    );
    let times = json!({"reported": [{"customer_id": contoso, "reported_at": "2026-06-01T08:00:00Z"}], "why": "x", "evidence": "#1"});
    assert_eq!(
        resolve(&tried("POST", "/times", times)),
        (due("13:00:00"), due("12:00:00"), true)
    );
    let merge = tried("POST", "/merge", json!({"into": other, "why": "the same"}));
    let keys: Vec<&Value> = merge["clocks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["key"])
        .collect();
    assert!(
        keys.contains(&&json!(one)) && keys.contains(&&json!(other)),
        "{keys:?}"
    );
    // Without the word it is done, and then there is something to try the way back from.
    p.done(
        "POST",
        &format!("{at}/merge"),
        json!({"into": other, "why": "the same"}),
    );
    let parts = p.get(&format!("{at}/parts"));
    assert_eq!(parts.text("/merged_into"), other);
    assert_eq!(
        p.get(&format!("/api/v1/tickets/{other}/parts")).body["absorbed"],
        json!([one])
    );
    let clocks = p.get(&format!("{at}/clocks"));
    assert!(
        clocks.body["items"]
            .as_array()
            .unwrap()
            .iter()
            .any(|it| it["cancelled"] == "merged")
    );
    let apart = p.call(
        "POST",
        &format!("{at}/unmerge?dry_run=1"),
        &[],
        Some("{\"why\":\"two\"}"),
    );
    assert_eq!(apart.body["ticket"]["is_open"], true, "{}", apart.body);
    p.done(
        "POST",
        &format!("{at}/unmerge"),
        json!({"why": "two cables"}),
    );
    // A key makes a look no change, and a look no answer to a change.
    let heads = [("idempotency-key", "k1")];
    let body = "{\"severity\":\"disaster\"}";
    is(
        &p.call(
            "POST",
            &format!("{at}/severity?dry_run=1"),
            &heads,
            Some(body),
        ),
        200,
    );
    assert_eq!(p.get(&at).text("/severity"), "high");
    let wrong = p.call(
        "POST",
        &format!("{at}/severity?dry_run=perhaps"),
        &[],
        Some(body),
    );
    assert_eq!(
        wrong.faults(),
        [("dry_run".to_owned(), "not-a-flag".to_owned())]
    );
    let wrong = p.call("POST", &format!("{at}/severity?try=1"), &[], Some(body));
    assert_eq!(
        wrong.faults(),
        [("try".to_owned(), "unknown-field".to_owned())]
    );
    // Whoever takes a new incident puts it in progress, and what is held while it is new runs on.
    let fresh = p.opened(json!({"title": "New", "severity": "average", "customer_id": contoso}));
    let fresh = format!("/api/v1/tickets/{fresh}");
    let before = p.get(&fresh).body;
    assert_eq!(before["state"], "new");
    for (rest, body) in [
        ("/take", Value::Null),
        ("/acknowledge", Value::Null),
        ("/assign", json!({"person_id": p.ada.id.to_string()})),
    ] {
        let place = format!("{fresh}{rest}?dry_run=1");
        let body = (!body.is_null()).then(|| body.to_string());
        let tried = p.call("POST", &place, &[], body.as_deref());
        is(&tried, 200);
        assert_eq!(tried.body["ticket"]["state"], "in_progress", "{rest}");
        let clocks = tried.body["clocks"].as_array().unwrap();
        let own = clocks.iter().find(|it| it["metric"] == "resolve").unwrap();
        assert_eq!(
            (
                &own["before"]["state"],
                &own["before"]["deadline_at"],
                &own["after"]["deadline_at"],
                &own["moves"]
            ),
            (&json!("held"), &Value::Null, &due("11:00:00"), &json!(true)),
            "{rest}"
        );
        assert_eq!(p.get(&fresh).body, before, "{rest} changed something");
    }
    // Held from the first moment, released one by one, opened again.
    let held = p.opened(
        json!({"title": "Move racks", "severity": "high", "customer_id": contoso,
        "hold": {"on": "customer", "reason": "a date"}}),
    );
    let place = format!("/api/v1/tickets/{held}");
    let hold = p.get(&place).text("/holds/0/id");
    assert_eq!(p.get(&place).text("/holds/0/whom"), "Contoso");
    let release = format!("{{\"hold_id\":\"{hold}\"}}");
    let tried = p.call(
        "POST",
        &format!("{place}/release?dry_run=true"),
        &[],
        Some(&release),
    );
    assert_eq!(
        tried.body["clocks"][0]["after"]["state"], "running",
        "{}",
        tried.body
    );
    is(
        &p.call("POST", &format!("{place}/release"), &[], Some(&release)),
        200,
    );
    let nothing = p.call("POST", &format!("{place}/release"), &[], Some(&release));
    assert_eq!(nothing.text("/rule"), "not-held");
    let ahead = json!({"on": "date", "reason": "later", "since": "2026-06-02T09:00:00Z"});
    let refused = p.call(
        "POST",
        &format!("{place}/hold"),
        &[],
        Some(&ahead.to_string()),
    );
    assert_eq!(
        (refused.status, refused.text("/rule").as_str()),
        (422, "hold-in-future")
    );
    p.done("POST", &format!("{place}/resolve"), json!({"how": "moved"}));
    let again = p.call(
        "POST",
        &format!("{place}/reopen?dry_run=1"),
        &[],
        Some("{\"why\":\"no\"}"),
    );
    assert_eq!(again.body["ticket"]["state"], "in_progress");
    p.desk.let_letters_go();
});

both_databases!(
    a_note_is_shared_and_a_needless_answer_spared_by_the_api,
    |desk| {
        let two = Two::new(desk);
        let p: &Program = &two.p;
        let (contoso, carol) = two.contoso();
        let key = p.opened(json!({"title": "Slow", "customer_id": contoso, "requester_id": carol}));
        let at = |rest: &str| format!("/api/v1/tickets/{key}/{rest}");
        p.done("POST", &at("notes"), json!({"body": "The card is dead."}));
        let seq = p.get(&format!("/api/v1/tickets/{key}")).body["entry_count"]
            .as_i64()
            .unwrap();
        p.done("POST", &at(&format!("entries/{seq}/share")), Value::Null);
        let seen = p.get(&at("entries?limit=5"));
        assert!(
            seen.body["items"]
                .as_array()
                .unwrap()
                .iter()
                .any(|it| it["kind"] == "shared" && it["audience"] == "customer")
        );
        let missing = p.call("POST", &at("entries/99/share"), &[], None);
        is(&missing, 404);
        let silent = p.call("POST", &at("no-reply-needed"), &[], Some("{}"));
        assert_eq!(silent.faults(), [("why".to_owned(), "required".to_owned())]);
        p.done(
            "POST",
            &at("no-reply-needed"),
            json!({"why": "thanks only"}),
        );
        p.desk.let_letters_go();
    }
);

both_databases!(
    another_service_brings_the_promise_that_is_bound_to_it_and_says_so_first,
    |desk| {
        let two = Two::new(desk);
        let p = &two.p;
        let (contoso, _) = two.contoso();
        let service = |name: &str| {
            let asked = json!({"name": name, "team_id": two.team});
            p.done("POST", "/api/v1/services", asked).text("/id")
        };
        let (web, db) = (service("shop"), service("ledger"));
        let always = json!({"mon": ["00:00-24:00"]});
        let asked = json!({"name": "Mondays", "zone": "UTC", "weekly": always});
        let calendar = p.done("POST", "/api/v1/calendars", asked).text("/id");
        let target = |service: Value, secs: i64| {
            json!({"metric": "resolve", "severity": "high", "budget_secs": secs,
                "service_id": service, "calendar_id": calendar})
        };
        let targets = [target(json!(db), 3_600), target(Value::Null, 14_400)];
        p.done(
            "POST",
            "/api/v1/agreements",
            json!({"customer_ids": [contoso], "name": "Gold", "targets": targets}),
        );
        let key = p.opened(
            json!({"title": "Slow", "severity": "high", "customer_id": contoso,
            "service_ids": [web]}),
        );
        let at = format!("/api/v1/tickets/{key}");
        let resolve = |body: &Value| -> Vec<Value> {
            let all = body.as_array().unwrap().iter();
            let theirs =
                |it: &&Value| it["metric"] == "resolve" && it["customer_id"] == contoso.as_str();
            all.filter(theirs).cloned().collect()
        };
        let before = p.get(&at).body;
        let asked = json!({"service_ids": [db]}).to_string();
        let tried = p.call("PATCH", &format!("{at}?dry_run=1"), &[], Some(&asked));
        is(&tried, 200);
        let moved = resolve(&tried.body["clocks"]);
        let [moved] = moved.as_slice() else {
            panic!("one promise: {}", tried.body)
        };
        let (old, new) = ("2026-06-01T13:00:00Z", "2026-06-01T10:00:00Z");
        assert_eq!(moved["before"]["deadline_at"], old);
        assert_eq!(moved["after"]["deadline_at"], new);
        assert_eq!(moved["moves"], true);
        assert_eq!(p.get(&at).body, before, "nothing was changed");

        // In the browser the same is asked before it is saved.
        let served = Served::new(&p.desk.app);
        let ada = Visitor::logged_in(&served, &p.desk.app, Holder::Person(p.ada.id));
        let form = ada.get(&format!("/{key}/edit")).text;
        assert!(form.contains("ledger"), "{form}");
        let edit = [
            ("was-title", "Slow"),
            ("title", "Slow"),
            ("was-service", web.as_str()),
            ("service", db.as_str()),
        ];
        let names = [("was-service", "shop"), ("service", "ledger")];
        let edit = if form.contains("name=\"was-service\" value=\"shop\"") {
            vec![edit[0], edit[1], names[0], names[1]]
        } else {
            edit.to_vec()
        };
        let shown = ada.post(&format!("/{key}/edit"), &edit);
        assert_eq!(shown.status, 200, "{}", shown.text);
        for said in ["With these changes", "15:00", "12:00"] {
            assert!(shown.text.contains(said), "{said}: {}", shown.text);
        }
        assert_eq!(p.get(&at).body, before, "nothing was changed yet");
        let rev = before["version"].to_string();
        let sure = [&edit[..], &[("confirmed", "yes"), ("rev", rev.as_str())]].concat();
        let saved = ada.post(&format!("/{key}/edit"), &sure);
        assert_eq!(saved.status, 303, "{}", saved.text);
        let clocks = resolve(&p.get(&format!("{at}/clocks")).body["items"]);
        // Both are of one instant, and such rows are in no order.
        let mut stands: Vec<(&Value, &Value)> = clocks
            .iter()
            .map(|it| (&it["state"], &it["deadline_at"]))
            .collect();
        stands.sort_by_key(|(state, _)| state.as_str());
        assert_eq!(
            stands,
            [
                (&json!("running"), &json!(new)),
                (&json!("superseded"), &json!(old))
            ]
        );
        // And back: of the general promise three hours are left.
        p.desk.advance(HOUR);
        p.done("PATCH", &at, json!({"service_ids": [web]}));
        let clocks = resolve(&p.get(&format!("{at}/clocks")).body["items"]);
        let running: Vec<&Value> = clocks
            .iter()
            .filter(|it| it["state"] == "running")
            .map(|it| &it["deadline_at"])
            .collect();
        assert_eq!(running, [&json!(old)]);
        p.desk.let_letters_go();
    }
);
