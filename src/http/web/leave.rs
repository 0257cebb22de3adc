//! `/leave/<token>`: no more letters about a ticket, for a contact who watches it. GET shows, POST does it: programs that follow links don't
//! press buttons, and mail programs that offer "unsubscribe" send the POST themselves (RFC 8058), without a session.

use actix_web::{HttpRequest, web};
use askama::Template;

use super::inputs::Answer;
use crate::actions::leave;
use crate::app::App;
use crate::domain::access::Principal;
use crate::domain::id::TicketKey;
use crate::domain::timeline::Door;
use crate::http::form::Posted;
use crate::http::page::Page;
use crate::http::reply;
use crate::http::viewer::run_as;

/// Guests have no session; the link says who they are.
const GUEST: Principal = Principal::System("leave link");

#[derive(Template)]
#[template(path = "account/leave.html")]
struct LeavePage {
    p: Page,
    key: TicketKey,
    /// They don't watch it, or not any more.
    has_left: bool,
    /// Where the button sends.
    place: String,
}

/// `GET /leave/{token}`
pub async fn show(req: HttpRequest, app: web::Data<App>, token: web::Path<String>) -> Answer {
    let token = token.into_inner();
    let place = format!("/leave/{token}");
    let (key, watches) = run_as(&app, GUEST, Door::Link, move |ctx| {
        leave::standing(ctx.app, &token)
    })
    .await?;
    reply::page(&LeavePage {
        p: Page::new(&req, "leave-title"),
        key,
        has_left: !watches,
        place,
    })
}

/// `POST /leave/{token}`: by the button, or by a mail program with `List-Unsubscribe=One-Click`. Twice is no mistake.
pub async fn leave(
    req: HttpRequest,
    app: web::Data<App>,
    token: web::Path<String>,
    _form: Posted,
) -> Answer {
    let token = token.into_inner();
    let place = format!("/leave/{token}");
    let key = run_as(&app, GUEST, Door::Link, move |ctx| {
        leave::leave(ctx.app, &token)
    })
    .await?;
    reply::page(&LeavePage {
        p: Page::new(&req, "leave-title"),
        key,
        has_left: true,
        place,
    })
}
