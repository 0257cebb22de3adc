//! Freezes: windows of time in which changes don't begin, or not without approval; and maintenance windows, outside of which they
//! don't.
//!
//! A window is written on the wall clock of a zone, once or again and again (`when.rs`), and holds for some services or for the whole
//! house, in some environments, from some risk on. To one type of change it may say something else than to the others, or nothing at
//! all (`scope.rs`). It is half-open: at its end changes begin again. Around a change of offset a window is never shorter than it
//! reads: of a time that occurs twice the first begins it and the second ends it. Of several windows the severest counts, each with
//! what it says to the type in question, and a freeze counts within a maintenance window too. Whoever can't wait breaks the glass
//! (`domain/change.rs`).

mod announce;
mod details;
mod scope;
mod when;

use chrono_tz::Tz;

pub use self::announce::MOST_ANNOUNCE_SECS;
pub use self::details::{Details, Event, Fate, Typed, TypedForAll, TypedLevels};
pub use self::scope::{Scope, TypeLevel, TypeLevels};
pub use self::when::{Edge, Rhythm, When};
use super::change::Sort as ChangeSort;
use super::id::{FreezeId, ServiceId};
use super::refusal::Refusal;
use super::severity::Risk;
use super::timestamp::Timestamp;
use super::word::words;

words! {
    /// What a window asks of a change that wants to begin; later ones are severer.
    pub enum Level {
        /// It may begin, and its timeline says in which window.
        Warn = "warn",
        /// It was approved since the window opened: by somebody who knew of it.
        Approve = "approve",
        /// It doesn't begin.
        Block = "block",
    }
}

words! {
    /// Whether changes don't begin inside a window, or only there.
    pub enum Sort {
        /// A freeze.
        Deny = "deny",
        /// A maintenance window: where one is for something, that begins in such windows alone.
        Allow = "allow",
    }
}

/// What wants to begin.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// None: something of the whole house.
    pub services: &'a [ServiceId],
    pub environment: &'a str,
    /// Whether customers are in that environment.
    pub is_production: bool,
    /// `None`: nobody said; every window is for it.
    pub risk: Option<Risk>,
    /// The type of the change. `None`: nobody said, or nobody approved it as such; it is told what all are told.
    pub sort: Option<ChangeSort>,
}

impl<'a> Asked<'a> {
    /// Of these services, where customers are: what changes and pushes ask.
    pub const fn production(services: &'a [ServiceId]) -> Self {
        Self {
            services,
            environment: "",
            is_production: true,
            risk: None,
            sort: None,
        }
    }

    #[must_use]
    pub const fn risk(mut self, risk: Option<Risk>) -> Self {
        self.risk = risk;
        self
    }

    #[must_use]
    pub const fn sort(mut self, sort: Option<ChangeSort>) -> Self {
        self.sort = sort;
        self
    }
}

/// A window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freeze {
    pub id: FreezeId,
    pub name: String,
    pub zone: Tz,
    pub when: When,
    pub sort: Sort,
    /// Of a freeze what it asks; outside of maintenance windows nothing begins.
    pub level: Level,
    /// To which types of change it says something else.
    pub types: TypeLevels,
    pub scope: Scope,
    /// How long before each occurrence people are told of it; `None`: they aren't.
    pub announce_secs: Option<i64>,
    pub is_active: bool,
    /// The event of a calendar file that it was made from: the next such file changes it.
    pub source_uid: Option<String>,
    pub made_at: Timestamp,
    pub version: i64,
}

/// A window that stands in the way, or would if it asked for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing<'a> {
    pub freeze: &'a Freeze,
    /// What it says to what was asked.
    pub level: Level,
    pub from: Timestamp,
    /// The first instant at which it does no more.
    pub until: Timestamp,
}

impl Standing<'_> {
    /// It stands in the way because it isn't open: changes begin only inside it.
    pub fn is_outside(&self) -> bool {
        self.freeze.sort == Sort::Allow
    }
}

impl Freeze {
    pub fn is_for(&self, asked: &Asked<'_>) -> bool {
        let scope = &self.scope;
        let services = &scope.services;
        let is_theirs =
            services.is_empty() || asked.services.iter().any(|it| services.contains(it));
        let is_there = match scope.environments.is_empty() {
            true => asked.is_production,
            false => scope.environments.iter().any(|it| it == asked.environment),
        };
        // The riskiest comes first.
        let is_risky = match (scope.min_risk, asked.risk) {
            (Some(least), Some(risk)) => risk <= least,
            _ => true,
        };
        // What is for pushes to some refs is asked for with those refs alone ([`Freeze::of_refs`]).
        let is_any = scope.refs.is_empty();
        is_any
            && self.is_active
            && is_theirs
            && is_there
            && is_risky
            && self.level_for(asked.sort).is_some()
    }

    /// The same window for whoever has looked at the refs: it is as one that is for all of them.
    #[must_use]
    pub fn of_refs(&self) -> Self {
        let mut own = self.clone();
        own.scope.refs = Vec::new();
        own
    }

    /// What it asks of a change of that type; `None`: such a change is exempt.
    pub fn level_for(&self, sort: Option<ChangeSort>) -> Option<Level> {
        match sort.and_then(|sort| self.types.of(sort)) {
            Some(own) => own.level(),
            None => Some(self.level),
        }
    }

    /// Its occurrence at `at`, or else the next one.
    pub fn next(&self, at: Timestamp) -> Option<(Timestamp, Timestamp)> {
        self.when.next(at, self.zone)
    }

    /// Its occurrences that touch `from..until`, in their order, with what it says to all.
    pub fn within(&self, from: Timestamp, until: Timestamp) -> Vec<Standing<'_>> {
        let mut found = Vec::new();
        let mut at = from;
        while let Some((start, end)) = self.next(at).filter(|(start, _)| *start < until) {
            found.push(Standing {
                freeze: self,
                level: self.level,
                from: start,
                until: end,
            });
            at = end;
        }
        found
    }
}

/// The windows that say something to what is asked, and what.
fn theirs<'a>(
    freezes: &'a [Freeze],
    asked: &Asked<'_>,
    sort: Sort,
) -> impl Iterator<Item = (&'a Freeze, Level)> {
    let theirs = freezes.iter().filter(move |it| it.sort == sort);
    theirs.filter_map(move |it| {
        let level = it.level_for(asked.sort)?;
        it.is_for(asked).then_some((it, level))
    })
}

/// The severest window that stands in the way of what is asked at `at`; of equals the one that does so longest.
pub fn standing<'a>(
    freezes: &'a [Freeze],
    asked: &Asked<'_>,
    at: Timestamp,
) -> Option<Standing<'a>> {
    let denies = theirs(freezes, asked, Sort::Deny).filter_map(|(freeze, level)| {
        let (from, until) = freeze.next(at)?;
        (from <= at).then_some(Standing {
            freeze,
            level,
            from,
            until,
        })
    });
    denies
        .chain(outside(theirs(freezes, asked, Sort::Allow), at))
        .max_by_key(|it| (it.level, it.until))
}

/// Maintenance windows, if some are still to come and none is open: named is the one that opens next, and the severest says what
/// counts outside of all. What is over for good closes nothing.
fn outside<'a>(
    windows: impl Iterator<Item = (&'a Freeze, Level)>,
    at: Timestamp,
) -> Option<Standing<'a>> {
    let windows: Vec<(&Freeze, Level)> = windows.collect();
    let to_come: Vec<(Timestamp, &Freeze, Level)> = windows
        .iter()
        .filter_map(|(it, level)| Some((it.next(at)?.0, *it, *level)))
        .collect();
    let (until, freeze, _) = to_come.iter().copied().min_by_key(|(from, ..)| *from)?;
    let level = to_come.iter().map(|(.., level)| *level).max()?;
    if until <= at {
        return None;
    }
    let ends = windows
        .iter()
        .filter_map(|(it, _)| it.when.last_end(at, it.zone));
    Some(Standing {
        freeze,
        level,
        from: ends.max().unwrap_or(Timestamp::from_micros(i64::MIN)),
        until,
    })
}

/// Everything that stands in the way of what is asked at some time in `from..until`, by its start.
pub fn between<'a>(
    freezes: &'a [Freeze],
    asked: &Asked<'_>,
    from: Timestamp,
    until: Timestamp,
) -> Vec<Standing<'a>> {
    let mut found = Vec::new();
    for (freeze, level) in theirs(freezes, asked, Sort::Deny) {
        let all = freeze.within(from, until).into_iter();
        found.extend(all.map(|it| Standing { level, ..it }));
    }
    let mut at = from;
    while at < until {
        let allows = || theirs(freezes, asked, Sort::Allow);
        match outside(allows(), at) {
            Some(closed) => {
                found.push(closed);
                at = closed.until;
            }
            None => {
                let open =
                    allows().filter_map(|(it, _)| it.next(at).filter(|(from, _)| *from <= at));
                match open.map(|(_, until)| until).max() {
                    Some(end) => at = end,
                    None => break,
                }
            }
        }
    }
    found.sort_by_key(|it| (it.from, it.until, it.freeze.id));
    found
}

/// Windows that follow each other without a gap are looked through this far: beyond it nobody plans.
const MOST_IN_A_ROW: usize = 64;

/// The first instant from `at` on in which no window blocks what is asked. `None`: not in sight.
pub fn next_open(freezes: &[Freeze], asked: &Asked<'_>, at: Timestamp) -> Option<Timestamp> {
    let mut at = at;
    for _ in 0..MOST_IN_A_ROW {
        match standing(freezes, asked, at) {
            Some(standing) if standing.level == Level::Block => at = standing.until,
            _ => return Some(at),
        }
    }
    None
}

/// Whether a change that was approved then may begin in this window: the one verdict for everybody who asks.
pub fn may_begin(standing: Standing<'_>, approved_at: Option<Timestamp>) -> Result<(), Refusal> {
    let rule = match standing.level {
        Level::Warn => return Ok(()),
        Level::Approve if approved_at.is_some_and(|at| at >= standing.from) => return Ok(()),
        Level::Approve if standing.is_outside() => "outside-maintenance-unapproved",
        Level::Approve => "frozen-unapproved",
        Level::Block if standing.is_outside() => "outside-maintenance",
        Level::Block => "frozen",
    };
    Err(Refusal::new(rule)
        .with("name", standing.freeze.name.clone())
        .with("until", standing.until.rfc3339()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::Id;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    fn freeze(from: &str, to: &str, level: Level, services: &[ServiceId]) -> Freeze {
        Freeze {
            id: Id::new(at("2026-01-01T00:00:00Z")),
            name: "No changes on Friday".to_owned(),
            zone: chrono_tz::Europe::Stockholm,
            when: When::parse(from, to).unwrap(),
            sort: Sort::Deny,
            level,
            types: TypeLevels::default(),
            scope: Scope {
                services: services.to_vec(),
                ..Scope::default()
            },
            announce_secs: None,
            is_active: true,
            source_uid: None,
            made_at: at("2026-01-01T00:00:00Z"),
            version: 1,
        }
    }

    fn is_open(freeze: &Freeze, when: &str) -> bool {
        standing(
            std::slice::from_ref(freeze),
            &Asked::production(&[]),
            at(when),
        )
        .is_some()
    }

    #[test]
    fn friday_begins_at_midnight_of_the_zone_and_ends_on_monday_morning() {
        let friday = freeze("Fri 00:00", "Mon 07:00", Level::Block, &[]);
        // Stockholm is two hours ahead in June.
        for (when, open) in [
            ("2026-06-04T21:59:59Z", false),
            ("2026-06-04T22:00:00Z", true),
            ("2026-06-06T12:00:00Z", true),
            ("2026-06-08T04:59:59Z", true),
            ("2026-06-08T05:00:00Z", false),
            ("2026-06-10T12:00:00Z", false),
        ] {
            assert_eq!(is_open(&friday, when), open, "{when}");
        }
        let all = [friday];
        assert_eq!(
            next_open(&all, &Asked::production(&[]), at("2026-06-05T12:00:00Z")),
            Some(at("2026-06-08T05:00:00Z"))
        );
        assert_eq!(
            all[0].next(at("2026-06-08T05:00:00Z")),
            Some((at("2026-06-11T22:00:00Z"), at("2026-06-15T05:00:00Z")))
        );
    }

    #[test]
    fn a_window_is_never_shorter_than_it_reads_where_the_clocks_change() {
        // 02:30 occurs twice on 25 October and not at all on 29 March.
        let autumn = freeze("Sun 02:30", "Sun 02:45", Level::Block, &[]);
        assert!(is_open(&autumn, "2026-10-25T00:30:00Z"));
        assert!(is_open(&autumn, "2026-10-25T01:44:59Z"));
        assert!(!is_open(&autumn, "2026-10-25T01:45:00Z"));
        let spring = freeze("Sun 01:00", "Sun 02:30", Level::Block, &[]);
        assert!(is_open(&spring, "2026-03-29T00:59:59Z"));
        assert!(!is_open(&spring, "2026-03-29T01:00:00Z"));
    }

    #[test]
    fn the_severest_window_counts_and_one_of_other_services_does_not() {
        let web: ServiceId = Id::new(at("2026-01-01T00:00:00Z"));
        let db: ServiceId = Id::new(at("2026-01-02T00:00:00Z"));
        let all = [
            freeze("Mon 00:00", "Sat 00:00", Level::Warn, &[]),
            freeze("Tue 00:00", "Wed 00:00", Level::Approve, &[web]),
            freeze("2026-06-02 12:00", "2026-06-02 14:00", Level::Block, &[web]),
            freeze(
                "2026-06-02 14:00",
                "2026-06-02 15:00",
                Level::Block,
                &[web, db],
            ),
        ];
        let level = |services: &[ServiceId], when: &str| {
            standing(&all, &Asked::production(services), at(when)).map(|it| it.level)
        };
        assert_eq!(level(&[web], "2026-06-02T10:30:00Z"), Some(Level::Block));
        assert_eq!(level(&[db], "2026-06-02T10:30:00Z"), Some(Level::Warn));
        assert_eq!(
            level(&[db, web], "2026-06-02T09:00:00Z"),
            Some(Level::Approve)
        );
        assert_eq!(level(&[], "2026-06-06T09:00:00Z"), None);
        // Two in a row.
        assert_eq!(
            next_open(&all, &Asked::production(&[web]), at("2026-06-02T10:30:00Z")),
            Some(at("2026-06-02T13:00:00Z"))
        );
        let strict =
            standing(&all, &Asked::production(&[web]), at("2026-06-02T09:00:00Z")).unwrap();
        let rule = |standing, approved: Option<&str>| {
            let refusal = may_begin(standing, approved.map(at)).err()?;
            Some(refusal.rule)
        };
        // It opened at 00:00 in Stockholm: who approved before it didn't know that it would be in force.
        assert_eq!(rule(strict, None), Some("frozen-unapproved"));
        assert_eq!(
            rule(strict, Some("2026-06-01T21:59:59Z")),
            Some("frozen-unapproved")
        );
        assert_eq!(rule(strict, Some("2026-06-01T22:00:00Z")), None);
        let frozen =
            standing(&all, &Asked::production(&[web]), at("2026-06-02T10:30:00Z")).unwrap();
        assert_eq!(rule(frozen, Some("2026-06-02T10:30:00Z")), Some("frozen"));
    }

    #[test]
    fn a_window_is_for_its_environments_and_from_its_risk_on() {
        let mut staging = freeze("Mon 00:00", "Sun 00:00", Level::Block, &[]);
        staging.scope.environments = vec!["staging".to_owned()];
        let mut risky = freeze("Mon 00:00", "Sun 00:00", Level::Approve, &[]);
        risky.scope.min_risk = Some(Risk::Medium);
        let all = [staging, risky];
        let level = |environment, risk| {
            let asked = Asked {
                services: &[],
                environment,
                is_production: environment == "prod",
                risk,
                sort: None,
            };
            standing(&all, &asked, at("2026-06-02T10:00:00Z")).map(|it| it.level)
        };
        assert_eq!(level("staging", Some(Risk::Low)), Some(Level::Block));
        assert_eq!(level("prod", Some(Risk::Low)), None);
        assert_eq!(level("prod", Some(Risk::Medium)), Some(Level::Approve));
        assert_eq!(level("prod", Some(Risk::High)), Some(Level::Approve));
        assert_eq!(
            level("prod", None),
            Some(Level::Approve),
            "nobody judged it"
        );
        assert_eq!(level("lab", None), None);
    }

    #[test]
    fn to_one_type_a_window_says_something_else_and_then_the_severest_counts() {
        let mut friday = freeze("Fri 00:00", "Mon 07:00", Level::Block, &[]);
        friday.types = TypeLevels {
            normal: None,
            standard: Some(TypeLevel::Warn),
            emergency: Some(TypeLevel::Exempt),
        };
        let mut lasting = freeze("Sat 00:00", "Sun 00:00", Level::Warn, &[]);
        lasting.types.emergency = Some(TypeLevel::Approve);
        let all = [friday, lasting];
        let level = |sort, when: &str| {
            standing(&all, &Asked::production(&[]).sort(sort), at(when)).map(|it| it.level)
        };
        let (normal, standard) = (Some(ChangeSort::Normal), Some(ChangeSort::Standard));
        let emergency = Some(ChangeSort::Emergency);
        let (friday, saturday) = ("2026-06-05T12:00:00Z", "2026-06-06T12:00:00Z");
        assert_eq!(level(None, friday), Some(Level::Block));
        assert_eq!(level(normal, friday), Some(Level::Block));
        assert_eq!(level(standard, friday), Some(Level::Warn));
        assert_eq!(level(emergency, friday), None);
        // The other window asks more of it than of all.
        assert_eq!(level(emergency, saturday), Some(Level::Approve));
        assert_eq!(level(standard, saturday), Some(Level::Warn));
        let asked = |sort| Asked::production(&[]).sort(sort);
        let from = at(saturday);
        assert_eq!(next_open(&all, &asked(standard), from), Some(from));
        let open = Some(at("2026-06-08T05:00:00Z"));
        assert_eq!(next_open(&all, &asked(normal), from), open);
        let (from, until) = (at("2026-06-04T00:00:00Z"), at("2026-06-09T00:00:00Z"));
        let found = |sort| {
            let found = between(&all, &asked(sort), from, until);
            found.iter().map(|it| it.level).collect::<Vec<_>>()
        };
        assert_eq!(found(None), [Level::Block, Level::Warn]);
        assert_eq!(found(standard), [Level::Warn, Level::Warn]);
        assert_eq!(found(emergency), [Level::Approve]);
    }

    #[test]
    fn outside_of_a_maintenance_window_one_type_may_begin_and_another_only_approved() {
        let mut night = freeze("Tue 22:00", "Wed 02:00", Level::Block, &[]);
        night.sort = Sort::Allow;
        night.types = TypeLevels {
            standard: Some(TypeLevel::Approve),
            emergency: Some(TypeLevel::Exempt),
            ..TypeLevels::default()
        };
        let all = [night];
        let rule = |sort, approved: Option<&str>| {
            let asked = Asked::production(&[]).sort(sort);
            let found = standing(&all, &asked, at("2026-06-01T10:00:00Z"))?;
            let refusal = may_begin(found, approved.map(at)).err();
            Some(refusal.map_or("begins", |refusal| refusal.rule))
        };
        assert_eq!(rule(None, None), Some("outside-maintenance"));
        assert_eq!(
            rule(Some(ChangeSort::Normal), Some("2026-06-01T09:00:00Z")),
            Some("outside-maintenance")
        );
        let standard = Some(ChangeSort::Standard);
        assert_eq!(rule(standard, None), Some("outside-maintenance-unapproved"));
        // The last window closed on Wednesday at 02:00 in Stockholm.
        assert_eq!(
            rule(standard, Some("2026-05-26T23:59:59Z")),
            Some("outside-maintenance-unapproved")
        );
        assert_eq!(rule(standard, Some("2026-05-27T00:00:00Z")), Some("begins"));
        assert_eq!(rule(Some(ChangeSort::Emergency), None), None);
    }

    #[test]
    fn outside_of_maintenance_windows_nothing_begins_and_a_freeze_counts_inside_too() {
        let db: ServiceId = Id::new(at("2026-01-02T00:00:00Z"));
        let window = |from: &str, to: &str| Freeze {
            sort: Sort::Allow,
            ..freeze(from, to, Level::Block, &[db])
        };
        // Stockholm is two hours ahead in June.
        let all = [
            window("Tue 22:00", "Wed 02:00"),
            window("Thu 22:00", "Fri 02:00"),
            freeze("Fri 00:00", "Mon 07:00", Level::Block, &[]),
        ];
        let stands = |when: &str| {
            let found = standing(&all, &Asked::production(&[db]), at(when))?;
            let rule = may_begin(found, None).err().map(|refusal| refusal.rule);
            Some((rule.unwrap(), found.until.rfc3339()))
        };
        let outside = |until: &str| Some(("outside-maintenance", until.to_owned()));
        assert_eq!(
            stands("2026-06-01T10:00:00Z"),
            outside("2026-06-02T20:00:00Z")
        );
        assert_eq!(stands("2026-06-02T20:00:00Z"), None);
        assert_eq!(
            stands("2026-06-03T00:00:00Z"),
            outside("2026-06-04T20:00:00Z")
        );
        // The freeze begins inside the second window, and outlasts it.
        let frozen = Some(("frozen", "2026-06-08T05:00:00Z".to_owned()));
        assert_eq!(stands("2026-06-04T22:00:00Z"), frozen);
        let services = [db];
        let asked = Asked::production(&services);
        assert_eq!(
            next_open(&all, &asked, at("2026-06-04T22:00:00Z")),
            Some(at("2026-06-09T20:00:00Z"))
        );
        // Of another service no window says when.
        let other = standing(&all, &Asked::production(&[]), at("2026-06-01T10:00:00Z"));
        assert_eq!(other, None);
        // What stood in the way on Tuesday and Wednesday, one after the other.
        let week = between(
            &all,
            &asked,
            at("2026-06-02T10:00:00Z"),
            at("2026-06-04T00:00:00Z"),
        );
        let week: Vec<_> = week
            .iter()
            .map(|it| (it.from.rfc3339(), it.until.rfc3339()))
            .collect();
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            week,
            [
                pair("2026-05-29T00:00:00Z", "2026-06-02T20:00:00Z"),
                pair("2026-06-03T00:00:00Z", "2026-06-04T20:00:00Z"),
            ]
        );
    }
}
