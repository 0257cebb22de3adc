//! On call in the browser: the page in the night, the schedule, planning, the ledger.

use watchkeeper::actions::ticket as act;
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::id::Kind;
use watchkeeper::domain::page::{Link, PageState};
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, State, Ticket};
use watchkeeper::domain::timestamp::Timestamp;
use watchkeeper::store::people::Holder;
use watchkeeper::store::{self, page_log};

use crate::accounts::founded;
use crate::both_databases;
use crate::desk::{Desk, Staff};
use crate::oncall::team;
use crate::served::Served;
use crate::visitor::Visitor;
use crate::web::Browser;

const LEAD: Roles = Roles::of(&[Role::Responder, Role::Lead]);

fn incident(desk: &Desk, who: &Staff, title: &str, severity: Severity) -> Ticket {
    let opening = Opening {
        severity: Some(severity),
        ..Opening::default()
    };
    act::open(
        &desk.as_person(who),
        Kind::Incident,
        Title::parse(title).unwrap(),
        &opening,
    )
    .unwrap()
}

fn pages(desk: &Desk, ticket: &Ticket) -> Vec<page_log::Page> {
    desk.app
        .store
        .read(|conn| page_log::pages_of_ticket(conn, ticket.id))
        .unwrap()
}

both_databases!(
    the_page_in_the_night_is_answered_by_a_button_and_not_by_looking,
    |desk| {
        let lin = desk.person("Lin", LEAD);
        team(&desk, "netops", &[&lin]);
        let broken = incident(&desk, &lin, "DB <master> down", Severity::Disaster);
        let page = pages(&desk, &broken).remove(0);
        let token = Link::new(page.id, page.person_id, page.queued_at).token(&desk.app.signing_key);
        let served = Served::new(&desk.app);
        let url = format!("{}/n/{token}", served.url());
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .into();

        let shown = agent
            .get(&url)
            .call()
            .unwrap()
            .body_mut()
            .read_to_string()
            .unwrap();
        for part in [
            "DB &#60;master&#62; down",
            "Nobody has it",
            "I have it",
            "If nobody answers",
            "<form method=\"post\"",
        ] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
        assert!(!shown.contains("<script"));
        let sheet = shown
            .split("href=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next())
            .unwrap();
        let css = agent
            .get(format!("{}{sheet}", served.url()))
            .call()
            .unwrap()
            .body_mut()
            .read_to_string()
            .unwrap();
        let all_in = shown.len() + css.len();
        assert!(
            all_in <= 8 * 1024,
            "the page in the night weighs {all_in} bytes"
        );
        assert!(
            pages(&desk, &broken)[0].acked_at.is_none(),
            "looking answers nothing"
        );

        let answered = agent.post(&url).send_form([("go", "")]).unwrap();
        assert_eq!(answered.status(), 200);
        assert_eq!(pages(&desk, &broken)[0].state, PageState::Acked);
        let now = desk
            .app
            .store
            .read(|conn| store::ticket::by_id(conn, broken.id))
            .unwrap()
            .unwrap();
        assert_eq!((now.owner, now.state), (Some(lin.id), State::InProgress));

        let wrong = agent
            .post(format!("{}/n/{}x", served.url(), token))
            .send_form([("go", "")])
            .unwrap();
        assert_eq!(wrong.status(), 404);
        desk.app.time.set(desk.now().plus_secs(49 * 3_600));
        let late = agent.post(&url).send_form([("go", "")]).unwrap();
        assert_eq!(late.status(), 410);
    }
);

both_databases!(
    a_team_is_planned_covered_and_subscribed_to_in_the_browser,
    |desk| {
        let lin = desk.person("Lin", LEAD);
        let ada = desk.person("Ada", LEAD);
        let team = team(&desk, "netops", &[&lin, &ada]);
        let browser = Browser::of(&desk, &lin);
        browser.get("/on-call").is(200).says("Nobody is on call.");
        let place = |path: &str| format!("/on-call/{team}{path}");
        browser.get(&place("/plan")).is(200);
        let (one, two) = (lin.id.to_string(), ada.id.to_string());
        let mut plan = vec![
            ("rev", "0"),
            ("zone", "Europe/Stockholm"),
            ("anchor", "2026-06-01T09:00"),
            ("unit", "weeks"),
            ("length", "0"),
            ("person-1", one.as_str()),
            ("person-2", two.as_str()),
        ];
        browser
            .post(&place("/plan"), &plan)
            .is(422)
            .says("From 1 to 60");
        plan[4].1 = "1";
        browser.post(&place("/plan"), &plan).is(303);
        browser.get("/on-call").is(200).says("Lin").says("Ada");

        let cover = [
            ("kind", "remove"),
            ("starts_at", "2026-06-03T08:00"),
            ("ends_at", "2026-06-03T18:00"),
            ("note", "everybody travels"),
        ];
        browser.post(&place("/override"), &cover).is(303);
        browser
            .get("/on-call")
            .says("Times without anybody")
            .says("10 h")
            .says("everybody travels");
        browser
            .post(&place("/override"), &cover)
            .is(422)
            .says("already answers for this")
            .says("everybody travels");

        browser.get(&place("/policy")).is(200);
        let policy = [
            ("rev", "0"),
            ("repeat", "1"),
            ("step-1-a", "on_duty"),
            ("step-1-delay", "999"),
        ];
        browser
            .post(&place("/policy"), &policy)
            .is(422)
            .says("From 1 to 240");
        let policy = [
            ("rev", "0"),
            ("repeat", "1"),
            ("step-1-a", "on_duty"),
            ("step-1-delay", "7"),
            ("step-2-a", two.as_str()),
            ("step-2-delay", "9"),
        ];
        browser.post(&place("/policy"), &policy).is(303);
        browser
            .get("/on-call")
            .says("wait 7 min")
            .says("Ada, wait 9 min");

        let made = browser.post(&place("/feed"), &[]);
        made.is(200);
        let text = made.text();
        let path = text
            .split("https://watch.example.org")
            .find(|part| part.starts_with("/feed/"))
            .unwrap();
        let path = path.split('<').next().unwrap();
        browser
            .get(path)
            .is(200)
            .says("BEGIN:VCALENDAR")
            .says("NOBODY on call");
        browser.post(&place("/feed/revoke"), &[]).is(303);
        browser.get(path).is(404);
        browser.post("/test-page", &[]).is(303);
    }
);

both_databases!(
    the_ledger_says_who_was_paged_and_what_was_not_sent_and_why,
    |desk| {
        desk.let_letters_go();
        let lin = desk.person("=Lin", LEAD);
        team(&desk, "netops", &[&lin]);
        incident(&desk, &lin, "Disk 80 % full", Severity::Warning);
        let broken = incident(&desk, &lin, "DB master down", Severity::Disaster);
        let browser = Browser::of(&desk, &lin);
        desk.advance(120);
        act::take(&desk.as_person(&lin), broken.key, None).unwrap();
        desk.advance(600);
        act::resolve(&desk.as_person(&lin), broken.key, None, "failed over").unwrap();
        desk.settle();
        let page = browser.get("/ledger?month=2026-06");
        page.is(200)
            .says("the severity asks for no message")
            .says("nobody was on call")
            .says("in the browser")
            .says("Worked");
        browser
            .get("/ledger?month=2026-06&check=1")
            .is(200)
            .says("entries match");
        browser.get("/ledger?month=nonsense").is(404);
        let csv = browser.get("/ledger.csv?month=2026-06");
        csv.is(200)
            .says("'=Lin")
            .says("night_minutes")
            .says("INC-2");
        let rows = desk
            .app
            .store
            .read(|conn| {
                page_log::events_between(
                    conn,
                    Timestamp::from_micros(0),
                    Timestamp::NEVER,
                    None,
                    100,
                )
            })
            .unwrap();
        assert!(!rows.is_empty());
    }
);

both_databases!(who_is_on_call_alone_hands_over_to_nobody, |desk| {
    let ada = founded(&desk).admin;
    let served = Served::new(&desk.app);
    let browser = Visitor::logged_in(&served, &desk.app, Holder::Person(ada));
    let alone = browser.get("/").text;
    for said in ["You are on call", "Nobody else is planned"] {
        assert!(alone.contains(said), "{said}: {alone}");
    }
    for unsaid in ["takes over", "Your next shifts", "until <time"] {
        assert!(!alone.contains(unsaid), "{unsaid}: {alone}");
    }
});

both_databases!(
    the_ledger_knows_when_a_page_was_accepted_and_which_minutes_were_of_the_night,
    |desk| {
        desk.let_letters_go();
        let lin = desk.person("Lin", LEAD);
        team(&desk, "netops", &[&lin]);
        // Tuesday, 02:30 in Stockholm.
        desk.advance(15 * 3_600 + 1_800);
        desk.relay_answers(watchkeeper::domain::outgoing::Handover::Deferred(
            "421 later".to_owned(),
        ));
        let broken = incident(&desk, &lin, "DB master down", Severity::Disaster);
        desk.settle();
        desk.advance(15);
        desk.advance(105);
        act::take(&desk.as_person(&lin), broken.key, None).unwrap();
        // Until 06:10: ten minutes of it are of the day.
        desk.advance(3 * 3_600 + 38 * 60);
        act::resolve(&desk.as_person(&lin), broken.key, None, "failed over").unwrap();
        desk.settle();
        let browser = Browser::of(&desk, &lin);
        let file = browser.get("/ledger.csv?month=2026-06");
        let file = file.is(200).text();
        let mut table = csv::Reader::from_reader(file.as_bytes());
        let heads = table.headers().unwrap().clone();
        let rows: Vec<std::collections::BTreeMap<String, String>> = table
            .records()
            .map(|row| {
                let row = row.unwrap();
                let cells = heads.iter().zip(row.iter());
                cells
                    .map(|(head, cell)| (head.to_owned(), cell.to_owned()))
                    .collect()
            })
            .collect();
        let of = |kind: &str| {
            let row = rows.iter().find(|row| row["kind"] == kind);
            row.unwrap_or_else(|| panic!("no {kind} in {file}"))
        };
        let page = of("page");
        assert_eq!(page["from"], "2026-06-02T02:30:00+02:00", "{file}");
        assert_eq!(page["accepted_at"], "2026-06-02T02:30:15+02:00", "{file}");
        assert_eq!(
            page["acknowledged_at"], "2026-06-02T02:32:00+02:00",
            "{file}"
        );
        let work = of("work");
        assert_eq!(work["until"], "2026-06-02T06:10:00+02:00", "{file}");
        let (all, night): (i64, i64) = (
            work["minutes"].parse().unwrap(),
            work["night_minutes"].parse().unwrap(),
        );
        assert_eq!(all - night, 10, "{file}");
        assert!(night == 208, "{file}");
    }
);
