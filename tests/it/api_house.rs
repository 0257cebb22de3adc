//! The house by the JSON API: its hours and promises, who is called when, and that a call without a token learns nothing.

use serde_json::{Value, json};

use crate::api_walk::{Two, fault, is};
use crate::both_databases;

both_databases!(calendars_and_agreements_are_kept_by_the_api, |desk| {
    let two = Two::new(desk);
    let p = &two.p;
    let (contoso, _) = two.contoso();
    let call =
        |method: &str, path: &str, body: Value| p.call(method, path, &[], Some(&body.to_string()));

    let hours = json!({"mon": ["09:00-12:00", "13:00-17:00"], "sat": ["10:00-14:00"]});
    let calendar = p.done(
        "POST",
        "/api/v1/calendars",
        json!({"name": "Berlin office", "zone": "Europe/Berlin", "weekly": hours,
               "exceptions": ["2026-12-24..2026-12-26 closed Christmas"]}),
    );
    let id = calendar.text("/id");
    let place = format!("/api/v1/calendars/{id}");
    let seen = p.get(&place);
    assert_eq!(seen.body["weekly"], hours);
    assert_eq!(
        seen.text("/exceptions/0"),
        "2026-12-24..2026-12-26 closed Christmas"
    );
    let edited = p.done("PATCH", &place, json!({"exceptions": []}));
    assert_eq!(
        (edited.body["version"].as_i64(), &edited.body["weekly"]),
        (Some(2), &hours)
    );
    let stale = p.call(
        "PATCH",
        &place,
        &[("if-match", "\"1\"")],
        Some("{\"name\":\"x\"}"),
    );
    is(&stale, 412);
    assert!(
        p.get("/api/v1/calendars").body["items"]
            .as_array()
            .unwrap()
            .len()
            >= 3
    );
    for (body, wrong) in [
        (
            json!({"name": "x", "zone": "Mars/Base", "weekly": {"mon": ["9-17"]}}),
            vec![
                fault("zone", "unknown-zone"),
                fault("weekly.mon", "not-a-range"),
            ],
        ),
        (
            json!({"name": "x", "zone": "UTC", "weekly": {"monday": ["09:00-17:00"]}}),
            vec![fault("weekly.monday", "unknown-word")],
        ),
        (
            json!({"name": "x", "zone": "UTC", "weekly": {}}),
            vec![fault("weekly", "never-open")],
        ),
        (
            json!({"name": "x", "zone": "UTC", "weekly": {"mon": ["09:00-17:00"]}, "exceptions": ["2026-02-30 closed"]}),
            vec![fault("exceptions", "not-an-exception")],
        ),
        (
            json!({"name": "Berlin office", "zone": "UTC", "weekly": {"mon": ["09:00-17:00"]}}),
            vec![fault("name", "taken")],
        ),
    ] {
        let said = call("POST", "/api/v1/calendars", body);
        is(&said, 422);
        assert_eq!(said.faults(), wrong);
    }

    let target = json!({"metric": "respond", "severity": "high", "budget_secs": 1800, "calendar_id": id, "warn": ["75%"]});
    let agreement = p.done(
        "POST",
        "/api/v1/agreements",
        json!({"customer_ids": [contoso], "name": "Gold", "targets": [target]}),
    );
    let place = format!("/api/v1/agreements/{}", agreement.text("/id"));
    assert_eq!(agreement.text("/targets/0/anchor"), "reported");
    let retired = p.call(
        "PATCH",
        &format!("/api/v1/calendars/{id}"),
        &[],
        Some("{\"is_active\":false}"),
    );
    assert_eq!(retired.text("/rule"), "calendar-in-use");
    let update = json!({"metric": "update", "budget_days": 1, "calendar_id": id});
    let next = p.done("PATCH", &place, json!({"targets": [target, update]}));
    assert_eq!(next.body["version"], 2);
    assert_eq!(p.get(&place).body["targets"].as_array().unwrap().len(), 2);
    assert_eq!(
        p.get("/api/v1/agreements").body["items"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let wrong = call(
        "PATCH",
        &place,
        json!({"targets": [
            {"metric": "respond", "calendar_id": id},
            {"metric": "respond", "calendar_id": id, "budget_secs": -1},
            {"metric": "respond", "calendar_id": id, "budget_secs": 60, "warn": ["soon"]},
        ]}),
    );
    is(&wrong, 422);
    assert_eq!(
        wrong.faults(),
        [
            fault("targets.0.budget_secs", "one-budget"),
            fault("targets.1.budget_secs", "out-of-range"),
            fault("targets.2.warn", "not-a-threshold"),
        ]
    );
    let nothing = watchkeeper::domain::id::Id::<()>::new(p.desk.now()).to_string();
    let mut elsewhere = target.clone();
    elsewhere["service_id"] = json!(nothing);
    let unknown = call("PATCH", &place, json!({"targets": [elsewhere]}));
    assert_eq!(unknown.faults(), [fault("service", "unknown-service")]);

    // A ticket of that customer runs under it.
    let key = p.opened(json!({"title": "Slow", "severity": "high", "customer_id": contoso}));
    let clocks = p.get(&format!("/api/v1/tickets/{key}/clocks"));
    let clock = clocks.text("/items/0/id");
    let explained = p.get(&format!("/api/v1/tickets/{key}/clocks/{clock}"));
    assert!(explained.body["steps"].is_array(), "{}", explained.body);
    p.done("PATCH", &place, json!({"is_active": false}));
    assert_eq!(p.get(&place).body["is_active"], false);
    p.done(
        "PATCH",
        &format!("/api/v1/calendars/{id}"),
        json!({"is_active": false}),
    );
    p.desk.letters();
});

both_databases!(
    an_edit_of_terms_is_tried_by_the_api_before_it_is_made,
    |desk| {
        let two = Two::new(desk);
        let p = &two.p;
        let (contoso, _) = two.contoso();
        let call = |method: &str, path: &str, body: Value| {
            p.call(method, path, &[], Some(&body.to_string()))
        };
        let count = |place: &str| {
            let list = p.get(place);
            list.body["items"].as_array().expect("a list").len()
        };
        let calendar = p.done(
            "POST",
            "/api/v1/calendars",
            json!({"name": "Office", "zone": "Europe/Berlin", "weekly": {"mon": ["09:00-17:00"], "tue": ["09:00-17:00"]}, "holidays": ["de-by"]}),
        );
        assert_eq!(calendar.text("/holidays/0"), "DE-BY");
        let id = calendar.text("/id");
        let place = format!("/api/v1/calendars/{id}");
        let target = json!({"metric": "resolve", "budget_secs": 14_400, "calendar_id": id});
        let agreement = p.done(
            "POST",
            "/api/v1/agreements",
            json!({"customer_ids": [contoso], "name": "Gold", "targets": [target]}),
        );
        let agreed = format!("/api/v1/agreements/{}", agreement.text("/id"));
        let key = p.opened(json!({"title": "Slow", "severity": "high", "customer_id": contoso}));

        // 11:00 in Berlin: four hours are over at 15:00, and with a break from 12 to 13 an hour later.
        let with_break =
            json!({"weekly": {"mon": ["09:00-12:00", "13:00-17:00"], "tue": ["09:00-17:00"]}});
        let tried = call("PATCH", &format!("{place}?dry_run=1"), with_break.clone());
        is(&tried, 200);
        assert_eq!(tried.body["dry_run"], true);
        assert_eq!(tried.text("/open/0/key"), key);
        assert_eq!(
            tried.text("/open/0/deadline_before"),
            "2026-06-01T13:00:00Z"
        );
        assert_eq!(tried.text("/open/0/deadline_after"), "2026-06-01T14:00:00Z");
        assert_eq!(p.get(&place).body["version"], 1, "nothing is written");
        assert_eq!(p.done("PATCH", &place, with_break).body["version"], 2);
        p.desk.settle();
        let clocks = p.get(&format!("/api/v1/tickets/{key}/clocks"));
        assert_eq!(clocks.text("/items/0/deadline_at"), "2026-06-01T14:00:00Z");
        let versions = p.get(&format!("{place}/versions"));
        assert_eq!(versions.body["items"].as_array().unwrap().len(), 2);
        assert_eq!(
            versions.text("/items/1/calendar/weekly/mon/0"),
            "09:00-17:00"
        );
        let moved: Vec<_> = p.get("/api/v1/recounts").body["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|it| it["cause"] == "calendar_changed")
            .map(|it| (it["subject"].clone(), it["moved"].clone()))
            .collect();
        assert_eq!(moved, [(json!("Office"), json!(1))]);

        // A date to come, and a correction.
        let later = call(
            "PATCH",
            &agreed,
            json!({"effective_from": "2026-06-01T08:00:00Z", "targets": [target]}),
        );
        assert_eq!(later.faults(), [fault("from", "not-to-come")]);
        let both = call(
            "PATCH",
            &agreed,
            json!({"effective_from": "2026-07-01T00:00:00Z",
                   "correction": {"from_at": "2026-05-01T00:00:00Z", "reason": "x"}}),
        );
        assert_eq!(both.faults(), [fault("effective_from", "one-effect")]);
        let shorter = json!({"metric": "resolve", "budget_secs": 3600, "calendar_id": id});
        let corrected = json!({"targets": [shorter],
            "correction": {"from_at": "2026-05-01T00:00:00Z", "reason": "one hour was agreed"}});
        let tried = call("PATCH", &format!("{agreed}?dry_run=1"), corrected.clone());
        is(&tried, 200);
        assert_eq!(tried.text("/open/0/deadline_after"), "2026-06-01T10:00:00Z");
        assert_eq!(p.done("PATCH", &agreed, corrected).body["version"], 2);
        let versions = p.get(&format!("{agreed}/versions"));
        assert_eq!(versions.body["items"][0]["written"]["is_correction"], true);
        assert_eq!(
            versions.text("/items/0/written/reason"),
            "one hour was agreed"
        );

        // What can't be, each with its place.
        let wrong = |targets: Value| call("PATCH", &agreed, json!({"targets": targets})).faults();
        let mut nothing = target.clone();
        nothing["budget_secs"] = json!(0);
        assert_eq!(
            wrong(json!([nothing])),
            [fault("targets.0.budget", "budget-of-nothing")]
        );
        assert_eq!(
            wrong(json!([target, target])),
            [fault("targets.1.metric", "never-matches")]
        );
        let to = |promisee: &str, metric: &str| {
            let mut promise = target.clone();
            (promise["promisee"], promise["metric"]) = (json!(promisee), json!(metric));
            promise
        };
        let metric = target["metric"].as_str().unwrap();
        assert_eq!(
            wrong(json!([target, to("internal", metric)])),
            [fault("targets.1.promisee", "promised-to-others")]
        );
        let by = |at: &str| json!({"metric": "resolve", "budget_at": at, "calendar_id": id});
        assert_eq!(
            wrong(json!([by("2026-01-01T00:00:00Z")])),
            [fault("targets.0.budget", "budget-over")]
        );
        let mut both = by("2026-12-31T16:00:00Z");
        both["budget_secs"] = json!(3600);
        assert_eq!(
            wrong(json!([both])),
            [fault("targets.0.budget_secs", "one-budget")]
        );
        let fixed = json!({"targets": [by("2026-12-31T16:00:00Z")]});
        is(&call("PATCH", &format!("{agreed}?dry_run=1"), fixed), 200);
        assert_eq!(
            wrong(json!([to("vendor", "respond")])),
            [fault("targets.0.promisee", "vendor-unseen")]
        );
        let unknown = call(
            "POST",
            "/api/v1/calendars",
            json!({"name": "x", "zone": "Europe/Berln", "weekly": {"mon": ["09:00-09:00", "10:00-49:00"]}}),
        );
        assert_eq!(
            unknown.faults(),
            [
                fault("zone", "unknown-zone"),
                fault("weekly.mon", "empty-range"),
                fault("weekly.mon", "range-too-long"),
            ]
        );
        assert!(
            unknown.body.to_string().contains("Europe/Berlin"),
            "{}",
            unknown.body
        );

        // In use, it can't go; never used, it can.
        let rule = |method: &str, place: &str| p.call(method, place, &[], None).text("/rule");
        assert_eq!(rule("DELETE", &place), "calendar-in-use");
        assert_eq!(rule("DELETE", &agreed), "agreement-in-use");
        let spare = p.done(
            "POST",
            "/api/v1/agreements",
            json!({"customer_ids": [contoso], "name": "Spare", "targets": [target]}),
        );
        let spare = format!("/api/v1/agreements/{}", spare.text("/id"));
        let before = count("/api/v1/agreements");
        let moved = p.done("POST", &format!("{spare}/move"), json!({"earlier": true}));
        assert_eq!(moved.text("/name"), "Spare");
        let asked = p.get(&format!("/api/v1/tickets/{key}/agreements"));
        let in_order: Vec<&str> = asked.body["items"][0]["agreements"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["name"].as_str().unwrap())
            .collect();
        assert_eq!(in_order, ["Spare", "Gold", "House agreement"]);
        let names: Vec<String> = (0..before)
            .map(|at| {
                p.get("/api/v1/agreements")
                    .text(&format!("/items/{at}/name"))
            })
            .collect();
        let at = |name: &str| names.iter().position(|known| known == name).unwrap();
        assert!(at("Spare") < at("Gold"), "{names:?}");
        p.done("DELETE", &spare, Value::Null);
        assert_eq!(count("/api/v1/agreements"), before - 1);
        let unused = p.done(
            "POST",
            "/api/v1/calendars",
            json!({"name": "Unused", "zone": "UTC", "weekly": {"mon": ["09:00-17:00"]}}),
        );
        p.done(
            "DELETE",
            &format!("/api/v1/calendars/{}", unused.text("/id")),
            Value::Null,
        );

        let file = "BEGIN:VEVENT\nSUMMARY:Fair\nDTSTART;VALUE=DATE:20260703\nEND:VEVENT\n\
                    BEGIN:VEVENT\nSUMMARY:Old\nDTSTART;VALUE=DATE:20100703\nEND:VEVENT";
        let read = p.done(
            "POST",
            "/api/v1/calendars/read-ics",
            json!({"text": file, "zone": "Europe/Berlin"}),
        );
        assert_eq!(read.body["exceptions"], json!(["2026-07-03 closed Fair"]));
        assert_eq!(read.body["left_out"], json!(["Old"]));

        let sets = p.get("/api/v1/holiday-sets?limit=200");
        assert_eq!(sets.body["items"].as_array().unwrap().len(), 200);
        let bavaria = p.get("/api/v1/holiday-sets/DE-BY");
        let days = bavaria.body["days"].as_array().unwrap();
        assert!(
            days.contains(&json!({"date": "2026-06-04", "name": "Corpus Christi"})),
            "{days:?}"
        );
        is(&p.get("/api/v1/holiday-sets/XX"), 404);
        let own = format!("/api/v1/people/{}/holidays", two.bob_id);
        assert_eq!(p.get(&own).body["code"], Value::Null);
        let kept = call("PUT", &own, json!({"code": "DE-BY"}));
        assert_eq!(kept.text("/code"), "DE-BY");
        let wrong = call("PUT", &own, json!({"code": "Bavaria"}));
        assert_eq!(wrong.faults(), [fault("holidays", "unknown-holidays")]);
        p.desk.letters();
    }
);

both_databases!(who_is_called_is_planned_by_the_api, |desk| {
    let two = Two::new(desk);
    let p = &two.p;
    let place = |rest: &str| format!("/api/v1/teams/{}/{rest}", two.team);
    let (ada, bob) = (p.ada.id.to_string(), two.bob_id.clone());
    p.done(
        "PATCH",
        &format!("/api/v1/teams/{}", two.team),
        json!({"member_ids": [ada, bob]}),
    );

    let before = p.get(&place("rotation"));
    let plan = json!({"zone": "Europe/Stockholm", "anchor": "2026-06-01T09:00", "unit": "days", "length": 1,
                      "person_ids": [ada, bob], "keep_id": ada});
    let planned = p.call(
        "PUT",
        &place("rotation"),
        &[("if-match", before.header("etag").unwrap())],
        Some(&plan.to_string()),
    );
    is(&planned, 200);
    assert_eq!(planned.body["person_ids"], json!([ada, bob]));
    assert_eq!(p.get(&place("shifts")).body["on_duty"], json!([ada]));
    let stale = p.call(
        "PUT",
        &place("rotation"),
        &[("if-match", before.header("etag").unwrap())],
        Some(&plan.to_string()),
    );
    is(&stale, 412);
    for (field, value, wrong) in [
        ("zone", json!("Mars/Base"), fault("zone", "unknown-zone")),
        (
            "anchor",
            json!("2026-02-30T09:00"),
            fault("anchor", "not-a-time"),
        ),
        ("length", json!(0), fault("length", "out-of-range")),
        ("person_ids", json!([]), fault("person_ids", "required")),
        ("unit", json!("fortnights"), fault("unit", "unknown-word")),
    ] {
        let mut body = plan.clone();
        body[field] = value;
        let said = p.call("PUT", &place("rotation"), &[], Some(&body.to_string()));
        assert_eq!(said.faults(), [wrong]);
    }

    let cover = json!({"kind": "replace", "person_id": bob, "starts_at": "2026-06-01T09:00:00Z",
                       "ends_at": "2026-06-01T12:00:00Z", "note": "dentist"});
    let made = p.done("POST", &place("overrides"), cover);
    let listed = p.get(&place("overrides"));
    assert_eq!(listed.text("/items/0/person_id"), bob);
    assert_eq!(listed.text("/items/0/note"), "dentist");
    assert_eq!(p.get(&place("shifts")).body["on_duty"], json!([bob]));
    p.done(
        "DELETE",
        &place(&format!("overrides/{}", made.text("/id"))),
        Value::Null,
    );
    assert_eq!(p.get(&place("overrides")).body["items"], json!([]));

    let policy = json!({"steps": [{"targets": ["on_duty"], "delay_minutes": 5},
                                  {"targets": ["team", bob], "delay_minutes": 10}],
                        "repeat": 1, "ack_timeout_minutes": 60});
    let set = p.done("PUT", &place("escalation-policy"), policy.clone());
    assert_eq!(set.body["steps"], policy["steps"]);
    assert_eq!(
        p.get(&place("escalation-policy")).body["ack_timeout_minutes"],
        60
    );
    let wrong = p.call(
        "PUT",
        &place("escalation-policy"),
        &[],
        Some(&json!({"steps": [{"targets": ["nobody"], "delay_minutes": 5}]}).to_string()),
    );
    assert_eq!(wrong.faults(), [fault("steps.0.targets", "not-a-target")]);
    let wrong = json!({"steps": [{"targets": ["on_duty"], "delay_minutes": 0}, {"targets": [], "delay_minutes": 5}],
                       "repeat": 99, "ack_timeout_minutes": 1});
    let wrong = p.call(
        "PUT",
        &place("escalation-policy"),
        &[],
        Some(&wrong.to_string()),
    );
    assert_eq!(
        wrong.faults(),
        [
            fault("steps.0.delay_minutes", "out-of-range"),
            fault("steps.1.targets", "required"),
            fault("repeat", "out-of-range"),
            fault("ack_timeout_minutes", "out-of-range"),
        ]
    );
    // Who planned what stands in the audit.
    let lines = p
        .desk
        .app
        .store
        .read(|conn| watchkeeper::store::settings::audit_page(conn, None, 50))
        .unwrap();
    let deeds: Vec<&str> = lines.iter().map(|line| line.deed.as_str()).collect();
    assert!(
        deeds.contains(&"rotation-planned") && deeds.contains(&"policy-changed"),
        "{deeds:?}"
    );
});

both_databases!(
    who_has_no_token_learns_nothing_of_addresses_and_bodies,
    |desk| {
        let two = Two::new(desk);
        for (method, path, body) in [
            ("POST", "/api/v1/tickets", "{\"title\":"),
            ("POST", "/api/v1/tickets", "{\"colour\":1}"),
            ("GET", "/api/v1/tickets/nonsense", ""),
            ("GET", "/api/v1/tickets?limt=5", ""),
            ("PATCH", "/api/v1/customers/nonsense", "[]"),
            ("DELETE", "/api/v1/tickets", ""),
            ("GET", "/api/v1/nothing", ""),
            ("GET", "/api/v1/keys/nonsense/verdict", ""),
            ("POST", "/api/v1/hook/post-receive", "{"),
        ] {
            for token in ["wk_unknown", ""] {
                let bearer = format!("Bearer {token}");
                let heads = [
                    ("authorization", bearer.as_str()),
                    ("content-type", "text/plain"),
                    ("if-match", "x"),
                ];
                let body = (!body.is_empty()).then_some(body);
                let said = two.p.send(method, path, &heads, body);
                assert_eq!(
                    said.status, 401,
                    "{method} {path} with {token:?}: {}",
                    said.body
                );
            }
        }
    }
);
