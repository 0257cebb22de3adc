//! A push that takes longer than its pusher should wait: told part by part, in the background, and nothing of it twice.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use watchkeeper::domain::commit_message::{Mode, Rules, parse};
use watchkeeper::domain::git::{Oid, Push, RefMove, ReportedCommit, Signature};
use watchkeeper::domain::id::Kind;
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::intake::push::{PathBody, PushBody};

use crate::both_databases;
use crate::desk::{Desk, On};
use crate::git_bench::{Bench, WATCHKEEPER, text};

/// How much longer an answer takes on a slow line.
const LINE: Duration = Duration::from_millis(600);
/// More than three seconds' worth.
const PARTS: usize = 8;

/// A way to the service on which each answer takes so much longer; how many came.
fn slow_line(to: SocketAddr, by: Duration) -> (SocketAddr, Arc<AtomicUsize>) {
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
            std::thread::spawn(move || answer_slowly(client, server, by, &count));
        }
    });
    (at, answers)
}

fn answer_slowly(mut client: TcpStream, mut server: TcpStream, by: Duration, count: &AtomicUsize) {
    let mut bytes = [0; 64 * 1024];
    while let Ok(read @ 1..) = server.read(&mut bytes) {
        // Head and body of one answer may come apart.
        if bytes.starts_with(b"HTTP/") {
            count.fetch_add(1, Ordering::SeqCst);
            // The line is slow: that is what it is for.
            std::thread::sleep(by);
        }
        if client.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
}

/// A push of one commit a part, as a hook would have written it down.
fn write_down(bench: &Bench, name: &str, parts: usize, message: &str) {
    let spool = bench.path("origin.git/watchkeeper/spool");
    std::fs::create_dir_all(&spool).unwrap();
    let mut lines = String::new();
    for part in pushed(bench, name, parts, message) {
        lines.push_str(&serde_json::to_string(&part).unwrap());
        lines.push('\n');
    }
    std::fs::write(spool.join(format!("{name}.jsonl")), lines).unwrap();
}

fn pushed(bench: &Bench, name: &str, parts: usize, message: &str) -> Vec<PushBody> {
    let oid = |n: usize| Oid::parse(&format!("{:0>20}{n:020x}", hex(name))).unwrap();
    let who = Signature {
        name: "Ada Lovelace".into(),
        email: "ada@example.org".into(),
        at: bench.desk.now(),
    };
    let read = parse(message, &Mode::Server, &Rules::house(None));
    let part = |n: usize| {
        let push = Push {
            push_id: name.to_owned(),
            pusher: Some("ada".into()),
            parser: 1,
            refs: vec![RefMove {
                name: format!("refs/heads/{name}"),
                old: Oid::parse(&"0".repeat(40)).unwrap(),
                new: oid(parts),
                dropped: 0,
                version_before: None,
                version_after: None,
                tag: None,
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
            is_bulk: parts > 1,
            is_last: n == parts,
            tips_hash: None,
        };
        PushBody::of(&push)
    };
    (1..=parts).map(part).collect()
}

fn hex(name: &str) -> String {
    name.bytes().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn what_takes_longer_than_a_pusher_waits_is_told_in_the_background_and_no_part_twice() {
    let bench = Bench::new(Desk::new(On::Sqlite));
    let change = bench.open(Kind::Change, "Pool").key;
    let (line, answers) = slow_line(bench.server.as_ref().unwrap().address(), LINE);
    bench.install_at("origin.git", &format!("http://{line}"));
    let message = format!("Raise pool size\n\nRefs: {change}");
    write_down(&bench, "0-earlier", PARTS, &message);
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
    // The earlier push was made up, and no ref holds it: today nobody holds the refs against what was told.
    let compared = bench.path("origin.git/watchkeeper/compared");
    std::fs::write(compared, "2099-01-01T00:00:00Z").unwrap();
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

#[test]
fn a_push_whose_time_is_up_before_the_service_answers_is_told_in_the_background() {
    let bench = Bench::new(Desk::new(On::Sqlite));
    let change = bench.open(Kind::Change, "Pool").key;
    let address = bench.server.as_ref().unwrap().address();
    // Less than an exchange may take; after three of them less is left for the fourth than it takes.
    let (line, answers) = slow_line(address, Duration::from_millis(800));
    bench.install_at("origin.git", &format!("http://{line}"));
    for name in ["0-a", "0-b", "0-c"] {
        write_down(&bench, name, 1, &format!("{name}\n\nRefs: {change}"));
    }
    bench.commit("a.txt", &format!("{change}: mine"));
    let asked = answers.load(Ordering::SeqCst);
    let began = Instant::now();
    let pushed = bench.work(&["push", "origin", "main"]);
    let took = began.elapsed();
    assert!(pushed.contains("in the background"), "{pushed}");
    assert!(!pushed.contains("recorded later"), "{pushed}");
    // A question beforehand, the three seconds, and what git and four programs take.
    assert!(took < Duration::from_secs(7), "{took:?}");
    // Nobody pushes, and nobody drains.
    let recorded = bench.path("origin.git/watchkeeper/recorded");
    let head = bench.head();
    while !std::fs::read_to_string(&recorded).is_ok_and(|tips| tips.contains(&head)) {
        assert!(began.elapsed() < Duration::from_secs(30), "it isn't told");
        crate::waiting::look_again();
    }
    while bench.spooled() > 0 {
        assert!(began.elapsed() < Duration::from_secs(30), "it stays");
        crate::waiting::look_again();
    }
    let subjects: Vec<_> = bench
        .commits(change)
        .into_iter()
        .map(|it| it.0.subject)
        .collect();
    assert_eq!(subjects, ["0-a", "0-b", "0-c", &format!("{change}: mine")]);
    assert_eq!(bench.entries(change, EntryKind::CommitLinked).len(), 4);
    let told = answers.load(Ordering::SeqCst) - asked;
    assert_eq!(
        told,
        1 + 3 + 2,
        "one question, three pushes, and mine twice"
    );
}

#[test]
fn what_killed_hooks_left_half_written_is_counted_and_goes_after_an_hour() {
    let bench = Bench::new(Desk::new(On::Sqlite));
    let mut ended = bench.command("true", &bench.path("work")).spawn().unwrap();
    let (dead, alive) = (ended.id(), std::process::id());
    ended.wait().unwrap();
    let place = bench.path("origin.git/watchkeeper");
    std::fs::create_dir_all(place.join("pending")).unwrap();
    let hour = Duration::from_secs(3_600);
    let write = |name: &str, age: Duration| {
        let file = std::fs::File::create(place.join(name)).unwrap();
        let written_at = std::time::SystemTime::now() - age;
        file.set_modified(written_at).unwrap();
    };
    let (young, old) = (
        hour - Duration::from_secs(60),
        hour + Duration::from_secs(60),
    );
    for (name, age) in [
        (format!("spool/1.new-{dead}"), old),
        (format!("recorded.new-{dead}"), old),
        (format!("pending/ab.new-{dead}"), old),
        ("spool/1.told".to_owned(), old),
        (format!("spool/2.new-{dead}"), young),
        (format!("spool/3.new-{alive}"), old),
    ] {
        write(&name, age);
    }
    let run = |verb: &str| {
        let mut command = bench.command(WATCHKEEPER, &bench.path("origin.git"));
        let output = command.args(["hook", verb]).output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
        text(&output)
    };
    let said = run("doctor");
    assert!(said.contains("4 half-written files"), "{said}");
    run("drain");
    let mut left = Vec::new();
    for folder in [place.clone(), place.join("spool"), place.join("pending")] {
        let files = std::fs::read_dir(folder).unwrap();
        left.extend(files.map(|file| file.unwrap().file_name().into_string().unwrap()));
    }
    left.retain(|name| name.contains(".new-") || name.ends_with(".told"));
    left.sort();
    assert_eq!(left, [format!("2.new-{dead}"), format!("3.new-{alive}")]);
    assert!(
        run("doctor").contains("1 half-written file"),
        "two are left, and one is still written"
    );
    // A push is as good as a drain.
    write(&format!("spool/2.new-{dead}"), old);
    bench.commit("a.txt", "Start");
    bench.work(&["push", "-q", "origin", "main"]);
    assert_eq!(bench.spooled(), 1);
}

both_databases!(a_hook_may_say_more_than_the_service_knows, |desk| {
    let bench = Bench::new(desk);
    let change = bench.open(Kind::Change, "Pool").key;
    let tell = |door: &str, mut body: Value| {
        say_more(&mut body);
        let url = bench.server.as_ref().unwrap().url();
        let mut answer = ureq::post(format!("{url}/api/v1/hook/{door}"))
            .header("Authorization", format!("Bearer {}", bench.token))
            .send(body.to_string())
            .unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let message = format!("Pool\n\nCloses: {change}\n\nRollback: none");
    let mut push = pushed(&bench, "0-new", 1, &message).remove(0);
    push.commits[0].paths.push(PathBody {
        change: "A".into(),
        path: "pool.toml".into(),
    });
    let refs = &push.refs[0];
    let asked = json!({
        "push_id": "0-new", "pusher": null, "bulk": false, "decided_at": null, "options": {}, "commits": push.commits,
        "refs": [{"name": refs.name, "old": refs.old, "new": refs.new, "dropped": 0, "commits": [0]}],
    });
    assert_eq!(tell("pre-receive", asked)["verdict"], "accept");
    let told = tell("post-receive", serde_json::to_value(&push).unwrap());
    assert_eq!(told["new_commits"], 1, "{told}");
    assert_eq!(told["tickets"][0]["key"], change.to_string());
    assert_eq!(bench.commits(change).len(), 1);
});

/// Puts a field that nobody knows into each object.
fn say_more(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(say_more);
            fields.insert("tomorrow".into(), json!({"more": [1, "two"]}));
        }
        Value::Array(values) => values.iter_mut().for_each(say_more),
        _ => {}
    }
}

both_databases!(
    what_moved_without_a_hook_is_told_by_the_first_drain_of_the_day,
    |desk| {
        let bench = Bench::new(desk);
        let change = bench.open(Kind::Change, "Pool").key;
        bench.commit("a.txt", "Start");
        bench.work(&["push", "-q", "origin", "main"]);
        let bare = bench.path("origin.git");
        // git runs no hook of ours for this.
        let by_hand = |message: &str| {
            bench.commit("b.txt", &format!("{change}: {message}"));
            bench.git(&bare, &["fetch", "-q", "../work", "main:main"]);
        };
        let drain = || {
            let mut drain = bench.command(WATCHKEEPER, &bare);
            text(&drain.args(["hook", "drain"]).output().unwrap())
        };
        by_hand("by hand");
        assert_eq!(bench.commits(change).len(), 0);
        let said = drain();
        assert!(
            said.contains("one ref had moved and nobody told: refs/heads/main"),
            "{said}"
        );
        assert_eq!(bench.commits(change).len(), 1);
        assert_eq!(bench.spooled(), 0);
        // Once a day is enough; the next push brings it anyway.
        by_hand("again");
        let said = drain();
        assert!(!said.contains("nobody told"), "{said}");
        let compared = bench.path("origin.git/watchkeeper/compared");
        std::fs::write(&compared, "2026-01-01T00:00:00Z").unwrap();
        assert!(drain().contains("nobody told"));
        assert_eq!(bench.commits(change).len(), 2);
        std::fs::write(&compared, "2026-01-01T00:00:00Z").unwrap();
        assert!(!drain().contains("nobody told"), "nothing is different");
    }
);
