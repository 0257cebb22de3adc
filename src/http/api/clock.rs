//! Promises: a ticket's clocks, and how each deadline came about.

use serde::Serialize;
use utoipa::ToSchema;

use super::call::{Answer, Call, Nothing, Reply};
use super::paging::{Page, Paging};
use super::value::{At, ClockUid, CustomerUid, Uid, WaitingOnWord, Word};
use crate::actions;
use crate::actions::sla;
use crate::domain::id::ClockId;
use crate::domain::sla_explain::{StepKind, explain};
use crate::error::Error;
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
    /// Null while it is held without an end.
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

/// How a deadline came about. Lengths are microseconds of working time.
#[derive(Debug, Serialize, ToSchema)]
pub struct Explanation {
    pub clock: Clock,
    pub used_micros: i64,
    /// Carried over from the target before, of what was used.
    pub carried_micros: i64,
    /// Null without a deadline to measure by.
    pub budget_micros: Option<i64>,
    pub late_micros: i64,
    pub steps: Vec<Step>,
    /// There are more steps than are shown.
    pub is_cut: bool,
}

/// A stretch of time and what it was to the clock.
#[derive(Debug, Serialize, ToSchema)]
pub struct Step {
    pub from_at: At,
    pub to_at: At,
    /// `counted`, `outside` the hours, `waiting`, `closed`, or `in_state`: the promise stands in the state the ticket was in.
    pub kind: &'static str,
    pub waiting_on: Option<WaitingOnWord>,
    pub used_after_micros: i64,
    pub is_late: bool,
}

/// Explain a clock
///
/// Step by step: what was counted, what lay outside the hours, what was waited for.
#[utoipa::path(get, path = "/api/v1/tickets/{key}/clocks/{id}", tag = "clocks", responses((status = 200, description = "How its deadline came about", body = Explanation)))]
pub async fn explained(call: Call<Nothing>) -> Reply {
    let key = call.ticket("key")?;
    let id: ClockId = call.id("id")?;
    call.read(move |ctx| {
        let ticket = actions::ticket::read(ctx, key)?;
        let derived = ctx.read(|conn| sla::derived(ctx.app, conn, &ticket, ctx.now))?;
        let found = derived.into_iter().find(|(row, _)| row.id == id);
        let (row, clock) = found.ok_or(Error::NotFound)?;
        let explanation = explain(&clock, ctx.now);
        Answer::ok(&Explanation {
            clock: Clock::of(&row),
            used_micros: explanation.used,
            carried_micros: clock.credit,
            budget_micros: explanation.budget,
            late_micros: explanation.late,
            is_cut: explanation.is_cut,
            steps: explanation
                .steps
                .into_iter()
                .map(|step| {
                    use crate::domain::sla_clock::Stop;
                    let (kind, waiting_on) = match step.kind {
                        StepKind::Counted => ("counted", None),
                        StepKind::Outside => ("outside", None),
                        StepKind::Stopped(Stop::Waiting(on)) => ("waiting", Some(Word(on))),
                        StepKind::Stopped(Stop::Closed) => ("closed", None),
                        StepKind::Stopped(Stop::InState(_)) => ("in_state", None),
                    };
                    Step {
                        from_at: At(step.interval.from),
                        to_at: At(step.interval.to),
                        kind,
                        waiting_on,
                        used_after_micros: step.used_after,
                        is_late: step.is_late,
                    }
                })
                .collect(),
        })
    })
    .await
}
