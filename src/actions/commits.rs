//! Which commits stand on a ticket, from which version to which they led, and how they are taken back.

use std::collections::{HashMap, HashSet};

use crate::domain::commit_message::Relation;
use crate::domain::deployment::Freshness;
use crate::domain::git::{Repository, Revertible, in_effect, revert_commands};
use crate::domain::id::{CommitId, PushId, RepositoryId, TicketId};
use crate::domain::ticket::Ticket;
use crate::error::Result;
use crate::store::git_commit::RecordedCommit;
use crate::store::git_link::CommitLink;
use crate::store::{self, Conn};

/// Commits shown of one ticket; an import's others can be found in the repository.
const SHOWN: i64 = 200;

/// The commits of one repository that stand on a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnTicket {
    pub repository: Repository,
    /// Oldest first.
    pub commits: Vec<(RecordedCommit, CommitLink)>,
    /// `git describe` before the first and after the last published commit.
    pub version_before: Option<String>,
    pub version_after: Option<String>,
    /// Of the commits that no branch holds any more, those whose work is on one: the newest commit with the same root.
    pub replaced_by: HashMap<CommitId, String>,
    /// The commands that take the published commits back, to be run from top to bottom; empty if there is nothing to take back.
    pub revert: Vec<String>,
    /// Whether they still revert cleanly, if that could be tried.
    pub freshness: Option<Freshness>,
}

/// All commits of a ticket, by repository. The caller may read the ticket.
pub fn of_ticket(conn: &mut Conn, ticket: &Ticket) -> Result<Vec<OnTicket>> {
    let all = store::git_link::of_ticket(conn, ticket.id, SHOWN)?;
    let mut by_repository: Vec<(RepositoryId, Vec<(RecordedCommit, CommitLink)>)> = Vec::new();
    for (commit, link) in all {
        match by_repository
            .iter_mut()
            .find(|(id, _)| *id == commit.repository)
        {
            Some((_, commits)) => commits.push((commit, link)),
            None => by_repository.push((commit.repository, vec![(commit, link)])),
        }
    }
    let mut tried = store::commit_revert::of(conn, ticket.id)?;
    let mut found = Vec::new();
    for (id, commits) in by_repository {
        let Some(repository) = store::repository::repository(conn, id)? else {
            continue;
        };
        let mut content = content(&commits);
        content.retain(|(commit, _)| commit.published_at.is_some());
        let (revertible, graph) = revertible(conn, &content)?;
        let now = newest_first(&revertible, &graph);
        // What was tried of other commits says nothing of these.
        let tried = tried.remove(&id).filter(|(of, _)| *of == now);
        found.push(OnTicket {
            freshness: tried.map(|(_, freshness)| freshness),
            repository,
            version_before: content
                .first()
                .and_then(|(commit, _)| commit.version_before.clone()),
            version_after: content
                .last()
                .and_then(|(commit, _)| commit.version_after.clone()),
            revert: revert_commands(&revertible, &graph),
            replaced_by: replaced(&commits),
            commits,
        });
    }
    Ok(found)
}

fn replaced(commits: &[(RecordedCommit, CommitLink)]) -> HashMap<CommitId, String> {
    let mut found = HashMap::new();
    for (gone, _) in commits.iter().filter(|(it, _)| it.gone_at.is_some()) {
        let mut later = commits.iter().rev().map(|(commit, _)| commit);
        let heir = later.find(|it| it.gone_at.is_none() && it.root == gone.root);
        found.extend(heir.map(|heir| (gone.id, heir.oid.clone())));
    }
    found
}

type OnIt = (RecordedCommit, CommitLink);
type Graph = HashMap<String, Vec<String>>;

/// Commits as far as taking them back depends on them, and what has to be known around them.
fn revertible(conn: &mut Conn, content: &[&OnIt]) -> Result<(Vec<Revertible>, Graph)> {
    let pushes: HashSet<PushId> = content.iter().map(|(commit, _)| commit.push).collect();
    let pushes: Vec<PushId> = pushes.into_iter().collect();
    // Only a merge needs to know who its parents' parents are.
    let has_merge = content.iter().any(|(commit, _)| commit.parents.len() > 1);
    let graph = match has_merge {
        true => store::git_commit::graph(conn, &pushes)?,
        false => HashMap::new(),
    };
    let mut found: Vec<Revertible> = Vec::with_capacity(content.len());
    for (commit, link) in content {
        let mut reverts = commit.reverts();
        if reverts.is_empty() && link.relation == Relation::Reverts {
            // `Reverts: CHG-7` says so of all that was done for it.
            reverts.extend(found.iter().map(|earlier| earlier.oid.clone()));
        }
        found.push(Revertible {
            oid: commit.oid.clone(),
            parents: commit.parents.clone(),
            reverts,
        });
    }
    Ok((found, graph))
}

/// Whether anything of the ticket's work in this repository is in effect where these of its commits are there.
pub(super) fn is_in_effect(
    conn: &mut Conn,
    ticket: TicketId,
    repository: RepositoryId,
    is_there: impl Fn(&RecordedCommit) -> bool,
) -> Result<bool> {
    let mut all = store::git_link::of_ticket(conn, ticket, SHOWN)?;
    all.retain(|(commit, _)| commit.repository == repository && is_there(commit));
    let content = content(&all);
    let (revertible, graph) = revertible(conn, &content)?;
    Ok(!in_effect(&revertible, &graph).is_empty())
}

/// The commits of a change that are published and in force in a repository, newest first: as they are taken back.
pub(super) fn in_force(
    conn: &mut Conn,
    ticket: TicketId,
    repository: RepositoryId,
) -> Result<Vec<String>> {
    let mut all = store::git_link::of_ticket(conn, ticket, SHOWN)?;
    all.retain(|(commit, _)| commit.repository == repository && commit.published_at.is_some());
    let content = content(&all);
    let (revertible, graph) = revertible(conn, &content)?;
    Ok(newest_first(&revertible, &graph))
}

fn newest_first(linked: &[Revertible], graph: &Graph) -> Vec<String> {
    let commits = in_effect(linked, graph).into_iter().rev();
    commits.map(|it| it.oid.clone()).collect()
}

/// The commits that belong to the ticket's work, each once: not what merely mentions it or was caused by it, nor what no branch
/// holds any more.
fn content(commits: &[OnIt]) -> Vec<&OnIt> {
    let mut seen: HashSet<CommitId> = HashSet::new();
    let counts = |(commit, link): &&OnIt| {
        belongs(link.relation) && commit.gone_at.is_none() && seen.insert(commit.id)
    };
    commits.iter().filter(counts).collect()
}

/// Whether a commit that stands so on a ticket is of its work.
pub(super) const fn belongs(relation: Relation) -> bool {
    match relation {
        Relation::Merge
        | Relation::Refs
        | Relation::Implements
        | Relation::Closes
        | Relation::Reopens
        | Relation::Reverts => true,
        Relation::Mention | Relation::BackportOf | Relation::Causes | Relation::CausedBy => false,
    }
}
