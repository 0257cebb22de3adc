//! Gathers what an incident may come of: deployments, changes in progress and pushes around its onset, each with what makes it
//! suspicious; and how often each feed speaks.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::deployment_story as story;
use super::suspect::{Subject, Told};
use super::suspect_alibi::{Elsewhere, untold};
use crate::domain::deployment::{Check, Deployment, Revert, Source, Status, Step};
use crate::domain::id::{
    DeploymentId, Id, Kind as TicketKind, ServiceId, TeamId, TicketId, TicketKey,
};
use crate::domain::service_map::ServiceMap;
use crate::domain::suspect::{
    Alibi, Candidate, Evidence, Feed, History, Kind, Near, Pace, Risk, WINDOW_SECS,
};
use crate::domain::ticket::{State, Ticket};
use crate::domain::timeline::EntryKind;
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::store::deployment as rows;
use crate::store::suspect as marks;
use crate::store::{self, Conn};

/// Deployments looked at; beyond it the oldest of the window are left out.
const MOST_DEPLOYMENTS: i64 = 10_000;
const MOST_CHANGES: i64 = 500;
const MOST_COMMITS: i64 = 5_000;
/// Those of the services concerned whose commits are read for words and risk.
const MOST_READ: usize = 25;
/// What began so long after the onset still is worth an alibi.
const AFTER_SECS: i64 = 1_800;
/// Nothing was changed there for so long: the next change is a first one.
pub(super) const QUIET_SECS: i64 = 14 * 86_400;
/// From when on feeds are looked at for their rhythm.
const RHYTHM_SECS: i64 = 30 * 86_400;
const MOST_EVENTS: i64 = 2_000;
/// A feed that hasn't spoken for longer is no feed any more; until then its silence vouches for nothing.
const RETIRED_SECS: i64 = 90 * 86_400;
#[derive(Default)]
pub(super) struct Found {
    pub candidates: Vec<Candidate>,
    pub told: Vec<Told>,
}

/// Where it happened, and what is known around it.
pub(super) struct Scene {
    onset: Timestamp,
    pub environment: String,
    pub services: Vec<ServiceId>,
    map: ServiceMap,
    /// Tied to those by one tie.
    around: BTreeSet<ServiceId>,
    teams: HashSet<TeamId>,
    team_of: HashMap<ServiceId, TeamId>,
    pub names: HashMap<ServiceId, String>,
    history: HashMap<(ServiceId, Kind), History>,
    /// Changes that were deployed around then: the deployment stands for them.
    deployed: HashSet<TicketId>,
    /// Services whose deployments we are told of there.
    told_of: HashSet<ServiceId>,
    elsewhere: Elsewhere,
}

impl Scene {
    pub(super) fn of(
        conn: &mut Conn,
        ticket: &Ticket,
        onset: Timestamp,
        now: Timestamp,
    ) -> Result<Self> {
        let services = store::ticket::services(conn, ticket.id)?;
        let all = store::house::services(conn)?;
        let environment = store::house::environments(conn)?
            .into_iter()
            .next()
            .unwrap_or_default();
        let lanes = rows::lanes(conn)?;
        let team_of: HashMap<ServiceId, TeamId> =
            all.iter().map(|it| (it.id, it.team_id)).collect();
        let map = store::service_map::load(conn)?;
        let until = ticket.restored_at.or(ticket.resolved_at).unwrap_or(now);
        let elsewhere = Elsewhere::of(conn, ticket.id, &environment, &lanes, onset, until)?;
        Ok(Self {
            onset,
            elsewhere,
            around: map.around(&services),
            map,
            teams: match services.is_empty() {
                true => ticket.team.into_iter().collect(),
                false => services
                    .iter()
                    .filter_map(|id| team_of.get(id).copied())
                    .collect(),
            },
            names: all.into_iter().map(|it| (it.id, it.name)).collect(),
            told_of: lanes
                .into_iter()
                .filter(|it| it.environment == environment)
                .map(|it| it.service)
                .collect(),
            history: marks::history(conn)?,
            deployed: HashSet::new(),
            environment,
            services,
            team_of,
        })
    }

    /// Its words: what the incident is called, and what was first said of it.
    pub(super) fn symptom(&self, conn: &mut Conn, ticket: &Ticket) -> Result<String> {
        let mut text = ticket.title.to_string();
        let said = [
            EntryKind::Opened,
            EntryKind::CustomerMessage,
            EntryKind::Note,
        ];
        for entry in store::timeline::of_kinds(conn, ticket.id, &said)?
            .iter()
            .take(10)
        {
            text.push(' ');
            text.extend(entry.body.chars().take(2_000));
        }
        Ok(text)
    }

    fn near(&self, service: Option<ServiceId>) -> Near {
        let tie = service.and_then(|id| self.map.nearest(&self.services, id));
        if let Some(tie) = tie {
            return Near::by(tie);
        }
        match service {
            Some(id)
                if self
                    .team_of
                    .get(&id)
                    .is_some_and(|it| self.teams.contains(it)) =>
            {
                Near::SameTeam
            }
            _ => Near::SameEnvironment,
        }
    }

    /// One of those that broke, or tied to one by one tie.
    fn is_close(&self, service: ServiceId) -> bool {
        self.services.contains(&service) || self.around.contains(&service)
    }

    /// What is looked at besides, by name.
    pub(super) fn names_around(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .around
            .iter()
            .filter_map(|id| self.names.get(id).cloned())
            .collect();
        names.sort();
        names
    }

    fn history(&self, service: Option<ServiceId>, kind: Kind) -> History {
        let known = service.and_then(|id| self.history.get(&(id, kind)));
        known.copied().unwrap_or_default()
    }

    pub(super) fn deployments(&mut self, conn: &mut Conn, found: &mut Found) -> Result<()> {
        let from = self.onset.plus_secs(-WINDOW_SECS);
        let all = rows::begun_between(
            conn,
            from,
            self.onset.plus_secs(AFTER_SECS),
            MOST_DEPLOYMENTS,
        )?;
        let before: Vec<DeploymentId> = all.iter().filter_map(|it| it.previous).collect();
        let before = rows::by_ids(conn, &before)?;
        // What was taken back, and when that ended.
        let taken: HashMap<DeploymentId, Timestamp> = all
            .iter()
            .filter(|it| it.status == Status::Succeeded && it.step == Step::Rollback)
            .filter_map(|it| Some((it.previous?, it.ended_at()?)))
            .collect();
        let mut near: Vec<&Deployment> = all
            .iter()
            .filter(|it| self.is_close(it.lane.service))
            .collect();
        near.sort_by_key(|it| !self.services.contains(&it.lane.service));
        near.truncate(MOST_READ);
        let ids: Vec<DeploymentId> = near.iter().map(|it| it.id).collect();
        let carried = rows::tickets_of(conn, &ids)?;
        let mut details = HashMap::new();
        for it in near {
            details.insert(
                it.id,
                Inside::of(
                    conn,
                    it,
                    before.get(&it.previous.unwrap_or(it.id)),
                    &carried,
                )?,
            );
        }
        let until = self.onset.plus_secs(AFTER_SECS);
        let irreversible = store::revert_check::irreversible(conn, from, until)?;
        let all_ids: Vec<DeploymentId> = all.iter().map(|it| it.id).collect();
        self.deployed = rows::ticket_ids(conn, &all_ids)?.into_iter().collect();
        for it in all {
            let service = self
                .names
                .get(&it.lane.service)
                .cloned()
                .unwrap_or_default();
            let previous = it.previous.and_then(|id| before.get(&id));
            let inside = details.remove(&it.id).unwrap_or_default();
            let mut evidence = Vec::new();
            match (it.status, it.check) {
                (Status::Failed, _) => evidence.push(Evidence::Failed),
                (_, Some(Check::Red)) => evidence.push(Evidence::CheckRed),
                (_, Some(Check::Green)) => evidence.push(Evidence::CheckGreen),
                (_, None) => {}
            }
            let back_at = match it.status {
                Status::RolledBack => it.ended_at(),
                _ => taken.get(&it.id).copied(),
            };
            if back_at.is_some_and(|at| at <= self.onset) {
                evidence.push(Evidence::TakenBack);
            }
            let since = previous.map(|previous| it.started_at.secs_since(previous.started_at));
            let risk = Risk {
                is_emergency: it.glass.is_some(),
                is_migration: inside.has_migration,
                is_irreversible: irreversible.contains(&it.id),
                has_no_way_back: previous.is_none(),
                files: inside.files,
                is_first_in_a_while: since.is_none_or(|secs| secs > QUIET_SECS),
            };
            let near = self.near(Some(it.lane.service));
            let history = self.history(Some(it.lane.service), Kind::Deployment);
            found.candidates.push(Candidate {
                started_at: it.started_at,
                ended_at: it.ended_at(),
                near,
                pace: Pace::Quick,
                text: format!("{service} {}", inside.text),
                risk,
                history,
                evidence: evidence.clone(),
                alibi: self.elsewhere.alibi(&it),
            });
            found.told.push(Told {
                subject: Subject {
                    kind: Kind::Deployment,
                    id: Id::from_uuid(it.id.uuid()),
                },
                what: format!("{service} {}", it.version),
                place: it.lane.place(),
                who: it.who().to_owned(),
                started_at: it.started_at,
                ended_at: it.ended_at(),
                service: Some(it.lane.service),
                deployment: Some(it.id),
                before: None,
                is_live: false,
                tickets: Vec::new(),
                near,
                risk,
                history,
                evidence,
                revert: None,
                freshness: None,
                mark: None,
            });
        }
        Ok(())
    }

    /// Changes that somebody worked on by hand.
    pub(super) fn changes(&self, conn: &mut Conn, found: &mut Found) -> Result<()> {
        let from = self.onset.plus_secs(-WINDOW_SECS);
        let mut all = marks::changes_since(conn, from, MOST_CHANGES)?;
        all.retain(|it| !self.deployed.contains(&it.id));
        let ids: Vec<TicketId> = all.iter().map(|it| it.id).collect();
        let services = store::ticket::services_of(conn, &ids)?;
        let kinds = [
            EntryKind::StateChanged,
            EntryKind::Closed,
            EntryKind::GlassBroken,
        ];
        let mut steps = store::timeline::of_kinds_of(conn, &ids, &kinds)?;
        for ticket in all {
            let steps = steps.remove(&ticket.id).unwrap_or_default();
            let to = |entry: &store::timeline::Recorded| {
                entry
                    .facts
                    .get("to")
                    .and_then(|it| it.parse::<State>().ok())
            };
            // The last time that work on it began before the onset, and when that ended.
            let begun = steps.iter().rposition(|it| {
                to(it) == Some(State::InProgress)
                    && it.effective_at <= self.onset.plus_secs(AFTER_SECS)
            });
            let Some(begun) = begun else { continue };
            let started_at = steps[begun].effective_at;
            let ended_at = steps[begun + 1..]
                .iter()
                .find(|it| to(it).is_some())
                .map(|it| it.effective_at);
            if ended_at.is_some_and(|at| at < from) {
                continue;
            }
            let of = services.get(&ticket.id).cloned().unwrap_or_default();
            let service = of
                .iter()
                .min_by_key(|it| {
                    let tie = self.map.nearest(&self.services, **it);
                    (tie.is_none(), tie)
                })
                .copied();
            let plan = store::change::of(conn, ticket.id)?.plan;
            let risk = Risk {
                is_emergency: steps.iter().any(|it| it.kind == EntryKind::GlassBroken),
                has_no_way_back: plan.revert.is_empty(),
                ..Risk::default()
            };
            let near = self.near(service);
            let history = self.history(service, Kind::Change);
            let revert = (!plan.revert.is_empty()).then(|| Revert {
                from: Source::Template,
                lines: vec![plan.revert.clone()],
            });
            found.candidates.push(Candidate {
                started_at,
                ended_at,
                near,
                pace: Pace::Quick,
                text: format!("{} {} {}", ticket.title, plan.purpose, plan.side_effects),
                risk,
                history,
                evidence: Vec::new(),
                alibi: None,
            });
            found.told.push(Told {
                subject: Subject {
                    kind: Kind::Change,
                    id: Id::from_uuid(ticket.id.uuid()),
                },
                what: format!("{} {}", ticket.key, ticket.title),
                place: service
                    .and_then(|id| self.names.get(&id).cloned())
                    .unwrap_or_default(),
                who: steps[begun].actor_name.clone(),
                started_at,
                ended_at,
                service,
                deployment: None,
                before: None,
                is_live: false,
                tickets: vec![(ticket.key, ticket.title.to_string())],
                near,
                risk,
                history,
                evidence: Vec::new(),
                revert,
                freshness: None,
                mark: None,
            });
        }
        Ok(())
    }

    /// What was pushed to published branches. Where deployments are told of, a commit that wasn't deployed isn't live.
    pub(super) fn pushes(&self, conn: &mut Conn, found: &mut Found) -> Result<()> {
        let from = self.onset.plus_secs(-WINDOW_SECS);
        let all = marks::published(conn, from, self.onset.plus_secs(AFTER_SECS), MOST_COMMITS)?;
        if all.is_empty() {
            return Ok(());
        }
        let repositories = store::repository::repositories(conn)?;
        let mut pushes: Vec<(marks::Published, Vec<marks::Published>)> = Vec::new();
        for commit in all {
            match pushes
                .iter_mut()
                .find(|(first, _)| first.push == commit.push)
            {
                Some((_, others)) => others.push(commit),
                None => pushes.push((commit, Vec::new())),
            }
        }
        for (first, others) in pushes {
            let Some(repository) = repositories.iter().find(|it| it.id == first.repository) else {
                continue;
            };
            let is_told_of = repository
                .service
                .is_some_and(|id| self.told_of.contains(&id));
            let newest = found
                .told
                .iter()
                .filter(|it| it.service == repository.service);
            let newest = newest
                .filter(|it| it.deployment.is_some())
                .map(|it| it.started_at)
                .max();
            // What was deployed since stands there as a deployment.
            if is_told_of && newest.is_some_and(|at| at >= first.at) {
                continue;
            }
            let near = self.near(repository.service);
            let commits: Vec<&marks::Published> = std::iter::once(&first).chain(&others).collect();
            let mut text = repository.name.clone();
            for commit in commits.iter().take(50) {
                text.push_str(&format!(" {} {}", commit.subject, commit.paths));
            }
            let risk = Risk {
                is_migration: touches_migration(&text),
                files: commits.iter().map(|it| i64::from(it.files)).sum(),
                ..Risk::default()
            };
            let history = self.history(repository.service, Kind::Push);
            found.candidates.push(Candidate {
                started_at: first.at,
                ended_at: Some(first.at),
                near,
                pace: Pace::Quick,
                text,
                risk,
                history,
                evidence: Vec::new(),
                alibi: is_told_of.then_some(Alibi::NotLive),
            });
            found.told.push(Told {
                subject: Subject {
                    kind: Kind::Push,
                    id: Id::from_uuid(first.push.uuid()),
                },
                what: first.subject.clone(),
                place: repository.name.clone(),
                who: first.author.clone(),
                started_at: first.at,
                ended_at: Some(first.at),
                service: repository.service,
                deployment: None,
                before: None,
                is_live: false,
                tickets: Vec::new(),
                near,
                risk,
                history,
                evidence: Vec::new(),
                revert: Some(Revert {
                    from: Source::Git,
                    lines: vec![format!(
                        "git revert --no-edit {}",
                        commits
                            .iter()
                            .take(20)
                            .map(|it| it.oid.as_str())
                            .collect::<Vec<_>>()
                            .join(" ")
                    )],
                }),
                freshness: None,
                mark: None,
            });
        }
        Ok(())
    }

    /// Those of the services that broke of whose changes nobody tells.
    pub(super) fn untold(&self, conn: &mut Conn, now: Timestamp) -> Result<Vec<String>> {
        let retired = now.plus_secs(-RETIRED_SECS);
        let beats = store::feed_beat::since(conn, &self.environment, retired)?;
        untold(conn, &self.services, &self.told_of, &beats, &self.names)
    }

    /// Who tells us of changes there.
    pub(super) fn feeds(&self, conn: &mut Conn, now: Timestamp) -> Result<Vec<Feed>> {
        let since = now.plus_secs(-RHYTHM_SECS);
        let mut spoke: HashMap<String, Vec<Timestamp>> = HashMap::new();
        let retired = now.plus_secs(-RETIRED_SECS);
        for (source, last) in rows::told_last(conn, &self.environment, retired)? {
            spoke.entry(source).or_default().push(last);
        }
        for (source, at) in rows::told_since(conn, &self.environment, since, MOST_EVENTS)? {
            spoke.entry(source).or_default().push(at);
        }
        for repository in store::repository::repositories(conn)? {
            let of = repository.services();
            let is_concerned =
                of.is_empty() || self.services.is_empty() || of.iter().any(|id| self.is_close(*id));
            if repository.is_active && is_concerned {
                let pushes = marks::pushed_at(conn, repository.id, 200)?;
                spoke.entry(repository.name).or_default().extend(pushes);
            }
        }
        let beats = store::feed_beat::since(conn, &self.environment, retired)?;
        for beat in &beats {
            spoke
                .entry(beat.source.clone())
                .or_default()
                .push(beat.last_at);
        }
        let mut feeds: Vec<Feed> = spoke
            .into_iter()
            .filter_map(|(name, spoke)| Feed::of(name, spoke))
            .map(
                |feed| match beats.iter().find(|it| it.source == feed.name) {
                    Some(beat) => feed.declared(beat.last_at, beat.every_secs),
                    None => feed,
                },
            )
            .collect();
        feeds.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(feeds)
    }
}

/// What a deployment's commits say.
#[derive(Default)]
struct Inside {
    text: String,
    files: i64,
    has_migration: bool,
}

pub(super) fn touches_migration(text: &str) -> bool {
    text.to_lowercase().contains("migration")
}

impl Inside {
    fn of(
        conn: &mut Conn,
        it: &Deployment,
        previous: Option<&Deployment>,
        carried: &HashMap<DeploymentId, Vec<(TicketId, TicketKey, String)>>,
    ) -> Result<Self> {
        let mut inside = Self::default();
        for (id, key, title) in carried.get(&it.id).into_iter().flatten() {
            inside.text.push_str(&format!(" {title}"));
            if key.kind == TicketKind::Change {
                let plan = store::change::of(conn, *id)?.plan;
                inside
                    .text
                    .push_str(&format!(" {} {}", plan.purpose, plan.side_effects));
            }
        }
        let between = match previous.filter(|previous| previous.id != it.id) {
            Some(previous) => story::between(conn, it, previous)?,
            None => None,
        };
        let (Some(repository), Some(between)) = (it.repository, between) else {
            return Ok(inside);
        };
        let oids = between.added.iter().chain(&between.removed).take(50);
        let oids: Vec<String> = oids.cloned().collect();
        for commit in store::git_commit::by_oids(conn, repository, &oids)? {
            inside.files += i64::from(commit.path_count);
            inside.text.push_str(&format!(" {}", commit.subject));
            for touched in commit.paths.iter().take(20) {
                inside.has_migration |= touches_migration(&touched.path);
                inside.text.push_str(&format!(" {}", touched.path));
            }
        }
        Ok(inside)
    }
}
