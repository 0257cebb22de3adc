//! A change: what for, when, what to expect, from which version to which, and how to take it back.
//!
//! A title is enough to open one. It is approved by somebody other than who asked, and the approval is for the plan as it
//! was read: editing the plan afterwards takes the approval back. Whoever can't wait for one breaks the glass: the change goes
//! ahead, and somebody else looks at it afterwards.

use super::deployment::ARTEFACT_CHARS;
use super::id::PersonId;
use super::refusal::{FieldError, Refusal};
use super::text::{self, NAME_CHARS};
use super::ticket::{Outcome, State, Ticket};
use super::timeline::{Entry, EntryKind};
use super::timestamp::Timestamp;
use super::word::words;

words! {
    /// What kind of change it is: rules about approvals may ask for it.
    #[derive(Default)]
    pub enum Sort {
        #[default]
        Normal = "normal",
        /// Done often, by a recipe that is known.
        Standard = "standard",
        /// It can't wait.
        Emergency = "emergency",
    }
}

/// What is planned. Every field may be empty: a one-line change is a change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    pub purpose: String,
    pub starts_at: Option<Timestamp>,
    pub ends_at: Option<Timestamp>,
    pub side_effects: String,
    /// As people name it; what git says stands beside it.
    pub version_before: Option<String>,
    pub version_after: Option<String>,
    /// The digest of what is to be deployed: an approval is for that, and nothing else is deployed under it.
    pub artefact: Option<String>,
    pub revert: String,
    /// Where it is done; `None`: where customers are.
    pub environment: Option<String>,
    pub sort: Sort,
}

impl Plan {
    /// Checks what was typed; all faults at once.
    pub fn check(mut self) -> Result<Self, Vec<FieldError>> {
        let mut faults = Vec::new();
        for (field, value) in [
            ("purpose", &mut self.purpose),
            ("side_effects", &mut self.side_effects),
            ("revert", &mut self.revert),
        ] {
            match text::body(field, value) {
                Ok(clean) => *value = clean,
                Err(fault) => faults.push(fault),
            }
        }
        for (field, value) in [
            ("version_before", &mut self.version_before),
            ("version_after", &mut self.version_after),
            ("environment", &mut self.environment),
        ] {
            match text::optional_line(field, value.as_deref().unwrap_or(""), NAME_CHARS) {
                Ok(clean) => *value = clean,
                Err(fault) => faults.push(fault),
            }
        }
        let artefact = self.artefact.as_deref().unwrap_or("");
        match text::optional_line("artefact", artefact, ARTEFACT_CHARS) {
            Ok(clean) => self.artefact = clean,
            Err(fault) => faults.push(fault),
        }
        match (self.starts_at, self.ends_at) {
            (Some(start), Some(end)) if end <= start => {
                faults.push(FieldError::new("ends_at", "ends-before-start"));
            }
            (None, Some(_)) => faults.push(FieldError::new("starts_at", "required")),
            _ => {}
        }
        if faults.is_empty() {
            Ok(self)
        } else {
            Err(faults)
        }
    }

    /// The names of the fields in which `other` differs.
    fn differences(&self, other: &Plan) -> Vec<&'static str> {
        [
            ("purpose", self.purpose != other.purpose),
            ("starts_at", self.starts_at != other.starts_at),
            ("ends_at", self.ends_at != other.ends_at),
            ("side_effects", self.side_effects != other.side_effects),
            (
                "version_before",
                self.version_before != other.version_before,
            ),
            ("version_after", self.version_after != other.version_after),
            ("artefact", self.artefact != other.artefact),
            ("revert", self.revert != other.revert),
            ("environment", self.environment != other.environment),
            ("sort", self.sort != other.sort),
        ]
        .into_iter()
        .filter_map(|(name, differs)| differs.then_some(name))
        .collect()
    }
}

/// What a change has beyond its ticket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    pub plan: Plan,
    /// Whose idea it was: they can't approve it.
    pub requested_by: Option<PersonId>,
    /// Who asked for the approval: neither can they.
    pub asked_by: Option<PersonId>,
    pub approved_by: Option<PersonId>,
    pub approved_at: Option<Timestamp>,
    /// A commit that takes it back is in the repository.
    pub revert_prepared_at: Option<Timestamp>,
    /// On watch until then, before it counts as done.
    pub watch_until: Option<Timestamp>,
    /// When the work on it ended: it was deployed or finished.
    pub ended_at: Option<Timestamp>,
}

impl Change {
    /// It stands for every deployment of its services: it is approved, and stays so.
    pub fn is_standing(&self, ticket: &Ticket) -> bool {
        self.plan.sort == Sort::Standard && ticket.state == State::Approved
    }
}

/// Characters that a reason to break the glass has at least: "urgent" is none.
pub const MIN_REASON_CHARS: usize = 10;

words! {
    /// What whoever looked at it afterwards found.
    pub enum Verdict {
        /// There was no other way, and what was done is good.
        Accepted = "accepted",
        /// Something is to be done about it: the text says what.
        NeedsFollowUp = "needs_follow_up",
    }
}

/// Glass that was broken: somebody went ahead without approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glass {
    /// `None`: a machine.
    pub by: Option<PersonId>,
    pub by_name: String,
    pub at: Timestamp,
    pub reason: String,
    /// By when somebody else looks at it.
    pub review_until: Option<Timestamp>,
    /// False: nobody could be asked, and whoever did it may not. That is for the review to look at.
    pub was_entitled: bool,
    pub review: Option<Review>,
}

/// What somebody else found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    pub by_name: String,
    pub at: Timestamp,
    pub verdict: Verdict,
    pub text: String,
}

impl Glass {
    /// Looks at what was done: somebody else than who did it, and no machine.
    pub fn review(
        &self,
        ticket: &Ticket,
        by: Option<PersonId>,
        verdict: Verdict,
        text: &str,
    ) -> Result<Entry, Refusal> {
        if self.review.is_some() {
            return Err(Refusal::new("glass-whole").with("key", ticket.key.to_string()));
        }
        let by = by.ok_or(Refusal::new("approver-is-a-person"))?;
        if self.by == Some(by) {
            return Err(Refusal::new("not-your-own"));
        }
        Ok(Entry::new(EntryKind::GlassReviewed)
            .fact("verdict", verdict)
            .body(text))
    }
}

impl Change {
    /// Goes ahead without waiting for an approval. What was broken is looked at before it is broken again.
    pub fn break_glass(
        &mut self,
        ticket: &mut Ticket,
        before: Option<&Glass>,
        by: Option<PersonId>,
        reason: &str,
        review_until: Timestamp,
    ) -> Result<Vec<Entry>, Refusal> {
        refuse_unless_open(ticket)?;
        refuse_unreviewed(ticket, before, "glass-already-broken")?;
        let mut entries = vec![
            Entry::new(EntryKind::GlassBroken)
                .fact("until", review_until.rfc3339())
                .fact_some("person", by)
                .body(reason),
        ];
        // Past the state machine on purpose: that is what the glass is for.
        if matches!(
            ticket.state,
            State::Draft | State::AwaitingApproval | State::Approved
        ) {
            let from = std::mem::replace(&mut ticket.state, State::InProgress);
            entries.push(
                Entry::new(EntryKind::StateChanged)
                    .fact("from", from)
                    .fact("to", ticket.state)
                    .fact("cause", "glass_broken"),
            );
        }
        Ok(entries)
    }

    /// Whether a step would be accepted: it is taken on a copy. What is offered to people is asked here, so that a rule is
    /// written once.
    pub fn accepts<T>(
        &self,
        ticket: &Ticket,
        step: impl FnOnce(&mut Change, &mut Ticket) -> Result<T, Refusal>,
    ) -> bool {
        step(&mut self.clone(), &mut ticket.clone()).is_ok()
    }

    /// Writes the plan anew. An approval was for the old one, and goes.
    pub fn edit(
        &mut self,
        ticket: &mut Ticket,
        plan: Plan,
        now: Timestamp,
    ) -> Result<Vec<Entry>, Refusal> {
        refuse_unless_open(ticket)?;
        let changed = self.plan.differences(&plan);
        if changed.is_empty() {
            return Err(Refusal::new("unchanged"));
        }
        let mut entries = vec![Entry::new(EntryKind::Edited).fact("fields", changed.join(", "))];
        self.plan = plan;
        if matches!(ticket.state, State::Approved | State::AwaitingApproval) {
            entries.push(
                self.back_to_draft(ticket, now)?
                    .fact("cause", "plan_edited"),
            );
        }
        Ok(entries)
    }

    /// Asks somebody else to look at it.
    pub fn ask_approval(
        &mut self,
        ticket: &mut Ticket,
        by: Option<PersonId>,
        now: Timestamp,
    ) -> Result<Entry, Refusal> {
        let mut entry = ticket.step(State::AwaitingApproval, now)?;
        entry.kind = EntryKind::ApprovalAsked;
        self.asked_by = by;
        // A cancelled change that is taken up again may still carry an old one.
        (self.approved_by, self.approved_at) = (None, None);
        Ok(entry)
    }

    /// Enough others found it good (`approval.rs` says who). Requester and asker can't. One whose approval doesn't hold any more is
    /// approved anew where it stands.
    pub fn approve(
        &mut self,
        ticket: &mut Ticket,
        by: PersonId,
        now: Timestamp,
    ) -> Result<Entry, Refusal> {
        if self.requested_by == Some(by) || self.asked_by == Some(by) {
            return Err(Refusal::new("not-your-own"));
        }
        let mut entry = match ticket.state {
            State::Approved => Entry::new(EntryKind::Approved)
                .fact("from", State::Approved)
                .fact("to", State::Approved),
            _ => ticket.step(State::Approved, now)?,
        };
        entry.kind = EntryKind::Approved;
        self.approved_by = Some(by);
        self.approved_at = Some(now);
        Ok(entry)
    }

    /// Somebody found it not good, and says why; it is a draft again.
    pub fn refuse(
        &mut self,
        ticket: &mut Ticket,
        why: &str,
        now: Timestamp,
    ) -> Result<Entry, Refusal> {
        if ticket.state != State::AwaitingApproval {
            return Err(Refusal::new("no-such-step")
                .with("key", ticket.key.to_string())
                .with("from", ticket.state.as_str())
                .with("to", State::Draft.as_str()));
        }
        if why.trim().is_empty() {
            return Err(Refusal::new("reason-needed"));
        }
        let mut entry = self.back_to_draft(ticket, now)?.body(why);
        entry.kind = EntryKind::ApprovalRefused;
        Ok(entry)
    }

    /// Takes it back to the drawing board, without its approval.
    pub fn back_to_draft(&mut self, ticket: &mut Ticket, now: Timestamp) -> Result<Entry, Refusal> {
        refuse_unless_open(ticket)?;
        let entry = ticket.step(State::Draft, now)?;
        self.asked_by = None;
        self.approved_by = None;
        self.approved_at = None;
        Ok(entry)
    }

    /// Work on it begins; or goes on, when it was on watch and wasn't as stable as it looked.
    pub fn start(&mut self, ticket: &mut Ticket, now: Timestamp) -> Result<Entry, Refusal> {
        if ticket.state == State::OnWatch {
            self.watch_until = None;
        }
        let entry = ticket.step(State::InProgress, now)?;
        self.ended_at = None;
        Ok(entry)
    }

    /// It is live; it isn't done before it has been stable for a while.
    pub fn watch(
        &mut self,
        ticket: &mut Ticket,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Entry, Refusal> {
        if until <= now {
            return Err(Refusal::new("watch-ends-in-past"));
        }
        let entry = ticket
            .step(State::OnWatch, now)?
            .fact("until", until.rfc3339());
        self.watch_until = Some(until);
        self.ended_at = Some(now);
        Ok(entry)
    }

    /// A deployment of it began: so has the work on it, if it was approved.
    pub fn deploy_began(&mut self, ticket: &mut Ticket, now: Timestamp) -> Option<Entry> {
        if ticket.state != State::Approved {
            return None;
        }
        let entry = self.start(ticket, now).ok()?;
        Some(entry.fact("cause", "deployment"))
    }

    /// A deployment that ended at `ended_at` brought it to where customers are: it is on watch until then, and what is on watch already
    /// is so for no shorter a time. One that nobody has approved stays where it is.
    pub fn deployed(
        &mut self,
        ticket: &mut Ticket,
        ended_at: Timestamp,
        until: Timestamp,
        now: Timestamp,
    ) -> Vec<Entry> {
        let mut entries: Vec<Entry> = self.deploy_began(ticket, now).into_iter().collect();
        match ticket.state {
            State::InProgress => {
                let watched = self.watch(ticket, until.max(now.plus_secs(1)), now);
                if let Ok(watched) = watched {
                    self.ended_at = Some(ended_at);
                    entries.push(watched.fact("cause", "deployment"));
                }
            }
            State::OnWatch => {
                self.watch_until = self.watch_until.max(Some(until));
                self.ended_at = self.ended_at.max(Some(ended_at));
            }
            _ => {}
        }
        entries
    }

    /// It is no longer live: what was on watch is being worked on again.
    pub fn taken_back(&mut self, ticket: &mut Ticket, now: Timestamp) -> Option<Entry> {
        if ticket.state != State::OnWatch {
            return None;
        }
        let entry = self.start(ticket, now).ok()?;
        Some(entry.fact("cause", "rolled_back"))
    }

    /// Its watch is over, and nothing came of it.
    pub fn soaked(&mut self, ticket: &mut Ticket, now: Timestamp) -> Result<Entry, Refusal> {
        let is_over = self.watch_until.is_some_and(|until| until <= now);
        if ticket.state != State::OnWatch || !is_over {
            return Err(Refusal::new("unchanged"));
        }
        let entry = self.close(ticket, Outcome::Successful, "", now)?;
        Ok(entry.fact("cause", "soaked"))
    }

    /// The end, and how it was. Only a person or a deployment says so: never a commit.
    pub fn close(
        &mut self,
        ticket: &mut Ticket,
        outcome: Outcome,
        text: &str,
        now: Timestamp,
    ) -> Result<Entry, Refusal> {
        let needs_words = outcome != Outcome::Successful && text.trim().is_empty();
        if needs_words {
            return Err(Refusal::new("reason-needed"));
        }
        let entry = ticket
            .step(State::Closed, now)?
            .fact("outcome", outcome)
            .body(text);
        ticket.outcome = Some(outcome);
        self.watch_until = None;
        self.ended_at = self.ended_at.or(Some(now));
        Ok(entry)
    }
}

/// A change isn't over before somebody has looked at its broken glass.
pub fn refuse_unreviewed(
    ticket: &Ticket,
    glass: Option<&Glass>,
    rule: &'static str,
) -> Result<(), Refusal> {
    match glass {
        Some(Glass { review: None, .. }) => {
            Err(Refusal::new(rule).with("key", ticket.key.to_string()))
        }
        _ => Ok(()),
    }
}

fn refuse_unless_open(ticket: &Ticket) -> Result<(), Refusal> {
    if ticket.is_open() {
        return Ok(());
    }
    Err(Refusal::new("not-open")
        .with("key", ticket.key.to_string())
        .with("state", ticket.state.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{Id, Kind};
    use crate::domain::text::Title;
    use crate::domain::ticket::Opening;
    use crate::domain::timeline::Door;

    const NOW: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

    fn change(requested_by: PersonId) -> (Ticket, Change) {
        let title = Title::parse("Raise pool size").unwrap();
        let (ticket, _) =
            Ticket::open(Kind::Change, 7, title, &Opening::default(), Door::Web, NOW).unwrap();
        (
            ticket,
            Change {
                requested_by: Some(requested_by),
                ..Change::default()
            },
        )
    }

    #[test]
    fn a_one_line_change_goes_all_the_way() {
        let (ada, ben): (PersonId, PersonId) = (Id::new(NOW), Id::new(NOW));
        let (mut ticket, mut change) = change(ada);
        assert_eq!(
            change
                .ask_approval(&mut ticket, Some(ada), NOW)
                .unwrap()
                .kind,
            EntryKind::ApprovalAsked
        );
        assert_eq!(
            change.approve(&mut ticket, ben, NOW).unwrap().kind,
            EntryKind::Approved
        );
        change.start(&mut ticket, NOW).unwrap();
        change.watch(&mut ticket, NOW.plus_secs(60), NOW).unwrap();
        let closed = change
            .close(&mut ticket, Outcome::Successful, "", NOW)
            .unwrap();
        assert_eq!(
            (closed.kind, ticket.outcome),
            (EntryKind::Closed, Some(Outcome::Successful))
        );
        assert!(!ticket.is_open());
    }

    #[test]
    fn neither_requester_nor_asker_approves() {
        let (ada, ben, cleo): (PersonId, PersonId, PersonId) =
            (Id::new(NOW), Id::new(NOW), Id::new(NOW));
        let (mut ticket, mut change) = change(ada);
        change.ask_approval(&mut ticket, Some(ben), NOW).unwrap();
        for by in [ada, ben] {
            let refused = change.approve(&mut ticket, by, NOW).unwrap_err();
            assert_eq!(refused.rule, "not-your-own");
        }
        assert!(change.approve(&mut ticket, cleo, NOW).is_ok());
    }

    #[test]
    fn an_approval_ends_with_the_plan_it_was_for() {
        let (ada, ben): (PersonId, PersonId) = (Id::new(NOW), Id::new(NOW));
        let (mut ticket, mut change) = change(ada);
        change.ask_approval(&mut ticket, Some(ada), NOW).unwrap();
        change.approve(&mut ticket, ben, NOW).unwrap();
        let plan = Plan {
            revert: "helm rollback web 41".into(),
            ..Plan::default()
        };
        let entries = change.edit(&mut ticket, plan.clone(), NOW).unwrap();
        assert_eq!(entries[0].facts.get("fields"), Some("revert"));
        assert_eq!((ticket.state, change.approved_by), (State::Draft, None));
        assert_eq!(
            change.edit(&mut ticket, plan, NOW).unwrap_err().rule,
            "unchanged"
        );
        assert_eq!(
            change.start(&mut ticket, NOW).unwrap_err().rule,
            "no-such-step"
        );
    }

    #[test]
    fn a_refusal_and_a_bad_end_say_why() {
        let ada: PersonId = Id::new(NOW);
        let (mut ticket, mut change) = change(ada);
        assert_eq!(
            change.refuse(&mut ticket, "no", NOW).unwrap_err().rule,
            "no-such-step"
        );
        change.ask_approval(&mut ticket, Some(ada), NOW).unwrap();
        assert_eq!(
            change.refuse(&mut ticket, " ", NOW).unwrap_err().rule,
            "reason-needed"
        );
        assert_eq!(
            change
                .refuse(&mut ticket, "on a Friday?", NOW)
                .unwrap()
                .kind,
            EntryKind::ApprovalRefused
        );
        assert_eq!(ticket.state, State::Draft);
        ticket.state = State::InProgress;
        assert_eq!(
            change
                .close(&mut ticket, Outcome::Failed, "", NOW)
                .unwrap_err()
                .rule,
            "reason-needed"
        );
        assert!(
            change
                .close(&mut ticket, Outcome::RolledBack, "pool too small", NOW)
                .is_ok()
        );
        assert_eq!(
            change
                .edit(&mut ticket, Plan::default(), NOW)
                .unwrap_err()
                .rule,
            "not-open"
        );
    }

    #[test]
    fn broken_glass_lets_a_change_go_ahead_and_somebody_else_looks_at_it() {
        let (ada, ben): (PersonId, PersonId) = (Id::new(NOW), Id::new(NOW));
        let (mut ticket, mut change) = change(ada);
        let until = NOW.plus_secs(60);
        let reason = "the site is down";
        let entries = change
            .break_glass(&mut ticket, None, Some(ada), reason, until)
            .unwrap();
        let kinds: Vec<EntryKind> = entries.iter().map(|entry| entry.kind).collect();
        assert_eq!(kinds, [EntryKind::GlassBroken, EntryKind::StateChanged]);
        assert_eq!(ticket.state, State::InProgress);
        let mut glass = Glass {
            by: Some(ada),
            by_name: "Ada".into(),
            at: NOW,
            reason: reason.into(),
            review_until: Some(until),
            was_entitled: true,
            review: None,
        };
        let again = change.break_glass(&mut ticket, Some(&glass), Some(ada), reason, until);
        assert_eq!(again.unwrap_err().rule, "glass-already-broken");
        let verdict = Verdict::Accepted;
        for (by, rule) in [(Some(ada), "not-your-own"), (None, "approver-is-a-person")] {
            let refused = glass.review(&ticket, by, verdict, "fine").unwrap_err();
            assert_eq!(refused.rule, rule);
        }
        let reviewed = glass.review(&ticket, Some(ben), verdict, "fine").unwrap();
        assert_eq!(reviewed.facts.get("verdict"), Some("accepted"));
        glass.review = Some(Review {
            by_name: "Ben".into(),
            at: NOW,
            verdict,
            text: "fine".into(),
        });
        let twice = glass.review(&ticket, Some(ben), verdict, "fine");
        assert_eq!(twice.unwrap_err().rule, "glass-whole");
        ticket.state = State::Closed;
        let closed = change.break_glass(&mut ticket, None, Some(ada), reason, until);
        assert_eq!(closed.unwrap_err().rule, "not-open");
    }

    #[test]
    fn a_deployment_puts_an_approved_change_on_watch_and_its_end_closes_it() {
        let (ada, ben): (PersonId, PersonId) = (Id::new(NOW), Id::new(NOW));
        let (mut ticket, mut change) = change(ada);
        let until = NOW.plus_secs(60);
        assert_eq!(change.deployed(&mut ticket, NOW, until, NOW), []);
        assert_eq!(ticket.state, State::Draft, "nobody approved it");
        change.ask_approval(&mut ticket, Some(ada), NOW).unwrap();
        change.approve(&mut ticket, ben, NOW).unwrap();
        let ended = NOW.plus_secs(-60);
        let steps = change.deployed(&mut ticket, ended, until, NOW);
        let to: Vec<_> = steps.iter().filter_map(|it| it.facts.get("to")).collect();
        assert_eq!(to, ["in_progress", "on_watch"]);
        // Deployed once more: the watch begins anew, and never gets shorter.
        assert_eq!(change.ended_at, Some(ended), "not when it was told");
        change.deployed(&mut ticket, NOW, NOW.plus_secs(90), NOW);
        change.deployed(&mut ticket, ended, until, NOW);
        assert_eq!(change.ended_at, Some(NOW));
        assert_eq!(change.watch_until, Some(NOW.plus_secs(90)));
        assert!(change.soaked(&mut ticket, NOW.plus_secs(89)).is_err());
        let mut back = (change.clone(), ticket.clone());
        assert!(back.0.taken_back(&mut back.1, NOW).is_some());
        assert_eq!(
            (back.1.state, back.0.watch_until, back.0.ended_at),
            (State::InProgress, None, None)
        );
        let closed = change.soaked(&mut ticket, NOW.plus_secs(90)).unwrap();
        assert_eq!(closed.facts.get("cause"), Some("soaked"));
        assert_eq!(ticket.outcome, Some(Outcome::Successful));
        assert_eq!(change.ended_at, Some(NOW), "its watch is no work on it");
        // Finished by hand: from the work itself, or after a watch.
        let later = NOW.plus_secs(30);
        back.0
            .close(&mut back.1, Outcome::Successful, "", later)
            .unwrap();
        assert_eq!(back.0.ended_at, Some(later));
    }

    #[test]
    fn a_plan_ends_after_it_starts() {
        let plan = |starts_at, ends_at| {
            Plan {
                starts_at,
                ends_at,
                ..Plan::default()
            }
            .check()
        };
        assert!(plan(Some(NOW), Some(NOW.plus_secs(1))).is_ok());
        assert_eq!(
            plan(Some(NOW), Some(NOW)).unwrap_err()[0].problem,
            "ends-before-start"
        );
        assert_eq!(plan(None, Some(NOW)).unwrap_err()[0].field, "starts_at");
        assert!(plan(Some(NOW), None).is_ok());
    }
}
