//! The two migration trees say the same, go up and down and up again, and a newer schema is refused.

use std::collections::BTreeMap;
use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use watchkeeper::store::backend::{Conn, DatabaseUrl, Store};
use watchkeeper::store::migrate::{self, Standing};

use crate::desk::On;

fn fresh(on: On, folder: &Path) -> Store {
    let url = match on {
        On::Sqlite => DatabaseUrl::Sqlite(folder.join("m.db")),
        On::Postgres => DatabaseUrl::parse(&crate::cluster::new_empty_database()).unwrap(),
    };
    Store::open(&url).unwrap()
}

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = diesel::sql_types::Text)]
    table_name: String,
    #[diesel(sql_type = diesel::sql_types::Text)]
    column_name: String,
    #[diesel(sql_type = diesel::sql_types::Text)]
    data_type: String,
    #[diesel(sql_type = diesel::sql_types::Bool)]
    nullable: bool,
}

/// table.column -> (type in common words, may be NULL). The search index is each database's own.
fn columns(store: &Store) -> BTreeMap<String, (String, bool)> {
    let rows: Vec<Column> = store
        .read(|conn| {
            Ok(match conn {
                Conn::Sqlite(conn) => diesel::sql_query(
                    "SELECT m.name AS table_name, c.name AS column_name, lower(c.type) AS data_type, \
                     c.\"notnull\" = 0 AS nullable FROM sqlite_master m, pragma_table_info(m.name) c \
                     WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'",
                )
                .load(conn)?,
                Conn::Pg(conn) => diesel::sql_query(
                    "SELECT table_name::text, column_name::text, data_type::text, is_nullable = 'YES' AS nullable \
                     FROM information_schema.columns WHERE table_schema = 'public'",
                )
                .load(conn)?,
            })
        })
        .unwrap();
    rows.into_iter()
        .filter(|row| {
            !row.table_name.starts_with("search_") && !row.table_name.starts_with("__diesel")
        })
        .map(|row| {
            let common = match row.data_type.as_str() {
                "blob" | "bytea" => "bytes",
                "double precision" | "double" => "double",
                other => other,
            };
            (
                format!("{}.{}", row.table_name, row.column_name),
                (common.to_owned(), row.nullable),
            )
        })
        .collect()
}

#[test]
fn both_trees_have_the_same_folders() {
    let names = |tree: &str| {
        let mut names: Vec<_> = std::fs::read_dir(format!("migrations/{tree}"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names("sqlite"), names("postgres"));
}

#[test]
fn both_trees_make_the_same_columns() {
    let folder = tempfile::tempdir().unwrap();
    let [sqlite, postgres] = [On::Sqlite, On::Postgres].map(|on| {
        let store = fresh(on, folder.path());
        migrate::up(&store).unwrap();
        columns(&store)
    });
    let only = |a: &BTreeMap<String, (String, bool)>, b: &BTreeMap<String, (String, bool)>| {
        a.iter()
            .filter(|(name, kind)| b.get(*name) != Some(kind))
            .map(|(name, kind)| format!("{name} {kind:?}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (only(&sqlite, &postgres), only(&postgres, &sqlite)),
        (Vec::new(), Vec::new())
    );
    assert!(sqlite.len() > 100);
}

fn up_down_up(on: On) {
    let folder = tempfile::tempdir().unwrap();
    let store = fresh(on, folder.path());
    assert_eq!(migrate::standing(&store).unwrap(), Standing::Empty);
    migrate::up(&store).unwrap();
    let first = columns(&store);
    migrate::down(&store).unwrap();
    assert_eq!(columns(&store), BTreeMap::new(), "down leaves nothing");
    migrate::up(&store).unwrap();
    assert_eq!(columns(&store), first);
    assert_eq!(migrate::standing(&store).unwrap(), Standing::Current);
}

#[test]
fn up_down_up_on_sqlite() {
    up_down_up(On::Sqlite);
}

#[test]
fn up_down_up_on_postgres() {
    up_down_up(On::Postgres);
}

fn a_newer_schema_is_refused(on: On) {
    let folder = tempfile::tempdir().unwrap();
    let store = fresh(on, folder.path());
    migrate::up(&store).unwrap();
    store
        .write(|tx| {
            Ok(tx.batch_execute("INSERT INTO __diesel_schema_migrations (version, run_on) VALUES ('20991231000000', '2099-12-31 00:00:00')")?)
        })
        .unwrap();
    assert_eq!(
        migrate::standing(&store).unwrap(),
        Standing::Newer(vec!["20991231000000".to_owned()])
    );
}

#[test]
fn a_newer_schema_is_refused_on_sqlite() {
    a_newer_schema_is_refused(On::Sqlite);
}

#[test]
fn a_newer_schema_is_refused_on_postgres() {
    a_newer_schema_is_refused(On::Postgres);
}

/// Two with one number would be taken for one: the second would never run.
#[test]
fn every_migration_has_a_number_of_its_own_and_both_trees_have_the_same() {
    let numbers = |tree: &str| -> Vec<String> {
        let entries = std::fs::read_dir(Path::new("migrations").join(tree)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut numbers: Vec<String> = names
            .map(|name| name.split('_').next().unwrap_or_default().to_owned())
            .collect();
        numbers.sort();
        numbers
    };
    let (sqlite, postgres) = (numbers("sqlite"), numbers("postgres"));
    assert_eq!(sqlite, postgres);
    let twice = sqlite.windows(2).find(|pair| pair[0] == pair[1]);
    assert_eq!(twice, None);
}
