//! When what tells us of changes last said that it is alive.

use diesel::prelude::*;

use super::schema::deploy::feed_beat;
use super::{Conn, Tx};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

/// A feed's last sign of life, and how often it gives one.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = feed_beat)]
pub struct Beat {
    pub environment: String,
    pub source: String,
    pub last_at: Timestamp,
    pub every_secs: i64,
}

/// Keeps it in the place of the one before.
pub fn put(tx: &mut Tx, beat: &Beat) -> Result<()> {
    let known = feed_beat::table.find((&beat.environment, &beat.source));
    let set = (
        feed_beat::last_at.eq(beat.last_at),
        feed_beat::every_secs.eq(beat.every_secs),
    );
    if diesel::update(known).set(set).execute(&mut **tx)? == 0 {
        diesel::insert_into(feed_beat::table)
            .values(beat.clone())
            .execute(&mut **tx)?;
    }
    Ok(())
}

/// Those of an environment that gave a sign of life since then.
pub fn since(conn: &mut Conn, environment: &str, since: Timestamp) -> Result<Vec<Beat>> {
    Ok(feed_beat::table
        .filter(feed_beat::environment.eq(environment))
        .filter(feed_beat::last_at.ge(since))
        .order(feed_beat::source)
        .select(Beat::as_select())
        .load(conn)?)
}
