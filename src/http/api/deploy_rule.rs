//! How a service's deployments are taken back, watched, and let go after a freeze.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Answer, Call, Nothing, Reply};
use super::ticket::IfMatch;
use super::value::{ServiceUid, Uid};
use crate::actions::deployment_rule::{self as action, TypedRule};
use crate::actions::{self};
use crate::domain::access::{Action, Target};
use crate::domain::id::ServiceId;
use crate::domain::refusal::FieldError;
use crate::error::{Error, Result};
use crate::store;
use crate::store::deployment::Rule;

/// How a service's deployments are taken back and watched.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeployRule {
    pub service_id: ServiceUid,
    /// The command, with places such as `{prev.version}`; empty: what was live before by its digest, or git.
    #[schema(example = "helm rollback web {prev.revision}")]
    pub revert: String,
    /// How long a change of it is on watch after it was deployed.
    pub soak_minutes: i64,
    /// Files that a deployment on a standing change alone may change.
    pub most_files: i64,
    /// Parts of paths that it may not touch.
    pub dangers: Vec<String>,
    /// Between two of its deployments that waited for the end of a freeze.
    pub gap_minutes: i64,
    /// Whether what waited is let go by a person's word alone.
    pub needs_go: bool,
    /// 0: as it is where nobody has said anything.
    pub version: i64,
}

fn shown_rule(rule: Rule) -> Result<Answer> {
    let version = rule.version;
    Ok(Answer::ok(&DeployRule {
        service_id: Uid(rule.service_id),
        revert: rule.revert,
        soak_minutes: rule.soak_mins,
        most_files: rule.most_files,
        dangers: rule.dangers.lines().map(str::to_owned).collect(),
        gap_minutes: rule.gap_mins,
        needs_go: rule.needs_go,
        version,
    })?
    .version(version))
}

/// Read a service's deploy rule
#[utoipa::path(get, path = "/api/v1/services/{id}/deploy-rule", tag = "deployments", responses((status = 200, description = "The rule", body = DeployRule)))]
pub async fn read(call: Call<Nothing>) -> Reply {
    let id: ServiceId = call.id("id")?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadHouse, Target::House)?;
        let rule = ctx.read(|conn| {
            store::house::service(conn, id)?.ok_or(Error::NotFound)?;
            action::rule(conn, id)
        })?;
        shown_rule(rule)
    })
    .await
}

/// What changes; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeployRuleEdit {
    revert: Option<String>,
    soak_minutes: Option<i64>,
    most_files: Option<i64>,
    dangers: Option<Vec<String>>,
    gap_minutes: Option<i64>,
    needs_go: Option<bool>,
}

/// Edit a service's deploy rule
#[utoipa::path(patch, path = "/api/v1/services/{id}/deploy-rule", tag = "deployments", params(IfMatch), request_body = DeployRuleEdit, responses((status = 200, description = "As it stands now", body = DeployRule)))]
pub async fn edit(call: Call<DeployRuleEdit>) -> Reply {
    let (id, rev): (ServiceId, _) = (call.id("id")?, call.rev);
    call.change(move |ctx, asked| {
        actions::allow(&ctx.by, Action::ManageServices, Target::House)?;
        ctx.as_one(
            |ctx| {
                let known = ctx.read(|conn| action::rule(conn, id))?;
                let revert = asked.revert.as_deref().unwrap_or(&known.revert);
                let soak = asked.soak_minutes.unwrap_or(known.soak_mins);
                let rev = rev.unwrap_or(known.version);
                let dangers = asked.dangers.as_ref().map(|all| all.join("\n"));
                let typed = TypedRule {
                    revert,
                    soak_mins: Some(soak),
                    most_files: Some(asked.most_files.unwrap_or(known.most_files)),
                    dangers: dangers.as_deref().unwrap_or(&known.dangers),
                    gap_mins: Some(asked.gap_minutes.unwrap_or(known.gap_mins)),
                    needs_go: asked.needs_go.unwrap_or(known.needs_go),
                };
                let set = action::set_rule(ctx, id, rev, &typed);
                shown_rule(set.map_err(in_json)?)
            },
            |_, _| Ok(()),
        )
    })
    .await
}

/// The form calls it otherwise.
fn in_json(error: Error) -> Error {
    match error {
        Error::Invalid(faults) => Error::Invalid(
            faults
                .into_iter()
                .map(|fault| match fault.field.as_ref() {
                    "soak" => FieldError {
                        field: "soak_minutes".into(),
                        ..fault
                    },
                    "gap" => FieldError {
                        field: "gap_minutes".into(),
                        ..fault
                    },
                    _ => fault,
                })
                .collect(),
        ),
        other => other,
    }
}
