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
        json!({"customer_id": contoso, "name": "Gold", "targets": [target]}),
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
    is(&p.get(&place), 404);
    p.done(
        "PATCH",
        &format!("/api/v1/calendars/{id}"),
        json!({"is_active": false}),
    );
    p.desk.letters();
});

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
