//! However a late promise ends, reports and credits count it as missed: only a ticket that was itself cancelled, and a breach that
//! was taken back, leave them.

use chrono_tz::Tz;
use serde_json::json;
use watchkeeper::actions::agreement::change_agreement;
use watchkeeper::actions::sla_report::{Asked, prepare};
use watchkeeper::actions::ticket_edit::{self, Edit};
use watchkeeper::actions::ticket_times::{Times, correct};
use watchkeeper::actions::{ticket as act, ticket_hold, ticket_merge, ticket_talk};
use watchkeeper::domain::hold::NewHold;
use watchkeeper::domain::id::{CustomerId, Kind};
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::sla_agreement::Metric;
use watchkeeper::domain::sla_clock::{CancelReason, ClockState};
use watchkeeper::domain::sla_report::{Count, Period, SlaReport, Verdict};
use watchkeeper::domain::sla_version::Effect;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, State, Ticket, WaitingOn};
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::domain::timestamp::Timestamp;
use watchkeeper::store::people::Holder;

use crate::accounts::founded;
use crate::both_databases;
use crate::desk::{Desk, START, Staff};
use crate::mail;
use crate::program::Program;
use crate::sla::{
    HOUR, MINUTE, caches_are_true, clock, clocks, customer, entries, house, open, promise,
};
use crate::sla_changes::agreed;
use crate::visitor::Visitor;
use crate::web::Browser;

/// Contoso, whose incidents are answered within the hour if they are high, within four if they are average.
fn contoso(desk: &Desk) -> (Staff, CustomerId) {
    desk.let_letters_go();
    let ada = house(desk);
    let contoso = customer(desk, "Contoso");
    let promises = [
        (Metric::Respond, Some(Severity::High), HOUR),
        (Metric::Respond, Some(Severity::Average), 4 * HOUR),
    ];
    promise(desk, &ada, contoso, &promises);
    (ada, contoso)
}

/// The report of the days around the story.
pub fn report(desk: &Desk, ada: &Staff, customer: CustomerId) -> SlaReport {
    // What ended at this very instant is still to come.
    desk.advance(1);
    let day = |at: Timestamp| at.in_zone(Tz::UTC).date_naive();
    let (from, to) = (day(START.plus_secs(-48 * HOUR)), day(desk.now()));
    let asked = Asked {
        customer: Some(customer),
        agreement: None,
        period: Period::new(from, to, Tz::UTC).unwrap(),
    };
    prepare(&desk.as_person(ada), &asked).unwrap()
}

pub fn count(report: &SlaReport, metric: Metric) -> Count {
    let sections = report.sections.iter();
    let counts = sections.filter_map(|section| section.counts().remove(&metric));
    counts.fold(Count::default(), |a, b| Count {
        met: a.met + b.met,
        missed: a.missed + b.missed,
        cancelled: a.cancelled + b.cancelled,
        cancelled_late: a.cancelled_late + b.cancelled_late,
        not_needed: a.not_needed + b.not_needed,
        moved: a.moved + b.moved,
        open: a.open + b.open,
        open_late: a.open_late + b.open_late,
    })
}

fn missed_one() -> Count {
    Count {
        missed: 1,
        ..Count::default()
    }
}

/// The late time of what was missed, in minutes.
fn late_minutes(report: &SlaReport) -> i64 {
    let late = report.sections.iter().flat_map(|section| section.late());
    late.map(|(_, micros)| micros).sum::<i64>() / 60_000_000
}

/// An incident that nobody answered for an hour and a half.
fn unanswered(desk: &Desk, ada: &Staff, contoso: CustomerId) -> Ticket {
    let ticket = open(desk, ada, Severity::High, Some(contoso));
    desk.advance(90 * MINUTE);
    ticket
}

both_databases!(
    late_and_then_no_reply_was_needed_is_missed_and_in_time_it_stands_apart,
    |desk| {
        let (ada, contoso) = contoso(&desk);
        let late = unanswered(&desk, &ada, contoso);
        let in_time = open(&desk, &ada, Severity::High, Some(contoso));
        for ticket in [&late, &in_time] {
            ticket_talk::no_reply_needed(
                &desk.as_person(&ada),
                ticket.key,
                None,
                None,
                "they rang",
            )
            .unwrap();
        }
        let report = report(&desk, &ada, contoso);
        let expected = Count {
            not_needed: 1,
            ..missed_one()
        };
        assert_eq!(count(&report, Metric::Respond), expected);
        assert_eq!(late_minutes(&report), 30);
        let missed = report.sections[0].outcomes.iter();
        let missed = missed.clone().find(|it| it.verdict == Verdict::Missed);
        let missed = missed.unwrap();
        assert_eq!(
            (missed.ticket, missed.cancelled),
            (late.key, Some(CancelReason::NotNeeded)),
            "the reason stays beside it"
        );
    }
);

both_databases!(
    a_call_back_that_was_late_when_the_ticket_was_closed_is_missed,
    |desk| {
        let (ada, contoso) = contoso(&desk);
        let ticket = open(&desk, &ada, Severity::High, Some(contoso));
        let by = || desk.as_person(&ada);
        let until = desk.now().plus_secs(HOUR);
        act::promise_callback(&by(), ticket.key, None, None, "+49 30 1234", until).unwrap();
        desk.advance(2 * HOUR);
        act::resolve(&by(), ticket.key, None, "a new card").unwrap();
        act::step(&by(), ticket.key, None, State::Closed, "").unwrap();
        let row = clock(&desk, &ticket, Metric::CallBack);
        assert_eq!(row.cancelled, Some(CancelReason::Closed));
        let report = report(&desk, &ada, contoso);
        assert_eq!(count(&report, Metric::CallBack), missed_one());
    }
);

both_databases!(
    a_call_back_or_a_due_date_that_was_late_and_then_moved_is_missed,
    |desk| {
        let (ada, contoso) = contoso(&desk);
        let by = || desk.as_person(&ada);
        let ticket = open(&desk, &ada, Severity::High, Some(contoso));
        let promised = |in_secs: i64| {
            let until = desk.now().plus_secs(in_secs);
            act::promise_callback(&by(), ticket.key, None, None, "+49 30 1234", until).unwrap();
        };
        let first = desk.now().plus_secs(HOUR);
        promised(HOUR);
        let opening = Opening {
            customer: Some(contoso),
            due_at: Some(first),
            ..Opening::default()
        };
        let title = Title::parse("Renew the certificate").unwrap();
        let task = act::open(&by(), Kind::Task, title, &opening).unwrap();
        desk.advance(90 * MINUTE);
        promised(2 * HOUR);
        let edit = Edit {
            due_at: Some(Some(desk.now().plus_secs(2 * HOUR))),
            ..Edit::default()
        };
        ticket_edit::edit(&by(), task.key, None, &edit).unwrap();
        for (of, metric) in [(&ticket, Metric::CallBack), (&task, Metric::Due)] {
            let rows = clocks(&desk, of);
            let rows: Vec<_> = rows.iter().filter(|row| row.metric == metric).collect();
            let [missed, moved] = rows[..] else {
                panic!("two revisions of one cycle: {rows:?}")
            };
            assert_eq!((missed.cycle, missed.revision), (moved.cycle, 0));
            assert_eq!(
                (missed.state, missed.breached_at),
                (ClockState::Superseded, Some(first))
            );
            assert_eq!(
                (moved.state, moved.deadline_at),
                (ClockState::Running, Some(desk.now().plus_secs(2 * HOUR)))
            );
            assert!(entries(&desk, of, EntryKind::ClockWithdrawn).is_empty());
            let breached = entries(&desk, of, EntryKind::ClockBreached).into_iter();
            let own = breached.filter(|it| it.facts.get("metric") == Some(metric.as_str()));
            assert_eq!(own.count(), 1);
            caches_are_true(&desk, of);
        }
        desk.advance(HOUR);
        act::spoke_with_customer(&by(), ticket.key, None, "We are on it").unwrap();
        act::step(&by(), task.key, None, State::InProgress, "").unwrap();
        act::resolve(&by(), task.key, None, "renewed").unwrap();
        let report = report(&desk, &ada, contoso);
        assert_eq!(count(&report, Metric::CallBack), missed_one());
        assert_eq!(count(&report, Metric::Due), missed_one());
        // Half an hour each, and not what passed until the second promise was kept.
        let by_hand = report.sections.iter().find(|it| it.agreement.is_none());
        let late: i64 = by_hand.unwrap().late().values().sum();
        assert_eq!(late, 60 * 60_000_000);
    }
);

both_databases!(
    a_wait_after_a_breach_stops_the_lateness_on_the_page_in_the_proof_and_in_the_report,
    |desk| {
        desk.let_letters_go();
        let ada = house(&desk);
        let contoso = customer(&desk, "Contoso");
        promise(&desk, &ada, contoso, &[(Metric::Resolve, None, HOUR)]);
        let ticket = open(&desk, &ada, Severity::High, Some(contoso));
        let by = || desk.as_person(&ada);
        desk.advance(72 * MINUTE);
        let wait = NewHold::new(WaitingOn::Vendor, "a part");
        ticket_hold::hold(&by(), ticket.key, None, &wait).unwrap();
        desk.advance(2 * HOUR);
        let row = clock(&desk, &ticket, Metric::Resolve);
        assert_eq!(
            (row.state, row.breached_at),
            (ClockState::Held, Some(START.plus_secs(HOUR)))
        );
        let browser = Browser::of(&desk, &ada);
        let place = format!("/{}", ticket.key);
        let proof = format!("{place}/clocks/{}", row.id);
        let says = |over: &str| {
            for page in [&place, &proof] {
                let page = browser.get(page).text();
                let clocks = page.split("class=\"clock ").skip(1);
                let mut said = clocks.filter_map(|it| it.split(['>', '<']).nth(1));
                assert!(said.any(|text| text == over), "{over}: {page}");
            }
        };
        says("12 min over");
        browser.get(&proof).says("12 min of working time too late");
        ticket_hold::release(&by(), ticket.key, None, None).unwrap();
        desk.advance(8 * MINUTE);
        says("20 min over");
        let row = browser.get("/queue?q=is:overdue").text();
        let row = row.split("class=\"clock ").nth(1).unwrap();
        assert_eq!(row.split(['>', '<']).nth(1), Some("20 min over"), "{row}");
        act::resolve(&by(), ticket.key, None, "a new card").unwrap();
        desk.advance(HOUR);
        says("20 min over");
        let report = report(&desk, &ada, contoso);
        assert_eq!(count(&report, Metric::Resolve), missed_one());
        assert_eq!(late_minutes(&report), 20);
    }
);

both_databases!(
    what_was_opened_again_was_down_twice_and_worked_in_between,
    |desk| {
        desk.let_letters_go();
        let ada = house(&desk);
        let carol = mail::customer(&desk, "Contoso", "Carol", "carol@contoso.example");
        let contact = desk
            .app
            .store
            .read(|conn| watchkeeper::store::people::contact(conn, carol));
        let contoso = contact.unwrap().unwrap().customer_id;
        promise(&desk, &ada, contoso, &[(Metric::Resolve, None, HOUR)]);
        let head = "Subject: Uplink down\r\nMessage-ID: <c1@contoso.example>";
        mail::mail(&desk, "carol@contoso.example", head, "Since noon.");
        let key = mail::key("INC-1");
        let by = || desk.as_person(&ada);
        act::change_severity(&by(), key, None, Severity::Disaster, "all calls").unwrap();
        act::take(&by(), key, None).unwrap();
        desk.advance(HOUR);
        act::step(&by(), key, None, State::Restored, "").unwrap();
        // It held for ten minutes.
        desk.advance(10 * MINUTE);
        act::step(&by(), key, None, State::InProgress, "").unwrap();
        desk.advance(20 * MINUTE);
        act::resolve(&by(), key, None, "a new card").unwrap();
        // Two days on she says thank you, which opens it again.
        desk.advance(48 * HOUR);
        let thanks = "Subject: Re: [INC-1] Uplink down\r\nMessage-ID: <c2@contoso.example>";
        mail::mail(&desk, "carol@contoso.example", thanks, "Thank you!");
        let down = |desk: &Desk| {
            let report = report(desk, &ada, contoso);
            let own = report.sections.iter().find(|it| it.agreement.is_some());
            let served = own.unwrap().availability.clone().unwrap();
            let [one] = served.as_slice() else {
                panic!("{served:?}")
            };
            assert_eq!(one.incidents, [key]);
            one.uptime.down / 1_000_000
        };
        let again = act::read(&by(), key).unwrap();
        assert_eq!(again.state, State::InProgress, "it is open again");
        // An hour, twenty minutes, and the moment since her letter.
        assert_eq!(down(&desk), 80 * MINUTE + 1);
        desk.advance(4 * MINUTE);
        act::resolve(&by(), key, None, "it was done").unwrap();
        desk.advance(HOUR);
        assert_eq!(down(&desk), 84 * MINUTE + 1);
        // Of the day before her letter nothing is missing.
        let day = START.plus_secs(24 * HOUR).in_zone(Tz::UTC).date_naive();
        let asked = Asked {
            customer: Some(contoso),
            agreement: None,
            period: Period::new(day, day, Tz::UTC).unwrap(),
        };
        let quiet = prepare(&by(), &asked).unwrap();
        let served = quiet.sections[0].availability.as_deref();
        assert_eq!(served, Some(&[][..]), "{served:?}");
    }
);

both_databases!(
    late_and_then_made_a_severity_without_a_target_is_missed,
    |desk| {
        let (ada, contoso) = contoso(&desk);
        let ticket = unanswered(&desk, &ada, contoso);
        let to = Severity::Information;
        act::change_severity(&desk.as_person(&ada), ticket.key, None, to, "a lamp").unwrap();
        let row = clock(&desk, &ticket, Metric::Respond);
        assert_eq!(row.cancelled, Some(CancelReason::NoTarget));
        let report = report(&desk, &ada, contoso);
        assert_eq!(count(&report, Metric::Respond), missed_one());
        assert_eq!(late_minutes(&report), 30);
    }
);

both_databases!(
    late_under_an_agreement_that_then_ended_is_missed_under_it,
    |desk| {
        let (ada, contoso) = contoso(&desk);
        let ticket = unanswered(&desk, &ada, contoso);
        let (id, version, mut details) = agreed(&desk, contoso);
        details.is_active = false;
        let by = desk.as_person(&ada);
        change_agreement(&by, id, version, &details, &Effect::FromNow).unwrap();
        desk.advance(MINUTE);
        let row = clock(&desk, &ticket, Metric::Respond);
        assert_eq!(row.cancelled, Some(CancelReason::NoTarget));
        let report = report(&desk, &ada, contoso);
        let gold = report
            .sections
            .iter()
            .find(|section| section.agreement == Some(id))
            .expect("its own section");
        assert_eq!(gold.counts()[&Metric::Respond], missed_one());
    }
);

both_databases!(
    t40_merged_late_into_what_is_in_time_is_missed_and_into_what_is_late_counts_once,
    |desk| {
        let (ada, contoso) = contoso(&desk);
        let by = || desk.as_person(&ada);
        let late = unanswered(&desk, &ada, contoso);
        let weaker = open(&desk, &ada, Severity::Average, Some(contoso));
        ticket_merge::merge(&by(), late.key, None, weaker.key, "the same cable").unwrap();
        desk.advance(1);
        act::spoke_with_customer(&by(), weaker.key, None, "We are on it").unwrap();
        let one = report(&desk, &ada, contoso);
        let expected = Count {
            met: 1,
            ..missed_one()
        };
        assert_eq!(count(&one, Metric::Respond), expected);
        assert_eq!(late_minutes(&one), 30);
        // Both high and both late: one lateness of one promise, and it stands where the work went on.
        let first = unanswered(&desk, &ada, contoso);
        let second = open(&desk, &ada, Severity::High, Some(contoso));
        ticket_merge::merge(&by(), first.key, None, second.key, "the same cable").unwrap();
        desk.advance(1);
        act::spoke_with_customer(&by(), second.key, None, "We are on it").unwrap();
        let two = report(&desk, &ada, contoso);
        let expected = Count {
            met: 1,
            missed: 2,
            moved: 1,
            ..Count::default()
        };
        assert_eq!(count(&two, Metric::Respond), expected);
    }
);

both_databases!(
    a_ticket_that_was_itself_cancelled_and_a_breach_that_was_taken_back_leave_the_numbers,
    |desk| {
        let (ada, contoso) = contoso(&desk);
        let by = || desk.as_person(&ada);
        let spam = unanswered(&desk, &ada, contoso);
        act::step(&by(), spam.key, None, State::Cancelled, "spam").unwrap();
        let ticket = open(&desk, &ada, Severity::High, Some(contoso));
        let reported = |secs: i64| Times {
            reported: vec![(contoso, Some(desk.now().plus_secs(-secs)))],
            why: "their mail says so".to_owned(),
            evidence: "https://mail.example.org/7".to_owned(),
            ..Times::default()
        };
        correct(&by(), ticket.key, None, &reported(2 * HOUR)).unwrap();
        assert!(clock(&desk, &ticket, Metric::Respond).breached_at.is_some());
        correct(&by(), ticket.key, None, &reported(0)).unwrap();
        act::spoke_with_customer(&by(), ticket.key, None, "We are on it").unwrap();
        let report = report(&desk, &ada, contoso);
        let expected = Count {
            met: 1,
            cancelled: 1,
            cancelled_late: 1,
            ..Count::default()
        };
        assert_eq!(count(&report, Metric::Respond), expected);
        assert_eq!(late_minutes(&report), 0);
    }
);

both_databases!(
    what_needed_no_reply_stands_apart_on_the_page_in_the_files_and_for_programs_and_a_late_one_is_credited,
    |desk| {
        founded(&desk);
        let p = Program::new(desk);
        p.desk.let_letters_go();
        let (desk, ada) = (&p.desk, &p.ada);
        let customer = crate::proof::contoso(desk, ada, &[(Metric::Respond, HOUR)]);
        // Monday 10:00 in New York.
        let monday = Timestamp::parse_rfc3339("2026-06-29T14:00:00Z").unwrap();
        desk.app.time.set(monday);
        let late = crate::proof::opened(desk, ada, customer, "Uplink down");
        desk.app.time.set(monday.plus_secs(2 * HOUR));
        let in_time = crate::proof::opened(desk, ada, customer, "Thank you all");
        for ticket in [&late, &in_time] {
            ticket_talk::no_reply_needed(&desk.as_person(ada), ticket.key, None, None, "they rang").unwrap();
        }
        desk.app.time.set(monday.plus_secs(72 * HOUR));
        desk.settle();
        let agreements = p.get("/api/v1/agreements");
        let all = agreements.body["items"].as_array().unwrap().clone();
        let gold = all.iter().find(|it| it["name"] == "Gold").unwrap();
        let clause = json!({
            "cap": "12", "outage_severity": "disaster", "calendar_id": null, "excludes_maintenance": true,
            "rules": [{"basis": "respond", "below": "95", "credit": "5"}],
        });
        let place = format!("/api/v1/agreements/{}/credits", gold["id"].as_str().unwrap());
        p.done("PUT", &place, clause);
        let query = format!("customer_id={customer}&from=2026-06-01&to=2026-06-30");
        let said = p.get(&format!("/api/v1/sla-report?{query}"));
        let section = &said.body["sections"][0];
        let respond = &section["promises"][0];
        assert_eq!(
            [
                &respond["met"],
                &respond["missed"],
                &respond["not_needed"],
                &respond["cancelled"]
            ],
            [0, 1, 1, 0]
        );
        assert_eq!(section["late"][0]["micros"], 3_600_000_000_i64);
        assert_eq!(section["credit"]["percent"], "5", "0 of 1 is below 95 %");
        let cycles = |outcome: &str| {
            let place = format!("/api/v1/sla-report/clocks?{query}&outcome={outcome}");
            let items = p.get(&place).body["items"].as_array().unwrap().clone();
            let row = |it: &serde_json::Value| (it["ticket"].clone(), it["cancelled"].clone());
            items.iter().map(row).collect::<Vec<_>>()
        };
        assert_eq!(cycles("missed"), [(json!("INC-1"), json!("not_needed"))]);
        assert_eq!(cycles("not_needed"), [(json!("INC-2"), json!("not_needed"))]);
        let file = p.get(&format!("/api/v1/sla-report/files/csv?{query}"));
        let csv = decoded(&file.text("/content"));
        assert!(csv.contains(",missed,not_needed,3600,"), "{csv}");
        assert!(csv.contains(",not_needed,not_needed,,"), "{csv}");

        let browser = Visitor::logged_in(&p.server, &desk.app, Holder::Person(ada.id));
        let page = browser.get(&format!(
            "/reports/sla?customer={customer}&from=2026-06-01&to=2026-06-30"
        ));
        let at = page.text.find("No reply needed").expect("a column of its own");
        assert!(at < page.text.find("Cancelled").unwrap(), "{}", page.text);
        let list = browser.get(&format!(
            "/reports/sla/list?customer={customer}&from=2026-06-01&to=2026-06-30&outcome=missed"
        ));
        let sentence = "missed, 1 h late: Operations 1 h; no reply was needed";
        assert!(list.text.contains(sentence), "{}", list.text);
        let html = p.get(&format!("/api/v1/sla-report/files/html?{query}"));
        let html = decoded(&html.text("/content"));
        assert!(html.contains("No reply needed") && html.contains(sentence), "{html}");
    }
);

fn decoded(content: &str) -> String {
    use base64::Engine;
    let bytes = base64::engine::general_purpose::STANDARD.decode(content);
    String::from_utf8(bytes.unwrap()).unwrap()
}
