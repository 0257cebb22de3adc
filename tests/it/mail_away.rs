//! Mail that only looks like somebody's: notes of absence without a header that says so, answers to invitations, and our own letters as
//! they lie in a mailbox.

use std::io::Write;

use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::id::Kind;
use watchkeeper::domain::intake::{HeldFor, Verdict};
use watchkeeper::domain::postmortem::Attendance;
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, State};
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::store::people::Holder;
use watchkeeper::{actions, store};

use crate::both_databases;
use crate::imap::{ledger, until};
use crate::mail::{contoso, deliver, key, mail, take, ticket, tickets, timeline, to};
use crate::mail_senders::CAROL;
use crate::served::Served;
use crate::visitor::Visitor;

/// One language after the other, as Outlook, Gmail and others write them.
const AWAY: &[&str] = &[
    "Automatic reply: [INC-1] Uplink",
    "Out of Office: Re: [INC-1] Uplink",
    "[EXT] Automatic reply: [INC-1] Uplink",
    "Automatische Antwort: [INC-1] Uplink",
    "Abwesenheitsnotiz: [INC-1] Uplink",
    "Réponse automatique : [INC-1] Uplink",
    "Respuesta automática: [INC-1] Uplink",
    "Risposta automatica: [INC-1] Uplink",
    "Resposta automática: [INC-1] Uplink",
    "Automatisch antwoord: [INC-1] Uplink",
    "Autosvar: [INC-1] Uplink",
    "Frånvaro: [INC-1] Uplink",
    "Fravær: [INC-1] Uplink",
    "Automaattinen vastaus: [INC-1] Uplink",
    "Odpowiedź automatyczna: [INC-1] Uplink",
    "Automatická odpověď: [INC-1] Uplink",
    "Автоответ: [INC-1] Uplink",
    "自動応答: [INC-1] Uplink",
    "自动回复: [INC-1] Uplink",
];

/// A line of the header, what is said of it, and whether it was a person.
const MARKS: &[(&str, &str, bool)] = &[
    ("Auto-Submitted: no", "", true),
    ("X-Auto-Response-Suppress: All", "", true),
    ("Auto-Submitted: auto-replied", "auto_reply", false),
    ("Auto-Submitted: auto-generated", "generated", false),
    ("Precedence: bulk", "bulk", false),
    ("Precedence: junk", "bulk", false),
    ("Precedence: list", "list", false),
    ("List-Unsubscribe: <mailto:u@x.example>", "list", false),
    ("X-Autoreply: yes", "auto_reply", false),
    ("Return-Path: <>", "no_return_path", false),
];

both_databases!(
    e51_e53_what_a_header_marks_opens_and_reopens_nothing_and_what_says_no_is_a_persons,
    |desk| {
        desk.let_letters_go();
        contoso(&desk);
        let bea = desk.person("Bea", Roles::of(&[Role::Responder]));
        for (n, (mark, why, is_personal)) in MARKS.iter().enumerate() {
            // A mail of its own.
            let head = format!("Subject: Case {n}\r\nMessage-ID: <n{n}@contoso.example>\r\n{mark}");
            let before = tickets(&desk);
            let alone = mail(&desk, CAROL, &head, "Text");
            let wanted = match is_personal {
                true => Verdict::Opened,
                false => Verdict::Automatic,
            };
            assert_eq!(
                (alone.verdict, alone.detail.as_str()),
                (Some(wanted), *why),
                "{mark}"
            );
            assert_eq!(tickets(&desk) - before, usize::from(*is_personal), "{mark}");
            let answered = desk.letters().iter().any(|it| it.to.as_str() == CAROL);
            assert_eq!(answered, mark.ends_with("no"), "{mark}");
            // And one on a resolved ticket.
            let head = format!("Subject: Base {n}\r\nMessage-ID: <b{n}@contoso.example>");
            let opened = mail(&desk, CAROL, &head, "Down");
            let id = opened.ticket.unwrap();
            let by_id = |conn: &mut _| store::ticket::by_id(conn, id);
            let base = || desk.app.store.read(by_id).unwrap().unwrap();
            let by = desk.as_person(&bea);
            actions::ticket::resolve(&by, base().key, None, "Restarted").unwrap();
            let head = format!(
                "Subject: Re: Base {n}\r\nMessage-ID: <r{n}@contoso.example>\r\nIn-Reply-To: <b{n}@contoso.example>\r\n{mark}"
            );
            let on_it = mail(&desk, CAROL, &head, "Still");
            assert_eq!(on_it.ticket, Some(id), "{mark}: kept on the ticket");
            let is_open_again = base().state != State::Resolved;
            assert_eq!(is_open_again, *is_personal, "{mark}");
            assert_eq!(base().awaits_us, *is_personal, "{mark}");
            // Nobody is answered too often within an hour.
            desk.advance(3_601);
            desk.letters();
        }
    }
);

both_databases!(
    e54_a_note_of_absence_without_a_header_changes_neither_state_nor_clock,
    |desk| {
        desk.let_letters_go();
        contoso(&desk);
        mail(
            &desk,
            CAROL,
            "Subject: Uplink\r\nMessage-ID: <c1@contoso.example>",
            "Down.",
        );
        take(&desk, "INC-1");
        let bea = desk.person("Bea", Roles::of(&[Role::Responder]));
        actions::ticket::resolve(&desk.as_person(&bea), key("INC-1"), None, "Restarted").unwrap();
        desk.letters();
        let clocks = || {
            let id = ticket(&desk, "INC-1").id;
            desk.app
                .store
                .read(|conn| store::sla::of_ticket(conn, id))
                .unwrap()
        };
        let (state, awaits, before) = {
            let ticket = ticket(&desk, "INC-1");
            (ticket.state, ticket.awaits_us, clocks())
        };
        for (place, subject) in AWAY.iter().enumerate() {
            let head = format!("Subject: {subject}\r\nMessage-ID: <o{place}@contoso.example>");
            let away = mail(&desk, CAROL, &head, "I am back on Monday.");
            assert_eq!(
                (away.verdict, away.detail.as_str()),
                (Some(Verdict::Automatic), "away"),
                "{subject}"
            );
            assert!(
                away.entry_seq.is_some(),
                "{subject}: it stands on the ticket"
            );
        }
        let after = ticket(&desk, "INC-1");
        assert_eq!(
            (after.state, after.awaits_us, tickets(&desk)),
            (state, awaits, 1)
        );
        assert_eq!(clocks(), before);
        let notes = timeline(&desk, "INC-1");
        let notes = notes
            .iter()
            .filter(|entry| entry.kind == EntryKind::AutomaticMail);
        assert_eq!(notes.count(), AWAY.len());
        assert!(
            desk.letters()
                .iter()
                .all(|letter| letter.to.as_str() != CAROL)
        );
        // Whoever writes about such a note is a person.
        let person = mail(
            &desk,
            CAROL,
            "Subject: Re: Automatic reply: [INC-1] Uplink\r\nMessage-ID: <p@contoso.example>",
            "Thanks.",
        );
        assert_eq!(person.verdict, Some(Verdict::Appended));
    }
);

both_databases!(
    e08_a_letter_of_ours_in_a_mailbox_is_noted_and_holds_nothing_up,
    |mut desk| {
        desk.let_letters_go();
        contoso(&desk);
        mail(
            &desk,
            CAROL,
            "Subject: Uplink\r\nMessage-ID: <c1@contoso.example>",
            "Down.",
        );
        let letters = desk.letters();
        let sent = watchkeeper::outbound::mail::bytes(to(&letters, CAROL)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let new = crate::mail_spool::spool_of(&mut desk, folder.path());
        let put = |name: &str, raw: &[u8]| {
            let mut file = std::fs::File::create(new.join(name)).unwrap();
            file.write_all(raw).unwrap();
        };
        put("1780304400.own.mx", &sent);
        desk.settle();
        until("a look", || ledger(&desk).len() == 2);
        let own = ledger(&desk)
            .into_iter()
            .find(|mail| mail.way.as_str() == "maildir")
            .unwrap();
        assert_eq!(
            (own.verdict, own.detail.as_str()),
            (Some(Verdict::Automatic), "own-copy")
        );
        // Brought by a server, it is one that came back.
        let sent = String::from_utf8(sent).unwrap();
        let brought = format!(
            "Received: from a.example by b.example; Mon, 1 Jun 2026 09:00:00 +0000\r\n{}",
            sent.replacen("Subject: ", "Subject: Fwd: ", 1)
        );
        put("1780304401.back.mx", brought.as_bytes());
        desk.settle();
        let back = ledger(&desk)
            .into_iter()
            .find(|mail| mail.subject.starts_with("Fwd:"));
        assert_eq!(back.unwrap().held_for, Some(HeldFor::Loop));
        assert_eq!(tickets(&desk), 1);
    }
);

both_databases!(
    e62_an_answer_to_an_invitation_stands_beside_whom_it_is_from,
    |desk| {
        desk.let_letters_go();
        let ada = desk.person("Ada", Roles::all());
        let ctx = desk.as_person(&ada);
        let title = Title::parse("DB master down").unwrap();
        let opening = Opening {
            severity: Some(Severity::Disaster),
            ..Opening::default()
        };
        actions::ticket::open(&ctx, Kind::Incident, title, &opening).unwrap();
        actions::ticket::take(&ctx, key("INC-1"), None).unwrap();
        actions::ticket::resolve(&desk.as_person(&ada), key("INC-1"), None, "Restarted").unwrap();
        let meeting = || {
            let pm = ticket(&desk, "PM-1").id;
            let found = desk.app.store.read(|conn| {
                let meeting = store::postmortem::meeting_of(conn, pm)?.expect("a meeting");
                Ok((store::postmortem::guests(conn, meeting.id)?, meeting))
            });
            found.unwrap()
        };
        let (guests, planned) = meeting();
        let guest = guests[0].address.as_str().to_owned();
        let reply = |from: &str, status: &str, n: u8| {
            let raw = format!(
                "From: {from}\r\nTo: support@watch.example.org\r\nSubject: Accepted: Post-mortem\r\nMessage-ID: <r{n}@x.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/calendar; charset=utf-8; method=REPLY\r\n\r\nBEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nBEGIN:VEVENT\r\nUID:{}\r\nATTENDEE;PARTSTAT={status}:mailto:{guest}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
                planned.uid
            );
            deliver(&desk, Some(from), raw.as_bytes())
        };
        let answers = || meeting().0[0].answer;
        // Nobody answers for somebody else.
        let strange = reply("eve@evil.example", "DECLINED", 1);
        assert_eq!(
            (strange.verdict, answers()),
            (Some(Verdict::Automatic), None)
        );
        let entries = timeline(&desk, "PM-1").len();
        let said = reply(&guest, "ACCEPTED", 2);
        assert_eq!(
            (said.verdict, said.ticket),
            (Some(Verdict::Automatic), Some(ticket(&desk, "PM-1").id))
        );
        assert_eq!(answers(), Some(Attendance::Accepted));
        assert_eq!(timeline(&desk, "PM-1").len(), entries + 1);
        reply(&guest, "TENTATIVE", 3);
        assert_eq!(answers(), Some(Attendance::Tentative));
        let served = Served::new(&desk.app);
        let visitor = Visitor::logged_in(&served, &desk.app, Holder::Person(ada.id));
        let page = visitor.get("/PM-1").text;
        assert!(page.contains("(perhaps)"), "{page}");
        // At another time everybody is asked anew.
        let choice = actions::meeting::Choice {
            starts_at: planned.slot.starts_at.plus_secs(3_600),
            minutes: 30,
            place: String::new(),
        };
        actions::meeting::choose(&desk.as_person(&ada), key("PM-1"), None, &choice).unwrap();
        assert_eq!(answers(), None);
    }
);
