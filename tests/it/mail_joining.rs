//! Who may write to a ticket by mail, and what happens to whoever may not: the right-hand columns of the matching table.

use watchkeeper::actions::{intake, ticket as act};
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::intake::Verdict;
use watchkeeper::domain::seal::Seal;
use watchkeeper::domain::text::EmailAddress;
use watchkeeper::domain::timeline::{Audience, EntryKind};
use watchkeeper::store;
use watchkeeper::store::intake::StoredMail;
use watchkeeper::store::people::Holder;

use crate::both_databases;
use crate::desk::Desk;
use crate::mail::{
    colleague, contoso, customer, deliver, deliver_to, key, mail, read_again, stored, take,
    takes_mail, ticket, tickets, timeline, to,
};
use crate::mail_threading::{CAROL, entry, opened};
use crate::mail_twice::found;
use crate::served::Served;
use crate::visitor::Visitor;

const LEAD: Roles = Roles::of(&[Role::Responder, Role::Lead]);

both_databases!(
    e33_one_of_ours_who_has_two_of_our_boxes_in_copy_makes_one_ticket_and_gets_no_answer,
    |desk| {
        contoso(&desk);
        desk.person("Ada", LEAD);
        for address in ["support@watch.example.org", "sales@watch.example.org"] {
            takes_mail(&desk, address, |_| {});
        }
        let raw = b"From: Ada <ada@watch.example.org>\r\nTo: carol@contoso.example\r\nCc: support@watch.example.org, sales@watch.example.org\r\nSubject: Visit on Monday\r\nMessage-ID: <a1@watch.example.org>\r\n\r\nWe come at nine.\r\n";
        let from = Some("ada@watch.example.org");
        let first = deliver_to(&desk, from, &["sales@watch.example.org"], raw);
        let second = deliver_to(&desk, from, &["support@watch.example.org"], raw);
        assert_eq!(
            (first.verdict, second.verdict),
            (Some(Verdict::Opened), Some(Verdict::Duplicate))
        );
        assert_eq!((tickets(&desk), desk.letters().len()), (1, 0));
        // Carol was written to: her reply to all is no stranger's.
        let reply = b"From: carol@contoso.example\r\nTo: ada@watch.example.org\r\nCc: support@watch.example.org\r\nSubject: Re: Visit on Monday\r\nMessage-ID: <c1@contoso.example>\r\nIn-Reply-To: <a1@watch.example.org>\r\n\r\nFine.\r\n";
        let reply = deliver_to(&desk, Some(CAROL), &["support@watch.example.org"], reply);
        assert_eq!(reply.verdict, Some(Verdict::Appended));
        assert_eq!((tickets(&desk), desk.letters().len()), (1, 0));
    }
);

both_databases!(
    e34_whoever_the_requesters_mail_names_in_copy_may_reply_to_all_and_others_ask_to_join,
    |desk| {
        desk.let_letters_go();
        contoso(&desk);
        mail(
            &desk,
            CAROL,
            "Cc: Dan <Dan@partner.example>\r\nSubject: Uplink\r\nMessage-ID: <c1@contoso.example>",
            "Down.",
        );
        for (place, (from, verdict)) in [
            ("dan@partner.example", Verdict::Appended),
            ("erin@partner.example", Verdict::JoinRequest),
        ]
        .iter()
        .enumerate()
        {
            let head = format!(
                "Cc: {CAROL}\r\nSubject: Re: Uplink\r\nMessage-ID: <d{place}@partner.example>\r\nIn-Reply-To: <c1@contoso.example>"
            );
            assert_eq!(
                mail(&desk, from, &head, "Here too.").verdict,
                Some(*verdict),
                "{from}"
            );
        }
        assert_eq!(tickets(&desk), 1);
    }
);

both_databases!(
    e35_an_answer_to_a_letter_of_ours_for_staff_stays_among_staff,
    |desk| {
        desk.let_letters_go();
        let answer = opened(&desk);
        take(&desk, "INC-1");
        let head = format!(
            "Subject: Re: x\r\nMessage-ID: <r1@contoso.example>\r\nIn-Reply-To: <{answer}>"
        );
        let reply = mail(&desk, CAROL, &head, "More.");
        assert!(matches!(
            entry(&desk, &reply).audience,
            Audience::Customer(_)
        ));
        let letters = desk.letters();
        let notice = to(&letters, "ada@watch.example.org");
        let head = format!(
            "Subject: Re: {}\r\nMessage-ID: <r2@contoso.example>\r\nIn-Reply-To: <{}>",
            notice.subject, notice.message_id
        );
        let passed_on = mail(&desk, CAROL, &head, "Ada sent me this.");
        assert_eq!(passed_on.verdict, Some(Verdict::Appended));
        assert_eq!(entry(&desk, &passed_on).audience, Audience::Internal);
    }
);

both_databases!(
    e36_the_counterparts_number_is_remembered_both_ways_for_those_who_are_known,
    |desk| {
        desk.let_letters_go();
        contoso(&desk);
        mail(
            &desk,
            CAROL,
            "Subject: [OPS-412] Uplink down\r\nMessage-ID: <c1@contoso.example>",
            "Since noon.",
        );
        let later = mail(
            &desk,
            CAROL,
            "Subject: (OPS-412) has a new comment\r\nMessage-ID: <c2@contoso.example>",
            "Anything new?",
        );
        assert_eq!(
            (later.verdict, tickets(&desk)),
            (Some(Verdict::Appended), 1)
        );
        let stranger = mail(
            &desk,
            "dan@x.example",
            "Subject: [OPS-412] me too",
            "Let me in",
        );
        assert_eq!(
            (stranger.verdict, tickets(&desk)),
            (Some(Verdict::Opened), 2)
        );
        let ada = take(&desk, "INC-1");
        act::reply(&desk.as_person(&ada), key("INC-1"), "Done.", None, None).unwrap();
        let letters = desk.letters();
        let subject = &to(&letters, CAROL).subject;
        assert!(
            subject.starts_with("[INC-1] ") && subject.contains("[OPS-412]"),
            "{subject}"
        );
    }
);

both_databases!(
    e37_ids_and_addresses_of_another_installation_open_a_flagged_ticket_even_for_the_requester,
    |desk| {
        desk.let_letters_go();
        opened(&desk);
        takes_mail(&desk, "support@watch.example.org", |_| {});
        let other = Seal::new([9; 32]);
        let id = other.message_id(
            uuid::Uuid::from_u128(7),
            Some(key("INC-1")),
            "watch.example.org",
        );
        let intake = EmailAddress::parse("support@watch.example.org").unwrap();
        let address = other.reply_address(&intake, '+', key("INC-1"));
        for (n, raw) in [
            format!("To: support@watch.example.org\r\nSubject: Re: [INC-1] Uplink\r\nIn-Reply-To: <{id}>"),
            format!("To: {address}\r\nSubject: Re: [INC-1] Uplink"),
            "To: support+inc-1@watch.example.org\r\nSubject: Re: [INC-1] Uplink".to_owned(),
        ]
        .iter()
        .enumerate()
        {
            let raw = format!("From: {CAROL}\r\n{raw}\r\nMessage-ID: <n{n}@contoso.example>\r\n\r\nHello\r\n");
            let taken = deliver(&desk, Some(CAROL), raw.as_bytes());
            assert_eq!(
                (taken.verdict, taken.detail.as_str()),
                (Some(Verdict::Opened), "forged"),
                "{raw}"
            );
            let flagged = desk
                .app
                .store
                .read(|conn| store::mail_twin::has_forged(conn, taken.ticket.unwrap()))
                .unwrap();
            assert!(flagged, "{raw}");
        }
        assert_eq!(tickets(&desk), 4);
        // A token at somebody else's address is theirs.
        let raw = format!(
            "From: {CAROL}\r\nTo: support@watch.example.org\r\nCc: desk+inc-1.abc@elsewhere.example\r\nSubject: Re: [INC-1] Uplink\r\n\r\nHello\r\n"
        );
        let taken = deliver(&desk, Some(CAROL), raw.as_bytes());
        assert_eq!(taken.verdict, Some(Verdict::Appended));
    }
);

both_databases!(
    e_signed_ids_of_the_same_customer_are_appended_as_new_on_the_ticket_and_give_no_view,
    |desk| {
        desk.let_letters_go();
        let answer = opened(&desk);
        let dave = colleague(&desk, CAROL, "Dave", "dave@contoso.example");
        let head = format!(
            "Subject: Re: x\r\nMessage-ID: <d1@contoso.example>\r\nIn-Reply-To: <{answer}>"
        );
        let reply = mail(&desk, "dave@contoso.example", &head, "Carol passed it on.");
        assert_eq!(
            (reply.verdict, reply.detail.as_str()),
            (Some(Verdict::Appended), "newcomer")
        );
        assert_eq!(entry(&desk, &reply).facts.get("newcomer"), Some("yes"));
        let watchers = desk
            .app
            .store
            .read(|conn| store::ticket::watchers(conn, reply.ticket.unwrap()))
            .unwrap();
        assert!(!watchers.contains(&store::ticket::Watcher::Contact(dave)));
    }
);

both_databases!(
    a_request_to_join_what_nobody_has_is_told_to_whoever_leads,
    |desk| {
        desk.let_letters_go();
        let answer = opened(&desk);
        desk.person("Lea", Roles::of(&[Role::Lead]));
        desk.person("Rob", Roles::of(&[Role::Responder]));
        let head =
            format!("Subject: Re: x\r\nMessage-ID: <x@evil.example>\r\nIn-Reply-To: <{answer}>");
        let asked = mail(&desk, "mallory@evil.example", &head, "Me too");
        assert_eq!(asked.verdict, Some(Verdict::JoinRequest));
        let told = desk.letters();
        let told: Vec<&str> = told.iter().map(|letter| letter.to.as_str()).collect();
        assert_eq!(told, ["lea@watch.example.org"]);
    }
);

both_databases!(
    e_a_join_request_changes_nothing_until_a_person_answers_and_its_clock_began_at_its_receipt,
    |desk| {
        desk.let_letters_go();
        let answer = opened(&desk);
        customer(&desk, "Fabrikam", "Frank", "frank@fabrikam.example");
        let ada = take(&desk, "INC-1");
        let ask = |n: u8| {
            let head = format!(
                "Subject: Re: x\r\nMessage-ID: <f{n}@fabrikam.example>\r\nIn-Reply-To: <{answer}>"
            );
            mail(&desk, "frank@fabrikam.example", &head, "Me too")
        };
        let before = (ticket(&desk, "INC-1"), timeline(&desk, "INC-1").len());
        let watching = watchers(&desk);
        let (accepted, refused) = (ask(1), ask(2));
        assert_eq!(accepted.detail, "other_customer");
        // As long as it stands on no timeline, the search finds the mail itself.
        assert_eq!(found(&desk, "me too"), 2);
        // Only lists know that somebody is to decide about something on it.
        let mut asked = ticket(&desk, "INC-1");
        assert_eq!(Some(asked.due.at), accepted.join_due_at);
        asked.due = before.0.due.clone();
        assert_eq!((asked, timeline(&desk, "INC-1").len()), before);
        let letters = desk.letters();
        assert!(
            letters
                .iter()
                .all(|letter| letter.to.as_str() == "ada@watch.example.org")
        );
        assert_eq!(letters.len(), 2);

        desk.advance(300);
        let answer_join = |mail: &StoredMail, accept| {
            intake::answer_join(
                &desk.as_person(&ada),
                mail.id,
                &read_again(&desk, mail),
                accept,
            )
            .unwrap()
        };
        let accepted = answer_join(&accepted, true);
        assert_eq!(entry(&desk, &accepted).effective_at, accepted.received_at);
        assert_eq!(entry(&desk, &accepted).kind, EntryKind::CustomerMessage);
        assert_eq!(
            entry(&desk, &accepted).audience,
            Audience::Internal,
            "Contoso doesn't read what Fabrikam wrote"
        );
        let refused = answer_join(&refused, false);
        let own = ticket(&desk, "INC-2");
        assert_eq!(
            (refused.ticket, own.impact_at),
            (Some(own.id), refused.received_at)
        );
        assert_eq!(found(&desk, "me too"), 0);
        // Let in once, they are known here; they still see nothing of it.
        assert_eq!(ask(3).verdict, Some(Verdict::Appended));
        assert_eq!(watchers(&desk), watching);

        let unanswered = mail(
            &desk,
            "mallory@evil.example",
            &format!("Subject: y\r\nMessage-ID: <m@evil.example>\r\nIn-Reply-To: <{answer}>"),
            "And me",
        );
        assert_eq!(found(&desk, "and me"), 1);
        desk.advance(31 * 60);
        assert_eq!(found(&desk, "and me"), 0);
        let unanswered = stored(&desk, unanswered.id);
        assert_eq!(
            (unanswered.verdict, unanswered.detail.as_str()),
            (Some(Verdict::Opened), "join-unanswered")
        );
        let own = ticket(&desk, "INC-3");
        assert_eq!(
            (Some(own.id), own.impact_at),
            (unanswered.ticket, unanswered.received_at)
        );
    }
);

/// Who watches INC-1.
fn watchers(desk: &Desk) -> Vec<store::ticket::Watcher> {
    let id = ticket(desk, "INC-1").id;
    desk.app
        .store
        .read(|conn| store::ticket::watchers(conn, id))
        .unwrap()
}

both_databases!(
    a_tickets_room_and_a_mails_page_say_what_is_to_be_known_before_anybody_trusts_a_mail,
    |desk| {
        desk.let_letters_go();
        let answer = opened(&desk);
        colleague(&desk, CAROL, "Dave", "dave@contoso.example");
        let ada = take(&desk, "INC-1");
        let reply = |from: &str, n: u8, subject: &str| {
            let head = format!(
                "Subject: {subject}\r\nMessage-ID: <p{n}@contoso.example>\r\nIn-Reply-To: <{answer}>"
            );
            mail(&desk, from, &head, "Text")
        };
        reply("dave@contoso.example", 1, "Re: x");
        reply(CAROL, 2, "Printer on floor 3");
        reply("ada@watch.example.org", 3, "Re: x");
        let asked = reply("mallory@evil.example", 4, "Re: x");
        let served = Served::new(&desk.app);
        let browser = Visitor::logged_in(&served, &desk.app, Holder::Person(ada.id));
        let room = browser.get("/INC-1").text;
        for said in [
            "new on this ticket",
            "new subject &#34;Printer on floor 3&#34;: its own ticket?",
            ">not verified<",
            "Unanswered, it becomes a ticket of its own then.",
        ] {
            assert!(room.contains(said), "{said}");
        }
        let page = browser.get(&format!("/mail/in/{}", asked.id)).text;
        assert!(page.contains("unknown to the ticket"), "{page}");

        let thread = "References: <root@x.example>";
        let forged = answer.replace("inc-1", "inc-9");
        for (n, from) in ["dan@x.example", "erin@y.example"].iter().enumerate() {
            let head = format!(
                "Subject: Thread\r\nMessage-ID: <t{n}@x.example>\r\nIn-Reply-To: <{forged}>\r\n{thread}"
            );
            mail(&desk, from, &head, "Text");
        }
        let room = browser.get("/INC-3").text;
        assert!(room.contains("Same mail thread?") && room.contains("href=\"/INC-2\""));
        assert!(room.contains("isn't genuine") || room.contains("isn&#39;t genuine"));
    }
);
