//! The messages that go out: what waits, what a relay took, what is unsure and what is dead, with each try.

use actix_web::{HttpRequest, web};
use askama::Template;
use serde::Deserialize;

use super::inputs::{Answer, id_of};
use super::mail::{place, read_place};
use crate::actions::{allow, outbox as act};
use crate::app::App;
use crate::domain::access::{Action, Target};
use crate::domain::delivery::{DeliveryKind, DeliveryState};
use crate::domain::id::{DeliveryId, TicketKey};
use crate::error::Error;
use crate::http::form::Posted;
use crate::http::page::{Page, Viewer};
use crate::http::reply;
use crate::store;
use crate::store::outbox::{Attempt, Delivery};

const LINES: i64 = 50;

#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    state: String,
    #[serde(default)]
    from: String,
}

#[derive(Template)]
#[template(path = "mail/outgoing.html")]
struct ListPage {
    p: Page,
    state: Option<DeliveryState>,
    states: &'static [DeliveryState],
    deliveries: Vec<(Delivery, Option<TicketKey>)>,
    next: Option<String>,
}

pub async fn list(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    asked: web::Query<Asked>,
) -> Answer {
    let state: Option<DeliveryState> = asked.state.parse().ok();
    let before = read_place(&asked.from);
    let deliveries = viewer
        .run(&app, move |ctx| {
            allow(&ctx.by, Action::ReadMail, Target::House)?;
            ctx.read(|conn| {
                let page = store::outbox::page(conn, state, before, LINES)?;
                let ids: Vec<_> = page.iter().filter_map(|delivery| delivery.ticket).collect();
                let tickets = store::ticket::by_ids(conn, &ids)?;
                let lines = page.into_iter().map(|delivery| {
                    let key = tickets
                        .iter()
                        .find(|ticket| Some(ticket.id) == delivery.ticket)
                        .map(|ticket| ticket.key);
                    (delivery, key)
                });
                Ok(lines.collect::<Vec<_>>())
            })
        })
        .await?;
    let next = match deliveries.last() {
        Some((last, _)) if deliveries.len() as i64 == LINES => Some(place(last.queued_at, last.id)),
        _ => None,
    };
    reply::page(&ListPage {
        p: Page::new(&req, "out-title"),
        state,
        states: DeliveryState::ALL,
        deliveries,
        next,
    })
}

#[derive(Template)]
#[template(path = "mail/delivery.html")]
struct DeliveryPage {
    p: Page,
    delivery: Delivery,
    key: Option<TicketKey>,
    attempts: Vec<Attempt>,
    may_replay: bool,
}

pub async fn show(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
) -> Answer {
    let id: DeliveryId = id_of(&id)?;
    let (delivery, key, attempts) = viewer
        .run(&app, move |ctx| {
            allow(&ctx.by, Action::ReadMail, Target::House)?;
            ctx.read(|conn| {
                let delivery = store::outbox::by_id(conn, id)?.ok_or(Error::NotFound)?;
                let key = match delivery.ticket {
                    Some(ticket) => store::ticket::by_id(conn, ticket)?.map(|ticket| ticket.key),
                    None => None,
                };
                let attempts = store::outbox::attempts(conn, id)?;
                Ok((delivery, key, attempts))
            })
        })
        .await?;
    let p = Page::new(&req, "out-one-title");
    let is_over = matches!(
        delivery.state,
        DeliveryState::Dead | DeliveryState::Unsure | DeliveryState::Cancelled
    );
    // A spent link is made anew where it belongs; sending the old one again helps nobody.
    let may_replay = is_over && delivery.kind != DeliveryKind::Account && p.may(Action::HandleMail);
    reply::page(&DeliveryPage {
        p,
        delivery,
        key,
        attempts,
        may_replay,
    })
}

/// The form has nothing but its token, which is checked as it is read.
pub async fn replay(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    _posted: Posted,
) -> Answer {
    let id: DeliveryId = id_of(&id)?;
    viewer.run(&app, move |ctx| act::replay(ctx, id)).await?;
    Ok(reply::see_saying(
        &format!("/mail/out/{id}"),
        "said-done",
        "",
    ))
}
