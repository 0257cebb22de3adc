//! Changing what a ticket says of itself: title, customer, team, services, due date. When it began is next door, in
//! `ticket_times`.

use super::ticket::change;
use crate::app::Ctx;
use crate::domain::access::Action;
use crate::domain::id::{CustomerId, ServiceId, TeamId, TicketKey};
use crate::domain::text::Title;
use crate::domain::ticket::Ticket;
use crate::domain::timeline::{Entry, EntryKind};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::store::{self, Tx};

/// What an edit form may change at once. `None` leaves a field as it is; `Some(None)` empties it.
#[derive(Debug, Clone, Default)]
pub struct Edit {
    pub title: Option<Title>,
    pub customer: Option<Option<CustomerId>>,
    pub team: Option<Option<TeamId>>,
    pub services: Option<Vec<ServiceId>>,
    pub due_at: Option<Option<Timestamp>>,
    pub bridge_url: Option<Option<String>>,
    pub chat_url: Option<Option<String>>,
}

pub fn edit(ctx: &Ctx<'_>, key: TicketKey, rev: Option<i64>, edit: &Edit) -> Result<Ticket> {
    change(ctx, key, rev, Action::WorkOnTicket, |tx, ticket| {
        apply(tx, ctx, ticket, edit)
    })
}

fn apply(tx: &mut Tx, ctx: &Ctx<'_>, ticket: &mut Ticket, edit: &Edit) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    if let Some(title) = edit.title.as_ref().filter(|title| **title != ticket.title) {
        entries.push(ticket.retitle(title.clone())?);
    }
    if let Some(customer) = edit
        .customer
        .filter(|customer| *customer != ticket.customer)
    {
        let changed = Entry::new(EntryKind::CustomerChanged);
        entries.push(
            changed
                .fact_some("from", ticket.customer)
                .fact_some("to", customer),
        );
        let was = std::mem::replace(&mut ticket.customer, customer);
        match (was, customer) {
            // It was never theirs: the clocks of whoever it was are cancelled, what they missed stays on record.
            (Some(was), Some(customer)) => {
                store::affected::replace(tx, ticket.id, was, customer)?;
            }
            (Some(was), None) => store::affected::remove(tx, ticket.id, was)?,
            (None, _) => {}
        }
        if let Some(customer) = customer {
            super::ticket_parts::add_hit(tx, ctx, ticket, customer, None)?;
        }
        // Who may read what was written before has changed.
        store::search::reindex(tx, ticket)?;
    }
    if let Some(team) = edit.team.filter(|team| *team != ticket.team) {
        let changed = Entry::new(EntryKind::TeamChanged);
        entries.push(changed.fact_some("from", ticket.team).fact_some("to", team));
        ticket.team = team;
    }
    if let Some(services) = &edit.services
        && *services != store::ticket::services(tx, ticket.id)?
    {
        store::ticket::set_services(tx, ticket.id, services)?;
        ticket.service = services.first().copied();
        entries.push(Entry::new(EntryKind::ServiceChanged).fact_some("to", ticket.service));
    }
    if let Some(due_at) = edit.due_at.filter(|due_at| *due_at != ticket.due_at) {
        let changed = Entry::new(EntryKind::DueChanged);
        let text = |at: Option<Timestamp>| at.map(Timestamp::rfc3339);
        entries.push(
            changed
                .fact_some("from", text(ticket.due_at))
                .fact_some("to", text(due_at)),
        );
        ticket.due_at = due_at;
    }
    let links = [
        ("bridge_url", &edit.bridge_url, &mut ticket.bridge_url),
        ("chat_url", &edit.chat_url, &mut ticket.chat_url),
    ];
    for (field, new, old) in links {
        if let Some(new) = new.as_ref().filter(|new| *new != old) {
            entries.push(
                Entry::new(EntryKind::Edited)
                    .fact("field", field)
                    .fact_some("to", new.as_deref()),
            );
            old.clone_from(new);
        }
    }
    Ok(entries)
}
