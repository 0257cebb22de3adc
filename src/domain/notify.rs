//! Who is told of an incident, by its severity (row T6 of the product).
//!
//! | severity | who |
//! |---|---|
//! | information, warning | noted; no message |
//! | average | the team in its working hours, else at its next opening |
//! | high | whoever is on call, whenever somebody is; and the team in its working hours |
//! | disaster | whoever is on call, at any hour, and each escalation step after that; nobody on call means the whole team |

use super::escalation::Target;
use super::id::PersonId;
use super::severity::Severity;
use super::timestamp::Timestamp;
use super::word::words;

words! {
    /// Why a message was not sent. Each is a fact in the ledger.
    pub enum Unsent {
        /// The severity asks for no message, or not for this step.
        SeverityRule = "severity_rule",
        /// The team is told at its next opening.
        OutsideHours = "outside_hours",
        /// The schedule has nobody.
        NobodyOnDuty = "nobody_on_duty",
        /// The team has no active members.
        EmptyTeam = "empty_team",
        /// The team's calendar never opens.
        NeverOpen = "never_open",
        NoAddress = "no_address",
        Deactivated = "deactivated",
        /// This person was paged a moment ago about something else.
        Throttle = "throttle",
        /// Somebody acknowledged before it went out.
        Acknowledged = "acknowledged",
        /// The incident was restored, resolved or cancelled before it went out.
        Over = "over",
        /// A worse severity began its own paging.
        Superseded = "superseded",
        /// No way of sending is set up.
        NoChannel = "no_channel",
        /// While it waited, a newer page about the same incident took its place.
        Newer = "newer",
    }
}

/// How an incident of this severity is announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loudness {
    Silent,
    WorkingHours,
    OnDuty,
    RoundTheClock,
}

pub const fn loudness(severity: Severity) -> Loudness {
    match severity {
        Severity::Information | Severity::Warning => Loudness::Silent,
        Severity::Average => Loudness::WorkingHours,
        Severity::High => Loudness::OnDuty,
        Severity::Disaster => Loudness::RoundTheClock,
    }
}

/// Who could be told at this moment.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    pub on_duty: &'a [PersonId],
    pub team: &'a [PersonId],
    /// The team's calendar is open.
    pub is_working: bool,
    /// When it opens next; `None` if it never does. Not looked at while it is open.
    pub opens_at: Option<Timestamp>,
}

/// One step's answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Telling {
    /// Without repetitions, in the order in which they were named.
    pub people: Vec<PersonId>,
    /// What is not sent, and why; recorded even when somebody else is told.
    pub unsent: Vec<Unsent>,
    /// Nobody is told now, but the team will be at this instant.
    pub at: Option<Timestamp>,
}

impl Telling {
    fn tell(&mut self, people: &[PersonId]) {
        for person in people {
            if !self.people.contains(person) {
                self.people.push(*person);
            }
        }
    }

    fn note(&mut self, why: Unsent) {
        if !self.unsent.contains(&why) {
            self.unsent.push(why);
        }
    }

    fn tell_team(&mut self, situation: Situation<'_>) {
        if situation.team.is_empty() {
            self.note(Unsent::EmptyTeam);
        }
        self.tell(situation.team);
    }
}

/// Whom a step with these targets tells. `is_first` is true for the first step of the first round.
pub fn who_is_told(
    severity: Severity,
    targets: &[Target],
    is_first: bool,
    situation: Situation<'_>,
) -> Telling {
    let mut telling = Telling::default();
    match loudness(severity) {
        Loudness::Silent => telling.note(Unsent::SeverityRule),
        Loudness::WorkingHours => team_in_its_hours(&mut telling, situation),
        Loudness::OnDuty => {
            if targets.contains(&Target::OnDuty) {
                telling.tell(situation.on_duty);
                if situation.on_duty.is_empty() {
                    telling.note(Unsent::NobodyOnDuty);
                }
            }
            if targets.iter().any(|target| *target != Target::OnDuty) {
                telling.note(Unsent::SeverityRule);
            }
            if is_first {
                if situation.is_working {
                    telling.tell_team(situation);
                } else if telling.people.is_empty() {
                    team_in_its_hours(&mut telling, situation);
                } else {
                    telling.note(Unsent::OutsideHours);
                }
            }
        }
        Loudness::RoundTheClock => {
            for target in targets {
                match target {
                    Target::OnDuty if situation.on_duty.is_empty() => {
                        telling.note(Unsent::NobodyOnDuty);
                        telling.tell_team(situation);
                    }
                    Target::OnDuty => telling.tell(situation.on_duty),
                    Target::Person(person) => telling.tell(&[*person]),
                    Target::Team => telling.tell_team(situation),
                }
            }
        }
    }
    telling
}

fn team_in_its_hours(telling: &mut Telling, situation: Situation<'_>) {
    if situation.is_working {
        telling.tell_team(situation);
        return;
    }
    telling.at = situation.opens_at;
    telling.note(match situation.opens_at {
        Some(_) => Unsent::OutsideHours,
        None => Unsent::NeverOpen,
    });
}

/// Least time between two pages to one person, in seconds: a storm reaches a phone once a minute.
pub const THROTTLE_SECS: i64 = 60;

/// Whether a page to somebody who was last paged at `last` must wait. The first page of an incident of severity disaster or high
/// never does.
pub fn is_throttled(
    last: Option<Timestamp>,
    now: Timestamp,
    severity: Severity,
    is_first_of_incident: bool,
) -> bool {
    let is_loud = loudness(severity) >= Loudness::OnDuty;
    match last {
        Some(last) if !(is_loud && is_first_of_incident) => now.secs_since(last) < THROTTLE_SECS,
        Some(_) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::Id;

    fn person(n: u128) -> PersonId {
        Id::from_uuid(uuid::Uuid::from_u128(n))
    }

    const MONDAY: Timestamp = Timestamp::from_micros(1_000_000_000);

    /// u1 is on call, the team is u1 u2 u3, and u9 is somebody's boss.
    fn told(
        severity: Severity,
        targets: &[Target],
        first: bool,
        on_duty: usize,
        working: bool,
    ) -> Telling {
        let team = [person(1), person(2), person(3)];
        let situation = Situation {
            on_duty: &team[..on_duty],
            team: &team,
            is_working: working,
            opens_at: Some(MONDAY),
        };
        who_is_told(severity, targets, first, situation)
    }

    #[test]
    fn t6_each_severity_tells_whom_the_product_promises() {
        use Severity::*;
        use Target::*;
        use Unsent::*;
        let boss = [Person(person(9))];
        let (now, later) = (None, Some(MONDAY));
        // severity, targets, first step, on duty, working hours: people, unsent, later
        type Row<'a> = (
            Severity,
            &'a [Target],
            bool,
            usize,
            bool,
            &'a [u128],
            &'a [Unsent],
            Option<Timestamp>,
        );
        let rows: [Row<'_>; 17] = [
            (
                Information,
                &[OnDuty],
                true,
                1,
                true,
                &[],
                &[SeverityRule],
                now,
            ),
            (Warning, &[OnDuty], true, 1, true, &[], &[SeverityRule], now),
            (Average, &[OnDuty], true, 1, true, &[1, 2, 3], &[], now),
            (
                Average,
                &[OnDuty],
                true,
                1,
                false,
                &[],
                &[OutsideHours],
                later,
            ),
            (High, &[OnDuty], true, 1, true, &[1, 2, 3], &[], now),
            (High, &[OnDuty], true, 1, false, &[1], &[OutsideHours], now),
            (
                High,
                &[OnDuty],
                true,
                0,
                true,
                &[1, 2, 3],
                &[NobodyOnDuty],
                now,
            ),
            (
                High,
                &[OnDuty],
                true,
                0,
                false,
                &[],
                &[NobodyOnDuty, OutsideHours],
                later,
            ),
            (High, &[OnDuty], false, 1, true, &[1], &[], now),
            (High, &boss, false, 1, true, &[], &[SeverityRule], now),
            (Disaster, &[OnDuty], true, 1, true, &[1], &[], now),
            (Disaster, &[OnDuty], true, 1, false, &[1], &[], now),
            (
                Disaster,
                &[OnDuty],
                true,
                0,
                false,
                &[1, 2, 3],
                &[NobodyOnDuty],
                now,
            ),
            (Disaster, &boss, false, 1, false, &[9], &[], now),
            (
                Disaster,
                &[OnDuty, Person(person(1))],
                true,
                1,
                false,
                &[1],
                &[],
                now,
            ),
            (Disaster, &[Team], false, 1, false, &[1, 2, 3], &[], now),
            (
                Disaster,
                &[OnDuty, Team],
                false,
                2,
                false,
                &[1, 2, 3],
                &[],
                now,
            ),
        ];
        for (severity, targets, first, on_duty, working, people, unsent, at) in rows {
            let expected = Telling {
                people: people.iter().copied().map(person).collect(),
                unsent: unsent.to_vec(),
                at,
            };
            let found = told(severity, targets, first, on_duty, working);
            assert_eq!(
                found, expected,
                "{severity} {targets:?} first={first} on_duty={on_duty} working={working}"
            );
        }
    }

    #[test]
    fn a_team_that_never_opens_or_has_nobody_is_said_so() {
        let nobody = Situation {
            on_duty: &[],
            team: &[],
            is_working: false,
            opens_at: None,
        };
        let average = who_is_told(Severity::Average, &[Target::OnDuty], true, nobody);
        assert_eq!(
            average,
            Telling {
                unsent: vec![Unsent::NeverOpen],
                ..Telling::default()
            }
        );
        let disaster = who_is_told(Severity::Disaster, &[Target::OnDuty], true, nobody);
        assert_eq!(disaster.unsent, [Unsent::NobodyOnDuty, Unsent::EmptyTeam]);
    }

    #[test]
    fn a_person_is_paged_once_a_minute_but_a_new_disaster_always_comes_through() {
        let now = MONDAY;
        for (ago, severity, first, throttled) in [
            (59, Severity::Average, true, true),
            (60, Severity::Average, true, false),
            (1, Severity::Disaster, true, false),
            (1, Severity::High, true, false),
            (1, Severity::Disaster, false, true),
        ] {
            assert_eq!(
                is_throttled(Some(now.plus_secs(-ago)), now, severity, first),
                throttled,
                "{ago} {severity}"
            );
        }
        assert!(!is_throttled(None, now, Severity::Average, false));
    }
}
