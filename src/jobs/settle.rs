//! Ends what ends by itself: holds that have run out, and resolved incidents that nobody objected to. Reminds of holds that
//! nearly have.

use super::{Again, Job, UNHURRIED};
use crate::actions;
use crate::app::App;
use crate::domain::timeline::Door;
use crate::error::Result;

pub(super) const JOB: Job = Job {
    name: "settle",
    run,
    rest: UNHURRIED,
    hands: 1,
};

/// A resolved incident closes after this many days without an objection.
const CLOSE_AFTER_DAYS: i64 = 7;
const AT_ONCE: i64 = 50;

fn run(app: &App) -> Result<Again> {
    let ctx = app.system("settle", Door::Clock);
    let done = actions::ticket_settle::settle_overdue(&ctx, CLOSE_AFTER_DAYS, AT_ONCE)?;
    Ok(if done as i64 >= AT_ONCE {
        Again::AtOnce
    } else {
        Again::Later
    })
}
