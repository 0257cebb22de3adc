//! Forges: what their webhooks tell is fetched from a real repository with the real git, and so is what they don't tell.

use serde_json::json;
use watchkeeper::actions::forge as act;
use watchkeeper::domain::forge::{KEPT_SECS, LOOK_SECS, Verdict};
use watchkeeper::domain::id::Kind;
use watchkeeper::domain::ticket::State;
use watchkeeper::domain::timeline::EntryKind;

use crate::both_databases;
use crate::forge_yard::{MAIN, Yard, ZERO, github_push};

both_databases!(
    a_webhook_puts_a_commit_on_the_change_that_it_names_without_a_hook_on_the_server,
    |desk| {
        let yard = Yard::new(desk, "github");
        let change = yard.bench.open(Kind::Change, "Raise pool size").key;
        yard.bench.commit("a.txt", "Start");
        yard.push(&["main"]);
        yard.bench.desk.settle();
        assert!(
            yard.shown()
                .forge
                .unwrap()
                .standing
                .look
                .looked_at
                .is_some()
        );

        let moved = yard.pushed("pool.toml", change);
        let first = yard.told("octocat", MAIN, &moved);
        assert_eq!(
            yard.verdicts(),
            [Verdict::Waiting],
            "accepted means durable"
        );
        assert_eq!(yard.subjects(change), Vec::<String>::new());
        yard.bench.desk.settle();
        assert_eq!(yard.subjects(change), ["Touch pool.toml"]);
        let [(commit, _)] = &yard.bench.commits(change)[..] else {
            panic!()
        };
        assert_eq!(commit.oid, moved.1);
        assert!(commit.published_at.is_some() && commit.acts);
        assert_eq!(commit.paths[0].path, "pool.toml");
        let [entry] = &yard.bench.entries(change, EntryKind::CommitLinked)[..] else {
            panic!()
        };
        assert_eq!(entry.facts.get("pusher"), Some("octocat"));
        assert_eq!(yard.verdicts(), [Verdict::Taken]);
        assert_eq!(yard.recorded(), [(MAIN.to_owned(), moved.1.clone())]);

        // The same delivery again, and the same push as another delivery.
        let body = github_push("octocat", MAIN, &moved.0, &moved.1);
        let again = yard.github("push", &first, &yard.secret, &body);
        assert_eq!(
            (again.status, again.body),
            (202, json!({"verdict": "known"}))
        );
        yard.told("octocat", MAIN, &moved);
        yard.bench.desk.settle();
        assert_eq!(yard.verdicts(), [Verdict::Taken, Verdict::Taken]);
        assert_eq!(yard.subjects(change), ["Touch pool.toml"]);
        assert_eq!(yard.bench.entries(change, EntryKind::CommitLinked).len(), 1);
        assert_eq!(yard.bench.ticket(change).state, State::Draft);
    }
);

both_databases!(each_push_is_its_own_pushers, |desk| {
    let yard = Yard::new(desk, "github");
    let change = yard.bench.open(Kind::Change, "Pool").key;
    yard.bench.commit("a.txt", "Start");
    yard.push(&["main"]);
    yard.bench.desk.settle();
    // Both are on the forge before we look.
    let one = yard.pushed("one", change);
    let two = yard.pushed("two", change);
    yard.told("ada", MAIN, &one);
    yard.told("bob", MAIN, &two);
    yard.bench.desk.settle();
    assert_eq!(yard.subjects(change), ["Touch one", "Touch two"]);
    assert_eq!(yard.pushers(change), ["ada", "bob"]);
    // The later one is told first, the earlier one when it is old news.
    let three = yard.pushed("three", change);
    let four = yard.pushed("four", change);
    yard.told("bob", MAIN, &four);
    yard.bench.desk.settle();
    yard.told("ada", MAIN, &three);
    yard.bench.desk.settle();
    assert_eq!(yard.subjects(change).len(), 4);
    assert_eq!(yard.recorded(), [(MAIN.to_owned(), four.1)]);
});

both_databases!(what_no_webhook_told_is_found_within_ten_minutes, |desk| {
    let yard = Yard::new(desk, "github");
    let change = yard.bench.open(Kind::Change, "Pool").key;
    yard.bench.commit("a.txt", "Start");
    yard.push(&["main"]);
    yard.bench.desk.settle();
    let (_, tip) = yard.pushed("lost", change);
    yard.bench.work(&["tag", "-a", "-m", "One", "v1"]);
    yard.push(&["v1"]);
    yard.bench.desk.advance(LOOK_SECS - 1);
    assert_eq!(yard.subjects(change), Vec::<String>::new());
    yard.bench.desk.advance(1);
    assert_eq!(yard.subjects(change), ["Touch lost"]);
    assert_eq!(yard.pushers(change), ["nobody"], "nobody said who it was");
    let tag = yard.tip("refs/tags/v1");
    assert_ne!(tag, tip, "an annotated tag is an object of its own");
    let both = [(MAIN.to_owned(), tip), ("refs/tags/v1".to_owned(), tag)];
    assert_eq!(yard.recorded(), both);
    // And what is gone.
    yard.push(&[":v1"]);
    yard.bench.desk.advance(LOOK_SECS);
    assert_eq!(yard.recorded(), both[..1]);
    assert!(yard.verdicts().is_empty(), "no delivery ever came");
});

both_databases!(
    forced_pushes_deleted_branches_and_tags_are_told_as_they_are,
    |desk| {
        let yard = Yard::new(desk, "github");
        let change = yard.bench.open(Kind::Change, "Pool").key;
        yard.bench.commit("a.txt", "Start");
        yard.push(&["main"]);
        yard.bench.desk.settle();
        let first = yard.pushed("pool.toml", change);
        yard.told("ada", MAIN, &first);
        yard.bench.desk.settle();

        // Amended and forced: the new commit stands beside the lost one.
        yard.bench.work(&[
            "commit",
            "-q",
            "--amend",
            "-m",
            &format!("Better\n\nRefs: {change}"),
        ]);
        yard.push(&["--force", "main"]);
        let forced = (first.1.clone(), yard.tip(MAIN));
        yard.told("ada", MAIN, &forced);
        yard.bench.desk.settle();
        assert_eq!(yard.subjects(change), ["Touch pool.toml", "Better"]);
        let dropped = yard.dropped();
        assert_eq!(dropped, [(MAIN.to_owned(), 1)]);

        yard.bench.work(&["tag", "-a", "-m", "One", "v1"]);
        yard.push(&["v1", "HEAD:refs/heads/wip/x"]);
        let (tag, wip) = ("refs/tags/v1", "refs/heads/wip/x");
        // Some forges tell an annotated tag's commit instead of the tag.
        yard.told("ada", tag, &(ZERO.to_owned(), yard.tip(MAIN)));
        yard.told("ada", wip, &(ZERO.to_owned(), yard.tip(wip)));
        yard.bench.desk.settle();
        let names = |yard: &Yard| {
            let all = yard.recorded().into_iter();
            all.map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_eq!(names(&yard), [MAIN, wip, tag]);
        assert_eq!(yard.recorded()[2].1, yard.tip(tag));
        let gone = (yard.tip(wip), ZERO.to_owned());
        yard.push(&[":wip/x", ":v1"]);
        yard.told("ada", wip, &gone);
        yard.told("ada", tag, &(forced.1.clone(), ZERO.to_owned()));
        yard.bench.desk.settle();
        assert_eq!(names(&yard), [MAIN]);
        assert_eq!(yard.subjects(change).len(), 2);
    }
);

both_databases!(a_sha_256_repository_is_fetched_like_any_other, |desk| {
    let yard = Yard::with_format(desk, "github", "sha256");
    let change = yard.bench.open(Kind::Change, "Pool").key;
    yard.bench.commit("a.txt", "Start");
    yard.push(&["main"]);
    yard.bench.desk.settle();
    let moved = yard.pushed("pool.toml", change);
    assert_eq!(moved.1.len(), 64);
    yard.told("ada", MAIN, &moved);
    yard.bench.desk.settle();
    assert_eq!(yard.subjects(change), ["Touch pool.toml"]);
    yard.push(&["HEAD:refs/heads/x"]);
    yard.push(&[":x"]);
    yard.bench.desk.advance(LOOK_SECS);
    assert_eq!(yard.recorded().len(), 1);
});

both_databases!(
    a_forge_that_is_away_is_shown_and_tried_again_ever_more_seldom,
    |desk| {
        let yard = Yard::new(desk, "github");
        let change = yard.bench.open(Kind::Change, "Pool").key;
        yard.bench.commit("a.txt", "Start");
        yard.push(&["main"]);
        yard.bench.desk.settle();
        let moved = yard.pushed("pool.toml", change);
        let (forge, away) = (yard.bench.path("forge.git"), yard.bench.path("away.git"));
        std::fs::rename(&forge, &away).unwrap();
        yard.told("ada", MAIN, &moved);
        let began = yard.bench.desk.now();
        yard.bench.desk.settle();
        let standing = yard.shown().forge.unwrap().standing;
        assert_eq!(
            (standing.look.faults, standing.look.failing_since),
            (1, Some(began))
        );
        assert_eq!(
            yard.verdicts(),
            [Verdict::Waiting],
            "what was accepted is not lost"
        );
        let visitor = yard.visitor();
        let place = format!("/repositories/{}", yard.id);
        let page = visitor.get(&place).text;
        for part in [
            "There is no repository at this address",
            "does not appear to be a git repository",
            "waits to be looked at",
            "Tried once",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        // Half a minute, a minute, two minutes.
        for (secs, faults) in [(29, 1), (1, 2), (59, 2), (1, 3), (119, 3), (1, 4)] {
            yard.bench.desk.advance(secs);
            let standing = yard.shown().forge.unwrap().standing;
            assert_eq!(standing.look.faults, faults);
        }
        std::fs::rename(&away, &forge).unwrap();
        // Nobody has to wait for the next try.
        let looked = visitor.post(&format!("{place}/forge/look"), &[]);
        assert_eq!(
            (looked.status, looked.place.as_str()),
            (303, place.as_str())
        );
        yard.bench.desk.settle();
        let standing = yard.shown().forge.unwrap().standing;
        assert_eq!(
            (
                standing.look.faults,
                standing.look.failing_since,
                standing.last_error
            ),
            (0, None, None)
        );
        assert_eq!(yard.subjects(change), ["Touch pool.toml"]);
        assert_eq!(yard.pushers(change), ["ada"]);
        assert_eq!(yard.verdicts(), [Verdict::Taken]);

        // Another, empty repository in its place: nothing is believed to be deleted.
        std::fs::rename(&forge, &away).unwrap();
        yard.bench.git(
            yard.bench.folder.path(),
            &["init", "-q", "--bare", "forge.git"],
        );
        yard.bench.desk.advance(LOOK_SECS);
        assert_eq!(yard.recorded().len(), 1);
        assert!(
            visitor
                .get(&place)
                .text
                .contains("without branches and tags")
        );
    }
);

both_databases!(
    deliveries_are_known_for_two_weeks_and_a_mirror_as_long_as_its_forge,
    |desk| {
        let yard = Yard::new(desk, "github");
        yard.bench.commit("a.txt", "Start");
        yard.push(&["main"]);
        yard.bench.desk.settle();
        let mirrors = yard.bench.desk.app.config.data.join("mirrors");
        let count = || std::fs::read_dir(&mirrors).unwrap().count();
        assert_eq!(count(), 1);
        let ping = |verdict: &str| {
            let said = yard.github("ping", "p-1", &yard.secret, "{}");
            assert_eq!(
                (said.status, said.body),
                (202, json!({ "verdict": verdict }))
            );
        };
        ping("ignored");
        yard.bench.desk.advance(KEPT_SECS);
        ping("known");
        yard.bench.desk.advance(3_601);
        assert!(yard.verdicts().is_empty());
        ping("ignored");
        act::remove(&yard.by(), yard.id).unwrap();
        yard.bench.desk.settle();
        assert_eq!(count(), 0);
        assert_eq!(yard.github("ping", "p-2", &yard.secret, "{}").status, 401);
    }
);
