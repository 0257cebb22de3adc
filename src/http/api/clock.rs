//! Promises: a ticket's clocks, and how each deadline came about.

use serde::Serialize;
use utoipa::ToSchema;

use super::call::{Answer, Call, Nothing, Reply};
use super::paging::{Page, Paging};
use super::value::{
    AgreementUid, At, ClockUid, CustomerUid, PersonUid, TeamUid, Uid, WaitingOnWord, Word,
};
use crate::actions;
use crate::actions::sla_proof;
use crate::domain::id::ClockId;
use crate::domain::sla_agreement::Budget;
use crate::domain::sla_burn::over_secs;
use crate::domain::sla_clock::Stop;
use crate::domain::sla_explain::{self, StepKind};
use crate::domain::sla_holder::Holder;
use crate::domain::sla_proof::Proof;
use crate::store;
use crate::store::sla::ClockRow;

/// A promise on a ticket, as it stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct Clock {
    pub id: ClockUid,
    /// Null: the house's own.
    pub customer_id: Option<CustomerUid>,
    #[schema(example = "respond")]
    pub metric: &'static str,
    /// `customer`, `internal` or `vendor`.
    pub promisee: &'static str,
    /// 1, 2, 3 …: each answer, update or reopening starts the next.
    pub cycle: i32,
    /// Rises within the cycle when another target takes over.
    pub revision: i32,
    pub anchor_at: At,
    /// `scheduled`, `running`, `held`, `met`, `missed`, `cancelled` or `superseded`.
    pub state: &'static str,
    /// Null while it is held without an end, and where its hours don't reach the budget within five years: then it never falls due,
    /// and `/checks` lists it.
    pub deadline_at: Option<At>,
    pub ended_at: Option<At>,
    /// Why it was cancelled, or `merged` if another ticket answers for it.
    #[schema(example = "no_target")]
    pub cancelled: Option<&'static str>,
    /// The deadline lay in the past already when a change brought it.
    pub late_by_change: bool,
    /// A breach is a fact and stays.
    pub breached_at: Option<At>,
}

impl Clock {
    fn of(row: &ClockRow) -> Self {
        Self {
            id: Uid(row.id),
            customer_id: row.customer_id.map(Uid),
            metric: row.metric.as_str(),
            promisee: row.promisee.as_str(),
            cycle: row.cycle,
            revision: row.revision,
            anchor_at: At(row.anchor_at),
            state: row.state.as_str(),
            deadline_at: row.deadline_at.map(At),
            ended_at: row.ended_at.map(At),
            cancelled: row.cancelled.map(|why| why.as_str()),
            late_by_change: row.late_by_change,
            breached_at: row.breached_at.map(At),
        }
    }
}

/// List a ticket's clocks
#[utoipa::path(get, path = "/api/v1/tickets/{key}/clocks", tag = "clocks", params(Paging), responses((status = 200, description = "A page", body = Page<Clock>)))]
pub async fn list(call: Call<Nothing>) -> Reply {
    let (key, paging) = (call.ticket("key")?, call.query::<Paging>()?);
    call.read(move |ctx| {
        let ticket = actions::ticket::read(ctx, key)?;
        let rows = ctx.read(|conn| store::sla::of_ticket(conn, ticket.id))?;
        Answer::ok(&paging.cut(rows, |row| row.id.to_string(), |row| Clock::of(&row))?)
    })
    .await
}

/// How a deadline came about. Lengths are microseconds of working time; instants are UTC, and `zone` is where the agreement counts.
#[derive(Debug, Serialize, ToSchema)]
pub struct Explanation {
    pub clock: Clock,
    /// Null: promised by hand.
    pub agreement: Option<ClockAgreement>,
    /// Null: round the clock.
    pub calendar: Option<String>,
    #[schema(example = "Europe/Berlin")]
    pub zone: String,
    /// `counted` working time, `end_of_day` so many working days on, or a `fixed` instant.
    pub budget_kind: &'static str,
    /// Other agreements that would fit as well; the first in their order holds.
    pub also_fit: Vec<String>,
    /// The waits that stop it.
    pub stops_on: Vec<WaitingOnWord>,
    /// The states that stop it.
    pub stops_in: Vec<&'static str>,
    /// When warnings fall due; of an open clock only.
    pub warnings: Vec<ClockWarning>,
    /// Its breaches that were taken back, because something turned out to have been otherwise.
    pub withdrawn: Vec<WithdrawnBreach>,
    /// Null: the deadline is what was agreed.
    pub promised: Option<ClockPromise>,
    pub used_micros: i64,
    /// Carried over from the target before, of what was used.
    pub carried_micros: i64,
    /// Up to the deadline, promised by hand or not. Null without a deadline to measure by.
    pub budget_micros: Option<i64>,
    pub late_micros: i64,
    /// By how many seconds of the wall clock it is late, or was when it ended, without what it stood.
    pub over_secs: i64,
    /// Hundredths of a percent of the budget, never rounded up: 9995 is not 10000.
    pub used_permyriad: i64,
    pub steps: Vec<Step>,
    /// Steps in the middle of a long explanation, summed up.
    pub folded: Option<Folded>,
    /// The counted lengths up to the deadline, in their order: of an open clock they sum to the budget.
    pub sum_micros: Vec<i64>,
    /// Whose the counted time was; the parts sum to `used_micros`.
    pub shares: Vec<Share>,
}

/// The version of an agreement that a clock runs under.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClockAgreement {
    pub id: AgreementUid,
    pub name: String,
    pub version: i64,
}

/// A warning before the deadline.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClockWarning {
    /// A share of the budget, or the working time that is left then.
    #[schema(example = "75%")]
    pub threshold: String,
    pub at: At,
}

/// A breach that was one until something turned out to be otherwise.
#[derive(Debug, Serialize, ToSchema)]
pub struct WithdrawnBreach {
    /// The deadline that had been missed.
    pub deadline_at: Option<At>,
    /// When it was taken back, and by whom.
    pub at: At,
    pub by: String,
    #[schema(example = "held")]
    pub cause: String,
    /// The agreement or calendar, if one was the cause; else empty.
    pub subject: String,
}

/// What was promised by hand and is the deadline instead of what was agreed.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClockPromise {
    /// The entry of the timeline by which it was.
    pub seq: i64,
    pub by: Option<String>,
    /// When it would be due by the agreement alone. Null: not in sight.
    pub agreed_at: Option<At>,
}

/// A stretch of time and what it was to the clock.
#[derive(Debug, Serialize, ToSchema)]
pub struct Step {
    pub from_at: At,
    pub to_at: At,
    /// `counted`, `outside` the hours, `waiting`, `closed`, or `in_state`: the promise stands in the state the ticket was in.
    pub kind: &'static str,
    pub waiting_on: Option<WaitingOnWord>,
    /// What began it: `anchor`, `entry`, `hours`, `version`, `hold_end`, `deadline` or `now`.
    pub cause: &'static str,
    /// The entry of the timeline that began it.
    pub cause_seq: Option<i64>,
    /// Who recorded that entry, and by which door.
    pub cause_by: Option<String>,
    pub cause_door: Option<&'static str>,
    pub holder: ClockHolder,
    pub used_after_micros: i64,
    pub is_late: bool,
    /// So it will be if nothing happens.
    pub is_ahead: bool,
}

/// Who had it: `person`, `team`, `customer`, `vendor`, `freeze` or `nobody`.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClockHolder {
    pub kind: &'static str,
    /// The person, if it was a person's.
    pub person_id: Option<PersonUid>,
    /// The team that it was with, if it was a person's or a team's.
    pub team_id: Option<TeamUid>,
    pub name: Option<String>,
}

/// How long one holder had it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Share {
    pub holder: ClockHolder,
    pub counted_micros: i64,
    /// Of those, after the deadline.
    pub late_micros: i64,
}

/// Steps that are left out of the middle, behind the step at the place `after`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Folded {
    pub after: usize,
    pub steps: usize,
    pub counted_micros: i64,
    pub late_micros: i64,
}

/// Explain a clock
///
/// Step by step: what was counted, what lay outside the hours, what was waited for, by which entry, and whose it was meanwhile.
#[utoipa::path(get, path = "/api/v1/tickets/{key}/clocks/{id}", tag = "clocks", responses((status = 200, description = "How its deadline came about", body = Explanation)))]
pub async fn explained(call: Call<Nothing>) -> Reply {
    let key = call.ticket("key")?;
    let id: ClockId = call.id("id")?;
    call.read(move |ctx| {
        let (row, proof) = sla_proof::load(ctx, key, id)?;
        Answer::ok(&explanation(&row, &proof))
    })
    .await
}

fn explanation(row: &ClockRow, proof: &Proof) -> Explanation {
    let explained = &proof.explanation;
    let target = &proof.clock.terms.target;
    Explanation {
        clock: Clock::of(row),
        agreement: proof.home.as_ref().map(|home| ClockAgreement {
            id: Uid(home.agreement),
            name: home.name.clone(),
            version: home.version,
        }),
        calendar: proof.calendar.clone(),
        zone: proof.zone().name().to_owned(),
        budget_kind: match target.budget {
            Budget::Counted { .. } => "counted",
            Budget::EndOfDay { .. } => "end_of_day",
            Budget::Fixed { .. } => "fixed",
        },
        also_fit: proof.also_fit.clone(),
        stops_on: target.stops_on.iter().map(|on| Word(*on)).collect(),
        stops_in: target
            .policy
            .holds_in
            .iter()
            .map(|state| state.as_str())
            .collect(),
        warnings: proof
            .clock
            .warnings
            .iter()
            .map(|(threshold, at)| ClockWarning {
                threshold: threshold.to_string(),
                at: At(*at),
            })
            .collect(),
        withdrawn: proof
            .withdrawn
            .iter()
            .map(|it| WithdrawnBreach {
                deadline_at: it.deadline.map(At),
                at: At(it.at),
                by: it.name.clone(),
                cause: it.cause.clone(),
                subject: it.subject.clone(),
            })
            .collect(),
        promised: proof.clock.by_hand.map(|by_hand| ClockPromise {
            seq: by_hand.seq,
            by: proof.told_by(by_hand.seq).map(|told| told.actor.clone()),
            agreed_at: by_hand.agreed_at.map(At),
        }),
        used_micros: explained.used,
        carried_micros: proof.clock.credit,
        budget_micros: explained.budget,
        late_micros: explained.late,
        over_secs: over_secs(&proof.clock, proof.now),
        used_permyriad: proof.clock.used_permyriad(proof.now),
        steps: explained
            .steps
            .iter()
            .map(|step| step_of(step, proof))
            .collect(),
        folded: explained.folded.map(|folded| Folded {
            after: folded.after,
            steps: folded.steps,
            counted_micros: folded.counted,
            late_micros: folded.late,
        }),
        sum_micros: explained.sum.clone(),
        shares: proof
            .shares
            .iter()
            .map(|share| Share {
                holder: holder(share.holder, proof),
                counted_micros: share.counted,
                late_micros: share.late,
            })
            .collect(),
    }
}

fn step_of(step: &sla_explain::Step, proof: &Proof) -> Step {
    let (kind, waiting_on) = match step.kind {
        StepKind::Counted => ("counted", None),
        StepKind::Outside => ("outside", None),
        StepKind::Stopped(Stop::Waiting(on)) => ("waiting", Some(Word(on))),
        StepKind::Stopped(Stop::Closed) => ("closed", None),
        StepKind::Stopped(Stop::InState(_)) => ("in_state", None),
    };
    let told = proof.told(step.cause);
    Step {
        from_at: At(step.interval.from),
        to_at: At(step.interval.to),
        kind,
        waiting_on,
        cause: step.cause.word(),
        cause_seq: step.cause.seq(),
        cause_by: told.map(|told| told.actor.clone()),
        cause_door: told.map(|told| told.door.as_str()),
        holder: holder(step.holder, proof),
        used_after_micros: step.used_after,
        is_late: step.is_late,
        is_ahead: step.is_ahead,
    }
}

fn holder(of: Holder, proof: &Proof) -> ClockHolder {
    let (person, team) = match of {
        Holder::Person(person, team) => (Some(person), team),
        Holder::Team(team) => (None, Some(team)),
        Holder::Customer | Holder::Vendor | Holder::Freeze | Holder::Nobody => (None, None),
    };
    ClockHolder {
        kind: of.word(),
        person_id: person.map(Uid),
        team_id: team.map(Uid),
        name: proof.name(of).map(str::to_owned),
    }
}
