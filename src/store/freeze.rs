//! Windows in which changes don't begin.

use std::collections::HashMap;

use diesel::prelude::*;

use super::schema::git::{freeze_window, freeze_window_environment, freeze_window_service};
use super::{Conn, Tx};
use crate::domain::freeze::{Freeze, Scope, TypeLevel, TypeLevels, When};
use crate::domain::id::{FreezeId, ServiceId};
use crate::domain::severity::Risk;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = freeze_window, treat_none_as_null = true)]
struct Row {
    id: FreezeId,
    name: String,
    zone: String,
    starts: String,
    ends: String,
    level: String,
    is_active: bool,
    made_at: Timestamp,
    version: i64,
    sort: String,
    min_risk: Option<String>,
    normal_level: Option<String>,
    standard_level: Option<String>,
    emergency_level: Option<String>,
    announce_secs: Option<i64>,
    source_uid: Option<String>,
    refs: String,
}

impl Row {
    fn of(freeze: &Freeze) -> Self {
        let own = |level: Option<TypeLevel>| level.map(|level| level.as_str().to_owned());
        Row {
            id: freeze.id,
            name: freeze.name.clone(),
            zone: freeze.zone.name().to_owned(),
            starts: freeze.when.from(),
            ends: freeze.when.to(),
            level: freeze.level.as_str().to_owned(),
            is_active: freeze.is_active,
            made_at: freeze.made_at,
            version: freeze.version,
            sort: freeze.sort.as_str().to_owned(),
            min_risk: freeze.scope.min_risk.map(|risk| risk.as_str().to_owned()),
            normal_level: own(freeze.types.normal),
            standard_level: own(freeze.types.standard),
            emergency_level: own(freeze.types.emergency),
            announce_secs: freeze.announce_secs,
            source_uid: freeze.source_uid.clone(),
            refs: freeze.scope.refs.join("\n"),
        }
    }

    fn freeze(self, services: Vec<ServiceId>, environments: Vec<String>) -> Result<Freeze> {
        let unreadable = |what: &str| Error::internal(format!("freeze {}: {what}", self.id));
        let own = |level: &Option<String>| match level {
            Some(word) => word
                .parse::<TypeLevel>()
                .map(Some)
                .map_err(|()| unreadable(word)),
            None => Ok(None),
        };
        Ok(Freeze {
            zone: self.zone.parse().map_err(|_| unreadable(&self.zone))?,
            when: When::parse(&self.starts, &self.ends).map_err(|_| unreadable(&self.starts))?,
            level: self.level.parse().map_err(|()| unreadable(&self.level))?,
            sort: self.sort.parse().map_err(|()| unreadable(&self.sort))?,
            types: TypeLevels {
                normal: own(&self.normal_level)?,
                standard: own(&self.standard_level)?,
                emergency: own(&self.emergency_level)?,
            },
            scope: Scope {
                services,
                environments,
                refs: self.refs.lines().map(str::to_owned).collect(),
                min_risk: match &self.min_risk {
                    Some(word) => Some(word.parse::<Risk>().map_err(|()| unreadable(word))?),
                    None => None,
                },
            },
            id: self.id,
            name: self.name,
            announce_secs: self.announce_secs,
            source_uid: self.source_uid,
            is_active: self.is_active,
            made_at: self.made_at,
            version: self.version,
        })
    }
}

/// All of them, oldest first: a house has a handful.
pub fn all(conn: &mut Conn) -> Result<Vec<Freeze>> {
    let rows: Vec<Row> = freeze_window::table
        .order(freeze_window::id)
        .select(Row::as_select())
        .load(conn)?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut services: HashMap<FreezeId, Vec<ServiceId>> = HashMap::new();
    let pairs: Vec<(FreezeId, ServiceId)> = freeze_window_service::table
        .order(freeze_window_service::service_id)
        .select((
            freeze_window_service::freeze_id,
            freeze_window_service::service_id,
        ))
        .load(conn)?;
    for (of, service) in pairs {
        services.entry(of).or_default().push(service);
    }
    let mut environments: HashMap<FreezeId, Vec<String>> = HashMap::new();
    let pairs: Vec<(FreezeId, String)> = freeze_window_environment::table
        .order(freeze_window_environment::environment)
        .select((
            freeze_window_environment::freeze_id,
            freeze_window_environment::environment,
        ))
        .load(conn)?;
    for (of, environment) in pairs {
        environments.entry(of).or_default().push(environment);
    }
    rows.into_iter()
        .map(|row| {
            let services = services.remove(&row.id).unwrap_or_default();
            let environments = environments.remove(&row.id).unwrap_or_default();
            row.freeze(services, environments)
        })
        .collect()
}

pub fn by_id(conn: &mut Conn, id: FreezeId) -> Result<Option<Freeze>> {
    Ok(all(conn)?.into_iter().find(|it| it.id == id))
}

/// Those that are announced, each with the start of the last occurrence that was.
pub fn announced(conn: &mut Conn) -> Result<Vec<(Freeze, Option<Timestamp>)>> {
    let told: Vec<(FreezeId, Option<Timestamp>)> = freeze_window::table
        .filter(freeze_window::is_active.eq(true))
        .filter(freeze_window::announce_secs.is_not_null())
        .select((freeze_window::id, freeze_window::announced_to))
        .load(conn)?;
    if told.is_empty() {
        return Ok(Vec::new());
    }
    let told: HashMap<FreezeId, Option<Timestamp>> = told.into_iter().collect();
    let found = all(conn)?.into_iter();
    Ok(found
        .filter_map(|it| told.get(&it.id).map(|told| (it, *told)))
        .collect())
}

/// Notes that its occurrences are announced up to that which begins at `to`; false if it was edited since it was read, or another node
/// was faster.
pub fn note_announced(tx: &mut Tx, of: &Freeze, to: Timestamp) -> Result<bool> {
    let unchanged = freeze_window::table
        .filter(freeze_window::id.eq(of.id))
        .filter(freeze_window::version.eq(of.version))
        .filter(
            freeze_window::announced_to
                .is_null()
                .or(freeze_window::announced_to.assume_not_null().lt(to)),
        );
    let count = diesel::update(unchanged)
        .set(freeze_window::announced_to.eq(Some(to)))
        .execute(&mut **tx)?;
    Ok(count == 1)
}

/// It is open at other times now: what was announced is none of them.
pub fn forget_announced(tx: &mut Tx, id: FreezeId) -> Result<()> {
    diesel::update(freeze_window::table.filter(freeze_window::id.eq(id)))
        .set(freeze_window::announced_to.eq(None::<Timestamp>))
        .execute(&mut **tx)?;
    Ok(())
}

pub fn insert(tx: &mut Tx, new: &Freeze) -> Result<()> {
    diesel::insert_into(freeze_window::table)
        .values(Row::of(new))
        .execute(&mut **tx)?;
    put_scope(tx, new)
}

/// Writes it if nobody else has since it was read; raises its version. Else [`Error::Stale`].
pub fn update(tx: &mut Tx, changed: &mut Freeze) -> Result<()> {
    let read_at = changed.version;
    changed.version += 1;
    let unchanged = freeze_window::table
        .filter(freeze_window::id.eq(changed.id))
        .filter(freeze_window::version.eq(read_at));
    let count = diesel::update(unchanged)
        .set(Row::of(changed))
        .execute(&mut **tx)?;
    if count != 1 {
        return Err(Error::Stale);
    }
    diesel::delete(
        freeze_window_service::table.filter(freeze_window_service::freeze_id.eq(changed.id)),
    )
    .execute(&mut **tx)?;
    diesel::delete(
        freeze_window_environment::table
            .filter(freeze_window_environment::freeze_id.eq(changed.id)),
    )
    .execute(&mut **tx)?;
    put_scope(tx, changed)
}

fn put_scope(tx: &mut Tx, of: &Freeze) -> Result<()> {
    for environment in &of.scope.environments {
        diesel::insert_into(freeze_window_environment::table)
            .values((
                freeze_window_environment::freeze_id.eq(of.id),
                freeze_window_environment::environment.eq(environment),
            ))
            .execute(&mut **tx)?;
    }
    for service in &of.scope.services {
        diesel::insert_into(freeze_window_service::table)
            .values((
                freeze_window_service::freeze_id.eq(of.id),
                freeze_window_service::service_id.eq(*service),
            ))
            .execute(&mut **tx)?;
    }
    Ok(())
}
