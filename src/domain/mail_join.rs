//! How long a mail may ask to join a ticket before somebody decides. Whoever wrote it waits as a customer of that ticket would: until
//! somebody takes it. Nobody who asks learns of it; it is a promise of the house to itself.

use super::sla_agreement::{Budget, Metric, Threshold};
use super::sla_clock::Terms;
use super::timestamp::Timestamp;
use super::worktime;

/// Where an agreement says nothing else, a warning goes out once so much of the time is over.
const WARN_PERCENT: i64 = 75;

/// Until when it is decided, and when that is warned of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    pub due_at: Timestamp,
    /// Between its receipt and `due_at`.
    pub warn_at: Option<Timestamp>,
}

/// A mail that asks to join a ticket: since when, and until when somebody decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    pub from: Timestamp,
    pub until: Timestamp,
}

/// The patience with a mail received at `from` that asks to join a ticket under `terms`: that of their `own` target, counted in its
/// hours as its clock counts. Without one, or where its hours never come, `usual_secs` by the wall clock.
pub fn patience(terms: &[Terms], from: Timestamp, usual_secs: i64) -> Patience {
    let own = terms.iter().filter(|it| it.target.metric == Metric::Own);
    let agreed = own.filter_map(|terms| agreed(terms, from));
    agreed.min_by_key(|it| it.due_at).unwrap_or(Patience {
        due_at: from.plus_secs(usual_secs),
        warn_at: Some(from.plus_secs(usual_secs * WARN_PERCENT / 100)),
    })
}

fn agreed(terms: &Terms, from: Timestamp) -> Option<Patience> {
    let hours = &*terms.hours;
    let due_at = match terms.target.budget {
        Budget::Counted { secs } => worktime::deadline(hours, from, secs * 1_000_000, &[]),
        Budget::EndOfDay { n } => worktime::end_of_day(hours, from, n, &[]),
        // Promised by hand for one ticket: it says nothing of a mail.
        Budget::Fixed { .. } => None,
    }?;
    let budget = worktime::counted(hours, from, due_at, &[]);
    let share = |percent: i64| (i128::from(budget) * i128::from(percent) / 100) as i64;
    // The first of its warnings: a person is asked once.
    let used = match terms.target.warn.first() {
        None => share(WARN_PERCENT),
        Some(Threshold::Percent(percent)) => share(i64::from(*percent)),
        Some(Threshold::Before { secs }) => budget - secs * 1_000_000,
    };
    let warn_at = match used > 0 {
        true => worktime::deadline(hours, from, used, &[]),
        false => None,
    };
    Some(Patience {
        due_at,
        warn_at: warn_at.filter(|at| *at < due_at),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::sla_agreement::{Promisee, Target};
    use crate::domain::sla_clock::tests::{HOUR, MINUTE, always, mon, target, working};
    use crate::domain::worktime::Hours;

    const DAY: i64 = 24 * HOUR;

    fn terms(metric: Metric, budget: Budget, warn: &[Threshold], hours: Arc<Hours>) -> Terms {
        let target = Target {
            warn: warn.to_vec(),
            ..target(metric, Promisee::Internal, budget)
        };
        Terms {
            target: Arc::new(target),
            hours,
        }
    }

    #[test]
    fn patience_is_the_own_target_counted_in_its_hours() {
        use Threshold::{Before, Percent};
        let counted = |secs| Budget::Counted { secs };
        // (budget, warnings, hours, received, due, warned), in seconds after Monday 09:00 in Berlin.
        let friday = 4 * DAY + 7 * HOUR + 30 * MINUTE;
        let monday = 7 * DAY;
        for (budget, warn, hours, from, due, warned) in [
            (counted(HOUR), &[][..], always(), 0, HOUR, Some(45 * MINUTE)),
            (
                counted(HOUR),
                &[Percent(50), Percent(80)],
                always(),
                0,
                HOUR,
                Some(30 * MINUTE),
            ),
            (
                counted(HOUR),
                &[Before { secs: 600 }],
                always(),
                0,
                HOUR,
                Some(50 * MINUTE),
            ),
            // A warning that would come before the mail did is none.
            (
                counted(HOUR),
                &[Before { secs: 7200 }],
                always(),
                0,
                HOUR,
                None,
            ),
            // Friday 16:30, an hour: half of it is Monday's.
            (
                counted(HOUR),
                &[],
                working(),
                friday,
                monday + 30 * MINUTE,
                Some(monday + 15 * MINUTE),
            ),
            // Saturday noon: it begins on Monday.
            (
                counted(HOUR),
                &[],
                working(),
                5 * DAY + 3 * HOUR,
                monday + HOUR,
                Some(monday + 45 * MINUTE),
            ),
            (
                Budget::EndOfDay { n: 1 },
                &[],
                working(),
                friday,
                monday + 8 * HOUR,
                Some(monday + 5 * HOUR + 52 * MINUTE + 30),
            ),
        ] {
            let own = terms(Metric::Own, budget, warn, hours);
            let found = patience(&[own], mon(from), 1_800);
            assert_eq!(
                (found.due_at, found.warn_at),
                (mon(due), warned.map(mon)),
                "{budget:?} {warn:?} {from}"
            );
        }
    }

    #[test]
    fn without_an_own_target_it_is_the_houses_by_the_wall_clock() {
        let respond = terms(
            Metric::Respond,
            Budget::Counted { secs: HOUR },
            &[],
            always(),
        );
        let fixed = terms(Metric::Own, Budget::Fixed { at: mon(60) }, &[], always());
        for known in [vec![], vec![respond], vec![fixed]] {
            let found = patience(&known, mon(0), 40 * MINUTE);
            assert_eq!(found.due_at, mon(40 * MINUTE));
            assert_eq!(found.warn_at, Some(mon(30 * MINUTE)));
        }
    }
}
