//! Deployments that wait for a freeze to lift: as pages show them, and the two words that a person has about them.

use actix_web::web;

use super::inputs::{Answer, id_of};
use crate::actions::deployment_queue::{self as act, Line};
use crate::app::App;
use crate::domain::deploy_queue::State;
use crate::domain::id::{QueuedId, TicketKey};
use crate::domain::timestamp::Timestamp;
use crate::http::form::Posted;
use crate::http::page::Viewer;
use crate::http::reply;

/// One that waits, or was let go and hasn't begun.
pub struct QueueLine {
    pub id: QueuedId,
    pub what: String,
    pub place: String,
    pub ticket: Option<TicketKey>,
    pub is_released: bool,
    pub reason: &'static str,
    pub wants_go: bool,
    pub detail: String,
    pub opens_at: Option<Timestamp>,
    pub queued_at: Timestamp,
    pub who: String,
    pub url: Option<String>,
}

impl QueueLine {
    pub fn of(line: Line) -> Self {
        let it = line.queued;
        Self {
            id: it.id,
            what: format!("{} {}", line.service, it.version),
            place: it.lane.place(),
            ticket: line.ticket,
            is_released: it.state == State::Released,
            reason: it.reason.as_str(),
            wants_go: it.state == State::Waiting && it.reason.wants_go(),
            detail: it.detail,
            opens_at: it.opens_at,
            queued_at: it.queued_at,
            who: it.actor.unwrap_or(it.by_name),
            url: it.url,
        }
    }
}

/// `POST /deployments/queue/{id}/go`
pub async fn go(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    _form: Posted,
) -> Answer {
    let id: QueuedId = id_of(&id)?;
    viewer.run(&app, move |ctx| act::go(ctx, id)).await?;
    Ok(reply::see_saying("/deployments", "said-deploy-go", ""))
}

/// `POST /deployments/queue/{id}/withdraw`
pub async fn withdraw(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    _form: Posted,
) -> Answer {
    let id: QueuedId = id_of(&id)?;
    viewer.run(&app, move |ctx| act::withdraw(ctx, id)).await?;
    Ok(reply::see_saying(
        "/deployments",
        "said-deploy-withdrawn",
        "",
    ))
}
