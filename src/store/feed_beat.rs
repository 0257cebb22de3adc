//! When what tells us of changes last said that it is alive.

use std::collections::HashSet;

use diesel::prelude::*;

use super::schema::deploy::{feed_beat, feed_beat_service};
use super::{Conn, Tx};
use crate::domain::id::ServiceId;
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

/// Keeps it in the place of the one before; `services`: those of which it tells.
pub fn put(tx: &mut Tx, beat: &Beat, services: &[ServiceId]) -> Result<()> {
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
    let of = feed_beat_service::table
        .filter(feed_beat_service::environment.eq(&beat.environment))
        .filter(feed_beat_service::source.eq(&beat.source));
    diesel::delete(of).execute(&mut **tx)?;
    for service in services {
        diesel::insert_into(feed_beat_service::table)
            .values((
                feed_beat_service::environment.eq(&beat.environment),
                feed_beat_service::source.eq(&beat.source),
                feed_beat_service::service_id.eq(service),
            ))
            .execute(&mut **tx)?;
    }
    Ok(())
}

/// The services of which these tell, by their own word.
pub fn services_of(conn: &mut Conn, beats: &[Beat]) -> Result<HashSet<ServiceId>> {
    let all: Vec<(String, String, ServiceId)> = feed_beat_service::table
        .select((
            feed_beat_service::environment,
            feed_beat_service::source,
            feed_beat_service::service_id,
        ))
        .load(conn)?;
    let is_theirs = |environment: &str, source: &str| {
        let mut of = beats.iter();
        of.any(|it| it.environment == environment && it.source == source)
    };
    let theirs = all.into_iter();
    Ok(theirs
        .filter(|(environment, source, _)| is_theirs(environment, source))
        .map(|(.., service)| service)
        .collect())
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
