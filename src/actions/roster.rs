//! Who can be called, as of now: kept in memory, with one small read that tells whether it has changed.

use std::sync::{Arc, PoisonError};

use crate::app::App;
use crate::domain::roster::Roster;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::store::{self, Conn};

pub fn in_force(app: &App, conn: &mut Conn, now: Timestamp) -> Result<Arc<Roster>> {
    let version = store::version::known(conn)?;
    let known = app
        .roster
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    if let Some(known) = known.filter(|known| known.version == version) {
        return Ok(known);
    }
    let fresh = Arc::new(store::roster::load(conn, now)?);
    *app.roster.write().unwrap_or_else(PoisonError::into_inner) = Some(fresh.clone());
    Ok(fresh)
}
