//! What the house found when it checked itself: tickets whose stored clocks aren't what their timeline says.

use actix_web::{HttpRequest, web};
use askama::Template;

use super::inputs::Answer;
use crate::actions::{allow, sla_verify};
use crate::app::App;
use crate::domain::access::{Action, Target};
use crate::domain::id::TicketKey;
use crate::domain::timestamp::Timestamp;
use crate::error::Error;
use crate::http::form::Posted;
use crate::http::page::{Page, Viewer};
use crate::http::reply;
use crate::store;

#[derive(Template)]
#[template(path = "settings/checks.html")]
struct ChecksPage {
    p: Page,
    found: Vec<Line>,
    may_repair: bool,
}

struct Line {
    key: String,
    title: String,
    found_at: Timestamp,
    checked_at: Timestamp,
    what: Vec<String>,
}

/// More than these isn't a list to go through but a call for help.
const MOST: i64 = 200;

/// `GET /checks`
pub async fn list(req: HttpRequest, app: web::Data<App>, viewer: Viewer) -> Answer {
    let found = viewer
        .run(&app, |ctx| {
            allow(&ctx.by, Action::ReadAudit, Target::House)?;
            ctx.read(|conn| {
                let found = store::sla_check::found(conn, MOST)?;
                let ids: Vec<_> = found.iter().map(|found| found.ticket).collect();
                Ok((found, store::ticket::by_ids(conn, &ids)?))
            })
        })
        .await?;
    let (found, tickets) = found;
    let found = found
        .into_iter()
        .filter_map(|found| {
            let ticket = tickets.iter().find(|ticket| ticket.id == found.ticket)?;
            Some(Line {
                key: ticket.key.to_string(),
                title: ticket.title.to_string(),
                found_at: found.found_at,
                checked_at: found.checked_at,
                what: found.what.lines().map(str::to_owned).collect(),
            })
        })
        .collect();
    let p = Page::new(&req, "checks-title");
    reply::page(&ChecksPage {
        found,
        may_repair: p.may(Action::ManageSettings),
        p,
    })
}

/// `POST /checks/{key}/recompute`
pub async fn recompute(
    app: web::Data<App>,
    viewer: Viewer,
    key: web::Path<String>,
    _posted: Posted,
) -> Answer {
    let key: TicketKey = key.parse().map_err(|()| Error::NotFound)?;
    viewer
        .run(&app, move |ctx| sla_verify::recompute(ctx, key))
        .await?;
    Ok(reply::see_saying(
        "/checks",
        "said-recomputed",
        &key.to_string(),
    ))
}
