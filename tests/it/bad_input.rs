//! Forms with bad input: each gets an error at its field, keeps what was typed, and changes nothing.

use std::sync::Arc;

use watchkeeper::domain::access::{Reach, Roles};
use watchkeeper::secrets;
use watchkeeper::store;
use watchkeeper::store::people::Holder;

use crate::accounts::{a_contact, a_customer, as_person, founded};
use crate::both_databases;
use crate::served::Served;
use crate::visitor::{Answer, Visitor};

const NO_TITLE: &str = "At most ";
const NO_ZONE: &str = "is no time zone";
const NO_DATE: &str = "is no date and time";
/// Stockholm has no 02:30 on these nights.
const SKIPPED: &str = "the clocks change there";

/// Where, what is sent, what is wrong with it, what has to be there again.
type Row<'a> = (&'a str, Vec<(&'a str, &'a str)>, &'a str, Vec<&'a str>);

/// What a refused form lacks: the problem at its field, or something that was typed.
fn lacks(answer: &Answer, place: &str, problem: &str, kept: &[&str]) -> Vec<String> {
    let mut lacks = Vec::new();
    if answer.status != 422 {
        lacks.push(format!(
            "{place} ({problem}): {} {}",
            answer.status, answer.place
        ));
    } else {
        for text in kept.iter().chain([&problem]) {
            if !answer.text.contains(text) {
                lacks.push(format!("{place} ({problem}): {text:?} isn't there"));
            }
        }
    }
    lacks
}

both_databases!(
    forms_say_what_is_wrong_at_the_field_and_keep_what_was_typed,
    |desk| {
        let founded = founded(&desk);
        let root = desk.person("Root", Roles::all());
        let by = as_person(&desk.app, founded.admin);
        let customer = a_customer(&by, "Contoso");
        a_contact(&by, customer, "Cleo", Reach::Own);
        let served = Served::new(&desk.app);
        let browser = Visitor::logged_in(&served, &desk.app, Holder::Person(root.id));
        for (title, kind) in [("Uplink down", "incident"), ("Raise pool size", "change")] {
            let form = [
                ("title", title),
                ("kind", kind),
                ("severity", "high"),
                ("customer", "Contoso"),
            ];
            assert_eq!(browser.post("/new", &form).status, 303);
        }
        assert_eq!(browser.post("/INC-1/post-mortem", &[]).status, 303);
        let rev_of = |key: &str| {
            let key = key.parse().unwrap();
            let found = desk.app.store.read(|conn| store::ticket::by_key(conn, key));
            found.unwrap().unwrap().version.to_string()
        };
        let (long, rev) = ("x".repeat(201), rev_of("CHG-1"));
        let (team, contacts) = (
            founded.team.to_string(),
            format!("/customers/{customer}/contacts"),
        );
        let (plan, cover) = (
            format!("/on-call/{team}/plan"),
            format!("/on-call/{team}/override"),
        );
        let root_id = root.id.to_string();
        let day = "2026-02-30T10:00";
        let (gap, next_gap) = ("2026-03-29T02:30", "2027-03-28T02:30");

        let table: Vec<Row<'_>> = vec![
            // over-long
            (
                "/call",
                vec![
                    ("title", &long),
                    ("caller", "Cleo"),
                    ("number", "+1 555"),
                    ("in", "30"),
                ],
                NO_TITLE,
                vec![&long, "+1 555"],
            ),
            (
                "/customers",
                vec![("name", &long), ("zone", "UTC"), ("note", "prefers phone")],
                NO_TITLE,
                vec![&long, "prefers phone"],
            ),
            (
                "/teams",
                vec![("name", &long), ("zone", "UTC")],
                NO_TITLE,
                vec![&long],
            ),
            (
                "/services",
                vec![
                    ("name", &long),
                    ("team", &team),
                    ("members_total", "3"),
                    ("members_needed", "2"),
                ],
                NO_TITLE,
                vec![&long, "value=\"3\""],
            ),
            (
                "/INC-1/label",
                vec![("label", &long)],
                NO_TITLE,
                vec![&long],
            ),
            (
                "/INC-1/callback",
                vec![("number", &long), ("until", "14:00")],
                NO_TITLE,
                vec![&long, "14:00"],
            ),
            (
                "/INC-1/hold",
                vec![("on", "vendor"), ("reason", &long)],
                NO_TITLE,
                vec![&long],
            ),
            // zones
            (
                "/profile",
                vec![
                    ("rev", "1"),
                    ("name", "Root"),
                    ("zone", "Mars/Base"),
                    ("phone", "+46 8 1"),
                ],
                NO_ZONE,
                vec!["+46 8 1"],
            ),
            (
                "/customers",
                vec![
                    ("name", "Fabrikam"),
                    ("zone", "Mars/Base"),
                    ("note", "prefers phone"),
                ],
                NO_ZONE,
                vec!["Fabrikam", "prefers phone"],
            ),
            (
                "/teams",
                vec![("name", "Net Ops"), ("zone", "Mars/Base")],
                NO_ZONE,
                vec!["Net Ops"],
            ),
            (
                &contacts,
                vec![
                    ("name", "Carl"),
                    ("email", "carl@contoso.example"),
                    ("zone", "Mars/Base"),
                    ("reach", "own"),
                ],
                NO_ZONE,
                vec!["carl@contoso.example"],
            ),
            (
                "/people",
                vec![
                    ("name", "Eve"),
                    ("email", "eve@harbour.example"),
                    ("zone", "Mars/Base"),
                    ("roles", "viewer"),
                ],
                NO_ZONE,
                vec!["eve@harbour.example"],
            ),
            (
                "/calendars",
                vec![
                    ("name", "Office"),
                    ("zone", "Mars/Base"),
                    ("mon", "09:00-17:00"),
                ],
                NO_ZONE,
                vec!["Office", "09:00-17:00"],
            ),
            (
                &plan,
                vec![
                    ("zone", "Mars/Base"),
                    ("anchor", "2026-06-01T09:00"),
                    ("unit", "days"),
                    ("length", "1"),
                    ("person-1", &root_id),
                ],
                NO_ZONE,
                vec!["2026-06-01T09:00"],
            ),
            // dates
            (
                "/new",
                vec![("title", "Slow"), ("severity", "high"), ("impact_at", day)],
                NO_DATE,
                vec!["Slow", day],
            ),
            (
                "/new",
                vec![("title", "Slow"), ("severity", "high"), ("impact_at", gap)],
                SKIPPED,
                vec!["Slow", gap],
            ),
            (
                "/new",
                vec![("kind", "task"), ("title", "Renew"), ("due_at", next_gap)],
                SKIPPED,
                vec!["Renew", next_gap],
            ),
            (
                "/call",
                vec![
                    ("title", "Slow"),
                    ("caller", "Cleo"),
                    ("number", "+1 555"),
                    ("in", "at"),
                    ("at", "25:00"),
                ],
                NO_DATE,
                vec!["Cleo", "25:00"],
            ),
            (
                "/INC-1/hold",
                vec![("on", "vendor"), ("reason", "part ordered"), ("until", day)],
                NO_DATE,
                vec!["part ordered", day],
            ),
            (
                "/INC-1/hold",
                vec![
                    ("on", "vendor"),
                    ("reason", "part ordered"),
                    ("until", next_gap),
                ],
                SKIPPED,
                vec!["part ordered", next_gap],
            ),
            (
                "/INC-1/times",
                vec![
                    ("at", day),
                    ("evidence", "#1"),
                    ("why", "the graphs say so"),
                ],
                NO_DATE,
                vec![day, "the graphs say so"],
            ),
            (
                "/INC-1/times",
                vec![
                    ("at", gap),
                    ("evidence", "#1"),
                    ("why", "the graphs say so"),
                ],
                SKIPPED,
                vec![gap, "the graphs say so"],
            ),
            (
                "/INC-1/affected",
                vec![("customer", "Contoso"), ("reported_at", day)],
                NO_DATE,
                vec![day, "Contoso"],
            ),
            (
                "/INC-1/callback",
                vec![("number", "+1 555"), ("until", "25:00")],
                NO_DATE,
                vec!["+1 555", "25:00"],
            ),
            (
                "/INC-1/update",
                vec![("body", "We are on it"), ("next_update_by", "25:00")],
                NO_DATE,
                vec!["We are on it", "25:00"],
            ),
            (
                "/CHG-1/plan",
                vec![
                    ("rev", &rev),
                    ("purpose", "fewer time-outs"),
                    ("starts_at", day),
                ],
                NO_DATE,
                vec!["fewer time-outs", day],
            ),
            (
                "/PM-1/post-mortem/meet",
                vec![
                    ("starts_at", next_gap),
                    ("minutes", "30"),
                    ("place", "room 4"),
                ],
                SKIPPED,
                vec![next_gap, "room 4"],
            ),
            (
                "/PM-1/post-mortem/add-action",
                vec![
                    ("title", "Alert on lag"),
                    ("person", &root_id),
                    ("type", "detect"),
                    ("due", day),
                ],
                NO_DATE,
                vec!["Alert on lag", day],
            ),
            (
                &plan,
                vec![
                    ("zone", "UTC"),
                    ("anchor", day),
                    ("unit", "days"),
                    ("length", "1"),
                    ("person-1", &root_id),
                ],
                NO_DATE,
                vec![day],
            ),
            (
                &cover,
                vec![
                    ("kind", "replace"),
                    ("person", &root_id),
                    ("starts_at", day),
                    ("ends_at", "2026-06-03T08:00"),
                    ("note", "dentist"),
                ],
                NO_DATE,
                vec![day, "dentist"],
            ),
            (
                &cover,
                vec![
                    ("kind", "replace"),
                    ("person", &root_id),
                    ("starts_at", next_gap),
                    ("ends_at", "2027-03-28T08:00"),
                    ("note", "dentist"),
                ],
                SKIPPED,
                vec![next_gap, "dentist"],
            ),
            (
                "/calendars",
                vec![
                    ("name", "Office"),
                    ("zone", "UTC"),
                    ("mon", "09:00-17:00"),
                    ("exceptions", "2026-02-30 closed"),
                ],
                "can&#39;t be read",
                vec!["2026-02-30 closed"],
            ),
            (
                "/calendars",
                vec![("name", "Office"), ("zone", "UTC"), ("mon", "9-17")],
                "isn&#39;t a range of times",
                vec!["9-17"],
            ),
            (
                "/calendars",
                vec![("name", "Office"), ("zone", "UTC"), ("tue", "09:00-09:00")],
                "is no time at all",
                vec!["09:00-09:00"],
            ),
            (
                "/calendars",
                vec![("name", "Office"), ("zone", "UTC"), ("wed", "20:00-50:00")],
                "ends after 48:00",
                vec!["20:00-50:00"],
            ),
            (
                "/calendars",
                vec![("name", "Office"), ("zone", "UTC")],
                "never open in the next five years",
                vec!["Office"],
            ),
            (
                "/calendars",
                vec![
                    ("name", "Office"),
                    ("zone", "UTC"),
                    ("mon", "09:00-17:00"),
                    ("holidays-0", "Bavaria"),
                ],
                "There is no holiday set",
                vec!["Bavaria"],
            ),
        ];
        let mut findings = Vec::new();
        for (place, form, problem, kept) in &table {
            let answer = browser.post(place, form);
            // Two printers, two ways to write an apostrophe.
            let plain = Answer {
                text: answer
                    .text
                    .replace("&#x27;", "&#39;")
                    .replace("&apos;", "&#39;"),
                ..answer
            };
            findings.extend(lacks(&plain, place, problem, kept));
        }
        assert!(findings.is_empty(), "\n{}", findings.join("\n"));
        assert_eq!(rev_of("CHG-1"), rev, "nothing was changed");
        for wrong in [
            "/n/nonsense",
            "/feed/nonsense.ics",
            "/reset/nonsense",
            "/invitation/nonsense",
            "/set-up/nonsense",
        ] {
            assert_eq!(browser.get(wrong).status, 404, "{wrong}");
        }
        desk.letters();
    }
);

both_databases!(
    files_above_the_limit_are_left_out_and_the_text_is_kept,
    |mut desk| {
        Arc::get_mut(&mut desk.app)
            .expect("nobody else holds it yet")
            .config
            .upload_limit_bytes = 1024 * 1024;
        let ada = desk.person("Ada", Roles::all());
        let served = Served::new(&desk.app);
        let browser = Visitor::logged_in(&served, &desk.app, Holder::Person(ada.id));
        browser.post("/new", &[("title", "Disk full"), ("severity", "high")]);
        let session = browser.session.clone().expect("a session");
        let send = |bytes: usize| -> Answer {
            let csrf = secrets::derive(&session, "form");
            // The text stands behind the file: it must not be lost either.
            let body = [
                format!("--x\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n{csrf}\r\n").into_bytes(),
                b"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"df.log\"\r\nContent-Type: text/plain\r\n\r\n".to_vec(),
                vec![b'x'; bytes],
                b"\r\n--x\r\nContent-Disposition: form-data; name=\"body\"\r\n\r\nsee the log\r\n--x--\r\n".to_vec(),
            ]
            .concat();
            let config = ureq::Agent::config_builder()
                .http_status_as_error(false)
                .max_redirects(0);
            let agent: ureq::Agent = config.build().into();
            let mut answer = agent
                .post(format!("{}/INC-1/note", served.url()))
                .header("cookie", format!("watchkeeper={session}"))
                .header("content-type", "multipart/form-data; boundary=x")
                .send(&body[..])
                .expect("the server answers");
            Answer {
                status: answer.status().as_u16(),
                place: String::new(),
                cookies: Vec::new(),
                text: answer.body_mut().read_to_string().unwrap_or_default(),
            }
        };
        let over = lacks(
            &send(1_300_000),
            "/INC-1/note",
            "more than 1 MB together",
            &["see the log"],
        );
        assert_eq!(over, Vec::<String>::new());
        assert!(!browser.get("/INC-1").text.contains("df.log"));
        assert_eq!(send(900_000).status, 303);
        assert!(browser.get("/INC-1").text.contains("df.log"));
    }
);
