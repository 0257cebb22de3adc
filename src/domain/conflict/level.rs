//! What a conflict means for a change that is about to begin: it is only said, it asks for an approval that saw it, or it keeps the
//! change from beginning.
//!
//! An approval saw a conflict that stood there when it was given: with every vote those are kept that there were, at the planned hours
//! and at that moment. One vote that counts is enough. When a conflict began isn't asked: nobody could say it of all of them.

use std::collections::BTreeMap;
use std::fmt;

use super::super::freeze::Level;
use super::super::refusal::FieldError;
use super::{Code, Conflict};

impl Code {
    /// The windows themselves keep a change from beginning, each by its own level.
    pub const fn is_by_window(self) -> bool {
        matches!(self, Code::InFreeze | Code::OutsideMaintenance)
    }
}

impl Conflict {
    /// The same conflict, whoever names it.
    pub fn mark(&self) -> String {
        match self.with {
            Some(key) => format!("{} {key}", self.code),
            None => format!("{} {}", self.code, self.window),
        }
    }
}

/// The level of each code; what isn't named is only said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Levels(BTreeMap<Code, Level>);

impl Levels {
    /// The codes that have one.
    pub fn codes() -> impl Iterator<Item = Code> {
        Code::ALL.iter().copied().filter(|it| !it.is_by_window())
    }

    pub fn of(&self, code: Code) -> Level {
        self.0.get(&code).copied().unwrap_or(Level::Warn)
    }

    /// Nothing keeps any change from beginning.
    pub fn only_warn(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads `same_service:block open_incident:approve`.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, FieldError> {
        let mut levels = BTreeMap::new();
        for word in text.split_whitespace() {
            let wrong = || {
                let codes: Vec<&str> = Self::codes().map(Code::as_str).collect();
                FieldError::new(field, "not-a-conflict-level")
                    .with("value", word.to_owned())
                    .with("codes", codes.join(", "))
            };
            let (code, level) = word.split_once(':').ok_or_else(wrong)?;
            let code = code.parse::<Code>().ok().filter(|it| !it.is_by_window());
            let (Some(code), Ok(level)) = (code, level.parse::<Level>()) else {
                return Err(wrong());
            };
            if level != Level::Warn {
                levels.insert(code, level);
            }
        }
        Ok(Self(levels))
    }

    /// What keeps a change from beginning: what blocks it, else what no approval has seen. `seen`: the marks of the conflicts that
    /// stood there when a vote that counts was given.
    pub fn stops<'a>(
        &self,
        conflicts: &'a [Conflict],
        seen: &[String],
    ) -> Option<(&'a Conflict, Level)> {
        let stops = conflicts.iter().filter_map(|it| {
            let level = match it.code.is_by_window() {
                true => Level::Warn,
                false => self.of(it.code),
            };
            match level {
                Level::Warn => None,
                Level::Approve if seen.contains(&it.mark()) => None,
                Level::Approve | Level::Block => Some((it, level)),
            }
        });
        // Of equals the first.
        stops.reduce(|worst, it| if it.1 > worst.1 { it } else { worst })
    }
}

impl fmt::Display for Levels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.0.iter();
        let all: Vec<String> = all.map(|(code, level)| format!("{code}:{level}")).collect();
        f.write_str(&all.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::id::{Kind, TicketKey};
    use super::*;

    fn with(code: Code, number: i64) -> Conflict {
        Conflict::with(
            code,
            TicketKey {
                kind: Kind::Change,
                number,
            },
        )
    }

    #[test]
    fn levels_are_written_as_they_are_read_and_what_windows_say_has_none() {
        let read = |text: &str| Levels::parse("conflict_levels", text);
        let levels = read("open_incident:approve same_service:block same_assignee:warn").unwrap();
        assert_eq!(
            levels.to_string(),
            "same_service:block open_incident:approve"
        );
        assert_eq!(read(&levels.to_string()), Ok(levels.clone()));
        assert_eq!(levels.of(Code::SameService), Level::Block);
        assert_eq!(levels.of(Code::SameAssignee), Level::Warn);
        assert!(read("").unwrap().only_warn() && !levels.only_warn());
        for wrong in [
            "same_service",
            "same_service:stop",
            "weather:block",
            "in_freeze:warn",
        ] {
            assert_eq!(read(wrong).unwrap_err().problem, "not-a-conflict-level");
        }
        assert_eq!(Levels::codes().count(), Code::ALL.len() - 2);
    }

    #[test]
    fn what_blocks_goes_before_what_no_approval_has_seen() {
        let text = "same_service:approve open_incident:block upstream_busy:approve";
        let levels = Levels::parse("conflict_levels", text).unwrap();
        let busy = with(Code::SameService, 2);
        let found = [
            with(Code::SameAssignee, 1),
            busy.clone(),
            with(Code::UpstreamBusy, 3),
            with(Code::OpenIncident, 4),
            with(Code::InFreeze, 5),
        ];
        let stops = |conflicts: &[Conflict], seen: &[String]| {
            let found = levels.stops(conflicts, seen);
            found.map(|(it, level)| format!("{level} {}", it.mark()))
        };
        let said = |text: &str| Some(text.to_owned());
        assert_eq!(stops(&found, &[]), said("block open_incident CHG-4"));
        assert_eq!(stops(&found[..3], &[]), said("approve same_service CHG-2"));
        let seen = [busy.mark()];
        assert_eq!(
            stops(&found[..3], &seen),
            said("approve upstream_busy CHG-3")
        );
        assert_eq!(stops(&found[..2], &seen), None);
        // Another one of the same kind is another one.
        assert_eq!(
            stops(&[with(Code::SameService, 9)], &seen),
            said("approve same_service CHG-9")
        );
        assert_eq!(stops(&found[4..], &[]), None, "the window says it itself");
        let seen = [with(Code::OpenIncident, 4).mark()];
        assert!(stops(&found[3..], &seen).is_some(), "seen or not");
    }
}
