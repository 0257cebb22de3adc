//! What a mail points to: reply addresses, ids it answers, keys in its subject. Whether the pointed-to exists, and what its bearer
//! may do there, is for others to say.

use std::borrow::Cow;

use super::id::TicketKey;
use super::letter::{Letter, subject_keys};
use super::seal::{Seal, Sealed};
use super::text::EmailAddress;
use super::word::words;

words! {
    /// Where in a mail a pointer stands.
    pub enum Place {
        /// An address that it was delivered to.
        Envelope = "envelope",
        DeliveredTo = "delivered_to",
        To = "to",
        Cc = "cc",
        InReplyTo = "in_reply_to",
        References = "references",
        Subject = "subject",
    }
}

/// What a pointer says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// Made with our key, about this ticket.
    Genuine(TicketKey),
    /// Of our shape, but not made with our key.
    Forged,
    /// An address in To or Cc whose token isn't genuine: forged if it is one of ours, which only the house knows.
    Doubtful,
    /// Made with our key, about no ticket.
    About,
    /// An id of somebody else's.
    Foreign,
    /// A key in the subject, which anybody can write.
    Named(TicketKey),
}

/// One thing in a mail that may lead to a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer<'l> {
    pub place: Place,
    /// As written.
    pub text: Cow<'l, str>,
    pub says: Says,
}

/// All that a mail points to, in the order in which it is asked: reply addresses (envelope, then headers), In-Reply-To, References
/// from the nearest on, subject.
pub fn pointers<'l>(
    seal: &Seal,
    letter: &'l Letter,
    envelope_to: &'l [EmailAddress],
) -> Vec<Pointer<'l>> {
    let mut found = Vec::new();
    // What was delivered to us was delivered to an address of ours; To and Cc may name anybody's.
    for (place, addresses, is_ours) in [
        (Place::Envelope, envelope_to, true),
        (Place::DeliveredTo, &letter.delivered_to[..], true),
        (Place::To, &letter.to[..], false),
        (Place::Cc, &letter.cc[..], false),
    ] {
        let sealed = addresses.iter().filter_map(|address| {
            let says = match seal.read_reply_address(address)? {
                Sealed::Genuine(key) => Says::Genuine(key),
                Sealed::Forged if is_ours => Says::Forged,
                Sealed::Forged => Says::Doubtful,
            };
            Some((address, says))
        });
        found.extend(sealed.map(|(address, says)| Pointer {
            place,
            text: Cow::Borrowed(address.as_str()),
            says,
        }));
    }
    let answered = letter.in_reply_to.iter().map(|id| (Place::InReplyTo, id));
    let before = letter.references.iter().rev();
    let ids = answered.chain(before.map(|id| (Place::References, id)));
    found.extend(ids.map(|(place, id)| Pointer {
        place,
        text: Cow::Borrowed(id),
        says: match seal.read_message_id(id) {
            Some(Sealed::Genuine(key)) => Says::Genuine(key),
            None if seal.made(id) => Says::About,
            Some(Sealed::Forged) => Says::Forged,
            None => Says::Foreign,
        },
    }));
    let named = subject_keys(&letter.subject).into_iter();
    found.extend(named.map(|key| Pointer {
        place: Place::Subject,
        text: Cow::Owned(format!("[{key}]")),
        says: Says::Named(key),
    }));
    found
}

/// What a mail points to, strongest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clues {
    /// Tickets named by a genuine reply address or id of ours, nearest first.
    pub signed: Vec<TicketKey>,
    /// Ids that aren't ours, nearest first: a ticket may have come from one of them.
    pub foreign: Vec<String>,
    /// Keys in the subject: a hint that needs a sender who is known to the ticket.
    pub subject: Vec<TicketKey>,
    /// Something of our shape didn't verify.
    pub is_forged: bool,
}

/// Sorts the pointers. `is_own` says whether an address is one of the house's.
pub fn clues(pointers: &[Pointer<'_>], is_own: impl Fn(&EmailAddress) -> bool) -> Clues {
    let mut found = Clues {
        signed: Vec::new(),
        foreign: Vec::new(),
        subject: Vec::new(),
        is_forged: false,
    };
    for Pointer { text, says, .. } in pointers {
        match says {
            Says::Genuine(key) if !found.signed.contains(key) => found.signed.push(*key),
            Says::Genuine(_) | Says::About => {}
            Says::Forged => found.is_forged = true,
            Says::Doubtful => {
                found.is_forged |= EmailAddress::parse(text).is_ok_and(|address| is_own(&address));
            }
            Says::Foreign if !found.foreign.iter().any(|id| id == text) => {
                found.foreign.push(text.clone().into_owned());
            }
            Says::Foreign => {}
            Says::Named(key) => found.subject.push(*key),
        }
    }
    found
}

words! {
    /// Whom the house takes the sender for.
    pub enum Who {
        Contact = "contact",
        Staff = "staff",
        /// On our lists, and without access now.
        Former = "former",
        /// One of ours who may not work on tickets.
        Onlooker = "onlooker",
        Stranger = "stranger",
    }
}

words! {
    /// By what a mail found its ticket.
    pub enum FoundBy {
        Signed = "signed",
        Foreign = "foreign",
        Subject = "subject",
        /// The counterpart's own ticket number.
        Number = "number",
    }
}
