//! `watchkeeper mail explain`: what it says of a mail is what then happens with it, and asking leaves nothing behind.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;
use watchkeeper::actions::intake;
use watchkeeper::cli::mail_explain::{Form, explain};
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::id::Kind;
use watchkeeper::domain::severity::Severity;
use watchkeeper::store;
use watchkeeper::store::backend::DatabaseUrl;

use crate::both_databases;
use crate::desk::Desk;
use crate::git_bench::WATCHKEEPER;
use crate::mail::{deliver_to, takes_mail, ticket, tickets};
use crate::mail_threading::{CAROL, opened};

const SUPPORT: &str = "support@watch.example.org";

fn told(desk: &Desk, from: Option<&str>, to: &[&str], raw: &str, form: Form) -> String {
    let to: Vec<String> = to.iter().map(|it| (*it).to_owned()).collect();
    explain(&desk.app, from, &to, raw.as_bytes(), form).unwrap()
}

fn foretold(desk: &Desk, from: Option<&str>, to: &[&str], raw: &str) -> Value {
    serde_json::from_str(&told(desk, from, to, raw, Form::Json)).unwrap()
}

fn written(from: &str, head: &str) -> String {
    format!("From: {from}\r\nTo: {SUPPORT}\r\n{head}\r\n\r\nText of it.\r\n")
}

/// Everything that a mail could leave behind.
fn kept(desk: &Desk) -> (usize, usize, i64, usize) {
    let ledger = desk
        .app
        .store
        .read(|conn| store::intake::ledger(conn, &Default::default(), None, 100))
        .unwrap();
    let inc = ticket(desk, "INC-1");
    let sent = desk
        .app
        .store
        .read(|conn| store::outbox::of_ticket(conn, inc.id))
        .unwrap();
    (ledger.len(), tickets(desk), inc.entry_count, sent.len())
}

both_databases!(what_is_foretold_of_a_mail_is_what_then_happens, |desk| {
    desk.let_letters_go();
    let answer = opened(&desk);
    takes_mail(&desk, SUPPORT, |_| {});
    takes_mail(&desk, "changes@watch.example.org", |it| {
        it.kind = Kind::Change;
    });
    takes_mail(&desk, "noc@watch.example.org", |it| {
        it.severity = Some(Severity::High);
        it.takes_generated = true;
    });
    let ada = desk.person("Ada", Roles::of(&[Role::Responder]));
    intake::block(&desk.as_person(&ada), "@spam.example", "spam").unwrap();
    let replying = format!("Subject: Re: x\r\nIn-Reply-To: <{answer}>\r\nMessage-ID:");
    let other = if &answer[5..6] == "a" { "b" } else { "a" };
    let forged = format!("{}{other}{}", &answer[..5], &answer[6..]);
    let cases: Vec<(&str, Option<&str>, &str, String)> = vec![
        (
            "appended",
            Some(CAROL),
            SUPPORT,
            written(CAROL, &format!("{replying} <m1@contoso.example>")),
        ),
        (
            "duplicate",
            Some(CAROL),
            SUPPORT,
            written(CAROL, &format!("{replying} <m1@contoso.example>")),
        ),
        (
            "join_request",
            Some("mallory@x.example"),
            SUPPORT,
            written(
                "mallory@x.example",
                "Subject: [INC-1] and now?\r\nMessage-ID: <m2@x.example>",
            ),
        ),
        (
            "opened",
            Some(CAROL),
            SUPPORT,
            written(
                CAROL,
                &format!("Subject: Re: y\r\nIn-Reply-To: <{forged}>\r\nMessage-ID: <m3@contoso.example>"),
            ),
        ),
        (
            "automatic",
            Some(CAROL),
            SUPPORT,
            written(
                CAROL,
                &format!("Auto-Submitted: auto-replied\r\n{replying} <m4@contoso.example>"),
            ),
        ),
        (
            "held",
            Some("a@spam.example"),
            SUPPORT,
            written("a@spam.example", "Subject: Buy\r\nMessage-ID: <m5@x>"),
        ),
        (
            "held",
            Some(SUPPORT),
            SUPPORT,
            written(SUPPORT, "Subject: Me\r\nMessage-ID: <m6@x>"),
        ),
        (
            "bounce",
            Some(""),
            SUPPORT,
            format!(
                "From: MAILER-DAEMON@contoso.example\r\nTo: {SUPPORT}\r\nSubject: Undelivered\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; {CAROL}\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <{answer}>\r\n\r\n--b--\r\n"
            ),
        ),
        ("unreadable", Some("x@x.example"), SUPPORT, "\r\n\r\n".to_owned()),
        (
            "opened",
            Some("pump@x.example"),
            "noc@watch.example.org",
            "From: pump@x.example\r\nTo: noc@watch.example.org\r\nAuto-Submitted: auto-generated\r\nSubject: PROBLEM Service Alert: web1/HTTP is CRITICAL\r\nMessage-ID: <m7@x>\r\n\r\nDown.\r\n".to_owned(),
        ),
        (
            "appended",
            Some("pump@x.example"),
            "noc@watch.example.org",
            "From: pump@x.example\r\nTo: noc@watch.example.org\r\nAuto-Submitted: auto-generated\r\nSubject: RECOVERY Service Alert: web1/HTTP is OK\r\nMessage-ID: <m8@x>\r\n\r\nUp.\r\n".to_owned(),
        ),
        (
            "opened",
            Some(CAROL),
            "changes+disk@watch.example.org",
            written(CAROL, "Subject: Please grow the disk\r\nMessage-ID: <m9@contoso.example>"),
        ),
    ];
    for (verdict, from, to, raw) in &cases {
        desk.advance(1);
        let before = kept(&desk);
        let said = foretold(&desk, *from, &[*to], raw);
        assert_eq!(kept(&desk), before, "{verdict}: asking leaves nothing");
        assert_eq!(said["outcome"]["verdict"], **verdict, "{raw}\n{said:#}");
        let mail = deliver_to(&desk, *from, &[*to], raw.as_bytes());
        let outcome = &said["outcome"];
        let word = |text: Option<&'static str>| text.map_or(Value::Null, Value::from);
        assert_eq!(outcome["verdict"], word(mail.verdict.map(|it| it.as_str())));
        assert_eq!(
            outcome["held_for"],
            word(mail.held_for.map(|it| it.as_str())),
            "{raw}"
        );
        assert_eq!(outcome["detail"], mail.detail, "{raw}");
        let landed = mail.ticket.map(|id| {
            let found = desk.app.store.read(|conn| store::ticket::by_id(conn, id));
            found.unwrap().unwrap()
        });
        match (&outcome["opens"], landed) {
            (Value::Null, landed) => {
                let key = landed.as_ref().map(|it| it.key.to_string());
                assert_eq!(outcome["ticket"].as_str(), key.as_deref(), "{raw}");
                let state = landed.as_ref().map(|it| it.state.as_str());
                assert_eq!(outcome["state"].as_str(), state, "{raw}");
            }
            (opens, Some(landed)) => {
                assert_eq!(opens["title"], landed.title.as_str());
                assert_eq!(opens["kind"], landed.key.kind.as_str());
                let severity = landed.severity.map(|it| it.as_str());
                assert_eq!(opens["severity"].as_str(), severity, "{raw}");
                let answered: Vec<String> = desk
                    .app
                    .store
                    .read(|conn| store::outbox::of_ticket(conn, landed.id))
                    .unwrap()
                    .into_iter()
                    .filter(|it| it.kind.as_str() == "auto_answer")
                    .map(|it| it.address)
                    .collect();
                let foretold: Vec<&str> = outcome["letters"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter_map(|it| it["to"].as_str())
                    .collect();
                assert_eq!(foretold, answered, "{raw}");
            }
            (opens, None) => panic!("foretold {opens}, and no ticket: {raw}"),
        }
    }
});

both_databases!(asking_costs_no_ticket_number, |desk| {
    desk.let_letters_go();
    opened(&desk);
    let raw = written(
        CAROL,
        "Subject: Another thing\r\nMessage-ID: <n1@contoso.example>",
    );
    for _ in 0..3 {
        let said = foretold(&desk, Some(CAROL), &[SUPPORT], &raw);
        assert_eq!(said["outcome"]["opens"]["title"], "Another thing");
    }
    let mail = deliver_to(&desk, Some(CAROL), &[SUPPORT], raw.as_bytes());
    assert_eq!(ticket(&desk, "INC-2").id, mail.ticket.unwrap());
});

both_databases!(it_says_in_words_why_a_mail_goes_where_it_goes, |desk| {
    desk.let_letters_go();
    let answer = opened(&desk);
    let says = |from: &str, to: &[&str], raw: &str, wanted: &[&str]| {
        let told = told(&desk, Some(from), to, raw, Form::Text);
        for text in wanted {
            assert!(told.contains(text), "no {text:?} in\n{told}");
        }
    };
    let head = format!(
        "Subject: Re: [INC-1] Uplink down\r\nReferences: <else@where.example> <{answer}>\r\nMessage-ID: <w1@contoso.example>"
    );
    says(
        CAROL,
        &[SUPPORT],
        &written(CAROL, &head),
        &[
            "a contact",
            "a person's",
            &format!("{answer}: ours and genuine, about INC-1 (this one decided)"),
            "else@where.example: somebody else's id",
            "INC-1 Uplink down",
            "a signed reply address or Message-ID of ours",
            "known to the ticket",
            "added to the ticket",
            "for staff and the customer",
        ],
    );
    says(
        "mallory@x.example",
        &[SUPPORT],
        &written("mallory@x.example", &head),
        &[
            "a stranger",
            "unknown to the ticket",
            "ask to join it",
            "asks to join the ticket",
        ],
    );
    // Nothing of a mail acts on the terminal.
    let told = told(
        &desk,
        None,
        &[],
        "From: x@x.example\r\nSubject: =?utf-8?q?a=1B=5B2Jb?=\r\n\r\nx\r\n",
        Form::Text,
    );
    assert!(
        !told.contains('\u{1b}') && told.contains("(not given)"),
        "{told}"
    );
});

both_databases!(the_program_tells_it_from_standard_input, |desk| {
    desk.let_letters_go();
    opened(&desk);
    let database = match &desk.app.config.database {
        DatabaseUrl::Sqlite(path) => path.display().to_string(),
        DatabaseUrl::Postgres(url) => url.clone(),
    };
    let raw = written(
        CAROL,
        "Subject: By hand\r\nMessage-ID: <p1@contoso.example>",
    );
    let before = kept(&desk);
    for (flags, wanted) in [
        (&["--json"][..], "\"verdict\": \"opened\""),
        (&[][..], "opened a ticket"),
    ] {
        let mut child = Command::new(WATCHKEEPER)
            .args(["mail", "explain", "--database", &database])
            .args(["--sender", CAROL, "--to", SUPPORT])
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(raw.as_bytes()).unwrap();
        drop(input);
        let done = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&done.stdout);
        let problem = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{problem}");
        assert!(said.contains(wanted) && said.contains("By hand"), "{said}");
    }
    assert_eq!(kept(&desk), before);
});
