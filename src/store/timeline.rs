//! The timeline: appended, read, and never changed but for redaction.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;

use super::backend::{Conn, Tx, direct};
use super::compensation::line_up;
use super::schema::core::entry;
use crate::domain::compensation::FactKind;
use crate::domain::correction::Said;
use crate::domain::id::{ContactId, CustomerId, EntryId, Id, TicketId};
use crate::domain::timeline::{Actor, Audience, Door, EntryKind, Facts};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// An entry as it stands on the timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    pub id: EntryId,
    pub ticket: TicketId,
    /// 1, 2, 3 … within the ticket: the only order.
    pub seq: i64,
    pub effective_at: Timestamp,
    pub recorded_at: Timestamp,
    pub actor: Actor,
    /// The actor's name when it was recorded.
    pub actor_name: String,
    pub door: Door,
    pub kind: EntryKind,
    pub audience: Audience,
    pub for_report: bool,
    pub body: String,
    pub facts: Facts,
    pub source_id: Option<String>,
    pub corrects: Option<i64>,
    pub redacted_at: Option<Timestamp>,
}

impl Recorded {
    /// As far as it says what counts.
    pub fn said(&self) -> Said<'_> {
        Said {
            seq: self.seq,
            kind: self.kind,
            effective_at: self.effective_at,
            corrects: self.corrects,
            facts: &self.facts,
        }
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = entry, treat_none_as_default_value = false)]
pub(super) struct Row {
    id: EntryId,
    ticket_id: TicketId,
    seq: i64,
    effective_at: Timestamp,
    recorded_at: Timestamp,
    actor_kind: String,
    actor_id: Option<Id<()>>,
    actor_name: String,
    door: Door,
    kind: EntryKind,
    audience: String,
    audience_customer_id: Option<CustomerId>,
    for_report: bool,
    body: String,
    facts: String,
    source_id: Option<String>,
    corrects: Option<i64>,
    redacted_at: Option<Timestamp>,
}

impl Row {
    pub(super) fn of(value: &Recorded) -> Self {
        let actor_id = match &value.actor {
            Actor::Person(id) => Some(id.uuid()),
            Actor::Contact(id) => Some(id.uuid()),
            Actor::Token(id) => Some(id.uuid()),
            Actor::Stranger | Actor::System => None,
        };
        let (audience, customer) = match value.audience {
            Audience::Internal => ("internal", None),
            Audience::Customer(id) => ("customer", Some(id)),
            Audience::AllAffected => ("all_affected", None),
        };
        Row {
            id: value.id,
            ticket_id: value.ticket,
            seq: value.seq,
            effective_at: value.effective_at,
            recorded_at: value.recorded_at,
            actor_kind: value.actor.word().to_owned(),
            actor_id: actor_id.map(Id::from_uuid),
            actor_name: value.actor_name.clone(),
            door: value.door,
            kind: value.kind,
            audience: audience.to_owned(),
            audience_customer_id: customer,
            for_report: value.for_report,
            body: value.body.clone(),
            facts: facts_json(&value.facts),
            source_id: value.source_id.clone(),
            corrects: value.corrects,
            redacted_at: value.redacted_at,
        }
    }

    fn recorded(self) -> Recorded {
        let id = self.actor_id.map(Id::uuid);
        let actor = match (self.actor_kind.as_str(), id) {
            ("person", Some(id)) => Actor::Person(Id::from_uuid(id)),
            ("contact", Some(id)) => Actor::Contact(Id::from_uuid(id)),
            ("token", Some(id)) => Actor::Token(Id::from_uuid(id)),
            ("stranger", _) => Actor::Stranger,
            _ => Actor::System,
        };
        let audience = match (self.audience.as_str(), self.audience_customer_id) {
            ("customer", Some(id)) => Audience::Customer(id),
            ("all_affected", _) => Audience::AllAffected,
            _ => Audience::Internal,
        };
        Recorded {
            id: self.id,
            ticket: self.ticket_id,
            seq: self.seq,
            effective_at: self.effective_at,
            recorded_at: self.recorded_at,
            actor,
            actor_name: self.actor_name,
            door: self.door,
            kind: self.kind,
            audience,
            for_report: self.for_report,
            body: self.body,
            facts: facts_of(&self.facts),
            source_id: self.source_id,
            corrects: self.corrects,
            redacted_at: self.redacted_at,
        }
    }
}

/// Facts as one JSON object of strings, in their order.
pub fn facts_json(facts: &Facts) -> String {
    let object: serde_json::Map<String, serde_json::Value> = facts
        .iter()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    serde_json::Value::Object(object).to_string()
}

/// What [`facts_json`] wrote. Anything else is no facts.
pub fn facts_of(text: &str) -> Facts {
    let Ok(serde_json::Value::Object(object)) = serde_json::from_str(text) else {
        return Facts::new();
    };
    object
        .into_iter()
        .fold(Facts::new(), |facts, (name, value)| match value {
            serde_json::Value::String(text) => facts.with(name, text),
            other => facts.with(name, other),
        })
}

pub fn append(tx: &mut Tx, value: &Recorded) -> Result<()> {
    direct!(tx, |own| diesel::insert_into(entry::table)
        .values(Row::of(value))
        .execute(own))?;
    if value.kind.is_chained(&value.facts) {
        line_up(tx, value.id.uuid(), FactKind::Approval, value.recorded_at)?;
    }
    Ok(())
}

/// A ticket's whole timeline, oldest first.
pub fn of_ticket(conn: &mut Conn, ticket: TicketId) -> Result<Vec<Recorded>> {
    let rows: Vec<Row> = entry::table
        .filter(entry::ticket_id.eq(ticket))
        .order(entry::seq)
        .select(Row::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(Row::recorded).collect())
}

/// Up to `most` entries with a `seq` below `before`, newest first: one page of a long timeline.
pub fn page(
    conn: &mut Conn,
    ticket: TicketId,
    before: Option<i64>,
    most: i64,
) -> Result<Vec<Recorded>> {
    let rows: Vec<Row> = entry::table
        .filter(entry::ticket_id.eq(ticket))
        .filter(entry::seq.lt(before.unwrap_or(i64::MAX)))
        .order(entry::seq.desc())
        .limit(most)
        .select(Row::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(Row::recorded).collect())
}

/// The entries of these kinds, oldest first: what a clock is derived from.
pub fn of_kinds(conn: &mut Conn, ticket: TicketId, kinds: &[EntryKind]) -> Result<Vec<Recorded>> {
    let rows: Vec<Row> = direct!(conn, |own| entry::table
        .filter(entry::ticket_id.eq(ticket))
        .filter(entry::kind.eq_any(kinds.to_vec()))
        .order(entry::seq)
        .select(Row::as_select())
        .load(own))?;
    Ok(rows.into_iter().map(Row::recorded).collect())
}

/// As [`of_kinds`], of several tickets.
pub fn of_kinds_of(
    conn: &mut Conn,
    tickets: &[TicketId],
    kinds: &[EntryKind],
) -> Result<HashMap<TicketId, Vec<Recorded>>> {
    let rows: Vec<Row> = entry::table
        .filter(entry::ticket_id.eq_any(tickets.to_vec()))
        .filter(entry::kind.eq_any(kinds.to_vec()))
        .order((entry::ticket_id, entry::seq))
        .select(Row::as_select())
        .load(conn)?;
    let mut of: HashMap<TicketId, Vec<Recorded>> = HashMap::new();
    for row in rows {
        of.entry(row.ticket_id).or_default().push(row.recorded());
    }
    Ok(of)
}

/// Which of these tickets have an entry of any of these kinds.
pub fn with_any(
    conn: &mut Conn,
    tickets: &[TicketId],
    kinds: &[EntryKind],
) -> Result<HashSet<TicketId>> {
    let found: Vec<TicketId> = entry::table
        .filter(entry::ticket_id.eq_any(tickets.to_vec()))
        .filter(entry::kind.eq_any(kinds.to_vec()))
        .select(entry::ticket_id)
        .distinct()
        .load(conn)?;
    Ok(found.into_iter().collect())
}

/// As [`of_kinds_of`] in one list, the texts left out: for looking at very many.
pub(super) fn without_text(
    conn: &mut Conn,
    tickets: &[TicketId],
    kinds: &[EntryKind],
) -> Result<Vec<Recorded>> {
    let rows: Vec<Row> = entry::table
        .filter(entry::ticket_id.eq_any(tickets.to_vec()))
        .filter(entry::kind.eq_any(kinds.to_vec()))
        .order((entry::ticket_id, entry::seq))
        .select((
            entry::id,
            entry::ticket_id,
            entry::seq,
            entry::effective_at,
            entry::recorded_at,
            entry::actor_kind,
            entry::actor_id,
            entry::actor_name,
            entry::door,
            entry::kind,
            entry::audience,
            entry::audience_customer_id,
            entry::for_report,
            "".into_sql::<diesel::sql_types::Text>(),
            entry::facts,
            entry::source_id,
            entry::corrects,
            entry::redacted_at,
        ))
        .load(conn)?;
    Ok(rows.into_iter().map(Row::recorded).collect())
}

pub fn by_seq(conn: &mut Conn, ticket: TicketId, seq: i64) -> Result<Option<Recorded>> {
    let row: Option<Row> = entry::table
        .filter(entry::ticket_id.eq(ticket))
        .filter(entry::seq.eq(seq))
        .select(Row::as_select())
        .get_result(conn)
        .optional()?;
    Ok(row.map(Row::recorded))
}

/// These entries, in no order.
pub fn by_ids(conn: &mut Conn, ids: &[EntryId]) -> Result<Vec<Recorded>> {
    let rows: Vec<Row> = entry::table
        .filter(entry::id.eq_any(ids.to_vec()))
        .select(Row::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(Row::recorded).collect())
}

/// Whether an entry with this outside id stands on any timeline.
pub fn has_source(conn: &mut Conn, source: &str) -> Result<bool> {
    let found: Option<EntryId> = entry::table
        .filter(entry::source_id.eq(source))
        .select(entry::id)
        .get_result(conn)
        .optional()?;
    Ok(found.is_some())
}

/// Sets or takes the mark "goes into the outage report".
pub fn mark_for_report(tx: &mut Tx, ticket: TicketId, seq: i64, mark: bool) -> Result<()> {
    diesel::update(
        entry::table
            .filter(entry::ticket_id.eq(ticket))
            .filter(entry::seq.eq(seq)),
    )
    .set(entry::for_report.eq(mark))
    .execute(&mut **tx)?;
    Ok(())
}

/// Replaces the text by its tombstone. That somebody did is an entry of its own.
pub fn redact(
    tx: &mut Tx,
    ticket: TicketId,
    seq: i64,
    tombstone: &str,
    at: Timestamp,
) -> Result<()> {
    diesel::update(
        entry::table
            .filter(entry::ticket_id.eq(ticket))
            .filter(entry::seq.eq(seq)),
    )
    .set((entry::body.eq(tombstone), entry::redacted_at.eq(Some(at))))
    .execute(&mut **tx)?;
    Ok(())
}

/// The entries that `contact`'s customer may read, oldest first.
pub fn for_customer(
    conn: &mut Conn,
    ticket: TicketId,
    customer: CustomerId,
    is_affected: bool,
) -> Result<Vec<Recorded>> {
    let all = of_ticket(conn, ticket)?;
    Ok(all
        .into_iter()
        .filter(|entry| match entry.audience {
            Audience::Internal => false,
            Audience::Customer(id) => id == customer,
            Audience::AllAffected => is_affected,
        })
        .collect())
}

/// The contact who acted, if one did.
pub fn contact_of(entry: &Recorded) -> Option<ContactId> {
    match entry.actor {
        Actor::Contact(id) => Some(id),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_keep_their_order_and_values() {
        let facts = Facts::new()
            .with("to", "high")
            .with("from", "\"quoted\"\n")
            .with("n", 3);
        assert_eq!(
            facts_of(&facts_json(&facts)).get("from"),
            Some("\"quoted\"\n")
        );
        assert_eq!(facts_of(&facts_json(&facts)).get("n"), Some("3"));
        assert!(facts_of("[]").is_empty() && facts_of("not json").is_empty());
    }
}
