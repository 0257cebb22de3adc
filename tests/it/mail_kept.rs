//! What stays of a mail, and what leaves the house: cases 9, 11, 87, 91, 98, 106 to 110 of the intake's list.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use watchkeeper::actions::{ticket as act, ticket_parts};
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::delivery::{DeliveryKind, DeliveryState};
use watchkeeper::domain::id::Kind;
use watchkeeper::domain::intake::Verdict;
use watchkeeper::domain::outgoing::{Handover, OutgoingMail, retry_after_secs};
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::Opening;
use watchkeeper::listen::session::Dialect;
use watchkeeper::listen::smtp::{self, Listener};
use watchkeeper::store;
use watchkeeper::store::people::Holder;
use watchkeeper::store::ticket::Watcher;

use crate::both_databases;
use crate::desk::Desk;
use crate::mail::{
    colleague, contoso, deliver, key, mail, stored, take, ticket, tickets, timeline, to,
};
use crate::served::Served;
use crate::visitor::Visitor;

const CAROL: &str = "carol@contoso.example";
const RESPONDER: Roles = Roles::of(&[Role::Responder]);

/// Ada's browser.
fn browser(desk: &Desk, served: &Served) -> Visitor {
    let ada = desk.person("Ada", RESPONDER);
    Visitor::logged_in(served, &desk.app, Holder::Person(ada.id))
}

both_databases!(
    e9_a_mail_that_cannot_be_read_is_a_ticket_at_once_and_comes_no_second_time,
    |desk| {
        desk.let_letters_go();
        let raw = b"\x01\x02\xff\xfe no header, no mail \x00";
        let taken = deliver(&desk, Some("x@x.example"), raw);
        assert_eq!(taken.verdict, Some(Verdict::Unreadable));
        let opened = ticket(&desk, "INC-1");
        assert_eq!(opened.title.as_str(), "Unreadable mail");
        let files = desk
            .app
            .store
            .read(|conn| store::blob::attachments(conn, opened.id))
            .unwrap();
        assert_eq!(
            (files[0].name.as_str(), files[0].hash),
            ("mail.eml", taken.raw)
        );
        for _ in 0..5 {
            desk.advance(3_600);
        }
        assert_eq!(stored(&desk, taken.id), taken, "nobody looks again");
        assert_eq!(tickets(&desk), 1);
    }
);

both_databases!(
    e11_silence_at_an_hour_that_always_had_mail_is_a_health_mark,
    |desk| {
        desk.let_letters_go();
        const WEEK: i64 = 7 * 86_400;
        let served = Served::new(&desk.app);
        let ada = desk.person("Ada", RESPONDER);
        let home = || {
            let browser = Visitor::logged_in(&served, &desk.app, Holder::Person(ada.id));
            browser.get("/").text
        };
        let write = |n: i64| {
            let head = format!("Subject: Week {n}\r\nMessage-ID: <w{n}@contoso.example>");
            mail(&desk, CAROL, &head, "Text.");
        };
        let marked = |text: &str| text.contains("No mail has come in for");
        let begin = desk.now();
        for week in 0..4 {
            desk.app.time.set(begin.plus_secs(week * WEEK));
            write(week);
            // Half a week without mail is usual here.
            desk.advance(3 * 86_400);
            assert!(!marked(&home()), "week {week}");
        }
        desk.app.time.set(begin.plus_secs(4 * WEEK));
        let silent = home();
        assert!(marked(&silent), "{silent}");
        assert!(silent.contains("168 h"), "since when: {silent}");
        // An hour later nobody would expect any.
        desk.app.time.set(begin.plus_secs(4 * WEEK + 3_600));
        assert!(!marked(&home()));
        desk.app.time.set(begin.plus_secs(4 * WEEK + 60));
        write(4);
        assert!(!marked(&home()), "it came");
        // A week that had none at this hour: silence is nothing new.
        desk.app.time.set(begin.plus_secs(6 * WEEK));
        assert!(!marked(&home()));
    }
);

both_databases!(e87_what_is_folded_is_stored_and_found, |desk| {
    desk.let_letters_go();
    contoso(&desk);
    mail(
        &desk,
        CAROL,
        "Subject: Uplink\r\nMessage-ID: <c1@contoso.example>",
        "It is down.\r\n\r\nOn Mon, 1 Jun 2026 at 08:00, Bob <bob@x.example> wrote:\r\n> the quotedzebra said so\r\n\r\n-- \r\nCarol Signaturezebu\r\n",
    );
    let body = timeline(&desk, "INC-1")[0].body.clone();
    let served = Served::new(&desk.app);
    let browser = browser(&desk, &served);
    let folded = watchkeeper::domain::quote::typed(&body);
    assert_eq!(folded.trim(), "It is down.");
    for word in ["quotedzebra", "Signaturezebu"] {
        assert!(body.contains(word), "{body}");
        let found = browser.get(&format!("/search?q={word}")).text;
        assert!(found.contains("INC-1"), "{word}: {found}");
    }
});

both_databases!(
    e91_a_picture_that_comes_again_and_again_is_stored_and_listed_once,
    |desk| {
        desk.let_letters_go();
        contoso(&desk);
        let logo = "--m\r\nContent-Type: image/png; name=logo.png\r\nContent-ID: <logo>\r\nContent-Transfer-Encoding: base64\r\n\r\nAAECAwQF\r\n";
        let again = "--m\r\nContent-Type: image/png; name=again.png\r\nContent-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\nAAECAwQF\r\n";
        let other = "--m\r\nContent-Type: image/png; name=graph.png\r\nContent-Transfer-Encoding: base64\r\n\r\nBBBB\r\n";
        let write = |n: usize, parts: &str| {
            let raw = format!(
                "From: {CAROL}\r\nTo: support@watch.example.org\r\nSubject: Re: [INC-1] Uplink\r\nMessage-ID: <p{n}@contoso.example>\r\nContent-Type: multipart/related; boundary=m\r\n\r\n--m\r\nContent-Type: text/html\r\n\r\n<p>Mail {n}</p><img src=cid:logo>\r\n{parts}--m--\r\n"
            );
            deliver(&desk, Some(CAROL), raw.as_bytes())
        };
        write(0, &format!("{logo}{again}"));
        for n in 1..8 {
            desk.advance(1);
            assert_eq!(write(n, logo).verdict, Some(Verdict::Appended));
        }
        write(8, &format!("{logo}{other}"));
        let inc = ticket(&desk, "INC-1");
        let files = desk
            .app
            .store
            .read(|conn| store::blob::attachments(conn, inc.id))
            .unwrap();
        assert_eq!(files.len(), 11, "nothing is thrown away");
        let logos = files.iter().filter(|file| file.hash == files[0].hash);
        assert_eq!(logos.count(), 10, "one set of bytes");
        let served = Served::new(&desk.app);
        let page = browser(&desk, &served).get("/INC-1").text;
        let listed = |name: &str| page.matches(&format!("download>{name} ")).count();
        // Which of the two names of one picture comes first is chance.
        let logos = listed("logo.png") + listed("again.png");
        assert_eq!((logos, listed("graph.png")), (1, 1), "{page}");
    }
);

both_databases!(
    e98_the_raw_mail_that_is_handed_out_is_the_one_that_came,
    |desk| {
        desk.let_letters_go();
        // Everything that a careless hand would tidy: blanks at line ends, runs of them, blank lines at the end, dots, long lines.
        let body = format!(
            "Two  blanks and a tab\t \r\n.\r\n..dots\r\n\r\n{}\r\nend  \r\n\r\n\r\n",
            "x".repeat(2_000)
        );
        let digest = |bytes: &[u8]| {
            // DKIM's simple canonical form: one line end at the end of the body.
            let mut end = bytes.len();
            while bytes[..end].ends_with(b"\r\n\r\n") {
                end -= 2;
            }
            let digest = Sha256::digest(&bytes[..end]);
            digest
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
        };
        let head = format!(
            "DKIM-Signature: v=1; a=rsa-sha256; c=simple/simple;\r\n\tbh={}\r\nFrom:   Carol  <{CAROL}>\r\nSUBJECT: Kept  as it is \r\nMessage-ID: <d1@contoso.example>\r\n",
            digest(body.as_bytes())
        );
        let raw = format!("{head}\r\n{body}");
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let socket = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let address = socket.local_addr().unwrap();
        let (stop, stops) = tokio::sync::watch::channel(false);
        let listeners = vec![Listener {
            socket,
            dialect: Dialect::Lmtp,
        }];
        let host = "watch.example.org".to_owned();
        let serving = runtime.spawn(smtp::serve(
            Arc::clone(&desk.app),
            listeners,
            host,
            None,
            stops,
        ));
        let mut stream = TcpStream::connect(address).unwrap();
        let stuffed = raw.replace("\r\n.", "\r\n..");
        let said = format!(
            "LHLO x\r\nMAIL FROM:<{CAROL}>\r\nRCPT TO:<support@watch.example.org>\r\nDATA\r\n{stuffed}.\r\nQUIT\r\n"
        );
        stream.write_all(said.as_bytes()).unwrap();
        let answers: Vec<String> = BufReader::new(stream)
            .lines()
            .map_while(Result::ok)
            .collect();
        assert!(
            answers.iter().any(|it| it.starts_with("250 2.0.0 stored")),
            "{answers:?}"
        );
        stop.send(true).unwrap();
        runtime.block_on(serving).unwrap();
        desk.settle();
        let taken = desk
            .app
            .store
            .read(|conn| store::intake::ledger(conn, &Default::default(), None, 1))
            .unwrap();
        let served = Served::new(&desk.app);
        let exported = browser(&desk, &served)
            .get(&format!("/mail/in/{}/raw", taken[0].id))
            .text;
        assert_eq!(exported, raw);
        let (head, body) = exported.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("bh={}", digest(body.as_bytes()))));
    }
);

both_databases!(e106_words_in_a_text_change_no_field, |desk| {
    desk.let_letters_go();
    contoso(&desk);
    desk.person("Ada", Roles::all());
    let text = "priority: urgent\r\nseverity: disaster\r\nowner: ada@watch.example.org\r\nstate: closed\r\ncustomer: Contoso\r\n\r\nText.";
    for (n, from) in [CAROL, "mallory@x.example", "ada@watch.example.org"]
        .iter()
        .enumerate()
    {
        let head = format!(
            "X-Severity: disaster\r\nSubject: severity: disaster {n}\r\nMessage-ID: <k{n}@x.example>"
        );
        let taken = mail(&desk, from, &head, text);
        assert_eq!(taken.verdict, Some(Verdict::Opened), "{from}");
        let opened = ticket(&desk, &format!("INC-{}", n + 1));
        assert_eq!(opened.severity, Some(Severity::Average), "{from}");
        assert_eq!((opened.owner, opened.is_open()), (None, true), "{from}");
    }
    // On a ticket of theirs neither.
    let head = "Subject: Re: [INC-1] x\r\nMessage-ID: <k9@contoso.example>";
    assert_eq!(
        mail(&desk, CAROL, head, text).verdict,
        Some(Verdict::Appended)
    );
    let inc = ticket(&desk, "INC-1");
    assert_eq!((inc.severity, inc.owner), (Some(Severity::Average), None));
    assert!(
        timeline(&desk, "INC-1")
            .last()
            .unwrap()
            .body
            .contains("severity: disaster")
    );
});

/// The header block of what would be handed to a relay, unfolded.
pub(crate) fn head_of(letter: &OutgoingMail) -> Vec<String> {
    let bytes = watchkeeper::outbound::mail::bytes(letter).unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let head = text.split("\r\n\r\n").next().unwrap().to_owned();
    head.replace("\r\n ", " ")
        .replace("\r\n\t", " ")
        .lines()
        .map(str::to_owned)
        .collect()
}

pub(crate) fn values<'h>(head: &'h [String], name: &str) -> Vec<&'h str> {
    head.iter()
        .filter_map(|line| line.split_once(':'))
        .filter(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
        .collect()
}

both_databases!(
    e107_no_header_and_no_recipient_can_be_smuggled_into_our_answer,
    |desk| {
        let raw = b"From: =?utf-8?q?Mallory=0D=0ABcc:_evil@x.example?= <mallory@x.example>\r\nTo: support@watch.example.org\r\nSubject: =?utf-8?q?Uplink=0D=0ABcc:_evil@x.example=0D=0A=0D=0Atext?=\r\nMessage-ID: <h1@x.example>\r\nReferences: <a@b\r\n Bcc: evil@x.example>\r\n\r\nText.\r\n";
        deliver(&desk, Some("mallory@x.example"), raw);
        let opened = ticket(&desk, "INC-1");
        assert!(!opened.title.as_str().contains(['\r', '\n']));
        let mut letters = desk.letters();
        take(&desk, "INC-1");
        let ada = desk.person("Bob", RESPONDER);
        act::reply(
            &desk.as_person(&ada),
            key("INC-1"),
            "Hello\r\nBcc: evil@x.example",
            None,
            None,
        )
        .unwrap();
        letters.extend(desk.letters());
        assert_eq!(letters.len(), 2, "an answer and a reply");
        for letter in &letters {
            assert_eq!(letter.to.as_str(), "mallory@x.example");
            let head = head_of(letter);
            assert_eq!(values(&head, "Bcc"), [""; 0], "{head:?}");
            assert_eq!(values(&head, "To").len(), 1);
            assert!(
                values(&head, "To")[0].ends_with("mallory@x.example>")
                    || values(&head, "To")[0] == "mallory@x.example"
            );
            let names: Vec<&str> = head
                .iter()
                .filter_map(|line| line.split(':').next())
                .collect();
            assert!(names.iter().all(|name| !name.contains(' ')), "{names:?}");
        }
    }
);

both_databases!(
    e108_a_letter_says_where_to_answer_where_the_ticket_is_and_what_is_promised,
    |desk| {
        contoso(&desk);
        mail(
            &desk,
            CAROL,
            "Subject: Uplink\r\nMessage-ID: <c1@contoso.example>",
            "Down.",
        );
        desk.letters();
        let ada = take(&desk, "INC-1");
        let until = desk.now().plus_secs(1_800);
        act::reply(
            &desk.as_person(&ada),
            key("INC-1"),
            "We look.",
            Some(until),
            None,
        )
        .unwrap();
        let letters = desk.letters();
        let letter = to(&letters, CAROL);
        let answers = letter.reply_to.clone().expect("a reply address");
        assert!(
            answers.starts_with("watchkeeper+inc-1.") || answers.contains("+inc-1."),
            "{answers}"
        );
        let footer = letter.text.rsplit_once("We look.").unwrap().1;
        for said in [
            answers.as_str(),
            "Incident INC-1",
            "https://watch.example.org/INC-1",
            "Next update promised by",
        ] {
            assert!(footer.contains(said), "no {said:?} in {footer}");
        }
        // The link opens what a login may see and nothing more: it carries no token.
        for line in letter.text.lines().filter(|line| line.contains("https://")) {
            assert_eq!(line.trim(), "https://watch.example.org/INC-1");
        }
        let html = letter.html.as_deref().unwrap();
        for (at, _) in html.match_indices("https://") {
            let url: String = html[at..]
                .chars()
                .take_while(|c| !"\"'<> ".contains(*c))
                .collect();
            assert_eq!(url, "https://watch.example.org/INC-1");
        }
    }
);

both_databases!(
    e109_every_recipient_has_an_id_of_their_own_and_programs_are_told_what_it_is,
    |desk| {
        contoso(&desk);
        let bob = colleague(&desk, CAROL, "Bob", "bob@contoso.example");
        mail(
            &desk,
            CAROL,
            "Subject: Uplink\r\nMessage-ID: <c1@contoso.example>",
            "Down.",
        );
        let received = desk.letters();
        let head = head_of(to(&received, CAROL));
        assert_eq!(values(&head, "Auto-Submitted"), ["auto-replied"]);
        assert_eq!(values(&head, "Precedence"), ["bulk"]);
        let ada = take(&desk, "INC-1");
        ticket_parts::watch(&desk.as_person(&ada), key("INC-1"), Watcher::Contact(bob)).unwrap();
        act::reply(&desk.as_person(&ada), key("INC-1"), "We look.", None, None).unwrap();
        let letters = desk.letters();
        assert_eq!(letters.len(), 2, "{letters:?}");
        let mut ids: Vec<&str> = letters
            .iter()
            .chain(&received)
            .map(|letter| letter.message_id.as_str())
            .collect();
        for id in &ids {
            let (local, host) = id.split_once('@').expect("an id with a host");
            assert_eq!(host, "watch.example.org");
            // Letters, digits and dots: nothing that filters know from programs that send rubbish.
            assert!(
                local
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-'),
                "{id}"
            );
        }
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 3, "{ids:?}");
        for letter in &letters {
            let head = head_of(letter);
            assert_eq!(
                values(&head, "Message-ID"),
                [format!("<{}>", letter.message_id)]
            );
            assert_eq!(values(&head, "List-Id").len(), 1, "{head:?}");
            // Whoever asked is owed their answers; who watches may leave, by one press of their mail program (RFC 8058).
            let may_leave = letter.to.as_str() == "bob@contoso.example";
            let leaves = values(&head, "List-Unsubscribe");
            assert_eq!(leaves.len(), usize::from(may_leave), "{head:?}");
            // A person wrote it: nothing says that it is automatic.
            assert_eq!(values(&head, "Auto-Submitted").len(), 0, "{head:?}");
            assert_eq!(values(&head, "Precedence").len(), 0, "{head:?}");
        }
    }
);

both_databases!(
    e110_a_stuck_queue_is_seen_and_tried_again_and_only_a_page_is_repeated,
    |desk| {
        desk.let_letters_go();
        contoso(&desk);
        let served = Served::new(&desk.app);
        let ada = desk.person("Ada", RESPONDER);
        let page = || {
            let browser = Visitor::logged_in(&served, &desk.app, Holder::Person(ada.id));
            browser.get("/").text
        };
        for _ in 0..8 {
            desk.relay_answers(Handover::Deferred("421 busy".to_owned()));
        }
        mail(
            &desk,
            CAROL,
            "Subject: Uplink\r\nMessage-ID: <c1@contoso.example>",
            "Down.",
        );
        assert!(
            !page().contains("/mail/out?state=queued"),
            "a busy relay is no alarm yet"
        );
        let mut tries = 1;
        while tries < 8 {
            desk.advance(retry_after_secs(tries) - 1);
            assert_eq!(waits(&desk).attempts, tries, "not before its time");
            desk.advance(1);
            tries += 1;
            assert_eq!(waits(&desk).attempts, tries);
        }
        let seen = page();
        assert!(
            seen.contains("/mail/out?state=queued") && seen.contains("One message can"),
            "{seen}"
        );
        desk.advance(retry_after_secs(8));
        assert!(!desk.letters().is_empty(), "the relay is back");
        assert!(!page().contains("/mail/out?state=queued"));

        // The connection broke after the last byte: nobody knows. A letter isn't repeated.
        desk.relay_answers(Handover::Unsure("reset".to_owned()));
        act::take(&desk.as_person(&ada), key("INC-1"), None).unwrap();
        act::reply(&desk.as_person(&ada), key("INC-1"), "We look.", None, None).unwrap();
        assert_eq!(desk.letters().len(), 1);
        desk.advance(7_200);
        let to_carol =
            |letters: &[OutgoingMail]| letters.iter().filter(|it| it.to.as_str() == CAROL).count();
        assert_eq!(to_carol(&desk.letters()), 0);

        // A page is, under the same id.
        crate::oncall::team(&desk, "netops", &[&ada]);
        desk.relay_answers(Handover::Unsure("reset".to_owned()));
        let opening = Opening {
            severity: Some(Severity::Disaster),
            ..Opening::default()
        };
        let title = Title::parse("DB down").unwrap();
        let bob = desk.person("Bob", RESPONDER);
        act::open(&desk.as_person(&bob), Kind::Incident, title, &opening).unwrap();
        let mut pages = desk.letters();
        desk.advance(60);
        pages.extend(desk.letters());
        let of_page = |it: &&OutgoingMail| it.headers.iter().any(|(name, _)| *name == "X-Priority");
        let ids: Vec<&str> = pages
            .iter()
            .filter(of_page)
            .map(|it| it.message_id.as_str())
            .collect();
        assert!(ids.len() >= 2, "{pages:?}");
        assert_eq!(ids[0], ids[1]);
    }
);

/// The automatic answer on its way.
fn waits(desk: &Desk) -> store::outbox::Delivery {
    let inc = ticket(desk, "INC-1");
    let sent = desk
        .app
        .store
        .read(|conn| store::outbox::of_ticket(conn, inc.id))
        .unwrap();
    let answer = sent
        .into_iter()
        .find(|it| it.kind == DeliveryKind::AutoAnswer)
        .unwrap();
    assert_eq!(answer.state, DeliveryState::Queued);
    answer
}
