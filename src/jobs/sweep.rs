//! Forgets what has had its day: the API's kept answers.

use super::{Again, Job, UNHURRIED};
use crate::app::App;
use crate::error::Result;
use crate::store::idempotency;

pub(super) const JOB: Job = Job {
    name: "sweep",
    run,
    rest: UNHURRIED,
    hands: 1,
};

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
