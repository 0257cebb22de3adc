//! Weeks of a period, Monday to Sunday on its wall clock.

use chrono::{Datelike, Days, NaiveDate};

use super::sla_report::Period;
use super::timestamp::Timestamp;
use super::worktime::Interval;

/// A week of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Week {
    pub monday: NaiveDate,
    /// As far as it lies in the period, and isn't still to come.
    pub span: Interval,
    /// Some of its days don't.
    pub is_cut: bool,
}

/// The weeks of a period, Monday to Sunday on its wall clock, up to `until`.
pub fn weeks(period: &Period, until: Timestamp) -> Vec<Week> {
    let whole = period.interval();
    let back = u64::from(period.from_on.weekday().num_days_from_monday());
    let mut monday = period.from_on - Days::new(back);
    let mut weeks = Vec::new();
    while monday <= period.to_on {
        let sunday = monday + Days::new(6);
        let own = Period {
            from_on: monday,
            to_on: sunday,
            zone: period.zone,
        }
        .interval();
        let span = Interval::new(own.from.max(whole.from), own.to.min(whole.to).min(until));
        if span.from < span.to {
            weeks.push(Week {
                monday,
                span,
                is_cut: span != own,
            });
        }
        monday = monday + Days::new(7);
    }
    weeks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_begin_on_monday_on_the_wall_clock_and_end_with_the_period() {
        let day = |month, day| NaiveDate::from_ymd_opt(2026, month, day).unwrap();
        // Wednesday 25 March to Monday 6 April in Stockholm, where the clocks go forward on Sunday 29 March.
        let period = Period::new(day(3, 25), day(4, 6), chrono_tz::Europe::Stockholm).unwrap();
        let until = Timestamp::parse_rfc3339("2026-04-03T12:00:00Z").unwrap();
        let said: Vec<(String, String, String, bool)> = weeks(&period, until)
            .iter()
            .map(|it| {
                let Interval { from, to } = it.span;
                (
                    it.monday.to_string(),
                    from.rfc3339(),
                    to.rfc3339(),
                    it.is_cut,
                )
            })
            .collect();
        let week = |monday: &str, from: &str, to: &str| {
            (monday.to_owned(), from.to_owned(), to.to_owned(), true)
        };
        assert_eq!(
            said,
            [
                week("2026-03-23", "2026-03-24T23:00:00Z", "2026-03-29T22:00:00Z"),
                week("2026-03-30", "2026-03-29T22:00:00Z", "2026-04-03T12:00:00Z"),
            ]
        );
        let whole = Period::new(day(6, 1), day(6, 7), chrono_tz::UTC).unwrap();
        assert!(!weeks(&whole, Timestamp::NEVER)[0].is_cut);
    }
}
