//! The calendar of changes to subscribe to: windows, and changes with a time.

use icalendar::{Calendar, Component, Event, EventLike};

use super::shifts::plain;
use crate::domain::agenda::Agenda;
use crate::domain::freeze::Sort;
use crate::domain::timestamp::Timestamp;
use crate::words::Words;

/// A window keeps its UID for each of its occurrences, a change for as long as it is one.
pub fn calendar(words: &Words, agenda: &Agenda, base: &str, now: Timestamp) -> String {
    let mut calendar = Calendar::new();
    calendar.name(&plain(&words.t("agenda-feed-name")));
    for it in agenda.windows() {
        let key = match it.freeze.sort {
            Sort::Allow => "agenda-feed-maintenance",
            Sort::Deny => "agenda-feed-freeze",
        };
        let summary = words.with(key, &[("name", it.freeze.name.as_str().into())]);
        let mut event = Event::new();
        event
            .uid(&format!(
                "window-{}-{}@watchkeeper",
                it.freeze.id,
                it.from.micros()
            ))
            .timestamp(now.utc())
            .starts(it.from.utc())
            .ends(it.until.utc())
            .summary(&plain(&summary));
        calendar.push(event);
    }
    for it in &agenda.items {
        let planned = &it.planned;
        let mut event = Event::new();
        event
            .uid(&format!("change-{}@watchkeeper", planned.ticket))
            .timestamp(now.utc())
            .starts(planned.starts_at.utc())
            .ends(planned.ends_at.utc())
            .summary(&plain(&format!("{} {}", planned.key, planned.title)));
        if !base.is_empty() {
            event.url(&format!("{base}/{}", planned.key));
        }
        calendar.push(event);
    }
    calendar.done().to_string()
}
