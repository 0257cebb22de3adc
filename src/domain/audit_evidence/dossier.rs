//! All that is handed to an auditor, as a value; `render::audit_evidence` makes the files.

use std::collections::BTreeMap;

use super::super::change::{Change, Glass};
use super::super::deployment::{Freshness, Revert};
use super::super::git::TouchedPath;
use super::super::id::TicketKey;
use super::super::sla_report::Period;
use super::super::timeline::{Door, EntryKind, Facts};
use super::super::timestamp::Timestamp;
use super::{Exception, Gap, Item};

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub period: Period,
    /// A service's name; `None`: all.
    pub service: Option<String>,
    pub seed: u64,
    pub sample: usize,
}

/// What is handed over.
#[derive(Debug, Clone)]
pub struct Dossier {
    pub asked: Question,
    /// Where customers are.
    pub environment: String,
    pub made_at: Timestamp,
    pub made_by: String,
    /// The period isn't over.
    pub is_running: bool,
    /// By their begin.
    pub items: Vec<Item>,
    /// Drawn ones, in the order of drawing.
    pub drawn: Vec<Drawn>,
    pub sources: Vec<Source>,
    pub gaps: Vec<Gap>,
    pub lanes: Vec<LaneCount>,
    pub refs: RefEvents,
    /// The newest link of the installation's chain of facts: its number and hash.
    pub head: Option<(i64, String)>,
}

impl Dossier {
    /// How often each kind of exception was found.
    pub fn counts(&self) -> BTreeMap<Exception, usize> {
        let mut counts: BTreeMap<Exception, usize> =
            Exception::ALL.iter().map(|what| (*what, 0)).collect();
        let of_items = self.items.iter().flat_map(|it| it.exceptions(self.made_at));
        let gaps = self.gaps.iter().map(|_| Exception::FeedGap);
        for what in of_items.map(|found| found.what).chain(gaps) {
            *counts.entry(what).or_default() += 1;
        }
        counts
    }
}

/// Whoever told of deployments in the period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub name: String,
    pub count: usize,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
    pub longest_silence_secs: i64,
}

/// How a lane's deployments were counted when they were told, and how many there are; of all times, not of the period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneCount {
    pub service: String,
    pub target: String,
    pub counted: i64,
    pub kept: i64,
    pub highest: i64,
}

impl LaneCount {
    /// None is missing, and none was numbered twice.
    pub fn is_whole(&self) -> bool {
        self.counted == self.kept && self.kept == self.highest
    }
}

/// What repositories told in the period, beside the deployments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RefEvents {
    pub repositories: usize,
    /// Moves of published branches.
    pub published: usize,
    /// Of those, tips that were deployed in the period.
    pub deployed: usize,
}

/// One of the sample.
#[derive(Debug, Clone)]
pub struct Drawn {
    /// Its place among the items.
    pub place: usize,
    pub requests: Vec<Request>,
    /// Of its changes, by key and number.
    pub timeline: Vec<Line>,
    pub commits: Vec<Commit>,
    /// Commits that it took away.
    pub removed: Vec<String>,
    pub revert: Option<Revert>,
    pub freshness: Option<Freshness>,
    pub incidents: Vec<Incident>,
    /// The links of the chain that hold it and the approvals of its changes.
    pub links: Vec<ChainLink>,
}

/// A link of the chain with all that it takes to compute it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainLink {
    pub seq: i64,
    /// The hash of the link before.
    pub before: String,
    pub canonical: String,
    pub hash: String,
}

/// What was asked for with a change.
#[derive(Debug, Clone)]
pub struct Request {
    pub key: TicketKey,
    pub title: String,
    pub opened_at: Timestamp,
    pub state: &'static str,
    pub outcome: Option<&'static str>,
    pub risk: Option<&'static str>,
    pub change: Change,
    pub requested_by: Option<String>,
    pub asked_by: Option<String>,
    pub glass: Option<Glass>,
}

/// An entry of a timeline, with its tombstone where it was redacted.
#[derive(Debug, Clone)]
pub struct Line {
    pub ticket: TicketKey,
    pub seq: i64,
    pub effective_at: Timestamp,
    pub recorded_at: Timestamp,
    pub actor: String,
    pub door: Door,
    pub kind: EntryKind,
    pub text: String,
    pub facts: Facts,
    pub is_redacted: bool,
}

/// A commit that was deployed.
#[derive(Debug, Clone)]
pub struct Commit {
    pub oid: String,
    pub author: String,
    pub committed_at: Timestamp,
    /// `None`: it was redacted on a ticket.
    pub subject: Option<String>,
    pub paths: Vec<TouchedPath>,
    pub path_count: i32,
}

/// An incident around a deployment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Incident {
    pub key: TicketKey,
    /// `carried`, `caused`, or how a change of it is linked.
    pub how: String,
    pub title: String,
    pub severity: Option<&'static str>,
    pub state: &'static str,
    pub impact_at: Timestamp,
    pub restored_at: Option<Timestamp>,
}
