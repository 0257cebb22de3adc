//! Standing changes: a standard change that is approved once stands for every deployment of its services, as long as they stay in its
//! lane. Nobody types anything for such a deployment, and it costs no ticket; one that leaves the lane needs a change of its own.

use super::deployment::{Deployment, Status, Step};
use super::id::TicketKey;
use super::refusal::FieldError;
use super::text::one_line;
use super::word::words;

/// How long an approval of a standing change holds where no rule says otherwise.
pub const VALID_SECS: i64 = 90 * 86_400;
/// Deployments by which a lane is judged, and how far back: three clean weeks restore it.
pub const LOOKED_AT: usize = 20;
pub const LOOK_BACK_SECS: i64 = 21 * 86_400;
/// More of a hundred than that failed: something is wrong with how it is done.
const MOST_FAILED_PERCENT: usize = 15;
/// Fewer deployments say nothing about a share.
const FEW: usize = 5;

/// What a lane lets through where nobody has said anything.
pub const MOST_FILES: i64 = 50;
pub const DANGERS: &str = "migration\niam\ndns\nterraform";
/// Most that can be asked for.
const FILES_LIMIT: i64 = 100_000;
const MOST_DANGERS: usize = 50;
const DANGER_CHARS: usize = 60;

words! {
    /// Why a deployment leaves its lane.
    pub enum Leaves {
        /// It touches a path that wants a second look.
        Danger = "danger",
        TooBig = "too_big",
        /// Nobody said how its service is taken back.
        NoWayBack = "no_way_back",
        /// The last one of the lane failed or was taken back.
        PreviousFailed = "previous_failed",
        OpenIncident = "open_incident",
        /// Too many of the last ones failed.
        TooManyFailed = "too_many_failed",
    }
}

/// What a lane lets through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    pub most_files: i64,
    /// Parts of paths, a line each.
    pub dangers: String,
    pub has_way_back: bool,
}

/// How many files a deployment may change: 1 to 100,000.
pub fn most_files(field: &'static str, count: Option<i64>) -> Result<i64, FieldError> {
    count
        .filter(|count| (1..=FILES_LIMIT).contains(count))
        .ok_or_else(|| FieldError::new(field, "not-a-size"))
}

/// Parts of paths that want a second look, as they were typed: a line each, none twice.
pub fn dangers(field: &'static str, text: &str) -> Result<String, FieldError> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let line = one_line(field, line, DANGER_CHARS)?.to_lowercase();
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    match lines.len() {
        ..=MOST_DANGERS => Ok(lines.join("\n")),
        got => Err(FieldError::new(field, "too-many")
            .with("max", MOST_DANGERS.to_string())
            .with("got", got.to_string())),
    }
}

/// What is in a deployment, as far as git has told; `None`: nothing is known of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    pub files: i64,
    pub paths: Vec<String>,
}

/// The last deployments of a lane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Health {
    pub count: usize,
    pub failed: usize,
    pub last_failed: bool,
}

impl Health {
    /// `recent`: newest first, at most [`LOOKED_AT`] of the last [`LOOK_BACK_SECS`].
    pub fn of(recent: &[Deployment]) -> Self {
        let is_bad = |it: &&Deployment| {
            matches!(it.status, Status::Failed | Status::RolledBack) || it.step == Step::Rollback
        };
        let last = recent.first();
        Self {
            count: recent.len(),
            failed: recent.iter().filter(is_bad).count(),
            last_failed: last
                .is_some_and(|it| matches!(it.status, Status::Failed | Status::RolledBack)),
        }
    }
}

/// Everything by which a deployment stays in its lane or leaves it.
#[derive(Debug, Clone)]
pub struct Lane {
    pub limits: Limits,
    pub health: Health,
    /// Something of the service is broken.
    pub incident: Option<TicketKey>,
}

impl Lane {
    /// Why the next deployment leaves it, whatever is in it.
    pub fn closed(&self) -> Vec<Leaves> {
        let Health { count, failed, .. } = self.health;
        let reasons = [
            (!self.limits.has_way_back, Leaves::NoWayBack),
            (self.health.last_failed, Leaves::PreviousFailed),
            (self.incident.is_some(), Leaves::OpenIncident),
            (
                count >= FEW && failed * 100 > count * MOST_FAILED_PERCENT,
                Leaves::TooManyFailed,
            ),
        ];
        let closed = reasons.into_iter().filter(|(is_so, _)| *is_so);
        closed.map(|(_, why)| why).collect()
    }

    /// Why this one leaves it. What takes something back never does.
    pub fn leaves(&self, new: &Deployment, contents: Option<&Contents>) -> Vec<Leaves> {
        if new.step == Step::Rollback {
            return Vec::new();
        }
        let mut why = self.closed();
        if let Some(contents) = contents {
            let dangers: Vec<&str> = self.limits.dangers.lines().collect();
            let is_danger = |path: &String| {
                let path = path.to_lowercase();
                dangers.iter().any(|danger| path.contains(danger))
            };
            if contents.paths.iter().any(is_danger) {
                why.push(Leaves::Danger);
            }
            if contents.files > self.limits.most_files {
                why.push(Leaves::TooBig);
            }
        }
        why
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane() -> Lane {
        Lane {
            limits: Limits {
                most_files: 3,
                dangers: dangers("dangers", "Migration\n\n iam \nmigration").unwrap(),
                has_way_back: true,
            },
            health: Health::default(),
            incident: None,
        }
    }

    #[test]
    fn a_lane_closes_by_what_happened_in_it() {
        assert_eq!(lane().closed(), []);
        let with = |health| Lane { health, ..lane() }.closed();
        let health = |count, failed| Health {
            count,
            failed,
            last_failed: false,
        };
        assert_eq!(with(health(20, 3)), [], "15 of a hundred");
        assert_eq!(with(health(20, 4)), [Leaves::TooManyFailed]);
        assert_eq!(with(health(4, 4)), [], "too few to say");
        assert_eq!(with(health(5, 1)), [Leaves::TooManyFailed]);
        let failed = Health {
            count: 1,
            failed: 1,
            last_failed: true,
        };
        assert_eq!(with(failed), [Leaves::PreviousFailed]);
        let mut closed = lane();
        closed.limits.has_way_back = false;
        closed.incident = "INC-7".parse().ok();
        assert_eq!(closed.closed(), [Leaves::NoWayBack, Leaves::OpenIncident]);
    }

    #[test]
    fn limits_are_typed_by_people() {
        assert_eq!(lane().limits.dangers, "migration\niam");
        assert_eq!(most_files("most_files", Some(1)).unwrap(), 1);
        for wrong in [None, Some(0), Some(FILES_LIMIT + 1)] {
            assert_eq!(
                most_files("most_files", wrong).unwrap_err().problem,
                "not-a-size"
            );
        }
        let many: Vec<String> = (0..=MOST_DANGERS).map(|n| format!("d{n}")).collect();
        assert_eq!(
            dangers("dangers", &many.join("\n")).unwrap_err().problem,
            "too-many"
        );
    }
}
