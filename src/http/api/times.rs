//! Correcting when the impact began, when each customer told us, when it worked again and when it was resolved.

use serde::Deserialize;
use utoipa::ToSchema;

use super::call::{Call, Reply};
use super::ticket::IfMatch;
use super::value::{At, CustomerUid};
use super::what_if::{DryRun, TicketOrPreview, changed_or_tried};
use crate::actions::ticket_times::{self, Times};

/// What really was when.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TimesChange {
    /// When the impact began; not after it was logged.
    impact_at: Option<At>,
    /// When customers told us.
    #[serde(default)]
    reported: Vec<Reported>,
    /// When it worked again: not after it was said, and not before the impact. What was restored for one customer alone stays.
    restored_at: Option<At>,
    /// When it was resolved: not after it was said, and not before it worked again.
    resolved_at: Option<At>,
    why: String,
    /// What proves it: a web address, or `#12` for an entry of the ticket's timeline.
    #[schema(example = "https://graphs.example.org/d/7")]
    evidence: String,
}

/// When one customer told us; null: they didn't.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reported {
    customer_id: CustomerUid,
    reported_at: Option<At>,
}

/// Correct when it began and ended
///
/// A right of its own, never for one's own tickets, with a reason and evidence, and only as far back as the agreement allows. Clocks
/// that count from there, or ended with it, count anew; what was said stays on the timeline.
#[utoipa::path(post, path = "/api/v1/tickets/{key}/times", tag = "steps", params(IfMatch, DryRun), request_body = TimesChange, responses((status = 200, description = "Corrected", body = TicketOrPreview)))]
pub async fn correct(call: Call<TimesChange>) -> Reply {
    let (key, rev) = (call.ticket("key")?, call.rev);
    changed_or_tried(call, vec![key], move |ctx, asked: &TimesChange| {
        let times = Times {
            impact_at: asked.impact_at.map(|at| at.0),
            reported: asked
                .reported
                .iter()
                .map(|it| (it.customer_id.0, it.reported_at.map(|at| at.0)))
                .collect(),
            restored_at: asked.restored_at.map(|at| at.0),
            resolved_at: asked.resolved_at.map(|at| at.0),
            why: asked.why.clone(),
            evidence: asked.evidence.clone(),
        };
        ticket_times::correct(ctx, key, rev, &times)
    })
    .await
}
