//! Teams and people: who is here, what they may do, how they come in and go.

use std::collections::HashMap;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use askama::Template;

use super::inputs::{Answer, Tick, id_of, or_form, rev, switched, ticked_ids, zones};
use super::profile::{ways_form, ways_in};
use crate::actions::{allow, people};
use crate::app::{App, Ctx};
use crate::domain::access::{Action, Role, Roles, Target};
use crate::domain::id::{PersonId, TeamId};
use crate::domain::people::{Person, PersonDetails, Team, Way};
use crate::error::{Error, Result};
use crate::http::form::{Form, Posted};
use crate::http::page::{Page, Viewer};
use crate::http::reply::{self, Failure};
use crate::store;
use crate::store::people::Holder;
use crate::words::Words;

#[derive(Template)]
#[template(path = "people/list.html")]
struct ListPage {
    p: Page,
    teams: Vec<TeamRow>,
    people: Vec<PersonRow>,
    gone: Vec<Person>,
}

struct TeamRow {
    team: Team,
    members: String,
}

struct PersonRow {
    person: Person,
    teams: String,
}

pub async fn list(req: HttpRequest, app: web::Data<App>, viewer: Viewer) -> Answer {
    let (teams, people, gone) = viewer.run(&app, load_list).await?;
    reply::page(&ListPage {
        p: Page::new(&req, "people-title"),
        teams,
        people,
        gone,
    })
}

fn load_list(ctx: &Ctx<'_>) -> Result<(Vec<TeamRow>, Vec<PersonRow>, Vec<Person>)> {
    allow(&ctx.by, Action::ReadHouse, Target::House)?;
    ctx.read(|conn| {
        let mut people = store::people::persons(conn)?;
        people.sort_by_key(|person| person.name.to_lowercase());
        let names: HashMap<PersonId, &str> = people
            .iter()
            .map(|person| (person.id, person.name.as_str()))
            .collect();
        let mut teams = Vec::new();
        let mut teams_of: HashMap<PersonId, Vec<String>> = HashMap::new();
        for team in store::house::teams(conn)? {
            let members = store::house::members(conn, team.id)?;
            for member in &members {
                teams_of.entry(*member).or_default().push(team.name.clone());
            }
            let members: Vec<&str> = members
                .iter()
                .filter_map(|id| names.get(id).copied())
                .collect();
            teams.push(TeamRow {
                members: members.join(", "),
                team,
            });
        }
        teams.sort_by_key(|row| (!row.team.is_active, row.team.name.to_lowercase()));
        let (here, gone): (Vec<Person>, Vec<Person>) =
            people.into_iter().partition(|person| person.is_active);
        let here = here.into_iter().map(|person| PersonRow {
            teams: teams_of.remove(&person.id).unwrap_or_default().join(", "),
            person,
        });
        Ok((teams, here.collect(), gone))
    })
}

#[derive(Template)]
#[template(path = "people/new.html")]
struct NewPage {
    p: Page,
    form: Form,
    zones: Vec<(String, String)>,
    roles: Vec<Tick>,
    teams: Vec<Tick>,
}

fn role_ticks(words: &Words, ticked: Roles) -> Vec<Tick> {
    let text = |role: Role, end: &str| {
        words
            .t(&format!("role-{}{end}", role.as_str().replace('_', "-")))
            .into_owned()
    };
    let tick = |role: &Role| Tick {
        value: role.as_str().to_owned(),
        text: text(*role, ""),
        hint: text(*role, "-hint"),
        ticked: ticked.has(*role),
    };
    Role::ALL.iter().map(tick).collect()
}

fn roles_of(posted: &Posted) -> std::result::Result<Roles, Failure> {
    let roles: std::result::Result<Roles, ()> =
        posted.all("roles").map(str::parse::<Role>).collect();
    roles.map_err(|()| Failure::malformed())
}

fn open_teams(ctx: &Ctx<'_>) -> Result<Vec<Team>> {
    allow(&ctx.by, Action::ManagePeople, Target::House)?;
    let mut teams = ctx.read(store::house::teams)?;
    teams.retain(|team| team.is_active);
    Ok(teams)
}

fn new_page(
    req: &HttpRequest,
    form: Form,
    roles: Roles,
    teams: Vec<Team>,
    of: &[TeamId],
) -> NewPage {
    let p = Page::new(req, "person-new");
    let tick = |team: Team| Tick {
        value: team.id.to_string(),
        ticked: of.contains(&team.id),
        text: team.name,
        hint: String::new(),
    };
    NewPage {
        zones: zones(p.words),
        roles: role_ticks(p.words, roles),
        teams: teams.into_iter().map(tick).collect(),
        form,
        p,
    }
}

pub async fn new_form(req: HttpRequest, app: web::Data<App>, viewer: Viewer) -> Answer {
    let teams = viewer.run(&app, open_teams).await?;
    let form = Form::new(Words::english());
    reply::page(&new_page(
        &req,
        form,
        Roles::of(&[Role::Responder]),
        teams,
        &[],
    ))
}

pub async fn invite(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    posted: Posted,
) -> Answer {
    let roles = roles_of(&posted)?;
    let of: Vec<TeamId> = ticked_ids(&posted, "teams")?;
    let chosen = of.clone();
    let invited = match details(&posted) {
        Ok(details) => {
            viewer
                .run(&app, move |ctx| {
                    people::invite(ctx, &details, roles, &chosen)
                })
                .await
        }
        Err(error) => Err(error),
    };
    match or_form(invited, &posted)? {
        Ok(invited) => {
            person_page(&req, &app, &viewer, invited.id, StatusCode::OK, |page| {
                page.fresh_link = Some(page.whole(&invited.path));
            })
            .await
        }
        Err(form) => {
            let teams = viewer.run(&app, open_teams).await?;
            let status = form.status();
            let page = new_page(&req, form, roles, teams, &of);
            reply::page_with(status, &page)
        }
    }
}

fn details(posted: &Posted) -> std::result::Result<PersonDetails, Failure> {
    let parsed = PersonDetails::parse(
        posted.text("name"),
        posted.text("email"),
        posted.text("zone"),
        posted.text("phone"),
    );
    parsed.map_err(|errors| Error::Invalid(errors).into())
}

#[derive(Template)]
#[template(path = "people/show.html")]
struct PersonPage {
    p: Page,
    person: Person,
    teams: Vec<Team>,
    form: Form,
    ways: Form,
    zones: Vec<(String, String)>,
    roles: Vec<Tick>,
    may_manage: bool,
    is_self: bool,
    /// They have never chosen a password.
    is_invited: bool,
    /// The link of an invitation that was just made, to be handed over where mail doesn't go out.
    fresh_link: Option<String>,
    public_url: String,
}

impl PersonPage {
    fn whole(&self, path: &str) -> String {
        format!("{}{path}", self.public_url)
    }
}

struct Known {
    person: Person,
    teams: Vec<Team>,
    ways: Vec<Way>,
    is_invited: bool,
    public_url: String,
}

fn load(ctx: &Ctx<'_>, id: PersonId) -> Result<Known> {
    allow(&ctx.by, Action::ReadHouse, Target::House)?;
    let settings = crate::actions::settings::in_force(ctx.app)?;
    ctx.read(|conn| {
        let person = store::people::person(conn, id)?.ok_or(Error::NotFound)?;
        let of = store::house::teams_of(conn, id)?;
        let mut teams = store::house::teams(conn)?;
        teams.retain(|team| of.contains(&team.id));
        let login = store::login::login_of_holder(conn, Holder::Person(id))?;
        let is_invited = login.is_none_or(|login| login.password_hash.is_none());
        Ok(Known {
            ways: store::people::ways(conn, id)?,
            person,
            teams,
            is_invited,
            public_url: settings.public_url.unwrap_or_default(),
        })
    })
}

async fn person_page(
    req: &HttpRequest,
    app: &web::Data<App>,
    viewer: &Viewer,
    id: PersonId,
    status: StatusCode,
    put: impl FnOnce(&mut PersonPage),
) -> Answer {
    let known = viewer.run(app, move |ctx| load(ctx, id)).await?;
    let p = Page::titled(req, known.person.name.clone());
    let form = Form::new(p.words)
        .with("name", &known.person.name)
        .with("email", &known.person.email)
        .with("zone", known.person.zone.name())
        .with_some("phone", known.person.phone.as_ref())
        .with("rev", known.person.version);
    let mut page = PersonPage {
        ways: ways_form(p.words, &known.ways),
        zones: zones(p.words),
        roles: role_ticks(p.words, known.person.roles),
        may_manage: p.may(Action::ManagePeople),
        is_self: viewer.principal.person() == Some(id),
        person: known.person,
        teams: known.teams,
        is_invited: known.is_invited,
        public_url: known.public_url,
        fresh_link: None,
        form,
        p,
    };
    put(&mut page);
    reply::page_with(status, &page)
}

pub async fn show(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
) -> Answer {
    person_page(&req, &app, &viewer, id_of(&id)?, StatusCode::OK, |_| {}).await
}

pub async fn edit(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    posted: Posted,
) -> Answer {
    let id: PersonId = id_of(&id)?;
    let rev = rev(&posted)?;
    let edited = match details(&posted) {
        Ok(details) => {
            viewer
                .run(&app, move |ctx| people::edit(ctx, id, rev, &details))
                .await
        }
        Err(error) => Err(error),
    };
    match or_form(edited, &posted)? {
        Ok(_) => Ok(reply::see_saying(
            &format!("/people/{id}"),
            "said-saved",
            "",
        )),
        Err(form) => {
            let status = form.status();
            person_page(&req, &app, &viewer, id, status, |page| {
                page.form = Form::opened(Some(form), page.form.clone());
            })
            .await
        }
    }
}

pub async fn grant(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    posted: Posted,
) -> Answer {
    let id: PersonId = id_of(&id)?;
    let roles = roles_of(&posted)?;
    viewer
        .run(&app, move |ctx| people::grant(ctx, id, roles))
        .await?;
    Ok(reply::see_saying(
        &format!("/people/{id}"),
        "said-granted",
        "",
    ))
}

pub async fn save_ways(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    posted: Posted,
) -> Answer {
    let id: PersonId = id_of(&id)?;
    let saved = match ways_in(&posted) {
        Ok(ways) => {
            viewer
                .run(&app, move |ctx| people::set_ways_of(ctx, id, &ways))
                .await
        }
        Err(error) => Err(error.into()),
    };
    match or_form(saved, &posted)? {
        Ok(()) => Ok(reply::see_saying(
            &format!("/people/{id}"),
            "said-saved",
            "",
        )),
        Err(form) => {
            let status = form.status();
            person_page(&req, &app, &viewer, id, status, |page| page.ways = form).await
        }
    }
}

pub async fn invite_again(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    _form: Posted,
) -> Answer {
    let id: PersonId = id_of(&id)?;
    let path = viewer
        .run(&app, move |ctx| people::invite_again(ctx, id))
        .await?;
    person_page(&req, &app, &viewer, id, StatusCode::OK, |page| {
        page.fresh_link = Some(page.whole(&path));
    })
    .await
}

pub async fn set_active(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    posted: Posted,
) -> Answer {
    let person = ("/people", id.as_str());
    switched(&app, &viewer, &posted, person, people::set_active).await
}
