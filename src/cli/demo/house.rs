//! The demo's house: four people, five services, two customers with their agreements, a rotation.

use chrono::{Days, NaiveTime, Weekday};
use chrono_tz::Tz;

use super::agreements;
use crate::actions::house::{ServiceLists, add_service, edit_service};
use crate::actions::{customer, oncall, people, settings, wording};
use crate::app::{App, Ctx};
use crate::domain::access::{Principal, Reach, Role, Roles};
use crate::domain::id::{ContactId, CustomerId, PersonId, ServiceId, TeamId};
use crate::domain::people::{ContactDetails, CustomerDetails, PersonDetails, ServiceDetails};
use crate::domain::rotation::TurnUnit;
use crate::domain::text::EmailAddress;
use crate::domain::timeline::Door;
use crate::error::Result;
use crate::secrets;
use crate::store;

const HOME: Tz = chrono_tz::Europe::Stockholm;

pub(super) struct House {
    pub ines: Member,
    pub tom: Member,
    pub ana: Member,
    pub team: TeamId,
    pub checkout: ServiceId,
    pub orders: ServiceId,
    pub edge: ServiceId,
    pub mail: ServiceId,
    pub billing: ServiceId,
    pub northwind: Client,
    pub contoso: Client,
}

#[derive(Clone)]
pub(super) struct Member {
    pub id: PersonId,
    pub name: String,
    pub email: EmailAddress,
    pub roles: Roles,
}

impl Member {
    /// A unit of work by this person, from the browser, now.
    pub fn at<'a>(&self, app: &'a App) -> Ctx<'a> {
        self.by(app, Door::Web)
    }

    /// As [`Member::at`], by another door.
    pub fn by<'a>(&self, app: &'a App, door: Door) -> Ctx<'a> {
        let by = Principal::Person {
            id: self.id,
            name: self.name.clone(),
            roles: self.roles,
        };
        app.ctx(by, door)
    }
}

#[derive(Clone, Copy)]
pub(super) struct Client {
    pub id: CustomerId,
    pub contact: ContactId,
}

fn details(name: &str, email: &str) -> Result<PersonDetails> {
    Ok(PersonDetails {
        name: name.to_owned(),
        email: EmailAddress::parse(email)?,
        zone: HOME,
        phone: None,
    })
}

/// What this house tells its customers in the same words each time.
fn agree_on_wordings(admin: &Ctx<'_>) -> Result<()> {
    for (name, body) in [
        (
            "We are on it",
            "Thank you for telling us. We are on it, and you hear from us by {next_update}.\n\n{me}",
        ),
        (
            "Still looking",
            "We have not found the cause of {ticket} yet and go on looking. The next update comes by {next_update}.",
        ),
        (
            "Please check",
            "As far as we can see {service} works again. Would you check, and tell us if anything is missing?\n\n{me}",
        ),
    ] {
        let typed = wording::Typed {
            name: name.to_owned(),
            body: body.to_owned(),
            is_active: true,
        };
        wording::add(admin, &typed)?;
    }
    Ok(())
}

pub(super) fn found(app: &App, public_url: &str, password: &str) -> Result<House> {
    let founding = settings::Founding {
        admin: details("Ines Maro", "ines@northstar.example")?,
        password_hash: secrets::hash_password(password)?,
        house_name: "Northstar Hosting".to_owned(),
        house_zone: HOME,
        public_url: public_url.to_owned(),
        smtp_relay: String::new(),
        mail_from: "watch@northstar.example".to_owned(),
        team: "Platform".to_owned(),
        service: "checkout".to_owned(),
        freeze: None,
    };
    let founded = settings::found(&app.system("demo", Door::Cli), &founding)?;
    let everything = app
        .store
        .read(|conn| store::people::roles(conn, founded.admin))?;
    let ines = Member {
        id: founded.admin,
        name: founding.admin.name.clone(),
        email: founding.admin.email.clone(),
        roles: everything,
    };
    let admin = ines.at(app);
    agree_on_wordings(&admin)?;

    let responder = Roles::of(&[Role::Responder, Role::ChangeApprover]);
    let tom = hire(
        app,
        &admin,
        "Tom Kerr",
        "tom@northstar.example",
        responder,
        founded.team,
        &founding,
    )?;
    let lead = Roles::of(&[Role::Responder, Role::Lead, Role::ChangeApprover]);
    let ana = hire(
        app,
        &admin,
        "Ana Lindt",
        "ana@northstar.example",
        lead,
        founded.team,
        &founding,
    )?;
    hire(
        app,
        &admin,
        "Jonas Berg",
        "jonas@northstar.example",
        Roles::of(&[Role::Viewer, Role::Auditor]),
        founded.team,
        &founding,
    )?;

    let tied = |calls: &[ServiceId], runs_on: &[&str]| ServiceLists {
        calls: calls.to_vec(),
        runs_on: runs_on.iter().map(|name| (*name).to_owned()).collect(),
        ..ServiceLists::default()
    };
    let service = |name: &str, public: &str, total, needed, experts: &[PersonId], ties| {
        let details = ServiceDetails {
            name: name.to_owned(),
            public_name: public.to_owned(),
            team_id: founded.team,
            runbook_url: Some(format!("https://runbooks.northstar.example/{name}")),
            members_total: total,
            members_needed: needed,
        };
        let lists = ServiceLists {
            experts: experts.to_vec(),
            need_to_know: vec![ana.id],
            ..ties
        };
        add_service(&admin, &details, &lists).map(|service| service.id)
    };
    let database = tied(&[], &["pg-cluster-1"]);
    let orders = service("orders-db", "Order database", 3, 2, &[tom.id], database)?;
    let front = tied(&[founded.service], &["k8s-eu"]);
    let edge = service("edge", "Web front", 4, 2, &[ines.id], front)?;
    let relay = tied(&[], &[]);
    let mail = service("mail-relay", "Outgoing mail", 2, 1, &[ana.id], relay)?;
    let invoices = tied(&[mail], &["pg-cluster-1"]);
    let billing = service("billing", "Invoices", 1, 1, &[tom.id, ana.id], invoices)?;
    let lists = ServiceLists {
        experts: vec![ines.id, tom.id],
        need_to_know: vec![ana.id],
        ..tied(&[orders, billing], &["k8s-eu"])
    };
    name_checkout(app, &admin, founded.service, &lists)?;

    let northwind = client(
        &admin,
        "Northwind Traders",
        HOME,
        "northwind.example",
        "Maja Falk",
        "+46 8 555 0142",
    )?;
    let contoso = client(
        &admin,
        "Contoso",
        chrono_tz::America::New_York,
        "contoso.example",
        "Dana Reyes",
        "+1 212 555 0119",
    )?;

    agreements::sign(&admin, northwind.id, contoso.id)?;
    rotate(app, &admin, founded.team, &[ines.id, tom.id, ana.id])?;
    Ok(House {
        ines,
        tom,
        ana,
        team: founded.team,
        checkout: founded.service,
        orders,
        edge,
        mail,
        billing,
        northwind,
        contoso,
    })
}

/// The service that set-up made, with what it doesn't ask for.
fn name_checkout(app: &App, admin: &Ctx<'_>, id: ServiceId, lists: &ServiceLists) -> Result<()> {
    let known = app
        .store
        .read(|conn| store::house::service(conn, id))?
        .ok_or(crate::error::Error::NotFound)?;
    let details = ServiceDetails {
        name: known.name,
        public_name: "Checkout".to_owned(),
        team_id: known.team_id,
        runbook_url: Some("https://runbooks.northstar.example/checkout".to_owned()),
        members_total: 4,
        members_needed: 3,
    };
    edit_service(admin, id, known.version, &details, lists)?;
    Ok(())
}

fn hire(
    app: &App,
    admin: &Ctx<'_>,
    name: &str,
    email: &str,
    roles: Roles,
    team: TeamId,
    founding: &settings::Founding,
) -> Result<Member> {
    let details = details(name, email)?;
    let invited = people::invite(admin, &details, roles, &[team])?;
    // They chose the founder's password; hashing it once is enough.
    let fresh = app.system("demo", Door::Cli);
    crate::actions::login::rescue_password(&fresh, &details.email, &founding.password_hash)?;
    Ok(Member {
        id: invited.id,
        name: details.name,
        email: details.email,
        roles,
    })
}

pub(super) fn client(
    admin: &Ctx<'_>,
    name: &str,
    zone: Tz,
    domain: &str,
    person: &str,
    phone: &str,
) -> Result<Client> {
    let details = CustomerDetails {
        name: name.to_owned(),
        zone,
        language: "en".to_owned(),
        domains: vec![domain.to_owned()],
        note: String::new(),
    };
    let customer = customer::add(admin, &details)?;
    let first = person.split(' ').next().unwrap_or(person).to_lowercase();
    let contact = ContactDetails {
        name: person.to_owned(),
        email: EmailAddress::parse(&format!("{first}@{domain}"))?,
        phone: Some(phone.to_owned()),
        zone: None,
        reach: Reach::Customer,
    };
    Ok(Client {
        id: customer.id,
        contact: customer::add_contact(admin, customer.id, &contact)?.id,
    })
}

/// Weekly, handed over on Mondays at 09:00.
fn rotate(app: &App, admin: &Ctx<'_>, team: TeamId, people: &[PersonId]) -> Result<()> {
    let today = admin.now.in_zone(HOME).date_naive();
    let monday = today
        - Days::new(u64::from(
            chrono::Datelike::weekday(&today).days_since(Weekday::Mon),
        ));
    let known = app.store.read(|conn| store::oncall::by_team(conn, team))?;
    let plan = oncall::Plan {
        zone: HOME,
        anchor: monday.and_time(NaiveTime::from_hms_opt(9, 0, 0).unwrap_or_default()),
        unit: TurnUnit::Weeks,
        length: 1,
        people: people.to_vec(),
        keep: None,
    };
    let (team, seen) = (team, known.map(|schedule| schedule.version));
    oncall::plan_rotation(admin, team, &plan, seen)?;
    Ok(())
}
