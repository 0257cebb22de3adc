//! The steps of a ticket's life: who has it, what it waits for, how it goes on.

use serde::Deserialize;
use utoipa::ToSchema;

use super::call::{Call, Nothing, Reply};
use super::ticket::{IfMatch, Ticket, changed};
use super::value::{At, CustomerUid, Key, PersonUid, PriorityWord, SeverityWord, StateWord};
use super::what_if::{DryRun, TicketOrPreview, changed_or_tried};
use crate::actions::{page, ticket};

/// Why; may be empty unless a rule wants a reason.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Why {
    #[serde(default)]
    pub why: String,
}

/// Take a ticket
///
/// "I have it": the token's owner becomes its owner. A new incident is in progress then.
#[utoipa::path(post, path = "/api/v1/tickets/{key}/take", tag = "steps", params(IfMatch, DryRun), responses((status = 200, description = "Taken", body = TicketOrPreview)))]
pub async fn take(call: Call<Nothing>) -> Reply {
    let (key, rev) = (call.ticket("key")?, call.rev);
    changed_or_tried(call, vec![key], move |ctx, _| ticket::take(ctx, key, rev)).await
}

/// To whom.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    person_id: PersonUid,
}

/// Assign a ticket
#[utoipa::path(post, path = "/api/v1/tickets/{key}/assign", tag = "steps", params(IfMatch, DryRun), request_body = Assignment, responses((status = 200, description = "Assigned", body = TicketOrPreview)))]
pub async fn assign(call: Call<Assignment>) -> Reply {
    let (key, rev) = (call.ticket("key")?, call.rev);
    changed_or_tried(call, vec![key], move |ctx, to: &Assignment| {
        ticket::assign(ctx, key, rev, to.person_id.0)
    })
    .await
}

/// Put a ticket back
///
/// Nobody has it afterwards.
#[utoipa::path(post, path = "/api/v1/tickets/{key}/unassign", tag = "steps", params(IfMatch, DryRun), responses((status = 200, description = "Nobody has it", body = TicketOrPreview)))]
pub async fn unassign(call: Call<Nothing>) -> Reply {
    let (key, rev) = (call.ticket("key")?, call.rev);
    changed_or_tried(call, vec![key], move |ctx, _| {
        ticket::unassign(ctx, key, rev)
    })
    .await
}

/// To whom, and what they need to know.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HandOver {
    person_id: PersonUid,
    note: String,
}

/// Hand a ticket over
///
/// With a note, so that context isn't lost.
#[utoipa::path(post, path = "/api/v1/tickets/{key}/hand-over", tag = "steps", params(IfMatch, DryRun), request_body = HandOver, responses((status = 200, description = "Handed over", body = TicketOrPreview)))]
pub async fn hand_over(call: Call<HandOver>) -> Reply {
    let (key, rev) = (call.ticket("key")?, call.rev);
    changed_or_tried(call, vec![key], move |ctx, to: &HandOver| {
        ticket::hand_over(ctx, key, rev, to.person_id.0, &to.note)
    })
    .await
}

/// Acknowledge an incident
///
/// Stops the paging, makes the token's owner its owner if there is none, and meets `own` and the house's `respond`.
#[utoipa::path(post, path = "/api/v1/tickets/{key}/acknowledge", tag = "steps", params(DryRun), responses((status = 200, description = "Acknowledged", body = TicketOrPreview)))]
pub async fn acknowledge(call: Call<Nothing>) -> Reply {
    let key = call.ticket("key")?;
    changed_or_tried(call, vec![key], move |ctx, _| page::acknowledge(ctx, key)).await
}

/// Page somebody
///
/// Asks one person to join, by every way to reach them.
#[utoipa::path(post, path = "/api/v1/tickets/{key}/page", tag = "steps", request_body = Assignment, responses((status = 200, description = "They are paged", body = Ticket)))]
pub async fn page_person(call: Call<Assignment>) -> Reply {
    let key = call.ticket("key")?;
    call.change(move |ctx, who| changed(ctx.app, &page::ask(ctx, key, who.person_id.0)?))
        .await
}

/// The next state.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StateChange {
    state: StateWord,
    #[serde(default)]
    why: String,
}

/// Move a ticket
///
/// One step of its kind's states: `restored`, `resolved`, `closed`, `in_progress` again, `cancelled` with a reason …
#[utoipa::path(post, path = "/api/v1/tickets/{key}/state", tag = "steps", params(IfMatch, DryRun), request_body = StateChange, responses((status = 200, description = "Moved", body = TicketOrPreview)))]
pub async fn state(call: Call<StateChange>) -> Reply {
    let (key, rev) = (call.ticket("key")?, call.rev);
    changed_or_tried(call, vec![key], move |ctx, to: &StateChange| {
        ticket::step(ctx, key, rev, to.state.0, &to.why)
    })
    .await
}

/// What was done.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Resolution {
    #[serde(default)]
    how: String,
    /// Open children that this resolves too.
    #[serde(default)]
    children: Vec<Key>,
}

/// Resolve a ticket
///
/// A task is done by it. A parent may resolve children with it; their timelines say so.
#[utoipa::path(post, path = "/api/v1/tickets/{key}/resolve", tag = "steps", params(IfMatch, DryRun), request_body = Resolution, responses((status = 200, description = "Resolved", body = TicketOrPreview)))]
pub async fn resolve(call: Call<Resolution>) -> Reply {
    let (key, rev) = (call.ticket("key")?, call.rev);
    let children = call.peek(|done| done.children).unwrap_or_default();
    let keys = std::iter::once(key).chain(children.into_iter().map(|child| child.0));
    changed_or_tried(call, keys.collect(), move |ctx, done: &Resolution| {
        let children: Vec<_> = done.children.iter().map(|child| child.0).collect();
        ticket::resolve_with(ctx, key, rev, &done.how, &children)
    })
    .await
}

/// Reopen a ticket
#[utoipa::path(post, path = "/api/v1/tickets/{key}/reopen", tag = "steps", params(IfMatch, DryRun), request_body = Why, responses((status = 200, description = "Open again", body = TicketOrPreview)))]
pub async fn reopen(call: Call<Why>) -> Reply {
    let (key, rev) = (call.ticket("key")?, call.rev);
    changed_or_tried(call, vec![key], move |ctx, asked: &Why| {
        ticket::reopen(ctx, key, rev, &asked.why)
    })
    .await
}

/// How bad it is now.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SeverityChange {
    severity: SeverityWord,
    #[serde(default)]
    why: String,
}

/// Change an incident's severity
#[utoipa::path(post, path = "/api/v1/tickets/{key}/severity", tag = "steps", params(IfMatch, DryRun), request_body = SeverityChange, responses((status = 200, description = "Changed", body = TicketOrPreview)))]
pub async fn severity(call: Call<SeverityChange>) -> Reply {
    let (key, rev) = (call.ticket("key")?, call.rev);
    changed_or_tried(call, vec![key], move |ctx, to: &SeverityChange| {
        ticket::change_severity(ctx, key, rev, to.severity.0, &to.why)
    })
    .await
}

/// How soon it matters.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PriorityChange {
    priority: PriorityWord,
}

/// Change a task's priority
#[utoipa::path(post, path = "/api/v1/tickets/{key}/priority", tag = "steps", params(IfMatch), request_body = PriorityChange, responses((status = 200, description = "Changed", body = Ticket)))]
pub async fn priority(call: Call<PriorityChange>) -> Reply {
    let (key, rev) = (call.ticket("key")?, call.rev);
    call.change(move |ctx, to| {
        let ticket = ticket::change_priority(ctx, key, rev, to.priority.0)?;
        changed(ctx.app, &ticket)
    })
    .await
}

/// Whom to call back, and by when.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Callback {
    callback_number: String,
    callback_at: At,
    /// One of those hit, if it isn't the ticket's own customer.
    customer_id: Option<CustomerUid>,
}

/// Promise a call-back
#[utoipa::path(post, path = "/api/v1/tickets/{key}/callback", tag = "steps", params(IfMatch, DryRun), request_body = Callback, responses((status = 200, description = "Promised", body = TicketOrPreview)))]
pub async fn callback(call: Call<Callback>) -> Reply {
    let (key, rev) = (call.ticket("key")?, call.rev);
    changed_or_tried(call, vec![key], move |ctx, asked: &Callback| {
        let until = asked.callback_at.0;
        let to = asked.customer_id.map(|id| id.0);
        ticket::promise_callback(ctx, key, rev, to, &asked.callback_number, until)
    })
    .await
}
