//! Taking back an entry that somebody made by hand.

use serde::Deserialize;
use utoipa::ToSchema;

use super::call::{Call, Reply};
use super::ticket::IfMatch;
use super::what_if::{DryRun, TicketOrPreview, changed_or_tried};
use crate::actions::ticket_take_back;

/// Why it doesn't count.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TakeBack {
    why: String,
    /// What proves it: a web address, or `#12` for an entry of the ticket's timeline.
    #[schema(example = "https://phone.example.org/calls/7")]
    evidence: String,
}

/// Take an entry back
///
/// That somebody spoke with the customer, that no answer is needed, or that it works again: it was wrong, and the clocks run as if it
/// had never been said. The same right as for correcting times, never for one's own tickets. The entry stays on the timeline.
#[utoipa::path(post, path = "/api/v1/tickets/{key}/entries/{seq}/take-back", tag = "timeline", params(IfMatch, DryRun), request_body = TakeBack, responses((status = 200, description = "It doesn't count", body = TicketOrPreview)))]
pub async fn take_back(call: Call<TakeBack>) -> Reply {
    let (key, rev) = (call.ticket("key")?, call.rev);
    let seq = call.number("seq")?;
    changed_or_tried(call, vec![key], move |ctx, asked: &TakeBack| {
        ticket_take_back::take_back(ctx, key, rev, seq, &asked.why, &asked.evidence)
    })
    .await
}
