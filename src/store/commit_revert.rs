//! Whether the commits of changes still revert cleanly, as it was tried last.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;

use super::schema::git::{commit_revert, git_commit, git_link};
use super::{Conn, Tx};
use crate::domain::commit_message::Relation;
use crate::domain::deployment::Freshness;
use crate::domain::id::{RepositoryId, TicketId};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = commit_revert)]
struct Row {
    ticket_id: TicketId,
    repository_id: RepositoryId,
    tip: String,
    commits: String,
    conflicts: String,
    irreversible: String,
    checked_at: Timestamp,
}

/// What was tried of a ticket's commits in each repository: of which commits, newest first, and what came of it.
pub fn of(
    conn: &mut Conn,
    ticket: TicketId,
) -> Result<HashMap<RepositoryId, (Vec<String>, Freshness)>> {
    let rows: Vec<Row> = commit_revert::table
        .filter(commit_revert::ticket_id.eq(ticket))
        .select(Row::as_select())
        .load(conn)?;
    let lines = |text: &str| text.lines().map(str::to_owned).collect();
    let read = |row: Row| {
        let freshness = Freshness {
            conflicts: lines(&row.conflicts),
            irreversible: lines(&row.irreversible),
            tip: row.tip,
            checked_at: row.checked_at,
        };
        let commits = row.commits.split_whitespace().map(str::to_owned).collect();
        (row.repository_id, (commits, freshness))
    };
    Ok(rows.into_iter().map(read).collect())
}

pub fn put(
    tx: &mut Tx,
    ticket: TicketId,
    repository: RepositoryId,
    commits: &[String],
    found: &Freshness,
) -> Result<()> {
    let row = Row {
        ticket_id: ticket,
        repository_id: repository,
        tip: found.tip.clone(),
        commits: commits.join(" "),
        conflicts: found.conflicts.join("\n"),
        irreversible: found.irreversible.join("\n"),
        checked_at: found.checked_at,
    };
    let known = commit_revert::table.find((ticket, repository));
    if diesel::update(known).set(&row).execute(&mut **tx)? == 0 {
        diesel::insert_into(commit_revert::table)
            .values(&row)
            .execute(&mut **tx)?;
    }
    Ok(())
}

/// Tickets with commits of theirs that were published since then, the repositories that have them, and when the last one was; newest
/// first. `most` commits are looked at.
pub fn lately(
    conn: &mut Conn,
    since: Timestamp,
    most: i64,
) -> Result<Vec<(TicketId, RepositoryId, Option<Timestamp>)>> {
    let work = [
        Relation::Merge,
        Relation::Refs,
        Relation::Implements,
        Relation::Closes,
    ];
    let mut found: Vec<(TicketId, RepositoryId, Option<Timestamp>)> = git_link::table
        .inner_join(git_commit::table)
        .filter(git_commit::published_at.ge(since))
        .filter(git_commit::acts.eq(true))
        .filter(git_link::relation.eq_any(work))
        .order((git_commit::published_at.desc(), git_commit::seq.desc()))
        .limit(most)
        .select((
            git_link::ticket_id,
            git_commit::repository_id,
            git_commit::published_at,
        ))
        .load(conn)?;
    let mut seen = HashSet::new();
    found.retain(|(ticket, repository, _)| seen.insert((*ticket, *repository)));
    Ok(found)
}

/// At which tip, and when, the commits of these were tried.
pub fn tips(
    conn: &mut Conn,
    tickets: &[TicketId],
) -> Result<HashMap<(TicketId, RepositoryId), (String, Timestamp)>> {
    let rows: Vec<(TicketId, RepositoryId, String, Timestamp)> = commit_revert::table
        .filter(commit_revert::ticket_id.eq_any(tickets.to_vec()))
        .select((
            commit_revert::ticket_id,
            commit_revert::repository_id,
            commit_revert::tip,
            commit_revert::checked_at,
        ))
        .load(conn)?;
    let known = rows.into_iter();
    Ok(known
        .map(|(ticket, repository, tip, at)| ((ticket, repository), (tip, at)))
        .collect())
}
