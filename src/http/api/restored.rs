//! That it works again for one of the customers who were hit, and that it doesn't after all.

use serde::Deserialize;
use utoipa::ToSchema;

use super::call::{Call, Reply};
use super::ticket::IfMatch;
use super::value::At;
use super::what_if::{DryRun, TicketOrPreview, changed_or_tried};
use crate::actions::ticket_restore::{Earlier, not_restored_for, restored_for};
use crate::domain::id::CustomerId;

/// Since when it works.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Works {
    /// Now by default; never in the future, and not before they were hit.
    restored_at: Option<At>,
    /// Why it was before now.
    #[serde(default)]
    why: String,
    /// What proves that: a web address, or `#12` for an entry of the ticket's timeline.
    #[serde(default)]
    #[schema(example = "https://graphs.example.org/d/7")]
    evidence: String,
}

/// Say that it works for one customer
///
/// Their promise to restore is kept and their outage over; the others' go on. Restoring the ticket later doesn't move it. That it was
/// before now takes the right, the reason and the evidence of a correction (`/times`), and goes no further back.
#[utoipa::path(post, path = "/api/v1/tickets/{key}/affected/{customer}/restored", tag = "parts", params(IfMatch, DryRun), request_body = Works, responses((status = 200, description = "It works for them", body = TicketOrPreview)))]
pub async fn restored(call: Call<Works>) -> Reply {
    let (key, rev) = (call.ticket("key")?, call.rev);
    let customer: CustomerId = call.id("customer")?;
    changed_or_tried(call, vec![key], move |ctx, works: &Works| {
        let earlier = works.restored_at.map(|at| Earlier {
            at: at.0,
            why: &works.why,
            evidence: &works.evidence,
        });
        restored_for(ctx, key, rev, customer, earlier)
    })
    .await
}

/// Why it doesn't work after all.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Broken {
    why: String,
}

/// Say that it doesn't work for one customer after all
///
/// What said that it works was wrong: their clock and their outage run on as if it had never been said. Both stay on the timeline.
#[utoipa::path(post, path = "/api/v1/tickets/{key}/affected/{customer}/not-restored", tag = "parts", params(IfMatch, DryRun), request_body = Broken, responses((status = 200, description = "It doesn't work for them", body = TicketOrPreview)))]
pub async fn not_restored(call: Call<Broken>) -> Reply {
    let (key, rev) = (call.ticket("key")?, call.rev);
    let customer: CustomerId = call.id("customer")?;
    changed_or_tried(call, vec![key], move |ctx, broken: &Broken| {
        not_restored_for(ctx, key, rev, customer, &broken.why)
    })
    .await
}
