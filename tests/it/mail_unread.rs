//! Mail that the reader fails on, or that ends the process: looked at a fixed number of times, then a ticket that says so. Case 9 of the
//! intake's list, its other half.

use std::sync::Arc;

use watchkeeper::actions::intake;
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::intake::{HeldFor, MOST_LOOKS, MailState, Verdict, Way};
use watchkeeper::domain::letter::Letter;
use watchkeeper::domain::timeline::Door;
use watchkeeper::domain::timestamp::Timestamp;
use watchkeeper::intake::mail;
use watchkeeper::intake::smime::Authorities;
use watchkeeper::store;
use watchkeeper::store::people::Holder;

use crate::both_databases;
use crate::clock_notices::second_node;
use crate::desk::Desk;
use crate::mail::{contoso, deliver, stored, ticket, tickets, timeline};
use crate::served::Served;
use crate::visitor::Visitor;

const CAROL: &str = "carol@contoso.example";

/// A reader with a fault: mails that hold this word end it.
fn faulty(raw: &[u8], from: Option<&str>, known: &Authorities, at: Timestamp) -> Letter {
    let word = b"Teapot";
    assert!(!raw.windows(word.len()).any(|it| it == word), "a fault");
    mail::read_checked(raw, from, known, at)
}

fn with_word(id: &str, head: &str) -> Vec<u8> {
    let raw = format!(
        "From: Carol <{CAROL}>\r\nTo: support@watch.example.org\r\nSubject: Re: Uplink down\r\nMessage-ID: <{id}@contoso.example>\r\n{head}\r\nTeapot here.\r\n"
    );
    raw.into_bytes()
}

fn files(desk: &Desk, key: &str) -> Vec<(String, store::blob::Hash)> {
    let id = ticket(desk, key).id;
    let files = desk
        .app
        .store
        .read(|conn| store::blob::attachments(conn, id));
    let files = files.unwrap().into_iter();
    files.map(|file| (file.name, file.hash)).collect()
}

both_databases!(
    e9_a_mail_that_the_reader_fails_on_is_a_ticket_with_the_raw_mail_and_stops_nobody,
    |desk| {
        desk.let_letters_go();
        contoso(&desk);
        desk.app.mail_reader.set(faulty).unwrap();
        let to = ["support@watch.example.org".to_owned()];
        let raw = with_word("t1", "Auto-Submitted: auto-replied\r\n");
        let bad = intake::accept(&desk.app, Way::Smtp, Some(CAROL), &to, &raw).unwrap();
        desk.app.time.set(desk.now().plus_secs(1));
        let good = b"From: carol@contoso.example\r\nSubject: Printer\r\n\r\nNo paper.\r\n";
        let good = deliver(&desk, Some(CAROL), good);
        assert_eq!(good.verdict, Some(Verdict::Opened));

        let bad = stored(&desk, bad);
        assert_eq!(
            (bad.state, bad.verdict, bad.detail.as_str(), bad.attempts),
            (
                MailState::Settled,
                Some(Verdict::Unreadable),
                "reading-failed",
                MOST_LOOKS
            )
        );
        let key = desk
            .app
            .store
            .read(|conn| store::ticket::by_id(conn, bad.ticket.unwrap()));
        let opened = key.unwrap().unwrap();
        let key = opened.key.to_string();
        assert_eq!(opened.title.as_str(), "Unreadable mail: Uplink down");
        // Whose it is, and since when, is known: its clocks are those of any mail of theirs.
        let of_good = desk
            .app
            .store
            .read(|conn| store::ticket::by_id(conn, good.ticket.unwrap()));
        assert_eq!(opened.customer, of_good.unwrap().unwrap().customer);
        assert!(opened.customer.is_some());
        assert_eq!(opened.impact_at, bad.received_at);
        assert_eq!(files(&desk, &key), [("mail.eml".to_owned(), bad.raw)]);
        assert_eq!(timeline(&desk, &key)[0].body, "Teapot here.");

        for _ in 0..3 {
            desk.advance(3_600);
        }
        assert_eq!(stored(&desk, bad.id), bad, "nobody looks again");
        assert_eq!(tickets(&desk), 2);

        // The same bytes again are the same mail, however it is read.
        let again = deliver(&desk, Some(CAROL), &raw);
        assert_eq!(again.verdict, Some(Verdict::Duplicate));

        // Both pages say why, though reading it fails there as well.
        let ada = desk.person("Ada", Roles::of(&[Role::Responder]));
        let served = Served::new(&desk.app);
        let browser = Visitor::logged_in(&served, &desk.app, Holder::Person(ada.id));
        let page = browser.get(&format!("/mail/in/{}", bad.id));
        assert_eq!(page.status, 200);
        for said in [
            "reading it failed each time",
            "The program that reads mail failed on it",
            &key,
        ] {
            assert!(page.text.contains(said), "{said}: {}", page.text);
        }
        assert!(!page.text.contains("Read it again"));
        let room = browser.get(&format!("/{key}")).text;
        assert!(room.contains("reading this mail failed"), "{room}");
        let raw_again = browser.get(&format!("/mail/in/{}/raw", bad.id));
        assert_eq!(raw_again.status, 200);
        // What would need its content is refused in words, and breaks nothing.
        let answer = browser.post(&format!("/mail/in/{}/take-in", bad.id), &[]);
        assert_eq!(answer.status, 422, "{}", answer.text);
    }
);

both_databases!(
    e9_an_answer_that_the_reader_fails_on_is_a_ticket_that_points_to_the_one_it_answers,
    |desk| {
        desk.let_letters_go();
        contoso(&desk);
        let first = b"From: carol@contoso.example\r\nSubject: Uplink down\r\nMessage-ID: <c1@contoso.example>\r\n\r\nSince noon.\r\n";
        deliver(&desk, Some(CAROL), first);
        desk.app.mail_reader.set(faulty).unwrap();
        let answer = with_word("t2", "In-Reply-To: <c1@contoso.example>\r\n");
        let answer = deliver(&desk, Some(CAROL), &answer);
        assert_eq!(answer.verdict, Some(Verdict::Unreadable));
        let own = ticket(&desk, "INC-2").id;
        assert_eq!(answer.ticket, Some(own));
        let asked = ticket(&desk, "INC-1").id;
        let links = desk
            .app
            .store
            .read(|conn| store::ticket_link::links(conn, own));
        assert!(links.unwrap().iter().any(|link| link.other == asked));
        // A stranger who claims the same thread learns and links nothing.
        let raw = b"From: mallory@evil.example\r\nSubject: Re: Uplink down\r\nMessage-ID: <m1@evil.example>\r\nIn-Reply-To: <c1@contoso.example>\r\n\r\nTeapot\r\n";
        let stranger = deliver(&desk, Some("mallory@evil.example"), raw);
        assert_eq!(stranger.verdict, Some(Verdict::Unreadable));
        let own = stranger.ticket.unwrap();
        let links = desk
            .app
            .store
            .read(|conn| store::ticket_link::links(conn, own));
        assert!(links.unwrap().is_empty());
    }
);

both_databases!(
    e9_a_mail_that_ends_the_process_is_not_read_for_ever,
    |desk| {
        desk.let_letters_go();
        contoso(&desk);
        let to = ["support@watch.example.org".to_owned()];
        let raw = with_word("t3", "");
        let lost = intake::accept(&desk.app, Way::Lmtp, Some(CAROL), &to, &raw).unwrap();
        desk.app.time.set(desk.now().plus_secs(5));
        // Each process counts the look before it reads, and ends within it.
        for look in 1..=MOST_LOOKS {
            let next = second_node(&desk);
            let system = next.system("mailbox", Door::Mail);
            assert_eq!(intake::begin_look(&system, lost).unwrap(), look - 1);
            assert_eq!(stored(&desk, lost).attempts, look);
            assert_eq!(stored(&desk, lost).state, MailState::Waiting);
        }
        // The next one doesn't read it any more: this reader would have fallen over it, and this one would have read it well.
        let next: Arc<_> = second_node(&desk);
        assert!(next.began_at > stored(&desk, lost).received_at);
        watchkeeper::jobs::run_until_quiet(&next).unwrap();
        let lost = stored(&desk, lost);
        assert_eq!(
            (lost.verdict, lost.detail.as_str()),
            (Some(Verdict::Unreadable), "reading-failed")
        );
        assert_eq!(files(&desk, "INC-1"), [("mail.eml".to_owned(), lost.raw)]);
        // To look at its page reads it as little.
        desk.app.mail_reader.set(faulty).unwrap();
        let ada = desk.person("Ada", Roles::of(&[Role::Responder]));
        let served = Served::new(&desk.app);
        let browser = Visitor::logged_in(&served, &desk.app, Holder::Person(ada.id));
        let place = format!("/mail/in/{}", lost.id);
        let page = browser.get(&place).text;
        assert!(
            page.contains("The program that reads mail failed on it"),
            "{page}"
        );
        assert!(!page.contains("Read it again"));
        // Another version, which can, has it read again by a person.
        let mut older = lost.clone();
        older.because.set("ended_version", "0.0.1");
        let update = |tx: &mut store::Tx| store::intake::update(tx, &older);
        desk.app.store.write(update).unwrap();
        let next = second_node(&desk);
        let served = Served::new(&next);
        let browser = Visitor::logged_in(&served, &next, Holder::Person(ada.id));
        assert!(browser.get(&place).text.contains("Read it again"));
        assert_eq!(browser.post(&format!("{place}/take-in"), &[]).status, 303);
        assert_eq!(stored(&desk, lost.id).verdict, Some(Verdict::Opened));
        assert_eq!(ticket(&desk, "INC-2").title.as_str(), "Uplink down");
    }
);

both_databases!(
    what_waited_when_a_process_began_is_looked_at_as_any_mail,
    |desk| {
        desk.let_letters_go();
        contoso(&desk);
        let to = ["support@watch.example.org".to_owned()];
        let raw = with_word("t4", "");
        let waited = intake::accept(&desk.app, Way::Lmtp, Some(CAROL), &to, &raw).unwrap();
        desk.app.time.set(desk.now().plus_secs(5));
        let next = second_node(&desk);
        watchkeeper::jobs::run_until_quiet(&next).unwrap();
        assert_eq!(stored(&desk, waited).verdict, Some(Verdict::Opened));
    }
);

both_databases!(
    e9_one_whose_bytes_are_gone_is_held_for_a_person_after_as_many_looks,
    |desk| {
        desk.let_letters_go();
        let raw = b"From: a@x.example\r\n\r\nx\r\n";
        let lost = intake::accept(&desk.app, Way::Lmtp, None, &[], raw).unwrap();
        let system = desk.app.system("mailbox", Door::Mail);
        for look in 1..=MOST_LOOKS + 2 {
            let seen = stored(&desk, lost);
            intake::note_failure(&system, &seen, "bytes-missing").unwrap();
            let mail = stored(&desk, lost);
            let is_over = look >= MOST_LOOKS;
            assert_eq!(mail.state == MailState::Held, is_over, "look {look}");
            assert!(mail.attempts <= MOST_LOOKS);
        }
        assert_eq!(stored(&desk, lost).held_for, Some(HeldFor::Failed));
        desk.advance(86_400);
        assert_eq!(stored(&desk, lost).state, MailState::Held);
    }
);
