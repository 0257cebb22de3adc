//! What commits do with the rights of whoever pushed them; an incident whose fix is live; what a message says of causes.

use std::process::Output;

use serde_json::json;
use watchkeeper::actions::{fix, repository, settings, suspect, ticket};
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::deployment::Typed;
use watchkeeper::domain::id::{Kind, TicketKey};
use watchkeeper::domain::settings::SettingKey;
use watchkeeper::domain::suspect::Blame;
use watchkeeper::domain::ticket::State;
use watchkeeper::domain::timeline::{Actor, EntryKind};

use crate::both_databases;
use crate::deploy::{a_house, approved, tell, typed};
use crate::desk::Staff;
use crate::git_bench::{Bench, text};
use crate::push_rules::{push, through};
use crate::web::Browser;

/// From now on commits act with the rights of their pushers alone.
fn only_who_may(bench: &Bench) {
    let root = bench.desk.person("Keeper", Roles::of(&[Role::Admin]));
    let by = bench.desk.as_person(&root);
    let listed = repository::list(&by).unwrap().pop().unwrap().repository;
    let typed = repository::Typed {
        name: listed.name,
        default_branch: listed.default_branch,
        publish: listed.publish.join("\n"),
        service: listed.service,
        strangers_move: false,
        is_active: true,
        ..repository::Typed::default()
    };
    repository::edit(&by, listed.id, listed.version, &typed).unwrap();
}

fn did(bench: &Bench, key: TicketKey, kind: EntryKind) -> Vec<String> {
    let entries = bench.entries(key, kind);
    let all = entries.iter().filter_map(|it| it.facts.get("did"));
    all.map(str::to_owned).collect()
}

fn address(who: &Staff) -> String {
    format!("{}@watch.example.org", who.name.to_lowercase())
}

/// As somebody whom the service knows by their address.
fn push_as(bench: &Bench, who: &Staff) -> String {
    let output: Output = push(bench, &address(who), &["main"]);
    through(&output)
}

/// Tells that what was committed last is live.
fn live(bench: &Bench, version: &str) {
    bench.desk.advance(60);
    let typed = Typed {
        commit: bench.head(),
        ..typed(version, "succeeded")
    };
    tell(&bench.desk, typed).unwrap();
}

both_databases!(
    a_commit_moves_a_ticket_with_the_rights_of_whoever_pushed_it,
    |desk| {
        let bench = Bench::new(desk);
        only_who_may(&bench);
        let task = bench.open(Kind::Task, "Renew certificate").key;
        let vera = bench.desk.person("Vera", Roles::of(&[Role::Viewer]));
        let rob = bench.desk.person("Rob", Roles::of(&[Role::Responder]));
        bench.commit("a.txt", "Start");
        through(&push(&bench, "ina", &["main"]));

        // A server that names nobody, a login that nobody has, and somebody who only looks on.
        bench.commit("1.pem", &format!("New leaf\n\nCloses: {task}"));
        let said = bench.work(&["push", "origin", "main"]);
        assert!(said.contains("but not resolved"), "{said}");
        bench.commit("2.pem", &format!("New chain\n\nCloses: {task}"));
        let said = text(&push(&bench, "ina", &["main"]));
        assert!(said.contains("but not resolved"), "{said}");
        bench.commit("3.pem", &format!("New root\n\nCloses: {task}"));
        let said = push_as(&bench, &vera);
        assert!(said.contains("but not resolved"), "{said}");
        assert_eq!(bench.ticket(task).state, State::Open);
        assert_eq!(
            did(&bench, task, EntryKind::Pushed),
            ["deny_resolve", "deny_resolve", "deny_resolve"]
        );
        let browser = Browser::of(&bench.desk, &rob);
        browser
            .get(&format!("/{task}"))
            .says("asks to resolve this; but the git server doesn&#39;t say who pushed it")
            .says("asks to resolve this; but nobody here is known as “ina”, who pushed it")
            .says("asks to resolve this; vera@watch.example.org, who pushed it, may not");

        // Somebody who may: it is theirs, not the author's and not the hook's.
        bench.commit("4.pem", &format!("New intermediate\n\nCloses: {task}"));
        let said = push_as(&bench, &rob);
        assert!(said.contains("resolved"), "{said}");
        assert_eq!(bench.ticket(task).state, State::Done);
        let [resolved] = &bench.entries(task, EntryKind::Resolved)[..] else {
            panic!()
        };
        assert_eq!(
            (&resolved.actor, resolved.actor_name.as_str()),
            (&Actor::Person(rob.id), "Rob")
        );

        // What was refused may come again, by somebody who may: a cherry-pick of it is the same work.
        let other = bench.open(Kind::Task, "Rotate keys").key;
        bench.commit("5.pem", &format!("New keys\n\nCloses: {other}"));
        push_as(&bench, &vera);
        assert_eq!(bench.ticket(other).state, State::Open);
        bench.work(&["switch", "-q", "-c", "release/1", "HEAD~1"]);
        bench.work(&["cherry-pick", "-x", "main"]);
        through(&push(&bench, &address(&rob), &["release/1"]));
        assert_eq!(bench.ticket(other).state, State::Done);
    }
);

both_databases!(
    an_incident_whose_fix_is_live_is_proposed_to_be_over_and_a_person_decides,
    |desk| {
        let (ann, ben, _) = a_house(&desk);
        let bench = Bench::new(desk);
        let key = bench.open(Kind::Incident, "Checkout fails").key;
        bench.commit("a.txt", "Start");
        push_as(&bench, &ann);
        live(&bench, "1");
        bench.commit("pool.toml", &format!("Lower the pool\n\nFixes: {key}"));
        push_as(&bench, &ann);
        let browser = Browser::of(&bench.desk, &ben);
        browser
            .get(&format!("/{key}"))
            .says("A fix has landed and isn&#39;t live yet")
            .says("Lower the pool");
        assert!(bench.ticket(key).is_open());

        // In a place where no customer is, it helps nobody.
        let staging = Typed {
            commit: bench.head(),
            environment: "staging".into(),
            ..typed("2", "succeeded")
        };
        let known = tell(&bench.desk, staging);
        let by = bench.desk.as_person(&ben);
        assert!(fix::read(&by, key).unwrap().1.is_none(), "{known:?}");

        live(&bench, "2");
        assert_eq!(
            did(&bench, key, EntryKind::Deployed).last().unwrap(),
            "fix_live"
        );
        assert!(bench.ticket(key).is_open(), "nobody has seen that it helps");
        let page = browser.get(&format!("/{key}"));
        page.says("The fix is live")
            .says("web 2 runs in prod since")
            .says("It is over: resolve")
            .says("with the fix");

        // It didn't help: withdrawn until another one is live.
        browser
            .post(&format!("/{key}/not-over"), &[("why", "still 500s")])
            .is(303);
        browser
            .get(&format!("/{key}"))
            .says("found that it isn&#39;t over with web 2 in prod")
            .says("still 500s");
        assert!(
            fix::read(&bench.desk.as_person(&ben), key)
                .unwrap()
                .1
                .is_none()
        );
        let again = fix::decline(&bench.desk.as_person(&ben), key, "");
        assert!(again.is_err(), "{again:?}");
        bench.commit("retry.toml", &format!("Retry once\n\nFixes: {key}"));
        bench.commit("limit.toml", &format!("Limit clients\n\nFixes: {key}"));
        push_as(&bench, &ann);
        bench.desk.advance(60);
        let partly = Typed {
            commit: bench.work(&["rev-parse", "HEAD~1"]).trim().to_owned(),
            ..typed("3", "succeeded")
        };
        tell(&bench.desk, partly).unwrap();
        let (all, proposal) = fix::read(&bench.desk.as_person(&ben), key).unwrap();
        assert_eq!(all.len(), 3);
        assert_eq!(proposal.unwrap().missing, 1);
        browser
            .get(&format!("/{key}"))
            .says("Another fix has landed and isn&#39;t live yet.");

        // Taken back, it is no fix any more; and brought again, it is.
        bench.desk.advance(60);
        let back = Typed {
            commit: bench.work(&["rev-parse", "HEAD~2"]).trim().to_owned(),
            ..typed("2", "succeeded")
        };
        tell(&bench.desk, back).unwrap();
        assert_eq!(
            did(&bench, key, EntryKind::Deployed).last().unwrap(),
            "fix_gone"
        );
        assert!(
            fix::read(&bench.desk.as_person(&ben), key)
                .unwrap()
                .1
                .is_none()
        );
        browser
            .get(&format!("/{key}"))
            .says("A fix was live and isn&#39;t any more");
        live(&bench, "4");
        let proposal = fix::read(&bench.desk.as_person(&ben), key).unwrap().1;
        let proposal = proposal.unwrap();
        assert_eq!((proposal.fixes.len(), proposal.missing), (2, 0));
        browser
            .post(
                &format!("/{key}/resolve"),
                &[("why", "Retries and a limit")],
            )
            .is(303);
        assert_eq!(bench.ticket(key).state, State::Resolved);

        // Opened again: what was live before doesn't speak for it.
        ticket::reopen(&bench.desk.as_person(&ben), key, None, "back again").unwrap();
        assert!(
            fix::read(&bench.desk.as_person(&ben), key)
                .unwrap()
                .1
                .is_none()
        );
    }
);

both_databases!(
    where_the_house_wants_it_an_incident_is_resolved_once_all_its_fixes_are_live,
    |desk| {
        let (ann, _, _) = a_house(&desk);
        let vera = desk.person("Vera", Roles::of(&[Role::Viewer]));
        let root = desk.person("Clerk", Roles::of(&[Role::Admin]));
        let wanted = (SettingKey::WhenFixed, "resolve".to_owned());
        settings::change(&desk.as_person(&root), &[wanted]).unwrap();
        let bench = Bench::new(desk);
        let key = bench.open(Kind::Incident, "Checkout fails").key;
        let theirs = bench.open(Kind::Incident, "Search fails").key;
        bench.commit("a.txt", "Start");
        push_as(&bench, &ann);
        live(&bench, "1");
        bench.commit("pool.toml", &format!("Lower the pool\n\nFixes: {key}"));
        push_as(&bench, &ann);
        bench.commit("search.toml", &format!("Wait longer\n\nFixes: {theirs}"));
        push_as(&bench, &vera);
        live(&bench, "2");
        assert_eq!(bench.ticket(key).state, State::Resolved);
        let [resolved] = &bench.entries(key, EntryKind::Resolved)[..] else {
            panic!()
        };
        assert_eq!(resolved.body, "Lower the pool");
        assert!(resolved.facts.get("deployment").is_some());
        // Whoever only looks on resolves nothing by pushing either; that it may be over is said all the same.
        assert!(bench.ticket(theirs).is_open());
        let proposal = fix::read(&bench.desk.as_person(&ann), theirs).unwrap().1;
        assert_eq!(proposal.unwrap().missing, 0);
    }
);

both_databases!(
    what_a_message_says_of_a_cause_counts_as_its_pushers_word_once,
    |desk| {
        let (ann, ben, web) = a_house(&desk);
        let pool = approved(&desk, &ann, &ben, web);
        let cache = approved(&desk, &ann, &ben, web);
        let bench = Bench::new(desk);
        only_who_may(&bench);
        bench.commit("a.txt", "Start");
        push_as(&bench, &ann);
        live(&bench, "1");
        bench.commit("pool.toml", &format!("Raise the pool\n\nRefs: {pool}"));
        let raised = bench.head();
        bench.commit("cache.toml", &format!("Add a cache\n\nRefs: {cache}"));
        push_as(&bench, &ann);
        live(&bench, "2");
        bench.desk.advance(300);
        let key = bench.open(Kind::Incident, "Checkout fails").key;
        let marks = || {
            let found = suspect::read(&bench.desk.as_person(&ann), key).unwrap();
            let marks = found.suspects.into_iter().filter_map(|(it, _)| it.mark);
            marks.map(|it| (it.blame, it.by_name)).collect::<Vec<_>>()
        };

        // Not by somebody who has no say; nor by a mere mention of the incident.
        let vera = bench.desk.person("Vera", Roles::of(&[Role::Viewer]));
        bench.commit(
            "b.txt",
            &format!("Lower it\n\nRefs: {key}\nCaused-by: {pool}"),
        );
        push_as(&bench, &vera);
        assert_eq!(marks(), []);
        assert_eq!(did(&bench, pool, EntryKind::Pushed), ["repair"]);

        // By its commit's id: the tickets of that commit are meant.
        bench.commit(
            "c.txt",
            &format!("Lower it further\n\nFixes: {key}\nCaused-by: {raised}"),
        );
        push_as(&bench, &ben);
        assert_eq!(marks(), [(Blame::Caused, ben.name.clone())]);
        let browser = Browser::of(&bench.desk, &ann);
        browser
            .get(&format!("/{key}"))
            .says("found the cause: web 2")
            .says(&pool.to_string());
        browser
            .get(&format!("/{pool}"))
            .says("repairs what this did");
        let linked = bench.entries(key, EntryKind::Linked);
        assert_eq!(linked.len(), 1, "{linked:?}");
        assert_eq!(
            linked[0].facts.get("to"),
            Some(pool.to_string().as_str()),
            "the change that is named, and no other that came with it"
        );

        // Said again, or the other way round: a person's word stands, and a second vote is none.
        bench.commit("d.txt", &format!("Note\n\nRefs: {cache}\nCauses: {key}"));
        push_as(&bench, &ann);
        assert_eq!(marks().len(), 1);
        assert_eq!(bench.entries(key, EntryKind::SuspectMarked).len(), 1);

        // Brought to another branch: said there, and it is no part of the change.
        bench.work(&["switch", "-q", "-c", "release/1", &raised]);
        bench.commit(
            "e.txt",
            &format!("Raise it here too\n\nBackport-of: {pool}"),
        );
        through(&push(&bench, &address(&ann), &["release/1"]));
        assert_eq!(
            did(&bench, pool, EntryKind::Pushed).last().unwrap(),
            "backport"
        );
        browser
            .get(&format!("/{pool}"))
            .says("brings this to refs/heads/release/1");
    }
);

/// By the API, as a token may.
pub fn by_api(p: &crate::program::Program) {
    let key = p.opened(json!({"kind": "incident", "title": "Web fails"}));
    let place = format!("/api/v1/tickets/{key}/fixes");
    let found = p.get(&place);
    assert_eq!(found.body["fixes"], json!([]));
    assert_eq!(found.body["proposal"], json!(null));
    let said = p.call("POST", &format!("{place}/decline"), &[], Some("{}"));
    assert_eq!(
        (said.status, said.text("/rule")),
        (422, "no-fix-live".to_owned())
    );
    let task = p.opened(json!({"kind": "task", "title": "Tidy up"}));
    assert_eq!(p.get(&format!("/api/v1/tickets/{task}/fixes")).status, 404);
}
