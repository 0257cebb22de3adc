//! Tickets and what hangs on them: services, affected customers, roles, watchers, labels.

use std::collections::HashMap;

use diesel::prelude::*;

use super::backend::{Conn, Tx, direct};
use super::column::text_column;
use super::fixed::fixed_update;
use super::hold;
use super::schema::core::{
    affected, counter, ticket, ticket_label, ticket_role, ticket_service, watcher,
};
use crate::domain::id::{
    AffectedId, ContactId, CustomerId, Id, Kind, PersonId, ServiceId, TeamId, TicketId, TicketKey,
};
use crate::domain::severity::{Priority, Risk, Severity};
use crate::domain::text::Title;
use crate::domain::ticket::{Due, Outcome, Role, State, Ticket, WaitingOn};
use crate::domain::timeline::{Door, EntryKind};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};

text_column!(
    Kind, State, Outcome, Severity, Priority, Risk, Role, WaitingOn, Door, EntryKind
);

/// A row of `ticket`, field for field.
#[derive(Queryable, Selectable, Insertable, AsChangeset, Identifiable)]
#[diesel(table_name = ticket, treat_none_as_null = true, treat_none_as_default_value = false)]
pub(super) struct Row {
    id: TicketId,
    kind: Kind,
    number: i64,
    title: String,
    state: State,
    outcome: Option<Outcome>,
    is_open: bool,
    severity: Option<Severity>,
    priority: Option<Priority>,
    risk: Option<Risk>,
    urgency: i16,
    customer_id: Option<CustomerId>,
    requester_id: Option<ContactId>,
    requester_address: Option<String>,
    owner_id: Option<PersonId>,
    team_id: Option<TeamId>,
    service_id: Option<ServiceId>,
    parent_id: Option<TicketId>,
    merged_into: Option<TicketId>,
    external_ref: Option<String>,
    door: Door,
    logged_at: Timestamp,
    impact_at: Timestamp,
    restored_at: Option<Timestamp>,
    resolved_at: Option<Timestamp>,
    closed_at: Option<Timestamp>,
    due_at: Option<Timestamp>,
    callback_number: Option<String>,
    callback_at: Option<Timestamp>,
    hold_reason: Option<String>,
    hold_on: Option<WaitingOn>,
    hold_until: Option<Timestamp>,
    next_due_at: Timestamp,
    next_due_from: Option<Timestamp>,
    next_due_metric: Option<String>,
    is_late: bool,
    awaits_us: bool,
    bridge_url: Option<String>,
    chat_url: Option<String>,
    entry_count: i64,
    updated_at: Timestamp,
    version: i64,
    holds: String,
    hold_wake_at: Option<Timestamp>,
}

impl Row {
    pub(super) fn of(ticket: &Ticket) -> Self {
        Row {
            id: ticket.id,
            kind: ticket.key.kind,
            number: ticket.key.number,
            title: ticket.title.as_str().to_owned(),
            state: ticket.state,
            outcome: ticket.outcome,
            is_open: ticket.is_open(),
            severity: ticket.severity,
            priority: ticket.priority,
            risk: ticket.risk,
            urgency: ticket.urgency(),
            customer_id: ticket.customer,
            requester_id: ticket.requester,
            requester_address: ticket.requester_address.clone(),
            owner_id: ticket.owner,
            team_id: ticket.team,
            service_id: ticket.service,
            parent_id: ticket.parent,
            merged_into: ticket.merged_into,
            external_ref: ticket.external_ref.clone(),
            door: ticket.door,
            logged_at: ticket.logged_at,
            impact_at: ticket.impact_at,
            restored_at: ticket.restored_at,
            resolved_at: ticket.resolved_at,
            closed_at: ticket.closed_at,
            due_at: ticket.due_at,
            callback_number: ticket.callback_number.clone(),
            callback_at: ticket.callback_at,
            hold_reason: ticket.first_hold().map(|hold| hold.reason.clone()),
            hold_on: ticket.first_hold().map(|hold| hold.on),
            hold_until: ticket.held_until(),
            next_due_at: ticket.due.at,
            next_due_from: ticket.due.from,
            next_due_metric: ticket.due.metric.clone(),
            is_late: ticket.due.is_late,
            awaits_us: ticket.awaits_us,
            bridge_url: ticket.bridge_url.clone(),
            chat_url: ticket.chat_url.clone(),
            entry_count: ticket.entry_count,
            updated_at: ticket.updated_at,
            version: ticket.version,
            holds: hold::text(&ticket.holds),
            hold_wake_at: ticket.hold_wake_at(),
        }
    }

    pub(super) fn ticket(self) -> Ticket {
        Ticket {
            id: self.id,
            key: TicketKey {
                kind: self.kind,
                number: self.number,
            },
            title: Title::from_foreign(&self.title, "-"),
            state: self.state,
            outcome: self.outcome,
            severity: self.severity,
            priority: self.priority,
            risk: self.risk,
            customer: self.customer_id,
            requester: self.requester_id,
            requester_address: self.requester_address,
            owner: self.owner_id,
            team: self.team_id,
            service: self.service_id,
            parent: self.parent_id,
            merged_into: self.merged_into,
            external_ref: self.external_ref,
            door: self.door,
            logged_at: self.logged_at,
            impact_at: self.impact_at,
            restored_at: self.restored_at,
            resolved_at: self.resolved_at,
            closed_at: self.closed_at,
            due_at: self.due_at,
            callback_number: self.callback_number,
            callback_at: self.callback_at,
            holds: hold::of(&self.holds),
            due: Due {
                at: self.next_due_at,
                from: self.next_due_from,
                metric: self.next_due_metric,
                is_late: self.is_late,
            },
            awaits_us: self.awaits_us,
            bridge_url: self.bridge_url,
            chat_url: self.chat_url,
            entry_count: self.entry_count,
            updated_at: self.updated_at,
            version: self.version,
        }
    }
}

/// The next number of this kind. Never given twice; a rolled back transaction leaves a gap on PostgreSQL.
pub fn next_number(tx: &mut Tx, kind: Kind) -> Result<i64> {
    match &mut **tx {
        // One writer: the counter row can't be contended.
        Conn::Sqlite(own) => {
            let is_kind = counter::name.eq(kind.as_str());
            let next = counter::value.eq(counter::value + 1);
            fixed_update(counter::table, is_kind, next).execute(own)?;
            Ok(counter::table
                .find(kind.as_str())
                .select(counter::value)
                .get_result(own)?)
        }
        // A sequence: a counter row would stay locked for the rest of every transaction.
        Conn::Pg(conn) => {
            diesel::define_sql_function!(fn nextval(name: diesel::sql_types::Text) -> diesel::sql_types::BigInt);
            let name = match kind {
                Kind::Incident => "ticket_number_incident",
                Kind::Change => "ticket_number_change",
                Kind::Task => "ticket_number_task",
                Kind::PostMortem => "ticket_number_post_mortem",
            };
            Ok(diesel::select(nextval(name)).get_result(conn)?)
        }
    }
}

/// Writes a new ticket; its version becomes 1.
pub fn insert(tx: &mut Tx, value: &mut Ticket) -> Result<()> {
    value.version = 1;
    direct!(tx, |own| diesel::insert_into(ticket::table)
        .values(Row::of(value))
        .execute(own))?;
    Ok(())
}

/// Writes a changed ticket if nobody else has since it was read with `counted` entries; raises its version. Else
/// [`Error::Stale`]: also if only a clock was woken in between, which adds an entry and leaves the version.
pub fn update(tx: &mut Tx, value: &mut Ticket, counted: i64) -> Result<()> {
    let read_at = value.version;
    value.version += 1;
    let unchanged = ticket::id
        .eq(value.id)
        .and(ticket::version.eq(read_at))
        .and(ticket::entry_count.eq(counted));
    let statement = fixed_update(ticket::table, unchanged, Row::of(value));
    match direct!(tx, |own| statement.execute(own))? {
        1 => Ok(()),
        _ => Err(Error::Stale),
    }
}

/// Writes only what the queue sorts by and how many entries there are: clocks moved, nobody changed the ticket, so its version
/// stays.
pub fn update_due(tx: &mut Tx, value: &Ticket) -> Result<()> {
    let due = &value.due;
    let changes = (
        ticket::next_due_at.eq(due.at),
        ticket::next_due_from.eq(due.from),
        ticket::next_due_metric.eq(due.metric.as_deref()),
        ticket::is_late.eq(due.is_late),
        ticket::entry_count.eq(value.entry_count),
    );
    let statement = fixed_update(ticket::table, ticket::id.eq(value.id), changes);
    direct!(tx, |own| statement.execute(own))?;
    Ok(())
}

/// Makes everybody else who wants to write this ticket wait for the end of this transaction. (SQLite has one writer anyway.)
pub fn lock(tx: &mut Tx, id: TicketId) -> Result<()> {
    if matches!(**tx, Conn::Pg(_)) {
        diesel::update(ticket::table.find(id))
            .set(ticket::entry_count.eq(ticket::entry_count))
            .execute(&mut **tx)?;
    }
    Ok(())
}

pub fn by_key(conn: &mut Conn, key: TicketKey) -> Result<Option<Ticket>> {
    let row: Option<Row> = direct!(conn, |own| ticket::table
        .filter(ticket::kind.eq(key.kind))
        .filter(ticket::number.eq(key.number))
        .select(Row::as_select())
        .get_result(own))
    .optional()?;
    Ok(row.map(Row::ticket))
}

pub fn by_id(conn: &mut Conn, id: TicketId) -> Result<Option<Ticket>> {
    let row: Option<Row> = direct!(conn, |own| ticket::table
        .find(id)
        .select(Row::as_select())
        .get_result(own))
    .optional()?;
    Ok(row.map(Row::ticket))
}

/// These tickets, in no order; ids without a ticket are left out.
pub fn by_ids(conn: &mut Conn, ids: &[TicketId]) -> Result<Vec<Ticket>> {
    let rows: Vec<Row> = ticket::table
        .filter(ticket::id.eq_any(ids.to_vec()))
        .select(Row::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(Row::ticket).collect())
}

/// The newest open ones of a kind.
pub fn open_of_kind(conn: &mut Conn, kind: Kind, most: i64) -> Result<Vec<Ticket>> {
    let rows: Vec<Row> = ticket::table
        .filter(ticket::kind.eq(kind))
        .filter(ticket::is_open.eq(true))
        .order(ticket::number.desc())
        .limit(most)
        .select(Row::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(Row::ticket).collect())
}

pub fn by_external_ref(conn: &mut Conn, reference: &str) -> Result<Option<Ticket>> {
    let row: Option<Row> = ticket::table
        .filter(ticket::external_ref.eq(reference))
        .select(Row::as_select())
        .get_result(conn)
        .optional()?;
    Ok(row.map(Row::ticket))
}

/// Resolved incidents whose waiting time is over at `before`, oldest first, at most `most`.
pub fn resolved_before(conn: &mut Conn, before: Timestamp, most: i64) -> Result<Vec<TicketId>> {
    Ok(ticket::table
        .filter(ticket::state.eq(State::Resolved))
        .filter(ticket::resolved_at.le(before))
        .order(ticket::resolved_at)
        .limit(most)
        .select(ticket::id)
        .load(conn)?)
}

/// A customer who was hit.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = affected, treat_none_as_default_value = false)]
pub struct Affected {
    pub id: AffectedId,
    pub ticket_id: TicketId,
    pub customer_id: CustomerId,
    pub service_id: Option<ServiceId>,
    pub impact_at: Timestamp,
    /// When this customer told us; empty if they didn't.
    pub reported_at: Option<Timestamp>,
    pub restored_at: Option<Timestamp>,
}

pub fn add_affected(tx: &mut Tx, row: &Affected) -> Result<()> {
    direct!(tx, |own| diesel::insert_into(affected::table)
        .values(row)
        .execute(own))?;
    Ok(())
}

pub fn affected(conn: &mut Conn, of: TicketId) -> Result<Vec<Affected>> {
    Ok(direct!(conn, |own| affected::table
        .filter(affected::ticket_id.eq(of))
        .order(affected::id)
        .select(Affected::as_select())
        .load(own))?)
}

/// As [`affected()`], of several tickets.
pub fn affected_of(conn: &mut Conn, of: &[TicketId]) -> Result<HashMap<TicketId, Vec<Affected>>> {
    let rows: Vec<Affected> = affected::table
        .filter(affected::ticket_id.eq_any(of.to_vec()))
        .order(affected::id)
        .select(Affected::as_select())
        .load(conn)?;
    let mut of: HashMap<TicketId, Vec<Affected>> = HashMap::new();
    for row in rows {
        of.entry(row.ticket_id).or_default().push(row);
    }
    Ok(of)
}

/// Marks every affected customer who isn't yet as restored.
pub fn restore_affected(tx: &mut Tx, of: TicketId, at: Option<Timestamp>) -> Result<()> {
    let rows = affected::table.filter(affected::ticket_id.eq(of));
    match at {
        Some(_) => diesel::update(rows.filter(affected::restored_at.is_null()))
            .set(affected::restored_at.eq(at))
            .execute(&mut **tx)?,
        None => diesel::update(rows)
            .set(affected::restored_at.eq(at))
            .execute(&mut **tx)?,
    };
    Ok(())
}

pub fn set_services(tx: &mut Tx, of: TicketId, services: &[ServiceId]) -> Result<()> {
    diesel::delete(ticket_service::table.filter(ticket_service::ticket_id.eq(of)))
        .execute(&mut **tx)?;
    for (place, service) in services.iter().enumerate() {
        diesel::insert_into(ticket_service::table)
            .values((
                ticket_service::ticket_id.eq(of),
                ticket_service::service_id.eq(*service),
                ticket_service::is_primary.eq(place == 0),
            ))
            .execute(&mut **tx)?;
    }
    Ok(())
}

/// Its services, the primary one first.
pub fn services(conn: &mut Conn, of: TicketId) -> Result<Vec<ServiceId>> {
    Ok(direct!(conn, |own| ticket_service::table
        .filter(ticket_service::ticket_id.eq(of))
        .order((
            ticket_service::is_primary.desc(),
            ticket_service::service_id,
        ))
        .select(ticket_service::service_id)
        .load(own))?)
}

/// As [`services()`], of several tickets.
pub fn services_of(conn: &mut Conn, of: &[TicketId]) -> Result<HashMap<TicketId, Vec<ServiceId>>> {
    let rows: Vec<(TicketId, ServiceId)> = ticket_service::table
        .filter(ticket_service::ticket_id.eq_any(of.to_vec()))
        .order((
            ticket_service::is_primary.desc(),
            ticket_service::service_id,
        ))
        .select((ticket_service::ticket_id, ticket_service::service_id))
        .load(conn)?;
    let mut of: HashMap<TicketId, Vec<ServiceId>> = HashMap::new();
    for (ticket, service) in rows {
        of.entry(ticket).or_default().push(service);
    }
    Ok(of)
}

/// Gives the role to `person`; whoever had it has it no longer.
pub fn set_role(
    tx: &mut Tx,
    of: TicketId,
    role: Role,
    person: Option<PersonId>,
    now: Timestamp,
) -> Result<()> {
    let row = ticket_role::table
        .filter(ticket_role::ticket_id.eq(of))
        .filter(ticket_role::role.eq(role));
    diesel::delete(row).execute(&mut **tx)?;
    if let Some(person) = person {
        diesel::insert_into(ticket_role::table)
            .values((
                ticket_role::ticket_id.eq(of),
                ticket_role::role.eq(role),
                ticket_role::person_id.eq(person),
                ticket_role::since_at.eq(now),
            ))
            .execute(&mut **tx)?;
    }
    Ok(())
}

pub fn roles(conn: &mut Conn, of: TicketId) -> Result<Vec<(Role, PersonId)>> {
    Ok(ticket_role::table
        .filter(ticket_role::ticket_id.eq(of))
        .select((ticket_role::role, ticket_role::person_id))
        .load(conn)?)
}

/// Who is kept informed about a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watcher {
    Person(PersonId),
    Contact(ContactId),
}

/// Adds a watcher; whether they weren't one already.
pub fn watch(tx: &mut Tx, of: TicketId, who: Watcher, now: Timestamp) -> Result<bool> {
    if watchers(tx, of)?.contains(&who) {
        return Ok(false);
    }
    let (uuid, is_contact) = match who {
        Watcher::Person(id) => (id.uuid(), false),
        Watcher::Contact(id) => (id.uuid(), true),
    };
    direct!(tx, |own| diesel::insert_into(watcher::table)
        .values((
            watcher::ticket_id.eq(of),
            watcher::watcher_id.eq(uuid.as_bytes().to_vec()),
            watcher::is_contact.eq(is_contact),
            watcher::since_at.eq(now),
        ))
        .execute(own))?;
    Ok(true)
}

pub fn unwatch(tx: &mut Tx, of: TicketId, who: Watcher) -> Result<bool> {
    let uuid = match who {
        Watcher::Person(id) => id.uuid(),
        Watcher::Contact(id) => id.uuid(),
    };
    let row = watcher::table
        .filter(watcher::ticket_id.eq(of))
        .filter(watcher::watcher_id.eq(uuid.as_bytes().to_vec()));
    Ok(diesel::delete(row).execute(&mut **tx)? > 0)
}

pub fn watchers(conn: &mut Conn, of: TicketId) -> Result<Vec<Watcher>> {
    let rows: Vec<(Id<()>, bool)> = direct!(conn, |own| watcher::table
        .filter(watcher::ticket_id.eq(of))
        .order(watcher::since_at)
        .select((watcher::watcher_id, watcher::is_contact))
        .load(own))?;
    Ok(rows
        .into_iter()
        .map(|(id, is_contact)| match is_contact {
            true => Watcher::Contact(Id::from_uuid(id.uuid())),
            false => Watcher::Person(Id::from_uuid(id.uuid())),
        })
        .collect())
}

/// Puts a label on; whether it wasn't there.
pub fn label(tx: &mut Tx, of: TicketId, text: &str) -> Result<bool> {
    if labels(tx, of)?.iter().any(|known| known == text) {
        return Ok(false);
    }
    diesel::insert_into(ticket_label::table)
        .values((ticket_label::ticket_id.eq(of), ticket_label::label.eq(text)))
        .execute(&mut **tx)?;
    Ok(true)
}

pub fn unlabel(tx: &mut Tx, of: TicketId, text: &str) -> Result<bool> {
    let row = ticket_label::table
        .filter(ticket_label::ticket_id.eq(of))
        .filter(ticket_label::label.eq(text));
    Ok(diesel::delete(row).execute(&mut **tx)? > 0)
}

pub fn labels(conn: &mut Conn, of: TicketId) -> Result<Vec<String>> {
    Ok(ticket_label::table
        .filter(ticket_label::ticket_id.eq(of))
        .order(ticket_label::label)
        .select(ticket_label::label)
        .load(conn)?)
}
