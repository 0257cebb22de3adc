//! Locked periods, and the reports that were stored under them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Answer, Call, Nothing, Reply};
use super::paging::{Page, Paging};
use super::sla_report::{SlaReportFile, StoredSlaReport, days, file, form, zone_of};
use super::value::{At, CustomerUid, PeriodLockUid, Uid};
use crate::actions::{allow, sla_period};
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::id::{PeriodLockId, ReportId};
use crate::error::{Error, Result};
use crate::store;

/// A locked period.
#[derive(Debug, Serialize, ToSchema)]
pub struct PeriodLockView {
    pub id: PeriodLockUid,
    pub from_at: At,
    pub until_at: At,
    /// Null: everybody's.
    pub customer_id: Option<CustomerUid>,
    pub reason: String,
    pub made_by: String,
    pub made_at: At,
    /// Its reports, once they are stored.
    pub reports: Vec<StoredSlaReport>,
}

fn locked(ctx: &Ctx<'_>, only: Option<PeriodLockId>) -> Result<Vec<PeriodLockView>> {
    allow(&ctx.by, Action::ExportReport, Target::House)?;
    ctx.read(|conn| {
        let mut locks = store::period_lock::all(conn)?;
        locks.retain(|lock| only.is_none_or(|id| lock.id == id));
        let ids: Vec<_> = locks.iter().map(|lock| lock.id).collect();
        let stored = store::stored_report::of_locks(conn, &ids)?;
        Ok(locks
            .into_iter()
            .map(|lock| PeriodLockView {
                id: Uid(lock.id),
                from_at: At(lock.from_at),
                until_at: At(lock.until_at),
                customer_id: lock.customer_id.map(Uid),
                reports: stored
                    .iter()
                    .filter(|it| it.lock == lock.id)
                    .map(|it| StoredSlaReport {
                        id: Uid(it.id),
                        customer_id: it.customer.map(Uid),
                        sha256: it.content_hash.clone(),
                        made_at: At(it.made_at),
                    })
                    .collect(),
                reason: lock.reason,
                made_by: lock.made_by,
                made_at: At(lock.made_at),
            })
            .collect())
    })
}

/// List locked periods
#[utoipa::path(get, path = "/api/v1/period-locks", tag = "clocks", params(Paging), responses((status = 200, description = "A page", body = Page<PeriodLockView>)))]
pub async fn list(call: Call<Nothing>) -> Reply {
    let paging: Paging = call.query()?;
    call.read(move |ctx| {
        let all = locked(ctx, None)?;
        Answer::ok(&paging.cut(all, |it| it.id.0.to_string(), |it| it)?)
    })
    .await
}

/// A period to be locked: whole days.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPeriodLock {
    /// First day.
    #[schema(example = "2026-06-01")]
    from: String,
    /// Last day; it must be over.
    #[schema(example = "2026-06-30")]
    to: String,
    /// On whose wall clock; left out, the customer's, or UTC for everybody.
    zone: Option<String>,
    /// Left out, everybody's.
    customer_id: Option<CustomerUid>,
    reason: String,
}

/// Lock a period
///
/// What was reported of it stands: its reports are stored with their hashes, and corrections don't reach it.
#[utoipa::path(post, path = "/api/v1/period-locks", tag = "clocks", request_body = NewPeriodLock, responses((status = 201, description = "Locked", body = PeriodLockView)))]
pub async fn lock(call: Call<NewPeriodLock>) -> Reply {
    call.change(|ctx, new| {
        allow(&ctx.by, Action::LockPeriod, Target::House)?;
        let own = zone_of(ctx, new.customer_id)?;
        let period = days(&new.from, &new.to, new.zone.as_deref(), own)?;
        let customer = new.customer_id.map(|id| id.0);
        let id = sla_period::lock(ctx, &period, customer, &new.reason)?;
        let made = locked(ctx, Some(id))?;
        let made = made.first().ok_or(Error::NotFound)?;
        Answer::created("/api/v1/period-locks".to_owned(), made)
    })
    .await
}

/// Why a lock is taken back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UndoLock {
    reason: String,
}

/// Take a period's lock back
///
/// By an admin, with a reason that stands in the audit. Its stored reports become history.
#[utoipa::path(post, path = "/api/v1/period-locks/{id}/undo", tag = "clocks", request_body = UndoLock, responses((status = 204, description = "Taken back")))]
pub async fn undo(call: Call<UndoLock>) -> Reply {
    let id: PeriodLockId = call.id("id")?;
    call.change(move |ctx, asked| {
        sla_period::undo(ctx, id, &asked.reason)?;
        Ok(Answer::nothing())
    })
    .await
}

/// Read a stored report
///
/// The bytes as they were when its period was locked, also after the lock was taken back.
#[utoipa::path(get, path = "/api/v1/stored-reports/{id}/{format}", tag = "clocks", responses((status = 200, description = "The file", body = SlaReportFile)))]
pub async fn stored(call: Call<Nothing>) -> Reply {
    let (id, form): (ReportId, _) = (call.id("id")?, form(&call)?);
    call.read(move |ctx| file(sla_period::of_stored(ctx, id, form)?, form))
        .await
}
