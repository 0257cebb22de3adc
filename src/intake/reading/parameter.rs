//! `Content-Type` and `Content-Disposition`: a word and its parameters, with RFC 2231's pieces, sets and percent signs.

use super::charset::decode;
use super::header::{raw_text, words};
use super::limits::PARAMETERS;

/// A value with parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters {
    /// Lower case: `text/plain`, `attachment`; "" if there is none.
    pub value: String,
    /// Lower-case names and decoded values, in order; of a name that stands there twice, the first.
    parameters: Vec<(String, String)>,
    /// More parameters than are read.
    pub is_over: bool,
}

/// One piece of a parameter as written: `filename*1*=…`.
struct Piece {
    name: String,
    number: Option<usize>,
    is_encoded: bool,
    value: String,
}

impl Parameters {
    pub fn read(raw: &[u8], fallback: Option<&str>) -> Self {
        let text = raw_text(raw, fallback);
        let mut pieces = split(&text).into_iter();
        let value = pieces.next().unwrap_or_default().to_lowercase();
        let value: String = value.split_whitespace().take(1).collect();
        let mut found = Self {
            value: value.trim_matches(['"', ',']).to_owned(),
            ..Self::default()
        };
        let mut many: Vec<Piece> = Vec::new();
        for text in pieces {
            if many.len() == PARAMETERS {
                found.is_over = true;
                break;
            }
            many.extend(piece(text));
        }
        found.join(&many, fallback);
        found
    }

    /// Puts a value in the place of whatever stands under this name.
    pub fn set(&mut self, name: &str, value: &str) {
        let wide = format!("{name}*");
        self.parameters
            .retain(|(known, _)| known != name && *known != wide);
        self.parameters.push((name.to_owned(), value.to_owned()));
    }

    fn join(&mut self, pieces: &[Piece], fallback: Option<&str>) {
        for piece in pieces {
            // `filename*` is stronger than `filename`, so it is kept under its own name.
            let is_wide = piece.is_encoded || piece.number.is_some();
            let key = match is_wide {
                true => format!("{}*", piece.name),
                false => piece.name.clone(),
            };
            if self.get_exact(&key).is_some() {
                continue;
            }
            let value = if is_wide {
                let mut same: Vec<&Piece> = pieces
                    .iter()
                    .filter(|other| {
                        other.name == piece.name && (other.is_encoded || other.number.is_some())
                    })
                    .collect();
                // One without a number beside numbered ones is the whole value.
                if let Some(whole) = same.iter().copied().find(|other| other.number.is_none()) {
                    same = vec![whole];
                }
                same.sort_by_key(|other| other.number);
                same.dedup_by_key(|other| other.number);
                wide(&same, fallback)
            } else {
                words(&piece.value)
            };
            self.parameters.push((key, value));
        }
    }

    fn get_exact(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// RFC 2231's form of a parameter, else the plain one.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.get_exact(&format!("{name}*"))
            .or_else(|| self.get_exact(name))
            .filter(|value| !value.trim().is_empty())
    }
}

/// At the semicolons outside quotes.
fn split(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut start, mut is_quoted, mut is_escaped) = (0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            // A quote that opens inside a value, or never closes, quotes nothing.
            '"' if is_quoted => is_quoted = false,
            '"' => {
                is_quoted =
                    text[start..at].trim_end().ends_with('=') && text[at + 1..].contains('"');
            }
            ';' if !is_quoted => {
                found.push(text[start..at].trim());
                start = at + 1;
                if found.len() > PARAMETERS + 1 {
                    return found;
                }
            }
            _ => {}
        }
    }
    found.push(text[start..].trim());
    found
}

fn piece(text: &str) -> Option<Piece> {
    let (name, value) = text.split_once('=')?;
    let name = name.trim().to_lowercase();
    let (name, is_encoded) = match name.strip_suffix('*') {
        Some(bare) => (bare.to_owned(), true),
        None => (name, false),
    };
    let (name, number) = match name.split_once('*') {
        Some((bare, number)) => (bare.to_owned(), Some(number.trim().parse().ok()?)),
        None => (name, None),
    };
    Some(Piece {
        name: name.trim().to_owned(),
        number,
        is_encoded,
        value: unquoted(value.trim()),
    })
}

fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"') else {
        return value.to_owned();
    };
    let inner = inner.strip_suffix('"').unwrap_or(inner);
    let mut plain = String::with_capacity(inner.len());
    let mut chars = inner.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            // Windows paths are written without escapes, so only a quote or a backslash is one.
            ('\\', Some(next @ ('"' | '\\'))) => {
                plain.push(*next);
                chars.next();
            }
            _ => plain.push(c),
        }
    }
    plain
}

/// The pieces' bytes, joined, in the set that the first one names.
fn wide(pieces: &[&Piece], fallback: Option<&str>) -> String {
    let mut set = None;
    let mut bytes = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        let mut value = piece.value.as_str();
        if piece.is_encoded
            && at == 0
            && let Some((name, rest)) = value.split_once('\'')
            && let Some((_, rest)) = rest.split_once('\'')
        {
            set = Some(name).filter(|name| !name.is_empty());
            value = rest;
        }
        match piece.is_encoded {
            true => percent(value, &mut bytes),
            false => bytes.extend_from_slice(words(value).as_bytes()),
        }
    }
    decode(&bytes, set.or(fallback)).text
}

fn percent(text: &str, bytes: &mut Vec<u8>) {
    let text = text.as_bytes();
    let mut at = 0;
    while at < text.len() {
        let code = (text[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|pair| std::str::from_utf8(pair).ok())
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        bytes.push(code.unwrap_or(text[at]));
        at += if code.is_some() { 3 } else { 1 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Option<String> {
        let read = Parameters::read(text.as_bytes(), None);
        read.get("filename").map(str::to_owned)
    }

    #[test]
    fn e68_names_are_read_in_all_their_forms() {
        for (text, expected) in [
            ("attachment; filename=report.pdf", "report.pdf"),
            (
                "attachment; filename=\"a; b=\\\"c\\\".pdf\"",
                "a; b=\"c\".pdf",
            ),
            ("attachment; filename=two words.pdf", "two words.pdf"),
            (
                "attachment; filename=\"=?utf-8?q?Gr=C3=BC=C3=9Fe.txt?=\"",
                "Grüße.txt",
            ),
            (
                "attachment; filename*=utf-8''Gr%C3%BC%C3%9Fe.txt",
                "Grüße.txt",
            ),
            // The wide form wins, whichever stands first.
            (
                "attachment; filename=a.txt; filename*=utf-8''%C3%BC.txt",
                "ü.txt",
            ),
            (
                "attachment; filename*=utf-8''%C3%BC.txt; filename=a.txt",
                "ü.txt",
            ),
            // Pieces, out of order, one cut inside a character.
            (
                "attachment; filename*1*=%9Fe.txt; filename*0*=utf-8''Gr%C3%BC%C3",
                "Grüße.txt",
            ),
            (
                "attachment;\r\n filename*0=\"long \";\r\n filename*1=\"name.txt\"",
                "long name.txt",
            ),
            // Unknown and wrong sets.
            ("attachment; filename*=x-none''Gr%FC%DFe.txt", "Grüße.txt"),
            ("attachment; filename*=utf-8''Gr%FC%DFe.txt", "Grüße.txt"),
            ("attachment; filename*=''Gr%C3%BC%C3%9Fe.txt", "Grüße.txt"),
            ("attachment; filename*=100%.txt", "100%.txt"),
            (
                "attachment; filename=\"C:\\Users\\ada\\x.txt\"",
                "C:\\Users\\ada\\x.txt",
            ),
            ("attachment; filename=\"unclosed.txt", "unclosed.txt"),
        ] {
            assert_eq!(name(text).as_deref(), Some(expected), "{text}");
        }
        for none in [
            "attachment",
            "attachment; filename=",
            "attachment; filename=\"\"",
            "",
            ";;;",
        ] {
            assert_eq!(name(none), None, "{none}");
        }
        let raw = Parameters::read(b"attachment; filename=\"Gr\xfc\xdfe.txt\"", None);
        assert_eq!(raw.get("filename"), Some("Grüße.txt"));
    }

    #[test]
    fn e70_a_malformed_type_is_still_one() {
        for (text, value, set) in [
            ("Text/PLAIN; CharSet=\"UTF-8\"", "text/plain", Some("UTF-8")),
            ("text/plain charset=utf-8", "text/plain", None),
            (
                "text/plain;; ; charset = utf-8 ;",
                "text/plain",
                Some("utf-8"),
            ),
            ("text", "text", None),
            ("", "", None),
        ] {
            let read = Parameters::read(text.as_bytes(), None);
            assert_eq!(
                (read.value.as_str(), read.get("charset")),
                (value, set),
                "{text}"
            );
        }
    }

    #[test]
    fn e10_parameters_are_counted() {
        let many = format!("text/plain; {}", "a*0=b; ".repeat(100_000));
        let read = Parameters::read(many.as_bytes(), None);
        assert!(read.is_over && read.value == "text/plain");
        let few = format!("text/plain{}", "; a=b".repeat(PARAMETERS));
        assert!(!Parameters::read(few.as_bytes(), None).is_over);
    }
}
