//! A contact's addresses, and the addresses that letters come back from.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Answer, Call, Nothing, Reply};
use super::customer::known_contact;
use super::paging::{Page, Paging};
use super::value::At;
use crate::actions::{self, contact_address as action};
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::id::{ContactId, CustomerId};
use crate::domain::text::EmailAddress;
use crate::error::{Error, Result};
use crate::store;
use crate::store::bouncing::Bouncing;

/// One address of a contact. Mail from each of them counts as theirs.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContactAddress {
    pub email: String,
    /// Letters go here, where nobody asked for another; the contact's `email`.
    pub is_main: bool,
    /// Since when letters come back from there for good; `null`: they arrive, as far as is known.
    pub bouncing_since: Option<At>,
    /// What the newest report said; may be empty.
    #[schema(example = "5.1.1")]
    pub bounce_status: Option<String>,
}

impl ContactAddress {
    fn of(it: store::contact_address::ContactAddress) -> Self {
        let (since, status) = it.bouncing.map(|mark| (mark.since, mark.status)).unzip();
        Self {
            email: it.email.to_string(),
            is_main: it.is_main,
            bouncing_since: since.map(At),
            bounce_status: status,
        }
    }
}

fn all_of(ctx: &Ctx<'_>, customer: CustomerId, id: ContactId) -> Result<Vec<ContactAddress>> {
    known_contact(ctx, customer, id)?;
    let all = ctx.read(|conn| store::contact_address::of_contact(conn, id))?;
    Ok(all.into_iter().map(ContactAddress::of).collect())
}

/// List a contact's addresses
///
/// The main one first.
#[utoipa::path(get, path = "/api/v1/customers/{id}/contacts/{contact}/addresses", tag = "customers", params(Paging), responses((status = 200, description = "A page", body = Page<ContactAddress>)))]
pub async fn list(call: Call<Nothing>) -> Reply {
    let (customer, id): (CustomerId, ContactId) = (call.id("id")?, call.id("contact")?);
    let paging: Paging = call.query()?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadHouse, Target::House)?;
        let all = all_of(ctx, customer, id)?;
        Answer::ok(&paging.cut(all, |it| it.email.clone(), |it| it)?)
    })
    .await
}

/// Another address of a contact.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewContactAddress {
    #[schema(example = "carol+phone@contoso.example")]
    email: String,
}

/// Add an address to a contact
///
/// Mail from there is theirs from now on. Tickets that somebody opened from there before stay as they are. An address that is somebody's
/// already is refused: nobody is merged.
#[utoipa::path(post, path = "/api/v1/customers/{id}/contacts/{contact}/addresses", tag = "customers", request_body = NewContactAddress, responses((status = 201, description = "Added", body = ContactAddress)))]
pub async fn add(call: Call<NewContactAddress>) -> Reply {
    let (customer, id): (CustomerId, ContactId) = (call.id("id")?, call.id("contact")?);
    call.change(move |ctx, new| {
        let email = EmailAddress::parse(&new.email)?;
        action::add(ctx, customer, id, &email)?;
        let all = all_of(ctx, customer, id)?;
        let added = all.into_iter().find(|it| it.email == email.as_str());
        let place = format!("/api/v1/customers/{customer}/contacts/{id}/addresses");
        Answer::created(place, &added.ok_or(Error::NotFound)?)
    })
    .await
}

/// Take an address off a contact
///
/// Their sessions and links end, and their tickets that answered there answer to the main address. The main one can't be taken off: an
/// edit of the contact's `email` replaces it.
#[utoipa::path(delete, path = "/api/v1/customers/{id}/contacts/{contact}/addresses/{address}", tag = "customers", responses((status = 204, description = "Taken off")))]
pub async fn remove(call: Call<Nothing>) -> Reply {
    let (customer, id): (CustomerId, ContactId) = (call.id("id")?, call.id("contact")?);
    let address = call.text("address");
    call.change(move |ctx, _| {
        action::remove(ctx, customer, id, &address)?;
        Ok(Answer::nothing())
    })
    .await
}

/// An address that letters come back from for good.
#[derive(Debug, Serialize, ToSchema)]
pub struct BouncingAddress {
    pub address: String,
    pub since: At,
    /// What the newest report said; may be empty.
    #[schema(example = "5.1.1")]
    pub status: String,
}

/// List addresses that letters come back from
#[utoipa::path(get, path = "/api/v1/bouncing-addresses", tag = "mail", params(Paging), responses((status = 200, description = "A page", body = Page<BouncingAddress>)))]
pub async fn bouncing(call: Call<Nothing>) -> Reply {
    let paging: Paging = call.query()?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadMail, Target::House)?;
        let all = ctx.read(store::bouncing::all)?;
        let show = |it: Bouncing| BouncingAddress {
            address: it.address,
            since: At(it.since),
            status: it.status,
        };
        Answer::ok(&paging.cut(all, |it| it.address.clone(), show)?)
    })
    .await
}

/// Say that letters to an address arrive again
///
/// The mark goes by itself once somebody writes from there; 404 if there is none.
#[utoipa::path(delete, path = "/api/v1/bouncing-addresses/{address}", tag = "mail", responses((status = 204, description = "Cleared")))]
pub async fn clear_bouncing(call: Call<Nothing>) -> Reply {
    let address = call.text("address");
    call.change(move |ctx, _| match action::clear_bouncing(ctx, &address)? {
        true => Ok(Answer::nothing()),
        false => Err(Error::NotFound),
    })
    .await
}
