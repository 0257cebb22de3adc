//! What becomes of a clock when its ticket changes, waits or is opened again: the settings of a promise that most leave alone.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::value::{Closed, StateWord, Word};
use crate::domain::sla_policy::{ChangePolicy, Policy, ReopenPolicy};

impl Closed for ChangePolicy {
    const NAME: &'static str = "ChangePolicy";
    const WORDS: &'static [Self] = ChangePolicy::ALL;
}
impl Closed for ReopenPolicy {
    const NAME: &'static str = "ReopenPolicy";
    const WORDS: &'static [Self] = ReopenPolicy::ALL;
}

type ChangePolicyWord = Word<ChangePolicy>;
type ReopenPolicyWord = Word<ReopenPolicy>;

/// What is left out is as usual.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TargetPolicy {
    /// When severity, customer, service or agreement change: `carry` counts anew from the same anchor, `restart` from the change,
    /// `keep` leaves the promise as it was made, `prorate` keeps the share that is used.
    pub on_change: ChangePolicyWord,
    /// Hours of elapsed time after the resolve.
    pub reopen_grace_hours: i64,
    /// Opened again within the grace.
    pub reopen_within: ReopenPolicyWord,
    /// Opened again later.
    pub reopen_later: ReopenPolicyWord,
    /// States in which the clock stands.
    pub holds_in: Vec<StateWord>,
    /// A message of the customer after the answer starts the next `respond` clock.
    pub follows_messages: bool,
}

impl Default for TargetPolicy {
    fn default() -> Self {
        Self::of(&Policy::default())
    }
}

impl TargetPolicy {
    pub fn of(policy: &Policy) -> Self {
        Self {
            on_change: Word(policy.on_change),
            reopen_grace_hours: policy.reopen_grace_secs / 3600,
            reopen_within: Word(policy.reopen_within),
            reopen_later: Word(policy.reopen_later),
            holds_in: policy.holds_in.iter().copied().map(Word).collect(),
            follows_messages: policy.follows_messages,
        }
    }

    pub fn read(&self) -> Policy {
        Policy {
            on_change: self.on_change.0,
            reopen_grace_secs: self.reopen_grace_hours.saturating_mul(3600),
            reopen_within: self.reopen_within.0,
            reopen_later: self.reopen_later.0,
            holds_in: self.holds_in.iter().map(|word| word.0).collect(),
            follows_messages: self.follows_messages,
        }
    }
}
