//! Very many open clocks: what they cost while nothing is due, and how soon all that fall due in one second have been told.
//!
//! ```sh
//! cargo bench --bench due -- --open 1000000 --due 10000
//! cargo bench --bench due -- --nodes 2 --database postgres://user@host/empty_database
//! ```
//! Counted are processor time of the whole server while it rests, and the time from the common deadline to the commit of the last
//! breach; each clock must be on its timeline, among the notices and in the outbox exactly once.

mod rig;

use std::time::{Duration, Instant};

use diesel::RunQueryDsl;
use diesel::sql_types::BigInt;
use rig::{Post, Relay, Server, found};
use watchkeeper::actions::agreement::{self, AgreementDetails};
use watchkeeper::actions::bulk::{self, By, Maker, Past};
use watchkeeper::actions::sla;
use watchkeeper::app::{App, Ctx};
use watchkeeper::config::Config;
use watchkeeper::domain::id::Kind;
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::sla_agreement::{Budget, HoldsFor, Metric};
use watchkeeper::domain::sla_version::Effect;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::Opening;
use watchkeeper::domain::timeline::{Actor, Door};
use watchkeeper::domain::timestamp::Timestamp;
use watchkeeper::jobs;
use watchkeeper::store::Store;
use watchkeeper::store::backend::{Conn, DatabaseUrl};
use watchkeeper::time::TimeSource;

/// Clocks of each far ticket.
const EACH: usize = 4;
const BATCH: usize = 2_000;
/// What the near ones may take.
const NEAR_SECS: i64 = 2 * 3600;
const FAR_SECS: i64 = 20_000 * 3600;
/// From the end of filling to the common deadline: start-up and the time of rest lie in it.
const REST: Duration = Duration::from_secs(45);

struct Options {
    database: Option<String>,
    open: usize,
    due: usize,
    nodes: usize,
}

fn options() -> Options {
    let mut options = Options {
        database: None,
        open: 1_000_000,
        due: 10_000,
        nodes: 1,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || {
            words
                .next()
                .unwrap_or_else(|| panic!("{word} wants a value"))
        };
        match word.as_str() {
            "--database" => options.database = Some(value()),
            "--open" => options.open = value().parse().expect("a number of clocks"),
            "--due" => options.due = value().parse().expect("a number of clocks"),
            "--nodes" => options.nodes = value().parse().expect("a number of processes"),
            // What cargo itself passes.
            "--bench" => {}
            other => panic!("unknown option {other}"),
        }
    }
    options
}

fn main() {
    let options = options();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut config = Config::in_folder(folder.path());
    if let Some(url) = &options.database {
        config.database = DatabaseUrl::parse(url).expect("a database");
    }
    found(&config);
    let store = Store::open(&config.database).expect("the database opens");
    let app = App::new(store, TimeSource::system(), config.clone()).expect("the house opens");
    let ctx = app.system("load", Door::Cli);
    promise(&ctx);
    // A new house takes note of its time zone and holiday data once; it isn't what is measured.
    jobs::run_until_quiet(&app).expect("the jobs of an empty house");
    let began = Instant::now();
    let far = options.open / EACH;
    fill(&app, far, Severity::High, |n| {
        app.time.now().plus_secs(-(n as i64 % 3_600))
    });
    println!(
        "{} open clocks on {far} tickets, filled in {:.0} s",
        far * EACH,
        began.elapsed().as_secs_f64()
    );
    let deadline = app.time.now().plus_secs(REST.as_secs() as i64);
    fill(&app, options.due, Severity::Average, |n| {
        deadline
            .plus_secs(-NEAR_SECS)
            .plus_micros(n as i64 % 1_000_000)
    });

    let relay = Relay::start();
    let folders: Vec<_> = (0..options.nodes)
        .map(|_| tempfile::tempdir().expect("a temporary folder"))
        .collect();
    let servers: Vec<Server> = folders
        .iter()
        .map(|folder| Post::new(&config, folder.path(), relay.address).start())
        .collect();
    rest(&app, &servers, deadline);
    fire(&app, &servers, &options, deadline);
}

/// Two kinds of promise: one that falls due soon, and four that don't.
fn promise(ctx: &Ctx<'_>) {
    let book = ctx
        .read(|conn| sla::book(ctx.app, conn))
        .expect("the house has a book");
    let house = book
        .agreements()
        .iter()
        .find(|agreement| agreement.holds_for.is_house())
        .expect("the house agreement");
    let always = book
        .calendars
        .iter()
        .find(|calendar| calendar.name == "Round the clock")
        .expect("a calendar that is always open")
        .id;
    let model = house.targets.first().expect("a promise").as_ref().clone();
    let target = |metric, severity, secs| {
        let mut target = model.clone();
        target.metric = metric;
        target.severity = Some(severity);
        target.budget = Budget::Counted { secs };
        target.calendar = always;
        target.warn.clear();
        target.stops_on.clear();
        target
    };
    let far = [
        Metric::Own,
        Metric::Respond,
        Metric::Restore,
        Metric::Resolve,
    ];
    let mut targets: Vec<_> = far
        .into_iter()
        .map(|metric| target(metric, Severity::High, FAR_SECS))
        .collect();
    targets.push(target(Metric::Resolve, Severity::Average, NEAR_SECS));
    let details = AgreementDetails {
        holds_for: HoldsFor::House,
        name: house.name.clone(),
        targets,
        backdate_days: house.backdate_days,
        is_active: true,
    };
    agreement::change_agreement(ctx, house.id, house.version, &details, &Effect::FromNow)
        .expect("agreed");
}

fn fill(app: &App, count: usize, severity: Severity, at: impl Fn(usize) -> Timestamp) {
    // A context of its own: the future isn't written before it comes.
    let ctx = app.system("load", Door::Cli);
    let book = ctx
        .read(|conn| sla::book(ctx.app, conn))
        .expect("the house has a book");
    let maker = Maker::new(&ctx, &book).expect("a maker");
    let first = bulk::reserve(&ctx, &[(Kind::Incident, count as i64)]).expect("numbers");
    let mut number = first.first().map_or(1, |(_, first)| *first);
    let mut n = 0;
    while n < count {
        let wholes: Vec<_> = (n..count.min(n + BATCH))
            .map(|n| {
                let past = Past {
                    kind: Kind::Incident,
                    title: Title::parse(&format!("Disk {n} is full")).expect("a title"),
                    opening: Opening {
                        severity: Some(severity),
                        ..Opening::default()
                    },
                    door: Door::Monitoring,
                    at: at(n),
                    by: By {
                        actor: Actor::System,
                        name: "monitoring".to_owned(),
                    },
                    owner_name: String::new(),
                    deeds: Vec::new(),
                };
                number += 1;
                maker.make(number - 1, &past).expect("a ticket")
            })
            .collect();
        bulk::keep(&ctx, &wholes).expect("kept");
        n += BATCH;
    }
}

/// What the servers use while no clock is due.
fn rest(app: &App, servers: &[Server], deadline: Timestamp) {
    // The first seconds are start-up.
    std::thread::sleep(Duration::from_secs(5));
    let (began, before) = (Instant::now(), cpu(servers));
    let until = deadline.micros() - 2_000_000 - app.time.now().micros();
    std::thread::sleep(Duration::from_micros(until.max(0).unsigned_abs()));
    let used: Vec<String> = cpu(servers)
        .iter()
        .zip(&before)
        .map(|(after, before)| {
            let share = after.saturating_sub(*before).as_secs_f64() / began.elapsed().as_secs_f64();
            format!("{:.2} %", share * 100.0)
        })
        .collect();
    println!(
        "at rest for {:.0} s: {} of a core",
        began.elapsed().as_secs_f64(),
        used.join(", ")
    );
}

fn cpu(servers: &[Server]) -> Vec<Duration> {
    servers.iter().map(Server::cpu).collect()
}

fn fire(app: &App, servers: &[Server], options: &Options, deadline: Timestamp) {
    let before = cpu(servers);
    let due = options.due as i64;
    let began = Instant::now();
    loop {
        let breached = count(
            app,
            "SELECT count(*) AS n FROM clock WHERE breached_at IS NOT NULL",
        );
        if breached >= due {
            break;
        }
        assert!(
            began.elapsed() < Duration::from_secs(120),
            "{breached} of {due} after two minutes"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    // All fall due within one second, which ends one after the deadline.
    let late = app.time.now().micros() - deadline.micros();
    println!(
        "{due} clocks due in one second: all told {:.2} s after its beginning",
        late as f64 / 1e6
    );
    let used: Vec<String> = cpu(servers)
        .iter()
        .zip(&before)
        .map(|(after, before)| format!("{:.1} s", after.saturating_sub(*before).as_secs_f64()))
        .collect();
    println!("processor time of each server: {}", used.join(", "));
    for (what, sql) in [
        (
            "entries",
            "SELECT count(*) AS n FROM entry WHERE kind = 'clock_breached'",
        ),
        (
            "timelines",
            "SELECT count(DISTINCT ticket_id) AS n FROM entry WHERE kind = 'clock_breached'",
        ),
        (
            "notices",
            "SELECT count(*) AS n FROM clock_notice WHERE threshold = 'breach'",
        ),
        (
            "letters",
            "SELECT count(*) AS n FROM delivery WHERE kind = 'notice'",
        ),
    ] {
        let found = count(app, sql);
        println!("  {what:<10} {found}");
        assert_eq!(found, due, "{what}");
    }
}

fn count(app: &App, sql: &str) -> i64 {
    #[derive(diesel::QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        n: i64,
    }
    app.store
        .read(|conn| {
            let query = diesel::sql_query(sql);
            let counted: Count = match conn {
                Conn::Sqlite(conn) => query.get_result(conn)?,
                Conn::Pg(conn) => query.get_result(conn)?,
            };
            Ok(counted.n)
        })
        .expect("counted")
}
