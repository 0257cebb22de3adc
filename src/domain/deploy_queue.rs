//! Deployments that wait for a freeze to lift: asked for in time, and let go in their order when changes may begin again.
//!
//! Waiting costs nobody an approval: its time stands still while a freeze blocks the change. What is let go is looked at anew, once
//! then and once more when it begins: by the same verdict as everything else. Only the newest of a lane is let go, those of one
//! service follow each other with a gap, and what nobody could know when it was asked for waits for a person's word.

use super::deployment::Lane;
use super::id::{DeploymentId, PersonId, QueuedId, TicketId};
use super::refusal::Refusal;
use super::timestamp::Timestamp;
use super::word::words;

/// Between two deployments of a service where nobody has said anything: long enough to see the first one go wrong.
pub const GAP_MINS: i64 = 10;
/// Longest gap that can be asked for.
pub const MOST_GAP_MINS: i64 = 24 * 60;
/// What has waited for so long is asked for anew, if anybody still wants it.
pub const MOST_WAIT_SECS: i64 = 30 * 86_400;
/// What was let go and hasn't begun by then.
pub const MOST_RELEASED_SECS: i64 = 86_400;
/// Windows are edited, and approvals given: what waits is looked at this often, whatever was said before.
pub const LOOK_SECS: i64 = 60;

words! {
    /// How far it came.
    pub enum State {
        Waiting = "waiting",
        /// It may begin: whoever asked for it asks once more.
        Released = "released",
        Begun = "begun",
        /// A newer one of its lane was asked for, or the same version was deployed meanwhile.
        Superseded = "superseded",
        Withdrawn = "withdrawn",
        /// It waited, or was free to begin, for too long.
        Expired = "expired",
    }
}

impl State {
    pub const fn is_over(self) -> bool {
        !matches!(self, State::Waiting | State::Released)
    }
}

words! {
    /// What it waits for.
    pub enum Reason {
        /// A freeze blocks it, or no maintenance window is open.
        Window = "window",
        /// Another of its service was let go a moment ago, or comes first.
        Turn = "turn",
        /// This service's queue moves when somebody says so.
        Go = "go",
        /// Something else was deployed there meanwhile: this may take it back.
        Overtaken = "overtaken",
        /// The one before it failed.
        BeforeFailed = "before_failed",
        /// It is refused for another reason, such as an approval that is no longer good.
        Refused = "refused",
    }
}

impl Reason {
    /// Nothing but a person's word lets it go.
    pub const fn wants_go(self) -> bool {
        matches!(self, Reason::Go | Reason::Overtaken | Reason::BeforeFailed)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    pub id: QueuedId,
    pub lane: Lane,
    pub version: String,
    pub commit: Option<String>,
    /// The change that it is of.
    pub ticket: Option<TicketId>,
    /// Who asks, and what they call it: asking again changes nothing.
    pub source: String,
    pub source_event_id: String,
    pub by: Option<PersonId>,
    pub by_name: String,
    /// Who deploys, as whoever asks says.
    pub actor: Option<String>,
    pub url: Option<String>,
    pub state: State,
    pub reason: Reason,
    /// The window's name, or the refusal in words.
    pub detail: String,
    /// When it may begin as far as windows go.
    pub opens_at: Option<Timestamp>,
    pub queued_at: Timestamp,
    /// When it is looked at next; `None`: it is over.
    pub look_at: Option<Timestamp>,
    /// Somebody said go.
    pub go_at: Option<Timestamp>,
    pub go_name: Option<String>,
    pub released_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    /// Who withdrew it, or the version that took its place.
    pub ended_name: Option<String>,
    pub deployment: Option<DeploymentId>,
}

/// What it waits for: why, in which words, and until when as far as is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    pub reason: Reason,
    pub detail: String,
    pub opens_at: Option<Timestamp>,
}

impl Wait {
    pub fn of(reason: Reason) -> Self {
        Self {
            reason,
            detail: String::new(),
            opens_at: None,
        }
    }
}

/// How it stands in the service's queue.
#[derive(Debug, Clone, Copy, Default)]
pub struct Turn {
    pub gap_secs: i64,
    pub needs_go: bool,
    /// The last of the service that was let go.
    pub last_released: Option<Timestamp>,
    /// That one failed or was taken back, then.
    pub last_failed: Option<Timestamp>,
    /// Something else was deployed in its lane after it was asked for.
    pub overtaken: Option<Timestamp>,
}

impl Turn {
    /// What keeps it besides windows and approvals. A person's word counts for what they could know of.
    pub fn keeps(&self, it: &Queued, now: Timestamp) -> Option<Wait> {
        let is_known = |at: Timestamp| it.go_at.is_some_and(|go| go >= at);
        let unheard = |at: Option<Timestamp>| at.is_some_and(|at| !is_known(at));
        if unheard(self.overtaken) {
            return Some(Wait::of(Reason::Overtaken));
        }
        if unheard(self.last_failed) {
            return Some(Wait::of(Reason::BeforeFailed));
        }
        if self.needs_go && it.go_at.is_none() {
            return Some(Wait::of(Reason::Go));
        }
        let free_at = self.last_released?.plus_secs(self.gap_secs);
        (now < free_at).then(|| Wait {
            opens_at: Some(free_at),
            ..Wait::of(Reason::Turn)
        })
    }
}

impl Queued {
    /// It waits for this from now on. Whether that is news.
    pub fn wait(&mut self, wait: Wait, now: Timestamp) -> bool {
        let soon = now.plus_secs(LOOK_SECS);
        let is_news = self.state != State::Waiting
            || self.reason != wait.reason
            || self.detail != wait.detail;
        self.state = State::Waiting;
        self.look_at = Some(wait.opens_at.map_or(soon, |at| at.max(now).min(soon)));
        self.reason = wait.reason;
        self.detail = wait.detail;
        self.opens_at = wait.opens_at;
        self.released_at = None;
        is_news
    }

    /// It may begin.
    pub fn release(&mut self, now: Timestamp) {
        self.state = State::Released;
        self.released_at = Some(now);
        self.opens_at = None;
        self.detail.clear();
        self.look_at = Some(now.plus_secs(MOST_RELEASED_SECS));
    }

    /// It is over.
    pub fn end(&mut self, state: State, by: Option<&str>, now: Timestamp) {
        self.state = state;
        self.ended_at = Some(now);
        self.ended_name = by.map(str::to_owned);
        self.look_at = None;
    }

    /// Whether it has been here for too long.
    pub fn is_stale(&self, now: Timestamp) -> bool {
        match (self.state, self.released_at) {
            (State::Waiting, _) => now >= self.queued_at.plus_secs(MOST_WAIT_SECS),
            (State::Released, Some(at)) => now >= at.plus_secs(MOST_RELEASED_SECS),
            _ => false,
        }
    }

    /// Asked once more: what is over doesn't begin, and says why.
    pub fn refuse_over(&self) -> Result<(), Refusal> {
        let rule = match self.state {
            State::Waiting | State::Released | State::Begun => return Ok(()),
            State::Superseded => "deploy-superseded",
            State::Withdrawn => "deploy-withdrawn",
            State::Expired => "deploy-expired",
        };
        Err(Refusal::new(rule)
            .with("version", self.version.clone())
            .with("by", self.ended_name.clone().unwrap_or_default()))
    }

    /// Somebody lets it go as soon as nothing else keeps it.
    pub fn go(&mut self, by: &str, now: Timestamp) -> Result<(), Refusal> {
        if self.state != State::Waiting {
            return Err(Refusal::new("deploy-not-waiting").with("state", self.state.as_str()));
        }
        self.go_at = Some(now);
        self.go_name = Some(by.to_owned());
        self.look_at = Some(now);
        Ok(())
    }

    pub fn withdraw(&mut self, by: &str, now: Timestamp) -> Result<(), Refusal> {
        if self.state.is_over() {
            return Err(Refusal::new("deploy-not-waiting").with("state", self.state.as_str()));
        }
        self.end(State::Withdrawn, Some(by), now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::Id;

    fn at(mins: i64) -> Timestamp {
        Timestamp::from_micros(mins * 60_000_000)
    }

    fn queued() -> Queued {
        Queued {
            id: Id::new(at(0)),
            lane: Lane {
                environment: "prod".into(),
                service: Id::new(at(0)),
                target: String::new(),
            },
            version: "4.12.0".into(),
            commit: None,
            ticket: None,
            source: "ci".into(),
            source_event_id: "7".into(),
            by: None,
            by_name: "pipeline".into(),
            actor: None,
            url: None,
            state: State::Waiting,
            reason: Reason::Window,
            detail: "Friday".into(),
            opens_at: Some(at(600)),
            queued_at: at(100),
            look_at: Some(at(101)),
            go_at: None,
            go_name: None,
            released_at: None,
            ended_at: None,
            ended_name: None,
            deployment: None,
        }
    }

    fn keeps(turn: Turn, it: &Queued, mins: i64) -> Option<Reason> {
        turn.keeps(it, at(mins)).map(|wait| wait.reason)
    }

    #[test]
    fn the_next_of_a_service_waits_for_the_gap() {
        let turn = Turn {
            gap_secs: 600,
            last_released: Some(at(600)),
            ..Turn::default()
        };
        let wait = turn.keeps(&queued(), at(609)).unwrap();
        assert_eq!((wait.reason, wait.opens_at), (Reason::Turn, Some(at(610))));
        assert_eq!(keeps(turn, &queued(), 610), None);
        assert_eq!(keeps(Turn::default(), &queued(), 0), None);
    }

    #[test]
    fn a_word_counts_for_what_was_known_then() {
        let mut it = queued();
        let turn = Turn {
            overtaken: Some(at(300)),
            last_failed: Some(at(400)),
            needs_go: true,
            ..Turn::default()
        };
        assert_eq!(keeps(turn, &it, 600), Some(Reason::Overtaken));
        it.go("Ann", at(350)).unwrap();
        assert_eq!(keeps(turn, &it, 600), Some(Reason::BeforeFailed));
        it.go("Ann", at(400)).unwrap();
        assert_eq!(keeps(turn, &it, 600), None);
        let asked = Turn {
            needs_go: true,
            ..Turn::default()
        };
        assert_eq!(keeps(asked, &queued(), 600), Some(Reason::Go));
        assert!(Reason::ALL.iter().filter(|it| it.wants_go()).count() == 3);
    }

    #[test]
    fn it_is_looked_at_within_the_minute_and_when_its_window_opens() {
        let mut it = queued();
        let wait = |opens| Wait {
            detail: "Friday".into(),
            opens_at: Some(opens),
            ..Wait::of(Reason::Window)
        };
        assert!(!it.wait(wait(at(600)), at(200)), "nothing new");
        assert_eq!(it.look_at, Some(at(201)));
        it.wait(wait(at(600)), Timestamp::from_micros(at(600).micros() - 5));
        assert_eq!(it.look_at, Some(at(600)));
        assert!(it.wait(Wait::of(Reason::Turn), at(600)));
        it.release(at(610));
        assert!(it.wait(wait(at(700)), at(620)), "closed again");
        assert_eq!((it.state, it.released_at), (State::Waiting, None));
    }

    #[test]
    fn what_is_over_says_why_and_stays_over() {
        let mut it = queued();
        assert!(!it.is_stale(at(101)));
        assert!(it.is_stale(it.queued_at.plus_secs(MOST_WAIT_SECS)));
        it.release(at(600));
        assert!(!it.is_stale(at(601)));
        assert!(it.is_stale(at(600 + 24 * 60)));
        assert_eq!(
            it.go("Ann", at(601)).unwrap_err().rule,
            "deploy-not-waiting"
        );
        it.withdraw("Ann", at(602)).unwrap();
        assert_eq!(it.refuse_over().unwrap_err().rule, "deploy-withdrawn");
        assert_eq!(
            it.withdraw("Ben", at(603)).unwrap_err().rule,
            "deploy-not-waiting"
        );
        assert!(!it.is_stale(at(1_000_000)));
        for (state, rule) in [
            (State::Superseded, "deploy-superseded"),
            (State::Expired, "deploy-expired"),
        ] {
            it.end(state, None, at(604));
            assert_eq!(it.refuse_over().unwrap_err().rule, rule);
        }
        it.state = State::Begun;
        assert!(it.refuse_over().is_ok() && it.state.is_over());
    }
}
