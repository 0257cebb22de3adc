//! Self-test pages: now and then everybody who may be called is paged for nothing, to find out that they can be reached before it
//! matters. It comes at a civil hour of their own and asks for an answer; that any page is answered proves as much.

use chrono::{Datelike, Timelike};
use chrono_tz::Tz;

use super::id::PersonId;
use super::timestamp::Timestamp;

/// Whoever has answered no page so long after a self-test may not be reachable.
pub const ANSWER_SECS: i64 = 24 * 3_600;

/// The local hours in which one may come, on weekdays.
const CIVIL_HOURS: std::ops::Range<u32> = 9..17;

/// Where somebody stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub person: PersonId,
    /// Their last self-test page; if there was none yet, since when they may be called.
    pub paged_at: Timestamp,
    /// The first self-test page since they last answered any.
    pub waiting_since: Option<Timestamp>,
}

impl Standing {
    /// Whether the next one is due for somebody who lives in `zone`. `hours` 0: never.
    pub fn is_due(&self, hours: i64, now: Timestamp, zone: Tz) -> bool {
        hours > 0 && now.secs_since(self.paged_at) >= hours * 3_600 && is_civil(now, zone)
    }
}

/// Whether nobody minds being paged for nothing.
fn is_civil(at: Timestamp, zone: Tz) -> bool {
    let local = at.in_zone(zone);
    local.weekday().num_days_from_monday() < 5 && CIVIL_HOURS.contains(&local.hour())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).expect("an instant")
    }

    #[test]
    fn it_comes_when_the_hours_are_over_on_a_weekday_between_nine_and_five_where_they_live() {
        let oslo = chrono_tz::Europe::Oslo;
        let standing = Standing {
            person: crate::domain::id::Id::from_uuid(uuid::Uuid::nil()),
            paged_at: at("2026-06-01T07:00:00Z"),
            waiting_since: None,
        };
        for (now, is_due) in [
            // A week later it is Monday 09:00 in Oslo; a second before it isn't a week yet.
            ("2026-06-08T06:59:59Z", false),
            ("2026-06-08T07:00:00Z", true),
            ("2026-06-08T14:59:59Z", true),
            ("2026-06-08T15:00:00Z", false),
            ("2026-06-09T06:59:59Z", false),
            ("2026-06-09T07:00:00Z", true),
            // Friday and Saturday noon.
            ("2026-06-12T10:00:00Z", true),
            ("2026-06-13T10:00:00Z", false),
        ] {
            assert_eq!(standing.is_due(168, at(now), oslo), is_due, "{now}");
        }
        // Where it is night already it waits, and 0 hours are never over.
        let noon = at("2026-06-12T10:00:00Z");
        assert!(!standing.is_due(168, noon, chrono_tz::Pacific::Auckland));
        assert!(!standing.is_due(0, noon, oslo));
    }
}
