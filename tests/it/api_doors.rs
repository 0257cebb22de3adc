//! Doors of the API to what is rarely asked for: settings and audit, how people are reached, invitations, files of any size. And
//! that no form stands on a page without a call that does the same, or a reason.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use watchkeeper::domain::access::{Role, Roles, Scope, Scopes};
use watchkeeper::store;

use crate::api_walk::{Two, fault, is};
use crate::both_databases;
use crate::desk::Desk;
use crate::mail::mail;
use crate::program::{Part, Program, token_of};

/// Ada's program with the token of somebody else.
fn with_token(mut p: Program, roles: &[Role], scopes: &[Scope]) -> Program {
    let eve = p.desk.person(roles[0].as_str(), Roles::of(roles));
    p.token = token_of(&p.desk, &eve, Scopes::of(scopes));
    p
}

both_databases!(
    settings_are_changed_by_the_api_and_the_audit_says_so,
    |desk| {
        let p = Program::new(desk);
        let place = "/api/v1/settings";
        let before = p.get(place);
        assert_eq!(before.text("/house_name"), "Watchkeeper");
        assert_eq!(before.body["overruled"], json!(["public_url"]));
        let changed = p.done(
        "PATCH",
        place,
        json!({
            "house_name": "Harbour", "house_zone": "Europe/Stockholm", "night_from": "23:00",
            "smtp_relay": "smtps://watch:hunter2@mail.example.org", "post_mortem_for": ["disaster"],
            "close_after_days": 3, "environments": ["prod", "Staging", "lab"],
        }),
    );
        assert_eq!(changed.text("/house_name"), "Harbour");
        assert_eq!(
            changed.text("/smtp_relay"),
            "smtps://watch:…@mail.example.org"
        );
        assert_eq!(
            changed.body["environments"],
            json!(["prod", "staging", "lab"])
        );
        // What isn't named stays; null empties.
        let emptied = p.done("PATCH", place, json!({"smtp_relay": null}));
        assert_eq!(emptied.body["smtp_relay"], Value::Null);
        assert_eq!(emptied.body["post_mortem_for"], json!(["disaster"]));
        assert_eq!(emptied.text("/night_from"), "23:00");

        // All that is wrong at once, and nothing of it is done.
        let wrong = json!({
            "house_name": "Elsewhere", "house_zone": "Mars/Base", "public_url": "watch", "mail_from": "nobody",
            "night_to": "25:00", "close_after_days": 0, "environments": [],
        });
        let said = p.call("PATCH", place, &[], Some(&wrong.to_string()));
        is(&said, 422);
        let mut faults = said.faults();
        faults.sort();
        assert_eq!(
            faults,
            [
                fault("close_after_days", "not-days"),
                fault("environments", "required"),
                fault("house_zone", "unknown-zone"),
                fault("mail_from", "not-an-address"),
                fault("night_to", "not-a-time-of-day"),
                fault("public_url", "not-a-web-address"),
            ]
        );
        let half = json!({"house_name": "Elsewhere", "environments": []}).to_string();
        is(&p.call("PATCH", place, &[], Some(&half)), 422);
        assert_eq!(p.get(place).text("/house_name"), "Harbour");
        let unknown = json!({"post_mortem_for": ["sev1"]}).to_string();
        assert_eq!(
            p.call("PATCH", place, &[], Some(&unknown)).faults(),
            [fault("post_mortem_for", "unknown-word")]
        );

        let audit = p.get("/api/v1/audit?limit=200");
        let deeds: BTreeSet<(String, String)> = audit.body["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| {
                let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
                (text("deed"), text("subject"))
            })
            .collect();
        assert!(
            deeds.contains(&("setting-changed".into(), "house_name".into())),
            "{deeds:?}"
        );
        assert!(!audit.body.to_string().contains("hunter2"));
        // Page by page it is the same.
        let first = p.get("/api/v1/audit?limit=1");
        let second = p.get(&format!(
            "/api/v1/audit?limit=1&after={}",
            first.text("/next")
        ));
        assert_eq!(first.body["items"][0], audit.body["items"][0]);
        assert_eq!(second.body["items"][0], audit.body["items"][1]);

        // Neither a lead nor a token without the scope.
        let p = with_token(p, &[Role::Lead], Scope::ALL);
        is(&p.get(place), 403);
        is(&p.get("/api/v1/audit"), 403);
        let mut p = p;
        p.token = token_of(&p.desk, &p.ada, Scopes::of(&[Scope::Read]));
        is(&p.call("PATCH", place, &[], Some("{}")), 403);
    }
);

both_databases!(how_people_are_reached_is_set_by_the_api, |desk| {
    let two = Two::new(desk);
    let p = &two.p;
    assert_eq!(p.get("/api/v1/me/ways").body["ways"], json!([]));
    let ways = json!({"ways": [
        {"channel": "webhook", "address": "https://pager.example.org/ada"},
        {"channel": "mail", "address": "ada@sms.example.org"},
    ]});
    // The order is the order in which pages try.
    let first = p.done("PUT", "/api/v1/me/ways", ways.clone());
    assert_eq!(first.body["ways"], ways["ways"]);
    assert!(first.text("/signing_secret").starts_with("whsec_"));
    assert_eq!(p.done("PUT", "/api/v1/me/ways", ways.clone()).body, ways);
    let renewed = p.done("POST", "/api/v1/me/signing-secret", Value::Null);
    is(&renewed, 201);
    assert_ne!(
        renewed.text("/signing_secret"),
        first.text("/signing_secret")
    );
    assert_eq!(p.get("/api/v1/me/ways").body, ways);
    let bob = format!("/api/v1/people/{}/ways", two.bob_id);
    let phone = json!({"ways": [{"channel": "mail", "address": "bob@sms.example.org"}]});
    p.done("PUT", &bob, phone.clone());
    assert_eq!(p.get(&bob).body, phone);
    let key = p.opened(json!({"title": "DB master down", "severity": "disaster"}));
    p.desk.letters();
    p.done(
        "POST",
        &format!("/api/v1/tickets/{key}/page"),
        json!({"person_id": two.bob_id}),
    );
    let letters = p.desk.letters();
    assert!(
        letters
            .iter()
            .any(|letter| letter.to.as_str() == "bob@sms.example.org"),
        "{letters:?}"
    );

    let wrong = json!({"ways": [
        {"channel": "mail", "address": "nobody"},
        {"channel": "webhook", "address": "pager.example.org"},
        {"channel": "mail", "address": " "},
    ]});
    for place in ["/api/v1/me/ways", bob.as_str()] {
        let said = p.call("PUT", place, &[], Some(&wrong.to_string()));
        is(&said, 422);
        assert_eq!(
            said.faults(),
            [
                fault("ways.0.address", "not-an-address"),
                fault("ways.1.address", "not-a-web-address"),
                fault("ways.2.address", "required"),
            ]
        );
    }
    let many: Vec<Value> = (0..11)
        .map(|n| json!({"channel": "mail", "address": format!("ada{n}@sms.example.org")}))
        .collect();
    let said = p.call(
        "PUT",
        "/api/v1/me/ways",
        &[],
        Some(&json!({"ways": many}).to_string()),
    );
    assert_eq!(said.faults(), [fault("ways", "too-many-ways")]);
    assert_eq!(p.get("/api/v1/me/ways").body, ways);

    // Shifts in one's own calendar: the address is told once, and works.
    let feed = format!("/api/v1/teams/{}/feed", two.team);
    let heads = [("idempotency-key", "my calendar")];
    let made = p.call("POST", &feed, &heads, None);
    let url = is(&made, 201).text("/url");
    let path = url
        .strip_prefix("https://watch.example.org")
        .expect("our address")
        .to_owned();
    assert!(p.get(&path).body.to_string().contains("BEGIN:VCALENDAR"));
    let again = p.call("POST", &feed, &heads, None);
    assert_eq!((again.status, &again.body["url"]), (201, &Value::Null));
    is(&p.done("DELETE", &feed, Value::Null), 204);
    is(&p.get(&path), 404);
    is(&p.call("DELETE", &feed, &[], None), 404);

    // Who isn't an admin keeps their own ways, and nobody else's.
    let two = Two {
        p: with_token(two.p, &[Role::Responder], Scope::ALL),
        ..two
    };
    let p = &two.p;
    p.done("PUT", "/api/v1/me/ways", phone);
    is(&p.get(&bob), 403);
    is(&p.call("PUT", &bob, &[], Some(&ways.to_string())), 403);
    let p = with_token(two.p, &[Role::Viewer], &[Scope::Read]);
    is(&p.get("/api/v1/me/ways"), 200);
    is(
        &p.call("PUT", "/api/v1/me/ways", &[], Some(&ways.to_string())),
        403,
    );
    is(&p.call("POST", &feed, &[], None), 403);
    p.desk.letters();
});

both_databases!(people_and_contacts_are_invited_by_the_api, |desk| {
    let two = Two::new(desk);
    let p = &two.p;
    let (contoso, carol) = two.contoso();
    let contact = format!("/api/v1/customers/{contoso}/contacts/{carol}");
    let link_to = |address: &str, path: &str| {
        let letters = p.desk.letters();
        let letter = letters.iter().find(|letter| letter.to.as_str() == address);
        let letter = letter.unwrap_or_else(|| panic!("no letter to {address}: {letters:?}"));
        let (_, rest) = letter.text.split_once(path).expect("a link");
        let token = rest.split_whitespace().next().unwrap_or_default();
        format!("{path}{token}")
    };
    let invited = p.done("POST", &format!("{contact}/invite"), Value::Null);
    assert_eq!(invited.text("/id"), carol);
    let first = link_to("carol@contoso.example", "/invitation/");
    // The letter alone has the link: whoever calls doesn't come in as Carol.
    assert!(!invited.body.to_string().contains("invitation"));
    assert_eq!(p.get(&first).status, 200);
    p.done("POST", &format!("{contact}/invite"), Value::Null);
    let second = link_to("carol@contoso.example", "/invitation/");
    assert_eq!((p.get(&first).status, p.get(&second).status), (404, 200));
    let bob = format!("/api/v1/people/{}/invite", two.bob_id);
    p.done("POST", &bob, Value::Null);
    let link = link_to("bob@watch.example.org", "/invitation/");
    assert_eq!(p.get(&link).status, 200);

    p.done("PATCH", &contact, json!({"is_active": false}));
    let gone = p.call("POST", &format!("{contact}/invite"), &[], None);
    assert_eq!(
        (gone.status, gone.text("/rule").as_str()),
        (422, "contact-gone")
    );
    let nobody = format!("/api/v1/customers/{contoso}/contacts/{}/invite", two.bob_id);
    is(&p.call("POST", &nobody, &[], None), 404);
    let two = Two {
        p: with_token(two.p, &[Role::Responder], Scope::ALL),
        ..two
    };
    is(
        &two.p.call("POST", &format!("{contact}/invite"), &[], None),
        403,
    );
    is(&two.p.call("POST", &bob, &[], None), 403);
});

/// Two megabytes of a log that compresses badly.
fn log() -> Vec<u8> {
    let lines = (0_u64..).map(|n| format!("{n} {}\n", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    let mut log: Vec<u8> = lines.take(80_000).flat_map(String::into_bytes).collect();
    log.truncate(2 << 20);
    log
}

fn with_limit(mut desk: Desk, bytes: usize) -> Desk {
    let app = Arc::get_mut(&mut desk.app).expect("nobody else holds it yet");
    app.config.upload_limit_bytes = bytes;
    desk
}

both_databases!(evidence_of_any_size_comes_as_a_form, |desk| {
    let p = Program::new(with_limit(desk, 3 << 20));
    let key = p.opened(json!({"title": "Disk full", "severity": "warning"}));
    let place = format!("/api/v1/tickets/{key}/evidence");
    let log = log();
    let parts = [
        Part::Text("body", "df, before and after"),
        Part::File("df.log", &log),
        Part::File("../../etc/passwd", b"root"),
    ];
    let said = p.upload(&place, &[("idempotency-key", "1")], &parts);
    is(&said, 200);
    let hung = p.get(&format!("/api/v1/tickets/{key}/parts"));
    let id_of = |name: &str| {
        let files = hung.body["attachments"].as_array().unwrap().iter();
        let mut named = files.filter(|file| file["name"] == name);
        let file = named
            .next()
            .unwrap_or_else(|| panic!("no {name} in {}", hung.body));
        file["id"].as_str().unwrap().to_owned()
    };
    // A name is never a path.
    id_of("passwd");
    let id = id_of("df.log");
    let content = p.get(&format!("/api/v1/tickets/{key}/attachments/{id}/content"));
    assert_eq!(
        content.body,
        Value::String(String::from_utf8(log.clone()).unwrap())
    );
    let disposition = content.header("content-disposition").expect("a download");
    assert!(
        disposition.contains("attachment; filename=\"df.log\""),
        "{disposition}"
    );
    assert_eq!(
        content.header("content-type"),
        Some("application/octet-stream")
    );
    let entries = p.get(&format!("/api/v1/tickets/{key}/entries?limit=1"));
    assert_eq!(entries.text("/items/0/body"), "df, before and after");

    // The same once more is the same; another file under the same key isn't.
    let again = p.upload(&place, &[("idempotency-key", "1")], &parts);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let other = [Part::File("df.log", b"another")];
    let other = p.upload(&place, &[("idempotency-key", "1")], &other);
    assert_eq!(other.text("/rule"), "idempotency-key-reused");
    let count = p.get(&format!("/api/v1/tickets/{key}")).body["entry_count"].clone();

    // Above the limit: refused as it comes, with the limit in words; nothing is changed.
    let twice = [Part::File("one.log", &log), Part::File("two.log", &log)];
    let said = p.upload(&place, &[], &twice);
    is(&said, 413);
    assert!(said.text("/detail").contains("3 MB"), "{}", said.body);
    // And one that says so beforehand isn't read at all.
    let many: Vec<Part> = (0..8).map(|_| Part::File("df.log", &log)).collect();
    is(&p.upload(&place, &[], &many), 413);
    let said = p.upload(
        &place,
        &[],
        &[Part::Text("note", "x"), Part::Text("file", "x")],
    );
    is(&said, 422);
    assert_eq!(
        said.faults(),
        [
            fault("note", "unknown-field"),
            fault("file", "no-file-name"),
            fault("file", "required")
        ]
    );
    assert_eq!(
        p.upload(&place, &[], &[Part::Text("body", "only words")])
            .faults(),
        [fault("file", "required")]
    );
    let unread = [("content-type", "multipart/form-data")];
    is(&p.call("POST", &place, &unread, None), 400);
    assert_eq!(
        p.get(&format!("/api/v1/tickets/{key}")).body["entry_count"],
        count
    );

    // Who may not isn't listened to.
    is(
        &p.upload("/api/v1/tickets/INC-99/evidence", &[], &twice[..1]),
        404,
    );
    let p = with_token(p, &[Role::Viewer], Scope::ALL);
    is(&p.upload(&place, &[], &twice[..1]), 403);
    let kept = p.desk.app.store.read(|conn| {
        let hash = store::blob::Hash::of(b"never kept");
        store::blob::get(conn, hash)
    });
    assert_eq!(kept.unwrap(), None);
    is(
        &p.upload(&place, &[], &[Part::File("x", b"never kept")]),
        403,
    );
    let kept = p.desk.app.store.read(|conn| {
        let hash = store::blob::Hash::of(b"never kept");
        store::blob::get(conn, hash)
    });
    assert_eq!(kept.unwrap(), None);
});

both_databases!(bytes_that_nothing_refers_to_go_after_a_day, |desk| {
    desk.let_letters_go();
    let p = Program::new(desk);
    let key = p.opened(json!({"title": "Disk full", "severity": "information"}));
    let place = format!("/api/v1/tickets/{key}/evidence");
    is(
        &p.upload(&place, &[], &[Part::File("df.log", b"wanted")]),
        200,
    );
    let long = "x".repeat(300_000);
    let refused = [Part::Text("body", &long), Part::File("df.log", b"unwanted")];
    let said = p.upload(&place, &[], &refused);
    assert_eq!(said.faults(), [fault("body", "too-long-bytes")]);
    let there = |bytes: &[u8]| {
        let hash = store::blob::Hash::of(bytes);
        let kept = p.desk.app.store.read(|conn| store::blob::get(conn, hash));
        kept.unwrap().is_some()
    };
    p.desk.advance(23 * 3_600);
    assert!(there(b"wanted") && there(b"unwanted"));
    p.desk.advance(2 * 3_600);
    assert!(there(b"wanted") && !there(b"unwanted"));
});

both_databases!(a_mail_is_read_byte_for_byte_by_the_api, |desk| {
    let p = Program::new(desk);
    let sent = mail(
        &p.desk,
        "carol@contoso.example",
        "Subject: Uplink down\r\nMessage-ID: <c1@contoso.example>",
        "Since noon.",
    );
    let raw = p.get(&format!("/api/v1/mail/{}/raw", sent.id));
    assert_eq!(raw.header("content-type"), Some("message/rfc822"));
    let Value::String(text) = &is(&raw, 200).body else {
        panic!("{}", raw.body)
    };
    assert!(
        text.starts_with("From: carol@contoso.example\r\n") && text.ends_with("Since noon.\r\n"),
        "{text}"
    );
    p.desk.letters();
    let p = with_token(p, &[Role::Viewer], Scope::ALL);
    is(&p.get(&format!("/api/v1/mail/{}/raw", sent.id)), 403);
});
