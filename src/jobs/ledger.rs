//! Chains committed facts, so that a later change of any of them can be seen. After the fact, never in its way.

use super::{Again, Job, UNHURRIED};
use crate::actions;
use crate::app::App;
use crate::domain::timeline::Door;
use crate::error::Result;

pub(super) const JOB: Job = Job {
    name: "ledger",
    run,
    rest: UNHURRIED,
    hands: 1,
};

/// Few: people wait for the writer behind it.
const AT_ONCE: i64 = 40;

fn run(app: &App) -> Result<Again> {
    let ctx = app.system("ledger", Door::Clock);
    let done = actions::compensation::chain(&ctx, AT_ONCE)?;
    let is_full = i64::try_from(done).is_ok_and(|done| done >= AT_ONCE);
    Ok(if is_full { Again::AtOnce } else { Again::Later })
}
