//! While an approver is away, another speaks for them: who says so, until when, and in whose name.

use super::{allow, audit};
use crate::app::Ctx;
use crate::domain::access::{Action, Role, Target, suffices};
use crate::domain::approval::StandIn;
use crate::domain::id::{Id, PersonId, StandInId};
use crate::domain::people::Person;
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::timeline::Facts;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::store::{self, Conn};

/// Time spans that one person has named at once.
const MOST: usize = 20;

/// Who stands in for whom, now and later.
pub fn list(ctx: &Ctx<'_>) -> Result<Vec<StandIn>> {
    allow(&ctx.by, Action::ReadHouse, Target::House)?;
    ctx.read(|conn| store::approval::stand_ins(conn, ctx.now))
}

/// Whether whoever acts may name somebody: asked before what they typed is judged.
pub fn may_name(ctx: &Ctx<'_>) -> Result<()> {
    allow(&ctx.by, Action::ApproveChange, Target::House)
}

/// Names somebody who speaks for whoever acts; without a start from now on.
pub fn add(
    ctx: &Ctx<'_>,
    to: PersonId,
    starts_at: Option<Timestamp>,
    ends_at: Timestamp,
) -> Result<StandIn> {
    may_name(ctx)?;
    let from = ctx
        .by
        .person()
        .ok_or_else(|| Error::Forbidden(Refusal::new("not-a-person")))?;
    let new = StandIn {
        id: Id::new(ctx.now),
        from,
        to,
        starts_at: starts_at.unwrap_or(ctx.now),
        ends_at,
        made_at: ctx.now,
        ended_at: None,
    };
    new.check(ctx.now)?;
    ctx.write(|tx| {
        let person = store::people::person(tx, to)?;
        let person = person
            .ok_or_else(|| FieldError::new("to", "unknown-person").with("value", to.to_string()))?;
        if !may_approve(&person) {
            return Err(FieldError::new("to", "may-not-approve")
                .with("name", person.name)
                .into());
        }
        let known = store::approval::stand_ins(tx, ctx.now)?;
        if known.iter().filter(|it| it.from == from).count() >= MOST {
            return Err(Refusal::new("too-many-stand-ins")
                .with("max", MOST.to_string())
                .into());
        }
        store::approval::insert_stand_in(tx, &new)?;
        let facts = Facts::new()
            .with("person", to)
            .with("from", new.starts_at.rfc3339())
            .with("to", new.ends_at.rfc3339());
        audit::note(tx, ctx, "stand-in-added", &person.name, &facts)?;
        Ok(new.clone())
    })
}

/// Whoever was away is back, or somebody who keeps people says so.
pub fn end(ctx: &Ctx<'_>, id: StandInId) -> Result<()> {
    let keeps_people = allow(&ctx.by, Action::ManagePeople, Target::House).is_ok();
    if !keeps_people {
        allow(&ctx.by, Action::ApproveChange, Target::House)?;
    }
    ctx.write(|tx| {
        let known = store::approval::stand_in(tx, id)?.ok_or(Error::NotFound)?;
        if !keeps_people && ctx.by.person() != Some(known.from) {
            return Err(Error::NotFound);
        }
        if !known.is_ahead(ctx.now) {
            return Err(Refusal::new("unchanged").into());
        }
        store::approval::end_stand_in(tx, id, ctx.now)?;
        let names = store::people::person_names(tx, &[known.from, known.to])?;
        let name = |id| names.get(&id).cloned().unwrap_or_default();
        let facts = Facts::new()
            .with("person", known.to)
            .with("for", name(known.from));
        audit::note(tx, ctx, "stand-in-ended", &name(known.to), &facts)
    })
}

fn may_approve(person: &Person) -> bool {
    person.is_active && suffices(person.roles, Action::ApproveChange)
}

/// The name of whoever `by` may speak for now.
pub(super) fn whom(
    conn: &mut Conn,
    now: Timestamp,
    from: PersonId,
    by: PersonId,
) -> Result<String> {
    let known = store::approval::stand_ins(conn, now)?;
    let is_named = known
        .iter()
        .any(|it| it.from == from && it.to == by && it.is_open(now));
    let person = store::people::person(conn, from)?;
    match person.filter(|person| is_named && may_approve(person)) {
        Some(person) => Ok(person.name),
        None => Err(Refusal::new("stands-in-for-nobody").into()),
    }
}

/// Who may be named: active people who may approve.
pub fn eligible(conn: &mut Conn) -> Result<Vec<(PersonId, String)>> {
    let ids = store::people::holders_of(conn, Role::ChangeApprover)?;
    let mut named: Vec<(PersonId, String)> = store::people::person_names(conn, &ids)?
        .into_iter()
        .collect();
    named.sort_by_key(|(id, name)| (name.to_lowercase(), *id));
    Ok(named)
}
