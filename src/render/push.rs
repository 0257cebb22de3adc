//! What the person who pushes reads: a line per reason, the first commits that it is about, and the command that helps.

use crate::domain::git::Oid;
use crate::domain::id::TicketKey;
use crate::domain::push_rule::{Code, Reason, Verdict};
use crate::domain::timestamp::Timestamp;
use crate::words::{Value, Words};

/// Commits named in one line.
const NAMED: usize = 3;
/// Reasons that are said: a mirror may push thousands of refs.
const SAID: usize = 20;

/// The lines of a verdict. `url` is where the ticket can be read.
pub fn lines(verdict: &Verdict, ticket: Option<TicketKey>, url: Option<&str>) -> Vec<String> {
    let words = Words::english();
    let said = verdict.reasons.iter().take(SAID);
    let mut lines: Vec<String> = said.map(|it| line(it, words)).collect();
    let more = verdict.reasons.len().saturating_sub(SAID);
    if more > 0 {
        let values: [(&str, Value<'_>); 1] = [("n", (more as i64).into())];
        lines.push(words.with("push-more", &values).into_owned());
    }
    if verdict.breaks_glass
        && let Some(key) = ticket
    {
        let key = key.to_string();
        let place = url.map_or_else(|| key.clone(), |url| format!("{url}/{key}"));
        let values: [(&str, Value<'_>); 2] = [("key", key.into()), ("place", place.into())];
        lines.push(words.with("push-glass", &values).into_owned());
    }
    lines
}

/// The incident that the glass was broken for, and where it can be read.
pub fn incident(key: TicketKey, url: Option<&str>) -> String {
    let key = key.to_string();
    let place = url.map_or_else(String::new, |url| format!("{url}/{key}"));
    let values: [(&str, Value<'_>); 2] = [("key", key.into()), ("place", place.into())];
    let line = Words::english().with("push-glass-incident", &values);
    line.trim_end().to_owned()
}

fn line(reason: &Reason, words: &Words) -> String {
    let key = reason.key.map(|key| key.to_string()).unwrap_or_default();
    let shown: Vec<&str> = reason.commits.iter().take(NAMED).map(Oid::short).collect();
    let mut commits = shown.join(", ");
    if reason.commits.len() > NAMED {
        commits.push_str(" …");
    }
    let (mut name, mut until, mut next) = Default::default();
    if let Some(frozen) = &reason.frozen {
        let at = |at| clock(at, frozen.zone);
        name = frozen.name.clone();
        until = at(frozen.until);
        next = frozen.next_open.map(at).unwrap_or_default();
    }
    if let Some(opens) = &reason.opens {
        name = opens.by_name.clone();
        until = clock(opens.at, opens.zone);
    }
    let place = reason.ref_name.as_str();
    let short = place.strip_prefix("refs/heads/");
    let short = short.or_else(|| place.strip_prefix("refs/tags/"));
    let (mut what, mut with) = Default::default();
    if let Some(clash) = &reason.clash {
        let key = format!("conflict-{}", clash.code.as_str().replace('_', "-"));
        what = words.t(&key).into_owned();
        with = clash.with.clone();
    }
    let values: [(&str, Value<'_>); 8] = [
        ("what", String::into(what)),
        ("with", String::into(with)),
        ("ref", short.unwrap_or(place).to_owned().into()),
        ("key", key.into()),
        ("commits", commits.into()),
        ("name", name.into()),
        ("until", until.into()),
        ("next", next.into()),
    ];
    let mut text = words.with(word(reason), &values).into_owned();
    let of = reason.frozen.as_ref().map(|it| it.services.join(", "));
    if let Some(of) = of.filter(|it| !it.is_empty()) {
        let values: [(&str, Value<'_>); 2] = [("text", text.into()), ("services", of.into())];
        text = words.with("push-frozen-of", &values).into_owned();
    }
    let head = match reason.is_warning {
        true => "push-warning",
        false => "push-refused",
    };
    let values: [(&str, Value<'_>); 2] =
        [("code", reason.code.as_str().into()), ("text", text.into())];
    words.with(head, &values).into_owned()
}

fn clock(at: Timestamp, zone: chrono_tz::Tz) -> String {
    at.in_zone(zone).format("%a %-d %b %H:%M %Z").to_string()
}

fn word(reason: &Reason) -> &'static str {
    use crate::domain::freeze::Level;
    match reason.code {
        Code::NoTicket => "push-no-ticket",
        Code::UnknownTicket => "push-unknown-ticket",
        Code::WrongType => "push-wrong-type",
        Code::WrongState => "push-wrong-state",
        Code::NotApproved => "push-not-approved",
        Code::ApprovalStale => "push-approval-stale",
        Code::NotYet => "push-not-yet",
        Code::SelfApproved => "push-self-approved",
        Code::Freeze => match reason.frozen.as_ref().map(|it| it.level) {
            Some(Level::Approve) => "push-freeze-approve",
            Some(Level::Warn) => "push-freeze-warn",
            // One window after the other, or nobody could be asked what comes after this one.
            _ if reason
                .frozen
                .as_ref()
                .is_some_and(|it| it.next_open.is_none()) =>
            {
                "push-freeze-closed"
            }
            _ => "push-freeze",
        },
        Code::Conflict if reason.is_warning => "push-conflict-warn",
        Code::Conflict => "push-conflict",
        Code::WaiverNotAllowed => "push-waiver",
        Code::Autosquash => "push-autosquash",
        Code::ForcePush => "push-forced",
        Code::TagMoved => "push-tag-moved",
        Code::Deleted => "push-deleted",
        Code::ServiceDown => "push-service-down",
        Code::BreakGlassDenied => "push-glass-denied",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::push_rule::Answer;

    #[test]
    fn a_freeze_says_when_to_push_again_only_if_that_is_known() {
        use crate::domain::freeze::Level;
        use crate::domain::push_rule::Frozen;
        let at = |hour: i64| Timestamp::from_micros(1_780_000_000_000_000).plus_secs(hour * 3_600);
        let said = |next_open| {
            let reason = Reason {
                code: Code::Freeze,
                ref_name: "refs/heads/main".to_owned(),
                commits: Vec::new(),
                key: None,
                frozen: Some(Frozen {
                    name: "Year end".to_owned(),
                    level: Level::Block,
                    zone: chrono_tz::UTC,
                    from: at(0),
                    until: at(8),
                    next_open,
                    services: Vec::new(),
                }),
                clash: None,
                opens: None,
                is_warning: false,
            };
            let verdict = Verdict {
                answer: Answer::Reject,
                reasons: vec![reason],
                breaks_glass: false,
            };
            lines(&verdict, None, None).join("\n")
        };
        assert!(
            said(Some(at(9))).contains("Push again after"),
            "{}",
            said(Some(at(9)))
        );
        assert!(!said(None).contains("Push again"), "{}", said(None));
        assert!(said(None).contains("-o break-glass="), "{}", said(None));
    }

    #[test]
    fn a_mirror_that_is_turned_away_reads_a_screenful_and_how_much_more_there_is() {
        let reason = |at: usize| Reason {
            code: Code::ForcePush,
            ref_name: format!("refs/heads/b{at}"),
            commits: Vec::new(),
            key: None,
            frozen: None,
            clash: None,
            opens: None,
            is_warning: false,
        };
        let said = |count: usize| {
            let verdict = Verdict {
                answer: Answer::Reject,
                reasons: (0..count).map(reason).collect(),
                breaks_glass: false,
            };
            lines(&verdict, None, None)
        };
        assert_eq!(said(SAID).len(), SAID);
        assert!(
            said(1)[0].starts_with("refused (FORCE_PUSH): b0 may not"),
            "{:?}",
            said(1)
        );
        let many = said(SAID + 5);
        assert_eq!(many.len(), SAID + 1);
        assert!(many[SAID].contains("5 reasons more"), "{}", many[SAID]);
    }
}
