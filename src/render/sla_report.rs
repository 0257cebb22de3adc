//! A report of promises as a sheet (HTML, PDF); as CSV it is in `sla_csv`. Nothing in them depends on anything but the report: the same report is
//! the same bytes, and each form carries its hash.

use super::sheet::{self, Block, PAGE_NUMBER, PAGE_TOTAL, Sheet, Watermark};
use super::{pdf, pdf::PdfError, sla_csv};
use crate::domain::sla_credit::{Basis, Credit, Owed, share, share_text};
use crate::domain::sla_holder::Bearer;
use crate::domain::sla_report::{Count, Outcome, Section, SlaReport, Verdict};
use crate::domain::timestamp::Timestamp;
use crate::domain::word::words;
use crate::words::Words;

words! {
    /// The forms in which a report of promises leaves.
    pub enum Form { Html = "html", Csv = "csv", Pdf = "pdf" }
}

impl Form {
    pub const fn media_type(self) -> &'static str {
        match self {
            Form::Html => "text/html; charset=utf-8",
            Form::Csv => "text/csv; charset=utf-8",
            Form::Pdf => "application/pdf",
        }
    }
}

/// The report's bytes in one form.
pub fn write(report: &SlaReport, form: Form, words: &Words) -> Result<Vec<u8>, PdfError> {
    Ok(match form {
        Form::Html => sheet::html(&sheet(report, words)).into_bytes(),
        Form::Pdf => pdf::write(&sheet(report, words))?,
        Form::Csv => sla_csv::csv(report, words).into_bytes(),
    })
}

/// A file's name: `sla-contoso-2026-06-01-2026-06-30.pdf`.
pub fn file_name(report: &SlaReport, form: Form) -> String {
    let whose = report.customer.as_ref().map_or("house", |(_, name)| name);
    let plain: String = whose
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .collect();
    let (from, to) = (report.period.from_on, report.period.to_on);
    let draft = if report.as_of.is_some() { "-draft" } else { "" };
    format!("sla-{}-{from}-{to}{draft}.{form}", plain.trim_matches('-'))
}

fn word(words: &Words, family: &str, word: &str) -> String {
    words
        .t(&format!("{family}-{}", word.replace('_', "-")))
        .into_owned()
}

/// "1 Jun 2026 – 30 Jun 2026, Europe/Berlin".
pub fn period(report: &SlaReport, words: &Words) -> String {
    let day = |date: chrono::NaiveDate| date.format("%-d %b %Y").to_string();
    words
        .with(
            "sla-period",
            &[
                ("from", day(report.period.from_on).into()),
                ("to", day(report.period.to_on).into()),
                ("zone", report.period.zone.name().into()),
            ],
        )
        .into_owned()
}

/// "96.428 % (27 of 28)"; of nothing "0 of 0". Never a share without what it is of.
pub fn kept(count: Count, words: &Words) -> String {
    of(count.met, count.all(), words)
}

fn of(n: i64, m: i64, words: &Words) -> String {
    let fraction = words.with("sla-n-of-m", &[("n", n.into()), ("m", m.into())]);
    match share(n, m) {
        Some(share) => format!("{} % ({fraction})", share_text(share)),
        None => fraction.into_owned(),
    }
}

/// "99.833 % (718 h 48 min of 720 h)".
pub fn uptime(up: i64, total: i64, words: &Words) -> String {
    let exact = |micros: i64| words.length(micros).into();
    let fraction = words.with("sla-n-of-m", &[("n", exact(up)), ("m", exact(total))]);
    match share(up, total) {
        Some(share) => format!("{} % ({fraction})", share_text(share)),
        None => fraction.into_owned(),
    }
}

/// Whose late time it is: a team's name or a word.
pub fn bearer(report: &SlaReport, bearer: Bearer, words: &Words) -> String {
    match report.team(bearer) {
        Some(team) => team.to_owned(),
        None if bearer == Bearer::Team(None) => words.t("sla-no-team").into_owned(),
        None => word(words, "holder", bearer.word()),
    }
}

/// "3" or "3 (1 late)".
pub fn with_late(count: i64, late: i64, words: &Words) -> String {
    match late {
        0 => count.to_string(),
        _ => words
            .with(
                "sla-of-which-late",
                &[("n", count.into()), ("late", late.into())],
            )
            .into_owned(),
    }
}

/// What a threshold is about.
pub fn basis(basis: Basis, words: &Words) -> String {
    match basis {
        Basis::Kept(metric) => word(words, "metric", metric.as_str()),
        Basis::Availability => words.t("sla-availability").into_owned(),
    }
}

/// "First response: 66.666 % (2 of 3) is below 95 %: 5 %".
pub fn owed(owed: &Owed, words: &Words) -> String {
    let achieved = match owed.rule.basis {
        Basis::Kept(_) => of(owed.n, owed.m, words),
        Basis::Availability => uptime(owed.n, owed.m, words),
    };
    words
        .with(
            "sla-owed",
            &[
                ("what", basis(owed.rule.basis, words).into()),
                ("achieved", achieved.into()),
                ("below", share_text(owed.rule.below).into()),
                ("credit", share_text(owed.rule.credit).into()),
            ],
        )
        .into_owned()
}

/// The sentence that sums a credit up.
pub fn credit_sum(section: &Section, credit: &Credit, words: &Words) -> String {
    let cap = section.clause.as_ref().map_or(0, |clause| clause.cap);
    let key = match (credit.credit, credit.sum > cap) {
        (0, _) => "sla-credit-none",
        (_, true) => "sla-credit-capped",
        (_, false) => "sla-credit",
    };
    words
        .with(
            key,
            &[
                ("credit", share_text(credit.credit).into()),
                ("sum", share_text(credit.sum).into()),
                ("cap", share_text(cap).into()),
            ],
        )
        .into_owned()
}

/// Counted how: round the clock or in hours, which incidents, with or without maintenance.
pub fn counting(section: &Section, words: &Words) -> String {
    use crate::domain::sla_credit::Counting;
    let counting = section
        .clause
        .as_ref()
        .map_or(Counting::USUAL, |clause| clause.counting);
    let severity = word(words, "severity", counting.severity.as_str());
    let key = match (counting.calendar.is_some(), counting.excludes_maintenance) {
        (false, true) => "sla-counting-always-without",
        (false, false) => "sla-counting-always",
        (true, true) => "sla-counting-hours-without",
        (true, false) => "sla-counting-hours",
    };
    words
        .with(key, &[("severity", severity.into())])
        .into_owned()
}

/// The report as a document.
pub fn sheet(report: &SlaReport, words: &Words) -> Sheet {
    let t = |key: &str| words.t(key).into_owned();
    let hash = report.hash();
    let whose = match &report.customer {
        Some((_, name)) => name.clone(),
        None => t("clock-house"),
    };
    let mut blocks = vec![Block::Text(t("sla-how"))];
    for section in &report.sections {
        section_blocks(report, section, words, &mut blocks);
    }
    if report.sections.is_empty() {
        blocks.push(Block::Text(t("sla-nothing")));
    }
    let interval = report.period.interval();
    Sheet {
        language: "en".to_owned(),
        title: words
            .with("sla-report-of", &[("name", whose.into())])
            .into_owned(),
        subtitle: period(report, words),
        watermark: report.as_of.map(|at| Watermark {
            word: t("sla-draft"),
            sentence: words
                .with(
                    "sla-draft-sentence",
                    &[("at", stamp(at, report, words).into())],
                )
                .into_owned(),
        }),
        blocks,
        footer: words
            .with("sla-footer", &[("hash", hash.as_str().into())])
            .into_owned(),
        page_label: words
            .with(
                "sheet-page",
                &[("n", PAGE_NUMBER.into()), ("total", PAGE_TOTAL.into())],
            )
            .into_owned(),
        // The document has no date of its own: its period's end keeps the bytes the same.
        dated_at: report.as_of.unwrap_or(interval.to),
        identity: hash,
    }
}

/// An instant on the wall clock of the report's zone, to the second.
pub fn stamp(at: Timestamp, report: &SlaReport, words: &Words) -> String {
    let whole = Timestamp::from_micros(at.micros().div_euclid(1_000_000) * 1_000_000);
    super::proof::instant(whole, report.period.zone, words)
}

fn section_blocks(report: &SlaReport, section: &Section, words: &Words, blocks: &mut Vec<Block>) {
    let t = |key: &str| words.t(key).into_owned();
    blocks.push(Block::Heading(title(section, words)));
    let counts = section.counts();
    if counts.is_empty() {
        blocks.push(Block::Text(t("sla-no-clocks")));
    } else {
        blocks.push(Block::Table {
            head: [
                "sla-promise",
                "sla-kept",
                "sla-missed",
                "sla-not-needed",
                "sla-cancelled",
                "sla-moved",
                "sla-open",
            ]
            .map(t)
            .to_vec(),
            rows: counts
                .iter()
                .map(|(metric, count)| {
                    vec![
                        word(words, "metric", metric.as_str()),
                        kept(*count, words),
                        count.missed.to_string(),
                        count.not_needed.to_string(),
                        with_late(count.cancelled, count.cancelled_late, words),
                        count.moved.to_string(),
                        with_late(count.open, count.open_late, words),
                    ]
                })
                .collect(),
            shares: vec![4, 5, 2, 3, 3, 2, 3],
        });
    }
    let late = section.late();
    if !late.is_empty() {
        blocks.push(Block::Heading(t("sla-late-title")));
        blocks.push(Block::Table {
            head: ["share-whose", "sla-late-time"].map(t).to_vec(),
            rows: late
                .iter()
                .map(|(who, micros)| vec![bearer(report, *who, words), words.length(*micros)])
                .collect(),
            shares: vec![3, 2],
        });
        blocks.push(Block::Text(t("sla-no-ranking")));
    }
    if let Some(served) = &section.availability {
        blocks.push(Block::Heading(t("sla-availability")));
        blocks.push(Block::Text(counting(section, words)));
        if served.is_empty() {
            blocks.push(Block::Text(t("sla-no-outage")));
        } else {
            blocks.push(Block::Table {
                head: ["sla-service", "sla-available", "sla-down", "sla-incidents"]
                    .map(t)
                    .to_vec(),
                rows: served
                    .iter()
                    .map(|it| {
                        let keys: Vec<String> =
                            it.incidents.iter().map(|key| key.to_string()).collect();
                        vec![
                            it.service.clone().unwrap_or_else(|| t("sla-no-service")),
                            uptime(it.uptime.up(), it.uptime.total, words),
                            words.length(it.uptime.down),
                            keys.join(", "),
                        ]
                    })
                    .collect(),
                shares: vec![3, 5, 3, 3],
            });
        }
    }
    if let Some(credit) = section.credit() {
        blocks.push(Block::Heading(t("sla-credit-title")));
        let mut lines: Vec<String> = credit.owed.iter().map(|it| owed(it, words)).collect();
        lines.push(credit_sum(section, &credit, words));
        blocks.push(Block::List(lines));
    }
    lists(report, section, words, blocks);
}

/// "Gold, versions 2, 3".
pub fn title(section: &Section, words: &Words) -> String {
    let versions: Vec<String> = section.versions.iter().map(i64::to_string).collect();
    match versions.len() {
        0 => section.name.clone(),
        count => {
            let values = [
                ("count", (count as i64).into()),
                ("versions", versions.join(", ").into()),
            ];
            format!("{}, {}", section.name, words.with("sla-versions", &values))
        }
    }
}

/// What lies behind the numbers: what was missed, cancelled and moved, what was open, and what was kept.
fn lists(report: &SlaReport, section: &Section, words: &Words, blocks: &mut Vec<Block>) {
    let t = |key: &str| words.t(key).into_owned();
    let at = |at: Option<Timestamp>| at.map_or_else(String::new, |at| stamp(at, report, words));
    let unkept: Vec<&Outcome> = section
        .outcomes
        .iter()
        .filter(|outcome| outcome.verdict != Verdict::Met)
        .collect();
    if !unkept.is_empty() {
        blocks.push(Block::Heading(t("sla-unkept-title")));
        blocks.push(Block::Table {
            head: [
                "sla-ticket",
                "sla-promise",
                "sla-due",
                "sla-ended",
                "sla-outcome",
            ]
            .map(t)
            .to_vec(),
            rows: unkept
                .iter()
                .map(|it| {
                    vec![
                        format!("{} {}", it.ticket, it.title),
                        word(words, "metric", it.metric.as_str()),
                        at(it.deadline_at),
                        at(Some(it.ended_at)),
                        outcome(report, it, words),
                    ]
                })
                .collect(),
            shares: vec![5, 3, 4, 4, 5],
        });
    }
    if !section.pending.is_empty() {
        blocks.push(Block::Heading(t("sla-open-title")));
        blocks.push(Block::Table {
            head: ["sla-ticket", "sla-promise", "sla-due", "sla-outcome"]
                .map(t)
                .to_vec(),
            rows: section
                .pending
                .iter()
                .map(|it| {
                    let state = if it.is_late {
                        "sla-open-late"
                    } else {
                        "sla-still-open"
                    };
                    vec![
                        format!("{} {}", it.ticket, it.title),
                        word(words, "metric", it.metric.as_str()),
                        at(it.deadline_at),
                        t(state),
                    ]
                })
                .collect(),
            shares: vec![6, 3, 4, 3],
        });
    }
    let met = section.outcomes.iter();
    let met: Vec<&Outcome> = met.filter(|it| it.verdict == Verdict::Met).collect();
    if met.is_empty() {
        return;
    }
    blocks.push(Block::Heading(t("sla-met-title")));
    blocks.push(Block::Table {
        head: ["sla-ticket", "sla-promise", "sla-due", "sla-ended"]
            .map(t)
            .to_vec(),
        rows: met
            .iter()
            .take(MOST_MET)
            .map(|it| {
                vec![
                    format!("{} {}", it.ticket, it.title),
                    word(words, "metric", it.metric.as_str()),
                    at(it.deadline_at),
                    at(Some(it.ended_at)),
                ]
            })
            .collect(),
        shares: vec![6, 3, 4, 4],
    });
    let more = met.len().saturating_sub(MOST_MET);
    if more > 0 {
        let more = words.with("sla-met-more", &[("n", (more as i64).into())]);
        blocks.push(Block::Text(more.into_owned()));
    }
}

/// Kept promises that a document lists; a house's quarter has ten thousand, and all of them are in the CSV.
const MOST_MET: usize = 1_000;

/// "missed, 1 h late: NetOps 40 min, the customer 20 min", also "…; no reply was needed"; "cancelled: the ticket was cancelled".
pub fn outcome(report: &SlaReport, of: &Outcome, words: &Words) -> String {
    let verdict = word(words, "verdict", of.verdict.as_str());
    match of.verdict {
        Verdict::Met | Verdict::Moved | Verdict::NotNeeded => verdict,
        Verdict::Missed => {
            let total = of.late_micros();
            let parts: Vec<String> = of
                .late
                .iter()
                .map(|(who, micros)| {
                    format!("{} {}", bearer(report, *who, words), words.length(*micros))
                })
                .collect();
            let key = match total {
                0 => "sla-missed-outside",
                _ if total / 1_000_000 == of.over_secs => "sla-missed-by",
                _ => "sla-missed-over",
            };
            let late = words.with(
                key,
                &[
                    ("verdict", verdict.into()),
                    ("over", words.length(of.over_secs * 1_000_000).into()),
                    ("late", words.length(total).into()),
                    ("parts", parts.join(", ").into()),
                ],
            );
            let Some(why) = of.cancelled else {
                return late.into_owned();
            };
            let why = word(words, "cancelled", why.as_str());
            words
                .with(
                    "sla-missed-and",
                    &[("outcome", late.into()), ("why", why.into())],
                )
                .into_owned()
        }
        Verdict::Cancelled => {
            let why = of.cancelled.map_or("", |why| why.as_str());
            let late = match of.breached_at {
                Some(_) => format!(", {}", words.t("sla-was-late")),
                None => String::new(),
            };
            format!("{verdict}: {}{late}", word(words, "cancelled", why))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::domain::sla_report::tests::example;
    use super::super::sla_csv::HEAD;
    use super::*;

    #[test]
    fn the_same_report_is_the_same_bytes_and_each_form_names_its_hash() {
        let report = example();
        let hash = report.hash();
        for form in Form::ALL {
            let bytes = write(&report, *form, Words::english()).unwrap();
            assert_eq!(bytes, write(&example(), *form, Words::english()).unwrap());
            let text = String::from_utf8_lossy(&bytes);
            // The PDF's text is glyphs; its identity is in its metadata.
            assert!(text.contains(&hash) || *form == Form::Pdf, "{form}");
        }
        assert_eq!(
            file_name(&report, Form::Pdf),
            "sla-contoso-2026-06-01-2026-06-30.pdf"
        );
    }

    #[test]
    fn every_share_stands_beside_what_it_is_of() {
        let page = sheet::html(&sheet(&example(), Words::english()));
        for wanted in [
            "66.666 % (2 of 3)",
            "100 % (1 of 1)",
            "99.833 % (718 h 48 min of 720 h)",
            "Gold, versions 2, 3",
            "1 (1 late)",
            "Network &lt;ops&gt; 40 min, the customer 20 min",
            "is below 95 %: 5 %",
            "15 % is more than the cap: 12 %",
            "INC-5 Phones, all",
            "INC-1 Uplink 1 down",
            "1 Jun 2026 – 30 Jun 2026, Europe/Berlin",
            "Tue 2 Jun 2026 11:00 CEST",
        ] {
            assert!(page.contains(wanted), "{wanted:?} isn't in\n{page}");
        }
        assert!(!page.contains("DRAFT"));
        let mut open = example();
        open.as_of = Some(Timestamp::parse_rfc3339("2026-06-15T08:00:00Z").unwrap());
        assert!(sheet::html(&sheet(&open, Words::english())).contains("DRAFT"));
    }

    #[test]
    fn the_csv_has_a_line_for_every_cycle_and_runs_no_formula() {
        let mut report = example();
        report.sections[0].outcomes[0].title = "=HYPERLINK(\"x\"), he said".into();
        let text = String::from_utf8(write(&report, Form::Csv, Words::english()).unwrap()).unwrap();
        let lines: Vec<&str> = text.split("\r\n").collect();
        assert_eq!(lines[0], HEAD.join(","));
        let of = |row: &str| lines.iter().filter(|line| line.starts_with(row)).count();
        assert_eq!((of("clock,"), of("kept,"), of("late,")), (8, 3, 2));
        assert!(
            text.contains("\"'=HYPERLINK(\"\"x\"\"), he said\""),
            "{text}"
        );
        assert!(text.contains("2026-06-02T10:00:00+02:00"), "{text}");
        assert!(
            text.contains("kept,Gold,2 3,respond,,,,,,,,,,,2,3,,"),
            "{text}"
        );
        assert!(
            text.contains(",3600,Network <ops> 2400; the customer 1200,"),
            "{text}"
        );
    }
}
