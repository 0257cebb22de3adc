//! The main job by the JSON API alone: from planning who is called to the ledger of the night, in the order of a working day.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use watchkeeper::domain::access::{Roles, Scopes};
use watchkeeper::domain::outgoing::Handover;

use crate::accounts::founded;
use crate::both_databases;
use crate::desk::Desk;
use crate::mail::mail;
use crate::program::{Program, Said, token_of};

/// A house with Ada's program, and Bob's beside it: some things need two people.
pub struct Two {
    pub p: Program,
    pub bob: String,
    pub bob_id: String,
    pub team: String,
}

impl Two {
    pub fn new(desk: Desk) -> Self {
        let founded = founded(&desk);
        let p = Program::new(desk);
        let bob = p.desk.person("Bob", Roles::all());
        let token = token_of(&p.desk, &bob, Scopes::all());
        Self {
            bob: token,
            bob_id: bob.id.to_string(),
            team: founded.team.to_string(),
            p,
        }
    }

    fn with(
        &self,
        token: &str,
        method: &str,
        path: &str,
        heads: &[(&str, &str)],
        body: &Value,
    ) -> Said {
        let bearer = format!("Bearer {token}");
        let mut all = vec![
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        all.extend_from_slice(heads);
        let body = (!body.is_null()).then(|| body.to_string());
        self.p.send(method, path, &all, body.as_deref())
    }

    /// Bob does it, and it must succeed.
    #[track_caller]
    pub fn bob(&self, method: &str, path: &str, heads: &[(&str, &str)], body: Value) -> Said {
        let said = self.with(&self.bob, method, path, heads, &body);
        assert!(said.status < 300, "{method} {path}: {}", said.body);
        said
    }

    /// Contoso with Carol, by the API.
    pub fn contoso(&self) -> (String, String) {
        let customer = self.p.done(
            "POST",
            "/api/v1/customers",
            json!({"name": "Contoso", "zone": "Europe/Berlin"}),
        );
        let id = customer.text("/id");
        let carol = self.p.done(
            "POST",
            &format!("/api/v1/customers/{id}/contacts"),
            json!({"name": "Carol", "email": "carol@contoso.example", "reach": "customer"}),
        );
        (id, carol.text("/id"))
    }
}

#[track_caller]
pub fn is(said: &Said, status: u16) -> &Said {
    assert_eq!(said.status, status, "{}", said.body);
    said
}

pub fn fault(field: &str, problem: &str) -> (String, String) {
    (field.to_owned(), problem.to_owned())
}

both_databases!(
    an_incident_is_opened_paged_and_acknowledged_by_the_api,
    |desk| {
        let two = Two::new(desk);
        let p = &two.p;
        is(&p.done("POST", "/api/v1/me/test-page", Value::Null), 204);
        assert!(
            p.desk
                .letters()
                .iter()
                .any(|letter| letter.to.as_str() == "ada@watch.example.org")
        );
        let key = p.opened(json!({"title": "DB master down", "severity": "disaster"}));
        // The founder is on call.
        let letters = p.desk.letters();
        assert!(
            letters
                .iter()
                .any(|letter| letter.to.as_str() == "ada@harbour.example"),
            "{letters:?}"
        );
        let pages = p.get(&format!("/api/v1/tickets/{key}/pages"));
        assert_eq!(pages.text("/items/0/state"), "accepted");
        p.done(
            "POST",
            &format!("/api/v1/tickets/{key}/page"),
            json!({"person_id": two.bob_id}),
        );
        assert!(
            p.desk
                .letters()
                .iter()
                .any(|letter| letter.to.as_str() == "bob@watch.example.org")
        );
        let taken = two.bob(
            "POST",
            &format!("/api/v1/tickets/{key}/acknowledge"),
            &[],
            Value::Null,
        );
        assert_eq!(
            (taken.text("/state").as_str(), taken.text("/owner_id")),
            ("in_progress", two.bob_id.clone())
        );
        let view = p.done(
            "POST",
            "/api/v1/views",
            json!({"name": "Burning", "query": "sev:disaster", "is_shared": true}),
        );
        let place = format!("/api/v1/views/{}", view.text("/id"));
        assert_eq!(p.get(&place).text("/query"), "sev:disaster");
        let wrong = p.call(
            "POST",
            "/api/v1/views",
            &[],
            Some("{\"name\":\"\",\"query\":\"sev:low\"}"),
        );
        let fields: Vec<String> = wrong.faults().into_iter().map(|(field, _)| field).collect();
        assert_eq!(fields, ["name", "query"]);
        is(
            &two.with(&two.bob, "DELETE", &place, &[], &Value::Null),
            404,
        );
        is(&p.done("DELETE", &place, Value::Null), 204);
        is(&p.get(&place), 404);
        p.desk.letters();
    }
);

both_databases!(mail_is_answered_held_and_replayed_by_the_api, |desk| {
    let two = Two::new(desk);
    let p = &two.p;
    two.contoso();
    let address = p.done(
        "POST",
        "/api/v1/intake-addresses",
        json!({"address": "Support@watch.example.org", "severity": "high"}),
    );
    let place = format!("/api/v1/intake-addresses/{}", address.text("/id"));
    assert_eq!(
        p.done("PATCH", &place, json!({"team_id": two.team}))
            .text("/team_id"),
        two.team
    );
    assert_eq!(p.get(&place).text("/severity"), "high");
    p.get("/api/v1/intake-addresses");
    let wrong = p.call(
        "POST",
        "/api/v1/intake-addresses",
        &[],
        Some("{\"address\":\"support\"}"),
    );
    assert_eq!(wrong.faults()[0].0, "address");

    mail(
        &p.desk,
        "carol@contoso.example",
        "Subject: Uplink down\r\nMessage-ID: <c1@contoso.example>",
        "Since noon.",
    );
    let first = p.get("/api/v1/mail").text("/items/0/id");
    let fate = p.get(&format!("/api/v1/mail/{first}"));
    assert_eq!(fate.text("/verdict"), "opened");
    assert_eq!(p.get("/api/v1/tickets/INC-1").text("/severity"), "high");
    p.desk.letters();

    // Strangers ask to join: one is let in, one isn't.
    for n in 1..=2 {
        mail(
            &p.desk,
            "mallory@other.example",
            &format!("Subject: [INC-1] me too {n}\r\nMessage-ID: <m{n}@other.example>"),
            &format!("Number {n}."),
        );
    }
    let asked = p.get("/api/v1/mail?verdict=join_request");
    let ids: Vec<String> = asked.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), 2);
    let accepted = p.done(
        "POST",
        &format!("/api/v1/mail/{}/accept", ids[1]),
        Value::Null,
    );
    assert_eq!(accepted.text("/verdict"), "appended");
    let refused = p.done(
        "POST",
        &format!("/api/v1/mail/{}/refuse", ids[0]),
        Value::Null,
    );
    assert_eq!(refused.text("/verdict"), "opened");
    let again = p.call(
        "POST",
        &format!("/api/v1/mail/{}/accept", ids[0]),
        &[],
        None,
    );
    assert_eq!(again.text("/rule"), "mail-no-join-request");

    // Blocked senders are held, and a person may take one in after all.
    is(
        &p.done(
            "POST",
            "/api/v1/blocked-senders",
            json!({"pattern": "@Spam.example", "reason": "offers"}),
        ),
        204,
    );
    assert_eq!(
        p.get("/api/v1/blocked-senders").text("/items/0/pattern"),
        "@spam.example"
    );
    let wrong = p.call(
        "POST",
        "/api/v1/blocked-senders",
        &[],
        Some("{\"pattern\":\"@@\"}"),
    );
    assert_eq!(wrong.faults(), [fault("pattern", "not-a-block-pattern")]);
    for n in 1..=2 {
        let held = mail(
            &p.desk,
            "x@spam.example",
            &format!("Subject: Offer {n}\r\nMessage-ID: <s{n}@spam.example>"),
            "Buy",
        );
        let verb = if n == 1 { "take-in" } else { "drop" };
        let said = p.done(
            "POST",
            &format!("/api/v1/mail/{}/{verb}", held.id),
            Value::Null,
        );
        assert_eq!(
            said.text("/verdict"),
            if n == 1 { "opened" } else { "dropped" }
        );
    }
    is(
        &p.done(
            "DELETE",
            "/api/v1/blocked-senders/@spam.example",
            Value::Null,
        ),
        204,
    );
    assert_eq!(p.get("/api/v1/blocked-senders").body["items"], json!([]));
    p.desk.letters();

    // What a relay refused is a dead letter, and goes out again when somebody says so.
    p.desk
        .relay_answers(Handover::Refused("550 no such user".to_owned()));
    p.done(
        "POST",
        "/api/v1/tickets/INC-1/replies",
        json!({"body": "We are on it"}),
    );
    // Only whoever has it hears of it.
    for told in p.desk.letters() {
        assert_eq!(told.to.as_str(), "ada@harbour.example");
    }
    let dead = p.get("/api/v1/deliveries?state=dead").text("/items/0/id");
    let tries = p.get(&format!("/api/v1/deliveries/{dead}"));
    assert_eq!(tries.text("/tries/0/outcome"), "refused");
    p.done(
        "POST",
        &format!("/api/v1/deliveries/{dead}/replay"),
        Value::Null,
    );
    assert!(
        p.desk
            .letters()
            .iter()
            .any(|letter| letter.to.as_str() == "carol@contoso.example")
    );
});

both_databases!(a_change_goes_from_a_line_to_its_end_by_the_api, |desk| {
    let two = Two::new(desk);
    let p = &two.p;
    let opened = || p.opened(json!({"title": "Raise pool size", "kind": "change"}));
    let key = opened();
    let on = |rest: &str| format!("/api/v1/changes/{key}/{rest}");
    p.done(
        "PATCH",
        &format!("/api/v1/changes/{key}"),
        json!({"purpose": "fewer time-outs", "revert": "git revert"}),
    );
    let tag = |said: &Said| said.header("etag").expect("a version").to_owned();

    // Refused once, drafted again, approved by somebody else.
    p.done("POST", &on("ask-approval"), Value::Null);
    two.bob(
        "POST",
        &on("refuse"),
        &[],
        json!({"why": "not on a Friday"}),
    );
    p.done("POST", &on("ask-approval"), Value::Null);
    p.done("POST", &on("redraft"), Value::Null);
    let waiting = p.done("POST", &on("ask-approval"), Value::Null);
    let own = p.call(
        "POST",
        &on("approve"),
        &[("if-match", &tag(&waiting))],
        None,
    );
    assert_eq!(
        (own.status, own.text("/rule").as_str()),
        (422, "not-your-own")
    );
    let approved = two.bob(
        "POST",
        &on("approve"),
        &[("if-match", &tag(&waiting))],
        Value::Null,
    );
    assert_eq!(approved.text("/state"), "approved");

    // A commit names it.
    let repository = p.done("POST", "/api/v1/repositories", json!({"name": "infra/web"}));
    let place = format!("/api/v1/repositories/{}", repository.text("/repository/id"));
    p.done("PATCH", &place, json!({"publish": ["release/*"]}));
    assert_eq!(p.get(&place).text("/publish/0"), "release/*");
    p.get("/api/v1/repositories");
    let hook = p
        .done("POST", &format!("{place}/token"), Value::Null)
        .text("/token");
    let verdict = two.with(
        &hook,
        "GET",
        &format!("/api/v1/keys/{key}/verdict"),
        &[],
        &Value::Null,
    );
    assert_eq!(is(&verdict, 200).text("/verdict"), "known");
    let somebody =
        json!({"name": "Ada", "email": "ada@watch.example.org", "at": "2026-06-01T08:00:00Z"});
    let (zero, one) = ("0".repeat(40), "1".repeat(40));
    let link = json!({"key": key, "relation": "refs", "place": "trailer", "start": 24, "end": 29, "line": 3, "verb": null, "negated": false});
    let push = json!({
        "push_id": "push-1", "pusher": "ada", "parser": 1, "bulk": false, "last": true, "tips_hash": null,
        "refs": [{"name": "refs/heads/main", "old": zero, "new": one, "dropped": 0, "version_before": "v1", "version_after": "v2"}],
        "commits": [{"oid": one, "parents": [], "author": somebody, "committer": somebody, "subject": "Raise pool size",
                     "links": [link], "facts": {}, "flags": {}, "paths": [{"change": "M", "path": "pool.toml"}],
                     "path_count": 1, "by_ref": 0}],
    });
    let told = two.with(&hook, "POST", "/api/v1/hook/post-receive", &[], &push);
    assert_eq!(is(&told, 200).text("/tickets/0/key"), key);
    let commits = p.get(&format!("/api/v1/tickets/{key}/commits"));
    for (place, value) in [
        ("repository", "infra/web"),
        ("version_before", "v1"),
        ("version_after", "v2"),
        ("commits/0/oid", &one),
        ("commits/0/author_name", "Ada"),
        ("commits/0/relation", "refs"),
        ("commits/0/files/0/path", "pool.toml"),
    ] {
        assert_eq!(commits.text(&format!("/repositories/0/{place}")), value);
    }
    let revert = commits.text("/repositories/0/revert/0");
    assert!(revert.contains("git revert"), "{revert}");

    p.done("POST", &on("start"), Value::Null);
    p.done(
        "POST",
        &on("watch"),
        json!({"until": "2026-06-01T18:00:00Z"}),
    );
    let closed = p.done(
        "POST",
        &on("close"),
        json!({"outcome": "successful", "text": "quiet since"}),
    );
    assert_eq!(
        (
            closed.text("/state").as_str(),
            closed.text("/outcome").as_str()
        ),
        ("closed", "successful")
    );
    p.desk.letters();
});

both_databases!(what_follows_an_outage_is_done_by_the_api, |desk| {
    let two = Two::new(desk);
    let p = &two.p;
    let (contoso, carol) = two.contoso();
    p.desk
        .app
        .store
        .write(|tx| {
            use watchkeeper::domain::settings::SettingKey;
            watchkeeper::store::settings::put(
                tx,
                SettingKey::MailFrom,
                "desk@watch.example.org",
                p.desk.now(),
            )
        })
        .unwrap();
    let key = p.opened(
        json!({"title": "Checkout is down", "severity": "disaster", "customer_id": contoso}),
    );
    let on = |rest: &str| format!("/api/v1/tickets/{key}/{rest}");
    p.done("POST", &on("take"), Value::Null);
    p.done(
        "POST",
        &on("notes"),
        json!({"body": "Orders failed for a third of the customers"}),
    );
    let seq = p.get(&on("entries?limit=1")).body["items"][0]["seq"]
        .as_i64()
        .unwrap();
    p.done(
        "PUT",
        &on(&format!("entries/{seq}/report-mark")),
        json!({"for_report": true}),
    );
    p.desk.advance(47 * 60);
    p.done("POST", &on("resolve"), json!({"how": "failed over"}));

    // The post-mortem, its meeting, its calendar mail.
    let pm = "/api/v1/post-mortems/PM-1";
    assert_eq!(p.get(pm).text("/incident"), key);
    let calendar = |method: &str, subject: &str| {
        let letters = p.desk.letters();
        let found = letters.iter().any(|letter| {
            letter.subject.contains(subject)
                && letter
                    .calendar
                    .as_ref()
                    .is_some_and(|it| it.method == method)
        });
        assert!(
            found,
            "{subject}: {:?}",
            letters.iter().map(|it| &it.subject).collect::<Vec<_>>()
        );
    };
    calendar("REQUEST", "Invitation");
    let moved = p.done(
        "PUT",
        &format!("{pm}/meeting"),
        json!({"starts_at": "2026-06-01T14:00:00Z", "minutes": 30, "place": "room 4"}),
    );
    assert_eq!(moved.text("/meeting/starts_at"), "2026-06-01T14:00:00Z");
    calendar("REQUEST", "Moved");
    p.done(
        "POST",
        &format!("{pm}/meeting/guests"),
        json!({"person_id": two.bob_id}),
    );
    calendar("REQUEST", "Invitation");
    p.done(
        "POST",
        &format!("{pm}/meeting/cancel"),
        json!({"why": "the room is taken"}),
    );
    calendar("CANCEL", "Cancelled");
    p.desk.advance(60);
    p.done(
        "PUT",
        &format!("{pm}/meeting"),
        json!({"starts_at": "2026-06-01T15:00:00Z"}),
    );
    calendar("REQUEST", "Invitation");
    p.desk.advance(6 * 3600);
    p.done("POST", &format!("{pm}/meeting/held"), Value::Null);
    assert_eq!(p.get(pm).text("/meeting/state"), "held");

    // The customer's report: a draft, approved by somebody else, sent with its PDF.
    let report = on(&format!("reports/{contoso}"));
    p.done(
        "PATCH",
        &report,
        json!({"title": "Orders could not be paid", "data_loss": "none", "parts": [
            {"part": "summary", "body": "33% of orders failed."},
            {"part": "cause", "body": "A full disk."},
            {"part": "resolution", "body": "We moved to the standby."},
        ]}),
    );
    let exported = |format: &str| {
        let file = p.get(&format!("{report}/{format}"));
        let bytes = STANDARD.decode(file.text("/content")).unwrap();
        (file.text("/name"), bytes)
    };
    for format in ["html", "md", "txt"] {
        let (name, bytes) = exported(format);
        let text = String::from_utf8(bytes).unwrap();
        assert!(name.contains("-draft.") && text.contains("DRAFT"), "{name}");
        assert!(text.contains("Orders failed for a third of the customers"));
        assert!(!text.contains("Ada") && !text.contains(&key));
    }
    let sha256 = p.get(&report).text("/sha256");
    let approval = json!({"sha256": sha256});
    let own = p.call(
        "POST",
        &format!("{report}/approve"),
        &[],
        Some(&approval.to_string()),
    );
    assert_eq!(
        (own.status, own.text("/rule").as_str()),
        (422, "report-needs-another")
    );
    let other = two.with(
        &two.bob,
        "POST",
        &format!("{report}/approve"),
        &[],
        &json!({"sha256": "another text"}),
    );
    is(&other, 409);
    let approved = two.bob("POST", &format!("{report}/approve"), &[], approval);
    assert_eq!(approved.text("/state"), "approved");
    let (name, pdf) = exported("pdf");
    assert!(!name.contains("draft") && pdf.starts_with(b"%PDF-"));
    p.desk.letters();
    let sent = p.done(
        "POST",
        &format!("{report}/send"),
        json!({"contact_ids": [carol]}),
    );
    assert_eq!(sent.text("/state"), "sent");
    let letters = p.desk.letters();
    let letter = letters
        .iter()
        .find(|letter| letter.to.as_str() == "carol@contoso.example")
        .expect("the report's letter");
    assert_eq!(letter.files.len(), 1);
    assert_eq!(
        (letter.files[0].media_type.as_str(), &letter.files[0].bytes),
        ("application/pdf", &pdf)
    );
    assert_eq!(letter.files[0].name, name);

    // The night's ledger.
    let facts = p.get("/api/v1/ledger").body["facts"]
        .as_array()
        .unwrap()
        .len();
    assert!(facts > 0);
    let file = p.get("/api/v1/ledger/csv?month=2026-06&zone=Europe/Berlin");
    assert_eq!(file.text("/name"), "on-call-ledger-2026-06.csv");
    let csv = String::from_utf8(STANDARD.decode(file.text("/content")).unwrap()).unwrap();
    assert!(
        csv.starts_with("kind,person,team,ticket,from,until,accepted_at"),
        "{csv}"
    );
    assert!(
        csv.contains(&format!(",{key},2026-06-01T11:00:00+02:00")),
        "{csv}"
    );
    for (query, wrong) in [
        ("month=2026-13", fault("month", "not-a-month")),
        ("zone=Mars/Base", fault("zone", "unknown-zone")),
        ("moth=2026-06", fault("moth", "unknown-field")),
    ] {
        assert_eq!(
            p.get(&format!("/api/v1/ledger/csv?{query}")).faults(),
            [wrong]
        );
    }
    p.desk.letters();
});
