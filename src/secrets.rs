//! Passwords and tokens: how they are made, hashed and compared. Nothing else in the house knows an algorithm.
//!
//! Passwords are argon2id (OWASP Password Storage: 19 MiB, two passes, one lane). Tokens are 256 random bits and therefore
//! need no slow hash: SHA-256 of what was handed out is stored, and a stolen database opens nothing.
//! Everything here blocks; the web crosses to the blocking pool first.

use std::sync::{Condvar, LazyLock, Mutex, PoisonError};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::error::{Error, Result};

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
/// Each hash in flight holds [`MEMORY_KIB`]: more at once would let a login storm take the memory of everything else.
const AT_ONCE: usize = 4;

/// The stored form of a password: a PHC string with its own salt and parameters.
pub fn hash_password(password: &str) -> Result<String> {
    let _seat = Seat::take();
    let hash: PasswordHash = argon2()?
        .hash_password(password.as_bytes())
        .map_err(|error| Error::internal(format!("password hash: {error}")))?;
    Ok(hash.to_string())
}

/// Whether `password` fits `stored`. Without a stored hash (unknown user, no password yet) the same work is done and the
/// answer is no, so that time tells nothing.
pub fn password_fits(password: &str, stored: Option<&str>) -> Result<bool> {
    let _seat = Seat::take();
    let hash = stored.unwrap_or(&DECOY);
    let parsed = PasswordHash::new(hash)
        .map_err(|error| Error::internal(format!("stored password hash: {error}")))?;
    let fits = argon2()?
        .verify_password(password.as_bytes(), &parsed)
        .is_ok();
    Ok(fits && stored.is_some())
}

fn argon2() -> Result<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None)
        .map_err(|error| Error::internal(format!("argon2 parameters: {error}")))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// A well-formed hash that fits nothing anybody types: 32 zero bytes under the parameters of real ones.
static DECOY: LazyLock<String> = LazyLock::new(|| {
    let zeros = base64::engine::general_purpose::STANDARD_NO_PAD.encode([0u8; 32]);
    let salt = base64::engine::general_purpose::STANDARD_NO_PAD.encode([0u8; 16]);
    format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p=1${salt}${zeros}")
});

/// A new secret to hand out: `prefix` and 256 random bits in URL-safe letters. Shown or sent once, never stored.
pub fn new_token(prefix: &str) -> Result<String> {
    Ok(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(random()?)))
}

/// A new secret that signs outgoing webhooks, as Standard Webhooks writes it.
pub fn new_signing_secret() -> Result<String> {
    let encoded = base64::engine::general_purpose::STANDARD.encode(random()?);
    Ok(format!("whsec_{encoded}"))
}

/// 256 bits from the operating system.
pub fn random() -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::internal(format!("no randomness: {error}")))?;
    Ok(bytes)
}

/// What is stored of a token.
pub fn fingerprint(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

/// A second secret derived from a first, for one `purpose`: knowing it doesn't reveal the first.
pub fn derive(secret: &str, purpose: &str) -> String {
    URL_SAFE_NO_PAD.encode(sign(secret.as_bytes(), purpose.as_bytes()))
}

/// HMAC-SHA-256.
pub fn sign(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// What a hook goes by while nobody answers is signed for one repository: what was told to another isn't taken for its own.
fn of_repository(repository: &str, text: &str) -> Vec<u8> {
    format!("watchkeeper hook snapshot\n{repository}\n{text}").into_bytes()
}

/// The key that signs what hooks go by: derived from the installation's own, so that nothing else has to be kept.
fn hook_key(own: &[u8; 32]) -> ed25519_dalek::SigningKey {
    ed25519_dalek::SigningKey::from_bytes(&sign(own, b"hook snapshots, ed25519"))
}

/// The other half of that key, which hooks pin, in base64.
pub fn hook_public_key(own: &[u8; 32]) -> String {
    let key = hook_key(own).verifying_key();
    base64::engine::general_purpose::STANDARD.encode(key.as_bytes())
}

/// The signature under what a repository's hook goes by, in base64.
pub fn sign_for_hook(own: &[u8; 32], repository: &str, text: &str) -> String {
    use ed25519_dalek::Signer;
    let signature = hook_key(own).sign(&of_repository(repository, text));
    base64::engine::general_purpose::STANDARD.encode(signature.to_bytes())
}

/// Whether that signature is of the key that was pinned.
pub fn is_signed_for_hook(key: &str, repository: &str, text: &str, signature: &str) -> bool {
    let bytes = |text: &str| base64::engine::general_purpose::STANDARD.decode(text).ok();
    let key = bytes(key).and_then(|it| <[u8; 32]>::try_from(it).ok());
    let key = key.and_then(|it| ed25519_dalek::VerifyingKey::from_bytes(&it).ok());
    let signature = bytes(signature).and_then(|it| <[u8; 64]>::try_from(it).ok());
    match (key, signature) {
        (Some(key), Some(signature)) => {
            let signature = ed25519_dalek::Signature::from_bytes(&signature);
            let signed = of_repository(repository, text);
            key.verify_strict(&signed, &signature).is_ok()
        }
        _ => false,
    }
}

/// Compares without telling by its time where the two differ.
pub fn same(left: &str, right: &str) -> bool {
    left.as_bytes().ct_eq(right.as_bytes()).into()
}

/// One of the [`AT_ONCE`] places for password work; given back on drop.
struct Seat;

static TAKEN: Mutex<usize> = Mutex::new(0);
static FREED: Condvar = Condvar::new();

impl Seat {
    fn take() -> Self {
        let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        while *taken >= AT_ONCE {
            taken = FREED.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        *taken += 1;
        Seat
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        FREED.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_hook_goes_by_is_signed_by_one_house_for_one_repository() {
        let (own, other) = ([1; 32], [2; 32]);
        let key = hook_public_key(&own);
        let signature = sign_for_hook(&own, "a", "{}");
        assert!(is_signed_for_hook(&key, "a", "{}", &signature));
        assert!(!is_signed_for_hook(&key, "b", "{}", &signature));
        assert!(!is_signed_for_hook(&key, "a", "{ }", &signature));
        let theirs = hook_public_key(&other);
        assert!(!is_signed_for_hook(&theirs, "a", "{}", &signature));
        for wrong in ["", "x", &signature[1..]] {
            assert!(!is_signed_for_hook(&key, "a", "{}", wrong), "{wrong}");
            assert!(!is_signed_for_hook(wrong, "a", "{}", &signature), "{wrong}");
        }
    }

    #[test]
    fn a_password_fits_its_own_hash_only() {
        let stored = hash_password("correct horse battery").unwrap();
        assert!(
            stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{stored}"
        );
        assert!(password_fits("correct horse battery", Some(&stored)).unwrap());
        assert!(!password_fits("correct horse batterx", Some(&stored)).unwrap());
        assert_ne!(stored, hash_password("correct horse battery").unwrap());
    }

    #[test]
    fn nothing_fits_somebody_without_a_password() {
        assert!(!password_fits("", None).unwrap());
        assert!(!password_fits("correct horse battery", None).unwrap());
    }

    #[test]
    fn tokens_are_long_unlike_and_recognisable() {
        let token = new_token("wk_").unwrap();
        assert!(token.starts_with("wk_") && token.len() == 46, "{token}");
        assert_ne!(token, new_token("wk_").unwrap());
        assert_eq!(fingerprint(&token).len(), 32);
        assert_ne!(derive(&token, "csrf"), derive(&token, "other"));
    }
}
