//! A link to one file that is too large for a mail: whoever has it may read that file, and for so long.

use super::id::AttachmentId;
use super::link_token;
use super::timestamp::Timestamp;

/// How long such a link works, in seconds: 30 days.
pub const LINK_SECS: i64 = 30 * 86_400;
/// Bytes of files that go with one mail at most: more than that, in base 64, many servers refuse that stand behind the relay.
pub const MAIL_BYTES: i64 = 7 * 1024 * 1024;

/// What a mail needs besides its files: header, both forms of its text, the lines between its parts.
const WORDS_BYTES: i64 = 128 * 1024;

/// Bytes of files that may go with one mail to a relay that announces `size` for a whole mail (0: no limit of its own). Base 64 makes
/// 78 bytes of 57.
pub const fn room(size: Option<i64>) -> i64 {
    match size {
        Some(size) if size > 0 => {
            let left = size.saturating_sub(WORDS_BYTES);
            let room = if left > 0 { left / 78 * 57 } else { 0 };
            if room < MAIL_BYTES { room } else { MAIL_BYTES }
        }
        _ => MAIL_BYTES,
    }
}

const LABEL: &str = "watchkeeper file link";

/// What a link says, and what its signature covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileLink {
    pub file: AttachmentId,
    pub expires_at: Timestamp,
}

impl FileLink {
    /// In a mail that was queued at `now`. Expiry is kept in whole seconds.
    pub const fn new(file: AttachmentId, now: Timestamp) -> Self {
        let secs = now.micros().div_euclid(1_000_000) + LINK_SECS;
        Self {
            file,
            expires_at: Timestamp::from_micros(secs * 1_000_000),
        }
    }

    fn payload(self) -> [u8; 24] {
        let mut bytes = [0; 24];
        bytes[..16].copy_from_slice(self.file.uuid().as_bytes());
        let secs = self.expires_at.micros().div_euclid(1_000_000);
        bytes[16..].copy_from_slice(&secs.to_be_bytes());
        bytes
    }

    /// 54 characters that need no escaping in an address.
    pub fn token(self, secret: &[u8]) -> String {
        link_token::write(LABEL, secret, &self.payload())
    }

    /// Reads a token that we signed; `None` for anything else. Whether it has expired is the caller's question.
    pub fn read(token: &str, secret: &[u8]) -> Option<Self> {
        let payload: [u8; 24] = link_token::read(LABEL, secret, token)?;
        let (file, secs) = payload.split_first_chunk::<16>()?;
        let secs = i64::from_be_bytes(secs.try_into().ok()?);
        Some(Self {
            file: AttachmentId::from_uuid(uuid::Uuid::from_bytes(*file)),
            expires_at: Timestamp::from_micros(secs.saturating_mul(1_000_000)),
        })
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;
    use crate::domain::id::Id;

    #[test]
    fn a_mail_with_all_its_files_fits_what_the_relay_takes() {
        for size in [None, Some(0), Some(i64::MAX), Some(64 << 20)] {
            assert_eq!(room(size), MAIL_BYTES, "{size:?}");
        }
        for size in [1, WORDS_BYTES, WORDS_BYTES + 1] {
            assert_eq!(room(Some(size)), 0, "{size}");
        }
        for size in [200_000, 1 << 20, 5_000_000] {
            let room = room(Some(size));
            assert!(room > 0 && room < MAIL_BYTES);
            let encoded = (room + 56) / 57 * 78;
            assert!(encoded + WORDS_BYTES <= size + 78, "{size}");
        }
    }

    #[test]
    fn a_link_says_what_was_signed_and_nothing_else() {
        let now = Timestamp::from_micros(1_780_304_400_500_000);
        let link = FileLink::new(Id::new(now), now);
        let token = link.token(b"secret");
        assert_eq!(FileLink::read(&token, b"secret"), Some(link));
        assert_eq!(
            link.expires_at,
            Timestamp::from_micros(1_782_896_400_000_000)
        );
        assert_eq!(FileLink::read(&token, b"other"), None);
        for wrong in ["", "x", &token[1..], &format!("{token}A")] {
            assert_eq!(FileLink::read(wrong, b"secret"), None, "{wrong}");
        }
        let mut bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
        for at in 0..bytes.len() {
            bytes[at] ^= 1;
            assert_eq!(
                FileLink::read(&URL_SAFE_NO_PAD.encode(&bytes), b"secret"),
                None,
                "{at}"
            );
            bytes[at] ^= 1;
        }
    }
}
