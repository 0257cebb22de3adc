//! Commits and changes: the real git, its hooks, and a server on loopback.

use std::time::Instant;

use watchkeeper::actions::ticket as act;
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::commit_message::Relation;
use watchkeeper::domain::id::Kind;
use watchkeeper::domain::ticket::State;
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::store;

use crate::both_databases;
use crate::desk::{Desk, START};
use crate::git_bench::{Bench, WATCHKEEPER, text};
use crate::served::Served;

both_databases!(a_pushed_commit_stands_on_the_change_that_it_names, |desk| {
    let bench = Bench::new(desk);
    let change = bench.open(Kind::Change, "Raise pool size");
    bench.commit("a.txt", "Start");
    bench.work(&["tag", "v1.0"]);
    bench.work(&["push", "-q", "origin", "main", "v1.0"]);
    let said = bench.commit(
        "pool.toml",
        &format!("Raise pool size\n\nRefs: {}", change.key),
    );
    assert!(said.contains("CHG-1 refs"), "{said}");
    let pushed = bench.work(&["push", "origin", "main"]);
    assert!(
        pushed.contains("remote: watchkeeper: CHG-1 refs, one commit"),
        "{pushed}"
    );

    let oid = bench.head();
    let commits = bench.commits(change.key);
    let [(commit, link)] = commits.as_slice() else {
        panic!("{commits:?}")
    };
    assert_eq!(
        (commit.oid.as_str(), link.relation),
        (oid.as_str(), Relation::Refs)
    );
    assert_eq!(
        (commit.author_name.as_str(), commit.subject.as_str()),
        ("Ada Lovelace", "Raise pool size")
    );
    assert_eq!(commit.version_before.as_deref(), Some("v1.0"));
    let after = commit.version_after.as_deref().unwrap();
    assert!(after.starts_with("v1.0-1-g"), "{after}");
    assert!(commit.published_at.is_some() && commit.acts);
    let entries = bench.entries(change.key, EntryKind::CommitLinked);
    let [entry] = entries.as_slice() else {
        panic!("{entries:?}")
    };
    assert_eq!(entry.body, "Raise pool size");
    assert_eq!(entry.facts.get("paths"), Some("A pool.toml"));
    assert_eq!(
        entry.facts.get("revert"),
        Some(format!("git revert --no-edit {oid}").as_str())
    );
    assert_eq!(bench.ticket(change.key).state, State::Draft);

    // The same again: by hand, with a forgotten memory, and by a second push of nothing.
    let line = format!(
        "{} {oid} refs/heads/main\n",
        bench.work(&["rev-parse", "v1.0"]).trim()
    );
    bench.post_receive(&line);
    bench.forget_recorded();
    bench.post_receive(&line);
    bench.work(&["push", "-q", "origin", "main"]);
    assert_eq!(bench.commits(change.key).len(), 1);
    assert_eq!(bench.entries(change.key, EntryKind::CommitLinked).len(), 1);
    assert_eq!(bench.spooled(), 0);
});

#[test]
fn a_house_that_keeps_the_names_of_its_files_to_itself_tells_how_many_they_are() {
    let bench = Bench::new(Desk::new(crate::desk::On::Sqlite));
    let key = bench.open(Kind::Change, "Raise pool size").key;
    bench.commit("a.txt", "Start");
    bench.work(&["push", "-q", "origin", "main"]);
    let bare = bench.path("origin.git");
    bench.git(&bare, &["config", "watchkeeper.sendPaths", "false"]);
    std::fs::write(bench.path("work/secret-name.txt"), "x").unwrap();
    bench.work(&["add", "."]);
    bench.commit("pool.toml", &format!("Raise it\n\nRefs: {key}"));
    bench.work(&["push", "-q", "origin", "main"]);
    let commits = bench.commits(key);
    let [(commit, _)] = commits.as_slice() else {
        panic!("{commits:?}")
    };
    assert!(commit.paths.is_empty(), "{:?}", commit.paths);
    assert_eq!(commit.path_count, 2);
}

both_databases!(
    a_commit_closes_a_task_once_and_only_when_it_is_published,
    |desk| {
        let bench = Bench::new(desk);
        let task = bench.open(Kind::Task, "Renew certificate").key;
        bench.commit("a.txt", "Start");
        bench.work(&["push", "-q", "origin", "main"]);
        bench.work(&["switch", "-q", "-c", "wip"]);
        bench.commit("cert.pem", &format!("New leaf\n\nCloses: {task}"));
        bench.work(&["push", "-q", "origin", "wip"]);
        assert_eq!(
            bench.ticket(task).state,
            State::Open,
            "nothing acts before it is published"
        );
        assert_eq!(bench.commits(task).len(), 1);

        bench.work(&["switch", "-q", "main"]);
        bench.work(&["merge", "-q", "--ff-only", "wip"]);
        let pushed = bench.work(&["push", "origin", "main"]);
        assert!(
            pushed.contains("TSK-1 closes") && pushed.contains("resolved"),
            "{pushed}"
        );
        assert_eq!(bench.ticket(task).state, State::Done);
        let [resolved] = &bench.entries(task, EntryKind::Resolved)[..] else {
            panic!()
        };
        assert_eq!(resolved.facts.get("cause"), Some("commit"));
        assert_eq!(resolved.facts.get("line"), Some("3"));

        // Somebody finds it undone; the same work on a release branch doesn't close it a second time.
        let ben = bench.desk.person("Ben", Roles::of(&[Role::Responder]));
        act::reopen(&bench.desk.as_person(&ben), task, None, "still the old one").unwrap();
        bench.work(&["switch", "-q", "-c", "release/1", "HEAD~1"]);
        bench.work(&["cherry-pick", "-x", "main"]);
        bench.work(&["push", "-q", "origin", "release/1"]);
        assert_eq!(bench.commits(task).len(), 2);
        assert_eq!(bench.ticket(task).state, State::Open);
    }
);

both_databases!(two_branches_that_share_a_commit_bring_it_once, |desk| {
    let bench = Bench::new(desk);
    let change = bench.open(Kind::Change, "Pool").key;
    bench.commit("a.txt", &format!("{change}: shared"));
    bench.work(&["switch", "-q", "-c", "other"]);
    bench.commit("b.txt", &format!("{change}: more"));
    bench.work(&["push", "-q", "origin", "main", "other"]);
    let subjects: Vec<_> = bench
        .commits(change)
        .into_iter()
        .map(|(commit, _)| (commit.subject, commit.ref_name))
        .collect();
    assert_eq!(
        subjects,
        [
            ("CHG-1: shared".to_owned(), "refs/heads/main".to_owned()),
            ("CHG-1: more".to_owned(), "refs/heads/other".to_owned())
        ]
    );
    // Deleting the branch is no news of commits, and the next push isn't confused by it.
    bench.work(&["push", "-q", "origin", ":other"]);
    bench.commit("c.txt", &format!("{change}: again"));
    bench.work(&["push", "-q", "origin", "HEAD:refs/heads/third"]);
    assert_eq!(bench.commits(change).len(), 3);
});

both_databases!(
    a_revert_marks_the_change_and_a_merge_reverts_by_its_mainline,
    |desk| {
        let bench = Bench::new(desk);
        let change = bench.open(Kind::Change, "Pool").key;
        bench.commit("a.txt", "Start");
        bench.work(&["switch", "-q", "-c", &format!("{change}-pool")]);
        bench.commit(
            "b.txt",
            &format!("Raise\n\nChange: {change}\nSide-effects: short stall"),
        );
        bench.work(&["switch", "-q", "main"]);
        bench.commit("c.txt", "Elsewhere");
        bench.work(&[
            "merge",
            "-q",
            "--no-ff",
            "--no-edit",
            &format!("{change}-pool"),
        ]);
        let merge = bench.head();
        bench.work(&["push", "-q", "origin", "main"]);
        let relations: Vec<_> = bench
            .commits(change)
            .iter()
            .map(|(_, link)| link.relation)
            .collect();
        assert_eq!(relations, [Relation::Implements, Relation::Merge]);
        let id = bench.ticket(change).id;
        let read = |conn: &mut store::Conn| store::change::of(conn, id);
        let plan = bench.desk.app.store.read(read).unwrap().plan;
        assert_eq!(plan.side_effects, "short stall");
        let commands = bench.revert(change);
        assert_eq!(commands, [format!("git revert --no-edit -m 1 {merge}")]);

        bench.work(&["revert", "--no-edit", "-m", "1", &merge]);
        let pushed = bench.work(&["push", "origin", "main"]);
        assert!(pushed.contains("revert prepared"), "{pushed}");
        assert!(
            bench
                .desk
                .app
                .store
                .read(read)
                .unwrap()
                .revert_prepared_at
                .is_some()
        );
        assert_eq!(
            bench.revert(change),
            Vec::<String>::new(),
            "nothing is left to take back"
        );
        assert_eq!(
            bench.ticket(change).state,
            State::Draft,
            "a commit never moves a change"
        );
    }
);

both_databases!(a_sha_256_repository_works_like_any_other, |desk| {
    let bench = Bench::with_format(desk, "sha256");
    let change = bench.open(Kind::Change, "Pool").key;
    bench.commit("a.txt", "Start");
    bench.commit("pool.toml", &format!("Raise pool size\n\nRefs: {change}"));
    bench.work(&["push", "-q", "origin", "main"]);
    let [(commit, _)] = &bench.commits(change)[..] else {
        panic!()
    };
    assert_eq!(commit.oid.len(), 64);
    assert_eq!(commit.paths.len(), 1);
    assert_eq!(commit.paths[0].path, "pool.toml");
    let [entry] = &bench.entries(change, EntryKind::CommitLinked)[..] else {
        panic!()
    };
    assert_eq!(entry.facts.get("paths"), Some("A pool.toml"));
});

both_databases!(
    a_push_while_the_service_is_away_is_told_by_the_next_one,
    |desk| {
        let mut bench = Bench::new(desk);
        let change = bench.open(Kind::Change, "Pool").key;
        bench.commit("a.txt", &format!("{change}: while away"));
        let address = bench.server.take().unwrap().address();
        let pushed = bench.work(&["push", "origin", "main"]);
        assert!(
            pushed.contains("one push will be recorded later"),
            "{pushed}"
        );
        assert_eq!((bench.commits(change).len(), bench.spooled()), (0, 1));

        bench.server = Some(Served::again(&bench.desk.app, address));
        bench.commit("b.txt", &format!("{change}: back"));
        bench.work(&["push", "-q", "origin", "main"]);
        let subjects: Vec<_> = bench
            .commits(change)
            .into_iter()
            .map(|(commit, _)| commit.subject)
            .collect();
        assert_eq!(subjects, ["CHG-1: while away", "CHG-1: back"]);
        assert_eq!(bench.spooled(), 0);
    }
);

both_databases!(an_import_links_without_acting, |desk| {
    let bench = Bench::new(desk);
    let task = bench.open(Kind::Task, "Renew certificate").key;
    let mut stream = String::new();
    for number in 0..2_500 {
        let message = format!("Step {number}\n\nCloses: {task}\n");
        stream.push_str(&format!(
            "commit refs/heads/main\ncommitter A <a@x> {} +0000\ndata {}\n{message}\nM 644 inline f\ndata 4\n{number:04}\n",
            START.micros() / 1_000_000 + 60 + number,
            message.len(),
        ));
    }
    let file = bench.path("stream");
    std::fs::write(&file, stream).unwrap();
    let mut import = bench.command("git", &bench.path("work"));
    import
        .args(["fast-import", "--quiet"])
        .stdin(std::fs::File::open(&file).unwrap());
    assert!(import.status().unwrap().success());
    let began = Instant::now();
    bench.work(&["push", "-q", "origin", "main"]);
    // Three parts may take more than one hook's patience on a busy machine; this waits until the rest is told.
    let origin = bench.path("origin.git");
    let mut drain = bench.command(WATCHKEEPER, &origin);
    assert!(drain.args(["hook", "drain"]).status().unwrap().success());
    println!("2,500 commits pushed and recorded in {:?}", began.elapsed());
    assert_eq!(bench.ticket(task).state, State::Open);
    assert_eq!(
        bench.commits(task).len(),
        100,
        "the newest hundred are shown"
    );
    let entries = bench.entries(task, EntryKind::CommitLinked);
    let told: Vec<_> = entries
        .iter()
        .map(|entry| entry.facts.get("commits"))
        .collect();
    assert_eq!(told, [Some("2500")], "one line, whatever its parts");
});

mod on_one_database {
    use super::*;
    use crate::desk::On;

    fn bench() -> Bench {
        Bench::new(Desk::new(On::Sqlite))
    }

    both_databases!(
        a_message_that_names_an_unknown_ticket_is_warned_about_at_commit_time,
        |desk| {
            let bench = Bench::new(desk);
            let said = bench.commit("a.txt", "Raise pool size\n\nRefs: CHG-404");
            assert!(said.contains("warning: CHG-404 doesn't exist"), "{said}");
            let said = bench.commit("a.txt", "Raise pool size, see chg-1");
            assert!(
                said.contains("names no ticket") && said.contains("did you mean \"CHG-1\"?"),
                "{said}"
            );
            bench.open(Kind::Change, "Pool");
            let said = bench.commit("a.txt", "Does not fix CHG-1 yet");
            assert!(
                said.contains("CHG-1 mention (negated)") && !said.contains("warning"),
                "{said}"
            );
        }
    );

    #[test]
    fn a_commit_is_never_held_up_by_a_service_that_is_away() {
        let mut bench = bench();
        bench.server = None;
        let began = Instant::now();
        let said = bench.commit("a.txt", "Raise pool size\n\nRefs: CHG-1");
        assert!(said.contains("tickets not checked"), "{said}");
        assert!(began.elapsed().as_secs() < 5);
    }

    #[test]
    fn a_repository_may_insist_on_a_ticket() {
        let bench = bench();
        std::fs::write(bench.path("work/.watchkeeper.toml"), "enforce = true\n").unwrap();
        bench.work(&["add", "."]);
        let refused = bench.try_git(&bench.path("work"), &["commit", "-m", "No key"]);
        assert!(!refused.status.success() && text(&refused).contains("enforce = true"));
        bench.work(&["commit", "-q", "-m", "Typo\n\nNo-Ticket: only a typo"]);
        bench.work(&["commit", "-q", "--allow-empty", "-m", "CHG-1: with one"]);
    }

    #[test]
    fn what_changes_exempt_paths_alone_and_an_empty_first_commit_need_no_ticket() {
        let bench = bench();
        let said = bench.work(&["commit", "--allow-empty", "-m", "Begin"]);
        assert!(!said.contains("names no ticket"), "{said}");
        let policy = "enforce = true\nexempt = [\"docs/*\", \"*.md\"]\n";
        std::fs::write(bench.path("work/.watchkeeper.toml"), policy).unwrap();
        bench.work(&["add", "."]);
        bench.work(&["commit", "-q", "-m", "CHG-1: rules"]);
        std::fs::create_dir_all(bench.path("work/docs/how")).unwrap();
        for file in ["docs/how/to.txt", "README.md", "pool.toml"] {
            std::fs::write(bench.path("work").join(file), "x").unwrap();
        }
        let work = bench.path("work");
        bench.work(&["add", "docs", "README.md"]);
        bench.work(&["commit", "-q", "-m", "Say how"]);
        // Moved out of there it is something else.
        bench.work(&["mv", "docs/how/to.txt", "to.txt"]);
        assert!(
            !bench
                .try_git(&work, &["commit", "-m", "Move"])
                .status
                .success()
        );
        bench.work(&["reset", "-q", "--hard"]);
        std::fs::write(bench.path("work/docs/how/to.txt"), "y").unwrap();
        bench.work(&["add", "docs", "pool.toml"]);
        assert!(
            !bench
                .try_git(&work, &["commit", "-m", "Both"])
                .status
                .success()
        );
        // An empty one later is no first one.
        bench.work(&["reset", "-q"]);
        let empty = bench.try_git(&work, &["commit", "--allow-empty", "-m", "Again"]);
        assert!(!empty.status.success());
    }

    #[test]
    fn a_hook_that_was_there_runs_first_and_installing_twice_changes_nothing() {
        let bench = bench();
        let hooks = bench.path("work/.git/hooks");
        let ours = std::fs::read_to_string(hooks.join("commit-msg")).unwrap();
        std::fs::write(hooks.join("commit-msg"), "#!/bin/sh\necho theirs; exit 1\n").unwrap();
        let said = text(&bench.install("work"));
        assert!(said.contains("00-previous"), "{said}");
        bench.install("work");
        assert_eq!(
            std::fs::read_to_string(hooks.join("commit-msg")).unwrap(),
            ours
        );
        assert_eq!(
            std::fs::read_dir(hooks.join("commit-msg.d"))
                .unwrap()
                .count(),
            1
        );
        let refused = bench.try_git(
            &bench.path("work"),
            &["commit", "--allow-empty", "-m", "CHG-1: x"],
        );
        assert!(!refused.status.success() && text(&refused).contains("theirs"));
    }

    both_databases!(
        the_token_lies_where_only_its_owner_reads_it_and_opens_nothing_else,
        |desk| {
            use std::os::unix::fs::PermissionsExt;
            let bench = Bench::new(desk);
            let file = bench.path("origin.git/watchkeeper/token");
            assert_eq!(
                std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
                0o600
            );
            let url = bench.server.as_ref().unwrap().url();
            let ask = |path: &str, token: &str| {
                let agent: ureq::Agent = ureq::Agent::config_builder()
                    .http_status_as_error(false)
                    .build()
                    .into();
                let request = agent.get(format!("{url}{path}"));
                let answer = request
                    .header("Authorization", format!("Bearer {token}"))
                    .call()
                    .unwrap();
                answer.status().as_u16()
            };
            assert_eq!(ask("/api/v1/keys/CHG-1/verdict", &bench.token), 200);
            assert_eq!(ask("/api/v1/keys/nonsense/verdict", &bench.token), 422);
            assert_eq!(ask("/api/v1/keys/CHG-1/verdict", "wk_wrong"), 401);
            let mut install = bench.command(WATCHKEEPER, bench.folder.path());
            install.args([
                "hook", "install", "--url", &url, "--token", "wk_wrong", "--repo", "work",
            ]);
            let refused = install.output().unwrap();
            assert!(
                !refused.status.success() && text(&refused).contains("doesn't take this token")
            );
        }
    );

    both_databases!(
        an_update_hook_that_refuses_one_of_three_refs_hides_only_that_one,
        |desk| {
            use std::os::unix::fs::PermissionsExt;
            let bench = Bench::new(desk);
            let change = bench.open(Kind::Change, "Pool").key;
            let update = bench.path("origin.git/hooks/update");
            std::fs::write(&update, "#!/bin/sh\ncase $1 in */no) exit 1;; esac\n").unwrap();
            std::fs::set_permissions(&update, std::fs::Permissions::from_mode(0o755)).unwrap();
            bench.commit("a.txt", "Start");
            for name in ["one", "no", "two"] {
                bench.work(&["switch", "-q", "-c", name, "main"]);
                bench.commit(name, &format!("{change}: {name}"));
            }
            let push = ["push", "-q", "origin", "main", "one", "no", "two"];
            assert!(!bench.try_git(&bench.path("work"), &push).status.success());
            let subjects: Vec<_> = bench
                .commits(change)
                .into_iter()
                .map(|(commit, _)| commit.subject)
                .collect();
            assert_eq!(subjects, ["CHG-1: one", "CHG-1: two"]);
        }
    );

    both_databases!(
        pushes_at_once_that_share_commits_make_one_row_of_each_and_lose_none,
        |desk| {
            let bench = Bench::new(desk);
            let change = bench.open(Kind::Change, "Pool").key;
            bench.commit("a.txt", "Start");
            bench.work(&["push", "-q", "origin", "main"]);
            bench.commit("b.txt", &format!("{change}: shared"));
            // Each has the shared commit, and one of its own on top of it.
            for name in ["x", "y", "z"] {
                bench.work(&["switch", "-q", "-c", name, "main"]);
                bench.commit(name, &format!("{change}: {name}"));
            }
            std::thread::scope(|scope| {
                for name in ["x", "y", "z"] {
                    let folder = bench.path("work");
                    let mut push = bench.command("git", &folder);
                    push.args(["push", "-q", "origin", name]);
                    scope.spawn(move || assert!(push.status().unwrap().success()));
                }
            });
            // Whoever came while another one told wrote theirs down.
            bench.post_receive("");
            let mut subjects: Vec<_> = bench
                .commits(change)
                .into_iter()
                .map(|(commit, _)| commit.subject)
                .collect();
            subjects.sort();
            let all = ["shared", "x", "y", "z"].map(|name| format!("{change}: {name}"));
            assert_eq!(subjects, all);
            assert_eq!(bench.spooled(), 0);
            let tips = bench.desk.app.store.read(|conn| {
                let repository = store::repository::repositories(conn)?.remove(0);
                store::repository::recorded_tips(conn, repository.id)
            });
            assert_eq!(tips.unwrap().len(), 4);
        }
    );

    #[test]
    fn a_forced_push_counts_what_it_dropped_and_two_pushes_at_once_lose_nothing() {
        let bench = bench();
        let change = bench.open(Kind::Change, "Pool").key;
        bench.commit("a.txt", "Start");
        bench.work(&["push", "-q", "origin", "main"]);
        bench.commit("b.txt", &format!("{change}: first"));
        let shared = bench.head();
        std::thread::scope(|scope| {
            for name in ["x", "y"] {
                let folder = bench.path("work");
                let mut push = bench.command("git", &folder);
                push.args(["push", "-q", "origin", &format!("HEAD:refs/heads/{name}")]);
                scope.spawn(move || assert!(push.status().unwrap().success()));
            }
        });
        assert_eq!(bench.commits(change).len(), 1);
        bench.work(&[
            "commit",
            "-q",
            "--amend",
            "-m",
            &format!("{change}: amended"),
        ]);
        bench.work(&["push", "-q", "--force", "origin", "HEAD:refs/heads/x"]);
        assert_eq!(bench.commits(change).len(), 2);
        bench.git(&bench.path("origin.git"), &["cat-file", "-e", &shared]);
    }
}
