//! An approver who is away for a while names another, who may speak for them.

use super::super::id::{PersonId, StandInId};
use super::super::refusal::FieldError;
use super::super::timestamp::Timestamp;

/// Nobody is away for longer without giving back the right.
pub const MOST_DAYS: i64 = 92;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandIn {
    pub id: StandInId,
    /// Who is away.
    pub from: PersonId,
    /// Who speaks for them.
    pub to: PersonId,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub made_at: Timestamp,
    /// They came back sooner.
    pub ended_at: Option<Timestamp>,
}

impl StandIn {
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.ended_at.is_none() && self.starts_at <= now && now < self.ends_at
    }

    /// It is still to come, or not over yet.
    pub fn is_ahead(&self, now: Timestamp) -> bool {
        self.ended_at.is_none() && now < self.ends_at
    }

    /// Checks what was said; all faults at once.
    pub fn check(&self, now: Timestamp) -> Result<(), Vec<FieldError>> {
        let mut faults = Vec::new();
        if self.to == self.from {
            faults.push(FieldError::new("to", "stands-in-for-themselves"));
        }
        let span = self.ends_at.secs_since(self.starts_at);
        if span <= 0 {
            faults.push(FieldError::new("ends_at", "ends-before-start"));
        } else if self.ends_at <= now {
            faults.push(FieldError::new("ends_at", "away-in-past"));
        } else if span > MOST_DAYS * 86_400 {
            faults.push(
                FieldError::new("ends_at", "away-too-long").with("max", MOST_DAYS.to_string()),
            );
        }
        match faults.is_empty() {
            true => Ok(()),
            false => Err(faults),
        }
    }
}
