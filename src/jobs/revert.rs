//! Tries whether what is live, and the commits of changes, still revert cleanly, after each push: in memory, in the repositories of `git_folder`
//! and in our own copies of those of forges.

use std::path::PathBuf;

use super::{Again, Job, UNHURRIED, forge};
use crate::actions::{commit_revert, deployment_story as story};
use crate::app::{App, Ctx};
use crate::domain::deployment::Freshness;
use crate::domain::id::RepositoryId;
use crate::domain::timeline::Door;
use crate::error::Result;
use crate::intake::revert::{Tried, attempt, attempt_each};

pub(super) const JOB: Job = Job {
    name: "revert",
    run,
    rest: UNHURRIED,
    hands: 1,
};

/// Tries of one look.
const AT_ONCE: usize = 50;

fn run(app: &App) -> Result<Again> {
    let ctx = app.system("revert", Door::Clock);
    // What can't be read here is never tried, and keeps nothing else waiting.
    let mut left = AT_ONCE;
    for it in app.store.read(story::untried)? {
        let place = place(app, &it.repository, it.repository_id);
        let tried = place.and_then(|place| attempt(&place, &it.tip, &it.new, &it.old));
        let Some(tried) = tried else { continue };
        if left == 0 {
            return Ok(Again::AtOnce);
        }
        left -= 1;
        story::tried(&ctx, it.deployment, &freshness(it.tip, tried, &ctx))?;
    }
    let changes = app
        .store
        .read(|conn| commit_revert::untried(conn, ctx.now))?;
    for it in changes {
        let Some(place) = place(app, &it.repository, it.repository_id) else {
            continue;
        };
        let commits = app
            .store
            .read(|conn| commit_revert::commits_of(conn, &it))?;
        let Some(tried) = attempt_each(&place, &it.tip, &commits) else {
            continue;
        };
        if left == 0 {
            return Ok(Again::AtOnce);
        }
        left -= 1;
        let found = freshness(it.tip.clone(), tried, &ctx);
        commit_revert::tried(&ctx, &it, &commits, &found)?;
    }
    Ok(Again::Later)
}

fn freshness(tip: String, tried: Tried, ctx: &Ctx<'_>) -> Freshness {
    Freshness {
        tip,
        conflicts: tried.conflicts,
        irreversible: tried.irreversible,
        checked_at: ctx.now,
    }
}

/// Where its repository can be read here.
fn place(app: &App, name: &str, id: RepositoryId) -> Option<PathBuf> {
    // A name is path-like, and was checked: it leads nowhere else.
    let given = app
        .config
        .git_folder
        .iter()
        .flat_map(|folder| [folder.join(name), folder.join(format!("{name}.git"))]);
    let mut found = given.chain([forge::folder_of(app, id)]);
    found.find(|place| place.is_dir())
}
