//! What the house does by itself. A job takes no input but the time: it looks for what is due, does it once, and can be run
//! again at any moment by any node. Each has its own thread, so that a slow relay never holds up a page.

mod escalation;
mod ledger;
mod mailbox;
pub mod outbox;
mod settle;
mod sla;
mod sweep;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::app::App;
use crate::error::Result;

/// One job: looks once and does what is due. Whether there may be more at once.
pub struct Job {
    pub name: &'static str,
    pub run: fn(&App) -> Result<Again>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// A full batch was done: look again without waiting.
    AtOnce,
    /// At the next wake, or in a second: another process may have written.
    Later,
}

/// Every job, in the order in which a test runs them: what they hand each other is then there.
pub const ALL: &[Job] = &[
    mailbox::JOB,
    settle::JOB,
    sla::JOB,
    escalation::JOB,
    escalation::SHIFTS,
    ledger::JOB,
    outbox::PAGES,
    outbox::LETTERS,
    sweep::JOB,
];

/// The running jobs.
pub struct Running {
    stop: Arc<AtomicBool>,
    app: Arc<App>,
    threads: Vec<JoinHandle<()>>,
}

/// Starts every job on a thread of its own.
pub fn start(app: &Arc<App>) -> std::io::Result<Running> {
    if let Err(error) = outbox::release_leases(app) {
        tracing::error!(%error, "leases of an earlier process stay until they run out");
    }
    let stop = Arc::new(AtomicBool::new(false));
    let mut threads = Vec::new();
    for job in ALL {
        let (app, stop) = (Arc::clone(app), Arc::clone(&stop));
        let thread = std::thread::Builder::new().name(format!("job-{}", job.name));
        threads.push(thread.spawn(move || keep_running(job, &app, &stop))?);
    }
    Ok(Running {
        stop,
        app: Arc::clone(app),
        threads,
    })
}

impl Running {
    /// Lets each job finish what it is at.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.app.wake.ring();
        for thread in self.threads {
            // A job's panic was contained and logged where it happened.
            let _ = thread.join();
        }
    }
}

fn keep_running(job: &Job, app: &App, stop: &AtomicBool) {
    let mut seen = 0;
    let mut faults = 0_u32;
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        let pause = match contained(job, app) {
            Ok(Again::AtOnce) => {
                faults = 0;
                Duration::ZERO
            }
            Ok(Again::Later) => {
                faults = 0;
                Duration::from_secs(1)
            }
            Err(fault) => {
                faults += 1;
                tracing::error!(
                    job = job.name,
                    fault,
                    faults,
                    "a job failed; it is tried again"
                );
                Duration::from_secs(u64::from(faults.min(30)))
            }
        };
        metrics::histogram!("watchkeeper_job_seconds", "job" => job.name)
            .record(began.elapsed().as_secs_f64());
        if faults > 0 {
            // Commits don't shorten the pause after a fault: it isn't they who are waited for.
            std::thread::sleep(pause);
        } else if !pause.is_zero() {
            seen = app.wake.wait(seen, pause);
        }
    }
}

/// A panic in one job is that job's fault alone.
fn contained(job: &Job, app: &App) -> std::result::Result<Again, String> {
    match catch_unwind(AssertUnwindSafe(|| (job.run)(app))) {
        Ok(outcome) => outcome.map_err(|error| error.to_string()),
        Err(panic) => Err(panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "panicked".to_owned())),
    }
}

/// Runs every job until none has anything left to do: how tests let time pass.
pub fn run_until_quiet(app: &App) -> Result<()> {
    // A letter may open a ticket, which pages, which is sent: a few rounds settle everything.
    for _ in 0..4 {
        for job in ALL {
            while (job.run)(app)? == Again::AtOnce {}
        }
    }
    Ok(())
}
