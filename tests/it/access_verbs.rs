//! What can be done in a ticket's room × every role. The verbs are taken from the handlers themselves, so that a new one without
//! a row here fails. The cells are those of [`access_matrix`](crate::access_matrix); each verb is sent with all that it asks
//! for, so that only the permission can decide.

use std::collections::BTreeSet;

use watchkeeper::actions::ticket;
use watchkeeper::domain::id::{Kind, TicketKey};
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::Opening;
use watchkeeper::store;
use watchkeeper::store::people::Holder;

use crate::access_matrix::{House, ROLES, cell, house, rows_of};
use crate::accounts::as_person;
use crate::both_databases;
use crate::visitor::Visitor;

/// Verb, one cell per role.
const TABLE: &str = include_str!("access_verbs.txt");

/// The arms of the two functions that choose by the verb.
fn verbs() -> BTreeSet<(Kind, String)> {
    let mut verbs = BTreeSet::new();
    for (file, function, kind) in [
        ("ticket_do.rs", "fn do_it(", Kind::Incident),
        ("change.rs", "pub fn act(", Kind::Change),
    ] {
        let source = std::fs::read_to_string(format!("src/http/web/{file}")).expect("a handler");
        let (_, body) = source.split_once(function).expect("the function");
        let (_, body) = body.split_once("match verb {").expect("its choice");
        let (body, _) = body.split_once("\n    }\n").expect("its end");
        let arms = body.lines().filter(|line| {
            let line = line.strip_prefix("        ").unwrap_or_default();
            line.starts_with('"') && line.contains("=>")
        });
        for arm in arms {
            let (names, _) = arm.split_once("=>").expect("an arm");
            let (names, _) = names.split_once(" if ").unwrap_or((names, ""));
            for name in names.split('|') {
                verbs.insert((kind, name.trim().trim_matches('"').to_owned()));
            }
        }
    }
    assert!(verbs.len() > 40, "{verbs:?}");
    verbs
}

pub fn open(house: &House, kind: Kind) -> TicketKey {
    let Holder::Person(admin) = house.holders["responder"] else {
        panic!("a responder is staff")
    };
    let by = as_person(&house.desk.app, admin);
    let opening = Opening {
        severity: (kind == Kind::Incident).then_some(Severity::Average),
        ..Opening::default()
    };
    let title = Title::parse("Uplink down").unwrap();
    ticket::open(&by, kind, title, &opening)
        .expect("a ticket")
        .key
}

/// Everything that any of the forms asks for.
fn ask(house: &House, role: &str, key: TicketKey, other: TicketKey, verb: &str) -> char {
    let visitor = match house.holders.get(role) {
        Some(holder) => Visitor::logged_in(&house.served, &house.desk.app, *holder),
        None => Visitor::new(&house.served),
    };
    let read = |conn: &mut store::Conn| store::ticket::by_key(conn, key);
    let ticket = house
        .desk
        .app
        .store
        .read(read)
        .unwrap()
        .expect("it is there");
    let (rev, other) = (ticket.version.to_string(), other.to_string());
    let person = house.ids["people"].clone();
    let hit = house.ids["customers"].clone();
    let mut form = vec![
        ("rev", rev.as_str()),
        ("body", "Something happened"),
        ("text", "yes"),
        ("why", "It had to be"),
        ("person", person.as_str()),
        ("to", "in_progress"),
        ("on", "customer"),
        ("reason", "They look themselves"),
        ("severity", "high"),
        ("priority", "high"),
        ("at", "2026-06-01T08:00"),
        ("evidence", "Their mail"),
        ("other", other.as_str()),
        ("relation", "related_to"),
        ("seq", "1"),
        ("number", "+46 70 000"),
        ("until", "2026-06-01T18:00"),
        ("role", "scribe"),
        ("label", "dns"),
        ("customer", "Contoso"),
        ("hit", hit.as_str()),
        ("mark", "yes"),
        ("outcome", "successful"),
        ("purpose", "A larger pool"),
        ("mail", "nothing"),
        ("verdict", "accepted"),
    ];
    if verb == "live" {
        form.push(("live", "yes"));
    }
    let verb = if verb == "live" { "watch" } else { verb };
    cell(&visitor.post(&format!("/{key}/{verb}"), &form))
}

both_databases!(
    every_verb_of_a_tickets_room_answers_every_role_as_the_table_says,
    |desk| {
        let rows = rows_of(TABLE);
        let house = house(desk);
        house.desk.let_letters_go();
        let other = open(&house, Kind::Incident);
        let mut differences = Vec::new();
        let mut known = BTreeSet::new();
        for (kind, verb) in verbs() {
            let key = open(&house, kind);
            // Two things have this name: to hear of a ticket, and to watch a change that is live.
            let verb = match (kind, verb.as_str()) {
                (Kind::Change, "watch") => "live".to_owned(),
                _ => verb,
            };
            let cells: String = ROLES
                .iter()
                .map(|role| ask(&house, role, key, other, &verb))
                .collect();
            let row = (kind.as_str().to_owned(), verb);
            let name = format!("{} {}", row.0, row.1);
            match rows.get(&row) {
                Some(expected) if *expected == cells => {}
                Some(expected) => {
                    differences.push(format!("{name:<25} {cells} instead of {expected}"))
                }
                None => differences.push(format!("{name:<25} {cells} has no row")),
            }
            known.insert(row);
        }
        for row in rows.keys().filter(|row| !known.contains(row)) {
            differences.push(format!("{row:?} is no verb any more"));
        }
        assert!(differences.is_empty(), "\n{}", differences.join("\n"));
    }
);
