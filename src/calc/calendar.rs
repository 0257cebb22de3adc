//! Calendars as questions describe them, and a memory of those that were read: they repeat from line to line.

use std::collections::HashMap;
use std::sync::Arc;

use chrono_tz::Tz;
use serde_json::value::RawValue;

use super::read::{self, Fields, Place};
use crate::domain::calendar::{Calendar, Exception, Range, What, When, minutes_of};
use crate::domain::refusal::FieldError;
use crate::domain::worktime::Hours;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// Calendars, and bytes of their texts, that one half of the memory holds. A calendar of many exceptions takes some times its
/// text, so that the whole stays below some ten megabytes.
const KEPT: usize = 256;
const KEPT_BYTES: usize = 1024 * 1024;

/// Calendars by their text as it was written. What wasn't asked for lately is forgotten: the older half goes when the younger
/// one is full.
#[derive(Default)]
pub struct Calendars {
    younger: HashMap<Box<str>, Arc<Hours>>,
    older: HashMap<Box<str>, Arc<Hours>>,
    younger_bytes: usize,
}

impl Calendars {
    /// The calendar that stands under `name`.
    pub fn need(
        &mut self,
        fields: &Fields<'_>,
        name: &str,
        line: &Place<'_>,
    ) -> Result<Arc<Hours>, FieldError> {
        let raw = fields.need(name, line)?;
        if let Some(known) = self.younger.get(raw.get()) {
            return Ok(known.clone());
        }
        let hours = match self.older.get(raw.get()) {
            Some(known) => known.clone(),
            None => Arc::new(Hours::of(Arc::new(calendar(raw, &line.field(name))?))),
        };
        self.keep(raw.get(), &hours);
        Ok(hours)
    }

    fn keep(&mut self, text: &str, hours: &Arc<Hours>) {
        if text.len() > KEPT_BYTES / 4 {
            return;
        }
        if self.younger.len() >= KEPT || self.younger_bytes + text.len() > KEPT_BYTES {
            self.older = std::mem::take(&mut self.younger);
            self.younger_bytes = 0;
        }
        self.younger_bytes += text.len();
        self.younger.insert(text.into(), hours.clone());
    }
}

/// `{"tz", "weekly": [{"day", "from", "to"}], "holidays": [date], "special_days": {date: [[from, to]]}}`
fn calendar(raw: &RawValue, place: &Place<'_>) -> Result<Calendar, FieldError> {
    let fields = read::object(raw, place)?;
    fields.only(&["tz", "weekly", "holidays", "special_days"], place)?;
    let zone = zone(&fields, place)?;
    let mut weekly = Vec::new();
    if let Some(raw) = fields.find("weekly") {
        let place = place.field("weekly");
        for (index, raw) in read::list(raw, &place)?.into_iter().enumerate() {
            weekly.push(weekday(raw, &place.item(index))?);
        }
    }
    let mut exceptions = Vec::new();
    if let Some(raw) = fields.find("holidays") {
        let place = place.field("holidays");
        for (index, raw) in read::list(raw, &place)?.into_iter().enumerate() {
            let place = place.item(index);
            let date = read::date(&read::text(raw, &place)?, &place)?;
            exceptions.push(once(date, What::Closed));
        }
    }
    if let Some(raw) = fields.find("special_days") {
        let place = place.field("special_days");
        let days = read::object(raw, &place)?;
        let mut seen = std::collections::BTreeSet::new();
        for (name, raw) in days.iter() {
            let place = place.field(name);
            let date = read::date(name, &place)?;
            if !seen.insert(date) {
                return Err(place.wrong("given-twice"));
            }
            exceptions.push(once(date, What::Open(special(raw, name, &place)?)));
        }
    }
    Calendar::new(zone, &weekly, exceptions).map_err(|error| FieldError {
        field: place.to_string().into(),
        ..error
    })
}

/// The zone that stands under `tz`.
fn zone(fields: &Fields<'_>, place: &Place<'_>) -> Result<Tz, FieldError> {
    let at = place.field("tz");
    let name = read::text(fields.need("tz", place)?, &at)?;
    name.parse().map_err(|_| at.refused("unknown-zone", &name))
}

fn once(date: chrono::NaiveDate, what: What) -> Exception {
    Exception {
        name: String::new(),
        when: When::Once {
            from: date,
            to: date,
        },
        what,
    }
}

fn weekday(raw: &RawValue, place: &Place<'_>) -> Result<(u8, Range), FieldError> {
    let fields = read::object(raw, place)?;
    fields.only(&["day", "from", "to"], place)?;
    let at = place.field("day");
    let name = read::text(fields.need("day", place)?, &at)?;
    let day = DAYS.iter().position(|day| *day == name).ok_or_else(|| {
        at.refused("unknown-word", &name)
            .with("accepted", DAYS.join(", "))
    })?;
    let time = |name| time(fields.need(name, place)?, &place.field(name));
    let (from, to) = (time("from")?, time("to")?);
    let range = Range::new(from, to).map_err(|error| FieldError {
        field: place.to_string().into(),
        ..error
    })?;
    Ok((day as u8, range))
}

/// `09:00`, as minutes since midnight.
fn time(raw: &RawValue, place: &Place<'_>) -> Result<u16, FieldError> {
    let text = read::text(raw, place)?;
    minutes_of(&text).ok_or_else(|| place.refused("not-a-time-of-day", &text))
}

/// `[["09:00", "13:00"], …]` of one date.
fn special(raw: &RawValue, date: &str, place: &Place<'_>) -> Result<Vec<Range>, FieldError> {
    let mut ranges = Vec::new();
    for (index, raw) in read::list(raw, place)?.into_iter().enumerate() {
        let place = place.item(index);
        let [from, to] = read::list(raw, &place)?[..] else {
            return Err(place.refused("not-a-pair", raw.get()));
        };
        let (from, to) = (time(from, &place.item(0))?, time(to, &place.item(1))?);
        if to <= from {
            return Err(place.wrong("ends-before-start"));
        }
        if to > 1440 {
            return Err(place.refused("leaves-its-date", date));
        }
        ranges.push(Range::new(from, to).map_err(|error| FieldError {
            field: place.to_string().into(),
            ..error
        })?);
    }
    Ok(ranges)
}
