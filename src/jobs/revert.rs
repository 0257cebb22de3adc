//! Tries whether what is live still reverts cleanly, after each push: in memory, in the repositories of `git_folder`
//! and in our own copies of those of forges.

use std::path::PathBuf;

use super::{Again, Job, UNHURRIED, forge};
use crate::actions::deployment_story::{self as story, Untried};
use crate::app::App;
use crate::domain::deployment::Freshness;
use crate::domain::timeline::Door;
use crate::error::Result;
use crate::intake::revert::attempt;

pub(super) const JOB: Job = Job {
    name: "revert",
    run,
    rest: UNHURRIED,
    hands: 1,
};

/// Tries of one look.
const AT_ONCE: usize = 20;

fn run(app: &App) -> Result<Again> {
    let ctx = app.system("revert", Door::Clock);
    let waiting = app.store.read(story::untried)?;
    let is_full = waiting.len() > AT_ONCE;
    for it in waiting.into_iter().take(AT_ONCE) {
        let Some(place) = place(app, &it) else {
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
    Ok(if is_full { Again::AtOnce } else { Again::Later })
}

/// Where its repository can be read here.
fn place(app: &App, it: &Untried) -> Option<PathBuf> {
    // A name is path-like, and was checked: it leads nowhere else.
    let given = app.config.git_folder.iter().flat_map(|folder| {
        let name = &it.repository;
        [folder.join(name), folder.join(format!("{name}.git"))]
    });
    let mut found = given.chain([forge::folder_of(app, it.repository_id)]);
    found.find(|place| place.is_dir())
}
