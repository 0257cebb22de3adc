//! What people do to a change beyond what they do to any ticket: plan, approve, start, watch, close.

use super::ticket::{change as change_ticket, open_in};
use super::{allow, allow_ticket};
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::change::{Change, Plan};
use crate::domain::id::{Kind, TicketKey};
use crate::domain::refusal::Refusal;
use crate::domain::text::{self, Title};
use crate::domain::ticket::{Opening, Outcome, Ticket};
use crate::domain::timeline::Entry;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::store;

/// How long a change stays on watch when nobody says otherwise.
pub const WATCH_SECS: i64 = 24 * 3_600;

/// Opens a change. A title is enough.
pub fn open(ctx: &Ctx<'_>, title: Title, opening: &Opening, plan: Plan) -> Result<Ticket> {
    allow(&ctx.by, Action::OpenTicket, Target::House)?;
    let plan = plan.check()?;
    ctx.write(|tx| {
        let ticket = open_in(tx, ctx, Kind::Change, title.clone(), opening, None)?;
        let change = Change {
            plan: plan.clone(),
            requested_by: ctx.by.person(),
            ..Change::default()
        };
        store::change::put(tx, ticket.id, &change)?;
        Ok(ticket)
    })
}

/// The change as it stands, if whoever asks may see it.
pub fn read(ctx: &Ctx<'_>, key: TicketKey) -> Result<(Ticket, Change)> {
    ctx.read(|conn| {
        let ticket = store::ticket::by_key(conn, key)?.ok_or(Error::NotFound)?;
        allow_ticket(conn, &ctx.by, Action::ReadTickets, &ticket)?;
        if ticket.key.kind != Kind::Change {
            return Err(Error::NotFound);
        }
        let change = store::change::of(conn, ticket.id)?;
        Ok((ticket, change))
    })
}

/// Writes the plan anew; an approval of the old one ends.
pub fn edit(ctx: &Ctx<'_>, key: TicketKey, rev: Option<i64>, plan: Plan) -> Result<Ticket> {
    let plan = plan.check()?;
    step(ctx, key, rev, Action::RunChange, |change, ticket| {
        change.edit(ticket, plan.clone(), ctx.now)
    })
}

pub fn ask_approval(ctx: &Ctx<'_>, key: TicketKey, rev: Option<i64>) -> Result<Ticket> {
    step(ctx, key, rev, Action::RunChange, |change, ticket| {
        Ok(vec![change.ask_approval(
            ticket,
            ctx.by.person(),
            ctx.now,
        )?])
    })
}

/// Approves what somebody else asked for. `rev` is the version that was read: an approval is for exactly that.
pub fn approve(ctx: &Ctx<'_>, key: TicketKey, rev: i64) -> Result<Ticket> {
    step(
        ctx,
        key,
        Some(rev),
        Action::ApproveChange,
        |change, ticket| Ok(vec![change.approve(ticket, ctx.by.person(), ctx.now)?]),
    )
}

pub fn refuse(ctx: &Ctx<'_>, key: TicketKey, rev: Option<i64>, why: &str) -> Result<Ticket> {
    let why = text::body("why", why)?;
    step(ctx, key, rev, Action::ApproveChange, |change, ticket| {
        Ok(vec![change.refuse(ticket, &why, ctx.now)?])
    })
}

/// Takes it back to the drawing board; an approval ends.
pub fn back_to_draft(ctx: &Ctx<'_>, key: TicketKey, rev: Option<i64>) -> Result<Ticket> {
    step(ctx, key, rev, Action::RunChange, |change, ticket| {
        Ok(vec![change.back_to_draft(ticket, ctx.now)?])
    })
}

pub fn start(ctx: &Ctx<'_>, key: TicketKey, rev: Option<i64>) -> Result<Ticket> {
    step(ctx, key, rev, Action::RunChange, |change, ticket| {
        Ok(vec![change.start(ticket, ctx.now)?])
    })
}

/// It is live and has to prove itself; `until` empty: [`WATCH_SECS`] from now.
pub fn watch(
    ctx: &Ctx<'_>,
    key: TicketKey,
    rev: Option<i64>,
    until: Option<Timestamp>,
) -> Result<Ticket> {
    let until = until.unwrap_or(ctx.now.plus_secs(WATCH_SECS));
    step(ctx, key, rev, Action::RunChange, |change, ticket| {
        Ok(vec![change.watch(ticket, until, ctx.now)?])
    })
}

pub fn close(
    ctx: &Ctx<'_>,
    key: TicketKey,
    rev: Option<i64>,
    outcome: Outcome,
    words: &str,
) -> Result<Ticket> {
    let words = text::body("text", words)?;
    step(ctx, key, rev, Action::RunChange, |change, ticket| {
        Ok(vec![change.close(ticket, outcome, &words, ctx.now)?])
    })
}

fn step(
    ctx: &Ctx<'_>,
    key: TicketKey,
    rev: Option<i64>,
    action: Action,
    work: impl Fn(&mut Change, &mut Ticket) -> std::result::Result<Vec<Entry>, Refusal>,
) -> Result<Ticket> {
    if key.kind != Kind::Change {
        return Err(Refusal::new("not-a-change")
            .with("key", key.to_string())
            .into());
    }
    change_ticket(ctx, key, rev, action, |tx, ticket| {
        let mut change = store::change::of(tx, ticket.id)?;
        let entries = work(&mut change, ticket)?;
        store::change::put(tx, ticket.id, &change)?;
        Ok(entries)
    })
}
