//! `watchkeeper relocate`: from the embedded database onto PostgreSQL.

use anyhow::ensure;

use crate::config::Config;
use crate::intake::mail;
use crate::store::backend::{DatabaseUrl, Store};
use crate::store::{backup, migrate, relocate};

/// Copies everything into an empty PostgreSQL database; the embedded one stays as it is.
pub(super) fn run(config: Config, to: &str) -> anyhow::Result<()> {
    let DatabaseUrl::Sqlite(from) = &config.database else {
        anyhow::bail!("this installation is on PostgreSQL already");
    };
    let url = DatabaseUrl::parse(to).map_err(anyhow::Error::msg)?;
    ensure!(
        matches!(url, DatabaseUrl::Postgres(_)),
        "`{to}` is no PostgreSQL: use `postgres://user@host/name`"
    );
    ensure!(from.exists(), "there is no database at {}", from.display());
    ensure!(
        backup::is_unused(from)?,
        "{} is in use: stop the server first",
        from.display()
    );
    let source = Store::open(&config.database)?;
    ensure!(
        migrate::standing(&source)? == migrate::Standing::Current,
        "{} is of another version: start this version's server on it once",
        from.display()
    );
    let target = Store::open(&url)?;
    ensure!(
        migrate::standing(&target)? == migrate::Standing::Empty,
        "that database isn't empty: name a new one (`createdb watchkeeper`)"
    );
    migrate::up(&target)?;
    let rows = relocate::copy(&source, &target, |table, rows| {
        if rows > 0 {
            println!("{table:<24} {rows:>9}");
        }
    })?;
    relocate::index_mails(&target, |raw, envelope_from| {
        mail::guarded(raw, envelope_from, || mail::read(raw, envelope_from)).text
    })?;
    println!("{rows} rows are on PostgreSQL. From now on: watchkeeper --database {to}");
    println!("{} stays as it was.", from.display());
    Ok(())
}
