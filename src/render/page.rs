//! A page as text: short enough for the lock screen, complete enough to decide half asleep.

use crate::domain::page::{LATE_SECS, Next, Note, PageKind};
use crate::domain::timestamp::Timestamp;
use crate::words::Words;

/// A page as mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageText {
    /// `INC-1 DB master down`.
    pub subject: String,
    pub body: String,
}

/// The text of `note`, rendered at `now`. `link` answers it; `public_url` leads to the incident.
pub fn text(words: &Words, note: &Note, link: &str, public_url: &str, now: Timestamp) -> PageText {
    let Some(about) = &note.about else {
        let (subject, body) = match note.kind {
            PageKind::SelfTest => ("page-self-test-subject", "page-self-test-body"),
            PageKind::Test | PageKind::Escalation | PageKind::DeadEnd | PageKind::Asked => {
                ("page-test-subject", "page-test-body")
            }
        };
        let body = words.with(body, &[("link", link.into())]);
        return PageText {
            subject: words.t(subject).into_owned(),
            body: format!("{body}\n"),
        };
    };
    let mut lines = vec![about.title.to_string(), String::new()];
    let waited = now.secs_since(note.asked_at);
    if waited > LATE_SECS {
        let since = local(words, note, note.asked_at);
        let span = words.span(waited);
        let late = words.with("page-late", &[("at", since.into()), ("span", span.into())]);
        lines.push(late.into_owned());
    }
    let mut facts = Vec::new();
    if let Some(severity) = about.severity {
        facts.push(words.t(&format!("severity-{severity}")).into_owned());
    }
    facts.extend(about.customer.clone());
    facts.push(
        words
            .with(
                "page-since",
                &[("at", local(words, note, about.impact_at).into())],
            )
            .into_owned(),
    );
    lines.push(facts.join(", "));
    let metric = |metric: &str| {
        let key = format!("metric-{}", metric.replace('_', "-"));
        words.t(&key).into_owned()
    };
    if let Some((late, since)) = &about.late {
        let span = words.span(now.secs_since(*since).max(0));
        let over = words.with("clock-over", &[("span", span.into())]);
        lines.push(format!("{}: {over}", metric(late)));
    }
    if let Some((soon, deadline)) = &about.soon {
        let span = words.span(deadline.secs_since(now).max(0));
        let due = words.with("letter-clocks-due", &[("span", span.into())]);
        lines.push(format!("{}: {due}", metric(soon)));
    }
    lines.push(match &about.owner {
        Some(name) => words
            .with("night-has-it", &[("name", name.as_str().into())])
            .into_owned(),
        None => words.t("night-nobody-has-it").into_owned(),
    });
    if note.kind == PageKind::DeadEnd {
        lines.push(words.t("page-dead-end").into_owned());
    }
    lines.push(String::new());
    lines.push(
        words
            .with("page-answer", &[("link", link.into())])
            .into_owned(),
    );
    if let Some(silence) = if_nothing_is_done(words, note, now) {
        lines.push(silence);
    }
    lines.push(String::new());
    lines.push(format!("{public_url}/{}", about.key));
    PageText {
        subject: format!("{} {}", about.key, about.title),
        body: lines.join("\n") + "\n",
    }
}

/// "If nobody answers, Tom is paged in 4 min 20 s." `None` if nothing more happens by itself.
pub fn if_nothing_is_done(words: &Words, note: &Note, now: Timestamp) -> Option<String> {
    let (at, next) = note.next.as_ref()?;
    let span = words.span(at.secs_since(now).max(0));
    let when = [("span", span.into())];
    Some(match next {
        Next::People(names) => {
            let [span] = when;
            words
                .with(
                    "silence-people",
                    &[("names", names.join(", ").into()), span],
                )
                .into_owned()
        }
        Next::WholeTeam => words.with("silence-team", &when).into_owned(),
        Next::DeadEnd => words.with("silence-dead-end", &when).into_owned(),
    })
}

/// On the wall clock of whoever is paged, with its zone.
fn local(words: &Words, note: &Note, at: Timestamp) -> String {
    let at = at.in_zone(note.zone);
    let (time, zone) = (at.format("%H:%M").to_string(), at.format("%Z").to_string());
    let day = at.format("%Y-%m-%d").to_string();
    words
        .with(
            "page-time",
            &[
                ("day", day.into()),
                ("time", time.into()),
                ("zone", zone.into()),
            ],
        )
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{Kind, TicketKey};
    use crate::domain::page::Subject;
    use crate::domain::severity::Severity;
    use crate::domain::text::Title;

    #[test]
    fn a_page_says_what_since_when_who_has_it_and_what_happens_otherwise() {
        let now = Timestamp::parse_rfc3339("2026-11-21T03:07:00Z").unwrap();
        let note = Note {
            kind: PageKind::Escalation,
            about: Some(Subject {
                key: TicketKey {
                    kind: Kind::Incident,
                    number: 1,
                },
                title: Title::parse("DB master down").unwrap(),
                severity: Some(Severity::Disaster),
                customer: Some("Northwind".to_owned()),
                impact_at: now.plus_secs(-240),
                owner: None,
                is_open: true,
                late: Some(("respond".to_owned(), now.plus_secs(-60))),
                soon: Some(("restore".to_owned(), now.plus_secs(3_600))),
            }),
            next: Some((now.plus_secs(260), Next::People(vec!["Tom".to_owned()]))),
            zone: chrono_tz::Europe::Stockholm,
            asked_at: now.plus_secs(-120),
        };
        let page = text(
            Words::english(),
            &note,
            "https://w.example/n/T",
            "https://w.example",
            now,
        );
        assert_eq!(page.subject, "INC-1 DB master down");
        for part in [
            "04:03 CET",
            "Northwind",
            "Nobody has it",
            "First response: 1 min over",
            "Restore: due in 1 h",
            "https://w.example/n/T",
            "Tom is paged in 4 min 20 s",
            "https://w.example/INC-1",
        ] {
            assert!(page.body.contains(part), "{part} in {}", page.body);
        }
        assert!(!page.body.contains("late"), "{}", page.body);
        let late = Note {
            asked_at: now.plus_secs(-7_260),
            ..note.clone()
        };
        let late = text(Words::english(), &late, "https://w.example/n/T", "", now);
        let says = "2 h 1 min late: this page should have reached you at 2026-11-21 02:06 CET";
        assert!(late.body.contains(says), "{}", late.body);
        let test = Note {
            kind: PageKind::Test,
            about: None,
            next: None,
            ..note
        };
        assert!(
            text(Words::english(), &test, "https://w.example/n/T", "", now)
                .body
                .contains("https://w.example/n/T")
        );
    }
}
