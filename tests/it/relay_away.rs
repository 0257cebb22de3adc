//! F9 of the failures that are tried: the relay is away for six hours, and five thousand messages wait for it.

use std::collections::HashSet;

use watchkeeper::actions::ticket as act;
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::delivery::{DeliveryKind, DeliveryState};
use watchkeeper::domain::id::Kind;
use watchkeeper::domain::outgoing::{Handover, OutgoingMail};
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, Ticket};
use watchkeeper::domain::timeline::Facts;
use watchkeeper::store;
use watchkeeper::store::outbox::NewDelivery;

use crate::both_databases;
use crate::desk::{Desk, Staff};
use crate::oncall::team;

const RESPONDER: Roles = Roles::of(&[Role::Responder]);
const HOUR: i64 = 3_600;
/// What waits when the relay comes back.
const WAITING: usize = 5_000;

fn relay(desk: &Desk, answer: Option<Handover>) {
    let recorder = desk.app.post.recorder();
    recorder
        .expect("deliveries are recorded")
        .answer_all(answer);
}

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

/// What it is, by its subject.
fn urgency(letter: &OutgoingMail) -> i16 {
    let to = letter.to.as_str();
    if to.starts_with("reply") {
        DeliveryKind::Reply.urgency()
    } else if to.starts_with("received") {
        DeliveryKind::AutoAnswer.urgency()
    } else if letter.headers.iter().any(|(name, _)| *name == "X-Priority")
        || letter.text.contains("/n/")
    {
        DeliveryKind::Page.urgency()
    } else {
        DeliveryKind::Notice.urgency()
    }
}

both_databases!(
    f9_after_six_hours_without_a_relay_five_thousand_leave_by_urgency_once_each_and_old_pages_dont,
    |desk| {
        desk.let_letters_go();
        let ada = desk.person("Ada", RESPONDER);
        let bob = desk.person("Bob", RESPONDER);
        team(&desk, "netops", &[&ada, &bob]);
        let calm = open(&desk, &ada, Severity::Information, "Planned work");
        desk.letters();
        relay(
            &desk,
            Some(Handover::Deferred("connection refused".to_owned())),
        );
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
        assert!(
            desk.app.post.recorder().unwrap().drain().is_empty(),
            "nothing leaves"
        );
        desk.app.time.set(begin.plus_secs(6 * HOUR));
        relay(&desk, None);
        let letters = desk.letters();

        // All of them, the more urgent before the less, each once.
        let outside = letters
            .iter()
            .filter(|it| it.to.as_str().ends_with("@customer.example"));
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
        let pages: Vec<&OutgoingMail> = letters.iter().filter(|it| urgency(it) == 0).collect();
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
        desk.app.post.recorder().unwrap().drain();
        let sent = |letters: Vec<OutgoingMail>| {
            letters
                .into_iter()
                .filter(|it| it.to.as_str().ends_with("@customer.example"))
                .count()
        };
        desk.advance(HOUR);
        assert_eq!(sent(desk.letters()), 0);
        let next = crate::clock_notices::second_node(&desk);
        watchkeeper::jobs::run_until_quiet(&next).unwrap();
        assert_eq!(sent(next.post.recorder().unwrap().drain()), 0);
    }
);
