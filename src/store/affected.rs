//! Corrections of who was hit, and when. Who was hit is read and added in `ticket`.

use diesel::prelude::*;

use super::Tx;
use super::schema::core::affected;
use super::ticket::{self, Affected};
use crate::domain::id::{AffectedId, CustomerId, TicketId};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// Writes that this customer wasn't hit after all.
pub fn remove(tx: &mut Tx, of: TicketId, was: CustomerId) -> Result<()> {
    diesel::delete(
        affected::table
            .filter(affected::ticket_id.eq(of))
            .filter(affected::customer_id.eq(was)),
    )
    .execute(&mut **tx)?;
    Ok(())
}

/// Writes that another customer was hit in the place of `was`, who wasn't; if both were, `was` alone goes.
pub fn replace(tx: &mut Tx, of: TicketId, was: CustomerId, now: CustomerId) -> Result<()> {
    let known = ticket::affected(tx, of)?
        .iter()
        .any(|row| row.customer_id == now);
    let row = affected::table
        .filter(affected::ticket_id.eq(of))
        .filter(affected::customer_id.eq(was));
    if known {
        diesel::delete(row).execute(&mut **tx)?;
    } else {
        diesel::update(row)
            .set(affected::customer_id.eq(now))
            .execute(&mut **tx)?;
    }
    Ok(())
}

/// Writes when the customer of this row was hit and told us.
pub fn set_times(tx: &mut Tx, row: &Affected) -> Result<()> {
    diesel::update(affected::table.find(row.id))
        .set((
            affected::impact_at.eq(row.impact_at),
            affected::reported_at.eq(row.reported_at),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// Writes since when it works again for the customer of this row; `None`: it doesn't.
pub fn set_restored(tx: &mut Tx, row: AffectedId, since: Option<Timestamp>) -> Result<()> {
    diesel::update(affected::table.find(row))
        .set(affected::restored_at.eq(since))
        .execute(&mut **tx)?;
    Ok(())
}
