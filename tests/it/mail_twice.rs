//! Mail that comes twice, or looks as if it did: one mail is one message, and two are never taken for one.

use std::sync::Arc;

use watchkeeper::actions::intake;
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::id::{Kind, TicketId};
use watchkeeper::domain::intake::{Verdict, Way};
use watchkeeper::domain::search::Question;
use watchkeeper::domain::timeline::Door;
use watchkeeper::store;
use watchkeeper::store::backend::DatabaseUrl;
use watchkeeper::store::intake::StoredMail;

use crate::both_databases;
use crate::clock_notices::second_node;
use crate::desk::Desk;
use crate::mail::{
    contoso, deliver, deliver_to, mail, read_again, stored, takes_mail, ticket, tickets, timeline,
    to,
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

/// The ticket that a mail stands on.
fn standing(desk: &Desk, mail: &StoredMail) -> String {
    let id = mail.ticket.expect("a ticket");
    let found = desk.app.store.read(|conn| store::ticket::by_id(conn, id));
    found.unwrap().unwrap().key.to_string()
}

both_databases!(
    e13_an_address_whose_rule_asks_for_it_has_a_ticket_of_its_own_of_the_same_mail,
    |desk| {
        contoso(&desk);
        let (support, sales, billing) = (
            "support@watch.example.org",
            "sales@watch.example.org",
            "billing@watch.example.org",
        );
        takes_mail(&desk, support, |_| {});
        takes_mail(&desk, billing, |_| {});
        takes_mail(&desk, sales, |rule| {
            rule.own_ticket = true;
            rule.kind = Kind::Task;
        });
        let raw = |n: u8| {
            format!(
                "From: {CAROL}\r\nTo: {support}\r\nCc: {sales}, {billing}\r\nSubject: Offer {n}\r\nMessage-ID: <o{n}@contoso.example>\r\n\r\nPlease.\r\n"
            )
        };
        let both = [support, sales, billing];

        // One delivery to all: a ticket for those that share, one for the one that doesn't, one answer.
        let one = deliver_to(&desk, Some(CAROL), &both, raw(1).as_bytes());
        assert_eq!(standing(&desk, &one), "INC-1");
        let besides = of(&desk, &one);
        assert_eq!(
            (besides.len(), standing(&desk, &besides[0]).as_str()),
            (1, "TSK-1")
        );
        assert_eq!(besides[0].envelope_to, [sales]);
        assert_eq!(
            timeline(&desk, "TSK-1")[0].body,
            timeline(&desk, "INC-1")[0].body
        );
        assert_eq!(
            ticket(&desk, "TSK-1").requester,
            ticket(&desk, "INC-1").requester
        );
        assert_eq!(links(&desk, "TSK-1"), [ticket(&desk, "INC-1").id]);
        let letters = desk.letters();
        assert_eq!(letters.len(), 1);
        assert!(
            letters[0].subject.contains("INC-1"),
            "{}",
            letters[0].subject
        );
        // Every copy of it that comes again is a copy.
        for to in both {
            let again = deliver_to(&desk, Some(CAROL), &[to], raw(1).as_bytes());
            assert_eq!(again.verdict, Some(Verdict::Duplicate), "{to}");
        }
        assert_eq!((tickets(&desk), desk.letters().len()), (1, 0));

        // A delivery each, whichever comes first.
        for (n, order, incident, task) in [
            (2, [support, sales, billing], "INC-2", "TSK-2"),
            (3, [sales, billing, support], "INC-3", "TSK-3"),
        ] {
            let came: Vec<_> = order
                .iter()
                .map(|to| deliver_to(&desk, Some(CAROL), &[*to], raw(n).as_bytes()))
                .collect();
            let opened: Vec<String> = came
                .iter()
                .filter(|mail| mail.verdict == Some(Verdict::Opened))
                .map(|mail| standing(&desk, mail))
                .collect();
            let mut sorted = opened.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [incident, task], "{order:?}");
            assert_eq!(links(&desk, incident).len(), 1);
            assert_eq!(desk.letters().len(), 1, "one answer");
        }

        // The thread goes on where the mail was answered: a colleague in copy replies to all of it.
        let head = "Subject: Re: Offer 1\r\nMessage-ID: <o1b@contoso.example>\r\nIn-Reply-To: <o1@contoso.example>";
        let reply = mail(&desk, CAROL, head, "And soon.");
        assert_eq!(
            (reply.verdict, reply.ticket),
            (Some(Verdict::Appended), one.ticket)
        );
        // The mail stands behind both entries, and neither row takes the other for a namesake.
        for mail in [&one, &besides[0]] {
            let behind =
                |conn: &mut _| store::mail_found::behind_entries(conn, mail.ticket.unwrap());
            let behind = desk.app.store.read(behind).unwrap();
            assert_eq!(behind.get(&1).map(|it| it.mail), Some(mail.id));
            assert!(namesakes(&desk, mail).is_empty());
        }
        desk.let_letters_go();
        desk.letters();
    }
);

/// The rows of a mail's copies that opened a ticket of their own.
fn of(desk: &Desk, first: &StoredMail) -> Vec<StoredMail> {
    let find = |conn: &mut _| store::mail_twin::with_own_tickets(conn, first.id);
    desk.app.store.read(find).unwrap()
}

fn links(desk: &Desk, of: &str) -> Vec<TicketId> {
    let id = ticket(desk, of).id;
    let links = desk
        .app
        .store
        .read(|conn| store::ticket_link::links(conn, id))
        .unwrap();
    links.into_iter().map(|link| link.other).collect()
}

both_databases!(
    e13_a_mail_held_at_one_address_that_a_person_takes_in_opens_at_the_others_too,
    |desk| {
        desk.let_letters_go();
        contoso(&desk);
        takes_mail(&desk, "support@watch.example.org", |_| {});
        takes_mail(&desk, "sales@watch.example.org", |rule| {
            rule.own_ticket = true
        });
        let raw = b"From: carol@contoso.example\r\nTo: support@watch.example.org\r\nCc: sales@watch.example.org\r\nAuto-Submitted: auto-replied\r\nSubject: Away\r\nMessage-ID: <a1@contoso.example>\r\n\r\nNo.\r\n";
        let first = deliver_to(&desk, Some(CAROL), &["support@watch.example.org"], raw);
        let second = deliver_to(&desk, Some(CAROL), &["sales@watch.example.org"], raw);
        assert_eq!(
            (first.verdict, second.verdict, tickets(&desk)),
            (Some(Verdict::Automatic), Some(Verdict::Duplicate), 0)
        );
        let ada = desk.person("Ada", Roles::of(&[Role::Responder]));
        let letter = read_again(&desk, &first);
        let taken = intake::take_in(&desk.as_person(&ada), first.id, &letter, "").unwrap();
        assert_eq!(standing(&desk, &taken), "INC-1");
        let besides = of(&desk, &first);
        assert_eq!(
            (besides.len(), standing(&desk, &besides[0]).as_str()),
            (1, "INC-2")
        );
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

both_databases!(
    e15_two_nodes_that_decide_about_two_copies_without_an_id_at_once_open_one_ticket,
    |desk| {
        desk.let_letters_go();
        contoso(&desk);
        let nodes = match desk.app.config.database {
            // One process works on an embedded database; its threads are the nodes.
            DatabaseUrl::Sqlite(_) => [Arc::clone(&desk.app), Arc::clone(&desk.app)],
            DatabaseUrl::Postgres(_) => [Arc::clone(&desk.app), second_node(&desk)],
        };
        const ROUNDS: usize = 40;
        for round in 0..ROUNDS {
            // Each by somebody else: no budget of answers holds them.
            let from = format!("alarm{round}@devices.example");
            let raw = format!("From: {from}\r\nSubject: Round {round}\r\n\r\nDisk full.\r\n");
            let reads = nodes.each_ref().map(|node| {
                let to = ["support@watch.example.org".to_owned()];
                let id = intake::accept(node, Way::Lmtp, Some(&from), &to, raw.as_bytes()).unwrap();
                let mail = stored(&desk, id);
                intake::ReadMail {
                    letter: read_again(&desk, &mail),
                    mail,
                    marks: intake::Marks::default(),
                }
            });
            let start = std::sync::Barrier::new(2);
            std::thread::scope(|scope| {
                for (node, read) in nodes.iter().zip(&reads) {
                    let start = &start;
                    scope.spawn(move || {
                        let ctx = node.system("mailbox", Door::Mail);
                        start.wait();
                        intake::settle(&ctx, std::slice::from_ref(read)).unwrap();
                    });
                }
            });
            let mut verdicts = reads
                .each_ref()
                .map(|read| stored(&desk, read.mail.id).verdict);
            verdicts.sort_by_key(|verdict| verdict.map(|it| it.as_str()));
            let wanted = [Some(Verdict::Duplicate), Some(Verdict::Opened)];
            assert_eq!(verdicts, wanted, "round {round}");
        }
        assert_eq!(tickets(&desk), ROUNDS);
    }
);
