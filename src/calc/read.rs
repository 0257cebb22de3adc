//! A question's fields as values, read where they stand. What can't be read names its place: `calendar.weekly[2].to`.

use std::borrow::Cow;
use std::fmt;

use chrono::NaiveDate;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::domain::refusal::FieldError;
use crate::domain::timestamp::{Timestamp, parse_date};

/// Longest length that can be asked about: three thousand years.
const MAX_SECS: i64 = 100_000_000_000;
/// Characters of a wrong value that are shown again.
const SHOWN: usize = 80;

/// Where a value stands in its line.
#[derive(Clone, Copy)]
pub struct Place<'p> {
    above: Option<&'p Place<'p>>,
    step: Step<'p>,
}

#[derive(Clone, Copy)]
enum Step<'p> {
    Line,
    Field(&'p str),
    Item(usize),
}

impl<'p> Place<'p> {
    /// The line itself.
    pub const LINE: Place<'static> = Place {
        above: None,
        step: Step::Line,
    };

    pub const fn field(&'p self, name: &'p str) -> Self {
        Self {
            above: Some(self),
            step: Step::Field(name),
        }
    }

    pub const fn item(&'p self, index: usize) -> Self {
        Self {
            above: Some(self),
            step: Step::Item(index),
        }
    }

    /// This value can't be taken.
    pub fn wrong(&self, problem: &'static str) -> FieldError {
        FieldError {
            field: self.to_string().into(),
            problem,
            args: Vec::new(),
        }
    }

    /// As [`Place::wrong`], with what stood there.
    pub fn refused(&self, problem: &'static str, value: &str) -> FieldError {
        let shown: String = value.chars().take(SHOWN).collect();
        self.wrong(problem).with("value", shown)
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(above) = self.above {
            above.fmt(f)?;
        }
        match self.step {
            Step::Line => Ok(()),
            Step::Field(name) => {
                let is_first = self
                    .above
                    .is_none_or(|above| matches!(above.step, Step::Line));
                write!(f, "{}{name}", if is_first { "" } else { "." })
            }
            Step::Item(index) => write!(f, "[{index}]"),
        }
    }
}

/// An object's members as they were written.
pub struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// A name that borrows where it can; serde's own `Cow` never does.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut members = Vec::with_capacity(8);
                while let Some(Name(name)) = map.next_key()? {
                    members.push((name, map.next_value()?));
                }
                Ok(Fields(members))
            }
        }
        from.deserialize_map(Members)
    }
}

impl<'a> Fields<'a> {
    /// Refuses members that aren't in `names`, and those that stand there twice.
    pub fn only(&self, names: &[&str], place: &Place<'_>) -> Result<(), FieldError> {
        let mut seen = 0_u64;
        for (name, _) in &self.0 {
            let Some(index) = names.iter().position(|known| known == name) else {
                let known = names.join(", ");
                return Err(place
                    .field(name)
                    .wrong("unknown-field")
                    .with("known", known));
            };
            if seen & 1 << index != 0 {
                return Err(place.field(name).wrong("given-twice"));
            }
            seen |= 1 << index;
        }
        Ok(())
    }

    /// What stands under `name`; `null` is nothing.
    pub fn find(&self, name: &str) -> Option<&'a RawValue> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, raw)| *raw).filter(|raw| raw.get() != "null")
    }

    pub fn need(&self, name: &str, place: &Place<'_>) -> Result<&'a RawValue, FieldError> {
        self.find(name)
            .ok_or_else(|| place.field(name).wrong("required"))
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(name, raw)| (name.as_ref(), *raw))
    }
}

pub fn object<'a>(raw: &'a RawValue, place: &Place<'_>) -> Result<Fields<'a>, FieldError> {
    serde_json::from_str(raw.get()).map_err(|_| place.refused("not-an-object", raw.get()))
}

pub fn list<'a>(raw: &'a RawValue, place: &Place<'_>) -> Result<Vec<&'a RawValue>, FieldError> {
    serde_json::from_str(raw.get()).map_err(|_| place.refused("not-a-list", raw.get()))
}

pub fn text<'a>(raw: &'a RawValue, place: &Place<'_>) -> Result<Cow<'a, str>, FieldError> {
    let inner = raw
        .get()
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    match inner {
        Some(plain) if !plain.contains('\\') => Ok(Cow::Borrowed(plain)),
        _ => serde_json::from_str(raw.get())
            .map(Cow::Owned)
            .map_err(|_| place.refused("not-a-text", raw.get())),
    }
}

pub fn truth(raw: &RawValue, place: &Place<'_>) -> Result<bool, FieldError> {
    match raw.get() {
        "true" => Ok(true),
        "false" => Ok(false),
        other => Err(place.refused("not-a-truth", other)),
    }
}

/// `YYYY-MM-DDTHH:MM:SSZ`, with a fraction if need be.
pub fn instant(raw: &RawValue, place: &Place<'_>) -> Result<Timestamp, FieldError> {
    let text = text(raw, place)?;
    Timestamp::parse_utc(&text).ok_or_else(|| place.refused("not-utc", &text))
}

/// `YYYY-MM-DD`.
pub fn date(text: &str, place: &Place<'_>) -> Result<NaiveDate, FieldError> {
    parse_date(text).ok_or_else(|| place.refused("not-a-date", text))
}

/// Seconds, which may have a fraction, as microseconds; what is below is cut.
pub fn length(raw: &RawValue, place: &Place<'_>) -> Result<i64, FieldError> {
    let wrong = || {
        place
            .refused("not-a-length", raw.get())
            .with("max", MAX_SECS.to_string())
    };
    let (whole, fraction) = raw.get().split_once('.').unwrap_or((raw.get(), ""));
    let is_plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !whole.is_empty() && is_plain(whole) && is_plain(fraction) {
        let secs: i64 = whole.parse().map_err(|_| wrong())?;
        let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(6);
        let micros = digits.fold(0, |micros, digit| micros * 10 + i64::from(digit - b'0'));
        return if secs <= MAX_SECS {
            Ok(secs * 1_000_000 + micros)
        } else {
            Err(wrong())
        };
    }
    // 3.6e3, or no number at all.
    let secs: f64 = serde_json::from_str(raw.get()).map_err(|_| wrong())?;
    if (0.0..=MAX_SECS as f64).contains(&secs) {
        Ok((secs * 1e6) as i64)
    } else {
        Err(wrong())
    }
}

/// An instant in an answer.
pub struct At(pub Timestamp);

impl Serialize for At {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0.rfc3339())
    }
}

/// Microseconds in an answer, as seconds: a whole number wherever it is one.
pub struct Secs(pub i64);

impl Serialize for Secs {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if self.0 % 1_000_000 == 0 {
            return to.serialize_i64(self.0 / 1_000_000);
        }
        // Exact to the microsecond within centuries: the shortest decimal that reads back as the same.
        to.serialize_f64(self.0 as f64 / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> &RawValue {
        serde_json::from_str(json).unwrap()
    }

    fn micros(json: &str) -> Result<i64, &'static str> {
        length(raw(json), &Place::LINE).map_err(|error| error.problem)
    }

    #[test]
    fn lengths_are_read_to_the_microsecond() {
        assert_eq!(micros("5400"), Ok(5_400_000_000));
        assert_eq!(micros("0.5"), Ok(500_000));
        assert_eq!(micros("1.0000019"), Ok(1_000_001));
        assert_eq!(micros("3.6e3"), Ok(3_600_000_000));
        assert_eq!(micros("100000000000"), Ok(100_000_000_000_000_000));
        for wrong in [
            "-1",
            "100000000001",
            "1e12",
            "\"60\"",
            "true",
            "99999999999999999999",
        ] {
            assert_eq!(micros(wrong), Err("not-a-length"), "{wrong}");
        }
        let told = |micros| serde_json::to_string(&Secs(micros)).unwrap();
        assert_eq!(told(5_400_000_000), "5400");
        assert_eq!(told(-1_500_000), "-1.5");
        assert_eq!(told(157_788_000_000_001), "157788000.000001");
    }

    #[test]
    fn texts_are_taken_as_they_are_or_unescaped() {
        assert_eq!(text(raw(r#""mon""#), &Place::LINE).unwrap(), "mon");
        assert_eq!(text(raw(r#""\u006don""#), &Place::LINE).unwrap(), "mon");
        for wrong in ["1", "null", "[\"mon\"]", r#""\ud800""#] {
            assert_eq!(
                text(raw(wrong), &Place::LINE).unwrap_err().problem,
                "not-a-text"
            );
        }
    }

    #[test]
    fn a_place_is_written_as_people_would() {
        let line = Place::LINE;
        let calendar = line.field("calendar");
        let weekly = calendar.field("weekly");
        let second = weekly.item(1);
        assert_eq!(second.field("to").to_string(), "calendar.weekly[1].to");
        assert_eq!(line.field("at").item(0).to_string(), "at[0]");
    }
}
