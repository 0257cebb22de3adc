//! How often the glass was broken in a month.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::call::{Answer, Call, Nothing, Reply};
use super::value::{ServiceUid, TeamUid, Uid};
use crate::actions::glass_count::{self, Counted};

/// Which month.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct GlassAsked {
    /// Such as `2026-05`, on the wall clock of the house; the present one if left out.
    month: Option<String>,
}

/// The broken glass of a month.
#[derive(Debug, Serialize, ToSchema)]
pub struct GlassCount {
    /// Such as `2026-05`.
    pub month: String,
    /// The most frequent first.
    pub lines: Vec<GlassCountLine>,
}

/// One team's one reason.
#[derive(Debug, Serialize, ToSchema)]
pub struct GlassCountLine {
    pub team_id: Option<TeamUid>,
    pub team: Option<String>,
    /// Of the first that is of one.
    pub service_id: Option<ServiceUid>,
    pub service: Option<String>,
    /// As it was written first.
    pub reason: String,
    pub count: usize,
    /// Each once.
    pub changes: Vec<String>,
    /// It comes so often that a standing change is due.
    pub is_habit: bool,
}

impl GlassCountLine {
    fn of(it: Counted) -> Self {
        Self {
            is_habit: it.line.is_habit(),
            team_id: it.line.team.map(Uid),
            team: it.team,
            service_id: it.line.service.map(Uid),
            service: it.service,
            reason: it.line.reason,
            count: it.line.count,
            changes: it.line.keys.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Count the broken glass of a month
///
/// By team and reason: how a reason is written and the keys, hosts and versions in it make no other one.
#[utoipa::path(get, path = "/api/v1/broken-glass", tag = "changes", params(GlassAsked), responses((status = 200, description = "The count", body = GlassCount)))]
pub async fn read(call: Call<Nothing>) -> Reply {
    let asked: GlassAsked = call.query()?;
    call.read(move |ctx| {
        let count = glass_count::of_month(ctx, asked.month.as_deref())?;
        Answer::ok(&GlassCount {
            month: count.month,
            lines: count.lines.into_iter().map(GlassCountLine::of).collect(),
        })
    })
    .await
}
