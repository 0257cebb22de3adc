//! The signature in our own ids: Message-IDs and reply addresses that say which ticket they speak of.
//!
//! Without the key nobody can make one. It survives what relays do to ids: letters are folded to one case, and hosts change
//! when an installation moves.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

use super::id::TicketKey;
use super::text::EmailAddress;

/// What may stand between an address and its tag; each of our addresses says which of them it uses.
pub const SEPARATORS: &[char] = &['+', '-', '.', '='];

/// RFC 5321, 4.5.3.1.1.
const LOCAL_PART_BYTES: usize = 64;

/// Signs and checks the ids that we put into our own mail. One key per installation.
#[derive(Clone)]
pub struct Seal {
    key: [u8; 32],
}

/// What a signature was found to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sealed {
    /// Made with our key, for this ticket.
    Genuine(TicketKey),
    /// Has our shape, but not our signature.
    Forged,
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal(…)")
    }
}

impl Seal {
    pub const fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// 80 bits in lower-case base 32: relays may fold the case of a local part.
    fn signature(&self, what: &str, text: &str) -> String {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        mac.update(what.as_bytes());
        mac.update(b":");
        mac.update(text.as_bytes());
        let digest = mac.finalize().into_bytes();
        base32(&digest[..10])
    }

    fn verifies(&self, what: &str, text: &str, signature: &str) -> bool {
        use subtle::ConstantTimeEq;
        self.signature(what, text)
            .as_bytes()
            .ct_eq(signature.as_bytes())
            .into()
    }

    /// The id of one outgoing mail, without `<>`: `<delivery>.<ticket>.<signature>@<host>`. The same delivery always
    /// gets the same id, so that a mail handed over twice shows once.
    pub fn message_id(&self, delivery: Uuid, ticket: Option<TicketKey>, host: &str) -> String {
        let about = ticket.map_or_else(|| "none".to_owned(), |key| key.to_string().to_lowercase());
        let text = format!("wk{}.{about}", delivery.simple());
        let signature = self.signature("id", &text);
        format!("{text}.{signature}@{host}")
    }

    /// Which ticket a Message-ID of ours speaks of; `None` if it isn't of our shape. The host isn't compared: it changes
    /// when an installation moves, the key doesn't.
    pub fn read_message_id(&self, id: &str) -> Option<Sealed> {
        let local = id.split('@').next()?.to_lowercase();
        let mut pieces = local.split('.');
        let (head, about, signature) = (pieces.next()?, pieces.next()?, pieces.next()?);
        let hex = head.strip_prefix("wk")?;
        if pieces.next().is_some() || hex.len() != 32 || !hex.bytes().all(|b| b.is_ascii_hexdigit())
        {
            return None;
        }
        if !self.verifies("id", &format!("{head}.{about}"), signature) {
            return Some(Sealed::Forged);
        }
        about.parse().ok().map(Sealed::Genuine)
    }

    /// Whether `id` is one that this installation made, about a ticket or not.
    pub fn made(&self, id: &str) -> bool {
        let local = id.split('@').next().unwrap_or("").to_lowercase();
        local.rsplit_once('.').is_some_and(|(text, signature)| {
            text.starts_with("wk") && self.verifies("id", text, signature)
        })
    }

    /// The reply address of a ticket: `support+inc-12.<signature>@desk.example` for `support@desk.example` whose tags follow a `+`.
    pub fn reply_address(
        &self,
        intake: &EmailAddress,
        separator: char,
        ticket: TicketKey,
    ) -> String {
        let key = ticket.to_string().to_lowercase();
        let signature = self.signature("reply", &key);
        let (local, domain) = intake
            .as_str()
            .rsplit_once('@')
            .unwrap_or((intake.as_str(), ""));
        format!("{local}{separator}{key}.{signature}@{domain}")
    }

    /// Which ticket an address of ours speaks of, in any case and behind any separator; `None` if it carries no token. A token
    /// without a signature is as good as a forged one.
    pub fn read_reply_address(&self, address: &EmailAddress) -> Option<Sealed> {
        let folded = address.folded();
        let (local, _) = folded.rsplit_once('@')?;
        let tails = local
            .match_indices(SEPARATORS)
            .map(|(at, separator)| &local[at + separator.len()..]);
        for tail in tails {
            let (about, signature) = tail.split_once('.').unwrap_or((tail, ""));
            let Ok(key) = about.parse::<TicketKey>() else {
                continue;
            };
            return Some(if self.verifies("reply", about, signature) {
                Sealed::Genuine(key)
            } else {
                Sealed::Forged
            });
        }
        None
    }

    /// Where what can't be delivered comes back to: `support+b<delivery>.<signature>@desk.example`. `None` where that is longer than
    /// servers take.
    pub fn bounce_address(
        &self,
        intake: &EmailAddress,
        separator: char,
        delivery: Uuid,
    ) -> Option<EmailAddress> {
        let about = format!("b{}", delivery.simple());
        let signature = self.signature("bounce", &about);
        let (local, domain) = intake.as_str().rsplit_once('@')?;
        let local = format!("{local}{separator}{about}.{signature}");
        if local.len() > LOCAL_PART_BYTES {
            return None;
        }
        EmailAddress::parse(&format!("{local}@{domain}")).ok()
    }

    /// Which delivery came back to this address, in any case; `None` for any other address, and for one that isn't ours.
    pub fn read_bounce_address(&self, address: &EmailAddress) -> Option<Uuid> {
        let folded = address.folded();
        let (local, _) = folded.rsplit_once('@')?;
        let (head, signature) = local.rsplit_once('.')?;
        let at = head.rfind(SEPARATORS)?;
        let about = &head[at + 1..];
        let delivery = about.strip_prefix('b')?.parse().ok()?;
        self.verifies("bounce", about, signature)
            .then_some(delivery)
    }

    /// The value of our loop header: names this installation to itself and to nobody else.
    pub fn loop_mark(&self) -> String {
        self.signature("loop", "")
    }
}

fn base32(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut held, mut bits) = (0u32, 0u32);
    for &byte in bytes {
        held = (held << 8) | u32::from(byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(LETTERS[((held >> bits) & 31) as usize]));
        }
    }
    if bits > 0 {
        text.push(char::from(LETTERS[((held << (5 - bits)) & 31) as usize]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::letter::without_tag;

    #[test]
    fn only_our_own_signature_counts() {
        let (ours, theirs) = (Seal::new([7; 32]), Seal::new([8; 32]));
        let key: TicketKey = "INC-12".parse().unwrap();
        let id = ours.message_id(Uuid::from_u128(5), Some(key), "desk.example");
        assert_eq!(
            ours.read_message_id(&id.to_uppercase()),
            Some(Sealed::Genuine(key))
        );
        assert_eq!(
            ours.read_message_id(&id.replace("inc-12", "inc-13")),
            Some(Sealed::Forged)
        );
        assert_eq!(theirs.read_message_id(&id), Some(Sealed::Forged));
        assert_eq!(ours.read_message_id("CAF=abc.def.ghi@mail.example"), None);
        assert!(ours.made(&ours.message_id(Uuid::from_u128(5), None, "h")));

        let intake = EmailAddress::parse("support@desk.example").unwrap();
        let bounce = ours
            .bounce_address(&intake, '+', Uuid::from_u128(5))
            .unwrap();
        assert_eq!(ours.read_bounce_address(&bounce), Some(Uuid::from_u128(5)));
        assert_eq!(ours.read_reply_address(&bounce), None);
        assert_eq!(theirs.read_bounce_address(&bounce), None);
        let upper = EmailAddress::parse(&bounce.as_str().to_uppercase()).unwrap();
        assert_eq!(ours.read_bounce_address(&upper), Some(Uuid::from_u128(5)));
        assert_eq!(ours.read_bounce_address(&intake), None);
        let long = EmailAddress::parse(&format!("{}@x.example", "s".repeat(20))).unwrap();
        assert_eq!(ours.bounce_address(&long, '+', Uuid::nil()), None);
        let reply = EmailAddress::parse(&ours.reply_address(&intake, '+', key)).unwrap();
        assert_eq!(ours.read_reply_address(&reply), Some(Sealed::Genuine(key)));
        assert_eq!(theirs.read_reply_address(&reply), Some(Sealed::Forged));
        for (address, expected) in [
            ("support@desk.example", None),
            ("support+billing@desk.example", None),
            ("support+inc-12.aaaa@desk.example", Some(Sealed::Forged)),
            ("support+inc-12.@desk.example", Some(Sealed::Forged)),
            ("support+inc-12@desk.example", Some(Sealed::Forged)),
            ("first.last@desk.example", None),
        ] {
            assert_eq!(
                ours.read_reply_address(&EmailAddress::parse(address).unwrap()),
                expected,
                "{address}"
            );
        }
        assert_eq!(without_tag(&reply), "support@desk.example");
        for separator in ['-', '.', '='] {
            let reply = ours.reply_address(&intake, separator, key).to_uppercase();
            let reply = EmailAddress::parse(&reply).unwrap();
            assert_eq!(ours.read_reply_address(&reply), Some(Sealed::Genuine(key)));
        }
    }

    #[test]
    fn letters_are_those_of_base_32() {
        assert_eq!(base32(b"fooba"), "mzxw6ytb");
    }
}
