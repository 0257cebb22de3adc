//! Wakes escalation runs whose time has come, and writes down shifts that have ended.

use std::time::Duration;

use super::{Again, Job, UNHURRIED};
use crate::actions;
use crate::app::App;
use crate::domain::timeline::Door;
use crate::error::Result;

pub(super) const JOB: Job = Job {
    name: "escalation",
    run,
    // The first page of a change leaves with the change itself; what waits here was due after minutes.
    rest: Duration::from_millis(100),
    hands: 1,
};
pub(super) const SHIFTS: Job = Job {
    name: "shifts",
    run: settle_shifts,
    rest: UNHURRIED,
    hands: 1,
};

const AT_ONCE: i64 = 50;

fn run(app: &App) -> Result<Again> {
    let ctx = app.system("escalation", Door::Clock);
    full_batch(actions::escalation::escalate(&ctx, AT_ONCE)?)
}

/// Fires what is due, batch by batch, before the jobs run. After twenty batches the start waits no longer: the job does the rest.
pub(super) fn catch_up(app: &App) -> Result<()> {
    for _ in 0..20 {
        if run(app)? == Again::Later {
            break;
        }
    }
    Ok(())
}

/// On a thread of its own: bookkeeping may never hold up a page.
fn settle_shifts(app: &App) -> Result<Again> {
    let ctx = app.system("shifts", Door::Clock);
    full_batch(actions::oncall::settle_ended_shifts(&ctx, AT_ONCE)?)
}

fn full_batch(done: usize) -> Result<Again> {
    let is_full = i64::try_from(done).is_ok_and(|done| done >= AT_ONCE);
    Ok(if is_full { Again::AtOnce } else { Again::Later })
}
