//! Agreements: what is promised to whom, how long it may take, and in which hours that is counted.
//!
//! An agreement holds for customers, or as the house's for whom no other does, and has targets. A target says for which tickets it
//! holds (kind, severity, service, customer), which metric it promises, the budget, the calendars it is counted in, what it is
//! anchored at, which waits stop it and when to warn. A target never changes once a clock may run under it: a new version of the
//! agreement has new targets, and open clocks keep theirs.

use std::sync::Arc;

use super::id::{AgreementId, CalendarId, CustomerId, Kind, ServiceId, TargetId};
use super::refusal::FieldError;
use super::severity::Severity;
use super::sla_policy::Policy;
use super::ticket::WaitingOn;
use super::timestamp::Timestamp;
use super::word::words;

words! {
    /// What can be promised.
    pub enum Metric {
        /// Somebody has it.
        Own = "own",
        /// A person answers.
        Respond = "respond",
        /// The customer hears how it stands, again and again until it is resolved.
        Update = "update",
        /// Service works again, perhaps by a makeshift.
        Restore = "restore",
        Resolve = "resolve",
        /// We phone back.
        CallBack = "call_back",
        /// A ticket exists for what began earlier.
        Log = "log",
        Report = "report",
        Review = "review",
        Meeting = "meeting",
        /// A task's due date.
        Due = "due",
    }
}

impl Metric {
    /// What an agreement can promise; call-backs, reviews and due dates are promised by hand.
    pub const PROMISED: &[Metric] = &[
        Metric::Own,
        Metric::Respond,
        Metric::Update,
        Metric::Restore,
        Metric::Resolve,
        Metric::Log,
        Metric::Meeting,
        Metric::Report,
    ];
}

/// Most promises in one agreement.
pub const MOST_PROMISES: usize = 60;
/// Latest working day at whose end a promise can be due, after the anchor's.
pub const MAX_BUDGET_DAYS: u16 = 250;

words! {
    /// To whom a target is promised.
    pub enum Promisee { Customer = "customer", Internal = "internal", Vendor = "vendor" }
}

words! {
    /// Which of a ticket's three instants starts its clocks.
    pub enum Anchor {
        /// When the impact began.
        Impact = "impact",
        /// When the customer told us; when it was logged if they didn't.
        Reported = "reported",
        /// When the ticket was opened.
        Logged = "logged",
    }
}

/// How long a promise may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// So many seconds of the calendar's working time.
    Counted { secs: i64 },
    /// The end of the `n`th working day after the anchor's.
    EndOfDay { n: u16 },
    /// A promised instant; no hold moves it.
    Fixed { at: Timestamp },
}

/// When to warn before the deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Threshold {
    /// Once so many percent of the budget are used, 1–99.
    Percent(u8),
    /// So many seconds of working time before the deadline.
    Before { secs: i64 },
}

impl Threshold {
    /// `75%` or `30 min`.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(percent) = text.trim().strip_suffix('%') {
            return percent
                .trim()
                .parse()
                .ok()
                .filter(|p| (1..=99).contains(p))
                .map(Self::Percent);
        }
        super::duration::parse_secs(text)
            .filter(|secs| *secs > 0)
            .map(|secs| Self::Before { secs })
    }
}

impl std::fmt::Display for Threshold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Threshold::Percent(percent) => write!(f, "{percent}%"),
            Threshold::Before { secs } => f.write_str(&super::duration::typed(*secs)),
        }
    }
}

/// One promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// `None` for what a person promised by hand (a call-back, a date): no agreement stands behind it.
    pub id: Option<TargetId>,
    pub metric: Metric,
    pub promisee: Promisee,
    pub kind: Kind,
    /// `None`: any.
    pub severity: Option<Severity>,
    /// `None`: any.
    pub service: Option<ServiceId>,
    /// Of the customers that the agreement holds for; `None`: any.
    pub customer: Option<CustomerId>,
    pub budget: Budget,
    /// Its zone names the dates.
    pub calendar: CalendarId,
    /// Open when one of these is, too: work that follows the sun.
    pub also: Vec<CalendarId>,
    pub anchor: Anchor,
    /// Ascending.
    pub warn: Vec<Threshold>,
    /// Waiting on these stops the clock.
    pub stops_on: Vec<WaitingOn>,
    /// What becomes of the clock when the ticket changes or is opened again.
    pub policy: Policy,
}

impl Target {
    /// The waits that stop a metric unless the agreement says otherwise.
    pub const fn usual_stops(metric: Metric) -> &'static [WaitingOn] {
        match metric {
            Metric::Restore | Metric::Resolve => &[WaitingOn::Customer, WaitingOn::Vendor],
            Metric::Update => &[WaitingOn::Customer],
            Metric::Own
            | Metric::Respond
            | Metric::CallBack
            | Metric::Log
            | Metric::Report
            | Metric::Review
            | Metric::Meeting
            | Metric::Due => &[],
        }
    }

    /// A promise that a person made by hand, due at `at`.
    pub fn promise(
        metric: Metric,
        promisee: Promisee,
        kind: Kind,
        at: Timestamp,
        calendar: CalendarId,
    ) -> Self {
        Self {
            id: None,
            metric,
            promisee,
            kind,
            severity: None,
            service: None,
            customer: None,
            budget: Budget::Fixed { at },
            calendar,
            also: Vec::new(),
            anchor: Anchor::Logged,
            warn: vec![Threshold::Percent(75)],
            stops_on: Vec::new(),
            policy: Policy::default(),
        }
    }

    /// Whether it holds in such a case.
    pub fn fits(&self, case: &Case<'_>) -> bool {
        self.kind == case.kind
            && self
                .severity
                .is_none_or(|wanted| case.severity == Some(wanted))
            && self
                .service
                .is_none_or(|wanted| case.services.contains(&wanted))
            && self
                .customer
                .is_none_or(|wanted| case.customer == Some(wanted))
    }

    /// Whether it holds for the same tickets, and promises the same metric.
    pub fn is_for_the_same(&self, other: &Target) -> bool {
        self.metric == other.metric
            && self.kind == other.kind
            && self.severity == other.severity
            && self.service == other.service
            && self.customer == other.customer
    }

    /// Every calendar that it counts in, the one whose zone names the dates first.
    pub fn calendars(&self) -> impl Iterator<Item = CalendarId> + '_ {
        std::iter::once(self.calendar).chain(self.also.iter().copied())
    }

    /// Whether a clock under `self` would run the same under `other`: a new version of an agreement repeats most of the old one.
    pub fn promises_the_same(&self, other: &Target) -> bool {
        let same_id = Self {
            id: other.id,
            ..self.clone()
        };
        same_id == *other
    }

    const fn specific(&self) -> u8 {
        self.customer.is_some() as u8 * 4
            + self.service.is_some() as u8 * 2
            + self.severity.is_some() as u8
    }
}

/// What an agreement is asked about: one party of one ticket.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// `None`: nobody in particular.
    pub customer: Option<CustomerId>,
    pub kind: Kind,
    pub severity: Option<Severity>,
    pub services: &'a [ServiceId],
}

/// Whom an agreement is with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HoldsFor {
    /// Tickets that no other agreement promises anything for.
    House,
    Customers(Vec<CustomerId>),
}

impl HoldsFor {
    pub fn customers(&self) -> &[CustomerId] {
        match self {
            HoldsFor::House => &[],
            HoldsFor::Customers(customers) => customers,
        }
    }

    pub fn is_house(&self) -> bool {
        matches!(self, HoldsFor::House)
    }
}

/// One version of an agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    pub id: AgreementId,
    pub holds_for: HoldsFor,
    pub name: String,
    /// 1, 2, 3 …
    pub version: i64,
    /// How many days before a ticket was logged its impact may have begun, or been reported, as far as clocks are concerned.
    pub backdate_days: i32,
    pub targets: Vec<Arc<Target>>,
}

/// Unless an agreement says otherwise.
pub const USUAL_BACKDATE_DAYS: i32 = 7;
/// Furthest that an agreement can let its clocks be set back.
pub const MAX_BACKDATE_DAYS: i32 = 366;

impl Agreement {
    /// Whether it promises anything in such a case.
    pub fn fits(&self, case: &Case<'_>) -> bool {
        self.targets.iter().any(|target| target.fits(case))
    }

    /// The targets in such a case: of each metric the most specific, of equals the first.
    pub fn targets_for(&self, case: &Case<'_>) -> Vec<&Arc<Target>> {
        let mut chosen: Vec<&Arc<Target>> = Vec::new();
        for target in self.targets.iter().filter(|target| target.fits(case)) {
            match chosen
                .iter_mut()
                .find(|known| known.metric == target.metric)
            {
                Some(known) if known.specific() < target.specific() => *known = target,
                Some(_) => {}
                None => chosen.push(target),
            }
        }
        chosen
    }
}

/// Longest budget that can be agreed on: the search for a deadline ends five years after the anchor.
pub const MAX_BUDGET_SECS: i64 = 26_280 * 3600;

/// Reads a budget as an agreement's form has it: a length (`4 h`, `30 min`), `end of day`, `end of day 1` (the next working day's end),
/// or a promised instant in RFC 3339 (`2026-12-31T17:00:00+01:00`), which no hold moves.
pub fn parse_budget(field: &'static str, text: &str) -> Result<Budget, FieldError> {
    let wrong = || FieldError::new(field, "not-a-budget").with("value", text.to_owned());
    if let Some(at) = Timestamp::parse_rfc3339(text.trim()) {
        return Ok(Budget::Fixed { at });
    }
    let folded = text.trim().to_ascii_lowercase();
    if let Some(days) = folded.strip_prefix("end of day") {
        let n = match days.trim() {
            "" => 0,
            days => days
                .parse()
                .ok()
                .filter(|n| *n <= MAX_BUDGET_DAYS)
                .ok_or_else(wrong)?,
        };
        return Ok(Budget::EndOfDay { n });
    }
    let secs = super::duration::parse_secs(&folded).ok_or_else(wrong)?;
    if secs > MAX_BUDGET_SECS {
        return Err(wrong());
    }
    Ok(Budget::Counted { secs })
}

/// The form that [`parse_budget`] reads.
pub fn budget_text(budget: Budget) -> String {
    match budget {
        Budget::Counted { secs } => super::duration::typed(secs),
        Budget::EndOfDay { n: 0 } => "end of day".to_owned(),
        Budget::EndOfDay { n } => format!("end of day {n}"),
        Budget::Fixed { at } => at.rfc3339(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::Id;

    fn target(metric: Metric, severity: Option<Severity>, service: Option<ServiceId>) -> Target {
        let now = Timestamp::from_micros(1_790_000_000_000_000);
        let mut target = Target::promise(
            metric,
            Promisee::Customer,
            Kind::Incident,
            now,
            Id::new(now),
        );
        (target.severity, target.service) = (severity, service);
        target
    }

    #[test]
    fn the_most_specific_target_of_a_metric_holds() {
        let now = Timestamp::from_micros(1_790_000_000_000_000);
        let shop = Id::new(now);
        let agreement = Agreement {
            id: Id::new(now),
            holds_for: HoldsFor::House,
            name: "Gold".into(),
            version: 1,
            backdate_days: USUAL_BACKDATE_DAYS,
            targets: vec![
                Arc::new(target(Metric::Respond, None, None)),
                Arc::new(target(Metric::Respond, Some(Severity::High), None)),
                Arc::new(target(Metric::Respond, None, Some(shop))),
                Arc::new(target(Metric::Resolve, Some(Severity::Disaster), None)),
            ],
        };
        let chosen = |severity, services: &[ServiceId]| -> Vec<(Metric, u8)> {
            agreement
                .targets_for(&Case {
                    customer: None,
                    kind: Kind::Incident,
                    severity: Some(severity),
                    services,
                })
                .iter()
                .map(|target| (target.metric, target.specific()))
                .collect()
        };
        assert_eq!(chosen(Severity::Average, &[]), [(Metric::Respond, 0)]);
        assert_eq!(chosen(Severity::High, &[]), [(Metric::Respond, 1)]);
        assert_eq!(chosen(Severity::High, &[shop]), [(Metric::Respond, 2)]);
        let task = Case {
            customer: None,
            kind: Kind::Task,
            severity: None,
            services: &[],
        };
        assert!(agreement.targets_for(&task).is_empty());
    }

    #[test]
    fn budgets_and_thresholds_survive_their_text() {
        for text in [
            "4 h",
            "30 min",
            "2 h 10 min",
            "end of day",
            "end of day 1",
            "2026-12-31T16:00:00Z",
        ] {
            assert_eq!(budget_text(parse_budget("budget", text).unwrap()), text);
        }
        let by_new_year = parse_budget("budget", " 2026-12-31T17:00:00+01:00 ").unwrap();
        assert_eq!(budget_text(by_new_year), "2026-12-31T16:00:00Z");
        for wrong in [
            "",
            "1 day",
            "2026-12-31",
            "2026-02-30T10:00:00Z",
            "end of day -1",
            "tomorrow",
            "99999 h",
        ] {
            assert_eq!(
                parse_budget("budget", wrong).unwrap_err().problem,
                "not-a-budget",
                "{wrong}"
            );
        }
        for text in ["75%", "30 min"] {
            assert_eq!(Threshold::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(
            (Threshold::parse("100%"), Threshold::parse("0")),
            (None, None)
        );
    }
}
