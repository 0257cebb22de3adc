//! Meetings as calendar mail: iTIP REQUEST and CANCEL (RFC 5546) in an iCalendar object (RFC 5545).
//!
//! The bytes depend on nothing but the [`Invitation`]: no clock, no random id, so that what was sent can be made again.
//! Nothing that a person typed can start a line, a parameter or a second property of its own.

use chrono::{DateTime, Utc};
use icalendar::{Calendar, Component, Event, EventLike, EventStatus, Property};

use crate::domain::text::EmailAddress;
use crate::domain::timestamp::Timestamp;

/// What becomes of the meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Asks to come; a later one with a higher sequence moves the meeting or changes who is asked.
    Request,
    /// Takes the meeting off everybody's calendar.
    Cancel,
}

impl Method {
    pub const fn as_str(self) -> &'static str {
        match self {
            Method::Request => "REQUEST",
            Method::Cancel => "CANCEL",
        }
    }
}

/// Somebody on the invitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    pub name: String,
    pub address: EmailAddress,
}

/// One state of one meeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    pub method: Method,
    /// Stays the same for the meeting's whole life: calendars match on it.
    pub uid: String,
    /// Grows with each change; a calendar ignores what isn't newer than what it has.
    pub sequence: i32,
    /// When this state of the meeting was made.
    pub stamp_at: Timestamp,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub summary: String,
    pub description: String,
    /// The address of the page, shown by calendars as a link.
    pub url: String,
    pub location: Option<String>,
    pub organizer: Party,
    pub attendees: Vec<Party>,
}

/// The UID of a meeting: its own id at the host of `public_url`.
pub fn uid(meeting_id: &str, public_url: &str) -> String {
    let host = public_url
        .split_once("://")
        .map_or(public_url, |(_, rest)| rest)
        .split(['/', ':', '?', '#'])
        .next()
        .filter(|host| !host.is_empty())
        .unwrap_or("localhost");
    format!("meeting-{meeting_id}@{}", plain(host))
}

/// The `text/calendar; charset=utf-8; method=…` part: CRLF line ends, folded at 75 octets.
pub fn write(invitation: &Invitation) -> String {
    let mut event = Event::new();
    event
        .uid(&plain(&invitation.uid))
        .timestamp(utc(invitation.stamp_at))
        .starts(utc(invitation.starts_at))
        .ends(utc(invitation.ends_at))
        .summary(&plain(&invitation.summary))
        .description(&paragraphs(&invitation.description))
        .sequence(invitation.sequence.max(0) as u32)
        .status(match invitation.method {
            Method::Request => EventStatus::Confirmed,
            Method::Cancel => EventStatus::Cancelled,
        })
        .add_property("TRANSP", "OPAQUE");
    if let Some(location) = &invitation.location {
        event.location(&plain(location));
    }
    event.append_property(Property::new("URL", address_like(&invitation.url)));
    event.append_property(
        Property::new("ORGANIZER", mailto(&invitation.organizer.address))
            .add_parameter("CN", &parameter(&invitation.organizer.name))
            .done(),
    );
    for attendee in &invitation.attendees {
        event.append_multi_property(
            Property::new("ATTENDEE", mailto(&attendee.address))
                .add_parameter("CN", &parameter(&attendee.name))
                .add_parameter("CUTYPE", "INDIVIDUAL")
                .add_parameter("ROLE", "REQ-PARTICIPANT")
                .add_parameter("PARTSTAT", "NEEDS-ACTION")
                .add_parameter("RSVP", "TRUE")
                .done(),
        );
    }
    let mut calendar = Calendar::empty();
    for (name, value) in [
        ("VERSION", "2.0"),
        ("PRODID", "-//Watchkeeper//Watchkeeper//EN"),
        ("CALSCALE", "GREGORIAN"),
        ("METHOD", invitation.method.as_str()),
    ] {
        calendar.append_property((name, value));
    }
    calendar.push(event.done());
    calendar.to_string()
}

/// Whole seconds: iCalendar knows no fractions.
fn utc(instant: Timestamp) -> DateTime<Utc> {
    Timestamp::from_micros(instant.micros().div_euclid(1_000_000) * 1_000_000).utc()
}

/// One line without control characters. The library escapes `\`, `;`, `,` and line feeds, but not a lone carriage return.
fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect::<String>()
        .trim()
        .to_owned()
}

/// Lines stay lines (written as `\n` inside one property); other control characters go.
fn paragraphs(text: &str) -> String {
    text.replace("\r\n", "\n")
        .replace('\r', "\n")
        .chars()
        .filter(|c| *c == '\n' || !c.is_control())
        .collect()
}

/// A parameter's value can't escape a double quote at all (RFC 5545 3.2), so quotes go.
fn parameter(text: &str) -> String {
    plain(&text.replace('"', "'"))
}

/// An address is written as it is: blanks and control characters would end the line's meaning.
fn address_like(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() && !c.is_whitespace())
        .collect()
}

fn mailto(address: &EmailAddress) -> String {
    format!("mailto:{}", address_like(address.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(name: &str, address: &str) -> Party {
        Party {
            name: name.to_owned(),
            address: EmailAddress::parse(address).unwrap(),
        }
    }

    fn invitation() -> Invitation {
        let starts_at = Timestamp::parse_rfc3339("2026-11-21T14:00:00.250Z").unwrap();
        Invitation {
            method: Method::Request,
            uid: uid("0192", "https://desk.example.org:8443/x"),
            sequence: 2,
            stamp_at: Timestamp::parse_rfc3339("2026-11-21T10:00:00Z").unwrap(),
            starts_at,
            ends_at: starts_at.plus_secs(3600),
            summary: "Post-mortem PM-4: DB master down; \"all\", or nothing".to_owned(),
            description: "First line\nSecond, line".to_owned(),
            url: "https://desk.example.org/PM-4".to_owned(),
            location: Some("https://meet.example.org/room".to_owned()),
            organizer: party("Watchkeeper", "desk@example.org"),
            attendees: vec![
                party("Ada Löwe", "ada@example.org"),
                party("Tom, the \"night\" one", "tom@example.org"),
            ],
        }
    }

    /// The lines after unfolding, as a calendar reads them.
    fn lines(text: &str) -> Vec<String> {
        text.replace("\r\n ", "")
            .split("\r\n")
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn an_invitation_reads_back_as_what_was_meant() {
        let text = write(&invitation());
        assert!(text.split("\r\n").all(|line| line.len() <= 75), "{text}");
        assert!(!text.replace("\r\n", "").contains(['\r', '\n']));
        let read: Calendar = text.parse().unwrap();
        assert_eq!(read.property_value("METHOD"), Some("REQUEST"));
        let events: Vec<_> = read.events().collect();
        assert_eq!(events.len(), 1);
        let event = events[0];
        assert_eq!(
            event.get_uid(),
            Some("meeting-0192@desk.example.org"),
            "the port is no part of a host"
        );
        assert_eq!(event.get_sequence(), Some(2));
        assert_eq!(
            event.get_summary(),
            Some("Post-mortem PM-4: DB master down; \"all\", or nothing")
        );
        assert_eq!(event.get_description(), Some("First line\nSecond, line"));
        assert_eq!(event.property_value("DTSTART"), Some("20261121T140000Z"));
        assert_eq!(event.property_value("DTEND"), Some("20261121T150000Z"));
        assert_eq!(event.property_value("DTSTAMP"), Some("20261121T100000Z"));
        let lines = lines(&text);
        let attendees: Vec<_> = lines
            .iter()
            .filter(|line| line.starts_with("ATTENDEE"))
            .collect();
        assert_eq!(attendees.len(), 2);
        assert!(attendees.iter().all(|line| line.contains("RSVP=TRUE")));
        assert!(attendees[1].contains("CN=\"Tom, the 'night' one\""));
        assert!(
            lines
                .iter()
                .any(|line| line == "ORGANIZER;CN=Watchkeeper:mailto:desk@example.org")
        );
    }

    #[test]
    fn the_same_invitation_is_the_same_bytes() {
        assert_eq!(write(&invitation()), write(&invitation()));
    }

    #[test]
    fn a_cancellation_keeps_the_uid_and_says_so() {
        let cancelled = Invitation {
            method: Method::Cancel,
            sequence: 3,
            ..invitation()
        };
        let read: Calendar = write(&cancelled).parse().unwrap();
        assert_eq!(read.property_value("METHOD"), Some("CANCEL"));
        let event = read.events().next().unwrap();
        assert_eq!(event.get_status(), Some(EventStatus::Cancelled));
        assert_eq!(event.get_uid(), Some("meeting-0192@desk.example.org"));
        assert_eq!(event.get_sequence(), Some(3));
    }

    #[test]
    fn nothing_typed_can_start_a_line_of_its_own() {
        let attack = "x\r\nATTENDEE:mailto:evil@example.net\rBEGIN:VALARM\nEND:VEVENT\u{0}\u{85}";
        let hostile = Invitation {
            uid: attack.to_owned(),
            summary: attack.to_owned(),
            description: attack.to_owned(),
            url: attack.to_owned(),
            location: Some(attack.to_owned()),
            organizer: Party {
                name: format!("\"{attack}\""),
                ..party("x", "desk@example.org")
            },
            attendees: vec![Party {
                name: format!("\";ROLE=CHAIR:{attack}"),
                ..party("x", "ada@example.org")
            }],
            ..invitation()
        };
        let text = write(&hostile);
        assert!(!text.replace("\r\n", "").contains(['\r', '\n']));
        let lines = lines(&text);
        let starting = |name: &str| lines.iter().filter(|line| line.starts_with(name)).count();
        assert_eq!(starting("ATTENDEE"), 1);
        assert_eq!(starting("BEGIN:"), 2, "calendar and event: {text}");
        assert_eq!(starting("END:"), 2);
        assert_eq!(text.parse::<Calendar>().unwrap().events().count(), 1);
    }
}
