//! Address headers as people's programs write them: what can be read is read, nothing is refused.

use super::header::{encoded_word, raw_text, words};
use super::limits::ADDRESSES;
use crate::domain::text::EmailAddress;

/// One entry of an address header.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mailbox {
    /// Decoded; "" if there is none.
    pub name: String,
    /// What stood between `<` and `>`, or alone; "" if nothing did.
    pub written: String,
    pub address: Option<EmailAddress>,
}

/// What is read of one entry so far.
#[derive(Default)]
struct Draft {
    phrase: String,
    angle: Option<String>,
    comment: String,
}

/// The mailboxes of a header value. Names of groups go; a fragment without an address stays as a name.
pub fn mailboxes(raw: &[u8], fallback: Option<&str>) -> Vec<Mailbox> {
    let text = raw_text(raw, fallback);
    let mut found: Vec<Mailbox> = Vec::new();
    let mut draft = Draft::default();
    let mut rest = text.as_str();
    // Looked for once: a header of nothing but quotes would be searched to its end for each of them.
    let mut may_close = true;
    while let Some(c) = rest.chars().next() {
        if found.len() >= ADDRESSES {
            return found;
        }
        let word = (c == '=').then(|| encoded_word(rest)).flatten();
        let length = match (c, word) {
            // A word's own commas and brackets are part of a name.
            (_, Some((_, _, length))) => {
                draft.phrase.push_str(&rest[..length]);
                length
            }
            ('"', _) => match may_close.then(|| quoted(rest)).flatten() {
                Some((inner, length)) => {
                    draft.phrase.push_str(&inner);
                    length
                }
                None => {
                    may_close = false;
                    1
                }
            },
            ('(', _) => {
                let length = comment_length(rest);
                draft.comment = rest[1..length].trim_end_matches(')').trim().to_owned();
                length
            }
            ('<', _) if draft.angle.is_none() => {
                let end = rest.find(['>', ',', ';']).unwrap_or(rest.len());
                draft.angle = Some(rest[1..end].trim().to_owned());
                end + usize::from(rest[end..].starts_with('>'))
            }
            (',' | ';', _) => {
                found.extend(draft.close());
                draft = Draft::default();
                1
            }
            // `undisclosed-recipients:;` and `Team: a@b, c@d;`
            (':', _) if draft.angle.is_none() && !draft.phrase.contains('@') => {
                draft = Draft::default();
                1
            }
            _ => {
                draft.phrase.push(c);
                c.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    found.extend(draft.close());
    found
}

impl Draft {
    fn close(self) -> Option<Mailbox> {
        let phrase = words(self.phrase.trim()).trim().to_owned();
        let mut mailbox = Mailbox::default();
        match self.angle.as_deref() {
            Some(angle) => {
                // `<@relay:ada@x>`: an old route.
                let bare = angle.rsplit(':').next().unwrap_or(angle);
                mailbox.address = address(&words(bare)).or_else(|| address(&phrase));
                mailbox.written = angle.to_owned();
                mailbox.name = phrase;
            }
            None => {
                mailbox.address = address(&phrase);
                match &mailbox.address {
                    Some(address) => {
                        let name = phrase.replace(address.as_str(), "");
                        mailbox.name = name
                            .trim_matches(|c: char| c.is_whitespace() || "<>\"',".contains(c))
                            .to_owned();
                        mailbox.written = address.as_str().to_owned();
                    }
                    None => mailbox.name = phrase,
                }
            }
        }
        if mailbox.name.is_empty() {
            mailbox.name = words(&self.comment);
        }
        let close: String = mailbox.name.split_whitespace().collect();
        if close == mailbox.written {
            mailbox.name.clear();
        }
        (mailbox != Mailbox::default()).then_some(mailbox)
    }
}

/// The address in a text: the word that is one, else the text without its blanks.
fn address(text: &str) -> Option<EmailAddress> {
    if !text.contains('@') {
        return None;
    }
    text.split(|c: char| c.is_whitespace() || "<>\"',;()[]".contains(c))
        .map(|word| word.strip_prefix("mailto:").unwrap_or(word))
        .find_map(|word| EmailAddress::parse(word.trim_end_matches('.')).ok())
        .or_else(|| {
            let close: String = text.split_whitespace().collect();
            EmailAddress::parse(&close).ok()
        })
}

/// A quoted text and its length; `None` if it never closes.
fn quoted(text: &str) -> Option<(String, usize)> {
    let mut inner = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((inner, at + 1)),
            '\\' => inner.extend(chars.next().map(|(_, c)| c)),
            _ => inner.push(c),
        }
    }
    None
}

/// Length of a comment with those within it; to the end if it never closes.
fn comment_length(text: &str) -> usize {
    let (mut depth, mut is_escaped) = (0_usize, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<(String, Option<String>)> {
        mailboxes(text.as_bytes(), None)
            .into_iter()
            .map(|m| (m.name, m.address.map(|a| a.as_str().to_owned())))
            .collect()
    }

    #[test]
    fn e38_addresses_are_read_as_they_are_written() {
        for (text, name, address) in [
            ("Ada <ada@x.example>", "Ada", Some("ada@x.example")),
            ("ada@x.example", "", Some("ada@x.example")),
            ("<ada@x.example>", "", Some("ada@x.example")),
            ("ada@x.example (Ada L)", "Ada L", Some("ada@x.example")),
            (
                "\"Lovelace, Ada\" <ada@x.example>",
                "Lovelace, Ada",
                Some("ada@x.example"),
            ),
            (
                "\"Ada \\\"A\\\" L\" <ada@x.example>",
                "Ada \"A\" L",
                Some("ada@x.example"),
            ),
            ("foo <foo@bar.example", "foo", Some("foo@bar.example")),
            ("\"foo <foo@bar.example>", "foo", Some("foo@bar.example")),
            ("\"foo\" foo@bar.example", "foo", Some("foo@bar.example")),
            ("foo \"<foo@bar.example>\"", "foo", Some("foo@bar.example")),
            (
                "\"a@b.example\" <c@d.example>",
                "a@b.example",
                Some("c@d.example"),
            ),
            (
                "=?utf-8?q?M=C3=BCller=2C_J?= <j@x.example>",
                "Müller, J",
                Some("j@x.example"),
            ),
            (
                "=?utf-8?q?Müller,_J?= <j@x.example>",
                "Müller, J",
                Some("j@x.example"),
            ),
            (
                "\"=?utf-8?q?J=C3=BC?=\" <j@x.example>",
                "Jü",
                Some("j@x.example"),
            ),
            ("foo @ bar.example", "", Some("foo@bar.example")),
            (
                "Ada <@relay.example:ada@x.example>",
                "Ada",
                Some("ada@x.example"),
            ),
            ("Ada <mailto:ada@x.example>", "Ada", Some("ada@x.example")),
            ("müller@straße.example", "", Some("müller@straße.example")),
            ("Müller", "Müller", None),
            ("John Doe", "John Doe", None),
        ] {
            let expected = (name.to_owned(), address.map(str::to_owned));
            assert_eq!(told(text).first(), Some(&expected), "{text}");
        }
        assert!(told("undisclosed-recipients:;").is_empty() && told("").is_empty());
        let group = told("Team: a@x.example, B <b@x.example>; c@x.example");
        assert_eq!(group.len(), 3);
        let raw = mailboxes(b"J\xfcrgen <j@x.example>", Some("iso-8859-1"));
        assert_eq!(raw[0].name, "Jürgen");
    }

    #[test]
    fn e75_a_thousand_recipients_are_read_and_no_more() {
        let many = "Ada <a@x.example>, ".repeat(5_000);
        assert_eq!(mailboxes(many.as_bytes(), None).len(), ADDRESSES);
        mailboxes("(".repeat(200_000).as_bytes(), None);
        mailboxes("\"".repeat(200_000).as_bytes(), None);
        mailboxes(format!("\"{}", "\\\"".repeat(100_000)).as_bytes(), None);
    }
}
