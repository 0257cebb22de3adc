//! A link by which a contact who watches a ticket gets no more letters about it, with one press and without a password. It gives no
//! other power, and no view: whoever gets hold of it can stop somebody's letters, and the ticket says so.

use super::id::{ContactId, TicketId};
use super::link_token;

const LABEL: &str = "watchkeeper leave link";

/// What a link says, and what its signature covers. It doesn't expire: a letter may be read years later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaveLink {
    pub ticket: TicketId,
    pub contact: ContactId,
}

impl LeaveLink {
    /// 64 characters that need no escaping in an address.
    pub fn token(self, secret: &[u8]) -> String {
        let mut payload = [0; 32];
        payload[..16].copy_from_slice(self.ticket.uuid().as_bytes());
        payload[16..].copy_from_slice(self.contact.uuid().as_bytes());
        link_token::write(LABEL, secret, &payload)
    }

    /// Reads a token that we signed; `None` for anything else.
    pub fn read(token: &str, secret: &[u8]) -> Option<Self> {
        let payload: [u8; 32] = link_token::read(LABEL, secret, token)?;
        let (ticket, contact) = payload.split_first_chunk::<16>()?;
        let contact: [u8; 16] = contact.try_into().ok()?;
        Some(Self {
            ticket: TicketId::from_uuid(uuid::Uuid::from_bytes(*ticket)),
            contact: ContactId::from_uuid(uuid::Uuid::from_bytes(contact)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::Id;
    use crate::domain::timestamp::Timestamp;

    #[test]
    fn a_link_says_what_was_signed_and_nothing_else() {
        let now = Timestamp::from_micros(1_780_304_400_000_000);
        let link = LeaveLink {
            ticket: Id::new(now),
            contact: Id::new(now),
        };
        let token = link.token(b"secret");
        assert_eq!(token.len(), 64);
        assert_eq!(LeaveLink::read(&token, b"secret"), Some(link));
        assert_eq!(LeaveLink::read(&token, b"other"), None);
        for wrong in ["", "x", &token[1..], &format!("{token}A")] {
            assert_eq!(LeaveLink::read(wrong, b"secret"), None, "{wrong}");
        }
    }
}
