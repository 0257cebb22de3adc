//! Compares a few stored clocks a minute with what their timelines say, round and round, and counts those that can never fall due.
//! What differs, and what never ends, is a health mark: a band on the pages of whoever keeps the house, a line in the log, a gauge.

use std::sync::PoisonError;

use super::{Again, Job, UNHURRIED};
use crate::actions::sla_verify;
use crate::app::App;
use crate::domain::timeline::Door;
use crate::error::Result;
use crate::store;

pub(super) const JOB: Job = Job {
    name: "check",
    run,
    rest: UNHURRIED,
    hands: 1,
};

fn run(app: &App) -> Result<Again> {
    let ctx = app.system("check", Door::Clock);
    let mut rounds = app.rounds.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(differing) = sla_verify::check_some(&ctx, &mut rounds)? {
        metrics::gauge!("watchkeeper_clock_differences").set(differing as f64);
        let endless = ctx.read(store::sla_check::count_endless)?;
        metrics::gauge!("watchkeeper_clocks_without_deadline").set(endless as f64);
        if endless > 0 {
            tracing::error!(endless, "clocks run that can never fall due");
        }
    }
    Ok(Again::Later)
}
