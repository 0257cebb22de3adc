//! Deployments: asked for and told by pipelines; what is live where, now and at any moment before.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::call::{Answer, Call, Nothing, Reply};
use super::deploy_queue::QueuedDeployment;
use super::paging::{Page, bad_cursor, limit};
use super::value::{At, Closed, DeploymentUid, Key, Number, PersonUid, ServiceUid, Uid, Word};
use crate::actions::deployment::{self as action, Asked};
use crate::actions::deployment_queue as queue;
use crate::actions::deployment_story::{self as story, Detail, Told};
use crate::actions::{self};
use crate::domain::access::{Action, Target};
use crate::domain::ancestry::Way;
use crate::domain::deployment::{
    Check, Deployment as Domain, Freshness, Revert, Source, Status, Step, Typed,
};
use crate::domain::id::{DeploymentId, Id};
use crate::error::Error;
use crate::store::deployment::Filter;
use crate::store::{self};

impl Closed for Status {
    const NAME: &'static str = "DeploymentStatus";
    const WORDS: &'static [Self] = Status::ALL;
}
impl Closed for Check {
    const NAME: &'static str = "DeploymentCheck";
    const WORDS: &'static [Self] = Check::ALL;
}
impl Closed for Step {
    const NAME: &'static str = "DeploymentStep";
    const WORDS: &'static [Self] = Step::ALL;
}
impl Closed for Source {
    const NAME: &'static str = "RevertSource";
    const WORDS: &'static [Self] = Source::ALL;
}
type DeploymentStatusWord = Word<Status>;
type DeploymentCheckWord = Word<Check>;
type DeploymentStepWord = Word<Step>;
type RevertSourceWord = Word<Source>;

/// A deployment.
#[derive(Debug, Serialize, ToSchema)]
pub struct Deployment {
    pub id: DeploymentUid,
    pub environment: String,
    pub service_id: ServiceUid,
    pub service: String,
    /// A region or a canary; empty if there is one target only.
    pub target: String,
    /// Its place among what was told of that environment, service and target, from 1, without gaps.
    pub seq: i64,
    pub source: String,
    pub source_event_id: String,
    pub version: String,
    /// The version that was live when it began.
    pub version_before: Option<String>,
    pub commit: Option<String>,
    pub artefact: Option<String>,
    pub revision: Option<String>,
    pub status: DeploymentStatusWord,
    /// What a check of its health said last.
    pub check: Option<DeploymentCheckWord>,
    /// How its version stands to the one before.
    pub step: DeploymentStepWord,
    pub is_live: bool,
    pub started_at: At,
    pub finished_at: Option<At>,
    /// Who told us.
    pub by: Option<PersonUid>,
    pub by_name: String,
    /// Who deployed, as the pipeline says.
    pub actor: Option<String>,
    pub url: Option<String>,
    /// The freeze in which it began.
    pub freeze: Option<String>,
    /// Why it went through that freeze.
    pub break_glass: Option<String>,
    /// The tickets that it carries.
    pub tickets: Vec<Key>,
}

impl Deployment {
    fn of(told: Told) -> Self {
        let it = told.deployment;
        Self {
            id: Uid(it.id),
            environment: it.lane.environment,
            service_id: Uid(it.lane.service),
            service: told.service,
            target: it.lane.target,
            seq: it.seq,
            source: it.source,
            source_event_id: it.source_event_id,
            version: it.version,
            version_before: told.before,
            commit: it.commit,
            artefact: it.artefact,
            revision: it.revision,
            status: Word(it.status),
            check: it.check.map(Word),
            step: Word(it.step),
            is_live: told.is_live,
            started_at: At(it.started_at),
            finished_at: it.finished_at.map(At),
            by: it.by.map(Uid),
            by_name: it.by_name,
            actor: it.actor,
            url: it.url,
            freeze: it.freeze,
            break_glass: it.glass,
            tickets: told.tickets.into_iter().map(|(key, _)| Key(key)).collect(),
        }
    }
}

/// How a deployment is taken back.
#[derive(Debug, Serialize, ToSchema)]
pub struct RevertLine {
    /// `template`: the service's own words. `artefact`: what was live before, by its digest. `git`: by its commits.
    pub from: RevertSourceWord,
    /// Commands, run from top to bottom.
    pub lines: Vec<String>,
    /// Files in which it collides with what came later; empty: it is clean. Null if nobody could try.
    pub conflicts: Option<Vec<String>>,
    /// Steps of a database's schema that came with it and have no down step. Null if nobody could try.
    pub irreversible: Option<Vec<String>>,
    /// When that was tried.
    pub checked_at: Option<At>,
}

impl RevertLine {
    pub fn of(revert: Revert, tried: Option<Freshness>) -> Self {
        let checked_at = tried.as_ref().map(|it| At(it.checked_at));
        let (conflicts, irreversible) = tried.map(|it| (it.conflicts, it.irreversible)).unzip();
        Self {
            from: Word(revert.from),
            lines: revert.lines,
            conflicts,
            irreversible,
            checked_at,
        }
    }
}

/// A deployment with what it brought.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeploymentDetail {
    pub deployment: Deployment,
    /// Commits that it brought, newest first; 50 at most. Null if nobody told us which they are.
    pub added: Option<Vec<DeployedCommit>>,
    pub added_count: usize,
    /// Commits that it took away.
    pub removed: Option<Vec<DeployedCommit>>,
    pub removed_count: usize,
    /// Null if nothing was live before, or too little is known of it.
    pub revert: Option<RevertLine>,
}

/// A commit of a deployment.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeployedCommit {
    pub oid: String,
    pub subject: String,
    pub author_name: String,
}

fn shown(detail: Detail) -> DeploymentDetail {
    let commits = |of: Vec<store::git_commit::RecordedCommit>| {
        let commit = |it: store::git_commit::RecordedCommit| DeployedCommit {
            oid: it.oid,
            subject: it.subject,
            author_name: it.author_name,
        };
        of.into_iter().map(commit).collect()
    };
    let is_known = detail.way.is_some();
    DeploymentDetail {
        deployment: Deployment::of(detail.told),
        added: is_known.then(|| commits(detail.added)),
        added_count: detail.added_count,
        removed: is_known.then(|| commits(detail.removed)),
        removed_count: detail.removed_count,
        revert: detail.revert.map(|it| RevertLine::of(it, detail.freshness)),
    }
}

/// A deployment, asked for or told.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDeployment {
    /// The service's name.
    #[schema(example = "web")]
    service: String,
    #[schema(example = "prod")]
    environment: String,
    #[serde(default)]
    target: String,
    #[schema(example = "4.12.0")]
    version: String,
    /// The commit that it was built from, at least seven digits of it.
    #[serde(default)]
    commit: String,
    /// The digest of what is deployed.
    #[serde(default)]
    artefact: String,
    /// What the deploying tool calls it, such as Helm's revision.
    #[serde(default)]
    revision: String,
    /// `started`, `succeeded`, `failed` or `rolled_back`.
    #[schema(example = "succeeded")]
    status: String,
    /// What a check of its health says now that it has ended: `green` or `red`. It may come later, and change.
    #[serde(default)]
    #[schema(example = "green")]
    check: String,
    /// When it began. Left out it begins now, and a freeze may refuse it; what began before is a fact and always taken.
    started_at: Option<At>,
    finished_at: Option<At>,
    /// Who deployed, as the pipeline knows them.
    #[serde(default)]
    actor: String,
    /// Where its run can be looked at.
    #[serde(default)]
    url: String,
    /// The change that it is of, such as `CHG-7`.
    #[serde(default)]
    change: String,
    /// Who tells; the token's name by default.
    #[serde(default)]
    source: String,
    /// What the source calls it. The same id again is the same deployment: its end, or nothing new.
    #[serde(default)]
    source_event_id: String,
    /// Why it can't wait for the end of a freeze or for an approval; at least ten characters. Somebody else reviews it.
    #[serde(default)]
    break_glass: String,
    /// With `break_glass`: when it went ahead without being asked for, because the service didn't answer. It is judged for that moment
    /// and always taken; if the teller may not break the glass, that stands on the record with it.
    decided_at: Option<At>,
    /// With `started`: what a freeze blocks waits for its end instead of being refused. Ask again with the same `source_event_id` to
    /// learn whether it may begin.
    #[serde(default)]
    when_open: bool,
}

/// What became of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeploymentVerdict {
    /// `accepted`; `warned` if it began in a freeze; `queued` if it waits. A refusal is a problem document.
    pub verdict: String,
    /// The freeze that it began in.
    pub freeze: Option<String>,
    /// The change that was opened for going through that freeze.
    pub emergency: Option<Key>,
    /// The incident that the glass was broken for: the one that was open, or else one that was opened.
    pub incident: Option<Key>,
    /// False if it was told before.
    pub is_news: bool,
    /// Null while it waits.
    pub deployment: Option<Deployment>,
    /// What it waits for; null if it doesn't.
    pub queued: Option<QueuedDeployment>,
}

/// Record a deployment
///
/// Asks for one that begins now, or tells of one that has begun or ended. The first call for a `source_event_id` answers 201, others
/// 200. A freeze or a missing approval refuses what would begin now with 422; the problem says until when. With `when_open` what a
/// freeze blocks is queued and answered with 202.
#[utoipa::path(post, path = "/api/v1/deployments", tag = "deployments", request_body = NewDeployment, responses((status = 201, description = "Recorded", body = DeploymentVerdict), (status = 202, description = "Queued", body = DeploymentVerdict), (status = 200, description = "Known already, as it stands now", body = DeploymentVerdict)))]
pub async fn record(call: Call<NewDeployment>) -> Reply {
    call.change(|ctx, new| {
        ctx.as_one(
            |ctx| {
                let typed = Typed {
                    service: new.service.clone(),
                    environment: new.environment.clone(),
                    target: new.target.clone(),
                    version: new.version.clone(),
                    commit: new.commit.clone(),
                    artefact: new.artefact.clone(),
                    revision: new.revision.clone(),
                    status: new.status.clone(),
                    check: new.check.clone(),
                    started_at: new.started_at.map(|at| at.0),
                    finished_at: new.finished_at.map(|at| at.0),
                    actor: new.actor.clone(),
                    url: new.url.clone(),
                    change: new.change.clone(),
                    source: new.source.clone(),
                    source_event_id: new.source_event_id.clone(),
                    break_glass: new.break_glass.clone(),
                    decided_at: new.decided_at.map(|at| at.0),
                    when_open: new.when_open,
                };
                let recorded = match action::ask(ctx, typed)? {
                    Asked::Recorded(recorded) => recorded,
                    Asked::Waits { queued, is_first } => {
                        let answer = Answer::ok(&DeploymentVerdict {
                            verdict: "queued".to_owned(),
                            freeze: None,
                            emergency: None,
                            incident: None,
                            is_news: is_first,
                            deployment: None,
                            queued: Some(QueuedDeployment::of(queue::told(ctx, queued)?)),
                        })?;
                        return Ok(answer.not_yet());
                    }
                };
                let id = recorded.deployment.id;
                let told = ctx.read(|conn| story::told(conn, vec![recorded.deployment.clone()]))?;
                let told = told.into_iter().next().ok_or(Error::NotFound)?;
                let verdict = DeploymentVerdict {
                    verdict: match recorded.deployment.freeze {
                        Some(_) => "warned".to_owned(),
                        None => "accepted".to_owned(),
                    },
                    freeze: recorded.deployment.freeze,
                    emergency: recorded.emergency.map(Key),
                    incident: recorded.incident.map(Key),
                    is_news: recorded.is_news,
                    deployment: Some(Deployment::of(told)),
                    queued: None,
                };
                match recorded.is_first {
                    true => Answer::created(format!("/api/v1/deployments/{id}"), &verdict),
                    false => Answer::ok(&verdict),
                }
            },
            |_, _| Ok(()),
        )
    })
    .await
}

/// Which deployments.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    environment: Option<String>,
    /// A service's id.
    service: Option<ServiceUid>,
    status: Option<DeploymentStatusWord>,
    /// Items of the page, 1 to 200; 50 by default.
    #[param(value_type = Option<i64>)]
    limit: Option<Number>,
    /// `next` of the page before.
    after: Option<String>,
}

/// List deployments
///
/// Newest first.
#[utoipa::path(get, path = "/api/v1/deployments", tag = "deployments", params(Wanted), responses((status = 200, description = "A page", body = Page<Deployment>)))]
pub async fn list(call: Call<Nothing>) -> Reply {
    let wanted: Wanted = call.query()?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ReadTickets, Target::House)?;
        let most = limit(wanted.limit)?;
        let after: Option<DeploymentId> = match &wanted.after {
            Some(text) => Some(Id::parse(text).ok_or_else(bad_cursor)?),
            None => None,
        };
        let page = ctx.read(|conn| {
            story::known_environment(conn, wanted.environment.as_deref())?;
            let after = match after {
                Some(id) => {
                    let known = store::deployment::by_id(conn, id)?.ok_or_else(bad_cursor)?;
                    Some((known.started_at, known.id))
                }
                None => None,
            };
            let filter = Filter {
                environment: wanted.environment.clone(),
                service: wanted.service.map(|id| id.0),
                status: wanted.status.map(|status| status.0),
                after,
            };
            let mut found = store::deployment::list(conn, &filter, most + 1)?;
            let is_last = found.len() as i64 <= most;
            found.truncate(most as usize);
            let next = found
                .last()
                .filter(|_| !is_last)
                .map(|it| it.id.to_string());
            let told = story::told(conn, found)?;
            Ok(Page {
                items: told.into_iter().map(Deployment::of).collect(),
                next,
            })
        })?;
        Answer::ok(&page)
    })
    .await
}

/// Read a deployment
#[utoipa::path(get, path = "/api/v1/deployments/{id}", tag = "deployments", responses((status = 200, description = "The deployment", body = DeploymentDetail)))]
pub async fn read(call: Call<Nothing>) -> Reply {
    let id: DeploymentId = call.id("id")?;
    call.read(move |ctx| Answer::ok(&shown(story::read(ctx, id)?)))
        .await
}

/// Where and when.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WantedLive {
    environment: Option<String>,
    /// An instant; now by default.
    at: Option<At>,
}

/// What is live.
#[derive(Debug, Serialize, ToSchema)]
pub struct Live {
    pub at: At,
    /// One for each environment, service and target that anything was ever deployed to.
    pub items: Vec<Deployment>,
}

/// Read what is live where
///
/// Now, or at any moment before.
#[utoipa::path(get, path = "/api/v1/live", tag = "deployments", params(WantedLive), responses((status = 200, description = "What is live", body = Live)))]
pub async fn live(call: Call<Nothing>) -> Reply {
    let wanted: WantedLive = call.query()?;
    call.read(move |ctx| {
        let at = wanted.at.map(|at| at.0);
        let told = story::live(ctx, wanted.environment.as_deref(), at)?;
        Answer::ok(&Live {
            at: At(at.unwrap_or(ctx.now)),
            items: told.into_iter().map(Deployment::of).collect(),
        })
    })
    .await
}

/// Of what, and between which moments.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WantedDiff {
    /// The service's name or id.
    service: String,
    environment: String,
    from: At,
    /// Now by default.
    to: Option<At>,
}

/// How a service changed between two moments.
#[derive(Debug, Serialize, ToSchema)]
pub struct LiveDiff {
    /// One for each target.
    pub targets: Vec<TargetDiff>,
}

/// How one target changed.
#[derive(Debug, Serialize, ToSchema)]
pub struct TargetDiff {
    pub target: String,
    /// Null: nothing was live.
    pub version_from: Option<String>,
    pub version_to: Option<String>,
    /// `forward`, `back`, `sideways` or `same`, by the commits; null if they aren't known.
    pub way: Option<String>,
    pub added_count: usize,
    pub removed_count: usize,
    /// What was deployed in between, oldest first.
    pub steps: Vec<Deployment>,
    pub tickets: Vec<Key>,
}

const fn way(way: Way) -> &'static str {
    match way {
        Way::Same => "same",
        Way::Forward => "forward",
        Way::Back => "back",
        Way::Sideways => "sideways",
    }
}

/// Compare what was live
///
/// What is different between two moments: versions, deployments and tickets.
#[utoipa::path(get, path = "/api/v1/live/diff", tag = "deployments", params(WantedDiff), responses((status = 200, description = "The difference", body = LiveDiff)))]
pub async fn diff(call: Call<Nothing>) -> Reply {
    let wanted: WantedDiff = call.query()?;
    call.read(move |ctx| {
        let to = wanted.to.map_or(ctx.now, |at| at.0);
        let changes = story::diff(ctx, &wanted.service, &wanted.environment, wanted.from.0, to)?;
        let version = |it: &Option<Domain>| it.as_ref().map(|it| it.version.clone());
        let targets = changes.into_iter().map(|it| TargetDiff {
            version_from: version(&it.from),
            version_to: version(&it.to),
            target: it.lane.target,
            way: it.way.map(|it| way(it).to_owned()),
            added_count: it.added_count,
            removed_count: it.removed_count,
            steps: it.steps.into_iter().map(Deployment::of).collect(),
            tickets: it.tickets.into_iter().map(|(key, _)| Key(key)).collect(),
        });
        Answer::ok(&LiveDiff {
            targets: targets.collect(),
        })
    })
    .await
}
