//! HTML → text as a person would read it aloud. Quotes get their `>`, so that they can be folded like those of text mails.

use html2text::config;
use html2text::render::TextDecorator;
use mail_parser::decoders::html::html_to_text;

/// HTML above this, or with more tags, is stripped instead of laid out: html2text's time grows with depth × size.
const HTML_BYTES: usize = 512 * 1024;
const HTML_TAGS: usize = 20_000;
const HTML_DEPTH: usize = 200;
/// Wide enough that no line of a person's is broken.
const WIDTH: usize = 5_000;

pub fn text_of_html(html: &str) -> String {
    let is_big = html.len() > HTML_BYTES
        || html.bytes().filter(|byte| *byte == b'<').count() > HTML_TAGS
        || nesting(html) > HTML_DEPTH;
    if is_big {
        return html_to_text(html);
    }
    let text = config::with_decorator(Plain)
        .allow_width_overflow()
        // A table of a mail is nearly always there for its looks.
        .raw_mode(true)
        .string_from_read(html.as_bytes(), WIDTH);
    let Ok(text) = text else {
        return html_to_text(html);
    };
    text.replace('\u{a0}', " ")
}

/// The set that a page names for itself, which counts where the mail names none.
pub fn meta_charset(html: &[u8]) -> Option<String> {
    let head = &html[..html.len().min(2_048)];
    let head = String::from_utf8_lossy(head).to_lowercase();
    let (_, rest) = head.split_once("<meta")?.1.split_once("charset=")?;
    let name: String = rest
        .trim_start_matches(['"', '\'', ' '])
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "-_:.".contains(*c))
        .collect();
    // The page was written down in bytes, so it is not what it says.
    (!name.is_empty() && !name.starts_with("utf-16")).then_some(name)
}

/// Deepest nesting of tags, counted without understanding them: every `<x` opens, every `</` and `/>` closes.
pub fn nesting(html: &str) -> usize {
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

/// Words and nothing else, but for quotes, list items and pictures that say what they are.
#[derive(Clone, Debug)]
struct Plain;

impl TextDecorator for Plain {
    type Annotation = ();

    fn decorate_link_start(&mut self, _url: &str) -> (String, ()) {
        (String::new(), ())
    }
    fn decorate_link_end(&mut self) -> String {
        String::new()
    }
    fn decorate_em_start(&self) -> (String, ()) {
        (String::new(), ())
    }
    fn decorate_em_end(&self) -> String {
        String::new()
    }
    fn decorate_strong_start(&self) -> (String, ()) {
        (String::new(), ())
    }
    fn decorate_strong_end(&self) -> String {
        String::new()
    }
    fn decorate_strikeout_start(&self) -> (String, ()) {
        (String::new(), ())
    }
    fn decorate_strikeout_end(&self) -> String {
        String::new()
    }
    fn decorate_code_start(&self) -> (String, ()) {
        (String::new(), ())
    }
    fn decorate_code_end(&self) -> String {
        String::new()
    }
    fn decorate_preformat_first(&self) {}
    fn decorate_preformat_cont(&self) {}
    fn decorate_image(&mut self, _src: &str, title: &str) -> (String, ()) {
        match title.trim() {
            "" => (String::new(), ()),
            title => (format!("[{title}]"), ()),
        }
    }
    fn header_prefix(&self, _level: usize) -> String {
        String::new()
    }
    fn quote_prefix(&self) -> String {
        "> ".to_owned()
    }
    fn unordered_item_prefix(&self) -> String {
        "* ".to_owned()
    }
    fn ordered_item_prefix(&self, number: i64) -> String {
        format!("{number}. ")
    }
    fn make_subblock_decorator(&self) -> Self {
        Self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e69_html_reads_like_text() {
        let html = "<html><head><title>t</title><style>p{}</style></head><body><h1>Down</h1><p>The <b>uplink</b>&nbsp;is <a href=x>down</a>.</p><blockquote>Is it?<blockquote>Was it?</blockquote></blockquote><ul><li>a<li>b</ul><img src=x><img alt=Logo src=y><script>bad()</script></body></html>";
        let text = text_of_html(html);
        for part in [
            "Down\n",
            "The uplink is down.",
            "> Is it?",
            "> > Was it?",
            "* a\n",
            "[Logo]",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(
            !text.contains("bad()") && !text.contains("p{}") && !text.contains('#'),
            "{text}"
        );
        let words = "word ".repeat(200);
        assert_eq!(
            text_of_html(&format!("<p>{words}</p>")).trim(),
            words.trim()
        );
        let table = text_of_html("<table><tr><td>Host</td><td>db1</td></tr></table>");
        assert_eq!(
            table.split_whitespace().collect::<Vec<_>>(),
            ["Host", "db1"]
        );
    }

    #[test]
    fn e76_conditional_comments_swallow_nothing_that_is_seen() {
        let html = "<p>Before</p><!--[if mso]><p>Office</p><![endif]--><![if !mso]><p>Seen</p><![endif]><!-- --><p>After</p>";
        let text = text_of_html(html);
        for part in ["Before", "Seen", "After"] {
            assert!(text.contains(part), "{text}");
        }
        assert!(!text.contains("Office"), "{text}");
    }

    #[test]
    fn e75_huge_pages_end_soon() {
        for html in [
            "<div>".repeat(100_000) + "deep",
            "<a href=\"http://x.example/\">x</a> ".repeat(20_000) + "deep",
            format!("<p>{}deep", " ".repeat(3_000_000)),
        ] {
            assert!(text_of_html(&html).contains("deep"));
        }
        // Rubbish: it only has to end.
        text_of_html(&("<".repeat(1_000_000) + "deep"));
        text_of_html(&("<!--".repeat(200_000) + "-->deep"));
    }

    #[test]
    fn e65_a_page_may_name_its_own_charset() {
        let page = b"<html><META http-equiv=x content=\"text/html; charset=KOI8-R\"><p>";
        assert_eq!(meta_charset(page).as_deref(), Some("koi8-r"));
        assert_eq!(
            meta_charset(b"<meta charset='utf-8'>").as_deref(),
            Some("utf-8")
        );
        assert_eq!(meta_charset(b"<p>charset=x"), None);
    }
}
