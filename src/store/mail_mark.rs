//! What the mails of a ticket have in common with those of others: a hint that two tickets are one thread, never a join by itself.

use diesel::prelude::*;

use super::backend::{Conn, Tx, direct, insert_new};
use super::schema::mail::mail_mark;
use crate::domain::id::TicketId;
use crate::error::Result;

/// A mark on more tickets than this is a provider's or a broken program's: it says nothing.
const TELLING: usize = 3;

/// Remembers a mark of a ticket; once is enough.
pub fn put(tx: &mut Tx, ticket: TicketId, mark: &str) -> Result<()> {
    let row = (mail_mark::mark.eq(mark), mail_mark::ticket_id.eq(ticket));
    insert_new!(tx, mail_mark::table, row)?;
    Ok(())
}

/// The tickets with this mark, newest first, at most `most`.
pub fn tickets_with(conn: &mut Conn, mark: &str, most: i64) -> Result<Vec<TicketId>> {
    Ok(direct!(conn, |own| mail_mark::table
        .filter(mail_mark::mark.eq(mark))
        .order(mail_mark::ticket_id.desc())
        .limit(most)
        .select(mail_mark::ticket_id)
        .load(own))?)
}

/// The marks of a ticket that begin so, without that beginning.
pub fn of_ticket(conn: &mut Conn, ticket: TicketId, beginning: &str) -> Result<Vec<String>> {
    let all: Vec<String> = direct!(conn, |own| mail_mark::table
        .filter(mail_mark::ticket_id.eq(ticket))
        .order(mail_mark::mark)
        .limit(200)
        .select(mail_mark::mark)
        .load(own))?;
    Ok(all
        .iter()
        .filter_map(|mark| mark.strip_prefix(beginning))
        .map(str::to_owned)
        .collect())
}

/// Other tickets of what looks like the same thread; a few at most.
pub fn kin(conn: &mut Conn, ticket: TicketId) -> Result<Vec<TicketId>> {
    let mut kin = Vec::new();
    for beginning in ["id:", "conversation:"] {
        for mark in of_ticket(conn, ticket, beginning)? {
            let mark = format!("{beginning}{mark}");
            let sharing = tickets_with(conn, &mark, TELLING as i64 + 1)?;
            if sharing.len() <= TELLING {
                kin.extend(sharing.into_iter().filter(|other| *other != ticket));
            }
        }
    }
    kin.sort();
    kin.dedup();
    kin.truncate(TELLING);
    Ok(kin)
}
