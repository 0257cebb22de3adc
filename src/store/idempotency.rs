//! Answers that are kept for a day, each written in the transaction of the change it answers: a request that is repeated after a
//! lost answer, or after a crash, gets the same answer and changes nothing.

use diesel::prelude::*;

use super::backend::{Conn, Tx};
use super::blob::Hash;
use super::schema::core::idempotency;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// How long an answer is kept.
pub const KEPT_SECS: i64 = 24 * 3600;

/// A kept answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Of what was asked: the same key with something else is a mistake of the caller.
    pub asked: Hash,
    pub status: i16,
    pub response: String,
}

/// The answer under `key` in `scope`, unless it was made before `since`.
pub fn find(conn: &mut Conn, scope: &str, key: &str, since: Timestamp) -> Result<Option<Kept>> {
    let row: Option<(Vec<u8>, i16, String)> = idempotency::table
        .find((scope, key))
        .filter(idempotency::made_at.ge(since))
        .select((
            idempotency::body_hash,
            idempotency::status,
            idempotency::response,
        ))
        .get_result(conn)
        .optional()?;
    Ok(row.and_then(|(hash, status, response)| {
        Some(Kept {
            asked: Hash(hash.try_into().ok()?),
            status,
            response,
        })
    }))
}

/// Keeps an answer. A unique violation means that the same request was answered meanwhile.
pub fn keep(tx: &mut Tx, scope: &str, key: &str, kept: &Kept, now: Timestamp) -> Result<()> {
    diesel::insert_into(idempotency::table)
        .values((
            idempotency::scope.eq(scope),
            idempotency::key.eq(key),
            idempotency::body_hash.eq(kept.asked.0.to_vec()),
            idempotency::status.eq(kept.status),
            idempotency::response.eq(&kept.response),
            idempotency::made_at.eq(now),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// Forgets this answer if it is older than `before`: its key may be used anew.
pub fn forget_old(tx: &mut Tx, scope: &str, key: &str, before: Timestamp) -> Result<()> {
    let row = idempotency::table
        .find((scope, key))
        .filter(idempotency::made_at.lt(before));
    diesel::delete(row).execute(&mut **tx)?;
    Ok(())
}

/// When the oldest answer was made.
pub fn oldest(conn: &mut Conn) -> Result<Option<Timestamp>> {
    Ok(idempotency::table
        .order(idempotency::made_at)
        .select(idempotency::made_at)
        .first(conn)
        .optional()?)
}

/// Forgets up to `most` answers older than `before`; how many there were.
pub fn sweep(tx: &mut Tx, before: Timestamp, most: i64) -> Result<usize> {
    let old: Vec<(String, String)> = idempotency::table
        .filter(idempotency::made_at.lt(before))
        .order(idempotency::made_at)
        .limit(most)
        .select((idempotency::scope, idempotency::key))
        .load(&mut **tx)?;
    for (scope, key) in &old {
        diesel::delete(idempotency::table.find((scope, key))).execute(&mut **tx)?;
    }
    Ok(old.len())
}
