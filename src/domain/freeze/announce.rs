//! When a window is announced: so long before each of its occurrences, once.

use super::super::duration;
use super::super::refusal::FieldError;
use super::super::timestamp::Timestamp;
use super::{Freeze, Standing};

/// Longest time beforehand. What comes every week is known two weeks ahead (`when.rs`), and nobody remembers a letter for longer.
pub const MOST_ANNOUNCE_SECS: i64 = 14 * 86_400;
const LEAST_ANNOUNCE_SECS: i64 = 60;

/// How long beforehand, as it is typed; "": it isn't announced.
pub(super) fn read(text: &str) -> Result<Option<i64>, FieldError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let fits = LEAST_ANNOUNCE_SECS..=MOST_ANNOUNCE_SECS;
    let secs = duration::parse_secs(text).filter(|secs| fits.contains(secs));
    let wrong =
        || FieldError::new("announce", "not-an-announcement").with("value", text.to_owned());
    secs.map(Some).ok_or_else(wrong)
}

impl Freeze {
    /// The occurrences to be announced at `now`, the earliest first: those that begin within the time that is said beforehand, and
    /// haven't begun. What was announced is `told`: up to the start of which occurrence.
    pub fn to_announce(&self, now: Timestamp, told: Option<Timestamp>) -> Vec<Standing<'_>> {
        let Some(before) = self.announce_secs.filter(|_| self.is_active) else {
            return Vec::new();
        };
        let mut ahead = self.within(now, now.plus_secs(before).plus_micros(1));
        ahead.retain(|it| it.from > now && told.is_none_or(|told| it.from > told));
        ahead
    }

    /// Whether one of its occurrences is exactly so.
    pub fn is_open_from(&self, from: Timestamp, until: Timestamp) -> bool {
        let mut found = self.within(from, until).into_iter();
        self.is_active && found.any(|it| (it.from, it.until) == (from, until))
    }

    /// Whether the two are open at the same times, so that what was announced of one was of the other.
    pub fn is_when(&self, other: &Freeze) -> bool {
        (self.zone, self.when) == (other.zone, other.when)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::id::Id;
    use super::super::{Details, When};
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    fn starts(window: &Freeze, now: &str, told: Option<&str>) -> Vec<String> {
        let due = window.to_announce(at(now), told.map(at));
        due.iter().map(|it| it.from.rfc3339()).collect()
    }

    #[test]
    fn an_occurrence_is_announced_in_the_time_before_it_and_never_after_it_began() {
        let friday = Details::friday("No changes on Friday", chrono_tz::Europe::Stockholm);
        let friday = friday.freeze(
            Id::new(at("2026-01-01T00:00:00Z")),
            at("2026-01-01T00:00:00Z"),
            1,
        );
        // Stockholm is two hours ahead in June: it begins on Thursday at 22:00 UTC.
        let first = "2026-06-04T22:00:00Z";
        assert_eq!(starts(&friday, "2026-06-03T21:59:59Z", None), [""; 0]);
        assert_eq!(starts(&friday, "2026-06-03T22:00:00Z", None), [first]);
        assert_eq!(starts(&friday, "2026-06-04T21:59:59Z", None), [first]);
        assert_eq!(starts(&friday, "2026-06-04T22:00:00Z", None), [""; 0]);
        assert_eq!(
            starts(&friday, "2026-06-04T10:00:00Z", Some(first)),
            [""; 0]
        );
        // Last week's doesn't stand for this one.
        let last = Some("2026-05-28T22:00:00Z");
        assert_eq!(starts(&friday, "2026-06-04T10:00:00Z", last), [first]);
        let off = Freeze {
            is_active: false,
            ..friday.clone()
        };
        assert_eq!(starts(&off, "2026-06-04T10:00:00Z", None), [""; 0]);
        let long = Freeze {
            announce_secs: Some(MOST_ANNOUNCE_SECS),
            ..friday.clone()
        };
        assert_eq!(
            starts(&long, "2026-06-05T12:00:00Z", None),
            ["2026-06-11T22:00:00Z", "2026-06-18T22:00:00Z"]
        );
        let until = at("2026-06-08T05:00:00Z");
        assert!(friday.is_open_from(at(first), until));
        assert!(!friday.is_open_from(at(first), at("2026-06-08T06:00:00Z")));
        assert!(!off.is_open_from(at(first), until));
    }

    #[test]
    fn two_occurrences_may_be_ahead_of_one_that_is_open() {
        let details = Details {
            when: When::parse("Mon 00:00", "Sun 00:00").unwrap(),
            announce_secs: Some(MOST_ANNOUNCE_SECS),
            ..Details::friday("Nearly always", chrono_tz::UTC)
        };
        let window = details.freeze(
            Id::new(at("2026-01-01T00:00:00Z")),
            at("2026-01-01T00:00:00Z"),
            1,
        );
        assert_eq!(
            starts(&window, "2026-06-07T00:00:00Z", None),
            ["2026-06-08T00:00:00Z", "2026-06-15T00:00:00Z"]
        );
    }

    #[test]
    fn a_time_beforehand_is_read_as_people_type_it() {
        assert_eq!(read("  "), Ok(None));
        assert_eq!(read("24 h"), Ok(Some(86_400)));
        assert_eq!(read("336 h"), Ok(Some(MOST_ANNOUNCE_SECS)));
        for wrong in ["337 h", "30 s", "a day", "0"] {
            assert_eq!(read(wrong).unwrap_err().problem, "not-an-announcement");
        }
    }
}
