//! Deployments that wait for a freeze to lift.

use serde::Serialize;
use utoipa::ToSchema;

use super::call::{Answer, Call, Nothing, Reply};
use super::paging::{Page, Paging};
use super::value::{At, Closed, DeploymentUid, Key, PersonUid, QueuedUid, ServiceUid, Uid, Word};
use crate::actions::deployment_queue::{self as action, Line};
use crate::domain::deploy_queue::{Reason, State};
use crate::domain::id::QueuedId;

impl Closed for State {
    const NAME: &'static str = "QueuedState";
    const WORDS: &'static [Self] = State::ALL;
}
impl Closed for Reason {
    const NAME: &'static str = "QueuedReason";
    const WORDS: &'static [Self] = Reason::ALL;
}
type QueuedStateWord = Word<State>;
type QueuedReasonWord = Word<Reason>;

/// A deployment that waits, or waited.
#[derive(Debug, Serialize, ToSchema)]
pub struct QueuedDeployment {
    pub id: QueuedUid,
    pub environment: String,
    pub service_id: ServiceUid,
    pub service: String,
    pub target: String,
    pub version: String,
    pub commit: Option<String>,
    /// The change that it is of.
    pub change: Option<Key>,
    /// Who asks, and under which id: the same again asks whether it may begin.
    pub source: String,
    pub source_event_id: String,
    pub state: QueuedStateWord,
    /// What it waits for; null unless it is `waiting`. `go`, `overtaken` and `before_failed` want a person's word.
    pub reason: Option<QueuedReasonWord>,
    /// The window's name, or the refusal in words.
    pub detail: String,
    /// When it may begin, as far as is known.
    pub opens_at: Option<At>,
    pub queued_at: At,
    pub by: Option<PersonUid>,
    pub by_name: String,
    pub actor: Option<String>,
    pub url: Option<String>,
    /// Who said go last, and when.
    pub go_name: Option<String>,
    pub go_at: Option<At>,
    pub released_at: Option<At>,
    pub ended_at: Option<At>,
    /// Who withdrew it, or the version that took its place.
    pub ended_name: Option<String>,
    /// What it became.
    pub deployment_id: Option<DeploymentUid>,
}

impl QueuedDeployment {
    pub fn of(line: Line) -> Self {
        let it = line.queued;
        Self {
            id: Uid(it.id),
            environment: it.lane.environment,
            service_id: Uid(it.lane.service),
            service: line.service,
            target: it.lane.target,
            version: it.version,
            commit: it.commit,
            change: line.ticket.map(Key),
            source: it.source,
            source_event_id: it.source_event_id,
            state: Word(it.state),
            reason: (it.state == State::Waiting).then_some(Word(it.reason)),
            detail: it.detail,
            opens_at: it.opens_at.map(At),
            queued_at: At(it.queued_at),
            by: it.by.map(Uid),
            by_name: it.by_name,
            actor: it.actor,
            url: it.url,
            go_name: it.go_name,
            go_at: it.go_at.map(At),
            released_at: it.released_at.map(At),
            ended_at: it.ended_at.map(At),
            ended_name: it.ended_name,
            deployment_id: it.deployment.map(Uid),
        }
    }
}

/// List the deployments that wait
///
/// First come first; with those that were let go and haven't begun.
#[utoipa::path(get, path = "/api/v1/deployment-queue", tag = "deployments", params(Paging), responses((status = 200, description = "A page", body = Page<QueuedDeployment>)))]
pub async fn list(call: Call<Nothing>) -> Reply {
    let paging: Paging = call.query()?;
    call.read(move |ctx| {
        let all = action::list(ctx)?;
        Answer::ok(&paging.cut(all, |it| it.queued.id.to_string(), QueuedDeployment::of)?)
    })
    .await
}

/// Read a deployment that waits or waited
#[utoipa::path(get, path = "/api/v1/deployment-queue/{id}", tag = "deployments", responses((status = 200, description = "As it stands now", body = QueuedDeployment)))]
pub async fn read(call: Call<Nothing>) -> Reply {
    let id: QueuedId = call.id("id")?;
    call.read(move |ctx| Answer::ok(&QueuedDeployment::of(action::read(ctx, id)?)))
        .await
}

/// Let a deployment go
///
/// What only a person's word keeps is free to begin; a freeze, a missing approval and the gap to the one before still keep it.
#[utoipa::path(post, path = "/api/v1/deployment-queue/{id}/go", tag = "deployments", responses((status = 200, description = "As it stands now", body = QueuedDeployment)))]
pub async fn go(call: Call<Nothing>) -> Reply {
    let id: QueuedId = call.id("id")?;
    call.change(move |ctx, _| Answer::ok(&QueuedDeployment::of(action::go(ctx, id)?)))
        .await
}

/// Take a deployment out of the queue
#[utoipa::path(post, path = "/api/v1/deployment-queue/{id}/withdraw", tag = "deployments", responses((status = 200, description = "As it stands now", body = QueuedDeployment)))]
pub async fn withdraw(call: Call<Nothing>) -> Reply {
    let id: QueuedId = call.id("id")?;
    call.change(move |ctx, _| Answer::ok(&QueuedDeployment::of(action::withdraw(ctx, id)?)))
        .await
}
