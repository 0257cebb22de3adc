//! iCalendar text as events, their lines and their times: what every reader of such a file begins with.
//!
//! Strange input reads as nothing; what to make of the rest is the readers' (`holidays.rs`, `freezes.rs`).

use chrono::{NaiveDate, NaiveDateTime, TimeZone, Timelike};
use chrono_tz::Tz;

use super::windows_zones;
use crate::domain::text::{NAME_CHARS, one_line};

/// Longest file, in bytes: a country's holidays of a hundred years are a tenth of it.
pub const MOST_BYTES: usize = 1024 * 1024;

/// One line: `NAME;PARAM=VALUE:value`.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub name: String,
    params: Vec<(String, String)>,
    pub value: String,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Event(pub Vec<Line>);

/// Every VEVENT, whatever else there is. One in a calendar that calls its events off (`METHOD:CANCEL`) says so itself.
pub(super) fn events(text: &str) -> Vec<Event> {
    let cut: String = text.chars().take(MOST_BYTES).collect();
    // A line that begins with a blank goes on where the one before ended.
    let unfolded = cut
        .replace("\r\n", "\n")
        .replace("\n ", "")
        .replace("\n\t", "");
    let mut events = Vec::new();
    let mut open: Option<Event> = None;
    let mut calls_off = false;
    // What lies inside of an event, such as its alarm, isn't the event's.
    let mut depth = 0;
    for line in unfolded.lines().filter_map(line) {
        match (line.name.as_str(), line.value.to_ascii_uppercase().as_str()) {
            ("BEGIN", "VCALENDAR") if open.is_none() => calls_off = false,
            ("METHOD", method) if open.is_none() => calls_off = method == "CANCEL",
            ("BEGIN", "VEVENT") if open.is_none() => {
                let status = calls_off.then(|| Line {
                    name: "STATUS".to_owned(),
                    params: Vec::new(),
                    value: "CANCELLED".to_owned(),
                });
                open = Some(Event(status.into_iter().collect()));
                depth = 0;
            }
            ("END", "VEVENT") => events.extend(open.take()),
            ("BEGIN", _) => depth += 1,
            ("END", _) => depth -= 1,
            _ if depth == 0 => {
                if let Some(event) = &mut open {
                    event.0.push(line);
                }
            }
            _ => {}
        }
    }
    events
}

fn line(text: &str) -> Option<Line> {
    let mut quoted = false;
    let colon = text.char_indices().find_map(|(at, letter)| {
        quoted ^= letter == '"';
        (letter == ':' && !quoted).then_some(at)
    })?;
    let (head, value) = (&text[..colon], &text[colon + 1..]);
    let mut parts = head.split(';');
    let name = parts.next()?.trim().to_ascii_uppercase();
    let params = parts
        .filter_map(|part| part.split_once('='))
        .map(|(key, value)| (key.to_ascii_uppercase(), value.trim_matches('"').to_owned()))
        .collect();
    Some(Line {
        name,
        params,
        value: value.trim().to_owned(),
    })
}

/// Where a date or time stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    Day(NaiveDate),
    /// A time of day in a zone; `None`: wherever the reader is.
    Time(NaiveDateTime, Option<Tz>),
}

impl Moment {
    pub fn date(self) -> NaiveDate {
        match self {
            Moment::Day(date) => date,
            Moment::Time(at, _) => at.date(),
        }
    }

    pub fn is_midnight(self) -> bool {
        match self {
            Moment::Day(_) => true,
            Moment::Time(at, _) => at.hour() == 0 && at.minute() == 0,
        }
    }

    /// On the wall clock of `zone`.
    pub fn seen_in(self, zone: Tz) -> NaiveDateTime {
        match self {
            Moment::Day(date) => date.and_hms_opt(0, 0, 0).unwrap_or_default(),
            Moment::Time(at, None) => at,
            Moment::Time(at, Some(own)) => own
                .from_local_datetime(&at)
                .earliest()
                .map_or(at, |at| at.with_timezone(&zone).naive_local()),
        }
    }
}

impl Line {
    pub fn param(&self, key: &str) -> Option<&str> {
        let found = self.params.iter().find(|(known, _)| known == key);
        found.map(|(_, value)| value.as_str())
    }

    /// Its values as dates or times, what can't be read left out.
    pub fn moments(&self) -> Vec<Moment> {
        let zone = self.param("TZID").and_then(zone_named);
        let values = self.value.split(',');
        values
            .filter_map(|value| moment(value.trim(), zone))
            .collect()
    }
}

fn moment(text: &str, zone: Option<Tz>) -> Option<Moment> {
    if text.len() == 8 {
        let date = NaiveDate::parse_from_str(text, "%Y%m%d").ok()?;
        return Some(Moment::Day(date));
    }
    let (text, zone) = match text.strip_suffix('Z') {
        Some(text) => (text, Some(Tz::UTC)),
        None => (text, zone),
    };
    let at = NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%S").ok()?;
    Some(Moment::Time(at, zone))
}

/// The zone that a `TZID` names: by its IANA name, also behind the prefix that some programs put before it, or by that of Windows.
pub(super) fn zone_named(name: &str) -> Option<Tz> {
    let name = name.trim();
    let behind = name.match_indices('/').map(|(at, _)| &name[at + 1..]);
    let mut names = std::iter::once(name).chain(behind);
    names
        .find_map(|name| name.parse().ok())
        .or_else(|| windows_zones::zone(name))
}

impl Event {
    pub fn first(&self, name: &str) -> Option<&Line> {
        self.0.iter().find(|line| line.name == name)
    }

    pub fn is_cancelled(&self) -> bool {
        let status = self.first("STATUS");
        status.is_some_and(|line| line.value.eq_ignore_ascii_case("CANCELLED"))
    }

    /// Its summary, as the name of what becomes of it.
    pub fn name(&self) -> String {
        let summary = self.first("SUMMARY").map_or("", |line| line.value.as_str());
        let mut text = String::with_capacity(summary.len());
        let mut letters = summary.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '\\' => text.push(match letters.next() {
                    Some('n' | 'N') | None => ' ',
                    Some(other) => other,
                }),
                other => text.push(other),
            }
        }
        let short: String = text.chars().take(NAME_CHARS).collect();
        one_line("name", &short, NAME_CHARS).unwrap_or_else(|_| "–".to_owned())
    }
}
