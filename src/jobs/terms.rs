//! Counts clocks anew after their terms changed: calendars, corrected agreements, new tz and holiday data of a new version of the
//! program. A batch of tickets at a time, so that nobody waits for it.

use super::{Again, Job, UNHURRIED};
use crate::actions;
use crate::app::App;
use crate::domain::timeline::Door;
use crate::error::Result;

pub(super) const JOB: Job = Job {
    name: "terms",
    run,
    rest: UNHURRIED,
    hands: 1,
};

fn run(app: &App) -> Result<Again> {
    let ctx = app.system("terms", Door::Clock);
    Ok(if actions::recount::step(&ctx)? {
        Again::AtOnce
    } else {
        Again::Later
    })
}
