//! What a ticket waits for: several things at once, each with its own end.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Call, Reply};
use super::ticket::IfMatch;
use super::value::{At, HoldUid, Uid, WaitingOnWord, Word};
use super::what_if::{DryRun, TicketOrPreview, changed_or_tried};
use crate::actions::ticket_hold;
use crate::domain::hold;
use crate::domain::text;
use crate::error::{Fields, Result};

/// One thing that a ticket waits for.
#[derive(Debug, Serialize, ToSchema)]
pub struct Hold {
    pub id: HoldUid,
    pub on: WaitingOnWord,
    /// The person or party that is waited for; may be empty.
    #[schema(example = "Contoso")]
    pub whom: String,
    pub reason: String,
    pub since_at: At,
    /// When it should end; it is released by itself then.
    pub until: Option<At>,
    /// When the owner is reminded of it; null: not any more.
    pub nudge_at: Option<At>,
    /// Who put it on.
    pub by: String,
}

impl Hold {
    pub fn of(hold: &hold::Hold) -> Self {
        Self {
            id: Uid(hold.id),
            on: Word(hold.on),
            whom: hold.whom.clone(),
            reason: hold.reason.clone(),
            since_at: At(hold.since),
            until: hold.until.map(At),
            nudge_at: hold.nudge_at.map(At),
            by: hold.by.clone(),
        }
    }
}

/// What it waits for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHold {
    reason: String,
    on: WaitingOnWord,
    /// The person or party that is waited for; the customer's name if it isn't given and the customer is waited for.
    #[serde(default)]
    #[schema(example = "Contoso")]
    whom: String,
    /// When the wait began, if that was before now: whoever may set clocks back may say so. Never in the future.
    since: Option<At>,
    /// What proves that it began before now: a web address, or `#12` for an entry of the ticket's own timeline. Needed with `since`.
    #[serde(default)]
    #[schema(example = "https://graphs.example.org/d/7")]
    evidence: String,
    /// When it should end; it is released by itself then.
    until: Option<At>,
    /// When to remind the owner; shortly before the end if it isn't given.
    nudge_at: Option<At>,
}

impl NewHold {
    pub fn read(&self) -> Result<hold::NewHold> {
        let mut fields = Fields::new();
        let reason = fields.take(text::body("reason", &self.reason));
        let whom = fields.take(text::optional_line("whom", &self.whom, text::NAME_CHARS));
        fields.check()?;
        Ok(hold::NewHold {
            on: self.on.0,
            whom: whom.flatten().unwrap_or_default(),
            reason: reason.unwrap_or_default(),
            since: self.since.map(|at| at.0),
            evidence: self.evidence.clone(),
            until: self.until.map(|at| at.0),
            nudge_at: self.nudge_at.map(|at| at.0),
        })
    }
}

/// Hold a ticket
///
/// It waits, and everybody can see for what. Clocks that stop for this kind of wait stop. It may wait for several things at once.
#[utoipa::path(post, path = "/api/v1/tickets/{key}/hold", tag = "steps", params(IfMatch, DryRun), request_body = NewHold, responses((status = 200, description = "Held", body = TicketOrPreview)))]
pub async fn add(call: Call<NewHold>) -> Reply {
    let (key, rev) = (call.ticket("key")?, call.rev);
    changed_or_tried(call, vec![key], move |ctx, asked: &NewHold| {
        ticket_hold::hold(ctx, key, rev, &asked.read()?)
    })
    .await
}

/// Which hold ends; without an id all of them do.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Release {
    hold_id: Option<HoldUid>,
}

/// Release a held ticket
///
/// From one of its holds, or from all of them.
#[utoipa::path(post, path = "/api/v1/tickets/{key}/release", tag = "steps", params(IfMatch, DryRun), request_body = Release, responses((status = 200, description = "Released", body = TicketOrPreview)))]
pub async fn release(call: Call<Release>) -> Reply {
    let (key, rev) = (call.ticket("key")?, call.rev);
    changed_or_tried(call, vec![key], move |ctx, asked: &Release| {
        ticket_hold::release(ctx, key, rev, asked.hold_id.map(|id| id.0))
    })
    .await
}
