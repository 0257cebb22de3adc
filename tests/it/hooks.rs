//! What leaves by webhook: a page to a person's own, signed with their secret; calls to whoever the house tells, kept on a page.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::outgoing::OutgoingCall;
use watchkeeper::outbound::webhook::headers;
use watchkeeper::store::people::Holder;

use crate::accounts::founded;
use crate::both_databases;
use crate::served::Served;
use crate::visitor::{Answer, Visitor};

/// What a receiver does with Standard Webhooks: takes the headers and the body, and the secret it was given.
fn fits(call: &OutgoingCall, secret: &str) -> bool {
    let headers = headers(call);
    let head = |name: &str| {
        let found = headers.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let key = STANDARD
        .decode(secret.strip_prefix("whsec_").expect("a secret's mark"))
        .expect("base 64");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    let (id, at) = (head("webhook-id"), head("webhook-timestamp"));
    mac.update(format!("{id}.{at}.{}", call.body).as_bytes());
    let own = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    assert!(!id.is_empty() && at.parse::<i64>().is_ok(), "{headers:?}");
    head("webhook-signature") == own
}

/// The secret that a page shows.
fn secret(answer: &Answer) -> String {
    let (_, rest) = answer
        .text
        .split_once(">whsec_")
        .expect("a secret is shown");
    let secret = rest.split('<').next().unwrap();
    // As HTML writes it.
    format!(
        "whsec_{}",
        secret.replace("&#61;", "=").replace("&#43;", "+")
    )
}

both_databases!(
    a_page_to_ones_own_webhook_is_signed_with_ones_own_secret,
    |desk| {
        let founded = founded(&desk);
        let served = Served::new(&desk.app);
        let ada = Visitor::logged_in(&served, &desk.app, Holder::Person(founded.admin));
        let url = "https://pager.example.org/ada";
        let saved = ada.post("/profile/ways", &[("way_mail", ""), ("way_webhook", url)]);
        assert_eq!(saved.status, 200, "{}", saved.text);
        let first = secret(&saved);
        // It is shown this once.
        let page = ada.get("/profile").text;
        assert!(!page.contains("whsec_") && page.contains("are signed with your secret"));
        let again = ada.post("/profile/ways", &[("way_mail", ""), ("way_webhook", url)]);
        assert_eq!(again.status, 303, "the secret stays");

        ada.post("/test-page", &[]);
        let calls = desk.calls();
        assert_eq!(calls.len(), 1, "{calls:?}");
        assert_eq!(calls[0].url, url);
        assert!(fits(&calls[0], &first), "{:?}", headers(&calls[0]));

        let renewed = secret(&ada.post("/profile/signing-secret", &[]));
        assert_ne!(renewed, first);
        desk.advance(3_600);
        ada.post("/test-page", &[]);
        let calls = desk.calls();
        assert_eq!(calls.len(), 1, "{calls:?}");
        assert!(fits(&calls[0], &renewed) && !fits(&calls[0], &first));
        desk.let_letters_go();
    }
);

both_databases!(
    webhooks_are_added_tried_paused_and_deleted_on_their_page,
    |desk| {
        let founded = founded(&desk);
        let served = Served::new(&desk.app);
        let ada = Visitor::logged_in(&served, &desk.app, Holder::Person(founded.admin));
        desk.let_letters_go();
        assert!(ada.get("/settings").text.contains("href=\"/webhooks\""));
        let wrong = ada.post(
            "/webhooks",
            &[
                ("name", "Chat"),
                ("url", "chat"),
                ("events", "ticket.exploded"),
            ],
        );
        assert_eq!(wrong.status, 422);
        assert!(
            wrong.text.contains("ticket.exploded</textarea>")
                && wrong.text.contains("value=\"chat\""),
            "what was typed is kept: {}",
            wrong.text
        );
        let url = "https://chat.example.org/in";
        let made = ada.post(
            "/webhooks",
            &[
                ("name", "Chat"),
                ("url", url),
                ("events", "ticket.opened, ticket.resolved"),
            ],
        );
        assert_eq!(made.status, 200, "{}", made.text);
        let secret = secret(&made);
        let (_, id) = made.text.split_once("href=\"/webhooks/").expect("its page");
        let place = format!("/webhooks/{}", id.split('"').next().unwrap());
        assert!(!ada.get(&place).text.contains("whsec_"));

        ada.post("/new", &[("title", "Uplink down"), ("severity", "warning")]);
        let calls = desk.calls();
        assert_eq!(calls.len(), 1, "{calls:?}");
        assert!(calls[0].url == url && calls[0].body.contains("ticket.opened"));
        assert!(fits(&calls[0], &secret), "{:?}", headers(&calls[0]));
        let page = ada.get(&place).text;
        assert!(page.contains(">ticket.opened</a>"), "{page}");
        assert_eq!(ada.post(&format!("{place}/ping"), &[]).status, 303);
        assert!(desk.calls()[0].body.contains("\"ping\""));

        // What happens while it is paused is not told, then or later.
        ada.post(&format!("{place}/pause"), &[]);
        assert!(ada.get("/webhooks").text.contains("paused"));
        ada.post(
            "/new",
            &[("title", "Mail is slow"), ("severity", "warning")],
        );
        assert_eq!(ada.post(&format!("{place}/ping"), &[]).status, 422);
        assert_eq!(desk.calls(), []);
        ada.post(&format!("{place}/resume"), &[]);
        assert_eq!(desk.calls(), []);

        let stale = [
            ("name", "Chat"),
            ("url", url),
            ("events", "*"),
            ("rev", "1"),
        ];
        assert_eq!(ada.post(&place, &stale).status, 409);
        let fresh = [
            ("name", "Chat room"),
            ("url", url),
            ("events", "*"),
            ("rev", "3"),
        ];
        assert_eq!(ada.post(&place, &fresh).status, 303);
        ada.post("/INC-2/note", &[("body", "It is the disk")]);
        assert!(
            desk.calls()
                .iter()
                .any(|call| call.body.contains("ticket.note"))
        );

        assert_eq!(ada.post(&format!("{place}/delete"), &[]).status, 303);
        assert_eq!(ada.get(&place).status, 404);
        ada.post("/INC-2/note", &[("body", "It was the disk")]);
        assert_eq!(desk.calls(), []);
        let audit = ada.get("/audit").text;
        for deed in ["added a webhook", "changed a webhook", "removed a webhook"] {
            assert!(audit.contains(deed), "{deed}");
        }
        let bob = desk.person("Bob", Roles::of(&[Role::Lead]));
        let bob = Visitor::logged_in(&served, &desk.app, Holder::Person(bob.id));
        assert_eq!(bob.get("/webhooks").status, 403);
    }
);
