//! Brings the schema up to this binary's, and refuses a database that a newer binary has migrated.

use diesel::{Connection, RunQueryDsl};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::backend::{Conn, DatabaseUrl, Store};
use crate::error::{Error, Result};

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Where a database stands compared with this binary.
#[derive(Debug, PartialEq, Eq)]
pub enum Standing {
    /// No table of ours yet.
    Empty,
    Current,
    /// This many migrations are missing.
    Behind(usize),
    /// It holds migrations that this binary doesn't know: a newer one was here.
    Newer(Vec<String>),
}

pub fn standing(store: &Store) -> Result<Standing> {
    store.read(standing_of)
}

/// As [`standing`], of the database that this connection leads to.
pub fn standing_of(conn: &mut Conn) -> Result<Standing> {
    let applied = applied_versions(conn)?;
    let known = known_versions(conn)?;
    if applied.is_empty() {
        return Ok(Standing::Empty);
    }
    let unknown: Vec<String> = applied
        .iter()
        .filter(|version| !known.contains(version))
        .cloned()
        .collect();
    Ok(
        match (
            unknown.is_empty(),
            known.len() - (applied.len() - unknown.len()),
        ) {
            (false, _) => Standing::Newer(unknown),
            (true, 0) => Standing::Current,
            (true, missing) => Standing::Behind(missing),
        },
    )
}

#[derive(diesel::QueryableByName)]
struct Applied {
    #[diesel(sql_type = diesel::sql_types::Text)]
    version: String,
}

/// What diesel noted as applied; nothing where its table isn't there yet. Asked without diesel's own function, which would create
/// that table on a connection that may not write.
fn applied_versions(conn: &mut Conn) -> Result<Vec<String>> {
    const THERE: [&str; 2] = [
        "SELECT name AS version FROM sqlite_master WHERE name = '__diesel_schema_migrations'",
        "SELECT table_name::text AS version FROM information_schema.tables WHERE table_name = '__diesel_schema_migrations'",
    ];
    const ALL: &str = "SELECT version FROM __diesel_schema_migrations ORDER BY version";
    let mut ask = |sqlite: &str, postgres: &str| -> Result<Vec<Applied>> {
        Ok(match conn {
            Conn::Sqlite(conn) => diesel::sql_query(sqlite).load(conn)?,
            Conn::Pg(conn) => diesel::sql_query(postgres).load(conn)?,
        })
    };
    if ask(THERE[0], THERE[1])?.is_empty() {
        return Ok(Vec::new());
    }
    Ok(ask(ALL, ALL)?.into_iter().map(|row| row.version).collect())
}

fn known_versions(conn: &Conn) -> Result<Vec<String>> {
    use diesel::migration::MigrationSource;
    let names = match conn {
        Conn::Sqlite(_) => {
            MigrationSource::<diesel::sqlite::Sqlite>::migrations(&SQLITE).map(|all| {
                all.iter()
                    .map(|one| one.name().version().to_string())
                    .collect::<Vec<_>>()
            })
        }
        Conn::Pg(_) => MigrationSource::<diesel::pg::Pg>::migrations(&POSTGRES).map(|all| {
            all.iter()
                .map(|one| one.name().version().to_string())
                .collect()
        }),
    };
    names.map_err(Error::internal)
}

/// The database answers.
pub fn answers(conn: &mut Conn) -> Result<()> {
    use diesel::connection::SimpleConnection;
    Ok(conn.batch_execute("SELECT 1")?)
}

/// Applies what is missing, all of it or nothing. The caller has looked at [`standing`] and made a backup.
pub fn up(store: &Store) -> Result<()> {
    each_way(store.url(), |conn| {
        // What fails is told as what it said: the transaction's own error can't carry it.
        let mut failed = None;
        let done = conn.transaction(|conn| {
            let applied = match conn {
                Conn::Sqlite(conn) => conn.run_pending_migrations(SQLITE).map(|_| ()),
                Conn::Pg(conn) => conn.run_pending_migrations(POSTGRES).map(|_| ()),
            };
            applied.map_err(|error| {
                failed = Some(error);
                diesel::result::Error::RollbackTransaction
            })
        });
        match failed {
            Some(error) => Err(error),
            None => Ok(done?),
        }
    })
}

/// Takes every migration back. For tests and for nobody else: it destroys all data.
pub fn down(store: &Store) -> Result<()> {
    each_way(store.url(), |conn| match conn {
        Conn::Sqlite(conn) => conn.revert_all_migrations(SQLITE).map(|_| ()),
        Conn::Pg(conn) => conn.revert_all_migrations(POSTGRES).map(|_| ()),
    })
}

/// Migrations run on a connection of their own: the readers' refuses writes.
fn each_way(
    url: &DatabaseUrl,
    run: impl FnOnce(&mut Conn) -> diesel::migration::Result<()>,
) -> Result<()> {
    use diesel::connection::SimpleConnection;
    let failed = |error: diesel::ConnectionError| Error::Unavailable(error.to_string());
    let mut conn = match url {
        DatabaseUrl::Sqlite(path) => {
            let mut conn =
                diesel::SqliteConnection::establish(&path.to_string_lossy()).map_err(failed)?;
            conn.batch_execute("PRAGMA busy_timeout=5000; PRAGMA synchronous=FULL;")?;
            Conn::Sqlite(conn)
        }
        DatabaseUrl::Postgres(address) => {
            Conn::Pg(diesel::PgConnection::establish(address).map_err(failed)?)
        }
    };
    run(&mut conn).map_err(|error| Error::internal(format!("migration: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_is_migrated_and_then_current() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&DatabaseUrl::Sqlite(folder.path().join("m.db"))).unwrap();
        assert_eq!(standing(&store).unwrap(), Standing::Empty);
        up(&store).unwrap();
        assert_eq!(standing(&store).unwrap(), Standing::Current);
        down(&store).unwrap();
        assert_eq!(standing(&store).unwrap(), Standing::Empty);
    }
}
