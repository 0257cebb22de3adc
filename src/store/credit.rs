//! What agreements give back when less was kept: a clause per version, and its thresholds.

use diesel::prelude::*;

use super::schema::reports::{credit_clause, credit_rule};
use super::{Conn, Tx};
use crate::domain::id::{AgreementId, CalendarId};
use crate::domain::severity::Severity;
use crate::domain::sla_credit::{Basis, Clause, Counting, Rule};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};

type ClauseRow = (i64, Option<CalendarId>, Severity, bool, i64);

/// The clause that holds in this version of an agreement: its own, or that of the newest version before which has one. With the
/// version that it stands in.
pub fn clause(conn: &mut Conn, of: AgreementId, version: i64) -> Result<Option<(i64, Clause)>> {
    let row: Option<ClauseRow> = credit_clause::table
        .filter(credit_clause::agreement_id.eq(of))
        .filter(credit_clause::agreement_version.le(version))
        .order(credit_clause::agreement_version.desc())
        .select((
            credit_clause::agreement_version,
            credit_clause::calendar_id,
            credit_clause::severity,
            credit_clause::excludes_maintenance,
            credit_clause::cap,
        ))
        .first(conn)
        .optional()?;
    let Some((version, calendar, severity, excludes_maintenance, cap)) = row else {
        return Ok(None);
    };
    let rows: Vec<(String, i64, i64)> = credit_rule::table
        .filter(credit_rule::agreement_id.eq(of))
        .filter(credit_rule::agreement_version.eq(version))
        .order(credit_rule::place)
        .select((credit_rule::basis, credit_rule::below, credit_rule::credit))
        .load(conn)?;
    let mut rules = Vec::with_capacity(rows.len());
    for (basis, below, credit) in rows {
        let known = Basis::parse(&basis);
        let basis = known.ok_or_else(|| Error::internal(format!("a stored clause: {basis}")))?;
        rules.push(Rule {
            basis,
            below,
            credit,
        });
    }
    let counting = Counting {
        calendar,
        severity,
        excludes_maintenance,
    };
    let clause = Clause {
        counting,
        cap,
        rules,
    };
    Ok(Some((version, clause)))
}

/// Writes the clause of this version in the place of what it had.
pub fn put(
    tx: &mut Tx,
    of: AgreementId,
    version: i64,
    clause: &Clause,
    now: Timestamp,
) -> Result<()> {
    diesel::delete(
        credit_rule::table
            .filter(credit_rule::agreement_id.eq(of))
            .filter(credit_rule::agreement_version.eq(version)),
    )
    .execute(&mut **tx)?;
    diesel::delete(credit_clause::table.find((of, version))).execute(&mut **tx)?;
    diesel::insert_into(credit_clause::table)
        .values((
            credit_clause::agreement_id.eq(of),
            credit_clause::agreement_version.eq(version),
            credit_clause::calendar_id.eq(clause.counting.calendar),
            credit_clause::severity.eq(clause.counting.severity),
            credit_clause::excludes_maintenance.eq(clause.counting.excludes_maintenance),
            credit_clause::cap.eq(clause.cap),
            credit_clause::changed_at.eq(now),
        ))
        .execute(&mut **tx)?;
    for (place, rule) in clause.rules.iter().enumerate() {
        diesel::insert_into(credit_rule::table)
            .values((
                credit_rule::agreement_id.eq(of),
                credit_rule::agreement_version.eq(version),
                credit_rule::place.eq(place as i32),
                credit_rule::basis.eq(rule.basis.as_str()),
                credit_rule::below.eq(rule.below),
                credit_rule::credit.eq(rule.credit),
            ))
            .execute(&mut **tx)?;
    }
    Ok(())
}

/// Takes all clauses of an agreement away, before it goes itself.
pub fn delete(tx: &mut Tx, of: AgreementId) -> Result<()> {
    diesel::delete(credit_rule::table.filter(credit_rule::agreement_id.eq(of)))
        .execute(&mut **tx)?;
    diesel::delete(credit_clause::table.filter(credit_clause::agreement_id.eq(of)))
        .execute(&mut **tx)?;
    Ok(())
}

/// An agreement of which a clause counts availability in this calendar.
pub fn counting_in(conn: &mut Conn, calendar: CalendarId) -> Result<Option<AgreementId>> {
    let found = credit_clause::table
        .filter(credit_clause::calendar_id.eq(calendar))
        .select(credit_clause::agreement_id)
        .first(conn)
        .optional()?;
    Ok(found)
}
