//! Promises: a ticket's clocks, how each deadline came about, and the agreements and calendars behind them.

use serde::Serialize;
use utoipa::ToSchema;

use super::call::{Answer, Call, Nothing, Reply};
use super::paging::{Page, Paging};
use super::value::{
    AgreementUid, At, CalendarUid, ClockUid, CustomerUid, KindWord, ServiceUid, SeverityWord, Uid,
    WaitingOnWord, Word,
};
use crate::actions;
use crate::actions::sla;
use crate::domain::access::{Action, Target};
use crate::domain::id::{AgreementId, ClockId};
use crate::domain::sla_agreement::{self, Budget};
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
    /// `counted`, `outside` the hours, `waiting` or `closed`.
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

/// What is promised to whom.
#[derive(Debug, Serialize, ToSchema)]
pub struct Agreement {
    pub id: AgreementUid,
    /// Null: the house agreement, for tickets that no other holds for.
    pub customer_id: Option<CustomerUid>,
    pub name: String,
    pub version: i64,
    pub targets: Vec<AgreedTarget>,
}

/// One promise of an agreement.
#[derive(Debug, Serialize, ToSchema)]
pub struct AgreedTarget {
    pub metric: &'static str,
    pub promisee: &'static str,
    pub kind: KindWord,
    /// Null: any.
    pub severity: Option<SeverityWord>,
    /// Null: any.
    pub service_id: Option<ServiceUid>,
    /// Seconds of the calendar's working time; null if it ends with a working day or at a fixed instant.
    pub budget_secs: Option<i64>,
    /// The end of this working day after the anchor's.
    pub budget_days: Option<u16>,
    pub calendar_id: CalendarUid,
    /// `impact`, `reported` or `logged`.
    pub anchor: &'static str,
    /// `75%` or `30 min`.
    pub warn: Vec<String>,
    /// Waiting on these stops the clock.
    pub stops_on: Vec<WaitingOnWord>,
}

impl Agreement {
    fn of(of: &sla_agreement::Agreement) -> Self {
        Self {
            id: Uid(of.id),
            customer_id: of.customer.map(Uid),
            name: of.name.clone(),
            version: of.version,
            targets: of
                .targets
                .iter()
                .map(|target| {
                    let (secs, days) = match target.budget {
                        Budget::Counted { secs } => (Some(secs), None),
                        Budget::EndOfDay { n } => (None, Some(n)),
                        Budget::Fixed { .. } => (None, None),
                    };
                    AgreedTarget {
                        metric: target.metric.as_str(),
                        promisee: target.promisee.as_str(),
                        kind: Word(target.kind),
                        severity: target.severity.map(Word),
                        service_id: target.service.map(Uid),
                        budget_secs: secs,
                        budget_days: days,
                        calendar_id: Uid(target.calendar),
                        anchor: target.anchor.as_str(),
                        warn: target.warn.iter().map(ToString::to_string).collect(),
                        stops_on: target.stops_on.iter().copied().map(Word).collect(),
                    }
                })
                .collect(),
        }
    }
}

/// List agreements
///
/// Those in force.
#[utoipa::path(get, path = "/api/v1/agreements", tag = "clocks", params(Paging), responses((status = 200, description = "A page", body = Page<Agreement>)))]
pub async fn agreements(call: Call<Nothing>) -> Reply {
    let paging: Paging = call.query()?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadHouse, Target::House)?;
        let book = ctx.read(|conn| sla::book(ctx.app, conn))?;
        let all: Vec<_> = book.agreements().iter().map(Agreement::of).collect();
        Answer::ok(&paging.cut(all, |it| it.id.0.to_string(), |it| it)?)
    })
    .await
}

/// Read an agreement
#[utoipa::path(get, path = "/api/v1/agreements/{id}", tag = "clocks", responses((status = 200, description = "The agreement", body = Agreement)))]
pub async fn agreement(call: Call<Nothing>) -> Reply {
    let id: AgreementId = call.id("id")?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadHouse, Target::House)?;
        let book = ctx.read(|conn| sla::book(ctx.app, conn))?;
        let found = book.agreements().iter().find(|it| it.id == id);
        Answer::ok(&Agreement::of(found.ok_or(Error::NotFound)?))
    })
    .await
}

/// Working hours.
#[derive(Debug, Serialize, ToSchema)]
pub struct Calendar {
    pub id: CalendarUid,
    pub name: String,
    pub zone: String,
    /// It never closes.
    pub is_always_open: bool,
    pub is_active: bool,
    pub version: i64,
}

/// List working calendars
#[utoipa::path(get, path = "/api/v1/calendars", tag = "clocks", params(Paging), responses((status = 200, description = "A page", body = Page<Calendar>)))]
pub async fn calendars(call: Call<Nothing>) -> Reply {
    let paging: Paging = call.query()?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadHouse, Target::House)?;
        let all = ctx.read(store::calendar::all)?;
        let show = |known: crate::domain::sla_book::KnownCalendar| Calendar {
            id: Uid(known.id),
            name: known.name,
            zone: known.latest.zone().name().to_owned(),
            is_always_open: known.latest.is_always(),
            is_active: known.is_active,
            version: known.version,
        };
        Answer::ok(&paging.cut(all, |it| it.id.to_string(), show)?)
    })
    .await
}
