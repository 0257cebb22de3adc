//! What clears a deployment that was live when an incident began: it went to another target, it was taken back and that didn't help,
//! or the same version runs well elsewhere.

use std::collections::{HashMap, HashSet};

use crate::domain::deployment::{Check, Deployment, Lane, Status, Step};
use crate::domain::git::Repository;
use crate::domain::id::{DeploymentId, ServiceId, TicketId};
use crate::domain::suspect::Alibi;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::store::deployment as rows;
use crate::store::feed_beat::Beat;
use crate::store::{self, Conn};

/// A service has recovered so long after what broke it was taken back, or that wasn't it.
const RECOVERY_SECS: i64 = 30 * 60;
/// So long a version has carried load before that says something.
const UNDER_LOAD_SECS: i64 = 30 * 60;
/// Deployments after the onset that are looked through for one that goes back.
const MOST_LATER: i64 = 500;

/// What is known of the places of an incident, and of what came after it began.
pub(super) struct Elsewhere {
    onset: Timestamp,
    environment: String,
    /// Regions or canaries that the incident names by a label; empty: all of them may be hit.
    hit: HashSet<String>,
    /// When what was live at the onset was taken back, if the incident went on for longer than a recovery takes.
    in_vain: HashSet<DeploymentId>,
    /// Versions that have run well for a while where the incident isn't.
    well: HashSet<(ServiceId, String)>,
}

impl Elsewhere {
    /// `until`: when it worked again, or now.
    pub fn of(
        conn: &mut Conn,
        ticket: TicketId,
        environment: &str,
        lanes: &[Lane],
        onset: Timestamp,
        until: Timestamp,
    ) -> Result<Self> {
        let targets: HashSet<String> = lanes
            .iter()
            .filter(|it| it.environment == environment && !it.target.is_empty())
            .map(|it| it.target.to_lowercase())
            .collect();
        let hit = match targets.is_empty() {
            true => HashSet::new(),
            false => store::ticket::labels(conn, ticket)?
                .iter()
                .map(|label| named(label))
                .filter(|it| targets.contains(it))
                .collect(),
        };
        let mut in_vain = HashSet::new();
        for it in rows::begun_between(conn, onset, until, MOST_LATER)? {
            let is_back = it.status == Status::Succeeded && it.step == Step::Rollback;
            let Some(ended) = it.ended_at().filter(|_| is_back) else {
                continue;
            };
            if ended > onset && until.secs_since(ended) > RECOVERY_SECS {
                in_vain.extend(it.previous);
            }
        }
        let mut well = HashSet::new();
        if !hit.is_empty() {
            for it in rows::live(conn, Some(environment))? {
                let is_other =
                    !it.lane.target.is_empty() && !hit.contains(&it.lane.target.to_lowercase());
                let since = it.ended_at().unwrap_or(it.started_at);
                let has_carried = until.secs_since(since) >= UNDER_LOAD_SECS;
                if is_other && it.check == Some(Check::Green) && has_carried {
                    well.insert((it.lane.service, it.version));
                }
            }
        }
        Ok(Self {
            onset,
            environment: environment.to_owned(),
            hit,
            in_vain,
            well,
        })
    }

    /// Why this one can't have been it.
    pub fn alibi(&self, it: &Deployment) -> Option<Alibi> {
        if it.lane.environment != self.environment {
            return Some(Alibi::NotLive);
        }
        let target = it.lane.target.to_lowercase();
        if !self.hit.is_empty() && !target.is_empty() && !self.hit.contains(&target) {
            return Some(Alibi::OtherTarget);
        }
        // What failed is no suspect less for running well elsewhere.
        if it.status == Status::Failed || it.started_at > self.onset {
            return None;
        }
        if self.in_vain.contains(&it.id) {
            return Some(Alibi::TakenBackInVain);
        }
        let version = (it.lane.service, it.version.clone());
        let runs_well = self.hit.contains(&target) && self.well.contains(&version);
        (runs_well && it.check != Some(Check::Red)).then_some(Alibi::WellElsewhere)
    }
}

/// `region:eu-1` and `eu-1` name the same.
fn named(label: &str) -> String {
    let last = label.rsplit([':', '=']).next().unwrap_or(label);
    last.trim().to_lowercase()
}

/// Those of `services` of whose changes nobody ever tells: no feed vouches for them, however freshly it speaks of others. `beats`: of the
/// feeds that are still heard of.
pub(super) fn untold(
    conn: &mut Conn,
    services: &[ServiceId],
    told_of: &HashSet<ServiceId>,
    beats: &[Beat],
    names: &HashMap<ServiceId, String>,
) -> Result<Vec<String>> {
    let vouched = store::feed_beat::services_of(conn, beats)?;
    let repositories = store::repository::repositories(conn)?;
    let pushes: HashSet<ServiceId> = repositories
        .iter()
        .filter(|it| it.is_active && it.last_push_at.is_some())
        .flat_map(Repository::services)
        .collect();
    let is_told = |id: &ServiceId| {
        [told_of, &pushes, &vouched]
            .iter()
            .any(|of| of.contains(id))
    };
    let silent = services.iter().filter(|id| !is_told(id));
    let mut silent: Vec<String> = silent.filter_map(|id| names.get(id).cloned()).collect();
    silent.sort();
    Ok(silent)
}
