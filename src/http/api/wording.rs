//! Wordings: texts for customers that the house has agreed on.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Answer, Call, Nothing, Reply};
use super::paging::{Page, Paging};
use super::ticket::IfMatch;
use super::value::{At, Uid, WordingUid};
use crate::actions::{allow, wording as action};
use crate::domain::access::{Action, Target};
use crate::domain::id::WordingId;
use crate::domain::wording::Wording as Domain;
use crate::error::Result;

/// A text that goes out as it stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct Wording {
    pub id: WordingUid,
    pub name: String,
    /// With its places: `{ticket}`, `{title}`, `{service}`, `{me}`, and `{next_update}`, which is filled when it is sent.
    pub body: String,
    /// Retired ones are kept, and can't be sent.
    pub is_active: bool,
    pub made_at: At,
    pub version: i64,
}

impl Wording {
    fn of(of: Domain) -> Self {
        Self {
            id: Uid(of.id),
            name: of.name,
            body: of.body,
            is_active: of.is_active,
            made_at: At(of.made_at),
            version: of.version,
        }
    }
}

fn shown(wording: Domain) -> Result<Answer> {
    let version = wording.version;
    Ok(Answer::ok(&Wording::of(wording))?.version(version))
}

/// List wordings
///
/// Retired ones too.
#[utoipa::path(get, path = "/api/v1/wordings", tag = "house", params(Paging), responses((status = 200, description = "A page", body = Page<Wording>)))]
pub async fn list(call: Call<Nothing>) -> Reply {
    let paging: Paging = call.query()?;
    call.read(move |ctx| {
        let all = action::list(ctx)?;
        Answer::ok(&paging.cut(all, |it| it.id.to_string(), Wording::of)?)
    })
    .await
}

/// Read a wording
#[utoipa::path(get, path = "/api/v1/wordings/{id}", tag = "house", responses((status = 200, description = "The wording", body = Wording)))]
pub async fn read(call: Call<Nothing>) -> Reply {
    let id: WordingId = call.id("id")?;
    call.read(move |ctx| shown(action::read(ctx, id)?)).await
}

/// A new text.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWording {
    name: String,
    /// A place that there isn't is refused, with those that there are.
    #[schema(example = "We are on {ticket}. You hear from us by {next_update}. {me}")]
    body: String,
}

/// Add a wording
#[utoipa::path(post, path = "/api/v1/wordings", tag = "house", request_body = NewWording, responses((status = 201, description = "Added", body = Wording)))]
pub async fn add(call: Call<NewWording>) -> Reply {
    call.change(|ctx, new| {
        let typed = action::Typed {
            name: new.name.clone(),
            body: new.body.clone(),
            is_active: true,
        };
        let wording = action::add(ctx, &typed)?;
        let (version, place) = (wording.version, format!("/api/v1/wordings/{}", wording.id));
        Ok(Answer::created(place, &Wording::of(wording))?.version(version))
    })
    .await
}

/// What changes; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WordingEdit {
    name: Option<String>,
    body: Option<String>,
    /// False retires it.
    is_active: Option<bool>,
}

/// Change or retire a wording
#[utoipa::path(patch, path = "/api/v1/wordings/{id}", tag = "house", params(IfMatch), request_body = WordingEdit, responses((status = 200, description = "As it stands now", body = Wording)))]
pub async fn edit(call: Call<WordingEdit>) -> Reply {
    let (id, rev): (WordingId, _) = (call.id("id")?, call.rev);
    call.change(move |ctx, asked| {
        allow(&ctx.by, Action::ManageSettings, Target::House)?;
        let known = action::read(ctx, id)?;
        let typed = action::Typed {
            name: asked.name.clone().unwrap_or(known.name),
            body: asked.body.clone().unwrap_or(known.body),
            is_active: asked.is_active.unwrap_or(known.is_active),
        };
        shown(action::edit(ctx, id, rev.or(Some(known.version)), &typed)?)
    })
    .await
}
