//! Deployments, what is live where, and the tickets that they carry.

use std::collections::HashMap;

use diesel::prelude::*;

use super::column::text_column;
use super::schema::deploy::{deploy_lane, deploy_rule, deployment, deployment_ticket};
use super::{Conn, Tx, deployment_fact};
use crate::domain::deployment::{Check, Deployment, Lane, Status, Step};
use crate::domain::id::{DeploymentId, PersonId, RepositoryId, ServiceId, TicketId, TicketKey};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};

text_column!(Check, Status, Step);

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = deployment, treat_none_as_null = true)]
pub(super) struct Row {
    id: DeploymentId,
    environment: String,
    service_id: ServiceId,
    target: String,
    seq: i64,
    source: String,
    source_event_id: String,
    version: String,
    commit_oid: Option<String>,
    repository_id: Option<RepositoryId>,
    artefact: Option<String>,
    revision: Option<String>,
    status: Status,
    started_at: Timestamp,
    finished_at: Option<Timestamp>,
    by_id: Option<PersonId>,
    by_name: String,
    actor: Option<String>,
    url: Option<String>,
    freeze_name: Option<String>,
    glass: Option<String>,
    previous_id: Option<DeploymentId>,
    step: Step,
    recorded_at: Timestamp,
    updated_at: Timestamp,
    check_result: Option<Check>,
}

impl Row {
    fn of(of: &Deployment) -> Self {
        let it = of.clone();
        Row {
            id: it.id,
            environment: it.lane.environment,
            service_id: it.lane.service,
            target: it.lane.target,
            seq: it.seq,
            source: it.source,
            source_event_id: it.source_event_id,
            version: it.version,
            commit_oid: it.commit,
            repository_id: it.repository,
            artefact: it.artefact,
            revision: it.revision,
            status: it.status,
            started_at: it.started_at,
            finished_at: it.finished_at,
            by_id: it.by,
            by_name: it.by_name,
            actor: it.actor,
            url: it.url,
            freeze_name: it.freeze,
            glass: it.glass,
            previous_id: it.previous,
            step: it.step,
            recorded_at: it.recorded_at,
            updated_at: it.updated_at,
            check_result: it.check,
        }
    }

    pub(super) fn deployment(self) -> Deployment {
        Deployment {
            id: self.id,
            lane: Lane {
                environment: self.environment,
                service: self.service_id,
                target: self.target,
            },
            seq: self.seq,
            source: self.source,
            source_event_id: self.source_event_id,
            version: self.version,
            commit: self.commit_oid,
            repository: self.repository_id,
            artefact: self.artefact,
            revision: self.revision,
            status: self.status,
            started_at: self.started_at,
            finished_at: self.finished_at,
            by: self.by_id,
            by_name: self.by_name,
            actor: self.actor,
            url: self.url,
            freeze: self.freeze_name,
            glass: self.glass,
            previous: self.previous_id,
            step: self.step,
            recorded_at: self.recorded_at,
            updated_at: self.updated_at,
            check: self.check_result,
        }
    }
}

pub(super) fn all_of(rows: Vec<Row>) -> Vec<Deployment> {
    rows.into_iter().map(Row::deployment).collect()
}

pub fn by_id(conn: &mut Conn, id: DeploymentId) -> Result<Option<Deployment>> {
    let row: Option<Row> = deployment::table
        .find(id)
        .select(Row::as_select())
        .get_result(conn)
        .optional()?;
    Ok(row.map(Row::deployment))
}

pub fn by_ids(conn: &mut Conn, ids: &[DeploymentId]) -> Result<HashMap<DeploymentId, Deployment>> {
    let rows: Vec<Row> = deployment::table
        .filter(deployment::id.eq_any(ids.to_vec()))
        .select(Row::as_select())
        .load(conn)?;
    Ok(all_of(rows).into_iter().map(|it| (it.id, it)).collect())
}

/// What this source told under this id.
pub fn by_source(conn: &mut Conn, source: &str, event: &str) -> Result<Option<Deployment>> {
    let row: Option<Row> = deployment::table
        .filter(deployment::source.eq(source))
        .filter(deployment::source_event_id.eq(event))
        .select(Row::as_select())
        .get_result(conn)
        .optional()?;
    Ok(row.map(Row::deployment))
}

/// The newest deployment of this version that this source began in the lane and hasn't told the end of.
pub fn begun(
    conn: &mut Conn,
    of: &Lane,
    source: &str,
    version: &str,
) -> Result<Option<Deployment>> {
    let rows: Vec<Row> = deployment::table
        .filter(deployment::environment.eq(&of.environment))
        .filter(deployment::service_id.eq(of.service))
        .filter(deployment::target.eq(&of.target))
        .filter(deployment::source.eq(source))
        .filter(deployment::version.eq(version))
        .filter(deployment::status.eq(Status::Started))
        .order((deployment::started_at.desc(), deployment::seq.desc()))
        .limit(1)
        .select(Row::as_select())
        .load(conn)?;
    Ok(all_of(rows).pop())
}

/// Enters a lane: whoever else wants to record in it waits until this transaction ends.
pub fn enter(tx: &mut Tx, lane: &Lane) -> Result<()> {
    use super::backend::insert_new;
    let new = (
        deploy_lane::environment.eq(&lane.environment),
        deploy_lane::service_id.eq(lane.service),
        deploy_lane::target.eq(&lane.target),
        deploy_lane::event_count.eq(0_i64),
    );
    if !insert_new!(tx, deploy_lane::table, new)? {
        diesel::update(deploy_lane::table.find(key(lane)))
            .set(deploy_lane::event_count.eq(deploy_lane::event_count))
            .execute(&mut **tx)?;
    }
    Ok(())
}

fn key(lane: &Lane) -> (&str, ServiceId, &str) {
    (&lane.environment, lane.service, &lane.target)
}

/// The place that [`next_seq`] will give.
pub fn seq_to_come(tx: &mut Tx, lane: &Lane) -> Result<i64> {
    let count: i64 = deploy_lane::table
        .find(key(lane))
        .select(deploy_lane::event_count)
        .get_result(&mut **tx)?;
    Ok(count + 1)
}

/// The place of the next deployment in a lane that was entered.
pub fn next_seq(tx: &mut Tx, lane: &Lane) -> Result<i64> {
    Ok(diesel::update(deploy_lane::table.find(key(lane)))
        .set(deploy_lane::event_count.eq(deploy_lane::event_count + 1))
        .returning(deploy_lane::event_count)
        .get_result(&mut **tx)?)
}

pub fn insert(tx: &mut Tx, new: &Deployment) -> Result<()> {
    diesel::insert_into(deployment::table)
        .values(Row::of(new))
        .execute(&mut **tx)?;
    deployment_fact::keep(tx, new, new.updated_at)
}

/// Writes what has changed of it. The caller is in its lane.
pub fn update(tx: &mut Tx, known: &Deployment) -> Result<()> {
    diesel::update(deployment::table.find(known.id))
        .set(Row::of(known))
        .execute(&mut **tx)?;
    deployment_fact::keep(tx, known, known.updated_at)
}

/// What was live in the lane immediately before this place: the last that succeeded.
pub fn before(conn: &mut Conn, lane: &Lane, place: (Timestamp, i64)) -> Result<Option<Deployment>> {
    let (at, seq) = place;
    let rows: Vec<Row> = deployment::table
        .filter(deployment::environment.eq(&lane.environment))
        .filter(deployment::service_id.eq(lane.service))
        .filter(deployment::target.eq(&lane.target))
        .filter(deployment::started_at.le(at))
        .filter(deployment::started_at.lt(at).or(deployment::seq.lt(seq)))
        .filter(deployment::status.eq(Status::Succeeded))
        .order((deployment::started_at.desc(), deployment::seq.desc()))
        .limit(1)
        .select(Row::as_select())
        .load(conn)?;
    Ok(all_of(rows).pop())
}

/// Those whose predecessor a change at this place can be: what began behind it, up to the next that succeeded, that one included.
pub fn after(conn: &mut Conn, lane: &Lane, place: (Timestamp, i64)) -> Result<Vec<Deployment>> {
    let (at, seq) = place;
    let rows: Vec<Row> = deployment::table
        .filter(deployment::environment.eq(&lane.environment))
        .filter(deployment::service_id.eq(lane.service))
        .filter(deployment::target.eq(&lane.target))
        .filter(deployment::started_at.ge(at))
        .filter(deployment::started_at.gt(at).or(deployment::seq.gt(seq)))
        .order((deployment::started_at, deployment::seq))
        .limit(100)
        .select(Row::as_select())
        .load(conn)?;
    let mut found = all_of(rows);
    if let Some(end) = found.iter().position(|it| it.status == Status::Succeeded) {
        found.truncate(end + 1);
    }
    Ok(found)
}

/// Whether this version was live in the lane before this place, other than as the last.
pub fn was_live(
    conn: &mut Conn,
    lane: &Lane,
    version: &str,
    before: (Timestamp, i64),
) -> Result<bool> {
    let count: i64 = deployment::table
        .filter(deployment::environment.eq(&lane.environment))
        .filter(deployment::service_id.eq(lane.service))
        .filter(deployment::target.eq(&lane.target))
        .filter(deployment::started_at.le(before.0))
        .filter(
            deployment::started_at
                .lt(before.0)
                .or(deployment::seq.lt(before.1)),
        )
        .filter(deployment::status.eq(Status::Succeeded))
        .filter(deployment::version.eq(version))
        .count()
        .get_result(conn)?;
    Ok(count > 0)
}

/// Finds out anew what is live in a lane, and keeps it. The caller is in the lane.
pub fn settle_live(tx: &mut Tx, lane: &Lane) -> Result<Option<DeploymentId>> {
    let live = before(tx, lane, (Timestamp::NEVER, i64::MAX))?.map(|it| it.id);
    diesel::update(deploy_lane::table.find(key(lane)))
        .set(deploy_lane::live_id.eq(live))
        .execute(&mut **tx)?;
    Ok(live)
}

/// What is live in every lane of an environment (`None`: of all), by service and target.
pub fn live(conn: &mut Conn, environment: Option<&str>) -> Result<Vec<Deployment>> {
    let mut query = deploy_lane::table
        .inner_join(deployment::table.on(deploy_lane::live_id.eq(deployment::id.nullable())))
        .select(Row::as_select())
        .into_boxed();
    if let Some(environment) = environment {
        query = query.filter(deploy_lane::environment.eq(environment.to_owned()));
    }
    let mut found = all_of(query.load(conn)?);
    found.sort_by(|a, b| a.lane.cmp(&b.lane));
    Ok(found)
}

/// Every lane that there is.
pub fn lanes(conn: &mut Conn) -> Result<Vec<Lane>> {
    let rows: Vec<(String, ServiceId, String)> = deploy_lane::table
        .select((
            deploy_lane::environment,
            deploy_lane::service_id,
            deploy_lane::target,
        ))
        .load(conn)?;
    let lane = |(environment, service, target)| Lane {
        environment,
        service,
        target,
    };
    Ok(rows.into_iter().map(lane).collect())
}

/// Deployments that ended in success at or before `at`, of one lane, the one that was live then first.
pub fn live_at(conn: &mut Conn, lane: &Lane, at: Timestamp) -> Result<Option<Deployment>> {
    let rows: Vec<Row> = deployment::table
        .filter(deployment::environment.eq(&lane.environment))
        .filter(deployment::service_id.eq(lane.service))
        .filter(deployment::target.eq(&lane.target))
        .filter(deployment::started_at.le(at))
        .filter(
            deployment::finished_at
                .is_null()
                .or(deployment::finished_at.le(at)),
        )
        .filter(deployment::status.eq(Status::Succeeded))
        .order((deployment::started_at.desc(), deployment::seq.desc()))
        .limit(1)
        .select(Row::as_select())
        .load(conn)?;
    Ok(all_of(rows).pop())
}

/// What succeeded in a lane between two instants, oldest first.
pub fn steps_between(
    conn: &mut Conn,
    lane: &Lane,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Deployment>> {
    let rows: Vec<Row> = deployment::table
        .filter(deployment::environment.eq(&lane.environment))
        .filter(deployment::service_id.eq(lane.service))
        .filter(deployment::target.eq(&lane.target))
        .filter(deployment::started_at.gt(from))
        .filter(deployment::started_at.le(to))
        .filter(deployment::status.eq(Status::Succeeded))
        .order((deployment::started_at, deployment::seq))
        .limit(1_000)
        .select(Row::as_select())
        .load(conn)?;
    Ok(all_of(rows))
}

/// Which deployments a list shows.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub environment: Option<String>,
    pub service: Option<ServiceId>,
    pub status: Option<Status>,
    /// The last of the page before.
    pub after: Option<(Timestamp, DeploymentId)>,
}

/// A page of the list, newest first.
pub fn list(conn: &mut Conn, filter: &Filter, most: i64) -> Result<Vec<Deployment>> {
    let mut query = deployment::table.select(Row::as_select()).into_boxed();
    if let Some(environment) = &filter.environment {
        query = query.filter(deployment::environment.eq(environment.clone()));
    }
    if let Some(service) = filter.service {
        query = query.filter(deployment::service_id.eq(service));
    }
    if let Some(status) = filter.status {
        query = query.filter(deployment::status.eq(status));
    }
    if let Some((at, id)) = filter.after {
        query = query
            .filter(deployment::started_at.le(at))
            .filter(deployment::started_at.lt(at).or(deployment::id.lt(id)));
    }
    let rows: Vec<Row> = query
        .order((deployment::started_at.desc(), deployment::id.desc()))
        .limit(most)
        .load(conn)?;
    Ok(all_of(rows))
}

/// What began from one instant to another, newest first.
pub fn begun_between(
    conn: &mut Conn,
    from: Timestamp,
    to: Timestamp,
    most: i64,
) -> Result<Vec<Deployment>> {
    let rows: Vec<Row> = deployment::table
        .filter(deployment::started_at.ge(from))
        .filter(deployment::started_at.le(to))
        .order(deployment::started_at.desc())
        .limit(most)
        .select(Row::as_select())
        .load(conn)?;
    Ok(all_of(rows))
}

/// Who told of deployments in an environment since then, and when.
pub fn told_since(
    conn: &mut Conn,
    environment: &str,
    since: Timestamp,
    most: i64,
) -> Result<Vec<(String, Timestamp)>> {
    Ok(deployment::table
        .filter(deployment::environment.eq(environment))
        .filter(deployment::started_at.ge(since))
        .order(deployment::started_at.desc())
        .limit(most)
        .select((deployment::source, deployment::started_at))
        .load(conn)?)
}

/// When one of these services was deployed last in an environment.
pub fn last_of(
    conn: &mut Conn,
    environment: &str,
    services: &[ServiceId],
) -> Result<Option<Timestamp>> {
    Ok(deployment::table
        .filter(deployment::environment.eq(environment))
        .filter(deployment::service_id.eq_any(services.to_vec()))
        .filter(deployment::status.eq(Status::Succeeded))
        .select(diesel::dsl::max(deployment::started_at))
        .get_result(conn)?)
}

/// When each source told last of a deployment in an environment, of those that did since then.
pub fn told_last(
    conn: &mut Conn,
    environment: &str,
    since: Timestamp,
) -> Result<Vec<(String, Timestamp)>> {
    let told: Vec<(String, Option<Timestamp>)> = deployment::table
        .filter(deployment::environment.eq(environment))
        .filter(deployment::started_at.ge(since))
        .group_by(deployment::source)
        .select((deployment::source, diesel::dsl::max(deployment::started_at)))
        .load(conn)?;
    let last = |(source, at): (String, Option<Timestamp>)| Some((source, at?));
    Ok(told.into_iter().filter_map(last).collect())
}

/// Says that it carries these tickets. Those that it carries already stay as they are.
pub fn carry(tx: &mut Tx, id: DeploymentId, tickets: &[TicketId], is_named: bool) -> Result<()> {
    use super::backend::insert_new;
    for carried in tickets {
        insert_new!(
            tx,
            deployment_ticket::table,
            (
                deployment_ticket::deployment_id.eq(id),
                deployment_ticket::ticket_id.eq(*carried),
                deployment_ticket::is_named.eq(is_named),
            )
        )?;
    }
    Ok(())
}

/// A ticket that a deployment carries: key and title.
pub type Carried = (TicketId, TicketKey, String);

/// The tickets that these deployments carry.
pub fn tickets_of(
    conn: &mut Conn,
    ids: &[DeploymentId],
) -> Result<HashMap<DeploymentId, Vec<Carried>>> {
    let rows: Vec<(DeploymentId, TicketId)> = deployment_ticket::table
        .filter(deployment_ticket::deployment_id.eq_any(ids.to_vec()))
        .select((
            deployment_ticket::deployment_id,
            deployment_ticket::ticket_id,
        ))
        .load(conn)?;
    if rows.is_empty() {
        return Ok(HashMap::new());
    }
    let mut wanted: Vec<TicketId> = rows.iter().map(|(_, ticket)| *ticket).collect();
    wanted.sort();
    wanted.dedup();
    let mut tickets = super::ticket::by_ids(conn, &wanted)?;
    tickets.sort_by_key(|it| it.key);
    let mut found: HashMap<DeploymentId, Vec<Carried>> = HashMap::new();
    for ticket in &tickets {
        for (id, _) in rows.iter().filter(|(_, of)| *of == ticket.id) {
            let carried = (ticket.id, ticket.key, ticket.title.to_string());
            found.entry(*id).or_default().push(carried);
        }
    }
    Ok(found)
}

/// The tickets that any of these carry.
pub fn ticket_ids(conn: &mut Conn, ids: &[DeploymentId]) -> Result<Vec<TicketId>> {
    Ok(deployment_ticket::table
        .filter(deployment_ticket::deployment_id.eq_any(ids.to_vec()))
        .select(deployment_ticket::ticket_id)
        .distinct()
        .load(conn)?)
}

/// The last deployments of a lane that began since then, newest first.
pub fn recent(
    conn: &mut Conn,
    lane: &Lane,
    since: Timestamp,
    most: i64,
) -> Result<Vec<Deployment>> {
    let rows: Vec<Row> = deployment::table
        .filter(deployment::service_id.eq(lane.service))
        .filter(deployment::environment.eq(&lane.environment))
        .filter(deployment::target.eq(&lane.target))
        .filter(deployment::started_at.ge(since))
        .order((deployment::started_at.desc(), deployment::seq.desc()))
        .limit(most)
        .select(Row::as_select())
        .load(conn)?;
    Ok(all_of(rows))
}

/// The deployments that carry a ticket, newest first.
pub fn of_ticket(conn: &mut Conn, of: TicketId, most: i64) -> Result<Vec<Deployment>> {
    let rows: Vec<Row> = deployment_ticket::table
        .inner_join(deployment::table)
        .filter(deployment_ticket::ticket_id.eq(of))
        .order((deployment::started_at.desc(), deployment::seq.desc()))
        .limit(most)
        .select(Row::as_select())
        .load(conn)?;
    Ok(all_of(rows))
}

/// How a service's deployments are taken back and watched.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = deploy_rule)]
pub struct Rule {
    pub service_id: ServiceId,
    pub revert: String,
    pub soak_mins: i64,
    /// 0: nobody has said anything yet.
    pub version: i64,
    /// What may be deployed on a standing change alone.
    pub most_files: i64,
    /// Parts of paths, a line each, that may not.
    pub dangers: String,
    /// Between two deployments that waited for the end of a freeze.
    pub gap_mins: i64,
    /// Whether what waited is let go by a person's word alone.
    pub needs_go: bool,
}

pub fn rule(conn: &mut Conn, of: ServiceId) -> Result<Option<Rule>> {
    Ok(deploy_rule::table
        .find(of)
        .select(Rule::as_select())
        .get_result(conn)
        .optional()?)
}

/// Writes it, unless somebody else has since it was read; [`Error::Stale`] then.
pub fn put_rule(tx: &mut Tx, rule: &mut Rule) -> Result<()> {
    let read_at = rule.version;
    rule.version += 1;
    if read_at == 0 {
        use super::backend::insert_new;
        return match insert_new!(tx, deploy_rule::table, rule.clone())? {
            true => Ok(()),
            false => Err(Error::Stale),
        };
    }
    let unchanged = deploy_rule::table
        .filter(deploy_rule::service_id.eq(rule.service_id))
        .filter(deploy_rule::version.eq(read_at));
    match diesel::update(unchanged)
        .set(rule.clone())
        .execute(&mut **tx)?
    {
        1 => Ok(()),
        _ => Err(Error::Stale),
    }
}
