//! Forges: where they have a repository, and how the last looks at them went.

use std::collections::HashMap;

use diesel::prelude::*;

use super::column::text_column;
use super::schema::forge::{forge, forge_delivery};
use super::schema::git::repository;
use super::{Conn, Tx};
use crate::domain::forge::{
    CloneLogin, CloneUrl, Doubt, Forge, ForgeKind, Look, Standing, Verdict,
};
use crate::domain::id::RepositoryId;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};

text_column!(ForgeKind, Verdict, Doubt);

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = forge)]
struct Row {
    repository_id: RepositoryId,
    kind: ForgeKind,
    clone_url: String,
    clone_login: Option<String>,
    clone_password: Option<String>,
    secret: String,
    old_secret: Option<String>,
    secret_since: Timestamp,
    looked_at: Option<Timestamp>,
    next_look_at: Timestamp,
    faults: i32,
    failing_since: Option<Timestamp>,
    last_error: Option<String>,
    made_at: Timestamp,
    version: i64,
}

impl Row {
    fn forge(self) -> Result<Forge> {
        let unreadable = || Error::internal(format!("forge of {}: its URL", self.repository_id));
        Ok(Forge {
            repository: self.repository_id,
            kind: self.kind,
            clone_url: CloneUrl::parse(&self.clone_url).map_err(|_| unreadable())?,
            clone_login: match (self.clone_login, self.clone_password) {
                (Some(name), Some(password)) => Some(CloneLogin { name, password }),
                _ => None,
            },
            secret: self.secret,
            old_secret: self.old_secret,
            secret_since: self.secret_since,
            standing: Standing {
                look: Look {
                    looked_at: self.looked_at,
                    next_look_at: self.next_look_at,
                    faults: self.faults,
                    failing_since: self.failing_since,
                },
                last_error: self.last_error,
            },
            made_at: self.made_at,
            version: self.version,
        })
    }
}

pub fn of(conn: &mut Conn, repository: RepositoryId) -> Result<Option<Forge>> {
    let row: Option<Row> = forge::table
        .find(repository)
        .select(Row::as_select())
        .get_result(conn)
        .optional()?;
    row.map(Row::forge).transpose()
}

/// Fails with a unique violation if the repository has one.
pub fn insert(tx: &mut Tx, new: &Forge) -> Result<()> {
    let (login, look) = (new.clone_login.as_ref(), new.standing.look);
    diesel::insert_into(forge::table)
        .values(Row {
            repository_id: new.repository,
            kind: new.kind,
            clone_url: new.clone_url.as_str().to_owned(),
            clone_login: login.map(|it| it.name.clone()),
            clone_password: login.map(|it| it.password.clone()),
            secret: new.secret.clone(),
            old_secret: new.old_secret.clone(),
            secret_since: new.secret_since,
            looked_at: look.looked_at,
            next_look_at: look.next_look_at,
            faults: look.faults,
            failing_since: look.failing_since,
            last_error: new.standing.last_error.clone(),
            made_at: new.made_at,
            version: new.version,
        })
        .execute(&mut **tx)?;
    Ok(())
}

/// Writes what people set, if nobody else has since it was read; raises its version. Else [`Error::Stale`]. How the looks went
/// stays as it is.
pub fn update(tx: &mut Tx, changed: &mut Forge) -> Result<()> {
    let read_at = changed.version;
    changed.version += 1;
    let unchanged = forge::table
        .filter(forge::repository_id.eq(changed.repository))
        .filter(forge::version.eq(read_at));
    let login = changed.clone_login.as_ref();
    let count = diesel::update(unchanged)
        .set((
            forge::kind.eq(changed.kind),
            forge::clone_url.eq(changed.clone_url.as_str()),
            forge::clone_login.eq(login.map(|it| it.name.as_str())),
            forge::clone_password.eq(login.map(|it| it.password.as_str())),
            forge::secret.eq(&changed.secret),
            forge::old_secret.eq(changed.old_secret.as_deref()),
            forge::secret_since.eq(changed.secret_since),
            forge::version.eq(changed.version),
        ))
        .execute(&mut **tx)?;
    match count {
        1 => Ok(()),
        _ => Err(Error::Stale),
    }
}

/// What its webhooks brought goes with it.
pub fn delete(tx: &mut Tx, repository: RepositoryId) -> Result<()> {
    diesel::delete(forge_delivery::table.filter(forge_delivery::repository_id.eq(repository)))
        .execute(&mut **tx)?;
    diesel::delete(forge::table.find(repository)).execute(&mut **tx)?;
    Ok(())
}

/// When each was last reached.
pub fn reached(conn: &mut Conn) -> Result<HashMap<RepositoryId, Timestamp>> {
    let all: Vec<(RepositoryId, Option<Timestamp>)> = forge::table
        .filter(forge::looked_at.is_not_null())
        .select((forge::repository_id, forge::looked_at))
        .load(conn)?;
    let told = |(id, at): (RepositoryId, Option<Timestamp>)| Some((id, at?));
    Ok(all.into_iter().filter_map(told).collect())
}

/// Those that are to be looked at: their time has come, or a delivery waits and they could be reached last.
pub fn due(conn: &mut Conn, now: Timestamp, most: i64) -> Result<Vec<RepositoryId>> {
    let in_use = || {
        forge::table
            .inner_join(repository::table)
            .filter(repository::is_active.eq(true))
            .filter(
                forge::leased_until
                    .is_null()
                    .or(forge::leased_until.lt(now)),
            )
            .select(forge::repository_id)
    };
    let mut found: Vec<RepositoryId> = in_use()
        .filter(forge::next_look_at.le(now))
        .order(forge::next_look_at)
        .limit(most)
        .load(conn)?;
    let waiting: Vec<RepositoryId> = forge_delivery::table
        .filter(forge_delivery::settled_at.is_null())
        .select(forge_delivery::repository_id)
        .distinct()
        .load(conn)?;
    if waiting.is_empty() {
        return Ok(found);
    }
    let told: Vec<RepositoryId> = in_use()
        .filter(forge::faults.eq(0))
        .filter(forge::repository_id.eq_any(&waiting))
        .limit(most)
        .load(conn)?;
    found.extend(told);
    found.sort();
    found.dedup();
    Ok(found)
}

/// Takes it for whoever looks now; whether it was free.
pub fn lease(tx: &mut Tx, id: RepositoryId, now: Timestamp, until: Timestamp) -> Result<bool> {
    let free = forge::table.filter(forge::repository_id.eq(id)).filter(
        forge::leased_until
            .is_null()
            .or(forge::leased_until.lt(now)),
    );
    let count = diesel::update(free)
        .set(forge::leased_until.eq(until))
        .execute(&mut **tx)?;
    Ok(count == 1)
}

pub fn release(tx: &mut Tx, id: RepositoryId) -> Result<()> {
    diesel::update(forge::table.find(id))
        .set(forge::leased_until.eq(None::<Timestamp>))
        .execute(&mut **tx)?;
    Ok(())
}

/// Frees all: where one process looks, what an earlier one had taken is nobody's.
pub fn release_all(tx: &mut Tx) -> Result<()> {
    diesel::update(forge::table.filter(forge::leased_until.is_not_null()))
        .set(forge::leased_until.eq(None::<Timestamp>))
        .execute(&mut **tx)?;
    Ok(())
}

/// How many can't be reached.
pub fn failing(conn: &mut Conn) -> Result<i64> {
    Ok(forge::table
        .filter(forge::faults.gt(0))
        .count()
        .get_result(conn)?)
}

/// The repositories that have one.
pub fn all(conn: &mut Conn) -> Result<Vec<RepositoryId>> {
    Ok(forge::table.select(forge::repository_id).load(conn)?)
}

/// How a look went, unless people changed the forge meanwhile: then it was a look at another. Doesn't touch the version, so that
/// forms stay fresh.
pub fn set_standing(tx: &mut Tx, seen: &Forge) -> Result<()> {
    let look = seen.standing.look;
    let same = forge::table
        .filter(forge::repository_id.eq(seen.repository))
        .filter(forge::version.eq(seen.version));
    diesel::update(same)
        .set((
            forge::looked_at.eq(look.looked_at),
            forge::next_look_at.eq(look.next_look_at),
            forge::faults.eq(look.faults),
            forge::failing_since.eq(look.failing_since),
            forge::last_error.eq(seen.standing.last_error.as_deref()),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// It is to be looked at now, however often that failed.
pub fn look_at_once(tx: &mut Tx, id: RepositoryId, now: Timestamp) -> Result<()> {
    diesel::update(forge::table.find(id))
        .set(forge::next_look_at.eq(now))
        .execute(&mut **tx)?;
    Ok(())
}
