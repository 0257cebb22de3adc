//! What the calculator answers, line by line; the numbers of the specification's table that can be asked without a ticket.

use serde_json::{Value, json};

use super::*;

fn answers(lines: &str) -> Vec<Value> {
    let mut calculator = Calculator::default();
    let mut out = Vec::new();
    for (line, number) in lines.lines().zip(1..) {
        calculator.answer(number, line.as_bytes(), &mut out);
    }
    let text = String::from_utf8(out).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn ask(question: Value) -> Value {
    answers(&question.to_string()).remove(0)
}

/// Monday to Friday in Berlin.
fn office() -> Value {
    let days = ["mon", "tue", "wed", "thu", "fri"];
    let weekly = days.map(|day| json!({"day": day, "from": "09:00", "to": "17:00"}));
    json!({"tz": "Europe/Berlin", "weekly": weekly, "holidays": []})
}

/// `base` with the fields of `with` in place of its own.
fn but(base: &Value, with: Value) -> Value {
    let mut whole = base.clone();
    for (name, value) in with.as_object().unwrap() {
        whole[name] = value.clone();
    }
    whole
}

/// The code and the field of a line's fault.
fn fault(question: Value) -> (String, String) {
    let answer = ask(question);
    let error = &answer["error"];
    let text = |name: &str| {
        error[name]
            .as_str()
            .unwrap_or_else(|| panic!("{answer}"))
            .to_owned()
    };
    assert!(
        !text("message").is_empty() && !text("message").starts_with("field-"),
        "{answer}"
    );
    (text("code"), text("field"))
}

#[test]
fn the_documented_example_is_answered_as_documented() {
    let line = r#"{"id":"a1","op":"sla.elapsed","calendar":{"tz":"Europe/Berlin","weekly":[{"day":"mon","from":"09:00","to":"17:00"}],"holidays":[]},"start":"2026-11-23T08:00:00Z","end":"2026-11-23T09:30:00Z","pauses":[]}"#;
    let mut out = Vec::new();
    Calculator::default().answer(1, line.as_bytes(), &mut out);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "{\"id\":\"a1\",\"elapsed_s\":5400}\n"
    );
}

#[test]
fn due_dates_leave_out_pauses_and_holidays() {
    let due = json!({"id": 7, "op": "sla.due", "calendar": office(), "start": "2026-06-01T07:00:00Z",
                     "duration_s": 28_800, "pauses": []});
    assert_eq!(
        ask(due.clone()),
        json!({"id": 7, "due": "2026-06-01T15:00:00Z"})
    );
    let with = |with: Value| ask(but(&due, with))["due"].clone();
    // A pause that starts with the due instant doesn't move it; overlapping ones are one, in whatever order they come.
    assert_eq!(
        with(json!({"pauses": [["2026-06-01T15:00:00Z", null]]})),
        "2026-06-01T15:00:00Z"
    );
    assert_eq!(
        with(json!({"pauses": [["2026-06-01T14:59:59.5Z", null]]})),
        Value::Null
    );
    let twice = json!([
        ["2026-06-01T10:00:00Z", "2026-06-01T11:00:00Z"],
        ["2026-06-01T09:00:00Z", "2026-06-01T10:30:00Z"]
    ]);
    assert_eq!(with(json!({"pauses": twice})), "2026-06-02T09:00:00Z");
    let tuesday_off = but(&office(), json!({"holidays": ["2026-06-02"]}));
    assert_eq!(
        with(json!({"calendar": tuesday_off, "duration_s": 28_801})),
        "2026-06-03T07:00:01Z"
    );
    let tuesday_short = but(
        &office(),
        json!({"special_days": {"2026-06-02": [["09:00", "10:00"], ["10:00", "10:30"]]}}),
    );
    assert_eq!(
        with(json!({"calendar": tuesday_short, "duration_s": 28_800 + 5_401})),
        "2026-06-03T07:00:01Z"
    );
    // A date that is both is a holiday; a special date without hours is closed.
    let both = but(
        &office(),
        json!({"holidays": ["2026-06-02"], "special_days": {"2026-06-02": [["09:00", "10:00"]]}}),
    );
    assert_eq!(
        with(json!({"calendar": both, "duration_s": 28_801})),
        "2026-06-03T07:00:01Z"
    );
    let no_hours = but(&office(), json!({"special_days": {"2026-06-02": []}}));
    assert_eq!(
        with(json!({"calendar": no_hours, "duration_s": 28_801})),
        "2026-06-03T07:00:01Z"
    );
    assert_eq!(
        with(json!({"duration_s": 0, "start": "2026-06-06T12:00:00Z"})),
        "2026-06-08T07:00:00Z"
    );
    assert_eq!(
        with(json!({"duration_s": 0.25})),
        "2026-06-01T07:00:00.250Z"
    );
    assert_eq!(
        with(json!({"calendar": {"tz": "UTC", "weekly": []}})),
        Value::Null
    );
}

#[test]
fn a_night_shift_runs_past_midnight_and_24_is_the_next_dates_midnight() {
    let night = |from: &str, to: &str| json!({"tz": "America/Havana", "weekly": [{"day": "sat", "from": from, "to": to}]});
    let elapsed = |calendar: Value| {
        ask(json!({"id": 1, "op": "sla.elapsed", "calendar": calendar, "start": "2025-11-01T12:00:00Z",
                   "end": "2025-11-03T12:00:00Z"}))["elapsed_s"]
            .clone()
    };
    assert_eq!(elapsed(night("20:00", "24:00")), 5 * 3_600);
    assert_eq!(elapsed(night("20:00", "00:00")), 5 * 3_600);
    assert_eq!(elapsed(night("22:00", "06:00")), 9 * 3_600);
    let closed = but(
        &night("20:00", "24:00"),
        json!({"holidays": ["2025-11-02"]}),
    );
    assert_eq!(elapsed(closed), 4 * 3_600);
}

#[test]
fn a_timeline_says_what_is_left_and_when_it_was_late() {
    let base = json!({"id": "t", "op": "sla.timeline", "calendar": office(), "target_s": 14_400, "now": "2026-06-01T12:00:00Z",
        "events": [{"at": "2026-06-01T07:00:00Z", "state": "running"}]});
    assert_eq!(
        ask(base.clone()),
        json!({"id": "t", "elapsed_s": 18_000, "remaining_s": -3_600, "breached_at": "2026-06-01T11:00:00Z", "due": "2026-06-01T11:00:00Z"})
    );
    let paused = json!([{"at": "2026-06-01T07:00:00Z", "state": "running"}, {"at": "2026-06-01T08:00:00Z", "state": "paused"}]);
    assert_eq!(
        ask(but(&base, json!({"events": paused}))),
        json!({"id": "t", "elapsed_s": 3_600, "remaining_s": 10_800, "breached_at": null, "due": null})
    );
    assert_eq!(ask(but(&base, json!({"events": []})))["due"], Value::Null);
}

#[test]
fn opening_hours_are_told_instant_by_instant() {
    let answer = ask(json!({"id": null, "op": "cal.open", "calendar": office(),
        "at": ["2026-06-01T06:59:59.999999Z", "2026-06-01T07:00:00Z", "2026-06-01T15:00:00Z"]}));
    assert_eq!(answer, json!({"id": null, "open": [false, true, false]}));
}

#[test]
fn what_cannot_be_taken_is_named_with_its_place() {
    let due = json!({"id": 1, "op": "sla.due", "calendar": office(), "start": "2026-06-01T07:00:00Z", "duration_s": 60, "pauses": []});
    let weekly = |entry: Value| json!({"calendar": {"tz": "UTC", "weekly": [entry]}});
    let special =
        |ranges: Value| json!({"calendar": {"tz": "UTC", "special_days": {"2026-12-24": ranges}}});
    let cases = [
        (json!({"op": "sla.guess"}), "unknown-op", "op"),
        (json!({"op": 3}), "not-a-text", "op"),
        (json!({"op": null}), "required", "op"),
        (json!({"colour": "red"}), "unknown-field", "colour"),
        (json!({"start": null}), "required", "start"),
        (json!({"start": "2026-06-01 07:00"}), "not-utc", "start"),
        (json!({"start": 1_780_000_000}), "not-a-text", "start"),
        (json!({"duration_s": -1}), "not-a-length", "duration_s"),
        (json!({"duration_s": "60"}), "not-a-length", "duration_s"),
        (json!({"pauses": {}}), "not-a-list", "pauses"),
        (
            json!({"pauses": [["2026-06-01T07:00:00Z"]]}),
            "not-a-pair",
            "pauses[0]",
        ),
        (
            json!({"pauses": [["2026-06-01T07:00:00Z", "later"]]}),
            "not-utc",
            "pauses[0][1]",
        ),
        (
            json!({"pauses": [["2026-06-01T07:00:00Z", "2026-06-01T06:00:00Z"]]}),
            "ends-before-start",
            "pauses[0]",
        ),
        (json!({"calendar": null}), "required", "calendar"),
        (json!({"calendar": "office"}), "not-an-object", "calendar"),
        (
            json!({"calendar": {"weekly": []}}),
            "required",
            "calendar.tz",
        ),
        (
            json!({"calendar": {"tz": "Mars/Olympus"}}),
            "unknown-zone",
            "calendar.tz",
        ),
        (
            json!({"calendar": {"tz": "UTC", "weekley": []}}),
            "unknown-field",
            "calendar.weekley",
        ),
        (
            json!({"calendar": {"tz": "UTC", "holidays": ["2026-02-30"]}}),
            "not-a-date",
            "calendar.holidays[0]",
        ),
        (
            weekly(json!({"day": "monday", "from": "09:00", "to": "17:00"})),
            "unknown-word",
            "calendar.weekly[0].day",
        ),
        (
            weekly(json!({"day": "mon", "from": "9", "to": "17:00"})),
            "not-a-time-of-day",
            "calendar.weekly[0].from",
        ),
        (
            weekly(json!({"day": "mon", "from": "09:00"})),
            "required",
            "calendar.weekly[0].to",
        ),
        (
            weekly(json!({"day": "mon", "from": "09:00", "to": "09:00"})),
            "not-a-range",
            "calendar.weekly[0]",
        ),
        (
            weekly(json!({"day": "mon", "from": "24:00", "to": "25:00"})),
            "not-a-range",
            "calendar.weekly[0]",
        ),
        (
            special(json!([["09:00", "09:00"]])),
            "ends-before-start",
            "calendar.special_days.2026-12-24[0]",
        ),
        (
            special(json!([["22:00", "06:00"]])),
            "ends-before-start",
            "calendar.special_days.2026-12-24[0]",
        ),
        (
            special(json!([["22:00", "24:01"]])),
            "leaves-its-date",
            "calendar.special_days.2026-12-24[0]",
        ),
        (
            special(json!(["09:00-13:00"])),
            "not-a-list",
            "calendar.special_days.2026-12-24[0]",
        ),
        (
            json!({"calendar": {"tz": "UTC", "special_days": {"24 Dec": []}}}),
            "not-a-date",
            "calendar.special_days.24 Dec",
        ),
    ];
    for (with, code, field) in cases {
        let question = but(&due, with);
        assert_eq!(
            fault(question.clone()),
            (code.to_owned(), field.to_owned()),
            "{question}"
        );
    }
    let timeline = json!({"id": 1, "op": "sla.timeline", "calendar": office(), "target_s": 60, "now": "2026-06-01T07:00:00Z",
        "events": [{"at": "2026-06-01T07:00:00Z", "state": "running"}, {"at": "2026-06-01T06:00:00Z", "state": "paused"}]});
    assert_eq!(
        fault(timeline.clone()),
        ("not-in-order".into(), "events[1].at".into())
    );
    let odd = json!({"events": [{"at": "2026-06-01T07:00:00Z", "state": "held"}]});
    assert_eq!(
        fault(but(&timeline, odd)),
        ("unknown-word".into(), "events[0].state".into())
    );
    let backwards = json!({"id": 1, "op": "sla.elapsed", "calendar": office(), "start": "2026-06-01T07:00:00Z", "end": "2026-06-01T06:00:00Z"});
    assert_eq!(fault(backwards), ("ends-before-start".into(), "end".into()));
    let twice =
        r#"{"id":1,"op":"sla.due","start":"2026-06-01T07:00:00Z","start":"2026-06-01T08:00:00Z"}"#;
    assert_eq!(answers(twice)[0]["error"]["code"], "given-twice");
}

#[test]
fn a_line_that_is_no_json_is_named_by_its_number_and_the_run_goes_on() {
    let good = json!({"id": "x", "op": "cal.open", "calendar": office(), "at": []}).to_string();
    let told = answers(&format!(
        "nonsense\n\n{good}\n[1]\n{{\"id\":1\n   \n{good} x\n{good}"
    ));
    let lines: Vec<_> = told
        .iter()
        .map(|answer| answer["error"]["line"].clone())
        .collect();
    assert_eq!(
        lines,
        [
            json!(1),
            Value::Null,
            json!(4),
            json!(5),
            json!(7),
            Value::Null
        ]
    );
    assert_eq!(told[0]["error"]["code"], "not-json");
    assert_eq!(
        (&told[0]["id"], &told[0]["error"]["field"]),
        (&Value::Null, &Value::Null)
    );
    assert!(
        told[3]["error"]["message"]
            .as_str()
            .unwrap()
            .contains("column")
    );
    assert_eq!(told[5]["open"], json!([]));
    let mut out = Vec::new();
    Calculator::default().answer(3, b"{\"id\":\"\xff\"}", &mut out);
    assert!(String::from_utf8(out).unwrap().contains("\"line\":3"));
}

#[test]
fn an_id_comes_back_as_it_was_written() {
    for id in ["\"a\\u0031\"", "1.50", "[1, 2]", "null", "{\"a\":1}"] {
        let line = format!(
            "{{\"op\":\"cal.open\",\"at\":[],\"calendar\":{{\"tz\":\"UTC\"}},\"id\":{id}}}"
        );
        let mut out = Vec::new();
        Calculator::default().answer(1, line.as_bytes(), &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            format!("{{\"id\":{id},\"open\":[]}}\n")
        );
    }
}

#[test]
fn calendars_are_remembered_by_their_text_and_forgotten_again() {
    let mut calculator = Calculator::default();
    let mut out = Vec::new();
    for round in 0..2 {
        for minute in 0..1_500_u32 {
            // Each calendar opens in another minute of Monday.
            let from = format!("{:02}:{:02}", minute % 1_439 / 60, minute % 1_439 % 60);
            let calendar =
                json!({"tz": "UTC", "weekly": [{"day": "mon", "from": from, "to": "24:00"}]});
            let question = json!({"id": round, "op": "sla.due", "calendar": calendar, "start": "2026-06-01T00:00:00Z", "duration_s": 60});
            out.clear();
            calculator.answer(1, question.to_string().as_bytes(), &mut out);
            let answer: Value = serde_json::from_slice(&out).unwrap();
            let due =
                crate::domain::timestamp::Timestamp::parse_utc("2026-06-01T00:00:00Z").unwrap();
            let due = due.plus_secs(i64::from(minute % 1_439) * 60 + 60);
            assert_eq!(answer["due"], due.rfc3339(), "{minute}");
        }
    }
}
