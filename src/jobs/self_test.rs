//! Finds out whether those who may be called can be reached, before it matters. Who can't is a health mark: a band for the admins, a
//! line in the log, a gauge.

use std::sync::PoisonError;

use super::{Again, Job, UNHURRIED};
use crate::actions::self_test;
use crate::app::App;
use crate::domain::timeline::Door;
use crate::error::Result;

pub(super) const JOB: Job = Job {
    name: "self-test",
    run,
    rest: UNHURRIED,
    hands: 1,
};

/// Seconds between two looks: nobody waits for the minute.
const LOOK_SECS: i64 = 60;

fn run(app: &App) -> Result<Again> {
    let ctx = app.system("self-test", Door::Clock);
    {
        let mut last = app
            .self_tests
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|last| ctx.now.secs_since(last) < LOOK_SECS) {
            return Ok(Again::Later);
        }
        *last = Some(ctx.now);
    }
    self_test::page_due(&ctx)?;
    let silent = ctx
        .read(|conn| self_test::silent(app, conn, ctx.now))?
        .len();
    metrics::gauge!("watchkeeper_self_test_silent").set(silent as f64);
    if silent > 0 {
        tracing::error!(
            silent,
            "people who may be called have answered no page for a day after a self-test"
        );
    }
    Ok(Again::Later)
}
