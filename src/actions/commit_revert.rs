//! Whether the commits of changes still revert on what their branch is now.

use std::collections::{HashMap, HashSet};

use super::commits;
use crate::app::Ctx;
use crate::domain::deployment::Freshness;
use crate::domain::id::{Kind, RepositoryId, TicketId};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::store::{self, Conn, commit_revert as rows};

/// Older work is reverted by its deployment, or not at all.
const LATELY_SECS: i64 = 30 * 86_400;
/// Commits that are looked at.
const MOST: i64 = 2_000;

/// A change with commits that weren't tried since the branch moved, or since there were others.
#[derive(Debug, Clone)]
pub struct Untried {
    pub ticket: TicketId,
    pub repository_id: RepositoryId,
    pub repository: String,
    pub tip: String,
}

/// Changes with work of the last month that wasn't tried on the tip of its repository's default branch, newest first.
pub fn untried(conn: &mut Conn, now: Timestamp) -> Result<Vec<Untried>> {
    let lately = rows::lately(conn, now.plus_secs(-LATELY_SECS), MOST)?;
    let ids: Vec<TicketId> = lately.iter().map(|(id, ..)| *id).collect();
    let tickets = store::ticket::by_ids(conn, &ids)?;
    let changes: HashSet<TicketId> = tickets
        .iter()
        .filter(|it| it.key.kind == Kind::Change && it.merged_into.is_none())
        .map(|it| it.id)
        .collect();
    let tried = rows::tips(conn, &ids)?;
    let mut known: HashMap<RepositoryId, Option<(String, String)>> = HashMap::new();
    let mut found = Vec::new();
    for (ticket, repository_id, published_at) in lately {
        if !changes.contains(&ticket) {
            continue;
        }
        let place = match known.get(&repository_id) {
            Some(place) => place.clone(),
            None => {
                let place = tip_of(conn, repository_id)?;
                known.insert(repository_id, place.clone());
                place
            }
        };
        let Some((repository, tip)) = place else {
            continue;
        };
        let before = tried.get(&(ticket, repository_id));
        let is_known = before.is_some_and(|(of, at)| *of == tip && published_at < Some(*at));
        if !is_known {
            found.push(Untried {
                ticket,
                repository_id,
                repository,
                tip,
            });
        }
    }
    Ok(found)
}

/// Its commits that are in force, newest first: so they are taken back.
pub fn commits_of(conn: &mut Conn, of: &Untried) -> Result<Vec<String>> {
    commits::in_force(conn, of.ticket, of.repository_id)
}

fn tip_of(conn: &mut Conn, id: RepositoryId) -> Result<Option<(String, String)>> {
    let Some(repository) = store::repository::repository(conn, id)? else {
        return Ok(None);
    };
    let name = format!("refs/heads/{}", repository.default_branch);
    let tips = store::repository::recorded_tips(conn, id)?;
    let tip = tips.into_iter().find(|(of, _)| *of == name);
    Ok(tip.map(|(_, oid)| (repository.name, oid)))
}

/// Keeps what was found when these commits of it were tried.
pub fn tried(ctx: &Ctx<'_>, of: &Untried, commits: &[String], found: &Freshness) -> Result<()> {
    ctx.write(|tx| rows::put(tx, of.ticket, of.repository_id, commits, found))
}
