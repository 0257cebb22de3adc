//! Why is this due then? A clock answers in the browser, as plain text and to programs; and what is stored of it is checked
//! against the timeline, by hand and all the time.

use std::process::Command;

use chrono_tz::Tz;
use serde_json::Value;
use watchkeeper::actions::agreement::{AgreementDetails, add_agreement};
use watchkeeper::actions::calendar::{CalendarDetails, add_calendar};
use watchkeeper::actions::sla_verify::{self, Scope};
use watchkeeper::actions::{ticket as act, ticket_hold};
use watchkeeper::app::Rounds;
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::calendar::Range;
use watchkeeper::domain::hold::NewHold;
use watchkeeper::domain::id::{CustomerId, Kind};
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::sla_agreement::{
    Anchor, Budget, HoldsFor, Metric, Promisee, Target, USUAL_BACKDATE_DAYS,
};
use watchkeeper::domain::sla_clock::ClockState;
use watchkeeper::domain::sla_policy::Policy;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, Ticket, WaitingOn};
use watchkeeper::domain::timeline::Door;
use watchkeeper::store;
use watchkeeper::store::people::Holder;
use watchkeeper::store::sla::ClockRow;

use crate::accounts::{a_customer, as_person};
use crate::both_databases;
use crate::desk::{Desk, START, Staff};
use crate::git_bench::WATCHKEEPER;
use crate::program::Program;
use crate::served::Served;
use crate::terms_data::sql;
use crate::visitor::{Answer, Visitor};

pub const HOUR: i64 = 3600;

/// Contoso, which counts in New York's working hours, with these promises.
pub fn contoso(desk: &Desk, who: &Staff, promises: &[(Metric, i64)]) -> CustomerId {
    let ctx = as_person(&desk.app, who.id);
    let customer = a_customer(&ctx, "Contoso");
    let office = Range::parse("09:00-17:00").unwrap();
    let details = CalendarDetails {
        name: "New York office".to_owned(),
        zone: Tz::America__New_York,
        weekly: (0..=4).map(|day| (day, office)).collect(),
        exceptions: Vec::new(),
        holidays: Vec::new(),
        is_active: true,
    };
    let calendar = add_calendar(&ctx, &details).unwrap();
    let targets = promises
        .iter()
        .map(|(metric, secs)| Target {
            id: None,
            metric: *metric,
            promisee: Promisee::Customer,
            kind: Kind::Incident,
            severity: None,
            service: None,
            customer: None,
            budget: Budget::Counted { secs: *secs },
            calendar,
            also: Vec::new(),
            anchor: Anchor::Logged,
            warn: Vec::new(),
            stops_on: Target::usual_stops(*metric).to_vec(),
            policy: Policy::default(),
        })
        .collect();
    let details = AgreementDetails {
        holds_for: HoldsFor::Customers(vec![customer]),
        name: "Gold".to_owned(),
        targets,
        backdate_days: USUAL_BACKDATE_DAYS,
        is_active: true,
    };
    add_agreement(&ctx, &details).unwrap();
    customer
}

pub fn opened(desk: &Desk, who: &Staff, customer: CustomerId, title: &str) -> Ticket {
    let opening = Opening {
        severity: Some(Severity::High),
        customer: Some(customer),
        ..Opening::default()
    };
    let title = Title::parse(title).unwrap();
    act::open(&desk.as_person(who), Kind::Incident, title, &opening).unwrap()
}

pub fn rows(desk: &Desk, ticket: &Ticket) -> Vec<ClockRow> {
    let rows = desk
        .app
        .store
        .read(|conn| store::sla::of_ticket(conn, ticket.id));
    rows.unwrap()
}

pub fn wait_for_customer(desk: &Desk, who: &Staff, ticket: &Ticket) {
    let hold = NewHold::new(WaitingOn::Customer, "Which port?");
    ticket_hold::hold(&desk.as_person(who), ticket.key, None, &hold).unwrap();
}

#[track_caller]
fn says(answer: &Answer, text: &str) {
    assert!(
        answer.text.contains(text),
        "{text:?} isn't in\n{}",
        answer.text
    );
}

/// An incident of Contoso's, opened on Monday at 05:00 in New York; from 10:00 on Ada has it and waits for two hours.
fn waited(desk: &Desk, ada: &Staff) -> Ticket {
    desk.let_letters_go();
    let customer = contoso(desk, ada, &[(Metric::Resolve, 10 * HOUR)]);
    let ticket = opened(desk, ada, customer, "Uplink down");
    desk.advance(5 * HOUR);
    act::take(&desk.as_person(ada), ticket.key, None).unwrap();
    wait_for_customer(desk, ada, &ticket);
    desk.advance(2 * HOUR);
    ticket
}

both_databases!(
    t57_t58_one_click_from_a_ticket_its_clock_says_why_it_is_due_then,
    |desk| {
        let p = Program::new(desk);
        let (desk, ada) = (&p.desk, &p.ada);
        let ticket = waited(desk, ada);
        let browser = Visitor::logged_in(&p.server, &desk.app, Holder::Person(ada.id));
        let room = browser.get("/INC-1");
        says(&room, "held 2 h, waiting for Contoso");
        ticket_hold::release(&desk.as_person(ada), ticket.key, None, None).unwrap();
        let room = browser.get("/INC-1");
        let clock = &rows(desk, &ticket)[0];
        let place = format!("/INC-1/clocks/{}", clock.id);
        says(&room, &format!("href=\"{place}\">Why then?"));
        // Due in the reader's zone, and in the agreement's.
        says(&room, "Tue 2 Jun 2026 13:00 EDT");
        let page = browser.get(&place);
        assert_eq!(page.status, 200);
        let text = browser.get(&format!("{place}.txt"));
        for wanted in [
            "Tue 2 Jun 2026 13:00 EDT",
            "Tue 2 Jun 2026 19:00 CEST",
            "1 h + 5 h + 4 h = 10 h",
            "1 h of 10 h used (10.00 %).",
            "Gold, version 1",
            "New York office (America/New_York)",
            "Waiting for Contoso",
            "Ada opened it in the browser",
            "Ada put it on hold in the browser",
            "Ada ended the hold in the browser",
            "The hours of New York office began",
        ] {
            says(&page, wanted);
            says(&text, wanted);
        }
        says(&page, "href=\"/INC-1#e1\"");
        let told = p.get(&format!("/api/v1/tickets/INC-1/clocks/{}", clock.id));
        let body = &told.body;
        assert_eq!(told.text("/clock/deadline_at"), "2026-06-02T17:00:00Z");
        assert_eq!(told.text("/zone"), "America/New_York");
        let hours = |part: &Value| part.as_i64().unwrap() / 3_600_000_000;
        let sum: Vec<i64> = body["sum_micros"]
            .as_array()
            .unwrap()
            .iter()
            .map(hours)
            .collect();
        assert_eq!(sum, [1, 5, 4]);
        assert_eq!(
            (hours(&body["budget_micros"]), hours(&body["used_micros"])),
            (10, 1)
        );
        let steps = body["steps"].as_array().unwrap();
        let held = steps.iter().find(|step| step["kind"] == "waiting").unwrap();
        assert_eq!(held["from_at"], "2026-06-01T14:00:00Z");
        assert_eq!(held["cause_by"], "Ada");
        assert_eq!(held["cause_door"], "web");
        assert_eq!(held["holder"]["kind"], "customer");
        assert_eq!(
            steps.last().unwrap()["used_after_micros"],
            body["budget_micros"]
        );
        // Nobody had it in its first counted hour.
        assert_eq!(body["shares"][0]["holder"]["kind"], "nobody");
        assert_eq!(hours(&body["shares"][0]["counted_micros"]), 1);
    }
);

both_databases!(lateness_says_whose_it_was_and_stays_what_it_is, |desk| {
    let ada = desk.person("Ada", Roles::of(&[Role::Lead, Role::Responder]));
    let bo = desk.person("Bo", Roles::of(&[Role::Responder]));
    desk.let_letters_go();
    let customer = contoso(&desk, &ada, &[(Metric::Restore, 2 * HOUR)]);
    let ticket = opened(&desk, &ada, customer, "Uplink down");
    desk.advance(6 * HOUR);
    act::take(&desk.as_person(&ada), ticket.key, None).unwrap();
    // Due at 11:00 in New York, 15:00 UTC.
    desk.advance(HOUR);
    act::hand_over(&desk.as_person(&ada), ticket.key, None, bo.id, "yours").unwrap();
    desk.advance(HOUR / 2);
    act::resolve(&desk.as_person(&bo), ticket.key, None, "restarted").unwrap();
    let served = Served::new(&desk.app);
    let browser = Visitor::logged_in(&served, &desk.app, Holder::Person(ada.id));
    let clock = &rows(&desk, &ticket)[0];
    assert_eq!(clock.state, ClockState::Missed);
    let text = browser.get(&format!("/INC-1/clocks/{}.txt", clock.id));
    for wanted in [
        "3 h 30 min of 2 h used; 1 h 30 min of working time too late.",
        "nobody: 2 h\n",
        "Ada: 1 h, late 1 h",
        "Bo: 30 min, late 30 min",
        "The deadline passed",
        "Ada handed it over in the browser",
    ] {
        says(&text, wanted);
    }
});

/// Changes a stored clock behind everybody's back.
fn tampered(desk: &Desk, row: &ClockRow, change: fn(&mut ClockRow)) {
    let mut row = row.clone();
    change(&mut row);
    let written = desk.app.store.write(|tx| store::sla::update(tx, &row));
    written.unwrap();
}

fn differences(desk: &Desk, scope: Scope) -> (Vec<String>, sla_verify::Tally) {
    let mut lines = Vec::new();
    let ctx = desk.app.system("test", Door::Cli);
    let tally = sla_verify::verify(&ctx, scope, |it| lines.push(it.to_string()), |_| {});
    (lines, tally.unwrap())
}

both_databases!(
    what_is_stored_is_compared_with_the_timeline_field_by_field_and_left_alone,
    |desk| {
        let ada = desk.person("Ada", Roles::all());
        let ticket = waited(&desk, &ada);
        let customer = ticket.customer.unwrap();
        for number in 0..250 {
            opened(&desk, &ada, customer, &format!("Port {number} down"));
        }
        act::resolve(&desk.as_person(&ada), ticket.key, None, "plugged in").unwrap();
        let (lines, tally) = differences(&desk, Scope::All);
        assert_eq!(lines, Vec::<String>::new());
        // Its post-mortem is a ticket too.
        assert_eq!((tally.tickets, tally.clocks), (252, 252));
        assert_eq!(differences(&desk, Scope::Open).1.tickets, 251);

        let row = rows(&desk, &ticket).remove(0);
        tampered(&desk, &row, |row| {
            row.deadline_at = None;
            row.state = ClockState::Missed;
        });
        let (lines, tally) = differences(&desk, Scope::One(ticket.key));
        let party = format!("INC-1 resolve 1.0 of {customer}");
        assert_eq!(
            lines,
            [
                format!("{party}: state is stored as missed, computed as met"),
                format!("{party}: deadline_at is stored as -, computed as 2026-06-02T17:00:00Z"),
            ]
        );
        assert_eq!((tally.tickets, tally.differences), (1, 2));
        assert_eq!(differences(&desk, Scope::All).0, lines);
        assert_eq!(differences(&desk, Scope::Open).0, Vec::<String>::new());
        assert_eq!(
            rows(&desk, &ticket)[0].deadline_at,
            None,
            "nothing is repaired"
        );
    }
);

both_databases!(
    a_first_clock_that_is_missing_or_runs_under_what_was_never_agreed_is_found_and_mended,
    |desk| {
        let ada = desk.person("Ada", Roles::all());
        desk.let_letters_go();
        let promises = [(Metric::Respond, HOUR), (Metric::Resolve, 10 * HOUR)];
        let customer = contoso(&desk, &ada, &promises);
        let ticket = opened(&desk, &ada, customer, "Uplink down");
        let of = |metric| {
            let mut found = rows(&desk, &ticket).into_iter();
            found.rfind(|row| row.metric == metric)
        };
        let (respond, resolve) = (of(Metric::Respond).unwrap(), of(Metric::Resolve).unwrap());
        assert_eq!(differences(&desk, Scope::All).0, Vec::<String>::new());
        sql(
            &desk,
            &format!("DELETE FROM clock WHERE metric = '{}'", Metric::Resolve),
        );
        let (lines, _) = differences(&desk, Scope::One(ticket.key));
        assert_eq!(
            lines,
            [format!(
                "INC-1 resolve 1.0 of {customer}: clock is stored as -, computed as running"
            )]
        );
        // Nobody's change heals it in passing: it is told until somebody does it on purpose.
        act::note(&desk.as_person(&ada), ticket.key, "looking").unwrap();
        assert!(of(Metric::Resolve).is_none());
        let system = desk.app.system("test", Door::Cli);
        sla_verify::recompute(&system, ticket.key).unwrap();
        let back = of(Metric::Resolve).unwrap();
        assert_eq!(
            (back.target_id, back.deadline_at, back.anchor_at),
            (resolve.target_id, resolve.deadline_at, resolve.anchor_at)
        );
        assert_eq!(differences(&desk, Scope::All).0, Vec::<String>::new());
        // Counted by the wrong target it would be right in itself.
        sql(
            &desk,
            &format!(
                "UPDATE clock SET target_id = (SELECT target_id FROM clock WHERE metric = 'resolve') \
             WHERE metric = '{}'",
                Metric::Respond
            ),
        );
        let (lines, _) = differences(&desk, Scope::One(ticket.key));
        let is_target =
            |line: &&String| line.contains("respond 1.0") && line.contains("target is stored");
        assert_eq!(lines.iter().filter(is_target).count(), 1, "{lines:?}");
        sla_verify::recompute(&system, ticket.key).unwrap();
        assert_eq!(of(Metric::Respond).unwrap().target_id, respond.target_id);
        assert_eq!(differences(&desk, Scope::All).0, Vec::<String>::new());
    }
);

both_databases!(t31_that_a_job_has_not_looked_yet_is_no_difference, |desk| {
    let ada = desk.person("Ada", Roles::all());
    desk.let_letters_go();
    let customer = contoso(&desk, &ada, &[(Metric::Respond, HOUR)]);
    opened(&desk, &ada, customer, "Uplink down");
    // Long past its deadline, and no job has run since.
    desk.app.time.set(START.plus_secs(48 * HOUR));
    let (lines, tally) = differences(&desk, Scope::All);
    assert_eq!((lines, tally.awaited), (Vec::new(), 1));
    desk.settle();
    let (lines, tally) = differences(&desk, Scope::All);
    assert_eq!((lines, tally.awaited), (Vec::new(), 0));
});

#[test]
fn the_command_tells_line_by_line_and_exits_with_one_on_a_difference() {
    let desk = Desk::new(crate::desk::On::Sqlite);
    let ada = desk.person("Ada", Roles::all());
    let ticket = waited(&desk, &ada);
    act::resolve(&desk.as_person(&ada), ticket.key, None, "plugged in").unwrap();
    let watchkeeper::store::backend::DatabaseUrl::Sqlite(file) = &desk.app.config.database else {
        panic!("it plays on SQLite")
    };
    let run = |args: &[&str]| {
        let output = Command::new(WATCHKEEPER)
            .args(["verify", "clocks", "--database"])
            .arg(file)
            .args(args)
            .output()
            .expect("it runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    };
    let (code, out, err) = run(&[]);
    assert_eq!((code, out.as_str()), (Some(0), ""), "{err}");
    assert!(err.contains("2 tickets, 2 clocks, 0 differences"), "{err}");
    let row = rows(&desk, &ticket).remove(0);
    tampered(&desk, &row, |row| row.late_by_change = true);
    let (code, out, _) = run(&["--ticket", "INC-1"]);
    assert_eq!(code, Some(1));
    assert!(
        out.ends_with("late_by_change is stored as true, computed as false\n"),
        "{out}"
    );
    assert_eq!(run(&["--open"]).0, Some(0), "it is resolved");
    assert_eq!(run(&["--ticket", "INC-9"]).0, Some(2));
    assert_eq!(run(&["--ticket", "nine"]).0, Some(2));
}

both_databases!(
    a_clock_that_differs_is_found_by_itself_shown_to_who_keeps_the_house_and_mended_by_hand,
    |desk| {
        let ada = desk.person("Ada", Roles::of(&[Role::Responder, Role::Lead]));
        let root = desk.person("Root", Roles::of(&[Role::Admin]));
        let ticket = waited(&desk, &ada);
        let row = rows(&desk, &ticket).remove(0);
        tampered(&desk, &row, |row| row.deadline_at = Some(START));
        let served = Served::new(&desk.app);
        let admin = Visitor::logged_in(&served, &desk.app, Holder::Person(root.id));
        let lead = Visitor::logged_in(&served, &desk.app, Holder::Person(ada.id));
        desk.advance(61);
        let band = "The stored clocks of one ticket aren&#39;t what its timeline says.";
        says(&admin.get("/queue"), band);
        assert!(!lead.get("/queue").text.contains(band));
        says(
            &admin.get("/checks"),
            "deadline_at is stored as 2026-06-01T09:00:00Z",
        );
        assert_eq!(lead.post("/checks/INC-1/recompute", &[]).status, 403);
        assert_eq!(admin.post("/checks/INC-1/recompute", &[]).status, 303);
        assert_eq!(differences(&desk, Scope::All).0, Vec::<String>::new());
        assert!(!admin.get("/queue").text.contains(band));
        says(&admin.get("/audit"), "recomputed a ticket");
    }
);

both_databases!(
    the_standing_check_comes_round_to_every_ticket_and_takes_off_what_was_mended,
    |desk| {
        let ada = desk.person("Ada", Roles::all());
        desk.let_letters_go();
        let customer = contoso(&desk, &ada, &[(Metric::Respond, HOUR)]);
        let tickets: Vec<Ticket> = (0..60)
            .map(|number| opened(&desk, &ada, customer, &format!("Port {number} down")))
            .collect();
        for ticket in &tickets {
            act::resolve(&desk.as_person(&ada), ticket.key, None, "plugged in").unwrap();
        }
        let last = rows(&desk, &tickets[59]).remove(0);
        tampered(&desk, &last, |row| row.from_seq = 7);
        let mut rounds = Rounds::default();
        let mut round = |secs: i64| {
            desk.app.time.set(desk.now().plus_secs(secs));
            let ctx = desk.app.system("test", Door::Clock);
            sla_verify::check_some(&ctx, &mut rounds).unwrap()
        };
        // Sixty incidents and their post-mortems, twenty-five a minute.
        let found: Vec<_> = (0..5).map(|_| round(60)).collect();
        assert!(found.contains(&Some(1)), "{found:?}");
        assert_eq!(round(30), None, "once a minute");
        tampered(&desk, &last, |_| {});
        assert_eq!(round(60), Some(0), "as it was");
    }
);

both_databases!(
    t54_a_lists_burn_line_is_working_time_and_not_the_wall_clocks,
    |desk| {
        let ada = desk.person("Ada", Roles::all());
        desk.let_letters_go();
        let customer = contoso(&desk, &ada, &[(Metric::Resolve, 10 * HOUR)]);
        opened(&desk, &ada, customer, "Uplink down");
        let served = Served::new(&desk.app);
        let browser = Visitor::logged_in(&served, &desk.app, Holder::Person(ada.id));
        // At 05:00 in New York nothing is used; it opens at 13:00 UTC.
        let closed = "data-total=\"36000000\" data-left=\"36000000\" data-open=\"no\" data-turns=\"1780318800000\"";
        says(&browser.get("/queue"), closed);
        says(&browser.get("/"), closed);
        says(&browser.get("/INC-1"), closed);
        desk.advance(10 * HOUR);
        // At 15:00 six hours are used; it closes at 21:00 UTC. A fifth is near: not yet.
        let page = browser.get("/queue");
        says(
            &page,
            "data-left=\"14400000\" data-open=\"yes\" data-turns=\"1780347600000\"",
        );
        says(&page, "class=\"go\" y=\"1\" width=\"40%\"");
    }
);
