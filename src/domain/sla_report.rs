//! What became of a customer's promises in a period, as a value: how many of how many were kept, what lies behind each number,
//! whose the late time was, how available the services were, and what is given back.
//!
//! A cycle belongs to the period in which it ended, on the wall clock of the report's zone; what was open when the period ended
//! stands apart, and what was cancelled in time is in neither number of a share. However a late cycle ended, it was missed
//! ([`judged`]). The same record makes the same report, and its hash names it. Persons don't occur: late time is summed by team, customer, vendor, freeze and nobody (`sla_holder::Bearer`).

use std::collections::BTreeMap;

use chrono::NaiveDate;
use chrono_tz::Tz;
use sha2::{Digest, Sha256};

use super::availability::Uptime;
use super::id::{AgreementId, ClockId, CustomerId, TicketKey};
use super::refusal::FieldError;
use super::sla_agreement::Metric;
use super::sla_clock::{CancelReason, ClockState};
use super::sla_credit::{Basis, Clause, Credit, credit, share_text};
use super::sla_holder::Bearer;
use super::sla_proof::Home;
use super::timestamp::Timestamp;
use super::wall_clock;
use super::word::words;
use super::worktime::Interval;

/// Longest period of a report, in days: a leap year.
pub const MOST_DAYS: i64 = 366;

/// Whole local days, both included, in a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    pub from_on: NaiveDate,
    pub to_on: NaiveDate,
    pub zone: Tz,
}

impl Period {
    pub fn new(from_on: NaiveDate, to_on: NaiveDate, zone: Tz) -> Result<Self, FieldError> {
        let days = (to_on - from_on).num_days() + 1;
        if days < 1 {
            return Err(FieldError::new("to", "end-before-start"));
        }
        if days > MOST_DAYS {
            let most = MOST_DAYS.to_string();
            return Err(FieldError::new("to", "period-too-long").with("max", most));
        }
        Ok(Self {
            from_on,
            to_on,
            zone,
        })
    }

    /// From the first instant of its first day to the first of the day after its last.
    pub fn interval(&self) -> Interval {
        let start =
            |day: NaiveDate| wall_clock::instant(day.and_time(chrono::NaiveTime::MIN), self.zone);
        let after = self.to_on.succ_opt().unwrap_or(NaiveDate::MAX);
        Interval::new(start(self.from_on), start(after))
    }
}

words! {
    /// What became of a cycle.
    pub enum Verdict {
        Met = "met",
        Missed = "missed",
        /// In neither number of a share.
        Cancelled = "cancelled",
        /// Somebody said in time that nobody needs this answer; in neither number of a share.
        NotNeeded = "not_needed",
        /// Another ticket's clock carries it on.
        Moved = "moved",
    }
}

/// One revision of a cycle, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    pub clock: ClockId,
    pub home: Option<Home>,
    pub anchor_at: Timestamp,
    pub deadline_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub state: ClockState,
    pub cancelled: Option<CancelReason>,
    pub breached_at: Option<Timestamp>,
}

/// What became of a cycle, by all its revisions in their order: a breach under any of them stays, whatever came after. With the
/// revision that decided it; `None` while it is open.
///
/// Late and then answered, not needed any more, closed, left without a target or merged away: it was missed. Only what was never
/// owed leaves: a ticket that was itself cancelled (spam, duplicate, withdrawn by who asked). A breach that a correction took back
/// isn't in the revisions any more.
///
/// `survivor`: of a cycle that was merged away, the revisions of the same promise on the ticket in which it goes on. Where one of
/// them was open at the merge and late by then, both are one lateness of one promise: it moves there and is counted once. Where
/// the survivor was in time, the customer was let down here all the same: missed here, and whatever becomes of the other is the
/// other's. What happens after the merge never changes the answer, so that a report of a period that is over stays as it was.
pub fn judged<'a>(chain: &'a [Revision], survivor: &[Revision]) -> Option<(Verdict, &'a Revision)> {
    let last = chain.last().filter(|last| !last.state.is_open())?;
    let breached = chain.iter().find(|it| it.breached_at.is_some());
    Some(match (last.state, breached) {
        (ClockState::Scheduled | ClockState::Running | ClockState::Held, _) => return None,
        (ClockState::Cancelled, _) if last.cancelled == Some(CancelReason::Ticket) => {
            (Verdict::Cancelled, last)
        }
        (ClockState::Superseded, Some(_)) if goes_on_late(last, survivor) => (Verdict::Moved, last),
        (_, Some(breached)) => (Verdict::Missed, breached),
        (ClockState::Superseded, None) => (Verdict::Moved, last),
        (ClockState::Cancelled, None) => match last.cancelled {
            Some(CancelReason::NotNeeded) => (Verdict::NotNeeded, last),
            _ => (Verdict::Cancelled, last),
        },
        (ClockState::Met | ClockState::Missed, None) => (Verdict::Met, last),
    })
}

/// Whether the promise that `absorbed` was merged away from was open and late on the survivor at that instant.
fn goes_on_late(absorbed: &Revision, survivor: &[Revision]) -> bool {
    let Some(merged_at) = absorbed.ended_at else {
        return false;
    };
    survivor.iter().any(|it| {
        it.breached_at.is_some_and(|at| at <= merged_at)
            && it.ended_at.is_none_or(|at| at >= merged_at)
    })
}

/// A cycle that ended in the period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub clock: ClockId,
    pub ticket: TicketKey,
    pub title: String,
    pub metric: Metric,
    pub cycle: i32,
    pub verdict: Verdict,
    /// Why nobody goes on with it, whether it was late by then or not.
    pub cancelled: Option<CancelReason>,
    pub anchor_at: Timestamp,
    pub deadline_at: Option<Timestamp>,
    pub breached_at: Option<Timestamp>,
    pub ended_at: Timestamp,
    /// Of what was missed: the working time that was used in all, in microseconds, and by how many seconds of the wall clock it was
    /// late. A promise can be late without a minute of working time: due at closing time, answered in the evening.
    pub used: i64,
    pub over_secs: i64,
    /// Working time after the deadline, by whose it was; microseconds.
    pub late: Vec<(Bearer, i64)>,
}

/// A cycle that was open when the period ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    pub clock: ClockId,
    pub ticket: TicketKey,
    pub title: String,
    pub metric: Metric,
    pub cycle: i32,
    pub anchor_at: Timestamp,
    pub deadline_at: Option<Timestamp>,
    /// Its deadline lay in the period or before.
    pub is_late: bool,
}

/// One service, or what names none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// As customers call it; `None`: incidents that name no service.
    pub service: Option<String>,
    pub uptime: Uptime,
    /// Those that it was down by.
    pub incidents: Vec<TicketKey>,
}

/// The promises of one agreement, or those made by hand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Section {
    pub agreement: Option<AgreementId>,
    pub name: String,
    /// Those that occur, ascending.
    pub versions: Vec<i64>,
    /// The version that was in force when the period ended, or last in it: its clause is the one that counts.
    pub in_force: i64,
    /// By metric, ticket, cycle.
    pub outcomes: Vec<Outcome>,
    pub pending: Vec<Pending>,
    /// `None` where availability isn't counted: promises made by hand, the house's own clocks.
    pub availability: Option<Vec<Served>>,
    pub clause: Option<Clause>,
}

/// The numbers of one metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    pub met: i64,
    pub missed: i64,
    pub cancelled: i64,
    /// Of the cancelled, those that were late already.
    pub cancelled_late: i64,
    /// "No reply needed".
    pub not_needed: i64,
    pub moved: i64,
    pub open: i64,
    pub open_late: i64,
}

impl Count {
    /// What was to be kept: the denominator.
    pub const fn all(self) -> i64 {
        self.met + self.missed
    }
}

impl Outcome {
    /// Working time after the deadline, in microseconds.
    pub fn late_micros(&self) -> i64 {
        self.late.iter().map(|(_, micros)| micros).sum()
    }
}

impl Section {
    /// The numbers by metric, in the metrics' order.
    pub fn counts(&self) -> BTreeMap<Metric, Count> {
        let mut counts: BTreeMap<Metric, Count> = BTreeMap::new();
        for outcome in &self.outcomes {
            let count = counts.entry(outcome.metric).or_default();
            match outcome.verdict {
                Verdict::Met => count.met += 1,
                Verdict::Missed => count.missed += 1,
                Verdict::Moved => count.moved += 1,
                Verdict::NotNeeded => count.not_needed += 1,
                Verdict::Cancelled => {
                    count.cancelled += 1;
                    count.cancelled_late += i64::from(outcome.breached_at.is_some());
                }
            }
        }
        for pending in &self.pending {
            let count = counts.entry(pending.metric).or_default();
            count.open += 1;
            count.open_late += i64::from(pending.is_late);
        }
        counts
    }

    /// The late time of missed cycles by whose it was, in microseconds.
    pub fn late(&self) -> BTreeMap<Bearer, i64> {
        let mut late = BTreeMap::new();
        let missed = |outcome: &&Outcome| outcome.verdict == Verdict::Missed;
        for (bearer, micros) in self.outcomes.iter().filter(missed).flat_map(|it| &it.late) {
            *late.entry(*bearer).or_default() += micros;
        }
        late
    }

    /// The service that fared worst.
    pub fn worst(&self) -> Option<&Served> {
        let served = self.availability.iter().flatten();
        // up/total compared without dividing.
        served.min_by(|a, b| {
            let left = i128::from(a.uptime.up()) * i128::from(b.uptime.total);
            let right = i128::from(b.uptime.up()) * i128::from(a.uptime.total);
            left.cmp(&right)
        })
    }

    /// How much of how much was kept.
    pub fn achieved(&self, basis: Basis) -> Option<(i64, i64)> {
        match basis {
            Basis::Kept(metric) => {
                let count = self.counts().get(&metric).copied().unwrap_or_default();
                Some((count.met, count.all()))
            }
            // Without any outage everything worked.
            Basis::Availability => match self.worst() {
                Some(worst) => Some((worst.uptime.up(), worst.uptime.total)),
                None => self.availability.as_ref().map(|_| (1, 1)),
            },
        }
    }

    /// What is given back by the agreement's clause.
    pub fn credit(&self) -> Option<Credit> {
        let clause = self.clause.as_ref()?;
        Some(credit(clause, |basis| self.achieved(basis)))
    }
}

/// A whole report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlaReport {
    /// `None`: the house's own clocks.
    pub customer: Option<(CustomerId, String)>,
    pub period: Period,
    /// The period isn't over: the numbers are those of this instant and will change.
    pub as_of: Option<Timestamp>,
    /// Names of the teams that occur.
    pub teams: BTreeMap<super::id::TeamId, String>,
    /// By name; what was promised by hand last.
    pub sections: Vec<Section>,
}

impl SlaReport {
    /// A bearer's name: a team's, or `None` for those who have a word.
    pub fn team(&self, bearer: Bearer) -> Option<&str> {
        match bearer {
            Bearer::Team(Some(team)) => self.teams.get(&team).map(String::as_str),
            Bearer::Team(None)
            | Bearer::Customer
            | Bearer::Vendor
            | Bearer::Freeze
            | Bearer::Nobody => None,
        }
    }

    /// The content in one unambiguous text. Each value carries its length in bytes, so that no text can pretend to be the next one.
    pub fn canonical(&self) -> String {
        let mut out = Canonical(String::from("watchkeeper sla report 2\n"));
        if let Some((id, name)) = &self.customer {
            out.put("customer", &id.to_string());
            out.put("name", name);
        }
        out.put("zone", self.period.zone.name());
        out.put("from", &self.period.from_on.to_string());
        out.put("to", &self.period.to_on.to_string());
        out.instant("as-of", self.as_of);
        for section in &self.sections {
            self.section(section, &mut out);
        }
        out.0
    }

    fn section(&self, section: &Section, out: &mut Canonical) {
        out.put(
            "agreement",
            &section
                .agreement
                .map(|id| id.to_string())
                .unwrap_or_default(),
        );
        out.put("called", &section.name);
        for version in &section.versions {
            out.put("version", &version.to_string());
        }
        for it in &section.outcomes {
            out.put("outcome", it.verdict.as_str());
            out.put("ticket", &it.ticket.to_string());
            out.put("title", &it.title);
            out.put("metric", it.metric.as_str());
            out.put("cycle", &it.cycle.to_string());
            out.put("why", it.cancelled.map_or("", CancelReason::as_str));
            out.instant("anchor", Some(it.anchor_at));
            out.instant("deadline", it.deadline_at);
            out.instant("breached", it.breached_at);
            out.instant("ended", Some(it.ended_at));
            if it.verdict == Verdict::Missed {
                out.put("used", &it.used.to_string());
                out.put("over", &it.over_secs.to_string());
            }
            for (bearer, micros) in &it.late {
                let whose = self.team(*bearer).unwrap_or_default();
                out.put("late", &format!("{} {micros} {whose}", bearer.word()));
            }
        }
        for it in &section.pending {
            out.put("open", &it.ticket.to_string());
            out.put("title", &it.title);
            out.put("metric", it.metric.as_str());
            out.put("cycle", &it.cycle.to_string());
            out.instant("anchor", Some(it.anchor_at));
            out.instant("deadline", it.deadline_at);
            out.put("is-late", if it.is_late { "yes" } else { "no" });
        }
        for it in section.availability.iter().flatten() {
            out.put("service", it.service.as_deref().unwrap_or_default());
            let Uptime { total, down } = it.uptime;
            out.put("down", &format!("{down} of {total}"));
            for key in &it.incidents {
                out.put("by", &key.to_string());
            }
        }
        if let (Some(clause), Some(credit)) = (&section.clause, section.credit()) {
            for rule in &clause.rules {
                let (below, gives) = (share_text(rule.below), share_text(rule.credit));
                out.put("rule", &format!("{} {below} {gives}", rule.basis.as_str()));
            }
            out.put("cap", &share_text(clause.cap));
            out.put("credit", &share_text(credit.credit));
        }
    }

    /// SHA-256 of [`SlaReport::canonical`], in hexadecimal: stands in every form of the report.
    pub fn hash(&self) -> String {
        Sha256::digest(self.canonical().as_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

struct Canonical(String);

impl Canonical {
    fn put(&mut self, name: &str, value: &str) {
        self.0
            .push_str(&format!("{name} {}:{value}\n", value.len()));
    }

    fn instant(&mut self, name: &str, at: Option<Timestamp>) {
        self.put(name, &at.map(Timestamp::rfc3339).unwrap_or_default());
    }
}

#[cfg(test)]
pub mod tests;
