//! From the wall clock of a zone to an instant, across daylight saving and every other change of offset.
//!
//! One rule for the whole house: a wall-clock time that occurs twice is its **first** occurrence, and one that doesn't
//! exist is the first instant after the gap. So neighbouring windows neither overlap nor leave a hole.

use chrono::{LocalResult, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use super::timestamp::Timestamp;

/// The instant at which the clocks of `zone` first show `local`, or the first instant after the gap that swallowed it.
pub fn instant(local: NaiveDateTime, zone: Tz) -> Timestamp {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(at) => at.into(),
        LocalResult::Ambiguous(first, second) => first.min(second).into(),
        LocalResult::None => end_of_gap(local, zone),
    }
}

/// `local` doesn't exist: finds the change of offset that skipped it.
///
/// The offset in force before the gap is read a little earlier on the same wall clock (gaps last from 20 minutes to the
/// 24 hours that Samoa skipped in 2011), and the change itself is found by halving: no table of changes is public.
fn end_of_gap(local: NaiveDateTime, zone: Tz) -> Timestamp {
    let before = (1..=48).find_map(|half_hours| {
        let earlier = local - TimeDelta::minutes(30 * half_hours);
        zone.from_local_datetime(&earlier).latest()
    });
    let Some(before) = before else {
        // No known zone skips more than a day; read as UTC rather than fail.
        return Utc.from_utc_datetime(&local).into();
    };
    let old = before.offset().fix().local_minus_utc();
    let offset_at = |secs: i64| {
        let at = Timestamp::from_micros(secs.saturating_mul(1_000_000));
        at.in_zone(zone).offset().fix().local_minus_utc()
    };
    let mut still_old = before.timestamp();
    // Read with the old offset, a skipped time lies after the change.
    let mut changed = local.and_utc().timestamp() - i64::from(old) + 1;
    while changed - still_old > 1 {
        let middle = still_old + (changed - still_old) / 2;
        if offset_at(middle) == old {
            still_old = middle;
        } else {
            changed = middle;
        }
    }
    Timestamp::from_micros(changed.saturating_mul(1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(local: &str, zone: &str) -> String {
        let local = NaiveDateTime::parse_from_str(local, "%Y-%m-%d %H:%M").unwrap();
        instant(local, zone.parse().unwrap()).rfc3339()
    }

    #[test]
    fn a_skipped_time_is_the_first_instant_after_the_gap_and_a_repeated_one_its_first_occurrence() {
        for (local, zone, expected) in [
            ("2026-06-01 09:00", "Europe/Berlin", "2026-06-01T07:00:00Z"),
            ("2026-03-29 02:00", "Europe/Berlin", "2026-03-29T01:00:00Z"),
            ("2026-03-29 02:59", "Europe/Berlin", "2026-03-29T01:00:00Z"),
            ("2026-03-29 03:00", "Europe/Berlin", "2026-03-29T01:00:00Z"),
            ("2026-10-25 02:30", "Europe/Berlin", "2026-10-25T00:30:00Z"),
            // S-36: midnight doesn't exist in Santiago on that day
            (
                "2026-09-06 00:00",
                "America/Santiago",
                "2026-09-06T04:00:00Z",
            ),
            // S-37, Cairo skips midnight too
            ("2026-04-24 00:00", "Africa/Cairo", "2026-04-23T22:00:00Z"),
            // S-38: 00:30 occurs twice in Havana
            ("2026-11-01 00:30", "America/Havana", "2026-11-01T04:30:00Z"),
            // S-11: half an hour is skipped on Lord Howe Island
            (
                "2020-10-04 02:15",
                "Australia/Lord_Howe",
                "2020-10-03T15:30:00Z",
            ),
            // A whole day was skipped in Samoa
            ("2011-12-30 12:00", "Pacific/Apia", "2011-12-30T10:00:00Z"),
        ] {
            assert_eq!(at(local, zone), expected, "{local} {zone}");
        }
    }
}
