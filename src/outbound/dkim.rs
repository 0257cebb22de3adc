//! Signs our mail (RFC 6376), so that whoever gets it can tell that it came from the domain it names. The key's public half stands
//! in the domain's DNS; [`Signer::record`] says how.

use std::fmt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lettre::Message;
use lettre::message::dkim::{
    DkimCanonicalization, DkimCanonicalizationType, DkimConfig, DkimSigningAlgorithm,
    DkimSigningKey, dkim_sign,
};
use lettre::message::header::HeaderName;
use rsa::RsaPrivateKey;
use rsa::pkcs1::{DecodeRsaPrivateKey, EncodeRsaPrivateKey, LineEnding};
use rsa::pkcs8::{DecodePrivateKey, EncodePublicKey};
use rsa::traits::PublicKeyParts;

/// What must not be changed on the way. Those that a mail doesn't have are signed as absent: nobody can add them. `Content-Type` is
/// not among them: `lettre` keeps it with the body, doesn't find it when it signs, and would sign that there is none.
const HEADERS: &[&str] = &[
    "From",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
    "Reply-To",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Auto-Submitted",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
];

/// The shortest key of RSA that anybody verifies (RFC 8301).
const RSA_BITS: usize = 1024;
/// `lettre` goes one call deeper for each letter of the header block, and References alone may have ten thousand: an ordinary thread's
/// stack isn't made for that. Only what is used of it costs anything.
const STACK_BYTES: usize = 64 * 1024 * 1024;
/// The longest text of one piece of a DNS record.
const PIECE: usize = 255;

/// A domain's key.
pub struct Signer {
    config: DkimConfig,
    /// Where the record stands in DNS.
    name: String,
    record: String,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not its key.
        f.debug_struct("Signer")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Signer {
    /// The key of a PEM file; the error says what is wrong with it, and nothing of what is in it.
    pub fn read(domain: &str, selector: &str, path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        let (key, record) = key_of(&text).map_err(|why| format!("{}: {why}", path.display()))?;
        let headers = HEADERS
            .iter()
            .map(|name| HeaderName::new_from_ascii_str(name));
        // Relays wrap lines anew and drop blanks at their ends: that changes nothing for anybody.
        let canonical = DkimCanonicalization {
            header: DkimCanonicalizationType::Relaxed,
            body: DkimCanonicalizationType::Relaxed,
        };
        Ok(Self {
            config: DkimConfig::new(
                selector.to_owned(),
                domain.to_owned(),
                key,
                headers.collect(),
                canonical,
            ),
            name: format!("{selector}._domainkey.{domain}"),
            record,
        })
    }

    /// Signs a finished mail; whatever is changed afterwards breaks it.
    pub fn sign(&self, message: &mut Message) -> Result<(), String> {
        std::thread::scope(|scope| {
            let signing = std::thread::Builder::new()
                .stack_size(STACK_BYTES)
                .spawn_scoped(scope, || dkim_sign(message, &self.config))
                .map_err(|error| format!("signing: {error}"))?;
            signing.join().map_err(|_| "signing failed".to_owned())
        })
    }

    /// The name of the record, and its text.
    pub fn record(&self) -> (&str, &str) {
        (&self.name, &self.record)
    }

    /// The record as a line of a zone's file: one piece of a text holds no more than 255 bytes.
    pub fn zone_line(&self) -> String {
        let pieces: Vec<String> = self
            .record
            .as_bytes()
            .chunks(PIECE)
            .map(|piece| format!("\"{}\"", String::from_utf8_lossy(piece)))
            .collect();
        format!("{}. IN TXT ( {} )", self.name, pieces.join(" "))
    }
}

/// The key as `lettre` wants it, and its public half's record.
fn key_of(pem: &str) -> Result<(DkimSigningKey, String), String> {
    let rsa = RsaPrivateKey::from_pkcs8_pem(pem)
        .ok()
        .or_else(|| RsaPrivateKey::from_pkcs1_pem(pem).ok());
    if let Some(key) = rsa {
        let bits = key.n().bits();
        if bits < RSA_BITS {
            return Err(format!("an RSA key of {bits} bits is too short"));
        }
        let public = key
            .to_public_key()
            .to_public_key_der()
            .map_err(|error| error.to_string())?;
        let record = format!("v=DKIM1; k=rsa; p={}", STANDARD.encode(public.as_bytes()));
        let text = key
            .to_pkcs1_pem(LineEnding::LF)
            .map_err(|error| error.to_string())?;
        let key = DkimSigningKey::new(&text, DkimSigningAlgorithm::Rsa)
            .map_err(|error| error.to_string())?;
        return Ok((key, record));
    }
    let key = ed25519_dalek::SigningKey::from_pkcs8_pem(pem)
        .map_err(|_| "no private key of RSA or Ed25519 in PEM".to_owned())?;
    let public = STANDARD.encode(key.verifying_key().as_bytes());
    let record = format!("v=DKIM1; k=ed25519; p={public}");
    let key = DkimSigningKey::new(
        &STANDARD.encode(key.as_bytes()),
        DkimSigningAlgorithm::Ed25519,
    )
    .map_err(|error| error.to_string())?;
    Ok((key, record))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_header_block_is_signed() {
        let key = Path::new("tests/vectors/dkim/ed25519.pem");
        let signer = Signer::read("watch.example.org", "w1", key).unwrap();
        // Ten ids of the longest that are echoed, and one that is answered.
        let id = format!("<{}@x.example>", "a".repeat(980));
        let mut message = Message::builder()
            .from("support@watch.example.org".parse().unwrap())
            .to("carol@contoso.example".parse().unwrap())
            .subject("ü".repeat(500))
            .in_reply_to(id.clone())
            .references([id.as_str(); 10].join(" "))
            .body("Since noon.".to_owned())
            .unwrap();
        signer.sign(&mut message).unwrap();
        let text = String::from_utf8(message.formatted()).unwrap();
        assert_eq!(text.matches("DKIM-Signature: ").count(), 1, "{text}");
    }

    #[test]
    fn nothing_of_a_key_is_ever_printed() {
        let key = Path::new("tests/vectors/dkim/ed25519.pem");
        let signer = Signer::read("watch.example.org", "w1", key).unwrap();
        assert_eq!(
            format!("{signer:?}"),
            "Signer { name: \"w1._domainkey.watch.example.org\", .. }"
        );
    }
}
