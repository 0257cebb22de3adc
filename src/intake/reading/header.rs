//! Header blocks: lines → names and values; and the readable text of a value: folds, encoded words, raw 8-bit bytes.

use std::ops::Range;

use super::charset::decode;
use super::limits::{HEADER_BYTES, HEADERS};
use super::transfer::base64;

/// A block of header lines, in the mail's own bytes.
#[derive(Debug, Clone, Default)]
pub struct Block<'m> {
    bytes: &'m [u8],
    /// Where the names and the values stand.
    fields: Vec<(Range<usize>, Range<usize>)>,
    /// More lines or bytes than are read.
    pub is_over: bool,
}

impl<'m> Block<'m> {
    /// Reads the block at the beginning of `bytes`, and says where what follows it begins.
    pub fn read(bytes: &'m [u8]) -> (Self, usize) {
        let mut block = Self {
            bytes,
            ..Self::default()
        };
        let mut at = 0;
        while at < bytes.len() {
            let end = line_end(bytes, at);
            let line = trim_end(&bytes[at..end]);
            if line.is_empty() {
                return (block, end);
            }
            if block.fields.len() >= HEADERS || end > HEADER_BYTES {
                block.is_over = true;
                return (block, past_block(bytes, at));
            }
            let is_fold = matches!(line[0], b' ' | b'\t');
            match (is_fold, name_length(line)) {
                (true, _) => {
                    if let Some((_, value)) = block.fields.last_mut() {
                        value.end = at + line.len();
                    }
                }
                (false, Some(length)) => {
                    let (name, value) = (at..at + length, at + length + 1..at + line.len());
                    block.fields.push((name, value));
                }
                // Rubbish: skipped where header lines go on behind it, else the text begins here without a blank line.
                (false, None) => {
                    let next = &bytes[end..];
                    let next = trim_end(&next[..line_end(next, 0)]);
                    let is_mbox = at == 0 && line.starts_with(b"From ");
                    if !is_mbox && name_length(next).is_none() {
                        return (block, at);
                    }
                }
            }
            at = end;
        }
        (block, bytes.len())
    }

    pub const fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The first field of that name, folds and all.
    pub fn raw(&self, name: &str) -> Option<&'m [u8]> {
        self.fields
            .iter()
            .find(|(known, _)| {
                let known = self.bytes[known.clone()].trim_ascii_end();
                known.eq_ignore_ascii_case(name.as_bytes())
            })
            .map(|(_, value)| &self.bytes[value.clone()])
    }

    /// The lines as they are, without the fields that say of what kind the content is.
    pub fn without_content_fields(&self) -> Vec<u8> {
        let mut lines = Vec::new();
        for (name, value) in &self.fields {
            let is_content = self.bytes[name.clone()]
                .get(..8)
                .is_some_and(|name| name.eq_ignore_ascii_case(b"content-"));
            if !is_content {
                lines.extend_from_slice(&self.bytes[name.start..value.end]);
                lines.extend_from_slice(b"\r\n");
            }
        }
        lines
    }

    pub fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// The field's readable text.
    pub fn text(&self, name: &str, fallback: Option<&str>) -> Option<String> {
        self.raw(name).map(|value| readable(value, fallback))
    }
}

/// Length of the name before a colon, if the line begins like a header field.
fn name_length(line: &[u8]) -> Option<usize> {
    let colon = line.iter().take(200).position(|byte| *byte == b':')?;
    let name = line[..colon].trim_ascii_end();
    let is_name = !name.is_empty() && name.iter().all(|byte| byte.is_ascii_graphic());
    is_name.then_some(colon)
}

/// Where the line at `at` ends, behind its line feed.
pub fn line_end(bytes: &[u8], at: usize) -> usize {
    memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |length| at + length + 1)
}

fn trim_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn past_block(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() {
        let end = line_end(bytes, at);
        if trim_end(&bytes[at..end]).is_empty() {
            return end;
        }
        at = end;
    }
    at
}

/// A value without folds, line ends and NUL, as text: raw bytes as UTF-8, else in `fallback`; encoded words decoded.
pub fn readable(value: &[u8], fallback: Option<&str>) -> String {
    words(&raw_text(value, fallback)).trim().to_owned()
}

/// As [`readable`], with encoded words left as they are.
pub fn raw_text(value: &[u8], fallback: Option<&str>) -> String {
    let text = match std::str::from_utf8(value) {
        Ok(text) => text.to_owned(),
        Err(_) => decode(value, fallback).text,
    };
    let mut flat = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\r' | '\n' | '\0' => {}
            '\t' => flat.push(' '),
            _ => flat.push(c),
        }
    }
    flat.trim().to_owned()
}

/// One `=?charset?encoding?text?=`: its set, its bytes, and its length in the text.
pub fn encoded_word(text: &str) -> Option<(&str, Vec<u8>, usize)> {
    // Seen through a window, so that a line of nothing but beginnings isn't read to its end for each of them.
    let window = &text[..text.floor_char_boundary(WORD_BYTES)];
    let rest = window.strip_prefix("=?")?;
    let (set, rest) = rest.split_once('?')?;
    let (encoding, rest) = rest.split_once('?')?;
    let (inner, _) = rest.split_once("?=")?;
    let is_set =
        !set.is_empty() && set.len() <= 60 && set.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_set {
        return None;
    }
    let bytes = match encoding {
        "B" | "b" => base64(inner.as_bytes()).bytes,
        "Q" | "q" => q_bytes(inner.as_bytes()),
        _ => return None,
    };
    let length = 2 + set.len() + 1 + encoding.len() + 1 + inner.len() + 2;
    // RFC 2231: `utf-8*de` names a language, too.
    let set = set.split('*').next().unwrap_or(set);
    Some((set, bytes, length))
}

/// Longest encoded word that is read: RFC 2047 allows 75 characters, programs write whole subjects.
const WORD_BYTES: usize = 4_096;

fn q_bytes(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let escaped = (text[at] == b'=')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|pair| std::str::from_utf8(pair).ok())
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match (escaped, text[at]) {
            (Some(byte), _) => {
                bytes.push(byte);
                at += 2;
            }
            (None, b'_') => bytes.push(b' '),
            (None, byte) => bytes.push(byte),
        }
        at += 1;
    }
    bytes
}

/// Encoded words decoded. Blanks between two of them go, and neighbours of one set are joined as bytes before they are
/// decoded: programs cut in the middle of a character.
pub fn words(text: &str) -> String {
    if !text.contains("=?") {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut open: Option<(&str, Vec<u8>)> = None;
    let mut blanks = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some((set, bytes, length)) = encoded_word(rest) {
            match open.take() {
                Some((known, mut before)) if known.eq_ignore_ascii_case(set) => {
                    before.extend(bytes);
                    open = Some((known, before));
                }
                before => {
                    let was_word = before.is_some();
                    close(&mut out, before);
                    if !was_word {
                        out.push_str(&blanks);
                    }
                    open = Some((set, bytes));
                }
            }
            blanks.clear();
            rest = &rest[length..];
        } else if c.is_whitespace() {
            blanks.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            close(&mut out, open.take());
            out.push_str(&blanks);
            blanks.clear();
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    close(&mut out, open);
    out
}

fn close(out: &mut String, word: Option<(&str, Vec<u8>)>) {
    let Some((set, bytes)) = word else { return };
    let text = decode(&bytes, Some(set)).text;
    // A line end inside a word would be a way to write header lines of one's own.
    out.extend(text.chars().filter(|c| *c != '\0').map(|c| match c {
        '\r' | '\n' | '\t' => ' ',
        c => c,
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e67_encoded_words_and_raw_bytes_are_one_readable_text() {
        for (value, text) in [
            (
                "=?utf-8?q?Uplink_d=C3=B6wn?=\r\n =?utf-8?q?_again?=",
                "Uplink döwn again",
            ),
            // Cut inside a character, in either encoding.
            ("=?utf-8?Q?d=C3?= =?UTF-8?Q?=B6wn?=", "döwn"),
            ("=?utf-8?B?ZMM=?=\r\n\t=?utf-8?B?tnduCg==?=", "döwn"),
            ("a =?iso-8859-1?q?b=FC?= c", "a bü c"),
            ("=?iso-8859-1?q?=FC?= =?utf-8?q?=C3=BC?=", "üü"),
            ("=?utf-8*de?q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
            // Specials, a blank inside, no padding, glued to its neighbour.
            ("Re:=?utf-8?q?What_=3F_=3D_this?=", "Re:What ? = this"),
            ("=?utf-8?q?two words?=", "two words"),
            ("=?utf-8?B?R3LDvMOfZQ?=", "Grüße"),
            ("=?x-unknown?q?Gr=FC=DFe?=", "Grüße"),
            // No word at all.
            ("=?utf-8?x?abc?= and =?=", "=?utf-8?x?abc?= and =?="),
            ("100 % \\ =?", "100 % \\ =?"),
        ] {
            assert_eq!(readable(value.as_bytes(), None), text, "{value}");
        }
        assert_eq!(readable(b"St\xf6rung", None), "Störung");
        assert_eq!(
            readable("Störung".as_bytes(), Some("iso-8859-1")),
            "Störung"
        );
        assert_eq!(readable(b"\xd6\xd0\xce\xc4", Some("gb2312")), "中文");
    }

    #[test]
    fn e78_a_folded_value_is_unfolded_and_adds_no_line() {
        assert_eq!(
            readable(b"one\r\n two\r\n\tthree\r\n", None),
            "one two three"
        );
        assert_eq!(
            readable(b"=?utf-8?q?x=0D=0ABcc:_a@b.example?=", None),
            "x  Bcc: a@b.example"
        );
    }

    #[test]
    fn e70_a_block_ends_where_its_lines_do() {
        let (block, at) = Block::read(b"A: 1\r\nB : 2\r\n  more\r\n\r\ntext");
        assert_eq!(block.raw("b"), Some(&b" 2\r\n  more"[..]));
        assert_eq!(at, 23);
        let (block, at) =
            Block::read(b"From ada Mon Nov 2\nA: 1\nrubbish\nB: 2\nhello there\nyou\n");
        assert!(block.has("A") && block.has("B") && !block.has("From ada Mon Nov 2"));
        assert_eq!(at, 37);
        assert!(Block::read(b"no header at all").0.is_empty());
    }

    #[test]
    fn e10_headers_are_counted() {
        let many = "X-A: b\r\n".repeat(HEADERS + 1) + "\r\nText";
        let (block, at) = Block::read(many.as_bytes());
        assert!(block.is_over && &many[at..] == "Text");
        let long = format!("A: {}\r\n\r\nText", "x".repeat(100 * 1024));
        assert!(!Block::read(long.as_bytes()).0.is_over, "100 kB are read");
    }
}
