//! Agreements and working calendars: what is promised to whom, and in which hours it is counted. An edit makes a version that
//! holds from now on; clocks that run keep what they began under.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Answer, Call, Nothing, Reply};
use super::paging::{Page, Paging};
use super::target_policy::TargetPolicy;
use super::ticket::IfMatch;
use super::value::{
    AgreementUid, CalendarUid, Closed, CustomerUid, KindWord, ServiceUid, SeverityWord, Uid,
    WaitingOnWord, Word,
};
use crate::actions::agreement::{self as action, AgreementDetails, CalendarDetails};
use crate::actions::{self, sla};
use crate::app::Ctx;
use crate::domain::access::{Action, Target as Of};
use crate::domain::calendar::Range;
use crate::domain::calendar_text::{exceptions_text, parse_exceptions};
use crate::domain::id::{AgreementId, CalendarId, Kind};
use crate::domain::refusal::FieldError;
use crate::domain::sla_agreement::{
    self, Anchor, Budget, MAX_BUDGET_DAYS, MAX_BUDGET_SECS, MOST_PROMISES, Metric, Promisee,
    Target, Threshold, USUAL_BACKDATE_DAYS,
};
use crate::domain::sla_book::KnownCalendar;
use crate::domain::text;
use crate::error::{Error, Fields, Result};

impl Closed for Metric {
    const NAME: &'static str = "PromisedMetric";
    const WORDS: &'static [Self] = Metric::PROMISED;
}
impl Closed for Promisee {
    const NAME: &'static str = "Promisee";
    const WORDS: &'static [Self] = Promisee::ALL;
}
impl Closed for Anchor {
    const NAME: &'static str = "Anchor";
    const WORDS: &'static [Self] = Anchor::ALL;
}
type MetricWord = Word<Metric>;
type PromiseeWord = Word<Promisee>;
type AnchorWord = Word<Anchor>;

/// What is promised to whom.
#[derive(Debug, Serialize, ToSchema)]
pub struct Agreement {
    pub id: AgreementUid,
    /// Null: the house agreement, for tickets that no other holds for.
    pub customer_id: Option<CustomerUid>,
    pub name: String,
    pub version: i64,
    /// How many days before a ticket was logged its impact or report may lie.
    pub backdate_days: i32,
    pub targets: Vec<AgreedTarget>,
}

/// One promise of an agreement.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AgreedTarget {
    pub metric: MetricWord,
    /// `customer` if it isn't given.
    #[serde(default = "to_the_customer")]
    pub promisee: PromiseeWord,
    /// `incident` if it isn't given.
    #[serde(default = "of_incidents")]
    pub kind: KindWord,
    /// Null: any.
    #[serde(default)]
    pub severity: Option<SeverityWord>,
    /// Null: any.
    #[serde(default)]
    pub service_id: Option<ServiceUid>,
    /// Seconds of the calendar's working time. Give this or `budget_days`.
    #[serde(default)]
    #[schema(example = 1800)]
    pub budget_secs: Option<i64>,
    /// The end of this working day after the anchor's; 0 is the same day.
    #[serde(default)]
    pub budget_days: Option<u16>,
    pub calendar_id: CalendarUid,
    /// Which instant starts the clock; `reported` if it isn't given.
    #[serde(default = "from_the_report")]
    pub anchor: AnchorWord,
    /// `75%` or `30 min`.
    #[serde(default)]
    pub warn: Vec<String>,
    /// Waiting on these stops the clock. The usual ones of the metric if it isn't given.
    #[serde(default)]
    pub stops_on: Option<Vec<WaitingOnWord>>,
    /// What becomes of the clock when the ticket changes or is opened again.
    #[serde(default)]
    pub policy: TargetPolicy,
}

fn to_the_customer() -> PromiseeWord {
    Word(Promisee::Customer)
}
fn of_incidents() -> KindWord {
    Word(Kind::Incident)
}
fn from_the_report() -> AnchorWord {
    Word(Anchor::Reported)
}

impl Agreement {
    fn of(of: &sla_agreement::Agreement) -> Self {
        Self {
            id: Uid(of.id),
            customer_id: of.customer.map(Uid),
            name: of.name.clone(),
            version: of.version,
            backdate_days: of.backdate_days,
            targets: of.targets.iter().map(AgreedTarget::of).collect(),
        }
    }
}

impl AgreedTarget {
    fn of(target: &Arc<Target>) -> Self {
        let (budget_secs, budget_days) = match target.budget {
            Budget::Counted { secs } => (Some(secs), None),
            Budget::EndOfDay { n } => (None, Some(n)),
            Budget::Fixed { .. } => (None, None),
        };
        Self {
            metric: Word(target.metric),
            promisee: Word(target.promisee),
            kind: Word(target.kind),
            severity: target.severity.map(Word),
            service_id: target.service.map(Uid),
            budget_secs,
            budget_days,
            calendar_id: Uid(target.calendar),
            anchor: Word(target.anchor),
            warn: target.warn.iter().map(ToString::to_string).collect(),
            stops_on: Some(target.stops_on.iter().copied().map(Word).collect()),
            policy: TargetPolicy::of(&target.policy),
        }
    }

    /// The promise; what is wrong is named with the target's place, from 0.
    fn read(&self, place: usize) -> std::result::Result<Target, FieldError> {
        let wrong = |field: &str, problem: &'static str| {
            FieldError::new(format!("targets.{place}.{field}"), problem)
        };
        if !Metric::PROMISED.contains(&self.metric.0) {
            return Err(wrong("metric", "not-a-choice").with("value", self.metric.0.to_string()));
        }
        let range = |field: &str, max: i64, got: i64| {
            wrong(field, "out-of-range")
                .with("min", "0")
                .with("max", max.to_string())
                .with("got", got.to_string())
        };
        let budget = match (self.budget_secs, self.budget_days) {
            (Some(secs), None) if (0..=MAX_BUDGET_SECS).contains(&secs) => Budget::Counted { secs },
            (Some(secs), None) => return Err(range("budget_secs", MAX_BUDGET_SECS, secs)),
            (None, Some(n)) if n <= MAX_BUDGET_DAYS => Budget::EndOfDay { n },
            (None, Some(n)) => {
                return Err(range(
                    "budget_days",
                    i64::from(MAX_BUDGET_DAYS),
                    i64::from(n),
                ));
            }
            (None, None) | (Some(_), Some(_)) => return Err(wrong("budget_secs", "one-budget")),
        };
        let mut warn = Vec::new();
        for text in &self.warn {
            let moment = Threshold::parse(text);
            warn.push(
                moment
                    .ok_or_else(|| wrong("warn", "not-a-threshold").with("value", text.clone()))?,
            );
        }
        warn.sort();
        Ok(Target {
            id: None,
            metric: self.metric.0,
            promisee: self.promisee.0,
            kind: self.kind.0,
            severity: self.severity.map(|word| word.0),
            service: self.service_id.map(|id| id.0),
            budget,
            calendar: self.calendar_id.0,
            anchor: self.anchor.0,
            warn,
            stops_on: match &self.stops_on {
                Some(words) => words.iter().map(|word| word.0).collect(),
                None => Target::usual_stops(self.metric.0).to_vec(),
            },
            policy: self.policy.read(),
        })
    }
}

fn targets(asked: &[AgreedTarget]) -> Result<Vec<Target>> {
    if asked.len() > MOST_PROMISES {
        let wrong = FieldError::new("targets", "too-many");
        return Err(wrong.with("max", MOST_PROMISES.to_string()).into());
    }
    let mut fields = Fields::new();
    let read: Vec<Target> = asked
        .iter()
        .enumerate()
        .filter_map(|(place, target)| fields.take(target.read(place)))
        .collect();
    fields.check()?;
    Ok(read)
}

/// List agreements
///
/// Those in force.
#[utoipa::path(get, path = "/api/v1/agreements", tag = "clocks", params(Paging), responses((status = 200, description = "A page", body = Page<Agreement>)))]
pub async fn list(call: Call<Nothing>) -> Reply {
    let paging: Paging = call.query()?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadHouse, Of::House)?;
        let book = ctx.read(|conn| sla::book(ctx.app, conn))?;
        let all: Vec<_> = book.agreements().iter().map(Agreement::of).collect();
        Answer::ok(&paging.cut(all, |it| it.id.0.to_string(), |it| it)?)
    })
    .await
}

fn known(ctx: &Ctx<'_>, id: AgreementId) -> Result<Agreement> {
    let book = ctx.read(|conn| sla::book(ctx.app, conn))?;
    let found = book.agreements().iter().find(|it| it.id == id);
    Ok(Agreement::of(found.ok_or(Error::NotFound)?))
}

/// Read an agreement
#[utoipa::path(get, path = "/api/v1/agreements/{id}", tag = "clocks", responses((status = 200, description = "The agreement", body = Agreement)))]
pub async fn read(call: Call<Nothing>) -> Reply {
    let id: AgreementId = call.id("id")?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadHouse, Of::House)?;
        let agreement = known(ctx, id)?;
        Ok(Answer::ok(&agreement)?.version(agreement.version))
    })
    .await
}

/// A new agreement with a customer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAgreement {
    customer_id: CustomerUid,
    name: String,
    #[serde(default)]
    targets: Vec<AgreedTarget>,
    /// How many days before a ticket was logged its impact or report may lie; 7 if it isn't given.
    backdate_days: Option<i32>,
}

/// Add an agreement
#[utoipa::path(post, path = "/api/v1/agreements", tag = "clocks", request_body = NewAgreement, responses((status = 201, description = "Added", body = Agreement)))]
pub async fn add(call: Call<NewAgreement>) -> Reply {
    call.change(|ctx, new| {
        actions::allow(&ctx.by, Action::ManageAgreements, Of::House)?;
        let details = AgreementDetails {
            customer: Some(new.customer_id.0),
            name: new.name.clone(),
            targets: targets(&new.targets)?,
            backdate_days: new.backdate_days.unwrap_or(USUAL_BACKDATE_DAYS),
            is_active: true,
        };
        let agreement = known(ctx, action::add_agreement(ctx, &details)?)?;
        let place = format!("/api/v1/agreements/{}", agreement.id.0);
        Ok(Answer::created(place, &agreement)?.version(agreement.version))
    })
    .await
}

/// What changes; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AgreementEdit {
    name: Option<String>,
    /// All its promises.
    targets: Option<Vec<AgreedTarget>>,
    backdate_days: Option<i32>,
    /// False retires it; what runs under it is cancelled. A retired agreement doesn't come back: make a new one.
    is_active: Option<bool>,
}

/// Edit an agreement
///
/// Makes its next version, or retires it: cycles that begin from now on run under it.
#[utoipa::path(patch, path = "/api/v1/agreements/{id}", tag = "clocks", params(IfMatch), request_body = AgreementEdit, responses((status = 200, description = "As it stands now; as it stood last if it was retired", body = Agreement)))]
pub async fn edit(call: Call<AgreementEdit>) -> Reply {
    let (id, rev): (AgreementId, _) = (call.id("id")?, call.rev);
    call.change(move |ctx, asked| {
        actions::allow(&ctx.by, Action::ManageAgreements, Of::House)?;
        ctx.as_one(
            |ctx| {
                let before = known(ctx, id)?;
                let is_active = asked.is_active.unwrap_or(true);
                let details = AgreementDetails {
                    customer: before.customer_id.map(|id| id.0),
                    name: asked.name.clone().unwrap_or_else(|| before.name.clone()),
                    targets: targets(asked.targets.as_ref().unwrap_or(&before.targets))?,
                    backdate_days: asked.backdate_days.unwrap_or(before.backdate_days),
                    is_active,
                };
                action::change_agreement(ctx, id, rev.unwrap_or(before.version), &details)?;
                let agreement = if is_active { known(ctx, id)? } else { before };
                Ok(Answer::ok(&agreement)?.version(agreement.version))
            },
            |_, _| Ok(()),
        )
    })
    .await
}

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
    pub version: i64,
    /// Open hours by weekday, `mon` to `sun`.
    #[schema(example = json!({"mon": ["09:00-17:00"]}))]
    pub weekly: BTreeMap<String, Vec<String>>,
    /// Dates that differ, as people write them: `2026-12-24..2026-12-26 closed Christmas`.
    pub exceptions: Vec<String>,
}

impl Calendar {
    fn of(known: &KnownCalendar) -> Self {
        let days = DAYS.iter().zip(known.latest.weekly());
        Self {
            id: Uid(known.id),
            name: known.name.clone(),
            zone: known.latest.zone().name().to_owned(),
            is_always_open: known.latest.is_always(),
            is_active: known.is_active,
            version: known.version,
            weekly: days
                .filter(|(_, ranges)| !ranges.is_empty())
                .map(|(day, ranges)| {
                    let ranges = ranges.iter().map(Range::to_string).collect();
                    ((*day).to_owned(), ranges)
                })
                .collect(),
            exceptions: exceptions_text(known.latest.exceptions())
                .lines()
                .map(str::to_owned)
                .collect(),
        }
    }
}

/// List working calendars
#[utoipa::path(get, path = "/api/v1/calendars", tag = "clocks", params(Paging), responses((status = 200, description = "A page", body = Page<Calendar>)))]
pub async fn calendars(call: Call<Nothing>) -> Reply {
    let paging: Paging = call.query()?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadHouse, Of::House)?;
        let book = ctx.read(|conn| sla::book(ctx.app, conn))?;
        let all: Vec<_> = book.calendars.iter().map(Calendar::of).collect();
        Answer::ok(&paging.cut(all, |it| it.id.0.to_string(), |it| it)?)
    })
    .await
}

fn known_calendar(ctx: &Ctx<'_>, id: CalendarId) -> Result<Calendar> {
    let book = ctx.read(|conn| sla::book(ctx.app, conn))?;
    Ok(Calendar::of(book.calendar(id).ok_or(Error::NotFound)?))
}

/// Read a working calendar
#[utoipa::path(get, path = "/api/v1/calendars/{id}", tag = "clocks", responses((status = 200, description = "The calendar", body = Calendar)))]
pub async fn calendar(call: Call<Nothing>) -> Reply {
    let id: CalendarId = call.id("id")?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadHouse, Of::House)?;
        let calendar = known_calendar(ctx, id)?;
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
    is_active: Option<bool>,
}

fn details(
    name: &str,
    zone: &str,
    weekly: &BTreeMap<String, Vec<String>>,
    exceptions: &[String],
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
            let range = Range::parse(text).map_err(|error| FieldError {
                field: format!("weekly.{day}").into(),
                ..error
            });
            if let Some(range) = fields.take(range) {
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
            is_active,
        }),
        _ => Err(Error::internal("a calendar without a fault")),
    }
}

/// Add a working calendar
#[utoipa::path(post, path = "/api/v1/calendars", tag = "clocks", request_body = NewCalendar, responses((status = 201, description = "Added", body = Calendar)))]
pub async fn add_calendar(call: Call<NewCalendar>) -> Reply {
    call.change(|ctx, new| {
        actions::allow(&ctx.by, Action::ManageAgreements, Of::House)?;
        let details = details(&new.name, &new.zone, &new.weekly, &new.exceptions, true)?;
        let calendar = known_calendar(ctx, action::add_calendar(ctx, &details)?)?;
        let place = format!("/api/v1/calendars/{}", calendar.id.0);
        Ok(Answer::created(place, &calendar)?.version(calendar.version))
    })
    .await
}

/// Edit a working calendar
///
/// Makes its next version, which counts from now on. One that is in use can't be retired.
#[utoipa::path(patch, path = "/api/v1/calendars/{id}", tag = "clocks", params(IfMatch), request_body = CalendarEdit, responses((status = 200, description = "As it stands now", body = Calendar)))]
pub async fn edit_calendar(call: Call<CalendarEdit>) -> Reply {
    let (id, rev): (CalendarId, _) = (call.id("id")?, call.rev);
    call.change(move |ctx, asked| {
        actions::allow(&ctx.by, Action::ManageAgreements, Of::House)?;
        ctx.as_one(
            |ctx| {
                let before = known_calendar(ctx, id)?;
                let details = details(
                    asked.name.as_ref().unwrap_or(&before.name),
                    asked.zone.as_ref().unwrap_or(&before.zone),
                    asked.weekly.as_ref().unwrap_or(&before.weekly),
                    asked.exceptions.as_ref().unwrap_or(&before.exceptions),
                    asked.is_active.unwrap_or(before.is_active),
                )?;
                action::change_calendar(ctx, id, rev.unwrap_or(before.version), &details)?;
                let calendar = known_calendar(ctx, id)?;
                Ok(Answer::ok(&calendar)?.version(calendar.version))
            },
            |_, _| Ok(()),
        )
    })
    .await
}
