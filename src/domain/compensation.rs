//! Facts fit for pay: who was on call, who was woken and who worked, with night minutes; and the chain that makes a later
//! change of them, of deployments and of approvals visible. No money in this version.
//!
//! Each committed fact becomes one link: `hash_n = SHA-256(hash_{n-1} ‖ "\n" ‖ canonical_json(entry_n))`, starting from 64
//! zeros. Canonical means: keys sorted by byte, no spaces, integers only. The links are made by a job after the fact is
//! committed, so that the chain can never hold up a page.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::{Days, NaiveDateTime, NaiveTime};
use chrono_tz::Tz;
use sha2::{Digest, Sha256};

use super::timestamp::Timestamp;
use super::wall_clock;
use super::word::words;

words! {
    /// The kinds of fact that are chained.
    pub enum FactKind {
        Shift = "shift",
        PageEvent = "page_event",
        Work = "work",
        /// What was told of a deployment.
        Deployment = "deployment",
        /// A step of a change's approval, or of its broken glass.
        Approval = "approval",
    }
}

/// What the first link builds on.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A value of a canonical entry. There are no fractions, so that every language writes the same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Integer(i64),
    Text(String),
}

/// A fact as it goes into the chain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry(BTreeMap<&'static str, Value>);

impl Entry {
    pub fn text(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.0.insert(key, Value::Text(value.into()));
        self
    }

    /// Leaves the key out when there is no value.
    pub fn maybe_text(self, key: &'static str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.text(key, value),
            None => self,
        }
    }

    pub fn integer(mut self, key: &'static str, value: i64) -> Self {
        self.0.insert(key, Value::Integer(value));
        self
    }

    /// One line of JSON: sorted keys, no spaces, only what must be escaped is escaped.
    pub fn canonical(&self) -> String {
        let mut json = String::from("{");
        for (n, (key, value)) in self.0.iter().enumerate() {
            if n > 0 {
                json.push(',');
            }
            quote(&mut json, key);
            json.push(':');
            match value {
                Value::Integer(number) => json.push_str(&number.to_string()),
                Value::Text(text) => quote(&mut json, text),
            }
        }
        json.push('}');
        json
    }
}

fn quote(json: &mut String, text: &str) {
    json.push('"');
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            c if c < ' ' => {
                // Writing into a String can't fail.
                let _ = write!(json, "\\u{:04x}", u32::from(c));
            }
            c => json.push(c),
        }
    }
    json.push('"');
}

/// The hash of a link, in lower-case hexadecimal, from the hash before it and the canonical entry.
pub fn link(before: &str, canonical: &str) -> String {
    let mut hasher = Sha256::new();
    hasher.update(before.as_bytes());
    hasher.update(b"\n");
    hasher.update(canonical.as_bytes());
    hex(&hasher.finalize())
}

/// What [`verify`] found wrong first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    pub seq: i64,
}

/// Re-computes the chain over `(seq, canonical, hash)` in order, from `before` (`GENESIS` for the whole chain); gives the head.
pub fn verify<'a>(
    before: &str,
    first_seq: i64,
    links: impl IntoIterator<Item = (i64, &'a str, &'a str)>,
) -> Result<String, Broken> {
    let mut head = before.to_owned();
    for (expected_seq, (seq, canonical, hash)) in (first_seq..).zip(links) {
        head = link(&head, canonical);
        if seq != expected_seq || head != hash {
            return Err(Broken { seq: expected_seq });
        }
    }
    Ok(head)
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing into a String can't fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Which local hours are night. 22:00 to 06:00 unless a setting says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Night {
    from: NaiveTime,
    to: NaiveTime,
}

impl Default for Night {
    fn default() -> Self {
        Self {
            from: whole_hour(22),
            to: whole_hour(6),
        }
    }
}

impl Night {
    /// From one wall-clock time to another; up to the same time it is the whole day.
    pub const fn between(from: NaiveTime, to: NaiveTime) -> Self {
        Self { from, to }
    }

    /// Elapsed microseconds of `[from, to)` that are night on the wall clock of `zone`. A night across a change of the clocks
    /// counts the hours that really passed.
    pub fn micros(self, from: Timestamp, to: Timestamp, zone: Tz) -> i64 {
        let mut total = 0;
        let last = to.in_zone(zone).date_naive();
        let mut day = from.in_zone(zone).date_naive() - Days::new(1);
        while day <= last {
            let end_day = if self.to <= self.from {
                day + Days::new(1)
            } else {
                day
            };
            let starts_at = wall_clock::instant(NaiveDateTime::new(day, self.from), zone);
            let ends_at = wall_clock::instant(NaiveDateTime::new(end_day, self.to), zone);
            total += ends_at.min(to).micros_since(starts_at.max(from)).max(0);
            day = day + Days::new(1);
        }
        total
    }

    /// Whole minutes; what is left over is dropped once, at the end.
    pub fn minutes(self, from: Timestamp, to: Timestamp, zone: Tz) -> i64 {
        self.micros(from, to, zone) / 60_000_000
    }

    /// Whether `at` is night.
    pub fn contains(self, at: Timestamp, zone: Tz) -> bool {
        self.micros(at, at.plus_micros(1), zone) > 0
    }
}

fn whole_hour(hour: u32) -> NaiveTime {
    NaiveTime::from_hms_opt(hour, 0, 0).unwrap_or(NaiveTime::MIN)
}

/// A cell of a CSV export that no spreadsheet takes for a formula: what starts like one gets a leading apostrophe.
pub fn formula_safe(cell: &str) -> String {
    let first = cell.trim_start_matches([' ', '\u{a0}']).chars().next();
    match first {
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '|' | '＝' | '＋' | '－' | '＠') => {
            format!("'{cell}")
        }
        _ => cell.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first() -> Entry {
        Entry::default()
            .text("kind", "callout")
            .integer("entry", 1)
            .text("engineer", "u-7")
            .integer("amount_minor", 6000)
            .integer("minutes", 60)
            .text("start", "2026-10-25T00:30:00Z")
    }

    fn second() -> Entry {
        Entry::default()
            .integer("entry", 2)
            .text("kind", "adjustment")
            .integer("adjusts", 1)
            .text("engineer", "u-7")
            .integer("amount_minor", 3000)
            .text("reason", "dispute D-4 approved")
    }

    const HEADS: [&str; 2] = [
        "433cf873ed8a8b94a8ae3725ea80c3ff04bda04d850ff662063e1efa406c8050",
        "bce379b464653600836a51ecc5a880c2d3cb945515ecb01e1929f393e769dee7",
    ];

    #[test]
    fn the_chain_gives_the_published_vectors() {
        let one = link(GENESIS, &first().canonical());
        assert_eq!(one, HEADS[0]);
        assert_eq!(link(&one, &second().canonical()), HEADS[1]);
    }

    #[test]
    fn any_changed_missing_or_swapped_entry_is_found() {
        let (one, two) = (first().canonical(), second().canonical());
        let good = [(1, one.as_str(), HEADS[0]), (2, two.as_str(), HEADS[1])];
        assert_eq!(verify(GENESIS, 1, good), Ok(HEADS[1].to_owned()));
        let forged = one.replace("6000", "9000");
        for (bad, wrong_at) in [
            (vec![(1, forged.as_str(), HEADS[0]), good[1]], 1),
            (vec![good[1]], 1),
            (vec![good[1], good[0]], 1),
            (vec![good[0], (3, two.as_str(), HEADS[1])], 2),
        ] {
            assert_eq!(verify(GENESIS, 1, bad), Err(Broken { seq: wrong_at }));
        }
    }

    #[test]
    fn canonical_text_escapes_only_what_json_must() {
        let entry = Entry::default().text("b", "a\"\\\n\u{1}é").integer("a", -1);
        assert_eq!(
            entry.canonical(),
            "{\"a\":-1,\"b\":\"a\\\"\\\\\\n\\u0001é\"}"
        );
    }

    #[test]
    fn night_minutes_are_those_between_22_and_6_where_the_person_lives() {
        let night = Night::default();
        for (zone, from, to, expected) in [
            (
                "Europe/Berlin",
                "2026-11-20T20:00:00Z",
                "2026-11-20T21:00:00Z",
                0,
            ),
            (
                "Europe/Berlin",
                "2026-11-20T20:59:00Z",
                "2026-11-20T21:01:00Z",
                1,
            ),
            (
                "Europe/Berlin",
                "2026-11-21T04:59:00Z",
                "2026-11-21T05:30:00Z",
                1,
            ),
            (
                "Europe/Berlin",
                "2026-11-20T12:00:00Z",
                "2026-11-22T12:00:00Z",
                960,
            ),
            (
                "America/New_York",
                "2026-11-21T03:00:00Z",
                "2026-11-21T03:10:00Z",
                10,
            ),
            ("UTC", "2026-11-21T00:00:00Z", "2026-11-21T00:00:59Z", 0),
            // The night in which the clocks go forward has seven hours, the one in which they go back nine.
            (
                "Europe/London",
                "2026-03-28T18:00:00Z",
                "2026-03-29T12:00:00Z",
                420,
            ),
            (
                "Europe/London",
                "2026-10-24T18:00:00Z",
                "2026-10-25T12:00:00Z",
                540,
            ),
        ] {
            let [from_at, to_at] = [from, to].map(|text| Timestamp::parse_rfc3339(text).unwrap());
            assert_eq!(
                night.minutes(from_at, to_at, zone.parse().unwrap()),
                expected,
                "{zone} {from} {to}"
            );
        }
        let early = Night::between(whole_hour(0), whole_hour(5));
        let [from, to] = ["2026-11-20T23:00:00Z", "2026-11-21T06:00:00Z"]
            .map(|t| Timestamp::parse_rfc3339(t).unwrap());
        assert_eq!(early.minutes(from, to, chrono_tz::UTC), 300);
    }

    #[test]
    fn no_cell_of_an_export_is_a_formula() {
        for (cell, safe) in [
            ("Ada", "Ada"),
            ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
            ("  +1", "'  +1"),
            ("@x", "'@x"),
            ("-2", "'-2"),
            ("a=b", "a=b"),
            ("", ""),
        ] {
            assert_eq!(formula_safe(cell), safe);
        }
    }
}
