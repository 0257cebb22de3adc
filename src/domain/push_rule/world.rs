//! What is known when a push is judged: the tickets that it names, and the windows that are open.

use std::collections::BTreeMap;

use chrono_tz::Tz;

use super::super::change::Sort;
use super::super::conflict::Code as ConflictCode;
use super::super::freeze::Level;
use super::super::git::pattern_fits;
use super::super::id::{Kind, TicketKey};
use super::super::ticket::State;
use super::super::timestamp::Timestamp;

/// What the verdict needs to know of a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    pub kind: Kind,
    pub state: State,
    pub is_open: bool,
    pub approved_at: Option<Timestamp>,
    /// Its approval doesn't hold any more: it ran out, or was for another change.
    pub is_stale: bool,
    /// Whoever approved it said that it begins later.
    pub opens: Option<Opens>,
    /// The type that it was approved as, while that holds.
    pub sort: Option<Sort>,
    /// The addresses, folded, of those without whose word it isn't approved.
    pub approvers: Vec<String>,
    /// When its glass was broken last.
    pub glass_at: Option<Timestamp>,
    /// What is in its way, if it hasn't begun; what blocks it first.
    pub clashes: Vec<Clash>,
}

/// Something that is in the way of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clash {
    pub code: ConflictCode,
    /// The ticket, or the window.
    pub with: String,
    /// The house has set that nothing begins so.
    pub blocks: bool,
}

/// An approval with a condition: it isn't for before an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opens {
    pub at: Timestamp,
    /// Who said so, and on whose wall clock.
    pub by_name: String,
    pub zone: Tz,
}

/// A freeze that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frozen {
    pub name: String,
    /// Of which services of the repository, if that isn't all of them.
    pub services: Vec<String>,
    pub level: Level,
    /// On whose wall clock people know it.
    pub zone: Tz,
    pub from: Timestamp,
    pub until: Timestamp,
    /// When nothing blocks any more; `None`: not in sight.
    pub next_open: Option<Timestamp>,
}

/// What is known when a push is judged.
#[derive(Debug, Clone)]
pub struct World {
    /// The tickets that its commits and options name.
    pub tickets: BTreeMap<TicketKey, Known>,
    /// The tickets of commits that it takes back, by the commit's id as it was written.
    pub reverted: BTreeMap<String, Vec<TicketKey>>,
    /// The window that is open where customers are, for whatever ref.
    pub frozen: Option<Frozen>,
    /// The same for approved changes of a type to which some window says something else.
    pub frozen_by_type: BTreeMap<Sort, Option<Frozen>>,
    /// What is open elsewhere, or for some refs alone.
    pub more: Vec<Asking<Option<Frozen>>>,
    /// Whoever pushes is known, and may break the glass.
    pub may_break: bool,
    /// The address, folded, of whoever pushes, where the house doesn't let them approve what they push.
    pub pusher: Option<String>,
    /// Nothing of the repository was recorded before: its past is taken as it is.
    pub is_first: bool,
    /// Commits from before this were never asked for a ticket.
    pub since: Timestamp,
    /// The service is away: what isn't known here may be known there.
    pub is_away: bool,
}

/// What the windows of one environment say to pushes to some refs: `T` of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asking<T> {
    /// Empty: where customers are.
    pub environment: String,
    /// Patterns; none: any ref.
    pub refs: Vec<String>,
    pub all: T,
    /// The same for approved changes of a type to which some window says something else.
    pub by_type: BTreeMap<Sort, T>,
}

impl World {
    /// The severest window that a change of that type stands before, pushed to that ref.
    pub(super) fn frozen_for(&self, sort: Option<Sort>, env: &str, place: &str) -> Option<&Frozen> {
        let everywhere = env
            .is_empty()
            .then(|| said(&self.frozen, &self.frozen_by_type, sort));
        let more = self.more.iter().filter(|it| {
            let fits = it.refs.is_empty() || it.refs.iter().any(|one| pattern_fits(one, place));
            it.environment == env && fits
        });
        let more = more.map(|it| said(&it.all, &it.by_type, sort));
        let found = everywhere.into_iter().chain(more).flatten();
        found.max_by_key(|frozen| (frozen.level, frozen.until))
    }
}

fn said<'a>(
    all: &'a Option<Frozen>,
    by_type: &'a BTreeMap<Sort, Option<Frozen>>,
    sort: Option<Sort>,
) -> Option<&'a Frozen> {
    match sort.and_then(|sort| by_type.get(&sort)) {
        Some(own) => own.as_ref(),
        None => all.as_ref(),
    }
}

/// What a hook goes by while nobody answers.
#[derive(Debug, Clone)]
pub struct Memory {
    pub at: Timestamp,
    /// The rules, as they are written.
    pub rules: String,
    /// Windows to come, by their start.
    pub freezes: Vec<Frozen>,
    /// The same for approved changes of a type to which some window says something else.
    pub freezes_by_type: BTreeMap<Sort, Vec<Frozen>>,
    /// Windows elsewhere, and for some refs alone.
    pub more: Vec<Asking<Vec<Frozen>>>,
    /// Changes that are open.
    pub changes: Vec<(TicketKey, Known)>,
    /// Who may break the glass, as their servers call them, folded.
    pub breakers: Vec<String>,
    pub since: Timestamp,
}
