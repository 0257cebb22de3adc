//! Lengths of time as people read them: `8 min 20 s`, `23 min`, `2 h 10 min`, `50 h`. Never days: a day is 24 hours to one
//! reader and a working day to another.

use std::fmt;

/// A length of time, shown with its units. The sign is dropped: the words around it say whether it is left or over.
///
/// Below ten minutes with seconds, below an hour in minutes, above in hours and minutes; always cut, never rounded up, so
/// that a promise isn't said to be kept longer than it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spoken {
    pub micros: i64,
}

impl Spoken {
    pub const fn secs(seconds: i64) -> Self {
        Self {
            micros: seconds.saturating_mul(1_000_000),
        }
    }
}

impl fmt::Display for Spoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.micros.unsigned_abs() / 1_000_000;
        let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        match (hours, minutes) {
            (0, 0) => write!(f, "{rest} s"),
            (0, 1..10) if rest > 0 => write!(f, "{minutes} min {rest} s"),
            (0, _) => write!(f, "{minutes} min"),
            (_, 0) => write!(f, "{hours} h"),
            _ => write!(f, "{hours} h {minutes} min"),
        }
    }
}

/// Reads a length as people type it: `15 min`, `1 h 30 min`, `8h`, `90`, `0:20` is refused. A bare number is minutes.
/// Answers whole seconds; `None` if it isn't one or is longer than five years.
pub fn parse_secs(text: &str) -> Option<i64> {
    let mut total: i64 = 0;
    let mut seen = false;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: i64 = rest.get(..digits)?.parse().ok()?;
        rest = rest[digits..].trim_start();
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let unit = match &rest[..letters] {
            "h" | "hour" | "hours" => 3600,
            "min" | "m" | "minute" | "minutes" => 60,
            "s" | "sec" | "second" | "seconds" => 1,
            "" if !seen && rest.is_empty() => 60,
            _ => return None,
        };
        rest = rest[letters..].trim_start();
        total = total.checked_add(number.checked_mul(unit)?)?;
        seen = true;
    }
    (seen && total <= 5 * 366 * 86_400).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t58_lengths_are_hours_and_minutes_never_days() {
        for (seconds, text) in [
            (0, "0 s"),
            (20, "20 s"),
            (60, "1 min"),
            (500, "8 min 20 s"),
            (-500, "8 min 20 s"),
            (599, "9 min 59 s"),
            (601, "10 min"),
            (720, "12 min"),
            (3599, "59 min"),
            (7800, "2 h 10 min"),
            (50 * 3600, "50 h"),
            (120 * 3600, "120 h"),
        ] {
            assert_eq!(Spoken::secs(seconds).to_string(), text);
        }
    }

    #[test]
    fn lengths_are_read_as_people_type_them() {
        for (text, seconds) in [
            ("15 min", Some(900)),
            ("90", Some(5400)),
            ("1 h 30 min", Some(5400)),
            ("8h", Some(28_800)),
            ("45s", Some(45)),
            ("2h30", None),
            ("", None),
            ("0:20", None),
            ("1 day", None),
            ("99999999 h", None),
        ] {
            assert_eq!(parse_secs(text), seconds, "{text:?}");
        }
    }
}
