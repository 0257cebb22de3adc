//! The queue: tickets by filter, page by page, in the order of an index.
//!
//! Pages are keyset pages: the last row's sort key and id are where the next one begins, so that page 1,000 costs what page 1
//! does. The comparison is written so that both databases walk the index (`stack.md` 4).

use diesel::prelude::*;

use super::backend::{Conn, MultiBackend};
use super::schema::core::{ticket, ticket_label, ticket_service};
use super::ticket::Row;
use crate::domain::id::{CustomerId, Id, Kind, PersonId, ServiceId, TeamId, TicketId};
use crate::domain::query::{Openness, Sort};
use crate::domain::severity::{Priority, Severity};
use crate::domain::ticket::{State, Ticket};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

diesel::allow_tables_to_appear_in_same_query!(ticket, ticket_label, ticket_service);

/// A filter whose names have been looked up. Empty lists mean "any".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub openness: Openness,
    pub kinds: Vec<Kind>,
    pub not_kinds: Vec<Kind>,
    pub states: Vec<State>,
    pub severities: Vec<Severity>,
    pub priorities: Vec<Priority>,
    pub owners: Vec<PersonId>,
    /// `Some(true)`: only what nobody has; with `owners` either holds.
    pub unowned: Option<bool>,
    pub customers: Vec<CustomerId>,
    pub services: Vec<ServiceId>,
    pub teams: Vec<TeamId>,
    pub labels: Vec<String>,
    pub not_labels: Vec<String>,
    pub due_before: Option<Timestamp>,
    pub late: Option<bool>,
    pub held: Option<bool>,
    pub awaits_us: Option<bool>,
    /// Only these, when a search has found them.
    pub ids: Option<Vec<TicketId>>,
}

/// Where a page begins: after the row with this sort key and id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub key: Timestamp,
    pub id: TicketId,
}

impl Cursor {
    /// Its text in an address.
    pub fn text(&self) -> String {
        format!("{}_{}", self.key.micros(), self.id.uuid().simple())
    }

    pub fn parse(text: &str) -> Option<Self> {
        let (key, id) = text.split_once('_')?;
        Some(Self {
            key: Timestamp::from_micros(key.parse().ok()?),
            id: Id::parse(id)?,
        })
    }
}

/// A page of the queue.
#[derive(Debug, Clone, Default)]
pub struct Slice {
    pub tickets: Vec<Ticket>,
    /// Where the next page begins; `None` on the last.
    pub next: Option<Cursor>,
}

type Boxed = ticket::BoxedQuery<'static, MultiBackend>;

/// At most `most` tickets after `from`.
pub fn slice(
    conn: &mut Conn,
    filter: &Filter,
    sort: Sort,
    from: Option<Cursor>,
    most: i64,
) -> Result<Slice> {
    let mut tickets = match (filter.openness, sort) {
        // The indexes begin with whether a ticket is open: two short walks and a merge instead of sorting every ticket there is.
        (Openness::Any, Sort::Due | Sort::Updated) => {
            let mut both = Vec::new();
            for openness in [Openness::Open, Openness::Closed] {
                let half = Filter {
                    openness,
                    ..filter.clone()
                };
                both.extend(ordered(conn, &half, sort, from, most + 1)?);
            }
            match sort {
                Sort::Due => both.sort_by_key(|ticket| (ticket.due.at, ticket.id)),
                Sort::New | Sort::Updated => {
                    both.sort_by_key(|ticket| std::cmp::Reverse((ticket.updated_at, ticket.id)));
                }
            }
            both
        }
        _ => ordered(conn, filter, sort, from, most + 1)?,
    };
    let has_more = tickets.len() as i64 > most;
    tickets.truncate(most.max(0) as usize);
    let next = tickets.last().filter(|_| has_more).map(|last| Cursor {
        key: match sort {
            Sort::Due => last.due.at,
            Sort::New => last.logged_at,
            Sort::Updated => last.updated_at,
        },
        id: last.id,
    });
    Ok(Slice { tickets, next })
}

fn ordered(
    conn: &mut Conn,
    filter: &Filter,
    sort: Sort,
    from: Option<Cursor>,
    most: i64,
) -> Result<Vec<Ticket>> {
    let query = narrowed(filter);
    let query = match sort {
        Sort::Due => {
            let query = match from {
                Some(Cursor { key, id }) => query
                    .filter(ticket::next_due_at.ge(key))
                    .filter(ticket::next_due_at.gt(key).or(ticket::id.gt(id))),
                None => query,
            };
            query.order((ticket::next_due_at.asc(), ticket::id.asc()))
        }
        // Ids are made from the instant of logging, so their order is that of the log.
        Sort::New => match from {
            Some(Cursor { id, .. }) => query.filter(ticket::id.lt(id)),
            None => query,
        }
        .order(ticket::id.desc()),
        Sort::Updated => {
            let query = match from {
                Some(Cursor { key, id }) => query
                    .filter(ticket::updated_at.le(key))
                    .filter(ticket::updated_at.lt(key).or(ticket::id.lt(id))),
                None => query,
            };
            query.order((ticket::updated_at.desc(), ticket::id.desc()))
        }
    };
    let rows: Vec<Row> = query.limit(most).select(Row::as_select()).load(conn)?;
    Ok(rows.into_iter().map(Row::ticket).collect())
}

/// How many there are, counted up to `most` and no further.
pub fn count_up_to(conn: &mut Conn, filter: &Filter, most: i64) -> Result<i64> {
    let ids: Vec<TicketId> = narrowed(filter).limit(most).select(ticket::id).load(conn)?;
    Ok(ids.len() as i64)
}

fn narrowed(filter: &Filter) -> Boxed {
    let mut query = ticket::table.into_boxed();
    match filter.openness {
        Openness::Open => query = query.filter(ticket::is_open.eq(true)),
        Openness::Closed => query = query.filter(ticket::is_open.eq(false)),
        Openness::Any => {}
    }
    if !filter.kinds.is_empty() {
        query = query.filter(ticket::kind.eq_any(filter.kinds.clone()));
    }
    if !filter.not_kinds.is_empty() {
        query = query.filter(ticket::kind.ne_all(filter.not_kinds.clone()));
    }
    if !filter.states.is_empty() {
        query = query.filter(ticket::state.eq_any(filter.states.clone()));
    }
    if !filter.severities.is_empty() {
        query = query.filter(ticket::severity.eq_any(filter.severities.clone()));
    }
    if !filter.priorities.is_empty() {
        query = query.filter(ticket::priority.eq_any(filter.priorities.clone()));
    }
    query = match (filter.unowned, filter.owners.is_empty()) {
        (Some(true), true) => query.filter(ticket::owner_id.is_null()),
        (Some(true), false) => query.filter(
            ticket::owner_id
                .is_null()
                .or(ticket::owner_id.eq_any(filter.owners.clone())),
        ),
        (Some(false), true) => query.filter(ticket::owner_id.is_not_null()),
        (None | Some(false), false) => query.filter(ticket::owner_id.eq_any(filter.owners.clone())),
        (None, true) => query,
    };
    if !filter.customers.is_empty() {
        query = query.filter(ticket::customer_id.eq_any(filter.customers.clone()));
    }
    if !filter.services.is_empty() {
        let of_services = ticket_service::table
            .filter(ticket_service::service_id.eq_any(filter.services.clone()))
            .select(ticket_service::ticket_id);
        query = query.filter(ticket::id.eq_any(of_services));
    }
    if !filter.teams.is_empty() {
        query = query.filter(ticket::team_id.eq_any(filter.teams.clone()));
    }
    for label in &filter.labels {
        let labelled = ticket_label::table
            .filter(ticket_label::label.eq(label.clone()))
            .select(ticket_label::ticket_id);
        query = query.filter(ticket::id.eq_any(labelled));
    }
    if !filter.not_labels.is_empty() {
        let labelled = ticket_label::table
            .filter(ticket_label::label.eq_any(filter.not_labels.clone()))
            .select(ticket_label::ticket_id);
        query = query.filter(ticket::id.ne_all(labelled));
    }
    if let Some(before) = filter.due_before {
        query = query.filter(ticket::next_due_at.le(before));
    }
    if let Some(late) = filter.late {
        query = query.filter(ticket::is_late.eq(late));
    }
    match filter.held {
        Some(true) => query = query.filter(ticket::hold_reason.is_not_null()),
        Some(false) => query = query.filter(ticket::hold_reason.is_null()),
        None => {}
    }
    if let Some(awaits) = filter.awaits_us {
        query = query.filter(ticket::awaits_us.eq(awaits));
    }
    if let Some(ids) = &filter.ids {
        query = query.filter(ticket::id.eq_any(ids.clone()));
    }
    query
}
