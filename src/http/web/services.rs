//! Services: whose they are, how many nodes must live, who knows them and who needs to know.

use actix_web::{HttpRequest, web};
use askama::Template;

use super::deployments::{OnPage, on_page};
use super::inputs::{
    Answer, Tick, id_of, or_form, people_ticks, rev, switched, ticked_ids, with_who,
};
use crate::actions::allow;
use crate::actions::deployment_rule::{self, TypedRule};
use crate::actions::house::{self, ServiceLists};
use crate::app::{App, Ctx};
use crate::domain::access::{Action, Target};
use crate::domain::deploy_queue::GAP_MINS;
use crate::domain::duration;
use crate::domain::id::{PersonId, ServiceId, TeamId};
use crate::domain::people::{Part, Person, Service, ServiceDetails, Team};
use crate::domain::service_map;
use crate::domain::standing;
use crate::error::{Error, Result};
use crate::http::form::{Form, Posted};
use crate::http::page::{Page, Viewer};
use crate::http::reply;
use crate::store::{self, deployment::Rule};

#[derive(Template)]
#[template(path = "house/services.html")]
struct ListPage {
    p: Page,
    services: Vec<(Service, String)>,
    gone: Vec<Service>,
}

pub async fn list(req: HttpRequest, app: web::Data<App>, viewer: Viewer) -> Answer {
    let (services, gone) = viewer
        .run(&app, |ctx| {
            allow(&ctx.by, Action::ReadHouse, Target::House)?;
            ctx.read(|conn| {
                let mut services = store::house::services(conn)?;
                services.sort_by_key(|service| service.name.to_lowercase());
                let teams: Vec<TeamId> = services.iter().map(|it| it.team_id).collect();
                let names = store::house::team_names(conn, &teams)?;
                let (here, gone): (Vec<Service>, Vec<Service>) =
                    services.into_iter().partition(|service| service.is_active);
                let here = here.into_iter().map(|service| {
                    let team = names.get(&service.team_id).cloned().unwrap_or_default();
                    (service, team)
                });
                Ok((here.collect(), gone))
            })
        })
        .await?;
    reply::page(&ListPage {
        p: Page::new(&req, "services-title"),
        services,
        gone,
    })
}

#[derive(Template)]
#[template(path = "house/service.html")]
struct ServicePage {
    p: Page,
    /// `None` while it is being made.
    service: Option<Service>,
    team: Option<Team>,
    experts: Vec<Person>,
    need_to_know: Vec<Person>,
    calls: Vec<(ServiceId, String)>,
    called_by: Vec<(ServiceId, String)>,
    runs_on: String,
    form: Form,
    teams: Vec<(String, String)>,
    expert_ticks: Vec<Tick>,
    know_ticks: Vec<Tick>,
    call_ticks: Vec<Tick>,
    may_manage: bool,
    /// What is live of it.
    deployments: OnPage,
    rule_form: Form,
}

#[derive(Default)]
struct Known {
    deployments: OnPage,
    rule: Option<Rule>,
    service: Option<Service>,
    teams: Vec<Team>,
    people: Vec<Person>,
    lists: ServiceLists,
    services: Vec<Service>,
    called_by: Vec<ServiceId>,
}

fn load(ctx: &Ctx<'_>, id: Option<ServiceId>) -> Result<Known> {
    let needed = if id.is_some() {
        Action::ReadHouse
    } else {
        Action::ManageServices
    };
    allow(&ctx.by, needed, Target::House)?;
    ctx.read(|conn| {
        let mut known = Known {
            people: store::people::persons(conn)?,
            teams: store::house::teams(conn)?,
            services: store::house::services(conn)?,
            ..Known::default()
        };
        if let Some(id) = id {
            known.service = Some(store::house::service(conn, id)?.ok_or(Error::NotFound)?);
            known.lists = ServiceLists {
                experts: store::house::people_of_service(conn, id, Part::Expert)?,
                need_to_know: store::house::people_of_service(conn, id, Part::NeedToKnow)?,
                calls: store::service_map::calls_of(conn, id)?,
                runs_on: store::service_map::hosts_of(conn, id)?,
            };
            known.called_by = store::service_map::callers_of(conn, id)?;
            let mut live = store::deployment::live(conn, None)?;
            live.retain(|it| it.lane.service == id);
            known.deployments = on_page(conn, live, false)?;
            known.rule = Some(deployment_rule::rule(conn, id)?);
        }
        Ok(known)
    })
}

fn page_of(req: &HttpRequest, known: Known, kept: Option<Form>) -> ServicePage {
    page_with_rule(req, known, kept, None)
}

/// `kept_rule`: the form of its deploy rule as it was sent.
fn page_with_rule(
    req: &HttpRequest,
    known: Known,
    kept: Option<Form>,
    kept_rule: Option<Form>,
) -> ServicePage {
    let p = match &known.service {
        Some(service) => Page::titled(req, service.name.clone()),
        None => Page::new(req, "service-new"),
    };
    let find = |ids: &[PersonId]| -> Vec<Person> {
        known
            .people
            .iter()
            .filter(|person| ids.contains(&person.id))
            .cloned()
            .collect()
    };
    let named = |ids: &[ServiceId]| -> Vec<(ServiceId, String)> {
        let mut named: Vec<(ServiceId, String)> = known
            .services
            .iter()
            .filter(|it| ids.contains(&it.id))
            .map(|it| (it.id, it.name.clone()))
            .collect();
        named.sort_by_key(|(_, name)| name.to_lowercase());
        named
    };
    let (calls, called_by) = (named(&known.lists.calls), named(&known.called_by));
    let runs_on = known.lists.runs_on.join(", ");
    let (experts, need_to_know) = (find(&known.lists.experts), find(&known.lists.need_to_know));
    let standing = match &known.service {
        Some(service) => Form::new(p.words)
            .with("name", &service.name)
            .with("public_name", &service.public_name)
            .with("team", service.team_id)
            .with_some("runbook_url", service.runbook_url.as_ref())
            .with("members_total", service.members_total)
            .with("members_needed", service.members_needed)
            .with_all("experts", &known.lists.experts)
            .with_all("need_to_know", &known.lists.need_to_know)
            .with_all("calls_ids", &known.lists.calls)
            .with("runs_on", &runs_on)
            .with("rev", service.version),
        None => Form::new(p.words)
            .with("members_total", 1)
            .with("members_needed", 1),
    };
    let form = Form::opened(kept, standing);
    let rule_standing = match &known.rule {
        Some(rule) => Form::new(p.words)
            .with("revert", &rule.revert)
            .with("soak", duration::typed(rule.soak_mins * 60))
            .with("most_files", rule.most_files)
            .with("dangers", &rule.dangers)
            .with("gap", duration::typed(rule.gap_mins * 60))
            .with("needs_go", if rule.needs_go { "yes" } else { "" })
            .with("rev", rule.version),
        None => Form::new(p.words),
    };
    let rule_form = Form::opened(kept_rule, rule_standing).prefixed("rule-");
    let ticked = |name: &str, id: PersonId| form.is_ticked(name, &id.to_string());
    let own = known.service.as_ref().map(|service| service.id);
    let mut others: Vec<&Service> = known.services.iter().collect();
    others.retain(|it| Some(it.id) != own && (it.is_active || known.lists.calls.contains(&it.id)));
    others.sort_by_key(|it| it.name.to_lowercase());
    let call_ticks: Vec<Tick> = others
        .into_iter()
        .map(|it| Tick {
            value: it.id.to_string(),
            text: it.name.clone(),
            hint: String::new(),
            ticked: form.is_ticked("calls_ids", &it.id.to_string()),
        })
        .collect();
    let owner = known.service.as_ref().map(|service| service.team_id);
    let none = std::iter::once((String::new(), p.t("team-choose").into_owned()));
    let here = known
        .teams
        .iter()
        .filter(|team| team.is_active || Some(team.id) == owner);
    ServicePage {
        teams: none
            .chain(here.map(|team| (team.id.to_string(), team.name.clone())))
            .collect(),
        team: known
            .teams
            .iter()
            .find(|team| Some(team.id) == owner)
            .cloned(),
        expert_ticks: people_ticks(&known.people, |id| ticked("experts", id)),
        know_ticks: people_ticks(&known.people, |id| ticked("need_to_know", id)),
        call_ticks,
        calls,
        called_by,
        runs_on,
        may_manage: p.may(Action::ManageServices),
        deployments: known.deployments,
        rule_form,
        service: known.service,
        experts,
        need_to_know,
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
    let id: ServiceId = id_of(&id)?;
    let known = viewer.run(&app, move |ctx| load(ctx, Some(id))).await?;
    reply::page(&page_of(&req, known, None))
}

async fn save(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: Option<ServiceId>,
    posted: Posted,
) -> Answer {
    let runs_on = service_map::hosts("runs_on", posted.text("runs_on"));
    let lists = ServiceLists {
        experts: ticked_ids(&posted, "experts")?,
        need_to_know: ticked_ids(&posted, "need_to_know")?,
        calls: ticked_ids(&posted, "calls_ids")?,
        runs_on: runs_on.clone().unwrap_or_default(),
    };
    let seen = match id {
        Some(_) => rev(&posted)?,
        None => 0,
    };
    let details = ServiceDetails::parse(
        posted.text("name"),
        posted.text("public_name"),
        TeamId::parse(posted.text("team")),
        posted.text("runbook_url"),
        posted.text("members_total"),
        posted.text("members_needed"),
    );
    let saved = match (details, runs_on) {
        (Err(mut errors), runs_on) => {
            errors.extend(runs_on.err());
            Err(Error::Invalid(errors).into())
        }
        (Ok(_), Err(error)) => Err(Error::from(error).into()),
        (Ok(details), Ok(_)) => {
            let work = move |ctx: &Ctx<'_>| match id {
                Some(id) => house::edit_service(ctx, id, seen, &details, &lists),
                None => house::add_service(ctx, &details, &lists),
            };
            viewer.run(&app, work).await
        }
    };
    match or_form(saved, &posted)? {
        Ok(service) => Ok(reply::see_saying(
            &format!("/services/{}", service.id),
            "said-saved",
            "",
        )),
        Err(form) => {
            let known = viewer.run(&app, move |ctx| load(ctx, id)).await?;
            let name = known.service.as_ref().map_or("", |it| it.name.as_str());
            let form = with_who(&app, &viewer, Some(form), ("service", name)).await?;
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

/// `POST /services/{id}/deploy-rule`
pub async fn save_rule(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    posted: Posted,
) -> Answer {
    let id: ServiceId = id_of(&id)?;
    let (seen, asked) = (rev(&posted)?, posted.clone());
    let saved = viewer
        .run(&app, move |ctx| {
            let soak = duration::parse_secs(asked.text("soak")).map(|secs| secs / 60);
            let typed = TypedRule {
                revert: asked.text("revert"),
                soak_mins: soak,
                most_files: match asked.text("most_files").trim() {
                    "" => Some(standing::MOST_FILES),
                    typed => typed.parse().ok(),
                },
                dangers: asked.text("dangers"),
                gap_mins: match asked.text("gap").trim() {
                    "" => Some(GAP_MINS),
                    typed => duration::parse_secs(typed).map(|secs| secs / 60),
                },
                needs_go: asked.ticked("needs_go"),
            };
            deployment_rule::set_rule(ctx, id, seen, &typed)
        })
        .await;
    match or_form(saved, &posted)? {
        Ok(_) => Ok(reply::see_saying(
            &format!("/services/{id}"),
            "said-saved",
            "",
        )),
        Err(form) => {
            let known = viewer.run(&app, move |ctx| load(ctx, Some(id))).await?;
            let name = known.service.as_ref().map_or("", |it| it.name.as_str());
            let form = with_who(&app, &viewer, Some(form), ("service", name)).await?;
            let page = page_with_rule(&req, known, None, form);
            reply::page_with(page.rule_form.status(), &page)
        }
    }
}

pub async fn set_active(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    posted: Posted,
) -> Answer {
    let service = ("/services", id.as_str());
    switched(&app, &viewer, &posted, service, house::set_service_active).await
}
