//! Whose public holidays somebody has: chosen from the list, shown for the next two years before it is saved.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use askama::Template;

use super::inputs::{Answer, invalid};
use crate::actions::people;
use crate::app::App;
use crate::domain::calendar_days::at_local;
use crate::domain::holidays::{self, next_two_years, parse_set};
use crate::domain::id::PersonId;
use crate::domain::refusal::FieldError;
use crate::error::Error;
use crate::http::form::{Form, Posted};
use crate::http::marks::{self, Detail};
use crate::http::page::{Page, Viewer};
use crate::http::reply::{self, Failure};
use crate::store;
use crate::words::Words;

#[derive(Template)]
#[template(path = "account/holidays.html")]
struct HolidaysPage {
    p: Page,
    form: Form,
    sets: Vec<(String, String)>,
    /// The set that is shown, and its days.
    shown: Option<(String, Vec<(String, String)>)>,
}

fn page(req: &HttpRequest, form: Form, code: &str) -> HolidaysPage {
    let p = Page::new(req, "holidays-title");
    let shown = parse_set("holidays", code).ok().map(|set| {
        let today = p.now.in_zone(p.zone).date_naive();
        let (from, to) = next_two_years(today);
        let days = set.days(holidays::years()).into_iter();
        let days = days
            .filter(|day| from <= day.on && day.on < to)
            .map(|day| {
                let noon = at_local(p.zone, day.on, 720);
                let date = marks::time_text(p.words, noon, p.now, p.zone, Detail::Date);
                (date, day.name)
            })
            .collect();
        (set.name(), days)
    });
    HolidaysPage {
        sets: holidays::sets()
            .iter()
            .map(|set| (set.code.clone(), set.name()))
            .collect(),
        form,
        shown,
        p,
    }
}

fn own(viewer: &Viewer) -> Result<PersonId, Failure> {
    viewer
        .principal
        .person()
        .ok_or_else(|| Error::NotFound.into())
}

/// `GET /profile/holidays`, and with `?holidays=` what that set would be.
pub async fn form(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    query: web::Query<Vec<(String, String)>>,
) -> Answer {
    let person = own(&viewer)?;
    let kept = viewer
        .run(&app, move |ctx| {
            ctx.read(|conn| store::people::holidays(conn, person))
        })
        .await?;
    let asked = query.iter().find(|(name, _)| name == "holidays");
    let code = asked
        .map(|(_, code)| code.clone())
        .or(kept)
        .unwrap_or_default();
    let errors: Vec<FieldError> = match code.trim() {
        "" => Vec::new(),
        code => parse_set("holidays", code).err().into_iter().collect(),
    };
    let typed = Posted {
        texts: vec![("holidays".to_owned(), code.clone())],
        ..Posted::default()
    };
    let form = Form::kept(Words::english(), &typed, errors);
    reply::page(&page(&req, form, &code))
}

/// `POST /profile/holidays`
pub async fn save(req: HttpRequest, app: web::Data<App>, viewer: Viewer, posted: Posted) -> Answer {
    let person = own(&viewer)?;
    let code = posted.text("holidays").to_owned();
    let saved = viewer
        .run(&app, move |ctx| people::set_holidays(ctx, person, &code))
        .await;
    match invalid(saved)? {
        Ok(()) => Ok(reply::see_saying("/profile/holidays", "said-saved", "")),
        Err(errors) => {
            let form = Form::kept(Words::english(), &posted, errors);
            reply::page_with(
                StatusCode::UNPROCESSABLE_ENTITY,
                &page(&req, form, posted.text("holidays")),
            )
        }
    }
}
