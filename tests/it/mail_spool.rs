//! Mail that lies in a folder: another program's Maildir, and our own spool for the time in which the database is away.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use watchkeeper::domain::intake::{HeldFor, Verdict, Way};
use watchkeeper::listen::session::Dialect;
use watchkeeper::store::backend::DatabaseUrl;
use watchkeeper::store::{self, Store};

use crate::both_databases;
use crate::cluster;
use crate::desk::{Desk, On, START};
use crate::imap::{began, ledger};
use crate::machine::{Machine, said};
use crate::mail::tickets;
use crate::mail_door::{Listening, one_mail};

pub(crate) fn spool_of(desk: &mut Desk, folder: &Path) -> PathBuf {
    let app = Arc::get_mut(&mut desk.app).expect("nobody else holds it yet");
    app.config.mail_spool = Some(folder.to_owned());
    for part in ["tmp", "new", "cur"] {
        std::fs::create_dir_all(folder.join(part)).unwrap();
    }
    folder.join("new")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

both_databases!(a_maildir_of_another_program_is_a_way_in, |mut desk| {
    desk.let_letters_go();
    let folder = tempfile::tempdir().unwrap();
    let new = spool_of(&mut desk, folder.path());
    Arc::get_mut(&mut desk.app).unwrap().config.mail_limit_bytes = 2_000;
    let mail = "Return-Path: <carol@contoso.example>\nDelivered-To: support@watch.example.org\nFrom: Carol <carol@contoso.example>\nTo: everybody@contoso.example\nSubject: Uplink down\n\nSince noon.\n";
    let at = |secs: i64| START.plus_secs(secs).micros() / 1_000_000;
    let named = |secs: i64| new.join(format!("{}.M1P2.mx", at(secs)));
    std::fs::write(named(-600), mail).unwrap();
    // Half written: not in `new` yet.
    std::fs::write(folder.path().join("tmp").join("1.x.mx"), "From: x").unwrap();
    desk.settle();
    let first = ledger(&desk).remove(0);
    assert_eq!(
        (first.way, first.verdict),
        (Way::Maildir, Some(Verdict::Opened))
    );
    assert_eq!(began(&desk, "INC-1"), START.plus_secs(-600));
    assert!(names(&new).is_empty());

    // Killed between taking it in and clearing it away: it is known.
    std::fs::write(named(-600), mail).unwrap();
    desk.settle();
    assert_eq!((ledger(&desk).len(), names(&new).len()), (1, 0));

    // One above the limit leaves its header in the ledger, and stays whole in the folder.
    let large = format!(
        "Subject: A film\nFrom: carol@contoso.example\n\n{}",
        "x\n".repeat(2_000)
    );
    std::fs::write(named(-60), &large).unwrap();
    // One of ours whose first line was damaged is a mail all the same.
    let kept = folder.path().join(".Kept/new");
    std::fs::create_dir_all(&kept).unwrap();
    let name = format!("{}.x.watchkeeper", at(-45));
    std::fs::write(kept.join(name), mail.replace("Uplink", "Switch")).unwrap();
    // What can't be opened stops nobody.
    std::fs::create_dir(new.join("0.no-file.mx")).unwrap();
    std::fs::write(named(-30), mail.replace("Uplink", "Router")).unwrap();
    desk.settle();
    let found = ledger(&desk);
    assert_eq!(found[0].verdict, Some(Verdict::Opened));
    assert_eq!(found[1].verdict, Some(Verdict::Opened));
    assert!(names(&kept).is_empty());
    assert_eq!(
        (found[2].held_for, found[2].size_bytes),
        (Some(HeldFor::Large), large.len() as i64)
    );
    assert_eq!(names(&new), ["0.no-file.mx"]);
    let kept = format!("{}.M1P2.mx:2,S", at(-60));
    assert_eq!(names(&folder.path().join("cur")), [kept]);
});

/// A desk whose database is away, until this is dropped.
pub(crate) struct Away {
    name: String,
    hidden: String,
}

impl Away {
    pub(crate) fn new(desk: &Desk) -> Self {
        let DatabaseUrl::Postgres(url) = &desk.app.config.database else {
            panic!("only PostgreSQL goes away");
        };
        let name = url.rsplit('/').next().expect("a name").to_owned();
        let hidden = format!("{name}_away");
        rename(&name, &hidden);
        Self { name, hidden }
    }
}

impl Drop for Away {
    fn drop(&mut self) {
        rename(&self.hidden, &self.name);
    }
}

/// Nobody is connected to a database while it is renamed.
fn rename(from: &str, to: &str) {
    let connected =
        format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{from}'");
    cluster::run_sql(&[
        &format!("ALTER DATABASE {from} WITH ALLOW_CONNECTIONS false"),
        &connected,
        &format!("ALTER DATABASE {from} RENAME TO {to}"),
        &format!("ALTER DATABASE {to} WITH ALLOW_CONNECTIONS true"),
    ]);
}

#[test]
fn while_the_database_is_away_the_listener_keeps_mail_in_the_spool() {
    let mut desk = Desk::new(On::Postgres);
    desk.let_letters_go();
    let folder = tempfile::tempdir().unwrap();
    spool_of(&mut desk, folder.path());
    let listening = Listening::at(&desk, Dialect::Lmtp);
    let away = Away::new(&desk);
    let said = listening.say(&one_mail("LHLO", "", "Subject: While away\r\n\r\nx"));
    assert!(said.contains("250 2.0.0 stored"), "{said}");
    let kept = folder.path().join(".Kept/new");
    assert_eq!(names(&kept).len(), 1);
    drop(away);
    desk.app.time.set(START.plus_secs(3_600));
    desk.settle();
    let mail = ledger(&desk).remove(0);
    assert_eq!((mail.way, mail.verdict), (Way::Lmtp, Some(Verdict::Opened)));
    assert_eq!(mail.received_at, START);
    assert_eq!(mail.envelope_from.as_deref(), Some("carol@contoso.example"));
    assert_eq!(mail.envelope_to, ["support@watch.example.org"]);
    assert_eq!((tickets(&desk), names(&kept).len()), (1, 0));
}

#[test]
fn a_pipe_keeps_its_mail_in_the_spool_until_somebody_serves() {
    let machine = Machine::new(On::Sqlite);
    let mail = b"From: carol@contoso.example\r\nSubject: Uplink down\r\n\r\nSince noon.\r\n";
    let pipe = |args: &[&str]| {
        let all = [
            &[
                "mail",
                "--sender",
                "carol@contoso.example",
                "--recipient",
                "support@watch.example.org",
            ],
            args,
        ]
        .concat();
        let done = machine.run_with(&all, mail);
        (done.status.code(), said(&done))
    };
    let spool = ["--mail-spool", "spool"];
    // Nothing is set up yet, which for a pipe is as good as a database that is away.
    let (code, told) = pipe(&spool);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("kept in the spool"), "{told}");
    // Where the spool itself can't be written, its sender keeps it.
    std::fs::write(machine.folder().join("file"), "").unwrap();
    let (code, told) = pipe(&["--mail-spool", "file"]);
    assert_eq!(code, Some(75), "{told}");
    let mut serving = machine.serve(
        &[
            &spool[..],
            &["--min-free-mb", "0", "--min-free-percent", "0"],
        ]
        .concat(),
    );
    serving.wait_for("serving at ");
    let store = Store::open(&machine.url()).unwrap();
    let new = machine.folder().join("spool/.Kept/new");
    crate::imap::until("an empty spool", || names(&new).is_empty());
    let all = store::intake::LedgerFilter {
        state: None,
        verdict: None,
        sender: None,
    };
    let found = store
        .read(|conn| store::intake::ledger(conn, &all, None, 10))
        .unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].way, Way::Pipe);
    // A full disk is no reason to fill it from here.
    let (code, told) = pipe(&["--mail-spool", "spool", "--min-free-mb", "99999999999"]);
    assert_eq!(code, Some(75), "{told}");
}
