//! A push that takes longer than its pusher should wait: told part by part, in the background, and nothing of it twice.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use watchkeeper::domain::commit_message::{Mode, Rules, parse};
use watchkeeper::domain::git::{Oid, Push, RefMove, ReportedCommit, Signature};
use watchkeeper::domain::id::Kind;
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::intake::push::PushBody;

use crate::desk::{Desk, On};
use crate::git_bench::{Bench, WATCHKEEPER, text};

/// Answers of a service behind a slow line.
const LINE: Duration = Duration::from_millis(600);
/// More than three seconds' worth.
const PARTS: usize = 8;

/// A way to the service on which each answer takes [`LINE`] longer; how many came.
fn slow_line(to: SocketAddr) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let answers = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&answers);
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (client, server) = (client.unwrap(), TcpStream::connect(to).unwrap());
            let (mut asked, mut passed) =
                (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut asked, &mut passed);
                let _ = passed.shutdown(Shutdown::Write);
            });
            let count = Arc::clone(&count);
            std::thread::spawn(move || answer_slowly(client, server, &count));
        }
    });
    (at, answers)
}

fn answer_slowly(mut client: TcpStream, mut server: TcpStream, count: &AtomicUsize) {
    let mut bytes = [0; 64 * 1024];
    while let Ok(read @ 1..) = server.read(&mut bytes) {
        // Head and body of one answer may come apart.
        if bytes.starts_with(b"HTTP/") {
            count.fetch_add(1, Ordering::SeqCst);
            // The line is slow: that is what it is for.
            std::thread::sleep(LINE);
        }
        if client.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
}

/// A push of one commit a part, as a hook would have written it down.
fn write_down(bench: &Bench, message: &str) {
    let oid = |n: usize| Oid::parse(&format!("{n:040x}")).unwrap();
    let who = Signature {
        name: "Ada Lovelace".into(),
        email: "ada@example.org".into(),
        at: bench.desk.now(),
    };
    let read = parse(message, &Mode::Server, &Rules::house(None));
    let mut lines = String::new();
    for n in 1..=PARTS {
        let push = Push {
            push_id: "0-earlier".into(),
            pusher: Some("ada".into()),
            parser: 1,
            refs: vec![RefMove {
                name: "refs/heads/topic".into(),
                old: Oid::parse(&"0".repeat(40)).unwrap(),
                new: oid(PARTS),
                dropped: 0,
                version_before: None,
                version_after: None,
            }],
            commits: vec![ReportedCommit {
                oid: oid(n),
                parents: (n > 1).then(|| oid(n - 1)).into_iter().collect(),
                author: who.clone(),
                committer: who.clone(),
                subject: read.subject().to_owned(),
                links: read.links.clone(),
                facts: read.facts.clone(),
                flags: read.flags,
                paths: Vec::new(),
                path_count: 0,
                by_ref: 0,
            }],
            gone: Vec::new(),
            is_bulk: true,
            is_last: n == PARTS,
            tips_hash: None,
        };
        lines.push_str(&serde_json::to_string(&PushBody::of(&push)).unwrap());
        lines.push('\n');
    }
    let spool = bench.path("origin.git/watchkeeper/spool");
    std::fs::create_dir_all(&spool).unwrap();
    std::fs::write(spool.join("0-earlier.jsonl"), lines).unwrap();
}

#[test]
fn what_takes_longer_than_a_pusher_waits_is_told_in_the_background_and_no_part_twice() {
    let bench = Bench::new(Desk::new(On::Sqlite));
    let change = bench.open(Kind::Change, "Pool").key;
    let (line, answers) = slow_line(bench.server.as_ref().unwrap().address());
    bench.install_at("origin.git", &format!("http://{line}"));
    write_down(&bench, &format!("Raise pool size\n\nRefs: {change}"));
    bench.commit("a.txt", &format!("{change}: later"));
    let asked = answers.load(Ordering::SeqCst);
    let began = Instant::now();
    let pushed = bench.work(&["push", "origin", "main"]);
    assert!(
        pushed.contains("pushes are being recorded in the background"),
        "{pushed}"
    );
    // Before the refs moved it was asked once; three seconds, and an exchange that had begun.
    assert!(
        began.elapsed() < LINE * PARTS as u32,
        "{:?}",
        began.elapsed()
    );
    // Whoever wants to see it done waits for it, and adds nothing.
    let mut drain = bench.command(WATCHKEEPER, &bench.path("origin.git"));
    let drained = drain.args(["hook", "drain"]).output().unwrap();
    assert!(drained.status.success(), "{}", text(&drained));
    assert_eq!(bench.spooled(), 0);
    assert_eq!(bench.commits(change).len(), PARTS + 1);
    let told = bench.entries(change, EntryKind::CommitLinked);
    assert_eq!(told.len(), 2, "one for the import, one for the push");
    assert_eq!(told[0].facts.get("commits"), Some("8"));
    let told = answers.load(Ordering::SeqCst) - asked;
    assert_eq!(told, 1 + PARTS + 1, "one question, and each part once");
}

#[test]
fn who_pushes_while_an_earlier_push_is_still_told_hears_so_and_it_is_told_next() {
    let bench = Bench::new(Desk::new(On::Sqlite));
    let change = bench.open(Kind::Change, "Pool").key;
    let spool = bench.path("origin.git/watchkeeper/spool");
    std::fs::create_dir_all(&spool).unwrap();
    let lock = std::fs::File::create(spool.join("lock")).unwrap();
    lock.lock().unwrap();
    bench.commit("a.txt", &format!("{change}: later"));
    let pushed = bench.work(&["push", "origin", "main"]);
    assert!(
        pushed.contains("an earlier push is still being recorded"),
        "{pushed}"
    );
    assert_eq!((bench.spooled(), bench.commits(change).len()), (1, 0));
    drop(lock);
    bench.commit("b.txt", &format!("{change}: next"));
    bench.work(&["push", "-q", "origin", "main"]);
    assert_eq!((bench.spooled(), bench.commits(change).len()), (0, 2));
}
