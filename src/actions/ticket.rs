//! What people do to tickets. Mail, web, API, git and phone meet here: a rule added here holds for all of them.
//! What hangs on a ticket (roles, watchers, labels, links, evidence) is next door in `ticket_parts`, its edit form in
//! `ticket_edit`.

use super::{
    allow, allow_ticket, letters, record, record_with, ticket_hold, ticket_merge, ticket_talk,
    ticket_times,
};
use crate::app::Ctx;
use crate::domain::access::{Action, Target};
use crate::domain::id::{CustomerId, Id, Kind, PersonId, ServiceId, TeamId, TicketKey};
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::severity::{Priority, Severity};
use crate::domain::text::{self, Title};
use crate::domain::ticket::{Opening, Role, State, Ticket};
use crate::domain::timeline::{Actor, Audience, Entry, EntryKind};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Fields, Result};
use crate::store::ticket::{Affected, Watcher};
use crate::store::{self, Conn, Tx};

pub use super::ticket_answer::{reply, reply_to, reply_with, update, update_with};
pub use super::ticket_talk::{promise_callback, spoke_with_customer};

/// How often a change that named no version is tried again after somebody else was faster.
const STALE_RETRIES: usize = 5;

/// Opens a ticket. A title is enough.
pub fn open(ctx: &Ctx<'_>, kind: Kind, title: Title, opening: &Opening) -> Result<Ticket> {
    allow(&ctx.by, Action::OpenTicket, Target::House)?;
    ctx.write(|tx| open_in(tx, ctx, kind, title.clone(), opening, None))
}

/// As [`open`], within a transaction that is open already. `author`: who wrote it, if not who acts.
pub fn open_in(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    kind: Kind,
    title: Title,
    opening: &Opening,
    author: Option<(Actor, String)>,
) -> Result<Ticket> {
    check_named(tx, opening)?;
    ticket_times::refuse_old_opening(tx, ctx, kind, opening)?;
    let number = store::ticket::next_number(tx, kind)?;
    let (mut ticket, mut opened) = Ticket::open(kind, number, title, opening, ctx.door, ctx.now)?;
    if ticket.team.is_none() {
        ticket.team = team_for(tx, ticket.service)?;
    }
    opened.author = author;
    let owner = match opening.owner {
        Some(owner) => Some((owner, active_name(tx, owner)?)),
        None => None,
    };
    let mut entries = first_entries(opened, opening, owner);
    if let Some(hold) = &opening.hold {
        entries.push(ticket_hold::hold_in(tx, ctx, &mut ticket, hold)?);
    }
    record_with(tx, ctx, &mut ticket, entries, |tx, ticket| {
        hang_on(tx, ctx, ticket, opening)
    })?;
    Ok(ticket)
}

/// What stands on the timeline of a ticket that was opened so.
pub(super) fn first_entries(
    mut opened: Entry,
    opening: &Opening,
    owner: Option<(PersonId, String)>,
) -> Vec<Entry> {
    if let (Some(customer), Some(_)) = (opening.customer, opening.requester) {
        // The requester wrote the first entry: they may read it.
        opened = opened.audience(Audience::Customer(customer));
    }
    let mut entries = vec![opened];
    if let Some((owner, name)) = owner {
        entries.push(
            Entry::new(EntryKind::OwnerSet)
                .fact("person", owner)
                .fact("name", name),
        );
    }
    if opening.spoken_to {
        entries.push(Entry::new(EntryKind::CustomerContact).fact("how", "phone"));
    }
    if let Some(at) = opening.callback_at {
        entries.push(ticket_talk::callback_promised(
            at,
            opening.callback_number.as_deref(),
        ));
    }
    for label in &opening.labels {
        entries.push(Entry::new(EntryKind::Labelled).fact("label", label));
    }
    entries
}

/// Whatever an opening names has to be there; all faults at once. What it doesn't name costs nothing.
fn check_named(tx: &mut Tx, opening: &Opening) -> Result<()> {
    let mut fields = Fields::new();
    let mut unknown = |is_known: bool, field: &'static str, problem, value: String| {
        if !is_known {
            fields.push(FieldError::new(field, problem).with("value", value));
        }
    };
    if let Some(id) = opening.customer {
        let known = !store::customer::names(tx, &[id])?.is_empty();
        unknown(known, "customer", "unknown-customer", id.to_string());
    }
    if let Some(id) = opening.requester {
        let contact = store::people::contact(tx, id)?;
        let known = contact.is_some_and(|it| opening.customer.is_none_or(|c| c == it.customer_id));
        unknown(known, "requester", "unknown-contact", id.to_string());
    }
    if let Some(id) = opening.team {
        let known = store::house::team(tx, id)?.is_some();
        unknown(known, "team", "unknown-team", id.to_string());
    }
    if !opening.services.is_empty() {
        let names = store::house::service_names(tx, &opening.services)?;
        for id in &opening.services {
            unknown(
                names.contains_key(id),
                "services",
                "unknown-service",
                id.to_string(),
            );
        }
    }
    if let Some(reference) = &opening.external_ref {
        let taken = store::ticket::by_external_ref(tx, reference)?.is_some();
        unknown(!taken, "external_ref", "reference-taken", reference.clone());
    }
    fields.check()
}

/// The team that owns the service; without a service the installation's first team, so that the barest incident pages somebody.
pub(super) fn team_for(tx: &mut Tx, service: Option<ServiceId>) -> Result<Option<TeamId>> {
    if let Some(service) = service
        && let Some(service) = store::house::service(tx, service)?
    {
        return Ok(Some(service.team_id));
    }
    Ok(store::house::teams(tx)?.first().map(|team| team.id))
}

/// Who was hit: the customer's clocks hang on it.
pub(super) fn first_hit(ticket: &Ticket, opening: &Opening, now: Timestamp) -> Option<Affected> {
    Some(Affected {
        id: Id::new(now),
        ticket_id: ticket.id,
        customer_id: opening.customer?,
        service_id: ticket.service,
        impact_at: ticket.impact_at,
        reported_at: opening.reported_at.or(opening.requester.map(|_| now)),
        restored_at: None,
    })
}

fn hang_on(tx: &mut Tx, ctx: &Ctx<'_>, ticket: &Ticket, opening: &Opening) -> Result<()> {
    if let Some(hit) = first_hit(ticket, opening, ctx.now) {
        store::ticket::add_affected(tx, &hit)?;
    }
    if !opening.services.is_empty() {
        store::ticket::set_services(tx, ticket.id, &opening.services)?;
    }
    for label in &opening.labels {
        store::ticket::label(tx, ticket.id, label)?;
    }
    if let Some(requester) = opening.requester {
        store::ticket::watch(tx, ticket.id, Watcher::Contact(requester), ctx.now)?;
    }
    Ok(())
}

/// Loads, allows, lets `work` decide, records. `rev` is the version that the person saw; a newer one is [`Error::Stale`].
pub fn change(
    ctx: &Ctx<'_>,
    key: TicketKey,
    rev: Option<i64>,
    action: Action,
    work: impl Fn(&mut Tx, &mut Ticket) -> Result<Vec<Entry>>,
) -> Result<Ticket> {
    change_any(ctx, key, rev, action, |tx, ticket| {
        // Notes may still be written where somebody looks for them; what is said and done counts where the ticket goes on.
        if matches!(action, Action::Reply | Action::Answer | Action::MoveTicket) {
            ticket_merge::refuse_merged(ticket)?;
        }
        work(tx, ticket)
    })
}

/// As [`change`], of a ticket that may have been merged.
pub(super) fn change_any(
    ctx: &Ctx<'_>,
    key: TicketKey,
    rev: Option<i64>,
    action: Action,
    work: impl Fn(&mut Tx, &mut Ticket) -> Result<Vec<Entry>>,
) -> Result<Ticket> {
    let mut tries = 0;
    loop {
        let outcome = ctx.write(|tx| {
            let mut ticket = store::ticket::by_key(tx, key)?.ok_or(Error::NotFound)?;
            allow_ticket(tx, &ctx.by, action, &ticket)?;
            if rev.is_some_and(|rev| rev != ticket.version) {
                return Err(Error::Stale);
            }
            let entries = work(tx, &mut ticket)?;
            if !entries.is_empty() {
                record(tx, ctx, &mut ticket, entries)?;
            }
            Ok(ticket)
        });
        match outcome {
            Err(Error::Stale) if rev.is_none() && tries < STALE_RETRIES => tries += 1,
            other => return other,
        }
    }
}

/// The ticket as it stands, if whoever asks may see it.
pub fn read(ctx: &Ctx<'_>, key: TicketKey) -> Result<Ticket> {
    ctx.read(|conn| {
        let ticket = store::ticket::by_key(conn, key)?.ok_or(Error::NotFound)?;
        allow_ticket(conn, &ctx.by, Action::ReadTickets, &ticket)?;
        Ok(ticket)
    })
}

/// A note for the team.
pub fn note(ctx: &Ctx<'_>, key: TicketKey, text: &str) -> Result<Ticket> {
    let text = written("body", text)?;
    change(ctx, key, None, Action::WorkOnTicket, |_, _| {
        Ok(vec![Entry::new(EntryKind::Note).body(&text)])
    })
}

/// There has to be somebody who asked.
pub(super) fn refuse_nobody(ticket: &Ticket) -> Result<()> {
    if ticket.requester.is_none() && ticket.requester_address.is_none() {
        return Err(Refusal::new("nobody-to-reply-to")
            .with("key", ticket.key.to_string())
            .into());
    }
    Ok(())
}

pub(super) fn replied(ticket: &mut Ticket, text: &str) -> Entry {
    let audience = match ticket.customer {
        Some(customer) => Audience::Customer(customer),
        // Whoever asked is no customer of ours: the entry is theirs by the letter alone.
        None => Audience::Internal,
    };
    ticket.awaits_us = false;
    Entry::new(EntryKind::Reply).body(text).audience(audience)
}

/// The first to answer the customer becomes their voice; after that it is taken over explicitly.
pub(super) fn customer_voice(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: &Ticket,
    person: Option<PersonId>,
    name: &str,
) -> Result<Option<Entry>> {
    let (Some(person), true) = (person, refuse_other_voice(tx, ticket, person)?) else {
        return Ok(None);
    };
    let role = Role::CustomerVoice;
    store::ticket::set_role(tx, ticket.id, role, Some(person), ctx.now)?;
    Ok(Some(super::ticket_parts::role_taken(role, person, name)))
}

/// Whether the voice is theirs to take. Refused if it is somebody else's.
pub(super) fn refuse_other_voice(
    tx: &mut Tx,
    ticket: &Ticket,
    person: Option<PersonId>,
) -> Result<bool> {
    let (Some(person), Kind::Incident) = (person, ticket.key.kind) else {
        return Ok(false);
    };
    let roles = store::ticket::roles(tx, ticket.id)?;
    match roles
        .into_iter()
        .find(|(role, _)| *role == Role::CustomerVoice)
    {
        None => Ok(true),
        Some((_, holder)) if holder == person => Ok(false),
        Some((_, holder)) => Err(Refusal::new("not-customer-voice")
            .with("name", name_of(tx, holder)?)
            .into()),
    }
}

pub(super) fn refuse_unseen(tx: &mut Tx, ticket: &Ticket, seen: Option<i64>) -> Result<()> {
    let Some(seen) = seen else { return Ok(()) };
    let written = store::timeline::of_kinds(tx, ticket.id, &[EntryKind::CustomerMessage])?;
    if written.iter().any(|entry| entry.seq > seen) {
        return Err(Refusal::new("customer-wrote-meanwhile").into());
    }
    Ok(())
}

/// What the customer wrote, by portal or API. Reopens a resolved ticket.
pub fn customer_message(ctx: &Ctx<'_>, key: TicketKey, text: &str) -> Result<Ticket> {
    let text = written("body", text)?;
    let key = ticket_merge::living(ctx, key)?;
    change(ctx, key, None, Action::Reply, |tx, ticket| {
        customer_wrote_in(tx, ticket, &text, None, ctx.now)
    })
}

/// The entries of a customer's message, for a transaction that is open already. `of`: to which customer whoever wrote belongs. One of
/// those hit reads it then, and what comes from a customer that wasn't hit is nobody's to read outside; of nobody's it is for the
/// ticket's own.
pub fn customer_wrote_in(
    tx: &mut Tx,
    ticket: &mut Ticket,
    text: &str,
    of: Option<CustomerId>,
    now: Timestamp,
) -> Result<Vec<Entry>> {
    let mut entries = ticket.customer_wrote(text, now);
    let reads = match of {
        Some(of) if Some(of) != ticket.customer => {
            letters::is_hit_besides(tx, ticket, of)?.then_some(of)
        }
        _ => ticket.customer,
    };
    if let (Some(first), Some(customer)) = (entries.first_mut(), reads) {
        first.audience = Audience::Customer(customer);
    }
    if entries
        .iter()
        .any(|entry| entry.kind == EntryKind::Reopened)
    {
        store::ticket::restore_affected(tx, ticket.id, None)?;
    }
    Ok(entries)
}

/// "I have it."
pub fn take(ctx: &Ctx<'_>, key: TicketKey, rev: Option<i64>) -> Result<Ticket> {
    let person = ctx
        .by
        .person()
        .ok_or_else(|| Error::Forbidden(Refusal::new("not-a-person")))?;
    assign(ctx, key, rev, person)
}

pub fn assign(ctx: &Ctx<'_>, key: TicketKey, rev: Option<i64>, person: PersonId) -> Result<Ticket> {
    change(ctx, key, rev, Action::WorkOnTicket, |tx, ticket| {
        let name = active_name(tx, person)?;
        Ok(ticket.assign(person, &name, ctx.now)?)
    })
}

pub fn hand_over(
    ctx: &Ctx<'_>,
    key: TicketKey,
    rev: Option<i64>,
    to: PersonId,
    note: &str,
) -> Result<Ticket> {
    let note = text::body("note", note)?;
    change(ctx, key, rev, Action::WorkOnTicket, |tx, ticket| {
        let name = active_name(tx, to)?;
        Ok(vec![ticket.hand_over(to, &name, &note)?])
    })
}

pub fn unassign(ctx: &Ctx<'_>, key: TicketKey, rev: Option<i64>) -> Result<Ticket> {
    change(ctx, key, rev, Action::WorkOnTicket, |_, ticket| {
        Ok(vec![ticket.unassign()?])
    })
}

/// A step of the kind's state machine: restored, resolved, closed, in progress again ….
pub fn step(
    ctx: &Ctx<'_>,
    key: TicketKey,
    rev: Option<i64>,
    to: State,
    why: &str,
) -> Result<Ticket> {
    step_with(ctx, key, rev, to, why, &[])
}

/// As [`step`]; a resolve takes these children with it.
fn step_with(
    ctx: &Ctx<'_>,
    key: TicketKey,
    rev: Option<i64>,
    to: State,
    why: &str,
    children: &[TicketKey],
) -> Result<Ticket> {
    let why = text::body("why", why)?;
    change(ctx, key, rev, Action::MoveTicket, |tx, ticket| {
        let entries = step_in(tx, ctx, ticket, to, &why)?;
        ticket_merge::resolve_children(tx, ctx, ticket, children, &why)?;
        Ok(entries)
    })
}

pub(super) fn step_in(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: &mut Ticket,
    to: State,
    why: &str,
) -> Result<Vec<Entry>> {
    let key = ticket.key;
    if key.kind == Kind::Change && to != State::Cancelled && ticket.is_open() {
        // Approval, start and outcome have rules of their own: `actions::change`.
        return Err(Refusal::new("step-of-a-change")
            .with("key", key.to_string())
            .into());
    }
    if key.kind == Kind::PostMortem {
        super::postmortem::before_step(tx, ctx, ticket, to, why)?;
    }
    let worked = ticket.restored_at.is_some();
    let entry = match to {
        State::Resolved | State::Done => ticket.resolve(why, ctx.now)?,
        State::Cancelled => ticket.cancel(why, ctx.now)?,
        _ => ticket.step(to, ctx.now)?.body(why),
    };
    match entry.kind {
        EntryKind::Restored | EntryKind::Resolved => {
            store::ticket::restore_affected(tx, ticket.id, Some(ctx.now))?;
        }
        EntryKind::Reopened => store::ticket::restore_affected(tx, ticket.id, None)?,
        // It was restored, and then it wasn't.
        _ if worked && ticket.restored_at.is_none() => {
            store::ticket::restore_affected(tx, ticket.id, None)?;
        }
        _ => {}
    }
    Ok(vec![entry])
}

pub fn resolve(ctx: &Ctx<'_>, key: TicketKey, rev: Option<i64>, how: &str) -> Result<Ticket> {
    resolve_with(ctx, key, rev, how, &[])
}

/// Resolves it, and with it those of its children that this settles too.
pub fn resolve_with(
    ctx: &Ctx<'_>,
    key: TicketKey,
    rev: Option<i64>,
    how: &str,
    children: &[TicketKey],
) -> Result<Ticket> {
    let state = if key.kind == Kind::Task {
        State::Done
    } else {
        State::Resolved
    };
    step_with(ctx, key, rev, state, how, children)
}

/// Opens it again, where its kind begins or went on. One that is open is refused, whatever its next step is called.
pub fn reopen(ctx: &Ctx<'_>, key: TicketKey, rev: Option<i64>, why: &str) -> Result<Ticket> {
    let why = text::body("why", why)?;
    change(ctx, key, rev, Action::MoveTicket, |tx, ticket| {
        if ticket.is_open() {
            return Err(Refusal::new("already-open")
                .with("key", key.to_string())
                .into());
        }
        step_in(tx, ctx, ticket, State::reopened(key.kind), &why)
    })
}

pub fn change_severity(
    ctx: &Ctx<'_>,
    key: TicketKey,
    rev: Option<i64>,
    to: Severity,
    why: &str,
) -> Result<Ticket> {
    let why = text::body("why", why)?;
    change(ctx, key, rev, Action::WorkOnTicket, |_, ticket| {
        Ok(vec![ticket.change_severity(to, &why)?])
    })
}

pub fn change_priority(
    ctx: &Ctx<'_>,
    key: TicketKey,
    rev: Option<i64>,
    to: Priority,
) -> Result<Ticket> {
    change(ctx, key, rev, Action::WorkOnTicket, |_, ticket| {
        Ok(vec![ticket.change_priority(to)?])
    })
}

/// The name of somebody who can be given work.
pub(super) fn active_name(conn: &mut Conn, person: PersonId) -> Result<String> {
    match store::people::person(conn, person)? {
        Some(person) if person.is_active => Ok(person.name),
        Some(person) => Err(Refusal::new("deactivated").with("name", person.name).into()),
        None => Err(FieldError::new("person", "unknown-person").into()),
    }
}

/// The name of anybody who ever was staff.
pub(super) fn name_of(conn: &mut Conn, person: PersonId) -> Result<String> {
    Ok(store::people::person(conn, person)?.map_or_else(String::new, |person| person.name))
}

/// Text that must not be empty.
pub(super) fn written(field: &'static str, text: &str) -> Result<String> {
    let text = text::body(field, text)?;
    if text.trim().is_empty() {
        return Err(FieldError::new(field, "required").into());
    }
    Ok(text)
}
