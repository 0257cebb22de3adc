//! Forgets what has had its day: the API's kept answers, and bytes that nothing came to refer to.

use std::time::Duration;

use super::{Again, Job, UNHURRIED};
use crate::app::App;
use crate::error::{Error, Result};
use crate::store::blob::{self, Hash};
use crate::store::idempotency;

pub(super) const JOB: Job = Job {
    name: "sweep",
    run,
    rest: UNHURRIED,
    hands: 1,
};

pub(super) const BYTES: Job = Job {
    name: "sweep-bytes",
    run: bytes,
    rest: Duration::from_secs(60),
    hands: 1,
};

/// Bytes stand before the change that refers to them; one that takes longer than this has failed.
const UNWANTED_SECS: i64 = 86_400;

/// So long after its day an answer may lie about: most looks then find nothing to do, and a look costs one index probe.
const GRACE_SECS: i64 = 3_600;
const AT_ONCE: i64 = 500;

fn run(app: &App) -> Result<Again> {
    let spent = app.time.now().plus_secs(-idempotency::KEPT_SECS);
    let overdue = spent.plus_secs(-GRACE_SECS);
    let oldest = app.store.read(idempotency::oldest)?;
    if oldest.is_none_or(|made_at| made_at >= overdue) {
        return Ok(Again::Later);
    }
    let mut swept = AT_ONCE as usize;
    while swept == AT_ONCE as usize {
        swept = app
            .store
            .write(|tx| idempotency::sweep(tx, spent, AT_ONCE))?;
    }
    Ok(Again::Later)
}

/// A piece of all stored bytes, anywhere in the order of their hashes: in the course of days every one is looked at.
fn bytes(app: &App) -> Result<Again> {
    let mut from = [0; 32];
    getrandom::fill(&mut from).map_err(Error::internal)?;
    let before = app.time.now().plus_secs(-UNWANTED_SECS);
    let mut swept = 0;
    // What lies before the place is looked at too while everything is one piece.
    for from in [Hash(from), Hash([0; 32])] {
        swept += blob::sweep(&app.store, from, before, AT_ONCE)?;
    }
    if swept > 0 {
        tracing::info!(swept, "bytes that nothing refers to were removed");
    }
    Ok(Again::Later)
}
