//! Freezes: who keeps them, and what they say to a change that wants to begin.

use super::{allow, approval, audit};
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::approval::Field;
use crate::domain::change::{Change, Sort as ChangeSort};
use crate::domain::duration;
use crate::domain::freeze::{
    Asked, Details, Freeze, Level, Scope, Standing, may_begin, next_open, standing,
};
use crate::domain::id::{FreezeId, Id};
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::ticket::Ticket;
use crate::domain::timeline::{Entry, Facts};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::store::{self, Conn, Tx, freeze as rows};

/// Windows of one installation; each is read when a change begins.
const MOST: usize = 100;

/// Every window, oldest first.
pub fn list(ctx: &Ctx<'_>) -> Result<Vec<Freeze>> {
    allow(&ctx.by, Action::ReadHouse, Target::House)?;
    ctx.read(rows::all)
}

pub fn read(ctx: &Ctx<'_>, id: FreezeId) -> Result<Freeze> {
    allow(&ctx.by, Action::ReadHouse, Target::House)?;
    ctx.read(|conn| rows::by_id(conn, id))?
        .ok_or(Error::NotFound)
}

/// Whether whoever acts may keep windows: asked before what they typed is judged.
pub fn may_keep(ctx: &Ctx<'_>) -> Result<()> {
    allow(&ctx.by, Action::ManageSettings, Target::House)
}

pub fn add(ctx: &Ctx<'_>, details: &Details) -> Result<Freeze> {
    may_keep(ctx)?;
    ctx.write(|tx| add_in(tx, ctx, details))
}

pub(super) fn add_in(tx: &mut Tx, ctx: &Ctx<'_>, details: &Details) -> Result<Freeze> {
    refuse_unknown(tx, &details.scope)?;
    insert_in(tx, ctx, details.freeze(Id::new(ctx.now), ctx.now, 1))
}

pub(super) fn insert_in(tx: &mut Tx, ctx: &Ctx<'_>, freeze: Freeze) -> Result<Freeze> {
    if rows::all(tx)?.len() >= MOST {
        return Err(Refusal::new("too-many-freezes")
            .with("max", MOST.to_string())
            .into());
    }
    rows::insert(tx, &freeze)?;
    audit::note(tx, ctx, "freeze-added", &freeze.name, &facts(&freeze))?;
    Ok(freeze)
}

/// Changes it; `rev` is the version that was seen.
pub fn edit(ctx: &Ctx<'_>, id: FreezeId, rev: i64, details: &Details) -> Result<Freeze> {
    may_keep(ctx)?;
    ctx.write(|tx| {
        let known = rows::by_id(tx, id)?.ok_or(Error::NotFound)?;
        if known.version != rev {
            return Err(Error::Stale);
        }
        refuse_unknown(tx, &details.scope)?;
        let mut freeze = details.freeze(id, known.made_at, rev);
        freeze.source_uid.clone_from(&known.source_uid);
        change_in(tx, ctx, &known, freeze)
    })
}

pub(super) fn change_in(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    known: &Freeze,
    mut freeze: Freeze,
) -> Result<Freeze> {
    rows::update(tx, &mut freeze)?;
    if !freeze.is_when(known) {
        rows::forget_announced(tx, freeze.id)?;
    }
    // An approval stands still while a window blocks its change.
    store::approval_ask::look_at_all(tx, ctx.now)?;
    audit::note(tx, ctx, "freeze-edited", &freeze.name, &facts(&freeze))?;
    Ok(freeze)
}

pub(super) fn refuse_unknown(conn: &mut Conn, scope: &Scope) -> Result<()> {
    let services = store::house::services(conn)?;
    let mut asked = scope.services.iter();
    if !asked.all(|id| services.iter().any(|service| service.id == *id)) {
        return Err(FieldError::new("services", "unknown-service").into());
    }
    let environments = store::house::environments(conn)?;
    match scope
        .environments
        .iter()
        .find(|it| !environments.contains(it))
    {
        Some(unknown) => Err(FieldError::new("environments", "unknown-environment")
            .with("value", unknown.clone())
            .with("known", environments.join(", "))
            .into()),
        None => Ok(()),
    }
}

fn facts(freeze: &Freeze) -> Facts {
    let types = freeze.types.all();
    let types: Vec<String> = types
        .iter()
        .map(|(sort, level)| format!("{sort}: {level}"))
        .collect();
    Facts::new()
        .with("from", freeze.when.from())
        .with("to", freeze.when.to())
        .with("zone", freeze.zone.name())
        .with("sort", freeze.sort)
        .with("level", freeze.level)
        .with("type_levels", types.join(", "))
        .with("environments", freeze.scope.environments.join(", "))
        .with_some("min_risk", freeze.scope.min_risk)
        .with("refs", freeze.scope.refs.join(", "))
        .with_some("announce", freeze.announce_secs.map(duration::typed))
        .with("is_active", freeze.is_active)
        .with_some("source_uid", freeze.source_uid.as_ref())
}

/// How it stands for some services at an instant.
#[derive(Debug, Clone)]
pub struct State {
    pub level: Option<Level>,
    /// It isn't open: changes begin only inside it.
    pub is_outside: bool,
    /// The window that counts, and when it ends.
    pub window: Option<(FreezeId, String)>,
    pub until: Option<Timestamp>,
    /// When changes may begin: the instant asked for, if nothing blocks them then. `None`: not in sight.
    pub next_open: Option<Timestamp>,
}

/// How it stands for what is asked at `at`.
pub fn state(conn: &mut Conn, asked: &Asked<'_>, at: Timestamp) -> Result<State> {
    let all = rows::all(conn)?;
    let standing = standing(&all, asked, at);
    Ok(State {
        level: standing.map(|it| it.level),
        is_outside: standing.is_some_and(|it| it.is_outside()),
        window: standing.map(|it| (it.freeze.id, it.freeze.name.clone())),
        until: standing.map(|it| it.until),
        next_open: next_open(&all, asked, at),
    })
}

/// The type that a change was approved as. Nobody's word counts but the approvers': a type that was written down without them, or
/// since, lets nothing through.
pub(super) fn approved_sort(
    conn: &mut Conn,
    ticket: &Ticket,
    change: &Change,
) -> Result<Option<ChangeSort>> {
    let sort = change.plan.sort;
    if change.approved_at.is_none() {
        return Ok(None);
    }
    let votes = store::approval::votes(conn, ticket.id)?;
    let mut current = votes.iter().filter(|vote| vote.over_at.is_none());
    let is_theirs = current.all(|vote| vote.snapshot.get(Field::Sort) == sort.as_str());
    Ok(is_theirs.then_some(sort))
}

/// What is said of a change where it is done, if it is of type `sort`.
fn ask<T>(
    conn: &mut Conn,
    ticket: &Ticket,
    change: &Change,
    sort: Option<ChangeSort>,
    work: impl FnOnce(&mut Conn, &Asked<'_>) -> Result<T>,
) -> Result<T> {
    let services = store::ticket::services(conn, ticket.id)?;
    let (environment, is_production) = approval::environment(conn, change)?;
    let asked = Asked {
        services: &services,
        environment: &environment,
        is_production,
        risk: ticket.risk,
        sort,
    };
    work(conn, &asked)
}

/// How it stands for a change as it is planned: what its type is told once it is approved.
pub fn of_change(
    conn: &mut Conn,
    ticket: &Ticket,
    change: &Change,
    at: Timestamp,
) -> Result<State> {
    let sort = Some(change.plan.sort);
    ask(conn, ticket, change, sort, |conn, asked| {
        state(conn, asked, at)
    })
}

/// The window that a change goes through whose glass is broken: what is open at `at`, exempt or not.
pub fn gone_through(
    conn: &mut Conn,
    ticket: &Ticket,
    change: &Change,
    at: Timestamp,
) -> Result<Option<String>> {
    let sort = approved_sort(conn, ticket, change)?;
    let all = rows::all(conn)?;
    ask(conn, ticket, change, sort, |_, asked| {
        let found = stands_in(&all, asked, at);
        Ok(found
            .standing
            .or(found.exempt)
            .map(|it| it.freeze.name.clone()))
    })
}

/// The window that something begins in.
pub(super) struct Found<'a> {
    /// The one that says something to it.
    pub standing: Option<Standing<'a>>,
    /// The one that would, if its type weren't exempt.
    pub exempt: Option<Standing<'a>>,
}

pub(super) fn stands_in<'a>(freezes: &'a [Freeze], asked: &Asked<'_>, at: Timestamp) -> Found<'a> {
    let found = standing(freezes, asked, at);
    let untyped = asked.sort(None);
    let exempt = match found {
        Some(_) => None,
        None => standing(freezes, &untyped, at),
    };
    Found {
        standing: found,
        exempt,
    }
}

/// Asks the windows whether a change may begin now; `entry`, which says that it began, names the window that it began in.
pub fn pass(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: &Ticket,
    change: &Change,
    entry: Entry,
) -> Result<Entry> {
    let all = rows::all(tx)?;
    if all.is_empty() {
        return Ok(entry);
    }
    let sort = approved_sort(tx, ticket, change)?;
    ask(tx, ticket, change, sort, |_, asked| {
        let found = stands_in(&all, asked, ctx.now);
        if let Some(standing) = found.standing {
            may_begin(standing, change.approved_at)?;
            return Ok(entry.fact("freeze", standing.freeze.name.as_str()));
        }
        Ok(match (found.exempt, asked.sort) {
            (Some(window), Some(sort)) => entry
                .fact("freeze", window.freeze.name.as_str())
                .fact("exempt", sort),
            _ => entry,
        })
    })
}
