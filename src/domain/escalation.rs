//! Escalation: who is paged next when nobody acknowledges.
//!
//! A policy is a list of steps with a delay each, walked `1 + repeat` times. A run is one incident's walk through it: it stands
//! before the step that fires at `next_at`, or past the last one, where the dead end is. Acknowledging stops it; with an
//! acknowledge timeout it takes the run up again if the incident is still not restored by then.

use super::id::{PersonId, PolicyId, TeamId};
use super::notify::{Loudness, loudness};
use super::refusal::FieldError;
use super::severity::Severity;
use super::timestamp::Timestamp;
use super::word::words;

/// Most steps of a policy, people of a step and repeats: beyond these somebody made a mistake.
pub const MAX_STEPS: usize = 10;
pub const MAX_TARGETS: usize = 10;
pub const MAX_REPEAT: i64 = 9;
/// A step waits this long for an acknowledgement, in minutes.
pub const DELAY_MINUTES: std::ops::RangeInclusive<i64> = 1..=240;
/// Bounds of the acknowledge timeout, in minutes.
pub const ACK_TIMEOUT_MINUTES: std::ops::RangeInclusive<i64> = 5..=1_440;

/// Whom a step pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target {
    /// Whoever the team's schedule has on call at that moment.
    OnDuty,
    Person(PersonId),
    /// Every active member of the team.
    Team,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub targets: Vec<Target>,
    /// How long to wait for an acknowledgement before the next step.
    pub delay_secs: i64,
}

/// A team's escalation policy. Each change makes a new version; runs name the one they follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub id: PolicyId,
    pub team: TeamId,
    pub version: i64,
    pub steps: Vec<Step>,
    /// How many more times the steps are walked.
    pub repeat: i64,
    pub ack_timeout_secs: Option<i64>,
}

impl Policy {
    /// What a new team gets: whoever is on call, after five minutes the whole team; twice more.
    pub fn first(id: PolicyId, team: TeamId) -> Self {
        let step = |target| Step {
            targets: vec![target],
            delay_secs: 300,
        };
        Self {
            id,
            team,
            version: 1,
            steps: vec![step(Target::OnDuty), step(Target::Team)],
            repeat: 2,
            ack_timeout_secs: None,
        }
    }

    /// Everything that is wrong with it, by field: `step-1-delay`, `repeat`, …
    pub fn problems(&self) -> Vec<FieldError> {
        let mut problems = Vec::new();
        if self.steps.is_empty() {
            problems.push(FieldError::new("steps", "required"));
        }
        if self.steps.len() > MAX_STEPS {
            problems.push(FieldError::new("steps", "too-many").with("max", MAX_STEPS.to_string()));
        }
        for (n, step) in self.steps.iter().enumerate() {
            let number = n + 1;
            if step.targets.is_empty() {
                problems.push(FieldError::new(
                    format!("step-{number}-targets"),
                    "required",
                ));
            }
            if step.targets.len() > MAX_TARGETS {
                let problem = FieldError::new(format!("step-{number}-targets"), "too-many");
                problems.push(problem.with("max", MAX_TARGETS.to_string()));
            }
            if !within_minutes(step.delay_secs, DELAY_MINUTES) {
                problems.push(out_of_range(
                    format!("step-{number}-delay"),
                    DELAY_MINUTES,
                    step.delay_secs / 60,
                ));
            }
        }
        if !(0..=MAX_REPEAT).contains(&self.repeat) {
            problems.push(out_of_range(
                "repeat".to_owned(),
                0..=MAX_REPEAT,
                self.repeat,
            ));
        }
        if let Some(timeout) = self.ack_timeout_secs
            && !within_minutes(timeout, ACK_TIMEOUT_MINUTES)
        {
            problems.push(out_of_range(
                "ack-timeout".to_owned(),
                ACK_TIMEOUT_MINUTES,
                timeout / 60,
            ));
        }
        problems
    }
}

fn within_minutes(secs: i64, minutes: std::ops::RangeInclusive<i64>) -> bool {
    secs % 60 == 0 && minutes.contains(&(secs / 60))
}

fn out_of_range(field: String, range: std::ops::RangeInclusive<i64>, got: i64) -> FieldError {
    FieldError::new(field, "out-of-range")
        .with("min", range.start().to_string())
        .with("max", range.end().to_string())
        .with("got", got.to_string())
}

/// How an incident of one severity walks a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub steps: Vec<Step>,
    pub repeat: i64,
    /// Whether running out of steps is an alarm. Telling a team in its working hours asks for no answer.
    pub has_dead_end: bool,
}

/// A team notice that found everybody throttled is tried again this often, with doubled waits.
const NOTICE_TRIES: i64 = 6;

/// The steps that `severity` may use (`notify` says whom each one tells); `None` if it tells nobody at all.
pub fn plan(severity: Severity, policy: &Policy) -> Option<Plan> {
    let on_duty = |delay_secs| Step {
        targets: vec![Target::OnDuty],
        delay_secs,
    };
    match loudness(severity) {
        Loudness::Silent => None,
        Loudness::WorkingHours => Some(Plan {
            steps: vec![Step {
                targets: vec![Target::Team],
                delay_secs: 60,
            }],
            repeat: NOTICE_TRIES - 1,
            has_dead_end: false,
        }),
        Loudness::OnDuty => {
            // Only whoever is on call is paged: steps for others would be silence that lasts.
            let mut steps: Vec<Step> = policy
                .steps
                .iter()
                .filter(|step| step.targets.contains(&Target::OnDuty))
                .map(|step| on_duty(step.delay_secs))
                .collect();
            if steps.is_empty() {
                steps.push(on_duty(300));
            }
            Some(Plan {
                steps,
                repeat: policy.repeat,
                has_dead_end: true,
            })
        }
        Loudness::RoundTheClock => Some(Plan {
            steps: policy.steps.clone(),
            repeat: policy.repeat,
            has_dead_end: true,
        }),
    }
}

words! {
    /// Where a run stands.
    pub enum RunState {
        /// A step or the dead end is due at `next_at`.
        Paging = "paging",
        Acknowledged = "acknowledged",
        /// Everybody who should be told has been; no answer is asked for.
        Told = "told",
        /// Every step was walked and nobody answered.
        DeadEnd = "dead_end",
        /// The incident was restored, resolved, cancelled, made harmless, or paged anew as something worse.
        Stopped = "stopped",
    }
}

/// The place before a step: round from 1, step from 0. `step` past the last one is the dead end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub round: i64,
    pub step: i64,
}

impl Place {
    pub const START: Place = Place { round: 1, step: 0 };

    pub fn is_first(self) -> bool {
        self == Self::START
    }
}

/// What a run that is due does at its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due<'a> {
    Page(&'a Step),
    /// Tell the whole team and the admins that nobody answered.
    DeadEnd,
    /// Quietly over.
    Told,
}

impl Plan {
    pub fn due_at(&self, place: Place) -> Due<'_> {
        match usize::try_from(place.step)
            .ok()
            .and_then(|step| self.steps.get(step))
        {
            Some(step) => Due::Page(step),
            None if self.has_dead_end => Due::DeadEnd,
            None => Due::Told,
        }
    }

    /// The place after `place`, through the rounds to the end.
    pub fn after(&self, place: Place) -> Place {
        let count = i64::try_from(self.steps.len()).unwrap_or(i64::MAX);
        if place.step + 1 >= count && place.round <= self.repeat {
            return Place {
                round: place.round + 1,
                step: 0,
            };
        }
        Place {
            round: place.round,
            step: (place.step + 1).min(count),
        }
    }

    /// Where the run stands after the step at `place` fired at `now` and paged `reached` people.
    ///
    /// A step that reached nobody waits for nobody: the next one is due at once. A team notice asks for no answer: it is over once
    /// it reached somebody, and one that the throttle held back is tried again after 1, 2, 4 … minutes.
    pub fn after_firing(&self, place: Place, reached: usize, now: Timestamp) -> Standing {
        let next = self.after(place);
        let delay_secs = match self.due_at(place) {
            Due::Page(step) => step.delay_secs,
            Due::DeadEnd | Due::Told => 0,
        };
        let wait_secs = match (reached, self.has_dead_end) {
            (0, true) => 0,
            (_, true) => delay_secs,
            (0, false) => delay_secs << (place.round - 1).clamp(0, 10),
            (_, false) => {
                return Standing {
                    state: RunState::Told,
                    place: next,
                    next_at: None,
                };
            }
        };
        Standing {
            state: RunState::Paging,
            place: next,
            next_at: Some(now.plus_secs(wait_secs)),
        }
    }
}

/// Where a run stands. `next_at` is empty when nothing will happen by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub state: RunState,
    pub place: Place,
    pub next_at: Option<Timestamp>,
}

impl Standing {
    /// A run that begins at `now`: its first step is due.
    pub const fn begun(now: Timestamp) -> Self {
        Self {
            state: RunState::Paging,
            place: Place::START,
            next_at: Some(now),
        }
    }

    /// The same place, taken up again at `at`: the team is told at its next opening.
    pub const fn waiting_until(self, at: Timestamp) -> Self {
        Self {
            next_at: Some(at),
            ..self
        }
    }

    /// Somebody acknowledged at `now`. With a timeout the run looks again then.
    pub fn acknowledged(self, policy: &Policy, now: Timestamp) -> Self {
        let next_at = policy.ack_timeout_secs.map(|secs| now.plus_secs(secs));
        Self {
            state: RunState::Acknowledged,
            next_at,
            ..self
        }
    }

    /// Nothing came of the acknowledgement: another round, from the first step.
    pub const fn resumed(self, now: Timestamp) -> Self {
        let place = Place {
            round: self.place.round + 1,
            step: 0,
        };
        Self {
            state: RunState::Paging,
            place,
            next_at: Some(now),
        }
    }

    /// Over, for the reason `state`.
    pub const fn ended(self, state: RunState) -> Self {
        Self {
            state,
            next_at: None,
            ..self
        }
    }

    /// Whether an acknowledgement would change anything.
    pub const fn is_waiting_for_answer(self) -> bool {
        matches!(
            self.state,
            RunState::Paging | RunState::DeadEnd | RunState::Told
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::Id;

    fn id<T>(n: u128) -> Id<T> {
        Id::from_uuid(uuid::Uuid::from_u128(n))
    }

    fn policy() -> Policy {
        let boss = Step {
            targets: vec![Target::Person(id(9))],
            delay_secs: 600,
        };
        Policy {
            repeat: 1,
            steps: vec![
                Step {
                    targets: vec![Target::OnDuty],
                    delay_secs: 300,
                },
                boss,
            ],
            ..Policy::first(id(1), id(2))
        }
    }

    /// Every place the run comes to, with what is due there.
    fn walk(plan: &Plan) -> Vec<(i64, i64, &'static str)> {
        let mut place = Place::START;
        let mut seen = Vec::new();
        loop {
            let due = match plan.due_at(place) {
                Due::Page(_) => "page",
                Due::DeadEnd => "dead end",
                Due::Told => "told",
            };
            seen.push((place.round, place.step, due));
            if due != "page" {
                return seen;
            }
            place = plan.after(place);
        }
    }

    #[test]
    fn a_disaster_walks_every_step_each_round_and_ends_in_an_alarm() {
        let plan = plan(Severity::Disaster, &policy()).unwrap();
        let expected = [
            (1, 0, "page"),
            (1, 1, "page"),
            (2, 0, "page"),
            (2, 1, "page"),
            (2, 2, "dead end"),
        ];
        assert_eq!(walk(&plan), expected);
    }

    #[test]
    fn high_keeps_to_whoever_is_on_call() {
        let plan = plan(Severity::High, &policy()).unwrap();
        assert_eq!(
            walk(&plan),
            [(1, 0, "page"), (2, 0, "page"), (2, 1, "dead end")]
        );
        let only_people = Policy {
            steps: policy().steps[1..].to_vec(),
            repeat: 0,
            ..policy()
        };
        let plan = super::plan(Severity::High, &only_people).unwrap();
        assert_eq!(
            plan.steps,
            [Step {
                targets: vec![Target::OnDuty],
                delay_secs: 300
            }]
        );
    }

    #[test]
    fn average_tells_the_team_and_asks_for_no_answer() {
        let plan = plan(Severity::Average, &policy()).unwrap();
        assert_eq!(walk(&plan).last(), Some(&(6, 1, "told")));
        let now = Timestamp::from_micros(0);
        let waits: Vec<i64> = (1..=6)
            .filter_map(|round| plan.after_firing(Place { round, step: 0 }, 0, now).next_at)
            .map(|at| at.secs_since(now))
            .collect();
        assert_eq!(waits, [60, 120, 240, 480, 960, 1_920]);
        assert_eq!(
            plan.after_firing(Place::START, 3, now).state,
            RunState::Told
        );
    }

    #[test]
    fn warning_and_information_page_nobody() {
        assert_eq!(plan(Severity::Warning, &policy()), None);
        assert_eq!(plan(Severity::Information, &policy()), None);
    }

    #[test]
    fn a_step_that_reached_nobody_brings_the_next_one_forward() {
        let plan = plan(Severity::Disaster, &policy()).unwrap();
        let now = Timestamp::from_micros(0);
        let wait = |place, reached| {
            plan.after_firing(place, reached, now)
                .next_at
                .map(|at| at.secs_since(now))
        };
        assert_eq!(wait(Place::START, 0), Some(0));
        assert_eq!(wait(Place::START, 1), Some(300));
        assert_eq!(wait(Place { round: 1, step: 1 }, 2), Some(600));
        assert_eq!(
            plan.after_firing(Place::START, 1, now).place,
            Place { round: 1, step: 1 }
        );
    }

    #[test]
    fn acknowledging_stops_the_run_until_the_timeout_if_there_is_one() {
        let now = Timestamp::from_micros(0);
        let begun = Standing::begun(now);
        let stopped = begun.acknowledged(&policy(), now);
        assert_eq!(
            (stopped.state, stopped.next_at),
            (RunState::Acknowledged, None)
        );
        let impatient = Policy {
            ack_timeout_secs: Some(1_800),
            ..policy()
        };
        assert_eq!(
            begun.acknowledged(&impatient, now).next_at,
            Some(now.plus_secs(1_800))
        );
        assert!(begun.is_waiting_for_answer() && !stopped.is_waiting_for_answer());
    }

    #[test]
    fn a_policy_says_everything_that_is_wrong_with_it_at_once() {
        assert!(policy().problems().is_empty());
        assert!(Policy::first(id(1), id(2)).problems().is_empty());
        let wrong = Policy {
            steps: vec![
                Step {
                    targets: vec![],
                    delay_secs: 30,
                },
                Step {
                    targets: vec![Target::Team],
                    delay_secs: 241 * 60,
                },
            ],
            repeat: 10,
            ack_timeout_secs: Some(60),
            ..policy()
        };
        let fields: Vec<_> = wrong
            .problems()
            .into_iter()
            .map(|problem| problem.field)
            .collect();
        assert_eq!(
            fields,
            [
                "step-1-targets",
                "step-1-delay",
                "step-2-delay",
                "repeat",
                "ack-timeout"
            ]
        );
        let empty = Policy {
            steps: vec![],
            ..policy()
        };
        assert_eq!(empty.problems()[0].problem, "required");
    }
}
