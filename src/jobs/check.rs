//! Compares a few stored clocks a minute with what their timelines say, round and round, and counts those that can never fall due.
//! What differs, and what never ends, is a health mark: a band on the pages of whoever keeps the house, a line in the log, a gauge.
//! So is mail that doesn't come in or doesn't leave.

use std::sync::PoisonError;

use super::{Again, Job, UNHURRIED};
use crate::actions::{mail_health, sla_verify};
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
        let (silent, stuck) = ctx.read(|conn| {
            let silent = mail_health::silent_secs(app, conn, ctx.now)?;
            Ok((silent, mail_health::stuck(conn, ctx.now)?))
        })?;
        metrics::gauge!("watchkeeper_mail_silent_seconds").set(silent.unwrap_or(0) as f64);
        metrics::gauge!("watchkeeper_letters_stuck").set(stuck as f64);
        if let Some(secs) = silent {
            tracing::error!(secs, "no mail comes in at an hour that always had some");
        }
        if stuck > 0 {
            tracing::error!(stuck, "letters can't leave");
        }
        let endless = ctx.read(store::sla_check::count_endless)?;
        metrics::gauge!("watchkeeper_clocks_without_deadline").set(endless as f64);
        if endless > 0 {
            tracing::error!(endless, "clocks run that can never fall due");
        }
    }
    Ok(Again::Later)
}
