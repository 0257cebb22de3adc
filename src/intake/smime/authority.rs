//! Whom the house believes when they say whose a key is.

use std::path::Path;
use std::sync::Arc;

use der::Decode;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, TrustAnchor};
use webpki::{Error as Fault, ExtendedKeyUsageValidator, KeyPurposeIdIter};
use x509_cert::Certificate;

/// Whom the house trusts to say whose a key is.
#[derive(Debug, Clone, Default)]
pub struct Authorities(Arc<Vec<Authority>>);

#[derive(Debug)]
struct Authority {
    anchor: TrustAnchor<'static>,
    valid: Valid,
}

/// From when until when, in seconds since 1970, both included.
#[derive(Debug, Clone, Copy)]
pub(super) struct Valid {
    pub(super) from: i64,
    pub(super) until: i64,
}

impl Valid {
    pub(super) fn of(certificate: &Certificate) -> Self {
        let valid = &certificate.tbs_certificate.validity;
        let secs = |time: x509_cert::time::Time| {
            i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX)
        };
        Self {
            from: secs(valid.not_before),
            until: secs(valid.not_after),
        }
    }

    pub(super) const fn holds(self, at: i64) -> bool {
        self.from <= at && at <= self.until
    }
}

impl Authorities {
    /// The certificates of a PEM file; the error says what is wrong with it.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Self::parse(&text).map_err(|why| format!("{}: {why}", path.display()))
    }

    pub fn parse(pem: &[u8]) -> Result<Self, String> {
        let mut all = Vec::new();
        for (place, found) in (1..).zip(CertificateDer::pem_slice_iter(pem)) {
            let found = found.map_err(|error| format!("certificate {place}: {error}"))?;
            let known = Certificate::from_der(&found)
                .map_err(|error| format!("certificate {place}: {error}"))?;
            let anchor = webpki::anchor_from_trusted_cert(&found)
                .map_err(|error| format!("certificate {place}: {error}"))?;
            all.push(Authority {
                anchor: anchor.to_owned(),
                valid: Valid::of(&known),
            });
        }
        match all.is_empty() {
            true => Err("there is no certificate in it".to_owned()),
            false => Ok(Self(Arc::new(all))),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those whose own certificate is wanted by its days.
    pub(super) fn anchors(&self, wanted: impl Fn(Valid) -> bool) -> Vec<TrustAnchor<'static>> {
        let wanted = self.0.iter().filter(|it| wanted(it.valid));
        wanted.map(|it| it.anchor.clone()).collect()
    }
}

/// What a certificate above a signer's may be for: an authority that may only vouch for servers vouches for no mail.
pub(super) struct ForMail;

impl ExtendedKeyUsageValidator for ForMail {
    fn validate(&self, purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), Fault> {
        let mut is_limited = false;
        for purpose in purposes {
            let purpose = purpose?.to_decoded_oid();
            if purpose == FOR_MAIL || purpose == FOR_ANYTHING {
                return Ok(());
            }
            is_limited = true;
        }
        match is_limited {
            true => Err(Fault::UnknownIssuer),
            false => Ok(()),
        }
    }
}

const FOR_MAIL: &[usize] = &[1, 3, 6, 1, 5, 5, 7, 3, 4];
const FOR_ANYTHING: &[usize] = &[2, 5, 29, 37, 0];
