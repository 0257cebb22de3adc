//! Whether deployments still revert cleanly, as it was tried last.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;

use super::schema::deploy::{deployment, revert_check};
use super::{Conn, Tx};
use crate::domain::deployment::Freshness;
use crate::domain::id::DeploymentId;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

type Row = (DeploymentId, String, String, String, Timestamp);

/// What was tried of these.
pub fn of(conn: &mut Conn, ids: &[DeploymentId]) -> Result<HashMap<DeploymentId, Freshness>> {
    let rows: Vec<Row> = revert_check::table
        .filter(revert_check::deployment_id.eq_any(ids.to_vec()))
        .select((
            revert_check::deployment_id,
            revert_check::tip,
            revert_check::conflicts,
            revert_check::irreversible,
            revert_check::checked_at,
        ))
        .load(conn)?;
    let lines = |text: String| text.lines().map(str::to_owned).collect();
    let read = |(id, tip, conflicts, irreversible, checked_at): Row| {
        let freshness = Freshness {
            tip,
            conflicts: lines(conflicts),
            irreversible: lines(irreversible),
            checked_at,
        };
        (id, freshness)
    };
    Ok(rows.into_iter().map(read).collect())
}

/// Which of those that began in a span brought something that can't be taken back.
pub fn irreversible(
    conn: &mut Conn,
    from: Timestamp,
    to: Timestamp,
) -> Result<HashSet<DeploymentId>> {
    let ids: Vec<DeploymentId> = revert_check::table
        .inner_join(deployment::table)
        .filter(deployment::started_at.ge(from))
        .filter(deployment::started_at.le(to))
        .filter(revert_check::irreversible.ne(""))
        .select(revert_check::deployment_id)
        .load(conn)?;
    Ok(ids.into_iter().collect())
}

pub fn put(tx: &mut Tx, id: DeploymentId, found: &Freshness) -> Result<()> {
    let set = (
        revert_check::tip.eq(&found.tip),
        revert_check::conflicts.eq(found.conflicts.join("\n")),
        revert_check::irreversible.eq(found.irreversible.join("\n")),
        revert_check::checked_at.eq(found.checked_at),
    );
    if diesel::update(revert_check::table.find(id))
        .set(set)
        .execute(&mut **tx)?
        == 0
    {
        diesel::insert_into(revert_check::table)
            .values((
                revert_check::deployment_id.eq(id),
                revert_check::tip.eq(&found.tip),
                revert_check::conflicts.eq(found.conflicts.join("\n")),
                revert_check::irreversible.eq(found.irreversible.join("\n")),
                revert_check::checked_at.eq(found.checked_at),
            ))
            .execute(&mut **tx)?;
    }
    Ok(())
}
