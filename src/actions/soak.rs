//! Done means stable: a change that was deployed and watched closes when its watch ends, unless it caused an incident, was taken
//! back, or its glass waits for a review.

use super::change::glass;
use super::record;
use crate::app::Ctx;
use crate::domain::change::refuse_unreviewed;
use crate::domain::id::TicketId;
use crate::error::{Error, Result};
use crate::store;

/// Closes what is due at `now`, at most `most` of it. How many changes that were.
pub fn close_overdue(ctx: &Ctx<'_>, most: i64) -> Result<usize> {
    let due = ctx.read(|conn| store::change::soaked(conn, ctx.now, most))?;
    let mut closed = 0;
    for id in due {
        match close(ctx, id) {
            Ok(()) => closed += 1,
            // Somebody's change in between makes it void; the next look decides again.
            Err(Error::Stale | Error::Refused(_)) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(closed)
}

fn close(ctx: &Ctx<'_>, id: TicketId) -> Result<()> {
    ctx.write(|tx| {
        let mut ticket = store::ticket::by_id(tx, id)?.ok_or(Error::NotFound)?;
        let glass = glass(tx, id)?;
        refuse_unreviewed(&ticket, glass.as_ref(), "glass-unreviewed")?;
        let mut change = store::change::of(tx, id)?;
        let entry = change.soaked(&mut ticket, ctx.now)?;
        store::change::put(tx, id, &change)?;
        record(tx, ctx, &mut ticket, vec![entry]).map(|_| ())
    })
}
