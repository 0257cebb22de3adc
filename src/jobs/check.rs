//! Compares a few stored clocks a minute with what their timelines say, round and round, and counts those that can never fall due.
//! What differs, and what never ends, is a health mark: a band on the pages of whoever keeps the house, a line in the log, a gauge.
//! So is mail that doesn't come in or doesn't leave.

use std::sync::PoisonError;

use super::{Again, Job, UNHURRIED};
use crate::actions::{mail_health, mailbox, sla_verify};
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
        let (silent, stuck, unread) = ctx.read(|conn| {
            let silent = mail_health::silent_secs(app, conn, ctx.now)?;
            let stuck = mail_health::stuck(conn, ctx.now)?;
            Ok((silent, stuck, mailbox::failing(app, conn, ctx.now)?))
        })?;
        metrics::gauge!("watchkeeper_mail_silent_seconds").set(silent.unwrap_or(0) as f64);
        metrics::gauge!("watchkeeper_letters_stuck").set(stuck as f64);
        let unread_secs = unread.as_ref().and_then(|of| of.fault_since);
        let unread_secs = unread_secs.map_or(0, |since| ctx.now.secs_since(since));
        metrics::gauge!("watchkeeper_mailbox_trouble_seconds").set(unread_secs as f64);
        if let Some(of) = unread {
            tracing::error!(
                mailbox = of.name,
                fault = of.fault,
                "a mailbox is in trouble"
            );
        }
        let held = ctx.read(store::mail_health::held)?;
        metrics::gauge!("watchkeeper_mail_held").set(held as f64);
        if held > 0 {
            tracing::warn!(held, "mails are held until somebody looks at them");
        }
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
