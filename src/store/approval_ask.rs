//! What has become of asking for the approval of each change: a row from when it was first asked for until work begins.

use diesel::prelude::*;

use super::backend::insert_new;
use super::schema::approval::approval_ask;
use super::timeline::{facts_json, facts_of};
use super::{Conn, Tx};
use crate::domain::approval::{Asking, Field, Snapshot};
use crate::domain::id::TicketId;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = approval_ask, treat_none_as_null = true)]
struct Row {
    ticket_id: TicketId,
    snapshot: Option<String>,
    former: Option<String>,
    asked_at: Option<Timestamp>,
    reminded_at: Option<Timestamp>,
    escalated_at: Option<Timestamp>,
    settled_at: Option<Timestamp>,
    look_at: Option<Timestamp>,
    version: i64,
}

/// The row of one change.
#[derive(Debug, Clone)]
pub struct Kept {
    pub asking: Asking,
    /// When a job looks at it.
    pub look_at: Option<Timestamp>,
    version: i64,
}

fn text(snapshot: Option<&Snapshot>) -> Option<String> {
    snapshot.map(|it| facts_json(&it.facts()))
}

fn snapshot(text: Option<String>) -> Option<Snapshot> {
    text.map(|text| Snapshot::of_facts(&facts_of(&text)))
}

impl Row {
    fn of(ticket_id: TicketId, kept: &Kept) -> Self {
        let asking = &kept.asking;
        Self {
            ticket_id,
            snapshot: text(asking.snapshot.as_ref()),
            former: text(asking.former.as_ref()),
            asked_at: asking.asked_at,
            reminded_at: asking.reminded_at,
            escalated_at: asking.escalated_at,
            settled_at: asking.settled_at,
            look_at: kept.look_at,
            version: kept.version,
        }
    }

    fn kept(self) -> Kept {
        Kept {
            asking: Asking {
                snapshot: snapshot(self.snapshot),
                former: snapshot(self.former),
                asked_at: self.asked_at,
                reminded_at: self.reminded_at,
                escalated_at: self.escalated_at,
                settled_at: self.settled_at,
            },
            look_at: self.look_at,
            version: self.version,
        }
    }
}

pub fn of(conn: &mut Conn, ticket: TicketId) -> Result<Option<Kept>> {
    let row: Option<Row> = approval_ask::table
        .find(ticket)
        .select(Row::as_select())
        .get_result(conn)
        .optional()?;
    Ok(row.map(Row::kept))
}

/// The changes that somebody should look at, longest due first.
pub fn due(conn: &mut Conn, now: Timestamp, most: i64) -> Result<Vec<TicketId>> {
    Ok(approval_ask::table
        .filter(approval_ask::look_at.le(now))
        .order((approval_ask::look_at, approval_ask::ticket_id))
        .limit(most)
        .select(approval_ask::ticket_id)
        .load(conn)?)
}

/// Something happened to a change that waits for an approval or has one: a job looks at it.
pub fn look_at(tx: &mut Tx, ticket: TicketId, now: Timestamp) -> Result<()> {
    let new = Row::of(
        ticket,
        &Kept {
            asking: Asking::default(),
            look_at: Some(now),
            version: 1,
        },
    );
    if insert_new!(tx, approval_ask::table, new)? {
        return Ok(());
    }
    look_if_known(tx, ticket, now)
}

/// As [`look_at`], if anybody was ever asked.
pub fn look_if_known(tx: &mut Tx, ticket: TicketId, now: Timestamp) -> Result<()> {
    diesel::update(approval_ask::table.find(ticket))
        .set((
            approval_ask::look_at.eq(Some(now)),
            approval_ask::version.eq(approval_ask::version + 1),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// Somebody wants them to be asked, whatever they were asked before.
pub fn want(tx: &mut Tx, ticket: TicketId, now: Timestamp) -> Result<()> {
    look_at(tx, ticket, now)?;
    diesel::update(approval_ask::table.find(ticket))
        .set(approval_ask::asked_at.eq(None::<Timestamp>))
        .execute(&mut **tx)?;
    Ok(())
}

/// The rules are others now: a job looks at every change that hasn't begun.
pub fn look_at_all(tx: &mut Tx, now: Timestamp) -> Result<()> {
    diesel::update(approval_ask::table)
        .set((
            approval_ask::look_at.eq(Some(now)),
            approval_ask::version.eq(approval_ask::version + 1),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// Writes it if nobody else has since it was read: of two nodes one asks. Else [`Error::Stale`].
pub fn put(tx: &mut Tx, ticket: TicketId, kept: &Kept) -> Result<()> {
    let unchanged = approval_ask::table
        .find(ticket)
        .filter(approval_ask::version.eq(kept.version));
    let mut row = Row::of(ticket, kept);
    row.version += 1;
    match diesel::update(unchanged).set(row).execute(&mut **tx)? {
        1 => Ok(()),
        _ => Err(Error::Stale),
    }
}

/// Work on it has begun, or never will.
pub fn forget(tx: &mut Tx, ticket: TicketId) -> Result<()> {
    diesel::delete(approval_ask::table.find(ticket)).execute(&mut **tx)?;
    Ok(())
}

/// Nobody was ever asked about another title: a former one is redacted.
pub(super) fn retitle(tx: &mut Tx, ticket: TicketId, title: &str) -> Result<()> {
    let Some(mut kept) = of(tx, ticket)? else {
        return Ok(());
    };
    let asking = &mut kept.asking;
    for snapshot in [&mut asking.snapshot, &mut asking.former] {
        *snapshot = snapshot.take().map(|it| it.with(Field::Title, title));
    }
    put(tx, ticket, &kept)
}
