//! A working calendar to look at: its week, the dates that differ, who counts in it, and every version there was.

use actix_web::{HttpRequest, web};
use askama::Template;

use super::calendar_view::{CalendarView, DAYS, day_name, view};
use super::inputs::{Answer, id_of};
use super::terms::{VersionLine, differences, version_lines};
use crate::actions::calendar as action;
use crate::actions::{self, allow};
use crate::app::{App, Ctx};
use crate::domain::access::{Action, Target as Of};
use crate::domain::calendar_text::{exceptions_text, ranges_text};
use crate::domain::holidays;
use crate::domain::id::CalendarId;
use crate::domain::sla_book::{CalendarVersion, KnownCalendar};
use crate::error::{Error, Result};
use crate::http::form::Posted;
use crate::http::page::{Page, Viewer};
use crate::http::reply;
use crate::store;
use crate::words::Words;

#[derive(Template)]
#[template(path = "agreement/calendar.html")]
struct CalendarPage {
    p: Page,
    id: String,
    is_active: bool,
    look: CalendarView,
    /// Agreements and teams that count in it.
    users: Vec<(String, String)>,
    versions: Vec<VersionLine>,
    may_edit: bool,
}

/// `GET /calendars/{id}`
pub async fn show(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
) -> Answer {
    let id: CalendarId = id_of(&id)?;
    let (known, users) = viewer.run(&app, move |ctx| load(ctx, id)).await?;
    let p = Page::titled(&req, known.name.clone());
    let (_, holds) = known.at(p.now).ok_or(Error::NotFound)?;
    let days = holidays::days_of(&holds.holidays, holidays::years());
    let look = view(&p, holds.own.weekly(), &holds.calendar, &holds.own, &days);
    let words = p.words;
    let versions = version_lines(&known.layers, p.now, |before, after| {
        changes(before, after, words)
    });
    let may_edit = p.may(Action::ManageAgreements);
    reply::page(&CalendarPage {
        id: known.id.to_string(),
        is_active: known.is_active,
        look,
        users,
        versions,
        may_edit,
        p,
    })
}

type Loaded = (KnownCalendar, Vec<(String, String)>);

fn load(ctx: &Ctx<'_>, id: CalendarId) -> Result<Loaded> {
    allow(&ctx.by, Action::ReadHouse, Of::House)?;
    ctx.read(|conn| {
        let book = actions::sla::book(ctx.app, conn)?;
        let known = book.calendar(id).cloned().ok_or(Error::NotFound)?;
        let counts = |agreement: &&crate::domain::sla_agreement::Agreement| {
            let mut calendars = agreement.targets.iter().flat_map(|it| it.calendars());
            calendars.any(|calendar| calendar == id)
        };
        let mut users: Vec<(String, String)> = book
            .agreements()
            .iter()
            .filter(counts)
            .map(|it| (format!("/agreements/{}", it.id), it.name.clone()))
            .collect();
        let teams = store::house::teams(conn)?.into_iter();
        users.extend(
            teams
                .filter(|team| team.is_active && team.calendar_id == Some(id))
                .map(|team| (format!("/teams/{}", team.id), team.name)),
        );
        Ok((known, users))
    })
}

/// What a version changed, in lines.
fn changes(before: &CalendarVersion, after: &CalendarVersion, words: &Words) -> Vec<String> {
    let mut changes = Vec::new();
    let mut pair = |label: String, before: &str, after: &str| {
        if before != after {
            let none = words.t("calendar-closed");
            let shown = |text: &str| match text {
                "" => none.to_string(),
                text => text.to_owned(),
            };
            changes.push(format!("{label}: {} → {}", shown(before), shown(after)));
        }
    };
    pair(words.t("name").into_owned(), &before.name, &after.name);
    pair(
        words.t("calendar-zone").into_owned(),
        before.own.zone().name(),
        after.own.zone().name(),
    );
    for day in 0..DAYS.len() {
        pair(
            day_name(words, day),
            &ranges_text(&before.own.weekly()[day]),
            &ranges_text(&after.own.weekly()[day]),
        );
    }
    let names = |codes: &[String]| -> Vec<String> {
        codes
            .iter()
            .map(|code| holidays::set(code).map_or_else(|| code.clone(), |set| set.name()))
            .collect()
    };
    changes.extend(differences(
        &names(&before.holidays),
        &names(&after.holidays),
    ));
    if before.holidays == after.holidays && before.holiday_data != after.holiday_data {
        changes.push(
            words
                .with(
                    "holidays-renewed",
                    &[("source", after.holiday_data.as_str().into())],
                )
                .into_owned(),
        );
    }
    let lines = |version: &CalendarVersion| -> Vec<String> {
        exceptions_text(version.own.exceptions())
            .lines()
            .map(str::to_owned)
            .collect()
    };
    changes.extend(differences(&lines(before), &lines(after)));
    changes
}

/// `POST /calendars/{id}/delete`
pub async fn delete(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    _posted: Posted,
) -> Answer {
    let id: CalendarId = id_of(&id)?;
    viewer
        .run(&app, move |ctx| action::delete_calendar(ctx, id))
        .await?;
    Ok(reply::see_saying("/agreements", "said-deleted", ""))
}
