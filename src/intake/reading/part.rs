//! A mail's bytes → its tree of parts. Enclosed mails stay closed: their headers are nobody's but their own.
//!
//! A boundary counts only where it is a whole line. What has no end boundary reaches to its surroundings' end; what names a
//! boundary that never comes is text.

use std::ops::Range;

use super::header::{Block, line_end};
use super::limits::{DECODED_BYTES, DEPTH, PARTS};
use super::parameter::Parameters;
use super::transfer::{self, Carried};

/// A part, and the parts within it.
#[derive(Debug)]
pub struct Node<'m> {
    pub block: Block<'m>,
    /// Lower case `type/subtype`; text/plain if there is none, or none that can be read.
    pub media: String,
    pub kind: Parameters,
    pub disposition: Parameters,
    /// Lower case; "" if there is none.
    pub encoding: String,
    pub body: &'m [u8],
    /// Its header and body, as they came.
    pub whole: &'m [u8],
    pub children: Vec<Node<'m>>,
    /// Its place among all parts, in order.
    pub number: usize,
}

/// The tree, and whether parts of it stay closed because there are too many, they lie too deep or have too many bytes.
#[derive(Debug)]
pub struct Tree<'m> {
    pub root: Node<'m>,
    pub is_cut: bool,
    /// It is a single part that has too many bytes to be decoded.
    pub is_over: bool,
}

struct Count {
    parts: usize,
    /// What they come to when they are decoded, at most.
    bytes: usize,
    is_cut: bool,
    is_over: bool,
}

impl Count {
    /// Whether one more part, and bytes of it, are to be looked into.
    const fn has_room(&self) -> bool {
        self.parts < PARTS && self.bytes <= DECODED_BYTES
    }
}

/// Reads the tree. `block` and `body` are those of the whole mail.
pub fn tree<'m>(block: Block<'m>, body: &'m [u8]) -> Tree<'m> {
    let mut count = Count {
        parts: 0,
        bytes: 0,
        is_cut: false,
        is_over: false,
    };
    let root = node(block, body, body, 0, "text/plain", &mut count);
    Tree {
        root,
        is_cut: count.is_cut,
        is_over: count.is_over,
    }
}

fn node<'m>(
    block: Block<'m>,
    body: &'m [u8],
    whole: &'m [u8],
    depth: usize,
    default: &str,
    count: &mut Count,
) -> Node<'m> {
    let number = count.parts;
    count.parts += 1;
    let parameters = |name| {
        block
            .raw(name)
            .map(|raw| Parameters::read(raw, None))
            .unwrap_or_default()
    };
    let (kind, disposition) = (
        parameters("Content-Type"),
        parameters("Content-Disposition"),
    );
    let is_over = block.is_over || kind.is_over || disposition.is_over;
    if is_over && depth > 0 {
        count.is_cut = true;
        return closed(whole, number);
    }
    let is_type = kind
        .value
        .split_once('/')
        .is_some_and(|(kind, sub)| !kind.is_empty() && !sub.is_empty());
    let mut media = if is_type {
        kind.value.as_str()
    } else {
        default
    }
    .to_owned();
    let encoding = block
        .text("Content-Transfer-Encoding", None)
        .unwrap_or_default()
        .to_lowercase();
    let encoding = encoding
        .split([' ', ';', '('])
        .next()
        .unwrap_or_default()
        .to_owned();
    let mut children = Vec::new();
    if media.starts_with("multipart/") {
        let pieces = kind
            .get("boundary")
            .and_then(|boundary| split(body, boundary.trim_end().as_bytes()));
        match pieces {
            Some(_) if depth >= DEPTH => {
                count.is_cut = true;
                return closed(whole, number);
            }
            Some(pieces) => {
                let default = match media.as_str() {
                    "multipart/digest" => "message/rfc822",
                    _ => "text/plain",
                };
                for range in pieces {
                    if !count.has_room() {
                        // All that is left of this part, boundaries and all.
                        count.is_cut = true;
                        children.push(closed(&body[range.start..], count.parts));
                        count.parts += 1;
                        break;
                    }
                    let piece = &body[range];
                    let (block, at) = Block::read(piece);
                    let child = node(block, &piece[at..], piece, depth + 1, default, count);
                    children.push(child);
                }
            }
            None => media = "text/plain".to_owned(),
        }
    }
    if children.is_empty() {
        count.bytes = count
            .bytes
            .saturating_add(transfer::most_bytes(body.len(), &encoding));
        match (count.bytes > DECODED_BYTES, depth) {
            (false, _) => {}
            (true, 0) => count.is_over = true,
            (true, _) => {
                count.is_cut = true;
                return closed(whole, number);
            }
        }
    }
    Node {
        block,
        media,
        kind,
        disposition,
        encoding,
        body,
        whole,
        children,
        number,
    }
}

/// Bytes that stay as they are.
fn closed(bytes: &[u8], number: usize) -> Node<'_> {
    Node {
        block: Block::default(),
        media: "application/octet-stream".to_owned(),
        kind: Parameters::default(),
        disposition: Parameters::default(),
        encoding: String::new(),
        body: bytes,
        whole: bytes,
        children: Vec::new(),
        number,
    }
}

/// What stands between the boundary's lines, at most one piece more than may be kept; `None` if it never comes.
fn split(body: &[u8], boundary: &[u8]) -> Option<Vec<Range<usize>>> {
    let mut pieces = Vec::new();
    let mut start = None;
    let mut at = 0;
    while at < body.len() {
        let end = line_end(body, at);
        if let Some(is_last) = delimiter(&body[at..end], boundary) {
            if let Some(start) = start {
                pieces.push(start..start + without_line_end(&body[start..at]).len());
            }
            start = Some(end);
            if is_last || pieces.len() > PARTS {
                return Some(pieces);
            }
        }
        at = end;
    }
    let start = start?;
    // No end boundary. What stands behind the last one is a part if there is anything.
    if start < body.len() {
        pieces.push(start..body.len());
    }
    Some(pieces)
}

/// Whether the line is the boundary, and whether it is the last one.
fn delimiter(line: &[u8], boundary: &[u8]) -> Option<bool> {
    let rest = line.strip_prefix(b"--")?.strip_prefix(boundary)?;
    let (rest, is_last) = match rest.strip_prefix(b"--") {
        Some(rest) => (rest, true),
        None => (rest, false),
    };
    (!boundary.is_empty() && rest.trim_ascii().is_empty()).then_some(is_last)
}

/// The line end before a boundary is the boundary's.
fn without_line_end(piece: &[u8]) -> &[u8] {
    let piece = piece.strip_suffix(b"\n").unwrap_or(piece);
    piece.strip_suffix(b"\r").unwrap_or(piece)
}

impl Node<'_> {
    /// This part and all within it that have bytes of their own, in order.
    pub fn leaves(&self) -> Vec<&Self> {
        if !self.children.is_empty() {
            return self.children.iter().flat_map(Node::leaves).collect();
        }
        match self.media.starts_with("multipart/") {
            true => Vec::new(),
            false => vec![self],
        }
    }

    /// Its bytes without their transfer encoding.
    pub fn bytes(&self) -> Carried {
        transfer::decode(self.body, &self.encoding)
    }

    pub fn charset(&self) -> Option<&str> {
        self.kind.get("charset")
    }

    /// Says of each text in it that it is in this set, whatever it says itself.
    pub fn read_in(&mut self, set: &str) {
        if self.media.starts_with("text/") {
            self.kind.set("charset", set);
        }
        for child in &mut self.children {
            child.read_in(set);
        }
    }

    /// The file name as written and decoded: RFC 2231's form, then the plain ones.
    pub fn file_name(&self, fallback: Option<&str>) -> Option<String> {
        let named = |field: &str, name: &str| {
            let raw = self.block.raw(field)?;
            Parameters::read(raw, fallback).get(name).map(str::to_owned)
        };
        named("Content-Disposition", "filename").or_else(|| named("Content-Type", "name"))
    }

    /// `Content-ID` without its `<>`.
    pub fn content_id(&self) -> Option<String> {
        let id = self.block.text("Content-ID", None)?;
        let id = id.trim_matches(|c: char| c.is_whitespace() || "<>".contains(c));
        (!id.is_empty()).then(|| id.to_owned())
    }

    /// May be shown if it is all there is: a text with a name, too, and one of a kind that nobody knows, but no calendar or
    /// table that somebody sends as a file.
    pub fn may_be_shown_alone(&self) -> bool {
        let is_plain = matches!(self.media.as_str(), "text/plain" | "text/html");
        let is_text = self.media.starts_with("text/")
            && !matches!(
                self.media.as_str(),
                "text/calendar" | "text/csv" | "text/vcard" | "text/x-vcard" | "text/xml"
            );
        self.disposition.value != "attachment"
            && (is_plain || is_text && self.file_name(None).is_none())
    }

    /// May be shown as text of the mail: a text that isn't offered as a file.
    pub fn is_shown_text(&self) -> bool {
        matches!(self.media.as_str(), "text/plain" | "text/html")
            && self.disposition.value != "attachment"
            && self.file_name(None).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(raw: &str) -> (Vec<(String, String)>, bool) {
        let (block, at) = Block::read(raw.as_bytes());
        let tree = tree(block, &raw.as_bytes()[at..]);
        let leaves = tree.root.leaves().into_iter();
        let told = leaves
            .map(|leaf| {
                let text = String::from_utf8_lossy(&leaf.bytes().bytes).into_owned();
                (leaf.media.clone(), text)
            })
            .collect();
        (told, tree.is_cut)
    }

    fn told(raw: &str) -> String {
        let (leaves, _) = leaves(raw);
        let told: Vec<String> = leaves
            .iter()
            .map(|(media, text)| format!("{media}={text:?}"))
            .collect();
        told.join(" ")
    }

    #[test]
    fn e70_broken_shapes_keep_every_part() {
        for (name, raw, expected) in [
            (
                "no end boundary: the last part is decoded all the same",
                "Content-Type: multipart/mixed; boundary=x\n\n--x\n\none\n--x\nContent-Type: a/b\nContent-Transfer-Encoding: base64\n\nAAEC\n",
                r#"text/plain="one" a/b="\0\u{1}\u{2}""#,
            ),
            (
                "a boundary in the middle of a line, and one that begins like it",
                "Content-Type: multipart/mixed; boundary=x\n\n--x\n\nsee --x here\n--xy\n--x--\n",
                r#"text/plain="see --x here\n--xy""#,
            ),
            (
                "a wrong boundary leaves text",
                "Content-Type: multipart/mixed; boundary=x\n\n--y\n\none\n--y--\n",
                r#"text/plain="--y\n\none\n--y--\n""#,
            ),
            (
                "no boundary at all",
                "Content-Type: multipart/mixed\n\none\n",
                r#"text/plain="one\n""#,
            ),
            (
                "an inner part without its end",
                "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: multipart/related; boundary=y\n\n--y\nContent-Type: text/html\n\n<p>\n--x\nContent-Type: a/b\n\ntwo\n--x--\n",
                r#"text/html="<p>" a/b="two""#,
            ),
            (
                "a part without a type, with a bad one, without a blank line",
                "Content-Type: multipart/mixed; boundary=\"x y\"\n\n--x y\n\none\n--x y\nContent-Type: html\n\ntwo\n--x y \nContent-Type: ;charset\n\nthree\n--x y\nfour without headers\n--x y--\nepilogue\n",
                r#"text/plain="one" text/plain="two" text/plain="three" text/plain="four without headers""#,
            ),
            (
                "an enclosed mail stays closed",
                "Content-Type: multipart/digest; boundary=x\n\n--x\n\nSubject: a\nContent-Type: multipart/mixed; boundary=z\n\n--z\n\nin\n--z--\n--x--\n",
                r#"message/rfc822="Subject: a\nContent-Type: multipart/mixed; boundary=z\n\n--z\n\nin\n--z--""#,
            ),
            (
                "nothing in it",
                "Content-Type: multipart/mixed; boundary=x\n\n--x--\n",
                "",
            ),
        ] {
            assert_eq!(told(raw), expected, "{name}");
            let crlf = told(&raw.replace('\n', "\r\n")).replace(r"\r\n", r"\n");
            assert_eq!(crlf, expected, "{name}, CRLF");
        }
    }

    #[test]
    fn e70_below_twenty_levels_one_raw_part_is_left() {
        let mut raw = String::new();
        for level in 0..50 {
            raw.push_str(&format!("Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n\ntext {level}\n--b{level}\n"));
        }
        raw.push_str("\ndeepest\n");
        let (leaves, is_cut) = leaves(&raw);
        assert!(is_cut && leaves.len() == DEPTH + 1, "{}", leaves.len());
        assert_eq!(leaves[0].1, "text 0");
        assert!(leaves[DEPTH].1.contains("deepest"), "nothing is lost");
    }

    #[test]
    fn e10_what_comes_to_more_bytes_than_are_decoded_stays_as_it_came() {
        // Three files in base 64 whose second goes beyond the limit, and a text behind them.
        let file = |bytes: usize| "QUJD".repeat(bytes / 3);
        let head = "Content-Type: a/b\nContent-Transfer-Encoding: base64\n\n";
        let first = file(DECODED_BYTES / 2);
        let second = file(DECODED_BYTES / 2 + 1_024);
        let raw = format!(
            "Content-Type: multipart/mixed; boundary=x\n\n--x\n\nhello\n--x\n{head}{first}\n--x\n{head}{second}\n--x\n{head}QUJD\n--x\n\nbye\n--x--\n"
        );
        let (block, at) = Block::read(raw.as_bytes());
        let tree = tree(block, &raw.as_bytes()[at..]);
        assert!(tree.is_cut);
        let leaves = tree.root.leaves();
        let told: Vec<(&str, usize)> = leaves
            .iter()
            .map(|leaf| (leaf.media.as_str(), leaf.body.len()))
            .collect();
        let rest = format!("{head}QUJD\n--x\n\nbye\n--x--\n");
        assert_eq!(
            told,
            [
                ("text/plain", 5),
                ("a/b", first.len()),
                ("application/octet-stream", head.len() + second.len()),
                ("application/octet-stream", rest.len()),
            ]
        );
        assert!(leaves[3].body.ends_with(b"bye\n--x--\n"), "nothing is lost");
        // A mail that is nothing but such a file.
        let raw = format!("{head}{}", file(DECODED_BYTES + 3_000));
        let (block, at) = Block::read(raw.as_bytes());
        let alone = self::tree(block, &raw.as_bytes()[at..]);
        assert!(alone.is_over && !alone.is_cut);
    }

    #[test]
    fn e93_a_thousand_parts_are_five_hundred_and_a_rest() {
        let mut raw = String::from("Content-Type: multipart/mixed; boundary=x\n\n");
        for number in 0..1_000 {
            raw.push_str(&format!("--x\nContent-Type: a/b\n\n{number}\n"));
        }
        let (leaves, is_cut) = leaves(&raw);
        assert!(is_cut && leaves.len() == PARTS, "{}", leaves.len());
        assert!(leaves[PARTS - 1].1.ends_with("\n999\n"));
    }
}
