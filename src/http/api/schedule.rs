//! How a team plans who is called: its rotation, the changes to it, and what happens when nobody answers.

use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Answer, Call, Nothing, Reply};
use super::oncall::OverrideKindWord;
use super::paging::{Page, Paging};
use super::ticket::IfMatch;
use super::value::{At, Closed, OverrideUid, PersonUid, Uid, Word};
use crate::actions::oncall::{self as action, Plan};
use crate::actions::{self};
use crate::app::Ctx;
use crate::domain::access::{Action, Target as Of};
use crate::domain::escalation::{self, Step, Target};
use crate::domain::id::{Id, TeamId};
use crate::domain::refusal::FieldError;
use crate::domain::rotation::TurnUnit;
use crate::domain::text;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Fields, Result};
use crate::store;
use crate::store::oncall::{NotedOverride, Schedule};

impl Closed for TurnUnit {
    const NAME: &'static str = "TurnUnit";
    const WORDS: &'static [Self] = TurnUnit::ALL;
}
type TurnUnitWord = Word<TurnUnit>;

/// How an anchor is written: the wall clock of the rotation's zone.
const WALL_CLOCK: &str = "%Y-%m-%dT%H:%M";

/// Who takes turns.
#[derive(Debug, Serialize, ToSchema)]
pub struct Rotation {
    #[schema(example = "Europe/Stockholm")]
    pub zone: String,
    /// A hand-off, on the wall clock of the zone.
    #[schema(example = "2026-06-01T09:00")]
    pub anchor: String,
    pub unit: TurnUnitWord,
    /// A turn is so many units long.
    pub length: i64,
    /// In the order of their turns.
    pub person_ids: Vec<PersonUid>,
    pub version: i64,
}

impl Rotation {
    fn of(schedule: &Schedule) -> Self {
        let hand_offs = &schedule.rotation.hand_offs;
        let people = schedule.rotation.people.iter();
        Self {
            zone: hand_offs.zone.name().to_owned(),
            anchor: hand_offs.anchor.format(WALL_CLOCK).to_string(),
            unit: Word(hand_offs.unit),
            length: hand_offs.length,
            person_ids: people.copied().map(Uid).collect(),
            version: schedule.version,
        }
    }
}

fn shown(schedule: &Schedule) -> Result<Answer> {
    let rotation = Rotation::of(schedule);
    Ok(Answer::ok(&rotation)?.version(rotation.version))
}

fn schedule_of(ctx: &Ctx<'_>, team: TeamId) -> Result<Schedule> {
    ctx.read(|conn| {
        store::house::team(conn, team)?.ok_or(Error::NotFound)?;
        store::oncall::by_team(conn, team)?.ok_or(Error::NotFound)
    })
}

/// Read a team's rotation
#[utoipa::path(get, path = "/api/v1/teams/{id}/rotation", tag = "on-call", responses((status = 200, description = "The rotation", body = Rotation)))]
pub async fn rotation(call: Call<Nothing>) -> Reply {
    let team: TeamId = call.id("id")?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadHouse, Of::House)?;
        shown(&schedule_of(ctx, team)?)
    })
    .await
}

/// A rotation as it shall be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotationPlan {
    #[schema(example = "Europe/Stockholm")]
    zone: String,
    /// A hand-off, on the wall clock of the zone.
    #[schema(example = "2026-06-01T09:00")]
    anchor: String,
    unit: TurnUnitWord,
    /// A turn is so many units long.
    length: i64,
    /// In the order of their turns.
    person_ids: Vec<PersonUid>,
    /// Who is on call now; by default whoever is already.
    keep_id: Option<PersonUid>,
}

/// Plan a team's rotation
///
/// Who is on call now stays so, unless `keep_id` says otherwise. What was, stays on record.
#[utoipa::path(put, path = "/api/v1/teams/{id}/rotation", tag = "on-call", params(IfMatch), request_body = RotationPlan, responses((status = 200, description = "As it stands now", body = Rotation)))]
pub async fn plan(call: Call<RotationPlan>) -> Reply {
    let (team, rev): (TeamId, _) = (call.id("id")?, call.rev);
    call.change(move |ctx, asked| {
        actions::allow(&ctx.by, Action::PlanOncall, Of::House)?;
        let mut fields = Fields::new();
        let zone = fields.take(text::zone("zone", &asked.zone));
        let anchor = NaiveDateTime::parse_from_str(&asked.anchor, WALL_CLOCK).map_err(|_| {
            FieldError::new("anchor", "not-a-time").with("value", asked.anchor.clone())
        });
        let anchor = fields.take(anchor);
        fields.check()?;
        let (Some(zone), Some(anchor)) = (zone, anchor) else {
            return Err(Error::internal("a plan without a fault"));
        };
        let plan = Plan {
            zone,
            anchor,
            unit: asked.unit.0,
            length: asked.length,
            people: asked.person_ids.iter().map(|id| id.0).collect(),
            keep: asked.keep_id.map(|id| id.0),
        };
        let planned = action::plan_rotation(ctx, team, &plan, rev);
        shown(&planned.map_err(|error| {
            renamed(error, |field| {
                (field == "people").then(|| "person_ids".to_owned())
            })
        })?)
    })
    .await
}

/// The action's field names as this door's.
fn renamed(error: Error, name: impl Fn(&str) -> Option<String>) -> Error {
    let Error::Invalid(errors) = error else {
        return error;
    };
    let renamed = errors.into_iter().map(|error| match name(&error.field) {
        Some(field) => FieldError {
            field: field.into(),
            ..error
        },
        None => error,
    });
    Error::Invalid(renamed.collect())
}

/// A change of who is on call that stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct StandingOverride {
    pub id: OverrideUid,
    pub kind: OverrideKindWord,
    /// Who serves; of `remove`, who doesn't.
    pub person_id: Option<PersonUid>,
    pub instead_of_id: Option<PersonUid>,
    pub starts_at: At,
    pub ends_at: At,
    pub note: String,
    pub made_by_id: Option<PersonUid>,
    pub made_at: At,
}

impl StandingOverride {
    fn of(noted: NotedOverride) -> Self {
        let change = noted.over.change;
        let outgoing = change.outgoing().flatten();
        let (person, instead_of) = match change.incoming() {
            Some(person) => (Some(person), outgoing),
            None => (outgoing, None),
        };
        Self {
            id: Uid(noted.over.id),
            kind: Word(change.kind()),
            person_id: person.map(Uid),
            instead_of_id: instead_of.map(Uid),
            starts_at: At(noted.over.starts_at),
            ends_at: At(noted.over.ends_at),
            note: noted.note,
            made_by_id: noted.made_by.map(Uid),
            made_at: At(noted.made_at),
        }
    }
}

/// List a team's overrides
///
/// Those that aren't over.
#[utoipa::path(get, path = "/api/v1/teams/{id}/overrides", tag = "on-call", params(Paging), responses((status = 200, description = "A page", body = Page<StandingOverride>)))]
pub async fn overrides(call: Call<Nothing>) -> Reply {
    let team: TeamId = call.id("id")?;
    let paging: Paging = call.query()?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadHouse, Of::House)?;
        let schedule = schedule_of(ctx, team)?;
        let all = ctx
            .read(|conn| store::oncall::overrides(conn, schedule.id, ctx.now, Timestamp::NEVER))?;
        Answer::ok(&paging.cut(all, |it| it.over.id.to_string(), StandingOverride::of)?)
    })
    .await
}

/// What happens when nobody answers.
#[derive(Debug, Serialize, ToSchema)]
pub struct EscalationPolicy {
    /// 0: the one that every team begins with.
    pub version: i64,
    pub steps: Vec<PolicyStep>,
    /// How often all steps are walked again.
    pub repeat: i64,
    /// An acknowledged incident pages again after so long without being resolved; null: it doesn't.
    pub ack_timeout_minutes: Option<i64>,
}

/// One step: who is paged, and how long they have.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyStep {
    /// `on_duty`, `team`, or a person's id.
    pub targets: Vec<String>,
    /// Minutes until the next step.
    pub delay_minutes: i64,
}

fn policy_of(ctx: &Ctx<'_>, team: TeamId) -> Result<escalation::Policy> {
    ctx.read(|conn| {
        store::house::team(conn, team)?.ok_or(Error::NotFound)?;
        let policy = store::oncall::policy_of(conn, team)?;
        Ok(policy.unwrap_or_else(|| escalation::Policy {
            version: 0,
            ..escalation::Policy::first(Id::new(ctx.now), team)
        }))
    })
}

fn shown_policy(policy: &escalation::Policy) -> Result<Answer> {
    let target = |target: &Target| match target {
        Target::OnDuty => "on_duty".to_owned(),
        Target::Team => "team".to_owned(),
        Target::Person(id) => id.to_string(),
    };
    let shown = EscalationPolicy {
        version: policy.version,
        steps: policy
            .steps
            .iter()
            .map(|step| PolicyStep {
                targets: step.targets.iter().map(target).collect(),
                delay_minutes: step.delay_secs / 60,
            })
            .collect(),
        repeat: policy.repeat,
        ack_timeout_minutes: policy.ack_timeout_secs.map(|secs| secs / 60),
    };
    Ok(Answer::ok(&shown)?.version(shown.version))
}

/// Read a team's escalation policy
#[utoipa::path(get, path = "/api/v1/teams/{id}/escalation-policy", tag = "on-call", responses((status = 200, description = "The policy in force", body = EscalationPolicy)))]
pub async fn policy(call: Call<Nothing>) -> Reply {
    let team: TeamId = call.id("id")?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadHouse, Of::House)?;
        shown_policy(&policy_of(ctx, team)?)
    })
    .await
}

/// A policy as it shall be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyPlan {
    steps: Vec<PolicyStep>,
    #[serde(default)]
    repeat: i64,
    ack_timeout_minutes: Option<i64>,
}

/// Set a team's escalation policy
///
/// A new version. Pages that are under way go on with theirs.
#[utoipa::path(put, path = "/api/v1/teams/{id}/escalation-policy", tag = "on-call", params(IfMatch), request_body = PolicyPlan, responses((status = 200, description = "As it stands now", body = EscalationPolicy)))]
pub async fn set_policy(call: Call<PolicyPlan>) -> Reply {
    let (team, rev): (TeamId, _) = (call.id("id")?, call.rev);
    call.change(move |ctx, asked| {
        actions::allow(&ctx.by, Action::PlanOncall, Of::House)?;
        let mut fields = Fields::new();
        let mut steps = Vec::new();
        for (place, step) in asked.steps.iter().enumerate() {
            let targets = step
                .targets
                .iter()
                .filter_map(|text| fields.take(target(place, text)))
                .collect();
            steps.push(Step {
                targets,
                delay_secs: step.delay_minutes.saturating_mul(60),
            });
        }
        fields.check()?;
        let seen = match rev {
            Some(rev) => rev,
            None => policy_of(ctx, team)?.version,
        };
        let timeout = asked.ack_timeout_minutes.map(|n| n.saturating_mul(60));
        let policy = action::set_policy(ctx, team, &steps, asked.repeat, timeout, seen);
        shown_policy(&policy.map_err(|error| renamed(error, field_of_step))?)
    })
    .await
}

fn target(place: usize, text: &str) -> std::result::Result<Target, FieldError> {
    match text {
        "on_duty" => Ok(Target::OnDuty),
        "team" => Ok(Target::Team),
        id => Id::parse(id).map(Target::Person).ok_or_else(|| {
            FieldError::new(format!("steps.{place}.targets"), "not-a-target")
                .with("value", id.to_owned())
        }),
    }
}

/// `step-1-delay` of a form is `steps.0.delay_minutes` here.
fn field_of_step(field: &str) -> Option<String> {
    if field == "ack-timeout" {
        return Some("ack_timeout_minutes".to_owned());
    }
    let (number, part) = field.strip_prefix("step-")?.split_once('-')?;
    let place = number.parse::<usize>().ok()?.checked_sub(1)?;
    let part = if part == "delay" {
        "delay_minutes"
    } else {
        part
    };
    Some(format!("steps.{place}.{part}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steps_fields_are_named_as_the_call_wrote_them() {
        assert_eq!(
            field_of_step("step-2-delay").as_deref(),
            Some("steps.1.delay_minutes")
        );
        assert_eq!(
            field_of_step("step-1-targets").as_deref(),
            Some("steps.0.targets")
        );
        assert_eq!(field_of_step("repeat"), None);
    }
}
