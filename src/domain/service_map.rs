//! Which services hang together: which calls which, and which run on the same host, cluster, database or network. What breaks in one of
//! them shows in another, and two changes on both ends of a tie get into each other's way.

use std::collections::{BTreeMap, BTreeSet};

use super::id::ServiceId;
use super::refusal::FieldError;
use super::text::one_line;

/// Names that a service runs on, and their length.
const MOST_HOSTS: usize = 20;
const HOST_CHARS: usize = 60;

/// How two services hang together, the nearest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tie {
    Same,
    /// The first one calls it.
    Upstream,
    /// Both run on the same thing.
    Shared,
    /// It calls the first one.
    Downstream,
    /// It is called by, or runs on the same thing as, one that the first one calls or shares something with.
    TwoHops,
}

/// What a service runs on, as it was typed: names that commas or lines set apart, each once.
pub fn hosts(field: &'static str, text: &str) -> Result<Vec<String>, FieldError> {
    let mut names: Vec<String> = Vec::new();
    let typed = text
        .split([',', '\n'])
        .filter(|name| !name.trim().is_empty());
    for name in typed {
        let name = one_line(field, name, HOST_CHARS)?;
        if names.iter().all(|known| fold(known) != fold(&name)) {
            names.push(name);
        }
    }
    if names.len() > MOST_HOSTS {
        let got = names.len().to_string();
        return Err(FieldError::new(field, "too-many")
            .with("max", MOST_HOSTS.to_string())
            .with("got", got));
    }
    Ok(names)
}

/// As names of hosts are compared.
pub fn fold(name: &str) -> String {
    name.to_lowercase()
}

/// All ties of the house.
#[derive(Debug, Clone, Default)]
pub struct ServiceMap {
    calls: BTreeMap<ServiceId, BTreeSet<ServiceId>>,
    called_by: BTreeMap<ServiceId, BTreeSet<ServiceId>>,
    /// Folded names.
    runs_on: BTreeMap<ServiceId, BTreeSet<String>>,
    carries: BTreeMap<String, BTreeSet<ServiceId>>,
}

impl ServiceMap {
    /// `calls`: who calls whom. `hosts`: what runs on what.
    pub fn of(
        calls: impl IntoIterator<Item = (ServiceId, ServiceId)>,
        hosts: impl IntoIterator<Item = (ServiceId, String)>,
    ) -> Self {
        let mut map = Self::default();
        for (service, other) in calls {
            map.calls.entry(service).or_default().insert(other);
            map.called_by.entry(other).or_default().insert(service);
        }
        for (service, name) in hosts {
            let name = fold(&name);
            map.runs_on.entry(service).or_default().insert(name.clone());
            map.carries.entry(name).or_default().insert(service);
        }
        map
    }

    pub fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.runs_on.is_empty()
    }

    fn calls(&self, service: ServiceId, other: ServiceId) -> bool {
        self.calls
            .get(&service)
            .is_some_and(|all| all.contains(&other))
    }

    fn shares(&self, service: ServiceId, other: ServiceId) -> bool {
        match (self.runs_on.get(&service), self.runs_on.get(&other)) {
            (Some(one), Some(two)) => !one.is_disjoint(two),
            _ => false,
        }
    }

    /// What a service calls, and what runs on the same things: where a fault of it may come from.
    fn sources(&self, service: ServiceId) -> BTreeSet<ServiceId> {
        let calls = self.calls.get(&service).into_iter().flatten();
        let hosts = self.runs_on.get(&service).into_iter().flatten();
        let mates = hosts.filter_map(|name| self.carries.get(name)).flatten();
        calls
            .chain(mates)
            .copied()
            .filter(|it| *it != service)
            .collect()
    }

    /// The tie from `service` to `other`; `None`: they have nothing to do with each other.
    pub fn tie(&self, service: ServiceId, other: ServiceId) -> Option<Tie> {
        if service == other {
            return Some(Tie::Same);
        }
        if self.calls(service, other) {
            return Some(Tie::Upstream);
        }
        if self.shares(service, other) {
            return Some(Tie::Shared);
        }
        if self.calls(other, service) {
            return Some(Tie::Downstream);
        }
        let sources = self.sources(service);
        let is_behind = |it: ServiceId| self.calls(it, other) || self.shares(it, other);
        sources.into_iter().any(is_behind).then_some(Tie::TwoHops)
    }

    /// The nearest tie from any of these.
    pub fn nearest(&self, services: &[ServiceId], other: ServiceId) -> Option<Tie> {
        services
            .iter()
            .filter_map(|service| self.tie(*service, other))
            .min()
    }

    /// The nearest tie from any of these to any of the others.
    pub fn tie_of(&self, services: &[ServiceId], others: &[ServiceId]) -> Option<Tie> {
        let ties = others
            .iter()
            .filter_map(|other| self.nearest(services, *other));
        ties.min()
    }

    /// Everything that is tied to any of these by one tie, these left out.
    pub fn around(&self, services: &[ServiceId]) -> BTreeSet<ServiceId> {
        let mut around = BTreeSet::new();
        for service in services {
            around.extend(self.sources(*service));
            around.extend(self.called_by.get(service).into_iter().flatten());
        }
        around.retain(|it| !services.contains(it));
        around
    }
}

#[cfg(test)]
mod tests {
    use super::super::id::Id;
    use super::*;

    fn id(number: u128) -> ServiceId {
        Id::from_uuid(uuid::Uuid::from_u128(number))
    }

    const WEB: u128 = 1;
    const SHOP: u128 = 2;
    const DB: u128 = 3;
    const MAIL: u128 = 4;
    const DOCS: u128 = 5;

    /// The web calls the shop, which calls the database; mail runs on the database's host.
    fn map() -> ServiceMap {
        ServiceMap::of(
            [(id(WEB), id(SHOP)), (id(SHOP), id(DB))],
            [
                (id(DB), "db-1".to_owned()),
                (id(MAIL), "DB-1".to_owned()),
                (id(DOCS), "www".to_owned()),
            ],
        )
    }

    #[test]
    fn a_tie_is_the_nearest_way_from_what_broke_to_what_may_be_behind_it() {
        let map = map();
        for (from, to, tie) in [
            (WEB, WEB, Some(Tie::Same)),
            (WEB, SHOP, Some(Tie::Upstream)),
            (SHOP, WEB, Some(Tie::Downstream)),
            (WEB, DB, Some(Tie::TwoHops)),
            // The shop's database shares its host with mail.
            (SHOP, MAIL, Some(Tie::TwoHops)),
            (DB, MAIL, Some(Tie::Shared)),
            (MAIL, DB, Some(Tie::Shared)),
            // Callers of callers suffer, they don't cause.
            (DB, WEB, None),
            (WEB, MAIL, None),
            (WEB, DOCS, None),
        ] {
            assert_eq!(map.tie(id(from), id(to)), tie, "{from} to {to}");
        }
        assert_eq!(
            map.nearest(&[id(WEB), id(SHOP)], id(DB)),
            Some(Tie::Upstream)
        );
        assert_eq!(map.nearest(&[], id(DB)), None);
    }

    #[test]
    fn who_calls_each_other_is_upstream_of_both() {
        let map = ServiceMap::of([(id(1), id(2)), (id(2), id(1))], []);
        assert_eq!(map.tie(id(1), id(2)), Some(Tie::Upstream));
        assert_eq!(map.tie(id(2), id(1)), Some(Tie::Upstream));
    }

    #[test]
    fn around_are_those_of_one_tie_in_either_direction() {
        let map = map();
        let around: Vec<ServiceId> = map.around(&[id(SHOP)]).into_iter().collect();
        assert_eq!(around, [id(WEB), id(DB)]);
        let around: Vec<ServiceId> = map.around(&[id(DB), id(SHOP)]).into_iter().collect();
        assert_eq!(around, [id(WEB), id(MAIL)]);
    }

    #[test]
    fn hosts_are_typed_in_a_line_and_each_counts_once() {
        assert_eq!(
            hosts("runs_on", " db-1, k8s  eu ,, DB-1\nrack 7").unwrap(),
            ["db-1", "k8s eu", "rack 7"]
        );
        assert_eq!(hosts("runs_on", "").unwrap(), Vec::<String>::new());
        let many: Vec<String> = (0..=MOST_HOSTS).map(|n| format!("h{n}")).collect();
        let refused = hosts("runs_on", &many.join(",")).unwrap_err();
        assert_eq!(refused.problem, "too-many");
        let long = "x".repeat(HOST_CHARS + 1);
        assert_eq!(hosts("runs_on", &long).unwrap_err().problem, "too-long");
    }
}
