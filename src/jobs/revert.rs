//! Tries whether what is live, and the commits of changes, still revert cleanly, after each push: in memory, in the repositories of `git_folder`
//! and in our own copies of those of forges.

use std::path::PathBuf;

use super::{Again, Job, UNHURRIED, forge};
use crate::actions::{commit_revert, deployment_story as story};
use crate::app::App;
use crate::domain::deployment::Freshness;
use crate::domain::id::RepositoryId;
use crate::domain::timeline::Door;
use crate::error::Result;
use crate::intake::revert::{attempt, attempt_each};

pub(super) const JOB: Job = Job {
    name: "revert",
    run,
    rest: UNHURRIED,
    hands: 1,
};

/// Tries of one look.
const AT_ONCE: usize = 20;
/// Changes whose commits one look tries.
const LOOKED_AT: usize = 50;

fn run(app: &App) -> Result<Again> {
    let ctx = app.system("revert", Door::Clock);
    let waiting = app.store.read(story::untried)?;
    let is_full = waiting.len() > AT_ONCE;
    for it in waiting.into_iter().take(AT_ONCE) {
        let Some(place) = place(app, &it.repository, it.repository_id) else {
            continue;
        };
        let Some(tried) = attempt(&place, &it.tip, &it.new, &it.old) else {
            continue;
        };
        let freshness = Freshness {
            tip: it.tip,
            conflicts: tried.conflicts,
            irreversible: tried.irreversible,
            checked_at: ctx.now,
        };
        story::tried(&ctx, it.deployment, &freshness)?;
    }
    let changes = app
        .store
        .read(|conn| commit_revert::untried(conn, ctx.now, LOOKED_AT))?;
    let mut tries = 0;
    for it in &changes {
        let Some(place) = place(app, &it.repository, it.repository_id) else {
            continue;
        };
        let Some(tried) = attempt_each(&place, &it.tip, &it.commits) else {
            continue;
        };
        let freshness = Freshness {
            tip: it.tip.clone(),
            conflicts: tried.conflicts,
            irreversible: tried.irreversible,
            checked_at: ctx.now,
        };
        commit_revert::tried(&ctx, it, &freshness)?;
        tries += 1;
    }
    let is_full = is_full || tries == LOOKED_AT;
    Ok(if is_full { Again::AtOnce } else { Again::Later })
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
