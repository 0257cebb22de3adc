//! The customer's outage report as a value: what it says, when it may leave, and the hash that names its content.
//!
//! It is made from what somebody marked as fit for the report and from texts written for the customer; nothing else of the
//! ticket comes near it. Whoever wrote it can't release it alone, unless nobody else is there: then it says so itself.

use chrono_tz::Tz;
use sha2::{Digest, Sha256};

use super::redaction::{Dictionary, Finding};
use super::refusal::{FieldError, Refusal};
use super::severity::Severity;
use super::text;
use super::timestamp::Timestamp;
use super::word::words;

/// Rows of the short timeline. More than a page of them is no report but a log.
pub const MOST_ROWS: usize = 20;
/// Longest text of one part, in characters: the whole report is a page or two.
pub const PART_CHARS: usize = 4_000;

words! {
    /// The parts that people write. `report-part-…` is a part's heading.
    pub enum Part {
        Summary = "summary",
        Scope = "scope",
        NotAffected = "not_affected",
        Resolution = "resolution",
        Cause = "cause",
        Future = "future",
        Apology = "apology",
    }
}

words! {
    /// Who noticed first.
    pub enum DiscoveredBy { Monitoring = "monitoring", Engineer = "engineer", Customer = "customer", Partner = "partner" }
}

words! {
    /// Whether data was lost: always answered.
    pub enum DataLoss { None = "none", Some = "some", UnderAnalysis = "under_analysis" }
}

words! {
    /// The first report has the facts and may say that the cause is under analysis; the final one has the cause and what will change.
    pub enum Edition { First = "first", Final = "final" }
}

words! {
    /// How far a version of a report has come.
    pub enum ReportState { Draft = "draft", Approved = "approved", Sent = "sent", Replaced = "replaced" }
}

words! {
    /// The forms in which a report leaves. Each says the same.
    pub enum Format { Html = "html", Pdf = "pdf", Markdown = "md", Text = "txt" }
}

impl Format {
    pub const fn media_type(self) -> &'static str {
        match self {
            Format::Html => "text/html; charset=utf-8",
            Format::Pdf => "application/pdf",
            Format::Markdown => "text/markdown; charset=utf-8",
            Format::Text => "text/plain; charset=utf-8",
        }
    }
}

/// The texts of a report, as a form gives them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Texts {
    pub title: String,
    pub edition: Edition,
    pub discovered_by: DiscoveredBy,
    pub data_loss: DataLoss,
    /// In the order of [`Part::ALL`]; absent parts are empty.
    pub parts: Vec<(Part, String)>,
    /// When the customer hears again, while something is open.
    pub next_update_at: Option<Timestamp>,
    /// Where to ask: an address or a number that the customer may know.
    pub contact: String,
}

impl Texts {
    pub fn part(&self, part: Part) -> &str {
        self.parts
            .iter()
            .find(|(known, _)| *known == part)
            .map_or("", |(_, text)| text.as_str())
    }

    /// Checks lengths and folds line ends; every problem at once.
    pub fn checked(mut self) -> Result<Self, Vec<FieldError>> {
        let mut problems = Vec::new();
        match text::one_line("title", &self.title, text::TITLE_CHARS) {
            Ok(title) => self.title = title,
            Err(problem) => problems.push(problem),
        }
        match text::optional_line("contact", &self.contact, text::TITLE_CHARS) {
            Ok(contact) => self.contact = contact.unwrap_or_default(),
            Err(problem) => problems.push(problem),
        }
        for (part, written) in &mut self.parts {
            match text::body(part.as_str(), written) {
                Ok(folded) if folded.chars().count() > PART_CHARS => problems.push(
                    FieldError::new(part.as_str(), "too-long")
                        .with("max", PART_CHARS.to_string())
                        .with("got", folded.chars().count().to_string()),
                ),
                Ok(folded) => *written = folded,
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() {
            Ok(self)
        } else {
            Err(problems)
        }
    }
}

/// One row of the short timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub at: Timestamp,
    pub text: String,
}

/// Something that will change, with its date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commitment {
    pub text: String,
    pub due_at: Option<Timestamp>,
    pub is_done: bool,
}

/// Who stands behind these bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Draft,
    /// Released by somebody who isn't the author.
    Approved {
        at: Timestamp,
    },
    /// Released by its author, because the installation has nobody else; printed.
    Waived {
        at: Timestamp,
    },
}

/// Everything that one version of a report says to one customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The document's own number; says nothing about how many there are.
    pub document_id: String,
    pub version: i64,
    pub customer: String,
    pub zone: Tz,
    /// What the customer calls the services concerned.
    pub services: Vec<String>,
    pub severity: Severity,
    pub impact_at: Timestamp,
    pub detected_at: Option<Timestamp>,
    pub restored_at: Option<Timestamp>,
    pub resolved_at: Option<Timestamp>,
    pub texts: Texts,
    pub rows: Vec<Row>,
    pub commitments: Vec<Commitment>,
    pub standing: Standing,
}

impl Report {
    /// From impact to restoration, while it lasts `None`.
    pub fn length_secs(&self) -> Option<i64> {
        let until = self.restored_at.or(self.resolved_at)?;
        Some(until.secs_since(self.impact_at).max(0))
    }

    /// The content in one unambiguous text: the same for every format, and for the draft and the release of the same version.
    /// Each value carries its length in bytes, so that no text can pretend to be the next field.
    pub fn canonical(&self) -> String {
        let mut out = String::from("watchkeeper outage report 1\n");
        let mut put = |name: &str, value: &str| {
            out.push_str(&format!("{name} {}:{value}\n", value.len()));
        };
        let instant = |at: Option<Timestamp>| at.map(Timestamp::rfc3339).unwrap_or_default();
        put("document", &self.document_id);
        put("version", &self.version.to_string());
        put("customer", &self.customer);
        put("zone", self.zone.name());
        for service in &self.services {
            put("service", service);
        }
        put("severity", self.severity.as_str());
        put("impact", &instant(Some(self.impact_at)));
        put("detected", &instant(self.detected_at));
        put("restored", &instant(self.restored_at));
        put("resolved", &instant(self.resolved_at));
        put("title", &self.texts.title);
        put("edition", self.texts.edition.as_str());
        put("discovered", self.texts.discovered_by.as_str());
        put("data-loss", self.texts.data_loss.as_str());
        for part in Part::ALL {
            put(part.as_str(), self.texts.part(*part));
        }
        put("next-update", &instant(self.texts.next_update_at));
        put("contact", &self.texts.contact);
        for row in &self.rows {
            put("row", &format!("{} {}", row.at.rfc3339(), row.text));
        }
        for commitment in &self.commitments {
            let state = if commitment.is_done { "done" } else { "open" };
            put(
                "commitment",
                &format!("{state} {} {}", instant(commitment.due_at), commitment.text),
            );
        }
        out
    }

    /// SHA-256 of [`Report::canonical`], in hexadecimal: stands in the footer and names what was approved.
    pub fn hash(&self) -> String {
        Sha256::digest(self.canonical().as_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// The same report with internal service names replaced by what the customer calls them.
    pub fn in_public_words(mut self, dictionary: &Dictionary) -> Self {
        let public = |text: &mut String| *text = dictionary.in_public_words(text);
        public(&mut self.texts.title);
        self.texts
            .parts
            .iter_mut()
            .for_each(|(_, text)| public(text));
        self.rows.iter_mut().for_each(|row| public(&mut row.text));
        self.commitments
            .iter_mut()
            .for_each(|commitment| public(&mut commitment.text));
        self
    }

    /// Every text that a person wrote, read against the dictionary. `place` names the part as the form does.
    pub fn findings(&self, dictionary: &Dictionary) -> Vec<Finding> {
        let mut found = dictionary.scan("title", &self.texts.title);
        for (part, text) in &self.texts.parts {
            found.extend(dictionary.scan(part.as_str(), text));
        }
        found.extend(dictionary.scan("contact", &self.texts.contact));
        for service in &self.services {
            found.extend(dictionary.scan("services", service));
        }
        for row in &self.rows {
            found.extend(dictionary.scan("timeline", &row.text));
        }
        for commitment in &self.commitments {
            found.extend(dictionary.scan("commitments", &commitment.text));
        }
        found.sort();
        found.dedup();
        found
    }

    /// What this edition still needs before it may be released.
    pub fn lacks(&self) -> Vec<Part> {
        let needed: &[Part] = match self.texts.edition {
            Edition::First => &[Part::Summary, Part::Resolution],
            Edition::Final => &[Part::Summary, Part::Scope, Part::Resolution, Part::Cause],
        };
        let mut lacks: Vec<Part> = needed
            .iter()
            .copied()
            .filter(|part| self.texts.part(*part).trim().is_empty())
            .collect();
        let promises = !self.commitments.is_empty() || !self.texts.part(Part::Future).is_empty();
        if self.texts.edition == Edition::Final && !promises {
            lacks.push(Part::Future);
        }
        lacks
    }
}

/// Nothing leaves while the scanner has found something that may not.
pub fn refuse_leaks(findings: &[Finding]) -> Result<(), Refusal> {
    let blocking: Vec<&str> = findings
        .iter()
        .filter(|finding| finding.leak.blocks())
        .map(|finding| finding.text.as_str())
        .collect();
    match blocking.first() {
        None => Ok(()),
        Some(first) => Err(Refusal::new("report-leaks")
            .with("count", blocking.len().to_string())
            .with("first", (*first).to_owned())),
    }
}

/// How a report is released: by another person; or, where there is no other, by its author with a waiver that is printed.
///
/// `others` counts the active people who may approve reports, without the author.
pub fn release(
    report: &Report,
    by_author: bool,
    others: usize,
    findings: &[Finding],
    now: Timestamp,
) -> Result<Standing, Refusal> {
    refuse_leaks(findings)?;
    if let Some(part) = report.lacks().first() {
        return Err(Refusal::new("report-incomplete").with("part", part.as_str()));
    }
    match (by_author, others) {
        (false, _) => Ok(Standing::Approved { at: now }),
        (true, 0) => Ok(Standing::Waived { at: now }),
        (true, _) => Err(Refusal::new("report-needs-another")),
    }
}

/// A document number from 4 bytes that mean nothing: `OR-3F9A-71C2`.
pub fn document_id(bytes: [u8; 4]) -> String {
    let [a, b, c, d] = bytes;
    format!("OR-{a:02X}{b:02X}-{c:02X}{d:02X}")
}

#[cfg(test)]
pub mod tests {
    use super::super::redaction::Leak;
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    /// A whole report, used by the renderers' tests too.
    pub fn example() -> Report {
        Report {
            document_id: document_id([0x3f, 0x9a, 0x71, 0xc2]),
            version: 2,
            customer: "Northwind Traders".into(),
            zone: chrono_tz::Europe::Berlin,
            services: vec!["Checkout".into()],
            severity: Severity::Disaster,
            impact_at: at("2026-11-20T23:40:00Z"),
            detected_at: Some(at("2026-11-20T23:41:30Z")),
            restored_at: Some(at("2026-11-21T00:27:00Z")),
            resolved_at: Some(at("2026-11-21T01:10:00Z")),
            texts: Texts {
                title: "Orders could not be paid".into(),
                edition: Edition::Final,
                discovered_by: DiscoveredBy::Monitoring,
                data_loss: DataLoss::None,
                parts: vec![
                    (
                        Part::Summary,
                        "33% of payments failed for 47 minutes.".into(),
                    ),
                    (Part::Scope, "1,204 orders of Northwind Traders.".into()),
                    (Part::NotAffected, "Browsing & the basket worked.".into()),
                    (
                        Part::Resolution,
                        "We moved to the standby database.\n\nThen we raised the limit.".into(),
                    ),
                    (
                        Part::Cause,
                        "A limit on connections was too low for <the load> of that evening.".into(),
                    ),
                    (Part::Future, String::new()),
                    (Part::Apology, "We are sorry for the lost orders.".into()),
                ],
                next_update_at: None,
                contact: "support@example.com".into(),
            },
            rows: vec![
                Row {
                    at: at("2026-11-20T23:41:30Z"),
                    text: "Our monitoring raised an alarm".into(),
                },
                Row {
                    at: at("2026-11-21T00:27:00Z"),
                    text: "Payments work again".into(),
                },
            ],
            commitments: vec![
                Commitment {
                    text: "An alarm before the limit is reached".into(),
                    due_at: Some(at("2026-11-30T11:00:00Z")),
                    is_done: false,
                },
                Commitment {
                    text: "Raise the limit".into(),
                    due_at: None,
                    is_done: true,
                },
            ],
            standing: Standing::Draft,
        }
    }

    #[test]
    fn the_hash_names_the_content_and_nothing_else() {
        let draft = example();
        let mut approved = example();
        approved.standing = Standing::Approved {
            at: at("2026-11-22T09:00:00Z"),
        };
        assert_eq!(
            draft.hash(),
            approved.hash(),
            "what was approved is what was drafted"
        );
        assert_eq!(draft.hash().len(), 64);
        let changes: [fn(&mut Report); 6] = [
            |report| report.version += 1,
            |report| report.zone = chrono_tz::UTC,
            |report| report.texts.data_loss = DataLoss::Some,
            |report| report.rows[0].text.push('.'),
            |report| report.commitments[0].is_done = true,
            |report| report.restored_at = None,
        ];
        for (number, change) in changes.iter().enumerate() {
            let mut changed = example();
            change(&mut changed);
            assert_ne!(changed.hash(), draft.hash(), "change {number}");
        }
    }

    #[test]
    fn no_text_can_pretend_to_be_the_next_field() {
        let mut one = example();
        one.texts.parts = vec![(Part::Summary, "a\nscope 1:b".into())];
        let mut two = example();
        two.texts.parts = vec![(Part::Summary, "a".into()), (Part::Scope, "b".into())];
        assert_ne!(one.hash(), two.hash());
    }

    #[test]
    fn a_report_is_released_by_another_person_or_with_a_waiver() {
        let now = at("2026-11-22T09:00:00Z");
        let report = example();
        assert_eq!(
            release(&report, false, 0, &[], now),
            Ok(Standing::Approved { at: now })
        );
        assert_eq!(
            release(&report, true, 0, &[], now),
            Ok(Standing::Waived { at: now })
        );
        assert_eq!(
            release(&report, true, 1, &[], now).unwrap_err().rule,
            "report-needs-another"
        );
    }

    #[test]
    fn a_report_that_leaks_or_lacks_is_not_released() {
        let now = at("2026-11-22T09:00:00Z");
        let finding = |leak| Finding {
            leak,
            text: "Ada".into(),
            place: "cause".into(),
        };
        let refused = |report: &Report, found: &[Finding]| {
            release(report, false, 1, found, now).unwrap_err().rule
        };
        assert_eq!(
            refused(&example(), &[finding(Leak::StaffName)]),
            "report-leaks"
        );
        assert!(
            release(&example(), false, 1, &[finding(Leak::Vague)], now).is_ok(),
            "advice only"
        );
        let mut no_cause = example();
        no_cause
            .texts
            .parts
            .retain(|(part, _)| *part != Part::Cause);
        assert_eq!(no_cause.lacks(), [Part::Cause]);
        assert_eq!(refused(&no_cause, &[]), "report-incomplete");
        no_cause.texts.edition = Edition::First;
        assert!(
            release(&no_cause, false, 1, &[], now).is_ok(),
            "a first report may come before its cause"
        );
        let mut no_future = example();
        no_future.commitments.clear();
        assert_eq!(no_future.lacks(), [Part::Future]);
    }

    #[test]
    fn every_written_text_is_scanned_and_internal_names_are_replaced() {
        let dictionary = Dictionary {
            people: vec!["Ada Löwe".into()],
            services: vec![("checkout-db".into(), "Checkout".into())],
            ..Dictionary::default()
        };
        type Slip = fn(&mut Report);
        let places: [(&str, Slip); 5] = [
            ("title", |report| report.texts.title.push_str(" Ada")),
            ("cause", |report| report.texts.parts[4].1.push_str(" Ada")),
            ("contact", |report| report.texts.contact = "call Ada".into()),
            ("timeline", |report| {
                report.rows[1].text = "Ada fixed it".into()
            }),
            ("commitments", |report| {
                report.commitments[0].text = "Ada writes a test".into()
            }),
        ];
        for (place, leak) in places {
            let mut report = example();
            leak(&mut report);
            let found = report.findings(&dictionary);
            assert!(
                found
                    .iter()
                    .any(|finding| finding.place == place && finding.leak == Leak::StaffName),
                "{place}: {found:?}"
            );
        }
        let mut report = example();
        report.rows[0].text = "checkout-db was full".into();
        assert_eq!(
            report.in_public_words(&dictionary).rows[0].text,
            "Checkout was full"
        );
    }

    #[test]
    fn texts_are_checked_all_at_once() {
        let mut texts = example().texts;
        texts.title = " ".into();
        texts.parts[0].1 = "x".repeat(PART_CHARS + 1);
        let fields: Vec<_> = texts
            .checked()
            .unwrap_err()
            .into_iter()
            .map(|error| error.field)
            .collect();
        assert_eq!(fields, ["title", "summary"]);
    }
}
