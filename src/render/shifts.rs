//! Shifts as a calendar to subscribe to. Gaps are events too: a hole in the watch should be seen in the calendar.

use std::collections::HashMap;

use icalendar::{Calendar, Component, Event, EventLike};

use crate::domain::id::PersonId;
use crate::domain::oncall::Shift;
use crate::domain::people::Team;
use crate::domain::timestamp::Timestamp;
use crate::words::Words;

/// The calendar of `team`'s shifts. A shift keeps its UID as long as it begins at the same time with the same person.
pub fn calendar(
    words: &Words,
    team: &Team,
    shifts: &[Shift],
    names: &HashMap<PersonId, String>,
    now: Timestamp,
) -> String {
    let mut calendar = Calendar::new();
    calendar.name(&plain(
        &words.with("feed-name", &[("team", team.name.as_str().into())]),
    ));
    for shift in shifts {
        let name = shift.person.and_then(|person| names.get(&person));
        let summary = match name {
            Some(name) => words.with(
                "feed-shift",
                &[
                    ("name", name.as_str().into()),
                    ("team", team.name.as_str().into()),
                ],
            ),
            None => words.with("feed-gap", &[("team", team.name.as_str().into())]),
        };
        let who = shift
            .person
            .map_or_else(|| "nobody".to_owned(), |person| person.to_string());
        let mut event = Event::new();
        event
            .uid(&format!(
                "shift-{}-{}-{who}@watchkeeper",
                team.id,
                shift.starts_at.micros()
            ))
            .timestamp(now.utc())
            .starts(shift.starts_at.utc())
            .ends(shift.ends_at.utc())
            .summary(&plain(&summary));
        calendar.push(event);
    }
    calendar.done().to_string()
}

/// One line without control characters: nothing that a person typed starts a property of its own.
pub(super) fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::Id;
    use crate::domain::oncall::Because;

    #[test]
    fn a_gap_stands_in_the_calendar_and_no_name_breaks_out_of_its_line() {
        let ada = Id::from_uuid(uuid::Uuid::from_u128(1));
        let team = Team {
            id: Id::from_uuid(uuid::Uuid::from_u128(2)),
            name: "net\r\nBEGIN:VALARM".to_owned(),
            zone: chrono_tz::UTC,
            calendar_id: None,
            is_active: true,
            version: 1,
        };
        let at = |hour: i64| Timestamp::from_micros(1_780_304_400_000_000).plus_secs(hour * 3_600);
        let shift = |person, from, to| Shift {
            person,
            starts_at: at(from),
            ends_at: at(to),
            because: Because::Turn(0),
        };
        let shifts = [shift(Some(ada), 0, 8), shift(None, 8, 10)];
        let names = HashMap::from([(ada, "Ada".to_owned())]);
        let text = calendar(Words::english(), &team, &shifts, &names, at(0));
        assert_eq!(text.matches("BEGIN:VEVENT").count(), 2, "{text}");
        assert!(
            text.contains("Ada") && text.contains("NOBODY") && !text.contains("\nBEGIN:VALARM"),
            "{text}"
        );
    }
}
