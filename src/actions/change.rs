//! What people do to a change beyond what they do to any ticket: plan, approve, start, watch, close.

use std::cell::Cell;

use super::glass_incident::{self, Broken};
use super::ticket::{change as change_ticket, open_in, written};
use super::{agenda, allow, allow_ticket, approval, freeze};
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::change::{
    Change, Glass, MIN_REASON_CHARS, Plan, Review, Verdict, refuse_unreviewed,
};
use crate::domain::id::{Id, Kind, ServiceId, TicketId, TicketKey};
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::text::{self, Title};
use crate::domain::ticket::{Opening, Outcome, State, Ticket};
use crate::domain::timeline::{Entry, EntryKind};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::store::{self, Conn, Tx};

/// How long a change stays on watch when nobody says otherwise.
pub const WATCH_SECS: i64 = 24 * 3_600;

/// Opens a change. A title is enough.
pub fn open(ctx: &Ctx<'_>, title: Title, opening: &Opening, plan: Plan) -> Result<Ticket> {
    allow(&ctx.by, Action::OpenTicket, Target::House)?;
    let plan = plan.check()?;
    ctx.write(|tx| {
        refuse_unknown(tx, &plan)?;
        let ticket = open_in(tx, ctx, Kind::Change, title.clone(), opening, None)?;
        let change = Change {
            plan: plan.clone(),
            requested_by: ctx.by.person(),
            ..Change::default()
        };
        store::change::put(tx, ticket.id, &change)?;
        Ok(ticket)
    })
}

/// The change as it stands, if whoever asks may see it.
pub fn read(ctx: &Ctx<'_>, key: TicketKey) -> Result<(Ticket, Change, Option<Glass>)> {
    ctx.read(|conn| {
        let ticket = store::ticket::by_key(conn, key)?.ok_or(Error::NotFound)?;
        allow_ticket(conn, &ctx.by, Action::ReadTickets, &ticket)?;
        if ticket.key.kind != Kind::Change {
            return Err(Error::NotFound);
        }
        let change = store::change::of(conn, ticket.id)?;
        let glass = glass(conn, ticket.id)?;
        Ok((ticket, change, glass))
    })
}

/// Writes the plan anew; an approval of the old one ends.
pub fn edit(ctx: &Ctx<'_>, key: TicketKey, rev: Option<i64>, plan: Plan) -> Result<Ticket> {
    let plan = plan.check()?;
    refuse_unless_change(key)?;
    change_ticket(ctx, key, rev, Action::RunChange, |tx, ticket| {
        let mut change = store::change::of(tx, ticket.id)?;
        if plan.environment != change.plan.environment {
            refuse_unknown(tx, &plan)?;
        }
        let entries = change.edit(ticket, plan.clone(), ctx.now)?;
        keep(tx, ctx, ticket, &change)?;
        Ok(entries)
    })
}

fn refuse_unknown(conn: &mut Conn, plan: &Plan) -> Result<()> {
    let Some(name) = &plan.environment else {
        return Ok(());
    };
    let known = store::house::environments(conn)?;
    if known.contains(name) {
        return Ok(());
    }
    Err(FieldError::new("environment", "unknown-environment")
        .with("value", name.clone())
        .with("known", known.join(", "))
        .into())
}

/// Asks somebody else to look at it; anew, if its approval doesn't hold any more.
pub fn ask_approval(ctx: &Ctx<'_>, key: TicketKey, rev: Option<i64>) -> Result<Ticket> {
    refuse_unless_change(key)?;
    change_ticket(ctx, key, rev, Action::RunChange, |tx, ticket| {
        let mut change = store::change::of(tx, ticket.id)?;
        let mut entries = Vec::new();
        if ticket.state == State::Approved {
            let verdict = approval::verdict(tx, ticket, &change, ctx.now)?;
            if !verdict.holds() {
                let back = change.back_to_draft(ticket, ctx.now)?;
                entries.push(back.fact("cause", format!("approval_{}", verdict.as_str())));
            }
        }
        entries.push(change.ask_approval(ticket, ctx.by.person(), ctx.now)?);
        store::approval::end_votes(tx, ticket.id, ctx.now)?;
        store::change::put(tx, ticket.id, &change)?;
        Ok(entries)
    })
}

/// Approves it in one's own name, as [`approval::approve`].
pub fn approve(ctx: &Ctx<'_>, key: TicketKey, rev: i64) -> Result<Ticket> {
    approval::approve(ctx, key, rev, &approval::Ballot::default())
}

pub fn refuse(ctx: &Ctx<'_>, key: TicketKey, rev: Option<i64>, why: &str) -> Result<Ticket> {
    let why = text::body("why", why)?;
    step(ctx, key, rev, Action::ApproveChange, |change, ticket| {
        Ok(vec![change.refuse(ticket, &why, ctx.now)?])
    })
}

/// Takes it back to the drawing board; an approval ends.
pub fn back_to_draft(ctx: &Ctx<'_>, key: TicketKey, rev: Option<i64>) -> Result<Ticket> {
    step(ctx, key, rev, Action::RunChange, |change, ticket| {
        Ok(vec![change.back_to_draft(ticket, ctx.now)?])
    })
}

/// Begins, unless a freeze says no. One that was on watch goes on: what has begun may be finished.
pub fn start(ctx: &Ctx<'_>, key: TicketKey, rev: Option<i64>) -> Result<Ticket> {
    refuse_unless_change(key)?;
    change_ticket(ctx, key, rev, Action::RunChange, |tx, ticket| {
        let mut change = store::change::of(tx, ticket.id)?;
        let has_begun = ticket.state == State::OnWatch;
        if ticket.state == State::Approved {
            let doer = approval::Doer {
                person: ctx.by.person(),
                named: None,
            };
            approval::refuse_unless_standing(tx, ticket, &change, doer, ctx.now)?;
            if let Some(refusal) = agenda::stops(tx, ticket, &change, ctx.now)? {
                return Err(refusal.into());
            }
        }
        let mut entry = change.start(ticket, ctx.now)?;
        if !has_begun {
            entry = freeze::pass(tx, ctx, ticket, &change, entry)?;
        }
        store::change::put(tx, ticket.id, &change)?;
        Ok(vec![entry])
    })
}

/// It is live and has to prove itself; `until` empty: [`WATCH_SECS`] from now.
pub fn watch(
    ctx: &Ctx<'_>,
    key: TicketKey,
    rev: Option<i64>,
    until: Option<Timestamp>,
) -> Result<Ticket> {
    let until = until.unwrap_or(ctx.now.plus_secs(WATCH_SECS));
    step(ctx, key, rev, Action::RunChange, |change, ticket| {
        Ok(vec![change.watch(ticket, until, ctx.now)?])
    })
}

pub fn close(
    ctx: &Ctx<'_>,
    key: TicketKey,
    rev: Option<i64>,
    outcome: Outcome,
    words: &str,
) -> Result<Ticket> {
    let words = text::body("text", words)?;
    refuse_unless_change(key)?;
    change_ticket(ctx, key, rev, Action::RunChange, |tx, ticket| {
        let mut change = store::change::of(tx, ticket.id)?;
        let glass = glass(tx, ticket.id)?;
        refuse_unreviewed(ticket, glass.as_ref(), "glass-unreviewed")?;
        let entry = change.close(ticket, outcome, &words, ctx.now)?;
        store::change::put(tx, ticket.id, &change)?;
        Ok(vec![entry])
    })
}

/// What is known of a change's broken glass: that which was broken last.
pub fn glass(conn: &mut Conn, ticket: TicketId) -> Result<Option<Glass>> {
    let kinds = [EntryKind::GlassBroken, EntryKind::GlassReviewed];
    let mut glass: Option<Glass> = None;
    for entry in store::timeline::of_kinds(conn, ticket, &kinds)? {
        if entry.kind == EntryKind::GlassBroken {
            glass = Some(Glass {
                by: entry.facts.get("person").and_then(Id::parse),
                by_name: entry.actor_name,
                at: entry.effective_at,
                reason: entry.body,
                review_until: entry.facts.instant("until"),
                was_entitled: entry.facts.get("entitled") != Some("no"),
                review: None,
            });
            continue;
        }
        let verdict = entry.facts.get("verdict").and_then(|it| it.parse().ok());
        if let (Some(glass), Some(verdict)) = (&mut glass, verdict) {
            glass.review = Some(Review {
                by_name: entry.actor_name,
                at: entry.effective_at,
                verdict,
                text: entry.body,
            });
        }
    }
    Ok(glass)
}

/// Goes ahead without approval. A clock starts, by the end of which somebody else has looked at it. An incident that is open on its
/// services is linked to it.
pub fn break_glass(
    ctx: &Ctx<'_>,
    key: TicketKey,
    rev: Option<i64>,
    reason: &str,
) -> Result<Ticket> {
    broken(ctx, key, rev, reason, |tx, ticket, change, reason| {
        if !approval::environment(tx, change)?.1 {
            return Ok(Vec::new());
        }
        let broken = Broken {
            services: &store::ticket::services(tx, ticket.id)?,
            named: &[],
            reason,
        };
        let stands = glass_incident::link_open(tx, ctx, ticket, &broken)?;
        Ok(stands.map_or_else(Vec::new, |it| it.entries))
    })
}

/// As [`break_glass`], for whoever links the incident themselves ([`stand_with_incident`]).
pub(super) fn break_glass_alone(ctx: &Ctx<'_>, key: TicketKey, reason: &str) -> Result<Ticket> {
    broken(ctx, key, None, reason, |_, _, _, _| Ok(Vec::new()))
}

/// Breaks it; `more` is what else stands on the timeline because of that.
fn broken(
    ctx: &Ctx<'_>,
    key: TicketKey,
    rev: Option<i64>,
    reason: &str,
    more: impl Fn(&mut Tx, &Ticket, &Change, &str) -> Result<Vec<Entry>>,
) -> Result<Ticket> {
    allow(&ctx.by, Action::BreakGlass, Target::House)?;
    let reason = text::body("reason", reason.trim())?;
    if reason.chars().count() < MIN_REASON_CHARS {
        let least = MIN_REASON_CHARS.to_string();
        return Err(FieldError::new("reason", "too-short")
            .with("min", least)
            .into());
    }
    refuse_unless_change(key)?;
    change_ticket(ctx, key, rev, Action::BreakGlass, |tx, ticket| {
        let mut change = store::change::of(tx, ticket.id)?;
        let before = glass(tx, ticket.id)?;
        let hours = store::settings::all(tx)?.glass_review_hours;
        let until = ctx.now.plus_secs(hours * 3_600);
        let by = ctx.by.person();
        let mut entries = change.break_glass(ticket, before.as_ref(), by, &reason, until)?;
        // The windows that it goes through stand on the record with it.
        if let Some(name) = freeze::gone_through(tx, ticket, &change, ctx.now)? {
            entries[0] = entries[0].clone().fact("freeze", name);
        }
        entries.extend(more(tx, ticket, &change, &reason)?);
        Ok(entries)
    })
}

/// The incident that the change stands with whose glass was just broken; opened if none is open that it belongs to. What is planned
/// for where no customers are has none.
pub(super) fn stand_with_incident(
    ctx: &Ctx<'_>,
    key: TicketKey,
    reason: &str,
    named: &[TicketKey],
    services: &[ServiceId],
) -> Result<Option<TicketKey>> {
    let incident = Cell::new(None);
    change_ticket(ctx, key, None, Action::BreakGlass, |tx, ticket| {
        let change = store::change::of(tx, ticket.id)?;
        if !approval::environment(tx, &change)?.1 {
            return Ok(Vec::new());
        }
        let mut all = store::ticket::services(tx, ticket.id)?;
        all.extend(services);
        all.sort_unstable();
        all.dedup();
        let broken = Broken {
            services: &all,
            named,
            reason,
        };
        let stands = glass_incident::link_or_open(tx, ctx, ticket, &broken)?;
        incident.set(Some(stands.incident));
        Ok(stands.entries)
    })?;
    Ok(incident.get())
}

/// Says what somebody else found who looked at it afterwards.
pub fn review_glass(
    ctx: &Ctx<'_>,
    key: TicketKey,
    rev: Option<i64>,
    verdict: Verdict,
    text: &str,
) -> Result<Ticket> {
    allow(&ctx.by, Action::ApproveChange, Target::House)?;
    let text = written("text", text)?;
    refuse_unless_change(key)?;
    change_ticket(ctx, key, rev, Action::ApproveChange, |tx, ticket| {
        let whole = || Refusal::new("glass-whole").with("key", key.to_string());
        let glass = glass(tx, ticket.id)?.ok_or_else(whole)?;
        Ok(vec![glass.review(
            ticket,
            ctx.by.person(),
            verdict,
            &text,
        )?])
    })
}

pub(super) fn refuse_unless_change(key: TicketKey) -> Result<()> {
    match key.kind {
        Kind::Change => Ok(()),
        _ => Err(Refusal::new("not-a-change")
            .with("key", key.to_string())
            .into()),
    }
}

fn step(
    ctx: &Ctx<'_>,
    key: TicketKey,
    rev: Option<i64>,
    action: Action,
    work: impl Fn(&mut Change, &mut Ticket) -> std::result::Result<Vec<Entry>, Refusal>,
) -> Result<Ticket> {
    refuse_unless_change(key)?;
    change_ticket(ctx, key, rev, action, |tx, ticket| {
        let mut change = store::change::of(tx, ticket.id)?;
        let entries = work(&mut change, ticket)?;
        keep(tx, ctx, ticket, &change)?;
        Ok(entries)
    })
}

/// Writes it; what is a draft again nobody has approved.
fn keep(tx: &mut Tx, ctx: &Ctx<'_>, ticket: &Ticket, change: &Change) -> Result<()> {
    if ticket.state == State::Draft {
        store::approval::end_votes(tx, ticket.id, ctx.now)?;
    }
    store::change::put(tx, ticket.id, change)
}
