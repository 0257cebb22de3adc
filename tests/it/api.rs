//! The JSON API over real HTTP: what programs can do, and how it refuses.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::Response;

use watchkeeper::actions::login::{self, NewToken};
use watchkeeper::domain::access::{Role, Roles, Scope, Scopes, TokenOwner};
use watchkeeper::domain::delivery::DeliveryKind;
use watchkeeper::http::api::ROUTES;
use watchkeeper::store;

use crate::both_databases;
use crate::desk::{Desk, Staff};
use crate::served::Served;

/// A desk with a server and a program that talks to it.
struct Program {
    desk: Desk,
    server: Served,
    agent: Agent,
    token: String,
    ada: Staff,
    /// The operations that were called: each must be, once at least.
    called: std::cell::RefCell<BTreeSet<String>>,
    /// Calls that should have succeeded; all are told at once, at the end.
    failed: std::cell::RefCell<Vec<String>>,
}

impl Drop for Program {
    fn drop(&mut self) {
        let failed = self.failed.borrow();
        if std::thread::panicking() {
            eprintln!("{}", failed.join("\n"));
        } else {
            assert!(failed.is_empty(), "{}", failed.join("\n"));
        }
    }
}

/// An answer.
struct Said {
    status: u16,
    headers: Vec<(String, String)>,
    body: Value,
}

impl Said {
    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The stable names of what was wrong, field by field.
    fn faults(&self) -> Vec<(String, String)> {
        let fields = self.body["fields"].as_array().cloned().unwrap_or_default();
        let name = |field: &Value, key: &str| field[key].as_str().unwrap_or_default().to_owned();
        fields
            .iter()
            .map(|field| (name(field, "field"), name(field, "problem")))
            .collect()
    }

    fn text(&self, pointer: &str) -> String {
        match self.body.pointer(pointer) {
            Some(Value::String(text)) => text.clone(),
            other => panic!("{pointer} is {other:?} in {}", self.body),
        }
    }
}

impl Program {
    fn new(desk: Desk) -> Self {
        let server = Served::new(&desk.app);
        let ada = desk.person("Ada", Roles::all());
        let token = token_of(&desk, &ada, Scopes::all());
        let agent: Agent = Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .into();
        Self {
            desk,
            server,
            agent,
            token,
            ada,
            called: std::cell::RefCell::default(),
            failed: std::cell::RefCell::default(),
        }
    }

    fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Said {
        let authorization = format!("Bearer {}", self.token);
        let mut all = vec![("authorization", authorization.as_str())];
        if body.is_some() {
            all.push(("content-type", "application/json"));
        }
        all.extend_from_slice(headers);
        self.send(method, path, &all, body)
    }

    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Said {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.server.url()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = match body {
            Some(body) => self.agent.run(request.body(body.to_owned()).unwrap()),
            None => self.agent.run(request.body(()).unwrap()),
        };
        let mut response: Response<ureq::Body> = response.unwrap();
        let status = response.status().as_u16();
        if status < 300 {
            self.note(method, path);
        }
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| {
                let value = value.to_str().unwrap_or_default();
                (name.as_str().to_owned(), value.to_owned())
            })
            .collect();
        let text = response.body_mut().read_to_string().unwrap();
        assert!(status < 500, "{method} {path}: {status} {text}");
        Said {
            status,
            headers,
            body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
        }
    }

    /// Which operation of the table this call was.
    fn note(&self, method: &str, path: &str) {
        let path = path.split('?').next().unwrap();
        let parts: Vec<&str> = path.split('/').collect();
        let fits = |known: &str| {
            let known: Vec<&str> = known.split('/').collect();
            known.len() == parts.len()
                && known
                    .iter()
                    .zip(&parts)
                    .all(|(known, part)| known.starts_with('{') || known == part)
        };
        // Fixed addresses go before those with places.
        let mut found: Vec<_> = ROUTES
            .iter()
            .filter(|(known, place, _)| *known == method && fits(place))
            .collect();
        found.sort_by_key(|(_, place, _)| place.matches('{').count());
        if let Some((_, _, name)) = found.first() {
            self.called.borrow_mut().insert((*name).to_owned());
        }
    }

    fn get(&self, path: &str) -> Said {
        self.call("GET", path, &[], None)
    }

    /// A call that must succeed.
    fn done(&self, method: &str, path: &str, body: Value) -> Said {
        let body = (!body.is_null()).then(|| body.to_string());
        let said = self.call(method, path, &[], body.as_deref());
        if said.status >= 300 {
            let failed = format!("{method} {path}: {} {}", said.status, said.body);
            self.failed.borrow_mut().push(failed);
        }
        said
    }

    fn opened(&self, body: Value) -> String {
        self.done("POST", "/api/v1/tickets", body).text("/key")
    }
}

fn token_of(desk: &Desk, owner: &Staff, scopes: Scopes) -> String {
    let new = NewToken {
        name: "ci".to_owned(),
        owner: TokenOwner::Person(owner.id),
        roles: Roles::NONE,
        scopes,
        expires_at: None,
    };
    login::make_token(&desk.as_person(owner), &new).unwrap().1
}

both_databases!(a_program_does_everything_that_people_do, |desk| {
    let p = Program::new(desk);
    let ada = p.ada.id.to_string();
    let bob = p.desk.person("Bob", Roles::all()).id.to_string();

    // the house
    let me = p.get("/api/v1/me");
    assert_eq!(me.text("/person_id"), ada);
    let team = p.done(
        "POST",
        "/api/v1/teams",
        json!({"name": "NetOps", "zone": "Europe/Stockholm", "member_ids": [ada, bob]}),
    );
    let team_id = team.text("/id");
    let team_place = format!("/api/v1/teams/{team_id}");
    assert_eq!(team.header("location"), Some(team_place.as_str()));
    assert_eq!(
        p.done("PATCH", &team_place, json!({"name": "Net Ops"}))
            .text("/name"),
        "Net Ops"
    );
    assert_eq!(p.get(&team_place).text("/name"), "Net Ops");
    assert_eq!(
        p.get("/api/v1/teams").body["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let service = p.done(
        "POST",
        "/api/v1/services",
        json!({"name": "db", "team_id": team_id, "expert_ids": [bob]}),
    );
    let service_id = service.text("/id");
    let service_place = format!("/api/v1/services/{service_id}");
    p.done(
        "PATCH",
        &service_place,
        json!({"members_total": 3, "members_needed": 2}),
    );
    assert_eq!(p.get(&service_place).body["members_total"], 3);
    assert_eq!(p.get("/api/v1/services?limit=1").body["next"], Value::Null);
    let customer = p.done(
        "POST",
        "/api/v1/customers",
        json!({"name": "Contoso", "zone": "America/New_York", "domains": ["contoso.example"]}),
    );
    let customer_id = customer.text("/id");
    let customer_place = format!("/api/v1/customers/{customer_id}");
    p.done("PATCH", &customer_place, json!({"note": "prefers phone"}));
    assert_eq!(p.get(&customer_place).text("/note"), "prefers phone");
    p.get("/api/v1/customers");
    let contacts = format!("{customer_place}/contacts");
    let contact = p.done(
        "POST",
        &contacts,
        json!({"name": "Cleo", "email": "cleo@contoso.example", "reach": "customer"}),
    );
    let contact_id = contact.text("/id");
    let contact_place = format!("{contacts}/{contact_id}");
    p.done("PATCH", &contact_place, json!({"phone": "+1 555 0100"}));
    assert_eq!(p.get(&contact_place).text("/phone"), "+1 555 0100");
    assert_eq!(p.get(&contacts).body["items"].as_array().unwrap().len(), 1);
    let person = p.done(
        "POST",
        "/api/v1/people",
        json!({"name": "Eve", "email": "eve@watch.example.org", "zone": "UTC", "roles": ["viewer"]}),
    );
    let person_place = format!("/api/v1/people/{}", person.text("/id"));
    let edited = p.done(
        "PATCH",
        &person_place,
        json!({"roles": ["responder"], "is_active": false}),
    );
    assert_eq!(
        (&edited.body["roles"], &edited.body["is_active"]),
        (&json!(["responder"]), &json!(false))
    );
    p.get(&person_place);
    p.get("/api/v1/people");

    // a ticket's life
    let opened = p.done(
        "POST",
        "/api/v1/tickets",
        json!({
            "title": "DB master down", "severity": "high", "customer_id": customer_id, "requester_id": contact_id,
            "service_ids": [service_id], "labels": ["Database"], "external_ref": "zbx-1",
        }),
    );
    let key = opened.text("/key");
    let at = format!("/api/v1/tickets/{key}");
    assert_eq!(
        (key.as_str(), opened.text("/state").as_str()),
        ("INC-1", "new")
    );
    let seen = p.get(&at);
    assert_eq!(seen.text("/severity"), "high");
    assert_eq!(opened.header("etag"), seen.header("etag"));
    assert_eq!(opened.body["version"], seen.body["version"]);
    let on = |rest: &str| format!("{at}/{rest}");
    p.done("POST", &on("acknowledge"), Value::Null);
    p.done("POST", &on("unassign"), Value::Null);
    p.done("POST", &on("take"), Value::Null);
    p.done("POST", &on("assign"), json!({"person_id": bob}));
    p.done(
        "POST",
        &on("hand-over"),
        json!({"person_id": ada, "note": "my shift ends"}),
    );
    p.done(
        "POST",
        &on("severity"),
        json!({"severity": "disaster", "why": "all of it"}),
    );
    p.done("POST", &on("notes"), json!({"body": "replica looks fine"}));
    p.done("POST", &on("replies"), json!({"body": "we are on it"}));
    p.done(
        "POST",
        &on("updates"),
        json!({"body": "failing over", "next_update_by": "2026-06-01T12:00:00Z"}),
    );
    p.done("POST", &on("conversations"), json!({"body": "called Cleo"}));
    p.done(
        "POST",
        &on("callback"),
        json!({"callback_number": "+1 555 0100", "callback_at": "2026-06-01T11:00:00+01:00"}),
    );
    p.done(
        "POST",
        &on("hold"),
        json!({"reason": "vendor ticket", "on": "vendor"}),
    );
    assert_eq!(p.get(&at).text("/hold/on"), "vendor");
    p.done("POST", &on("release"), Value::Null);
    p.done(
        "POST",
        &on("impact"),
        json!({"impact_at": "2026-06-01T08:30:00Z", "why": "graphs say so"}),
    );
    p.done(
        "PATCH",
        &at,
        json!({"title": "DB master is down", "chat_url": "https://chat.example.org/1"}),
    );
    p.done("PUT", &on("labels/urgent"), Value::Null);
    p.done("DELETE", &on("labels/urgent"), Value::Null);
    p.done("POST", &on("watch"), json!({"contact_id": contact_id}));
    p.done("POST", &on("unwatch"), json!({"contact_id": contact_id}));
    p.done("PUT", &on("roles/scribe"), json!({"person_id": bob}));
    let second = p.done(
        "POST",
        "/api/v1/customers",
        json!({"name": "Fabrikam", "zone": "UTC"}),
    );
    p.done(
        "POST",
        &on("affected"),
        json!({"customer_id": second.text("/id")}),
    );
    // Ids are made from the time: a later ticket sorts later.
    p.desk.app.time.set(p.desk.now().plus_secs(60));
    let task = p.opened(json!({"title": "order disks", "kind": "task"}));
    p.done(
        "POST",
        &format!("/api/v1/tickets/{task}/priority"),
        json!({"priority": "urgent"}),
    );
    p.done(
        "POST",
        &on("links"),
        json!({"relation": "related_to", "to": task}),
    );
    p.done(
        "DELETE",
        &on(&format!("links/related_to/{task}")),
        Value::Null,
    );
    p.done(
        "POST",
        &on("evidence"),
        json!({"name": "df.txt", "media_type": "text/plain", "content": "L2RldiA5OSU="}),
    );
    let parts = p.get(&on("parts"));
    assert_eq!(parts.body["labels"], json!(["database"]));
    assert_eq!(parts.body["affected"].as_array().unwrap().len(), 2);
    let file = p.get(&on(&format!(
        "attachments/{}",
        parts.text("/attachments/0/id")
    )));
    assert_eq!(file.text("/content"), "L2RldiA5OSU=");
    let newest = p.get(&on("entries?limit=2"));
    let seq = newest.body["items"][0]["seq"].as_i64().unwrap();
    assert_eq!(newest.body["items"][1]["seq"], seq - 1);
    let older = p.get(&on(&format!(
        "entries?limit=2&after={}",
        newest.text("/next")
    )));
    assert_eq!(older.body["items"][0]["seq"], seq - 2);
    assert_eq!(p.get(&on("entries/1")).text("/kind"), "opened");
    p.done(
        "PUT",
        &on("entries/1/report-mark"),
        json!({"for_report": true}),
    );
    p.done("POST", &on("entries/2/redact"), json!({"why": "a name"}));
    let clocks = p.get(&on("clocks"));
    if let Some(id) = clocks.body["items"][0]["id"].as_str() {
        p.get(&on(&format!("clocks/{id}")));
    }
    p.get(&on("pages"));
    let found = p.get("/api/v1/search?q=master");
    assert_eq!(found.text("/hits/0/key"), "INC-1");
    p.done("POST", &on("state"), json!({"state": "restored"}));
    let resolved = p.done("POST", &on("resolve"), json!({"how": "failed over"}));
    assert_eq!(resolved.text("/restored_at"), "2026-06-01T09:01:00Z");
    p.done("POST", &on("reopen"), json!({"why": "again"}));
    let listed = p.get("/api/v1/tickets?kind=incident,task&sort=new&limit=1");
    assert_eq!(listed.body["items"][0]["key"], task.as_str());
    let rest = p.get(&format!(
        "/api/v1/tickets?kind=incident,task&sort=new&limit=1&after={}",
        listed.text("/next")
    ));
    assert_eq!(rest.text("/items/0/key"), "INC-1");
    assert_eq!(
        p.get("/api/v1/tickets?external_ref=zbx-1&is=any")
            .text("/items/0/key"),
        "INC-1"
    );

    // a change
    let change = p.opened(json!({"title": "Raise pool size", "kind": "change"}));
    let place = format!("/api/v1/changes/{change}");
    p.done(
        "PATCH",
        &place,
        json!({"purpose": "more connections", "revert": "git revert"}),
    );
    assert_eq!(p.get(&place).text("/requested_by"), ada);
    p.done("POST", &format!("{place}/ask-approval"), Value::Null);
    let own = p.call(
        "POST",
        &format!("{place}/approve"),
        &[("if-match", "*")],
        None,
    );
    assert_eq!(own.status, 400, "an approval names its version");

    // after it
    let incident = p.opened(json!({"title": "Uplink down", "severity": "warning"}));
    let pm = p.done(
        "POST",
        "/api/v1/post-mortems",
        json!({"incident": incident}),
    );
    let pm_place = format!("/api/v1/post-mortems/{}", pm.text("/key"));
    let sections = json!({"sections": [{"section": "impact", "body": "nobody could log in"}]});
    p.done("PATCH", &pm_place, sections);
    let action = json!({
        "title": "Alert on replica lag above 60 s", "outline": "The alert fires in staging when lag is injected.",
        "action_type": "detect", "owner_id": bob,
    });
    p.done("POST", &format!("{pm_place}/actions"), action);
    let meeting = format!("{pm_place}/meeting");
    let set = p.done(
        "PUT",
        &meeting,
        json!({"starts_at": "2026-06-01T14:00:00Z", "place": "room 1"}),
    );
    assert_eq!(set.text("/meeting/starts_at"), "2026-06-01T14:00:00Z");
    let guest = p.call(
        "POST",
        &format!("{meeting}/guests"),
        &[],
        Some(&json!({"person_id": bob}).to_string()),
    );
    assert!(
        guest.status == 200 || guest.text("/rule") == "already-invited",
        "{}",
        guest.body
    );
    assert_eq!(p.get(&pm_place).text("/incident"), incident);
    p.done(
        "POST",
        &format!("{meeting}/cancel"),
        json!({"why": "nothing to learn"}),
    );
    p.get("/api/v1/mail");
    p.get("/api/v1/deliveries?state=queued");

    // on call
    let shifts = p.get(&format!("{team_place}/shifts"));
    assert!(shifts.body["shifts"].is_array());
    p.get("/api/v1/ledger");

    // the rest
    p.get("/api/v1/views");
    p.get("/api/v1/agreements");
    p.get("/api/v1/calendars");
    let made = p.done(
        "POST",
        "/api/v1/tokens",
        json!({"name": "bot", "roles": ["viewer"], "scopes": ["read"]}),
    );
    assert!(made.text("/secret").starts_with("wk_"));
    p.get("/api/v1/tokens");
    p.done(
        "DELETE",
        &format!("/api/v1/tokens/{}", made.text("/id")),
        Value::Null,
    );
    let hook = p.done(
        "POST",
        "/api/v1/webhooks",
        json!({"name": "chat", "url": "https://hooks.example.org/1", "events": ["ticket.opened"]}),
    );
    assert!(hook.text("/secret").starts_with("whsec_"));
    let hook_place = format!("/api/v1/webhooks/{}", hook.text("/id"));
    assert!(p.get(&hook_place).body.get("secret").is_none());
    p.done("PATCH", &hook_place, json!({"events": ["*"]}));
    p.done("POST", &format!("{hook_place}/ping"), Value::Null);
    p.get("/api/v1/webhooks");
    p.done("DELETE", &hook_place, Value::Null);

    let called = p.called.borrow();
    let never: Vec<_> = ROUTES
        .iter()
        .map(|(_, _, name)| *name)
        .filter(|name| !called.contains(*name) && !ELSEWHERE.contains(name))
        .collect();
    assert!(never.is_empty(), "never called: {never:?}");
});

/// Operations that need more than one program: told in stories of their own.
const ELSEWHERE: &[&str] = &[
    "change :: approve",
    "change :: refuse",
    "change :: redraft",
    "change :: start",
    "change :: watch",
    "change :: close",
    "clock :: explained",
    "clock :: agreement",
    "hook :: verdict",
    "hook :: post_receive",
    "oncall :: add_override",
    "oncall :: withdraw_override",
    "oncall :: test_page",
    "search :: view",
    "step :: page_person",
    "mail :: read",
    "post_mortem :: held",
    "post_mortem :: invite",
    "mail :: drop_held",
    "mail :: delivery",
    "mail :: replay",
];

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

#[test]
fn the_document_has_every_address_and_no_other() {
    let document = watchkeeper::http::api::document::document();
    let mut documented = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            documented.insert((method.to_uppercase(), path.clone()));
            let name = format!("{method} {path}");
            assert!(operation["summary"].is_string(), "{name} has no summary");
            assert!(operation["tags"][0].is_string(), "{name} has no chapter");
            assert!(
                operation["operationId"].as_str().unwrap().contains('.'),
                "{name}"
            );
            let parameters = operation["parameters"].as_array().unwrap();
            for part in path
                .split('{')
                .skip(1)
                .filter_map(|rest| rest.split('}').next())
            {
                let about = parameters.iter().find(|it| it["name"] == part);
                let about = about.unwrap_or_else(|| panic!("{name}: {part}"));
                assert_ne!(about["description"], "", "{name}: {part}");
            }
        }
    }
    let routed: BTreeSet<_> = ROUTES
        .iter()
        .map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned()))
        .collect();
    assert_eq!(documented, routed);
    assert!(routed.len() >= 40, "{}", routed.len());
    let names: BTreeSet<_> = ROUTES.iter().map(|(_, _, name)| name).collect();
    assert_eq!(names.len(), ROUTES.len(), "operation ids are unique");
    assert_eq!(document["openapi"], "3.1.0");
    dangling(document, document);
}

/// Every reference leads somewhere.
fn dangling(document: &Value, value: &Value) {
    match value {
        Value::Object(fields) => {
            if let Some(place) = fields.get("$ref").and_then(Value::as_str) {
                let pointer = place.trim_start_matches('#');
                assert!(document.pointer(pointer).is_some(), "{place}");
            }
            fields.values().for_each(|value| dangling(document, value));
        }
        Value::Array(items) => items.iter().for_each(|value| dangling(document, value)),
        _ => {}
    }
}

#[test]
fn the_reference_is_readable_without_a_network_or_a_login() {
    let p = Program::new(Desk::new(crate::desk::On::Sqlite));
    let document = p.send("GET", "/openapi.json", &[], None);
    assert_eq!(document.body["openapi"], "3.1.0");
    let page = p.send("GET", "/api", &[("accept", "text/html")], None);
    let Value::String(html) = &page.body else {
        panic!("{}", page.body)
    };
    for (_, path, _) in ROUTES {
        assert!(html.contains(path), "{path}");
    }
    assert!(html.contains(r##"href="#shape-Ticket""##));
    assert!(!html.contains("<script>") && !html.contains("style="));
    assert!(!html.contains("src=\"http"));
}
