//! Every agreement and calendar of the house as one value, so that opening a ticket asks the database for none of them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono_tz::Tz;

use super::calendar::Calendar;
use super::id::{CalendarId, CustomerId, Id, Kind, ServiceId, TargetId};
use super::severity::Severity;
use super::sla_agreement::{Agreement, Target, USUAL_BACKDATE_DAYS};
use super::sla_clock::Terms;
use super::worktime::Hours;

/// A calendar as the book knows it.
#[derive(Debug, Clone)]
pub struct KnownCalendar {
    pub id: CalendarId,
    pub name: String,
    pub is_active: bool,
    pub version: i64,
    /// All versions, by the instants from which they hold.
    pub hours: Arc<Hours>,
    /// The newest version.
    pub latest: Arc<Calendar>,
}

/// The agreements and calendars of one version of the book; it rises with every edit.
#[derive(Debug)]
pub struct Book {
    pub version: i64,
    /// In the order of their making.
    pub calendars: Vec<KnownCalendar>,
    /// Those that hold, in the order in which they are asked.
    agreements: Vec<Agreement>,
    /// Every target there ever was: open clocks keep theirs.
    targets: HashMap<TargetId, Arc<Target>>,
    /// Those of agreements that hold no more: nothing runs under them.
    ended: HashSet<TargetId>,
    by_hand: (CalendarId, Arc<Hours>),
    asks_for_services: bool,
}

impl Book {
    /// `targets` are all there ever were; `agreements` those that hold now.
    pub fn new(
        version: i64,
        calendars: Vec<KnownCalendar>,
        agreements: Vec<Agreement>,
        targets: HashMap<TargetId, Arc<Target>>,
    ) -> Self {
        let asks_for_services = agreements
            .iter()
            .flat_map(|agreement| &agreement.targets)
            .any(|target| target.service.is_some());
        // A date that a person named is counted round the clock; its calendar isn't any of the house's.
        let by_hand = (
            Id::from_uuid(uuid::Uuid::nil()),
            Arc::new(Hours::of(Arc::new(Calendar::always(Tz::UTC)))),
        );
        Self {
            version,
            calendars,
            agreements,
            targets,
            ended: HashSet::new(),
            by_hand,
            asks_for_services,
        }
    }

    /// The targets of agreements that were retired.
    pub fn with_ended(mut self, ended: HashSet<TargetId>) -> Self {
        self.ended = ended;
        self
    }

    /// The agreement of this target was retired.
    pub fn has_ended(&self, id: TargetId) -> bool {
        self.ended.contains(&id)
    }

    pub fn by_hand(&self) -> (CalendarId, Arc<Hours>) {
        self.by_hand.clone()
    }

    /// Some target is for certain services only: a ticket's services matter.
    pub fn asks_for_services(&self) -> bool {
        self.asks_for_services
    }

    pub fn calendar(&self, id: CalendarId) -> Option<&KnownCalendar> {
        self.calendars.iter().find(|known| known.id == id)
    }

    pub fn agreements(&self) -> &[Agreement] {
        &self.agreements
    }

    /// A target with its hours, also of an agreement that holds no more.
    pub fn terms(&self, id: TargetId) -> Option<Terms> {
        self.with_hours(self.targets.get(&id)?)
    }

    fn with_hours(&self, target: &Arc<Target>) -> Option<Terms> {
        let hours = self.calendar(target.calendar)?.hours.clone();
        Some(Terms {
            target: target.clone(),
            hours,
        })
    }

    /// The agreement that holds for such a ticket of `customer`: the first of theirs that promises anything for it, else the
    /// house's.
    pub fn agreement_for(
        &self,
        customer: Option<CustomerId>,
        kind: Kind,
        severity: Option<Severity>,
        services: &[ServiceId],
    ) -> Option<&Agreement> {
        self.fitting(customer, kind, severity, services)
            .first()
            .copied()
    }

    /// As [`Book::agreement_for`] of the customer's own agreements alone; `None` means the house's.
    pub fn agreement_of(
        &self,
        customer: Option<CustomerId>,
        kind: Kind,
        severity: Option<Severity>,
        services: &[ServiceId],
    ) -> Option<&Agreement> {
        self.fitting(customer, kind, severity, services)
            .into_iter()
            .find(|agreement| agreement.customer == customer)
    }

    /// Every agreement that promises something for such a ticket, in the order in which they are asked: the first is the one that
    /// holds.
    pub fn fitting(
        &self,
        customer: Option<CustomerId>,
        kind: Kind,
        severity: Option<Severity>,
        services: &[ServiceId],
    ) -> Vec<&Agreement> {
        let fits = |agreement: &&Agreement| {
            agreement
                .targets
                .iter()
                .any(|target| target.fits(kind, severity, services))
        };
        let of = |whose: Option<CustomerId>| {
            self.agreements
                .iter()
                .filter(move |agreement| agreement.customer == whose)
                .filter(fits)
        };
        let mut all: Vec<&Agreement> = of(customer).collect();
        if customer.is_some() {
            all.extend(of(None));
        }
        all
    }

    /// What is promised for such a ticket, one target per metric.
    pub fn terms_for(
        &self,
        customer: Option<CustomerId>,
        kind: Kind,
        severity: Option<Severity>,
        services: &[ServiceId],
    ) -> Vec<Terms> {
        let agreement = self.agreement_for(customer, kind, severity, services);
        self.terms_of(agreement, kind, severity, services)
    }

    /// What `agreement` promises for such a ticket.
    pub fn terms_of(
        &self,
        agreement: Option<&Agreement>,
        kind: Kind,
        severity: Option<Severity>,
        services: &[ServiceId],
    ) -> Vec<Terms> {
        let Some(agreement) = agreement else {
            return Vec::new();
        };
        let chosen = agreement.targets_for(kind, severity, services);
        chosen
            .into_iter()
            .filter_map(|target| self.with_hours(target))
            .collect()
    }

    /// How many days before it was logged such a ticket may have begun.
    pub fn backdate_days(
        &self,
        customer: Option<CustomerId>,
        kind: Kind,
        severity: Option<Severity>,
        services: &[ServiceId],
    ) -> i32 {
        self.agreement_for(customer, kind, severity, services)
            .map_or(USUAL_BACKDATE_DAYS, |agreement| agreement.backdate_days)
    }
}
