//! Words of a text, and of a question to it: folded the same way, so that case and accents don't matter.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Longest word kept; what is longer is cut (base64, hashes of logs).
const WORD_CHARS: usize = 40;
/// Most different words of one document: a pasted log must not fill the index.
const WORDS: usize = 4_000;

/// The words of `text`, each once, in order of first appearance.
pub fn words(text: &str) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    let mut words = Vec::new();
    for word in runs(text).flat_map(found_by) {
        if !word.is_empty() && seen.insert(word.clone()) {
            words.push(word);
            if words.len() == WORDS {
                break;
            }
        }
    }
    words
}

/// A question: every word must be there; a word that ends in `*` stands for all that begin so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub terms: Vec<Term>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    pub word: String,
    pub is_prefix: bool,
}

impl Question {
    /// At most eight words; more are ignored.
    pub fn parse(text: &str) -> Self {
        let mut terms: Vec<Term> = Vec::new();
        for part in text.split_whitespace() {
            let starred = part.len() > 1 && part.ends_with('*');
            let words = runs(part).flat_map(asked);
            let mut words: Vec<String> = words.filter(|word| !word.is_empty()).collect();
            let last = words.pop();
            terms.extend(words.into_iter().map(|word| Term {
                word,
                is_prefix: false,
            }));
            terms.extend(last.map(|word| Term {
                word,
                is_prefix: starred,
            }));
        }
        terms.truncate(8);
        Self { terms }
    }

    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }
}

/// Stands between words where a script has no blanks, and inside of words where somebody hides them.
const ZERO_WIDTH_SPACE: char = '\u{200b}';

/// What takes no place on a line: joiners, soft hyphens, marks of direction, tones of skin.
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | ZERO_WIDTH_SPACE..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}'
            | '\u{1f3fb}'..='\u{1f3ff}'
    )
}

/// Pictures that people write with. Each is a word of its own.
const fn is_sign(c: char) -> bool {
    matches!(
        c,
        '\u{2300}'..='\u{23ff}'
            | '\u{2600}'..='\u{27bf}'
            | '\u{2b00}'..='\u{2bff}'
            | '\u{1f000}'..='\u{1faff}'
    )
}

/// What stands between blanks and punctuation, and the sign that ends it.
fn runs(text: &str) -> impl Iterator<Item = (&str, Option<char>)> {
    let is_part = |c: char| c.is_alphanumeric() || is_combining_mark(c) || is_invisible(c);
    text.split_inclusive(move |c| !is_part(c)).map(move |run| {
        let end = run.chars().next_back().filter(|c| !is_part(*c));
        let word = &run[..run.len() - end.map_or(0, char::len_utf8)];
        (word, end.filter(|c| is_sign(*c)))
    })
}

/// By what a run of a text is found: as it is read and, where something invisible is in it, by each of its pieces. Some are "".
fn found_by((word, sign): (&str, Option<char>)) -> impl Iterator<Item = String> {
    let pieces = word
        .contains(is_invisible)
        .then(|| word.split(is_invisible));
    let pieces = pieces.into_iter().flatten().map(folded);
    let sign = sign.map(sign_word);
    std::iter::once(folded(word)).chain(pieces).chain(sign)
}

/// What a run of a question asks for. Some are "".
fn asked((word, sign): (&str, Option<char>)) -> impl Iterator<Item = String> {
    let words = word.split(ZERO_WIDTH_SPACE).map(folded);
    words.chain(sign.map(sign_word))
}

fn folded(word: &str) -> String {
    word.nfkd()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .take(WORD_CHARS)
        .collect()
}

/// The index holds letters and digits alone.
fn sign_word(sign: char) -> String {
    format!("u{:x}", u32::from(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_accents_do_not_matter() {
        assert_eq!(words("Café CAFE cafe\u{301}"), ["cafe"]);
        assert_eq!(
            words("db-01.example.org: Über_lauf"),
            ["db", "01", "example", "org", "uber", "lauf"]
        );
    }

    #[test]
    fn what_is_invisible_hides_no_word_and_parts_none() {
        assert_eq!(words("pass\u{200b}word"), ["password", "pass", "word"]);
        assert_eq!(
            words("so\u{ad}ft \u{202e}evil\u{202c}"),
            ["soft", "so", "ft", "evil"]
        );
        assert_eq!(words("\u{200b} \u{feff}"), [""; 0]);
        let terms = |text| -> Vec<String> {
            let question = Question::parse(text);
            question.terms.into_iter().map(|term| term.word).collect()
        };
        assert_eq!(
            terms("pass\u{200b}word so\u{ad}ft"),
            ["pass", "word", "soft"]
        );
        assert_eq!(terms("\u{feff}台北"), ["台北"]);
    }

    #[test]
    fn each_sign_is_a_word() {
        assert_eq!(
            words("on🔥fire 🔥❤\u{fe0f}."),
            ["on", "u1f525", "fire", "u2764"]
        );
        assert_eq!(words("👩🏽\u{200d}🚒"), ["u1f469", "u1f692"]);
        assert_eq!(words("┌──┐ a→b ..."), ["a", "b"]);
        let question = Question::parse("🚒🔥");
        assert_eq!(question.terms.len(), 2);
        assert_eq!(question.terms[0].word, words("🚒")[0]);
    }

    #[test]
    fn a_word_of_a_text_never_looks_like_a_term_of_ours() {
        assert!(
            words("_internal __c00 _")
                .iter()
                .all(|word| !word.contains('_'))
        );
    }

    #[test]
    fn a_star_asks_for_a_beginning() {
        let question = Question::parse("Post* \"quoted\" * OR");
        let terms: Vec<_> = question
            .terms
            .iter()
            .map(|term| (term.word.as_str(), term.is_prefix))
            .collect();
        assert_eq!(terms, [("post", true), ("quoted", false), ("or", false)]);
        assert!(Question::parse(" * ' ").is_empty());
    }
}
