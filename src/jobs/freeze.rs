//! Announces windows before they open.

use super::{Again, Job, UNHURRIED};
use crate::actions::freeze_ahead;
use crate::app::App;
use crate::domain::timeline::Door;
use crate::error::Result;

pub(super) const JOB: Job = Job {
    name: "freeze",
    run,
    rest: UNHURRIED,
    hands: 1,
};

fn run(app: &App) -> Result<Again> {
    freeze_ahead::announce(&app.system("freeze", Door::Clock))?;
    Ok(Again::Later)
}
