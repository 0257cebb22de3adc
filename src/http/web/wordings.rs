//! Wordings: the list, and each one's form, which shows how it reads before it is saved.

use actix_web::{HttpRequest, web};
use askama::Template;

use super::inputs::{Answer, id_of, or_form, rev, with_who};
use crate::actions::allow;
use crate::actions::wording::{self as act, Typed};
use crate::app::{App, Ctx};
use crate::domain::access::{Action, Target};
use crate::domain::id::WordingId;
use crate::domain::wording::{self, Filling, Wording};
use crate::error::Result;
use crate::http::form::{Form, Posted};
use crate::http::marks::{self, Detail};
use crate::http::page::{Page, Viewer};
use crate::http::reply;
use crate::words::Words;

/// How far ahead the example's next update is.
const AHEAD_SECS: i64 = 3_600;

#[derive(Template)]
#[template(path = "settings/wordings.html")]
struct ListPage {
    p: Page,
    wordings: Vec<Wording>,
    form: Form,
    places: String,
    preview: Option<String>,
}

#[derive(Template)]
#[template(path = "settings/wording.html")]
struct WordingPage {
    p: Page,
    wording: Wording,
    form: Form,
    places: String,
    preview: Option<String>,
}

/// A look at what was typed. What can't be saved can't be shown.
fn looked(posted: &Posted) -> Form {
    let typed = wording::body("body", posted.text("body"));
    Form::kept(Words::english(), posted, typed.err().into_iter().collect())
}

/// How a text reads, on a ticket made up for it.
fn read_out(p: &Page, body: &str) -> String {
    let (title, service) = (p.t("wording-sample-title"), p.t("wording-sample-service"));
    let filling = Filling {
        ticket: "INC-12",
        title: &title,
        service: &service,
        me: p.name(),
    };
    let next = p.now.plus_secs(AHEAD_SECS);
    let next = marks::time_text(p.words, next, p.now, p.zone, Detail::Full);
    wording::with_next_update(&wording::filled(body, &filling), &next)
}

/// What stands in the form, read out if there is nothing wrong with it.
fn preview(p: &Page, form: &Form) -> Option<String> {
    let is_sound = !form.has_errors() && !form.value("body").is_empty();
    is_sound.then(|| read_out(p, form.value("body")))
}

fn typed(posted: &Posted, is_active: bool) -> Typed {
    Typed {
        name: posted.text("name").to_owned(),
        body: posted.text("body").to_owned(),
        is_active,
    }
}

async fn list_page(
    req: &HttpRequest,
    app: &web::Data<App>,
    viewer: &Viewer,
    kept: Option<Form>,
) -> Answer {
    let load = |ctx: &Ctx<'_>| -> Result<Vec<Wording>> {
        allow(&ctx.by, Action::ManageSettings, Target::House)?;
        act::list(ctx)
    };
    let mut wordings = viewer.run(app, load).await?;
    wordings.sort_by_key(|it| (!it.is_active, it.name.to_lowercase()));
    let p = Page::new(req, "wordings-title");
    let form = Form::opened(kept, Form::new(p.words));
    let status = form.status();
    let page = ListPage {
        preview: preview(&p, &form),
        form,
        places: wording::known(),
        wordings,
        p,
    };
    reply::page_with(status, &page)
}

/// `GET /wordings`
pub async fn list(req: HttpRequest, app: web::Data<App>, viewer: Viewer) -> Answer {
    list_page(&req, &app, &viewer, None).await
}

/// `POST /wordings`
pub async fn add(req: HttpRequest, app: web::Data<App>, viewer: Viewer, posted: Posted) -> Answer {
    if posted.ticked("preview") {
        return list_page(&req, &app, &viewer, Some(looked(&posted))).await;
    }
    let new = typed(&posted, true);
    let added = viewer.run(&app, move |ctx| act::add(ctx, &new)).await;
    match or_form(added, &posted)? {
        Ok(wording) => Ok(reply::see_saying(
            "/wordings",
            "said-wording-added",
            &wording.name,
        )),
        Err(form) => list_page(&req, &app, &viewer, Some(form)).await,
    }
}

async fn wording_page(
    req: &HttpRequest,
    app: &web::Data<App>,
    viewer: &Viewer,
    id: WordingId,
    kept: Option<Form>,
) -> Answer {
    let load = move |ctx: &Ctx<'_>| {
        allow(&ctx.by, Action::ManageSettings, Target::House)?;
        act::read(ctx, id)
    };
    let wording = viewer.run(app, load).await?;
    let p = Page::titled(req, wording.name.clone());
    let standing = Form::new(p.words)
        .with("name", &wording.name)
        .with("body", &wording.body)
        .with_some("is_active", wording.is_active.then_some("yes"))
        .with("rev", wording.version);
    let kept = with_who(app, viewer, kept, ("wording", &wording.name)).await?;
    let form = Form::opened(kept, standing);
    let status = form.status();
    let page = WordingPage {
        preview: preview(&p, &form),
        form,
        places: wording::known(),
        wording,
        p,
    };
    reply::page_with(status, &page)
}

/// `GET /wordings/{id}`
pub async fn show(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
) -> Answer {
    wording_page(&req, &app, &viewer, id_of(&id)?, None).await
}

/// `POST /wordings/{id}`
pub async fn edit(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    posted: Posted,
) -> Answer {
    let id: WordingId = id_of(&id)?;
    if posted.ticked("preview") {
        return wording_page(&req, &app, &viewer, id, Some(looked(&posted))).await;
    }
    let (typed, rev) = (typed(&posted, posted.ticked("is_active")), rev(&posted)?);
    let done = viewer
        .run(&app, move |ctx| act::edit(ctx, id, Some(rev), &typed))
        .await;
    match or_form(done, &posted)? {
        Ok(wording) => Ok(reply::see_saying(
            "/wordings",
            "said-wording-changed",
            &wording.name,
        )),
        Err(form) => wording_page(&req, &app, &viewer, id, Some(form)).await,
    }
}
