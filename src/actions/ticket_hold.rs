//! What a ticket waits for: put on and released. What ends by itself is in `ticket_settle`.

use super::ticket::change;
use super::{allow_ticket, ticket_times};
use crate::app::Ctx;
use crate::domain::access::Action;
use crate::domain::hold::NewHold;
use crate::domain::id::{HoldId, TicketKey};
use crate::domain::ticket::{Ticket, WaitingOn};
use crate::domain::timeline::Entry;
use crate::error::Result;
use crate::store::{self, Tx};

/// One more thing that the ticket waits for.
pub fn hold(ctx: &Ctx<'_>, key: TicketKey, rev: Option<i64>, new: &NewHold) -> Result<Ticket> {
    change(ctx, key, rev, Action::WorkOnTicket, |tx, ticket| {
        Ok(vec![hold_in(tx, ctx, ticket, new)?])
    })
}

/// As [`hold`], of a ticket that is loaded already. That a wait began before now is said by whoever may set clocks back, with
/// evidence: it may take a breach back.
pub(super) fn hold_in(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: &mut Ticket,
    new: &NewHold,
) -> Result<Entry> {
    let mut new = new.clone();
    let mut proof = None;
    if let Some(since) = new.since.filter(|since| *since < ctx.now) {
        allow_ticket(tx, &ctx.by, Action::Backdate, ticket)?;
        ticket_times::refuse_own(tx, ctx, ticket)?;
        ticket_times::refuse_locked(tx, ticket)?;
        ticket_times::refuse_beyond_limit(tx, ctx, ticket, &[], since)?;
        proof = Some(ticket_times::evidence(tx, ticket, &new.evidence)?);
    }
    if new.whom.is_empty()
        && new.on == WaitingOn::Customer
        && let Some(customer) = ticket.customer
    {
        let found = store::customer::by_id(tx, customer)?;
        new.whom = found.map_or_else(String::new, |customer| customer.name);
    }
    let entry = ticket.hold(&new, ctx.by.name(), ctx.now)?;
    Ok(entry.fact_some("evidence", proof))
}

/// Ends one hold, or all of them.
pub fn release(
    ctx: &Ctx<'_>,
    key: TicketKey,
    rev: Option<i64>,
    one: Option<HoldId>,
) -> Result<Ticket> {
    change(ctx, key, rev, Action::WorkOnTicket, |_, ticket| {
        Ok(ticket.release(one)?)
    })
}
