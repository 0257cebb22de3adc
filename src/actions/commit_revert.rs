//! Whether the commits of changes still revert on what their branch is now.

use std::collections::HashMap;

use super::commits;
use crate::app::Ctx;
use crate::domain::deployment::Freshness;
use crate::domain::git::Repository;
use crate::domain::id::{Kind, RepositoryId, TicketId};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::store::{self, Conn, commit_revert as rows};

/// Older work is reverted by its deployment, or not at all.
const LATELY_SECS: i64 = 30 * 86_400;
/// Commits that are looked at.
const MOST: i64 = 2_000;

/// Commits of a change that weren't tried since the branch moved, or since there were others.
#[derive(Debug, Clone)]
pub struct Untried {
    pub ticket: TicketId,
    pub repository_id: RepositoryId,
    pub repository: String,
    pub tip: String,
    /// Newest first: so they are taken back.
    pub commits: Vec<String>,
}

/// Changes with work of the last month that wasn't tried on the tip of its repository's default branch; at most `most`.
pub fn untried(conn: &mut Conn, now: Timestamp, most: usize) -> Result<Vec<Untried>> {
    let lately = rows::lately(conn, now.plus_secs(-LATELY_SECS), MOST)?;
    let ids: Vec<TicketId> = lately.iter().map(|(id, _)| *id).collect();
    let tickets = store::ticket::by_ids(conn, &ids)?;
    let changes: Vec<TicketId> = tickets
        .iter()
        .filter(|it| it.key.kind == Kind::Change && it.merged_into.is_none())
        .map(|it| it.id)
        .collect();
    let tried = rows::tips(conn, &changes)?;
    let mut known: HashMap<RepositoryId, Option<(Repository, String)>> = HashMap::new();
    let mut found = Vec::new();
    for (ticket, repository) in lately {
        if found.len() == most {
            break;
        }
        if !changes.contains(&ticket) {
            continue;
        }
        let place = match known.get(&repository) {
            Some(place) => place.clone(),
            None => {
                let place = tip_of(conn, repository)?;
                known.insert(repository, place.clone());
                place
            }
        };
        let Some((of, tip)) = place else { continue };
        let before = tried.get(&(ticket, repository));
        let commits = commits::in_force(conn, ticket, repository)?;
        let is_known = before.is_some_and(|(at, of)| *at == tip && *of == commits.join(" "));
        if !commits.is_empty() && !is_known {
            found.push(Untried {
                ticket,
                repository_id: repository,
                repository: of.name,
                tip,
                commits,
            });
        }
    }
    Ok(found)
}

fn tip_of(conn: &mut Conn, id: RepositoryId) -> Result<Option<(Repository, String)>> {
    let Some(repository) = store::repository::repository(conn, id)? else {
        return Ok(None);
    };
    let name = format!("refs/heads/{}", repository.default_branch);
    let tips = store::repository::recorded_tips(conn, id)?;
    let tip = tips.into_iter().find(|(of, _)| *of == name);
    Ok(tip.map(|(_, oid)| (repository, oid)))
}

/// Keeps what was found when it was tried.
pub fn tried(ctx: &Ctx<'_>, of: &Untried, found: &Freshness) -> Result<()> {
    ctx.write(|tx| rows::put(tx, of.ticket, of.repository_id, &of.commits, found))
}
