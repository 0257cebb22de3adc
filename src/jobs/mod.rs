//! What the house does by itself. A job takes no input but the time: it looks for what is due, does it once, and can be run
//! again at any moment by any node. Each has its own thread, so that a slow relay never holds up a page.

mod approval;
mod check;
mod deploy_queue;
mod escalation;
mod forge;
mod freeze;
mod ledger;
mod mailbox;
pub mod outbox;
mod outbox_clocks;
mod outbox_digest;
mod outbox_thread;
mod periods;
mod revert;
mod self_test;
mod settle;
mod sla;
mod soak;
mod spool;
mod statistics;
mod sweep;
mod terms;
mod trouble;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::app::App;
use crate::error::Result;

/// One job: looks once and does what is due. Whether there may be more at once.
pub struct Job {
    pub name: &'static str,
    pub run: fn(&App) -> Result<Again>,
    /// How long it rests after a look that found little, whatever is committed meanwhile: a busy house commits a thousand times a
    /// second, and a look at nothing costs as much as a small change.
    pub rest: Duration,
    /// Threads that do it side by side. More than one only where a lease keeps them apart.
    pub hands: usize,
}

/// The rest of a job whose work nobody waits for within the second.
const UNHURRIED: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// A full batch was done: look again without waiting.
    AtOnce,
    /// At the next wake, or in a second: another process may have written.
    Later,
}

/// Every job, in the order in which a test runs them: what they hand each other is then there.
pub const ALL: &[Job] = &[
    spool::JOB,
    mailbox::JOB,
    mailbox::STALE_JOINS,
    settle::JOB,
    forge::JOB,
    forge::SWEEP,
    soak::JOB,
    deploy_queue::JOB,
    revert::JOB,
    approval::JOB,
    terms::JOB,
    sla::JOB,
    escalation::JOB,
    escalation::SHIFTS,
    trouble::JOB,
    self_test::JOB,
    freeze::JOB,
    ledger::JOB,
    outbox::PAGES,
    outbox::LETTERS,
    sweep::JOB,
    sweep::BYTES,
    check::JOB,
    statistics::JOB,
    periods::JOB,
];

/// The running jobs.
pub struct Running {
    stop: Arc<Stop>,
    app: Arc<App>,
    threads: Vec<JoinHandle<()>>,
}

/// Starts every job on threads of its own.
pub fn start(app: &Arc<App>) -> std::io::Result<Running> {
    if let Err(error) = outbox::release_leases(app) {
        tracing::error!(%error, "leases of an earlier process stay until they run out");
    }
    if let Err(error) = forge::release_leases(app) {
        tracing::error!(%error, "forges that an earlier process looked at wait until its lease runs out");
    }
    // What was due while nothing ran is asked for before anything leaves: an older page that waits then gives way to it.
    if let Err(error) = escalation::catch_up(app) {
        tracing::error!(%error, "escalations that were due are looked at by their job");
    }
    app.is_ending.store(false, Ordering::Relaxed);
    let stop = Arc::new(Stop::default());
    let mut threads = Vec::new();
    for job in ALL
        .iter()
        .flat_map(|job| std::iter::repeat_n(job, job.hands))
    {
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
        self.app.is_ending.store(true, Ordering::Relaxed);
        self.stop.tell();
        self.app.wake.ring();
        for thread in self.threads {
            // A job's panic was contained and logged where it happened.
            let _ = thread.join();
        }
    }
}

/// The end of all jobs: cuts their rests short.
#[derive(Default)]
struct Stop {
    is_told: Mutex<bool>,
    told: Condvar,
}

impl Stop {
    fn tell(&self) {
        *self.is_told.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.told.notify_all();
    }

    /// Rests for so long, or until it is told. Whether it was.
    fn rest(&self, pause: Duration) -> bool {
        let is_told = self.is_told.lock().unwrap_or_else(PoisonError::into_inner);
        let (is_told, _) = self
            .told
            .wait_timeout_while(is_told, pause, |is_told| !*is_told)
            .unwrap_or_else(PoisonError::into_inner);
        *is_told
    }
}

/// Longest time between two looks: another process may have written, or time alone made something due.
const PATIENCE: Duration = Duration::from_secs(1);

fn keep_running(job: &Job, app: &App, stop: &Stop) {
    let mut faults = 0_u32;
    loop {
        // Before the look: what is committed from here on is worth another.
        let rung = app.wake.rings();
        let began = Instant::now();
        let pause = match contained(job, app) {
            Ok(Again::AtOnce) => {
                faults = 0;
                Duration::ZERO
            }
            Ok(Again::Later) => {
                faults = 0;
                job.rest
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
        if stop.rest(pause) {
            return;
        }
        // After a fault it isn't a commit that is waited for.
        if faults == 0 && !pause.is_zero() {
            app.wake.wait(rung, PATIENCE.saturating_sub(pause));
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
