//! Mail: what comes in becomes tickets and messages, what goes out arrives or is known not to have.

use std::io::{BufRead, BufReader, Write};
use std::sync::Arc;

use watchkeeper::actions::{intake, ticket as act};
use watchkeeper::domain::access::{Reach, Role, Roles};
use watchkeeper::domain::id::{ContactId, CustomerId, Id, Kind, MailId, TicketKey};
use watchkeeper::domain::intake::{HeldFor, IntakeAddress, MailState, Verdict, Way};
use watchkeeper::domain::outgoing::OutgoingMail;
use watchkeeper::domain::people::{Contact, Customer};
use watchkeeper::domain::text::EmailAddress;
use watchkeeper::domain::ticket::{State, Ticket};
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::listen::session::Dialect;
use watchkeeper::listen::smtp::{self, Listener};
use watchkeeper::store;
use watchkeeper::store::intake::{LedgerFilter, StoredMail};
use watchkeeper::store::people::Holder;
use watchkeeper::store::timeline::Recorded;

use crate::both_databases;
use crate::desk::{Desk, Staff};

const RESPONDER: Roles = Roles::of(&[Role::Responder]);

pub(crate) fn key(text: &str) -> TicketKey {
    text.parse().unwrap()
}

/// Contoso with its contact Carol, `carol@contoso.example`.
pub(crate) fn contoso(desk: &Desk) {
    customer(desk, "Contoso", "Carol", "carol@contoso.example");
}

/// A mail with these header lines and this text, taken in and dealt with.
pub(crate) fn mail(desk: &Desk, from: &str, head: &str, text: &str) -> StoredMail {
    let raw = format!("From: {from}\r\nTo: support@watch.example.org\r\n{head}\r\n\r\n{text}\r\n");
    deliver(desk, Some(from), raw.as_bytes())
}

pub(crate) fn deliver(desk: &Desk, from: Option<&str>, raw: &[u8]) -> StoredMail {
    deliver_to(desk, from, &["support@watch.example.org"], raw)
}

/// As the envelope says it: to these addresses.
pub(crate) fn deliver_to(desk: &Desk, from: Option<&str>, to: &[&str], raw: &[u8]) -> StoredMail {
    let to: Vec<String> = to.iter().map(|address| (*address).to_owned()).collect();
    let id = intake::accept(&desk.app, Way::Smtp, from, &to, raw).unwrap();
    desk.settle();
    stored(desk, id)
}

/// Takes in all of these, each as if this address had sent it, before any is dealt with: a crowd, at a price that a story can pay.
pub(crate) fn deliver_all(desk: &Desk, mails: &[(String, String)]) -> Vec<StoredMail> {
    let to = ["support@watch.example.org".to_owned()];
    let accept = |(from, raw): &(String, String)| {
        intake::accept(&desk.app, Way::Smtp, Some(from), &to, raw.as_bytes()).unwrap()
    };
    let ids: Vec<MailId> = mails.iter().map(accept).collect();
    desk.settle();
    ids.into_iter().map(|id| stored(desk, id)).collect()
}

/// A mail of the ledger as it stands now.
pub(crate) fn stored(desk: &Desk, id: MailId) -> StoredMail {
    desk.app
        .store
        .read(|conn| store::intake::by_id(conn, id))
        .unwrap()
        .unwrap()
}

/// A stored mail, read again: what whoever answers a request or takes a held one in works with.
pub(crate) fn read_again(desk: &Desk, mail: &StoredMail) -> watchkeeper::domain::letter::Letter {
    let raw = desk
        .app
        .store
        .read(|conn| store::blob::get(conn, mail.raw))
        .unwrap()
        .unwrap();
    watchkeeper::intake::mail::read(&raw, mail.envelope_from.as_deref())
}

/// Another contact of the customer that this address belongs to.
pub(crate) fn colleague(desk: &Desk, of: &str, name: &str, email: &str) -> ContactId {
    let of = EmailAddress::parse(of).unwrap();
    let contact = desk
        .app
        .store
        .read(|conn| {
            let Some(Holder::Contact(id)) = store::people::holder(conn, &of)? else {
                panic!("{of} is no contact's");
            };
            Ok(store::people::contact(conn, id)?.unwrap())
        })
        .unwrap();
    insert_contact(desk, contact.customer_id, name, email)
}

/// A customer of this name with one contact.
pub(crate) fn customer(desk: &Desk, called: &str, name: &str, email: &str) -> ContactId {
    let customer = Customer {
        id: Id::new(desk.now()),
        name: called.to_owned(),
        zone: chrono_tz::Europe::Berlin,
        language: "en".to_owned(),
        domains: Vec::new(),
        note: String::new(),
        is_active: true,
        version: 1,
    };
    let now = desk.now();
    desk.app
        .store
        .write(|tx| store::customer::insert(tx, &customer, now))
        .unwrap();
    insert_contact(desk, customer.id, name, email)
}

fn insert_contact(desk: &Desk, customer: CustomerId, name: &str, email: &str) -> ContactId {
    let contact = Contact {
        id: Id::new(desk.now()),
        customer_id: customer,
        name: name.to_owned(),
        email: EmailAddress::parse(email).unwrap(),
        phone: None,
        zone: None,
        reach: Reach::Own,
        is_active: true,
        version: 1,
    };
    let now = desk.now();
    desk.app
        .store
        .write(|tx| store::people::insert_contact(tx, &contact, now))
        .unwrap();
    contact.id
}

/// An address of ours that takes mail, as `change` makes it.
pub(crate) fn takes_mail(desk: &Desk, address: &str, change: impl FnOnce(&mut IntakeAddress)) {
    let address = EmailAddress::parse(address).unwrap();
    let mut rule = IntakeAddress::new(Id::new(desk.now()), address);
    change(&mut rule);
    desk.app
        .store
        .write(|tx| store::intake_address::insert(tx, &rule))
        .unwrap();
}

pub(crate) fn ticket(desk: &Desk, text: &str) -> Ticket {
    desk.app
        .store
        .read(|conn| store::ticket::by_key(conn, key(text)))
        .unwrap()
        .unwrap_or_else(|| panic!("no {text}"))
}

pub(crate) fn timeline(desk: &Desk, text: &str) -> Vec<Recorded> {
    let id = ticket(desk, text).id;
    desk.app
        .store
        .read(|conn| store::timeline::of_ticket(conn, id))
        .unwrap()
}

pub(crate) fn tickets(desk: &Desk) -> usize {
    (1..)
        .take_while(|n| {
            desk.app
                .store
                .read(|conn| store::ticket::by_key(conn, key(&format!("INC-{n}"))))
                .unwrap()
                .is_some()
        })
        .count()
}

pub(crate) fn to<'a>(letters: &'a [OutgoingMail], address: &str) -> &'a OutgoingMail {
    letters
        .iter()
        .find(|letter| letter.to.as_str() == address)
        .unwrap_or_else(|| {
            panic!(
                "no letter to {address} among {:?}",
                letters
                    .iter()
                    .map(|l| (&l.to, &l.subject))
                    .collect::<Vec<_>>()
            )
        })
}

pub(crate) fn take(desk: &Desk, text: &str) -> Staff {
    let ada = desk.person("Ada", RESPONDER);
    act::take(&desk.as_person(&ada), key(text), None).unwrap();
    desk.letters();
    ada
}

both_databases!(
    a_mail_opens_a_ticket_and_its_sender_gets_a_threaded_answer,
    |desk| {
        contoso(&desk);
        let stored = mail(
            &desk,
            "Carol <carol@contoso.example>",
            "Subject: Re: Uplink down\r\nMessage-ID: <c1@contoso.example>",
            "Since noon.",
        );
        assert_eq!(
            (stored.state, stored.verdict),
            (MailState::Settled, Some(Verdict::Opened))
        );
        let opened = ticket(&desk, "INC-1");
        assert_eq!(opened.title.as_str(), "Uplink down");
        assert_eq!(opened.impact_at, stored.received_at);
        let first = &timeline(&desk, "INC-1")[0];
        assert_eq!(
            (first.body.as_str(), first.actor_name.as_str()),
            ("Since noon.", "Carol")
        );

        let letters = desk.letters();
        let answer = to(&letters, "carol@contoso.example");
        assert!(
            answer.subject.starts_with("[INC-1] ") && !answer.subject.contains("Uplink"),
            "{}",
            answer.subject
        );
        assert_eq!(answer.in_reply_to.as_deref(), Some("c1@contoso.example"));
        assert!(
            answer
                .headers
                .contains(&("Auto-Submitted", "auto-replied".to_owned()))
        );
        assert!(
            answer.reply_to.as_deref().unwrap().contains("+inc-1."),
            "{:?}",
            answer.reply_to
        );
    }
);

both_databases!(the_same_mail_twice_changes_nothing, |desk| {
    desk.let_letters_go();
    contoso(&desk);
    let head = "Subject: Uplink down\r\nMessage-ID: <c1@contoso.example>";
    mail(&desk, "carol@contoso.example", head, "Since noon.");
    desk.letters();
    let again = mail(
        &desk,
        "carol@contoso.example",
        &format!("Received: by relay\r\n{head}"),
        "Since noon.",
    );
    assert_eq!(again.verdict, Some(Verdict::Duplicate));
    assert!(again.duplicate_of.is_some());
    assert_eq!(
        (
            tickets(&desk),
            timeline(&desk, "INC-1")
                .iter()
                .filter(|e| e.kind == EntryKind::CustomerMessage)
                .count()
        ),
        (1, 0)
    );
    assert!(desk.letters().is_empty());
    // Another text under the same id is another mail.
    let other = mail(&desk, "carol@contoso.example", head, "Something else.");
    assert_eq!(other.verdict, Some(Verdict::Opened));
    // Without an id, equal bytes are one mail for a day.
    for (secs, verdict) in [
        (0, Verdict::Opened),
        (60, Verdict::Duplicate),
        (90_000, Verdict::Opened),
    ] {
        desk.advance(secs);
        assert_eq!(
            mail(&desk, "dan@x.example", "Subject: no id", "Hello").verdict,
            Some(verdict),
            "{secs}"
        );
    }
});

both_databases!(
    a_reply_lands_on_the_ticket_tells_its_owner_and_reopens_it_until_it_is_closed,
    |desk| {
        desk.let_letters_go();
        contoso(&desk);
        mail(
            &desk,
            "carol@contoso.example",
            "Subject: Uplink down\r\nMessage-ID: <c1@contoso.example>",
            "Since noon.",
        );
        let answer = to(&desk.letters(), "carol@contoso.example").clone();
        let ada = take(&desk, "INC-1");
        act::resolve(&desk.as_person(&ada), key("INC-1"), None, "Card replaced").unwrap();
        desk.letters();

        desk.advance(600);
        let head = format!(
            "Subject: Re: whatever\r\nMessage-ID: <c2@contoso.example>\r\nIn-Reply-To: <{}>",
            answer.message_id
        );
        let reply = mail(
            &desk,
            "carol@contoso.example",
            &head,
            "Still down.\r\n\r\nOn Mon, 1 Jun 2026, Desk <d@x.org> wrote:\r\n> We have it",
        );
        assert_eq!(reply.verdict, Some(Verdict::Appended));
        assert_eq!(ticket(&desk, "INC-1").state, State::InProgress);
        let kinds: Vec<_> = timeline(&desk, "INC-1")
            .iter()
            .map(|entry| entry.kind)
            .collect();
        assert!(
            kinds.contains(&EntryKind::CustomerMessage) && kinds.contains(&EntryKind::Reopened),
            "{kinds:?}"
        );
        let letters = desk.letters();
        let told = to(&letters, "ada@watch.example.org");
        assert!(
            told.subject.contains("Open again") && told.text.contains("Still down."),
            "{}",
            told.text
        );
        // Nobody answers a reply automatically.
        assert!(
            letters
                .iter()
                .all(|letter| letter.to.as_str() != "carol@contoso.example")
        );

        act::resolve(&desk.as_person(&ada), key("INC-1"), None, "Really").unwrap();
        desk.advance(8 * 86_400);
        assert_eq!(ticket(&desk, "INC-1").state, State::Closed);
        let head = head.replace("c2@", "c3@");
        assert_eq!(
            mail(&desk, "carol@contoso.example", &head, "Down again.").verdict,
            Some(Verdict::Opened)
        );
        assert_eq!(
            (ticket(&desk, "INC-1").state, tickets(&desk)),
            (State::Closed, 2)
        );
    }
);

both_databases!(
    auto_replies_and_bounces_open_reopen_and_satisfy_nothing,
    |desk| {
        contoso(&desk);
        mail(
            &desk,
            "carol@contoso.example",
            "Subject: Uplink down\r\nMessage-ID: <c1@contoso.example>",
            "Since noon.",
        );
        let answer = to(&desk.letters(), "carol@contoso.example").clone();
        let ada = take(&desk, "INC-1");
        act::resolve(&desk.as_person(&ada), key("INC-1"), None, "Done").unwrap();
        desk.letters();
        let away = format!(
            "Subject: Out of office\r\nAuto-Submitted: auto-replied\r\nIn-Reply-To: <{}>",
            answer.message_id
        );
        assert_eq!(
            mail(&desk, "carol@contoso.example", &away, "Back on Monday.").verdict,
            Some(Verdict::Automatic)
        );
        assert_eq!(ticket(&desk, "INC-1").state, State::Resolved);
        assert_eq!(
            timeline(&desk, "INC-1").last().unwrap().kind,
            EntryKind::AutomaticMail
        );

        let bounce = format!(
            "From: MAILER-DAEMON@relay.example\r\nSubject: Undelivered\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n--x\r\n\r\nSorry\r\n--x\r\nContent-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822; carol@contoso.example\r\nAction: failed\r\nStatus: 5.1.1\r\n--x\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <{}>\r\n--x--\r\n",
            answer.message_id
        );
        assert_eq!(
            deliver(&desk, Some(""), bounce.as_bytes()).verdict,
            Some(Verdict::Bounce)
        );
        assert_eq!(
            timeline(&desk, "INC-1").last().unwrap().kind,
            EntryKind::DeliveryFailed
        );
        assert_eq!(ticket(&desk, "INC-1").state, State::Resolved);

        let list = mail(
            &desk,
            "news@list.example",
            "Subject: Offer\r\nList-Unsubscribe: <mailto:x@list.example>",
            "Buy!",
        );
        assert_eq!(list.verdict, Some(Verdict::Automatic));
        assert_eq!((tickets(&desk), desk.letters().len()), (1, 0));
    }
);

both_databases!(
    strangers_join_nothing_by_guessing_and_are_answered_once_a_day,
    |desk| {
        contoso(&desk);
        mail(
            &desk,
            "carol@contoso.example",
            "Subject: Uplink down\r\nMessage-ID: <c1@contoso.example>",
            "Since noon.",
        );
        let answer = to(&desk.letters(), "carol@contoso.example").clone();
        take(&desk, "INC-1");
        // A number in the subject, and even a genuine id that was passed on, are no right to speak.
        for (n, head) in [
            "Subject: [INC-1] me too".to_owned(),
            format!("Subject: x\r\nIn-Reply-To: <{}>", answer.message_id),
        ]
        .iter()
        .enumerate()
        {
            let stored = mail(
                &desk,
                "mallory@evil.example",
                &format!("{head}\r\nMessage-ID: <m{n}@evil.example>"),
                "Let me in",
            );
            assert_eq!(stored.verdict, Some(Verdict::JoinRequest));
        }
        assert!(
            timeline(&desk, "INC-1")
                .iter()
                .all(|entry| !entry.body.contains("Let me in"))
        );
        let letters = desk.letters();
        assert_eq!(
            letters
                .iter()
                .filter(|letter| letter.to.as_str() == "ada@watch.example.org")
                .count(),
            2
        );
        assert!(
            letters
                .iter()
                .all(|letter| letter.to.as_str() != "mallory@evil.example")
        );
        // A forged id of ours opens a ticket of its own, marked.
        let forged = answer.message_id.replace("inc-1", "inc-7");
        let stored = mail(
            &desk,
            "mallory@evil.example",
            &format!("Subject: y\r\nIn-Reply-To: <{forged}>"),
            "Hello",
        );
        assert_eq!(
            (stored.verdict, stored.detail.as_str()),
            (Some(Verdict::Opened), "forged")
        );
        mail(&desk, "mallory@evil.example", "Subject: z", "Hello again");
        let answers = desk.letters();
        assert_eq!(
            answers
                .iter()
                .filter(|letter| letter.to.as_str() == "mallory@evil.example")
                .count(),
            1
        );
        // Unanswered, a join request becomes a ticket.
        let before = tickets(&desk);
        desk.advance(31 * 60);
        assert_eq!(tickets(&desk), before + 2);
    }
);

both_databases!(loops_and_blocked_senders_are_held_for_a_person, |desk| {
    let ada = desk.person("Ada", RESPONDER);
    let seal = watchkeeper::domain::seal::Seal::new(desk.app.signing_key);
    let stored = mail(
        &desk,
        "a@b.example",
        &format!("Subject: x\r\nX-Watchkeeper-Loop: {}", seal.loop_mark()),
        "Round",
    );
    assert_eq!(
        (stored.state, stored.held_for),
        (MailState::Held, Some(HeldFor::Loop))
    );
    intake::block(&desk.as_person(&ada), "@spam.example", "offers").unwrap();
    let stored = mail(&desk, "x@mail.spam.example", "Subject: Offer", "Buy");
    assert_eq!(stored.held_for, Some(HeldFor::Blocked));
    assert_eq!((tickets(&desk), desk.letters().len()), (0, 0));
    // A person looks, and lets one in.
    let letter = read_again(&desk, &stored);
    let taken = intake::take_in(&desk.as_person(&ada), stored.id, &letter, "").unwrap();
    assert_eq!((taken.verdict, tickets(&desk)), (Some(Verdict::Opened), 1));
    assert!(intake::take_in(&desk.as_person(&ada), stored.id, &letter, "").is_err());
});

both_databases!(
    a_malformed_mail_becomes_a_ticket_with_the_raw_mail,
    |desk| {
        desk.let_letters_go();
        let stored = deliver(&desk, Some("dan@x.example"), b"\0\xff\xfe no mail at all");
        assert!(
            matches!(stored.verdict, Some(Verdict::Unreadable | Verdict::Opened)),
            "{stored:?}"
        );
        let deep = format!(
            "From: dan@x.example\r\nSubject: deep\r\n{}",
            "Content-Type: message/rfc822\r\n\r\n".repeat(50_000)
        );
        let stored = deliver(&desk, None, deep.as_bytes());
        assert_eq!(stored.verdict, Some(Verdict::Opened));
        let files = desk
            .app
            .store
            .read(|conn| store::blob::attachments(conn, stored.ticket.unwrap()))
            .unwrap();
        assert_eq!(
            files
                .iter()
                .map(|file| file.name.as_str())
                .collect::<Vec<_>>(),
            ["part-1.eml"],
            "an enclosed mail stays closed, however much is in it"
        );
        assert_eq!(tickets(&desk), 2);
    }
);

both_databases!(
    e18_twenty_parallel_deliveries_over_lmtp_are_one_ticket,
    |desk| {
        desk.let_letters_go();
        contoso(&desk);
        let app = Arc::clone(&desk.app);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let socket = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let port = socket.local_addr().unwrap().port();
        let (stop, stops) = tokio::sync::watch::channel(false);
        let listeners = vec![Listener {
            socket,
            dialect: Dialect::Lmtp,
        }];
        let serving = runtime.spawn(smtp::serve(
            app,
            listeners,
            "watch.example.org".to_owned(),
            None,
            stops,
        ));
        let threads: Vec<_> = (0..20)
        .map(|_| {
            std::thread::spawn(move || {
                let stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let mut stream = stream;
                stream
                    .write_all(b"LHLO x\r\nMAIL FROM:<carol@contoso.example>\r\nRCPT TO:<support@watch.example.org>\r\nDATA\r\nFrom: carol@contoso.example\r\nSubject: Uplink down\r\nMessage-ID: <c1@contoso.example>\r\n\r\nSince noon.\r\n.\r\nQUIT\r\n")
                    .unwrap();
                let answers: Vec<String> = lines.by_ref().map_while(Result::ok).collect();
                answers.iter().any(|line| line.starts_with("250 2.0.0 stored"))
            })
        })
        .collect();
        assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
        stop.send(true).unwrap();
        runtime.block_on(serving).unwrap();
        desk.settle();
        assert_eq!(tickets(&desk), 1);
        let ledger = desk
            .app
            .store
            .read(|conn| store::intake::ledger(conn, &LedgerFilter::default(), None, 100))
            .unwrap();
        assert_eq!(
            ledger
                .iter()
                .filter(|mail| mail.verdict == Some(Verdict::Duplicate))
                .count(),
            19
        );
        assert_eq!(ticket(&desk, "INC-1").key.kind, Kind::Incident);
    }
);
