//! Agreements: what is promised to whom. An edit makes a version that holds from now on or from a date; clocks that run keep what
//! they began under, unless it is a correction.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Answer, Call, Nothing, Reply};
use super::paging::{Page, Paging};
use super::target_policy::TargetPolicy;
use super::terms::{Correction, Preview, Trial, Version, effect};
use super::ticket::IfMatch;
use super::value::{
    AgreementUid, At, CalendarUid, Closed, CustomerUid, KindWord, ServiceUid, SeverityWord, Uid,
    WaitingOnWord, Word,
};
use crate::actions::agreement::{self as action, AgreementDetails};
use crate::actions::{self, sla};
use crate::app::Ctx;
use crate::domain::access::{Action, Target as Of};
use crate::domain::id::{AgreementId, Kind};
use crate::domain::refusal::FieldError;
use crate::domain::sla_agreement::{
    self, Anchor, Budget, HoldsFor, MAX_BUDGET_DAYS, MAX_BUDGET_SECS, MOST_PROMISES, Metric,
    Promisee, Target, Threshold, USUAL_BACKDATE_DAYS,
};
use crate::domain::sla_book::KnownAgreement;
use crate::domain::sla_version::Layer;
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
    /// The house agreement, for tickets that no other holds for.
    pub is_house: bool,
    /// Whom it is with; none: it is the house's.
    pub customer_ids: Vec<CustomerUid>,
    pub name: String,
    /// The version that was written last.
    pub version: i64,
    /// How many days before a ticket was logged its impact or report may lie.
    pub backdate_days: i32,
    /// Of several that hold for a customer the one with the lower place is asked first.
    pub place: i32,
    /// False: it ended.
    pub is_active: bool,
    /// From when on this version holds; in the future if it is planned.
    pub effective_from: At,
    /// Until another version holds; null: for good.
    pub effective_until: Option<At>,
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
    /// Of the agreement's customers; null: any.
    #[serde(default)]
    pub customer_id: Option<CustomerUid>,
    /// Seconds of the calendar's working time. Give this, `budget_days` or `budget_at`.
    #[serde(default)]
    #[schema(example = 1800)]
    pub budget_secs: Option<i64>,
    /// The end of this working day after the anchor's; 0 is the same day.
    #[serde(default)]
    pub budget_days: Option<u16>,
    /// A promised instant to come: no hold moves it.
    #[serde(default)]
    pub budget_at: Option<At>,
    pub calendar_id: CalendarUid,
    /// Open when one of these is, too: work that follows the sun. The first calendar's zone names the dates.
    #[serde(default)]
    pub also_calendar_ids: Vec<CalendarUid>,
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
    /// The version that was written last.
    fn of(known: &KnownAgreement) -> Option<Self> {
        let (layer, version) = known.newest()?;
        Some(Self::version(
            known,
            layer,
            &version.agreement,
            version.is_active,
        ))
    }

    fn version(
        known: &KnownAgreement,
        layer: &Layer,
        of: &sla_agreement::Agreement,
        is_active: bool,
    ) -> Self {
        Self {
            id: Uid(of.id),
            is_house: of.holds_for.is_house(),
            customer_ids: of.holds_for.customers().iter().copied().map(Uid).collect(),
            name: of.name.clone(),
            version: of.version,
            backdate_days: of.backdate_days,
            place: known.place,
            is_active,
            effective_from: At(layer.from),
            effective_until: layer.until.map(At),
            targets: of.targets.iter().map(AgreedTarget::of).collect(),
        }
    }
}

impl AgreedTarget {
    fn of(target: &Arc<Target>) -> Self {
        let (budget_secs, budget_days, budget_at) = match target.budget {
            Budget::Counted { secs } => (Some(secs), None, None),
            Budget::EndOfDay { n } => (None, Some(n), None),
            Budget::Fixed { at } => (None, None, Some(At(at))),
        };
        Self {
            metric: Word(target.metric),
            promisee: Word(target.promisee),
            kind: Word(target.kind),
            severity: target.severity.map(Word),
            service_id: target.service.map(Uid),
            customer_id: target.customer.map(Uid),
            budget_secs,
            budget_days,
            budget_at,
            calendar_id: Uid(target.calendar),
            also_calendar_ids: target.also.iter().copied().map(Uid).collect(),
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
        let budget = match (self.budget_secs, self.budget_days, self.budget_at) {
            (Some(secs), None, None) if (0..=MAX_BUDGET_SECS).contains(&secs) => {
                Budget::Counted { secs }
            }
            (Some(secs), None, None) => return Err(range("budget_secs", MAX_BUDGET_SECS, secs)),
            (None, None, Some(at)) => Budget::Fixed { at: at.0 },
            (None, Some(n), None) if n <= MAX_BUDGET_DAYS => Budget::EndOfDay { n },
            (None, Some(n), None) => {
                return Err(range(
                    "budget_days",
                    i64::from(MAX_BUDGET_DAYS),
                    i64::from(n),
                ));
            }
            _ => return Err(wrong("budget_secs", "one-budget")),
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
            customer: self.customer_id.map(|id| id.0),
            budget,
            calendar: self.calendar_id.0,
            also: self.also_calendar_ids.iter().map(|id| id.0).collect(),
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
/// Those that didn't end, in the order in which they are asked.
#[utoipa::path(get, path = "/api/v1/agreements", tag = "clocks", params(Paging), responses((status = 200, description = "A page", body = Page<Agreement>)))]
pub async fn list(call: Call<Nothing>) -> Reply {
    let paging: Paging = call.query()?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadHouse, Of::House)?;
        let book = ctx.read(|conn| sla::book(ctx.app, conn))?;
        let known = book.known_agreements().iter();
        let all: Vec<_> = known
            .filter_map(Agreement::of)
            .filter(|it| it.is_active)
            .collect();
        Answer::ok(&paging.cut(all, |it| it.id.0.to_string(), |it| it)?)
    })
    .await
}

fn known(ctx: &Ctx<'_>, id: AgreementId) -> Result<Agreement> {
    let book = ctx.read(|conn| sla::book(ctx.app, conn))?;
    let found = book.agreement(id).and_then(Agreement::of);
    found.ok_or(Error::NotFound)
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

/// A new agreement with customers.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAgreement {
    customer_ids: Vec<CustomerUid>,
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
            holds_for: HoldsFor::Customers(new.customer_ids.iter().map(|id| id.0).collect()),
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
    /// All whom it is with. Whoever leaves it has no clocks under it any more.
    customer_ids: Option<Vec<CustomerUid>>,
    /// All its promises.
    targets: Option<Vec<AgreedTarget>>,
    backdate_days: Option<i32>,
    /// False ends it: what runs under it is cancelled. An agreement that ended doesn't come back: make a new one.
    is_active: Option<bool>,
    /// From when on it holds so; from now on if it isn't given.
    effective_from: Option<At>,
    /// It was so before, and what was written then was wrong. Not with `effective_from`.
    correction: Option<Correction>,
}

/// What an edit leaves, or would leave.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code)]
pub enum AgreementOrPreview {
    Agreement(Agreement),
    Preview(Preview),
}

/// Edit an agreement
///
/// Makes its next version, or ends it: cycles that begin from then on run under it. With `dry_run` nothing is written and the
/// answer lists the clocks that would move.
#[utoipa::path(patch, path = "/api/v1/agreements/{id}", tag = "clocks", params(IfMatch, Trial), request_body = AgreementEdit, responses((status = 200, description = "As it was written, or what that would do", body = AgreementOrPreview)))]
pub async fn edit(call: Call<AgreementEdit>) -> Reply {
    let (id, rev): (AgreementId, _) = (call.id("id")?, call.rev);
    let trial: Trial = call.query()?;
    call.change(move |ctx, asked| {
        actions::allow(&ctx.by, Action::ManageAgreements, Of::House)?;
        let effect = effect(asked.effective_from, asked.correction.as_ref())?;
        ctx.as_one(
            |ctx| {
                let before = known(ctx, id)?;
                let customers = asked.customer_ids.as_ref().unwrap_or(&before.customer_ids);
                let details = AgreementDetails {
                    holds_for: if before.is_house {
                        HoldsFor::House
                    } else {
                        HoldsFor::Customers(customers.iter().map(|id| id.0).collect())
                    },
                    name: asked.name.clone().unwrap_or_else(|| before.name.clone()),
                    targets: targets(asked.targets.as_ref().unwrap_or(&before.targets))?,
                    backdate_days: asked.backdate_days.unwrap_or(before.backdate_days),
                    is_active: asked.is_active.unwrap_or(before.is_active),
                };
                let seen = rev.unwrap_or(before.version);
                if trial.is_asked() {
                    let preview = action::preview_agreement(ctx, id, seen, &details, &effect)?;
                    return Answer::ok(&Preview::of(&preview));
                }
                action::change_agreement(ctx, id, seen, &details, &effect)?;
                let agreement = known(ctx, id)?;
                Ok(Answer::ok(&agreement)?.version(agreement.version))
            },
            |_, _| Ok(()),
        )
    })
    .await
}

/// A version of an agreement.
#[derive(Debug, Serialize, ToSchema)]
pub struct AgreementVersion {
    pub written: Version,
    pub agreement: Agreement,
}

/// List an agreement's versions
///
/// The newest first, each with who wrote it, when and why.
#[utoipa::path(get, path = "/api/v1/agreements/{id}/versions", tag = "clocks", params(Paging), responses((status = 200, description = "A page", body = Page<AgreementVersion>)))]
pub async fn versions(call: Call<Nothing>) -> Reply {
    let id: AgreementId = call.id("id")?;
    let paging: Paging = call.query()?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadHouse, Of::House)?;
        let book = ctx.read(|conn| sla::book(ctx.app, conn))?;
        let known = book.agreement(id).ok_or(Error::NotFound)?;
        let all: Vec<_> = known.layers.iter().rev().collect();
        let show = |(layer, version): &(Layer, crate::domain::sla_book::AgreementVersion)| {
            AgreementVersion {
                written: Version::of(layer),
                agreement: Agreement::version(known, layer, &version.agreement, version.is_active),
            }
        };
        Answer::ok(&paging.cut(all, |(layer, _)| layer.number.to_string(), show)?)
    })
    .await
}

/// Delete an agreement
///
/// Only one under which no clock ever ran; any other can be ended.
#[utoipa::path(delete, path = "/api/v1/agreements/{id}", tag = "clocks", responses((status = 204, description = "Gone")))]
pub async fn remove(call: Call<Nothing>) -> Reply {
    let id: AgreementId = call.id("id")?;
    call.change(move |ctx, _| {
        action::delete_agreement(ctx, id)?;
        Ok(Answer::nothing())
    })
    .await
}

/// Where an agreement is asked.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Move {
    /// Before its neighbour; false: behind it.
    earlier: bool,
}

/// Move an agreement
///
/// Of several that hold for a customer the first that promises anything for a ticket holds.
#[utoipa::path(post, path = "/api/v1/agreements/{id}/move", tag = "clocks", request_body = Move, responses((status = 200, description = "Where it is now", body = Agreement)))]
pub async fn reorder(call: Call<Move>) -> Reply {
    let id: AgreementId = call.id("id")?;
    call.change(move |ctx, asked| {
        action::move_agreement(ctx, id, asked.earlier)?;
        Answer::ok(&known(ctx, id)?)
    })
    .await
}
