//! Which parts are the mail's text, and that text: the text parts in order, made from the HTML where they are missing or a
//! stub. Every other part is a file.

use super::charset::decode;
use super::html::{meta_charset, text_of_html};
use super::limits::{HTML_BYTES, PARTS, TEXT_BYTES};
use super::part::Node;
use super::transfer::{Uuencoded, uuencoded};
use crate::domain::letter::Remark;

/// A text part shorter than this, beside an HTML one, may be no more than "view this in a browser".
const STUB_CHARS: usize = 120;

/// The text of a mail and what was found on the way.
#[derive(Debug, Default)]
pub struct Body {
    /// Tidied; may be empty.
    pub text: String,
    /// The HTML form, as it was sent.
    pub html: Option<String>,
    /// The sets that the text was read in, in order, each once.
    pub sets: Vec<String>,
    /// Files that stood in the text.
    pub files: Vec<Uuencoded>,
    /// Numbers of the parts that are text and not files.
    pub shown: Vec<usize>,
    pub remarks: Vec<Remark>,
}

/// The two forms in which a part may be read.
#[derive(Debug, Default, Clone)]
struct Forms<'t, 'm> {
    text: Vec<&'t Node<'m>>,
    html: Vec<&'t Node<'m>>,
}

impl<'t, 'm> Forms<'t, 'm> {
    fn of(node: &'t Node<'m>, is_root: bool) -> Self {
        let children: Vec<Self> = match node.media.as_str() {
            // What stands beside the page belongs to the page, unless it has texts of its own within it.
            "multipart/related" => node
                .children
                .iter()
                .enumerate()
                .filter(|(at, child)| *at == 0 || !child.children.is_empty())
                .map(|(_, child)| Self::of(child, false))
                .collect(),
            _ => node
                .children
                .iter()
                .map(|child| Self::of(child, false))
                .collect(),
        };
        let is_html = |node: &&Node<'_>| node.media == "text/html";
        match node.media.as_str() {
            "multipart/alternative" => {
                let plain = children
                    .iter()
                    .find(|forms| !forms.text.is_empty() && !forms.text.iter().any(is_html));
                let page = children
                    .iter()
                    .rev()
                    .find(|forms| forms.html.iter().any(is_html));
                let any = || children.iter().find(|forms| !forms.text.is_empty());
                Self {
                    text: plain
                        .or_else(any)
                        .map(|forms| forms.text.clone())
                        .unwrap_or_default(),
                    html: page
                        .or_else(any)
                        .map(|forms| forms.html.clone())
                        .unwrap_or_default(),
                }
            }
            media if media.starts_with("multipart/") => Self {
                text: children
                    .iter()
                    .flat_map(|forms| forms.text.clone())
                    .collect(),
                html: children
                    .iter()
                    .flat_map(|forms| forms.html.clone())
                    .collect(),
            },
            _ if node.is_shown_text() || is_root && node.may_be_shown_alone() => Self {
                text: vec![node],
                html: vec![node],
            },
            _ => Self::default(),
        }
    }
}

/// Reads the text of a mail.
pub fn read(root: &Node<'_>) -> Body {
    let mut body = Body::default();
    let forms = Forms::of(root, true);
    let shown = forms.text.iter().chain(&forms.html);
    body.shown = shown.map(|node| node.number).collect();
    let mut texts = Vec::new();
    for node in &forms.text {
        texts.push(body.shown_text(node));
    }
    body.text = tidy(&texts.join("\n\n"));
    let pages = forms.html.iter().filter(|node| node.media == "text/html");
    let pages: Vec<String> = pages.map(|node| body.page(node)).collect();
    let has_plain = forms.text.iter().any(|node| node.media != "text/html");
    if !pages.is_empty() && has_plain && is_stub(&body.text) {
        let texts: Vec<String> = pages.iter().map(|page| text_of_html(page)).collect();
        let text = tidy(&texts.join("\n\n"));
        if !text.is_empty() && text != body.text {
            body.note(Remark::TextFromHtml);
            body.text = text;
        }
    }
    if !pages.is_empty() {
        body.html = Some(pages.join("\n"));
    }
    if body.text.contains("-----BEGIN PGP MESSAGE-----") {
        body.note(Remark::Encrypted);
    }
    body
}

impl Body {
    fn note(&mut self, remark: Remark) {
        if !self.remarks.contains(&remark) {
            self.remarks.push(remark);
        }
    }

    fn shown_text(&mut self, node: &Node<'_>) -> String {
        if node.media == "text/html" {
            self.note(Remark::TextFromHtml);
            return text_of_html(&self.page(node));
        }
        let mut bytes = self.bytes(node, TEXT_BYTES);
        let mut at = 0;
        while self.files.len() < PARTS
            && let Some(file) = uuencoded(&bytes[at..])
        {
            let range = at + file.range.start..at + file.range.end;
            at = range.start;
            bytes.drain(range);
            self.files.push(file);
        }
        let text = self.decoded(&bytes, node.charset());
        match node.kind.get("format") {
            Some(format) if format.eq_ignore_ascii_case("flowed") => {
                let is_joined = node
                    .kind
                    .get("delsp")
                    .is_some_and(|word| word.eq_ignore_ascii_case("yes"));
                unflowed(&text, is_joined)
            }
            _ => text,
        }
    }

    fn page(&mut self, node: &Node<'_>) -> String {
        let bytes = self.bytes(node, HTML_BYTES);
        let named = match node.charset() {
            Some(_) => None,
            None => meta_charset(&bytes),
        };
        self.decoded(&bytes, node.charset().or(named.as_deref()))
    }

    fn bytes(&mut self, node: &Node<'_>, most: usize) -> Vec<u8> {
        let carried = node.bytes();
        if carried.is_broken {
            self.note(Remark::BrokenEncoding);
        }
        let mut bytes = carried.bytes;
        if bytes.len() > most {
            self.note(Remark::TextCut);
            // Not inside a character, if it is UTF-8: back to the byte that begins one, and without it.
            bytes.truncate(most);
            for _ in 0..4 {
                match bytes.pop_if(|byte| *byte >= 0x80) {
                    Some(byte) if byte < 0xc0 => {}
                    _ => break,
                }
            }
        }
        bytes
    }

    fn decoded(&mut self, bytes: &[u8], declared: Option<&str>) -> String {
        let read = decode(bytes, declared);
        if read.is_guess {
            self.note(Remark::CharsetGuessed);
        }
        if !self.sets.contains(&read.set) {
            self.sets.push(read.set);
        }
        read.text
    }
}

/// Empty, or a short pointer to the other form of the mail.
fn is_stub(text: &str) -> bool {
    let folded = text.to_lowercase();
    text.is_empty()
        || (text.chars().count() < STUB_CHARS
            && ["browser", "html", "online"]
                .iter()
                .any(|word| folded.contains(word)))
}

/// `format=flowed` (RFC 3676): a line that ends in a blank goes on in the next one of the same depth of quotes.
fn unflowed(text: &str, is_joined: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut open: Option<usize> = None;
    for line in text.split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let depth = line.bytes().take_while(|byte| *byte == b'>').count();
        let inner = &line[depth..];
        let inner = inner.strip_prefix(' ').unwrap_or(inner);
        let is_signature = inner == "-- ";
        let goes_on = open == Some(depth) && !is_signature;
        if !goes_on {
            if !out.is_empty() || open.is_some() {
                out.push('\n');
            }
            if depth > 0 {
                out.push_str(&">".repeat(depth));
                out.push(' ');
            }
        }
        let is_soft = inner.ends_with(' ') && !is_signature;
        out.push_str(match is_soft && is_joined {
            true => &inner[..inner.len() - 1],
            false => inner,
        });
        // Unlike `None`, a fixed line that is the first and empty must end, too.
        open = Some(if is_soft { depth } else { usize::MAX });
    }
    out
}

/// Line ends become `\n`, NUL and BOM go, a form feed is a line end, a run of blank lines is one.
pub fn tidy(text: &str) -> String {
    let text = text
        .replace("\r\n", "\n")
        .replace(['\r', '\u{c}'], "\n")
        .replace(['\0', '\u{feff}'], "");
    let mut tidied = String::with_capacity(text.len());
    let mut blanks = 0;
    for line in text.lines() {
        // A signature's "-- " keeps its blank: it is how a signature is known.
        let line = if line == "-- " { line } else { line.trim_end() };
        blanks = if line.is_empty() { blanks + 1 } else { 0 };
        if blanks <= 1 {
            tidied.push_str(line);
            tidied.push('\n');
        }
    }
    tidied.trim_matches('\n').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e71_soft_lines_are_joined() {
        for (text, is_joined, expected) in [
            ("one \ntwo\nthree", false, "one two\nthree"),
            ("one \r\ntwo\r\n", false, "one two\n"),
            ("ein \nwort", true, "einwort"),
            ("> a \n> b\n>> c \nd", false, "> a b\n>> c \nd"),
            (" From here\n > no quote", false, "From here\n> no quote"),
            ("text \n-- \nAda", false, "text \n-- \nAda"),
            ("\n\na", false, "\n\na"),
        ] {
            assert_eq!(unflowed(text, is_joined), expected, "{text:?}");
        }
    }

    #[test]
    fn e72_all_line_ends_are_one() {
        let expected = "one\ntwo\n\nthree\n-- \nAda";
        for text in [
            "one\r\ntwo\r\n\r\nthree\r\n-- \r\nAda\r\n",
            "one\ntwo\n\nthree\n-- \nAda\n",
            "one\rtwo\r\rthree\r-- \rAda\r",
            "\u{feff}one\ntwo\n\n\n\n\nthree\n-- \nAda\n\n",
            "o\0ne  \ntwo\u{c}\u{c}three\n-- \nAda",
        ] {
            assert_eq!(tidy(text), expected, "{text:?}");
        }
    }
}
