//! Why a commit did something to a ticket, as its timeline says it: which line of which commit, and whether it was written long ago.

use chrono_tz::Tz;

use crate::domain::plain_sight::plain_sight;
use crate::domain::timestamp::Timestamp;
use crate::http::marks::{self, Detail};
use crate::store::timeline::Recorded;
use crate::words::Words;

/// Digits of a commit's id that people read.
const DIGITS: usize = 10;

/// What stands beside an entry that a commit is the cause of.
pub fn marks(entry: &Recorded, words: &Words, now: Timestamp, zone: Tz) -> Vec<String> {
    let fact = |name: &str| entry.facts.get(name);
    let (Some("commit"), Some(commit)) = (fact("cause"), fact("commit")) else {
        return Vec::new();
    };
    let short: String = commit.chars().take(DIGITS).collect();
    let line = fact("line").unwrap_or("0");
    // A commit that takes another back names no ticket itself: no line says so.
    let (key, verb) = match fact("verb") {
        Some(verb) if line != "0" => ("tape-by-commit-verb", verb),
        _ if line != "0" => ("tape-by-commit-line", ""),
        _ => ("tape-by-commit", ""),
    };
    let said = [
        ("line", line.into()),
        ("commit", short.into()),
        ("repository", fact("repository").unwrap_or_default().into()),
        ("verb", plain_sight(verb).into_owned().into()),
    ];
    let mut found = vec![words.with(key, &said).into_owned()];
    let written = fact("written_at").and_then(Timestamp::parse_rfc3339);
    if let Some(at) = written {
        let at = marks::time_text(words, at, now, zone, Detail::Near);
        let said = [("at", at.into())];
        found.push(words.with("tape-by-commit-late", &said).into_owned());
    }
    found
}
