//! Signed mails as other programs write them. `tests/vectors/mail/smime/make.sh` says how they were made; all of them came on
//! 1 June 2026 and say the same.

use base64::Engine;

use super::mail::read_checked;
use super::smime::Authorities;
use crate::domain::letter::{Letter, Remark};
use crate::domain::timestamp::Timestamp;

const FOLDER: &str = "tests/vectors/mail/smime";

fn file(name: &str) -> Vec<u8> {
    std::fs::read(format!("{FOLDER}/{name}")).unwrap()
}

fn trusting(name: &str) -> Authorities {
    Authorities::parse(&file(name)).unwrap()
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

/// The outcomes' words, and the signer. The text has to be there, whatever the signature is worth.
fn told_of(raw: &[u8], authorities: &Authorities, came: &str) -> (String, String) {
    let letter = read_checked(raw, None, authorities, at(came));
    assert!(letter.text.starts_with("Uplink down since n"), "{letter:?}");
    assert!(letter.parts.iter().any(|part| part.name == "a.log"));
    (words(&letter), letter.signer.unwrap_or_default())
}

fn words(letter: &Letter) -> String {
    let words: Vec<&str> = letter.remarks.iter().map(|it| it.as_str()).collect();
    words.join(" ")
}

fn told(name: &str) -> (String, String) {
    told_of(
        &file(&format!("{name}.eml")),
        &trusting("root.pem"),
        "2026-06-01T09:00:00Z",
    )
}

const CAROL: &str = "carol@contoso.example";

#[test]
fn e95_each_outcome_has_its_word_and_the_text_is_always_there() {
    for (name, outcome, signer) in [
        ("detached", "signature_valid", CAROL),
        ("opaque", "signature_valid", CAROL),
        ("streamed", "signature_valid", CAROL),
        ("detached-sha512", "signature_valid", CAROL),
        ("pss", "signature_valid", CAROL),
        ("no-attributes", "signature_valid", CAROL),
        ("ecdsa", "signature_valid", CAROL),
        ("ecdsa-384", "signature_valid", CAROL),
        ("by-key-id", "signature_valid", CAROL),
        ("several", "signature_valid", CAROL),
        ("two-signers", "signature_valid", CAROL),
        ("address-in-name", "signature_valid", CAROL),
        (
            "not-sender",
            "signature_intact signer_not_sender",
            "bob@contoso.example",
        ),
        ("expired", "signature_intact certificate_expired", CAROL),
        (
            "not-yet",
            "signature_intact certificate_not_yet_valid",
            CAROL,
        ),
        ("chain-missing", "signature_intact chain_untrusted", CAROL),
        ("stranger", "signature_intact chain_untrusted", CAROL),
        ("no-certificate", "signer_missing", ""),
        ("unfit", "signature_intact certificate_unfit", CAROL),
        ("via-servers", "signature_intact chain_untrusted", CAROL),
        ("via-ended", "signature_intact chain_expired", CAROL),
        ("via-old", "signature_intact chain_untrusted", CAROL),
        ("small-key", "signature_algorithm", CAROL),
        ("sha1", "signature_algorithm", CAROL),
        ("pss-salt", "signature_algorithm", CAROL),
    ] {
        assert_eq!(
            told(name),
            (outcome.to_owned(), signer.to_owned()),
            "{name}"
        );
    }
}

#[test]
fn e95_a_certificate_is_judged_by_the_day_on_which_the_mail_came() {
    let root = trusting("root.pem");
    let expired = file("expired.eml");
    for (came, outcome) in [
        (
            "2019-12-31T23:59:59Z",
            "signature_intact certificate_not_yet_valid",
        ),
        ("2020-01-01T00:00:00Z", "signature_valid"),
        ("2021-01-01T00:00:00Z", "signature_valid"),
        (
            "2021-01-01T00:00:01Z",
            "signature_intact certificate_expired",
        ),
    ] {
        assert_eq!(told_of(&expired, &root, came).0, outcome, "{came}");
    }
    // So are the authorities above it, the uppermost too.
    let old = trusting("oldroot.pem");
    let mail = file("via-old.eml");
    let then = told_of(&mail, &old, "2020-06-01T00:00:00Z");
    assert_eq!(then.0, "signature_valid");
    let now = told_of(&mail, &old, "2026-06-01T00:00:00Z");
    assert_eq!(now.0, "signature_intact chain_expired");
}

#[test]
fn e95_without_authorities_the_issuer_is_said_to_be_unchecked() {
    let nobody = Authorities::default();
    for name in ["detached", "opaque", "chain-missing", "stranger"] {
        let mail = file(&format!("{name}.eml"));
        let outcome = told_of(&mail, &nobody, "2026-06-01T09:00:00Z").0;
        assert_eq!(outcome, "signature_intact chain_unchecked", "{name}");
    }
}

#[test]
fn e95_a_change_of_one_letter_breaks_it() {
    let root = trusting("root.pem");
    let now = "2026-06-01T09:00:00Z";
    let detached = String::from_utf8(file("detached.eml")).unwrap();
    let changed = detached.replace("since noon", "since nine");
    assert_eq!(
        told_of(changed.as_bytes(), &root, now).0,
        "signature_broken"
    );
    // A blank at a line's end is a change too.
    let changed = detached.replace("grün.\r\n", "grün. \r\n");
    assert_eq!(
        told_of(changed.as_bytes(), &root, now).0,
        "signature_broken"
    );
    // The line ends aren't: a program may store them as its system has them.
    let stored = detached.replace("\r\n", "\n");
    assert_eq!(told_of(stored.as_bytes(), &root, now).0, "signature_valid");

    let (head, body) = opened("opaque");
    let at = position(&body, b"since noon") + 6;
    let mut changed = body.clone();
    changed[at..at + 4].copy_from_slice(b"nine");
    let changed = closed(&head, &changed);
    assert_eq!(told_of(&changed, &root, now).0, "signature_broken");
    // The signature's own last bytes.
    let mut changed = body.clone();
    *changed.last_mut().unwrap() ^= 1;
    let changed = closed(&head, &changed);
    assert_eq!(told_of(&changed, &root, now).0, "signature_broken");
    // The text of one under the attributes of another.
    let other = String::from_utf8(file("detached-sha512.eml")).unwrap();
    let proof = |mail: &str| mail.rsplit("\r\n\r\n").nth(2).unwrap().to_owned();
    let mixed = detached
        .replace("since noon", "since nine")
        .replace(&proof(&detached), &proof(&other));
    assert_eq!(told_of(mixed.as_bytes(), &root, now).0, "signature_broken");
}

#[test]
fn e95_what_a_list_puts_around_a_signed_mail_is_not_signed() {
    let detached = String::from_utf8(file("detached.eml")).unwrap();
    let (head, rest) = detached.split_once("MIME-Version").unwrap();
    let (kind, body) = rest.split_once("\r\n\r\n").unwrap();
    let (_, kind) = kind.split_once("\r\n").unwrap();
    let raw = format!(
        "{head}Content-Type: multipart/mixed; boundary=outer\r\n\r\n--outer\r\n{kind}\r\n\r\n{body}\r\n--outer\r\nContent-Type: text/plain\r\n\r\nPay to another account.\r\n--outer--\r\n"
    );
    let outcome = told_of(
        raw.as_bytes(),
        &trusting("root.pem"),
        "2026-06-01T09:00:00Z",
    );
    assert_eq!(outcome.0, "signature_intact signature_partial");
    // A third part among the two, which mail programs show like the first.
    let boundary = detached
        .split_once("boundary=\"")
        .and_then(|(_, rest)| rest.split_once('"'))
        .map(|(boundary, _)| boundary)
        .unwrap();
    let end = format!("--{boundary}--");
    let third =
        format!("--{boundary}\r\nContent-Type: text/plain\r\n\r\nPay to another account.\r\n{end}");
    let raw = detached.replace(&end, &third);
    let outcome = told_of(
        raw.as_bytes(),
        &trusting("root.pem"),
        "2026-06-01T09:00:00Z",
    );
    assert_eq!(outcome.0, "signature_intact signature_partial");
}

#[test]
fn e95_who_is_named_in_from_decides_not_who_is_named_elsewhere() {
    let root = trusting("root.pem");
    let detached = String::from_utf8(file("detached.eml")).unwrap();
    for (from, outcome) in [
        ("Carol <CAROL@Contoso.example>", "signature_valid"),
        (
            "\"carol@contoso.example\" <mallory@x.example>",
            "signature_intact signer_not_sender",
        ),
        (
            "mallory@x.example\r\nReply-To: carol@contoso.example\r\nSender: carol@contoso.example",
            "signature_intact signer_not_sender",
        ),
    ] {
        let raw = detached.replace("Carol <carol@contoso.example>", from);
        let told = told_of(raw.as_bytes(), &root, "2026-06-01T09:00:00Z");
        assert_eq!(told.0, outcome, "{from}");
    }
}

#[test]
fn e95_hostile_signatures_end_soon_and_prove_nothing() {
    let root = trusting("root.pem");
    let now = at("2026-06-01T09:00:00Z");
    let outcome = |raw: &[u8]| words(&read_checked(raw, None, &root, now));
    let (head, body) = opened("opaque");
    for end in (0..body.len()).step_by(7) {
        let told = outcome(&closed(&head, &body[..end]));
        assert!(!told.contains("signature_valid"), "cut at {end}: {told}");
    }
    // Any byte of the proof turned over: never valid with another text, and never a panic.
    let text_ends = position(&body, b"--in--");
    for at in (text_ends + 8..body.len()).step_by(3) {
        let mut changed = body.clone();
        changed[at] ^= 0x55;
        outcome(&closed(&head, &changed));
    }
    // More certificates than anybody needs.
    let (head, body) = opened("opaque");
    let certificates = super::reading::cms::proofs(&body).unwrap().certificates;
    assert_eq!(certificates.len(), 2);
    let many = certificates[0].repeat(40);
    let set = under(0xa0, &many);
    let text = under(
        0xa0,
        &under(0x04, b"Content-Type: text/plain\r\n\r\nUplink"),
    );
    let enclosed = under(
        0x30,
        &[under(0x06, b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"), text].concat(),
    );
    let signed = under(
        0x30,
        &[
            under(0x02, &[1]),
            under(0x31, &[]),
            enclosed,
            set,
            under(0x31, &[]),
        ]
        .concat(),
    );
    let kind = under(0x06, b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02");
    let info = under(0x30, &[kind, under(0xa0, &signed)].concat());
    assert_eq!(outcome(&closed(&head, &info)), "signature_unreadable");
    // Depth without end, and a length that is a lie.
    for garbage in [
        [0x30, 0x80].repeat(50_000),
        vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
    ] {
        assert_eq!(outcome(&closed(&head, &garbage)), "signature_unreadable");
    }
}

#[test]
fn e95_what_pgp_signed_stays_unchecked() {
    let raw = b"From: a@b.example\r\nContent-Type: multipart/signed; protocol=\"application/pgp-signature\"; boundary=x\r\n\r\n--x\r\n\r\nHello\r\n--x\r\nContent-Type: application/pgp-signature\r\n\r\nx\r\n--x--\r\n";
    let letter = read_checked(
        raw,
        None,
        &Authorities::default(),
        at("2026-06-01T09:00:00Z"),
    );
    assert_eq!(letter.remarks, [Remark::SignatureUnchecked]);
    assert_eq!(letter.signer, None);
}

#[test]
fn authorities_are_certificates_or_the_fault_is_named() {
    for (pem, fault) in [
        (&b""[..], "there is no certificate in it"),
        (
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "certificate 1: ",
        ),
        (
            b"-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n",
            "certificate 1: ",
        ),
    ] {
        let error = Authorities::parse(pem).unwrap_err();
        assert!(error.contains(fault), "{error}");
    }
    let both = [file("root.pem"), file("oldroot.pem")].concat();
    let outcome = told_of(
        &file("via-old.eml"),
        &Authorities::parse(&both).unwrap(),
        "2020-06-01T00:00:00Z",
    );
    assert_eq!(outcome.0, "signature_valid", "all of a file count");
}

/// An opaque mail's header and its bytes without their transfer encoding.
fn opened(name: &str) -> (String, Vec<u8>) {
    let mail = String::from_utf8(file(&format!("{name}.eml"))).unwrap();
    let (head, body) = mail.split_once("\r\n\r\n").unwrap();
    let coded: String = body.split_whitespace().collect();
    let body = base64::engine::general_purpose::STANDARD
        .decode(coded)
        .unwrap();
    (head.to_owned(), body)
}

fn closed(head: &str, body: &[u8]) -> Vec<u8> {
    let coded = base64::engine::general_purpose::STANDARD.encode(body);
    format!("{head}\r\n\r\n{coded}\r\n").into_bytes()
}

fn under(tag: u8, bytes: &[u8]) -> Vec<u8> {
    let mut all = vec![tag, 0x83];
    all.extend_from_slice(&(bytes.len() as u32).to_be_bytes()[1..]);
    all.extend_from_slice(bytes);
    all
}

fn position(bytes: &[u8], wanted: &[u8]) -> usize {
    let mut windows = bytes.windows(wanted.len());
    windows.position(|it| it == wanted).unwrap()
}
