//! What a mail of one of ours does is what its writer may do in the browser: without a role that works on tickets they have the
//! rights of a stranger, whoever vouches for them, and what they wrote is kept all the same.

use watchkeeper::actions::intake;
use watchkeeper::cli::mail_explain::{Form, explain};
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::intake::Verdict;
use watchkeeper::domain::mail_words::Keywords;
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::timeline::{Actor, Audience, EntryKind};
use watchkeeper::store;
use watchkeeper::store::intake::StoredMail;
use watchkeeper::store::people::Holder;

use crate::both_databases;
use crate::desk::Desk;
use crate::mail::{contoso, mail, read_again, take, takes_mail, ticket, tickets, timeline, to};
use crate::mail_senders::{CAROL, says, vouched_for};
use crate::served::Served;
use crate::visitor::Visitor;

/// Those of ours who may not work on tickets.
const ONLOOKERS: &[(&str, Roles, &str)] = &[
    ("Vera", Roles::of(&[Role::Viewer]), "onlooker"),
    ("Otto", Roles::of(&[Role::Auditor, Role::Admin]), "onlooker"),
    ("Nemo", Roles::NONE, "former"),
];
const ORDERS: &str = "severity: disaster\r\nlabel: core\r\n\r\nAll nodes are gone.";

/// A house whose relay vouches for its own, with an address that takes orders, and Carol's ticket INC-1, which is Ada's; and the id of
/// our answer to Carol.
fn scene(desk: Desk) -> (Desk, String) {
    let desk = vouched_for(desk);
    desk.let_letters_go();
    contoso(&desk);
    takes_mail(&desk, "support@watch.example.org", |rule| {
        rule.keywords = Keywords::parse("k", "severity, label").unwrap();
    });
    mail(
        &desk,
        CAROL,
        "Cc: vera@watch.example.org\r\nSubject: Uplink\r\nMessage-ID: <c1@contoso.example>",
        "Down.",
    );
    let answer = to(&desk.letters(), CAROL).message_id.clone();
    take(&desk, "INC-1");
    (desk, answer)
}

/// A mail that our relay vouches for.
fn proven(desk: &Desk, name: &str, head: &str, text: &str) -> StoredMail {
    let from = format!("{}@watch.example.org", name.to_lowercase());
    let written = format!("{}\r\n{head}", says("pass"));
    mail(desk, &from, &written, text)
}

fn labels(desk: &Desk, of: &str) -> Vec<String> {
    let id = ticket(desk, of).id;
    let labels = desk.app.store.read(|conn| store::ticket::labels(conn, id));
    labels.unwrap()
}

both_databases!(
    e106_who_may_not_work_on_tickets_gives_no_orders_by_mail_and_who_may_does,
    |desk| {
        let (desk, answer) = scene(desk);
        let served = Served::new(&desk.app);
        let before = timeline(&desk, "INC-1").len();
        let mut asked = Vec::new();
        // Vera is named on INC-1: see below.
        for (name, roles, rights) in &ONLOOKERS[1..] {
            desk.person(name, *roles);
            for (n, thread) in [
                format!("Subject: Re: x\r\nIn-Reply-To: <{answer}>"),
                "Subject: Re: [INC-1] x".to_owned(),
            ]
            .iter()
            .enumerate()
            {
                // Notices of one minute are one letter.
                desk.advance(120);
                let head = format!("{thread}\r\nMessage-ID: <{name}{n}@watch.example.org>");
                let sent = proven(&desk, name, &head, ORDERS);
                assert_eq!(sent.verdict, Some(Verdict::JoinRequest), "{name} {head}");
                assert_eq!(sent.because.get("proof"), Some("proven"));
                assert_eq!(sent.because.get("rights"), Some(*rights));
                // Whoever has the ticket hears of it.
                to(&desk.letters(), "ada@watch.example.org");
                asked.push(sent);
            }
        }
        assert_eq!(timeline(&desk, "INC-1").len(), before);
        assert_eq!(ticket(&desk, "INC-1").severity, Some(Severity::Average));
        assert!(labels(&desk, "INC-1").is_empty());

        // The ledger says why, and has the text.
        let bob = desk.person("Bob", Roles::of(&[Role::Responder]));
        let reader = Visitor::logged_in(&served, &desk.app, Holder::Person(bob.id));
        for (sent, said) in [
            (&asked[0], "without a role that works on tickets"),
            (&asked[2], "without access now"),
        ] {
            let page = reader.get(&format!("/mail/in/{}", sent.id)).text;
            for shown in [said, "no keyword counts", "All nodes are gone."] {
                assert!(page.contains(shown), "{shown}\n{page}");
            }
        }
        // Let in, the text is on the ticket, for staff, and still no order.
        let letter = read_again(&desk, &asked[0]);
        let joined = intake::answer_join(&desk.as_person(&bob), asked[0].id, &letter, true);
        assert_eq!(joined.unwrap().verdict, Some(Verdict::Appended));
        let entries = timeline(&desk, "INC-1");
        let let_in = entries.iter().find(|it| it.body.contains("All nodes"));
        let let_in = let_in.unwrap();
        assert_eq!(
            (let_in.actor.clone(), let_in.audience),
            (Actor::Stranger, Audience::Internal)
        );
        assert_eq!(ticket(&desk, "INC-1").severity, Some(Severity::Average));
        // Who wrote it is sure; it says why it is no more than a stranger's word all the same.
        let room = reader.get("/INC-1").text;
        let entry = format!("id=\"e{}\"", let_in.seq);
        let entry = room
            .split(&entry)
            .nth(1)
            .unwrap()
            .split("</li>")
            .next()
            .unwrap();
        assert!(
            entry.contains("verified: one of ours, whose roles work on no tickets"),
            "{entry}"
        );
        assert!(!entry.contains("not verified"), "{entry}");
        // So do those who still ask, beside the ticket.
        assert!(
            room.contains("verified: one of ours, who has no access now"),
            "{room}"
        );
        // Turned away, it is a ticket.
        let letter = read_again(&desk, &asked[2]);
        let alone = intake::answer_join(&desk.as_person(&bob), asked[2].id, &letter, false);
        assert_eq!(alone.unwrap().verdict, Some(Verdict::Opened));
        assert!(timeline(&desk, "INC-2")[0].body.contains("All nodes"));
        assert_eq!(ticket(&desk, "INC-2").severity, Some(Severity::Average));

        for name in ["Bob", "Lea"] {
            if name == "Lea" {
                desk.person(name, Roles::of(&[Role::Lead]));
            }
            let severity = ["information", "disaster"][usize::from(name == "Lea")];
            let orders = format!("severity: {severity}\r\nlabel: {name}\r\n\r\nSeen.");
            let head = format!("Subject: Re: [INC-1] x\r\nMessage-ID: <{name}@watch.example.org>");
            let sent = proven(&desk, name, &head, &orders);
            assert_eq!(sent.verdict, Some(Verdict::Appended), "{name}");
            assert_eq!(sent.because.get("rights"), None);
            let found = ticket(&desk, "INC-1");
            assert_eq!(found.severity.map(|it| it.as_str()), Some(severity));
            assert!(labels(&desk, "INC-1").contains(&name.to_lowercase()));
        }
        let entries = timeline(&desk, "INC-1");
        let note = entries.iter().find(|it| it.kind == EntryKind::Note);
        assert_eq!(note.unwrap().actor.person(), Some(bob.id));
    }
);

both_databases!(
    e48_a_ticket_that_one_of_ours_without_such_a_role_opens_is_a_strangers_and_so_is_what_they_add,
    |desk| {
        let (desk, _) = scene(desk);
        for (place, (name, roles, rights)) in ONLOOKERS.iter().enumerate() {
            desk.person(name, *roles);
            let from = format!("{}@watch.example.org", name.to_lowercase());
            let raw = format!("From: {from}\r\nSubject: Of {name}\r\n\r\n{ORDERS}\r\n");
            let told = explain(&desk.app, None, &[], raw.as_bytes(), Form::Json).unwrap();
            let told: serde_json::Value = serde_json::from_str(&told).unwrap();
            assert_eq!(told["sender"]["who"], *rights, "{told}");
            let head = format!("Subject: Of {name}\r\nMessage-ID: <{name}@watch.example.org>");
            let sent = proven(&desk, name, &head, ORDERS);
            assert_eq!(sent.verdict, Some(Verdict::Opened), "{name}");
            let key = format!("INC-{}", place + 2);
            let opened = &timeline(&desk, &key)[0];
            assert_eq!(opened.actor, Actor::Stranger, "{name}");
            assert!(opened.body.contains("All nodes"), "{name}");
            let found = ticket(&desk, &key);
            assert_eq!(found.severity, Some(Severity::Average), "{name}");
            assert!(labels(&desk, &key).is_empty(), "{name}");
            // Who asked goes on as who asked; who has no access goes through somebody's hands.
            let answer = to(&desk.letters(), found.requester_address.as_deref().unwrap()).clone();
            let head = format!(
                "Subject: Re: x\r\nMessage-ID: <{name}2@watch.example.org>\r\nIn-Reply-To: <{}>",
                answer.message_id
            );
            let sent = proven(&desk, name, &head, "severity: disaster\r\n\r\nStill.");
            assert_eq!(
                sent.verdict,
                Some(match roles.is_empty() {
                    true => Verdict::JoinRequest,
                    false => Verdict::Appended,
                }),
                "{name}"
            );
            let added = timeline(&desk, &key);
            let added: Vec<_> = added
                .iter()
                .filter(|it| it.body.contains("Still"))
                .collect();
            assert_eq!(added.is_empty(), roles.is_empty(), "{name}");
            for entry in added {
                assert_eq!(
                    (entry.kind, entry.actor.clone(), entry.audience),
                    (
                        EntryKind::CustomerMessage,
                        Actor::Stranger,
                        Audience::Internal
                    )
                );
            }
            assert_eq!(ticket(&desk, &key).severity, Some(Severity::Average));
        }
        assert_eq!(tickets(&desk), 1 + ONLOOKERS.len());
    }
);

both_databases!(
    e47_e102_an_onlooker_whom_a_customer_names_speaks_to_staff_and_passes_nobodys_mail_on,
    |desk| {
        let (desk, answer) = scene(desk);
        desk.person("Vera", Roles::of(&[Role::Viewer]));
        let head = format!(
            "Subject: Re: x\r\nMessage-ID: <v1@watch.example.org>\r\nIn-Reply-To: <{answer}>"
        );
        let sent = proven(
            &desk,
            "Vera",
            &head,
            "severity: disaster\r\n\r\nThey never pay.",
        );
        assert_eq!(sent.verdict, Some(Verdict::Appended));
        let entries = timeline(&desk, "INC-1");
        let added = entries.iter().find(|it| it.body.contains("never pay"));
        let added = added.unwrap();
        assert_eq!(
            (added.actor.clone(), added.audience),
            (Actor::Stranger, Audience::Internal)
        );
        assert_eq!(ticket(&desk, "INC-1").severity, Some(Severity::Average));
        assert!(desk.letters().iter().all(|it| it.to.as_str() != CAROL));

        let body = "---------- Forwarded message ---------\r\nFrom: Carol <carol@contoso.example>\r\nSubject: Uplink\r\nTo: vera@watch.example.org\r\n\r\nIt is down.";
        proven(&desk, "Vera", "Subject: Fwd: Uplink", body);
        let opened = ticket(&desk, "INC-2");
        assert_eq!(
            (opened.requester, opened.requester_address.as_deref()),
            (None, Some("vera@watch.example.org"))
        );
    }
);
