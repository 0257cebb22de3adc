//! What the windows say to a push: of each service that is made from the repository, in each environment that its rules name, and of what
//! is for some refs alone.
//!
//! Each service is asked for by itself, and the severest answer counts: that one may begin now is no reason for another.

use std::collections::BTreeMap;

use crate::domain::change::Sort;
use crate::domain::freeze::{Asked, Freeze, Level, Standing, between, next_open, standing};
use crate::domain::git::Repository;
use crate::domain::id::ServiceId;
use crate::domain::push_rule::{Asking, Freezing, Frozen, RefRule};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::store::{self, Conn};

/// How far ahead a hook knows the windows.
const AHEAD_SECS: i64 = 7 * 86_400;
/// Windows that follow each other without a gap are looked through this far.
const MOST_IN_A_ROW: usize = 64;

pub(super) struct Windows {
    /// By the patterns that they are for; first those for any ref.
    groups: Vec<(Vec<String>, Vec<Freeze>)>,
    /// What is asked for one after the other.
    each: Vec<Vec<ServiceId>>,
    names: BTreeMap<ServiceId, String>,
    production: String,
    /// Environments that rules name; where customers are isn't among them.
    others: Vec<String>,
    now: Timestamp,
}

/// Which windows are asked, and where.
struct Place<'a> {
    freezes: &'a [Freeze],
    /// Empty: where customers are.
    environment: &'a str,
}

impl Windows {
    /// `rules`: those of the repository, with an empty environment where that is production.
    pub(super) fn load(
        conn: &mut Conn,
        repository: &Repository,
        rules: &[RefRule],
        environments: &[String],
        now: Timestamp,
    ) -> Result<Self> {
        let services = repository.services();
        let mut groups: Vec<(Vec<String>, Vec<Freeze>)> = vec![(Vec::new(), Vec::new())];
        for freeze in store::freeze::all(conn)? {
            let refs = freeze.scope.refs.clone();
            let own = freeze.of_refs();
            match groups.iter_mut().find(|(known, _)| *known == refs) {
                Some((_, all)) => all.push(own),
                None => groups.push((refs, vec![own])),
            }
        }
        let asks = rules.iter().filter(|rule| rule.freeze == Freezing::Enforce);
        let mut others: Vec<String> = asks.map(|rule| rule.env.clone()).collect();
        others.retain(|name| !name.is_empty());
        others.sort();
        others.dedup();
        Ok(Self {
            names: match services.len() {
                0 | 1 => BTreeMap::new(),
                _ => store::house::service_names(conn, &services)?
                    .into_iter()
                    .collect(),
            },
            each: match services.is_empty() {
                true => vec![Vec::new()],
                false => services.into_iter().map(|id| vec![id]).collect(),
            },
            groups,
            production: environments.first().cloned().unwrap_or_default(),
            others,
            now,
        })
    }

    fn usual(&self) -> Place<'_> {
        Place {
            freezes: &self.groups[0].1,
            environment: "",
        }
    }

    /// What is open where customers are, for any ref.
    pub(super) fn open(&self) -> Option<Frozen> {
        self.open_at(&self.usual(), None)
    }

    pub(super) fn open_by_type(&self) -> BTreeMap<Sort, Option<Frozen>> {
        self.by_type(&self.usual(), |place, sort| self.open_at(place, Some(sort)))
    }

    /// Elsewhere, and for some refs.
    pub(super) fn open_besides(&self) -> Vec<Asking<Option<Frozen>>> {
        let mut all = self.besides(|place, sort| self.open_at(place, sort));
        all.retain(|it| it.all.is_some() || it.by_type.values().any(Option::is_some));
        all
    }

    /// Those of the coming week, likewise.
    pub(super) fn ahead(&self) -> Vec<Frozen> {
        self.ahead_at(&self.usual(), None)
    }

    pub(super) fn ahead_by_type(&self) -> BTreeMap<Sort, Vec<Frozen>> {
        self.by_type(&self.usual(), |place, sort| {
            self.ahead_at(place, Some(sort))
        })
    }

    pub(super) fn ahead_besides(&self) -> Vec<Asking<Vec<Frozen>>> {
        let mut all = self.besides(|place, sort| self.ahead_at(place, sort));
        all.retain(|it| !it.all.is_empty() || it.by_type.values().any(|it| !it.is_empty()));
        all
    }

    fn besides<T>(&self, of: impl Fn(&Place<'_>, Option<Sort>) -> T) -> Vec<Asking<T>> {
        let mut found = Vec::new();
        let environments = std::iter::once("").chain(self.others.iter().map(String::as_str));
        for environment in environments {
            for (refs, freezes) in &self.groups {
                if environment.is_empty() && refs.is_empty() {
                    continue;
                }
                let place = Place {
                    freezes,
                    environment,
                };
                found.push(Asking {
                    environment: environment.to_owned(),
                    refs: refs.clone(),
                    all: of(&place, None),
                    by_type: self.by_type(&place, |place, sort| of(place, Some(sort))),
                });
            }
        }
        found
    }

    /// Of each type to which some window says something else than to all.
    fn by_type<T>(
        &self,
        place: &Place<'_>,
        of: impl Fn(&Place<'_>, Sort) -> T,
    ) -> BTreeMap<Sort, T> {
        let told_apart =
            |sort: &&Sort| place.freezes.iter().any(|it| it.types.of(**sort).is_some());
        let sorts = Sort::ALL.iter().filter(told_apart);
        sorts.map(|sort| (*sort, of(place, *sort))).collect()
    }

    fn asked<'a>(
        &'a self,
        place: &Place<'a>,
        services: &'a [ServiceId],
        sort: Option<Sort>,
    ) -> Asked<'a> {
        let is_production = place.environment.is_empty();
        Asked {
            services,
            environment: match is_production {
                true => &self.production,
                false => place.environment,
            },
            is_production,
            risk: None,
            sort,
        }
    }

    fn open_at(&self, place: &Place<'_>, sort: Option<Sort>) -> Option<Frozen> {
        let stands = |services: &[ServiceId]| {
            let asked = self.asked(place, services, sort);
            standing(place.freezes, &asked, self.now)
        };
        let all: Vec<_> = self.each.iter().map(|one| (one, stands(one))).collect();
        let worst = all.iter().filter_map(|(_, it)| *it);
        let worst = worst.max_by_key(|it| (it.level, it.until))?;
        let theirs = all.iter().filter(|(_, it)| *it == Some(worst));
        let theirs = theirs.flat_map(|(one, _)| one.iter().copied());
        let mut found = self.frozen(&worst, &theirs.collect::<Vec<_>>());
        found.next_open = self.next_open(place, sort);
        Some(found)
    }

    /// When none of them is blocked any more.
    fn next_open(&self, place: &Place<'_>, sort: Option<Sort>) -> Option<Timestamp> {
        let mut at = self.now;
        for _ in 0..MOST_IN_A_ROW {
            let mut latest = at;
            for one in &self.each {
                let asked = self.asked(place, one, sort);
                let blocks = standing(place.freezes, &asked, at);
                if blocks.is_some_and(|it| it.level == Level::Block) {
                    latest = latest.max(next_open(place.freezes, &asked, at)?);
                }
            }
            if latest == at {
                return Some(at);
            }
            at = latest;
        }
        None
    }

    fn ahead_at(&self, place: &Place<'_>, sort: Option<Sort>) -> Vec<Frozen> {
        let until = self.now.plus_secs(AHEAD_SECS);
        let mut found: Vec<(Standing<'_>, Vec<ServiceId>)> = Vec::new();
        for one in &self.each {
            let asked = self.asked(place, one, sort);
            for it in between(place.freezes, &asked, self.now, until) {
                match found.iter_mut().find(|(known, _)| *known == it) {
                    Some((_, of)) => of.extend(one),
                    None => found.push((it, one.clone())),
                }
            }
        }
        found.sort_by_key(|(it, _)| (it.from, it.until));
        found.iter().map(|(it, of)| self.frozen(it, of)).collect()
    }

    /// Named are the services that it is of, if others aren't concerned.
    fn frozen(&self, of: &Standing<'_>, services: &[ServiceId]) -> Frozen {
        let is_of_all = services.len() == self.each.len();
        let named = services.iter().filter_map(|id| self.names.get(id).cloned());
        Frozen {
            name: of.freeze.name.clone(),
            services: match is_of_all {
                true => Vec::new(),
                false => named.collect(),
            },
            level: of.level,
            zone: of.freeze.zone,
            from: of.from,
            until: of.until,
            next_open: None,
        }
    }
}
