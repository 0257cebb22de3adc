//! The doors for git hooks. Their token opens these and nothing else, and only for its own repository.

use actix_web::web::{Bytes, BytesMut, Data, Path, Payload};
use actix_web::{HttpResponse, http::StatusCode};
use futures_util::TryStreamExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use crate::actions::git::{self, Settled, Verdict};
use crate::actions::live_tag::Live;
use crate::actions::{push_verdict, repository_gap};
use crate::app::App;
use crate::domain::access::{Principal, TokenOwner};
use crate::domain::id::{RepositoryId, TicketKey};
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::timeline::Door;
use crate::error::Error;
use crate::http::reply::{self, Failure};
use crate::http::viewer::{Program, run_as};
use crate::intake::push::{LiveBody, PushAnswer, PushBody, TicketAnswer, TipBody, tips_hash};
use crate::intake::push_gap::ComparedBody;
use crate::intake::push_verdict::{AskAnswer, AskBody, KeyBody, SignedBody};
use crate::{render, secrets, store};

/// A part of a push is 1,000 commits with at most 100 paths each; this is far above what they come to.
const BODY_BYTES: usize = 32 * 1024 * 1024;

/// Whether a key names a ticket, and how that stands. Nothing of its content: a repository can't read tickets.
#[derive(Debug, Serialize, ToSchema)]
pub struct VerdictBody {
    pub key: String,
    /// `known` or `unknown`.
    pub verdict: &'static str,
    pub kind: Option<&'static str>,
    pub state: Option<&'static str>,
    pub is_open: Option<bool>,
    /// For whoever sets a hook up: whose signature its repository goes by.
    pub pin: KeyBody,
}

impl VerdictBody {
    fn of(verdict: &Verdict, pin: KeyBody) -> Self {
        let ticket = verdict.ticket.as_ref();
        Self {
            key: verdict.key.to_string(),
            verdict: if ticket.is_some() { "known" } else { "unknown" },
            kind: ticket.map(|ticket| ticket.key.kind.as_str()),
            state: ticket.map(|ticket| ticket.state.as_str()),
            is_open: ticket.map(|ticket| ticket.is_open()),
            pin,
        }
    }
}

/// What a commit-msg hook asks before a message becomes history.
#[utoipa::path(
    get,
    path = "/api/v1/keys/{key}/verdict",
    tag = "git",
    params(("key" = String, Path, description = "A ticket's key, such as `CHG-7`")),
    responses((status = 200, description = "Whether the key names a ticket", body = VerdictBody)),
    security(("token" = []))
)]
pub async fn verdict(
    app: Data<App>,
    program: Program,
    key: Path<String>,
) -> Result<HttpResponse, Failure> {
    let from = repository_of(&program)?;
    let key: TicketKey = key.parse().map_err(|()| {
        Error::from(FieldError::new("key", "not-a-key").with("value", key.clone()))
    })?;
    let verdict = run_as(&app, program.principal, Door::Git, move |ctx| {
        git::verdict(ctx, from, key)
    })
    .await?;
    Ok(reply::bare(StatusCode::OK).json(VerdictBody::of(&verdict, pin_of(&app, from))))
}

/// What a post-receive hook tells: a push, or a part of a great one. Durable when it is answered; telling it again changes
/// nothing.
#[utoipa::path(
    post,
    path = "/api/v1/hook/post-receive",
    tag = "git",
    request_body = PushBody,
    responses((status = 200, description = "Recorded", body = PushAnswer)),
    security(("token" = []))
)]
pub async fn post_receive(
    app: Data<App>,
    program: Program,
    payload: Payload,
) -> Result<HttpResponse, Failure> {
    let from = repository_of(&program)?;
    let body: PushBody = read(payload).await?;
    let push = body.read().map_err(Error::from)?;
    let believed = push.tips_hash.clone();
    let settled = run_as(&app, program.principal, Door::Git, move |ctx| {
        git::record_push(ctx, from, &push)
    })
    .await?;
    Ok(reply::bare(StatusCode::OK).json(answer(settled, believed)))
}

/// What a pre-receive hook asks before refs move. Asked again with the same id, it does nothing a second time.
#[utoipa::path(
    post,
    path = "/api/v1/hook/pre-receive",
    tag = "git",
    request_body = AskBody,
    responses((status = 200, description = "The verdict", body = AskAnswer)),
    security(("token" = []))
)]
pub async fn pre_receive(
    app: Data<App>,
    program: Program,
    payload: Payload,
) -> Result<HttpResponse, Failure> {
    let from = repository_of(&program)?;
    let body: AskBody = read(payload).await?;
    let push = body.read().map_err(Error::from)?;
    let answer = run_as(&app, program.principal, Door::Git, move |ctx| {
        let decided = push_verdict::decide(ctx, from, &push)?;
        let settings = ctx.read(store::settings::all)?;
        let url = ctx.app.config.public_url.clone().or(settings.public_url);
        let mut message = render::push::lines(&decided.verdict, decided.ticket, url.as_deref());
        let incident = decided.incident;
        message.extend(incident.map(|key| render::push::incident(key, url.as_deref())));
        let mut answer = AskAnswer::of(
            &decided.verdict,
            message,
            decided.ticket,
            decided.tips,
            &decided.memory,
        );
        answer.signed = signed(ctx.app, from, &answer)?;
        Ok(answer)
    })
    .await?;
    Ok(reply::bare(StatusCode::OK).json(answer))
}

/// What a hook tells after it has compared its refs with those that are recorded: which of them moved unheard. The next push that brings
/// them fills the gap.
#[utoipa::path(
    post,
    path = "/api/v1/hook/compared",
    tag = "git",
    request_body = ComparedBody,
    responses((status = 204, description = "Noted")),
    security(("token" = []))
)]
pub async fn compared(
    app: Data<App>,
    program: Program,
    payload: Payload,
) -> Result<HttpResponse, Failure> {
    let from = repository_of(&program)?;
    let body: ComparedBody = read(payload).await?;
    let gaps = body.read().map_err(Error::from)?;
    run_as(&app, program.principal, Door::Git, move |ctx| {
        repository_gap::compared(ctx, from, &gaps)
    })
    .await?;
    Ok(reply::bare(StatusCode::NO_CONTENT).finish())
}

/// What a hook pins: whose signature it goes by, and for whom.
fn pin_of(app: &App, from: RepositoryId) -> KeyBody {
    KeyBody {
        key: secrets::hook_public_key(&app.signing_key),
        repository: from.to_string(),
    }
}

fn signed(app: &App, from: RepositoryId, answer: &AskAnswer) -> Result<Option<SignedBody>, Error> {
    let text = serde_json::to_string(&answer.snapshot)
        .map_err(|error| Error::internal(format!("a snapshot: {error}")))?;
    let key = pin_of(app, from);
    Ok(Some(SignedBody {
        signature: secrets::sign_for_hook(&app.signing_key, &key.repository, &text),
        text,
        key,
    }))
}

fn answer(settled: Settled, believed: Option<String>) -> PushAnswer {
    let differs = believed.is_some_and(|believed| believed != tips_hash(&settled.tips));
    PushAnswer {
        new_commits: settled.new_commits,
        tickets: settled
            .named
            .into_iter()
            .map(|named| TicketAnswer {
                key: named.key.to_string(),
                relation: named.relation.to_string(),
                commits: named.commits,
                did: named.did.map(|did| did.to_string()),
            })
            .collect(),
        live: settled.live.into_iter().map(live).collect(),
        unclear: settled.unclear,
        unknown: settled.unknown.iter().map(TicketKey::to_string).collect(),
        recorded_tips: differs.then(|| {
            settled
                .tips
                .into_iter()
                .map(|(name, oid)| TipBody { name, oid })
                .collect()
        }),
    }
}

fn live(live: Live) -> LiveBody {
    LiveBody {
        tag: live.tag,
        service: live.service,
        environment: live.environment,
        version: live.version,
        freeze: live.freeze,
    }
}

/// Whose hooks these are. Tokens of people and machines aren't for this door.
fn repository_of(program: &Program) -> Result<RepositoryId, Failure> {
    match &program.principal {
        Principal::Token {
            owner: TokenOwner::Repository(id),
            ..
        } => Ok(*id),
        Principal::Token { .. }
        | Principal::Person { .. }
        | Principal::Contact { .. }
        | Principal::System(_) => {
            Err(Error::Forbidden(Refusal::new("needs-repository-token")).into())
        }
    }
}

async fn read<T: DeserializeOwned>(payload: Payload) -> Result<T, Failure> {
    let bytes = all_of(payload).await?;
    Ok(serde_json::from_slice(&bytes).map_err(|error| {
        Error::from(FieldError::new("body", "not-json").with("why", error.to_string()))
    })?)
}

async fn all_of(mut payload: Payload) -> Result<Bytes, Failure> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = payload
        .try_next()
        .await
        .map_err(|error| Failure::from_body(&error))?
    {
        if bytes.len() + chunk.len() > BODY_BYTES {
            return Err(Failure::too_big(BODY_BYTES));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}
