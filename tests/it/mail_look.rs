//! What goes to a customer, looked at before it goes: who gets it, and what each of them reads. What was shown is what is sent.

use serde_json::json;
use watchkeeper::actions::{letter_look, settings, ticket as act, ticket_parts};
use watchkeeper::domain::id::Kind;
use watchkeeper::domain::outgoing::OutgoingMail;
use watchkeeper::domain::settings::SettingKey;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::Opening;
use watchkeeper::store;
use watchkeeper::store::people::Holder;
use watchkeeper::store::ticket::Watcher;

use crate::both_databases;
use crate::mail::{colleague, key, timeline};
use crate::program::Program;
use crate::served::Served;
use crate::visitor::{Answer, Visitor};
use crate::wording::{CAROL, scene, to};

/// The values of the fields of this name in a page's forms.
fn values(page: &Answer, name: &str) -> Vec<String> {
    let field = format!("name=\"{name}\" value=\"");
    let found = page.text.split(&field).skip(1);
    found
        .filter_map(|rest| Some(rest.split_once('"')?.0.replace("&#38;", "&")))
        .collect()
}

/// As a page shows it.
fn escaped(text: &str) -> String {
    text.replace('&', "&#38;")
        .replace('<', "&#60;")
        .replace('>', "&#62;")
        .replace('"', "&#34;")
        .replace('\'', "&#39;")
}

fn by_address(mut letters: Vec<OutgoingMail>) -> Vec<(String, String, String)> {
    letters.sort_by(|one, other| one.to.as_str().cmp(other.to.as_str()));
    letters
        .into_iter()
        .map(|letter| (letter.to.to_string(), letter.subject, letter.text))
        .collect()
}

both_databases!(
    e104_before_an_answer_goes_the_page_says_who_gets_it_and_what_each_reads_and_nothing_is_lost,
    |desk| {
        let scene = scene(&desk);
        let dave = colleague(&desk, CAROL, "Dave", "dave@contoso.example");
        let frank = crate::mail::customer(&desk, "Fabrikam", "Frank", "frank@fabrikam.example");
        for who in [dave, frank] {
            let ctx = desk.as_person(&scene.ada);
            ticket_parts::watch(&ctx, key("INC-1"), Watcher::Contact(who)).unwrap();
        }
        desk.letters();
        let served = Served::new(&desk.app);
        let ben = Visitor::logged_in(&served, &desk.app, Holder::Person(scene.ben.id));
        let room = ben.get("/INC-1");
        let goes_to = room.text.split("Goes to").nth(1).unwrap();
        let goes_to = goes_to.split_once("</p>").unwrap().0;
        assert!(
            goes_to.contains("Carol &#60;carol@contoso.example&#62;")
                && goes_to.contains("dave@contoso.example"),
            "{goes_to}"
        );
        assert!(!goes_to.contains("fabrikam"), "{goes_to}");

        let before = timeline(&desk, "INC-1").len();
        let form = [
            ("seen", "999"),
            ("body", "We <failed> over & look on.\n\nMore at noon."),
            ("next_update_by", "13:00"),
            ("look", "yes"),
        ];
        let shown = ben.upload("/INC-1/reply", &form, &[("graph.txt", b"up and down")]);
        assert_eq!(shown.status, 200, "{}", shown.text);
        assert_eq!(timeline(&desk, "INC-1").len(), before);
        assert!(desk.letters().is_empty(), "nothing is sent yet");
        // What was typed stands in the form again, and the file is carried on.
        assert!(
            shown.text.contains("We &#60;failed&#62; over"),
            "{}",
            shown.text
        );
        assert_eq!(values(&shown, "next_update_by")[0], "13:00");
        let carried = values(&shown, "carried");
        assert_eq!(carried.len(), 1, "{}", shown.text);
        assert!(carried[0].ends_with(" text/plain graph.txt"), "{carried:?}");

        let sent = ben.post(
            "/INC-1/reply",
            &[&form[..3], &[("carried", carried[0].as_str())]].concat(),
        );
        assert_eq!(sent.status, 303, "{}", sent.text);
        let letters = desk.letters();
        assert_eq!(letters.len(), 2);
        for letter in &letters {
            assert_eq!(letter.files.len(), 1);
            assert_eq!(letter.files[0].bytes, b"up and down");
            for part in [&letter.subject, &letter.text, &letter.to.to_string()] {
                assert!(
                    shown.text.contains(&escaped(part)),
                    "{part}\n{}",
                    shown.text
                );
            }
            assert!(
                letter.text.contains("Next update promised by"),
                "{}",
                letter.text
            );
        }
        // Nobody brings a file again that somebody else brought.
        let ada = Visitor::logged_in(&served, &desk.app, Holder::Person(scene.ada.id));
        let stolen = [("body", "x"), ("carried", carried[0].as_str())];
        let refused = ada.post("/INC-1/note", &stolen);
        assert_eq!(refused.status, 422);
        assert!(refused.text.contains("Choose it again"), "{}", refused.text);
    }
);

both_databases!(
    e104_a_refused_answer_keeps_its_files_and_a_look_at_what_is_refused_says_why,
    |desk| {
        let scene = scene(&desk);
        let served = Served::new(&desk.app);
        let ben = Visitor::logged_in(&served, &desk.app, Holder::Person(scene.ben.id));
        let file: [(&str, &[u8]); 1] = [("graph.txt", b"up and down")];
        let again = "Subject: Re: Uplink down\r\nMessage-ID: <c2@contoso.example>\r\nIn-Reply-To: <c1@contoso.example>";
        crate::mail::mail(&desk, CAROL, again, "Still down.");
        desk.letters();
        let before = timeline(&desk, "INC-1").len();
        // They wrote since this form was made.
        let late = [("seen", "0"), ("body", "We look.")];
        let refused = ben.upload("/INC-1/reply", &late, &file);
        assert_eq!(refused.status, 422);
        assert_eq!(values(&refused, "carried").len(), 1, "{}", refused.text);
        let looked = ben.upload(
            "/INC-1/reply",
            &[&late[..], &[("look", "yes")]].concat(),
            &file,
        );
        assert_eq!(looked.status, 422);
        assert!(looked.text.contains("We look.") && !looked.text.contains("What they get"));
        let empty = ben.post("/INC-1/update", &[("body", " "), ("look", "yes")]);
        assert_eq!(empty.status, 422);
        assert_eq!(timeline(&desk, "INC-1").len(), before);
    }
);

both_databases!(
    e104_a_note_is_looked_at_as_the_customer_would_read_it_before_it_is_shared,
    |desk| {
        let scene = scene(&desk);
        let ben = desk.as_person(&scene.ben);
        act::note(&ben, key("INC-1"), "Card <3> was dead.\n\nNew one is in.").unwrap();
        let note = timeline(&desk, "INC-1").last().unwrap().seq.to_string();
        desk.letters();
        let served = Served::new(&desk.app);
        let screen = Visitor::logged_in(&served, &desk.app, Holder::Person(scene.ben.id));
        let room = screen.get("/INC-1").text;
        assert!(
            room.contains("formaction=\"/INC-1/share#share-look\""),
            "{room}"
        );
        let before = timeline(&desk, "INC-1").len();
        let form = [("seq", note.as_str()), ("look", "yes")];
        let shown = screen.post("/INC-1/share", &form);
        assert_eq!(shown.status, 200, "{}", shown.text);
        assert!(shown.text.contains("id=\"share-look\""), "{}", shown.text);
        assert_eq!(timeline(&desk, "INC-1").len(), before);
        assert!(desk.letters().is_empty(), "nothing is sent yet");
        // Below what they get stands the button that sends it.
        let below = shown.text.split("id=\"share-look\"").nth(1).unwrap();
        let below = below.split("</form>").next().unwrap();
        assert!(below.contains("let the customer read it"), "{below}");

        let sent = screen.post("/INC-1/share", &form[..1]);
        assert_eq!(sent.status, 303, "{}", sent.text);
        let letters = desk.letters();
        let carols = to(&letters, CAROL);
        assert_eq!(carols.len(), 1, "{letters:?}");
        for part in [&carols[0].subject, &carols[0].text] {
            assert!(
                part.contains("Card <3>") || part.contains("INC-1"),
                "{part}"
            );
            assert!(
                shown.text.contains(&escaped(part)),
                "{part}\n{}",
                shown.text
            );
        }
        // What can't be shared says so instead of a look.
        let again = screen.post("/INC-1/share", &form);
        assert!(
            again.text.contains("The customer may read that already."),
            "{}",
            again.text
        );
        assert!(!again.text.contains("id=\"share-look\""));
    }
);

both_databases!(
    e104_what_a_second_person_reads_first_is_shown_as_it_leaves_once_they_approve,
    |desk| {
        let scene = scene(&desk);
        let always = [(SettingKey::OwnWords, "always".to_owned())];
        settings::change(&desk.as_person(&scene.ada), &always).unwrap();
        let ben = desk.as_person(&scene.ben);
        let say = |ctx: &watchkeeper::app::Ctx<'_>| {
            act::reply(ctx, key("INC-1"), "We are on it.", None, None)
        };
        let look = letter_look::at(&ben, key("INC-1"), say).unwrap();
        assert!(look.waits && look.letters.len() == 1);
        let said = say(&ben).unwrap();
        assert!(said.waits);
        let seq = said.ticket.entry_count;
        let ada = desk.as_person(&scene.ada);
        watchkeeper::actions::proposal::approve(&ada, key("INC-1"), seq, None).unwrap();
        let sent = by_address(desk.letters());
        let own = sent.iter().filter(|(to, _, _)| to == CAROL);
        let own: Vec<_> = own
            .map(|(_, subject, text)| (subject.clone(), text.clone()))
            .collect();
        assert_eq!(own, [look.letters[0].words.clone().unwrap()]);
    }
);

both_databases!(
    e104_a_program_looks_at_letters_before_it_sends_them,
    |desk| {
        desk.let_letters_go();
        let p = Program::new(desk);
        let desk = &p.desk;
        let carol = crate::mail::customer(desk, "Contoso", "Carol", CAROL);
        let contact = |conn: &mut store::Conn| store::people::contact(conn, carol);
        let contoso = desk.app.store.read(contact).unwrap().unwrap().customer_id;
        let ada = desk.person(
            "Ann",
            watchkeeper::domain::access::Roles::of(&[watchkeeper::domain::access::Role::Responder]),
        );
        let opening = Opening {
            customer: Some(contoso),
            requester: Some(carol),
            ..Opening::default()
        };
        let title = Title::parse("Uplink down").unwrap();
        act::open(&desk.as_person(&ada), Kind::Incident, title, &opening).unwrap();
        desk.letters();
        let before = p.get("/api/v1/tickets/INC-1").body;
        for (place, body) in [
            ("replies", json!({"body": "We look."})),
            ("updates", json!({"body": "We look on."})),
        ] {
            let path = format!("/api/v1/tickets/INC-1/{place}");
            let looked = p.call(
                "POST",
                &format!("{path}?dry_run=1"),
                &[],
                Some(&body.to_string()),
            );
            assert_eq!(looked.status, 200, "{}", looked.body);
            assert_eq!(looked.body["dry_run"], true);
            assert_eq!(looked.body["waits"], false);
            if place == "replies" {
                assert_eq!(p.get("/api/v1/tickets/INC-1").body, before);
            }
            assert!(desk.letters().is_empty());
            let said = p.call("POST", &path, &[], Some(&body.to_string()));
            assert_eq!(said.status, 200, "{}", said.body);
            let letters = desk.letters();
            let carols = to(&letters, CAROL);
            assert_eq!(carols.len(), 1);
            let look = &looked.body["letters"][0];
            assert_eq!(look["to"], CAROL);
            assert_eq!(look["name"], "Carol");
            assert_eq!(look["contact_id"], carol.to_string());
            assert_eq!(look["subject"], carols[0].subject.as_str());
            assert_eq!(look["text"], carols[0].text.as_str());
        }
        let refused = p.call(
            "POST",
            "/api/v1/tickets/INC-1/replies?dry_run=1",
            &[],
            Some("{\"body\": \" \"}"),
        );
        assert_eq!(refused.status, 422, "{}", refused.body);
    }
);

both_databases!(
    letters_to_a_customer_whose_language_is_german_are_german_and_their_times_too,
    |desk| {
        let scene = scene(&desk);
        let contoso = scene.ticket.customer.unwrap();
        let german = |tx: &mut store::Tx| {
            let mut customer = store::customer::by_id(tx, contoso)?.unwrap();
            customer.language = "de-DE".to_owned();
            store::customer::update(tx, &mut customer)
        };
        desk.app.store.write(german).unwrap();
        let head = "Subject: Noch etwas\r\nMessage-ID: <c9@contoso.example>";
        crate::mail::mail(&desk, CAROL, head, "Wann?");
        let letters = desk.letters();
        let received = to(&letters, CAROL);
        assert_eq!(received[0].subject, "[INC-2] Ihre Nachricht ist da");
        assert!(
            received[0].text.contains("Störung INC-2"),
            "{}",
            received[0].text
        );
        let html = received[0].html.as_deref().unwrap();
        assert!(html.contains("<html lang=\"de\">"), "{html}");
        let until = desk.now().plus_secs(3_600);
        let text = "Wir melden uns: {next_update}";
        let ctx = desk.as_person(&scene.ada);
        act::reply(&ctx, key("INC-1"), text, Some(until), None).unwrap();
        let letters = desk.letters();
        let reply = &to(&letters, CAROL)[0].text;
        let at = until
            .in_zone(chrono_tz::Europe::Berlin)
            .format("%d.%m.%Y %H:%M %Z");
        assert!(reply.contains(&format!("Wir melden uns: {at}")), "{reply}");
        assert!(
            reply.contains(&format!("Nächste Nachricht spätestens {at}")),
            "{reply}"
        );
        assert!(reply.contains("Ada schreibt:"), "{reply}");
    }
);
