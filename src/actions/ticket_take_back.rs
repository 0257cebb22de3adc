//! Taking back what somebody said by hand and what kept a promise: that they spoke with the customer, that no answer is needed, that it
//! works again. It takes what every correction takes ([`ticket_times`]), and the entry stays where it stands.

use super::ticket::change;
use super::ticket_restore::follow;
use super::{audit, sla_reading, ticket_talk, ticket_times};
use crate::app::Ctx;
use crate::domain::access::Action;
use crate::domain::correction::{self, BY_HAND, Corrections};
use crate::domain::id::TicketKey;
use crate::domain::refusal::Refusal;
use crate::domain::sla_agreement::Metric;
use crate::domain::ticket::Ticket;
use crate::domain::timeline::{Entry, EntryKind, Facts};
use crate::error::{Error, Result};
use crate::store::timeline::Recorded;
use crate::store::{self, Tx};

/// The entry at this place doesn't count: the clocks run as if it had never been made. What was late stays late.
pub fn take_back(
    ctx: &Ctx<'_>,
    key: TicketKey,
    rev: Option<i64>,
    seq: i64,
    why: &str,
    evidence: &str,
) -> Result<Ticket> {
    change(ctx, key, rev, Action::Backdate, |tx, ticket| {
        let entry = store::timeline::by_seq(tx, ticket.id, seq)?.ok_or(Error::NotFound)?;
        if !BY_HAND.contains(&entry.kind) {
            return Err(Refusal::new("not-to-be-taken-back").into());
        }
        let story = store::timeline::of_kinds(tx, ticket.id, correction::STORY)?;
        let known = Corrections::of(story.iter().map(Recorded::said));
        if known.strikes(&entry.said()) {
            return Err(Refusal::new("already-taken-back").into());
        }
        let (why, evidence) = ticket_times::backed(tx, ctx, ticket, why, evidence)?;
        let mut taken = Entry::new(EntryKind::TakenBack)
            .fact("what", entry.kind)
            .fact("evidence", &evidence)
            .body(&why);
        taken.corrects = Some(seq);
        match entry.kind {
            EntryKind::CustomerContact => {
                if let Some(done) = call_back_kept_with(tx, &entry)? {
                    taken = taken.fact(correction::ALSO, done.seq);
                    owe_call_back(tx, ticket, done.seq)?;
                }
            }
            EntryKind::Restored => {
                if let Some((from, to)) = ticket.not_restored() {
                    taken = taken.fact("from", from).fact("to", to);
                }
            }
            EntryKind::AffectedRestored => {
                for name in [correction::CUSTOMER, "name"] {
                    taken = taken.fact_some(name, entry.facts.get(name));
                }
            }
            _ => {}
        }
        if ticket_talk::TALK.contains(&entry.kind) {
            ticket.awaits_us = !ticket_talk::waiting(tx, ticket, Some(seq))?.is_empty();
        }
        let facts = Facts::new()
            .with("evidence", &evidence)
            .with("why", &why)
            .with("entry", seq)
            .with("what", entry.kind);
        audit::note(tx, ctx, "entry-taken-back", &key.to_string(), &facts)?;
        let entries = vec![taken];
        follow(tx, ctx, ticket, &story, &entries)?;
        Ok(entries)
    })
}

/// The call back that was kept by having spoken with the customer: written with it, at once.
fn call_back_kept_with(tx: &mut Tx, contact: &Recorded) -> Result<Option<Recorded>> {
    let next = store::timeline::by_seq(tx, contact.ticket, contact.seq + 1)?;
    Ok(next.filter(|next| {
        next.kind == EntryKind::CallbackDone && next.recorded_at == contact.recorded_at
    }))
}

/// The call back that was promised last before `seq` is owed again, unless another one was promised since.
fn owe_call_back(tx: &mut Tx, ticket: &mut Ticket, seq: i64) -> Result<()> {
    // It may have been taken over with a ticket that was merged into this one.
    let kinds = [EntryKind::CallbackPromised, EntryKind::Absorbed];
    let promised = store::timeline::of_kinds(tx, ticket.id, &kinds)?;
    let until = |entry: &Recorded| match entry.kind {
        EntryKind::Absorbed => {
            let party = sla_reading::promised_to(Metric::CallBack, &entry.facts)?;
            let taken_over = sla_reading::promise_fact(Metric::CallBack, party);
            entry.facts.instant(&taken_over)
        }
        _ => entry.facts.instant("until"),
    };
    let mut before = promised.iter().rev().filter(|entry| entry.seq < seq);
    ticket.callback_at = ticket.callback_at.or_else(|| before.find_map(until));
    Ok(())
}
