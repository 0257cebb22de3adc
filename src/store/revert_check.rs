//! Whether deployments still revert cleanly, as it was tried last.

use std::collections::HashMap;

use diesel::prelude::*;

use super::schema::deploy::revert_check;
use super::{Conn, Tx};
use crate::domain::deployment::Freshness;
use crate::domain::id::DeploymentId;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

type Row = (DeploymentId, String, String, Timestamp);

/// What was tried of these.
pub fn of(conn: &mut Conn, ids: &[DeploymentId]) -> Result<HashMap<DeploymentId, Freshness>> {
    let rows: Vec<Row> = revert_check::table
        .filter(revert_check::deployment_id.eq_any(ids.to_vec()))
        .select((
            revert_check::deployment_id,
            revert_check::tip,
            revert_check::conflicts,
            revert_check::checked_at,
        ))
        .load(conn)?;
    let read = |(id, tip, conflicts, checked_at): Row| {
        let conflicts = conflicts.lines().map(str::to_owned).collect();
        let freshness = Freshness {
            tip,
            conflicts,
            checked_at,
        };
        (id, freshness)
    };
    Ok(rows.into_iter().map(read).collect())
}

pub fn put(tx: &mut Tx, id: DeploymentId, found: &Freshness) -> Result<()> {
    let set = (
        revert_check::tip.eq(&found.tip),
        revert_check::conflicts.eq(found.conflicts.join("\n")),
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
                revert_check::checked_at.eq(found.checked_at),
            ))
            .execute(&mut **tx)?;
    }
    Ok(())
}
