//! The calendar of changes: what is planned, when changes don't begin, what is in the way of what; and as an address for calendar
//! programs.

use serde_json::json;
use watchkeeper::actions::change as act;
use watchkeeper::actions::{freeze, ticket};
use watchkeeper::domain::change::Plan;
use watchkeeper::domain::freeze::Details;
use watchkeeper::domain::id::{Kind, ServiceId, TicketKey};
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, Relation};
use watchkeeper::store::people::Holder;

use crate::both_databases;
use crate::desk::{Desk, START, Staff};
use crate::program::Program;
use crate::sla::HOUR;
use crate::visitor::Visitor;

const DAY: i64 = 24 * HOUR;

pub fn planned(
    desk: &Desk,
    who: &Staff,
    title: &str,
    from: i64,
    to: i64,
    on: &[ServiceId],
) -> TicketKey {
    let opening = Opening {
        services: on.to_vec(),
        ..Opening::default()
    };
    let plan = Plan {
        starts_at: Some(START.plus_secs(from)),
        ends_at: Some(START.plus_secs(to)),
        ..Plan::default()
    };
    let title = Title::parse(title).unwrap();
    act::open(&desk.as_person(who), title, &opening, plan)
        .unwrap()
        .key
}

/// Every call of this room, for the walk through the interface.
pub fn asked(p: &Program) {
    let told = p.get("/api/v1/calendar");
    assert!(told.body["changes"].is_array() && told.body["windows"].is_array());
    let refused = p.get("/api/v1/calendar?from=2026-01-01T00:00:00Z&until=2026-12-01T00:00:00Z");
    assert_eq!(
        refused.faults(),
        [("until".to_owned(), "period-too-long".to_owned())]
    );
    let made = p.done("POST", "/api/v1/calendar/feed", json!(null));
    assert!(made.text("/url").ends_with(".ics"));
    p.done("DELETE", "/api/v1/calendar/feed", json!(null));
}

both_databases!(
    two_weeks_show_what_is_planned_when_nothing_begins_and_what_is_in_the_way,
    |desk| {
        let p = Program::new(desk);
        let (desk, ada) = (&p.desk, &p.ada);
        desk.let_letters_go();
        let by = || desk.as_person(ada);
        let team = json!({"name": "Platform", "zone": "UTC", "member_ids": [ada.id.to_string()]});
        let team = p.done("POST", "/api/v1/teams", team).text("/id");
        let checkout = json!({"name": "checkout", "team_id": team});
        let checkout = p.done("POST", "/api/v1/services", checkout).text("/id");
        let checkout: ServiceId = watchkeeper::domain::id::Id::parse(&checkout).unwrap();
        // START is a Monday, 09:00 UTC.
        let friday = Details::friday("No changes on Friday", chrono_tz::UTC);
        freeze::add(&by(), &friday).unwrap();
        let first = planned(desk, ada, "Raise pool size", DAY, DAY + HOUR, &[checkout]);
        // Half an hour after the first ends, it still bakes.
        let second = planned(
            desk,
            ada,
            "New certificate",
            DAY + HOUR + 60,
            DAY + 2 * HOUR,
            &[checkout],
        );
        let on_friday = planned(desk, ada, "Swap the switch", 4 * DAY, 4 * DAY + HOUR, &[]);
        let elsewhere = planned(
            desk,
            ada,
            "In a month",
            40 * DAY,
            40 * DAY + HOUR,
            &[checkout],
        );
        let told = p.get("/api/v1/calendar?from=2026-06-01T00:00:00Z").body;
        let changes = told["changes"].as_array().unwrap();
        let keys: Vec<_> = changes
            .iter()
            .map(|it| it["key"].as_str().unwrap())
            .collect();
        assert_eq!(
            keys,
            [&first, &second, &on_friday].map(TicketKey::to_string)
        );
        let in_way = |at: usize| {
            let conflicts = changes[at]["conflicts"].as_array().unwrap().iter();
            let text = |it: &serde_json::Value| {
                let what = it["with"].as_str().or(it["window"].as_str()).unwrap();
                format!("{} {what}", it["code"].as_str().unwrap())
            };
            conflicts.map(text).collect::<Vec<_>>()
        };
        assert_eq!(in_way(0), [format!("same_service {second}")]);
        assert_eq!(in_way(1), [format!("same_service {first}")]);
        assert_eq!(in_way(2), ["in_freeze No changes on Friday"]);
        let windows = told["windows"].as_array().unwrap();
        let from: Vec<_> = windows
            .iter()
            .map(|it| it["from_at"].as_str().unwrap())
            .collect();
        assert_eq!(
            from,
            [
                "2026-05-29T00:00:00Z",
                "2026-06-05T00:00:00Z",
                "2026-06-12T00:00:00Z"
            ]
        );

        let browser = Visitor::logged_in(&p.server, &desk.app, Holder::Person(ada.id));
        let page = browser.get("/calendar");
        assert_eq!(page.status, 200);
        for wanted in [
            "checkout",
            "Raise pool size",
            &format!("another change of the same service: {second}"),
            "in the freeze: No changes on Friday",
            "Freeze: No changes on Friday",
        ] {
            assert!(
                page.text.contains(wanted),
                "{wanted:?} isn't in\n{}",
                page.text
            );
        }
        assert!(!page.text.contains("In a month"));
        assert!(
            browser
                .get("/calendar?from=2026-07-10")
                .text
                .contains(&elsewhere.to_string())
        );
        for nowhere in ["soon", "%2B262142-12-30", "-262143-01-01"] {
            let page = browser.get(&format!("/calendar?from={nowhere}"));
            assert_eq!(page.status, 422, "{nowhere}");
        }
        let room = browser.get(&format!("/{first}")).text;
        assert!(
            room.contains(&format!("another change of the same service: {second}")),
            "{room}"
        );

        // Something of the service breaks: what begins within a day and isn't for it is in the way.
        let opening = Opening {
            severity: Some(Severity::High),
            services: vec![checkout],
            ..Opening::default()
        };
        desk.advance(HOUR);
        let title = Title::parse("Orders are slow").unwrap();
        let broken = ticket::open(&by(), Kind::Incident, title, &opening).unwrap();
        let room = |key: TicketKey| browser.get(&format!("/{key}")).text;
        let words = format!(
            "of the same service, or of one that it calls: {}",
            broken.key
        );
        assert!(room(first).contains(&words));
        assert!(
            !room(elsewhere).contains(&words),
            "in a month it will be over"
        );
        watchkeeper::actions::ticket_parts::link(&by(), first, Relation::RelatedTo, broken.key)
            .unwrap();
        assert!(!room(first).contains(&words), "it is for it");
    }
);

both_databases!(
    a_calendar_program_reads_changes_and_windows_until_the_address_is_stopped,
    |desk| {
        let p = Program::new(desk);
        let (desk, ada) = (&p.desk, &p.ada);
        desk.let_letters_go();
        let friday = Details::friday("No changes on Friday", chrono_tz::UTC);
        freeze::add(&desk.as_person(ada), &friday).unwrap();
        let key = planned(desk, ada, "Raise pool size", DAY, DAY + HOUR, &[]);
        let url = p
            .done("POST", "/api/v1/calendar/feed", json!(null))
            .text("/url");
        let path = &url[url.find("/feed/").unwrap()..];
        let stranger = Visitor::new(&p.server);
        let told = stranger.get(path);
        assert_eq!(told.status, 200);
        for wanted in [
            &format!("SUMMARY:{key} Raise pool size"),
            "SUMMARY:Freeze: No changes on Friday",
            "DTSTART:20260602T090000Z",
            "DTEND:20260602T100000Z",
        ] {
            assert!(
                told.text.contains(wanted),
                "{wanted} isn't in\n{}",
                told.text
            );
        }
        p.done("DELETE", "/api/v1/calendar/feed", json!(null));
        assert_eq!(stranger.get(path).status, 404);
    }
);
