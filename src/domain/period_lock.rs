//! Locked periods: what was reported of them stands, whatever is corrected later.

use super::id::{CustomerId, PeriodLockId};
use super::refusal::FieldError;
use super::text::{NAME_CHARS, one_line};
use super::timestamp::Timestamp;

/// A period in which outcomes don't change any more. A clock belongs to the period in which it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeriodLock {
    pub id: PeriodLockId,
    /// Half-open, as every interval.
    pub from_at: Timestamp,
    pub until_at: Timestamp,
    /// `None`: everybody's, the house's own clocks too.
    pub customer_id: Option<CustomerId>,
    pub reason: String,
    /// Their name when they locked it.
    pub made_by: String,
    pub made_at: Timestamp,
}

impl PeriodLock {
    /// Refuses a period without an instant in it, one that isn't over, and a lock without a reason.
    pub fn new(
        id: PeriodLockId,
        period: (Timestamp, Timestamp),
        customer_id: Option<CustomerId>,
        reason: &str,
        made_by: &str,
        now: Timestamp,
    ) -> Result<Self, FieldError> {
        let (from_at, until_at) = period;
        if from_at >= until_at {
            return Err(FieldError::new("until_at", "end-before-start"));
        }
        if until_at > now {
            return Err(FieldError::new("until_at", "not-over-yet"));
        }
        Ok(Self {
            id,
            from_at,
            until_at,
            customer_id,
            reason: one_line("reason", reason, NAME_CHARS)?,
            made_by: made_by.to_owned(),
            made_at: now,
        })
    }

    /// Whether an outcome at `at` of this party (`None`: the house) stands.
    pub fn covers(&self, customer: Option<CustomerId>, at: Timestamp) -> bool {
        self.from_at <= at
            && at < self.until_at
            && self.customer_id.is_none_or(|own| customer == Some(own))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::Id;

    const NOW: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

    fn lock(customer: Option<CustomerId>) -> PeriodLock {
        let period = (NOW.plus_secs(-200), NOW.plus_secs(-100));
        PeriodLock::new(Id::new(NOW), period, customer, "November", "Ada", NOW).unwrap()
    }

    #[test]
    fn a_lock_covers_from_its_first_instant_to_before_its_end() {
        let everybodys = lock(None);
        assert!(everybodys.covers(None, everybodys.from_at));
        assert!(everybodys.covers(Some(Id::new(NOW)), everybodys.until_at.plus_micros(-1)));
        assert!(!everybodys.covers(None, everybodys.until_at));
        assert!(!everybodys.covers(None, everybodys.from_at.plus_micros(-1)));
    }

    #[test]
    fn a_customers_lock_covers_that_customer_alone() {
        let contoso: CustomerId = Id::new(NOW);
        let own = lock(Some(contoso));
        assert!(own.covers(Some(contoso), own.from_at));
        assert!(!own.covers(Some(Id::new(NOW)), own.from_at));
        assert!(!own.covers(None, own.from_at));
    }

    #[test]
    fn a_period_that_is_empty_or_not_over_is_refused() {
        let refused = |from: i64, until: i64, reason: &str| {
            let period = (NOW.plus_secs(from), NOW.plus_secs(until));
            PeriodLock::new(Id::new(NOW), period, None, reason, "Ada", NOW)
                .unwrap_err()
                .problem
        };
        assert_eq!(refused(-100, -100, "x"), "end-before-start");
        assert_eq!(refused(-100, 1, "x"), "not-over-yet");
        assert_eq!(refused(-100, 0, " "), "required");
    }
}
