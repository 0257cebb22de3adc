//! What stands in a link of ours that needs no session: a payload and its signature, as text that needs no escaping in an address.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use subtle::ConstantTimeEq;

/// Length of a signature, in bytes: 128 bits can't be guessed, and the address stays short enough for a text message.
const MAC_BYTES: usize = 16;

/// The payload with its signature. `label` keeps one sort of link from being taken for another.
pub(super) fn write(label: &str, secret: &[u8], payload: &[u8]) -> String {
    let mut bytes = payload.to_vec();
    bytes.extend_from_slice(&sign(label, secret, payload));
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The payload of a token that we signed under this label; `None` for anything else, also of another length.
pub(super) fn read<const N: usize>(label: &str, secret: &[u8], token: &str) -> Option<[u8; N]> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (payload, mac) = bytes.split_first_chunk::<N>()?;
    bool::from(sign(label, secret, payload).as_slice().ct_eq(mac)).then_some(*payload)
}

/// HMAC-SHA-256 over the payload, cut to [`MAC_BYTES`].
fn sign(label: &str, secret: &[u8], payload: &[u8]) -> [u8; MAC_BYTES] {
    let mut mac =
        Hmac::<sha2::Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(label.as_bytes());
    mac.update(b"\n");
    mac.update(payload);
    let full = mac.finalize().into_bytes();
    let mut cut = [0; MAC_BYTES];
    cut.copy_from_slice(&full[..MAC_BYTES]);
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_under_its_label_its_length_and_its_key_alone() {
        let token = write("one", b"secret", b"payload");
        assert_eq!(read("one", b"secret", &token), Some(*b"payload"));
        assert_eq!(read::<7>("two", b"secret", &token), None);
        assert_eq!(read::<7>("one", b"other", &token), None);
        assert_eq!(read::<6>("one", b"secret", &token), None);
        assert_eq!(read::<8>("one", b"secret", &token), None);
        assert_eq!(read::<64>("one", b"secret", &token), None);
    }
}
