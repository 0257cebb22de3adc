//! A contact who watches a ticket wants no more letters about it, and says so by the link of one.

use super::record;
use crate::app::App;
use crate::domain::id::{ContactId, TicketKey};
use crate::domain::leave_link::LeaveLink;
use crate::domain::ticket::Ticket;
use crate::domain::timeline::{Actor, Door, Entry, EntryKind};
use crate::error::{Error, Result};
use crate::store::ticket::Watcher;
use crate::store::{self, Conn};

fn read(app: &App, token: &str) -> Result<LeaveLink> {
    LeaveLink::read(token, &app.signing_key).ok_or(Error::NotFound)
}

/// The ticket of a link, and whether its contact still watches it.
pub fn standing(app: &App, token: &str) -> Result<(TicketKey, bool)> {
    let link = read(app, token)?;
    app.store.read(|conn| {
        let ticket = store::ticket::by_id(conn, link.ticket)?.ok_or(Error::NotFound)?;
        let watchers = store::ticket::watchers(conn, ticket.id)?;
        Ok((
            ticket.key,
            watchers.contains(&Watcher::Contact(link.contact)),
        ))
    })
}

/// Stops their watching; where they don't watch, nothing changes.
pub fn leave(app: &App, token: &str) -> Result<TicketKey> {
    let link = read(app, token)?;
    let ctx = app.system("leave link", Door::Link);
    ctx.write(|tx| {
        let mut ticket = store::ticket::by_id(tx, link.ticket)?.ok_or(Error::NotFound)?;
        let contact = store::people::contact(tx, link.contact)?.ok_or(Error::NotFound)?;
        if store::ticket::unwatch(tx, ticket.id, Watcher::Contact(contact.id))? {
            // What they could find as watchers they find no longer.
            store::search::reindex(tx, &ticket)?;
            let entry = Entry::new(EntryKind::WatcherRemoved)
                .fact("name", &contact.name)
                .author(Actor::Contact(contact.id), contact.name.clone());
            record(tx, &ctx, &mut ticket, vec![entry])?;
        }
        Ok(ticket.key)
    })
}

/// Where mail programs send "unsubscribe" for a letter to this contact: only for one who watches. Whoever asked is owed their answers.
pub fn path(
    conn: &mut Conn,
    app: &App,
    ticket: &Ticket,
    contact: ContactId,
) -> Result<Option<String>> {
    let watches = store::ticket::watchers(conn, ticket.id)?.contains(&Watcher::Contact(contact));
    if !watches || ticket.requester == Some(contact) {
        return Ok(None);
    }
    let link = LeaveLink {
        ticket: ticket.id,
        contact,
    };
    Ok(Some(format!("/leave/{}", link.token(&app.signing_key))))
}
