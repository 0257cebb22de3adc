//! What may stand before a key's digits: our own `CHG-`, or the texts that somebody asks about (`#`, `T`, `PROJ-`).

use super::super::id::{Kind, TicketKey};
use super::{Rules, tick};

/// A key while a message is read: which name it has (see [`Prefixes::id`]) and its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub name: usize,
    pub number: i64,
}

/// A prefix as it may be written.
struct Spelled {
    /// In lower case, as far as ASCII goes.
    folded: Vec<u8>,
    /// What prose must say, to the letter; `None` for a form that only trailers and branches may use.
    exact: Option<Vec<u8>>,
    name: usize,
}

/// The prefixes of one reading, ready to be found in a text.
pub(super) struct Prefixes {
    /// Sorted by `folded`.
    spelled: Vec<Spelled>,
    /// What stands before the number in a key's id; empty where the id is the number alone.
    names: Vec<String>,
    /// The bytes that a prefix can begin with.
    begins: [bool; 256],
    /// Those like our own, letters and a hyphen, without the hyphen: near misses are looked for with them.
    lettered: Vec<String>,
}

/// Near misses are looked for with so many prefixes at most: each word is compared with each.
const LETTERED: usize = 16;

impl Prefixes {
    /// Those of the kinds, and what a bare `#` means.
    pub fn house(rules: &Rules) -> (Self, Vec<Kind>) {
        let mut kinds = rules.kinds.clone();
        let mut texts: Vec<(String, usize)> = kinds
            .iter()
            .map(|kind| format!("{}-", kind.prefix()))
            .zip(0..)
            .collect();
        if let Some(bare) = rules.bare_number {
            let known = kinds.iter().position(|kind| *kind == bare);
            let name = known.unwrap_or(kinds.len());
            if known.is_none() {
                kinds.push(bare);
            }
            texts.push(("#".to_owned(), name));
        }
        let names = kinds.iter().map(|kind| format!("{}-", kind.prefix()));
        (Self::new(&texts, names.collect()), kinds)
    }

    /// Texts of the asker's own. A key with a hyphen in its prefix is named in full, others by their number alone.
    pub fn of(texts: &[String]) -> Self {
        let mut names: Vec<String> = Vec::new();
        let mut known = std::collections::HashMap::new();
        let mut named = Vec::with_capacity(texts.len());
        for text in texts {
            let name = if text.contains('-') { text } else { "" };
            let index = *known.entry(name).or_insert_with(|| {
                names.push(name.to_owned());
                names.len() - 1
            });
            named.push((text.clone(), index));
        }
        Self::new(&named, names)
    }

    fn new(texts: &[(String, usize)], names: Vec<String>) -> Self {
        let mut spelled = Vec::with_capacity(texts.len());
        for (text, name) in texts {
            // Other scripts have cases, too; a form of its own for each is enough.
            let (lower, upper) = (text.to_lowercase(), text.to_uppercase());
            for (form, exact) in [(text, true), (&lower, false), (&upper, false)] {
                let folded = form.to_ascii_lowercase().into_bytes();
                if exact || folded != text.to_ascii_lowercase().into_bytes() {
                    spelled.push(Spelled {
                        folded,
                        exact: exact.then(|| form.clone().into_bytes()),
                        name: *name,
                    });
                }
            }
        }
        spelled.sort_by(|a, b| a.folded.cmp(&b.folded));
        let mut begins = [false; 256];
        for first in spelled.iter().filter_map(|spelled| spelled.folded.first()) {
            begins[usize::from(*first)] = true;
            begins[usize::from(first.to_ascii_uppercase())] = true;
        }
        let lettered = texts
            .iter()
            .filter_map(|(text, _)| text.strip_suffix('-'))
            .filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphabetic()))
            .take(LETTERED);
        Self {
            lettered: lettered.map(str::to_owned).collect(),
            spelled,
            names,
            begins,
        }
    }

    pub fn could_begin(&self, byte: u8) -> bool {
        self.begins[usize::from(byte)]
    }

    pub fn lettered(&self) -> impl Iterator<Item = &str> {
        self.lettered.iter().map(String::as_str)
    }

    /// A key as it is named in answers and hints.
    pub fn id(&self, key: Key) -> String {
        format!("{}{}", self.names[key.name], key.number)
    }

    /// The prefixes that `bytes` has at `at`, shortest first: each one's name, and where it ends.
    pub fn at(&self, bytes: &[u8], at: usize, exact: bool, mut found: impl FnMut(usize, usize)) {
        let mut left = &self.spelled[..];
        for depth in 0.. {
            tick(1);
            let here = bytes.get(at..at + depth).unwrap_or_default();
            let whole = left.partition_point(|spelled| spelled.folded.len() == depth);
            let (whole, longer) = left.split_at(whole);
            // Of those that differ only in case, the one that is written wins; prose takes no other.
            let written = whole
                .iter()
                .find(|spelled| spelled.exact.as_deref() == Some(here));
            let meant = written.or_else(|| whole.first().filter(|_| !exact));
            if let Some(spelled) = meant {
                found(spelled.name, at + depth);
            }
            let Some(byte) = bytes.get(at + depth).map(u8::to_ascii_lowercase) else {
                return;
            };
            let begin = longer.partition_point(|spelled| spelled.folded[depth] < byte);
            let end = longer.partition_point(|spelled| spelled.folded[depth] <= byte);
            left = &longer[begin..end];
            if left.is_empty() {
                return;
            }
        }
    }
}

/// A key of the house; `kinds` are those of [`Prefixes::house`].
pub(super) fn ticket(kinds: &[Kind], key: Key) -> TicketKey {
    TicketKey {
        kind: kinds[key.name],
        number: key.number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(prefixes: &[&str], text: &str, exact: bool) -> Vec<usize> {
        let texts: Vec<String> = prefixes.iter().map(|text| (*text).to_owned()).collect();
        let mut ends = Vec::new();
        Prefixes::of(&texts).at(text.as_bytes(), 0, exact, |_, end| ends.push(end));
        ends
    }

    #[test]
    fn prefixes_are_found_to_the_letter_or_in_any_case() {
        let all = ["#", "T", "T1", "ABC-", "АБВ-"];
        assert_eq!(found(&all, "#12", true), [1]);
        assert_eq!(found(&all, "T12", true), [1, 2]);
        assert_eq!(found(&all, "t12", true), [0; 0]);
        assert_eq!(found(&all, "t12", false), [1, 2]);
        assert_eq!(found(&all, "Abc-1", false), [4]);
        assert_eq!(found(&all, "абв-1", false), ["абв-".len()]);
        assert_eq!(found(&all, "ABC", false), [0; 0]);
        assert_eq!(found(&[], "ABC-1", false), [0; 0]);
    }

    #[test]
    fn a_key_is_named_in_full_only_with_a_hyphen() {
        let prefixes = Prefixes::of(&["#".to_owned(), "ABC-".to_owned(), "T".to_owned()]);
        let id = |name| prefixes.id(Key { name, number: 12 });
        assert_eq!((id(0).as_str(), id(1).as_str()), ("12", "ABC-12"));
        let mut names = Vec::new();
        prefixes.at(b"T12", 0, true, |name, _| names.push(name));
        assert_eq!(names, [0]);
    }
}
