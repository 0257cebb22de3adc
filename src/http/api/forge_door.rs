//! The door for the webhooks of forges. Whoever signs with the secret of the repository in the address is let in; nobody else
//! learns anything, not even whether there is such a repository.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::{StatusCode, header};
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::call::{Reply, gather_any};
use super::problem::Failure;
use crate::actions::forge as action;
use crate::app::{App, Ctx};
use crate::domain::forge::Verdict;
use crate::domain::id::RepositoryId;
use crate::domain::timeline::Door;
use crate::error::Error;
use crate::http::viewer::on_pool;
use crate::intake::forge::{Event, HEADERS, Sent, check, delivery_id, read};

/// The largest body. A push of 2,000 commits is 3 MB; what is told of a greater one the forge's own refs tell too.
const BODY_BYTES: usize = 8 * 1024 * 1024;

/// A webhook's call as it came.
pub struct Incoming {
    app: web::Data<App>,
    id: Option<RepositoryId>,
    sent: Sent,
}

impl FromRequest for Incoming {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = std::result::Result<Self, Failure>>>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let req = req.clone();
        let payload = payload.take();
        Box::pin(async move {
            let app = req.app_data::<web::Data<App>>().cloned();
            let app = app.ok_or_else(|| Error::internal("the server has no app"))?;
            let value = |name: &&'static str| {
                let value = req.headers().get(*name)?.to_str().ok()?;
                Some((*name, value.to_owned()))
            };
            let body = gather_any(payload, BODY_BYTES).await?;
            Ok(Self {
                app,
                id: RepositoryId::parse(req.match_info().get("id").unwrap_or_default()),
                sent: Sent {
                    headers: HEADERS.iter().filter_map(value).collect(),
                    body: body.to_vec(),
                },
            })
        })
    }
}

/// What became of a delivery.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryAnswer {
    /// `taken`: it is kept, and looked at within moments. `ignored`: it isn't about branches or tags. `known`: it came before.
    pub verdict: &'static str,
}

/// Take a webhook of a forge
///
/// For GitHub, GitLab, Gitea, Forgejo and Bitbucket. No token: the call is signed with the secret that the repository's page showed
/// once, as that forge signs. What it says is kept before it is answered, and is a reason to fetch, nothing more.
#[utoipa::path(post, path = "/api/v1/forge/{id}", tag = "git", responses((status = 202, description = "Kept, or not for us", body = DeliveryAnswer)), security(()))]
pub async fn receive(incoming: Incoming) -> Reply {
    let Incoming { app, id, sent } = incoming;
    let judged = on_pool(Box::new(move || {
        judge(&app.system("forge", Door::Git), id, &sent)
    }));
    let verdict = judged.await??;
    let answer = DeliveryAnswer { verdict };
    Ok(HttpResponse::build(StatusCode::ACCEPTED)
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(answer))
}

fn judge(
    ctx: &Ctx<'_>,
    id: Option<RepositoryId>,
    sent: &Sent,
) -> std::result::Result<&'static str, Failure> {
    let id = id.ok_or(Failure::NotSigned)?;
    let forge = action::expected(ctx, id)?.ok_or(Failure::NotSigned)?;
    let mut secrets = vec![forge.secret.as_str()];
    secrets.extend(forge.old_secret.as_deref());
    if let Err(doubt) = check(forge.kind, sent, &secrets, ctx.now) {
        action::refuse(ctx, id, doubt)?;
        return Err(Failure::NotSigned);
    }
    let (event, said) = read(forge.kind, sent);
    let (pusher, moves) = match said {
        Event::Moves { pusher, moves } => (pusher, Some(moves)),
        Event::Ping | Event::Other => (None, None),
    };
    let arrived = action::Arrived {
        delivery_id: delivery_id(forge.kind, sent),
        event,
        pusher,
        moves,
    };
    Ok(match action::take(ctx, id, &arrived)? {
        Verdict::Waiting => "taken",
        Verdict::Ignored => "ignored",
        Verdict::Taken | Verdict::Refused => "known",
    })
}
