//! An agreement's clause on credits: read, and written for the version that is in force.

use super::sla::book;
use super::{allow, audit};
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::id::AgreementId;
use crate::domain::refusal::FieldError;
use crate::domain::sla_agreement::Agreement;
use crate::domain::sla_book::Book;
use crate::domain::sla_credit::{Clause, share_text};
use crate::domain::timeline::Facts;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::store;

/// An agreement in force, and the clause that holds with the version that it stands in.
pub fn read(ctx: &Ctx<'_>, id: AgreementId) -> Result<(Agreement, Option<(i64, Clause)>)> {
    allow(&ctx.by, Action::ReadHouse, Target::House)?;
    ctx.read(|conn| {
        let book = book(ctx.app, conn)?;
        let agreement = in_force(&book, id, ctx.now)?;
        let clause = store::credit::clause(conn, id, agreement.version)?;
        Ok((agreement.clone(), clause))
    })
}

/// What is planned for later has its clause when it holds.
fn in_force(book: &Book, id: AgreementId, now: Timestamp) -> Result<&Agreement> {
    let known = book.agreement(id).and_then(|known| known.in_force(now));
    known.map(|it| &**it).ok_or(Error::NotFound)
}

/// Writes the clause of the version in force. It holds for reports from that version on, also of past periods that aren't locked.
pub fn set(ctx: &Ctx<'_>, id: AgreementId, clause: &Clause) -> Result<()> {
    allow(&ctx.by, Action::ManageAgreements, Target::House)?;
    let clause = clause.clone().checked()?;
    ctx.write(|tx| {
        let book = book(ctx.app, tx)?;
        let agreement = in_force(&book, id, ctx.now)?;
        let calendar = clause.counting.calendar;
        if calendar.is_some_and(|calendar| book.calendar(calendar).is_none()) {
            return Err(FieldError::new("calendar", "unknown-calendar").into());
        }
        store::credit::put(tx, id, agreement.version, &clause, ctx.now)?;
        let rules: Vec<String> = clause
            .rules
            .iter()
            .map(|rule| {
                let (below, gives) = (share_text(rule.below), share_text(rule.credit));
                format!("{} < {below} %: {gives} %", rule.basis.as_str())
            })
            .collect();
        let facts = Facts::new()
            .with("version", agreement.version)
            .with("cap", share_text(clause.cap))
            .with("rules", rules.join("; "));
        audit::note(tx, ctx, "credits-changed", &agreement.name, &facts)
    })
}
