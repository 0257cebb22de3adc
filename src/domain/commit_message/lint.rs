//! Near misses: what looks like a key and isn't one. Hints only; a near miss is never a link.

use super::key::{Style, is_word, left_edge, number_end, skip_blanks};
use super::trailer::{NAMING, token};
use super::{LintCode, Reading, mask, tick};

/// Reads what prose and trailers left.
pub(super) fn read(reading: &mut Reading) {
    mistyped_tokens(reading);
    let view = String::from_utf8_lossy(&reading.mask).into_owned();
    let mut start = None;
    for (at, c) in view.char_indices().chain([(view.len(), '\n')]) {
        tick(1);
        match (c.is_alphabetic(), start) {
            (true, None) => start = Some(at),
            (false, Some(begun)) => {
                near_miss(reading, &view, begun, at);
                start = None;
            }
            (true, Some(_)) | (false, None) => {}
        }
    }
}

/// Judges one run of letters by what follows it.
fn near_miss(reading: &mut Reading, view: &str, start: usize, end: usize) {
    // Our longest prefix has three letters; a mistyped one a letter more, of at most four bytes each.
    if end - start > 16 || !left_edge(view.as_bytes(), start, Style::Prose) {
        return;
    }
    let word = &view[start..end];
    let bytes = view.as_bytes();
    let prefix = |text: &str| {
        let mut lettered = reading.prefixes.lettered();
        lettered.find(|prefix| text.eq_ignore_ascii_case(prefix))
    };
    let mut chars = view[end..].chars();
    let mark = chars.next();
    let behind = end + mark.map_or(0, char::len_utf8);
    let next = chars.next();
    let number = number_end(bytes, behind);
    let hint = match (prefix(word), mark) {
        (Some(prefix), Some('-')) if next.is_some_and(is_wide_digit) => Some((
            LintCode::Digits,
            behind + next.map_or(0, char::len_utf8),
            prefix,
        )),
        (Some(prefix), Some('\u{2010}'..='\u{2015}')) => {
            number.map(|end| (LintCode::Hyphen, end, prefix))
        }
        (Some(prefix), Some(' ')) if word == prefix => {
            number.map(|end| (LintCode::Blank, end, prefix))
        }
        (Some(prefix), Some('_')) => number.map(|end| (LintCode::Underscore, end, prefix)),
        (Some(prefix), Some('-')) => match number {
            Some(first) if bytes.get(first) == Some(&b'-') => {
                number_end(bytes, first + 1).map(|end| (LintCode::DoubleNumber, end, prefix))
            }
            // Upper case is a key, or has a wrong edge on purpose (a path, a file name).
            Some(end) if word != prefix && !bytes.get(end).is_some_and(|byte| is_word(*byte)) => {
                Some((LintCode::LowerCase, end, prefix))
            }
            _ => None,
        },
        (None, Some('-')) => number.and_then(|end| {
            if bytes.get(end).is_some_and(|byte| is_word(*byte)) {
                return None;
            }
            if let Some(prefix) = prefix(&latin(word)) {
                return Some((LintCode::Script, end, prefix));
            }
            let near = reading.prefixes.lettered().find(|prefix| {
                // With two letters, everything is near.
                prefix.len() > 2
                    && word.chars().all(char::is_uppercase)
                    && is_one_edit(word, prefix)
            })?;
            Some((LintCode::UnknownPrefix, end, near))
        }),
        _ => None,
    };
    if let Some((code, end, prefix)) = hint {
        let digits = view[behind..end].split('-').next().unwrap_or("");
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        let instead = plain.then(|| format!("{prefix}-{digits}"));
        reading.hint(code, start..end, instead);
    }
}

fn is_wide_digit(c: char) -> bool {
    matches!(c, '\u{ff10}'..='\u{ff19}')
}

/// Letters of other scripts that look like the ones our prefixes are made of.
fn latin(word: &str) -> String {
    let look_alike = |c| match c {
        '\u{421}' => 'C',
        '\u{41d}' | '\u{397}' => 'H',
        '\u{406}' | '\u{399}' => 'I',
        '\u{39d}' => 'N',
        '\u{422}' | '\u{3a4}' => 'T',
        '\u{405}' => 'S',
        '\u{41a}' | '\u{39a}' => 'K',
        '\u{420}' | '\u{3a1}' => 'P',
        '\u{41c}' | '\u{39c}' => 'M',
        c => c,
    };
    word.chars().map(look_alike).collect()
}

/// `Ref5: CHG-1`: a line that would be a trailer if its token had one letter more, less or other.
fn mistyped_tokens(reading: &mut Reading) {
    for line in mask::lines(reading.text) {
        let bytes = &reading.mask[line.clone()];
        let letters = bytes
            .iter()
            .take(16)
            .take_while(|byte| byte.is_ascii_alphabetic() || **byte == b'-')
            .count();
        tick(letters);
        let name = line.start..line.start + letters;
        let word = reading.text[name.clone()].to_ascii_lowercase();
        let known = token(&word).is_some() || reading.rules.verbs.contains_key(&word);
        if letters < 3 || known || bytes.get(letters) != Some(&b':') {
            continue;
        }
        let value = line.start + skip_blanks(bytes, letters + 1);
        let names_key =
            super::key::key_at(&reading.mask, value, Style::Trailer, reading.prefixes).is_some();
        let meant = NAMING.iter().find(|naming| is_one_edit(&word, naming));
        if let Some(meant) = meant.filter(|_| names_key) {
            reading.hint(LintCode::TokenTypo, name, Some((*meant).to_owned()));
        }
    }
}

/// One letter inserted, left out, changed, or two neighbours swapped.
fn is_one_edit(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let same = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let (x, y) = (&a[same..], &b[same..]);
    let swapped =
        || x.len() >= 2 && y.len() >= 2 && x[0] == y[1] && x[1] == y[0] && x[2..] == y[2..];
    match a.len().abs_diff(b.len()) {
        0 => !x.is_empty() && (x[1..] == y[1..] || swapped()),
        1 if x.len() > y.len() => x[1..] == *y,
        1 => *x == y[1..],
        _ => false,
    }
}
