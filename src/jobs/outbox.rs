//! Sends what is queued: lease, still wanted?, write, hand over outside any transaction, settle.
//!
//! Two jobs share it. Pages, test pages and account letters have a thread of their own, so that a backlog of notices or a slow
//! relay that is busy with one never holds up a page.

use std::time::Duration;

use super::outbox_clocks::{Gathered, gather};
use super::outbox_digest::{gather_late, late_notice};
use super::outbox_thread::thread;
use super::{Again, Job};
use crate::actions;
use crate::actions::outbox as deliveries;
use crate::actions::outgoing::{self, House, link, message_id};
use crate::app::{App, Ctx};
use crate::domain::delivery::{Channel, DeliveryKind};
use crate::domain::notify::Unsent;
use crate::domain::outgoing::{Handover, OutgoingCall, OutgoingMail};
use crate::domain::ticket::Ticket;
use crate::domain::timeline::Door;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::render::event;
use crate::render::letter;
use crate::store::outbox::Delivery;
use crate::store::{self, Conn};
use crate::words::Words;

pub(super) const PAGES: Job = Job {
    name: "pages",
    run: |app| run(app, 0..2, "pages"),
    rest: Duration::from_millis(5),
    // A relay that thinks for seconds about one page doesn't hold up the next.
    hands: 2,
};
pub(super) const LETTERS: Job = Job {
    name: "letters",
    run: |app| run(app, 2..i16::MAX, "letters"),
    rest: Duration::from_millis(100),
    // Each letter waits for three commits and a relay; side by side they share the commits.
    hands: 4,
};

/// Deliveries leased at a time: few, so that a more urgent one that comes in meanwhile is next.
const BATCH: i64 = 8;

/// What does the leasing: on SQLite one process sends, and its name outlives it, so that a restart finds its own leases.
fn worker(app: &App, lane: &str) -> String {
    if app.store.is_sqlite() {
        format!("{lane}@this")
    } else {
        format!("{lane}@{}", std::process::id())
    }
}

/// Frees what a process that died on this database had leased. Called once at start, before the jobs run.
pub fn release_leases(app: &App) -> Result<()> {
    for lane in ["pages", "letters"] {
        deliveries::release(app, &worker(app, lane))?;
    }
    Ok(())
}

fn run(app: &App, urgencies: std::ops::Range<i16>, lane: &str) -> Result<Again> {
    let ctx = app.system("outbox", Door::Clock);
    let leased = deliveries::lease(&ctx, &worker(app, lane), urgencies, BATCH)?;
    let is_full = leased.len() as i64 == BATCH;
    let house = match leased.is_empty() {
        true => return Ok(Again::Later),
        false => app.store.read(|conn| House::load(conn, app))?,
    };
    for delivery in &leased {
        send(app, &house, delivery)?;
    }
    Ok(if is_full { Again::AtOnce } else { Again::Later })
}

fn send(app: &App, house: &House, delivery: &Delivery) -> Result<()> {
    let ctx = app.system("outbox", Door::Clock);
    let unwanted = |conn: &mut Conn| unwanted(conn, house, delivery, ctx.now);
    if let Some((why, of_page)) = app.store.read(unwanted)? {
        if delivery.kind == DeliveryKind::Notice {
            deliveries::part(&ctx, &message_id(house, delivery, None))?;
        }
        return deliveries::cancel(&ctx, delivery, &Words::english().t(why), of_page);
    }
    match delivery.channel {
        Channel::Mail => send_mail(app, &ctx, house, delivery),
        Channel::Webhook => send_call(app, &ctx, house, delivery),
    }
}

/// Asked right before sending: a page that was acknowledged, a letter about a ticket that is gone. Why it isn't sent, as a key of
/// the catalogue and as the page log says it.
fn unwanted(
    conn: &mut Conn,
    house: &House,
    delivery: &Delivery,
    now: Timestamp,
) -> Result<Option<(&'static str, Unsent)>> {
    if let Some(page) = delivery.page
        && let Some(why) = actions::page::unwanted(conn, page)?
    {
        let key = match why {
            Unsent::Newer => "unwanted-newer",
            _ => "unwanted-answered",
        };
        return Ok(Some((key, why)));
    }
    if delivery.kind == DeliveryKind::Notice
        && let Some(why) = actions::sla_notice::unwanted(conn, &delivery.facts)?
    {
        return Ok(Some((why, Unsent::Over)));
    }
    if delivery.kind == DeliveryKind::Notice
        && actions::approval_ask::is_unwanted(conn, &house.roster, delivery, now)?
    {
        return Ok(Some(("unwanted-approval", Unsent::Over)));
    }
    if delivery.kind == DeliveryKind::Notice
        && let Some(why) = actions::freeze_ahead::unwanted(conn, &delivery.facts, now)?
    {
        return Ok(Some((why, Unsent::Over)));
    }
    if delivery.kind == DeliveryKind::Notice
        && let Some(why) = actions::intake::unwanted(conn, &delivery.facts)?
    {
        return Ok(Some((why, Unsent::Over)));
    }
    if late_notice(delivery, now).is_some()
        && deliveries::is_over(conn, &delivery.facts, delivery.ticket)?
    {
        return Ok(Some(("unwanted-over", Unsent::Over)));
    }
    if let Some(person) = delivery.person
        && delivery.kind != DeliveryKind::Account
        && !house
            .roster
            .person(person)
            .is_some_and(|person| person.is_active)
    {
        return Ok(Some(("unwanted-deactivated", Unsent::Deactivated)));
    }
    if let Some(None) = actions::webhook::of_delivery(conn, &delivery.facts)? {
        return Ok(Some(("unwanted-webhook-off", Unsent::NoAddress)));
    }
    Ok(None)
}

fn send_mail(app: &App, ctx: &Ctx<'_>, house: &House, delivery: &Delivery) -> Result<()> {
    let mailer = app.post.mailer(house.relay.as_deref(), &house.host);
    if !mailer.is_somewhere() {
        return deliveries::wait_for_relay(ctx, delivery);
    }
    let gathered = match late_notice(delivery, ctx.now) {
        Some(person) => gather_late(app, ctx, house, delivery, person)?,
        None => gather(app, ctx, house, delivery)?,
    };
    let gathered = match gathered {
        Gathered::Alone => None,
        Gathered::Together(about) => Some(about),
        Gathered::Later => return Ok(()),
    };
    // Files that are too large for it go by a link.
    if delivery.kind == DeliveryKind::Reply {
        mailer.get_to_know();
    }
    let mail = match app.store.read(|conn| {
        let written = gathered.as_deref().unwrap_or(delivery);
        compose(conn, app, house, written, ctx.now)
    }) {
        Ok(mail) => mail,
        Err(error @ Error::Unavailable(_)) => return Err(error),
        Err(error) => {
            tracing::error!(%error, delivery = %delivery.id, "a letter could not be written");
            return deliveries::spoil(ctx, delivery, &error.to_string());
        }
    };
    let Some(number) = deliveries::begin(ctx, delivery, &mail.message_id)? else {
        return Ok(());
    };
    let outcome = mailer.send(&mail);
    finish(app, delivery, number, &outcome)
}

fn finish(app: &App, delivery: &Delivery, number: i32, outcome: &Handover) -> Result<()> {
    // The hand-over took its time: what it ended with is noted at its end.
    let ctx = app.system("outbox", Door::Clock);
    let word = match outcome {
        Handover::Accepted(_) => "accepted",
        Handover::Deferred(_) => "deferred",
        Handover::Refused(_) => "refused",
        Handover::Unsure(_) => "unsure",
    };
    metrics::counter!("watchkeeper_deliveries_total", "kind" => delivery.kind.as_str(), "outcome" => word).increment(1);
    if delivery.kind == DeliveryKind::Page && matches!(outcome, Handover::Accepted(_)) {
        let waited = ctx.now.micros_since(delivery.queued_at) as f64 / 1e6;
        metrics::histogram!("watchkeeper_page_handover_seconds").record(waited);
    }
    if !matches!(outcome, Handover::Accepted(_)) {
        tracing::warn!(delivery = %delivery.id, kind = %delivery.kind, number, outcome = word, "a message was not accepted");
    }
    deliveries::settle(&ctx, delivery, number, outcome)
}

/// The letter, from the ticket as it stands now, in its thread.
pub(super) fn compose(
    conn: &mut Conn,
    app: &App,
    house: &House,
    delivery: &Delivery,
    now: Timestamp,
) -> Result<OutgoingMail> {
    let mut mail = outgoing::compose(conn, app, house, delivery, now)?;
    (mail.in_reply_to, mail.references) = thread(conn, delivery, &house.host)?;
    Ok(mail)
}

fn send_call(app: &App, ctx: &Ctx<'_>, house: &House, delivery: &Delivery) -> Result<()> {
    let call = app
        .store
        .read(|conn| call(conn, app, house, delivery, ctx.now))?;
    let Some(number) = deliveries::begin(ctx, delivery, &call.id)? else {
        return Ok(());
    };
    let outcome = app.post.caller.send(&call);
    finish(app, delivery, number, &outcome)
}

/// A webhook's body: the frozen one, else the facts of the message.
fn call(
    conn: &mut Conn,
    app: &App,
    house: &House,
    delivery: &Delivery,
    now: Timestamp,
) -> Result<OutgoingCall> {
    let frozen = match delivery.frozen {
        Some(hash) => store::blob::get(conn, hash)?,
        None => None,
    };
    let ticket = match delivery.ticket {
        Some(id) => store::ticket::by_id(conn, id)?,
        None => None,
    };
    let id = delivery.page.map_or(delivery.id.uuid(), |page| page.uuid());
    let hook = actions::webhook::of_delivery(conn, &delivery.facts)?.flatten();
    let told = delivery.facts.get("event").filter(|_| hook.is_some());
    let body = match (frozen, told) {
        (Some(bytes), _) => String::from_utf8_lossy(&bytes).into_owned(),
        (None, Some(event)) => event_body(conn, house, delivery, ticket.as_ref(), event, now)?,
        (None, None) => serde_json::json!({
            "type": letter::word(delivery.kind, &delivery.facts),
            "timestamp": now.rfc3339(),
            "data": {
                "id": id.to_string(),
                "ticket": ticket.as_ref().map(|ticket| ticket.key.to_string()),
                "title": ticket.as_ref().map(|ticket| ticket.title.to_string()),
                "severity": ticket.as_ref().and_then(|ticket| ticket.severity).map(|severity| severity.as_str()),
                "url": house.public_url.as_ref().zip(ticket.as_ref()).map(|(url, ticket)| format!("{url}/{}", ticket.key)),
                "acknowledge_url": link(app, house, delivery),
            },
        })
        .to_string(),
    };
    // A subscriber's call is signed with their secret, a person's with that person's.
    let secret = match (hook, delivery.person) {
        (Some(hook), _) => Some(hook.secret),
        (None, Some(person)) => {
            store::people::signing_secret(conn, person)?.map(|(secret, _)| secret)
        }
        (None, None) => None,
    };
    Ok(OutgoingCall {
        url: delivery.address.clone(),
        id: format!("msg_{}", id.simple()),
        body,
        secret,
        at: now,
    })
}

/// What a webhook's subscriber is told: the entry as it stands on the timeline, redacted if it was meanwhile.
fn event_body(
    conn: &mut Conn,
    house: &House,
    delivery: &Delivery,
    ticket: Option<&Ticket>,
    event: &str,
    now: Timestamp,
) -> Result<String> {
    let entry = match (ticket, delivery.entry_seq) {
        (Some(ticket), Some(seq)) => store::timeline::by_seq(conn, ticket.id, seq)?,
        _ => None,
    };
    let happened = entry.as_ref().map(|entry| event::Happened {
        seq: entry.seq,
        kind: entry.kind,
        at: entry.effective_at,
        actor_name: &entry.actor_name,
        door: entry.door,
        audience: entry.audience,
        body: &entry.body,
        facts: &entry.facts,
    });
    let url = house.public_url.as_deref();
    Ok(event::body(event, now, url, ticket, happened.as_ref()))
}
