//! From the embedded database onto PostgreSQL: everything is there, numbers go on, search finds, the watch goes on.

use watchkeeper::actions::ticket as act;
use watchkeeper::app::App;
use watchkeeper::domain::access::{Principal, Role, Roles};
use watchkeeper::domain::id::Kind;
use watchkeeper::domain::search::Question;
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::Opening;
use watchkeeper::domain::timeline::Door;
use watchkeeper::intake::mail;
use watchkeeper::store::backend::DatabaseUrl;
use watchkeeper::store::search::Eyes;
use watchkeeper::store::{self, Store, migrate, relocate};
use watchkeeper::time::TimeSource;

use crate::desk::{Desk, On, Staff};

fn open(app: &App, who: &Staff, title: &str) -> String {
    let by = Principal::Person {
        id: who.id,
        name: who.name.clone(),
        roles: who.roles,
    };
    let opening = Opening {
        severity: Some(Severity::Disaster),
        body: "O'Hara's pump \\ valve: 5 % left\nSecond line.".to_owned(),
        ..Opening::default()
    };
    let title = Title::parse(title).unwrap();
    let opened = act::open(&app.ctx(by, Door::Web), Kind::Incident, title, &opening).unwrap();
    opened.key.to_string()
}

#[test]
fn an_installation_moves_onto_postgresql_with_everything_it_knows() {
    let desk = Desk::new(On::Sqlite);
    desk.let_letters_go();
    let ada = desk.person("Ada", Roles::of(&[Role::Responder, Role::Lead]));
    crate::oncall::team(&desk, "netops", &[&ada]);
    for n in 1..=3 {
        let key = open(&desk.app, &ada, &format!("Pump {n} stopped"));
        if n == 2 {
            let key = key.parse().unwrap();
            act::resolve(&desk.as_person(&ada), key, None, "Replaced the fuse.").unwrap();
        }
    }
    desk.settle();
    let held = crate::mail::mail(
        &desk,
        "x@spam.example",
        "Auto-Submitted: auto-replied\r\nSubject: Absent",
        "Back in the harbour on Monday",
    );

    let url = DatabaseUrl::parse(&crate::cluster::new_database()).unwrap();
    let target = Store::open(&url).unwrap();
    migrate::up(&target).unwrap();
    let mut tables = Vec::new();
    let rows = relocate::copy(&desk.app.store, &target, |table, rows| {
        tables.push((table.to_owned(), rows));
    })
    .unwrap();
    assert_eq!(rows, tables.iter().map(|(_, rows)| rows).sum::<i64>());
    assert!(tables.contains(&("ticket".to_owned(), 4)), "{tables:?}");

    let app = App::new(
        target,
        TimeSource::manual(desk.now()),
        desk.app.config.clone(),
    )
    .unwrap();
    assert_eq!(app.signing_key, desk.app.signing_key);
    for key in ["INC-1", "INC-2", "INC-3", "PM-1"] {
        let look = |store: &Store| {
            store
                .read(|conn| {
                    let ticket = store::ticket::by_key(conn, key.parse().unwrap())?.unwrap();
                    let entries = store::timeline::of_ticket(conn, ticket.id)?;
                    let clocks = store::sla::of_ticket(conn, ticket.id)?;
                    Ok(format!("{ticket:?} {entries:?} {clocks:?}"))
                })
                .unwrap()
        };
        assert_eq!(look(&desk.app.store), look(&app.store), "{key}");
    }
    let question = Question::parse("fuse");
    let (hits, _) = app
        .store
        .read(|conn| store::search::find(conn, &question, Eyes::Staff, 10))
        .unwrap();
    assert!(!hits.is_empty());
    let read = |raw: &[u8], from: Option<&str>| mail::read(raw, from).text;
    relocate::index_mails(&app.store, read).unwrap();
    let question = Question::parse("harbour");
    let mails = |store: &Store| store.read(|conn| store::search::find_mail(conn, &question, 10));
    assert_eq!(mails(&app.store).unwrap(), [held.id]);
    assert_eq!(mails(&desk.app.store).unwrap(), [held.id]);
    assert_eq!(open(&app, &ada, "Pump 4 stopped"), "INC-4");
}
