//! Letters: what a mail of ours says and how it is threaded. Pure: everything it prints is handed in.
//!
//! All texts come from the recipient's catalogue: `letter-<word>-subject` and `letter-<word>-body`, and `letter-<word>-action` for
//! the one button that a letter may have. Where the ticket's kind has a text of its own (`letter-<word>-change-body`), that goes
//! before the one for all kinds. A word that the catalogue doesn't know is written as a plain notice, so that a new kind of
//! notice is readable before anybody has worded it. Nothing that a stranger wrote is repeated to strangers: whether a letter
//! carries the entry's text is decided here, by its word.

use askama::Template;
use chrono_tz::Tz;

use crate::domain::delivery::DeliveryKind;
use crate::domain::quote::reply_above;
use crate::domain::ticket::Ticket;
use crate::domain::timeline::Facts;
use crate::domain::timestamp::Timestamp;
use crate::words::{Value, Words};

/// Everything a letter may print.
pub struct About<'a> {
    pub kind: DeliveryKind,
    pub facts: &'a Facts,
    /// The operator's name of this installation.
    pub house: &'a str,
    pub public_url: Option<&'a str>,
    /// Of whom it goes to.
    pub name: &'a str,
    pub zone: Tz,
    /// It is the recipient's own zone: a time may be called theirs.
    pub is_own_zone: bool,
    pub is_staff: bool,
    pub ticket: Option<&'a Ticket>,
    /// The entry's text, if the letter is about one, or the frozen text that somebody previewed.
    pub text: Option<&'a str>,
    /// Where the one button leads, if not to the ticket: an acknowledge or account link.
    pub link: Option<String>,
    /// Where an answer goes that we file by itself; said to whom we answer.
    pub answers_to: Option<&'a str>,
    /// The next promise that the recipient may rely on.
    pub promised_at: Option<Timestamp>,
    /// Files that are too large to go with it.
    pub large: &'a [Large],
}

/// A file that a letter links to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Large {
    pub name: String,
    pub size_bytes: i64,
    pub url: String,
    /// The link ends then.
    pub until: Timestamp,
}

/// A letter's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    pub subject: String,
    pub text: String,
    pub html: String,
}

#[derive(Template)]
#[template(path = "message/letter.txt")]
struct Text<'a> {
    sheet: &'a Sheet,
}

#[derive(Template)]
#[template(path = "message/letter.html")]
struct Html<'a> {
    sheet: &'a Sheet,
}

/// What both forms show, in order.
struct Sheet {
    /// Of its words, as a tag.
    language: String,
    subject: String,
    /// The line above which people reply; only where a reply is read by us.
    marker: Option<&'static str>,
    paragraphs: Vec<String>,
    /// What somebody wrote, apart from what we say.
    quoted: Vec<String>,
    /// What each file is called, and where it is.
    large: Vec<(String, String)>,
    action: Option<(String, String)>,
    footer: Vec<String>,
}

/// The words of the letters that carry what was written on the ticket.
const WITH_TEXT: &[&str] = &[
    "reply",
    "update",
    "customer_wrote",
    "customer_reopened",
    "customer_solved",
    "words_proposed",
    "words_sent_back",
    "handed_over",
    "report",
    "clocks",
    "digest",
    "freeze_ahead",
    "maintenance_ahead",
];
/// The words of the letters to outsiders whose answers we read.
const ANSWERABLE: &[&str] = &["received", "reply", "update"];

/// Which letter it is: what the facts say, else what the kind of delivery means.
pub fn word(kind: DeliveryKind, facts: &Facts) -> &str {
    let told = facts.get("letter").or_else(|| facts.get("about"));
    told.unwrap_or(match kind {
        DeliveryKind::Page => "page",
        DeliveryKind::Test => "test",
        DeliveryKind::Reply => "reply",
        DeliveryKind::AutoAnswer => "received",
        DeliveryKind::Invitation => "invitation",
        DeliveryKind::Report => "report",
        DeliveryKind::Account => "account",
        DeliveryKind::Notice | DeliveryKind::Webhook => "notice",
    })
}

/// Writes the letter in both forms.
pub fn write(words: &Words, about: &About<'_>) -> Result<Written, askama::Error> {
    let sheet = sheet(words, about);
    Ok(Written {
        text: Text { sheet: &sheet }.render()?,
        html: Html { sheet: &sheet }.render()?,
        subject: sheet.subject,
    })
}

fn sheet(words: &Words, about: &About<'_>) -> Sheet {
    let word = word(about.kind, about.facts);
    let known = if words.has(&format!("letter-{}-body", dashed(word))) {
        dashed(word)
    } else {
        "notice".to_owned()
    };
    let pairs = values(words, about);
    let values: Vec<(&str, Value<'_>)> = pairs
        .iter()
        .map(|(name, value)| (name.as_str(), Value::from(value.as_str())))
        .collect();
    let say = |part: &str| {
        let key = keyed(words, about.ticket, &known, part);
        words.with(&key, &values).into_owned()
    };
    let subject = match about.ticket {
        // The token in the subject is what a person reads out, and what finds the ticket when nothing else does.
        Some(ticket) => format!("[{}] {}", ticket.key, say("subject")),
        None => say("subject"),
    };
    let quoted = about
        .text
        .filter(|_| WITH_TEXT.contains(&word))
        .map(paragraphs)
        .unwrap_or_default();
    let action_key = keyed(words, about.ticket, &known, "action");
    let place = about.link.clone().or_else(|| ticket_url(about));
    let action = place
        .filter(|_| words.has(&action_key))
        .map(|url| (words.t(&action_key).into_owned(), url));
    Sheet {
        language: words.t("catalogue-language").into_owned(),
        subject: subject.split_whitespace().collect::<Vec<_>>().join(" "),
        marker: ANSWERABLE
            .contains(&word)
            .then(|| reply_above(&words.t("catalogue-language"))),
        paragraphs: paragraphs(&say("body")),
        quoted,
        large: about
            .large
            .iter()
            .map(|file| named(words, about, file))
            .collect(),
        action,
        footer: footer(words, about, word, &values),
    }
}

/// A file as a letter names it beside its link.
fn named(words: &Words, about: &About<'_>, file: &Large) -> (String, String) {
    let until = file.until.in_zone(about.zone);
    let values = [
        ("name", Value::from(file.name.as_str())),
        // Whole megabytes: what is linked to has some.
        (
            "size",
            Value::from(file.size_bytes.div_euclid(1 << 20).max(1)),
        ),
        (
            "until",
            Value::from(until.format(&words.t("time-full")).to_string()),
        ),
    ];
    (
        words.with("letter-large-file", &values).into_owned(),
        file.url.clone(),
    )
}

/// The key of a letter's part: that of the ticket's kind, if it has one.
fn keyed(words: &Words, ticket: Option<&Ticket>, word: &str, part: &str) -> String {
    if let Some(ticket) = ticket {
        let kind = dashed(ticket.key.kind.as_str());
        let own = format!("letter-{word}-{kind}-{part}");
        if words.has(&own) {
            return own;
        }
    }
    format!("letter-{word}-{part}")
}

/// Catalogue keys have hyphens where facts have underscores.
fn dashed(word: &str) -> String {
    word.replace('_', "-")
}

fn paragraphs(text: &str) -> Vec<String> {
    text.split("\n\n")
        .map(|paragraph| paragraph.trim_matches('\n').to_owned())
        .filter(|paragraph| !paragraph.trim().is_empty())
        .collect()
}

/// Contacts have a portal; the link gives nobody a right that their login doesn't.
fn ticket_url(about: &About<'_>) -> Option<String> {
    let (url, ticket) = (about.public_url?, about.ticket?);
    Some(format!("{url}/{}", ticket.key))
}

/// The places of every letter's text: the ticket, the recipient, and each fact under its own name, instants on the
/// recipient's wall clock.
fn values(words: &Words, about: &About<'_>) -> Vec<(String, String)> {
    let clock = |at: Timestamp| {
        at.in_zone(about.zone)
            .format(&words.t("time-full"))
            .to_string()
    };
    let mut values: Vec<(String, String)> = about
        .facts
        .iter()
        .map(|(name, value)| {
            let shown = Timestamp::parse_rfc3339(value).map_or_else(|| value.to_owned(), clock);
            (name.to_owned(), shown)
        })
        .collect();
    let mut set = |name: &str, value: String| {
        values.retain(|(known, _)| known != name);
        values.push((name.to_owned(), value));
    };
    set("house", about.house.to_owned());
    set("name", about.name.to_owned());
    if let Some(ticket) = about.ticket {
        set("key", ticket.key.to_string());
        set("title", ticket.title.to_string());
        let severity = ticket
            .severity
            .map(|severity| words.t(severity_key(severity)).into_owned());
        set("severity", severity.unwrap_or_default());
    }
    values
}

const fn severity_key(severity: crate::domain::severity::Severity) -> &'static str {
    use crate::domain::severity::Severity;
    match severity {
        Severity::Disaster => "severity-disaster",
        Severity::High => "severity-high",
        Severity::Average => "severity-average",
        Severity::Warning => "severity-warning",
        Severity::Information => "severity-information",
    }
}

fn footer(
    words: &Words,
    about: &About<'_>,
    word: &str,
    values: &[(&str, Value<'_>)],
) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(at) = about.promised_at {
        let key = match about.is_own_zone {
            true => "letter-footer-promise-own",
            false => "letter-footer-promise",
        };
        let at = at
            .in_zone(about.zone)
            .format(&words.t("time-full"))
            .to_string();
        lines.push(words.with(key, &[("at", Value::from(at))]).into_owned());
    }
    if about.ticket.is_some() {
        let key = keyed(words, about.ticket, "footer", "ticket");
        lines.push(words.with(&key, values).into_owned());
    }
    if let Some(address) = about.answers_to.filter(|_| ANSWERABLE.contains(&word)) {
        let address = [("address", Value::from(address))];
        lines.push(words.with("letter-footer-answers", &address).into_owned());
    }
    if let Some(url) = ticket_url(about) {
        lines.push(url);
    }
    lines.push(words.with("letter-footer-house", values).into_owned());
    lines
}

/// The header lines by which other programs know what this is, and by which we know it when it comes back.
pub fn headers(kind: DeliveryKind, host: &str, loop_mark: &str) -> Vec<(&'static str, String)> {
    let mut lines = vec![
        ("X-Watchkeeper-Loop", loop_mark.to_owned()),
        ("List-Id", format!("Watchkeeper <watchkeeper.{host}>")),
    ];
    let automatic = match kind {
        // A person wrote it: programs that mute automatic mail must let it through.
        DeliveryKind::Reply | DeliveryKind::Report => None,
        DeliveryKind::AutoAnswer => Some("auto-replied"),
        DeliveryKind::Page
        | DeliveryKind::Notice
        | DeliveryKind::Invitation
        | DeliveryKind::Account
        | DeliveryKind::Webhook
        | DeliveryKind::Test => Some("auto-generated"),
    };
    if let Some(word) = automatic {
        lines.push(("Auto-Submitted", word.to_owned()));
        lines.push(("X-Auto-Response-Suppress", "All".to_owned()));
    }
    match kind {
        DeliveryKind::AutoAnswer => lines.push(("Precedence", "bulk".to_owned())),
        DeliveryKind::Page | DeliveryKind::Test => {
            lines.push(("Importance", "high".to_owned()));
            lines.push(("X-Priority", "1".to_owned()));
        }
        _ => {}
    }
    lines
}

/// The header lines by which a mail program offers "unsubscribe" and does it by itself, after RFC 8058: `path` under `public_url` takes
/// the POST. Only over HTTPS, as the standard has it. They fit where somebody gets letters because they watch; an answer to whoever
/// asked, a page, an invitation, a report or an account's letter is no list that anybody could leave.
pub fn leaving(public_url: Option<&str>, path: &str) -> Vec<(&'static str, String)> {
    match public_url.filter(|url| url.starts_with("https://")) {
        Some(url) => vec![
            ("List-Unsubscribe", format!("<{url}{path}>")),
            (
                "List-Unsubscribe-Post",
                "List-Unsubscribe=One-Click".to_owned(),
            ),
        ],
        None => Vec::new(),
    }
}

/// The host part of ids: that of `public_url`, without its port.
pub fn host_of(public_url: Option<&str>) -> String {
    let rest = public_url
        .and_then(|url| url.split_once("://"))
        .map_or("", |(_, rest)| rest);
    let host = match rest.strip_prefix('[') {
        // An IPv6 literal has colons of its own; ids can't hold them.
        Some(_) => "",
        None => rest.split([':', '/']).next().unwrap_or_default(),
    };
    if host.is_empty() {
        "watchkeeper.invalid".to_owned()
    } else {
        host.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::Kind;
    use crate::domain::text::Title;
    use crate::domain::ticket::Opening;
    use crate::domain::timeline::Door;

    fn ticket() -> Ticket {
        let title = Title::parse("Uplink <down>").unwrap();
        Ticket::open(
            Kind::Incident,
            12,
            title,
            &Opening::default(),
            Door::Mail,
            Timestamp::from_micros(0),
        )
        .unwrap()
        .0
    }

    fn about<'a>(kind: DeliveryKind, facts: &'a Facts, ticket: &'a Ticket) -> About<'a> {
        About {
            kind,
            facts,
            house: "Harbour Operations",
            public_url: Some("https://watch.example.org"),
            name: "Ada",
            zone: Tz::Europe__Stockholm,
            is_own_zone: true,
            is_staff: false,
            ticket: Some(ticket),
            text: Some("We failed over.\n\nIt <works>."),
            link: None,
            answers_to: Some("support+inc-12.abc@watch.example.org"),
            promised_at: Some(Timestamp::parse_rfc3339("2026-11-21T04:00:00Z").unwrap()),
            large: &[],
        }
    }

    #[test]
    fn e86_a_letter_of_any_language_begins_with_a_line_that_ends_a_reply() {
        let (facts, ticket) = (Facts::new(), ticket());
        let mut lines = Vec::new();
        for language in Words::languages() {
            let about = about(DeliveryKind::AutoAnswer, &facts, &ticket);
            let written = write(Words::in_language(language), &about).unwrap();
            let first = written.text.lines().next().unwrap().to_owned();
            assert!(written.html.contains(&first), "{language}");
            let quoted: String = written
                .text
                .lines()
                .map(|line| format!("> {line}\n"))
                .collect();
            for reply in [
                format!("Still down.\n\n{quoted}"),
                format!("Still down.\n\n{}", written.text),
            ] {
                assert_eq!(
                    crate::domain::quote::typed(&reply).trim(),
                    "Still down.",
                    "{language}"
                );
            }
            lines.push(first);
        }
        // Each in its own words.
        let all = lines.len();
        lines.sort_unstable();
        lines.dedup();
        assert_eq!((lines.len(), all), (all, Words::languages().count()));
        assert!(all > 1);
    }

    #[test]
    fn an_answer_names_the_ticket_and_repeats_nothing() {
        let (facts, ticket) = (Facts::new(), ticket());
        let written = write(
            Words::english(),
            &about(DeliveryKind::AutoAnswer, &facts, &ticket),
        )
        .unwrap();
        assert!(
            written.subject.starts_with("[INC-12] "),
            "{}",
            written.subject
        );
        assert!(
            !written.subject.contains("Uplink")
                && !written.text.contains("Uplink")
                && !written.text.contains("failed over")
        );
        assert!(
            written.text.contains("INC-12") && written.text.starts_with(reply_above("en")),
            "{}",
            written.text
        );
    }

    #[test]
    fn a_reply_carries_its_text_escaped_and_the_promise_in_the_recipients_zone() {
        let (facts, ticket) = (Facts::new(), ticket());
        let written = write(
            Words::english(),
            &about(DeliveryKind::Reply, &facts, &ticket),
        )
        .unwrap();
        assert!(
            written.text.contains("It <works>.") && written.html.contains("It &#60;works&#62;."),
            "{}",
            written.html
        );
        assert!(written.text.contains("05:00"), "{}", written.text);
        assert!(written.text.contains("https://watch.example.org/INC-12"));
    }

    #[test]
    fn a_letter_says_of_what_kind_its_ticket_is_in_both_forms() {
        for (kind, key, footer, received) in [
            (
                Kind::Incident,
                "INC-12",
                "Incident INC-12",
                "is incident INC-12",
            ),
            (Kind::Change, "CHG-12", "Change CHG-12", "is change CHG-12"),
            (Kind::Task, "TSK-12", "Task TSK-12", "is task TSK-12"),
            (
                Kind::PostMortem,
                "PM-12",
                "Post-mortem PM-12",
                "is ticket PM-12",
            ),
        ] {
            let title = Title::parse("Raise the pool").unwrap();
            let now = Timestamp::from_micros(0);
            let opening = Opening::default();
            let ticket = Ticket::open(kind, 12, title, &opening, Door::Mail, now);
            let (ticket, facts) = (ticket.unwrap().0, Facts::new().with("from", "Bob"));
            let about = about(DeliveryKind::AutoAnswer, &facts, &ticket);
            let written = write(Words::english(), &about).unwrap();
            assert!(written.subject.starts_with(&format!("[{key}] ")));
            for form in [&written.text, &written.html] {
                assert!(form.contains(footer), "{form}");
                assert!(form.contains(received), "{form}");
            }
            assert!(written.html.contains("<html lang=\"en\">"));
        }
        // Whoever is given a change reads that it is one, already in the list of their mails.
        let title = Title::parse("Raise the pool").unwrap();
        let (opening, now) = (Opening::default(), Timestamp::from_micros(0));
        let ticket = Ticket::open(Kind::Change, 7, title, &opening, Door::Web, now);
        let ticket = ticket.unwrap().0;
        let facts = Facts::new().with("letter", "assigned").with("from", "Bob");
        let written = write(
            Words::english(),
            &about(DeliveryKind::Notice, &facts, &ticket),
        );
        assert_eq!(
            written.unwrap().subject,
            "[CHG-7] A change is yours now: Raise the pool"
        );
    }

    #[test]
    fn a_language_without_a_catalogue_gets_english() {
        for tag in ["en", "en-GB", "EN", "sv", "", "x-none"] {
            assert!(Words::in_language(tag).has("letter-received-body"), "{tag}");
        }
    }

    #[test]
    fn every_letter_is_worded() {
        for word in [
            "received",
            "reply",
            "update",
            "customer-wrote",
            "customer-reopened",
            "join-request",
            "assigned",
            "handed-over",
            "page",
            "test",
            "notice",
            "clocks",
            "invitation",
            "report",
            "account",
            "invite",
            "reset",
            "set-up",
            "freeze-ahead",
            "maintenance-ahead",
        ] {
            for part in ["subject", "body"] {
                assert!(
                    Words::english().has(&format!("letter-{word}-{part}")),
                    "{word} {part}"
                );
            }
        }
    }

    #[test]
    fn ids_need_a_plain_host() {
        assert_eq!(
            host_of(Some("https://watch.example.org:8443")),
            "watch.example.org"
        );
        assert_eq!(host_of(Some("http://[::1]:80")), "watchkeeper.invalid");
        assert_eq!(host_of(None), "watchkeeper.invalid");
    }
}
