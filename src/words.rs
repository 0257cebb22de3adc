//! The catalogue: every text that people read comes from here, by key.
//!
//! The texts are Fluent messages in `templates/words/<language>/*.ftl`, one file per room, embedded in the binary.
//! Plain messages are resolved once at start, so that most look-ups cost one hash. A missing key is shown as the key itself:
//! a page with one odd word is better than no page, and a test finds it first.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use rust_embed::RustEmbed;
use unic_langid::LanguageIdentifier;

use crate::domain::refusal::{FieldError, Refusal};

#[derive(RustEmbed)]
#[folder = "templates/words/en"]
struct EnglishFiles;

/// Letters to customers; whatever else there is to say is said in English.
#[derive(RustEmbed)]
#[folder = "templates/words/de"]
struct GermanFiles;

/// A value for a named place in a text. Numbers choose plural forms, texts don't.
pub type Value<'a> = FluentValue<'a>;

/// The languages that there are texts in: a further one has its folder and its line here.
const CATALOGUES: &[(&str, Catalogue)] = &[("en", Words::english), ("de", Words::german)];
type Catalogue = fn() -> &'static Words;

/// One language's texts.
pub struct Words {
    plain: HashMap<String, String>,
    bundle: FluentBundle<FluentResource>,
    /// Where the texts stand that this one lacks.
    base: Option<&'static Words>,
}

impl Words {
    /// The English catalogue, built at first use and shared by all.
    ///
    /// What is wrong with an embedded file is logged, and the rest is served: a page with an odd word is better than none. A
    /// test fails on it first.
    pub fn english() -> &'static Words {
        static ENGLISH: OnceLock<Words> = OnceLock::new();
        ENGLISH.get_or_init(|| {
            let (words, problems) = Words::from_files(files::<EnglishFiles>());
            for problem in problems {
                tracing::error!(problem, "the English catalogue has a fault");
            }
            words
        })
    }

    /// The German one: letters to customers. What it lacks is English.
    fn german() -> &'static Words {
        static GERMAN: OnceLock<Words> = OnceLock::new();
        GERMAN.get_or_init(|| {
            let (mut words, problems) = Words::from_files(files::<GermanFiles>());
            for problem in problems {
                tracing::error!(problem, "the German catalogue has a fault");
            }
            words.base = Some(Words::english());
            words
        })
    }

    /// The catalogue of a language tag such as a customer's, `en-GB`; English where there is none of it.
    pub fn in_language(tag: &str) -> &'static Words {
        let primary = tag.split('-').next().unwrap_or_default();
        let known = CATALOGUES
            .iter()
            .find(|(language, _)| language.eq_ignore_ascii_case(primary));
        known.map_or_else(Words::english, |(_, words)| words())
    }

    /// The languages that letters are written in, as tags.
    pub fn languages() -> impl Iterator<Item = &'static str> {
        CATALOGUES.iter().map(|(language, _)| *language)
    }

    /// A catalogue from named texts in Fluent's syntax, and what is wrong with them: passages that don't parse, and keys that
    /// are defined again (the first holds).
    pub fn from_files(files: impl Iterator<Item = (String, String)>) -> (Self, Vec<String>) {
        let mut bundle: FluentBundle<FluentResource> =
            FluentBundle::new_concurrent(vec![LanguageIdentifier::default()]);
        // Isolation marks are for mixed writing directions; in a mail's plain text and in CSV they are rubbish.
        bundle.set_use_isolating(false);
        let (mut keys, mut problems) = (Vec::new(), Vec::new());
        for (name, text) in files {
            // What parses is kept even when something beside it doesn't.
            let resource = FluentResource::try_new(text).unwrap_or_else(|(resource, errors)| {
                problems.push(format!("{name} doesn't parse: {errors:?}"));
                resource
            });
            keys.extend(keys_of(resource.source()).map(str::to_owned));
            if let Err(errors) = bundle.add_resource(resource) {
                problems.push(format!("{name} defines a key again: {errors:?}"));
            }
        }
        let mut plain = HashMap::with_capacity(keys.len());
        for key in keys {
            let Some(pattern) = bundle.get_message(&key).and_then(|message| message.value()) else {
                continue;
            };
            let mut errors = Vec::new();
            let text = bundle
                .format_pattern(pattern, None, &mut errors)
                .into_owned();
            // A message with places left empty complains: those are formatted at each use.
            if errors.is_empty() {
                plain.insert(key, text);
            }
        }
        let base = None;
        let words = Self {
            plain,
            bundle,
            base,
        };
        (words, problems)
    }

    /// The text of `key`, which takes no values.
    pub fn t<'a>(&'a self, key: &'a str) -> Cow<'a, str> {
        match self.plain.get(key) {
            Some(text) => Cow::Borrowed(text),
            None => self.with(key, &[]),
        }
    }

    /// The text of `key` with its places filled.
    pub fn with<'a>(&'a self, key: &'a str, values: &[(&str, Value<'_>)]) -> Cow<'a, str> {
        if let Some(text) = self.plain.get(key) {
            return Cow::Borrowed(text);
        }
        let Some(pattern) = self
            .bundle
            .get_message(key)
            .and_then(|message| message.value())
        else {
            return match self.base {
                Some(base) => base.with(key, values),
                None => Cow::Borrowed(key),
            };
        };
        let mut args = FluentArgs::with_capacity(values.len());
        for (name, value) in values {
            args.set(Cow::Borrowed(*name), value.clone());
        }
        let mut errors = Vec::new();
        Cow::Owned(
            self.bundle
                .format_pattern(pattern, Some(&args), &mut errors)
                .into_owned(),
        )
    }

    /// Whether the catalogue has `key`.
    pub fn has(&self, key: &str) -> bool {
        self.bundle.has_message(key) || self.base.is_some_and(|base| base.has(key))
    }

    /// Why a rule said no.
    pub fn refusal(&self, refusal: &Refusal) -> String {
        self.filled(&format!("refusal-{}", refusal.rule), &refusal.args)
    }

    /// What is wrong with an input and what would be accepted.
    pub fn problem(&self, error: &FieldError) -> String {
        self.filled(&format!("field-{}", error.problem), &error.args)
    }

    /// A length of time with its units: `45 s`, `8 min 20 s`, `23 min`, `2 h 10 min`, `50 h`. Never days: a day is 24 hours to
    /// one reader and a working day to another. Negative lengths are shown as their size. `static/clock.js` takes the same steps.
    pub fn span(&self, secs: i64) -> String {
        let secs = secs.saturating_abs();
        let (mins, hours) = (secs / 60, secs / 3_600);
        match secs {
            0..60 => self.one(secs, "unit-second"),
            60..600 => self.two(mins, "unit-minute", secs % 60, "unit-second"),
            600..3_600 => self.one(mins, "unit-minute"),
            _ => self.two(hours, "unit-hour", mins % 60, "unit-minute"),
        }
    }

    /// A length of time to the microsecond, for sums that have to add up: `2 h 10 min`, `59 min 0.25 s`. Never days.
    pub fn exact(&self, micros: i64) -> String {
        let micros = micros.saturating_abs();
        let (secs, rest) = (micros / 1_000_000, micros % 1_000_000);
        let mut parts = Vec::with_capacity(3);
        if secs >= 3_600 {
            parts.push(self.one(secs / 3_600, "unit-hour"));
        }
        if secs / 60 % 60 > 0 {
            parts.push(self.one(secs / 60 % 60, "unit-minute"));
        }
        if rest > 0 {
            let fraction = format!("{rest:06}");
            let fraction = fraction.trim_end_matches('0');
            parts.push(format!(
                "{}.{fraction} {}",
                secs % 60,
                self.t("unit-second")
            ));
        } else if secs % 60 > 0 || parts.is_empty() {
            parts.push(self.one(secs % 60, "unit-second"));
        }
        parts.join(" ")
    }

    /// As [`Words::exact`], to the second: for tables that people read.
    pub fn length(&self, micros: i64) -> String {
        self.exact(micros - micros % 1_000_000)
    }

    /// How long ago something was, roughly: as [`Words::span`] below a day, then `3 d 4 h`, `20 d`.
    pub fn age(&self, secs: i64) -> String {
        let secs = secs.saturating_abs();
        let (hours, days) = (secs / 3_600, secs / 86_400);
        match secs {
            0..86_400 => self.span(secs),
            86_400..1_209_600 => self.two(days, "unit-day", hours % 24, "unit-hour"),
            _ => self.one(days, "unit-day"),
        }
    }

    fn one(&self, n: i64, unit: &str) -> String {
        format!("{n} {}", self.t(unit))
    }

    fn two(&self, a: i64, big: &str, b: i64, small: &str) -> String {
        if b == 0 {
            self.one(a, big)
        } else {
            format!("{} {}", self.one(a, big), self.one(b, small))
        }
    }

    /// How late something is, to the minute once it is late by one: `45 s over`, `12 min over`.
    pub fn over(&self, secs: i64) -> String {
        let secs = secs.saturating_abs();
        let rough = if secs < 60 { secs } else { secs - secs % 60 };
        self.with("clock-over", &[("span", self.span(rough).into())])
            .into_owned()
    }

    fn filled(&self, key: &str, args: &[(&'static str, Cow<'static, str>)]) -> String {
        let values: Vec<(&str, Value<'_>)> = args
            .iter()
            .map(|(name, text)| (*name, as_value(text)))
            .collect();
        self.with(key, &values).into_owned()
    }
}

/// Plain whole numbers become numbers, so that they choose plural forms; `INC-12` and `007` stay texts.
fn as_value(text: &str) -> Value<'_> {
    let plain = text.len() <= 15
        && (text == "0" || !text.starts_with('0'))
        && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse::<i64>() {
        Ok(number) if plain => Value::from(number),
        _ => Value::from(text),
    }
}

fn files<F: RustEmbed>() -> impl Iterator<Item = (String, String)> {
    F::iter().filter_map(|name| {
        let file = F::get(&name)?;
        Some((
            name.into_owned(),
            String::from_utf8_lossy(&file.data).into_owned(),
        ))
    })
}

/// The keys that a file defines: what stands at the start of a line before an equals sign.
fn keys_of(source: &str) -> impl Iterator<Item = &str> {
    source
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_alphabetic()))
        .filter_map(|line| line.split_once('='))
        .map(|(key, _)| key.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> (Words, Vec<String>) {
        Words::from_files(std::iter::once(("test.ftl".to_owned(), text.to_owned())))
    }

    #[test]
    fn the_english_catalogue_parses_and_defines_no_key_twice() {
        let (words, problems) = Words::from_files(files::<EnglishFiles>());
        assert!(problems.is_empty(), "{}", problems.join("\n"));
        assert!(words.has("unit-minute"));
    }

    #[test]
    fn another_language_says_what_english_says_with_the_same_places() {
        let (german, problems) = Words::from_files(files::<GermanFiles>());
        assert!(problems.is_empty(), "{}", problems.join("\n"));
        let places = |text: &str| {
            let mut places: Vec<String> = text
                .split("{ $")
                .skip(1)
                .filter_map(|rest| Some(rest.split_once([' ', '}'])?.0.to_owned()))
                .collect();
            places.sort();
            places
        };
        let entries = |files: Vec<(String, String)>| -> HashMap<String, String> {
            let mut all: HashMap<String, String> = HashMap::new();
            let mut last = String::new();
            for line in files.iter().flat_map(|(_, text)| text.lines()) {
                match line.split_once('=') {
                    Some((key, text)) if line.starts_with(|c: char| c.is_ascii_alphabetic()) => {
                        last = key.trim_end().to_owned();
                        all.insert(last.clone(), text.to_owned());
                    }
                    _ if line.starts_with(' ') => {
                        all.entry(last.clone()).or_default().push_str(line)
                    }
                    _ => {}
                }
            }
            all
        };
        let english = entries(files::<EnglishFiles>().collect());
        let own = entries(files::<GermanFiles>().collect());
        assert!(own.len() > 30);
        for (key, text) in own {
            let known = english.get(&key);
            assert!(known.is_some(), "English has no {key}");
            assert_eq!(places(&text), places(known.unwrap()), "{key}");
            assert!(german.has(&key), "{key}");
        }
        let words = Words::in_language("de-AT");
        assert_eq!(words.t("letter-received-subject"), "Ihre Nachricht ist da");
        assert_eq!(words.t("unit-minute"), Words::english().t("unit-minute"));
        assert!(words.has("unit-minute") && !words.has("no-such-key"));
    }

    #[test]
    fn a_key_defined_twice_is_named_and_the_first_holds() {
        let (words, problems) = words("a = one\na = two\n");
        assert!(problems[0].contains("test.ftl"), "{problems:?}");
        assert_eq!(words.t("a"), "one");
    }

    #[test]
    fn places_are_filled_without_isolation_marks_and_plurals_follow_numbers() {
        let (words, _) = words(
            "n = { $n ->\n    [one] one ticket\n   *[other] { $n } tickets\n }\nhello = For { $who }\n",
        );
        assert_eq!(words.with("n", &[("n", 1.into())]), "one ticket");
        assert_eq!(words.with("n", &[("n", 1234.into())]), "1234 tickets");
        assert_eq!(words.with("hello", &[("who", "Ada".into())]), "For Ada");
        assert_eq!(words.t("missing-key"), "missing-key");
        let refusal = Refusal::new("x").with("n", "2");
        assert_eq!(words.refusal(&refusal), "refusal-x");
    }

    #[test]
    fn t58_spans_carry_units_and_never_days() {
        let words = Words::english();
        for (secs, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (500, "8 min 20 s"),
            (600, "10 min"),
            (3_599, "59 min"),
            (3_600, "1 h"),
            (7_800, "2 h 10 min"),
            (86_400, "24 h"),
            (50 * 3_600, "50 h"),
            (432_000, "120 h"),
        ] {
            assert_eq!(words.span(secs), text);
        }
        for (secs, text) in [
            (7_800, "2 h 10 min"),
            (86_400, "1 d"),
            (273_600, "3 d 4 h"),
            (1_728_000, "20 d"),
        ] {
            assert_eq!(words.age(secs), text);
        }
        for (micros, text) in [
            (0, "0 s"),
            (20_000_000, "20 s"),
            (250_000, "0.25 s"),
            (3_540_000_001, "59 min 0.000001 s"),
            (7_805_000_000, "2 h 10 min 5 s"),
            (432_000_000_000, "120 h"),
        ] {
            assert_eq!(words.exact(micros), text);
        }
        assert_eq!(words.over(-740), "12 min over");
        assert_eq!(words.over(20), "20 s over");
    }
}
