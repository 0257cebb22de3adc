//! A window as somebody writes it, and what is wrong with it.

use chrono::{NaiveTime, TimeDelta, Weekday};
use chrono_tz::Tz;

use super::super::id::FreezeId;
use super::super::refusal::FieldError;
use super::super::text;
use super::super::timestamp::Timestamp;
use super::super::word::words;
use super::{Edge, Freeze, Level, Scope, Sort, TypeLevel, TypeLevels, When, announce};

/// What somebody says of a window.
#[derive(Debug, Clone)]
pub struct Details {
    pub name: String,
    pub zone: Tz,
    pub when: When,
    pub sort: Sort,
    pub level: Level,
    pub types: TypeLevels,
    pub scope: Scope,
    /// How long before each occurrence people are told of it; `None`: they aren't.
    pub announce_secs: Option<i64>,
    pub is_active: bool,
}

impl Details {
    /// The window that every house is offered: from Friday to Monday morning nothing begins but an emergency that was approved. A
    /// day before, people are told.
    pub fn friday(name: &str, zone: Tz) -> Self {
        let edge = |day, hour| Edge::Weekly {
            day,
            time: NaiveTime::MIN + TimeDelta::hours(hour),
        };
        Self {
            name: name.to_owned(),
            zone,
            when: When::of(edge(Weekday::Fri, 0), edge(Weekday::Mon, 7)),
            sort: Sort::Deny,
            level: Level::Block,
            types: TypeLevels {
                emergency: Some(TypeLevel::Exempt),
                ..TypeLevels::default()
            },
            scope: Scope::default(),
            announce_secs: Some(24 * 3_600),
            is_active: true,
        }
    }

    /// The same window with the name and the times of an event: what is chosen for a whole calendar file stays.
    #[must_use]
    pub fn of_event(&self, event: &Event) -> Self {
        Self {
            name: event.name.clone(),
            zone: event.zone,
            when: event.when,
            ..self.clone()
        }
    }

    /// The window that it makes.
    pub fn freeze(&self, id: FreezeId, made_at: Timestamp, version: i64) -> Freeze {
        Freeze {
            id,
            name: self.name.clone(),
            zone: self.zone,
            when: self.when,
            sort: self.sort,
            level: self.level,
            types: self.types,
            scope: self.scope.clone(),
            announce_secs: self.announce_secs,
            is_active: self.is_active,
            source_uid: None,
            made_at,
            version,
        }
    }

    /// Checks what was typed; all faults at once.
    pub fn check(
        typed: &Typed<'_>,
        scope: Scope,
        is_active: bool,
    ) -> Result<Self, Vec<FieldError>> {
        let mut faults = Vec::new();
        let name = text::one_line("name", typed.name, text::NAME_CHARS);
        let zone = text::zone("zone", typed.zone);
        let sort = typed.sort.trim().parse::<Sort>();
        let sort = sort.map_err(|()| FieldError::new("kind", "not-a-freeze-kind"));
        // What a maintenance window asks is said by its kind.
        let level = match (sort.as_ref(), typed.level.trim()) {
            (Ok(Sort::Allow), "") => Ok(Level::Block),
            (_, text) => text.parse::<Level>(),
        };
        let level = level.map_err(|()| FieldError::new("level", "not-a-freeze-level"));
        let types = typed.types.read();
        let announce = announce::read(typed.announce);
        faults.extend(name.as_ref().err().cloned());
        faults.extend(zone.as_ref().err().cloned());
        faults.extend(sort.as_ref().err().cloned());
        faults.extend(level.as_ref().err().cloned());
        faults.extend(types.as_ref().err().into_iter().flatten().cloned());
        faults.extend(announce.as_ref().err().cloned());
        let refs = scope.check_refs(sort.as_ref().ok().copied());
        faults.extend(refs.as_ref().err().cloned());
        let rest = (types, announce, When::parse(typed.from, typed.to));
        if refs.is_err() {
            faults.extend(rest.2.err().into_iter().flatten());
            return Err(faults);
        }
        match (name, zone, sort, level, rest) {
            (Ok(name), Ok(zone), Ok(sort), Ok(level), (Ok(types), Ok(announce_secs), Ok(when))) => {
                Ok(Self {
                    name,
                    zone,
                    when,
                    sort,
                    level: match sort {
                        Sort::Deny => level,
                        Sort::Allow => Level::Block,
                    },
                    types,
                    scope,
                    announce_secs,
                    is_active,
                })
            }
            (.., (_, _, when)) => {
                faults.extend(when.err().into_iter().flatten());
                Err(faults)
            }
        }
    }
}

/// An event of a calendar file that is a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// By which it is known again in the next file.
    pub uid: String,
    pub name: String,
    pub zone: Tz,
    pub when: When,
}

words! {
    /// What an event of a calendar file does.
    pub enum Fate {
        Added = "added",
        Changed = "changed",
        /// It is cancelled: its window doesn't count any more.
        SwitchedOff = "switched_off",
        /// Its window says the same already.
        Unchanged = "unchanged",
    }
}

/// What is chosen for all windows of a calendar file, as it is typed.
#[derive(Debug, Clone, Copy)]
pub struct TypedForAll<'a> {
    /// That of whole days, and of times without a zone.
    pub zone: &'a str,
    pub sort: &'a str,
    pub level: &'a str,
    pub types: TypedLevels<'a>,
    pub announce: &'a str,
}

impl TypedForAll<'_> {
    /// A window of no name and time of its own, for [`Details::of_event`].
    pub fn check(&self, scope: Scope) -> Result<Details, Vec<FieldError>> {
        let typed = Typed {
            name: "-",
            zone: self.zone,
            from: "Fri 00:00",
            to: "Mon 07:00",
            sort: self.sort,
            level: self.level,
            types: self.types,
            announce: self.announce,
        };
        Details::check(&typed, scope, true)
    }
}

/// A window as it is typed.
#[derive(Debug, Clone, Copy)]
pub struct Typed<'a> {
    pub name: &'a str,
    pub zone: &'a str,
    pub from: &'a str,
    pub to: &'a str,
    pub sort: &'a str,
    pub level: &'a str,
    pub types: TypedLevels<'a>,
    /// Such as `24 h`; "": it isn't announced.
    pub announce: &'a str,
}

/// What it says to each type of change, as it is typed; "": what it says to all.
#[derive(Debug, Clone, Copy, Default)]
pub struct TypedLevels<'a> {
    pub normal: &'a str,
    pub standard: &'a str,
    pub emergency: &'a str,
}

impl<'a> From<&'a TypeLevels> for TypedLevels<'a> {
    fn from(known: &'a TypeLevels) -> Self {
        let word = |own: Option<TypeLevel>| own.map_or("", TypeLevel::as_str);
        Self {
            normal: word(known.normal),
            standard: word(known.standard),
            emergency: word(known.emergency),
        }
    }
}

impl TypedLevels<'_> {
    fn read(self) -> Result<TypeLevels, Vec<FieldError>> {
        let mut faults = Vec::new();
        let mut read = |field: &'static str, text: &str| match text.trim() {
            "" => None,
            text => {
                let own = text.parse::<TypeLevel>().ok();
                if own.is_none() {
                    faults.push(FieldError::new(field, "not-a-type-level"));
                }
                own
            }
        };
        let levels = TypeLevels {
            normal: read("type_levels.normal", self.normal),
            standard: read("type_levels.standard", self.standard),
            emergency: read("type_levels.emergency", self.emergency),
        };
        match faults.is_empty() {
            true => Ok(levels),
            false => Err(faults),
        }
    }
}
