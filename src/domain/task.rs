//! Tasks: work that takes longer than five minutes, with an outline, a priority and a due date.
//!
//! The priority that people see rises by itself as the due date nears and passes; the one that was set is kept, so that a new
//! due date lowers it again.

use super::refusal::Refusal;
use super::severity::Priority;
use super::ticket::Ticket;
use super::timestamp::Timestamp;
use super::word::words;

const DAY_SECS: i64 = 86_400;
/// Closer than this, a task is one step more urgent than it was set.
pub const NEAR_SECS: i64 = 7 * DAY_SECS;
/// Closer than this, two steps.
pub const CLOSE_SECS: i64 = 2 * DAY_SECS;

words! {
    /// What an action item is meant to do about the next time.
    pub enum ActionType { Prevent = "prevent", Detect = "detect", Mitigate = "mitigate" }
}

/// The priority to show and sort by: as `set`, one step up within seven days of `due_at`, two within two days, urgent when
/// it has passed. Without a due date it stays as set.
pub fn priority_at(set: Priority, due_at: Option<Timestamp>, now: Timestamp) -> Priority {
    let Some(due_at) = due_at else { return set };
    let left_secs = due_at.secs_since(now);
    let steps = match left_secs {
        i64::MIN..0 => return Priority::Urgent,
        0..CLOSE_SECS => 2,
        CLOSE_SECS..NEAR_SECS => 1,
        _ => 0,
    };
    (0..steps).fold(set, |priority, _| one_up(priority))
}

/// The priority of a ticket as people see it: what is done or cancelled rises no more.
pub fn shown_priority(ticket: &Ticket, now: Timestamp) -> Option<Priority> {
    let due_at = ticket.due_at.filter(|_| ticket.is_open());
    ticket.priority.map(|set| priority_at(set, due_at, now))
}

/// The next instant at which [`priority_at`] gives something else; `None` if it never will again.
pub fn next_rise_at(set: Priority, due_at: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    let due_at = due_at?;
    [
        due_at.plus_secs(-NEAR_SECS).plus_micros(1),
        due_at.plus_secs(-CLOSE_SECS).plus_micros(1),
        due_at.plus_micros(1),
    ]
    .into_iter()
    .find(|at| {
        *at > now && priority_at(set, Some(due_at), *at) != priority_at(set, Some(due_at), now)
    })
}

const fn one_up(priority: Priority) -> Priority {
    match priority {
        Priority::Urgent | Priority::High => Priority::Urgent,
        Priority::Normal => Priority::High,
        Priority::Low => Priority::Normal,
    }
}

/// Verbs that end in talk. An action item that starts with one has to say in its outline what will exist afterwards.
const VAGUE: [&str; 8] = [
    "investigate",
    "look into",
    "think about",
    "discuss",
    "consider",
    "analyse",
    "analyze",
    "explore",
];

/// Refuses an action item nobody could ever call done: "investigate …" without a deliverable in its outline.
pub fn require_deliverable(title: &str, outline: &str) -> Result<(), Refusal> {
    let folded = title.trim().to_lowercase();
    let vague = VAGUE
        .iter()
        .find(|verb| folded == **verb || folded.starts_with(&format!("{verb} ")));
    match vague {
        Some(verb) if outline.trim().is_empty() => {
            Err(Refusal::new("action-needs-deliverable").with("verb", *verb))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn priority_rises_as_the_due_date_nears_and_passes() {
        let due_at = at("2026-12-31T12:00:00Z");
        for (now, from_low, from_normal, from_high) in [
            (
                "2026-12-24T11:59:59Z",
                Priority::Low,
                Priority::Normal,
                Priority::High,
            ),
            (
                "2026-12-24T12:00:00Z",
                Priority::Low,
                Priority::Normal,
                Priority::High,
            ),
            (
                "2026-12-24T12:00:01Z",
                Priority::Normal,
                Priority::High,
                Priority::Urgent,
            ),
            (
                "2026-12-29T12:00:00Z",
                Priority::Normal,
                Priority::High,
                Priority::Urgent,
            ),
            (
                "2026-12-29T12:00:01Z",
                Priority::High,
                Priority::Urgent,
                Priority::Urgent,
            ),
            (
                "2026-12-31T12:00:00Z",
                Priority::High,
                Priority::Urgent,
                Priority::Urgent,
            ),
            (
                "2026-12-31T12:00:01Z",
                Priority::Urgent,
                Priority::Urgent,
                Priority::Urgent,
            ),
        ] {
            let now_at = at(now);
            for (set, seen) in [
                (Priority::Low, from_low),
                (Priority::Normal, from_normal),
                (Priority::High, from_high),
            ] {
                assert_eq!(
                    priority_at(set, Some(due_at), now_at),
                    seen,
                    "{set} at {now}"
                );
            }
        }
        assert_eq!(
            priority_at(Priority::Low, None, due_at),
            Priority::Low,
            "nothing to near"
        );
    }

    #[test]
    fn the_next_rise_is_the_instant_at_which_the_priority_changes() {
        let due_at = at("2026-12-31T12:00:00Z");
        let mut now = at("2026-12-01T00:00:00Z");
        let mut seen = vec![priority_at(Priority::Low, Some(due_at), now)];
        while let Some(next) = next_rise_at(Priority::Low, Some(due_at), now) {
            assert_eq!(
                priority_at(Priority::Low, Some(due_at), next.plus_micros(-1)),
                seen[seen.len() - 1]
            );
            seen.push(priority_at(Priority::Low, Some(due_at), next));
            now = next;
        }
        assert_eq!(
            seen,
            [
                Priority::Low,
                Priority::Normal,
                Priority::High,
                Priority::Urgent
            ]
        );
        assert_eq!(
            next_rise_at(Priority::Urgent, Some(due_at), at("2026-12-01T00:00:00Z")),
            None
        );
    }

    #[test]
    fn an_action_item_needs_something_to_show_for_it() {
        for title in [
            "Investigate the pool",
            "investigate",
            "Look into failover",
            " DISCUSS it",
        ] {
            assert_eq!(
                require_deliverable(title, " ").unwrap_err().rule,
                "action-needs-deliverable",
                "{title}"
            );
            assert!(require_deliverable(title, "A page with the numbers").is_ok());
        }
        for title in [
            "Alert on pool saturation",
            "Investigative dashboards for the pool",
        ] {
            assert!(require_deliverable(title, "").is_ok(), "{title}");
        }
    }
}
