//! An incident's fixes: what landed, what is live, and whether it is over.

use serde::Serialize;
use utoipa::ToSchema;

use super::call::{Answer as Reply, Call, Nothing, Reply as Replied};
use super::step::Why;
use super::ticket::{Ticket, changed};
use super::value::{At, DeploymentUid, RepositoryUid, Uid};
use crate::actions::fix::{self as action, Proposal, Shown};

/// What mends an incident, as far as commits said so (`Fixes: INC-7`).
#[derive(Debug, Serialize, ToSchema)]
pub struct Fixes {
    /// In the order in which they landed.
    pub fixes: Vec<FixOf>,
    /// That it may be over; null if nothing speaks for it, or somebody has said that it isn't.
    pub proposal: Option<FixProposal>,
}

/// A fix: once for all commits that are the same work, however often it was rebased or cherry-picked.
#[derive(Debug, Serialize, ToSchema)]
pub struct FixOf {
    pub repository_id: RepositoryUid,
    pub commit: String,
    pub subject: String,
    /// When it was published.
    pub landed_at: At,
    /// Whoever pushed it may resolve the incident.
    pub may_resolve: bool,
    /// The last deployment that brought it to production.
    pub deployment_id: Option<DeploymentUid>,
    pub live_at: Option<At>,
    /// Since when it isn't live any more.
    pub gone_at: Option<At>,
    /// When somebody found that the incident isn't over by it, and who.
    pub declined_at: Option<At>,
    pub declined_by: Option<String>,
}

impl FixOf {
    fn of(it: Shown) -> Self {
        Self {
            repository_id: Uid(it.commit.repository),
            commit: it.commit.oid,
            subject: it.commit.subject,
            landed_at: At(it.fix.landed_at),
            may_resolve: it.fix.may_resolve,
            deployment_id: it.fix.deployment_id.map(Uid),
            live_at: it.fix.live_at.map(At),
            gone_at: it.fix.gone_at.map(At),
            declined_at: it.fix.declined_at.map(At),
            declined_by: it.fix.declined_by,
        }
    }
}

/// What speaks for an incident being over.
#[derive(Debug, Serialize, ToSchema)]
pub struct FixProposal {
    /// The commits that are live and that nobody has judged.
    pub commits: Vec<String>,
    /// Fixes that landed and aren't live.
    pub missing: usize,
    pub deployment_id: DeploymentUid,
    #[schema(example = "web 4.12.1")]
    pub what: String,
    #[schema(example = "prod")]
    pub place: String,
    pub live_at: At,
}

impl FixProposal {
    fn of(it: Proposal) -> Self {
        Self {
            commits: it.fixes.into_iter().map(|it| it.commit.oid).collect(),
            missing: it.missing,
            deployment_id: Uid(it.deployment),
            what: it.what,
            place: it.place,
            live_at: At(it.live_at),
        }
    }
}

/// Read an incident's fixes
///
/// A commit that closes an incident doesn't resolve it: that it may be over is proposed once a deployment has brought the fix to
/// production.
#[utoipa::path(get, path = "/api/v1/tickets/{key}/fixes", tag = "deployments", responses((status = 200, description = "What landed, and what is live", body = Fixes)))]
pub async fn read(call: Call<Nothing>) -> Replied {
    let key = call.ticket("key")?;
    call.read(move |ctx| {
        let (fixes, proposal) = action::read(ctx, key)?;
        Reply::ok(&Fixes {
            fixes: fixes.into_iter().map(FixOf::of).collect(),
            proposal: proposal.map(FixProposal::of),
        })
    })
    .await
}

/// Say that it isn't over
///
/// What is live of its fixes doesn't help, or not enough: the proposal is withdrawn until another fix is live.
#[utoipa::path(post, path = "/api/v1/tickets/{key}/fixes/decline", tag = "deployments", request_body = Why, responses((status = 200, description = "Noted", body = Ticket)))]
pub async fn decline(call: Call<Why>) -> Replied {
    let key = call.ticket("key")?;
    call.change(move |ctx, said| changed(ctx.app, &action::decline(ctx, key, &said.why)?))
        .await
}
