//! Teams and services.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Answer, Call, Nothing, Reply};
use super::paging::{Page, Paging};
use super::ticket::IfMatch;
use super::value::{CalendarUid, PersonUid, ServiceUid, TeamUid, Uid, given};
use crate::actions::house::{self as action, ServiceLists, TeamDetails};
use crate::actions::{self};
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::id::{PersonId, ServiceId, TeamId};
use crate::domain::people::{self, Part, ServiceDetails};
use crate::domain::service_map::hosts;
use crate::domain::text;
use crate::error::{Error, Fields, Result};
use crate::store::{self, Conn};

/// A team.
#[derive(Debug, Serialize, ToSchema)]
pub struct Team {
    pub id: TeamUid,
    pub name: String,
    #[schema(example = "Europe/Stockholm")]
    pub zone: String,
    /// Its working hours; null: those of the house.
    pub calendar_id: Option<CalendarUid>,
    pub member_ids: Vec<PersonUid>,
    pub is_active: bool,
    pub version: i64,
}

fn team_of(conn: &mut Conn, of: people::Team) -> Result<Team> {
    let members = store::house::members(conn, of.id)?;
    Ok(Team {
        id: Uid(of.id),
        name: of.name,
        zone: of.zone.name().to_owned(),
        calendar_id: of.calendar_id.map(Uid),
        member_ids: members.into_iter().map(Uid).collect(),
        is_active: of.is_active,
        version: of.version,
    })
}

fn known_team(ctx: &Ctx<'_>, id: TeamId) -> Result<Team> {
    ctx.read(|conn| {
        let team = store::house::team(conn, id)?.ok_or(Error::NotFound)?;
        team_of(conn, team)
    })
}

fn shown_team(team: &Team) -> Result<Answer> {
    Ok(Answer::ok(team)?.version(team.version))
}

/// List teams
#[utoipa::path(get, path = "/api/v1/teams", tag = "house", params(Paging), responses((status = 200, description = "A page", body = Page<Team>)))]
pub async fn teams(call: Call<Nothing>) -> Reply {
    let paging: Paging = call.query()?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadHouse, Target::House)?;
        let all = ctx.read(|conn| {
            let teams = store::house::teams(conn)?;
            teams
                .into_iter()
                .map(|team| team_of(conn, team))
                .collect::<Result<Vec<_>>>()
        })?;
        Answer::ok(&paging.cut(all, |it| it.id.0.to_string(), |team| team)?)
    })
    .await
}

/// Read a team
#[utoipa::path(get, path = "/api/v1/teams/{id}", tag = "house", responses((status = 200, description = "The team", body = Team)))]
pub async fn team(call: Call<Nothing>) -> Reply {
    let id: TeamId = call.id("id")?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadHouse, Target::House)?;
        shown_team(&known_team(ctx, id)?)
    })
    .await
}

/// A new team.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTeam {
    name: String,
    #[schema(example = "Europe/Stockholm")]
    zone: String,
    calendar_id: Option<CalendarUid>,
    #[serde(default)]
    member_ids: Vec<PersonUid>,
}

/// Add a team
#[utoipa::path(post, path = "/api/v1/teams", tag = "house", request_body = NewTeam, responses((status = 201, description = "Added", body = Team)))]
pub async fn add_team(call: Call<NewTeam>) -> Reply {
    call.change(|ctx, new| {
        actions::allow(&ctx.by, Action::ManagePeople, Target::House)?;
        let mut fields = Fields::new();
        let name = fields.take(people::name(&new.name));
        let zone = fields.take(text::zone("zone", &new.zone));
        fields.check()?;
        let (Some(name), Some(zone)) = (name, zone) else {
            return Err(Error::internal("a team without a fault"));
        };
        let details = TeamDetails {
            name,
            zone,
            calendar_id: new.calendar_id.map(|id| id.0),
            members: known_people(ctx, "member_ids", &new.member_ids)?,
        };
        let team = action::add_team(ctx, &details)?;
        let team = ctx.read(|conn| team_of(conn, team.clone()))?;
        let place = format!("/api/v1/teams/{}", team.id.0);
        Ok(Answer::created(place, &team)?.version(team.version))
    })
    .await
}

/// Each once, and each somebody.
fn known_people(ctx: &Ctx<'_>, field: &'static str, asked: &[PersonUid]) -> Result<Vec<PersonId>> {
    let mut ids: Vec<PersonId> = Vec::new();
    for id in asked {
        if !ids.contains(&id.0) {
            ids.push(id.0);
        }
    }
    let names = ctx.read(|conn| store::people::person_names(conn, &ids))?;
    match ids.iter().find(|id| !names.contains_key(id)) {
        Some(stranger) => Err(
            crate::domain::refusal::FieldError::new(field, "unknown-person")
                .with("value", stranger.to_string())
                .into(),
        ),
        None => Ok(ids),
    }
}

/// What changes; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TeamEdit {
    name: Option<String>,
    zone: Option<String>,
    #[serde(default, deserialize_with = "given")]
    calendar_id: Option<Option<CalendarUid>>,
    /// All its members.
    member_ids: Option<Vec<PersonUid>>,
    is_active: Option<bool>,
}

/// Edit a team
#[utoipa::path(patch, path = "/api/v1/teams/{id}", tag = "house", params(IfMatch), request_body = TeamEdit, responses((status = 200, description = "As it stands now", body = Team)))]
pub async fn edit_team(call: Call<TeamEdit>) -> Reply {
    let (id, rev): (TeamId, _) = (call.id("id")?, call.rev);
    call.change(move |ctx, asked| {
        actions::allow(&ctx.by, Action::ManagePeople, Target::House)?;
        ctx.as_one(
            |ctx| {
                let known = known_team(ctx, id)?;
                let mut fields = Fields::new();
                let name = fields.take(people::name(asked.name.as_deref().unwrap_or(&known.name)));
                let zone = asked.zone.as_deref().unwrap_or(&known.zone);
                let zone = fields.take(text::zone("zone", zone));
                fields.check()?;
                let (Some(name), Some(zone)) = (name, zone) else {
                    return Err(Error::internal("a team without a fault"));
                };
                let members = asked.member_ids.as_ref().unwrap_or(&known.member_ids);
                let details = TeamDetails {
                    name,
                    zone,
                    calendar_id: asked
                        .calendar_id
                        .unwrap_or(known.calendar_id)
                        .map(|id| id.0),
                    members: known_people(ctx, "member_ids", members)?,
                };
                action::edit_team(ctx, id, rev.unwrap_or(known.version), &details)?;
                if let Some(is_active) = asked.is_active.filter(|it| *it != known.is_active) {
                    action::set_team_active(ctx, id, is_active)?;
                }
                shown_team(&known_team(ctx, id)?)
            },
            |_, _| Ok(()),
        )
    })
    .await
}

/// A service.
#[derive(Debug, Serialize, ToSchema)]
pub struct Service {
    pub id: ServiceUid,
    pub name: String,
    /// What customers may read.
    pub public_name: String,
    pub team_id: TeamUid,
    pub runbook_url: Option<String>,
    /// Nodes that there are; one is a single point of failure.
    pub members_total: i16,
    /// Nodes that must live.
    pub members_needed: i16,
    /// Who knows it.
    pub expert_ids: Vec<PersonUid>,
    /// Who needs to know when it fails.
    pub need_to_know_ids: Vec<PersonUid>,
    /// Services that it calls.
    pub calls_ids: Vec<ServiceUid>,
    /// Hosts, clusters, databases, networks that it runs on.
    pub runs_on: Vec<String>,
    pub is_active: bool,
    pub version: i64,
}

fn service_of(conn: &mut Conn, of: people::Service) -> Result<Service> {
    let mut list = |part| -> Result<Vec<PersonUid>> {
        let people = store::house::people_of_service(conn, of.id, part)?;
        Ok(people.into_iter().map(Uid).collect())
    };
    Ok(Service {
        expert_ids: list(Part::Expert)?,
        need_to_know_ids: list(Part::NeedToKnow)?,
        calls_ids: store::service_map::calls_of(conn, of.id)?
            .into_iter()
            .map(Uid)
            .collect(),
        runs_on: store::service_map::hosts_of(conn, of.id)?,
        id: Uid(of.id),
        name: of.name,
        public_name: of.public_name,
        team_id: Uid(of.team_id),
        runbook_url: of.runbook_url,
        members_total: of.members_total,
        members_needed: of.members_needed,
        is_active: of.is_active,
        version: of.version,
    })
}

fn known_service(ctx: &Ctx<'_>, id: ServiceId) -> Result<Service> {
    ctx.read(|conn| {
        let service = store::house::service(conn, id)?.ok_or(Error::NotFound)?;
        service_of(conn, service)
    })
}

fn shown_service(service: &Service) -> Result<Answer> {
    Ok(Answer::ok(service)?.version(service.version))
}

/// List services
#[utoipa::path(get, path = "/api/v1/services", tag = "house", params(Paging), responses((status = 200, description = "A page", body = Page<Service>)))]
pub async fn services(call: Call<Nothing>) -> Reply {
    let paging: Paging = call.query()?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadHouse, Target::House)?;
        let page = ctx.read(|conn| {
            let all = store::house::services(conn)?;
            let page = paging.cut(all, |it| it.id.to_string(), |it| it)?;
            let items = page.items.into_iter();
            let items = items.map(|service| service_of(conn, service));
            Ok(Page {
                items: items.collect::<Result<Vec<_>>>()?,
                next: page.next,
            })
        })?;
        Answer::ok(&page)
    })
    .await
}

/// Read a service
#[utoipa::path(get, path = "/api/v1/services/{id}", tag = "house", responses((status = 200, description = "The service", body = Service)))]
pub async fn service(call: Call<Nothing>) -> Reply {
    let id: ServiceId = call.id("id")?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadHouse, Target::House)?;
        shown_service(&known_service(ctx, id)?)
    })
    .await
}

/// A new service.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewService {
    name: String,
    /// The internal name by default.
    #[serde(default)]
    public_name: String,
    team_id: TeamUid,
    #[serde(default)]
    runbook_url: String,
    /// 1 by default.
    members_total: Option<i16>,
    /// 1 by default.
    members_needed: Option<i16>,
    #[serde(default)]
    expert_ids: Vec<PersonUid>,
    #[serde(default)]
    need_to_know_ids: Vec<PersonUid>,
    /// Services that it calls.
    #[serde(default)]
    calls_ids: Vec<ServiceUid>,
    /// Hosts, clusters, databases, networks that it runs on.
    #[serde(default)]
    runs_on: Vec<String>,
}

/// Add a service
#[utoipa::path(post, path = "/api/v1/services", tag = "house", request_body = NewService, responses((status = 201, description = "Added", body = Service)))]
pub async fn add_service(call: Call<NewService>) -> Reply {
    call.change(|ctx, new| {
        actions::allow(&ctx.by, Action::ManageServices, Target::House)?;
        let details = ServiceDetails::parse(
            &new.name,
            &new.public_name,
            Some(new.team_id.0),
            &new.runbook_url,
            &new.members_total.unwrap_or(1).to_string(),
            &new.members_needed.unwrap_or(1).to_string(),
        )?;
        let lists = ServiceLists {
            experts: known_people(ctx, "expert_ids", &new.expert_ids)?,
            need_to_know: known_people(ctx, "need_to_know_ids", &new.need_to_know_ids)?,
            calls: new.calls_ids.iter().map(|id| id.0).collect(),
            runs_on: hosts("runs_on", &new.runs_on.join(","))?,
        };
        let service = action::add_service(ctx, &details, &lists)?;
        let service = ctx.read(|conn| service_of(conn, service.clone()))?;
        let place = format!("/api/v1/services/{}", service.id.0);
        Ok(Answer::created(place, &service)?.version(service.version))
    })
    .await
}

/// What changes; what is left out stays, an empty text empties.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceEdit {
    name: Option<String>,
    public_name: Option<String>,
    team_id: Option<TeamUid>,
    runbook_url: Option<String>,
    members_total: Option<i16>,
    members_needed: Option<i16>,
    expert_ids: Option<Vec<PersonUid>>,
    need_to_know_ids: Option<Vec<PersonUid>>,
    calls_ids: Option<Vec<ServiceUid>>,
    runs_on: Option<Vec<String>>,
    is_active: Option<bool>,
}

/// Edit a service
#[utoipa::path(patch, path = "/api/v1/services/{id}", tag = "house", params(IfMatch), request_body = ServiceEdit, responses((status = 200, description = "As it stands now", body = Service)))]
pub async fn edit_service(call: Call<ServiceEdit>) -> Reply {
    let (id, rev): (ServiceId, _) = (call.id("id")?, call.rev);
    call.change(move |ctx, asked| {
        actions::allow(&ctx.by, Action::ManageServices, Target::House)?;
        ctx.as_one(
            |ctx| {
                let known = known_service(ctx, id)?;
                let total = asked.members_total.unwrap_or(known.members_total);
                let needed = asked.members_needed.unwrap_or(known.members_needed);
                let runbook = asked.runbook_url.as_ref().or(known.runbook_url.as_ref());
                let details = ServiceDetails::parse(
                    asked.name.as_deref().unwrap_or(&known.name),
                    asked.public_name.as_deref().unwrap_or(&known.public_name),
                    Some(asked.team_id.unwrap_or(known.team_id).0),
                    runbook.map_or("", String::as_str),
                    &total.to_string(),
                    &needed.to_string(),
                )?;
                let experts = asked.expert_ids.as_ref().unwrap_or(&known.expert_ids);
                let others = asked.need_to_know_ids.as_ref();
                let others = others.unwrap_or(&known.need_to_know_ids);
                let lists = ServiceLists {
                    experts: known_people(ctx, "expert_ids", experts)?,
                    need_to_know: known_people(ctx, "need_to_know_ids", others)?,
                    calls: asked
                        .calls_ids
                        .as_ref()
                        .unwrap_or(&known.calls_ids)
                        .iter()
                        .map(|id| id.0)
                        .collect(),
                    runs_on: hosts(
                        "runs_on",
                        &asked.runs_on.as_ref().unwrap_or(&known.runs_on).join(","),
                    )?,
                };
                action::edit_service(ctx, id, rev.unwrap_or(known.version), &details, &lists)?;
                if let Some(is_active) = asked.is_active.filter(|it| *it != known.is_active) {
                    action::set_service_active(ctx, id, is_active)?;
                }
                shown_service(&known_service(ctx, id)?)
            },
            |_, _| Ok(()),
        )
    })
    .await
}
