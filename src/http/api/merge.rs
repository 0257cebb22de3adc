//! Merging two tickets, and taking them apart again.

use serde::Deserialize;
use utoipa::ToSchema;

use super::call::{Call, Reply};
use super::step::Why;
use super::ticket::IfMatch;
use super::value::Key;
use super::what_if::{DryRun, TicketOrPreview, changed_or_tried};
use crate::actions::ticket_merge;

/// Where it goes on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Merge {
    into: Key,
    why: String,
}

/// Merge a ticket into another
///
/// It goes on in the other: each promise counts from whichever of the two began earlier, mail is read there, its own record stays.
/// Tickets of different customers aren't merged: make one the parent of the other.
#[utoipa::path(post, path = "/api/v1/tickets/{key}/merge", tag = "parts", params(IfMatch, DryRun), request_body = Merge, responses((status = 200, description = "Merged", body = TicketOrPreview)))]
pub async fn merge(call: Call<Merge>) -> Reply {
    let (key, rev) = (call.ticket("key")?, call.rev);
    // The other ticket is in the body, which is read later: an unreadable one is refused there.
    let other = call.peek(|asked| asked.into.0);
    let keys = std::iter::once(key).chain(other).collect();
    changed_or_tried(call, keys, move |ctx, asked: &Merge| {
        ticket_merge::merge(ctx, key, rev, asked.into.0, &asked.why)
    })
    .await
}

/// Take a merged ticket out again
///
/// Both go on as if they had never been merged. A breach that then turns out to be none is marked withdrawn.
#[utoipa::path(post, path = "/api/v1/tickets/{key}/unmerge", tag = "parts", params(IfMatch, DryRun), request_body = Why, responses((status = 200, description = "On its own again", body = TicketOrPreview)))]
pub async fn unmerge(call: Call<Why>) -> Reply {
    let (key, rev) = (call.ticket("key")?, call.rev);
    changed_or_tried(call, vec![key], move |ctx, asked: &Why| {
        ticket_merge::unmerge(ctx, key, rev, &asked.why)
    })
    .await
}
