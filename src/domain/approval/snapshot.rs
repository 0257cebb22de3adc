//! What exactly is approved: the fields of a change that matter, their digest, and what has become of them since.

use sha2::{Digest, Sha256};

use super::super::change::Plan;
use super::super::id::{ApprovalRuleId, ServiceId};
use super::super::severity::Risk;
use super::super::timeline::Facts;
use super::super::timestamp::Timestamp;
use super::super::word::words;

/// Digits of a digest that people are shown.
const SHOWN: usize = 8;
/// Digits of a commit: no two of one change share them.
const COMMIT_DIGITS: usize = 12;

words! {
    /// A field that an approval is for.
    pub enum Field {
        Title = "title",
        Purpose = "purpose",
        StartsAt = "starts_at",
        EndsAt = "ends_at",
        SideEffects = "side_effects",
        VersionBefore = "version_before",
        VersionAfter = "version_after",
        Artefact = "artefact",
        Revert = "revert",
        Environment = "environment",
        Sort = "sort",
        Risk = "risk",
        /// Ids with blanks between.
        Services = "services",
        /// The rule that said who is needed: its id and the version of what it decides; empty: the house's own.
        Rule = "rule",
        /// The first digits of their ids, with blanks between; empty where the rule doesn't bind them.
        Commits = "commits",
    }
}

impl Field {
    /// Fields that votes of older versions never had: empty, they are as if they weren't there, so that those votes still stand.
    const fn came_later(self) -> bool {
        matches!(self, Field::Artefact | Field::Commits)
    }
}

/// The fields of a change at an instant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot(Vec<(Field, String)>);

/// A field that isn't any more what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub field: Field,
    pub before: String,
    pub after: String,
}

impl Snapshot {
    pub fn of(
        title: &str,
        plan: &Plan,
        risk: Option<Risk>,
        services: &[ServiceId],
        rule: Option<(ApprovalRuleId, i64)>,
        commits: &[String],
    ) -> Self {
        let at = |at: Option<Timestamp>| at.map(Timestamp::rfc3339).unwrap_or_default();
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let mut services: Vec<String> = services.iter().map(ToString::to_string).collect();
        services.sort();
        let value = |field: Field| match field {
            Field::Title => title.to_owned(),
            Field::Purpose => plan.purpose.clone(),
            Field::StartsAt => at(plan.starts_at),
            Field::EndsAt => at(plan.ends_at),
            Field::SideEffects => plan.side_effects.clone(),
            Field::VersionBefore => text(&plan.version_before),
            Field::VersionAfter => text(&plan.version_after),
            Field::Artefact => text(&plan.artefact),
            Field::Revert => plan.revert.clone(),
            Field::Environment => text(&plan.environment),
            Field::Sort => plan.sort.to_string(),
            Field::Risk => risk.map(|it| it.to_string()).unwrap_or_default(),
            Field::Services => services.join(" "),
            Field::Rule => rule.map_or_else(String::new, |(id, version)| format!("{id} {version}")),
            Field::Commits => {
                let short = |oid: &String| oid.get(..COMMIT_DIGITS).unwrap_or(oid).to_owned();
                let mut short: Vec<String> = commits.iter().map(short).collect();
                short.sort_unstable();
                short.dedup();
                short.join(" ")
            }
        };
        let all = Field::ALL.iter().map(|it| (*it, value(*it)));
        Self(
            all.filter(|(field, value)| !(field.came_later() && value.is_empty()))
                .collect(),
        )
    }

    /// As it was kept.
    pub fn of_facts(facts: &Facts) -> Self {
        let kept = |field: &Field| Some((*field, facts.get(field.as_str())?.to_owned()));
        Self(Field::ALL.iter().filter_map(kept).collect())
    }

    /// As it is kept.
    pub fn facts(&self) -> Facts {
        let mut facts = Facts::new();
        for (field, value) in &self.0 {
            facts.set(field.as_str(), value);
        }
        facts
    }

    /// As if that field had never been anything else.
    #[must_use]
    pub fn with(mut self, field: Field, value: &str) -> Self {
        let known = self.0.iter_mut().find(|(known, _)| *known == field);
        if let Some((_, known)) = known {
            value.clone_into(known);
        }
        self
    }

    pub fn get(&self, field: Field) -> &str {
        let found = self.0.iter().find(|(known, _)| *known == field);
        found.map_or("", |(_, value)| value.as_str())
    }

    /// SHA-256 over all fields, each with its name and length, so that no text of one can look like another's.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for (field, value) in &self.0 {
            hash.update(format!("{field} {}\n{value}\n", value.len()).as_bytes());
        }
        let bytes: [u8; 32] = hash.finalize().into();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The digits that people are shown.
    pub fn short(digest: &str) -> &str {
        digest.get(..SHOWN).unwrap_or(digest)
    }

    /// What is otherwise in `now`.
    pub fn differences(&self, now: &Snapshot) -> Vec<Difference> {
        let fields = Field::ALL.iter();
        let pairs = fields.map(|field| Difference {
            field: *field,
            before: self.get(*field).to_owned(),
            after: now.get(*field).to_owned(),
        });
        pairs.filter(|it| it.before != it.after).collect()
    }
}
