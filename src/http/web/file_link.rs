//! `/file/<token>`: a file that was too large for its letter. The signature in the address is the permission; no session is needed.

use actix_web::web;

use super::inputs::Answer;
use crate::actions::evidence;
use crate::app::App;
use crate::domain::access::Principal;
use crate::domain::timeline::Door;
use crate::http::reply;
use crate::http::viewer::run_as;

/// Guests have no session.
const GUEST: Principal = Principal::System("file link");

pub async fn show(app: web::Data<App>, token: web::Path<String>) -> Answer {
    let token = token.into_inner();
    let (name, bytes) = run_as(&app, GUEST, Door::Link, move |ctx| {
        evidence::by_link(ctx.app, &token)
    })
    .await?;
    Ok(reply::download(&name, "application/octet-stream", bytes))
}
