//! An incident whose fix is live: proposed to be over, or resolved by itself where the house wants that.
//!
//! A commit that closes an incident doesn't: it is over when the fix runs where customers are, and somebody has seen that it helps.

use std::collections::HashMap;

use super::ticket::{change, step_in};
use super::{allow_ticket, deployment_story};
use crate::app::Ctx;
use crate::domain::access::Action;
use crate::domain::commit_message::Relation;
use crate::domain::deployment::{Deployment, Lane};
use crate::domain::git::Repository;
use crate::domain::id::{DeploymentId, Kind, RepositoryId, TicketId, TicketKey};
use crate::domain::refusal::Refusal;
use crate::domain::settings::WhenFixed;
use crate::domain::text;
use crate::domain::ticket::{State, Ticket};
use crate::domain::timeline::{Entry, EntryKind};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::store::fix::{self as rows, Fix};
use crate::store::git_commit::RecordedCommit;
use crate::store::{self, Conn, Tx};

/// A commit that closes this incident is published.
pub(super) fn landed(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: TicketId,
    commit: &RecordedCommit,
    may_resolve: bool,
) -> Result<()> {
    rows::land(tx, &new(ticket, commit, ctx.now, may_resolve))
}

fn new(ticket: TicketId, commit: &RecordedCommit, now: Timestamp, may_resolve: bool) -> Fix {
    Fix {
        ticket_id: ticket,
        root: commit.root.clone(),
        commit_id: commit.id,
        landed_at: now,
        may_resolve,
        deployment_id: None,
        live_at: None,
        gone_at: None,
        declined_at: None,
        declined_by: None,
    }
}

/// The commits of a deployment that close tickets, by ticket.
pub(super) fn brought(
    tx: &mut Tx,
    it: &Deployment,
) -> Result<HashMap<TicketId, Vec<RecordedCommit>>> {
    let mut found: HashMap<TicketId, Vec<RecordedCommit>> = HashMap::new();
    let Some((repository, added)) = deployment_story::brought(tx, it)? else {
        return Ok(found);
    };
    let added: Vec<&str> = added.iter().map(String::as_str).collect();
    for (commit, link) in store::git_link::linked(tx, repository, &added)? {
        if link.relation == Relation::Closes && commit.acts {
            found.entry(link.ticket).or_default().push(commit);
        }
    }
    Ok(found)
}

/// A deployment brings these fixes of an incident to customers: they are named, newest first.
pub(super) fn live(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: TicketId,
    by: &Deployment,
    commits: &[RecordedCommit],
) -> Result<String> {
    for commit in commits {
        // Deployed from a branch that publishes nothing, it lands with that; whoever pushed it resolves nothing.
        rows::land(tx, &new(ticket, commit, ctx.now, false))?;
        let at = by.ended_at().unwrap_or(ctx.now);
        rows::live(tx, ticket, &commit.root, by.id, at)?;
    }
    let names: Vec<&str> = commits.iter().map(RecordedCommit::short).collect();
    Ok(names.join(", "))
}

/// The fixes whose commits this deployment hasn't, and the one before had, aren't live any more: of which tickets.
pub(super) fn lost(tx: &mut Tx, it: &Deployment) -> Result<Vec<TicketId>> {
    let Some((repository, removed)) = deployment_story::removed(tx, it)? else {
        return Ok(Vec::new());
    };
    let oids: Vec<&str> = removed.iter().map(String::as_str).collect();
    let mut roots: HashMap<TicketId, Vec<String>> = HashMap::new();
    for (commit, link) in store::git_link::linked(tx, repository, &oids)? {
        if link.relation == Relation::Closes {
            roots.entry(link.ticket).or_default().push(commit.root);
        }
    }
    let at = it.ended_at().unwrap_or(it.started_at);
    let mut tickets = Vec::new();
    for (ticket, roots) in roots {
        if gone(tx, ticket, &it.lane, at, |fix| roots.contains(&fix.root))? {
            tickets.push(ticket);
        }
    }
    tickets.sort();
    Ok(tickets)
}

/// Those fixes of an incident aren't live in this lane any more. Whether there was any.
pub(super) fn gone(
    tx: &mut Tx,
    ticket: TicketId,
    lane: &Lane,
    at: Timestamp,
    which: impl Fn(&Fix) -> bool,
) -> Result<bool> {
    let mut any = false;
    for (fix, _) in rows::of(tx, ticket)? {
        if let Some(id) = fix.deployment_id.filter(|_| fix.is_live() && which(&fix))
            && let Some(deployment) = store::deployment::by_id(tx, id)?
            && deployment.lane == *lane
        {
            rows::gone(tx, ticket, &fix.root, at)?;
            any = true;
        }
    }
    Ok(any)
}

/// Resolves an incident all of whose fixes are live, where the house wants that and whoever pushed them might do it themselves.
pub(super) fn settle(tx: &mut Tx, ctx: &Ctx<'_>, ticket: &mut Ticket) -> Result<Vec<Entry>> {
    let wanted = store::settings::all(tx)?.when_fixed == WhenFixed::Resolve;
    if !wanted || !ticket.is_open() || ticket.key.kind != Kind::Incident {
        return Ok(Vec::new());
    }
    let Some(proposal) = proposal(tx, ticket)? else {
        return Ok(Vec::new());
    };
    let may = |it: &Shown| it.fix.may_resolve;
    if proposal.missing > 0 || !proposal.fixes.iter().all(may) {
        return Ok(Vec::new());
    }
    let Some(last) = proposal.fixes.last() else {
        return Ok(Vec::new());
    };
    let entries = step_in(tx, ctx, ticket, State::Resolved, &last.commit.subject)?;
    let repository = last.repository.as_ref().map(|it| it.name.as_str());
    let because = |entry: Entry| {
        entry
            .fact("cause", "commit")
            .fact("commit", &last.commit.oid)
            .fact_some("repository", repository)
            .fact("deployment", proposal.deployment)
    };
    Ok(entries.into_iter().map(because).collect())
}

/// A fix as it is shown.
#[derive(Debug, Clone)]
pub struct Shown {
    pub fix: Fix,
    pub commit: RecordedCommit,
    pub repository: Option<Repository>,
}

/// The fixes of a ticket, in the order in which they landed. The caller may read it.
pub fn of(conn: &mut Conn, ticket: &Ticket) -> Result<Vec<Shown>> {
    if ticket.key.kind != Kind::Incident {
        return Ok(Vec::new());
    }
    let mut known: HashMap<RepositoryId, Option<Repository>> = HashMap::new();
    let mut found = Vec::new();
    for (fix, commit) in rows::of(conn, ticket.id)? {
        let id = commit.repository;
        let repository = match known.get(&id) {
            Some(repository) => repository.clone(),
            None => {
                let repository = store::repository::repository(conn, id)?;
                known.insert(id, repository.clone());
                repository
            }
        };
        found.push(Shown {
            fix,
            commit,
            repository,
        });
    }
    Ok(found)
}

/// That an incident may be over.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// What is live of its fixes and nobody has judged.
    pub fixes: Vec<Shown>,
    /// Fixes that landed and aren't live.
    pub missing: usize,
    /// The deployment that brought the last one, what it is called, and where.
    pub deployment: DeploymentId,
    pub what: String,
    pub place: String,
    pub live_at: Timestamp,
}

/// What speaks for the incident being over; `None` if nothing does, or somebody has said that it isn't.
pub fn proposal(conn: &mut Conn, ticket: &Ticket) -> Result<Option<Proposal>> {
    if !ticket.is_open() {
        return Ok(None);
    }
    let all = of(conn, ticket)?;
    if all.is_empty() {
        return Ok(None);
    }
    // What was live before it was opened again didn't help.
    let opened = store::timeline::of_kinds(conn, ticket.id, &[EntryKind::Reopened])?;
    let opened = opened.iter().map(|it| it.recorded_at).max();
    let mut missing = 0;
    let mut fixes = Vec::new();
    for it in all {
        if !it.fix.is_live() {
            missing += 1;
        } else if it.fix.declined_at.is_none() && opened.is_none_or(|at| it.fix.live_at > Some(at))
        {
            fixes.push(it);
        }
    }
    fixes.sort_by_key(|it| it.fix.live_at);
    let Some((id, live_at)) = fixes
        .last()
        .and_then(|it| Some((it.fix.deployment_id?, it.fix.live_at?)))
    else {
        return Ok(None);
    };
    let deployment = store::deployment::by_id(conn, id)?.ok_or(Error::NotFound)?;
    let service = deployment.lane.service;
    let names = store::house::service_names(conn, &[service])?;
    let name = names.get(&service).map_or("", String::as_str);
    Ok(Some(Proposal {
        fixes,
        missing,
        deployment: id,
        what: format!("{name} {}", deployment.version),
        place: deployment.lane.place(),
        live_at,
    }))
}

/// The fixes of a ticket, if whoever asks may see it.
pub fn read(ctx: &Ctx<'_>, key: TicketKey) -> Result<(Vec<Shown>, Option<Proposal>)> {
    ctx.read(|conn| {
        let ticket = store::ticket::by_key(conn, key)?.ok_or(Error::NotFound)?;
        allow_ticket(conn, &ctx.by, Action::ReadTickets, &ticket)?;
        if !ctx.by.is_staff() || key.kind != Kind::Incident {
            return Err(Error::NotFound);
        }
        Ok((of(conn, &ticket)?, proposal(conn, &ticket)?))
    })
}

/// Says that it isn't over: what is live of its fixes doesn't help, or not enough.
pub fn decline(ctx: &Ctx<'_>, key: TicketKey, why: &str) -> Result<Ticket> {
    let why = text::body("why", why)?;
    change(ctx, key, None, Action::WorkOnTicket, |tx, ticket| {
        let Some(proposal) = proposal(tx, ticket)? else {
            return Err(Refusal::new("no-fix-live")
                .with("key", key.to_string())
                .into());
        };
        rows::decline(tx, ticket.id, ctx.by.name(), ctx.now)?;
        Ok(vec![
            Entry::new(EntryKind::FixDeclined)
                .body(why.clone())
                .fact("what", &proposal.what)
                .fact("environment", &proposal.place),
        ])
    })
}
