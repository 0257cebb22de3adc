//! The only place that reads a clock.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::domain::timestamp::Timestamp;

/// Where "now" comes from. It never runs backwards within a process: a clock set back (NTP) holds still until it has caught up.
#[derive(Debug)]
pub enum TimeSource {
    System {
        last: AtomicI64,
    },
    /// Moved by hand; for tests and for replaying a month in the demo.
    Manual(AtomicI64),
}

impl TimeSource {
    pub fn system() -> Self {
        TimeSource::System {
            last: AtomicI64::new(0),
        }
    }

    pub fn manual(start: Timestamp) -> Self {
        TimeSource::Manual(AtomicI64::new(start.micros()))
    }

    pub fn now(&self) -> Timestamp {
        match self {
            TimeSource::System { last } => {
                let read = chrono::Utc::now().timestamp_micros();
                let before = last.fetch_max(read, Ordering::Relaxed);
                Timestamp::from_micros(read.max(before))
            }
            TimeSource::Manual(at) => Timestamp::from_micros(at.load(Ordering::Relaxed)),
        }
    }

    /// Moves a manual clock to `at`; a system clock can't be moved.
    pub fn set(&self, at: Timestamp) {
        if let TimeSource::Manual(now) = self {
            now.store(at.micros(), Ordering::Relaxed);
        }
    }
}
