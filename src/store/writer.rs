//! SQLite's one writer: first come, first served, with group commit.
//!
//! Whoever's turn it is runs its closure in a savepoint of the open transaction. If others wait, it hands the transaction on
//! and waits for the COMMIT that the last of the group makes: one fsync then serves up to [`GROUP`] callers. Nobody returns
//! before the commit, so "returned" means durable. If the shared COMMIT fails, every closure of the group runs again, alone.
//! A group is bounded in size and time, so that another process (`watchkeeper mail`, `backup`) gets its turn.
//!
//! A COMMIT that the disk failed is another matter: nobody knows what of it is on the disk, and the system may have thrown away what
//! it couldn't write, so that a second try succeeds falsely. Nothing is tried again then and nothing written any more; everybody who
//! waits hears that it isn't known to be durable, and whoever serves stops ([`Writer::until_lost`]). The next start reads what is
//! really there.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use super::backend::{Conn, Tx, Work};
use crate::error::{Error, Result};

/// Most closures under one COMMIT.
const GROUP: usize = 32;
/// Longest time that a group's transaction stays open while others join it.
const GROUP_TIME: Duration = Duration::from_millis(10);

pub(super) struct Writer {
    line: Mutex<Line>,
    /// Why nothing is written any more, once a COMMIT was lost.
    lost: Mutex<Option<String>>,
    was_lost: Condvar,
}

/// The queue before the connection.
struct Line {
    /// The connection and the group it is working for; `None` while somebody uses it.
    seat: Option<Seat>,
    waiting: VecDeque<Arc<Turn>>,
}

struct Seat {
    conn: Box<Conn>,
    group: Option<Arc<Group>>,
}

/// One waiter's place in the line.
#[derive(Default)]
struct Turn {
    seat: Mutex<Option<Seat>>,
    called: Condvar,
}

/// Callers that share a COMMIT.
struct Group {
    since: Instant,
    members: Mutex<usize>,
    outcome: Mutex<Option<Outcome>>,
    done: Condvar,
}

/// How a shared COMMIT ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Committed,
    /// Rolled back: nothing of it is there.
    Undone,
    /// The disk failed: nobody knows what of it is there.
    Lost,
}

impl Group {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            since: Instant::now(),
            members: Mutex::new(0),
            outcome: Mutex::new(None),
            done: Condvar::new(),
        })
    }

    fn settle(&self, outcome: Outcome) {
        *lock(&self.outcome) = Some(outcome);
        self.done.notify_all();
    }

    /// Waits for the shared COMMIT.
    fn outcome(&self) -> Outcome {
        let mut known = lock(&self.outcome);
        loop {
            if let Some(outcome) = *known {
                return outcome;
            }
            known = self
                .done
                .wait(known)
                .unwrap_or_else(|poison| poison.into_inner());
        }
    }
}

/// A poisoned lock here only means that some closure panicked; the state behind it is kept whole by `catch_unwind`.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poison| poison.into_inner())
}

impl Writer {
    pub(super) fn open(path: &Path) -> Result<Self> {
        if let Some(folder) = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            std::fs::create_dir_all(folder)
                .map_err(|error| Error::internal(format!("{}: {error}", folder.display())))?;
        }
        let mut conn = SqliteConnection::establish(&path.to_string_lossy())
            .map_err(|error| Error::Unavailable(format!("{}: {error}", path.display())))?;
        // Pages that a savepoint touches are kept in case it fails: in memory, a file would cost a fifth of all writing.
        conn.batch_execute(
            "PRAGMA busy_timeout=5000; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; \
             PRAGMA cache_size=-8000; PRAGMA temp_store=MEMORY;",
        )?;
        assert_durable(&mut conn)?;
        let seat = Seat {
            conn: Box::new(Conn::Sqlite(conn)),
            group: None,
        };
        Ok(Self {
            line: Mutex::new(Line {
                seat: Some(seat),
                waiting: VecDeque::new(),
            }),
            lost: Mutex::new(None),
            was_lost: Condvar::new(),
        })
    }

    /// From now on a COMMIT doesn't wait for the disk.
    pub(super) fn hurry(&self) -> Result<()> {
        match &mut lock(&self.line).seat {
            Some(seat) => Ok(seat.conn.batch_execute("PRAGMA synchronous=OFF")?),
            None => Err(Error::internal("somebody writes already")),
        }
    }

    /// Waits until a COMMIT was lost; what the database said.
    pub(super) fn until_lost(&self) -> String {
        let mut lost = lock(&self.lost);
        loop {
            if let Some(why) = &*lost {
                return why.clone();
            }
            lost = self
                .was_lost
                .wait(lost)
                .unwrap_or_else(|poison| poison.into_inner());
        }
    }

    fn give_up(&self, why: &str) {
        lock(&self.lost).get_or_insert_with(|| why.to_owned());
        self.was_lost.notify_all();
    }

    fn refuse_if_lost(&self) -> Result<()> {
        match &*lock(&self.lost) {
            None => Ok(()),
            Some(why) => Err(not_known_to_be_durable(why)),
        }
    }

    pub(super) fn write(&self, work: Work<'_>) -> Result<()> {
        match self.attempt(work, true) {
            Some(result) => result,
            // The shared COMMIT failed for a reason that may have been another member's: once more, alone.
            None => self.attempt(work, false).unwrap_or_else(|| {
                Err(Error::Unavailable(
                    "the database could not commit".to_owned(),
                ))
            }),
        }
    }

    /// `None` if the COMMIT failed.
    fn attempt(&self, work: Work<'_>, share: bool) -> Option<Result<()>> {
        let mut seat = self.take_seat();
        if !share && let Some(group) = seat.group.take() {
            // We want a transaction of our own: finish the one we were handed.
            self.finish(&mut seat.conn, &group);
        }
        // With a group at hand its transaction is still whole.
        if seat.group.is_none()
            && let Err(error) = self.refuse_if_lost()
        {
            self.leave(seat, None);
            return Some(Err(error));
        }
        let group = match seat.group.take() {
            Some(group) => group,
            None => {
                if let Err(error) = begin(&mut seat.conn) {
                    self.leave(seat, None);
                    return Some(Err(error));
                }
                Group::new()
            }
        };

        let outcome = catch_unwind(AssertUnwindSafe(|| in_savepoint(&mut seat.conn, work)));
        let members = {
            let mut members = lock(&group.members);
            *members += 1;
            *members
        };
        let full = !share || members >= GROUP || group.since.elapsed() >= GROUP_TIME;
        self.leave(seat, Some((Arc::clone(&group), full)));
        let ended = group.outcome();
        match (outcome, ended) {
            (Err(panic), _) => resume_unwind(panic),
            (Ok(Err(error)), _) => Some(Err(error)),
            (Ok(Ok(())), Outcome::Committed) => Some(Ok(())),
            (Ok(Ok(())), Outcome::Undone) => None,
            (Ok(Ok(())), Outcome::Lost) => Some(self.refuse_if_lost()),
        }
    }

    /// Waits for the connection, first come, first served.
    fn take_seat(&self) -> Seat {
        let turn = {
            let mut line = lock(&self.line);
            if let Some(seat) = line.seat.take() {
                return seat;
            }
            let turn = Arc::new(Turn::default());
            line.waiting.push_back(Arc::clone(&turn));
            turn
        };
        let mut seat = lock(&turn.seat);
        loop {
            if let Some(seat) = seat.take() {
                return seat;
            }
            seat = turn
                .called
                .wait(seat)
                .unwrap_or_else(|poison| poison.into_inner());
        }
    }

    /// Hands the connection on. An open group goes with it if somebody waits and it isn't full; else it is committed first.
    fn leave(&self, mut seat: Seat, open: Option<(Arc<Group>, bool)>) {
        if let Some((group, full)) = open {
            let next = if full {
                None
            } else {
                lock(&self.line).waiting.pop_front()
            };
            if let Some(next) = next {
                seat.group = Some(group);
                call(&next, seat);
                return;
            }
            self.finish(&mut seat.conn, &group);
        }
        let mut line = lock(&self.line);
        match line.waiting.pop_front() {
            Some(next) => call(&next, seat),
            None => line.seat = Some(seat),
        }
    }

    /// COMMITs the group's transaction and tells its members.
    fn finish(&self, conn: &mut Conn, group: &Group) {
        let Conn::Sqlite(sqlite) = conn else {
            unreachable!("the writer is SQLite's")
        };
        let Err(error) = AnsiTransactionManager::commit_transaction(sqlite) else {
            return group.settle(Outcome::Committed);
        };
        let is_lost = is_lost(&error);
        if is_lost {
            self.give_up(&error.to_string());
        } else {
            tracing::error!(%error, "a shared commit failed; its transactions run again one by one");
        }
        // diesel may have rolled back already; then there is nothing left to do.
        let _ = AnsiTransactionManager::rollback_transaction(sqlite);
        group.settle(match is_lost {
            true => Outcome::Lost,
            false => Outcome::Undone,
        });
    }
}

fn not_known_to_be_durable(why: &str) -> Error {
    Error::Unavailable(format!(
        "a commit failed on the disk ({why}); what was being written is not known to be durable, and nothing is written until a restart"
    ))
}

/// Whether a failed COMMIT leaves it open what is on the disk. Only SQLite's text tells: diesel's kind is `Unknown` for these. They
/// are those of SQLITE_IOERR with all of its extended codes (write, fsync, truncate, …), SQLITE_CORRUPT, SQLITE_CANTOPEN and
/// SQLITE_NOTADB (`sqlite3ErrStr` in main.c, unchanged since 2013). A full disk, a lock and a broken rule are none: SQLite has then
/// undone the transaction, and said so truthfully.
fn is_lost(error: &diesel::result::Error) -> bool {
    use diesel::result::Error as Diesel;
    const LOST: [&str; 4] = [
        "disk I/O error",
        "database disk image is malformed",
        "unable to open database file",
        "file is not a database",
    ];
    match error {
        Diesel::DatabaseError(_, said) => LOST.iter().any(|text| said.message().contains(text)),
        Diesel::RollbackErrorOnCommit { commit_error, .. } => is_lost(commit_error),
        _ => false,
    }
}

fn call(turn: &Turn, seat: Seat) {
    *lock(&turn.seat) = Some(seat);
    turn.called.notify_one();
}

fn begin(conn: &mut Conn) -> Result<()> {
    let Conn::Sqlite(sqlite) = conn else {
        unreachable!("the writer is SQLite's")
    };
    AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN IMMEDIATE").map_err(|error| {
        // "database is locked": another process has held the file for longer than busy_timeout.
        Error::Unavailable(error.to_string())
    })
}

fn in_savepoint(conn: &mut Conn, work: Work<'_>) -> Result<()> {
    let Conn::Sqlite(sqlite) = conn else {
        unreachable!("the writer is SQLite's")
    };
    AnsiTransactionManager::begin_transaction(sqlite)?;
    let outcome = catch_unwind(AssertUnwindSafe(|| work(&mut Tx::new(conn))));
    let Conn::Sqlite(sqlite) = conn else {
        unreachable!("the writer is SQLite's")
    };
    match outcome {
        Ok(Ok(())) => {
            AnsiTransactionManager::commit_transaction(sqlite)?;
            Ok(())
        }
        Ok(Err(error)) => {
            AnsiTransactionManager::rollback_transaction(sqlite)?;
            Err(error)
        }
        Err(panic) => {
            let _ = AnsiTransactionManager::rollback_transaction(sqlite);
            resume_unwind(panic)
        }
    }
}

/// Library and documentation disagree on SQLite's defaults: look. WAL with `synchronous=NORMAL` loses acknowledged rows.
fn assert_durable(conn: &mut SqliteConnection) -> Result<()> {
    #[derive(diesel::QueryableByName)]
    struct Level {
        #[diesel(sql_type = diesel::sql_types::Integer)]
        synchronous: i32,
    }
    let level = diesel::sql_query("PRAGMA synchronous")
        .get_result::<Level>(conn)?
        .synchronous;
    if level < 2 {
        return Err(Error::internal(format!(
            "SQLite runs with synchronous={level}; FULL (2) is needed"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::backend::answered;
    use super::*;

    fn writer() -> (tempfile::TempDir, Writer) {
        let folder = tempfile::tempdir().unwrap();
        let writer = Writer::open(&folder.path().join("w.db")).unwrap();
        writer
            .write(&|tx| Ok(tx.batch_execute("CREATE TABLE n (v INTEGER NOT NULL UNIQUE)")?))
            .unwrap();
        (folder, writer)
    }

    fn count(writer: &Writer) -> i64 {
        #[derive(diesel::QueryableByName)]
        struct Count {
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            n: i64,
        }
        answered(
            |tx| {
                let Conn::Sqlite(conn) = &mut **tx else {
                    unreachable!()
                };
                Ok(diesel::sql_query("SELECT count(*) AS n FROM n")
                    .get_result::<Count>(conn)?
                    .n)
            },
            |work| writer.write(work),
        )
        .unwrap()
    }

    #[test]
    fn every_writer_gets_its_turn_and_a_refused_one_leaves_nothing() {
        let (_folder, writer) = writer();
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let writer = &writer;
                scope.spawn(move || {
                    for i in 0..50 {
                        let value = thread * 50 + i;
                        let result = writer.write(&|tx| {
                            tx.batch_execute(&format!("INSERT INTO n VALUES ({value})"))?;
                            if value % 10 == 0 {
                                Err(Error::Stale)
                            } else {
                                Ok(())
                            }
                        });
                        assert_eq!(result.is_err(), value % 10 == 0);
                    }
                });
            }
        });
        assert_eq!(count(&writer), 8 * 50 - 40);
    }

    #[test]
    fn a_commit_that_a_rule_refuses_is_undone_and_the_next_one_stands() {
        let (_folder, writer) = writer();
        let schema =
            "CREATE TABLE child (n INTEGER REFERENCES n (v) DEFERRABLE INITIALLY DEFERRED)";
        writer.write(&|tx| Ok(tx.batch_execute(schema)?)).unwrap();
        // The rule is looked at by the COMMIT itself.
        let refused = writer.write(&|tx| Ok(tx.batch_execute("INSERT INTO child VALUES (7)")?));
        assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
        writer
            .write(&|tx| Ok(tx.batch_execute("INSERT INTO n VALUES (7)")?))
            .unwrap();
        assert_eq!(count(&writer), 1);
    }

    #[test]
    fn after_a_commit_that_the_disk_failed_nothing_is_written_any_more() {
        let (_folder, writer) = writer();
        writer.give_up("disk I/O error");
        let refused = writer.write(&|tx| Ok(tx.batch_execute("INSERT INTO n VALUES (1)")?));
        let Err(Error::Unavailable(why)) = refused else {
            panic!("{refused:?}")
        };
        assert!(why.contains("not known to be durable"), "{why}");
        assert_eq!(writer.until_lost(), "disk I/O error");
    }

    #[test]
    fn what_the_disk_failed_is_told_from_what_sqlite_undid() {
        use diesel::result::{DatabaseErrorKind, Error as Diesel};
        let said = |text: &str| {
            Diesel::DatabaseError(DatabaseErrorKind::Unknown, Box::new(text.to_owned()))
        };
        for (text, expected) in [
            ("disk I/O error", true),
            ("database disk image is malformed", true),
            ("unable to open database file", true),
            ("database or disk is full", false),
            ("database is locked", false),
            ("FOREIGN KEY constraint failed", false),
            (
                "cannot commit transaction - SQL statements in progress",
                false,
            ),
        ] {
            assert_eq!(is_lost(&said(text)), expected, "{text}");
            let both = Diesel::RollbackErrorOnCommit {
                commit_error: Box::new(said(text)),
                rollback_error: Box::new(said("cannot rollback - no transaction is active")),
            };
            assert_eq!(is_lost(&both), expected, "{text}");
        }
    }

    #[test]
    fn a_panicking_writer_does_not_take_the_others_with_it() {
        let (_folder, writer) = writer();
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            writer.write(&|tx| -> Result<()> {
                tx.batch_execute("INSERT INTO n VALUES (1)")?;
                panic!("a bug")
            })
        }));
        assert!(panicked.is_err());
        writer
            .write(&|tx| Ok(tx.batch_execute("INSERT INTO n VALUES (2)")?))
            .unwrap();
        assert_eq!(count(&writer), 1);
    }
}
