//! What a deployment brought: its commits and tickets, what was live before it, how it is taken back; and what was live where at any
//! moment.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{allow, commits, deployment_rule};
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::ancestry::{Between, Walk, Way};
use crate::domain::commit_message::Relation;
use crate::domain::deployment::{Deployment, Freshness, Lane, Places, Report, Revert, revert};
use crate::domain::git::Repository;
use crate::domain::id::{DeploymentId, Id, RepositoryId, ServiceId, TicketId, TicketKey};
use crate::domain::refusal::FieldError;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::store::git_commit::RecordedCommit;
use crate::store::{self, Conn, deployment as rows};

/// Commits read at once while histories are compared.
const CHUNK: i64 = 500;
/// Beyond so many it isn't known how two versions stand to each other: nobody reads that far.
const MOST_WALKED: i64 = 20_000;
/// Commits shown of one deployment.
const SHOWN: usize = 50;
/// Deployments between a rollback and what it goes back to.
const MOST_TAKEN_BACK: usize = 50;

/// The commit that is meant, whole, and the repository of ours that has it: those of the service first.
pub(super) fn found(
    conn: &mut Conn,
    service: ServiceId,
    told: &Report,
) -> Result<(Option<RepositoryId>, Option<String>)> {
    let mut repositories = store::repository::repositories(conn)?;
    let Some(start) = &told.commit else {
        let own = repositories.iter().filter(|it| it.service == Some(service));
        return tagged(conn, own, &told.version);
    };
    repositories.sort_by_key(|it| it.service != Some(service));
    for repository in repositories {
        // Two commits with this beginning: nobody can tell which was meant.
        if let [commit] = store::git_commit::by_start(conn, repository.id, start)?.as_slice() {
            return Ok((Some(repository.id), Some(commit.oid.clone())));
        }
    }
    Ok((None, Some(start.clone())))
}

/// The commit that the tag of this version names, where a repository of the service has that tag: `4.12.0`, or `v4.12.0`.
fn tagged<'a>(
    conn: &mut Conn,
    repositories: impl Iterator<Item = &'a Repository>,
    version: &str,
) -> Result<(Option<RepositoryId>, Option<String>)> {
    let names = ["", "v"].map(|before| format!("refs/tags/{before}{version}"));
    for repository in repositories {
        if let Some(commit) = store::repository::tagged(conn, repository.id, &names)? {
            return Ok((Some(repository.id), Some(commit)));
        }
    }
    Ok((None, None))
}

/// What lies between the commits of two deployments; `None` if it isn't known.
pub(super) fn between(
    conn: &mut Conn,
    new: &Deployment,
    old: &Deployment,
) -> Result<Option<Between>> {
    let (Some(to), Some(from)) = (&new.commit, &old.commit) else {
        return Ok(None);
    };
    let mut walk = Walk::new(to, from);
    if walk.is_done() {
        return Ok(walk.between());
    }
    let Some(repository) = new.repository.filter(|it| Some(*it) == old.repository) else {
        return Ok(None);
    };
    let places = (
        store::git_commit::place(conn, repository, to)?,
        store::git_commit::place(conn, repository, from)?,
    );
    let (Some(to), Some(from)) = places else {
        return Ok(None);
    };
    let mut next = to.max(from);
    let end = next - MOST_WALKED;
    while !walk.is_done() && next >= 0 && next > end {
        let rows = store::git_commit::downwards(conn, repository, next, CHUNK)?;
        let Some((last, ..)) = rows.last() else { break };
        next = last - 1;
        for (_, oid, parents) in &rows {
            if walk.is_done() {
                break;
            }
            walk.take(oid, parents);
        }
    }
    Ok(walk.between())
}

/// What lies between a deployment and what was live before it.
fn since_previous(conn: &mut Conn, it: &Deployment) -> Result<Option<Between>> {
    let before = match it.previous {
        Some(id) => rows::by_id(conn, id)?,
        None => None,
    };
    match before {
        Some(before) => between(conn, it, &before),
        None => Ok(None),
    }
}

/// The commits that it brought, and the repository that has them; `None` if they aren't known.
pub(super) fn brought(
    conn: &mut Conn,
    it: &Deployment,
) -> Result<Option<(RepositoryId, Vec<String>)>> {
    let (Some(repository), Some(between)) = (it.repository, since_previous(conn, it)?) else {
        return Ok(None);
    };
    Ok(Some((repository, between.added)))
}

/// The commits that were live before it and that it hasn't, and the repository that has them; `None` if they aren't known.
pub(super) fn removed(
    conn: &mut Conn,
    it: &Deployment,
) -> Result<Option<(RepositoryId, Vec<String>)>> {
    let (Some(repository), Some(between)) = (it.repository, since_previous(conn, it)?) else {
        return Ok(None);
    };
    Ok(Some((repository, between.removed)))
}

/// The tickets whose commits it brought.
pub(super) fn contents(conn: &mut Conn, it: &Deployment) -> Result<Vec<TicketId>> {
    let Some((repository, added)) = brought(conn, it)? else {
        return Ok(Vec::new());
    };
    let added: Vec<&str> = added.iter().map(String::as_str).collect();
    let linked = store::git_link::linked(conn, repository, &added)?;
    let mut seen = HashSet::new();
    let carried = linked.into_iter().filter_map(|(_, link)| {
        let is_work = match link.relation {
            Relation::Merge | Relation::Refs | Relation::Implements | Relation::Closes => true,
            Relation::Mention
            | Relation::Reverts
            | Relation::Reopens
            | Relation::BackportOf
            | Relation::Causes
            | Relation::CausedBy => false,
        };
        (is_work && seen.insert(link.ticket)).then_some(link.ticket)
    });
    Ok(carried.collect())
}

/// Tickets whose commits are taken back, or brought back, by commits that it brought.
#[derive(Debug, Default)]
pub(super) struct Turned {
    /// Nothing of their work is in effect any more.
    pub gone: Vec<TicketId>,
    /// What was taken back is in effect again.
    pub back: Vec<TicketId>,
    /// Came and was taken back within it: never live.
    pub void: Vec<TicketId>,
}

/// What its reverts did, and the reverts of those. Of a ticket that is taken back in part, something is still live: it is in neither.
pub(super) fn turned(conn: &mut Conn, it: &Deployment) -> Result<Turned> {
    let mut turned = Turned::default();
    let (Some(commit), Some((repository, added))) = (&it.commit, brought(conn, it)?) else {
        return Ok(turned);
    };
    let Some(place) = store::git_commit::place(conn, repository, commit)? else {
        return Ok(turned);
    };
    let oids: Vec<&str> = added.iter().map(String::as_str).collect();
    let linked = store::git_link::linked(conn, repository, &oids)?;
    let reverts = linked.into_iter().map(|(_, link)| link);
    let mut tickets: Vec<TicketId> = reverts
        .filter(|link| link.relation == Relation::Reverts)
        .map(|link| link.ticket)
        .collect();
    tickets.sort();
    tickets.dedup();
    let added: HashSet<&str> = oids.into_iter().collect();
    // What lies on a branch that was squashed into ours, or on nobody's way here, was never live: it isn't published.
    let was_there = |it: &RecordedCommit| {
        it.seq <= place && it.published_at.is_some() && !added.contains(it.oid.as_str())
    };
    for ticket in tickets {
        let before = commits::is_in_effect(conn, ticket, repository, was_there)?;
        let after = commits::is_in_effect(conn, ticket, repository, |it| {
            was_there(it) || added.contains(it.oid.as_str())
        })?;
        match (before, after) {
            (true, false) => turned.gone.push(ticket),
            (false, false) => turned.void.push(ticket),
            (false, true) => turned.back.push(ticket),
            (true, true) => {}
        }
    }
    Ok(turned)
}

/// The tickets that a rollback takes back: those of what was deployed since its version was live, but for its own.
pub(super) fn taken_back(conn: &mut Conn, it: &Deployment) -> Result<Vec<TicketId>> {
    let mut since = Vec::new();
    let mut at = it.previous;
    let mut is_found = false;
    while let Some(id) = at {
        let Some(earlier) = rows::by_id(conn, id)? else {
            break;
        };
        let same = earlier.version == it.version
            || earlier.commit.is_some() && earlier.commit == it.commit;
        if same || since.len() == MOST_TAKEN_BACK {
            is_found = same;
            break;
        }
        since.push(id);
        at = earlier.previous;
    }
    if !is_found {
        // That version was never live here: all that is known is that the last one isn't any more.
        since.truncate(1);
    }
    let own: HashSet<TicketId> = rows::tickets_of(conn, &[it.id])?
        .into_values()
        .flatten()
        .map(|(id, ..)| id)
        .collect();
    let mut gone: Vec<TicketId> = rows::tickets_of(conn, &since)?
        .into_values()
        .flatten()
        .map(|(id, ..)| id)
        .filter(|id| !own.contains(id))
        .collect();
    gone.sort();
    gone.dedup();
    Ok(gone)
}

/// A deployment as it is told: with the names around it.
#[derive(Debug, Clone)]
pub struct Told {
    pub deployment: Deployment,
    pub service: String,
    /// The version that was live before it.
    pub before: Option<String>,
    pub tickets: Vec<(TicketKey, String)>,
    /// It is what is live in its lane.
    pub is_live: bool,
}

/// Tells of these.
pub fn told(conn: &mut Conn, of: Vec<Deployment>) -> Result<Vec<Told>> {
    let ids: Vec<DeploymentId> = of.iter().map(|it| it.id).collect();
    let mut tickets = rows::tickets_of(conn, &ids)?;
    let before: Vec<DeploymentId> = of.iter().filter_map(|it| it.previous).collect();
    let before = rows::by_ids(conn, &before)?;
    let services: Vec<ServiceId> = of.iter().map(|it| it.lane.service).collect();
    let names = store::house::service_names(conn, &services)?;
    let live: HashSet<DeploymentId> = rows::live(conn, None)?.iter().map(|it| it.id).collect();
    let told = of.into_iter().map(|it| Told {
        service: names.get(&it.lane.service).cloned().unwrap_or_default(),
        before: it
            .previous
            .and_then(|id| before.get(&id))
            .map(|before| before.version.clone()),
        tickets: tickets
            .remove(&it.id)
            .unwrap_or_default()
            .into_iter()
            .map(|(_, key, title)| (key, title))
            .collect(),
        is_live: live.contains(&it.id),
        deployment: it,
    });
    Ok(told.collect())
}

/// A deployment with all that is known of it.
#[derive(Debug, Clone)]
pub struct Detail {
    pub told: Told,
    pub previous: Option<Deployment>,
    /// `None` if nobody told us the commits.
    pub way: Option<Way>,
    /// Newest first; at most `SHOWN` of `added_count`.
    pub added: Vec<RecordedCommit>,
    pub added_count: usize,
    pub removed: Vec<RecordedCommit>,
    pub removed_count: usize,
    pub revert: Option<Revert>,
    /// Whether it still reverts cleanly, if that could be tried.
    pub freshness: Option<Freshness>,
}

pub fn read(ctx: &Ctx<'_>, id: DeploymentId) -> Result<Detail> {
    allow(&ctx.by, Action::ReadTickets, Target::House)?;
    ctx.read(|conn| {
        let it = rows::by_id(conn, id)?.ok_or(Error::NotFound)?;
        detail(conn, it)
    })
}

pub fn detail(conn: &mut Conn, it: Deployment) -> Result<Detail> {
    let previous = match it.previous {
        Some(id) => rows::by_id(conn, id)?,
        None => None,
    };
    let between = match &previous {
        Some(previous) => between(conn, &it, previous)?,
        None => None,
    };
    let mut some = |oids: &[String]| -> Result<Vec<RecordedCommit>> {
        let Some(repository) = it.repository else {
            return Ok(Vec::new());
        };
        let oids = &oids[..oids.len().min(SHOWN)];
        let mut known: HashMap<String, RecordedCommit> =
            store::git_commit::by_oids(conn, repository, oids)?
                .into_iter()
                .map(|commit| (commit.oid.clone(), commit))
                .collect();
        Ok(oids.iter().filter_map(|oid| known.remove(oid)).collect())
    };
    let (added, removed) = match &between {
        Some(between) => (some(&between.added)?, some(&between.removed)?),
        None => (Vec::new(), Vec::new()),
    };
    let revert = line(conn, &it, previous.as_ref(), between.as_ref())?;
    let freshness = store::revert_check::of(conn, &[it.id])?.remove(&it.id);
    let told = told(conn, vec![it])?.pop();
    Ok(Detail {
        freshness,
        told: told.ok_or(Error::NotFound)?,
        previous,
        way: between.as_ref().map(|it| it.way),
        added_count: between.as_ref().map_or(0, |it| it.added.len()),
        removed_count: between.as_ref().map_or(0, |it| it.removed.len()),
        added,
        removed,
        revert,
    })
}

/// A way back that wasn't tried since the branch moved.
#[derive(Debug, Clone)]
pub struct Untried {
    pub deployment: DeploymentId,
    pub repository_id: RepositoryId,
    pub repository: String,
    pub tip: String,
    pub new: String,
    pub old: String,
}

/// What is live, has commits that we know, and wasn't tried on the tip of its repository's default branch.
pub fn untried(conn: &mut Conn) -> Result<Vec<Untried>> {
    let live = rows::live(conn, None)?;
    let ids: Vec<DeploymentId> = live.iter().map(|it| it.id).collect();
    let before: Vec<DeploymentId> = live.iter().filter_map(|it| it.previous).collect();
    let before = rows::by_ids(conn, &before)?;
    let tried = store::revert_check::of(conn, &ids)?;
    let mut tips: HashMap<RepositoryId, Option<(String, String)>> = HashMap::new();
    let mut found = Vec::new();
    for it in live {
        let previous = it.previous.and_then(|id| before.get(&id));
        let old = previous.and_then(|it| it.commit.clone());
        let (Some(repository), Some(new), Some(old)) = (it.repository, it.commit, old) else {
            continue;
        };
        let tip = match tips.get(&repository) {
            Some(tip) => tip.clone(),
            None => {
                let tip = tip_of(conn, repository)?;
                tips.insert(repository, tip.clone());
                tip
            }
        };
        let Some((name, tip)) = tip else { continue };
        if tried.get(&it.id).is_none_or(|tried| tried.tip != tip) {
            found.push(Untried {
                deployment: it.id,
                repository_id: repository,
                repository: name,
                tip,
                new,
                old,
            });
        }
    }
    Ok(found)
}

/// Keeps what was found when it was tried.
pub fn tried(ctx: &Ctx<'_>, id: DeploymentId, found: &Freshness) -> Result<()> {
    ctx.write(|tx| store::revert_check::put(tx, id, found))
}

/// A repository's name, and the tip of its default branch.
fn tip_of(conn: &mut Conn, id: RepositoryId) -> Result<Option<(String, String)>> {
    let Some(repository) = store::repository::repository(conn, id)? else {
        return Ok(None);
    };
    let name = format!("refs/heads/{}", repository.default_branch);
    let tips = store::repository::recorded_tips(conn, id)?;
    let tip = tips.into_iter().find(|(of, _)| *of == name);
    Ok(tip.map(|(_, oid)| (repository.name, oid)))
}

/// How it is taken back.
fn line(
    conn: &mut Conn,
    it: &Deployment,
    previous: Option<&Deployment>,
    between: Option<&Between>,
) -> Result<Option<Revert>> {
    let rule = deployment_rule::rule(conn, it.lane.service)?;
    let names = store::house::service_names(conn, &[it.lane.service])?;
    let places = Places {
        service: names.get(&it.lane.service).map_or("", String::as_str),
        now: Some(it),
        before: previous,
    };
    let git = between.map(Between::revert_commands).unwrap_or_default();
    Ok(revert(&rule.revert, &places, git))
}

/// How these are taken back, by their ids; those without an entry aren't known.
pub fn reverts(conn: &mut Conn, of: &[Deployment]) -> Result<HashMap<DeploymentId, Revert>> {
    let mut found = HashMap::new();
    for it in of {
        let previous = match it.previous {
            Some(id) => rows::by_id(conn, id)?,
            None => None,
        };
        let between = match &previous {
            Some(previous) => between(conn, it, previous)?,
            None => None,
        };
        if let Some(revert) = line(conn, it, previous.as_ref(), between.as_ref())? {
            found.insert(it.id, revert);
        }
    }
    Ok(found)
}

/// What was live at an instant (`None`: now), lane by lane.
pub fn live(ctx: &Ctx<'_>, environment: Option<&str>, at: Option<Timestamp>) -> Result<Vec<Told>> {
    allow(&ctx.by, Action::ReadTickets, Target::House)?;
    ctx.read(|conn| {
        known_environment(conn, environment)?;
        let found = match at {
            None => rows::live(conn, environment)?,
            Some(at) => {
                let mut lanes = rows::lanes(conn)?;
                lanes.retain(|it| environment.is_none_or(|wanted| wanted == it.environment));
                lanes.sort();
                let mut found = Vec::new();
                for lane in &lanes {
                    found.extend(rows::live_at(conn, lane, at)?);
                }
                found
            }
        };
        told(conn, found)
    })
}

/// An environment that is asked for has to be one of the house's.
pub fn known_environment(conn: &mut Conn, asked: Option<&str>) -> Result<()> {
    let Some(asked) = asked else { return Ok(()) };
    let known = store::house::environments(conn)?;
    if known.iter().any(|it| it == asked) {
        return Ok(());
    }
    Err(FieldError::new("environment", "unknown-environment")
        .with("value", asked.to_owned())
        .with("known", known.join(", "))
        .into())
}

/// How a lane of a service changed between two instants.
#[derive(Debug, Clone)]
pub struct Change {
    pub lane: Lane,
    pub from: Option<Deployment>,
    pub to: Option<Deployment>,
    /// What succeeded in between, oldest first.
    pub steps: Vec<Told>,
    pub way: Option<Way>,
    pub added_count: usize,
    pub removed_count: usize,
    /// The tickets of the steps, each once.
    pub tickets: Vec<(TicketKey, String)>,
}

/// What is different at `to` from what was live at `from`, lane by lane.
pub fn diff(
    ctx: &Ctx<'_>,
    service: &str,
    environment: &str,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Change>> {
    allow(&ctx.by, Action::ReadTickets, Target::House)?;
    if to < from {
        return Err(FieldError::new("to", "ends-before-start").into());
    }
    ctx.read(|conn| {
        known_environment(conn, Some(environment))?;
        let unknown =
            || FieldError::new("service", "unknown-service-name").with("value", service.to_owned());
        let id = match Id::parse(service) {
            Some(id) => Some(id),
            None => store::house::service_by_name(conn, service)?,
        };
        let id = id.ok_or_else(unknown)?;
        let mut lanes = rows::lanes(conn)?;
        lanes.retain(|it| it.service == id && it.environment == environment);
        lanes.sort();
        let mut changes = Vec::new();
        for lane in lanes {
            let (before, after) = (
                rows::live_at(conn, &lane, from)?,
                rows::live_at(conn, &lane, to)?,
            );
            let steps = rows::steps_between(conn, &lane, from, to)?;
            let steps = told(conn, steps)?;
            let between = match (&after, &before) {
                (Some(after), Some(before)) => between(conn, after, before)?,
                _ => None,
            };
            let tickets: BTreeMap<TicketKey, String> = steps
                .iter()
                .flat_map(|it| it.tickets.iter().cloned())
                .collect();
            changes.push(Change {
                lane,
                from: before,
                to: after,
                steps,
                way: between.as_ref().map(|it| it.way),
                added_count: between.as_ref().map_or(0, |it| it.added.len()),
                removed_count: between.as_ref().map_or(0, |it| it.removed.len()),
                tickets: tickets.into_iter().collect(),
            });
        }
        Ok(changes)
    })
}
