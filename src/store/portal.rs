//! What a contact may list: the tickets whose circle holds them. The same rule as `domain::access`, said in SQL so that the
//! list can be paged; whatever is opened from the list is asked again there.

use diesel::prelude::*;

use super::backend::{Conn, MultiBackend};
use super::queue::{Cursor, Slice};
use super::schema::core::{affected, ticket, watcher};
use super::ticket::Row;
use crate::domain::access::Reach;
use crate::domain::id::{ContactId, CustomerId, Id, Kind};
use crate::domain::ticket::Ticket;
use crate::error::Result;

diesel::allow_tables_to_appear_in_same_query!(ticket, affected, watcher);

/// Tickets of this customer that this contact may see, last changed first. Post-mortems are ours alone.
pub fn tickets(
    conn: &mut Conn,
    customer: CustomerId,
    contact: ContactId,
    reach: Reach,
    from: Option<Cursor>,
    most: i64,
) -> Result<Slice> {
    let hit = affected::table
        .filter(affected::customer_id.eq(customer))
        .select(affected::ticket_id);
    let mut query: ticket::BoxedQuery<'_, MultiBackend> = ticket::table
        .into_boxed()
        .filter(ticket::kind.ne(Kind::PostMortem))
        .filter(ticket::customer_id.eq(customer).or(ticket::id.eq_any(hit)));
    if reach == Reach::Own {
        let watched = watcher::table
            .filter(watcher::watcher_id.eq(Id::<()>::from_uuid(contact.uuid())))
            .filter(watcher::is_contact.eq(true))
            .select(watcher::ticket_id);
        query = query.filter(
            ticket::requester_id
                .eq(contact)
                .or(ticket::id.eq_any(watched)),
        );
    }
    if let Some(Cursor { key, id }) = from {
        query = query
            .filter(ticket::updated_at.le(key))
            .filter(ticket::updated_at.lt(key).or(ticket::id.lt(id)));
    }
    let rows: Vec<Row> = query
        .order((ticket::updated_at.desc(), ticket::id.desc()))
        .limit(most + 1)
        .select(Row::as_select())
        .load(conn)?;
    let mut tickets: Vec<Ticket> = rows.into_iter().map(Row::ticket).collect();
    let has_more = tickets.len() as i64 > most;
    tickets.truncate(most.max(0) as usize);
    let next = tickets.last().filter(|_| has_more).map(|last| Cursor {
        key: last.updated_at,
        id: last.id,
    });
    Ok(Slice { tickets, next })
}
