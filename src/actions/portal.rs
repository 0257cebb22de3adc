//! What a customer's contact does: opens a ticket, writes on one, reads what is meant for them. Whose they are comes from their
//! login and from nothing that they send.

use super::ticket::{change, customer_wrote_in, open_in};
use super::ticket_parts::{Evidence, attach_in};
use super::{allow, allow_ticket, ticket_merge};
use crate::app::Ctx;
use crate::domain::access::{Action, Principal, Target};
use crate::domain::id::{ContactId, CustomerId, Kind, TicketKey};
use crate::domain::refusal::FieldError;
use crate::domain::severity::Severity;
use crate::domain::text::{self, Title};
use crate::domain::ticket::{Opening, Ticket};
use crate::domain::timeline::{Audience, EntryKind};
use crate::error::{Error, Fields, Result};
use crate::store::blob::Attachment;
use crate::store::timeline::Recorded;
use crate::store::{self, Conn};

/// The contact who acts; for anybody else there is no portal.
pub fn contact(by: &Principal) -> Result<(ContactId, CustomerId)> {
    match by {
        Principal::Contact { id, customer, .. } => Ok((*id, *customer)),
        Principal::Person { .. } | Principal::Token { .. } | Principal::System(_) => {
            Err(Error::NotFound)
        }
    }
}

/// Opens a ticket for the contact's customer, of the severity that mail has too: staff judge it.
pub fn open(ctx: &Ctx<'_>, title: &str, body: &str, files: &[Evidence]) -> Result<Ticket> {
    let (requester, customer) = contact(&ctx.by)?;
    allow(&ctx.by, Action::AskForHelp, Target::House)?;
    let mut fields = Fields::new();
    let title = fields.take(Title::parse(title));
    let body = fields.take(text::body("body", body));
    fields.check()?;
    let (Some(title), Some(body)) = (title, body) else {
        return Err(Error::internal("checked fields have values"));
    };
    let opening = Opening {
        severity: Some(Severity::Average),
        body,
        customer: Some(customer),
        requester: Some(requester),
        reported_at: Some(ctx.now),
        ..Opening::default()
    };
    ctx.write(|tx| {
        let ticket = open_in(tx, ctx, Kind::Incident, title.clone(), &opening, None)?;
        // They belong to the words that opened it.
        attach_in(tx, ctx, ticket.id, 1, files)?;
        Ok(ticket)
    })
}

/// Writes on a ticket. Their own customer reads it, whoever else was hit.
pub fn write(ctx: &Ctx<'_>, key: TicketKey, body: &str, files: &[Evidence]) -> Result<Ticket> {
    let (_, customer) = contact(&ctx.by)?;
    let body = text::body("body", body)?;
    if body.trim().is_empty() && files.is_empty() {
        return Err(FieldError::new("body", "required").into());
    }
    let key = ticket_merge::living(ctx, key)?;
    change(ctx, key, None, Action::Answer, |tx, ticket| {
        shown(ticket)?;
        let mut entries = customer_wrote_in(tx, ticket, &body, Some(customer), ctx.now)?;
        if let Some(first) = entries.first_mut() {
            first.audience = Audience::Customer(customer);
        }
        attach_in(tx, ctx, ticket.id, ticket.entry_count + 1, files)?;
        Ok(entries)
    })
}

/// Says that it is solved, with a word of thanks or none: it answers itself, and the owner hears of it.
pub fn solved(ctx: &Ctx<'_>, key: TicketKey, body: &str) -> Result<Ticket> {
    let (_, customer) = contact(&ctx.by)?;
    let body = text::body("body", body)?;
    let key = ticket_merge::living(ctx, key)?;
    change(ctx, key, None, Action::Answer, |tx, ticket| {
        shown(ticket)?;
        // Said twice in a row, it is said once: a double tap.
        let words = [
            EntryKind::CustomerSolved,
            EntryKind::CustomerMessage,
            EntryKind::Reply,
            EntryKind::Update,
            EntryKind::Reopened,
        ];
        let last = store::timeline::of_kinds(tx, ticket.id, &words)?.pop();
        if last.is_some_and(|entry| entry.kind == EntryKind::CustomerSolved) {
            return Ok(Vec::new());
        }
        let mut entries = ticket.customer_solved(body.trim())?;
        if let Some(first) = entries.first_mut() {
            first.audience = Audience::Customer(customer);
        }
        Ok(entries)
    })
}

/// Post-mortems are the house's own, whoever they name.
fn shown(ticket: &Ticket) -> Result<()> {
    if ticket.key.kind == Kind::PostMortem {
        Err(Error::NotFound)
    } else {
        Ok(())
    }
}

/// A ticket as a contact reads it.
#[derive(Debug)]
pub struct Reading {
    pub ticket: Ticket,
    pub entries: Vec<Recorded>,
    /// Files of those entries, and of no others.
    pub files: Vec<Attachment>,
}

/// What they may read of a ticket: entries for their customer and those for everybody who was hit.
pub fn read(ctx: &Ctx<'_>, conn: &mut Conn, key: TicketKey) -> Result<Reading> {
    let (_, customer) = contact(&ctx.by)?;
    let ticket = store::ticket::by_key(conn, key)?.ok_or(Error::NotFound)?;
    allow_ticket(conn, &ctx.by, Action::ReadTickets, &ticket)?;
    shown(&ticket)?;
    let affected = store::ticket::affected(conn, ticket.id)?;
    let is_affected = affected.iter().any(|row| row.customer_id == customer);
    let mut entries = store::timeline::for_customer(conn, ticket.id, customer, is_affected)?;
    let mut files = store::blob::attachments(conn, ticket.id)?;
    let has_file = |entry: &Recorded| files.iter().any(|file| file.entry_seq == entry.seq);
    entries.retain(|entry| tells_something(entry) || has_file(entry));
    files.retain(|file| entries.iter().any(|entry| entry.seq == file.entry_seq));
    Ok(Reading {
        ticket,
        entries,
        files,
    })
}

/// Bookkeeping entries have nothing to read.
fn tells_something(entry: &Recorded) -> bool {
    !entry.body.trim().is_empty()
        || matches!(
            entry.kind,
            EntryKind::Opened
                | EntryKind::CustomerSolved
                | EntryKind::Resolved
                | EntryKind::Reopened
                | EntryKind::Closed
        )
}
