//! What an auditor is shown of a period's deployments to production: all of them, what was out of order with each, and a sample that
//! anybody can draw again.
//!
//! An approval counts if it stood when the deployment began. One that was taken back before (the plan was edited) doesn't, and one
//! that came later is late.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::change::Glass;
use super::deployment::{Deployment, Status, Step};
use super::id::{DeploymentId, PersonId, TicketKey};
use super::timestamp::Timestamp;
use super::word::words;

pub mod dossier;

/// A deployment that was told later than this after its end is one that somebody told by hand, or a pipeline that was cut off.
const TOLD_LATE_SECS: i64 = 3_600;
/// A deployment without an end for so long isn't running any more.
const NO_END_SECS: i64 = 86_400;
/// Silences below this are nothing to speak of, whatever the rhythm.
const LEAST_GAP_SECS: i64 = 86_400;
/// Fewer events have no rhythm.
const LEAST_EVENTS: usize = 20;

/// Somebody, as far as the house knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Somebody {
    pub id: PersonId,
    pub name: String,
    /// Folded.
    pub email: String,
}

/// An approval, from when to when it stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// `None`: whoever it was isn't known any more.
    pub by: Option<Somebody>,
    pub by_name: String,
    pub at: Timestamp,
    /// It was taken back then.
    pub until: Option<Timestamp>,
    pub asked_by: Option<PersonId>,
    /// Those who approved it before, where one wasn't enough.
    pub others: Vec<Approver>,
    /// The rule that said who has to approve it; `None`: the house's own.
    pub rule: Option<String>,
    /// Of what was approved.
    pub digest: Option<String>,
}

/// One of several who approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approver {
    pub by: Option<Somebody>,
    pub by_name: String,
    pub at: Timestamp,
    pub digest: Option<String>,
}

impl Approval {
    /// Everybody whose approval it is, the last at the end.
    pub fn names(&self) -> String {
        let others = self.others.iter().map(|it| it.by_name.as_str());
        let all: Vec<&str> = others.chain([self.by_name.as_str()]).collect();
        all.join(", ")
    }

    fn stands_at(&self, at: Timestamp) -> bool {
        self.at <= at && self.until.is_none_or(|until| until > at)
    }
}

/// A change that a deployment carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    pub key: TicketKey,
    pub title: String,
    pub requested_by: Option<Somebody>,
    /// In their order.
    pub approvals: Vec<Approval>,
    /// Its broken glass, the last.
    pub glass: Option<Glass>,
}

impl Carried {
    /// The approval that stood at an instant.
    pub fn approval_at(&self, at: Timestamp) -> Option<&Approval> {
        self.approvals.iter().rev().find(|it| it.stands_at(at))
    }

    /// The approval that is shown: the one that stood, else the first that came later.
    pub fn shown(&self, at: Timestamp) -> Option<&Approval> {
        let later = || self.approvals.iter().find(|it| it.at > at);
        self.approval_at(at).or_else(later)
    }
}

/// A deployment of the population.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// From 1, without gaps, by the begin.
    pub seq: usize,
    pub it: Deployment,
    pub service: String,
    pub repository: Option<String>,
    pub before: Option<String>,
    /// Carried changes, by key.
    pub changes: Vec<Carried>,
    /// Addresses of those who wrote its commits, folded.
    pub authors: BTreeSet<String>,
}

words! {
    /// What is out of order.
    pub enum Exception {
        /// It carries no change.
        NoChange = "no_change",
        /// Its change wasn't approved when it began, and never was afterwards.
        Unapproved = "unapproved",
        /// Its change was approved after it began.
        LateApproval = "late_approval",
        /// Whoever approved the change had asked for it.
        SelfApproval = "self_approval",
        /// Whoever approved the change told of the deployment.
        ApproverDeployed = "approver_deployed",
        /// Whoever approved the change wrote a commit that was deployed.
        ApproverWrote = "approver_wrote",
        /// It went through a freeze or without approval, with a reason.
        Override = "override",
        /// The glass was broken while the service was away, by somebody who may not break it.
        NotEntitled = "not_entitled",
        /// It began in a freeze; nobody gave a reason.
        InFreeze = "in_freeze",
        /// Nobody looked in time at the glass that was broken.
        ReviewOverdue = "review_overdue",
        /// The record came more than an hour after its end.
        ToldLate = "told_late",
        /// It began more than a day ago, and nobody told its end.
        NoEnd = "no_end",
        /// Whoever tells of deployments was silent for much longer than usual.
        FeedGap = "feed_gap",
    }
}

/// One thing that is out of order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub what: Exception,
    pub change: Option<TicketKey>,
    /// Who or what, where there is somebody or something.
    pub who: String,
    /// When it was, or should have been.
    pub at: Option<Timestamp>,
}

impl Item {
    /// Every change that it carries was approved when it began; without one, nobody approved it.
    pub fn is_approved(&self) -> bool {
        let at = self.it.started_at;
        !self.changes.is_empty() && self.changes.iter().all(|it| it.approval_at(at).is_some())
    }

    /// Whoever approved neither asked for it, nor wrote it, nor deployed it; `None` without an approval that stood.
    pub fn is_segregated(&self) -> Option<bool> {
        let at = self.it.started_at;
        let stood: Vec<_> = self
            .changes
            .iter()
            .filter_map(|change| Some((change, change.approval_at(at)?)))
            .collect();
        let is_apart =
            |(change, approval): &(&Carried, &Approval)| self.crossed(change, approval).is_empty();
        (!stood.is_empty()).then(|| stood.iter().all(is_apart))
    }

    pub fn is_rollback(&self) -> bool {
        self.it.step == Step::Rollback || self.it.status == Status::RolledBack
    }

    /// Where one person is on both sides of an approval: what, who, and when they approved.
    fn crossed<'a>(
        &self,
        change: &Carried,
        approval: &'a Approval,
    ) -> Vec<(Exception, &'a str, Timestamp)> {
        let mut crossed = Vec::new();
        let others = approval.others.iter();
        let others = others.map(|it| (it.by.as_ref(), it.by_name.as_str(), it.at));
        let last = (approval.by.as_ref(), approval.by_name.as_str(), approval.at);
        for (by, name, at) in others.chain([last]) {
            let Some(by) = by else { continue };
            let requested = change.requested_by.as_ref().map(|it| it.id);
            if requested == Some(by.id) || approval.asked_by == Some(by.id) {
                crossed.push((Exception::SelfApproval, name, at));
            }
            if self.it.by == Some(by.id) {
                crossed.push((Exception::ApproverDeployed, name, at));
            }
            if self.authors.contains(&by.email) {
                crossed.push((Exception::ApproverWrote, name, at));
            }
        }
        crossed
    }

    /// All that is out of order with it, as of `now`.
    pub fn exceptions(&self, now: Timestamp) -> Vec<Found> {
        let it = &self.it;
        let mut found = Vec::new();
        let mut note = |what, change, who: &str, at| {
            found.push(Found {
                what,
                change,
                who: who.to_owned(),
                at,
            });
        };
        if self.changes.is_empty() {
            note(Exception::NoChange, None, it.who(), Some(it.started_at));
        }
        for change in &self.changes {
            let key = Some(change.key);
            match (
                change.approval_at(it.started_at),
                change.shown(it.started_at),
            ) {
                (Some(approval), _) => {
                    for (what, who, at) in self.crossed(change, approval) {
                        note(what, key, who, Some(at));
                    }
                }
                (None, Some(late)) => {
                    note(Exception::LateApproval, key, &late.by_name, Some(late.at));
                }
                (None, None) => note(Exception::Unapproved, key, "", None),
            }
            if let Some(glass) = change.glass.as_ref().filter(|it| !it.was_entitled) {
                note(Exception::NotEntitled, key, &glass.by_name, Some(glass.at));
            }
            if let Some(glass) = &change.glass
                && let Some(until) = glass.review_until
            {
                let is_late = match &glass.review {
                    Some(review) => review.at > until,
                    None => now > until,
                };
                if is_late {
                    note(Exception::ReviewOverdue, key, &glass.by_name, Some(until));
                }
            }
        }
        match (&it.glass, &it.freeze) {
            (Some(_), freeze) => {
                let name = freeze.as_deref().unwrap_or_default();
                note(Exception::Override, None, name, Some(it.started_at));
            }
            (None, Some(name)) => note(Exception::InFreeze, None, name, Some(it.started_at)),
            (None, None) => {}
        }
        let told = it.ended_at().unwrap_or(it.started_at);
        if it.recorded_at.secs_since(told) > TOLD_LATE_SECS {
            note(Exception::ToldLate, None, &it.source, Some(it.recorded_at));
        }
        if it.status == Status::Started && now.secs_since(it.started_at) > NO_END_SECS {
            note(Exception::NoEnd, None, &it.source, Some(it.started_at));
        }
        found
    }
}

/// A silence of somebody who tells of deployments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    pub source: String,
    pub from: Timestamp,
    pub to: Timestamp,
}

/// Silences that are longer than a day and more than four times as long as nineteen of twenty of that source's. `told`: when it told
/// of a deployment, in order. A source of fewer than twenty has no rhythm, and no gap.
pub fn gaps(source: &str, told: &[Timestamp]) -> Vec<Gap> {
    if told.len() < LEAST_EVENTS {
        return Vec::new();
    }
    let silences: Vec<i64> = told.windows(2).map(|it| it[1].secs_since(it[0])).collect();
    let mut sorted = silences.clone();
    sorted.sort_unstable();
    let usual = sorted[(sorted.len() * 19).div_ceil(20) - 1];
    let least = (usual * 4).max(LEAST_GAP_SECS);
    let pairs = told.windows(2).zip(silences);
    pairs
        .filter(|(_, silence)| *silence > least)
        .map(|(pair, _)| Gap {
            source: source.to_owned(),
            from: pair[0],
            to: pair[1],
        })
        .collect()
}

/// How a sample is drawn, for whoever draws it again.
pub const ALGORITHM: &str = "Order the population by the hexadecimal SHA-256 of \"<seed>:<id>\" and take the first ones: printf '%s' 42:<id> | sha256sum";

/// Draws `most` of these, in the order of drawing: the places of those whose hash of seed and id is lowest.
pub fn draw(seed: u64, population: &[DeploymentId], most: usize) -> Vec<usize> {
    let lot = |id: &DeploymentId| -> [u8; 32] {
        Sha256::digest(format!("{seed}:{id}").as_bytes()).into()
    };
    let mut lots: Vec<([u8; 32], usize)> = population.iter().map(lot).zip(0..).collect();
    lots.sort_unstable();
    lots.truncate(most);
    lots.into_iter().map(|(_, place)| place).collect()
}

#[cfg(test)]
mod tests;
