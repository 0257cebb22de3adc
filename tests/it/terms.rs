//! The terms that clocks run under: calendars with dates, corrections of them, locked periods. What these stories and those of
//! `terms_agreement` and `terms_data` begin from stands here.

use chrono_tz::Tz;
use watchkeeper::actions::agreement::{AgreementDetails, add_agreement, found_house};
use watchkeeper::actions::calendar::{
    CalendarDetails, add_calendar, change_calendar, preview_calendar,
};
use watchkeeper::actions::recount::Fate;
use watchkeeper::actions::{sla, ticket as act};
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::calendar::Range;
use watchkeeper::domain::calendar_text::parse_exceptions;
use watchkeeper::domain::id::{AgreementId, CalendarId, CustomerId, Id, Kind};
use watchkeeper::domain::people::Customer;
use watchkeeper::domain::period_lock::PeriodLock;
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::sla_agreement::{
    Anchor, Budget, HoldsFor, Metric, Promisee, Target, USUAL_BACKDATE_DAYS,
};
use watchkeeper::domain::sla_book::Book;
use watchkeeper::domain::sla_clock::ClockState;
use watchkeeper::domain::sla_policy::Policy;
use watchkeeper::domain::sla_version::{Effect, Finished};
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, Ticket};
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::domain::timestamp::Timestamp;
use watchkeeper::error::Error;
use watchkeeper::store::sla::ClockRow;
use watchkeeper::store::{self, timeline};

use crate::both_databases;
use crate::desk::{Desk, START, Staff};

pub const HOUR: i64 = 3600;
pub const DAY: i64 = 24 * HOUR;

/// A house with its two calendars and its agreement, in Berlin, where START is 11:00 on a Monday.
pub fn house(desk: &Desk) -> Staff {
    desk.let_letters_go();
    let ada = desk.person(
        "Ada",
        Roles::of(&[Role::Admin, Role::Lead, Role::Responder]),
    );
    let ctx = desk.as_person(&ada);
    ctx.write(|tx| found_house(tx, &ctx, Tz::Europe__Berlin))
        .expect("the house is founded");
    ada
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

pub fn book(desk: &Desk) -> Book {
    desk.app.store.read(store::sla::book).expect("the book")
}

pub fn office(desk: &Desk) -> CalendarId {
    let book = book(desk);
    let found = book.calendars.iter().find(|it| it.name == "Working hours");
    found.expect("it is founded").id
}

pub fn version_of(desk: &Desk, id: CalendarId) -> i64 {
    book(desk).calendar(id).expect("a calendar").version
}

/// Monday to Friday, these hours, in Berlin.
pub fn hours(name: &str, hours: &str, exceptions: &str) -> CalendarDetails {
    let range = Range::parse(hours).expect("a range");
    CalendarDetails {
        name: name.to_owned(),
        zone: Tz::Europe__Berlin,
        weekly: (0..5).map(|day| (day, range)).collect(),
        exceptions: parse_exceptions("exceptions", exceptions).expect("exceptions"),
        holidays: Vec::new(),
        is_active: true,
    }
}

pub fn promise(metric: Metric, secs: i64, calendar: CalendarId) -> Target {
    Target {
        id: None,
        metric,
        promisee: Promisee::Customer,
        kind: Kind::Incident,
        severity: None,
        service: None,
        customer: None,
        budget: Budget::Counted { secs },
        calendar,
        also: Vec::new(),
        anchor: Anchor::Reported,
        warn: Vec::new(),
        stops_on: Target::usual_stops(metric).to_vec(),
        policy: Policy::default(),
    }
}

pub fn agreed(name: &str, customers: &[CustomerId], targets: Vec<Target>) -> AgreementDetails {
    AgreementDetails {
        holds_for: HoldsFor::Customers(customers.to_vec()),
        name: name.to_owned(),
        targets,
        backdate_days: USUAL_BACKDATE_DAYS,
        is_active: true,
    }
}

pub fn sign(desk: &Desk, ada: &Staff, details: &AgreementDetails) -> AgreementId {
    add_agreement(&desk.as_person(ada), details).expect("the agreement is kept")
}

pub fn open(desk: &Desk, who: &Staff, customer: CustomerId) -> Ticket {
    let opening = Opening {
        severity: Some(Severity::High),
        customer: Some(customer),
        ..Opening::default()
    };
    let title = Title::parse("Uplink down").expect("a title");
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

pub fn entries(desk: &Desk, ticket: &Ticket, kind: EntryKind) -> Vec<timeline::Recorded> {
    desk.app
        .store
        .read(|conn| timeline::of_kinds(conn, ticket.id, &[kind]))
        .expect("its timeline")
}

pub fn caches_are_true(desk: &Desk, ticket: &Ticket) {
    let same = desk.app.store.read(|conn| {
        let ticket = store::ticket::by_id(conn, ticket.id)?.expect("it is there");
        sla::is_as_derived(&desk.app, conn, &ticket, desk.now())
    });
    assert!(same.expect("derived"), "stored is not what is derived");
}

pub fn correction(from: i64, finished: Finished) -> Effect {
    Effect::Correction {
        from: START.plus_secs(from),
        until: None,
        reason: "the branch office was shut".to_owned(),
        finished,
    }
}

pub fn after(secs: i64) -> Option<Timestamp> {
    Some(START.plus_secs(secs))
}

both_databases!(
    a_locked_period_is_found_by_what_it_covers_and_for_whom,
    |desk| {
        let (contoso, northwind) = (customer(&desk, "Contoso"), customer(&desk, "Northwind"));
        let lock = |days: (i64, i64), customer, reason: &str| {
            let period = (START.plus_secs(days.0 * DAY), START.plus_secs(days.1 * DAY));
            PeriodLock::new(Id::new(START), period, customer, reason, "Ada", START).unwrap()
        };
        let of_all = lock((-60, -30), None, "April");
        let of_one = lock((-30, 0), Some(contoso), "May, Contoso");
        desk.app
            .store
            .write(|tx| {
                store::period_lock::insert(tx, &of_all)?;
                store::period_lock::insert(tx, &of_one)
            })
            .unwrap();
        let covering = |customer, days: i64| -> Vec<String> {
            let at = START.plus_secs(days * DAY);
            let found = desk
                .app
                .store
                .read(|conn| store::period_lock::covering(conn, customer, at));
            found.unwrap().into_iter().map(|lock| lock.reason).collect()
        };
        assert_eq!(covering(None, -60), ["April"]);
        assert_eq!(covering(Some(northwind), -40), ["April"]);
        assert_eq!(covering(Some(contoso), -30), ["May, Contoso"]);
        assert!(covering(Some(northwind), -30).is_empty());
        assert!(covering(Some(contoso), 0).is_empty());
        let all = desk.app.store.read(store::period_lock::all).unwrap();
        assert_eq!(all, [of_all, of_one]);
    }
);

both_databases!(
    t47_a_calendar_without_an_open_hour_is_refused_at_save_whatever_closes_it,
    |desk| {
        let ada = house(&desk);
        let ctx = desk.as_person(&ada);
        let problem = |outcome: Result<(), Error>| match outcome {
            Err(Error::Invalid(errors)) => errors[0].problem,
            other => panic!("{other:?}"),
        };
        let empty = CalendarDetails {
            weekly: Vec::new(),
            ..hours("Empty", "09:00-17:00", "")
        };
        let shut = hours("Shut", "09:00-17:00", "01-01..12-31 closed All year");
        let in_vain = CalendarDetails {
            weekly: Vec::new(),
            ..hours(
                "Past",
                "09:00-17:00",
                "2026-05-29 09:00-17:00 A day that is over",
            )
        };
        for details in [&empty, &shut, &in_vain] {
            assert_eq!(problem(add_calendar(&ctx, details).map(drop)), "never-open");
        }
        let calendar = office(&desk);
        let later = Effect::From(START.plus_secs(DAY));
        for effect in [Effect::FromNow, later, correction(-DAY, Finished::Stay)] {
            let outcome = change_calendar(&ctx, calendar, 1, &shut, &effect);
            assert_eq!(problem(outcome.map(drop)), "never-open");
        }
        assert_eq!(version_of(&desk, calendar), 1);
    }
);

both_databases!(
    t49_a_calendar_edited_at_noon_counts_the_morning_by_the_old_rules,
    |desk| {
        let ada = house(&desk);
        let (contoso, calendar) = (customer(&desk, "Contoso"), office(&desk));
        let targets = vec![promise(Metric::Resolve, 4 * HOUR, calendar)];
        sign(&desk, &ada, &agreed("Gold", &[contoso], targets));
        let ticket = open(&desk, &ada, contoso);
        assert_eq!(
            clock(&desk, &ticket, Metric::Resolve).deadline_at,
            after(4 * HOUR)
        );
        desk.advance(HOUR);
        let ctx = desk.as_person(&ada);
        let afternoon = hours("Working hours", "13:00-17:00", "");
        let shown = preview_calendar(&ctx, calendar, 1, &afternoon, &Effect::FromNow).unwrap();
        let moved: Vec<_> = shown
            .moved
            .iter()
            .map(|it| (it.ticket, it.metric, it.before, it.after))
            .collect();
        assert_eq!(
            moved,
            [(
                ticket.key,
                Metric::Resolve,
                after(4 * HOUR),
                after(5 * HOUR)
            )]
        );
        assert_eq!(version_of(&desk, calendar), 1, "a preview writes nothing");
        change_calendar(&ctx, calendar, 1, &afternoon, &Effect::FromNow).unwrap();
        desk.settle();
        // 11 to 12 by the old rules, 13 to 16 by the new ones.
        let resolve = clock(&desk, &ticket, Metric::Resolve);
        assert_eq!(resolve.deadline_at, after(5 * HOUR));
        let said = entries(&desk, &ticket, EntryKind::ClockRecomputed);
        let [entry] = &said[..] else {
            panic!("{said:?}")
        };
        let fact = |name| entry.facts.get(name).unwrap_or_default();
        assert_eq!(
            [fact("cause"), fact("subject"), fact("number"), fact("by")],
            ["calendar_changed", "Working hours", "2", "Ada"]
        );
        assert_eq!(
            (entry.facts.instant("before"), entry.facts.instant("after")),
            (after(4 * HOUR), after(5 * HOUR))
        );
        caches_are_true(&desk, &ticket);
    }
);

both_databases!(
    a_calendar_with_a_date_holds_until_then_as_it_was_and_what_is_planned_stays,
    |desk| {
        let ada = house(&desk);
        let (contoso, calendar) = (customer(&desk, "Contoso"), office(&desk));
        let targets = vec![promise(Metric::Resolve, 12 * HOUR, calendar)];
        sign(&desk, &ada, &agreed("Gold", &[contoso], targets));
        let ticket = open(&desk, &ada, contoso);
        let ctx = desk.as_person(&ada);
        // From Tuesday 11:00 on until 13:00 only; before that, and written later, from 09:00 to 19:00.
        let short = hours("Working hours", "09:00-13:00", "");
        let from_tuesday = Effect::From(START.plus_secs(DAY));
        change_calendar(&ctx, calendar, 1, &short, &from_tuesday).unwrap();
        let long = hours("Working hours", "09:00-19:00", "");
        change_calendar(&ctx, calendar, 2, &long, &Effect::FromNow).unwrap();
        desk.settle();
        // Monday 11 to 19, Tuesday 9 to 13.
        let resolve = clock(&desk, &ticket, Metric::Resolve);
        assert_eq!(resolve.deadline_at, after(DAY + 2 * HOUR));
        caches_are_true(&desk, &ticket);
        let Err(Error::Invalid(errors)) =
            change_calendar(&ctx, calendar, 3, &long, &Effect::From(desk.now()))
        else {
            panic!("a date to come has to be one")
        };
        assert_eq!(errors[0].problem, "not-to-come");
    }
);

/// A ticket that was resolved on Tuesday morning, late, and one that is open still, both from Monday 11:00.
fn a_late_one_and_an_open_one(
    desk: &Desk,
    ada: &Staff,
) -> (CustomerId, CalendarId, Ticket, Ticket) {
    let (contoso, calendar) = (customer(desk, "Contoso"), office(desk));
    let targets = vec![promise(Metric::Resolve, 4 * HOUR, calendar)];
    sign(desk, ada, &agreed("Gold", &[contoso], targets));
    let late = open(desk, ada, contoso);
    let running = open(desk, ada, contoso);
    desk.advance(22 * HOUR + 1800);
    act::resolve(&desk.as_person(ada), late.key, None, "replaced").unwrap();
    desk.advance(6 * DAY);
    assert_eq!(
        clock(desk, &late, Metric::Resolve).state,
        ClockState::Missed
    );
    (contoso, calendar, late, running)
}

/// On Monday the office closed at noon.
fn shut_at_noon() -> CalendarDetails {
    hours(
        "Working hours",
        "09:00-17:00",
        "2026-06-01 09:00-12:00 Shut",
    )
}

both_databases!(
    t50_a_correction_of_last_week_leaves_closed_clocks_alone_unless_they_are_included,
    |desk| {
        let ada = house(&desk);
        let (_, calendar, late, running) = a_late_one_and_an_open_one(&desk, &ada);
        let ctx = desk.as_person(&ada);
        let untouched = clock(&desk, &late, Metric::Resolve);
        let shown = preview_calendar(
            &ctx,
            calendar,
            1,
            &shut_at_noon(),
            &correction(0, Finished::Stay),
        )
        .unwrap();
        let of = |fate| -> Vec<_> {
            shown
                .of(fate)
                .map(|it| (it.ticket, it.before, it.after, it.is_breached))
                .collect()
        };
        // One hour on Monday, three on Tuesday from nine.
        let due = after(25 * HOUR);
        assert_eq!(of(Fate::Open), [(running.key, after(4 * HOUR), due, true)]);
        assert_eq!(
            of(Fate::Finished),
            [(late.key, after(4 * HOUR), due, false)]
        );
        change_calendar(
            &ctx,
            calendar,
            1,
            &shut_at_noon(),
            &correction(0, Finished::Stay),
        )
        .unwrap();
        desk.settle();
        assert_eq!(clock(&desk, &late, Metric::Resolve), untouched);
        assert!(entries(&desk, &late, EntryKind::ClockRecomputed).is_empty());
        let resolve = clock(&desk, &running, Metric::Resolve);
        assert_eq!((resolve.deadline_at, resolve.breached_at), (due, due));
        let said = entries(&desk, &running, EntryKind::ClockRecomputed);
        assert_eq!(said.len(), 1);
        assert_eq!(
            said[0].facts.get("reason"),
            Some("the branch office was shut")
        );
        // A reply to the closed one, long after, doesn't bring the correction in by the back door.
        act::note(&ctx, late.key, "for the record").unwrap();
        act::spoke_with_customer(&ctx, late.key, None, "all is well").unwrap();
        let still = clock(&desk, &late, Metric::Resolve);
        assert_eq!(
            (still.deadline_at, still.state, still.breached_at),
            (
                untouched.deadline_at,
                untouched.state,
                untouched.breached_at
            )
        );
        caches_are_true(&desk, &late);
        caches_are_true(&desk, &running);

        // The same correction again, and this time the closed clock with it.
        let with_it = correction(0, Finished::These(vec![untouched.id]));
        change_calendar(&ctx, calendar, 2, &shut_at_noon(), &with_it).unwrap();
        desk.settle();
        let met = clock(&desk, &late, Metric::Resolve);
        assert_eq!(
            (met.state, met.deadline_at, met.breached_at),
            (ClockState::Met, due, None)
        );
        // Who and why, and what was: nothing is erased.
        let withdrawn = entries(&desk, &late, EntryKind::ClockWithdrawn);
        assert_eq!(withdrawn.len(), 1);
        let fact = |name| withdrawn[0].facts.get(name).unwrap_or_default();
        assert_eq!(
            [fact("by"), fact("reason"), fact("cause")],
            ["Ada", "the branch office was shut", "calendar_corrected"]
        );
        assert_eq!(entries(&desk, &late, EntryKind::ClockBreached).len(), 1);
        assert_eq!(entries(&desk, &late, EntryKind::ClockRecomputed).len(), 1);
        caches_are_true(&desk, &late);
    }
);

both_databases!(
    what_lies_in_a_locked_period_stays_whatever_is_asked,
    |desk| {
        let ada = house(&desk);
        let (contoso, calendar, late, _) = a_late_one_and_an_open_one(&desk, &ada);
        let period = (START, START.plus_secs(2 * DAY));
        let lock = PeriodLock::new(
            Id::new(desk.now()),
            period,
            Some(contoso),
            "reported",
            "Ada",
            desk.now(),
        )
        .unwrap();
        desk.app
            .store
            .write(|tx| store::period_lock::insert(tx, &lock))
            .unwrap();
        let ctx = desk.as_person(&ada);
        let untouched = clock(&desk, &late, Metric::Resolve);
        let all = correction(0, Finished::All);
        let shown = preview_calendar(&ctx, calendar, 1, &shut_at_noon(), &all).unwrap();
        assert_eq!(shown.of(Fate::Locked).count(), 1);
        assert_eq!(shown.of(Fate::Finished).count(), 0);
        change_calendar(&ctx, calendar, 1, &shut_at_noon(), &all).unwrap();
        desk.settle();
        assert_eq!(clock(&desk, &late, Metric::Resolve), untouched);
        caches_are_true(&desk, &late);
    }
);

both_databases!(a_correction_needs_a_right_of_its_own_and_a_reason, |desk| {
    let ada = house(&desk);
    let calendar = office(&desk);
    let admin = desk.person("Bob", Roles::of(&[Role::Admin]));
    let as_admin = desk.as_person(&admin);
    let by_admin = change_calendar(
        &as_admin,
        calendar,
        1,
        &shut_at_noon(),
        &correction(-HOUR, Finished::Stay),
    );
    assert!(matches!(by_admin, Err(Error::Forbidden(_))), "{by_admin:?}");
    change_calendar(&as_admin, calendar, 1, &shut_at_noon(), &Effect::FromNow).unwrap();
    let without_reason = Effect::Correction {
        from: START.plus_secs(-HOUR),
        until: None,
        reason: " ".to_owned(),
        finished: Finished::Stay,
    };
    let ctx = desk.as_person(&ada);
    let Err(Error::Invalid(errors)) =
        change_calendar(&ctx, calendar, 2, &shut_at_noon(), &without_reason)
    else {
        panic!("a correction says why")
    };
    assert_eq!(
        (errors[0].field.as_ref(), errors[0].problem),
        ("reason", "required")
    );
});

both_databases!(
    whoever_touches_a_ticket_before_the_job_finds_its_clocks_counted_by_the_new_hours,
    |desk| {
        let ada = house(&desk);
        let (contoso, calendar) = (customer(&desk, "Contoso"), office(&desk));
        let targets = vec![promise(Metric::Resolve, 4 * HOUR, calendar)];
        sign(&desk, &ada, &agreed("Gold", &[contoso], targets));
        let ticket = open(&desk, &ada, contoso);
        let ctx = desk.as_person(&ada);
        let afternoon = hours("Working hours", "13:00-17:00", "");
        change_calendar(&ctx, calendar, 1, &afternoon, &Effect::FromNow).unwrap();
        act::take(&ctx, ticket.key, None).unwrap();
        assert_eq!(
            clock(&desk, &ticket, Metric::Resolve).deadline_at,
            after(6 * HOUR)
        );
        desk.settle();
        assert_eq!(
            entries(&desk, &ticket, EntryKind::ClockRecomputed).len(),
            1,
            "it is said once"
        );
        caches_are_true(&desk, &ticket);
    }
);
