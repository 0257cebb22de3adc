//! Everything that a clock's explanation says, as one value: the terms, the steps, who did what, whose it was. Pages, plain text
//! and programs print the same one.

use std::collections::HashMap;

use chrono_tz::Tz;

use super::id::{AgreementId, ClockId, PersonId, TeamId, TicketKey};
use super::sla_burn::Burn;
use super::sla_clock::{Clock, ClockState};
use super::sla_explain::{Cause, Explanation};
use super::sla_holder::{Holder, Share};
use super::timeline::{Door, EntryKind};
use super::timestamp::Timestamp;

/// The agreement and its version that a target stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    pub agreement: AgreementId,
    pub name: String,
    pub version: i64,
}

/// An entry that began a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub seq: i64,
    pub kind: EntryKind,
    /// The actor's name when it was recorded.
    pub actor: String,
    pub door: Door,
    pub effective_at: Timestamp,
    pub recorded_at: Timestamp,
}

/// Another cycle or revision of the same promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sibling {
    pub id: ClockId,
    pub cycle: i32,
    pub revision: i32,
    pub state: ClockState,
    pub breached_at: Option<Timestamp>,
}

/// A breach that was one until something turned out to be otherwise: facts both, and both stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawn {
    pub deadline: Option<Timestamp>,
    pub at: Timestamp,
    pub name: String,
    pub cause: String,
    /// The agreement or calendar, if that was what.
    pub subject: String,
}

#[derive(Debug, Clone)]
pub struct Proof {
    pub key: TicketKey,
    pub title: String,
    /// To whom it is promised; `None`: the house.
    pub customer: Option<String>,
    /// For whom the ticket waits when it waits for the customer.
    pub asker: Option<String>,
    /// `None`: promised by hand.
    pub home: Option<Home>,
    pub calendar: Option<String>,
    pub clock: Clock,
    pub explanation: Explanation,
    pub shares: Vec<Share>,
    pub told: Vec<Told>,
    pub people: HashMap<PersonId, String>,
    pub teams: HashMap<TeamId, String>,
    pub siblings: Vec<Sibling>,
    /// Other agreements that would fit: the first in their order holds.
    pub also_fit: Vec<String>,
    /// Its breaches that were taken back.
    pub withdrawn: Vec<Withdrawn>,
    /// Since when its ticket waits.
    pub held_since: Option<Timestamp>,
    /// As of when it explains itself.
    pub now: Timestamp,
}

impl Proof {
    /// The zone that the agreement counts in.
    pub fn zone(&self) -> Tz {
        self.clock.terms.hours.zone(self.clock.anchor_at)
    }

    /// Its burn line, if it runs.
    pub fn burn(&self) -> Option<Burn> {
        let clock = &self.clock;
        let runs = matches!(clock.state, ClockState::Running | ClockState::Scheduled);
        let deadline = clock.deadline_at.filter(|_| runs)?;
        let (target, hours) = (&clock.terms.target, &clock.terms.hours);
        target.id?;
        let (anchor, held) = (clock.anchor_at, clock.held());
        Some(Burn::of(target, hours, anchor, deadline, &held, self.now))
    }

    pub fn told(&self, cause: Cause) -> Option<&Told> {
        self.told_by(cause.seq()?)
    }

    /// The entry with this `seq`, if the proof tells of it.
    pub fn told_by(&self, seq: i64) -> Option<&Told> {
        self.told.iter().find(|told| told.seq == seq)
    }

    /// The name of a person or team that held it; `None` for the others, who have a word.
    pub fn name(&self, holder: Holder) -> Option<&str> {
        match holder {
            Holder::Person(id, _) => self.people.get(&id).map(String::as_str),
            Holder::Team(id) => self.teams.get(&id).map(String::as_str),
            Holder::Customer => self.asker.as_deref(),
            Holder::Vendor | Holder::Freeze | Holder::Nobody => None,
        }
    }
}
