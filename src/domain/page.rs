//! A page: one call for one person about one incident, on all of that person's channels.
//!
//! Facts are its events; the page's state is derived from them and kept as a cache. "Accepted" means that a relay took it over: mail
//! knows no more, and nobody here calls that delivered.

use chrono_tz::Tz;

use super::id::{PageId, PersonId, TicketKey};
use super::link_token;
use super::severity::Severity;
use super::text::Title;
use super::timestamp::Timestamp;
use super::word::words;

words! {
    /// Why somebody is paged.
    pub enum PageKind {
        /// A step of an escalation.
        Escalation = "escalation",
        /// Every step was walked and nobody answered.
        DeadEnd = "dead_end",
        /// A colleague asked for this person.
        Asked = "asked",
        /// "Send me a test page".
        Test = "test",
        /// Sent now and then to find out whether this person can be reached.
        SelfTest = "self_test",
    }
}

words! {
    /// What happened to a page. Facts, in the order in which a page can come to them.
    pub enum PageEventKind {
        Queued = "queued",
        Attempted = "attempted",
        /// The relay or gateway took it over.
        Accepted = "accepted",
        /// The hand-over's outcome is unknown.
        Unsure = "unsure",
        /// Refused for good by one channel.
        Refused = "refused",
        /// A receipt came back.
        Delivered = "delivered",
        Seen = "seen",
        Acked = "acked",
        /// Not sent, with its reason.
        Suppressed = "suppressed",
    }
}

words! {
    /// What a page has come to. Later words win over earlier ones.
    pub enum PageState {
        Queued = "queued",
        /// Given up on every channel.
        Failed = "failed",
        Attempted = "attempted",
        Suppressed = "suppressed",
        Unsure = "unsure",
        Accepted = "accepted",
        Delivered = "delivered",
        Seen = "seen",
        Acked = "acked",
    }
}

/// What a page has come to, from its events in any order. `channels` is on how many channels it was queued.
///
/// It has failed when every channel refused it; an acknowledgement counts whatever the channels said.
pub fn state_of(events: &[PageEventKind], channels: usize) -> PageState {
    let has = |kind| events.contains(&kind);
    let refused = events
        .iter()
        .filter(|kind| **kind == PageEventKind::Refused)
        .count();
    for (kind, state) in [
        (PageEventKind::Acked, PageState::Acked),
        (PageEventKind::Seen, PageState::Seen),
        (PageEventKind::Delivered, PageState::Delivered),
        (PageEventKind::Accepted, PageState::Accepted),
        (PageEventKind::Unsure, PageState::Unsure),
    ] {
        if has(kind) {
            return state;
        }
    }
    if channels > 0 && refused >= channels {
        return PageState::Failed;
    }
    // Tried, put off, and then no longer wanted: it won't be tried again.
    if has(PageEventKind::Suppressed) {
        return PageState::Suppressed;
    }
    if has(PageEventKind::Attempted) {
        return PageState::Attempted;
    }
    PageState::Queued
}

/// What a page says: on the phone, in the mail and on its own screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub kind: PageKind,
    /// Empty for a test page.
    pub about: Option<Subject>,
    /// What happens if nobody answers.
    pub next: Option<(Timestamp, Next)>,
    /// Of the person who is paged: times are theirs.
    pub zone: Tz,
    /// Since when they should have heard of it: their first page about it that didn't get through.
    pub asked_at: Timestamp,
}

/// A page that leaves later than this after it was asked for says so, in seconds.
pub const LATE_SECS: i64 = 120;

/// The incident that a page is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    pub key: TicketKey,
    pub title: Title,
    pub severity: Option<Severity>,
    /// Who was hit, by name.
    pub customer: Option<String>,
    pub impact_at: Timestamp,
    /// Who has it, by name.
    pub owner: Option<String>,
    pub is_open: bool,
    /// The promise that is late, by its metric, and since when.
    pub late: Option<(String, Timestamp)>,
    /// The promise of which a warning began this paging, by its metric, and its deadline.
    pub soon: Option<(String, Timestamp)>,
}

/// What comes next without an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// These people are paged, by name.
    People(Vec<String>),
    WholeTeam,
    /// The whole team and the admins hear that nobody answered.
    DeadEnd,
}

/// How long an acknowledge link works, in seconds: two days, so that a page found in the morning can still be answered.
pub const LINK_SECS: i64 = 48 * 3_600;

/// What an acknowledge link says, and what its signature covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    pub page: PageId,
    pub person: PersonId,
    pub expires_at: Timestamp,
}

const LABEL: &str = "watchkeeper page link";

impl Link {
    /// For `page`, queued at `now`. Expiry is kept in whole seconds.
    pub const fn new(page: PageId, person: PersonId, now: Timestamp) -> Self {
        let secs = now.micros().div_euclid(1_000_000) + LINK_SECS;
        Self {
            page,
            person,
            expires_at: Timestamp::from_micros(secs * 1_000_000),
        }
    }

    fn payload(self) -> [u8; 37] {
        let mut bytes = [0; 37];
        bytes[..16].copy_from_slice(self.page.uuid().as_bytes());
        bytes[16..32].copy_from_slice(self.person.uuid().as_bytes());
        let secs = self.expires_at.micros().div_euclid(1_000_000).to_be_bytes();
        bytes[32..].copy_from_slice(&secs[3..]);
        bytes
    }

    /// The link's token: 71 characters that need no escaping in an address.
    pub fn token(self, secret: &[u8]) -> String {
        link_token::write(LABEL, secret, &self.payload())
    }

    /// Reads a token that we signed; `None` for anything else. Whether it has expired is the caller's question: a late link
    /// gets a page that says so.
    pub fn read(token: &str, secret: &[u8]) -> Option<Self> {
        let payload: [u8; 37] = link_token::read(LABEL, secret, token)?;
        let id = |range: std::ops::Range<usize>| uuid::Uuid::from_slice(&payload[range]).ok();
        let mut secs = [0; 8];
        secs[3..].copy_from_slice(&payload[32..37]);
        Some(Self {
            page: PageId::from_uuid(id(0..16)?),
            person: PersonId::from_uuid(id(16..32)?),
            expires_at: Timestamp::from_micros(i64::from_be_bytes(secs).saturating_mul(1_000_000)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use PageEventKind as E;

    #[test]
    fn a_pages_state_is_the_furthest_it_came() {
        for (events, channels, expected) in [
            (&[E::Queued][..], 1, PageState::Queued),
            (&[E::Queued, E::Attempted], 1, PageState::Attempted),
            (
                &[E::Queued, E::Attempted, E::Accepted],
                1,
                PageState::Accepted,
            ),
            (&[E::Queued, E::Attempted, E::Unsure], 1, PageState::Unsure),
            (&[E::Queued, E::Attempted, E::Refused], 1, PageState::Failed),
            (
                &[E::Queued, E::Attempted, E::Refused],
                2,
                PageState::Attempted,
            ),
            (
                &[E::Queued, E::Attempted, E::Refused, E::Accepted],
                2,
                PageState::Accepted,
            ),
            (&[E::Queued, E::Refused, E::Acked], 1, PageState::Acked),
            (&[E::Queued, E::Suppressed], 1, PageState::Suppressed),
            (
                &[E::Queued, E::Attempted, E::Suppressed],
                1,
                PageState::Suppressed,
            ),
            (&[E::Acked, E::Queued, E::Suppressed], 1, PageState::Acked),
        ] {
            assert_eq!(state_of(events, channels), expected, "{events:?}");
        }
    }

    #[test]
    fn a_link_is_bound_to_page_person_and_expiry_and_any_changed_bit_breaks_it() {
        let id = |n| uuid::Uuid::from_u128(n);
        let now = Timestamp::parse_rfc3339("2026-11-21T04:07:00.5Z").unwrap();
        let link = Link::new(PageId::from_uuid(id(1)), PersonId::from_uuid(id(2)), now);
        assert_eq!(link.expires_at.rfc3339(), "2026-11-23T04:07:00Z");
        let token = link.token(b"secret");
        assert_eq!(token.len(), 71);
        assert_eq!(Link::read(&token, b"secret"), Some(link));
        assert_eq!(Link::read(&token, b"other"), None);
        for at in 0..token.len() {
            let mut bad = token.clone().into_bytes();
            bad[at] = if bad[at] == b'A' { b'B' } else { b'A' };
            let bad = String::from_utf8(bad).unwrap();
            assert_eq!(Link::read(&bad, b"secret"), None, "changed at {at}");
        }
        for odd in ["", "A", "%00", &token[1..], &format!("{token}A")] {
            assert_eq!(Link::read(odd, b"secret"), None);
        }
    }
}
