//! The customers' side: their own tickets, what is meant for them on each, a box to answer in, a form to ask.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use askama::Template;
use serde::Deserialize;

use super::inputs::{Answer, id_of, invalid, opened_once, stored};
use super::tape;
use crate::actions::portal::{self, Reading};
use crate::app::{App, Ctx};
use crate::domain::access::Principal;
use crate::domain::id::{AttachmentId, TicketKey};
use crate::domain::ticket::Ticket;
use crate::domain::timeline::Actor;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::http::form::{Form, Posted};
use crate::http::page::{Page, Viewer};
use crate::http::reply::{self, Failure};
use crate::store;
use crate::store::blob::Attachment;
use crate::store::queue::{Cursor, Slice};
use crate::words::Words;

const PAGE: i64 = 50;

#[derive(Template)]
#[template(path = "portal/list.html")]
struct ListPage {
    p: Page,
    tickets: Vec<Ticket>,
    next: Option<String>,
}

#[derive(Deserialize)]
pub struct Place {
    from: Option<String>,
}

pub async fn list(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    place: web::Query<Place>,
) -> Answer {
    let from = place.from.as_deref().and_then(Cursor::parse);
    let slice: Slice = viewer
        .run(&app, move |ctx| {
            let Principal::Contact {
                id,
                customer,
                reach,
                ..
            } = ctx.by
            else {
                return Err(Error::NotFound);
            };
            ctx.read(|conn| store::portal::tickets(conn, customer, id, reach, from, PAGE))
        })
        .await?;
    reply::page(&ListPage {
        p: Page::new(&req, "portal-title"),
        next: slice.next.map(|cursor| cursor.text()),
        tickets: slice.tickets,
    })
}

#[derive(Template)]
#[template(path = "portal/new.html")]
struct NewPage {
    p: Page,
    form: Form,
}

pub async fn new_form(req: HttpRequest, app: web::Data<App>, viewer: Viewer) -> Answer {
    viewer.run(&app, |ctx| portal::contact(&ctx.by)).await?;
    let form = Form::new(Words::english());
    reply::page(&NewPage {
        p: Page::new(&req, "portal-new"),
        form,
    })
}

pub async fn open(req: HttpRequest, app: web::Data<App>, viewer: Viewer, posted: Posted) -> Answer {
    let asked = posted.clone();
    let opened = viewer
        .run(&app, move |ctx| {
            let (title, body) = (asked.text("title"), asked.text("body"));
            let files = stored(ctx, &asked)?;
            opened_once(ctx, &asked, |ctx| portal::open(ctx, title, body, &files))
        })
        .await;
    match invalid(opened)? {
        Ok(key) => Ok(reply::see_saying(
            &format!("/portal/{key}"),
            "said-portal-opened",
            &key.to_string(),
        )),
        Err(errors) => {
            let form = Form::kept(Words::english(), &posted, errors);
            let page = NewPage {
                p: Page::new(&req, "portal-new"),
                form,
            };
            reply::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

#[derive(Template)]
#[template(path = "portal/show.html")]
struct ShowPage {
    p: Page,
    ticket: Ticket,
    entries: Vec<Line>,
    form: Form,
}

/// One entry as a customer reads it. Of us only the house is named.
struct Line {
    at: Timestamp,
    who: String,
    kind: &'static str,
    body: String,
    files: Vec<Attachment>,
}

fn lines(reading: Reading, house: &str) -> (Ticket, Vec<Line>) {
    let repeats = tape::repeats(&reading.files);
    let mut files = reading.files;
    files.retain(|file| !repeats.contains(&file.id));
    let line = |entry: store::timeline::Recorded| {
        let is_theirs = matches!(entry.actor, Actor::Contact(_) | Actor::Stranger);
        let (own, rest): (Vec<_>, Vec<_>) = files
            .drain(..)
            .partition(|file| file.entry_seq == entry.seq);
        files = rest;
        Line {
            at: entry.effective_at,
            who: if is_theirs {
                entry.actor_name
            } else {
                house.to_owned()
            },
            kind: entry.kind.as_str(),
            body: entry.body,
            files: own,
        }
    };
    (
        reading.ticket,
        reading.entries.into_iter().map(line).collect(),
    )
}

fn key_of(text: &str) -> std::result::Result<TicketKey, Failure> {
    text.parse().map_err(|()| Error::NotFound.into())
}

fn reading(ctx: &Ctx<'_>, key: TicketKey) -> Result<Reading> {
    ctx.read(|conn| portal::read(ctx, conn, key))
}

async fn ticket_page(
    req: &HttpRequest,
    app: &web::Data<App>,
    viewer: &Viewer,
    key: TicketKey,
    form: Form,
) -> std::result::Result<ShowPage, Failure> {
    let reading = viewer.run(app, move |ctx| reading(ctx, key)).await?;
    let house = &viewer.frame.house;
    let house = if house.is_empty() {
        "Watchkeeper"
    } else {
        house
    };
    let (ticket, entries) = lines(reading, house);
    let p = Page::titled(req, format!("{key} {}", ticket.title));
    Ok(ShowPage {
        p,
        ticket,
        entries,
        form,
    })
}

pub async fn show(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    key: web::Path<String>,
) -> Answer {
    let form = Form::new(Words::english());
    reply::page(&ticket_page(&req, &app, &viewer, key_of(&key)?, form).await?)
}

pub async fn write(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    key: web::Path<String>,
    posted: Posted,
) -> Answer {
    let key = key_of(&key)?;
    let asked = posted.clone();
    let written = viewer
        .run(&app, move |ctx| {
            let files = stored(ctx, &asked)?;
            portal::write(ctx, key, asked.text("body"), &files)
        })
        .await;
    match invalid(written)? {
        Ok(_) => Ok(reply::see_saying(
            &format!("/portal/{key}"),
            "said-portal-written",
            "",
        )),
        Err(errors) => {
            let form = Form::kept(Words::english(), &posted, errors);
            let page = ticket_page(&req, &app, &viewer, key, form).await?;
            reply::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

pub async fn solved(
    app: web::Data<App>,
    viewer: Viewer,
    key: web::Path<String>,
    posted: Posted,
) -> Answer {
    let key = key_of(&key)?;
    let body = posted.text("body").to_owned();
    viewer
        .run(&app, move |ctx| portal::solved(ctx, key, &body))
        .await?;
    let place = format!("/portal/{key}");
    Ok(reply::see_saying(&place, "said-portal-solved", ""))
}

/// A file of an entry that they may read; any other isn't there.
pub async fn file(
    app: web::Data<App>,
    viewer: Viewer,
    path: web::Path<(String, String)>,
) -> Answer {
    let (key, id) = path.into_inner();
    let (key, id): (TicketKey, AttachmentId) = (key_of(&key)?, id_of(&id)?);
    let (name, bytes) = viewer
        .run(&app, move |ctx| {
            ctx.read(|conn| {
                let reading = portal::read(ctx, conn, key)?;
                let file = reading.files.into_iter().find(|file| file.id == id);
                // A customer gets no file that would run, whoever sent it.
                let file = file.filter(|file| file.quarantined_for().is_none());
                let file = file.ok_or(Error::NotFound)?;
                let bytes = store::blob::of_file(conn, &file)?.ok_or(Error::NotFound)?;
                Ok((file.name, bytes))
            })
        })
        .await?;
    Ok(reply::download(&name, "application/octet-stream", bytes))
}
