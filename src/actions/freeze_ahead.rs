//! Announcements of windows: one letter for each occurrence to each of those whom it concerns, so long beforehand as the window says.
//!
//! A letter is asked for here, once: its key names the occurrence and the reader, whatever node or process looks. What it says of
//! planned changes is read when it is sent, and it isn't sent if the window was edited or switched off meanwhile.

use std::collections::BTreeSet;

use chrono_tz::Tz;

use super::{allow_ticket, approval};
use crate::app::Ctx;
use crate::domain::access::{Action, Principal};
use crate::domain::delivery::DeliveryKind;
use crate::domain::freeze::{Asked, Freeze, Sort};
use crate::domain::id::{FreezeId, Id, PersonId, TeamId};
use crate::domain::ticket::State;
use crate::domain::timeline::Facts;
use crate::domain::timestamp::Timestamp;
use crate::domain::worktime::Interval;
use crate::error::Result;
use crate::store::outbox::{Delivery, NewDelivery};
use crate::store::people::Holder;
use crate::store::{self, Conn, Tx, freeze as rows};
use crate::words::Words;

/// The letter of a freeze, and that of a maintenance window.
const FREEZE: &str = "freeze_ahead";
const MAINTENANCE: &str = "maintenance_ahead";
/// Changes that a letter names; more are counted.
const NAMED: usize = 20;

/// Announces every occurrence that is due.
pub fn announce(ctx: &Ctx<'_>) -> Result<()> {
    for (freeze, told) in ctx.read(rows::announced)? {
        if !freeze.to_announce(ctx.now, told).is_empty() {
            ctx.write(|tx| announce_in(tx, ctx, freeze.id))?;
        }
    }
    Ok(())
}

/// The window as it stands now: what was read before may have been edited.
fn announce_in(tx: &mut Tx, ctx: &Ctx<'_>, id: FreezeId) -> Result<()> {
    let mut known = rows::announced(tx)?.into_iter();
    let Some((freeze, told)) = known.find(|(it, _)| it.id == id) else {
        return Ok(());
    };
    let due = freeze.to_announce(ctx.now, told);
    let Some(last) = due.last() else {
        return Ok(());
    };
    if !rows::note_announced(tx, &freeze, last.from)? {
        return Ok(());
    }
    let readers = readers(tx, &freeze)?;
    for occurrence in &due {
        let span = (occurrence.from.micros(), occurrence.until.micros());
        let facts = Facts::new()
            .with(
                "letter",
                match freeze.sort {
                    Sort::Deny => FREEZE,
                    Sort::Allow => MAINTENANCE,
                },
            )
            .with("freeze", freeze.id)
            .with("window", &freeze.name)
            .with("level", freeze.level)
            .with_instant("from", occurrence.from)
            .with_instant("until", occurrence.until);
        for person in &readers {
            let addresses = store::people::addresses(tx, Holder::Person(*person))?;
            let Some(address) = addresses.into_iter().next() else {
                continue;
            };
            let key = format!("freeze:{id}:{}:{}:{person}", span.0, span.1);
            let mut letter = NewDelivery::mail(DeliveryKind::Notice, key, address.folded());
            letter.person = Some(*person);
            letter.facts = facts.clone();
            store::outbox::queue(tx, &letter, ctx.now)?;
        }
    }
    Ok(())
}

/// The members of the teams of its services; of one for the whole house those of every team.
fn readers(conn: &mut Conn, freeze: &Freeze) -> Result<BTreeSet<PersonId>> {
    let scope = &freeze.scope.services;
    let services = store::house::services(conn)?;
    let theirs: BTreeSet<TeamId> = services
        .iter()
        .filter(|it| it.is_active && scope.contains(&it.id))
        .map(|it| it.team_id)
        .collect();
    let teams = store::house::teams(conn)?;
    let members = store::house::all_members(conn)?;
    let teams = teams
        .iter()
        .filter(|it| it.is_active && (scope.is_empty() || theirs.contains(&it.id)));
    let people = teams.filter_map(|it| members.get(&it.id)).flatten();
    Ok(people.copied().collect())
}

/// The window and the occurrence that a letter announces; `None`: it announces none.
fn announced(facts: &Facts) -> Option<(FreezeId, Timestamp, Timestamp)> {
    if !matches!(facts.get("letter"), Some(FREEZE | MAINTENANCE)) {
        return None;
    }
    let id = facts.get("freeze").and_then(Id::parse)?;
    Some((id, facts.instant("from")?, facts.instant("until")?))
}

/// Why an announcement isn't sent any more, as a key of the catalogue.
pub fn unwanted(conn: &mut Conn, facts: &Facts, now: Timestamp) -> Result<Option<&'static str>> {
    let Some((id, from, until)) = announced(facts) else {
        return Ok(None);
    };
    let stands = rows::by_id(conn, id)?.is_some_and(|it| it.is_open_from(from, until));
    Ok(match (stands, until <= now) {
        (false, _) => Some("unwanted-window-moved"),
        (true, true) => Some("unwanted-window-over"),
        (true, false) => None,
    })
}

/// Where an announcement leads: the calendar of its days.
pub fn place(facts: &Facts, zone: Tz) -> Option<String> {
    let (_, from, _) = announced(facts)?;
    Some(format!(
        "/calendar?from={}",
        from.in_zone(zone).date_naive()
    ))
}

/// What an announcement says of planned changes, on its reader's clock: those that would begin inside the window, that it says
/// something to and that its reader may see.
pub fn text(conn: &mut Conn, delivery: &Delivery, zone: Tz) -> Result<Option<String>> {
    let Some((id, from, until)) = announced(&delivery.facts) else {
        return Ok(None);
    };
    let reader = match delivery.person {
        Some(id) => store::people::person(conn, id)?,
        None => None,
    };
    let (Some(freeze), Some(reader)) = (rows::by_id(conn, id)?, reader) else {
        return Ok(None);
    };
    let reader = Principal::Person {
        id: reader.id,
        name: reader.name,
        roles: reader.roles,
    };
    let words = Words::english();
    let mut lines = Vec::new();
    for (ticket, planned) in store::agenda::planned(conn, Interval::new(from, until))? {
        let waits = matches!(
            ticket.state,
            State::Draft | State::AwaitingApproval | State::Approved
        );
        let begins_inside = from <= planned.starts_at && planned.starts_at < until;
        if !waits
            || !begins_inside
            || allow_ticket(conn, &reader, Action::ReadTickets, &ticket).is_err()
        {
            continue;
        }
        let change = store::change::of(conn, ticket.id)?;
        let (environment, is_production) = approval::environment(conn, &change)?;
        let asked = Asked {
            services: &planned.services,
            environment: &environment,
            is_production,
            risk: planned.risk,
            sort: Some(planned.sort),
        };
        if freeze.is_for(&asked) {
            let at = planned.starts_at.in_zone(zone);
            let at = at.format(&words.t("time-full")).to_string();
            lines.push(format!("{} {}, {at}", planned.key, planned.title));
        }
    }
    let n = i64::try_from(lines.len()).unwrap_or(i64::MAX);
    let mut said = vec![
        words
            .with("freeze-ahead-changes", &[("n", n.into())])
            .into_owned(),
    ];
    let more = lines.len().saturating_sub(NAMED);
    lines.truncate(NAMED);
    said.extend(lines);
    if more > 0 {
        let more = i64::try_from(more).unwrap_or(i64::MAX);
        said.push(
            words
                .with("freeze-ahead-more", &[("n", more.into())])
                .into_owned(),
        );
    }
    Ok(Some(said.join("\n")))
}
