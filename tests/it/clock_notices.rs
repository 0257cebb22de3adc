//! Who hears of clocks: before the deadline and past it, once, at a decent hour, and in one letter when there are many.

use std::sync::Arc;

use chrono_tz::Tz;
use watchkeeper::actions::agreement::{AgreementDetails, change_agreement, found_house};
use watchkeeper::actions::{page, settings, sla, ticket as act};
use watchkeeper::app::App;
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::id::{Kind, TeamId};
use watchkeeper::domain::settings::SettingKey;
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::sla_agreement::{Budget, HoldsFor, Metric, Threshold};
use watchkeeper::domain::sla_version::Effect;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, State, Ticket};
use watchkeeper::domain::timeline::{Door, EntryKind};
use watchkeeper::store::backend::DatabaseUrl;
use watchkeeper::store::{self, Store};
use watchkeeper::time::TimeSource;

use crate::both_databases;
use crate::desk::{Desk, Staff};
use crate::oncall::team;

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// Ada leads netops, which has no rotation: pages go to her as its only member. Its hours are nine to five, UTC.
pub struct Watch {
    pub desk: Desk,
    pub ada: Staff,
    pub team: TeamId,
}

impl Watch {
    pub fn new(desk: Desk) -> Self {
        let ada = desk.person(
            "Ada",
            Roles::of(&[Role::Admin, Role::Lead, Role::Responder]),
        );
        let team = team(&desk, "netops", &[&ada]);
        let ctx = desk.as_person(&ada);
        ctx.write(|tx| found_house(tx, &ctx, Tz::UTC))
            .expect("the house is founded");
        Self { desk, ada, team }
    }

    pub fn open(&self, severity: Severity, title: &str) -> Ticket {
        let opening = Opening {
            severity: Some(severity),
            team: Some(self.team),
            ..Opening::default()
        };
        let title = Title::parse(title).expect("a title");
        act::open(
            &self.desk.as_person(&self.ada),
            Kind::Incident,
            title,
            &opening,
        )
        .expect("opened")
    }

    /// The one promise of the house, for incidents of any severity, round the clock.
    pub fn promise_resolved_within(&self, secs: i64, warn: Threshold) {
        let ctx = self.desk.as_person(&self.ada);
        let book = ctx.read(|conn| sla::book(ctx.app, conn)).expect("the book");
        let house = &book.agreements()[0];
        let model = house
            .targets
            .iter()
            .find(|target| {
                target.metric == Metric::Resolve
                    && target.severity.is_none_or(|it| it == Severity::Disaster)
            })
            .expect("it is founded");
        let mut target = model.as_ref().clone();
        target.severity = None;
        target.budget = Budget::Counted { secs };
        target.warn = vec![warn];
        let details = AgreementDetails {
            holds_for: HoldsFor::House,
            name: house.name.clone(),
            targets: vec![target],
            backdate_days: house.backdate_days,
            is_active: true,
        };
        change_agreement(&ctx, house.id, house.version, &details, &Effect::FromNow)
            .expect("agreed");
    }

    pub fn rule(&self, key: SettingKey, text: &str) {
        settings::change(&self.desk.as_person(&self.ada), &[(key, text.to_owned())]).expect("set");
    }

    /// The subjects of what was sent since the last look.
    pub fn subjects(&self) -> Vec<String> {
        let letters = self.desk.letters();
        letters.into_iter().map(|mail| mail.subject).collect()
    }

    pub fn count(&self, ticket: &Ticket, kind: EntryKind) -> usize {
        let entries = self
            .desk
            .app
            .store
            .read(|conn| store::timeline::of_kinds(conn, ticket.id, &[kind]));
        entries.expect("its timeline").len()
    }
}

both_databases!(
    t46_a_warning_that_falls_due_at_night_waits_for_its_readers_hours_unless_it_goes_out_at_once,
    |desk| {
        let watch = Watch::new(desk);
        watch.rule(
            SettingKey::ClockWarning,
            "warning:owner information:owner,at_once",
        );
        watch.promise_resolved_within(120 * HOUR, Threshold::Percent(50));
        // From Wednesday 15:00, half of it has passed on Saturday at 03:00.
        watch.desk.advance(2 * DAY + 6 * HOUR);
        let waits = watch.open(Severity::Warning, "A cable is loose");
        let now = watch.open(Severity::Information, "A label is missing");
        watch.desk.advance(60 * HOUR + MINUTE);
        let sent = watch.subjects();
        assert!(
            matches!(sent.as_slice(), [one] if one.contains(&now.key.to_string())),
            "{sent:?}"
        );
        // The team's calendar says nine to five, and Ada lives in Stockholm.
        watch.desk.advance(2 * DAY + 3 * HOUR + 58 * MINUTE);
        assert_eq!(watch.subjects(), Vec::<String>::new(), "Monday, 08:59");
        watch.desk.advance(MINUTE);
        let sent = watch.subjects();
        assert!(
            matches!(sent.as_slice(), [one] if one.contains(&waits.key.to_string())),
            "{sent:?}"
        );
    }
);

both_databases!(
    t45_a_warning_that_would_lie_before_the_beginning_is_dropped,
    |desk| {
        let watch = Watch::new(desk);
        watch.rule(SettingKey::ClockWarning, "warning:owner,at_once");
        watch.promise_resolved_within(2 * HOUR, Threshold::Before { secs: 3 * HOUR });
        let ticket = watch.open(Severity::Warning, "A cable is loose");
        watch.desk.advance(HOUR);
        assert_eq!(watch.subjects(), Vec::<String>::new());
        assert_eq!(watch.count(&ticket, EntryKind::ClockWarned), 0);
    }
);

both_databases!(a_rule_that_names_nobody_tells_nobody, |desk| {
    let watch = Watch::new(desk);
    watch.rule(SettingKey::ClockWarning, "");
    watch.rule(SettingKey::ClockBreach, "");
    let ticket = watch.open(Severity::Warning, "A cable is loose");
    watch.desk.advance(30 * DAY);
    assert_eq!(watch.subjects(), Vec::<String>::new());
    // It is on its timeline all the same.
    assert!(watch.count(&ticket, EntryKind::ClockBreached) > 0);
});

both_databases!(
    a_missed_promise_pages_again_who_had_answered_and_says_what_is_late,
    |desk| {
        let watch = Watch::new(desk);
        let ticket = watch.open(Severity::Disaster, "DB master down");
        let paged = watch.desk.letters();
        assert_eq!(paged.len(), 1, "{paged:?}");
        page::acknowledge(&watch.desk.as_person(&watch.ada), ticket.key).expect("answered");
        watch.desk.letters();
        // The house restores a disaster within four hours.
        watch.desk.advance(4 * HOUR + MINUTE);
        let sent = watch.desk.letters();
        let page = sent
            .iter()
            .find(|mail| mail.text.contains("Restore: 1 min over"))
            .unwrap_or_else(|| panic!("no page says what is late: {sent:?}"));
        assert_eq!(page.subject, format!("{} DB master down", ticket.key));
        assert_eq!(watch.count(&ticket, EntryKind::Paged), 2);
    }
);

both_databases!(
    nobody_is_woken_for_the_paperwork_of_what_works_again,
    |desk| {
        let watch = Watch::new(desk);
        let ticket = watch.open(Severity::Disaster, "DB master down");
        let ctx = watch.desk.as_person(&watch.ada);
        page::acknowledge(&ctx, ticket.key).expect("answered");
        act::step(&ctx, ticket.key, None, State::Restored, "").expect("restored");
        watch.desk.letters();
        // To be resolved within a day.
        watch.desk.advance(25 * HOUR);
        let sent = watch.subjects();
        assert!(
            sent.iter().any(|subject| subject.contains("Late")),
            "{sent:?}"
        );
        assert_eq!(watch.count(&ticket, EntryKind::Paged), 1);
    }
);

both_databases!(
    t31_after_a_silence_of_hours_the_breach_is_the_deadline_and_one_letter_tells_of_everything,
    |desk| {
        let watch = Watch::new(desk);
        watch.rule(SettingKey::ClockBreach, "average:owner");
        let tickets: Vec<Ticket> = (1..=5)
            .map(|n| watch.open(Severity::Average, &format!("Disk {n} is full")))
            .collect();
        watch.desk.letters();
        // Nothing runs from 09:00 until 12:10: own was due at ten, respond at eleven.
        let deadline = watch.desk.now().plus_secs(HOUR);
        watch.desk.advance(3 * HOUR + 10 * MINUTE);
        let sent = watch.desk.letters();
        let [summary] = sent.as_slice() else {
            panic!("one letter: {sent:?}")
        };
        assert!(summary.subject.contains("10 late"), "{}", summary.subject);
        for ticket in &tickets {
            assert!(
                summary.text.contains(&ticket.key.to_string()),
                "{}",
                summary.text
            );
        }
        assert!(
            summary.text.contains("told 2 h 10 min late"),
            "{}",
            summary.text
        );
        let breached = watch
            .desk
            .app
            .store
            .read(|conn| {
                store::timeline::of_kinds(conn, tickets[0].id, &[EntryKind::ClockBreached])
            })
            .expect("its timeline");
        assert_eq!(breached[0].effective_at, deadline);
        assert_eq!(breached.len(), 2);
        watch.desk.advance(10 * MINUTE);
        assert_eq!(watch.subjects(), Vec::<String>::new(), "each is told once");
    }
);

both_databases!(
    a_person_hears_of_clocks_at_most_once_a_minute_and_of_none_twice,
    |desk| {
        let watch = Watch::new(desk);
        watch.rule(SettingKey::ClockBreach, "average:owner");
        watch.rule(SettingKey::ClockWarning, "");
        let mut keys = Vec::new();
        for n in 1..=3 {
            keys.push(
                watch
                    .open(Severity::Average, &format!("Disk {n} is full"))
                    .key,
            );
            watch.desk.letters();
            watch.desk.advance(20);
        }
        // Due one after the other, twenty seconds apart.
        watch.desk.advance(HOUR - 60 + 1);
        let first = watch.subjects();
        assert!(
            matches!(first.as_slice(), [one] if one.contains(&keys[0].to_string())),
            "{first:?}"
        );
        watch.desk.advance(20);
        watch.desk.advance(20);
        assert_eq!(watch.subjects(), Vec::<String>::new());
        watch.desk.advance(21);
        let second = watch.desk.letters();
        let [both] = second.as_slice() else {
            panic!("one letter: {second:?}")
        };
        for key in &keys[1..] {
            assert!(both.text.contains(&key.to_string()), "{}", both.text);
        }
        assert!(!both.text.contains(&keys[0].to_string()), "{}", both.text);
        watch.desk.advance(10 * MINUTE);
        assert_eq!(watch.subjects(), Vec::<String>::new());
    }
);

/// Another process on the same house.
pub fn second_node(desk: &Desk) -> Arc<App> {
    let store = Store::open(&desk.app.config.database).expect("the database opens");
    let time = TimeSource::manual(desk.now());
    let mut app = App::new(store, time, desk.app.config.clone()).expect("the app starts");
    app.post = watchkeeper::outbound::Post::recorded();
    Arc::new(app)
}

both_databases!(
    t64_two_nodes_that_look_at_the_same_clocks_tell_each_once,
    |desk| {
        let watch = Watch::new(desk);
        watch.rule(SettingKey::ClockBreach, "average:owner");
        watch.rule(SettingKey::ClockWarning, "");
        let tickets: Vec<Ticket> = (1..=40)
            .map(|n| watch.open(Severity::Average, &format!("Disk {n} is full")))
            .collect();
        watch.desk.letters();
        let now = watch.desk.now().plus_secs(HOUR + 1);
        watch.desk.app.time.set(now);
        let nodes = match watch.desk.app.config.database {
            // One process works on an embedded database; its threads are the nodes.
            DatabaseUrl::Sqlite(_) => {
                vec![Arc::clone(&watch.desk.app), Arc::clone(&watch.desk.app)]
            }
            DatabaseUrl::Postgres(_) => vec![Arc::clone(&watch.desk.app), second_node(&watch.desk)],
        };
        std::thread::scope(|scope| {
            for node in &nodes {
                scope.spawn(move || {
                    let ctx = node.system("clocks", Door::Clock);
                    while sla::wake_due(&ctx, 7).expect("a look") > 0 {}
                });
            }
        });
        for ticket in &tickets {
            assert_eq!(watch.count(ticket, EntryKind::ClockBreached), 1);
        }
        let queued = watch
            .desk
            .app
            .store
            .read(|conn| {
                store::outbox::page(
                    conn,
                    Some(watchkeeper::domain::delivery::DeliveryState::Queued),
                    None,
                    100,
                )
            })
            .expect("the outbox");
        assert_eq!(queued.len(), tickets.len());
        watch.desk.let_letters_go();
    }
);
