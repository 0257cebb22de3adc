//! Freezes: the windows in which changes don't begin, and the question whether one may begin now.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::call::{Answer, Call, Nothing, Reply};
use super::paging::{Page, Paging};
use super::ticket::IfMatch;
use super::value::{At, FreezeUid, ServiceUid, Uid};
use crate::actions::freeze as action;
use crate::domain::access::{Action, Target};
use crate::domain::freeze::{Details, Freeze as Domain};
use crate::domain::id::FreezeId;
use crate::error::{Error, Result};

/// A window in which changes don't begin, or not without approval.
#[derive(Debug, Serialize, ToSchema)]
pub struct Freeze {
    pub id: FreezeUid,
    pub name: String,
    /// IANA name of the zone whose wall clock the window is written in.
    pub zone: String,
    /// `Fri 00:00` for every week, `2026-12-20 00:00` for once.
    pub from: String,
    /// The first minute in which changes begin again.
    pub to: String,
    /// `warn`, `approve` or `block`.
    pub level: String,
    /// Empty: the whole house.
    pub services: Vec<ServiceUid>,
    pub is_active: bool,
    pub version: i64,
}

impl Freeze {
    fn of(of: &Domain) -> Self {
        Self {
            id: Uid(of.id),
            name: of.name.clone(),
            zone: of.zone.name().to_owned(),
            from: of.when.from(),
            to: of.when.to(),
            level: of.level.to_string(),
            services: of.services.iter().map(|id| Uid(*id)).collect(),
            is_active: of.is_active,
            version: of.version,
        }
    }
}

fn shown(freeze: &Domain) -> Result<Answer> {
    Ok(Answer::ok(&Freeze::of(freeze))?.version(freeze.version))
}

/// Of which services and when.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// A service's id. Without one only windows for the whole house count.
    service: Option<ServiceUid>,
    /// An instant; now by default.
    at: Option<At>,
}

/// How it stands.
#[derive(Debug, Serialize, ToSchema)]
pub struct FreezeState {
    /// `open`, or `warn`, `approve`, `block`: what the severest window asks.
    pub state: String,
    pub at: At,
    /// The name of the window that counts.
    pub window: Option<String>,
    pub window_id: Option<FreezeUid>,
    /// When that window ends.
    pub until: Option<At>,
    /// From when on nothing blocks; `at` itself if nothing does then. Absent: not in sight.
    pub next_open: Option<At>,
}

/// Ask whether changes may begin
///
/// For pipelines: `state` is `block` while a window forbids them.
#[utoipa::path(get, path = "/api/v1/freeze", tag = "freezes", params(Asked), responses((status = 200, description = "How it stands", body = FreezeState)))]
pub async fn state(call: Call<Nothing>) -> Reply {
    let asked: Asked = call.query()?;
    call.read(move |ctx| {
        crate::actions::allow(&ctx.by, Action::ReadHouse, Target::House)?;
        let at = asked.at.map_or(ctx.now, |at| at.0);
        let services: Vec<_> = asked.service.iter().map(|it| it.0).collect();
        let state = ctx.read(|conn| action::state(conn, &services, at))?;
        Answer::ok(&FreezeState {
            state: match state.level {
                Some(level) => level.to_string(),
                None => "open".to_owned(),
            },
            at: At(at),
            window: state.window.as_ref().map(|(_, name)| name.clone()),
            window_id: state.window.as_ref().map(|(id, _)| Uid(*id)),
            until: state.until.map(At),
            next_open: state.next_open.map(At),
        })
    })
    .await
}

/// List freezes
#[utoipa::path(get, path = "/api/v1/freezes", tag = "freezes", params(Paging), responses((status = 200, description = "A page", body = Page<Freeze>)))]
pub async fn list(call: Call<Nothing>) -> Reply {
    let paging: Paging = call.query()?;
    call.read(move |ctx| {
        let all = action::list(ctx)?;
        Answer::ok(&paging.cut(all, |it| it.id.to_string(), |it| Freeze::of(&it))?)
    })
    .await
}

/// Read a freeze
#[utoipa::path(get, path = "/api/v1/freezes/{id}", tag = "freezes", responses((status = 200, description = "The window", body = Freeze)))]
pub async fn read(call: Call<Nothing>) -> Reply {
    let id: FreezeId = call.id("id")?;
    call.read(move |ctx| shown(&action::read(ctx, id)?)).await
}

/// A new window.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewFreeze {
    name: String,
    #[schema(example = "Europe/Stockholm")]
    zone: String,
    #[schema(example = "Fri 00:00")]
    from: String,
    #[schema(example = "Mon 07:00")]
    to: String,
    #[schema(example = "block")]
    level: String,
    services: Option<Vec<ServiceUid>>,
    /// True by default.
    is_active: Option<bool>,
}

/// Make a freeze
#[utoipa::path(post, path = "/api/v1/freezes", tag = "freezes", request_body = NewFreeze, responses((status = 201, description = "Made", body = Freeze)))]
pub async fn add(call: Call<NewFreeze>) -> Reply {
    call.change(|ctx, new| {
        action::may_keep(ctx)?;
        let services = new.services.iter().flatten().map(|id| id.0).collect();
        let details = Details::check(
            &new.name,
            &new.zone,
            (&new.from, &new.to),
            &new.level,
            services,
            new.is_active.unwrap_or(true),
        );
        let freeze = action::add(ctx, &details.map_err(Error::Invalid)?)?;
        let place = format!("/api/v1/freezes/{}", freeze.id);
        Ok(Answer::created(place, &Freeze::of(&freeze))?.version(freeze.version))
    })
    .await
}

/// What changes; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FreezeEdit {
    name: Option<String>,
    zone: Option<String>,
    from: Option<String>,
    to: Option<String>,
    level: Option<String>,
    services: Option<Vec<ServiceUid>>,
    is_active: Option<bool>,
}

/// Edit a freeze
///
/// One that isn't active stays on the list and asks nothing of anybody.
#[utoipa::path(patch, path = "/api/v1/freezes/{id}", tag = "freezes", params(IfMatch), request_body = FreezeEdit, responses((status = 200, description = "As it stands now", body = Freeze)))]
pub async fn edit(call: Call<FreezeEdit>) -> Reply {
    let (id, rev): (FreezeId, _) = (call.id("id")?, call.rev);
    call.change(move |ctx, asked| {
        action::may_keep(ctx)?;
        let known = action::read(ctx, id)?;
        let (from, to) = (known.when.from(), known.when.to());
        let details = Details::check(
            asked.name.as_deref().unwrap_or(&known.name),
            asked.zone.as_deref().unwrap_or(known.zone.name()),
            (
                asked.from.as_deref().unwrap_or(&from),
                asked.to.as_deref().unwrap_or(&to),
            ),
            asked.level.as_deref().unwrap_or(known.level.as_str()),
            match &asked.services {
                Some(services) => services.iter().map(|id| id.0).collect(),
                None => known.services.clone(),
            },
            asked.is_active.unwrap_or(known.is_active),
        );
        let details = details.map_err(Error::Invalid)?;
        shown(&action::edit(
            ctx,
            id,
            rev.unwrap_or(known.version),
            &details,
        )?)
    })
    .await
}
