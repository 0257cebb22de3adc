//! Lengths of time as people type them. How they are shown is a matter of the catalogue (`words::span`).

/// Reads `15 min`, `1 h 30 min`, `8h`, `45 s`; a bare number is minutes. Answers whole seconds; `None` if it isn't a length
/// or is longer than five years. Days aren't read: a day is 24 hours to one reader and a working day to another.
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

/// The form that [`parse_secs`] reads back exactly: `2 h 10 min`, `45 s`.
pub fn typed(secs: i64) -> String {
    let parts = [
        (secs / 3600, "h"),
        (secs / 60 % 60, "min"),
        (secs % 60, "s"),
    ];
    let shown: Vec<String> = parts
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, unit)| format!("{n} {unit}"))
        .collect();
    if shown.is_empty() {
        "0 min".to_owned()
    } else {
        shown.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        for secs in [0, 45, 900, 5400, 50 * 3600, 3_725] {
            assert_eq!(parse_secs(&typed(secs)), Some(secs));
        }
    }
}
