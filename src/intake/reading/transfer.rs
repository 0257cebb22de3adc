//! Transfer encodings → bytes. What is broken is read around and said to be.

/// Decoded bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Carried {
    pub bytes: Vec<u8>,
    /// Junk, missing padding, a wrong `=`.
    pub is_broken: bool,
}

/// How many bytes `length` bytes in this encoding come to at most.
pub fn most_bytes(length: usize, encoding: &str) -> usize {
    match encoding {
        "base64" => length / 4 * 3 + 3,
        _ => length,
    }
}

/// By the value of `Content-Transfer-Encoding`; what isn't known carries its bytes as they are.
pub fn decode(bytes: &[u8], encoding: &str) -> Carried {
    match encoding {
        "base64" => base64(bytes),
        "quoted-printable" => quoted_printable(bytes),
        "x-uuencode" | "uuencode" | "x-uue" | "uue" => match uuencoded(bytes) {
            Some(found) => Carried {
                bytes: found.bytes,
                is_broken: false,
            },
            None => Carried {
                bytes: bytes.to_vec(),
                is_broken: true,
            },
        },
        _ => Carried {
            bytes: bytes.to_vec(),
            is_broken: false,
        },
    }
}

/// Base 64 with whatever stands between its letters left out. A `=` ends a group; further groups may follow.
pub fn base64(text: &[u8]) -> Carried {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut bits, mut letters, mut is_broken) = (0_u32, 0_u8, false);
    for byte in text {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                is_broken |= letters > 0 && !flush(&mut bytes, bits, letters);
                (bits, letters) = (0, 0);
                continue;
            }
            b' ' | b'\t' | b'\r' | b'\n' => continue,
            _ => {
                is_broken = true;
                continue;
            }
        };
        bits = bits << 6 | u32::from(value);
        letters += 1;
        if letters == 4 {
            bytes.extend_from_slice(&bits.to_be_bytes()[1..]);
            letters = 0;
            bits = 0;
        }
    }
    if letters > 0 {
        flush(&mut bytes, bits, letters);
        is_broken = true;
    }
    Carried { bytes, is_broken }
}

/// The bytes of an unfinished group of 64s; false for a single letter, which is none.
fn flush(bytes: &mut Vec<u8>, bits: u32, letters: u8) -> bool {
    match letters {
        2 => bytes.push((bits >> 4) as u8),
        3 => bytes.extend_from_slice(&((bits >> 2) as u16).to_be_bytes()),
        _ => return false,
    }
    true
}

/// Quoted-printable; a `=` that says nothing stays as it is.
pub fn quoted_printable(text: &[u8]) -> Carried {
    let mut bytes = Vec::with_capacity(text.len());
    let mut is_broken = false;
    let mut at = 0;
    while at < text.len() {
        let byte = text[at];
        at += 1;
        if byte != b'=' {
            bytes.push(byte);
            continue;
        }
        let rest = &text[at..];
        let hex = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
        if let (Some(high), Some(low)) = (hex(rest.first()), hex(rest.get(1))) {
            bytes.push((high << 4 | low) as u8);
            at += 2;
            continue;
        }
        // A soft line end, with the blanks that some relay put behind it.
        let blanks = rest
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t'))
            .count();
        match &rest[blanks..] {
            [b'\r', b'\n', ..] => at += blanks + 2,
            [b'\n' | b'\r', ..] => at += blanks + 1,
            [] => at += blanks,
            _ => {
                bytes.push(b'=');
                is_broken = true;
            }
        }
    }
    Carried { bytes, is_broken }
}

/// A file that stands in a text between `begin 644 name` and `end`.
#[derive(Debug, PartialEq, Eq)]
pub struct Uuencoded {
    pub name: String,
    pub bytes: Vec<u8>,
    /// Where it stands in the text.
    pub range: std::ops::Range<usize>,
}

/// The first uuencoded file of a text. Without its `end`, or with a line that can't be one, it is just text.
pub fn uuencoded(text: &[u8]) -> Option<Uuencoded> {
    let mut start = None;
    let mut at = 0;
    let mut bytes = Vec::new();
    while at < text.len() {
        let end = super::header::line_end(text, at);
        let line = text[at..end].trim_ascii_end();
        match &start {
            None => {
                if let Some(name) = begin(line) {
                    start = Some((at, name));
                    bytes.clear();
                }
            }
            Some((from, name)) if line == b"end" => {
                return Some(Uuencoded {
                    name: name.clone(),
                    bytes,
                    range: *from..end,
                });
            }
            Some(_) if uu_line(line, &mut bytes) => {}
            Some(_) => start = None,
        }
        at = end;
    }
    None
}

fn begin(line: &[u8]) -> Option<String> {
    let rest = line.strip_prefix(b"begin ")?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let name = rest.get(digits..)?.strip_prefix(b" ")?.trim_ascii();
    (matches!(digits, 3 | 4) && !name.is_empty()).then(|| super::charset::decode(name, None).text)
}

fn uu_line(line: &[u8], bytes: &mut Vec<u8>) -> bool {
    let Some((first, rest)) = line.split_first() else {
        return true;
    };
    let value = |byte: u8| byte.wrapping_sub(b' ') & 0x3f;
    let length = usize::from(value(*first));
    if !(b' '..=b'`').contains(first) || rest.len() > 64 {
        return false;
    }
    // Blanks at the end of a line were cut by some relay.
    let needed = length.div_ceil(3) * 4;
    if rest.len() + 4 < needed / 2 || !rest.iter().all(|byte| (b' '..=b'`').contains(byte)) {
        return false;
    }
    let mut codes = rest
        .iter()
        .copied()
        .chain(std::iter::repeat(b' '))
        .map(value);
    let from = bytes.len();
    for _ in 0..needed / 4 {
        let group = [(); 4].map(|()| codes.next().unwrap_or(0));
        let bits = group
            .iter()
            .fold(0_u32, |bits, code| bits << 6 | u32::from(*code));
        bytes.extend_from_slice(&bits.to_be_bytes()[1..]);
    }
    bytes.truncate(from + length);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e71_base64_is_read_around_its_junk() {
        for (text, bytes, is_broken) in [
            ("AAEC", &[0, 1, 2][..], false),
            ("AAE=", &[0, 1], false),
            ("AA==\r\n", &[0], false),
            ("AA\r\n EC\r\n", &[0, 1, 2], false),
            ("A*A-E!C", &[0, 1, 2], true),
            ("AAE", &[0, 1], true),
            ("AA", &[0], true),
            ("AAECA", &[0, 1, 2], true),
            // Two runs, one behind the other.
            ("AA==AAE=", &[0, 0, 1], false),
            ("", &[], false),
        ] {
            let read = base64(text.as_bytes());
            assert_eq!(
                (read.bytes.as_slice(), read.is_broken),
                (bytes, is_broken),
                "{text}"
            );
        }
    }

    #[test]
    fn e71_a_wrong_equals_sign_stays() {
        for (text, read, is_broken) in [
            ("Gr=C3=BC=c3=9fe", "Grüße", false),
            ("soft=\r\n line", "soft line", false),
            ("soft=  \nline", "softline", false),
            ("a=b, 1=2, x==y", "a=b, 1=2, x==y", true),
            ("100=", "100", false),
            ("=3D=ZZ", "==ZZ", true),
            ("one\r\ntwo", "one\r\ntwo", false),
        ] {
            let carried = quoted_printable(text.as_bytes());
            assert_eq!(String::from_utf8(carried.bytes).unwrap(), read);
            assert_eq!(carried.is_broken, is_broken, "{text}");
        }
    }

    #[test]
    fn e71_uuencode_is_a_file() {
        let text = b"Hello\nbegin 644 cat.txt\n#0V%T\n`\nend\nBye\n";
        let file = uuencoded(text).unwrap();
        assert_eq!(
            (file.name.as_str(), &file.bytes[..]),
            ("cat.txt", &b"Cat"[..])
        );
        assert_eq!(&text[file.range.clone()][..5], b"begin");
        assert_eq!(&text[file.range.end..], b"Bye\n");
        for text in [
            &b"begin 644 cat.txt\n#0V%T\n"[..],
            b"begin the day with coffee\nend\n",
            b"begin 644 cat\nthis is a sentence of text\nend\n",
            b"=ybegin line=128 size=3 name=cat\nabc\n=yend size=3\n",
        ] {
            assert_eq!(uuencoded(text), None, "{text:?}");
        }
    }
}
