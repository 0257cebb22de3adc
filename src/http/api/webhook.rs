//! Outgoing webhooks: signed calls to others when something is recorded.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Answer, Call, Nothing, Reply};
use super::paging::{Page, Paging};
use super::ticket::IfMatch;
use super::value::{At, HookUid, Uid};
use crate::actions::webhook as action;
use crate::domain::id::HookId;
use crate::domain::webhook::Webhook as Domain;
use crate::error::Result;

/// Who is told by a signed call.
#[derive(Debug, Serialize, ToSchema)]
pub struct Webhook {
    pub id: HookUid,
    pub name: String,
    pub url: String,
    /// `*`, or events such as `ticket.opened`: `ticket.` and the kind of the entry.
    pub events: Vec<String>,
    pub is_enabled: bool,
    pub made_at: At,
    pub version: i64,
    /// Signs each call (Standard Webhooks). Shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

impl Webhook {
    fn of(of: &Domain) -> Self {
        Self {
            id: Uid(of.id),
            name: of.name.clone(),
            url: of.url.clone(),
            events: of.events.words().to_vec(),
            is_enabled: of.is_enabled,
            made_at: At(of.made_at),
            version: of.version,
            secret: None,
        }
    }
}

fn shown(hook: &Domain) -> Result<Answer> {
    Ok(Answer::ok(&Webhook::of(hook))?.version(hook.version))
}

/// List webhooks
#[utoipa::path(get, path = "/api/v1/webhooks", tag = "webhooks", params(Paging), responses((status = 200, description = "A page", body = Page<Webhook>)))]
pub async fn list(call: Call<Nothing>) -> Reply {
    let paging: Paging = call.query()?;
    call.read(move |ctx| {
        let all = action::list(ctx)?;
        Answer::ok(&paging.cut(all, |it| it.id.to_string(), |it| Webhook::of(&it))?)
    })
    .await
}

/// Read a webhook
#[utoipa::path(get, path = "/api/v1/webhooks/{id}", tag = "webhooks", responses((status = 200, description = "The webhook", body = Webhook)))]
pub async fn read(call: Call<Nothing>) -> Reply {
    let id: HookId = call.id("id")?;
    call.read(move |ctx| shown(&action::read(ctx, id)?)).await
}

/// Somebody new who is told.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWebhook {
    name: String,
    /// Private networks are refused when the call is made, unless the configuration allows them.
    #[schema(example = "https://hooks.example.org/watchkeeper")]
    url: String,
    /// `["*"]` for everything that is recorded.
    events: Vec<String>,
    /// True by default.
    is_enabled: Option<bool>,
}

/// Make a webhook
///
/// The answer shows its secret once. Each call carries `webhook-id`, `webhook-timestamp` and `webhook-signature`; a receiver
/// that remembers the id takes each call once.
#[utoipa::path(post, path = "/api/v1/webhooks", tag = "webhooks", request_body = NewWebhook, responses((status = 201, description = "Made", body = Webhook)))]
pub async fn add(call: Call<NewWebhook>) -> Reply {
    call.change(|ctx, new| {
        let typed = action::Typed {
            name: new.name.clone(),
            url: new.url.clone(),
            events: new.events.clone(),
            is_enabled: new.is_enabled.unwrap_or(true),
        };
        let hook = action::add(ctx, &typed)?;
        let without = Webhook::of(&hook);
        let with = Webhook {
            secret: Some(hook.secret.clone()),
            ..Webhook::of(&hook)
        };
        Answer::created(format!("/api/v1/webhooks/{}", hook.id), &with)?
            .version(hook.version)
            .kept_as(&without)
    })
    .await
}

/// What changes; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookEdit {
    name: Option<String>,
    url: Option<String>,
    events: Option<Vec<String>>,
    is_enabled: Option<bool>,
}

/// Edit a webhook
#[utoipa::path(patch, path = "/api/v1/webhooks/{id}", tag = "webhooks", params(IfMatch), request_body = WebhookEdit, responses((status = 200, description = "As it stands now", body = Webhook)))]
pub async fn edit(call: Call<WebhookEdit>) -> Reply {
    let (id, rev): (HookId, _) = (call.id("id")?, call.rev);
    call.change(move |ctx, asked| {
        let known = action::read(ctx, id)?;
        let typed = action::Typed {
            name: asked.name.clone().unwrap_or(known.name),
            url: asked.url.clone().unwrap_or(known.url),
            events: match &asked.events {
                Some(events) => events.clone(),
                None => known.events.words().to_vec(),
            },
            is_enabled: asked.is_enabled.unwrap_or(known.is_enabled),
        };
        let rev = rev.or(Some(known.version));
        shown(&action::edit(ctx, id, rev, &typed)?)
    })
    .await
}

/// Remove a webhook
///
/// What was queued for it isn't sent.
#[utoipa::path(delete, path = "/api/v1/webhooks/{id}", tag = "webhooks", responses((status = 204, description = "Removed")))]
pub async fn remove(call: Call<Nothing>) -> Reply {
    let id: HookId = call.id("id")?;
    call.change(move |ctx, _| {
        action::remove(ctx, id)?;
        Ok(Answer::nothing())
    })
    .await
}

/// Try a webhook out
///
/// Sends it a `ping`.
#[utoipa::path(post, path = "/api/v1/webhooks/{id}/ping", tag = "webhooks", responses((status = 204, description = "It is queued")))]
pub async fn ping(call: Call<Nothing>) -> Reply {
    let id: HookId = call.id("id")?;
    call.change(move |ctx, _| {
        action::ping(ctx, id)?;
        Ok(Answer::nothing())
    })
    .await
}
