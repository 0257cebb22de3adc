//! The life of a delivery: leased, tried, settled. Each step is a transaction of its own, and no network is touched in any.

use super::page::{note_delivery, note_unsent};
use super::{allow, record};
use crate::app::{App, Ctx};
use crate::domain::access::{Action, Target};
use crate::domain::delivery::{AttemptOutcome, DeliveryKind, DeliveryState};
use crate::domain::id::{DeliveryId, Id, PersonId, TicketId};
use crate::domain::notify::Unsent;
use crate::domain::outgoing::{
    DIGEST_AFTER_SECS, Handover, MOST_ATTEMPTS, MOST_PAGE_ATTEMPTS, retry_after_secs,
};
use crate::domain::page::PageEventKind;
use crate::domain::refusal::Refusal;
use crate::domain::ticket::Ticket;
use crate::domain::timeline::{Entry, EntryKind, Facts};
use crate::error::{Error, Result};
use crate::store::outbox::{self as rows, Delivery};
use crate::store::{self, Conn, Tx};
use crate::words::Words;

/// How long a worker may hold a delivery: longer than any single hand-over can take.
const LEASE_SECS: i64 = 120;

/// Takes up to `most` due deliveries of these urgencies for `worker`. One whose last try was cut off by a crash is settled on the
/// way: a page goes out again with the same key, anything else may have arrived and is left as unsure.
pub fn lease(
    ctx: &Ctx<'_>,
    worker: &str,
    urgencies: std::ops::Range<i16>,
    most: i64,
) -> Result<Vec<Delivery>> {
    let due = ctx.read(|conn| rows::due(conn, urgencies.clone(), ctx.now, most))?;
    if due.is_empty() {
        return Ok(Vec::new());
    }
    // Not `ctx.write`: taking work isn't news that others should wake up for.
    ctx.app.store.write(|tx| {
        let mut leased = Vec::new();
        for id in &due {
            if !rows::lease(tx, *id, worker, ctx.now, ctx.now.plus_secs(LEASE_SECS))? {
                continue;
            }
            let Some(delivery) = rows::by_id(tx, *id)? else {
                continue;
            };
            if let Some(number) = rows::open_attempt(tx, *id)? {
                rows::end_attempt(
                    tx,
                    *id,
                    number,
                    AttemptOutcome::Unsure,
                    "the process ended during the hand-over",
                    ctx.now,
                )?;
                tell_page(
                    tx,
                    ctx,
                    &delivery,
                    PageEventKind::Unsure,
                    "the process ended during the hand-over",
                )?;
                if !delivery.kind.repeats_when_unsure() {
                    rows::settle(
                        tx,
                        *id,
                        DeliveryState::Unsure,
                        Some("the process ended during the hand-over"),
                        ctx.now,
                    )?;
                    continue;
                }
            }
            leased.push(delivery);
        }
        Ok(leased)
    })
}

/// What a process of this name held when it died is free again.
pub fn release(app: &App, worker: &str) -> Result<()> {
    app.store
        .write(|tx| rows::release_leases(tx, worker).map(|_| ()))
}

/// Writes that a try begins, with a lease of its own: those before it in the batch may have used up the common one. From here on
/// a crash leaves it unsure. `None` if somebody else has begun it meanwhile.
pub fn begin(ctx: &Ctx<'_>, delivery: &Delivery, message_id: &str) -> Result<Option<i32>> {
    let number = delivery.attempts + 1;
    let until = ctx.now.plus_secs(LEASE_SECS);
    ctx.app.store.write(|tx| {
        if !rows::begin_attempt(tx, delivery.id, number, message_id, ctx.now, until)? {
            return Ok(None);
        }
        tell_page(tx, ctx, delivery, PageEventKind::Attempted, "")?;
        Ok(Some(number))
    })
}

/// Writes how the try ended, and what follows from it.
pub fn settle(ctx: &Ctx<'_>, delivery: &Delivery, number: i32, outcome: &Handover) -> Result<()> {
    ctx.write(|tx| {
        let id = delivery.id;
        match outcome {
            Handover::Accepted(detail) => {
                rows::end_attempt(tx, id, number, AttemptOutcome::Accepted, detail, ctx.now)?;
                rows::settle(tx, id, DeliveryState::Accepted, None, ctx.now)?;
                tell_page(tx, ctx, delivery, PageEventKind::Accepted, detail)
            }
            Handover::Deferred(detail) => {
                rows::end_attempt(tx, id, number, AttemptOutcome::Deferred, detail, ctx.now)?;
                let most = if delivery.kind == DeliveryKind::Page {
                    MOST_PAGE_ATTEMPTS
                } else {
                    MOST_ATTEMPTS
                };
                if number % most == 0 {
                    give_up(tx, ctx, delivery, detail)
                } else {
                    rows::postpone(
                        tx,
                        id,
                        ctx.now.plus_secs(retry_after_secs(number % most)),
                        detail,
                    )
                }
            }
            Handover::Refused(detail) => {
                rows::end_attempt(tx, id, number, AttemptOutcome::Refused, detail, ctx.now)?;
                give_up(tx, ctx, delivery, detail)
            }
            Handover::Unsure(detail) => {
                rows::end_attempt(tx, id, number, AttemptOutcome::Unsure, detail, ctx.now)?;
                tell_page(tx, ctx, delivery, PageEventKind::Unsure, detail)?;
                if delivery.kind.repeats_when_unsure() && number % MOST_PAGE_ATTEMPTS != 0 {
                    rows::postpone(tx, id, ctx.now.plus_secs(retry_after_secs(number)), detail)
                } else {
                    rows::settle(tx, id, DeliveryState::Unsure, Some(detail), ctx.now)
                }
            }
        }
    })
}

/// No relay is set up: that is no try, and it goes out when there is one.
pub fn wait_for_relay(ctx: &Ctx<'_>, delivery: &Delivery) -> Result<()> {
    let at = ctx.now.plus_secs(60);
    let why = Words::english().t("waits-no-relay");
    ctx.app
        .store
        .write(|tx| rows::postpone(tx, delivery.id, at, &why))
}

/// A notice about a clock is about to go out: it takes its recipient's turn, and with it goes whatever else they are to hear of
/// clocks. `false`: they heard a moment ago, and all of it waits. `message_id` is that of the letter about several.
pub fn gather(
    ctx: &Ctx<'_>,
    delivery: &Delivery,
    person: PersonId,
    message_id: &str,
) -> Result<bool> {
    // A letter that was tried before has had its turn, and those that joined it.
    if delivery.attempts > 0 {
        return Ok(true);
    }
    ctx.app
        .store
        .write(|tx| match store::told::take_turn(tx, person, ctx.now)? {
            None => store::told::join(tx, delivery.id, person, message_id, ctx.now).map(|_| true),
            Some(at) => store::told::put_off(tx, person, at, ctx.now).map(|()| false),
        })
}

/// The letter about several clocks isn't sent: what joined it waits for the next one.
pub fn part(ctx: &Ctx<'_>, message_id: &str) -> Result<()> {
    ctx.app.store.write(|tx| store::told::part(tx, message_id))
}

/// Nobody wants it any more: acknowledged, resolved, or its recipient is gone. Of a page that is a fact, with its reason.
pub fn cancel(ctx: &Ctx<'_>, delivery: &Delivery, why: &str, of_page: Unsent) -> Result<()> {
    ctx.write(|tx| {
        let state = DeliveryState::Cancelled;
        rows::settle(tx, delivery.id, state, Some(why), ctx.now)?;
        match delivery.page {
            Some(page) => note_unsent(tx, ctx, page, delivery.channel, of_page),
            None => Ok(()),
        }
    })
}

/// What says something only while the ticket is open; the rest (an answer that got lost, a stranger who wants to join) still does.
const WHILE_OPEN: &[&str] = &["assigned", "handed_over", "hold_nudged", "customer_solved"];

/// Whether a notice that had to wait tells of something that is over.
pub fn is_over(conn: &mut Conn, facts: &Facts, ticket: Option<TicketId>) -> Result<bool> {
    let letter = facts.get("letter").unwrap_or_default();
    let Some(open) = ticket.filter(|_| WHILE_OPEN.contains(&letter)) else {
        return Ok(super::sla_notice::unwanted(conn, facts)?.is_some()
            || super::approval_ask::is_over(conn, facts, ticket)?);
    };
    Ok(store::ticket::by_id(conn, open)?.is_some_and(|ticket| !ticket.is_open()))
}

/// A notice that had to wait is about to go out: with it goes whatever else has waited to be told to its recipient, but for what is
/// over. `false`: it has gone with another one itself. `message_id` is that of the letter about several.
pub fn gather_late(
    ctx: &Ctx<'_>,
    delivery: &Delivery,
    person: PersonId,
    message_id: &str,
) -> Result<bool> {
    let before = ctx.now.plus_secs(-DIGEST_AFTER_SECS);
    let why = Words::english().t("unwanted-over");
    ctx.app.store.write(|tx| {
        if !store::told::hold(tx, delivery, ctx.now.plus_secs(LEASE_SECS))? {
            return Ok(false);
        }
        // What had joined one that is over waits again, and is found by the second look.
        for _ in 0..2 {
            for late in store::told::late(tx, person, delivery.id, before)? {
                if is_over(tx, &late.facts, late.ticket)? {
                    store::told::part(tx, late.message_id.as_deref().unwrap_or_default())?;
                    let state = DeliveryState::Cancelled;
                    rows::settle(tx, late.id, state, Some(&why), ctx.now)?;
                } else {
                    store::told::join_late(tx, &late, message_id, ctx.now)?;
                }
            }
        }
        Ok(true)
    })
}

/// It can't be written: that is a fault of ours, and a dead letter.
pub fn spoil(ctx: &Ctx<'_>, delivery: &Delivery, why: &str) -> Result<()> {
    ctx.write(|tx| give_up(tx, ctx, delivery, why))
}

fn give_up(tx: &mut Tx, ctx: &Ctx<'_>, delivery: &Delivery, why: &str) -> Result<()> {
    rows::settle(tx, delivery.id, DeliveryState::Dead, Some(why), ctx.now)?;
    tell_page(tx, ctx, delivery, PageEventKind::Refused, why)?;
    // The answer that stopped the customer's clock never left.
    if let (DeliveryKind::Reply, Some(ticket)) = (delivery.kind, delivery.ticket)
        && let Some(mut ticket) = store::ticket::by_id(tx, ticket)?
    {
        let mut entries = vec![
            Entry::new(EntryKind::DeliveryFailed)
                .fact("to", &delivery.address)
                .fact("why", why)
                .fact("delivery", delivery.id),
        ];
        if let Some(reply) = delivery.entry_seq {
            entries.extend(unanswered(tx, &mut ticket, reply, delivery.id, "refused")?);
        }
        record(tx, ctx, &mut ticket, entries)?;
    }
    Ok(())
}

/// The answer that had stopped the customer's clock reached nobody: it doesn't count, from when it was given on. Nothing if it
/// reached somebody else. On a closed ticket that is a note.
pub(super) fn unanswered(
    tx: &mut Tx,
    ticket: &mut Ticket,
    reply: i64,
    lost: DeliveryId,
    cause: &'static str,
) -> Result<Option<Entry>> {
    let kinds = [EntryKind::Unsatisfied, EntryKind::DeliveryFailed];
    let known = store::timeline::of_kinds(tx, ticket.id, &kinds)?;
    let failed = known
        .iter()
        .filter_map(|entry| entry.facts.get("delivery").and_then(Id::parse));
    let lost: Vec<DeliveryId> = failed.chain([lost]).collect();
    if known.iter().any(|entry| entry.corrects == Some(reply))
        || rows::reached_somebody_else(tx, ticket.id, reply, &lost)?
    {
        return Ok(None);
    }
    ticket.awaits_us |= ticket.is_open();
    let mut entry = Entry::new(EntryKind::Unsatisfied)
        .fact("cause", cause)
        .fact("reply", reply);
    entry.corrects = Some(reply);
    Ok(Some(entry))
}

fn tell_page(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    delivery: &Delivery,
    kind: PageEventKind,
    detail: &str,
) -> Result<()> {
    match delivery.page {
        Some(page) => note_delivery(tx, ctx, page, kind, delivery.channel, detail),
        None => Ok(()),
    }
}

/// Sends a dead or unsure one again, by hand. Account letters aren't: their links are made anew instead.
pub fn replay(ctx: &Ctx<'_>, id: DeliveryId) -> Result<()> {
    allow(&ctx.by, Action::HandleMail, Target::House)?;
    ctx.write(|tx| {
        rows::by_id(tx, id)?.ok_or(Error::NotFound)?;
        if rows::replay(tx, id, ctx.now)? {
            Ok(())
        } else {
            Err(Refusal::new("delivery-not-over").into())
        }
    })
}
