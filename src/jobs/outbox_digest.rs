//! Notices that had to wait: after an outage of the relay or of ourselves nobody is read their history to. Whatever has waited too
//! long to be told to one person leaves as one letter, without what is over by now.

use super::outbox::compose;
use super::outbox_clocks::Gathered;
use crate::actions::outbox as deliveries;
use crate::actions::outgoing::{House, LINES, message_id};
use crate::app::{App, Ctx};
use crate::domain::delivery::{Channel, DeliveryKind};
use crate::domain::id::PersonId;
use crate::domain::outgoing::DIGEST_AFTER_SECS;
use crate::domain::timeline::Facts;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::store::outbox::Delivery;
use crate::store::{self, Conn};
use crate::words::Words;

/// More than these are counted, not listed.
const LISTED: i64 = 50;

/// To whom a notice goes that should have left long ago. One that was put off for a fault has waited since it was asked for, any
/// other since it was to leave (`store::told::late` asks the same).
pub(super) fn late_notice(delivery: &Delivery, now: Timestamp) -> Option<PersonId> {
    let is_notice = delivery.kind == DeliveryKind::Notice && delivery.channel == Channel::Mail;
    let since = match delivery.last_error {
        Some(_) => delivery.queued_at,
        None => delivery.next_attempt_at,
    };
    let is_late = now.secs_since(since) >= DIGEST_AFTER_SECS;
    delivery.person.filter(|_| is_notice && is_late)
}

/// Gathers with this notice whatever else has waited for this person.
pub(super) fn gather_late(
    app: &App,
    ctx: &Ctx<'_>,
    house: &House,
    delivery: &Delivery,
    person: PersonId,
) -> Result<Gathered> {
    let id = message_id(house, delivery, None);
    if !deliveries::gather_late(ctx, delivery, person, &id)? {
        return Ok(Gathered::Later);
    }
    let (joined, some) = app
        .store
        .read(|conn| store::told::joined(conn, &id, LISTED - 1))?;
    if joined == 0 {
        return Ok(Gathered::Alone);
    }
    let mut all = some;
    let more = joined - all.len() as i64;
    all.push(delivery.clone());
    all.sort_by_key(|notice| (notice.queued_at, notice.id));
    let facts = app
        .store
        .read(|conn| listed(conn, app, house, &all, more, ctx.now))?;
    Ok(Gathered::Together(Box::new(Delivery {
        ticket: None,
        entry_seq: None,
        facts,
        ..delivery.clone()
    })))
}

/// What the letter says: when each was written and its subject, as it would be now, and how many more there are.
fn listed(
    conn: &mut Conn,
    app: &App,
    house: &House,
    all: &[Delivery],
    more: i64,
    now: Timestamp,
) -> Result<Facts> {
    let words = Words::english();
    let zone = all
        .first()
        .and_then(|notice| notice.person)
        .and_then(|person| house.roster.person(person))
        .map_or(house.roster.settings.house_zone, |person| person.zone);
    let mut lines = Vec::new();
    for notice in all {
        // What has joined may have come to an end while the letter itself had to wait.
        if deliveries::is_over(conn, &notice.facts, notice.ticket)? {
            continue;
        }
        let subject = match compose(conn, app, house, notice, now) {
            Ok(mail) => mail.subject,
            Err(error @ Error::Unavailable(_)) => return Err(error),
            // One that can't be written doesn't keep the others from being told.
            Err(error) => error.to_string(),
        };
        let at = notice.queued_at.in_zone(zone);
        let at = at.format(&words.t("time-week")).to_string();
        let line = words.with(
            "letter-digest-line",
            &[("at", at.into()), ("subject", subject.into())],
        );
        lines.push(line.into_owned());
    }
    let n = lines.len() as i64 + more;
    if more > 0 {
        let more = words.with("letter-digest-more", &[("n", more.to_string().into())]);
        let url = house.public_url.as_deref().unwrap_or_default();
        lines.push(format!("{more} {url}/queue"));
    }
    let oldest = all.first().map_or(now, |notice| notice.queued_at);
    Ok(Facts::new()
        .with("letter", "digest")
        .with("n", n)
        .with("span", words.span(now.secs_since(oldest)))
        .with(LINES, lines.join("\n")))
}
