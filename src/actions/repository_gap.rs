//! Whether we hear of everything that happens in a repository: refs that moved unheard, and repositories that fell silent.

use std::collections::HashMap;

use super::{allow, git};
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::git::{Gap, Repository};
use crate::domain::id::RepositoryId;
use crate::domain::suspect::Feed;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::store::repository_gap as rows;
use crate::store::{self, Conn};

/// Pushes that the rhythm of a repository is known from.
const PUSHES: i64 = 200;

/// Keeps what a hook found when it compared its refs with ours: these gaps and no others. The hook tells of the commits next, and what
/// is told isn't missing any more.
pub fn compared(ctx: &Ctx<'_>, from: RepositoryId, gaps: &[Gap]) -> Result<()> {
    allow(&ctx.by, Action::SendHookEvents, Target::Repository(from))?;
    let name = ctx.write(|tx| {
        let repository = git::active(store::repository::repository(tx, from)?)?;
        let tips: HashMap<String, String> = store::repository::recorded_tips(tx, from)?
            .into_iter()
            .collect();
        let before: HashMap<String, (String, Timestamp)> = rows::of(tx, from)?
            .into_iter()
            .map(|it| (it.name, (it.new_oid, it.found_at)))
            .collect();
        // A push that came in between has told it.
        let open = gaps.iter().filter(|gap| match tips.get(&gap.name) {
            Some(tip) => *tip != gap.new.as_str(),
            None => !gap.new.is_zero(),
        });
        let rows: Vec<rows::Gap> = open
            .map(|gap| rows::Gap {
                repository_id: from,
                name: gap.name.clone(),
                old_oid: gap.old.to_string(),
                new_oid: gap.new.to_string(),
                commits: gap.commits,
                found_at: before
                    .get(&gap.name)
                    .filter(|(new, _)| new == gap.new.as_str())
                    .map_or(ctx.now, |(_, at)| *at),
            })
            .collect();
        rows::replace(tx, from, &rows, ctx.now)?;
        Ok(repository.name)
    })?;
    if !gaps.is_empty() {
        tracing::warn!(
            repository = %name,
            refs = gaps.len(),
            "refs had moved and no hook had told of it"
        );
    }
    Ok(())
}

/// What we know of whether a repository's hooks speak.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hearing {
    /// When its refs were last compared with ours.
    pub compared_at: Option<Timestamp>,
    /// When we last heard of it, if that is longer ago than it usually is.
    pub silent_since: Option<Timestamp>,
    /// Refs that aren't where we have them.
    pub gaps: i64,
}

/// Of each of these. A repository that never was pushed to isn't silent, and neither is one that is retired.
pub fn hearings(
    conn: &mut Conn,
    of: &[Repository],
    now: Timestamp,
) -> Result<HashMap<RepositoryId, Hearing>> {
    let (mut counts, mut compared) = (rows::counts(conn)?, rows::compared(conn)?);
    let mut looked = store::forge::reached(conn)?;
    let mut known = HashMap::new();
    for it in of {
        let compared_at = compared.remove(&it.id);
        let mut hearing = Hearing {
            compared_at,
            silent_since: None,
            gaps: counts.remove(&it.id).unwrap_or_default(),
        };
        // Whoever compares the refs, or reaches the forge, would hear of pushes.
        let heard = [it.last_push_at, compared_at, looked.remove(&it.id)];
        let heard = heard.into_iter().flatten().max();
        if let Some(at) = heard.filter(|_| it.is_active && it.last_push_at.is_some()) {
            let mut spoke = store::suspect::pushed_at(conn, it.id, PUSHES)?;
            spoke.push(at);
            let feed = Feed::of(it.name.clone(), spoke);
            let is_silent = feed.is_some_and(|feed| feed.is_forgotten(now));
            hearing.silent_since = is_silent.then_some(at);
        }
        known.insert(it.id, hearing);
    }
    Ok(known)
}
