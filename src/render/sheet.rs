//! A printed document as a value, and its HTML, Markdown and plain text. `render::pdf` makes the fourth form.
//!
//! Every form says the same in the same order, and depends on nothing but the [`Sheet`]: the same sheet is the same bytes.
//! Text comes in unescaped and can't become mark-up in any form.

use crate::domain::timestamp::Timestamp;

/// A document ready to be set in any of the four forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// A language tag, `en`.
    pub language: String,
    pub title: String,
    /// Below the title: for whom, which edition.
    pub subtitle: String,
    /// Stands above everything and, on paper, across every page: what isn't approved says so.
    pub watermark: Option<Watermark>,
    pub blocks: Vec<Block>,
    /// Document number, version and hash; on paper at the foot of every page.
    pub footer: String,
    /// "page n of total", with [`PAGE_NUMBER`] and [`PAGE_TOTAL`] where the numbers go.
    pub page_label: String,
    /// The instant that the document is dated with.
    pub dated_at: Timestamp,
    /// Tells this document from every other: its hash.
    pub identity: String,
}

pub const PAGE_NUMBER: &str = "\u{1}";
pub const PAGE_TOTAL: &str = "\u{2}";

/// A word large enough to be seen across a page, and the sentence that says it to everybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watermark {
    pub word: String,
    pub sentence: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    Heading(String),
    /// Blank lines part paragraphs; single line ends stay.
    Text(String),
    /// Names and their values.
    Facts(Vec<(String, String)>),
    List(Vec<String>),
    Table {
        head: Vec<String>,
        rows: Vec<Vec<String>>,
        /// The share of the width that each column takes.
        shares: Vec<u16>,
    },
}

/// The paragraphs of a text, without empty ones.
pub fn paragraphs(text: &str) -> impl Iterator<Item = &str> {
    text.split("\n\n")
        .map(str::trim)
        .filter(|text| !text.is_empty())
}

/// One file: no script, no address of ours, nothing loaded.
pub fn html(sheet: &Sheet) -> String {
    let mut out = format!(
        "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"robots\" content=\"noindex\">\n<title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n",
        escape(&sheet.language),
        escape(&sheet.title)
    );
    out.push_str(&article(sheet));
    out.push_str("</body>\n</html>\n");
    out
}

/// The part of [`html`] that a page of ours shows as a preview.
pub fn article(sheet: &Sheet) -> String {
    let mut out = String::from("<article class=\"sheet\">\n");
    if let Some(mark) = &sheet.watermark {
        out.push_str(&format!(
            "<p class=\"sheet-mark\"><strong>{}</strong> {}</p>\n",
            escape(&mark.word),
            escape(&mark.sentence)
        ));
    }
    out.push_str(&format!(
        "<header><h1>{}</h1>\n<p>{}</p></header>\n",
        escape(&sheet.title),
        escape(&sheet.subtitle)
    ));
    for block in &sheet.blocks {
        html_block(block, &mut out);
    }
    out.push_str(&format!(
        "<footer><p>{}</p></footer>\n</article>\n",
        escape(&sheet.footer)
    ));
    out
}

fn html_block(block: &Block, out: &mut String) {
    match block {
        Block::Heading(text) => out.push_str(&format!("<h2>{}</h2>\n", escape(text))),
        Block::Text(text) => {
            for paragraph in paragraphs(text) {
                let lines: Vec<String> = paragraph.lines().map(escape).collect();
                out.push_str(&format!("<p>{}</p>\n", lines.join("<br>\n")));
            }
        }
        Block::Facts(facts) => {
            out.push_str("<table class=\"sheet-facts\">\n");
            for (name, value) in facts {
                out.push_str(&format!(
                    "<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n",
                    escape(name),
                    escape(value)
                ));
            }
            out.push_str("</table>\n");
        }
        Block::List(items) => {
            out.push_str("<ul>\n");
            for item in items {
                out.push_str(&format!("<li>{}</li>\n", escape(item)));
            }
            out.push_str("</ul>\n");
        }
        Block::Table { head, rows, .. } => {
            out.push_str("<table>\n<thead><tr>");
            for name in head {
                out.push_str(&format!("<th scope=\"col\">{}</th>", escape(name)));
            }
            out.push_str("</tr></thead>\n<tbody>\n");
            for row in rows {
                out.push_str("<tr>");
                for cell in row {
                    out.push_str(&format!("<td>{}</td>", escape(cell)));
                }
                out.push_str("</tr>\n");
            }
            out.push_str("</tbody>\n</table>\n");
        }
    }
}

/// Contrast of every pair is above 7:1 on white.
const STYLE: &str = "body{margin:0;background:#fff;color:#1b1b1b;font:16px/1.5 system-ui,sans-serif}\
article{max-width:44rem;margin:2rem auto;padding:0 1rem}h1{font-size:1.6rem;line-height:1.2;margin:0 0 .3rem}\
h2{font-size:1.1rem;margin:1.6rem 0 .4rem}header p,footer{color:#444}table{border-collapse:collapse;width:100%}\
th,td{text-align:left;vertical-align:top;padding:.3rem .8rem .3rem 0;border-bottom:1px solid #ccc}\
.sheet-facts th{width:38%;font-weight:600}.sheet-mark{border:2px solid #7a1f00;color:#7a1f00;padding:.5rem .8rem}\
footer{margin-top:2rem;border-top:1px solid #767676;font-size:.8rem;overflow-wrap:anywhere}\
@page{size:A4;margin:18mm}@media print{article{margin:0;max-width:none}tr,li{break-inside:avoid}h2{break-after:avoid}}";

/// CommonMark with tables as GitHub reads them.
pub fn markdown(sheet: &Sheet) -> String {
    let mut out = String::new();
    if let Some(mark) = &sheet.watermark {
        out.push_str(&format!(
            "> **{}** {}\n\n",
            md(&mark.word),
            md(&mark.sentence)
        ));
    }
    out.push_str(&format!(
        "# {}\n\n{}\n\n",
        md(&sheet.title),
        md(&sheet.subtitle)
    ));
    for block in &sheet.blocks {
        match block {
            Block::Heading(text) => out.push_str(&format!("## {}\n\n", md(text))),
            Block::Text(text) => {
                for paragraph in paragraphs(text) {
                    let lines: Vec<String> = paragraph.lines().map(md).collect();
                    out.push_str(&format!("{}\n\n", lines.join("\\\n")));
                }
            }
            Block::Facts(facts) => {
                for (name, value) in facts {
                    out.push_str(&format!("- **{}**: {}\n", md(name), md(value)));
                }
                out.push('\n');
            }
            Block::List(items) => {
                for item in items {
                    out.push_str(&format!("- {}\n", md(item)));
                }
                out.push('\n');
            }
            Block::Table { head, rows, .. } => {
                let line = |cells: &[String]| {
                    let cells: Vec<String> = cells.iter().map(|cell| md(cell)).collect();
                    format!("| {} |\n", cells.join(" | "))
                };
                out.push_str(&line(head));
                out.push_str(&format!("|{}\n", " --- |".repeat(head.len())));
                rows.iter().for_each(|row| out.push_str(&line(row)));
                out.push('\n');
            }
        }
    }
    out.push_str(&format!("---\n\n{}\n", md(&sheet.footer)));
    out
}

/// Columns of a mail.
const TEXT_WIDTH: usize = 76;

/// Plain text as a mail's body takes it.
pub fn text(sheet: &Sheet) -> String {
    let mut out = String::new();
    if let Some(mark) = &sheet.watermark {
        out.push_str(&wrapped(
            &format!("*** {} *** {}", mark.word, mark.sentence),
            "",
            "",
        ));
        out.push('\n');
    }
    out.push_str(&wrapped(&sheet.title, "", ""));
    out.push_str(&format!(
        "{}\n",
        "=".repeat(sheet.title.chars().count().min(TEXT_WIDTH))
    ));
    out.push_str(&wrapped(&sheet.subtitle, "", ""));
    for block in &sheet.blocks {
        out.push('\n');
        match block {
            Block::Heading(text) => {
                out.push_str(&wrapped(text, "", ""));
                out.push_str(&format!(
                    "{}\n",
                    "-".repeat(text.chars().count().min(TEXT_WIDTH))
                ));
            }
            Block::Text(text) => {
                let all: Vec<String> = paragraphs(text)
                    .map(|paragraph| {
                        paragraph
                            .lines()
                            .map(|line| wrapped(line, "", ""))
                            .collect()
                    })
                    .collect();
                out.push_str(&all.join("\n"));
            }
            Block::Facts(facts) => {
                for (name, value) in facts {
                    out.push_str(&wrapped(&format!("{name}: {value}"), "", "    "));
                }
            }
            Block::List(items) => {
                for item in items {
                    out.push_str(&wrapped(item, "* ", "  "));
                }
            }
            Block::Table { rows, .. } => {
                for row in rows {
                    out.push_str(&wrapped(&row.join("  "), "", "    "));
                }
            }
        }
    }
    out.push_str("\n-- \n");
    out.push_str(&wrapped(&sheet.footer, "", ""));
    out
}

/// `text` in lines of at most [`TEXT_WIDTH`] characters, unless a single word is longer; each with a line end.
fn wrapped(text: &str, first: &str, later: &str) -> String {
    let mut out = String::new();
    let mut line = first.to_owned();
    let mut fresh = true;
    for word in text.split_whitespace() {
        if !fresh && line.chars().count() + 1 + word.chars().count() > TEXT_WIDTH {
            out.push_str(&line);
            out.push('\n');
            line = later.to_owned();
            fresh = true;
        }
        if !fresh {
            line.push(' ');
        }
        line.push_str(word);
        fresh = false;
    }
    out.push_str(line.trim_end());
    out.push('\n');
    out
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// One line in which nothing is mark-up: neither emphasis, link, HTML, table, heading, quote nor list.
fn md(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let line = text.replace(['\n', '\r'], " ");
    for c in line.trim().chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' | '&' | '!' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    let digits = out.chars().take_while(char::is_ascii_digit).count();
    if out.starts_with(['-', '+', '=']) {
        out.insert(0, '\\');
    } else if digits > 0 && out[digits..].starts_with(['.', ')']) {
        out.insert(digits, '\\');
    }
    out
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A sheet with every block, used by the PDF's tests too.
    pub fn example() -> Sheet {
        Sheet {
            language: "en".into(),
            title: "Orders could not be paid".into(),
            subtitle: "For Northwind Traders".into(),
            watermark: Some(Watermark {
                word: "DRAFT".into(),
                sentence: "Not approved; not for the customer yet.".into(),
            }),
            blocks: vec![
                Block::Facts(vec![("Began".into(), "21 November 2026, 00:40 CET (23:40 UTC)".into()), ("Length".into(), "47 min".into())]),
                Block::Heading("What happened".into()),
                Block::Text("33% of <payments> failed & more.\nSecond line.\n\nSecond paragraph – with “quotes”, ćiril: Привет.".into()),
                Block::List(vec!["One".into(), "1. Two *bold*".into()]),
                Block::Heading("Timeline".into()),
                Block::Table {
                    head: vec!["When".into(), "What".into()],
                    rows: (0..60)
                        .map(|n| vec![format!("00:{n:02}"), format!("Row {n} with a | bar and a text that is long enough to need a second line on paper")])
                        .collect(),
                    shares: vec![1, 4],
                },
            ],
            footer: "OR-3F9A-71C2 version 2, sha256 0123456789abcdef".into(),
            page_label: format!("page {PAGE_NUMBER} of {PAGE_TOTAL}"),
            dated_at: Timestamp::parse_rfc3339("2026-11-21T10:00:00Z").unwrap(),
            identity: "0123456789abcdef".into(),
        }
    }

    #[test]
    fn the_html_is_one_file_in_which_text_stays_text() {
        let page = html(&example());
        assert!(page.contains("33% of &lt;payments&gt; failed &amp; more.<br>\nSecond line.</p>"));
        assert!(page.contains("<strong>DRAFT</strong>"));
        for loaded in ["<script", "src=", "href=", "url(", "@import", "http"] {
            assert!(!page.contains(loaded), "{loaded}");
        }
    }

    #[test]
    fn markdown_has_no_mark_up_that_we_did_not_write() {
        let page = markdown(&example());
        assert!(page.starts_with("> **DRAFT** Not approved"));
        assert!(page.contains("33% of \\<payments\\> failed \\& more.\\\nSecond line."));
        assert!(page.contains("- 1\\. Two \\*bold\\*\n"));
        assert!(page.contains("| 00:00 | Row 0 with a \\| bar"));
        for (text, expected) in [
            ("# head", "\\# head"),
            ("- list", "\\- list"),
            ("12) list", "12\\) list"),
            ("[x](javascript:y)", "\\[x\\](javascript:y)"),
            ("a\r\n\n# b", "a   \\# b"),
        ] {
            assert_eq!(md(text), expected);
        }
    }

    #[test]
    fn plain_text_keeps_to_a_mails_width() {
        let page = text(&example());
        assert!(
            page.lines().all(|line| line.chars().count() <= TEXT_WIDTH),
            "{page}"
        );
        assert!(page.starts_with("*** DRAFT *** Not approved"));
        assert!(page.ends_with("sha256 0123456789abcdef\n"));
    }
}
