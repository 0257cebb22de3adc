//! Looks after the house itself: whether pages get through to anybody, and how full the disk is.

use super::{Again, Job, UNHURRIED};
use crate::actions::trouble;
use crate::app::App;
use crate::domain::timeline::Door;
use crate::domain::trouble::TroubleKind;
use crate::error::Result;
use crate::store;

pub(super) const JOB: Job = Job {
    name: "trouble",
    run,
    rest: UNHURRIED,
    hands: 1,
};

fn run(app: &App) -> Result<Again> {
    let ctx = app.system("watch", Door::Clock);
    // One that fails doesn't keep the other from being seen.
    let disk = trouble::look_at_disk(&ctx);
    trouble::look_at_delivery(&ctx)?;
    disk?;
    if let Some(room) = app.store.room() {
        metrics::gauge!("watchkeeper_disk_free_bytes").set(room.free_bytes as f64);
    }
    let now = ctx.read(store::trouble::all)?;
    for what in TroubleKind::ALL {
        let is_so = now.iter().any(|trouble| trouble.what == *what);
        metrics::gauge!("watchkeeper_trouble", "what" => what.as_str())
            .set(f64::from(u8::from(is_so)));
    }
    Ok(Again::Later)
}
