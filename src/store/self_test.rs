//! Who was sent a self-test page when, and who owes an answer.

use diesel::prelude::*;

use super::backend::{Conn, Tx, insert_new};
use super::fixed::fixed_update;
use super::schema::checks::self_test;
use crate::domain::id::PersonId;
use crate::domain::self_test::Standing;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

type Row = (PersonId, Timestamp, Option<Timestamp>);

pub fn all(conn: &mut Conn) -> Result<Vec<Standing>> {
    let rows: Vec<Row> = self_test::table.order(self_test::person_id).load(conn)?;
    let standing = |(person, paged_at, waiting_since)| Standing {
        person,
        paged_at,
        waiting_since,
    };
    Ok(rows.into_iter().map(standing).collect())
}

/// Those who have owed an answer since `before` or longer.
pub fn waiting_since(conn: &mut Conn, before: Timestamp) -> Result<Vec<PersonId>> {
    Ok(self_test::table
        .filter(self_test::waiting_since.le(before))
        .order(self_test::person_id)
        .select(self_test::person_id)
        .load(conn)?)
}

/// Counts from `now` for somebody who is new; nothing if they are known.
pub fn begin(tx: &mut Tx, person: PersonId, now: Timestamp) -> Result<()> {
    let row = (self_test::person_id.eq(person), self_test::paged_at.eq(now));
    insert_new!(tx, self_test::table, row)?;
    Ok(())
}

/// Notes that they are sent one now; no if another node was faster.
pub fn page(tx: &mut Tx, known: &Standing, now: Timestamp) -> Result<bool> {
    let as_seen = self_test::table
        .filter(self_test::person_id.eq(known.person))
        .filter(self_test::paged_at.eq(known.paged_at));
    let noted = diesel::update(as_seen).set((
        self_test::paged_at.eq(now),
        self_test::waiting_since.eq(Some(known.waiting_since.unwrap_or(now))),
    ));
    Ok(noted.execute(&mut **tx)? == 1)
}

/// They have answered a page, whichever it was.
pub fn answered(tx: &mut Tx, person: PersonId) -> Result<()> {
    let none: Option<Timestamp> = None;
    let waiting = self_test::person_id
        .eq(person)
        .and(self_test::waiting_since.is_not_null());
    fixed_update(self_test::table, waiting, self_test::waiting_since.eq(none))
        .execute(&mut **tx)?;
    Ok(())
}
