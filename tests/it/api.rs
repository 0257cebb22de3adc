//! The JSON API over real HTTP: everything that people do, programs do, and the document says how.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use watchkeeper::domain::access::Roles;
use watchkeeper::http::api::ROUTES;

use crate::both_databases;
use crate::program::Program;

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
    let noted = p.done("POST", &on("notes"), json!({"body": "replica looks fine"}));
    let seq = noted.body["entry_count"].as_i64().unwrap();
    p.done("POST", &on(&format!("entries/{seq}/share")), Value::Null);
    p.done(
        "POST",
        &on("no-reply-needed"),
        json!({"why": "she said thanks"}),
    );
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
    assert_eq!(p.get(&at).text("/holds/0/on"), "vendor");
    p.done("POST", &on("release"), Value::Null);
    // Nobody corrects the times of what they answer for themselves.
    p.done("POST", &on("unassign"), Value::Null);
    p.done(
        "POST",
        &on("times"),
        json!({"impact_at": "2026-06-01T08:30:00Z", "why": "graphs say so", "evidence": "#1"}),
    );
    p.done("POST", &on("take"), Value::Null);
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
    let hit = format!("affected/{}", second.text("/id"));
    p.done("POST", &on(&format!("{hit}/restored")), json!({}));
    p.done(
        "POST",
        &on(&format!("{hit}/not-restored")),
        json!({"why": "still dead"}),
    );
    // Ids are made from the time: a later ticket sorts later.
    p.desk.app.time.set(p.desk.now().plus_secs(60));
    let twin = p.opened(json!({"title": "DB is away", "customer_id": customer_id}));
    let twin = |rest: &str| format!("/api/v1/tickets/{twin}/{rest}");
    p.done(
        "POST",
        &twin("merge"),
        json!({"into": key, "why": "the same"}),
    );
    p.done("POST", &twin("unmerge"), json!({"why": "another one"}));
    p.done("POST", &twin("resolve"), json!({"how": "started"}));
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
    // Entry 2 has no text of its own.
    let nothing = p.call(
        "POST",
        &on("entries/2/redact"),
        &[],
        Some("{\"why\":\"x\"}"),
    );
    assert_eq!(nothing.text("/rule"), "nothing-to-redact");
    let id = parts.text("/attachments/0/id");
    let seq = parts.body["attachments"][0]["entry_seq"].to_string();
    let gone = json!({"why": "a name", "text": false, "attachment_ids": [id], "title": "A database is down"});
    let redacted = p.done("POST", &on(&format!("entries/{seq}/redact")), gone);
    assert_eq!(redacted.text("/title"), "A database is down");
    let parts = p.get(&on("parts"));
    assert_eq!(parts.text("/attachments/0/name"), "[redacted]");
    assert_eq!(
        parts.text("/attachments/0/redacted_at"),
        "2026-06-01T09:01:00Z"
    );
    let unknown = json!({"why": "x", "attachment_ids": [id]}).to_string();
    let unknown = p.call("POST", &on("entries/1/redact"), &[], Some(&unknown));
    assert_eq!(
        unknown.faults(),
        [("attachment_ids".to_owned(), "no-such-file".to_owned())]
    );
    let clocks = p.get(&on("clocks"));
    if let Some(id) = clocks.body["items"][0]["id"].as_str() {
        p.get(&on(&format!("clocks/{id}")));
    }
    p.get(&on("pages"));
    let found = p.get("/api/v1/search?q=database");
    assert_eq!(found.text("/hits/0/key"), "INC-1");
    p.done("POST", &on("state"), json!({"state": "restored"}));
    let resolved = p.done("POST", &on("resolve"), json!({"how": "failed over"}));
    assert_eq!(resolved.text("/restored_at"), "2026-06-01T09:01:00Z");
    let report = on(&format!("reports/{customer_id}"));
    let draft = p.get(&report);
    assert!(draft.body["state"].is_null());
    let parts = json!({"parts": [{"part": "summary", "body": "The service was down."}], "data_loss": "none"});
    let written = p.done("PATCH", &report, parts);
    assert_eq!(written.text("/state"), "draft");
    let file = p.get(&format!("{report}/md"));
    assert!(
        file.status == 200 || file.body["rule"].is_string(),
        "{}",
        file.body
    );
    let unapproved = p.call(
        "POST",
        &format!("{report}/send"),
        &[],
        Some(&json!({"contact_ids": [contact_id]}).to_string()),
    );
    assert_eq!(unapproved.text("/rule"), "report-not-approved");
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
    crate::freeze::asks_and_keeps(&p);
    crate::freeze_import::reads(&p);
    crate::agenda::asked(&p);

    let called = p.called.borrow();
    let never: Vec<_> = ROUTES
        .iter()
        .map(|(_, _, name)| *name)
        .filter(|name| !called.contains(*name) && !crate::api_elsewhere::ELSEWHERE.contains(name))
        .filter(|name| !crate::deploy_door::CALLED.contains(name))
        .filter(|name| !crate::deploy_queue::CALLED.contains(name))
        .filter(|name| !crate::forge_door::CALLED.contains(name))
        .filter(|name| !crate::mail_contacts::CALLED.contains(name))
        .filter(|name| !crate::dora::CALLED.contains(name))
        .filter(|name| !crate::coverage::CALLED.contains(name))
        .filter(|name| !crate::evidence::CALLED.contains(name))
        .filter(|name| !crate::approvals_doors::CALLED.contains(name))
        .collect();
    assert!(never.is_empty(), "never called: {never:?}");
});

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

both_databases!(
    the_reference_is_readable_without_a_network_or_a_login,
    |desk| {
        let p = Program::new(desk);
        let document = p.send("GET", "/openapi.json", &[], None);
        assert_eq!(document.body["openapi"], "3.1.0");
        let page = p.send("GET", "/api", &[("accept", "text/html")], None);
        let Value::String(html) = &page.body else {
            panic!("{}", page.body)
        };
        for (_, path, _) in ROUTES {
            assert!(html.contains(path), "{path}");
        }
        let chapter = p.send(
            "GET",
            "/api?about=tickets",
            &[("accept", "text/html")],
            None,
        );
        let chapter = chapter.body.as_str().expect("a page").to_owned();
        assert!(chapter.contains(r##"href="#shape-Ticket""##));
        assert!(chapter.contains(r#"id="shape-Ticket""#));
        assert_eq!(p.send("GET", "/api?about=nothing", &[], None).status, 404);
        for page in [html, &chapter] {
            assert!(page.len() < 100 * 1024, "{} bytes", page.len());
        }
        assert!(!html.contains("<script>") && !html.contains("style="));
        assert!(!html.contains("src=\"http"));
    }
);
