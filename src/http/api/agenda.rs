//! The calendar of changes: what is planned, which windows are open, and what conflicts with what.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::call::{Answer, Call, Nothing, Reply};
use super::freeze::TypeLevels;
use super::value::{At, FreezeUid, Key, PersonUid, RiskWord, ServiceUid, StateWord, Uid, Word};
use crate::actions::agenda as action;
use crate::domain::agenda::Item;
use crate::domain::conflict;
use crate::domain::freeze::Standing;
use crate::domain::refusal::FieldError;
use crate::domain::worktime::Interval;

/// Days of a calendar if nobody says until when.
const USUAL_DAYS: i64 = 14;

/// Of which time.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// Now by default.
    from: Option<At>,
    /// At most 92 days after it; two weeks by default.
    until: Option<At>,
}

/// What happens in some days.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangeCalendar {
    pub from_at: At,
    pub until_at: At,
    /// Changes with a time that are open and that you may read, by their start.
    pub changes: Vec<PlannedChange>,
    /// Freezes and maintenance windows, each time that they are open.
    pub windows: Vec<OpenWindow>,
}

/// A change with a time.
#[derive(Debug, Serialize, ToSchema)]
pub struct PlannedChange {
    pub key: Key,
    pub title: String,
    pub state: StateWord,
    pub starts_at: At,
    /// Its start, if nobody said how long it takes.
    pub ends_at: At,
    pub services: Vec<ServiceUid>,
    pub owner_id: Option<PersonUid>,
    pub risk: Option<RiskWord>,
    /// What is in its way; it bakes for half an hour after its end.
    pub conflicts: Vec<Conflict>,
}

/// One thing that is in the way of a change.
#[derive(Debug, Serialize, ToSchema)]
pub struct Conflict {
    /// `same_service`, `upstream_busy`, `downstream_busy`, `shared_infra`, `same_assignee`, `in_freeze`, `outside_maintenance`,
    /// `exceeds_maintenance`, `open_incident` or `unreviewed_emergency`.
    #[schema(example = "same_service")]
    pub code: &'static str,
    /// What it means for its start: `warn`, `approve` or `block`. Null: its window says.
    pub level: Option<&'static str>,
    /// The ticket that is.
    pub with: Option<Key>,
    /// The name of the window that is.
    pub window: Option<String>,
}

impl Conflict {
    fn of(of: &conflict::Conflict, levels: &conflict::Levels) -> Self {
        let level = Some(levels.of(of.code)).filter(|_| !of.code.is_by_window());
        Self {
            code: of.code.as_str(),
            level: level.map(|it| it.as_str()),
            with: of.with.map(Key),
            window: Some(of.window.clone()).filter(|name| !name.is_empty()),
        }
    }
}

/// A window, one of the times that it is open.
#[derive(Debug, Serialize, ToSchema)]
pub struct OpenWindow {
    pub id: FreezeUid,
    pub name: String,
    /// `deny` or `allow`.
    pub kind: &'static str,
    pub type_levels: TypeLevels,
    pub from_at: At,
    pub until_at: At,
}

fn change(of: &Item, levels: &conflict::Levels) -> PlannedChange {
    let planned = &of.planned;
    PlannedChange {
        key: Key(planned.key),
        title: planned.title.clone(),
        state: Word(of.state),
        starts_at: At(planned.starts_at),
        ends_at: At(planned.ends_at),
        services: planned.services.iter().map(|id| Uid(*id)).collect(),
        owner_id: planned.owner.map(Uid),
        risk: planned.risk.map(Word),
        conflicts: of
            .conflicts
            .iter()
            .map(|it| Conflict::of(it, levels))
            .collect(),
    }
}

fn window(of: Standing<'_>) -> OpenWindow {
    OpenWindow {
        id: Uid(of.freeze.id),
        name: of.freeze.name.clone(),
        kind: of.freeze.sort.as_str(),
        type_levels: TypeLevels::of(&of.freeze.types),
        from_at: At(of.from),
        until_at: At(of.until),
    }
}

/// Read the calendar of changes
///
/// What is planned, with what is in its way, and when windows are open.
#[utoipa::path(get, path = "/api/v1/calendar", tag = "freezes", params(Asked), responses((status = 200, description = "What happens then", body = ChangeCalendar)))]
pub async fn read(call: Call<Nothing>) -> Reply {
    let asked: Asked = call.query()?;
    call.read(move |ctx| {
        let from = asked.from.map_or(ctx.now, |at| at.0);
        let usual = from.plus_secs(USUAL_DAYS * 86_400);
        let until = asked.until.map_or(usual, |at| at.0);
        if until <= from {
            return Err(FieldError::new("until", "end-before-start").into());
        }
        if until > from.plus_secs(action::MOST_DAYS * 86_400) {
            let most = action::MOST_DAYS.to_string();
            return Err(FieldError::new("until", "period-too-long")
                .with("max", most)
                .into());
        }
        let agenda = action::read(ctx, Interval::new(from, until))?;
        Answer::ok(&ChangeCalendar {
            from_at: At(from),
            until_at: At(until),
            changes: agenda
                .items
                .iter()
                .map(|it| change(it, &agenda.levels))
                .collect(),
            windows: agenda.windows().into_iter().map(window).collect(),
        })
    })
    .await
}
