//! Versions of agreements and calendars over time.
//!
//! A version is a layer: it says what holds from one instant on, perhaps until another. Layers lie in the order of their numbers
//! and the topmost that covers an instant holds there. The first covers all of time, so that there is always one.
//!
//! An edit that counts from now on, or from a date to come, is an ordinary layer. A *correction* begins in the past: it says that
//! what was written was wrong. Clocks that had ended before it was made keep what they were counted by, unless they were
//! included: that is what a correction's `edition` is for (`sla-clocks` 4.7).

use super::id::ClockId;
use super::refusal::FieldError;
use super::text::{NAME_CHARS, one_line};
use super::timestamp::Timestamp;

/// From when until when a version holds, and how it came to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// 1, 2, 3 …: in the order of their writing.
    pub number: i64,
    pub from: Timestamp,
    /// `None`: for good, until another is laid over it.
    pub until: Option<Timestamp>,
    pub is_correction: bool,
    /// Rises with every change of terms in the house; a clock knows the edition it was counted by.
    pub edition: i64,
    /// Their name when they wrote it; empty for what is older than this record.
    pub made_by: String,
    pub made_at: Timestamp,
    pub reason: String,
}

impl Layer {
    pub fn covers(&self, at: Timestamp) -> bool {
        (self.number == 1 || self.from <= at) && self.until.is_none_or(|until| at < until)
    }

    /// It was written to hold from a date that is still to come.
    pub fn is_planned(&self, now: Timestamp) -> bool {
        self.number > 1 && self.from > now
    }
}

/// The topmost of `layers` that covers `at`.
pub fn at<T>(layers: &[(Layer, T)], at: Timestamp) -> Option<&(Layer, T)> {
    layers
        .iter()
        .filter(|(layer, _)| layer.covers(at))
        .max_by_key(|(layer, _)| layer.number)
}

/// What holds from when on, ascending and without repetition; the first from the beginning of time. `known` says which
/// corrections count: those of an edition up to it.
pub fn flattened<T>(layers: &[(Layer, T)], known: i64) -> Vec<(Timestamp, &T)> {
    let counts = |layer: &Layer| !layer.is_correction || layer.edition <= known;
    let kept: Vec<&(Layer, T)> = layers.iter().filter(|(layer, _)| counts(layer)).collect();
    let mut edges = vec![Timestamp::from_micros(i64::MIN)];
    for (layer, _) in kept.iter().filter(|(layer, _)| layer.number > 1) {
        edges.push(layer.from);
        edges.extend(layer.until);
    }
    edges.sort_unstable();
    edges.dedup();
    let mut pieces: Vec<(Timestamp, i64, &T)> = Vec::with_capacity(edges.len());
    for edge in edges {
        let top = kept
            .iter()
            .filter(|(layer, _)| layer.covers(edge))
            .max_by_key(|(layer, _)| layer.number);
        if let Some((layer, value)) = top
            && pieces
                .last()
                .is_none_or(|(_, number, _)| *number != layer.number)
        {
            pieces.push((edge, layer.number, value));
        }
    }
    pieces
        .into_iter()
        .map(|(from, _, value)| (from, value))
        .collect()
}

/// Where a version that is laid down at `now` and begins at `from` has to end, so that what was planned for later stays.
pub fn next_planned<T>(
    layers: &[(Layer, T)],
    from: Timestamp,
    now: Timestamp,
) -> Option<Timestamp> {
    layers
        .iter()
        .filter(|(layer, _)| layer.is_planned(now) && layer.from > from)
        .map(|(layer, _)| layer.from)
        .min()
}

/// From when on an edit counts, as whoever makes it asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Effect {
    #[default]
    FromNow,
    /// From this instant on, which is still to come.
    From(Timestamp),
    /// It was so from this instant on, perhaps until another, and what was written then was wrong.
    Correction {
        from: Timestamp,
        until: Option<Timestamp>,
        reason: String,
        finished: Finished,
    },
}

/// Which clocks that have ended a correction counts anew. Those of a locked period stay, whatever is asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Finished {
    #[default]
    Stay,
    All,
    These(Vec<ClockId>),
}

impl Finished {
    pub fn includes(&self, clock: ClockId) -> bool {
        match self {
            Finished::Stay => false,
            Finished::All => true,
            Finished::These(clocks) => clocks.contains(&clock),
        }
    }
}

impl Effect {
    /// Refuses a date to come that isn't, and a correction of what is still to come, without an instant in it or a reason.
    pub fn checked(self, now: Timestamp) -> Result<Self, FieldError> {
        match &self {
            Effect::FromNow => Ok(self),
            Effect::From(from) if *from <= now => Err(FieldError::new("from", "not-to-come")),
            Effect::From(_) => Ok(self),
            Effect::Correction { from, .. } if *from >= now => {
                Err(FieldError::new("from", "not-past"))
            }
            Effect::Correction { from, until, .. } if until.is_some_and(|until| until <= *from) => {
                Err(FieldError::new("until", "end-before-start"))
            }
            Effect::Correction { reason, .. } => {
                one_line("reason", reason, NAME_CHARS)?;
                Ok(self)
            }
        }
    }

    pub fn from(&self, now: Timestamp) -> Timestamp {
        match self {
            Effect::FromNow => now,
            Effect::From(from) | Effect::Correction { from, .. } => *from,
        }
    }

    pub fn is_correction(&self) -> bool {
        matches!(self, Effect::Correction { .. })
    }

    pub fn reason(&self) -> &str {
        match self {
            Effect::FromNow | Effect::From(_) => "",
            Effect::Correction { reason, .. } => reason.trim(),
        }
    }

    pub fn finished(&self) -> Finished {
        match self {
            Effect::FromNow | Effect::From(_) => Finished::Stay,
            Effect::Correction { finished, .. } => finished.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_hour(hour: i64) -> Timestamp {
        Timestamp::from_micros(1_790_000_000_000_000).plus_secs(hour * 3600)
    }

    /// A layer written at `made`; `edition` marks a correction.
    fn layer(number: i64, from: i64, until: Option<i64>, edition: Option<i64>) -> (Layer, i64) {
        let layer = Layer {
            number,
            from: at_hour(from),
            until: until.map(at_hour),
            is_correction: edition.is_some(),
            edition: edition.unwrap_or_default(),
            made_by: "Ada".into(),
            made_at: at_hour(0),
            reason: String::new(),
        };
        (layer, number)
    }

    fn hours(layers: &[(Layer, i64)], known: i64) -> Vec<(i64, i64)> {
        flattened(layers, known)
            .into_iter()
            .map(|(from, number)| {
                let hour = from.micros().saturating_sub(at_hour(0).micros()) / 3_600_000_000;
                (
                    if from.micros() == i64::MIN {
                        i64::MIN
                    } else {
                        hour
                    },
                    *number,
                )
            })
            .collect()
    }

    const FIRST: i64 = i64::MIN;

    #[test]
    fn each_version_holds_until_the_next_begins() {
        let layers = [
            layer(1, 0, None, None),
            layer(2, 5, None, None),
            layer(3, 9, None, None),
        ];
        assert_eq!(hours(&layers, 0), [(FIRST, 1), (5, 2), (9, 3)]);
        let holds = |hour| at(&layers, at_hour(hour)).unwrap().1;
        assert_eq!(
            [holds(-9), holds(4), holds(5), holds(8), holds(9)],
            [1, 1, 2, 2, 3]
        );
    }

    #[test]
    fn an_edit_before_a_planned_version_leaves_it_standing() {
        let mut layers = vec![layer(1, 0, None, None), layer(2, 50, None, None)];
        let until = next_planned(&layers, at_hour(10), at_hour(10));
        assert_eq!(until, Some(at_hour(50)));
        layers.push(layer(3, 10, Some(50), None));
        assert_eq!(hours(&layers, 0), [(FIRST, 1), (10, 3), (50, 2)]);
        assert_eq!(next_planned(&layers, at_hour(50), at_hour(10)), None);
    }

    #[test]
    fn a_correction_lies_over_what_was_written_before_and_only_for_those_who_know_it() {
        let layers = [
            layer(1, 0, None, None),
            layer(2, 20, None, None),
            layer(3, 10, Some(15), Some(7)),
            layer(4, 12, None, Some(9)),
        ];
        assert_eq!(hours(&layers, 6), [(FIRST, 1), (20, 2)]);
        assert_eq!(hours(&layers, 7), [(FIRST, 1), (10, 3), (15, 1), (20, 2)]);
        assert_eq!(hours(&layers, 9), [(FIRST, 1), (10, 3), (12, 4)]);
    }

    #[test]
    fn what_an_edit_asks_for_has_to_be_possible() {
        let now = at_hour(0);
        let correction = |from: i64, until: Option<i64>, reason: &str| Effect::Correction {
            from: at_hour(from),
            until: until.map(at_hour),
            reason: reason.into(),
            finished: Finished::Stay,
        };
        for (effect, problem) in [
            (Effect::From(now), "not-to-come"),
            (correction(0, None, "typo"), "not-past"),
            (correction(-5, Some(-5), "typo"), "end-before-start"),
            (correction(-5, None, "  "), "required"),
        ] {
            assert_eq!(effect.checked(now).unwrap_err().problem, problem);
        }
        assert!(Effect::From(at_hour(1)).checked(now).is_ok());
        assert!(correction(-5, Some(-1), "typo").checked(now).is_ok());
    }
}
