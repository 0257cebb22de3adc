//! A signed mail on its ticket and on its own page: case 95.

use std::sync::Arc;

use watchkeeper::cli::mail_explain::{Form, explain};
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::intake::smime::Authorities;
use watchkeeper::store::people::Holder;

use crate::both_databases;
use crate::mail::{contoso, deliver, timeline};
use crate::served::Served;
use crate::visitor::Visitor;

const CAROL: &str = "carol@contoso.example";

fn file(name: &str) -> Vec<u8> {
    std::fs::read(format!("tests/vectors/mail/smime/{name}")).unwrap()
}

both_databases!(
    e95_a_signature_is_named_at_the_mail_and_on_the_timeline_with_its_text,
    |mut desk| {
        let app = Arc::get_mut(&mut desk.app).expect("nobody else holds it yet");
        app.config.smime_ca = Authorities::parse(&file("root.pem")).unwrap();
        desk.let_letters_go();
        contoso(&desk);
        let served = Served::new(&desk.app);
        let ada = desk.person("Ada", Roles::of(&[Role::Responder]));
        let browser = Visitor::logged_in(&served, &desk.app, Holder::Person(ada.id));
        for (number, (name, outcome, signer, mark, sentence)) in (1..).zip([
            (
                "opaque.eml",
                "signature_valid",
                CAROL,
                "signature valid",
                "It is signed by its sender",
            ),
            (
                "not-sender.eml",
                "signature_intact signer_not_sender",
                "bob@contoso.example",
                "signer is not the sender",
                "the certificate is for another address",
            ),
            (
                "expired.eml",
                "signature_intact certificate_expired",
                CAROL,
                "certificate had ended",
                "certificate had ended when it came",
            ),
            (
                "stranger.eml",
                "signature_intact chain_untrusted",
                CAROL,
                "issuer not trusted",
                "leads to no authority that is trusted here",
            ),
        ]) {
            let came = deliver(&desk, Some(CAROL), &file(name));
            let inc = format!("INC-{number}");
            let first = timeline(&desk, &inc).remove(0);
            assert_eq!(first.facts.get("signature"), Some(outcome), "{name}");
            assert_eq!(first.facts.get("signer"), Some(signer), "{name}");
            assert!(first.body.contains("Uplink down since noon, grün."));
            let room = browser.get(&format!("/{inc}")).text;
            assert!(room.contains(mark), "{name}: {room}");
            assert!(room.contains(&format!("signed by {signer}")), "{room}");
            let page = browser.get(&format!("/mail/in/{}", came.id)).text;
            assert!(page.contains(sentence), "{name}: {page}");
            assert!(page.contains("Uplink down since noon"), "{page}");
            assert!(!page.contains("wasn&#39;t checked"), "{page}");
        }
        // A reply says so too, and one whose text was changed on its way.
        let changed = String::from_utf8(file("detached.eml")).unwrap();
        let changed = changed
            .replace("Subject: Uplink", "Subject: Re: [INC-1] Uplink")
            .replace("since noon", "since nine");
        deliver(&desk, Some(CAROL), changed.as_bytes());
        let entries = timeline(&desk, "INC-1");
        let last = entries
            .iter()
            .rfind(|entry| entry.body.contains("since nine"))
            .expect("appended, and shown");
        assert_eq!(last.facts.get("signature"), Some("signature_broken"));
        let told = explain(&desk.app, Some(CAROL), &[], changed.as_bytes(), Form::Text);
        assert!(told.unwrap().contains("The signature doesn't hold"));
        let told = explain(&desk.app, Some(CAROL), &[], &file("pss.eml"), Form::Json);
        let told: serde_json::Value = serde_json::from_str(&told.unwrap()).unwrap();
        assert_eq!(
            told["read"]["remarks"],
            serde_json::json!(["signature_valid"])
        );
        assert_eq!(told["read"]["signer"], CAROL);
    }
);
