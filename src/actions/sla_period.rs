//! Locked periods: what was reported of them stands. Locking stores every customer's report with its hash; only an admin takes a
//! lock back, with a reason, and what was stored stays on record.

use super::sla_report::{Asked, prepare_in};
use super::{allow, audit};
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::id::{CustomerId, Id, PeriodLockId, ReportId};
use crate::domain::period_lock::PeriodLock;
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::sla_report::{Period, SlaReport};
use crate::domain::text::{NAME_CHARS, one_line};
use crate::domain::timeline::Facts;
use crate::error::{Error, Result};
use crate::render::sla_report::{self as render, Form};
use crate::store::blob::Hash;
use crate::store::stored_report::{self, Stored};
use crate::store::{self, Tx};
use crate::words::Words;

/// Locks a period for one customer, or for everybody, and stores the reports of those whom it concerns.
pub fn lock(
    ctx: &Ctx<'_>,
    period: &Period,
    customer: Option<CustomerId>,
    reason: &str,
) -> Result<PeriodLockId> {
    allow(&ctx.by, Action::LockPeriod, Target::House)?;
    let interval = period.interval();
    let lock = PeriodLock::new(
        Id::new(ctx.now),
        (interval.from, interval.to),
        customer,
        reason,
        ctx.by.name(),
        ctx.now,
    )?;
    let name = match customer {
        Some(id) => {
            let known = ctx.read(|conn| store::customer::by_id(conn, id))?;
            Some(
                known
                    .ok_or_else(|| FieldError::new("customer", "unknown-customer"))?
                    .name,
            )
        }
        None => None,
    };
    // First the lock, so that corrections are refused from now on; `store_reports` follows.
    ctx.write(|tx| {
        let same = store::period_lock::all(tx)?.into_iter().find(|known| {
            (known.from_at, known.until_at, known.customer_id)
                == (lock.from_at, lock.until_at, lock.customer_id)
        });
        if let Some(same) = same {
            return Err(Refusal::new("period-locked-already")
                .with("name", same.made_by)
                .into());
        }
        store::period_lock::insert(tx, &lock)?;
        stored_report::expect(tx, lock.id, period)?;
        let facts = said(period)
            .with_some("customer", name.as_deref())
            .with("reason", &lock.reason);
        audit::note(tx, ctx, "period-locked", &span(period), &facts)
    })?;
    Ok(lock.id)
}

/// Stores the reports of the oldest lock that lacks them; whether there was one. May be run again at any moment.
pub fn store_reports(ctx: &Ctx<'_>) -> Result<bool> {
    let Some((id, period)) = ctx.read(stored_report::expected)? else {
        return Ok(false);
    };
    if let Some(lock) = ctx.read(|conn| store::period_lock::by_id(conn, id))? {
        let parties = match lock.customer_id {
            Some(customer) => vec![Some(customer)],
            None => {
                let all = ctx.read(store::customer::all)?;
                let active = all.into_iter().filter(|it| it.is_active);
                active.map(|it| Some(it.id)).chain([None]).collect()
            }
        };
        for customer in parties {
            let asked = Asked {
                customer,
                agreement: None,
                period,
            };
            match keep(ctx, &asked, id) {
                Ok(()) => {}
                // A report that can't be made keeps no other from being stored.
                Err(Error::Refused(refusal)) => {
                    tracing::error!(%refusal, "the report of a locked period can't be made");
                }
                Err(other) => return Err(other),
            }
        }
    }
    ctx.write(|tx| stored_report::fulfil(tx, id, ctx.now))?;
    Ok(true)
}

fn span(period: &Period) -> String {
    format!("{} – {}", period.from_on, period.to_on)
}

fn said(period: &Period) -> Facts {
    Facts::new()
        .with("from", period.from_on)
        .with("to", period.to_on)
        .with("zone", period.zone.name())
}

/// Takes a lock back, for a reason that stands in the audit. Its reports become history.
pub fn undo(ctx: &Ctx<'_>, id: PeriodLockId, reason: &str) -> Result<()> {
    allow(&ctx.by, Action::UnlockPeriod, Target::House)?;
    let reason = one_line("reason", reason, NAME_CHARS)?;
    ctx.write(|tx| {
        let lock = store::period_lock::by_id(tx, id)?.ok_or(Error::NotFound)?;
        store::period_lock::remove(tx, id)?;
        stored_report::undo(tx, id, ctx.now)?;
        let facts = Facts::new()
            .with_instant("from", lock.from_at)
            .with_instant("until", lock.until_at)
            .with("locked_by", &lock.made_by)
            .with("locked_because", &lock.reason)
            .with("reason", &reason);
        audit::note(tx, ctx, "period-unlocked", &lock.reason, &facts)
    })
}

/// The stored report of exactly this period, if it is locked and wasn't asked for one agreement alone.
pub fn standing(ctx: &Ctx<'_>, asked: &Asked) -> Result<Option<Stored>> {
    allow(&ctx.by, Action::ExportReport, Target::House)?;
    match asked.agreement {
        Some(_) => Ok(None),
        None => ctx.read(|conn| stored_report::standing(conn, asked.customer, &asked.period)),
    }
}

fn keep(ctx: &Ctx<'_>, asked: &Asked, lock: PeriodLockId) -> Result<()> {
    let report = ctx.read(|conn| prepare_in(ctx, conn, asked))?;
    let stored = Stored {
        id: Id::new(ctx.now),
        lock,
        customer: asked.customer,
        period: asked.period,
        content_hash: report.hash(),
        made_at: ctx.now,
        undone_at: None,
    };
    let mut files = Vec::with_capacity(Form::ALL.len());
    for form in Form::ALL {
        files.push((form.as_str(), written(&report, *form)?));
    }
    ctx.write(|tx| {
        // Another node may have been faster, or an earlier lock of the same days stored it.
        if stored_report::standing(tx, asked.customer, &asked.period)?.is_some() {
            return Ok(());
        }
        let hashes = put(tx, ctx, &files)?;
        stored_report::insert(tx, &stored, &hashes)
    })
}

fn put<'a>(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    files: &[(&'a str, Vec<u8>)],
) -> Result<Vec<(&'a str, Hash)>> {
    files
        .iter()
        .map(|(form, bytes)| Ok((*form, store::blob::put_in(tx, bytes, ctx.now)?)))
        .collect()
}

fn written(report: &SlaReport, form: Form) -> Result<Vec<u8>> {
    render::write(report, form, Words::english())
        .map_err(|error| Error::internal(error.to_string()))
}

/// A report as a file.
pub struct Export {
    pub file_name: String,
    pub sha256: String,
    pub bytes: Vec<u8>,
}

/// The report in one form: as it was stored if its period is locked, else as the record has it now.
pub fn export(ctx: &Ctx<'_>, asked: &Asked, form: Form) -> Result<Export> {
    if let Some(stored) = standing(ctx, asked)? {
        return of_stored(ctx, stored.id, form);
    }
    let report = super::sla_report::prepare(ctx, asked)?;
    let bytes = written(&report, form)?;
    Ok(Export {
        file_name: render::file_name(&report, form),
        sha256: Hash::of(&bytes).hex(),
        bytes,
    })
}

/// A stored report's bytes, also of a lock that was taken back.
pub fn of_stored(ctx: &Ctx<'_>, id: ReportId, form: Form) -> Result<Export> {
    allow(&ctx.by, Action::ExportReport, Target::House)?;
    ctx.read(|conn| {
        let stored = stored_report::by_id(conn, id)?.ok_or(Error::NotFound)?;
        let found = stored_report::bytes(conn, id, form.as_str())?;
        let (hash, bytes) = found.ok_or(Error::NotFound)?;
        let Period { from_on, to_on, .. } = stored.period;
        Ok(Export {
            file_name: format!("sla-{from_on}-{to_on}-{}.{form}", &stored.content_hash[..8]),
            sha256: hash.hex(),
            bytes,
        })
    })
}

/// The hashes of the report's files: what somebody compares theirs with.
pub fn file_hashes(
    ctx: &Ctx<'_>,
    asked: &Asked,
    report: &SlaReport,
) -> Result<Vec<(Form, String)>> {
    if let Some(stored) = standing(ctx, asked)? {
        let files = ctx.read(|conn| stored_report::files(conn, stored.id))?;
        return Ok(files
            .into_iter()
            .filter_map(|(form, hash)| Some((form.parse().ok()?, hash.hex())))
            .collect());
    }
    Form::ALL
        .iter()
        .map(|form| Ok((*form, Hash::of(&written(report, *form)?).hex())))
        .collect()
}
