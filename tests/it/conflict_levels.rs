//! What is in the way of a change: said, asked to have been seen by an approval, or keeping it from beginning.

use serde_json::json;
use watchkeeper::actions::{agenda, change, settings, ticket, ticket_parts};
use watchkeeper::domain::access::Roles;
use watchkeeper::domain::change::Plan;
use watchkeeper::domain::conflict::BAKE_SECS;
use watchkeeper::domain::id::{Kind, TicketKey};
use watchkeeper::domain::settings::SettingKey;
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, Outcome, Relation, State, Ticket};
use watchkeeper::error::Result;
use watchkeeper::store;
use watchkeeper::store::people::Holder;

use crate::approvals::{House, argument, rule};
use crate::both_databases;
use crate::deploy::{tell, typed};
use crate::program::Program;
use crate::served::Served;
use crate::sla::HOUR;
use crate::visitor::Visitor;

fn levels(house: &House, text: &str) {
    let change = (SettingKey::ConflictLevels, text.to_owned());
    settings::change(&house.admin(), &[change]).unwrap();
}

fn broken(house: &House) -> TicketKey {
    let opening = Opening {
        services: vec![house.web],
        severity: Some(Severity::Average),
        ..Opening::default()
    };
    let title = Title::parse("Checkout is slow").unwrap();
    let opened = ticket::open(&house.admin(), Kind::Incident, title, &opening);
    opened.unwrap().key
}

/// What keeps it from beginning, by what it is called.
#[track_caller]
fn in_the_way(outcome: Result<Ticket>) -> (&'static str, String) {
    (rule(outcome_of(&outcome)), argument(outcome, "with"))
}

fn outcome_of(outcome: &Result<Ticket>) -> Result<()> {
    match outcome {
        Err(watchkeeper::error::Error::Refused(refusal)) => Err(refusal.clone().into()),
        other => panic!("{other:?}"),
    }
}

both_databases!(
    what_has_ended_bakes_from_then_on_and_not_from_the_end_that_was_planned,
    |desk| {
        let house = House::new(desk);
        let minutes = |at: i64| house.desk.now().plus_secs(at * 60);
        let plan = |key, from: i64, to: i64| {
            let plan = Plan {
                starts_at: Some(minutes(from)),
                ends_at: Some(minutes(to)),
                revert: "helm rollback web".to_owned(),
                ..Plan::default()
            };
            change::edit(&house.by(&house.ann), key, None, plan).unwrap();
        };
        let in_way = |key| {
            let ctx = house.by(&house.ben);
            let ticket = house.ticket(key);
            let found = ctx.read(|conn| agenda::conflicts(&ctx, conn, &ticket));
            let found = found.unwrap().into_iter();
            found.map(|it| it.with.unwrap()).collect::<Vec<_>>()
        };
        // From 10 to 60 minutes; the next from 80 on.
        let (first, next) = (house.opened(), house.opened());
        plan(first, 10, 60);
        plan(next, 80, 120);
        change::ask_approval(&house.by(&house.ann), first, None).unwrap();
        house.approve(&house.ben, first).unwrap();
        house.desk.advance(10 * 60);
        house.start(first).unwrap();
        assert_eq!(in_way(next), [first], "planned to bake until 90");
        // Done after 40 of them, it has baked after 70.
        house.desk.advance(30 * 60);
        change::watch(&house.by(&house.ann), first, None, None).unwrap();
        assert!(in_way(next).is_empty());
        // Worked on again, and closed after 55: it bakes until 85.
        house.start(first).unwrap();
        assert_eq!(in_way(next), [first]);
        house.desk.advance(15 * 60);
        let closed = Outcome::Successful;
        change::close(&house.by(&house.ann), first, None, closed, "").unwrap();
        assert_eq!(in_way(next), [first], "a closed one bakes too");
        let served = Served::new(&house.desk.app);
        let page = Visitor::logged_in(&served, &house.desk.app, Holder::Person(house.ben.id))
            .get(&format!("/{next}"));
        assert!(page.text.contains(&first.to_string()), "{}", page.text);
    }
);

both_databases!(
    what_blocks_keeps_a_change_from_beginning_at_every_door_until_the_glass_is_broken,
    |desk| {
        let house = House::new(desk);
        // Said alone, as long as nobody wants more.
        let first = house.approved();
        house.start(first).unwrap();
        let second = house.approved();
        levels(&house, "same_service:block");
        let busy = ("conflict-blocks", first.to_string());
        assert_eq!(in_the_way(house.start(second)), busy);
        assert_eq!(
            argument(house.start(second), "what"),
            "another change of the same service"
        );
        let mut told = typed("2.0", "started");
        told.change = second.to_string();
        assert_eq!(rule(tell(&house.desk, told.clone())), "conflict-blocks");
        // What is live is in nobody's way once it has baked, unless more was planned.
        change::watch(&house.by(&house.ann), first, None, None).unwrap();
        house.desk.advance(BAKE_SECS - 1);
        assert_eq!(in_the_way(house.start(second)), busy);
        house.desk.advance(1);
        house.start(second).unwrap();

        let third = house.approved();
        assert_eq!(rule(house.start(third)), "conflict-blocks");
        change::break_glass(&house.admin(), third, None, "the site is down").unwrap();
        assert_eq!(house.ticket(third).state, State::InProgress);
        let fourth = house.approved();
        told.change = fourth.to_string();
        told.break_glass = "the site is down".to_owned();
        tell(&house.desk, told).unwrap();
        assert_eq!(house.ticket(fourth).state, State::InProgress);

        // Where no customers are it is nobody's business.
        let fifth = house.opened();
        let plan = Plan {
            environment: Some("lab".to_owned()),
            ..Plan::default()
        };
        change::edit(&house.by(&house.ann), fifth, None, plan).unwrap();
        change::ask_approval(&house.by(&house.ann), fifth, None).unwrap();
        house.approve(&house.ben, fifth).unwrap();
        house.start(fifth).unwrap();
        // What has begun goes on.
        change::watch(&house.by(&house.ann), second, None, None).unwrap();
        change::start(&house.by(&house.ann), second, None).unwrap();
    }
);

both_databases!(
    what_asks_for_an_approval_wants_one_that_has_seen_it,
    |desk| {
        let house = House::new(desk);
        levels(&house, "open_incident:approve");
        let key = house.approved();
        let incident = broken(&house);
        let unseen = ("conflict-unseen", incident.to_string());
        assert_eq!(in_the_way(house.start(key)), unseen);
        // Asked again, somebody approves it who knows of the incident.
        change::back_to_draft(&house.by(&house.ann), key, None).unwrap();
        change::ask_approval(&house.by(&house.ann), key, None).unwrap();
        house.approve(&house.ben, key).unwrap();
        house.start(key).unwrap();
        // Another one is another one.
        let key = house.approved();
        let next = broken(&house);
        assert_eq!(
            in_the_way(house.start(key)),
            ("conflict-unseen", next.to_string())
        );
        // One that it is for is in nobody's way; one that came of it is.
        let link = |from, relation, to| {
            ticket_parts::link(&house.admin(), from, relation, to).unwrap();
        };
        link(next, Relation::CausedBy, key);
        assert_eq!(rule(house.start(key)), "conflict-unseen");
        let remedy = house.approved();
        let third = broken(&house);
        link(remedy, Relation::RelatedTo, third);
        house.start(remedy).unwrap();
        assert_eq!(rule(house.start(key)), "conflict-unseen");
    }
);

both_databases!(
    levels_are_set_on_the_settings_page_and_shown_where_the_conflict_is,
    |desk| {
        let house = House::new(desk);
        let served = Served::new(&house.desk.app);
        let enter = |id| Visitor::logged_in(&served, &house.desk.app, Holder::Person(id));
        let root = enter(house.desk.person("Root", Roles::all()).id);
        let page = root.get("/settings").text;
        for part in [
            "What is in the way of changes",
            "name=\"conflict_same_service\"",
            "name=\"conflict_unreviewed_emergency\"",
            "Each window says it itself",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(!page.contains("name=\"conflict_in_freeze\""));
        let base = [
            ("house_name", "Harbour"),
            ("house_zone", "UTC"),
            ("close_after_days", "7"),
            ("glass_review_hours", "24"),
            ("night_from", "22:00"),
            ("night_to", "06:00"),
            ("environments", "prod"),
        ];
        let post = |more: &[(&str, &str)]| root.post("/settings", &[&base, more].concat());
        let set = || {
            let set = house.desk.app.store.read(store::settings::all).unwrap();
            set.text(SettingKey::ConflictLevels)
        };
        let chosen = [
            ("conflicts", "shown"),
            ("conflict_same_service", "block"),
            ("conflict_same_assignee", "approve"),
        ];
        assert_eq!(post(&chosen).status, 303);
        assert_eq!(set(), "same_service:block same_assignee:approve");
        // A form without them says nothing of them.
        assert_eq!(post(&[]).status, 303);
        assert_eq!(set(), "same_service:block same_assignee:approve");
        let wrong = post(&[("conflicts", "shown"), ("conflict_same_service", "stop")]);
        assert_eq!(wrong.status, 422);
        assert!(wrong.text.contains("is no such level"), "{}", wrong.text);

        let planned = |title: &str| {
            let opening = Opening {
                services: vec![house.web],
                ..Opening::default()
            };
            let plan = Plan {
                starts_at: Some(house.desk.now().plus_secs(HOUR)),
                ends_at: Some(house.desk.now().plus_secs(2 * HOUR)),
                ..Plan::default()
            };
            let title = Title::parse(title).unwrap();
            let opened = change::open(&house.by(&house.ann), title, &opening, plan);
            opened.unwrap().key
        };
        let (one, two) = (planned("Raise pool size"), planned("New certificate"));
        let said = format!("another change of the same service: {two} (it doesn&#39;t begin)");
        for place in [format!("/{one}"), "/calendar".to_owned()] {
            let page = root.get(&place).text;
            assert!(page.contains(&said), "{said}: {page}");
        }
    }
);

both_databases!(levels_are_kept_and_told_by_the_api, |desk| {
    desk.let_letters_go();
    let p = Program::new(desk);
    let place = "/api/v1/settings";
    let levels = p.get(place).body["conflict_levels"].clone();
    assert_eq!(levels["same_service"], "warn");
    assert_eq!(levels.as_object().unwrap().len(), 8);
    let kept = p.done(
        "PATCH",
        place,
        json!({"conflict_levels": {"same_assignee": "block"}}),
    );
    assert_eq!(kept.body["conflict_levels"]["same_assignee"], "block");
    for wrong in [
        json!({"in_freeze": "block"}),
        json!({"same_service": "stop"}),
    ] {
        let body = json!({"conflict_levels": wrong}).to_string();
        let refused = p.call("PATCH", place, &[], Some(&body));
        assert_eq!(
            refused.faults(),
            [(
                "conflict_levels".to_owned(),
                "not-a-conflict-level".to_owned()
            )]
        );
    }
    let opened = |title: &str| {
        let key =
            p.opened(json!({"title": title, "kind": "change", "owner_id": p.ada.id.to_string()}));
        let plan = json!({"starts_at": "2026-06-02T09:00:00Z", "ends_at": "2026-06-02T10:00:00Z"});
        p.done("PATCH", &format!("/api/v1/changes/{key}"), plan);
        key
    };
    let (one, two) = (opened("Raise pool size"), opened("New certificate"));
    let told = p.get("/api/v1/calendar?from=2026-06-01T00:00:00Z").body;
    let changes = told["changes"].as_array().unwrap();
    let found = changes.iter().find(|it| it["key"] == json!(one)).unwrap();
    assert_eq!(
        found["conflicts"],
        json!([{"code": "same_assignee", "level": "block", "with": two, "window": null}])
    );
});
