//! Repositories, their pushes, and the tips whose commits we have.

use diesel::prelude::*;

use super::schema::git::{push, recorded_tip, ref_move, repository};
use super::{Conn, Tx};
use crate::domain::git::{RefMove, Repository};
use crate::domain::id::{Id, PushId, RepositoryId, ServiceId};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = repository, treat_none_as_null = true)]
struct RepositoryRow {
    id: RepositoryId,
    name: String,
    folded_name: String,
    default_branch: String,
    publish: String,
    commit_url: Option<String>,
    service_id: Option<ServiceId>,
    is_active: bool,
    made_at: Timestamp,
    last_push_at: Option<Timestamp>,
    version: i64,
    push_rules: String,
    tags_say_live: bool,
    strangers_move: bool,
    other_services: String,
}

impl RepositoryRow {
    fn of(value: &Repository) -> Self {
        Self {
            id: value.id,
            name: value.name.clone(),
            folded_name: value.name.to_lowercase(),
            default_branch: value.default_branch.clone(),
            publish: value.publish.join("\n"),
            commit_url: value.commit_url.clone(),
            service_id: value.service,
            is_active: value.is_active,
            made_at: value.made_at,
            last_push_at: value.last_push_at,
            version: value.version,
            push_rules: value.push_rules.clone(),
            tags_say_live: value.tags_say_live,
            strangers_move: value.strangers_move,
            other_services: lines(&value.other_services),
        }
    }

    fn repository(self) -> Repository {
        Repository {
            id: self.id,
            name: self.name,
            default_branch: self.default_branch,
            publish: self.publish.lines().map(str::to_owned).collect(),
            commit_url: self.commit_url,
            service: self.service_id,
            push_rules: self.push_rules,
            tags_say_live: self.tags_say_live,
            strangers_move: self.strangers_move,
            other_services: self.other_services.lines().filter_map(Id::parse).collect(),
            is_active: self.is_active,
            made_at: self.made_at,
            last_push_at: self.last_push_at,
            version: self.version,
        }
    }
}

/// Whom the git servers called the pushers of these, each once.
pub fn pushers(conn: &mut Conn, of: &[PushId]) -> Result<Vec<String>> {
    let named: Vec<Option<String>> = push::table
        .filter(push::id.eq_any(of.to_vec()))
        .filter(push::pusher.is_not_null())
        .select(push::pusher)
        .distinct()
        .load(conn)?;
    Ok(named.into_iter().flatten().collect())
}

fn lines(ids: &[ServiceId]) -> String {
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    ids.join("\n")
}

pub fn repository(conn: &mut Conn, id: RepositoryId) -> Result<Option<Repository>> {
    let row: Option<RepositoryRow> = repository::table
        .find(id)
        .select(RepositoryRow::as_select())
        .get_result(conn)
        .optional()?;
    Ok(row.map(RepositoryRow::repository))
}

/// All repositories, retired ones too, in the order of their making.
pub fn repositories(conn: &mut Conn) -> Result<Vec<Repository>> {
    let rows: Vec<RepositoryRow> = repository::table
        .order(repository::id)
        .select(RepositoryRow::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(RepositoryRow::repository).collect())
}

/// Fails with a unique violation if another repository has the name.
pub fn insert_repository(tx: &mut Tx, new: &Repository) -> Result<()> {
    diesel::insert_into(repository::table)
        .values((RepositoryRow::of(new), repository::commit_count.eq(0)))
        .execute(&mut **tx)?;
    Ok(())
}

/// As [`insert_repository`]; `Stale` if somebody else was faster.
pub fn update_repository(tx: &mut Tx, known: &mut Repository) -> Result<()> {
    let read_at = known.version;
    known.version += 1;
    let unchanged = repository::table
        .filter(repository::id.eq(known.id))
        .filter(repository::version.eq(read_at));
    match diesel::update(unchanged)
        .set(RepositoryRow::of(known))
        .execute(&mut **tx)?
    {
        1 => Ok(()),
        _ => Err(Error::Stale),
    }
}

/// Begins to take a push in: pushes of one repository are taken one after the other, so that two that bring the same commit
/// at once don't collide. Returns how many commits it has. Doesn't touch the version: settings forms stay fresh.
pub fn begin_push(tx: &mut Tx, id: RepositoryId, now: Timestamp) -> Result<i64> {
    Ok(diesel::update(repository::table.find(id))
        .set(repository::last_push_at.eq(now))
        .returning(repository::commit_count)
        .get_result(&mut **tx)?)
}

/// It has so many commits more, and so has this push.
pub fn count_commits(tx: &mut Tx, id: RepositoryId, push: PushId, more: i64) -> Result<()> {
    diesel::update(repository::table.find(id))
        .set(repository::commit_count.eq(repository::commit_count + more))
        .execute(&mut **tx)?;
    diesel::update(push::table.find(push))
        .set(push::commit_count.eq(push::commit_count + more))
        .execute(&mut **tx)?;
    Ok(())
}

/// The push that the hook calls `push_id`, made now if this is its first part.
pub fn push(
    tx: &mut Tx,
    of: RepositoryId,
    push_id: &str,
    pusher: Option<&str>,
    is_bulk: bool,
    now: Timestamp,
) -> Result<PushId> {
    let known: Option<PushId> = push::table
        .filter(push::repository_id.eq(of))
        .filter(push::push_id.eq(push_id))
        .select(push::id)
        .get_result(&mut **tx)
        .optional()?;
    if let Some(known) = known {
        return Ok(known);
    }
    let id: PushId = Id::new(now);
    diesel::insert_into(push::table)
        .values((
            push::id.eq(id),
            push::repository_id.eq(of),
            push::push_id.eq(push_id),
            push::pusher.eq(pusher),
            push::is_bulk.eq(is_bulk),
            push::commit_count.eq(0),
            push::received_at.eq(now),
        ))
        .execute(&mut **tx)?;
    Ok(id)
}

/// Notes that the push moved the ref; whether that was news.
pub fn insert_ref_move(tx: &mut Tx, push: PushId, moved: &RefMove) -> Result<bool> {
    let known: i64 = ref_move::table
        .filter(ref_move::push_id.eq(push))
        .filter(ref_move::name.eq(&moved.name))
        .count()
        .get_result(&mut **tx)?;
    if known > 0 {
        return Ok(false);
    }
    diesel::insert_into(ref_move::table)
        .values((
            ref_move::push_id.eq(push),
            ref_move::name.eq(&moved.name),
            ref_move::old_oid.eq(moved.old.as_str()),
            ref_move::new_oid.eq(moved.new.as_str()),
            ref_move::dropped.eq(moved.dropped),
            ref_move::version_before.eq(moved.version_before.as_deref()),
            ref_move::version_after.eq(moved.version_after.as_deref()),
        ))
        .execute(&mut **tx)?;
    Ok(true)
}

/// The refs whose commits we have, by name.
pub fn recorded_tips(conn: &mut Conn, of: RepositoryId) -> Result<Vec<(String, String)>> {
    Ok(recorded_tip::table
        .filter(recorded_tip::repository_id.eq(of))
        .order(recorded_tip::name)
        .select((recorded_tip::name, recorded_tip::oid))
        .load(conn)?)
}

/// The commit that a tag of one of these names, the earlier name first.
pub fn tagged(conn: &mut Conn, of: RepositoryId, names: &[String]) -> Result<Option<String>> {
    let found: Vec<(String, Option<String>)> = recorded_tip::table
        .filter(recorded_tip::repository_id.eq(of))
        .filter(recorded_tip::name.eq_any(names))
        .select((recorded_tip::name, recorded_tip::commit_oid))
        .load(conn)?;
    let of_name = |name: &String| found.iter().find(|(known, _)| known == name)?.1.clone();
    Ok(names.iter().find_map(of_name))
}

/// The ref's commits are recorded up to where it moved; or it is gone.
pub fn set_recorded_tip(
    tx: &mut Tx,
    of: RepositoryId,
    moved: &RefMove,
    now: Timestamp,
) -> Result<()> {
    let name = moved.name.as_str();
    let row = recorded_tip::table.find((of, name));
    if moved.new.is_zero() {
        diesel::delete(row).execute(&mut **tx)?;
        return Ok(());
    }
    let commit = moved.tag.as_ref().map(|tag| tag.commit.as_str());
    let set = (
        recorded_tip::oid.eq(moved.new.as_str()),
        recorded_tip::commit_oid.eq(commit),
        recorded_tip::recorded_at.eq(now),
    );
    if diesel::update(row).set(set).execute(&mut **tx)? == 0 {
        diesel::insert_into(recorded_tip::table)
            .values((
                recorded_tip::repository_id.eq(of),
                recorded_tip::name.eq(name),
                recorded_tip::oid.eq(moved.new.as_str()),
                recorded_tip::commit_oid.eq(commit),
                recorded_tip::recorded_at.eq(now),
            ))
            .execute(&mut **tx)?;
    }
    Ok(())
}
