//! What changed just before an incident: candidates from the ledger of deployments, from changes in progress and from what was
//! pushed, ranked with their reasons; what the feeds can vouch for; and what responders found.

use std::collections::HashMap;

use super::suspect_scene::{Found, Scene};
use super::ticket::change as change_ticket;
use super::ticket_parts::link_in;
use super::{allow_ticket, deployment_story as story};
use crate::app::Ctx;
use crate::domain::access::Action;
use crate::domain::deployment::{Deployment, Freshness, Revert};
use crate::domain::id::{
    DeploymentId, Id, Kind as TicketKind, PersonId, ServiceId, SubjectId, TicketId, TicketKey,
};
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::suspect::{
    Alibi, Blame, Evidence, Feed, History, Kind, Lineup, Near, Risk, Suspect, Verdict, line_up,
    verdict,
};
use crate::domain::ticket::{Relation, Ticket};
use crate::domain::timeline::{Entry, EntryKind};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::store::deployment as rows;
use crate::store::suspect::{self as marks, Mark};
use crate::store::{self, Conn, Tx};

/// Suspects shown, and alibis; those of other services behind them tell nobody anything.
const SHOWN: usize = 20;
/// Deployments of a change among which the one is looked for that came before an incident.
const CARRIED: i64 = 50;

/// Who is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subject {
    pub kind: Kind,
    pub id: SubjectId,
}

/// A candidate as it is told.
#[derive(Debug, Clone)]
pub struct Told {
    pub subject: Subject,
    /// `web 4.12.0`, `CHG-7 Raise the pool`, `3 commits to storefront`.
    pub what: String,
    pub place: String,
    pub who: String,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub service: Option<ServiceId>,
    pub deployment: Option<DeploymentId>,
    pub before: Option<String>,
    pub is_live: bool,
    pub tickets: Vec<(TicketKey, String)>,
    pub near: Near,
    pub risk: Risk,
    pub history: History,
    pub evidence: Vec<Evidence>,
    pub revert: Option<Revert>,
    /// Whether it still reverts cleanly, if that could be tried.
    pub freshness: Option<Freshness>,
    pub mark: Option<Mark>,
}

/// The answer to "what changed just before?".
#[derive(Debug, Clone)]
pub struct Answer {
    pub onset: Timestamp,
    pub suspects: Vec<(Told, Suspect)>,
    /// All of them, shown or not.
    pub suspect_count: usize,
    pub alibis: Vec<(Told, Alibi)>,
    pub verdict: Verdict,
    pub feeds: Vec<Feed>,
    /// Those of the services of whose changes nobody tells, by name.
    pub untold: Vec<String>,
    /// The services that are looked at.
    pub services: Vec<String>,
    /// Those that hang together with them, which are looked at too.
    pub around: Vec<String>,
    pub environment: String,
}

pub fn read(ctx: &Ctx<'_>, key: TicketKey) -> Result<Answer> {
    ctx.read(|conn| {
        let ticket = store::ticket::by_key(conn, key)?.ok_or(Error::NotFound)?;
        allow_ticket(conn, &ctx.by, Action::ReadTickets, &ticket)?;
        if !ctx.by.is_staff() || key.kind != TicketKind::Incident {
            return Err(Error::NotFound);
        }
        answer(conn, &ticket, ctx.now)
    })
}

/// When it began: the earliest that anybody noticed.
fn onset(conn: &mut Conn, ticket: &Ticket) -> Result<Timestamp> {
    let affected = store::ticket::affected(conn, ticket.id)?;
    let told = affected.iter().filter_map(|it| it.reported_at);
    let hit = affected.iter().map(|it| it.impact_at);
    Ok(told.chain(hit).fold(ticket.impact_at, Timestamp::min))
}

/// Everything that changed around it, ranked.
fn lined_up(
    conn: &mut Conn,
    ticket: &Ticket,
    onset: Timestamp,
    now: Timestamp,
) -> Result<(Scene, Found, Lineup)> {
    let mut scene = Scene::of(conn, ticket, onset, now)?;
    let mut found = Found::default();
    scene.deployments(conn, &mut found)?;
    scene.changes(conn, &mut found)?;
    scene.pushes(conn, &mut found)?;
    let symptom = scene.symptom(conn, ticket)?;
    let lineup = line_up(onset, &symptom, &found.candidates);
    Ok((scene, found, lineup))
}

/// The caller may read the incident.
pub fn answer(conn: &mut Conn, ticket: &Ticket, now: Timestamp) -> Result<Answer> {
    let onset = onset(conn, ticket)?;
    let (scene, found, lineup) = lined_up(conn, ticket, onset, now)?;
    let feeds = scene.feeds(conn, now)?;
    let untold = scene.untold(conn, now)?;
    let verdict = verdict(&lineup, &feeds, !untold.is_empty(), now);
    let marks = marks::marks(conn, ticket.id)?;
    let mut told: Vec<Option<Told>> = found.told.into_iter().map(Some).collect();
    for told in told.iter_mut().flatten() {
        let subject = told.subject;
        let mark = marks
            .iter()
            .find(|it| it.kind == subject.kind && it.subject_id == subject.id);
        told.mark = mark.cloned();
    }
    let suspect_count = lineup.suspects.len();
    let is_marked = |told: &[Option<Told>], place: usize| {
        told[place].as_ref().is_some_and(|it| it.mark.is_some())
    };
    let mut shown = Vec::new();
    for (rank, suspect) in lineup.suspects.into_iter().enumerate() {
        if (rank < SHOWN || is_marked(&told, suspect.place))
            && let Some(told) = told[suspect.place].take()
        {
            shown.push((told, suspect));
        }
    }
    let mut cleared = Vec::new();
    for (place, alibi) in lineup.alibis {
        let is_near = told[place]
            .as_ref()
            .is_some_and(|it| it.near != Near::SameEnvironment);
        if is_near
            && cleared.len() < SHOWN
            && let Some(told) = told[place].take()
        {
            cleared.push((told, alibi));
        }
    }
    let ids: Vec<DeploymentId> = shown.iter().filter_map(|(it, _)| it.deployment).collect();
    let of: Vec<Deployment> = rows::by_ids(conn, &ids)?.into_values().collect();
    let full: HashMap<DeploymentId, story::Told> = story::told(conn, of.clone())?
        .into_iter()
        .map(|it| (it.deployment.id, it))
        .collect();
    let mut reverts = story::reverts(conn, &of)?;
    let mut tried = store::revert_check::of(conn, &ids)?;
    for (told, _) in &mut shown {
        let Some(id) = told.deployment else { continue };
        told.revert = reverts.remove(&id);
        told.freshness = tried.remove(&id);
        if let Some(full) = full.get(&id) {
            told.before = full.before.clone();
            told.is_live = full.is_live;
            told.tickets = full.tickets.clone();
        }
    }
    Ok(Answer {
        onset,
        suspects: shown,
        suspect_count,
        alibis: cleared,
        verdict,
        feeds,
        untold,
        services: scene
            .services
            .iter()
            .filter_map(|id| scene.names.get(id).cloned())
            .collect(),
        around: scene.names_around(),
        environment: scene.environment,
    })
}

/// Says what somebody found of a suspect. What caused the incident is linked as its cause, if it is a change or carries one.
pub fn mark(ctx: &Ctx<'_>, key: TicketKey, subject: Subject, blame: Blame) -> Result<Ticket> {
    change_ticket(ctx, key, None, Action::WorkOnTicket, |tx, ticket| {
        if key.kind != TicketKind::Incident {
            return Err(Refusal::new("not-an-incident")
                .with("key", key.to_string())
                .into());
        }
        let meant = meant(tx, subject)?;
        let known = marks::marks(tx, ticket.id)?;
        let before = known
            .iter()
            .find(|it| it.kind == subject.kind && it.subject_id == subject.id);
        if before.is_some_and(|it| it.blame == blame) {
            return Ok(Vec::new());
        }
        let place = place_of(tx, ticket, subject, ctx.now)?;
        marks::put_mark(
            tx,
            &Mark {
                place,
                ticket_id: ticket.id,
                kind: subject.kind,
                subject_id: subject.id,
                service_id: meant.service,
                blame,
                by_id: ctx.by.person(),
                by_name: ctx.by.name().to_owned(),
                marked_at: ctx.now,
            },
        )?;
        let mut entries = vec![
            Entry::new(EntryKind::SuspectMarked)
                .fact("what", &meant.what)
                .fact("blame", blame)
                .fact("kind", subject.kind)
                .fact("subject", subject.id),
        ];
        for id in meant.changes {
            let mut other = store::ticket::by_id(tx, id)?.ok_or(Error::NotFound)?;
            match blame {
                Blame::Caused => {
                    entries.extend(link_in(tx, ctx, ticket, Relation::CausedBy, &mut other)?)
                }
                Blame::Contributed | Blame::Cleared => {
                    if store::ticket_link::unlink(tx, ticket.id, Relation::CausedBy, id)? {
                        entries.push(
                            Entry::new(EntryKind::Unlinked)
                                .fact("relation", Relation::CausedBy)
                                .fact("to", other.key),
                        );
                    }
                }
            }
        }
        Ok(entries)
    })
}

/// A commit's word that this change caused the incident: on the deployment that brought it, if there was one before it began. The
/// entry on the incident; `None` where somebody has judged already.
pub(super) fn vote(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    incident: &Ticket,
    change: &Ticket,
    (by_id, by_name): (Option<PersonId>, String),
) -> Result<Option<Entry>> {
    let onset = onset(tx, incident)?;
    let brought = rows::of_ticket(tx, change.id, CARRIED)?;
    let brought = brought.iter().find(|it| it.started_at <= onset);
    let subject = match brought {
        Some(it) => Subject {
            kind: Kind::Deployment,
            id: Id::from_uuid(it.id.uuid()),
        },
        None => Subject {
            kind: Kind::Change,
            id: Id::from_uuid(change.id.uuid()),
        },
    };
    let known = marks::marks(tx, incident.id)?;
    let is_known = |it: &marks::Mark| it.kind == subject.kind && it.subject_id == subject.id;
    if known.iter().any(is_known) {
        return Ok(None);
    }
    let meant = meant(tx, subject)?;
    let place = place_of(tx, incident, subject, ctx.now)?;
    marks::put_mark(
        tx,
        &Mark {
            place,
            ticket_id: incident.id,
            kind: subject.kind,
            subject_id: subject.id,
            service_id: meant.service,
            blame: Blame::Caused,
            by_id,
            by_name,
            marked_at: ctx.now,
        },
    )?;
    Ok(Some(
        Entry::new(EntryKind::SuspectMarked)
            .fact("what", &meant.what)
            .fact("blame", Blame::Caused)
            .fact("kind", subject.kind)
            .fact("subject", subject.id),
    ))
}

/// Where on the list it stands, from 1.
fn place_of(
    conn: &mut Conn,
    ticket: &Ticket,
    subject: Subject,
    now: Timestamp,
) -> Result<Option<i64>> {
    let onset = onset(conn, ticket)?;
    let (_, found, lineup) = lined_up(conn, ticket, onset, now)?;
    let mut suspects = lineup.suspects.iter();
    let place = suspects.position(|it| found.told[it.place].subject == subject);
    Ok(place.map(|place| place as i64 + 1))
}

/// Whom a mark is about.
struct Meant {
    what: String,
    service: Option<ServiceId>,
    changes: Vec<TicketId>,
}

fn meant(conn: &mut Conn, subject: Subject) -> Result<Meant> {
    let unknown = || FieldError::new("subject", "unknown-subject");
    match subject.kind {
        Kind::Deployment => {
            let it = rows::by_id(conn, Id::from_uuid(subject.id.uuid()))?.ok_or_else(unknown)?;
            let names = store::house::service_names(conn, &[it.lane.service])?;
            let carried = rows::tickets_of(conn, &[it.id])?
                .remove(&it.id)
                .unwrap_or_default();
            let name = names.get(&it.lane.service).cloned().unwrap_or_default();
            Ok(Meant {
                what: format!("{name} {} ({})", it.version, it.lane.environment),
                service: Some(it.lane.service),
                changes: carried
                    .into_iter()
                    .filter(|(_, key, _)| key.kind == TicketKind::Change)
                    .map(|(id, ..)| id)
                    .collect(),
            })
        }
        Kind::Change => {
            let id: TicketId = Id::from_uuid(subject.id.uuid());
            let ticket = store::ticket::by_id(conn, id)?;
            let ticket = ticket
                .filter(|it| it.key.kind == TicketKind::Change)
                .ok_or_else(unknown)?;
            Ok(Meant {
                what: format!("{} {}", ticket.key, ticket.title),
                service: ticket.service,
                changes: vec![id],
            })
        }
        Kind::Push => {
            let found = marks::push(conn, Id::from_uuid(subject.id.uuid()))?.ok_or_else(unknown)?;
            let repository = store::repository::repository(conn, found)?.ok_or_else(unknown)?;
            Ok(Meant {
                what: repository.name,
                service: repository.service,
                changes: Vec::new(),
            })
        }
    }
}
