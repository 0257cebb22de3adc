//! Keys in text: their edges, and where they stand.

use std::ops::Range;

use super::prefixes::{Key, Prefixes};
use super::tick;

/// A key and the bytes it stands on.
#[derive(Debug, Clone)]
pub(super) struct KeyAt {
    pub key: Key,
    pub span: Range<usize>,
}

/// How strictly a key is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Upper case only.
    Prose,
    /// Any case.
    Trailer,
    /// Any case, and `feature/chg-12-pool` holds a key.
    Branch,
}

pub(super) const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The key that begins exactly at `at`, if its edges allow it; of several prefixes that fit, the longest.
pub(super) fn key_at(bytes: &[u8], at: usize, style: Style, prefixes: &Prefixes) -> Option<KeyAt> {
    tick(1);
    let could_begin = bytes
        .get(at)
        .is_some_and(|byte| prefixes.could_begin(*byte));
    if !could_begin || !left_edge(bytes, at, style) {
        return None;
    }
    let mut found = None;
    prefixes.at(bytes, at, style == Style::Prose, |name, digits| {
        found = number_at(bytes, digits, name, at, style).or(found.take());
    });
    found
}

/// `[1-9][0-9]{0,8}` and a right edge.
fn number_at(bytes: &[u8], from: usize, name: usize, start: usize, style: Style) -> Option<KeyAt> {
    let end = number_end(bytes, from)?;
    if !right_edge(bytes, end, style) {
        return None;
    }
    let number = bytes[from..end]
        .iter()
        .fold(0, |n, byte| n * 10 + i64::from(byte - b'0'));
    Some(KeyAt {
        key: Key { name, number },
        span: start..end,
    })
}

/// The end of a number that begins here: one to nine digits, the first not zero.
pub(super) fn number_end(bytes: &[u8], from: usize) -> Option<usize> {
    let digits = bytes
        .get(from..)?
        .iter()
        .take(10)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    ((1..=9).contains(&digits) && bytes[from] != b'0').then_some(from + digits)
}

/// May a key begin here? Bytes of other scripts are edges: Chinese and Japanese write no spaces.
pub(super) fn left_edge(bytes: &[u8], at: usize, style: Style) -> bool {
    let Some(&before) = at.checked_sub(1).and_then(|at| bytes.get(at)) else {
        return true;
    };
    match style {
        Style::Branch => !is_word(before) && before != b'-',
        Style::Prose | Style::Trailer => match before {
            // The end of a range: `CHG-10..CHG-14`.
            b'.' => at >= 2 && bytes[at - 2] == b'.',
            _ => !is_word(before) && !b"-/\\#@=&?%+~$".contains(&before),
        },
    }
}

fn right_edge(bytes: &[u8], end: usize, style: Style) -> bool {
    let Some(&after) = bytes.get(end) else {
        return true;
    };
    if is_word(after) {
        return false;
    }
    match style {
        Style::Branch => true,
        Style::Prose | Style::Trailer => match after {
            b'-' | b'/' | b'.' => !bytes.get(end + 1).is_some_and(|byte| is_word(*byte)),
            _ => !b"\\@=".contains(&after),
        },
    }
}

/// All keys that begin within `range`, in order.
pub(super) fn keys(
    bytes: &[u8],
    range: Range<usize>,
    style: Style,
    prefixes: &Prefixes,
) -> Vec<KeyAt> {
    let mut found = Vec::new();
    let mut at = range.start;
    while at < range.end {
        tick(1);
        match key_at(bytes, at, style, prefixes) {
            Some(key) if key.span.end <= range.end => {
                at = key.span.end;
                found.push(key);
            }
            _ => at += 1,
        }
    }
    found
}

/// Skips blanks and tabs.
pub(super) fn skip_blanks(bytes: &[u8], mut at: usize) -> usize {
    while bytes
        .get(at)
        .is_some_and(|byte| matches!(byte, b' ' | b'\t'))
    {
        tick(1);
        at += 1;
    }
    at
}

/// Skips blanks and at most one line feed among them.
fn skip_blanks_and_feed(bytes: &[u8], at: usize) -> usize {
    let at = skip_blanks(bytes, at);
    if bytes.get(at) == Some(&b'\n') {
        skip_blanks(bytes, at + 1)
    } else {
        at
    }
}

/// Where the next member of a list would begin: after `,`, `, and`, `&`, `+` or ` and `. `None` if no separator is here.
pub(super) fn after_separator(bytes: &[u8], at: usize) -> Option<usize> {
    let mark = skip_blanks(bytes, at);
    match bytes.get(mark)? {
        b',' => {
            let next = skip_blanks_and_feed(bytes, mark + 1);
            Some(after_and(bytes, next).unwrap_or(next))
        }
        b'&' | b'+' => Some(skip_blanks_and_feed(bytes, mark + 1)),
        _ if mark > at => after_and(bytes, mark),
        _ => None,
    }
}

/// Behind the word "and" and the blanks that must follow it.
fn after_and(bytes: &[u8], at: usize) -> Option<usize> {
    let word = bytes.get(at..at + 3)?;
    let next = skip_blanks_and_feed(bytes, at + 3);
    (word.eq_ignore_ascii_case(b"and") && next > at + 3).then_some(next)
}

const NOUNS: [&str; 12] = [
    "issue",
    "issues",
    "ticket",
    "tickets",
    "task",
    "tasks",
    "incident",
    "incidents",
    "change",
    "changes",
    "bug",
    "bugs",
];

/// Behind a noun ("change", "tickets") and the blanks that must follow it; `at` itself if there is none.
pub(super) fn after_noun(bytes: &[u8], at: usize) -> usize {
    let letters = bytes[at..]
        .iter()
        .take(10)
        .take_while(|byte| byte.is_ascii_alphabetic())
        .count();
    let word = &bytes[at..at + letters];
    let next = skip_blanks(bytes, at + letters);
    let is_noun = NOUNS
        .iter()
        .any(|noun| word.eq_ignore_ascii_case(noun.as_bytes()));
    if is_noun && next > at + letters {
        next
    } else {
        at
    }
}

/// The end of a commit id that begins here: 7 to 64 lower-case hex digits, a whole word.
pub(super) fn hex_end(bytes: &[u8], at: usize) -> Option<usize> {
    let is_hex = |byte: &&u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let digits = bytes.get(at..)?.iter().take(65).take_while(is_hex).count();
    let end = at + digits;
    let whole = !bytes
        .get(end)
        .is_some_and(|byte| is_word(*byte) || *byte >= 0x80);
    ((7..=64).contains(&digits) && whole).then_some(end)
}
