//! One team: who belongs to it, where it lives, what it owns.

use actix_web::{HttpRequest, web};
use askama::Template;

use super::inputs::{
    Answer, Tick, id_of, or_form, people_ticks, rev, switched, ticked_ids, with_who, zones,
};
use crate::actions::house::{self, TeamDetails};
use crate::actions::{self, allow};
use crate::app::{App, Ctx};
use crate::domain::access::{Action, Target};
use crate::domain::id::{CalendarId, PersonId, TeamId};
use crate::domain::people::{Person, Service, Team, name};
use crate::domain::refusal::FieldError;
use crate::domain::sla_book::KnownCalendar;
use crate::domain::text::zone;
use crate::error::{Error, Fields, Result};
use crate::http::form::{Form, Posted};
use crate::http::page::{Page, Viewer};
use crate::http::reply;
use crate::store;

#[derive(Template)]
#[template(path = "people/team.html")]
struct TeamPage {
    p: Page,
    /// `None` while it is being made.
    team: Option<Team>,
    members: Vec<Person>,
    services: Vec<Service>,
    form: Form,
    zones: Vec<(String, String)>,
    calendars: Vec<(String, String)>,
    calendar: String,
    ticks: Vec<Tick>,
    may_manage: bool,
}

#[derive(Default)]
struct Known {
    team: Option<Team>,
    people: Vec<Person>,
    members: Vec<PersonId>,
    services: Vec<Service>,
    calendars: Vec<KnownCalendar>,
}

fn load(ctx: &Ctx<'_>, id: Option<TeamId>) -> Result<Known> {
    let needed = if id.is_some() {
        Action::ReadHouse
    } else {
        Action::ManagePeople
    };
    allow(&ctx.by, needed, Target::House)?;
    ctx.read(|conn| {
        let mut known = Known {
            people: store::people::persons(conn)?,
            calendars: actions::sla::book(ctx.app, conn)?.calendars.clone(),
            ..Known::default()
        };
        if let Some(id) = id {
            known.team = Some(store::house::team(conn, id)?.ok_or(Error::NotFound)?);
            known.members = store::house::members(conn, id)?;
            known.services = store::house::services(conn)?;
            known
                .services
                .retain(|service| service.team_id == id && service.is_active);
        }
        Ok(known)
    })
}

fn page_of(req: &HttpRequest, known: Known, kept: Option<Form>) -> TeamPage {
    let p = match &known.team {
        Some(team) => Page::titled(req, team.name.clone()),
        None => Page::new(req, "team-new"),
    };
    let standing = match &known.team {
        Some(team) => Form::new(p.words)
            .with("name", &team.name)
            .with("zone", team.zone.name())
            .with_some("calendar", team.calendar_id)
            .with_all("members", &known.members)
            .with("rev", team.version),
        None => Form::new(p.words),
    };
    let form = Form::opened(kept, standing);
    let own = known.team.as_ref().and_then(|team| team.calendar_id);
    let none = std::iter::once((String::new(), p.t("team-no-calendar").into_owned()));
    let offered = known
        .calendars
        .iter()
        .filter(|calendar| calendar.is_active || Some(calendar.id) == own);
    let by_id = |id: &PersonId| known.people.iter().find(|person| person.id == *id).cloned();
    TeamPage {
        zones: zones(p.words),
        calendar: known
            .calendars
            .iter()
            .find(|calendar| Some(calendar.id) == own)
            .map_or_else(
                || p.t("team-no-calendar").into_owned(),
                |calendar| calendar.name.clone(),
            ),
        calendars: none
            .chain(offered.map(|calendar| (calendar.id.to_string(), calendar.name.clone())))
            .collect(),
        members: known.members.iter().filter_map(by_id).collect(),
        ticks: people_ticks(&known.people, |id| {
            form.is_ticked("members", &id.to_string())
        }),
        may_manage: p.may(Action::ManagePeople),
        team: known.team,
        services: known.services,
        form,
        p,
    }
}

pub async fn new_form(req: HttpRequest, app: web::Data<App>, viewer: Viewer) -> Answer {
    let known = viewer.run(&app, |ctx| load(ctx, None)).await?;
    reply::page(&page_of(&req, known, None))
}

pub async fn show(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
) -> Answer {
    let id: TeamId = id_of(&id)?;
    let known = viewer.run(&app, move |ctx| load(ctx, Some(id))).await?;
    reply::page(&page_of(&req, known, None))
}

fn details(posted: &Posted, members: Vec<PersonId>) -> Result<TeamDetails> {
    let mut fields = Fields::new();
    let name = fields.take(name(posted.text("name")));
    let zone = fields.take(zone("zone", posted.text("zone")));
    let calendar = match posted.text("calendar") {
        "" => None,
        text => {
            let id: Option<CalendarId> = CalendarId::parse(text);
            if id.is_none() {
                fields.push(FieldError::new("calendar", "unknown-calendar"));
            }
            id
        }
    };
    fields.check()?;
    match (name, zone) {
        (Some(name), Some(zone)) => Ok(TeamDetails {
            name,
            zone,
            calendar_id: calendar,
            members,
        }),
        _ => Err(Error::internal("checked fields have values")),
    }
}

async fn save(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: Option<TeamId>,
    posted: Posted,
) -> Answer {
    let members: Vec<PersonId> = ticked_ids(&posted, "members")?;
    let seen = match id {
        Some(_) => rev(&posted)?,
        None => 0,
    };
    let saved = match details(&posted, members) {
        Err(error) => Err(error.into()),
        Ok(details) => {
            let work = move |ctx: &Ctx<'_>| match id {
                Some(id) => house::edit_team(ctx, id, seen, &details),
                None => house::add_team(ctx, &details),
            };
            viewer.run(&app, work).await
        }
    };
    match or_form(saved, &posted)? {
        Ok(team) => Ok(reply::see_saying(
            &format!("/teams/{}", team.id),
            "said-saved",
            "",
        )),
        Err(form) => {
            let known = viewer.run(&app, move |ctx| load(ctx, id)).await?;
            let name = known.team.as_ref().map_or("", |team| team.name.as_str());
            let form = with_who(&app, &viewer, Some(form), ("team", name)).await?;
            let page = page_of(&req, known, form);
            reply::page_with(page.form.status(), &page)
        }
    }
}

pub async fn add(req: HttpRequest, app: web::Data<App>, viewer: Viewer, posted: Posted) -> Answer {
    save(req, app, viewer, None, posted).await
}

pub async fn edit(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    posted: Posted,
) -> Answer {
    let id = id_of(&id)?;
    save(req, app, viewer, Some(id), posted).await
}

pub async fn set_active(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    posted: Posted,
) -> Answer {
    let team = ("/teams", id.as_str());
    switched(&app, &viewer, &posted, team, house::set_team_active).await
}
