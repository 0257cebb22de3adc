//! Repositories that may tell us about their commits, and the token that their hooks carry.

use super::login::{NewToken, make_token_in};
use super::repository_gap::{Hearing, hearings};
use super::{allow, audit};
use crate::app::Ctx;
use crate::domain::access::{Action, Roles, Scope, Scopes, Target, TokenOwner};
use crate::domain::git::{self, Repository};
use crate::domain::id::{Id, RepositoryId, ServiceId};
use crate::domain::push_rule::written;
use crate::domain::refusal::FieldError;
use crate::domain::timeline::Facts;
use crate::error::{Error, Fields, Result, is_unique_violation};
use crate::secrets;
use crate::store::token::Token;
use crate::store::{self, Tx};

/// While hooks are given a new token, the old one works this long.
pub const ROTATION_SECS: i64 = 24 * 3_600;

/// What is typed about a repository.
#[derive(Debug, Clone, Default)]
pub struct Typed {
    pub name: String,
    pub default_branch: String,
    /// Patterns of other published branches, separated by blanks, commas or lines.
    pub publish: String,
    pub commit_url: String,
    pub service: Option<ServiceId>,
    /// What else is made from it.
    pub other_services: Vec<ServiceId>,
    /// Tags say what is live.
    pub tags_say_live: bool,
    /// Commits of pushers whom nobody here knows move tickets too.
    pub strangers_move: bool,
    /// What pushes are asked; empty: the house's usual.
    pub push_rules: String,
    pub is_active: bool,
}

struct Checked {
    name: String,
    default_branch: String,
    publish: Vec<String>,
    commit_url: Option<String>,
}

impl Typed {
    fn check(&self) -> Result<Checked> {
        let mut fields = Fields::new();
        let branch = if self.default_branch.trim().is_empty() {
            "main"
        } else {
            &self.default_branch
        };
        let name = fields.take(git::repository_name(&self.name));
        let default_branch = fields.take(git::branch_name("default_branch", branch));
        let publish = fields.take(git::publish_patterns(&self.publish));
        let commit_url = fields.take(git::commit_url(&self.commit_url));
        fields.take(written::read(&self.push_rules));
        fields.check()?;
        match (name, default_branch, publish, commit_url) {
            (Some(name), Some(default_branch), Some(publish), Some(commit_url)) => Ok(Checked {
                name,
                default_branch,
                publish,
                commit_url,
            }),
            _ => Err(Error::internal("a field was neither taken nor refused")),
        }
    }
}

/// What its rules and services name has to be there.
fn refuse_unknown(tx: &mut Tx, typed: &Typed) -> Result<()> {
    let known = store::house::services(tx)?;
    let mut others = typed.other_services.iter();
    if !others.all(|id| known.iter().any(|it| it.id == *id)) {
        return Err(FieldError::new("other_services", "unknown-service").into());
    }
    let environments = store::house::environments(tx)?;
    let rules = written::read(&typed.push_rules).unwrap_or_default();
    let is_unknown = |name: &&String| !name.is_empty() && !environments.contains(*name);
    match rules.iter().map(|rule| &rule.env).find(is_unknown) {
        Some(name) => Err(FieldError::new("push_rules", "rule-unknown-env")
            .with("value", name.clone())
            .with("known", environments.join(", "))
            .into()),
        None => Ok(()),
    }
}

/// Registers a repository. Its hooks' token is returned once and stored nowhere.
pub fn register(ctx: &Ctx<'_>, typed: &Typed) -> Result<(Repository, String)> {
    allow(&ctx.by, Action::ManageRepositories, Target::House)?;
    let checked = typed.check()?;
    let secret = secrets::new_token("wk_")?;
    ctx.write(|tx| {
        refuse_unknown(tx, typed)?;
        let repository = Repository {
            id: Id::new(ctx.now),
            name: checked.name.clone(),
            default_branch: checked.default_branch.clone(),
            publish: checked.publish.clone(),
            commit_url: checked.commit_url.clone(),
            service: typed.service,
            other_services: typed.other_services.clone(),
            tags_say_live: typed.tags_say_live,
            strangers_move: typed.strangers_move,
            push_rules: typed.push_rules.trim().to_owned(),
            is_active: true,
            made_at: ctx.now,
            last_push_at: None,
            version: 1,
        };
        store::repository::insert_repository(tx, &repository)
            .map_err(|error| taken(error, &repository.name))?;
        let facts = Facts::new().with("default_branch", &repository.default_branch);
        audit::note(tx, ctx, "repository-registered", &repository.name, &facts)?;
        hand_out(tx, ctx, &repository, &secret)?;
        Ok((repository, secret.clone()))
    })
}

/// Changes what is known of it, or retires it: a retired repository's hooks are turned away.
pub fn edit(ctx: &Ctx<'_>, id: RepositoryId, rev: i64, typed: &Typed) -> Result<Repository> {
    allow(&ctx.by, Action::ManageRepositories, Target::House)?;
    let checked = typed.check()?;
    ctx.write(|tx| {
        let mut repository = store::repository::repository(tx, id)?.ok_or(Error::NotFound)?;
        if repository.version != rev {
            return Err(Error::Stale);
        }
        refuse_unknown(tx, typed)?;
        repository.name = checked.name.clone();
        repository.default_branch = checked.default_branch.clone();
        repository.publish = checked.publish.clone();
        repository.commit_url = checked.commit_url.clone();
        repository.service = typed.service;
        repository.other_services.clone_from(&typed.other_services);
        repository.tags_say_live = typed.tags_say_live;
        repository.strangers_move = typed.strangers_move;
        repository.push_rules = typed.push_rules.trim().to_owned();
        repository.is_active = typed.is_active;
        store::repository::update_repository(tx, &mut repository)
            .map_err(|error| taken(error, &repository.name))?;
        let facts = Facts::new()
            .with("default_branch", &repository.default_branch)
            .with("tags_say_live", repository.tags_say_live)
            .with("strangers_move", repository.strangers_move)
            .with("is_active", repository.is_active);
        audit::note(tx, ctx, "repository-changed", &repository.name, &facts)?;
        Ok(repository)
    })
}

/// A new token; the old ones work for [`ROTATION_SECS`] more, so that hooks can be changed one after the other.
pub fn new_token(ctx: &Ctx<'_>, id: RepositoryId) -> Result<(Repository, String)> {
    allow(&ctx.by, Action::ManageRepositories, Target::House)?;
    let secret = secrets::new_token("wk_")?;
    ctx.write(|tx| {
        let repository = store::repository::repository(tx, id)?.ok_or(Error::NotFound)?;
        store::token::expire_all_of_repository(tx, id, ctx.now.plus_secs(ROTATION_SECS))?;
        hand_out(tx, ctx, &repository, &secret)?;
        Ok((repository, secret.clone()))
    })
}

fn hand_out(tx: &mut Tx, ctx: &Ctx<'_>, repository: &Repository, secret: &str) -> Result<()> {
    let new = NewToken {
        name: repository.name.clone(),
        owner: TokenOwner::Repository(repository.id),
        roles: Roles::NONE,
        scopes: Scopes::of(&[Scope::Hook]),
        expires_at: None,
    };
    make_token_in(tx, ctx, &new, secret).map(|_| ())
}

fn taken(error: Error, name: &str) -> Error {
    if is_unique_violation(&error) {
        return FieldError::new("name", "name-taken")
            .with("value", name.to_owned())
            .into();
    }
    error
}

/// A repository with the tokens that work, newest first.
pub struct Listed {
    pub repository: Repository,
    pub tokens: Vec<Token>,
    pub hearing: Hearing,
}

/// All repositories, for the settings page.
pub fn list(ctx: &Ctx<'_>) -> Result<Vec<Listed>> {
    allow(&ctx.by, Action::ManageRepositories, Target::House)?;
    ctx.read(|conn| {
        let tokens = store::token::all(conn)?;
        let repositories = store::repository::repositories(conn)?;
        let mut hearings = hearings(conn, &repositories, ctx.now)?;
        Ok(repositories
            .into_iter()
            .map(|repository| Listed {
                tokens: tokens
                    .iter()
                    .filter(|token| {
                        token.owner == TokenOwner::Repository(repository.id) && token.works(ctx.now)
                    })
                    .cloned()
                    .collect(),
                hearing: hearings.remove(&repository.id).unwrap_or_default(),
                repository,
            })
            .collect())
    })
}
