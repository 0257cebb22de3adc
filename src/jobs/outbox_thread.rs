//! How a letter hangs in its thread: what it answers and what it refers to.

use crate::actions::letters;
use crate::domain::delivery::DeliveryKind;
use crate::domain::letter::{MESSAGE_ID_BYTES, message_ids};
use crate::domain::ticket::Ticket;
use crate::error::Result;
use crate::intake::mail;
use crate::store::intake::Writers;
use crate::store::outbox::Delivery;
use crate::store::{self, Conn};

/// In-Reply-To and References: the customer's own thread for the customer, one thread per ticket for staff.
pub(super) fn thread(
    conn: &mut Conn,
    delivery: &Delivery,
    host: &str,
) -> Result<(Option<String>, Vec<String>)> {
    let ticket = match delivery.ticket {
        Some(id) => store::ticket::by_id(conn, id)?,
        None => None,
    };
    let Some(ticket) = &ticket else {
        return Ok((None, Vec::new()));
    };
    let facts = &delivery.facts;
    match delivery.kind {
        DeliveryKind::AutoAnswer => {
            let last = facts.get("in_reply_to").map(str::to_owned);
            let mut ids: Vec<String> = facts
                .get("references")
                .unwrap_or_default()
                .split_whitespace()
                .map(str::to_owned)
                .collect();
            ids.extend(last.clone());
            Ok((last, root_and_last(ids)))
        }
        DeliveryKind::Reply | DeliveryKind::Report => {
            let writers = writers(conn, ticket, delivery)?;
            answering(conn, ticket, &writers)
        }
        _ => {
            let root = format!("ticket.{}@{host}", ticket.key.to_string().to_lowercase());
            Ok((Some(root.clone()), vec![root]))
        }
    }
}

/// Whose mails the reader of a letter may know of: of several customers who were hit none sees what another wrote to us, not even
/// its id.
fn writers(conn: &mut Conn, ticket: &Ticket, delivery: &Delivery) -> Result<Writers> {
    if let Some(customer) = letters::other_reader(conn, ticket, delivery.contact)? {
        return Ok(Writers::Only(store::people::addresses_at(conn, customer)?));
    }
    let asked = match ticket.requester {
        Some(id) => store::people::contact(conn, id)?.map(|contact| contact.customer_id),
        None => None,
    };
    let own = [ticket.customer, asked];
    let mut others = Vec::new();
    for row in store::ticket::affected(conn, ticket.id)? {
        if !own.contains(&Some(row.customer_id)) {
            others.extend(store::people::addresses_at(conn, row.customer_id)?);
        }
    }
    Ok(Writers::AllBut(others))
}

/// What the customer's last mail refers to, and that mail: both mail programs then show one thread. Its root is kept even where
/// a program on the way has dropped it.
fn answering(
    conn: &mut Conn,
    ticket: &Ticket,
    writers: &Writers,
) -> Result<(Option<String>, Vec<String>)> {
    let Some((raw, last)) = store::intake::last_mail(conn, ticket.id, writers)? else {
        return Ok((None, Vec::new()));
    };
    let head = store::blob::head(conn, raw)?.unwrap_or_default();
    let mut ids = mail::header(&head, "References")
        .map(|value| message_ids(&value))
        .unwrap_or_default();
    ids.retain(|id| is_echoed(id) && *id != last);
    if let Some(first) = store::intake::first_message_id(conn, ticket.id, writers)?
        && first != last
        && is_echoed(&first)
        && !ids.contains(&first)
    {
        ids.insert(0, first);
    }
    let last = Some(last).filter(|id| is_echoed(id));
    ids.extend(last.clone());
    Ok((last, root_and_last(ids)))
}

fn is_echoed(id: &str) -> bool {
    id.len() <= MESSAGE_ID_BYTES
}

/// Relays cut References that grow too long: the root and the last ones are what threads hang on.
fn root_and_last(ids: Vec<String>) -> Vec<String> {
    const KEPT: usize = 10;
    if ids.len() <= KEPT {
        return ids;
    }
    let skipped = ids.len() - KEPT + 1;
    ids.iter()
        .take(1)
        .chain(ids.iter().skip(skipped))
        .cloned()
        .collect()
}
