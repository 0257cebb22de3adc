//! Hours from several calendars, and from data that comes with the program: public holidays and time zones.

use chrono_tz::Tz;
use diesel::prelude::*;
use watchkeeper::actions::calendar::{CalendarDetails, add_calendar, change_calendar};
use watchkeeper::actions::house::{TeamDetails, add_team};
use watchkeeper::actions::people::set_holidays;
use watchkeeper::actions::ticket as act;
use watchkeeper::domain::delivery::DeliveryKind;
use watchkeeper::domain::id::Kind;
use watchkeeper::domain::recount::RecountCause;
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::sla_agreement::{Metric, Threshold};
use watchkeeper::domain::sla_book::TZDB;
use watchkeeper::domain::sla_clock::ClockState;
use watchkeeper::domain::sla_version::Effect;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, Ticket};
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::domain::timestamp::Timestamp;
use watchkeeper::error::Error;
use watchkeeper::store;
use watchkeeper::store::backend::Conn;
use watchkeeper::store::sla::ClockRow;

use crate::both_databases;
use crate::desk::{Desk, START};
use crate::terms::{
    DAY, HOUR, after, agreed, book, caches_are_true, clock, customer, entries, hours, house,
    office, open, promise, sign, version_of,
};

both_databases!(a_promise_can_follow_the_sun, |desk| {
    let ada = house(&desk);
    let (contoso, berlin) = (customer(&desk, "Contoso"), office(&desk));
    let new_york = CalendarDetails {
        zone: Tz::America__New_York,
        ..hours("New York", "09:00-17:00", "")
    };
    let new_york = add_calendar(&desk.as_person(&ada), &new_york).unwrap();
    let mut target = promise(Metric::Resolve, 15 * HOUR, berlin);
    target.also = vec![new_york];
    let id = sign(&desk, &ada, &agreed("Sun", &[contoso], vec![target]));
    let ticket = open(&desk, &ada, contoso);
    // Berlin opens at 07:00Z and New York closes at 21:00Z: twelve hours today, three tomorrow from seven.
    let resolve = clock(&desk, &ticket, Metric::Resolve);
    assert_eq!(resolve.deadline_at, after(25 * HOUR));
    // The second calendar's hours count as well when they change.
    let late_shift = CalendarDetails {
        zone: Tz::America__New_York,
        ..hours("New York", "09:00-20:00", "")
    };
    change_calendar(
        &desk.as_person(&ada),
        new_york,
        1,
        &late_shift,
        &Effect::FromNow,
    )
    .unwrap();
    desk.settle();
    assert_eq!(
        clock(&desk, &ticket, Metric::Resolve).deadline_at,
        after(15 * HOUR)
    );
    caches_are_true(&desk, &ticket);
    let book = book(&desk);
    let kept = &book.agreement(id).unwrap().newest().unwrap().1.agreement;
    assert_eq!(kept.targets[0].also, [new_york]);
});

pub fn sql(desk: &Desk, text: &str) {
    let ran = desk.app.store.write(|tx| {
        let conn: &mut Conn = tx;
        match conn {
            Conn::Sqlite(conn) => diesel::sql_query(text).execute(conn)?,
            Conn::Pg(conn) => diesel::sql_query(text).execute(conn)?,
        };
        Ok(())
    });
    ran.expect("it runs");
}

both_databases!(
    new_tz_data_counts_what_is_open_anew_and_shows_the_difference,
    |desk| {
        let ada = house(&desk);
        let (contoso, calendar) = (customer(&desk, "Contoso"), office(&desk));
        let targets = vec![promise(Metric::Resolve, 4 * HOUR, calendar)];
        sign(&desk, &ada, &agreed("Gold", &[contoso], targets));
        let done = open(&desk, &ada, contoso);
        act::resolve(&desk.as_person(&ada), done.key, None, "a reboot").unwrap();
        let running = open(&desk, &ada, contoso);
        desk.settle();
        let closed = clock(&desk, &done, Metric::Resolve);
        // As if an older program, whose zones were an hour off, had counted them.
        sql(
            &desk,
            "UPDATE clock SET tzdb = '2019a', deadline_at = deadline_at - 3600000000",
        );
        sql(
            &desk,
            "UPDATE recount SET subject = '2019a' WHERE cause = 'zones_changed'",
        );
        desk.advance(1);
        let resolve = clock(&desk, &running, Metric::Resolve);
        assert_eq!(
            (resolve.deadline_at, resolve.tzdb.as_str()),
            (after(4 * HOUR), TZDB)
        );
        let said = entries(&desk, &running, EntryKind::ClockRecomputed);
        assert_eq!(said.len(), 1);
        assert_eq!(said[0].facts.get("cause"), Some("zones_changed"));
        let after_it = clock(&desk, &done, Metric::Resolve);
        assert_eq!(
            (after_it.tzdb.as_str(), after_it.deadline_at),
            ("2019a", closed.deadline_at.map(|at| at.plus_secs(-HOUR))),
            "what had ended stays"
        );
        let recounts = desk
            .app
            .store
            .read(|conn| store::recount::recent(conn, 10))
            .unwrap();
        let zones = recounts
            .iter()
            .find(|it| it.cause == RecountCause::ZonesChanged && it.subject == TZDB)
            .unwrap();
        // The post-mortem of the one that was resolved has its two clocks, too.
        assert_eq!((zones.looked_at, zones.moved), (2, 3));
        assert!(zones.done_at.is_some());
    }
);

both_databases!(
    what_had_ended_by_older_tz_data_stays_whatever_is_written_on_its_ticket_afterwards,
    |desk| {
        let ada = house(&desk);
        let (contoso, calendar) = (customer(&desk, "Contoso"), office(&desk));
        let targets = vec![promise(Metric::Resolve, 4 * HOUR, calendar)];
        sign(&desk, &ada, &agreed("Gold", &[contoso], targets));
        let by = || desk.as_person(&ada);
        let ticket = open(&desk, &ada, contoso);
        desk.advance(4 * HOUR + HOUR / 2);
        act::resolve(&by(), ticket.key, None, "a reboot").unwrap();
        // As if an older program, by whose zones it was due an hour later, had counted it: it was in time.
        sql(
            &desk,
            "UPDATE clock SET tzdb = '2019a', deadline_at = deadline_at + 3600000000, \
             breached_at = NULL, state = 'met' WHERE metric = 'resolve'",
        );
        sql(
            &desk,
            "UPDATE recount SET subject = '2019a' WHERE cause = 'zones_changed'",
        );
        desk.advance(1);
        let kept = clock(&desk, &ticket, Metric::Resolve);
        let expected = (ClockState::Met, after(5 * HOUR), None, "2019a");
        let stands = |row: &ClockRow| {
            let tzdb = row.tzdb.clone();
            (row.state, row.deadline_at, row.breached_at, tzdb)
        };
        let as_expected = |row: &ClockRow| {
            let (state, deadline, breached, tzdb) = stands(row);
            assert_eq!((state, deadline, breached, tzdb.as_str()), expected);
        };
        as_expected(&kept);
        // What is written on it afterwards doesn't bring the new data in by the back door, and the proof isn't at odds with it.
        act::spoke_with_customer(&by(), ticket.key, None, "all is well").unwrap();
        as_expected(&clock(&desk, &ticket, Metric::Resolve));
        caches_are_true(&desk, &ticket);
        // Opened again it runs, and is counted by what is known now.
        act::reopen(&by(), ticket.key, None, "it came back").unwrap();
        let open = clock(&desk, &ticket, Metric::Resolve);
        assert_eq!(
            (open.deadline_at, open.breached_at),
            (after(4 * HOUR), after(4 * HOUR))
        );
        caches_are_true(&desk, &ticket);
        desk.let_letters_go();
    }
);

both_databases!(
    holiday_sets_close_a_calendar_and_new_data_makes_a_version_of_its_own,
    |desk| {
        let ada = house(&desk);
        let (contoso, calendar) = (customer(&desk, "Contoso"), office(&desk));
        let ctx = desk.as_person(&ada);
        // Thursday 4 June 2026 is Corpus Christi in Bavaria.
        let mut bavarian = hours("Working hours", "09:00-17:00", "");
        bavarian.holidays = vec!["de-by".to_owned()];
        change_calendar(&ctx, calendar, 1, &bavarian, &Effect::FromNow).unwrap();
        let targets = vec![promise(Metric::Resolve, 32 * HOUR, calendar)];
        sign(&desk, &ada, &agreed("Gold", &[contoso], targets));
        let ticket = open(&desk, &ada, contoso);
        // 6 + 8 + 8 until Wednesday evening, then 8 on Friday and 2 on Monday.
        let resolve = clock(&desk, &ticket, Metric::Resolve);
        assert_eq!(resolve.deadline_at, after(7 * DAY));
        bavarian.holidays = vec!["XX-1".to_owned()];
        let Err(Error::Invalid(errors)) =
            change_calendar(&ctx, calendar, 2, &bavarian, &Effect::FromNow)
        else {
            panic!("no such set")
        };
        assert_eq!(errors[0].problem, "unknown-holidays");
        desk.settle();
        assert_eq!(version_of(&desk, calendar), 2);
        // As if an older program had written it by data without that day.
        sql(
            &desk,
            "UPDATE calendar_version SET holidays = \
             '{\"sets\":[\"DE-BY\"],\"data\":\"holidays 0.1\",\"days\":[[\"2026-06-05\",\"Bridge day\"]]}' WHERE number = 2",
        );
        sql(
            &desk,
            "UPDATE recount SET subject = 'holidays 0.1' WHERE cause = 'holidays_changed'",
        );
        sql(
            &desk,
            "UPDATE counter SET value = value + 1 WHERE name = 'sla_book'",
        );
        desk.settle();
        assert_eq!(version_of(&desk, calendar), 3);
        let book = book(&desk);
        let (layer, version) = book.calendar(calendar).unwrap().layers.last().unwrap();
        assert_eq!((layer.from, layer.is_correction), (desk.now(), false));
        let day = chrono::NaiveDate::from_ymd_opt(2026, 6, 4).unwrap();
        assert!(version.calendar.differs_on(day) && !version.own.differs_on(day));
    }
);

both_databases!(
    t46_a_warning_waits_for_working_hours_and_for_the_day_after_a_holiday,
    |desk| {
        let ada = house(&desk);
        let contoso = customer(&desk, "Contoso");
        let ctx = desk.as_person(&ada);
        let details = TeamDetails {
            name: "Harbour".to_owned(),
            zone: Tz::Europe__Berlin,
            calendar_id: Some(office(&desk)),
            members: vec![ada.id],
        };
        let team = add_team(&ctx, &details).unwrap();
        let known = book(&desk);
        let always = known
            .calendars
            .iter()
            .find(|it| it.name == "Round the clock");
        // Half of it is over on Thursday 4 June at noon, which is Corpus Christi in Bavaria.
        let mut target = promise(Metric::Resolve, 146 * HOUR, always.unwrap().id);
        target.warn = vec![Threshold::Percent(50)];
        sign(&desk, &ada, &agreed("Gold", &[contoso], vec![target]));
        let opened = |title: &str| {
            let opening = Opening {
                severity: Some(Severity::Average),
                customer: Some(contoso),
                team: Some(team.id),
                owner: Some(ada.id),
                ..Opening::default()
            };
            let title = Title::parse(title).unwrap();
            act::open(&ctx, Kind::Incident, title, &opening).unwrap()
        };
        let ticket = opened("Slow");
        set_holidays(&ctx, ada.id, "DE-BY").unwrap();
        desk.advance(73 * HOUR + 1);
        let warned = entries(&desk, &ticket, EntryKind::ClockWarned);
        assert_eq!(warned.len(), 1);
        let waits_until = |ticket: &Ticket| -> Vec<Timestamp> {
            let sent = desk
                .app
                .store
                .read(|conn| store::outbox::of_ticket(conn, ticket.id))
                .unwrap();
            sent.iter()
                .filter(|it| it.kind == DeliveryKind::Notice)
                .map(|it| it.next_attempt_at)
                .collect()
        };
        // Friday at nine, not on the holiday.
        assert_eq!(waits_until(&ticket), [START.plus_secs(94 * HOUR)]);
    }
);
