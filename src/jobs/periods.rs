//! Stores the reports of periods that were locked: one lock after another, so that the writer is held for one report at most.

use super::{Again, Job, UNHURRIED};
use crate::actions::sla_period;
use crate::app::App;
use crate::domain::timeline::Door;
use crate::error::Result;

pub(super) const JOB: Job = Job {
    name: "periods",
    run,
    rest: UNHURRIED,
    hands: 1,
};

fn run(app: &App) -> Result<Again> {
    let ctx = app.system("periods", Door::Clock);
    match sla_period::store_reports(&ctx)? {
        true => Ok(Again::AtOnce),
        false => Ok(Again::Later),
    }
}
