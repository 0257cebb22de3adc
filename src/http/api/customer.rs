//! Customers and their contacts.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Answer, Call, Nothing, Reply};
use super::paging::{Page, Paging};
use super::ticket::IfMatch;
use super::value::{ContactUid, CustomerUid, ReachWord, Uid, Word};
use crate::actions::{self, customer as action};
use crate::domain::access::{Action, Reach, Target};
use crate::domain::id::{ContactId, CustomerId};
use crate::domain::people::{self, ContactDetails, CustomerDetails};
use crate::error::{Error, Result};
use crate::store;

/// A customer.
#[derive(Debug, Serialize, ToSchema)]
pub struct Customer {
    pub id: CustomerUid,
    pub name: String,
    #[schema(example = "Europe/Stockholm")]
    pub zone: String,
    #[schema(example = "en")]
    pub language: String,
    /// Mail from these domains is this customer's.
    pub domains: Vec<String>,
    pub note: String,
    pub is_active: bool,
    pub version: i64,
}

impl Customer {
    fn of(of: people::Customer) -> Self {
        Self {
            id: Uid(of.id),
            name: of.name,
            zone: of.zone.name().to_owned(),
            language: of.language,
            domains: of.domains,
            note: of.note,
            is_active: of.is_active,
            version: of.version,
        }
    }
}

/// List customers
#[utoipa::path(get, path = "/api/v1/customers", tag = "customers", params(Paging), responses((status = 200, description = "A page", body = Page<Customer>)))]
pub async fn list(call: Call<Nothing>) -> Reply {
    let paging: Paging = call.query()?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadHouse, Target::House)?;
        let all = ctx.read(store::customer::all)?;
        Answer::ok(&paging.cut(all, |it| it.id.to_string(), Customer::of)?)
    })
    .await
}

/// Read a customer
#[utoipa::path(get, path = "/api/v1/customers/{id}", tag = "customers", responses((status = 200, description = "The customer", body = Customer)))]
pub async fn read(call: Call<Nothing>) -> Reply {
    let id: CustomerId = call.id("id")?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadHouse, Target::House)?;
        let found = ctx.read(|conn| store::customer::by_id(conn, id))?;
        shown(found.ok_or(Error::NotFound)?)
    })
    .await
}

fn shown(customer: people::Customer) -> Result<Answer> {
    let version = customer.version;
    Ok(Answer::ok(&Customer::of(customer))?.version(version))
}

/// A new customer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCustomer {
    name: String,
    #[schema(example = "Europe/Stockholm")]
    zone: String,
    /// English by default.
    #[serde(default)]
    language: String,
    #[serde(default)]
    domains: Vec<String>,
    #[serde(default)]
    note: String,
}

/// Add a customer
#[utoipa::path(post, path = "/api/v1/customers", tag = "customers", request_body = NewCustomer, responses((status = 201, description = "Added", body = Customer)))]
pub async fn add(call: Call<NewCustomer>) -> Reply {
    call.change(|ctx, new| {
        let domains = new.domains.join("\n");
        let details =
            CustomerDetails::parse(&new.name, &new.zone, &new.language, &domains, &new.note)?;
        let customer = action::add(ctx, &details)?;
        let (place, version) = (
            format!("/api/v1/customers/{}", customer.id),
            customer.version,
        );
        Ok(Answer::created(place, &Customer::of(customer))?.version(version))
    })
    .await
}

/// What changes; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomerEdit {
    name: Option<String>,
    zone: Option<String>,
    language: Option<String>,
    domains: Option<Vec<String>>,
    note: Option<String>,
    /// Customers are deactivated, never deleted.
    is_active: Option<bool>,
}

/// Edit a customer
#[utoipa::path(patch, path = "/api/v1/customers/{id}", tag = "customers", params(IfMatch), request_body = CustomerEdit, responses((status = 200, description = "As it stands now", body = Customer)))]
pub async fn edit(call: Call<CustomerEdit>) -> Reply {
    let (id, rev): (CustomerId, _) = (call.id("id")?, call.rev);
    call.change(move |ctx, asked| {
        actions::allow(&ctx.by, Action::ManageCustomers, Target::House)?;
        ctx.as_one(
            |ctx| {
                let known = ctx.read(|conn| store::customer::by_id(conn, id))?;
                let known = known.ok_or(Error::NotFound)?;
                let rev = rev.unwrap_or(known.version);
                let domains = asked.domains.as_ref().unwrap_or(&known.domains).join("\n");
                let details = CustomerDetails::parse(
                    asked.name.as_deref().unwrap_or(&known.name),
                    asked.zone.as_deref().unwrap_or(known.zone.name()),
                    asked.language.as_deref().unwrap_or(&known.language),
                    &domains,
                    asked.note.as_deref().unwrap_or(&known.note),
                )?;
                let mut edited = action::edit(ctx, id, rev, &details)?;
                if let Some(is_active) = asked.is_active.filter(|it| *it != known.is_active) {
                    action::set_active(ctx, id, is_active)?;
                    let found = ctx.read(|conn| store::customer::by_id(conn, id))?;
                    edited = found.ok_or(Error::NotFound)?;
                }
                shown(edited)
            },
            |_, _| Ok(()),
        )
    })
    .await
}

/// Somebody of a customer.
#[derive(Debug, Serialize, ToSchema)]
pub struct Contact {
    pub id: ContactUid,
    pub customer_id: CustomerUid,
    pub name: String,
    pub email: String,
    pub phone: Option<String>,
    /// The customer's, if empty.
    pub zone: Option<String>,
    /// Which tickets they see.
    pub reach: ReachWord,
    pub is_active: bool,
    pub version: i64,
}

impl Contact {
    fn of(of: people::Contact) -> Self {
        Self {
            id: Uid(of.id),
            customer_id: Uid(of.customer_id),
            name: of.name,
            email: of.email.as_str().to_owned(),
            phone: of.phone,
            zone: of.zone.map(|zone| zone.name().to_owned()),
            reach: Word(of.reach),
            is_active: of.is_active,
            version: of.version,
        }
    }
}

/// List a customer's contacts
#[utoipa::path(get, path = "/api/v1/customers/{id}/contacts", tag = "customers", params(Paging), responses((status = 200, description = "A page", body = Page<Contact>)))]
pub async fn contacts(call: Call<Nothing>) -> Reply {
    let id: CustomerId = call.id("id")?;
    let paging: Paging = call.query()?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadHouse, Target::House)?;
        let all = ctx.read(|conn| {
            store::customer::by_id(conn, id)?.ok_or(Error::NotFound)?;
            store::people::contacts_of(conn, id)
        })?;
        Answer::ok(&paging.cut(all, |it| it.id.to_string(), Contact::of)?)
    })
    .await
}

/// A new contact.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewContact {
    name: String,
    email: String,
    #[serde(default)]
    phone: String,
    #[serde(default)]
    zone: String,
    /// `own` by default.
    reach: Option<ReachWord>,
}

/// Add a contact
#[utoipa::path(post, path = "/api/v1/customers/{id}/contacts", tag = "customers", request_body = NewContact, responses((status = 201, description = "Added", body = Contact)))]
pub async fn add_contact(call: Call<NewContact>) -> Reply {
    let id: CustomerId = call.id("id")?;
    call.change(move |ctx, new| {
        let reach = new.reach.map_or(Reach::Own, |word| word.0);
        let details = ContactDetails::parse(&new.name, &new.email, &new.phone, &new.zone, reach)?;
        let contact = action::add_contact(ctx, id, &details)?;
        let place = format!("/api/v1/customers/{id}/contacts/{}", contact.id);
        let version = contact.version;
        Ok(Answer::created(place, &Contact::of(contact))?.version(version))
    })
    .await
}

/// Read a contact
#[utoipa::path(get, path = "/api/v1/customers/{id}/contacts/{contact}", tag = "customers", responses((status = 200, description = "The contact", body = Contact)))]
pub async fn contact(call: Call<Nothing>) -> Reply {
    let (customer, id): (CustomerId, ContactId) = (call.id("id")?, call.id("contact")?);
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadHouse, Target::House)?;
        shown_contact(known_contact(ctx, customer, id)?)
    })
    .await
}

pub(super) fn known_contact(
    ctx: &crate::app::Ctx<'_>,
    customer: CustomerId,
    id: ContactId,
) -> Result<people::Contact> {
    let found = ctx.read(|conn| store::people::contact(conn, id))?;
    found
        .filter(|contact| contact.customer_id == customer)
        .ok_or(Error::NotFound)
}

fn shown_contact(contact: people::Contact) -> Result<Answer> {
    let version = contact.version;
    Ok(Answer::ok(&Contact::of(contact))?.version(version))
}

/// What changes; what is left out stays, an empty text empties.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactEdit {
    name: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    zone: Option<String>,
    reach: Option<ReachWord>,
    /// Contacts are deactivated, never deleted.
    is_active: Option<bool>,
}

/// Edit a contact
#[utoipa::path(patch, path = "/api/v1/customers/{id}/contacts/{contact}", tag = "customers", params(IfMatch), request_body = ContactEdit, responses((status = 200, description = "As it stands now", body = Contact)))]
pub async fn edit_contact(call: Call<ContactEdit>) -> Reply {
    let (customer, id): (CustomerId, ContactId) = (call.id("id")?, call.id("contact")?);
    let rev = call.rev;
    call.change(move |ctx, asked| {
        actions::allow(&ctx.by, Action::ManageCustomers, Target::House)?;
        ctx.as_one(
            |ctx| {
                let known = known_contact(ctx, customer, id)?;
                let rev = rev.unwrap_or(known.version);
                let zone = known.zone.map_or("", |zone| zone.name());
                let details = ContactDetails::parse(
                    asked.name.as_deref().unwrap_or(&known.name),
                    asked.email.as_deref().unwrap_or(known.email.as_str()),
                    asked
                        .phone
                        .as_ref()
                        .or(known.phone.as_ref())
                        .map_or("", String::as_str),
                    asked.zone.as_deref().unwrap_or(zone),
                    asked.reach.map_or(known.reach, |word| word.0),
                )?;
                let mut edited = action::edit_contact(ctx, customer, id, rev, &details)?;
                if let Some(is_active) = asked.is_active.filter(|it| *it != known.is_active) {
                    action::set_contact_active(ctx, customer, id, is_active)?;
                    edited = known_contact(ctx, customer, id)?;
                }
                shown_contact(edited)
            },
            |_, _| Ok(()),
        )
    })
    .await
}

/// Invite a contact to the portal
///
/// They get a letter with a link to choose their password. A link that was sent before stops working.
#[utoipa::path(post, path = "/api/v1/customers/{id}/contacts/{contact}/invite", tag = "customers", responses((status = 200, description = "Invited", body = Contact)))]
pub async fn invite_contact(call: Call<Nothing>) -> Reply {
    let (customer, id): (CustomerId, ContactId) = (call.id("id")?, call.id("contact")?);
    call.change(move |ctx, _| {
        // The link is in the letter alone: a program doesn't come in as somebody else.
        action::invite_contact(ctx, customer, id)?;
        shown_contact(known_contact(ctx, customer, id)?)
    })
    .await
}
