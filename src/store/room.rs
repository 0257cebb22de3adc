//! How much room is left on the disk below the embedded database. PostgreSQL keeps its own house.

use super::backend::{DatabaseUrl, Store};
use crate::domain::trouble::Room;

impl Store {
    /// The disk's size and what can still be written to it; `None` where nobody can tell.
    pub fn room(&self) -> Option<Room> {
        let DatabaseUrl::Sqlite(file) = self.url() else {
            return None;
        };
        let folder = file
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let found = rustix::fs::statvfs(folder.unwrap_or(std::path::Path::new("."))).ok()?;
        Some(Room {
            free_bytes: found.f_bavail.saturating_mul(found.f_frsize),
            size_bytes: found.f_blocks.saturating_mul(found.f_frsize),
        })
    }
}
