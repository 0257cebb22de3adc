//! The calculator through both of its doors: `watchkeeper calc`, which needs nothing, and `POST /api/v1/calc`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use watchkeeper::domain::access::{Scope, Scopes};

use crate::both_databases;
use crate::git_bench::WATCHKEEPER;
use crate::program::{Program, Said, token_of};

const QUESTIONS: &str = r#"{"id":"a1","op":"sla.elapsed","calendar":{"tz":"Europe/Berlin","weekly":[{"day":"mon","from":"09:00","to":"17:00"}],"holidays":[]},"start":"2026-11-23T08:00:00Z","end":"2026-11-23T09:30:00Z","pauses":[]}
{"id":2,"op":"sla.due","calendar":{"tz":"America/New_York","weekly":[{"day":"fri","from":"09:00","to":"17:00"},{"day":"mon","from":"09:00","to":"17:00"}]},"start":"2026-10-30T20:00:00Z","duration_s":28800,"pauses":[]}
this is no JSON

{"id":"a3","op":"sla.due","calendar":{"tz":"UTC","weekly":[{"day":"mon","from":"09:00","to":"09:00"}]},"start":"2026-10-30T20:00:00Z","duration_s":1}
{"id":"a4","op":"sla.timeline","calendar":{"tz":"UTC","weekly":[{"day":"mon","from":"00:00","to":"24:00"}]},"target_s":3600,"now":"2026-06-01T02:00:00Z","events":[{"at":"2026-06-01T00:00:00Z","state":"running"}]}
{"id":"a5","op":"cal.open","calendar":{"tz":"UTC"},"at":["2026-06-01T02:00:00Z"]}
{"id":"a6","op":"tea.brew"}
{"id":"a7","op":"mail.parse","raw_b64":"U3ViamVjdDogPT91dGYtOD9xP1N0PUMzPUI2cnVuZz89CgpIaQo="}
{"id":"a8","op":"mail.reply","text":"Done.\n\n> old\n"}
{"id":"a9","op":"commit.parse","message":"Fixes CHG-12\n\nRefs: t3","config":{"prefixes":["CHG-","T"]}}"#;

/// The program in a folder without a database, whose configuration nobody could read.
fn program() -> (Command, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("watchkeeper.toml"), "listen = nonsense").unwrap();
    let mut command = Command::new(WATCHKEEPER);
    command
        .arg("calc")
        .current_dir(folder.path())
        .env("WATCHKEEPER_DATABASE", "nowhere://")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    (command, folder)
}

#[track_caller]
fn by_program(questions: &str) -> String {
    let (mut command, folder) = program();
    let mut child = command.spawn().expect("the program starts");
    let mut input = child.stdin.take().unwrap();
    input.write_all(questions.as_bytes()).unwrap();
    drop(input);
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success(), "{:?}", done.status);
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 1, "it leaves nothing behind");
    String::from_utf8(done.stdout).unwrap()
}

fn by_api(p: &Program, token: &str, kind: &str, questions: &str) -> Said {
    let bearer = format!("Bearer {token}");
    let heads = [("authorization", bearer.as_str()), ("content-type", kind)];
    p.send("POST", "/api/v1/calc", &heads, Some(questions))
}

both_databases!(
    both_doors_of_the_calculator_answer_with_the_same_bytes,
    |desk| {
        let p = Program::new(desk);
        let told = by_program(QUESTIONS);
        let lines: Vec<Value> = told
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines[0], json!({"id": "a1", "elapsed_s": 5400}));
        assert_eq!(lines[1], json!({"id": 2, "due": "2026-11-02T21:00:00Z"}));
        assert_eq!(
            (&lines[2]["id"], &lines[2]["error"]["line"]),
            (&Value::Null, &json!(3))
        );
        assert_eq!(lines[3]["error"]["field"], "calendar.weekly[0]");
        assert_eq!(lines[4]["breached_at"], "2026-06-01T01:00:00Z");
        assert_eq!(lines[5]["open"], json!([false]));
        assert_eq!(lines[6]["error"]["code"], "unknown-op");
        assert_eq!(lines[7]["subject"], "Störung");
        assert_eq!(lines[8], json!({"id": "a8", "reply": "Done."}));
        assert_eq!(lines[9]["refs"], json!({"CHG-12": "close", "3": "refs"}));
        assert_eq!(lines[9]["trailers"], json!([["Refs", "t3"]]));
        // Reading is all that it takes.
        let reader = token_of(&p.desk, &p.ada, Scopes::of(&[Scope::Read]));
        let said = by_api(
            &p,
            &reader,
            "application/x-ndjson; charset=utf-8",
            QUESTIONS,
        );
        assert_eq!(said.status, 200, "{}", said.body);
        assert_eq!(said.header("content-type"), Some("application/x-ndjson"));
        assert_eq!(said.body, Value::String(told));
    }
);

both_databases!(
    the_calculator_asks_for_a_token_its_own_type_and_a_measure,
    |desk| {
        let p = Program::new(desk);
        let lines = "application/x-ndjson";
        assert_eq!(by_api(&p, "wk_unknown", lines, QUESTIONS).status, 401);
        let other = token_of(&p.desk, &p.ada, Scopes::of(&[Scope::Oncall]));
        let refused = by_api(&p, &other, lines, QUESTIONS);
        assert_eq!(
            (refused.status, refused.text("/rule").as_str()),
            (403, "token-scope")
        );
        let typed = by_api(&p, &p.token, "application/json", QUESTIONS);
        assert_eq!(typed.status, 415);
        assert!(typed.text("/detail").contains(lines), "{}", typed.body);
        let big = " ".repeat(16 * 1024 * 1024 + 1);
        let said = by_api(&p, &p.token, lines, &big);
        assert_eq!(said.status, 413);
        assert!(said.text("/detail").contains("16 MB"), "{}", said.body);
        // Empty lines have no answer, and that is one.
        assert_eq!(by_api(&p, &p.token, lines, "\n\n").status, 200);
        assert_eq!(p.call("GET", "/api/v1/calc", &[], None).status, 405);
    }
);

#[test]
fn who_asks_one_question_and_waits_is_answered_at_once() {
    let (mut command, _folder) = program();
    let mut child = command.spawn().expect("the program starts");
    let mut input = child.stdin.take().unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let (tell, told) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        for line in output.lines() {
            tell.send(line.unwrap()).unwrap();
        }
    });
    for id in 0..3 {
        let question = json!({"id": id, "op": "cal.open", "calendar": {"tz": "UTC"}, "at": []});
        writeln!(input, "{question}").unwrap();
        let answer = told.recv_timeout(Duration::from_secs(60));
        assert_eq!(
            answer.expect("an answer"),
            format!("{{\"id\":{id},\"open\":[]}}")
        );
    }
    drop(input);
    assert!(child.wait().unwrap().success());
    reader.join().unwrap();
}
