//! What lies behind a number of a report of promises: the cycles, each with the way to its proof. By team and outside party, never
//! by person.

use actix_web::{HttpRequest, web};
use askama::Template;

use super::inputs::Answer;
use super::queue::param;
use super::sla_reports::Query;
use crate::actions::{allow, sla_report};
use crate::app::App;
use crate::domain::access::{Action, Target};
use crate::domain::sla_agreement::Metric;
use crate::domain::sla_holder::{Bearer, refuse_persons};
use crate::domain::sla_report::{SlaReport, Verdict};
use crate::domain::timestamp::Timestamp;
use crate::error::Error;
use crate::http::marks::Markup;
use crate::http::page::{Page, Viewer};
use crate::http::reply::{self, Failure, coded};
use crate::render::sla_report as say;
use crate::store;

#[derive(Template)]
#[template(path = "report/list.html")]
struct ListPage {
    p: Page,
    back: String,
    what: String,
    rows: Vec<ListRow>,
    count: String,
    next: Option<String>,
}

struct ListRow {
    key: String,
    title: String,
    metric: String,
    clock: String,
    anchor_at: Markup,
    due_at: Option<Markup>,
    ended_at: Option<Markup>,
    outcome: String,
}

/// Rows of a page of the list behind a number.
const ROWS: usize = 200;

/// `GET /reports/sla/list`: what lies behind a number.
pub async fn list(req: HttpRequest, app: web::Data<App>, viewer: Viewer) -> Answer {
    let query = Query::of(&req);
    let wanted = Wanted::of(&req)?;
    let (house, asked) = (viewer.zone, query.clone());
    let report = viewer
        .run(&app, move |ctx| {
            allow(&ctx.by, Action::ExportReport, Target::House)?;
            let customers = ctx.read(store::customer::all)?;
            let asked = asked.asked(&customers, house)?;
            sla_report::prepare(ctx, &asked)
        })
        .await?;
    let from: usize = param(&req, "start")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let p = Page::new(&req, "sla-list-title");
    let all = wanted.rows(&report, &p);
    let count = all.len() as i64;
    let more = all.len() > from.saturating_add(ROWS);
    let next = more.then(|| {
        let start = from + ROWS;
        query.place(
            "/reports/sla/list",
            &format!("{}&start={start}", wanted.text()),
        )
    });
    reply::page(&ListPage {
        back: query.place("/reports/sla", ""),
        what: wanted.said(&report, &p),
        rows: all.into_iter().skip(from).take(ROWS).collect(),
        count: p.t1("sla-list-count", "n", count).into_owned(),
        next,
        p,
    })
}

/// Which cycles of a report.
struct Wanted {
    /// An agreement's id, or `hand`; empty: all.
    of: String,
    metric: Option<Metric>,
    outcome: String,
    by: String,
}

impl Wanted {
    fn of(req: &HttpRequest) -> std::result::Result<Self, Failure> {
        let text = |name| param(req, name).unwrap_or_default();
        let by = text("by");
        refuse_persons(&by)?;
        let metric = text("metric");
        Ok(Self {
            of: text("of"),
            metric: match metric.as_str() {
                "" => None,
                text => Some(text.parse().map_err(|()| Error::NotFound)?),
            },
            outcome: text("outcome"),
            by,
        })
    }

    fn text(&self) -> String {
        let mut text = format!("&of={}&outcome={}", coded(&self.of), coded(&self.outcome));
        if let Some(metric) = self.metric {
            text.push_str(&format!("&metric={metric}"));
        }
        if !self.by.is_empty() {
            text.push_str(&format!("&by={}", coded(&self.by)));
        }
        text
    }

    fn is_by(&self, bearer: Bearer) -> bool {
        match bearer {
            Bearer::Team(Some(team)) => self.by == team.to_string(),
            other => self.by == other.word(),
        }
    }

    fn said(&self, report: &SlaReport, p: &Page) -> String {
        let mut parts = vec![say::period(report, p.words)];
        parts.extend(self.metric.map(|it| p.word("metric", it.as_str())));
        let outcome = match self.outcome.as_str() {
            "open" => Some(p.t("sla-open-title").into_owned()),
            text => {
                let verdict: Option<Verdict> = text.parse().ok();
                verdict.map(|verdict| p.word("verdict", verdict.as_str()))
            }
        };
        parts.extend(outcome);
        parts.join(", ")
    }

    fn rows(&self, report: &SlaReport, p: &Page) -> Vec<ListRow> {
        let words = p.words;
        let zone = report.period.zone;
        let at = |at: Timestamp| p.exact_time_in(&at, &zone);
        let mut rows = Vec::new();
        for section in &report.sections {
            let id = section
                .agreement
                .map_or_else(|| "hand".to_owned(), |id| id.to_string());
            if !self.of.is_empty() && self.of != id {
                continue;
            }
            let is_of = |metric| self.metric.is_none_or(|wanted| wanted == metric);
            for it in section.outcomes.iter().filter(|it| is_of(it.metric)) {
                let fits = self.outcome.is_empty() || self.outcome == it.verdict.as_str();
                let by = self.by.is_empty() || it.late.iter().any(|(who, _)| self.is_by(*who));
                if fits && by {
                    rows.push(ListRow {
                        key: it.ticket.to_string(),
                        title: it.title.clone(),
                        metric: p.word("metric", it.metric.as_str()),
                        clock: it.clock.to_string(),
                        anchor_at: at(it.anchor_at),
                        due_at: it.deadline_at.map(at),
                        ended_at: Some(at(it.ended_at)),
                        outcome: say::outcome(report, it, words),
                    });
                }
            }
            let shows_open = self.by.is_empty() && matches!(self.outcome.as_str(), "" | "open");
            for it in section
                .pending
                .iter()
                .filter(|it| shows_open && is_of(it.metric))
            {
                let state = match it.is_late {
                    true => "sla-open-late",
                    false => "sla-still-open",
                };
                rows.push(ListRow {
                    key: it.ticket.to_string(),
                    title: it.title.clone(),
                    metric: p.word("metric", it.metric.as_str()),
                    clock: it.clock.to_string(),
                    anchor_at: at(it.anchor_at),
                    due_at: it.deadline_at.map(at),
                    ended_at: None,
                    outcome: p.t(state).into_owned(),
                });
            }
        }
        rows
    }
}
