//! Repositories that may tell us about their commits, and their hooks' token, which is shown once.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use askama::Template;

use super::forge::{self, Section};
use super::inputs::{Answer, Tick, id_of, or_form, rev, with_who};
use crate::actions::push_verdict;
use crate::actions::repository::{self, Listed, Typed};
use crate::actions::repository_gap::Hearing;
use crate::app::{App, Ctx};
use crate::domain::git::Repository;
use crate::domain::id::{RepositoryId, ServiceId};
use crate::domain::push_rule;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::http::form::{Form, Posted};
use crate::http::page::{Page, Viewer};
use crate::http::reply;
use crate::store::{self, Conn};
use crate::words::Words;

#[derive(Template)]
#[template(path = "settings/repositories.html")]
struct ListPage {
    p: Page,
    repositories: Vec<Listed>,
    form: Form,
    services: Vec<(String, String)>,
    others: Vec<Tick>,
    /// The repository's name and its new token.
    fresh: Option<(String, String)>,
    /// Where hooks find us.
    url: String,
}

#[derive(Template)]
#[template(path = "settings/repository.html")]
struct EditPage {
    p: Page,
    repository: Repository,
    hearing: Hearing,
    gaps: Vec<GapRow>,
    /// Beyond those.
    more_gaps: i64,
    form: Form,
    services: Vec<(String, String)>,
    others: Vec<Tick>,
    /// The rules in force, as they are written.
    rules: String,
    decisions: Vec<DecisionRow>,
    forge: Section,
}

/// A ref that isn't where we have it.
struct GapRow {
    name: String,
    found_at: Timestamp,
    commits: Option<i64>,
    is_gone: bool,
}

/// Refs that a page names.
const GAPS: usize = 20;

fn gaps(conn: &mut Conn, id: RepositoryId) -> Result<Vec<GapRow>> {
    let all = store::repository_gap::of(conn, id)?.into_iter().take(GAPS);
    let row = |it: store::repository_gap::Gap| GapRow {
        is_gone: it.new_oid.bytes().all(|digit| digit == b'0'),
        name: it.name,
        found_at: it.found_at,
        commits: it.commits,
    };
    Ok(all.map(row).collect())
}

/// Boxes for what else is made from it.
fn others(services: &[(String, String)], form: &Form) -> Vec<Tick> {
    let others = services.iter().filter(|(id, _)| !id.is_empty());
    let others = others.map(|(id, name)| Tick {
        ticked: form.is_ticked("other_services", id),
        value: id.clone(),
        text: name.clone(),
        hint: String::new(),
    });
    others.collect()
}

/// What the forms of a repository's page were sent with, and what is new on it.
#[derive(Default)]
pub(super) struct Besides {
    pub edit: Option<Form>,
    pub forge: Option<Form>,
    pub renew: Option<Form>,
    /// The secret of the forge's webhook.
    pub fresh: Option<String>,
}

/// A push that was turned away, warned, or let through with broken glass.
struct DecisionRow {
    at: Timestamp,
    who: String,
    refs: Vec<String>,
    lines: Vec<String>,
    key: Option<String>,
    by_hook: bool,
    is_refused: bool,
}

/// The services to choose from, by name; the first choice is none.
fn services(ctx: &Ctx<'_>) -> Result<Vec<(String, String)>> {
    let all = ctx.read(store::house::services)?;
    let mut named: Vec<(String, String)> = all
        .into_iter()
        .filter(|service| service.is_active)
        .map(|service| (service.id.to_string(), service.name))
        .collect();
    named.sort_by_key(|(_, name)| name.to_lowercase());
    named.insert(0, (String::new(), "–".to_owned()));
    Ok(named)
}

fn typed(posted: &Posted) -> Typed {
    let text = |name: &str| posted.text(name).to_owned();
    Typed {
        name: text("name"),
        default_branch: text("default_branch"),
        publish: text("publish"),
        commit_url: text("commit_url"),
        service: ServiceId::parse(posted.text("service")),
        other_services: posted
            .all("other_services")
            .filter_map(ServiceId::parse)
            .collect(),
        tags_say_live: posted.ticked("tags_say_live"),
        strangers_move: posted.ticked("strangers_move"),
        push_rules: text("push_rules"),
        is_active: posted.ticked("is_active"),
    }
}

fn new_form() -> Form {
    Form::new(Words::english()).with("default_branch", "main")
}

async fn page(
    req: &HttpRequest,
    app: &web::Data<App>,
    viewer: &Viewer,
    form: Form,
    fresh: Option<(String, String)>,
) -> Answer {
    let load = |ctx: &Ctx<'_>| {
        let repositories = repository::list(ctx)?;
        let settings = ctx.read(store::settings::all)?;
        let url = ctx.app.config.public_url.clone().or(settings.public_url);
        Ok((repositories, services(ctx)?, url))
    };
    let (repositories, services, url) = viewer.run(app, load).await?;
    let p = Page::new(req, "repositories-title");
    let url = address(req, url);
    reply::page_with(
        form.status(),
        &ListPage {
            p,
            repositories,
            others: others(&services, &form),
            form,
            services,
            fresh,
            url,
        },
    )
}

/// The address of this service: as it is set, else as this request found it.
fn address(req: &HttpRequest, set: Option<String>) -> String {
    let set = set.map(|url| url.trim_end_matches('/').to_owned());
    set.unwrap_or_else(|| {
        let connection = req.connection_info();
        format!("{}://{}", connection.scheme(), connection.host())
    })
}

/// `GET /repositories`
pub async fn list(req: HttpRequest, app: web::Data<App>, viewer: Viewer) -> Answer {
    page(&req, &app, &viewer, new_form(), None).await
}

/// `POST /repositories`: the answer shows the token, and nothing else ever does.
pub async fn register(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    posted: Posted,
) -> Answer {
    let typed = typed(&posted);
    let made = viewer
        .run(&app, move |ctx| repository::register(ctx, &typed))
        .await;
    match or_form(made, &posted)? {
        Ok((repository, token)) => {
            let fresh = Some((repository.name, token));
            page(&req, &app, &viewer, new_form(), fresh).await
        }
        Err(form) => page(&req, &app, &viewer, form, None).await,
    }
}

/// `POST /repositories/{id}/token`
pub async fn new_token(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    _posted: Posted,
) -> Answer {
    let id: RepositoryId = id_of(&id)?;
    let (repository, token) = viewer
        .run(&app, move |ctx| repository::new_token(ctx, id))
        .await?;
    let fresh = Some((repository.name, token));
    page(&req, &app, &viewer, new_form(), fresh).await
}

/// How many pushes a repository's page shows.
const DECISIONS: i64 = 20;

fn decisions(conn: &mut Conn, id: RepositoryId) -> Result<Vec<DecisionRow>> {
    let found = store::push_decision::notable(conn, id, DECISIONS)?;
    let people: Vec<_> = found.iter().filter_map(|it| it.person_id).collect();
    let names = store::people::person_names(conn, &people)?;
    let mut rows = Vec::with_capacity(found.len());
    for it in found {
        let key = match it.ticket_id {
            Some(id) => store::ticket::by_id(conn, id)?.map(|ticket| ticket.key.to_string()),
            None => None,
        };
        let named = it.person_id.and_then(|id| names.get(&id).cloned());
        rows.push(DecisionRow {
            at: it.decided_at,
            who: named.or(it.pusher).unwrap_or_default(),
            refs: it.refs.lines().map(str::to_owned).collect(),
            lines: it.reasons.lines().map(str::to_owned).collect(),
            key,
            by_hook: it.by_hook,
            is_refused: it.verdict == push_rule::Answer::Reject.as_str(),
        });
    }
    Ok(rows)
}

pub(super) async fn edit_page(
    req: &HttpRequest,
    app: &web::Data<App>,
    viewer: &Viewer,
    id: RepositoryId,
    mut besides: Besides,
) -> Answer {
    let load = move |ctx: &Ctx<'_>| {
        let mut all = repository::list(ctx)?;
        all.retain(|listed| listed.repository.id == id);
        let listed = all.pop().ok_or(Error::NotFound)?;
        let decisions = ctx.read(|conn| decisions(conn, id))?;
        let gaps = ctx.read(|conn| gaps(conn, id))?;
        let settings = ctx.read(store::settings::all)?;
        let url = ctx.app.config.public_url.clone().or(settings.public_url);
        let forge = forge::load(ctx, id)?;
        let environments = ctx.read(store::house::environments)?;
        let rules = push_verdict::rules_of(&listed.repository, &environments);
        Ok((
            (listed.repository, listed.hearing, gaps),
            rules,
            services(ctx)?,
            decisions,
            forge,
            url,
        ))
    };
    let (known, rules, services, decisions, shown, url) = viewer.run(app, load).await?;
    let (repository, hearing, gaps) = known;
    let p = Page::titled(req, repository.name.clone());
    let standing = Form::new(p.words)
        .with("name", &repository.name)
        .with("default_branch", &repository.default_branch)
        .with("publish", repository.publish.join("\n"))
        .with_some("commit_url", repository.commit_url.as_ref())
        .with_some("service", repository.service)
        .with_all("other_services", &repository.other_services)
        .with_some("tags_say_live", repository.tags_say_live.then_some("yes"))
        .with_some("strangers_move", repository.strangers_move.then_some("yes"))
        .with("push_rules", &repository.push_rules)
        .with_some("is_active", repository.is_active.then_some("yes"))
        .with("rev", repository.version);
    let kept = besides.edit.take();
    let kept = with_who(app, viewer, kept, ("repository", &repository.name)).await?;
    let form = Form::opened(kept, standing);
    let forge = Section::of(shown, &address(req, url), p.words, besides);
    let forms = [&form, &forge.form, &forge.renew];
    let status = forms.map(Form::status);
    let status = status.into_iter().find(|status| *status != StatusCode::OK);
    reply::page_with(
        status.unwrap_or(StatusCode::OK),
        &EditPage {
            p,
            rules: push_rule::written::write(&rules),
            repository,
            more_gaps: hearing.gaps - gaps.len() as i64,
            hearing,
            gaps,
            others: others(&services, &form),
            form,
            services,
            decisions,
            forge,
        },
    )
}

/// `GET /repositories/{id}`
pub async fn edit_form(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
) -> Answer {
    edit_page(&req, &app, &viewer, id_of(&id)?, Besides::default()).await
}

/// `POST /repositories/{id}`
pub async fn edit(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    posted: Posted,
) -> Answer {
    let id: RepositoryId = id_of(&id)?;
    let (typed, rev) = (typed(&posted), rev(&posted)?);
    let done = viewer
        .run(&app, move |ctx| repository::edit(ctx, id, rev, &typed))
        .await;
    match or_form(done, &posted)? {
        Ok(repository) => Ok(reply::see_saying(
            "/repositories",
            "said-changed",
            &repository.name,
        )),
        Err(form) => {
            let besides = Besides {
                edit: Some(form),
                ..Besides::default()
            };
            edit_page(&req, &app, &viewer, id, besides).await
        }
    }
}
