//! Approvals: how it stands with a change's, the rules about who has to approve what, and who stands in for whom.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Answer, Call, Nothing, Reply};
use super::paging::{Page, Paging};
use super::ticket::IfMatch;
use super::value::{
    ApprovalRuleUid, At, ChangeSortWord, PersonUid, RiskWord, ServiceUid, StandInUid, TeamUid, Uid,
    Word, given,
};
use crate::actions::approval::{self as action, Scene, in_words, value_in_words};
use crate::actions::approval_ask::{Waits, waits};
use crate::actions::{approval_rule as rules, approval_stand_in as away};
use crate::app::Ctx;
use crate::domain::approval::{
    Details, Need as Wanted, Rule as Domain, StandIn as Named, Typed, Verdict, When,
};
use crate::domain::change::Change;
use crate::domain::id::{ApprovalRuleId, StandInId};
use crate::domain::ticket as domain;
use crate::error::{Error, Result};

/// How it stands with a change's approval.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangeApproval {
    /// `missing`, `standing`, `waits` (it is approved, and begins only later), `stale` (it is another change by now) or `expired`.
    #[schema(example = "standing")]
    pub state: String,
    /// Until when it stands; of one that expired, when that was.
    pub until: Option<At>,
    /// When it may begin, if an approver said "not before".
    pub opens_at: Option<At>,
    /// The rule that says who is needed. Null: the house's own, one approver.
    pub rule_id: Option<ApprovalRuleUid>,
    pub rule_version: Option<i64>,
    /// How long a vote stands; time in which a freeze blocks the change doesn't count.
    pub valid_secs: i64,
    /// Who is still needed; empty while it stands.
    pub needs: Vec<ApprovalNeed>,
    /// The same in words.
    pub needed: String,
    /// SHA-256 over what is to be approved.
    pub digest: String,
    pub votes: Vec<ApprovalVote>,
    /// For whom it waits. Null: for nobody.
    pub waits_for: Option<ApprovalWaits>,
}

/// For whom a change waits, and how they were asked.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApprovalWaits {
    /// Who can give what is still needed; who is on call first, then who works now.
    pub people: Vec<ApprovalAwaited>,
    /// Null: they are about to be.
    pub asked_at: Option<At>,
    pub reminded_at: Option<At>,
    /// When they will be, if nobody answers.
    pub remind_at: Option<At>,
    pub escalated_at: Option<At>,
    /// The team that hears of it if nobody answers.
    pub escalate_team_id: Option<TeamUid>,
    pub escalate_at: Option<At>,
}

/// Somebody who can give what is still needed.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApprovalAwaited {
    pub id: PersonUid,
    pub name: String,
    pub is_on_call: bool,
    /// When they work again. Null: they work now.
    pub works_at: Option<At>,
}

impl ApprovalWaits {
    fn of(of: &Waits) -> Self {
        let escalate = of.escalate.as_ref();
        Self {
            people: of
                .people
                .iter()
                .map(|it| ApprovalAwaited {
                    id: Uid(it.id),
                    name: it.name.clone(),
                    is_on_call: it.is_on_call,
                    works_at: it.works_at.map(At),
                })
                .collect(),
            asked_at: of.asked_at.map(At),
            reminded_at: of.reminded_at.map(At),
            remind_at: of.remind_at.map(At),
            escalated_at: of.escalated_at.map(At),
            escalate_team_id: escalate.map(|(team, ..)| Uid(*team)),
            escalate_at: escalate.map(|(.., at)| At(*at)),
        }
    }
}

/// Somebody who is still needed.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApprovalNeed {
    /// So many more.
    pub approvers: usize,
    /// From this team; null: any who may approve.
    pub team_id: Option<TeamUid>,
}

/// Somebody approved.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApprovalVote {
    pub by: PersonUid,
    /// The name at that moment.
    pub by_name: String,
    /// For whom they stood in.
    pub on_behalf_of: Option<PersonUid>,
    pub at: At,
    /// It doesn't begin before.
    pub not_before: Option<At>,
    pub until: At,
    /// `counts`, or why it doesn't: `apart`, `over`, `stale`, `expired`.
    #[schema(example = "counts")]
    pub worth: String,
    /// Of what they saw.
    pub digest: String,
    /// What has changed since.
    pub changed: Vec<ChangedField>,
}

/// A field that isn't any more what was approved.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangedField {
    pub field: String,
    pub before: String,
    pub after: String,
}

impl ChangeApproval {
    pub fn of(ctx: &Ctx<'_>, ticket: &domain::Ticket, change: &Change) -> Result<Self> {
        ctx.read(|conn| {
            let scene = Scene::load(conn, ticket, change)?;
            let case = &scene.case;
            let needs = case.needs(ctx.now);
            let verdict = case.verdict(ctx.now);
            let mut votes = Vec::new();
            for vote in &case.votes {
                let mut changed = Vec::new();
                for it in vote.snapshot.differences(&case.snapshot) {
                    changed.push(ChangedField {
                        field: it.field.to_string(),
                        before: value_in_words(conn, it.field, &it.before)?,
                        after: value_in_words(conn, it.field, &it.after)?,
                    });
                }
                votes.push(ApprovalVote {
                    by: Uid(vote.by),
                    by_name: vote.by_name.clone(),
                    on_behalf_of: vote.on_behalf.as_ref().map(|(id, _)| Uid(*id)),
                    at: At(vote.at),
                    not_before: vote.not_before.map(At),
                    until: At(vote.until),
                    worth: case.worth(vote, ctx.now).to_string(),
                    digest: vote.digest.clone(),
                    changed,
                });
            }
            Ok(Self {
                state: verdict.as_str().to_owned(),
                until: match verdict {
                    Verdict::Standing { until } | Verdict::Waits { until, .. } => Some(At(until)),
                    Verdict::Expired { at } => Some(At(at)),
                    Verdict::Missing(_) | Verdict::Stale { .. } => None,
                },
                opens_at: match verdict {
                    Verdict::Waits { opens, .. } => Some(At(opens)),
                    _ => None,
                },
                rule_id: scene.rule.as_ref().map(|rule| Uid(rule.id)),
                rule_version: scene.rule.as_ref().map(|rule| rule.version),
                valid_secs: scene.valid_secs,
                needed: in_words(conn, &needs)?,
                needs: needs
                    .iter()
                    .map(|need| match need {
                        Wanted::Approvers(n) => ApprovalNeed {
                            approvers: *n,
                            team_id: None,
                        },
                        Wanted::Team(id) => ApprovalNeed {
                            approvers: 1,
                            team_id: Some(Uid(*id)),
                        },
                    })
                    .collect(),
                digest: case.snapshot.digest(),
                votes,
                waits_for: waits(ctx, conn, ticket, &scene)?
                    .as_ref()
                    .map(ApprovalWaits::of),
            })
        })
    }
}

/// What is approved, and in whose name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalBallot {
    /// The digest that was read, or its first digits, at least eight. Left out: the version of `If-Match` says enough.
    digest: Option<String>,
    /// Somebody who is away and has named whoever approves.
    on_behalf_of: Option<PersonUid>,
    /// It doesn't begin before. Left out: it may begin at once.
    #[schema(example = "2026-11-21T18:00:00Z")]
    not_before: Option<At>,
}

impl ApprovalBallot {
    pub fn ballot(&self) -> action::Ballot {
        action::Ballot {
            digest: self.digest.clone(),
            on_behalf: self.on_behalf_of.map(|id| id.0),
            not_before: self.not_before.map(|at| at.0),
        }
    }
}

/// Who has to approve which changes. Of the rules that fit a change the strictest applies.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApprovalRule {
    pub id: ApprovalRuleUid,
    pub name: String,
    /// Empty: all.
    pub environments: Vec<String>,
    /// Empty: all.
    pub services: Vec<ServiceUid>,
    /// Only for what is at least so risky. Null: for everything.
    pub min_risk: Option<RiskWord>,
    /// Only for changes of this kind. Null: of any.
    pub kind: Option<ChangeSortWord>,
    /// So many who may approve changes.
    pub approvers: u8,
    /// And one more of them from this team.
    pub team_id: Option<TeamUid>,
    /// And one more from the team of each of its services.
    pub wants_owner: bool,
    /// A vote is for the change's commits, too: one more, and it is to be approved anew.
    pub binds_commits: bool,
    /// How long a vote stands.
    pub valid_secs: i64,
    /// So long after they were asked approvers are reminded, once. 0: never.
    pub remind_secs: i64,
    /// So long after they were asked another team hears of it, once. Null: none does.
    pub escalate_secs: Option<i64>,
    pub escalate_team_id: Option<TeamUid>,
    /// False: retired.
    pub is_active: bool,
    pub version: i64,
}

impl ApprovalRule {
    fn of(of: &Domain) -> Self {
        Self {
            id: Uid(of.id),
            name: of.name.clone(),
            environments: of.when.environments.clone(),
            services: of.when.services.iter().map(|id| Uid(*id)).collect(),
            min_risk: of.when.min_risk.map(Word),
            kind: of.when.sort.map(Word),
            approvers: of.needs.approvers,
            team_id: of.needs.team.map(Uid),
            wants_owner: of.needs.wants_owner,
            binds_commits: of.binds_commits,
            valid_secs: of.valid_secs,
            remind_secs: of.reminders.remind_secs,
            escalate_secs: of.reminders.escalate.map(|(_, secs)| secs),
            escalate_team_id: of.reminders.escalate.map(|(team, _)| Uid(team)),
            is_active: of.is_active,
            version: of.version,
        }
    }
}

fn shown(rule: &Domain) -> Result<Answer> {
    Ok(Answer::ok(&ApprovalRule::of(rule))?.version(rule.version))
}

/// List the rules about approvals
#[utoipa::path(get, path = "/api/v1/approval-rules", tag = "changes", params(Paging), responses((status = 200, description = "A page", body = Page<ApprovalRule>)))]
pub async fn list(call: Call<Nothing>) -> Reply {
    let paging: Paging = call.query()?;
    call.read(move |ctx| {
        let all = rules::list(ctx)?;
        Answer::ok(&paging.cut(all, |it| it.id.to_string(), |it| ApprovalRule::of(&it))?)
    })
    .await
}

/// Read a rule about approvals
#[utoipa::path(get, path = "/api/v1/approval-rules/{id}", tag = "changes", responses((status = 200, description = "The rule", body = ApprovalRule)))]
pub async fn read(call: Call<Nothing>) -> Reply {
    let id: ApprovalRuleId = call.id("id")?;
    call.read(move |ctx| shown(&rules::read(ctx, id)?)).await
}

/// A new rule.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApprovalRule {
    name: String,
    environments: Option<Vec<String>>,
    services: Option<Vec<ServiceUid>>,
    min_risk: Option<RiskWord>,
    kind: Option<ChangeSortWord>,
    /// One by default.
    #[schema(example = 2)]
    approvers: Option<u8>,
    team_id: Option<TeamUid>,
    /// False by default.
    wants_owner: Option<bool>,
    binds_commits: Option<bool>,
    /// A day by default.
    #[schema(example = 86_400)]
    valid_secs: Option<i64>,
    /// Four hours by default; 0: never.
    #[schema(example = 14_400)]
    remind_secs: Option<i64>,
    /// Later than the reminder; together with a team.
    escalate_secs: Option<i64>,
    escalate_team_id: Option<TeamUid>,
    /// True by default.
    is_active: Option<bool>,
}

/// Make a rule about approvals
#[utoipa::path(post, path = "/api/v1/approval-rules", tag = "changes", request_body = NewApprovalRule, responses((status = 201, description = "Made", body = ApprovalRule)))]
pub async fn add(call: Call<NewApprovalRule>) -> Reply {
    call.change(|ctx, new| {
        rules::may_keep(ctx)?;
        let typed = Typed {
            name: &new.name,
            approvers: &new.approvers.unwrap_or(1).to_string(),
            valid: &typed_secs(new.valid_secs),
            team: new.team_id.map(|id| id.0),
            wants_owner: new.wants_owner.unwrap_or(false),
            binds_commits: new.binds_commits.unwrap_or(false),
            remind: &typed_secs(new.remind_secs),
            escalate: &typed_secs(new.escalate_secs),
            escalate_team: new.escalate_team_id.map(|id| id.0),
        };
        let when = When {
            environments: new.environments.clone().unwrap_or_default(),
            services: new.services.iter().flatten().map(|id| id.0).collect(),
            min_risk: new.min_risk.map(|word| word.0),
            sort: new.kind.map(|word| word.0),
        };
        let details = Details::check(&typed, when, new.is_active.unwrap_or(true));
        let rule = rules::add(ctx, &details.map_err(named_here)?).map_err(all_named_here)?;
        let place = format!("/api/v1/approval-rules/{}", rule.id);
        Ok(Answer::created(place, &ApprovalRule::of(&rule))?.version(rule.version))
    })
    .await
}

/// As it would be typed; empty: the usual.
fn typed_secs(secs: Option<i64>) -> String {
    secs.map_or_else(String::new, |secs| format!("{secs} s"))
}

/// What is wrong, by the names that fields have here.
fn named_here(mut faults: Vec<crate::domain::refusal::FieldError>) -> Error {
    for fault in &mut faults {
        let here = match fault.field.as_ref() {
            "valid" => "valid_secs",
            "remind" => "remind_secs",
            "escalate" => "escalate_secs",
            "escalate_team" => "escalate_team_id",
            _ => continue,
        };
        fault.field = here.into();
    }
    Error::Invalid(faults)
}

fn all_named_here(error: Error) -> Error {
    match error {
        Error::Invalid(faults) => named_here(faults),
        other => other,
    }
}

/// What changes; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalRuleEdit {
    name: Option<String>,
    environments: Option<Vec<String>>,
    services: Option<Vec<ServiceUid>>,
    /// Null: for everything again.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    min_risk: Option<Option<RiskWord>>,
    /// Null: for any again.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    kind: Option<Option<ChangeSortWord>>,
    approvers: Option<u8>,
    /// Null: none.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    team_id: Option<Option<TeamUid>>,
    wants_owner: Option<bool>,
    binds_commits: Option<bool>,
    valid_secs: Option<i64>,
    /// 0: never.
    remind_secs: Option<i64>,
    /// Null: nobody hears of it any more.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<i64>)]
    escalate_secs: Option<Option<i64>>,
    /// Null: none.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    escalate_team_id: Option<Option<TeamUid>>,
    is_active: Option<bool>,
}

/// Edit a rule about approvals
///
/// What was approved under it is to be approved anew. One that isn't active stays on the list and applies to nothing.
#[utoipa::path(patch, path = "/api/v1/approval-rules/{id}", tag = "changes", params(IfMatch), request_body = ApprovalRuleEdit, responses((status = 200, description = "As it stands now", body = ApprovalRule)))]
pub async fn edit(call: Call<ApprovalRuleEdit>) -> Reply {
    let (id, rev): (ApprovalRuleId, _) = (call.id("id")?, call.rev);
    call.change(move |ctx, asked| {
        rules::may_keep(ctx)?;
        let known = rules::read(ctx, id)?;
        let typed = Typed {
            name: asked.name.as_deref().unwrap_or(&known.name),
            approvers: &asked.approvers.unwrap_or(known.needs.approvers).to_string(),
            valid: &format!("{} s", asked.valid_secs.unwrap_or(known.valid_secs)),
            team: match asked.team_id {
                Some(team) => team.map(|id| id.0),
                None => known.needs.team,
            },
            wants_owner: asked.wants_owner.unwrap_or(known.needs.wants_owner),
            binds_commits: asked.binds_commits.unwrap_or(known.binds_commits),
            remind: &typed_secs(asked.remind_secs.or(Some(known.reminders.remind_secs))),
            escalate: &typed_secs(match asked.escalate_secs {
                Some(secs) => secs,
                None => known.reminders.escalate.map(|(_, secs)| secs),
            }),
            escalate_team: match asked.escalate_team_id {
                Some(team) => team.map(|id| id.0),
                None => known.reminders.escalate.map(|(team, _)| team),
            },
        };
        let when = When {
            environments: match &asked.environments {
                Some(names) => names.clone(),
                None => known.when.environments.clone(),
            },
            services: match &asked.services {
                Some(services) => services.iter().map(|id| id.0).collect(),
                None => known.when.services.clone(),
            },
            min_risk: match asked.min_risk {
                Some(risk) => risk.map(|word| word.0),
                None => known.when.min_risk,
            },
            sort: match asked.kind {
                Some(sort) => sort.map(|word| word.0),
                None => known.when.sort,
            },
        };
        let details = Details::check(&typed, when, asked.is_active.unwrap_or(known.is_active));
        let details = details.map_err(named_here)?;
        let rev = rev.unwrap_or(known.version);
        shown(&rules::edit(ctx, id, rev, &details).map_err(all_named_here)?)
    })
    .await
}

/// Somebody who approves in another's name while they are away.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApprovalStandIn {
    pub id: StandInUid,
    /// Who is away.
    pub from: PersonUid,
    /// Who approves for them.
    pub to: PersonUid,
    pub starts_at: At,
    pub ends_at: At,
}

impl ApprovalStandIn {
    fn of(of: &Named) -> Self {
        Self {
            id: Uid(of.id),
            from: Uid(of.from),
            to: Uid(of.to),
            starts_at: At(of.starts_at),
            ends_at: At(of.ends_at),
        }
    }
}

/// List who approves in whose name
///
/// Now and later; what is over isn't listed.
#[utoipa::path(get, path = "/api/v1/approval-stand-ins", tag = "changes", params(Paging), responses((status = 200, description = "A page", body = Page<ApprovalStandIn>)))]
pub async fn list_stand_ins(call: Call<Nothing>) -> Reply {
    let paging: Paging = call.query()?;
    call.read(move |ctx| {
        let all = away::list(ctx)?;
        Answer::ok(&paging.cut(all, |it| it.id.to_string(), |it| ApprovalStandIn::of(&it))?)
    })
    .await
}

/// Whom, and for how long.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewStandIn {
    to: PersonUid,
    /// Now by default.
    starts_at: Option<At>,
    ends_at: At,
}

/// Name somebody who approves in one's own name
///
/// They may approve changes themselves, and approve none of which they or whoever is away are an author.
#[utoipa::path(post, path = "/api/v1/approval-stand-ins", tag = "changes", request_body = NewStandIn, responses((status = 201, description = "Named", body = ApprovalStandIn)))]
pub async fn add_stand_in(call: Call<NewStandIn>) -> Reply {
    call.change(|ctx, new| {
        let starts_at = new.starts_at.map(|at| at.0);
        let made = away::add(ctx, new.to.0, starts_at, new.ends_at.0)?;
        let place = format!("/api/v1/approval-stand-ins/{}", made.id);
        Answer::created(place, &ApprovalStandIn::of(&made))
    })
    .await
}

/// End that somebody approves in another's name
#[utoipa::path(delete, path = "/api/v1/approval-stand-ins/{id}", tag = "changes", responses((status = 204, description = "Ended")))]
pub async fn end_stand_in(call: Call<Nothing>) -> Reply {
    let id: StandInId = call.id("id")?;
    call.change(move |ctx, _| {
        away::end(ctx, id)?;
        Ok(Answer::nothing())
    })
    .await
}
