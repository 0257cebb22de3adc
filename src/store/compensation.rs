//! Facts fit for pay: who was on call and who worked, beside the page events; and the chain over all of them.

use diesel::prelude::*;

use super::backend::{Conn, Tx, direct, far};
use super::column::text_column;
use super::schema::oncall::{ledger_link, shift_fact, unchained_fact, work_fact};
use crate::domain::compensation::{FactKind, GENESIS};
use crate::domain::id::{Id, PageId, PersonId, ShiftId, TeamId, TicketId, WorkId};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};

text_column!(FactKind);

/// Who was on call: recorded when the shift ended, or when a change of the schedule cut it. `person_id` empty: nobody was.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = shift_fact)]
pub struct ShiftFact {
    pub id: ShiftId,
    pub team_id: TeamId,
    pub person_id: Option<PersonId>,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    /// `rotation`, `override` or `none`.
    pub because: String,
    pub recorded_at: Timestamp,
}

pub fn insert_shift(tx: &mut Tx, fact: &ShiftFact) -> Result<()> {
    diesel::insert_into(shift_fact::table)
        .values(fact)
        .execute(&mut **tx)?;
    line_up(tx, fact.id.uuid(), FactKind::Shift, fact.recorded_at)
}

/// The recorded shifts that touch `[from, to)`, by start.
pub fn shifts_between(
    conn: &mut Conn,
    from: Timestamp,
    to: Timestamp,
    team: Option<TeamId>,
    most: i64,
) -> Result<Vec<ShiftFact>> {
    let mut query = shift_fact::table
        .filter(shift_fact::ends_at.gt(from))
        .filter(shift_fact::starts_at.lt(to))
        .order((shift_fact::starts_at, shift_fact::id))
        .limit(most)
        .select(ShiftFact::as_select())
        .into_boxed();
    if let Some(team) = team {
        query = query.filter(shift_fact::team_id.eq(team));
    }
    Ok(query.load(conn)?)
}

/// Work on an incident, from the acknowledgement to the end.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = work_fact)]
pub struct WorkFact {
    pub id: WorkId,
    /// Empty for somebody who answered without having been paged.
    pub page_id: Option<PageId>,
    pub ticket_id: TicketId,
    pub person_id: PersonId,
    pub started_at: Timestamp,
    pub ended_at: Timestamp,
    pub recorded_at: Timestamp,
}

pub fn insert_work(tx: &mut Tx, fact: &WorkFact) -> Result<()> {
    diesel::insert_into(work_fact::table)
        .values(fact)
        .execute(&mut **tx)?;
    line_up(tx, fact.id.uuid(), FactKind::Work, fact.recorded_at)
}

pub fn work_of_ticket(conn: &mut Conn, ticket: TicketId) -> Result<Vec<WorkFact>> {
    Ok(work_fact::table
        .filter(work_fact::ticket_id.eq(ticket))
        .order((work_fact::started_at, work_fact::id))
        .select(WorkFact::as_select())
        .load(conn)?)
}

/// Work that touches `[from, to)`, by start.
pub fn work_between(
    conn: &mut Conn,
    from: Timestamp,
    to: Timestamp,
    person: Option<PersonId>,
    most: i64,
) -> Result<Vec<WorkFact>> {
    let mut query = work_fact::table
        .filter(work_fact::ended_at.gt(from))
        .filter(work_fact::started_at.lt(to))
        .order((work_fact::started_at, work_fact::id))
        .limit(most)
        .select(WorkFact::as_select())
        .into_boxed();
    if let Some(person) = person {
        query = query.filter(work_fact::person_id.eq(person));
    }
    Ok(query.load(conn)?)
}

/// Puts a fact in line for the chain.
pub(super) fn line_up(tx: &mut Tx, fact: uuid::Uuid, kind: FactKind, now: Timestamp) -> Result<()> {
    let id: Id<()> = Id::from_uuid(fact);
    direct!(tx, |own| diesel::insert_into(unchained_fact::table)
        .values((
            unchained_fact::fact_id.eq(id),
            unchained_fact::kind.eq(kind),
            unchained_fact::recorded_at.eq(now),
        ))
        .execute(own))?;
    Ok(())
}

/// One link of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = ledger_link)]
pub struct Link {
    /// 1, 2, 3 … without a gap.
    pub seq: i64,
    pub kind: FactKind,
    pub fact_id: Id<()>,
    pub canonical: String,
    pub hash: String,
    pub chained_at: Timestamp,
}

/// Facts that wait for their link, oldest first.
pub fn unchained(conn: &mut Conn, most: i64) -> Result<Vec<(Id<()>, FactKind)>> {
    Ok(unchained_fact::table
        .order((unchained_fact::recorded_at, unchained_fact::fact_id))
        .limit(most)
        .select((unchained_fact::fact_id, unchained_fact::kind))
        .load(conn)?)
}

/// Adds links and takes their facts out of the line. Two nodes that chain at once: one gets a unique violation.
pub fn insert_links(tx: &mut Tx, links: &[Link]) -> Result<()> {
    if let Some(conn) = far(tx) {
        for links in links.chunks(1_000) {
            let facts: Vec<Id<()>> = links.iter().map(|link| link.fact_id).collect();
            diesel::insert_into(ledger_link::table)
                .values(links)
                .execute(conn)?;
            diesel::delete(unchained_fact::table.filter(unchained_fact::fact_id.eq_any(facts)))
                .execute(conn)?;
        }
        return Ok(());
    }
    for link in links {
        diesel::insert_into(ledger_link::table)
            .values(link)
            .execute(&mut **tx)?;
        diesel::delete(unchained_fact::table.find(link.fact_id)).execute(&mut **tx)?;
    }
    Ok(())
}

/// The last link.
pub fn head(conn: &mut Conn) -> Result<Option<Link>> {
    Ok(ledger_link::table
        .order(ledger_link::seq.desc())
        .select(Link::as_select())
        .first(conn)
        .optional()?)
}

/// What the link at this place hangs on.
pub fn hash_before(conn: &mut Conn, seq: i64) -> Result<String> {
    let before: Option<String> = ledger_link::table
        .find(seq - 1)
        .select(ledger_link::hash)
        .get_result(conn)
        .optional()?;
    Ok(before.unwrap_or_else(|| GENESIS.to_owned()))
}

/// Up to `most` links after `seq`, in order.
pub fn links_after(conn: &mut Conn, seq: i64, most: i64) -> Result<Vec<Link>> {
    Ok(ledger_link::table
        .filter(ledger_link::seq.gt(seq))
        .order(ledger_link::seq)
        .limit(most)
        .select(Link::as_select())
        .load(conn)?)
}

/// The links of these facts.
pub fn links_of(conn: &mut Conn, facts: &[Id<()>]) -> Result<Vec<Link>> {
    let mut links = Vec::new();
    for some in facts.chunks(500) {
        let more: Vec<Link> = ledger_link::table
            .filter(ledger_link::fact_id.eq_any(some))
            .select(Link::as_select())
            .load(conn)?;
        links.extend(more);
    }
    Ok(links)
}

pub fn shift(conn: &mut Conn, id: Id<()>) -> Result<ShiftFact> {
    let found = shift_fact::table
        .find(ShiftId::from_uuid(id.uuid()))
        .select(ShiftFact::as_select());
    found
        .get_result(conn)
        .optional()?
        .ok_or_else(|| lost("shift", id))
}

pub fn work(conn: &mut Conn, id: Id<()>) -> Result<WorkFact> {
    let found = work_fact::table
        .find(WorkId::from_uuid(id.uuid()))
        .select(WorkFact::as_select());
    found
        .get_result(conn)
        .optional()?
        .ok_or_else(|| lost("work", id))
}

pub fn lost(what: &str, id: Id<()>) -> Error {
    Error::internal(format!(
        "{what} fact {id} is gone though nothing may delete it"
    ))
}
