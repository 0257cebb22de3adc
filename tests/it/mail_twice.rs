//! Mail that comes twice, or looks as if it did: one mail is one message, and two are never taken for one.

use watchkeeper::domain::intake::Verdict;
use watchkeeper::domain::search::Question;
use watchkeeper::store;
use watchkeeper::store::intake::StoredMail;

use crate::both_databases;
use crate::desk::Desk;
use crate::mail::{
    contoso, deliver, deliver_to, mail, stored, takes_mail, ticket, tickets, timeline, to,
};

const CAROL: &str = "carol@contoso.example";

/// How many mails that stand on no timeline the search finds by these words.
pub fn found(desk: &Desk, words: &str) -> usize {
    let question = Question::parse(words);
    let find = |conn: &mut _| store::search::find_mail(conn, &question, 10);
    desk.app.store.read(find).unwrap().len()
}

both_databases!(e12_the_same_mail_twice_in_one_mailbox_is_one, |desk| {
    contoso(&desk);
    let head = "Subject: Uplink down\r\nMessage-ID: <c1@contoso.example>";
    let first = mail(&desk, CAROL, head, "Since noon.");
    to(&desk.letters(), CAROL);
    let relayed = format!("Received: by relay\r\nX-Spam: no\r\n{head}");
    let again = mail(&desk, CAROL, &relayed, "Since noon.");
    assert_eq!(again.verdict, Some(Verdict::Duplicate));
    assert_eq!(again.duplicate_of, Some(first.id));
    assert_eq!((again.ticket, again.entry_seq), (first.ticket, Some(1)));
    assert_eq!((tickets(&desk), desk.letters().len()), (1, 0));
});

both_databases!(
    e13_one_mail_to_two_of_our_addresses_is_one_ticket_with_both_routes_and_one_answer,
    |desk| {
        contoso(&desk);
        for address in ["support@watch.example.org", "sales@watch.example.org"] {
            takes_mail(&desk, address, |_| {});
        }
        let raw = b"From: carol@contoso.example\r\nTo: support@watch.example.org\r\nCc: sales@watch.example.org\r\nSubject: Uplink down\r\nMessage-ID: <c1@contoso.example>\r\n\r\nSince noon.\r\n";
        let first = deliver_to(&desk, Some(CAROL), &["support@watch.example.org"], raw);
        let second = deliver_to(&desk, Some(CAROL), &["sales@watch.example.org"], raw);
        assert_eq!(
            (first.verdict, second.verdict),
            (Some(Verdict::Opened), Some(Verdict::Duplicate))
        );
        assert_eq!((tickets(&desk), second.ticket), (1, first.ticket));
        let routes = desk
            .app
            .store
            .read(|conn| store::mail_twin::copies_came_to(conn, first.id))
            .unwrap();
        assert_eq!(routes, ["sales@watch.example.org"]);
        assert_eq!(desk.letters().len(), 1);
    }
);

fn namesakes(desk: &Desk, of: &StoredMail) -> Vec<watchkeeper::domain::id::MailId> {
    desk.app
        .store
        .read(|conn| store::mail_twin::under_the_same_id(conn, of))
        .unwrap()
}

both_databases!(
    e14_different_mails_with_one_message_id_are_both_kept_and_flagged_and_the_id_joins_nothing,
    |desk| {
        desk.let_letters_go();
        contoso(&desk);
        let head = |subject: &str| format!("Subject: {subject}\r\nMessage-ID: <1@broken.example>");
        let one = mail(&desk, CAROL, &head("Uplink down"), "Since noon.");
        let two = mail(&desk, CAROL, &head("Printer"), "It smokes.");
        assert_eq!(
            (one.verdict, two.verdict),
            (Some(Verdict::Opened), Some(Verdict::Opened))
        );
        assert_eq!(namesakes(&desk, &one), [two.id]);
        assert_eq!(namesakes(&desk, &two), [one.id]);
        let reply =
            "Subject: Re: Uplink\r\nMessage-ID: <2@x.example>\r\nIn-Reply-To: <1@broken.example>";
        let reply = mail(&desk, CAROL, reply, "Which?");
        assert_eq!((reply.verdict, tickets(&desk)), (Some(Verdict::Opened), 3));
    }
);

both_databases!(
    e15_without_a_message_id_equal_bytes_are_one_mail_for_a_day,
    |desk| {
        desk.let_letters_go();
        contoso(&desk);
        for (place, id) in [
            "",
            "Message-ID:\r\n",
            "Message-ID:   \r\n",
            "Message-ID: <>\r\n",
        ]
        .iter()
        .enumerate()
        {
            let raw = format!("From: {CAROL}\r\n{id}Subject: no id {place}\r\n\r\nHello\r\n");
            for (wait, verdict) in [
                (0, Verdict::Opened),
                (86_000, Verdict::Duplicate),
                (86_500, Verdict::Opened),
            ] {
                desk.advance(wait);
                let taken = deliver(&desk, Some(CAROL), raw.as_bytes());
                assert_eq!(taken.verdict, Some(verdict), "{id:?} after {wait}");
            }
        }
        assert_eq!(tickets(&desk), 8);
    }
);

both_databases!(
    e16_strange_message_ids_are_taken_once_and_a_long_one_is_not_echoed,
    |desk| {
        contoso(&desk);
        let long = format!("<{}@contoso.example>", "x".repeat(1_500));
        let longer = format!("<{}@contoso.example>", "ü".repeat(3_000));
        let rows = [
            (long.as_str(), None),
            (longer.as_str(), None),
            ("<a b c@contoso.example>", Some("abc@contoso.example")),
            ("bare@contoso.example", Some("bare@contoso.example")),
            (
                "(made by hand) <d@contoso.example> (really)",
                Some("d@contoso.example"),
            ),
            ("no-at-sign-7", Some("no-at-sign-7")),
        ];
        for (place, (id, echoed)) in rows.iter().enumerate() {
            let head = format!("Subject: strange {place}\r\nMessage-ID: {id}");
            let first = mail(&desk, CAROL, &head, "Hello");
            assert_eq!(first.verdict, Some(Verdict::Opened), "{id:.40}");
            let letters = desk.letters();
            let answer = to(&letters, CAROL);
            assert_eq!(answer.in_reply_to.as_deref(), *echoed, "{id:.40}");
            assert_eq!(
                answer.references.len(),
                usize::from(echoed.is_some()),
                "{id:.40}"
            );
            let again = mail(&desk, CAROL, &head, "Hello");
            assert_eq!(again.verdict, Some(Verdict::Duplicate), "{id:.40}");
        }
    }
);

both_databases!(
    e17_a_direct_copy_decides_that_it_is_no_list_mail_whichever_comes_first,
    |desk| {
        contoso(&desk);
        let raw = |n: u8| {
            format!(
                "From: {CAROL}\r\nTo: ops@lists.example\r\nCc: support@watch.example.org\r\nSubject: Uplink {n}\r\nMessage-ID: <c{n}@contoso.example>\r\n\r\nDown.\r\n"
            )
        };
        let listed = |n: u8| {
            format!(
                "List-Id: <ops.lists.example>\r\nPrecedence: list\r\n{}",
                raw(n)
            )
        };
        let by_list = deliver(
            &desk,
            Some("ops-bounces@lists.example"),
            listed(1).as_bytes(),
        );
        assert_eq!(
            (by_list.verdict, tickets(&desk)),
            (Some(Verdict::Automatic), 0)
        );
        assert_eq!(found(&desk, "uplink"), 1);
        let direct = deliver(&desk, Some(CAROL), raw(1).as_bytes());
        assert_eq!(direct.verdict, Some(Verdict::Opened));
        let by_list = stored(&desk, by_list.id);
        assert_eq!(by_list.verdict, Some(Verdict::Duplicate));
        assert_eq!(by_list.duplicate_of, Some(direct.id));
        assert_eq!(found(&desk, "uplink"), 0, "it stands on the ticket");
        to(&desk.letters(), CAROL);

        let direct = deliver(&desk, Some(CAROL), raw(2).as_bytes());
        let by_list = deliver(
            &desk,
            Some("ops-bounces@lists.example"),
            listed(2).as_bytes(),
        );
        assert_eq!(
            (direct.verdict, by_list.verdict),
            (Some(Verdict::Opened), Some(Verdict::Duplicate))
        );
        to(&desk.letters(), CAROL);
        assert_eq!(tickets(&desk), 2);
        assert_eq!(ticket(&desk, "INC-1").title.as_str(), "Uplink 1");
        assert_eq!(timeline(&desk, "INC-1")[0].body, "Down.");
    }
);
