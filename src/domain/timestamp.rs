//! The one instant type: microseconds since the Unix epoch, UTC.
//!
//! Every stored or compared instant is a `Timestamp`, so that a value read back from a database equals the one written.
//! It reads no clock: "now" is always handed in.

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
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

    /// Reads RFC 3339 with any offset; `None` if it isn't that.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        DateTime::parse_from_rfc3339(text.trim())
            .ok()
            .map(|instant| Self(instant.timestamp_micros()))
    }
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
}
