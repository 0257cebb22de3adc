//! What is not read: code, quotations and addresses. Masking keeps the length, so that spans stay valid.

use std::collections::HashMap;
use std::ops::Range;

use super::key::{KeyAt, Style, key_at};
use super::prefixes::Prefixes;
use super::{Reading, tick};

/// Stands where something is hidden: neither a blank nor part of a word, so that it joins nothing.
pub(super) const HIDDEN: u8 = 1;

/// An address in the text; `key` if it is one of ours and names a ticket.
pub(super) struct Url {
    pub span: Range<usize>,
    pub key: Option<KeyAt>,
}

pub(super) fn hide(mask: &mut [u8], range: Range<usize>) {
    tick(range.len());
    for byte in &mut mask[range] {
        if *byte != b'\n' {
            *byte = HIDDEN;
        }
    }
}

/// The byte ranges of the lines, without their line feeds.
pub(super) fn lines(text: &str) -> Vec<Range<usize>> {
    let mut start = 0;
    text.split('\n')
        .map(|line| {
            let range = start..start + line.len();
            start = range.end + 1;
            range
        })
        .collect()
}

/// Hides fenced code (not opened on the subject line), blocks indented after a blank line, and quoted lines.
/// An unclosed fence runs to the end, as Markdown has it.
pub(super) fn blocks(reading: &mut Reading) {
    let mut fence: Option<(u8, usize)> = None;
    let mut after_blank = false;
    let mut indented = false;
    for (number, range) in lines(reading.text).into_iter().enumerate() {
        tick(1);
        let line = &reading.text[range.clone()];
        let blank = line.trim().is_empty();
        let opened = fence_of(line);
        let hidden = match fence {
            Some((mark, length)) => {
                let closes =
                    opened.is_some_and(|(other, run, bare)| other == mark && run >= length && bare);
                if closes {
                    fence = None;
                }
                true
            }
            None => match opened {
                Some((mark, length, _)) if number > 0 => {
                    fence = Some((mark, length));
                    true
                }
                _ => {
                    let deep = line.starts_with("    ") || line.starts_with('\t');
                    indented = !blank && deep && (after_blank || indented);
                    indented || line.starts_with('>')
                }
            },
        };
        after_blank = blank;
        if hidden {
            hide(&mut reading.mask, range);
        }
    }
}

/// A line that opens or closes a fence: its character, its length, and whether nothing follows (needed to close).
fn fence_of(line: &str) -> Option<(u8, usize, bool)> {
    let blanks = line.bytes().take_while(|byte| *byte == b' ').count();
    let rest = &line[blanks..];
    let mark = *rest.as_bytes().first()?;
    let length = rest.bytes().take_while(|byte| *byte == mark).count();
    let info = &rest[if matches!(mark, b'`' | b'~') {
        length
    } else {
        0
    }..];
    let is_fence = blanks < 4 && matches!(mark, b'`' | b'~') && length >= 3;
    // A back-tick in what follows makes it inline code.
    (is_fence && !(mark == b'`' && info.contains('`')))
        .then(|| (mark, length, info.trim().is_empty()))
}

/// Hides inline code: a run of back-ticks up to the next run of the same length on the line.
pub(super) fn code(reading: &mut Reading) {
    for range in lines(reading.text) {
        let runs = tick_runs(&reading.mask[range.clone()], range.start);
        // From the right, so that each run knows its partner at once.
        let mut partner = vec![None; runs.len()];
        let mut last: HashMap<usize, usize> = HashMap::new();
        for (index, run) in runs.iter().enumerate().rev() {
            partner[index] = last.insert(run.len(), index);
        }
        let mut index = 0;
        while index < runs.len() {
            match partner[index] {
                Some(end) => {
                    hide(&mut reading.mask, runs[index].start..runs[end].end);
                    index = end + 1;
                }
                None => index += 1,
            }
        }
    }
}

fn tick_runs(line: &[u8], offset: usize) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (at, byte) in line.iter().enumerate() {
        tick(1);
        if *byte != b'`' {
            continue;
        }
        match runs.last_mut() {
            Some(run) if run.end == offset + at => run.end += 1,
            _ => runs.push(offset + at..offset + at + 1),
        }
    }
    runs
}

/// Finds and hides addresses. A foreign one reaches to the next blank; one of ours ends before a comma, too.
pub(super) fn urls(reading: &mut Reading) -> Vec<Url> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(colon) = find(&reading.mask, at, b"://") {
        let start = scheme_start(&reading.mask, at, colon);
        let end = url_end(&reading.mask, colon + 3);
        if start == colon || end == colon + 3 {
            at = colon + 3;
            continue;
        }
        let url = own(reading, start..end).unwrap_or(Url {
            span: start..end,
            key: None,
        });
        at = url.span.end;
        hide(&mut reading.mask, url.span.clone());
        found.push(url);
    }
    found
}

fn find(bytes: &[u8], from: usize, what: &[u8]) -> Option<usize> {
    let found = bytes
        .get(from..)?
        .windows(what.len())
        .position(|window| window == what);
    tick(found.unwrap_or(bytes.len() - from));
    found.map(|at| from + at)
}

/// Schemes are short; looking further back would make a hostile message slow.
fn scheme_start(bytes: &[u8], from: usize, colon: usize) -> usize {
    let mut start = colon;
    while start > from.max(colon.saturating_sub(12))
        && (bytes[start - 1].is_ascii_alphanumeric() || b"+-.".contains(&bytes[start - 1]))
    {
        start -= 1;
    }
    start
}

fn url_end(bytes: &[u8], from: usize) -> usize {
    let stops =
        |byte: &u8| byte.is_ascii_whitespace() || *byte == HIDDEN || b"<>\"`".contains(byte);
    let length = bytes[from..]
        .iter()
        .position(stops)
        .unwrap_or(bytes.len() - from);
    tick(length);
    let mut end = from + length;
    while end > from && b".,;:!?)]}'*".contains(&bytes[end - 1]) {
        end -= 1;
    }
    end
}

/// One of our own addresses: it begins with the base URL, and its key is the first path segment that is one.
fn own(reading: &Reading, span: Range<usize>) -> Option<Url> {
    let base = reading.rules.base_url.as_deref()?.as_bytes();
    let here = reading.mask.get(span.start..span.start + base.len())?;
    if span.len() <= base.len() || !here.eq_ignore_ascii_case(base) {
        return None;
    }
    let path_start = span.start + base.len();
    let path = &reading.mask[path_start..span.end];
    let length = path
        .iter()
        .position(|byte| b",;)".contains(byte))
        .unwrap_or(path.len());
    let end = path_start + length;
    let key = key_in_path(&reading.mask, path_start..end, reading.prefixes);
    Some(Url {
        span: span.start..end,
        key,
    })
}

fn key_in_path(bytes: &[u8], range: Range<usize>, prefixes: &Prefixes) -> Option<KeyAt> {
    let mut segment = range.start;
    for at in range.clone() {
        tick(1);
        if at == segment
            && let Some(key) = key_at(&bytes[..range.end], at, Style::Branch, prefixes)
            && bytes[..range.end].get(key.span.end) != Some(&b'-')
        {
            return Some(key);
        }
        if b"/?#&=".contains(&bytes[at]) {
            segment = at + 1;
        }
    }
    None
}
