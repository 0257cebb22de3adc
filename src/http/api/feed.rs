//! Signs of life of what tells us of changes.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Answer, Call, Reply};
use super::value::At;
use crate::actions::feed::{self, Typed};

/// A sign of life.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHeartbeat {
    /// What is alive, by the name that it gives as the source of its deployments.
    #[schema(example = "terraform")]
    source: String,
    #[schema(example = "prod")]
    environment: String,
    /// It says so again within so many seconds: 60 to 2,592,000.
    #[schema(example = 14_400)]
    every_secs: i64,
    /// Names or ids of services of whose changes it tells: those that have neither deployments nor a repository here. They take the
    /// place of those that were named before.
    #[serde(default)]
    #[schema(example = json!(["web"]))]
    services: Vec<String>,
}

/// The last sign of life.
#[derive(Debug, Serialize, ToSchema)]
pub struct Heartbeat {
    pub source: String,
    pub environment: String,
    pub last_at: At,
    pub every_secs: i64,
}

/// Say that a feed is alive
///
/// What tells of deployments says that it works and has told of everything: that it told of none means that there was none. While it
/// speaks as often as it says, "no change" of an incident counts as ruled out; when it falls silent, it doesn't. Of a service that was
/// never deployed or pushed here it vouches if it names it.
#[utoipa::path(post, path = "/api/v1/heartbeats", tag = "deployments", request_body = NewHeartbeat, responses((status = 200, description = "Noted", body = Heartbeat)))]
pub async fn beat(call: Call<NewHeartbeat>) -> Reply {
    call.change(|ctx, new| {
        let typed = Typed {
            source: new.source.clone(),
            environment: new.environment.clone(),
            every_secs: new.every_secs,
            services: new.services.clone(),
        };
        let kept = feed::beat(ctx, &typed)?;
        Answer::ok(&Heartbeat {
            source: kept.source,
            environment: kept.environment,
            last_at: At(kept.last_at),
            every_secs: kept.every_secs,
        })
    })
    .await
}
