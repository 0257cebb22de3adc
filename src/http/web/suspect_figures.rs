//! How often the list of suspects was right, by week, with the incidents behind it.

use actix_web::{HttpRequest, web};
use askama::Template;

use super::inputs::Answer;
use super::span::{Span, or_faults, period_text, week_text, zone_choices};
use crate::actions::suspect_figures;
use crate::app::App;
use crate::domain::dora::tenths;
use crate::domain::id::TicketKey;
use crate::domain::suspect_figures::{Report, Tally, thousandths};
use crate::domain::timestamp::Timestamp;
use crate::http::form::Form;
use crate::http::page::{Page, Viewer};
use crate::http::reply;
use crate::words::Value;

/// Incidents of the list.
const ROWS: usize = 200;

#[derive(Template)]
#[template(path = "deploy/suspects.html")]
struct SuspectsPage {
    p: Page,
    form: Form,
    zones: Vec<(String, String)>,
    shown: Option<Shown>,
}

struct Shown {
    period: String,
    as_of: Option<Timestamp>,
    /// The whole period first, then its weeks, the latest first.
    rows: Vec<Row>,
    found: Vec<Line>,
    more: usize,
}

struct Row {
    label: String,
    is_cut: bool,
    tally: Tally,
    first: String,
    three: String,
    rank: String,
}

struct Line {
    key: TicketKey,
    title: String,
    at: Timestamp,
    place: Option<i64>,
}

/// `GET /deployments/suspects`
pub async fn show(req: HttpRequest, app: web::Data<App>, viewer: Viewer) -> Answer {
    let p = Page::new(&req, "hits-title");
    let house = viewer.zone;
    let span = Span::of(&req, p.now, house);
    let asked = span.clone();
    let outcome = viewer
        .run(&app, move |ctx| {
            let report = asked
                .period(house)
                .and_then(|period| suspect_figures::read(ctx, period));
            or_faults(report)
        })
        .await?;
    let (report, errors) = outcome;
    let page = SuspectsPage {
        form: span.form(&p, errors),
        zones: zone_choices(&p),
        shown: report.map(|report| shown(report, &p)),
        p,
    };
    reply::page_with(page.form.status(), &page)
}

fn shown(report: Report, p: &Page) -> Shown {
    let whole = report.tally(report.span());
    let mut rows = vec![row(p.t("figures-whole").into_owned(), false, whole, p)];
    for week in report.weeks().iter().rev() {
        let tally = report.tally(week.span);
        rows.push(row(week_text(week.monday), week.is_cut, tally, p));
    }
    let lines = report.found.iter().take(ROWS).map(|it| Line {
        key: it.incident,
        title: it.title.clone(),
        at: it.at,
        place: it.place,
    });
    Shown {
        period: period_text(&report.period, p),
        as_of: report.as_of,
        rows,
        found: lines.collect(),
        more: report.found.len().saturating_sub(ROWS),
    }
}

fn row(label: String, is_cut: bool, tally: Tally, p: &Page) -> Row {
    let share = |share: Option<i64>, n: usize| match share {
        None => p.t("hits-none").into_owned(),
        Some(share) => {
            let values: [(&str, Value<'_>); 3] = [
                ("share", tenths(share).into()),
                ("n", (n as i64).into()),
                ("all", (tally.found as i64).into()),
            ];
            p.words.with("figures-share", &values).into_owned()
        }
    };
    Row {
        label,
        is_cut,
        first: share(tally.hit_first(), tally.first),
        three: share(tally.hit_three(), tally.among_three),
        rank: match tally.mean_reciprocal_rank() {
            None => p.t("hits-none").into_owned(),
            Some(rank) => thousandths(rank),
        },
        tally,
    }
}
