//! What leaves the house, rendered and complete, and what is known of it afterwards.

use super::text::EmailAddress;
use super::timestamp::Timestamp;

/// A mail to one recipient, as it will be handed to a relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingMail {
    /// Without `<>`; the same for every try of one delivery.
    pub message_id: String,
    pub from: EmailAddress,
    pub from_name: String,
    pub to: EmailAddress,
    pub to_name: String,
    /// The envelope's sender, if not `from`: what comes back there says which delivery it was.
    pub bounces_to: Option<EmailAddress>,
    /// Where an answer should go, if not to `from`.
    pub reply_to: Option<String>,
    pub subject: String,
    pub text: String,
    pub html: Option<String>,
    /// The mail that this one answers, without `<>`.
    pub in_reply_to: Option<String>,
    /// The thread, oldest first, without `<>`.
    pub references: Vec<String>,
    /// Further header lines: `Auto-Submitted`, `List-Id` and the like.
    pub headers: Vec<(&'static str, String)>,
    pub calendar: Option<Calendar>,
    pub files: Vec<File>,
    pub dated_at: Timestamp,
}

/// A calendar object that mail programs show as an invitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// `REQUEST` or `CANCEL`: repeated in the part's header, where mail programs look for it.
    pub method: String,
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    pub name: String,
    pub media_type: String,
    pub bytes: Vec<u8>,
}

/// A webhook call, signed as Standard Webhooks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingCall {
    pub url: String,
    /// Stable across tries: a receiver remembers it and takes the call once.
    pub id: String,
    pub body: String,
    /// `whsec_` and base 64, or any text; without one the call goes unsigned.
    pub secret: Option<String>,
    pub at: Timestamp,
}

/// What is known after handing something over. `Unsure` is a state of its own: it may have arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handover {
    /// The other side took responsibility; its answer.
    Accepted(String),
    /// Not now; nothing was handed over.
    Deferred(String),
    /// Never; trying again would be refused again.
    Refused(String),
    /// The connection ended between our last byte and their answer.
    Unsure(String),
}

/// Seconds to wait after the `attempts`-th try failed (1 for the first): 15 s doubled up to one hour.
pub const fn retry_after_secs(attempts: i32) -> i64 {
    let doublings = if attempts < 1 { 0 } else { attempts - 1 };
    if doublings >= 8 {
        3_600
    } else {
        15 << doublings
    }
}

/// Tries before a delivery is a dead letter: 8 doublings make about an hour, then hourly for two days.
pub const MOST_ATTEMPTS: i32 = 56;

/// Notices to one person that have waited for so long, in seconds, leave as one letter: after an outage nobody is read its history
/// to.
pub const DIGEST_AFTER_SECS: i64 = 1_800;

/// Tries of a page: after ten minutes the next escalation step has long been taken, and an old page wakes somebody for nothing.
pub const MOST_PAGE_ATTEMPTS: i32 = 7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_double_up_to_an_hour() {
        assert_eq!(
            [1, 2, 3, 8, 9, 50].map(retry_after_secs),
            [15, 30, 60, 1_920, 3_600, 3_600]
        );
        let page: i64 = (1..MOST_PAGE_ATTEMPTS).map(retry_after_secs).sum();
        assert!((600..1_800).contains(&page), "{page}");
    }
}
