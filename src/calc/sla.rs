//! Questions about working time: `sla.due`, `sla.elapsed`, `sla.timeline`, `cal.open`.

use std::str::FromStr;

use serde::Serialize;
use serde_json::value::RawValue;

use super::read::{self, At, Fields, Place, Secs};
use super::{Calculator, put};
use crate::domain::refusal::FieldError;
use crate::domain::sla_timeline::{self, Setting};
use crate::domain::timestamp::Timestamp;
use crate::domain::worktime::{self, Interval};

type Outcome = Result<(), FieldError>;

#[derive(Serialize)]
struct Due {
    due: Option<At>,
}

pub fn due(calculator: &mut Calculator, asked: &Fields<'_>, out: &mut Vec<u8>) -> Outcome {
    let line = Place::LINE;
    asked.only(
        &["id", "op", "calendar", "start", "duration_s", "pauses"],
        &line,
    )?;
    let hours = calculator.calendars.need(asked, "calendar", &line)?;
    let start = read::instant(asked.need("start", &line)?, &line.field("start"))?;
    let budget = asked.need("duration_s", &line)?;
    let budget = read::length(budget, &line.field("duration_s"))?;
    let pauses = pauses(asked)?;
    let due = worktime::deadline(&hours, start, budget, &pauses);
    put(out, &Due { due: due.map(At) })
}

#[derive(Serialize)]
struct Elapsed {
    elapsed_s: Secs,
}

pub fn elapsed(calculator: &mut Calculator, asked: &Fields<'_>, out: &mut Vec<u8>) -> Outcome {
    let line = Place::LINE;
    asked.only(&["id", "op", "calendar", "start", "end", "pauses"], &line)?;
    let hours = calculator.calendars.need(asked, "calendar", &line)?;
    let start = read::instant(asked.need("start", &line)?, &line.field("start"))?;
    let end = read::instant(asked.need("end", &line)?, &line.field("end"))?;
    if end < start {
        return Err(line.field("end").wrong("ends-before-start"));
    }
    let elapsed = worktime::counted(&hours, start, end, &pauses(asked)?);
    put(
        out,
        &Elapsed {
            elapsed_s: Secs(elapsed),
        },
    )
}

/// `[[from, to or null], …]` in any order, united.
fn pauses(asked: &Fields<'_>) -> Result<Vec<Interval>, FieldError> {
    let Some(raw) = asked.find("pauses") else {
        return Ok(Vec::new());
    };
    if raw.get() == "[]" {
        return Ok(Vec::new());
    }
    let place = Place::LINE.field("pauses");
    let mut pauses = Vec::new();
    for (index, raw) in read::list(raw, &place)?.into_iter().enumerate() {
        let place = place.item(index);
        let [from, to] = read::list(raw, &place)?[..] else {
            return Err(place.refused("not-a-pair", raw.get()));
        };
        let from = read::instant(from, &place.item(0))?;
        let to = match to.get() {
            "null" => Timestamp::NEVER,
            _ => read::instant(to, &place.item(1))?,
        };
        if to < from {
            return Err(place.wrong("ends-before-start"));
        }
        pauses.push(Interval::new(from, to));
    }
    worktime::unite(&mut pauses);
    Ok(pauses)
}

#[derive(Serialize)]
struct Timeline {
    elapsed_s: Secs,
    remaining_s: Secs,
    breached_at: Option<At>,
    due: Option<At>,
}

pub fn timeline(calculator: &mut Calculator, asked: &Fields<'_>, out: &mut Vec<u8>) -> Outcome {
    let line = Place::LINE;
    asked.only(
        &["id", "op", "calendar", "target_s", "now", "events"],
        &line,
    )?;
    let hours = calculator.calendars.need(asked, "calendar", &line)?;
    let target = asked.need("target_s", &line)?;
    let target = read::length(target, &line.field("target_s"))?;
    let now = read::instant(asked.need("now", &line)?, &line.field("now"))?;
    let place = line.field("events");
    let mut settings: Vec<(Timestamp, Setting)> = Vec::new();
    let events = read::list(asked.need("events", &line)?, &place)?;
    for (index, raw) in events.into_iter().enumerate() {
        let place = place.item(index);
        let setting = setting(raw, &place)?;
        if settings.last().is_some_and(|last| setting.0 < last.0) {
            return Err(place.field("at").wrong("not-in-order"));
        }
        settings.push(setting);
    }
    let reading = sla_timeline::read(&hours, target, now, &settings);
    put(
        out,
        &Timeline {
            elapsed_s: Secs(reading.elapsed),
            remaining_s: Secs(reading.remaining),
            breached_at: reading.breached_at.map(At),
            due: reading.due_at.map(At),
        },
    )
}

fn setting(raw: &RawValue, place: &Place<'_>) -> Result<(Timestamp, Setting), FieldError> {
    let fields = read::object(raw, place)?;
    fields.only(&["at", "state"], place)?;
    let at = read::instant(fields.need("at", place)?, &place.field("at"))?;
    let state = place.field("state");
    let word = read::text(fields.need("state", place)?, &state)?;
    let setting = Setting::from_str(&word).map_err(|()| {
        let accepted: Vec<&str> = Setting::ALL.iter().map(|known| known.as_str()).collect();
        state
            .refused("unknown-word", &word)
            .with("accepted", accepted.join(", "))
    })?;
    Ok((at, setting))
}

#[derive(Serialize)]
struct Open {
    open: Vec<bool>,
}

pub fn open(calculator: &mut Calculator, asked: &Fields<'_>, out: &mut Vec<u8>) -> Outcome {
    let line = Place::LINE;
    asked.only(&["id", "op", "calendar", "at"], &line)?;
    let hours = calculator.calendars.need(asked, "calendar", &line)?;
    let place = line.field("at");
    let mut open = Vec::new();
    for (index, raw) in read::list(asked.need("at", &line)?, &place)?
        .into_iter()
        .enumerate()
    {
        open.push(hours.is_open(read::instant(raw, &place.item(index))?));
    }
    put(out, &Open { open })
}
