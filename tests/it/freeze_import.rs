//! Windows from a calendar file: shown before they are taken, the same event changes its window, and what no window can say is named.

use serde_json::{Value, json};
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::store::people::Holder;

use crate::both_databases;
use crate::program::Program;
use crate::visitor::Visitor;

/// An event of these lines.
fn event(lines: &str) -> String {
    format!("BEGIN:VEVENT\n{lines}\nEND:VEVENT\n")
}

fn weekend(until: &str) -> String {
    event(&format!(
        "UID:weekend@example.org\nSUMMARY:Quiet weekend\nDTSTART;TZID=W. Europe Standard Time:20260529T180000\n\
         DTEND;TZID=W. Europe Standard Time:20260601T{until}00\nRRULE:FREQ=WEEKLY;BYDAY=FR"
    ))
}

fn fair(name: &str) -> String {
    event(&format!(
        "UID:fair@example.org\nSUMMARY:{name}\nDTSTART;VALUE=DATE:20260910\nDTEND;VALUE=DATE:20260912"
    ))
}

fn file(events: &[String]) -> String {
    let events = events.concat();
    format!("BEGIN:VCALENDAR\nVERSION:2.0\n{events}END:VCALENDAR\n").replace('\n', "\r\n")
}

/// Two that are windows, and two that aren't.
fn four() -> String {
    file(&[
        weekend("0700"),
        event(
            "UID:sprint@example.org\nSUMMARY:Every other Monday\nDTSTART:20260601T080000\nDURATION:PT4H\n\
             RRULE:FREQ=WEEKLY;INTERVAL=2",
        ),
        fair("Trade fair"),
        event("UID:old@example.org\nSUMMARY:Last year\nDTSTART;VALUE=DATE:20250910"),
    ])
}

fn asked(text: &str) -> Value {
    json!({
        "text": text, "zone": "Europe/Stockholm", "level": "block", "type_levels": {"emergency": "exempt"},
        "announce_secs": 86_400,
    })
}

/// What became of each event that was taken.
fn did(body: &Value) -> Vec<(String, String)> {
    let taken = body["taken"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    taken
        .iter()
        .map(|it| (text(&it["freeze"]["name"]), text(&it["did"])))
        .collect()
}

fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, did): &(&str, &str)| ((*name).to_owned(), (*did).to_owned());
    all.iter().map(owned).collect()
}

both_databases!(
    a_calendar_file_becomes_windows_and_read_again_changes_them,
    |desk| {
        desk.let_letters_go();
        let p = Program::new(desk);
        reads(&p);
    }
);

/// Every call of this room, for the walk through the interface too.
pub fn reads(p: &Program) {
    let before = kept(p).len();
    let import = |query: &str, text: &str| {
        let place = format!("/api/v1/freezes/import{query}");
        p.done("POST", &place, asked(text)).body
    };
    let looked = import("?dry_run=1", &four());
    assert_eq!(looked["dry_run"], true);
    let added = pairs(&[("Quiet weekend", "added"), ("Trade fair", "added")]);
    assert_eq!(did(&looked), added);
    let refused: Vec<_> = looked["refused"].as_array().unwrap().iter().collect();
    assert_eq!(refused.len(), 2);
    assert_eq!(
        (&refused[0]["name"], &refused[0]["problem"]),
        (&json!("Every other Monday"), &json!("other_rule"))
    );
    assert_eq!(refused[1]["problem"], "past");
    assert_eq!(kept(p).len(), before, "nothing is written");

    let taken = import("", &four());
    assert_eq!(did(&taken), added);
    let windows = kept(p);
    assert_eq!(windows.len(), before + 2);
    let of = |windows: &[Value], uid: &str| {
        let found = windows.iter().find(|it| it["source_uid"] == uid);
        found.cloned().expect("it is kept")
    };
    let weekends = of(&windows, "weekend@example.org");
    assert_eq!(
        (&weekends["from"], &weekends["to"], &weekends["zone"]),
        (
            &json!("Fri 18:00"),
            &json!("Mon 07:00"),
            &json!("Europe/Berlin")
        )
    );
    assert_eq!(weekends["type_levels"]["emergency"], "exempt");
    assert_eq!(weekends["announce_secs"], 86_400);
    let fairs = of(&windows, "fair@example.org");
    assert_eq!(
        (&fairs["from"], &fairs["zone"]),
        (&json!("2026-09-10 00:00"), &json!("Europe/Stockholm"))
    );
    let state = p.get("/api/v1/freeze?at=2026-09-11T12:00:00Z");
    assert_eq!(state.text("/window"), "Trade fair");

    // The same file again changes nothing, in whatever order its services are named.
    let again = pairs(&[("Quiet weekend", "unchanged"), ("Trade fair", "unchanged")]);
    assert_eq!(did(&import("", &four())), again);
    assert_eq!(of(&kept(p), "fair@example.org")["version"], 1);
    // Somebody renamed one by hand and switched it off: the file's name comes back, and off it stays.
    let place = format!("/api/v1/freezes/{}", fairs["id"].as_str().unwrap());
    p.done("PATCH", &place, json!({"name": "Fair", "is_active": false}));
    let moved = file(&[weekend("0800"), fair("Trade fair in autumn")]);
    let changed = pairs(&[
        ("Quiet weekend", "changed"),
        ("Trade fair in autumn", "changed"),
    ]);
    assert_eq!(did(&import("", &moved)), changed);
    let windows = kept(p);
    assert_eq!(windows.len(), before + 2);
    assert_eq!(of(&windows, "weekend@example.org")["to"], "Mon 08:00");
    let fairs = of(&windows, "fair@example.org");
    assert_eq!(
        (&fairs["name"], &fairs["is_active"]),
        (&json!("Trade fair in autumn"), &json!(false))
    );

    // Called off: it is said before it is done, and what was no window is named.
    let off = file(&[
        event("UID:weekend@example.org\nSTATUS:CANCELLED"),
        fair("Trade fair in autumn"),
        event("UID:never@example.org\nSUMMARY:Never\nSTATUS:CANCELLED"),
    ]);
    let looked = import("?dry_run=1", &off);
    let switched = |weekend: &str| {
        let fair = ("Trade fair in autumn", "unchanged");
        pairs(&[fair, ("Quiet weekend", weekend)])
    };
    assert_eq!(did(&looked), switched("switched_off"));
    assert_eq!(looked["refused"][0]["name"], "Never");
    assert_eq!(looked["refused"][0]["problem"], "cancelled");
    assert_eq!(looked["refused"].as_array().map(Vec::len), Some(1));
    let weekends = || of(&kept(p), "weekend@example.org");
    assert_eq!(weekends()["is_active"], true, "nothing is written");
    assert_eq!(did(&import("", &off)), switched("switched_off"));
    assert_eq!(
        (&weekends()["is_active"], &weekends()["to"]),
        (&json!(false), &json!("Mon 08:00"))
    );
    let audit = p.get("/api/v1/audit?limit=200").body.to_string();
    let edits = audit.matches("freeze-edited").count();
    assert_eq!(did(&import("", &off)), switched("unchanged"));
    let again = p.get("/api/v1/audit?limit=200").body.to_string();
    assert!(edits > 0 && again.matches("freeze-edited").count() == edits);

    let wrong = |body: Value| {
        let body = body.to_string();
        p.call("POST", "/api/v1/freezes/import", &[], Some(&body))
            .faults()
    };
    let body =
        json!({"text": "x", "zone": "Europe/Stokholm", "level": "perhaps", "announce_secs": 1});
    assert_eq!(
        wrong(body),
        pairs(&[
            ("zone", "unknown-zone"),
            ("level", "not-a-freeze-level"),
            ("announce_secs", "not-an-announcement")
        ])
    );
    assert_eq!(wrong(asked(" ")), pairs(&[("text", "required")]));
    let big = "x".repeat(600 * 1024);
    assert_eq!(wrong(asked(&big)), pairs(&[("text", "calendar-too-big")]));
    let mut elsewhere = asked(&moved);
    elsewhere["environments"] = json!(["moon"]);
    assert_eq!(
        wrong(elsewhere),
        pairs(&[("environments", "unknown-environment")])
    );
}

fn kept(p: &Program) -> Vec<Value> {
    let listed = p.get("/api/v1/freezes?limit=200").body;
    listed["items"].as_array().cloned().unwrap_or_default()
}

both_databases!(
    more_windows_than_a_house_may_have_are_taken_not_at_all,
    |desk| {
        let p = Program::new(desk);
        let days = (0..101).map(|n| {
            event(&format!(
                "UID:{n}\nSUMMARY:Day {n}\nDTSTART;VALUE=DATE:20270101"
            ))
        });
        let days: Vec<String> = days.collect();
        let body = asked(&file(&days)).to_string();
        let said = p.call("POST", "/api/v1/freezes/import", &[], Some(&body));
        assert_eq!(said.status, 422, "{}", said.body);
        assert!(said.body.to_string().contains("too-many-freezes"));
        assert_eq!(kept(&p).len(), 0);
    }
);

both_databases!(
    a_calendar_file_is_looked_through_in_the_browser_before_any_of_it_is_taken,
    |desk| {
        desk.let_letters_go();
        let p = Program::new(desk);
        let viewer = p.desk.person("Vera", Roles::of(&[Role::Viewer]));
        let ada = Visitor::logged_in(&p.server, &p.desk.app, Holder::Person(p.ada.id));
        let list = ada.get("/freezes").text;
        assert!(list.contains("href=\"/freezes/import\""));
        assert!(
            ada.get("/freezes/import")
                .text
                .contains("name=\"ics-file\"")
        );
        let chosen = [
            ("zone", "Europe/Stockholm"),
            ("kind", "deny"),
            ("level", "approve"),
            ("type_levels.standard", "warn"),
        ];
        let send = |more: &[(&str, &str)]| {
            let mut fields = chosen.to_vec();
            fields.extend_from_slice(more);
            ada.post("/freezes/import", &fields)
        };
        // Nothing given, or nothing in it.
        let empty = send(&[("do", "read")]);
        assert_eq!(empty.status, 422, "{}", empty.text);
        assert!(empty.text.contains("value=\"approve\" selected"));
        let nothing = send(&[("do", "read"), ("ics", "no calendar")]).text;
        assert!(nothing.contains("There is no event in it"), "{nothing}");

        let mut fields = chosen.to_vec();
        fields.push(("do", "read"));
        let shown = ada.upload(
            "/freezes/import",
            &fields,
            &[("all.ics", four().as_bytes())],
        );
        assert_eq!(shown.status, 200);
        for said in [
            "every week, Fri 18:00 to Mon 07:00",
            "Europe/Berlin",
            "Trade fair",
            "a new window",
            "Every other Monday",
            "otherwise than every week, month or year (FREQ=WEEKLY;INTERVAL=2)",
            "it is over since 2025-09-11",
            "Take 2 windows",
            "UID:weekend@example.org",
        ] {
            assert!(shown.text.contains(said), "{said}: {}", shown.text);
        }
        assert_eq!(kept(&p).len(), 0, "nothing is taken yet");

        // Whoever takes what they haven't been shown is shown it.
        let text = four();
        let unseen = send(&[("do", "take"), ("ics", &text), ("previewed", "0123")]);
        assert_eq!(unseen.status, 200);
        assert_eq!(kept(&p).len(), 0);
        let digest = |page: &str| {
            let (_, rest) = page
                .split_once("name=\"previewed\" value=\"")
                .expect("it is there");
            rest.split('"').next().unwrap().to_owned()
        };
        let seen = digest(&shown.text);
        assert_eq!(digest(&unseen.text), seen);
        let other = send(&[
            ("do", "take"),
            ("ics", &text),
            ("previewed", &seen),
            ("announce", "24 h"),
        ]);
        assert_eq!(other.status, 200, "it was chosen otherwise since");
        let done = send(&[("do", "take"), ("ics", &text), ("previewed", &seen)]);
        assert_eq!((done.status, done.place.as_str()), (303, "/freezes"));
        let windows = kept(&p);
        assert_eq!(windows.len(), 2);
        assert_eq!(windows[0]["level"], "approve");
        assert_eq!(windows[0]["type_levels"]["standard"], "warn");
        let again = send(&[("do", "read"), ("ics", &text)]).text;
        assert!(again.contains("stands so already") && !again.contains("value=\"take\""));

        // Called off by the calendar, whatever its events say.
        let off = text.replace("VERSION:2.0", "VERSION:2.0\r\nMETHOD:CANCEL");
        let shown = send(&[("do", "read"), ("ics", &off)]).text;
        for said in [
            "cancelled: switches its window off",
            "Every other Monday</strong>: it is cancelled, and there is no window",
            "Take 2 windows",
        ] {
            assert!(shown.contains(said), "{said}: {shown}");
        }
        let seen = digest(&shown);
        let done = send(&[("do", "take"), ("ics", &off), ("previewed", &seen)]);
        assert_eq!(done.status, 303);
        assert!(kept(&p).iter().all(|it| it["is_active"] == false));
        // Set anew, its windows stay off until somebody switches them on, and that is said.
        let anew = send(&[("do", "read"), ("ics", &text)]).text;
        assert!(
            anew.contains("stands so already; it stays switched off"),
            "{anew}"
        );

        let vera = Visitor::logged_in(&p.server, &p.desk.app, Holder::Person(viewer.id));
        assert_eq!(vera.get("/freezes/import").status, 403);
        let fields = [("do", "read"), ("ics", text.as_str())];
        assert_eq!(vera.post("/freezes/import", &fields).status, 403);
        assert!(!vera.get("/freezes").text.contains("/freezes/import"));
    }
);
