//! Self-test pages: everybody who stands on a rotation or an escalation policy is paged by all their ways every so many hours, and who
//! lets a day pass without an answer is named to the admins until they answer any page. A self-test is about no incident: it is on
//! no ticket's timeline, counts as no work and isn't paid.

use super::escalation::{About, page_person};
use super::page_ways::can_reach;
use super::roster;
use crate::app::{App, Ctx};
use crate::domain::id::PersonId;
use crate::domain::page::PageKind;
use crate::domain::self_test::{ANSWER_SECS, Standing};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::store::{Conn, self_test as rows};

/// Pages whoever is due. Nobody while nothing leads to them: that is a band of its own.
pub fn page_due(ctx: &Ctx<'_>) -> Result<()> {
    let (roster, known) = ctx.read(|conn| {
        let roster = roster::in_force(ctx.app, conn, ctx.now)?;
        Ok((roster, rows::all(conn)?))
    })?;
    let hours = roster.settings.self_test_hours;
    if hours == 0 {
        return Ok(());
    }
    for id in roster.called() {
        let Some(standing) = known.iter().find(|standing| standing.person == id) else {
            ctx.write(|tx| rows::begin(tx, id, ctx.now))?;
            continue;
        };
        let is_due = roster
            .person(id)
            .is_some_and(|person| standing.is_due(hours, ctx.now, person.zone));
        if is_due && can_reach(ctx, &roster, id) {
            page(ctx, standing)?;
        }
    }
    Ok(())
}

fn page(ctx: &Ctx<'_>, standing: &Standing) -> Result<()> {
    ctx.write(|tx| {
        if !rows::page(tx, standing, ctx.now)? {
            return Ok(());
        }
        let roster = roster::in_force(ctx.app, tx, ctx.now)?;
        let about = About {
            ticket: None,
            run: None,
            kind: PageKind::SelfTest,
        };
        page_person(tx, ctx, &roster, about, standing.person).map(|_| ())
    })
}

/// Who may be called and has answered nothing for a day after a self-test, by name.
pub fn silent(app: &App, conn: &mut Conn, now: Timestamp) -> Result<Vec<String>> {
    let waiting: Vec<PersonId> = rows::waiting_since(conn, now.plus_secs(-ANSWER_SECS))?;
    if waiting.is_empty() {
        return Ok(Vec::new());
    }
    let roster = roster::in_force(app, conn, now)?;
    if roster.settings.self_test_hours == 0 {
        return Ok(Vec::new());
    }
    let called = roster.called();
    let mut names: Vec<String> = waiting
        .iter()
        .filter(|id| called.contains(id))
        .filter_map(|id| roster.person(*id))
        .map(|person| person.name.clone())
        .collect();
    names.sort_by_key(|name| name.to_lowercase());
    Ok(names)
}
