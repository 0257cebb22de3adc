//! Outgoing webhooks: which events there are and who wants which.

use super::id::HookId;
use super::refusal::FieldError;
use super::timeline::EntryKind;
use super::timestamp::Timestamp;

/// What is sent to try a webhook out.
pub const PING: &str = "ping";
/// Everything that is recorded.
const ALL: &str = "*";

/// Somebody who is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    pub id: HookId,
    pub name: String,
    pub url: String,
    /// Signs each call (Standard Webhooks): `whsec_` and base 64.
    pub secret: String,
    pub events: Events,
    pub is_enabled: bool,
    pub made_at: Timestamp,
    pub version: i64,
}

/// The event that an entry of this kind is: `ticket.resolved`. `None`: nobody outside is told of it.
pub fn event_of(kind: EntryKind) -> Option<String> {
    // A webhook that can't be delivered must not tell the webhook so.
    (kind != EntryKind::DeliveryFailed).then(|| format!("ticket.{kind}"))
}

/// The events that a webhook wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Events(Vec<String>);

impl Events {
    /// `*`, or events such as `ticket.opened`; at least one.
    pub fn parse(words: &[String]) -> Result<Self, FieldError> {
        let mut events: Vec<String> = Vec::new();
        for word in words {
            let word = word.trim();
            let is_known = word == ALL
                || EntryKind::ALL
                    .iter()
                    .any(|kind| event_of(*kind).as_deref() == Some(word));
            if !is_known {
                return Err(
                    FieldError::new("events", "unknown-event").with("value", word.to_owned())
                );
            }
            if !events.iter().any(|known| known == word) {
                events.push(word.to_owned());
            }
        }
        if events.is_empty() {
            return Err(FieldError::new("events", "required"));
        }
        Ok(Self(events))
    }

    /// What [`Events::text`] wrote.
    pub fn from_text(text: &str) -> Self {
        Self(text.split(' ').map(str::to_owned).collect())
    }

    pub fn text(&self) -> String {
        self.0.join(" ")
    }

    pub fn wants(&self, event: &str) -> bool {
        self.0.iter().any(|known| known == ALL || known == event)
    }

    pub fn words(&self) -> &[String] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_hears_what_it_asked_for() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let some = Events::parse(&words("ticket.opened ticket.resolved ticket.opened")).unwrap();
        assert_eq!(some.text(), "ticket.opened ticket.resolved");
        assert!(some.wants("ticket.resolved") && !some.wants("ticket.note"));
        assert_eq!(Events::from_text(&some.text()), some);
        assert!(Events::parse(&words("*")).unwrap().wants("ticket.note"));
        assert_eq!(
            Events::parse(&words("ticket.exploded"))
                .unwrap_err()
                .problem,
            "unknown-event"
        );
        assert_eq!(Events::parse(&[]).unwrap_err().problem, "required");
    }

    #[test]
    fn a_failed_delivery_is_told_to_nobody() {
        assert_eq!(event_of(EntryKind::DeliveryFailed), None);
        assert_eq!(
            event_of(EntryKind::Opened).as_deref(),
            Some("ticket.opened")
        );
    }
}
