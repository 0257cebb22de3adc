//! What PostgreSQL's planner knows of the sizes of tables.
//!
//! A new database grows faster than autovacuum looks, and a statement that was planned while its table was empty reads all of it each time
//! until somebody counts anew: in the first minute under load that was a fifth of the database's work.

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Text;

use super::{Conn, Tx};
use crate::error::Result;

/// Rows that may change before a small table is counted anew.
const FEW: i64 = 500;

/// A table of ours that has more than doubled since its rows were counted.
#[derive(Debug, QueryableByName)]
struct Grown {
    #[diesel(sql_type = Text)]
    name: String,
}

/// Tables whose statistics are out of date by more than half. SQLite has none that matter.
pub fn grown(conn: &mut Conn) -> Result<Vec<String>> {
    let Conn::Pg(conn) = conn else {
        return Ok(Vec::new());
    };
    let asked = format!(
        "SELECT s.relname::text AS name FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid \
         WHERE s.schemaname = current_schema() AND s.n_mod_since_analyze > {FEW} + GREATEST(c.reltuples, 0) \
         ORDER BY s.relname"
    );
    let rows: Vec<Grown> = sql_query(asked).load(conn)?;
    Ok(rows.into_iter().map(|row| row.name).collect())
}

/// Counts the rows of a table anew, unless somebody does so already. `table`: of [`grown`].
pub fn analyze(tx: &mut Tx, table: &str) -> Result<()> {
    if let Conn::Pg(conn) = &mut **tx {
        let name = table.replace('"', "\"\"");
        sql_query(format!("ANALYZE (SKIP_LOCKED) \"{name}\"")).execute(conn)?;
    }
    Ok(())
}
