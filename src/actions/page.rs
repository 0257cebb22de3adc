//! Pages and their answers: "I have it" by link, by button or through the API; asking for a colleague; test pages; and what the
//! channels made of each page.
//!
//! The outbox asks [`unwanted`] right before it sends, so that an acknowledgement beats a page that is still waiting.

use super::escalation::{About, SELF, hold_back, page_person};
use super::page_ways::can_reach;
use super::{allow, record, roster};
use crate::app::{App, Ctx};
use crate::domain::access::{Action, Principal, Target};
use crate::domain::delivery::Channel;
use crate::domain::escalation::RunState;
use crate::domain::id::{Id, PageId, PersonId, TicketKey};
use crate::domain::notify::Unsent;
use crate::domain::page::{Link, PageEventKind, PageKind, PageState, state_of};
use crate::domain::refusal::Refusal;
use crate::domain::ticket::{State, Ticket};
use crate::domain::timeline::{Actor, Door, Entry, EntryKind};
use crate::error::{Error, Result};
use crate::store::compensation::WorkFact;
use crate::store::page_log::{Page, PageEvent};
use crate::store::{self, Conn, Tx};

/// What an acknowledgement found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledged {
    pub key: Option<TicketKey>,
    /// Who has the incident now.
    pub owner: Option<PersonId>,
    /// This page had been answered before; nothing changed.
    pub was_answered: bool,
}

/// "I have it", on the incident's page or through the API.
pub fn acknowledge(ctx: &Ctx<'_>, key: TicketKey) -> Result<Ticket> {
    super::ticket::change(ctx, key, None, Action::AcknowledgePage, |tx, ticket| {
        let person = ctx.by.person().ok_or_else(|| Refusal::new("only-people"))?;
        if !ticket.is_open() {
            return Err(Refusal::new("not-open")
                .with("key", key.to_string())
                .with("state", ticket.state.as_str())
                .into());
        }
        acknowledge_in(tx, ctx, ticket, None, person, ctx.by.name())?;
        Ok(Vec::new())
    })
}

/// Somebody acknowledged it in the monitoring: nobody is called any further. Who it was isn't known here, so nobody becomes its owner.
pub(super) fn acknowledged_elsewhere(tx: &mut Tx, ctx: &Ctx<'_>, ticket: &Ticket) -> Result<()> {
    let run = store::page_log::live_run(tx, ticket.id)?;
    let Some(mut run) = run.filter(|run| run.standing.is_waiting_for_answer()) else {
        return Ok(());
    };
    let policy = store::oncall::policy(tx, run.policy)?
        .ok_or_else(|| Error::internal(format!("run {} follows a policy that is gone", run.id)))?;
    run.standing = run.standing.acknowledged(&policy, ctx.now);
    store::page_log::update_run(tx, &mut run)?;
    hold_back(tx, ctx, &run, None, Unsent::Acknowledged)
}

/// "I have it", by the link of a page: the signature is the permission, for this page and this person only.
pub fn acknowledge_by_link(app: &App, token: &str) -> Result<Acknowledged> {
    let now = app.time.now();
    let (link, page) = app.store.read(|conn| page_of_link(conn, app, token))?;
    if link.expires_at <= now {
        return Err(Refusal::new("link-expired").into());
    }
    let person = app
        .store
        .read(|conn| store::people::person(conn, link.person))?
        .ok_or(Error::NotFound)?;
    if !person.is_active {
        return Err(Error::NotFound);
    }
    let by = Principal::Person {
        id: person.id,
        name: person.name.clone(),
        roles: person.roles,
    };
    let mut ctx = app.ctx(by, Door::Link);
    ctx.now = now;
    let mut tries = 0;
    loop {
        let outcome = ctx.write(|tx| {
            let page = store::page_log::page(tx, page.id)?.ok_or(Error::NotFound)?;
            answer_page(tx, &ctx, &page, person.id, &person.name)
        });
        match outcome {
            Err(Error::Stale) if tries < 5 => tries += 1,
            other => return other,
        }
    }
}

fn answer_page(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    page: &Page,
    person: PersonId,
    name: &str,
) -> Result<Acknowledged> {
    let was_answered = page.acked_at.is_some();
    let Some(ticket) = page.ticket_id else {
        if !was_answered {
            note_ack(tx, ctx, page)?;
        }
        return Ok(Acknowledged {
            key: None,
            owner: None,
            was_answered,
        });
    };
    let mut ticket = store::ticket::by_id(tx, ticket)?.ok_or(Error::NotFound)?;
    if !was_answered && ticket.is_open() {
        acknowledge_in(tx, ctx, &mut ticket, Some(page), person, name)?;
    } else if !was_answered {
        // Over already: that the page was seen is still a fact.
        note_ack(tx, ctx, page)?;
    }
    Ok(Acknowledged {
        key: Some(ticket.key),
        owner: ticket.owner,
        was_answered,
    })
}

/// The page that a link names, for showing and for answering. Anything that we didn't sign isn't there.
pub fn page_of_link(conn: &mut Conn, app: &App, token: &str) -> Result<(Link, Page)> {
    let link = Link::read(token, &app.signing_key).ok_or(Error::NotFound)?;
    let page = store::page_log::page(conn, link.page)?.ok_or(Error::NotFound)?;
    if page.person_id != link.person {
        return Err(Error::NotFound);
    }
    Ok((link, page))
}

fn note_ack(tx: &mut Tx, ctx: &Ctx<'_>, page: &Page) -> Result<()> {
    let event = PageEvent {
        door: Some(ctx.door),
        ..PageEvent::of(page, PageEventKind::Acked, ctx.now)
    };
    store::page_log::insert_event(tx, &event)?;
    store::self_test::answered(tx, page.person_id)?;
    store::page_log::set_page_state(
        tx,
        page.id,
        PageState::Acked,
        page.accepted_at,
        Some(ctx.now),
    )
}

/// Stops the run, makes `person` the owner if there is none, puts a new incident in progress. The entry meets `own` and the
/// house's `respond`.
pub(super) fn acknowledge_in(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: &mut Ticket,
    page: Option<&Page>,
    person: PersonId,
    name: &str,
) -> Result<()> {
    let run = store::page_log::live_run(tx, ticket.id)?;
    let mut since = None;
    let mut answered = page.cloned();
    if let Some(mut run) = run.filter(|run| run.standing.is_waiting_for_answer()) {
        let policy = store::oncall::policy(tx, run.policy)?.ok_or_else(|| {
            Error::internal(format!("run {} follows a policy that is gone", run.id))
        })?;
        since = Some(run.began_at);
        run.standing = run.standing.acknowledged(&policy, ctx.now);
        store::page_log::update_run(tx, &mut run)?;
        if answered.is_none() {
            let pages = store::page_log::pages_of_run(tx, run.id)?;
            answered = pages
                .into_iter()
                .rev()
                .find(|page| page.person_id == person && page.acked_at.is_none());
        }
        hold_back(
            tx,
            ctx,
            &run,
            answered.as_ref().map(|page| page.id),
            Unsent::Acknowledged,
        )?;
    } else if page.is_none() && ticket.owner == Some(person) {
        return Err(Refusal::new("already-owner")
            .with("name", name.to_owned())
            .into());
    }
    match &answered {
        Some(page) => note_ack(tx, ctx, page)?,
        None => {
            // A colleague who wasn't paged answers: that is a fact of its own.
            let blank =
                PageEvent::not_sent(ticket.id, None, ticket.team, Unsent::Acknowledged, ctx.now);
            let event = PageEvent {
                person_id: Some(person),
                kind: PageEventKind::Acked,
                reason: None,
                door: Some(ctx.door),
                ..blank
            };
            store::page_log::insert_event(tx, &event)?;
            store::self_test::answered(tx, person)?;
        }
    }
    let mut entries = vec![
        Entry::new(EntryKind::PageAcknowledged)
            .author(Actor::Person(person), name)
            .fact("person", person)
            .fact("name", name)
            .fact_some("after_secs", since.map(|since| ctx.now.secs_since(since)))
            .fact_some("page", answered.map(|page| page.id)),
    ];
    if ticket.owner.is_none() {
        entries.extend(ticket.assign(person, name, ctx.now)?);
    } else if ticket.state == State::New {
        entries.push(ticket.step(State::InProgress, ctx.now)?);
    }
    record(tx, ctx, ticket, entries)?;
    Ok(())
}

/// Whoever answered has worked until now: one fact per person, from their first answer after their last work.
pub(super) fn note_work(tx: &mut Tx, ctx: &Ctx<'_>, ticket: &Ticket) -> Result<()> {
    let known = store::compensation::work_of_ticket(tx, ticket.id)?;
    let mut done: Vec<PersonId> = Vec::new();
    for ack in store::page_log::acks_of_ticket(tx, ticket.id)? {
        let Some(person) = ack.person_id else {
            continue;
        };
        let is_known = known
            .iter()
            .any(|work| work.person_id == person && work.ended_at >= ack.at);
        if is_known || done.contains(&person) {
            continue;
        }
        done.push(person);
        let fact = WorkFact {
            id: Id::new(ctx.now),
            page_id: ack.page_id,
            ticket_id: ticket.id,
            person_id: person,
            started_at: ack.at,
            ended_at: ctx.now,
            recorded_at: ctx.now,
        };
        store::compensation::insert_work(tx, &fact)?;
    }
    Ok(())
}

/// Asks for a colleague on an incident: "who has your back".
pub fn ask(ctx: &Ctx<'_>, key: TicketKey, person: PersonId) -> Result<Ticket> {
    super::ticket::change(ctx, key, None, Action::PageSomeone, |tx, ticket| {
        if !ticket.is_open() {
            return Err(Refusal::new("not-open")
                .with("key", key.to_string())
                .with("state", ticket.state.as_str())
                .into());
        }
        let about = About {
            ticket: Some(ticket),
            run: None,
            kind: PageKind::Asked,
        };
        let roster = roster::in_force(ctx.app, tx, ctx.now)?;
        let name = page_person(tx, ctx, &roster, about, person)?
            .ok_or_else(|| Refusal::new("cannot-be-paged"))?;
        Ok(vec![
            Entry::new(EntryKind::Paged)
                .fact("people", name)
                .fact("person", person),
        ])
    })
}

/// "Send me a test page": through every channel of whoever asks, with a link that answers it. Refused while none of them leads
/// anywhere: it would wait for a mail server, and wake somebody long after they asked.
pub fn send_test(ctx: &Ctx<'_>) -> Result<()> {
    let person = ctx.by.person().ok_or_else(|| Refusal::new("only-people"))?;
    // People try their own ways; a program needs the scope that has to do with pages.
    if matches!(ctx.by, Principal::Token { .. }) {
        allow(&ctx.by, Action::AcknowledgePage, Target::House)?;
    }
    ctx.write(|tx| {
        let about = About {
            ticket: None,
            run: None,
            kind: PageKind::Test,
        };
        let roster = roster::in_force(ctx.app, tx, ctx.now)?;
        if !can_reach(ctx, &roster, person) {
            return Err(Refusal::new("no-way-out").into());
        }
        page_person(tx, ctx, &roster, about, person)?
            .ok_or_else(|| Refusal::new("cannot-be-paged"))?;
        Ok(())
    })
}

/// Why a queued page shouldn't be sent any more; `None` while it should. The outbox asks right before it hands it over: neither an
/// answered page nor one of a run that somebody has answered, on any of its ways; nothing about what is over; and of several about
/// one incident that had to wait only the newest.
pub fn unwanted(conn: &mut Conn, id: PageId) -> Result<Option<Unsent>> {
    let Some(page) = store::page_log::page(conn, id)? else {
        return Ok(Some(Unsent::Over));
    };
    if matches!(page.state, PageState::Suppressed | PageState::Acked) {
        return Ok(Some(Unsent::Acknowledged));
    }
    let ticket = match page.ticket_id {
        Some(ticket) => store::ticket::by_id(conn, ticket)?,
        None => None,
    };
    if ticket.as_ref().is_some_and(|ticket| !ticket.is_open()) {
        return Ok(Some(Unsent::Over));
    }
    if let Some(run) = page.run_id {
        let run = store::page_log::run(conn, run)?;
        let is_restored = ticket.is_some_and(|ticket| ticket.state == State::Restored);
        match run.map(|run| run.standing.state) {
            Some(RunState::Paging | RunState::DeadEnd | RunState::Told) => {}
            Some(RunState::Acknowledged) => return Ok(Some(Unsent::Acknowledged)),
            Some(RunState::Stopped) if !is_restored => return Ok(Some(Unsent::Superseded)),
            Some(RunState::Stopped) | None => return Ok(Some(Unsent::Over)),
        }
    }
    Ok(store::page_log::has_newer(conn, &page)?.then_some(Unsent::Newer))
}

/// Writes down that a page isn't sent on this channel, unless that is known or it has got out.
pub(super) fn note_unsent(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    id: PageId,
    channel: Channel,
    why: Unsent,
) -> Result<()> {
    let Some(page) = store::page_log::page(tx, id)? else {
        return Ok(());
    };
    if !matches!(
        page.state,
        PageState::Queued | PageState::Attempted | PageState::Failed | PageState::Unsure
    ) {
        return Ok(());
    }
    let event = PageEvent {
        reason: Some(why),
        channel: Some(channel),
        ..PageEvent::of(&page, PageEventKind::Suppressed, ctx.now)
    };
    store::page_log::insert_event(tx, &event)?;
    let kinds: Vec<PageEventKind> = store::page_log::events_of_page(tx, id)?
        .iter()
        .map(|event| event.kind)
        .collect();
    let state = state_of(&kinds, usize::try_from(page.channels).unwrap_or(1));
    store::page_log::set_page_state(tx, id, state, page.accepted_at, page.acked_at)
}

/// What a channel did with a page: `Attempted`, `Accepted`, `Unsure`, `Refused`, `Delivered`. Within the outbox's own
/// transaction. A step that every channel refused brings the next one forward.
pub fn note_delivery(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    id: PageId,
    kind: PageEventKind,
    channel: Channel,
    detail: &str,
) -> Result<()> {
    let Some(page) = store::page_log::page(tx, id)? else {
        return Ok(());
    };
    let event = PageEvent {
        channel: Some(channel),
        detail: detail.chars().take(500).collect(),
        ..PageEvent::of(&page, kind, ctx.now)
    };
    store::page_log::insert_event(tx, &event)?;
    let events = store::page_log::events_of_page(tx, id)?;
    let kinds: Vec<PageEventKind> = events.iter().map(|event| event.kind).collect();
    let state = state_of(&kinds, usize::try_from(page.channels).unwrap_or(1));
    let accepted_at = page
        .accepted_at
        .or((kind == PageEventKind::Accepted).then_some(ctx.now));
    store::page_log::set_page_state(tx, id, state, accepted_at, page.acked_at)?;
    if state == PageState::Failed && page.state != PageState::Failed {
        undelivered(tx, ctx, &page)?;
    }
    Ok(())
}

fn undelivered(tx: &mut Tx, ctx: &Ctx<'_>, page: &Page) -> Result<()> {
    if let Some(run) = page.run_id
        && let Some(mut run) = store::page_log::run(tx, run)?
        && run.standing.state == RunState::Paging
        && run.standing.next_at.is_some_and(|at| at > ctx.now)
    {
        let others_may_answer =
            store::page_log::pages_of_run(tx, run.id)?
                .into_iter()
                .any(|other| {
                    let same_step = (other.round, other.step) == (page.round, page.step);
                    same_step && !matches!(other.state, PageState::Failed | PageState::Suppressed)
                });
        if !others_may_answer {
            run.standing = run.standing.waiting_until(ctx.now);
            store::page_log::update_run(tx, &mut run)?;
        }
    }
    let Some(ticket) = page.ticket_id else {
        return Ok(());
    };
    let Some(mut ticket) = store::ticket::by_id(tx, ticket)? else {
        return Ok(());
    };
    let name = store::people::person_names(tx, &[page.person_id])?
        .remove(&page.person_id)
        .unwrap_or_default();
    let entry = Entry::new(EntryKind::PageUndelivered)
        .author(Actor::System, SELF)
        .fact("name", name)
        .fact("page", page.id);
    record(tx, ctx, &mut ticket, vec![entry])?;
    Ok(())
}
