//! Which commits stand on a ticket, from which version to which they led, and how they are taken back.

use std::collections::{HashMap, HashSet};

use crate::domain::commit_message::Relation;
use crate::domain::git::{Repository, Revertible, revert_commands};
use crate::domain::id::{CommitId, PushId, RepositoryId};
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
    let mut found = Vec::new();
    for (id, commits) in by_repository {
        let Some(repository) = store::repository::repository(conn, id)? else {
            continue;
        };
        let content = content(&commits);
        let pushes: HashSet<PushId> = content.iter().map(|commit| commit.push).collect();
        let pushes: Vec<PushId> = pushes.into_iter().collect();
        // Only a merge needs to know who its parents' parents are.
        let has_merge = content.iter().any(|commit| commit.parents.len() > 1);
        let graph = if has_merge {
            store::git_commit::graph(conn, &pushes)?
        } else {
            HashMap::new()
        };
        let revertible: Vec<Revertible> = content
            .iter()
            .map(|commit| Revertible {
                oid: commit.oid.clone(),
                parents: commit.parents.clone(),
                reverts: commit.reverts(),
            })
            .collect();
        found.push(OnTicket {
            repository,
            version_before: content
                .first()
                .and_then(|commit| commit.version_before.clone()),
            version_after: content
                .last()
                .and_then(|commit| commit.version_after.clone()),
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

/// The published commits that belong to the ticket's work, each once: not what merely mentions it or was caused by it, nor what no
/// branch holds any more.
fn content(commits: &[(RecordedCommit, CommitLink)]) -> Vec<&RecordedCommit> {
    let mut seen: HashSet<CommitId> = HashSet::new();
    commits
        .iter()
        .filter(|(commit, link)| {
            let counts = commit.published_at.is_some() && commit.gone_at.is_none();
            belongs(link.relation) && counts && seen.insert(commit.id)
        })
        .map(|(commit, _)| commit)
        .collect()
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
