//! What the doors for mail say when something goes wrong, which others read: a mail server passes a refusal on to whoever wrote the mail.
//! A12 of the list of attacks, and A9: what our own queues say to each other.

use std::sync::Arc;

use watchkeeper::actions::intake;
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::intake::{HeldFor, MailState, Verdict, Way};
use watchkeeper::listen::session::Dialect;

use crate::both_databases;
use crate::desk::{Desk, On};
use crate::machine::{Machine, said};
use crate::mail::{contoso, deliver_to, mail, stored, takes_mail, tickets};
use crate::mail_door::{Listening, one_mail};
use crate::mail_spool::Away;

/// What would tell an outsider how the house is built, where it lies or whom it knows.
fn leaks(text: &str, house: &[&str]) -> Vec<String> {
    let folded = text.to_lowercase();
    let built = [
        "sqlite",
        "postgres",
        "diesel",
        "rust",
        "panick",
        ".rs:",
        "src/",
        "/tmp",
        "/var",
        "/home",
        ".db",
        "constraint",
        "sql",
        "127.0.0.1",
        "localhost",
        "os error",
        "permission denied",
        "no such file",
        "connection refused",
        "backtrace",
        "inc-",
        "ticket ",
    ];
    let version = env!("CARGO_PKG_VERSION");
    let all = built.iter().chain(house).chain(std::iter::once(&version));
    all.filter(|word| folded.contains(&word.to_lowercase()))
        .map(|word| (*word).to_owned())
        .collect()
}

/// Each of these talks ends in an error of another kind.
fn talks() -> Vec<String> {
    let hello = "EHLO x\r\n";
    let begun = "EHLO x\r\nMAIL FROM:<m@evil.example>\r\n";
    let long = "x".repeat(5_000);
    vec![
        "GIBBERISH\r\nQUIT\r\n".to_owned(),
        format!("{long}\r\nQUIT\r\n"),
        "MAIL FROM:<m@evil.example>\r\nQUIT\r\n".to_owned(),
        format!("{hello}RCPT TO:<support@watch.example.org>\r\nDATA\r\nQUIT\r\n"),
        format!("{hello}MAIL FROM:<m@evil.example> SIZE=999999999999\r\nQUIT\r\n"),
        format!("{hello}MAIL FROM:<m@evil.example> XYZ=1\r\nQUIT\r\n"),
        format!("{hello}MAIL FROM:<not an address>\r\nQUIT\r\n"),
        format!("{begun}RCPT TO:<not an address>\r\nQUIT\r\n"),
        format!("{begun}RCPT TO:<>\r\nRCPT TO:<x@y>\r\nQUIT\r\n"),
        format!("{begun}VRFY support\r\nEXPN staff\r\nHELP\r\nQUIT\r\n"),
        format!("{hello}AUTH PLAIN AGEAYg==\r\nSTARTTLS\r\nETRN x\r\nQUIT\r\n"),
        "GIBBERISH\r\n".repeat(60),
    ]
}

both_databases!(
    a12_no_answer_at_the_door_says_how_the_house_is_built_or_whom_it_knows,
    |mut desk| {
        desk.let_letters_go();
        contoso(&desk);
        takes_mail(&desk, "support@watch.example.org", |_| {});
        desk.person("Ada", Roles::of(&[Role::Responder]));
        Arc::get_mut(&mut desk.app).unwrap().config.mail_limit_bytes = 10_000;
        let listening = Listening::at(&desk, Dialect::Smtp);
        let house = ["Contoso", "Carol", "Ada", "sales@"];
        for talk in talks() {
            let said = listening.say(&talk);
            let found = leaks(&said, &house);
            assert!(found.is_empty(), "{found:?} of {talk:?}\n{said}");
        }
        let large = format!("Subject: Large\r\n\r\n{}", "y\r\n".repeat(6_000));
        let said = listening.say(&one_mail("EHLO", "", &large));
        assert!(
            said.contains("552 5.3.4 ") && leaks(&said, &house).is_empty(),
            "{said}"
        );
        // Who is known here and who isn't is answered alike: contacts, staff, addresses of ours, nobody.
        let answer = |to: &str| {
            let talk =
                format!("EHLO x\r\nMAIL FROM:<m@evil.example>\r\nRCPT TO:<{to}>\r\nQUIT\r\n");
            listening.say(&talk)
        };
        let known = answer("support@watch.example.org");
        for other in [
            "nobody@watch.example.org",
            "ada@watch.example.org",
            "carol@contoso.example",
            "x+inc-1.abcdef@watch.example.org",
        ] {
            assert_eq!(answer(other), known, "{other}");
        }
        let from = |from: &str| listening.say(&format!("EHLO x\r\nMAIL FROM:<{from}>\r\nQUIT\r\n"));
        assert_eq!(from("carol@contoso.example"), from("m@evil.example"));
    }
);

#[test]
fn a12_a_database_that_is_away_is_no_secret_and_nothing_else_is_said_of_it() {
    let desk = Desk::new(On::Postgres);
    desk.let_letters_go();
    for (dialect, hello) in [(Dialect::Lmtp, "LHLO"), (Dialect::Smtp, "EHLO")] {
        let listening = Listening::at(&desk, dialect);
        let away = Away::new(&desk);
        let said = listening.say(&one_mail(hello, "", "Subject: x\r\n\r\ny"));
        drop(away);
        assert!(said.contains("451 4.3.0 "), "{said}");
        let url = format!("{:?}", desk.app.config.database);
        let name = url
            .rsplit('/')
            .next()
            .unwrap()
            .trim_matches(|c: char| !c.is_alphanumeric());
        assert_eq!(leaks(&said, &[name]), Vec::<String>::new(), "{said}");
    }
}

#[test]
fn a12_a_pipe_that_fails_says_nothing_that_its_sender_should_not_read() {
    let machine = Machine::new(On::Sqlite);
    let folder = machine.folder().to_string_lossy().into_owned();
    let mail = b"From: carol@contoso.example\r\nSubject: Uplink down\r\n\r\nSince noon.\r\n";
    let pipe = |args: &[&str]| {
        let sender = [
            "mail",
            "--sender",
            "carol@contoso.example",
            "--recipient",
            "support@watch.example.org",
        ];
        let done = machine.run_with(&[&sender, args].concat(), mail);
        (done.status.code(), said(&done))
    };
    std::fs::write(machine.folder().join("file"), "").unwrap();
    // Nothing is set up; a spool that can't be written; a database that isn't one; one of a kind that there isn't; one that is away.
    for args in [
        &[][..],
        &["--mail-spool", "file"],
        &["--database", "file/x.db"],
        &["--database", "mysql://root:secret@db.internal/x"],
        &["--database", "postgres://watch:secret@127.0.0.1:1/house"],
    ] {
        let (code, told) = pipe(args);
        assert_eq!(code, Some(75), "{args:?} {told}");
        assert_eq!(
            leaks(&told, &[&folder, "secret", "db.internal", "house"]),
            Vec::<String>::new(),
            "{args:?} {told}"
        );
        assert!(told.contains("not stored, try again later"), "{told}");
    }
    // Whoever asks is told.
    let (code, told) = pipe(&["--why"]);
    assert_eq!(code, Some(75));
    assert!(
        told.trim().len() > "watchkeeper: not stored, try again later".len(),
        "{told}"
    );
    // A mail that is too large says so, with the limit alone.
    let (code, told) = pipe(&["--mail-limit-mb", "0"]);
    assert!(code != Some(0), "{told}");
    assert_eq!(leaks(&told, &[&folder]), Vec::<String>::new(), "{told}");
}

/// Brings each of our letters that goes to an address of ours, or to one that a program reads and passes on, back to the door, as often as
/// there are any; how many there were.
fn rounds(
    desk: &Desk,
    back: impl Fn(
        &watchkeeper::domain::outgoing::OutgoingMail,
        usize,
    ) -> Option<(String, String, Vec<u8>)>,
) -> usize {
    let mut sent = 0;
    for round in 0..200 {
        let letters = desk.letters();
        let mut came = 0;
        for letter in &letters {
            if let Some((from, to, raw)) = back(letter, sent) {
                intake::accept(&desk.app, Way::Smtp, Some(&from), &[to], &raw).unwrap();
                came += 1;
                sent += 1;
            }
        }
        if came == 0 {
            return sent;
        }
        assert!(round < 199, "they still write to each other");
        desk.app.time.set(desk.now().plus_secs(7));
    }
    sent
}

both_databases!(
    a9_two_of_our_own_queues_that_mail_each_other_end_at_once_and_through_a_third_at_the_budget,
    |desk| {
        desk.let_letters_go();
        let (support, sales) = ("support@watch.example.org", "sales@watch.example.org");
        for address in [support, sales] {
            takes_mail(&desk, address, |_| {});
        }
        // From one to the other, with nothing that says what it is, however they name whom to answer.
        for (n, (from, to, reply_to)) in [
            (sales, support, ""),
            (support, sales, ""),
            (sales, support, "Reply-To: sales@watch.example.org\r\n"),
            (support, support, "Reply-To: sales@watch.example.org\r\n"),
            (sales, support, "Reply-To: support+x@watch.example.org\r\n"),
        ]
        .into_iter()
        .enumerate()
        {
            let raw = format!(
                "From: {from}\r\nTo: {to}\r\n{reply_to}Subject: Round {n}\r\nMessage-ID: <r{n}@elsewhere.example>\r\n\r\nOver to you.\r\n"
            );
            let taken = deliver_to(&desk, Some(from), &[to], raw.as_bytes());
            assert_eq!(
                (taken.state, taken.held_for),
                (MailState::Held, Some(HeldFor::Loop)),
                "{raw}"
            );
        }
        assert_eq!((tickets(&desk), desk.letters().len()), (0, 0));

        // A contact's mail that is answered to a queue of ours: our answer, were it sent there, would open the next ticket.
        contoso(&desk);
        let head =
            format!("Reply-To: {sales}\r\nSubject: Uplink\r\nMessage-ID: <c1@contoso.example>");
        let first = mail(&desk, "carol@contoso.example", &head, "Down.");
        assert_eq!(first.verdict, Some(Verdict::Opened));
        let as_it_left = |letter: &watchkeeper::domain::outgoing::OutgoingMail, _| {
            let to = letter.to.as_str().to_owned();
            let is_ours = to == sales || to == support;
            let raw = watchkeeper::outbound::mail::bytes(letter).unwrap();
            is_ours.then(|| (letter.from.as_str().to_owned(), to, raw))
        };
        assert_eq!(rounds(&desk, as_it_left), 0, "no queue of ours is answered");
        assert_eq!(tickets(&desk), 1);

        // Two programs that pass mail on to our other queue under their own name, and strip every mark of ours.
        let before = tickets(&desk);
        let raw = b"From: robot@partner.example\r\nSubject: Begin\r\nMessage-ID: <p0@partner.example>\r\n\r\nHello\r\n";
        deliver_to(&desk, Some("robot@partner.example"), &[support], raw);
        let stripped = |letter: &watchkeeper::domain::outgoing::OutgoingMail, n: usize| {
            let robot = "robot@partner.example".to_owned();
            let to = if n.is_multiple_of(2) { sales } else { support };
            let raw = format!(
                "From: {robot}\r\nTo: {to}\r\nSubject: Passed on {n}\r\nMessage-ID: <p{}@partner.example>\r\n\r\n{}\r\n",
                n + 1,
                letter.text
            );
            (letter.to.as_str() == robot).then(|| (robot, to.to_owned(), raw.into_bytes()))
        };
        // A stranger is answered once a day.
        assert_eq!(rounds(&desk, stripped), 1);
        assert!(tickets(&desk) - before <= 2);

        // Somebody known is answered as often as the budget of an hour allows, and then their mail waits for a person.
        let robot = "robot@contoso.example";
        crate::mail::colleague(&desk, "carol@contoso.example", "Robot", robot);
        let raw = format!(
            "From: {robot}\r\nSubject: Begin\r\nMessage-ID: <q0@contoso.example>\r\n\r\nHello\r\n"
        );
        deliver_to(&desk, Some(robot), &[support], raw.as_bytes());
        let known = |letter: &watchkeeper::domain::outgoing::OutgoingMail, n: usize| {
            let to = if n.is_multiple_of(2) { sales } else { support };
            let raw = format!(
                "From: {robot}\r\nTo: {to}\r\nSubject: Another {n}\r\nMessage-ID: <q{}@contoso.example>\r\n\r\nRound {n}\r\n",
                n + 1
            );
            (letter.to.as_str() == robot)
                .then(|| (robot.to_owned(), to.to_owned(), raw.into_bytes()))
        };
        assert_eq!(rounds(&desk, known), 10, "the usual budget");
        let last = desk.app.store.read(|conn| {
            let filter = watchkeeper::store::intake::LedgerFilter {
                state: Some(MailState::Held),
                sender: Some(robot.to_owned()),
                ..Default::default()
            };
            watchkeeper::store::intake::ledger(conn, &filter, None, 5)
        });
        let last = last.unwrap();
        assert_eq!(last.len(), 1);
        assert_eq!(stored(&desk, last[0].id).held_for, Some(HeldFor::Answers));
    }
);
