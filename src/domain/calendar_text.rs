//! A calendar's ranges and exceptions as lines that people type and read back.
//!
//! Ranges of a day: `09:00-12:00, 13:00-17:00`. Exceptions, one a line, *when* *what* *name*:
//! ```text
//! 2026-12-24 09:00-13:00 Christmas Eve       open at these times instead
//! 2026-12-28..2026-12-31 closed Stocktaking
//! 12-24..01-02 closed Year's end             each year, over New Year
//! 02-29 or 02-28 closed Founders' Day        a 29 February that is another day in common years: 02-28 or 03-01
//! 06-03 not 12:00-14:00 Summer lunch         closed at these times only
//! last-mon-may closed Memorial Day           also 1-, 2- … 5-
//! easter-2 closed Good Friday                days from Easter Sunday
//! ```

use chrono::NaiveDate;

use super::calendar::{Exception, Range, What, When};
use super::refusal::FieldError;
use super::text::{NAME_CHARS, one_line};

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// Reads one range, and says of one that can't be what is wrong with it.
pub fn parse_range(
    field: impl Into<std::borrow::Cow<'static, str>>,
    text: &str,
) -> Result<Range, FieldError> {
    let text = text.trim();
    Range::parse(text).map_err(|error| {
        let minutes = |part: &str| -> Option<u32> {
            let (hour, minute) = part.trim().split_once(':')?;
            let digits = |s: &str| s.len() == 2 && s.bytes().all(|byte| byte.is_ascii_digit());
            if !digits(hour) || !digits(minute) {
                return None;
            }
            let (hour, minute) = (hour.parse::<u32>().ok()?, minute.parse::<u32>().ok()?);
            (minute < 60).then_some(hour * 60 + minute)
        };
        let ends = text.split_once(['-', '–']);
        let ends = ends.and_then(|(from, to)| Some((minutes(from)?, minutes(to)?)));
        let problem = match ends {
            Some((from, to)) if from == to => "empty-range",
            Some((_, to)) if to > 48 * 60 => "range-too-long",
            Some((from, _)) if from >= 24 * 60 => "range-starts-late",
            Some(_) | None => error.problem,
        };
        FieldError::new(field, problem).with("value", text.to_owned())
    })
}

/// Reads the ranges of one weekday; empty is none.
pub fn parse_ranges(field: &'static str, text: &str) -> Result<Vec<Range>, FieldError> {
    let parts = text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty());
    parts.map(|part| parse_range(field, part)).collect()
}

pub fn ranges_text(ranges: &[Range]) -> String {
    ranges
        .iter()
        .map(Range::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

/// Reads exceptions, one a line; blank lines are skipped. The error quotes the first line that can't be read.
pub fn parse_exceptions(field: &'static str, text: &str) -> Result<Vec<Exception>, FieldError> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| {
            exception(line).ok_or_else(|| {
                FieldError::new(field, "not-an-exception").with("value", line.to_owned())
            })
        })
        .collect()
}

fn exception(line: &str) -> Option<Exception> {
    let (when_text, rest) = line.split_once(char::is_whitespace)?;
    let mut when = when(&when_text.to_ascii_lowercase())?;
    let (mut word, mut rest) = first_word(rest);
    if word.eq_ignore_ascii_case("or") {
        let (otherwise, after) = first_word(rest);
        when = in_common_years(when, month_day(otherwise)?)?;
        (word, rest) = first_word(after);
    }
    let ranges = |text: &str| -> Option<Vec<Range>> {
        text.split(',')
            .map(|part| Range::parse(part).ok())
            .collect()
    };
    let (what, name) = match word.to_ascii_lowercase().as_str() {
        "closed" => (What::Closed, rest),
        "not" => {
            let (times, rest) = first_word(rest);
            (What::ClosedFor(ranges(times)?), rest)
        }
        _ => (What::Open(ranges(word)?), rest),
    };
    let name = if name.is_empty() { when_text } else { name };
    Some(Exception {
        name: one_line("name", name, NAME_CHARS).ok()?,
        when,
        what,
    })
}

fn first_word(text: &str) -> (&str, &str) {
    let text = text.trim();
    text.split_once(char::is_whitespace)
        .map_or((text, ""), |(word, rest)| (word, rest.trim()))
}

fn month_day(text: &str) -> Option<(u32, u32)> {
    let (month, day) = text.split_once('-')?;
    (month.len() == 2 && day.len() == 2).then_some((month.parse().ok()?, day.parse().ok()?))
}

/// What has a 29 February for which `otherwise` stands in common years.
fn in_common_years(when: When, otherwise: (u32, u32)) -> Option<When> {
    match when {
        When::Yearly { from, to } => Some(When::LeapDay {
            from,
            to,
            otherwise,
        }),
        When::Once { .. }
        | When::LeapDay { .. }
        | When::NthWeekday { .. }
        | When::Easter { .. } => None,
    }
}

fn when(text: &str) -> Option<When> {
    if let Some(days) = text.strip_prefix("easter") {
        let days = if days.is_empty() {
            0
        } else {
            days.parse().ok()?
        };
        return Some(When::Easter { days });
    }
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    let date = |text: &str| {
        NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()
            .filter(|_| text.len() == 10)
    };
    if let (Some(from), Some(to)) = (date(from), date(to)) {
        return Some(When::Once { from, to });
    }
    if let (Some(from), Some(to)) = (month_day(from), month_day(to)) {
        return Some(When::Yearly { from, to });
    }
    let mut parts = text.split('-');
    let nth = match parts.next()? {
        "last" => -1,
        digit => digit.parse().ok()?,
    };
    let day = parts.next()?;
    let weekday = DAYS.iter().position(|known| *known == day)? as u8;
    let month = parts.next()?;
    let month = MONTHS.iter().position(|known| *known == month)? as u32 + 1;
    parts.next().is_none().then_some(When::NthWeekday {
        month,
        nth,
        weekday,
    })
}

/// The lines that [`parse_exceptions`] reads back.
pub fn exceptions_text(exceptions: &[Exception]) -> String {
    exceptions.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn line(exception: &Exception) -> String {
    let span = |from: String, to: String| {
        if from == to {
            from
        } else {
            format!("{from}..{to}")
        }
    };
    let day_text = |(month, day): (u32, u32)| format!("{month:02}-{day:02}");
    let when = match exception.when {
        When::Once { from, to } => span(from.to_string(), to.to_string()),
        When::Yearly { from, to } => span(day_text(from), day_text(to)),
        When::LeapDay {
            from,
            to,
            otherwise,
        } => {
            let leap_year = span(day_text(from), day_text(to));
            format!("{leap_year} or {}", day_text(otherwise))
        }
        When::NthWeekday {
            month,
            nth,
            weekday,
        } => {
            let nth = if nth == -1 {
                "last".to_owned()
            } else {
                nth.to_string()
            };
            let day = DAYS.get(usize::from(weekday)).unwrap_or(&"");
            format!(
                "{nth}-{day}-{}",
                MONTHS.get(month.wrapping_sub(1) as usize).unwrap_or(&"")
            )
        }
        When::Easter { days: 0 } => "easter".to_owned(),
        When::Easter { days } => format!("easter{days:+}"),
    };
    let times = |ranges: &[Range]| {
        ranges
            .iter()
            .map(Range::to_string)
            .collect::<Vec<_>>()
            .join(",")
    };
    let what = match &exception.what {
        What::Closed => "closed".to_owned(),
        What::ClosedFor(ranges) => format!("not {}", times(ranges)),
        What::Open(ranges) => times(ranges),
    };
    format!("{when} {what} {}", exception.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_survive_their_lines() {
        let text = "2026-12-24 09:00-13:00 Christmas Eve\n2026-12-28..2026-12-31 closed Stocktaking\n\
                    12-24..01-02 closed Year's end\n02-29 or 02-28 closed Founders' Day\n\
                    02-20..02-29 or 03-01 09:00-13:00 Carnival\n06-03 not 12:00-14:00,16:00-17:00 Lunch\nlast-mon-may closed Memorial Day\n\
                    4-thu-nov closed Thanksgiving\neaster-2 closed Good Friday\neaster+1 closed Easter Monday";
        let read = parse_exceptions("exceptions", text).unwrap();
        assert_eq!(read.len(), 10);
        assert_eq!(exceptions_text(&read), text);
    }

    #[test]
    fn a_line_that_cannot_be_read_is_quoted() {
        for wrong in [
            "2026-13-01 closed",
            "closed",
            "12-24",
            "6-fun-may closed",
            "12-24 9-13 x",
            "2026-1-2 closed",
            "02-29 or closed",
            "02-29 or",
            "02-29 or 2-28 closed",
            "2024-02-29 or 02-28 closed",
            "easter or 03-01 closed",
        ] {
            let error = parse_exceptions("exceptions", wrong).unwrap_err();
            assert_eq!(error.problem, "not-an-exception", "{wrong}");
            assert_eq!(error.args[0].1, wrong);
        }
    }

    #[test]
    fn ranges_survive_their_text() {
        let read = parse_ranges("mon", "09:00-12:00, 13:00-17:00").unwrap();
        assert_eq!(ranges_text(&read), "09:00-12:00, 13:00-17:00");
        assert_eq!(parse_ranges("mon", " ").unwrap(), []);
        assert_eq!(parse_ranges("mon", "9-17").unwrap_err().field, "mon");
    }

    #[test]
    fn a_range_that_cannot_be_says_what_is_wrong_with_it() {
        for (text, problem) in [
            ("09:00-09:00", "empty-range"),
            ("24:00 – 24:00", "empty-range"),
            ("10:00-48:30", "range-too-long"),
            ("10:00-72:00", "range-too-long"),
            ("24:00-25:00", "range-starts-late"),
            ("09:60-10:00", "not-a-range"),
            ("9-17", "not-a-range"),
            ("09:00", "not-a-range"),
        ] {
            let error = parse_range("mon", text).unwrap_err();
            assert_eq!(
                (error.field.as_ref(), error.problem),
                ("mon", problem),
                "{text}"
            );
            assert_eq!(error.args[0].1, text);
        }
    }
}
