//! What the calculator says about mails.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::*;

fn ask(question: Value) -> Value {
    let mut out = Vec::new();
    Calculator::default().answer(1, question.to_string().as_bytes(), &mut out);
    let mut answer: Value = serde_json::from_slice(&out).unwrap();
    answer.as_object_mut().unwrap().remove("id");
    answer
}

fn b64(raw: impl AsRef<[u8]>) -> String {
    STANDARD.encode(raw)
}

#[test]
fn a_mail_is_taken_apart() {
    let raw = "From: =?utf-8?q?J=C3=BCrgen?= <Juergen@Customer.example>\r\nTo: Desk <Support@desk.example>, \"B, C\" <b@desk.example>\r\nCc: c@desk.example\r\nSubject: =?utf-8?q?St=C3=B6rung?=\r\n in Berlin\r\nMessage-ID: <a1@customer.example>\r\nIn-Reply-To: <b@x>\r\nReferences: <a@x>\r\n <b@x>\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nGr=FC=DFe=\r\n!\r\n--x\r\nContent-Type: image/png; name=\"../a.png\"\r\nContent-Disposition: inline\r\nContent-ID: <pic@x>\r\nContent-Transfer-Encoding: base64\r\n\r\nYWJj\r\n--x\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nText\r\n--x--\r\n";
    let answer = ask(json!({"op": "mail.parse", "raw_b64": b64(raw)}));
    assert_eq!(
        answer,
        json!({
            "subject": "Störung in Berlin",
            "from_addr": "juergen@customer.example",
            "from_name": "Jürgen",
            "to": ["support@desk.example", "b@desk.example"],
            "message_id": "a1@customer.example",
            "in_reply_to": ["b@x"],
            "references": ["a@x", "b@x"],
            "text": "Grüße!",
            "attachments": [
                {
                    "filename": "../a.png",
                    "content_type": "image/png",
                    "size": 3,
                    "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                    "md5": "900150983cd24fb0d6963f7d28e17f72",
                },
                {
                    "filename": null,
                    "content_type": "message/rfc822",
                    "size": 19,
                    "sha256": answer["attachments"][1]["sha256"].clone(),
                    "md5": answer["attachments"][1]["md5"].clone(),
                },
            ],
        })
    );
    let nothing = ask(json!({"op": "mail.parse", "raw_b64": ""}));
    assert_eq!(
        (&nothing["subject"], &nothing["message_id"]),
        (&json!(""), &Value::Null)
    );
}

#[test]
fn what_was_typed_is_told_from_what_was_quoted() {
    let text = "It works.\n\nOn Mon, 2 Nov 2026 at 10:00, Desk <d@x.org> wrote:\n> Does it?\n";
    let html = "<div>It works.</div><div class=gmail_quote><div>On Mon, 2 Nov 2026 at 10:00, Desk &lt;d@x.org&gt; wrote:<br></div><blockquote>Does it?</blockquote></div>";
    let raw = format!("From: a@b.example\nContent-Type: text/html\n\n{html}");
    for question in [
        json!({"op": "mail.reply", "text": text}),
        json!({"op": "mail.reply", "html": html}),
        json!({"op": "mail.reply", "raw_b64": b64(raw)}),
    ] {
        assert_eq!(
            ask(question.clone()),
            json!({"reply": "It works."}),
            "{question}"
        );
    }
}

#[test]
fn who_may_not_be_answered_is_told() {
    for (head, auto, bounce) in [
        ("", false, false),
        ("Auto-Submitted: no\n", false, false),
        ("Auto-Submitted: auto-replied\n", true, false),
        ("X-Auto-Response-Suppress: All\n", true, false),
        ("X-Auto-Response-Suppress: None\n", false, false),
        ("Precedence: bulk\n", true, false),
        ("Return-Path: <>\n", true, false),
        ("X-Failed-Recipients: a@b.example\n", true, true),
        (
            "Content-Type: multipart/report; report-type=delivery-status; boundary=x\n",
            true,
            true,
        ),
    ] {
        let raw = format!("From: a@b.example\nSubject: x\n{head}\nText\n");
        assert_eq!(
            ask(json!({"op": "mail.class", "raw_b64": b64(raw)})),
            json!({"auto": auto, "bounce": bounce}),
            "{head}"
        );
    }
}

#[test]
fn mails_of_one_ticket_have_one_number() {
    let mail = |id: &str, from: &str, to: &str, more: &str| {
        b64(format!(
            "From: {from}\nTo: {to}\nSubject: x\nMessage-ID: <{id}>\n{more}\nText of {id} {from}\n"
        ))
    };
    let (ada, bob, eve, desk) = (
        "ada@x.example",
        "bob@x.example",
        "eve@y.example",
        "desk@d.example",
    );
    for (name, mails, groups) in [
        (
            "in-reply-to, references alone, and the nearest one first",
            vec![
                mail("1", ada, desk, "Cc: bob@x.example\n"),
                mail("2", desk, ada, "In-Reply-To: <1>\n"),
                mail("3", bob, desk, "References: <0> <1>\n"),
                mail("4", ada, desk, ""),
                mail("5", ada, desk, "References: <1> <4> <unknown>\n"),
            ],
            json!([1, 1, 1, 2, 2]),
        ),
        (
            "a stranger asks to join",
            vec![
                mail("1", ada, desk, ""),
                mail("2", eve, desk, "In-Reply-To: <1>\n"),
                mail("3", ada, desk, "In-Reply-To: <1>\n"),
            ],
            json!([1, 2, 1]),
        ),
        (
            "the same mail again, and another one with its id",
            vec![
                mail("1", ada, desk, ""),
                mail("1", ada, desk, ""),
                mail("1", bob, desk, ""),
                mail("2", ada, desk, "In-Reply-To: <1>\n"),
            ],
            json!([1, 1, 2, 3]),
        ),
        (
            "nothing in common",
            vec![mail("1", ada, desk, ""), b64("no mail at all")],
            json!([1, 2]),
        ),
        ("none", vec![], json!([])),
    ] {
        let answer = ask(json!({"op": "mail.thread", "raw_b64s": mails}));
        assert_eq!(answer, json!({"groups": groups}), "{name}");
    }
}

#[test]
fn a_question_that_is_no_mail_says_so() {
    for (question, code, field) in [
        (json!({"op": "mail.parse"}), "required", "raw_b64"),
        (
            json!({"op": "mail.parse", "raw_b64": "*"}),
            "not-base64",
            "raw_b64",
        ),
        (
            json!({"op": "mail.class", "raw_b64": 1}),
            "not-a-text",
            "raw_b64",
        ),
        (json!({"op": "mail.reply"}), "required", "text"),
        (
            json!({"op": "mail.reply", "text": "a", "html": "b"}),
            "one-of-text-html-raw",
            "text",
        ),
        (
            json!({"op": "mail.thread", "raw_b64s": ["", "*"]}),
            "not-base64",
            "raw_b64s[1]",
        ),
        (
            json!({"op": "mail.parse", "raw_b64": "", "more": 1}),
            "unknown-field",
            "more",
        ),
    ] {
        let answer = ask(question.clone());
        assert_eq!(
            (
                answer["error"]["code"].as_str(),
                answer["error"]["field"].as_str()
            ),
            (Some(code), Some(field)),
            "{question}"
        );
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(!message.starts_with("field-"), "{message}");
    }
}
