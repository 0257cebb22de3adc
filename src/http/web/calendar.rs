//! The calendar editor: a zone, the week, and the dates that differ, as lines that people type and read.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use askama::Template;

use super::inputs::{Answer, id_of, invalid, rev, zones};
use crate::actions::agreement::{self, CalendarDetails};
use crate::actions::{self, allow};
use crate::app::{App, Ctx};
use crate::domain::access::{Action, Target as Of};
use crate::domain::calendar_text::{exceptions_text, parse_exceptions, parse_ranges, ranges_text};
use crate::domain::id::CalendarId;
use crate::domain::refusal::FieldError;
use crate::domain::sla_book::KnownCalendar;
use crate::domain::text;
use crate::error::{Error, Fields, Result};
use crate::http::form::{Form, Posted};
use crate::http::page::{Page, Viewer};
use crate::http::reply;
use crate::words::Words;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

#[derive(Template)]
#[template(path = "agreement/calendar.html")]
struct CalendarPage {
    p: Page,
    action: String,
    form: Form,
    is_new: bool,
    zones: Vec<(String, String)>,
    /// Field name and label of each weekday.
    days: Vec<(&'static str, String)>,
    problems: Vec<String>,
}

fn load(ctx: &Ctx<'_>, id: Option<CalendarId>) -> Result<Option<KnownCalendar>> {
    allow(&ctx.by, Action::ManageAgreements, Of::House)?;
    let Some(id) = id else { return Ok(None) };
    ctx.read(|conn| {
        let book = actions::sla::book(ctx.app, conn)?;
        book.calendar(id).cloned().map(Some).ok_or(Error::NotFound)
    })
}

/// `GET /calendars/new` and `GET /calendars/{id}`
pub async fn form(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: Option<web::Path<String>>,
) -> Answer {
    let id: Option<CalendarId> = id.map(|id| id_of(&id)).transpose()?;
    let known = viewer.run(&app, move |ctx| load(ctx, id)).await?;
    let mut form = Form::new(Words::english());
    if let Some(known) = &known {
        let calendar = &known.latest;
        form = form
            .with("name", &known.name)
            .with("rev", known.version)
            .with("zone", calendar.zone().name())
            .with("exceptions", exceptions_text(calendar.exceptions()));
        for (day, ranges) in DAYS.iter().zip(calendar.weekly()) {
            form = form.with(day, ranges_text(ranges));
        }
        if !known.is_active {
            form = form.with("retire", "yes");
        }
    }
    reply::page(&drawn(&req, known, form))
}

fn drawn(req: &HttpRequest, known: Option<KnownCalendar>, form: Form) -> CalendarPage {
    let p = match &known {
        Some(known) => Page::titled(req, known.name.clone()),
        None => Page::new(req, "calendar-new"),
    };
    CalendarPage {
        action: known.as_ref().map_or("/calendars".to_owned(), |known| {
            format!("/calendars/{}", known.id)
        }),
        is_new: known.is_none(),
        zones: zones(p.words),
        days: DAYS
            .iter()
            .map(|day| (*day, p.word("weekday", day)))
            .collect(),
        problems: form
            .problem("weekly")
            .into_iter()
            .chain(form.problem("ranges"))
            .collect(),
        form,
        p,
    }
}

fn details(posted: &Posted) -> std::result::Result<CalendarDetails, Error> {
    let mut fields = Fields::new();
    let zone = fields.take(text::zone("zone", posted.text("zone")));
    let mut weekly = Vec::new();
    for (number, day) in DAYS.iter().enumerate() {
        for range in fields
            .take(parse_ranges(day, posted.text(day)))
            .unwrap_or_default()
        {
            weekly.push((number as u8, range));
        }
    }
    let exceptions = fields.take(parse_exceptions("exceptions", posted.text("exceptions")));
    fields.check()?;
    let (Some(zone), Some(exceptions)) = (zone, exceptions) else {
        return Err(FieldError::new("zone", "required").into());
    };
    Ok(CalendarDetails {
        name: posted.text("name").to_owned(),
        zone,
        weekly,
        exceptions,
        is_active: !posted.ticked("retire"),
    })
}

/// `POST /calendars` and `POST /calendars/{id}`
pub async fn save(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: Option<web::Path<String>>,
    posted: Posted,
) -> Answer {
    let id: Option<CalendarId> = id.map(|id| id_of(&id)).transpose()?;
    let seen = if id.is_some() { rev(&posted)? } else { 0 };
    let saved = match details(&posted) {
        Err(error) => Err(error.into()),
        Ok(details) => {
            let save = move |ctx: &Ctx<'_>| match id {
                Some(id) => agreement::change_calendar(ctx, id, seen, &details),
                None => agreement::add_calendar(ctx, &details).map(|_| ()),
            };
            viewer.run(&app, save).await
        }
    };
    match invalid(saved)? {
        Ok(()) => Ok(reply::see_saying("/agreements", "said-saved", "")),
        Err(errors) => {
            let known = viewer.run(&app, move |ctx| load(ctx, id)).await?;
            let form = Form::kept(Words::english(), &posted, errors);
            reply::page_with(StatusCode::UNPROCESSABLE_ENTITY, &drawn(&req, known, form))
        }
    }
}
