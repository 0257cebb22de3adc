//! What is attached may be for customers from the first: it goes out as an answer or an update does, after a look at its letters.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use watchkeeper::actions::{proposal, settings};
use watchkeeper::domain::outgoing::OutgoingMail;
use watchkeeper::domain::settings::SettingKey;
use watchkeeper::domain::sla_clock::ClockState;
use watchkeeper::domain::timeline::{Audience, EntryKind};
use watchkeeper::store::people::Holder;

use crate::answer_one::{FRANK, hit, hit_by_program};
use crate::both_databases;
use crate::mail::{key, timeline};
use crate::program::{Part, Program};
use crate::served::Served;
use crate::sla::{caches_are_true, entries};
use crate::visitor::{Answer, Visitor};
use crate::wording::{CAROL, to};

/// The files that a page's form carries on.
fn carried(page: &Answer) -> Vec<String> {
    let found = page.text.split("name=\"carried\" value=\"").skip(1);
    found
        .filter_map(|rest| Some(rest.split_once('"')?.0.to_owned()))
        .collect()
}

fn files(letter: &OutgoingMail) -> Vec<(&str, &[u8])> {
    let files = letter.files.iter();
    files
        .map(|file| (file.name.as_str(), file.bytes.as_slice()))
        .collect()
}

both_databases!(
    evidence_that_customers_may_read_goes_out_after_a_look_and_meets_their_clocks,
    |desk| {
        let hit = hit(&desk);
        let served = Served::new(&desk.app);
        let enter = |holder| Visitor::logged_in(&served, &desk.app, holder);
        let ben = enter(Holder::Person(hit.scene.ben.id));
        let (carol, frank) = (
            enter(Holder::Contact(hit.scene.carol)),
            enter(Holder::Contact(hit.frank)),
        );
        // Without a word about it, it stays among us.
        let kept = ben.upload("/INC-1/note", &[("audience", "")], &[("a.txt", b"ours")]);
        assert_eq!(kept.status, 303, "{}", kept.text);
        assert!(desk.letters().is_empty());
        let own = entries(&desk, &hit.scene.ticket, EntryKind::Evidence).remove(0);
        assert_eq!(own.audience, Audience::Internal);

        let fabrikam = hit.fabrikam.to_string();
        for (audience, text, kind, readers) in [
            ("customer", "For Contoso.", EntryKind::Reply, &[CAROL][..]),
            (&*fabrikam, "For Fabrikam.", EntryKind::Reply, &[FRANK][..]),
            (
                "all_affected",
                "For all.",
                EntryKind::Update,
                &[CAROL, FRANK],
            ),
        ] {
            let before = timeline(&desk, "INC-1").len();
            let form = [("audience", audience), ("body", text), ("seen", "999")];
            let looked = ben.upload("/INC-1/note", &form, &[("graph.txt", b"flat")]);
            assert_eq!(looked.status, 200, "{}", looked.text);
            assert!(desk.letters().is_empty(), "nothing has gone");
            assert_eq!(timeline(&desk, "INC-1").len(), before);
            let look = looked.text.split("id=\"note-look\"").nth(1).unwrap();
            let look = look.split("</section>").next().unwrap();
            for reader in [CAROL, FRANK] {
                assert_eq!(look.contains(reader), readers.contains(&reader), "{look}");
            }
            assert!(look.contains("graph.txt"), "{look}");
            let carried = carried(&looked);
            assert_eq!(carried.len(), 1, "{}", looked.text);
            // Others than those who were shown are shown first.
            let shown = [("sure", "somebody"), ("carried", carried[0].as_str())];
            let again = ben.post("/INC-1/note", &[&form[..], &shown].concat());
            assert_eq!(again.status, 200, "{}", again.text);
            assert!(desk.letters().is_empty());
            let sure = [("sure", audience), ("carried", carried[0].as_str())];
            let sent = ben.post("/INC-1/note", &[&form[..], &sure].concat());
            assert_eq!(sent.status, 303, "{}", sent.text);
            let letters = desk.letters();
            assert_eq!(letters.len(), readers.len(), "{letters:?}");
            for reader in readers {
                let letter = to(&letters, reader)[0];
                assert!(letter.text.contains(text));
                assert_eq!(files(letter), [("graph.txt", &b"flat"[..])]);
            }
            let said = entries(&desk, &hit.scene.ticket, kind).pop().unwrap();
            assert_eq!(said.body, text);
            for (page, reader) in [(&carol, CAROL), (&frank, FRANK)] {
                let portal = page.get("/portal/INC-1").text;
                assert_eq!(portal.contains(text), readers.contains(&reader));
                assert!(!portal.contains("a.txt"), "{portal}");
            }
        }
        for customer in [hit.contoso(), hit.fabrikam] {
            assert_eq!(hit.respond(&desk, customer).0, ClockState::Met);
        }
        caches_are_true(&desk, &hit.scene.ticket);
    }
);

both_databases!(
    evidence_for_customers_waits_where_own_words_do_and_takes_a_word,
    |desk| {
        let hit = hit(&desk);
        let rule = [(SettingKey::OwnWords, "always".to_owned())];
        settings::change(&desk.as_person(&hit.scene.ada), &rule).unwrap();
        let served = Served::new(&desk.app);
        let ben = Visitor::logged_in(&served, &desk.app, Holder::Person(hit.scene.ben.id));
        for audience in ["customer", "all_affected"] {
            let form = [("audience", audience), ("sure", audience)];
            let bare = ben.upload("/INC-1/note", &form, &[("graph.txt", b"flat")]);
            assert_eq!(bare.status, 422, "{}", bare.text);
            assert_eq!(carried(&bare).len(), 1, "the file is kept");
        }
        for wrong in ["nobody", "00000000-0000-0000-0000-000000000000"] {
            let form = [("audience", wrong), ("body", "Look."), ("sure", wrong)];
            let refused = ben.upload("/INC-1/note", &form, &[("graph.txt", b"flat")]);
            assert_eq!(refused.status, 422, "{}", refused.text);
            assert!(refused.text.contains("class=\"err\""));
        }
        let form = [
            ("audience", "customer"),
            ("body", "Look."),
            ("sure", "customer"),
        ];
        let waits = ben.upload("/INC-1/note", &form, &[("graph.txt", b"flat")]);
        assert_eq!(waits.status, 303, "{}", waits.text);
        assert!(to(&desk.letters(), CAROL).is_empty());
        assert_eq!(hit.respond(&desk, hit.contoso()).0, ClockState::Running);
        let seq = entries(&desk, &hit.scene.ticket, EntryKind::WordsProposed)[0].seq;
        proposal::approve(&desk.as_person(&hit.scene.ada), key("INC-1"), seq, None).unwrap();
        let letters = desk.letters();
        assert_eq!(files(to(&letters, CAROL)[0]), [("graph.txt", &b"flat"[..])]);
        assert_eq!(hit.respond(&desk, hit.contoso()).0, ClockState::Met);
    }
);

both_databases!(
    a_program_says_who_may_read_the_evidence_it_attaches,
    |desk| {
        let program = Program::new(desk);
        let (desk, hit) = (&program.desk, hit_by_program(&program));
        let place = "/api/v1/tickets/INC-1/evidence";
        let fabrikam = hit.fabrikam.to_string();
        let call = |query: &str, more: Value| {
            let mut body =
                json!({"name": "df.log", "content": STANDARD.encode("full"), "body": "Full."});
            let fields = more.as_object().unwrap().clone();
            body.as_object_mut().unwrap().extend(fields);
            program.call(
                "POST",
                &format!("{place}{query}"),
                &[],
                Some(&body.to_string()),
            )
        };
        assert_eq!(call("", json!({})).status, 200);
        assert_eq!(call("", json!({"audience": "internal"})).status, 200);
        assert!(desk.letters().is_empty());
        let one = json!({"audience": "customer", "customer_id": fabrikam});
        let looked = call("?dry_run=1", one.clone());
        assert_eq!(looked.status, 200, "{}", looked.body);
        assert_eq!(looked.body["letters"][0]["to"], FRANK);
        assert_eq!(looked.body["letters"][0]["files"][0]["name"], "df.log");
        assert!(entries(desk, &hit.scene.ticket, EntryKind::Reply).is_empty());
        assert_eq!(call("", one).status, 200);
        let letters = desk.letters();
        assert_eq!(letters.len(), 1, "{letters:?}");
        assert_eq!(files(to(&letters, FRANK)[0]), [("df.log", &b"full"[..])]);
        assert_eq!(hit.respond(desk, hit.contoso()).0, ClockState::Running);
        assert_eq!(call("", json!({"audience": "customer"})).status, 200);
        assert_eq!(to(&desk.letters(), CAROL).len(), 1);
        assert_ne!(hit.respond(desk, hit.contoso()).0, ClockState::Running);
        // As a form's parts.
        let parts = [
            Part::File("graph.txt", b"flat"),
            Part::Text("body", "How it stands."),
            Part::Text("audience", "all_affected"),
        ];
        let sent = program.upload(place, &[], &parts);
        assert_eq!(sent.status, 200, "{}", sent.body);
        assert_eq!(desk.letters().len(), 2);
        for (more, field, problem) in [
            (json!({"audience": "everybody"}), "audience", "unknown-word"),
            (
                json!({"customer_id": fabrikam}),
                "customer_id",
                "audience-no-customer",
            ),
            (
                json!({"audience": "customer", "body": " "}),
                "body",
                "required",
            ),
        ] {
            let refused = call("", more);
            assert_eq!(refused.status, 422, "{}", refused.body);
            assert_eq!(refused.faults(), [(field.to_owned(), problem.to_owned())]);
        }
        let parts = [
            Part::File("graph.txt", b"flat"),
            Part::Text("customer_id", "Fabrikam"),
        ];
        let refused = program.upload(place, &[], &parts);
        let fault = ("customer_id".to_owned(), "not-an-id".to_owned());
        assert_eq!(refused.faults(), [fault], "{}", refused.body);
    }
);
