//! A mailbox with 150,000 mails, on a server that plays a script: it lists the newest first, and more arrives while it is asked.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use watchkeeper::domain::intake::Verdict;
use watchkeeper::store;

use crate::both_databases;
use crate::desk::START;
use crate::imap::{Watching, arrived, ledger, standing, until, watches};
use crate::mail::{ticket, tickets};

const MAILS: u32 = 150_000;
/// So many of them arrived since the mailbox is watched.
const FRESH: u32 = 60;

/// What is there, and what was asked.
#[derive(Default)]
struct Script {
    mails: u32,
    asked: Vec<String>,
}

/// Serves whoever calls, one after the other; returns its port and what it was asked.
fn play() -> (u16, Arc<Mutex<Script>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let script = Arc::new(Mutex::new(Script {
        mails: MAILS,
        asked: Vec::new(),
    }));
    let played = Arc::clone(&script);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // It ends when the other side hangs up.
            let _ = serve(stream, &played);
        }
    });
    (port, script)
}

fn serve(stream: TcpStream, script: &Mutex<Script>) -> std::io::Result<()> {
    let mut out = stream.try_clone()?;
    out.write_all(b"* OK ready\r\n")?;
    let mut lines = BufReader::new(stream).lines();
    while let Some(line) = lines.next().transpose()? {
        let (tag, command) = line.split_once(' ').unwrap_or(("*", ""));
        let told = {
            let mut script = script.lock().unwrap();
            script.asked.push(command.to_owned());
            answer(command, &mut script)
        };
        out.write_all(told.as_bytes())?;
        if command == "IDLE" {
            let told = format!("* {} EXISTS\r\n", script.lock().unwrap().mails);
            out.write_all(told.as_bytes())?;
            let _done = lines.next().transpose()?;
        }
        let end = match command.contains("SEARCH") {
            true => format!("{tag} BAD [BADCHARSET] no\r\n"),
            false => format!("{tag} OK done\r\n"),
        };
        out.write_all(end.as_bytes())?;
    }
    Ok(())
}

fn answer(command: &str, script: &mut Script) -> String {
    let mails = script.mails;
    if command == "CAPABILITY" {
        return "* CAPABILITY IMAP4rev1 IDLE\r\n".to_owned();
    }
    if command == "IDLE" {
        return "+ idling\r\n".to_owned();
    }
    if command.starts_with("SELECT") {
        return format!(
            "* {mails} EXISTS\r\n* OK [UIDVALIDITY 7] valid\r\n* OK [UIDNEXT {}] next\r\n",
            mails + 1
        );
    }
    let Some(rest) = command.strip_prefix("UID FETCH ") else {
        return String::new();
    };
    let (set, what) = rest.split_once(' ').unwrap_or((rest, ""));
    if let Some(first) = set.strip_suffix(":*") {
        // RFC 3501: `*` is the last one, also if that is below the first.
        let first = first.parse().unwrap_or(1).min(mails);
        return (first..=mails).rev().map(listed).collect();
    }
    assert_eq!(what, "(UID BODY.PEEK[])");
    let told: String = set
        .split(',')
        .rev()
        .filter_map(|uid| uid.parse().ok())
        .map(whole)
        .collect();
    if mails == MAILS {
        script.mails += 1;
        return format!("* {} EXISTS\r\n{told}", script.mails);
    }
    told
}

fn listed(uid: u32) -> String {
    let at = match uid > MAILS - FRESH {
        true => {
            let minutes = uid + FRESH - MAILS;
            format!(
                "01-Jun-2026 {:02}:{:02}:00 +0000",
                7 + minutes / 60,
                minutes % 60
            )
        }
        false => "11-Feb-2019 03:04:05 +0100".to_owned(),
    };
    format!(
        "* {uid} FETCH (UID {uid} INTERNALDATE \"{at}\" RFC822.SIZE {})\r\n",
        raw(uid).len()
    )
}

fn raw(uid: u32) -> String {
    format!(
        "From: carol{uid}@contoso.example\r\nTo: support@watch.example.org\r\nSubject: Mail {uid}\r\n\r\nx\r\n"
    )
}

fn whole(uid: u32) -> String {
    let raw = raw(uid);
    format!(
        "* {uid} FETCH (UID {uid} BODY[] {{{}}}\r\n{raw})\r\n",
        raw.len()
    )
}

both_databases!(
    e03_a_mailbox_of_150_000_is_read_by_uid_while_more_arrives,
    |mut desk| {
        desk.let_letters_go();
        let (port, script) = play();
        watches(
            &mut desk,
            &[format!("imap://support:x@localhost:{port}/INBOX")],
        );
        // It was watched before under another promise: everything is listed anew, and only what came since counts.
        let name = desk.app.config.imap[0].name();
        let before = desk.app.store.write(|tx| {
            store::mailbox::begin(tx, &name)?;
            store::mailbox::set_place(tx, &name, 6, 140_000)?;
            store::mailbox::set_beginning(tx, &name, Some(START.plus_secs(-86_400)))
        });
        before.unwrap();
        let _watching = Watching::over(&desk);
        arrived(&desk, FRESH as usize + 1);
        until("good order", || {
            standing(&desk).next_uid == i64::from(MAILS) + 2
        });
        assert_eq!(tickets(&desk), FRESH as usize + 1);
        let all = ledger(&desk);
        assert!(all.iter().all(|mail| mail.verdict == Some(Verdict::Opened)));
        assert!(all.is_sorted_by(|newer, older| newer.received_at >= older.received_at));
        let titles: Vec<u32> = (1..=FRESH + 1)
            .map(|at| ticket(&desk, &format!("INC-{at}")).title.to_string())
            .map(|title| title["Mail ".len()..].parse().unwrap())
            .collect();
        assert_eq!(titles.last(), Some(&(MAILS + 1)));
        let asked = script.lock().unwrap().asked.join("\n");
        assert!(!asked.contains("SEARCH"), "{asked}");
        assert_eq!(asked.matches("UID FETCH 1:*").count(), 1, "{asked}");
    }
);
