//! Windows from a calendar file: what its events would become is shown first, and taken when somebody has seen it.

use actix_web::{HttpRequest, web};
use askama::Template;

use super::freezes::{self, Choices};
use super::inputs::{Answer, or_form, ticked_ids};
use crate::actions::freeze as windows;
use crate::actions::freeze_import::{self as act, File, Taken};
use crate::app::App;
use crate::domain::freeze::{Fate, Level, Sort, TypedForAll};
use crate::domain::refusal::FieldError;
use crate::error::Error;
use crate::http::form::{Form, Posted};
use crate::http::page::{Page, Viewer};
use crate::http::reply;
use crate::intake::freezes::{MOST_BYTES, Reading, Refused, read};
use crate::words::Words;

#[derive(Template)]
#[template(path = "settings/freeze_import.html")]
struct ImportPage {
    p: Page,
    form: Form,
    c: Choices,
    shown: Option<Shown>,
}

/// What a file would do.
struct Shown {
    rows: Vec<Row>,
    /// The name of each event that isn't taken, and why.
    refused: Vec<(String, String)>,
    is_cut: bool,
    takes: i64,
    does_something: bool,
    /// What exactly was shown.
    digest: String,
}

struct Row {
    name: String,
    when: String,
    zone: &'static str,
    does: String,
    /// The window is off, and taking the event doesn't switch it on.
    stays_off: bool,
}

fn shown(reading: &Reading, taken: &[Taken], p: &Page) -> Shown {
    let row = |it: &Taken| Row {
        name: it.freeze.name.clone(),
        when: freezes::when_in_words(&it.freeze, p),
        zone: it.freeze.zone.name(),
        does: p.word("freeze-import", it.fate.as_str()),
        stays_off: !it.freeze.is_active && it.fate != Fate::SwitchedOff,
    };
    let takes = taken.iter().filter(|it| it.fate != Fate::Unchanged).count();
    Shown {
        rows: taken.iter().map(row).collect(),
        refused: reading
            .left_out(|uid| act::has_window(taken, uid))
            .map(|it| (it.name.clone(), why(it, p.words)))
            .collect(),
        is_cut: reading.is_cut,
        takes: i64::try_from(takes).unwrap_or(i64::MAX),
        does_something: takes > 0,
        digest: act::digest(taken),
    }
}

/// Why an event isn't taken, for people to read.
pub fn why(refused: &Refused, words: &Words) -> String {
    let key = format!("freeze-left-{}", refused.why.as_str().replace('_', "-"));
    let detail = [("detail", refused.detail.as_str().into())];
    words.with(&key, &detail).into_owned()
}

async fn drawn(
    req: &HttpRequest,
    app: &web::Data<App>,
    viewer: &Viewer,
    form: Option<Form>,
    looked: Option<(Reading, Vec<Taken>)>,
) -> Answer {
    let known = viewer
        .run(app, |ctx| {
            windows::may_keep(ctx)?;
            freezes::load(ctx)
        })
        .await?;
    let p = Page::new(req, "freeze-import-title");
    let form = form.unwrap_or_else(|| {
        Form::new(p.words)
            .with("zone", known.set.house_zone.name())
            .with("kind", Sort::Deny)
            .with("level", Level::Block)
    });
    let status = form.status();
    let page = ImportPage {
        shown: looked.map(|(reading, taken)| shown(&reading, &taken, &p)),
        c: freezes::choices(&known, &form, &p),
        form,
        p,
    };
    reply::page_with(status, &page)
}

/// `GET /freezes/import`
pub async fn form(req: HttpRequest, app: web::Data<App>, viewer: Viewer) -> Answer {
    drawn(&req, &app, &viewer, None, None).await
}

enum Done {
    Looked(Reading, Vec<Taken>),
    Took(usize),
}

/// `POST /freezes/import`: shows what the file would do; takes what was shown exactly so before.
pub async fn import(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    mut posted: Posted,
) -> Answer {
    // A file is as good as its text: from here on it stands in the form.
    let file = posted.files.iter().find(|file| !file.bytes.is_empty());
    if let Some(file) = file {
        let text = String::from_utf8_lossy(&file.bytes).into_owned();
        posted.texts.retain(|(name, _)| name != "ics");
        posted.texts.push(("ics".to_owned(), text));
    }
    let (asked, services) = (posted.clone(), ticked_ids(&posted, "services")?);
    let done = viewer
        .run(&app, move |ctx| {
            windows::may_keep(ctx)?;
            let for_all = TypedForAll {
                zone: asked.text("zone"),
                sort: freezes::sort(&asked),
                level: asked.text("level"),
                types: freezes::types(&asked),
                announce: asked.text("announce"),
            };
            let scope = freezes::scope(&asked, services.clone())?;
            let for_all = for_all.check(scope);
            let text = text(&asked);
            let (for_all, text) = match (for_all, text) {
                (Ok(for_all), Ok(text)) => (for_all, text),
                (for_all, text) => {
                    let mut faults = for_all.err().unwrap_or_default();
                    faults.extend(text.err());
                    return Err(Error::Invalid(faults));
                }
            };
            let reading = read(text, for_all.zone, ctx.now);
            let cancelled = reading.cancelled_uids();
            let file = File {
                for_all: &for_all,
                events: &reading.found,
                cancelled: &cancelled,
            };
            let taken = act::look(ctx, &file)?;
            let was_shown = asked.text("previewed") == act::digest(&taken);
            if asked.text("do") != "take" || !was_shown {
                return Ok(Done::Looked(reading, taken));
            }
            let taken = act::take(ctx, &file)?;
            let new = taken.iter().filter(|it| it.fate != Fate::Unchanged);
            Ok(Done::Took(new.count()))
        })
        .await;
    match or_form(done, &posted)? {
        Ok(Done::Took(n)) => Ok(reply::see_saying(
            "/freezes",
            "said-windows-taken",
            &n.to_string(),
        )),
        Ok(Done::Looked(reading, taken)) => {
            let form = Form::kept(Words::english(), &posted, Vec::new());
            drawn(&req, &app, &viewer, Some(form), Some((reading, taken))).await
        }
        Err(form) => drawn(&req, &app, &viewer, Some(form), None).await,
    }
}

fn text(posted: &Posted) -> std::result::Result<&str, FieldError> {
    posted.check_files("ics")?;
    let text = posted.text("ics");
    if text.trim().is_empty() {
        return Err(FieldError::new("ics", "required"));
    }
    match text.len() <= MOST_BYTES {
        true => Ok(text),
        false => {
            let most = (MOST_BYTES / 1024).to_string();
            Err(FieldError::new("ics", "calendar-too-big").with("max", most))
        }
    }
}
