//! Which ticket a mail lands on, and what it may do there: the table at the head of the matching rules, case by case.

use watchkeeper::actions::{ticket as act, ticket_merge};
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::id::{TicketId, TicketKey};
use watchkeeper::domain::intake::Verdict;
use watchkeeper::domain::ticket::{Relation, State};
use watchkeeper::store;
use watchkeeper::store::intake::StoredMail;

use crate::both_databases;
use crate::desk::Desk;
use crate::mail::{colleague, contoso, key, mail, take, ticket, tickets, timeline, to};

pub(crate) const CAROL: &str = "carol@contoso.example";
const LEAD: Roles = Roles::of(&[Role::Responder, Role::Lead]);

/// INC-1, opened by Carol's `c1@contoso.example`; the id of our answer to it.
pub(crate) fn opened(desk: &Desk) -> String {
    contoso(desk);
    mail(
        desk,
        CAROL,
        "Subject: Uplink down\r\nMessage-ID: <c1@contoso.example>",
        "Since noon.",
    );
    let answer = to(&desk.letters(), CAROL).message_id.clone();
    // What comes at one instant has no order.
    desk.advance(1);
    answer
}

fn kin(desk: &Desk, of: &str) -> Vec<TicketKey> {
    let id = ticket(desk, of).id;
    desk.app
        .store
        .read(|conn| {
            let kin = store::mail_mark::kin(conn, id)?;
            store::ticket::by_ids(conn, &kin)
        })
        .unwrap()
        .iter()
        .map(|ticket| ticket.key)
        .collect()
}

fn links(desk: &Desk, of: &str) -> Vec<(Relation, TicketId)> {
    let id = ticket(desk, of).id;
    let links = desk
        .app
        .store
        .read(|conn| store::ticket_link::links(conn, id))
        .unwrap();
    links
        .iter()
        .map(|link| (link.relation, link.other))
        .collect()
}

/// The entry that a mail became.
pub(crate) fn entry(desk: &Desk, mail: &StoredMail) -> store::timeline::Recorded {
    let (ticket, seq) = (mail.ticket.unwrap(), mail.entry_seq.unwrap());
    desk.app
        .store
        .read(|conn| store::timeline::by_seq(conn, ticket, seq))
        .unwrap()
        .unwrap()
}

both_databases!(
    e19_either_thread_header_alone_and_one_with_two_ids_find_the_ticket,
    |desk| {
        desk.let_letters_go();
        let answer = opened(&desk);
        for (place, thread) in [
            format!("References: <c1@contoso.example> <{answer}>"),
            format!("In-Reply-To: <{answer}>"),
            format!("In-Reply-To: <else@where.example> <{answer}>"),
            "In-Reply-To: <c1@contoso.example>".to_owned(),
        ]
        .iter()
        .enumerate()
        {
            let head =
                format!("Subject: Re: x\r\nMessage-ID: <r{place}@contoso.example>\r\n{thread}");
            let reply = mail(&desk, CAROL, &head, "More.");
            assert_eq!(reply.verdict, Some(Verdict::Appended), "{thread}");
        }
        assert_eq!(tickets(&desk), 1);
    }
);

both_databases!(
    e20_the_root_or_the_last_id_alone_finds_the_ticket_and_both_are_kept_when_we_write,
    |desk| {
        desk.let_letters_go();
        let answer = opened(&desk);
        for (place, ids) in ["<c1@contoso.example>".to_owned(), format!("<{answer}>")]
            .iter()
            .enumerate()
        {
            let head = format!(
                "Subject: Re: x\r\nMessage-ID: <r{place}@contoso.example>\r\nReferences: {ids}"
            );
            assert_eq!(
                mail(&desk, CAROL, &head, "More.").verdict,
                Some(Verdict::Appended),
                "{ids}"
            );
        }
        desk.advance(1);
        let many: Vec<String> = (0..40).map(|n| format!("<m{n}@contoso.example>")).collect();
        let head = format!(
            "Subject: Re: x\r\nMessage-ID: <last@contoso.example>\r\nReferences: <c1@contoso.example>\r\n {}\r\nIn-Reply-To: <{answer}>",
            many.join("\r\n ")
        );
        assert_eq!(
            mail(&desk, CAROL, &head, "Long.").verdict,
            Some(Verdict::Appended)
        );
        let ada = take(&desk, "INC-1");
        act::reply(&desk.as_person(&ada), key("INC-1"), "Done.", None, None).unwrap();
        let letters = desk.letters();
        let references = &to(&letters, CAROL).references;
        assert_eq!(
            references.first().map(String::as_str),
            Some("c1@contoso.example")
        );
        assert_eq!(
            references.last().map(String::as_str),
            Some("last@contoso.example")
        );
        assert!(references.len() <= 10, "{references:?}");
    }
);

both_databases!(
    e21_a_common_ancestor_that_was_stored_leads_to_its_ticket_and_one_that_was_not_is_a_hint,
    |desk| {
        desk.let_letters_go();
        opened(&desk);
        let thread = "References: <root@contoso.example>\r\nIn-Reply-To: <root@contoso.example>";
        let first = mail(
            &desk,
            "dan@x.example",
            &format!("Subject: Fwd: thread\r\nMessage-ID: <d1@x.example>\r\n{thread}"),
            "One.",
        );
        let second = mail(
            &desk,
            "erin@y.example",
            &format!("Subject: Re: thread\r\nMessage-ID: <e1@y.example>\r\n{thread}"),
            "Two.",
        );
        assert_eq!(
            (first.verdict, second.verdict),
            (Some(Verdict::Opened), Some(Verdict::Opened))
        );
        assert_eq!(kin(&desk, "INC-3"), [key("INC-2")]);
        assert_eq!(kin(&desk, "INC-2"), [key("INC-3")]);
        // Stored, it leads to its ticket, by the table: Erin isn't known there.
        let stored = mail(
            &desk,
            "erin@y.example",
            "Subject: Re: thread\r\nMessage-ID: <e2@y.example>\r\nIn-Reply-To: <c1@contoso.example>",
            "Three.",
        );
        assert_eq!(stored.verdict, Some(Verdict::JoinRequest));
        assert_eq!(stored.ticket, Some(ticket(&desk, "INC-1").id));
    }
);

both_databases!(
    e22_our_answer_refers_to_their_thread_and_their_mail,
    |desk| {
        contoso(&desk);
        let head = "Subject: Uplink\r\nMessage-ID: <c1@contoso.example>\r\nReferences: <r1@contoso.example> <r2@contoso.example>\r\nIn-Reply-To: <r2@contoso.example>";
        mail(&desk, CAROL, head, "Down.");
        let thread = [
            "r1@contoso.example",
            "r2@contoso.example",
            "c1@contoso.example",
        ];
        let letters = desk.letters();
        assert_eq!(to(&letters, CAROL).references, thread);
        let ada = take(&desk, "INC-1");
        act::reply(&desk.as_person(&ada), key("INC-1"), "Up again.", None, None).unwrap();
        let letters = desk.letters();
        let reply = to(&letters, CAROL);
        assert_eq!(reply.references, thread);
        assert_eq!(reply.in_reply_to.as_deref(), Some("c1@contoso.example"));
    }
);

both_databases!(
    e23_outlooks_conversation_alone_matches_nothing_and_is_a_hint,
    |desk| {
        desk.let_letters_go();
        contoso(&desk);
        let index = "AdwBQ0hBTkdFIE1FIFBMRUFTRSBPSzEy";
        let head = |n: u8, subject: &str, tail: &str| {
            format!(
                "Subject: {subject}\r\nMessage-ID: <c{n}@contoso.example>\r\nThread-Index: {index}{tail}"
            )
        };
        mail(&desk, CAROL, &head(1, "Uplink", ""), "Down.");
        let second = mail(&desk, CAROL, &head(2, "RE: Uplink", "AAAAAQ=="), "Still.");
        assert_eq!((second.verdict, tickets(&desk)), (Some(Verdict::Opened), 2));
        assert_eq!(kin(&desk, "INC-2"), [key("INC-1")]);
        let third = mail(
            &desk,
            CAROL,
            &head(3, "RE: [INC-1] Uplink", "AAAAAg=="),
            "Still.",
        );
        assert_eq!(third.verdict, Some(Verdict::Appended));
    }
);

both_databases!(
    e24_prefixes_of_many_languages_are_not_part_of_the_title_and_a_token_behind_them_is_found,
    |desk| {
        desk.let_letters_go();
        opened(&desk);
        let subjects = [
            "AW: WG: Leitung 1",
            "SV: RES: Leitung 2",
            "Antw: Fwd: Leitung 3",
            "=?utf-8?q?=E5=9B=9E=E5=A4=8D=EF=BC=9A?= Leitung 4",
            "Re: RE: re: Leitung 5",
            "Re[2]: Leitung 6",
            "TR : Leitung 7",
        ];
        for (place, subject) in subjects.iter().enumerate() {
            let from = format!("dan{place}@x.example");
            mail(&desk, &from, &format!("Subject: {subject}"), "Text");
            let opened = ticket(&desk, &format!("INC-{}", place + 2));
            assert_eq!(
                opened.title.as_str(),
                format!("Leitung {}", place + 1),
                "{subject}"
            );
        }
        for prefixes in [
            "AW: WG: ",
            "=?utf-8?q?=E5=9B=9E=E5=A4=8D=3A?= Fwd: ",
            "Sv: Re: ",
        ] {
            let found = mail(
                &desk,
                CAROL,
                &format!("Subject: {prefixes}[inc-1] Uplink"),
                prefixes,
            );
            assert_eq!(found.verdict, Some(Verdict::Appended), "{prefixes}");
        }
    }
);

both_databases!(
    e25_a_token_in_the_subject_needs_a_sender_who_is_known_to_the_ticket,
    |desk| {
        desk.let_letters_go();
        opened(&desk);
        colleague(&desk, CAROL, "Dave", "dave@contoso.example");
        let before = timeline(&desk, "INC-1").len();
        for (from, verdict) in [
            ("dave@contoso.example", Verdict::JoinRequest),
            ("mallory@evil.example", Verdict::JoinRequest),
        ] {
            let asked = mail(&desk, from, "Subject: Re: [INC-1] Uplink", "Me too");
            assert_eq!(asked.verdict, Some(verdict), "{from}");
            assert_eq!(timeline(&desk, "INC-1").len(), before, "{from}");
        }
        let known = mail(&desk, CAROL, "Subject: Re: [INC-1] Uplink", "Still");
        assert_eq!(known.verdict, Some(Verdict::Appended));
    }
);

both_databases!(e26_another_systems_numbers_match_nothing, |desk| {
    desk.let_letters_go();
    opened(&desk);
    for subject in [
        "[#1] your order",
        "Invoice INC-1",
        "Invoice RE-1 (1)",
        "[INC-01] x",
        "#INC-1",
    ] {
        let taken = mail(&desk, CAROL, &format!("Subject: {subject}"), subject);
        assert_eq!(taken.verdict, Some(Verdict::Opened), "{subject}");
    }
    assert_eq!(tickets(&desk), 6);
});

both_databases!(e27_a_token_in_the_body_alone_matches_nothing, |desk| {
    desk.let_letters_go();
    let answer = opened(&desk);
    let body = format!(
        "See below.\r\n\r\n> Subject: [INC-1] Uplink\r\n> Message-ID: <{answer}>\r\n> In-Reply-To: <{answer}>"
    );
    let taken = mail(&desk, CAROL, "Subject: Fwd: status", &body);
    assert_eq!((taken.verdict, tickets(&desk)), (Some(Verdict::Opened), 2));
});

both_databases!(
    e28_of_two_tokens_our_newest_id_decides_and_without_one_a_new_ticket_links_to_both,
    |desk| {
        desk.let_letters_go();
        let first = opened(&desk);
        mail(
            &desk,
            CAROL,
            "Subject: Printer\r\nMessage-ID: <c2@contoso.example>",
            "Smokes.",
        );
        let second = to(&desk.letters(), CAROL).message_id.clone();
        let subject = "Subject: Re: [INC-1] and [INC-2]";
        let head =
            format!("{subject}\r\nMessage-ID: <c3@contoso.example>\r\nIn-Reply-To: <{second}>");
        let decided = mail(&desk, CAROL, &head, "Printer again");
        assert_eq!(decided.verdict, Some(Verdict::Appended));
        assert_eq!(decided.ticket, Some(ticket(&desk, "INC-2").id));
        // Both are ours: the later letter decides, whichever ticket it is of.
        let ada = take(&desk, "INC-1");
        act::reply(&desk.as_person(&ada), key("INC-1"), "Looking.", None, None).unwrap();
        let third = to(&desk.letters(), CAROL).message_id.clone();
        for (place, (ids, of)) in [
            (format!("<{first}> <{second}>"), "INC-2"),
            (format!("<{first}> <{second}> <{third}>"), "INC-1"),
        ]
        .iter()
        .enumerate()
        {
            let head = format!(
                "{subject}\r\nMessage-ID: <n{place}@contoso.example>\r\nReferences: <c1@contoso.example> {ids}"
            );
            let decided = mail(&desk, CAROL, &head, "Newest");
            assert_eq!(decided.verdict, Some(Verdict::Appended), "{ids}");
            assert_eq!(decided.ticket, Some(ticket(&desk, of).id), "{ids}");
        }
        let head = format!("{subject}\r\nMessage-ID: <c4@contoso.example>");
        let both = mail(&desk, CAROL, &head, "Both again");
        assert_eq!(both.verdict, Some(Verdict::Opened));
        let mut linked = links(&desk, "INC-3");
        linked.sort_by_key(|(_, id)| *id);
        let mut expected = ["INC-1", "INC-2"].map(|it| (Relation::RelatedTo, ticket(&desk, it).id));
        expected.sort_by_key(|(_, id)| *id);
        assert_eq!(linked, expected);
    }
);

both_databases!(
    e29_a_reply_to_a_merged_ticket_goes_where_it_goes_on_and_whoever_was_known_is_known_there,
    |desk| {
        desk.let_letters_go();
        let answer = opened(&desk);
        colleague(&desk, CAROL, "Dave", "dave@contoso.example");
        mail(
            &desk,
            "dave@contoso.example",
            "Subject: Line dead\r\nMessage-ID: <d1@contoso.example>",
            "Also here.",
        );
        let ada = desk.person("Ada", LEAD);
        ticket_merge::merge(
            &desk.as_person(&ada),
            key("INC-1"),
            None,
            key("INC-2"),
            "same",
        )
        .unwrap();
        for head in [
            format!("Subject: Re: x\r\nMessage-ID: <c2@contoso.example>\r\nIn-Reply-To: <{answer}>"),
            "Subject: Re: x\r\nMessage-ID: <c3@contoso.example>\r\nIn-Reply-To: <c1@contoso.example>".to_owned(),
            "Subject: [INC-1] x\r\nMessage-ID: <c4@contoso.example>".to_owned(),
        ] {
            let reply = mail(&desk, CAROL, &head, "More");
            assert_eq!(reply.verdict, Some(Verdict::Appended), "{head}");
            assert_eq!(reply.ticket, Some(ticket(&desk, "INC-2").id), "{head}");
        }
    }
);

both_databases!(
    e30_a_reply_reopens_until_the_ticket_closes_and_then_opens_a_linked_one,
    |desk| {
        desk.let_letters_go();
        let answer = opened(&desk);
        let ada = take(&desk, "INC-1");
        act::resolve(&desk.as_person(&ada), key("INC-1"), None, "Card replaced").unwrap();
        desk.advance(6 * 86_400);
        let reply = |n: u8| {
            format!(
                "Subject: Re: x\r\nMessage-ID: <r{n}@contoso.example>\r\nIn-Reply-To: <{answer}>"
            )
        };
        mail(&desk, CAROL, &reply(1), "Still down.");
        assert_eq!(ticket(&desk, "INC-1").state, State::InProgress);
        act::resolve(&desk.as_person(&ada), key("INC-1"), None, "Again").unwrap();
        desk.advance(8 * 86_400);
        let late = mail(&desk, CAROL, &reply(2), "Down again.");
        assert_eq!(late.verdict, Some(Verdict::Opened));
        assert_eq!(ticket(&desk, "INC-1").state, State::Closed);
        assert_eq!(
            links(&desk, "INC-2"),
            [(Relation::Follows, ticket(&desk, "INC-1").id)]
        );
    }
);

both_databases!(
    e31_a_reply_under_a_new_subject_stays_on_its_ticket_and_says_so,
    |desk| {
        desk.let_letters_go();
        let answer = opened(&desk);
        let head = |n: u8, subject: &str| {
            format!(
                "Subject: {subject}\r\nMessage-ID: <r{n}@contoso.example>\r\nIn-Reply-To: <{answer}>"
            )
        };
        let reply = mail(
            &desk,
            CAROL,
            &head(1, "Re: [INC-1] We have your message"),
            "More.",
        );
        assert_eq!(entry(&desk, &reply).facts.get("new_topic"), None);
        let other = mail(&desk, CAROL, &head(2, "Printer on floor 3"), "It smokes.");
        assert_eq!(other.verdict, Some(Verdict::Appended));
        assert_eq!(
            entry(&desk, &other).facts.get("new_topic"),
            Some("Printer on floor 3")
        );
    }
);

both_databases!(
    e32_unrelated_mails_that_share_a_providers_id_are_not_joined,
    |desk| {
        desk.let_letters_go();
        contoso(&desk);
        for place in 0..5 {
            let head = format!(
                "Subject: Case {place}\r\nMessage-ID: <m{place}@x.example>\r\nReferences: <shared@provider.example>\r\nIn-Reply-To: <shared@provider.example>"
            );
            let taken = mail(&desk, &format!("dan{place}@x.example"), &head, "Text");
            assert_eq!(taken.verdict, Some(Verdict::Opened));
        }
        assert_eq!(tickets(&desk), 5);
        // On so many tickets it isn't even a hint.
        assert_eq!(kin(&desk, "INC-5"), []);
    }
);
