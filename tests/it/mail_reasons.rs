//! What became of a mail, and why: the address that decided, the pointer that led to its ticket, who its sender is to it and what our
//! relay says of them; what is held is seen by whoever handles mail; and what comes back finds its letter by its address alone.

use watchkeeper::actions::ticket as act;
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::intake::Verdict;
use watchkeeper::domain::text::EmailAddress;
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::store::people::Holder;

use crate::both_databases;
use crate::mail::{contoso, deliver, deliver_to, key, mail, ticket, tickets, timeline, to};
use crate::mail_senders::{CAROL, says, vouched_for};
use crate::served::Served;
use crate::visitor::Visitor;

both_databases!(what_decided_about_a_mail_stands_beside_it, |desk| {
    desk.let_letters_go();
    contoso(&desk);
    crate::mail::takes_mail(&desk, "support@watch.example.org", |_| {});
    let first = mail(
        &desk,
        CAROL,
        "Subject: Uplink\r\nMessage-ID: <c1@contoso.example>",
        "Down.",
    );
    let letters = desk.letters();
    let answer = to(&letters, CAROL);
    let thread = format!(
        "Subject: Re: Uplink\r\nIn-Reply-To: <{}>\r\nMessage-ID: <c2@contoso.example>",
        answer.message_id
    );
    let second = mail(&desk, CAROL, &thread, "Still down.");
    assert_eq!(second.verdict, Some(Verdict::Appended));
    for (fact, value) in [
        ("route", "support@watch.example.org"),
        ("route_place", "envelope"),
        ("clue", "signed"),
        ("pointer_place", "in_reply_to"),
        ("pointer", answer.message_id.as_str()),
        ("key", "INC-1"),
        ("standing", "known"),
        ("proof", "unproven"),
    ] {
        assert_eq!(second.because.get(fact), Some(value), "{fact}");
    }

    let served = Served::new(&desk.app);
    let bob = desk.person("Bob", Roles::of(&[Role::Responder]));
    let bob = Visitor::logged_in(&served, &desk.app, Holder::Person(bob.id));
    let page = bob.get(&format!("/mail/in/{}", first.id)).text;
    assert!(page.contains("nothing in it leads to a ticket"), "{page}");
    let page = bob.get(&format!("/mail/in/{}", second.id)).text;
    for said in [
        "it came to support@watch.example.org (envelope)",
        "is signed for INC-1",
        "the sender is known to that ticket",
        "not verified",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    // From each entry that came by mail one click leads to it.
    let room = bob.get("/INC-1").text;
    for id in [first.id, second.id] {
        assert!(room.contains(&format!("href=\"/mail/in/{id}\"")), "{room}");
    }
    let dan = desk.person("Dan", Roles::of(&[Role::Viewer]));
    let dan = Visitor::logged_in(&served, &desk.app, Holder::Person(dan.id));
    assert!(!dan.get("/INC-1").text.contains("/mail/in/"));
});

both_databases!(
    e43_a_customers_address_that_its_own_domain_disowns_is_no_customers,
    |desk| {
        let desk = vouched_for(desk);
        desk.let_letters_go();
        contoso(&desk);
        mail(
            &desk,
            CAROL,
            "Subject: Uplink\r\nMessage-ID: <c1@contoso.example>",
            "Down.",
        );
        let letters = desk.letters();
        let answer = to(&letters, CAROL).message_id.clone();
        let fails = says("fail").replace(
            "header.from=watch.example.org",
            "header.from=contoso.example",
        );
        let before = timeline(&desk, "INC-1").len();
        let forged = mail(
            &desk,
            CAROL,
            &format!("{fails}\r\nSubject: Re: [INC-1] Uplink\r\nMessage-ID: <e1@evil.example>"),
            "Close it.",
        );
        assert_eq!(forged.verdict, Some(Verdict::JoinRequest));
        assert_eq!(timeline(&desk, "INC-1").len(), before);
        // Who has the signed id has seen our letter; that the domain disowns it stands beside it.
        let signed = mail(
            &desk,
            CAROL,
            &format!(
                "{fails}\r\nSubject: Re: Uplink\r\nIn-Reply-To: <{answer}>\r\nMessage-ID: <e2@contoso.example>"
            ),
            "By a list.",
        );
        assert_eq!(signed.verdict, Some(Verdict::Appended));
        let served = Served::new(&desk.app);
        let bob = desk.person("Bob", Roles::of(&[Role::Responder]));
        let bob = Visitor::logged_in(&served, &desk.app, Holder::Person(bob.id));
        assert!(
            bob.get("/INC-1")
                .text
                .contains("isn&#39;t from them (DMARC)")
        );
        for id in [forged.id, signed.id] {
            let page = bob.get(&format!("/mail/in/{id}")).text;
            assert!(page.contains("forged, says the sender"), "{page}");
        }
    }
);

both_databases!(
    of_a_blocked_senders_mails_the_first_of_a_day_is_seen_and_the_others_wait_in_silence,
    |desk| {
        desk.let_letters_go();
        crate::mail::takes_mail(&desk, "support@watch.example.org", |_| {});
        let served = Served::new(&desk.app);
        let bob = desk.person("Bob", Roles::of(&[Role::Responder]));
        let ctx = desk.as_person(&bob);
        for pattern in ["spam@x.example", "@offers.example"] {
            watchkeeper::actions::intake::block(&ctx, pattern, "spam").unwrap();
        }
        let bob = Visitor::logged_in(&served, &desk.app, Holder::Person(bob.id));
        let held = |from: &str, n: u8| {
            let head = format!("Subject: Buy {n}\r\nMessage-ID: <{n}@x.example>");
            let held = mail(&desk, from, &head, "x");
            assert_eq!(held.verdict, Some(Verdict::Held));
            held
        };
        let band = |text: Option<&str>| {
            let page = bob.get("/").text;
            let shown = page.split_once("aria-label=\"Mail is held\"");
            let shown = shown.map(|(_, rest)| rest.split("</div>").next().unwrap());
            assert_eq!(shown.is_some(), text.is_some(), "{shown:?}");
            assert!(
                shown.unwrap_or_default().contains(text.unwrap_or_default()),
                "{shown:?}"
            );
        };
        band(None);
        let first = held("spam@x.example", 1);
        band(Some("One mail is held"));
        let second = held("spam@x.example", 2);
        assert_eq!((first.is_quiet, second.is_quiet), (false, true));
        band(Some("One mail is held"));
        // A block of a whole domain is one, whoever writes from there.
        for (n, from) in [(3, "a@offers.example"), (4, "b@mail.offers.example")] {
            held(from, n);
        }
        band(Some("2 mails are held"));
        let ledger = bob.get("/mail/in?show=held").text;
        for n in 1..=4 {
            assert!(
                ledger.contains(&format!("Buy {n}<")),
                "all are there: {ledger}"
            );
        }
        // Somebody looks: that was it for the day, for this sender.
        assert_eq!(
            bob.post(&format!("/mail/in/{}/drop", first.id), &[]).status,
            303
        );
        band(Some("One mail is held"));
        desk.advance(23 * 3_600);
        assert!(held("spam@x.example", 5).is_quiet);
        band(Some("One mail is held"));
        desk.advance(2 * 3_600);
        assert!(!held("spam@x.example", 6).is_quiet);
        band(Some("2 mails are held"));
        assert_eq!(tickets(&desk), 0);
        // Nobody is written to, at no hour.
        assert!(desk.letters().is_empty());
    }
);

both_databases!(what_is_held_is_seen_on_every_page, |desk| {
    desk.let_letters_go();
    crate::mail::takes_mail(&desk, "support@watch.example.org", |_| {});
    let served = Served::new(&desk.app);
    let bob = desk.person("Bob", Roles::of(&[Role::Responder]));
    let bob = Visitor::logged_in(&served, &desk.app, Holder::Person(bob.id));
    let band = "One mail is held";
    let own = deliver(
        &desk,
        None,
        b"From: support@watch.example.org\r\nTo: support@watch.example.org\r\nSubject: x\r\nMessage-ID: <l@x.example>\r\n\r\nx\r\n",
    );
    assert_eq!(own.verdict, Some(Verdict::Held), "{own:?}");
    assert!(bob.get("/").text.contains(band));
    let dropped = bob.post(&format!("/mail/in/{}/drop", own.id), &[]);
    assert_eq!(dropped.status, 303);
    assert!(!bob.get("/").text.contains(band));
    assert_eq!(tickets(&desk), 0);
});

both_databases!(
    e60_a_bounce_with_nothing_of_ours_in_it_finds_its_letter_by_its_address,
    |desk| {
        desk.let_letters_go();
        contoso(&desk);
        mail(
            &desk,
            CAROL,
            "Subject: Uplink\r\nMessage-ID: <c1@contoso.example>",
            "Down.",
        );
        let bob = desk.person("Bob", Roles::of(&[Role::Responder]));
        desk.letters();
        act::reply(&desk.as_person(&bob), key("INC-1"), "On it.", None, None).unwrap();
        let letters = desk.letters();
        let reply = to(&letters, CAROL);
        let back: EmailAddress = reply.bounces_to.clone().expect("an address of its own");
        assert_ne!(Some(back.as_str()), reply.reply_to.as_deref());
        assert!(!ticket(&desk, "INC-1").awaits_us);
        let odd = "From: MAILER-DAEMON@relay.example\r\nSubject: Undelivered Mail Returned to Sender\r\n\r\nHi. This is the mail system. 550 5.1.1 No such user here.\r\n";
        let bounce = deliver_to(&desk, Some(""), &[back.as_str()], odd.as_bytes());
        assert_eq!(
            (bounce.verdict, bounce.ticket),
            (Some(Verdict::Bounce), Some(ticket(&desk, "INC-1").id))
        );
        // The answer never arrived: it is owed again, and the event names whom it didn't reach.
        assert!(ticket(&desk, "INC-1").awaits_us);
        let events = timeline(&desk, "INC-1");
        let failed = events
            .iter()
            .find(|entry| entry.kind == EntryKind::DeliveryFailed)
            .unwrap();
        assert_eq!(failed.facts.get("to"), Some(CAROL));
        // Nobody makes such an address without our key.
        let (local, domain) = back.as_str().split_once('@').expect("an address");
        let (head, signature) = local.rsplit_once('.').expect("a signature");
        let other: String = signature.chars().rev().collect();
        let other = format!("{head}.{other}@{domain}");
        let strange = deliver_to(
            &desk,
            Some(""),
            &[&other],
            odd.replace("Hi.", "Ho.").as_bytes(),
        );
        assert_eq!(
            (strange.verdict, strange.ticket),
            (Some(Verdict::Bounce), None)
        );
        // Ours without its brackets is known too.
        let bare = format!(
            "From: MAILER-DAEMON@relay.example\r\nSubject: Undelivered Mail Returned to Sender\r\n\r\n550 5.1.1 no such user, message {} was lost\r\n",
            reply.message_id
        );
        let bare = deliver_to(
            &desk,
            Some(""),
            &["support@watch.example.org"],
            bare.as_bytes(),
        );
        assert_eq!(bare.ticket, Some(ticket(&desk, "INC-1").id));
    }
);

both_databases!(
    e39_a_form_is_known_by_the_return_path_where_no_envelope_is_handed_over,
    |desk| {
        desk.let_letters_go();
        crate::mail::takes_mail(&desk, "support@watch.example.org", |_| {});
        let form = "Return-Path: <www@web.example>\r\nFrom: Form <support@watch.example.org>\r\nSubject: Contact\r\nMessage-ID: <f1@web.example>\r\n\r\nPlease call.\r\n";
        let taken = deliver(&desk, None, form.as_bytes());
        assert_eq!(taken.verdict, Some(Verdict::Opened), "{taken:?}");
        assert_eq!(ticket(&desk, "INC-1").requester_address, None);
        // By its own envelope it is ours that came back.
        let ours = form
            .replace("www@web.example", "support@watch.example.org")
            .replace("f1@", "f2@");
        assert_eq!(
            deliver(&desk, None, ours.as_bytes()).verdict,
            Some(Verdict::Held)
        );
    }
);
