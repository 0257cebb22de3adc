//! The full-text index: FTS5 on SQLite, a tsvector on PostgreSQL, the same documents and answers.
//!
//! Who may read an entry is a term *in* its document, so that neither hits nor counts of what is hidden can be seen.

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Text};

use super::backend::{Conn, Tx};
use super::fixed::Kept;
use super::intake::StoredMail;
use super::schema::search::{search_doc, search_fts};
use super::ticket::Watcher;
use super::timeline::Recorded;
use crate::domain::id::{ContactId, CustomerId, EntryId, Id, MailId, TicketId};
use crate::domain::search::{Question, words};
use crate::domain::ticket::Ticket;
use crate::domain::timeline::{Audience, EntryKind};
use crate::error::Result;

/// Hits beyond this number are not counted; the page says "more than".
pub const COUNTED: i64 = 1_000;

/// Stands in the document of a mail that is on no timeline.
const MAIL_TERM: &str = "_mail";

/// Whose eyes look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Eyes {
    Staff,
    /// Not timelines, but mails that became no entry of one: see [`find_mail`].
    Mail,
    /// Everything of this customer that is meant for customers.
    Customer(CustomerId),
    /// What this contact asked for or watches.
    Contact(CustomerId, ContactId),
}

#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Hit {
    #[diesel(sql_type = Binary)]
    pub entry_id: EntryId,
    #[diesel(sql_type = Binary)]
    pub ticket_id: TicketId,
}

/// Indexes a mail that became no entry (held, automatic, a bounce, a wish to join) with the text that was read in it.
pub fn index_mail(tx: &mut Tx, mail: &StoredMail, text: &str) -> Result<()> {
    let mut terms = words(&format!("{} {} {text}", mail.subject, mail.from_shown));
    if terms.is_empty() {
        return Ok(());
    }
    terms.push(MAIL_TERM.to_owned());
    insert(
        tx,
        Id::from_uuid(mail.id.uuid()),
        Id::from_uuid(uuid::Uuid::nil()),
        &terms,
    )
}

/// Takes a mail out of the index: it became an entry, or is to be indexed anew.
pub fn forget_mail(tx: &mut Tx, mail: MailId) -> Result<()> {
    forget(tx, Id::from_uuid(mail.uuid()))
}

/// Indexes those of the entries that have text.
pub fn index(tx: &mut Tx, ticket: &Ticket, recorded: &[Recorded]) -> Result<()> {
    for entry in recorded {
        let mut terms = document(ticket, entry);
        if terms.is_empty() {
            continue;
        }
        terms.extend(readers(tx, ticket, entry.audience)?);
        insert(tx, entry.id, ticket.id, &terms)?;
    }
    Ok(())
}

/// The words of an entry; none if it has no text.
pub(super) fn document(ticket: &Ticket, entry: &Recorded) -> Vec<String> {
    let mut text = entry.body.clone();
    if matches!(entry.kind, EntryKind::Opened | EntryKind::TitleChanged) {
        text = format!("{} {} {text}", ticket.key, ticket.title);
    }
    for fact in ["files", "subject", "label"] {
        if let Some(value) = entry.facts.get(fact) {
            text.push(' ');
            text.push_str(value);
        }
    }
    words(&text)
}

/// The terms that say who may read it besides staff.
fn readers(tx: &mut Tx, ticket: &Ticket, audience: Audience) -> Result<Vec<String>> {
    let customers: Vec<CustomerId> = match audience {
        Audience::Internal => return Ok(Vec::new()),
        Audience::Customer(id) => vec![id],
        Audience::AllAffected => super::ticket::affected(tx, ticket.id)?
            .into_iter()
            .map(|row| row.customer_id)
            .collect(),
    };
    let watchers = super::ticket::watchers(tx, ticket.id)?;
    Ok(reading(&customers, &watchers, ticket))
}

pub(super) fn reading(
    customers: &[CustomerId],
    watchers: &[Watcher],
    ticket: &Ticket,
) -> Vec<String> {
    let contacts = watchers.iter().filter_map(|who| match who {
        Watcher::Contact(id) => Some(*id),
        Watcher::Person(_) => None,
    });
    let contacts = contacts.chain(ticket.requester).map(contact_term);
    let customers = customers.iter().copied().map(customer_term);
    customers.chain(contacts).collect()
}

fn customer_term(id: CustomerId) -> String {
    format!("_c{}", id.uuid().simple())
}

fn contact_term(id: ContactId) -> String {
    format!("_r{}", id.uuid().simple())
}

fn insert(tx: &mut Tx, entry: EntryId, ticket: TicketId, terms: &[String]) -> Result<()> {
    match &mut **tx {
        Conn::Sqlite(conn) => {
            let id: i64 = diesel::insert_into(search_doc::table)
                .values((
                    search_doc::entry_id.eq(entry),
                    search_doc::ticket_id.eq(ticket),
                ))
                .returning(search_doc::id)
                .get_result(conn)?;
            diesel::insert_into(search_fts::table)
                .values((
                    search_fts::rowid.eq(id),
                    search_fts::terms.eq(terms.join(" ")),
                ))
                .execute(conn)?;
        }
        Conn::Pg(conn) => {
            // A lexeme twice is one to `array_to_tsvector`; it has no positions, which no question of ours asks for.
            let statement = diesel::sql_query(
                "INSERT INTO search_doc (entry_id, ticket_id, terms) VALUES ($1, $2, array_to_tsvector($3))",
            )
            .bind::<Binary, _>(entry)
            .bind::<Binary, _>(ticket)
            .bind::<Array<Text>, _>(terms);
            Kept(statement).execute(conn)?;
        }
    }
    Ok(())
}

/// Takes an entry out of the index: its text was redacted.
pub fn forget(tx: &mut Tx, entry: EntryId) -> Result<()> {
    match &mut **tx {
        Conn::Sqlite(conn) => {
            let id: Option<i64> = search_doc::table
                .filter(search_doc::entry_id.eq(entry))
                .select(search_doc::id)
                .get_result(conn)
                .optional()?;
            if let Some(id) = id {
                diesel::delete(search_fts::table.find(id)).execute(conn)?;
                diesel::delete(search_doc::table.find(id)).execute(conn)?;
            }
        }
        Conn::Pg(conn) => {
            diesel::sql_query("DELETE FROM search_doc WHERE entry_id = $1")
                .bind::<Binary, _>(entry)
                .execute(conn)?;
        }
    }
    Ok(())
}

/// Indexes a ticket's whole timeline anew: who may read it has changed.
pub fn reindex(tx: &mut Tx, ticket: &Ticket) -> Result<()> {
    let entries = super::timeline::of_ticket(tx, ticket.id)?;
    for entry in &entries {
        forget(tx, entry.id)?;
    }
    let readable: Vec<Recorded> = entries
        .into_iter()
        .filter(|entry| entry.redacted_at.is_none())
        .collect();
    index(tx, ticket, &readable)
}

/// As [`find`], over the mails that became no entry.
pub fn find_mail(conn: &mut Conn, question: &Question, most: i64) -> Result<Vec<MailId>> {
    let (hits, _) = find(conn, question, Eyes::Mail, most)?;
    Ok(hits
        .iter()
        .map(|hit| Id::from_uuid(hit.entry_id.uuid()))
        .collect())
}

/// The newest entries that answer the question, at most `most`, and how many there are (no more than [`COUNTED`] are counted).
pub fn find(
    conn: &mut Conn,
    question: &Question,
    eyes: Eyes,
    most: i64,
) -> Result<(Vec<Hit>, i64)> {
    if question.is_empty() {
        return Ok((Vec::new(), 0));
    }
    match conn {
        Conn::Sqlite(conn) => {
            let asked = fts5(question, eyes);
            let hits = diesel::sql_query(
                "SELECT d.entry_id, d.ticket_id FROM search_fts f JOIN search_doc d ON d.id = f.rowid \
                 WHERE search_fts MATCH ? ORDER BY f.rowid DESC LIMIT ?",
            )
            .bind::<Text, _>(&asked)
            .bind::<BigInt, _>(most)
            .load::<Hit>(conn)?;
            let count = diesel::sql_query(
                "SELECT count(*) AS n FROM (SELECT 1 FROM search_fts WHERE search_fts MATCH ? LIMIT ?)",
            )
            .bind::<Text, _>(&asked)
            .bind::<BigInt, _>(COUNTED)
            .get_result::<Count>(conn)?;
            Ok((hits, count.n))
        }
        Conn::Pg(conn) => {
            let asked = tsquery(question, eyes);
            // Without an order first: asked for the newest, the planner takes a rare word for a common one and looks through
            // three million entries for seven.
            let mut hits = diesel::sql_query(
                "SELECT entry_id, ticket_id FROM search_doc WHERE terms @@ $1::tsquery LIMIT $2",
            )
            .bind::<Text, _>(&asked)
            .bind::<BigInt, _>(COUNTED)
            .load::<Hit>(conn)?;
            let count = hits.len() as i64;
            if count < COUNTED {
                hits.sort_by_key(|hit| std::cmp::Reverse(hit.entry_id));
                hits.truncate(most.max(0) as usize);
            } else {
                hits = diesel::sql_query(
                    "SELECT entry_id, ticket_id FROM search_doc WHERE terms @@ $1::tsquery ORDER BY entry_id DESC LIMIT $2",
                )
                .bind::<Text, _>(&asked)
                .bind::<BigInt, _>(most)
                .load::<Hit>(conn)?;
            }
            Ok((hits, count))
        }
    }
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// Words hold letters and digits only (see [`words`]): nothing to escape, but quoted so that `or` and `near` are words.
fn fts5(question: &Question, eyes: Eyes) -> String {
    let star = |is_prefix: bool| if is_prefix { "*" } else { "" };
    let mut parts: Vec<String> = question
        .terms
        .iter()
        .map(|term| format!("\"{}\"{}", term.word, star(term.is_prefix)))
        .collect();
    parts.extend(reader_terms(eyes).iter().map(|term| format!("\"{term}\"")));
    let asked = parts.join(" AND ");
    match eyes {
        Eyes::Staff => format!("({asked}) NOT \"{MAIL_TERM}\""),
        Eyes::Mail | Eyes::Customer(_) | Eyes::Contact(..) => asked,
    }
}

fn tsquery(question: &Question, eyes: Eyes) -> String {
    let star = |is_prefix: bool| if is_prefix { ":*" } else { "" };
    let mut parts: Vec<String> = question
        .terms
        .iter()
        .map(|term| format!("'{}'{}", term.word, star(term.is_prefix)))
        .collect();
    parts.extend(reader_terms(eyes).iter().map(|term| format!("'{term}'")));
    if eyes == Eyes::Staff {
        parts.push(format!("!'{MAIL_TERM}'"));
    }
    parts.join(" & ")
}

fn reader_terms(eyes: Eyes) -> Vec<String> {
    match eyes {
        Eyes::Staff => Vec::new(),
        Eyes::Mail => vec![MAIL_TERM.to_owned()],
        Eyes::Customer(customer) => vec![customer_term(customer)],
        Eyes::Contact(customer, contact) => vec![customer_term(customer), contact_term(contact)],
    }
}
