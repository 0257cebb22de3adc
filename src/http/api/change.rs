//! Changes: the plan, its approval, and how it went.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::approval::{ApprovalBallot, ChangeApproval};
use super::call::{Answer, Call, Nothing, Reply};
use super::problem::Failure;
use super::ticket::{IfMatch, Ticket, changed};
use super::value::{
    At, ChangeSortWord, LeavesWord, OutcomeWord, PersonUid, RiskWord, ServiceUid, Uid, VerdictWord,
    Word, given,
};
use super::what_if::{DryRun, Preview, TicketOrPreview, changed_or_tried, tried};
use crate::actions::{approval, change as action, change_risk, commits, standing};
use crate::app::Ctx;
use crate::domain::change::{self as domain, Change as Domain, Plan};
use crate::domain::id::{ServiceId, TicketKey};
use crate::domain::standing::Lane;
use crate::domain::ticket as domain_ticket;
use crate::error::Result;
use crate::words::Words;

/// What a change has beyond its ticket.
#[derive(Debug, Serialize, ToSchema)]
pub struct Change {
    pub ticket: Ticket,
    pub purpose: String,
    pub starts_at: Option<At>,
    pub ends_at: Option<At>,
    pub side_effects: String,
    pub version_before: Option<String>,
    pub version_after: Option<String>,
    /// The digest of what is to be deployed. An approval is for that: nothing else is deployed under it.
    pub artefact: Option<String>,
    /// How to take it back.
    pub revert: String,
    /// Whose idea it was: they can't approve it.
    pub requested_by: Option<PersonUid>,
    pub asked_by: Option<PersonUid>,
    pub approved_by: Option<PersonUid>,
    pub approved_at: Option<At>,
    /// Where it is done; null: where customers are.
    pub environment: Option<String>,
    pub kind: ChangeSortWord,
    /// How risky its own facts make it, beside what people call it (`ticket.risk`).
    pub risk_by_facts: FactualRisk,
    /// Who has to approve it, who did, and until when that stands.
    pub approval: ChangeApproval,
    /// On watch until then, before it counts as done.
    pub watch_until: Option<At>,
    /// The glass that was broken last.
    pub glass: Option<Glass>,
    /// Of an approved change of kind `standard`: deployments that run under it without anybody asking, for each of its services.
    pub lanes: Vec<LaneOf>,
}

/// Risk by facts: commits, the way back, how long nothing was deployed there.
#[derive(Debug, Serialize, ToSchema)]
pub struct FactualRisk {
    pub level: RiskWord,
    /// 0.1 to 1, as among the suspects of an incident.
    pub weight: f64,
    /// In words; empty: nothing makes it risky.
    pub reasons: String,
}

/// Where deployments run under a standing change.
#[derive(Debug, Serialize, ToSchema)]
pub struct LaneOf {
    pub service_id: ServiceUid,
    /// Why the next deployment needs a change of its own; empty: it doesn't.
    pub closed_because: Vec<LeavesWord>,
    /// Of the last three weeks, at most 20,
    pub deployments: usize,
    /// of which so many failed or took one back.
    pub failed: usize,
}

impl LaneOf {
    fn of(service: ServiceId, lane: &Lane) -> Self {
        Self {
            service_id: Uid(service),
            closed_because: lane.closed().into_iter().map(Word).collect(),
            deployments: lane.health.count,
            failed: lane.health.failed,
        }
    }
}

/// Somebody went ahead without approval.
#[derive(Debug, Serialize, ToSchema)]
pub struct Glass {
    /// Absent: a machine.
    pub by: Option<PersonUid>,
    /// The name at that moment.
    pub by_name: String,
    pub at: At,
    pub reason: String,
    /// By when somebody else looks at it.
    pub review_until: Option<At>,
    /// False: nobody could be asked, and whoever did it may not.
    pub was_entitled: bool,
    pub review: Option<GlassReview>,
}

/// What somebody else found.
#[derive(Debug, Serialize, ToSchema)]
pub struct GlassReview {
    pub by_name: String,
    pub at: At,
    pub verdict: VerdictWord,
    pub text: String,
}

impl Glass {
    fn of(glass: domain::Glass) -> Self {
        Self {
            by: glass.by.map(Uid),
            by_name: glass.by_name,
            at: At(glass.at),
            reason: glass.reason,
            review_until: glass.review_until.map(At),
            was_entitled: glass.was_entitled,
            review: glass.review.map(|review| GlassReview {
                by_name: review.by_name,
                at: At(review.at),
                verdict: Word(review.verdict),
                text: review.text,
            }),
        }
    }
}

/// What an edit leaves, or would leave.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code)]
pub enum ChangeOrPreview {
    Change(Box<Change>),
    Preview(Box<Preview>),
}

fn shown(ctx: &Ctx<'_>, key: TicketKey) -> Result<Answer> {
    let (ticket, change, glass) = action::read(ctx, key)?;
    let approval = ChangeApproval::of(ctx, &ticket, &change)?;
    let lanes = ctx.read(|conn| standing::lanes(conn, &ticket, &change, ctx.now))?;
    let risk = ctx.read(|conn| {
        let commits = commits::of_ticket(conn, &ticket)?;
        change_risk::of(conn, &ticket, &change, &commits, ctx.now)
    })?;
    let Domain { plan, .. } = change;
    let answer = Answer::ok(&Change {
        ticket: Ticket::of(ctx.app, &ticket),
        purpose: plan.purpose,
        starts_at: plan.starts_at.map(At),
        ends_at: plan.ends_at.map(At),
        side_effects: plan.side_effects,
        version_before: plan.version_before,
        version_after: plan.version_after,
        artefact: plan.artefact,
        revert: plan.revert,
        risk_by_facts: FactualRisk {
            level: Word(change_risk::level(&risk)),
            weight: risk.weight(),
            reasons: change_risk::reasons(&risk, Words::english()),
        },
        requested_by: change.requested_by.map(Uid),
        asked_by: change.asked_by.map(Uid),
        approved_by: change.approved_by.map(Uid),
        approved_at: change.approved_at.map(At),
        environment: plan.environment,
        kind: Word(plan.sort),
        approval,
        watch_until: change.watch_until.map(At),
        glass: glass.map(Glass::of),
        lanes: lanes
            .iter()
            .map(|(id, lane)| LaneOf::of(*id, lane))
            .collect(),
    })?;
    Ok(answer.version(ticket.version))
}

/// Read a change
///
/// Its ticket and its plan. Changes are opened as tickets of kind `change`.
#[utoipa::path(get, path = "/api/v1/changes/{key}", tag = "changes", responses((status = 200, description = "The change", body = Change)))]
pub async fn read(call: Call<Nothing>) -> Reply {
    let key = call.ticket("key")?;
    call.read(move |ctx| shown(ctx, key)).await
}

/// The plan; what is left out stays, null and an empty text empty.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanEdit {
    purpose: Option<String>,
    #[serde(default, deserialize_with = "given")]
    starts_at: Option<Option<At>>,
    #[serde(default, deserialize_with = "given")]
    ends_at: Option<Option<At>>,
    side_effects: Option<String>,
    #[serde(default, deserialize_with = "given")]
    version_before: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    version_after: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    artefact: Option<Option<String>>,
    revert: Option<String>,
    /// Null: where customers are.
    #[serde(default, deserialize_with = "given")]
    environment: Option<Option<String>>,
    kind: Option<ChangeSortWord>,
}

/// Write a change's plan
///
/// An approval was for the plan as it was read, and ends with it.
#[utoipa::path(patch, path = "/api/v1/changes/{key}", tag = "changes", params(IfMatch, DryRun), request_body = PlanEdit, responses((status = 200, description = "As it stands now", body = ChangeOrPreview)))]
pub async fn edit(call: Call<PlanEdit>) -> Reply {
    let (key, rev) = (call.ticket("key")?, call.rev);
    let is_dry = call.query::<DryRun>()?.is_dry();
    call.change(move |ctx, asked| {
        if is_dry {
            return tried(ctx, &[key], |ctx| edited(ctx, key, rev, asked));
        }
        ctx.as_one(
            |ctx| {
                edited(ctx, key, rev, asked)?;
                shown(ctx, key)
            },
            |_, _| Ok(()),
        )
    })
    .await
}

fn edited(
    ctx: &Ctx<'_>,
    key: TicketKey,
    rev: Option<i64>,
    asked: &PlanEdit,
) -> Result<domain_ticket::Ticket> {
    let (ticket, change, _) = action::read(ctx, key)?;
    let before = change.plan;
    let at = |asked: &Option<Option<At>>, before| match asked {
        Some(at) => at.map(|at| at.0),
        None => before,
    };
    let plan = Plan {
        purpose: asked.purpose.clone().unwrap_or(before.purpose),
        starts_at: at(&asked.starts_at, before.starts_at),
        ends_at: at(&asked.ends_at, before.ends_at),
        side_effects: asked.side_effects.clone().unwrap_or(before.side_effects),
        version_before: asked
            .version_before
            .clone()
            .unwrap_or(before.version_before),
        version_after: asked.version_after.clone().unwrap_or(before.version_after),
        artefact: asked.artefact.clone().unwrap_or(before.artefact),
        revert: asked.revert.clone().unwrap_or(before.revert),
        environment: asked.environment.clone().unwrap_or(before.environment),
        sort: asked.kind.map_or(before.sort, |word| word.0),
    };
    action::edit(ctx, key, rev.or(Some(ticket.version)), plan)
}

/// Ask for a change's approval
///
/// Or ask anew for one that doesn't hold any more.
#[utoipa::path(post, path = "/api/v1/changes/{key}/ask-approval", tag = "changes", params(IfMatch, DryRun), responses((status = 200, description = "Asked", body = TicketOrPreview)))]
pub async fn ask_approval(call: Call<Nothing>) -> Reply {
    let (key, rev) = (call.ticket("key")?, call.rev);
    changed_or_tried(call, vec![key], move |ctx, _| {
        action::ask_approval(ctx, key, rev)
    })
    .await
}

/// Approve a change
///
/// `If-Match` is needed: an approval is for exactly the version that was read. Nobody approves what they asked for, planned or wrote. Where
/// more than one have to approve, the change goes on waiting for the others.
#[utoipa::path(post, path = "/api/v1/changes/{key}/approve", tag = "changes", params(IfMatch, DryRun), request_body = ApprovalBallot, responses((status = 200, description = "Approved", body = TicketOrPreview)))]
pub async fn approve(call: Call<ApprovalBallot>) -> Reply {
    let key = call.ticket("key")?;
    let rev = call.rev.ok_or(Failure::BadHeader("If-Match"))?;
    changed_or_tried(call, vec![key], move |ctx, ballot: &ApprovalBallot| {
        approval::approve(ctx, key, rev, &ballot.ballot())
    })
    .await
}

/// Why it isn't approved.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct No {
    why: String,
}

/// Refuse a change
#[utoipa::path(post, path = "/api/v1/changes/{key}/refuse", tag = "changes", params(IfMatch, DryRun), request_body = No, responses((status = 200, description = "Refused", body = TicketOrPreview)))]
pub async fn refuse(call: Call<No>) -> Reply {
    let (key, rev) = (call.ticket("key")?, call.rev);
    changed_or_tried(call, vec![key], move |ctx, no: &No| {
        action::refuse(ctx, key, rev, &no.why)
    })
    .await
}

/// Take a change back to draft
///
/// An approval ends.
#[utoipa::path(post, path = "/api/v1/changes/{key}/redraft", tag = "changes", params(IfMatch, DryRun), responses((status = 200, description = "A draft again", body = TicketOrPreview)))]
pub async fn redraft(call: Call<Nothing>) -> Reply {
    let (key, rev) = (call.ticket("key")?, call.rev);
    changed_or_tried(call, vec![key], move |ctx, _| {
        action::back_to_draft(ctx, key, rev)
    })
    .await
}

/// Start a change
///
/// Or go on with one that was on watch.
#[utoipa::path(post, path = "/api/v1/changes/{key}/start", tag = "changes", params(IfMatch, DryRun), responses((status = 200, description = "In progress", body = TicketOrPreview)))]
pub async fn start(call: Call<Nothing>) -> Reply {
    let (key, rev) = (call.ticket("key")?, call.rev);
    changed_or_tried(call, vec![key], move |ctx, _| action::start(ctx, key, rev)).await
}

/// Until when it has to prove itself.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Watch {
    /// A day from now by default.
    until: Option<At>,
}

/// Put a change on watch
///
/// It is live and has to prove itself.
#[utoipa::path(post, path = "/api/v1/changes/{key}/watch", tag = "changes", params(IfMatch, DryRun), request_body = Watch, responses((status = 200, description = "On watch", body = TicketOrPreview)))]
pub async fn watch(call: Call<Watch>) -> Reply {
    let (key, rev) = (call.ticket("key")?, call.rev);
    changed_or_tried(call, vec![key], move |ctx, asked: &Watch| {
        action::watch(ctx, key, rev, asked.until.map(|at| at.0))
    })
    .await
}

/// Why it can't wait.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BrokenGlass {
    /// At least ten characters.
    reason: String,
}

/// Break the glass of a change
///
/// It goes ahead without approval. A clock starts, by the end of which somebody else has to look at it.
#[utoipa::path(post, path = "/api/v1/changes/{key}/break-glass", tag = "changes", params(IfMatch, DryRun), request_body = BrokenGlass, responses((status = 200, description = "In progress", body = TicketOrPreview)))]
pub async fn break_glass(call: Call<BrokenGlass>) -> Reply {
    let (key, rev) = (call.ticket("key")?, call.rev);
    changed_or_tried(call, vec![key], move |ctx, asked: &BrokenGlass| {
        action::break_glass(ctx, key, rev, &asked.reason)
    })
    .await
}

/// What somebody else found.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GlassFound {
    verdict: VerdictWord,
    /// In words; not empty.
    text: String,
}

/// Review the broken glass of a change
///
/// By somebody else than who broke it. The change can be closed afterwards.
#[utoipa::path(post, path = "/api/v1/changes/{key}/glass-review", tag = "changes", params(IfMatch), request_body = GlassFound, responses((status = 200, description = "Reviewed", body = Ticket)))]
pub async fn review_glass(call: Call<GlassFound>) -> Reply {
    let (key, rev) = (call.ticket("key")?, call.rev);
    call.change(move |ctx, found| {
        changed(
            ctx.app,
            &action::review_glass(ctx, key, rev, found.verdict.0, &found.text)?,
        )
    })
    .await
}

/// How it ended.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct End {
    outcome: OutcomeWord,
    #[serde(default)]
    text: String,
}

/// Close a change
#[utoipa::path(post, path = "/api/v1/changes/{key}/close", tag = "changes", params(IfMatch, DryRun), request_body = End, responses((status = 200, description = "Closed", body = TicketOrPreview)))]
pub async fn close(call: Call<End>) -> Reply {
    let (key, rev) = (call.ticket("key")?, call.rev);
    changed_or_tried(call, vec![key], move |ctx, end: &End| {
        action::close(ctx, key, rev, end.outcome.0, &end.text)
    })
    .await
}
