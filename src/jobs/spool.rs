//! Takes in what lies in the mail spool.

use super::{Again, Job, UNHURRIED};
use crate::actions::spool;
use crate::app::App;
use crate::error::Result;

pub(super) const JOB: Job = Job {
    name: "spool",
    run,
    rest: UNHURRIED,
    hands: 1,
};

fn run(app: &App) -> Result<Again> {
    Ok(match spool::pick_up(app)? {
        true => Again::AtOnce,
        false => Again::Later,
    })
}
