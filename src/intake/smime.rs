//! Whether an S/MIME signature holds, and for whom. Every outcome has its own word ([`Remark`]), and none of them hides the text.
//!
//! Shapes are read with `cms` and `x509-cert`, signatures and chains are rustls' `webpki`; no arithmetic is ours. The certificate is
//! judged at the instant at which the mail came, not at the one at which somebody looks. Certificates that were revoked are not
//! asked about: that would tell their issuers who reads which mail.

mod algorithm;
mod authority;
mod holder;

use std::borrow::Cow;
use std::time::Duration;

use cms::cert::IssuerAndSerialNumber;
use cms::signed_data::{SignerIdentifier, SignerInfo};
use der::Decode;
use der::asn1::{ObjectIdentifier, OctetStringRef};
use ring::digest;
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, Error as Fault};
use x509_cert::Certificate;
use x509_cert::ext::pkix::SubjectKeyIdentifier;

use algorithm::{hash_of, is_short, ways};
pub use authority::Authorities;
use authority::{ForMail, Valid};
use holder::{addresses, common_name, is_for_mail};

use super::reading::cms::{Proofs, proofs, signed_attributes, signed_content};
use super::reading::header::Block;
use super::reading::part::{Node, tree};
use crate::domain::letter::Remark;
use crate::domain::signature::Checked;
use crate::domain::text::EmailAddress;
use crate::domain::timestamp::Timestamp;

/// What is known of the mail's S/MIME signature; `None` if it has none. `bytes` begin with the mail's header.
pub fn check(
    bytes: &[u8],
    sender: Option<&EmailAddress>,
    authorities: &Authorities,
    came_at: Timestamp,
) -> Option<Checked> {
    let (block, at) = Block::read(bytes);
    if block.is_over {
        return None;
    }
    let tree = tree(block, &bytes[at..]);
    if tree.is_over {
        return None;
    }
    let root = &tree.root;
    if is_opaque(root) {
        let wrapping = root.bytes().bytes;
        let Some(text) = signed_content(&wrapping) else {
            let kind = root.kind.get("smime-type").unwrap_or_default();
            return kind
                .eq_ignore_ascii_case("signed-data")
                .then(|| Checked::nameless(Remark::SignatureUnreadable));
        };
        return Some(judge(&text, &wrapping, sender, authorities, came_at));
    }
    let signed = detached(root)?;
    let [text, proof, ..] = &signed.children[..] else {
        return Some(Checked::nameless(Remark::SignatureUnreadable));
    };
    let text = with_network_line_ends(text.whole);
    let mut checked = judge(&text, &proof.bytes().bytes, sender, authorities, came_at);
    // Nothing may stand beside the two: it would be shown, and nobody signed it.
    if signed.number != root.number || signed.children.len() > 2 {
        let intact = |it: &mut Remark| {
            if *it == Remark::SignatureValid {
                *it = Remark::SignatureIntact;
            }
        };
        checked.outcomes.iter_mut().for_each(intact);
        checked.outcomes.push(Remark::SignaturePartial);
    }
    Some(checked)
}

fn is_opaque(node: &Node<'_>) -> bool {
    matches!(
        node.media.as_str(),
        "application/pkcs7-mime" | "application/x-pkcs7-mime"
    )
}

/// The first part that is signed beside itself: mostly the whole mail, but a list may have put its own text around it.
fn detached<'n, 'm>(node: &'n Node<'m>) -> Option<&'n Node<'m>> {
    let is_signed = node.media == "multipart/signed"
        && node.children.get(1).is_some_and(|proof| {
            matches!(
                proof.media.as_str(),
                "application/pkcs7-signature" | "application/x-pkcs7-signature"
            )
        });
    match is_signed {
        true => Some(node),
        false => node.children.iter().find_map(detached),
    }
}

/// What was signed had CRLF, however the mail was stored on its way.
fn with_network_line_ends(text: &[u8]) -> Cow<'_, [u8]> {
    let is_bare = |at: usize| at == 0 || text[at - 1] != b'\r';
    if !memchr::memchr_iter(b'\n', text).any(is_bare) {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len() + text.len() / 32);
    for (at, byte) in text.iter().enumerate() {
        if *byte == b'\n' && is_bare(at) {
            out.push(b'\r');
        }
        out.push(*byte);
    }
    Cow::Owned(out)
}

fn judge(
    text: &[u8],
    wrapping: &[u8],
    sender: Option<&EmailAddress>,
    authorities: &Authorities,
    came_at: Timestamp,
) -> Checked {
    let Some(proofs) = proofs(wrapping) else {
        return Checked::nameless(Remark::SignatureUnreadable);
    };
    let look = Look {
        text,
        proofs: &proofs,
        sender,
        authorities,
        at: came_at.micros().div_euclid(1_000_000),
    };
    let signers = proofs.signers.iter().map(|signer| look.signer(signer));
    // Several may have signed; the one that says most for the text counts.
    signers
        .min_by_key(|it| (!it.is_intact(), it.outcomes.len()))
        .unwrap_or_else(|| Checked::nameless(Remark::SignatureUnreadable))
}

/// One mail's signature.
struct Look<'a> {
    text: &'a [u8],
    proofs: &'a Proofs,
    sender: Option<&'a EmailAddress>,
    authorities: &'a Authorities,
    /// When the mail came, in seconds since 1970.
    at: i64,
}

impl Look<'_> {
    fn signer(&self, signer: &[u8]) -> Checked {
        let Ok(info) = SignerInfo::from_der(signer) else {
            return Checked::nameless(Remark::SignatureUnreadable);
        };
        let Some((place, certificate)) = self.certificate(&info.sid) else {
            return Checked::nameless(Remark::SignerMissing);
        };
        let addresses = addresses(&certificate);
        let named = addresses.first().map(EmailAddress::to_string);
        let signer_name = named
            .or_else(|| common_name(&certificate))
            .unwrap_or_default();
        let outcomes = match self.integrity(signer, &info, &certificate, place) {
            Err(fault) => vec![fault],
            Ok(()) => {
                let mut doubts = Vec::new();
                let is_sender = self
                    .sender
                    .is_some_and(|from| addresses.iter().any(|it| it.folded() == from.folded()));
                if !is_sender {
                    doubts.push(Remark::SignerNotSender);
                }
                self.doubts_about(&certificate, place, &mut doubts);
                match doubts.is_empty() {
                    true => vec![Remark::SignatureValid],
                    false => [vec![Remark::SignatureIntact], doubts].concat(),
                }
            }
        };
        Checked {
            signer: signer_name,
            outcomes,
        }
    }

    /// The signer's own certificate among those of the mail: by issuer and number, or by its key's id.
    fn certificate(&self, wanted: &SignerIdentifier) -> Option<(usize, Certificate)> {
        let all = self.proofs.certificates.iter().enumerate();
        all.filter_map(|(place, der)| Some((place, Certificate::from_der(der).ok()?)))
            .find(|(_, certificate)| {
                let known = &certificate.tbs_certificate;
                match wanted {
                    SignerIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber {
                        issuer,
                        serial_number,
                    }) => known.issuer == *issuer && known.serial_number == *serial_number,
                    SignerIdentifier::SubjectKeyIdentifier(id) => {
                        matches!(known.get::<SubjectKeyIdentifier>(), Ok(Some((_, it))) if it == *id)
                    }
                }
            })
    }

    /// Whether the text is what this certificate's key signed.
    fn integrity(
        &self,
        signer: &[u8],
        info: &SignerInfo,
        certificate: &Certificate,
        place: usize,
    ) -> Result<(), Remark> {
        let hash = hash_of(info).ok_or(Remark::SignatureAlgorithm)?;
        let message: Cow<'_, [u8]> = match &info.signed_attrs {
            None => Cow::Borrowed(self.text),
            Some(attributes) => {
                let one = |oid: ObjectIdentifier| {
                    let mut found = attributes.iter().filter(|it| it.oid == oid);
                    match (found.next(), found.next()) {
                        (Some(only), None) if only.values.len() == 1 => only.values.get(0),
                        _ => None,
                    }
                };
                let digest = one(OID_MESSAGE_DIGEST)
                    .and_then(|it| it.decode_as::<OctetStringRef<'_>>().ok());
                let digest = digest.ok_or(Remark::SignatureUnreadable)?;
                if digest.as_bytes() != digest::digest(hash, self.text).as_ref() {
                    return Err(Remark::SignatureBroken);
                }
                // Without it the attributes of another sort of thing could be shown as a mail's.
                let kind =
                    one(OID_CONTENT_TYPE).and_then(|it| it.decode_as::<ObjectIdentifier>().ok());
                if kind != Some(OID_DATA) {
                    return Err(Remark::SignatureBroken);
                }
                Cow::Owned(signed_attributes(signer).ok_or(Remark::SignatureUnreadable)?)
            }
        };
        let ways = ways(info, hash);
        if ways.is_empty() || is_short(certificate) {
            return Err(Remark::SignatureAlgorithm);
        }
        let der = CertificateDer::from(self.proofs.certificates[place].as_slice());
        let holder = EndEntityCert::try_from(&der).map_err(|_| Remark::SignatureUnreadable)?;
        let mut is_known = false;
        for way in ways {
            match holder.verify_signature(*way, &message, info.signature.as_bytes()) {
                Ok(()) => return Ok(()),
                Err(Fault::InvalidSignatureForPublicKey) => is_known = true,
                // Of another sort of key.
                Err(_) => {}
            }
        }
        Err(match is_known {
            true => Remark::SignatureBroken,
            false => Remark::SignatureAlgorithm,
        })
    }

    /// What speaks against the certificate, whoever's it is.
    fn doubts_about(&self, certificate: &Certificate, place: usize, doubts: &mut Vec<Remark>) {
        let valid = Valid::of(certificate);
        if self.at > valid.until {
            doubts.push(Remark::CertificateExpired);
        } else if self.at < valid.from {
            doubts.push(Remark::CertificateNotYetValid);
        }
        if !is_for_mail(certificate) {
            doubts.push(Remark::CertificateUnfit);
        } else if self.authorities.is_empty() {
            doubts.push(Remark::ChainUnchecked);
        } else if let Err(fault) = self.chain(place, valid) {
            doubts.push(fault);
        }
    }

    fn chain(&self, place: usize, valid: Valid) -> Result<(), Remark> {
        // Where the certificate itself has ended, that is said already: the chain is that of its last day.
        let at = self.at.clamp(valid.from, valid.until.max(valid.from));
        let standing = self.authorities.anchors(|valid| valid.holds(at));
        if self.path(place, &standing, at).is_ok() {
            return Ok(());
        }
        let any = self.authorities.anchors(|_| true);
        // Did it lead to one of ours on any day on which those between were good?
        let is_late = self
            .days(valid)
            .any(|day| self.path(place, &any, day).is_ok());
        Err(match is_late {
            true => Remark::ChainExpired,
            false => Remark::ChainUntrusted,
        })
    }

    /// The last day of each certificate of the mail, within the signer's own days, and the one on which it came.
    fn days(&self, valid: Valid) -> impl Iterator<Item = i64> {
        let all = self.proofs.certificates.iter();
        let ends = all
            .filter_map(|der| Certificate::from_der(der).ok())
            .map(|certificate| Valid::of(&certificate).until);
        let first = self.at;
        std::iter::once(first)
            .chain(ends)
            .map(move |day| day.clamp(valid.from, valid.until.max(valid.from)))
    }

    fn path(&self, place: usize, anchors: &[TrustAnchor<'static>], at: i64) -> Result<(), Fault> {
        let all = self.proofs.certificates.iter().enumerate();
        let own = CertificateDer::from(self.proofs.certificates[place].as_slice());
        let between: Vec<CertificateDer<'_>> = all
            .filter(|(other, _)| *other != place)
            .map(|(_, der)| CertificateDer::from(der.as_slice()))
            .collect();
        let at = Duration::from_secs(u64::try_from(at).unwrap_or(0));
        let holder = EndEntityCert::try_from(&own)?;
        let path = holder.verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            anchors,
            &between,
            UnixTime::since_unix_epoch(at),
            ForMail,
            None,
            None,
        );
        path.map(|_| ())
    }
}

const OID_CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const OID_MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const OID_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
