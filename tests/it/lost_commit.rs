//! A COMMIT that the disk fails: by the real program, whose files may not grow.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use watchkeeper::store::{self, Store};

use crate::desk::On;
use crate::machine::Machine;

/// Sends mails of 100 KB until one isn't taken; how many were.
fn send_until_refused(address: &str) -> usize {
    for taken in 0..500 {
        let Ok(mut stream) = TcpStream::connect(address) else {
            return taken;
        };
        let body = "a line of a long mail, of which there are many\r\n".repeat(2_100);
        let mail = format!(
            "EHLO x\r\nMAIL FROM:<carol@contoso.example>\r\nRCPT TO:<support@watch.example.org>\r\nDATA\r\n\
             Message-ID: <{taken}@contoso.example>\r\nSubject: Mail {taken}\r\n\r\n{body}.\r\nQUIT\r\n"
        );
        if stream.write_all(mail.as_bytes()).is_err() {
            return taken;
        }
        let lines = BufReader::new(stream).lines().map_while(Result::ok);
        if !lines
            .into_iter()
            .any(|line| line.contains("250 2.0.0 stored"))
        {
            return taken;
        }
    }
    panic!("every mail was taken")
}

#[test]
fn a_commit_that_the_disk_fails_ends_the_process_and_what_was_acknowledged_is_there_afterwards() {
    let machine = Machine::new(On::Sqlite);
    // Stopped in peace it leaves one file, and no log.
    let first = machine.serve(&[]);
    assert_eq!(first.get("/healthz", &[]).status, 200);
    first.signal("TERM");
    assert!(first.ended().0.success());
    // No file of the process may grow beyond 4 MB, of which an empty database has 3: its log fails in the middle of a COMMIT.
    let mut serving = machine.serve_with_files_up_to(4 << 20, &["--smtp-listen", "127.0.0.1:0"]);
    let line = serving.wait_for("taking mail by SMTP");
    let (_, address) = line.split_once("address=").expect("an address");
    let address = address.split_whitespace().next().expect("an address");
    let taken = send_until_refused(address);
    assert!(taken > 0, "{}", serving.log());
    let (status, log) = serving.ended();
    assert_eq!(status.code(), Some(1), "{log}");
    let error = log
        .lines()
        .find(|line| line.contains("a commit failed on the disk: stopping"));
    let error = error.unwrap_or_else(|| panic!("no word of it in {log}"));
    assert!(
        error.contains("ERROR") && error.contains("disk I/O error"),
        "{error}"
    );
    assert!(
        !log.contains("run again one by one"),
        "it isn't tried again"
    );

    // The next start looks at the database, serves, and has every mail that was taken.
    let mut again = machine.serve(&["--smtp-listen", "127.0.0.1:0"]);
    again.wait_for("the database is whole");
    assert_eq!(again.get("/readyz", &[]).text, "ready\n");
    drop(again);
    let store = Store::open(&machine.url()).unwrap();
    let filter = store::intake::LedgerFilter::default();
    let ledger = store
        .read(|conn| store::intake::ledger(conn, &filter, None, 1_000))
        .unwrap();
    assert!(ledger.len() >= taken, "{} of {taken}", ledger.len());
    assert!(ledger.len() <= taken + 1, "{} of {taken}", ledger.len());
}
