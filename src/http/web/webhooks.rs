//! Webhooks of the house: who is told by a signed call when something is recorded, and what became of the last calls.

use actix_web::{HttpRequest, web};
use askama::Template;

use super::inputs::{Answer, id_of, or_form, rev, with_who};
use crate::actions::webhook::{self as act, Typed};
use crate::app::{App, Ctx};
use crate::domain::id::HookId;
use crate::domain::timeline::EntryKind;
use crate::domain::webhook::{Webhook, event_of};
use crate::error::{Error, Result};
use crate::http::form::{Form, Posted};
use crate::http::page::{Page, Viewer};
use crate::http::reply;
use crate::store;
use crate::store::outbox::Delivery;

/// Calls that a webhook's page looks back on.
const LAST: i64 = 20;

#[derive(Template)]
#[template(path = "settings/webhooks.html")]
struct ListPage {
    p: Page,
    hooks: Vec<Row>,
    form: Form,
    events: Vec<String>,
    /// The new webhook's name and its secret: shown here and never again.
    fresh: Option<(String, String)>,
}

struct Row {
    hook: Webhook,
    last: Option<Delivery>,
}

#[derive(Template)]
#[template(path = "settings/webhook.html")]
struct HookPage {
    p: Page,
    hook: Webhook,
    form: Form,
    events: Vec<String>,
    calls: Vec<Delivery>,
}

/// The events that can be asked for one by one.
fn events() -> Vec<String> {
    EntryKind::ALL
        .iter()
        .filter_map(|kind| event_of(*kind))
        .collect()
}

/// What the form says; whether it is switched on is for another form.
fn typed(posted: &Posted, is_enabled: bool) -> Typed {
    let words = posted.text("events").split([' ', ',', '\n', '\r', '\t']);
    Typed {
        name: posted.text("name").to_owned(),
        url: posted.text("url").to_owned(),
        events: words
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect(),
        is_enabled,
    }
}

fn calls(ctx: &Ctx<'_>, hook: &Webhook, most: i64) -> Result<Vec<Delivery>> {
    ctx.read(|conn| store::outbox::of_webhook(conn, hook.id, &hook.url, most))
}

async fn list_page(
    req: &HttpRequest,
    app: &web::Data<App>,
    viewer: &Viewer,
    kept: Option<Form>,
    fresh: Option<(String, String)>,
) -> Answer {
    let load = |ctx: &Ctx<'_>| {
        let row = |hook: Webhook| {
            let last = calls(ctx, &hook, 1)?.pop();
            Ok(Row { hook, last })
        };
        act::list(ctx)?
            .into_iter()
            .map(row)
            .collect::<Result<Vec<_>>>()
    };
    let hooks = viewer.run(app, load).await?;
    let p = Page::new(req, "webhooks-title");
    let form = Form::opened(kept, Form::new(p.words).with("events", "*"));
    let status = form.status();
    let page = ListPage {
        form,
        p,
        hooks,
        events: events(),
        fresh,
    };
    reply::page_with(status, &page)
}

/// `GET /webhooks`
pub async fn list(req: HttpRequest, app: web::Data<App>, viewer: Viewer) -> Answer {
    list_page(&req, &app, &viewer, None, None).await
}

/// `POST /webhooks`: the answer shows the secret, and nothing else ever does.
pub async fn add(req: HttpRequest, app: web::Data<App>, viewer: Viewer, posted: Posted) -> Answer {
    let new = typed(&posted, true);
    let made = viewer.run(&app, move |ctx| act::add(ctx, &new)).await;
    match or_form(made, &posted)? {
        Ok(hook) => {
            let fresh = Some((hook.name, hook.secret));
            list_page(&req, &app, &viewer, None, fresh).await
        }
        Err(form) => list_page(&req, &app, &viewer, Some(form), None).await,
    }
}

async fn hook_page(
    req: &HttpRequest,
    app: &web::Data<App>,
    viewer: &Viewer,
    id: HookId,
    kept: Option<Form>,
) -> Answer {
    let load = move |ctx: &Ctx<'_>| {
        let hook = act::read(ctx, id)?;
        let calls = calls(ctx, &hook, LAST)?;
        Ok((hook, calls))
    };
    let (hook, calls) = viewer.run(app, load).await?;
    let p = Page::titled(req, hook.name.clone());
    let standing = Form::new(p.words)
        .with("name", &hook.name)
        .with("url", &hook.url)
        .with("events", hook.events.words().join("\n"))
        .with("rev", hook.version);
    let kept = with_who(app, viewer, kept, ("webhook", &hook.url)).await?;
    let form = Form::opened(kept, standing);
    let status = form.status();
    let page = HookPage {
        p,
        hook,
        form,
        events: events(),
        calls,
    };
    reply::page_with(status, &page)
}

/// `GET /webhooks/{id}`
pub async fn show(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
) -> Answer {
    hook_page(&req, &app, &viewer, id_of(&id)?, None).await
}

/// `POST /webhooks/{id}`
pub async fn edit(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    posted: Posted,
) -> Answer {
    let id: HookId = id_of(&id)?;
    let rev = rev(&posted)?;
    let asked = posted.clone();
    let done = viewer
        .run(&app, move |ctx| {
            let known = act::read(ctx, id)?;
            act::edit(ctx, id, Some(rev), &typed(&asked, known.is_enabled))
        })
        .await;
    match or_form(done, &posted)? {
        Ok(hook) => Ok(reply::see_saying("/webhooks", "said-changed", &hook.name)),
        Err(form) => hook_page(&req, &app, &viewer, id, Some(form)).await,
    }
}

/// `POST /webhooks/{id}/{verb}`: `pause`, `resume`, `ping` or `delete`.
pub async fn act(
    app: web::Data<App>,
    viewer: Viewer,
    place: web::Path<(String, String)>,
    _form: Posted,
) -> Answer {
    let (id, verb) = place.into_inner();
    let id: HookId = id_of(&id)?;
    let here = format!("/webhooks/{id}");
    let switch = move |ctx: &Ctx<'_>, is_enabled: bool| {
        let hook = act::read(ctx, id)?;
        let same = Typed {
            name: hook.name,
            url: hook.url,
            events: hook.events.words().to_vec(),
            is_enabled,
        };
        act::edit(ctx, id, Some(hook.version), &same).map(drop)
    };
    let (place, said) = match verb.as_str() {
        "pause" => {
            viewer.run(&app, move |ctx| switch(ctx, false)).await?;
            (here.as_str(), "said-webhook-paused")
        }
        "resume" => {
            viewer.run(&app, move |ctx| switch(ctx, true)).await?;
            (here.as_str(), "said-webhook-resumed")
        }
        "ping" => {
            viewer.run(&app, move |ctx| act::ping(ctx, id)).await?;
            (here.as_str(), "said-webhook-pinged")
        }
        "delete" => {
            viewer.run(&app, move |ctx| act::remove(ctx, id)).await?;
            ("/webhooks", "said-webhook-removed")
        }
        _ => return Err(Error::NotFound.into()),
    };
    Ok(reply::see_saying(place, said, ""))
}
