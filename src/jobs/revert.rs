//! Tries whether what is live still reverts cleanly, after each push: in memory, in the repositories of `git_folder`.

use std::path::PathBuf;

use super::{Again, Job, UNHURRIED};
use crate::actions::deployment_story as story;
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
    let Some(folder) = &app.config.git_folder else {
        return Ok(Again::Later);
    };
    let ctx = app.system("revert", Door::Clock);
    let waiting = app.store.read(story::untried)?;
    let is_full = waiting.len() > AT_ONCE;
    for it in waiting.into_iter().take(AT_ONCE) {
        // A name is path-like, and was checked: it leads nowhere else.
        let found = [
            folder.join(&it.repository),
            folder.join(format!("{}.git", it.repository)),
        ];
        let Some(place) = found.iter().find(|place: &&PathBuf| place.is_dir()) else {
            continue;
        };
        let Some(tried) = attempt(place, &it.tip, &it.new, &it.old) else {
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
