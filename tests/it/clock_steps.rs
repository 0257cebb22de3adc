//! The steps of a clock's escalation: a warning with a rule of its own, the breach, and what follows while it stays late; and at
//! which hour each reader hears of it.

use chrono_tz::Tz;
use serde_json::json;
use watchkeeper::actions::oncall::Plan;
use watchkeeper::actions::{oncall, settings, sla, ticket as act, ticket_hold, ticket_parts};
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::delivery::DeliveryState;
use watchkeeper::domain::hold::NewHold;
use watchkeeper::domain::id::{Kind, PersonId, TeamId};
use watchkeeper::domain::rotation::TurnUnit;
use watchkeeper::domain::settings::SettingKey;
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::sla_agreement::{Metric, Threshold};
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, State, Ticket, WaitingOn};
use watchkeeper::domain::timeline::{Door, EntryKind};
use watchkeeper::error::Error;
use watchkeeper::store;
use watchkeeper::store::people::Holder;
use watchkeeper::store::ticket::Watcher;

use crate::both_databases;
use crate::clock_notices::Watch;
use crate::desk::{Desk, Staff};
use crate::oncall::team;
use crate::program::Program;
use crate::served::Served;
use crate::sla::clock;
use crate::visitor::Visitor;

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;

fn names(desk: &Desk) -> Vec<String> {
    let letters = desk.letters().into_iter();
    let mut names: Vec<String> = letters
        .map(|mail| {
            mail.to
                .as_str()
                .split('@')
                .next()
                .unwrap_or_default()
                .to_owned()
        })
        .collect();
    names.sort();
    names
}

fn open_for(watch: &Watch, team: TeamId, severity: Severity, owner: Option<PersonId>) -> Ticket {
    let opening = Opening {
        severity: Some(severity),
        team: Some(team),
        owner,
        ..Opening::default()
    };
    let title = Title::parse("Disk is full").expect("a title");
    let ctx = watch.desk.as_person(&watch.ada);
    act::open(&ctx, Kind::Incident, title, &opening).expect("opened")
}

fn is_as_derived(watch: &Watch, ticket: &Ticket) -> bool {
    let desk = &watch.desk;
    let now = desk.now();
    desk.app
        .store
        .read(|conn| {
            let ticket = store::ticket::by_id(conn, ticket.id)?.expect("it is there");
            sla::is_as_derived(&desk.app, conn, &ticket, now)
        })
        .expect("compared")
}

both_databases!(
    a_clock_that_stays_late_climbs_step_by_step_each_told_once_until_it_ends,
    |desk| {
        let watch = Watch::new(desk);
        let bob = watch.desk.person("Bob", Roles::of(&[Role::Responder]));
        let eve = watch.desk.person("Eve", Roles::of(&[Role::Responder]));
        let ops = team(&watch.desk, "ops", &[&watch.ada, &bob]);
        watch.rule(SettingKey::ClockWarning, "");
        watch.rule(SettingKey::ClockBreach, "average:owner");
        watch.rule(
            SettingKey::ClockAfter,
            "average@30min:lead average@2h:watchers,team",
        );
        watch.promise_resolved_within(HOUR, Threshold::Percent(50));
        let ctx = watch.desk.as_person(&watch.ada);
        let ticket = open_for(&watch, ops, Severity::Average, Some(bob.id));
        ticket_parts::watch(&ctx, ticket.key, Watcher::Person(eve.id)).unwrap();
        watch.desk.letters();
        watch.desk.advance(HOUR + 1);
        assert_eq!(names(&watch.desk), ["bob"], "the owner, at the breach");
        watch.desk.advance(29 * MINUTE + 58);
        assert!(names(&watch.desk).is_empty(), "a second too early");
        assert!(is_as_derived(&watch, &ticket));
        watch.desk.advance(1);
        assert_eq!(names(&watch.desk), ["ada"], "who leads the team");
        assert_eq!(watch.count(&ticket, EntryKind::ClockStillLate), 1);

        watch.desk.advance(89 * MINUTE);
        assert!(names(&watch.desk).is_empty(), "a minute too early");
        watch.desk.advance(MINUTE);
        assert_eq!(names(&watch.desk), ["ada", "bob", "eve"]);
        let said = watch
            .desk
            .app
            .store
            .read(|conn| store::timeline::of_kinds(conn, ticket.id, &[EntryKind::ClockStillLate]))
            .unwrap();
        let late_by: Vec<_> = said.iter().map(|it| it.facts.get("late_by")).collect();
        assert_eq!(late_by, [Some("1800"), Some("7200")]);
        watch.desk.advance(48 * HOUR);
        assert!(names(&watch.desk).is_empty(), "each is told once");
    }
);

both_databases!(
    a_clock_that_ended_climbs_no_further_and_two_nodes_take_a_step_once,
    |desk| {
        let watch = Watch::new(desk);
        watch.rule(SettingKey::ClockWarning, "");
        watch.rule(SettingKey::ClockBreach, "");
        watch.rule(SettingKey::ClockAfter, "average@30min:owner");
        watch.promise_resolved_within(HOUR, Threshold::Percent(50));
        let done = watch.open(Severity::Average, "Disk 0 is full");
        let tickets: Vec<Ticket> = (1..=12)
            .map(|n| watch.open(Severity::Average, &format!("Disk {n} is full")))
            .collect();
        watch.desk.advance(HOUR + 1);
        let ctx = watch.desk.as_person(&watch.ada);
        act::step(&ctx, done.key, None, State::Cancelled, "nothing was wrong").unwrap();
        watch.desk.letters();
        watch
            .desk
            .app
            .time
            .set(watch.desk.now().plus_secs(30 * MINUTE));
        std::thread::scope(|scope| {
            for _ in 0..2 {
                let app = &watch.desk.app;
                scope.spawn(move || {
                    let ctx = app.system("clocks", Door::Clock);
                    while sla::wake_due(&ctx, 5).expect("a look") > 0 {}
                });
            }
        });
        for ticket in &tickets {
            assert_eq!(watch.count(ticket, EntryKind::ClockStillLate), 1);
        }
        assert_eq!(watch.count(&done, EntryKind::ClockStillLate), 0);
        let queued = watch
            .desk
            .app
            .store
            .read(|conn| store::outbox::page(conn, Some(DeliveryState::Queued), None, 100))
            .unwrap();
        assert_eq!(queued.len(), tickets.len());
        watch.desk.let_letters_go();
    }
);

both_databases!(
    a_wait_after_the_breach_moves_no_deadline_and_no_step_is_told_until_it_is_over,
    |desk| {
        let watch = Watch::new(desk);
        let desk = &watch.desk;
        let bob = desk.person("Bob", Roles::of(&[Role::Responder]));
        let ops = team(desk, "ops", &[&watch.ada, &bob]);
        watch.rule(SettingKey::ClockWarning, "");
        watch.rule(SettingKey::ClockBreach, "average:owner");
        watch.rule(SettingKey::ClockAfter, "average@1h:owner");
        watch.promise_resolved_within(HOUR, Threshold::Percent(50));
        let ticket = open_for(&watch, ops, Severity::Average, Some(bob.id));
        let due = ticket.logged_at.plus_secs(HOUR);
        desk.letters();
        desk.advance(HOUR + 1);
        assert_eq!(names(desk), ["bob"], "at the breach");
        desk.advance(10 * MINUTE);
        let wait = NewHold::new(WaitingOn::Vendor, "their splice");
        let ctx = desk.as_person(&watch.ada);
        ticket_hold::hold(&ctx, ticket.key, None, &wait).unwrap();
        desk.advance(3 * HOUR);
        let clock = || clock(desk, &ticket, Metric::Resolve);
        assert_eq!(
            (clock().deadline_at, clock().breached_at),
            (Some(due), Some(due))
        );
        assert_eq!(watch.count(&ticket, EntryKind::ClockBreached), 1);
        assert_eq!(watch.count(&ticket, EntryKind::ClockStillLate), 0);
        desk.letters();
        let ctx = desk.as_person(&watch.ada);
        ticket_hold::release(&ctx, ticket.key, None, None).unwrap();
        // It was late by ten minutes and a second when the wait began, and is so now.
        desk.advance(49 * MINUTE + 58);
        assert_eq!(watch.count(&ticket, EntryKind::ClockStillLate), 0);
        desk.advance(1);
        assert_eq!(watch.count(&ticket, EntryKind::ClockStillLate), 1);
        assert_eq!(watch.count(&ticket, EntryKind::ClockBreached), 1);
        assert_eq!(clock().deadline_at, Some(due));
        desk.letters();
    }
);

both_databases!(
    after_a_silence_over_several_steps_one_letter_to_each_says_that_it_is_late,
    |desk| {
        let watch = Watch::new(desk);
        let bob = watch.desk.person("Bob", Roles::of(&[Role::Responder]));
        let ops = team(&watch.desk, "ops", &[&watch.ada, &bob]);
        watch.rule(SettingKey::ClockWarning, "");
        watch.rule(SettingKey::ClockBreach, "average:lead");
        watch.rule(
            SettingKey::ClockAfter,
            "average@30min:lead average@1h:team average@9h:team",
        );
        watch.promise_resolved_within(HOUR, Threshold::Percent(50));
        let ticket = open_for(&watch, ops, Severity::Average, None);
        watch.desk.letters();
        // Nothing runs for four hours.
        watch.desk.advance(4 * HOUR);
        assert_eq!(names(&watch.desk), ["ada", "bob"]);
        assert_eq!(watch.count(&ticket, EntryKind::ClockBreached), 1);
        let said = watch
            .desk
            .app
            .store
            .read(|conn| store::timeline::of_kinds(conn, ticket.id, &[EntryKind::ClockStillLate]))
            .unwrap();
        assert_eq!(said.len(), 1);
        assert_eq!(said[0].facts.get("late_by"), Some("3600"));
        assert_eq!(said[0].facts.get("late"), Some("true"));
    }
);

both_databases!(
    a_warning_with_a_rule_of_its_own_pages_and_says_what_is_due,
    |desk| {
        let watch = Watch::new(desk);
        watch.promise_resolved_within(2 * HOUR, Threshold::Percent(75));
        watch.rule(
            SettingKey::ClockWarning,
            "disaster:owner,at_once disaster@75%:page",
        );
        let ticket = watch.open(Severity::Disaster, "DB master down");
        watchkeeper::actions::page::acknowledge(&watch.desk.as_person(&watch.ada), ticket.key)
            .unwrap();
        watch.desk.letters();
        watch.desk.advance(90 * MINUTE);
        let sent = watch.desk.letters();
        let page = sent
            .iter()
            .find(|mail| mail.text.contains("Resolve: due in 30 min"))
            .unwrap_or_else(|| panic!("no page says what is due: {sent:?}"));
        assert_eq!(page.subject, format!("{} DB master down", ticket.key));
        assert_eq!(watch.count(&ticket, EntryKind::Paged), 2);
        assert_eq!(sent.len(), 1, "nobody is written to besides: {sent:?}");
    }
);

both_databases!(
    a_step_that_is_added_holds_for_what_is_late_already,
    |desk| {
        let watch = Watch::new(desk);
        watch.rule(SettingKey::ClockBreach, "");
        watch.rule(SettingKey::ClockWarning, "");
        watch.promise_resolved_within(HOUR, Threshold::Percent(50));
        let ticket = watch.open(Severity::Average, "Disk is full");
        watch.desk.advance(2 * HOUR);
        watch.rule(SettingKey::ClockAfter, "average@3h:owner");
        assert!(is_as_derived(&watch, &ticket), "before the job came round");
        watch.desk.settle();
        assert!(is_as_derived(&watch, &ticket), "and after");
        watch.desk.letters();
        watch.desk.advance(2 * HOUR);
        assert_eq!(names(&watch.desk), ["ada"]);
    }
);

fn in_zone(desk: &Desk, name: &str, zone: Tz) -> Staff {
    let who = desk.person(name, Roles::of(&[Role::Responder]));
    let ctx = desk.app.system("test", Door::Cli);
    ctx.write(|tx| {
        let mut person = store::people::person(tx, who.id)?.expect("they are there");
        person.zone = zone;
        store::people::update_person(tx, &mut person)
    })
    .unwrap();
    who
}

both_databases!(
    t46_each_reader_hears_in_their_own_hours_and_whoever_is_on_call_at_once,
    |desk| {
        let watch = Watch::new(desk);
        let desk = &watch.desk;
        let tokyo = in_zone(desk, "Kei", Tz::Asia__Tokyo);
        let york = in_zone(desk, "Joe", Tz::America__New_York);
        let duty = in_zone(desk, "Dot", Tz::Asia__Tokyo);
        let ops = team(desk, "ops", &[&tokyo, &york, &duty]);
        let plan = Plan {
            zone: Tz::UTC,
            anchor: desk.now().in_zone(Tz::UTC).naive_local(),
            unit: TurnUnit::Weeks,
            length: 1,
            people: vec![duty.id],
            keep: None,
        };
        let lead = desk.as_person(&watch.ada);
        oncall::plan_rotation(&lead, ops, &plan, None).unwrap();
        watch.rule(SettingKey::ClockWarning, "warning:team");
        watch.rule(SettingKey::ClockBreach, "");
        watch.promise_resolved_within(24 * HOUR, Threshold::Percent(50));
        // Monday 09:00Z; half of it has passed at 21:00Z: 06:00 in Tokyo, 17:00 in New York.
        open_for(&watch, ops, Severity::Warning, None);
        desk.letters();
        desk.advance(12 * HOUR);
        assert_eq!(names(desk), ["dot"], "on call is at work");
        desk.advance(3 * HOUR - 1);
        assert!(names(desk).is_empty(), "08:59:59 in Tokyo");
        desk.advance(1);
        assert_eq!(names(desk), ["kei"], "09:00 in Tokyo");
        desk.advance(13 * HOUR - 1);
        assert!(names(desk).is_empty(), "08:59:59 in New York");
        desk.advance(1);
        assert_eq!(names(desk), ["joe"], "09:00 in New York");
    }
);

both_databases!(
    steps_are_added_and_taken_away_on_the_settings_page_and_kept_when_wrong,
    |desk| {
        let watch = Watch::new(desk);
        let desk = &watch.desk;
        watch.promise_resolved_within(HOUR, Threshold::Percent(75));
        let served = Served::new(&desk.app);
        let browser = Visitor::logged_in(&served, &desk.app, Holder::Person(watch.ada.id));
        let text = |key| {
            let set = desk.app.store.read(store::settings::all).unwrap();
            set.text(key)
        };
        let base = [
            ("house_name", "Harbour"),
            ("house_zone", "UTC"),
            ("close_after_days", "7"),
            ("glass_review_hours", "24"),
            ("night_from", "22:00"),
            ("night_to", "06:00"),
            ("environments", "prod"),
            ("clocks", "shown"),
            ("clock_warning", "high:owner"),
            ("clock_breach", "high:owner"),
        ];
        let post = |more: &[(&str, &str)]| browser.post("/settings", &[&base, more].concat());
        let said = post(&[
            ("clock_warning_whose", "high"),
            ("clock_warning_when", "75 %"),
            ("clock_warning", "new:page"),
            ("clock_after_whose", "disaster"),
            ("clock_after_when", "30 min"),
            ("clock_after", "new:lead"),
            ("clock_after", "new:watchers"),
        ]);
        assert_eq!(said.status, 303, "{}", said.text);
        assert_eq!(text(SettingKey::ClockAfter), "disaster@30min:lead,watchers");
        assert!(text(SettingKey::ClockWarning).contains("high:owner high@75%:page"));
        let page = browser.get("/settings").text;
        assert!(page.contains("Disaster, late for 30 min"), "{page}");
        assert!(page.contains("High, at 75%"), "{page}");

        // What is wrong is said at its field, and what was typed stays.
        let said = post(&[
            ("clock_warning_whose", "high"),
            ("clock_warning_when", "33%"),
            ("clock_warning", "new:team"),
        ]);
        assert_eq!(said.status, 422);
        assert!(
            said.text.contains("No agreement warns at 33%"),
            "{}",
            said.text
        );
        assert!(said.text.contains("value=\"33%\""), "{}", said.text);
        let said = post(&[
            ("clock_after_whose", "high"),
            ("clock_after_when", "soon"),
            ("clock_after", "new:team"),
        ]);
        assert_eq!(said.status, 422);
        assert!(
            said.text.contains("a step after the deadline"),
            "{}",
            said.text
        );

        let said = post(&[
            ("clock_after_row", "disaster@30min"),
            ("clock_after", "disaster@30min:lead"),
            ("clock_after_drop", "disaster@30min"),
        ]);
        assert_eq!(said.status, 303, "{}", said.text);
        assert_eq!(text(SettingKey::ClockAfter), "");
    }
);

both_databases!(steps_are_kept_by_the_api, |desk| {
    let p = Program::new(desk);
    let place = "/api/v1/settings";
    assert_eq!(p.get(place).body["clock_after"], json!({}));
    let asked = json!({"clock_after": {"disaster@30 min": ["page", "lead"], "high@2h": ["team"]}});
    let kept = p.done("PATCH", place, asked);
    assert_eq!(
        kept.body["clock_after"],
        json!({"disaster@30min": ["lead", "page"], "high@2h": ["team"]})
    );
    for (asked, problem) in [
        (
            json!({"clock_after": {"disaster": ["team"]}}),
            "not-a-clock-rule",
        ),
        (
            json!({"clock_after": {"disaster@0": ["team"]}}),
            "not-a-step",
        ),
        (
            json!({"clock_warning": {"high@90%": ["team"]}}),
            "no-such-threshold",
        ),
    ] {
        let said = p.call("PATCH", place, &[], Some(&asked.to_string()));
        assert_eq!(said.status, 422, "{asked}");
        assert_eq!(said.faults()[0].1, problem, "{asked}");
    }
    assert_eq!(p.get(place).body["clock_after"], kept.body["clock_after"]);
});

both_databases!(
    a_rule_that_outlived_its_warning_hinders_no_other_edit,
    |desk| {
        let watch = Watch::new(desk);
        watch.promise_resolved_within(HOUR, Threshold::Percent(50));
        watch.rule(SettingKey::ClockWarning, "high@50%:team");
        watch.promise_resolved_within(HOUR, Threshold::Percent(40));
        watch.rule(SettingKey::ClockWarning, "high@50%:team average@40%:owner");
        let text = "high@50%:team high@60%:owner";
        let ctx = watch.desk.as_person(&watch.ada);
        let refused = settings::change(&ctx, &[(SettingKey::ClockWarning, text.to_owned())]);
        let Err(Error::Invalid(errors)) = refused else {
            panic!("nothing warns at 60 %: {refused:?}")
        };
        assert_eq!(errors[0].problem, "no-such-threshold");
        watch.rule(SettingKey::ClockWarning, "average@40%:owner");
    }
);
