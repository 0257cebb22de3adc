//! The incident that glass is broken for. Who breaks it does so because something is wrong: the emergency change and the incident name
//! each other, so that whoever looks at one finds the other.
//!
//! Which incident: one that was named with it; else one that the change belongs to already; else, of those that are open on its
//! services, the worst, and of equals the newest. Incidents are where customers are: what is broken for another environment has none.

use std::cmp::Reverse;

use super::ticket::open_in;
use super::ticket_parts::link_in;
use crate::app::Ctx;
use crate::domain::id::{Kind, ServiceId, TicketKey};
use crate::domain::severity::Severity;
use crate::domain::text::Title;
use crate::domain::ticket::{Opening, Relation, Ticket};
use crate::domain::timeline::Entry;
use crate::error::Result;
use crate::store::{self, Conn, Tx};

/// What an incident is called that nobody has judged yet. In working hours its team hears of it; a night isn't ended by it.
const UNJUDGED: Severity = Severity::Average;

/// What is known when glass is broken.
pub(super) struct Broken<'a> {
    pub services: &'a [ServiceId],
    /// Tickets that were named with it; what isn't an open incident is passed over.
    pub named: &'a [TicketKey],
    pub reason: &'a str,
}

/// The incident that a change stands with, and what its timeline says of that; no entries if they name each other already.
pub(super) struct Stands {
    pub incident: TicketKey,
    pub entries: Vec<Entry>,
}

/// Links the change to the incident that is open; nothing if there is none.
pub(super) fn link_open(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    change: &Ticket,
    broken: &Broken<'_>,
) -> Result<Option<Stands>> {
    let Some(mut incident) = find(tx, change, broken)? else {
        return Ok(None);
    };
    // However they are linked, they name each other.
    let entries = match store::agenda::linked_to(tx, change.id)?.contains(&incident.id) {
        true => Vec::new(),
        false => link_in(tx, ctx, change, Relation::RelatedTo, &mut incident)?,
    };
    Ok(Some(Stands {
        incident: incident.key,
        entries,
    }))
}

/// The same, and opens one if there is none. Whoever broke the glass has it: they are at work on it already.
pub(super) fn link_or_open(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    change: &Ticket,
    broken: &Broken<'_>,
) -> Result<Stands> {
    if let Some(stands) = link_open(tx, ctx, change, broken)? {
        return Ok(stands);
    }
    let reason = broken.reason.trim();
    let title = format!("{} broke the glass: {reason}", ctx.by.name());
    let opening = Opening {
        severity: Some(UNJUDGED),
        services: broken.services.to_vec(),
        owner: ctx.by.person(),
        body: format!(
            "{reason}\n\nThe glass was broken for {key}, and no incident was open that it belongs to. Say how severe it is, and who is \
             hit; if nothing is broken, cancel this.",
            key = change.key
        ),
        ..Opening::default()
    };
    let title = Title::from_foreign(&title, "The glass was broken");
    let mut incident = open_in(tx, ctx, Kind::Incident, title, &opening, None)?;
    let entries = link_in(tx, ctx, change, Relation::RelatedTo, &mut incident)?;
    Ok(Stands {
        incident: incident.key,
        entries,
    })
}

fn find(conn: &mut Conn, change: &Ticket, broken: &Broken<'_>) -> Result<Option<Ticket>> {
    let named = broken.named.iter().copied().chain(keys_in(broken.reason));
    for key in named.filter(|key| key.kind == Kind::Incident) {
        let found = store::ticket::by_key(conn, key)?;
        if let Some(incident) = found.filter(Ticket::is_open) {
            return Ok(Some(incident));
        }
    }
    let linked = store::agenda::linked_to(conn, change.id)?;
    if let Some(incident) = worst(store::ticket::by_ids(conn, &linked)?) {
        return Ok(Some(incident));
    }
    if broken.services.is_empty() {
        return Ok(None);
    }
    let open = store::agenda::open_incidents(conn, broken.services)?;
    let ids: Vec<_> = open.iter().map(|it| it.ticket).collect();
    Ok(worst(store::ticket::by_ids(conn, &ids)?))
}

fn worst(tickets: Vec<Ticket>) -> Option<Ticket> {
    let incidents = tickets.into_iter();
    let incidents = incidents.filter(|it| it.key.kind == Kind::Incident && it.is_open());
    incidents.min_by_key(|it| {
        let rank = it.severity.unwrap_or(Severity::Information).rank();
        (rank, Reverse(it.key.number))
    })
}

/// Keys that stand in a sentence: `INC-7: nobody can pay`.
fn keys_in(text: &str) -> impl Iterator<Item = TicketKey> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
        .filter_map(|word| word.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_may_name_the_incident() {
        let keys = |text: &str| {
            let keys = keys_in(text).map(|key| key.to_string());
            keys.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(keys("INC-7: nobody can pay"), "INC-7");
        assert_eq!(keys("for CHG-3, see (INC-12) and utf-8"), "CHG-3 INC-12");
        assert_eq!(keys("the site is down"), "");
    }
}
