//! Who has to approve what: a rule of the house.

use super::super::change::Sort;
use super::super::duration;
use super::super::id::{ApprovalRuleId, ServiceId, TeamId};
use super::super::refusal::FieldError;
use super::super::severity::Risk;
use super::super::text;
use super::super::timestamp::Timestamp;
use super::Reminders;

/// How long a vote stands where no rule says otherwise.
pub const HOUSE_SECS: i64 = 24 * 3_600;
const LEAST_SECS: i64 = 15 * 60;
const MOST_SECS: i64 = 90 * 86_400;
const MOST_APPROVERS: u8 = 9;

/// Of what kind a change is, as far as rules ask.
#[derive(Debug, Clone, Copy)]
pub struct Of<'a> {
    pub services: &'a [ServiceId],
    /// Its name; where customers are, if nobody said.
    pub environment: &'a str,
    /// `None`: nobody judged it; every rule is for it.
    pub risk: Option<Risk>,
    pub sort: Sort,
}

/// What a rule is for.
#[derive(Debug, Clone, Default, Eq)]
pub struct When {
    /// None: all.
    pub environments: Vec<String>,
    /// None: all.
    pub services: Vec<ServiceId>,
    /// Only what is at least so risky.
    pub min_risk: Option<Risk>,
    pub sort: Option<Sort>,
}

impl PartialEq for When {
    /// In whatever order they were named.
    fn eq(&self, other: &Self) -> bool {
        fn is_same<T: PartialEq>(one: &[T], other: &[T]) -> bool {
            let among = |some: &[T], all: &[T]| some.iter().all(|it| all.contains(it));
            among(one, other) && among(other, one)
        }
        is_same(&self.environments, &other.environments)
            && is_same(&self.services, &other.services)
            && (self.min_risk, self.sort) == (other.min_risk, other.sort)
    }
}

impl When {
    fn fits(&self, of: &Of<'_>) -> bool {
        let is_there =
            self.environments.is_empty() || self.environments.iter().any(|it| it == of.environment);
        let is_theirs =
            self.services.is_empty() || of.services.iter().any(|it| self.services.contains(it));
        // The riskiest comes first.
        let is_risky = match (self.min_risk, of.risk) {
            (Some(least), Some(risk)) => risk <= least,
            _ => true,
        };
        is_there && is_theirs && is_risky && self.sort.is_none_or(|sort| sort == of.sort)
    }
}

/// Who is needed: other people than the author, and each for one need.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needs {
    /// So many who may approve changes.
    pub approvers: u8,
    /// And one more of them from this team.
    pub team: Option<TeamId>,
    /// And one more from the team of each of its services.
    pub wants_owner: bool,
}

impl Needs {
    /// Where no rule says otherwise.
    pub const HOUSE: Self = Self {
        approvers: 1,
        team: None,
        wants_owner: false,
    };

    const fn people(self) -> u8 {
        self.approvers + self.team.is_some() as u8 + self.wants_owner as u8
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub id: ApprovalRuleId,
    pub name: String,
    pub when: When,
    pub needs: Needs,
    /// A vote is for the commits that there were, too: one more, and it is to be approved anew.
    pub binds_commits: bool,
    pub valid_secs: i64,
    pub reminders: Reminders,
    pub is_active: bool,
    pub made_at: Timestamp,
    pub version: i64,
    /// The version in which what it decides was changed last: an approval is for that.
    pub terms: i64,
}

impl Rule {
    /// As it is once somebody has said this of it. Its name and its reminders decide nothing.
    #[must_use]
    pub fn edited(self, to: &Details) -> Self {
        let decides = (
            (&self.when, self.needs, self.binds_commits),
            (self.valid_secs, self.is_active),
        );
        let is_same = decides
            == (
                (&to.when, to.needs, to.binds_commits),
                (to.valid_secs, to.is_active),
            );
        Self {
            terms: if is_same {
                self.terms
            } else {
                self.version + 1
            },
            name: to.name.clone(),
            when: to.when.clone(),
            needs: to.needs,
            binds_commits: to.binds_commits,
            valid_secs: to.valid_secs,
            reminders: to.reminders,
            is_active: to.is_active,
            ..self
        }
    }
}

/// The strictest rule that fits: the one that wants most people; of equals the one that wants certain teams, then the one whose
/// votes stand shortest, then the oldest.
pub fn strictest<'a>(rules: &'a [Rule], of: &Of<'_>) -> Option<&'a Rule> {
    let fitting = rules.iter().filter(|it| it.is_active && it.when.fits(of));
    fitting.max_by_key(|it| {
        let needs = it.needs;
        let shortest = std::cmp::Reverse(it.valid_secs);
        let oldest = std::cmp::Reverse(it.id);
        (
            needs.people(),
            needs.people() - needs.approvers,
            shortest,
            oldest,
        )
    })
}

/// What somebody says of a rule.
#[derive(Debug, Clone)]
pub struct Details {
    pub name: String,
    pub when: When,
    pub needs: Needs,
    pub binds_commits: bool,
    pub valid_secs: i64,
    pub reminders: Reminders,
    pub is_active: bool,
}

/// A rule as it is typed.
#[derive(Debug, Clone, Copy)]
pub struct Typed<'a> {
    pub name: &'a str,
    pub approvers: &'a str,
    /// A length of time; empty: a day.
    pub valid: &'a str,
    pub team: Option<TeamId>,
    pub wants_owner: bool,
    pub binds_commits: bool,
    /// Lengths of time; empty: four hours, and never.
    pub remind: &'a str,
    pub escalate: &'a str,
    pub escalate_team: Option<TeamId>,
}

impl Details {
    /// Checks what was typed; all faults at once.
    pub fn check(typed: &Typed<'_>, when: When, is_active: bool) -> Result<Self, Vec<FieldError>> {
        let mut faults = Vec::new();
        let name = text::one_line("name", typed.name, text::NAME_CHARS);
        faults.extend(name.as_ref().err().cloned());
        let approvers = typed.approvers.trim().parse::<u8>().ok();
        let approvers = approvers.filter(|count| *count <= MOST_APPROVERS);
        if approvers.is_none() {
            faults.push(
                FieldError::new("approvers", "not-an-approver-count")
                    .with("max", MOST_APPROVERS.to_string()),
            );
        }
        let needs = Needs {
            approvers: approvers.unwrap_or(1),
            team: typed.team,
            wants_owner: typed.wants_owner,
        };
        if needs.people() == 0 {
            faults.push(FieldError::new("approvers", "nobody-approves"));
        }
        let valid_secs = match typed.valid.trim() {
            "" => Some(HOUSE_SECS),
            text => duration::parse_secs(text),
        };
        let valid_secs = valid_secs.filter(|secs| (LEAST_SECS..=MOST_SECS).contains(secs));
        if valid_secs.is_none() {
            faults.push(
                FieldError::new("valid", "not-a-validity").with("value", typed.valid.to_owned()),
            );
        }
        let reminders = Reminders::check(typed.remind, typed.escalate, typed.escalate_team);
        let reminders = reminders.unwrap_or_else(|wrong| {
            faults.extend(wrong);
            Reminders::default()
        });
        match (name, valid_secs) {
            (Ok(name), Some(valid_secs)) if faults.is_empty() => Ok(Self {
                name,
                when,
                needs,
                binds_commits: typed.binds_commits,
                valid_secs,
                reminders,
                is_active,
            }),
            _ => Err(faults),
        }
    }
}
