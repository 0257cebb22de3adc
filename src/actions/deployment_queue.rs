//! Deployments that wait for a freeze to lift: asked for in time, let go by their job or by a person, and begun by whoever asks again.

use super::deployment::{Place, judge};
use super::deployment_gate::{self as gate, Passed};
use super::deployment_rule::rule;
use super::{allow, record as record_ticket};
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::deploy_queue::{Queued, Reason, State, Turn, Wait};
use crate::domain::deployment::{Deployment, Report, Status};
use crate::domain::id::{Id, QueuedId, ServiceId, TicketKey};
use crate::domain::people::Service;
use crate::domain::ticket::Ticket;
use crate::domain::timeline::{Entry, EntryKind};
use crate::error::{Error, Result};
use crate::store::{self, Conn, Tx, deploy_queue as rows, deployment as deployments};
use crate::words::Words;

/// What is shown of the queue at most.
const MOST: i64 = 500;

/// What waits, with the names that it is told by.
#[derive(Debug, Clone)]
pub struct Line {
    pub queued: Queued,
    pub service: String,
    pub ticket: Option<TicketKey>,
}

/// Everything that waits or was let go and hasn't begun, first come first.
pub fn list(ctx: &Ctx<'_>) -> Result<Vec<Line>> {
    allow(&ctx.by, Action::ReadTickets, Target::House)?;
    ctx.read(|conn| {
        let all = rows::open(conn, MOST)?;
        lines(conn, all)
    })
}

pub fn lines(conn: &mut Conn, all: Vec<Queued>) -> Result<Vec<Line>> {
    let services: Vec<ServiceId> = all.iter().map(|it| it.lane.service).collect();
    let names = store::house::service_names(conn, &services)?;
    let mut lines = Vec::with_capacity(all.len());
    for queued in all {
        let ticket = match queued.ticket {
            Some(id) => store::ticket::by_id(conn, id)?.map(|it| it.key),
            None => None,
        };
        let service = names.get(&queued.lane.service).cloned();
        lines.push(Line {
            queued,
            service: service.unwrap_or_default(),
            ticket,
        });
    }
    Ok(lines)
}

/// One that is or was in the queue.
pub fn read(ctx: &Ctx<'_>, id: QueuedId) -> Result<Line> {
    allow(&ctx.by, Action::ReadTickets, Target::House)?;
    ctx.read(|conn| line(conn, id))
}

/// The same of what was just asked for, by whoever asked.
pub fn told(ctx: &Ctx<'_>, queued: Queued) -> Result<Line> {
    ctx.read(|conn| lines(conn, vec![queued]))?
        .pop()
        .ok_or(Error::NotFound)
}

fn line(conn: &mut Conn, id: QueuedId) -> Result<Line> {
    let queued = rows::by_id(conn, id)?.ok_or(Error::NotFound)?;
    lines(conn, vec![queued])?.pop().ok_or(Error::NotFound)
}

/// Lets it go as soon as nothing but a word keeps it.
pub fn go(ctx: &Ctx<'_>, id: QueuedId) -> Result<Line> {
    allow(&ctx.by, Action::RecordDeployment, Target::House)?;
    ctx.write(|tx| {
        let mut it = enter(tx, id)?;
        it.go(ctx.by.name(), ctx.now)?;
        rows::update(tx, &it)?;
        look(tx, ctx, it)?;
        line(tx, id)
    })
}

/// Takes it out of the queue.
pub fn withdraw(ctx: &Ctx<'_>, id: QueuedId) -> Result<Line> {
    allow(&ctx.by, Action::RecordDeployment, Target::House)?;
    ctx.write(|tx| {
        let mut it = enter(tx, id)?;
        it.withdraw(ctx.by.name(), ctx.now)?;
        rows::update(tx, &it)?;
        tell(tx, ctx, &it, EntryKind::DeploymentDropped)?;
        line(tx, id)
    })
}

/// Reads one while nobody else moves the queue of its service. Its lane is entered first, as by whoever deploys: two that wait for each
/// other crosswise would both fail.
fn enter(tx: &mut Tx, id: QueuedId) -> Result<Queued> {
    let seen = rows::by_id(tx, id)?.ok_or(Error::NotFound)?;
    deployments::enter(tx, &seen.lane)?;
    rows::enter(tx, seen.lane.service)?;
    rows::by_id(tx, id)?.ok_or(Error::NotFound)
}

/// Looks at what is due, at most `most` of it. How many were looked at.
pub fn look_at_due(ctx: &Ctx<'_>, most: i64) -> Result<usize> {
    let due = ctx.read(|conn| rows::due(conn, ctx.now, most))?;
    for id in &due {
        let done = ctx.write(|tx| {
            let it = enter(tx, *id)?;
            match it.look_at {
                Some(at) if at <= ctx.now => look(tx, ctx, it),
                _ => Ok(()),
            }
        });
        match done {
            // Somebody's change in between makes it void; the next look decides again.
            Ok(()) | Err(Error::Stale) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(due.len())
}

/// Decides anew what one of them waits for, or lets it go.
fn look(tx: &mut Tx, ctx: &Ctx<'_>, mut it: Queued) -> Result<()> {
    if it.is_stale(ctx.now) {
        it.end(State::Expired, None, ctx.now);
        rows::update(tx, &it)?;
        return tell(tx, ctx, &it, EntryKind::DeploymentDropped);
    }
    if it.state != State::Waiting {
        return Ok(());
    }
    let wait = match keeps(tx, ctx, &it) {
        Ok(wait) => wait,
        Err(Error::Refused(refusal)) => Some(Wait {
            detail: Words::english().refusal(&refusal),
            ..Wait::of(Reason::Refused)
        }),
        Err(other) => return Err(other),
    };
    match wait {
        Some(wait) => {
            let was = (it.state, it.reason);
            it.wait(wait, ctx.now);
            rows::update(tx, &it)?;
            // Who asked for it has to do something, and learns of it once.
            let is_news = was != (it.state, it.reason)
                && (it.reason.wants_go() || it.reason == Reason::Refused);
            match is_news {
                true => tell(tx, ctx, &it, EntryKind::DeploymentQueued),
                false => Ok(()),
            }
        }
        None => {
            it.release(ctx.now);
            rows::update(tx, &it)?;
            tell(tx, ctx, &it, EntryKind::DeploymentReleased)
        }
    }
}

/// What keeps it now.
fn keeps(tx: &mut Tx, ctx: &Ctx<'_>, it: &Queued) -> Result<Option<Wait>> {
    let service = store::house::service(tx, it.lane.service)?.ok_or(Error::NotFound)?;
    let named = match it.ticket {
        Some(id) => Some(store::ticket::by_id(tx, id)?.ok_or(Error::NotFound)?),
        None => None,
    };
    let report = Report {
        service: service.name.clone(),
        environment: it.lane.environment.clone(),
        target: it.lane.target.clone(),
        version: it.version.clone(),
        commit: it.commit.clone(),
        artefact: None,
        check: None,
        revision: None,
        status: Status::Started,
        started_at: None,
        finished_at: None,
        actor: it.actor.clone(),
        url: it.url.clone(),
        change: named.as_ref().map(|ticket| ticket.key),
        source: Some(it.source.clone()),
        source_event_id: Some(it.source_event_id.clone()),
        break_glass: None,
        decided_at: None,
        when_open: true,
    };
    let environments = store::house::environments(tx)?;
    let place = Place {
        service: &service,
        lane: it.lane.clone(),
        is_production: environments.first() == Some(&it.lane.environment),
        source: it.source.clone(),
    };
    let (_, passed) = judge(tx, ctx, &place, &report, named)?;
    if passed.wait.is_some() {
        return Ok(passed.wait);
    }
    Ok(turn(tx, it)?.keeps(it, ctx.now))
}

/// How it stands in the queue of its service.
fn turn(conn: &mut Conn, it: &Queued) -> Result<Turn> {
    let rule = rule(conn, it.lane.service)?;
    let last = rows::last_released(conn, it.lane.service)?;
    let begun = match last {
        Some((_, Some(id))) => deployments::by_id(conn, id)?,
        _ => None,
    };
    // What failed before this was asked for was known then.
    let failed = begun.filter(|last| {
        let is_bad = matches!(last.status, Status::Failed | Status::RolledBack);
        is_bad && last.updated_at >= it.queued_at
    });
    Ok(Turn {
        gap_secs: rule.gap_mins * 60,
        needs_go: rule.needs_go,
        last_released: last.map(|(at, _)| at),
        last_failed: failed.map(|it| it.updated_at),
        overtaken: rows::deployed_since(conn, &it.lane, it.queued_at)?,
    })
}

/// What is known under the id of a report.
pub(super) fn known(conn: &mut Conn, report: &Report, place: &Place<'_>) -> Result<Option<Queued>> {
    let Some(event) = &report.source_event_id else {
        return Ok(None);
    };
    let Some(known) = rows::by_source(conn, &place.source, event)? else {
        return Ok(None);
    };
    if known.lane != place.lane || known.version != report.version {
        return Err(gate::differs_from(event, &known.version, &known.lane).into());
    }
    Ok(Some(known))
}

/// Whether what was judged waits rather than begin: for a window, or for others of its service that do.
pub(super) fn waits(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    report: &Report,
    new: &Deployment,
    passed: &Passed,
    known: Option<&Queued>,
) -> Result<Option<Wait>> {
    if !report.when_open || passed.glass.is_some() {
        return Ok(None);
    }
    if passed.wait.is_some() {
        return Ok(passed.wait.clone());
    }
    // What was let go may begin.
    if known.is_some() {
        return Ok(None);
    }
    let service = new.lane.service;
    let others = rows::open_of(tx, service)?;
    let waiting = |it: &&Queued| it.state == State::Waiting && it.lane != new.lane;
    if others.iter().any(|it| waiting(&it)) {
        return Ok(Some(Wait::of(Reason::Turn)));
    }
    let gap = rule(tx, service)?.gap_mins * 60;
    let free_at = rows::last_released(tx, service)?.map(|(at, _)| at.plus_secs(gap));
    Ok(free_at.filter(|at| ctx.now < *at).map(|at| Wait {
        opens_at: Some(at),
        ..Wait::of(Reason::Turn)
    }))
}

/// It waits from now on, in the place of what waited in its lane before.
pub(super) fn join(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    service: &Service,
    new: Deployment,
    ticket: Option<Ticket>,
    wait: Wait,
    known: Option<Queued>,
) -> Result<Queued> {
    rows::enter(tx, service.id)?;
    if let Some(mut known) = known {
        known.wait(wait, ctx.now);
        rows::update(tx, &known)?;
        return Ok(known);
    }
    supersede(tx, ctx, &new)?;
    let mut queued = Queued {
        id: Id::new(ctx.now),
        lane: new.lane,
        version: new.version,
        commit: new.commit,
        ticket: ticket.as_ref().map(|it| it.id),
        source: new.source,
        source_event_id: new.source_event_id,
        by: new.by,
        by_name: new.by_name,
        actor: new.actor,
        url: new.url,
        state: State::Waiting,
        reason: wait.reason,
        detail: wait.detail.clone(),
        opens_at: wait.opens_at,
        queued_at: ctx.now,
        look_at: None,
        go_at: None,
        go_name: None,
        released_at: None,
        ended_at: None,
        ended_name: None,
        deployment: None,
    };
    queued.wait(wait, ctx.now);
    rows::insert(tx, &queued)?;
    tell(tx, ctx, &queued, EntryKind::DeploymentQueued)?;
    Ok(queued)
}

/// A newer one of its lane takes the place of what waited.
fn supersede(tx: &mut Tx, ctx: &Ctx<'_>, new: &Deployment) -> Result<()> {
    for mut older in rows::open_of(tx, new.lane.service)? {
        if older.lane == new.lane {
            older.end(State::Superseded, Some(&new.version), ctx.now);
            rows::update(tx, &older)?;
            tell(tx, ctx, &older, EntryKind::DeploymentDropped)?;
        }
    }
    Ok(())
}

/// It begins, or has: what waited for it does no more, and neither does the same version under another id.
pub(super) fn begun(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    new: &Deployment,
    known: Option<Queued>,
) -> Result<()> {
    if let Some(mut known) = known
        && !known.state.is_over()
    {
        known.deployment = Some(new.id);
        known.released_at = known.released_at.or(Some(ctx.now));
        known.end(State::Begun, None, ctx.now);
        rows::update(tx, &known)?;
    }
    if new.status == Status::Failed {
        return Ok(());
    }
    for mut other in rows::open_of(tx, new.lane.service)? {
        if other.lane == new.lane && other.version == new.version {
            other.end(State::Superseded, Some(&new.version), ctx.now);
            rows::update(tx, &other)?;
            tell(tx, ctx, &other, EntryKind::DeploymentDropped)?;
        }
    }
    Ok(())
}

fn entry(conn: &mut Conn, it: &Queued, kind: EntryKind) -> Result<Entry> {
    let service = store::house::service(conn, it.lane.service)?;
    let name = service.map_or_else(String::new, |it| it.name);
    let entry = Entry::new(kind)
        .fact("what", format!("{name} {}", it.version))
        .fact("environment", it.lane.place())
        .fact("queued", it.id);
    Ok(match kind {
        EntryKind::DeploymentQueued => entry
            .fact("reason", it.reason)
            .fact("detail", &it.detail)
            .fact_some("opens", it.opens_at.map(|at| at.rfc3339())),
        EntryKind::DeploymentDropped => entry
            .fact("did", it.state)
            .fact_some("who", it.ended_name.as_ref()),
        _ => entry,
    })
}

/// Puts it on the timeline of its change. A standing change is told only what was let go: its deployments tell the rest.
fn tell(tx: &mut Tx, ctx: &Ctx<'_>, it: &Queued, kind: EntryKind) -> Result<()> {
    let Some(id) = it.ticket else {
        return Ok(());
    };
    let mut ticket = store::ticket::by_id(tx, id)?.ok_or(Error::NotFound)?;
    let change = store::change::of(tx, id)?;
    if change.is_standing(&ticket) && kind != EntryKind::DeploymentReleased {
        return Ok(());
    }
    let entry = entry(tx, it, kind)?;
    record_ticket(tx, ctx, &mut ticket, vec![entry]).map(|_| ())
}
