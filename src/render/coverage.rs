//! Coverage of commits and changes as CSV: by repository and week, and what lies behind it.

use super::cells;
use crate::domain::coverage::{Change, Column, Commit, Covered, Report, Tally};
use crate::domain::dora::tenths;
use crate::domain::worktime::Interval;

/// A row for each repository's whole period, then one for each of its weeks. A share of nothing is an empty cell.
pub fn table(report: &Report) -> Result<Vec<u8>, csv::Error> {
    let head = [
        "repository",
        "span",
        "from",
        "until",
        "commits_with_change",
        "commits_with_other_ticket",
        "commits_decided_without",
        "commits_without_ticket",
        "commits_exempt",
        "percent_with_change",
        "changes_without_commit",
        "changes_with_commit",
    ];
    let mut rows = Vec::new();
    for covered in &report.covered {
        let name = covered.name().unwrap_or_default();
        let total = covered.tally(report.span());
        rows.push(row(name, "total".to_owned(), report.span(), &total));
        for week in report.weeks() {
            let span = format!("week of {}", week.monday);
            rows.push(row(name, span, week.span, &covered.tally(week.span)));
        }
    }
    cells::csv(&head, rows)
}

fn row(name: &str, said: String, span: Interval, tally: &Tally) -> Vec<String> {
    let count = |column| tally.count(column).to_string();
    vec![
        name.to_owned(),
        said,
        span.from.rfc3339(),
        span.to.rfc3339(),
        count(Column::Change),
        count(Column::Ticket),
        count(Column::NoTicket),
        count(Column::Nothing),
        count(Column::Exempt),
        tally.share().map(tenths).unwrap_or_default(),
        count(Column::Without),
        count(Column::With),
    ]
}

/// What lies behind a number.
pub fn list(of: &Covered, commits: &[&Commit], changes: &[&Change]) -> Result<Vec<u8>, csv::Error> {
    let head = [
        "repository",
        "kind",
        "id",
        "at",
        "stands_on",
        "tickets",
        "title",
        "no_ticket_because",
    ];
    let name = of.name().unwrap_or_default();
    let commits = commits.iter().map(|it| {
        let tickets: Vec<String> = it.tickets.iter().map(ToString::to_string).collect();
        vec![
            name.to_owned(),
            "commit".to_owned(),
            it.oid.clone(),
            it.published_at.rfc3339(),
            it.standing.to_string(),
            tickets.join(" "),
            it.subject.clone(),
            it.no_ticket.clone().unwrap_or_default(),
        ]
    });
    let changes = changes.iter().map(|it| {
        vec![
            name.to_owned(),
            "change".to_owned(),
            it.key.to_string(),
            it.closed_at.rfc3339(),
            match it.has_commit {
                true => "commit".to_owned(),
                false => "nothing".to_owned(),
            },
            String::new(),
            it.title.clone(),
            String::new(),
        ]
    });
    cells::csv(&head, commits.chain(changes))
}
