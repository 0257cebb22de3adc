//! What a change's own facts say: of its risk, and of the version that it was approved for.

use watchkeeper::actions::{approval_rule, change};
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::approval::{Details, HOUSE_SECS, Needs, Reminders, When};
use watchkeeper::domain::change::Plan;
use watchkeeper::domain::deployment::Typed;
use watchkeeper::domain::id::{Kind, TicketKey};
use watchkeeper::domain::severity::Risk;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, State};
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::error::Error;

use crate::both_databases;
use crate::deploy::{a_house, approved, tell, typed};
use crate::git_bench::{Bench, text};
use crate::web::Browser;

both_databases!(
    a_change_says_how_risky_its_facts_make_it_whatever_it_is_called,
    |desk| {
        let (ann, ben, web) = a_house(&desk);
        let opening = Opening {
            services: vec![web],
            risk: Some(Risk::Low),
            ..Opening::default()
        };
        let title = Title::parse("Widen the column").unwrap();
        let key = change::open(&desk.as_person(&ann), title, &opening, Plan::default())
            .unwrap()
            .key;
        let bench = Bench::new(desk);
        let browser = Browser::of(&bench.desk, &ann);
        browser
            .get(&format!("/{key}"))
            .says("Risk by its facts")
            .says("Medium risk: no way back is known")
            .says("It is called less than that.");
        tell(&bench.desk, typed("1", "succeeded")).unwrap();
        bench.desk.advance(15 * 86_400);
        bench.commit("a.txt", "Start");
        std::fs::create_dir_all(bench.path("work/migrations")).unwrap();
        bench.commit("migrations/7.sql", &format!("Widen it\n\nRefs: {key}"));
        bench.work(&["push", "-q", "origin", "main"]);
        // A commit can be reverted; but it touches a schema, where nothing was changed for long.
        // Two weeks later Ann's log-in is over.
        let browser = Browser::of(&bench.desk, &ben);
        browser
            .get(&format!("/{key}"))
            .says("High risk: a migration, the first change there in 14 days");

        // A draft takes its commit's word where that is more than it was called.
        let quiet = bench.open(Kind::Change, "Warm the cache").key;
        let message = format!("Warm it\n\nChange: {quiet}\nRisk: Medium, it starts cold");
        bench.commit("cache.toml", &message);
        let said = bench.work(&["push", "origin", "main"]);
        assert!(said.contains("fills the plan"), "{said}");
        assert_eq!(bench.ticket(quiet).risk, Some(Risk::Medium));
        let filled = bench.entries(quiet, EntryKind::Edited);
        assert_eq!(filled[0].facts.get("fields"), Some("risk"));
        let message = format!("Warm it more\n\nChange: {quiet}\nRisk: low");
        bench.commit("cache.toml", &message);
        bench.work(&["push", "-q", "origin", "main"]);
        assert_eq!(bench.ticket(quiet).risk, Some(Risk::Medium));
    }
);

both_databases!(what_was_approved_for_one_version_carries_no_other, |desk| {
    let (ann, ben, web) = a_house(&desk);
    let plan = Plan {
        version_after: Some("v4.12.0".to_owned()),
        ..Plan::default()
    };
    let opening = Opening {
        services: vec![web],
        ..Opening::default()
    };
    let title = Title::parse("Roll out 4.12").unwrap();
    let by = desk.as_person(&ann);
    let key = change::open(&by, title, &opening, plan).unwrap().key;
    let waiting = change::ask_approval(&by, key, None).unwrap();
    change::approve(&desk.as_person(&ben), key, waiting.version).unwrap();
    let of = |version: &str| Typed {
        change: key.to_string(),
        ..typed(version, "succeeded")
    };
    let Err(Error::Refused(refusal)) = tell(&desk, of("5.0.0")) else {
        panic!("it is for another version")
    };
    assert_eq!(refusal.rule, "deploy-other-version");
    assert!(refusal.to_string().contains("planned=v4.12.0"), "{refusal}");
    // Elsewhere anything may be tried.
    let staging = Typed {
        environment: "staging".into(),
        ..of("5.0.0")
    };
    tell(&desk, staging).unwrap();
    tell(&desk, of("4.12.0")).unwrap();
    let (ticket, ..) = change::read(&desk.as_person(&ann), key).unwrap();
    assert_eq!(ticket.state, State::OnWatch);
    // A change that names no version is of any.
    let any = approved(&desk, &ann, &ben, web);
    let any = Typed {
        change: any.to_string(),
        ..typed("5.0.0", "succeeded")
    };
    tell(&desk, any).unwrap();
});

both_databases!(what_was_approved_for_one_build_carries_no_other, |desk| {
    let (ann, ben, web) = a_house(&desk);
    let sealed = "sha256:9f86d081884c7d65";
    let plan = Plan {
        artefact: Some(sealed.to_owned()),
        ..Plan::default()
    };
    let opening = Opening {
        services: vec![web],
        ..Opening::default()
    };
    let title = Title::parse("Roll out the build of Friday").unwrap();
    let by = desk.as_person(&ann);
    let key = change::open(&by, title, &opening, plan).unwrap().key;
    let waiting = change::ask_approval(&by, key, None).unwrap();
    change::approve(&desk.as_person(&ben), key, waiting.version).unwrap();
    Browser::of(&desk, &ben)
        .get(&format!("/{key}"))
        .says("Digest of what is deployed")
        .says(sealed);
    let of = |artefact: &str| Typed {
        change: key.to_string(),
        artefact: artefact.into(),
        ..typed("5.0.0", "succeeded")
    };
    for (artefact, rule) in [
        ("sha256:60303ae22b998861", "deploy-other-artefact"),
        ("", "deploy-no-artefact"),
    ] {
        let Err(Error::Refused(refusal)) = tell(&desk, of(artefact)) else {
            panic!("{artefact} isn't what was approved")
        };
        assert_eq!(refusal.rule, rule);
    }
    tell(&desk, of(sealed)).unwrap();
    let (ticket, ..) = change::read(&by, key).unwrap();
    assert_eq!(ticket.state, State::OnWatch);
});

both_databases!(
    where_the_rule_says_so_a_vote_is_for_the_commits_that_there_were,
    |desk| {
        let (ann, ben, _) = a_house(&desk);
        let details = Details {
            name: "Reviewed".to_owned(),
            when: When::default(),
            needs: Needs::HOUSE,
            binds_commits: false,
            valid_secs: HOUSE_SECS,
            reminders: Reminders::default(),
            is_active: true,
        };
        let ida = desk.person("Ida", Roles::of(&[Role::Admin]));
        let rule = approval_rule::add(&desk.as_person(&ida), &details).unwrap();
        let bench = Bench::new(desk);
        bench.commit("a.txt", "Start");
        bench.work(&["push", "-q", "origin", "main"]);
        let title = Title::parse("Raise the pool size").unwrap();
        let by = bench.desk.as_person(&ann);
        let opening = Opening::default();
        let key = change::open(&by, title, &opening, Plan::default())
            .unwrap()
            .key;
        let push = |file: &str| {
            bench.commit(file, &format!("Raise it\n\nRefs: {key}"));
            bench.work(&["push", "-q", "origin", "main"]);
            bench.desk.advance(60);
        };
        let browser = Browser::of(&bench.desk, &ben);
        let page = || browser.get(&format!("/{key}"));
        push("b.txt");
        let waiting = change::ask_approval(&by, key, None).unwrap();
        change::approve(&bench.desk.as_person(&ben), key, waiting.version).unwrap();
        // As long as no rule says otherwise, work goes on under the approval.
        push("c.txt");
        assert!(!page().text().contains("Ask for approval again"));
        // Bound, the rule is another: it is approved for the two commits that there are, and for no third.
        let bound = Details {
            binds_commits: true,
            ..details
        };
        approval_rule::edit(&bench.desk.as_person(&ida), rule.id, rule.version, &bound).unwrap();
        let seen = bench.ticket(key).version;
        change::approve(&bench.desk.as_person(&ben), key, seen).unwrap();
        push("d.txt");
        page()
            .says("2 commits: ")
            .says("3 commits: ")
            .says("Ask for approval again");
        let Err(Error::Refused(refusal)) = change::start(&by, key, None) else {
            panic!("it was approved for two commits")
        };
        assert_eq!(refusal.rule, "approval-stale");
        let seen = bench.ticket(key).version;
        change::approve(&bench.desk.as_person(&ben), key, seen).unwrap();
        change::start(&by, key, None).unwrap();
    }
);

both_databases!(a_change_may_begin_with_a_commit_and_begins_once, |desk| {
    let (ann, _, _) = a_house(&desk);
    let bench = Bench::new(desk);
    bench.commit("a.txt", "Start");
    bench.work(&["push", "-q", "origin", "main"]);
    let message = "Raise the pool size\n\nIt ran dry on Friday.\n\nChange: new\n\
                       Side-Effects: fewer time-outs\nRollback: helm rollback web\nRisk: low";
    bench.work(&["checkout", "-q", "-b", "pool"]);
    bench.commit("pool.toml", message);
    let mut push = bench.command("git", &bench.path("work"));
    push.env("WATCHKEEPER_USER", "ann@watch.example.org");
    let said = text(&push.args(["push", "origin", "pool"]).output().unwrap());
    assert!(said.contains("CHG-1 implements"), "{said}");
    assert!(said.contains("which begins with it"), "{said}");
    let key: TicketKey = "CHG-1".parse().unwrap();
    let ticket = bench.ticket(key);
    assert_eq!(ticket.title.as_str(), "Raise the pool size");
    assert_eq!((ticket.state, ticket.risk), (State::Draft, Some(Risk::Low)));
    assert_eq!(ticket.owner, Some(ann.id));
    let (_, change, _) = change::read(&bench.desk.as_person(&ann), key).unwrap();
    assert_eq!(change.plan.side_effects, "fewer time-outs");
    assert_eq!(change.plan.revert, "helm rollback web");
    assert_eq!(change.requested_by, Some(ann.id), "and so can't approve it");

    // Rebased, and merged: it stays one, and the commit stands on it.
    bench.work(&["checkout", "-q", "main"]);
    bench.commit("b.txt", "Something else");
    bench.work(&["checkout", "-q", "pool"]);
    bench.work(&["rebase", "-q", "main"]);
    bench.work(&["push", "-q", "--force", "origin", "pool", "main"]);
    bench.work(&["push", "-q", "origin", "pool:main"]);
    let commits = bench.commits(key);
    assert_eq!(commits.len(), 2, "the old one and the new one");
    assert!(commits[1].0.published_at.is_some());
    assert_eq!(bench.open(Kind::Change, "Next").key.to_string(), "CHG-2");
});
