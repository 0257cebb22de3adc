//! What the calculator says about commit messages.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::*;

fn ask(question: Value) -> Value {
    let mut out = Vec::new();
    Calculator::default().answer(1, question.to_string().as_bytes(), &mut out);
    serde_json::from_slice(&out).unwrap()
}

fn parse(message: &str, config: Value, options: Value) -> Value {
    let answer = ask(json!({
        "op": "commit.parse", "message": message, "config": config, "options": options,
    }));
    assert_eq!(answer["error"], Value::Null, "{message:?}");
    answer
}

/// What a message says with these prefixes and our own verbs.
fn refs(prefixes: &[&str], message: &str) -> Value {
    parse(message, json!({"prefixes": prefixes}), Value::Null)["refs"].clone()
}

/// An answer in the vectors' own notation.
fn told(answer: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let list = |value: &Value| value.as_array().unwrap().clone();
    let mut told: Vec<String> = list(&answer["links"])
        .iter()
        .map(|link| match text(&link["relation"]).as_str() {
            "refs" => text(&link["key"]),
            relation => format!("{}:{relation}", text(&link["key"])),
        })
        .collect();
    for (name, value) in answer["facts"].as_object().unwrap() {
        let is_empty = value.is_null() || value == &json!([]);
        match name.as_str() {
            _ if is_empty => {}
            "reverts" | "cherry_from" => told.extend(list(value).iter().map(|commit| {
                let short: String = text(commit).chars().take(8).collect();
                format!("[{name}={short}]")
            })),
            "fixes_commit" => {
                told.extend(
                    list(value)
                        .iter()
                        .map(|it| format!("[{name}={}]", text(it))),
                );
            }
            "co_authors" => {}
            _ => told.push(format!("[{name}]")),
        }
    }
    for (name, value) in answer["flags"].as_object().unwrap() {
        told.extend((value == &json!(true)).then(|| format!("{{{name}}}")));
    }
    told.sort();
    told
}

#[test]
fn all_111_vectors_are_answered_as_the_specification_expects() {
    let file: Value =
        serde_json::from_str(include_str!("../../tests/vectors/commit-messages.json")).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 111);
    let base_url = "https://tickets.example.com/";
    for vector in vectors {
        let message = vector["message"].as_str().unwrap();
        let expect = vector["expect"].as_str().unwrap().replace(',', " ");
        let mut expect: Vec<&str> = expect.split_whitespace().collect();
        expect.sort_unstable();
        let says = |prefixes: Value| {
            let config = json!({"prefixes": prefixes, "base_url": base_url});
            let answer = parse(message, config, vector["options"].clone());
            let mut refs = serde_json::Map::new();
            for link in answer["links"].as_array().unwrap() {
                let relation = match link["relation"].as_str().unwrap() {
                    "mention" => continue,
                    "closes" => "close",
                    "reopens" => "reopen",
                    _ => "refs",
                };
                refs.insert(link["key"].as_str().unwrap().to_owned(), relation.into());
            }
            assert_eq!(answer["refs"], Value::Object(refs), "{}", vector["id"]);
            answer
        };
        let answer = says(json!(["INC-", "CHG-", "TSK-"]));
        assert_eq!(told(&answer), expect, "{}: {message:?}", vector["id"]);
        // Nothing changes with our own prefixes, or among others.
        assert_eq!(says(Value::Null), answer, "{}", vector["id"]);
        let among = says(json!(["ZZ-", "INC-", "@@", "CHG-", "TSK-"]));
        assert_eq!(told(&among), expect, "{}", vector["id"]);
    }
}

#[test]
fn an_answer_has_refs_and_all_that_they_come_from() {
    let answer = parse(
        "fix(CHG-1): pool\n\nRisk: low\nFixes: TSK-2\nCo-authored-by: B <b@example.org>",
        Value::Null,
        Value::Null,
    );
    assert_eq!(answer["refs"], json!({"CHG-1": "refs", "TSK-2": "close"}));
    assert_eq!(
        answer["trailers"],
        json!([
            ["Risk", "low"],
            ["Fixes", "TSK-2"],
            ["Co-authored-by", "B <b@example.org>"]
        ])
    );
    assert_eq!(
        answer["links"][1],
        json!({"key": "TSK-2", "relation": "closes", "place": "trailer", "span": [35, 40], "line": 4,
               "verb": "Fixes", "negated": false})
    );
    assert_eq!(answer["facts"]["risk"], "low");
    assert_eq!(answer["facts"]["co_authors"], json!(["b@example.org"]));
    assert_eq!(
        answer["flags"],
        json!({"merge": false, "revert": false, "reapply": false, "autosquash": false})
    );
    let near = parse("see chg-12", Value::Null, Value::Null);
    assert_eq!(
        near["lint"],
        json!([{"code": "N-CASE", "span": [4, 10], "text": "chg-12", "hint": "CHG-12"}])
    );
    let timed = parse("Refs CHG-12 @2h", Value::Null, json!({"time": true}));
    assert_eq!(
        timed["facts"]["time"],
        json!([{"key": "CHG-12", "minutes": 120}])
    );
    assert_eq!(parse("", json!({}), json!({}))["refs"], json!({}));
}

#[test]
fn a_prefix_is_literal_text_before_the_digits() {
    for (message, expect) in [
        (
            "Fixes #12 and #13, see #4",
            json!({"12": "close", "13": "close", "4": "refs"}),
        ),
        ("Refs #1 and fixes #2", json!({"1": "refs", "2": "close"})),
        ("Fixes #1 #2 regressed", json!({"1": "close", "2": "refs"})),
        ("Does not fix #3", json!({})),
        ("Do you fix #3 ?", json!({})),
        ("##1 a#2 o/r#3 \\#4 #05 #6x", json!({})),
        ("x\n\nRefs #133", json!({"133": "refs"})),
        (
            "x\n\nCloses: #1 #2, #3 after #4",
            json!({"1": "close", "2": "close", "3": "close", "4": "refs"}),
        ),
        (
            "x\n\nRefs: #10..#12",
            json!({"10": "refs", "11": "refs", "12": "refs"}),
        ),
        // What a forge calls the request that it squashed.
        ("Pool (#9)", json!({})),
        ("修复#12的问题", json!({"12": "refs"})),
    ] {
        assert_eq!(refs(&["#"], message), expect, "{message:?}");
    }
    for (message, expect) in [
        (
            "closes T12, ABC-3 and #4",
            json!({"12": "close", "ABC-3": "close", "4": "close"}),
        ),
        // The same number by two prefixes is one ticket.
        ("closes T12, see #12", json!({"12": "close"})),
        ("closes T12, reopens #12", json!({})),
        // To the letter in prose, in any case in trailers and branches.
        ("closes t12 and abc-3", json!({})),
        (
            "x\n\nCloses: t12, abc-3",
            json!({"12": "close", "ABC-3": "close"}),
        ),
        (
            "Merge branch 'feature/abc-3-pool'",
            json!({"ABC-3": "refs"}),
        ),
        ("XABC-1 ABC-1x NoT5 T5T", json!({})),
        ("CHG-1", json!({})),
    ] {
        assert_eq!(refs(&["#", "T", "ABC-"], message), expect, "{message:?}");
    }
    // The longest prefix wins, and a noun may begin one.
    assert_eq!(
        refs(
            &["T", "T1", "Bug ", "GH-#"],
            "T12 T10 T2, closes Bug 5 and GH-#7"
        ),
        json!({"2": "refs", "10": "refs", "5": "close", "GH-#7": "close"})
    );
    assert_eq!(
        refs(&["Задача-"], "задача-1, Задача-2"),
        json!({"Задача-2": "refs"})
    );
    assert_eq!(
        refs(&["Задача-"], "x\n\nRefs: задача-1"),
        json!({"Задача-1": "refs"})
    );
    assert_eq!(refs(&[], "closes CHG-1"), json!({}));
    let near = parse("see abc-1", json!({"prefixes": ["ABC-"]}), Value::Null);
    assert_eq!(near["lint"][0]["hint"], "ABC-1");
    let own = json!({"prefixes": ["#", "ABC-"], "base_url": "https://git.example.org"});
    let url = parse(
        "x\n\nCloses: https://git.example.org/t/abc-1",
        own,
        Value::Null,
    );
    assert_eq!(url["refs"], json!({"ABC-1": "close"}));
}

#[test]
fn other_words_take_the_place_of_our_verbs() {
    let config = json!({
        "close": ["修复", "Erledigt", "résout", "बन्द", "auto-closes"],
        "reopen": ["открывает"],
    });
    for (message, expect) in [
        ("修复 CHG-1", "close"),
        ("ERLEDIGT: CHG-1", "close"),
        ("Re\u{301}sout CHG-1", "close"),
        ("बन्द CHG-1", "close"),
        ("Открывает CHG-1", "reopen"),
        ("auto-closes CHG-1", "close"),
        // Ours say nothing any more, but a ticket is named; nor does a part of a word.
        ("closes CHG-1", "refs"),
        ("reopens CHG-1", "refs"),
        ("已修复 CHG-1", "refs"),
        ("see CHG-1", "refs"),
        ("implements CHG-1", "refs"),
        // Tokens aren't verbs.
        ("x\n\nCloses: CHG-1", "close"),
    ] {
        let answer = parse(message, config.clone(), Value::Null);
        assert_eq!(answer["refs"], json!({"CHG-1": expect}), "{message:?}");
    }
    let none = json!({"close": [], "refs": ["IssueID"]});
    let answer = parse("closes CHG-1, issueid CHG-2", none, Value::Null);
    assert_eq!(answer["refs"], json!({"CHG-1": "refs", "CHG-2": "refs"}));
    assert_eq!(answer["links"][1]["verb"], "issueid");
    let both = json!({"close": ["done"], "reopen": ["done"], "refs": ["done", "fixes"]});
    let answer = parse("done CHG-1, fixes CHG-2", both, Value::Null);
    assert_eq!(answer["refs"], json!({"CHG-1": "close", "CHG-2": "refs"}));
}

#[test]
fn the_hook_sees_what_git_is_about_to_clean_up() {
    let cut = "------------------------ >8 ------------------------";
    let message = format!(
        "x\n\nRefs: CHG-1\n; Refs: CHG-2\n;Foo: x\n; {cut}\nRefs: CHG-9\ndiff --git a/x b/x\n+fixes CHG-8"
    );
    let hook = json!({"hook": true, "comment": ";"});
    let answer = parse(&message, Value::Null, hook);
    assert_eq!(answer["refs"], json!({"CHG-1": "refs"}));
    assert_eq!(answer["trailers"], json!([["Refs", "CHG-1"]]));
    let content = json!({"hook": true, "editor": false});
    let answer = parse("x\n\n#5 fixes CHG-1", Value::Null, content.clone());
    assert_eq!(answer["refs"], json!({"CHG-1": "close"}));
    let config = json!({"prefixes": ["#"]});
    let answer = parse("x\n\n#5 is the reason", config.clone(), content);
    assert_eq!(answer["refs"], json!({"5": "refs"}));
    let answer = parse("x\n\n#5 is the reason", config, json!({"hook": true}));
    assert_eq!(answer["refs"], json!({}));
}

#[test]
fn what_cannot_be_read_names_its_field() {
    let long = "x".repeat(65);
    let many = vec!["x"; 1_001];
    for (with, code, field) in [
        (json!({"message": null}), "required", "message"),
        (json!({"message": 1}), "not-a-text", "message"),
        (json!({"mesage": ""}), "unknown-field", "mesage"),
        (json!({"config": []}), "not-an-object", "config"),
        (
            json!({"config": {"prefix": []}}),
            "unknown-field",
            "config.prefix",
        ),
        (
            json!({"config": {"prefixes": "#"}}),
            "not-a-list",
            "config.prefixes",
        ),
        (
            json!({"config": {"prefixes": many}}),
            "too-many-prefixes",
            "config.prefixes",
        ),
        (
            json!({"config": {"prefixes": ["#", 3]}}),
            "not-a-text",
            "config.prefixes[1]",
        ),
        (
            json!({"config": {"prefixes": ["#", ""]}}),
            "not-a-prefix",
            "config.prefixes[1]",
        ),
        (
            json!({"config": {"prefixes": [" #"]}}),
            "not-a-prefix",
            "config.prefixes[0]",
        ),
        (
            json!({"config": {"prefixes": ["#\n"]}}),
            "not-a-prefix",
            "config.prefixes[0]",
        ),
        (
            json!({"config": {"prefixes": [long]}}),
            "not-a-prefix",
            "config.prefixes[0]",
        ),
        (
            json!({"config": {"close": "fixes"}}),
            "not-a-list",
            "config.close",
        ),
        (
            json!({"config": {"close": ["done", "all done"]}}),
            "not-a-verb",
            "config.close[1]",
        ),
        (
            json!({"config": {"reopen": [""]}}),
            "not-a-verb",
            "config.reopen[0]",
        ),
        (
            json!({"config": {"refs": [null]}}),
            "not-a-text",
            "config.refs[0]",
        ),
        (
            json!({"config": {"base_url": "tickets"}}),
            "not-a-web-address",
            "config.base_url",
        ),
        (
            json!({"config": {"base_url": 1}}),
            "not-a-text",
            "config.base_url",
        ),
        (json!({"options": "hook"}), "not-an-object", "options"),
        (
            json!({"options": {"server": true}}),
            "unknown-field",
            "options.server",
        ),
        (
            json!({"options": {"hook": "yes"}}),
            "not-a-truth",
            "options.hook",
        ),
        (
            json!({"options": {"editor": 1}}),
            "not-a-truth",
            "options.editor",
        ),
        (
            json!({"options": {"time": "true"}}),
            "not-a-truth",
            "options.time",
        ),
        (
            json!({"options": {"comment": ""}}),
            "not-a-comment-mark",
            "options.comment",
        ),
        (
            json!({"options": {"comment": 1}}),
            "not-a-text",
            "options.comment",
        ),
    ] {
        let mut question = json!({"op": "commit.parse", "message": "CHG-1"});
        for (name, value) in with.as_object().unwrap() {
            question[name] = value.clone();
        }
        let error = &ask(question)["error"];
        assert_eq!(
            (&error["code"], &error["field"]),
            (&json!(code), &json!(field)),
            "{with}"
        );
        let message = error["message"].as_str().unwrap();
        assert!(
            !message.is_empty() && !message.starts_with("field-"),
            "{message}"
        );
    }
    let mut out = Vec::new();
    let twice = br#"{"op":"commit.parse","message":"a","message":"b"}"#;
    Calculator::default().answer(1, twice, &mut out);
    assert!(String::from_utf8(out).unwrap().contains("given-twice"));
}

#[test]
fn hostile_messages_are_answered() {
    for piece in [
        "#",
        "closes #1, ",
        "Refs: #1\n",
        "(((",
        "\u{1f680}",
        "Foo: x\n y\n",
    ] {
        let message = piece.repeat(200_000 / piece.chars().count());
        let answer = parse(&message, json!({"prefixes": ["#", "T", "##"]}), Value::Null);
        assert!(answer["links"].as_array().unwrap().len() <= 100);
    }
}

/// What git lists.
fn by_git(message: &str) -> Vec<(String, String)> {
    let mut git = Command::new("git")
        .args([
            "-c",
            "core.commentChar=#",
            "interpret-trailers",
            "--parse",
            "--unfold",
        ])
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = git.stdin.take().unwrap();
    input.write_all(message.as_bytes()).unwrap();
    drop(input);
    let done = git.wait_with_output().unwrap();
    assert!(done.status.success());
    let text = String::from_utf8(done.stdout).unwrap();
    text.lines()
        .map(|line| {
            let (token, value) = line.split_once(':').unwrap();
            (token.to_owned(), value.trim_start().to_owned())
        })
        .collect()
}

#[test]
fn trailers_that_nobody_knows_are_those_of_git() {
    const LINES: [&str; 19] = [
        "",
        "",
        "Foo: x",
        "X-1:y",
        "Bar : z ",
        "Baz:",
        "a-b-c: d: e",
        "Signed-off-by: A <a@b.example>",
        "(cherry picked from commit 1234567)",
        "prose",
        "more prose: none",
        "https://x.example/y",
        "Gr\u{fc}n: x",
        " folded",
        "\tfolded, too ",
        "# said to nobody",
        "Conflicts:",
        "---",
        "-: -",
    ];
    let mut state = 7_u64;
    let mut next = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize % below
    };
    let mut seen = 0;
    for _ in 0..400 {
        let mut message = "Subject\n".to_owned();
        if next(4) > 0 {
            message.push('\n');
        }
        // Few sorts of line in a message make it likelier that they form a block.
        let sorts: Vec<&str> = (0..1 + next(6)).map(|_| LINES[next(LINES.len())]).collect();
        for _ in 0..next(9) {
            message.push_str(sorts[next(sorts.len())]);
            message.push('\n');
        }
        let answer = parse(&message, Value::Null, Value::Null);
        let ours: Vec<(String, String)> =
            serde_json::from_value(answer["trailers"].clone()).unwrap();
        // What we know is read where git sees none; an address is no trailer.
        let unknown = |list: Vec<(String, String)>| -> Vec<(String, String)> {
            list.into_iter()
                .filter(|(token, _)| token != "Signed-off-by" && token != "https")
                .collect()
        };
        let theirs = unknown(by_git(&message));
        seen += theirs.len();
        assert_eq!(unknown(ours), theirs, "{message:?}");
    }
    assert!(seen > 100, "{seen}");
}
