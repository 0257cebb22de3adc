//! Who is on call when: a team's rotation with its overrides laid over it.
//!
//! The answer for any window is a list of final [`Shift`]s: pieces of `[start, end)` with one person each, or nobody (a gap).
//! Only the present and the future are computed; the past is what was recorded ([`crate::domain::compensation`]).

use super::id::{OverrideId, PersonId};
use super::refusal::{FieldError, Refusal};
use super::rotation::Rotation;
use super::timestamp::Timestamp;
use super::word::words;

/// Longest override. Whoever is away for longer leaves the rotation.
pub const MAX_OVERRIDE_DAYS: i64 = 92;

words! {
    /// What an override does to the people whom the rotation puts on call.
    pub enum OverrideKind { Replace = "replace", Add = "add", Remove = "remove" }
}

/// What changes while an override lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// `by` serves instead of `of`, or instead of whoever serves if that is empty.
    Replace { of: Option<PersonId>, by: PersonId },
    /// This person serves as well.
    Add(PersonId),
    /// This person, or everybody if empty, doesn't serve and nobody takes the place.
    Remove(Option<PersonId>),
}

impl Change {
    pub const fn kind(self) -> OverrideKind {
        match self {
            Change::Replace { .. } => OverrideKind::Replace,
            Change::Add(_) => OverrideKind::Add,
            Change::Remove(_) => OverrideKind::Remove,
        }
    }

    /// Who serves because of it.
    pub const fn incoming(self) -> Option<PersonId> {
        match self {
            Change::Replace { by, .. } => Some(by),
            Change::Add(person) => Some(person),
            Change::Remove(_) => None,
        }
    }

    /// Whom it takes off duty; `None` inside means whoever serves.
    pub const fn outgoing(self) -> Option<Option<PersonId>> {
        match self {
            Change::Replace { of, .. } => Some(of),
            Change::Add(_) => None,
            Change::Remove(person) => Some(person),
        }
    }
}

/// A temporary change of who is on call, exact to the microsecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Override {
    pub id: OverrideId,
    pub change: Change,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
}

impl Override {
    /// Checks a new override at `now`. What began already counts from `now` on: the past is recorded and stays.
    ///
    /// Errors: `FieldError` for an end that isn't after the start and the present, or a span over [`MAX_OVERRIDE_DAYS`];
    /// also for a person who would replace himself.
    pub fn parse(
        id: OverrideId,
        change: Change,
        starts_at: Timestamp,
        ends_at: Timestamp,
        now: Timestamp,
    ) -> Result<Self, FieldError> {
        if ends_at <= starts_at {
            return Err(FieldError::new("ends_at", "end-before-start"));
        }
        if ends_at <= now {
            return Err(FieldError::new("ends_at", "is-recorded"));
        }
        if ends_at.secs_since(starts_at) > MAX_OVERRIDE_DAYS * 86_400 {
            return Err(FieldError::new("ends_at", "override-too-long")
                .with("max", MAX_OVERRIDE_DAYS.to_string()));
        }
        if let Change::Replace { of: Some(of), by } = change
            && of == by
        {
            return Err(FieldError::new("person", "replaces-self"));
        }
        Ok(Self {
            id,
            change,
            starts_at: starts_at.max(now),
            ends_at,
        })
    }

    const fn covers(&self, at: Timestamp) -> bool {
        self.starts_at.micros() <= at.micros() && at.micros() < self.ends_at.micros()
    }

    /// Both would say who serves in one stretch: the same person twice, or two answers for the same place.
    fn clashes_with(&self, other: &Override) -> bool {
        let overlap = self.starts_at < other.ends_at && other.starts_at < self.ends_at;
        let same_person =
            self.change.incoming().is_some() && self.change.incoming() == other.change.incoming();
        let same_place = match (self.change.outgoing(), other.change.outgoing()) {
            (Some(Some(one)), Some(Some(two))) => one == two,
            (Some(_), Some(_)) => true,
            (None, _) | (_, None) => false,
        };
        overlap && (same_person || same_place)
    }
}

/// Refuses `new` if one of `existing` already answers for the same person or place; the caller names it and asks which holds.
pub fn check_clash(existing: &[Override], new: &Override) -> Result<(), Refusal> {
    match existing.iter().find(|other| other.clashes_with(new)) {
        None => Ok(()),
        Some(other) => Err(Refusal::new("override-overlaps")
            .with("from", other.starts_at.rfc3339())
            .with("to", other.ends_at.rfc3339())),
    }
}

/// Why somebody serves (or nobody does).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Because {
    /// Turn of this number of the rotation.
    Turn(i64),
    Override(OverrideId),
    /// There is no rotation, or it has not begun, or it has no people.
    NoRotation,
}

/// A piece of the final schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shift {
    /// `None` is a gap: nobody is on call.
    pub person: Option<PersonId>,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub because: Because,
}

/// The final shifts of `[from, to)`, cut to that window, by start; people who serve together follow each other.
/// `overrides` in the order in which they were made: the later one sees what the earlier one left.
pub fn shifts(
    rotation: Option<&Rotation>,
    overrides: &[Override],
    from: Timestamp,
    to: Timestamp,
) -> Vec<Shift> {
    let turns = rotation
        .map(|rotation| rotation.turns(from, to))
        .unwrap_or_default();
    let mut edges: Vec<Timestamp> = turns
        .iter()
        .flat_map(|(turn, _)| [turn.starts_at, turn.ends_at])
        .chain(overrides.iter().flat_map(|o| [o.starts_at, o.ends_at]))
        .filter(|at| from < *at && *at < to)
        .chain([from, to])
        .collect();
    edges.sort_unstable();
    edges.dedup();

    let mut pieces: Vec<Shift> = Vec::new();
    for pair in edges.windows(2) {
        let (starts_at, ends_at) = (pair[0], pair[1]);
        let turn = turns
            .iter()
            .find(|(turn, _)| turn.starts_at <= starts_at && starts_at < turn.ends_at);
        for (person, because) in serving(
            turn.map(|(turn, person)| (turn.number, *person)),
            overrides,
            starts_at,
        ) {
            let open = pieces.iter_mut().rev().find(|piece| {
                piece.ends_at == starts_at && piece.person == person && piece.because == because
            });
            match open {
                Some(piece) => piece.ends_at = ends_at,
                None => pieces.push(Shift {
                    person,
                    starts_at,
                    ends_at,
                    because,
                }),
            }
        }
    }
    pieces.sort_by_key(|piece| (piece.starts_at, piece.person));
    pieces
}

/// How long somebody serves without a break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    pub starts_at: Timestamp,
    /// `None`: beyond what the shifts tell of.
    pub ends_at: Option<Timestamp>,
}

/// The stretches of `person` in `shifts`, which are those of one window. Whoever follows themselves doesn't hand over.
pub fn stretches(shifts: &[Shift], person: PersonId) -> Vec<Stretch> {
    let window_ends_at = shifts.iter().map(|shift| shift.ends_at).max();
    let mut own: Vec<(Timestamp, Timestamp)> = Vec::new();
    for shift in shifts.iter().filter(|shift| shift.person == Some(person)) {
        match own.last_mut() {
            Some((_, ends_at)) if shift.starts_at <= *ends_at => {
                *ends_at = (*ends_at).max(shift.ends_at);
            }
            _ => own.push((shift.starts_at, shift.ends_at)),
        }
    }
    own.into_iter()
        .map(|(starts_at, ends_at)| Stretch {
            starts_at,
            ends_at: Some(ends_at).filter(|_| Some(ends_at) != window_ends_at),
        })
        .collect()
}

/// Who serves at `at`, given the rotation's turn there. Never empty: nobody is `(None, why)`.
fn serving(
    turn: Option<(i64, Option<PersonId>)>,
    overrides: &[Override],
    at: Timestamp,
) -> Vec<(Option<PersonId>, Because)> {
    let (mut people, mut gap_because) = match turn {
        Some((number, Some(person))) => {
            (vec![(person, Because::Turn(number))], Because::Turn(number))
        }
        Some((_, None)) | None => (Vec::new(), Because::NoRotation),
    };
    for one in overrides.iter().filter(|o| o.covers(at)) {
        if let Some(outgoing) = one.change.outgoing() {
            let before = people.len();
            people.retain(|(person, _)| outgoing.is_some_and(|out| out != *person));
            let took_somebody = people.len() < before;
            gap_because = Because::Override(one.id);
            // A named person who isn't serving can't be replaced; an unnamed place can always be filled.
            if outgoing.is_some() && !took_somebody {
                continue;
            }
        }
        if let Some(person) = one.change.incoming()
            && people.iter().all(|(other, _)| *other != person)
        {
            people.push((person, Because::Override(one.id)));
        }
    }
    if people.is_empty() {
        return vec![(None, gap_because)];
    }
    people
        .into_iter()
        .map(|(person, because)| (Some(person), because))
        .collect()
}

/// Who is on call at `at`, in the order of the schedule. Empty: nobody.
pub fn on_duty(
    rotation: Option<&Rotation>,
    overrides: &[Override],
    at: Timestamp,
) -> Vec<PersonId> {
    shifts(rotation, overrides, at, at.plus_micros(1))
        .into_iter()
        .filter_map(|shift| shift.person)
        .collect()
}

/// The stretches of `[from, to)` in which nobody is on call, neighbours joined.
pub fn gaps(shifts: &[Shift]) -> Vec<(Timestamp, Timestamp)> {
    let mut gaps: Vec<(Timestamp, Timestamp)> = Vec::new();
    for shift in shifts.iter().filter(|shift| shift.person.is_none()) {
        match gaps.last_mut() {
            Some(last) if last.1 == shift.starts_at => last.1 = shift.ends_at,
            _ => gaps.push((shift.starts_at, shift.ends_at)),
        }
    }
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::Id;
    use crate::domain::rotation::{HandOffs, TurnUnit};
    use chrono::NaiveDate;

    fn at(hour: i64, minute: i64) -> Timestamp {
        Timestamp::parse_rfc3339("2026-06-01T00:00:00Z")
            .unwrap()
            .plus_secs(hour * 3_600 + minute * 60)
    }

    fn person(n: u128) -> PersonId {
        Id::from_uuid(uuid::Uuid::from_u128(n))
    }

    /// u1 from 08 to 10, u2 from 10 to 12, …
    fn two_hourly() -> Rotation {
        let anchor = NaiveDate::from_ymd_opt(2026, 6, 1)
            .unwrap()
            .and_hms_opt(8, 0, 0)
            .unwrap();
        let hand_offs = HandOffs::parse(chrono_tz::UTC, anchor, TurnUnit::Hours, 2).unwrap();
        Rotation::new(hand_offs, vec![person(1), person(2)])
    }

    fn over(change: Change, from: Timestamp, to: Timestamp) -> Override {
        Override {
            id: Id::new(from),
            change,
            starts_at: from,
            ends_at: to,
        }
    }

    #[test]
    fn whoever_follows_themselves_serves_on() {
        let alone = Rotation::new(two_hourly().hand_offs, vec![person(1)]);
        let window = |rotation: &Rotation, overrides: &[Override]| {
            shifts(Some(rotation), overrides, at(8, 0), at(16, 0))
        };
        let stretch = |from, to| Stretch {
            starts_at: from,
            ends_at: to,
        };
        assert_eq!(
            stretches(&window(&alone, &[]), person(1)),
            [stretch(at(8, 0), None)]
        );
        // Somebody else for an hour, across a hand-off of one to themselves.
        let cover = over(
            Change::Replace {
                of: None,
                by: person(2),
            },
            at(9, 30),
            at(10, 30),
        );
        let covered = window(&alone, &[cover]);
        assert_eq!(
            stretches(&covered, person(1)),
            [
                stretch(at(8, 0), Some(at(9, 30))),
                stretch(at(10, 30), None)
            ]
        );
        assert_eq!(
            stretches(&covered, person(2)),
            [stretch(at(9, 30), Some(at(10, 30)))]
        );
        // In turns, and never: the last one of the window may go on.
        assert_eq!(
            stretches(&window(&two_hourly(), &[]), person(1)),
            [
                stretch(at(8, 0), Some(at(10, 0))),
                stretch(at(12, 0), Some(at(14, 0)))
            ]
        );
        assert_eq!(stretches(&covered, person(3)), []);
    }

    fn seen(overrides: &[Override]) -> Vec<(Option<PersonId>, Timestamp, Timestamp)> {
        shifts(Some(&two_hourly()), overrides, at(8, 0), at(9, 0))
            .into_iter()
            .map(|shift| (shift.person, shift.starts_at, shift.ends_at))
            .collect()
    }

    #[test]
    fn s19_a_turn_is_cut_to_the_window_that_is_asked() {
        assert_eq!(seen(&[]), [(Some(person(1)), at(8, 0), at(9, 0))]);
    }

    #[test]
    fn s20_a_replacing_override_cuts_out_its_own_span() {
        let replace = Change::Replace {
            of: Some(person(1)),
            by: person(9),
        };
        let expected = [
            (Some(person(1)), at(8, 0), at(8, 30)),
            (Some(person(9)), at(8, 30), at(8, 45)),
            (Some(person(1)), at(8, 45), at(9, 0)),
        ];
        assert_eq!(seen(&[over(replace, at(8, 30), at(8, 45))]), expected);
        let whoever = Change::Replace {
            of: None,
            by: person(9),
        };
        assert_eq!(seen(&[over(whoever, at(8, 30), at(8, 45))]), expected);
    }

    #[test]
    fn s21_an_adding_override_leaves_the_other_on_call() {
        let expected = [
            (Some(person(1)), at(8, 0), at(9, 0)),
            (Some(person(9)), at(8, 30), at(8, 45)),
        ];
        assert_eq!(
            seen(&[over(Change::Add(person(9)), at(8, 30), at(8, 45))]),
            expected
        );
    }

    #[test]
    fn s22_a_removing_override_leaves_a_gap() {
        let remove = over(Change::Remove(Some(person(1))), at(8, 30), at(8, 45));
        let expected = [
            (Some(person(1)), at(8, 0), at(8, 30)),
            (None, at(8, 30), at(8, 45)),
            (Some(person(1)), at(8, 45), at(9, 0)),
        ];
        assert_eq!(seen(&[remove]), expected);
        let found = shifts(Some(&two_hourly()), &[remove], at(8, 0), at(12, 0));
        assert_eq!(gaps(&found), [(at(8, 30), at(8, 45))]);
    }

    #[test]
    fn s26_replacement_sets() {
        let [rab, baz, bin, foo, bar] = [1, 2, 3, 4, 5].map(person);
        let all = |change| over(change, at(8, 0), at(10, 0));
        let overrides = [
            all(Change::Replace { of: None, by: rab }),
            all(Change::Add(baz)),
            all(Change::Add(bin)),
            all(Change::Add(foo)),
            all(Change::Replace {
                of: Some(rab),
                by: bar,
            }),
            all(Change::Remove(Some(baz))),
        ];
        let mut found = on_duty(Some(&two_hourly()), &overrides, at(8, 30));
        found.sort_unstable();
        assert_eq!(found, [bin, foo, bar]);
    }

    #[test]
    fn replacing_somebody_who_is_not_serving_changes_nothing() {
        let replace = Change::Replace {
            of: Some(person(2)),
            by: person(9),
        };
        assert_eq!(seen(&[over(replace, at(8, 30), at(8, 45))]).len(), 1);
    }

    #[test]
    fn before_the_rotation_begins_and_without_one_nobody_is_on_call_but_a_cover_can_be() {
        let early = shifts(Some(&two_hourly()), &[], at(7, 0), at(9, 0));
        assert_eq!(gaps(&early), [(at(7, 0), at(8, 0))]);
        assert_eq!(on_duty(None, &[], at(8, 0)), []);
        let cover = over(
            Change::Replace {
                of: None,
                by: person(9),
            },
            at(7, 0),
            at(8, 0),
        );
        assert_eq!(on_duty(None, &[cover], at(7, 30)), [person(9)]);
        assert_eq!(
            on_duty(None, &[cover], at(8, 0)),
            [],
            "the end is exclusive"
        );
    }

    #[test]
    fn an_override_is_checked_and_the_past_stays_as_it_was() {
        let parse = |from, to, change| Override::parse(Id::new(from), change, from, to, at(8, 0));
        let add = Change::Add(person(9));
        assert_eq!(
            parse(at(9, 0), at(9, 0), add).unwrap_err().problem,
            "end-before-start"
        );
        assert_eq!(
            parse(at(6, 0), at(8, 0), add).unwrap_err().problem,
            "is-recorded"
        );
        assert_eq!(
            parse(at(9, 0), at(9 + 24 * 93, 0), add)
                .unwrap_err()
                .problem,
            "override-too-long"
        );
        let same = Change::Replace {
            of: Some(person(9)),
            by: person(9),
        };
        assert_eq!(
            parse(at(9, 0), at(10, 0), same).unwrap_err().problem,
            "replaces-self"
        );
        assert_eq!(parse(at(6, 0), at(10, 0), add).unwrap().starts_at, at(8, 0));
    }

    #[test]
    fn two_overrides_may_not_answer_for_the_same_place_or_person() {
        let cover = over(
            Change::Replace {
                of: None,
                by: person(8),
            },
            at(8, 0),
            at(9, 0),
        );
        let table = [
            (
                Change::Replace {
                    of: None,
                    by: person(9),
                },
                at(8, 30),
                false,
            ),
            (
                Change::Replace {
                    of: None,
                    by: person(9),
                },
                at(9, 0),
                true,
            ),
            (Change::Add(person(8)), at(8, 30), false),
            (Change::Add(person(9)), at(8, 30), true),
            (Change::Remove(Some(person(1))), at(8, 30), false),
        ];
        for (change, from, allowed) in table {
            let new = over(change, from, at(10, 0));
            assert_eq!(
                check_clash(&[cover], &new).is_ok(),
                allowed,
                "{change:?} from {}",
                from.rfc3339()
            );
        }
    }
}
