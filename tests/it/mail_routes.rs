//! Which address a mail came to, who watches from then on, and who is answered.

use watchkeeper::actions::{ticket as act, ticket_parts};
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::id::Kind;
use watchkeeper::domain::intake::Verdict;
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::text::EmailAddress;
use watchkeeper::domain::timeline::{Audience, EntryKind};
use watchkeeper::store;
use watchkeeper::store::ticket::Watcher;

use crate::both_databases;
use crate::desk::Desk;
use crate::mail::{
    colleague, contoso, customer, deliver_to, key, mail, take, takes_mail, ticket, tickets,
    timeline, to,
};

const CAROL: &str = "carol@contoso.example";

/// Three addresses that are told apart by the severity of what they open.
fn three_addresses(desk: &Desk) {
    takes_mail(desk, "urgent@watch.example.org", |rule| {
        rule.severity = Some(Severity::High)
    });
    takes_mail(desk, "support@watch.example.org", |rule| {
        rule.severity = Some(Severity::Warning)
    });
    takes_mail(desk, "info@watch.example.org", |rule| {
        rule.severity = Some(Severity::Information)
    });
}

fn watchers(desk: &Desk, of: &str) -> Vec<Watcher> {
    let id = ticket(desk, of).id;
    desk.app
        .store
        .read(|conn| store::ticket::watchers(conn, id))
        .unwrap()
}

both_databases!(
    e99_the_envelope_decides_then_what_a_relay_wrote_then_to,
    |desk| {
        desk.let_letters_go();
        three_addresses(&desk);
        for (place, (envelope, delivered, severity)) in [
            (
                &["urgent@watch.example.org"][..],
                "Delivered-To: info@watch.example.org\r\n",
                Severity::High,
            ),
            (
                &["all@mx.example"][..],
                "Delivered-To: info@watch.example.org\r\n",
                Severity::Information,
            ),
            (
                &["all@mx.example"][..],
                "X-Original-To: urgent@watch.example.org\r\n",
                Severity::High,
            ),
            (&[][..], "", Severity::Warning),
            (&["all@mx.example"][..], "", Severity::Warning),
        ]
        .iter()
        .enumerate()
        {
            let raw = format!(
                "{delivered}From: dan{place}@x.example\r\nTo: support@watch.example.org\r\nCc: urgent@watch.example.org\r\nSubject: Case {place}\r\n\r\nText\r\n"
            );
            let taken = deliver_to(&desk, Some("dan@x.example"), envelope, raw.as_bytes());
            assert_eq!(taken.verdict, Some(Verdict::Opened));
            let opened = ticket(&desk, &format!("INC-{}", place + 1));
            assert_eq!(
                opened.severity,
                Some(*severity),
                "{envelope:?} {delivered:?}"
            );
        }
    }
);

both_databases!(
    e100_tags_behind_the_separator_of_each_address_take_the_same_route_and_are_read_in_any_case,
    |desk| {
        desk.let_letters_go();
        contoso(&desk);
        takes_mail(&desk, "support@watch.example.org", |rule| {
            rule.separator = '-';
            rule.severity = Some(Severity::High);
        });
        desk.advance(1);
        takes_mail(&desk, "support-eu@watch.example.org", |rule| {
            rule.severity = Some(Severity::Warning)
        });
        takes_mail(&desk, "desk@watch.example.org", |rule| {
            rule.separator = '.';
            rule.kind = Kind::Task;
        });
        let by = |address: &str, n: u8| {
            let raw = format!(
                "From: {CAROL}\r\nTo: {address}\r\nSubject: Case {n}\r\nMessage-ID: <c{n}@contoso.example>\r\n\r\nText\r\n"
            );
            deliver_to(&desk, Some(CAROL), &[address], raw.as_bytes())
        };
        by("support-billing@watch.example.org", 1);
        assert_eq!(ticket(&desk, "INC-1").severity, Some(Severity::High));
        by("Support-EU@watch.example.org", 2);
        assert_eq!(ticket(&desk, "INC-2").severity, Some(Severity::Warning));
        by("support-eu+queue-close@watch.example.org", 3);
        assert_eq!(ticket(&desk, "INC-3").severity, Some(Severity::Warning));
        by("desk.hr@watch.example.org", 4);
        assert_eq!(ticket(&desk, "TSK-1").key.kind, Kind::Task);

        let letters = desk.letters();
        let first = letters.iter().find(|it| it.subject.starts_with("[INC-1]"));
        let reply_to = first.and_then(|it| it.reply_to.clone()).unwrap();
        assert!(reply_to.starts_with("support-inc-1."), "{reply_to}");
        let answered = by(&reply_to.to_uppercase(), 5);
        assert_eq!(answered.verdict, Some(Verdict::Appended));
        assert_eq!(answered.ticket, Some(ticket(&desk, "INC-1").id));
    }
);

both_databases!(
    e101_people_in_copy_become_no_watchers_and_least_of_all_ourselves_lists_and_no_reply,
    |desk| {
        desk.let_letters_go();
        contoso(&desk);
        three_addresses(&desk);
        colleague(&desk, CAROL, "Dave", "dave@contoso.example");
        mail(
            &desk,
            CAROL,
            "Cc: dave@contoso.example, info@watch.example.org, no-reply@contoso.example, ops@lists.example\r\nSubject: Uplink",
            "Down.",
        );
        let requester = ticket(&desk, "INC-1").requester.unwrap();
        assert!(
            watchers(&desk, "INC-1")
                .iter()
                .all(|who| *who == Watcher::Contact(requester))
        );
        let ada = take(&desk, "INC-1");
        act::reply(&desk.as_person(&ada), key("INC-1"), "We look.", None, None).unwrap();
        let letters = desk.letters();
        assert_eq!(letters.len(), 1);
        to(&letters, CAROL);
    }
);

both_databases!(
    e102_what_one_of_ours_answers_by_mail_to_an_internal_note_stays_internal,
    |desk| {
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
        mail(
            &desk,
            CAROL,
            &format!(
                "Subject: Re: x\r\nMessage-ID: <r1@contoso.example>\r\nIn-Reply-To: <{answer}>"
            ),
            "More.",
        );
        let letters = desk.letters();
        let notice = to(&letters, "ada@watch.example.org").clone();
        let raw = format!(
            "From: ada@watch.example.org\r\nTo: {}\r\nCc: {CAROL}\r\nSubject: Re: {}\r\nMessage-ID: <a1@watch.example.org>\r\nIn-Reply-To: <{}>\r\n\r\nTheir card is broken, don't tell.\r\n",
            notice.reply_to.clone().unwrap(),
            notice.subject,
            notice.message_id
        );
        let written = deliver_to(
            &desk,
            Some("ada@watch.example.org"),
            &["watchkeeper@watch.example.org"],
            raw.as_bytes(),
        );
        assert_eq!(written.verdict, Some(Verdict::Appended));
        let note = timeline(&desk, "INC-1").last().cloned().unwrap();
        assert_eq!(
            (note.kind, note.audience),
            (EntryKind::Note, Audience::Internal)
        );
        assert!(
            desk.letters()
                .iter()
                .all(|letter| letter.to.as_str() != CAROL)
        );
    }
);

both_databases!(
    e103_each_recipient_gets_a_letter_of_their_own_and_another_customers_watcher_none,
    |desk| {
        desk.let_letters_go();
        contoso(&desk);
        let dave = colleague(&desk, CAROL, "Dave", "dave@contoso.example");
        let frank = customer(&desk, "Fabrikam", "Frank", "frank@fabrikam.example");
        mail(
            &desk,
            CAROL,
            "Subject: Uplink\r\nMessage-ID: <c1@contoso.example>",
            "Down.",
        );
        let ada = desk.person("Ada", Roles::of(&[Role::Responder, Role::Lead]));
        for who in [dave, frank] {
            ticket_parts::watch(&desk.as_person(&ada), key("INC-1"), Watcher::Contact(who))
                .unwrap();
        }
        desk.letters();
        act::reply(&desk.as_person(&ada), key("INC-1"), "We look.", None, None).unwrap();
        let letters = desk.letters();
        let mut recipients: Vec<&str> = letters.iter().map(|letter| letter.to.as_str()).collect();
        recipients.sort_unstable();
        assert_eq!(recipients, [CAROL, "dave@contoso.example"]);
        for letter in &letters {
            assert!(
                letter
                    .headers
                    .iter()
                    .all(|(name, _)| !matches!(*name, "Cc" | "Bcc"))
            );
            let others = ["carol@", "dave@", "frank@"];
            let own = letter.to.as_str();
            for other in others.iter().filter(|it| !own.starts_with(**it)) {
                assert!(!letter.text.contains(other), "{}", letter.text);
            }
        }
    }
);

both_databases!(
    e104_the_answer_goes_to_a_reply_to_of_theirs_and_to_nobody_elses,
    |desk| {
        desk.let_letters_go();
        contoso(&desk);
        colleague(&desk, CAROL, "Dave", "dave@partner.example");
        let ada = desk.person("Ada", Roles::of(&[Role::Responder]));
        for (place, (from, reply_to, answered)) in [
            (CAROL, "team@contoso.example", "team@contoso.example"),
            (CAROL, "dave@partner.example", "dave@partner.example"),
            (CAROL, "mallory@evil.example", CAROL),
            ("dan@x.example", "desk@x.example", "desk@x.example"),
            ("erin@y.example", "mallory@evil.example", "erin@y.example"),
        ]
        .iter()
        .enumerate()
        {
            let head = format!(
                "Cc: copy@x.example\r\nReply-To: {reply_to}\r\nSubject: Case {place}\r\nMessage-ID: <c{place}@x.example>"
            );
            mail(&desk, from, &head, "Down.");
            desk.letters();
            let opened = format!("INC-{}", place + 1);
            act::reply(&desk.as_person(&ada), key(&opened), "We look.", None, None).unwrap();
            let letters = desk.letters();
            let recipients: Vec<&str> = letters.iter().map(|letter| letter.to.as_str()).collect();
            assert_eq!(recipients, [*answered], "{from} {reply_to}");
            // Whoever wrote it stays known to it.
            let reply = mail(
                &desk,
                from,
                &format!(
                    "Subject: Re: x\r\nMessage-ID: <r{place}@x.example>\r\nIn-Reply-To: <{}>",
                    letters[0].message_id
                ),
                "Thanks",
            );
            assert_eq!(reply.verdict, Some(Verdict::Appended), "{from} {reply_to}");
        }
    }
);

both_databases!(
    e105_a_token_of_one_customers_ticket_from_another_customers_contact_asks_to_join_and_tells_them_nothing,
    |desk| {
        desk.let_letters_go();
        contoso(&desk);
        customer(&desk, "Fabrikam", "Frank", "frank@fabrikam.example");
        mail(&desk, CAROL, "Subject: Uplink\r\nMessage-ID: <c1@contoso.example>", "Down.");
        let letters = desk.letters();
        let answer = to(&letters, CAROL);
        take(&desk, "INC-1");
        let reply_to = EmailAddress::parse(answer.reply_to.as_deref().unwrap()).unwrap();
        for (n, (envelope, head)) in [
            (reply_to.as_str(), "Subject: x".to_owned()),
            ("support@watch.example.org", format!("Subject: x\r\nIn-Reply-To: <{}>", answer.message_id)),
            ("support@watch.example.org", "Subject: [INC-1] x".to_owned()),
        ]
        .iter()
        .enumerate()
        {
            let raw = format!("From: frank@fabrikam.example\r\n{head}\r\nMessage-ID: <f{n}@fabrikam.example>\r\n\r\nMe too {n}\r\n");
            let asked = deliver_to(&desk, Some("frank@fabrikam.example"), &[envelope], raw.as_bytes());
            assert_eq!(
                (asked.verdict, asked.detail.as_str()),
                (Some(Verdict::JoinRequest), "other_customer"),
                "{head}"
            );
        }
        assert!(desk.letters().iter().all(|letter| letter.to.as_str() == "ada@watch.example.org"));
        assert_eq!(tickets(&desk), 1);
    }
);
