//! In which ways a signature may be made, so that it proves something.

use cms::signed_data::SignerInfo;
use der::asn1::ObjectIdentifier;
use der::{AnyRef, Decode, Reader, SliceReader, Tag, TagNumber, Tagged};
use ring::digest::{self, SHA256, SHA384, SHA512};
use rustls::pki_types::SignatureVerificationAlgorithm;
use x509_cert::Certificate;

const OID_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const OID_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const OID_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");
const OID_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const OID_RSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const OID_RSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12");
const OID_RSA_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13");
const OID_RSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const OID_EC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const OID_EC_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const OID_EC_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
const OID_ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// A public key of RSA of 2048 bits takes as many bytes in its certificate; shorter ones prove nothing today.
const RSA_2048_BYTES: usize = 266;

/// The digest that the signer took, if it is one that proves something.
pub(super) fn hash_of(info: &SignerInfo) -> Option<&'static digest::Algorithm> {
    match info.digest_alg.oid {
        OID_SHA256 => Some(&SHA256),
        OID_SHA384 => Some(&SHA384),
        OID_SHA512 => Some(&SHA512),
        _ => None,
    }
}

/// Whether anybody could have made the key anew by now.
pub(super) fn is_short(certificate: &Certificate) -> bool {
    let key = &certificate.tbs_certificate.subject_public_key_info;
    key.algorithm.oid == OID_RSA && key.subject_public_key.raw_bytes().len() < RSA_2048_BYTES
}

pub(super) type Way = &'static dyn SignatureVerificationAlgorithm;

/// How a signature that is declared so may be verified; which of them fits, the key says. Empty: in no way that proves anything.
pub(super) fn ways(info: &SignerInfo, hash: &'static digest::Algorithm) -> &'static [Way] {
    use webpki::ring::*;
    const RSA_256: &[Way] = &[RSA_PKCS1_2048_8192_SHA256];
    const RSA_384: &[Way] = &[RSA_PKCS1_2048_8192_SHA384];
    const RSA_512: &[Way] = &[RSA_PKCS1_2048_8192_SHA512];
    const EC_256: &[Way] = &[ECDSA_P256_SHA256, ECDSA_P384_SHA256];
    const EC_384: &[Way] = &[ECDSA_P256_SHA384, ECDSA_P384_SHA384];
    const PSS_256: &[Way] = &[RSA_PSS_2048_8192_SHA256_LEGACY_KEY];
    const PSS_384: &[Way] = &[RSA_PSS_2048_8192_SHA384_LEGACY_KEY];
    const PSS_512: &[Way] = &[RSA_PSS_2048_8192_SHA512_LEGACY_KEY];
    const ED: &[Way] = &[ED25519];
    // Many programs name the key alone, and mean the digest that they named before.
    let by_hash = |three: [&'static [Way]; 3]| match info.digest_alg.oid {
        OID_SHA256 => three[0],
        OID_SHA384 => three[1],
        _ => three[2],
    };
    match info.signature_algorithm.oid {
        OID_RSA => by_hash([RSA_256, RSA_384, RSA_512]),
        OID_RSA_SHA256 => RSA_256,
        OID_RSA_SHA384 => RSA_384,
        OID_RSA_SHA512 => RSA_512,
        // With another salt than everybody's there is no way here.
        OID_RSA_PSS if salt_bytes(info) == Some(hash.output_len()) => {
            by_hash([PSS_256, PSS_384, PSS_512])
        }
        OID_EC_KEY => by_hash([EC_256, EC_384, &[]]),
        OID_EC_SHA256 => EC_256,
        OID_EC_SHA384 => EC_384,
        // RFC 8419 has its digests made by SHA-512.
        OID_ED25519 if info.signed_attrs.is_none() || *hash == SHA512 => ED,
        _ => &[],
    }
}

/// How much salt a signature of RSASSA-PSS (RFC 4055) is declared to have.
fn salt_bytes(info: &SignerInfo) -> Option<usize> {
    const SALT: Tag = Tag::ContextSpecific {
        constructed: true,
        number: TagNumber::N2,
    };
    let parameters = info.signature_algorithm.parameters.as_ref()?;
    let mut reader = SliceReader::new(parameters.value()).ok()?;
    while !reader.is_finished() {
        let part = AnyRef::decode(&mut reader).ok()?;
        if part.tag() == SALT {
            return u16::from_der(part.value()).ok().map(usize::from);
        }
    }
    None
}
