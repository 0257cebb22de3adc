//! One contact, several addresses: mail from each of them is theirs. An address is added by a person who knows that it is; nothing is
//! merged, and tickets that somebody opened from there before stay as they are.

use super::customer::contact_of;
use super::intake_sender::House;
use super::login::shut_out;
use super::people::address_taken;
use super::{allow, audit, record};
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::id::{ContactId, CustomerId};
use crate::domain::people::MOST_ADDRESSES;
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::text::EmailAddress;
use crate::domain::timeline::{Entry, EntryKind, Facts};
use crate::error::{Error, Result};
use crate::store;
use crate::store::contact_address as rows;
use crate::store::people::{self, Holder};

/// Adds an address to a contact of this customer. One that is somebody's already, or one of ours, is refused by its field.
pub fn add(ctx: &Ctx<'_>, customer: CustomerId, id: ContactId, email: &EmailAddress) -> Result<()> {
    allow(&ctx.by, Action::ManageCustomers, Target::House)?;
    let added = ctx.write(|tx| {
        let contact = contact_of(tx, customer, id)?;
        if !contact.is_active {
            return Err(Refusal::new("contact-gone").into());
        }
        if House::load(tx, ctx.app)?.is_own(email) {
            let wrong = FieldError::new("email", "address-of-ours");
            return Err(wrong.with("value", email.to_string()).into());
        }
        if rows::of_contact(tx, id)?.len() >= MOST_ADDRESSES {
            let wrong = FieldError::new("email", "too-many-addresses");
            return Err(wrong.with("max", MOST_ADDRESSES.to_string()).into());
        }
        people::insert_address(tx, email, Holder::Contact(id), false)?;
        let facts = Facts::new().with("email", email);
        audit::note(tx, ctx, "contact-address-added", &contact.name, &facts)
    });
    added.map_err(|error| address_taken(ctx, email, error))
}

/// Takes an address off a contact; not the main one, which their form changes. Whoever has that mailbox comes in by it no more: the
/// contact's sessions and links end, and their tickets that answered there answer to the main address, and say so.
pub fn remove(ctx: &Ctx<'_>, customer: CustomerId, id: ContactId, address: &str) -> Result<()> {
    allow(&ctx.by, Action::ManageCustomers, Target::House)?;
    let email = &named(address)?;
    ctx.write(|tx| {
        let contact = contact_of(tx, customer, id)?;
        let theirs = rows::of_contact(tx, id)?;
        let known = theirs
            .iter()
            .find(|it| it.email.folded() == email.folded())
            .ok_or(Error::NotFound)?;
        if known.is_main {
            return Err(Refusal::new("main-address").into());
        }
        rows::remove(tx, email)?;
        for ticket in rows::answering_to(tx, id, email)? {
            let mut ticket = store::ticket::by_id(tx, ticket)?.ok_or(Error::NotFound)?;
            let was = ticket.requester_address.take();
            let entry = Entry::new(EntryKind::Edited)
                .fact("field", "requester_address")
                .fact_some("from", was)
                .fact("to", &contact.email);
            record(tx, ctx, &mut ticket, vec![entry])?;
        }
        shut_out(tx, ctx, Holder::Contact(id), true)?;
        let facts = Facts::new().with("email", email);
        audit::note(tx, ctx, "contact-address-removed", &contact.name, &facts)
    })
}

/// What is no address is nobody's.
fn named(address: &str) -> Result<EmailAddress> {
    EmailAddress::parse(address).map_err(|_| Error::NotFound)
}

/// A person says that letters to this address arrive again: one who handles mail, or keeps the customers. Whether it was marked at all.
pub fn clear_bouncing(ctx: &Ctx<'_>, address: &str) -> Result<bool> {
    if allow(&ctx.by, Action::ManageCustomers, Target::House).is_err() {
        allow(&ctx.by, Action::HandleMail, Target::House)?;
    }
    let folded = named(address)?.folded();
    ctx.write(|tx| {
        let was_marked = store::bouncing::forget(tx, &folded)?;
        if was_marked {
            audit::note(tx, ctx, "bounce-mark-cleared", &folded, &Facts::new())?;
        }
        Ok(was_marked)
    })
}
