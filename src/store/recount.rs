//! Recounts: what a change of terms asks for, and how far it has come.

use diesel::prelude::*;

use super::column::text_column;
use super::schema::sla::{clock, recount};
use super::{Conn, Tx};
use crate::domain::id::{CustomerId, Id, RecountId, SubjectId, TargetId, TicketId};
use crate::domain::recount::{Recount, RecountCause};
use crate::domain::sla_version::Finished;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};

text_column!(RecountCause);

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = recount)]
struct Row {
    id: RecountId,
    cause: RecountCause,
    subject_id: Option<SubjectId>,
    subject: String,
    number: i64,
    from_at: Timestamp,
    finished: String,
    made_by: String,
    reason: String,
    made_at: Timestamp,
    due_at: Timestamp,
    last_ticket: Option<TicketId>,
    looked_at: i64,
    moved: i64,
    done_at: Option<Timestamp>,
}

fn finished_text(finished: &Finished) -> String {
    match finished {
        Finished::Stay => "stay".to_owned(),
        Finished::All => "all".to_owned(),
        Finished::These(clocks) => {
            let ids: Vec<String> = clocks.iter().map(Id::to_string).collect();
            ids.join(",")
        }
    }
}

impl Row {
    fn recount(self) -> Result<Recount> {
        let finished = match self.finished.as_str() {
            "stay" => Finished::Stay,
            "all" => Finished::All,
            ids => {
                let clocks = ids.split(',').filter(|id| !id.is_empty()).map(Id::parse);
                let clocks: Option<Vec<_>> = clocks.collect();
                Finished::These(clocks.ok_or_else(|| Error::internal("the clocks of a recount"))?)
            }
        };
        Ok(Recount {
            id: self.id,
            cause: self.cause,
            subject_id: self.subject_id,
            subject: self.subject,
            number: self.number,
            from_at: self.from_at,
            finished,
            made_by: self.made_by,
            reason: self.reason,
            made_at: self.made_at,
            due_at: self.due_at,
            last_ticket: self.last_ticket,
            looked_at: self.looked_at,
            moved: self.moved,
            done_at: self.done_at,
        })
    }
}

pub fn insert(tx: &mut Tx, new: &Recount) -> Result<()> {
    let row = Row {
        id: new.id,
        cause: new.cause,
        subject_id: new.subject_id,
        subject: new.subject.clone(),
        number: new.number,
        from_at: new.from_at,
        finished: finished_text(&new.finished),
        made_by: new.made_by.clone(),
        reason: new.reason.clone(),
        made_at: new.made_at,
        due_at: new.due_at,
        last_ticket: new.last_ticket,
        looked_at: new.looked_at,
        moved: new.moved,
        done_at: new.done_at,
    };
    diesel::insert_into(recount::table)
        .values(row)
        .execute(&mut **tx)?;
    Ok(())
}

/// The one to go on with, if any is due.
pub fn next_due(conn: &mut Conn, now: Timestamp) -> Result<Option<Recount>> {
    let row: Option<Row> = recount::table
        .filter(recount::done_at.is_null())
        .filter(recount::due_at.le(now))
        // Of several at once new data comes last: what people changed is counted under their name.
        .order((recount::due_at, recount::cause, recount::id))
        .select(Row::as_select())
        .first(conn)
        .optional()?;
    row.map(Row::recount).transpose()
}

/// Notes that the tickets until `last` were looked at, and how many clocks moved. Two nodes at the same recount do no harm: each
/// ticket is counted by one of them at a time, and the second finds nothing to move.
pub fn advance(
    tx: &mut Tx,
    at: &Recount,
    last: TicketId,
    looked_at: i64,
    moved: i64,
) -> Result<()> {
    diesel::update(recount::table.find(at.id))
        .set((
            recount::last_ticket.eq(last),
            recount::looked_at.eq(at.looked_at + looked_at),
            recount::moved.eq(at.moved + moved),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

pub fn finish(tx: &mut Tx, id: RecountId, now: Timestamp) -> Result<()> {
    diesel::update(recount::table.find(id))
        .set(recount::done_at.eq(now))
        .execute(&mut **tx)?;
    Ok(())
}

/// The newest, at most `most`.
pub fn recent(conn: &mut Conn, most: i64) -> Result<Vec<Recount>> {
    let rows: Vec<Row> = recount::table
        .order((recount::made_at.desc(), recount::id.desc()))
        .limit(most)
        .select(Row::as_select())
        .load(conn)?;
    rows.into_iter().map(Row::recount).collect()
}

/// The version of the data that the last recount of this cause was for.
pub fn last_of(conn: &mut Conn, cause: RecountCause) -> Result<Option<String>> {
    Ok(recount::table
        .filter(recount::cause.eq(cause))
        .order((recount::made_at.desc(), recount::id.desc()))
        .select(recount::subject)
        .first(conn)
        .optional()?)
}

/// Whose clocks a recount looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    All,
    /// Those under these targets, and these customers'.
    Under(Vec<TargetId>, Vec<CustomerId>),
}

/// Tickets after `after`, in the order of their ids, of which such a clock runs, or ended at or after `ended_since`; at most
/// `most`.
pub fn tickets(
    conn: &mut Conn,
    whose: &Whose,
    ended_since: Option<Timestamp>,
    after: Option<TicketId>,
    most: i64,
) -> Result<Vec<TicketId>> {
    let mut query = clock::table
        .filter(clock::target_id.is_not_null())
        .select(clock::ticket_id)
        .distinct()
        .order(clock::ticket_id)
        .limit(most)
        .into_boxed();
    query = match ended_since {
        Some(since) => query.filter(clock::ended_at.is_null().or(clock::ended_at.ge(since))),
        None => query.filter(clock::ended_at.is_null()),
    };
    if let Whose::Under(targets, customers) = whose {
        let theirs = clock::customer_id.eq_any(customers).assume_not_null();
        query = query.filter(
            clock::target_id
                .eq_any(targets)
                .assume_not_null()
                .or(theirs),
        );
    }
    if let Some(after) = after {
        query = query.filter(clock::ticket_id.gt(after));
    }
    Ok(query.load(conn)?)
}

/// How many clocks under these targets run.
pub fn running(conn: &mut Conn, targets: &[TargetId]) -> Result<i64> {
    Ok(clock::table
        .filter(clock::ended_at.is_null())
        .filter(clock::target_id.eq_any(targets))
        .count()
        .get_result(conn)?)
}
