//! Rules about who has to approve what: who keeps them, and what they may name.

use super::{allow, audit};
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::approval::{Details, Rule, When};
use crate::domain::duration;
use crate::domain::id::{ApprovalRuleId, Id};
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::timeline::Facts;
use crate::error::{Error, Fields, Result};
use crate::store::{self, Conn, approval as rows};

/// Rules of one installation; all are read when a change is looked at.
const MOST: usize = 100;

/// All rules, oldest first.
pub fn list(ctx: &Ctx<'_>) -> Result<Vec<Rule>> {
    allow(&ctx.by, Action::ReadHouse, Target::House)?;
    ctx.read(rows::rules)
}

pub fn read(ctx: &Ctx<'_>, id: ApprovalRuleId) -> Result<Rule> {
    allow(&ctx.by, Action::ReadHouse, Target::House)?;
    ctx.read(|conn| rows::rule(conn, id))?
        .ok_or(Error::NotFound)
}

/// Whether whoever acts may keep rules: asked before what they typed is judged.
pub fn may_keep(ctx: &Ctx<'_>) -> Result<()> {
    allow(&ctx.by, Action::ManageSettings, Target::House)
}

pub fn add(ctx: &Ctx<'_>, details: &Details) -> Result<Rule> {
    may_keep(ctx)?;
    ctx.write(|tx| {
        if rows::rules(tx)?.len() >= MOST {
            return Err(Refusal::new("too-many-approval-rules")
                .with("max", MOST.to_string())
                .into());
        }
        refuse_unknown(tx, details)?;
        let rule = Rule {
            id: Id::new(ctx.now),
            name: details.name.clone(),
            when: details.when.clone(),
            needs: details.needs,
            binds_commits: details.binds_commits,
            valid_secs: details.valid_secs,
            reminders: details.reminders,
            is_active: details.is_active,
            made_at: ctx.now,
            version: 1,
            terms: 1,
        };
        rows::insert_rule(tx, &rule)?;
        store::approval_ask::look_at_all(tx, ctx.now)?;
        audit::note(tx, ctx, "approval-rule-added", &rule.name, &facts(&rule))?;
        Ok(rule)
    })
}

/// Changes it, or retires it; `rev` is the version that was seen. What was approved under it is to be approved anew,
/// if that decides otherwise now.
pub fn edit(ctx: &Ctx<'_>, id: ApprovalRuleId, rev: i64, details: &Details) -> Result<Rule> {
    may_keep(ctx)?;
    ctx.write(|tx| {
        let known = rows::rule(tx, id)?.ok_or(Error::NotFound)?;
        if known.version != rev {
            return Err(Error::Stale);
        }
        refuse_unknown(tx, details)?;
        let mut rule = known.edited(details);
        rows::update_rule(tx, &mut rule)?;
        store::approval_ask::look_at_all(tx, ctx.now)?;
        audit::note(tx, ctx, "approval-rule-edited", &rule.name, &facts(&rule))?;
        Ok(rule)
    })
}

fn refuse_unknown(conn: &mut Conn, details: &Details) -> Result<()> {
    let When {
        environments,
        services,
        ..
    } = &details.when;
    let mut fields = Fields::new();
    let known = store::house::services(conn)?;
    if !services
        .iter()
        .all(|id| known.iter().any(|it| it.id == *id))
    {
        fields.push(FieldError::new("services", "unknown-service"));
    }
    let known = store::house::environments(conn)?;
    if let Some(unknown) = environments.iter().find(|it| !known.contains(it)) {
        fields.push(
            FieldError::new("environments", "unknown-environment")
                .with("value", unknown.clone())
                .with("known", known.join(", ")),
        );
    }
    let escalates_to = details.reminders.escalate.map(|(team, _)| team);
    for (field, team) in [
        ("team", details.needs.team),
        ("escalate_team", escalates_to),
    ] {
        if let Some(team) = team
            && store::house::team(conn, team)?.is_none()
        {
            fields.push(FieldError::new(field, "unknown-team").with("value", team.to_string()));
        }
    }
    fields.check()
}

fn facts(rule: &Rule) -> Facts {
    Facts::new()
        .with("environments", rule.when.environments.join(", "))
        .with_some("min_risk", rule.when.min_risk)
        .with_some("kind", rule.when.sort)
        .with("approvers", rule.needs.approvers)
        .with_some("team", rule.needs.team)
        .with("owner", rule.needs.wants_owner)
        .with("binds_commits", rule.binds_commits)
        .with("valid", duration::typed(rule.valid_secs))
        .with("remind", duration::typed(rule.reminders.remind_secs))
        .with_some(
            "escalate_team",
            rule.reminders.escalate.map(|(team, _)| team),
        )
        .with_some(
            "escalate",
            rule.reminders
                .escalate
                .map(|(_, secs)| duration::typed(secs)),
        )
        .with("is_active", rule.is_active)
}
