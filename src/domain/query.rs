//! The queue's filter: one line of text, which is also the address of what it shows.
//!
//! `is:open type:incident sev:high owner:me customer:contoso label:db words of text sort:due`. Terms of the same key are
//! alternatives, different keys must all hold, a minus before a term excludes. Names are not looked up here: who `me` is and
//! which customer `contoso` means is the caller's to know.

use super::id::Kind;
use super::refusal::FieldError;
use super::severity::{Priority, Severity};
use super::ticket::State;
use super::word::words;

/// Longest filter, in characters.
pub const QUERY_CHARS: usize = 500;

words! {
    /// In which order. Each has an index to walk.
    pub enum Sort {
        /// Soonest deadline first; what is held sorts by its expected end.
        Due = "due",
        /// Logged last first.
        New = "new",
        /// Changed last first.
        Updated = "updated",
    }
}

words! {
    /// What `is:` may say besides open, closed and any.
    pub enum Is {
        /// Past a deadline.
        Overdue = "overdue",
        /// Waiting for somebody.
        Held = "held",
        /// The customer wrote last.
        Replied = "replied",
        /// Nobody has it.
        Unowned = "unowned",
    }
}

/// Whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    Me,
    Nobody,
    /// A name or a mail address, or the beginning of one.
    Named(String),
}

/// Open, closed or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Openness {
    #[default]
    Open,
    Closed,
    Any,
}

/// A filter, parsed. Empty lists mean "any".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    pub openness: Openness,
    pub is: Vec<Is>,
    pub is_not: Vec<Is>,
    pub kinds: Vec<Kind>,
    pub not_kinds: Vec<Kind>,
    pub states: Vec<State>,
    pub severities: Vec<Severity>,
    pub priorities: Vec<Priority>,
    pub owners: Vec<Owner>,
    pub customers: Vec<String>,
    pub services: Vec<String>,
    pub teams: Vec<String>,
    pub labels: Vec<String>,
    pub not_labels: Vec<String>,
    /// Due within so many seconds from now; what is overdue counts.
    pub due_within_secs: Option<i64>,
    /// Words that the ticket or its timeline must contain.
    pub words: Vec<String>,
    pub sort: Option<Sort>,
}

impl Query {
    /// Reads a filter. The errors name the term and what would be understood.
    pub fn parse(text: &str) -> Result<Self, Vec<FieldError>> {
        let mut query = Query::default();
        let mut errors = Vec::new();
        if text.chars().count() > QUERY_CHARS {
            return Err(vec![
                FieldError::new("q", "too-long")
                    .with("max", QUERY_CHARS.to_string())
                    .with("got", text.chars().count().to_string()),
            ]);
        }
        for term in terms(text) {
            if let Err(error) = query.add(&term) {
                errors.push(error);
            }
        }
        if errors.is_empty() {
            Ok(query)
        } else {
            Err(errors)
        }
    }

    fn add(&mut self, term: &Term) -> Result<(), FieldError> {
        let Some(key) = &term.key else {
            self.words.push(term.value.clone());
            return Ok(());
        };
        let value = term.value.as_str();
        match (key.as_str(), term.negative) {
            ("is", false) => match value {
                "open" => self.openness = Openness::Open,
                "closed" => self.openness = Openness::Closed,
                "any" | "all" => self.openness = Openness::Any,
                _ => self
                    .is
                    .push(one_of("is", value, Is::ALL, &["open", "closed", "any"])?),
            },
            ("is", true) => match value {
                "open" => self.openness = Openness::Closed,
                "closed" => self.openness = Openness::Open,
                _ => self
                    .is_not
                    .push(one_of("is", value, Is::ALL, &["open", "closed"])?),
            },
            ("type", false) => self.kinds.push(kind(value)?),
            ("type", true) => self.not_kinds.push(kind(value)?),
            ("state", false) => {
                self.states
                    .push(one_of("state", &value.replace('-', "_"), State::ALL, &[])?)
            }
            ("sev" | "severity", false) => self.severities.push(severity(value)?),
            ("priority", false) => {
                self.priorities
                    .push(one_of("priority", value, Priority::ALL, &[])?)
            }
            ("owner", false) => self.owners.push(match value {
                "me" => Owner::Me,
                "nobody" | "none" => Owner::Nobody,
                name => Owner::Named(name.to_owned()),
            }),
            ("customer", false) => self.customers.push(value.to_owned()),
            ("service", false) => self.services.push(value.to_owned()),
            ("team", false) => self.teams.push(value.to_owned()),
            ("label", false) => self.labels.push(value.to_owned()),
            ("label", true) => self.not_labels.push(value.to_owned()),
            ("due", false) => self.due_within_secs = Some(span_secs(value)?),
            ("sort", false) => self.sort = Some(one_of("sort", value, Sort::ALL, &[])?),
            (known, true) if KEYS.contains(&known) => {
                return Err(FieldError::new("q", "query-no-minus").with("key", known.to_owned()));
            }
            _ => {
                return Err(FieldError::new("q", "query-unknown-key")
                    .with("key", key.clone())
                    .with("known", KEYS.join(", ")));
            }
        }
        Ok(())
    }
}

const KEYS: [&str; 11] = [
    "is", "type", "state", "sev", "priority", "owner", "customer", "service", "team", "label",
    "due",
];

struct Term {
    negative: bool,
    key: Option<String>,
    value: String,
}

/// Splits at blanks; double quotes keep blanks together (`customer:"North wind"`). A colon inside a word that isn't a key's
/// (`10:30`, `https://…`) is just a character: keys are letters only, and a key with nothing behind it is a word.
fn terms(text: &str) -> Vec<Term> {
    let mut terms = Vec::new();
    let mut piece = String::new();
    let mut quoted = false;
    let mut pieces = Vec::new();
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            c if c.is_whitespace() && !quoted => pieces.push(std::mem::take(&mut piece)),
            c => piece.push(c),
        }
    }
    pieces.push(piece);
    for piece in pieces.into_iter().filter(|piece| !piece.is_empty()) {
        let (negative, body) = match piece.strip_prefix('-') {
            Some(rest) if !rest.is_empty() => (true, rest),
            _ => (false, piece.as_str()),
        };
        let keyed = body.split_once(':').filter(|(key, value)| {
            !key.is_empty()
                && !value.is_empty()
                && !value.starts_with('/')
                && key.bytes().all(|b| b.is_ascii_alphabetic())
        });
        terms.push(match keyed {
            Some((key, value)) => Term {
                negative,
                key: Some(key.to_ascii_lowercase()),
                value: value.to_lowercase(),
            },
            None => Term {
                negative: false,
                key: None,
                value: piece.clone(),
            },
        });
    }
    terms
}

/// The value of a closed enum, or an error that lists what there is.
fn one_of<T: Copy + std::str::FromStr + std::fmt::Display>(
    key: &'static str,
    value: &str,
    all: &[T],
    besides: &[&str],
) -> Result<T, FieldError> {
    value.parse().map_err(|_| {
        let known: Vec<String> = besides
            .iter()
            .map(|word| (*word).to_owned())
            .chain(all.iter().map(T::to_string))
            .collect();
        unknown(key, value, &known.join(", "))
    })
}

fn unknown(key: &'static str, value: &str, known: &str) -> FieldError {
    FieldError::new("q", "query-unknown-value")
        .with("key", key)
        .with("value", value.to_owned())
        .with("known", known.to_owned())
}

/// A kind by its word or its key's prefix: `incident`, `inc`.
fn kind(value: &str) -> Result<Kind, FieldError> {
    let short = Kind::ALL
        .iter()
        .copied()
        .find(|kind| kind.prefix().eq_ignore_ascii_case(value));
    match short {
        Some(kind) => Ok(kind),
        None => one_of("type", &value.replace('-', "_"), Kind::ALL, &[]),
    }
}

/// A severity by its word or its number.
fn severity(value: &str) -> Result<Severity, FieldError> {
    let numbered = Severity::ALL
        .iter()
        .copied()
        .find(|severity| severity.rank().to_string() == value);
    match numbered {
        Some(severity) => Ok(severity),
        None => one_of("sev", value, Severity::ALL, &["1 to 5"]),
    }
}

/// `30m`, `2h`, `3d`, at most a year.
fn span_secs(value: &str) -> Result<i64, FieldError> {
    let wrong = || unknown("due", value, "30m, 2h, 3d");
    let digits = value.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit_secs = match &value[digits.len()..] {
        "m" | "min" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return Err(wrong()),
    };
    let amount: i64 = digits.parse().map_err(|_| wrong())?;
    let secs = amount.checked_mul(unit_secs).ok_or_else(wrong)?;
    if (1..=31_622_400).contains(&secs) {
        Ok(secs)
    } else {
        Err(wrong())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Query {
        Query::parse(text).unwrap()
    }

    #[test]
    fn the_example_of_the_handbook_is_read() {
        let query = parse(
            "is:open type:incident sev:high owner:me customer:Contoso label:db text words sort:due",
        );
        assert_eq!(query.kinds, [Kind::Incident]);
        assert_eq!(query.severities, [Severity::High]);
        assert_eq!(query.owners, [Owner::Me]);
        assert_eq!(query.customers, ["contoso"]);
        assert_eq!(query.labels, ["db"]);
        assert_eq!(query.words, ["text", "words"]);
        assert_eq!(query.sort, Some(Sort::Due));
        assert_eq!(query.openness, Openness::Open);
    }

    #[test]
    fn quotes_keep_blanks_and_odd_colons_are_text() {
        assert_eq!(parse(r#"customer:"North wind""#).customers, ["north wind"]);
        assert_eq!(
            parse("at 10:30 https://x.example").words,
            ["at", "10:30", "https://x.example"]
        );
        assert_eq!(parse("  "), Query::default());
        assert_eq!(parse("- due:").words, ["-", "due:"]);
    }

    #[test]
    fn minus_excludes_where_that_means_something() {
        assert_eq!(parse("-type:task").not_kinds, [Kind::Task]);
        assert_eq!(parse("-label:db -is:held").not_labels, ["db"]);
        assert_eq!(
            Query::parse("-owner:me").unwrap_err()[0].problem,
            "query-no-minus"
        );
    }

    #[test]
    fn spans_have_units_and_an_end() {
        for (text, secs) in [
            ("30m", Some(1_800)),
            ("2h", Some(7_200)),
            ("3d", Some(259_200)),
            ("30", None),
            ("0m", None),
            ("9999999999999999d", None),
            ("h", None),
        ] {
            assert_eq!(
                Query::parse(&format!("due:{text}"))
                    .ok()
                    .and_then(|query| query.due_within_secs),
                secs,
                "{text}"
            );
        }
    }

    #[test]
    fn every_wrong_term_is_named_at_once() {
        let errors = Query::parse("sev:bad colour:red type:inc").unwrap_err();
        let problems: Vec<_> = errors.iter().map(|error| error.problem).collect();
        assert_eq!(problems, ["query-unknown-value", "query-unknown-key"]);
    }
}
