//! What a hook tells after it has compared its refs with those that the service has, as JSON <-> values.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::push::{Faults, REFS};
use crate::domain::git::{Gap, Oid};
use crate::domain::refusal::FieldError;

/// A repository's branches and tags were compared with those that are recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ComparedBody {
    /// Refs that aren't where the service has them: all there are. They are told of as a push next.
    pub gaps: Vec<GapBody>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GapBody {
    #[serde(rename = "ref")]
    pub name: String,
    /// Where the service has it; zeros: nowhere.
    pub old: String,
    /// Where it is; zeros: it is gone.
    pub new: String,
    /// How many commits the service doesn't have, if they were counted.
    pub commits: Option<i64>,
}

impl ComparedBody {
    pub fn of(gaps: &[Gap]) -> Self {
        let gap = |gap: &Gap| GapBody {
            name: gap.name.clone(),
            old: gap.old.to_string(),
            new: gap.new.to_string(),
            commits: gap.commits,
        };
        Self {
            gaps: gaps.iter().map(gap).collect(),
        }
    }

    /// The values, or everything that is wrong with them.
    pub fn read(self) -> Result<Vec<Gap>, Vec<FieldError>> {
        let mut faults = Faults::default();
        faults.unless(self.gaps.len() <= REFS, "gaps", "too-many-in-push");
        let gaps = self.gaps.into_iter();
        let mut gaps: Vec<Gap> = gaps.filter_map(|body| body.read(&mut faults)).collect();
        faults.check()?;
        gaps.sort_by(|a, b| a.name.cmp(&b.name));
        gaps.dedup_by(|a, b| a.name == b.name);
        Ok(gaps)
    }
}

impl GapBody {
    fn read(self, faults: &mut Faults) -> Option<Gap> {
        let is_name = |c: char| !c.is_control() && c != ' ';
        let name_fits = self.name.starts_with("refs/") && self.name.len() <= 1_000;
        let name_fits = name_fits && self.name.chars().all(is_name);
        faults.unless(name_fits, "gaps.ref", "not-a-ref");
        Some(Gap {
            old: faults.some(Oid::parse(&self.old), "gaps.old", "not-a-commit-id")?,
            new: faults.some(Oid::parse(&self.new), "gaps.new", "not-a-commit-id")?,
            name: self.name,
            commits: self.commits.map(|count| count.max(0)),
        })
    }
}
