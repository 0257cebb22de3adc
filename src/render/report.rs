//! A customer's outage report as a sheet: what stands where, in the customer's zone and in UTC, with the catalogue's labels.

use chrono_tz::Tz;

use super::sheet::{self, Block, PAGE_NUMBER, PAGE_TOTAL, Sheet, Watermark};
use super::{pdf, pdf::PdfError};
use crate::domain::outage::{Edition, Format, Part, Report, Standing};
use crate::domain::timestamp::Timestamp;
use crate::words::Words;

/// The report's bytes in one format. The same report is the same bytes.
pub fn write(report: &Report, format: Format, words: &Words) -> Result<Vec<u8>, PdfError> {
    let sheet = sheet(report, words);
    Ok(match format {
        Format::Html => sheet::html(&sheet).into_bytes(),
        Format::Markdown => sheet::markdown(&sheet).into_bytes(),
        Format::Text => sheet::text(&sheet).into_bytes(),
        Format::Pdf => pdf::write(&sheet)?,
    })
}

/// The report as a document.
pub fn sheet(report: &Report, words: &Words) -> Sheet {
    let t = |key: &str| words.t(key).into_owned();
    let hash = report.hash();
    let texts = &report.texts;
    let mut blocks = vec![Block::Facts(facts(report, words))];
    let part = |part: Part, blocks: &mut Vec<Block>| {
        let text = match (part, texts.edition, texts.part(part)) {
            (Part::Cause, Edition::First, "") => t("report-cause-later"),
            (_, _, text) => text.to_owned(),
        };
        if !text.trim().is_empty() {
            blocks.push(Block::Heading(t(&format!("report-part-{}", part.as_str()))));
            blocks.push(Block::Text(text));
        }
    };
    part(Part::Summary, &mut blocks);
    part(Part::Scope, &mut blocks);
    part(Part::NotAffected, &mut blocks);
    if !report.rows.is_empty() {
        blocks.push(Block::Heading(t("report-timeline")));
        blocks.push(Block::Table {
            head: vec![t("report-when"), t("report-what")],
            rows: report
                .rows
                .iter()
                .map(|row| vec![both_times(row.at, report.zone), row.text.clone()])
                .collect(),
            shares: vec![5, 9],
        });
    }
    part(Part::Resolution, &mut blocks);
    part(Part::Cause, &mut blocks);
    part(Part::Future, &mut blocks);
    if !report.commitments.is_empty() {
        if texts.part(Part::Future).trim().is_empty() {
            blocks.push(Block::Heading(t("report-part-future")));
        }
        blocks.push(Block::Table {
            head: vec![
                t("report-commitment"),
                t("report-commitment-by"),
                t("report-commitment-state"),
            ],
            rows: report
                .commitments
                .iter()
                .map(|commitment| {
                    let by = commitment.due_at.map_or_else(String::new, |at| {
                        at.in_zone(report.zone).format("%-d %b %Y").to_string()
                    });
                    let state = if commitment.is_done { "done" } else { "open" };
                    vec![
                        commitment.text.clone(),
                        by,
                        t(&format!("report-commitment-{state}")),
                    ]
                })
                .collect(),
            shares: vec![8, 3, 2],
        });
    }
    part(Part::Apology, &mut blocks);
    if !texts.contact.is_empty() {
        let contact = words.with(
            "report-contact",
            &[("contact", texts.contact.as_str().into())],
        );
        blocks.push(Block::Text(contact.into_owned()));
    }
    Sheet {
        language: "en".to_owned(),
        title: texts.title.clone(),
        subtitle: words
            .with(
                "report-for",
                &[
                    ("customer", report.customer.as_str().into()),
                    (
                        "edition",
                        t(&format!("report-edition-{}", texts.edition.as_str())).into(),
                    ),
                ],
            )
            .into_owned(),
        watermark: match report.standing {
            Standing::Draft => Some(Watermark {
                word: t("report-draft"),
                sentence: t("report-draft-sentence"),
            }),
            Standing::Approved { .. } | Standing::Waived { .. } => None,
        },
        blocks,
        footer: footer(report, &hash, words),
        page_label: words
            .with(
                "sheet-page",
                &[("n", PAGE_NUMBER.into()), ("total", PAGE_TOTAL.into())],
            )
            .into_owned(),
        dated_at: match report.standing {
            Standing::Approved { at } | Standing::Waived { at } => at,
            // A draft has no date of its own; the newest instant that it speaks of keeps its bytes the same.
            Standing::Draft => report
                .resolved_at
                .or(report.restored_at)
                .unwrap_or(report.impact_at),
        },
        identity: hash,
    }
}

fn facts(report: &Report, words: &Words) -> Vec<(String, String)> {
    let t = |key: &str| words.t(key).into_owned();
    let texts = &report.texts;
    let mut facts = Vec::new();
    let mut add = |key: &str, value: String| facts.push((t(key), value));
    if !report.services.is_empty() {
        add("report-services", report.services.join(", "));
    }
    add(
        "report-severity",
        t(&format!("report-severity-{}", report.severity.as_str())),
    );
    add("report-began", both_times(report.impact_at, report.zone));
    let instants = [
        ("report-detected", report.detected_at),
        ("report-restored", report.restored_at),
        ("report-resolved", report.resolved_at),
    ];
    for (key, at) in instants {
        if let Some(at) = at {
            add(key, both_times(at, report.zone));
        }
    }
    add(
        "report-length",
        match report.length_secs() {
            Some(secs) => words.span(secs),
            None => t("report-lasting"),
        },
    );
    add(
        "report-discovered",
        t(&format!(
            "report-discovered-{}",
            texts.discovered_by.as_str()
        )),
    );
    add(
        "report-data-loss",
        t(&format!("report-data-loss-{}", texts.data_loss.as_str())),
    );
    if let Some(at) = texts.next_update_at {
        add("report-next-update", both_times(at, report.zone));
    }
    facts
}

fn footer(report: &Report, hash: &str, words: &Words) -> String {
    let standing = match report.standing {
        Standing::Draft => words.t("report-standing-draft"),
        Standing::Approved { at } => words.with(
            "report-standing-approved",
            &[("at", both_times(at, report.zone).into())],
        ),
        Standing::Waived { at } => words.with(
            "report-standing-waived",
            &[("at", both_times(at, report.zone).into())],
        ),
    };
    words
        .with(
            "report-footer",
            &[
                ("document", report.document_id.as_str().into()),
                ("version", report.version.to_string().into()),
                ("zone", report.zone.name().into()),
                ("standing", standing.into_owned().into()),
                ("hash", hash.into()),
            ],
        )
        .into_owned()
}

/// An instant on the customer's wall clock and in UTC: `21 Nov 2026 00:40 CET (20 Nov 23:40 UTC)`.
pub fn both_times(at: Timestamp, zone: Tz) -> String {
    let there = at.in_zone(zone);
    let utc = at.utc();
    let local = there.format("%-d %b %Y %H:%M %Z").to_string();
    if zone == Tz::UTC || local == utc.format("%-d %b %Y %H:%M UTC").to_string() {
        return local;
    }
    let same_day = there.date_naive() == utc.date_naive();
    let short = if same_day {
        "%H:%M UTC"
    } else {
        "%-d %b %H:%M UTC"
    };
    format!("{local} ({})", utc.format(short))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::outage::tests::example;

    fn in_form(report: &Report, format: Format) -> String {
        String::from_utf8(write(report, format, Words::english()).unwrap()).unwrap()
    }

    #[test]
    fn times_are_the_customers_and_utc() {
        let at = Timestamp::parse_rfc3339("2026-11-20T23:40:00Z").unwrap();
        assert_eq!(
            both_times(at, chrono_tz::Europe::Berlin),
            "21 Nov 2026 00:40 CET (20 Nov 23:40 UTC)"
        );
        assert_eq!(
            both_times(at, chrono_tz::America::New_York),
            "20 Nov 2026 18:40 EST (23:40 UTC)"
        );
        assert_eq!(both_times(at, Tz::UTC), "20 Nov 2026 23:40 UTC");
    }

    #[test]
    fn every_form_says_the_same() {
        let report = example();
        for format in [Format::Html, Format::Markdown, Format::Text] {
            // Wrapped lines, escapes and mark-up aside.
            let text = in_form(&report, format)
                .replace('\\', "")
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ");
            for said in [
                "Orders could not be paid",
                "Northwind Traders",
                "DRAFT",
                "21 Nov 2026 00:40 CET (20 Nov 23:40 UTC)",
                "47 min",
                "33% of payments failed for 47 minutes.",
                "1,204 orders",
                "Payments work again",
                "An alarm before the limit is reached",
                "30 Nov 2026",
                "support@example.com",
                "OR-3F9A-71C2",
                report.hash().as_str(),
            ] {
                assert!(text.contains(said), "{}: {said}\n{text}", format.as_str());
            }
        }
    }

    #[test]
    fn a_draft_says_so_and_a_released_report_says_by_which_way() {
        let at = Timestamp::parse_rfc3339("2026-11-22T09:00:00Z").unwrap();
        let mut report = example();
        assert!(in_form(&report, Format::Text).starts_with("*** DRAFT ***"));
        report.standing = Standing::Approved { at };
        let approved = in_form(&report, Format::Text);
        assert!(!approved.contains("DRAFT"), "{approved}");
        report.standing = Standing::Waived { at };
        let waived = in_form(&report, Format::Text);
        assert_ne!(approved, waived, "a waiver is printed");
    }

    #[test]
    fn a_first_report_may_say_that_the_cause_comes_later() {
        let mut report = example();
        report.texts.edition = Edition::First;
        report.texts.parts.retain(|(part, _)| *part != Part::Cause);
        assert!(in_form(&report, Format::Text).contains("analys"));
    }

    #[test]
    fn the_pdf_repeats_byte_for_byte_and_carries_its_hash_in_its_metadata() {
        let report = example();
        let once = write(&report, Format::Pdf, Words::english()).unwrap();
        let again = write(&report, Format::Pdf, Words::english()).unwrap();
        assert!(once == again, "the same report is the same bytes");
        let title = b"Orders could not be paid";
        assert!(
            once.windows(title.len()).any(|window| window == title),
            "metadata is not compressed"
        );
    }
}
