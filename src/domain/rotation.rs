//! A rotation: people who take turns, handed over on the wall clock of a zone.
//!
//! * The anchor is a **local** date-time; the k-th hand-off is the anchor plus k turns on the wall clock, read as an
//!   instant by [`wall_clock::instant`]. So a daily 09:00 hand-off is at 09:00 in summer and in winter, and its turns last 23 or
//!   25 hours when the clocks change.
//! * Hand-offs that daylight saving lays on one instant leave a turn of length zero; the turn number still advances.
//! * Hand-off arithmetic extends backwards, before the anchor.
//! * Who serves is **state** (`base_turn`, `base_position`): changing the list of people doesn't move the one on call now.
//!
//! Intervals are `[start, end)`.

use chrono::{Days, Months, NaiveDateTime, TimeDelta, Timelike};
use chrono_tz::Tz;

use super::id::PersonId;
use super::refusal::FieldError;
use super::timestamp::Timestamp;
use super::wall_clock;
use super::word::words;

words! {
    /// What a turn is counted in.
    pub enum TurnUnit { Hours = "hours", Days = "days", Weeks = "weeks", Months = "months" }
}

/// Longest turn, in its unit. Longer ones are typing errors.
pub const MAX_TURN_LENGTH: i64 = 60;
/// Most people in one rotation.
pub const MAX_PEOPLE: usize = 100;

/// When hand-offs happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandOffs {
    pub zone: Tz,
    /// Local, whole minutes.
    pub anchor: NaiveDateTime,
    pub unit: TurnUnit,
    /// 1 to [`MAX_TURN_LENGTH`] units.
    pub length: i64,
}

/// One turn: its number counted from the anchor (negative before it), and `[start, end)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    pub number: i64,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
}

impl HandOffs {
    /// Checks what a person typed. The anchor is cut to the minute.
    pub fn parse(
        zone: Tz,
        anchor: NaiveDateTime,
        unit: TurnUnit,
        length: i64,
    ) -> Result<Self, FieldError> {
        if !(1..=MAX_TURN_LENGTH).contains(&length) {
            return Err(FieldError::new("length", "out-of-range")
                .with("min", "1")
                .with("max", MAX_TURN_LENGTH.to_string())
                .with("got", length.to_string()));
        }
        let anchor = anchor
            .with_second(0)
            .and_then(|t| t.with_nanosecond(0))
            .unwrap_or(anchor);
        Ok(Self {
            zone,
            anchor,
            unit,
            length,
        })
    }

    /// When turn `number` begins.
    pub fn start_of(&self, number: i64) -> Timestamp {
        wall_clock::instant(self.local_start(number), self.zone)
    }

    /// The turn that `at` lies in. Turns of length zero contain nothing.
    pub fn turn_at(&self, at: Timestamp) -> Turn {
        let local = at.in_zone(self.zone).naive_local();
        // The estimate is off by a few turns at most (offset changes, month lengths); the loops make it exact.
        let mut number = (local - self.anchor)
            .num_seconds()
            .div_euclid(self.turn_secs());
        while self.start_of(number) > at {
            number -= 1;
        }
        while self.start_of(number + 1) <= at {
            number += 1;
        }
        Turn {
            number,
            starts_at: self.start_of(number),
            ends_at: self.start_of(number + 1),
        }
    }

    /// About how long a turn is, in seconds.
    fn turn_secs(&self) -> i64 {
        let unit = match self.unit {
            TurnUnit::Hours => 3_600,
            TurnUnit::Days => 86_400,
            TurnUnit::Weeks => 7 * 86_400,
            TurnUnit::Months => 2_629_746, // a twelfth of the Gregorian mean year
        };
        unit * self.length
    }

    /// On the wall clock. Months count from the anchor's day, so the 31st comes back after a shorter month. Dates outside
    /// what a calendar can express stay at the anchor.
    fn local_start(&self, number: i64) -> NaiveDateTime {
        let units = number.saturating_mul(self.length);
        let size = units.unsigned_abs();
        let moved = match self.unit {
            TurnUnit::Hours => {
                TimeDelta::try_hours(units).and_then(|by| self.anchor.checked_add_signed(by))
            }
            TurnUnit::Days => add_days(self.anchor, units, size),
            TurnUnit::Weeks => add_days(self.anchor, units, size.saturating_mul(7)),
            TurnUnit::Months => u32::try_from(size).ok().and_then(|months| {
                if units < 0 {
                    self.anchor.checked_sub_months(Months::new(months))
                } else {
                    self.anchor.checked_add_months(Months::new(months))
                }
            }),
        };
        moved.unwrap_or(self.anchor)
    }
}

fn add_days(anchor: NaiveDateTime, sign: i64, days: u64) -> Option<NaiveDateTime> {
    if sign < 0 {
        anchor.checked_sub_days(Days::new(days))
    } else {
        anchor.checked_add_days(Days::new(days))
    }
}

/// People in turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    pub hand_offs: HandOffs,
    /// In order of service; empty means that nobody serves.
    pub people: Vec<PersonId>,
    /// In turn `base_turn` the person at `base_position` serves.
    pub base_turn: i64,
    pub base_position: i64,
    /// Nobody serves before this instant.
    pub from: Timestamp,
}

impl Rotation {
    /// A rotation whose first person serves the turn that the anchor begins, from the anchor on.
    pub fn new(hand_offs: HandOffs, people: Vec<PersonId>) -> Self {
        let from = hand_offs.start_of(0);
        Self {
            hand_offs,
            people,
            base_turn: 0,
            base_position: 0,
            from,
        }
    }

    /// Who serves turn `number`.
    pub fn person_in(&self, number: i64) -> Option<PersonId> {
        let count = i64::try_from(self.people.len())
            .ok()
            .filter(|count| *count > 0)?;
        let position = (self.base_position + (number - self.base_turn)).rem_euclid(count);
        usize::try_from(position)
            .ok()
            .and_then(|position| self.people.get(position))
            .copied()
    }

    /// Who serves at `at`.
    pub fn person_at(&self, at: Timestamp) -> Option<PersonId> {
        if at < self.from {
            return None;
        }
        self.person_in(self.hand_offs.turn_at(at).number)
    }

    /// The same rotation with other people, such that `keep` (by default whoever serves at `now`) serves now if he is still
    /// on the list; otherwise the first of the list does.
    pub fn with_people(
        &self,
        people: Vec<PersonId>,
        keep: Option<PersonId>,
        now: Timestamp,
    ) -> Self {
        let serving = keep.or_else(|| self.person_at(now));
        let position = serving
            .and_then(|person| people.iter().position(|other| *other == person))
            .unwrap_or(0);
        Self {
            hand_offs: self.hand_offs.clone(),
            people,
            base_turn: self.hand_offs.turn_at(now.max(self.from)).number,
            base_position: i64::try_from(position).unwrap_or(0),
            from: self.from,
        }
    }

    /// The turns that touch `[from, to)`, cut at nothing but the rotation's own start, without turns of length zero.
    pub fn turns(&self, from: Timestamp, to: Timestamp) -> Vec<(Turn, Option<PersonId>)> {
        let mut turns = Vec::new();
        let mut turn = self.hand_offs.turn_at(from.max(self.from));
        while turn.starts_at < to {
            if turn.ends_at > turn.starts_at && turn.ends_at > self.from {
                let cut = Turn {
                    starts_at: turn.starts_at.max(self.from),
                    ..turn
                };
                turns.push((cut, self.person_in(turn.number)));
            }
            turn = Turn {
                number: turn.number + 1,
                starts_at: turn.ends_at,
                ends_at: self.hand_offs.start_of(turn.number + 2),
            };
        }
        turns
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::Id;
    use chrono::TimeZone;

    fn local(text: &str) -> NaiveDateTime {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap()
    }

    fn hand_offs(zone: &str, anchor: &str, length: i64, unit: TurnUnit) -> HandOffs {
        HandOffs::parse(zone.parse().unwrap(), local(anchor), unit, length).unwrap()
    }

    /// Hand-offs 1, 2, … in the zone's own time, with its offset.
    fn following(hand_offs: &HandOffs, first: i64, count: i64) -> Vec<String> {
        (first..first + count)
            .map(|number| {
                hand_offs
                    .start_of(number)
                    .in_zone(hand_offs.zone)
                    .format("%m-%d %H:%M %Z")
                    .to_string()
            })
            .collect()
    }

    fn utc(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    fn people(count: i64) -> Vec<PersonId> {
        (1..=count)
            .map(|n| Id::new(Timestamp::from_micros(n * 1_000_000)))
            .collect()
    }

    const CHICAGO: &str = "America/Chicago";

    #[test]
    fn s01_a_daily_hand_off_in_the_repeated_hour_takes_its_first_occurrence() {
        let expected = [
            "10-31 01:30 CDT",
            "11-01 01:30 CDT",
            "11-02 01:30 CST",
            "11-03 01:30 CST",
        ];
        let daily = hand_offs(CHICAGO, "2020-10-30 01:30", 1, TurnUnit::Days);
        assert_eq!(following(&daily, 1, 4), expected);
        let hourly = hand_offs(CHICAGO, "2020-10-30 01:30", 24, TurnUnit::Hours);
        assert_eq!(following(&hourly, 1, 4), expected, "24 hourly is daily");
    }

    #[test]
    fn s02_a_daily_hand_off_in_the_skipped_hour_happens_at_its_end_that_day_only() {
        let daily = hand_offs(CHICAGO, "2020-03-06 02:30", 1, TurnUnit::Days);
        assert_eq!(
            following(&daily, 1, 3),
            ["03-07 02:30 CST", "03-08 03:00 CDT", "03-09 02:30 CDT"]
        );
    }

    #[test]
    fn s03_hourly_hand_offs_cross_the_spring_gap_on_the_wall_clock() {
        let hourly = hand_offs(CHICAGO, "2020-03-08 00:30", 1, TurnUnit::Hours);
        assert_eq!(
            following(&hourly, 0, 5),
            [
                "03-08 00:30 CST",
                "03-08 01:30 CST",
                "03-08 03:00 CDT",
                "03-08 03:30 CDT",
                "03-08 04:30 CDT"
            ]
        );
    }

    #[test]
    fn s04_hand_offs_that_coincide_leave_a_turn_of_length_zero_and_the_index_still_advances() {
        let five = people(5);
        let rotation = Rotation::new(
            hand_offs(CHICAGO, "2020-03-08 00:00", 1, TurnUnit::Hours),
            five.clone(),
        );
        assert_eq!(
            rotation.hand_offs.start_of(2),
            rotation.hand_offs.start_of(3)
        );
        let start = rotation.hand_offs.start_of(0);
        let seen: Vec<_> = rotation
            .turns(start, start.plus_secs(4 * 3_600 + 1))
            .into_iter()
            .map(|(turn, person)| {
                (
                    turn.starts_at
                        .in_zone(rotation.hand_offs.zone)
                        .format("%H:%M %Z")
                        .to_string(),
                    person,
                )
            })
            .collect();
        let expected: Vec<_> = [
            ("00:00 CST", 0),
            ("01:00 CST", 1),
            ("03:00 CDT", 3),
            ("04:00 CDT", 4),
            ("05:00 CDT", 0),
        ]
        .map(|(when, who)| (when.to_owned(), Some(five[who])))
        .to_vec();
        assert_eq!(seen, expected);
        assert_eq!(
            rotation.person_at(rotation.hand_offs.start_of(3)),
            Some(five[3])
        );
    }

    #[test]
    fn s05_hourly_hand_offs_make_one_long_turn_in_autumn() {
        let hourly = hand_offs(CHICAGO, "2020-11-01 00:30", 1, TurnUnit::Hours);
        assert_eq!(
            following(&hourly, 0, 3),
            ["11-01 00:30 CDT", "11-01 01:30 CDT", "11-01 02:30 CST"]
        );
        let turn = hourly.turn_at(hourly.start_of(1));
        assert_eq!(turn.ends_at.secs_since(turn.starts_at), 2 * 3_600);
    }

    #[test]
    fn s06_monthly_hand_offs_keep_the_day_and_the_wall_clock() {
        let monthly = hand_offs(CHICAGO, "2020-10-01 01:30", 1, TurnUnit::Months);
        assert_eq!(
            following(&monthly, 1, 2),
            ["11-01 01:30 CDT", "12-01 01:30 CST"]
        );
    }

    #[test]
    fn s07_turns_last_as_long_as_the_wall_clock_says() {
        let hours = 3_600;
        for (anchor, length, unit, expected_secs) in [
            ("2017-03-10 08:00", 1, TurnUnit::Weeks, 167 * hours),
            ("2017-11-04 08:00", 1, TurnUnit::Weeks, 169 * hours),
            ("2017-03-11 08:00", 1, TurnUnit::Days, 23 * hours),
            ("2017-11-04 08:00", 1, TurnUnit::Days, 25 * hours),
            ("2017-03-12 00:00", 3, TurnUnit::Hours, 2 * hours),
            ("2017-11-05 00:00", 3, TurnUnit::Hours, 4 * hours),
            (
                "2017-11-01 00:00",
                2,
                TurnUnit::Months,
                61 * 24 * hours + hours,
            ),
        ] {
            let rule = hand_offs(CHICAGO, anchor, length, unit);
            let turn = rule.turn_at(rule.start_of(0));
            assert_eq!(
                turn.ends_at.secs_since(turn.starts_at),
                expected_secs,
                "{length} {unit} from {anchor}"
            );
        }
    }

    #[test]
    fn s08_asking_in_the_middle_of_a_turn_does_not_shift_it() {
        let rule = hand_offs("UTC", "2020-06-01 00:00", 12, TurnUnit::Hours);
        assert_eq!(
            rule.turn_at(utc("2020-06-01T06:00:00Z")).ends_at,
            utc("2020-06-01T12:00:00Z")
        );
    }

    #[test]
    fn s09_hand_off_arithmetic_extends_backwards() {
        let rule = hand_offs("UTC", "2020-06-01 03:00", 10, TurnUnit::Hours);
        let anchor = utc("2020-06-01T03:00:00Z");
        assert_eq!(
            rule.turn_at(anchor.plus_secs(-30 * 3_600)).ends_at,
            utc("2020-05-31T07:00:00Z")
        );
        assert_eq!(
            rule.turn_at(anchor.plus_secs(30 * 3_600)).ends_at,
            utc("2020-06-02T19:00:00Z")
        );
    }

    #[test]
    fn s10_a_turn_before_a_future_anchor_starts_at_its_own_hand_off() {
        let rule = hand_offs("UTC", "2020-06-10 00:00", 1, TurnUnit::Days);
        let asked = utc("2020-06-05T00:00:00Z");
        let turn = rule.turn_at(asked);
        assert_eq!(
            (turn.starts_at, turn.ends_at),
            (asked, utc("2020-06-06T00:00:00Z"))
        );
        assert_eq!(
            rule.turn_at(asked.plus_micros(-1)).starts_at,
            utc("2020-06-04T00:00:00Z")
        );
    }

    #[test]
    fn s35_and_s42_weeks_across_a_change_have_167_or_169_hours() {
        for (zone, anchor, starts, ends) in [
            (
                CHICAGO,
                "2024-10-01 00:00",
                "2024-10-29T05:00:00Z",
                "2024-11-05T06:00:00Z",
            ),
            (
                CHICAGO,
                "2024-10-01 00:00",
                "2025-03-04T06:00:00Z",
                "2025-03-11T05:00:00Z",
            ),
            (
                "Europe/Berlin",
                "2026-03-23 09:00",
                "2026-03-23T08:00:00Z",
                "2026-03-30T07:00:00Z",
            ),
            (
                "Europe/Berlin",
                "2026-03-23 09:00",
                "2026-10-19T07:00:00Z",
                "2026-10-26T08:00:00Z",
            ),
        ] {
            let turn = hand_offs(zone, anchor, 1, TurnUnit::Weeks).turn_at(utc(starts));
            assert_eq!(
                (turn.starts_at, turn.ends_at),
                (utc(starts), utc(ends)),
                "{zone} {starts}"
            );
        }
    }

    #[test]
    fn s39_casablanca_takes_an_hour_off_for_ramadan() {
        let nine = hand_offs("Africa/Casablanca", "2026-02-13 09:00", 1, TurnUnit::Days);
        let expected = [
            "2026-02-14T08:00:00Z",
            "2026-02-15T09:00:00Z",
            "2026-02-16T09:00:00Z",
        ]
        .map(utc);
        assert_eq!([1, 2, 3].map(|n| nine.start_of(n)), expected);
        let half_past_two = hand_offs("Africa/Casablanca", "2026-03-20 02:30", 1, TurnUnit::Days);
        let expected = [
            "2026-03-21T02:30:00Z",
            "2026-03-22T02:00:00Z",
            "2026-03-23T01:30:00Z",
        ]
        .map(utc);
        assert_eq!([1, 2, 3].map(|n| half_past_two.start_of(n)), expected);
    }

    #[test]
    fn s40_the_31st_becomes_the_last_day_and_comes_back() {
        let rule = hand_offs("UTC", "2026-01-31 09:00", 1, TurnUnit::Months);
        assert_eq!(
            following(&rule, 1, 3),
            ["02-28 09:00 UTC", "03-31 09:00 UTC", "04-30 09:00 UTC"]
        );
    }

    #[test]
    fn changing_the_people_does_not_move_the_one_on_call_now() {
        let four = people(4);
        let weekly = hand_offs("Europe/Berlin", "2026-06-01 09:00", 1, TurnUnit::Weeks);
        let rotation = Rotation::new(weekly, four[..3].to_vec());
        let now = utc("2026-06-10T12:00:00Z");
        assert_eq!(rotation.person_at(now), Some(four[1]));
        let grown = rotation.with_people(vec![four[3], four[0], four[1], four[2]], None, now);
        assert_eq!(grown.person_at(now), Some(four[1]));
        assert_eq!(grown.person_at(now.plus_secs(7 * 86_400)), Some(four[2]));
        assert_eq!(grown.person_at(now.plus_secs(14 * 86_400)), Some(four[3]));
        let without = rotation.with_people(vec![four[2], four[0]], None, now);
        assert_eq!(
            without.person_at(now),
            Some(four[2]),
            "who left is followed by the first of the list"
        );
    }

    #[test]
    fn nobody_serves_before_the_start_or_without_people() {
        let rule = hand_offs("UTC", "2026-06-01 09:00", 1, TurnUnit::Weeks);
        let rotation = Rotation::new(rule.clone(), people(2));
        assert_eq!(rotation.person_at(utc("2026-06-01T08:59:59Z")), None);
        assert!(rotation.person_at(utc("2026-06-01T09:00:00Z")).is_some());
        assert_eq!(
            Rotation::new(rule, Vec::new()).person_at(utc("2026-06-02T09:00:00Z")),
            None
        );
    }

    #[test]
    fn every_instant_lies_in_exactly_one_turn_in_zones_that_jump() {
        for zone in [
            "America/Santiago",
            "Africa/Cairo",
            "America/Havana",
            "Australia/Lord_Howe",
            "Africa/Casablanca",
        ] {
            for (length, unit) in [
                (1, TurnUnit::Hours),
                (7, TurnUnit::Hours),
                (1, TurnUnit::Days),
                (1, TurnUnit::Weeks),
            ] {
                let rule = hand_offs(zone, "2026-01-01 00:00", length, unit);
                let year = chrono::Utc.with_ymd_and_hms(2026, 1, 2, 0, 0, 0).unwrap();
                for step in 0..1_200_i64 {
                    let at = Timestamp::from(year).plus_secs(step * 26_111);
                    let turn = rule.turn_at(at);
                    assert!(
                        turn.starts_at <= at && at < turn.ends_at,
                        "{zone} {length} {unit} {}",
                        at.rfc3339()
                    );
                }
            }
        }
    }
}
