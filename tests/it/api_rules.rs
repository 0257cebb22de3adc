//! The JSON API's rules: repeated calls, versions, scopes, bad input, webhooks.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use watchkeeper::actions::login;
use watchkeeper::domain::access::{Role, Roles, Scope, Scopes};
use watchkeeper::domain::delivery::DeliveryKind;
use watchkeeper::store;

use crate::both_databases;
use crate::desk::Desk;
use crate::program::{Program, token_of};

both_databases!(
    a_repeated_call_gets_the_first_answer_and_changes_nothing,
    |desk| {
        let p = Program::new(desk);
        let open = |key: &str, body: &str| {
            p.call(
                "POST",
                "/api/v1/tickets",
                &[("idempotency-key", key)],
                Some(body),
            )
        };
        let first = open("k-1", r#"{"title":"DB master down"}"#);
        let again = open("k-1", r#"{"title":"DB master down"}"#);
        assert_eq!((first.status, again.status), (201, 201));
        assert_eq!(first.body, again.body);
        assert_eq!(first.header("location"), again.header("location"));
        assert_eq!(first.header("etag"), again.header("etag"));
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        assert_eq!(
            p.get("/api/v1/tickets").body["items"]
                .as_array()
                .unwrap()
                .len(),
            1
        );

        let other = open("k-1", r#"{"title":"something else"}"#);
        assert_eq!(
            (other.status, other.text("/rule").as_str()),
            (422, "idempotency-key-reused")
        );

        // What was refused changed nothing, and the key is free.
        assert_eq!(open("k-2", r#"{"title":""}"#).status, 422);
        assert_eq!(open("k-2", r#"{"title":"now"}"#).status, 201);

        // Eight at once are one.
        let keys: BTreeSet<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    let (url, token) = (p.server.url(), p.token.clone());
                    scope.spawn(move || {
                        let mut answer = ureq::post(format!("{url}/api/v1/tickets"))
                            .header("authorization", format!("Bearer {token}"))
                            .header("content-type", "application/json")
                            .header("idempotency-key", "storm")
                            .send(r#"{"title":"once"}"#)
                            .unwrap();
                        let body: Value =
                            serde_json::from_str(&answer.body_mut().read_to_string().unwrap())
                                .unwrap();
                        body["key"].as_str().unwrap().to_owned()
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        assert_eq!(keys.len(), 1, "{keys:?}");

        // A day later the key is free again, whether the old answer was swept or not.
        p.desk.app.time.set(p.desk.now().plus_secs(25 * 3600));
        let later = open("k-1", r#"{"title":"the next day"}"#);
        assert_eq!(later.status, 201);
        assert_ne!(later.body["key"], first.body["key"]);
    }
);

both_databases!(an_answer_stands_with_its_change_or_not_at_all, |desk| {
    let p = Program::new(desk);
    let body = r#"{"name":"bot","roles":["viewer"],"scopes":["read"]}"#;
    let make = || {
        p.call(
            "POST",
            "/api/v1/tokens",
            &[("idempotency-key", "t")],
            Some(body),
        )
    };
    let (first, again) = (make(), make());
    assert_eq!(first.text("/id"), again.text("/id"));
    assert!(
        again.body["secret"].is_null(),
        "a secret is shown once and kept nowhere"
    );
    // The key is the token's own: another token's is another key.
    let other = token_of(&p.desk, &p.ada, Scopes::all());
    let headers = [
        ("authorization", format!("Bearer {other}")),
        ("content-type", "application/json".to_owned()),
        ("idempotency-key", "t".to_owned()),
    ];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let theirs = p.send("POST", "/api/v1/tokens", &headers, Some(body));
    assert_ne!(theirs.text("/id"), first.text("/id"));
});

both_databases!(a_change_based_on_an_older_version_is_refused, |desk| {
    let p = Program::new(desk);
    let key = p.opened(json!({"title": "x"}));
    let at = format!("/api/v1/tickets/{key}");
    let tag = p.get(&at).header("etag").unwrap().to_owned();
    let edit = |tag: &str, title: &str| {
        let body = json!({"title": title}).to_string();
        p.call("PATCH", &at, &[("if-match", tag)], Some(&body))
    };
    assert_eq!(edit(&tag, "first").status, 200);
    let stale = edit(&tag, "second");
    assert_eq!(stale.status, 412);
    assert_eq!(stale.text("/type"), "urn:watchkeeper:problem:not-matched");
    assert_eq!(p.get(&at).text("/title"), "first");
    assert_eq!(edit("*", "third").status, 200);
    assert_eq!(edit("seven", "fourth").status, 400);
});

both_databases!(a_token_does_what_its_scopes_and_its_owner_allow, |desk| {
    let p = Program::new(desk);
    let with = |token: &str, method: &str, path: &str, body: Option<&str>| {
        let bearer = format!("Bearer {token}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        p.send(method, path, &headers, body)
    };
    let reader = token_of(&p.desk, &p.ada, Scopes::of(&[Scope::Read]));
    assert_eq!(with(&reader, "GET", "/api/v1/tickets", None).status, 200);
    let refused = with(&reader, "POST", "/api/v1/tickets", Some(r#"{"title":"x"}"#));
    assert_eq!(
        (refused.status, refused.text("/rule").as_str()),
        (403, "token-scope")
    );

    let vic = p.desk.person("Vic", Roles::of(&[Role::Viewer]));
    let weak = token_of(&p.desk, &vic, Scopes::all());
    let refused = with(&weak, "POST", "/api/v1/tickets", Some(r#"{"title":"x"}"#));
    assert_eq!(
        (refused.status, refused.text("/rule").as_str()),
        (403, "needs-role")
    );

    // Who may make tokens can't make one that is stronger than the own.
    let keeper = p.desk.person("Kim", Roles::of(&[Role::Admin]));
    let keeper = token_of(&p.desk, &keeper, Scopes::of(&[Scope::Admin, Scope::Read]));
    let stronger = r#"{"name":"x","roles":["responder"],"scopes":["read"]}"#;
    assert_eq!(
        with(&keeper, "POST", "/api/v1/tokens", Some(stronger)).faults(),
        [("roles".to_owned(), "stronger-than-you".to_owned())]
    );

    // A revoked token stops at once, although it was used a moment ago.
    let id = p.done("GET", "/api/v1/me", Value::Null).text("/token_id");
    assert_eq!(with(&reader, "GET", "/api/v1/me", None).status, 200);
    let mine = with(&reader, "GET", "/api/v1/me", None).text("/token_id");
    assert_ne!(mine, id);
    login::revoke_token(&p.desk.as_person(&p.ada), store_id(&mine)).unwrap();
    assert_eq!(with(&reader, "GET", "/api/v1/me", None).status, 401);
    // So does one whose owner was deactivated, or lost a role.
    watchkeeper::actions::people::deactivate(&p.desk.as_person(&p.ada), vic.id).unwrap();
    assert_eq!(with(&weak, "GET", "/api/v1/me", None).status, 401);

    for wrong in ["", "Bearer ", "Bearer wk_nothing", "Basic d2s6d2s="] {
        let said = p.send("GET", "/api/v1/me", &[("authorization", wrong)], None);
        assert_eq!(said.status, 401, "{wrong}");
        assert!(said.header("www-authenticate").is_some());
    }
});

fn store_id(text: &str) -> watchkeeper::domain::id::TokenId {
    watchkeeper::domain::id::Id::parse(text).unwrap()
}

both_databases!(
    bad_input_is_named_field_by_field_and_changes_nothing,
    |desk| {
        let p = Program::new(desk);
        let open = |body: &str| p.call("POST", "/api/v1/tickets", &[], Some(body));
        let fault = |field: &str, problem: &str| (field.to_owned(), problem.to_owned());

        let said = open(
            r#"{"title":"x","severity":"sev1","colour":"red","impact_at":"noon","customer_id":"me"}"#,
        );
        assert_eq!(said.status, 422);
        assert_eq!(
            said.header("content-type"),
            Some("application/problem+json")
        );
        let mut faults = said.faults();
        faults.sort();
        assert_eq!(
            faults,
            [
                fault("colour", "unknown-field"),
                fault("customer_id", "not-an-id"),
                fault("impact_at", "not-rfc3339"),
                fault("severity", "unknown-word"),
            ]
        );
        assert_eq!(open("{}").faults(), [fault("title", "required")]);
        assert_eq!(
            open(r#"{"title":7}"#).faults(),
            [fault("title", "wrong-type")]
        );
        let long = format!(r#"{{"title":"{}"}}"#, "x".repeat(5_000));
        assert_eq!(open(&long).faults(), [fault("title", "too-long")]);
        let unknown = r#"{"title":"x","customer_id":"019aa4c7-0d3b-7c5e-9f7e-2f1b3c4d5e6f"}"#;
        assert_eq!(
            open(unknown).faults(),
            [fault("customer", "unknown-customer")]
        );
        let future = open(r#"{"title":"x","impact_at":"2026-06-02T00:00:00Z"}"#);
        assert_eq!(
            (future.status, future.text("/rule").as_str()),
            (422, "impact-in-future")
        );
        assert_eq!(open(r#"{"title":"a","external_ref":"e"}"#).status, 201);
        assert_eq!(open(r#"{"title":"b","external_ref":"e"}"#).status, 422);
        assert_eq!(open("{\"title\":").status, 400);
        assert_eq!(open("[]").status, 400);
        assert_eq!(open("").faults(), [fault("title", "required")]);
        assert_eq!(
            open(&format!(r#"{{"title":"{}"}}"#, "x".repeat(1 << 20))).status,
            413
        );
        let form = [
            ("authorization", format!("Bearer {}", p.token)),
            (
                "content-type",
                "application/x-www-form-urlencoded".to_owned(),
            ),
        ];
        let form: Vec<(&str, &str)> = form.iter().map(|(n, v)| (*n, v.as_str())).collect();
        assert_eq!(
            p.send("POST", "/api/v1/tickets", &form, Some("title=x"))
                .status,
            415
        );

        assert_eq!(p.get("/api/v1/tickets/INC-99").status, 404);
        assert_eq!(p.get("/api/v1/tickets/nonsense").status, 404);
        assert_eq!(p.get("/api/v1/nothing").status, 404);
        let method = p.call("DELETE", "/api/v1/tickets", &[], None);
        assert_eq!(
            (method.status, method.header("allow")),
            (405, Some("GET, POST"))
        );
        assert_eq!(
            p.get("/api/v1/tickets?limt=5").faults(),
            [fault("limt", "unknown-field")]
        );
        assert_eq!(
            p.get("/api/v1/tickets?limit=9999").faults(),
            [fault("limit", "out-of-range")]
        );
        assert_eq!(
            p.get("/api/v1/tickets?after=zzz").faults(),
            [fault("after", "not-a-cursor")]
        );
        assert_eq!(
            p.get("/api/v1/tickets?severity=sev1").faults(),
            [fault("severity", "unknown-word")]
        );
        let bad_key = "k".repeat(300);
        let said = p.call(
            "POST",
            "/api/v1/tickets",
            &[("idempotency-key", &bad_key)],
            Some(r#"{"title":"x"}"#),
        );
        assert_eq!(said.status, 400);
        assert_eq!(
            p.get("/api/v1/tickets").body["items"]
                .as_array()
                .unwrap()
                .len(),
            1
        );
    }
);

both_databases!(
    a_webhook_hears_what_it_asked_for_in_the_same_breath,
    |desk| {
        let p = Program::new(desk);
        let hook = p.done(
        "POST",
        "/api/v1/webhooks",
        json!({"name": "chat", "url": "https://hooks.example.org/1", "events": ["ticket.opened", "ticket.resolved"]}),
    );
        let key = p.opened(json!({"title": "x"}));
        p.done(
            "POST",
            &format!("/api/v1/tickets/{key}/notes"),
            json!({"body": "not asked for"}),
        );
        p.done(
            "POST",
            &format!("/api/v1/tickets/{key}/resolve"),
            json!({"how": "done"}),
        );
        let calls = |desk: &Desk| {
            let all = desk
                .app
                .store
                .read(|conn| store::outbox::page(conn, None, None, 100));
            let all = all.unwrap().into_iter();
            all.filter(|it| it.kind == DeliveryKind::Webhook).count()
        };
        assert_eq!(calls(&p.desk), 2);
        let place = format!("/api/v1/webhooks/{}", hook.text("/id"));
        let wrong = p.call(
            "PATCH",
            &place,
            &[],
            Some(r#"{"events":["ticket.exploded"]}"#),
        );
        assert_eq!(
            wrong.faults(),
            [("events".to_owned(), "unknown-event".to_owned())]
        );
    }
);
