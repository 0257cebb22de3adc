//! What becomes of a clock when its ticket changes, waits or is opened again: settings of each target.
//!
//! The target that a clock runs under decides, not the one that takes over: it is the promise that was made.

use super::ticket::State;
use super::word::words;

words! {
    /// What becomes of a clock when another target takes over from its own.
    pub enum ChangePolicy {
        /// The new target counts from the same anchor; all time and all holds are counted anew by its calendar.
        Carry = "carry",
        /// The new target counts from the change.
        Restart = "restart",
        /// The old target stays.
        Keep = "keep",
        /// The share of the budget that is used stays used.
        Prorate = "prorate",
    }
}

words! {
    /// What becomes of a clock when its ticket is opened again.
    pub enum ReopenPolicy {
        /// It runs on; the time in which the ticket was closed isn't counted.
        ResumeWithoutGap = "resume_without_gap",
        /// It runs on as if the ticket had never been closed.
        ResumeWithGap = "resume_with_gap",
        /// It keeps its result; the next cycle begins.
        NewCycle = "new_cycle",
    }
}

/// Opened again within this long after it was resolved, a clock runs on unless its target says otherwise.
pub const REOPEN_GRACE_SECS: i64 = 72 * 3600;
/// Longest grace that can be agreed on: a year.
pub const MAX_REOPEN_GRACE_SECS: i64 = 366 * 24 * 3600;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub on_change: ChangePolicy,
    /// Elapsed time after the resolve, in seconds.
    pub reopen_grace_secs: i64,
    /// Opened again within the grace.
    pub reopen_within: ReopenPolicy,
    /// Opened again later.
    pub reopen_later: ReopenPolicy,
    /// States that bring a hold with them: the clock stands while the ticket is in one of them, and runs when it leaves.
    pub holds_in: Vec<State>,
    /// A message of the customer after the answer begins the next `respond` cycle.
    pub follows_messages: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            on_change: ChangePolicy::Carry,
            reopen_grace_secs: REOPEN_GRACE_SECS,
            reopen_within: ReopenPolicy::ResumeWithoutGap,
            reopen_later: ReopenPolicy::NewCycle,
            holds_in: Vec::new(),
            follows_messages: true,
        }
    }
}

impl Policy {
    /// What holds for a ticket that is opened again so long after its clock ended.
    pub fn reopened_after(&self, secs: i64) -> ReopenPolicy {
        if secs <= self.reopen_grace_secs {
            self.reopen_within
        } else {
            self.reopen_later
        }
    }
}
