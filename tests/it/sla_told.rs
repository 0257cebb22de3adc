//! What proofs, lists and reports tell of a promise: which instant was promised by hand, how late it is by the clock and in working
//! time, that an answer stays due while somebody else is waited for, and which version of an agreement a period was under.

use chrono_tz::Tz;
use serde_json::json;
use watchkeeper::actions::agreement::change_agreement;
use watchkeeper::actions::credit;
use watchkeeper::actions::sla_report::{Asked, prepare};
use watchkeeper::actions::{ticket as act, ticket_hold, ticket_talk};
use watchkeeper::domain::access::{Principal, Roles, Scopes, TokenOwner};
use watchkeeper::domain::hold::NewHold;
use watchkeeper::domain::id::{CustomerId, Id};
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::sla_agreement::{Budget, Metric};
use watchkeeper::domain::sla_clock::ClockState;
use watchkeeper::domain::sla_credit::{Basis, Clause, Counting, Rule};
use watchkeeper::domain::sla_report::{Period, SlaReport, Verdict};
use watchkeeper::domain::sla_version::Effect;
use watchkeeper::domain::ticket::{Ticket, WaitingOn};
use watchkeeper::domain::timestamp::Timestamp;
use watchkeeper::render::sla_report::{Form, write};
use watchkeeper::store::people::Holder;
use watchkeeper::words::Words;

use crate::both_databases;
use crate::desk::{Desk, START, Staff};
use crate::program::Program;
use crate::proof;
use crate::sla::{HOUR, MINUTE, caches_are_true, clock, customer, house, open, promise};
use crate::sla_changes::agreed;
use crate::visitor::Visitor;
use crate::web::Browser;

both_databases!(
    a_proof_names_the_instant_that_was_promised_by_hand_and_measures_by_it,
    |desk| {
        let p = Program::new(desk);
        let (desk, ada) = (&p.desk, &p.ada);
        desk.let_letters_go();
        let contoso = proof::contoso(desk, ada, &[(Metric::Update, 4 * HOUR)]);
        let ticket = proof::opened(desk, ada, contoso, "Uplink down");
        // Opened at 05:00 in New York; at 11:00 there it is said that more will be said by 12:00.
        desk.advance(6 * HOUR);
        let noon = desk.now().plus_secs(HOUR);
        act::update(&desk.as_person(ada), ticket.key, "A cable.", Some(noon)).unwrap();
        desk.advance(30 * MINUTE);
        let row = clock(desk, &ticket, Metric::Update);
        assert_eq!((row.cycle, row.deadline_at), (2, Some(noon)));
        let browser = Visitor::logged_in(&p.server, &desk.app, Holder::Person(ada.id));
        let place = format!("/INC-1/clocks/{}", row.id);
        for place in [place.clone(), format!("{place}.txt")] {
            let told = browser.get(&place).text;
            for wanted in [
                "30 min of 1 h used (50.00 %).",
                "Promised instead by Ada",
                "Mon 1 Jun 2026 12:00 EDT",
                "By the agreement alone",
                "Mon 1 Jun 2026 15:00 EDT",
            ] {
                assert!(told.contains(wanted), "{wanted:?} isn't in\n{told}");
            }
        }
        let told = p
            .get(&format!("/api/v1/tickets/INC-1/clocks/{}", row.id))
            .body;
        assert_eq!(told["promised"]["by"], "Ada");
        assert_eq!(told["promised"]["agreed_at"], "2026-06-01T19:00:00Z");
        assert_eq!(told["budget_micros"], HOUR * 1_000_000);
        let sum = told["sum_micros"].as_array().unwrap().iter();
        let sum: i64 = sum.map(|part| part.as_i64().unwrap()).sum();
        assert_eq!(told["budget_micros"], sum, "the parts come to the deadline");
        // An agreed deadline says nothing of promises.
        let first = proof::rows(desk, &ticket).remove(0);
        let told = p
            .get(&format!("/api/v1/tickets/INC-1/clocks/{}", first.id))
            .body;
        assert_eq!(told["promised"], json!(null));
    }
);

/// June in New York.
fn june(desk: &Desk, ada: &Staff, contoso: CustomerId) -> SlaReport {
    let day = |text: &str| text.parse().unwrap();
    let zone = Tz::America__New_York;
    let asked = Asked {
        customer: Some(contoso),
        agreement: None,
        period: Period::new(day("2026-06-01"), day("2026-06-30"), zone).unwrap(),
    };
    prepare(&desk.as_person(ada), &asked).unwrap()
}

fn at(desk: &Desk, text: &str) {
    desk.app.time.set(Timestamp::parse_rfc3339(text).unwrap());
    desk.settle();
}

/// Due at closing time, 17:00 in New York, answered at 20:00.
fn answered_in_the_evening(p: &Program) -> (CustomerId, Ticket) {
    let (desk, ada) = (&p.desk, &p.ada);
    desk.let_letters_go();
    let contoso = proof::contoso(desk, ada, &[(Metric::Respond, HOUR)]);
    at(desk, "2026-06-03T20:00:00Z");
    let ticket = proof::opened(desk, ada, contoso, "Uplink down");
    at(desk, "2026-06-04T00:00:00Z");
    act::spoke_with_customer(&desk.as_person(ada), ticket.key, None, "We are on it").unwrap();
    (contoso, ticket)
}

both_databases!(
    late_without_a_minute_of_working_time_says_by_how_much_all_the_same,
    |desk| {
        let p = Program::new(desk);
        let (desk, ada) = (&p.desk, &p.ada);
        let (contoso, ticket) = answered_in_the_evening(&p);
        let row = proof::rows(desk, &ticket).remove(0);
        let browser = Visitor::logged_in(&p.server, &desk.app, Holder::Person(ada.id));
        let told = browser.get(&format!("/INC-1/clocks/{}.txt", row.id)).text;
        let sentence =
            "1 h of 1 h used; 3 h too late by the clock, none of it in the agreed hours.";
        assert!(told.contains(sentence), "{told}");
        at(desk, "2026-07-02T08:00:00Z");
        let report = june(desk, ada, contoso);
        let missed = &report.sections[0].outcomes[0];
        assert_eq!(
            (missed.verdict, missed.late_micros(), missed.over_secs),
            (Verdict::Missed, 0, 3 * HOUR)
        );
        assert_eq!(missed.used, HOUR * 1_000_000);
        let form =
            |form| String::from_utf8(write(&report, form, Words::english()).unwrap()).unwrap();
        let sentence = "missed, 3 h late by the clock, none of it in the agreed hours";
        assert!(form(Form::Html).contains(sentence), "{}", form(Form::Html));
        let csv = form(Form::Csv);
        let line = csv
            .lines()
            .find(|line| line.contains("Uplink down"))
            .unwrap();
        // Working time late, by the clock, used.
        assert!(line.ends_with(",missed,,0,,,,10800,3600"), "{line}");
        let query = format!("customer_id={contoso}&from=2026-06-01&to=2026-06-30&outcome=missed");
        let told = p.get(&format!(
            "/api/v1/sla-report/clocks?{query}&zone=America/New_York"
        ));
        let told = &told.body["items"][0];
        assert_eq!(
            (&told["over_secs"], &told["used_micros"]),
            (&json!(10_800), &json!(HOUR * 1_000_000))
        );
    }
);

both_databases!(
    a_period_is_reported_by_the_versions_that_were_in_force_in_it,
    |desk| {
        let p = Program::new(desk);
        let (desk, ada) = (&p.desk, &p.ada);
        let (contoso, _) = answered_in_the_evening(&p);
        at(desk, "2026-07-02T08:00:00Z");
        let clause = |share| Clause {
            counting: Counting::USUAL,
            cap: 50_000,
            rules: vec![Rule {
                basis: Basis::Kept(Metric::Respond),
                below: 95_000,
                credit: share,
            }],
        };
        let by = || desk.as_person(ada);
        let (id, version, mut details) = agreed(desk, contoso);
        credit::set(&by(), id, &clause(5_000)).unwrap();
        let before = june(desk, ada, contoso);
        assert_eq!(before.sections[0].versions, [1]);
        assert_eq!(before.sections[0].credit().unwrap().credit, 5_000);
        // In July it is edited, and next year it will be another again.
        details.name = "Platinum".to_owned();
        details.targets[0].budget = Budget::Counted { secs: 2 * HOUR };
        change_agreement(&by(), id, version, &details, &Effect::FromNow).unwrap();
        credit::set(&by(), id, &clause(20_000)).unwrap();
        details.targets[0].budget = Budget::Counted { secs: 3 * HOUR };
        let next_year = Timestamp::parse_rfc3339("2027-01-01T05:00:00Z").unwrap();
        change_agreement(&by(), id, version + 1, &details, &Effect::From(next_year)).unwrap();
        let (in_force, read) = credit::read(&by(), id).unwrap();
        assert_eq!(in_force.version, version + 1, "not the one that is planned");
        assert_eq!(read.unwrap().1, clause(20_000));
        let after = june(desk, ada, contoso);
        assert_eq!(after, before, "June is what June was");
        assert_eq!(after.hash(), before.hash());
        assert_eq!(after.sections[0].name, "Gold");
    }
);

/// What the queue's row says of the ticket's clock.
fn on_the_list(browser: &Browser) -> String {
    let list = browser.get("/queue?q=is:open").text();
    let row = list
        .split("class=\"clock ")
        .nth(1)
        .expect("a clock")
        .to_owned();
    row.split(['>', '<']).nth(1).expect("its text").to_owned()
}

both_databases!(
    an_answer_stays_due_in_the_list_while_somebody_else_is_waited_for,
    |desk| {
        desk.let_letters_go();
        let ada = house(&desk);
        let contoso = customer(&desk, "Contoso");
        let promises = [
            (Metric::Respond, None, HOUR),
            (Metric::Resolve, None, 4 * HOUR),
        ];
        promise(&desk, &ada, contoso, &promises);
        let ticket = open(&desk, &ada, Severity::High, Some(contoso));
        let by = || desk.as_person(&ada);
        act::take(&by(), ticket.key, None).unwrap();
        desk.advance(10 * MINUTE);
        let wait = NewHold::new(WaitingOn::Vendor, "a part");
        ticket_hold::hold(&by(), ticket.key, None, &wait).unwrap();
        let browser = Browser::of(&desk, &ada);
        assert_eq!(on_the_list(&browser), "50 min");
        desk.advance(62 * MINUTE);
        assert_eq!(on_the_list(&browser), "12 min over");
        // Answered, nothing runs any more.
        ticket_talk::no_reply_needed(&by(), ticket.key, None, None, "they rang").unwrap();
        assert_eq!(on_the_list(&browser), "held");
        ticket_hold::release(&by(), ticket.key, None, None).unwrap();
        // Late, and then held: it is late all the same, and grows no later.
        desk.advance(4 * HOUR);
        ticket_hold::hold(&by(), ticket.key, None, &wait).unwrap();
        desk.advance(2 * HOUR);
        // 10 minutes before the wait, 4 h after it.
        assert_eq!(on_the_list(&browser), "10 min over");
        caches_are_true(&desk, &ticket);
        assert_eq!(desk.now(), START.plus_secs(7 * HOUR + 12 * MINUTE));
    }
);

both_databases!(
    what_a_machine_writes_to_the_customer_is_an_update_and_nobodys_answer,
    |desk| {
        desk.let_letters_go();
        let ada = house(&desk);
        let contoso = customer(&desk, "Contoso");
        let promises = [
            (Metric::Respond, None, HOUR),
            (Metric::Update, None, 4 * HOUR),
        ];
        promise(&desk, &ada, contoso, &promises);
        let ticket = open(&desk, &ada, Severity::High, Some(contoso));
        desk.advance(10 * MINUTE);
        let mut machine = desk.as_person(&ada);
        machine.by = Principal::Token {
            id: Id::new(desk.now()),
            name: "status bot".to_owned(),
            owner: TokenOwner::Service,
            roles: Roles::all(),
            scopes: Scopes::all(),
        };
        act::update(&machine, ticket.key, "It is being looked at.", None).unwrap();
        let respond = clock(&desk, &ticket, Metric::Respond);
        assert_eq!((respond.cycle, respond.state), (1, ClockState::Running));
        let update = clock(&desk, &ticket, Metric::Update);
        assert_eq!((update.cycle, update.anchor_at), (2, desk.now()));
        act::update(&desk.as_person(&ada), ticket.key, "A cable.", None).unwrap();
        assert_eq!(
            clock(&desk, &ticket, Metric::Respond).state,
            ClockState::Met
        );
        caches_are_true(&desk, &ticket);
    }
);
