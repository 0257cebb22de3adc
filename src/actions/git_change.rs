//! What a commit's message says of a change: that one begins with it, and what fills a draft's plan.

use super::push_verdict::person_of;
use super::ticket::open_in;
use crate::app::Ctx;
use crate::domain::change::{Change, Plan};
use crate::domain::git::{Push, ReportedCommit, Repository};
use crate::domain::id::Kind;
use crate::domain::severity::Risk;
use crate::domain::text::Title;
use crate::domain::ticket::{Opening, State, Ticket};
use crate::domain::timeline::{Actor, Entry, EntryKind};
use crate::error::Result;
use crate::store::git_commit::RecordedCommit;
use crate::store::{self, Tx};

/// Opens the change that begins with this commit (`Change: new`), with what its message says; whoever pushes it wants it, if they
/// are known here.
pub(super) fn begin(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    repository: &Repository,
    push: &Push,
    commit: &ReportedCommit,
) -> Result<Ticket> {
    let settings = store::settings::all(tx)?;
    let person = match &push.pusher {
        Some(pusher) => person_of(tx, &settings, pusher)?,
        None => None,
    };
    let facts = &commit.facts;
    let opening = Opening {
        services: repository.service.into_iter().collect(),
        owner: person.map(|it| it.id),
        risk: facts.risk.as_deref().and_then(risk_said),
        ..Opening::default()
    };
    let title = Title::from_foreign(&commit.subject, "Change");
    let author = (Actor::Stranger, commit.author.name.clone());
    let ticket = open_in(tx, ctx, Kind::Change, title, &opening, Some(author))?;
    let said = |text: &Option<String>| text.clone().unwrap_or_default();
    let change = Change {
        plan: Plan {
            purpose: said(&facts.purpose),
            side_effects: said(&facts.side_effects),
            revert: said(&facts.rollback),
            ..Plan::default()
        },
        requested_by: opening.owner,
        ..Change::default()
    };
    store::change::put(tx, ticket.id, &change)?;
    Ok(ticket)
}

/// `Risk: medium, the cache starts cold`: the first word counts.
fn risk_said(text: &str) -> Option<Risk> {
    let word = text.split(|c: char| !c.is_alphabetic()).next()?;
    word.to_lowercase().parse().ok()
}

/// Trailers of a commit fill the empty fields of a draft's plan. What people wrote or approved stays.
pub(super) fn fill_plan(
    tx: &mut Tx,
    ticket: &mut Ticket,
    commit: &RecordedCommit,
) -> Result<Option<Entry>> {
    if ticket.state != State::Draft {
        return Ok(None);
    }
    let mut change = store::change::of(tx, ticket.id)?;
    let mut filled = Vec::new();
    let plan = &mut change.plan;
    for (name, field, fact) in [
        ("purpose", &mut plan.purpose, "purpose"),
        ("side_effects", &mut plan.side_effects, "side_effects"),
        ("revert", &mut plan.revert, "rollback"),
    ] {
        if let Some(text) = commit.facts.get(fact).filter(|_| field.is_empty()) {
            *field = text.to_owned();
            filled.push(name);
        }
    }
    let risk = commit.facts.get("risk").and_then(risk_said);
    // A commit may know of a risk that nobody has seen; it makes none smaller. The words come most risky first.
    let is_more = |said: &Risk| ticket.risk.is_none_or(|known| *said < known);
    if let Some(said) = risk.filter(is_more) {
        ticket.risk = Some(said);
        filled.push("risk");
    }
    if filled.is_empty() {
        return Ok(None);
    }
    store::change::put(tx, ticket.id, &change)?;
    Ok(Some(
        Entry::new(EntryKind::Edited).fact("fields", filled.join(", ")),
    ))
}
