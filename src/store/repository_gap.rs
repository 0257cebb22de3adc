//! Refs that had moved before we heard of it, as a repository's hook found them last.

use std::collections::HashMap;

use diesel::prelude::*;

use super::schema::git::{repository, repository_gap};
use super::{Conn, Tx};
use crate::domain::id::RepositoryId;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = repository_gap)]
pub struct Gap {
    pub repository_id: RepositoryId,
    pub name: String,
    /// Where we have it; zeros: nowhere.
    pub old_oid: String,
    /// Where it is; zeros: it is gone.
    pub new_oid: String,
    /// That we don't have, if somebody counted.
    pub commits: Option<i64>,
    pub found_at: Timestamp,
}

/// These and no others, found when the refs were compared at `now`.
pub fn replace(tx: &mut Tx, of: RepositoryId, gaps: &[Gap], now: Timestamp) -> Result<()> {
    diesel::update(repository::table.find(of))
        .set(repository::compared_at.eq(now))
        .execute(&mut **tx)?;
    let known = repository_gap::table.filter(repository_gap::repository_id.eq(of));
    diesel::delete(known).execute(&mut **tx)?;
    for gap in gaps {
        diesel::insert_into(repository_gap::table)
            .values(gap.clone())
            .execute(&mut **tx)?;
    }
    Ok(())
}

/// We heard where this one is.
pub fn fill(tx: &mut Tx, of: RepositoryId, name: &str) -> Result<()> {
    diesel::delete(repository_gap::table.find((of, name))).execute(&mut **tx)?;
    Ok(())
}

/// Of a repository, by name.
pub fn of(conn: &mut Conn, of: RepositoryId) -> Result<Vec<Gap>> {
    Ok(repository_gap::table
        .filter(repository_gap::repository_id.eq(of))
        .order(repository_gap::name)
        .select(Gap::as_select())
        .load(conn)?)
}

/// Of how many refs of each repository, where there are any.
pub fn counts(conn: &mut Conn) -> Result<HashMap<RepositoryId, i64>> {
    let all = repository_gap::table
        .group_by(repository_gap::repository_id)
        .select((repository_gap::repository_id, diesel::dsl::count_star()));
    Ok(all.load::<(RepositoryId, i64)>(conn)?.into_iter().collect())
}

/// When a hook last compared the refs of each repository with what we have.
pub fn compared(conn: &mut Conn) -> Result<HashMap<RepositoryId, Timestamp>> {
    let all: Vec<(RepositoryId, Option<Timestamp>)> = repository::table
        .filter(repository::compared_at.is_not_null())
        .select((repository::id, repository::compared_at))
        .load(conn)?;
    let told = |(id, at): (RepositoryId, Option<Timestamp>)| Some((id, at?));
    Ok(all.into_iter().filter_map(told).collect())
}
