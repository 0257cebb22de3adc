//! Who had it: every second that a clock counted has a holder, read from the timeline alone.
//!
//! Whoever owned the ticket had it; before an owner the team, and nobody before it was logged or where no team stands. While the
//! ticket waited for somebody and the clock ran on all the same (the promise doesn't stop for that), it was theirs. The parts
//! always sum to the counted time.
//!
//! Persons are named where one ticket explains itself. Whatever adds tickets up asks [`Holder::bearer`], which knows no persons:
//! nobody is ranked.

use std::collections::BTreeMap;

use super::id::{PersonId, TeamId};
use super::refusal::Refusal;
use super::sla_clock::{Clock, Event, waits};
use super::ticket::WaitingOn;
use super::timestamp::Timestamp;
use super::worktime::{Interval, counted, without};

/// Who had it for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holder {
    /// The owner, and the team that the ticket was with.
    Person(PersonId, Option<TeamId>),
    /// The team: nobody owned it, or the owner waited for a colleague.
    Team(TeamId),
    Customer,
    Vendor,
    /// A date that the house waits for, such as a freeze's end.
    Freeze,
    Nobody,
}

/// Holders as reports add them up: teams instead of persons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bearer {
    /// `None`: somebody's, without a team.
    Team(Option<TeamId>),
    Customer,
    Vendor,
    Freeze,
    Nobody,
}

impl Bearer {
    pub const fn word(self) -> &'static str {
        match self {
            Bearer::Team(_) => "team",
            Bearer::Customer => "customer",
            Bearer::Vendor => "vendor",
            Bearer::Freeze => "freeze",
            Bearer::Nobody => "nobody",
        }
    }
}

impl Holder {
    pub const fn word(self) -> &'static str {
        match self {
            Holder::Person(..) => "person",
            Holder::Team(_) => "team",
            Holder::Customer => "customer",
            Holder::Vendor => "vendor",
            Holder::Freeze => "freeze",
            Holder::Nobody => "nobody",
        }
    }

    pub const fn bearer(self) -> Bearer {
        match self {
            Holder::Person(_, team) => Bearer::Team(team),
            Holder::Team(team) => Bearer::Team(Some(team)),
            Holder::Customer => Bearer::Customer,
            Holder::Vendor => Bearer::Vendor,
            Holder::Freeze => Bearer::Freeze,
            Holder::Nobody => Bearer::Nobody,
        }
    }
}

/// Nobody is ranked: adding up by person is refused, with the reason.
pub fn refuse_persons(by: &str) -> Result<(), Refusal> {
    match by {
        "person" | "people" | "owner" => Err(Refusal::new("no-ranking-of-people")),
        _ => Ok(()),
    }
}

/// From `at` on the ticket was with these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    pub at: Timestamp,
    /// The entry that says so.
    pub seq: i64,
    pub owner: Option<PersonId>,
    pub team: Option<TeamId>,
}

/// In whose hands a ticket was, at every instant.
#[derive(Debug, Clone, Default)]
pub struct Custody {
    /// Ascending; before the first nobody had it.
    turns: Vec<Turn>,
    waits: Vec<(Interval, WaitingOn)>,
}

impl Custody {
    /// `turns` ascending, of one instant the last counts; `events` as `sla_clock::in_order` made them.
    pub fn new(turns: Vec<Turn>, events: &[Event]) -> Self {
        let mut waits = waits(events);
        waits.sort_by_key(|(interval, on)| (interval.from, *on));
        Self { turns, waits }
    }

    /// Who had it at `at`. Of several waits the one that began first.
    pub fn at(&self, at: Timestamp) -> Holder {
        let turn = self.turns.partition_point(|turn| turn.at <= at);
        let turn = turn.checked_sub(1).map(|index| self.turns[index]);
        let Some(turn) = turn else {
            return Holder::Nobody;
        };
        let mut waits = self.waits.iter();
        let team = turn.team.map_or(Holder::Nobody, Holder::Team);
        let own = match turn.owner {
            Some(person) => Holder::Person(person, turn.team),
            None => team,
        };
        match waits.find(|(interval, _)| interval.contains(at)) {
            None => own,
            Some((_, WaitingOn::Customer)) => Holder::Customer,
            Some((_, WaitingOn::Vendor)) => Holder::Vendor,
            Some((_, WaitingOn::Date)) => Holder::Freeze,
            Some((_, WaitingOn::Colleague)) if turn.team.is_some() => team,
            Some((_, WaitingOn::Colleague)) => own,
        }
    }

    /// The instants at which it may have changed hands.
    pub fn edges(&self) -> impl Iterator<Item = Timestamp> + '_ {
        let waits = self.waits.iter();
        self.turns
            .iter()
            .map(|turn| turn.at)
            .chain(waits.flat_map(|(interval, _)| [interval.from, interval.to]))
    }

    /// The entry by which it came into other hands at `at`.
    pub fn turned_by(&self, at: Timestamp) -> Option<i64> {
        let turn = self.turns.iter().rev().find(|turn| turn.at == at)?;
        Some(turn.seq)
    }
}

/// How long one holder had it, in microseconds of counted time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    pub holder: Holder,
    pub counted: i64,
    /// Of those, after the deadline.
    pub late: i64,
}

/// A stretch of counted time in one pair of hands.
struct Part {
    holder: Holder,
    micros: i64,
    is_late: bool,
}

/// The counted time of `clock` from `from` (where it counts from, if that is later) to its end or to `now`, cut wherever it changed hands.
fn parts(clock: &Clock, custody: &Custody, from: Timestamp, now: Timestamp) -> Vec<Part> {
    let until = clock.ended_at.unwrap_or(now);
    let from = from.max(clock.counts_from);
    let open = clock.terms.hours.open_intervals(from, until);
    let mut edges: Vec<Timestamp> = custody.edges().chain(clock.deadline_at).collect();
    edges.sort_unstable();
    edges.dedup();
    let mut parts = Vec::new();
    for piece in without(&open, &clock.held()) {
        let first = edges.partition_point(|edge| *edge <= piece.from);
        let mut from = piece.from;
        let within = edges[first..]
            .iter()
            .copied()
            .take_while(|edge| *edge < piece.to);
        for to in within.chain([piece.to]) {
            parts.push(Part {
                holder: custody.at(from),
                micros: Interval::new(from, to).micros(),
                is_late: clock.deadline_at.is_some_and(|deadline| from >= deadline),
            });
            from = to;
        }
    }
    parts
}

/// Who had it while `clock` counted, in the order in which they first did: to its end, or to `now`. What was carried over from
/// another target is nobody's here.
pub fn shares(clock: &Clock, custody: &Custody, now: Timestamp) -> Vec<Share> {
    let mut shares: Vec<Share> = Vec::new();
    for part in parts(clock, custody, clock.counts_from, now) {
        let late = if part.is_late { part.micros } else { 0 };
        match shares.iter_mut().find(|share| share.holder == part.holder) {
            Some(share) => {
                share.counted += part.micros;
                share.late += late;
            }
            None => shares.push(Share {
                holder: part.holder,
                counted: part.micros,
                late,
            }),
        }
    }
    shares
}

/// Whose the late time of one cycle was, in microseconds. `revisions` are its clocks in their order: what one was late before the
/// next took over stays, and no instant counts twice.
pub fn late_by_bearer(
    revisions: &[&Clock],
    custody: &Custody,
    now: Timestamp,
) -> BTreeMap<Bearer, i64> {
    let mut late = BTreeMap::new();
    let mut from = Timestamp::from_micros(i64::MIN);
    for clock in revisions {
        for part in parts(clock, custody, from, now) {
            if part.is_late {
                *late.entry(part.holder.bearer()).or_default() += part.micros;
            }
        }
        from = clock.ended_at.unwrap_or(from);
    }
    late
}

/// Working time past the deadline until it ended or until `now`, in microseconds; zero without a breach.
pub fn late(clock: &Clock, now: Timestamp) -> i64 {
    let until = clock.ended_at.unwrap_or(now);
    match clock.deadline_at.filter(|deadline| *deadline < until) {
        Some(deadline) => counted(
            &clock.terms.hours,
            deadline.max(clock.counts_from),
            until,
            &clock.held(),
        ),
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono_tz::Tz;
    use proptest::prelude::*;

    use super::super::calendar::{Calendar, Range};
    use super::super::id::{Id, Kind};
    use super::super::sla_agreement::{Anchor, Budget, Metric, Promisee, Target};
    use super::super::sla_clock::{Happening, Reach, Spell, Terms, Track, derive, in_order};
    use super::super::sla_policy::Policy;
    use super::super::worktime::Hours;
    use super::*;

    /// Monday 1 June 2026, 09:00 in Berlin, plus minutes.
    fn mon(minutes: i64) -> Timestamp {
        Timestamp::parse_rfc3339("2026-06-01T07:00:00Z")
            .unwrap()
            .plus_secs(minutes * 60)
    }

    fn clock(metric: Metric, minutes: i64, events: &[Event], now: Timestamp) -> Clock {
        let range = Range::parse("09:00-17:00").unwrap();
        let week: Vec<_> = (0..=4).map(|day| (day, range)).collect();
        let calendar = Calendar::new(Tz::Europe__Berlin, &week, vec![]).unwrap();
        let hours = Arc::new(Hours::of(Arc::new(calendar)));
        let target = Target {
            id: Some(Id::new(mon(0))),
            metric,
            promisee: Promisee::Customer,
            kind: Kind::Incident,
            severity: None,
            service: None,
            customer: None,
            budget: Budget::Counted { secs: minutes * 60 },
            calendar: Id::new(mon(0)),
            also: Vec::new(),
            anchor: Anchor::Logged,
            warn: Vec::new(),
            stops_on: Target::usual_stops(metric).to_vec(),
            policy: Policy::default(),
        };
        let track = Track {
            metric,
            promisee: Promisee::Customer,
            kind: Kind::Incident,
            anchor_at: mon(0),
            spells: vec![Spell {
                from_seq: 0,
                reach: Reach::NextCycle,
                terms: Some(Terms {
                    target: Arc::new(target),
                    hours: hours.clone(),
                }),
            }],
            by_hand: (Id::new(mon(0)), hours),
            kept: Vec::new(),
        };
        derive(&track, events, now).remove(0)
    }

    fn events(list: &[(i64, Happening)]) -> Vec<Event> {
        let all = [(0, Happening::Opened)].into_iter().chain(list.to_vec());
        in_order(
            all.enumerate()
                .map(|(index, (minutes, what))| Event {
                    seq: index as i64 + 1,
                    effective_at: mon(minutes),
                    recorded_at: mon(minutes),
                    what,
                })
                .collect(),
        )
    }

    fn wait(on: WaitingOn) -> Happening {
        Happening::Held {
            on,
            until: None,
            by_state: false,
        }
    }

    const MINUTE: i64 = 60_000_000;

    #[test]
    fn every_counted_minute_is_somebodys_and_lateness_is_told_apart() {
        let (ada, bo): (PersonId, PersonId) = (Id::new(mon(1)), Id::new(mon(2)));
        let netops: TeamId = Id::new(mon(3));
        let list = events(&[
            // Restore stops for the customer; this wait for a colleague doesn't stop it.
            (60, wait(WaitingOn::Colleague)),
            (90, Happening::Released),
            (100, wait(WaitingOn::Customer)),
            (130, Happening::Released),
        ]);
        let turn = |minutes, owner, team| Turn {
            at: mon(minutes),
            seq: minutes,
            owner,
            team,
        };
        let turns = vec![
            turn(0, None, Some(netops)),
            turn(30, Some(ada), Some(netops)),
            turn(200, Some(bo), Some(netops)),
        ];
        let custody = Custody::new(turns, &list);
        let clock = clock(Metric::Restore, 180, &list, mon(240));
        let told: Vec<_> = shares(&clock, &custody, mon(240))
            .iter()
            .map(|share| (share.holder, share.counted / MINUTE, share.late / MINUTE))
            .collect();
        // 30 min nobody's but the team's, 30 while the owner waited for a colleague; due at minute 210.
        assert_eq!(
            told,
            [
                (Holder::Team(netops), 60, 0),
                (Holder::Person(ada, Some(netops)), 110, 0),
                (Holder::Person(bo, Some(netops)), 40, 30),
            ]
        );
        assert_eq!(late(&clock, mon(240)), 30 * MINUTE);
        let by_bearer = late_by_bearer(&[&clock], &custody, mon(240));
        assert_eq!(
            by_bearer,
            BTreeMap::from([(Bearer::Team(Some(netops)), 30 * MINUTE)])
        );
        // Had another target taken over at minute 225, the late time before it would stay, and none would count twice.
        let mut first = clock.clone();
        first.ended_at = Some(mon(225));
        let twice = late_by_bearer(&[&first, &clock], &custody, mon(240));
        assert_eq!(twice, by_bearer);
        assert_eq!(
            Holder::Person(bo, Some(netops)).bearer(),
            Bearer::Team(Some(netops))
        );
    }

    #[test]
    fn a_wait_that_does_not_stop_the_clock_is_theirs_for_whom_it_waits() {
        let list = events(&[
            (10, wait(WaitingOn::Vendor)),
            (20, Happening::Released),
            (30, wait(WaitingOn::Date)),
            (40, Happening::Released),
            (50, wait(WaitingOn::Customer)),
        ]);
        let custody = Custody::new(
            vec![Turn {
                at: mon(0),
                seq: 1,
                owner: None,
                team: None,
            }],
            &list,
        );
        // `respond` stops for nobody.
        let clock = clock(Metric::Respond, 45, &list, mon(60));
        let told: Vec<_> = shares(&clock, &custody, mon(60))
            .iter()
            .map(|share| (share.holder, share.counted / MINUTE, share.late / MINUTE))
            .collect();
        assert_eq!(
            told,
            [
                (Holder::Nobody, 30, 5),
                (Holder::Vendor, 10, 0),
                (Holder::Freeze, 10, 0),
                (Holder::Customer, 10, 10),
            ]
        );
    }

    #[test]
    fn nobody_has_what_is_not_logged_yet() {
        let custody = Custody::new(
            vec![Turn {
                at: mon(0),
                seq: 1,
                owner: None,
                team: Some(Id::new(mon(0))),
            }],
            &[],
        );
        assert_eq!(custody.at(mon(-1)), Holder::Nobody);
    }

    proptest! {
        /// Whatever happens to a ticket, the parts sum to what the clock counted, and the late ones to what came after its deadline.
        #[test]
        fn the_parts_sum_to_the_counted_time(
            steps in prop::collection::vec((1_i64..900, 0_usize..8), 0..24),
            hands in prop::collection::vec((-500_i64..9_000, 0_u8..3, 0_u8..3), 0..12),
            metric in prop::sample::select(vec![Metric::Respond, Metric::Restore, Metric::Update, Metric::Resolve]),
            budget in 0_i64..3_000,
            ahead in 0_i64..4_000,
        ) {
            let mut at = 0;
            let list: Vec<_> = steps.iter().map(|(gap, what)| {
                at += gap;
                let what = match what {
                    0 => wait(WaitingOn::Customer),
                    1 => wait(WaitingOn::Vendor),
                    2 => wait(WaitingOn::Colleague),
                    3 => Happening::Held { on: WaitingOn::Date, until: Some(mon(at + 300)), by_state: false },
                    4 => Happening::Resolved,
                    5 => Happening::Reopened,
                    6 => Happening::Acknowledged,
                    _ => Happening::Released,
                };
                (at, what)
            }).collect();
            let list = events(&list);
            let now = mon(at + ahead);
            let mut turns: Vec<Turn> = hands.iter().map(|(minutes, owner, team)| Turn {
                at: mon(*minutes),
                seq: *minutes,
                owner: (*owner > 0).then(|| Id::new(mon(i64::from(*owner)))),
                team: (*team > 0).then(|| Id::new(mon(i64::from(*team)))),
            }).collect();
            turns.sort_by_key(|turn| turn.at);
            let custody = Custody::new(turns, &list);
            let clock = clock(metric, budget, &list, now);
            let shares = shares(&clock, &custody, now);
            prop_assert_eq!(shares.iter().map(|share| share.counted).sum::<i64>(), clock.used(now));
            prop_assert_eq!(shares.iter().map(|share| share.late).sum::<i64>(), late(&clock, now));
            prop_assert!(shares.iter().all(|share| share.counted > 0 && share.late <= share.counted));
        }
    }
}
