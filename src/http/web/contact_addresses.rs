//! A contact's other addresses, and the mark of those that letters come back from.

use actix_web::{HttpRequest, web};

use super::customers::contact_page;
use super::inputs::{Answer, id_of, invalid};
use crate::actions::contact_address as act;
use crate::app::App;
use crate::domain::id::{ContactId, CustomerId};
use crate::domain::text::EmailAddress;
use crate::http::form::{Form, Posted};
use crate::http::page::Viewer;
use crate::http::reply;
use crate::words::Words;

/// `POST /customers/{id}/contacts/{contact}/addresses`
pub async fn add(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    path: web::Path<(String, String)>,
    posted: Posted,
) -> Answer {
    let (customer, id): (CustomerId, ContactId) = (id_of(&path.0)?, id_of(&path.1)?);
    let typed = posted.text("email").to_owned();
    let added = viewer
        .run(&app, move |ctx| {
            act::add(ctx, customer, id, &EmailAddress::parse(&typed)?)
        })
        .await;
    match invalid(added)? {
        Ok(()) => Ok(reply::see_saying(
            &format!("/customers/{customer}/contacts/{id}"),
            "said-saved",
            "",
        )),
        Err(errors) => {
            let mut page = contact_page(&req, &app, &viewer, customer, Some(id), None).await?;
            page.address_form = Form::kept(Words::english(), &posted, errors).prefixed("other-");
            reply::page_with(page.address_form.status(), &page)
        }
    }
}

/// `POST /customers/{id}/contacts/{contact}/addresses/remove`
pub async fn remove(
    app: web::Data<App>,
    viewer: Viewer,
    path: web::Path<(String, String)>,
    posted: Posted,
) -> Answer {
    let (customer, id): (CustomerId, ContactId) = (id_of(&path.0)?, id_of(&path.1)?);
    let typed = posted.text("email").to_owned();
    viewer
        .run(&app, move |ctx| act::remove(ctx, customer, id, &typed))
        .await?;
    Ok(reply::see_saying(
        &format!("/customers/{customer}/contacts/{id}"),
        "said-done",
        "",
    ))
}

/// `POST /customers/{id}/reachable`: letters to an address of one of their contacts arrive again. Goes back to the page of that `contact`,
/// or to the customer's.
pub async fn reachable(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    posted: Posted,
) -> Answer {
    let customer: CustomerId = id_of(&id)?;
    let back = match posted.text("contact") {
        "" => format!("/customers/{customer}"),
        contact => {
            let contact: ContactId = id_of(contact)?;
            format!("/customers/{customer}/contacts/{contact}")
        }
    };
    let typed = posted.text("email").to_owned();
    viewer
        // Somebody else may have been faster, or the mark gone by itself: that is what was wanted.
        .run(&app, move |ctx| act::clear_bouncing(ctx, &typed))
        .await?;
    Ok(reply::see_saying(&back, "said-done", ""))
}
