//! From the embedded database into an empty PostgreSQL: every row as it is, sequences where the counters stood, the search index
//! made anew. The two schemas have the same tables and columns, which a test keeps so.

use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::SqliteConnection;

use super::backend::{Conn, Store};
use super::schema::core::ticket;
use super::{blob, mail_found, search, ticket as tickets};
use crate::domain::id::{Kind, TicketId};
use crate::error::{Error, Result};

/// Rows of one statement.
const BATCH: i64 = 500;
/// Tickets, or mails, whose search documents are made in one transaction.
const INDEXED_AT_ONCE: i64 = 200;

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

/// A row as PostgreSQL reads it.
#[derive(QueryableByName)]
struct Literals {
    #[diesel(sql_type = BigInt)]
    place: i64,
    #[diesel(sql_type = Text)]
    row: String,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// Copies everything from `from` into `to`, which holds our schema and nothing else; `said` hears of each table. All of it is one
/// transaction but for the search index, which is made afterwards. How many rows there were.
pub fn copy(from: &Store, to: &Store, mut said: impl FnMut(&str, i64)) -> Result<i64> {
    let rows = from.read(|source| {
        let Conn::Sqlite(source) = source else {
            return Err(Error::internal("only the embedded database is moved"));
        };
        // One state of it, whatever is written meanwhile.
        source.batch_execute("BEGIN")?;
        let tables = in_order(source)?;
        let copied = to.read(|target| {
            let Conn::Pg(target) = target else {
                return Err(Error::internal("it is moved into PostgreSQL"));
            };
            target.transaction(|target| {
                let mut rows = 0;
                // What the migrations wrote is in the embedded database too.
                target.batch_execute("DELETE FROM counter")?;
                for table in &tables {
                    let count = copy_table(source, target, table)?;
                    said(table, count);
                    rows += count;
                }
                set_sequences(target)?;
                Ok(rows)
            })
        });
        source.batch_execute("COMMIT")?;
        copied
    })?;
    index(to)?;
    to.read(|target| Ok(target.batch_execute("ANALYZE")?))?;
    Ok(rows)
}

/// Our tables, those that others refer to first.
fn in_order(conn: &mut SqliteConnection) -> Result<Vec<String>> {
    let names: Vec<String> = diesel::sql_query(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' \
         AND name NOT LIKE 'search_%' AND name <> '__diesel_schema_migrations' ORDER BY name",
    )
    .load::<Name>(conn)?
    .into_iter()
    .map(|row| row.name)
    .collect();
    let mut waiting = Vec::new();
    for name in names {
        let wanted =
            diesel::sql_query("SELECT DISTINCT \"table\" AS name FROM pragma_foreign_key_list(?)")
                .bind::<Text, _>(&name)
                .load::<Name>(conn)?;
        let wanted: Vec<String> = wanted
            .into_iter()
            .map(|row| row.name)
            .filter(|other| *other != name)
            .collect();
        waiting.push((name, wanted));
    }
    let mut ordered: Vec<String> = Vec::new();
    while !waiting.is_empty() {
        let (ready, rest): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .partition(|(_, wanted)| wanted.iter().all(|other| ordered.contains(other)));
        if ready.is_empty() {
            return Err(Error::internal("the tables refer to each other in a ring"));
        }
        ordered.extend(ready.into_iter().map(|(name, _)| name));
        waiting = rest;
    }
    Ok(ordered)
}

/// A column and how its values are written for PostgreSQL.
fn columns(source: &mut SqliteConnection, table: &str) -> Result<Vec<(String, String)>> {
    #[derive(QueryableByName)]
    struct Column {
        #[diesel(sql_type = Text)]
        name: String,
        #[diesel(sql_type = Text)]
        kind: String,
    }
    let columns =
        diesel::sql_query("SELECT name, type AS kind FROM pragma_table_info(?) ORDER BY cid")
            .bind::<Text, _>(table)
            .load::<Column>(source)?;
    Ok(columns
        .into_iter()
        .map(|Column { name, kind }| {
            let literal = match kind.as_str() {
                "BLOB" => format!(
                    "CASE WHEN {name} IS NULL THEN 'NULL' ELSE '''\\x' || hex({name}) || '''' END"
                ),
                "BOOLEAN" => {
                    format!("CASE {name} WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE 'NULL' END")
                }
                _ => format!("quote({name})"),
            };
            (name, literal)
        })
        .collect())
}

fn copy_table(
    source: &mut SqliteConnection,
    target: &mut PgConnection,
    table: &str,
) -> Result<i64> {
    let columns = columns(source, table)?;
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let literals: Vec<&str> = columns.iter().map(|(_, text)| text.as_str()).collect();
    let is_rowless = diesel::sql_query("SELECT CAST(wr AS BIGINT) AS n FROM pragma_table_list(?)")
        .bind::<Text, _>(table)
        .get_result::<Count>(source)?
        .n
        == 1;
    let literals = literals.join(" || ',' || ");
    // In the order of their writing: what refers to a row of its own table comes after it.
    let rows = if is_rowless {
        format!(
            "SELECT place, row FROM (SELECT row_number() OVER () AS place, '(' || {literals} || ')' AS row FROM {table}) \
             WHERE place > ? ORDER BY place LIMIT ?"
        )
    } else {
        format!(
            "SELECT rowid AS place, '(' || {literals} || ')' AS row FROM {table} \
             WHERE rowid > ? ORDER BY rowid LIMIT ?"
        )
    };
    let (mut copied, mut place) = (0, i64::MIN);
    loop {
        let read = diesel::sql_query(&rows)
            .bind::<BigInt, _>(place)
            .bind::<BigInt, _>(BATCH)
            .load::<Literals>(source)?;
        let Some(last) = read.last() else {
            break;
        };
        place = last.place;
        let values: Vec<String> = read.into_iter().map(|row| row.row).collect();
        target.batch_execute(&format!(
            "INSERT INTO {table} ({}) VALUES {}",
            names.join(", "),
            values.join(",")
        ))?;
        copied += values.len() as i64;
    }
    let there = diesel::sql_query(format!("SELECT count(*) AS n FROM {table}"))
        .get_result::<Count>(target)?
        .n;
    if there != copied {
        return Err(Error::internal(format!(
            "{table}: {copied} rows were written and {there} are there"
        )));
    }
    Ok(copied)
}

/// Numbers go on where they stood; the counters of kinds are the embedded database's alone.
fn set_sequences(target: &mut PgConnection) -> Result<()> {
    for kind in Kind::ALL {
        let kind = kind.as_str();
        target.batch_execute(&format!(
            "SELECT setval('ticket_number_{kind}', greatest(value, 1), value > 0) FROM counter WHERE name = '{kind}'; \
             DELETE FROM counter WHERE name = '{kind}';"
        ))?;
    }
    Ok(())
}

/// Makes the documents of every ticket, in the order of their making: the newest are found first.
fn index(to: &Store) -> Result<()> {
    let mut last: Option<TicketId> = None;
    loop {
        let ids: Vec<TicketId> = to.read(|conn| {
            let mut next = ticket::table
                .order(ticket::id)
                .limit(INDEXED_AT_ONCE)
                .select(ticket::id)
                .into_boxed();
            if let Some(last) = last {
                next = next.filter(ticket::id.gt(last));
            }
            Ok(next.load(conn)?)
        })?;
        let Some(newest) = ids.last() else {
            return Ok(());
        };
        last = Some(*newest);
        to.write(|tx| {
            for found in tickets::by_ids(tx, &ids)? {
                search::reindex(tx, &found)?;
            }
            Ok(())
        })?;
    }
}

/// Makes the documents of the mails that are on no timeline: their words stand in their bytes alone, which `text_of` reads, with the
/// envelope's sender.
pub fn index_mails(to: &Store, text_of: impl Fn(&[u8], Option<&str>) -> String) -> Result<()> {
    let mut last = None;
    loop {
        let mails = to.read(|conn| mail_found::on_no_timeline(conn, last, INDEXED_AT_ONCE))?;
        let Some(newest) = mails.last() else {
            return Ok(());
        };
        last = Some(newest.id);
        to.write(|tx| {
            for mail in &mails {
                if let Some(raw) = blob::get(tx, mail.raw)? {
                    let text = text_of(&raw, mail.envelope_from.as_deref());
                    search::index_mail(tx, mail, &text)?;
                }
            }
            Ok(())
        })?;
    }
}
