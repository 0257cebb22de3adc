//! Lets PostgreSQL count the rows of tables that have doubled, long before autovacuum would.

use std::time::Duration;

use super::{Again, Job};
use crate::app::App;
use crate::domain::timeline::Door;
use crate::error::Result;
use crate::store::statistics;

pub(super) const JOB: Job = Job {
    name: "statistics",
    run,
    rest: Duration::from_secs(5),
    hands: 1,
};

fn run(app: &App) -> Result<Again> {
    let ctx = app.system("statistics", Door::Clock);
    for table in ctx.read(statistics::grown)? {
        ctx.write(|tx| statistics::analyze(tx, &table))?;
    }
    Ok(Again::Later)
}
