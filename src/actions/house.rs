//! Teams, services and environments.

use crate::actions::{allow, audit};
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::id::{CalendarId, Id, PersonId, ServiceId, TeamId};
use crate::domain::people::{Part, Service, ServiceDetails, Team};
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::text::one_line;
use crate::domain::timeline::Facts;
use crate::error::{Error, Result, is_unique_violation};
use crate::store::house as rows;
use crate::store::{self, Tx};
use chrono_tz::Tz;

/// What a form or a program says of a team.
#[derive(Debug, Clone)]
pub struct TeamDetails {
    pub name: String,
    pub zone: Tz,
    pub calendar_id: Option<CalendarId>,
    pub members: Vec<PersonId>,
}

fn name_taken(error: Error) -> Error {
    if is_unique_violation(&error) {
        FieldError::new("name", "name-taken").into()
    } else {
        error
    }
}

pub fn add_team(ctx: &Ctx<'_>, details: &TeamDetails) -> Result<Team> {
    allow(&ctx.by, Action::ManagePeople, Target::House)?;
    ctx.write(|tx| add_team_in(tx, ctx, details))
        .map_err(name_taken)
}

/// A calendar that is there and not retired.
fn check_calendar(tx: &mut Tx, ctx: &Ctx<'_>, id: CalendarId) -> Result<()> {
    let book = super::sla::book(ctx.app, tx)?;
    if book.calendar(id).is_some_and(|known| known.is_active) {
        Ok(())
    } else {
        Err(FieldError::new("calendar", "unknown-calendar").into())
    }
}

pub(super) fn add_team_in(tx: &mut Tx, ctx: &Ctx<'_>, details: &TeamDetails) -> Result<Team> {
    if let Some(id) = details.calendar_id {
        check_calendar(tx, ctx, id)?;
    }
    let team = Team {
        id: Id::new(ctx.now),
        name: details.name.clone(),
        zone: details.zone,
        calendar_id: details.calendar_id,
        is_active: true,
        version: 1,
    };
    rows::insert_team(tx, &team, ctx.now)?;
    rows::set_members(tx, team.id, &details.members, ctx.now)?;
    audit::note(tx, ctx, "team-added", &team.name, &Facts::new())?;
    Ok(team)
}

/// `rev` is the version that the form showed.
pub fn edit_team(ctx: &Ctx<'_>, id: TeamId, rev: i64, details: &TeamDetails) -> Result<Team> {
    allow(&ctx.by, Action::ManagePeople, Target::House)?;
    let edited = ctx.write(|tx| {
        let mut team = rows::team(tx, id)?.ok_or(Error::NotFound)?;
        if let Some(id) = details
            .calendar_id
            .filter(|id| team.calendar_id != Some(*id))
        {
            check_calendar(tx, ctx, id)?;
        }
        team.version = rev;
        team.name = details.name.clone();
        team.zone = details.zone;
        team.calendar_id = details.calendar_id;
        rows::update_team(tx, &mut team)?;
        rows::set_members(tx, id, &details.members, ctx.now)?;
        audit::note(tx, ctx, "team-edited", &team.name, &Facts::new())?;
        Ok(team)
    });
    edited.map_err(name_taken)
}

/// Closes or reopens a team. A team that owns an active service stays: its incidents would page nobody.
pub fn set_team_active(ctx: &Ctx<'_>, id: TeamId, is_active: bool) -> Result<()> {
    allow(&ctx.by, Action::ManagePeople, Target::House)?;
    ctx.write(|tx| {
        let mut team = rows::team(tx, id)?.ok_or(Error::NotFound)?;
        if !is_active {
            let services = rows::services(tx)?;
            if let Some(owned) = services.iter().find(|it| it.is_active && it.team_id == id) {
                return Err(Refusal::new("team-owns-service")
                    .with("service", owned.name.clone())
                    .into());
            }
        }
        team.is_active = is_active;
        rows::update_team(tx, &mut team)?;
        let deed = if is_active {
            "team-reactivated"
        } else {
            "team-deactivated"
        };
        audit::note(tx, ctx, deed, &team.name, &Facts::new())
    })
}

/// Who stands on a service's two lists, and what it hangs on.
#[derive(Debug, Clone, Default)]
pub struct ServiceLists {
    pub experts: Vec<PersonId>,
    pub need_to_know: Vec<PersonId>,
    /// Services that it calls.
    pub calls: Vec<ServiceId>,
    /// Hosts, clusters, databases, networks.
    pub runs_on: Vec<String>,
}

pub fn add_service(
    ctx: &Ctx<'_>,
    details: &ServiceDetails,
    lists: &ServiceLists,
) -> Result<Service> {
    allow(&ctx.by, Action::ManageServices, Target::House)?;
    ctx.write(|tx| add_service_in(tx, ctx, details, lists))
        .map_err(name_taken)
}

pub(super) fn add_service_in(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    details: &ServiceDetails,
    lists: &ServiceLists,
) -> Result<Service> {
    check_team(tx, details.team_id)?;
    let service = Service {
        id: Id::new(ctx.now),
        name: details.name.clone(),
        public_name: details.public_name.clone(),
        team_id: details.team_id,
        runbook_url: details.runbook_url.clone(),
        members_total: details.members_total,
        members_needed: details.members_needed,
        is_active: true,
        version: 1,
    };
    rows::insert_service(tx, &service, ctx.now)?;
    put_lists(tx, service.id, lists)?;
    audit::note(tx, ctx, "service-added", &service.name, &Facts::new())?;
    Ok(service)
}

fn check_team(tx: &mut Tx, id: TeamId) -> Result<()> {
    match rows::team(tx, id)? {
        Some(team) if team.is_active => Ok(()),
        _ => Err(FieldError::new("team", "unknown-team").into()),
    }
}

fn put_lists(tx: &mut Tx, id: ServiceId, lists: &ServiceLists) -> Result<()> {
    rows::set_people_of_service(tx, id, Part::Expert, &lists.experts)?;
    rows::set_people_of_service(tx, id, Part::NeedToKnow, &lists.need_to_know)?;
    let mut calls = lists.calls.clone();
    calls.sort_unstable();
    calls.dedup();
    for other in &calls {
        if *other == id {
            return Err(FieldError::new("calls_ids", "calls-itself").into());
        }
        if rows::service(tx, *other)?.is_none() {
            return Err(FieldError::new("calls_ids", "unknown-service").into());
        }
    }
    store::service_map::put(tx, id, &calls, &lists.runs_on)
}

/// `rev` is the version that the form showed.
pub fn edit_service(
    ctx: &Ctx<'_>,
    id: ServiceId,
    rev: i64,
    details: &ServiceDetails,
    lists: &ServiceLists,
) -> Result<Service> {
    allow(&ctx.by, Action::ManageServices, Target::House)?;
    let edited = ctx.write(|tx| {
        let mut service = rows::service(tx, id)?.ok_or(Error::NotFound)?;
        check_team(tx, details.team_id)?;
        service.version = rev;
        service.name = details.name.clone();
        service.public_name = details.public_name.clone();
        service.team_id = details.team_id;
        service.runbook_url = details.runbook_url.clone();
        service.members_total = details.members_total;
        service.members_needed = details.members_needed;
        rows::update_service(tx, &mut service)?;
        put_lists(tx, id, lists)?;
        audit::note(tx, ctx, "service-edited", &service.name, &Facts::new())?;
        Ok(service)
    });
    edited.map_err(name_taken)
}

pub fn set_service_active(ctx: &Ctx<'_>, id: ServiceId, is_active: bool) -> Result<()> {
    allow(&ctx.by, Action::ManageServices, Target::House)?;
    ctx.write(|tx| {
        let mut service = rows::service(tx, id)?.ok_or(Error::NotFound)?;
        service.is_active = is_active;
        rows::update_service(tx, &mut service)?;
        let deed = if is_active {
            "service-reactivated"
        } else {
            "service-deactivated"
        };
        audit::note(tx, ctx, deed, &service.name, &Facts::new())
    })
}

/// Makes the list of environments exactly these lines; at least one remains.
pub fn set_environments(ctx: &Ctx<'_>, lines: &str) -> Result<()> {
    allow(&ctx.by, Action::ManageSettings, Target::House)?;
    let mut names: Vec<String> = Vec::new();
    for line in lines.lines().filter(|line| !line.trim().is_empty()) {
        let name = one_line("environments", line, 40)?.to_lowercase();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() {
        return Err(FieldError::new("environments", "required").into());
    }
    ctx.write(|tx| {
        rows::set_environments(tx, &names)?;
        audit::note(
            tx,
            ctx,
            "environments-set",
            &names.join(", "),
            &Facts::new(),
        )
    })
}
