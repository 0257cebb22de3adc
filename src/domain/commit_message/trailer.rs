//! Trailers: `Refs: CHG-12` at the start of a line, in any paragraph, folded or not, with or without git's consent.

use std::ops::Range;

use super::key::{KeyAt, Style, after_noun, after_separator, hex_end, key_at, keys};
use super::mask::{self, HIDDEN, Url};
use super::prefixes::Key;
use super::prose::{add, is_commit_type};
use super::trailer_list::Taken;
use super::{LintCode, Place, RANGE_KEYS, Reading, Relation, tick, time_note};

/// What a trailer's token says about its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    /// Keys, with this relation; `Some` if a commit may stand there instead.
    Names(Relation, Option<CommitFact>),
    /// A fact of the change; not scanned for keys.
    Tells(Fact),
    /// As `Tells`, but only in the last paragraph.
    Waives(Waiver),
    /// A person or a foreign id: not scanned.
    Silent,
    CoAuthor,
    ChangeId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CommitFact {
    Fixes,
    CausedBy,
    Causes,
    Reverts,
    CherryFrom,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fact {
    Purpose,
    SideEffects,
    Rollback,
    Risk,
    TimeSpent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waiver {
    NoTicket,
    BreakGlass,
}

/// The tokens that name tickets, for the lint of mistyped ones.
pub(super) const NAMING: [&str; 19] = [
    "refs",
    "ref",
    "references",
    "ticket",
    "issue",
    "task",
    "incident",
    "link",
    "closes",
    "close",
    "fixes",
    "fix",
    "resolves",
    "completes",
    "change",
    "implements",
    "reopens",
    "caused-by",
    "backport-of",
];

/// The meaning of a token, in any case.
pub(super) fn token(name: &str) -> Option<Token> {
    use Token::{ChangeId, CoAuthor, Names, Silent, Tells, Waives};
    Some(match name.to_ascii_lowercase().as_str() {
        "refs" | "ref" | "references" | "ticket" | "issue" | "task" | "incident" | "link" => {
            Names(Relation::Refs, None)
        }
        "fixes" => Names(Relation::Closes, Some(CommitFact::Fixes)),
        "closes" | "close" | "fix" | "resolves" | "completes" => Names(Relation::Closes, None),
        "change" | "change-ticket" | "implements" => Names(Relation::Implements, None),
        "reopens" => Names(Relation::Reopens, None),
        "caused-by" => Names(Relation::CausedBy, Some(CommitFact::CausedBy)),
        "causes" => Names(Relation::Causes, Some(CommitFact::Causes)),
        "reverts" => Names(Relation::Reverts, Some(CommitFact::Reverts)),
        "backport-of" => Names(Relation::BackportOf, Some(CommitFact::CherryFrom)),
        "purpose" => Tells(Fact::Purpose),
        "side-effects" | "expected-side-effects" => Tells(Fact::SideEffects),
        "rollback" | "revert-plan" => Tells(Fact::Rollback),
        "risk" => Tells(Fact::Risk),
        "time-spent" => Tells(Fact::TimeSpent),
        "no-ticket" => Waives(Waiver::NoTicket),
        "break-glass" => Waives(Waiver::BreakGlass),
        "co-authored-by" => CoAuthor,
        "signed-off-by" | "reviewed-by" | "acked-by" | "tested-by" | "reported-by"
        | "suggested-by" | "helped-by" | "cc" => Silent,
        "change-id" => ChangeId,
        _ => return None,
    })
}

/// Reads every trailer and hides it, so that the prose doesn't read it again.
pub(super) fn read(reading: &mut Reading, urls: &[Url]) {
    let lines = mask::lines(reading.text);
    let last_paragraph = last_paragraph(reading.text, &lines);
    let mut number = 0;
    while number < lines.len() {
        let mut line = lines[number].clone();
        number += 1;
        if number == 1 {
            line.start = reading.start;
        }
        let Some((name, value_start)) = head(&reading.mask, &line) else {
            continue;
        };
        if is_commit_type(reading.text, &name, reading.start) {
            continue;
        }
        let Some(token) = token(&reading.text[name.clone()]) else {
            continue;
        };
        let mut end = line.end;
        let next_number = number;
        while let Some(next) = lines.get(number).filter(|next| continues(reading, next)) {
            end = next.end;
            number += 1;
        }
        let value = value_start..end;
        let taken = Taken {
            token: name.clone(),
            value: value.clone(),
        };
        let with_colon = reading.text[name.end..value_start].contains(':');
        let begins_with_key =
            key_at(&reading.mask, value_start, Style::Trailer, reading.prefixes).is_some();
        // "Refs #1 and fixes #2" is a sentence.
        if !with_colon && begins_with_key && !is_list(reading, &value) {
            number = next_number;
            continue;
        }
        let in_last = last_paragraph.is_some_and(|start| name.start >= start);
        match token {
            Token::Names(Relation::Implements, _)
                if reading.text[value.clone()]
                    .trim()
                    .eq_ignore_ascii_case("new") =>
            {
                reading.facts.new_change = true;
            }
            Token::Names(relation, commit) => names(reading, urls, &name, value, relation, commit),
            Token::Tells(fact) => tells(reading, fact, value),
            Token::Waives(waiver) if in_last => {
                let text = Some(reading.text[value].trim().to_owned());
                match waiver {
                    Waiver::NoTicket => reading.facts.no_ticket = text,
                    Waiver::BreakGlass => reading.facts.break_glass = text,
                }
            }
            // Elsewhere it waives nothing, and is prose.
            Token::Waives(_) => continue,
            Token::Silent => {}
            Token::CoAuthor => {
                let address = address(&reading.text[value]);
                reading.facts.co_authors.extend(address.map(str::to_owned));
            }
            Token::ChangeId => {
                let id = reading.text[value].split_whitespace().next();
                reading.facts.change_id = id.map(str::to_owned);
            }
        }
        mask::hide(&mut reading.mask, name.start..end);
        reading.trailers.push(name.start..end);
        // `Refs #…` is one only where `#` means something.
        if with_colon || begins_with_key {
            reading.listed.push(taken);
        }
    }
}

/// The address of `Name <address>`.
fn address(value: &str) -> Option<&str> {
    let (_, rest) = value.rsplit_once('<')?;
    let (address, _) = rest.split_once('>')?;
    let is_plain = address.contains('@') && !address.contains(char::is_whitespace);
    is_plain.then_some(address)
}

/// The token's span and where its value begins: `TOKEN :  value`, or `TOKEN #…`.
fn head(mask: &[u8], line: &Range<usize>) -> Option<(Range<usize>, usize)> {
    let bytes = &mask[..line.end];
    let is_token = |byte: &&u8| byte.is_ascii_alphabetic() || **byte == b'-';
    // The longest token has 21 letters; a line of letters only is not one.
    let letters = bytes[line.start..]
        .iter()
        .take(24)
        .take_while(is_token)
        .count();
    tick(letters);
    let name = line.start..line.start + letters;
    let mark = super::key::skip_blanks(bytes, name.end);
    let value = super::key::skip_blanks(bytes, (mark + 1).min(bytes.len()));
    match bytes.get(mark) {
        _ if letters == 0 => None,
        Some(b':') if value > mark + 1 => Some((name, value)),
        Some(b'#') if mark > name.end => Some((name, mark)),
        _ => None,
    }
}

/// Does this line carry on the value above it?
fn continues(reading: &Reading, line: &Range<usize>) -> bool {
    let bytes = &reading.mask[line.clone()];
    bytes
        .first()
        .is_some_and(|byte| matches!(byte, b' ' | b'\t'))
        && !reading.text[line.clone()].trim().is_empty()
        && bytes.first() != Some(&HIDDEN)
}

/// Where the last paragraph begins, unless it is the subject's own.
fn last_paragraph(text: &str, lines: &[Range<usize>]) -> Option<usize> {
    let blank = lines
        .iter()
        .rposition(|line| text[line.clone()].trim().is_empty())?;
    lines.get(blank + 1).map(|line| line.start)
}

fn tells(reading: &mut Reading, fact: Fact, value: Range<usize>) {
    let text = reading.text[value]
        .split('\n')
        .map(str::trim)
        .collect::<Vec<_>>()
        .join("\n");
    let text = text.trim().to_owned();
    match fact {
        Fact::Purpose => reading.facts.purpose = Some(text),
        Fact::SideEffects => reading.facts.side_effects = Some(text),
        Fact::Rollback => reading.facts.rollback = Some(text),
        Fact::Risk => reading.facts.risk = Some(text),
        Fact::TimeSpent if reading.rules.time_notes => {
            if let Some((minutes, _)) = time_note::duration(text.as_bytes()) {
                reading.time.push(super::TimeNote { key: None, minutes });
            }
        }
        Fact::TimeSpent => {}
    }
}

/// The leading list gets the token's relation, later keys are references; a leading commit id makes it a commit's trailer.
fn names(
    reading: &mut Reading,
    urls: &[Url],
    name: &Range<usize>,
    value: Range<usize>,
    relation: Relation,
    commit: Option<CommitFact>,
) {
    if let Some(fact) = commit
        && take_commits(reading, fact, &value)
    {
        return;
    }
    let verb = Some(reading.text[name.clone()].to_owned());
    if let Some(range) = range(reading, &value) {
        match range {
            Ok(members) => {
                for key in members {
                    add(reading, key, relation, Place::Trailer, verb.clone(), false);
                }
            }
            Err(()) => reading.hint(LintCode::Range, value, None),
        }
        return;
    }
    let mut found: Vec<(KeyAt, Relation, Place)> = Vec::new();
    let bytes = &reading.mask[..value.end];
    let first_url = urls.partition_point(|url| url.span.start < value.start);
    let mut urls = urls[first_url..]
        .iter()
        .take_while(|url| url.span.start < value.end)
        .peekable();
    // A prefix may begin with a noun of ours ("Bug 12").
    let mut at = match key_at(bytes, value.start, Style::Trailer, reading.prefixes) {
        Some(_) => value.start,
        None => after_noun(bytes, value.start),
    };
    let mut rest = at;
    while at < bytes.len() {
        let (key, place, end) = match urls.peek() {
            Some(url) if url.span.start == at => (url.key.clone(), Place::TrailerUrl, url.span.end),
            _ => {
                let key = key_at(bytes, at, Style::Trailer, reading.prefixes);
                let end = key.as_ref().map_or(at, |key| key.span.end);
                (key, Place::Trailer, end)
            }
        };
        let Some(key) = key else { break };
        if place == Place::TrailerUrl {
            urls.next();
        }
        found.push((key, relation, place));
        rest = end;
        at = skip_space(bytes, after_separator(bytes, end).unwrap_or(end));
    }
    let listed = found.len();
    for key in keys(bytes, rest..bytes.len(), Style::Trailer, reading.prefixes) {
        found.push((key, Relation::Refs, Place::Trailer));
    }
    for key in urls.filter_map(|url| url.key.clone()) {
        found.push((key, Relation::Refs, Place::TrailerUrl));
    }
    for (index, (key, relation, place)) in found.into_iter().enumerate() {
        let verb = (index < listed).then(|| verb.clone()).flatten();
        add(reading, key, relation, place, verb, false);
    }
}

/// Is the whole value a list of keys?
fn is_list(reading: &Reading, value: &Range<usize>) -> bool {
    let bytes = &reading.mask[..value.end];
    let mut at = value.start;
    while let Some(key) = key_at(bytes, at, Style::Trailer, reading.prefixes) {
        let end = key.span.end;
        at = skip_space(bytes, after_separator(bytes, end).unwrap_or(end));
    }
    at >= bytes.len()
}

fn skip_space(bytes: &[u8], at: usize) -> usize {
    let blanks = bytes[at.min(bytes.len())..]
        .iter()
        .take_while(|byte| byte.is_ascii_whitespace())
        .count();
    tick(blanks);
    at + blanks
}

/// The commits that the value begins with; false if it begins with something else.
fn take_commits(reading: &mut Reading, fact: CommitFact, value: &Range<usize>) -> bool {
    let bytes = &reading.mask[..value.end];
    let mut commits = Vec::new();
    let mut at = value.start;
    while let Some(end) = hex_end(bytes, at) {
        commits.push(reading.text[at..end].to_owned());
        at = skip_space(bytes, after_separator(bytes, end).unwrap_or(end));
    }
    let any = !commits.is_empty();
    match fact {
        CommitFact::Fixes => reading.facts.fixes_commit.extend(commits),
        CommitFact::CausedBy => reading.facts.caused_by.extend(commits),
        CommitFact::Causes => reading.facts.causes.extend(commits),
        CommitFact::Reverts => reading.facts.reverts.extend(commits),
        CommitFact::CherryFrom => reading.facts.cherry_from.extend(commits),
    }
    any
}

/// `CHG-10..CHG-14` as the whole value: its keys, or `Err` if it runs backwards, between kinds, or too far.
fn range(reading: &Reading, value: &Range<usize>) -> Option<Result<Vec<KeyAt>, ()>> {
    let end = value.start + reading.text[value.clone()].trim_end().len();
    let bytes = &reading.mask[..end];
    let first = key_at(bytes, value.start, Style::Trailer, reading.prefixes)?;
    if bytes.get(first.span.end..first.span.end + 2)? != b".." {
        return None;
    }
    let last = key_at(bytes, first.span.end + 2, Style::Trailer, reading.prefixes)?;
    if last.span.end != end {
        return None;
    }
    let numbers = first.key.number..=last.key.number;
    let fits = first.key.name == last.key.name
        && first.key.number <= last.key.number
        && last.key.number - first.key.number < RANGE_KEYS;
    Some(if fits {
        let key = |number| KeyAt {
            key: Key {
                name: first.key.name,
                number,
            },
            span: first.span.start..last.span.end,
        };
        Ok(numbers.map(key).collect())
    } else {
        Err(())
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Mode, Rules, parse};

    #[test]
    fn a_change_may_begin_with_a_commit() {
        for (message, is_new) in [
            ("Raise it\n\nChange: new", true),
            ("Raise it\n\nchange: New\nRisk: low", true),
            ("Raise it\n\nChange: CHG-7", false),
            ("Raise it\n\nChange: new cache", false),
            ("Raise it\n\nRefs: new", false),
            ("Change new", false),
        ] {
            let read = parse(message, &Mode::Server, &Rules::house(None));
            assert_eq!(read.facts.new_change, is_new, "{message}");
        }
    }

    #[test]
    fn who_wrote_it_with_its_author_is_known_by_address() {
        let message = "CHG-7: raise it\n\nCo-authored-by: Ben <Ben@example.org>\nCo-Authored-By: no address\n\
                       Signed-off-by: Dan <dan@example.org>\nco-authored-by: Cleo\n <cleo@example.org>\n";
        let read = parse(message, &Mode::Server, &Rules::house(None));
        assert_eq!(
            read.facts.co_authors,
            ["Ben@example.org", "cleo@example.org"]
        );
    }
}
