//! Deployments that tags tell of, in a repository where nothing else does.
//!
//! What a tag says is a fact: it moved before we heard of it. Whether it may was asked by the hook before (`push_verdict`).

use std::collections::{BTreeMap, HashMap};

use super::deployment::{self, Asked};
use crate::app::Ctx;
use crate::domain::deployment::{Lane, Report, Status};
use crate::domain::git::{Push, RefMove, Repository};
use crate::domain::id::{Kind, PushId, TicketKey};
use crate::domain::live_tag::{Tag, is_exact, is_meant, place, tag_word};
use crate::domain::people::Service;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::store::{self, Tx};

/// Tags that say nothing, of one push, that are named.
const UNCLEAR: usize = 20;

/// What a tag says is live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    pub tag: String,
    pub service: String,
    pub environment: String,
    pub version: String,
    pub freeze: Option<String>,
}

/// The tags of a push that say what is live, read before anything is written.
#[derive(Default)]
pub(super) struct Said<'a> {
    told: BTreeMap<Lane, Told<'a>>,
    /// The repository's past comes in: nothing happened just now.
    is_past: bool,
    /// Those that name no environment or service of the house: the first of them.
    pub unclear: Vec<String>,
}

struct Told<'a> {
    moved: &'a RefMove,
    tag: &'a Tag,
    service: Service,
    version: String,
    /// Others in the push say something of the same lane.
    is_one_of_many: bool,
}

/// Reads the tags of a push. Of several of one lane the newest counts; of equally old ones, the last by name.
pub(super) fn read<'a>(tx: &mut Tx, repository: &Repository, push: &'a Push) -> Result<Said<'a>> {
    let mut said = Said::default();
    if !repository.tags_say_live || !push.refs.iter().any(|it| is_meant(&it.name)) {
        return Ok(said);
    }
    let known: HashMap<String, String> = store::repository::recorded_tips(tx, repository.id)?
        .into_iter()
        .collect();
    said.is_past = known.is_empty() || push.is_bulk;
    let environments = store::house::environments(tx)?;
    let mut services = store::house::services(tx)?;
    services.retain(|it| it.is_active);
    for moved in push.refs.iter().filter(|it| is_meant(&it.name)) {
        // One that is deleted, or names no commit, says nothing of what is live.
        let Some(tag) = &moved.tag else { continue };
        // A hook and a forge may tell of the same move.
        if known.get(&moved.name).map(String::as_str) == Some(moved.new.as_str()) {
            continue;
        }
        let found = place(&moved.name, &environments).and_then(|place| {
            let read = place.readings().into_iter().find_map(|it| {
                let is_meant = |service: &&Service| match it.service {
                    Some(name) => tag_word(&service.name) == name,
                    None => Some(service.id) == repository.service,
                };
                Some((services.iter().find(is_meant)?, it.version))
            });
            let (service, version) = read?;
            Some((place.environment.to_owned(), service.clone(), version))
        });
        let Some((environment, service, named)) = found else {
            if said.unclear.len() < UNCLEAR {
                said.unclear.push(moved.name.clone());
            }
            continue;
        };
        let lane = Lane {
            environment,
            service: service.id,
            target: String::new(),
        };
        let version = version(moved, tag, named);
        let mut told = Told {
            moved,
            tag,
            service,
            version,
            is_one_of_many: false,
        };
        let age = |it: &Told<'_>| (it.tag.made_at, it.moved.name.clone());
        if let Some(other) = said.told.remove(&lane) {
            if age(&other) > age(&told) {
                told = other;
            }
            told.is_one_of_many = true;
        }
        said.told.insert(lane, told);
    }
    Ok(said)
}

/// The version that stands on the very commit; else as the tag calls it; else how far it is from one.
fn version(moved: &RefMove, tag: &Tag, named: Option<&str>) -> String {
    let described = moved.version_after.as_deref();
    let exact = described.filter(|it| is_exact(it));
    let version = exact.or(named).or(described);
    version.unwrap_or(tag.commit.short()).to_owned()
}

impl Said<'_> {
    /// Before any ticket is written, so that a deployment told elsewhere and this push never wait for each other crosswise.
    pub(super) fn enter(&self, tx: &mut Tx) -> Result<()> {
        let mut lanes = self.told.keys();
        lanes.try_for_each(|lane| store::deployment::enter(tx, lane))
    }

    /// Records what was said by the refs that are `news`.
    pub(super) fn record(
        &self,
        tx: &mut Tx,
        ctx: &Ctx<'_>,
        repository: &Repository,
        (push, push_id): (&Push, PushId),
        news: &[&str],
    ) -> Result<Vec<Live>> {
        let mut live = Vec::new();
        let fresh = self
            .told
            .iter()
            .filter(|(_, told)| news.contains(&told.moved.name.as_str()));
        for (lane, told) in fresh {
            let at = match self.is_past || told.is_one_of_many {
                true => told.tag.made_at.min(ctx.now),
                false => pushed_at(push, ctx.now),
            };
            let report = Report {
                service: told.service.name.clone(),
                environment: lane.environment.clone(),
                target: lane.target.clone(),
                version: told.version.clone(),
                commit: Some(told.tag.commit.to_string()),
                artefact: None,
                revision: None,
                status: Status::Succeeded,
                check: None,
                // What has a beginning is a fact, and no wish.
                started_at: Some(at),
                finished_at: Some(at),
                actor: told.tag.tagger.clone().or_else(|| push.pusher.clone()),
                url: repository.url_of(told.tag.commit.as_str()),
                change: change(tx, repository, push, told.tag)?,
                source: Some(format!("tags of {}", repository.name)),
                source_event_id: Some(format!("{} {push_id}", told.moved.short_name())),
                break_glass: None,
                decided_at: None,
                when_open: false,
            };
            let Asked::Recorded(recorded) = deployment::record_in(tx, ctx, &report)? else {
                return Err(Error::internal("a fact doesn't wait"));
            };
            live.push(Live {
                tag: told.moved.name.clone(),
                service: report.service,
                environment: report.environment,
                version: report.version,
                freeze: recorded.deployment.freeze,
            });
        }
        Ok(live)
    }
}

/// The hook makes a push's id when it is pushed; what waited in its spool comes later.
fn pushed_at(push: &Push, now: Timestamp) -> Timestamp {
    let made = PushId::parse(&push.push_id).and_then(|id| id.made_at());
    made.map_or(now, |at| at.min(now))
}

/// The change that the tag's message names, or else that which the whole push was decided to stand on.
fn change(
    tx: &mut Tx,
    repository: &Repository,
    push: &Push,
    tag: &Tag,
) -> Result<Option<TicketKey>> {
    for key in tag.keys.iter().filter(|key| key.kind == Kind::Change) {
        if store::ticket::by_key(tx, *key)?.is_some() {
            return Ok(Some(*key));
        }
    }
    let decided = store::push_decision::of_push(tx, repository.id, &push.push_id)?;
    let Some(id) = decided.and_then(|it| it.ticket_id) else {
        return Ok(None);
    };
    let ticket = store::ticket::by_id(tx, id)?.ok_or(Error::NotFound)?;
    Ok(Some(ticket.key).filter(|key| key.kind == Kind::Change))
}
