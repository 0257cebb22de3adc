//! Teams, services and environments: what the house consists of.

use std::collections::HashMap;

use diesel::prelude::*;

use super::backend::direct;
use super::people::stored_zone;
use super::schema::accounts::{environment, person, service, service_person, team, team_member};
use super::{Conn, Tx};
use crate::domain::id::{CalendarId, PersonId, ServiceId, TeamId};
use crate::domain::people::{Part, Service, Team};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};

type TeamRow = (TeamId, String, String, Option<CalendarId>, bool, i64);

const TEAM: (
    team::id,
    team::name,
    team::zone,
    team::calendar_id,
    team::is_active,
    team::version,
) = (
    team::id,
    team::name,
    team::zone,
    team::calendar_id,
    team::is_active,
    team::version,
);

fn team_of(row: TeamRow) -> Result<Team> {
    let (id, name, zone, calendar_id, is_active, version) = row;
    let zone = stored_zone(&zone)?;
    Ok(Team {
        id,
        name,
        zone,
        calendar_id,
        is_active,
        version,
    })
}

pub fn team(conn: &mut Conn, id: TeamId) -> Result<Option<Team>> {
    let row: Option<TeamRow> = direct!(conn, |own| team::table
        .find(id)
        .select(TEAM)
        .get_result(own))
    .optional()?;
    row.map(team_of).transpose()
}

/// All teams, gone ones too, in the order of their making.
pub fn teams(conn: &mut Conn) -> Result<Vec<Team>> {
    let rows: Vec<TeamRow> = direct!(conn, |own| team::table
        .select(TEAM)
        .order(team::id)
        .load(own))?;
    rows.into_iter().map(team_of).collect()
}

pub fn team_names(conn: &mut Conn, ids: &[TeamId]) -> Result<HashMap<TeamId, String>> {
    let rows: Vec<(TeamId, String)> = team::table
        .filter(team::id.eq_any(ids))
        .select((team::id, team::name))
        .load(conn)?;
    Ok(rows.into_iter().collect())
}

/// Fails with a unique violation if another team has the name.
pub fn insert_team(tx: &mut Tx, new: &Team, now: Timestamp) -> Result<()> {
    super::version::raise(tx)?;
    diesel::insert_into(team::table)
        .values((
            team::id.eq(new.id),
            team::name.eq(&new.name),
            team::folded_name.eq(new.name.to_lowercase()),
            team::zone.eq(new.zone.name()),
            team::calendar_id.eq(new.calendar_id),
            team::is_active.eq(new.is_active),
            team::made_at.eq(now),
            team::version.eq(new.version),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// As [`insert_team`]; `Stale` if somebody else was faster.
pub fn update_team(tx: &mut Tx, known: &mut Team) -> Result<()> {
    super::version::raise(tx)?;
    let changed = diesel::update(
        team::table.filter(team::id.eq(known.id).and(team::version.eq(known.version))),
    )
    .set((
        team::name.eq(&known.name),
        team::folded_name.eq(known.name.to_lowercase()),
        team::zone.eq(known.zone.name()),
        team::calendar_id.eq(known.calendar_id),
        team::is_active.eq(known.is_active),
        team::version.eq(known.version + 1),
    ))
    .execute(&mut **tx)?;
    if changed == 0 {
        return Err(Error::Stale);
    }
    known.version += 1;
    Ok(())
}

/// Active members, in the order in which they joined.
pub fn members(conn: &mut Conn, id: TeamId) -> Result<Vec<PersonId>> {
    Ok(direct!(conn, |own| team_member::table
        .inner_join(person::table.on(person::id.eq(team_member::person_id)))
        .filter(team_member::team_id.eq(id).and(person::is_active.eq(true)))
        .select(team_member::person_id)
        .order((team_member::since_at, team_member::person_id))
        .load(own))?)
}

/// As [`members`], of every team.
pub fn all_members(conn: &mut Conn) -> Result<HashMap<TeamId, Vec<PersonId>>> {
    let rows: Vec<(TeamId, PersonId)> = team_member::table
        .inner_join(person::table.on(person::id.eq(team_member::person_id)))
        .filter(person::is_active.eq(true))
        .select((team_member::team_id, team_member::person_id))
        .order((team_member::since_at, team_member::person_id))
        .load(conn)?;
    let mut teams: HashMap<TeamId, Vec<PersonId>> = HashMap::new();
    for (team, person) in rows {
        teams.entry(team).or_default().push(person);
    }
    Ok(teams)
}

/// The teams of a person, in the order in which they joined them.
pub fn teams_of(conn: &mut Conn, id: PersonId) -> Result<Vec<TeamId>> {
    Ok(direct!(conn, |own| team_member::table
        .filter(team_member::person_id.eq(id))
        .select(team_member::team_id)
        .order((team_member::since_at, team_member::team_id))
        .load(own))?)
}

/// Makes the members exactly these; who stays keeps their place.
pub fn set_members(tx: &mut Tx, id: TeamId, wanted: &[PersonId], now: Timestamp) -> Result<()> {
    super::version::raise(tx)?;
    let before: Vec<PersonId> = team_member::table
        .filter(team_member::team_id.eq(id))
        .select(team_member::person_id)
        .load(&mut **tx)?;
    for gone in before.iter().filter(|person| !wanted.contains(person)) {
        diesel::delete(team_member::table.find((id, *gone))).execute(&mut **tx)?;
    }
    for (place, new) in wanted
        .iter()
        .filter(|person| !before.contains(person))
        .enumerate()
    {
        diesel::insert_into(team_member::table)
            .values((
                team_member::team_id.eq(id),
                team_member::person_id.eq(*new),
                // People who join together keep the order in which they were named.
                team_member::since_at.eq(now.plus_micros(place as i64)),
            ))
            .execute(&mut **tx)?;
    }
    Ok(())
}

type ServiceRow = (
    ServiceId,
    String,
    String,
    TeamId,
    Option<String>,
    i16,
    i16,
    bool,
    i64,
);

const SERVICE: (
    service::id,
    service::name,
    service::public_name,
    service::team_id,
    service::runbook_url,
    service::members_total,
    service::members_needed,
    service::is_active,
    service::version,
) = (
    service::id,
    service::name,
    service::public_name,
    service::team_id,
    service::runbook_url,
    service::members_total,
    service::members_needed,
    service::is_active,
    service::version,
);

fn service_of(row: ServiceRow) -> Service {
    let (id, name, public_name, team_id, runbook_url, total, needed, is_active, version) = row;
    Service {
        id,
        name,
        public_name,
        team_id,
        runbook_url,
        members_total: total,
        members_needed: needed,
        is_active,
        version,
    }
}

pub fn service(conn: &mut Conn, id: ServiceId) -> Result<Option<Service>> {
    let row: Option<ServiceRow> = direct!(conn, |own| service::table
        .find(id)
        .select(SERVICE)
        .get_result(own))
    .optional()?;
    Ok(row.map(service_of))
}

/// All services, gone ones too, in the order of their making.
pub fn services(conn: &mut Conn) -> Result<Vec<Service>> {
    let rows: Vec<ServiceRow> = service::table
        .select(SERVICE)
        .order(service::id)
        .load(conn)?;
    Ok(rows.into_iter().map(service_of).collect())
}

/// Whose name this is, in any case.
pub fn service_by_name(conn: &mut Conn, name: &str) -> Result<Option<ServiceId>> {
    Ok(service::table
        .filter(service::folded_name.eq(name.trim().to_lowercase()))
        .select(service::id)
        .first(conn)
        .optional()?)
}

pub fn service_names(conn: &mut Conn, ids: &[ServiceId]) -> Result<HashMap<ServiceId, String>> {
    let rows: Vec<(ServiceId, String)> = direct!(conn, |own| service::table
        .filter(service::id.eq_any(ids))
        .select((service::id, service::name))
        .load(own))?;
    Ok(rows.into_iter().collect())
}

/// Fails with a unique violation if another service has the name.
pub fn insert_service(tx: &mut Tx, new: &Service, now: Timestamp) -> Result<()> {
    diesel::insert_into(service::table)
        .values((
            service::id.eq(new.id),
            service::name.eq(&new.name),
            service::folded_name.eq(new.name.to_lowercase()),
            service::public_name.eq(&new.public_name),
            service::team_id.eq(new.team_id),
            service::runbook_url.eq(new.runbook_url.as_deref()),
            service::members_total.eq(new.members_total),
            service::members_needed.eq(new.members_needed),
            service::is_active.eq(new.is_active),
            service::made_at.eq(now),
            service::version.eq(new.version),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// As [`insert_service`]; `Stale` if somebody else was faster.
pub fn update_service(tx: &mut Tx, known: &mut Service) -> Result<()> {
    let changed = diesel::update(
        service::table.filter(
            service::id
                .eq(known.id)
                .and(service::version.eq(known.version)),
        ),
    )
    .set((
        service::name.eq(&known.name),
        service::folded_name.eq(known.name.to_lowercase()),
        service::public_name.eq(&known.public_name),
        service::team_id.eq(known.team_id),
        service::runbook_url.eq(known.runbook_url.as_deref()),
        service::members_total.eq(known.members_total),
        service::members_needed.eq(known.members_needed),
        service::is_active.eq(known.is_active),
        service::version.eq(known.version + 1),
    ))
    .execute(&mut **tx)?;
    if changed == 0 {
        return Err(Error::Stale);
    }
    known.version += 1;
    Ok(())
}

/// Who stands on a service's list, active people only.
pub fn people_of_service(conn: &mut Conn, id: ServiceId, part: Part) -> Result<Vec<PersonId>> {
    Ok(service_person::table
        .inner_join(person::table.on(person::id.eq(service_person::person_id)))
        .filter(
            service_person::service_id
                .eq(id)
                .and(service_person::part.eq(part))
                .and(person::is_active.eq(true)),
        )
        .select(service_person::person_id)
        .order(service_person::person_id)
        .load(conn)?)
}

/// Makes the list exactly these.
pub fn set_people_of_service(
    tx: &mut Tx,
    id: ServiceId,
    part: Part,
    people: &[PersonId],
) -> Result<()> {
    diesel::delete(
        service_person::table.filter(
            service_person::service_id
                .eq(id)
                .and(service_person::part.eq(part)),
        ),
    )
    .execute(&mut **tx)?;
    for person in people {
        diesel::insert_into(service_person::table)
            .values((
                service_person::service_id.eq(id),
                service_person::person_id.eq(*person),
                service_person::part.eq(part),
            ))
            .execute(&mut **tx)?;
    }
    Ok(())
}

pub fn environments(conn: &mut Conn) -> Result<Vec<String>> {
    Ok(environment::table
        .select(environment::name)
        .order(environment::position)
        .load(conn)?)
}

/// Makes the list exactly these names, in this order.
pub fn set_environments(tx: &mut Tx, names: &[String]) -> Result<()> {
    diesel::delete(environment::table).execute(&mut **tx)?;
    for (position, name) in names.iter().enumerate() {
        diesel::insert_into(environment::table)
            .values((
                environment::name.eq(name),
                environment::position.eq(position as i64),
            ))
            .execute(&mut **tx)?;
    }
    Ok(())
}
