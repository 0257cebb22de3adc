//! The calendar of changes: two weeks as lanes, and the same as a table; an address for calendar programs.

use std::collections::HashMap;

use actix_web::{HttpRequest, web};
use askama::Template;
use chrono::{Datelike, Days, NaiveDate, NaiveTime};

use super::inputs::Answer;
use super::queue::param;
use super::row::state_word;
use crate::actions::{self, agenda as act};
use crate::app::{App, Ctx};
use crate::domain::agenda::{Agenda, Item};
use crate::domain::conflict::{Code, Conflict, Levels};
use crate::domain::freeze::{Level, Sort, Standing};
use crate::domain::id::ServiceId;
use crate::domain::text;
use crate::domain::timestamp::Timestamp;
use crate::domain::wall_clock;
use crate::domain::worktime::Interval;
use crate::error::{Error, Result};
use crate::http::form::Posted;
use crate::http::page::{Page, Viewer};
use crate::http::reply;
use crate::words::Words;

const DAYS: u64 = 14;
/// Units of a day on a lane: ten minutes each.
const UNITS: i64 = 144;

#[derive(Template)]
#[template(path = "change/calendar.html")]
struct CalendarPage {
    p: Page,
    from: Timestamp,
    until: Timestamp,
    /// Addresses of the two weeks before and after, and of these.
    earlier: String,
    later: String,
    is_now: bool,
    days: Vec<String>,
    width: i64,
    lanes: Vec<Lane>,
    lines: Vec<Line>,
    /// A new address, shown once.
    feed: Option<String>,
    may_subscribe: bool,
}

/// One service, or the whole house.
struct Lane {
    name: String,
    /// Where bars begin and how wide they are: when changes don't begin, and changes.
    closed: Vec<(i64, i64)>,
    changes: Vec<(i64, i64)>,
}

struct Line {
    from: Timestamp,
    until: Timestamp,
    /// Of a change; a window has none.
    key: String,
    what: String,
    state: String,
    services: String,
    conflicts: Vec<String>,
}

/// "another change of the same service: CHG-12, CHG-14", a line for each code.
pub fn conflict_texts(conflicts: &[Conflict], levels: &Levels, words: &Words) -> Vec<String> {
    let mut lines: Vec<(Code, Vec<String>)> = Vec::new();
    for it in conflicts {
        let with = it
            .with
            .map_or_else(|| it.window.clone(), |key| key.to_string());
        match lines.iter_mut().find(|(code, _)| *code == it.code) {
            Some((_, all)) => all.push(with),
            None => lines.push((it.code, vec![with])),
        }
    }
    let line = |(code, with): (Code, Vec<String>)| {
        let key = format!("conflict-{}", code.as_str().replace('_', "-"));
        let text = format!("{}: {}", words.t(&key), with.join(", "));
        let level = match code.is_by_window() {
            true => Level::Warn,
            false => levels.of(code),
        };
        let means = match level {
            Level::Warn => return text,
            Level::Approve => "conflict-wants-approval",
            Level::Block => "conflict-blocks-it",
        };
        words.with(means, &[("text", text.into())]).into_owned()
    };
    lines.into_iter().map(line).collect()
}

/// The two weeks from the Monday of `day` on, on the reader's clock.
fn weeks(day: NaiveDate, zone: chrono_tz::Tz) -> (NaiveDate, Interval) {
    let back = Days::new(day.weekday().num_days_from_monday().into());
    let monday = day.checked_sub_days(back).unwrap_or(day);
    let end = monday.checked_add_days(Days::new(DAYS)).unwrap_or(monday);
    let start = |day: NaiveDate| wall_clock::instant(day.and_time(NaiveTime::MIN), zone);
    (monday, Interval::new(start(monday), start(end)))
}

fn bars(period: Interval, all: impl Iterator<Item = Interval>) -> Vec<(i64, i64)> {
    let width = UNITS * DAYS as i64;
    let total = period.micros().max(1);
    let place = |at: Timestamp| {
        let passed = at.max(period.from).min(period.to).micros_since(period.from);
        (i128::from(passed) * i128::from(width) / i128::from(total)) as i64
    };
    all.map(|it| {
        let (from, to) = (place(it.from), place(it.to));
        // What takes a moment is still to be seen.
        (from, (to - from).max(2))
    })
    .collect()
}

fn lanes(agenda: &Agenda, p: &Page) -> Vec<Lane> {
    let changes = |wanted: &dyn Fn(&Item) -> bool| {
        let found = agenda.items.iter().filter(|it| wanted(it));
        let found = found.map(|it| Interval::new(it.planned.starts_at, it.planned.ends_at));
        bars(agenda.period, found)
    };
    let house = Lane {
        name: p.t("agenda-house").into_owned(),
        closed: bars(agenda.period, agenda.closed(None).into_iter()),
        changes: changes(&|it| it.planned.services.is_empty()),
    };
    let busy = agenda.busy().into_iter().map(|service| Lane {
        name: service.name.clone(),
        closed: bars(agenda.period, agenda.closed(Some(service.id)).into_iter()),
        changes: changes(&|it| it.planned.services.contains(&service.id)),
    });
    std::iter::once(house).chain(busy).collect()
}

fn lines(agenda: &Agenda, p: &Page) -> Vec<Line> {
    let known: HashMap<ServiceId, &str> = agenda
        .services
        .iter()
        .map(|it| (it.id, it.name.as_str()))
        .collect();
    let names = |ids: &[ServiceId]| {
        let names: Vec<&str> = ids.iter().filter_map(|id| known.get(id).copied()).collect();
        names.join(", ")
    };
    let window = |it: Standing<'_>| {
        let key = match it.freeze.sort {
            Sort::Allow => "agenda-feed-maintenance",
            Sort::Deny => "agenda-feed-freeze",
        };
        Line {
            from: it.from,
            until: it.until,
            key: String::new(),
            what: {
                let name = p.t1(key, "name", it.freeze.name.as_str()).into_owned();
                let mut said = vec![name];
                said.extend(super::freezes::types_in_words(p.words, &it.freeze.types));
                said.join("; ")
            },
            state: String::new(),
            services: match it.freeze.scope.services.is_empty() {
                true => p.t("freeze-everything").into_owned(),
                false => names(&it.freeze.scope.services),
            },
            conflicts: Vec::new(),
        }
    };
    let change = |it: &Item| Line {
        from: it.planned.starts_at,
        until: it.planned.ends_at,
        key: it.planned.key.to_string(),
        what: it.planned.title.clone(),
        state: state_word(it.state, p.words),
        services: names(&it.planned.services),
        conflicts: conflict_texts(&it.conflicts, &agenda.levels, p.words),
    };
    let mut lines: Vec<Line> = agenda.windows().into_iter().map(window).collect();
    lines.extend(agenda.items.iter().map(change));
    lines.sort_by(|a, b| (a.from, &a.key).cmp(&(b.from, &b.key)));
    lines
}

async fn drawn(
    req: &HttpRequest,
    app: &web::Data<App>,
    viewer: &Viewer,
    feed: Option<String>,
) -> Answer {
    let p = Page::new(req, "agenda-title");
    let asked = param(req, "from").unwrap_or_default();
    let today = p.now.in_zone(p.zone).date_naive();
    let day = match asked.as_str() {
        "" => today,
        day => text::date("from", day).map_err(Error::from)?,
    };
    let (monday, period) = weeks(day, p.zone);
    let (agenda, may_subscribe) = viewer
        .run(app, move |ctx| {
            Ok((act::read(ctx, period)?, ctx.by.person().is_some()))
        })
        .await?;
    let ago = |days: u64| monday.checked_sub_days(Days::new(days)).unwrap_or(monday);
    let on = |days: u64| monday.checked_add_days(Days::new(days)).unwrap_or(monday);
    let place = |day: NaiveDate| format!("/calendar?from={day}");
    let page = CalendarPage {
        from: period.from,
        until: period.to.plus_micros(-1),
        earlier: place(ago(DAYS)),
        later: place(on(DAYS)),
        is_now: period.contains(p.now),
        days: (0..DAYS)
            .map(|day| on(day).format("%-d").to_string())
            .collect(),
        width: UNITS * DAYS as i64,
        lanes: lanes(&agenda, &p),
        lines: lines(&agenda, &p),
        feed,
        may_subscribe,
        p,
    };
    reply::page(&page)
}

/// `GET /calendar`
pub async fn show(req: HttpRequest, app: web::Data<App>, viewer: Viewer) -> Answer {
    drawn(&req, &app, &viewer, None).await
}

/// `POST /calendar/feed`: a new address, shown once; the old one stops working.
pub async fn renew_feed(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    _form: Posted,
) -> Answer {
    let (token, base) = viewer
        .run(&app, |ctx| {
            Ok((actions::oncall::renew_feed(ctx, None)?, base(ctx)?))
        })
        .await?;
    drawn(
        &req,
        &app,
        &viewer,
        Some(format!("{base}/feed/{token}.ics")),
    )
    .await
}

/// `POST /calendar/feed/revoke`
pub async fn revoke_feed(app: web::Data<App>, viewer: Viewer, _form: Posted) -> Answer {
    viewer
        .run(&app, |ctx| actions::oncall::revoke_feed(ctx, None))
        .await?;
    Ok(reply::see_saying("/calendar", "said-feed-revoked", ""))
}

/// Where the house is reached from outside; may be empty.
pub fn base(ctx: &Ctx<'_>) -> Result<String> {
    let settings = ctx.read(crate::store::settings::all)?;
    let own = ctx.app.config.public_url.clone();
    Ok(own.or(settings.public_url).unwrap_or_default())
}
