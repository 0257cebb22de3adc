//! SQLite's one writer: first come, first served, with group commit.
//!
//! Whoever's turn it is runs its closure in a savepoint of the open transaction. If others wait, it hands the transaction on
//! and waits for the COMMIT that the last of the group makes: one fsync then serves up to [`GROUP`] callers. Nobody returns
//! before the commit, so "returned" means durable. If the shared COMMIT fails, every closure of the group runs again, alone.
//! A group is bounded in size and time, so that another process (`watchkeeper mail`, `backup`) gets its turn.

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
    committed: Mutex<Option<bool>>,
    done: Condvar,
}

impl Group {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            since: Instant::now(),
            members: Mutex::new(0),
            committed: Mutex::new(None),
            done: Condvar::new(),
        })
    }

    fn settle(&self, committed: bool) {
        *lock(&self.committed) = Some(committed);
        self.done.notify_all();
    }

    /// Waits for the shared COMMIT; whether it succeeded.
    fn outcome(&self) -> bool {
        let mut committed = lock(&self.committed);
        loop {
            if let Some(outcome) = *committed {
                return outcome;
            }
            committed = self
                .done
                .wait(committed)
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
        })
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
            finish(&mut seat.conn, &group);
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
        let committed = group.outcome();
        match outcome {
            Err(panic) => resume_unwind(panic),
            Ok(Err(error)) => Some(Err(error)),
            Ok(Ok(())) => committed.then_some(Ok(())),
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
            finish(&mut seat.conn, &group);
        }
        let mut line = lock(&self.line);
        match line.waiting.pop_front() {
            Some(next) => call(&next, seat),
            None => line.seat = Some(seat),
        }
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

/// COMMITs the group's transaction and tells its members.
fn finish(conn: &mut Conn, group: &Group) {
    let Conn::Sqlite(sqlite) = conn else {
        unreachable!("the writer is SQLite's")
    };
    let committed = AnsiTransactionManager::commit_transaction(sqlite);
    if let Err(error) = &committed {
        tracing::error!(%error, "a shared commit failed; its transactions run again one by one");
        // diesel may have rolled back already; then there is nothing left to do.
        let _ = AnsiTransactionManager::rollback_transaction(sqlite);
    }
    group.settle(committed.is_ok());
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
