//! "Does not fix CHG-3": verbs that are taken back.

use super::tick;

/// Is the verb that begins at `verb` taken back by one of the three words before it, on its line and in its sentence?
pub(super) fn is_negated(text: &str, verb: usize) -> bool {
    let words = words_before(text, verb);
    let single = words.iter().any(|word| {
        matches!(
            word.as_str(),
            "not" | "never" | "without" | "cannot" | "partially" | "partly"
        ) || word.ends_with("n't")
            || word.ends_with("n\u{2019}t")
    });
    let pair = words.windows(2).any(|pair| {
        matches!(
            (pair[1].as_str(), pair[0].as_str()),
            ("no", "longer")
                | ("rather", "than")
                | ("instead", "of")
                | ("fail" | "fails" | "failed" | "tried", "to")
        )
    });
    single || pair
}

/// Up to three words before `at`, nearest first, in lower case and without punctuation at their ends.
fn words_before(text: &str, at: usize) -> Vec<String> {
    let mut words = Vec::with_capacity(3);
    let mut end = at;
    let mut attached = true;
    while words.len() < 3 {
        let before = &text[..end];
        let trimmed = before.trim_end_matches([' ', '\t']);
        let adjoining = trimmed.len() == before.len();
        let start = trimmed
            .rfind([' ', '\t', '\n'])
            .map_or(0, |blank| blank + 1);
        tick(end - start);
        let word = &trimmed[start..];
        if word.is_empty() || word.ends_with(['.', '!', '?', ';']) {
            break;
        }
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        // What adjoins the verb itself is a word only if it holds one: the bracket of "(Closes" isn't.
        if !(attached && adjoining && bare.is_empty()) {
            words.push(bare.to_lowercase());
        }
        attached = false;
        end = start;
    }
    words
}
