//! Looks at clocks that are due: a warning, a breach, the end of a hold. Never scans the open ones: each says when it wants a
//! look (`next_wake_at`). What a look finds is told with the instant it happened at, however late it is looked at.

use std::time::Duration;

use super::{Again, Job};
use crate::actions;
use crate::app::App;
use crate::domain::timeline::Door;
use crate::error::Result;
use crate::store;

/// Most clocks considered in one transaction: where writers take turns it keeps every other one waiting, elsewhere it costs round
/// trips.
const ALONE: i64 = 50;
const SHARED: i64 = 500;

pub const JOB: Job = Job {
    name: "clocks",
    run,
    rest: Duration::from_millis(100),
    hands: 1,
};

fn run(app: &App) -> Result<Again> {
    let ctx = app.system("clocks", Door::Clock);
    let most = match app.store.is_sqlite() {
        true => ALONE,
        false => SHARED,
    };
    let due = ctx.read(|conn| store::sla::tickets_due(conn, ctx.now, most))?;
    if due.is_empty() {
        return Ok(Again::Later);
    }
    match actions::sla::wake_due(&ctx, most) {
        Ok(0) => return Ok(Again::Later),
        Ok(_) => return Ok(Again::AtOnce),
        Err(error) => tracing::warn!(%error, "due clocks are looked at one by one"),
    }
    let mut failed = None;
    for ticket in &due {
        // One ticket's failure doesn't keep the others waiting.
        if let Err(error) = actions::sla::wake(&ctx, *ticket) {
            tracing::error!(%ticket, %error, "a due clock could not be looked at");
            failed = Some(error);
        }
    }
    match failed {
        Some(error) => Err(error),
        None => Ok(Again::AtOnce),
    }
}
