//! Which standing change a deployment runs under, and whether it stays in its lane.

use super::{approval, deployment_rule, deployment_story as story};
use crate::domain::change::Change;
use crate::domain::deployment::{self as domain, Deployment};
use crate::domain::id::ServiceId;
use crate::domain::standing::{Contents, Health, LOOK_BACK_SECS, LOOKED_AT, Lane, Limits};
use crate::domain::ticket::Ticket;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::store::{self, Conn, deployment as rows};

/// Commits whose paths are looked at; what is larger is too big anyway.
const MOST_COMMITS: usize = 500;

/// The standing change of a service there: of those whose approval stands the one that was opened last. If none does, the last one: what
/// it lacks is what has to be done.
pub fn of(
    conn: &mut Conn,
    service: ServiceId,
    environment: &str,
    now: Timestamp,
) -> Result<Option<(Ticket, Change)>> {
    let mut all = Vec::new();
    for id in store::change::standing_of(conn, service)? {
        let Some(ticket) = store::ticket::by_id(conn, id)? else {
            continue;
        };
        let change = store::change::of(conn, id)?;
        let (planned, _) = approval::environment(conn, &change)?;
        if planned == environment {
            all.push((ticket, change));
        }
    }
    let mut at = 0;
    if all.len() > 1 {
        for (place, (ticket, change)) in all.iter().enumerate() {
            if approval::verdict(conn, ticket, change, now)?.is_standing() {
                at = place;
                break;
            }
        }
    }
    Ok(all.into_iter().nth(at))
}

/// The lane of a service in one environment, as it is now.
pub fn lane(
    conn: &mut Conn,
    service: ServiceId,
    environment: &str,
    target: &str,
    now: Timestamp,
) -> Result<Lane> {
    let rule = deployment_rule::rule(conn, service)?;
    let place = domain::Lane {
        service,
        environment: environment.to_owned(),
        target: target.to_owned(),
    };
    let since = now.plus_secs(-LOOK_BACK_SECS);
    let recent = rows::recent(conn, &place, since, LOOKED_AT as i64)?;
    let broken = store::agenda::open_incidents(conn, &[service])?;
    Ok(Lane {
        limits: Limits {
            most_files: rule.most_files,
            dangers: rule.dangers,
            has_way_back: !rule.revert.is_empty(),
        },
        health: Health::of(&recent),
        incident: broken.first().map(|it| it.key),
    })
}

/// The lanes of a standing change: of each of its services, where it is for; none of any other change.
pub fn lanes(
    conn: &mut Conn,
    ticket: &Ticket,
    change: &Change,
    now: Timestamp,
) -> Result<Vec<(ServiceId, Lane)>> {
    if !change.is_standing(ticket) {
        return Ok(Vec::new());
    }
    let (environment, _) = approval::environment(conn, change)?;
    let mut lanes = Vec::new();
    for service in store::ticket::services(conn, ticket.id)? {
        lanes.push((service, lane(conn, service, &environment, "", now)?));
    }
    Ok(lanes)
}

/// What is in a deployment that hasn't begun, as far as git has told.
pub fn contents(conn: &mut Conn, new: &Deployment) -> Result<Option<Contents>> {
    let Some(previous) = new.previous else {
        return Ok(None);
    };
    let Some(previous) = rows::by_id(conn, previous)? else {
        return Ok(None);
    };
    let (Some(repository), Some(between)) = (new.repository, story::between(conn, new, &previous)?)
    else {
        return Ok(None);
    };
    let mut contents = Contents::default();
    let oids: Vec<String> = between.added.into_iter().take(MOST_COMMITS).collect();
    for commit in store::git_commit::by_oids(conn, repository, &oids)? {
        contents.files += i64::from(commit.path_count);
        contents
            .paths
            .extend(commit.paths.into_iter().map(|touched| touched.path));
    }
    Ok(Some(contents))
}
