//! The demo: what a stranger finds in the first minute, on either database and on whatever day they come.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use watchkeeper::actions::{commits, outage, postmortem, suspect};
use watchkeeper::app::App;
use watchkeeper::cli::demo;
use watchkeeper::domain::access::Principal;
use watchkeeper::domain::id::Kind;
use watchkeeper::domain::outage::{Format, ReportState, Standing};
use watchkeeper::domain::postmortem::MeetingState;
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::ticket::{State, Ticket};
use watchkeeper::domain::timeline::{Door, EntryKind};
use watchkeeper::domain::timestamp::Timestamp;
use watchkeeper::store::{self, Store};
use watchkeeper::time::TimeSource;

use crate::both_databases;
use crate::desk::{Desk, On, START};
use crate::git_bench::WATCHKEEPER;

/// The demo as it stands at `until`, in the desk's empty database.
fn demo_at(desk: &Desk, until: Timestamp) -> App {
    let mut config = desk.app.config.clone();
    config.mail_folder = Some(config.data.join("outbox"));
    let login = demo::make(&config, until, 0).expect("the demo is made");
    assert_eq!(login.as_str(), "ines@northstar.example");
    let store = Store::open(&config.database).expect("the database opens");
    App::new(store, TimeSource::manual(until), config).expect("the app starts")
}

fn tickets(app: &App, kind: Kind) -> Vec<Ticket> {
    let by_number = |number| {
        let key = watchkeeper::domain::id::TicketKey { kind, number };
        app.store
            .read(|conn| store::ticket::by_key(conn, key))
            .unwrap()
    };
    (1..60).filter_map(by_number).collect()
}

fn kinds(app: &App, of: &Ticket) -> Vec<EntryKind> {
    let entries = app
        .store
        .read(|conn| store::timeline::of_ticket(conn, of.id))
        .unwrap();
    entries.into_iter().map(|entry| entry.kind).collect()
}

both_databases!(the_demo_shows_a_team_in_the_middle_of_its_work, |desk| {
    let app = demo_at(&desk, START);
    let (customers, services, agreements) = app
        .store
        .read(|conn| {
            let customers = store::customer::all(conn)?;
            Ok((
                customers,
                store::house::services(conn)?,
                store::sla::book(conn)?,
            ))
        })
        .unwrap();
    assert_eq!(customers.len(), 2);
    assert_ne!(customers[0].zone, customers[1].zone);
    assert_eq!(services.len(), 5);
    // The house's, and one for each customer.
    assert_eq!(agreements.agreements().len(), 3);

    let incidents = tickets(&app, Kind::Incident);
    let late: Vec<&Ticket> = incidents
        .iter()
        .filter(|ticket| ticket.due.is_late)
        .collect();
    let [burning] = late[..] else {
        panic!("late: {late:?}");
    };
    assert_eq!(burning.severity, Some(Severity::Disaster));
    let found = app
        .store
        .read(|conn| suspect::answer(conn, burning, START))
        .unwrap();
    let (deploy, _) = &found.suspects[0];
    assert_eq!(deploy.what, "checkout v2.4.2");
    let way_back = "helm rollback checkout 41 -n shop --wait";
    assert_eq!(deploy.revert.as_ref().unwrap().lines, [way_back]);
    assert_eq!(burning.due.metric.as_deref(), Some("update"));
    let by_mail = incidents.iter().find(|it| it.door == Door::Mail).unwrap();
    assert!(kinds(&app, by_mail).contains(&EntryKind::CustomerMessage));
    assert!(kinds(&app, by_mail).contains(&EntryKind::HandedOver));
    let by_phone = incidents.iter().find(|it| it.door == Door::Phone).unwrap();
    assert!(by_phone.callback_at.is_some_and(|at| at > START));
    let pages = app
        .store
        .read(|conn| {
            let long_ago = START.plus_secs(-40 * 86_400);
            store::page_log::pages_between(conn, long_ago, START, None, 100)
        })
        .unwrap();
    assert!(pages.len() >= 10, "{} pages", pages.len());
});

both_databases!(
    a_change_of_the_demo_stands_on_the_commits_of_a_real_repository,
    |desk| {
        let app = demo_at(&desk, START);
        let changes = tickets(&app, Kind::Change);
        let on = app
            .store
            .read(|conn| commits::of_ticket(conn, &changes[0]))
            .unwrap();
        let [storefront] = &on[..] else {
            panic!("{} repositories", on.len());
        };
        assert_eq!(storefront.commits.len(), 2);
        assert_eq!(storefront.version_before.as_deref(), Some("v2.3.1"));
        assert_eq!(storefront.version_after.as_deref(), Some("v2.4.0"));
        let folder = app.config.data.join("git/storefront.git");
        let log = Command::new("git")
            .args(["log", "--format=%H", "main"])
            .env("GIT_DIR", &folder)
            .output()
            .unwrap();
        let log = String::from_utf8(log.stdout).unwrap();
        assert_eq!(log.lines().count(), 8);
        for (commit, _) in &storefront.commits {
            assert!(log.contains(&commit.oid), "{} is not in {log}", commit.oid);
        }
        // A later push tells itself.
        assert!(folder.join("hooks/post-receive").exists());
    }
);

both_databases!(
    the_demos_outage_has_its_post_mortem_and_a_released_report,
    |desk| {
        let app = demo_at(&desk, START);
        let incidents = tickets(&app, Kind::Incident);
        let outage = incidents
            .iter()
            .find(|it| it.title.as_str() == "Payments fail for Northwind")
            .unwrap();
        assert_eq!(outage.state, State::Resolved);
        let (pm, meeting, actions) = app
            .store
            .read(|conn| {
                let pm = store::postmortem::of_incident(conn, outage.id)?.expect("a post-mortem");
                let ticket = store::ticket::by_id(conn, pm.ticket_id)?.expect("its ticket");
                let meeting =
                    store::postmortem::meeting_of(conn, pm.ticket_id)?.expect("a meeting");
                Ok((ticket, meeting, postmortem::actions(conn, pm.ticket_id)?))
            })
            .unwrap();
        assert_eq!(pm.state, State::Closed);
        assert_eq!(meeting.state, MeetingState::Held);
        assert!(meeting.settled_at.unwrap() <= meeting.deadline_at);
        assert!(actions.iter().any(|(_, task)| task.is_open()));
        assert!(actions.iter().any(|(_, task)| task.state == State::Done));

        let everyone = app.store.read(store::people::persons).unwrap();
        let ines = everyone.iter().find(|it| it.name == "Ines Maro").unwrap();
        let by = Principal::Person {
            id: ines.id,
            name: ines.name.clone(),
            roles: ines.roles,
        };
        let ctx = app.ctx(by, Door::Web);
        let northwind = outage.customer.unwrap();
        let prepared = outage::prepare(&ctx, outage.key, northwind).unwrap();
        assert!(prepared.findings.is_empty(), "{:?}", prepared.findings);
        assert!(matches!(
            prepared.report.standing,
            Standing::Approved { .. }
        ));
        assert!(prepared.report.rows.len() >= 3);
        let stored = prepared.stored.unwrap();
        assert_eq!(stored.state, ReportState::Sent);
        assert_ne!(stored.approver, Some(stored.author));
        let pdf = outage::export(&ctx, outage.key, northwind, Format::Pdf).unwrap();
        assert!(pdf.bytes.starts_with(b"%PDF-"));
    }
);

/// Weekends, nights, the ends of years and both changes of the clocks: one late promise, and nothing that anybody forgot.
#[test]
fn whenever_the_demo_is_made_only_the_burning_incident_is_late() {
    for until in [
        "2026-06-06T23:50:00Z",
        "2026-06-08T00:03:00Z",
        "2026-10-28T09:00:00Z",
        "2027-01-03T14:00:00Z",
        "2027-03-30T04:07:00Z",
    ] {
        let until = Timestamp::parse_rfc3339(until).unwrap();
        let desk = Desk::new(On::Sqlite);
        let app = demo_at(&desk, until);
        let late: Vec<String> = [Kind::Incident, Kind::Change, Kind::Task, Kind::PostMortem]
            .into_iter()
            .flat_map(|kind| tickets(&app, kind))
            .filter(|ticket| ticket.is_open() && ticket.due.is_late)
            .map(|ticket| ticket.title.to_string())
            .collect();
        assert_eq!(
            late,
            ["Checkout returns 502 for a third of requests"],
            "{until:?}"
        );
    }
}

#[test]
fn the_command_makes_the_demo_and_says_how_to_get_in() {
    let folder = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let mut child = Command::new(WATCHKEEPER)
        .arg("demo")
        .arg("--data")
        .arg(folder.path().join("demo-data"))
        .arg("--listen")
        .arg(format!("127.0.0.1:{port}"))
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said: Vec<String> = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok)
        .take(4)
        .collect();
    child.kill().unwrap();
    child.wait().unwrap();
    let said = said.join("\n");
    assert!(said.starts_with("The demo is ready after "), "{said}");
    assert!(
        said.contains(&format!("Open     http://127.0.0.1:{port}")),
        "{said}"
    );
    assert!(said.contains("Log in   ines@northstar.example"), "{said}");
    assert!(said.contains("Password "), "{said}");
}
