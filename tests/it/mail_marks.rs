//! What is marked and may be set right: addresses that letters come back from, texts read in the wrong character set, forms that a mail
//! has besides its text, and how often an hour lets something happen.

use serde_json::json;
use watchkeeper::actions::{settings, ticket as act};
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::intake::{HeldFor, Verdict};
use watchkeeper::domain::settings::SettingKey;
use watchkeeper::domain::timeline::{Audience, EntryKind};
use watchkeeper::store;
use watchkeeper::store::people::Holder;

use crate::both_databases;
use crate::desk::Desk;
use crate::mail::{contoso, deliver, deliver_all, key, mail, take, timeline, to};
use crate::program::Program;
use crate::served::Served;
use crate::visitor::Visitor;

const CAROL: &str = "carol@contoso.example";

/// Sets one setting, as an admin does.
fn set(desk: &Desk, setting: SettingKey, value: &str) {
    let admin = desk.person(setting.as_str(), Roles::of(&[Role::Admin]));
    settings::change(&desk.as_person(&admin), &[(setting, value.to_owned())]).unwrap();
}

both_databases!(
    e55_e57_how_often_an_hour_lets_it_happen_is_for_the_house_to_say,
    |desk| {
        contoso(&desk);
        set(&desk, SettingKey::MailAnswersPerHour, "2");
        let head = |n: usize| format!("Subject: Case {n}\r\nMessage-ID: <c{n}@contoso.example>");
        for n in 0..2 {
            assert_eq!(
                mail(&desk, CAROL, &head(n), "Down.").verdict,
                Some(Verdict::Opened)
            );
        }
        let held = mail(&desk, CAROL, &head(2), "Down.");
        assert_eq!(held.held_for, Some(HeldFor::Answers));
        desk.letters();

        desk.advance(7_200);
        set(&desk, SettingKey::MailReopensPerHour, "1");
        let ada = take(&desk, "INC-1");
        for (n, held_for) in [(3, None), (4, Some(HeldFor::Reopens))] {
            act::resolve(&desk.as_person(&ada), key("INC-1"), None, "done").unwrap();
            let head = format!(
                "Subject: Re: Case 0\r\nMessage-ID: <r{n}@contoso.example>\r\nIn-Reply-To: <c0@contoso.example>"
            );
            assert_eq!(
                mail(&desk, CAROL, &head, "Again.").held_for,
                held_for,
                "{n}"
            );
        }
        desk.letters();
        let eve = desk.person("Ida", Roles::of(&[Role::Admin]));
        let wrong = [(SettingKey::MailAnswersPerHour, "0".to_owned())];
        assert!(settings::change(&desk.as_person(&eve), &wrong).is_err());
    }
);

both_databases!(
    a10_nobody_makes_us_write_to_many_strangers_and_nothing_of_theirs_is_repeated,
    |desk| {
        contoso(&desk);
        set(&desk, SettingKey::MailStrangersPerHour, "3");
        // A thousand, each victim named twice.
        let crowd: Vec<(String, String)> = (0..1_000)
            .map(|n| {
                let from = format!("victim{}@x.example", n / 2);
                let raw = format!(
                    "From: {from}\r\nTo: support@watch.example.org\r\nSubject: Buy pills {n} http://evil.example\r\nMessage-ID: <p{n}@x.example>\r\n\r\nCheap pills: http://evil.example\r\n"
                );
                (from, raw)
            })
            .collect();
        let taken = deliver_all(&desk, &crowd);
        assert!(taken.iter().all(|it| it.verdict == Some(Verdict::Opened)));
        let letters = desk.letters();
        let mut sent: Vec<&str> = letters.iter().map(|letter| letter.to.as_str()).collect();
        sent.sort_unstable();
        sent.dedup();
        assert_eq!((letters.len(), sent.len()), (3, 3), "{sent:?}");
        for letter in &letters {
            let all = format!(
                "{}{}{}",
                letter.subject,
                letter.text,
                letter.html.clone().unwrap_or_default()
            );
            assert!(!all.contains("pills") && !all.contains("evil"), "{all}");
        }
        // Whoever is on our lists is answered all the same.
        mail(
            &desk,
            CAROL,
            "Subject: Uplink\r\nMessage-ID: <c1@contoso.example>",
            "Down.",
        );
        to(&desk.letters(), CAROL);
        desk.advance(3_700);
        mail(
            &desk,
            "victim9@x.example",
            "Subject: x\r\nMessage-ID: <p99@x.example>",
            "Hello",
        );
        assert_eq!(desk.letters().len(), 1);
    }
);

both_databases!(
    e58_an_address_that_letters_come_back_from_is_marked_until_somebody_writes_from_there,
    |desk| {
        desk.let_letters_go();
        contoso(&desk);
        mail(
            &desk,
            CAROL,
            "Subject: Uplink\r\nMessage-ID: <c1@contoso.example>",
            "Down.",
        );
        let letter = to(&desk.letters(), CAROL).clone();
        let served = Served::new(&desk.app);
        let ada = take(&desk, "INC-1");
        let ada = Visitor::logged_in(&served, &desk.app, Holder::Person(ada.id));
        assert!(!ada.get("/INC-1").text.contains("letters come back"));
        let report = |status: &str, action: &str| {
            let raw = format!(
                "From: MAILER-DAEMON@relay.example\r\nSubject: Undelivered {status}\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n--x\r\n\r\nSorry\r\n--x\r\nContent-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822; {CAROL}\r\nAction: {action}\r\nStatus: {status}\r\n--x\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <{}>\r\n--x--\r\n",
                letter.message_id
            );
            deliver(&desk, Some(""), raw.as_bytes())
        };
        let marked = || {
            let of = |conn: &mut store::Conn| store::bouncing::of(conn, &[CAROL.to_owned()]);
            desk.app.store.read(of).unwrap()
        };
        report("4.4.7", "delayed");
        assert!(marked().is_empty(), "a delay marks nobody");
        for status in ["5.7.129", "5.1.1"] {
            assert_eq!(report(status, "failed").verdict, Some(Verdict::Bounce));
            assert_eq!(marked()[0].status, status);
        }
        let page = ada.get("/INC-1").text;
        assert!(page.contains("letters come back (5.1.1)"), "{page}");
        mail(
            &desk,
            CAROL,
            "Subject: Re: Uplink\r\nIn-Reply-To: <c1@contoso.example>",
            "I am here.",
        );
        assert!(marked().is_empty());
        assert!(!ada.get("/INC-1").text.contains("letters come back"));
    }
);

both_databases!(
    e65_a_text_in_the_wrong_character_set_is_read_anew_by_hand_and_put_on_its_ticket,
    |desk| {
        desk.let_letters_go();
        let p = Program::new(desk);
        let desk = &p.desk;
        // Russian in KOI8-R that says it is Western: every byte has a place there, so nothing is guessed.
        let koi8: &[u8] = b"\xd3\xc5\xd2\xd7\xc5\xd2 \xd5\xd0\xc1\xcc";
        let mut raw = b"From: i@x.example\r\nSubject: x\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\n".to_vec();
        raw.extend_from_slice(koi8);
        let taken = deliver(desk, Some("i@x.example"), &raw);
        assert!(!timeline(desk, "INC-1")[0].body.contains("сервер"));
        let ada = desk.person("Ann", Roles::of(&[Role::Responder]));
        let browser = Visitor::logged_in(&p.server, &desk.app, Holder::Person(ada.id));
        let place = format!("/mail/in/{}", taken.id);
        let plain = browser.get(&place).text;
        assert!(
            plain.contains("Read its text as") && !plain.contains("Put this text"),
            "{plain}"
        );
        let read = browser.get(&format!("{place}?charset=koi8-r")).text;
        assert!(
            read.contains("сервер упал") && read.contains("Put this text on the ticket"),
            "{read}"
        );
        let wrong = browser.post(&format!("{place}/put-right"), &[("charset", "klingon")]);
        assert_eq!(wrong.status, 422);
        let put = browser.post(&format!("{place}/put-right"), &[("charset", "koi8-r")]);
        assert_eq!(put.status, 303, "{}", put.text);
        let entries = timeline(desk, "INC-1");
        let note = entries.iter().find(|it| it.corrects == Some(1)).unwrap();
        assert_eq!(
            (note.kind, note.audience, note.body.as_str()),
            (EntryKind::Note, Audience::Internal, "сервер упал")
        );
        assert!(browser.get("/INC-1").text.contains("read again as koi8-r"));

        let path = format!("/api/v1/mail/{}/put-right", taken.id);
        let same = p.call(
            "POST",
            &path,
            &[],
            Some(&json!({"charset": "windows-1252"}).to_string()),
        );
        assert_eq!(same.text("/rule"), "mail-reads-the-same");
        let wrong = p.call(
            "POST",
            &path,
            &[],
            Some(&json!({"charset": "klingon"}).to_string()),
        );
        assert_eq!(wrong.faults()[0].0, "charset");
        let done = p.call(
            "POST",
            &path,
            &[],
            Some(&json!({"charset": "windows-1251"}).to_string()),
        );
        assert_eq!(done.status, 200, "{}", done.body);
    }
);

both_databases!(
    e69_e96_both_forms_of_a_mail_are_one_click_from_its_entry_and_what_is_encrypted_says_so,
    |desk| {
        desk.let_letters_go();
        let both = "From: i@x.example\r\nSubject: x\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\nplain\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>rich</p>\r\n--b--\r\n";
        let taken = deliver(&desk, Some("i@x.example"), both.as_bytes());
        let pgp = "From: i@x.example\r\nSubject: y\r\nContent-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b\r\n\r\n--b\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--b\r\nContent-Type: application/octet-stream; name=a.asc\r\n\r\n-----BEGIN PGP MESSAGE-----\r\n--b--\r\n";
        deliver(&desk, Some("i@x.example"), pgp.as_bytes());
        let ada = desk.person("Ada", Roles::of(&[Role::Responder]));
        let served = Served::new(&desk.app);
        let ada = Visitor::logged_in(&served, &desk.app, Holder::Person(ada.id));
        let page = ada.get("/INC-1").text;
        let html = format!("/mail/in/{}/html", taken.id);
        assert!(
            page.contains(&format!("href=\"{html}\"")) && !page.contains("encrypted:"),
            "{page}"
        );
        assert!(ada.get(&html).text.contains("<p>rich</p>"));
        let hidden = ada.get("/INC-2").text;
        assert!(
            hidden.contains("encrypted: its text can&#39;t be read here"),
            "{hidden}"
        );
        assert!(!hidden.contains("/html\""), "it has no such form");
    }
);

both_databases!(
    a_form_that_is_too_big_or_too_deep_to_be_cleaned_says_so_and_leads_to_the_text_and_the_mail,
    |desk| {
        desk.let_letters_go();
        let served = Served::new(&desk.app);
        let eve = desk.person("Eve", Roles::of(&[Role::Responder]));
        let eve = Visitor::logged_in(&served, &desk.app, Holder::Person(eve.id));
        for (n, (html, is_shown)) in [
            ("<div>".repeat(1_000) + "deep", false),
            ("<p>wide</p>\r\n".repeat(200_000), false),
            ("<p>small</p>".to_owned(), true),
        ]
        .iter()
        .enumerate()
        {
            let raw = format!(
                "From: {CAROL}\r\nSubject: Form {n}\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{html}\r\n"
            );
            let taken = deliver(&desk, Some(CAROL), raw.as_bytes());
            let at = format!("/mail/in/{}", taken.id);
            assert!(eve.get(&at).text.contains(&format!("href=\"{at}/html\"")));
            let form = eve.get(&format!("{at}/html"));
            assert_eq!(form.status, 200, "{n}");
            let says_so = form.text.contains("HTML form not shown");
            let leads_on = [format!("href=\"{at}#text\""), format!("href=\"{at}/raw\"")];
            let leads_on = leads_on.iter().all(|link| form.text.contains(link));
            assert_eq!((says_so, leads_on), (!is_shown, !is_shown), "{n}");
        }
        // One without an HTML form has no such page.
        let plain = mail(&desk, CAROL, "Subject: Plain", "Text");
        assert_eq!(eve.get(&format!("/mail/in/{}/html", plain.id)).status, 404);
    }
);
