//! What people do to tickets.

use watchkeeper::actions::ticket as act;
use watchkeeper::actions::ticket_edit::{self, Edit};
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::id::Kind;
use watchkeeper::domain::search::Question;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, State};
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::error::Error;
use watchkeeper::store::search::Eyes;
use watchkeeper::store::{search, timeline};

use crate::both_databases;

const RESPONDER: Roles = Roles::of(&[Role::Responder]);

fn title(text: &str) -> Title {
    Title::parse(text).expect("a title")
}

both_databases!(numbers_rise_per_kind_and_every_change_is_an_entry, |desk| {
    let ada = desk.person("Ada", RESPONDER);
    let ctx = desk.as_person(&ada);
    let first = act::open(
        &ctx,
        Kind::Incident,
        title("DB master down"),
        &Opening::default(),
    )
    .unwrap();
    let second = act::open(
        &ctx,
        Kind::Incident,
        title("Replica lag"),
        &Opening::default(),
    )
    .unwrap();
    let task = act::open(
        &ctx,
        Kind::Task,
        title("Renew certificate"),
        &Opening::default(),
    )
    .unwrap();
    let keys = [first.key, second.key, task.key].map(|key| key.to_string());
    assert_eq!(keys, ["INC-1", "INC-2", "TSK-1"]);

    act::take(&ctx, first.key, None).unwrap();
    act::resolve(&ctx, first.key, None, "failed over").unwrap();
    let (ticket, entries) = desk
        .app
        .store
        .read(|conn| {
            let ticket = watchkeeper::store::ticket::by_key(conn, first.key)?.expect("it is there");
            Ok((ticket.clone(), timeline::of_ticket(conn, ticket.id)?))
        })
        .unwrap();
    assert_eq!(ticket.state, State::Resolved);
    let kinds: Vec<EntryKind> = entries.iter().map(|entry| entry.kind).collect();
    for expected in [
        EntryKind::Opened,
        EntryKind::OwnerSet,
        EntryKind::StateChanged,
        EntryKind::Resolved,
    ] {
        assert!(kinds.contains(&expected), "{expected} in {kinds:?}");
    }
    assert!(
        entries
            .iter()
            .enumerate()
            .all(|(at, entry)| entry.seq == at as i64 + 1)
    );
    assert!(entries.iter().all(|entry| entry.actor_name == "Ada"));
});

both_databases!(
    an_edit_of_an_old_version_is_stale_and_writes_nothing,
    |desk| {
        let ada = desk.person("Ada", RESPONDER);
        let ctx = desk.as_person(&ada);
        let ticket = act::open(
            &ctx,
            Kind::Incident,
            title("Uplink down"),
            &Opening::default(),
        )
        .unwrap();
        let seen = ticket.version;
        act::note(&ctx, ticket.key, "somebody was faster").unwrap();
        let edit = Edit {
            title: Some(title("mine")),
            ..Edit::default()
        };
        assert!(matches!(
            ticket_edit::edit(&ctx, ticket.key, Some(seen), &edit),
            Err(Error::Stale)
        ));
        assert_eq!(
            act::read(&ctx, ticket.key).unwrap().title.as_str(),
            "Uplink down"
        );
    }
);

both_databases!(a_viewer_reads_and_changes_nothing, |desk| {
    let ada = desk.person("Ada", RESPONDER);
    let vic = desk.person("Vic", Roles::of(&[Role::Viewer]));
    let ticket = act::open(
        &desk.as_person(&ada),
        Kind::Incident,
        title("Uplink down"),
        &Opening::default(),
    )
    .unwrap();
    assert!(act::read(&desk.as_person(&vic), ticket.key).is_ok());
    assert!(matches!(
        act::note(&desk.as_person(&vic), ticket.key, "hm"),
        Err(Error::Forbidden(_))
    ));
});

both_databases!(what_was_written_is_found_at_once_in_any_case, |desk| {
    let ada = desk.person("Ada", RESPONDER);
    let ctx = desk.as_person(&ada);
    let ticket = act::open(
        &ctx,
        Kind::Incident,
        title("Überlauf im Café-Netz"),
        &Opening::default(),
    )
    .unwrap();
    act::note(
        &ctx,
        ticket.key,
        "checked postgres-01, replication lag 40 s",
    )
    .unwrap();
    let find = |text: &str| {
        desk.app
            .store
            .read(|conn| search::find(conn, &Question::parse(text), Eyes::Staff, 10))
            .unwrap()
    };
    for (text, hits) in [
        ("UBERLAUF", 1),
        ("cafe netz", 1),
        ("repl*", 1),
        ("postgres lag", 1),
        ("inc 1", 1),
        ("mysql", 0),
        ("' OR 1=1 --", 0),
    ] {
        assert_eq!(find(text).0.len(), hits, "{text}");
        assert_eq!(find(text).1, hits as i64, "{text}");
    }
});

both_databases!(
    a_resolved_incident_closes_after_a_week_without_objection,
    |desk| {
        let ada = desk.person("Ada", RESPONDER);
        let ticket = act::open(
            &desk.as_person(&ada),
            Kind::Incident,
            title("Uplink down"),
            &Opening::default(),
        )
        .unwrap();
        act::resolve(&desk.as_person(&ada), ticket.key, None, "cable").unwrap();
        desk.advance(7 * 86_400 - 1);
        assert_eq!(
            act::read(&desk.as_person(&ada), ticket.key).unwrap().state,
            State::Resolved
        );
        desk.advance(1);
        assert_eq!(
            act::read(&desk.as_person(&ada), ticket.key).unwrap().state,
            State::Closed
        );
    }
);
