//! Wordings: texts for customers that the house has agreed on, with places that are filled from the ticket; and texts in own words,
//! which a second person may have to read first.
//!
//! One place, the next update, stays open until the text is sent: what it says then is what the clock guards.

use super::id::WordingId;
use super::refusal::FieldError;
use super::text;
use super::timestamp::Timestamp;
use super::word::words;

words! {
    /// Everything that a wording can leave open. In its text a place stands in braces: `{ticket}`.
    pub enum Place {
        Ticket = "ticket",
        Title = "title",
        Service = "service",
        /// When the reader hears from us again; filled when it is sent.
        NextUpdate = "next_update",
        /// Whoever writes.
        Me = "me",
    }
}

words! {
    /// By which way words reach a customer.
    pub enum Speaking {
        /// An answer to who asked.
        Reply = "reply",
        /// Something for everybody affected.
        Update = "update",
        /// A note of ours that they may read after all.
        Share = "share",
    }
}

words! {
    /// When own words to a customer need a second person.
    pub enum OwnWords {
        /// Never: whoever may answer speaks.
        Free = "free",
        /// When they name a time, a duration or a guarantee.
        Promises = "promises",
        Always = "always",
    }
}

/// A text that goes out as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wording {
    pub id: WordingId,
    pub name: String,
    pub body: String,
    /// Retired ones are kept, and offered to nobody.
    pub is_active: bool,
    pub made_at: Timestamp,
    pub version: i64,
}

/// What fills a wording's places, but for the next update.
#[derive(Debug, Clone, Copy)]
pub struct Filling<'a> {
    pub ticket: &'a str,
    pub title: &'a str,
    /// By the name that customers may read.
    pub service: &'a str,
    pub me: &'a str,
}

/// A wording's text: not empty, and every pair of braces is a place that there is.
pub fn body(field: &'static str, typed: &str) -> Result<String, FieldError> {
    let body = text::body(field, typed)?;
    if body.trim().is_empty() {
        return Err(FieldError::new(field, "required"));
    }
    for piece in pieces(&body) {
        if let Piece::Unknown(place) = piece {
            return Err(FieldError::new(field, "unknown-place")
                .with("value", place.to_owned())
                .with("known", known()));
        }
    }
    Ok(body)
}

/// All places as they are written: `{ticket}, {title}, …`.
pub fn known() -> String {
    let places: Vec<String> = Place::ALL.iter().map(|it| format!("{{{it}}}")).collect();
    places.join(", ")
}

/// The text with its places filled; that of the next update stays as it is.
pub fn filled(body: &str, with: &Filling<'_>) -> String {
    let mut text = String::with_capacity(body.len() + 64);
    for piece in pieces(body) {
        text.push_str(match piece {
            Piece::Plain(plain) | Piece::Unknown(plain) => plain,
            Piece::Place(Place::Ticket) => with.ticket,
            Piece::Place(Place::Title) => with.title,
            Piece::Place(Place::Service) => with.service,
            Piece::Place(Place::Me) => with.me,
            Piece::Place(Place::NextUpdate) => NEXT_UPDATE,
        });
    }
    text
}

/// How the open place is written.
pub const NEXT_UPDATE: &str = "{next_update}";

/// Whether the text says when its reader hears from us again.
pub fn names_next_update(text: &str) -> bool {
    text.contains(NEXT_UPDATE)
}

/// Says it.
pub fn with_next_update(text: &str, at: &str) -> String {
    text.replace(NEXT_UPDATE, at)
}

enum Piece<'a> {
    Plain(&'a str),
    Place(Place),
    /// Braces around something else, with the braces.
    Unknown(&'a str),
}

/// Longer than any place: further apart, braces are just braces.
const LONGEST: usize = 40;

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut rest, mut from) = (text, 0);
    while let Some(open) = rest[from..].find('{').map(|at| at + from) {
        let inside = &rest[open + 1..];
        let close = inside.find(['{', '}', '\n']);
        let Some(close) = close.filter(|at| inside[*at..].starts_with('}') && *at <= LONGEST)
        else {
            from = open + 1;
            continue;
        };
        let end = open + close + 2;
        if open > 0 {
            pieces.push(Piece::Plain(&rest[..open]));
        }
        pieces.push(match inside[..close].parse() {
            Ok(place) => Piece::Place(place),
            Err(()) => Piece::Unknown(&rest[open..end]),
        });
        (rest, from) = (&rest[end..], 0);
    }
    if !rest.is_empty() {
        pieces.push(Piece::Plain(rest));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITH: Filling<'_> = Filling {
        ticket: "INC-12",
        title: "Uplink {me} down",
        service: "Transit",
        me: "Ada",
    };

    #[test]
    fn places_are_filled_once_and_the_next_update_stays_open() {
        for (body, expected) in [
            ("", ""),
            ("Thank you.", "Thank you."),
            ("{ticket}", "INC-12"),
            ("{ticket}{me}", "INC-12Ada"),
            // What fills a place is no wording itself.
            ("\"{title}\" it is.", "\"Uplink {me} down\" it is."),
            (
                "{service}: by {next_update}.\n{me}",
                "Transit: by {next_update}.\nAda",
            ),
            ("a { b } c } { {{me}", "a { b } c } { {Ada"),
        ] {
            assert_eq!(filled(body, &WITH), expected);
        }
    }

    #[test]
    fn a_place_that_there_is_not_is_refused_with_those_that_there_are() {
        for (typed, place) in [
            ("Dear {customer},", "{customer}"),
            ("{Ticket}", "{Ticket}"),
            ("{ ticket }", "{ ticket }"),
            ("{}", "{}"),
            ("{me} and {next update}", "{next update}"),
        ] {
            let error = body("body", typed).unwrap_err();
            assert_eq!(error.problem, "unknown-place", "{typed}");
            assert_eq!(error.args[0].1, place);
            assert_eq!(
                error.args[1].1,
                "{ticket}, {title}, {service}, {next_update}, {me}"
            );
        }
        assert_eq!(body("body", " \r\n").unwrap_err().problem, "required");
        for fine in ["{ticket} {title}", "a { b", "} {", "{\n}", "for x {me}"] {
            assert_eq!(body("body", fine).unwrap(), fine);
        }
    }

    #[test]
    fn the_next_update_is_said_wherever_it_stands() {
        assert!(names_next_update("By {next_update}"));
        assert!(!names_next_update("By {next update}"));
        assert_eq!(
            with_next_update("{next_update}, yes, {next_update}", "noon"),
            "noon, yes, noon"
        );
    }
}
