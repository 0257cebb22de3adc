//! Who hears of a clock, step by step: as it nears its deadline, at the breach, and while it stays late (row T6 of the product). A
//! rule for each severity and step, set on the settings page.

use std::fmt;

use super::duration;
use super::refusal::FieldError;
use super::severity::Severity;
use super::sla_agreement::Threshold;
use super::sla_clock::{Clock, ClockState};
use super::timestamp::Timestamp;
use super::word::words;

words! {
    /// When somebody is told.
    pub enum Moment {
        /// A threshold before the deadline was reached.
        Warning = "warning",
        /// The deadline is past and the promise unmet.
        Breach = "breach",
        /// It is unmet still, some time later.
        After = "after",
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
        /// Those of the team who lead, by mail.
        Lead = "lead",
        /// The staff who watch the ticket, by mail.
        Watchers = "watchers",
        /// The team's escalation policy is walked, from its start, unless somebody is being paged already.
        Page = "page",
        /// A warning doesn't wait for its reader's hours.
        AtOnce = "at_once",
    }
}

/// At which step of its moment a rule holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// At the breach; at every warning that has no rule of its own.
    Any,
    /// At this warning.
    At(Threshold),
    /// Once it has been late for so many seconds, waits not counted.
    After { secs: i64 },
}

/// Who is told at one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// `None`: what has no severity, a task, a change, a post-mortem.
    pub severity: Option<Severity>,
    pub step: Step,
    /// In the order of [`Hearer`], each once.
    pub whom: Vec<Hearer>,
}

impl Rule {
    /// `high`, `high@90%`, `other@30min`: what stands before the colon.
    pub fn head(&self) -> String {
        let whose = whose(self.severity);
        match self.step {
            Step::Any => whose.to_owned(),
            Step::At(threshold) => format!("{whose}@{}", tight(&threshold.to_string())),
            Step::After { secs } => format!("{whose}@{}", tight(&duration::typed(secs))),
        }
    }
}

/// The rules of a house for one moment. The text form, which is what is stored and typed, is
/// `disaster:owner,team,page high:owner high@90%:team …`; what has no severity goes by `other`. After a breach each rule names its
/// step: `disaster@30min:lead,page`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hearers {
    /// By severity, worst first, then by step.
    rules: Vec<Rule>,
}

const OTHER: &str = "other";
/// Steps that one severity may have of a moment: more is a mistake, not an escalation.
const MAX_STEPS: usize = 12;
/// Nobody escalates later than this.
const MAX_AFTER_SECS: i64 = 30 * 86_400;

impl Hearers {
    /// What holds until somebody sets another.
    pub fn usual(moment: Moment) -> Self {
        let of = |severity: Option<Severity>| {
            let is_bad = matches!(severity, Some(Severity::High | Severity::Disaster));
            match (moment, is_bad) {
                (Moment::After, _) => Vec::new(),
                (_, false) => vec![Hearer::Owner],
                (Moment::Warning, true) => vec![Hearer::Owner, Hearer::AtOnce],
                (Moment::Breach, true) => vec![Hearer::Owner, Hearer::Team, Hearer::Page],
            }
        };
        let rules = severities().map(|severity| Rule {
            severity,
            step: Step::Any,
            whom: of(severity),
        });
        Self {
            rules: rules.filter(|_| moment != Moment::After).collect(),
        }
    }

    /// Each rule, by severity and step.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Who hears of a clock on a ticket of this severity. Nobody: the clock is on its page and in the queue, and that is all.
    pub fn of(&self, severity: Option<Severity>) -> &[Hearer] {
        self.find(severity, Step::Any).unwrap_or(&[])
    }

    /// Who hears of this warning: by its own rule, else by that for every one.
    pub fn at(&self, severity: Option<Severity>, threshold: Threshold) -> &[Hearer] {
        self.find(severity, Step::At(threshold))
            .unwrap_or_else(|| self.of(severity))
    }

    fn find(&self, severity: Option<Severity>, step: Step) -> Option<&[Hearer]> {
        let rule = self
            .rules
            .iter()
            .find(|rule| rule.severity == severity && rule.step == step);
        rule.map(|rule| rule.whom.as_slice())
    }

    /// When somebody is told of a clock on a ticket of this severity that stays late, ascending: seconds, and whom.
    pub fn after(&self, severity: Option<Severity>) -> impl Iterator<Item = (i64, &[Hearer])> {
        self.rules.iter().filter_map(move |rule| match rule.step {
            Step::After { secs } if rule.severity == severity => Some((secs, &*rule.whom)),
            _ => None,
        })
    }

    /// Whether some rule names them.
    pub fn name(&self, hearer: Hearer) -> bool {
        self.rules.iter().any(|rule| rule.whom.contains(&hearer))
    }

    /// Reads the text form. Each step of a severity at most once; one that isn't named tells nobody.
    pub fn parse(field: &'static str, moment: Moment, text: &str) -> Result<Self, FieldError> {
        let wrong =
            |rule: &str, problem| FieldError::new(field, problem).with("value", rule.to_owned());
        let mut rules: Vec<Rule> = Vec::new();
        for rule in text.split_whitespace() {
            let no_rule = || wrong(rule, "not-a-clock-rule");
            let (head, whom) = rule.split_once(':').ok_or_else(no_rule)?;
            let (whose, at) = match head.split_once('@') {
                Some((whose, at)) => (whose, Some(at)),
                None => (head, None),
            };
            let severity = match whose {
                OTHER => None,
                word => Some(word.parse::<Severity>().map_err(|()| no_rule())?),
            };
            let step = match (moment, at) {
                (Moment::Warning | Moment::Breach, None) => Step::Any,
                (Moment::Warning, Some(at)) => {
                    let no_threshold = || wrong(at, "not-a-threshold");
                    Step::At(Threshold::parse(at).ok_or_else(no_threshold)?)
                }
                (Moment::After, Some(at)) => {
                    let secs = duration::parse_secs(at);
                    let secs = secs.filter(|secs| (1..=MAX_AFTER_SECS).contains(secs));
                    Step::After {
                        secs: secs.ok_or_else(|| wrong(at, "not-a-step"))?,
                    }
                }
                (Moment::Breach, Some(_)) | (Moment::After, None) => return Err(no_rule()),
            };
            let mut whom = whom
                .split(',')
                .filter(|word| !word.is_empty())
                .map(|word| word.parse().map_err(|()| no_rule()))
                .collect::<Result<Vec<Hearer>, _>>()?;
            whom.sort_unstable();
            whom.dedup();
            let mut of_severity = rules.iter().filter(|rule| rule.severity == severity);
            if of_severity.clone().any(|rule| rule.step == step) {
                return Err(wrong(head, "clock-step-twice"));
            }
            if of_severity.by_ref().count() >= MAX_STEPS {
                return Err(no_rule());
            }
            rules.push(Rule {
                severity,
                step,
                whom,
            });
        }
        if moment != Moment::After {
            for severity in severities() {
                let is_named = |rule: &Rule| rule.severity == severity && rule.step == Step::Any;
                if !rules.iter().any(is_named) {
                    rules.push(Rule {
                        severity,
                        step: Step::Any,
                        whom: Vec::new(),
                    });
                }
            }
        }
        let place = |of: Option<Severity>| severities().position(|severity| severity == of);
        rules.sort_by_key(|rule| (place(rule.severity), rule.step));
        Ok(Self { rules })
    }
}

impl fmt::Display for Hearers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, rule) in self.rules.iter().enumerate() {
            let whom: Vec<&str> = rule.whom.iter().map(|hearer| hearer.as_str()).collect();
            let gap = if place == 0 { "" } else { " " };
            write!(f, "{gap}{}:{}", rule.head(), whom.join(","))?;
        }
        Ok(())
    }
}

/// Rules are told apart by spaces: none within one.
fn tight(text: &str) -> String {
    text.split_whitespace().collect()
}

/// When a clock will have been late for `secs`, waits not counted; `None` if it isn't late, or waits without an end.
pub fn late_for(clock: &Clock, secs: i64) -> Option<Timestamp> {
    let since = clock.breached_at?;
    let mut at = since.plus_secs(secs);
    for held in clock.held() {
        let from = held.from.max(since);
        if held.to > since && from < at {
            if held.to >= Timestamp::NEVER {
                return None;
            }
            at = at.plus_micros(held.to.micros_since(from));
        }
    }
    Some(at)
}

/// The steps of a late clock that nobody has dealt with, ascending: in seconds, when, and whom they tell.
pub fn steps_ahead<'a>(
    clock: &'a Clock,
    after: &'a Hearers,
    severity: Option<Severity>,
    told_until: Timestamp,
) -> impl Iterator<Item = (i64, Timestamp, &'a [Hearer])> {
    let is_open = clock.state.is_open();
    after
        .after(severity)
        .filter(move |_| is_open)
        .filter_map(move |(secs, whom)| Some((secs, late_for(clock, secs)?, whom)))
        .filter(move |(_, at, _)| *at > told_until)
}

/// As [`Clock::next_wake`], and when the next step of a clock falls due whose breach is `recorded`.
pub fn next_wake(
    clock: &Clock,
    after: &Hearers,
    severity: Option<Severity>,
    now: Timestamp,
    told_until: Timestamp,
    recorded: bool,
) -> Option<Timestamp> {
    let own = clock.next_wake(now, told_until, recorded);
    // While it waits its end wakes it; what it then is late by is reckoned anew.
    let counts = recorded && clock.state != ClockState::Held;
    let mut ahead = steps_ahead(clock, after, severity, told_until);
    let step = ahead.next().map(|(_, at, _)| at);
    own.into_iter().chain(step.filter(|_| counts)).min()
}

/// Worst first, and what has none last: the order of forms.
pub fn severities() -> impl Iterator<Item = Option<Severity>> {
    Severity::ALL.iter().copied().map(Some).chain([None])
}

/// The word under which a severity's rule stands.
pub fn whose(severity: Option<Severity>) -> &'static str {
    severity.map_or(OTHER, Severity::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_survive_their_text() {
        for moment in Moment::ALL {
            let usual = Hearers::usual(*moment);
            let read = Hearers::parse("f", *moment, &usual.to_string());
            assert_eq!(read, Ok(usual));
            let none = Hearers::parse("f", *moment, "").unwrap();
            assert!(severities().all(|severity| none.of(severity).is_empty()));
        }
        for (moment, text) in [
            (
                Moment::Warning,
                "disaster: high:owner high@75%:on_duty high@90%:lead,page high@30min:watchers average: warning: information: other:",
            ),
            (
                Moment::After,
                "high@30min:lead high@2h:team,page other@45s:owner",
            ),
        ] {
            let rules = Hearers::parse("f", moment, text).unwrap();
            assert_eq!(rules.to_string(), text);
        }
    }

    #[test]
    fn a_breach_of_something_bad_pages_and_one_of_a_task_writes_to_its_owner() {
        let breach = Hearers::usual(Moment::Breach);
        assert!(breach.of(Some(Severity::Disaster)).contains(&Hearer::Page));
        assert!(!breach.of(Some(Severity::Average)).contains(&Hearer::Page));
        assert_eq!(breach.of(None), [Hearer::Owner]);
        assert_eq!(Hearers::usual(Moment::After).rules(), []);
    }

    #[test]
    fn a_warning_goes_by_its_own_rule_and_else_by_that_for_every_one() {
        let rules = Hearers::parse("f", Moment::Warning, "high:owner high@90%:page").unwrap();
        let high = Some(Severity::High);
        assert_eq!(rules.at(high, Threshold::Percent(90)), [Hearer::Page]);
        assert_eq!(rules.at(high, Threshold::Percent(75)), [Hearer::Owner]);
        assert_eq!(rules.at(None, Threshold::Percent(90)), []);
    }

    #[test]
    fn steps_after_a_breach_come_in_their_order() {
        let rules = Hearers::parse("f", Moment::After, "high@2h:team high@30:lead").unwrap();
        let steps: Vec<_> = rules.after(Some(Severity::High)).collect();
        assert_eq!(
            steps,
            [(1800, &[Hearer::Lead][..]), (7200, &[Hearer::Team][..])]
        );
        assert_eq!(rules.after(None).count(), 0);
    }

    #[test]
    fn what_is_no_rule_is_named() {
        for (moment, text, problem) in [
            (Moment::Breach, "high", "not-a-clock-rule"),
            (Moment::Breach, "severe:owner", "not-a-clock-rule"),
            (Moment::Breach, "high:everybody", "not-a-clock-rule"),
            (Moment::Breach, "high:owner high:team", "clock-step-twice"),
            (Moment::Breach, "high@5min:owner", "not-a-clock-rule"),
            (Moment::Warning, "high@soon:owner", "not-a-threshold"),
            (Moment::Warning, "high@100%:owner", "not-a-threshold"),
            (Moment::After, "high:owner", "not-a-clock-rule"),
            (Moment::After, "high@0min:owner", "not-a-step"),
            (Moment::After, "high@721h:owner", "not-a-step"),
            (
                Moment::After,
                "high@60min:owner high@1h:team",
                "clock-step-twice",
            ),
        ] {
            let error = Hearers::parse("clock_breach", moment, text).unwrap_err();
            assert_eq!(
                (error.field.as_ref(), error.problem),
                ("clock_breach", problem),
                "{text}"
            );
        }
    }
}
