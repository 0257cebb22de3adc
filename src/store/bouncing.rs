//! Addresses from which our letters come back, and how many strangers were answered of late: what is to be known before a letter goes.

use diesel::prelude::*;

use super::backend::{Conn, Tx, direct};
use super::schema::core::delivery;
use super::schema::mail::bouncing;
use crate::domain::delivery::DeliveryKind;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// Letters to an address came back for good.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Bouncing {
    /// Folded.
    pub address: String,
    /// The first time.
    pub since: Timestamp,
    /// What the newest report says, `5.1.1`; may be empty.
    pub status: String,
}

impl Bouncing {
    /// What the report says; a dash where it says nothing.
    pub fn shown(&self) -> &str {
        match self.status.as_str() {
            "" => "–",
            status => status,
        }
    }
}

/// Marks a folded address, or notes what the newest report says.
pub fn mark(tx: &mut Tx, address: &str, status: &str, at: Timestamp) -> Result<()> {
    let known = diesel::update(bouncing::table.find(address))
        .set(bouncing::status.eq(status))
        .execute(&mut **tx)?;
    if known == 0 {
        diesel::insert_into(bouncing::table)
            .values((
                bouncing::address.eq(address),
                bouncing::since.eq(at),
                bouncing::status.eq(status),
            ))
            .execute(&mut **tx)?;
    }
    Ok(())
}

/// They can be reached, as far as is known: somebody there wrote to us, or a person says so. Whether it was marked.
pub fn forget(tx: &mut Tx, address: &str) -> Result<bool> {
    let forgotten = direct!(tx, |own| diesel::delete(bouncing::table.find(address))
        .execute(own))?;
    Ok(forgotten > 0)
}

/// All that are marked, by address.
pub fn all(conn: &mut Conn) -> Result<Vec<Bouncing>> {
    let mut all: Vec<Bouncing> = bouncing::table.load(conn)?;
    // The two databases collate differently.
    all.sort_by(|one, other| one.address.cmp(&other.address));
    Ok(all)
}

/// Those of these folded addresses that are marked.
pub fn of(conn: &mut Conn, addresses: &[String]) -> Result<Vec<Bouncing>> {
    Ok(direct!(conn, |own| bouncing::table
        .filter(bouncing::address.eq_any(addresses.to_vec()))
        .order(bouncing::address)
        .load(own))?)
}

/// Automatic answers since then to people who are on no list of ours.
pub fn strangers_answered_since(conn: &mut Conn, since: Timestamp) -> Result<i64> {
    Ok(direct!(conn, |own| delivery::table
        .filter(delivery::kind.eq(DeliveryKind::AutoAnswer))
        .filter(delivery::queued_at.ge(since))
        .filter(delivery::contact_id.is_null())
        .filter(delivery::person_id.is_null())
        .count()
        .get_result(own))?)
}
