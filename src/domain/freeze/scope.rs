//! What a window is for, and to which types of change it says something else.

use super::super::change::Sort as ChangeSort;
use super::super::git::branch_name;
use super::super::id::ServiceId;
use super::super::refusal::FieldError;
use super::super::severity::Risk;
use super::super::word::words;
use super::{Level, Sort};

/// What a window is for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// None: the whole house.
    pub services: Vec<ServiceId>,
    /// None: where customers are.
    pub environments: Vec<String>,
    /// Only for what is at least so risky, and for what nobody has judged.
    pub min_risk: Option<Risk>,
    /// Only for pushes to refs that one of these patterns fits; none: for whatever begins.
    pub refs: Vec<String>,
}

impl Scope {
    /// Patterns are of whole names, and of freezes alone: outside of a maintenance window nothing is pushed to any ref.
    pub fn check_refs(&self, sort: Option<Sort>) -> Result<(), FieldError> {
        let is_wrong = |pattern: &&String| {
            let rest = pattern.strip_prefix("refs/").unwrap_or_default();
            branch_name("refs", rest).is_err()
        };
        if let Some(wrong) = self.refs.iter().find(is_wrong) {
            return Err(FieldError::new("refs", "freeze-not-refs").with("value", wrong.clone()));
        }
        match sort {
            Some(Sort::Allow) if !self.refs.is_empty() => {
                Err(FieldError::new("refs", "freeze-refs-of-maintenance"))
            }
            _ => Ok(()),
        }
    }
}

words! {
    /// What a window says to one type of change, where that isn't what it says to all.
    pub enum TypeLevel {
        Warn = "warn",
        Approve = "approve",
        Block = "block",
        /// Nothing: such a change begins as if there were no window.
        Exempt = "exempt",
    }
}

impl TypeLevel {
    /// `None`: it asks nothing.
    pub const fn level(self) -> Option<Level> {
        match self {
            TypeLevel::Warn => Some(Level::Warn),
            TypeLevel::Approve => Some(Level::Approve),
            TypeLevel::Block => Some(Level::Block),
            TypeLevel::Exempt => None,
        }
    }
}

/// What a window says to each type of change; `None`: what it says to all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TypeLevels {
    pub normal: Option<TypeLevel>,
    pub standard: Option<TypeLevel>,
    pub emergency: Option<TypeLevel>,
}

impl TypeLevels {
    pub const fn of(&self, sort: ChangeSort) -> Option<TypeLevel> {
        match sort {
            ChangeSort::Normal => self.normal,
            ChangeSort::Standard => self.standard,
            ChangeSort::Emergency => self.emergency,
        }
    }

    /// The types to which it says something else, and what.
    pub fn all(&self) -> Vec<(ChangeSort, TypeLevel)> {
        let sorts = ChangeSort::ALL.iter();
        sorts
            .filter_map(|sort| Some((*sort, self.of(*sort)?)))
            .collect()
    }
}
