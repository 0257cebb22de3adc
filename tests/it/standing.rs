//! Standing changes: approved once, they carry every deployment that stays in its lane, and nobody types anything.

use serde_json::json;
use watchkeeper::actions::approval::{Ballot, approve};
use watchkeeper::actions::deployment_rule::{TypedRule, set_rule};
use watchkeeper::actions::{change, coverage, ticket};
use watchkeeper::app::Ctx;
use watchkeeper::domain::change::{Plan, Sort};
use watchkeeper::domain::coverage::Standing;
use watchkeeper::domain::deployment::Typed;
use watchkeeper::domain::id::{Kind, ServiceId, TicketKey};
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::sla_report::Period;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, State};
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::error::Error;
use watchkeeper::store;

use crate::both_databases;
use crate::deploy::{a_house, tell, typed};
use crate::desk::{Desk, Staff};
use crate::program::Program;
use crate::pushed::Pushed;
use crate::sla::{HOUR, entries};
use crate::web::Browser;

const DAY: i64 = 24 * HOUR;

/// A standing change that nobody has approved.
fn opened(by: &Ctx<'_>, web: ServiceId, title: &str) -> TicketKey {
    let opening = Opening {
        services: vec![web],
        ..Opening::default()
    };
    let plan = Plan {
        sort: Sort::Standard,
        ..Plan::default()
    };
    let title = Title::parse(title).unwrap();
    change::open(by, title, &opening, plan).unwrap().key
}

/// A standing change of the service, approved by Ben.
pub fn standing(desk: &Desk, ann: &Staff, ben: &Staff, web: ServiceId) -> TicketKey {
    let by = desk.as_person(ann);
    set_rule(
        &by,
        web,
        0,
        &TypedRule::new("helm rollback web {prev.version}", 60),
    )
    .unwrap();
    let key = opened(&by, web, "Deploy the web shop");
    let waiting = change::ask_approval(&by, key, None).unwrap();
    approve(
        &desk.as_person(ben),
        key,
        waiting.version,
        &Ballot::default(),
    )
    .unwrap();
    key
}

fn carried(desk: &Desk, typed: Typed) -> Vec<TicketKey> {
    let id = tell(desk, typed).unwrap().deployment.id;
    let all = desk
        .app
        .store
        .read(|conn| store::deployment::tickets_of(conn, &[id]));
    let of = all.unwrap().remove(&id).unwrap_or_default();
    of.into_iter().map(|(_, key, _)| key).collect()
}

fn refused(desk: &Desk, typed: Typed, rule: &str) -> String {
    match tell(desk, typed) {
        Err(Error::Refused(refusal)) => {
            assert_eq!(refusal.rule, rule);
            let why = refusal.args.iter().find(|(name, _)| *name == "why");
            why.map(|(_, text)| text.to_string()).unwrap_or_default()
        }
        other => panic!("{other:?}"),
    }
}

fn state(desk: &Desk, key: TicketKey) -> (State, usize) {
    let found = desk.app.store.read(|conn| store::ticket::by_key(conn, key));
    let found = found.unwrap().unwrap();
    (
        found.state,
        entries(desk, &found, EntryKind::Deployed).len(),
    )
}

both_databases!(
    a_standing_change_carries_what_names_none_and_stays_as_it_is,
    |desk| {
        let (ann, ben, web) = a_house(&desk);
        // Without one nobody asks for a change.
        assert_eq!(carried(&desk, typed("4.0.0", "succeeded")), []);
        let key = standing(&desk, &ann, &ben, web);
        for n in 1..=3 {
            desk.advance(HOUR);
            let version = format!("4.0.{n}");
            assert_eq!(carried(&desk, typed(&version, "started")), [key]);
            assert_eq!(carried(&desk, typed(&version, "succeeded")), [key]);
        }
        assert_eq!(state(&desk, key), (State::Approved, 0));
        // Another environment isn't its lane.
        let staging = Typed {
            environment: "staging".into(),
            ..typed("4.1.0", "succeeded")
        };
        assert_eq!(carried(&desk, staging), []);
        // Naming it is the same as naming none.
        let named = Typed {
            change: key.to_string(),
            ..typed("4.0.4", "succeeded")
        };
        desk.advance(HOUR);
        assert_eq!(carried(&desk, named), [key]);
        assert_eq!(state(&desk, key), (State::Approved, 0));
        // Ninety days later somebody looks at it again.
        desk.advance(90 * DAY);
        refused(&desk, typed("4.0.5", "succeeded"), "approval-expired");
    }
);

both_databases!(
    of_two_standing_changes_the_one_whose_approval_stands_carries,
    |desk| {
        let (ann, ben, web) = a_house(&desk);
        let first = standing(&desk, &ann, &ben, web);
        desk.advance(60 * DAY);
        let by = desk.as_person(&ann);
        let second = opened(&by, web, "Deploy the web shop, with its mail");
        let approved = |key| {
            let rev = ticket::read(&by, key).unwrap().version;
            let ballot = Ballot::default();
            approve(&desk.as_person(&ben), key, rev, &ballot).unwrap();
        };
        change::ask_approval(&by, second, None).unwrap();
        assert_eq!(carried(&desk, typed("4.0.0", "succeeded")), [first]);
        approved(second);
        desk.advance(HOUR);
        assert_eq!(carried(&desk, typed("4.0.1", "succeeded")), [second]);
        // Ninety days of the first, and then of the second; the first was approved anew meanwhile.
        desk.advance(31 * DAY);
        approved(first);
        assert_eq!(carried(&desk, typed("4.0.2", "succeeded")), [second]);
        desk.advance(60 * DAY);
        assert_eq!(carried(&desk, typed("4.0.3", "succeeded")), [first]);
        desk.advance(60 * DAY);
        refused(&desk, typed("4.0.4", "succeeded"), "approval-expired");
    }
);

both_databases!(
    what_leaves_the_lane_needs_a_change_of_its_own_until_it_is_clean_again,
    |desk| {
        let (ann, ben, web) = a_house(&desk);
        tell(&desk, typed("4.0.0", "succeeded")).unwrap();
        let key = standing(&desk, &ann, &ben, web);
        desk.advance(HOUR);
        // A failure is a fact, and closes the lane.
        assert_eq!(carried(&desk, typed("4.0.1", "failed")), [key]);
        desk.advance(HOUR);
        let why = refused(&desk, typed("4.0.2", "started"), "deploy-left-lane");
        assert_eq!(why, "the one before it failed");
        // With a change of its own it goes, and the lane is open again.
        let by = desk.as_person(&ann);
        let opening = Opening {
            services: vec![web],
            ..Opening::default()
        };
        let title = Title::parse("The fix").unwrap();
        let fix = change::open(&by, title, &opening, Plan::default())
            .unwrap()
            .key;
        let waiting = change::ask_approval(&by, fix, None).unwrap();
        approve(
            &desk.as_person(&ben),
            fix,
            waiting.version,
            &Ballot::default(),
        )
        .unwrap();
        let own = Typed {
            change: fix.to_string(),
            ..typed("4.0.2", "succeeded")
        };
        assert_eq!(carried(&desk, own), [fix]);
        assert_eq!(state(&desk, fix).0, State::OnWatch);
        desk.advance(HOUR);
        assert_eq!(carried(&desk, typed("4.0.3", "succeeded")), [key]);
        // An open incident closes it; what takes something back passes.
        let title = Title::parse("Carts are empty").unwrap();
        let opening = Opening {
            severity: Some(Severity::High),
            ..opening
        };
        let broken = ticket::open(&by, Kind::Incident, title, &opening).unwrap();
        desk.advance(HOUR);
        let why = refused(&desk, typed("4.0.4", "started"), "deploy-left-lane");
        assert_eq!(why, "an incident of its service is open");
        assert_eq!(carried(&desk, typed("4.0.2", "succeeded")), [key]);
        // Who can't wait breaks the glass.
        let urgent = Typed {
            break_glass: "the carts have to be filled again".into(),
            ..typed("4.0.5", "succeeded")
        };
        let urgent = tell(&desk, urgent).unwrap();
        assert!(urgent.emergency.is_some());
        ticket::resolve(&by, broken.key, None, "filled").unwrap();
        desk.advance(HOUR);
        let browser = Browser::of(&desk, &ann);
        let page = browser.get(&format!("/{key}"));
        page.is(200).says("Its lane");
        // Nobody says how it is taken back: closed, and the page says so.
        set_rule(&by, web, 1, &TypedRule::new("", 60)).unwrap();
        let why = refused(&desk, typed("4.0.6", "started"), "deploy-left-lane");
        assert!(
            why.contains("nobody said how its service is taken back"),
            "{why}"
        );
        let page = browser.get(&format!("/{key}"));
        page.is(200).says("closed").says("nobody said how");
    }
);

both_databases!(
    what_git_says_of_a_deployment_keeps_it_in_its_lane_or_puts_it_out,
    |desk| {
        let (ann, ben, web) = a_house(&desk);
        let line = Pushed::new(&desk, "infra/web", Some(web));
        let push = |paths: &[&str]| line.touching(&desk, paths);
        let at = |version: &str, commit: &str| Typed {
            commit: commit.into(),
            ..typed(version, "succeeded")
        };
        let first = push(&["src/a.rs"]);
        tell(&desk, at("4.0.0", &first)).unwrap();
        let key = standing(&desk, &ann, &ben, web);
        desk.advance(HOUR);
        let small = push(&["src/b.rs", "src/c.rs"]);
        assert_eq!(carried(&desk, at("4.0.1", &small)), [key]);
        desk.advance(HOUR);
        let risky = push(&["db/Migrations/7.sql"]);
        let why = refused(&desk, at("4.0.2", &risky), "deploy-left-lane");
        assert_eq!(why, "it touches a path that wants a second look");
        let by = desk.as_person(&ann);
        let two = TypedRule {
            most_files: Some(2),
            dangers: "",
            ..TypedRule::new("helm rollback web {prev.version}", 60)
        };
        set_rule(&by, web, 1, &two).unwrap();
        assert_eq!(carried(&desk, at("4.0.2", &risky)), [key]);
        desk.advance(HOUR);
        let big = push(&["src/d.rs", "src/e.rs", "src/f.rs"]);
        let why = refused(&desk, at("4.0.3", &big), "deploy-left-lane");
        assert_eq!(why, "it changes too many files");
    }
);

both_databases!(
    case_c2_what_was_deployed_under_a_standing_change_stands_on_it,
    |desk| {
        let (ann, ben, web) = a_house(&desk);
        let line = Pushed::new(&desk, "infra/web", Some(web));
        let at = |version: &str, commit: &str, status: &str| Typed {
            commit: commit.into(),
            ..typed(version, status)
        };
        let before = line.commit(&desk, "Say nothing");
        tell(&desk, at("4.0.0", &before, "succeeded")).unwrap();
        let key = standing(&desk, &ann, &ben, web);
        desk.advance(HOUR);
        let inside = line.commit(&desk, "Count them");
        let last = line.commit(&desk, "Count them twice");
        tell(&desk, at("4.0.1", &last, "succeeded")).unwrap();
        desk.advance(HOUR);
        let failed = line.commit(&desk, "Count them thrice");
        let gone = at("4.0.2", &failed, "started");
        tell(&desk, gone).unwrap();
        tell(&desk, at("4.0.2", &failed, "failed")).unwrap();
        desk.advance(HOUR);
        let day = chrono::NaiveDate::from_ymd_opt(2026, 6, 1).unwrap();
        let asked = coverage::Asked {
            period: Period::new(day, day + chrono::Days::new(6), chrono_tz::UTC).unwrap(),
            repository: Some(line.id),
        };
        let report = coverage::read(&desk.as_person(&ann), asked).unwrap();
        let stand = |oid: &str| {
            let commits = &report.covered[0].commits;
            let found = commits.iter().find(|it| it.oid == oid).unwrap();
            (found.standing, found.tickets.clone())
        };
        assert_eq!(stand(&before), (Standing::Nothing, vec![]));
        assert_eq!(stand(&inside), (Standing::Change, vec![key]));
        assert_eq!(stand(&last), (Standing::Change, vec![key]));
        assert_eq!(
            stand(&failed),
            (Standing::Nothing, vec![]),
            "it never was live"
        );
    }
);

both_databases!(a_lane_s_limits_are_the_services_own, |desk| {
    let (ann, ben, web) = a_house(&desk);
    let key = standing(&desk, &ann, &ben, web);
    let p = Program::new(desk);
    let at = format!("/api/v1/services/{web}/deploy-rule");
    let rule = p.get(&at).body;
    assert_eq!(
        (&rule["most_files"], &rule["dangers"][0]),
        (&json!(50), &json!("migration"))
    );
    p.done(
        "PATCH",
        &at,
        json!({"most_files": 5, "dangers": ["db/", "DB/"]}),
    );
    let rule = p.get(&at).body;
    assert_eq!(
        (&rule["most_files"], &rule["dangers"]),
        (&json!(5), &json!(["db/"]))
    );
    let wrong = p.call(
        "PATCH",
        &at,
        &[],
        Some(&json!({"most_files": 0}).to_string()),
    );
    assert_eq!(
        wrong.faults(),
        [("most_files".to_owned(), "not-a-size".to_owned())]
    );
    let lanes = p.get(&format!("/api/v1/changes/{key}")).body["lanes"].clone();
    assert_eq!(lanes[0]["closed_because"], json!([]));
    let browser = Browser::of(&p.desk, &p.ada);
    browser
        .get(&format!("/services/{web}"))
        .is(200)
        .says("Paths that need an approval of their own");
    let version = rule["version"].to_string();
    let fields = [
        ("revert", "helm rollback web {prev.version}"),
        ("soak", "60 min"),
        ("most_files", "many"),
        ("dangers", "db/"),
        ("rev", version.as_str()),
    ];
    browser
        .post(&format!("/services/{web}/deploy-rule"), &fields)
        .is(422)
        .says("1 to 100,000 files.");
});
