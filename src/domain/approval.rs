//! Who has to approve a change, and whether it is approved: rules, votes, and the one verdict.
//!
//! A vote is for exactly what was seen (`snapshot.rs`) and for as long as its rule says; the time in which a freeze blocks the
//! change doesn't count. The strictest rule that fits applies; where none fits, one other person is enough.

mod asking;
mod rule;
mod snapshot;
mod stand_in;

use std::collections::BTreeMap;

pub use self::asking::{Asking, REMIND_SECS, Reminders, Step};
pub use self::rule::{Details, HOUSE_SECS, Needs, Of, Rule, Typed, When, strictest};
pub use self::snapshot::{Difference, Field, Snapshot};
pub use self::stand_in::{MOST_DAYS, StandIn};
use super::freeze::{Asked, Freeze, Level, between, standing};
use super::id::{PersonId, TeamId};
use super::refusal::Refusal;
use super::timestamp::Timestamp;
use super::word::words;

/// Windows that are looked through to say how long a vote stands: beyond it nobody plans.
const MOST_WINDOWS: usize = 64;

/// Until when what was given at `at` stands: only time in which no window blocks the change counts.
pub fn expires(at: Timestamp, secs: i64, freezes: &[Freeze], asked: &Asked<'_>) -> Timestamp {
    let (mut at, mut left) = (at, secs);
    for _ in 0..MOST_WINDOWS {
        if let Some(window) = standing(freezes, asked, at)
            && window.level == Level::Block
        {
            at = window.until;
            continue;
        }
        let end = at.plus_secs(left);
        let next = between(freezes, asked, at, end)
            .into_iter()
            .filter(|it| it.level == Level::Block && it.from > at)
            .map(|it| it.from)
            .min();
        match next {
            Some(from) => {
                left -= from.secs_since(at);
                at = from;
            }
            None => return end,
        }
    }
    at.plus_secs(left)
}

words! {
    /// Why somebody can't approve a change.
    pub enum Apart {
        /// It was their idea.
        Requested = "requested",
        /// They asked for its approval.
        Asked = "asked",
        /// They wrote its plan, or said of which services it is.
        Planned = "planned",
        /// They wrote a commit of it.
        Wrote = "wrote",
        /// They pushed a commit of it, where the house counts that.
        Pushed = "pushed",
        /// They deploy it, where the house counts that.
        Deployed = "deployed",
    }
}

words! {
    /// Who can't approve a change besides those who wanted, planned or wrote it.
    pub enum Side {
        /// Whoever pushed its commits.
        Pusher = "pusher",
        /// Whoever begins it or deploys it.
        Deployer = "deployer",
    }
}

/// Somebody said yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    pub by: PersonId,
    /// The name at that moment.
    pub by_name: String,
    /// For whom they stood in.
    pub on_behalf: Option<(PersonId, String)>,
    pub at: Timestamp,
    /// "Yes, but not before".
    pub not_before: Option<Timestamp>,
    /// The marks of the conflicts that there were.
    pub saw: Vec<String>,
    /// As the rules and windows are now.
    pub until: Timestamp,
    pub digest: String,
    /// What they saw.
    pub snapshot: Snapshot,
    /// It was taken back then: the plan was written anew, somebody refused.
    pub over_at: Option<Timestamp>,
}

impl Vote {
    /// Whose voice it is.
    pub fn voice(&self) -> PersonId {
        self.on_behalf.as_ref().map_or(self.by, |(id, _)| *id)
    }
}

words! {
    /// How a vote stands.
    pub enum Worth {
        Counts = "counts",
        /// Whoever gave it is on the other side by now.
        Apart = "apart",
        Over = "over",
        Stale = "stale",
        Expired = "expired",
    }
}

/// Who is still needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// So many who may approve changes.
    Approvers(usize),
    /// One of them from this team.
    Team(TeamId),
}

/// How it stands with a change's approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Missing(Vec<Need>),
    Standing {
        until: Timestamp,
    },
    /// It is approved, and begins only later: of several who said so whoever named the latest instant.
    Waits {
        opens: Timestamp,
        by: PersonId,
        by_name: String,
        until: Timestamp,
    },
    /// It is another change than the one that was approved then.
    Stale {
        at: Timestamp,
        why: Vec<Difference>,
    },
    Expired {
        at: Timestamp,
    },
}

impl Verdict {
    /// It may begin now, as far as approvals go.
    pub const fn is_standing(&self) -> bool {
        matches!(self, Verdict::Standing { .. })
    }

    /// Nobody has to approve it anew: it may begin now, or will.
    pub const fn holds(&self) -> bool {
        matches!(self, Verdict::Standing { .. } | Verdict::Waits { .. })
    }

    /// Its one spelling.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Verdict::Missing(_) => "missing",
            Verdict::Standing { .. } => "standing",
            Verdict::Waits { .. } => "waits",
            Verdict::Stale { .. } => "stale",
            Verdict::Expired { .. } => "expired",
        }
    }
}

/// All that a verdict is made from.
#[derive(Debug, Clone, Default)]
pub struct Case {
    /// The change as it is now.
    pub snapshot: Snapshot,
    /// Approvers besides those of teams.
    pub approvers: usize,
    /// From each of these teams one.
    pub teams: Vec<TeamId>,
    /// Who belongs to those teams.
    pub members: BTreeMap<TeamId, Vec<PersonId>>,
    /// Who can't approve it.
    pub apart: BTreeMap<PersonId, Apart>,
    /// Oldest first.
    pub votes: Vec<Vote>,
}

impl Case {
    pub fn worth(&self, vote: &Vote, now: Timestamp) -> Worth {
        let is_apart = self.apart.contains_key(&vote.by) || self.apart.contains_key(&vote.voice());
        if vote.over_at.is_some() {
            Worth::Over
        } else if is_apart {
            Worth::Apart
        } else if vote.digest != self.snapshot.digest() {
            Worth::Stale
        } else if vote.until <= now {
            Worth::Expired
        } else {
            Worth::Counts
        }
    }

    fn of_worth(&self, now: Timestamp, worths: &[Worth]) -> Vec<&Vote> {
        let votes = self.votes.iter();
        votes
            .filter(|vote| worths.contains(&self.worth(vote, now)))
            .collect()
    }

    /// The verdict: the same for everybody who asks.
    pub fn verdict(&self, now: Timestamp) -> Verdict {
        let counting = self.of_worth(now, &[Worth::Counts]);
        let missing = self.missing(&counting);
        if missing.is_empty() {
            let until = self.ends(&counting);
            let conditions = counting.iter().filter_map(|vote| {
                let opens = vote.not_before.filter(|at| *at > now)?;
                Some((opens, vote.by, vote.by_name.clone()))
            });
            return match conditions.max() {
                Some((opens, by, by_name)) => Verdict::Waits {
                    opens,
                    by,
                    by_name,
                    until,
                },
                None => Verdict::Standing { until },
            };
        }
        let fresh = self.of_worth(now, &[Worth::Counts, Worth::Expired]);
        if self.missing(&fresh).is_empty() {
            return Verdict::Expired {
                at: self.ends(&fresh),
            };
        }
        match self.of_worth(now, &[Worth::Stale]).last() {
            Some(stale) => Verdict::Stale {
                at: stale.at,
                why: stale.snapshot.differences(&self.snapshot),
            },
            None => Verdict::Missing(missing),
        }
    }

    /// The marks of the conflicts that a vote that counts has seen.
    pub fn seen(&self, now: Timestamp) -> Vec<String> {
        let counting = self.of_worth(now, &[Worth::Counts]).into_iter();
        counting.flat_map(|vote| vote.saw.clone()).collect()
    }

    /// Whether somebody said "not before" an instant that is still to come: they may say otherwise.
    pub fn has_said_when(&self, by: PersonId, now: Timestamp) -> bool {
        let mut counting = self.of_worth(now, &[Worth::Counts]).into_iter();
        counting.any(|vote| vote.by == by && vote.not_before.is_some_and(|at| at > now))
    }

    /// Who is still needed.
    pub fn needs(&self, now: Timestamp) -> Vec<Need> {
        self.missing(&self.of_worth(now, &[Worth::Counts]))
    }

    /// Who is needed besides these: one voice is for one need.
    fn missing(&self, votes: &[&Vote]) -> Vec<Need> {
        let mut voices: Vec<PersonId> = votes.iter().map(|vote| vote.voice()).collect();
        voices.sort_unstable();
        voices.dedup();
        let mut taken: Vec<Option<usize>> = vec![None; voices.len()];
        let mut needs = Vec::new();
        for (at, team) in self.teams.iter().enumerate() {
            if !self.seat(at, &voices, &mut taken, &mut vec![false; voices.len()]) {
                needs.push(Need::Team(*team));
            }
        }
        let others = taken.iter().filter(|seat| seat.is_none()).count();
        if others < self.approvers {
            needs.insert(0, Need::Approvers(self.approvers - others));
        }
        needs
    }

    /// Finds somebody for the seat of a team; whoever has one may take another.
    fn seat(
        &self,
        team: usize,
        voices: &[PersonId],
        taken: &mut [Option<usize>],
        asked: &mut [bool],
    ) -> bool {
        let Some(members) = self.teams.get(team).and_then(|id| self.members.get(id)) else {
            return false;
        };
        for at in 0..voices.len() {
            if asked[at] || !members.contains(&voices[at]) {
                continue;
            }
            asked[at] = true;
            let is_free = match taken[at] {
                None => true,
                Some(other) => self.seat(other, voices, taken, asked),
            };
            if is_free {
                taken[at] = Some(team);
                return true;
            }
        }
        false
    }

    /// Those without whose vote it wouldn't hold any more; nobody if it doesn't.
    pub fn needed(&self, now: Timestamp) -> Vec<PersonId> {
        if !self.verdict(now).holds() {
            return Vec::new();
        }
        let counting = self.of_worth(now, &[Worth::Counts]);
        let mut voters: Vec<PersonId> = counting.iter().map(|vote| vote.by).collect();
        voters.sort_unstable();
        voters.dedup();
        voters.retain(|id| {
            let mut without = self.clone();
            without.apart.insert(*id, Apart::Wrote);
            !without.verdict(now).holds()
        });
        voters
    }

    /// When these, which are enough, are no more.
    fn ends(&self, votes: &[&Vote]) -> Timestamp {
        let mut ends: Vec<Timestamp> = votes.iter().map(|vote| vote.until).collect();
        ends.sort_unstable();
        let is_short = |end: &Timestamp| {
            let left: Vec<&Vote> = votes.iter().copied().filter(|it| it.until > *end).collect();
            !self.missing(&left).is_empty()
        };
        ends.into_iter().find(is_short).unwrap_or(Timestamp::NEVER)
    }

    /// Whether somebody's vote would be taken: they are on no other side, and nobody has spoken for the same person.
    pub fn may_vote(
        &self,
        by: PersonId,
        on_behalf: Option<PersonId>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        match self.apart.get(&by) {
            Some(Apart::Requested | Apart::Asked) => return Err(Refusal::new("not-your-own")),
            Some(Apart::Planned) => return Err(Refusal::new("planned-it")),
            Some(Apart::Wrote) => return Err(Refusal::new("wrote-its-commits")),
            Some(Apart::Pushed) => return Err(Refusal::new("pushed-its-commits")),
            Some(Apart::Deployed) => return Err(Refusal::new("deployed-it")),
            None => {}
        }
        if on_behalf.is_some_and(|id| self.apart.contains_key(&id)) {
            return Err(Refusal::new("stands-in-for-author"));
        }
        let voice = on_behalf.unwrap_or(by);
        let others = self.votes.iter().filter(|vote| vote.by != by);
        let same = others
            .filter(|vote| vote.voice() == voice)
            .find(|vote| self.worth(vote, now) == Worth::Counts);
        match same {
            Some(vote) => Err(Refusal::new("voice-given").with("name", vote.by_name.clone())),
            None => Ok(()),
        }
    }

    /// As it is with this vote: whoever gave one before gives another.
    pub fn vote(&mut self, vote: Vote) {
        self.votes.retain(|it| it.by != vote.by);
        self.votes.push(vote);
    }
}

#[cfg(test)]
mod tests;
