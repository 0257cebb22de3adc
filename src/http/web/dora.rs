//! Figures of delivery: of one service or all, of a period in a zone, week by week; and the list behind every number. By service and
//! week, never by person.

use actix_web::{HttpRequest, web};
use askama::Template;
use chrono::NaiveDate;
use chrono_tz::Tz;

use super::inputs::Answer;
use super::queue::param;
use super::sla_reports::date;
use super::span::{Cell, Span, file_name, or_faults, period_text, week_text, zone_choices};
use crate::actions::dora::{self, Asked};
use crate::app::App;
use crate::domain::dora::{Figures, Judged, Number, Report, Spread, tenths};
use crate::domain::id::{Id, ServiceId};
use crate::domain::people::Service;
use crate::domain::refusal::FieldError;
use crate::domain::timestamp::Timestamp;
use crate::domain::week::Week;
use crate::domain::worktime::Interval;
use crate::error::{Error, Result};
use crate::http::form::Form;
use crate::http::page::{Page, Viewer};
use crate::http::reply;
use crate::render::dora as say;
use crate::store;
use crate::words::Value;

/// Rows of a page of the list behind a number.
const ROWS: usize = 200;

#[derive(Debug, Clone)]
struct Query {
    span: Span,
    service: String,
}

impl Query {
    fn of(req: &HttpRequest, now: Timestamp, house: Tz) -> Self {
        Self {
            span: Span::of(req, now, house),
            service: param(req, "service").unwrap_or_default().trim().to_owned(),
        }
    }

    fn asked(&self, house: Tz) -> Result<Asked> {
        let service: Option<ServiceId> = match self.service.as_str() {
            "" => None,
            text => {
                let unknown = || FieldError::new("service", "unknown-service");
                Some(Id::parse(text).ok_or_else(unknown)?)
            }
        };
        Ok(Asked {
            period: self.span.period(house)?,
            service,
        })
    }

    fn place(&self, path: &str, more: &str) -> String {
        self.span.place(path, ("service", &self.service), more)
    }
}

/// One span of the table.
struct Row {
    label: String,
    is_cut: bool,
    /// Nothing was deployed: no share is shown.
    is_empty: bool,
    all: Cell,
    reached: Cell,
    lead: Cell,
    failed: Cell,
    recovery: Cell,
    rework: Cell,
}

#[derive(Template)]
#[template(path = "deploy/figures.html")]
struct FiguresPage {
    p: Page,
    form: Form,
    services: Vec<(String, String)>,
    zones: Vec<(String, String)>,
    shown: Option<Shown>,
}

struct Shown {
    whose: String,
    environment: String,
    period: String,
    as_of: Option<Timestamp>,
    csv: String,
    total: Row,
    weeks: Vec<Row>,
    /// What the figures lack, each with its list.
    lacks: Vec<Cell>,
}

/// `GET /deployments/figures`
pub async fn show(req: HttpRequest, app: web::Data<App>, viewer: Viewer) -> Answer {
    let p = Page::new(&req, "figures-title");
    let house = viewer.zone;
    let query = Query::of(&req, p.now, house);
    let asked = query.clone();
    let (services, outcome) = viewer
        .run(&app, move |ctx| {
            let services = ctx.read(store::house::services)?;
            let outcome = asked.asked(house).and_then(|asked| dora::read(ctx, asked));
            Ok((services, or_faults(outcome)?))
        })
        .await?;
    let (report, errors) = outcome;
    let form = query.span.form(&p, errors).with("service", &query.service);
    let page = FiguresPage {
        services: choices(services, &p),
        zones: zone_choices(&p),
        shown: report.map(|report| shown(&report, &query, &p)),
        form,
        p,
    };
    reply::page_with(page.form.status(), &page)
}

/// Services in use, by name; the first choice is all of them.
fn choices(mut services: Vec<Service>, p: &Page) -> Vec<(String, String)> {
    services.retain(|it| it.is_active);
    services.sort_by_key(|it| it.name.to_lowercase());
    let every = (String::new(), p.t("deploy-every-service").into_owned());
    let named = services.into_iter().map(|it| (it.id.to_string(), it.name));
    std::iter::once(every).chain(named).collect()
}

fn shown(report: &Report, query: &Query, p: &Page) -> Shown {
    let total = report.total();
    let lack = |number: Number| -> Option<Cell> {
        let n = total.count(number) as i64;
        let key = format!("figures-lack-{}", number.as_str().replace('_', "-"));
        (n > 0).then(|| Cell {
            text: p.t1(&key, "n", n).into_owned(),
            place: Some(list_place(query, number, None)),
        })
    };
    let lacks = [Number::Running, Number::Unrecovered, Number::LeadUnknown];
    Shown {
        whose: match &report.service {
            Some((_, name)) => name.clone(),
            None => p.t("deploy-every-service").into_owned(),
        },
        environment: report.environment.clone(),
        period: period_text(&report.period, p),
        as_of: report.as_of,
        csv: query.place("/deployments/figures.csv", ""),
        lacks: lacks.into_iter().filter_map(lack).collect(),
        total: row(p.t("figures-whole").into_owned(), None, &total, query, p),
        weeks: report
            .weeks()
            .iter()
            .rev()
            .map(|(week, figures)| row(week_text(week.monday), Some(week), figures, query, p))
            .collect(),
    }
}

fn list_place(query: &Query, number: Number, week: Option<&Week>) -> String {
    let mut more = format!("&number={number}");
    if let Some(week) = week {
        more.push_str(&format!("&week={}", week.monday));
    }
    query.place("/deployments/figures/list", &more)
}

fn row(label: String, week: Option<&Week>, figures: &Figures, query: &Query, p: &Page) -> Row {
    let cell = |number: Number, text: String| Cell {
        text,
        place: (figures.count(number) > 0).then(|| list_place(query, number, week)),
    };
    let count = |number: Number| cell(number, figures.count(number).to_string());
    let share = |number: Number| {
        let text = match figures.share(number) {
            None => p.t("figures-none").into_owned(),
            Some(share) => {
                let values: [(&str, Value<'_>); 3] = [
                    ("share", tenths(share).into()),
                    ("n", (figures.count(number) as i64).into()),
                    ("all", (figures.count(Number::All) as i64).into()),
                ];
                p.words.with("figures-share", &values).into_owned()
            }
        };
        cell(number, text)
    };
    let spread = |number: Number, spread: Spread, none: &'static str| {
        let text = match spread.median.zip(spread.p90) {
            None => p.t(none).into_owned(),
            Some((median, p90)) => {
                let values: [(&str, Value<'_>); 3] = [
                    ("median", length(median, p).into()),
                    ("p90", length(p90, p).into()),
                    ("n", (spread.count as i64).into()),
                ];
                p.words
                    .with(&format!("figures-spread-{number}"), &values)
                    .into_owned()
            }
        };
        cell(number, text)
    };
    let is_empty = figures.count(Number::All) == 0;
    let no_lead = if is_empty {
        "figures-none"
    } else {
        "figures-no-commits"
    };
    let no_fail = if is_empty {
        "figures-none"
    } else {
        "figures-no-recovery"
    };
    Row {
        label,
        is_cut: week.is_some_and(|week| week.is_cut),
        is_empty,
        all: count(Number::All),
        reached: cell(
            Number::Reached,
            match is_empty {
                true => p.t("figures-none").into_owned(),
                false => {
                    let values: [(&str, Value<'_>); 2] = [
                        ("n", (figures.count(Number::Reached) as i64).into()),
                        ("week", tenths(figures.tenths_a_week).into()),
                    ];
                    p.words.with("figures-often", &values).into_owned()
                }
            },
        ),
        lead: spread(Number::Lead, figures.lead, no_lead),
        failed: share(Number::Failed),
        recovery: spread(Number::Recovered, figures.recovery, no_fail),
        rework: share(Number::Rework),
    }
}

fn length(micros: i64, p: &Page) -> String {
    p.words.age(micros / 1_000_000)
}

/// `GET /deployments/figures.csv`: a row for the period, then one for each week.
pub async fn csv(req: HttpRequest, app: web::Data<App>, viewer: Viewer) -> Answer {
    let now = Page::new(&req, "figures-title").now;
    let query = Query::of(&req, now, viewer.zone);
    let house = viewer.zone;
    let (name, bytes) = viewer
        .run(&app, move |ctx| {
            let report = dora::read(ctx, query.asked(house)?)?;
            let bytes = say::figures(&report).map_err(Error::internal)?;
            Ok((file_name("delivery-figures", &report.period), bytes))
        })
        .await?;
    Ok(reply::download(&name, "text/csv; charset=utf-8", bytes))
}

/// Which deployments of a report.
struct Wanted {
    number: Number,
    week: Option<NaiveDate>,
}

impl Wanted {
    fn of(req: &HttpRequest) -> Result<Self> {
        let text = |name| param(req, name).unwrap_or_default();
        let number = match text("number").as_str() {
            "" => Number::All,
            text => text.parse().map_err(|()| Error::NotFound)?,
        };
        let week = match text("week").as_str() {
            "" => None,
            text => Some(date("week", text)?),
        };
        Ok(Self { number, week })
    }

    fn span(&self, report: &Report) -> Result<Interval> {
        let Some(monday) = self.week else {
            return Ok(report.span());
        };
        let weeks = report.weeks();
        let week = weeks.iter().find(|(week, _)| week.monday == monday);
        Ok(week.ok_or(Error::NotFound)?.0.span)
    }
}

#[derive(Template)]
#[template(path = "deploy/figures_list.html")]
struct ListPage {
    p: Page,
    back: String,
    csv: String,
    what: String,
    means: String,
    count: String,
    rows: Vec<ListRow>,
    next: Option<String>,
}

struct ListRow {
    id: String,
    service: String,
    version: String,
    target: String,
    started_at: Timestamp,
    status: &'static str,
    lead: String,
    why: Vec<String>,
    incidents: Vec<(String, String)>,
    followed_by: Option<String>,
    recovery: Option<String>,
    rework: Vec<String>,
}

/// `GET /deployments/figures/list`: what lies behind a number.
pub async fn list(req: HttpRequest, app: web::Data<App>, viewer: Viewer) -> Answer {
    let p = Page::new(&req, "figures-list-title");
    let house = viewer.zone;
    let query = Query::of(&req, p.now, house);
    let wanted = Wanted::of(&req)?;
    let asked = query.clone();
    let report = viewer
        .run(&app, move |ctx| dora::read(ctx, asked.asked(house)?))
        .await?;
    let span = wanted.span(&report)?;
    let all: Vec<&Judged> = report
        .within(span)
        .filter(|it| it.is_of(wanted.number))
        .collect();
    let start: usize = param(&req, "start")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let mut more = format!("&number={}", wanted.number);
    if let Some(monday) = wanted.week {
        more.push_str(&format!("&week={monday}"));
    }
    let next = (all.len() > start.saturating_add(ROWS)).then(|| {
        let start = start + ROWS;
        query.place(
            "/deployments/figures/list",
            &format!("{more}&start={start}"),
        )
    });
    let mut what = vec![p.word("figures-number", wanted.number.as_str())];
    what.extend(report.service.as_ref().map(|(_, name)| name.clone()));
    what.push(match wanted.week {
        Some(monday) => p
            .t1("figures-week-of", "day", week_text(monday))
            .into_owned(),
        None => period_text(&report.period, &p),
    });
    reply::page(&ListPage {
        back: query.place("/deployments/figures", ""),
        csv: query.place("/deployments/figures/list.csv", &more),
        what: what.join(", "),
        means: p.word("figures-means", wanted.number.as_str()),
        count: p.t1("figures-count", "n", all.len() as i64).into_owned(),
        rows: all
            .into_iter()
            .skip(start)
            .take(ROWS)
            .map(|it| list_row(it, &report, &p))
            .collect(),
        next,
        p,
    })
}

fn list_row(judged: &Judged, report: &Report, p: &Page) -> ListRow {
    let it = &judged.it;
    let leads = Spread::of(judged.leads.iter().map(|(_, micros)| *micros).collect());
    let fail = judged.fail.as_ref();
    let incidents = fail.map(|fail| fail.incidents.clone());
    let mut incidents = incidents.unwrap_or_default();
    incidents.extend(it.mends.iter().filter(|_| fail.is_none()));
    ListRow {
        id: it.id.to_string(),
        service: report.service_of(judged).to_owned(),
        version: it.version.clone(),
        target: it.lane.target.clone(),
        started_at: it.started_at,
        status: it.status.as_str(),
        lead: match (leads.median, &it.commits) {
            (Some(median), _) => {
                let values: [(&str, Value<'_>); 2] = [
                    ("n", (leads.count as i64).into()),
                    ("median", length(median, p).into()),
                ];
                p.words.with("figures-lead-of", &values).into_owned()
            }
            (None, Some(_)) => p.t("figures-no-news").into_owned(),
            (None, None) => p.t("figures-commits-unknown").into_owned(),
        },
        why: fail
            .into_iter()
            .flat_map(|fail| &fail.why)
            .map(|why| p.word("figures-why", why.as_str()))
            .collect(),
        incidents: incidents
            .into_iter()
            .map(|key| {
                let title = report.incidents.get(&key).cloned().unwrap_or_default();
                (key.to_string(), title)
            })
            .collect(),
        followed_by: fail.and_then(|fail| fail.by).map(|by| by.to_string()),
        recovery: judged.recovery().map(|micros| length(micros, p)),
        rework: judged
            .rework
            .iter()
            .map(|why| p.word("figures-rework", why.as_str()))
            .collect(),
    }
}

/// `GET /deployments/figures/list.csv`: the same list as a file.
pub async fn list_csv(req: HttpRequest, app: web::Data<App>, viewer: Viewer) -> Answer {
    let now = Page::new(&req, "figures-title").now;
    let house = viewer.zone;
    let query = Query::of(&req, now, house);
    let wanted = Wanted::of(&req)?;
    let (name, bytes) = viewer
        .run(&app, move |ctx| {
            let report = dora::read(ctx, query.asked(house)?)?;
            let span = wanted.span(&report)?;
            let of = report.within(span).filter(|it| it.is_of(wanted.number));
            let bytes = say::list(&report, of).map_err(Error::internal)?;
            let what = format!("delivery-{}", wanted.number);
            Ok((file_name(&what, &report.period), bytes))
        })
        .await?;
    Ok(reply::download(&name, "text/csv; charset=utf-8", bytes))
}
