//! `watchkeeper backup` and `watchkeeper restore`: the embedded database out and in again.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};

use crate::config::Config;
use crate::store::backend::DatabaseUrl;
use crate::store::{backup, migrate};

/// Copies the database into a new file; the server may run meanwhile.
pub(super) fn out(config: Config, to: &Path) -> anyhow::Result<()> {
    let from = embedded(&config)?;
    ensure!(from.exists(), "there is no database at {}", from.display());
    backup::copy(&from, to)?;
    let size = std::fs::metadata(to)?.len();
    println!(
        "{} ({size} bytes) is a whole copy of {}",
        to.display(),
        from.display()
    );
    Ok(())
}

/// Puts a copy in the place of the database; what was there is kept beside it.
pub(super) fn back(config: Config, from: &Path) -> anyhow::Result<()> {
    let to = embedded(&config)?;
    ensure!(from.exists(), "there is no file {}", from.display());
    let faults = backup::check(from)?;
    ensure!(
        faults.is_empty(),
        "{} is damaged: {}",
        from.display(),
        faults.join("; ")
    );
    // Opened from a copy of our own: looking at a backup must not change it.
    let part = to.with_extension("restoring");
    let _ = std::fs::remove_file(&part);
    // On a new machine the folder isn't there yet.
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    backup::copy(from, &part)?;
    match backup::standing(&part)? {
        migrate::Standing::Empty => bail!("{} is no Watchkeeper database", from.display()),
        migrate::Standing::Newer(unknown) => bail!(super::serve::newer(&unknown)),
        migrate::Standing::Current | migrate::Standing::Behind(_) => {}
    }
    if to.exists() {
        ensure!(
            backup::is_unused(&to)?,
            "{} is in use: stop the server first",
            to.display()
        );
        let kept = backup::set_aside(&to)?;
        println!("what was there is now {}", kept.display());
    }
    std::fs::rename(&part, &to).with_context(|| to.display().to_string())?;
    println!("{} is restored from {}", to.display(), from.display());
    Ok(())
}

fn embedded(config: &Config) -> anyhow::Result<PathBuf> {
    match &config.database {
        DatabaseUrl::Sqlite(path) => Ok(path.clone()),
        DatabaseUrl::Postgres(_) => {
            bail!("this is for the embedded database; PostgreSQL has pg_dump and pg_restore")
        }
    }
}
