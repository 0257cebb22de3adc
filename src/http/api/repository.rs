//! Repositories whose hooks may tell us about commits, and the token that the hooks carry.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Answer, Call, Nothing, Reply};
use super::paging::{Page, Paging};
use super::ticket::IfMatch;
use super::value::{At, RepositoryUid, ServiceUid, Uid, given};
use crate::actions::repository::{self as action, Typed};
use crate::actions::repository_gap::{Hearing, hearings};
use crate::actions::{self};
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::git;
use crate::domain::id::{RepositoryId, ServiceId};
use crate::domain::refusal::FieldError;
use crate::error::{Error, Result};
use crate::store;
use crate::store::repository_gap::Gap;

/// A repository.
#[derive(Debug, Serialize, ToSchema)]
pub struct Repository {
    pub id: RepositoryUid,
    pub name: String,
    pub default_branch: String,
    /// Other branches whose commits count as published; `*` stands for anything.
    pub publish: Vec<String>,
    /// Where a commit can be looked at; `{commit}` stands for its id.
    pub commit_url: Option<String>,
    pub service_id: Option<ServiceUid>,
    /// What else is made from it: their freezes hold for its pushes too.
    pub other_service_ids: Vec<ServiceUid>,
    /// Tags such as `deploy/prod/4.12.0` and `env/prod` say what is live: where no pipeline reports deployments.
    pub tags_say_live: bool,
    /// Commits of pushers whom nobody here knows (by `git_logins` or their address) resolve and reopen tickets too. Else only those
    /// of people who may do so themselves.
    pub strangers_move: bool,
    /// What pushes are asked before refs move, as TOML: one `[[rule]]` after the other, the first whose `refs` fit counts. Empty:
    /// freezes hold for the published branches.
    pub push_rules: String,
    pub is_active: bool,
    pub made_at: At,
    pub last_push_at: Option<At>,
    /// When its hook last compared its refs with what is recorded (`watchkeeper hook drain`).
    pub compared_at: Option<At>,
    /// When it was last heard of, if that is longer ago than usual, and than 14 days.
    pub silent_since: Option<At>,
    /// Refs that moved unheard. Empty in lists: there `gap_count` says how many there are.
    pub gaps: Vec<RepositoryGap>,
    pub gap_count: i64,
    pub version: i64,
}

/// A ref that isn't where it is recorded, until its hook has told of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct RepositoryGap {
    #[serde(rename = "ref")]
    pub name: String,
    pub found_at: At,
    /// Zeros: it isn't recorded.
    pub recorded: String,
    /// Zeros: it is gone.
    pub found: String,
    /// How many commits are missing, if they were counted.
    pub commits: Option<i64>,
}

impl RepositoryGap {
    fn of(gap: Gap) -> Self {
        Self {
            name: gap.name,
            found_at: At(gap.found_at),
            recorded: gap.old_oid,
            found: gap.new_oid,
            commits: gap.commits,
        }
    }
}

impl Repository {
    fn of((of, hearing): (git::Repository, Hearing)) -> Self {
        Self {
            id: Uid(of.id),
            name: of.name,
            default_branch: of.default_branch,
            publish: of.publish,
            commit_url: of.commit_url,
            service_id: of.service.map(Uid),
            other_service_ids: of.other_services.into_iter().map(Uid).collect(),
            tags_say_live: of.tags_say_live,
            strangers_move: of.strangers_move,
            push_rules: of.push_rules,
            is_active: of.is_active,
            made_at: At(of.made_at),
            last_push_at: of.last_push_at.map(At),
            compared_at: hearing.compared_at.map(At),
            silent_since: hearing.silent_since.map(At),
            gaps: Vec::new(),
            gap_count: hearing.gaps,
            version: of.version,
        }
    }

    /// With everything that is known of it.
    fn whole(ctx: &Ctx<'_>, of: git::Repository) -> Result<Self> {
        ctx.read(|conn| {
            let gaps = store::repository_gap::of(conn, of.id)?;
            let mut hearings = hearings(conn, std::slice::from_ref(&of), ctx.now)?;
            let hearing = hearings.remove(&of.id).unwrap_or_default();
            Ok(Self {
                gaps: gaps.into_iter().map(RepositoryGap::of).collect(),
                ..Self::of((of.clone(), hearing))
            })
        })
    }
}

/// A repository with its hooks' token, which is shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub struct RegisteredRepository {
    pub repository: Repository,
    /// Null when the call is repeated with its `Idempotency-Key`: it was shown.
    pub token: Option<String>,
}

/// List repositories
#[utoipa::path(get, path = "/api/v1/repositories", tag = "git", params(Paging), responses((status = 200, description = "A page", body = Page<Repository>)))]
pub async fn list(call: Call<Nothing>) -> Reply {
    let paging: Paging = call.query()?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ManageRepositories, Target::House)?;
        let all = ctx.read(|conn| {
            let all = store::repository::repositories(conn)?;
            let mut hearings = hearings(conn, &all, ctx.now)?;
            let all = all.into_iter().map(|it| {
                let hearing = hearings.remove(&it.id).unwrap_or_default();
                (it, hearing)
            });
            Ok(all.collect::<Vec<_>>())
        })?;
        Answer::ok(&paging.cut(all, |(it, _)| it.id.to_string(), Repository::of)?)
    })
    .await
}

fn known(ctx: &Ctx<'_>, id: RepositoryId) -> Result<git::Repository> {
    let found = ctx.read(|conn| store::repository::repository(conn, id))?;
    found.ok_or(Error::NotFound)
}

/// Read a repository
#[utoipa::path(get, path = "/api/v1/repositories/{id}", tag = "git", responses((status = 200, description = "The repository", body = Repository)))]
pub async fn read(call: Call<Nothing>) -> Reply {
    let id: RepositoryId = call.id("id")?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ManageRepositories, Target::House)?;
        let repository = known(ctx, id)?;
        let version = repository.version;
        Ok(Answer::ok(&Repository::whole(ctx, repository)?)?.version(version))
    })
    .await
}

/// A repository as it is registered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRepository {
    name: String,
    /// `main` by default.
    #[serde(default)]
    default_branch: String,
    #[serde(default)]
    publish: Vec<String>,
    #[schema(example = "https://git.example.org/app/commit/{commit}")]
    commit_url: Option<String>,
    service_id: Option<ServiceUid>,
    #[serde(default)]
    other_service_ids: Vec<ServiceUid>,
    #[serde(default)]
    tags_say_live: bool,
    #[serde(default)]
    strangers_move: bool,
    #[serde(default)]
    #[schema(example = "[[rule]]\nrefs = \"refs/heads/main\"\nfreeze = \"enforce\"")]
    push_rules: String,
}

fn check_service(ctx: &Ctx<'_>, service: Option<ServiceId>) -> Result<()> {
    let Some(id) = service else { return Ok(()) };
    let found = ctx.read(|conn| store::house::service(conn, id))?;
    found.ok_or_else(|| FieldError::new("service_id", "unknown-service"))?;
    Ok(())
}

/// Register a repository
///
/// The answer carries the token for `watchkeeper hook install`, this once.
#[utoipa::path(post, path = "/api/v1/repositories", tag = "git", request_body = NewRepository, responses((status = 201, description = "Registered", body = RegisteredRepository)))]
pub async fn register(call: Call<NewRepository>) -> Reply {
    call.change(|ctx, new| {
        actions::allow(&ctx.by, Action::ManageRepositories, Target::House)?;
        let typed = Typed {
            name: new.name.clone(),
            default_branch: new.default_branch.clone(),
            publish: new.publish.join("\n"),
            commit_url: new.commit_url.clone().unwrap_or_default(),
            service: new.service_id.map(|id| id.0),
            other_services: new.other_service_ids.iter().map(|id| id.0).collect(),
            tags_say_live: new.tags_say_live,
            strangers_move: new.strangers_move,
            push_rules: new.push_rules.clone(),
            is_active: true,
        };
        check_service(ctx, typed.service)?;
        let (repository, token) = action::register(ctx, &typed)?;
        let (version, place) = (
            repository.version,
            format!("/api/v1/repositories/{}", repository.id),
        );
        let mut made = RegisteredRepository {
            repository: Repository::whole(ctx, repository)?,
            token: Some(token),
        };
        let answer = Answer::created(place, &made)?.version(version);
        made.token = None;
        answer.kept_as(&made)
    })
    .await
}

/// What changes; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RepositoryEdit {
    name: Option<String>,
    default_branch: Option<String>,
    /// All of them.
    publish: Option<Vec<String>>,
    #[serde(default, deserialize_with = "given")]
    commit_url: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    service_id: Option<Option<ServiceUid>>,
    /// All of them.
    other_service_ids: Option<Vec<ServiceUid>>,
    tags_say_live: Option<bool>,
    strangers_move: Option<bool>,
    push_rules: Option<String>,
    /// False turns its hooks away.
    is_active: Option<bool>,
}

/// Edit a repository
#[utoipa::path(patch, path = "/api/v1/repositories/{id}", tag = "git", params(IfMatch), request_body = RepositoryEdit, responses((status = 200, description = "As it stands now", body = Repository)))]
pub async fn edit(call: Call<RepositoryEdit>) -> Reply {
    let (id, rev): (RepositoryId, _) = (call.id("id")?, call.rev);
    call.change(move |ctx, asked| {
        actions::allow(&ctx.by, Action::ManageRepositories, Target::House)?;
        ctx.as_one(
            |ctx| {
                let before = known(ctx, id)?;
                let publish = asked.publish.as_ref().unwrap_or(&before.publish);
                let commit_url = asked.commit_url.as_ref().unwrap_or(&before.commit_url);
                let typed = Typed {
                    name: asked.name.clone().unwrap_or_else(|| before.name.clone()),
                    default_branch: asked
                        .default_branch
                        .clone()
                        .unwrap_or_else(|| before.default_branch.clone()),
                    publish: publish.join("\n"),
                    commit_url: commit_url.clone().unwrap_or_default(),
                    service: asked
                        .service_id
                        .map_or(before.service, |service| service.map(|id| id.0)),
                    other_services: match &asked.other_service_ids {
                        Some(ids) => ids.iter().map(|id| id.0).collect(),
                        None => before.other_services.clone(),
                    },
                    tags_say_live: asked.tags_say_live.unwrap_or(before.tags_say_live),
                    strangers_move: asked.strangers_move.unwrap_or(before.strangers_move),
                    push_rules: asked
                        .push_rules
                        .clone()
                        .unwrap_or_else(|| before.push_rules.clone()),
                    is_active: asked.is_active.unwrap_or(before.is_active),
                };
                check_service(ctx, typed.service)?;
                let edited = action::edit(ctx, id, rev.unwrap_or(before.version), &typed)?;
                let version = edited.version;
                Ok(Answer::ok(&Repository::whole(ctx, edited)?)?.version(version))
            },
            |_, _| Ok(()),
        )
    })
    .await
}

/// Make a repository's hooks a new token
///
/// The old one works for a day more, so that hooks can be changed one after the other.
#[utoipa::path(post, path = "/api/v1/repositories/{id}/token", tag = "git", responses((status = 200, description = "The repository and the new token", body = RegisteredRepository)))]
pub async fn new_token(call: Call<Nothing>) -> Reply {
    let id: RepositoryId = call.id("id")?;
    call.change(move |ctx, _| {
        let (repository, token) = action::new_token(ctx, id)?;
        let mut made = RegisteredRepository {
            repository: Repository::whole(ctx, repository)?,
            token: Some(token),
        };
        let answer = Answer::ok(&made)?;
        made.token = None;
        answer.kept_as(&made)
    })
    .await
}
