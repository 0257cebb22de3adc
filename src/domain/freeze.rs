//! Freezes: windows of time in which changes don't begin, or not without approval.
//!
//! A window is written on the wall clock of a zone, every week (`Fri 00:00` to `Mon 07:00`) or once, and holds for some services or
//! for the whole house. It is half-open: at its end changes begin again. Around a change of offset a window is never shorter than
//! it reads: of a time that occurs twice the first begins it and the second ends it. Of several windows the severest counts.
//! Whoever can't wait breaks the glass (`domain/change.rs`).

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Weekday};
use chrono_tz::Tz;

use super::id::{FreezeId, ServiceId};
use super::refusal::{FieldError, Refusal};
use super::text;
use super::timestamp::Timestamp;
use super::wall_clock;
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

/// One end of a window, on the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    Weekly { day: Weekday, time: NaiveTime },
    Once(NaiveDateTime),
}

impl Edge {
    /// `Fri 00:00`, `friday 7:30`, `2026-12-20 00:00` or `2026-12-20T00:00`.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, FieldError> {
        let wrong = || FieldError::new(field, "not-a-freeze-time").with("value", text.to_owned());
        let (day, time) = text.trim().rsplit_once([' ', 'T']).ok_or_else(wrong)?;
        let time = NaiveTime::parse_from_str(time.trim(), "%H:%M").map_err(|_| wrong())?;
        if let Ok(date) = NaiveDate::parse_from_str(day, "%Y-%m-%d") {
            return Ok(Edge::Once(date.and_time(time)));
        }
        let day: Weekday = day.trim_end().parse().map_err(|_| wrong())?;
        Ok(Edge::Weekly { day, time })
    }

    pub fn text(self) -> String {
        match self {
            Edge::Weekly { day, time } => format!("{day} {}", time.format("%H:%M")),
            Edge::Once(at) => at.format("%Y-%m-%d %H:%M").to_string(),
        }
    }
}

/// When a window is: two ends of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct When {
    from: Edge,
    to: Edge,
}

impl When {
    /// Two ends as people type them. Every week: one that is open at some time of the week.
    pub fn parse(from: &str, to: &str) -> Result<Self, Vec<FieldError>> {
        let (from, to) = match (Edge::parse("from", from), Edge::parse("to", to)) {
            (Ok(from), Ok(to)) => (from, to),
            (from, to) => return Err([from.err(), to.err()].into_iter().flatten().collect()),
        };
        let problem = match (from, to) {
            (Edge::Once(from), Edge::Once(to)) if to <= from => Some("ends-before-start"),
            (Edge::Weekly { .. }, Edge::Weekly { .. }) if from == to => Some("freeze-never-open"),
            (Edge::Once(_), Edge::Once(_)) | (Edge::Weekly { .. }, Edge::Weekly { .. }) => None,
            _ => Some("freeze-mixed"),
        };
        match problem {
            Some(problem) => Err(vec![FieldError::new("to", problem)]),
            None => Ok(Self { from, to }),
        }
    }

    pub fn from(self) -> String {
        self.from.text()
    }

    pub fn to(self) -> String {
        self.to.text()
    }

    pub fn is_weekly(self) -> bool {
        matches!(self.from, Edge::Weekly { .. })
    }

    /// The occurrences that end after `at`, the earliest first: at least the next two of a weekly window.
    fn around(self, at: Timestamp, zone: Tz) -> Vec<(Timestamp, Timestamp)> {
        let locals = match (self.from, self.to) {
            (Edge::Once(from), Edge::Once(to)) => vec![(from, to)],
            (
                Edge::Weekly { day, time },
                Edge::Weekly {
                    day: last,
                    time: end,
                },
            ) => {
                let today = at.in_zone(zone).date_naive();
                let monday = today - TimeDelta::days(today.weekday().num_days_from_monday().into());
                let on = |week: i64, day: Weekday, time: NaiveTime| {
                    let days = 7 * week + i64::from(day.num_days_from_monday());
                    (monday + TimeDelta::days(days)).and_time(time)
                };
                // The end is the first such time after the start: within a week.
                let is_later = on(0, last, end) > on(0, day, time);
                (-1..=2)
                    .map(|week| {
                        let end_week = if is_later { week } else { week + 1 };
                        (on(week, day, time), on(end_week, last, end))
                    })
                    .collect()
            }
            // No such window can be made.
            _ => Vec::new(),
        };
        let instants = locals
            .into_iter()
            .map(|(from, to)| (wall_clock::instant(from, zone), last_instant(to, zone)));
        instants.filter(|(_, until)| *until > at).collect()
    }
}

/// The instant at which the clocks of `zone` show `local` for the last time.
fn last_instant(local: NaiveDateTime, zone: Tz) -> Timestamp {
    match zone.from_local_datetime(&local) {
        chrono::LocalResult::Ambiguous(first, second) => first.max(second).into(),
        _ => wall_clock::instant(local, zone),
    }
}

/// A window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freeze {
    pub id: FreezeId,
    pub name: String,
    pub zone: Tz,
    pub when: When,
    pub level: Level,
    /// None: the whole house.
    pub services: Vec<ServiceId>,
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
    pub level: Level,
    pub services: Vec<ServiceId>,
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
            when: When {
                from: edge(Weekday::Fri, 0),
                to: edge(Weekday::Mon, 7),
            },
            level: Level::Block,
            services: Vec::new(),
            is_active: true,
        }
    }

    /// Checks what was typed; all faults at once.
    pub fn check(
        name: &str,
        zone: &str,
        (from, to): (&str, &str),
        level: &str,
        services: Vec<ServiceId>,
        is_active: bool,
    ) -> Result<Self, Vec<FieldError>> {
        let mut faults = Vec::new();
        let name = text::one_line("name", name, text::NAME_CHARS);
        let zone = text::zone("zone", zone);
        let level = level.trim().parse::<Level>();
        let level = level.map_err(|()| FieldError::new("level", "not-a-freeze-level"));
        faults.extend(name.as_ref().err().cloned());
        faults.extend(zone.as_ref().err().cloned());
        faults.extend(level.as_ref().err().cloned());
        match (name, zone, level, When::parse(from, to)) {
            (Ok(name), Ok(zone), Ok(level), Ok(when)) => Ok(Self {
                name,
                zone,
                when,
                level,
                services,
                is_active,
            }),
            (.., when) => {
                faults.extend(when.err().into_iter().flatten());
                Err(faults)
            }
        }
    }
}

/// A window that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing<'a> {
    pub freeze: &'a Freeze,
    pub from: Timestamp,
    /// The first instant at which it is open no more.
    pub until: Timestamp,
}

impl Freeze {
    fn is_for(&self, services: &[ServiceId]) -> bool {
        self.services.is_empty() || services.iter().any(|it| self.services.contains(it))
    }

    /// Its occurrence at `at`, or else the next one.
    pub fn next(&self, at: Timestamp) -> Option<(Timestamp, Timestamp)> {
        self.when.around(at, self.zone).into_iter().next()
    }

    fn standing(&self, at: Timestamp) -> Option<Standing<'_>> {
        let (from, until) = self.next(at)?;
        (from <= at).then_some(Standing {
            freeze: self,
            from,
            until,
        })
    }
}

/// The severest window that is open at `at` for any of these services; of equals the one that ends last.
pub fn standing<'a>(
    freezes: &'a [Freeze],
    services: &[ServiceId],
    at: Timestamp,
) -> Option<Standing<'a>> {
    freezes
        .iter()
        .filter(|it| it.is_active && it.is_for(services))
        .filter_map(|it| it.standing(at))
        .max_by_key(|it| (it.freeze.level, it.until))
}

/// Every window of these services that is open at some time in `from..until`, by its start.
pub fn between<'a>(
    freezes: &'a [Freeze],
    services: &[ServiceId],
    from: Timestamp,
    until: Timestamp,
) -> Vec<Standing<'a>> {
    let mut found = Vec::new();
    let mine = freezes.iter();
    for freeze in mine.filter(|it| it.is_active && it.is_for(services)) {
        let mut at = from;
        while let Some((start, end)) = freeze.next(at).filter(|(start, _)| *start < until) {
            found.push(Standing {
                freeze,
                from: start,
                until: end,
            });
            at = end;
        }
    }
    found.sort_by_key(|it| (it.from, it.until, it.freeze.id));
    found
}

/// Windows that follow each other without a gap are looked through this far: beyond it nobody plans.
const MOST_IN_A_ROW: usize = 64;

/// The first instant from `at` on in which no window blocks these services. `None`: not in sight.
pub fn next_open(freezes: &[Freeze], services: &[ServiceId], at: Timestamp) -> Option<Timestamp> {
    let mut at = at;
    for _ in 0..MOST_IN_A_ROW {
        match standing(freezes, services, at) {
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
            level,
            services: services.to_vec(),
            is_active: true,
            made_at: at("2026-01-01T00:00:00Z"),
            version: 1,
        }
    }

    fn is_open(freeze: &Freeze, when: &str) -> bool {
        standing(std::slice::from_ref(freeze), &[], at(when)).is_some()
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
            next_open(&all, &[], at("2026-06-05T12:00:00Z")),
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
            standing(&all, services, at(when)).map(|it| it.freeze.level)
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
            next_open(&all, &[web], at("2026-06-02T10:30:00Z")),
            Some(at("2026-06-02T13:00:00Z"))
        );
        let strict = standing(&all, &[web], at("2026-06-02T09:00:00Z")).unwrap();
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
        let frozen = standing(&all, &[web], at("2026-06-02T10:30:00Z")).unwrap();
        assert_eq!(rule(frozen, Some("2026-06-02T10:30:00Z")), Some("frozen"));
    }

    #[test]
    fn what_is_no_window_is_refused_at_its_field() {
        let fault = |from: &str, to: &str| {
            let faults = When::parse(from, to).unwrap_err();
            let faults = faults.iter().map(|it| (it.field.to_string(), it.problem));
            faults.collect::<Vec<_>>()
        };
        let of = |field: &str, problem: &'static str| vec![(field.to_owned(), problem)];
        assert_eq!(
            fault("Fri 00:00", "Fri 00:00"),
            of("to", "freeze-never-open")
        );
        assert_eq!(
            fault("Fri 00:00", "2026-01-01 00:00"),
            of("to", "freeze-mixed")
        );
        assert_eq!(
            fault("2026-01-02 00:00", "2026-01-01 00:00"),
            of("to", "ends-before-start")
        );
        assert_eq!(fault("Fry 00:00", "25:00").len(), 2);
        let typed = When::parse("friday 7:00", "2026-13-01 00:00");
        assert_eq!(typed.unwrap_err()[0].field, "to");
        let kept = When::parse(" friday 7:00", "sun 09:30").unwrap();
        assert_eq!(
            (kept.from(), kept.to()),
            ("Fri 07:00".into(), "Sun 09:30".into())
        );
        assert_eq!(When::parse(&kept.from(), &kept.to()), Ok(kept));
    }
}
