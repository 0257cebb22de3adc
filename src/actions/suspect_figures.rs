//! How often the list of suspects was right, from what responders found.

use std::collections::BTreeMap;

use super::allow;
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::id::TicketId;
use crate::domain::refusal::FieldError;
use crate::domain::sla_report::Period;
use crate::domain::suspect_figures::{Found, Report};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::store::{self, suspect as marks};

pub fn read(ctx: &Ctx<'_>, period: Period) -> Result<Report> {
    allow(&ctx.by, Action::ReadTickets, Target::House)?;
    let whole = period.interval();
    if whole.from > ctx.now {
        return Err(FieldError::new("from", "period-not-begun").into());
    }
    ctx.read(|conn| {
        let mut best: BTreeMap<TicketId, (Timestamp, Option<i64>)> = BTreeMap::new();
        for (ticket, at, place) in marks::causes(conn, whole)? {
            let known = best.entry(ticket).or_insert((at, place));
            known.0 = known.0.max(at);
            known.1 = match (known.1, place) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
        let ids: Vec<TicketId> = best.keys().copied().collect();
        let tickets = store::ticket::by_ids(conn, &ids)?;
        let mut found: Vec<Found> = tickets
            .into_iter()
            .filter_map(|ticket| {
                let (at, place) = best.get(&ticket.id)?;
                Some(Found {
                    incident: ticket.key,
                    title: ticket.title.to_string(),
                    at: *at,
                    place: *place,
                })
            })
            .collect();
        found.sort_by_key(|it| (std::cmp::Reverse(it.at), it.incident));
        Ok(Report {
            period,
            as_of: (ctx.now < whole.to).then_some(ctx.now),
            found,
            unexplained: marks::unexplained(conn, whole)?,
        })
    })
}
