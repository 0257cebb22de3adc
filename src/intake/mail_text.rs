//! Text as people wrote it, out of what mail programs made of it: character sets, HTML, line ends, file names.

use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::decoders::html::html_to_text;

/// HTML above this, or with more tags, is stripped instead of laid out: html2text's time grows with depth × size.
const HTML_BYTES: usize = 512 * 1024;
const HTML_TAGS: usize = 20_000;
const HTML_DEPTH: usize = 200;
/// Longest name of a part, in bytes.
pub(super) const NAME_BYTES: usize = 200;

/// The declared set if it decodes without a gap, else UTF-8 if valid, else windows-1252. Says whether it was a guess.
pub(super) fn decode(bytes: &[u8], declared: Option<&str>) -> (String, bool) {
    if let Some(decoder) = declared.and_then(|name| charset_decoder(name.as_bytes())) {
        let text = decoder(bytes);
        if !text.contains('\u{fffd}') {
            return (text, false);
        }
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => (
            text.to_owned(),
            declared.is_some_and(|name| !name.eq_ignore_ascii_case("utf-8")),
        ),
        Err(_) => match charset_decoder(b"windows-1252") {
            Some(decoder) => (decoder(bytes).replace('\u{fffd}', "·"), true),
            None => (String::from_utf8_lossy(bytes).into_owned(), true),
        },
    }
}

pub(super) fn text_of_html(html: &str) -> String {
    let is_big = html.len() > HTML_BYTES
        || html.bytes().filter(|byte| *byte == b'<').count() > HTML_TAGS
        || nesting(html) > HTML_DEPTH;
    if is_big {
        return html_to_text(html);
    }
    html2text::config::plain_no_decorate()
        .allow_width_overflow()
        .no_table_borders()
        .string_from_read(html.as_bytes(), 100)
        .unwrap_or_else(|_| html_to_text(html))
}

/// Deepest nesting of tags, counted without understanding them: every `<x` opens, every `</` and `/>` closes.
pub(super) fn nesting(html: &str) -> usize {
    let bytes = html.as_bytes();
    let (mut depth, mut deepest) = (0usize, 0usize);
    for (at, byte) in bytes.iter().enumerate() {
        match (*byte, bytes.get(at + 1)) {
            (b'<', Some(b'/')) => depth = depth.saturating_sub(1),
            (b'<', Some(next)) if next.is_ascii_alphabetic() => {
                let is_void = VOID.iter().any(|tag| {
                    let rest = &bytes[at + 1..];
                    rest.len() > tag.len()
                        && rest[..tag.len()].eq_ignore_ascii_case(tag.as_bytes())
                        && !rest[tag.len()].is_ascii_alphanumeric()
                });
                depth += usize::from(!is_void);
            }
            (b'/', Some(b'>')) => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// Elements that never close.
const VOID: &[&str] = &[
    "br", "hr", "img", "meta", "link", "input", "col", "area", "base", "wbr", "p", "li", "td",
    "tr", "th",
];

/// Line ends become `\n`, NUL and BOM go, a form feed is a line end, a run of blank lines is one.
pub(super) fn tidy(text: &str) -> String {
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

/// The last path component without control and bidi characters and leading dots, cut to 200 bytes with its ending kept.
pub fn safe_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let clean: String = last
        .chars()
        .filter(|c| !c.is_control() && !is_bidi(*c))
        .collect();
    let clean = clean.trim().trim_matches('.').trim();
    if clean.len() <= NAME_BYTES {
        return clean.to_owned();
    }
    let (stem, ending) = match clean.rsplit_once('.') {
        Some((stem, ending)) if ending.len() <= 20 => (stem, format!(".{ending}")),
        _ => (clean, String::new()),
    };
    let mut end = NAME_BYTES.saturating_sub(ending.len()).min(stem.len());
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{ending}", &stem[..end])
}

pub(super) fn ending(media: &str) -> &'static str {
    match media {
        "text/plain" => ".txt",
        "text/html" => ".html",
        "text/calendar" => ".ics",
        "message/rfc822" | "message/global" => ".eml",
        "message/delivery-status" => ".txt",
        "image/png" => ".png",
        "image/jpeg" => ".jpg",
        "image/gif" => ".gif",
        "application/pdf" => ".pdf",
        _ => ".bin",
    }
}

pub(super) const fn is_bidi(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
