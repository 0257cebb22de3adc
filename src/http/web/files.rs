//! A ticket's files, as downloads only, whatever they claim to be. One in quarantine comes after a page that warns of it, by a form,
//! so that no link and no preview fetches it; whoever takes it out stands on the timeline.

use actix_web::{HttpRequest, web};
use askama::Template;

use super::inputs::{Answer, id_of};
use super::tape;
use crate::actions::quarantine::{self, Asked};
use crate::actions::ticket;
use crate::app::App;
use crate::domain::access::Action;
use crate::domain::id::{AttachmentId, TicketKey};
use crate::domain::quarantine::Danger;
use crate::error::Error;
use crate::http::form::Posted;
use crate::http::page::{Page, Viewer};
use crate::http::reply;

#[derive(Template)]
#[template(path = "ticket/quarantine.html")]
struct WarningPage {
    p: Page,
    key: TicketKey,
    title: String,
    id: AttachmentId,
    name: String,
    size: String,
    sha256: String,
    danger: Danger,
    may_take: bool,
}

/// `GET /INC-12/files/{id}`
pub async fn show(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    path: web::Path<(String, String)>,
) -> Answer {
    let (key, id) = path.into_inner();
    let key: TicketKey = key.parse().map_err(|()| Error::NotFound)?;
    let id: AttachmentId = id_of(&id)?;
    let (ticket, asked) = viewer
        .run(&app, move |ctx| {
            // Customers have their own address for what they may read.
            if !ctx.by.is_staff() {
                return Err(Error::NotFound);
            }
            Ok((ticket::read(ctx, key)?, quarantine::ask(ctx, key, id)?))
        })
        .await?;
    let file = match asked {
        Asked::Open(file, bytes) => {
            return Ok(reply::download(
                &file.name,
                "application/octet-stream",
                bytes,
            ));
        }
        Asked::ShutAway(file) => file,
    };
    let danger = file.quarantined_for().ok_or(Error::NotFound)?;
    let p = Page::titled(&req, format!("{key} {}", file.name));
    reply::page(&WarningPage {
        may_take: p.may(Action::TakeFile),
        p,
        key,
        title: ticket.title.to_string(),
        id,
        size: tape::size(file.size_bytes),
        sha256: file.hash.hex(),
        name: file.name,
        danger,
    })
}

/// `POST /INC-12/files/{id}`: out of quarantine.
pub async fn take_out(
    app: web::Data<App>,
    viewer: Viewer,
    path: web::Path<(String, String)>,
    _posted: Posted,
) -> Answer {
    let (key, id) = path.into_inner();
    let key: TicketKey = key.parse().map_err(|()| Error::NotFound)?;
    let id: AttachmentId = id_of(&id)?;
    let (file, bytes) = viewer
        .run(&app, move |ctx| quarantine::take_out(ctx, key, id))
        .await?;
    Ok(reply::download(
        &file.name,
        "application/octet-stream",
        bytes,
    ))
}
