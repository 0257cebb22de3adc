//! Who can be called is kept in memory by each process: what one of them changes, the others know at their next incident.

use std::sync::Arc;

use chrono::NaiveDate;
use watchkeeper::actions::oncall::Plan;
use watchkeeper::actions::{oncall, ticket};
use watchkeeper::app::App;
use watchkeeper::domain::access::{Role, Roles};
use watchkeeper::domain::delivery::Channel;
use watchkeeper::domain::id::{Id, Kind, PersonId};
use watchkeeper::domain::people::{Team, Way};
use watchkeeper::domain::rotation::TurnUnit;
use watchkeeper::domain::severity::Severity;
use watchkeeper::domain::text::Title;
use watchkeeper::domain::ticket::Opening;
use watchkeeper::domain::timeline::Door;
use watchkeeper::error::Error;
use watchkeeper::store::{self, Store, page_log};
use watchkeeper::time::TimeSource;

use crate::both_databases;
use crate::desk::Staff;

/// Whom a disaster that this process opens pages first.
fn paged_by(app: &App, who: &Staff) -> Vec<PersonId> {
    let by = watchkeeper::domain::access::Principal::Person {
        id: who.id,
        name: who.name.clone(),
        roles: who.roles,
    };
    let opening = Opening {
        severity: Some(Severity::Disaster),
        ..Opening::default()
    };
    let title = Title::parse("DB master down").unwrap();
    let opened = ticket::open(&app.ctx(by, Door::Web), Kind::Incident, title, &opening).unwrap();
    app.store
        .read(|conn| page_log::pages_of_ticket(conn, opened.id))
        .unwrap()
        .into_iter()
        .map(|page| page.person_id)
        .collect()
}

both_databases!(
    another_process_learns_of_a_change_before_its_next_page,
    |desk| {
        let lead = Roles::of(&[Role::Responder, Role::Lead]);
        let (lin, ada) = (desk.person("Lin", lead), desk.person("Ada", lead));
        let team = crate::oncall::team(&desk, "netops", &[&lin, &ada]);
        let plan = |people: &[&Staff]| Plan {
            zone: chrono_tz::UTC,
            anchor: NaiveDate::from_ymd_opt(2026, 6, 1)
                .unwrap()
                .and_hms_opt(9, 0, 0)
                .unwrap(),
            unit: TurnUnit::Weeks,
            length: 1,
            people: people.iter().map(|who| who.id).collect(),
            keep: None,
        };
        oncall::plan_rotation(&desk.as_person(&lin), team, &plan(&[&lin]), None).unwrap();
        let elsewhere = Arc::new(
            App::new(
                Store::open(desk.app.store.url()).unwrap(),
                TimeSource::manual(desk.now()),
                desk.app.config.clone(),
            )
            .unwrap(),
        );
        assert_eq!(paged_by(&elsewhere, &lin), [lin.id]);

        let seen = desk
            .app
            .store
            .read(|conn| store::oncall::by_team(conn, team))
            .unwrap()
            .map(|schedule| schedule.version);
        oncall::plan_rotation(&desk.as_person(&lin), team, &plan(&[&ada]), seen).unwrap();
        assert_eq!(paged_by(&elsewhere, &lin), [ada.id]);

        let way = Way {
            id: Id::new(desk.now()),
            channel: Channel::Mail,
            address: "night@watch.example.org".to_owned(),
        };
        desk.app
            .store
            .write(|tx| store::people::set_ways(tx, ada.id, std::slice::from_ref(&way)))
            .unwrap();
        paged_by(&elsewhere, &lin);
        let addresses: Vec<String> = elsewhere
            .store
            .read(|conn| store::outbox::page(conn, None, None, 10))
            .unwrap()
            .into_iter()
            .map(|delivery| delivery.address)
            .collect();
        assert!(
            addresses.contains(&"night@watch.example.org".to_owned()),
            "{addresses:?}"
        );
    }
);

both_databases!(a_change_that_was_rolled_back_is_not_kept, |desk| {
    let lead = Roles::of(&[Role::Responder, Role::Lead]);
    let lin = desk.person("Lin", lead);
    let in_force = |conn: &mut store::Conn| {
        watchkeeper::actions::roster::in_force(&desk.app, conn, desk.now())
    };
    let ghosts = Team {
        id: Id::new(desk.now()),
        name: "ghosts".to_owned(),
        zone: chrono_tz::UTC,
        calendar_id: None,
        is_active: true,
        version: 1,
    };
    let rolled_back: Result<(), _> = desk.app.store.write(|tx| {
        store::house::insert_team(tx, &ghosts, desk.now())?;
        assert_eq!(in_force(tx)?.teams.len(), 1);
        Err(Error::Stale)
    });
    assert!(rolled_back.is_err());
    assert!(desk.app.store.read(in_force).unwrap().teams.is_empty());
    crate::oncall::team(&desk, "netops", &[&lin]);
    let known = desk.app.store.read(in_force).unwrap();
    assert_eq!(known.teams[0].name, "netops");
});
