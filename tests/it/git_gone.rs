//! Commits that no branch holds any more: they stay where they stood, say so, and aren't reverted.

use watchkeeper::domain::access::{Role, Roles, Scope, Scopes};
use watchkeeper::domain::id::{Kind, TicketKey};

use crate::both_databases;
use crate::git_bench::Bench;
use crate::program::token_of;
use crate::web::Browser;

/// Each commit of the ticket, oldest first: its id, and whether it is gone.
fn standing(bench: &Bench, key: TicketKey) -> Vec<(String, bool)> {
    let commits = bench.commits(key).into_iter();
    commits
        .map(|(commit, _)| (commit.oid, commit.gone_at.is_some()))
        .collect()
}

both_databases!(
    a_commit_that_a_forced_push_replaced_says_so_and_is_not_reverted,
    |desk| {
        let bench = Bench::new(desk);
        let change = bench.open(Kind::Change, "Raise pool size").key;
        bench.commit("a.txt", "Start");
        bench.work(&["push", "-q", "origin", "main"]);
        bench.commit("pool.toml", &format!("Raise pool size\n\nRefs: {change}"));
        let first = bench.head();
        bench.work(&["push", "-q", "origin", "main"]);
        assert_eq!(
            bench.revert(change),
            [format!("git revert --no-edit {first}")]
        );

        std::fs::write(bench.path("work/pool.toml"), "size = 40").unwrap();
        bench.work(&["commit", "-q", "-a", "--amend", "--no-edit"]);
        let second = bench.head();
        bench.work(&["push", "-q", "--force", "origin", "main"]);
        assert_eq!(
            standing(&bench, change),
            [(first.clone(), true), (second.clone(), false)]
        );
        assert_eq!(
            bench.revert(change),
            [format!("git revert --no-edit {second}")]
        );
        let eve = bench.desk.person("Eve", Roles::of(&[Role::Responder]));
        let browser = Browser::of(&bench.desk, &eve);
        browser
            .get(&format!("/{change}"))
            .says("no longer on any branch")
            .says(&format!("replaced by {}", &second[..10]));
        let token = token_of(&bench.desk, &eve, Scopes::of(&[Scope::Read]));
        let server = bench.server.as_ref().unwrap().url();
        let mut answer = ureq::get(format!("{server}/api/v1/tickets/{change}/commits"))
            .header("Authorization", format!("Bearer {token}"))
            .call()
            .unwrap();
        let told = answer.body_mut().read_to_string().unwrap();
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        let commits = &told["repositories"][0]["commits"];
        assert!(commits[0]["gone_at"].is_string(), "{told}");
        assert_eq!(commits[0]["replaced_by"], *second);
        assert!(commits[1]["gone_at"].is_null() && commits[1]["replaced_by"].is_null());

        // A branch brings it back; another that holds it too may go.
        for branch in ["kept", "other"] {
            bench.work(&[
                "push",
                "-q",
                "origin",
                &format!("{first}:refs/heads/{branch}"),
            ]);
        }
        assert!(!standing(&bench, change)[0].1);
        bench.work(&["push", "-q", "origin", ":refs/heads/other"]);
        assert!(!standing(&bench, change)[0].1, "the first branch has it");
        bench.work(&["push", "-q", "origin", ":refs/heads/kept"]);
        assert!(standing(&bench, change)[0].1);
    }
);
