//! The disk below the embedded database is nearly full.

use std::sync::Arc;

use watchkeeper::actions::{page, ticket as act};
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::id::Kind;
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, State};
use watchkeeper::domain::trouble::Least;
use watchkeeper::store;
use watchkeeper::store::people::Holder;

use crate::desk::{Desk, On};
use crate::machine::Got;
use crate::program::Program;
use crate::visitor::Visitor;

fn ask_for(desk: &mut Desk, bytes: u64) {
    let app = Arc::get_mut(&mut desk.app).expect("nobody else holds it yet");
    app.config.min_free = Least { bytes, percent: 0 };
}

#[test]
fn while_the_disk_is_nearly_full_nothing_new_is_taken_in_and_the_rest_goes_on() {
    let mut desk = Desk::new(On::Sqlite);
    ask_for(&mut desk, 0);
    desk.person("Root", Roles::of(&[Role::Admin]));
    let bob = desk.person("Bob", Roles::of(&[Role::Responder]));
    let opening = Opening {
        severity: Some(Severity::Disaster),
        ..Opening::default()
    };
    let title = Title::parse("DB master down").unwrap();
    let ticket = act::open(&desk.as_person(&bob), Kind::Incident, title, &opening).unwrap();
    desk.letters();
    ask_for(&mut desk, u64::MAX);

    let p = Program::new(desk);
    let full = |path: &str, body: &str| {
        let request = p.agent.post(format!("{}{path}", p.server.url()));
        let request = request
            .header("authorization", format!("Bearer {}", p.token))
            .header("content-type", "application/json");
        let said = Got::of(request.send(body).unwrap());
        assert_eq!(said.status, 507, "{path}: {}", said.text);
        assert_eq!(said.header("content-type"), "application/problem+json");
        let kind = "\"type\":\"urn:watchkeeper:problem:full\"";
        assert!(said.text.contains(kind), "{}", said.text);
    };
    full("/api/v1/tickets", r#"{"title": "One more"}"#);
    full("/api/v1/tickets/INC-1/notes", r#"{"body": "seen"}"#);
    let ada = Visitor::logged_in(&p.server, &p.desk.app, Holder::Person(p.ada.id));
    for (path, field, typed) in [
        ("/new", "title", "A third disk is loud"),
        ("/INC-1/note", "body", "The second disk is loud"),
    ] {
        let answer = ada.post(path, &[(field, typed), ("kind", "incident")]);
        assert_eq!(answer.status, 507, "{path}");
        assert!(answer.text.contains("The disk is nearly full"));
        assert!(answer.text.contains(typed), "what was typed is kept");
    }
    // Reading and answering go on, and so does what ends work.
    assert_eq!(ada.get("/INC-1").status, 200);
    let bob_now = p.desk.as_person(&bob);
    page::acknowledge(&bob_now, ticket.key).unwrap();
    assert_eq!(
        p.call("POST", "/api/v1/tickets/INC-1/take", &[], Some("{}"))
            .status,
        200
    );

    // Whoever runs the house is told once, every page says so, and so do the machines' own.
    let told = p.desk.letters();
    let subjects = |letters: &[watchkeeper::domain::outgoing::OutgoingMail]| -> Vec<String> {
        let to_root = letters
            .iter()
            .filter(|it| it.to.as_str() == "root@watch.example.org");
        to_root.map(|it| it.subject.clone()).collect()
    };
    assert_eq!(subjects(&told), ["The disk is nearly full"]);
    p.desk.advance(3_600);
    assert_eq!(subjects(&p.desk.letters()), [] as [&str; 0]);
    assert!(ada.get("/queue").text.contains("The disk is nearly full."));
    assert!(ada.get("/checks").text.contains("The disk is nearly full:"));
    let ready = ada.get("/readyz").text;
    assert!(ready.contains("the disk is nearly full"), "{ready}");
    // Pages go on: what our own jobs have to say is written.
    p.desk.let_letters_go();
    act::resolve(&p.desk.as_person(&bob), ticket.key, None, "Replaced.").unwrap();
    let key = ticket.key;
    let found = p
        .desk
        .app
        .store
        .read(|conn| store::ticket::by_key(conn, key));
    assert_eq!(found.unwrap().unwrap().state, State::Resolved);
}

#[test]
fn when_there_is_room_again_that_is_said_once_and_things_are_taken_in() {
    let mut desk = Desk::new(On::Sqlite);
    desk.person("Root", Roles::of(&[Role::Admin]));
    let bob = desk.person("Bob", Roles::of(&[Role::Responder]));
    ask_for(&mut desk, u64::MAX);
    let open = |desk: &Desk| {
        let title = Title::parse("Uplink down").unwrap();
        let by = desk.as_person(&bob);
        act::open(&by, Kind::Incident, title, &Opening::default())
    };
    assert!(open(&desk).is_err());
    assert_eq!(desk.letters().len(), 1);
    desk.advance(600);
    // A little more than asked for isn't room yet.
    let free = desk.app.store.room().expect("a disk").free_bytes;
    ask_for(&mut desk, free - free / 50);
    desk.advance(1);
    assert!(desk.letters().is_empty());
    ask_for(&mut desk, free / 2);
    desk.advance(1);
    let said = desk.letters();
    assert_eq!(said.len(), 1);
    assert_eq!(said[0].subject, "There is room on the disk again");
    assert!(said[0].text.contains("after 10 min"), "{}", said[0].text);
    open(&desk).unwrap();
    desk.advance(600);
    assert!(desk.app.store.read(store::trouble::all).unwrap().is_empty());
    desk.let_letters_go();
}
