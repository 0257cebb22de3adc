//! What a push is asked before its refs move: the real git, both hooks, a server on loopback.

use std::process::Output;
use std::time::Instant;

use watchkeeper::actions::approval::{Ballot, approve};
use watchkeeper::actions::{change, freeze, repository, settings};
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::change::Verdict;
use watchkeeper::domain::commit_message::Relation;
use watchkeeper::domain::freeze::{Details, Level, Scope, Sort, TypeLevels, When};
use watchkeeper::domain::id::Kind;
use watchkeeper::domain::settings::SettingKey;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::State;
use watchkeeper::domain::timeline::EntryKind;
use watchkeeper::store;
use watchkeeper::store::people::Holder;

use crate::both_databases;
use crate::desk::{Desk, On, START};
use crate::git_bench::{Bench, text};
use crate::served::Served;
use crate::visitor::Visitor;

const HOUR: i64 = 3_600;

/// Nothing begins for a day.
pub fn frozen(bench: &Bench, level: Level) {
    let root = bench.desk.person("Warden", Roles::of(&[Role::Admin]));
    let zone = chrono_tz::Europe::Berlin;
    let edge = |hours: i64| {
        let at = START.plus_secs(hours * HOUR).in_zone(zone);
        at.format("%Y-%m-%d %H:%M").to_string()
    };
    let details = Details {
        name: "Year end".to_owned(),
        zone,
        when: When::parse(&edge(-1), &edge(24)).unwrap(),
        sort: Sort::Deny,
        level,
        types: TypeLevels::default(),
        scope: Scope::default(),
        announce_secs: None,
        is_active: true,
    };
    freeze::add(&bench.desk.as_person(&root), &details).unwrap();
}

/// The repository asks for these rules.
pub fn rules(bench: &Bench, text: &str) {
    // They may be changed again.
    bench.minute.set(bench.minute.get() + 1);
    let name = format!("Keeper{}", bench.minute.get());
    let root = bench.desk.person(&name, Roles::of(&[Role::Admin]));
    let by = bench.desk.as_person(&root);
    let listed = repository::list(&by).unwrap().pop().unwrap().repository;
    let typed = repository::Typed {
        name: listed.name,
        default_branch: listed.default_branch,
        publish: listed.publish.join("\n"),
        commit_url: String::new(),
        service: listed.service,
        other_services: listed.other_services,
        tags_say_live: listed.tags_say_live,
        strangers_move: listed.strangers_move,
        push_rules: text.to_owned(),
        is_active: true,
    };
    repository::edit(&by, listed.id, listed.version, &typed).unwrap();
}

/// Pushes as somebody whom the git server calls `login`.
pub fn push(bench: &Bench, login: &str, args: &[&str]) -> Output {
    let mut command = bench.command("git", &bench.path("work"));
    command.env("WATCHKEEPER_USER", login);
    command.args(["push", "origin"]).args(args);
    command.output().unwrap()
}

pub fn refused(output: &Output, code: &str) -> String {
    let said = text(output);
    assert!(!output.status.success(), "{said}");
    assert!(said.contains(&format!("refused ({code})")), "{said}");
    assert!(said.contains("pre-receive hook declined"), "{said}");
    said
}

pub fn through(output: &Output) -> String {
    let said = text(output);
    assert!(output.status.success(), "{said}");
    said
}

both_databases!(
    a_newcomer_is_stopped_by_a_freeze_breaks_the_glass_and_finds_the_review_waiting,
    |desk| {
        let bench = Bench::new(desk);
        let ina = bench
            .desk
            .person("Ina", Roles::of(&[Role::Responder, Role::Lead]));
        bench.commit("a.txt", "Start");
        through(&push(&bench, "ina", &["main"]));
        frozen(&bench, Level::Block);
        bench.commit("pool.toml", "Raise pool size");
        let said = refused(&push(&bench, "ina", &["main"]), "FREEZE");
        assert!(
            said.contains("main is frozen by \"Year end\" until"),
            "{said}"
        );
        assert!(said.contains("-o break-glass="), "{said}");
        // What isn't published is nobody's business.
        through(&push(&bench, "ina", &["HEAD:refs/heads/wip/pool"]));

        // Nobody knows who "ina" is.
        let glass = "break-glass=Checkout is down, the pool is too small";
        let said = refused(
            &push(&bench, "ina", &["-o", glass, "main"]),
            "BREAK_GLASS_DENIED",
        );
        assert!(said.contains("somebody whom the service knows"), "{said}");
        let root = bench.desk.person("Clerk", Roles::of(&[Role::Admin]));
        let logins = (
            SettingKey::GitLogins,
            "ina ina@watch.example.org".to_owned(),
        );
        settings::change(&bench.desk.as_person(&root), &[logins]).unwrap();
        refused(
            &push(&bench, "ina", &["-o", "break-glass=urgent", "main"]),
            "BREAK_GLASS_DENIED",
        );
        // Known, but not somebody who may.
        bench.desk.person("Bob", Roles::of(&[Role::Responder]));
        let bob = "bob@watch.example.org";
        refused(
            &push(&bench, bob, &["-o", glass, "main"]),
            "BREAK_GLASS_DENIED",
        );
        let dry = push(&bench, "ina", &["-o", glass, "-o", "dry-run", "main"]);
        assert!(text(&dry).contains("nothing was pushed") && !dry.status.success());

        let said = through(&push(&bench, "ina", &["-o", glass, "main"]));
        assert!(said.contains("the glass is broken: CHG-1"), "{said}");
        let key = "CHG-1".parse().unwrap();
        let ticket = bench.ticket(key);
        assert_eq!(
            (ticket.owner, ticket.state),
            (Some(ina.id), State::InProgress)
        );
        assert!(
            ticket
                .title
                .to_string()
                .ends_with("infra/web: Raise pool size"),
            "{}",
            ticket.title
        );
        // Its commit stands on it, though the message names nothing.
        let commits = bench.commits(key);
        let [(commit, link)] = commits.as_slice() else {
            panic!("{commits:?}")
        };
        assert_eq!(
            (commit.oid.as_str(), link.relation),
            (bench.head().as_str(), Relation::Refs)
        );
        let broken = bench.entries(key, EntryKind::GlassBroken);
        let [entry] = broken.as_slice() else {
            panic!("{broken:?}")
        };
        assert_eq!(entry.body, "Checkout is down, the pool is too small");
        assert_eq!(entry.facts.get("freeze"), Some("Year end"));
        // The review waits, for somebody else.
        let review = |who| {
            let by = bench.desk.as_person(who);
            change::review_glass(&by, key, None, Verdict::Accepted, "It was down.")
        };
        assert!(review(&ina).is_err());
        let lead = bench
            .desk
            .person("Lena", Roles::of(&[Role::Lead, Role::ChangeApprover]));
        review(&lead).unwrap();

        // The same change goes on in this window without another word.
        bench.commit("pool.toml", &format!("Raise it more\n\nRefs: {key}"));
        through(&push(&bench, "ina", &["main"]));
        // And its page shows what was refused and what went through.
        let server = bench.server.as_ref().unwrap();
        let root = Visitor::logged_in(server, &bench.desk.app, Holder::Person(root.id));
        let listed = bench
            .desk
            .app
            .store
            .read(store::repository::repositories)
            .unwrap();
        let page = root.get(&format!("/repositories/{}", listed[0].id)).text;
        for line in [
            "turned away",
            "let through",
            "BREAK_GLASS_DENIED",
            "Ina",
            "/CHG-1",
        ] {
            assert!(page.contains(line), "{line}: {page}");
        }
    }
);

both_databases!(a_branch_may_want_an_approved_change, |desk| {
    let bench = Bench::new(desk);
    let ina = bench.desk.person("Ina", Roles::of(&[Role::Responder]));
    let lead = bench
        .desk
        .person("Lena", Roles::of(&[Role::Lead, Role::ChangeApprover]));
    bench.commit("a.txt", "Start");
    through(&push(&bench, "ina", &["main"]));
    rules(
        &bench,
        "[[rule]]\nrefs = \"refs/heads/main\"\nrequire = \"approved-change\"\nforce_push = \"deny\"\ndelete = \"deny\"\n\
         [[rule]]\nrefs = \"refs/heads/*\"\nrequire = \"ticket\"\n",
    );
    let by = bench.desk.as_person(&ina);
    let title = Title::parse("Raise pool size").unwrap();
    let key = change::open(&by, title, &Default::default(), Default::default())
        .unwrap()
        .key;
    bench.commit("b.txt", "No key");
    let said = refused(&push(&bench, "ina", &["main"]), "NO_TICKET");
    assert!(
        said.contains(&bench.head()[..10]) && said.contains("git commit --amend"),
        "{said}"
    );
    // A branch of one's own is judged too, also one that is made now.
    refused(&push(&bench, "ina", &["HEAD:refs/heads/pool"]), "NO_TICKET");
    refused(
        &push(&bench, "ina", &["-o", "ticket=CHG-404", "main"]),
        "UNKNOWN_TICKET",
    );
    let said = push(&bench, "ina", &["-o", "ticket=none", "main"]);
    assert!(text(&said).contains("names no ticket"), "{}", text(&said));
    let named = format!("ticket={key}");
    refused(
        &push(&bench, "ina", &["-o", &named, "main"]),
        "NOT_APPROVED",
    );
    through(&push(
        &bench,
        "ina",
        &["-o", &named, "HEAD:refs/heads/pool"],
    ));
    assert_eq!(bench.commits(key).len(), 1, "it stands on what was named");

    change::ask_approval(&by, key, None).unwrap();
    let rev = bench.ticket(key).version;
    let later = Ballot {
        not_before: Some(bench.desk.now().plus_secs(HOUR)),
        ..Ballot::default()
    };
    approve(&bench.desk.as_person(&lead), key, rev, &later).unwrap();
    let said = refused(&push(&bench, "ina", &["-o", &named, "main"]), "NOT_YET");
    assert!(
        said.contains(&format!("Lena approved {key} from Mon 1 Jun 12:00 CEST on")),
        "{said}"
    );
    bench.desk.app.time.set(bench.desk.now().plus_secs(HOUR));
    through(&push(&bench, "ina", &["-o", &named, "main"]));
    // What lies on `pool` was judged there, and isn't new to `main` twice over; history stays.
    bench.work(&["commit", "-q", "--amend", "-m", &format!("{key}: amended")]);
    refused(&push(&bench, "ina", &["--force", "main"]), "FORCE_PUSH");
    bench.git(
        &bench.path("origin.git"),
        &["config", "receive.denyDeleteCurrent", "ignore"],
    );
    refused(&push(&bench, "ina", &[":main"]), "DELETED");
    // An edited plan takes the approval along.
    let plan = change::read(&by, key).unwrap().1.plan;
    let plan = watchkeeper::domain::change::Plan {
        purpose: "More connections".to_owned(),
        ..plan
    };
    change::edit(&by, key, None, plan).unwrap();
    bench.work(&["reset", "-q", "--hard", "origin/main"]);
    bench.commit("c.txt", &format!("{key}: more"));
    refused(&push(&bench, "ina", &["main"]), "NOT_APPROVED");
});

#[test]
fn a_tag_of_a_file_is_no_way_round_a_freeze() {
    let bench = Bench::new(Desk::new(On::Sqlite));
    bench.commit("a.txt", "Start");
    through(&push(&bench, "ina", &["main"]));
    frozen(&bench, Level::Block);
    bench.commit("b.txt", "More");
    bench.work(&["tag", "blob", "HEAD:b.txt"]);
    refused(&push(&bench, "ina", &["main", "blob"]), "FREEZE");
    through(&push(&bench, "ina", &["blob"]));
}

#[test]
fn a_freeze_that_only_warns_lets_everybody_through_and_says_so() {
    let bench = Bench::new(Desk::new(On::Sqlite));
    frozen(&bench, Level::Warn);
    bench.commit("a.txt", "Start");
    let said = through(&push(&bench, "ina", &["-o", "explain", "main"]));
    assert!(said.contains("asks to wait until"), "{said}");
    assert!(
        said.contains("main is judged by the rule for refs/heads/main"),
        "{said}"
    );
}

/// The hook's clock is the machine's: what it was told last is as young as the test wants it, and signed anew.
pub fn told(bench: &Bench, minutes_ago: i64) {
    told_so(bench, minutes_ago, |_| {});
}

/// The same, and it says something else.
pub fn told_so(bench: &Bench, minutes_ago: i64, edit: impl FnOnce(&mut serde_json::Value)) {
    let path = bench.path("origin.git/watchkeeper/snapshot");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut kept: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut snapshot: serde_json::Value =
        serde_json::from_str(kept["text"].as_str().unwrap()).unwrap();
    let now = watchkeeper::time::TimeSource::system().now();
    snapshot["at"] = now.plus_secs(-60 * minutes_ago).rfc3339().into();
    let hour = |hours: i64| now.plus_secs(hours * HOUR).rfc3339();
    if let Some(window) = snapshot["freezes"].get_mut(0) {
        window["from"] = hour(-1).into();
        window["until"] = hour(1).into();
    }
    edit(&mut snapshot);
    let text = snapshot.to_string();
    let repository = kept["key"]["repository"].as_str().unwrap();
    let own = &bench.desk.app.signing_key;
    let signature = watchkeeper::secrets::sign_for_hook(own, repository, &text);
    kept["text"] = text.into();
    kept["signature"] = signature.into();
    std::fs::write(&path, kept.to_string()).unwrap();
}

#[test]
fn while_the_service_is_away_what_it_told_last_decides_and_broken_glass_is_told_later() {
    let mut bench = Bench::new(Desk::new(On::Sqlite));
    let ina = bench
        .desk
        .person("Ina", Roles::of(&[Role::Responder, Role::Lead]));
    let root = bench.desk.person("Clerk", Roles::of(&[Role::Admin]));
    let logins = (
        SettingKey::GitLogins,
        "ina ina@watch.example.org".to_owned(),
    );
    settings::change(&bench.desk.as_person(&root), &[logins]).unwrap();
    bench.commit("a.txt", "Start");
    frozen(&bench, Level::Block);
    rules(
        &bench,
        "[[rule]]\nrefs = \"refs/heads/main\"\nfreeze = \"enforce\"\non_service_down = \"cached\"\n",
    );
    refused(&push(&bench, "ina", &["main"]), "FREEZE");
    let address = bench.server.take().unwrap().address();

    told(&bench, 5);
    let began = Instant::now();
    let said = refused(&push(&bench, "ina", &["main"]), "FREEZE");
    assert!(began.elapsed().as_secs() < 5, "a hook holds nobody up");
    assert!(
        said.contains("this is decided by what it said 5 min"),
        "{said}"
    );
    told(&bench, 20);
    refused(&push(&bench, "ina", &["main"]), "SERVICE_DOWN");
    // Another branch has no rule that waits.
    let said = through(&push(&bench, "ina", &["HEAD:refs/heads/wip"]));
    assert!(said.contains("told later"), "{said}");
    let glass = "break-glass=Checkout is down, and so are you";
    refused(
        &push(&bench, "bob", &["-o", glass, "main"]),
        "BREAK_GLASS_DENIED",
    );
    let said = through(&push(&bench, "ina", &["-o", glass, "main"]));
    assert!(said.contains("the glass is broken all the same"), "{said}");

    // It is back: the hook tells the decision first and then the push.
    bench.server = Some(Served::again(&bench.desk.app, address));
    let said = bench.post_receive("");
    assert!(said.contains("CHG-1"), "{said}");
    assert_eq!(bench.spooled(), 0);
    let key = "CHG-1".parse().unwrap();
    assert_eq!(
        bench.entries(key, EntryKind::GlassBroken)[0].body,
        "Checkout is down, and so are you"
    );
    let commits = bench.commits(key);
    assert_eq!(commits.len(), 1, "{commits:?}");
    let kept = bench.desk.app.store.read(|conn| {
        let repository = store::repository::repositories(conn)?.remove(0);
        store::push_decision::notable(conn, repository.id, 10)
    });
    let kept = kept.unwrap();
    let by_hook: Vec<_> = kept.iter().filter(|it| it.by_hook).collect();
    assert_eq!(by_hook.len(), 1, "{kept:?}");
    assert_eq!(by_hook[0].person_id, Some(ina.id));
}

#[test]
fn a_hook_that_asks_twice_breaks_the_glass_once() {
    let bench = Bench::new(Desk::new(On::Sqlite));
    bench.desk.person("Ina", Roles::of(&[Role::Lead]));
    frozen(&bench, Level::Block);
    let body = serde_json::json!({
        "push_id": "push-1", "pusher": "ina@watch.example.org", "bulk": false, "decided_at": null,
        "refs": [{"name": "refs/heads/main", "old": "1".repeat(40), "new": "2".repeat(40), "dropped": 0, "commits": []}],
        "commits": [], "options": {"break_glass": "Checkout is down"},
    });
    let ask = || {
        let url = format!(
            "{}/api/v1/hook/pre-receive",
            bench.server.as_ref().unwrap().url()
        );
        let answer = ureq::post(&url)
            .header("Authorization", format!("Bearer {}", bench.token))
            .header("Content-Type", "application/json")
            .send(body.to_string().as_bytes());
        let text = answer.unwrap().body_mut().read_to_string().unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap()
    };
    let (first, second) = (ask(), ask());
    assert_eq!(first["verdict"], "warn");
    assert_eq!(
        (&first["verdict"], &first["ticket"]),
        (&second["verdict"], &second["ticket"])
    );
    assert_eq!(first["reasons"][0]["code"], "FREEZE");
    assert_eq!(
        bench.open(Kind::Change, "The next").key.to_string(),
        "CHG-2"
    );
}

#[test]
fn a_branch_that_is_named_after_a_ticket_names_it_in_its_messages() {
    let bench = Bench::new(Desk::new(On::Sqlite));
    let key = bench.open(Kind::Change, "Pool").key;
    let message = || bench.work(&["log", "-1", "--format=%B"]);
    bench.commit("a.txt", "Start");
    bench.work(&["checkout", "-q", "-b", &format!("fix/{key}-pool")]);
    bench.commit("b.txt", "Raise pool size");
    assert_eq!(message().trim(), format!("Raise pool size\n\nRefs: {key}"));
    // What names one already is left alone, and so is what is amended.
    bench.commit("b.txt", "Raise it\n\nImplements: TSK-9");
    assert!(!message().contains(&key.to_string()), "{}", message());
    bench.work(&[
        "commit",
        "-q",
        "--amend",
        "-m",
        "Nothing\n\nNo-Ticket: typo",
    ]);
    // A squash keeps the tickets of what it squashes.
    bench.work(&["checkout", "-q", "main"]);
    bench.work(&["merge", "-q", "--squash", &format!("fix/{key}-pool")]);
    bench.work(&["commit", "-q", "--no-edit"]);
    let squashed = message();
    assert!(
        squashed.trim_end().ends_with(&format!("Refs: {key}")),
        "{squashed}"
    );
}

#[test]
fn the_doctor_says_what_runs_and_what_is_wrong() {
    let mut bench = Bench::new(Desk::new(On::Sqlite));
    let doctor = |bench: &Bench, name: &str| {
        let path = bench.path(name);
        let mut command = bench.command(crate::git_bench::WATCHKEEPER, &path);
        let output = command.args(["hook", "doctor"]).output().unwrap();
        (output.status.success(), text(&output))
    };
    for name in ["origin.git", "work"] {
        let (sound, said) = doctor(&bench, name);
        assert!(
            sound && said.contains("answers") && !said.contains("wrong:"),
            "{said}"
        );
    }
    let hooks = bench.path("origin.git/hooks");
    std::fs::remove_file(hooks.join("pre-receive")).unwrap();
    std::fs::write(hooks.join("post-receive"), "#!/bin/sh\n").unwrap();
    bench.git(
        &bench.path("origin.git"),
        &["config", "receive.advertisePushOptions", "false"],
    );
    let (sound, said) = doctor(&bench, "origin.git");
    for line in [
        "there is no pre-receive hook",
        "post-receive isn't ours",
        "git push -o doesn't reach",
    ] {
        assert!(!sound && said.contains(line), "{line}: {said}");
    }
    bench.server = None;
    let (sound, said) = doctor(&bench, "work");
    assert!(!sound && said.contains("doesn't answer"), "{said}");
}
