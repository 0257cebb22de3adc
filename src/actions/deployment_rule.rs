//! How a service's deployments are taken back, watched and let through, as its page says.

use super::allow;
use super::change::WATCH_SECS;
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::deploy_queue;
use crate::domain::deployment as domain;
use crate::domain::id::ServiceId;
use crate::domain::refusal::FieldError;
use crate::domain::standing;
use crate::domain::timeline::Facts;
use crate::error::{Error, Result};
use crate::store::deployment::{self as rows, Rule};
use crate::store::{self, Conn};

/// How a service's deployments are taken back and watched; what holds where nobody has said anything.
pub fn rule(conn: &mut Conn, service: ServiceId) -> Result<Rule> {
    Ok(rows::rule(conn, service)?.unwrap_or(Rule {
        service_id: service,
        revert: String::new(),
        soak_mins: WATCH_SECS / 60,
        version: 0,
        most_files: standing::MOST_FILES,
        dangers: standing::DANGERS.to_owned(),
        gap_mins: deploy_queue::GAP_MINS,
        needs_go: false,
    }))
}

/// Longest time that a change is watched by itself.
const MOST_SOAK_MINS: i64 = 30 * 24 * 60;

/// A service's rule as it was typed.
#[derive(Debug, Clone, Default)]
pub struct TypedRule<'a> {
    pub revert: &'a str,
    pub soak_mins: Option<i64>,
    /// `None`: no number.
    pub most_files: Option<i64>,
    pub dangers: &'a str,
    pub gap_mins: Option<i64>,
    pub needs_go: bool,
}

impl<'a> TypedRule<'a> {
    /// With the limits of a lane where nobody has said anything.
    pub fn new(revert: &'a str, soak_mins: i64) -> Self {
        Self {
            revert,
            soak_mins: Some(soak_mins),
            most_files: Some(standing::MOST_FILES),
            dangers: standing::DANGERS,
            gap_mins: Some(deploy_queue::GAP_MINS),
            needs_go: false,
        }
    }
}

/// Sets a service's rule; `rev` is the version that was seen.
pub fn set_rule(
    ctx: &Ctx<'_>,
    service: ServiceId,
    rev: i64,
    typed: &TypedRule<'_>,
) -> Result<Rule> {
    allow(&ctx.by, Action::ManageServices, Target::House)?;
    let mut fields = crate::error::Fields::new();
    let revert = fields.take(domain::template("revert", typed.revert));
    let most_files = fields.take(standing::most_files("most_files", typed.most_files));
    let dangers = fields.take(standing::dangers("dangers", typed.dangers));
    let soak_mins = typed
        .soak_mins
        .filter(|mins| (1..=MOST_SOAK_MINS).contains(mins));
    let soak_mins = fields.take(soak_mins.ok_or_else(|| FieldError::new("soak", "not-a-soak")));
    let gap_mins = typed
        .gap_mins
        .filter(|mins| (0..=deploy_queue::MOST_GAP_MINS).contains(mins));
    let gap_mins = fields.take(gap_mins.ok_or_else(|| FieldError::new("gap", "not-a-gap")));
    fields.check()?;
    let (Some(revert), Some(soak_mins), Some(most_files), Some(dangers), Some(gap_mins)) =
        (revert, soak_mins, most_files, dangers, gap_mins)
    else {
        return Err(Error::internal("a field was neither taken nor refused"));
    };
    ctx.write(|tx| {
        let service = store::house::service(tx, service)?.ok_or(Error::NotFound)?;
        let mut rule = Rule {
            service_id: service.id,
            revert: revert.clone(),
            soak_mins,
            version: rev,
            most_files,
            dangers: dangers.clone(),
            gap_mins,
            needs_go: typed.needs_go,
        };
        rows::put_rule(tx, &mut rule)?;
        let facts = Facts::new()
            .with("revert", &rule.revert)
            .with("soak_mins", soak_mins)
            .with("most_files", most_files)
            .with("dangers", dangers.replace('\n', ", "))
            .with("gap_mins", gap_mins)
            .with("needs_go", typed.needs_go);
        super::audit::note(tx, ctx, "service-deploy-rule", &service.name, &facts)?;
        Ok(rule)
    })
}
