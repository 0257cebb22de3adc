//! Whose a certificate is, and what it is for, as it says.

use der::Any;
use der::asn1::{Ia5StringRef, ObjectIdentifier, PrintableStringRef, Utf8StringRef};
use x509_cert::Certificate;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{ExtendedKeyUsage, KeyUsage, SubjectAltName};

use crate::domain::text::EmailAddress;
use crate::intake::reading::name::is_bidi;

const OID_COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const OID_ADDRESS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.1");
const OID_FOR_MAIL: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.4");
const OID_FOR_ANYTHING: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");

/// The mail addresses that the certificate speaks for.
pub(super) fn addresses(certificate: &Certificate) -> Vec<EmailAddress> {
    let mut written = Vec::new();
    if let Ok(Some((_, names))) = certificate.tbs_certificate.get::<SubjectAltName>() {
        for name in names.0 {
            if let GeneralName::Rfc822Name(address) = name {
                written.push(address.to_string());
            }
        }
    }
    // Older ones have it in the name itself.
    written.extend(in_subject(certificate, OID_ADDRESS));
    let parsed = written.iter().filter_map(|it| EmailAddress::parse(it).ok());
    parsed.take(ADDRESSES).collect()
}

/// Addresses of one certificate that are looked at.
const ADDRESSES: usize = 20;

pub(super) fn common_name(certificate: &Certificate) -> Option<String> {
    let name = in_subject(certificate, OID_COMMON_NAME)
        .into_iter()
        .next()?;
    let line: String = name
        .chars()
        .filter(|c| !c.is_control() && !is_bidi(*c))
        .take(200)
        .collect();
    Some(line)
}

fn in_subject(certificate: &Certificate, oid: ObjectIdentifier) -> Vec<String> {
    let subject = &certificate.tbs_certificate.subject;
    let parts = subject.0.iter().flat_map(|name| name.0.iter());
    parts
        .filter(|part| part.oid == oid)
        .filter_map(|part| text(&part.value))
        .collect()
}

/// A text in one of the forms that names have.
fn text(value: &Any) -> Option<String> {
    if let Ok(text) = value.decode_as::<Utf8StringRef<'_>>() {
        return Some(text.as_str().to_owned());
    }
    if let Ok(text) = value.decode_as::<PrintableStringRef<'_>>() {
        return Some(text.as_str().to_owned());
    }
    let text = value.decode_as::<Ia5StringRef<'_>>().ok()?;
    Some(text.as_str().to_owned())
}

/// A certificate that says what it is for is for this only if it says so.
pub(super) fn is_for_mail(certificate: &Certificate) -> bool {
    let known = &certificate.tbs_certificate;
    let may_sign = match known.get::<KeyUsage>() {
        Ok(Some((_, usage))) => usage.digital_signature() || usage.non_repudiation(),
        Ok(None) => true,
        Err(_) => false,
    };
    let is_meant = match known.get::<ExtendedKeyUsage>() {
        Ok(Some((_, usage))) => {
            usage.0.contains(&OID_FOR_MAIL) || usage.0.contains(&OID_FOR_ANYTHING)
        }
        Ok(None) => true,
        Err(_) => false,
    };
    may_sign && is_meant
}
