//! Calls with bad input: each names the field, and changes nothing.

use serde_json::{Value, json};

use watchkeeper::http::api::ROUTES;
use watchkeeper::http::api::document::document;

use crate::api_walk::{Two, fault};
use crate::both_databases;
use crate::program::Program;

both_databases!(
    calls_say_what_is_wrong_at_the_field_and_change_nothing,
    |desk| {
        let two = Two::new(desk);
        let p = &two.p;
        let (contoso, _) = two.contoso();
        p.opened(json!({"title": "Uplink down", "severity": "high", "customer_id": contoso}));
        p.opened(json!({"title": "Raise pool size", "kind": "change"}));
        p.done("POST", "/api/v1/post-mortems", json!({"incident": "INC-1"}));
        let long = "x".repeat(201);
        let day = "2026-02-30T00:00:00Z";
        let cover = format!("/api/v1/teams/{}/overrides", two.team);
        let customer = format!("/api/v1/customers/{contoso}");
        let table: Vec<(&str, &str, Value, (String, String))> = vec![
            (
                "PATCH",
                "/api/v1/tickets/INC-1",
                json!({"title": long}),
                fault("title", "too-long"),
            ),
            (
                "POST",
                "/api/v1/customers",
                json!({"name": long, "zone": "UTC"}),
                fault("name", "too-long"),
            ),
            (
                "POST",
                "/api/v1/teams",
                json!({"name": long, "zone": "UTC"}),
                fault("name", "too-long"),
            ),
            (
                "PUT",
                "/api/v1/tickets/INC-1/labels/LONG",
                Value::Null,
                fault("label", "too-long"),
            ),
            (
                "PATCH",
                &customer,
                json!({"zone": "Mars/Base"}),
                fault("zone", "unknown-zone"),
            ),
            (
                "POST",
                "/api/v1/teams",
                json!({"name": "x", "zone": "Mars/Base"}),
                fault("zone", "unknown-zone"),
            ),
            (
                "POST",
                "/api/v1/people",
                json!({"name": "x", "email": "x@y.example", "zone": "Mars/Base", "roles": []}),
                fault("zone", "unknown-zone"),
            ),
            (
                "PATCH",
                "/api/v1/tickets/INC-1",
                json!({"due_at": day}),
                fault("due_at", "not-rfc3339"),
            ),
            (
                "POST",
                "/api/v1/tickets/INC-1/hold",
                json!({"reason": "x", "on": "vendor", "until": day}),
                fault("until", "not-rfc3339"),
            ),
            (
                "POST",
                "/api/v1/tickets/INC-1/times",
                json!({"impact_at": day, "why": "x", "evidence": "#1"}),
                fault("impact_at", "not-rfc3339"),
            ),
            (
                "POST",
                "/api/v1/tickets/INC-1/callback",
                json!({"callback_number": "1", "callback_at": day}),
                fault("callback_at", "not-rfc3339"),
            ),
            (
                "PATCH",
                "/api/v1/changes/CHG-1",
                json!({"starts_at": day}),
                fault("starts_at", "not-rfc3339"),
            ),
            (
                "PUT",
                "/api/v1/post-mortems/PM-1/meeting",
                json!({"starts_at": day}),
                fault("starts_at", "not-rfc3339"),
            ),
            (
                "POST",
                &cover,
                json!({"kind": "add", "person_id": two.bob_id, "starts_at": day, "ends_at": "2026-06-03T00:00:00Z"}),
                fault("starts_at", "not-rfc3339"),
            ),
        ];
        let before = p.get("/api/v1/tickets?is=any").body;
        for (method, path, body, wrong) in &table {
            let path = path.replace("LONG", &long);
            let body = (!body.is_null()).then(|| body.to_string());
            let said = p.call(method, &path, &[], body.as_deref());
            assert_eq!(
                (said.status, said.faults()),
                (422, vec![wrong.clone()]),
                "{method} {path}: {}",
                said.body
            );
        }
        // A file of more than a body may carry.
        let big =
            json!({"name": "df.log", "media_type": "text/plain", "content": "A".repeat(1 << 20)});
        assert_eq!(
            p.call(
                "POST",
                "/api/v1/tickets/INC-1/evidence",
                &[],
                Some(&big.to_string())
            )
            .status,
            413
        );
        assert_eq!(p.get("/api/v1/tickets?is=any").body, before);
        p.desk.letters();
    }
);

// Every operation that takes a body, with a field that it doesn't know.
both_databases!(no_call_takes_a_field_that_it_does_not_know, |desk| {
    let p = Program::new(desk);
    let some_id = watchkeeper::domain::id::Id::<()>::new(p.desk.now()).to_string();
    let mut asked = 0;
    for (method, pattern, name) in ROUTES {
        // A repository's door opens to its own token only, a forge's to its signature; the calculator refuses line by line (`calc`).
        if matches!(*method, "GET" | "DELETE")
            || pattern.starts_with("/api/v1/hook/")
            || pattern.starts_with("/api/v1/forge/")
            || *name == "calc :: ask"
        {
            continue;
        }
        let path = pattern
            .replace("{key}", "INC-1")
            .replace("{seq}", "1")
            .replace("{role}", "scribe")
            .replace("{label}", "urgent")
            .replace("{customer}", &some_id)
            .replace("{contact}", &some_id)
            .replace("{id}", &some_id);
        assert!(!path.contains('{'), "{path}");
        let heads = [("if-match", "\"1\"")];
        let said = p.call(method, &path, &heads, Some("{\"colour\":\"red\"}"));
        assert_eq!(said.status, 422, "{method} {path}: {}", said.body);
        let unknown = fault("colour", "unknown-field");
        assert!(
            said.faults().contains(&unknown),
            "{method} {path}: {}",
            said.body
        );
        let has_body =
            !document()["paths"][*pattern][method.to_lowercase()]["requestBody"].is_null();
        assert!(
            has_body || said.faults() == [unknown],
            "{name}: {}",
            said.body
        );
        asked += 1;
    }
    assert!(asked > 50, "{asked}");
});
