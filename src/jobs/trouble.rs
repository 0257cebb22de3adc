//! Looks after the house itself: whether pages get through to anybody.

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
    trouble::look_at_delivery(&ctx)?;
    let now = ctx.read(store::trouble::all)?;
    for what in TroubleKind::ALL {
        let is_so = now.iter().any(|trouble| trouble.what == *what);
        metrics::gauge!("watchkeeper_trouble", "what" => what.as_str()).set(f64::from(u8::from(is_so)));
    }
    Ok(Again::Later)
}
