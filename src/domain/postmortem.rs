//! Post-mortems: what is asked, when the meeting is, what counts as done.
//!
//! The meeting is a promise like any other: held within 24 hours of the incident's resolution. Where the slot lies is a
//! rule that is printed beside it, never a guess. Nothing here ranks or names the people of an incident.

use super::id::{Id, MeetingId, PersonId, TicketId};
use super::refusal::Refusal;
use super::text::EmailAddress;
use super::ticket::{State, Ticket};
use super::timeline::EntryKind;
use super::timestamp::Timestamp;
use super::word::words;

/// Elapsed seconds from resolved to held.
pub const MEETING_WITHIN_SECS: i64 = 24 * 3600;
/// A meeting lasts this long.
pub const MEETING_SECS: i64 = 3600;
/// Nobody is invited to a meeting that starts sooner than this.
pub const NOTICE_SECS: i64 = 3600;
/// Slots start on quarters of an hour, on the wall clock of every zone there is.
const QUARTER_SECS: i64 = 900;

words! {
    /// The sections of every post-mortem, in reading order. `pm-section-…` is a section's name, `pm-prompt-…` its question.
    pub enum Section {
        Overview = "overview",
        Impact = "impact",
        Detection = "detection",
        Timeline = "timeline",
        Resolution = "resolution",
        Factors = "factors",
        WentWell = "went_well",
        WentBadly = "went_badly",
        Lucky = "lucky",
        CustomerMessage = "customer_message",
    }
}

impl Section {
    /// Sections without which a review has nothing to look at.
    pub const NEEDED: [Section; 4] = [
        Section::Overview,
        Section::Impact,
        Section::Factors,
        Section::Resolution,
    ];
}

words! {
    /// Which rule put the meeting where it is; `slot-…` in the catalogue says it in a sentence.
    pub enum SlotRule {
        /// The owner's next working hour that ends before the deadline.
        WorkingHour = "working_hour",
        /// The owner has no working hour before the deadline: the hour before it.
        BeforeDeadline = "before_deadline",
        /// A person chose it.
        Chosen = "chosen",
    }
}

words! {
    /// What became of a meeting.
    pub enum MeetingState { Planned = "planned", Held = "held", Cancelled = "cancelled" }
}

/// A slot and the rule that found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub rule: SlotRule,
}

impl Slot {
    fn at(starts_at: Timestamp, rule: SlotRule) -> Self {
        Self {
            starts_at,
            ends_at: starts_at.plus_secs(MEETING_SECS),
            rule,
        }
    }
}

/// Where the meeting goes by itself.
///
/// `open` are the owner's working intervals in ascending order, `now` is when the invitation goes out. The slot is the first
/// full hour that starts on a quarter, at least [`NOTICE_SECS`] after `now`, lies inside one working interval and ends at
/// or before `deadline_at`; else the hour that ends at the deadline, but never one that has already begun.
pub fn find_slot(open: &[(Timestamp, Timestamp)], now: Timestamp, deadline_at: Timestamp) -> Slot {
    let earliest = now.plus_secs(NOTICE_SECS);
    let working = open.iter().find_map(|(from, until)| {
        let starts_at = next_quarter((*from).max(earliest));
        let ends_at = starts_at.plus_secs(MEETING_SECS);
        (ends_at <= *until && ends_at <= deadline_at).then_some(starts_at)
    });
    match working {
        Some(starts_at) => Slot::at(starts_at, SlotRule::WorkingHour),
        None => Slot::at(
            deadline_at.plus_secs(-MEETING_SECS).max(next_quarter(now)),
            SlotRule::BeforeDeadline,
        ),
    }
}

/// A slot that a person chose: it may lie after the deadline (the clock will say so), but not in the past, and a meeting
/// takes between 15 minutes and 8 hours.
pub fn choose_slot(starts_at: Timestamp, minutes: i64, now: Timestamp) -> Result<Slot, Refusal> {
    if starts_at < now {
        return Err(Refusal::new("meeting-in-the-past").with("at", starts_at.rfc3339()));
    }
    if !(15..=480).contains(&minutes) {
        return Err(Refusal::new("meeting-length").with("got", minutes.to_string()));
    }
    Ok(Slot {
        starts_at,
        ends_at: starts_at.plus_secs(minutes * 60),
        rule: SlotRule::Chosen,
    })
}

/// A meeting as it stands. Its UID never changes; its sequence rises with every change that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meeting {
    pub id: MeetingId,
    /// The post-mortem.
    pub ticket: TicketId,
    pub uid: String,
    pub sequence: i32,
    pub state: MeetingState,
    pub slot: Slot,
    /// When it has to have been held.
    pub deadline_at: Timestamp,
    /// A room or a link; may be empty.
    pub place: String,
    pub made_at: Timestamp,
    /// When it was held or cancelled.
    pub settled_at: Option<Timestamp>,
}

/// An entry of the incident's timeline as a post-mortem tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// Its place on the incident's timeline: the source of the time.
    pub seq: i64,
    pub at: Timestamp,
    pub kind: EntryKind,
    pub who: String,
    pub text: String,
}

words! {
    /// What somebody answered to an invitation.
    pub enum Attendance {
        Accepted = "accepted",
        Tentative = "tentative",
        Declined = "declined",
    }
}

/// Somebody who was asked to a meeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guest {
    pub address: EmailAddress,
    pub name: String,
    pub person: Option<PersonId>,
    /// To the invitation as it stands now.
    pub answer: Option<Attendance>,
}

impl Meeting {
    /// `uid` names it for calendars: see `render::calendar::uid`.
    pub fn plan(
        ticket: TicketId,
        uid: impl FnOnce(MeetingId) -> String,
        slot: Slot,
        deadline_at: Timestamp,
        place: String,
        now: Timestamp,
    ) -> Self {
        let id = Id::new(now);
        Self {
            id,
            ticket,
            uid: uid(id),
            sequence: 0,
            state: MeetingState::Planned,
            slot,
            deadline_at,
            place,
            made_at: now,
            settled_at: None,
        }
    }

    /// Moves it, or changes where it is.
    pub fn shift(&mut self, slot: Slot, place: String) -> Result<(), Refusal> {
        self.refuse_settled()?;
        if slot.starts_at == self.slot.starts_at
            && slot.ends_at == self.slot.ends_at
            && place == self.place
        {
            return Err(Refusal::new("unchanged"));
        }
        self.slot = slot;
        self.place = place;
        self.sequence += 1;
        Ok(())
    }

    /// It took place, whenever that was: a meeting held early keeps the promise too.
    pub fn hold(&mut self, now: Timestamp) -> Result<(), Refusal> {
        self.refuse_settled()?;
        self.state = MeetingState::Held;
        self.settled_at = Some(now);
        Ok(())
    }

    pub fn cancel(&mut self, now: Timestamp) -> Result<(), Refusal> {
        self.refuse_settled()?;
        self.state = MeetingState::Cancelled;
        self.settled_at = Some(now);
        self.sequence += 1;
        Ok(())
    }

    /// What was held or cancelled is over.
    pub fn refuse_settled(&self) -> Result<(), Refusal> {
        match self.state {
            MeetingState::Planned => Ok(()),
            MeetingState::Held => Err(Refusal::new("meeting-held")),
            MeetingState::Cancelled => Err(Refusal::new("meeting-cancelled")),
        }
    }
}

fn next_quarter(at: Timestamp) -> Timestamp {
    let quarter = QUARTER_SECS * 1_000_000;
    let over = at.micros().rem_euclid(quarter);
    if over == 0 {
        at
    } else {
        at.plus_micros(quarter - over)
    }
}

/// What a review still lacks: the needed sections that are empty, in reading order.
pub fn missing(sections: &[(Section, String)]) -> Vec<Section> {
    Section::NEEDED
        .into_iter()
        .filter(|needed| {
            !sections
                .iter()
                .any(|(section, text)| section == needed && !text.trim().is_empty())
        })
        .collect()
}

/// What the steps of a post-mortem depend on besides the state machine, for whoever would take them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// See [`missing`].
    pub lacks: Vec<Section>,
    pub is_author: bool,
    pub is_owner: bool,
    /// Its meeting was neither held nor cancelled.
    pub is_meeting_planned: bool,
    pub people_who_could: usize,
}

impl Readiness {
    /// Whether `pm` may become `to`; reasons that have to be given are asked for when it does.
    pub fn allow(&self, pm: &Ticket, to: State) -> Result<(), Refusal> {
        match to {
            State::InReview if pm.state == State::Draft => match self.lacks.first() {
                None => Ok(()),
                Some(first) => Err(Refusal::new("postmortem-incomplete")
                    .with("count", self.lacks.len().to_string())
                    .with("section", first.as_str())),
            },
            State::Reviewed => require_other_reviewer(self.is_author, self.people_who_could),
            // Skipping is signed by somebody whose it isn't.
            State::Skipped => require_other_reviewer(self.is_owner, self.people_who_could),
            State::Closed if self.is_meeting_planned => {
                Err(Refusal::new("meeting-open").with("key", pm.key.to_string()))
            }
            _ => Ok(()),
        }
    }
}

/// An author doesn't review their own draft, unless nobody else is there.
pub fn require_other_reviewer(
    reviewer_is_author: bool,
    people_who_could: usize,
) -> Result<(), Refusal> {
    if reviewer_is_author && people_who_could > 1 {
        return Err(Refusal::new("review-needs-another"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn the_meeting_is_the_owners_next_working_hour_else_the_hour_before_the_deadline() {
        let days = [
            (at("2026-11-19T08:00:00Z"), at("2026-11-19T16:00:00Z")),
            (at("2026-11-20T08:00:00Z"), at("2026-11-20T16:00:00Z")),
        ];
        for (name, open, resolved, starts, rule) in [
            (
                "in the morning: an hour's notice, next quarter",
                &days[..],
                "2026-11-19T09:05:00Z",
                "2026-11-19T10:15:00Z",
                SlotRule::WorkingHour,
            ),
            (
                "on a quarter exactly",
                &days[..],
                "2026-11-19T09:00:00Z",
                "2026-11-19T10:00:00Z",
                SlotRule::WorkingHour,
            ),
            (
                "last slot of the day",
                &days[..],
                "2026-11-19T14:00:00Z",
                "2026-11-19T15:00:00Z",
                SlotRule::WorkingHour,
            ),
            (
                "one second too late for it",
                &days[..],
                "2026-11-19T14:00:01Z",
                "2026-11-20T08:00:00Z",
                SlotRule::WorkingHour,
            ),
            (
                "at night: when work begins",
                &days[..],
                "2026-11-19T03:00:00Z",
                "2026-11-19T08:00:00Z",
                SlotRule::WorkingHour,
            ),
            (
                "before a weekend: the hour before the deadline",
                &days[..],
                "2026-11-20T15:30:00Z",
                "2026-11-21T14:30:00Z",
                SlotRule::BeforeDeadline,
            ),
            (
                "no calendar at all",
                &[][..],
                "2026-11-21T04:07:00Z",
                "2026-11-22T03:07:00Z",
                SlotRule::BeforeDeadline,
            ),
        ] {
            let resolved_at = at(resolved);
            let deadline_at = resolved_at.plus_secs(MEETING_WITHIN_SECS);
            let slot = find_slot(open, resolved_at, deadline_at);
            assert_eq!(slot.starts_at.rfc3339(), starts, "{name}");
            assert_eq!(slot.rule, rule, "{name}");
            assert!(slot.ends_at <= deadline_at, "{name}");
        }
    }

    #[test]
    fn a_slot_never_lies_in_the_past() {
        let deadline_at = at("2026-11-20T10:00:00Z");
        let slot = find_slot(&[], at("2026-11-20T09:40:00Z"), deadline_at);
        assert_eq!(slot.starts_at, at("2026-11-20T09:45:00Z"));
        let late = find_slot(&[], at("2026-11-21T09:40:00Z"), deadline_at);
        assert_eq!(late.starts_at, at("2026-11-21T09:45:00Z"));
    }

    #[test]
    fn a_chosen_slot_may_be_late_but_not_past_or_endless() {
        let now = at("2026-11-20T10:00:00Z");
        assert!(choose_slot(now, 15, now).is_ok());
        assert!(choose_slot(now.plus_secs(86_400 * 3), 480, now).is_ok());
        let rule = |starts_at, minutes| choose_slot(starts_at, minutes, now).unwrap_err().rule;
        assert_eq!(rule(now.plus_micros(-1), 60), "meeting-in-the-past");
        assert_eq!(rule(now, 14), "meeting-length");
        assert_eq!(rule(now, 481), "meeting-length");
    }

    #[test]
    fn a_review_needs_its_sections_and_another_pair_of_eyes() {
        let filled = |section| (section, "text".to_owned());
        assert_eq!(missing(&[]), Section::NEEDED);
        assert_eq!(
            missing(&[
                filled(Section::Overview),
                filled(Section::Impact),
                (Section::Factors, " \n".to_owned()),
                filled(Section::Resolution)
            ]),
            [Section::Factors]
        );
        assert!(require_other_reviewer(true, 1).is_ok());
        assert!(require_other_reviewer(false, 2).is_ok());
        assert_eq!(
            require_other_reviewer(true, 2).unwrap_err().rule,
            "review-needs-another"
        );
    }

    #[test]
    fn a_meeting_keeps_its_uid_and_counts_what_was_sent() {
        let now = at("2026-11-20T10:00:00Z");
        let slot = choose_slot(now.plus_secs(7200), 60, now).unwrap();
        let ticket = Id::new(now);
        let mut meeting = Meeting::plan(
            ticket,
            |id| format!("{id}@x"),
            slot,
            now.plus_secs(MEETING_WITHIN_SECS),
            String::new(),
            now,
        );
        let uid = meeting.uid.clone();
        assert_eq!(
            meeting.shift(slot, String::new()).unwrap_err().rule,
            "unchanged"
        );
        meeting.shift(slot, "Room 4".into()).unwrap();
        meeting.cancel(now).unwrap();
        assert_eq!((meeting.sequence, &meeting.uid), (2, &uid));
        assert_eq!(meeting.hold(now).unwrap_err().rule, "meeting-cancelled");
        assert_eq!(
            meeting.shift(slot, String::new()).unwrap_err().rule,
            "meeting-cancelled"
        );
    }
}
