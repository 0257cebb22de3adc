//! What the words of a mail set, where its way in says so: words of an alarm that name a severity, the fields of an answering service's
//! form, the keywords that one of ours may write above a text.
//!
//! Each table is written and kept as lines that people can read: `P1, down = disaster`, `number = Call back, Phone`.

use std::fmt;

use super::quote;
use super::refusal::FieldError;
use super::severity::Severity;
use super::text;
use super::word::words;

/// Most words of one table together.
const MOST_WORDS: usize = 100;
/// Longest number that is called back, in characters.
const NUMBER_CHARS: usize = 40;
/// Lines of a mail that are looked at for a form's fields.
const FORM_LINES: usize = 200;

words! {
    /// What a form's field is about.
    pub enum FormField {
        /// Who called.
        Caller = "caller",
        /// Where they want to be called back.
        Number = "number",
        Customer = "customer",
        Title = "title",
        Severity = "severity",
    }
}

words! {
    /// What one of ours may set by a keyword.
    pub enum Keyword {
        Severity = "severity",
        Priority = "priority",
        Service = "service",
        Customer = "customer",
        Label = "label",
    }
}

/// A table of words, each with what it stands for, in the order in which it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table<T> {
    rows: Vec<(T, Vec<String>)>,
}

pub type SeverityWords = Table<Severity>;
pub type FormFields = Table<FormField>;

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { rows: Vec::new() }
    }
}

impl<T: Copy + PartialEq> Table<T> {
    /// Adds the words of a row; a word stands once in a table. `field` is where a fault is shown.
    pub fn add(
        &mut self,
        field: &'static str,
        means: T,
        words: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<(), FieldError> {
        for word in words {
            let word = text::one_line(field, word.as_ref(), text::NAME_CHARS)?;
            if word.contains(['=', ',']) || !word.chars().any(char::is_alphanumeric) {
                return Err(FieldError::new(field, "not-a-mail-word").with("value", word));
            }
            let folded = word.to_lowercase();
            if self.all().any(|(_, known)| known.to_lowercase() == folded) {
                return Err(FieldError::new(field, "mail-word-twice").with("value", word));
            }
            match self.rows.iter_mut().find(|(known, _)| *known == means) {
                Some((_, known)) => known.push(word),
                None => self.rows.push((means, vec![word])),
            }
        }
        if self.all().count() > MOST_WORDS {
            return Err(
                FieldError::new(field, "too-many-mail-words").with("max", MOST_WORDS.to_string())
            );
        }
        Ok(())
    }

    fn all(&self) -> impl Iterator<Item = (T, &str)> {
        self.rows
            .iter()
            .flat_map(|(means, words)| words.iter().map(move |word| (*means, word.as_str())))
    }

    pub fn rows(&self) -> &[(T, Vec<String>)] {
        &self.rows
    }
}

impl SeverityWords {
    /// Lines such as `P1, down = disaster`.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, FieldError> {
        let mut table = Self::default();
        for line in filled_lines(text) {
            let wrong =
                || FieldError::new(field, "not-severity-words").with("value", line.to_owned());
            let (words, severity) = line.rsplit_once('=').ok_or_else(wrong)?;
            let severity = severity
                .trim()
                .to_lowercase()
                .parse()
                .map_err(|()| wrong())?;
            listed(words).next().ok_or_else(wrong)?;
            table.add(field, severity, listed(words))?;
        }
        Ok(table)
    }

    /// The worst severity that a subject or what was typed names, and the word that does. Words count as wholes, in any case.
    pub fn find(&self, subject: &str, text: &str) -> Option<(Severity, &str)> {
        let said = [subject.to_lowercase(), quote::typed(text).to_lowercase()];
        self.all()
            .filter(|(_, word)| {
                let word = word.to_lowercase();
                said.iter().any(|said| has_word(said, &word))
            })
            .min_by_key(|(severity, _)| severity.rank())
    }
}

impl fmt::Display for SeverityWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (severity, words) in &self.rows {
            writeln!(f, "{} = {severity}", words.join(", "))?;
        }
        Ok(())
    }
}

impl FormFields {
    /// Lines such as `number = Call back, Phone`.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, FieldError> {
        let mut table = Self::default();
        for line in filled_lines(text) {
            let wrong = || FieldError::new(field, "not-form-fields").with("value", line.to_owned());
            let (about, labels) = line.split_once('=').ok_or_else(wrong)?;
            let about = about.trim().to_lowercase().parse().map_err(|()| wrong())?;
            listed(labels).next().ok_or_else(wrong)?;
            table.add(field, about, listed(labels))?;
        }
        Ok(table)
    }

    /// Reads a form: `Label: value`, or the value on the line below its label. `None` unless it names a caller or a number, which is what
    /// tells a form from other mail.
    pub fn read(&self, text: &str) -> Option<Form> {
        let mut form = Form::default();
        let mut lines = text.lines().take(FORM_LINES).map(str::trim).peekable();
        while let Some(line) = lines.next() {
            let Some((label, value)) = line.split_once(':') else {
                continue;
            };
            let label = label.trim_matches(['*', ' ', '\t']).to_lowercase();
            let Some((about, _)) = self.all().find(|(_, known)| known.to_lowercase() == label)
            else {
                continue;
            };
            let below = lines.peek().copied().unwrap_or_default();
            let value = match value.trim_matches(['*', ' ', '\t']) {
                "" if !below.contains(':') => below,
                value => value,
            };
            form.fill(about, value);
        }
        (form.caller.is_some() || form.number.is_some()).then_some(form)
    }
}

impl fmt::Display for FormFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (about, labels) in &self.rows {
            writeln!(f, "{about} = {}", labels.join(", "))?;
        }
        Ok(())
    }
}

/// What an answering service wrote down.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Form {
    pub caller: Option<String>,
    pub number: Option<String>,
    pub customer: Option<String>,
    pub title: Option<String>,
    pub severity: Option<String>,
}

impl Form {
    /// The first value that a field has counts.
    fn fill(&mut self, about: FormField, value: &str) {
        let (place, chars) = match about {
            FormField::Caller => (&mut self.caller, text::NAME_CHARS),
            FormField::Number => (&mut self.number, NUMBER_CHARS),
            FormField::Customer => (&mut self.customer, text::NAME_CHARS),
            FormField::Title => (&mut self.title, text::TITLE_CHARS),
            FormField::Severity => (&mut self.severity, text::NAME_CHARS),
        };
        if place.is_none() {
            // What doesn't fit its place still stands in the text.
            *place = text::one_line("form", value, chars).ok();
        }
    }
}

/// Which keywords count: `severity, label`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keywords(Vec<Keyword>);

impl Keywords {
    pub fn parse(field: &'static str, text: &str) -> Result<Self, FieldError> {
        let mut found = Vec::new();
        for word in listed(text) {
            let wrong = |()| FieldError::new(field, "not-a-keyword").with("value", word.to_owned());
            let keyword: Keyword = word.to_lowercase().parse().map_err(wrong)?;
            if !found.contains(&keyword) {
                found.push(keyword);
            }
        }
        Ok(Self(found))
    }

    pub fn all(&self) -> &[Keyword] {
        &self.0
    }

    /// What stands above the text: `severity: high`, one a line. What isn't allowed, and everything below the first other line, is text.
    pub fn read<'t>(&self, text: &'t str) -> Vec<(Keyword, &'t str)> {
        let lines = text
            .lines()
            .map(str::trim)
            .skip_while(|line| line.is_empty());
        let pairs = lines.map_while(|line| {
            let (word, value) = line.split_once(':')?;
            let keyword: Keyword = word.trim().to_lowercase().parse().ok()?;
            Some((keyword, value.trim()))
        });
        pairs
            .filter(|(keyword, value)| self.0.contains(keyword) && !value.is_empty())
            .collect()
    }
}

impl fmt::Display for Keywords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.0.iter().map(|it| it.as_str()).collect();
        f.write_str(&words.join(", "))
    }
}

fn filled_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

fn listed(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
}

/// Whether `word` stands in `text` with no letter or digit of the same word beside it.
fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_word_decides_and_words_are_whole() {
        let words = SeverityWords::parse(
            "w",
            "P1, down, größter Ausfall = disaster\n\nslow = warning\n",
        )
        .unwrap();
        assert_eq!(
            words.to_string(),
            "P1, down, größter Ausfall = disaster\nslow = warning\n"
        );
        for (subject, text, found) in [
            ("[p1] uplink", "", Some((Severity::Disaster, "P1"))),
            ("Slow", "It is DOWN.", Some((Severity::Disaster, "down"))),
            ("slow page", "", Some((Severity::Warning, "slow"))),
            (
                "GRÖSSTER",
                "Größter Ausfall!",
                Some((Severity::Disaster, "größter Ausfall")),
            ),
            ("Download", "countdown P12", None),
            // What somebody else wrote before isn't said now.
            ("Re: x", "Well again.\n\n> it is down\n", None),
        ] {
            assert_eq!(words.find(subject, text), found, "{subject} {text}");
        }
        for wrong in [
            "down",
            "down = awful",
            "= high",
            "a = high\nA = low",
            "-- = high",
            "a = high\na = high",
        ] {
            assert!(SeverityWords::parse("w", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_form_is_told_by_its_caller_or_number() {
        let fields =
            FormFields::parse("f", "caller = Caller, Anrufer\nnumber = Number, Call back\ntitle = Reason\ncustomer = Company")
                .unwrap();
        let form = fields
            .read("Call taken 03:12\n\nCaller:  Jane Roe\n*Call back*: +49 30 1234\nReason:\n  Mail is down\nCompany: Contoso\nCaller: later\n")
            .unwrap();
        assert_eq!(
            (
                form.caller.as_deref(),
                form.number.as_deref(),
                form.title.as_deref(),
                form.customer.as_deref()
            ),
            (
                Some("Jane Roe"),
                Some("+49 30 1234"),
                Some("Mail is down"),
                Some("Contoso")
            )
        );
        assert_eq!(fields.read("Reason: something\nhello"), None);
        assert_eq!(fields.read("Number:\nReason: x"), None);
        let long = format!("Number: {}", "1".repeat(41));
        assert_eq!(fields.read(&long), None);
        assert!(FormFields::parse("f", "fax = Fax").is_err());
    }

    #[test]
    fn keywords_stand_above_the_text_and_only_the_allowed_ones_count() {
        let allowed = Keywords::parse("k", "severity, Label").unwrap();
        assert_eq!(allowed.to_string(), "severity, label");
        assert_eq!(
            allowed.read(
                "\nSeverity: high\npriority: urgent\nlabel: core\n\nHello\nseverity: disaster"
            ),
            [(Keyword::Severity, "high"), (Keyword::Label, "core")]
        );
        assert!(allowed.read("Hello\nseverity: high").is_empty());
        assert!(Keywords::parse("k", "owner").is_err());
    }
}
