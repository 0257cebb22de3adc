//! Customers and their contacts.

use crate::actions::login::{ensure_login, send_link, shut_out};
use crate::actions::people::address_taken;
use crate::actions::{allow, audit};
use crate::app::Ctx;
use crate::domain::access::{Action, Reach, Target};
use crate::domain::id::{ContactId, CustomerId, Id};
use crate::domain::login::Purpose;
use crate::domain::people::{Contact, ContactDetails, Customer, CustomerDetails};
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::timeline::Facts;
use crate::error::{Error, Result};
use crate::store::customer as rows;
use crate::store::people::{self, Holder};
use crate::store::{Conn, Tx};

pub fn add(ctx: &Ctx<'_>, details: &CustomerDetails) -> Result<Customer> {
    allow(&ctx.by, Action::ManageCustomers, Target::House)?;
    ctx.write(|tx| {
        check_free(tx, None, details)?;
        let customer = Customer {
            id: Id::new(ctx.now),
            name: details.name.clone(),
            zone: details.zone,
            language: details.language.clone(),
            domains: details.domains.clone(),
            note: details.note.clone(),
            is_active: true,
            version: 1,
        };
        rows::insert(tx, &customer, ctx.now)?;
        audit::note(tx, ctx, "customer-added", &customer.name, &Facts::new())?;
        Ok(customer)
    })
}

/// Name and domains may be only one customer's; asked first, since a unique violation wouldn't say which of them it was.
fn check_free(conn: &mut Conn, own: Option<CustomerId>, details: &CustomerDetails) -> Result<()> {
    let mut wrong = Vec::new();
    if rows::by_name(conn, &details.name)?.is_some_and(|id| Some(id) != own) {
        wrong.push(FieldError::new("name", "name-taken").with("value", details.name.clone()));
    }
    for domain in &details.domains {
        if rows::owner_of_domain(conn, domain)?.is_some_and(|id| Some(id) != own) {
            wrong.push(FieldError::new("domains", "domain-taken").with("value", domain.clone()));
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(Error::Invalid(wrong))
    }
}

/// `rev` is the version that the form showed.
pub fn edit(
    ctx: &Ctx<'_>,
    id: CustomerId,
    rev: i64,
    details: &CustomerDetails,
) -> Result<Customer> {
    allow(&ctx.by, Action::ManageCustomers, Target::House)?;
    ctx.write(|tx| {
        let mut customer = rows::by_id(tx, id)?.ok_or(Error::NotFound)?;
        check_free(tx, Some(id), details)?;
        customer.version = rev;
        customer.name = details.name.clone();
        customer.zone = details.zone;
        customer.language = details.language.clone();
        customer.domains = details.domains.clone();
        customer.note = details.note.clone();
        rows::update(tx, &mut customer)?;
        audit::note(tx, ctx, "customer-edited", &customer.name, &Facts::new())?;
        Ok(customer)
    })
}

/// Ends or resumes business with a customer. Their contacts' sessions end.
pub fn set_active(ctx: &Ctx<'_>, id: CustomerId, is_active: bool) -> Result<()> {
    allow(&ctx.by, Action::ManageCustomers, Target::House)?;
    ctx.write(|tx| {
        let mut customer = rows::by_id(tx, id)?.ok_or(Error::NotFound)?;
        customer.is_active = is_active;
        rows::update(tx, &mut customer)?;
        if !is_active {
            for contact in people::contacts_of(tx, id)? {
                shut_out(tx, ctx, Holder::Contact(contact.id), true)?;
            }
        }
        let deed = if is_active {
            "customer-reactivated"
        } else {
            "customer-deactivated"
        };
        audit::note(tx, ctx, deed, &customer.name, &Facts::new())
    })
}

pub fn add_contact(
    ctx: &Ctx<'_>,
    customer: CustomerId,
    details: &ContactDetails,
) -> Result<Contact> {
    allow(&ctx.by, Action::ManageCustomers, Target::House)?;
    let added = ctx.write(|tx| {
        let customer = rows::by_id(tx, customer)?.ok_or(Error::NotFound)?;
        let contact = add_contact_in(tx, ctx, customer.id, details)?;
        audit::note(tx, ctx, "contact-added", &contact.name, &of(&customer))?;
        Ok(contact)
    });
    added.map_err(|error| address_taken(ctx, &details.email, error))
}

/// As [`add_contact`], inside a larger unit of work that has asked for permission: mail intake takes senders of a known domain.
pub fn add_contact_in(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    customer: CustomerId,
    details: &ContactDetails,
) -> Result<Contact> {
    let contact = Contact {
        id: Id::new(ctx.now),
        customer_id: customer,
        name: details.name.clone(),
        email: details.email.clone(),
        phone: details.phone.clone(),
        zone: details.zone,
        reach: details.reach,
        is_active: true,
        version: 1,
    };
    people::insert_contact(tx, &contact, ctx.now)?;
    Ok(contact)
}

fn of(customer: &Customer) -> Facts {
    Facts::new().with("customer", &customer.name)
}

/// Changes a contact of this customer; one of another customer isn't there.
pub fn edit_contact(
    ctx: &Ctx<'_>,
    customer: CustomerId,
    id: ContactId,
    rev: i64,
    details: &ContactDetails,
) -> Result<Contact> {
    allow(&ctx.by, Action::ManageCustomers, Target::House)?;
    let edited = ctx.write(|tx| {
        let mut contact = contact_of(tx, customer, id)?;
        let fewer_powers = contact.reach == Reach::Customer && details.reach == Reach::Own;
        let new_address = contact.email != details.email;
        contact.version = rev;
        contact.name = details.name.clone();
        contact.email = details.email.clone();
        contact.phone = details.phone.clone();
        contact.zone = details.zone;
        contact.reach = details.reach;
        people::update_contact(tx, &mut contact)?;
        if fewer_powers || new_address {
            shut_out(tx, ctx, Holder::Contact(id), new_address)?;
        }
        audit::note(tx, ctx, "contact-edited", &contact.name, &Facts::new())?;
        Ok(contact)
    });
    edited.map_err(|error| address_taken(ctx, &details.email, error))
}

pub(super) fn contact_of(tx: &mut Tx, customer: CustomerId, id: ContactId) -> Result<Contact> {
    people::contact(tx, id)?
        .filter(|it| it.customer_id == customer)
        .ok_or(Error::NotFound)
}

/// Deactivates a contact or takes them back.
pub fn set_contact_active(
    ctx: &Ctx<'_>,
    customer: CustomerId,
    id: ContactId,
    is_active: bool,
) -> Result<()> {
    allow(&ctx.by, Action::ManageCustomers, Target::House)?;
    ctx.write(|tx| {
        let mut contact = contact_of(tx, customer, id)?;
        contact.is_active = is_active;
        people::update_contact(tx, &mut contact)?;
        if !is_active {
            shut_out(tx, ctx, Holder::Contact(id), true)?;
        }
        let deed = if is_active {
            "contact-reactivated"
        } else {
            "contact-deactivated"
        };
        audit::note(tx, ctx, deed, &contact.name, &Facts::new())
    })
}

/// Invites a contact to the portal; the path of their link.
pub fn invite_contact(ctx: &Ctx<'_>, customer: CustomerId, id: ContactId) -> Result<String> {
    allow(&ctx.by, Action::ManageCustomers, Target::House)?;
    ctx.write(|tx| {
        let contact = contact_of(tx, customer, id)?;
        if !contact.is_active {
            return Err(Refusal::new("contact-gone").into());
        }
        let login = ensure_login(tx, ctx, Holder::Contact(id))?;
        let path = send_link(tx, ctx, &login, Purpose::Invite)?;
        audit::note(tx, ctx, "contact-invited", &contact.name, &Facts::new())?;
        Ok(path)
    })
}
