//! Letters that go out: threaded, tried again, and truthful about what nobody knows.

use watchkeeper::actions::{intake, ticket as act};
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::delivery::DeliveryState;
use watchkeeper::domain::intake::Way;
use watchkeeper::domain::outgoing::Handover;
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::store;

use crate::both_databases;
use crate::desk::Desk;
use crate::mail::{contoso, key, mail, take, timeline, to};

both_databases!(
    a_public_reply_goes_out_threaded_and_a_refused_one_is_seen,
    |desk| {
        contoso(&desk);
        mail(
            &desk,
            "carol@contoso.example",
            "Subject: Uplink down\r\nMessage-ID: <c1@contoso.example>",
            "Since noon.",
        );
        let ada = take(&desk, "INC-1");
        act::reply(
            &desk.as_person(&ada),
            key("INC-1"),
            "We replaced the card.",
            None,
            None,
        )
        .unwrap();
        let letters = desk.letters();
        let reply = to(&letters, "carol@contoso.example");
        assert!(
            reply.text.contains("We replaced the card.") && reply.text.contains("Ada wrote"),
            "{}",
            reply.text
        );
        assert_eq!(
            (reply.in_reply_to.as_deref(), reply.references.as_slice()),
            (
                Some("c1@contoso.example"),
                &["c1@contoso.example".to_owned()][..]
            )
        );
        assert!(
            reply
                .headers
                .iter()
                .all(|(name, _)| *name != "Auto-Submitted")
        );

        desk.relay_answers(Handover::Refused("550 5.1.1 no such user".to_owned()));
        act::reply(
            &desk.as_person(&ada),
            key("INC-1"),
            "Is it well now?",
            None,
            None,
        )
        .unwrap();
        // Whoever has it hears that the answer never arrived.
        let told = desk.letters();
        assert!(
            matches!(told.as_slice(), [one] if one.to.as_str() == "ada@watch.example.org"),
            "{told:?}"
        );
        let kinds: Vec<_> = timeline(&desk, "INC-1")
            .iter()
            .map(|entry| entry.kind)
            .collect();
        assert!(
            kinds.ends_with(&[EntryKind::DeliveryFailed, EntryKind::Unsatisfied]),
            "{kinds:?}"
        );
        let dead = desk
            .app
            .store
            .read(|conn| store::outbox::page(conn, Some(DeliveryState::Dead), None, 10))
            .unwrap();
        watchkeeper::actions::outbox::replay(&desk.as_person(&ada), dead[0].id).unwrap();
        assert_eq!(
            to(&desk.letters(), "carol@contoso.example").message_id,
            seal_id(&desk, &dead[0])
        );
    }
);

fn seal_id(desk: &Desk, delivery: &store::outbox::Delivery) -> String {
    let seal = watchkeeper::domain::seal::Seal::new(desk.app.signing_key);
    seal.message_id(delivery.id.uuid(), Some(key("INC-1")), "watch.example.org")
}

both_databases!(
    a_relay_that_is_down_is_tried_again_and_nothing_is_sent_twice,
    |desk| {
        contoso(&desk);
        for _ in 0..3 {
            desk.relay_answers(Handover::Deferred("connection refused".to_owned()));
        }
        mail(
            &desk,
            "carol@contoso.example",
            "Subject: Uplink down\r\nMessage-ID: <c1@contoso.example>",
            "Since noon.",
        );
        let mut sent = desk.letters();
        for secs in [14, 1, 30, 60] {
            assert!(sent.is_empty(), "{sent:?}");
            desk.advance(secs);
            sent = desk.letters();
        }
        assert_eq!(sent.len(), 1);
        // After an unknown outcome a letter isn't repeated: it may have arrived.
        desk.relay_answers(Handover::Unsure("reset by peer".to_owned()));
        mail(
            &desk,
            "carol@contoso.example",
            "Subject: Second\r\nMessage-ID: <c9@contoso.example>",
            "Again.",
        );
        assert_eq!(desk.letters().len(), 1);
        desk.advance(86_400);
        assert!(desk.letters().is_empty());
        let unsure = desk
            .app
            .store
            .read(|conn| store::outbox::count(conn, DeliveryState::Unsure))
            .unwrap();
        assert_eq!(unsure, 1);
    }
);

both_databases!(a_crash_during_the_hand_over_leaves_it_unsure, |desk| {
    contoso(&desk);
    let to = ["support@watch.example.org".to_owned()];
    let raw = b"From: carol@contoso.example\r\nSubject: x\r\nMessage-ID: <c1@contoso.example>\r\n\r\ny\r\n";
    intake::accept(
        &desk.app,
        Way::Lmtp,
        Some("carol@contoso.example"),
        &to,
        raw,
    )
    .unwrap();
    // The mailbox job ran; the process dies right after it wrote that a try begins.
    for job in watchkeeper::jobs::ALL
        .iter()
        .filter(|job| job.name == "mailbox")
    {
        (job.run)(&desk.app).unwrap();
    }
    let ctx = desk
        .app
        .system("outbox", watchkeeper::domain::timeline::Door::Clock);
    let leased =
        watchkeeper::actions::outbox::lease(&ctx, "letters@this", 0..i16::MAX, 10).unwrap();
    assert_eq!(leased.len(), 1);
    let begin = || watchkeeper::actions::outbox::begin(&ctx, &leased[0], "id@x").unwrap();
    assert_eq!(begin(), Some(1));
    // A second hand that leased it too long ago finds it begun, and sends nothing.
    assert_eq!(begin(), None);
    desk.advance(600);
    assert!(desk.letters().is_empty());
    let delivery = desk
        .app
        .store
        .read(|conn| store::outbox::by_id(conn, leased[0].id))
        .unwrap()
        .unwrap();
    assert_eq!(delivery.state, DeliveryState::Unsure);
});

both_databases!(
    a_dead_letter_is_found_and_sent_again_in_the_browser,
    |desk| {
        contoso(&desk);
        let ada = desk.person("Ada", Roles::of(&[Role::Responder]));
        desk.relay_answers(Handover::Refused("550 no such mailbox".to_owned()));
        mail(
            &desk,
            "carol@contoso.example",
            "Subject: Uplink down\r\nMessage-ID: <c1@contoso.example>",
            "Since noon.",
        );
        assert_eq!(desk.letters(), []);
        let served = crate::served::Served::new(&desk.app);
        let holder = watchkeeper::store::people::Holder::Person(ada.id);
        let browser = crate::visitor::Visitor::logged_in(&served, &desk.app, holder);
        let list = browser.get("/mail/out?state=dead").text;
        assert!(list.contains("550 no such mailbox"), "{list}");
        let (_, id) = list
            .split_once("href=\"/mail/out/")
            .expect("the dead letter");
        let place = format!("/mail/out/{}", id.split('"').next().unwrap());
        let page = browser.get(&place).text;
        assert!(
            page.contains("carol@contoso.example") && page.contains("550 no such mailbox"),
            "{page}"
        );
        let replay = format!("{place}/replay");
        assert!(page.contains(&format!("action=\"{replay}\"")), "{page}");
        assert_eq!(browser.post(&replay, &[]).status, 303);
        to(&desk.letters(), "carol@contoso.example");
        let page = browser.get(&place).text;
        assert!(!page.contains(&replay), "it got there: {page}");
        assert_ne!(
            browser.post(&replay, &[]).status,
            303,
            "and isn't sent once more"
        );
        assert_eq!(desk.letters(), []);
    }
);
