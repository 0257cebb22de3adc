//! How a rule says no, and how an input is found wrong. Both name a text of the catalogue, never a sentence of their own.

use std::borrow::Cow;
use std::fmt;

/// Named values for a catalogue text.
pub type Args = Vec<(&'static str, Cow<'static, str>)>;

/// A rule said no. `rule` is stable (API clients may match on it) and `refusal-<rule>` is its text in the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub rule: &'static str,
    pub args: Args,
}

impl Refusal {
    pub fn new(rule: &'static str) -> Self {
        Self {
            rule,
            args: Vec::new(),
        }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.args.push((name, value.into()));
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused: {}", self.rule)?;
        for (name, value) in &self.args {
            write!(f, " {name}={value}")?;
        }
        Ok(())
    }
}

/// One input that can't be taken: which field, and `field-<problem>` in the catalogue says what would be accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    pub field: Cow<'static, str>,
    pub problem: &'static str,
    pub args: Args,
}

impl FieldError {
    pub fn new(field: impl Into<Cow<'static, str>>, problem: &'static str) -> Self {
        Self {
            field: field.into(),
            problem,
            args: Vec::new(),
        }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.args.push((name, value.into()));
        self
    }
}
