//! What is known when a push is judged: the tickets that it names, and the windows that are open.

use std::collections::BTreeMap;

use chrono_tz::Tz;

use super::super::change::Sort;
use super::super::freeze::Level;
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
    /// The address of who approved it, folded.
    pub approver: Option<String>,
    /// When its glass was broken last.
    pub glass_at: Option<Timestamp>,
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
    pub frozen: Option<Frozen>,
    /// The same for approved changes of a type to which some window says something else.
    pub frozen_by_type: BTreeMap<Sort, Option<Frozen>>,
    /// Whoever pushes is known, and may break the glass.
    pub may_break: bool,
    /// Nothing of the repository was recorded before: its past is taken as it is.
    pub is_first: bool,
    /// Commits from before this were never asked for a ticket.
    pub since: Timestamp,
    /// The service is away: what isn't known here may be known there.
    pub is_away: bool,
}

impl World {
    /// The freeze that a change stands before.
    pub(super) fn frozen_for(&self, known: &Known) -> Option<&Frozen> {
        match known.sort.and_then(|sort| self.frozen_by_type.get(&sort)) {
            Some(own) => own.as_ref(),
            None => self.frozen.as_ref(),
        }
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
    /// Changes that are open.
    pub changes: Vec<(TicketKey, Known)>,
    /// Who may break the glass, as their servers call them, folded.
    pub breakers: Vec<String>,
    pub since: Timestamp,
}
