//! Figures of delivery as CSV: by week, and what lies behind them. Nobody's name is in either.

use super::cells;
use crate::domain::dora::{Figures, Judged, Number, Report, Rework, Spread, Why, tenths};
use crate::domain::timestamp::Timestamp;
use crate::domain::worktime::Interval;

const MICROS: i64 = 1_000_000;

fn seconds(micros: Option<i64>) -> String {
    micros.map_or_else(String::new, |micros| (micros / MICROS).to_string())
}

fn at(at: Option<Timestamp>) -> String {
    at.map_or_else(String::new, Timestamp::rfc3339)
}

/// A row for the whole period, then one for each week. A share of nothing is an empty cell.
pub fn figures(report: &Report) -> Result<Vec<u8>, csv::Error> {
    let head = [
        "span",
        "from",
        "until",
        "deployments",
        "live",
        "live_a_week",
        "commits",
        "lead_median_secs",
        "lead_p90_secs",
        "live_with_unknown_commits",
        "failed",
        "fail_percent",
        "recovered",
        "recovery_median_secs",
        "recovery_p90_secs",
        "not_yet_recovered",
        "rework",
        "rework_percent",
        "running",
    ];
    let total = [("total".to_owned(), report.span(), report.total())];
    let weeks = report.weeks().into_iter();
    let weeks =
        weeks.map(|(week, figures)| (format!("week of {}", week.monday), week.span, figures));
    let rows = total.into_iter().chain(weeks);
    cells::csv(
        &head,
        rows.map(|(name, span, figures)| row(name, span, &figures)),
    )
}

fn row(name: String, span: Interval, figures: &Figures) -> Vec<String> {
    let count = |number| figures.count(number).to_string();
    let share = |number| figures.share(number).map(tenths).unwrap_or_default();
    let Spread {
        count: commits,
        median,
        p90,
    } = figures.lead;
    vec![
        name,
        span.from.rfc3339(),
        span.to.rfc3339(),
        count(Number::All),
        count(Number::Reached),
        tenths(figures.tenths_a_week),
        commits.to_string(),
        seconds(median),
        seconds(p90),
        count(Number::LeadUnknown),
        count(Number::Failed),
        share(Number::Failed),
        count(Number::Recovered),
        seconds(figures.recovery.median),
        seconds(figures.recovery.p90),
        count(Number::Unrecovered),
        count(Number::Rework),
        share(Number::Rework),
        count(Number::Running),
    ]
}

/// The deployments of a list, each with what was found of it.
pub fn list<'a>(
    report: &Report,
    of: impl Iterator<Item = &'a Judged>,
) -> Result<Vec<u8>, csv::Error> {
    let head = [
        "deployment",
        "service",
        "target",
        "version",
        "status",
        "step",
        "started_at",
        "ended_at",
        "commits",
        "lead_median_secs",
        "failed_because",
        "incidents",
        "followed_by",
        "recovered_at",
        "recovery_secs",
        "rework_because",
    ];
    let rows = of.map(|judged| {
        let it = &judged.it;
        let fail = judged.fail.as_ref();
        let why: Vec<&str> = fail
            .into_iter()
            .flat_map(|fail| fail.why.iter().copied().map(Why::as_str))
            .collect();
        let incidents: Vec<String> = fail
            .into_iter()
            .flat_map(|fail| fail.incidents.iter().map(ToString::to_string))
            .collect();
        let rework: Vec<&str> = judged.rework.iter().copied().map(Rework::as_str).collect();
        let leads = Spread::of(judged.leads.iter().map(|(_, micros)| *micros).collect());
        vec![
            it.id.to_string(),
            report.service_of(judged).to_owned(),
            it.lane.target.clone(),
            it.version.clone(),
            it.status.to_string(),
            it.step.to_string(),
            it.started_at.rfc3339(),
            at(it.ended_at),
            match &it.commits {
                Some(_) => leads.count.to_string(),
                None => String::new(),
            },
            seconds(leads.median),
            why.join(" "),
            incidents.join(" "),
            fail.and_then(|fail| fail.by)
                .map(|by| by.to_string())
                .unwrap_or_default(),
            at(fail.and_then(|fail| fail.recovered_at)),
            seconds(judged.recovery()),
            rework.join(" "),
        ]
    });
    cells::csv(&head, rows)
}
