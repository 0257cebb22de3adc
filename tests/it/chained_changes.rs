//! Deployments and approvals hang in the chain: whoever changes one of them behind the program's back is found out.

use diesel::connection::SimpleConnection;
use watchkeeper::actions::{change, compensation};
use watchkeeper::domain::change::Plan;
use watchkeeper::domain::compensation::{GENESIS, link, verify};
use watchkeeper::domain::deployment::Typed;
use watchkeeper::domain::id::TicketKey;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::Opening;
use watchkeeper::domain::timeline::Door;
use watchkeeper::store::backend::Conn;
use watchkeeper::store::{self, Tx};

use crate::both_databases;
use crate::deploy::{a_house, tell, typed};
use crate::desk::Desk;
use crate::evidence::{database, evidence};

fn written(desk: &Desk, sql: &str) {
    let write = |tx: &mut Tx| Ok(tx.batch_execute(sql)?);
    desk.app.store.write(write).unwrap();
}

/// Where the chain is broken, and how long it is.
fn checked(desk: &Desk) -> (Option<i64>, i64) {
    let ctx = desk.app.system("test", Door::Cli);
    let checked = compensation::check(&ctx).unwrap();
    (checked.broken_at, checked.links)
}

/// What the chain holds of this kind, in order.
fn held(desk: &Desk, kind: &str) -> Vec<String> {
    let read = |conn: &mut Conn| store::compensation::links_after(conn, 0, 1_000);
    let links = desk.app.store.read(read).unwrap();
    let of_kind = links.into_iter().filter(|it| it.kind.as_str() == kind);
    of_kind.map(|it| it.canonical).collect()
}

/// A change that was approved and deployed in two tellings.
fn deployed(desk: &Desk) -> TicketKey {
    let (ann, ben, web) = a_house(desk);
    let opening = Opening {
        services: vec![web],
        ..Opening::default()
    };
    let title = Title::parse("Raise the pool size").unwrap();
    let by = desk.as_person(&ann);
    let key = change::open(&by, title, &opening, Plan::default())
        .unwrap()
        .key;
    let waiting = change::ask_approval(&by, key, None).unwrap();
    change::approve(&desk.as_person(&ben), key, waiting.version).unwrap();
    let of = |status: &str| Typed {
        change: key.to_string(),
        source_event_id: "run-7".into(),
        ..typed("4.12.0", status)
    };
    tell(desk, of("started")).unwrap();
    desk.advance(300);
    tell(desk, of("succeeded")).unwrap();
    // Once more says nothing new.
    tell(desk, of("succeeded")).unwrap();
    desk.advance(60);
    key
}

both_databases!(deployments_and_approvals_hang_in_the_chain, |desk| {
    deployed(&desk);
    let (broken_at, links) = checked(&desk);
    assert_eq!(broken_at, None);
    let approvals = held(&desk, "approval");
    assert_eq!(approvals.len(), 2, "{approvals:?}");
    // What happened at one instant hangs there in any order.
    let approved = approvals
        .iter()
        .find(|it| it.contains(r#""event":"approved""#));
    assert!(
        approved.is_some_and(|it| it.contains(r#""digest":""#)),
        "{approvals:?}"
    );
    let told = held(&desk, "deployment");
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains(r#"\"status\":\"started\""#), "{told:?}");
    assert!(told[1].contains(r#"\"status\":\"succeeded\""#), "{told:?}");

    // Each of these is found, and what was there before holds again.
    for (change, back) in [
        (
            "UPDATE deployment SET version = '4.12.1'",
            "UPDATE deployment SET version = '4.12.0'",
        ),
        (
            "UPDATE deployment SET started_at = started_at - 1",
            "UPDATE deployment SET started_at = started_at + 1",
        ),
        (
            "UPDATE entry SET recorded_at = recorded_at - 1 WHERE kind = 'approved'",
            "UPDATE entry SET recorded_at = recorded_at + 1 WHERE kind = 'approved'",
        ),
        (
            "UPDATE entry SET kind = 'approval_given' WHERE kind = 'approved'",
            "UPDATE entry SET kind = 'approved' WHERE kind = 'approval_given'",
        ),
    ] {
        written(&desk, change);
        assert!(checked(&desk).0.is_some(), "{change}");
        written(&desk, back);
        assert_eq!(checked(&desk), (None, links), "{back}");
    }
    for sql in [
        "DELETE FROM deployment_fact",
        "UPDATE deployment_fact SET nth = nth",
    ] {
        let refused = desk
            .app
            .store
            .write(|tx| Ok(tx.batch_execute(sql)?))
            .unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{refused}");
    }
});

both_databases!(
    a_deployment_of_another_program_is_chained_when_it_is_seen,
    |desk| {
        deployed(&desk);
        let id = |conn: &Conn| match conn {
            Conn::Sqlite(_) => "zeroblob(16)",
            Conn::Pg(_) => "decode(repeat('00', 16), 'hex')",
        };
        let id = desk.app.store.read(|conn| Ok(id(conn))).unwrap();
        written(
            &desk,
            &format!(
                "INSERT INTO deployment (id, environment, service_id, target, seq, source, source_event_id, version, \
             status, started_at, by_name, step, recorded_at, updated_at) \
             SELECT {id}, environment, service_id, target, 99, source, 'forged', '6.6.6', status, started_at, \
             by_name, step, recorded_at, updated_at FROM deployment"
            ),
        );
        desk.advance(86_400);
        let told = held(&desk, "deployment");
        assert_eq!(told.len(), 3);
        // It says when it happened and when it was first seen: a day later.
        assert!(
            told[2].contains("6.6.6") && told[2].contains(r#""kept":"2026-06-02"#),
            "{}",
            told[2]
        );
        assert!(
            told[2].contains(r#"\"recorded\":\"2026-06-01"#),
            "{}",
            told[2]
        );
        assert_eq!(checked(&desk).0, None);
    }
);

both_databases!(an_auditor_computes_the_links_of_a_sample_again, |desk| {
    let key = deployed(&desk);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("evidence");
    let done = evidence(&database(&desk), &out, &["--sample", "1", "--seed", "7"]);
    assert!(done.status.success(), "{done:?}");
    let text = std::fs::read_to_string(out.join("sample/01/chain.jsonl")).unwrap();
    let links: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(links.len(), 4, "{key}: two approvals, two tellings: {text}");
    for it in &links {
        let said = |name: &str| it[name].as_str().unwrap();
        assert_eq!(link(said("before"), said("canonical")), said("hash"));
        let forged = said("canonical").replace("4.12.0", "4.12.1");
        let seq = it["seq"].as_i64().unwrap();
        let again = [(seq, forged.as_str(), said("hash"))];
        let is_whole = verify(said("before"), seq, again).is_ok();
        assert_eq!(is_whole, forged == said("canonical"));
    }
    assert!(links[0]["seq"] == 1 || links[0]["before"] != GENESIS);
    let readme = std::fs::read_to_string(out.join("completeness.txt")).unwrap();
    assert!(readme.contains("stands at entry"), "{readme}");
});
