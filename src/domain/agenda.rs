//! The calendar of changes as a value: what is planned when, and when changes don't begin.

use super::conflict::{Conflict, Levels, Planned};
use super::freeze::{Asked, Freeze, Level, Standing, between};
use super::id::ServiceId;
use super::people::Service;
use super::ticket::State;
use super::worktime::Interval;

/// A planned change, and what is in its way.
#[derive(Debug, Clone)]
pub struct Item {
    pub planned: Planned,
    pub state: State,
    pub conflicts: Vec<Conflict>,
}

/// What happens in some days.
#[derive(Debug, Clone)]
pub struct Agenda {
    pub period: Interval,
    pub items: Vec<Item>,
    pub freezes: Vec<Freeze>,
    /// The environment in which customers are.
    pub production: String,
    /// Those that are in use.
    pub services: Vec<Service>,
    /// What a conflict means for a change that is about to begin.
    pub levels: Levels,
}

impl Agenda {
    /// When changes of a service don't begin; of the whole house without one.
    pub fn closed(&self, service: Option<ServiceId>) -> Vec<Interval> {
        let services: Vec<ServiceId> = service.into_iter().collect();
        let asked = Asked {
            environment: &self.production,
            ..Asked::production(&services)
        };
        let found = between(&self.freezes, &asked, self.period.from, self.period.to);
        let closed = found.iter().filter(|it| it.level != Level::Warn);
        closed
            .map(|it| Interval::new(it.from.max(self.period.from), it.until.min(self.period.to)))
            .collect()
    }

    /// The windows of the period by their start, as they were written.
    pub fn windows(&self) -> Vec<Standing<'_>> {
        let active = self.freezes.iter().filter(|it| it.is_active);
        let mut all: Vec<Standing<'_>> = active
            .flat_map(|it| it.within(self.period.from, self.period.to))
            .collect();
        all.sort_by_key(|it| (it.from, it.until, it.freeze.id));
        all
    }

    /// The services that have something in the period: a change, or a window of their own.
    pub fn busy(&self) -> Vec<&Service> {
        let of_change =
            |id: &ServiceId| self.items.iter().any(|it| it.planned.services.contains(id));
        let windows = self.windows();
        let of_window = |id: &ServiceId| {
            windows
                .iter()
                .any(|it| it.freeze.scope.services.contains(id))
        };
        let busy = self.services.iter();
        busy.filter(|it| of_change(&it.id) || of_window(&it.id))
            .collect()
    }
}
