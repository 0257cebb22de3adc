//! Who is on the other side of a change besides whoever wanted, planned or wrote it: where the house wants that, whoever pushed it,
//! and whoever deploys it.

use watchkeeper::actions::{approval, change, settings};
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::change::Plan;
use watchkeeper::domain::deployment::Typed;
use watchkeeper::domain::id::TicketKey;
use watchkeeper::domain::settings::SettingKey;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, State};
use watchkeeper::error::Error;

use crate::both_databases;
use crate::deploy::{a_house, tell, typed};
use crate::desk::{Desk, Staff};
use crate::git_bench::Bench;
use crate::push_rules::{push, through};
use crate::web::Browser;

fn counts(desk: &Desk, sides: &str) {
    let root = desk.person("Clerk", Roles::of(&[Role::Admin]));
    let set = (SettingKey::ApproversApart, sides.to_owned());
    settings::change(&desk.as_person(&root), &[set]).unwrap();
}

fn asked(desk: &Desk, by: &Staff, services: &Opening) -> (TicketKey, i64) {
    let title = Title::parse("Raise pool size").unwrap();
    let by = desk.as_person(by);
    let key = change::open(&by, title, services, Plan::default())
        .unwrap()
        .key;
    let waiting = change::ask_approval(&by, key, None).unwrap();
    (key, waiting.version)
}

fn rule<T: std::fmt::Debug>(result: Result<T, Error>) -> &'static str {
    match result {
        Err(Error::Refused(refusal)) => refusal.rule,
        other => panic!("{other:?}"),
    }
}

fn by_somebody(version: &str, who: &str) -> Typed {
    Typed {
        actor: who.into(),
        ..typed(version, "started")
    }
}

both_databases!(
    whoever_pushed_or_deploys_a_change_does_not_approve_it_where_the_house_counts_them,
    |desk| {
        let (ann, ben, web) = a_house(&desk);
        let opening = Opening {
            services: vec![web],
            ..Opening::default()
        };
        let cleo = desk.person("Cleo", ben.roles);
        let (pool, _) = asked(&desk, &ann, &opening);
        let bench = Bench::new(desk);
        bench.commit("a.txt", "Start");
        through(&push(&bench, "ben@watch.example.org", &["main"]));
        bench.commit("pool.toml", &format!("Raise it\n\nRefs: {pool}"));
        through(&push(&bench, "ben@watch.example.org", &["main"]));

        // Whoever presses "merge" keeps their vote, unless the house says otherwise.
        let version = bench.ticket(pool).version;
        let by = |who: &Staff| bench.desk.as_person(who);
        counts(&bench.desk, "pusher deployer");
        assert_eq!(
            rule(change::approve(&by(&ben), pool, version)),
            "pushed-its-commits"
        );
        change::approve(&by(&cleo), pool, version).unwrap();

        // Who approved it deploys it neither by hand nor by a pipeline that names them; anybody else does.
        let named = Typed {
            change: pool.to_string(),
            ..by_somebody("2", "cleo@watch.example.org")
        };
        assert_eq!(rule(tell(&bench.desk, named)), "approved-and-deploys");
        assert_eq!(
            rule(change::start(&by(&cleo), pool, None)),
            "approved-and-deploys"
        );
        let browser = Browser::of(&bench.desk, &cleo);
        browser
            .post(&format!("/{pool}/start"), &[])
            .is(422)
            .says("doesn&#39;t deploy it: somebody else approves it too, or deploys it");
        let other = Typed {
            change: pool.to_string(),
            ..by_somebody("2", "ben@watch.example.org")
        };
        tell(&bench.desk, other).unwrap();
        assert_eq!(bench.ticket(pool).state, State::InProgress);

        // As it was, it goes.
        let root = bench.desk.person("Root2", Roles::of(&[Role::Admin]));
        let none = (SettingKey::ApproversApart, String::new());
        settings::change(&by(&root), &[none]).unwrap();
        let (other, version) = asked(&bench.desk, &ann, &opening);
        change::approve(&by(&cleo), other, version).unwrap();
        let scene = |key| {
            let ticket = bench.ticket(key);
            bench.desk.app.store.read(|conn| {
                let change = watchkeeper::store::change::of(conn, ticket.id)?;
                approval::Scene::load(conn, &ticket, &change)
            })
        };
        assert!(
            scene(other)
                .unwrap()
                .case
                .apart
                .keys()
                .all(|id| *id == ann.id)
        );
        change::start(&by(&cleo), other, None).unwrap();
    }
);
