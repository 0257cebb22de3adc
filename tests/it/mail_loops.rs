//! Programs that answer programs: nothing goes round, and what is held back is seen.

use std::sync::Arc;

use watchkeeper::actions::{intake, ticket as act};
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::intake::{HeldFor, MailState, Verdict};
use watchkeeper::domain::seal::Seal;
use watchkeeper::domain::ticket::State;
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::store;
use watchkeeper::store::intake::StoredMail;
use watchkeeper::store::people::Holder;

use crate::both_databases;
use crate::desk::Desk;
use crate::mail::{
    contoso, deliver, deliver_to, key, mail, read_again, take, takes_mail, ticket, tickets,
    timeline, to,
};
use crate::served::Served;
use crate::visitor::Visitor;

const CAROL: &str = "carol@contoso.example";
const ALERTS: &str = "alerts@watch.example.org";

/// A mail of the monitoring to the address that takes it.
fn alert(desk: &Desk, from: &str, subject: &str, n: usize) -> StoredMail {
    let raw = format!(
        "From: {from}\r\nTo: {ALERTS}\r\nAuto-Submitted: auto-generated\r\nSubject: {subject}\r\nMessage-ID: <n{n}@mon.example>\r\n\r\nDetails {n}\r\n"
    );
    deliver_to(desk, Some(from), &[ALERTS], raw.as_bytes())
}

/// A delivery report about one of our letters.
fn report(desk: &Desk, about: &str, to: &str, action: &str, status: &str) -> StoredMail {
    let raw = format!(
        "From: MAILER-DAEMON@relay.example\r\nSubject: Undelivered {status}\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n--x\r\n\r\nSorry\r\n--x\r\nContent-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822; {to}\r\nAction: {action}\r\nStatus: {status}\r\n--x\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <{about}>\r\n--x--\r\n"
    );
    deliver(desk, Some(""), raw.as_bytes())
}

fn kinds(desk: &Desk, of: &str) -> Vec<EntryKind> {
    timeline(desk, of).iter().map(|entry| entry.kind).collect()
}

/// As a house has it that set nothing.
const ANSWERS_PER_HOUR: i64 = 10;

both_databases!(
    e52_what_monitoring_generates_opens_a_ticket_by_its_address_and_is_not_answered,
    |desk| {
        takes_mail(&desk, ALERTS, |rule| rule.takes_generated = true);
        let taken = alert(&desk, "mon@mon.example", "Disk full on db1", 1);
        assert_eq!(taken.verdict, Some(Verdict::Opened));
        // To any other address it is automatic mail.
        let other = mail(
            &desk,
            "mon@mon.example",
            "Auto-Submitted: auto-generated\r\nSubject: Disk full on db2",
            "Details",
        );
        assert_eq!(other.verdict, Some(Verdict::Automatic));
        assert_eq!((tickets(&desk), desk.letters().len()), (1, 0));
    }
);

both_databases!(
    e62_a_recorded_call_opens_a_ticket_only_where_its_address_says_so,
    |desk| {
        desk.let_letters_go();
        contoso(&desk);
        takes_mail(&desk, "support@watch.example.org", |_| {});
        takes_mail(&desk, "calls@watch.example.org", |rule| {
            rule.takes_generated = true;
        });
        let call = |to: &str, n: u8| {
            let raw = format!(
                "From: pbx@contoso.example\r\nTo: {to}\r\nSubject: Voice message {n}\r\nMessage-ID: <v{n}@pbx.example>\r\nContent-Type: multipart/voice-message; boundary=x\r\n\r\n--x\r\n\r\nA message of 17 s\r\n--x\r\nContent-Type: audio/wav; name=message.wav\r\nContent-Transfer-Encoding: base64\r\n\r\nUklGRg==\r\n--x--\r\n"
            );
            deliver_to(&desk, Some("pbx@contoso.example"), &[to], raw.as_bytes())
        };
        let shelved = call("support@watch.example.org", 1);
        assert_eq!(
            (shelved.verdict, shelved.detail.as_str(), shelved.ticket),
            (Some(Verdict::Automatic), "voicemail", None)
        );
        let opened = call("calls@watch.example.org", 2);
        assert_eq!(opened.verdict, Some(Verdict::Opened));
        assert!(desk.letters().is_empty(), "no machine is answered");
    }
);

both_databases!(
    e55_two_desks_that_answer_each_other_stop_at_the_budget_and_it_is_seen,
    |desk| {
        contoso(&desk);
        let mut answered = 0;
        let mut held = Vec::new();
        for n in 0..ANSWERS_PER_HOUR + 3 {
            let head = format!(
                "Subject: [#{n}] We have your message {n}\r\nMessage-ID: <t{n}@contoso.example>"
            );
            let taken = mail(&desk, CAROL, &head, "A ticket was opened for you.");
            answered += desk.letters().len();
            if taken.state == MailState::Held {
                assert_eq!(taken.held_for, Some(HeldFor::Answers));
                held.push(taken);
            }
        }
        assert_eq!((answered, held.len()), (10, 3));
        let waiting = desk.app.store.read(store::mail_health::held).unwrap();
        assert_eq!(waiting, 3);
        // A person takes one in; after the hour it goes on by itself.
        let ada = desk.person("Ada", Roles::of(&[Role::Responder]));
        let letter = read_again(&desk, &held[0]);
        intake::take_in(&desk.as_person(&ada), held[0].id, &letter, "").unwrap();
        desk.advance(3_700);
        desk.letters();
        let later = mail(
            &desk,
            CAROL,
            "Subject: Later\r\nMessage-ID: <late@contoso.example>",
            "Hello",
        );
        assert_eq!(later.verdict, Some(Verdict::Opened));
        to(&desk.letters(), CAROL);
    }
);

both_databases!(
    e56_our_own_mail_that_comes_back_by_a_third_system_is_held,
    |desk| {
        contoso(&desk);
        mail(
            &desk,
            CAROL,
            "Subject: Uplink\r\nMessage-ID: <c1@contoso.example>",
            "Down.",
        );
        let answer = to(&desk.letters(), CAROL).message_id.clone();
        let mark = Seal::new(desk.app.signing_key).loop_mark();
        for (from, head) in [
            (CAROL, format!("Subject: a\r\nMessage-ID: <{answer}>")),
            (
                "relay@else.example",
                format!("Subject: b\r\nX-Watchkeeper-Loop: {mark}"),
            ),
        ] {
            let back = mail(&desk, from, &head, "Round");
            assert_eq!(
                (back.state, back.held_for),
                (MailState::Held, Some(HeldFor::Loop)),
                "{head}"
            );
        }
        assert_eq!((tickets(&desk), desk.letters().len()), (1, 0));
    }
);

both_databases!(
    e57_the_sixth_reopening_reply_within_an_hour_is_held,
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
        let ada = take(&desk, "INC-1");
        for n in 1..=6 {
            act::resolve(&desk.as_person(&ada), key("INC-1"), None, "Done").unwrap();
            let head = format!(
                "Subject: Re: x {n}\r\nMessage-ID: <r{n}@contoso.example>\r\nIn-Reply-To: <{answer}>"
            );
            let reply = mail(&desk, CAROL, &head, "Thanks!");
            let state = ticket(&desk, "INC-1").state;
            if n < 6 {
                assert_eq!(
                    (reply.verdict, state),
                    (Some(Verdict::Appended), State::InProgress),
                    "{n}"
                );
            } else {
                assert_eq!(
                    (reply.held_for, state),
                    (Some(HeldFor::Reopens), State::Resolved)
                );
                assert_eq!(reply.ticket, Some(ticket(&desk, "INC-1").id));
            }
            desk.advance(60);
        }
    }
);

both_databases!(
    e59_a_delay_changes_nothing_a_lost_answer_reopens_its_clock_and_a_closed_ticket_only_notes_it,
    |desk| {
        desk.let_letters_go();
        contoso(&desk);
        mail(
            &desk,
            CAROL,
            "Subject: Uplink\r\nMessage-ID: <c1@contoso.example>",
            "Down.",
        );
        let ada = take(&desk, "INC-1");
        let reply = |text: &str| {
            act::reply(&desk.as_person(&ada), key("INC-1"), text, None, None).unwrap();
            to(&desk.letters(), CAROL).message_id.clone()
        };
        let first = reply("We look.");
        let delayed = report(&desk, &first, CAROL, "delayed", "4.4.1");
        assert_eq!(delayed.verdict, Some(Verdict::Bounce));
        assert_eq!(
            timeline(&desk, "INC-1").last().unwrap().kind,
            EntryKind::AutomaticMail
        );
        assert!(!ticket(&desk, "INC-1").awaits_us);

        report(&desk, &first, CAROL, "failed", "5.7.133");
        assert!(
            kinds(&desk, "INC-1").ends_with(&[EntryKind::DeliveryFailed, EntryKind::Unsatisfied])
        );
        assert!(ticket(&desk, "INC-1").awaits_us);
        to(&desk.letters(), "ada@watch.example.org");

        let second = reply("Still looking.");
        act::resolve(&desk.as_person(&ada), key("INC-1"), None, "Done").unwrap();
        desk.advance(8 * 86_400);
        assert_eq!(ticket(&desk, "INC-1").state, State::Closed);
        desk.letters();
        report(&desk, &second, CAROL, "failed", "5.1.1");
        let closed = ticket(&desk, "INC-1");
        assert_eq!((closed.state, closed.awaits_us), (State::Closed, false));
        assert!(kinds(&desk, "INC-1").contains(&EntryKind::DeliveryFailed));
        let letters = desk.letters();
        to(&letters, "ada@watch.example.org");
        assert_eq!((letters.len(), tickets(&desk)), (1, 1));
    }
);

both_databases!(
    e61_a_notice_to_one_of_ours_that_bounces_goes_to_the_admins_and_not_on_the_ticket,
    |desk| {
        contoso(&desk);
        desk.person("Root", Roles::of(&[Role::Admin]));
        mail(
            &desk,
            CAROL,
            "Subject: Uplink\r\nMessage-ID: <c1@contoso.example>",
            "Down.",
        );
        let answer = to(&desk.letters(), CAROL).message_id.clone();
        take(&desk, "INC-1");
        let head = format!(
            "Subject: Re: x\r\nMessage-ID: <r1@contoso.example>\r\nIn-Reply-To: <{answer}>"
        );
        mail(&desk, CAROL, &head, "More.");
        let letters = desk.letters();
        let notice = to(&letters, "ada@watch.example.org").message_id.clone();
        let before = timeline(&desk, "INC-1").len();
        for status in ["5.1.1", "5.2.1"] {
            let bounce = report(&desk, &notice, "ada@watch.example.org", "failed", status);
            assert_eq!(
                (bounce.verdict, bounce.ticket),
                (Some(Verdict::Bounce), None)
            );
        }
        assert_eq!(timeline(&desk, "INC-1").len(), before);
        // Once a day for an address.
        let letters = desk.letters();
        let told = to(&letters, "root@watch.example.org");
        assert!(
            told.text.contains("ada@watch.example.org") && told.text.contains("5.1.1"),
            "{}",
            told.text
        );
        assert_eq!(letters.len(), 1);
        // And what bounces at the only admin's is told to nobody, rather than round and round.
        report(
            &desk,
            &told.message_id,
            "root@watch.example.org",
            "failed",
            "5.1.1",
        );
        assert!(desk.letters().is_empty());
    }
);

both_databases!(
    e13_a_problem_that_opened_a_ticket_at_each_of_two_addresses_is_over_on_both,
    |desk| {
        desk.let_letters_go();
        let own = "network@watch.example.org";
        takes_mail(&desk, ALERTS, |rule| rule.takes_generated = true);
        takes_mail(&desk, own, |rule| {
            rule.takes_generated = true;
            rule.own_ticket = true;
        });
        let tell = |word: &str, state: &str, n: u8| {
            let raw = format!(
                "From: nagios@mon.example\r\nTo: {ALERTS}, {own}\r\nSubject: ** {word} Service Alert: web1/HTTP is {state} **\r\nMessage-ID: <b{n}@mon.example>\r\nAuto-Submitted: auto-generated\r\n\r\nAs it says.\r\n"
            );
            deliver_to(
                &desk,
                Some("nagios@mon.example"),
                &[ALERTS, own],
                raw.as_bytes(),
            )
        };
        tell("PROBLEM", "CRITICAL", 1);
        assert_eq!(tickets(&desk), 2);
        // Told again, it stands on both and opens nothing.
        assert_eq!(
            tell("PROBLEM", "CRITICAL", 2).verdict,
            Some(Verdict::Appended)
        );
        assert_eq!(tickets(&desk), 2);
        assert_eq!(
            timeline(&desk, "INC-1").len(),
            timeline(&desk, "INC-2").len()
        );
        tell("RECOVERY", "OK", 3);
        for key in ["INC-1", "INC-2"] {
            assert_eq!(ticket(&desk, key).state, State::Resolved, "{key}");
        }
    }
);

both_databases!(
    e63_a_problem_however_often_it_is_told_is_one_ticket_that_its_recovery_resolves,
    |desk| {
        desk.let_letters_go();
        takes_mail(&desk, ALERTS, |rule| rule.takes_generated = true);
        let mon = "nagios@mon.example";
        let problem = "** PROBLEM Service Alert: web1/HTTP is CRITICAL **";
        for n in 0..3 {
            let taken = alert(&desk, mon, problem, n);
            let expected = if n == 0 {
                Verdict::Opened
            } else {
                Verdict::Appended
            };
            assert_eq!(taken.verdict, Some(expected), "{n}");
        }
        alert(
            &desk,
            mon,
            "** PROBLEM Service Alert: web2/HTTP is CRITICAL **",
            3,
        );
        assert_eq!(tickets(&desk), 2);
        let ack = alert(
            &desk,
            mon,
            "** ACKNOWLEDGEMENT Service Alert: web1/HTTP is CRITICAL **",
            4,
        );
        assert_eq!(ack.verdict, Some(Verdict::Appended));
        assert_eq!(ticket(&desk, "INC-1").state, State::InProgress);
        // Somebody else's word ends nothing.
        let recovery = "** RECOVERY Service Alert: web1/HTTP is OK **";
        let spoofed = alert(&desk, "mallory@evil.example", recovery, 5);
        assert_eq!(spoofed.verdict, Some(Verdict::Automatic));
        assert_eq!(ticket(&desk, "INC-1").state, State::InProgress);
        alert(&desk, mon, recovery, 6);
        assert_eq!(ticket(&desk, "INC-1").state, State::Resolved);
        assert_eq!(ticket(&desk, "INC-2").state, State::New);
        // What is over opens nothing; the next time it breaks is another ticket.
        for n in [7, 8] {
            let word = if n == 7 {
                "RECOVERY"
            } else {
                "ACKNOWLEDGEMENT"
            };
            let subject = format!("** {word} Service Alert: web1/HTTP is OK **");
            assert_eq!(
                alert(&desk, mon, &subject, n).verdict,
                Some(Verdict::Automatic)
            );
        }
        assert_eq!(alert(&desk, mon, problem, 9).verdict, Some(Verdict::Opened));
        assert_eq!(tickets(&desk), 3);
    }
);

both_databases!(
    e64_the_first_answer_always_passes_and_the_budget_survives_a_restart,
    |desk| {
        let mut desk = desk;
        contoso(&desk);
        let sent = |desk: &Desk, n: i64| {
            let head = format!("Subject: Case {n}\r\nMessage-ID: <t{n}@contoso.example>");
            mail(desk, CAROL, &head, "Hello");
            desk.letters().len()
        };
        assert_eq!(sent(&desk, 0), 1);
        for n in 1..ANSWERS_PER_HOUR {
            assert_eq!(sent(&desk, n), 1, "{n}");
        }
        // Another process on the same database.
        let old = Arc::get_mut(&mut desk.app).expect("nobody else has it");
        let mut new = watchkeeper::app::App::new(
            store::Store::open(&old.config.database).unwrap(),
            watchkeeper::time::TimeSource::manual(old.time.now()),
            old.config.clone(),
        )
        .unwrap();
        new.post = watchkeeper::outbound::Post::recorded();
        desk.app = Arc::new(new);
        assert_eq!(sent(&desk, 100), 0);
        // Somebody who was never answered is.
        mail(&desk, "dan@x.example", "Subject: First", "Hello");
        to(&desk.letters(), "dan@x.example");
    }
);

both_databases!(
    a_mail_that_is_held_is_found_by_its_words_until_it_is_an_entry,
    |desk| {
        let ada = desk.person("Ada", Roles::of(&[Role::Responder]));
        let vera = desk.person("Vera", Roles::of(&[Role::Viewer]));
        let served = Served::new(&desk.app);
        let as_ada = Visitor::logged_in(&served, &desk.app, Holder::Person(ada.id));
        let as_vera = Visitor::logged_in(&served, &desk.app, Holder::Person(vera.id));
        intake::block(&desk.as_person(&ada), "@spam.example", "offers").unwrap();
        let held = mail(
            &desk,
            "x@spam.example",
            "Subject: Turbine offer\r\nMessage-ID: <o@spam.example>",
            "Bl\u{e4}tter for every wind",
        );
        let link = format!("/mail/in/{}", held.id);
        let finds = |who: &Visitor, word: &str| {
            let page = who.get(&format!("/search?q={word}"));
            assert_eq!(page.status, 200);
            (page.text.contains(&link), page.text.contains("\"/INC-1#"))
        };
        for word in ["turbine", "blatt*", "wind%20offer"] {
            assert_eq!(finds(&as_ada, word), (true, false), "{word}");
            assert_eq!(finds(&as_vera, word), (false, false), "{word}");
        }
        assert_eq!(finds(&as_ada, "turbine%20sun"), (false, false));
        // Who takes it in finds it where it stands now.
        let letter = read_again(&desk, &held);
        intake::take_in(&desk.as_person(&ada), held.id, &letter, "").unwrap();
        assert_eq!(finds(&as_ada, "turbine"), (false, true));
        desk.letters();
    }
);
