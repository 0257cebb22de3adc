//! What an auditor is handed of a period: every deployment to production, what was out of order, how complete the record is, and a
//! sample with all that is known of each. Texts are as they stand now: what was redacted stays so.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::{allow, audit, change as change_actions, deployment_story as story};
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::audit_evidence::dossier::{
    ChainLink, Commit, Dossier, Drawn, Incident, LaneCount, Line, Question, RefEvents, Request,
    Source,
};
use crate::domain::audit_evidence::{Approval, Approver, Carried, Gap, Item, Somebody, draw, gaps};
use crate::domain::deployment::Deployment;
use crate::domain::id::{DeploymentId, Id, Kind, PersonId, ServiceId, TicketId, TicketKey};
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::sla_report::Period;
use crate::domain::suspect::Blame;
use crate::domain::ticket::{State, Ticket};
use crate::domain::timeline::{EntryKind, Facts};
use crate::domain::timestamp::Timestamp;
use crate::domain::worktime::Interval;
use crate::error::{Error, Result};
use crate::store::timeline::Recorded;
use crate::store::{self, Conn, audit_evidence as reads, deployment as rows, dora};

/// Deployments of one export.
const MOST: usize = 20_000;
/// A sample is looked through by people.
pub const MOST_DRAWN: usize = 500;
/// Tickets, deployments or commits read at once.
const AT_ONCE: usize = 5_000;

/// Which deployments, and how many are drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub period: Period,
    /// `None`: of all.
    pub service: Option<ServiceId>,
    pub seed: u64,
    pub sample: usize,
}

/// As [`gather`], and the audit says who took it along.
pub fn export(ctx: &Ctx<'_>, asked: &Asked) -> Result<Dossier> {
    let dossier = gather(ctx, asked)?;
    let period = &asked.period;
    let facts = Facts::new()
        .with("deployments", dossier.items.len())
        .with("seed", asked.seed)
        .with_some("service", dossier.asked.service.as_ref());
    let of = format!("{} – {}", period.from_on, period.to_on);
    ctx.write(|tx| audit::note(tx, ctx, "evidence-exported", &of, &facts))?;
    Ok(dossier)
}

pub fn gather(ctx: &Ctx<'_>, asked: &Asked) -> Result<Dossier> {
    allow(&ctx.by, Action::ReadAudit, Target::House)?;
    let whole = asked.period.interval();
    if whole.from > ctx.now {
        return Err(FieldError::new("from", "period-not-begun").into());
    }
    if asked.sample > MOST_DRAWN {
        return Err(FieldError::new("sample", "sample-too-big")
            .with("max", MOST_DRAWN.to_string())
            .into());
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
        let most = MOST as i64 + 1;
        let all = dora::begun(conn, &environment, asked.service, whole, most)?;
        if all.len() > MOST {
            return Err(Refusal::new("figures-too-many")
                .with("max", MOST.to_string())
                .into());
        }
        let people = people(conn)?;
        let items = items(conn, all, &people)?;
        let ids: Vec<DeploymentId> = items.iter().map(|item| item.it.id).collect();
        let mut drawn = Vec::new();
        for place in draw(asked.seed, &ids, asked.sample) {
            drawn.push(one(conn, place, &items[place], &people)?);
        }
        let (sources, gaps) = sources(&items);
        Ok(Dossier {
            lanes: lanes(conn, &environment, asked.service)?,
            refs: ref_events(conn, asked.service, whole, &items)?,
            head: store::compensation::head(conn)?.map(|it| (it.seq, it.hash)),
            asked: Question {
                period: asked.period,
                service: service.map(|it| it.name),
                seed: asked.seed,
                sample: asked.sample,
            },
            environment,
            made_at: ctx.now,
            made_by: ctx.by.name().to_owned(),
            is_running: ctx.now < whole.to,
            items,
            drawn,
            sources,
            gaps,
        })
    })
}

type People = HashMap<PersonId, Somebody>;

fn people(conn: &mut Conn) -> Result<People> {
    let all = store::people::persons(conn)?.into_iter();
    let known = |it: crate::domain::people::Person| {
        let somebody = Somebody {
            id: it.id,
            email: it.email.folded(),
            name: it.name,
        };
        (somebody.id, somebody)
    };
    Ok(all.map(known).collect())
}

fn items(conn: &mut Conn, all: Vec<Deployment>, people: &People) -> Result<Vec<Item>> {
    let ids: Vec<DeploymentId> = all.iter().map(|it| it.id).collect();
    let mut tickets = HashMap::new();
    for some in ids.chunks(AT_ONCE) {
        tickets.extend(rows::tickets_of(conn, some)?);
    }
    let changes: BTreeSet<TicketId> = tickets
        .values()
        .flatten()
        .filter(|(_, key, _)| key.kind == Kind::Change)
        .map(|(id, ..)| *id)
        .collect();
    let changes = carried(conn, &changes.into_iter().collect::<Vec<_>>(), people)?;
    let services: Vec<ServiceId> = all.iter().map(|it| it.lane.service).collect();
    let services = store::house::service_names(conn, &services)?;
    let repositories: HashMap<_, String> = store::repository::repositories(conn)?
        .into_iter()
        .map(|it| (it.id, it.name))
        .collect();
    let previous: Vec<DeploymentId> = all.iter().filter_map(|it| it.previous).collect();
    let mut before = HashMap::new();
    for some in previous.chunks(AT_ONCE) {
        before.extend(rows::by_ids(conn, some)?);
    }
    let mut items = Vec::with_capacity(all.len());
    for (place, it) in all.into_iter().enumerate() {
        let previous = it.previous.and_then(|id| before.get(&id));
        let between = match previous {
            Some(previous) => story::between(conn, &it, previous)?,
            None => None,
        };
        let authors = match (it.repository, between) {
            (Some(id), Some(between)) => reads::authors(conn, id, &between.added)?,
            _ => Vec::new(),
        };
        let carried = tickets.get(&it.id).map_or(&[][..], Vec::as_slice);
        items.push(Item {
            seq: place + 1,
            service: services.get(&it.lane.service).cloned().unwrap_or_default(),
            repository: it.repository.and_then(|id| repositories.get(&id).cloned()),
            before: previous.map(|it| it.version.clone()),
            changes: carried
                .iter()
                .filter_map(|(id, ..)| changes.get(id).cloned())
                .collect(),
            authors: authors.iter().map(|it| it.to_lowercase()).collect(),
            it,
        });
    }
    Ok(items)
}

/// What an approval can be read from.
const STEPS: [EntryKind; 7] = [
    EntryKind::ApprovalAsked,
    EntryKind::ApprovalGiven,
    EntryKind::Approved,
    EntryKind::ApprovalRefused,
    EntryKind::StateChanged,
    EntryKind::Cancelled,
    EntryKind::Reopened,
];

fn carried(
    conn: &mut Conn,
    of: &[TicketId],
    people: &People,
) -> Result<HashMap<TicketId, Carried>> {
    let mut found = HashMap::new();
    for some in of.chunks(AT_ONCE) {
        let mut steps = store::timeline::of_kinds_of(conn, some, &STEPS)?;
        let broken = store::timeline::with_any(conn, some, &[EntryKind::GlassBroken])?;
        for ticket in store::ticket::by_ids(conn, some)? {
            let change = store::change::of(conn, ticket.id)?;
            let glass = match broken.contains(&ticket.id) {
                true => change_actions::glass(conn, ticket.id)?,
                false => None,
            };
            let requested_by = change.requested_by.and_then(|id| people.get(&id).cloned());
            let entries = steps.remove(&ticket.id).unwrap_or_default();
            found.insert(
                ticket.id,
                Carried {
                    key: ticket.key,
                    title: ticket.title.to_string(),
                    requested_by,
                    approvals: approvals(&entries, people),
                    glass,
                },
            );
        }
    }
    Ok(found)
}

fn approvals(entries: &[Recorded], people: &People) -> Vec<Approval> {
    let mut found: Vec<Approval> = Vec::new();
    let mut asked_by = None;
    let mut voters: Vec<Approver> = Vec::new();
    for entry in entries {
        let by = entry.actor.person();
        let is_back = match entry.kind {
            EntryKind::ApprovalRefused | EntryKind::Cancelled | EntryKind::Reopened => true,
            _ => entry.facts.get("to") == Some(State::Draft.as_str()),
        };
        match entry.kind {
            EntryKind::ApprovalAsked => {
                asked_by = by;
                voters.clear();
            }
            EntryKind::ApprovalGiven | EntryKind::Approved => {
                let voter = Approver {
                    by: by.and_then(|id| people.get(&id).cloned()),
                    by_name: entry.actor_name.clone(),
                    at: entry.recorded_at,
                    digest: entry.facts.get("digest").map(str::to_owned),
                };
                // One person, one vote: the last that they gave.
                voters.retain(|it| it.by != voter.by || it.by_name != voter.by_name);
                if entry.kind == EntryKind::Approved {
                    // Those who saw another change approved that one.
                    let same = voters.iter().filter(|it| it.digest == voter.digest);
                    found.push(Approval {
                        by: voter.by.clone(),
                        by_name: voter.by_name.clone(),
                        at: voter.at,
                        until: None,
                        asked_by,
                        others: same.cloned().collect(),
                        rule: entry.facts.get("rule").map(str::to_owned),
                        digest: voter.digest.clone(),
                    });
                }
                voters.push(voter);
            }
            _ if is_back => {
                if let Some(last) = found.last_mut() {
                    last.until.get_or_insert(entry.recorded_at);
                }
            }
            _ => {}
        }
    }
    found
}

/// All that is known of one that was drawn.
fn one(conn: &mut Conn, place: usize, item: &Item, people: &People) -> Result<Drawn> {
    let detail = story::detail(conn, item.it.clone())?;
    let tickets = rows::tickets_of(conn, &[item.it.id])?;
    let tickets = tickets.into_values().flatten();
    let ids: Vec<TicketId> = tickets.map(|(id, ..)| id).collect();
    let tickets: BTreeMap<TicketKey, Ticket> = store::ticket::by_ids(conn, &ids)?
        .into_iter()
        .map(|it| (it.key, it))
        .collect();
    let (mut requests, mut timeline) = (Vec::new(), Vec::new());
    let told = store::deployment_fact::of_deployment(conn, item.it.id)?;
    let mut facts: Vec<Id<()>> = told.iter().map(|it| Id::from_uuid(it.id.uuid())).collect();
    let mut hidden: HashSet<String> = HashSet::new();
    for (key, ticket) in &tickets {
        let entries = store::timeline::of_ticket(conn, ticket.id)?;
        for entry in entries.iter().filter(|it| it.redacted_at.is_some()) {
            hidden.extend(entry.facts.get("commit").map(str::to_owned));
        }
        if key.kind == Kind::Change {
            requests.push(request(conn, ticket, people)?);
            let chained = entries.iter().filter(|it| it.kind.is_chained(&it.facts));
            facts.extend(chained.map(|it| Id::from_uuid(it.id.uuid())));
            timeline.extend(entries.into_iter().map(|it| line(*key, it)));
        }
    }
    let between = match &detail.previous {
        Some(previous) => story::between(conn, &item.it, previous)?,
        None => None,
    };
    let (added, removed) = between.map(|it| (it.added, it.removed)).unwrap_or_default();
    let mut commits = Vec::new();
    if let Some(repository) = item.it.repository {
        for some in added.chunks(AT_ONCE) {
            for it in store::git_commit::by_oids(conn, repository, some)? {
                commits.push(Commit {
                    subject: (!hidden.contains(&it.oid)).then_some(it.subject),
                    oid: it.oid,
                    author: it.author_name,
                    committed_at: it.committed_at,
                    paths: it.paths,
                    path_count: it.path_count,
                });
            }
        }
    }
    commits.sort_by(|a, b| (a.committed_at, &a.oid).cmp(&(b.committed_at, &b.oid)));
    Ok(Drawn {
        place,
        requests,
        timeline,
        commits,
        removed,
        revert: detail.revert,
        freshness: detail.freshness,
        incidents: incidents(conn, item, &tickets)?,
        links: links(conn, &facts)?,
    })
}

/// The links of these facts, in order. What was told a moment ago has none yet.
fn links(conn: &mut Conn, facts: &[Id<()>]) -> Result<Vec<ChainLink>> {
    let mut found = Vec::new();
    for link in store::compensation::links_of(conn, facts)? {
        found.push(ChainLink {
            seq: link.seq,
            before: store::compensation::hash_before(conn, link.seq)?,
            canonical: link.canonical,
            hash: link.hash,
        });
    }
    found.sort_by_key(|it| it.seq);
    Ok(found)
}

fn request(conn: &mut Conn, ticket: &Ticket, people: &People) -> Result<Request> {
    let change = store::change::of(conn, ticket.id)?;
    let name = |id: Option<PersonId>| Some(people.get(&id?)?.name.clone());
    Ok(Request {
        key: ticket.key,
        title: ticket.title.to_string(),
        opened_at: ticket.logged_at,
        state: ticket.state.as_str(),
        outcome: ticket.outcome.map(|it| it.as_str()),
        risk: ticket.risk.map(|it| it.as_str()),
        requested_by: name(change.requested_by),
        asked_by: name(change.asked_by),
        glass: change_actions::glass(conn, ticket.id)?,
        change,
    })
}

fn line(ticket: TicketKey, entry: Recorded) -> Line {
    Line {
        ticket,
        seq: entry.seq,
        effective_at: entry.effective_at,
        recorded_at: entry.recorded_at,
        actor: entry.actor_name,
        door: entry.door,
        kind: entry.kind,
        text: entry.body,
        facts: entry.facts,
        is_redacted: entry.redacted_at.is_some(),
    }
}

/// Incidents that it carries, that come of it, or that a change of it is linked with.
fn incidents(
    conn: &mut Conn,
    item: &Item,
    tickets: &BTreeMap<TicketKey, Ticket>,
) -> Result<Vec<Incident>> {
    let changes: Vec<TicketId> = tickets
        .values()
        .filter(|it| it.key.kind == Kind::Change)
        .map(|it| it.id)
        .collect();
    let mut how: Vec<(TicketId, String)> = tickets
        .values()
        .filter(|it| it.key.kind == Kind::Incident)
        .map(|it| (it.id, "carried".to_owned()))
        .collect();
    for (from, relation, to) in dora::links(conn, &changes)? {
        let other = match changes.contains(&from) {
            true => to,
            false => from,
        };
        how.push((other, relation.to_string()));
    }
    let marks = dora::marks(conn, &[item.it.id], Blame::Caused)?;
    how.extend(
        marks
            .into_values()
            .flatten()
            .map(|id| (id, "caused".to_owned())),
    );
    let ids: BTreeSet<TicketId> = how.iter().map(|(id, _)| *id).collect();
    let known = store::ticket::by_ids(conn, &ids.into_iter().collect::<Vec<_>>())?;
    let mut found: Vec<Incident> = how
        .into_iter()
        .filter_map(|(id, how)| {
            let it = known.iter().find(|it| it.id == id)?;
            (it.key.kind == Kind::Incident).then(|| Incident {
                key: it.key,
                how,
                title: it.title.to_string(),
                severity: it.severity.map(|it| it.as_str()),
                state: it.state.as_str(),
                impact_at: it.impact_at,
                restored_at: it.restored_at.or(it.resolved_at),
            })
        })
        .collect();
    found.sort();
    found.dedup();
    Ok(found)
}

fn sources(items: &[Item]) -> (Vec<Source>, Vec<Gap>) {
    let mut told: BTreeMap<&str, Vec<Timestamp>> = BTreeMap::new();
    for item in items {
        told.entry(&item.it.source)
            .or_default()
            .push(item.it.started_at);
    }
    let mut silences = Vec::new();
    let mut sources = Vec::new();
    for (name, at) in told {
        silences.extend(gaps(name, &at));
        let longest = at.windows(2).map(|it| it[1].secs_since(it[0])).max();
        if let (Some(first_at), Some(last_at)) = (at.first(), at.last()) {
            sources.push(Source {
                name: name.to_owned(),
                count: at.len(),
                first_at: *first_at,
                last_at: *last_at,
                longest_silence_secs: longest.unwrap_or(0),
            });
        }
    }
    (sources, silences)
}

fn lanes(conn: &mut Conn, environment: &str, service: Option<ServiceId>) -> Result<Vec<LaneCount>> {
    let found = reads::lanes(conn, environment, service)?;
    let ids: Vec<ServiceId> = found.iter().map(|it| it.service).collect();
    let names = store::house::service_names(conn, &ids)?;
    let count = |it: reads::Counted| LaneCount {
        service: names.get(&it.service).cloned().unwrap_or_default(),
        target: it.target,
        counted: it.counted,
        kept: it.kept,
        highest: it.highest,
    };
    let mut lanes: Vec<LaneCount> = found.into_iter().map(count).collect();
    lanes.sort_by(|a, b| (&a.service, &a.target).cmp(&(&b.service, &b.target)));
    Ok(lanes)
}

fn ref_events(
    conn: &mut Conn,
    service: Option<ServiceId>,
    span: Interval,
    items: &[Item],
) -> Result<RefEvents> {
    let mut repositories = store::repository::repositories(conn)?;
    repositories.retain(|it| service.is_none() || it.service == service);
    let deployed: HashSet<&str> = items
        .iter()
        .filter_map(|item| item.it.commit.as_deref())
        .collect();
    let mut found = RefEvents {
        repositories: repositories.len(),
        ..RefEvents::default()
    };
    for (id, name, tip) in reads::ref_moves(conn, span)? {
        let known = repositories.iter().find(|it| it.id == id);
        if known.is_some_and(|it| it.publishes(&name)) {
            found.published += 1;
            found.deployed += usize::from(deployed.contains(tip.as_str()));
        }
    }
    Ok(found)
}
