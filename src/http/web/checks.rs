//! What the house found when it checked itself: clocks that can never fall due, and tickets whose stored clocks aren't what their
//! timeline says.

use actix_web::{HttpRequest, web};
use askama::Template;

use super::inputs::Answer;
use crate::actions::{allow, sla, sla_verify};
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
    troubles: Vec<Wrong>,
    endless: Vec<Endless>,
    found: Vec<Line>,
    may_repair: bool,
}

/// Something that is wrong with the house itself.
struct Wrong {
    what: String,
    since: Timestamp,
    /// The incident about it.
    key: Option<String>,
}

struct Line {
    key: String,
    title: String,
    found_at: Timestamp,
    checked_at: Timestamp,
    what: Vec<String>,
}

struct Endless {
    key: String,
    title: String,
    clock: String,
    metric: String,
    anchor_at: Timestamp,
    /// What it is counted in: id and name.
    calendar: Option<(String, String)>,
}

/// More than these isn't a list to go through but a call for help.
const MOST: i64 = 200;

/// `GET /checks`
pub async fn list(req: HttpRequest, app: web::Data<App>, viewer: Viewer) -> Answer {
    let (found, endless, tickets, book, troubles) = viewer
        .run(&app, |ctx| {
            allow(&ctx.by, Action::ReadAudit, Target::House)?;
            ctx.read(|conn| {
                let found = store::sla_check::found(conn, MOST)?;
                let endless = store::sla_check::endless(conn, MOST)?;
                let ids = found.iter().map(|found| found.ticket);
                let troubles = store::trouble::all(conn)?;
                let ids: Vec<_> = ids
                    .chain(endless.iter().map(|it| it.ticket))
                    .chain(troubles.iter().filter_map(|it| it.ticket_id))
                    .collect();
                let tickets = store::ticket::by_ids(conn, &ids)?;
                let book = sla::book(ctx.app, conn)?;
                Ok((found, endless, tickets, book, troubles))
            })
        })
        .await?;
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
    let endless = endless
        .into_iter()
        .filter_map(|it| {
            let ticket = tickets.iter().find(|ticket| ticket.id == it.ticket)?;
            let terms = it.target.and_then(|target| book.terms(target));
            let calendar = terms.and_then(|terms| book.calendar(terms.target.calendar));
            Some(Endless {
                key: ticket.key.to_string(),
                title: ticket.title.to_string(),
                clock: it.clock.to_string(),
                metric: p.word("metric", it.metric.as_str()),
                anchor_at: it.anchor_at,
                calendar: calendar.map(|known| (known.id.to_string(), known.name.clone())),
            })
        })
        .collect();
    let troubles = troubles
        .into_iter()
        .map(|it| Wrong {
            what: p.word("trouble", it.what.as_str()),
            since: it.began_at,
            key: tickets
                .iter()
                .find(|ticket| Some(ticket.id) == it.ticket_id)
                .map(|ticket| ticket.key.to_string()),
        })
        .collect();
    reply::page(&ChecksPage {
        troubles,
        endless,
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
