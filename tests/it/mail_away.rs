//! Mail that only looks like somebody's: notes of absence without a header that says so, and our own letters as they lie in a mailbox.

use std::io::Write;

use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::intake::{HeldFor, Verdict};
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::{actions, store};

use crate::both_databases;
use crate::imap::{ledger, until};
use crate::mail::{contoso, key, mail, take, ticket, tickets, timeline, to};
use crate::mail_senders::CAROL;

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
        let ada = desk.person("Ada", Roles::of(&[Role::Responder]));
        actions::ticket::resolve(&desk.as_person(&ada), key("INC-1"), None, "Restarted").unwrap();
        let letters = desk.letters();
        to(&letters, CAROL);
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
