//! What a change would do to the clocks, before anybody makes it: the very action is run, its clocks are looked at, and all of it
//! is undone. There is no second way of reckoning that could come to another answer.

use crate::app::Ctx;
use crate::domain::id::{ClockId, CustomerId, TicketId, TicketKey};
use crate::domain::sla_agreement::Metric;
use crate::domain::sla_clock::ClockState;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::store::sla::ClockRow;
use crate::store::{self, Conn};

/// How a clock stands, as far as somebody compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stand {
    pub id: ClockId,
    pub cycle: i32,
    pub revision: i32,
    pub anchor_at: Timestamp,
    pub state: ClockState,
    pub deadline_at: Option<Timestamp>,
    pub breached_at: Option<Timestamp>,
}

/// One promise of one ticket, before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    pub key: TicketKey,
    pub customer: Option<CustomerId>,
    pub metric: Metric,
    pub before: Option<Stand>,
    pub after: Option<Stand>,
}

impl Move {
    /// A deadline that somebody counts on is another one afterwards, or none; or there is one that wasn't. What is kept by the
    /// change moves nothing.
    pub fn moves(&self) -> bool {
        let open = |stand: &Option<Stand>| stand.filter(|stand| stand.state.is_open());
        match (open(&self.before), open(&self.after)) {
            (None, None) => false,
            (None, Some(_)) => true,
            (Some(before), Some(after)) => before.deadline_at != after.deadline_at,
            (Some(_), None) => !self
                .after
                .is_some_and(|after| matches!(after.state, ClockState::Met | ClockState::Missed)),
        }
    }
}

/// Runs `action` on the tickets `keys`, compares their clocks, and undoes it all. What the action answered comes with it.
pub fn of<T>(
    ctx: &Ctx<'_>,
    keys: &[TicketKey],
    action: impl Fn(&Ctx<'_>) -> Result<T>,
) -> Result<(T, Vec<Move>)> {
    let tickets = ctx.read(|conn| concerned(conn, keys))?;
    let look = |conn: &mut Conn| -> Result<Vec<Vec<ClockRow>>> {
        tickets
            .iter()
            .map(|(_, id)| newest(conn, *id))
            .collect::<Result<_>>()
    };
    ctx.undone(|ctx| {
        let before = ctx.read(look)?;
        let value = action(ctx)?;
        let after = ctx.read(look)?;
        let moves = tickets
            .iter()
            .zip(before.iter().zip(&after))
            .flat_map(|((key, _), (before, after))| compare(*key, before, after))
            .collect();
        Ok::<_, Error>((value, moves))
    })
}

/// The tickets of these keys that there are; of a merged one its survivor as well.
fn concerned(conn: &mut Conn, keys: &[TicketKey]) -> Result<Vec<(TicketKey, TicketId)>> {
    let mut tickets = Vec::new();
    for key in keys {
        let Some(ticket) = store::ticket::by_key(conn, *key)? else {
            continue;
        };
        tickets.push((ticket.key, ticket.id));
        if let Some(into) = ticket.merged_into
            && let Some(survivor) = store::ticket::by_id(conn, into)?
        {
            tickets.push((survivor.key, survivor.id));
        }
    }
    Ok(tickets)
}

/// Of each promise the newest cycle.
fn newest(conn: &mut Conn, ticket: TicketId) -> Result<Vec<ClockRow>> {
    let mut newest: Vec<ClockRow> = Vec::new();
    for row in store::sla::of_ticket(conn, ticket)? {
        if row.is_taken_back() {
            continue;
        }
        let same =
            |it: &&mut ClockRow| it.metric == row.metric && it.customer_id == row.customer_id;
        match newest.iter_mut().find(same) {
            Some(known) if (known.cycle, known.revision) < (row.cycle, row.revision) => {
                *known = row
            }
            Some(_) => {}
            None => newest.push(row),
        }
    }
    Ok(newest)
}

fn compare(key: TicketKey, before: &[ClockRow], after: &[ClockRow]) -> Vec<Move> {
    let mut promises: Vec<(Option<CustomerId>, Metric)> = before
        .iter()
        .chain(after)
        .map(|row| (row.customer_id, row.metric))
        .collect();
    promises.sort_unstable();
    promises.dedup();
    let stand = |rows: &[ClockRow], (customer, metric)| {
        let row = rows
            .iter()
            .find(|row| row.customer_id == customer && row.metric == metric)?;
        Some(Stand {
            id: row.id,
            cycle: row.cycle,
            revision: row.revision,
            anchor_at: row.anchor_at,
            state: row.state,
            deadline_at: row.deadline_at,
            breached_at: row.breached_at,
        })
    };
    promises
        .into_iter()
        .map(|promise| Move {
            key,
            customer: promise.0,
            metric: promise.1,
            before: stand(before, promise),
            after: stand(after, promise),
        })
        .collect()
}
