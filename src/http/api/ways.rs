//! How people are reached, and their shifts in their own calendars.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Answer, Call, Nothing, Reply};
use super::value::{ChannelWord, Word};
use crate::actions::{self, oncall, people as action};
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::delivery::Channel;
use crate::domain::id::{PersonId, TeamId};
use crate::domain::refusal::FieldError;
use crate::error::{Error, Fields, Result};
use crate::store;

/// How somebody is reached, in the order in which pages try. None: by their mail address.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Ways {
    ways: Vec<Way>,
}

/// One way.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Way {
    channel: ChannelWord,
    /// A mail address or a web address.
    #[schema(example = "+4670000000@sms.example.org")]
    address: String,
}

fn shown(ctx: &Ctx<'_>, person: PersonId) -> Result<Answer> {
    let ways = ways_now(ctx, person)?;
    Answer::ok(&Ways { ways })
}

fn ways_now(ctx: &Ctx<'_>, person: PersonId) -> Result<Vec<Way>> {
    let ways = ctx.read(|conn| {
        store::people::person(conn, person)?.ok_or(Error::NotFound)?;
        store::people::ways(conn, person)
    })?;
    let ways = ways.into_iter().map(|way| Way {
        channel: Word(way.channel),
        address: way.address,
    });
    Ok(ways.collect())
}

/// The token's owner; a machine isn't reached.
fn own(ctx: &Ctx<'_>) -> Result<PersonId> {
    ctx.by.person().ok_or(Error::NotFound)
}

fn parsed(asked: &Ways) -> Result<Vec<(Channel, String)>> {
    let mut fields = Fields::new();
    let mut ways = Vec::new();
    for (place, way) in asked.ways.iter().enumerate() {
        let field = || format!("ways.{place}.address");
        let read = action::parse_way(way.channel.0, &way.address);
        let read = read.and_then(|way| way.ok_or_else(|| FieldError::new("", "required")));
        ways.extend(fields.take(read.map_err(|error| FieldError {
            field: field().into(),
            ..error
        })));
    }
    fields.check()?;
    Ok(ways)
}

/// The fields of the form have other names.
fn renamed(error: Error) -> Error {
    match error {
        Error::Invalid(mut faults) => {
            for fault in &mut faults {
                fault.field = "ways".into();
            }
            Error::Invalid(faults)
        }
        other => other,
    }
}

/// Read how you are reached
///
/// The token's owner.
#[utoipa::path(get, path = "/api/v1/me/ways", tag = "on-call", responses((status = 200, description = "Their ways", body = Ways)))]
pub async fn own_ways(call: Call<Nothing>) -> Reply {
    call.read(|ctx| {
        actions::allow(&ctx.by, Action::ReadHouse, Target::House)?;
        shown(ctx, own(ctx)?)
    })
    .await
}

/// Set how you are reached
///
/// The token's owner, by exactly these ways in this order. Try them with a test page. With the first webhook comes the secret that
/// signs its calls.
#[utoipa::path(put, path = "/api/v1/me/ways", tag = "on-call", request_body = Ways, responses((status = 200, description = "As they stand now", body = OwnWays)))]
pub async fn set_own_ways(call: Call<Ways>) -> Reply {
    call.change(|ctx, asked| {
        let person = own(ctx)?;
        let signing_secret = action::set_ways(ctx, &parsed(asked)?).map_err(renamed)?;
        let now = |signing_secret| {
            let ways = ways_now(ctx, person)?;
            Ok::<_, Error>(OwnWays {
                ways,
                signing_secret,
            })
        };
        Answer::ok(&now(signing_secret)?)?.kept_as(&now(None)?)
    })
    .await
}

/// Your own ways as they stand now.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnWays {
    ways: Vec<Way>,
    /// Signs the calls to your webhooks (Standard Webhooks). Shown this once, when it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    signing_secret: Option<String>,
}

/// What signs the calls to your own webhooks.
#[derive(Debug, Serialize, ToSchema)]
pub struct SigningSecret {
    /// Null when the call is repeated with its `Idempotency-Key`: it was shown.
    signing_secret: Option<String>,
}

/// Make the secret that signs pages to your webhooks
///
/// Shown this once; the one before signs nothing any more. Each call to your own webhooks carries `webhook-id`,
/// `webhook-timestamp` and `webhook-signature` (Standard Webhooks).
#[utoipa::path(post, path = "/api/v1/me/signing-secret", tag = "on-call", responses((status = 201, description = "Made", body = SigningSecret)))]
pub async fn make_signing_secret(call: Call<Nothing>) -> Reply {
    call.change(|ctx, _| {
        let made = SigningSecret {
            signing_secret: Some(action::renew_signing_secret(ctx)?),
        };
        let kept = SigningSecret {
            signing_secret: None,
        };
        Answer::created("/api/v1/me/ways".to_owned(), &made)?.kept_as(&kept)
    })
    .await
}

/// Read how a person is reached
#[utoipa::path(get, path = "/api/v1/people/{id}/ways", tag = "house", responses((status = 200, description = "Their ways", body = Ways)))]
pub async fn ways(call: Call<Nothing>) -> Reply {
    let id: PersonId = call.id("id")?;
    call.read(move |ctx| {
        actions::allow(&ctx.by, Action::ManagePeople, Target::House)?;
        shown(ctx, id)
    })
    .await
}

/// Set how a person is reached
///
/// By exactly these ways in this order. The audit says who did it.
#[utoipa::path(put, path = "/api/v1/people/{id}/ways", tag = "house", request_body = Ways, responses((status = 200, description = "As they stand now", body = Ways)))]
pub async fn set_ways(call: Call<Ways>) -> Reply {
    let id: PersonId = call.id("id")?;
    call.change(move |ctx, asked| {
        actions::allow(&ctx.by, Action::ManagePeople, Target::House)?;
        action::set_ways_of(ctx, id, &parsed(asked)?).map_err(renamed)?;
        shown(ctx, id)
    })
    .await
}

/// The address of a calendar; whoever has it reads what is in it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Feed {
    /// Null when the call is repeated with its `Idempotency-Key`: it was shown.
    url: Option<String>,
}

/// Make your calendar of a team's shifts
///
/// An address for calendar programs, shown this once. One that was made before stops working.
#[utoipa::path(post, path = "/api/v1/teams/{id}/feed", tag = "on-call", responses((status = 201, description = "Made", body = Feed)))]
pub async fn make_feed(call: Call<Nothing>) -> Reply {
    let team: TeamId = call.id("id")?;
    made_feed(call, Some(team)).await
}

async fn made_feed(call: Call<Nothing>, team: Option<TeamId>) -> Reply {
    call.change(move |ctx, _| {
        let token = oncall::renew_feed(ctx, team)?;
        let base = actions::settings::in_force(ctx.app)?.public_url;
        let path = format!("/feed/{token}.ics");
        let url = format!("{}{path}", base.unwrap_or_default());
        let made = Answer::created(path, &Feed { url: Some(url) })?;
        made.kept_as(&Feed { url: None })
    })
    .await
}

/// End your calendar of a team's shifts
#[utoipa::path(delete, path = "/api/v1/teams/{id}/feed", tag = "on-call", responses((status = 204, description = "Its address stopped working")))]
pub async fn end_feed(call: Call<Nothing>) -> Reply {
    let team: TeamId = call.id("id")?;
    ended_feed(call, Some(team)).await
}

async fn ended_feed(call: Call<Nothing>, team: Option<TeamId>) -> Reply {
    call.change(move |ctx, _| {
        oncall::revoke_feed(ctx, team)?;
        Ok(Answer::nothing())
    })
    .await
}

/// Make your calendar of changes
///
/// An address for calendar programs: windows, and changes with a time. Shown this once; one that was made before stops working.
#[utoipa::path(post, path = "/api/v1/calendar/feed", tag = "freezes", responses((status = 201, description = "Made", body = Feed)))]
pub async fn make_changes_feed(call: Call<Nothing>) -> Reply {
    made_feed(call, None).await
}

/// End your calendar of changes
#[utoipa::path(delete, path = "/api/v1/calendar/feed", tag = "freezes", responses((status = 204, description = "Its address stopped working")))]
pub async fn end_changes_feed(call: Call<Nothing>) -> Reply {
    ended_feed(call, None).await
}
