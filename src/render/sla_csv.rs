//! A report of promises as CSV: every cycle, every number, one table. `sla_report` is the same as a document.

use super::sla_report::bearer;
use crate::domain::sla_credit::share_text;
use crate::domain::sla_report::{SlaReport, Verdict};
use crate::domain::timestamp::Timestamp;
use crate::words::Words;

/// `late_seconds` and `used_seconds` are working time, `over_seconds` is by the wall clock.
const COLUMNS: usize = 18;
pub(super) const HEAD: [&str; COLUMNS] = [
    "row",
    "agreement",
    "versions",
    "what",
    "ticket",
    "title",
    "cycle",
    "counted_from",
    "due",
    "ended",
    "outcome",
    "reason",
    "late_seconds",
    "late_by",
    "n",
    "m",
    "over_seconds",
    "used_seconds",
];

/// Every cycle, every number, one table: `row` says what a line is. Instants are on the wall clock of the report's zone, with their
/// offset. The last line is the hash.
pub(super) fn csv(report: &SlaReport, words: &Words) -> String {
    let mut out = Csv(String::new());
    out.line(HEAD.map(str::to_owned));
    let at = |at: Option<Timestamp>| {
        at.map_or_else(String::new, |at| {
            at.in_zone(report.period.zone)
                .to_rfc3339_opts(chrono::SecondsFormat::AutoSi, false)
        })
    };
    for section in &report.sections {
        let versions: Vec<String> = section.versions.iter().map(i64::to_string).collect();
        let versions = versions.join(" ");
        let line = |row: &str, what: &str| {
            let mut line: [String; COLUMNS] = Default::default();
            line[0] = row.to_owned();
            line[1] = section.name.clone();
            line[2] = versions.clone();
            line[3] = what.to_owned();
            line
        };
        for it in &section.outcomes {
            let mut cells = line("clock", it.metric.as_str());
            cells[4] = it.ticket.to_string();
            cells[5] = it.title.clone();
            cells[6] = it.cycle.to_string();
            cells[7] = at(Some(it.anchor_at));
            cells[8] = at(it.deadline_at);
            cells[9] = at(Some(it.ended_at));
            cells[10] = it.verdict.to_string();
            cells[11] = it.cancelled.map(|why| why.to_string()).unwrap_or_default();
            if it.verdict == Verdict::Missed {
                cells[12] = seconds(it.late_micros());
                cells[16] = it.over_secs.to_string();
                cells[17] = seconds(it.used);
                let parts: Vec<String> = it
                    .late
                    .iter()
                    .map(|(who, micros)| {
                        format!("{} {}", bearer(report, *who, words), seconds(*micros))
                    })
                    .collect();
                cells[13] = parts.join("; ");
            }
            out.line(cells);
        }
        for it in &section.pending {
            let mut cells = line("clock", it.metric.as_str());
            cells[4] = it.ticket.to_string();
            cells[5] = it.title.clone();
            cells[6] = it.cycle.to_string();
            cells[7] = at(Some(it.anchor_at));
            cells[8] = at(it.deadline_at);
            cells[10] = if it.is_late { "open_late" } else { "open" }.to_owned();
            out.line(cells);
        }
        for (metric, count) in section.counts() {
            let mut cells = line("kept", metric.as_str());
            cells[14] = count.met.to_string();
            cells[15] = count.all().to_string();
            out.line(cells);
        }
        for (who, micros) in section.late() {
            let mut cells = line("late", who.word());
            cells[12] = seconds(micros);
            cells[13] = bearer(report, who, words);
            out.line(cells);
        }
        for it in section.availability.iter().flatten() {
            let mut cells = line(
                "available_seconds",
                it.service.as_deref().unwrap_or_default(),
            );
            let keys: Vec<String> = it.incidents.iter().map(|key| key.to_string()).collect();
            cells[4] = keys.join(" ");
            cells[14] = seconds(it.uptime.up());
            cells[15] = seconds(it.uptime.total);
            out.line(cells);
        }
        if let Some(credit) = section.credit() {
            for it in &credit.owed {
                let mut cells = line("credit_percent", it.rule.basis.as_str());
                cells[11] = format!("below {} %", share_text(it.rule.below));
                cells[14] = share_text(it.rule.credit);
                out.line(cells);
            }
            let mut cells = line("credit_percent", "all");
            cells[14] = share_text(credit.credit);
            out.line(cells);
        }
    }
    let mut cells: [String; COLUMNS] = Default::default();
    cells[0] = "sha256".to_owned();
    cells[3] = report.hash();
    out.line(cells);
    out.0
}

/// Seconds with their parts: `5400`, `0.25`.
fn seconds(micros: i64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// RFC 4180, with what a spreadsheet would run as a formula made harmless.
struct Csv(String);

impl Csv {
    fn line(&mut self, cells: [String; COLUMNS]) {
        for (place, cell) in cells.iter().enumerate() {
            if place > 0 {
                self.0.push(',');
            }
            let risky = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
            let cell = if risky {
                format!("'{cell}")
            } else {
                cell.clone()
            };
            if cell.contains([',', '"', '\n', '\r']) {
                self.0
                    .push_str(&format!("\"{}\"", cell.replace('"', "\"\"")));
            } else {
                self.0.push_str(&cell);
            }
        }
        self.0.push_str("\r\n");
    }
}
