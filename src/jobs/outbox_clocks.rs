//! Several clocks in one letter: after a night in which nothing ran, or when everything is late at once, nobody gets a hundred
//! mails. A person hears of clocks at most once a minute; what has come up by then stands in one letter.

use crate::actions;
use crate::actions::outbox as deliveries;
use crate::actions::outgoing::{House, LINES, message_id};
use crate::app::{App, Ctx};
use crate::domain::delivery::DeliveryKind;
use crate::domain::id::PersonId;
use crate::domain::timeline::{EntryKind, Facts};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::store::outbox::Delivery;
use crate::store::{self, Conn};
use crate::words::Words;

/// More than these are counted, not listed.
const LISTED: i64 = 50;

/// What became of a notice that is about to go out.
pub(super) enum Gathered {
    /// It goes out as it is.
    Alone,
    /// The same delivery, about several.
    Together(Box<Delivery>),
    /// Its recipient heard of clocks a moment ago.
    Later,
}

/// The person who is told of a clock.
pub(super) fn about_clock(delivery: &Delivery) -> Option<PersonId> {
    let is_one = delivery.kind == DeliveryKind::Notice && delivery.facts.get("clock").is_some();
    delivery.person.filter(|_| is_one)
}

pub(super) fn gather(
    app: &App,
    ctx: &Ctx<'_>,
    house: &House,
    delivery: &Delivery,
) -> Result<Gathered> {
    let Some(person) = about_clock(delivery) else {
        return Ok(Gathered::Alone);
    };
    let id = message_id(house, delivery, None);
    if !deliveries::gather(ctx, delivery, person, &id)? {
        return Ok(Gathered::Later);
    }
    let (joined, first) = app
        .store
        .read(|conn| store::told::joined(conn, &id, LISTED - 1))?;
    if joined == 0 {
        return Ok(Gathered::Alone);
    }
    let mut all = vec![delivery.clone()];
    all.extend(first);
    let more = joined + 1 - all.len() as i64;
    let facts = app
        .store
        .read(|conn| summary(conn, house, &all, more, ctx.now))?;
    Ok(Gathered::Together(Box::new(Delivery {
        ticket: None,
        entry_seq: None,
        facts,
        ..delivery.clone()
    })))
}

/// What the letter says: each clock that still runs as it stands now, and how many more there are.
fn summary(
    conn: &mut Conn,
    house: &House,
    all: &[Delivery],
    more: i64,
    now: Timestamp,
) -> Result<Facts> {
    let words = Words::english();
    let mut lines = Vec::new();
    let (mut late, mut soon) = (0, 0);
    for notice in all {
        if actions::sla_notice::unwanted(conn, &notice.facts)?.is_some() {
            continue;
        }
        let Some(ticket) = notice.ticket else {
            continue;
        };
        let Some(ticket) = store::ticket::by_id(conn, ticket)? else {
            continue;
        };
        let is_late = notice.facts.get("about") == Some(EntryKind::ClockBreached.as_str());
        if is_late {
            late += 1;
        } else {
            soon += 1;
        }
        let left = notice
            .facts
            .instant("deadline")
            .map(|at| at.secs_since(now));
        let how = match left {
            Some(left) if left >= 0 => {
                words.with("letter-clocks-due", &[("span", words.span(left).into())])
            }
            Some(left) => words.with("clock-over", &[("span", words.span(-left).into())]),
            None => "".into(),
        };
        let metric = notice.facts.get("metric").unwrap_or_default();
        let key = format!("metric-{}", metric.replace('_', "-"));
        let line = words.with(
            "letter-clocks-line",
            &[
                ("key", ticket.key.to_string().into()),
                ("title", ticket.title.to_string().into()),
                ("metric", words.t(&key).into()),
                ("how", how.into()),
            ],
        );
        let belated = notice.facts.instant("belated").map(|due_at| {
            let span = words.span(notice.queued_at.secs_since(due_at));
            words.with("letter-clocks-belated", &[("span", span.into())])
        });
        lines.push(match belated {
            Some(belated) => format!("{line} {belated}"),
            None => line.into_owned(),
        });
    }
    if more > 0 {
        let more = words.with("letter-clocks-more", &[("n", more.to_string().into())]);
        let url = house.public_url.as_deref().unwrap_or_default();
        lines.push(format!("{more} {url}/queue"));
    }
    Ok(Facts::new()
        .with("letter", "clocks")
        .with("n", late + soon + more)
        .with("late", late)
        .with("soon", soon)
        .with(LINES, lines.join("\n")))
}
