//! Time noted in a message: `CHG-12 @2h`, `#time 1h30`, `Time-Spent: 3,25`.

use super::key::{KeyAt, is_word, skip_blanks};
use super::prefixes::Key;
use super::{TimeNote, tick};

/// Working minutes of a day and days of a week, for `d` and `w`.
const DAY_MINUTES: u32 = 8 * 60;
const WEEK_MINUTES: u32 = 5 * DAY_MINUTES;

/// All notes of a text: behind keys, and behind `#time` for the last key before it on its line.
pub(super) fn notes(view: &str, keys: &[KeyAt]) -> Vec<TimeNote<Key>> {
    let bytes = view.as_bytes();
    let behind = keys.iter().filter_map(|key| {
        let (minutes, _) = note_at(bytes, key.span.end)?;
        Some(TimeNote {
            key: Some(key.key),
            minutes,
        })
    });
    let marked = view.match_indices("#time").filter_map(|(at, mark)| {
        let value = skip_blanks(bytes, at + mark.len());
        let (minutes, _) = duration(&bytes[value..]).filter(|_| value > at + mark.len())?;
        let before = keys[..keys.partition_point(|key| key.span.start < at)].last();
        let key = before
            .filter(|key| !bytes[key.span.end..at].contains(&b'\n'))
            .map(|key| key.key);
        Some(TimeNote { key, minutes })
    });
    behind.chain(marked).collect()
}

/// Behind the note that follows a key; `at` itself if none does.
pub(super) fn after(bytes: &[u8], at: usize) -> usize {
    note_at(bytes, at).map_or(at, |(_, end)| end)
}

/// ` @2h`: minutes and the end.
fn note_at(bytes: &[u8], at: usize) -> Option<(u32, usize)> {
    let mark = skip_blanks(bytes, at);
    if mark == at || bytes.get(mark) != Some(&b'@') {
        return None;
    }
    let (minutes, length) = duration(&bytes[mark + 1..])?;
    Some((minutes, mark + 1 + length))
}

/// `2 2h 2hours 15m 15min 3h15 3h15m 3h15min 3:15 3.25 3.25h 3,25 3,25h` and `1w 2d 4h 30m`: minutes and length.
pub(super) fn duration(bytes: &[u8]) -> Option<(u32, usize)> {
    let (number, mut at) = digits(bytes, 0)?;
    let (minutes, end) = match bytes.get(at) {
        Some(b':') => {
            let (rest, end) =
                digits(bytes, at + 1).filter(|(rest, end)| *rest < 60 && end - at == 3)?;
            (number * 60 + rest, end)
        }
        Some(b'.' | b',') if bytes.get(at + 1).is_some_and(u8::is_ascii_digit) => {
            let (fraction, end) = digits(bytes, at + 1)?;
            let scale = 10_u32.pow((end - at - 1) as u32);
            let (unit, unit_end) = unit(bytes, end);
            if !matches!(unit, None | Some(60)) {
                return None;
            }
            (number * 60 + fraction * 60 / scale, unit_end)
        }
        _ => {
            let (first, unit_end) = unit(bytes, at);
            let mut minutes = number * first.unwrap_or(60);
            at = unit_end;
            if first == Some(60)
                && let Some((rest, end)) = digits(bytes, at)
            {
                // `3h15`, with or without a unit of its own
                let (second, end) = unit(bytes, end);
                if rest >= 60 || !matches!(second, None | Some(1)) {
                    return None;
                }
                (minutes + rest, end)
            } else {
                while first.is_some() {
                    let Some((next, after)) = digits(bytes, skip_blanks(bytes, at)) else {
                        break;
                    };
                    let (Some(scale), end) = unit(bytes, after) else {
                        break;
                    };
                    minutes += next * scale;
                    at = end;
                }
                (minutes, at)
            }
        }
    };
    (!bytes.get(end).is_some_and(|byte| is_word(*byte))).then_some((minutes, end))
}

/// One to four digits.
fn digits(bytes: &[u8], at: usize) -> Option<(u32, usize)> {
    let run = bytes
        .get(at..)?
        .iter()
        .take(5)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    tick(run);
    let number = bytes[at..at + run]
        .iter()
        .fold(0, |n, byte| n * 10 + u32::from(byte - b'0'));
    (1..=4).contains(&run).then_some((number, at + run))
}

/// Minutes of the unit that begins here, and its end.
fn unit(bytes: &[u8], at: usize) -> (Option<u32>, usize) {
    let letters = bytes[at..]
        .iter()
        .take(8)
        .take_while(|byte| byte.is_ascii_alphabetic())
        .count();
    let minutes = match &bytes[at..at + letters] {
        b"h" | b"hour" | b"hours" => Some(60),
        b"m" | b"min" | b"minutes" => Some(1),
        b"d" => Some(DAY_MINUTES),
        b"w" => Some(WEEK_MINUTES),
        _ => None,
    };
    (minutes, if minutes.is_some() { at + letters } else { at })
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn a_duration_is_read_in_the_forms_people_write() {
        for (text, minutes) in [
            ("2", 120),
            ("2h", 120),
            ("2hours", 120),
            ("15m", 15),
            ("15min", 15),
            ("3h15", 195),
            ("3h15m", 195),
            ("3h15min", 195),
            ("3:15", 195),
            ("3.25", 195),
            ("3.25h", 195),
            ("3,25", 195),
            ("3,25h", 195),
            ("1w 2d 4h 30m", 2400 + 960 + 240 + 30),
            ("2, CHG-1", 120),
        ] {
            assert_eq!(
                duration(text.as_bytes()).map(|(minutes, _)| minutes),
                Some(minutes),
                "{text}"
            );
        }
        for text in ["", "h", "3:75", "12345", "3x", "3h99"] {
            assert_eq!(duration(text.as_bytes()), None, "{text}");
        }
    }
}
