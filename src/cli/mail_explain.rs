//! `watchkeeper mail explain`: what would happen with a mail, and why. Takes nothing in.
//!
//! Text for people, or one JSON document (`--json`).

use std::fmt::Write as _;

use super::mail_told::json;
use crate::actions::intake_explain::{self, Explained, Hit, Names, Outcome, Route};
use crate::app::App;
use crate::domain::alert_mail::Happened;
use crate::domain::letter::{Letter, Nature};
use crate::domain::mail_clue::{Pointer, Says};
use crate::domain::mail_trace::Proof;
use crate::domain::seal::Seal;
use crate::domain::text::EmailAddress;
use crate::domain::timeline::{Audience, Door};
use crate::error::Result;
use crate::intake::mail;
use crate::words::{Value, Words};

/// How it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Text,
    Json,
}

/// What would become of `raw`, delivered now in this envelope.
pub fn explain(
    app: &App,
    from: Option<&str>,
    to: &[String],
    raw: &[u8],
    form: Form,
) -> Result<String> {
    let letter = app.read_mail(raw, from, app.time.now());
    let mark = mail::header(raw, mail::LOOP_HEADER);
    let has_loop_mark = mark.is_some_and(|mark| mark == Seal::new(app.signing_key).loop_mark());
    let ctx = app.system("mail explain", Door::Mail);
    let found = intake_explain::explain(&ctx, from, to, raw, &letter, has_loop_mark)?;
    Ok(match form {
        Form::Text => text(&letter, &found),
        Form::Json => json(&letter, &found),
    })
}

/// Sections of lines, each a label and what there is to say.
struct Page {
    words: &'static Words,
    text: String,
}

impl Page {
    fn section(&mut self, key: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        let _ = writeln!(self.text, "{}", self.words.t(key));
    }

    fn line(&mut self, key: &str, value: &str) {
        // Control characters of a mail would act on the terminal.
        let value: String = value
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let _ = writeln!(self.text, "  {:<18}{value}", self.words.t(key));
    }

    fn some(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            self.line(key, value);
        }
    }

    fn with(&self, key: &str, values: &[(&str, &str)]) -> String {
        let values: Vec<_> = values
            .iter()
            .map(|(name, text)| (*name, Value::from(*text)))
            .collect();
        self.words.with(key, &values).into_owned()
    }

    fn t(&self, beginning: &str, word: &str) -> String {
        let key = format!("{beginning}-{}", word.replace('_', "-"));
        self.words.t(&key).into_owned()
    }
}

fn text(letter: &Letter, found: &Explained) -> String {
    let mut page = Page {
        words: Words::english(),
        text: String::new(),
    };
    envelope_lines(&mut page, found);
    read_lines(&mut page, letter);
    sender_lines(&mut page, found);
    class_lines(&mut page, letter, found);
    thread_lines(&mut page, found);
    route_lines(&mut page, found.route.as_ref());
    for address in &found.besides {
        page.line("explain-besides", address.as_str());
    }
    outcome_lines(&mut page, found);
    page.text
}

fn envelope_lines(page: &mut Page, found: &Explained) {
    page.section("explain-envelope");
    let from = match found.mail.envelope_from.as_deref() {
        None => page.words.t("explain-not-given").into_owned(),
        Some("") => page.words.t("explain-null-path").into_owned(),
        Some(from) => from.to_owned(),
    };
    page.line("mail-sender", &from);
    let to = match found.mail.envelope_to[..] {
        [] => page.words.t("explain-not-given").into_owned(),
        _ => found.mail.envelope_to.join(", "),
    };
    page.line("explain-to", &to);
}

fn read_lines(page: &mut Page, letter: &Letter) {
    page.section("explain-read");
    let unverified = page.words.t("mail-unverified").into_owned();
    page.line(
        "mail-sender",
        &format!("{} ({unverified})", letter.from.shown),
    );
    page.line("explain-to", &listed(&letter.to));
    if !letter.cc.is_empty() {
        page.line("explain-cc", &listed(&letter.cc));
    }
    page.line("mail-subject", &letter.subject);
    page.some("explain-message-id", letter.message_id.as_deref());
    let dated = letter.dated_at.map(|at| at.rfc3339());
    page.some("mail-dated", dated.as_deref());
    page.line("mail-charset", &letter.charsets.join(", "));
    let bytes = letter.text.len().to_string();
    page.line(
        "explain-text",
        &page.with("explain-bytes", &[("bytes", &bytes)]),
    );
    for part in &letter.parts {
        let file = [
            ("name", part.name.as_str()),
            ("type", &part.media_type),
            ("bytes", &part.bytes.len().to_string()),
        ];
        let mut line = page.with("explain-part", &file);
        if let Some(danger) = part.danger {
            let _ = write!(
                line,
                ", {}: {}",
                page.words.t("quarantine-tag"),
                page.t("danger", danger.as_str())
            );
        }
        page.line("mail-file", &line);
    }
    page.some("mail-signer", letter.signer.as_deref());
    for remark in &letter.remarks {
        page.line("mail-remark", &page.t("mail-remark", remark.as_str()));
    }
}

fn listed(addresses: &[EmailAddress]) -> String {
    let all: Vec<&str> = addresses.iter().map(EmailAddress::as_str).collect();
    all.join(", ")
}

fn sender_lines(page: &mut Page, found: &Explained) {
    let sender = &found.sender;
    page.section("explain-sender");
    page.line("explain-shown", &sender.shown);
    page.some("explain-address", sender.address.as_deref());
    page.line("explain-who", &page.t("explain-who", sender.who.as_str()));
    page.some("intake-customer", sender.customer.as_deref());
    page.line(
        "explain-proof",
        &page.t("explain-proof", proof(sender.proof)),
    );
    page.some("explain-forwarded", sender.forwarded_by.as_deref());
}

pub(super) const fn proof(proof: Proof) -> &'static str {
    match proof {
        Proof::Proven => "proven",
        Proof::Unproven => "unproven",
        Proof::Refuted => "refuted",
    }
}

fn class_lines(page: &mut Page, letter: &Letter, found: &Explained) {
    page.section("explain-class");
    let (class, rule) = class(&letter.nature);
    page.line("explain-class-of", &page.t("explain-class", class));
    if let Some(rule) = rule {
        page.line("explain-rule", &page.t("mail-why", rule));
    }
    if let Nature::Bounce(bounce) = &letter.nature {
        let key = match bounce.is_permanent {
            true => "explain-bounce-permanent",
            false => "explain-bounce-delayed",
        };
        let said = format!("{} {}", page.words.t(key), bounce.status);
        page.line("explain-status", said.trim_end());
        let recipient = bounce.recipient.as_ref().map(EmailAddress::as_str);
        page.some("explain-recipient", recipient);
        for id in &bounce.about {
            page.line("explain-about", id);
        }
    }
    if found.by_our_list {
        page.line("explain-rule", &page.words.t("explain-our-list"));
    }
    if let Some(sign) = found.loop_sign {
        page.line("explain-loop", &page.t("explain-loop", sign.as_str()));
    }
    if let Some(alert) = &found.alert {
        let happened = page.t("explain-alert", happened(alert.happened));
        page.line(
            "explain-alert",
            &format!("{happened}: {}", alert.fingerprint),
        );
    }
    if letter.wants_no_answer {
        page.line("explain-answer", &page.words.t("explain-no-answer-wanted"));
    }
}

/// The sort of mail, and the rule that says so.
pub(super) const fn class(nature: &Nature) -> (&'static str, Option<&'static str>) {
    match nature {
        Nature::Personal => ("personal", None),
        Nature::Automatic(why) => ("automatic", Some(why.as_str())),
        Nature::Bounce(_) => ("bounce", None),
    }
}

pub(super) const fn happened(happened: Happened) -> &'static str {
    match happened {
        Happened::Problem => "problem",
        Happened::Recovery => "recovery",
        Happened::Acknowledged => "acknowledged",
    }
}

fn thread_lines(page: &mut Page, found: &Explained) {
    page.section("explain-thread");
    let decided = found.hit.as_ref().and_then(|hit| hit.pointer);
    for (at, pointer) in found.pointers.iter().enumerate() {
        let (says, ticket) = says(pointer);
        let ticket = ticket.unwrap_or_default();
        let said = page.with(
            &format!("explain-says-{}", says.replace('_', "-")),
            &[("ticket", &ticket)],
        );
        let mut line = format!("{}: {said}", pointer.text);
        if decided == Some(at) {
            let _ = write!(line, " ({})", page.words.t("explain-decided"));
        }
        let place = format!("explain-place-{}", pointer.place.as_str().replace('_', "-"));
        page.line(&place, &line);
    }
    if found.pointers.is_empty() {
        page.line("explain-pointers", &page.words.t("explain-no-pointers"));
    }
    if found.is_forged {
        page.line("explain-rule", &page.t("mail-why", "forged"));
    }
    match &found.hit {
        Some(hit) => {
            page.line("explain-found", &ticket_named(hit));
            page.line("explain-found-by", &page.t("explain-by", hit.by.as_str()));
            let standing = page.t("explain-standing", hit.standing.as_str());
            page.line("explain-standing", &standing);
            let landing = page.t("explain-landing", hit.landing().as_str());
            page.line("explain-landing", &landing);
        }
        None => page.line("explain-found", &page.words.t("explain-found-none")),
    }
}

fn ticket_named(hit: &Hit) -> String {
    format!("{} {}", hit.ticket.key, hit.ticket.title.as_str())
}

/// What a pointer says, and the ticket that it names.
pub(super) fn says(pointer: &Pointer<'_>) -> (&'static str, Option<String>) {
    match pointer.says {
        Says::Genuine(key) => ("genuine", Some(key.to_string())),
        Says::Named(key) => ("named", Some(key.to_string())),
        Says::Forged => ("forged", None),
        Says::Doubtful => ("doubtful", None),
        Says::About => ("about_none", None),
        Says::Foreign => ("foreign", None),
    }
}

fn route_lines(page: &mut Page, route: Option<&Route>) {
    page.section("explain-route");
    let Some(route) = route else {
        page.line("explain-came-to", &page.words.t("explain-no-route"));
        return;
    };
    let place = page.t("explain-place", route.place.as_str());
    page.line("explain-came-to", &format!("{} ({place})", route.address));
    page.line("explain-route-rule", route.rule.address.as_str());
    page.line("intake-kind", &page.t("kind", route.rule.kind.as_str()));
    let severity = match route.rule.severity {
        Some(severity) => page.t("severity", severity.as_str()),
        None => page.words.t("intake-severity-default").into_owned(),
    };
    page.line("intake-severity", &severity);
    named_lines(page, &route.names);
}

fn named_lines(page: &mut Page, names: &Names) {
    page.some("intake-customer", names.customer.as_deref());
    page.some("explain-service", names.service.as_deref());
    page.some("explain-team", names.team.as_deref());
}

fn outcome_lines(page: &mut Page, found: &Explained) {
    page.section("explain-outcome");
    let mail = &found.mail;
    let verdict = mail.verdict.map_or("none", |verdict| verdict.as_str());
    page.line("mail-verdict", &page.t("mail-verdict", verdict));
    if let Some(held) = mail.held_for {
        page.line("explain-because", &page.t("mail-held", held.as_str()));
    }
    if !mail.detail.is_empty() {
        let key = format!("mail-why-{}", mail.detail.replace('_', "-"));
        let why = match page.words.has(&key) {
            true => page.words.t(&key).into_owned(),
            false => mail.detail.clone(),
        };
        page.line("explain-because", &why);
    }
    match &found.outcome {
        Outcome::Opens {
            ticket,
            names,
            answer_to,
            is_stranger,
        } => {
            page.line("explain-title", ticket.title.as_str());
            page.line("explain-kind", &page.t("kind", ticket.key.kind.as_str()));
            if let Some(severity) = ticket.severity {
                page.line("intake-severity", &page.t("severity", severity.as_str()));
            }
            named_lines(page, names);
            let key = match (answer_to, is_stranger) {
                (None, _) => "explain-answer-none",
                (Some(_), false) => "explain-answer-to",
                (Some(_), true) => "explain-answer-daily",
            };
            let address = answer_to.as_ref().map_or("", EmailAddress::as_str);
            page.line("explain-answer", &page.with(key, &[("address", address)]));
        }
        Outcome::Changes {
            ticket,
            entry,
            letters,
        } => {
            let named = format!("{} {}", ticket.key, ticket.title.as_str());
            page.line("mail-ticket", &named);
            page.line("explain-state", &page.t("state", ticket.state.as_str()));
            if let Some(entry) = entry {
                let readers = page.t("explain-readers", readers(&entry.audience));
                page.line("explain-entry", &readers);
            }
            for (kind, address) in letters {
                let kind = page.t("out-kind", kind.as_str());
                page.line("explain-letter", &format!("{kind}: {address}"));
            }
        }
        Outcome::Nothing => {}
    }
}

pub(super) const fn readers(audience: &Audience) -> &'static str {
    match audience {
        Audience::Internal => "internal",
        Audience::Customer(_) => "customer",
        Audience::AllAffected => "all_affected",
    }
}
