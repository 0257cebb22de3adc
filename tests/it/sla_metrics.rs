//! The promises besides answer and solution, as clocks from their beginning to their end: the post-mortem's meeting, due dates of
//! tasks and action items, and the outage report; and a clock that can never fall due.

use metrics_exporter_prometheus::PrometheusBuilder;
use watchkeeper::actions::agreement::{AgreementDetails, add_agreement, change_agreement};
use watchkeeper::actions::calendar::{CalendarDetails, add_calendar};
use watchkeeper::actions::meeting;
use watchkeeper::actions::postmortem::{self, NewAction};
use watchkeeper::actions::ticket as act;
use watchkeeper::actions::ticket_edit::{self, Edit};
use watchkeeper::actions::ticket_hold;
use watchkeeper::domain::calendar::Range;
use watchkeeper::domain::hold::NewHold;
use watchkeeper::domain::id::Kind;
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::sla_agreement::{
    Anchor, Budget, HoldsFor, Metric, Promisee, Target, USUAL_BACKDATE_DAYS,
};
use watchkeeper::domain::sla_clock::ClockState;
use watchkeeper::domain::sla_policy::Policy;
use watchkeeper::domain::sla_version::Effect;
use watchkeeper::domain::task::ActionType;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, State, Ticket, WaitingOn};
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::domain::timestamp::Timestamp;
use watchkeeper::error::Error;
use watchkeeper::store::sla::ClockRow;

use crate::after::ticket;
use crate::both_databases;
use crate::desk::{Desk, START, Staff};
use crate::sla::{
    HOUR, MINUTE, RESPONDER, caches_are_true, clock, customer, entries, house, now_of, open,
};
use crate::web::Browser;

const DAY: i64 = 24 * HOUR;

/// The post-mortem of a disaster that Ada resolved just now.
fn reviewed(desk: &Desk, ada: &Staff, number: &str) -> Ticket {
    let broken = open(desk, ada, Severity::Disaster, None);
    let by = desk.as_person(ada);
    act::take(&by, broken.key, None).unwrap();
    act::resolve(&by, broken.key, None, "failed over").unwrap();
    ticket(desk, number).expect("its post-mortem")
}

fn stands(row: &ClockRow) -> (ClockState, Option<Timestamp>, Option<Timestamp>) {
    (row.state, row.deadline_at, row.breached_at)
}

both_databases!(
    the_meeting_of_a_post_mortem_is_due_within_a_day_and_is_met_or_missed_when_it_was_held,
    |desk| {
        desk.let_letters_go();
        let ada = house(&desk);
        let pm = reviewed(&desk, &ada, "PM-1");
        let due = START.plus_secs(DAY);
        let row = clock(&desk, &pm, Metric::Meeting);
        assert_eq!(stands(&row), (ClockState::Running, Some(due), None));
        // That a time was found is no meeting yet.
        desk.advance(20 * HOUR);
        assert!(clock(&desk, &pm, Metric::Meeting).state.is_open());
        meeting::hold(&desk.as_person(&ada), pm.key, None).unwrap();
        let row = clock(&desk, &pm, Metric::Meeting);
        assert_eq!(
            (row.state, row.ended_at),
            (ClockState::Met, Some(desk.now()))
        );
        caches_are_true(&desk, &pm);

        let late = reviewed(&desk, &ada, "PM-2");
        let due = desk.now().plus_secs(DAY);
        desk.advance(DAY + MINUTE);
        let row = clock(&desk, &late, Metric::Meeting);
        assert_eq!(stands(&row), (ClockState::Running, Some(due), Some(due)));
        let said = entries(&desk, &late, EntryKind::ClockBreached).remove(0);
        assert_eq!(
            (said.effective_at, said.facts.get("metric")),
            (due, Some("meeting"))
        );
        meeting::hold(&desk.as_person(&ada), late.key, None).unwrap();
        let row = clock(&desk, &late, Metric::Meeting);
        assert_eq!(stands(&row), (ClockState::Missed, Some(due), Some(due)));
        caches_are_true(&desk, &late);
    }
);

fn due_on(desk: &Desk, who: &Staff, of: &Ticket, due_at: Option<Timestamp>) {
    let edit = Edit {
        due_at: Some(due_at),
        ..Edit::default()
    };
    ticket_edit::edit(&desk.as_person(who), of.key, None, &edit).unwrap();
}

both_databases!(
    a_tasks_due_date_is_a_clock_that_is_set_moved_met_and_missed,
    |desk| {
        desk.let_letters_go();
        let ada = house(&desk);
        let by = || desk.as_person(&ada);
        let task = |title: &str, due_at| {
            let opening = Opening {
                owner: Some(ada.id),
                due_at,
                ..Opening::default()
            };
            let title = Title::parse(title).unwrap();
            act::open(&by(), Kind::Task, title, &opening).unwrap()
        };
        let set = task("Renew the certificate", Some(START.plus_secs(2 * DAY)));
        let row = clock(&desk, &set, Metric::Due);
        assert_eq!(
            stands(&row),
            (ClockState::Running, Some(START.plus_secs(2 * DAY)), None)
        );
        due_on(&desk, &ada, &set, Some(START.plus_secs(DAY)));
        let row = clock(&desk, &set, Metric::Due);
        assert_eq!(
            (row.deadline_at, row.cycle),
            (Some(START.plus_secs(DAY)), 1)
        );
        // One that gets its date later has a clock from then on; one that loses it has none that runs.
        let later = task("Clean the racks", None);
        due_on(&desk, &ada, &later, Some(START.plus_secs(HOUR)));
        let dropped = task("Sort the cables", Some(START.plus_secs(HOUR)));
        due_on(&desk, &ada, &dropped, None);
        assert_eq!(
            clock(&desk, &dropped, Metric::Due).state,
            ClockState::Cancelled
        );
        desk.advance(HOUR + MINUTE);
        let row = clock(&desk, &later, Metric::Due);
        assert_eq!(row.breached_at, Some(START.plus_secs(HOUR)));
        assert!(now_of(&desk, &later).due.is_late);
        assert_eq!(clock(&desk, &dropped, Metric::Due).breached_at, None);
        for it in [&set, &later] {
            act::step(&by(), it.key, None, State::InProgress, "").unwrap();
            act::resolve(&by(), it.key, None, "it is done").unwrap();
        }
        assert_eq!(clock(&desk, &set, Metric::Due).state, ClockState::Met);
        assert_eq!(clock(&desk, &later, Metric::Due).state, ClockState::Missed);
        for it in [&set, &later, &dropped] {
            caches_are_true(&desk, it);
        }
    }
);

both_databases!(
    an_action_item_is_due_as_any_task_and_its_date_is_a_promise,
    |desk| {
        desk.let_letters_go();
        let ada = house(&desk);
        let pm = reviewed(&desk, &ada, "PM-1");
        let action = |title: &str, due_at| {
            let new = NewAction {
                title: Title::parse(title).unwrap(),
                owner: ada.id,
                action_type: ActionType::Prevent,
                outline: "A check that alarms at 80 % and a runbook".to_owned(),
                commitment: String::new(),
                due_at,
            };
            postmortem::add_action(&desk.as_person(&ada), pm.key, &new).unwrap();
        };
        action("Alarm before the disk is full", Some(START.plus_secs(DAY)));
        action("Write the runbook", None);
        let (first, second) = (
            ticket(&desk, "TSK-1").unwrap(),
            ticket(&desk, "TSK-2").unwrap(),
        );
        let usual = START.plus_secs(14 * DAY);
        let row = clock(&desk, &second, Metric::Due);
        assert_eq!(stands(&row), (ClockState::Running, Some(usual), None));
        due_on(&desk, &ada, &second, Some(START.plus_secs(3 * DAY)));
        desk.advance(DAY + MINUTE);
        let row = clock(&desk, &first, Metric::Due);
        assert_eq!(row.breached_at, Some(START.plus_secs(DAY)));
        act::resolve(&desk.as_person(&ada), second.key, None, "it is written").unwrap();
        let row = clock(&desk, &second, Metric::Due);
        assert_eq!(
            (row.state, row.deadline_at),
            (ClockState::Met, Some(START.plus_secs(3 * DAY)))
        );
        act::resolve(&desk.as_person(&ada), first.key, None, "it alarms").unwrap();
        assert_eq!(clock(&desk, &first, Metric::Due).state, ClockState::Missed);
        caches_are_true(&desk, &first);
        caches_are_true(&desk, &second);
    }
);

both_databases!(
    a_clock_that_can_never_fall_due_is_a_health_mark_and_says_why_on_its_ticket,
    |desk| {
        desk.let_letters_go();
        let ada = house(&desk);
        let ben = desk.person("Ben", RESPONDER);
        let contoso = customer(&desk, "Contoso");
        let by = desk.as_person(&ada);
        // An hour a week is 261 hours in five years.
        let hours = CalendarDetails {
            name: "Monday morning".to_owned(),
            zone: chrono_tz::Europe::Berlin,
            weekly: vec![(0, Range::parse("09:00-10:00").unwrap())],
            exceptions: Vec::new(),
            holidays: Vec::new(),
            is_active: true,
        };
        let calendar = add_calendar(&by, &hours).unwrap();
        let target = Target {
            id: None,
            metric: Metric::Resolve,
            promisee: Promisee::Customer,
            kind: Kind::Incident,
            severity: None,
            service: None,
            customer: None,
            budget: Budget::Counted { secs: 300 * HOUR },
            calendar,
            also: Vec::new(),
            anchor: Anchor::Logged,
            warn: Vec::new(),
            stops_on: Vec::new(),
            policy: Policy::default(),
        };
        let details = AgreementDetails {
            holds_for: HoldsFor::Customers(vec![contoso]),
            name: "Bronze".to_owned(),
            targets: vec![target],
            backdate_days: USUAL_BACKDATE_DAYS,
            is_active: true,
        };
        add_agreement(&by, &details).unwrap();
        let browser = Browser::of(&desk, &ada);
        let band = "One clock runs and can never fall due.";
        assert!(!browser.get("/checks").text().contains(band));
        let ticket = open(&desk, &ben, Severity::High, Some(contoso));
        let row = clock(&desk, &ticket, Metric::Resolve);
        assert_eq!(stands(&row), (ClockState::Running, None, None));
        browser.get("/queue").says(band);
        browser
            .get("/checks")
            .says("INC-1")
            .says("Monday morning")
            .says(&format!("/calendars/{calendar}"));
        browser
            .get("/INC-1")
            .says("can never fall due: the hours it is counted in");
        caches_are_true(&desk, &ticket);
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || desk.advance(2 * MINUTE));
        let gauges = recorder.handle().render();
        let line = "watchkeeper_clocks_without_deadline 1";
        assert!(gauges.lines().any(|it| it == line), "{gauges}");
        // Resolved, it worries nobody.
        act::take(&desk.as_person(&ben), ticket.key, None).unwrap();
        act::resolve(&desk.as_person(&ben), ticket.key, None, "done").unwrap();
        assert!(!browser.get("/checks").text().contains("Monday morning"));
        assert_eq!(
            clock(&desk, &ticket, Metric::Resolve).state,
            ClockState::Met
        );
    }
);

both_databases!(
    t53_an_agreed_instant_is_due_whenever_the_ticket_was_opened_and_no_wait_moves_it,
    |desk| {
        desk.let_letters_go();
        let ada = house(&desk);
        let contoso = customer(&desk, "Contoso");
        let by = || desk.as_person(&ada);
        let at = START.plus_secs(10 * DAY);
        let mut details =
            crate::sla::promise(&desk, &ada, contoso, &[(Metric::Resolve, None, HOUR)]);
        let (id, version, _) = crate::sla_changes::agreed(&desk, contoso);
        details.targets[0].budget = Budget::Fixed { at };
        change_agreement(&by(), id, version, &details, &Effect::FromNow).unwrap();
        desk.advance(DAY);
        let ticket = open(&desk, &ada, Severity::High, Some(contoso));
        assert_eq!(clock(&desk, &ticket, Metric::Resolve).deadline_at, Some(at));
        let wait = NewHold::new(WaitingOn::Customer, "Which port?");
        ticket_hold::hold(&by(), ticket.key, None, &wait).unwrap();
        desk.advance(10 * DAY);
        assert_eq!(clock(&desk, &ticket, Metric::Resolve).breached_at, Some(at));
        let browser = Browser::of(&desk, &ada);
        let row = clock(&desk, &ticket, Metric::Resolve).id;
        browser
            .get(&format!("/INC-1/clocks/{row}"))
            .says("an agreed instant");
        browser
            .get(&format!("/agreements/{id}/edit"))
            .says("2026-06-11T09:00:00Z");
        caches_are_true(&desk, &ticket);
        // It is over: nothing new is promised for then, but the agreement can end.
        let edited = change_agreement(&by(), id, version + 1, &details, &Effect::FromNow);
        let Err(Error::Invalid(errors)) = edited else {
            panic!("{edited:?}")
        };
        assert_eq!(
            (errors[0].field.as_ref(), errors[0].problem),
            ("targets.0.budget", "budget-over")
        );
        details.is_active = false;
        change_agreement(&by(), id, version + 1, &details, &Effect::FromNow).unwrap();
    }
);
