//! Who can be called: teams, their members and rotations, how to reach people, who listens by webhook, and the house's settings.

use std::collections::HashMap;

use super::escalation::{Policy, Target};
use super::id::{PersonId, TeamId};
use super::oncall::{self, Override};
use super::people::{Person, Team, Way};
use super::rotation::Rotation;
use super::settings::Settings;
use super::timestamp::Timestamp;
use super::webhook::Webhook;

/// Every incident asks for most of it and it changes a few times a week: processes keep it in memory.
#[derive(Debug, Clone, Default)]
pub struct Roster {
    /// Of which state of the house this is true.
    pub version: i64,
    /// In the order of their making, gone ones too.
    pub teams: Vec<Team>,
    pub members: HashMap<TeamId, Vec<PersonId>>,
    pub schedules: HashMap<TeamId, Plan>,
    /// The newest of each team.
    pub policies: HashMap<TeamId, Policy>,
    pub people: HashMap<PersonId, Person>,
    pub ways: HashMap<PersonId, Vec<Way>>,
    /// Codes of the public holidays that somebody has.
    pub holidays: HashMap<PersonId, String>,
    /// Those that are told now.
    pub webhooks: Vec<Webhook>,
    /// As people set them, without what the process's own configuration overrules.
    pub settings: Settings,
}

/// A team's rotation with the overrides that aren't over, in the order in which they were made.
#[derive(Debug, Clone)]
pub struct Plan {
    pub rotation: Rotation,
    pub overrides: Vec<Override>,
}

impl Roster {
    pub fn team(&self, id: TeamId) -> Option<&Team> {
        self.teams.iter().find(|team| team.id == id)
    }

    /// Active members, in the order in which they joined.
    pub fn members(&self, id: TeamId) -> &[PersonId] {
        self.members.get(&id).map_or(&[], Vec::as_slice)
    }

    /// Who is on call for a team at `at`. Empty: nobody.
    pub fn on_duty(&self, team: TeamId, at: Timestamp) -> Vec<PersonId> {
        let plan = self.schedules.get(&team);
        let touching: Vec<Override> = plan
            .into_iter()
            .flat_map(|plan| &plan.overrides)
            .filter(|over| over.starts_at <= at && at < over.ends_at)
            .cloned()
            .collect();
        let rotation = plan.map(|plan| &plan.rotation);
        oncall::shifts(rotation, &touching, at, at.plus_micros(1))
            .into_iter()
            .filter_map(|shift| shift.person)
            .collect()
    }

    /// The policy in force; `None` for a team that never had one.
    pub fn policy(&self, team: TeamId) -> Option<&Policy> {
        self.policies.get(&team)
    }

    /// Everybody who may be called: who stands on the rotation or the policy of a team that is there, each once.
    pub fn called(&self) -> Vec<PersonId> {
        let mut people = Vec::new();
        for team in self.teams.iter().filter(|team| team.is_active) {
            let plan = self.schedules.get(&team.id);
            people.extend(plan.into_iter().flat_map(|plan| &plan.rotation.people));
            let steps = self.policy(team.id).map_or(&[][..], |policy| &policy.steps);
            for target in steps.iter().flat_map(|step| &step.targets) {
                match target {
                    Target::Person(person) => people.push(*person),
                    Target::Team => people.extend(self.members(team.id)),
                    // Who is on duty stands on the rotation.
                    Target::OnDuty => {}
                }
            }
        }
        people.retain(|id| self.person(*id).is_some_and(|person| person.is_active));
        people.sort();
        people.dedup();
        people
    }

    pub fn person(&self, id: PersonId) -> Option<&Person> {
        self.people.get(&id)
    }

    /// How to reach a person, in the order in which to try. Empty: by their main mail address.
    pub fn ways(&self, id: PersonId) -> &[Way] {
        self.ways.get(&id).map_or(&[], Vec::as_slice)
    }
}
