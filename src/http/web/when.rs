//! Instants as people type them: a date and time of their own wall clock.

use chrono::{LocalResult, NaiveDateTime, NaiveTime};
use chrono_tz::Tz;

use crate::domain::refusal::FieldError;
use crate::domain::timestamp::Timestamp;

/// `2026-11-21T14:02` (also with a blank, also with seconds) in `zone`; or a bare `14:02`, the next such time from `now` on.
/// Empty is `None`. A time that the clock skips is refused; one that comes twice means its first occurrence.
pub fn instant(
    field: &'static str,
    text: &str,
    zone: Tz,
    now: Timestamp,
) -> Result<Option<Timestamp>, FieldError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = |problem| FieldError::new(field, problem).with("value", text.to_owned());
    if let Ok(time) = NaiveTime::parse_from_str(text, "%H:%M") {
        let today = now.in_zone(zone).date_naive();
        for day in [Some(today), today.succ_opt()].into_iter().flatten() {
            if let Some(at) = on_wall_clock(day.and_time(time), zone)
                && at > now
            {
                return Ok(Some(at));
            }
        }
        return Err(wrong("no-such-time"));
    }
    let folded = text.replace(' ', "T");
    let naive = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
        .iter()
        .find_map(|pattern| NaiveDateTime::parse_from_str(&folded, pattern).ok())
        .ok_or_else(|| wrong("not-a-wall-time"))?;
    on_wall_clock(naive, zone)
        .map(Some)
        .ok_or_else(|| wrong("no-such-time"))
}

fn on_wall_clock(naive: NaiveDateTime, zone: Tz) -> Option<Timestamp> {
    match naive.and_local_timezone(zone) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => Some(at.into()),
        LocalResult::None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_on_the_readers_wall_clock() {
        let zone: Tz = "Europe/Stockholm".parse().unwrap();
        let now = Timestamp::parse_rfc3339("2026-11-21T03:00:00Z").unwrap();
        for (text, expected) in [
            ("", Ok(None)),
            ("2026-11-21T14:02", Ok(Some("2026-11-21T13:02:00Z"))),
            ("2026-11-21 14:02:30", Ok(Some("2026-11-21T13:02:30Z"))),
            ("04:30", Ok(Some("2026-11-21T03:30:00Z"))),
            ("03:30", Ok(Some("2026-11-22T02:30:00Z"))),
            ("2026-03-29T02:30", Err("no-such-time")),
            ("2026-10-25T02:30", Ok(Some("2026-10-25T00:30:00Z"))),
            ("2026-02-30T10:00", Err("not-a-wall-time")),
            ("soon", Err("not-a-wall-time")),
        ] {
            let got = instant("at", text, zone, now)
                .map(|at| at.map(Timestamp::rfc3339))
                .map_err(|error| error.problem);
            assert_eq!(got, expected.map(|at| at.map(str::to_owned)), "{text}");
        }
    }
}
