//! Whole mails, read: what people see of them, by the numbers of the cases.

use std::time::Duration;

use super::mail::{pictures, read, read_in};
use crate::domain::letter::{Automatic, Letter, Nature, Remark};

/// A mail with CRLF line ends.
fn mail(text: &str) -> Letter {
    read(text.replace('\n', "\r\n").as_bytes(), Some("ada@x.example"))
}

/// The names, types and bytes of what is attached.
fn files(letter: &Letter) -> Vec<(&str, &str, &[u8])> {
    let parts = letter.parts.iter();
    parts
        .map(|part| {
            (
                part.name.as_str(),
                part.media_type.as_str(),
                part.bytes.as_slice(),
            )
        })
        .collect()
}

fn mixed(parts: &[&str]) -> String {
    let mut text = String::from("From: a@b.example\nContent-Type: multipart/mixed; boundary=x\n\n");
    for part in parts {
        text.push_str("--x\n");
        text.push_str(part);
        text.push('\n');
    }
    text + "--x--\n"
}

#[test]
fn e65_the_choice_of_a_charset_is_recorded() {
    let mut raw = b"From: a@b.example\nContent-Type: text/plain; charset=x-unknown\n\n".to_vec();
    raw.extend(b"Gr\xfc\xdfe aus M\xfcnchen");
    let letter = read(&raw, None);
    assert_eq!(letter.text, "Grüße aus München");
    assert_eq!(letter.charsets, ["windows-1252"]);
    assert_eq!(letter.remarks, [Remark::CharsetGuessed]);
    let letter = mail("From: a@b.example\nContent-Type: text/plain; charset=\"UTF-8\"\n\nGrüße\n");
    assert_eq!(
        (letter.charsets, letter.remarks),
        (vec!["utf-8".to_owned()], vec![])
    );
}

#[test]
fn e67_raw_bytes_in_headers_follow_the_body() {
    let mut raw = b"From: J\xf6rg <a@b.example>\nSubject: \xd1\xe2\xff\xe7\xfc\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain; charset=windows-1251\n\n\xcd\xe5\xf2\n--x\nContent-Type: a/b; name=\"\xf4\xe0\xe9\xeb.txt\"\n\nx\n--x--\n".to_vec();
    let letter = read(&raw, None);
    assert_eq!(
        (letter.subject.as_str(), letter.text.as_str()),
        ("Связь", "Нет")
    );
    assert_eq!(letter.parts[0].name, "файл.txt");
    raw = "From: Jörg <a@b.example>\nSubject: Störung\nContent-Type: text/plain; charset=iso-8859-1\n\nx\n".into();
    let letter = read(&raw, None);
    assert_eq!(
        (letter.subject.as_str(), letter.from.name.as_str()),
        ("Störung", "Jörg")
    );
}

#[test]
fn e68_a_part_without_a_name_gets_one() {
    let letter = mail(&mixed(&[
        "Content-Type: image/png\n\n1",
        "Content-Type: a/b; name=\"plain.txt\"\nContent-Disposition: attachment; filename*=utf-8''w%C3%BCrde.txt\n\n2",
        "Content-Type: a/b; name=\"plain.txt\"\nContent-Disposition: attachment; filename=\"../../PLAIN.txt\"\n\n3",
        "Content-Type: a/b; name=\"plain.txt\"\n\n4",
        "Content-Type: a/b; name=\"..\"\n\n5",
    ]));
    let names: Vec<&str> = files(&letter).iter().map(|(name, ..)| *name).collect();
    assert_eq!(
        names,
        [
            "part-1.png",
            "würde.txt",
            "PLAIN.txt",
            "plain (2).txt",
            "part-5.bin"
        ]
    );
    assert_eq!(
        letter.parts[2].written_name.as_deref(),
        Some("../../PLAIN.txt")
    );
    assert_eq!(letter.parts[0].written_name, None);
}

#[test]
fn e69_the_text_is_found_wherever_it_is() {
    let both = |plain: &str| {
        format!(
            "From: a@b.example\nContent-Type: multipart/alternative; boundary=x\n\n--x\nContent-Type: text/plain\n\n{plain}\n--x\nContent-Type: text/html\n\n<p>The uplink in <b>Berlin</b> is down.</p>\n--x--\n"
        )
    };
    let letter = mail(&both("The uplink is down."));
    assert_eq!(letter.text, "The uplink is down.");
    assert!(
        letter.html.unwrap().contains("<b>Berlin</b>"),
        "both forms are there"
    );
    assert!(letter.parts.is_empty() && letter.remarks.is_empty());
    for stub in [
        "",
        "View this message in your browser",
        "Your client can't show HTML.",
    ] {
        let letter = mail(&both(stub));
        assert_eq!(letter.text, "The uplink in Berlin is down.", "{stub}");
        assert_eq!(letter.remarks, [Remark::TextFromHtml]);
    }
    let letter = mail(&mixed(&[
        "\none",
        "Content-Type: text/plain\n\ntwo",
        "Content-Type: text/html\n\n<p>three</p>",
    ]));
    assert_eq!(letter.text, "one\n\ntwo\n\nthree");
    assert!(letter.parts.is_empty());
    let letter = mail("From: a@b.example\nSubject: x\n\n");
    assert_eq!((letter.text.as_str(), letter.html), ("", None));
}

#[test]
fn e70_odd_trees_show_their_text_and_list_every_part() {
    let calendar = "From: a@b.example\nContent-Type: multipart/mixed; boundary=m\n\n--m\nContent-Type: multipart/alternative; boundary=x\n\n--x\nContent-Type: text/plain\n\nCome.\n--x\nContent-Type: text/html\n\n<p>Come.</p>\n--x\nContent-Type: text/calendar; method=REQUEST\n\nBEGIN:VCALENDAR\n--x--\n--m\nContent-Type: application/ics; name=invite.ics\n\nBEGIN:VCALENDAR\n--m--\n";
    let letter = mail(calendar);
    assert_eq!(letter.text, "Come.");
    let kinds: Vec<&str> = letter.parts.iter().map(|part| part.name.as_str()).collect();
    assert_eq!(kinds, ["part-1.ics", "invite.ics"]);
    let related = "From: a@b.example\nContent-Type: multipart/related; boundary=r\n\n--r\nContent-Type: multipart/alternative; boundary=x\n\n--x\n\nSee.\n--x\nContent-Type: text/html\n\n<img src=cid:p>\n--x--\n--r\nContent-Type: multipart/mixed; boundary=m\n\n--m\nContent-Type: image/png\nContent-ID: <p>\n\nPNG\n--m\nContent-Type: text/plain\n\nmore\n--m--\n--r--\n";
    let letter = mail(related);
    assert_eq!(letter.text, "See.\n\nmore");
    assert_eq!(files(&letter), [("part-1.png", "image/png", &b"PNG"[..])]);
    for file in [
        "text/csv; name=hosts.csv",
        "text/plain; name=hosts.txt\nContent-Disposition: attachment",
        "text/calendar",
    ] {
        let letter = mail(&format!(
            "From: a@b.example\nContent-Type: {file}\n\nHello\n"
        ));
        assert_eq!(
            (letter.text.as_str(), letter.parts.len()),
            ("", 1),
            "{file}"
        );
    }
    for text in ["text/plain; name=mail.txt", "text/enriched"] {
        let letter = mail(&format!(
            "From: a@b.example\nContent-Type: {text}\n\nHello\n"
        ));
        assert_eq!(
            (letter.text.as_str(), letter.parts.len()),
            ("Hello", 0),
            "{text}"
        );
    }
    for broken in [
        "From: a@b.example\nContent-Type: multipart/mixed; boundary=y\n\n--x\n\nHello\n--x--\n",
        "From: a@b.example\nContent-Type: ; = ;\n\nHello\n",
        "From: a@b.example\nContent-Type: multipart/mixed\n\nHello\n",
        "From: a@b.example\nContent-Type: text/html; charset\n\n<p>Hello",
        "From: a@b.example\nHello\n",
    ] {
        assert!(mail(broken).text.contains("Hello"), "{broken}");
    }
}

#[test]
fn e71_broken_encodings_lose_nothing() {
    let letter = mail(
        "From: a@b.example\nContent-Transfer-Encoding: quoted-printable\n\nGr=C3=BC=C3=9Fe, a=b, soft=\n ly\n",
    );
    assert_eq!(letter.text, "Grüße, a=b, soft ly");
    assert_eq!(letter.remarks, [Remark::BrokenEncoding]);
    let letter = mail(&mixed(&[
        "\nx",
        "Content-Type: a/b\nContent-Transfer-Encoding: BASE64\n\nAA*EC",
    ]));
    assert_eq!(letter.parts[0].bytes, [0, 1, 2]);
    assert_eq!(letter.remarks, [Remark::BrokenEncoding]);
    let letter = mail("From: a@b.example\n\nSee:\nbegin 644 cat.txt\n#0V%T\n`\nend\nBye\n");
    assert_eq!(letter.text, "See:\nBye");
    assert_eq!(files(&letter)[0].0, "cat.txt");
    assert_eq!(letter.parts[0].bytes, b"Cat");
    let yenc = "From: a@b.example\n\n=ybegin line=128 size=3 name=cat\nabc\n=yend size=3\n";
    assert!(mail(yenc).text.starts_with("=ybegin") && mail(yenc).parts.is_empty());
    let flowed = "From: a@b.example\nContent-Type: text/plain; format=flowed\n\nOne long \nline.\n> and \n> quoted\n";
    assert_eq!(mail(flowed).text, "One long line.\n> and quoted");
}

#[test]
fn e72_line_ends_do_not_change_the_text() {
    let lf = "From: a@b.example\nSubject: x\n\none\n\ntwo\n";
    let raws: [Vec<u8>; 5] = [
        lf.into(),
        lf.replace('\n', "\r\n").into(),
        lf.replace('\n', "\r").into(),
        format!("\u{feff}{lf}").into(),
        lf.replace("one\n\n", "o\0ne\u{c}\n\n\n").into(),
    ];
    for raw in raws {
        let letter = read(&raw, None);
        assert_eq!(
            (letter.subject.as_str(), letter.text.as_str()),
            ("x", "one\n\ntwo"),
            "{raw:?}"
        );
    }
}

#[test]
fn e73_an_address_in_brackets_is_no_tag() {
    let letter = mail("From: a@b.example\n\nWrite to <a@b.com> & <b>c</b>.\n");
    assert_eq!(letter.text, "Write to <a@b.com> & <b>c</b>.");
}

#[test]
fn e74_strange_dates_refuse_nothing() {
    for (date, read) in [
        (
            "Sat, 21 Nov 2026 04:07:09 +0100",
            Some("2026-11-21T03:07:09Z"),
        ),
        (
            "Thu, 1 Jan 1970 00:00:00 +0000",
            Some("1970-01-01T00:00:00Z"),
        ),
        (
            "Sat, 21 Nov 2099 04:07:09 GMT",
            Some("2099-11-21T04:07:09Z"),
        ),
        ("yesterday", None),
        ("", None),
    ] {
        let letter = mail(&format!("From: a@b.example\nDate: {date}\n\nx\n"));
        assert_eq!(
            letter.dated_at.map(|at| at.rfc3339()).as_deref(),
            read,
            "{date}"
        );
        assert_eq!(letter.text, "x");
    }
}

/// Two seconds of one processor, as the case says; a build without optimisation may take ten times as long.
const CPU: Duration = Duration::from_secs(if cfg!(debug_assertions) { 20 } else { 2 });

/// What this thread has used of its processor, however busy the machine is otherwise.
fn cpu_time() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells");
    let nanos = told.split(' ').next().and_then(|it| it.parse().ok());
    Duration::from_nanos(nanos.expect("a number"))
}

#[test]
fn e75_huge_mails_are_read_in_time_and_within_limits() {
    let links = |count: usize| "<a href=\"http://x.example/\">x</a> ".repeat(count);
    let html = |page: String| format!("From: a@b.example\nContent-Type: text/html\n\n{page}deep");
    for (name, raw) in [
        (
            "header of 100 kB",
            format!("From: a@b.example\nX-A: {}\n\ndeep", "x".repeat(100 * 1024)),
        ),
        (
            "1 000 recipients",
            format!(
                "From: a@b.example\nTo: {}\n\ndeep",
                "Ada <a@x.example>,\n ".repeat(1_000)
            ),
        ),
        ("2 000 links", html(links(2_000))),
        ("20 000 links", html(links(20_000))),
        (
            "20 MB of HTML",
            html("<p>word word word</p>\n".repeat(900_000)),
        ),
        ("nested tags", html("<div>".repeat(200_000))),
        ("blanks", html(" ".repeat(5_000_000))),
        (
            "blanks in a subject",
            format!(
                "From: a@b.example\nSubject: x{}y\n\ndeep",
                " ".repeat(200_000)
            ),
        ),
        (
            "words that never end",
            format!(
                "From: a@b.example\nSubject: {}\n\ndeep",
                "=?utf-8?q?a ".repeat(15_000)
            ),
        ),
        (
            "quotes",
            format!("From: {}\n\ndeep", "\"\\".repeat(100_000)),
        ),
        (
            "lines of >",
            format!("From: a@b.example\n\n{}deep", ">\n".repeat(1_000_000)),
        ),
    ] {
        let before = cpu_time();
        let letter = read(raw.as_bytes(), None);
        let took = cpu_time() - before;
        assert!(took < CPU, "{name}: {took:?}");
        let is_cut = letter.remarks.contains(&Remark::TextCut);
        assert!(is_cut || letter.text.ends_with("deep"), "{name}");
        assert!(
            letter.text.len() <= crate::domain::text::BODY_BYTES,
            "{name}"
        );
    }
}

#[test]
fn e78_subjects_are_kept_as_they_were_sent() {
    for (subject, read) in [
        ("100 % \\ \\\"x\\\"", "100 % \\ \\\"x\\\""),
        ("folded\n over\n\tthree lines", "folded over three lines"),
        ("", ""),
        ("Re:", "Re:"),
    ] {
        assert_eq!(
            mail(&format!("From: a@b.example\nSubject: {subject}\n\nx\n")).subject,
            read
        );
    }
    let long = "ü".repeat(2_000);
    assert_eq!(
        mail(&format!("From: a@b.example\nSubject: {long}\n\nx\n")).subject,
        long
    );
}

#[test]
fn e79_every_script_and_sign_stays() {
    let text = "👩‍🔧 🎉 a\u{200b}b שלום عربي abc";
    let letter = mail(&format!(
        "From: a@b.example\nSubject: {text}\nContent-Type: text/plain; charset=utf-8\n\n{text}\n"
    ));
    assert_eq!(
        (letter.subject.as_str(), letter.text.as_str()),
        (text, text)
    );
}

#[test]
fn e88_pictures_are_listed_however_they_are_named() {
    let related = "From: a@b.example\nContent-Type: multipart/related; boundary=x\n\n--x\nContent-Type: text/html\n\n<img src=cid:a>\n--x\nContent-Type: image/png\nContent-ID: <a>\n\n1\n--x\nContent-Type: image/png\nContent-ID: a\n\n2\n--x\nContent-Type: image/png; name=c.png\nContent-ID: <>\n\n3\n--x\nContent-Type: image/png\nContent-Disposition: inline\nContent-ID: <unused@x>\n\n4\n--x--\n";
    let letter = mail(related);
    let ids: Vec<Option<&str>> = letter
        .parts
        .iter()
        .map(|part| part.content_id.as_deref())
        .collect();
    assert_eq!(ids, [Some("a"), Some("a"), None, Some("unused@x")]);
    assert_eq!(letter.parts[2].name, "c.png");
    // Of two under one id the first is shown in its place.
    assert_eq!(pictures(&letter)["a"], "data:image/png;base64,MQ==");
}

#[test]
fn e65_a_person_s_choice_of_a_charset_goes_before_the_declared_one() {
    let raw = b"From: a@b.example\nContent-Type: multipart/alternative; boundary=x\n\n--x\nContent-Type: text/plain; charset*=''utf-8\n\n\xd3\xc5\xd2\xd7\xc5\xd2\n--x\nContent-Type: text/html\n\n<p>\xd5\xd0\xc1\xcc\n--x--\n";
    let letter = read_in(raw, None, "koi8-r");
    assert_eq!(letter.text, "\u{441}\u{435}\u{440}\u{432}\u{435}\u{440}");
    assert!(
        letter
            .html
            .unwrap()
            .contains("\u{443}\u{43f}\u{430}\u{43b}")
    );
    assert_eq!(letter.charsets, ["koi8-r"]);
    for set in crate::intake::reading::charset::CHOICES {
        let ascii = read_in(b"From: a@b.example\n\nplain\n", None, set);
        assert!(!ascii.charsets.is_empty(), "{set}");
    }
}

#[test]
fn e89_enclosed_mails_stay_closed() {
    let inner = "Message-ID: <inner@x>\nIn-Reply-To: <wk@x>\nSubject: [INC-1]\nContent-Type: multipart/mixed; boundary=y\n\n--y\nContent-Type: message/rfc822\n\nSubject: deepest\n\nx\n--y--";
    let letter = mail(&mixed(&[
        "\nSee below.",
        &format!("Content-Type: message/rfc822\n\n{inner}"),
        &format!(
            "Content-Type: message/rfc822; name=\"old.eml\"\nContent-Disposition: attachment\n\n{inner}"
        ),
        "Content-Type: application/vnd.ms-outlook; name=\"old.msg\"\nContent-Transfer-Encoding: base64\n\n0M8R4A==",
    ]));
    assert_eq!(letter.text, "See below.");
    assert_eq!(
        (
            letter.message_id.as_deref(),
            letter.in_reply_to.len(),
            letter.subject.as_str()
        ),
        (None, 0, "")
    );
    let whole = inner.replace('\n', "\r\n");
    assert_eq!(
        files(&letter),
        [
            ("part-1.eml", "message/rfc822", whole.as_bytes()),
            ("old.eml", "message/rfc822", whole.as_bytes()),
            (
                "old.msg",
                "application/vnd.ms-outlook",
                &b"\xd0\xcf\x11\xe0"[..]
            ),
        ]
    );
}

#[test]
fn e90_attached_texts_keep_their_bytes() {
    let raw = b"From: a@b.example\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nHi\r\n--x\r\nContent-Type: text/plain; charset=utf-8; name=a.csv\r\n\r\n\xef\xbb\xbfGr\xfc\xdfe\r\n\0\r\n\r\n--x\r\nContent-Type: text/html; charset=utf-8\r\nContent-Disposition: attachment\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=FC\r\n--x--\r\n";
    let letter = read(raw, None);
    assert_eq!(letter.text, "Hi");
    assert_eq!(letter.parts[0].bytes, b"\xef\xbb\xbfGr\xfc\xdfe\r\n\0\r\n");
    assert_eq!(letter.parts[1].bytes, b"\xfc");
}

#[test]
fn e93_an_empty_file_is_a_file_and_nothing_is_unpacked() {
    let letter = mail(&mixed(&[
        "Content-Type: application/pdf; name=empty.pdf\n",
        "Content-Type: application/zip; name=bomb.zip\nContent-Transfer-Encoding: base64\n\nUEsDBA==",
    ]));
    assert_eq!(
        files(&letter),
        [
            ("empty.pdf", "application/pdf", &b""[..]),
            ("bomb.zip", "application/zip", &b"PK\x03\x04"[..]),
        ]
    );
}

#[test]
fn e94_winmail_that_cannot_be_read_is_a_file() {
    let letter = mail(&mixed(&[
        "\nx",
        "Content-Type: application/ms-tnef; name=winmail.dat\n\nrubbish",
    ]));
    assert_eq!(
        files(&letter),
        [("winmail.dat", "application/ms-tnef", &b"rubbish"[..])]
    );
    // An attribute for a file, its title and its bytes.
    let whole = mixed(&[
        "\n",
        "Content-Type: application/ms-tnef; name=winmail.dat\nContent-Transfer-Encoding: base64\n\neJ8+IgEAAgKQBgAAAAAAAAACEIABAAQAAABhLmIA8QACD4AGAAMAAABhYmMmAQEMgAIAAgAAAEhpsQA=",
    ]);
    let letter = mail(&whole);
    assert_eq!(
        files(&letter),
        [("a.b", "application/octet-stream", &b"abc"[..])]
    );
    assert_eq!(letter.text, "Hi");
}

#[test]
fn e96_what_is_encrypted_says_so() {
    let pgp = "From: a@b.example\nContent-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=x\n\n--x\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n--x\nContent-Type: application/octet-stream; name=encrypted.asc\n\n-----BEGIN PGP MESSAGE-----\n--x--\n";
    let letter = mail(pgp);
    assert_eq!(letter.remarks, [Remark::Encrypted]);
    assert_eq!(letter.parts.len(), 2, "the encrypted file is there");
    let inline =
        "From: a@b.example\n\n-----BEGIN PGP MESSAGE-----\n\nhQEMA\n-----END PGP MESSAGE-----\n";
    assert_eq!(mail(inline).remarks, [Remark::Encrypted]);
    let smime = |kind: &str| {
        mail(&format!("From: a@b.example\nContent-Type: application/pkcs7-mime; smime-type={kind}; name=smime.p7m\nContent-Transfer-Encoding: base64\n\nMIAG\n")).remarks
    };
    assert_eq!(smime("enveloped-data"), [Remark::Encrypted]);
    assert!(smime("signed-data").is_empty(), "signed only");
}

#[test]
fn e51_e53_e62_what_nobody_wrote_is_told_by_its_headers() {
    let nature =
        |head: &str| mail(&format!("From: a@b.example\nSubject: x\n{head}\n\nText\n")).nature;
    assert_eq!(nature("Auto-Submitted: no"), Nature::Personal);
    assert_eq!(nature("X-Auto-Response-Suppress: OOF"), Nature::Personal);
    for (head, kind) in [
        ("Auto-Submitted: auto-generated", Automatic::Generated),
        (
            "Content-Type: multipart/voice-message; version=2.0; boundary=x",
            Automatic::Voicemail,
        ),
        ("Message-Context: voice-message", Automatic::Voicemail),
        (
            "Content-Class: MissedCall\nAuto-Submitted: auto-generated",
            Automatic::Voicemail,
        ),
        ("X-VoiceMessageDuration: 17", Automatic::Voicemail),
        (
            "Auto-Submitted: auto-replied (vacation)",
            Automatic::AutoReply,
        ),
        ("Precedence: auto_reply", Automatic::AutoReply),
        ("Precedence: Junk", Automatic::Bulk),
        ("List-Unsubscribe: <mailto:x@y.example>", Automatic::List),
        ("X-Autoreply: yes", Automatic::AutoReply),
        ("Return-Path: <>", Automatic::NoReturnPath),
        (
            "Content-Type: text/calendar; method=REPLY",
            Automatic::CalendarReply,
        ),
        (
            "Content-Type: multipart/report; report-type=disposition-notification; boundary=x",
            Automatic::Receipt,
        ),
        (
            "Content-Type: multipart/report; report-type=feedback-report; boundary=x",
            Automatic::AbuseReport,
        ),
    ] {
        assert_eq!(nature(head), Nature::Automatic(kind), "{head}");
    }
    let calendar =
        mail("From: a@b.example\nContent-Type: text/calendar\n\nBEGIN:VCALENDAR\nMETHOD:REPLY\n");
    assert_eq!(calendar.nature, Nature::Automatic(Automatic::CalendarReply));
}

#[test]
fn e58_e60_reports_are_bounces_in_whatever_shape() {
    let report = |fields: &str| {
        format!(
            "From: MAILER-DAEMON@relay.example\nSubject: x\nContent-Type: multipart/report; report-type=delivery-status; boundary=x\n\n--x\n\nSorry, 4.4.1 before.\n--x\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; relay.example\n\n{fields}\n--x\nContent-Type: message/rfc822\n\nMessage-ID: <ours@desk.example>\n\nx\n--x--\n"
        )
    };
    for (fields, status, is_permanent) in [
        (
            "Final-Recipient: rfc822; gone@x.example\nAction: failed\nStatus: 5.1.1",
            "5.1.1",
            true,
        ),
        (
            "Final-Recipient: rfc822;gone@x.example\nAction: failed\nStatus: 5.7.129",
            "5.7.129",
            true,
        ),
        (
            "Final-Recipient: rfc822; gone@x.example\nAction: delayed\nStatus: 4.4.7",
            "4.4.7",
            false,
        ),
        (
            "Final-Recipient: rfc822; gone@x.example\nAction: delivered\nStatus: 2.0.0",
            "2.0.0",
            false,
        ),
        (
            "Final-Recipient: rfc822; ok@x.example\nAction: relayed\nStatus: 2.1.5\n\nFinal-Recipient: rfc822; gone@x.example\nAction: failed\nStatus: 5.7.133",
            "5.7.133",
            true,
        ),
    ] {
        let Nature::Bounce(bounce) = mail(&report(fields)).nature else {
            panic!("{fields}")
        };
        assert_eq!(
            (bounce.status.as_str(), bounce.is_permanent),
            (status, is_permanent),
            "{fields}"
        );
        assert_eq!(bounce.recipient.unwrap().as_str(), "gone@x.example");
        assert!(bounce.about.contains(&"ours@desk.example".to_owned()));
    }
    for head in [
        "From: postmaster@x.example\nSubject: Undeliverable: Re: Uplink",
        "From: Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@x.example>\nSubject: Unzustellbar: Re: Uplink",
        "From: postmaster@x.example\nSubject: Non remis : Uplink",
        "From: MAILER-DAEMON@x.example\nReturn-Path: <>\nSubject: Whatever",
        "From: Mail Delivery System <noreply@x.example>\nReturn-Path: <>\nSubject: Не доставлено: x",
        "From: a@x.example\nSubject: x\nX-Failed-Recipients: gone@x.example",
    ] {
        let letter = mail(&format!(
            "{head}\n\nYour mail <ours@desk.example> to gone@x.example failed: 550 5.1.1 unknown.\n"
        ));
        let Nature::Bounce(bounce) = letter.nature else {
            panic!("{head}: {:?}", letter.nature)
        };
        assert_eq!(
            (bounce.status.as_str(), bounce.is_permanent),
            ("5.1.1", true),
            "{head}"
        );
        assert!(
            bounce.about.contains(&"ours@desk.example".to_owned()),
            "{head}"
        );
    }
    let person = mail("From: ada@x.example\nSubject: Mail delivery is slow\n\nSince noon.\n");
    assert_eq!(person.nature, Nature::Personal);
}

/// What OpenSSL signed: one text in DER, and in BER as programs write it that sign while they read.
const SIGNED: [&str; 2] = [
    "MIIC+gYJKoZIhvcNAQcCoIIC6zCCAucCAQExDzANBglghkgBZQMEAgEFADCCASoGCSqGSIb3DQEHAaCCARsEggEXQ29udGVudC1UeXBlOiBtdWx0aXBhcnQvbWl4ZWQ7IGJvdW5kYXJ5PWluDQoNCi0taW4NCkNvbnRlbnQtVHlwZTogdGV4dC9wbGFpbjsgY2hhcnNldD11dGYtOA0KQ29udGVudC1UcmFuc2Zlci1FbmNvZGluZzogcXVvdGVkLXByaW50YWJsZQ0KDQpUaGUgdXBsaW5rIGlzIGQ9QzM9QjZ3bi4NCi0taW4NCkNvbnRlbnQtVHlwZTogdGV4dC9wbGFpbjsgbmFtZT0iYS5sb2ciDQpDb250ZW50LURpc3Bvc2l0aW9uOiBhdHRhY2htZW50OyBmaWxlbmFtZT0iYS5sb2ciDQoNCmxpbmUNCi0taW4tLQ0KMYIBoTCCAZ0CAQEwTjA2MQ4wDAYDVQQDDAVDYXJvbDEkMCIGCSqGSIb3DQEJARYVY2Fyb2xAY29udG9zby5leGFtcGxlAhRSK6i5X7m/J3kSZy5yE7m1y3Y6/jANBglghkgBZQMEAgEFAKCB5DAYBgkqhkiG9w0BCQMxCwYJKoZIhvcNAQcBMBwGCSqGSIb3DQEJBTEPFw0yNjExMjkxNTI2MThaMC8GCSqGSIb3DQEJBDEiBCBWhEs/OI94gnLQacC8FYcJ4lnB2cVoa11D86VzA6sgwDB5BgkqhkiG9w0BCQ8xbDBqMAsGCWCGSAFlAwQBKjALBglghkgBZQMEARYwCwYJYIZIAWUDBAECMAoGCCqGSIb3DQMHMA4GCCqGSIb3DQMCAgIAgDANBggqhkiG9w0DAgIBQDAHBgUrDgMCBzANBggqhkiG9w0DAgIBKDAKBggqhkjOPQQDAgRGMEQCIBuph4SPsKRR419XJZGu5TdkVbhnxMT7lAi8HpCHexRtAiBXwKFRK8OIGiuIPWci8EUFADSkQ4Htou+DKq+VYisBRw==",
    "MIAGCSqGSIb3DQEHAqCAMIACAQExDTALBglghkgBZQMEAgEwgAYJKoZIhvcNAQcBoIAkgASCARdDb250ZW50LVR5cGU6IG11bHRpcGFydC9taXhlZDsgYm91bmRhcnk9aW4NCg0KLS1pbg0KQ29udGVudC1UeXBlOiB0ZXh0L3BsYWluOyBjaGFyc2V0PXV0Zi04DQpDb250ZW50LVRyYW5zZmVyLUVuY29kaW5nOiBxdW90ZWQtcHJpbnRhYmxlDQoNClRoZSB1cGxpbmsgaXMgZD1DMz1CNnduLg0KLS1pbg0KQ29udGVudC1UeXBlOiB0ZXh0L3BsYWluOyBuYW1lPSJhLmxvZyINCkNvbnRlbnQtRGlzcG9zaXRpb246IGF0dGFjaG1lbnQ7IGZpbGVuYW1lPSJhLmxvZyINCg0KbGluZQ0KLS1pbi0tDQoAAAAAAAAxggGhMIIBnQIBATBOMDYxDjAMBgNVBAMMBUNhcm9sMSQwIgYJKoZIhvcNAQkBFhVjYXJvbEBjb250b3NvLmV4YW1wbGUCFFIrqLlfub8neRJnLnITubXLdjr+MAsGCWCGSAFlAwQCAaCB5DAYBgkqhkiG9w0BCQMxCwYJKoZIhvcNAQcBMBwGCSqGSIb3DQEJBTEPFw0yNjExMjkxNTI2MThaMC8GCSqGSIb3DQEJBDEiBCBWhEs/OI94gnLQacC8FYcJ4lnB2cVoa11D86VzA6sgwDB5BgkqhkiG9w0BCQ8xbDBqMAsGCWCGSAFlAwQBKjALBglghkgBZQMEARYwCwYJYIZIAWUDBAECMAoGCCqGSIb3DQMHMA4GCCqGSIb3DQMCAgIAgDANBggqhkiG9w0DAgIBQDAHBgUrDgMCBzANBggqhkiG9w0DAgIBKDAKBggqhkjOPQQDAgRIMEYCIQDxlO/g+qmC4W2kq9zwMRtkxe2AfTwDMdm+mR9W6Sp0jQIhAMiJhftIsPfzyL84pT1LniGU9/swREU5S6Xtc10tivqjAAAAAAAA",
];

#[test]
fn e95_what_a_signature_encloses_is_shown_and_the_signature_is_a_file() {
    for (signed, kind) in SIGNED.into_iter().zip([
        "application/pkcs7-mime; smime-type=signed-data",
        "application/x-pkcs7-mime",
    ]) {
        let letter = mail(&format!(
            "From: Carol <carol@contoso.example>\nSubject: Uplink\nMessage-ID: <s1@contoso.example>\nContent-Type: {kind}; name=smime.p7m\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=smime.p7m\n\n{signed}\n"
        ));
        assert_eq!(letter.text, "The uplink is döwn.");
        assert_eq!(letter.remarks, [Remark::SignatureUnchecked]);
        assert_eq!(letter.subject, "Uplink");
        assert_eq!(letter.from.shown, "Carol <carol@contoso.example>");
        let names: Vec<&str> = letter.parts.iter().map(|part| part.name.as_str()).collect();
        assert_eq!(names, ["a.log", "smime.p7m"]);
        assert_eq!(letter.parts[0].bytes, b"line");
        // Cut on its way, it is a file and nothing else.
        let cut = mail(&format!(
            "From: a@b.example\nContent-Type: {kind}; name=smime.p7m\nContent-Transfer-Encoding: base64\n\n{}\n",
            &signed[..400]
        ));
        assert_eq!((cut.text.as_str(), cut.parts.len()), ("", 1));
    }
    let clear = "From: a@b.example\nContent-Type: multipart/signed; protocol=\"application/pgp-signature\"; micalg=pgp-sha256; boundary=x\n\n--x\n\nHello\n--x\nContent-Type: application/pgp-signature; name=signature.asc\n\n-----BEGIN PGP SIGNATURE-----\n--x--\n";
    let clear = mail(clear);
    assert_eq!(clear.text, "Hello");
    assert_eq!(clear.remarks, [Remark::SignatureUnchecked]);
    assert_eq!(clear.parts[0].name, "signature.asc");
}
