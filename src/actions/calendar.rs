//! Working calendars: made, changed, corrected and retired. An edit makes a version that holds from now on or from a date; a
//! correction says what was so before. Clocks that run follow their calendars.

use std::sync::Arc;

use chrono_tz::Tz;

use super::recount::Preview;
use super::sla::book;
use super::terms::{self, Edited};
use super::{allow, audit};
use crate::app::Ctx;
use crate::domain::access::{Action, Target as Of};
use crate::domain::calendar::{Calendar, Exception, Range};
use crate::domain::holidays::{self, Holiday, MOST_SETS};
use crate::domain::id::{CalendarId, Id};
use crate::domain::recount::RecountCause;
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::sla_book::Book;
use crate::domain::sla_version::{Effect, Layer};
use crate::domain::text::{NAME_CHARS, one_line};
use crate::domain::timeline::Facts;
use crate::domain::timestamp::Timestamp;
use crate::domain::worktime::Hours;
use crate::error::{Error, Result, is_unique_violation};
use crate::store::calendar::NewVersion;
use crate::store::{self, Tx};

/// What an editor's form says about a calendar.
#[derive(Debug, Clone)]
pub struct CalendarDetails {
    pub name: String,
    pub zone: Tz,
    /// 0 is Monday.
    pub weekly: Vec<(u8, Range)>,
    pub exceptions: Vec<Exception>,
    /// Codes of holiday sets, on whose days it is closed.
    pub holidays: Vec<String>,
    pub is_active: bool,
}

/// Details that were found good.
pub struct Built {
    /// Without the days of holiday sets.
    pub own: Calendar,
    /// With them.
    pub calendar: Arc<Calendar>,
    pub holidays: Vec<String>,
    pub days: Vec<Holiday>,
}

impl CalendarDetails {
    /// Refuses a calendar without an open instant in the five years after `from`: no promise in it could be kept.
    pub fn build(&self, from: Timestamp) -> Result<Built> {
        let own = Calendar::new(self.zone, &self.weekly, self.exceptions.clone())?;
        let mut codes: Vec<String> = Vec::new();
        for code in &self.holidays {
            let set = holidays::parse_set("holidays", code)?;
            if !codes.contains(&set.code) {
                codes.push(set.code.clone());
            }
        }
        if codes.len() > MOST_SETS {
            let max = MOST_SETS.to_string();
            return Err(FieldError::new("holidays", "too-many")
                .with("max", max)
                .into());
        }
        let days = holidays::days_of(&codes, holidays::years());
        let calendar = if days.is_empty() {
            Arc::new(own.clone())
        } else {
            Arc::new(holidays::closed_on(&own, &days)?)
        };
        if !Hours::of(calendar.clone()).is_ever_open(from) {
            return Err(FieldError::new("weekly", "never-open").into());
        }
        Ok(Built {
            own,
            calendar,
            holidays: codes,
            days,
        })
    }
}

impl Built {
    fn version<'a>(&'a self, name: &'a str, layer: &'a Layer) -> NewVersion<'a> {
        NewVersion {
            name,
            own: &self.own,
            holiday_sets: &self.holidays,
            days: &self.days,
            layer,
        }
    }
}

pub fn add_calendar(ctx: &Ctx<'_>, details: &CalendarDetails) -> Result<CalendarId> {
    allow(&ctx.by, Action::ManageAgreements, Of::House)?;
    ctx.write(|tx| add_in(tx, ctx, details)).map_err(name_taken)
}

pub(super) fn add_in(tx: &mut Tx, ctx: &Ctx<'_>, details: &CalendarDetails) -> Result<CalendarId> {
    let name = one_line("name", &details.name, NAME_CHARS)?;
    let built = details.build(ctx.now)?;
    let id = Id::new(ctx.now);
    let layer = terms::first(ctx);
    store::calendar::insert(tx, id, &built.version(&name, &layer))?;
    store::version::raise(tx)?;
    audit::note(
        tx,
        ctx,
        "calendar-added",
        &name,
        &Facts::new().with("zone", details.zone.name()),
    )?;
    Ok(id)
}

/// Writes the next version, as `effect` says: what was counted before stays as it was, unless it is a correction.
pub fn change_calendar(
    ctx: &Ctx<'_>,
    id: CalendarId,
    seen: i64,
    details: &CalendarDetails,
    effect: &Effect,
) -> Result<Edited> {
    allow(&ctx.by, Action::ManageAgreements, Of::House)?;
    terms::allow_effect(ctx, effect)?;
    let outcome = ctx.write(|tx| change_in(tx, ctx, id, seen, details, effect));
    outcome.map_err(name_taken)
}

fn change_in(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    id: CalendarId,
    seen: i64,
    details: &CalendarDetails,
    effect: &Effect,
) -> Result<Edited> {
    let name = one_line("name", &details.name, NAME_CHARS)?;
    let built = details.build(effect.from(ctx.now).max(ctx.now))?;
    let book = book(ctx.app, tx)?;
    let known = book.calendar(id).ok_or(Error::NotFound)?;
    if known.is_active && !details.is_active {
        refuse_in_use(tx, &book, id, ctx.now)?;
    }
    let layer = terms::next(tx, ctx, &known.layers, seen, effect)?;
    store::calendar::update(
        tx,
        id,
        seen,
        details.is_active,
        &built.version(&name, &layer),
    )?;
    store::version::raise(tx)?;
    let facts = terms::facts(&layer)
        .with("from", &known.name)
        .with("zone", details.zone.name());
    let (deed, cause) = if effect.is_correction() {
        ("calendar-corrected", RecountCause::CalendarCorrected)
    } else {
        ("calendar-changed", RecountCause::CalendarChanged)
    };
    audit::note(tx, ctx, deed, &name, &facts)?;
    let subject = Id::from_uuid(id.uuid());
    let recount = terms::ask(tx, ctx, cause, subject, &name, &layer, effect)?;
    Ok(Edited {
        version: layer.number,
        recount: Some(recount),
    })
}

/// What [`change_calendar`] would do to clocks; nothing is written.
pub fn preview_calendar(
    ctx: &Ctx<'_>,
    id: CalendarId,
    seen: i64,
    details: &CalendarDetails,
    effect: &Effect,
) -> Result<Preview> {
    terms::preview(ctx, |ctx| change_calendar(ctx, id, seen, details, effect))
}

/// Takes away a calendar in which nothing was ever promised. Any other is retired instead: what was counted in it stays
/// explained.
pub fn delete_calendar(ctx: &Ctx<'_>, id: CalendarId) -> Result<()> {
    allow(&ctx.by, Action::ManageAgreements, Of::House)?;
    ctx.write(|tx| {
        let book = book(ctx.app, tx)?;
        let known = book.calendar(id).ok_or(Error::NotFound)?;
        refuse_in_use(tx, &book, id, ctx.now)?;
        let counts = |target: &crate::domain::sla_agreement::Target| {
            target.calendars().any(|calendar| calendar == id)
        };
        let is_team = store::house::teams(tx)?
            .iter()
            .any(|team| team.calendar_id == Some(id));
        if is_team || !book.targets_that(counts).is_empty() {
            let refusal = Refusal::new("calendar-was-used").with("name", known.name.clone());
            return Err(refusal.into());
        }
        store::calendar::delete(tx, id)?;
        store::version::raise(tx)?;
        audit::note(tx, ctx, "calendar-deleted", &known.name, &Facts::new())
    })
}

/// Who counts in it from now on: an agreement that holds or is planned, a clause on credits, or a team.
fn refuse_in_use(tx: &mut Tx, book: &Book, id: CalendarId, now: Timestamp) -> Result<()> {
    let counts = |agreement: &&crate::domain::sla_agreement::Agreement| {
        let mut calendars = agreement.targets.iter().flat_map(|it| it.calendars());
        calendars.any(|calendar| calendar == id)
    };
    let holds = book.known_agreements().iter();
    let holds = holds.filter_map(|known| known.at(now).map(|agreement| &**agreement));
    let agreement = holds
        .chain(book.agreements())
        .find(counts)
        .map(|agreement| agreement.name.clone());
    let clause = store::credit::counting_in(tx, id)?;
    let clause = clause.and_then(|id| book.agreement(id)?.newest());
    let clause = clause.map(|(_, version)| version.agreement.name.clone());
    let teams = store::house::teams(tx)?;
    let team = teams
        .into_iter()
        .find(|team| team.is_active && team.calendar_id == Some(id))
        .map(|team| team.name);
    match agreement.or(clause).or(team) {
        Some(user) => Err(Refusal::new("calendar-in-use").with("name", user).into()),
        None => Ok(()),
    }
}

/// New holiday data came with a new version of the program: calendars whose days it moves get their next version, from now on.
/// How many did.
pub fn renew_holidays(ctx: &Ctx<'_>) -> Result<usize> {
    let book = ctx.read(|conn| book(ctx.app, conn))?;
    let mut renewed = 0;
    for known in book.calendars.iter().filter(|known| known.is_active) {
        let Some((_, version)) = known.layers.last() else {
            continue;
        };
        if version.holidays.is_empty() || version.holiday_data == holidays::source() {
            continue;
        }
        let own = &version.own;
        let weekly = (0_u8..).zip(own.weekly());
        let details = CalendarDetails {
            name: known.name.clone(),
            zone: own.zone(),
            weekly: weekly
                .flat_map(|(day, ranges)| ranges.iter().map(move |range| (day, *range)))
                .collect(),
            exceptions: own.exceptions().to_vec(),
            // A set that the data doesn't know any more is left as it stands, with the whole calendar.
            holidays: version.holidays.clone(),
            is_active: true,
        };
        let Ok(built) = details.build(ctx.now) else {
            continue;
        };
        if built.calendar == version.calendar {
            continue;
        }
        match ctx
            .write(|tx| change_in(tx, ctx, known.id, known.version, &details, &Effect::FromNow))
        {
            Ok(_) => renewed += 1,
            // Somebody else, or another node, was faster.
            Err(Error::Stale) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(renewed)
}

fn name_taken(error: Error) -> Error {
    if is_unique_violation(&error) {
        FieldError::new("name", "taken").into()
    } else {
        error
    }
}
