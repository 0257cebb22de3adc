//! What happens to tickets by itself: holds that have run out end, their owners are reminded shortly before, and a resolved
//! incident that nobody objected to is closed.

use super::record;
use crate::app::Ctx;
use crate::domain::id::TicketId;
use crate::domain::ticket::{State, Ticket};
use crate::domain::timeline::Entry;
use crate::error::{Error, Result};
use crate::store;

/// Does what is due at `now`. How many tickets there were; `most` of each sort at a time.
pub fn settle_overdue(ctx: &Ctx<'_>, close_after_days: i64, most: i64) -> Result<usize> {
    let before = ctx.now.plus_secs(-close_after_days * 86_400);
    let (waiting, resolved) = ctx.read(|conn| {
        let waiting = store::hold::tickets_due(conn, ctx.now, most)?;
        Ok((waiting, store::ticket::resolved_before(conn, before, most)?))
    })?;
    for id in &waiting {
        by_itself(ctx, *id, |ticket| Ok(ticket.holds_due(ctx.now)))?;
    }
    for id in &resolved {
        by_itself(ctx, *id, |ticket| {
            let closed = ticket.step(State::Closed, ctx.now)?;
            Ok(vec![closed.fact("cause", "no_objection")])
        })?;
    }
    Ok(waiting.len() + resolved.len())
}

/// One change that a rule of ours makes. Somebody's change in between makes it void; the next look decides again.
fn by_itself(
    ctx: &Ctx<'_>,
    id: TicketId,
    work: impl Fn(&mut Ticket) -> Result<Vec<Entry>>,
) -> Result<()> {
    let outcome = ctx.write(|tx| {
        let mut ticket = store::ticket::by_id(tx, id)?.ok_or(Error::NotFound)?;
        let entries = work(&mut ticket)?;
        if entries.is_empty() {
            return Ok(());
        }
        record(tx, ctx, &mut ticket, entries).map(|_| ())
    });
    match outcome {
        Err(Error::Stale | Error::Refused(_)) => Ok(()),
        other => other,
    }
}
