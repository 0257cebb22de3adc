//! What was told of deployments, each telling as it was: the chain hangs on these, and the ledger is held against them.

use diesel::prelude::*;

use super::compensation::{line_up, lost};
use super::deployment::Row;
use super::schema::deploy::{deployment, deployment_fact};
use super::{Conn, Tx};
use crate::domain::compensation::FactKind;
use crate::domain::deployment::Deployment;
use crate::domain::id::{DeploymentFactId, DeploymentId, Id};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = deployment_fact)]
pub struct DeploymentFact {
    pub id: DeploymentFactId,
    pub deployment_id: DeploymentId,
    /// 1, 2, 3 … within the deployment.
    pub nth: i64,
    /// What it said, as one line of canonical JSON.
    pub told: String,
    pub recorded_at: Timestamp,
}

/// Keeps what a deployment says now, unless that is what it said before.
pub(super) fn keep(tx: &mut Tx, of: &Deployment, now: Timestamp) -> Result<()> {
    let told = of.as_told().canonical();
    let newest: Option<(i64, String)> = deployment_fact::table
        .filter(deployment_fact::deployment_id.eq(of.id))
        .order(deployment_fact::nth.desc())
        .select((deployment_fact::nth, deployment_fact::told))
        .first(&mut **tx)
        .optional()?;
    let nth = match newest {
        Some((_, known)) if known == told => return Ok(()),
        Some((nth, _)) => nth + 1,
        None => 1,
    };
    let fact = DeploymentFact {
        id: Id::new(now),
        deployment_id: of.id,
        nth,
        told,
        recorded_at: now,
    };
    diesel::insert_into(deployment_fact::table)
        .values(&fact)
        .execute(&mut **tx)?;
    diesel::update(deployment::table.find(of.id))
        .set(deployment::fact_count.eq(nth))
        .execute(&mut **tx)?;
    line_up(tx, fact.id.uuid(), FactKind::Deployment, now)
}

/// Keeps what deployments say of which nothing is kept: those of before there were such facts, or of another program. How many.
pub fn keep_missing(tx: &mut Tx, now: Timestamp, most: i64) -> Result<usize> {
    let rows: Vec<Row> = deployment::table
        .filter(deployment::fact_count.eq(0))
        .order(deployment::id)
        .limit(most)
        .select(Row::as_select())
        .load(&mut **tx)?;
    let count = rows.len();
    for row in rows {
        keep(tx, &row.deployment(), now)?;
    }
    Ok(count)
}

/// Whether there is a deployment of which nothing is kept.
pub fn is_any_missing(conn: &mut Conn) -> Result<bool> {
    let missing: Vec<DeploymentId> = deployment::table
        .filter(deployment::fact_count.eq(0))
        .limit(1)
        .select(deployment::id)
        .load(conn)?;
    Ok(!missing.is_empty())
}

pub fn fact(conn: &mut Conn, id: Id<()>) -> Result<DeploymentFact> {
    deployment_fact::table
        .find(DeploymentFactId::from_uuid(id.uuid()))
        .select(DeploymentFact::as_select())
        .get_result(conn)
        .optional()?
        .ok_or_else(|| lost("deployment", id))
}

/// What was told of a deployment, oldest first.
pub fn of_deployment(conn: &mut Conn, id: DeploymentId) -> Result<Vec<DeploymentFact>> {
    Ok(deployment_fact::table
        .filter(deployment_fact::deployment_id.eq(id))
        .order(deployment_fact::nth)
        .select(DeploymentFact::as_select())
        .load(conn)?)
}

/// Whether the ledger still says what was told last of a deployment. Both are read at one instant.
pub fn stands(conn: &mut Conn, id: DeploymentId) -> Result<bool> {
    let found: Option<(Row, DeploymentFact)> = deployment::table
        .inner_join(deployment_fact::table.on(deployment_fact::deployment_id.eq(deployment::id)))
        .filter(deployment::id.eq(id))
        .order(deployment_fact::nth.desc())
        .select((Row::as_select(), DeploymentFact::as_select()))
        .first(conn)
        .optional()?;
    Ok(found.is_some_and(|(row, fact)| row.deployment().as_told().canonical() == fact.told))
}
