//! Copies of the embedded database, made while it runs, and their return. PostgreSQL has its own tools (`pg_dump`), which the
//! program calls only before it migrates.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use diesel::connection::{Connection, SimpleConnection};
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use super::backend::{Conn, DatabaseUrl, Store};
use super::migrate;
use crate::error::{Error, Result};

/// Copies a running SQLite database into the new file `to`. Readers and the writer go on meanwhile: the copy is a snapshot of
/// one read transaction, compacted. The file appears under its name only when it is whole and on disk.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        return Err(Error::internal(format!(
            "{} exists; a backup overwrites nothing",
            to.display()
        )));
    }
    let part = to.with_extension("part");
    // What an interrupted backup left is of no use.
    let _ = std::fs::remove_file(&part);
    let mut conn = open(from)?;
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| write_out_as_it_grows(&part, &done));
        let copied = diesel::sql_query("VACUUM INTO ?")
            .bind::<diesel::sql_types::Text, _>(part.to_string_lossy())
            .execute(&mut conn);
        done.store(true, Ordering::Relaxed);
        copied
    })?;
    let failed = |error: std::io::Error| Error::internal(format!("{}: {error}", to.display()));
    std::fs::File::open(&part)
        .and_then(|file| file.sync_all())
        .map_err(failed)?;
    std::fs::rename(&part, to).map_err(failed)?;
    let folder = to
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    std::fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(failed)
}

/// Brings the copy to disk bit by bit. Left to the system, gigabytes of it would be written in one go at the end, and every
/// commit of the running house would wait behind them.
fn write_out_as_it_grows(part: &Path, done: &AtomicBool) {
    while !done.load(Ordering::Relaxed) {
        // So much has grown meanwhile that writing it out is worth a call, and little enough that nobody waits for it.
        std::thread::sleep(Duration::from_millis(10));
        // It isn't there yet, or the disk is full: the copying itself will say so.
        let _ = std::fs::File::open(part).and_then(|file| file.sync_data());
    }
}

/// What SQLite finds wrong; nothing if the file is whole.
pub fn check(path: &Path) -> Result<Vec<String>> {
    #[derive(QueryableByName)]
    struct Line {
        #[diesel(sql_type = diesel::sql_types::Text)]
        quick_check: String,
    }
    let lines: Vec<Line> = diesel::sql_query("PRAGMA quick_check").load(&mut open(path)?)?;
    Ok(lines
        .into_iter()
        .map(|line| line.quick_check)
        .filter(|line| line != "ok")
        .collect())
}

/// Nobody else has the database open: asked by taking it for ourselves for a moment.
pub fn is_unused(path: &Path) -> Result<bool> {
    if path.with_extension("running").exists() && is_served(path) {
        return Ok(false);
    }
    let mut conn = SqliteConnection::establish(&path.to_string_lossy())
        .map_err(|error| Error::Unavailable(format!("{}: {error}", path.display())))?;
    // Leaving WAL needs every other connection to be gone.
    let left = conn.batch_execute("PRAGMA busy_timeout=500; PRAGMA journal_mode=DELETE;");
    let back = conn.batch_execute("PRAGMA journal_mode=WAL;");
    Ok(left.is_ok() && back.is_ok())
}

/// The process that the mark names is alive.
fn is_served(path: &Path) -> bool {
    let mark = std::fs::read_to_string(path.with_extension("running")).unwrap_or_default();
    !mark.is_empty() && Path::new("/proc").join(mark.trim()).exists()
}

/// Moves a database and its side files out of the way; where it lies now.
pub fn set_aside(path: &Path) -> Result<PathBuf> {
    let kept = (1..)
        .map(|n| path.with_extension(format!("replaced-{n}.db")))
        .find(|path| !path.exists())
        .expect("the numbers don't end");
    let failed = |error: std::io::Error| Error::internal(format!("{}: {error}", path.display()));
    std::fs::rename(path, &kept).map_err(failed)?;
    for ending in ["-wal", "-shm"] {
        let side = PathBuf::from(format!("{}{ending}", path.display()));
        if side.exists() {
            std::fs::rename(&side, PathBuf::from(format!("{}{ending}", kept.display())))
                .map_err(failed)?;
        }
    }
    Ok(kept)
}

/// What a copy holds. Not by way of a [`Store`], whose pool opens files on its own time and would make this one anew once it has been
/// moved away.
pub fn standing(path: &Path) -> Result<migrate::Standing> {
    migrate::standing_of(&mut Conn::Sqlite(open(path)?))
}

fn open(path: &Path) -> Result<SqliteConnection> {
    let mut conn = SqliteConnection::establish(&path.to_string_lossy())
        .map_err(|error| Error::Unavailable(format!("{}: {error}", path.display())))?;
    conn.batch_execute("PRAGMA busy_timeout=5000")?;
    Ok(conn)
}

/// The copy that stands between an upgrade and regret; where it lies.
pub fn before_migrating(store: &Store) -> Result<PathBuf> {
    match store.url() {
        DatabaseUrl::Sqlite(path) => {
            let to = free_name(path.parent().unwrap_or(Path::new("")), "db");
            copy(path, &to)?;
            Ok(to)
        }
        DatabaseUrl::Postgres(address) => {
            let to = free_name(Path::new(""), "dump");
            let dumped = std::process::Command::new("pg_dump")
                .args(["--format=custom", "--file"])
                .arg(&to)
                .arg(address)
                .status();
            match dumped {
                Ok(status) if status.success() => Ok(to),
                Ok(status) => Err(Error::internal(format!(
                    "pg_dump failed ({status}); nothing was migrated"
                ))),
                Err(error) => Err(Error::internal(format!(
                    "pg_dump is wanted on the PATH for the backup before migrating ({error}); nothing was migrated"
                ))),
            }
        }
    }
}

/// `before-VERSION-N` with the first number that is free: an older copy is never overwritten.
fn free_name(folder: &Path, ending: &str) -> PathBuf {
    (1..)
        .map(|n| folder.join(format!("before-{}-{n}.{ending}", env!("CARGO_PKG_VERSION"))))
        .find(|path| !path.exists())
        .expect("the numbers don't end")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::migrate;

    #[test]
    fn a_copy_is_whole_and_overwrites_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("a.db");
        let store = Store::open(&DatabaseUrl::Sqlite(from.clone())).unwrap();
        migrate::up(&store).unwrap();
        let to = before_migrating(&store).unwrap();
        assert_eq!(check(&to).unwrap(), Vec::<String>::new());
        assert!(copy(&from, &to).is_err());
        let copied = Store::open(&DatabaseUrl::Sqlite(to.clone())).unwrap();
        assert_eq!(
            migrate::standing(&copied).unwrap(),
            migrate::Standing::Current
        );
        let second = before_migrating(&store).unwrap();
        assert_ne!(second, to, "an older copy is never overwritten");
        assert!(to.exists() && second.exists());
    }
}
