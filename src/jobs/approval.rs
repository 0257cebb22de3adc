//! Asks approvers of changes, reminds them once, and tells a team that they stay silent.

use super::{Again, Job, UNHURRIED};
use crate::actions;
use crate::app::App;
use crate::domain::timeline::Door;
use crate::error::Result;

pub(super) const JOB: Job = Job {
    name: "approval",
    run,
    rest: UNHURRIED,
    hands: 1,
};

const AT_ONCE: i64 = 100;

fn run(app: &App) -> Result<Again> {
    let ctx = app.system("approval", Door::Clock);
    let looked = actions::approval_ask::look(&ctx, AT_ONCE)?;
    Ok(match looked as i64 == AT_ONCE {
        true => Again::AtOnce,
        false => Again::Later,
    })
}
