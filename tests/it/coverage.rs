//! Coverage: commits without a change, changes without a commit, and what isn't asked; by repository and week.

use serde_json::{Value, json};
use watchkeeper::actions::{change, push_verdict, ticket};
use watchkeeper::domain::change::Plan;
use watchkeeper::domain::git::Oid;
use watchkeeper::domain::id::{Kind, ServiceId, TicketKey};
use watchkeeper::domain::push_rule::{AskedPush, AskedRef, Options};
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::{Opening, Outcome};
use watchkeeper::domain::timeline::Door;

use crate::both_databases;
use crate::deploy::a_house;
use crate::desk::{Desk, Staff};
use crate::program::Program;
use crate::pushed::Pushed;
use crate::web::Browser;

/// Operations that are called here.
pub const CALLED: &[&str] = &["coverage :: read"];

fn opened(desk: &Desk, by: &Staff, service: ServiceId, title: &str) -> TicketKey {
    let opening = Opening {
        services: vec![service],
        ..Opening::default()
    };
    let title = Title::parse(title).unwrap();
    change::open(&desk.as_person(by), title, &opening, Plan::default())
        .unwrap()
        .key
}

/// It goes its way to its end.
fn closed(desk: &Desk, by: &Staff, other: &Staff, key: TicketKey) {
    let by = desk.as_person(by);
    let waiting = change::ask_approval(&by, key, None).unwrap();
    change::approve(&desk.as_person(other), key, waiting.version).unwrap();
    change::start(&by, key, None).unwrap();
    change::close(&by, key, None, Outcome::Successful, "").unwrap();
}

both_databases!(
    case_c2_commits_and_changes_cover_each_other_by_week_and_what_doesnt_is_listed,
    |desk| {
        let (ann, ben, web) = a_house(&desk);
        let services = desk
            .app
            .store
            .read(watchkeeper::store::house::services)
            .unwrap();
        let other = services.iter().find(|it| it.id != web).unwrap().id;
        let line = Pushed::new(&desk, "infra/web", Some(web));
        desk.advance(60);
        let planned = opened(&desk, &ann, web, "Raise pool size");
        let by_hand = opened(&desk, &ann, web, "Swap the disk");
        let elsewhere = opened(&desk, &ann, other, "Renew the contract");
        let task = Title::parse("Say how full the pool is").unwrap();
        let task = ticket::open(&desk.as_person(&ann), Kind::Task, task, &Opening::default())
            .unwrap()
            .key;

        let first = line.commit(&desk, &format!("Raise pool size\n\nRefs: {planned}"));
        line.commit(&desk, &format!("Say how full it is\n\nFixes: {task}"));
        line.commit(&desk, "Mend a word\n\nNo-Ticket: a typo in a comment");
        let loose = line.commit(&desk, &format!("Count them, which does not fix {planned}"));
        let merged = line.by(
            &desk,
            "Ada Lovelace",
            "ada@example.org",
            "Merge branch 'more'",
            std::slice::from_ref(&first),
        );
        let revert = format!("Revert \"Count them\"\n\nThis reverts commit {loose}.");
        let revert = line.commit(&desk, &revert);
        let back = format!("Revert \"Raise pool size\"\n\nThis reverts commit {first}.");
        let back = line.commit(&desk, &back);
        let fixup = line.commit(&desk, "fixup! Count them");
        let account = "49699333+dependabot[bot]@users.noreply.github.com";
        let bot = line.by(&desk, "dependabot[bot]", account, "Bump serde", &[]);
        // What was said for the whole push, before its refs moved.
        let asked = AskedPush {
            push_id: line.next_push_id(),
            pusher: Some("ada".into()),
            refs: vec![AskedRef {
                name: "refs/heads/main".into(),
                old: Oid::parse(&bot).unwrap(),
                new: Oid::parse(&"b".repeat(40)).unwrap(),
                dropped: 0,
                commits: Vec::new(),
                keys: Vec::new(),
            }],
            commits: Vec::new(),
            is_bulk: false,
            options: Options {
                no_ticket: Some("one word\nof the banner".into()),
                ..Options::default()
            },
            decided_at: None,
        };
        push_verdict::decide(&desk.app.system("hook", Door::Git), line.id, &asked).unwrap();
        let worded = line.commit(&desk, "Reword the banner");
        for key in [planned, by_hand, elsewhere] {
            closed(&desk, &ann, &ben, key);
        }
        desk.advance(7 * 86_400);
        let later = line.commit(&desk, "Count them once more");
        // What happens at this very instant is still to come.
        desk.advance(60);

        let p = Program::new(desk);
        let span = "from=2026-06-01&to=2026-06-14&zone=UTC";
        let said = p.get(&format!("/api/v1/repositories/coverage?{span}"));
        assert_eq!(said.status, 200, "{}", said.body);
        assert_eq!(said.text("/repositories/0/repository"), "infra/web");
        // 10 commits: 2 on a change, 1 on a task, 2 by decision, 1 on nothing, 4 that aren't asked. 2 of 6 stand on a change.
        assert_eq!(
            said.body["repositories"][0]["weeks"][0]["tally"],
            json!({
                "commits_with_change": 2,
                "commits_with_other_ticket": 1,
                "commits_decided_without": 2,
                "commits_without_ticket": 1,
                "commits_exempt": 4,
                "percent_with_change": "33.3",
                "changes_without_commit": 1,
                "changes_with_commit": 1,
            })
        );
        let second = &said.body["repositories"][0]["weeks"][1];
        assert_eq!(
            (&second["monday"], &second["is_cut"]),
            (&json!("2026-06-08"), &json!(true))
        );
        assert_eq!(second["tally"]["percent_with_change"], "0");
        assert_eq!(
            said.body["repositories"][0]["total"]["commits_without_ticket"],
            2
        );
        let commits = said.body["repositories"][0]["commits"].as_array().unwrap();
        let standing = |oid: &str| {
            let of = commits.iter().find(|it| it["oid"] == oid).unwrap();
            (
                of["standing"].as_str().unwrap().to_owned(),
                of["no_ticket"].clone(),
            )
        };
        for (oid, expected) in [
            (&first, "change"),
            (&loose, "nothing"),
            (&merged, "merge"),
            (&revert, "revert"),
            (&back, "change"),
            (&fixup, "autosquash"),
            (&bot, "bot"),
            (&later, "nothing"),
        ] {
            assert_eq!(standing(oid), (expected.to_owned(), Value::Null), "{oid}");
        }
        assert_eq!(
            standing(&worded),
            ("no_ticket".to_owned(), json!("one word of the banner"))
        );
        let changes = said.body["repositories"][0]["changes"].as_array().unwrap();
        let keys: Vec<_> = changes
            .iter()
            .map(|it| (it["key"].clone(), it["has_commit"].clone()))
            .collect();
        assert_eq!(
            keys,
            [
                (json!(planned.to_string()), json!(true)),
                (json!(by_hand.to_string()), json!(false)),
            ]
        );
        let homeless = &said.body["repositories"][1];
        assert_eq!(homeless["repository_id"], Value::Null);
        assert_eq!(homeless["changes"][0]["key"], elsewhere.to_string());
        let id = said.text("/repositories/0/repository_id");
        let one = p.get(&format!(
            "/api/v1/repositories/coverage?{span}&repository={id}"
        ));
        assert_eq!(one.body["repositories"].as_array().unwrap().len(), 1);
        let wrong = p.get(&format!(
            "/api/v1/repositories/coverage?{span}&repository={web}"
        ));
        assert_eq!(
            wrong.faults(),
            [("repository".to_owned(), "unknown-repository".to_owned())]
        );

        // Whoever reads tickets reads this; the list of repositories is the admin's.
        let browser = Browser::of(&p.desk, &ann);
        browser
            .get(&format!("/repositories/coverage?{span}"))
            .is(200)
            .says("infra/web")
            .says("33.3 % (2 of 6)")
            .says("Changes whose services have no repository");
        let list = |what: &str| {
            format!(
                "/repositories/coverage/list?{span}&repository={id}&what={what}&week=2026-06-01"
            )
        };
        browser
            .get(&list("no_ticket"))
            .is(200)
            .says("a typo in a comment")
            .says("one word of the banner");
        browser.get(&list("nothing")).says(&loose[..10]);
        browser
            .get(&list("exempt"))
            .says("Bump serde")
            .says("a program&#39;s")
            .says("a merge");
        browser.get(&list("without")).says("Swap the disk");
        let none = format!("/repositories/coverage/list?{span}&repository=none&what=without");
        browser.get(&none).says("Renew the contract");
        browser
            .get("/repositories/coverage/list?what=everything")
            .is(404);
        browser
            .get("/repositories/coverage?from=soon&to=2026-06-07")
            .is(422);
        browser
            .get("/deployments/figures")
            .says("/repositories/coverage");
        let csv = browser
            .get(&format!("/repositories/coverage.csv?{span}"))
            .text();
        let line = "infra/web,week of 2026-06-01,2026-06-01T00:00:00Z,2026-06-08T00:00:00Z,2,1,2,1,4,33.3,1,1";
        assert!(csv.lines().any(|it| it == line), "{csv}");
        let csv = browser
            .get(&list("no_ticket").replace("list?", "list.csv?"))
            .text();
        assert!(csv.contains(&format!("commit,{worded},")), "{csv}");
    }
);
