//! Evidence for an auditor: the population and its exceptions, the sample that is drawn again, the hashes that hold; by command, by
//! page and by the API.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use watchkeeper::actions::deployment as act;
use watchkeeper::actions::redact::{self, Redaction};
use watchkeeper::actions::{change, ticket};
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::change::Plan;
use watchkeeper::domain::deployment::Typed;
use watchkeeper::domain::id::{ServiceId, TicketKey};
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::Opening;
use watchkeeper::error::Error;
use watchkeeper::store;
use watchkeeper::store::backend::DatabaseUrl;

use crate::both_databases;
use crate::deploy::{a_house, tell, typed};
use crate::desk::{Desk, Staff};
use crate::git_bench::WATCHKEEPER;
use crate::program::Program;
use crate::pushed::Pushed;
use crate::web::Browser;

const HOUR: i64 = 3_600;

/// Operations that are called here.
pub const CALLED: &[&str] = &["audit_evidence :: export"];

fn opened(desk: &Desk, by: &Staff, web: ServiceId, title: &str) -> TicketKey {
    let opening = Opening {
        services: vec![web],
        ..Opening::default()
    };
    let plan = Plan {
        purpose: format!("{title}, so that nobody waits"),
        revert: "helm rollback web".into(),
        ..Plan::default()
    };
    let title = Title::parse(title).unwrap();
    change::open(&desk.as_person(by), title, &opening, plan)
        .unwrap()
        .key
}

fn approved(desk: &Desk, by: &Staff, other: &Staff, key: TicketKey) {
    let waiting = change::ask_approval(&desk.as_person(by), key, None).unwrap();
    let own = change::approve(&desk.as_person(by), key, waiting.version);
    let Err(Error::Refused(refusal) | Error::Forbidden(refusal)) = own else {
        panic!("whoever asks approves")
    };
    assert_eq!(refusal.rule, "not-your-own");
    change::approve(&desk.as_person(other), key, waiting.version).unwrap();
}

pub fn database(desk: &Desk) -> String {
    match &desk.app.config.database {
        DatabaseUrl::Sqlite(file) => file.display().to_string(),
        DatabaseUrl::Postgres(url) => url.clone(),
    }
}

/// The program, asked for a week of June.
pub fn asked(database: &str, out: &Path) -> Command {
    let mut command = Command::new(WATCHKEEPER);
    command
        .args(["evidence", "--database", database])
        .args(["--from", "2026-06-01", "--to", "2026-06-07", "--out"])
        .arg(out);
    command
}

pub fn evidence(database: &str, out: &Path, more: &[&str]) -> Output {
    let mut command = asked(database, out);
    command.args(["--zone", "UTC"]).args(more);
    command.output().expect("it runs")
}

pub fn done(output: &Output) -> String {
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{err}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Every file of a folder by its path in it.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for entry in std::fs::read_dir(&at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// The hashes of the manifest hold, and it names every file but itself, in order.
fn holds(folder: &Path) {
    let checked = Command::new("sha256sum")
        .args(["-c", "--strict", "manifest.sha256"])
        .current_dir(folder)
        .output()
        .expect("sha256sum runs");
    done(&checked);
    let known = files(folder);
    let manifest = String::from_utf8(known["manifest.sha256"].clone()).unwrap();
    let named: Vec<&str> = manifest.lines().map(|line| &line[66..]).collect();
    let others: Vec<&str> = known
        .keys()
        .map(String::as_str)
        .filter(|name| *name != "manifest.sha256")
        .collect();
    assert_eq!(named, others);
}

/// A table by its head.
fn table(bytes: &[u8]) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(bytes);
    let rows = reader.deserialize();
    rows.map(|row| row.expect("a row")).collect()
}

pub fn unpacked(archive: &Path, folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let output = Command::new("tar")
        .arg("-xf")
        .arg(archive)
        .arg("-C")
        .arg(folder)
        .output()
        .expect("tar runs");
    done(&output);
}

both_databases!(
    case_c8_an_auditor_gets_the_population_its_exceptions_and_a_sample_that_is_drawn_again,
    |desk| {
        let (ann, ben, web) = a_house(&desk);
        let admin = desk.person("Root", Roles::of(&[Role::Admin]));
        let line = Pushed::new(&desk, "infra/web", Some(web));
        let names = [
            "Raise pool size",
            "Trim the log",
            "Turn the cache off",
            "Move the queue",
        ];
        let keys: Vec<TicketKey> = names
            .iter()
            .map(|it| opened(&desk, &ann, web, it))
            .collect();
        let [first, late, urgent, own] = keys[..] else {
            panic!("four were opened")
        };
        approved(&desk, &ann, &ben, first);
        approved(&desk, &ann, &ben, own);
        ticket::note(&desk.as_person(&ann), first, "the password is hunter2").unwrap();
        let secret = desk.app.store.read(|conn| {
            let ticket = store::ticket::by_key(conn, first)?.unwrap();
            let entries = store::timeline::of_ticket(conn, ticket.id)?;
            Ok(entries
                .into_iter()
                .find(|it| it.body.contains("hunter2"))
                .unwrap()
                .seq)
        });
        let redaction = Redaction {
            why: "a password".into(),
            text: true,
            files: Vec::new(),
            title: None,
        };
        redact::redact(&desk.as_person(&admin), first, secret.unwrap(), &redaction).unwrap();

        let start = line.commit(&desk, "Start");
        let tell = |typed: Typed| tell(&desk, typed).unwrap().deployment.id;
        let told = |version: &str, status: &str, change: Option<TicketKey>| Typed {
            change: change.map(|key| key.to_string()).unwrap_or_default(),
            source: "ci".into(),
            ..typed(version, status)
        };
        // 1: nobody's change.
        let loose = tell(Typed {
            commit: start,
            ..told("1.0", "succeeded", None)
        });
        desk.advance(HOUR);
        // 2: as it should be.
        let commit = line.commit(&desk, &format!("Raise pool size\n\nRefs: {first}"));
        let clean = tell(Typed {
            commit,
            artefact: "sha256:aa".into(),
            ..told("1.1", "succeeded", Some(first))
        });
        desk.advance(HOUR);
        // 3: told as a fact, and approved ten minutes after it began.
        desk.advance(600);
        let hasty = tell(Typed {
            started_at: Some(desk.now().plus_secs(-600)),
            ..told("1.2", "succeeded", Some(late))
        });
        approved(&desk, &ann, &ben, late);
        desk.advance(HOUR);
        // 4: with broken glass, at which nobody looks.
        let through = Typed {
            break_glass: "the cache serves old prices".into(),
            ..told("1.3", "succeeded", Some(urgent))
        };
        let through = act::record(&desk.as_person(&ann), through)
            .unwrap()
            .deployment
            .id;
        desk.advance(HOUR);
        // 5: whoever approved it deploys it.
        let crossed = act::record(&desk.as_person(&ben), told("1.4", "succeeded", Some(own)));
        let crossed = crossed.unwrap().deployment.id;
        tell(Typed {
            environment: "staging".into(),
            ..told("1.5", "succeeded", None)
        });
        desk.advance(3 * HOUR);
        // 6: nobody's, told two hours later.
        let forgotten = tell(Typed {
            started_at: Some(desk.now().plus_secs(-2 * HOUR)),
            ..told("1.6", "failed", None)
        });
        desk.advance(8 * 24 * HOUR);

        let out = tempfile::tempdir().unwrap();
        let database = database(&desk);
        let whole = out.path().join("whole");
        let said = done(&evidence(&database, &whole, &["--sample", "100"]));
        assert!(
            said.contains("6 deployments, 8 exceptions, 6 drawn with the seed 42"),
            "{said}"
        );
        holds(&whole);
        let all = files(&whole);
        let population = table(&all["population.csv"]);
        let of =
            |name: &str| -> Vec<&str> { population.iter().map(|row| row[name].as_str()).collect() };
        let expected: Vec<String> = [loose, clean, hasty, through, crossed, forgotten]
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(of("deployment"), expected);
        assert_eq!(of("seq"), ["1", "2", "3", "4", "5", "6"]);
        assert_eq!(
            of("version_before"),
            ["", "1.0", "1.1", "1.2", "1.3", "1.4"]
        );
        assert_eq!(
            of("approved_before_deployment"),
            ["no", "yes", "no", "no", "yes", "no"]
        );
        assert_eq!(of("segregation_of_duties"), ["", "yes", "", "", "no", ""]);
        assert_eq!(of("approvers"), ["", "Ben", "Ben", "", "Ben", ""]);
        assert_eq!(of("requesters"), ["", "Ann", "Ann", "Ann", "Ann", ""]);
        assert_eq!(of("override"), ["no", "no", "no", "yes", "no", "no"]);
        assert_eq!(of("artefact_digest"), ["", "sha256:aa", "", "", "", ""]);
        assert_eq!(of("tier"), [""; 6], "nothing is made up");
        let found: Vec<(String, String, String)> = table(&all["exceptions.csv"])
            .into_iter()
            .map(|row| {
                (
                    row["seq"].clone(),
                    row["exception"].clone(),
                    row["change"].clone(),
                )
            })
            .collect();
        let exception = |seq: &str, what: &str, change: Option<TicketKey>| {
            (
                seq.to_owned(),
                what.to_owned(),
                change.map(|key| key.to_string()).unwrap_or_default(),
            )
        };
        assert_eq!(
            found,
            [
                exception("1", "no_change", None),
                exception("3", "late_approval", Some(late)),
                exception("4", "unapproved", Some(urgent)),
                exception("4", "review_overdue", Some(urgent)),
                exception("4", "override", None),
                exception("5", "approver_deployed", Some(own)),
                exception("6", "no_change", None),
                exception("6", "told_late", None),
            ]
        );

        // Drawn by the hash of seed and id, as anybody can draw it again.
        let query: Value = serde_json::from_slice(&all["query.json"]).unwrap();
        let mut lots: Vec<(String, u64)> = expected
            .iter()
            .zip(1..)
            .map(|(id, seq)| (lot(42, id), seq))
            .collect();
        lots.sort();
        let drawn: Vec<u64> = lots.into_iter().map(|(_, seq)| seq).collect();
        assert_eq!(query["drawn"], serde_json::json!(drawn));
        assert_eq!(
            (query["population"].as_u64(), query["seed"].as_u64()),
            (Some(6), Some(42))
        );
        assert_eq!(query["made_by"], "evidence command");
        assert_eq!(query["until_at"], "2026-06-08T00:00:00Z");
        let place = drawn.iter().position(|seq| *seq == 2).unwrap() + 1;
        let one = |name: &str| -> &[u8] { &all[&format!("sample/{place:02}/{name}")] };
        let deployment: Value = serde_json::from_slice(one("deployment.json")).unwrap();
        assert_eq!(deployment["id"], clean.to_string());
        let request: Value = serde_json::from_slice(one("request.json")).unwrap();
        assert_eq!(
            request[0]["purpose"],
            "Raise pool size, so that nobody waits"
        );
        assert_eq!(request[0]["requested_by"], "Ann");
        let approvals = table(one("approvals.csv"));
        assert_eq!(
            (
                &*approvals[0]["approver"],
                &*approvals[0]["stood_at_deployment"]
            ),
            ("Ben", "yes")
        );
        let commits = table(one("commits.csv"));
        assert_eq!(
            (commits.len(), &*commits[0]["subject"]),
            (1, "Raise pool size")
        );
        let revert: Value = serde_json::from_slice(one("revert.json")).unwrap();
        assert!(
            revert["commands"][0]
                .as_str()
                .unwrap()
                .starts_with("git revert"),
            "{revert}"
        );
        // What was redacted stays so, in every file.
        for (name, bytes) in &all {
            assert!(
                !String::from_utf8_lossy(bytes).contains("hunter2"),
                "{name}"
            );
        }
        let redacted = table(one("timeline.csv"))
            .into_iter()
            .filter(|row| row["redacted"] == "yes")
            .count();
        assert_eq!(redacted, 1);
        let lines = String::from_utf8_lossy(&all["population.jsonl"]).into_owned();
        let lines: Vec<Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), population.len());
        assert_eq!(lines[0]["version"], population[0]["version"].as_str());
        let page = String::from_utf8_lossy(&all["index.html"]).into_owned();
        assert!(
            page.contains("Every deployment") && page.contains("no_change"),
            "{page}"
        );
        assert!(!page.contains("hunter2"));
        let told = String::from_utf8_lossy(&all["completeness.txt"]).into_owned();
        for said in [
            "told by ci: 6",
            "none is missing",
            "- late_approval: 1.",
            "- self_approval: 0.",
            ": test_evidence",
            "there are none",
        ] {
            assert!(told.contains(said), "{said} isn't in\n{told}");
        }

        // The same seed draws the same again; a smaller sample is its beginning. Only who asked and when differs.
        let same = |a: &BTreeMap<String, Vec<u8>>, b: &BTreeMap<String, Vec<u8>>| {
            let facts = |of: &BTreeMap<String, Vec<u8>>| {
                let mut of = of.clone();
                of.retain(|name, _| name != "query.json" && name != "manifest.sha256");
                of
            };
            assert_eq!(facts(a), facts(b));
        };
        let (one, two) = (out.path().join("one"), out.path().join("two"));
        for folder in [&one, &two] {
            done(&evidence(
                &database,
                folder,
                &["--sample", "3", "--seed", "7"],
            ));
            holds(folder);
        }
        same(&files(&one), &files(&two));
        let archive = out.path().join("june.tar");
        done(&evidence(
            &database,
            &archive,
            &["--sample", "100", "--service", "web"],
        ));
        let folder = out.path().join("unpacked");
        unpacked(&archive, &folder);
        holds(&folder);
        same(&files(&folder), &all);

        // What is there stays there, and what is wrong is said.
        for (args, expected) in [
            (vec![], "isn't empty"),
            (vec!["--service", "wbe"], "There is no service called"),
            (vec!["--sample", "501"], "At most 500 are drawn"),
            (vec!["--zone", "Moon"], "zone"),
        ] {
            let place = match args.is_empty() {
                true => whole.clone(),
                false => out.path().join("never"),
            };
            let refused = asked(&database, &place)
                .args(&args)
                .output()
                .expect("it runs");
            let said = String::from_utf8_lossy(&refused.stderr).into_owned();
            assert!(
                !refused.status.success() && said.contains(expected),
                "{args:?}: {said}"
            );
        }
        assert!(!out.path().join("never").exists());
        assert!(
            !evidence(&database, &archive, &[]).status.success(),
            "an archive isn't written over"
        );

        // By the API and by the page, for those who may read the audit.
        let p = Program::new(desk);
        let by_api = p.get("/api/v1/audit/evidence?from=2026-06-01&to=2026-06-07&sample=100");
        assert_eq!(by_api.status, 200, "{}", by_api.body);
        assert_eq!(by_api.body["drawn"], serde_json::json!(drawn));
        assert_eq!(by_api.body["population"], 6);
        assert_eq!(
            by_api.body["exceptions"][0],
            serde_json::json!({"exception": "no_change", "count": 2})
        );
        let bytes = STANDARD.decode(by_api.text("/content")).unwrap();
        std::fs::write(out.path().join("api.tar"), bytes).unwrap();
        unpacked(&out.path().join("api.tar"), &out.path().join("api"));
        holds(&out.path().join("api"));
        let api = files(&out.path().join("api"));
        same(&api, &all);
        let asked: Value = serde_json::from_slice(&api["query.json"]).unwrap();
        assert_eq!(asked["made_by"], "Ada");
        for (query, field) in [
            ("from=2026-06-01&to=2026-06-07&sample=-1", "sample"),
            ("from=2026-06-01&to=2026-06-07&seed=-1", "seed"),
            ("to=2026-06-07", "from"),
        ] {
            let wrong = p.get(&format!("/api/v1/audit/evidence?{query}"));
            assert_eq!(wrong.faults()[0].0, field, "{query}: {}", wrong.body);
        }
        let auditor = p.desk.person("Ida", Roles::of(&[Role::Auditor]));
        let browser = Browser::of(&p.desk, &auditor);
        browser.get("/audit").says("/audit/evidence");
        browser
            .get("/audit/evidence")
            .is(200)
            .says("Seed")
            .says("25");
        browser
            .get("/audit/evidence.tar?from=2026-06-01&to=2026-06-07&seed=x")
            .is(422)
            .says("A whole number, such as 42.");
        let seen =
            browser.get("/audit/evidence.tar?from=2026-06-01&to=2026-06-07&zone=UTC&sample=100");
        std::fs::write(out.path().join("page.tar"), seen.is(200).text()).unwrap();
        unpacked(&out.path().join("page.tar"), &out.path().join("page"));
        holds(&out.path().join("page"));
        same(&files(&out.path().join("page")), &all);
        // Who took it along is on record itself.
        browser
            .get("/audit")
            .is(200)
            .says("exported evidence for an auditor");
    }
);

/// What `printf '%s' <seed>:<id> | sha256sum` says.
fn lot(seed: u64, id: &str) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(format!("{seed}:{id}").as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
