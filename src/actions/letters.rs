//! Which letters follow from what happened to a ticket: answers go to whoever asked, news of customers to the owner.
//!
//! A letter is only asked for here; its text is written when it is sent, from the ticket as it stands then.

use super::proposal_news;
use crate::app::Ctx;
use crate::domain::access::{Reach, Role};
use crate::domain::delivery::DeliveryKind;
use crate::domain::id::{ContactId, CustomerId, PersonId};
use crate::domain::ticket::Ticket;
use crate::domain::timeline::{Audience, EntryKind, Facts};
use crate::error::Result;
use crate::store::outbox::NewDelivery;
use crate::store::people::Holder;
use crate::store::ticket::Watcher;
use crate::store::timeline::Recorded;
use crate::store::{self, Conn, Tx};
use crate::words::Words;

/// Asks for the letters that these entries bring with them.
pub fn follow(tx: &mut Tx, ctx: &Ctx<'_>, ticket: &Ticket, recorded: &[Recorded]) -> Result<()> {
    for entry in recorded {
        match entry.kind {
            EntryKind::Reply | EntryKind::Shared => {
                to_requester(tx, ctx, ticket, entry, "reply")?;
            }
            EntryKind::Update => to_requester(tx, ctx, ticket, entry, "update")?,
            EntryKind::CustomerMessage => {
                let reopened = recorded
                    .iter()
                    .any(|other| other.kind == EntryKind::Reopened);
                let letter = if reopened {
                    "customer_reopened"
                } else {
                    "customer_wrote"
                };
                let facts = Facts::new()
                    .with("letter", letter)
                    .with("from", &entry.actor_name);
                let key = format!("wrote.{}.{}", ticket.id, entry.seq);
                tell_owner_of(tx, ctx, ticket, Some(entry.seq), &key, facts)?;
            }
            EntryKind::CustomerSolved => {
                let facts = Facts::new()
                    .with("letter", "customer_solved")
                    .with("from", &entry.actor_name);
                let key = format!("solved.{}.{}", ticket.id, entry.seq);
                tell_owner_of(tx, ctx, ticket, Some(entry.seq), &key, facts)?;
            }
            EntryKind::OwnerSet | EntryKind::HandedOver => {
                let own_doing = entry.actor.person() == ticket.owner;
                if !own_doing
                    && entry.facts.get("person") == ticket.owner.map(|id| id.to_string()).as_deref()
                {
                    let letter = if entry.kind == EntryKind::HandedOver {
                        "handed_over"
                    } else {
                        "assigned"
                    };
                    let facts = Facts::new()
                        .with("letter", letter)
                        .with("from", &entry.actor_name);
                    let key = format!("owner.{}.{}", ticket.id, entry.seq);
                    tell_owner_of(tx, ctx, ticket, Some(entry.seq), &key, facts)?;
                }
            }
            EntryKind::HoldNudged => {
                let mut facts = entry.facts.clone();
                if facts.get("whom").is_none() {
                    let word = format!("waiting-whom-{}", facts.get("on").unwrap_or_default());
                    facts.set("whom", Words::english().t(&word));
                }
                if facts.get("until").is_none() {
                    facts.set("until", "–");
                }
                facts.set("letter", "hold_nudged");
                let key = format!("nudge.{}.{}", ticket.id, entry.seq);
                tell_whoever_has_it(tx, ctx, ticket, Some(entry.seq), &key, &facts)?;
            }
            EntryKind::WordsProposed | EntryKind::WordsApproved | EntryKind::WordsSentBack => {
                proposal_news::tell(tx, ctx, ticket, entry)?;
            }
            EntryKind::DeploymentQueued
            | EntryKind::DeploymentReleased
            | EntryKind::DeploymentDropped => {
                if let Some(letter) = deployment_letter(entry) {
                    let facts = entry.facts.clone();
                    let facts = facts.with("letter", letter);
                    let key = format!("queue.{}.{}", ticket.id, entry.seq);
                    tell_owner_of(tx, ctx, ticket, Some(entry.seq), &key, facts)?;
                }
            }
            EntryKind::Unsatisfied => {
                let facts = Facts::new().with("letter", "reply_lost");
                let key = format!("lost.{}.{}", ticket.id, entry.seq);
                tell_whoever_has_it(tx, ctx, ticket, Some(entry.seq), &key, &facts)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// A notice to the owner; without one to the team, and without a team to whoever leads here: it isn't for nobody.
fn tell_whoever_has_it(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: &Ticket,
    seq: Option<i64>,
    key: &str,
    facts: &Facts,
) -> Result<()> {
    let people = match (ticket.owner, ticket.team) {
        (Some(owner), _) => vec![owner],
        (None, Some(team)) => store::house::members(tx, team)?,
        (None, None) => leads(tx)?,
    };
    for person in people {
        notice(tx, ctx, ticket, seq, person, key, facts.clone())?;
    }
    Ok(())
}

fn leads(conn: &mut Conn) -> Result<Vec<PersonId>> {
    let all = store::people::persons(conn)?.into_iter();
    let leads = all.filter(|person| person.is_active && person.roles.has(Role::Lead));
    Ok(leads.map(|person| person.id).collect())
}

/// Who gets what is said to this audience, each by a letter of their own, so that nobody learns of the others: the requester and the
/// contacts who watch. Where one of the other customers who were hit has nobody who watches, those of theirs who read everything of
/// their customer.
pub fn recipients(
    conn: &mut Conn,
    ticket: &Ticket,
    audience: Audience,
) -> Result<Vec<(Option<ContactId>, String)>> {
    let is_strangers = ticket.requester.is_none() && ticket.requester_address.is_some();
    if audience == Audience::Internal && !is_strangers {
        return Ok(Vec::new());
    }
    let mut contacts = Vec::new();
    for who in ticket
        .requester
        .map(Watcher::Contact)
        .into_iter()
        .chain(store::ticket::watchers(conn, ticket.id)?)
    {
        if let Watcher::Contact(id) = who
            && !contacts.contains(&id)
        {
            contacts.push(id);
        }
    }
    let mut addresses = Vec::new();
    for id in contacts {
        let Some(contact) = store::people::contact(conn, id)?.filter(|contact| contact.is_active)
        else {
            continue;
        };
        // An entry for one customer is for their people alone.
        let may_read = match audience {
            Audience::Customer(customer) => customer == contact.customer_id,
            Audience::AllAffected => true,
            Audience::Internal => false,
        };
        if may_read {
            // Where whoever asked wants their answers, if not at the address that we know.
            let elsewhere = ticket
                .requester_address
                .as_ref()
                .filter(|_| ticket.requester == Some(id));
            let address = elsewhere.map_or_else(|| contact.email.folded(), |it| it.to_lowercase());
            addresses.push((Some(id), address));
        }
    }
    // Whoever asked without being a contact is of the ticket's own customer, if of any.
    let others = match audience {
        Audience::Customer(of) => Some(of).filter(|of| Some(*of) != ticket.customer),
        Audience::Internal | Audience::AllAffected => None,
    };
    if let (None, Some(address), None) = (ticket.requester, &ticket.requester_address, others) {
        addresses.push((None, address.to_lowercase()));
    }
    if let Some(customer) = others.filter(|_| addresses.is_empty()) {
        let theirs = store::people::contacts_of(conn, customer)?.into_iter();
        let reading = theirs.filter(|it| it.is_active && it.reach == Reach::Customer);
        addresses.extend(reading.map(|it| (Some(it.id), it.email.folded())));
    }
    Ok(addresses)
}

/// Whether this customer is one of those who were hit besides the ticket's own: what is between us and the one isn't for the other.
pub fn is_hit_besides(conn: &mut Conn, ticket: &Ticket, customer: CustomerId) -> Result<bool> {
    if ticket.customer == Some(customer) {
        return Ok(false);
    }
    let hit = store::ticket::affected(conn, ticket.id)?;
    Ok(hit.iter().any(|row| row.customer_id == customer))
}

/// The customer of the contact whom a letter is for, if it is such a one, and they aren't who asked.
pub fn other_reader(
    conn: &mut Conn,
    ticket: &Ticket,
    contact: Option<ContactId>,
) -> Result<Option<CustomerId>> {
    let Some(id) = contact.filter(|id| ticket.requester != Some(*id)) else {
        return Ok(None);
    };
    let customer = store::people::contact(conn, id)?.map(|contact| contact.customer_id);
    Ok(match customer {
        Some(customer) if is_hit_besides(conn, ticket, customer)? => Some(customer),
        _ => None,
    })
}

fn to_requester(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: &Ticket,
    entry: &Recorded,
    letter: &str,
) -> Result<()> {
    for (contact, address) in recipients(tx, ticket, entry.audience)? {
        let mut delivery = NewDelivery::mail(
            DeliveryKind::Reply,
            format!("{letter}.{}.{}.{address}", ticket.id, entry.seq),
            address,
        );
        delivery.ticket = Some(ticket.id);
        delivery.entry_seq = Some(entry.seq);
        delivery.contact = contact;
        delivery.facts = Facts::new()
            .with("letter", letter)
            .with("from", &entry.actor_name);
        store::outbox::queue(tx, &delivery, ctx.now)?;
    }
    Ok(())
}

/// A notice to the owner, once for this key; without one to the team.
pub fn tell_in_charge(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: &Ticket,
    key: &str,
    facts: &Facts,
) -> Result<()> {
    tell_whoever_has_it(tx, ctx, ticket, None, key, facts)
}

/// What a letter prints where there is nothing to say.
pub const fn or_dash(text: &str) -> &str {
    if text.is_empty() { "–" } else { text }
}

/// The letter about a deployment that waits: none when it was just asked for.
fn deployment_letter(entry: &Recorded) -> Option<&'static str> {
    match entry.kind {
        EntryKind::DeploymentReleased => Some("deployment_released"),
        EntryKind::DeploymentDropped => Some("deployment_dropped"),
        _ => match entry.facts.get("reason") {
            Some("window" | "turn") => None,
            _ => Some("deployment_stuck"),
        },
    }
}

/// A notice to the owner and the staff who watch, once for this key.
fn tell_owner_of(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: &Ticket,
    seq: Option<i64>,
    key: &str,
    facts: Facts,
) -> Result<()> {
    let mut people: Vec<PersonId> = ticket.owner.into_iter().collect();
    for who in store::ticket::watchers(tx, ticket.id)? {
        if let Watcher::Person(id) = who
            && !people.contains(&id)
        {
            people.push(id);
        }
    }
    for person in people {
        if ctx.by.person() != Some(person) {
            notice(tx, ctx, ticket, seq, person, key, facts.clone())?;
        }
    }
    Ok(())
}

/// A notice about a ticket to one of the staff, by mail.
pub fn notice(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: &Ticket,
    seq: Option<i64>,
    person: PersonId,
    key: &str,
    facts: Facts,
) -> Result<()> {
    if !store::people::person(tx, person)?.is_some_and(|person| person.is_active) {
        return Ok(());
    }
    let Some(address) = store::people::addresses(tx, Holder::Person(person))?
        .into_iter()
        .next()
    else {
        return Ok(());
    };
    let mut delivery = NewDelivery::mail(
        DeliveryKind::Notice,
        format!("{key}.{person}"),
        address.folded(),
    );
    delivery.ticket = Some(ticket.id);
    delivery.entry_seq = seq;
    delivery.person = Some(person);
    delivery.facts = facts;
    store::outbox::queue(tx, &delivery, ctx.now)?;
    Ok(())
}
