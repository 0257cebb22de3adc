//! Tickets made by the thousand: the same as those that people make one by one, and found like them.

use watchkeeper::actions::bulk::{self, By, Deed, Done, Maker, Past};
use watchkeeper::actions::{agreement, sla, ticket as act, ticket_hold};
use watchkeeper::cli::demo::{self, crowd};
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::hold::NewHold;
use watchkeeper::domain::id::{Kind, TicketKey};
use watchkeeper::domain::query::{Openness, Sort};
use watchkeeper::domain::search::Question;
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, Ticket, WaitingOn};
use watchkeeper::domain::timeline::{Actor, Door, EntryKind};
use watchkeeper::domain::timestamp::Timestamp;
use watchkeeper::store;
use watchkeeper::store::queue::Filter;
use watchkeeper::store::search::Eyes;

use crate::both_databases;
use crate::desk::{Desk, START, Staff};
use crate::mail::contoso;

const MINUTE: i64 = 60;
const DAY: i64 = 86_400;

fn by_key(desk: &Desk, kind: Kind, number: i64) -> Option<Ticket> {
    let key = TicketKey { kind, number };
    desk.app
        .store
        .read(|conn| store::ticket::by_key(conn, key))
        .unwrap()
}

fn hits(desk: &Desk, words: &str, eyes: Eyes) -> i64 {
    let question = Question::parse(words);
    desk.app
        .store
        .read(|conn| store::search::find(conn, &question, eyes, 50))
        .unwrap()
        .1
}

both_databases!(
    two_thousand_tickets_are_in_the_queue_and_in_the_index_and_numbers_go_on,
    |desk| {
        let mut config = desk.app.config.clone();
        config.mail_folder = Some(config.data.join("outbox"));
        // Fails by itself if a recomputed clock differs.
        demo::make(&config, START, 2_000).unwrap();
        let of_month = by_key(&desk, Kind::Incident, 1_901).expect("the month's first");
        assert_eq!(
            of_month.title.as_str(),
            "Certificate of the mail relay expired"
        );
        assert!(by_key(&desk, Kind::Task, 101).is_some());
        let first = by_key(&desk, Kind::Incident, 1).unwrap();
        assert_eq!(first.logged_at.secs_since(START), -crowd::DAYS * DAY);

        let open = Filter {
            openness: Openness::Open,
            ..Filter::default()
        };
        let (slice, count) = desk
            .app
            .store
            .read(|conn| {
                let slice = store::queue::slice(conn, &open, Sort::Due, None, 50)?;
                Ok((slice, store::queue::count_up_to(conn, &open, 5_000)?))
            })
            .unwrap();
        assert!((13..200).contains(&count), "{count} are open");
        let dues: Vec<Timestamp> = slice.tickets.iter().map(|it| it.due.at).collect();
        assert!(dues.is_sorted());

        for sort in [Sort::Due, Sort::Updated, Sort::New] {
            pages_hold_each_ticket_once(&desk, sort);
        }

        // Every tenth, and the month's four.
        let common = hits(&desk, crowd::COMMON, Eyes::Staff);
        assert!((200..220).contains(&common), "{common}");
        let rare = hits(&desk, crowd::RARE, Eyes::Staff);
        assert!((1..10).contains(&rare), "{rare}");
        // Two words are fewer than either.
        let both = hits(&desk, &format!("{} 4", crowd::COMMON), Eyes::Staff);
        assert!((1..common).contains(&both), "{both}");
    }
);

/// Open and closed together, page after page.
fn pages_hold_each_ticket_once(desk: &Desk, sort: Sort) {
    let any = Filter {
        openness: Openness::Any,
        ..Filter::default()
    };
    let mut seen: Vec<Ticket> = Vec::new();
    let mut from = None;
    loop {
        let page = desk
            .app
            .store
            .read(|conn| store::queue::slice(conn, &any, sort, from, 300))
            .unwrap();
        seen.extend(page.tickets);
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    match sort {
        Sort::Due => assert!(seen.is_sorted_by_key(|it| (it.due.at, it.id))),
        Sort::Updated => {
            assert!(seen.is_sorted_by(|a, b| (a.updated_at, a.id) > (b.updated_at, b.id)))
        }
        Sort::New => assert!(seen.is_sorted_by(|a, b| a.id > b.id)),
    }
    let all = desk
        .app
        .store
        .read(|conn| store::queue::count_up_to(conn, &any, 5_000))
        .unwrap();
    assert_eq!(seen.len() as i64, all, "{sort}");
}

/// What a comparison looks at; ids, and what only lives in the moment (pages, letters, warnings), are left out.
fn told(desk: &Desk, ticket: &Ticket) -> Vec<String> {
    let (entries, clocks, affected, services, watchers, labels, roles) = desk
        .app
        .store
        .read(|conn| {
            let id = ticket.id;
            Ok((
                store::timeline::of_ticket(conn, id)?,
                store::sla::of_ticket(conn, id)?,
                store::ticket::affected(conn, id)?,
                store::ticket::services(conn, id)?,
                store::ticket::watchers(conn, id)?,
                store::ticket::labels(conn, id)?,
                store::ticket::roles(conn, id)?,
            ))
        })
        .unwrap();
    let of_the_moment = [
        EntryKind::Paged,
        EntryKind::PageSuppressed,
        EntryKind::ClockWarned,
        EntryKind::DeadEnd,
    ];
    let mut lines: Vec<String> = entries
        .iter()
        .filter(|entry| !of_the_moment.contains(&entry.kind))
        .map(|entry| {
            let facts: Vec<_> = entry
                .facts
                .iter()
                .filter(|(name, _)| !["clock", "key", "hold", "late"].contains(name))
                .collect();
            format!(
                "{} {} {:?} {} {:?} {} {facts:?}",
                entry.kind,
                entry.effective_at.rfc3339(),
                entry.actor,
                entry.actor_name,
                entry.audience,
                entry.body
            )
        })
        .collect();
    let mut wound: Vec<String> = clocks
        .iter()
        .map(|row| {
            format!(
                "{:?} {} {} {} {:?} {} {} {:?} {:?} {:?} {:?}",
                row.customer_id,
                row.metric,
                row.cycle,
                row.revision,
                row.target_id,
                row.anchor_at.rfc3339(),
                row.state,
                row.deadline_at,
                row.ended_at,
                row.breached_at,
                row.cancelled,
            )
        })
        .collect();
    wound.sort();
    lines.extend(wound);
    lines.extend(affected.iter().map(|hit| {
        format!(
            "{:?} {:?} {:?} {:?} {:?}",
            hit.customer_id, hit.service_id, hit.impact_at, hit.reported_at, hit.restored_at
        )
    }));
    lines.push(format!("{services:?} {watchers:?} {labels:?} {roles:?}"));
    lines.push(format!(
        "{} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {} {} {:?}",
        ticket.state,
        ticket.severity,
        ticket.customer,
        ticket.owner,
        ticket.team,
        ticket.restored_at,
        ticket.resolved_at,
        ticket.due,
        ticket.awaits_us,
        ticket.version,
        ticket.updated_at,
    ));
    lines
}

/// The same life, lived through the actions while the jobs run.
fn lived(desk: &Desk, ada: &Staff, past: &Past) -> Ticket {
    let go_to = |at: Timestamp| {
        while desk.now() < at {
            desk.advance(at.secs_since(desk.now()).min(15 * MINUTE));
        }
    };
    go_to(past.at);
    let title = past.title.clone();
    let opened = act::open(&desk.as_person(ada), past.kind, title, &past.opening).unwrap();
    for done in &past.deeds {
        go_to(done.at);
        let ctx = desk.as_person(ada);
        match &done.deed {
            Deed::Take(_) => act::take(&ctx, opened.key, None),
            Deed::Note(text) => act::note(&ctx, opened.key, text),
            Deed::Reply(_, text) => {
                act::reply(&ctx, opened.key, text, None, None).map(|said| said.ticket)
            }
            Deed::Hold(hold) => ticket_hold::hold(&ctx, opened.key, None, hold),
            Deed::Release => ticket_hold::release(&ctx, opened.key, None, None),
            Deed::Resolve(how) => act::resolve(&ctx, opened.key, None, how),
            Deed::Close => panic!("the job does that"),
        }
        .unwrap();
    }
    desk.settle();
    by_key(desk, past.kind, opened.key.number).unwrap()
}

both_databases!(
    a_ticket_that_is_made_at_once_is_the_ticket_that_people_would_have_made,
    |desk| {
        contoso(&desk);
        let ada = desk.person("Ada", Roles::of(&[Role::Responder]));
        let ctx = desk.app.system("test", Door::Cli);
        ctx.write(|tx| agreement::found_house(tx, &ctx, chrono_tz::UTC))
            .unwrap();
        let (customer, carol) = desk
            .app
            .store
            .read(|conn| {
                let customer = store::customer::all(conn)?[0].id;
                Ok((customer, store::people::contacts_of(conn, customer)?[0].id))
            })
            .unwrap();
        let by = By {
            actor: Actor::Person(ada.id),
            name: ada.name.clone(),
        };
        let asked = Opening {
            severity: Some(Severity::Average),
            body: "The zirconium feed stopped.".to_owned(),
            customer: Some(customer),
            requester: Some(carol),
            impact_at: Some(START.plus_secs(-5 * MINUTE)),
            labels: vec!["feed".to_owned()],
            ..Opening::default()
        };
        let life = |opening: &Opening, at: Timestamp, deeds: Vec<(i64, Deed)>| Past {
            kind: Kind::Incident,
            title: Title::parse("The feed of Contoso stopped").unwrap(),
            opening: opening.clone(),
            door: Door::Web,
            at,
            by: by.clone(),
            owner_name: String::new(),
            deeds: deeds
                .into_iter()
                .map(|(minutes, deed)| Done {
                    at: at.plus_secs(minutes * MINUTE),
                    by: by.clone(),
                    deed,
                })
                .collect(),
        };
        let reply = || Deed::Reply(ada.id, "We see it.".to_owned());
        let resolve = || Deed::Resolve("Started it again.".to_owned());
        let hold = Deed::Hold(NewHold {
            whom: "Contoso".to_owned(),
            until: Some(START.plus_secs(3 * DAY)),
            ..NewHold::new(WaitingOn::Customer, "an answer")
        });
        let bare = Opening {
            severity: Some(Severity::Warning),
            body: "Half full.".to_owned(),
            ..Opening::default()
        };
        let lives = [
            // In time, with a wait in it.
            life(
                &asked,
                START,
                vec![
                    (10, Deed::Take(ada.id)),
                    (20, reply()),
                    (45, hold),
                    (2_000, resolve()),
                ],
            ),
            // Nobody came for a day: three promises missed.
            life(
                &asked,
                START.plus_secs(2 * DAY),
                vec![
                    (1_500, Deed::Take(ada.id)),
                    (1_520, reply()),
                    (6_000, resolve()),
                ],
            ),
            // Still open, and late.
            life(
                &bare,
                START.plus_secs(7 * DAY),
                vec![
                    (5, Deed::Take(ada.id)),
                    (6, Deed::Note("Watching.".to_owned())),
                ],
            ),
        ];
        for past in &lives {
            let real = lived(&desk, &ada, past);
            let ctx = desk.app.system("test", Door::Cli);
            let book = ctx.read(|conn| sla::book(&desk.app, conn)).unwrap();
            let first = bulk::reserve(&ctx, &[(Kind::Incident, 1)]).unwrap()[0].1;
            assert_eq!(first, real.key.number + 1);
            let made = Maker::new(&ctx, &book).unwrap().make(first, past).unwrap();
            bulk::keep(&ctx, &[made]).unwrap();
            bulk::settle(&ctx).unwrap();
            let made = by_key(&desk, Kind::Incident, first).unwrap();
            assert_eq!(told(&desk, &made), told(&desk, &real));
            let sample = [made.id, real.id];
            assert_eq!(bulk::check(&ctx, &sample).unwrap(), 2);
        }
        // What Carol asked for, twice each: she finds the opening and the answer, and not the note.
        let eyes = Eyes::Contact(customer, carol);
        assert_eq!(hits(&desk, "zirconium", eyes), 4);
        assert_eq!(hits(&desk, "see", eyes), 4);
        assert_eq!(hits(&desk, "watching", eyes), 0);
        assert_eq!(hits(&desk, "watching", Eyes::Staff), 2);
        desk.letters();
    }
);
