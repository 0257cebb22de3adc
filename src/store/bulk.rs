//! Very many tickets or clocks in few statements: rows of one table together, by `COPY` on PostgreSQL and by many-row inserts on
//! SQLite.
//!
//! What is written is what the single-row functions next door would write; only the number of statements differs. The caller
//! opens the transactions, and they are as durable as any: nothing is relaxed for speed.

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Text};

use super::backend::{Conn, Tx};
use super::blob::Hash;
use super::outbox;
use super::schema::core::{
    affected, blob, counter, delivery, entry, ticket, ticket_label, ticket_role, ticket_service,
    watcher,
};
use super::schema::search::{search_doc, search_fts};
use super::schema::sla::{clock, clock_notice};
use super::search::{document, reading};
use super::sla::{self, ClockRow};
use super::slate::Slate;
use super::ticket::{self as tickets, Affected, Watcher};
use super::timeline::{self, Recorded};
use crate::domain::id::{EntryId, Id, Kind, PersonId, ServiceId, TicketId};
use crate::domain::sla_clock::CancelReason;
use crate::domain::ticket::{Role, Ticket};
use crate::domain::timeline::Audience;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};

/// Makes everybody else who decides about these stored bytes wait for the end of this transaction. (SQLite has one writer anyway.)
pub fn lock_bytes(tx: &mut Tx, hash: Hash) -> Result<()> {
    if matches!(**tx, Conn::Pg(_)) {
        diesel::update(blob::table.find(hash.0.to_vec()))
            .set(blob::stored_at.eq(blob::stored_at))
            .execute(&mut **tx)?;
    }
    Ok(())
}

/// Values in one statement: SQLite takes 32,766.
const VALUES: usize = 30_000;

/// A ticket with everything that hangs on it.
#[derive(Debug, Clone)]
pub struct Whole {
    pub ticket: Ticket,
    pub entries: Vec<Recorded>,
    pub affected: Vec<Affected>,
    /// The primary one first.
    pub services: Vec<ServiceId>,
    pub labels: Vec<String>,
    pub watchers: Vec<Watcher>,
    pub roles: Vec<(Role, PersonId, Timestamp)>,
    pub clocks: Vec<ClockRow>,
}

#[derive(Insertable)]
#[diesel(table_name = ticket_service, treat_none_as_default_value = false)]
struct ServiceRow {
    ticket_id: TicketId,
    service_id: ServiceId,
    is_primary: bool,
}

#[derive(Insertable)]
#[diesel(table_name = ticket_label, treat_none_as_default_value = false)]
struct LabelRow {
    ticket_id: TicketId,
    label: String,
}

#[derive(Insertable)]
#[diesel(table_name = ticket_role, treat_none_as_default_value = false)]
struct RoleRow {
    ticket_id: TicketId,
    role: Role,
    person_id: PersonId,
    since_at: Timestamp,
}

#[derive(Insertable)]
#[diesel(table_name = watcher, treat_none_as_default_value = false)]
struct WatcherRow {
    ticket_id: TicketId,
    watcher_id: Vec<u8>,
    is_contact: bool,
    since_at: Timestamp,
}

#[derive(Insertable)]
#[diesel(table_name = search_doc, treat_none_as_default_value = false)]
struct DocumentRow {
    id: i64,
    entry_id: EntryId,
    ticket_id: TicketId,
}

#[derive(Insertable)]
#[diesel(table_name = search_fts, treat_none_as_default_value = false)]
struct TermsRow {
    rowid: i64,
    terms: String,
}

/// Writes rows of one table, of so many columns each.
macro_rules! put {
    ($tx:expr, $table:path, $columns:expr, $rows:expr) => {{
        let mut rows = $rows;
        match &mut **$tx {
            Conn::Sqlite(conn) => {
                while !rows.is_empty() {
                    let rest = rows.split_off(rows.len().min(VALUES / $columns));
                    diesel::insert_into($table).values(rows).execute(conn)?;
                    rows = rest;
                }
            }
            Conn::Pg(conn) => {
                if !rows.is_empty() {
                    diesel::copy_from($table)
                        .from_insertable(rows)
                        .execute(conn)?;
                }
            }
        }
    }};
}

/// Takes `count` numbers of this kind at once; the first of them. The next ticket gets the number after the last.
pub fn reserve(tx: &mut Tx, kind: Kind, count: i64) -> Result<i64> {
    if count == 0 {
        return Ok(1);
    }
    let first = tickets::next_number(tx, kind)?;
    let last = first + count - 1;
    match &mut **tx {
        Conn::Sqlite(conn) => {
            diesel::update(counter::table.find(kind.as_str()))
                .set(counter::value.eq(last))
                .execute(conn)?;
        }
        Conn::Pg(conn) => {
            diesel::sql_query("SELECT setval($1::regclass, $2)")
                .bind::<Text, _>(format!("ticket_number_{kind}"))
                .bind::<BigInt, _>(last)
                .execute(conn)?;
        }
    }
    Ok(first)
}

/// Writes all of them.
pub fn insert(tx: &mut Tx, wholes: &[Whole]) -> Result<()> {
    put!(
        tx,
        ticket::table,
        44,
        rows(wholes, |it| [tickets::Row::of(&it.ticket)])
    );
    put!(
        tx,
        entry::table,
        18,
        rows(wholes, |it| it.entries.iter().map(timeline::Row::of))
    );
    put!(
        tx,
        affected::table,
        7,
        rows(wholes, |it| it.affected.iter().cloned())
    );
    put!(
        tx,
        ticket_service::table,
        3,
        rows(wholes, |it| {
            it.services
                .iter()
                .enumerate()
                .map(|(place, service)| ServiceRow {
                    ticket_id: it.ticket.id,
                    service_id: *service,
                    is_primary: place == 0,
                })
        })
    );
    put!(
        tx,
        ticket_label::table,
        2,
        rows(wholes, |it| it.labels.iter().map(|label| LabelRow {
            ticket_id: it.ticket.id,
            label: label.clone(),
        }))
    );
    put!(
        tx,
        ticket_role::table,
        4,
        rows(wholes, |it| it.roles.iter().map(|(role, person, since)| {
            RoleRow {
                ticket_id: it.ticket.id,
                role: *role,
                person_id: *person,
                since_at: *since,
            }
        }))
    );
    put!(tx, watcher::table, 4, rows(wholes, watchers));
    put!(
        tx,
        clock::table,
        22,
        rows(wholes, |it| it.clocks.iter().cloned())
    );
    documents(tx, wholes)
}

fn rows<'a, R, I>(wholes: &'a [Whole], of: impl FnMut(&'a Whole) -> I) -> Vec<R>
where
    I: IntoIterator<Item = R>,
{
    wholes.iter().flat_map(of).collect()
}

fn watchers(it: &Whole) -> impl Iterator<Item = WatcherRow> + '_ {
    it.watchers.iter().map(|who| {
        let (uuid, is_contact) = match who {
            Watcher::Person(id) => (id.uuid(), false),
            Watcher::Contact(id) => (id.uuid(), true),
        };
        WatcherRow {
            ticket_id: it.ticket.id,
            watcher_id: uuid.as_bytes().to_vec(),
            is_contact,
            since_at: it.ticket.logged_at,
        }
    })
}

/// The search index's documents, those that `search::index` would write.
fn documents(tx: &mut Tx, wholes: &[Whole]) -> Result<()> {
    let mut found: Vec<(EntryId, TicketId, String)> = Vec::new();
    for it in wholes {
        for entry in &it.entries {
            let mut terms = document(&it.ticket, entry);
            if terms.is_empty() {
                continue;
            }
            match entry.audience {
                Audience::Internal => {}
                Audience::Customer(id) => terms.extend(reading(&[id], &it.watchers, &it.ticket)),
                Audience::AllAffected => {
                    let hit: Vec<_> = it.affected.iter().map(|row| row.customer_id).collect();
                    terms.extend(reading(&hit, &it.watchers, &it.ticket));
                }
            }
            found.push((entry.id, it.ticket.id, terms.join(" ")));
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    if let Conn::Pg(conn) = &mut **tx {
        let mut columns: (Vec<EntryId>, Vec<TicketId>, Vec<String>) = Default::default();
        for (entry, ticket, terms) in found {
            columns.0.push(entry);
            columns.1.push(ticket);
            columns.2.push(terms);
        }
        diesel::sql_query(
            "INSERT INTO search_doc (entry_id, ticket_id, terms) \
             SELECT e, t, array_to_tsvector(string_to_array(w, ' ')) FROM unnest($1, $2, $3) AS all_of (e, t, w)",
        )
        .bind::<Array<Binary>, _>(columns.0)
        .bind::<Array<Binary>, _>(columns.1)
        .bind::<Array<Text>, _>(columns.2)
        .execute(conn)?;
        return Ok(());
    }
    let last: Option<i64> = search_doc::table
        .order(search_doc::id.desc())
        .select(search_doc::id)
        .first(&mut **tx)
        .optional()?;
    let first = last.unwrap_or(0) + 1;
    let mut places = Vec::with_capacity(found.len());
    let mut terms = Vec::with_capacity(found.len());
    for (id, (entry_id, ticket_id, text)) in (first..).zip(found) {
        places.push(DocumentRow {
            id,
            entry_id,
            ticket_id,
        });
        terms.push(TermsRow {
            rowid: id,
            terms: text,
        });
    }
    if let Conn::Sqlite(conn) = &mut **tx {
        put_documents(conn, places, terms)?;
    }
    Ok(())
}

fn put_documents(
    conn: &mut SqliteConnection,
    mut places: Vec<DocumentRow>,
    mut terms: Vec<TermsRow>,
) -> Result<()> {
    while !places.is_empty() {
        let rest = places.split_off(places.len().min(VALUES / 3));
        diesel::insert_into(search_doc::table)
            .values(places)
            .execute(conn)?;
        places = rest;
    }
    while !terms.is_empty() {
        let rest = terms.split_off(terms.len().min(VALUES / 2));
        diesel::insert_into(search_fts::table)
            .values(terms)
            .execute(conn)?;
        terms = rest;
    }
    Ok(())
}

/// As [`sla::tickets_due`], and they are this transaction's until its end: what another one holds is left out, so that nodes look at
/// different tickets. (On SQLite every transaction holds everything.)
pub fn take_due(tx: &mut Tx, now: Timestamp, most: i64) -> Result<Vec<TicketId>> {
    match &mut **tx {
        Conn::Sqlite(_) => sla::tickets_due(tx, now, most),
        Conn::Pg(conn) => {
            #[derive(QueryableByName)]
            struct Due {
                #[diesel(sql_type = Binary)]
                id: TicketId,
            }
            let due: Vec<Due> = diesel::sql_query(
                "SELECT t.id FROM clock c JOIN ticket t ON t.id = c.ticket_id WHERE c.next_wake_at <= $1 \
                 ORDER BY c.next_wake_at LIMIT $2 FOR UPDATE OF t SKIP LOCKED",
            )
            .bind::<BigInt, _>(now)
            .bind::<BigInt, _>(most)
            .load(conn)?;
            Ok(sla::each_once(due.into_iter().map(|due| due.id).collect()))
        }
    }
}

/// Writes what looks at very many clocks found. Meant for PostgreSQL, where each statement is a round trip.
pub fn write(tx: &mut Tx, slate: &Slate, now: Timestamp) -> Result<()> {
    let entries: Vec<timeline::Row> = slate.entries.iter().map(timeline::Row::of).collect();
    put!(tx, entry::table, 18, entries);
    put!(tx, clock::table, 22, slate.new.clone());
    put!(tx, clock_notice::table, 5, slate.fired.clone());
    let Conn::Pg(conn) = &mut **tx else {
        return Err(Error::internal("many rows at once are PostgreSQL's"));
    };
    update_clocks(conn, &slate.changed)?;
    update_due(conn, &slate.moved)?;
    let notices: Vec<outbox::NewRow> = slate
        .notices
        .iter()
        .map(|notice| outbox::NewRow::of(notice, now))
        .collect();
    diesel::insert_into(delivery::table)
        .values(notices)
        .on_conflict(delivery::dedupe_key)
        .do_nothing()
        .execute(conn)?;
    Ok(())
}

/// Rows as one JSON array: one bound value whatever their number, and PostgreSQL reads each field by its column's type.
fn update_clocks(conn: &mut PgConnection, rows: &[ClockRow]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let rows: Vec<serde_json::Value> = rows
        .iter()
        .map(|row| {
            serde_json::json!({
                "id": bytes(row.id),
                "promisee": row.promisee.as_str(),
                "target_id": row.target_id.map(bytes),
                "from_seq": row.from_seq,
                "until_seq": row.until_seq,
                "anchor_at": row.anchor_at.micros(),
                "state": row.state.as_str(),
                "deadline_at": row.deadline_at.map(Timestamp::micros),
                "ended_at": row.ended_at.map(Timestamp::micros),
                "cancelled": row.cancelled.map(CancelReason::as_str),
                "breached_at": row.breached_at.map(Timestamp::micros),
                "late_by_change": row.late_by_change,
                "warned_until": row.warned_until.micros(),
                "generation": row.generation,
                "next_wake_at": row.next_wake_at.map(Timestamp::micros),
                "edition": row.edition,
                "tzdb": row.tzdb,
            })
        })
        .collect();
    diesel::sql_query(
        "UPDATE clock AS c SET promisee = r.promisee, target_id = r.target_id, from_seq = r.from_seq, \
         until_seq = r.until_seq, anchor_at = r.anchor_at, state = r.state, deadline_at = r.deadline_at, \
         ended_at = r.ended_at, cancelled = r.cancelled, breached_at = r.breached_at, \
         late_by_change = r.late_by_change, warned_until = r.warned_until, generation = r.generation, \
         next_wake_at = r.next_wake_at, edition = r.edition, tzdb = r.tzdb \
         FROM json_populate_recordset(NULL::clock, $1::json) AS r WHERE c.id = r.id",
    )
    .bind::<Text, _>(serde_json::Value::Array(rows).to_string())
    .execute(conn)?;
    Ok(())
}

fn update_due(conn: &mut PgConnection, tickets: &[Ticket]) -> Result<()> {
    if tickets.is_empty() {
        return Ok(());
    }
    let rows: Vec<serde_json::Value> = tickets
        .iter()
        .map(|ticket| {
            serde_json::json!({
                "id": bytes(ticket.id),
                "next_due_at": ticket.due.at.micros(),
                "next_due_from": ticket.due.from.map(Timestamp::micros),
                "next_due_metric": ticket.due.metric,
                "is_late": ticket.due.is_late,
                "entry_count": ticket.entry_count,
            })
        })
        .collect();
    diesel::sql_query(
        "UPDATE ticket AS t SET next_due_at = r.next_due_at, next_due_from = r.next_due_from, \
         next_due_metric = r.next_due_metric, is_late = r.is_late, entry_count = r.entry_count \
         FROM json_populate_recordset(NULL::ticket, $1::json) AS r WHERE t.id = r.id",
    )
    .bind::<Text, _>(serde_json::Value::Array(rows).to_string())
    .execute(conn)?;
    Ok(())
}

/// An id as PostgreSQL reads bytes from text.
fn bytes<T>(id: Id<T>) -> String {
    format!("\\x{}", id.uuid().simple())
}

/// Before a great fill: PostgreSQL's word index gathers what is new instead of sorting in every word by itself. Harmless if
/// [`settle`] never follows: answers are the same, a little later.
pub fn gather(tx: &mut Tx) -> Result<()> {
    if let Conn::Pg(conn) = &mut **tx {
        diesel::sql_query(
            "ALTER INDEX search_doc_terms SET (fastupdate = on, gin_pending_list_limit = 65536)",
        )
        .execute(conn)?;
    }
    Ok(())
}

/// After a great fill: sorts in what was gathered, and lets PostgreSQL learn how the tables look now. SQLite has nothing to do.
pub fn settle(tx: &mut Tx) -> Result<()> {
    if let Conn::Pg(conn) = &mut **tx {
        for statement in [
            "ALTER INDEX search_doc_terms SET (fastupdate = off)",
            "ALTER INDEX search_doc_terms RESET (gin_pending_list_limit)",
            "SELECT gin_clean_pending_list('search_doc_terms')",
            "ANALYZE",
        ] {
            diesel::sql_query(statement).execute(conn)?;
        }
    }
    Ok(())
}
