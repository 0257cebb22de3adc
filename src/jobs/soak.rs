//! Closes changes that were deployed, watched and stable.

use super::{Again, Job, UNHURRIED};
use crate::actions;
use crate::app::App;
use crate::domain::timeline::Door;
use crate::error::Result;

pub(super) const JOB: Job = Job {
    name: "soak",
    run,
    rest: UNHURRIED,
    hands: 1,
};

const AT_ONCE: i64 = 2_000;

fn run(app: &App) -> Result<Again> {
    let ctx = app.system("soak", Door::Clock);
    // What can't be closed yet is found again each time: a full batch is no reason to hurry.
    actions::soak::close_overdue(&ctx, AT_ONCE)?;
    Ok(Again::Later)
}
