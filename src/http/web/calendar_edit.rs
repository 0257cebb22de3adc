//! The calendar editor: a zone, the week, public holidays, and the dates that differ, as lines that people type and read. What was
//! understood is shown while it is written; the clocks that would move are shown before it is saved.

use actix_web::{HttpRequest, web};
use askama::Template;

use super::calendar_view::{CalendarView, DAYS, view};
use super::inputs::{Answer, id_of, or_form, rev, with_who, zones};
use super::terms::{self, Moves, digest, effect};
use crate::actions::calendar::{self, CalendarDetails};
use crate::actions::{self, allow};
use crate::app::{App, Ctx};
use crate::domain::access::{Action, Target as Of};
use crate::domain::calendar::{Exception, Range};
use crate::domain::calendar_text::{exceptions_text, parse_exceptions, parse_ranges, ranges_text};
use crate::domain::holidays;
use crate::domain::id::{CalendarId, Id};
use crate::domain::refusal::FieldError;
use crate::domain::sla_book::{CalendarVersion, KnownCalendar};
use crate::domain::sla_version::{Effect, Layer};
use crate::domain::text;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Fields, Result};
use crate::http::form::{Form, Posted};
use crate::http::page::{Page, Viewer};
use crate::http::reply;
use crate::intake;
use crate::intake::holidays::{LeftOut, Reading};
use crate::words::Words;

/// How many holiday sets the form asks for.
const SETS: [&str; 3] = ["holidays-0", "holidays-1", "holidays-2"];

#[derive(Template)]
#[template(path = "agreement/calendar_edit.html")]
struct EditPage {
    p: Page,
    action: String,
    id: String,
    form: Form,
    is_new: bool,
    zones: Vec<(String, String)>,
    /// Field name and label of each weekday.
    days: Vec<(&'static str, String)>,
    holidays: Vec<(&'static str, String)>,
    sets: Vec<(String, String)>,
    problems: Vec<String>,
    /// Versions that begin later, in words.
    planned: Vec<String>,
    may_correct: bool,
    look: Option<CalendarView>,
    moves: Option<Moves>,
    found: Option<Found>,
}

/// What an iCalendar file holds.
struct Found {
    /// As lines of the form.
    days: Vec<String>,
    left_out: Vec<String>,
    is_cut: bool,
    /// So many lines were taken over into the form.
    taken: Option<i64>,
}

fn load(ctx: &Ctx<'_>, id: Option<CalendarId>) -> Result<Option<KnownCalendar>> {
    allow(&ctx.by, Action::ManageAgreements, Of::House)?;
    let Some(id) = id else { return Ok(None) };
    ctx.read(|conn| {
        let book = actions::sla::book(ctx.app, conn)?;
        book.calendar(id).cloned().map(Some).ok_or(Error::NotFound)
    })
}

/// `GET /calendars/new` and `GET /calendars/{id}/edit`: as it holds now, or as `?version=` was written.
pub async fn form(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: Option<web::Path<String>>,
    query: web::Query<Vec<(String, String)>>,
) -> Answer {
    let id: Option<CalendarId> = id.map(|id| id_of(&id)).transpose()?;
    let known = viewer.run(&app, move |ctx| load(ctx, id)).await?;
    let mut page = blank(&req, &known, Form::new(Words::english()));
    if let Some(known) = &known {
        let asked = query.iter().find(|(name, _)| name == "version");
        let asked: Option<i64> = asked.and_then(|(_, number)| number.parse().ok());
        let now = page.p.now;
        let (layer, version) = begin(known, asked, now)?;
        let own = &version.own;
        page.form = standing(known, asked, now)?;
        if layer.is_planned(now) {
            let from = layer.from.in_zone(own.zone());
            let from = from.format("%Y-%m-%dT%H:%M");
            page.form = page.form.with("effect", "from").with("from", from);
        }
        let days = holidays::days_of(&version.holidays, holidays::years());
        page.look = Some(view(&page.p, own.weekly(), &version.calendar, own, &days));
    }
    reply::page(&page)
}

/// The version that the form begins from: the one that was asked for, else what holds now.
fn begin(
    known: &KnownCalendar,
    asked: Option<i64>,
    now: Timestamp,
) -> Result<&(Layer, CalendarVersion)> {
    let mut layers = known.layers.iter();
    let written = layers.find(|(layer, _)| Some(layer.number) == asked);
    written.or_else(|| known.at(now)).ok_or(Error::NotFound)
}

/// The form of the calendar as it stands; from when it holds is for whoever changes it to say.
fn standing(known: &KnownCalendar, asked: Option<i64>, now: Timestamp) -> Result<Form> {
    let (_, version) = begin(known, asked, now)?;
    let own = &version.own;
    let mut form = Form::new(Words::english())
        .with("name", &known.name)
        .with("rev", known.version)
        .with("zone", own.zone().name())
        .with("exceptions", exceptions_text(own.exceptions()));
    for (day, ranges) in DAYS.iter().zip(own.weekly()) {
        form = form.with(day, ranges_text(ranges));
    }
    for (field, code) in SETS.iter().zip(&version.holidays) {
        form = form.with(field, code);
    }
    if !known.is_active {
        form = form.with("retire", "yes");
    }
    Ok(form)
}

fn blank(req: &HttpRequest, known: &Option<KnownCalendar>, form: Form) -> EditPage {
    let p = match known {
        Some(known) => Page::titled(req, known.name.clone()),
        None => Page::new(req, "calendar-new"),
    };
    let label = p.t("calendar-holidays").into_owned();
    let layers = known.iter().flat_map(|known| &known.layers);
    let planned = layers
        .filter(|(layer, _)| layer.is_planned(p.now))
        .map(|(layer, version)| {
            let from = layer.from.in_zone(version.own.zone());
            let from = from.format(&p.t("time-full")).to_string();
            p.t2("version-planned", "number", layer.number, "from", from)
                .into_owned()
        })
        .collect();
    EditPage {
        action: known.as_ref().map_or("/calendars".to_owned(), |known| {
            format!("/calendars/{}", known.id)
        }),
        id: known
            .as_ref()
            .map(|it| it.id.to_string())
            .unwrap_or_default(),
        is_new: known.is_none(),
        zones: zones(p.words),
        days: DAYS
            .iter()
            .map(|day| (*day, p.word("weekday", day)))
            .collect(),
        holidays: SETS
            .iter()
            .enumerate()
            .map(|(place, field)| (*field, format!("{label} {}", place + 1)))
            .collect(),
        sets: holidays::sets()
            .iter()
            .map(|set| (set.code.clone(), set.name()))
            .collect(),
        problems: form
            .problem("weekly")
            .into_iter()
            .chain(form.problem("ranges"))
            .chain(form.problem("effect"))
            .collect(),
        planned,
        may_correct: p.may(Action::CorrectTerms),
        look: None,
        moves: None,
        found: None,
        form,
        p,
    }
}

type Week = [Vec<Range>; 7];

/// What was typed: the week as it stands there, and the calendar that it describes.
fn details(posted: &Posted) -> std::result::Result<(Week, CalendarDetails), Vec<FieldError>> {
    let mut fields = Fields::new();
    let zone = fields.take(text::zone("zone", posted.text("zone")));
    let mut typed: Week = Default::default();
    for (number, day) in DAYS.iter().enumerate() {
        typed[number] = fields
            .take(parse_ranges(day, posted.text(day)))
            .unwrap_or_default();
    }
    let mut sets = Vec::new();
    for field in SETS {
        let text = posted.text(field).trim();
        if !text.is_empty()
            && let Some(set) = fields.take(holidays::parse_set(field, text))
        {
            sets.push(set.code.clone());
        }
    }
    let exceptions = fields.take(parse_exceptions("exceptions", posted.text("exceptions")));
    if let Err(Error::Invalid(errors)) = fields.check() {
        return Err(errors);
    }
    let (Some(zone), Some(exceptions)) = (zone, exceptions) else {
        return Err(vec![FieldError::new("zone", "required")]);
    };
    let weekly = (0_u8..)
        .zip(&typed)
        .flat_map(|(day, ranges)| ranges.iter().map(move |range| (day, *range)))
        .collect();
    let details = CalendarDetails {
        name: posted.text("name").to_owned(),
        zone,
        weekly,
        exceptions,
        holidays: sets,
        is_active: !posted.ticked("retire"),
    };
    Ok((typed, details))
}

/// The page with what was typed, and how it is understood as far as it can be.
fn drawn(
    req: &HttpRequest,
    known: &Option<KnownCalendar>,
    posted: &Posted,
    mut errors: Vec<FieldError>,
) -> EditPage {
    let understood = match details(posted) {
        Ok((typed, details)) => {
            let now = Page::new(req, "calendar-new").now;
            match details.build(now) {
                Ok(built) => Some((typed, built)),
                Err(Error::Invalid(more)) => {
                    if errors.is_empty() {
                        errors = more;
                    }
                    None
                }
                Err(_) => None,
            }
        }
        Err(more) => {
            if errors.is_empty() {
                errors = more;
            }
            None
        }
    };
    let mut page = blank(req, known, Form::kept(Words::english(), posted, errors));
    page.look = understood
        .map(|(typed, built)| view(&page.p, &typed, &built.calendar, &built.own, &built.days));
    page
}

/// Which calendar a form is about that goes to an address of no calendar's own.
fn of(posted: &Posted) -> Option<CalendarId> {
    Id::parse(posted.text("of"))
}

/// `POST /calendars/preview`: shows what was typed, and saves nothing.
pub async fn preview(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    posted: Posted,
) -> Answer {
    let id = of(&posted);
    let known = viewer.run(&app, move |ctx| load(ctx, id)).await?;
    reply::page(&drawn(&req, &known, &posted, Vec::new()))
}

/// `POST /calendars/import`: reads an iCalendar file and shows its days; those that are ticked then become lines of the form. It
/// saves nothing.
pub async fn import(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    mut posted: Posted,
) -> Answer {
    let id = of(&posted);
    let known = viewer.run(&app, move |ctx| load(ctx, id)).await?;
    let words = Words::english();
    let found = if posted.text("do") == "take" {
        take(&mut posted)
    } else {
        let text = match posted.files.first() {
            Some(file) => String::from_utf8_lossy(&file.bytes).into_owned(),
            None => posted.text("ics").to_owned(),
        };
        let zone = text::zone("zone", posted.text("zone")).unwrap_or(chrono_tz::UTC);
        let reading = viewer.run(&app, move |ctx| {
            let today = ctx.now.in_zone(zone).date_naive();
            Ok(intake::holidays::read(&text, zone, today))
        });
        Found::of(reading.await?, words)
    };
    let mut page = drawn(&req, &known, &posted, Vec::new());
    page.found = Some(found);
    reply::page(&page)
}

/// Puts the ticked lines behind those that are there.
fn take(posted: &mut Posted) -> Found {
    let lines: Vec<String> = posted.all("take").map(str::to_owned).collect();
    let there = posted.text("exceptions").trim_end().to_owned();
    let known: Vec<&str> = there.lines().map(str::trim).collect();
    let new: Vec<String> = lines
        .into_iter()
        .filter(|line| !known.contains(&line.as_str()))
        .collect();
    let taken = new.len() as i64;
    let text = there
        .lines()
        .map(str::to_owned)
        .chain(new)
        .collect::<Vec<_>>()
        .join("\n");
    posted
        .texts
        .retain(|(name, _)| !matches!(name.as_str(), "exceptions" | "take" | "ics" | "do"));
    posted.texts.push(("exceptions".to_owned(), text));
    Found {
        days: Vec::new(),
        left_out: Vec::new(),
        is_cut: false,
        taken: Some(taken),
    }
}

impl Found {
    fn of(reading: Reading, words: &Words) -> Self {
        let line = |day: &Exception| exceptions_text(std::slice::from_ref(day));
        let why = |why: &LeftOut| match why {
            LeftOut::Cancelled => "left-out-cancelled",
            LeftOut::NoDate => "left-out-no-date",
            LeftOut::BadRule => "left-out-bad-rule",
            LeftOut::Past => "left-out-past",
            LeftOut::TooLong => "left-out-too-long",
        };
        Self {
            days: reading.found.iter().map(line).collect(),
            left_out: reading
                .left_out
                .iter()
                .map(|(name, left)| format!("{name}: {}", words.t(why(left))))
                .collect(),
            is_cut: reading.is_cut,
            taken: None,
        }
    }
}

/// What came of a form that was sent to be saved.
enum Saved {
    Done,
    /// Nothing is written: this is what it would do.
    Shown(Box<Moves>),
}

/// `POST /calendars` and `POST /calendars/{id}`. What would move a clock, or correct the past, is shown first; the form is then sent
/// again with the word that says so.
pub async fn save(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: Option<web::Path<String>>,
    posted: Posted,
) -> Answer {
    let id: Option<CalendarId> = id.map(|id| id_of(&id)).transpose()?;
    let seen = if id.is_some() { rev(&posted)? } else { 0 };
    let now = Page::new(&req, "calendar-new").now;
    let asked = details(&posted).and_then(|(_, details)| {
        let effect = effect(&posted, details.zone, now).map_err(|error| vec![error])?;
        Ok((details, effect))
    });
    let saved = match asked {
        Err(errors) => Err(Error::Invalid(errors).into()),
        Ok((details, effect)) => {
            let typed = digest(&posted);
            let was_shown = posted.text("previewed") == typed;
            let save = move |ctx: &Ctx<'_>| match id {
                Some(id) if was_shown => {
                    calendar::change_calendar(ctx, id, seen, &details, &effect)?;
                    Ok(Saved::Done)
                }
                Some(id) => change_or_show(ctx, id, seen, &details, &effect, &typed),
                None => calendar::add_calendar(ctx, &details).map(|_| Saved::Done),
            };
            viewer.run(&app, save).await
        }
    };
    match or_form(saved, &posted)? {
        Ok(Saved::Done) => {
            let place = id.map_or("/agreements".to_owned(), |id| format!("/calendars/{id}"));
            Ok(reply::see_saying(&place, "said-saved", ""))
        }
        Ok(Saved::Shown(moves)) => {
            let known = viewer.run(&app, move |ctx| load(ctx, id)).await?;
            let mut page = drawn(&req, &known, &posted, Vec::new());
            page.moves = Some(*moves);
            reply::page(&page)
        }
        Err(form) => {
            let known = viewer.run(&app, move |ctx| load(ctx, id)).await?;
            let mut page = drawn(&req, &known, &posted, form.errors().to_vec());
            if form.is_stale()
                && let Some(known) = &known
            {
                // What the form must follow is the version written last, whenever it holds.
                let standing = standing(known, Some(known.version), page.p.now)?;
                let standing = terms::with_effect(standing, &posted);
                let doer = ("calendar", known.name.as_str());
                let kept = with_who(&app, &viewer, Some(form), doer).await?;
                page.form = Form::opened(kept, standing);
            }
            reply::page_with(page.form.status(), &page)
        }
    }
}

fn change_or_show(
    ctx: &Ctx<'_>,
    id: CalendarId,
    seen: i64,
    details: &CalendarDetails,
    effect: &Effect,
    typed: &str,
) -> Result<Saved> {
    let preview = calendar::preview_calendar(ctx, id, seen, details, effect)?;
    if Moves::is_plain(&preview, effect) {
        calendar::change_calendar(ctx, id, seen, details, effect)?;
        return Ok(Saved::Done);
    }
    let words = Words::english();
    let moves = Moves::of(ctx, &preview, effect, typed.to_owned(), words)?;
    Ok(Saved::Shown(Box::new(moves)))
}
