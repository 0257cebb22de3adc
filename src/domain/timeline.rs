//! The timeline: append-only entries, each saying who did what, when, and by which door. The events that drive clocks *are*
//! entries of certain kinds; there is no second log.

use super::id::{ContactId, CustomerId, PersonId, TokenId};
use super::timestamp::Timestamp;
use super::word::words;

words! {
    /// By which door something came in.
    pub enum Door {
        Web = "web",
        Mail = "mail",
        Git = "git",
        Monitoring = "monitoring",
        Phone = "phone",
        Api = "api",
        Chat = "chat",
        Link = "link",
        Import = "import",
        Cli = "cli",
        Clock = "clock",
    }
}

impl EntryKind {
    /// Something new comes in with it, as opposed to a change of what is there: refused while the disk is nearly full.
    pub const fn brings_in(self) -> bool {
        matches!(
            self,
            EntryKind::Opened
                | EntryKind::Note
                | EntryKind::Reply
                | EntryKind::Update
                | EntryKind::CustomerMessage
                | EntryKind::Evidence
                | EntryKind::CommitLinked
                | EntryKind::Pushed
        )
    }
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    Person(PersonId),
    Contact(ContactId),
    /// A token without a person behind it: a service account or a repository.
    Token(TokenId),
    /// Somebody outside whom we don't know, by the address they gave.
    Stranger,
    /// A rule or a job of ours, by its name.
    System,
}

impl Actor {
    pub const fn word(&self) -> &'static str {
        match self {
            Actor::Person(_) => "person",
            Actor::Contact(_) => "contact",
            Actor::Token(_) => "token",
            Actor::Stranger => "stranger",
            Actor::System => "system",
        }
    }

    pub fn person(&self) -> Option<PersonId> {
        match self {
            Actor::Person(id) => Some(*id),
            _ => None,
        }
    }
}

/// Who may read an entry. Contacts see their own only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Audience {
    Internal,
    Customer(CustomerId),
    AllAffected,
}

words! {
    /// What an entry records. Closed: a new kind is a decision, not a string.
    pub enum EntryKind {
        Opened = "opened",
        /// Staff wrote for staff.
        Note = "note",
        /// Staff wrote to the customer: satisfies `respond`, starts the next `update` cycle.
        Reply = "reply",
        /// Staff wrote to everybody affected.
        Update = "update",
        /// The customer wrote.
        CustomerMessage = "customer_message",
        /// The customer says that it is solved: nobody waits for an answer any more.
        CustomerSolved = "customer_solved",
        /// Staff spoke with the customer by phone.
        CustomerContact = "customer_contact",
        /// Mail that opens, reopens and satisfies nothing: auto-replies, bounces, list mail.
        AutomaticMail = "automatic_mail",
        /// A note of ours that the customer may read from here on: counts as a reply at this moment.
        Shared = "shared",
        /// What the customer wrote needs no answer.
        NoReplyNeeded = "no_reply_needed",
        /// The reply that had satisfied `respond` didn't arrive.
        Unsatisfied = "unsatisfied",
        OwnerSet = "owner_set",
        OwnerCleared = "owner_cleared",
        HandedOver = "handed_over",
        StateChanged = "state_changed",
        Restored = "restored",
        Resolved = "resolved",
        Closed = "closed",
        Reopened = "reopened",
        Cancelled = "cancelled",
        Held = "held",
        Released = "released",
        /// The owner was reminded of what the ticket waits for.
        HoldNudged = "hold_nudged",
        SeverityChanged = "severity_changed",
        PriorityChanged = "priority_changed",
        RiskChanged = "risk_changed",
        TitleChanged = "title_changed",
        DueChanged = "due_changed",
        CustomerChanged = "customer_changed",
        ServiceChanged = "service_changed",
        TeamChanged = "team_changed",
        ImpactChanged = "impact_changed",
        /// It worked again sooner than it was said.
        RestoredChanged = "restored_changed",
        /// It was resolved sooner than it was said.
        ResolvedChanged = "resolved_changed",
        /// A customer told us at another time than was known.
        ReportedChanged = "reported_changed",
        Edited = "edited",
        AffectedAdded = "affected_added",
        /// For this customer it works again; for the others it may not.
        AffectedRestored = "affected_restored",
        /// An entry that somebody made by hand doesn't count: for one customer, or at all.
        TakenBack = "taken_back",
        RoleTaken = "role_taken",
        RoleLeft = "role_left",
        WatcherAdded = "watcher_added",
        WatcherRemoved = "watcher_removed",
        Labelled = "labelled",
        Unlabelled = "unlabelled",
        Linked = "linked",
        Unlinked = "unlinked",
        /// It goes on in another ticket.
        Merged = "merged",
        /// Another ticket goes on in this one.
        Absorbed = "absorbed",
        Unmerged = "unmerged",
        /// The agreement that its clocks ran under is no more.
        AgreementEnded = "agreement_ended",
        Evidence = "evidence",
        CallbackPromised = "callback_promised",
        CallbackDone = "callback_done",
        UpdatePromised = "update_promised",
        /// Own words to a customer wait for a second person; the customer knows nothing of them.
        WordsProposed = "words_proposed",
        /// A second person let them go out.
        WordsApproved = "words_approved",
        /// A second person wants them otherwise.
        WordsSentBack = "words_sent_back",
        /// Whoever wrote them took them back.
        WordsWithdrawn = "words_withdrawn",
        FirstLook = "first_look",
        ReportMarked = "report_marked",
        Redacted = "redacted",
        /// Somebody took a file that was shut away, after a warning.
        FileTaken = "file_taken",
        ClockWarned = "clock_warned",
        ClockBreached = "clock_breached",
        /// It was late for so long that the next step of its escalation was taken.
        ClockStillLate = "clock_still_late",
        ClockWithdrawn = "clock_withdrawn",
        /// Its terms changed under a clock: another deadline, or another outcome.
        ClockRecomputed = "clock_recomputed",
        /// An agreement was corrected: from here on other terms hold.
        TermsChanged = "terms_changed",
        Paged = "paged",
        PageAcknowledged = "page_acknowledged",
        PageSuppressed = "page_suppressed",
        PageUndelivered = "page_undelivered",
        DeadEnd = "dead_end",
        Told = "told",
        JoinRequested = "join_requested",
        JoinAccepted = "join_accepted",
        JoinRefused = "join_refused",
        DeliveryFailed = "delivery_failed",
        CommitLinked = "commit_linked",
        Pushed = "pushed",
        Deployed = "deployed",
        /// It waits for the end of a freeze, or for a person.
        DeploymentQueued = "deployment_queued",
        /// What waited may begin.
        DeploymentReleased = "deployment_released",
        /// What waited doesn't begin any more.
        DeploymentDropped = "deployment_dropped",
        /// A responder said whether a change was the cause.
        SuspectMarked = "suspect_marked",
        /// Its fix is live, and somebody found that it isn't over by that.
        FixDeclined = "fix_declined",
        ApprovalAsked = "approval_asked",
        Approved = "approved",
        /// One of those who have to approve it did.
        ApprovalGiven = "approval_given",
        ApprovalRefused = "approval_refused",
        /// The house wrote to those who have to approve it: it ran out, it was changed, they stay silent.
        ApproversTold = "approvers_told",
        /// A change went ahead without approval.
        GlassBroken = "glass_broken",
        /// Somebody else looked at it afterwards.
        GlassReviewed = "glass_reviewed",
        MeetingSet = "meeting_set",
        MeetingMoved = "meeting_moved",
        MeetingHeld = "meeting_held",
        MeetingCancelled = "meeting_cancelled",
        ReportDrafted = "report_drafted",
        ReportApproved = "report_approved",
        ReportSent = "report_sent",
        Imported = "imported",
    }
}

impl EntryKind {
    /// Whether the chain holds such an entry: it is a step of a change's approval, or of its broken glass.
    pub fn is_chained(self, facts: &Facts) -> bool {
        match self {
            EntryKind::ApprovalAsked
            | EntryKind::ApprovalGiven
            | EntryKind::Approved
            | EntryKind::ApprovalRefused
            | EntryKind::GlassBroken
            | EntryKind::GlassReviewed => true,
            // Back to the drawing board, without its approval.
            EntryKind::StateChanged => facts.get("to") == Some("draft"),
            _ => false,
        }
    }
}

/// Named values of an entry, in the order in which they were given; stored as one JSON object of strings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts(Vec<(String, String)>);

impl Facts {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn with(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.set(name, value);
        self
    }

    /// As `with`, but an absent value adds nothing.
    pub fn with_some(self, name: impl Into<String>, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    pub fn set(&mut self, name: impl Into<String>, value: impl ToString) {
        let name = name.into();
        self.0.retain(|(known, _)| *known != name);
        self.0.push((name, value.to_string()));
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// An instant written by [`Facts::with_instant`].
    pub fn instant(&self, name: &str) -> Option<Timestamp> {
        self.get(name).and_then(Timestamp::parse_rfc3339)
    }

    pub fn with_instant(self, name: impl Into<String>, at: Timestamp) -> Self {
        self.with(name, at.rfc3339())
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// An entry about to be recorded. The store gives it its place (`seq`), and the unit of work its actor, door and time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub kind: EntryKind,
    /// When it took effect; `None`: when it is recorded.
    pub effective_at: Option<Timestamp>,
    pub audience: Audience,
    /// Marked by a person as fit for the outage report.
    pub for_report: bool,
    pub body: String,
    pub facts: Facts,
    /// An id from outside that makes the entry unique: a commit, a message, a page event.
    pub source_id: Option<String>,
    /// The `seq` of the entry that this one corrects.
    pub corrects: Option<i64>,
    /// Who wrote it, if not who acts: the sender of a mail that a job reads, the author of a commit that a hook reports.
    pub author: Option<(Actor, String)>,
}

impl Entry {
    /// An internal entry without text.
    pub fn new(kind: EntryKind) -> Self {
        Self {
            kind,
            effective_at: None,
            audience: Audience::Internal,
            for_report: false,
            body: String::new(),
            facts: Facts::new(),
            source_id: None,
            corrects: None,
            author: None,
        }
    }

    pub fn body(mut self, text: impl Into<String>) -> Self {
        self.body = text.into();
        self
    }

    pub fn fact(mut self, name: &'static str, value: impl ToString) -> Self {
        self.facts.set(name, value);
        self
    }

    pub fn fact_some(self, name: &'static str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.fact(name, value),
            None => self,
        }
    }

    pub fn at(mut self, effective_at: Timestamp) -> Self {
        self.effective_at = Some(effective_at);
        self
    }

    pub fn audience(mut self, audience: Audience) -> Self {
        self.audience = audience;
        self
    }

    pub fn author(mut self, actor: Actor, name: impl Into<String>) -> Self {
        self.author = Some((actor, name.into()));
        self
    }

    pub fn source(mut self, id: impl Into<String>) -> Self {
        self.source_id = Some(id.into());
        self
    }
}
