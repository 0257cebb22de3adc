//! F9 of the failures that are tried: the relay is away for six hours, and five thousand messages wait for it; and its line breaks
//! while a letter is handed over. All of it over TCP.

use std::collections::HashSet;

use watchkeeper::actions::ticket as act;
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::delivery::{DeliveryKind, DeliveryState};
use watchkeeper::domain::id::Kind;
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, Ticket};
use watchkeeper::domain::timeline::Facts;
use watchkeeper::store;
use watchkeeper::store::outbox::{Delivery, NewDelivery};

use crate::both_databases;
use crate::desk::{Desk, Staff};
use crate::far_relay::{Break, FarRelay, Taken};
use crate::oncall::team;

const RESPONDER: Roles = Roles::of(&[Role::Responder]);
const HOUR: i64 = 3_600;
/// What waits when the relay comes back.
const WAITING: usize = 5_000;

fn open(desk: &Desk, by: &Staff, severity: Severity, title: &str) -> Ticket {
    let opening = Opening {
        severity: Some(severity),
        ..Opening::default()
    };
    let title = Title::parse(title).unwrap();
    act::open(&desk.as_person(by), Kind::Incident, title, &opening).unwrap()
}

/// So many messages of this kind to people outside, all asked for now.
fn ask(desk: &Desk, kind: DeliveryKind, letter: &str, about: &Ticket, count: usize) {
    let now = desk.now();
    desk.app
        .store
        .write(|tx| {
            for n in 0..count {
                let to = format!("{letter}{n}@customer.example");
                let mut new =
                    NewDelivery::mail(kind, format!("f9.{letter}.{n}.{}", now.micros()), to);
                new.ticket = Some(about.id);
                new.entry_seq = Some(1);
                new.facts = Facts::new().with("letter", letter).with("from", "Ada");
                store::outbox::queue(tx, &new, now)?;
            }
            Ok(())
        })
        .unwrap();
}

fn queued(desk: &Desk) -> usize {
    let page = |conn: &mut _| store::outbox::page(conn, Some(DeliveryState::Queued), None, 100_000);
    desk.app.store.read(page).unwrap().len()
}

/// What it is, by whom it is for and what is in it.
fn urgency(letter: &Taken) -> i16 {
    if letter.to.starts_with("reply") {
        DeliveryKind::Reply.urgency()
    } else if letter.to.starts_with("received") {
        DeliveryKind::AutoAnswer.urgency()
    } else if letter.is_urgent || letter.text.contains("/n/") {
        DeliveryKind::Page.urgency()
    } else {
        DeliveryKind::Notice.urgency()
    }
}

both_databases!(
    f9_after_six_hours_without_a_relay_five_thousand_leave_by_urgency_once_each_and_old_pages_dont,
    |mut desk| {
        let relay = FarRelay::of(&mut desk);
        let ada = desk.person("Ada", RESPONDER);
        let bob = desk.person("Bob", RESPONDER);
        team(&desk, "netops", &[&ada, &bob]);
        let calm = open(&desk, &ada, Severity::Information, "Planned work");
        desk.settle();
        relay.is_away(true);
        let begin = desk.now();

        // Pages whose reason is over before anything could leave.
        let over: Vec<Ticket> = (0..10)
            .map(|n| open(&desk, &bob, Severity::Disaster, &format!("Over {n}")))
            .collect();
        ask(&desk, DeliveryKind::Reply, "reply", &calm, 100);
        desk.settle();
        for ticket in &over {
            act::resolve(&desk.as_person(&bob), ticket.key, None, "Replaced.").unwrap();
        }
        for _ in 0..5 {
            desk.advance(HOUR);
        }
        // What comes in the last hour.
        let waits = queued(&desk);
        let rest = WAITING.saturating_sub(waits);
        ask(&desk, DeliveryKind::AutoAnswer, "received", &calm, rest / 2);
        ask(&desk, DeliveryKind::Reply, "reply", &calm, rest - rest / 2);
        let burning = open(&desk, &ada, Severity::Disaster, "Burns now");
        desk.settle();
        assert!(queued(&desk) >= WAITING, "{}", queued(&desk));
        assert!(relay.calls() > WAITING, "each was tried");
        assert!(relay.taken().is_empty(), "nothing leaves");
        desk.app.time.set(begin.plus_secs(6 * HOUR));
        relay.is_away(false);
        desk.settle();
        let letters = relay.taken();

        // All of them, the more urgent before the less, each once.
        let outside = letters
            .iter()
            .filter(|it| it.to.ends_with("@customer.example"));
        assert_eq!(outside.count(), rest + 100);
        let order: Vec<i16> = letters.iter().map(urgency).collect();
        assert!(
            order.is_sorted(),
            "{:?}",
            order.windows(2).position(|two| two[0] > two[1])
        );
        let ids: HashSet<&str> = letters.iter().map(|it| it.message_id.as_str()).collect();
        assert_eq!(ids.len(), letters.len(), "nothing twice");
        // Nobody is paged about what is over; somebody is about what burns.
        let pages: Vec<&Taken> = letters.iter().filter(|it| urgency(it) == 0).collect();
        assert!(
            pages.iter().all(|it| !it.subject.contains("Over ")),
            "{:?}",
            pages.iter().map(|it| &it.subject).collect::<Vec<_>>()
        );
        assert!(
            pages
                .iter()
                .any(|it| it.subject.contains(&burning.key.to_string())),
            "{:?}",
            letters
                .iter()
                .take(5)
                .map(|it| &it.subject)
                .collect::<Vec<_>>()
        );
        let all = desk
            .app
            .store
            .read(|conn| store::outbox::page(conn, None, None, 100_000))
            .unwrap();
        for delivery in all.iter().filter(|it| it.kind == DeliveryKind::Page) {
            let is_over = over.iter().any(|ticket| Some(ticket.id) == delivery.ticket);
            assert!(
                !is_over
                    || matches!(
                        delivery.state,
                        DeliveryState::Cancelled | DeliveryState::Dead
                    ),
                "{:?}",
                delivery.state
            );
        }
        assert!(
            all.iter()
                .any(|it| it.kind == DeliveryKind::Page && it.state == DeliveryState::Cancelled)
        );

        // No replay: not with time, and not by another process.
        let sent = |letters: Vec<Taken>| {
            let outside = |it: &&Taken| it.to.ends_with("@customer.example");
            letters.iter().filter(outside).count()
        };
        desk.advance(HOUR);
        assert_eq!(sent(relay.taken()), 0);
        let mut next = crate::clock_notices::second_node(&desk);
        let app = std::sync::Arc::get_mut(&mut next).expect("nobody else holds it yet");
        app.post = watchkeeper::outbound::Post::of(&app.config);
        watchkeeper::jobs::run_until_quiet(&next).unwrap();
        assert_eq!(sent(relay.taken()), 0);
    }
);

/// The newest one to this address.
fn delivery(desk: &Desk, to: &str) -> Delivery {
    let page = |conn: &mut _| store::outbox::page(conn, None, None, 1_000);
    let all = desk.app.store.read(page).unwrap();
    let of = all.into_iter().filter(|it| it.address == to);
    of.max_by_key(|it| it.queued_at).expect("it was queued")
}

both_databases!(
    f9_where_the_line_breaks_decides_whether_a_letter_is_sent_again,
    |mut desk| {
        let relay = FarRelay::of(&mut desk);
        let ada = desk.person("Ada", RESPONDER);
        team(&desk, "netops", &[&ada]);
        let calm = open(&desk, &ada, Severity::Information, "Planned work");
        desk.settle();
        relay.taken();

        // Nothing was handed over: it is sent again, and comes once.
        ask(&desk, DeliveryKind::Reply, "early", &calm, 1);
        relay.breaks("early0@customer.example", Break::BeforeText);
        desk.settle();
        let waits = delivery(&desk, "early0@customer.example");
        assert_eq!(waits.state, DeliveryState::Queued);
        assert!(relay.taken().is_empty());
        desk.advance(120);
        assert_eq!(
            delivery(&desk, "early0@customer.example").state,
            DeliveryState::Accepted
        );
        assert_eq!(relay.taken().len(), 1);

        // It is there, and nobody said so, or it may be: that is said as it is, and it isn't sent again, whatever time passes and
        // whoever looks.
        for (letter, at, came) in [
            ("within", Break::WithinText, 0),
            ("late", Break::BeforeAnswer, 1),
        ] {
            let to = format!("{letter}0@customer.example");
            for kind in [DeliveryKind::Reply, DeliveryKind::Notice] {
                ask(&desk, kind, letter, &calm, 1);
                relay.breaks(&to, at);
                desk.settle();
                let unsure = delivery(&desk, &to);
                assert_eq!(unsure.state, DeliveryState::Unsure, "{kind} {at:?}");
                desk.advance(86_400);
                assert_eq!(delivery(&desk, &to).state, DeliveryState::Unsure);
                assert_eq!(relay.taken().len(), came, "{kind} {at:?}");
            }
        }

        // A page is sent again until somebody said that it came, with the same id: a mail program shows it once.
        relay.breaks("ada@watch.example.org", Break::BeforeAnswer);
        let burning = open(&desk, &ada, Severity::Disaster, "Burns now");
        desk.settle();
        desk.advance(60);
        let came = relay.taken();
        let about = burning.key.to_string();
        let pages: Vec<&Taken> = came
            .iter()
            .filter(|it| it.to == "ada@watch.example.org" && it.subject.contains(&about))
            .filter(|it| it.is_urgent)
            .collect();
        assert_eq!(pages.len(), 2, "{came:#?}");
        assert_eq!(pages[0].message_id, pages[1].message_id);
        let all = |conn: &mut _| store::outbox::page(conn, None, None, 1_000);
        let all = desk.app.store.read(all).unwrap();
        let page: Vec<&Delivery> = all
            .iter()
            .filter(|it| it.kind == DeliveryKind::Page && it.ticket == Some(burning.id))
            .collect();
        assert_eq!(page.len(), 1, "one page, handed over twice");
        assert_eq!(
            (page[0].state, page[0].attempts),
            (DeliveryState::Accepted, 2)
        );
        // The line is whole again: the next letter leaves at once.
        ask(&desk, DeliveryKind::Reply, "after", &calm, 1);
        desk.settle();
        assert_eq!(
            delivery(&desk, "after0@customer.example").state,
            DeliveryState::Accepted
        );
    }
);
