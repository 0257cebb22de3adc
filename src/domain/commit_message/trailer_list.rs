//! The trailers of a message as a list: what `git interpret-trailers --parse --unfold` shows, and the trailers that we read
//! where git sees none.

use std::ops::Range;

use super::normalise::is_scissors;
use super::{Mode, mask, tick};

/// A trailer by its bytes: the token, and the value as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Taken {
    pub token: Range<usize>,
    pub value: Range<usize>,
}

/// What git takes for a comment where nobody said otherwise.
const COMMENT: &str = "#";
/// Lines that git writes itself: with one, a block may hold three times as much prose.
const BY_GIT: [&str; 2] = ["Signed-off-by: ", "(cherry picked from commit "];

/// Tokens and values in order. `known` are the trailers that the message was read by, in order.
pub(super) fn list(text: &str, mode: &Mode, known: &[Taken]) -> Vec<(String, String)> {
    let comment = match mode {
        Mode::Hook { comment, .. } if !comment.is_empty() => comment,
        _ => COMMENT,
    };
    let mut lines = mask::lines(text);
    let subject_end = lines[0].end;
    if let Some(cut) = lines
        .iter()
        .position(|line| is_scissors(&text[line.clone()], comment))
    {
        lines.truncate(cut);
    }
    let end = lines.last().map_or(0, |line| line.end);
    let mut all = by_git(text, lines, comment);
    let is_seen = |taken: &&Taken| taken.token.start > subject_end && taken.value.end <= end;
    all.extend(known.iter().filter(is_seen).cloned());
    // Stable, so that of a trailer that both have, git's stays.
    all.sort_by_key(|taken| taken.token.start);
    all.dedup_by_key(|taken| taken.token.start);
    all.into_iter()
        .map(|taken| {
            let token = text[taken.token].trim_end_matches(is_space).to_owned();
            (token, unfolded(&text[taken.value]))
        })
        .collect()
}

/// The trailers that git sees: those of the last paragraph, if it is a block of trailers.
fn by_git(text: &str, mut lines: Vec<Range<usize>>, comment: &str) -> Vec<Taken> {
    let of = |line: &Range<usize>| &text[line.clone()];
    // To git, every `---` begins a patch.
    let divides = |line: &Range<usize>| {
        of(line)
            .strip_prefix("---")
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(is_space))
    };
    if let Some(cut) = lines.iter().position(divides) {
        lines.truncate(cut);
    }
    let kept = without_tail(text, &lines, comment);
    lines.truncate(kept);
    let Some(title_end) = lines.iter().position(|line| is_blank(of(line))) else {
        return Vec::new();
    };
    let Some(last) = lines.iter().rposition(|line| !is_blank(of(line))) else {
        return Vec::new();
    };
    let first = lines[..last]
        .iter()
        .rposition(|line| is_blank(of(line)))
        .map_or(0, |blank| blank + 1);
    if first <= title_end || !is_block(text, &lines[first..=last], comment) {
        return Vec::new();
    }
    let mut found: Vec<Taken> = Vec::new();
    let mut open = false;
    for line in &lines[first..=last] {
        let written = of(line);
        if written.starts_with(is_space) {
            if let (true, Some(above)) = (open, found.last_mut()) {
                above.value.end = line.end;
            }
            continue;
        }
        let colon = colon(written).filter(|_| !written.starts_with(comment));
        open = colon.is_some();
        found.extend(colon.map(|colon| Taken {
            token: line.start..line.start + colon,
            value: line.start + colon + 1..line.end,
        }));
    }
    // `https://x/y` is an address.
    found.retain(|taken| {
        let is_address = text[taken.value.clone()].starts_with("//")
            && !text[taken.token.clone()].ends_with(is_space);
        !is_address
    });
    found
}

/// How many lines stand before the blank lines, comments and the old `Conflicts:` list at the end.
fn without_tail(text: &str, lines: &[Range<usize>], comment: &str) -> usize {
    let mut tail = None;
    let mut in_conflicts = false;
    for (number, line) in lines.iter().enumerate() {
        let written = &text[line.clone()];
        if written.is_empty() || written.starts_with(comment) {
            tail = tail.or(Some(number));
        } else if written == "Conflicts:" {
            in_conflicts = true;
            tail = tail.or(Some(number));
        } else if !(in_conflicts && written.starts_with('\t')) {
            tail = None;
            in_conflicts = false;
        }
    }
    tail.unwrap_or(lines.len())
}

/// Is this paragraph a block of trailers? All its lines are, or a quarter where git wrote one of them.
fn is_block(text: &str, paragraph: &[Range<usize>], comment: &str) -> bool {
    let (mut trailers, mut others, mut folded) = (0, 0, 0);
    let mut by_git = false;
    // From below: a folded line belongs to what stands above it.
    for line in paragraph.iter().rev() {
        let written = &text[line.clone()];
        if written.starts_with(comment) {
            others += folded;
            folded = 0;
        } else if BY_GIT.iter().any(|prefix| written.starts_with(prefix)) {
            trailers += 1;
            folded = 0;
            by_git = true;
        } else if written.starts_with(is_space) {
            folded += 1;
        } else if colon(written).is_some() {
            trailers += 1;
            folded = 0;
        } else {
            others += 1 + folded;
            folded = 0;
        }
    }
    others += folded;
    (by_git && trailers * 3 >= others) || (trailers > 0 && others == 0)
}

/// Where the colon stands behind a token of letters, digits and hyphens; blanks may stand between them.
fn colon(line: &str) -> Option<usize> {
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    let token = line.bytes().take_while(|byte| is_token(byte)).count();
    let blanks = line.bytes().skip(token);
    let mark = token
        + blanks
            .take_while(|byte| matches!(byte, b' ' | b'\t'))
            .count();
    tick(mark);
    (token > 0 && line.as_bytes().get(mark) == Some(&b':')).then_some(mark)
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n')
}

fn is_blank(line: &str) -> bool {
    line.chars().all(is_space)
}

/// A value on one line: each fold is one blank.
fn unfolded(value: &str) -> String {
    let mut lines = value.split('\n');
    let mut whole = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        whole.push(' ');
        whole.push_str(line.trim_start_matches(is_space));
    }
    whole.trim_matches(is_space).to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::{Rules, parse_with_prefixes};
    use super::*;

    #[track_caller]
    fn check(message: &str, expect: &[(&str, &str)]) {
        let prefixes = ["CHG-".to_owned(), "#".to_owned()];
        let rules = Rules::house(None);
        let read = parse_with_prefixes(message, &Mode::Server, &rules, &prefixes);
        let got: Vec<(&str, &str)> = read
            .trailers
            .iter()
            .map(|(token, value)| (token.as_str(), value.as_str()))
            .collect();
        assert_eq!(got, expect, "{message:?}");
    }

    #[test]
    fn the_last_paragraph_is_listed_as_git_does() {
        check("S\n\nFoo: x\nX-1:y", &[("Foo", "x"), ("X-1", "y")]);
        check(
            "S\n\nFoo: x\n\nBar : y\nFoo:\n\n",
            &[("Bar", "y"), ("Foo", "")],
        );
        // Never the title, nor its paragraph.
        check("Foo: x", &[]);
        check("S\nFoo: x", &[]);
        // Prose spoils the block, unless git wrote in it.
        check("S\n\nFoo: x\nprose", &[]);
        check("S\n\na b: c\nFoo: x", &[]);
        check("S\n\n folded\nFoo: x", &[]);
        let prose = "one\ntwo\nthree\n";
        check(
            &format!("S\n\n{prose}Foo: x\nSigned-off-by: A <a@b>"),
            &[("Foo", "x"), ("Signed-off-by", "A <a@b>")],
        );
        check(
            &format!("S\n\n{prose}{prose}Foo: x\n(cherry picked from commit abc)"),
            &[("Foo", "x")],
        );
        check(
            &format!("S\n\n{prose}{prose}four\nFoo: x\n(cherry picked from commit abc)"),
            &[],
        );
        // The tail is no part of it.
        check("S\n\nFoo: x\n\nConflicts:\n\ta/b\n\tc", &[("Foo", "x")]);
        check("S\n\nFoo: x\n# a\n\n# b", &[("Foo", "x")]);
        check("S\n\nFoo: x\n---\nBar: y", &[("Foo", "x")]);
        check("S\r\n\r\nFoo : x\r\n", &[("Foo", "x")]);
        check("", &[]);
    }

    #[test]
    fn tokens_that_we_know_are_listed_wherever_they_are_read() {
        let refs = &[("Refs", "CHG-1")];
        check("S\n\nRefs: CHG-1", refs);
        check("S\nRefs: CHG-1", refs);
        check("S\n\nRefs: CHG-1\nBREAKING CHANGE: y", refs);
        check("S\n\nRefs: CHG-1\nprose", refs);
        check("S\n\nRefs: CHG-1\n\nthanks all", refs);
        check("S\n\nRefs : CHG-1\n\nConflicts:\n\ta", refs);
        check("S\n\n```\nRefs: CHG-2\n```\n\nRefs: CHG-1", refs);
        check("S\n\nRefs: CHG-1\nhttps://x/y", refs);
        check("S\n\nhttps://x/y", &[]);
        check(
            "S\n\nRefs: CHG-1\n# ------------------------ >8 ------------------------\nRefs: CHG-9",
            refs,
        );
        check(
            "S\n\nRefs: CHG-1\n\nSigned-off-by: A <a@b>",
            &[("Refs", "CHG-1"), ("Signed-off-by", "A <a@b>")],
        );
        check(
            "S\n\nRefs: CHG-1,\n CHG-2\n\tCHG-3",
            &[("Refs", "CHG-1, CHG-2 CHG-3")],
        );
        check("S\n\nRefs #133", &[("Refs", "#133")]);
        check("S\n\nRefs #133 is a sentence", &[]);
        check("Refs: CHG-1", &[]);
        check("S\n\nNo-Ticket: x\n\nmore prose", &[]);
        // A token that nobody knows follows git's own rule.
        check("S\n\nFoo: 1\nRefs: CHG-1\nprose", refs);
    }
}
