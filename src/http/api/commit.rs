//! Commits that stand on a ticket.

use serde::Serialize;
use utoipa::ToSchema;

use super::call::{Answer, Call, Nothing, Reply};
use super::value::{At, Closed, RepositoryUid, Uid, Word};
use crate::actions::{commits, ticket};
use crate::domain::commit_message::Relation;

impl Closed for Relation {
    const NAME: &'static str = "CommitRelation";
    const WORDS: &'static [Self] = Relation::ALL;
}
type CommitRelationWord = Word<Relation>;

/// The commits on a ticket, by repository.
#[derive(Debug, Serialize, ToSchema)]
pub struct TicketCommits {
    pub repositories: Vec<RepositoryCommits>,
}

/// A ticket's commits in one repository.
#[derive(Debug, Serialize, ToSchema)]
pub struct RepositoryCommits {
    pub repository_id: RepositoryUid,
    pub repository: String,
    /// `git describe` before the first published commit.
    #[schema(example = "v1.4.1-3-gabc123f")]
    pub version_before: Option<String>,
    /// And after the last.
    pub version_after: Option<String>,
    /// Commands that take the published commits back, to be run from top to bottom; empty if there is nothing to take back.
    pub revert: Vec<String>,
    /// Files in which that collides with what came later; empty: it is clean. Null if nobody could try.
    pub conflicts: Option<Vec<String>>,
    /// Steps of a database's schema that came with it and have no down step. Null if nobody could try.
    pub irreversible: Option<Vec<String>>,
    /// When that was tried.
    pub checked_at: Option<At>,
    /// Oldest first; 200 of a ticket at most.
    pub commits: Vec<Commit>,
}

/// A commit.
#[derive(Debug, Serialize, ToSchema)]
pub struct Commit {
    pub oid: String,
    /// On the forge, if the repository says where.
    pub url: Option<String>,
    pub subject: String,
    pub author_name: String,
    pub author_email: String,
    pub authored_at: At,
    pub committed_at: At,
    /// How it stands to the ticket.
    pub relation: CommitRelationWord,
    /// The ref that it came on.
    #[schema(example = "refs/heads/main")]
    pub ref_name: String,
    /// When it came onto a branch that counts as published; null before that.
    pub published_at: Option<At>,
    /// Since when no branch or tag holds it: a forced push replaced it, or its branch was deleted.
    pub gone_at: Option<At>,
    /// The commit on a branch that has its work, if it is known.
    pub replaced_by: Option<String>,
    pub files: Vec<TouchedFile>,
    /// Of all files that it touched; `files` may be fewer.
    pub file_count: i32,
}

/// A file that a commit touched.
#[derive(Debug, Serialize, ToSchema)]
pub struct TouchedFile {
    /// `A` added, `M` modified, `D` deleted, `R` renamed, `C` copied, `T` another type.
    pub change: String,
    pub path: String,
}

impl RepositoryCommits {
    fn of(of: commits::OnTicket) -> Self {
        let shown = of.commits.iter().map(|(commit, link)| Commit {
            oid: commit.oid.clone(),
            url: of.repository.url_of(&commit.oid),
            subject: commit.subject.clone(),
            author_name: commit.author_name.clone(),
            author_email: commit.author_email.clone(),
            authored_at: At(commit.authored_at),
            committed_at: At(commit.committed_at),
            relation: Word(link.relation),
            ref_name: commit.ref_name.clone(),
            published_at: commit.published_at.map(At),
            gone_at: commit.gone_at.map(At),
            replaced_by: of.replaced_by.get(&commit.id).cloned(),
            file_count: commit.path_count,
            files: commit
                .paths
                .iter()
                .map(|touched| TouchedFile {
                    change: touched.change.to_string(),
                    path: touched.path.clone(),
                })
                .collect(),
        });
        let tried = of.freshness;
        let checked_at = tried.as_ref().map(|it| At(it.checked_at));
        let (conflicts, irreversible) = tried.map(|it| (it.conflicts, it.irreversible)).unzip();
        Self {
            conflicts,
            irreversible,
            checked_at,
            repository_id: Uid(of.repository.id),
            commits: shown.collect(),
            repository: of.repository.name,
            version_before: of.version_before,
            version_after: of.version_after,
            revert: of.revert,
        }
    }
}

/// Read a ticket's commits
///
/// Who, when and which files, from which version to which, and how to take them back.
#[utoipa::path(get, path = "/api/v1/tickets/{key}/commits", tag = "git", responses((status = 200, description = "Its commits", body = TicketCommits)))]
pub async fn of_ticket(call: Call<Nothing>) -> Reply {
    let key = call.ticket("key")?;
    call.read(move |ctx| {
        let ticket = ticket::read(ctx, key)?;
        let found = ctx.read(|conn| commits::of_ticket(conn, &ticket))?;
        Answer::ok(&TicketCommits {
            repositories: found.into_iter().map(RepositoryCommits::of).collect(),
        })
    })
    .await
}
