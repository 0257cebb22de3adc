//! What looks at clocks want written, however many tickets they looked at: row by row where that costs nothing, many rows to a
//! statement where each statement is a round trip.

use std::collections::HashSet;

use diesel::prelude::*;

use super::Conn;
use super::backend::{Tx, direct};
use super::bulk;
use super::outbox::{self, NewDelivery};
use super::schema::sla::clock_notice;
use super::sla::{self, ClockRow};
use super::ticket;
use super::timeline::{self, Recorded};
use crate::domain::id::ClockId;
use crate::domain::ticket::Ticket;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// A warning or a breach that was told.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Queryable, Selectable, Insertable)]
#[diesel(table_name = clock_notice, treat_none_as_default_value = false)]
pub struct Fired {
    pub clock_id: ClockId,
    pub threshold: String,
    /// Of the deadline it was about: one that has moved may be warned of again.
    pub generation: i32,
    pub due_at: Timestamp,
    pub fired_at: Timestamp,
}

/// Rows to be written, in no order but that of each list.
#[derive(Debug, Default)]
pub struct Slate {
    pub entries: Vec<Recorded>,
    pub new: Vec<ClockRow>,
    pub changed: Vec<ClockRow>,
    pub fired: Vec<Fired>,
    pub notices: Vec<NewDelivery>,
    /// Tickets of which only what the queue sorts by and the number of entries moved.
    pub moved: Vec<Ticket>,
}

/// From so many rows on PostgreSQL gets them together.
const MANY: usize = 16;

impl Slate {
    /// A clock that is stored, or was put here before, as it is now. Those of one ticket come one after the other.
    pub fn put(&mut self, row: ClockRow) {
        for list in [&mut self.new, &mut self.changed] {
            let mut of_ticket = list
                .iter_mut()
                .rev()
                .take_while(|known| known.ticket_id == row.ticket_id);
            if let Some(known) = of_ticket.find(|known| known.id == row.id) {
                *known = row;
                return;
            }
        }
        self.changed.push(row);
    }

    /// Writes everything. Two nodes that tell the same at once: the loser's unique violation undoes its whole transaction, and its
    /// next look finds nothing due.
    pub fn write(&self, tx: &mut Tx, now: Timestamp) -> Result<()> {
        let rows = self.entries.len() + self.new.len() + self.changed.len() + self.fired.len();
        if rows >= MANY && tx.is_far() {
            return bulk::write(tx, self, now);
        }
        for entry in &self.entries {
            timeline::append(tx, entry)?;
        }
        sla::insert_all(tx, &self.new)?;
        for row in &self.changed {
            sla::update(tx, row)?;
        }
        for fired in &self.fired {
            direct!(tx, |own| diesel::insert_into(clock_notice::table)
                .values(fired)
                .execute(own))?;
        }
        for notice in &self.notices {
            outbox::queue(tx, notice, now)?;
        }
        for moved in &self.moved {
            ticket::update_due(tx, moved)?;
        }
        Ok(())
    }
}

/// What was told of these clocks: threshold and generation of each.
pub fn fired(conn: &mut Conn, clocks: &[ClockId]) -> Result<HashSet<(ClockId, String, i32)>> {
    let rows: Vec<(ClockId, String, i32)> = clock_notice::table
        .filter(clock_notice::clock_id.eq_any(clocks.to_vec()))
        .select((
            clock_notice::clock_id,
            clock_notice::threshold,
            clock_notice::generation,
        ))
        .load(conn)?;
    Ok(rows.into_iter().collect())
}
