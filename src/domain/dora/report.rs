//! The figures of a period, and of each of its weeks.

use std::collections::{BTreeMap, HashMap};

use super::super::id::{ServiceId, TicketKey};
use super::super::sla_report::Period;
use super::super::timestamp::Timestamp;
use super::super::week::{Week, weeks};
use super::super::worktime::Interval;
use super::{Figures, Judged};

/// What is known of a period.
#[derive(Debug, Clone)]
pub struct Report {
    pub period: Period,
    /// Where customers are.
    pub environment: String,
    /// `None`: of all.
    pub service: Option<(ServiceId, String)>,
    /// The period isn't over: the figures are those of this instant.
    pub as_of: Option<Timestamp>,
    /// What began in the period, by its begin.
    pub judged: Vec<Judged>,
    pub services: HashMap<ServiceId, String>,
    /// Titles of the incidents that anything is said of.
    pub incidents: BTreeMap<TicketKey, String>,
}

impl Report {
    /// The period as far as it isn't still to come.
    pub fn span(&self) -> Interval {
        let whole = self.period.interval();
        Interval::new(whole.from, self.as_of.unwrap_or(whole.to))
    }

    pub fn total(&self) -> Figures {
        Figures::of(self.judged.iter(), self.span())
    }

    pub fn weeks(&self) -> Vec<(Week, Figures)> {
        let weeks = weeks(&self.period, self.span().to);
        let of = |week: Week| (week, Figures::of(self.within(week.span), week.span));
        weeks.into_iter().map(of).collect()
    }

    /// What began in a span of the period.
    pub fn within(&self, span: Interval) -> impl Iterator<Item = &Judged> {
        self.judged
            .iter()
            .filter(move |it| span.contains(it.it.started_at))
    }

    pub fn service_of(&self, it: &Judged) -> &str {
        self.services
            .get(&it.it.lane.service)
            .map_or("", String::as_str)
    }
}
