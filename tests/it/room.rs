//! A ticket's room in the browser: what came by mail, what must not stay, and who may come in.

use watchkeeper::actions::ticket_edit::{self, Edit};
use watchkeeper::actions::ticket_parts::{self as parts, Evidence};
use watchkeeper::actions::{self, postmortem, ticket as act};
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::id::{Kind, TicketKey};
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::Opening;
use watchkeeper::error::Error;
use watchkeeper::store;
use watchkeeper::store::blob::Attachment;
use watchkeeper::store::people::Holder;

use crate::both_databases;
use crate::desk::{Desk, Staff};
use crate::mail::{contoso, mail};
use crate::served::Served;
use crate::visitor::{Answer, Visitor};

fn at_the_door(desk: &Desk, who: &Staff) -> (Served, Visitor) {
    let served = Served::new(&desk.app);
    let visitor = Visitor::logged_in(&served, &desk.app, Holder::Person(who.id));
    (served, visitor)
}

#[track_caller]
fn says(answer: &Answer, text: &str) {
    assert!(
        answer.text.contains(text),
        "{text:?} isn't in\n{}",
        answer.text
    );
}

#[track_caller]
fn hides(answer: &Answer, text: &str) {
    assert!(!answer.text.contains(text), "{text:?} is in it");
}

fn ada(desk: &Desk) -> Staff {
    desk.person("Ada", Roles::of(&[Role::Responder]))
}

fn uplink_down(desk: &Desk) {
    contoso(desk);
    uplink_again(desk);
}

fn uplink_again(desk: &Desk) {
    mail(
        desk,
        "carol@contoso.example",
        "Subject: Uplink down\r\nMessage-ID: <c1@contoso.example>",
        "The password is hunter2.\r\n\r\n-- \r\nCarol, Contoso network",
    );
}

both_databases!(
    quotes_and_signatures_of_mails_are_folded_and_never_deleted,
    |desk| {
        let ada = ada(&desk);
        uplink_down(&desk);
        desk.letters();
        let (_served, browser) = at_the_door(&desk, &ada);
        let page = browser.get("/INC-1");
        assert_eq!(page.status, 200);
        says(&page, "The password is hunter2.");
        let (_, folded) = page
            .text
            .split_once("Quoted text and signature</summary>")
            .expect("a fold");
        assert!(folded.contains("Carol, Contoso network"));
        // What is typed here is the writer's own, whatever it looks like.
        browser.post("/INC-1/note", &[("body", "She says:\n> it is slow\n")]);
        let page = browser.get("/INC-1");
        assert_eq!(page.text.matches("Quoted text and signature").count(), 1);
        says(&page, "&#62; it is slow");
    }
);

both_databases!(
    an_entry_is_redacted_for_good_by_who_may_and_with_a_reason,
    |desk| {
        let ada = ada(&desk);
        let root = desk.person("Root", Roles::of(&[Role::Admin]));
        uplink_down(&desk);
        desk.letters();
        let (served, browser) = at_the_door(&desk, &ada);
        hides(&browser.get("/INC-1"), "?redact=");
        hides(&browser.get("/INC-1?redact=1"), "/INC-1/redact");
        let form = [("seq", "1"), ("text", "yes"), ("why", "a password")];
        assert_eq!(browser.post("/INC-1/redact", &form).status, 403);

        let admin = Visitor::logged_in(&served, &desk.app, Holder::Person(root.id));
        says(&admin.get("/INC-1"), "href=\"/INC-1?redact=1#e1\"");
        says(&admin.get("/INC-1?redact=1"), "action=\"/INC-1/redact\"");
        let refused = admin.post("/INC-1/redact", &[("seq", "1"), ("why", " ")]);
        assert_eq!(refused.status, 422);
        says(&refused, "This is needed");
        says(&refused, "hunter2");
        let done = admin.post("/INC-1/redact", &form);
        assert_eq!((done.status, done.place.as_str()), (303, "/INC-1"));
        let page = admin.get("/INC-1");
        hides(&page, "hunter2");
        says(&page, "[redacted, sha256 ");
        says(&page, "a password");
        hides(&admin.get("/search?q=hunter2"), "/INC-1\"");
        // Nor in the mail that brought it, and in the same mail brought once more.
        uplink_again(&desk);
        let ledger = admin.get("/mail/in").text;
        let mails: Vec<&str> = ledger
            .split("href=\"/mail/in/")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .filter(|id| id.len() >= 32)
            .collect();
        assert!(!mails.is_empty(), "{ledger}");
        for id in mails {
            hides(&admin.get(&format!("/mail/in/{id}")), "hunter2");
            let raw = admin.get(&format!("/mail/in/{id}/raw"));
            says(&raw, "[redacted, sha256 ");
        }
        assert_eq!(admin.post("/INC-1/redact", &form).status, 422);
    }
);

/// A mail whose subject and file say what its text doesn't.
fn with_a_file(desk: &Desk) {
    contoso(desk);
    mail(
        desk,
        "carol@contoso.example",
        "Subject: Password of Maja\r\nMessage-ID: <c2@contoso.example>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=b",
        "--b\r\nContent-Type: text/plain\r\n\r\nSee the file.\r\n\
         --b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename=\"maja.txt\"\r\n\r\n\
         hunter2 it is\r\n--b--",
    );
}

fn files(desk: &Desk, number: i64) -> Vec<Attachment> {
    let key = incident(number);
    let files = desk.app.store.read(|conn| {
        let ticket = store::ticket::by_key(conn, key)?.expect("it is there");
        store::blob::attachments(conn, ticket.id)
    });
    files.expect("they are read")
}

fn incident(number: i64) -> TicketKey {
    TicketKey {
        kind: Kind::Incident,
        number,
    }
}

both_databases!(
    a_redaction_takes_files_subjects_and_titles_with_it,
    |desk| {
        let ada = ada(&desk);
        let root = desk.person("Root", Roles::of(&[Role::Admin]));
        with_a_file(&desk);
        desk.letters();
        let served = Served::new(&desk.app);
        let admin = Visitor::logged_in(&served, &desk.app, Holder::Person(root.id));
        let [file] = &files(&desk, 1)[..] else {
            panic!("one file came")
        };
        // The same bytes hang on another ticket, where somebody else decides about them.
        let ctx = desk.as_person(&ada);
        let title = Title::parse("Another one").unwrap();
        let other = act::open(&ctx, Kind::Incident, title, &Opening::default()).unwrap();
        let same = Evidence {
            hash: file.hash,
            name: "maja.txt".to_owned(),
            media_type: file.media_type.clone(),
            size_bytes: file.size_bytes,
            danger: None,
        };
        parts::attach(&ctx, other.key, "", &[same]).unwrap();
        let pm = postmortem::open(&ctx, incident(1)).unwrap();
        ticket_edit::edit(
            &ctx,
            incident(1),
            None,
            &Edit {
                title: Some(Title::parse("Password of Maja Falk").unwrap()),
                ..Edit::default()
            },
        )
        .unwrap();

        let form = admin.get("/INC-1?redact=1");
        says(&form, "The file maja.txt");
        let id = file.id.to_string();
        let refused = admin.post(
            "/INC-1/redact",
            &[("seq", "1"), ("files", &id), ("why", "")],
        );
        assert_eq!(refused.status, 422);
        says(&refused, &format!("value=\"{id}\" checked"));
        hides(&refused, "name=\"text\" value=\"yes\" checked");
        let nothing = admin.post("/INC-1/redact", &[("seq", "1"), ("why", "a password")]);
        says(&nothing, "Say what must go");
        let theirs = files(&desk, 2)[0].id.to_string();
        let wrong = admin.post(
            "/INC-1/redact",
            &[("seq", "1"), ("files", &theirs), ("why", "x")],
        );
        says(&wrong, "There is no such file on this entry.");

        let done = admin.post(
            "/INC-1/redact",
            &[
                ("seq", "1"),
                ("text", "yes"),
                ("files", &id),
                ("title", "A password was sent"),
                ("why", "a secret"),
            ],
        );
        assert_eq!(done.status, 303);
        let room = admin.get("/INC-1");
        for gone in ["hunter2", "maja.txt", "Maja", "See the file"] {
            hides(&room, gone);
        }
        says(&room, "A password was sent");
        says(&room, "a redacted file");
        says(&room, "a file of it still hangs on INC-2");
        let download = format!("/INC-1/files/{id}");
        assert_eq!(admin.get(&download).text, file.hash.tombstone());
        says(&admin.get(&format!("/INC-2/files/{theirs}")), "hunter2");
        hides(&admin.get("/mail/in"), "Maja");
        for found in ["Maja", "hunter2"] {
            hides(&admin.get(&format!("/search?q={found}")), "\"/INC-1");
        }
        says(&admin.get("/search?q=password"), "\"/INC-1");
        let repeats = desk
            .app
            .store
            .read(|conn| store::ticket::by_id(conn, pm.id));
        let repeats = repeats.unwrap().unwrap().title.to_string();
        assert!(!repeats.contains("Maja"), "{repeats}");
        // A text that is gone can't go again; neither can the file.
        let again = [("seq", "1"), ("text", "yes"), ("why", "again")];
        says(&admin.post("/INC-1/redact", &again), "redacted already");
        let again = [("seq", "1"), ("files", &*id), ("why", "again")];
        says(&admin.post("/INC-1/redact", &again), "no such file");

        // The last of them takes the bytes along, and they don't come back.
        says(&admin.get("/INC-2?redact=2"), "The file maja.txt");
        let last = [
            ("seq", "2"),
            ("files", theirs.as_str()),
            ("why", "a secret"),
        ];
        assert_eq!(admin.post("/INC-2/redact", &last).status, 303);
        hides(&admin.get("/INC-2"), "maja.txt");
        let kept = desk
            .app
            .store
            .read(|conn| store::blob::get(conn, file.hash));
        assert_eq!(kept.unwrap().unwrap(), file.hash.tombstone().into_bytes());
        let refused = actions::evidence::keep(&ctx, "b.txt", "text/plain", b"hunter2 it is");
        let Err(Error::Invalid(faults)) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(faults[0].problem, "file-redacted");
        desk.letters();
    }
);

both_databases!(a_sender_is_blocked_from_the_tickets_own_room, |desk| {
    let ada = ada(&desk);
    mail(&desk, "shop@spam.example", "Subject: Offer", "Buy.");
    desk.letters();
    let (_served, browser) = at_the_door(&desk, &ada);
    says(&browser.get("/INC-1"), "shop@spam.example");
    let refused = browser.post("/INC-1/block", &[("pattern", "@@"), ("reason", "offers")]);
    assert_eq!(refused.status, 422);
    says(&refused, "value=\"@@\"");
    says(&refused, "value=\"offers\"");
    let form = [("pattern", "shop@spam.example"), ("reason", "offers")];
    let done = browser.post("/INC-1/block", &form);
    assert_eq!((done.status, done.place.as_str()), (303, "/INC-1"));
    says(&browser.get("/INC-1"), "held: shop@spam.example");
    mail(&desk, "shop@spam.example", "Subject: More", "Buy more.");
    says(&browser.get("/mail/in?show=held"), "More");
    assert_eq!(browser.get("/INC-2").status, 404);
    desk.letters();
});

both_databases!(a_request_to_join_is_answered_where_the_ticket_is, |desk| {
    let ada = ada(&desk);
    uplink_down(&desk);
    for n in 1..=2 {
        mail(
            &desk,
            "mallory@other.example",
            &format!("Subject: [INC-1] me too {n}\r\nMessage-ID: <m{n}@other.example>"),
            &format!("We see it as well, number {n}."),
        );
        desk.advance(60);
    }
    desk.letters();
    let (_served, browser) = at_the_door(&desk, &ada);
    let answer = |text: &str, answer: &str| {
        let page = browser.get("/INC-1");
        says(&page, "asks to join this ticket");
        says(&page, text);
        let (before, _) = page.text.split_once("name=\"answer\"").expect("a form");
        let (_, id) = before
            .rsplit_once("name=\"mail\" value=\"")
            .expect("its mail");
        let id = id.split('"').next().expect("an id").to_owned();
        browser.post("/INC-1/join", &[("mail", &id), ("answer", answer)])
    };
    let accepted = answer("number 1", "accept");
    assert_eq!((accepted.status, accepted.place.as_str()), (303, "/INC-1"));
    let refused = answer("number 2", "refuse");
    assert_eq!(refused.status, 303);
    let page = browser.get("/INC-1");
    hides(&page, "asks to join this ticket");
    says(&page, "We see it as well, number 1.");
    hides(&page, "We see it as well, number 2.");
    says(&browser.get("/INC-2"), "We see it as well, number 2.");
    desk.letters();
});
