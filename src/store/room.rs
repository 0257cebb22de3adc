//! How much room is left on the disk below the embedded database. PostgreSQL keeps its own house.

use super::backend::{DatabaseUrl, Store};

impl Store {
    /// Bytes that can still be written; `None` where nobody can tell.
    pub fn free_bytes(&self) -> Option<u64> {
        let DatabaseUrl::Sqlite(file) = self.url() else {
            return None;
        };
        let folder = file
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let found = rustix::fs::statvfs(folder.unwrap_or(std::path::Path::new("."))).ok()?;
        Some(found.f_bavail.saturating_mul(found.f_frsize))
    }
}
