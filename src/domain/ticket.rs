//! The ticket: what it holds, and what may be done to it. Each verb checks its rule, changes the value and returns the entry
//! that says so; `actions::record` stores both together.

use super::hold::{Hold, NewHold};
use super::id::{
    ContactId, CustomerId, Id, Kind, PersonId, ServiceId, TeamId, TicketId, TicketKey,
};
use super::refusal::Refusal;
use super::severity::{Priority, Risk, Severity};
use super::text::Title;
use super::timeline::{Door, Entry, EntryKind, Facts};
use super::timestamp::Timestamp;
use super::word::words;

words! {
    /// Where a ticket stands. Which states a kind knows, and which steps it may take, is [`State::may_become`].
    pub enum State {
        New = "new",
        InProgress = "in_progress",
        Restored = "restored",
        Resolved = "resolved",
        Closed = "closed",
        Draft = "draft",
        AwaitingApproval = "awaiting_approval",
        Approved = "approved",
        OnWatch = "on_watch",
        Open = "open",
        Done = "done",
        WontDo = "wont_do",
        InReview = "in_review",
        Reviewed = "reviewed",
        Skipped = "skipped",
        Cancelled = "cancelled",
    }
}

impl State {
    /// Nothing more is expected to happen; such tickets leave the queue.
    pub const fn is_open(self) -> bool {
        !matches!(
            self,
            State::Resolved
                | State::Closed
                | State::Done
                | State::WontDo
                | State::Skipped
                | State::Cancelled
        )
    }

    /// The first state of a ticket of this kind.
    pub const fn first(kind: Kind) -> Self {
        match kind {
            Kind::Incident => State::New,
            Kind::Change | Kind::PostMortem => State::Draft,
            Kind::Task => State::Open,
        }
    }

    /// Where a ticket of this kind goes on when it is opened again.
    pub const fn reopened(kind: Kind) -> Self {
        match kind {
            Kind::Incident => State::InProgress,
            Kind::Change | Kind::PostMortem => State::Draft,
            Kind::Task => State::Open,
        }
    }

    /// The states that a ticket of `kind` may take from `self`, in the order in which a page offers them.
    pub const fn next(self, kind: Kind) -> &'static [State] {
        use State::*;
        match kind {
            Kind::Incident => match self {
                New => &[InProgress, Restored, Resolved, Cancelled],
                InProgress => &[Restored, Resolved, Cancelled],
                Restored => &[InProgress, Resolved, Cancelled],
                Resolved => &[Closed, InProgress],
                Closed => &[],
                Cancelled => &[InProgress],
                _ => &[],
            },
            Kind::Change => match self {
                Draft => &[AwaitingApproval, Cancelled],
                AwaitingApproval => &[Approved, Draft, Cancelled],
                Approved => &[InProgress, Draft, Cancelled],
                InProgress => &[OnWatch, Closed],
                OnWatch => &[Closed, InProgress],
                Cancelled => &[Draft],
                _ => &[],
            },
            Kind::Task => match self {
                Open => &[InProgress, Done, WontDo, Cancelled],
                InProgress => &[Done, Open, WontDo, Cancelled],
                Done | WontDo | Cancelled => &[Open],
                _ => &[],
            },
            Kind::PostMortem => match self {
                Draft => &[InReview, Skipped, Cancelled],
                InReview => &[Reviewed, Draft, Skipped, Cancelled],
                Reviewed => &[Closed, InReview],
                Skipped | Cancelled => &[Draft],
                _ => &[],
            },
        }
    }

    pub fn may_become(self, next: State, kind: Kind) -> bool {
        self.next(kind).contains(&next)
    }
}

words! {
    /// How a closed change ended.
    pub enum Outcome { Successful = "successful", RolledBack = "rolled_back", Failed = "failed" }
}

words! {
    /// Roles on an incident besides the lead, who is the ticket's owner.
    pub enum Role { Operator = "operator", CustomerVoice = "customer_voice", Scribe = "scribe", Gatherer = "gatherer" }
}

words! {
    /// How one ticket stands to another: "from *relation* to".
    pub enum Relation {
        ParentOf = "parent_of",
        DuplicateOf = "duplicate_of",
        CausedBy = "caused_by",
        Follows = "follows",
        PostMortemOf = "post_mortem_of",
        ActionOf = "action_of",
        RelatedTo = "related_to",
    }
}

words! {
    /// On whom a held ticket waits.
    pub enum WaitingOn { Customer = "customer", Vendor = "vendor", Colleague = "colleague", Date = "date" }
}

/// What the queue shows and sorts by; kept by `actions::sla`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The next deadline of any open clock, or of a mail that asks to join; `Timestamp::NEVER` without one; a held ticket's expected
    /// end.
    pub at: Timestamp,
    /// Where that clock's time began to count: the other end of the burn line.
    pub from: Option<Timestamp>,
    /// What the clock counts, or [`Due::JOIN`].
    pub metric: Option<String>,
    /// Some open clock is past its deadline.
    pub is_late: bool,
}

impl Due {
    pub const NONE: Due = Due {
        at: Timestamp::NEVER,
        from: None,
        metric: None,
        is_late: false,
    };
    /// What is due is no clock's: somebody decides about a mail that asks to join.
    pub const JOIN: &str = "join_request";

    /// The clock whose deadline it is.
    pub fn clock(&self) -> Option<&str> {
        self.metric.as_deref().filter(|of| *of != Self::JOIN)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    pub id: TicketId,
    pub key: TicketKey,
    pub title: Title,
    pub state: State,
    pub outcome: Option<Outcome>,
    pub severity: Option<Severity>,
    pub priority: Option<Priority>,
    pub risk: Option<Risk>,
    /// Who asked.
    pub customer: Option<CustomerId>,
    pub requester: Option<ContactId>,
    /// The address of a requester whom we don't know as a contact.
    pub requester_address: Option<String>,
    pub owner: Option<PersonId>,
    pub team: Option<TeamId>,
    /// The primary service.
    pub service: Option<ServiceId>,
    pub parent: Option<TicketId>,
    pub merged_into: Option<TicketId>,
    pub external_ref: Option<String>,
    pub door: Door,
    pub logged_at: Timestamp,
    pub impact_at: Timestamp,
    pub restored_at: Option<Timestamp>,
    pub resolved_at: Option<Timestamp>,
    pub closed_at: Option<Timestamp>,
    /// A task's due date.
    pub due_at: Option<Timestamp>,
    pub callback_number: Option<String>,
    pub callback_at: Option<Timestamp>,
    /// Everything that it waits for; the timeline says what it waited for before.
    pub holds: Vec<Hold>,
    pub due: Due,
    /// The customer wrote last and nobody has answered.
    pub awaits_us: bool,
    pub bridge_url: Option<String>,
    pub chat_url: Option<String>,
    pub entry_count: i64,
    pub updated_at: Timestamp,
    /// Rises with every change; a form that was made from an older one is stale.
    pub version: i64,
}

/// What is known when a ticket is opened. Everything but the title may come later.
#[derive(Debug, Clone, Default)]
pub struct Opening {
    pub severity: Option<Severity>,
    pub priority: Option<Priority>,
    pub risk: Option<Risk>,
    pub body: String,
    pub customer: Option<CustomerId>,
    pub requester: Option<ContactId>,
    pub requester_address: Option<String>,
    pub owner: Option<PersonId>,
    pub team: Option<TeamId>,
    pub services: Vec<ServiceId>,
    pub parent: Option<TicketId>,
    pub external_ref: Option<String>,
    /// When the impact began; `None`: when it is logged. Never in the future.
    pub impact_at: Option<Timestamp>,
    /// When the customer told us; `None`: unknown or not at all. Never in the future.
    pub reported_at: Option<Timestamp>,
    pub due_at: Option<Timestamp>,
    pub callback_number: Option<String>,
    pub callback_at: Option<Timestamp>,
    /// By phone: the agent has already spoken with the customer, which meets `respond`.
    pub spoken_to: bool,
    /// It waits from the first moment on.
    pub hold: Option<NewHold>,
    pub labels: Vec<String>,
    /// What its first entry says besides: of a mail, whose signature it carried.
    pub facts: Facts,
}

impl Ticket {
    /// Opens a ticket; its number is given by the store.
    pub fn open(
        kind: Kind,
        number: i64,
        title: Title,
        opening: &Opening,
        door: Door,
        now: Timestamp,
    ) -> Result<(Ticket, Entry), Refusal> {
        let impact_at = opening.impact_at.unwrap_or(now);
        if impact_at > now {
            return Err(Refusal::new("impact-in-future").with("at", impact_at.rfc3339()));
        }
        if opening.reported_at.is_some_and(|at| at > now) {
            return Err(Refusal::new("reported-in-future"));
        }
        let key = TicketKey { kind, number };
        let ticket = Ticket {
            id: Id::new(now),
            key,
            title,
            state: State::first(kind),
            outcome: None,
            severity: match kind {
                Kind::Incident => Some(opening.severity.unwrap_or(Severity::Average)),
                _ => opening.severity,
            },
            priority: match kind {
                Kind::Task => Some(opening.priority.unwrap_or(Priority::Normal)),
                _ => None,
            },
            risk: match kind {
                Kind::Change => Some(opening.risk.unwrap_or(Risk::Low)),
                _ => None,
            },
            customer: opening.customer,
            requester: opening.requester,
            requester_address: opening.requester_address.clone(),
            owner: opening.owner,
            team: opening.team,
            service: opening.services.first().copied(),
            parent: opening.parent,
            merged_into: None,
            external_ref: opening.external_ref.clone(),
            door,
            logged_at: now,
            impact_at,
            restored_at: None,
            resolved_at: None,
            closed_at: None,
            due_at: opening.due_at,
            callback_number: opening.callback_number.clone(),
            callback_at: opening.callback_at,
            holds: Vec::new(),
            due: Due::NONE,
            awaits_us: opening.requester.is_some() || opening.requester_address.is_some(),
            bridge_url: None,
            chat_url: None,
            entry_count: 0,
            updated_at: now,
            version: 0,
        };
        let mut entry = Entry::new(EntryKind::Opened)
            .body(opening.body.clone())
            .fact("key", key)
            .fact_some("severity", ticket.severity)
            .fact_some("priority", ticket.priority)
            .fact_some("risk", ticket.risk);
        for (name, value) in opening.facts.iter() {
            entry.facts.set(name, value);
        }
        Ok((ticket, entry))
    }

    /// Sorts the queue among tickets without a deadline, and picks colours: 1 (most urgent) to 5.
    pub fn urgency(&self) -> i16 {
        match (self.severity, self.priority, self.risk) {
            (Some(severity), _, _) => severity.rank(),
            (_, Some(priority), _) => priority as i16 + 2,
            (_, _, Some(risk)) => risk as i16 + 3,
            _ => 4,
        }
    }

    pub fn is_open(&self) -> bool {
        self.state.is_open()
    }

    pub(super) fn refuse_unless_open(&self) -> Result<(), Refusal> {
        if self.is_open() {
            return Ok(());
        }
        Err(Refusal::new("not-open")
            .with("key", self.key.to_string())
            .with("state", self.state.as_str()))
    }

    /// Takes a step of the kind's state machine.
    pub fn step(&mut self, next: State, now: Timestamp) -> Result<Entry, Refusal> {
        if self.merged_into.is_some() {
            return Err(Refusal::new("merged").with("key", self.key.to_string()));
        }
        if !self.state.may_become(next, self.key.kind) {
            return Err(Refusal::new("no-such-step")
                .with("key", self.key.to_string())
                .with("from", self.state.as_str())
                .with("to", next.as_str()));
        }
        let before = self.state;
        self.state = next;
        let kind = match next {
            State::Restored => EntryKind::Restored,
            State::Resolved | State::Done => EntryKind::Resolved,
            State::Closed | State::WontDo | State::Skipped => EntryKind::Closed,
            State::Cancelled => EntryKind::Cancelled,
            _ if !before.is_open() => EntryKind::Reopened,
            _ => EntryKind::StateChanged,
        };
        match kind {
            EntryKind::Restored => self.restored_at = Some(now),
            EntryKind::Resolved => {
                self.resolved_at = Some(now);
                if self.key.kind == Kind::Incident && self.restored_at.is_none() {
                    self.restored_at = Some(now);
                }
            }
            EntryKind::Closed => self.closed_at = Some(now),
            EntryKind::Reopened => {
                self.resolved_at = None;
                self.restored_at = None;
                self.closed_at = None;
                self.outcome = None;
            }
            _ => {}
        }
        if before == State::Restored && next == State::InProgress {
            self.restored_at = None;
        }
        if !next.is_open() {
            self.holds.clear();
            self.awaits_us = false;
        }
        Ok(Entry::new(kind).fact("from", before).fact("to", next))
    }

    /// Resolves it: an incident with what was done, a task as done.
    pub fn resolve(&mut self, how: &str, now: Timestamp) -> Result<Entry, Refusal> {
        let state = match self.key.kind {
            Kind::Task => State::Done,
            _ => State::Resolved,
        };
        Ok(self.step(state, now)?.body(how))
    }

    /// Opens it again after it was resolved, done or cancelled. A closed incident stays closed: a new ticket is linked instead.
    pub fn reopen(&mut self, why: &str, now: Timestamp) -> Result<Entry, Refusal> {
        if self.is_open() {
            return Err(Refusal::new("already-open").with("key", self.key.to_string()));
        }
        Ok(self.step(State::reopened(self.key.kind), now)?.body(why))
    }

    pub fn cancel(&mut self, reason: &str, now: Timestamp) -> Result<Entry, Refusal> {
        if reason.trim().is_empty() {
            return Err(Refusal::new("reason-needed"));
        }
        Ok(self.step(State::Cancelled, now)?.body(reason))
    }

    /// Gives it to `person`. Taking a new incident puts it in progress.
    pub fn assign(
        &mut self,
        person: PersonId,
        name: &str,
        now: Timestamp,
    ) -> Result<Vec<Entry>, Refusal> {
        self.refuse_unless_open()?;
        if self.owner == Some(person) {
            return Err(Refusal::new("already-owner").with("name", name.to_owned()));
        }
        self.owner = Some(person);
        let mut entries = vec![
            Entry::new(EntryKind::OwnerSet)
                .fact("person", person)
                .fact("name", name),
        ];
        if self.state == State::New {
            entries.push(self.step(State::InProgress, now)?);
        }
        Ok(entries)
    }

    /// Passes it on with a note, so that context isn't lost.
    pub fn hand_over(&mut self, to: PersonId, name: &str, note: &str) -> Result<Entry, Refusal> {
        self.refuse_unless_open()?;
        if self.owner == Some(to) {
            return Err(Refusal::new("already-owner").with("name", name.to_owned()));
        }
        if note.trim().is_empty() {
            return Err(Refusal::new("note-needed"));
        }
        self.owner = Some(to);
        Ok(Entry::new(EntryKind::HandedOver)
            .fact("person", to)
            .fact("name", name)
            .body(note))
    }

    /// Puts it back: nobody has it.
    pub fn unassign(&mut self) -> Result<Entry, Refusal> {
        self.refuse_unless_open()?;
        if self.owner.take().is_none() {
            return Err(Refusal::new("nobody-has-it"));
        }
        Ok(Entry::new(EntryKind::OwnerCleared))
    }

    pub fn change_severity(&mut self, to: Severity, why: &str) -> Result<Entry, Refusal> {
        if self.key.kind != Kind::Incident {
            return Err(Refusal::new("no-severity").with("key", self.key.to_string()));
        }
        self.refuse_unless_open()?;
        let from = self.severity;
        if from == Some(to) {
            return Err(Refusal::new("unchanged"));
        }
        self.severity = Some(to);
        Ok(Entry::new(EntryKind::SeverityChanged)
            .fact_some("from", from)
            .fact("to", to)
            .body(why))
    }

    pub fn change_priority(&mut self, to: Priority) -> Result<Entry, Refusal> {
        if self.key.kind != Kind::Task {
            return Err(Refusal::new("no-priority").with("key", self.key.to_string()));
        }
        if self.priority == Some(to) {
            return Err(Refusal::new("unchanged"));
        }
        let from = self.priority.replace(to);
        Ok(Entry::new(EntryKind::PriorityChanged)
            .fact_some("from", from)
            .fact("to", to))
    }

    pub fn retitle(&mut self, title: Title) -> Result<Entry, Refusal> {
        if self.title == title {
            return Err(Refusal::new("unchanged"));
        }
        let entry = Entry::new(EntryKind::TitleChanged)
            .fact("from", &self.title)
            .fact("to", &title);
        self.title = title;
        Ok(entry)
    }

    /// The customer wrote. Until it closes, a resolved ticket opens again.
    pub fn customer_wrote(&mut self, text: &str, now: Timestamp) -> Vec<Entry> {
        let mut entries = vec![Entry::new(EntryKind::CustomerMessage).body(text)];
        if matches!(self.state, State::Resolved | State::Done)
            && let Ok(reopened) = self.reopen("", now)
        {
            entries.push(reopened.fact("cause", "customer_message"));
        }
        self.awaits_us = self.is_open();
        // Waiting for the customer ends when the customer answers.
        let released = self.release_where(|hold| hold.on == WaitingOn::Customer);
        entries.extend(
            released
                .into_iter()
                .map(|entry| entry.fact("cause", "customer_message")),
        );
        entries
    }

    /// The customer says that it is solved. Nobody waits for our answer; whether it is done is for us to say, since others may
    /// have been hit, and what was at fault may still be there.
    pub fn customer_solved(&mut self, text: &str) -> Result<Vec<Entry>, Refusal> {
        self.refuse_unless_open()?;
        let mut entries = vec![Entry::new(EntryKind::CustomerSolved).body(text)];
        self.awaits_us = false;
        let released = self.release_where(|hold| hold.on == WaitingOn::Customer);
        entries.extend(
            released
                .into_iter()
                .map(|entry| entry.fact("cause", "customer_message")),
        );
        Ok(entries)
    }

    /// An automatic close after the days that a resolved incident waits for an objection.
    pub fn closes_at(&self, after_days: i64) -> Option<Timestamp> {
        (self.state == State::Resolved)
            .then_some(self.resolved_at)
            .flatten()
            .map(|at| at.plus_secs(after_days * 86_400))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

    fn ticket(kind: Kind) -> Ticket {
        Ticket::open(
            kind,
            1,
            Title::parse("DB master down").unwrap(),
            &Opening::default(),
            Door::Web,
            NOW,
        )
        .unwrap()
        .0
    }

    #[test]
    fn every_reachable_state_leads_to_an_end_and_ends_are_not_open() {
        for &kind in Kind::ALL {
            let mut seen = vec![State::first(kind)];
            let mut at = 0;
            while at < seen.len() {
                for &next in seen[at].next(kind) {
                    if !seen.contains(&next) {
                        seen.push(next);
                    }
                }
                at += 1;
            }
            assert!(seen.iter().any(|state| !state.is_open()), "{kind}");
            assert!(seen.contains(&State::Cancelled), "{kind} can be cancelled");
        }
    }

    #[test]
    fn an_incident_needs_nothing_but_a_title() {
        let incident = ticket(Kind::Incident);
        assert_eq!(
            (incident.state, incident.severity),
            (State::New, Some(Severity::Average))
        );
        assert!(incident.is_open() && !incident.awaits_us);
    }

    #[test]
    fn nothing_happened_in_the_future() {
        let opening = Opening {
            impact_at: Some(NOW.plus_secs(1)),
            ..Opening::default()
        };
        let refused = Ticket::open(
            Kind::Incident,
            1,
            Title::parse("x").unwrap(),
            &opening,
            Door::Web,
            NOW,
        )
        .unwrap_err();
        assert_eq!(refused.rule, "impact-in-future");
    }

    #[test]
    fn resolving_keeps_when_service_was_restored_and_reopening_forgets_both() {
        let mut incident = ticket(Kind::Incident);
        incident.step(State::Restored, NOW.plus_secs(60)).unwrap();
        incident.resolve("failed over", NOW.plus_secs(120)).unwrap();
        assert_eq!(incident.restored_at, Some(NOW.plus_secs(60)));
        assert_eq!(
            incident.reopen("again", NOW.plus_secs(180)).unwrap().kind,
            EntryKind::Reopened
        );
        assert_eq!((incident.restored_at, incident.resolved_at), (None, None));
    }

    #[test]
    fn a_customers_message_reopens_a_resolved_incident_but_not_a_closed_one() {
        let mut incident = ticket(Kind::Incident);
        incident.resolve("done", NOW).unwrap();
        let kinds: Vec<_> = incident
            .customer_wrote("still broken", NOW)
            .into_iter()
            .map(|entry| entry.kind)
            .collect();
        assert_eq!(kinds, [EntryKind::CustomerMessage, EntryKind::Reopened]);
        incident.resolve("done", NOW).unwrap();
        incident.step(State::Closed, NOW).unwrap();
        incident.customer_wrote("thanks", NOW);
        assert_eq!(incident.state, State::Closed);
        assert!(!incident.awaits_us);
    }

    #[test]
    fn a_change_cannot_be_started_before_it_is_approved() {
        let mut change = ticket(Kind::Change);
        assert_eq!(
            change.step(State::InProgress, NOW).unwrap_err().rule,
            "no-such-step"
        );
    }

    #[test]
    fn taking_a_new_incident_puts_it_in_progress_once() {
        let mut incident = ticket(Kind::Incident);
        let ada = Id::new(NOW);
        assert_eq!(incident.assign(ada, "Ada", NOW).unwrap().len(), 2);
        assert_eq!(
            incident.assign(ada, "Ada", NOW).unwrap_err().rule,
            "already-owner"
        );
        assert_eq!(incident.state, State::InProgress);
    }

    #[test]
    fn an_answer_from_the_customer_ends_the_wait_for_it_and_no_other() {
        let mut incident = ticket(Kind::Incident);
        for on in [WaitingOn::Customer, WaitingOn::Vendor] {
            let hold = NewHold::new(on, "logs please");
            incident.hold(&hold, "Ada", NOW).unwrap();
        }
        incident.customer_wrote("here", NOW);
        let left: Vec<_> = incident.holds.iter().map(|hold| hold.on).collect();
        assert_eq!(left, [WaitingOn::Vendor]);
    }
}
