//! What an export for an auditor reads beside the deployments: how lanes were counted, what refs moved, who wrote what.

use std::collections::HashMap;

use diesel::dsl::{count_star, max};
use diesel::prelude::*;

use super::Conn;
use super::schema::deploy::{deploy_lane, deployment};
use super::schema::git::{git_commit, push, ref_move};
use super::timeline::facts_of;
use crate::domain::id::{RepositoryId, ServiceId};
use crate::domain::worktime::Interval;
use crate::error::Result;

/// SQLite takes at most 32,766 values in one statement.
const AT_ONCE: usize = 10_000;

/// A lane of an environment: whose, how many were told of it, how many are kept, the highest number.
pub struct Counted {
    pub service: ServiceId,
    pub target: String,
    pub counted: i64,
    pub kept: i64,
    pub highest: i64,
}

/// The lanes of an environment, by service and target.
pub fn lanes(
    conn: &mut Conn,
    environment: &str,
    service: Option<ServiceId>,
) -> Result<Vec<Counted>> {
    let told: Vec<(ServiceId, String, i64)> = deploy_lane::table
        .filter(deploy_lane::environment.eq(environment))
        .select((
            deploy_lane::service_id,
            deploy_lane::target,
            deploy_lane::event_count,
        ))
        .load(conn)?;
    let kept: Vec<(ServiceId, String, i64, Option<i64>)> = deployment::table
        .filter(deployment::environment.eq(environment))
        .group_by((deployment::service_id, deployment::target))
        .select((
            deployment::service_id,
            deployment::target,
            count_star(),
            max(deployment::seq),
        ))
        .load(conn)?;
    let mut kept: HashMap<(ServiceId, String), (i64, i64)> = kept
        .into_iter()
        .map(|(id, target, count, highest)| ((id, target), (count, highest.unwrap_or(0))))
        .collect();
    let mut found: Vec<Counted> = told
        .into_iter()
        .filter(|(id, ..)| service.is_none_or(|wanted| wanted == *id))
        .map(|(id, target, counted)| {
            let (count, highest) = kept.remove(&(id, target.clone())).unwrap_or_default();
            Counted {
                service: id,
                target,
                counted,
                kept: count,
                highest,
            }
        })
        .collect();
    found.sort_by(|a, b| (a.service, &a.target).cmp(&(b.service, &b.target)));
    Ok(found)
}

/// Refs that were moved in a span: where, which, to what.
pub fn ref_moves(conn: &mut Conn, span: Interval) -> Result<Vec<(RepositoryId, String, String)>> {
    Ok(ref_move::table
        .inner_join(push::table.on(push::id.eq(ref_move::push_id)))
        .filter(push::received_at.ge(span.from))
        .filter(push::received_at.lt(span.to))
        .order((push::received_at, ref_move::name))
        .select((push::repository_id, ref_move::name, ref_move::new_oid))
        .load(conn)?)
}

/// The addresses of those who wrote these commits.
pub fn authors(conn: &mut Conn, of: RepositoryId, oids: &[String]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for some in oids.chunks(AT_ONCE) {
        let rows: Vec<(String, String)> = git_commit::table
            .filter(git_commit::repository_id.eq(of))
            .filter(git_commit::oid.eq_any(some.to_vec()))
            .select((git_commit::author_email, git_commit::facts))
            .load(conn)?;
        for (author, facts) in rows {
            found.push(author);
            let facts = facts_of(&facts);
            let others = facts.get("co_authors").unwrap_or_default();
            found.extend(others.split_whitespace().map(str::to_owned));
        }
    }
    Ok(found)
}
