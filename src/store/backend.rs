//! The two databases behind one door, and the only place that opens transactions.
//!
//! SQLite: a pool of readers and one writer with group commit (`writer.rs`), because a pool of writers starves somebody for
//! seconds. PostgreSQL: a pool; serialization failures and lost connections run the closure again.

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use diesel::connection::{Connection, SimpleConnection};
use diesel::pg::PgConnection;
use diesel::r2d2::{ManageConnection, Pool, PooledConnection};
use diesel::sqlite::SqliteConnection;

use super::writer::Writer;
use crate::error::{Error, Result};

/// A connection to whichever database this installation runs on.
#[derive(diesel::MultiConnection)]
pub enum Conn {
    Sqlite(SqliteConnection),
    Pg(PgConnection),
}

/// Proof of an open write transaction. Derefs to [`Conn`] for reading.
pub struct Tx<'a>(&'a mut Conn);

impl<'a> Tx<'a> {
    pub(super) fn new(conn: &'a mut Conn) -> Self {
        Tx(conn)
    }

    /// Each statement is a round trip to a server, so that many rows belong into one.
    pub(super) fn is_far(&self) -> bool {
        matches!(self.0, Conn::Pg(_))
    }
}

impl std::ops::Deref for Tx<'_> {
    type Target = Conn;
    fn deref(&self) -> &Conn {
        self.0
    }
}

impl std::ops::DerefMut for Tx<'_> {
    fn deref_mut(&mut self) -> &mut Conn {
        self.0
    }
}

/// Whatever leads to a database, as the connection that it is: for [`direct`].
pub(super) fn own(conn: &mut Conn) -> &mut Conn {
    conn
}

/// Runs a statement on the backend's own connection: `direct!(tx, |own| diesel::insert_into(…).execute(own))`.
///
/// Through [`Conn`] diesel puts a statement's text together anew whenever it is run, and more than once, even if the statement stays
/// prepared: a fifth of what a mail costs. So what runs with every mail or ticket goes around it.
macro_rules! direct {
    ($conn:ident, |$own:ident| $run:expr) => {
        match $crate::store::backend::own($conn) {
            $crate::store::Conn::Sqlite($own) => $run,
            $crate::store::Conn::Pg($own) => $run,
        }
    };
}
pub(super) use direct;

/// The connection, if it leads to a server: where each statement is a round trip, and rows are sent together.
pub(super) fn far(conn: &mut Conn) -> Option<&mut PgConnection> {
    match conn {
        Conn::Sqlite(_) => None,
        Conn::Pg(conn) => Some(conn),
    }
}

/// The connection, if it leads to the database beside us: a statement of many rows costs more there than many of one, and one that is
/// made for SQLite alone has a name under which it stays prepared, so that its text needn't be put together each time.
pub(super) fn near(conn: &mut Conn) -> Option<&mut SqliteConnection> {
    match conn {
        Conn::Sqlite(conn) => Some(conn),
        Conn::Pg(_) => None,
    }
}

/// A unit of work whose answer lies with whoever made it. Transactions are made of these, so that what opens, shares, retries and
/// ends them is compiled once and not for each of some hundred closures.
pub type Work<'a> = &'a dyn Fn(&mut Tx) -> Result<()>;

/// Has `run` do `work`, perhaps more than once; the answer is the last one's.
pub fn answered<T>(
    work: impl Fn(&mut Tx) -> Result<T>,
    run: impl FnOnce(Work<'_>) -> Result<()>,
) -> Result<T> {
    let answer = Cell::new(None);
    run(&|tx| {
        answer.set(Some(work(tx)?));
        Ok(())
    })?;
    answer
        .into_inner()
        .ok_or_else(|| Error::internal("a unit of work that was never run"))
}

/// Runs `work` so that its failure undoes what it did and leaves the transaction around it usable.
pub fn savepoint<T>(tx: &mut Tx, work: impl FnOnce(&mut Tx) -> Result<T>) -> Result<T> {
    let mut work = Some(work);
    let mut answer = None;
    savepoint_of(tx, &mut |tx| {
        if let Some(work) = work.take() {
            answer = Some(work(tx)?);
        }
        Ok(())
    })?;
    answer.ok_or_else(|| Error::internal("a savepoint that was never made"))
}

fn savepoint_of(tx: &mut Tx, work: &mut dyn FnMut(&mut Tx) -> Result<()>) -> Result<()> {
    let conn: &mut Conn = tx;
    conn.transaction(|conn| work(&mut Tx::new(conn)))
}

/// The error by which a transaction's own work undoes it.
pub fn undo() -> Error {
    Error::Database(diesel::result::Error::RollbackTransaction)
}

/// Runs a single statement so that its failure undoes only itself: SQLite does that anyway, PostgreSQL wants a savepoint.
pub fn statement<T>(tx: &mut Tx, work: impl FnOnce(&mut Tx) -> Result<T>) -> Result<T> {
    match **tx {
        Conn::Sqlite(_) => work(tx),
        Conn::Pg(_) => savepoint(tx, work),
    }
}

/// Inserts a row, unless one with a key of its own is there: whether it was new. Costs no savepoint on PostgreSQL.
macro_rules! insert_new {
    ($tx:expr, $table:expr, $row:expr) => {{
        let row = $row;
        let tx: &mut $crate::store::Tx = $tx;
        let count = $crate::store::backend::direct!(tx, |own| diesel::insert_into($table)
            .values(row)
            .on_conflict_do_nothing()
            .execute(own));
        count.map(|count| count > 0)
    }};
}
pub(super) use insert_new;

/// An open write transaction that units of work may join. A trait object, so that whoever carries it stays free of its lifetime.
pub trait Join: Sync {
    /// Runs `work` on the transaction; not at all if another joined unit of work is running on it.
    fn enter(&self, work: &mut dyn FnMut(&mut Tx));
}

/// The one kind of [`Join`].
pub struct Joint<'a>(Mutex<&'a mut Conn>);

impl<'a> Joint<'a> {
    pub fn new(tx: &'a mut Tx) -> Self {
        Self(Mutex::new(tx))
    }
}

impl Join for Joint<'_> {
    fn enter(&self, work: &mut dyn FnMut(&mut Tx)) {
        if let Ok(mut conn) = self.0.try_lock() {
            work(&mut Tx::new(&mut conn));
        }
    }
}

/// Runs `work` on the joined transaction.
pub fn within<T>(joined: &dyn Join, work: impl FnOnce(&mut Tx) -> Result<T>) -> Result<T> {
    let mut work = Some(work);
    let mut outcome = None;
    joined.enter(&mut |tx| {
        if let Some(work) = work.take() {
            outcome = Some(work(tx));
        }
    });
    outcome.unwrap_or_else(|| Err(Error::internal("a unit of work inside a unit of work")))
}

/// Where the data lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    Sqlite(PathBuf),
    Postgres(String),
}

impl DatabaseUrl {
    /// `postgres://…` or `postgresql://…` is PostgreSQL; `sqlite:PATH` or a plain path is SQLite; any other scheme is refused,
    /// so that a mistyped URL doesn't become a new file.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(text.to_owned()));
        }
        let path = text.strip_prefix("sqlite:").unwrap_or(text);
        if path.contains("://") || path.is_empty() {
            return Err(format!(
                "`{text}` is no database: use `postgres://user@host/name` or the path of an SQLite file"
            ));
        }
        Ok(Self::Sqlite(PathBuf::from(path)))
    }
}

pub struct Store {
    url: DatabaseUrl,
    pool: Pool<Opener>,
    writer: Option<Writer>,
}

/// Opens pooled connections: for reading on SQLite, for everything on PostgreSQL.
///
/// Ours, because the derived `establish` tries the backends in turn and would take a mistyped URL for a new file.
#[derive(Debug)]
struct Opener(DatabaseUrl);

impl ManageConnection for Opener {
    type Connection = Conn;
    type Error = diesel::r2d2::Error;

    fn connect(&self) -> std::result::Result<Conn, Self::Error> {
        use diesel::r2d2::Error::{ConnectionError, QueryError};
        match &self.0 {
            DatabaseUrl::Sqlite(path) => {
                let mut conn = SqliteConnection::establish(&path.to_string_lossy())
                    .map_err(ConnectionError)?;
                conn.batch_execute(READER_PRAGMAS).map_err(QueryError)?;
                Ok(Conn::Sqlite(conn))
            }
            DatabaseUrl::Postgres(address) => {
                let mut conn = PgConnection::establish(address).map_err(ConnectionError)?;
                conn.batch_execute("SET TIME ZONE 'UTC'")
                    .map_err(QueryError)?;
                Ok(Conn::Pg(conn))
            }
        }
    }

    fn is_valid(&self, conn: &mut Conn) -> std::result::Result<(), Self::Error> {
        conn.batch_execute("SELECT 1")
            .map_err(diesel::r2d2::Error::QueryError)
    }

    fn has_broken(&self, conn: &mut Conn) -> bool {
        match conn {
            // A reader holds no transaction; a failed statement leaves nothing behind.
            Conn::Sqlite(_) => false,
            Conn::Pg(pg) => std::thread::panicking() || pg_is_broken(pg),
        }
    }
}

fn pg_is_broken(pg: &mut PgConnection) -> bool {
    use diesel::connection::{AnsiTransactionManager, TransactionManager};
    AnsiTransactionManager::is_broken_transaction_manager(pg)
}

const READER_PRAGMAS: &str = "PRAGMA busy_timeout=5000; PRAGMA foreign_keys=ON; PRAGMA query_only=ON; PRAGMA cache_size=-1000;";

/// How often PostgreSQL may make us run a transaction again before it becomes an error.
const RETRIES: u32 = 10;

impl Store {
    /// Opens the database and asserts its durability. Doesn't migrate.
    pub fn open(url: &DatabaseUrl) -> Result<Self> {
        // The writer first: it creates the file and switches it to WAL before a reader can look.
        let writer = match url {
            DatabaseUrl::Sqlite(path) => Some(Writer::open(path)?),
            DatabaseUrl::Postgres(_) => None,
        };
        let pool = Pool::builder()
            .max_size(match url {
                // Each keeps pages of its own in memory; the file lies in the system's cache, so that more of them gain nothing.
                DatabaseUrl::Sqlite(_) => 8,
                DatabaseUrl::Postgres(_) => 16,
            })
            .min_idle(Some(1))
            .test_on_check_out(false)
            .connection_timeout(Duration::from_secs(5))
            .build(Opener(url.clone()))
            .map_err(|error| Error::Unavailable(format!("the database doesn't answer: {error}")))?;
        Ok(Self {
            url: url.clone(),
            pool,
            writer,
        })
    }

    /// For filling a database that is made anew if that fails: nothing that is written by this store is durable.
    pub fn hurry(&self) -> Result<()> {
        self.writer.as_ref().map_or(Ok(()), Writer::hurry)
    }

    pub fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    pub fn is_sqlite(&self) -> bool {
        self.writer.is_some()
    }

    /// Runs `work` on a pooled connection. Each statement sees what was committed before it.
    pub fn read<T>(&self, work: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
        work(&mut *self.pooled()?)
    }

    /// Runs `work` in one transaction and returns after it is durable.
    ///
    /// `work` may run more than once (a broken shared commit, a serialization failure): it must have no effect outside `tx`.
    /// An error rolls back everything it did.
    pub fn write<T>(&self, work: impl Fn(&mut Tx) -> Result<T>) -> Result<T> {
        answered(work, |work| self.commit(work))
    }

    /// [`Store::write`] without an answer.
    pub fn commit(&self, work: Work<'_>) -> Result<()> {
        let _inside = Inside::enter()?;
        if let Some(writer) = &self.writer {
            return writer.write(work);
        }
        let mut tries = 0;
        loop {
            let mut conn = self.pooled()?;
            let outcome = conn.transaction(|conn| work(&mut Tx::new(conn)));
            match outcome {
                Err(Error::Database(error)) if tries < RETRIES && is_worth_retrying(&error) => {
                    tries += 1;
                    drop(conn);
                    // Spread the losers of a collision; the total stays below the callers' patience.
                    std::thread::sleep(Duration::from_millis(u64::from(tries * tries)));
                }
                other => return other,
            }
        }
    }

    /// Waits until the disk failed a COMMIT; what the database said. PostgreSQL stops by itself then, and this never returns.
    pub fn until_lost(&self) -> String {
        match &self.writer {
            Some(writer) => writer.until_lost(),
            None => loop {
                std::thread::park();
            },
        }
    }

    fn pooled(&self) -> Result<PooledConnection<Opener>> {
        self.pool
            .get()
            .map_err(|error| Error::Unavailable(error.to_string()))
    }
}

thread_local! {
    static IS_INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// This thread has a transaction open. A second one would wait for the first for ever: an error is better than a standstill.
struct Inside;

impl Inside {
    fn enter() -> Result<Self> {
        if IS_INSIDE.replace(true) {
            return Err(Error::internal("a transaction inside a transaction"));
        }
        Ok(Self)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        IS_INSIDE.set(false);
    }
}

/// A serialization failure, a deadlock or a connection that went away: running the whole action again is right.
fn is_worth_retrying(error: &diesel::result::Error) -> bool {
    use diesel::result::{DatabaseErrorKind as Kind, Error as Diesel};
    match error {
        Diesel::DatabaseError(Kind::SerializationFailure | Kind::ClosedConnection, _) => true,
        // diesel has no kind of its own for 40P01.
        Diesel::DatabaseError(_, info) => info.message().contains("deadlock detected"),
        Diesel::BrokenTransactionManager => true,
        _ => false,
    }
}
