//! What is wrong with the house itself becomes known to whoever can set it right, once, and so does its end.
//!
//! The disk is nearly full: nothing new is taken in, and the admins are told by every way they have.
//!
//! No page gets through: an incident of our own is opened, which pages as any other does, tells the subscribers of webhooks, and calls
//! the admins and whoever can be reached otherwise than by mail, again and again until something gets through. Then it resolves
//! itself if nobody has taken it, and incidents whose escalation ended unheard are paged anew.

use super::escalation::{About, SELF, page_person};
use super::page_ways::ways_to;
use super::{record, roster, settings, ticket as tickets};
use crate::app::{App, Ctx};
use crate::domain::access::Role;
use crate::domain::delivery::{Channel, DeliveryKind};
use crate::domain::id::{Kind, PersonId, TicketId};
use crate::domain::page::PageKind;
use crate::domain::roster::Roster;
use crate::domain::severity::Severity;
use crate::domain::text::Title;
use crate::domain::ticket::{Opening, State, Ticket};
use crate::domain::timeline::{Actor, Entry, EntryKind, Facts};
use crate::domain::trouble::{CALL_AGAIN_SECS, GRACE_SECS, Room, TroubleKind, UNHEARD_SECS};
use crate::error::{Error, Result};
use crate::store::outbox::NewDelivery;
use crate::store::page_log::Run;
use crate::store::trouble::{self as rows, Trouble};
use crate::store::{self, Tx};
use crate::words::Words;

/// Refuses what is new while the disk is nearly full, so that pages, answers and what jobs have to say can still be written.
pub fn has_room(app: &App) -> Result<()> {
    let least = app.config.min_free;
    match app.store.room() {
        Some(room) if least.is_missed_by(room) => Err(Error::Full),
        Some(_) | None => Ok(()),
    }
}

/// Looks how full the disk is, and tells the admins if that has changed.
pub fn look_at_disk(ctx: &Ctx<'_>) -> Result<()> {
    let Some(room) = ctx.app.store.room() else {
        return Ok(());
    };
    let least = ctx.app.config.min_free;
    match ctx.read(|conn| rows::of(conn, TroubleKind::Disk))? {
        None if least.is_missed_by(room) => {
            let trouble = Trouble {
                what: TroubleKind::Disk,
                began_at: ctx.now,
                ticket_id: None,
                detail: format!("{} MB free", megabytes(room.free_bytes)),
            };
            ctx.write(|tx| match rows::begin(tx, &trouble)? {
                true => tell_admins(tx, ctx, "disk_full", &trouble, room),
                false => Ok(()),
            })?;
            tracing::error!(
                free_mb = megabytes(room.free_bytes),
                "the disk is nearly full: nothing new is taken in"
            );
        }
        Some(trouble) if !least.with_a_margin().is_missed_by(room) => {
            ctx.write(|tx| match rows::end(tx, &trouble)? {
                true => tell_admins(tx, ctx, "disk_room", &trouble, room),
                false => Ok(()),
            })?;
            tracing::info!("there is room on the disk again");
        }
        Some(_) | None => {}
    }
    Ok(())
}

const fn megabytes(bytes: u64) -> u64 {
    bytes / (1024 * 1024)
}

/// By each of the ways on which they are paged.
fn tell_admins(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    letter: &str,
    trouble: &Trouble,
    room: Room,
) -> Result<()> {
    let roster = roster::in_force(ctx.app, tx, ctx.now)?;
    let lasted = Words::english().span(ctx.now.secs_since(trouble.began_at));
    for admin in store::people::holders_of(tx, Role::Admin)? {
        let Some(person) = roster.person(admin) else {
            continue;
        };
        for (n, (channel, address)) in ways_to(&roster, person).into_iter().enumerate() {
            let key = format!("{letter}:{}:{admin}:{n}", trouble.began_at.micros());
            let mut notice = NewDelivery::mail(DeliveryKind::Notice, key, address);
            notice.channel = channel;
            notice.person = Some(admin);
            notice.facts = Facts::new()
                .with("letter", letter)
                .with("free", megabytes(room.free_bytes))
                .with("size", megabytes(room.size_bytes))
                .with("span", &lasted);
            store::outbox::queue(tx, &notice, ctx.now)?;
        }
    }
    Ok(())
}

/// An escalation came to its end without an answer. If not one of its pages got through, that is trouble of our own; without a mail
/// server nothing can, which every page of the house says already.
pub(super) fn nobody_answered(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    roster: &Roster,
    run: &Run,
) -> Result<()> {
    if settings::can_mail(ctx.app, &roster.settings) && store::page_log::is_unheard(tx, run.id)? {
        let trouble = Trouble {
            what: TroubleKind::Delivery,
            began_at: ctx.now,
            ticket_id: None,
            detail: String::new(),
        };
        rows::begin(tx, &trouble)?;
    }
    Ok(())
}

/// Looks whether pages get through, and does what follows if that has changed.
pub fn look_at_delivery(ctx: &Ctx<'_>) -> Result<()> {
    let Some(known) = ctx.read(|conn| rows::of(conn, TroubleKind::Delivery))? else {
        return suspect(ctx);
    };
    let outcome = if ctx.read(|conn| rows::has_delivered_since(conn, known.began_at))? {
        works_again(ctx, &known)
    } else if let Some(ticket) = known.ticket_id {
        call_again(ctx, ticket)
    } else if ctx.now.secs_since(known.began_at) >= GRACE_SECS {
        open(ctx, &known)
    } else {
        Ok(())
    };
    match outcome {
        // Another node was faster, or somebody changed the ticket at this moment: the next look decides anew.
        Err(Error::Stale) => Ok(()),
        other => other,
    }
}

/// A page that has been tried for long, while nothing got through to anybody.
fn suspect(ctx: &Ctx<'_>) -> Result<()> {
    let before = ctx.now.plus_secs(-UNHEARD_SECS);
    let found = ctx.read(|conn| {
        let Some((since, why)) = rows::page_waiting_since(conn, before)? else {
            return Ok(None);
        };
        let works = rows::has_delivered_since(conn, since)?;
        Ok((!works).then_some((since, why)))
    })?;
    let Some((began_at, detail)) = found else {
        return Ok(());
    };
    let trouble = Trouble {
        what: TroubleKind::Delivery,
        began_at,
        ticket_id: None,
        detail,
    };
    ctx.write(|tx| rows::begin(tx, &trouble).map(|_| ()))?;
    tracing::error!(why = trouble.detail, "no page gets through to anybody");
    Ok(())
}

fn open(ctx: &Ctx<'_>, trouble: &Trouble) -> Result<()> {
    let words = Words::english();
    let title = Title::parse(&words.t("trouble-delivery-title")).map_err(Error::from)?;
    let why = match trouble.detail.as_str() {
        "" => "none",
        why => why,
    };
    let opening = Opening {
        severity: Some(Severity::High),
        body: words
            .with("trouble-delivery-body", &[("why", why.into())])
            .into_owned(),
        impact_at: Some(trouble.began_at),
        ..Opening::default()
    };
    let key = ctx.write(|tx| {
        let mut ticket = tickets::open_in(tx, ctx, Kind::Incident, title.clone(), &opening, None)?;
        if !rows::give_ticket(tx, trouble.what, ticket.id)? {
            return Err(Error::Stale);
        }
        call(tx, ctx, &mut ticket)?;
        Ok(ticket.key)
    })?;
    tracing::error!(%key, "no page gets through to anybody: an incident was opened");
    Ok(())
}

/// Once its own escalation has ended, or waits for an opening, it is tried anew now and then: one of these is what finds out that
/// delivery works again.
fn call_again(ctx: &Ctx<'_>, ticket: TicketId) -> Result<()> {
    let last = ctx.read(|conn| store::page_log::pages_of_ticket(conn, ticket))?;
    let last = last.last().map(|page| page.queued_at);
    if last.is_some_and(|last| ctx.now.secs_since(last) < CALL_AGAIN_SECS) {
        return Ok(());
    }
    ctx.write(|tx| {
        store::ticket::lock(tx, ticket)?;
        let Some(mut ticket) = store::ticket::by_id(tx, ticket)? else {
            return Ok(());
        };
        let pages = store::page_log::pages_of_ticket(tx, ticket.id)?;
        if !ticket.is_open() || pages.last().map(|page| page.queued_at) != last {
            return Ok(());
        }
        call(tx, ctx, &mut ticket)
    })
}

/// Pages the admins, and everybody who can be reached otherwise than by mail.
fn call(tx: &mut Tx, ctx: &Ctx<'_>, ticket: &mut Ticket) -> Result<()> {
    let roster = roster::in_force(ctx.app, tx, ctx.now)?;
    let mut people = store::people::holders_of(tx, Role::Admin)?;
    people.extend(otherwise_reached(&roster, &people));
    let mut names = Vec::new();
    for person in people {
        let about = About {
            ticket: Some(ticket),
            run: None,
            kind: PageKind::DeadEnd,
        };
        names.extend(page_person(tx, ctx, &roster, about, person)?);
    }
    if names.is_empty() {
        return Ok(());
    }
    let paged = Entry::new(EntryKind::Paged)
        .author(Actor::System, SELF)
        .fact("people", names.join(", "));
    super::add(tx, ctx, ticket, vec![paged])?;
    store::ticket::update_due(tx, ticket)
}

fn otherwise_reached(roster: &Roster, besides: &[PersonId]) -> Vec<PersonId> {
    let by_call = |id: &PersonId| {
        let mut ways = roster.ways(*id).iter();
        ways.any(|way| way.channel != Channel::Mail)
    };
    let active = roster.people.values().filter(|person| person.is_active);
    let mut people: Vec<PersonId> = active
        .map(|person| person.id)
        .filter(|id| by_call(id) && !besides.contains(id))
        .collect();
    people.sort();
    people
}

/// Something got through: the incident says so, and resolves itself if nobody has taken it. Escalations that ended unheard are taken
/// up again: one page for each incident that is still open.
fn works_again(ctx: &Ctx<'_>, trouble: &Trouble) -> Result<()> {
    let words = Words::english();
    let span = words.span(ctx.now.secs_since(trouble.began_at));
    let over = words.with("trouble-delivery-over", &[("span", span.into())]);
    ctx.write(|tx| {
        if !rows::end(tx, trouble)? {
            return Ok(());
        }
        if let Some(id) = trouble.ticket_id {
            store::ticket::lock(tx, id)?;
            if let Some(mut ticket) = store::ticket::by_id(tx, id)? {
                let said = match ticket.state {
                    State::New if ticket.owner.is_none() => {
                        ticket.resolve(&over, ctx.now)?.fact("cause", "recovery")
                    }
                    _ => Entry::new(EntryKind::Note).body(over.as_ref()),
                };
                record(tx, ctx, &mut ticket, vec![said])?;
            }
        }
        for mut run in store::page_log::dead_ends(tx)? {
            let is_own = Some(run.ticket) == trouble.ticket_id;
            if !is_own && store::page_log::is_unheard(tx, run.id)? {
                run.standing = run.standing.resumed(ctx.now);
                store::page_log::update_run(tx, &mut run)?;
            }
        }
        Ok(())
    })?;
    tracing::info!("pages get through again");
    Ok(())
}
