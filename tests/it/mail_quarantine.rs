//! Files that would do something when opened and came by mail: case 93's last part.

use serde_json::Value;
use watchkeeper::domain::access::{Reach, Role, Roles, Scope, Scopes};
use watchkeeper::domain::quarantine::Danger;
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::intake::mail;
use watchkeeper::store;
use watchkeeper::store::blob::Attachment;
use watchkeeper::store::people::Holder;

use crate::both_databases;
use crate::desk::Desk;
use crate::mail::{colleague, contoso, deliver, ticket, timeline};
use crate::program::{Program, token_of};
use crate::served::Served;
use crate::visitor::Visitor;

const CAROL: &str = "carol@contoso.example";
/// A program's beginning, in characters that an answer's text holds too.
const PROGRAM: &[u8] = b"MZ\x01\0\x03\0\0\0 what follows was written by nobody we know";

/// Carol's mail with these files: name, type, bytes.
fn with_files(files: &[(&str, &str, &[u8])]) -> Vec<u8> {
    use base64::Engine;
    let mut raw = format!(
        "From: {CAROL}\r\nTo: support@watch.example.org\r\nSubject: Uplink\r\nMessage-ID: <c1@contoso.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nSee the files.\r\n"
    );
    for (name, kind, bytes) in files {
        let coded = base64::engine::general_purpose::STANDARD.encode(bytes);
        raw.push_str(&format!(
            "--b\r\nContent-Type: {kind}; name=\"{name}\"\r\nContent-Disposition: attachment; filename=\"{name}\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{coded}\r\n"
        ));
    }
    raw.push_str("--b--\r\n");
    raw.into_bytes()
}

fn files_of(desk: &Desk, key: &str) -> Vec<Attachment> {
    let id = ticket(desk, key).id;
    desk.app
        .store
        .read(|conn| store::blob::attachments(conn, id))
        .unwrap()
}

#[test]
fn e93_the_type_the_name_and_the_bytes_each_tell_and_the_mail_says_so() {
    let raw = with_files(&[
        ("graph.png", "image/png", b"\x89PNG\r\n\x1a\n"),
        ("graph2.png", "image/png", PROGRAM),
        ("a.txt", "application/x-msdownload", b"plain"),
        ("note.JS", "text/plain", b"alert(1)"),
        ("plan.xlsm", "application/octet-stream", b"PK\x03\x04"),
        ("tool", "application/octet-stream", b"#!/bin/sh\n"),
        ("note.txt", "text/plain", b"plain"),
    ]);
    let letter = mail::read(&raw, None);
    let dangers: Vec<_> = letter.parts.iter().map(|part| part.danger).collect();
    assert_eq!(
        dangers,
        [
            None,
            Some(Danger::Program),
            Some(Danger::Program),
            Some(Danger::Script),
            Some(Danger::Macros),
            Some(Danger::Script),
            None,
        ]
    );
    let remarks: Vec<_> = letter.remarks.iter().map(|it| it.as_str()).collect();
    assert_eq!(remarks, ["executable"], "named once");
    let harmless = with_files(&[("graph.png", "image/png", b"\x89PNG\r\n\x1a\n")]);
    assert!(mail::read(&harmless, None).remarks.is_empty());
    // What the shown name lost is looked at too: a mail program may keep it.
    let tricks = with_files(&[("run.exe\\", "application/octet-stream", b"plain")]);
    assert_eq!(mail::read(&tricks, None).parts[0].danger, None);
    let tricks = with_files(&[("run.exe...", "application/octet-stream", b"plain")]);
    assert_eq!(
        mail::read(&tricks, None).parts[0].danger,
        Some(Danger::Program)
    );
}

both_databases!(
    e93_a_program_is_kept_whole_and_handed_out_after_a_warning_only,
    |desk| {
        desk.let_letters_go();
        contoso(&desk);
        let cleo = colleague(&desk, CAROL, "Cleo", "cleo@contoso.example");
        desk.app
            .store
            .write(|tx| {
                let mut contact = store::people::contact(tx, cleo)?.unwrap();
                contact.reach = Reach::Customer;
                store::people::update_contact(tx, &mut contact)
            })
            .unwrap();
        let raw = with_files(&[
            ("setup.exe", "application/octet-stream", PROGRAM),
            ("note.txt", "text/plain", b"flat"),
        ]);
        let came = deliver(&desk, Some(CAROL), &raw);
        let files = files_of(&desk, "INC-1");
        let called = |name: &str| files.iter().find(|file| file.name == name).unwrap();
        let (program, note) = (called("setup.exe"), called("note.txt"));
        assert_eq!(program.danger, Some(Danger::Program));
        assert_eq!(note.danger, None);
        let kept = desk
            .app
            .store
            .read(|conn| store::blob::get(conn, program.hash))
            .unwrap();
        assert_eq!(kept.as_deref(), Some(PROGRAM), "byte for byte");

        let served = Served::new(&desk.app);
        let ada = desk.person("Ada", Roles::of(&[Role::Responder]));
        let browser = Visitor::logged_in(&served, &desk.app, Holder::Person(ada.id));
        let room = browser.get("/INC-1").text;
        assert!(room.contains("quarantine: a program"), "{room}");
        let page = browser.get(&format!("/mail/in/{}", came.id)).text;
        assert!(page.contains("quarantine: a program"), "{page}");
        assert!(page.contains("it is in quarantine."), "{page}");

        // Whoever follows the link is warned, and gets nothing yet.
        let place = format!("/INC-1/files/{}", program.id);
        let before = timeline(&desk, "INC-1").len();
        let warned = browser.get(&place);
        assert_eq!(warned.status, 200);
        assert!(warned.text.contains("would do something when opened"));
        assert!(warned.text.contains(&program.hash.hex()));
        assert!(!warned.text.contains("written by nobody we know"));
        assert_eq!(timeline(&desk, "INC-1").len(), before, "nothing was taken");

        // A form of ours hands it out, and the timeline says to whom.
        let taken = browser.post(&place, &[]);
        assert_eq!(
            (taken.status, taken.text.as_bytes()),
            (200, PROGRAM),
            "the bytes"
        );
        let entries = timeline(&desk, "INC-1");
        let last = entries.last().unwrap();
        assert_eq!(entries.len(), before + 1);
        assert_eq!(last.kind, EntryKind::FileTaken);
        assert_eq!(last.actor_name, "Ada");
        assert_eq!(last.facts.get("name"), Some("setup.exe"));
        assert_eq!(last.facts.get("sha256"), Some(program.hash.hex().as_str()));
        let room = browser.get("/INC-1").text;
        assert!(room.contains("took setup.exe out of quarantine"), "{room}");
        // It stays where it is for the next who comes.
        assert!(browser.get(&place).text.contains("would do something"));

        // What does nothing comes at once, and can't be taken out.
        let harmless = format!("/INC-1/files/{}", note.id);
        assert_eq!(browser.get(&harmless).text, "flat");
        assert_eq!(browser.post(&harmless, &[]).status, 422);

        // A viewer may know of it, and doesn't get it.
        let vic = desk.person("Vic", Roles::of(&[Role::Viewer]));
        let viewer = Visitor::logged_in(&served, &desk.app, Holder::Person(vic.id));
        assert!(!viewer.get(&place).text.contains("Take it out"));
        assert_eq!(viewer.post(&place, &[]).status, 403);

        // A customer sees that it was sent, and is never given it, by whichever address.
        let customer = Visitor::logged_in(&served, &desk.app, Holder::Contact(cleo));
        let portal = customer.get("/portal/INC-1").text;
        assert!(
            portal.contains("setup.exe: not offered here") && portal.contains("note.txt"),
            "{portal}"
        );
        assert!(!portal.contains(&program.id.to_string()), "{portal}");
        let theirs = |file: &Attachment| customer.get(&format!("/portal/INC-1/files/{}", file.id));
        assert_eq!(theirs(program).status, 404);
        assert_eq!(theirs(note).text, "flat");
        assert_eq!(customer.get(&place).status, 404);
        assert_eq!(customer.post(&place, &[]).status, 404);
        assert_eq!(timeline(&desk, "INC-1").len(), before + 1);
    }
);

both_databases!(e93_programs_take_a_file_out_by_a_call_of_its_own, |desk| {
    desk.let_letters_go();
    contoso(&desk);
    let raw = with_files(&[("setup.exe", "application/octet-stream", PROGRAM)]);
    deliver(&desk, Some(CAROL), &raw);
    let p = Program::new(desk);
    let parts = p.get("/api/v1/tickets/INC-1/parts");
    assert_eq!(parts.text("/attachments/0/danger"), "program");
    let place = format!(
        "/api/v1/tickets/INC-1/attachments/{}",
        parts.text("/attachments/0/id")
    );
    for path in [place.clone(), format!("{place}/content")] {
        let refused = p.call("GET", &path, &[], None);
        assert_eq!(refused.status, 422, "{path}");
        assert_eq!(refused.text("/rule"), "file-in-quarantine");
    }
    let take = format!("{place}/take-out");
    let key = [("idempotency-key", "\"one\"")];
    let taken = p.call("POST", &take, &key, Some("{}"));
    assert_eq!(taken.status, 200, "{}", taken.body);
    let content = taken.text("/content");
    use base64::Engine;
    let bytes = base64::engine::general_purpose::STANDARD.decode(&content);
    assert_eq!(bytes.unwrap(), PROGRAM);
    // Asked again under its key, nothing happens twice.
    let again = p.call("POST", &take, &key, Some("{}"));
    assert_eq!(again.text("/content"), "");
    let took = |p: &Program| {
        let entries = timeline(&p.desk, "INC-1").into_iter();
        entries.filter(|it| it.kind == EntryKind::FileTaken).count()
    };
    assert_eq!(took(&p), 1);

    // A token that may only read takes nothing.
    let reading = token_of(&p.desk, &p.ada, Scopes::of(&[Scope::Read]));
    let head = format!("Bearer {reading}");
    let heads = [
        ("authorization", head.as_str()),
        ("content-type", "application/json"),
    ];
    let refused = p.send("POST", &take, &heads, Some("{}"));
    assert_eq!(refused.status, 403, "{}", refused.body);
    assert_eq!(took(&p), 1);

    // Redacted, it does nothing any more: what is left is handed out to everybody.
    let gone = serde_json::json!({"why": "malware", "text": false, "attachment_ids": [parts.text("/attachments/0/id")]});
    p.done("POST", "/api/v1/tickets/INC-1/entries/1/redact", gone);
    let parts = p.get("/api/v1/tickets/INC-1/parts");
    assert_eq!(parts.body["attachments"][0]["danger"], Value::Null);
    assert_eq!(p.get(&place).text("/name"), "[redacted]");
    let refused = p.call("POST", &take, &[], Some("{}"));
    assert_eq!(refused.text("/rule"), "file-not-in-quarantine");
});
