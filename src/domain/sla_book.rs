//! Every agreement and calendar of the house as one value, so that opening a ticket asks the database for none of them.

use std::collections::HashMap;
use std::sync::Arc;

use chrono_tz::Tz;

use super::calendar::Calendar;
use super::id::{AgreementId, CalendarId, CustomerId, Id, TargetId};
use super::sla_agreement::{Agreement, Case, HoldsFor, Target, USUAL_BACKDATE_DAYS};
use super::sla_clock::Terms;
use super::sla_version::{self, Layer};
use super::timestamp::Timestamp;
use super::worktime::{Hours, Interval};

/// The tz data that this program counts by.
pub const TZDB: &str = chrono_tz::IANA_TZDB_VERSION;

/// One version of a calendar.
#[derive(Debug, Clone, PartialEq)]
pub struct CalendarVersion {
    pub name: String,
    /// With the days of its holiday sets.
    pub calendar: Arc<Calendar>,
    /// As it was written: what differs from the week besides the days of holiday sets.
    pub own: Arc<Calendar>,
    /// Codes of the holiday sets whose days it has.
    pub holidays: Vec<String>,
    /// The data that these days came from.
    pub holiday_data: String,
    /// The tz data in force when it was written.
    pub tzdb: String,
}

/// A calendar as the book knows it.
#[derive(Debug, Clone)]
pub struct KnownCalendar {
    pub id: CalendarId,
    pub name: String,
    pub is_active: bool,
    /// The number of the version written last.
    pub version: i64,
    /// All versions, by the instants from which they hold.
    pub hours: Arc<Hours>,
    /// The version written last.
    pub latest: Arc<Calendar>,
    /// In the order of their writing.
    pub layers: Vec<(Layer, CalendarVersion)>,
}

impl KnownCalendar {
    /// Expects at least one layer.
    pub fn new(
        id: CalendarId,
        name: String,
        is_active: bool,
        layers: Vec<(Layer, CalendarVersion)>,
    ) -> Option<Self> {
        let (newest, written) = layers.last()?;
        Some(Self {
            id,
            name,
            is_active,
            version: newest.number,
            latest: written.calendar.clone(),
            hours: Arc::new(hours_known(&layers, i64::MAX)),
            layers,
        })
    }

    /// The version that holds at `at`.
    pub fn at(&self, at: Timestamp) -> Option<&(Layer, CalendarVersion)> {
        sla_version::at(&self.layers, at)
    }

    /// Raised by the last change of it.
    pub fn edition(&self) -> i64 {
        let editions = self.layers.iter().map(|(layer, _)| layer.edition);
        editions.max().unwrap_or_default()
    }

    /// Whether a correction was written after `edition`.
    fn is_corrected_after(&self, edition: i64) -> bool {
        self.layers
            .iter()
            .any(|(layer, _)| layer.is_correction && layer.edition > edition)
    }
}

/// The hours of all versions, as whoever knows the corrections up to `edition` counts them.
fn hours_known(layers: &[(Layer, CalendarVersion)], edition: i64) -> Hours {
    let pieces = sla_version::flattened(layers, edition);
    Hours::versions(
        pieces
            .into_iter()
            .map(|(from, version)| (from, version.calendar.clone()))
            .collect(),
    )
}

/// An agreement as the book knows it.
#[derive(Debug, Clone)]
pub struct KnownAgreement {
    pub id: AgreementId,
    /// Of several that hold for a customer, the one that comes first is asked first.
    pub place: i32,
    /// In the order of their writing.
    pub layers: Vec<(Layer, AgreementVersion)>,
    /// From when on which of them holds.
    over_time: Vec<(Timestamp, AgreementVersion)>,
}

#[derive(Debug, Clone)]
pub struct AgreementVersion {
    /// It ended: nothing is promised under it any more.
    pub is_active: bool,
    pub agreement: Arc<Agreement>,
}

impl KnownAgreement {
    pub fn new(id: AgreementId, place: i32, layers: Vec<(Layer, AgreementVersion)>) -> Self {
        let over_time = sla_version::flattened(&layers, i64::MAX)
            .into_iter()
            .map(|(from, version)| (from, version.clone()))
            .collect();
        Self {
            id,
            place,
            layers,
            over_time,
        }
    }

    /// The version that holds at `at`, if it promises anything then.
    pub fn at(&self, at: Timestamp) -> Option<&Arc<Agreement>> {
        let index = self.over_time.partition_point(|(from, _)| *from <= at);
        let (_, version) = self.over_time.get(index.checked_sub(1)?)?;
        version.is_active.then_some(&version.agreement)
    }

    /// The versions that promise something at some time of `period`, in the order in which they held.
    pub fn within(&self, period: Interval) -> impl Iterator<Item = &Arc<Agreement>> {
        let ends = self.over_time.iter().skip(1).map(|(from, _)| *from);
        let ends = ends.chain([Timestamp::NEVER]);
        let held = self.over_time.iter().zip(ends);
        held.filter(move |((from, version), until)| {
            version.is_active && *from < period.to && *until > period.from
        })
        .map(|((_, version), _)| &version.agreement)
    }

    /// The version that is in force at `at`; else, if none is yet, the one that will be first.
    pub fn in_force(&self, at: Timestamp) -> Option<&Arc<Agreement>> {
        let planned = || {
            let mut later = self.over_time.iter().filter(|(from, _)| *from > at);
            later.find(|(_, version)| version.is_active)
        };
        let ended = sla_version::at(&self.layers, at).is_some();
        match self.at(at) {
            Some(agreement) => Some(agreement),
            None if ended => None,
            None => planned().map(|(_, version)| &version.agreement),
        }
    }

    /// It ended, or holds for this customer no more, since an edit and not a correction said so.
    fn has_ended_for(&self, customer: Option<CustomerId>, at: Timestamp) -> bool {
        let Some((layer, version)) = sla_version::at(&self.layers, at) else {
            return false;
        };
        let is_theirs = match &version.agreement.holds_for {
            HoldsFor::House => true,
            HoldsFor::Customers(all) => customer.is_some_and(|it| all.contains(&it)),
        };
        !(layer.is_correction || version.is_active && is_theirs)
    }

    /// The version written last.
    pub fn newest(&self) -> Option<&(Layer, AgreementVersion)> {
        self.layers.last()
    }
}

/// The agreements and calendars of one version of the book; it rises with every edit.
#[derive(Debug)]
pub struct Book {
    pub version: i64,
    /// Rises with every change that can move the deadline of a clock that runs.
    pub edition: i64,
    /// In the order of their making.
    pub calendars: Vec<KnownCalendar>,
    /// All there ever were, in the order in which they are asked.
    known: Vec<KnownAgreement>,
    /// Those that weren't ended, as they were written last.
    agreements: Vec<Agreement>,
    /// Every target there ever was: open clocks keep theirs.
    targets: HashMap<TargetId, (Arc<Target>, AgreementId, i64)>,
    /// The hours of targets that count in several calendars.
    together: HashMap<TargetId, Arc<Hours>>,
    by_hand: (CalendarId, Arc<Hours>),
    asks_for_services: bool,
}

impl Book {
    /// `known` are all agreements there ever were, with all their versions.
    pub fn new(
        version: i64,
        edition: i64,
        calendars: Vec<KnownCalendar>,
        mut known: Vec<KnownAgreement>,
    ) -> Self {
        known.sort_by_key(|agreement| (agreement.place, agreement.id));
        let mut targets = HashMap::new();
        let mut agreements = Vec::new();
        let mut asks_for_services = false;
        for agreement in &known {
            for (_, version) in &agreement.layers {
                for target in &version.agreement.targets {
                    asks_for_services |= target.service.is_some();
                    if let Some(id) = target.id {
                        let number = version.agreement.version;
                        targets.insert(id, (target.clone(), agreement.id, number));
                    }
                }
            }
            if let Some((_, newest)) = agreement.newest()
                && newest.is_active
            {
                agreements.push((*newest.agreement).clone());
            }
        }
        // A date that a person named is counted round the clock; its calendar isn't any of the house's.
        let by_hand = (
            Id::from_uuid(uuid::Uuid::nil()),
            Arc::new(Hours::of(Arc::new(Calendar::always(Tz::UTC)))),
        );
        let mut book = Self {
            version,
            edition,
            calendars,
            known,
            agreements,
            targets,
            together: HashMap::new(),
            by_hand,
            asks_for_services,
        };
        let several: Vec<(TargetId, Arc<Hours>)> = book
            .targets
            .iter()
            .filter(|(_, (target, _, _))| !target.also.is_empty())
            .filter_map(|(id, (target, _, _))| Some((*id, book.united(target, i64::MAX)?)))
            .collect();
        book.together.extend(several);
        book
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

    /// Those that weren't ended, as they were written last: what is planned for later, if anything is.
    pub fn agreements(&self) -> &[Agreement] {
        &self.agreements
    }

    /// All there ever were, in the order in which they are asked.
    pub fn known_agreements(&self) -> &[KnownAgreement] {
        &self.known
    }

    pub fn agreement(&self, id: AgreementId) -> Option<&KnownAgreement> {
        self.known.iter().find(|known| known.id == id)
    }

    /// The agreement and the number of its version that a target belongs to.
    pub fn source(&self, id: TargetId) -> Option<(AgreementId, i64)> {
        let (_, agreement, number) = self.targets.get(&id)?;
        Some((*agreement, *number))
    }

    pub fn target(&self, id: TargetId) -> Option<&Arc<Target>> {
        self.targets.get(&id).map(|(target, _, _)| target)
    }

    /// Every target of all versions of an agreement.
    pub fn targets_of(&self, agreement: AgreementId) -> Vec<TargetId> {
        let found = self.targets.iter();
        found
            .filter(|(_, (_, of, _))| *of == agreement)
            .map(|(id, _)| *id)
            .collect()
    }

    /// Every target there ever was that `wanted` says yes to.
    pub fn targets_that(&self, wanted: impl Fn(&Target) -> bool) -> Vec<TargetId> {
        let found = self.targets.iter();
        found
            .filter(|(_, (target, _, _))| wanted(target))
            .map(|(id, _)| *id)
            .collect()
    }

    /// A target with its hours, also of an agreement that holds no more.
    pub fn terms(&self, id: TargetId) -> Option<Terms> {
        self.with_hours(self.target(id)?)
    }

    fn with_hours(&self, target: &Arc<Target>) -> Option<Terms> {
        let together = target.id.and_then(|id| self.together.get(&id));
        let hours = match together {
            Some(hours) => hours.clone(),
            None => self.united(target, i64::MAX)?,
        };
        Some(Terms {
            target: target.clone(),
            hours,
        })
    }

    /// The hours that a target counts in, as they are known now; it needn't be written yet.
    pub fn hours_of(&self, target: &Target) -> Option<Arc<Hours>> {
        self.united(target, i64::MAX)
    }

    fn united(&self, target: &Target, edition: i64) -> Option<Arc<Hours>> {
        let mut all = Vec::with_capacity(1 + target.also.len());
        for id in target.calendars() {
            let known = self.calendar(id)?;
            all.push(if known.is_corrected_after(edition) {
                Arc::new(hours_known(&known.layers, edition))
            } else {
                known.hours.clone()
            });
        }
        match all.as_slice() {
            [one] => Some(one.clone()),
            several => Some(Arc::new(Hours::together(several))),
        }
    }

    /// The hours that a clock which ended was counted in, where they are others than today's: corrections that were written after
    /// `edition` don't count for it.
    pub fn hours_then(&self, target: &Target, edition: i64) -> Option<Arc<Hours>> {
        let mut known = target.calendars().filter_map(|id| self.calendar(id));
        known
            .any(|calendar| calendar.is_corrected_after(edition))
            .then(|| self.united(target, edition))
            .flatten()
    }

    /// Whether a clock under `target` that was counted by `edition` could come to another answer now.
    pub fn has_moved_since(&self, target: &Target, edition: i64) -> bool {
        edition < self.edition
            && target
                .calendars()
                .filter_map(|id| self.calendar(id))
                .any(|calendar| calendar.edition() > edition)
    }

    /// Every agreement that promises something in such a case at `at`, in the order in which they are asked: the customer's, then
    /// the house's. The first one holds.
    pub fn agreements_for<'a>(
        &'a self,
        case: &'a Case<'_>,
        at: Timestamp,
    ) -> impl Iterator<Item = &'a Arc<Agreement>> {
        let now = || self.known.iter().filter_map(move |known| known.at(at));
        let own = now().filter(|agreement| {
            case.customer
                .is_some_and(|customer| agreement.holds_for.customers().contains(&customer))
        });
        let house = now().filter(|agreement| agreement.holds_for.is_house());
        own.chain(house).filter(|agreement| agreement.fits(case))
    }

    /// What is promised in such a case, one target per metric, for what begins at `at`; perhaps by the customer's agreements alone.
    pub fn terms_for(&self, case: &Case<'_>, at: Timestamp, without_house: bool) -> Vec<Terms> {
        let first = self.agreements_for(case, at).next();
        let Some(agreement) = first.filter(|it| !(without_house && it.holds_for.is_house())) else {
            return Vec::new();
        };
        let chosen = agreement.targets_for(case);
        chosen
            .into_iter()
            .filter_map(|target| self.with_hours(target))
            .collect()
    }

    /// How many days before it was logged such a ticket may have begun.
    pub fn backdate_days(&self, case: &Case<'_>, at: Timestamp) -> i32 {
        self.agreements_for(case, at)
            .next()
            .map_or(USUAL_BACKDATE_DAYS, |agreement| agreement.backdate_days)
    }

    /// Whether what `target` belongs to promises nothing to this customer any more at `at`. What a correction took away never held:
    /// counting it anew says so.
    pub fn has_ended(&self, target: TargetId, customer: Option<CustomerId>, at: Timestamp) -> bool {
        let source = self.source(target);
        source
            .and_then(|(id, _)| self.agreement(id))
            .is_some_and(|known| known.has_ended_for(customer, at))
    }
}
