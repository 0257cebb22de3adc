//! The one instant type: microseconds since the Unix epoch, UTC.
//!
//! Every stored or compared instant is a `Timestamp`, so that a value read back from a database equals the one written.
//! It reads no clock: "now" is always handed in.

use chrono::{DateTime, NaiveDate, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// An instant in UTC, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 9999-12-31T00:00:00Z: sorts after every real instant; used where a column may not be NULL.
    pub const NEVER: Timestamp = Timestamp(253_402_214_400_000_000);

    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    pub const fn micros(self) -> i64 {
        self.0
    }

    /// For storage, which binds by reference.
    pub(crate) const fn micros_ref(&self) -> &i64 {
        &self.0
    }

    /// The instant as chrono knows it. Instants outside chrono's range (year ±262,000) become `NEVER`.
    pub fn utc(self) -> DateTime<Utc> {
        match Utc.timestamp_micros(self.0) {
            chrono::LocalResult::Single(instant) => instant,
            _ => DateTime::UNIX_EPOCH + TimeDelta::microseconds(Self::NEVER.0),
        }
    }

    /// The same instant on the wall clock of `zone`.
    pub fn in_zone(self, zone: Tz) -> DateTime<Tz> {
        self.utc().with_timezone(&zone)
    }

    /// `seconds` later (earlier when negative); stops at the ends of the range.
    pub const fn plus_secs(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }

    pub const fn plus_micros(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// Microseconds from `earlier` to `self`; negative if `earlier` is later.
    pub const fn micros_since(self, earlier: Timestamp) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Whole seconds from `earlier` to `self`, rounded towards negative infinity.
    pub const fn secs_since(self, earlier: Timestamp) -> i64 {
        self.micros_since(earlier).div_euclid(1_000_000)
    }

    /// RFC 3339 with `Z` and six digits at most: the form of the API, the exports and the logs.
    pub fn rfc3339(self) -> String {
        self.utc()
            .to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
    }

    /// Reads `YYYY-MM-DDTHH:MM:SSZ`, also with a fraction of which six digits count; `None` if it isn't exactly that, or before
    /// 1970. Much faster than [`Timestamp::parse_rfc3339`].
    pub fn parse_utc(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let (whole, fraction) = bytes.split_at_checked(19)?;
        let (date, time) = whole.split_at(10);
        let [b'T', h1, h2, b':', m1, m2, b':', s1, s2] = time else {
            return None;
        };
        let date = parse_date_bytes(date)?;
        let (hour, minute) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?);
        let instant = date
            .and_hms_opt(hour, minute, digits(&[*s1, *s2])?)?
            .and_utc();
        let micros = match fraction.strip_suffix(b"Z")? {
            [] => 0,
            [b'.', parts @ ..] if !parts.is_empty() && parts.iter().all(u8::is_ascii_digit) => {
                let six = parts.iter().copied().chain(std::iter::repeat(b'0')).take(6);
                six.fold(0, |micros, digit| micros * 10 + i64::from(digit - b'0'))
            }
            _ => return None,
        };
        let instant = Self(instant.timestamp_micros() + micros);
        (instant.0 >= 0).then_some(instant)
    }

    /// Reads RFC 3339 with any offset; `None` if it isn't that.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        DateTime::parse_from_rfc3339(text.trim())
            .ok()
            .map(|instant| Self(instant.timestamp_micros()))
    }
}

/// Reads exactly `YYYY-MM-DD`. chrono's own reader takes signs and blanks too, and its time.
pub fn parse_date(text: &str) -> Option<NaiveDate> {
    parse_date_bytes(text.as_bytes())
}

fn parse_date_bytes(bytes: &[u8]) -> Option<NaiveDate> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = bytes else {
        return None;
    };
    let year = digits(&[*y1, *y2, *y3, *y4])?;
    NaiveDate::from_ymd_opt(year as i32, digits(&[*m1, *m2])?, digits(&[*d1, *d2])?)
}

/// A number in digits alone.
fn digits(bytes: &[u8]) -> Option<u32> {
    bytes.iter().try_fold(0, |number, byte| {
        byte.is_ascii_digit()
            .then(|| number * 10 + u32::from(byte - b'0'))
    })
}

impl From<DateTime<Utc>> for Timestamp {
    /// Cuts what is below a microsecond.
    fn from(instant: DateTime<Utc>) -> Self {
        Self(instant.timestamp_micros())
    }
}

impl From<DateTime<Tz>> for Timestamp {
    fn from(instant: DateTime<Tz>) -> Self {
        Self(instant.timestamp_micros())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_survives_its_text() {
        let instant = Timestamp::parse_rfc3339("2026-11-21T04:07:09.123456+01:00").unwrap();
        assert_eq!(instant.rfc3339(), "2026-11-21T03:07:09.123456Z");
        assert_eq!(Timestamp::parse_rfc3339(&instant.rfc3339()), Some(instant));
        assert_eq!(Timestamp::parse_rfc3339("yesterday"), None);
    }

    #[test]
    fn dates_are_whole() {
        assert_eq!(
            parse_date("2024-02-29"),
            NaiveDate::from_ymd_opt(2024, 2, 29)
        );
        for wrong in [
            "",
            "2026-02-29",
            "2026-2-28",
            "+026-02-28",
            "2026-02- 8",
            "2026-02-28T",
            "2026/02/28",
            "tomorrow",
        ] {
            assert_eq!(parse_date(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn utc_is_read_as_it_is_documented_and_nothing_else_is() {
        for text in [
            "1970-01-01T00:00:00Z",
            "2024-02-29T23:59:59Z",
            "2026-11-21T03:07:09.5Z",
            "2026-11-21T03:07:09.000001Z",
            "9999-12-31T23:59:59.999999Z",
        ] {
            assert_eq!(
                Timestamp::parse_utc(text),
                Timestamp::parse_rfc3339(text),
                "{text}"
            );
        }
        assert_eq!(
            Timestamp::parse_utc("2026-11-21T03:07:09.1234567Z"),
            Timestamp::parse_utc("2026-11-21T03:07:09.123456Z")
        );
        for wrong in [
            "",
            "2026-11-21",
            "2026-11-21T03:07:09",
            "2026-11-21 03:07:09Z",
            "2026-11-21t03:07:09Z",
            "2026-11-21T03:07:09z",
            "2026-11-21T03:07:09+00:00",
            "2026-11-21T03:07:09.Z",
            "2026-11-21T03:07:09.5aZ",
            "2026-11-21T03:07:60Z",
            "2026-11-21T24:00:00Z",
            "2026-02-29T00:00:00Z",
            "+026-01-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "2026-11-21T03:07:0éZ",
        ] {
            assert_eq!(Timestamp::parse_utc(wrong), None, "{wrong}");
        }
    }
}
