//! Freezes: windows of time in which changes don't begin, or not without approval; and maintenance windows, outside of which they
//! don't.
//!
//! A window is written on the wall clock of a zone, once or again and again (`when.rs`), and holds for some services or for the whole
//! house, in some environments, from some risk on. It is half-open: at its end changes begin again. Around a change of offset a window
//! is never shorter than it reads: of a time that occurs twice the first begins it and the second ends it. Of several windows the
//! severest counts, and a freeze counts within a maintenance window too. Whoever can't wait breaks the glass (`domain/change.rs`).

mod when;

use chrono::{NaiveTime, TimeDelta, Weekday};
use chrono_tz::Tz;

pub use self::when::{Edge, Rhythm, When};
use super::id::{FreezeId, ServiceId};
use super::refusal::{FieldError, Refusal};
use super::severity::Risk;
use super::text;
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
}

impl<'a> Asked<'a> {
    /// Of these services, where customers are: what changes and pushes ask.
    pub const fn production(services: &'a [ServiceId]) -> Self {
        Self {
            services,
            environment: "",
            is_production: true,
            risk: None,
        }
    }

    #[must_use]
    pub const fn risk(mut self, risk: Option<Risk>) -> Self {
        self.risk = risk;
        self
    }
}

/// What a window is for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// None: the whole house.
    pub services: Vec<ServiceId>,
    /// None: where customers are.
    pub environments: Vec<String>,
    /// Only for what is at least so risky, and for what nobody has judged.
    pub min_risk: Option<Risk>,
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
    pub scope: Scope,
    pub is_active: bool,
    pub made_at: Timestamp,
    pub version: i64,
}

/// What somebody says of a window.
#[derive(Debug, Clone)]
pub struct Details {
    pub name: String,
    pub zone: Tz,
    pub when: When,
    pub sort: Sort,
    pub level: Level,
    pub scope: Scope,
    pub is_active: bool,
}

impl Details {
    /// The window that every house is offered: from Friday to Monday morning nothing begins.
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
            scope: Scope::default(),
            is_active: true,
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
        faults.extend(name.as_ref().err().cloned());
        faults.extend(zone.as_ref().err().cloned());
        faults.extend(sort.as_ref().err().cloned());
        faults.extend(level.as_ref().err().cloned());
        match (name, zone, sort, level, When::parse(typed.from, typed.to)) {
            (Ok(name), Ok(zone), Ok(sort), Ok(level), Ok(when)) => Ok(Self {
                name,
                zone,
                when,
                sort,
                level: match sort {
                    Sort::Deny => level,
                    Sort::Allow => Level::Block,
                },
                scope,
                is_active,
            }),
            (.., when) => {
                faults.extend(when.err().into_iter().flatten());
                Err(faults)
            }
        }
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
}

/// A window that stands in the way, or would if it asked for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing<'a> {
    pub freeze: &'a Freeze,
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
        self.is_active && is_theirs && is_there && is_risky
    }

    /// Its occurrence at `at`, or else the next one.
    pub fn next(&self, at: Timestamp) -> Option<(Timestamp, Timestamp)> {
        self.when.around(at, self.zone).into_iter().next()
    }

    /// Its occurrences that touch `from..until`, in their order.
    pub fn within(&self, from: Timestamp, until: Timestamp) -> Vec<Standing<'_>> {
        let mut found = Vec::new();
        let mut at = from;
        while let Some((start, end)) = self.next(at).filter(|(start, _)| *start < until) {
            found.push(Standing {
                freeze: self,
                from: start,
                until: end,
            });
            at = end;
        }
        found
    }
}

/// The severest window that stands in the way of what is asked at `at`; of equals the one that does so longest.
pub fn standing<'a>(
    freezes: &'a [Freeze],
    asked: &Asked<'_>,
    at: Timestamp,
) -> Option<Standing<'a>> {
    let theirs = || freezes.iter().filter(|it| it.is_for(asked));
    let denies = theirs()
        .filter(|it| it.sort == Sort::Deny)
        .filter_map(|it| {
            let (from, until) = it.next(at)?;
            (from <= at).then_some(Standing {
                freeze: it,
                from,
                until,
            })
        });
    denies
        .chain(outside(theirs().filter(|it| it.sort == Sort::Allow), at))
        .max_by_key(|it| (it.freeze.level, it.until))
}

/// Maintenance windows, if some are still to come and none is open: named is the one that opens next. What is over for good closes
/// nothing.
fn outside<'a>(windows: impl Iterator<Item = &'a Freeze>, at: Timestamp) -> Option<Standing<'a>> {
    let windows: Vec<&Freeze> = windows.collect();
    let opens = windows.iter().filter_map(|it| Some((it.next(at)?.0, *it)));
    let (until, freeze) = opens.min_by_key(|(from, _)| *from)?;
    if until <= at {
        return None;
    }
    let ends = windows
        .iter()
        .filter_map(|it| it.when.last_end(at, it.zone));
    Some(Standing {
        freeze,
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
    let theirs = || freezes.iter().filter(|it| it.is_for(asked));
    let mut found = Vec::new();
    for freeze in theirs().filter(|it| it.sort == Sort::Deny) {
        found.extend(freeze.within(from, until));
    }
    let mut at = from;
    while at < until {
        let allows = || theirs().filter(|it| it.sort == Sort::Allow);
        match outside(allows(), at) {
            Some(closed) => {
                found.push(closed);
                at = closed.until;
            }
            None => {
                let open = allows().filter_map(|it| it.next(at).filter(|(from, _)| *from <= at));
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
            Some(standing) if standing.freeze.level == Level::Block => at = standing.until,
            _ => return Some(at),
        }
    }
    None
}

/// Whether a change that was approved then may begin in this window: the one verdict for everybody who asks.
pub fn may_begin(standing: Standing<'_>, approved_at: Option<Timestamp>) -> Result<(), Refusal> {
    let rule = match standing.freeze.level {
        Level::Warn => return Ok(()),
        Level::Approve if approved_at.is_some_and(|at| at >= standing.from) => return Ok(()),
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
            scope: Scope {
                services: services.to_vec(),
                ..Scope::default()
            },
            is_active: true,
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
            standing(&all, &Asked::production(services), at(when)).map(|it| it.freeze.level)
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
            };
            standing(&all, &asked, at("2026-06-02T10:00:00Z")).map(|it| it.freeze.level)
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
