//! The first draft of a post-mortem: what the record knows already, in sentences, each time with where it comes from.
//!
//! Nothing is judged here. Whoever writes the post-mortem finds the facts in place and spends the time on why.

use chrono_tz::Tz;

use super::report::both_times;
use crate::domain::postmortem::{Moment, Section};
use crate::domain::ticket::Ticket;
use crate::domain::timeline::EntryKind;
use crate::domain::timestamp::Timestamp;
use crate::words::Words;

/// Longest text of one line of the timeline, in characters: the entry itself is a click away.
const LINE_CHARS: usize = 160;

/// The sections that can be filled from the record. `hit` are the affected customers by name, with how long each was hit.
pub fn draft(
    words: &Words,
    incident: &Ticket,
    moments: &[Moment],
    hit: &[(String, Option<i64>)],
    zone: Tz,
) -> Vec<(Section, String)> {
    vec![
        (Section::Overview, overview(words, incident, zone)),
        (Section::Impact, impact(words, hit)),
        (
            Section::Detection,
            detection(words, incident, moments, zone),
        ),
        (Section::Timeline, timeline(words, incident, moments, zone)),
        (Section::Resolution, resolution(moments)),
    ]
}

fn overview(words: &Words, incident: &Ticket, zone: Tz) -> String {
    let severity = incident.severity.map_or("", |severity| severity.as_str());
    let restored = incident.restored_at.or(incident.resolved_at);
    let length = restored.map(|at| words.span(at.secs_since(incident.impact_at).max(0)));
    let mut text = words
        .with(
            "pm-draft-overview",
            &[
                ("key", incident.key.to_string().into()),
                ("title", incident.title.as_str().into()),
                ("severity", severity.into()),
                ("began", both_times(incident.impact_at, zone).into()),
            ],
        )
        .into_owned();
    if let (Some(at), Some(length)) = (restored, length) {
        text.push(' ');
        text.push_str(&words.with(
            "pm-draft-restored",
            &[
                ("at", both_times(at, zone).into()),
                ("length", length.into()),
            ],
        ));
    }
    text
}

fn impact(words: &Words, hit: &[(String, Option<i64>)]) -> String {
    if hit.is_empty() {
        return words.t("pm-draft-nobody").into_owned();
    }
    let lines: Vec<String> = hit
        .iter()
        .map(|(name, secs)| match secs {
            Some(secs) => format!("- {name}: {}", words.span((*secs).max(0))),
            None => format!("- {name}"),
        })
        .collect();
    lines.join("\n")
}

fn detection(words: &Words, incident: &Ticket, moments: &[Moment], zone: Tz) -> String {
    let after = |at: Timestamp| words.span(at.secs_since(incident.impact_at).max(0));
    let mut text = words
        .with(
            "pm-draft-detected",
            &[
                (
                    "door",
                    words
                        .t(&format!("pm-door-{}", incident.door.as_str()))
                        .into_owned()
                        .into(),
                ),
                ("at", both_times(incident.logged_at, zone).into()),
                ("after", after(incident.logged_at).into()),
            ],
        )
        .into_owned();
    let answered = moments.iter().find(|moment| {
        matches!(
            moment.kind,
            EntryKind::PageAcknowledged | EntryKind::OwnerSet
        )
    });
    if let Some(answered) = answered {
        text.push(' ');
        text.push_str(&words.with(
            "pm-draft-answered",
            &[
                ("at", both_times(answered.at, zone).into()),
                ("after", after(answered.at).into()),
            ],
        ));
    }
    text
}

/// One line per key moment, with the entry that it comes from.
fn timeline(words: &Words, incident: &Ticket, moments: &[Moment], zone: Tz) -> String {
    let lines: Vec<String> = moments
        .iter()
        .filter(|moment| is_key(moment.kind))
        .map(|moment| {
            let at = moment.at.in_zone(zone).format("%-d %b %H:%M:%S %Z");
            let key = format!("moment-{}", moment.kind.as_str());
            let what = words.t(&key);
            let mut line = format!("{at}  {what}");
            if !moment.who.is_empty() {
                line.push_str(&format!(" ({})", moment.who));
            }
            let text: String = moment
                .text
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
                .chars()
                .take(LINE_CHARS)
                .collect();
            if !text.is_empty() {
                line.push_str(&format!(": {text}"));
            }
            format!("{line} [{}#{}]", incident.key, moment.seq)
        })
        .collect();
    lines.join("\n")
}

fn resolution(moments: &[Moment]) -> String {
    let last = moments
        .iter()
        .rev()
        .find(|moment| moment.kind == EntryKind::Resolved && !moment.text.trim().is_empty());
    last.map_or_else(String::new, |moment| moment.text.clone())
}

/// What a reader of the timeline has to see first; the rest folds.
pub const fn is_key(kind: EntryKind) -> bool {
    matches!(
        kind,
        EntryKind::Opened
            | EntryKind::Paged
            | EntryKind::PageAcknowledged
            | EntryKind::DeadEnd
            | EntryKind::OwnerSet
            | EntryKind::HandedOver
            | EntryKind::RoleTaken
            | EntryKind::SeverityChanged
            | EntryKind::CustomerMessage
            | EntryKind::Reply
            | EntryKind::Update
            | EntryKind::Evidence
            | EntryKind::CommitLinked
            | EntryKind::Deployed
            | EntryKind::ClockBreached
            | EntryKind::Restored
            | EntryKind::AffectedRestored
            | EntryKind::Reopened
            | EntryKind::Resolved
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::Kind;
    use crate::domain::severity::Severity;
    use crate::domain::text::Title;
    use crate::domain::ticket::Opening;
    use crate::domain::timeline::Door;

    #[test]
    fn a_draft_holds_what_the_record_knows_with_its_source() {
        let at = |text: &str| Timestamp::parse_rfc3339(text).unwrap();
        let opening = Opening {
            severity: Some(Severity::Disaster),
            impact_at: Some(at("2026-11-21T03:00:00Z")),
            ..Opening::default()
        };
        let title = Title::parse("DB master down").unwrap();
        let (mut incident, _) = Ticket::open(
            Kind::Incident,
            12,
            title,
            &opening,
            Door::Monitoring,
            at("2026-11-21T03:02:00Z"),
        )
        .unwrap();
        incident.restored_at = Some(at("2026-11-21T03:47:00Z"));
        let moment = |seq, kind, time: &str, who: &str, text: &str| Moment {
            seq,
            at: at(time),
            kind,
            who: who.to_owned(),
            text: text.to_owned(),
        };
        let moments = [
            moment(1, EntryKind::Opened, "2026-11-21T03:02:00Z", "", ""),
            moment(
                2,
                EntryKind::PageAcknowledged,
                "2026-11-21T03:05:00Z",
                "Ada",
                "",
            ),
            moment(3, EntryKind::Labelled, "2026-11-21T03:06:00Z", "Ada", "db"),
            moment(
                4,
                EntryKind::Resolved,
                "2026-11-21T03:50:00Z",
                "Ada",
                "Failed over\nto the standby",
            ),
        ];
        let hit = [
            ("Northwind".to_owned(), Some(2_820)),
            ("Contoso".to_owned(), None),
        ];
        let zone = chrono_tz::Europe::Stockholm;
        let sections = draft(Words::english(), &incident, &moments, &hit, zone);
        let text = |wanted| {
            &sections
                .iter()
                .find(|(section, _)| *section == wanted)
                .unwrap()
                .1
        };
        let overview = text(Section::Overview);
        assert!(
            overview.contains("INC-12") && overview.contains("47 min"),
            "{overview}"
        );
        assert_eq!(text(Section::Impact), "- Northwind: 47 min\n- Contoso");
        let detection = text(Section::Detection);
        assert!(
            detection.contains("2 min") && detection.contains("5 min"),
            "{detection}"
        );
        let timeline: Vec<&str> = text(Section::Timeline).lines().collect();
        assert_eq!(timeline.len(), 3, "labels are no key moments: {timeline:?}");
        assert!(
            timeline[1].starts_with("21 Nov 04:05:00 CET") && timeline[1].ends_with("[INC-12#2]")
        );
        assert_eq!(text(Section::Resolution), "Failed over\nto the standby");
    }
}
