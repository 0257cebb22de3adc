//! What forges send: whether it is theirs, and what it says has moved.

mod payload;
mod signature;

pub use payload::{Event, read};
pub use signature::{check, delivery_id};

/// The headers that count, by their lower-case names.
pub const HEADERS: &[&str] = &[
    "content-type",
    "idempotency-key",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
    "x-event-key",
    "x-forgejo-delivery",
    "x-forgejo-event",
    "x-forgejo-signature",
    "x-gitea-delivery",
    "x-gitea-event",
    "x-gitea-signature",
    "x-github-delivery",
    "x-github-event",
    "x-gitlab-event",
    "x-gitlab-event-uuid",
    "x-gitlab-token",
    "x-hub-signature",
    "x-hub-signature-256",
    "x-request-id",
    "x-request-uuid",
];

/// A request as it came.
#[derive(Debug, Clone, Default)]
pub struct Sent {
    /// Those of [`HEADERS`] that it has.
    pub headers: Vec<(&'static str, String)>,
    /// Byte for byte: signatures are over these.
    pub body: Vec<u8>,
}

impl Sent {
    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| *known == name);
        found
            .map(|(_, value)| value.trim())
            .filter(|value| !value.is_empty())
    }

    /// The first of these that it has.
    fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.header(name))
    }
}
