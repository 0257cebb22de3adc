//! Figures of delivery, from the ledger of deployments: how fast what is written is live, how often something is deployed, how
//! often that goes wrong, and how soon it is right again.
//!
//! Production only, by the week in which a deployment began. Every number is the length of a list or a value over one
//! ([`Number`]), so that nobody has to believe it. Of services and weeks; never of people, whose names don't come in here.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::deployment::{Lane, Status, Step};
use super::id::{DeploymentId, TicketKey};
use super::timestamp::Timestamp;
use super::word::words;
use super::worktime::Interval;

/// A rollback or a hot-fix that begins later than this after a deployment ended says nothing of it any more.
const INTERVENED_MICROS: i64 = 24 * 3_600 * 1_000_000;
const WEEK_MICROS: i128 = 7 * 86_400 * 1_000_000;

/// A commit, and when it came into the repository's history.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Carried {
    pub oid: String,
    pub committed_at: Timestamp,
}

/// A deployment to production, with what the record says around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shipment {
    pub id: DeploymentId,
    pub lane: Lane,
    pub version: String,
    pub status: Status,
    pub step: Step,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// What was live when it began.
    pub previous: Option<DeploymentId>,
    /// What it brought that hadn't been live there before, without merges; `None`: nobody told us.
    pub commits: Option<Vec<Carried>>,
    /// It went through a freeze or without approval, or its change did.
    pub is_emergency: bool,
    /// Incidents that its commits close or its changes were made for.
    pub mends: Vec<TicketKey>,
    /// Incidents that it carries or its changes are linked with: those that it mends among them.
    pub linked: Vec<TicketKey>,
    /// Incidents that somebody found to come of it.
    pub caused: Vec<TicketKey>,
    /// Incidents that somebody found not to come of it.
    pub cleared: Vec<TicketKey>,
    /// Of one that failed, the end of the next one in its lane that succeeded.
    pub next_good_at: Option<Timestamp>,
}

words! {
    /// Why a deployment counts as failed.
    pub enum Why {
        /// Somebody found that an incident comes of it.
        Caused = "caused",
        /// What followed within a day was a rollback or a hot-fix that is linked to an incident.
        Intervened = "intervened",
        Failed = "failed",
        /// Whoever deployed it took it back.
        RolledBack = "rolled_back",
    }
}

words! {
    /// Why a deployment counts as rework.
    pub enum Rework {
        Emergency = "emergency",
        Mends = "mends",
    }
}

/// What went wrong with a deployment, and how long it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fail {
    pub why: Vec<Why>,
    pub incidents: Vec<TicketKey>,
    /// The rollback or hot-fix that followed.
    pub by: Option<DeploymentId>,
    /// `None`: it isn't right yet, as far as is known.
    pub recovered_at: Option<Timestamp>,
}

/// A deployment with what is found of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    pub it: Shipment,
    pub fail: Option<Fail>,
    pub rework: Vec<Rework>,
    /// What it brought to production, each with its microseconds from commit to the end of the deployment.
    pub leads: Vec<(Carried, i64)>,
}

words! {
    /// A number, by the list that it is the length of or is taken over.
    pub enum Number {
        /// All that came to an end, however that was: what shares are shares of.
        All = "all",
        /// They were live, if only for a while.
        Reached = "reached",
        /// They brought commits that we know.
        Lead = "lead",
        /// They were live, and nobody told us which commits they brought.
        LeadUnknown = "lead_unknown",
        Failed = "failed",
        Recovered = "recovered",
        Unrecovered = "unrecovered",
        Rework = "rework",
        /// They have begun, and nobody has told their end.
        Running = "running",
    }
}

impl Judged {
    /// It counts in this number.
    pub fn is_of(&self, number: Number) -> bool {
        let it = &self.it;
        let is_over = it.status != Status::Started;
        let reached = matches!(it.status, Status::Succeeded | Status::RolledBack);
        match number {
            Number::All => is_over,
            Number::Reached => reached,
            Number::Lead => !self.leads.is_empty(),
            Number::LeadUnknown => it.status == Status::Succeeded && it.commits.is_none(),
            Number::Failed => self.fail.is_some(),
            Number::Recovered => self.recovery().is_some(),
            Number::Unrecovered => self.fail.is_some() && self.recovery().is_none(),
            Number::Rework => is_over && !self.rework.is_empty(),
            Number::Running => !is_over,
        }
    }

    /// Microseconds from the begin of a deployment that failed until it was right again.
    pub fn recovery(&self) -> Option<i64> {
        let at = self.fail.as_ref()?.recovered_at?;
        Some(at.micros_since(self.it.started_at).max(0))
    }
}

/// Judges deployments, which come by their begin. `restored`: since when the incidents that they name are over; one that isn't in it
/// doesn't count (it was cancelled). Interventions are found among `all`, so that those of the day after the period are needed too.
pub fn judge(all: Vec<Shipment>, restored: &BTreeMap<TicketKey, Option<Timestamp>>) -> Vec<Judged> {
    let known = |keys: &[TicketKey]| -> Vec<TicketKey> {
        keys.iter()
            .filter(|key| restored.contains_key(key))
            .copied()
            .collect()
    };
    let places: HashMap<DeploymentId, usize> =
        all.iter().enumerate().map(|(at, it)| (it.id, at)).collect();
    // The first intervention against each, with the incidents that it is linked to.
    let mut against: HashMap<usize, (DeploymentId, Vec<TicketKey>)> = HashMap::new();
    for it in &all {
        let mends = known(&it.mends);
        let intervenes = it.step == Step::Rollback || it.is_emergency || !mends.is_empty();
        let (true, Some(place)) = (intervenes, mended(it, &all, &places)) else {
            continue;
        };
        let ended_at = all[place].ended_at.unwrap_or(all[place].started_at);
        let mut incidents = known(&it.linked);
        incidents.retain(|key| !all[place].cleared.contains(key));
        if !incidents.is_empty() && it.started_at.micros_since(ended_at) <= INTERVENED_MICROS {
            against.entry(place).or_insert((it.id, incidents));
        }
    }
    let mut shipped: HashSet<(Lane, String)> = HashSet::new();
    let mut judged = Vec::with_capacity(all.len());
    for (place, it) in all.iter().enumerate() {
        let intervention = against.remove(&place);
        let mut leads = Vec::new();
        if let (Status::Succeeded, Some(commits), Some(at)) = (it.status, &it.commits, it.ended_at)
        {
            for commit in commits {
                if shipped.insert((it.lane.clone(), commit.oid.clone())) {
                    let micros = at.micros_since(commit.committed_at).max(0);
                    leads.push((commit.clone(), micros));
                }
            }
        }
        let mut rework = Vec::new();
        if it.is_emergency {
            rework.push(Rework::Emergency);
        }
        if !known(&it.mends).is_empty() {
            rework.push(Rework::Mends);
        }
        judged.push(Judged {
            fail: fail(it, known(&it.caused), intervention, restored),
            it: it.clone(),
            rework,
            leads,
        });
    }
    judged
}

/// What an intervention is against: what was live when it began, or before a rollback that was.
fn mended(it: &Shipment, all: &[Shipment], places: &HashMap<DeploymentId, usize>) -> Option<usize> {
    let mut at = it.previous;
    for _ in 0..all.len() {
        let place = *places.get(&at?)?;
        match all[place].step {
            Step::Rollback => at = all[place].previous,
            Step::First | Step::Same | Step::Forward | Step::Sideways | Step::Other => {
                return Some(place);
            }
        }
    }
    None
}

fn fail(
    it: &Shipment,
    caused: Vec<TicketKey>,
    intervention: Option<(DeploymentId, Vec<TicketKey>)>,
    restored: &BTreeMap<TicketKey, Option<Timestamp>>,
) -> Option<Fail> {
    let mut why = Vec::new();
    if !caused.is_empty() {
        why.push(Why::Caused);
    }
    let by = intervention.as_ref().map(|(by, _)| *by);
    if by.is_some() {
        why.push(Why::Intervened);
    }
    match it.status {
        Status::Failed => why.push(Why::Failed),
        Status::RolledBack => why.push(Why::RolledBack),
        Status::Started | Status::Succeeded => {}
    }
    if why.is_empty() || it.status == Status::Started {
        return None;
    }
    let incidents: BTreeSet<TicketKey> = caused
        .into_iter()
        .chain(intervention.into_iter().flat_map(|(_, keys)| keys))
        .collect();
    let over: Vec<Option<Timestamp>> = incidents
        .iter()
        .map(|key| restored.get(key).copied().flatten())
        .collect();
    let recovered_at = if it.status == Status::RolledBack {
        it.ended_at
    } else if over.is_empty() {
        it.next_good_at
    } else if over.iter().all(Option::is_some) {
        over.into_iter().flatten().max()
    } else {
        // An incident that goes on says more than whatever was deployed against it.
        None
    };
    Some(Fail {
        why,
        incidents: incidents.into_iter().collect(),
        by,
        recovered_at,
    })
}

/// How lengths of time lie.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spread {
    pub count: usize,
    /// Microseconds; between the two in the middle of an even number.
    pub median: Option<i64>,
    /// Nine of ten are no longer: a value that occurs, by nearest rank.
    pub p90: Option<i64>,
}

impl Spread {
    pub fn of(mut values: Vec<i64>) -> Self {
        values.sort_unstable();
        let count = values.len();
        let at = |place: usize| values.get(place).copied();
        let median = match count % 2 {
            1 => at(count / 2),
            _ => at(count / 2).map(|high| {
                let low = values[count / 2 - 1];
                low + (high - low) / 2
            }),
        };
        Self {
            count,
            median,
            p90: at((count * 9).div_ceil(10).saturating_sub(1)),
        }
    }
}

/// The figures of a span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    lists: BTreeMap<Number, Vec<DeploymentId>>,
    /// Of commits, from commit to production.
    pub lead: Spread,
    /// Of failed deployments that are right again.
    pub recovery: Spread,
    /// Tenths of a deployment a week that was live.
    pub tenths_a_week: i64,
}

impl Figures {
    /// Of these deployments, which began in the span.
    pub fn of<'a>(judged: impl Iterator<Item = &'a Judged>, span: Interval) -> Self {
        let mut lists: BTreeMap<Number, Vec<DeploymentId>> = BTreeMap::new();
        let (mut leads, mut recoveries) = (Vec::new(), Vec::new());
        for it in judged {
            for number in Number::ALL {
                if it.is_of(*number) {
                    lists.entry(*number).or_default().push(it.it.id);
                }
            }
            leads.extend(it.leads.iter().map(|(_, micros)| *micros));
            recoveries.extend(it.recovery());
        }
        let reached = lists.get(&Number::Reached).map_or(0, Vec::len) as i128;
        let micros = i128::from(span.to.micros_since(span.from)).max(1);
        let tenths = (reached * 10 * WEEK_MICROS * 2 + micros) / (micros * 2);
        Self {
            lists,
            lead: Spread::of(leads),
            recovery: Spread::of(recoveries),
            tenths_a_week: i64::try_from(tenths).unwrap_or(i64::MAX),
        }
    }

    /// The list behind a number, by the begin of its deployments.
    pub fn list(&self, number: Number) -> &[DeploymentId] {
        self.lists.get(&number).map_or(&[], Vec::as_slice)
    }

    pub fn count(&self, number: Number) -> usize {
        self.list(number).len()
    }

    /// How much of all deployments this is, in tenths of a percent, half up; `None`: there were none to be a share of.
    pub fn share(&self, number: Number) -> Option<i64> {
        let (n, all) = (self.count(number) as i64, self.count(Number::All) as i64);
        (all > 0).then(|| (n * 2_000 + all) / (all * 2))
    }
}

/// Tenths as text: `12.5`, `8`.
pub fn tenths(n: i64) -> String {
    match n % 10 {
        0 => (n / 10).to_string(),
        rest => format!("{}.{rest}", n / 10),
    }
}

mod report;
pub use report::Report;

#[cfg(test)]
mod tests;
