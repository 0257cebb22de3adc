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
    for word in folded(text) {
        if seen.insert(word.clone()) {
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
            let mut words: Vec<String> = folded(part).collect();
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

fn folded(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_alphanumeric() && !is_combining_mark(c))
        .map(|word| {
            word.nfkd()
                .filter(|c| c.is_alphanumeric())
                .flat_map(char::to_lowercase)
                .take(WORD_CHARS)
                .collect::<String>()
        })
        .filter(|word| !word.is_empty())
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
