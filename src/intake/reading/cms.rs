//! What an S/MIME signature encloses (RFC 5652 `SignedData`, in DER or BER): everybody may read it. Whether the signature holds is
//! not looked at here, so nothing that is read this way proves who wrote it: that is [`smime`](crate::intake::smime)'s.
//!
//! Sizes, counts and depths are bounded before anything is copied; what is larger counts as no signature.

/// How deep elements may lie within each other: what a mail needs is seven.
const DEPTH: usize = 12;
const SIGNED_DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02";
const DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";

const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const OID: u8 = 0x06;
/// Octets in pieces.
const PIECES: u8 = 0x24;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const EXPLICIT_0: u8 = 0xa0;
const EXPLICIT_1: u8 = 0xa1;

/// Bytes of everything but the signed text: a bundle of certificates with its time stamps has some ten thousand.
const PROOF_BYTES: usize = 256 * 1024;
/// Certificates of one signature, and its signers.
const CERTIFICATES: usize = 32;
const SIGNERS: usize = 4;
/// How deep elements lie within a certificate or a signer's attributes, with a time stamp's own signature among them.
const DER_DEPTH: usize = 40;

/// The signed bytes; `None` if it is no signature, or a detached one, or cut.
pub fn signed_content(bytes: &[u8]) -> Option<Vec<u8>> {
    let (enclosed, _) = opened(bytes)?;
    let (inner, enclosed) = expect(enclosed, OID)?;
    let (content, _) = expect(enclosed, EXPLICIT_0)?;
    let mut found = Vec::new();
    (inner == DATA && octets(content, DEPTH, &mut found)).then_some(found)
}

/// What the signature encloses, and what follows that.
fn opened(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (info, _) = expect(bytes, SEQUENCE)?;
    let (kind, info) = expect(info, OID)?;
    let (signed, _) = expect(info, EXPLICIT_0)?;
    let (signed, _) = expect(signed, SEQUENCE)?;
    let (_, signed) = expect(signed, INTEGER)?;
    let (_, signed) = expect(signed, SET)?;
    (kind == SIGNED_DATA).then_some(())?;
    expect(signed, SEQUENCE)
}

/// What a signature brings besides the signed bytes, each piece in DER.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Proofs {
    /// As they came: their issuers signed these very bytes.
    pub certificates: Vec<Vec<u8>>,
    /// One `SignerInfo` each.
    pub signers: Vec<Vec<u8>>,
}

/// The certificates and signers of a signature, detached or not; `None` if it is none, is cut, or holds more than is looked at.
pub fn proofs(bytes: &[u8]) -> Option<Proofs> {
    let (_, mut rest) = opened(bytes)?;
    if rest.len() > PROOF_BYTES {
        return None;
    }
    let mut found = Proofs::default();
    loop {
        let (tag, content, after) = element(rest, DEPTH)?;
        match tag {
            EXPLICIT_0 => {
                found.certificates = pieces(content, CERTIFICATES, |piece| match piece {
                    // What is no certificate of the usual kind is nobody's here.
                    [SEQUENCE, ..] => Some(Some(in_der(piece)?)),
                    _ => Some(None),
                })?;
            }
            SET => {
                found.signers = pieces(content, SIGNERS, |piece| Some(Some(in_der(piece)?)))?;
                return Some(found);
            }
            // Revocation lists: their issuers are asked by nobody here.
            EXPLICIT_1 => {}
            _ => return None,
        }
        rest = after;
    }
}

/// The elements that stand in a row, at most so many.
fn pieces(
    mut bytes: &[u8],
    most: usize,
    read: impl Fn(&[u8]) -> Option<Option<Vec<u8>>>,
) -> Option<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let (_, _, rest) = element(bytes, DEPTH)?;
        let piece = &bytes[..bytes.len() - rest.len()];
        if let Some(piece) = read(piece)? {
            if found.len() == most {
                return None;
            }
            found.push(piece);
        }
        bytes = rest;
    }
    Some(found)
}

/// The element with all lengths written out, and octets in one piece; what is DER already stays as it is.
fn in_der(piece: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(piece.len());
    write_out(piece, DER_DEPTH, &mut out)?;
    Some(out)
}

fn write_out(bytes: &[u8], depth: usize, out: &mut Vec<u8>) -> Option<()> {
    let (tag, content, _) = element(bytes, depth)?;
    if tag == PIECES {
        let mut whole = Vec::new();
        octets(bytes, depth, &mut whole).then_some(())?;
        return put(OCTETS, &whole, out);
    }
    // Primitive: its content is nobody's business.
    if tag & 0x20 == 0 {
        return put(tag, content, out);
    }
    let mut inner = Vec::with_capacity(content.len());
    let mut rest = content;
    while !rest.is_empty() {
        let (_, _, after) = element(rest, depth - 1)?;
        write_out(rest, depth - 1, &mut inner)?;
        rest = after;
    }
    put(tag, &inner, out)
}

fn put(tag: u8, content: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let length = u32::try_from(content.len()).ok()?;
    out.push(tag);
    let digits = length.to_be_bytes();
    let zeros = digits.iter().take_while(|digit| **digit == 0).count();
    match length {
        0..0x80 => out.push(length as u8),
        _ => {
            out.push(0x80 | (digits.len() - zeros) as u8);
            out.extend_from_slice(&digits[zeros..]);
        }
    }
    out.extend_from_slice(content);
    Some(())
}

/// The bytes of a signer's attributes as they were signed: as a set of its own. `None` if there are none.
pub fn signed_attributes(signer: &[u8]) -> Option<Vec<u8>> {
    let (content, _) = expect(signer, SEQUENCE)?;
    let (_, content) = expect(content, INTEGER)?;
    let (_, _, content) = element(content, DEPTH)?;
    let (_, content) = expect(content, SEQUENCE)?;
    let (attributes, _) = expect(content, EXPLICIT_0)?;
    let mut out = Vec::with_capacity(attributes.len() + 4);
    put(SET, attributes, &mut out)?;
    Some(out)
}

/// The content of the element at the beginning, if it has that tag, and what follows it.
fn expect(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = element(bytes, DEPTH)?;
    (found == tag).then_some((content, rest))
}

/// Tag, content and what follows.
fn element(bytes: &[u8], depth: usize) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&length, rest) = rest.split_first()?;
    // Tags of several bytes stand nowhere on the way.
    if tag & 0x1f == 0x1f || depth == 0 {
        return None;
    }
    let (length, rest) = match length {
        0x80 => return open_ended(tag, rest, depth),
        0..0x80 => (usize::from(length), rest),
        _ => {
            let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            if digits.len() > size_of::<u32>() {
                return None;
            }
            let length = digits
                .iter()
                .fold(0, |length, digit| (length << 8) | usize::from(*digit));
            (length, rest)
        }
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// An element that ends where two zeros stand in the place of its next one.
fn open_ended(tag: u8, bytes: &[u8], depth: usize) -> Option<(u8, &[u8], &[u8])> {
    let mut rest = bytes;
    while !rest.starts_with(&[0, 0]) {
        (_, _, rest) = element(rest, depth - 1)?;
    }
    let content = &bytes[..bytes.len() - rest.len()];
    Some((tag, content, &rest[2..]))
}

/// Appends the octets at the beginning, in one piece or in many; whether there are any.
fn octets(bytes: &[u8], depth: usize, into: &mut Vec<u8>) -> bool {
    match element(bytes, depth) {
        Some((OCTETS, content, _)) => {
            into.extend_from_slice(content);
            true
        }
        Some((PIECES, mut pieces, _)) => {
            while !pieces.is_empty() {
                let Some((_, _, rest)) = element(pieces, depth - 1) else {
                    return false;
                };
                if !octets(pieces, depth - 1, into) {
                    return false;
                }
                pieces = rest;
            }
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `bytes` under a tag, with a length that is written out.
    fn under(tag: u8, bytes: &[u8]) -> Vec<u8> {
        let mut all = vec![tag, 0x82];
        all.extend_from_slice(&(bytes.len() as u16).to_be_bytes());
        all.extend_from_slice(bytes);
        all
    }

    /// The same, with its end marked.
    fn ended(tag: u8, bytes: &[u8]) -> Vec<u8> {
        [&[tag, 0x80], bytes, &[0, 0]].concat()
    }

    fn signature(wrap: fn(u8, &[u8]) -> Vec<u8>, octets: &[u8]) -> Vec<u8> {
        let inner = [under(OID, DATA), wrap(EXPLICIT_0, octets)].concat();
        let signed = [
            under(INTEGER, &[1]),
            under(SET, &[]),
            wrap(SEQUENCE, &inner),
            under(SET, b""),
        ]
        .concat();
        let signed = wrap(EXPLICIT_0, &wrap(SEQUENCE, &signed));
        wrap(SEQUENCE, &[under(OID, SIGNED_DATA), signed].concat())
    }

    #[test]
    fn e95_what_is_signed_is_read_in_either_encoding() {
        let whole = signature(under, &under(OCTETS, b"Hello"));
        assert_eq!(signed_content(&whole).as_deref(), Some(&b"Hello"[..]));
        let pieces = [under(OCTETS, b"Hel"), under(OCTETS, b"lo")].concat();
        let streamed = signature(ended, &ended(PIECES, &pieces));
        assert_eq!(signed_content(&streamed).as_deref(), Some(&b"Hello"[..]));
        // Whatever is cut or lies about its sizes is a file like others, and found out soon.
        for signature in [&whole, &streamed] {
            let enclosed = signature.len() - b"\x31\x82\0\0".len();
            for end in 0..enclosed - 12 {
                assert_eq!(signed_content(&signature[..end]), None, "{end}");
            }
        }
        assert_eq!(signed_content(&[0x30, 0x80].repeat(10_000)), None);
        assert_eq!(signed_content(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
        let detached = signature(under, b"");
        assert_eq!(signed_content(&detached), None);
    }
}
