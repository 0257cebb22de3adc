//! Outgoing webhooks: who is told, and what is queued for them in the transaction that records it.

use super::{allow, audit};
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::delivery::{Channel, DeliveryKind};
use crate::domain::id::{HookId, Id};
use crate::domain::people::web_address;
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::roster::Roster;
use crate::domain::text::one_line;
use crate::domain::ticket::Ticket;
use crate::domain::timeline::Facts;
use crate::domain::webhook::{Events, PING, Webhook, event_of};
use crate::error::{Error, Fields, Result};
use crate::secrets;
use crate::store::outbox::{self, NewDelivery};
use crate::store::timeline::Recorded;
use crate::store::{Conn, Tx, webhook as rows};

/// Webhooks of one installation; each is read with every change.
const MOST: usize = 50;

/// What somebody says of a webhook.
#[derive(Debug, Clone)]
pub struct Typed {
    pub name: String,
    pub url: String,
    pub events: Vec<String>,
    pub is_enabled: bool,
}

impl Typed {
    fn check(&self) -> Result<(String, String, Events)> {
        let mut fields = Fields::new();
        let name = fields.take(one_line("name", &self.name, 80));
        let url = fields.take(
            web_address("url", &self.url)
                .and_then(|url| url.ok_or_else(|| FieldError::new("url", "required"))),
        );
        let events = fields.take(Events::parse(&self.events));
        fields.check()?;
        match (name, url, events) {
            (Some(name), Some(url), Some(events)) => Ok((name, url, events)),
            _ => Err(Error::internal("a webhook without a fault")),
        }
    }
}

/// Every webhook, oldest first.
pub fn list(ctx: &Ctx<'_>) -> Result<Vec<Webhook>> {
    allow(&ctx.by, Action::ManageSettings, Target::House)?;
    ctx.read(rows::all)
}

pub fn read(ctx: &Ctx<'_>, id: HookId) -> Result<Webhook> {
    allow(&ctx.by, Action::ManageSettings, Target::House)?;
    ctx.read(|conn| rows::by_id(conn, id))?
        .ok_or(Error::NotFound)
}

/// Makes a webhook with a secret of its own, which signs each call.
pub fn add(ctx: &Ctx<'_>, typed: &Typed) -> Result<Webhook> {
    allow(&ctx.by, Action::ManageSettings, Target::House)?;
    let (name, url, events) = typed.check()?;
    let secret = secrets::new_signing_secret()?;
    ctx.write(|tx| {
        if rows::all(tx)?.len() >= MOST {
            return Err(Refusal::new("too-many-webhooks")
                .with("max", MOST.to_string())
                .into());
        }
        let hook = Webhook {
            id: Id::new(ctx.now),
            name: name.clone(),
            url: url.clone(),
            secret: secret.clone(),
            events: events.clone(),
            is_enabled: typed.is_enabled,
            made_at: ctx.now,
            version: 1,
        };
        rows::insert(tx, &hook)?;
        audit::note(tx, ctx, "webhook-added", &hook.url, &facts(&hook))?;
        Ok(hook)
    })
}

/// Changes it; `rev` is the version that was seen.
pub fn edit(ctx: &Ctx<'_>, id: HookId, rev: Option<i64>, typed: &Typed) -> Result<Webhook> {
    allow(&ctx.by, Action::ManageSettings, Target::House)?;
    let (name, url, events) = typed.check()?;
    ctx.write(|tx| {
        let mut hook = rows::by_id(tx, id)?.ok_or(Error::NotFound)?;
        if rev.is_some_and(|rev| rev != hook.version) {
            return Err(Error::Stale);
        }
        hook.name.clone_from(&name);
        hook.url.clone_from(&url);
        hook.events = events.clone();
        hook.is_enabled = typed.is_enabled;
        rows::update(tx, &mut hook)?;
        audit::note(tx, ctx, "webhook-edited", &hook.url, &facts(&hook))?;
        Ok(hook)
    })
}

fn facts(hook: &Webhook) -> Facts {
    Facts::new()
        .with("name", &hook.name)
        .with("events", hook.events.text())
        .with("is_enabled", hook.is_enabled)
}

/// Removes it; what was queued for it isn't sent.
pub fn remove(ctx: &Ctx<'_>, id: HookId) -> Result<()> {
    allow(&ctx.by, Action::ManageSettings, Target::House)?;
    ctx.write(|tx| {
        let hook = rows::by_id(tx, id)?.ok_or(Error::NotFound)?;
        rows::delete(tx, id)?;
        audit::note(tx, ctx, "webhook-removed", &hook.url, &Facts::new())
    })
}

/// Sends a `ping`, so that the receiver can be tried out.
pub fn ping(ctx: &Ctx<'_>, id: HookId) -> Result<()> {
    allow(&ctx.by, Action::ManageSettings, Target::House)?;
    ctx.write(|tx| {
        let hook = rows::by_id(tx, id)?.ok_or(Error::NotFound)?;
        if !hook.is_enabled {
            return Err(Refusal::new("webhook-disabled").into());
        }
        let once: Id<()> = Id::new(ctx.now);
        let key = format!(
            "hook-{}-ping-{}",
            hook.id.uuid().simple(),
            once.uuid().simple()
        );
        outbox::queue(tx, &call(&hook, PING, key), ctx.now)?;
        Ok(())
    })
}

/// Queues a call to each webhook that wants to hear of an entry.
pub fn follow(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    roster: &Roster,
    ticket: &Ticket,
    recorded: &[Recorded],
) -> Result<()> {
    if roster.webhooks.is_empty() {
        return Ok(());
    }
    for entry in recorded {
        let Some(event) = event_of(entry.kind) else {
            continue;
        };
        for hook in roster
            .webhooks
            .iter()
            .filter(|hook| hook.events.wants(&event))
        {
            let key = format!(
                "hook-{}-{}",
                hook.id.uuid().simple(),
                entry.id.uuid().simple()
            );
            let mut new = call(hook, &event, key);
            new.ticket = Some(ticket.id);
            new.entry_seq = Some(entry.seq);
            outbox::queue(tx, &new, ctx.now)?;
        }
    }
    Ok(())
}

/// The secret stays with the webhook: it is looked up when the call is made.
fn call(hook: &Webhook, event: &str, key: String) -> NewDelivery {
    let facts = Facts::new().with("webhook", hook.id).with("event", event);
    NewDelivery {
        channel: Channel::Webhook,
        facts,
        ..NewDelivery::mail(DeliveryKind::Webhook, key, &hook.url)
    }
}

/// The webhook for which this was queued: `None` if it was for none, `Some(None)` if that one is gone or switched off.
pub fn of_delivery(conn: &mut Conn, facts: &Facts) -> Result<Option<Option<Webhook>>> {
    let Some(text) = facts.get("webhook") else {
        return Ok(None);
    };
    let found = match Id::parse(text) {
        Some(id) => rows::by_id(conn, id)?,
        None => None,
    };
    Ok(Some(found.filter(|hook| hook.is_enabled)))
}
