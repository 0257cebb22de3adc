//! Who hears of a clock that nears its deadline, and of one that is past it (row T6 of the product): a rule for each severity,
//! set on the settings page.

use std::fmt;

use super::refusal::FieldError;
use super::severity::Severity;
use super::word::words;

words! {
    /// When somebody is told.
    pub enum Moment {
        /// A threshold before the deadline was reached.
        Warning = "warning",
        /// The deadline is past and the promise unmet.
        Breach = "breach",
    }
}

words! {
    /// Who is told, or how.
    pub enum Hearer {
        /// The owner by mail; the team as long as nobody owns it.
        Owner = "owner",
        /// Everybody on the team by mail.
        Team = "team",
        /// Whoever is on call by mail.
        OnDuty = "on_duty",
        /// The team's escalation policy is walked, from its start, unless somebody is being paged already.
        Page = "page",
        /// A warning doesn't wait for the team's hours.
        AtOnce = "at_once",
    }
}

/// The rules of a house. The text form, which is what is stored and typed, is `disaster:owner,team,page high:owner …`; what has no
/// severity (a task, a change, a post-mortem) goes by `other`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hearers {
    /// Worst first, from 1; 0 is `other`.
    of: [Vec<Hearer>; 6],
}

const OTHER: &str = "other";

impl Hearers {
    /// What holds until somebody sets another.
    pub fn usual(moment: Moment) -> Self {
        let mut usual = Self {
            of: std::array::from_fn(|_| vec![Hearer::Owner]),
        };
        for severity in [Severity::High, Severity::Disaster] {
            usual.of[slot(Some(severity))] = match moment {
                Moment::Warning => vec![Hearer::Owner, Hearer::AtOnce],
                Moment::Breach => vec![Hearer::Owner, Hearer::Team, Hearer::Page],
            };
        }
        usual
    }

    /// Who hears of a clock on a ticket of this severity. Nobody: the clock is on its page and in the queue, and that is all.
    pub fn of(&self, severity: Option<Severity>) -> &[Hearer] {
        &self.of[slot(severity)]
    }

    pub fn set(&mut self, severity: Option<Severity>, mut hearers: Vec<Hearer>) {
        hearers.sort_unstable();
        hearers.dedup();
        self.of[slot(severity)] = hearers;
    }

    /// Reads the text form. Each severity at most once; one that isn't named tells nobody.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, FieldError> {
        let mut hearers = Self {
            of: Default::default(),
        };
        let mut seen = [false; 6];
        for rule in text.split_whitespace() {
            let wrong =
                || FieldError::new(field, "not-a-clock-rule").with("value", rule.to_owned());
            let (whose, whom) = rule.split_once(':').ok_or_else(wrong)?;
            let severity = match whose {
                OTHER => None,
                word => Some(word.parse::<Severity>().map_err(|()| wrong())?),
            };
            if std::mem::replace(&mut seen[slot(severity)], true) {
                return Err(wrong());
            }
            let whom = whom
                .split(',')
                .filter(|word| !word.is_empty())
                .map(|word| word.parse().map_err(|()| wrong()))
                .collect::<Result<Vec<Hearer>, _>>()?;
            hearers.set(severity, whom);
        }
        Ok(hearers)
    }
}

impl fmt::Display for Hearers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for severity in severities() {
            let whom: Vec<&str> = self
                .of(severity)
                .iter()
                .map(|hearer| hearer.as_str())
                .collect();
            let whose = whose(severity);
            let gap = if severity == Some(Severity::Disaster) {
                ""
            } else {
                " "
            };
            write!(f, "{gap}{whose}:{}", whom.join(","))?;
        }
        Ok(())
    }
}

/// Worst first, and what has none last: the order of forms.
pub fn severities() -> impl Iterator<Item = Option<Severity>> {
    Severity::ALL.iter().copied().map(Some).chain([None])
}

/// The word under which a severity's rule stands.
pub fn whose(severity: Option<Severity>) -> &'static str {
    severity.map_or(OTHER, Severity::as_str)
}

fn slot(severity: Option<Severity>) -> usize {
    severity.map_or(0, |severity| severity as usize + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_survive_their_text() {
        for moment in Moment::ALL {
            let usual = Hearers::usual(*moment);
            assert_eq!(Hearers::parse("f", &usual.to_string()), Ok(usual));
        }
        let none = Hearers::parse("f", "").unwrap();
        assert!(severities().all(|severity| none.of(severity).is_empty()));
    }

    #[test]
    fn a_breach_of_something_bad_pages_and_one_of_a_task_writes_to_its_owner() {
        let breach = Hearers::usual(Moment::Breach);
        assert!(breach.of(Some(Severity::Disaster)).contains(&Hearer::Page));
        assert!(!breach.of(Some(Severity::Average)).contains(&Hearer::Page));
        assert_eq!(breach.of(None), [Hearer::Owner]);
    }

    #[test]
    fn what_is_no_rule_is_named() {
        for wrong in [
            "high",
            "severe:owner",
            "high:everybody",
            "high:owner high:team",
        ] {
            let error = Hearers::parse("clock_breach", wrong).unwrap_err();
            assert_eq!(
                (error.field.as_ref(), error.problem),
                ("clock_breach", "not-a-clock-rule")
            );
        }
    }
}
