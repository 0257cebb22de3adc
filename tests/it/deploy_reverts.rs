//! What commits do to tickets, as their pages say it; and reverts that are deployed: what they take back isn't live any more, and
//! what brings it back is.

use std::sync::Arc;

use watchkeeper::actions::commits;
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::deployment::{Step, Typed};
use watchkeeper::domain::id::{Kind, TicketKey};
use watchkeeper::domain::ticket::State;
use watchkeeper::domain::timeline::EntryKind;

use crate::both_databases;
use crate::deploy::{a_house, approved, tell, typed};
use crate::git_bench::Bench;
use crate::pushed::Pushed;
use crate::web::Browser;

/// Pushes what there is, and tells that it is live.
fn deploy(bench: &Bench, version: &str) -> Step {
    bench.work(&["push", "-q", "origin", "main"]);
    bench.desk.advance(60);
    let typed = Typed {
        commit: bench.head(),
        ..typed(version, "succeeded")
    };
    tell(&bench.desk, typed).unwrap().deployment.step
}

fn did(bench: &Bench, key: TicketKey) -> Vec<String> {
    let entries = bench.entries(key, EntryKind::Deployed);
    let all = entries.iter().filter_map(|it| it.facts.get("did"));
    all.map(str::to_owned).collect()
}

fn revert(bench: &Bench, commit: &str) {
    bench.work(&["revert", "--no-edit", commit]);
}

both_databases!(
    a_change_that_a_deployed_commit_takes_back_is_not_live_and_does_not_close_by_itself,
    |desk| {
        let (ann, ben, web) = a_house(&desk);
        let pool = approved(&desk, &ann, &ben, web);
        let cache = approved(&desk, &ann, &ben, web);
        let bench = Bench::new(desk);
        bench.commit("a.txt", "Start");
        deploy(&bench, "1");
        bench.commit("pool.toml", &format!("Raise pool size\n\nRefs: {pool}"));
        let raised = bench.head();
        bench.commit("cache.toml", &format!("Add a cache\n\nRefs: {cache}"));
        let cached = bench.head();
        bench.commit("ttl.toml", &format!("Cache for an hour\n\nRefs: {cache}"));
        deploy(&bench, "2");
        assert_eq!(bench.ticket(pool).state, State::OnWatch);

        // Taken back by a commit like any other: the version only goes forward. Of the cache a part stays.
        revert(&bench, &raised);
        let back = bench.head();
        revert(&bench, &cached);
        assert_eq!(deploy(&bench, "3"), Step::Forward);
        assert_eq!(did(&bench, pool), ["succeeded", "reverted"]);
        assert_eq!(bench.ticket(pool).state, State::InProgress);
        assert_eq!(did(&bench, cache), ["succeeded"]);
        assert_eq!(bench.ticket(cache).state, State::OnWatch);
        let browser = Browser::of(&bench.desk, &ann);
        browser
            .get(&format!("/{pool}"))
            .says("which takes this back: it isn&#39;t live there any more");
        bench.desk.advance(3 * 86_400);
        bench.desk.settle();
        assert_eq!(bench.ticket(pool).state, State::InProgress);
        assert_eq!(bench.ticket(cache).state, State::Closed);

        // And brought back: its commands are there again too.
        revert(&bench, &back);
        deploy(&bench, "4");
        assert_eq!(did(&bench, pool), ["succeeded", "reverted", "succeeded"]);
        assert_eq!(bench.ticket(pool).state, State::OnWatch);
        assert_eq!(
            bench.revert(pool),
            [format!("git revert --no-edit {raised}")]
        );

        // Squashed: what was squashed stays on its branch, was never live, and keeps nothing alive.
        let squashed = approved(&bench.desk, &ann, &ben, web);
        bench.work(&["checkout", "-q", "-b", "queue"]);
        bench.commit("queue.toml", &format!("Add a queue\n\nRefs: {squashed}"));
        bench.work(&["push", "-q", "origin", "queue"]);
        bench.work(&["checkout", "-q", "main"]);
        bench.work(&["merge", "-q", "--squash", "queue"]);
        bench.work(&[
            "commit",
            "-q",
            "-m",
            &format!("Queue (#7)\n\nRefs: {squashed}"),
        ]);
        deploy(&bench, "4.1");
        assert_eq!(bench.ticket(squashed).state, State::OnWatch);
        revert(&bench, "HEAD");
        deploy(&bench, "4.2");
        assert_eq!(did(&bench, squashed), ["succeeded", "reverted"]);

        // What came and went within one deployment never was live.
        let void = approved(&bench.desk, &ann, &ben, web);
        bench.commit("void.toml", &format!("Try it\n\nRefs: {void}"));
        revert(&bench, "HEAD");
        deploy(&bench, "5");
        assert_eq!(did(&bench, void), Vec::<String>::new());
    }
);

both_databases!(
    what_a_commit_did_is_said_with_the_line_that_asked_for_it,
    |desk| {
        let bench = Bench::new(desk);
        let task = bench.open(Kind::Task, "Renew the certificate").key;
        let incident = bench.open(Kind::Incident, "Checkout is slow").key;
        let change = bench.open(Kind::Change, "Raise pool size").key;
        bench.commit("a.txt", "Start");
        bench.work(&["push", "-q", "origin", "main"]);
        bench.commit(
            "pool.toml",
            &format!("Raise it\n\nCloses: {task}\nFixes {incident}, reopens {change}"),
        );
        let short = bench.head()[..10].to_owned();
        bench.desk.advance(3 * 86_400);
        bench.work(&["push", "-q", "origin", "main"]);
        let eve = bench.desk.person("Eve", Roles::of(&[Role::Responder]));
        let browser = Browser::of(&bench.desk, &eve);
        browser
            .get(&format!("/{task}"))
            .says(&format!(
                "line 3 of {short} in infra/web says &#34;Closes&#34;"
            ))
            // Pushed days after it was written.
            .says("the commit was written");
        browser
            .get(&format!("/{incident}"))
            .says("has a fix that landed")
            .says(&format!(
                "line 4 of {short} in infra/web says &#34;Fixes&#34;"
            ));
        browser
            .get(&format!("/{change}"))
            .says("no commit reopens a change");
    }
);

/// More than the job tries in one look.
const UNREADABLE: usize = 60;

both_databases!(
    what_cannot_be_read_here_keeps_no_other_revert_from_being_tried,
    |mut desk| {
        let copies = tempfile::tempdir().unwrap();
        let app = Arc::get_mut(&mut desk.app).expect("nobody else holds it yet");
        app.config.git_folder = Some(copies.path().to_owned());
        let bench = Bench::new(desk);
        let desk = &bench.desk;
        let change = bench.open(Kind::Change, "Raise pool size").key;
        bench.commit("a.txt", "Start");
        bench.commit("pool.toml", &format!("Raise pool size\n\nRefs: {change}"));
        bench.work(&["push", "-q", "origin", "main"]);
        bench.copy_to(&copies.path().join("infra/web.git"));
        // What was pushed later is tried first. Of some there is nothing here, and of some a folder that is no repository.
        desk.advance(60);
        for n in 0..UNREADABLE {
            let away = Pushed::new(desk, &format!("away/r{n}"), None);
            away.commit(desk, &format!("Pool {n}\n\nRefs: {change}"));
            if n % 3 == 0 {
                let folder = copies.path().join(format!("away/r{n}.git"));
                std::fs::create_dir_all(folder).unwrap();
            }
        }
        desk.settle();
        let ticket = bench.ticket(change);
        let on = desk
            .app
            .store
            .read(|conn| commits::of_ticket(conn, &ticket));
        let on = on.unwrap();
        assert_eq!(on.len(), UNREADABLE + 1);
        let tried = on.iter().filter(|it| it.freshness.is_some());
        let tried: Vec<&str> = tried.map(|it| it.repository.name.as_str()).collect();
        assert_eq!(tried, ["infra/web"]);
        let ina = desk.person("Ina", Roles::of(&[Role::Responder]));
        Browser::of(desk, &ina)
            .get(&format!("/{change}"))
            .says("Still reverts cleanly.");
    }
);
