//! Commits without a change and changes without a commit, by repository: as the record has them now.

use std::collections::{BTreeSet, HashMap};

use super::{allow, deployment_story};
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::commit_message::Relation;
use crate::domain::coverage::{Change, Commit, Covered, Facts, Report, Standing, WAIVED, standing};
use crate::domain::git::Repository;
use crate::domain::id::{
    CommitId, DeploymentId, PushId, RepositoryId, ServiceId, TicketId, TicketKey,
};
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::sla_report::Period;
use crate::domain::ticket::Ticket;
use crate::domain::worktime::Interval;
use crate::error::{Error, Result};
use crate::store::coverage::{self as reads, Published};
use crate::store::{self, Conn};

/// Commits of one report, and changes.
const MOST: usize = 20_000;
/// Deployments under standing changes that one report looks into.
const MOST_DEPLOYMENTS: i64 = 2_000;
/// What is published is deployed within this time, or not under the standing change of its day.
const DEPLOYED_WITHIN_SECS: i64 = 30 * 86_400;
/// Tickets read at once.
const AT_ONCE: usize = 10_000;

/// Of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    pub period: Period,
    /// `None`: of all.
    pub repository: Option<RepositoryId>,
}

pub fn read(ctx: &Ctx<'_>, asked: Asked) -> Result<Report> {
    allow(&ctx.by, Action::ReadTickets, Target::House)?;
    let whole = asked.period.interval();
    if whole.from > ctx.now {
        return Err(FieldError::new("from", "period-not-begun").into());
    }
    ctx.read(|conn| {
        let mut repositories = store::repository::repositories(conn)?;
        if let Some(id) = asked.repository
            && !repositories.iter().any(|it| it.id == id)
        {
            return Err(FieldError::new("repository", "unknown-repository").into());
        }
        repositories.sort_by_key(|it| it.name.to_lowercase());
        let mut commits = commits(conn, asked.repository, whole)?;
        in_lanes(conn, &mut commits, whole)?;
        let mut changes = changes(conn, &repositories, whole)?;
        let mut covered = Vec::new();
        for it in &repositories {
            let known = Covered {
                repository: Some((it.id, it.name.clone())),
                commits: commits.remove(&it.id).unwrap_or_default(),
                changes: changes.remove(&Some(it.id)).unwrap_or_default(),
            };
            let is_asked = asked.repository.is_none_or(|id| id == it.id);
            let is_idle = known.commits.is_empty() && known.changes.is_empty();
            if is_asked && (it.is_active || !is_idle) {
                covered.push(known);
            }
        }
        let homeless = changes.remove(&None).unwrap_or_default();
        if asked.repository.is_none() && !homeless.is_empty() {
            covered.push(Covered {
                repository: None,
                commits: Vec::new(),
                changes: homeless,
            });
        }
        Ok(Report {
            period: asked.period,
            as_of: (ctx.now < whole.to).then_some(ctx.now),
            covered,
        })
    })
}

fn refuse_more(count: usize) -> Result<()> {
    match count > MOST {
        true => Err(Refusal::new("coverage-too-many")
            .with("max", MOST.to_string())
            .into()),
        false => Ok(()),
    }
}

fn commits(
    conn: &mut Conn,
    of: Option<RepositoryId>,
    span: Interval,
) -> Result<HashMap<RepositoryId, Vec<Commit>>> {
    let published = reads::published(conn, of, span, MOST as i64 + 1)?;
    refuse_more(published.len())?;
    let ids: Vec<CommitId> = published.iter().map(|it| it.id).collect();
    let links = reads::links(conn, &ids)?;
    let named: BTreeSet<TicketId> = links
        .values()
        .flatten()
        .map(|(ticket, _)| *ticket)
        .collect();
    let named: Vec<TicketId> = named.into_iter().collect();
    let mut keys: HashMap<TicketId, TicketKey> = HashMap::new();
    for some in named.chunks(AT_ONCE) {
        let tickets = store::ticket::by_ids(conn, some)?;
        keys.extend(tickets.iter().map(|it| (it.id, it.key)));
    }
    let pushes: BTreeSet<PushId> = published.iter().map(|it| it.push).collect();
    let pushes: Vec<PushId> = pushes.into_iter().collect();
    let decided = reads::decided(conn, &pushes)?;
    let mut found: HashMap<RepositoryId, Vec<Commit>> = HashMap::new();
    for it in published {
        let said = decided.get(&it.push).map_or("", String::as_str);
        let own = links.get(&it.id).map_or(&[][..], Vec::as_slice);
        let repository = it.repository;
        let commit = judged(it, own, &keys, said);
        found.entry(repository).or_default().push(commit);
    }
    Ok(found)
}

fn judged(
    it: Published,
    links: &[(TicketId, Relation)],
    keys: &HashMap<TicketId, TicketKey>,
    decided: &str,
) -> Commit {
    let links: Vec<(TicketKey, Relation)> = links
        .iter()
        .filter_map(|(ticket, relation)| Some((*keys.get(ticket)?, *relation)))
        .collect();
    let by_push = decided.lines().find_map(|line| line.strip_prefix(WAIVED));
    let no_ticket = it.facts.get("no_ticket").or(by_push).map(str::to_owned);
    let facts = Facts {
        subject: it.subject,
        author_name: it.author_name,
        author_email: it.author_email,
        parent_count: it.parent_count,
        takes_back: it.facts.get("reverts").is_some(),
        is_imported: it.is_imported,
        no_ticket,
        links,
    };
    let standing = standing(&facts);
    let mut tickets: Vec<TicketKey> = facts
        .links
        .into_iter()
        .filter(|(_, relation)| *relation >= Relation::Merge)
        .map(|(key, _)| key)
        .collect();
    tickets.sort_unstable();
    tickets.dedup();
    Commit {
        oid: it.oid,
        subject: facts.subject,
        published_at: it.published_at,
        standing,
        no_ticket: facts.no_ticket.filter(|_| standing == Standing::NoTicket),
        tickets,
    }
}

/// What stood on nothing was deployed under a standing change, and stands on that one: nobody had to type anything for it.
fn in_lanes(
    conn: &mut Conn,
    commits: &mut HashMap<RepositoryId, Vec<Commit>>,
    span: Interval,
) -> Result<()> {
    let is_bare = |it: &Commit| it.standing == Standing::Nothing;
    if !commits.values().flatten().any(is_bare) {
        return Ok(());
    }
    let until = span.to.plus_secs(DEPLOYED_WITHIN_SECS);
    let carried = reads::under_standing(conn, Interval { to: until, ..span }, MOST_DEPLOYMENTS)?;
    let ids: Vec<DeploymentId> = carried.iter().map(|(id, _)| *id).collect();
    let mut known = store::deployment::by_ids(conn, &ids)?;
    let mut keys: HashMap<TicketId, TicketKey> = HashMap::new();
    let mut lanes: HashMap<(RepositoryId, String), TicketKey> = HashMap::new();
    for (id, ticket) in carried {
        let Some(it) = known.remove(&id) else {
            continue;
        };
        let Some((repository, oids)) = deployment_story::brought(conn, &it)? else {
            continue;
        };
        let key = match keys.get(&ticket) {
            Some(key) => *key,
            None => {
                let found = store::ticket::by_id(conn, ticket)?.ok_or(Error::NotFound)?;
                keys.insert(ticket, found.key);
                found.key
            }
        };
        lanes.extend(oids.into_iter().map(|oid| ((repository, oid), key)));
    }
    for (repository, all) in commits {
        for it in all.iter_mut().filter(|it| is_bare(it)) {
            if let Some(key) = lanes.get(&(*repository, it.oid.clone())) {
                it.standing = Standing::Change;
                it.tickets = vec![*key];
            }
        }
    }
    Ok(())
}

/// The changes that ended, in each repository of their services; those that have none by themselves.
fn changes(
    conn: &mut Conn,
    repositories: &[Repository],
    span: Interval,
) -> Result<HashMap<Option<RepositoryId>, Vec<Change>>> {
    let closed = reads::closed(conn, span, MOST as i64 + 1)?;
    refuse_more(closed.len())?;
    let ids: Vec<TicketId> = closed.iter().map(|it| it.id).collect();
    let mut services: HashMap<TicketId, Vec<ServiceId>> = HashMap::new();
    for some in ids.chunks(AT_ONCE) {
        services.extend(store::ticket::services_of(conn, some)?);
    }
    let with_commits = reads::with_commits(conn, &ids)?;
    let mut found: HashMap<Option<RepositoryId>, Vec<Change>> = HashMap::new();
    for ticket in closed {
        let Some(change) = ended(&ticket, with_commits.contains(&ticket.id)) else {
            continue;
        };
        let own = services.get(&ticket.id).map_or(&[][..], Vec::as_slice);
        let is_theirs = |it: &&Repository| it.service.is_some_and(|id| own.contains(&id));
        let mut homes: Vec<Option<RepositoryId>> = repositories
            .iter()
            .filter(is_theirs)
            .map(|it| Some(it.id))
            .collect();
        if homes.is_empty() {
            homes.push(None);
        }
        for home in homes {
            found.entry(home).or_default().push(change.clone());
        }
    }
    Ok(found)
}

fn ended(ticket: &Ticket, has_commit: bool) -> Option<Change> {
    Some(Change {
        key: ticket.key,
        title: ticket.title.to_string(),
        closed_at: ticket.closed_at?,
        outcome: ticket.outcome,
        has_commit,
    })
}
