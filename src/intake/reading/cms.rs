//! What an S/MIME signature encloses (RFC 5652 `SignedData`, in DER or BER): everybody may read it. Whether the signature holds is
//! not looked at here, so nothing that is read this way proves who wrote it.

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

/// The signed bytes; `None` if it is no signature, or a detached one, or cut.
pub fn signed_content(bytes: &[u8]) -> Option<Vec<u8>> {
    let (info, _) = expect(bytes, SEQUENCE)?;
    let (kind, info) = expect(info, OID)?;
    let (signed, _) = expect(info, EXPLICIT_0)?;
    let (signed, _) = expect(signed, SEQUENCE)?;
    let (_, signed) = expect(signed, INTEGER)?;
    let (_, signed) = expect(signed, SET)?;
    let (enclosed, _) = expect(signed, SEQUENCE)?;
    let (inner, enclosed) = expect(enclosed, OID)?;
    let (content, _) = expect(enclosed, EXPLICIT_0)?;
    let mut found = Vec::new();
    (kind == SIGNED_DATA && inner == DATA && octets(content, DEPTH, &mut found)).then_some(found)
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
