//! Our mail as its recipient's server sees it: what a relay was really given verifies by the record that `watchkeeper mail dkim`
//! prints. The check of a signature is written here anew, after RFC 6376.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use sha2::{Digest, Sha256};
use watchkeeper::actions::{ticket as act, ticket_parts};
use watchkeeper::config::Dkim;
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::outbound::Post;
use watchkeeper::store::people::Holder;
use watchkeeper::store::ticket::Watcher;

use crate::desk::{Desk, On};
use crate::git_bench::WATCHKEEPER;
use crate::mail::{colleague, contoso, key, mail};
use crate::served::Served;
use crate::visitor::Visitor;

const DOMAIN: &str = "watch.example.org";
const SELECTOR: &str = "watch2026";

/// A relay that takes everything and remembers the texts, on a port of its own.
fn relay() -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let taken = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&taken);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let kept = Arc::clone(&kept);
            std::thread::spawn(move || {
                let mut lines = BufReader::new(stream.try_clone().unwrap());
                let mut say = move |text: &str| write!(stream, "{text}\r\n");
                say("220 relay").unwrap();
                let mut line = String::new();
                loop {
                    line.clear();
                    if lines.read_line(&mut line).unwrap_or(0) == 0 {
                        return;
                    }
                    if line.starts_with("DATA") {
                        say("354 go on").unwrap();
                        let mut text = String::new();
                        loop {
                            line.clear();
                            lines.read_line(&mut line).unwrap();
                            if line == ".\r\n" {
                                break;
                            }
                            text.push_str(line.strip_prefix('.').unwrap_or(&line));
                        }
                        kept.lock().unwrap().push(text);
                    }
                    if say("250 ok").is_err() {
                        return;
                    }
                }
            });
        }
    });
    (port, taken)
}

/// The desk with a real relay and this key.
fn signing_desk(pem: &str) -> (Desk, Arc<Mutex<Vec<String>>>) {
    let (port, taken) = relay();
    let mut desk = Desk::new(On::Sqlite);
    let app = Arc::get_mut(&mut desk.app).expect("nobody else holds it yet");
    app.config.smtp_relay = Some(format!("smtp://127.0.0.1:{port}"));
    app.config.dkim = Some(Dkim {
        domain: DOMAIN.to_owned(),
        selector: SELECTOR.to_owned(),
        key: format!("tests/vectors/dkim/{pem}").into(),
    });
    app.post = Post::of(&app.config);
    (desk, taken)
}

/// What the program prints for the key: where the record stands, and its text.
fn printed(pem: &str) -> (String, String) {
    let printed = Command::new(WATCHKEEPER)
        .args(["mail", "dkim"])
        .env("WATCHKEEPER_DKIM_DOMAIN", DOMAIN)
        .env("WATCHKEEPER_DKIM_SELECTOR", SELECTOR)
        .env("WATCHKEEPER_DKIM_KEY", format!("tests/vectors/dkim/{pem}"))
        .output()
        .unwrap();
    assert!(printed.status.success(), "{printed:?}");
    let line = String::from_utf8(printed.stdout).unwrap();
    let (name, rest) = line.split_once(". IN TXT ( ").unwrap();
    let pieces: Vec<&str> = rest.split('"').skip(1).step_by(2).collect();
    assert!(pieces.iter().all(|piece| piece.len() <= 255), "{line}");
    (name.to_owned(), pieces.concat())
}

/// Whether the signature of a mail holds, by its domain's record.
fn verify(raw: &str, record: &str) -> Result<(), String> {
    let (head, body) = raw.split_once("\r\n\r\n").ok_or("no body")?;
    let fields = fields(head);
    let (_, signature) = fields
        .iter()
        .find(|(name, _)| name == "dkim-signature")
        .ok_or("not signed")?;
    let tags = tags(signature);
    let tag = |name: &str| tags.get(name).cloned().unwrap_or_default();
    if tag("d") != DOMAIN || tag("s") != SELECTOR || tag("c") != "relaxed/relaxed" {
        return Err(format!("{tags:?}"));
    }
    let hash = STANDARD.encode(Sha256::digest(relaxed_body(body)));
    if hash != tag("bh") {
        return Err("the body was changed".to_owned());
    }
    let mut signed = String::new();
    let mut left = fields.clone();
    for name in tag("h").split(':') {
        if let Some(at) = left.iter().rposition(|(known, _)| known == name) {
            let (name, value) = left.remove(at);
            signed.push_str(&format!("{name}:{}\r\n", relaxed(&value)));
        }
    }
    let bare = signature.rsplit_once("b=").ok_or("no b=")?.0;
    signed.push_str(&format!("dkim-signature:{}", relaxed(&format!("{bare}b="))));
    let published = self::tags(record);
    let public = STANDARD
        .decode(&published["p"])
        .map_err(|it| it.to_string())?;
    let proof = STANDARD.decode(tag("b")).map_err(|it| it.to_string())?;
    let holds = match (tag("a").as_str(), published["k"].as_str()) {
        // The key's own bytes stand behind 24 that say what it is.
        ("rsa-sha256", "rsa") => UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &public[24..])
            .verify(signed.as_bytes(), &proof),
        ("ed25519-sha256", "ed25519") => {
            UnparsedPublicKey::new(&ED25519, &public[..]).verify(&Sha256::digest(signed), &proof)
        }
        other => return Err(format!("{other:?}")),
    };
    holds.map_err(|_| "the signature doesn't hold".to_owned())
}

/// Names in lower case, and values with their folds.
fn fields(head: &str) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in head.split("\r\n") {
        if line.starts_with([' ', '\t']) {
            let last = fields.last_mut().unwrap();
            last.1.push_str(line);
        } else {
            let (name, value) = line.split_once(':').unwrap();
            fields.push((name.to_lowercase(), value.to_owned()));
        }
    }
    fields
}

fn tags(value: &str) -> HashMap<String, String> {
    let pairs = value.split(';').filter_map(|tag| tag.split_once('='));
    pairs
        .map(|(name, value)| {
            let value = value.chars().filter(|c| !c.is_whitespace()).collect();
            (name.trim().to_owned(), value)
        })
        .collect()
}

/// One blank for many, none at the ends.
fn relaxed(text: &str) -> String {
    let words = text.split([' ', '\t']).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

fn relaxed_body(body: &str) -> String {
    let mut out = String::new();
    for line in body.split("\r\n") {
        let leads = line.starts_with([' ', '\t']);
        let line = relaxed(line);
        out.push_str(if leads && !line.is_empty() { " " } else { "" });
        out.push_str(&line);
        out.push_str("\r\n");
    }
    while out.ends_with("\r\n\r\n") {
        out.truncate(out.len() - 2);
    }
    out
}

#[test]
fn what_a_relay_is_given_verifies_by_the_printed_record() {
    for pem in ["rsa.pem", "rsa-traditional.pem", "ed25519.pem"] {
        let (name, record) = printed(pem);
        assert_eq!(name, format!("{SELECTOR}._domainkey.{DOMAIN}"));
        let (desk, taken) = signing_desk(pem);
        contoso(&desk);
        mail(
            &desk,
            "carol@contoso.example",
            "Subject: =?utf-8?q?St=C3=B6rung?= of a line whose name is so long that the answer's subject has to be folded\r\nMessage-ID: <c1@contoso.example>",
            "Since noon.",
        );
        let ada = desk.person("Ada", Roles::of(&[Role::Responder]));
        act::take(&desk.as_person(&ada), key("INC-1"), None).unwrap();
        let bob = colleague(&desk, "carol@contoso.example", "Bob", "bob@contoso.example");
        let bob = Watcher::Contact(bob);
        ticket_parts::watch(&desk.as_person(&ada), key("INC-1"), bob).unwrap();
        let text = "We replaced the card.  \n\n.\nGrüße\n\n\n";
        act::reply(&desk.as_person(&ada), key("INC-1"), text, None, None).unwrap();
        desk.settle();
        let sent = taken.lock().unwrap().clone();
        assert!(sent.len() >= 2, "{sent:?}");
        for raw in &sent {
            assert_eq!(verify(raw, &record), Ok(()), "{pem}\n{raw}");
        }
        // Whatever tells programs what it is, and threads it, is under the signature.
        let reply = sent.iter().find(|it| it.contains("In-Reply-To:")).unwrap();
        let (head, _) = reply.split_once("\r\n\r\n").unwrap();
        let all = fields(head);
        let signature = &all.iter().find(|it| it.0 == "dkim-signature").unwrap().1;
        let covered = tags(signature)["h"].clone();
        for name in [
            "from",
            "to",
            "subject",
            "date",
            "message-id",
            "reply-to",
            "in-reply-to",
            "references",
            "list-id",
            "mime-version",
        ] {
            assert!(all.iter().any(|it| it.0 == name), "{name} is there: {head}");
            assert!(covered.split(':').any(|it| it == name), "{name}: {covered}");
        }
        // Whoever watches may leave with one click, which counts only where the signature covers it (RFC 8058).
        let watched = sent
            .iter()
            .find(|it| it.contains("List-Unsubscribe-Post: "));
        let (head, _) = watched
            .expect("Bob watches")
            .split_once("\r\n\r\n")
            .unwrap();
        let all = fields(head);
        let signature = &all.iter().find(|it| it.0 == "dkim-signature").unwrap().1;
        let covered = tags(signature)["h"].clone();
        for name in ["list-unsubscribe", "list-unsubscribe-post"] {
            assert!(all.iter().any(|it| it.0 == name), "{name}: {head}");
            assert!(covered.split(':').any(|it| it == name), "{name}: {covered}");
        }
        let answer = sent
            .iter()
            .find(|it| it.contains("Auto-Submitted: "))
            .unwrap();
        for (from, to) in [
            ("From: Watchkeeper ", "From: Mallory "),
            ("\r\nAuto-Submitted: auto-replied", "\r\nAuto-Submitted: no"),
            ("\r\nMessage-ID: <", "\r\nMessage-ID: <x"),
            ("\r\nList-Id: ", "\r\nList-Id: x"),
            (
                "\r\nMIME-Version: 1.0",
                "\r\nMIME-Version: 1.0\r\nCc: mallory@x.example",
            ),
            ("arrived and is", "arrived and was"),
        ] {
            assert!(answer.contains(from), "{from}: {answer}");
            let changed = answer.replacen(from, to, 1);
            assert!(verify(&changed, &record).is_err(), "{from}");
        }
    }
}

#[test]
fn e98_a_mail_s_signature_still_verifies_over_what_is_handed_out() {
    let (_, record) = printed("rsa.pem");
    let (theirs, taken) = signing_desk("rsa.pem");
    contoso(&theirs);
    let head = "Subject: Uplink\r\nMessage-ID: <c1@contoso.example>";
    mail(&theirs, "carol@contoso.example", head, "Since noon.");
    let ada = theirs.person("Ada", Roles::of(&[Role::Responder]));
    let text = "Two  blanks and a tab\t \n\n.\n..dots Gr\u{fc}\u{df}e\n\n\n";
    act::reply(&theirs.as_person(&ada), key("INC-1"), text, None, None).unwrap();
    theirs.settle();
    let sent = taken.lock().unwrap().clone();
    let signed = sent.iter().find(|it| it.contains("blanks")).unwrap();

    // Another house takes it in, as a relay hands it over, and hands it out again.
    let ours = Desk::new(On::Sqlite);
    let came = format!("Received: from x by mx.example\r\n{signed}");
    let stored = crate::mail::deliver(&ours, Some("desk@x.example"), came.as_bytes());
    let eve = ours.person("Eve", Roles::of(&[Role::Responder]));
    let served = Served::new(&ours.app);
    let eve = Visitor::logged_in(&served, &ours.app, Holder::Person(eve.id));
    let out = eve.get(&format!("/mail/in/{}/raw", stored.id));
    assert_eq!(verify(&out.text, &record), Ok(()), "{}", out.text);
    assert!(verify(&out.text.replace("blanks", "blank"), &record).is_err());
    ours.let_letters_go();
}

#[test]
fn nothing_goes_out_unsigned_because_the_key_cannot_be_read() {
    let (desk, taken) = signing_desk("nowhere.pem");
    contoso(&desk);
    mail(
        &desk,
        "carol@contoso.example",
        "Subject: Uplink\r\nMessage-ID: <c1@contoso.example>",
        "Since noon.",
    );
    desk.settle();
    assert!(taken.lock().unwrap().is_empty());
    let waiting = desk
        .app
        .store
        .read(|conn| watchkeeper::store::outbox::page(conn, None, None, 10))
        .unwrap();
    assert!(!waiting.is_empty());
    for delivery in waiting {
        let why = delivery.last_error.unwrap_or_default();
        assert!(
            why.starts_with("`dkim_key`: tests/vectors/dkim/nowhere.pem: "),
            "{why}"
        );
    }
}

#[test]
fn a_key_that_signs_nothing_is_named_at_the_start() {
    let asked = |pem: &str| {
        let run = Command::new(WATCHKEEPER)
            .arg("serve")
            .env("WATCHKEEPER_DKIM_DOMAIN", DOMAIN)
            .env("WATCHKEEPER_DKIM_SELECTOR", SELECTOR)
            .env("WATCHKEEPER_DKIM_KEY", pem)
            .output()
            .unwrap();
        assert!(!run.status.success());
        String::from_utf8_lossy(&run.stderr).into_owned()
    };
    let said = asked("tests/vectors/dkim/short.pem");
    assert!(
        said.contains("an RSA key of 512 bits is too short"),
        "{said}"
    );
    let said = asked("tests/vectors/dkim/README.md");
    assert!(
        said.contains("no private key of RSA or Ed25519 in PEM"),
        "{said}"
    );
    let none = Command::new(WATCHKEEPER)
        .args(["mail", "dkim"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&none.stderr).into_owned();
    assert!(
        !none.status.success() && said.contains("mail isn't signed"),
        "{said}"
    );
}
