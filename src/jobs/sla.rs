//! Looks at clocks that are due: a warning, a breach, the end of a hold. Never scans the open ones: each says when it wants a
//! look (`next_wake_at`). What a look finds is told with the instant it happened at, however late it is looked at.

use std::time::Duration;

use super::{Again, Job};
use crate::actions;
use crate::app::App;
use crate::domain::timeline::Door;
use crate::error::Result;
use crate::store;

/// Most clocks considered in one go.
const BATCH: i64 = 200;

pub const JOB: Job = Job {
    name: "clocks",
    run,
    rest: Duration::from_millis(100),
    hands: 1,
};

fn run(app: &App) -> Result<Again> {
    let ctx = app.system("clocks", Door::Clock);
    let tickets = ctx.read(|conn| store::sla::tickets_due(conn, ctx.now, BATCH))?;
    let mut failed = None;
    for ticket in &tickets {
        // One ticket's failure doesn't keep the others waiting.
        if let Err(error) = actions::sla::wake(&ctx, *ticket) {
            tracing::error!(%ticket, %error, "a due clock could not be looked at");
            failed = Some(error);
        }
    }
    match failed {
        Some(error) => Err(error),
        None if tickets.is_empty() => Ok(Again::Later),
        None => Ok(Again::AtOnce),
    }
}
