//! Working calendars: in which hours promises are counted. An edit makes a version that holds from now on or from a date; a
//! correction says what was so before.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Answer, Call, Nothing, Reply};
use super::paging::{Page, Paging};
use super::terms::{Correction, Preview, Trial, Version, effect};
use super::ticket::IfMatch;
use super::value::{At, CalendarUid, Uid};
use crate::actions::calendar::{self as action, CalendarDetails};
use crate::actions::{self, sla};
use crate::app::Ctx;
use crate::domain::access::{Action, Target as Of};
use crate::domain::calendar::Range;
use crate::domain::calendar_text::{exceptions_text, parse_exceptions, parse_range};
use crate::domain::holidays;
use crate::domain::id::CalendarId;
use crate::domain::refusal::FieldError;
use crate::domain::sla_book::{CalendarVersion as Written, KnownCalendar};
use crate::domain::sla_version::Layer;
use crate::domain::text;
use crate::error::{Error, Fields, Result};
use crate::intake;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Working hours.
#[derive(Debug, Serialize, ToSchema)]
pub struct Calendar {
    pub id: CalendarUid,
    pub name: String,
    #[schema(example = "Europe/Stockholm")]
    pub zone: String,
    /// It never closes.
    pub is_always_open: bool,
    pub is_active: bool,
    /// The version that was written last.
    pub version: i64,
    /// From when on this version holds; in the future if it is planned.
    pub effective_from: At,
    /// Until another version holds; null: for good.
    pub effective_until: Option<At>,
    /// Open hours by weekday, `mon` to `sun`.
    #[schema(example = json!({"mon": ["09:00-17:00"]}))]
    pub weekly: BTreeMap<String, Vec<String>>,
    /// Dates that differ, as people write them: `2026-12-24..2026-12-26 closed Christmas`.
    pub exceptions: Vec<String>,
    /// Holiday sets on whose days it is closed, unless `exceptions` say otherwise.
    #[schema(example = json!(["DE-BY"]))]
    pub holidays: Vec<String>,
}

impl Calendar {
    /// The version that was written last.
    fn of(known: &KnownCalendar) -> Option<Self> {
        let (layer, version) = known.layers.last()?;
        Some(Self::version(known, layer, version))
    }

    fn version(known: &KnownCalendar, layer: &Layer, version: &Written) -> Self {
        let days = DAYS.iter().zip(version.own.weekly());
        Self {
            id: Uid(known.id),
            name: version.name.clone(),
            zone: version.own.zone().name().to_owned(),
            is_always_open: version.calendar.is_always(),
            is_active: known.is_active,
            version: layer.number,
            effective_from: At(layer.from),
            effective_until: layer.until.map(At),
            holidays: version.holidays.clone(),
            weekly: days
                .filter(|(_, ranges)| !ranges.is_empty())
                .map(|(day, ranges)| {
                    let ranges = ranges.iter().map(Range::to_string).collect();
                    ((*day).to_owned(), ranges)
                })
                .collect(),
            exceptions: exceptions_text(version.own.exceptions())
                .lines()
                .map(str::to_owned)
                .collect(),
        }
    }
}

/// List working calendars
#[utoipa::path(get, path = "/api/v1/calendars", tag = "clocks", params(Paging), responses((status = 200, description = "A page", body = Page<Calendar>)))]
pub async fn list(call: Call<Nothing>) -> Reply {
    let paging: Paging = call.query()?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadHouse, Of::House)?;
        let book = ctx.read(|conn| sla::book(ctx.app, conn))?;
        let all: Vec<_> = book.calendars.iter().filter_map(Calendar::of).collect();
        Answer::ok(&paging.cut(all, |it| it.id.0.to_string(), |it| it)?)
    })
    .await
}

fn known(ctx: &Ctx<'_>, id: CalendarId) -> Result<Calendar> {
    let book = ctx.read(|conn| sla::book(ctx.app, conn))?;
    let found = book.calendar(id).and_then(Calendar::of);
    found.ok_or(Error::NotFound)
}

/// Read a working calendar
#[utoipa::path(get, path = "/api/v1/calendars/{id}", tag = "clocks", responses((status = 200, description = "The calendar", body = Calendar)))]
pub async fn read(call: Call<Nothing>) -> Reply {
    let id: CalendarId = call.id("id")?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadHouse, Of::House)?;
        let calendar = known(ctx, id)?;
        Ok(Answer::ok(&calendar)?.version(calendar.version))
    })
    .await
}

/// A new working calendar.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCalendar {
    name: String,
    #[schema(example = "Europe/Stockholm")]
    zone: String,
    /// Open hours by weekday, `mon` to `sun`.
    #[schema(example = json!({"mon": ["09:00-12:00", "13:00-17:00"]}))]
    weekly: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    exceptions: Vec<String>,
    /// Codes of holiday sets.
    #[serde(default)]
    holidays: Vec<String>,
}

/// What changes; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CalendarEdit {
    name: Option<String>,
    zone: Option<String>,
    /// The whole week.
    weekly: Option<BTreeMap<String, Vec<String>>>,
    /// All of them.
    exceptions: Option<Vec<String>>,
    /// All its holiday sets.
    holidays: Option<Vec<String>>,
    is_active: Option<bool>,
    /// From when on it holds so; from now on if it isn't given.
    effective_from: Option<At>,
    /// It was so before, and what was written then was wrong. Not with `effective_from`.
    correction: Option<Correction>,
}

fn details(
    name: &str,
    zone: &str,
    weekly: &BTreeMap<String, Vec<String>>,
    exceptions: &[String],
    holidays: &[String],
    is_active: bool,
) -> Result<CalendarDetails> {
    let mut fields = Fields::new();
    let zone = fields.take(text::zone("zone", zone));
    let mut week = Vec::new();
    for (day, ranges) in weekly {
        let Some(number) = DAYS.iter().position(|known| known == day) else {
            let wrong = FieldError::new(format!("weekly.{day}"), "unknown-word");
            fields.push(
                wrong
                    .with("value", day.clone())
                    .with("accepted", DAYS.join(", ")),
            );
            continue;
        };
        for text in ranges {
            if let Some(range) = fields.take(parse_range(format!("weekly.{day}"), text)) {
                week.push((number as u8, range));
            }
        }
    }
    let exceptions = fields.take(parse_exceptions("exceptions", &exceptions.join("\n")));
    fields.check()?;
    match (zone, exceptions) {
        (Some(zone), Some(exceptions)) => Ok(CalendarDetails {
            name: name.to_owned(),
            zone,
            weekly: week,
            exceptions,
            holidays: holidays.to_vec(),
            is_active,
        }),
        _ => Err(Error::internal("a calendar without a fault")),
    }
}

/// Add a working calendar
#[utoipa::path(post, path = "/api/v1/calendars", tag = "clocks", request_body = NewCalendar, responses((status = 201, description = "Added", body = Calendar)))]
pub async fn add(call: Call<NewCalendar>) -> Reply {
    call.change(|ctx, new| {
        actions::allow(&ctx.by, Action::ManageAgreements, Of::House)?;
        let details = details(
            &new.name,
            &new.zone,
            &new.weekly,
            &new.exceptions,
            &new.holidays,
            true,
        )?;
        let calendar = known(ctx, action::add_calendar(ctx, &details)?)?;
        let place = format!("/api/v1/calendars/{}", calendar.id.0);
        Ok(Answer::created(place, &calendar)?.version(calendar.version))
    })
    .await
}

/// What an edit leaves, or would leave.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code)]
pub enum CalendarOrPreview {
    Calendar(Calendar),
    Preview(Preview),
}

/// Edit a working calendar
///
/// Makes its next version; clocks that run follow it soon after. One that is in use can't be retired. With `dry_run` nothing is
/// written and the answer lists the clocks that would move.
#[utoipa::path(patch, path = "/api/v1/calendars/{id}", tag = "clocks", params(IfMatch, Trial), request_body = CalendarEdit, responses((status = 200, description = "As it was written, or what that would do", body = CalendarOrPreview)))]
pub async fn edit(call: Call<CalendarEdit>) -> Reply {
    let (id, rev): (CalendarId, _) = (call.id("id")?, call.rev);
    let trial: Trial = call.query()?;
    call.change(move |ctx, asked| {
        actions::allow(&ctx.by, Action::ManageAgreements, Of::House)?;
        let effect = effect(asked.effective_from, asked.correction.as_ref())?;
        ctx.as_one(
            |ctx| {
                let before = known(ctx, id)?;
                let details = details(
                    asked.name.as_ref().unwrap_or(&before.name),
                    asked.zone.as_ref().unwrap_or(&before.zone),
                    asked.weekly.as_ref().unwrap_or(&before.weekly),
                    asked.exceptions.as_ref().unwrap_or(&before.exceptions),
                    asked.holidays.as_ref().unwrap_or(&before.holidays),
                    asked.is_active.unwrap_or(before.is_active),
                )?;
                let seen = rev.unwrap_or(before.version);
                if trial.is_asked() {
                    let preview = action::preview_calendar(ctx, id, seen, &details, &effect)?;
                    return Answer::ok(&Preview::of(&preview));
                }
                action::change_calendar(ctx, id, seen, &details, &effect)?;
                let calendar = known(ctx, id)?;
                Ok(Answer::ok(&calendar)?.version(calendar.version))
            },
            |_, _| Ok(()),
        )
    })
    .await
}

/// A version of a calendar.
#[derive(Debug, Serialize, ToSchema)]
pub struct CalendarVersion {
    pub written: Version,
    pub calendar: Calendar,
    /// The tz data in force when it was written.
    pub tzdb: String,
    /// The data that its holidays came from.
    pub holiday_data: String,
}

/// List a calendar's versions
///
/// The newest first, each with who wrote it, when and why.
#[utoipa::path(get, path = "/api/v1/calendars/{id}/versions", tag = "clocks", params(Paging), responses((status = 200, description = "A page", body = Page<CalendarVersion>)))]
pub async fn versions(call: Call<Nothing>) -> Reply {
    let id: CalendarId = call.id("id")?;
    let paging: Paging = call.query()?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadHouse, Of::House)?;
        let book = ctx.read(|conn| sla::book(ctx.app, conn))?;
        let known = book.calendar(id).ok_or(Error::NotFound)?;
        let all: Vec<_> = known.layers.iter().rev().collect();
        let show = |(layer, version): &(Layer, Written)| CalendarVersion {
            written: Version::of(layer),
            calendar: Calendar::version(known, layer, version),
            tzdb: version.tzdb.clone(),
            holiday_data: version.holiday_data.clone(),
        };
        Answer::ok(&paging.cut(all, |(layer, _)| layer.number.to_string(), show)?)
    })
    .await
}

/// Delete a working calendar
///
/// Only one in which nothing was ever promised; any other can be retired.
#[utoipa::path(delete, path = "/api/v1/calendars/{id}", tag = "clocks", responses((status = 204, description = "Gone")))]
pub async fn remove(call: Call<Nothing>) -> Reply {
    let id: CalendarId = call.id("id")?;
    call.change(move |ctx, _| {
        action::delete_calendar(ctx, id)?;
        Ok(Answer::nothing())
    })
    .await
}

/// An iCalendar file.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IcsFile {
    text: String,
    /// In which zone its times are read. Whole days stay the dates they are.
    #[schema(example = "Europe/Stockholm")]
    zone: String,
}

/// The days of an iCalendar file, as lines for a calendar's `exceptions`.
#[derive(Debug, Serialize, ToSchema)]
pub struct IcsDays {
    #[schema(example = json!(["2026-12-24..2026-12-26 closed Christmas"]))]
    pub exceptions: Vec<String>,
    /// Names of events that are over, cancelled, or can't be read.
    pub left_out: Vec<String>,
    /// There is more than is listed.
    pub is_cut: bool,
}

/// Read an iCalendar file
///
/// Nothing is taken over: look through its days and give those that you want to a calendar.
#[utoipa::path(post, path = "/api/v1/calendars/read-ics", tag = "clocks", request_body = IcsFile, responses((status = 200, description = "Its days", body = IcsDays)))]
pub async fn read_ics(call: Call<IcsFile>) -> Reply {
    call.change(|ctx, file| {
        actions::allow(&ctx.by, Action::ManageAgreements, Of::House)?;
        let zone = text::zone("zone", &file.zone)?;
        let today = ctx.now.in_zone(zone).date_naive();
        let reading = intake::holidays::read(&file.text, zone, today);
        Answer::ok(&IcsDays {
            exceptions: exceptions_text(&reading.found)
                .lines()
                .map(str::to_owned)
                .collect(),
            left_out: reading.left_out.into_iter().map(|(name, _)| name).collect(),
            is_cut: reading.is_cut,
        })
    })
    .await
}

/// The public holidays of a country, or of a part of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct HolidaySet {
    #[schema(example = "DE-BY")]
    pub code: String,
    #[schema(example = "Germany, Bayern")]
    pub name: String,
}

/// List holiday sets
///
/// Countries and their parts, from data that comes with the program.
#[utoipa::path(get, path = "/api/v1/holiday-sets", tag = "clocks", params(Paging), responses((status = 200, description = "A page", body = Page<HolidaySet>)))]
pub async fn holiday_sets(call: Call<Nothing>) -> Reply {
    let paging: Paging = call.query()?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadHouse, Of::House)?;
        let show = |set: &holidays::HolidaySet| HolidaySet {
            code: set.code.clone(),
            name: set.name(),
        };
        let all: Vec<_> = holidays::sets().iter().collect();
        Answer::ok(&paging.cut(all, |set| set.code.clone(), show)?)
    })
    .await
}

/// The days of a set.
#[derive(Debug, Serialize, ToSchema)]
pub struct HolidayDays {
    pub code: String,
    pub name: String,
    /// Where the data comes from, with its version.
    #[schema(example = "holidays 0.109")]
    pub source: &'static str,
    /// All days that the data knows, ascending.
    pub days: Vec<HolidayDay>,
}

/// One free day.
#[derive(Debug, Serialize, ToSchema)]
pub struct HolidayDay {
    #[schema(example = "2026-12-25")]
    pub date: String,
    pub name: String,
}

/// Read a holiday set
#[utoipa::path(get, path = "/api/v1/holiday-sets/{code}", tag = "clocks", responses((status = 200, description = "Its days", body = HolidayDays)))]
pub async fn holiday_set(call: Call<Nothing>) -> Reply {
    let code = call.text("code");
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadHouse, Of::House)?;
        let set = holidays::set(&code).ok_or(Error::NotFound)?;
        let days = set.days(holidays::years()).into_iter();
        Answer::ok(&HolidayDays {
            code: set.code.clone(),
            name: set.name(),
            source: holidays::source(),
            days: days
                .map(|day| HolidayDay {
                    date: day.on.to_string(),
                    name: day.name,
                })
                .collect(),
        })
    })
    .await
}
