//! What responders found of suspects; what was changed around a moment, as far as it isn't a deployment.

use std::collections::HashMap;

use diesel::prelude::*;

use super::column::text_column;
use super::schema::core::ticket;
use super::schema::deploy::suspect_mark;
use super::schema::git::git_commit;
use super::ticket::Row as TicketRow;
use super::{Conn, Tx};
use crate::domain::id::{
    Kind as TicketKind, PersonId, PushId, RepositoryId, ServiceId, SubjectId, TicketId,
};
use crate::domain::suspect::{Blame, History, Kind};
use crate::domain::ticket::{State, Ticket};
use crate::domain::timestamp::Timestamp;
use crate::domain::worktime::Interval;
use crate::error::Result;

text_column!(Blame, Kind);

/// What somebody found of a suspect.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = suspect_mark, treat_none_as_null = true)]
pub struct Mark {
    pub ticket_id: TicketId,
    pub kind: Kind,
    pub subject_id: SubjectId,
    pub service_id: Option<ServiceId>,
    pub blame: Blame,
    pub by_id: Option<PersonId>,
    pub by_name: String,
    pub marked_at: Timestamp,
    /// Where on the list it stood then, from 1; `None`: it wasn't on it.
    pub place: Option<i64>,
}

/// What was found to be a cause in a span: of which incident, when, and where it stood on the list.
pub fn causes(conn: &mut Conn, span: Interval) -> Result<Vec<(TicketId, Timestamp, Option<i64>)>> {
    Ok(suspect_mark::table
        .filter(suspect_mark::blame.eq(Blame::Caused))
        .filter(suspect_mark::marked_at.ge(span.from))
        .filter(suspect_mark::marked_at.lt(span.to))
        .select((
            suspect_mark::ticket_id,
            suspect_mark::marked_at,
            suspect_mark::place,
        ))
        .load(conn)?)
}

/// When each incident was resolved, in a span, of which nobody said what caused it.
pub fn unexplained(conn: &mut Conn, span: Interval) -> Result<Vec<Timestamp>> {
    let named = suspect_mark::table
        .filter(suspect_mark::ticket_id.eq(ticket::id))
        .filter(suspect_mark::blame.eq(Blame::Caused));
    let at: Vec<Option<Timestamp>> = ticket::table
        .filter(ticket::kind.eq(TicketKind::Incident))
        .filter(ticket::resolved_at.ge(span.from))
        .filter(ticket::resolved_at.lt(span.to))
        .filter(ticket::merged_into.is_null())
        .filter(diesel::dsl::not(diesel::dsl::exists(named)))
        .select(ticket::resolved_at)
        .load(conn)?;
    Ok(at.into_iter().flatten().collect())
}

/// What was found on an incident.
pub fn marks(conn: &mut Conn, of: TicketId) -> Result<Vec<Mark>> {
    Ok(suspect_mark::table
        .filter(suspect_mark::ticket_id.eq(of))
        .select(Mark::as_select())
        .load(conn)?)
}

/// Writes it, in the place of what was found before.
pub fn put_mark(tx: &mut Tx, mark: &Mark) -> Result<()> {
    let known = suspect_mark::table.find((mark.ticket_id, mark.kind, mark.subject_id));
    if diesel::update(known).set(mark.clone()).execute(&mut **tx)? == 0 {
        diesel::insert_into(suspect_mark::table)
            .values(mark.clone())
            .execute(&mut **tx)?;
    }
    Ok(())
}

/// How often what was changed of a service was judged, and found to be a cause.
pub fn history(conn: &mut Conn) -> Result<HashMap<(ServiceId, Kind), History>> {
    let rows: Vec<(Option<ServiceId>, Kind, Blame, i64)> = suspect_mark::table
        .group_by((
            suspect_mark::service_id,
            suspect_mark::kind,
            suspect_mark::blame,
        ))
        .select((
            suspect_mark::service_id,
            suspect_mark::kind,
            suspect_mark::blame,
            diesel::dsl::count_star(),
        ))
        .load(conn)?;
    let mut found: HashMap<(ServiceId, Kind), History> = HashMap::new();
    for (service, kind, blame, count) in rows {
        let Some(service) = service else { continue };
        let history = found.entry((service, kind)).or_default();
        history.judged += count;
        if blame == Blame::Caused {
            history.confirmed += count;
        }
    }
    Ok(found)
}

/// Commits that a push published: as much of them as a suspect needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    pub repository: RepositoryId,
    pub push: PushId,
    pub oid: String,
    pub subject: String,
    pub author: String,
    pub paths: String,
    pub files: i32,
    pub at: Timestamp,
}

/// What was published from one instant to another, newest first.
pub fn published(
    conn: &mut Conn,
    from: Timestamp,
    to: Timestamp,
    most: i64,
) -> Result<Vec<Published>> {
    type Row = (
        RepositoryId,
        PushId,
        String,
        String,
        String,
        String,
        i32,
        Option<Timestamp>,
    );
    let rows: Vec<Row> = git_commit::table
        .filter(git_commit::published_at.ge(from))
        .filter(git_commit::published_at.le(to))
        .order(git_commit::published_at.desc())
        .limit(most)
        .select((
            git_commit::repository_id,
            git_commit::push_id,
            git_commit::oid,
            git_commit::subject,
            git_commit::author_name,
            git_commit::paths,
            git_commit::path_count,
            git_commit::published_at,
        ))
        .load(conn)?;
    let found = rows.into_iter().filter_map(
        |(repository, push, oid, subject, author, paths, files, at)| {
            Some(Published {
                repository,
                push,
                oid,
                subject,
                author,
                paths,
                files,
                at: at?,
            })
        },
    );
    Ok(found.collect())
}

/// When a repository was pushed to lately, newest first.
pub fn pushed_at(conn: &mut Conn, of: RepositoryId, most: i64) -> Result<Vec<Timestamp>> {
    use super::schema::git::push;
    Ok(push::table
        .filter(push::repository_id.eq(of))
        .order(push::received_at.desc())
        .limit(most)
        .select(push::received_at)
        .load(conn)?)
}

/// The repository that a push went to.
pub fn push(conn: &mut Conn, id: PushId) -> Result<Option<RepositoryId>> {
    use super::schema::git::push;
    Ok(push::table
        .find(id)
        .select(push::repository_id)
        .get_result(conn)
        .optional()?)
}

/// Changes on which somebody worked since then.
pub fn changes_since(conn: &mut Conn, since: Timestamp, most: i64) -> Result<Vec<Ticket>> {
    let rows: Vec<TicketRow> = ticket::table
        .filter(ticket::kind.eq(TicketKind::Change))
        .filter(ticket::state.eq_any(vec![State::InProgress, State::OnWatch, State::Closed]))
        // Named, so that the index leads with it.
        .filter(ticket::is_open.eq_any(vec![true, false]))
        .filter(ticket::updated_at.ge(since))
        .order(ticket::updated_at.desc())
        .limit(most)
        .select(TicketRow::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(TicketRow::ticket).collect())
}
