//! Commits without a change and changes without a commit, by repository and week, with the list behind every number.

use actix_web::{HttpRequest, web};
use askama::Template;
use chrono::NaiveDate;
use chrono_tz::Tz;

use super::inputs::Answer;
use super::queue::param;
use super::sla_reports::date;
use super::span::{Cell, Span, file_name, or_faults, period_text, week_text, zone_choices};
use crate::actions::coverage::{self, Asked};
use crate::app::App;
use crate::domain::coverage::{Change, Column, Commit, Covered, Report, Tally};
use crate::domain::dora::tenths;
use crate::domain::git::Repository;
use crate::domain::id::{Id, RepositoryId};
use crate::domain::refusal::FieldError;
use crate::domain::timestamp::Timestamp;
use crate::domain::week::Week;
use crate::domain::worktime::Interval;
use crate::error::{Error, Result};
use crate::http::form::Form;
use crate::http::page::{Page, Viewer};
use crate::http::reply;
use crate::render::coverage as say;
use crate::store;
use crate::words::Value;

/// Rows of a page of the list behind a number.
const ROWS: usize = 200;
/// Stands for the changes whose services have no repository.
const NONE: &str = "none";

#[derive(Debug, Clone)]
struct Query {
    span: Span,
    repository: String,
}

impl Query {
    fn of(req: &HttpRequest, now: Timestamp, house: Tz) -> Self {
        Self {
            span: Span::of(req, now, house),
            repository: param(req, "repository")
                .unwrap_or_default()
                .trim()
                .to_owned(),
        }
    }

    fn asked(&self, house: Tz) -> Result<Asked> {
        let repository: Option<RepositoryId> = match self.repository.as_str() {
            "" | NONE => None,
            text => {
                let unknown = || FieldError::new("repository", "unknown-repository");
                Some(Id::parse(text).ok_or_else(unknown)?)
            }
        };
        Ok(Asked {
            period: self.span.period(house)?,
            repository,
        })
    }

    fn place(&self, path: &str, more: &str) -> String {
        self.span
            .place(path, ("repository", &self.repository), more)
    }
}

#[derive(Template)]
#[template(path = "deploy/coverage.html")]
struct CoveragePage {
    p: Page,
    form: Form,
    repositories: Vec<(String, String)>,
    zones: Vec<(String, String)>,
    shown: Option<Shown>,
}

struct Shown {
    period: String,
    as_of: Option<Timestamp>,
    csv: String,
    covered: Vec<CoveredView>,
}

struct CoveredView {
    name: String,
    /// The whole period first, then its weeks, the latest first.
    rows: Vec<Row>,
}

struct Row {
    label: String,
    is_cut: bool,
    share: String,
    cells: Vec<Cell>,
}

/// The columns, in the order of the table's head.
const COLUMNS: [Column; 7] = [
    Column::Change,
    Column::Ticket,
    Column::NoTicket,
    Column::Nothing,
    Column::Exempt,
    Column::Without,
    Column::With,
];

/// `GET /repositories/coverage`
pub async fn show(req: HttpRequest, app: web::Data<App>, viewer: Viewer) -> Answer {
    let p = Page::new(&req, "coverage-title");
    let house = viewer.zone;
    let query = Query::of(&req, p.now, house);
    let asked = query.clone();
    let (repositories, outcome) = viewer
        .run(&app, move |ctx| {
            let outcome = asked
                .asked(house)
                .and_then(|asked| coverage::read(ctx, asked));
            let repositories = ctx.read(store::repository::repositories)?;
            Ok((repositories, or_faults(outcome)?))
        })
        .await?;
    let (report, errors) = outcome;
    let form = query
        .span
        .form(&p, errors)
        .with("repository", &query.repository);
    let page = CoveragePage {
        repositories: choices(repositories, &p),
        zones: zone_choices(&p),
        shown: report.map(|report| shown(&report, &query, &p)),
        form,
        p,
    };
    reply::page_with(page.form.status(), &page)
}

fn choices(mut all: Vec<Repository>, p: &Page) -> Vec<(String, String)> {
    all.sort_by_key(|it| it.name.to_lowercase());
    let every = (String::new(), p.t("coverage-every").into_owned());
    let named = all.into_iter().map(|it| (it.id.to_string(), it.name));
    std::iter::once(every).chain(named).collect()
}

fn name_of(covered: &Covered, p: &Page) -> String {
    match covered.name() {
        Some(name) => name.to_owned(),
        None => p.t("coverage-none").into_owned(),
    }
}

fn shown(report: &Report, query: &Query, p: &Page) -> Shown {
    let view = |covered: &Covered| {
        let whole = covered.tally(report.span());
        let own = Query {
            repository: match &covered.repository {
                Some((id, _)) => id.to_string(),
                None => NONE.to_owned(),
            },
            ..query.clone()
        };
        let mut rows = vec![row(p.t("figures-whole").into_owned(), None, whole, &own, p)];
        for week in report.weeks().iter().rev() {
            let tally = covered.tally(week.span);
            rows.push(row(week_text(week.monday), Some(week), tally, &own, p));
        }
        CoveredView {
            name: name_of(covered, p),
            rows,
        }
    };
    Shown {
        period: period_text(&report.period, p),
        as_of: report.as_of,
        csv: query.place("/repositories/coverage.csv", ""),
        covered: report.covered.iter().map(view).collect(),
    }
}

fn row(label: String, week: Option<&Week>, tally: Tally, query: &Query, p: &Page) -> Row {
    let cell = |column: &Column| {
        let n = tally.count(*column);
        let mut more = format!("&what={column}");
        if let Some(week) = week {
            more.push_str(&format!("&week={}", week.monday));
        }
        Cell {
            text: n.to_string(),
            place: (n > 0).then(|| query.place("/repositories/coverage/list", &more)),
        }
    };
    Row {
        label,
        is_cut: week.is_some_and(|week| week.is_cut),
        share: match tally.share() {
            None => p.t("coverage-no-commits").into_owned(),
            Some(share) => {
                let values: [(&str, Value<'_>); 3] = [
                    ("share", tenths(share).into()),
                    ("n", (tally.count(Column::Change) as i64).into()),
                    ("all", (tally.asked() as i64).into()),
                ];
                p.words.with("figures-share", &values).into_owned()
            }
        },
        cells: COLUMNS.iter().map(cell).collect(),
    }
}

/// `GET /repositories/coverage.csv`
pub async fn csv(req: HttpRequest, app: web::Data<App>, viewer: Viewer) -> Answer {
    let now = Page::new(&req, "coverage-title").now;
    let house = viewer.zone;
    let query = Query::of(&req, now, house);
    let (name, bytes) = viewer
        .run(&app, move |ctx| {
            let report = coverage::read(ctx, query.asked(house)?)?;
            let bytes = say::table(&report).map_err(Error::internal)?;
            Ok((file_name("coverage", &report.period), bytes))
        })
        .await?;
    Ok(reply::download(&name, "text/csv; charset=utf-8", bytes))
}

/// Which list.
struct Wanted {
    column: Column,
    week: Option<NaiveDate>,
}

impl Wanted {
    fn of(req: &HttpRequest) -> Result<Self> {
        let text = |name| param(req, name).unwrap_or_default();
        let column = match text("what").as_str() {
            "" => Column::Nothing,
            text => text.parse().map_err(|()| Error::NotFound)?,
        };
        let week = match text("week").as_str() {
            "" => None,
            text => Some(date("week", text)?),
        };
        Ok(Self { column, week })
    }

    fn more(&self) -> String {
        match self.week {
            None => format!("&what={}", self.column),
            Some(monday) => format!("&what={}&week={monday}", self.column),
        }
    }

    fn span(&self, report: &Report) -> Result<Interval> {
        let Some(monday) = self.week else {
            return Ok(report.span());
        };
        let week = report.weeks().into_iter().find(|it| it.monday == monday);
        Ok(week.ok_or(Error::NotFound)?.span)
    }

    fn found<'a>(&self, of: &'a Covered, span: Interval) -> (Vec<&'a Commit>, Vec<&'a Change>) {
        let commits = of.commits.iter();
        let commits =
            commits.filter(|it| span.contains(it.published_at) && self.column.has_commit(it));
        let changes = of.changes.iter();
        let changes =
            changes.filter(|it| span.contains(it.closed_at) && self.column.has_change(it));
        (commits.collect(), changes.collect())
    }
}

/// What is asked for is one repository's; where none is named, the first of the report.
fn only<'a>(report: &'a Report, query: &Query) -> Option<&'a Covered> {
    match query.repository.as_str() {
        NONE => report.covered.iter().find(|it| it.repository.is_none()),
        _ => report.covered.first(),
    }
}

#[derive(Template)]
#[template(path = "deploy/coverage_list.html")]
struct ListPage {
    p: Page,
    back: String,
    csv: String,
    what: String,
    means: String,
    commits: Vec<CommitRow>,
    changes: Vec<ChangeRow>,
    next: Option<String>,
}

struct CommitRow {
    oid: String,
    subject: String,
    published_at: Timestamp,
    standing: &'static str,
    no_ticket: Option<String>,
    tickets: Vec<String>,
}

struct ChangeRow {
    key: String,
    title: String,
    closed_at: Timestamp,
    outcome: Option<&'static str>,
}

/// `GET /repositories/coverage/list`: what lies behind a number.
pub async fn list(req: HttpRequest, app: web::Data<App>, viewer: Viewer) -> Answer {
    let p = Page::new(&req, "figures-list-title");
    let house = viewer.zone;
    let query = Query::of(&req, p.now, house);
    let wanted = Wanted::of(&req)?;
    let asked = query.clone();
    let report = viewer
        .run(&app, move |ctx| coverage::read(ctx, asked.asked(house)?))
        .await?;
    let span = wanted.span(&report)?;
    let covered = only(&report, &query);
    let (commits, changes) = covered.map(|it| wanted.found(it, span)).unwrap_or_default();
    let start: usize = param(&req, "start")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let count = commits.len().max(changes.len());
    let more = wanted.more();
    let next = (count > start.saturating_add(ROWS)).then(|| {
        let start = start + ROWS;
        query.place(
            "/repositories/coverage/list",
            &format!("{more}&start={start}"),
        )
    });
    let mut what = vec![p.word("coverage-column", wanted.column.as_str())];
    what.extend(covered.map(|it| name_of(it, &p)));
    what.push(match wanted.week {
        Some(monday) => p
            .t1("figures-week-of", "day", week_text(monday))
            .into_owned(),
        None => period_text(&report.period, &p),
    });
    let whole = Query {
        repository: String::new(),
        ..query.clone()
    };
    reply::page(&ListPage {
        back: whole.place("/repositories/coverage", ""),
        csv: query.place("/repositories/coverage/list.csv", &more),
        what: what.join(", "),
        means: p.word("coverage-means", wanted.column.as_str()),
        commits: commits
            .into_iter()
            .skip(start)
            .take(ROWS)
            .map(|it| CommitRow {
                oid: it.oid.chars().take(10).collect(),
                subject: it.subject.clone(),
                published_at: it.published_at,
                standing: it.standing.as_str(),
                no_ticket: it.no_ticket.clone(),
                tickets: it.tickets.iter().map(ToString::to_string).collect(),
            })
            .collect(),
        changes: changes
            .into_iter()
            .skip(start)
            .take(ROWS)
            .map(|it| ChangeRow {
                key: it.key.to_string(),
                title: it.title.clone(),
                closed_at: it.closed_at,
                outcome: it.outcome.map(|outcome| outcome.as_str()),
            })
            .collect(),
        next,
        p,
    })
}

/// `GET /repositories/coverage/list.csv`: the same list as a file.
pub async fn list_csv(req: HttpRequest, app: web::Data<App>, viewer: Viewer) -> Answer {
    let now = Page::new(&req, "coverage-title").now;
    let house = viewer.zone;
    let query = Query::of(&req, now, house);
    let wanted = Wanted::of(&req)?;
    let (name, bytes) = viewer
        .run(&app, move |ctx| {
            let report = coverage::read(ctx, query.asked(house)?)?;
            let span = wanted.span(&report)?;
            let nothing = Covered {
                repository: None,
                commits: Vec::new(),
                changes: Vec::new(),
            };
            let covered = only(&report, &query).unwrap_or(&nothing);
            let (commits, changes) = wanted.found(covered, span);
            let bytes = say::list(covered, &commits, &changes).map_err(Error::internal)?;
            let what = format!("coverage-{}", wanted.column);
            Ok((file_name(&what, &report.period), bytes))
        })
        .await?;
    Ok(reply::download(&name, "text/csv; charset=utf-8", bytes))
}
