//! Running the house, from outside: what it logs, how its database gets out and in again, what it refuses to start with.

use diesel::connection::{Connection, SimpleConnection};
use diesel_migrations::{FileBasedMigrations, MigrationHarness};
use serde_json::Value;
use watchkeeper::actions::ticket as act;
use watchkeeper::domain::access::{Reach, Role, Roles};
use watchkeeper::domain::id::Kind;
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::Opening;
use watchkeeper::store::backend::DatabaseUrl;
use watchkeeper::store::migrate::{self, Standing};
use watchkeeper::store::people::Holder;
use watchkeeper::store::{self, Store};

use crate::accounts::{a_contact, a_customer, as_person, founded};
use crate::both_databases;
use crate::desk::{Desk, On};
use crate::machine::{Machine, Serving, said};
use crate::served::Served;
use crate::visitor::Visitor;

/// Changes a database behind the program's back.
fn meddle(url: &DatabaseUrl, sql: &str) {
    match url {
        DatabaseUrl::Sqlite(path) => {
            let mut conn = diesel::SqliteConnection::establish(&path.to_string_lossy()).unwrap();
            conn.batch_execute("PRAGMA busy_timeout=5000").unwrap();
            conn.batch_execute(sql).unwrap();
        }
        DatabaseUrl::Postgres(address) => {
            let mut conn = diesel::PgConnection::establish(address).unwrap();
            conn.batch_execute(sql).unwrap();
        }
    }
}

fn lines_of_a_request(on: On) {
    let machine = Machine::new(on);
    let filter = "info,watchkeeper::http::guard=debug";
    let mut serving = machine.serve(&["--log-format", "json", "--log", filter]);
    let night = serving.get("/n/a-secret-token?and=more", &[]);
    meddle(&machine.url(), "ALTER TABLE api_token RENAME TO gone");
    let broken = serving.get(
        "/api/v1/tickets",
        &[("authorization", "Bearer wk_a-secret-token")],
    );
    assert_eq!(broken.status, 500, "{}", broken.text);
    assert_ne!(night.request_id, broken.request_id);

    let mut line = |id: &str, message: &str| -> Value {
        serving.wait_for(id);
        let log = serving.log();
        let lines = log
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("{line}")));
        let found = lines
            .into_iter()
            .find(|line| line["message"] == message && line["span"]["id"] == id);
        found.unwrap_or_else(|| panic!("no {message} of {id} in {log}"))
    };
    let fine = line(&night.request_id, "a request");
    assert_eq!(fine["level"], "DEBUG", "{fine}");
    assert_eq!(fine["span"]["method"], "GET", "{fine}");
    assert_eq!(fine["route"], "/n/{token}", "{fine}");
    assert_eq!(fine["status"], night.status, "{fine}");
    assert!(fine["ms"].is_u64(), "{fine}");
    let failed = line(&broken.request_id, "a request failed");
    assert_eq!(failed["level"], "ERROR", "{failed}");
    assert_eq!(failed["route"], "/api/v1/tickets", "{failed}");
    assert_eq!(failed["status"], 500, "{failed}");
    let why = failed["error"].as_str().unwrap_or_default();
    assert!(why.contains("token"), "{failed}");
    let log = serving.log();
    assert_eq!(log.matches("a request failed").count(), 1, "{log}");
    assert!(!log.contains("a-secret-token"), "{log}");
}

#[test]
fn a_request_is_one_line_of_json_with_its_id_and_without_its_secrets_on_sqlite() {
    lines_of_a_request(On::Sqlite);
}

#[test]
fn a_request_is_one_line_of_json_with_its_id_and_without_its_secrets_on_postgres() {
    lines_of_a_request(On::Postgres);
}

#[test]
fn without_being_asked_only_what_failed_is_logged_even_when_the_session_could_not_be_read() {
    let machine = Machine::new(On::Sqlite);
    let mut serving = machine.serve(&[]);
    assert_eq!(serving.get("/log-in", &[]).status, 200);
    meddle(&machine.url(), "ALTER TABLE session RENAME TO session_gone");
    let broken = serving.get("/queue", &[("cookie", "watchkeeper=a-secret-session")]);
    assert_eq!(broken.status, 500);
    assert!(
        broken.text.contains(&broken.request_id) && !broken.request_id.is_empty(),
        "the page names the request: {}",
        broken.text
    );
    let line = serving.wait_for(&broken.request_id);
    assert!(line.contains("ERROR") && line.contains("/queue"), "{line}");
    let log = serving.log();
    assert!(
        !log.contains("/log-in") && !log.contains("a-secret"),
        "{log}"
    );
}

#[test]
fn a_copy_made_while_it_runs_is_the_whole_house_on_a_machine_where_nothing_is() {
    let desk = Desk::new(On::Sqlite);
    let ada = desk.person("Ada", Roles::of(&[Role::Responder]));
    let opening = Opening {
        severity: Some(Severity::Warning),
        ..Opening::default()
    };
    let title = Title::parse("Pump 3 stopped").unwrap();
    let opened = act::open(&desk.as_person(&ada), Kind::Incident, title, &opening).unwrap();
    desk.let_letters_go();

    // The desk's own connections are open, as a server's are.
    let here = Machine::beside(&desk);
    let done = here.run(&["backup", "monday.db"]);
    assert!(done.status.success(), "{}", said(&done));
    let again = here.run(&["backup", "monday.db"]);
    assert!(!again.status.success());
    assert!(
        said(&again).contains("a backup overwrites nothing"),
        "{}",
        said(&again)
    );
    let copy = here.folder().join("monday.db");

    let there = Machine::new(On::Sqlite);
    let from = copy.to_string_lossy().into_owned();
    let back = there.run(&["restore", &from]);
    assert!(back.status.success(), "{}", said(&back));
    let names = |folder: &str| -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(there.folder().join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names("data"), ["watchkeeper.db"]);
    let store = Store::open(&there.url()).unwrap();
    let ticket = store
        .read(|conn| store::ticket::by_key(conn, opened.key))
        .unwrap();
    assert_eq!(
        ticket.expect("it came along").title.to_string(),
        "Pump 3 stopped"
    );

    // Nobody's database is replaced under them; a free one is kept beside.
    let busy = there.run(&["restore", &from]);
    assert!(!busy.status.success());
    assert!(
        said(&busy).contains("is in use: stop the server first"),
        "{}",
        said(&busy)
    );
    drop(store);
    let free = there.run(&["restore", &from]);
    assert!(free.status.success(), "{}", said(&free));
    assert!(
        said(&free).contains("what was there is now"),
        "{}",
        said(&free)
    );
    assert_eq!(
        names("data"),
        ["watchkeeper.db", "watchkeeper.replaced-1.db"]
    );

    // What is no copy of ours doesn't touch what is there.
    let mut torn = std::fs::read(&copy).unwrap();
    let middle = torn.len() / 2;
    torn[middle..middle + 9_000].fill(0xA5);
    std::fs::write(there.folder().join("torn.db"), torn).unwrap();
    let no = there.run(&["restore", "torn.db"]);
    assert!(!no.status.success(), "{}", said(&no));
    let no = there.run(&["restore", "nowhere.db"]);
    assert!(
        said(&no).contains("there is no file nowhere.db"),
        "{}",
        said(&no)
    );
    assert_eq!(
        names("data"),
        ["watchkeeper.db", "watchkeeper.replaced-1.db"]
    );
    assert!(there.serve(&[]).get("/readyz", &[]).text.contains("ready"));
}

/// Takes the newest migration back, as if an older binary had been the last.
fn one_version_ago(url: &DatabaseUrl) {
    match url {
        DatabaseUrl::Sqlite(path) => {
            let all = FileBasedMigrations::from_path("migrations/sqlite").unwrap();
            let mut conn = diesel::SqliteConnection::establish(&path.to_string_lossy()).unwrap();
            conn.revert_last_migration(all).unwrap();
        }
        DatabaseUrl::Postgres(address) => {
            let all = FileBasedMigrations::from_path("migrations/postgres").unwrap();
            let mut conn = diesel::PgConnection::establish(address).unwrap();
            conn.revert_last_migration(all).unwrap();
        }
    }
}

fn an_upgrade(on: On) {
    let machine = Machine::new(on);
    drop(machine.serve(&[]));
    let url = machine.url();
    one_version_ago(&url);
    let standing = || migrate::standing(&Store::open(&url).unwrap()).unwrap();
    assert_eq!(standing(), Standing::Behind(1));

    let mut serving = machine.serve(&[]);
    let line = serving.wait_for("migrating; the database as it was is in the copy");
    assert_eq!(standing(), Standing::Current);
    let (_, rest) = line.split_once("copy=").expect("where the copy lies");
    let copy = machine.folder().join(rest.split(' ').next().unwrap());
    match on {
        On::Sqlite => {
            let copied = Store::open(&DatabaseUrl::Sqlite(copy)).unwrap();
            assert_eq!(migrate::standing(&copied).unwrap(), Standing::Behind(1));
        }
        On::Postgres => {
            let listed = std::process::Command::new("pg_restore")
                .arg("--list")
                .arg(&copy)
                .output()
                .expect("pg_restore runs");
            let listed = said(&listed);
            assert!(listed.contains("TABLE DATA public ticket "), "{listed}");
        }
    }
    drop(serving);

    meddle(
        &url,
        "INSERT INTO __diesel_schema_migrations (version) VALUES ('29990101000000')",
    );
    // To whoever sent it, a pipe says nothing of the house unless it is asked why.
    let quiet = machine.run(&["mail", "--listen", "127.0.0.1:0"]);
    assert!(!said(&quiet).contains("29990101000000"), "{}", said(&quiet));
    for verb in [&["serve"][..], &["mail", "--why"]] {
        let refused = machine.run(&[verb, &["--listen", "127.0.0.1:0"]].concat());
        assert!(!refused.status.success());
        let said = said(&refused);
        assert!(
            said.contains("a newer Watchkeeper has migrated this database"),
            "{said}"
        );
        assert!(said.contains("29990101000000"), "{said}");
    }
}

#[test]
fn an_upgrade_makes_a_copy_first_and_a_newer_schema_is_refused_on_sqlite() {
    an_upgrade(On::Sqlite);
}

#[test]
fn an_upgrade_makes_a_copy_first_and_a_newer_schema_is_refused_on_postgres() {
    an_upgrade(On::Postgres);
}

#[test]
fn damage_found_after_an_unclean_stop_is_said_on_every_page_and_to_every_machine() {
    let machine = Machine::new(On::Sqlite);
    // Killed.
    drop(machine.serve(&[]));
    let whole = machine.serve(&[]);
    let metric = |serving: &Serving| {
        let text = serving.get("/metrics", &[]).text;
        let line = text
            .lines()
            .find(|line| line.starts_with("watchkeeper_database_faults "));
        line.unwrap_or_else(|| panic!("no gauge in {text}"))
            .to_owned()
    };
    let mut serving = whole;
    serving.wait_for("the database is whole");
    assert_eq!(serving.get("/readyz", &[]).text, "ready\n");
    assert_eq!(metric(&serving), "watchkeeper_database_faults 0");
    drop(serving);

    // A row that its table doesn't allow.
    meddle(
        &machine.url(),
        "CREATE TABLE torn (page INTEGER); INSERT INTO torn VALUES (NULL); \
         PRAGMA writable_schema=ON; \
         UPDATE sqlite_master SET sql = 'CREATE TABLE torn (page INTEGER NOT NULL)' WHERE name = 'torn';",
    );
    let mut serving = machine.serve(&[]);
    serving.wait_for("the database is damaged: restore a backup");
    let ready = serving.get("/readyz", &[]);
    assert_eq!(ready.status, 200, "people are still served");
    assert!(
        ready
            .text
            .contains("the database is damaged: NULL value in torn.page"),
        "{}",
        ready.text
    );
    assert_eq!(metric(&serving), "watchkeeper_database_faults 1");
    assert_eq!(serving.get("/log-in", &[]).status, 200);

    // A clean stop leaves nothing to check.
    serving.signal("TERM");
    let (status, log) = serving.ended();
    assert!(status.success(), "{log}");
    let clean = machine.serve(&[]);
    assert!(!clean.log().contains("unclean"), "{}", clean.log());
}

both_databases!(
    staff_see_on_every_page_that_the_database_is_damaged,
    |desk| {
        let founded = founded(&desk);
        let by = as_person(&desk.app, founded.admin);
        let customer = a_customer(&by, "Contoso");
        let contact = a_contact(&by, customer, "Cleo", Reach::Own);
        desk.let_letters_go();
        let served = Served::new(&desk.app);
        let ada = Visitor::logged_in(&served, &desk.app, Holder::Person(founded.admin));
        let cleo = Visitor::logged_in(&served, &desk.app, Holder::Contact(contact));
        let pages = ["/", "/queue", "/settings", "/api", "/nowhere"];
        let says =
            |who: &Visitor, page: &str| who.get(page).text.contains("The database is damaged.");
        assert!(!pages.iter().any(|page| says(&ada, page)));
        desk.app
            .damage
            .set(vec!["row 1 missing".to_owned()])
            .unwrap();
        for page in pages {
            assert!(says(&ada, page), "{page}");
        }
        assert!(!says(&cleo, "/portal") && !says(&Visitor::new(&served), "/log-in"));
    }
);

#[test]
fn whatever_is_wrong_with_the_settings_is_said_at_once_before_anything_is_made() {
    let machine = Machine::new(On::Sqlite);
    std::fs::write(
        machine.folder().join("watchkeeper.toml"),
        "smtp_relay = \"mail.example.org\"\nmail_form = \"watch@example.org\"\nlog = \"loud\"\n",
    )
    .unwrap();
    std::fs::write(machine.folder().join("cert.pem"), "no certificate").unwrap();
    let tls = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];
    let refused = machine.run(&[&["serve", "--mail-from", "watch"], &tls[..]].concat());
    assert_eq!(refused.status.code(), Some(1));
    let said = said(&refused);
    for fault in [
        "watchkeeper.toml: `smtp_relay` can't be read; `smtp://host:25`",
        "watchkeeper.toml: `mail_form` is no setting; did you mean `mail_from`?",
        "watchkeeper.toml: `log` is `loud`; `loud` is no level; `error`, `warn`",
        "--mail-from: `mail_from` is `watch`; a mail address is wanted",
        "--tls-cert: `tls_cert` is `cert.pem`; key.pem: ",
    ] {
        assert!(said.contains(fault), "no {fault:?} in {said}");
    }
    assert!(!machine.folder().join("data").exists());
}
