//! Statements that stay prepared.
//!
//! diesel prepares each `diesel::update` anew: a changeset may have a text of its own each time, and its cache would grow without
//! bound. Ours are few and their texts repeat, so those that run with every ticket are written with [`fixed_update`], which the cache
//! keeps by text. (Measured on SQLite: preparing costs more than running one.)

use diesel::backend::Backend;
use diesel::expression::{AppearsOnTable, Expression};
use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::Bool;

/// `UPDATE table SET changes WHERE rows`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Update<F, C, W> {
    table: F,
    changes: C,
    rows: W,
}

/// Sets `changes` in those `rows` of `table`. A changeset with optional parts makes a text for each combination: leave those to
/// `diesel::update`.
pub(super) fn fixed_update<T, C, W>(
    table: T,
    rows: W,
    changes: C,
) -> Update<T::FromClause, C::Changeset, W>
where
    T: QuerySource,
    C: AsChangeset<Target = T>,
    W: Expression<SqlType = Bool> + AppearsOnTable<T>,
{
    Update {
        table: table.from_clause(),
        changes: changes.as_changeset(),
        rows,
    }
}

impl<DB, F, C, W> QueryFragment<DB> for Update<F, C, W>
where
    DB: Backend,
    F: QueryFragment<DB>,
    C: QueryFragment<DB>,
    W: QueryFragment<DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("UPDATE ");
        self.table.walk_ast(out.reborrow())?;
        out.push_sql(" SET ");
        self.changes.walk_ast(out.reborrow())?;
        out.push_sql(" WHERE ");
        self.rows.walk_ast(out)
    }
}

impl<F, C, W> QueryId for Update<F, C, W> {
    type QueryId = ();
    /// Kept by its text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Own, F, C, W> RunQueryDsl<Own> for Update<F, C, W> {}

/// A list in fours, the last of which is repeated where there are fewer: "one of these four" is prepared once, "one of these" for each
/// length of the list anew.
pub(super) fn in_fours<T: Clone>(list: &[T]) -> impl Iterator<Item = [T; 4]> {
    list.chunks(4).map(|some| {
        let last = some.len() - 1;
        std::array::from_fn(|place| some[place.min(last)].clone())
    })
}

/// A statement for PostgreSQL that diesel would prepare anew each time, which costs a round trip and planning: its text may vary. Only
/// for statements whose texts are few.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kept<Q>(pub Q);

impl<Q: QueryFragment<Pg>> QueryFragment<Pg> for Kept<Q> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }

    fn is_safe_to_cache_prepared(&self, _backend: &Pg) -> QueryResult<bool> {
        Ok(true)
    }
}

impl<Q> QueryId for Kept<Q> {
    type QueryId = ();
    /// Kept by its text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q: Query> Query for Kept<Q> {
    type SqlType = Q::SqlType;
}

impl<Q> RunQueryDsl<PgConnection> for Kept<Q> {}
