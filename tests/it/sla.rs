//! Promises with a time: they start by themselves, are kept, are missed, and say so once.

use chrono_tz::Tz;
use watchkeeper::actions::agreement::{
    AgreementDetails, add_agreement, change_agreement, found_house,
};
use watchkeeper::actions::calendar::{CalendarDetails, add_calendar, change_calendar};
use watchkeeper::actions::{sla, ticket as act, ticket_hold};
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::calendar::Range;
use watchkeeper::domain::hold::NewHold;
use watchkeeper::domain::id::{CustomerId, Id, Kind};
use watchkeeper::domain::people::Customer;
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::sla_agreement::{
    Anchor, Budget, HoldsFor, Metric, Promisee, Target, Threshold, USUAL_BACKDATE_DAYS,
};
use watchkeeper::domain::sla_clock::ClockState;
use watchkeeper::domain::sla_policy::Policy;
use watchkeeper::domain::sla_version::Effect;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, Ticket, WaitingOn};
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::error::Error;
use watchkeeper::store::sla::ClockRow;
use watchkeeper::store::{self, timeline};

use crate::both_databases;
use crate::desk::{Desk, START, Staff};

pub const MINUTE: i64 = 60;
pub const HOUR: i64 = 3600;

pub const RESPONDER: Roles = Roles::of(&[Role::Responder]);

fn lead(desk: &Desk) -> Staff {
    desk.person(
        "Ada",
        Roles::of(&[Role::Admin, Role::Lead, Role::Responder]),
    )
}

/// A house with its two calendars and its agreement, and somebody in it.
pub fn house(desk: &Desk) -> Staff {
    let ada = lead(desk);
    found(desk, &ada);
    ada
}

/// A house with its calendars and agreement, for tests that know somebody who leads it.
pub fn found(desk: &Desk, lead: &Staff) {
    let ctx = desk.as_person(lead);
    ctx.write(|tx| found_house(tx, &ctx, Tz::Europe__Berlin))
        .expect("the house is founded");
}

pub fn open(desk: &Desk, who: &Staff, severity: Severity, customer: Option<CustomerId>) -> Ticket {
    let opening = Opening {
        severity: Some(severity),
        customer,
        ..Opening::default()
    };
    let title = Title::parse("DB master down").expect("a title");
    act::open(&desk.as_person(who), Kind::Incident, title, &opening).expect("it opens")
}

pub fn clocks(desk: &Desk, ticket: &Ticket) -> Vec<ClockRow> {
    desk.app
        .store
        .read(|conn| store::sla::of_ticket(conn, ticket.id))
        .expect("its clocks")
}

pub fn clock(desk: &Desk, ticket: &Ticket, metric: Metric) -> ClockRow {
    clocks(desk, ticket)
        .into_iter()
        .rfind(|row| row.metric == metric)
        .expect("such a clock")
}

pub fn now_of(desk: &Desk, ticket: &Ticket) -> Ticket {
    desk.app
        .store
        .read(|conn| store::ticket::by_id(conn, ticket.id))
        .expect("a read")
        .expect("it is there")
}

pub fn entries(desk: &Desk, ticket: &Ticket, kind: EntryKind) -> Vec<timeline::Recorded> {
    desk.app
        .store
        .read(|conn| timeline::of_kinds(conn, ticket.id, &[kind]))
        .expect("its timeline")
}

pub fn customer(desk: &Desk, name: &str) -> CustomerId {
    let customer = Customer {
        id: Id::new(desk.now()),
        name: name.to_owned(),
        zone: Tz::Europe__Berlin,
        language: "en".to_owned(),
        note: String::new(),
        domains: Vec::new(),
        is_active: true,
        version: 1,
    };
    let now = desk.now();
    desk.app
        .store
        .write(|tx| store::customer::insert(tx, &customer, now))
        .expect("the customer is kept");
    customer.id
}

/// Promises a customer these, counted round the clock.
pub fn promise(
    desk: &Desk,
    who: &Staff,
    customer: CustomerId,
    promises: &[(Metric, Option<Severity>, i64)],
) -> AgreementDetails {
    let book = desk
        .app
        .store
        .read(|conn| sla::book(&desk.app, conn))
        .expect("the book");
    let always = book
        .calendars
        .iter()
        .find(|known| known.name == "Round the clock")
        .expect("it is founded")
        .id;
    let targets = promises
        .iter()
        .map(|(metric, severity, secs)| Target {
            id: None,
            metric: *metric,
            promisee: Promisee::Customer,
            kind: Kind::Incident,
            severity: *severity,
            service: None,
            customer: None,
            budget: Budget::Counted { secs: *secs },
            calendar: always,
            also: Vec::new(),
            anchor: Anchor::Reported,
            warn: vec![Threshold::Percent(50)],
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
    add_agreement(&desk.as_person(who), &details).expect("the agreement is kept");
    details
}

/// What is stored says the same as a derivation from scratch.
pub fn caches_are_true(desk: &Desk, ticket: &Ticket) {
    let ticket = now_of(desk, ticket);
    let pairs = desk
        .app
        .store
        .read(|conn| sla::derived(&desk.app, conn, &ticket, desk.now()))
        .expect("derived");
    let is_derived = |row: &ClockRow| pairs.iter().any(|(known, _)| known.id == row.id);
    let others = clocks(desk, &ticket);
    let strays = others
        .iter()
        .filter(|row| !row.is_taken_back() && !is_derived(row));
    assert_eq!(strays.count(), 0);
    for (row, clock) in pairs {
        assert_eq!(
            (row.state, row.deadline_at, row.breached_at, row.ended_at),
            (
                clock.state,
                clock.deadline_at,
                clock.breached_at,
                clock.ended_at
            ),
            "{} {}",
            row.metric,
            row.cycle
        );
    }
}

both_databases!(
    the_barest_incident_has_clocks_and_the_queue_knows_which_is_due_first,
    |desk| {
        let ada = house(&desk);
        let ticket = open(&desk, &ada, Severity::Disaster, None);
        let metrics: Vec<_> = clocks(&desk, &ticket)
            .iter()
            .map(|row| (row.metric, row.deadline_at))
            .collect();
        for (metric, minutes) in [
            (Metric::Own, 5),
            (Metric::Respond, 15),
            (Metric::Restore, 240),
            (Metric::Resolve, 1440),
        ] {
            assert!(
                metrics.contains(&(metric, Some(START.plus_secs(minutes * MINUTE)))),
                "{metric} in {metrics:?}"
            );
        }
        let due = now_of(&desk, &ticket).due;
        assert_eq!(
            (due.at, due.metric.as_deref()),
            (START.plus_secs(5 * MINUTE), Some("own"))
        );
        act::take(&desk.as_person(&ada), ticket.key, None).unwrap();
        assert_eq!(clock(&desk, &ticket, Metric::Own).state, ClockState::Met);
        assert_eq!(
            clock(&desk, &ticket, Metric::Respond).state,
            ClockState::Met
        );
        assert_eq!(
            now_of(&desk, &ticket).due.metric.as_deref(),
            Some("restore")
        );
        caches_are_true(&desk, &ticket);
    }
);

both_databases!(
    a_missed_promise_is_said_once_with_the_instant_it_was_missed_at,
    |desk| {
        let ada = house(&desk);
        let ticket = open(&desk, &ada, Severity::Disaster, None);
        desk.advance(3 * HOUR);
        let own = clock(&desk, &ticket, Metric::Own);
        assert_eq!(own.breached_at, Some(START.plus_secs(5 * MINUTE)));
        assert!(now_of(&desk, &ticket).due.is_late);
        desk.advance(MINUTE);
        let breached = entries(&desk, &ticket, EntryKind::ClockBreached);
        let own: Vec<_> = breached
            .iter()
            .filter(|entry| entry.facts.get("metric") == Some("own"))
            .collect();
        assert_eq!(own.len(), 1);
        assert_eq!(own[0].effective_at, START.plus_secs(5 * MINUTE));
        act::take(&desk.as_person(&ada), ticket.key, None).unwrap();
        let own = clock(&desk, &ticket, Metric::Own);
        assert_eq!(
            (own.state, own.breached_at),
            (ClockState::Missed, Some(START.plus_secs(5 * MINUTE)))
        );
        caches_are_true(&desk, &ticket);
    }
);

both_databases!(a_warning_comes_before_the_deadline_and_only_once, |desk| {
    desk.let_letters_go();
    let ada = house(&desk);
    let ticket = open(&desk, &ada, Severity::Disaster, None);
    act::take(&desk.as_person(&ada), ticket.key, None).unwrap();
    desk.advance(3 * HOUR + 30);
    desk.advance(MINUTE);
    let warned = entries(&desk, &ticket, EntryKind::ClockWarned);
    assert_eq!(warned.len(), 1);
    assert_eq!(
        (
            warned[0].facts.get("metric"),
            warned[0].facts.get("threshold")
        ),
        (Some("restore"), Some("75%"))
    );
    assert!(entries(&desk, &ticket, EntryKind::ClockBreached).is_empty());
});

both_databases!(
    waiting_for_the_customer_stops_the_resolve_clock_but_not_the_answer,
    |desk| {
        let ada = house(&desk);
        let contoso = customer(&desk, "Contoso");
        promise(
            &desk,
            &ada,
            contoso,
            &[
                (Metric::Respond, None, HOUR),
                (Metric::Resolve, None, 4 * HOUR),
            ],
        );
        let ticket = open(&desk, &ada, Severity::High, Some(contoso));
        assert!(
            clocks(&desk, &ticket)
                .iter()
                .all(|row| row.customer_id == Some(contoso))
        );
        desk.advance(30 * MINUTE);
        let hold = NewHold::new(WaitingOn::Customer, "logs, please");
        ticket_hold::hold(&desk.as_person(&ada), ticket.key, None, &hold).unwrap();
        assert_eq!(
            clock(&desk, &ticket, Metric::Resolve).state,
            ClockState::Held
        );
        assert_eq!(
            clock(&desk, &ticket, Metric::Respond).state,
            ClockState::Running
        );
        desk.advance(6 * HOUR);
        ticket_hold::release(&desk.as_person(&ada), ticket.key, None, None).unwrap();
        let resolve = clock(&desk, &ticket, Metric::Resolve);
        assert_eq!(
            (resolve.deadline_at, resolve.breached_at),
            (Some(START.plus_secs(10 * HOUR)), None)
        );
        assert_eq!(
            clock(&desk, &ticket, Metric::Respond).breached_at,
            Some(START.plus_secs(HOUR))
        );
        caches_are_true(&desk, &ticket);
    }
);

both_databases!(
    a_worse_severity_carries_the_anchor_to_the_stricter_target,
    |desk| {
        let ada = house(&desk);
        let ticket = open(&desk, &ada, Severity::High, None);
        desk.advance(10 * MINUTE);
        act::change_severity(
            &desk.as_person(&ada),
            ticket.key,
            None,
            Severity::Disaster,
            "all nodes",
        )
        .unwrap();
        let own: Vec<ClockRow> = clocks(&desk, &ticket)
            .into_iter()
            .filter(|row| row.metric == Metric::Own)
            .collect();
        assert_eq!(own.len(), 2);
        let old = own.iter().find(|row| row.revision == 0).unwrap();
        let new = own.iter().find(|row| row.revision == 1).unwrap();
        assert_eq!((old.state, old.breached_at), (ClockState::Superseded, None));
        assert_eq!(
            (new.breached_at, new.late_by_change),
            (Some(START.plus_secs(5 * MINUTE)), true)
        );
        act::change_severity(
            &desk.as_person(&ada),
            ticket.key,
            None,
            Severity::Information,
            "a false alarm",
        )
        .unwrap();
        let open: Vec<_> = clocks(&desk, &ticket)
            .into_iter()
            .filter(|row| row.state.is_open())
            .collect();
        assert!(open.is_empty(), "information promises nothing: {open:?}");
        assert_eq!(
            clock(&desk, &ticket, Metric::Own).breached_at,
            Some(START.plus_secs(5 * MINUTE))
        );
        caches_are_true(&desk, &ticket);
    }
);

both_databases!(
    resolving_stops_the_clocks_and_reopening_lets_them_run_on,
    |desk| {
        let ada = house(&desk);
        let ticket = open(&desk, &ada, Severity::Disaster, None);
        desk.advance(MINUTE);
        act::resolve(&desk.as_person(&ada), ticket.key, None, "failed over").unwrap();
        assert!(
            clocks(&desk, &ticket)
                .iter()
                .all(|row| row.state == ClockState::Met)
        );
        desk.advance(10 * HOUR);
        act::reopen(&desk.as_person(&ada), ticket.key, None, "again").unwrap();
        let restore = clock(&desk, &ticket, Metric::Restore);
        assert_eq!((restore.state, restore.cycle), (ClockState::Running, 1));
        assert_eq!(restore.deadline_at, Some(START.plus_secs(14 * HOUR)));
        caches_are_true(&desk, &ticket);
    }
);

both_databases!(
    a_new_version_of_an_agreement_leaves_running_clocks_alone,
    |desk| {
        let ada = house(&desk);
        let contoso = customer(&desk, "Contoso");
        let mut details = promise(&desk, &ada, contoso, &[(Metric::Resolve, None, 4 * HOUR)]);
        let before = open(&desk, &ada, Severity::High, Some(contoso));
        let book = desk
            .app
            .store
            .read(|conn| sla::book(&desk.app, conn))
            .unwrap();
        let agreement = book
            .agreements()
            .iter()
            .find(|known| known.holds_for.customers().contains(&contoso))
            .unwrap();
        details.targets[0].budget = Budget::Counted { secs: HOUR };
        desk.advance(1);
        change_agreement(
            &desk.as_person(&ada),
            agreement.id,
            agreement.version,
            &details,
            &Effect::FromNow,
        )
        .unwrap();
        let stale = change_agreement(
            &desk.as_person(&ada),
            agreement.id,
            agreement.version,
            &details,
            &Effect::FromNow,
        );
        assert!(matches!(stale, Err(Error::Stale)));
        act::note(&desk.as_person(&ada), before.key, "looking").unwrap();
        act::take(&desk.as_person(&ada), before.key, None).unwrap();
        assert_eq!(
            clock(&desk, &before, Metric::Resolve).deadline_at,
            Some(START.plus_secs(4 * HOUR))
        );
        let after = open(&desk, &ada, Severity::High, Some(contoso));
        assert_eq!(
            clock(&desk, &after, Metric::Resolve).deadline_at,
            Some(START.plus_secs(HOUR + 1))
        );
    }
);

both_databases!(a_promised_call_back_is_a_clock_of_its_own, |desk| {
    let ada = house(&desk);
    let contoso = customer(&desk, "Contoso");
    let ticket = open(&desk, &ada, Severity::Warning, Some(contoso));
    let by = START.plus_secs(20 * MINUTE);
    act::promise_callback(
        &desk.as_person(&ada),
        ticket.key,
        None,
        None,
        "+49 30 1234",
        by,
    )
    .unwrap();
    assert_eq!(
        clock(&desk, &ticket, Metric::CallBack).deadline_at,
        Some(by)
    );
    assert_eq!(
        now_of(&desk, &ticket).due.metric.as_deref(),
        Some("call_back")
    );
    desk.advance(10 * MINUTE);
    act::spoke_with_customer(&desk.as_person(&ada), ticket.key, None, "agreed to wait").unwrap();
    assert_eq!(
        clock(&desk, &ticket, Metric::CallBack).state,
        ClockState::Met
    );
});

both_databases!(
    a_calendar_that_never_opens_or_is_in_use_is_refused_where_it_hurts,
    |desk| {
        let ada = house(&desk);
        let ctx = desk.as_person(&ada);
        let mut details = CalendarDetails {
            name: "Empty".to_owned(),
            zone: Tz::Europe__Berlin,
            weekly: Vec::new(),
            exceptions: Vec::new(),
            holidays: Vec::new(),
            is_active: true,
        };
        let Err(Error::Invalid(errors)) = add_calendar(&ctx, &details) else {
            panic!("t47: refused at save")
        };
        assert_eq!(errors[0].problem, "never-open");
        details.weekly = vec![(0, Range::parse("09:00-17:00").unwrap())];
        details.name = "working HOURS".to_owned();
        let Err(Error::Invalid(errors)) = add_calendar(&ctx, &details) else {
            panic!("the name is taken")
        };
        assert_eq!(
            (errors[0].field.as_ref(), errors[0].problem),
            ("name", "taken")
        );
        let book = desk
            .app
            .store
            .read(|conn| sla::book(&desk.app, conn))
            .unwrap();
        let always = book
            .calendars
            .iter()
            .find(|known| known.name == "Round the clock")
            .unwrap();
        let retired = CalendarDetails {
            name: always.name.clone(),
            is_active: false,
            ..details
        };
        let Err(Error::Refused(refusal)) =
            change_calendar(&ctx, always.id, always.version, &retired, &Effect::FromNow)
        else {
            panic!("t63: a calendar in use stays")
        };
        assert_eq!(refusal.rule, "calendar-in-use");
    }
);
