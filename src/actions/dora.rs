//! Figures of delivery: what the ledger of deployments, the commits and the incidents say of a period, as they stand now.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::{allow, deployment_story as story};
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::deployment::{Deployment, Status, Step};
use crate::domain::dora::{Report, Shipment, judge};
use crate::domain::id::{DeploymentId, Kind, ServiceId, TicketId, TicketKey};
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::sla_report::Period;
use crate::domain::suspect::Blame;
use crate::domain::ticket::{Relation, State, Ticket};
use crate::domain::timeline::EntryKind;
use crate::domain::timestamp::Timestamp;
use crate::domain::worktime::Interval;
use crate::error::{Error, Result};
use crate::store::{self, Conn, deployment as rows, dora as reads};

/// Deployments of one report: each of them is looked at one by one.
const MOST: usize = 5_000;
/// An intervention may follow a day after the last one of a period ended.
const AFTER_SECS: i64 = 2 * 86_400;
/// What began so much after the first sign of an incident may still have caused it: clocks go wrong.
const SKEW_SECS: i64 = 120;
/// Rollbacks in a row that are looked behind.
const MOST_ROLLBACKS: usize = 50;
/// Deployments of one change that an incident is said to come of.
const MOST_OF_CHANGE: i64 = 200;
/// Tickets read at once.
const AT_ONCE: usize = 10_000;

/// Which figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    pub period: Period,
    /// `None`: of all.
    pub service: Option<ServiceId>,
}

pub fn read(ctx: &Ctx<'_>, asked: Asked) -> Result<Report> {
    allow(&ctx.by, Action::ReadTickets, Target::House)?;
    let whole = asked.period.interval();
    if whole.from > ctx.now {
        return Err(FieldError::new("from", "period-not-begun").into());
    }
    ctx.read(|conn| {
        let environments = store::house::environments(conn)?;
        let environment = environments.into_iter().next().ok_or(Error::NotFound)?;
        let service = match asked.service {
            None => None,
            Some(id) => {
                let unknown = || FieldError::new("service", "unknown-service");
                Some(store::house::service(conn, id)?.ok_or_else(unknown)?)
            }
        };
        let span = Interval::new(whole.from, whole.to.plus_secs(AFTER_SECS));
        let most = MOST as i64 + 1;
        let all = reads::begun(conn, &environment, asked.service, span, most)?;
        if all.len() > MOST {
            return Err(Refusal::new("figures-too-many")
                .with("max", MOST.to_string())
                .into());
        }
        let scene = Scene::load(conn, &environment, &all)?;
        let mut shipments = Vec::with_capacity(all.len());
        for it in &all {
            shipments.push(scene.shipment(conn, it)?);
        }
        let restored = scene.restored();
        let mut judged = judge(shipments, &restored);
        judged.retain(|it| whole.contains(it.it.started_at));
        let ids: Vec<ServiceId> = judged.iter().map(|it| it.it.lane.service).collect();
        let services = store::house::service_names(conn, &ids)?;
        let incidents = judged
            .iter()
            .flat_map(|it| {
                let failed = it.fail.iter().flat_map(|fail| &fail.incidents);
                failed.chain(&it.it.linked).copied()
            })
            .filter_map(|key| Some((key, scene.by_key.get(&key)?.title.to_string())))
            .collect();
        Ok(Report {
            period: asked.period,
            environment,
            service: service.map(|it| (it.id, it.name)),
            as_of: (ctx.now < whole.to).then_some(ctx.now),
            judged,
            services,
            incidents,
        })
    })
}

/// What is known around the deployments of a span.
struct Scene {
    loaded: HashMap<DeploymentId, Deployment>,
    carried: HashMap<DeploymentId, Vec<rows::Carried>>,
    /// Incidents that commits of these close.
    closed: HashMap<DeploymentId, Vec<TicketId>>,
    commits: HashMap<DeploymentId, Vec<crate::domain::dora::Carried>>,
    /// Incidents for which a change was made, and all that it is linked with.
    made_for: HashMap<TicketId, BTreeSet<TicketKey>>,
    linked: HashMap<TicketId, BTreeSet<TicketKey>>,
    emergencies: HashSet<TicketId>,
    caused: HashMap<DeploymentId, BTreeSet<TicketKey>>,
    cleared: HashMap<DeploymentId, BTreeSet<TicketKey>>,
    by_id: HashMap<TicketId, TicketKey>,
    by_key: BTreeMap<TicketKey, Ticket>,
}

impl Scene {
    fn load(conn: &mut Conn, environment: &str, all: &[Deployment]) -> Result<Self> {
        let ids: Vec<DeploymentId> = all.iter().map(|it| it.id).collect();
        let mut scene = Self {
            loaded: all.iter().map(|it| (it.id, it.clone())).collect(),
            carried: HashMap::new(),
            closed: HashMap::new(),
            commits: HashMap::new(),
            made_for: HashMap::new(),
            linked: HashMap::new(),
            emergencies: HashSet::new(),
            caused: HashMap::new(),
            cleared: HashMap::new(),
            by_id: HashMap::new(),
            by_key: BTreeMap::new(),
        };
        for some in ids.chunks(AT_ONCE) {
            scene.carried.extend(rows::tickets_of(conn, some)?);
        }
        for it in all {
            scene.brought(conn, it)?;
        }
        let changes: BTreeSet<TicketId> = scene
            .carried
            .values()
            .flatten()
            .filter(|(_, key, _)| key.kind == Kind::Change)
            .map(|(id, ..)| *id)
            .collect();
        let changes: Vec<TicketId> = changes.into_iter().collect();
        let links = reads::links(conn, &changes)?;
        let marks = (
            reads::marks(conn, &ids, Blame::Caused)?,
            reads::marks(conn, &ids, Blame::Cleared)?,
        );
        let mut wanted: BTreeSet<TicketId> = changes.iter().copied().collect();
        wanted.extend(links.iter().flat_map(|(from, _, to)| [*from, *to]));
        wanted.extend(scene.closed.values().flatten());
        wanted.extend(marks.0.values().chain(marks.1.values()).flatten());
        wanted.extend(scene.carried.values().flatten().map(|(id, ..)| *id));
        scene.know(conn, wanted)?;
        let parents: BTreeSet<TicketId> =
            scene.by_key.values().filter_map(|it| it.parent).collect();
        scene.know(conn, parents)?;
        for some in changes.chunks(AT_ONCE) {
            let broken = store::timeline::with_any(conn, some, &[EntryKind::GlassBroken])?;
            scene.emergencies.extend(broken);
        }
        scene.relate(&changes, &links);
        scene.blame(conn, environment, &changes, &links, &marks.0)?;
        for (id, tickets) in &marks.1 {
            let keys = scene.incidents(tickets);
            scene.cleared.insert(*id, keys);
        }
        Ok(scene)
    }

    fn know(&mut self, conn: &mut Conn, wanted: BTreeSet<TicketId>) -> Result<()> {
        let wanted: Vec<TicketId> = wanted
            .into_iter()
            .filter(|id| !self.by_id.contains_key(id))
            .collect();
        for some in wanted.chunks(AT_ONCE) {
            for ticket in store::ticket::by_ids(conn, some)? {
                self.by_id.insert(ticket.id, ticket.key);
                self.by_key.insert(ticket.key, ticket);
            }
        }
        Ok(())
    }

    /// Those of these tickets that are incidents.
    fn incidents<'a>(&self, of: impl IntoIterator<Item = &'a TicketId>) -> BTreeSet<TicketKey> {
        of.into_iter()
            .filter_map(|id| self.by_id.get(id))
            .filter(|key| key.kind == Kind::Incident)
            .copied()
            .collect()
    }

    /// The commits that a deployment brought. What a rollback had taken away isn't new when it comes back: it is compared with what
    /// was live before the rollback.
    fn brought(&mut self, conn: &mut Conn, it: &Deployment) -> Result<()> {
        let Some(repository) = it.repository else {
            return Ok(());
        };
        let mut base = self.earlier(conn, it)?;
        for _ in 0..MOST_ROLLBACKS {
            match base {
                Some(before) if before.step == Step::Rollback => {
                    base = self.earlier(conn, &before)?;
                }
                _ => break,
            }
        }
        let Some(base) = base else { return Ok(()) };
        let Some(between) = story::between(conn, it, &base)? else {
            return Ok(());
        };
        let (commits, closed) = reads::commits(conn, repository, &between.added)?;
        self.commits.insert(it.id, commits);
        self.closed.insert(it.id, closed);
        Ok(())
    }

    fn earlier(&self, conn: &mut Conn, it: &Deployment) -> Result<Option<Deployment>> {
        let Some(id) = it.previous else {
            return Ok(None);
        };
        match self.loaded.get(&id) {
            Some(known) => Ok(Some(known.clone())),
            None => rows::by_id(conn, id),
        }
    }

    /// The incidents around each change. That an incident comes of it is blame, and no bond.
    fn relate(&mut self, changes: &[TicketId], links: &[(TicketId, Relation, TicketId)]) {
        for change in changes {
            let (mut made_for, mut linked) = (Vec::new(), Vec::new());
            for (from, relation, to) in links {
                let (other, is_out) = match (from == change, to == change) {
                    (true, _) => (*to, true),
                    (_, true) => (*from, false),
                    _ => continue,
                };
                match (relation, is_out) {
                    (Relation::CausedBy, false) => continue,
                    (Relation::ParentOf, false)
                    | (Relation::Follows | Relation::ActionOf, true) => made_for.push(other),
                    _ => {}
                }
                linked.push(other);
            }
            let own = self.by_id.get(change).and_then(|key| self.by_key.get(key));
            if let Some(parent) = own.and_then(|it| it.parent) {
                made_for.push(parent);
                linked.push(parent);
            }
            self.made_for.insert(*change, self.incidents(&made_for));
            self.linked.insert(*change, self.incidents(&linked));
        }
    }

    /// What incidents come of: the deployment that somebody pointed at, else the last one that brought the change before it began.
    fn blame(
        &mut self,
        conn: &mut Conn,
        environment: &str,
        changes: &[TicketId],
        links: &[(TicketId, Relation, TicketId)],
        marks: &HashMap<DeploymentId, Vec<TicketId>>,
    ) -> Result<()> {
        for (id, tickets) in marks {
            let keys = self.incidents(tickets);
            self.caused.entry(*id).or_default().extend(keys);
        }
        let blamed: Vec<(TicketId, TicketId)> = links
            .iter()
            .filter(|(_, relation, to)| *relation == Relation::CausedBy && changes.contains(to))
            .map(|(from, _, to)| (*from, *to))
            .collect();
        let incidents: Vec<TicketId> = blamed.iter().map(|(incident, _)| *incident).collect();
        let pointed: HashSet<TicketId> = reads::pointed(conn, &incidents)?.into_iter().collect();
        for (incident, change) in blamed {
            let ticket = self
                .by_id
                .get(&incident)
                .and_then(|key| self.by_key.get(key));
            let Some(ticket) = ticket.filter(|it| it.key.kind == Kind::Incident) else {
                continue;
            };
            if pointed.contains(&incident) {
                continue;
            }
            let (key, onset) = (ticket.key, ticket.impact_at.plus_secs(SKEW_SECS));
            let last = rows::of_ticket(conn, change, MOST_OF_CHANGE)?
                .into_iter()
                .filter(|it| it.lane.environment == environment && it.started_at <= onset)
                .find(|it| it.status != Status::Started);
            if let Some(last) = last {
                self.caused.entry(last.id).or_default().insert(key);
            }
        }
        Ok(())
    }

    /// Since when each incident is over. One that was cancelled was none.
    fn restored(&self) -> BTreeMap<TicketKey, Option<Timestamp>> {
        self.by_key
            .values()
            .filter(|it| it.key.kind == Kind::Incident && it.state != State::Cancelled)
            .map(|it| (it.key, it.restored_at.or(it.resolved_at)))
            .collect()
    }

    fn shipment(&self, conn: &mut Conn, it: &Deployment) -> Result<Shipment> {
        let none = Vec::new();
        let carried = self.carried.get(&it.id).unwrap_or(&none);
        let closed = self.closed.get(&it.id);
        let mut mends = self.incidents(closed.into_iter().flatten());
        let mut linked = self.incidents(carried.iter().map(|(id, ..)| id));
        let mut is_emergency = it.glass.is_some();
        for (id, ..) in carried {
            is_emergency |= self.emergencies.contains(id);
            mends.extend(self.made_for.get(id).into_iter().flatten());
            linked.extend(self.linked.get(id).into_iter().flatten());
        }
        linked.extend(&mends);
        let next_good_at = match it.status {
            Status::Failed => rows::after(conn, &it.lane, it.place())?
                .into_iter()
                .find(|it| it.status == Status::Succeeded)
                .and_then(|it| it.ended_at()),
            Status::Started | Status::Succeeded | Status::RolledBack => None,
        };
        let of = |known: &HashMap<DeploymentId, BTreeSet<TicketKey>>| -> Vec<TicketKey> {
            known.get(&it.id).into_iter().flatten().copied().collect()
        };
        Ok(Shipment {
            id: it.id,
            lane: it.lane.clone(),
            version: it.version.clone(),
            status: it.status,
            step: it.step,
            started_at: it.started_at,
            ended_at: it.ended_at(),
            previous: it.previous,
            commits: self.commits.get(&it.id).cloned(),
            is_emergency,
            mends: mends.into_iter().collect(),
            linked: linked.into_iter().collect(),
            caused: of(&self.caused),
            cleared: of(&self.cleared),
            next_good_at,
        })
    }
}
