//! The version of what every process keeps in memory: agreements and calendars, teams, people and how to reach them, rotations,
//! escalation policies, webhooks, settings. Whoever changes one of them raises it in the same transaction; whoever keeps them reads it first.

use diesel::prelude::*;

use super::backend::{Conn, Tx};
use super::schema::core::counter;
use crate::error::{Error, Result};

/// The counter's name; it was the agreements' alone once.
const KEPT: &str = "sla_book";

pub fn known(conn: &mut Conn) -> Result<i64> {
    Ok(counter::table
        .find(KEPT)
        .select(counter::value)
        .get_result(conn)?)
}

/// To be called by whatever writes what is kept. It rises by chance, so that a version that was rolled back isn't given again,
/// and nobody keeps what never came to be.
pub fn raise(tx: &mut Tx) -> Result<()> {
    let step = getrandom::u32().map_err(|error| Error::internal(error.to_string()))?;
    diesel::update(counter::table.find(KEPT))
        .set(counter::value.eq(counter::value + (i64::from(step) + 1)))
        .execute(&mut **tx)?;
    Ok(())
}
