//! Freezes: the windows in which changes don't begin, and the question whether one may begin now.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::call::{Answer, Call, Nothing, Reply};
use super::paging::{Page, Paging};
use super::ticket::IfMatch;
use super::value::{At, ChangeSortWord, FreezeUid, RiskWord, ServiceUid, Uid, Word, given};
use crate::actions::freeze as action;
use crate::domain::access::{Action, Target};
use crate::domain::freeze::{
    Asked as Wanted, Details, Freeze as Domain, Scope, Sort, TypeLevels as OwnLevels, Typed,
    TypedLevels,
};
use crate::domain::id::{FreezeId, ServiceId};
use crate::domain::refusal::FieldError;
use crate::error::{Error, Result};
use crate::store::{self, Conn};

/// What a window says to one type of change instead of its level: `warn`, `approve`, `block`, or `exempt` for nothing. Null: its
/// level. A type counts once the change was approved as such.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TypeLevels {
    pub normal: Option<String>,
    /// A deployment in the lane of a standing change is one too.
    pub standard: Option<String>,
    #[schema(example = "exempt")]
    pub emergency: Option<String>,
}

impl TypeLevels {
    pub fn of(known: &OwnLevels) -> Self {
        let word = |own: Option<_>| own.as_ref().map(ToString::to_string);
        Self {
            normal: word(known.normal),
            standard: word(known.standard),
            emergency: word(known.emergency),
        }
    }

    pub(super) fn typed(&self) -> TypedLevels<'_> {
        TypedLevels {
            normal: self.normal.as_deref().unwrap_or_default(),
            standard: self.standard.as_deref().unwrap_or_default(),
            emergency: self.emergency.as_deref().unwrap_or_default(),
        }
    }
}

/// A window in which changes don't begin, or not without approval.
#[derive(Debug, Serialize, ToSchema)]
pub struct Freeze {
    pub id: FreezeUid,
    pub name: String,
    /// IANA name of the zone whose wall clock the window is written in.
    pub zone: String,
    /// `2026-12-20 00:00` for once; `Fri 00:00` for every week; `third Sat 00:00`, `last day 18:00` or `day 28 00:00` for every month;
    /// `20 Dec 00:00` for every year.
    pub from: String,
    /// The first such time after the start. Of a freeze the first minute in which changes begin again.
    pub to: String,
    /// `deny`: nothing begins inside it. `allow`: where there are such windows, changes begin only inside them.
    #[schema(example = "deny")]
    pub kind: String,
    /// `warn`, `approve` or `block`.
    pub level: String,
    pub type_levels: TypeLevels,
    /// Empty: the whole house.
    pub services: Vec<ServiceUid>,
    /// Empty: where customers are, the first of the house's list.
    pub environments: Vec<String>,
    /// It is only for what is at least so risky, and for what nobody has judged. Null: for everything.
    pub min_risk: Option<RiskWord>,
    /// It is only for pushes to refs that one of these patterns fits, such as `refs/heads/release/*`. Empty: for whatever begins.
    pub refs: Vec<String>,
    /// So long before each occurrence the people whom it concerns get a letter. Null: none.
    pub announce_secs: Option<i64>,
    pub is_active: bool,
    /// Of the event of a calendar file that it was made from: the next such file changes it.
    pub source_uid: Option<String>,
    pub version: i64,
}

impl Freeze {
    pub(super) fn of(of: &Domain) -> Self {
        Self {
            id: Uid(of.id),
            name: of.name.clone(),
            zone: of.zone.name().to_owned(),
            from: of.when.from(),
            to: of.when.to(),
            kind: of.sort.to_string(),
            level: of.level.to_string(),
            type_levels: TypeLevels::of(&of.types),
            services: of.scope.services.iter().map(|id| Uid(*id)).collect(),
            environments: of.scope.environments.clone(),
            min_risk: of.scope.min_risk.map(Word),
            refs: of.scope.refs.clone(),
            announce_secs: of.announce_secs,
            is_active: of.is_active,
            source_uid: of.source_uid.clone(),
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
    /// A service's id or its name. Without one only windows for the whole house count.
    service: Option<String>,
    /// An environment; where customers are by default.
    env: Option<String>,
    /// Of what risk; unjudged by default, which every window is for.
    #[param(value_type = Option<String>)]
    risk: Option<RiskWord>,
    /// Of what type the change was approved as; of none by default, which is told what all are told.
    #[serde(rename = "type")]
    #[param(value_type = Option<String>)]
    kind: Option<ChangeSortWord>,
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

/// By its id, or by the name that people know it by.
fn service(conn: &mut Conn, text: &str) -> Result<ServiceId> {
    let text = text.trim();
    let by_id = match ServiceId::parse(text) {
        Some(id) => store::house::service(conn, id)?.map(|it| it.id),
        None => None,
    };
    let found = match by_id {
        Some(id) => Some(id),
        None => store::house::service_by_name(conn, text)?,
    };
    let unknown = || FieldError::new("service", "unknown-service-name");
    Ok(found.ok_or_else(|| unknown().with("value", text.to_owned()))?)
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
        let state = ctx.read(|conn| {
            let services: Vec<ServiceId> = match &asked.service {
                Some(text) => vec![service(conn, text)?],
                None => Vec::new(),
            };
            let known = store::house::environments(conn)?;
            let production = known.first().map_or("", String::as_str);
            let environment = asked.env.as_deref().unwrap_or(production);
            if environment != production && !known.iter().any(|it| it == environment) {
                return Err(FieldError::new("env", "unknown-environment")
                    .with("value", environment.to_owned())
                    .with("known", known.join(", "))
                    .into());
            }
            let wanted = Wanted {
                services: &services,
                environment,
                is_production: environment == production,
                risk: asked.risk.map(|word| word.0),
                sort: asked.kind.map(|word| word.0),
            };
            action::state(conn, &wanted, at)
        })?;
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
    /// `deny` by default.
    #[schema(example = "deny")]
    kind: Option<String>,
    /// Of a freeze; a maintenance window has none.
    #[schema(example = "block")]
    level: Option<String>,
    type_levels: Option<TypeLevels>,
    services: Option<Vec<ServiceUid>>,
    environments: Option<Vec<String>>,
    min_risk: Option<RiskWord>,
    #[serde(default)]
    refs: Vec<String>,
    /// A minute to fourteen days.
    #[schema(example = 86400)]
    announce_secs: Option<i64>,
    /// True by default.
    is_active: Option<bool>,
}

/// As a length is typed.
pub(super) fn seconds(secs: Option<i64>) -> String {
    secs.map_or_else(String::new, |secs| format!("{secs} s"))
}

/// What is wrong, at the fields of this interface.
pub(super) fn invalid(mut faults: Vec<FieldError>) -> Error {
    for fault in faults.iter_mut().filter(|it| it.field == "announce") {
        fault.field = "announce_secs".into();
    }
    Error::Invalid(faults)
}

/// Make a freeze
#[utoipa::path(post, path = "/api/v1/freezes", tag = "freezes", request_body = NewFreeze, responses((status = 201, description = "Made", body = Freeze)))]
pub async fn add(call: Call<NewFreeze>) -> Reply {
    call.change(|ctx, new| {
        action::may_keep(ctx)?;
        let announce = seconds(new.announce_secs);
        let typed = Typed {
            name: &new.name,
            zone: &new.zone,
            from: &new.from,
            to: &new.to,
            sort: new.kind.as_deref().unwrap_or(Sort::Deny.as_str()),
            level: new.level.as_deref().unwrap_or_default(),
            types: new
                .type_levels
                .as_ref()
                .map(TypeLevels::typed)
                .unwrap_or_default(),
            announce: &announce,
        };
        let scope = Scope {
            services: new.services.iter().flatten().map(|id| id.0).collect(),
            environments: new.environments.clone().unwrap_or_default(),
            min_risk: new.min_risk.map(|word| word.0),
            refs: new.refs.clone(),
        };
        let details = Details::check(&typed, scope, new.is_active.unwrap_or(true));
        let freeze = action::add(ctx, &details.map_err(invalid)?)?;
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
    kind: Option<String>,
    level: Option<String>,
    /// All three together: a type that isn't named is told what all are told.
    type_levels: Option<TypeLevels>,
    services: Option<Vec<ServiceUid>>,
    environments: Option<Vec<String>>,
    /// Null: for everything again.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    min_risk: Option<Option<RiskWord>>,
    refs: Option<Vec<String>>,
    /// Null: not announced any more.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<i64>)]
    announce_secs: Option<Option<i64>>,
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
        let announce = seconds(asked.announce_secs.unwrap_or(known.announce_secs));
        let typed = Typed {
            name: asked.name.as_deref().unwrap_or(&known.name),
            zone: asked.zone.as_deref().unwrap_or(known.zone.name()),
            from: asked.from.as_deref().unwrap_or(&from),
            to: asked.to.as_deref().unwrap_or(&to),
            sort: asked.kind.as_deref().unwrap_or(known.sort.as_str()),
            level: asked.level.as_deref().unwrap_or(known.level.as_str()),
            types: match &asked.type_levels {
                Some(levels) => levels.typed(),
                None => TypedLevels::from(&known.types),
            },
            announce: &announce,
        };
        let scope = Scope {
            services: match &asked.services {
                Some(services) => services.iter().map(|id| id.0).collect(),
                None => known.scope.services.clone(),
            },
            environments: match &asked.environments {
                Some(names) => names.clone(),
                None => known.scope.environments.clone(),
            },
            min_risk: match asked.min_risk {
                Some(risk) => risk.map(|word| word.0),
                None => known.scope.min_risk,
            },
            refs: asked.refs.as_ref().unwrap_or(&known.scope.refs).clone(),
        };
        let details = Details::check(&typed, scope, asked.is_active.unwrap_or(known.is_active));
        let details = details.map_err(invalid)?;
        shown(&action::edit(
            ctx,
            id,
            rev.unwrap_or(known.version),
            &details,
        )?)
    })
    .await
}
