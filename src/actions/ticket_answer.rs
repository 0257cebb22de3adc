//! What answers a customer besides a reply: a note that they may read after all, and the word that no answer is needed.

use super::ticket::{become_customer_voice, change, replied, written};
use crate::app::Ctx;
use crate::domain::access::Action;
use crate::domain::id::TicketKey;
use crate::domain::refusal::Refusal;
use crate::domain::ticket::Ticket;
use crate::domain::timeline::{Entry, EntryKind};
use crate::error::{Error, Result};
use crate::store;

/// The customer may read this note of ours from now on. It counts as an answer at this moment, not at the one it was written at.
pub fn share(ctx: &Ctx<'_>, key: TicketKey, seq: i64) -> Result<Ticket> {
    change(ctx, key, None, Action::Reply, |tx, ticket| {
        let note = store::timeline::by_seq(tx, ticket.id, seq)?.ok_or(Error::NotFound)?;
        let is_ours = matches!(note.kind, EntryKind::Note | EntryKind::Evidence)
            && note.actor.person().is_some();
        if !is_ours || note.redacted_at.is_some() || note.body.trim().is_empty() {
            return Err(Refusal::new("not-to-be-shared").into());
        }
        if ticket.requester.is_none() && ticket.requester_address.is_none() {
            return Err(Refusal::new("nobody-to-reply-to")
                .with("key", key.to_string())
                .into());
        }
        let shared = store::timeline::of_kinds(tx, ticket.id, &[EntryKind::Shared])?;
        let own = seq.to_string();
        if shared
            .iter()
            .any(|entry| entry.facts.get("entry") == Some(own.as_str()))
        {
            return Err(Refusal::new("already-shared").into());
        }
        let mut entry = replied(ticket, &note.body).fact("entry", seq);
        entry.kind = EntryKind::Shared;
        let mut entries = vec![entry];
        become_customer_voice(tx, ctx, ticket, &mut entries)?;
        Ok(entries)
    })
}

/// What the customer wrote needs no answer: the clock is cancelled, and reports count it apart.
pub fn no_reply_needed(ctx: &Ctx<'_>, key: TicketKey, why: &str) -> Result<Ticket> {
    let why = written("why", why)?;
    change(ctx, key, None, Action::Reply, |_, ticket| {
        ticket.awaits_us = false;
        Ok(vec![Entry::new(EntryKind::NoReplyNeeded).body(&why)])
    })
}
