//! Conflicts of planned changes: what else lies in the same hours, and whether the windows and the incidents of the day leave room for
//! them.
//!
//! A change keeps its service busy from its start until it has baked: regressions show in the first half hour after the end, the planned
//! one until there is an actual one. Nothing of it is stored; whoever looks asks anew.

mod level;

pub use self::level::Levels;
use super::change::Sort as ChangeSort;
use super::freeze::{Asked, Freeze, Level, between, standing};
use super::id::{PersonId, ServiceId, TicketId, TicketKey};
use super::service_map::{ServiceMap, Tie};
use super::severity::Risk;
use super::timestamp::Timestamp;
use super::word::words;

/// How long after its end a change still counts as going on.
pub const BAKE_SECS: i64 = 30 * 60;
/// An open incident stands in the way of what begins so soon.
const SOON_SECS: i64 = 24 * 3_600;

words! {
    /// What is in the way.
    pub enum Code {
        /// Another change of the same service, or one that still bakes.
        SameService = "same_service",
        /// Another change of something that its service calls.
        UpstreamBusy = "upstream_busy",
        /// Another change of something that calls its service.
        DownstreamBusy = "downstream_busy",
        /// Another change of something that runs on the same host, cluster, database or network.
        SharedInfra = "shared_infra",
        /// Whoever does it does another one then.
        SameAssignee = "same_assignee",
        InFreeze = "in_freeze",
        OutsideMaintenance = "outside_maintenance",
        /// It begins inside a maintenance window and ends after it.
        ExceedsMaintenance = "exceeds_maintenance",
        /// Something of the same service, or of one that it calls, is broken, and this isn't linked to it.
        OpenIncident = "open_incident",
        /// Glass was broken on the same service, and nobody has looked at it yet.
        UnreviewedEmergency = "unreviewed_emergency",
    }
}

impl Code {
    /// What another change of a service that hangs on this one's is.
    const fn by(tie: Tie) -> Option<Self> {
        match tie {
            Tie::Same => Some(Code::SameService),
            Tie::Upstream => Some(Code::UpstreamBusy),
            Tie::Downstream => Some(Code::DownstreamBusy),
            Tie::Shared => Some(Code::SharedInfra),
            Tie::TwoHops => None,
        }
    }
}

/// A change with a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    pub ticket: TicketId,
    pub key: TicketKey,
    pub title: String,
    pub starts_at: Timestamp,
    /// Its start, if nobody said how long it takes.
    pub ends_at: Timestamp,
    /// When the work on it did end.
    pub ended_at: Option<Timestamp>,
    pub services: Vec<ServiceId>,
    pub owner: Option<PersonId>,
    pub risk: Option<Risk>,
    pub sort: ChangeSort,
    /// Where it is done; `None`: where customers are.
    pub environment: Option<String>,
    /// Tickets that it is linked to, but for incidents that came of it: a remedy names what it is for.
    pub linked: Vec<TicketId>,
}

/// An open ticket of some services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    pub ticket: TicketId,
    pub key: TicketKey,
    pub services: Vec<ServiceId>,
}

/// Everything that a change is held against.
#[derive(Debug, Clone, Default)]
pub struct Around {
    pub planned: Vec<Planned>,
    /// How services hang together.
    pub map: ServiceMap,
    pub freezes: Vec<Freeze>,
    /// The environment in which customers are.
    pub production: String,
    /// Incidents that are open.
    pub incidents: Vec<Open>,
    /// Changes whose glass was broken and that wait for their review.
    pub unreviewed: Vec<Open>,
}

/// One thing that is in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    pub code: Code,
    /// The ticket that is, if it is one.
    pub with: Option<TicketKey>,
    /// The window that is, if it is one; else empty.
    pub window: String,
}

impl Conflict {
    fn with(code: Code, key: TicketKey) -> Self {
        Self {
            code,
            with: Some(key),
            window: String::new(),
        }
    }

    fn window(code: Code, freeze: &Freeze) -> Self {
        Self {
            code,
            with: None,
            window: freeze.name.clone(),
        }
    }
}

fn share(one: &[ServiceId], other: &[ServiceId]) -> bool {
    one.iter().any(|service| other.contains(service))
}

impl Planned {
    fn overlaps(&self, other: &Planned, bake_secs: i64) -> bool {
        let from = |it: &Planned| it.ended_at.map_or(it.starts_at, |at| at.min(it.starts_at));
        let to = |it: &Planned| it.ended_at.unwrap_or(it.ends_at).plus_secs(bake_secs);
        from(self) < to(other) && from(other) < to(self)
    }

    /// What is in its way, as far as is known at `now`.
    pub fn conflicts(&self, around: &Around, now: Timestamp) -> Vec<Conflict> {
        let mut found = Vec::new();
        let others = || around.planned.iter().filter(|it| it.ticket != self.ticket);
        // The hours first: they cost less than the way from service to service.
        for other in others().filter(|other| self.overlaps(other, BAKE_SECS)) {
            let tie = around.map.tie_of(&self.services, &other.services);
            if let Some(code) = tie.and_then(Code::by) {
                found.push(Conflict::with(code, other.key));
            }
        }
        for other in others() {
            let is_theirs = self.owner.is_some() && self.owner == other.owner;
            // Whoever does it is free again when it ends; one that says no end takes a moment.
            if is_theirs && self.overlaps(other, 1) {
                found.push(Conflict::with(Code::SameAssignee, other.key));
            }
        }
        self.windows(around, &mut found);
        let is_linked = |open: &Open| self.linked.contains(&open.ticket);
        let breaks = |open: &&Open| {
            let tie = around.map.tie_of(&self.services, &open.services);
            matches!(tie, Some(Tie::Same | Tie::Upstream)) && !is_linked(open)
        };
        let concerns = |open: &&Open| share(&self.services, &open.services) && !is_linked(open);
        if self.starts_at < now.plus_secs(SOON_SECS) {
            let incidents = around.incidents.iter().filter(breaks);
            found.extend(incidents.map(|it| Conflict::with(Code::OpenIncident, it.key)));
        }
        let unreviewed = around.unreviewed.iter().filter(concerns);
        let unreviewed = unreviewed.filter(|it| it.ticket != self.ticket);
        found.extend(unreviewed.map(|it| Conflict::with(Code::UnreviewedEmergency, it.key)));
        found
    }

    /// The windows of the hours in which it would begin and end.
    fn windows(&self, around: &Around, found: &mut Vec<Conflict>) {
        let environment = self.environment.as_ref().unwrap_or(&around.production);
        let asked = Asked {
            services: &self.services,
            environment,
            is_production: *environment == around.production,
            risk: self.risk,
            sort: Some(self.sort),
        };
        let end = self.ends_at.max(self.starts_at.plus_micros(1));
        match standing(&around.freezes, &asked, self.starts_at) {
            Some(it) if it.is_outside() && it.level != Level::Warn => {
                found.push(Conflict::window(Code::OutsideMaintenance, it.freeze));
                return;
            }
            _ => {}
        }
        let mut named: Vec<Conflict> = Vec::new();
        for it in between(&around.freezes, &asked, self.starts_at, end) {
            if it.level == Level::Warn {
                continue;
            }
            let code = match it.is_outside() {
                true => Code::ExceedsMaintenance,
                false => Code::InFreeze,
            };
            let conflict = Conflict::window(code, it.freeze);
            if !named.contains(&conflict) {
                named.push(conflict);
            }
        }
        found.extend(named);
    }
}

#[cfg(test)]
mod tests {
    use super::super::freeze::{Details, Sort, TypeLevel, TypeLevels, When};
    use super::super::id::{Id, Kind};
    use super::*;

    fn id<T>(number: u128) -> Id<T> {
        Id::from_uuid(uuid::Uuid::from_u128(number))
    }

    fn key(kind: Kind, number: i64) -> TicketKey {
        TicketKey { kind, number }
    }

    /// On Tuesday 2 June 2026, UTC.
    fn at(hour: i64, minute: i64) -> Timestamp {
        let day = Timestamp::parse_rfc3339("2026-06-02T00:00:00Z").unwrap();
        day.plus_secs(hour * 3_600 + minute * 60)
    }

    fn planned(number: i64, from: Timestamp, to: Timestamp, service: u128) -> Planned {
        Planned {
            ticket: id(number as u128),
            key: key(Kind::Change, number),
            title: "Raise pool size".to_owned(),
            starts_at: from,
            ends_at: to,
            ended_at: None,
            services: vec![id(service)],
            owner: None,
            risk: None,
            sort: ChangeSort::Normal,
            environment: None,
            linked: Vec::new(),
        }
    }

    fn window(name: &str, from: &str, to: &str, sort: Sort) -> Freeze {
        let details = Details {
            when: When::parse(from, to).unwrap(),
            sort,
            types: TypeLevels::default(),
            ..Details::friday(name, chrono_tz::UTC)
        };
        details.freeze(id(900), at(0, 0), 1)
    }

    fn told(of: &Planned, around: &Around) -> Vec<String> {
        let found = of.conflicts(around, at(0, 0));
        let text = |it: &Conflict| {
            let what = it.with.map_or(it.window.clone(), |key| key.to_string());
            format!("{} {what}", it.code)
        };
        found.iter().map(text).collect()
    }

    #[test]
    fn a_service_is_busy_until_the_change_before_has_baked() {
        let first = planned(1, at(10, 0), at(11, 0), 7);
        let around = |second: Planned| Around {
            planned: vec![first.clone(), second],
            ..Around::default()
        };
        let second =
            |hour, minute, service| planned(2, at(hour, minute), at(hour + 1, minute), service);
        let baking = second(11, 29, 7);
        assert_eq!(
            told(&first, &around(baking.clone())),
            ["same_service CHG-2"]
        );
        assert_eq!(
            told(&baking, &around(baking.clone())),
            ["same_service CHG-1"]
        );
        assert!(told(&first, &around(second(11, 30, 7))).is_empty());
        assert!(told(&first, &around(second(10, 30, 8))).is_empty());
        // One that says no end bakes from its start.
        let moment = planned(2, at(9, 45), at(9, 45), 7);
        assert_eq!(told(&first, &around(moment)), ["same_service CHG-2"]);
    }

    #[test]
    fn a_window_counts_where_the_change_is_done() {
        let everywhere = window("Year end", "Tue 00:00", "Wed 00:00", Sort::Deny);
        let around = |environments: &[&str]| {
            let mut freeze = everywhere.clone();
            freeze.scope.environments = environments.iter().map(|it| (*it).to_owned()).collect();
            Around {
                freezes: vec![freeze],
                production: "prod".to_owned(),
                ..Around::default()
            }
        };
        let mut change = planned(1, at(10, 0), at(11, 0), 7);
        let frozen = ["in_freeze Year end"];
        assert_eq!(told(&change, &around(&[])), frozen);
        assert_eq!(
            told(&change, &around(&["prod"])),
            frozen,
            "by its name, too"
        );
        assert!(told(&change, &around(&["lab"])).is_empty());
        change.environment = Some("lab".to_owned());
        assert_eq!(told(&change, &around(&["prod", "lab"])), frozen);
        assert!(told(&change, &around(&[])).is_empty());
        assert!(told(&change, &around(&["prod"])).is_empty());
        change.environment = Some("prod".to_owned());
        assert_eq!(told(&change, &around(&["prod"])), frozen);
    }

    #[test]
    fn what_has_ended_bakes_from_its_end_and_not_from_the_planned_one() {
        let next = planned(1, at(11, 15), at(12, 0), 7);
        for (ended, is_busy) in [
            (None, true),
            // Earlier than was planned: it has baked.
            (Some(at(10, 45)), false),
            (Some(at(10, 46)), true),
            // Later.
            (Some(at(11, 40)), true),
            // Before it was planned to begin.
            (Some(at(9, 0)), false),
        ] {
            let other = Planned {
                ended_at: ended,
                ..planned(2, at(10, 0), at(11, 0), 7)
            };
            let around = Around {
                planned: vec![other],
                ..Around::default()
            };
            assert_eq!(!told(&next, &around).is_empty(), is_busy, "{ended:?}");
        }
        let early = Planned {
            ended_at: Some(at(9, 0)),
            ..planned(2, at(10, 0), at(11, 0), 7)
        };
        let around = Around {
            planned: vec![early],
            ..Around::default()
        };
        let then = planned(1, at(8, 30), at(9, 10), 7);
        assert_eq!(told(&then, &around), ["same_service CHG-2"]);
    }

    #[test]
    fn nobody_does_two_at_once() {
        let of = |number, from, to, who: u128| Planned {
            owner: Some(id(who)),
            ..planned(number, from, to, number as u128)
        };
        let first = of(1, at(10, 0), at(11, 0), 5);
        for (other, expected) in [
            (of(2, at(10, 59), at(12, 0), 5), 1),
            (of(2, at(11, 1), at(12, 0), 5), 0),
            (of(2, at(10, 30), at(12, 0), 6), 0),
        ] {
            let around = Around {
                planned: vec![first.clone(), other],
                ..Around::default()
            };
            assert_eq!(told(&first, &around).len(), expected);
        }
    }

    #[test]
    fn windows_are_met_missed_or_outlasted() {
        let around = |freezes| Around {
            freezes,
            ..Around::default()
        };
        let night = || window("Tuesday night", "Tue 20:00", "Tue 23:00", Sort::Allow);
        let freeze = || {
            window(
                "Month's end",
                "2026-06-02 21:00",
                "2026-06-03 00:00",
                Sort::Deny,
            )
        };
        let inside = planned(1, at(20, 0), at(21, 0), 7);
        assert!(told(&inside, &around(vec![night(), freeze()])).is_empty());
        let long = planned(1, at(20, 0), at(23, 30), 7);
        assert_eq!(
            told(&long, &around(vec![night(), freeze()])),
            ["in_freeze Month's end", "exceeds_maintenance Tuesday night"]
        );
        let noon = planned(1, at(12, 0), at(13, 0), 7);
        assert_eq!(
            told(&noon, &around(vec![night()])),
            ["outside_maintenance Tuesday night"]
        );
    }

    #[test]
    fn a_type_that_a_window_lets_through_isnt_in_its_way() {
        let with = |sort, level| {
            // The change is on Tuesday: inside the freeze, outside of the maintenance window.
            let (from, to) = match sort {
                Sort::Deny => ("Tue 00:00", "Wed 00:00"),
                Sort::Allow => ("Thu 00:00", "Fri 00:00"),
            };
            let mut window = window("Window", from, to, sort);
            window.types.emergency = Some(level);
            let emergency = Planned {
                sort: ChangeSort::Emergency,
                ..planned(1, at(20, 0), at(21, 0), 7)
            };
            let around = Around {
                freezes: vec![window],
                ..Around::default()
            };
            told(&emergency, &around)
        };
        assert!(with(Sort::Deny, TypeLevel::Exempt).is_empty());
        assert!(with(Sort::Deny, TypeLevel::Warn).is_empty());
        assert_eq!(with(Sort::Deny, TypeLevel::Approve), ["in_freeze Window"]);
        assert!(with(Sort::Allow, TypeLevel::Exempt).is_empty());
        assert!(with(Sort::Allow, TypeLevel::Warn).is_empty());
        let block = TypeLevel::Block;
        assert_eq!(with(Sort::Allow, block), ["outside_maintenance Window"]);
    }

    #[test]
    fn what_is_broken_and_what_nobody_has_looked_at_stands_in_the_way() {
        let open = |number: u128, kind| Open {
            ticket: id(number),
            key: key(kind, number as i64),
            services: vec![id(7)],
        };
        let around = Around {
            incidents: vec![open(20, Kind::Incident)],
            unreviewed: vec![open(30, Kind::Change), open(1, Kind::Change)],
            ..Around::default()
        };
        let soon = planned(1, at(10, 0), at(11, 0), 7);
        assert_eq!(
            told(&soon, &around),
            ["open_incident INC-20", "unreviewed_emergency CHG-30"]
        );
        let fix = Planned {
            linked: vec![id(20)],
            ..soon.clone()
        };
        assert_eq!(told(&fix, &around), ["unreviewed_emergency CHG-30"]);
        // Next week it will be over.
        let later = planned(1, at(24 * 6, 0), at(24 * 6 + 1, 0), 7);
        assert_eq!(told(&later, &around), ["unreviewed_emergency CHG-30"]);
    }
}
