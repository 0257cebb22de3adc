//! Who wrote a mail: shown as it was written, believed as far as anybody vouches for it, and never refused.

use std::sync::Arc;

use watchkeeper::actions::{customer as customers, intake};
use watchkeeper::domain::access::{Reach, Role, Roles};
use watchkeeper::domain::intake::{HeldFor, MailState, Verdict};
use watchkeeper::domain::people::ContactDetails;
use watchkeeper::domain::text::EmailAddress;
use watchkeeper::domain::timeline::{Actor, EntryKind};
use watchkeeper::error::Error;
use watchkeeper::store;
use watchkeeper::store::people::Holder;

use crate::both_databases;
use crate::desk::Desk;
use crate::mail::{
    colleague, contoso, customer, deliver, mail, take, takes_mail, ticket, tickets, timeline, to,
};
use crate::served::Served;
use crate::visitor::Visitor;

pub(crate) const CAROL: &str = "carol@contoso.example";
const RESPONDER: Roles = Roles::of(&[Role::Responder]);
const LEAD: Roles = Roles::of(&[Role::Responder, Role::Lead, Role::Admin]);
/// The name by which the relay of these stories signs.
const RELAY: &str = "mx.watch.example.org";

/// How a page marks an entry whose writer nobody vouches for, and one whose domain disowns it.
pub(crate) const UNVERIFIED: &str = "<span class=\"tag\">not verified</span>";
pub(crate) const DISOWNED: &str = "isn&#39;t from them (DMARC)";

/// The page of a ticket, as one of ours sees it.
pub(crate) fn room_of(desk: &Desk, key: &str) -> String {
    let reader = desk.person(&format!("Reader-{key}"), RESPONDER);
    let served = Served::new(&desk.app);
    let reader = Visitor::logged_in(&served, &desk.app, Holder::Person(reader.id));
    reader.get(&format!("/{key}")).text
}

/// A house whose relay looks at DMARC.
pub(crate) fn vouched_for(mut desk: Desk) -> Desk {
    let app = Arc::get_mut(&mut desk.app).expect("nobody else has it yet");
    app.config.mail_auth_relay = Some(RELAY.to_owned());
    desk
}

pub(crate) fn says(verdict: &str) -> String {
    format!("Authentication-Results: {RELAY};\r\n\tdmarc={verdict} header.from=watch.example.org")
}

both_databases!(
    e38_every_shape_of_a_sender_is_taken_shown_as_written_and_unverified,
    |desk| {
        desk.let_letters_go();
        let rows = [
            ("From:", "noc@x.example"),
            ("X-None: y", "noc@x.example"),
            ("From: a@b.example, c@d.example", "a@b.example"),
            ("From: Crew: a@b.example, c@d.example;", "a@b.example"),
            ("From: undisclosed:;\r\nSender: s@b.example", "s@b.example"),
            ("Sender: s@b.example", "s@b.example"),
            ("From: foo <foo@bar.example", "foo@bar.example"),
            (
                "From: \"John\" Doe\" <john@bar.example>",
                "john@bar.example",
            ),
            ("From: M\u{fc}ller", "Müller"),
            ("From: a@b.example\r\nReply-To: John Doe", "a@b.example"),
            ("From: a@b.example\r\nTo: <<nobody", "a@b.example"),
        ];
        for (place, (head, shown)) in rows.iter().enumerate() {
            let raw = format!("{head}\r\nSubject: Case {place}\r\n\r\nText {place}\r\n");
            let taken = deliver(&desk, Some("noc@x.example"), raw.as_bytes());
            assert_eq!(taken.verdict, Some(Verdict::Opened), "{head}");
            let opened = &timeline(&desk, &format!("INC-{}", place + 1))[0];
            assert_eq!(opened.actor, Actor::Stranger, "{head}");
            assert!(
                opened.actor_name.contains(shown),
                "{head}: {}",
                opened.actor_name
            );
        }
        let nobody = deliver(&desk, Some("not an address"), b"Subject: x\r\n\r\nText\r\n");
        assert_eq!(nobody.verdict, Some(Verdict::Opened));
        let nobody = deliver(&desk, None, b"Subject: y\r\n\r\nText\r\n");
        assert_eq!(nobody.verdict, Some(Verdict::Opened));
        let last = format!("INC-{}", rows.len() + 2);
        assert_eq!(timeline(&desk, &last)[0].actor_name, "unknown sender");
    }
);

both_databases!(
    e39_a_form_that_writes_as_us_is_its_reply_tos_and_without_one_nobodys,
    |desk| {
        takes_mail(&desk, "support@watch.example.org", |_| {});
        let form = |reply_to: &str, n: u8| {
            format!(
                "From: Form <support@watch.example.org>\r\n{reply_to}Subject: Contact {n}\r\nMessage-ID: <f{n}@web.example>\r\n\r\nPlease call.\r\n"
            )
        };
        let filled = deliver(
            &desk,
            Some("www@web.example"),
            form("Reply-To: dan@x.example\r\n", 1).as_bytes(),
        );
        assert_eq!(filled.verdict, Some(Verdict::Opened));
        assert_eq!(
            ticket(&desk, "INC-1").requester_address.as_deref(),
            Some("dan@x.example")
        );
        let opened = &timeline(&desk, "INC-1")[0];
        assert_eq!(opened.actor, Actor::Stranger);
        assert!(
            opened.actor_name.contains("dan@x.example"),
            "{}",
            opened.actor_name
        );
        to(&desk.letters(), "dan@x.example");
        let anonymous = deliver(&desk, Some("www@web.example"), form("", 2).as_bytes());
        assert_eq!(anonymous.verdict, Some(Verdict::Opened));
        assert_eq!(ticket(&desk, "INC-2").requester_address, None);
        // Nobody is answered: least of all ourselves.
        assert!(desk.letters().is_empty());
        // Whoever filled it in says who they are, and nobody vouches for it.
        contoso(&desk);
        let named = format!("Reply-To: {CAROL}\r\n");
        deliver(&desk, Some("www@web.example"), form(&named, 3).as_bytes());
        assert!(ticket(&desk, "INC-3").requester.is_some());
        assert!(room_of(&desk, "INC-3").contains(UNVERIFIED));
        let direct = mail(&desk, CAROL, "Subject: By herself", "Text");
        assert_eq!(direct.verdict, Some(Verdict::Opened));
        assert!(!room_of(&desk, "INC-4").contains(UNVERIFIED));
        assert_eq!(desk.letters().len(), 2);
    }
);

both_databases!(
    e40_the_address_in_angle_brackets_decides_and_the_name_is_shown_beside_it,
    |desk| {
        desk.let_letters_go();
        contoso(&desk);
        for (place, (from, address)) in [
            (
                "\"carol@contoso.example\" <mallory@evil.example>",
                Some("mallory@evil.example"),
            ),
            (
                "J\u{fc}rgen <j\u{fc}rgen@b\u{fc}cher.example>",
                Some("jürgen@bücher.example"),
            ),
            ("Ops <ops team@x.example>", None),
        ]
        .iter()
        .enumerate()
        {
            let raw = format!("From: {from}\r\nSubject: Case {place}\r\n\r\nText {place}\r\n");
            let taken = deliver(&desk, None, raw.as_bytes());
            assert_eq!(taken.verdict, Some(Verdict::Opened), "{from}");
            if let Some(address) = address {
                assert_eq!(taken.from_address.as_deref(), Some(*address), "{from}");
            }
            let opened = &timeline(&desk, &format!("INC-{}", place + 1))[0];
            assert_eq!(opened.actor, Actor::Stranger, "{from}");
            let name = from
                .split(['"', '<'])
                .find(|it| !it.trim().is_empty())
                .unwrap();
            assert!(
                opened.actor_name.contains(name.trim()),
                "{}",
                opened.actor_name
            );
        }
    }
);

both_databases!(
    e41_mail_from_our_own_intake_address_makes_nobody_and_is_held_as_a_loop,
    |desk| {
        takes_mail(&desk, "support@watch.example.org", |_| {});
        for own in [
            "support@watch.example.org",
            "support+billing@watch.example.org",
        ] {
            let raw = format!("From: {own}\r\nSubject: {own}\r\n\r\nRound\r\n");
            for envelope in [Some(own), None] {
                let taken = deliver(&desk, envelope, raw.as_bytes());
                let is_held =
                    (taken.state, taken.held_for) == (MailState::Held, Some(HeldFor::Loop));
                assert!(
                    is_held || taken.verdict == Some(Verdict::Duplicate),
                    "{taken:?}"
                );
            }
            let address = EmailAddress::parse(own).unwrap();
            let holder = desk
                .app
                .store
                .read(|conn| store::people::holder(conn, &address))
                .unwrap();
            assert_eq!(holder, None);
        }
        assert_eq!((tickets(&desk), desk.letters().len()), (0, 0));
    }
);

both_databases!(
    e42_case_makes_no_other_person_and_a_tag_or_a_sub_domain_does,
    |desk| {
        desk.let_letters_go();
        contoso(&desk);
        let of_contoso = ticket_of(&desk, "CAROL@Contoso.Example");
        assert!(of_contoso.requester.is_some() && of_contoso.customer.is_some());
        for stranger in ["carol+x@contoso.example", "carol@mail.contoso.example"] {
            let opened = ticket_of(&desk, stranger);
            assert_eq!(
                (opened.requester, opened.customer),
                (None, None),
                "{stranger}"
            );
        }
        // A domain rule makes whoever writes from there the customer's.
        let customer = of_contoso.customer.unwrap();
        let mut known = desk
            .app
            .store
            .read(|conn| store::customer::by_id(conn, customer))
            .unwrap()
            .unwrap();
        known.domains = vec!["contoso.example".to_owned()];
        desk.app
            .store
            .write(|tx| store::customer::update(tx, &mut known.clone()))
            .unwrap();
        let opened = ticket_of(&desk, "dave@mail.contoso.example");
        assert_eq!((opened.requester, opened.customer), (None, Some(customer)));
    }
);

/// The ticket that a mail from here opens.
fn ticket_of(desk: &Desk, from: &str) -> watchkeeper::domain::ticket::Ticket {
    let taken = mail(desk, from, &format!("Subject: From {from}"), "Text");
    assert_eq!(taken.verdict, Some(Verdict::Opened), "{from}");
    let id = taken.ticket.unwrap();
    desk.app
        .store
        .read(|conn| store::ticket::by_id(conn, id))
        .unwrap()
        .unwrap()
}

both_databases!(
    e43_somebody_who_writes_as_one_of_ours_and_fails_dmarc_has_no_more_rights_than_a_stranger,
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
        let answer = to(&desk.letters(), CAROL).message_id.clone();
        take(&desk, "INC-1");
        let before = timeline(&desk, "INC-1").len();
        let ada = "ada@watch.example.org";
        let thread = format!("Subject: Re: [INC-1] x\r\nIn-Reply-To: <{answer}>");
        for (place, head) in [
            format!("{}\r\n{thread}", says("fail")),
            // Nobody looked: the token alone proves nothing either.
            "Subject: Re: [INC-1] x".to_owned(),
        ]
        .iter()
        .enumerate()
        {
            let head = format!("{head}\r\nMessage-ID: <s{place}@evil.example>");
            let spoofed = mail(&desk, ada, &head, "Close it");
            assert_eq!(spoofed.verdict, Some(Verdict::JoinRequest), "{head}");
            assert_eq!(timeline(&desk, "INC-1").len(), before);
        }
        let genuine = mail(
            &desk,
            ada,
            &format!(
                "{}\r\n{thread}\r\nMessage-ID: <a1@watch.example.org>",
                says("pass")
            ),
            "Card is in the post",
        );
        assert_eq!(genuine.verdict, Some(Verdict::Appended));
        let note = timeline(&desk, "INC-1").last().cloned().unwrap();
        assert_eq!(
            (note.kind, note.actor_name.as_str()),
            (EntryKind::Note, "Ada")
        );
        assert!(note.actor.person().is_some() && note.facts.get("unverified").is_none());
        // Without a result a signed id shows that the mail was seen; who sent it stays open, and the entry says so.
        let unproven = mail(
            &desk,
            ada,
            &format!("{thread}\r\nMessage-ID: <a2@watch.example.org>"),
            "On my phone",
        );
        assert_eq!(unproven.verdict, Some(Verdict::Appended));
        let note = timeline(&desk, "INC-1").last().cloned().unwrap();
        assert_eq!(
            (note.actor.clone(), note.facts.get("unverified")),
            (Actor::Stranger, Some("yes"))
        );
        // A ticket of its own says as much as an answer does.
        let head = format!(
            "{}\r\nSubject: Pay here\r\nMessage-ID: <s9@evil.example>",
            says("fail")
        );
        let forged = mail(&desk, ada, &head, "Now");
        assert_eq!(forged.verdict, Some(Verdict::Opened));
        let opened = &timeline(&desk, "INC-2")[0];
        assert_eq!(
            (opened.actor.clone(), opened.facts.get("refuted")),
            (Actor::Stranger, Some("yes"))
        );
        let room = room_of(&desk, "INC-2");
        assert!(
            room.contains(DISOWNED) && room.contains(UNVERIFIED),
            "{room}"
        );
        let (ours, theirs) = (
            "header.from=watch.example.org",
            "header.from=contoso.example",
        );
        let head = says("fail").replace(ours, theirs);
        mail(
            &desk,
            CAROL,
            &format!("{head}\r\nSubject: Pay there"),
            "Now",
        );
        let room = room_of(&desk, "INC-3");
        assert!(room.contains(DISOWNED), "{room}");
    }
);

both_databases!(
    e44_of_several_results_only_the_topmost_of_our_relay_counts,
    |desk| {
        let desk = vouched_for(desk);
        desk.let_letters_go();
        desk.person("Ada", RESPONDER);
        let ada = "ada@watch.example.org";
        let other =
            "Authentication-Results: evil.example; dmarc=pass header.from=watch.example.org";
        for (place, (results, is_proven)) in [
            (format!("{other}\r\n{}", says("pass")), true),
            (format!("{}\r\n{}", says("fail"), says("pass")), false),
            (other.to_owned(), false),
        ]
        .iter()
        .enumerate()
        {
            let taken = mail(
                &desk,
                ada,
                &format!("{results}\r\nSubject: Case {place}"),
                "Text",
            );
            assert_eq!(taken.verdict, Some(Verdict::Opened), "{results}");
            let opened = &timeline(&desk, &format!("INC-{}", place + 1))[0];
            assert_eq!(opened.actor.person().is_some(), *is_proven, "{results}");
        }
    }
);

both_databases!(e45_control_headers_of_others_do_nothing, |desk| {
    desk.let_letters_go();
    takes_mail(&desk, "support@watch.example.org", |_| {});
    let head = "X-Watchkeeper-Loop: guessed\r\nX-Watchkeeper-Severity: disaster\r\nX-Ticket: INC-7\r\nX-Queue: admin\r\nX-Priority: 1\r\nX-Auto-Response-Suppress-Not: x\r\nSubject: Hello";
    let taken = mail(&desk, "dan@x.example", head, "severity: disaster");
    assert_eq!(taken.verdict, Some(Verdict::Opened));
    let opened = ticket(&desk, "INC-1");
    assert_eq!(opened.severity.map(|it| it.as_str()), Some("average"));
    assert_eq!((opened.owner, opened.service), (None, None));
});

both_databases!(
    e46_where_a_list_is_a_way_in_to_us_its_authors_mail_is_a_persons_and_other_lists_are_automatic,
    |desk| {
        desk.let_letters_go();
        contoso(&desk);
        takes_mail(&desk, "ops@lists.example", |rule| rule.takes_list = true);
        let by_list = |list: &str, author: &str, n: u8| {
            format!(
                "From: Carol via Ops <{list}>\r\nTo: {list}\r\n{author}\r\nList-Id: <ops.lists.example>\r\nPrecedence: list\r\nSubject: Uplink {n}\r\nMessage-ID: <l{n}@contoso.example>\r\n\r\nDown.\r\n"
            )
        };
        for (n, author) in [
            (1, "X-Original-From: Carol <carol@contoso.example>"),
            (2, "Reply-To: Carol <carol@contoso.example>"),
        ] {
            let raw = by_list("ops@lists.example", author, n);
            let taken = deliver(&desk, Some("bounces@lists.example"), raw.as_bytes());
            assert_eq!(taken.verdict, Some(Verdict::Opened), "{author}");
            assert_eq!(taken.from_address.as_deref(), Some(CAROL), "{author}");
            let key = format!("INC-{n}");
            assert!(ticket(&desk, &key).requester.is_some(), "{author}");
            // The list says that it was Carol.
            assert!(room_of(&desk, &key).contains(UNVERIFIED), "{author}");
        }
        let raw = by_list("news@lists.example", "Reply-To: carol@contoso.example", 3);
        let taken = deliver(&desk, Some("bounces@lists.example"), raw.as_bytes());
        assert_eq!(
            (taken.verdict, tickets(&desk)),
            (Some(Verdict::Automatic), 2)
        );
    }
);

both_databases!(
    e47_a_customers_mail_that_one_of_ours_passes_on_is_the_customers_if_our_relay_vouches_for_ours,
    |desk| {
        let desk = vouched_for(desk);
        desk.let_letters_go();
        contoso(&desk);
        desk.person("Ada", RESPONDER);
        let body = "Please take this.\r\n\r\n---------- Forwarded message ---------\r\nFrom: Carol <carol@contoso.example>\r\nDate: Mon, 1 Jun 2026\r\nSubject: Uplink\r\nTo: ada@watch.example.org\r\n\r\nIt is down.";
        let ada = "ada@watch.example.org";
        mail(
            &desk,
            ada,
            &format!("{}\r\nSubject: Fwd: Uplink", says("pass")),
            body,
        );
        let opened = ticket(&desk, "INC-1");
        assert!(opened.requester.is_some() && opened.customer.is_some());
        let first = &timeline(&desk, "INC-1")[0];
        assert_eq!(first.actor_name, "Carol (passed on by Ada)");
        assert!(room_of(&desk, "INC-1").contains(UNVERIFIED));
        to(&desk.letters(), CAROL);

        mail(&desk, ada, "Subject: Fwd: Uplink again", body);
        let opened = ticket(&desk, "INC-2");
        assert_eq!(
            (opened.requester, opened.requester_address.as_deref()),
            (None, Some(ada))
        );
    }
);

both_databases!(
    e48_a_deactivated_contact_is_a_stranger_and_a_blocked_one_is_held_and_not_answered,
    |desk| {
        desk.let_letters_go();
        contoso(&desk);
        let ada = desk.person("Ada", LEAD);
        mail(
            &desk,
            CAROL,
            "Subject: Uplink\r\nMessage-ID: <c1@contoso.example>",
            "Down.",
        );
        let answer = to(&desk.letters(), CAROL).message_id.clone();
        let opened = ticket(&desk, "INC-1");
        customers::set_contact_active(
            &desk.as_person(&ada),
            opened.customer.unwrap(),
            opened.requester.unwrap(),
            false,
        )
        .unwrap();
        let head = format!(
            "Subject: Re: x\r\nMessage-ID: <c2@contoso.example>\r\nIn-Reply-To: <{answer}>"
        );
        let reply = mail(&desk, CAROL, &head, "Still.");
        assert_eq!(
            (reply.verdict, reply.detail.as_str()),
            (Some(Verdict::JoinRequest), "unknown")
        );
        let new = mail(
            &desk,
            CAROL,
            "Subject: Other\r\nMessage-ID: <c3@contoso.example>",
            "New.",
        );
        let new = new.ticket.unwrap();
        let new = desk
            .app
            .store
            .read(|conn| store::ticket::by_id(conn, new))
            .unwrap()
            .unwrap();
        assert_eq!((new.requester, new.customer), (None, None));
        desk.letters();

        intake::block(&desk.as_person(&ada), CAROL, "gone").unwrap();
        let held = mail(
            &desk,
            CAROL,
            "Subject: Third\r\nMessage-ID: <c4@contoso.example>",
            "Hello?",
        );
        assert_eq!(
            (held.state, held.held_for),
            (MailState::Held, Some(HeldFor::Blocked))
        );
        assert!(
            desk.letters()
                .iter()
                .all(|letter| letter.to.as_str() != CAROL)
        );
    }
);

both_databases!(e49_wildcards_in_an_address_match_nobody_else, |desk| {
    desk.let_letters_go();
    contoso(&desk);
    colleague(&desk, CAROL, "Ann", "a_b@contoso.example");
    assert!(ticket_of(&desk, "a_b@contoso.example").requester.is_some());
    for other in [
        "axb@contoso.example",
        "%@contoso.example",
        "c%@contoso.example",
        "_arol@contoso.example",
    ] {
        assert_eq!(ticket_of(&desk, other).requester, None, "{other}");
    }
    let ada = desk.person("Ada", LEAD);
    intake::block(&desk.as_person(&ada), "%@contoso.example", "odd").unwrap();
    let taken = mail(&desk, CAROL, "Subject: Still free", "Text");
    assert_eq!(taken.verdict, Some(Verdict::Opened));
    let listed = desk
        .app
        .store
        .read(|conn| {
            let filter = store::intake::LedgerFilter {
                sender: Some("_arol@contoso.example".to_owned()),
                ..Default::default()
            };
            store::intake::ledger(conn, &filter, None, 10)
        })
        .unwrap();
    assert_eq!(listed.len(), 1);
});

both_databases!(
    e50_an_address_belongs_to_one_person_and_whoever_gives_it_to_a_second_hears_whose_it_is,
    |desk| {
        contoso(&desk);
        let ada = desk.person("Ada", LEAD);
        let frank = customer(&desk, "Fabrikam", "Frank", "frank@fabrikam.example");
        let fabrikam = desk
            .app
            .store
            .read(|conn| store::people::contact(conn, frank))
            .unwrap()
            .unwrap()
            .customer_id;
        let details = ContactDetails {
            name: "Second Carol".to_owned(),
            email: EmailAddress::parse("CAROL@contoso.example").unwrap(),
            phone: None,
            zone: None,
            reach: Reach::Own,
        };
        let refused =
            customers::add_contact(&desk.as_person(&ada), fabrikam, &details).unwrap_err();
        let Error::Invalid(fields) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(fields[0].problem, "address-taken");
        assert!(
            format!("{:?}", fields[0]).contains("\"Carol\""),
            "{:?}",
            fields[0]
        );
        let email = EmailAddress::parse(CAROL).unwrap();
        let holder = desk
            .app
            .store
            .read(|conn| store::people::holder(conn, &email))
            .unwrap();
        assert!(matches!(holder, Some(Holder::Contact(id)) if id != frank));
    }
);
