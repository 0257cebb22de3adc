//! Lets deployments go that waited for the end of a freeze.

use super::{Again, Job, UNHURRIED};
use crate::actions;
use crate::app::App;
use crate::domain::timeline::Door;
use crate::error::Result;

pub(super) const JOB: Job = Job {
    name: "deploy_queue",
    run,
    rest: UNHURRIED,
    hands: 1,
};

const AT_ONCE: i64 = 200;

fn run(app: &App) -> Result<Again> {
    let ctx = app.system("deploy-queue", Door::Clock);
    // Whatever was looked at isn't due at once again.
    match actions::deployment_queue::look_at_due(&ctx, AT_ONCE)? as i64 {
        AT_ONCE => Ok(Again::AtOnce),
        _ => Ok(Again::Later),
    }
}
