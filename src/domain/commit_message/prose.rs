//! Keys and verb phrases in running text, and git's own sentences (reverts, cherry-picks, merges).

use std::collections::HashMap;
use std::ops::Range;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::key::{KeyAt, Style, after_noun, after_separator, hex_end, keys, skip_blanks};
use super::mask::{self, Url};
use super::negation::is_negated;
use super::{Found, LintCode, Place, Reading, Relation, tick, time_note, within};

/// Reads everything that no trailer has taken.
pub(super) fn read(reading: &mut Reading, urls: &[Url]) {
    own_urls(reading, urls);
    commit_sentences(reading);
    let from = if reading.flags.revert || reading.flags.reapply {
        special_subject(
            reading,
            Style::Prose,
            Relation::Mention,
            Place::RevertSubject,
        )
    } else if reading.flags.merge {
        special_subject(reading, Style::Branch, Relation::Merge, Place::MergeSubject)
    } else {
        reading.start
    };
    let mut keys = keys(
        &reading.mask,
        from..reading.mask.len(),
        Style::Prose,
        reading.prefixes,
    );
    keys.retain(|key| !is_forge_request(reading, key));
    let mut said: Vec<(Relation, Option<String>, bool)> =
        vec![(Relation::Refs, None, false); keys.len()];
    phrases(reading, from, &keys, &mut said);
    for (key, (relation, verb, negated)) in keys.into_iter().zip(said) {
        let in_subject = key.span.start < reading.subject_end;
        let place = if in_subject {
            Place::Subject
        } else {
            Place::Body
        };
        add(reading, key, relation, place, verb, negated);
    }
}

/// Adds what was found; in a merge's short-log everything is only mentioned.
pub(super) fn add(
    reading: &mut Reading,
    key: KeyAt,
    relation: Relation,
    place: Place,
    verb: Option<String>,
    negated: bool,
) {
    let short_log = reading.in_short_log(key.span.start);
    if short_log && relation == Relation::Closes {
        reading.hint(LintCode::ShortLog, key.span.clone(), None);
    }
    let relation = if short_log {
        Relation::Mention
    } else {
        relation
    };
    reading.found.push(Found {
        key: key.key,
        relation,
        place,
        span: key.span,
        verb,
        negated,
    });
}

/// Own addresses outside trailers are references.
fn own_urls(reading: &mut Reading, urls: &[Url]) {
    for url in urls.iter().filter_map(|url| url.key.clone()) {
        if within(&reading.trailers, url.span.start) {
            continue;
        }
        let quoted =
            url.span.start < reading.subject_end && (reading.flags.revert || reading.flags.reapply);
        let relation = if quoted {
            Relation::Mention
        } else {
            Relation::Refs
        };
        add(reading, url, relation, Place::Url, None, false);
    }
}

/// The subject of a merge or revert: keys without verbs. Returns where the rest begins.
fn special_subject(reading: &mut Reading, style: Style, relation: Relation, place: Place) -> usize {
    let range = reading.start..reading.subject_end;
    for key in keys(&reading.mask, range, style, reading.prefixes) {
        add(reading, key, relation, place, None, false);
    }
    reading.subject_end
}

/// `(#123)` at the end of a subject is the number that a forge gave to the request it squashed.
fn is_forge_request(reading: &Reading, key: &KeyAt) -> bool {
    let (start, end) = (key.span.start, key.span.end);
    reading.mask[start] == b'#'
        && start > 0
        && reading.mask[start - 1] == b'('
        && reading.mask.get(end) == Some(&b')')
        && reading.text[..reading.subject_end].trim_end().len() == end + 1
}

/// Finds verbs, and gives the keys of their lists the relation that was said.
fn phrases(
    reading: &mut Reading,
    from: usize,
    keys: &[KeyAt],
    said: &mut [(Relation, Option<String>, bool)],
) {
    let starts: HashMap<usize, usize> = keys
        .iter()
        .enumerate()
        .map(|(index, key)| (key.span.start, index))
        .collect();
    let view = String::from_utf8_lossy(&reading.mask).into_owned();
    let hyphened = match reading.rules.verbs.keys().any(|verb| verb.contains('-')) {
        true => hyphened(&view, from),
        false => Vec::new(),
    };
    for word in words(&view, from).into_iter().chain(hyphened) {
        let written = view[word.clone()].to_lowercase();
        // An accent may be a character of its own or not.
        let verb = match written.is_ascii() {
            true => written,
            false => written.nfc().collect(),
        };
        let Some(&relation) = reading.rules.verbs.get(&verb) else {
            continue;
        };
        if view[..word.start].ends_with(['-', '/']) || is_commit_type(&view, &word, reading.start) {
            continue;
        }
        let bytes = view.as_bytes();
        let colon = word.end + usize::from(bytes.get(word.end) == Some(&b':'));
        let blanks = skip_blanks(bytes, colon);
        if bytes.get(blanks) == Some(&b'\n') {
            let next = skip_blanks(bytes, blanks + 1);
            if let Some(index) = starts.get(&next) {
                reading.hint(LintCode::LineBreak, word.start..keys[*index].span.end, None);
            }
        }
        if blanks == colon {
            continue;
        }
        // A prefix may begin with a noun of ours ("Bug 12").
        let first = match starts.contains_key(&blanks) {
            true => blanks,
            false => after_noun(bytes, blanks),
        };
        let members = list(reading, bytes, first, keys, &starts);
        let Some(last) = members.last() else { continue };
        let asked = bytes.get(skip_blanks(bytes, keys[*last].span.end)) == Some(&b'?');
        let negated = is_negated(&view, word.start);
        let relation = if negated || asked {
            Relation::Mention
        } else {
            relation
        };
        for index in members {
            said[index] = (
                relation,
                Some(reading.text[word.clone()].to_owned()),
                negated,
            );
        }
    }
    if reading.rules.time_notes {
        reading.time.extend(time_note::notes(&view, keys));
    }
}

/// The keys of the list that begins at `at`, as indexes; time notes inside it don't end it.
fn list(
    reading: &Reading,
    bytes: &[u8],
    at: usize,
    keys: &[KeyAt],
    starts: &HashMap<usize, usize>,
) -> Vec<usize> {
    let mut members = Vec::new();
    let mut next = Some(at);
    while let Some(index) = next.and_then(|at| starts.get(&at)) {
        tick(1);
        members.push(*index);
        let end = keys[*index].span.end;
        let end = if reading.rules.time_notes {
            time_note::after(bytes, end)
        } else {
            end
        };
        next = after_separator(bytes, end);
    }
    members
}

/// The runs of letters, digits and underscores, with the marks that belong to their letters.
fn words(view: &str, from: usize) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = None;
    for (at, c) in view[from..].char_indices().map(|(at, c)| (from + at, c)) {
        tick(1);
        match (is_letter(c) || start.is_some() && is_mark(c), start) {
            (true, None) => start = Some(at),
            (false, Some(begun)) => {
                found.push(begun..at);
                start = None;
            }
            (true, Some(_)) | (false, None) => {}
        }
    }
    found.extend(start.map(|begun| begun..view.len()));
    found
}

/// The words that hyphens join, as one.
fn hyphened(view: &str, from: usize) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for word in words(view, from) {
        match found.last_mut() {
            Some(last) if view[last.end..word.start] == *"-" => last.end = word.end,
            _ => found.push(word),
        }
    }
    found.retain(|range| view[range.clone()].contains('-'));
    found
}

fn is_letter(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Vowel signs and accents that are characters of their own.
fn is_mark(c: char) -> bool {
    !c.is_ascii() && is_combining_mark(c)
}

/// Can this be found as a verb: words, of any script, that hyphens may join?
pub fn could_be_verb(text: &str) -> bool {
    text.split('-')
        .all(|word| word.starts_with(is_letter) && word.chars().all(|c| is_letter(c) || is_mark(c)))
}

/// `fix: …`, `fix(scope)!: …` at the very start names a type of commit (Conventional Commits), and closes nothing.
pub(super) fn is_commit_type(view: &str, word: &Range<usize>, start: usize) -> bool {
    if word.start != start || !view[word.clone()].eq_ignore_ascii_case("fix") {
        return false;
    }
    let line = view[word.end..].split('\n').next().unwrap_or("");
    tick(line.len());
    let rest = match line.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
        Some((_, rest)) => rest,
        None => line,
    };
    rest.strip_prefix('!').unwrap_or(rest).starts_with(':')
}

/// "This reverts commit …" and "(cherry picked from commit …)". The mainline of a reverted merge is not reverted.
fn commit_sentences(reading: &mut Reading) {
    let view = String::from_utf8_lossy(&reading.mask).into_owned();
    for (sentence, closing) in [
        ("This reverts commit", false),
        ("(cherry picked from commit", true),
    ] {
        tick(view.len());
        for (at, _) in view.match_indices(sentence) {
            let mut begin = skip_blanks(view.as_bytes(), at + sentence.len());
            // git wraps nothing here, but editors that fill paragraphs do.
            if view.as_bytes().get(begin) == Some(&b'\n') {
                begin = skip_blanks(view.as_bytes(), begin + 1);
            }
            let Some(end) = hex_end(view.as_bytes(), begin).filter(|_| begin > at + sentence.len())
            else {
                continue;
            };
            let commit = view[begin..end].to_owned();
            if !closing {
                reading.facts.reverts.push(commit);
            } else if view[end..].starts_with(')') {
                reading.facts.cherry_from.push(commit);
            }
            // A commit id is never a key, nor is anything that it adjoins.
            mask::hide(&mut reading.mask, begin..end);
        }
    }
}
