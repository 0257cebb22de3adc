//! What an outgoing webhook says: one event, with the ticket as it stands when the call is made.

use serde_json::{Value, json};

use crate::domain::ticket::Ticket;
use crate::domain::timeline::{Audience, Door, EntryKind, Facts};
use crate::domain::timestamp::Timestamp;

/// The entry that the event is.
#[derive(Debug)]
pub struct Happened<'a> {
    pub seq: i64,
    pub kind: EntryKind,
    pub at: Timestamp,
    pub actor_name: &'a str,
    pub door: Door,
    pub audience: Audience,
    pub body: &'a str,
    pub facts: &'a Facts,
}

/// The body: `type`, `timestamp` and `data`, as Standard Webhooks recommends.
pub fn body(
    event: &str,
    now: Timestamp,
    public_url: Option<&str>,
    ticket: Option<&Ticket>,
    entry: Option<&Happened<'_>>,
) -> String {
    let happened_at = entry.map_or(now, |entry| entry.at);
    json!({
        "type": event,
        "timestamp": happened_at.rfc3339(),
        "data": {
            "ticket": ticket.map(|ticket| ticket_of(ticket, public_url)),
            "entry": entry.map(entry_of),
        },
    })
    .to_string()
}

fn ticket_of(ticket: &Ticket, public_url: Option<&str>) -> Value {
    json!({
        "key": ticket.key.to_string(),
        "kind": ticket.key.kind.as_str(),
        "title": ticket.title.as_str(),
        "state": ticket.state.as_str(),
        "is_open": ticket.is_open(),
        "severity": ticket.severity.map(|word| word.as_str()),
        "priority": ticket.priority.map(|word| word.as_str()),
        "risk": ticket.risk.map(|word| word.as_str()),
        "customer_id": ticket.customer.map(|id| id.to_string()),
        "owner_id": ticket.owner.map(|id| id.to_string()),
        "team_id": ticket.team.map(|id| id.to_string()),
        "service_id": ticket.service.map(|id| id.to_string()),
        "logged_at": ticket.logged_at.rfc3339(),
        "impact_at": ticket.impact_at.rfc3339(),
        "version": ticket.version,
        "url": public_url.map(|url| format!("{url}/{}", ticket.key)),
    })
}

fn entry_of(entry: &Happened<'_>) -> Value {
    let facts: serde_json::Map<String, Value> = entry
        .facts
        .iter()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    json!({
        "seq": entry.seq,
        "kind": entry.kind.as_str(),
        "actor_name": entry.actor_name,
        "door": entry.door.as_str(),
        "audience": match entry.audience {
            Audience::Internal => "internal",
            Audience::Customer(_) => "customer",
            Audience::AllAffected => "all_affected",
        },
        "body": entry.body,
        "facts": facts,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ping_says_what_it_is_and_nothing_else() {
        let now = Timestamp::from_micros(1_790_000_000_000_000);
        let said: Value = serde_json::from_str(&body("ping", now, None, None, None)).unwrap();
        assert_eq!(said["type"], "ping");
        assert_eq!(said["timestamp"], now.rfc3339());
        assert!(said["data"]["ticket"].is_null());
    }
}
