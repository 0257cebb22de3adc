//! A repository's forge: where it is, the secret of its webhook, how the last looks went and what the webhook brought.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Answer, Call, Nothing, Reply};
use super::ticket::IfMatch;
use super::value::{At, RepositoryUid, Uid};
use crate::actions::forge::{self as action, Shown, Typed};
use crate::domain::forge::{Delivery, Forge as Domain, ToldMove};
use crate::domain::git::Oid;
use crate::domain::id::RepositoryId;
use crate::error::{Error, Result};

/// Deliveries that are shown.
const LAST: i64 = 50;

/// Where a repository's forge has it. The secrets aren't shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct Forge {
    pub repository_id: RepositoryUid,
    /// `github`, `gitlab`, `gitea` (Forgejo too), `bitbucket_cloud` or `bitbucket_dc`.
    pub kind: String,
    /// Where git fetches from.
    pub clone_url: String,
    /// Of the account that fetches over HTTPS.
    pub clone_login: Option<String>,
    /// Where the forge's webhook calls, below the address of this service.
    pub webhook_path: String,
    pub secret_since: At,
    /// An older secret holds too, until it is dropped.
    pub has_old_secret: bool,
    /// When the forge was last reached.
    pub looked_at: Option<At>,
    pub next_look_at: At,
    /// How often in a row it could not be reached.
    pub faults: i32,
    pub failing_since: Option<At>,
    /// What git said then.
    pub last_error: Option<String>,
    /// What the webhook brought last, newest first.
    pub deliveries: Vec<ForgeDelivery>,
    pub version: i64,
}

/// A call of the webhook. Its body isn't kept.
#[derive(Debug, Serialize, ToSchema)]
pub struct ForgeDelivery {
    /// As the forge calls it; null of what was refused.
    pub delivery_id: Option<String>,
    /// `push`, `Tag Push Hook`, `repo:push` …
    pub event: String,
    /// `waiting`, `taken`, `ignored` or `refused`.
    pub verdict: String,
    /// Why it was refused: `unsigned`, `wrong_signature` or `late`.
    pub reason: Option<String>,
    /// As the forge calls them.
    pub pusher: Option<String>,
    pub moves: Vec<ForgeMove>,
    pub received_at: At,
    pub settled_at: Option<At>,
}

/// A ref that moved, as the forge told it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ForgeMove {
    pub name: String,
    /// Null where the ref was made.
    pub before: Option<String>,
    /// Null where it was deleted.
    pub after: Option<String>,
}

impl ForgeDelivery {
    fn of(of: Delivery) -> Self {
        Self {
            delivery_id: of.delivery_id,
            event: of.event,
            verdict: of.verdict.to_string(),
            reason: of.doubt.map(|doubt| doubt.to_string()),
            pusher: of.pusher,
            moves: of.moves.into_iter().map(ForgeMove::of).collect(),
            received_at: At(of.received_at),
            settled_at: of.settled_at.map(At),
        }
    }
}

impl ForgeMove {
    fn of(of: ToldMove) -> Self {
        Self {
            name: of.name,
            before: of.before.as_ref().map(Oid::to_string),
            after: of.after.as_ref().map(Oid::to_string),
        }
    }
}

impl Forge {
    fn of(of: Domain, deliveries: Vec<Delivery>) -> Self {
        let look = of.standing.look;
        Self {
            repository_id: Uid(of.repository),
            kind: of.kind.to_string(),
            clone_url: of.clone_url.as_str().to_owned(),
            clone_login: of.clone_login.map(|login| login.name),
            webhook_path: format!("/api/v1/forge/{}", of.repository),
            secret_since: At(of.secret_since),
            has_old_secret: of.old_secret.is_some(),
            looked_at: look.looked_at.map(At),
            next_look_at: At(look.next_look_at),
            faults: look.faults,
            failing_since: look.failing_since.map(At),
            last_error: of.standing.last_error,
            deliveries: deliveries.into_iter().map(ForgeDelivery::of).collect(),
            version: of.version,
        }
    }
}

fn shown(shown: Shown) -> Result<Answer> {
    let forge = shown.forge.ok_or(Error::NotFound)?;
    let version = forge.version;
    Ok(Answer::ok(&Forge::of(forge, shown.deliveries))?.version(version))
}

/// Read a repository's forge
#[utoipa::path(get, path = "/api/v1/repositories/{id}/forge", tag = "git", responses((status = 200, description = "Where it is, and how the last looks went", body = Forge)))]
pub async fn read(call: Call<Nothing>) -> Reply {
    let id: RepositoryId = call.id("id")?;
    call.read(move |ctx| shown(action::read(ctx, id, LAST)?))
        .await
}

/// Where a repository's forge has it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewForge {
    /// `github`, `gitlab`, `gitea` (Forgejo too), `bitbucket_cloud` or `bitbucket_dc`.
    #[schema(example = "github")]
    kind: String,
    /// `https://`, `ssh://`, `file://`, or `user@host:path`. Never with a password in it.
    #[schema(example = "https://git.example.org/app.git")]
    clone_url: String,
    /// Of the account that fetches over HTTPS, if one is needed.
    clone_login: Option<String>,
    /// Its password or token. Left out, the one that is known stays.
    clone_password: Option<String>,
}

/// A forge, and its webhook's secret where that is new.
#[derive(Debug, Serialize, ToSchema)]
pub struct SetForge {
    pub forge: Forge,
    /// Shown this once. Null where it isn't new, or was shown.
    pub secret: Option<String>,
}

fn set_answer(forge: Domain, secret: Option<String>) -> Result<Answer> {
    let version = forge.version;
    let mut set = SetForge {
        forge: Forge::of(forge, Vec::new()),
        secret,
    };
    let answer = Answer::ok(&set)?.version(version);
    set.secret = None;
    answer.kept_as(&set)
}

/// Connect a repository with its forge
///
/// Or say that it is elsewhere now. The first time the answer carries the secret for the forge's webhook, this once.
#[utoipa::path(put, path = "/api/v1/repositories/{id}/forge", tag = "git", params(IfMatch), request_body = NewForge, responses((status = 200, description = "As it stands now", body = SetForge)))]
pub async fn set(call: Call<NewForge>) -> Reply {
    let (id, rev): (RepositoryId, _) = (call.id("id")?, call.rev);
    call.change(move |ctx, new| {
        let typed = Typed {
            kind: new.kind.clone(),
            clone_url: new.clone_url.clone(),
            clone_login: new.clone_login.clone().unwrap_or_default(),
            clone_password: new.clone_password.clone().unwrap_or_default(),
        };
        let (forge, secret) = action::set(ctx, id, rev, &typed)?;
        set_answer(forge, secret)
    })
    .await
}

/// End a repository's connection with its forge
///
/// Its webhook is turned away. What was recorded stays.
#[utoipa::path(delete, path = "/api/v1/repositories/{id}/forge", tag = "git", responses((status = 204, description = "It has none any more")))]
pub async fn remove(call: Call<Nothing>) -> Reply {
    let id: RepositoryId = call.id("id")?;
    call.change(move |ctx, _| {
        action::remove(ctx, id)?;
        Ok(Answer::nothing())
    })
    .await
}

/// The new secret.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSecret {
    /// One that the forge has made, of at least 16 characters. Left out, one is made here.
    secret: Option<String>,
}

/// Give a forge's webhook a new secret
///
/// The old one holds beside it until it is dropped.
#[utoipa::path(post, path = "/api/v1/repositories/{id}/forge/secret", tag = "git", request_body = NewSecret, responses((status = 200, description = "The new secret", body = SetForge)))]
pub async fn rotate(call: Call<NewSecret>) -> Reply {
    let id: RepositoryId = call.id("id")?;
    call.change(move |ctx, asked| {
        let own = asked.secret.as_deref().unwrap_or_default();
        let (forge, secret) = action::rotate(ctx, id, own)?;
        set_answer(forge, Some(secret))
    })
    .await
}

/// Drop the older secret of a forge's webhook
#[utoipa::path(post, path = "/api/v1/repositories/{id}/forge/drop-old-secret", tag = "git", responses((status = 204, description = "Only the newer one holds")))]
pub async fn drop_old_secret(call: Call<Nothing>) -> Reply {
    let id: RepositoryId = call.id("id")?;
    call.change(move |ctx, _| {
        action::drop_old_secret(ctx, id)?;
        Ok(Answer::nothing())
    })
    .await
}

/// Look at a forge now
///
/// Not only in some minutes, nor when it has been left alone long enough after it could not be reached.
#[utoipa::path(post, path = "/api/v1/repositories/{id}/forge/look", tag = "git", responses((status = 204, description = "It is next")))]
pub async fn look(call: Call<Nothing>) -> Reply {
    let id: RepositoryId = call.id("id")?;
    call.change(move |ctx, _| {
        action::look_now(ctx, id)?;
        Ok(Answer::nothing())
    })
    .await
}
