//! Holds: what a ticket waits for, on whom, and until when. It may wait for several things at once, and is held as long as any
//! of them stands. Which waits stop a clock is for its target to say.

use super::id::{HoldId, Id};
use super::refusal::Refusal;
use super::ticket::{Ticket, WaitingOn};
use super::timeline::{Entry, EntryKind};
use super::timestamp::Timestamp;

/// Most things that one ticket can wait for at once.
pub const MOST_HOLDS: usize = 12;
/// A reminder comes when a tenth of the hold is left, but at most this long before its end.
const LONGEST_NOTICE_SECS: i64 = 24 * 3600;
/// A hold that is shorter needs no reminder.
const SHORTEST_REMINDED_SECS: i64 = 10 * 60;

/// One thing that a ticket waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    pub id: HoldId,
    pub on: WaitingOn,
    /// The person or party that is waited for, as people call them: "Contoso". May be empty.
    pub whom: String,
    pub reason: String,
    pub since: Timestamp,
    /// When it should end; it is released by itself then.
    pub until: Option<Timestamp>,
    /// When the owner is to be reminded of it; `None`: never, or it has been done.
    pub nudge_at: Option<Timestamp>,
    /// Who put it on.
    pub by: String,
}

/// What somebody says who puts a ticket on hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewHold {
    pub on: WaitingOn,
    pub whom: String,
    pub reason: String,
    /// When the wait began, if that was before now.
    pub since: Option<Timestamp>,
    /// What proves that it began before now: a web address, or `#12` for an entry of the ticket's own timeline.
    pub evidence: String,
    pub until: Option<Timestamp>,
    /// When to remind the owner; if it isn't said, shortly before the expected end.
    pub nudge_at: Option<Timestamp>,
}

impl NewHold {
    pub fn new(on: WaitingOn, reason: impl Into<String>) -> Self {
        Self {
            on,
            whom: String::new(),
            reason: reason.into(),
            since: None,
            evidence: String::new(),
            until: None,
            nudge_at: None,
        }
    }

    /// When the owner is reminded of a hold that begins at `since`.
    fn nudge(&self, since: Timestamp, now: Timestamp) -> Option<Timestamp> {
        if self.nudge_at.is_some() {
            return self.nudge_at;
        }
        let until = self.until?;
        let length = until.secs_since(since);
        let notice = (length / 10).min(LONGEST_NOTICE_SECS);
        let at = until.plus_secs(-notice);
        (length >= SHORTEST_REMINDED_SECS && at > now).then_some(at)
    }
}

impl Ticket {
    pub fn is_held(&self) -> bool {
        !self.holds.is_empty()
    }

    /// The longest standing hold: what one line about the ticket says.
    pub fn first_hold(&self) -> Option<&Hold> {
        self.holds.iter().min_by_key(|hold| hold.since)
    }

    /// When the last of its holds should end; `None` if nobody can say.
    pub fn held_until(&self) -> Option<Timestamp> {
        let ends: Option<Vec<Timestamp>> = self.holds.iter().map(|hold| hold.until).collect();
        ends?.into_iter().max()
    }

    /// When somebody should look at its holds again: one ends, or its owner is to be reminded.
    pub fn hold_wake_at(&self) -> Option<Timestamp> {
        let moments = |hold: &Hold| [hold.until, hold.nudge_at];
        self.holds.iter().flat_map(moments).flatten().min()
    }

    /// One more thing that it waits for. One that began and ended before now is written down, and doesn't stand.
    pub fn hold(&mut self, new: &NewHold, by: &str, now: Timestamp) -> Result<Entry, Refusal> {
        self.refuse_unless_open()?;
        if new.reason.trim().is_empty() {
            return Err(Refusal::new("reason-needed"));
        }
        let since = new.since.unwrap_or(now);
        if since > now {
            return Err(Refusal::new("hold-in-future"));
        }
        let is_over = new.until.is_some_and(|until| until <= now);
        if is_over && new.since.is_none() {
            return Err(Refusal::new("hold-ends-in-past"));
        }
        if new.until.is_some_and(|until| until <= since) {
            return Err(Refusal::new("hold-ends-before-it-begins"));
        }
        if let Some(nudge) = new.nudge_at
            && (nudge <= now || new.until.is_some_and(|until| nudge >= until))
        {
            return Err(Refusal::new("nudge-outside-hold"));
        }
        if self.holds.len() >= MOST_HOLDS {
            return Err(Refusal::new("too-many-holds").with("max", MOST_HOLDS.to_string()));
        }
        let hold = Hold {
            id: Id::new(now),
            on: new.on,
            whom: new.whom.clone(),
            reason: new.reason.clone(),
            since,
            until: new.until,
            nudge_at: new.nudge(since, now).filter(|_| !is_over),
            by: by.to_owned(),
        };
        let mut entry = Entry::new(EntryKind::Held)
            .body(hold.reason.clone())
            .fact("hold", hold.id)
            .fact("on", hold.on)
            .fact_some("whom", Some(&hold.whom).filter(|whom| !whom.is_empty()))
            .fact_some("until", hold.until.map(Timestamp::rfc3339))
            .fact_some("nudge_at", hold.nudge_at.map(Timestamp::rfc3339));
        if new.since.is_some() {
            entry = entry.at(since);
        }
        if !is_over {
            self.holds.push(hold);
        }
        Ok(entry)
    }

    /// Ends one hold, or all of them.
    pub fn release(&mut self, one: Option<HoldId>) -> Result<Vec<Entry>, Refusal> {
        let ended = self.release_where(|hold| one.is_none_or(|id| id == hold.id));
        if ended.is_empty() {
            return Err(Refusal::new("not-held"));
        }
        Ok(ended)
    }

    /// Ends the holds that `ends` names; one entry for each.
    pub(super) fn release_where(&mut self, ends: impl Fn(&Hold) -> bool) -> Vec<Entry> {
        let (ended, kept) = std::mem::take(&mut self.holds)
            .into_iter()
            .partition(|hold| ends(hold));
        self.holds = kept;
        let said = |hold: Hold| {
            Entry::new(EntryKind::Released)
                .fact("hold", hold.id)
                .fact("on", hold.on)
                .fact_some("whom", Some(hold.whom).filter(|whom| !whom.is_empty()))
        };
        Vec::into_iter(ended).map(said).collect()
    }

    /// What its holds do by themselves at `now`: those that have run out end, and of those that nearly have, the owner is reminded.
    pub fn holds_due(&mut self, now: Timestamp) -> Vec<Entry> {
        let mut entries: Vec<Entry> = self
            .release_where(|hold| hold.until.is_some_and(|until| until <= now))
            .into_iter()
            .map(|entry| entry.fact("cause", "expected_end"))
            .collect();
        for hold in &mut self.holds {
            if hold.nudge_at.is_some_and(|at| at <= now) {
                hold.nudge_at = None;
                entries.push(
                    Entry::new(EntryKind::HoldNudged)
                        .fact("hold", hold.id)
                        .fact("on", hold.on)
                        .fact_some("whom", Some(&hold.whom).filter(|whom| !whom.is_empty()))
                        .fact("reason", &hold.reason)
                        .fact_some("until", hold.until.map(Timestamp::rfc3339)),
                );
            }
        }
        entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::Kind;
    use crate::domain::text::Title;
    use crate::domain::ticket::Opening;
    use crate::domain::timeline::Door;

    const NOW: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);
    const HOUR: i64 = 3600;

    fn ticket() -> Ticket {
        let title = Title::parse("Uplink down").unwrap();
        Ticket::open(
            Kind::Incident,
            1,
            title,
            &Opening::default(),
            Door::Web,
            NOW,
        )
        .unwrap()
        .0
    }

    fn wait(on: WaitingOn, until: Option<i64>) -> NewHold {
        NewHold {
            until: until.map(|secs| NOW.plus_secs(secs)),
            ..NewHold::new(on, "logs, please")
        }
    }

    #[test]
    fn several_holds_stand_at_once_and_each_ends_by_itself() {
        let mut ticket = ticket();
        ticket
            .hold(&wait(WaitingOn::Customer, Some(HOUR)), "Ada", NOW)
            .unwrap();
        ticket
            .hold(&wait(WaitingOn::Vendor, Some(3 * HOUR)), "Ada", NOW)
            .unwrap();
        assert_eq!(ticket.held_until(), Some(NOW.plus_secs(3 * HOUR)));
        let one = ticket.holds[1].id;
        assert_eq!(ticket.release(Some(one)).unwrap().len(), 1);
        assert_eq!(ticket.release(Some(one)).unwrap_err().rule, "not-held");
        assert!(ticket.is_held());
        ticket
            .hold(&wait(WaitingOn::Vendor, None), "Ada", NOW)
            .unwrap();
        assert_eq!(ticket.held_until(), None, "nobody can say");
        assert_eq!(ticket.release(None).unwrap().len(), 2);
        assert!(!ticket.is_held());
    }

    #[test]
    fn a_hold_begins_now_or_before_and_ends_after_it_began() {
        let mut ticket = ticket();
        let mut refused = |new: NewHold| ticket.hold(&new, "Ada", NOW).unwrap_err().rule;
        let since = |secs: i64, until: Option<i64>| NewHold {
            since: Some(NOW.plus_secs(secs)),
            ..wait(WaitingOn::Customer, until)
        };
        assert_eq!(refused(since(1, None)), "hold-in-future");
        assert_eq!(refused(since(1, Some(HOUR))), "hold-in-future");
        assert_eq!(
            refused(wait(WaitingOn::Customer, Some(0))),
            "hold-ends-in-past"
        );
        assert_eq!(refused(since(-60, Some(-60))), "hold-ends-before-it-begins");
        for nudge in [0, HOUR] {
            let new = NewHold {
                nudge_at: Some(NOW.plus_secs(nudge)),
                ..wait(WaitingOn::Customer, Some(HOUR))
            };
            assert_eq!(refused(new), "nudge-outside-hold", "{nudge}");
        }
        let entry = ticket.hold(&since(-60, Some(-30)), "Ada", NOW).unwrap();
        assert_eq!(entry.effective_at, Some(NOW.plus_secs(-60)));
        assert!(!ticket.is_held(), "it was over already");
        for _ in 0..MOST_HOLDS {
            ticket
                .hold(&wait(WaitingOn::Date, None), "Ada", NOW)
                .unwrap();
        }
        let more = ticket.hold(&wait(WaitingOn::Date, None), "Ada", NOW);
        assert_eq!(more.unwrap_err().rule, "too-many-holds");
    }

    #[test]
    fn the_owner_is_reminded_once_when_the_end_nears() {
        for (length, notice) in [
            (HOUR, Some(360)),
            (100 * 24 * HOUR, Some(24 * HOUR)),
            (599, None),
        ] {
            let mut ticket = ticket();
            ticket
                .hold(&wait(WaitingOn::Customer, Some(length)), "Ada", NOW)
                .unwrap();
            let expected = notice.map(|notice| NOW.plus_secs(length - notice));
            assert_eq!(ticket.holds[0].nudge_at, expected, "{length}");
        }
        let mut ticket = ticket();
        let kinds = |ticket: &mut Ticket, secs: i64| -> Vec<EntryKind> {
            let entries = ticket.holds_due(NOW.plus_secs(secs));
            entries.iter().map(|entry| entry.kind).collect()
        };
        ticket
            .hold(&wait(WaitingOn::Customer, Some(HOUR)), "Ada", NOW)
            .unwrap();
        assert_eq!(ticket.hold_wake_at(), Some(NOW.plus_secs(HOUR - 360)));
        assert_eq!(kinds(&mut ticket, HOUR - 361), []);
        assert_eq!(kinds(&mut ticket, HOUR - 360), [EntryKind::HoldNudged]);
        assert_eq!(kinds(&mut ticket, HOUR - 1), []);
        assert_eq!(ticket.hold_wake_at(), Some(NOW.plus_secs(HOUR)));
        assert_eq!(kinds(&mut ticket, HOUR), [EntryKind::Released]);
        assert_eq!(ticket.hold_wake_at(), None);
    }
}
