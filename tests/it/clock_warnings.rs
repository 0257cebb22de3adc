//! Warnings of a deadline that has moved, or of a clock that was held, since they fell due; and that each promise of a ticket tells
//! by its own deadline.

use std::sync::Arc;

use chrono_tz::Tz;
use watchkeeper::actions::agreement::{AgreementDetails, change_agreement};
use watchkeeper::actions::calendar::{CalendarDetails, change_calendar};
use watchkeeper::actions::{sla, ticket as act, ticket_hold};
use watchkeeper::domain::calendar::Range;
use watchkeeper::domain::calendar_text::parse_exceptions;
use watchkeeper::domain::hold::NewHold;
use watchkeeper::domain::settings::SettingKey;
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::sla_agreement::{Agreement, Budget, HoldsFor, Metric, Threshold};
use watchkeeper::domain::sla_version::{Effect, Finished};
use watchkeeper::domain::ticket::{Ticket, WaitingOn};
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::domain::timestamp::Timestamp;

use crate::both_databases;
use crate::clock_notices::Watch;
use crate::desk::{Desk, START};
use crate::sla::{clock, now_of};

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

fn house_agreement(watch: &Watch) -> Agreement {
    let ctx = watch.desk.as_person(&watch.ada);
    let book = ctx.read(|conn| sla::book(ctx.app, conn)).expect("the book");
    book.agreements()[0].clone()
}

/// Corrects the house's one promise: it was due after so many seconds from the beginning of the story.
fn correct_budget(watch: &Watch, secs: i64) {
    let house = house_agreement(watch);
    let mut target = house.targets[0].as_ref().clone();
    target.budget = Budget::Counted { secs };
    let details = AgreementDetails {
        holds_for: HoldsFor::House,
        name: house.name.clone(),
        targets: vec![target],
        backdate_days: house.backdate_days,
        is_active: true,
    };
    let correction = Effect::Correction {
        from: START,
        until: None,
        reason: "the contract says so".to_owned(),
        finished: Finished::Stay,
    };
    let ctx = watch.desk.as_person(&watch.ada);
    change_agreement(&ctx, house.id, house.version, &details, &correction).expect("corrected");
}

fn wait(watch: &Watch, ticket: &Ticket) {
    let wait = NewHold::new(WaitingOn::Vendor, "a part");
    let ctx = watch.desk.as_person(&watch.ada);
    ticket_hold::hold(&ctx, ticket.key, None, &wait).expect("it waits");
}

fn release(watch: &Watch, ticket: &Ticket) {
    let ctx = watch.desk.as_person(&watch.ada);
    ticket_hold::release(&ctx, ticket.key, None, None).expect("it goes on");
}

/// Which tickets the letters since the last look are about, of the given ones.
fn told_of<'a>(desk: &Desk, tickets: &[(&'a str, &Ticket)]) -> Vec<&'a str> {
    let letters = desk.letters();
    let mut told = Vec::new();
    for letter in &letters {
        for (name, ticket) in tickets {
            if letter.text.contains(&ticket.key.to_string()) {
                told.push(*name);
            }
        }
    }
    told
}

fn due(desk: &Desk, ticket: &Ticket) -> Option<Timestamp> {
    clock(desk, ticket, Metric::Resolve).deadline_at
}

both_databases!(
    a_warning_that_waits_for_its_readers_hours_is_kept_back_while_its_clock_is_held_and_comes_with_the_release,
    |desk| {
        let watch = Watch::new(desk);
        let desk = &watch.desk;
        watch.rule(SettingKey::ClockWarning, "warning:owner");
        watch.rule(SettingKey::ClockBreach, "");
        watch.promise_resolved_within(120 * HOUR, Threshold::Percent(50));
        // From Wednesday 15:00, half of it has passed on Saturday at 03:00, when nobody works.
        desk.advance(2 * DAY + 6 * HOUR);
        let began = desk.now();
        let held = watch.open(Severity::Warning, "A cable is loose");
        let brief = watch.open(Severity::Warning, "A label is missing");
        let still = watch.open(Severity::Warning, "A lamp is dark");
        let all = [("held", &held), ("brief", &brief), ("still", &still)];
        desk.advance(60 * HOUR + MINUTE);
        for (name, ticket) in all {
            assert_eq!(watch.count(ticket, EntryKind::ClockWarned), 1, "{name}");
        }
        assert_eq!(told_of(desk, &all), Vec::<&str>::new());
        wait(&watch, &held);
        wait(&watch, &brief);
        desk.advance(24 * HOUR);
        release(&watch, &brief);
        assert_eq!(told_of(desk, &all), Vec::<&str>::new(), "Sunday");
        // Monday at nine: of the one that is held nobody needs to hear, of the others once.
        desk.advance(30 * HOUR);
        let mut told = told_of(desk, &all);
        told.sort_unstable();
        assert_eq!(told, ["brief", "still"]);
        let moved = began.plus_secs(144 * HOUR);
        assert_eq!(due(desk, &brief), Some(moved));
        desk.advance(HOUR);
        assert_eq!(told_of(desk, &all), Vec::<&str>::new());
        // Released, half of it is used as before, and whoever has it hears of that.
        release(&watch, &held);
        desk.advance(2 * MINUTE);
        assert_eq!(told_of(desk, &all), ["held"]);
        desk.advance(10 * MINUTE);
        assert_eq!(told_of(desk, &all), Vec::<&str>::new(), "once");
        // Held and released again after its letter, it has been told.
        wait(&watch, &held);
        desk.advance(HOUR);
        release(&watch, &held);
        desk.advance(HOUR);
        assert_eq!(told_of(desk, &all), Vec::<&str>::new());
    }
);

both_databases!(
    a_letter_about_a_deadline_that_has_moved_since_is_not_sent_and_the_next_one_is,
    |desk| {
        let watch = Watch::new(desk);
        let desk = &watch.desk;
        watch.rule(SettingKey::ClockWarning, "warning:owner");
        watch.rule(SettingKey::ClockBreach, "");
        watch.promise_resolved_within(120 * HOUR, Threshold::Percent(50));
        desk.advance(2 * DAY + 6 * HOUR);
        let began = desk.now();
        let ticket = watch.open(Severity::Warning, "A cable is loose");
        let all = [("it", &ticket)];
        desk.advance(60 * HOUR + MINUTE);
        assert_eq!(watch.count(&ticket, EntryKind::ClockWarned), 1);
        // It was promised within two hundred hours: half of that is over on Sunday at 19:00.
        correct_budget(&watch, 200 * HOUR);
        desk.settle();
        assert_eq!(due(desk, &ticket), Some(began.plus_secs(200 * HOUR)));
        desk.advance(39 * HOUR);
        assert_eq!(watch.count(&ticket, EntryKind::ClockWarned), 1, "18:01");
        desk.advance(HOUR);
        assert_eq!(watch.count(&ticket, EntryKind::ClockWarned), 2);
        // Of both letters one is left on Monday, and it says what holds.
        desk.advance(14 * HOUR);
        let letters = desk.letters();
        let [letter] = letters.as_slice() else {
            panic!("one letter: {letters:?}")
        };
        assert!(letter.text.contains(&ticket.key.to_string()));
        assert!(
            letter.text.contains("must be resolved by"),
            "about one deadline: {}",
            letter.text
        );
        assert_eq!(told_of(desk, &all), Vec::<&str>::new());
    }
);

both_databases!(
    who_waits_for_a_letter_about_a_moved_deadline_gets_one_whoever_touches_the_ticket_first,
    |desk| {
        let watch = Watch::new(desk);
        let desk = &watch.desk;
        watch.rule(SettingKey::ClockWarning, "warning:owner");
        watch.rule(SettingKey::ClockBreach, "");
        watch.promise_resolved_within(120 * HOUR, Threshold::Percent(50));
        desk.advance(2 * DAY + 6 * HOUR);
        let began = desk.now();
        let ticket = watch.open(Severity::Warning, "A cable is loose");
        desk.advance(60 * HOUR + MINUTE);
        // An hour of Monday won't count; half of it is over all the same. Ada takes the ticket before a job has counted it anew.
        let ctx = desk.as_person(&watch.ada);
        let book = ctx.read(|conn| sla::book(ctx.app, conn)).unwrap();
        let known = book.calendars.iter();
        let always = known
            .clone()
            .find(|it| it.name == "Round the clock")
            .unwrap();
        let line = "2026-06-08 not 10:00-11:00 Stocktaking";
        let hours = CalendarDetails {
            name: always.name.clone(),
            zone: Tz::UTC,
            weekly: (0..7).map(|day| (day, Range::DAY)).collect(),
            exceptions: parse_exceptions("exceptions", line).unwrap(),
            holidays: Vec::new(),
            is_active: true,
        };
        change_calendar(&ctx, always.id, always.version, &hours, &Effect::FromNow).unwrap();
        act::take(&ctx, ticket.key, None).unwrap();
        assert_eq!(due(desk, &ticket), Some(began.plus_secs(121 * HOUR)));
        assert_eq!(told_of(desk, &[("it", &ticket)]), Vec::<&str>::new());
        desk.advance(54 * HOUR);
        let letters = desk.letters();
        let [letter] = letters.as_slice() else {
            panic!("one letter: {letters:?}")
        };
        assert!(
            letter.text.contains("must be resolved by"),
            "{}",
            letter.text
        );
    }
);

both_databases!(
    what_was_warned_of_is_warned_of_again_only_where_the_moved_deadline_puts_it_into_the_future,
    |desk| {
        let watch = Watch::new(desk);
        let desk = &watch.desk;
        watch.rule(SettingKey::ClockWarning, "warning:owner,at_once");
        watch.rule(SettingKey::ClockBreach, "");
        watch.promise_resolved_within(120 * HOUR, Threshold::Percent(50));
        let began = desk.now();
        let ticket = watch.open(Severity::Warning, "A cable is loose");
        let all = [("it", &ticket)];
        let moves_to = |hours: i64| {
            correct_budget(&watch, hours * HOUR);
            desk.settle();
            let now = began.plus_secs(hours * HOUR);
            assert_eq!(due(desk, &ticket), Some(now));
        };
        let generation = || clock(desk, &ticket, Metric::Resolve).generation;
        desk.advance(60 * HOUR + 1);
        assert_eq!(told_of(desk, &all), ["it"]);
        // Sooner: half of a hundred hours was over before, and that half of it is over was said.
        moves_to(100);
        assert_eq!(generation(), 1);
        desk.advance(5 * MINUTE);
        assert_eq!(told_of(desk, &all), Vec::<&str>::new());
        // A little later, but not so much that it would lie ahead.
        moves_to(110);
        desk.advance(5 * MINUTE);
        assert_eq!(told_of(desk, &all), Vec::<&str>::new());
        assert_eq!(watch.count(&ticket, EntryKind::ClockWarned), 1);
        // Much later: half of it is still to come.
        moves_to(240);
        desk.advance(59 * HOUR);
        assert_eq!(told_of(desk, &all), Vec::<&str>::new());
        desk.advance(HOUR);
        assert_eq!(told_of(desk, &all), ["it"]);
        assert_eq!(watch.count(&ticket, EntryKind::ClockWarned), 2);
        assert_eq!(generation(), 3);
        // A wait after it moves the deadline and not the half that is used.
        wait(&watch, &ticket);
        desk.advance(3 * HOUR);
        release(&watch, &ticket);
        desk.advance(3 * HOUR);
        assert_eq!(told_of(desk, &all), Vec::<&str>::new());
        assert_eq!(watch.count(&ticket, EntryKind::ClockWarned), 2);
    }
);

both_databases!(
    t44_each_promise_of_a_ticket_escalates_by_its_own_deadline,
    |desk| {
        let watch = Watch::new(desk);
        let desk = &watch.desk;
        watch.rule(SettingKey::ClockWarning, "");
        watch.rule(SettingKey::ClockBreach, "average:team");
        watch.rule(SettingKey::ClockAfter, "average@30min:lead");
        let house = house_agreement(&watch);
        let targets = [(Metric::Own, HOUR), (Metric::Resolve, 3 * HOUR)];
        let targets = targets.map(|(metric, secs)| {
            let of_metric = |it: &&Arc<_>| {
                let it: &watchkeeper::domain::sla_agreement::Target = it;
                it.metric == metric
            };
            let model = house.targets.iter().find(of_metric).expect("it is founded");
            let mut target = model.as_ref().clone();
            (target.severity, target.warn) = (None, Vec::new());
            target.budget = Budget::Counted { secs };
            target
        });
        let details = AgreementDetails {
            holds_for: HoldsFor::House,
            name: house.name.clone(),
            targets: targets.to_vec(),
            backdate_days: house.backdate_days,
            is_active: true,
        };
        let ctx = || desk.as_person(&watch.ada);
        change_agreement(&ctx(), house.id, house.version, &details, &Effect::FromNow).unwrap();
        let ticket = watch.open(Severity::Average, "Disk is full");
        desk.letters();
        let told = || -> Vec<String> {
            let letters = desk.letters().into_iter();
            let of_each = ["Nobody has taken", "isn't resolved"];
            let about = |text: &str| of_each.map(|sentence| text.contains(sentence));
            letters
                .map(|letter| match about(&letter.text) {
                    [true, false] => "own".to_owned(),
                    [false, true] => "resolve".to_owned(),
                    other => panic!("{other:?}: {}", letter.text),
                })
                .collect()
        };
        let none = Vec::<String>::new();
        desk.advance(HOUR + 1);
        assert_eq!(told(), ["own"], "at its breach");
        desk.advance(30 * MINUTE);
        assert_eq!(told(), ["own"], "half an hour after it");
        act::take(&ctx(), ticket.key, None).unwrap();
        desk.letters();
        // The lateness of the one that has ended climbs no further, and the other's hasn't begun.
        desk.advance(89 * MINUTE + 59);
        assert_eq!(told(), none, "at the second promise's deadline");
        desk.advance(1);
        assert_eq!(told(), ["resolve"], "past it");
        desk.advance(30 * MINUTE - 2);
        assert_eq!(told(), none);
        desk.advance(1);
        assert_eq!(told(), ["resolve"], "half an hour after it");
        desk.advance(DAY);
        assert_eq!(told(), none);
        assert!(now_of(desk, &ticket).due.is_late);
    }
);
