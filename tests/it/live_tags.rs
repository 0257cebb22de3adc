//! Tags that say what is live, in repositories without a pipeline: the real git, both hooks, a server on loopback.

use watchkeeper::actions::deployment_story::{self as story, Detail};
use watchkeeper::actions::repository;
use watchkeeper::actions::settings;
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::deployment::{Deployment, Step};
use watchkeeper::domain::freeze::Level;
use watchkeeper::domain::id::ServiceId;
use watchkeeper::domain::settings::SettingKey;
use watchkeeper::domain::ticket::State;
use watchkeeper::domain::timeline::{Door, EntryKind};
use watchkeeper::domain::timestamp::Timestamp;
use watchkeeper::store;

use crate::both_databases;
use crate::deploy::{a_house, approved, tell, typed};
use crate::desk::START;
use crate::git_bench::Bench;
use crate::push_rules::{frozen, push, refused, through};
use crate::web::Browser;

/// The repository is of this service, and its tags say what is live.
fn tags_count(bench: &Bench, service: Option<ServiceId>) {
    let root = bench.desk.person("Keeper", Roles::of(&[Role::Admin]));
    let listed = repository::list(&bench.desk.as_person(&root)).unwrap();
    let before = &listed[0].repository;
    let browser = Browser::of(&bench.desk, &root);
    let service = service.map(|id| id.to_string()).unwrap_or_default();
    let page = browser.get(&format!("/repositories/{}", before.id));
    page.says("Tags say what is live");
    let fields = [
        ("name", before.name.as_str()),
        ("default_branch", "main"),
        ("service", &service),
        ("tags_say_live", "yes"),
        ("is_active", "yes"),
        ("rev", &before.version.to_string()),
    ];
    browser.post(&format!("/repositories/{}", before.id), &fields);
    let page = browser.get(&format!("/repositories/{}", before.id));
    page.says("refs/tags/env/prod");
}

fn live(bench: &Bench) -> Vec<Deployment> {
    let read = |conn: &mut store::Conn| store::deployment::live(conn, None);
    bench.desk.app.store.read(read).unwrap()
}

/// Version and environment of what is live.
fn versions(bench: &Bench) -> Vec<(String, String)> {
    let all = live(bench).into_iter();
    all.map(|it| (it.version, it.lane.environment)).collect()
}

fn one(bench: &Bench) -> Detail {
    let [it] = live(bench).try_into().unwrap();
    story::read(&bench.desk.app.system("test", Door::Cli), it.id).unwrap()
}

fn in_prod(version: &str) -> Vec<(String, String)> {
    vec![(version.to_owned(), "prod".to_owned())]
}

fn peeled(bench: &Bench, name: &str) -> String {
    let commit = bench.work(&["rev-parse", &format!("{name}^{{commit}}")]);
    commit.trim().to_owned()
}

/// Seconds after the start at which the bench's clock stands.
fn clock(bench: &Bench) -> Timestamp {
    START.plus_secs(bench.minute.get() * 60)
}

both_databases!(
    a_tag_that_moves_says_what_is_live_carries_its_change_and_takes_it_back,
    |desk| {
        let (ann, ben, web) = a_house(&desk);
        let change = approved(&desk, &ann, &ben, web);
        let bench = Bench::new(desk);
        tags_count(&bench, Some(web));
        bench.commit("a.txt", "Start");
        bench.work(&["tag", "v1.0.0"]);
        through(&push(&bench, "ada", &["main", "v1.0.0"]));
        // A version that exists is live nowhere yet.
        assert_eq!(versions(&bench), []);
        bench.work(&["tag", "env/prod"]);
        let said = through(&push(&bench, "ada", &["env/prod"]));
        let line = "web v1.0.0 is live in prod, says env/prod";
        assert!(said.contains(line), "{said}");
        assert_eq!(versions(&bench), in_prod("v1.0.0"));
        let first = one(&bench).told.deployment;
        assert_eq!(
            (first.step, first.actor.as_deref()),
            (Step::First, Some("ada"))
        );

        bench.desk.advance(3_600);
        bench.commit("pool.toml", &format!("Raise pool size\n\nRefs: {change}"));
        through(&push(&bench, "ada", &["main"]));
        let message = format!("Pool of 40\n\nRefs: {change}");
        bench.work(&["tag", "-f", "-a", "env/prod", "-m", &message]);
        let said = through(&push(&bench, "ada", &["--force", "env/prod"]));
        // What says where a version is, is no version itself.
        let described = format!("v1.0.0-1-g{}", &bench.head()[..7]);
        assert!(
            said.contains(&format!("web {described} is live in prod")),
            "{said}"
        );
        let detail = one(&bench);
        let it = &detail.told.deployment;
        assert_eq!(it.commit.as_deref(), Some(bench.head().as_str()));
        assert_eq!(
            (it.step, it.actor.as_deref()),
            (Step::Forward, Some("Ada Lovelace"))
        );
        assert_eq!(it.started_at, bench.desk.now());
        assert_eq!(detail.previous.unwrap().version, "v1.0.0");
        assert_eq!(detail.added_count, 1);
        assert_eq!(bench.ticket(change).state, State::OnWatch);

        // Back: the same tag, forced to where it was.
        bench.desk.advance(600);
        bench.work(&["tag", "-f", "env/prod", "v1.0.0"]);
        through(&push(&bench, "ada", &["--force", "env/prod"]));
        let detail = one(&bench);
        assert_eq!(detail.told.deployment.step, Step::Rollback);
        assert_eq!(versions(&bench), in_prod("v1.0.0"));
        let entries = bench.entries(change, EntryKind::Deployed);
        let did: Vec<&str> = entries
            .iter()
            .filter_map(|it| it.facts.get("did"))
            .collect();
        assert_eq!(did, ["succeeded", "gone"]);

        // Told once more, by whatever way: nothing is new.
        let lines = format!("{} {0} refs/tags/env/prod\n", peeled(&bench, "env/prod"));
        bench.forget_recorded();
        bench.post_receive(&lines);
        assert_eq!(one(&bench).told.deployment.id, detail.told.deployment.id);
        // Deleting it takes nothing back: nobody knows what is live after that.
        through(&push(&bench, "ada", &["--delete", "env/prod"]));
        assert_eq!(versions(&bench), in_prod("v1.0.0"));
    }
);

both_databases!(
    a_tag_per_deployment_names_its_version_and_a_slip_is_said,
    |desk| {
        let (_, _, web) = a_house(&desk);
        let bench = Bench::new(desk);
        bench.commit("a.txt", "Start");
        bench.work(&["tag", "deploy/prod/0.9"]);
        // Nobody has said that tags count.
        through(&push(&bench, "ada", &["main", "deploy/prod/0.9"]));
        assert_eq!(versions(&bench), []);
        tags_count(&bench, Some(web));

        bench.work(&["tag", "deploy/prod/2026-06-01"]);
        through(&push(&bench, "ada", &["deploy/prod/2026-06-01"]));
        assert_eq!(versions(&bench), in_prod("2026-06-01"));
        bench.desk.advance(60);
        // A version that stands on the commit itself says more.
        bench.commit("b.txt", "More");
        bench.work(&["tag", "-a", "v1.1.0", "-m", "Release"]);
        bench.work(&["tag", "deploy/prod/today"]);
        through(&push(
            &bench,
            "ada",
            &["main", "v1.1.0", "deploy/prod/today"],
        ));
        assert_eq!(versions(&bench), in_prod("v1.1.0"));

        for slip in ["deploy/production/1", "env/porduction", "deploy/PROD/1"] {
            bench.work(&["tag", slip]);
            let said = through(&push(&bench, "ada", &[slip]));
            let line = format!("{slip} says nothing about what is live");
            assert!(said.contains(&line), "{said}");
        }
        assert_eq!(versions(&bench), in_prod("v1.1.0"));
        let release = peeled(&bench, "v1.1.0");

        // Whoever tells only the version is understood by its tag, annotated or not, with the v or without.
        bench.desk.advance(60);
        bench.commit("c.txt", "And more");
        bench.work(&["tag", "v1.2.0"]);
        through(&push(&bench, "ada", &["main", "v1.2.0"]));
        let told = tell(&bench.desk, typed("v1.2.0", "succeeded"))
            .unwrap()
            .deployment;
        assert_eq!(told.commit, Some(bench.head()));
        assert_eq!(told.step, Step::Forward);
        bench.desk.advance(60);
        let told = tell(&bench.desk, typed("1.1.0", "succeeded"))
            .unwrap()
            .deployment;
        assert_eq!((told.commit, told.step), (Some(release), Step::Rollback));
        let told = tell(&bench.desk, typed("7.0.0", "succeeded"))
            .unwrap()
            .deployment;
        assert_eq!(told.commit, None);
    }
);

both_databases!(
    the_past_of_a_repository_says_since_when_its_newest_is_live,
    |desk| {
        a_house(&desk);
        let bench = Bench::new(desk);
        // Of no service: the tag names it.
        tags_count(&bench, None);
        bench.commit("a.txt", "Start");
        bench.work(&["tag", "-a", "deploy/prod/web/1", "-m", "First"]);
        bench.commit("b.txt", "More");
        bench.work(&["tag", "-a", "deploy/prod/web/2", "-m", "Second"]);
        let made = clock(&bench);
        bench.work(&["tag", "deploy/prod/3"]);
        bench.work(&["tag", "env/staging/web"]);
        bench.desk.advance(30 * 86_400);
        let said = through(&push(&bench, "ada", &["main", "--tags"]));
        assert!(
            said.contains("web 2 is live in prod, says deploy/prod/web/2"),
            "{said}"
        );
        assert!(said.contains("deploy/prod/3 says nothing"), "{said}");
        let all = live(&bench);
        let [prod, staging] = all.as_slice() else {
            panic!("{all:?}")
        };
        assert_eq!((prod.version.as_str(), prod.started_at), ("2", made));
        assert_eq!(staging.lane.environment, "staging");
        assert_eq!(staging.commit, Some(bench.head()));
        // From here on it is told when it happens.
        bench.work(&["tag", "-f", "env/staging/web", "HEAD~1"]);
        through(&push(&bench, "ada", &["--force", "env/staging/web"]));
        let all = live(&bench);
        assert_eq!(all[1].started_at, bench.desk.now());
        assert_eq!(all[1].step, Step::Rollback);
    }
);

both_databases!(
    a_tag_that_would_deploy_to_production_stands_before_its_freeze,
    |desk| {
        let (_, _, web) = a_house(&desk);
        let bench = Bench::new(desk);
        tags_count(&bench, Some(web));
        bench.commit("a.txt", "Start");
        through(&push(&bench, "ada", &["main"]));
        frozen(&bench, Level::Block);
        for name in ["v1.0.0", "env/staging", "deploy/prod/1", "env/prod"] {
            bench.work(&["tag", name]);
        }
        through(&push(&bench, "ada", &["v1.0.0", "env/staging"]));
        refused(&push(&bench, "ada", &["deploy/prod/1"]), "FREEZE");
        let said = refused(&push(&bench, "ada", &["env/prod"]), "FREEZE");
        assert!(
            said.contains("env/prod is frozen by \"Year end\""),
            "{said}"
        );
        let staging = ("v1.0.0".to_owned(), "staging".to_owned());
        assert_eq!(versions(&bench), std::slice::from_ref(&staging));

        let root = bench.desk.person("Clerk", Roles::of(&[Role::Admin]));
        let logins = (
            SettingKey::GitLogins,
            "ann ann@watch.example.org".to_owned(),
        );
        settings::change(&bench.desk.as_person(&root), &[logins]).unwrap();
        let glass = "break-glass=Checkout is down, only the release helps";
        let said = through(&push(&bench, "ann", &["-o", glass, "env/prod"]));
        assert!(said.contains("the glass is broken: CHG-1"), "{said}");
        assert!(said.contains("\"Year end\" was on"), "{said}");
        assert_eq!(
            versions(&bench),
            [("v1.0.0".to_owned(), "prod".to_owned()), staging]
        );
        let it = live(&bench).remove(0);
        assert_eq!(it.freeze.as_deref(), Some("Year end"));
        let entries = bench.entries("CHG-1".parse().unwrap(), EntryKind::Deployed);
        assert_eq!(entries.len(), 1);
    }
);

both_databases!(
    a_tag_may_pass_a_window_that_asks_for_approval_with_the_change_that_it_names,
    |desk| {
        let (ann, ben, web) = a_house(&desk);
        let bench = Bench::new(desk);
        tags_count(&bench, Some(web));
        bench.commit("a.txt", "Start");
        through(&push(&bench, "ada", &["main"]));
        frozen(&bench, Level::Approve);
        bench.work(&["tag", "deploy/prod/2"]);
        refused(&push(&bench, "ada", &["deploy/prod/2"]), "FREEZE");
        let change = approved(&bench.desk, &ann, &ben, web);
        let message = format!("Out\n\nRefs: {change}");
        bench.work(&["tag", "-a", "deploy/prod/3", "-m", &message]);
        through(&push(&bench, "ada", &["deploy/prod/3"]));
        assert_eq!(bench.entries(change, EntryKind::Deployed).len(), 1);
    }
);
