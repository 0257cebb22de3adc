//! `/n/<token>`: the page in the night. GET shows, POST answers (link scanners follow links, they don't press buttons). The signature
//! in the address is the permission; no session is needed, no script runs, and 8 KB is all it weighs.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use askama::Template;

use super::inputs::Answer;
use crate::actions;
use crate::app::App;
use crate::domain::access::Principal;
use crate::domain::page::{Link, Note, PageState};
use crate::domain::timeline::Door;
use crate::error::{Error, Result};
use crate::http::form::Posted;
use crate::http::page::Page;
use crate::http::reply;
use crate::http::viewer::run_as;
use crate::render::page::if_nothing_is_done;
use crate::store::page_log;

#[derive(Template)]
#[template(path = "night/page.html")]
struct NightPage {
    p: Page,
    note: Note,
    /// When it was sent.
    sent: String,
    /// What happens otherwise, or what has become of it.
    lines: Vec<String>,
    /// There is something to answer.
    is_open: bool,
}

struct Known {
    link: Link,
    page: page_log::Page,
    note: Note,
}

/// Guests have no session; the page knows its person by the link.
const GUEST: Principal = Principal::System("page link");

fn load(app: &App, token: &str) -> Result<Known> {
    app.store.read(|conn| {
        let (link, page) = actions::page::page_of_link(conn, app, token)?;
        let roster = actions::roster::in_force(app, conn, app.time.now())?;
        let note = actions::page_note::note_of(conn, &roster, &page)?;
        Ok(Known { link, page, note })
    })
}

/// `GET /n/{token}`
pub async fn show(req: HttpRequest, app: web::Data<App>, token: web::Path<String>) -> Answer {
    let token = token.into_inner();
    let known = run_as(&app, GUEST, Door::Link, move |ctx| load(ctx.app, &token)).await?;
    render(&req, known, StatusCode::OK, None)
}

/// `POST /n/{token}`: "I have it".
pub async fn answer(
    req: HttpRequest,
    app: web::Data<App>,
    token: web::Path<String>,
    _form: Posted,
) -> Answer {
    let token = token.into_inner();
    let answered = token.clone();
    let outcome =
        run_as(
            &app,
            GUEST,
            Door::Link,
            move |ctx| match actions::page::acknowledge_by_link(ctx.app, &answered) {
                Ok(done) => Ok(Some(done)),
                Err(Error::Refused(refusal)) if refusal.rule == "link-expired" => Ok(None),
                Err(error) => Err(error),
            },
        )
        .await?;
    let known = run_as(&app, GUEST, Door::Link, move |ctx| load(ctx.app, &token)).await?;
    let status = if outcome.is_some() {
        StatusCode::OK
    } else {
        StatusCode::GONE
    };
    let said = match &outcome {
        Some(done) if done.was_answered => "night-was-answered",
        Some(_) => "night-answered",
        None => "night-expired",
    };
    render(&req, known, status, Some(said))
}

fn render(
    req: &HttpRequest,
    known: Known,
    status: StatusCode,
    said: Option<&'static str>,
) -> Answer {
    let Known { link, page, note } = known;
    let p = match &note.about {
        Some(about) => Page::titled(req, format!("{} {}", about.key, about.title)),
        None => Page::new(req, "night-test"),
    }
    .in_zone(note.zone);
    let words = p.words;
    let has_expired = link.expires_at <= p.now;
    let is_answered = page.state == PageState::Acked;
    let is_over = note.about.as_ref().is_some_and(|about| !about.is_open);
    let is_open = !has_expired && !is_answered && !is_over;
    let mut lines = Vec::new();
    if let Some(said) = said {
        lines.push(words.t(said).into_owned());
    } else if is_answered {
        lines.push(words.t("night-was-answered").into_owned());
    } else if is_over {
        lines.push(words.t("night-over").into_owned());
    } else if has_expired {
        lines.push(words.t("night-expired").into_owned());
    }
    if is_open {
        lines.extend(if_nothing_is_done(words, &note, p.now));
    }
    let ago = words.span(p.now.secs_since(page.queued_at).max(0));
    let sent = words
        .with("night-sent", &[("span", ago.into())])
        .into_owned();
    reply::page_with(
        status,
        &NightPage {
            p,
            note,
            sent,
            lines,
            is_open,
        },
    )
}
