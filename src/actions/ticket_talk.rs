//! What is settled with a customer outside of letters: that somebody spoke with them, that we phone back, that no answer is needed; and
//! who of those hit waits for a word of ours. Each is for one customer, the ticket's own unless another one of those hit is named.

use super::letters;
use super::sla_reading::{self, concerns, told_to};
use super::ticket::{change, written};
use crate::app::Ctx;
use crate::domain::access::Action;
use crate::domain::correction::{CUSTOMER, Corrections};
use crate::domain::id::{CustomerId, TicketKey};
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::sla_agreement::Metric;
use crate::domain::text;
use crate::domain::ticket::Ticket;
use crate::domain::timeline::{Audience, Entry, EntryKind};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::store::timeline::Recorded;
use crate::store::{self, Tx};

/// Whom a promise is made to; `None`: the house itself.
type Party = Option<CustomerId>;

/// What is said and written between us and the customers: who did so last decides for whom the ticket waits.
pub(super) const TALK: &[EntryKind] = &[
    EntryKind::Opened,
    EntryKind::CustomerMessage,
    EntryKind::CustomerSolved,
    EntryKind::Reply,
    EntryKind::Shared,
    EntryKind::Update,
    EntryKind::CustomerContact,
    EntryKind::NoReplyNeeded,
    EntryKind::TakenBack,
];

/// Staff spoke with the customer: counts as an answer, and keeps a call-back that was promised to them. `with`: one of those hit.
pub fn spoke_with_customer(
    ctx: &Ctx<'_>,
    key: TicketKey,
    with: Option<CustomerId>,
    what: &str,
) -> Result<Ticket> {
    let text = text::body("body", what)?;
    change(ctx, key, None, Action::Reply, |tx, ticket| {
        let party = party(tx, ticket, with)?;
        let mut entries = vec![
            of(tx, ticket, Entry::new(EntryKind::CustomerContact), party)?
                .body(&text)
                .fact("how", "phone"),
        ];
        if ticket.callback_at.is_some() && owed_call_back_to(tx, ticket)? == party {
            ticket.callback_at = None;
            entries.push(of(tx, ticket, Entry::new(EntryKind::CallbackDone), party)?);
        }
        ticket.awaits_us = waiting(tx, ticket, None)?.iter().any(|it| *it != party);
        Ok(entries)
    })
}

/// We phone back by then. A ticket owes one call at a time: another one to the same customer moves it, one to somebody else waits.
pub fn promise_callback(
    ctx: &Ctx<'_>,
    key: TicketKey,
    rev: Option<i64>,
    to: Option<CustomerId>,
    number: &str,
    until: Timestamp,
) -> Result<Ticket> {
    let number = text::one_line("callback_number", number, 40)?;
    change(ctx, key, rev, Action::WorkOnTicket, |tx, ticket| {
        if until <= ctx.now {
            return Err(Refusal::new("promise-in-past").into());
        }
        let party = party(tx, ticket, to)?;
        if ticket.callback_at.is_some() && owed_call_back_to(tx, ticket)? != party {
            return Err(FieldError::new("customer_id", "call-back-owed").into());
        }
        ticket.callback_number = Some(number.clone());
        ticket.callback_at = Some(until);
        let promised = callback_promised(until, Some(&number));
        Ok(vec![of(tx, ticket, promised, party)?])
    })
}

pub(super) fn callback_promised(until: Timestamp, number: Option<&str>) -> Entry {
    Entry::new(EntryKind::CallbackPromised)
        .fact("until", until.rfc3339())
        .fact_some("number", number)
}

/// Whom the call back that is owed was promised to.
pub(super) fn owed_call_back_to(tx: &mut Tx, ticket: &Ticket) -> Result<Party> {
    let kinds = [EntryKind::CallbackPromised, EntryKind::Absorbed];
    let promised = store::timeline::of_kinds(tx, ticket.id, &kinds)?;
    let to = promised.iter().rev().find_map(|entry| match entry.kind {
        EntryKind::Absorbed => sla_reading::promised_to(Metric::CallBack, &entry.facts),
        _ => Some(told_to(ticket, entry)),
    });
    Ok(to.unwrap_or(ticket.customer))
}

/// What the customer wrote needs no answer: the clock is cancelled, and reports count it apart. `whose`: one of those hit; otherwise
/// it is said of everybody who waits.
pub fn no_reply_needed(
    ctx: &Ctx<'_>,
    key: TicketKey,
    rev: Option<i64>,
    whose: Option<CustomerId>,
    why: &str,
) -> Result<Ticket> {
    let why = written("why", why)?;
    change(ctx, key, rev, Action::Reply, |tx, ticket| {
        let waiting = waiting(tx, ticket, None)?;
        let spared = match whose {
            Some(_) => vec![party(tx, ticket, whose)?],
            None if waiting.is_empty() => vec![ticket.customer],
            None => waiting.clone(),
        };
        ticket.awaits_us = waiting.iter().any(|party| !spared.contains(party));
        let said = || Entry::new(EntryKind::NoReplyNeeded).body(&why);
        let entries = spared
            .into_iter()
            .map(|party| of(tx, ticket, said(), party));
        entries.collect()
    })
}

/// Those to whom we owe a word: who wrote since they heard from us. `without`: an entry that is being taken back.
pub(super) fn waiting(tx: &mut Tx, ticket: &Ticket, without: Option<i64>) -> Result<Vec<Party>> {
    if !ticket.is_open() {
        return Ok(Vec::new());
    }
    let talk = store::timeline::of_kinds(tx, ticket.id, TALK)?;
    let known = Corrections::of(talk.iter().map(Recorded::said));
    let counts = |entry: &&Recorded| {
        !known.is_void(entry.seq)
            && Some(entry.seq) != without
            && entry.kind != EntryKind::TakenBack
    };
    let talk: Vec<&Recorded> = talk.iter().filter(counts).collect();
    let asked = ticket.requester.is_some() || ticket.requester_address.is_some();
    let mut parties = vec![ticket.customer];
    for hit in store::ticket::affected(tx, ticket.id)? {
        let party = Some(hit.customer_id);
        if !parties.contains(&party) {
            parties.push(party);
        }
    }
    parties.retain(|party| {
        let last = talk.iter().rfind(|entry| match entry.kind {
            EntryKind::Opened => *party == ticket.customer,
            EntryKind::CustomerContact | EntryKind::NoReplyNeeded => {
                told_to(ticket, entry) == *party
            }
            _ => concerns(ticket, *party, entry.audience),
        });
        last.is_some_and(|entry| {
            entry.kind == EntryKind::CustomerMessage || entry.kind == EntryKind::Opened && asked
        })
    });
    Ok(parties)
}

/// Whether somebody waits for a word that one for `audience` isn't.
pub(super) fn others_wait(tx: &mut Tx, ticket: &Ticket, audience: Audience) -> Result<bool> {
    let waiting = waiting(tx, ticket, None)?;
    Ok(waiting
        .iter()
        .any(|party| !concerns(ticket, *party, audience)))
}

/// The customer that is meant, who has to be among those whom the ticket is about.
fn party(tx: &mut Tx, ticket: &Ticket, named: Option<CustomerId>) -> Result<Party> {
    let Some(customer) = named.filter(|named| Some(*named) != ticket.customer) else {
        return Ok(ticket.customer);
    };
    if !letters::is_hit_besides(tx, ticket, customer)? {
        let refused = FieldError::new("customer_id", "not-affected");
        return Err(refused.with("value", customer.to_string()).into());
    }
    Ok(Some(customer))
}

/// The entry, as said of this party. That it is about the ticket's own customer goes without saying.
fn of(tx: &mut Tx, ticket: &Ticket, entry: Entry, party: Party) -> Result<Entry> {
    let Some(customer) = party.filter(|_| party != ticket.customer) else {
        return Ok(entry);
    };
    let name = store::customer::by_id(tx, customer)?.map(|customer| customer.name);
    Ok(entry.fact(CUSTOMER, customer).fact_some("name", name))
}
