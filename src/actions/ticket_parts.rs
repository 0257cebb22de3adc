//! What hangs on a ticket: who was hit, roles, watchers, labels, links, evidence, marks.

use std::collections::HashSet;

use super::ticket::{active_name, change, name_of, written};
use super::{allow_ticket, audit, record, ticket_times};
use crate::app::Ctx;
use crate::domain::access::Action;
use crate::domain::id::{AttachmentId, CustomerId, Id, Kind, PersonId, TicketId, TicketKey};
use crate::domain::quarantine::Danger;
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::text;
use crate::domain::ticket::{Relation, Role, Ticket};
use crate::domain::timeline::{Entry, EntryKind, Facts};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::store::ticket::{Affected, Watcher};
use crate::store::{self, Conn, Tx};

/// When somebody who was hit told us, with what a time before now has to be backed by.
#[derive(Debug, Clone, Copy)]
pub struct ToldUs<'a> {
    pub at: Timestamp,
    pub why: &'a str,
    pub evidence: &'a str,
}

/// One more customer was hit. Their clocks start with their own report, or with the impact. That they told us before now sets clocks
/// back: that takes the same right, reason, evidence and limit as a correction ([`ticket_times`]).
pub fn add_affected(
    ctx: &Ctx<'_>,
    key: TicketKey,
    customer: CustomerId,
    told: Option<ToldUs<'_>>,
) -> Result<Ticket> {
    let reported_at = told.map(|told| told.at);
    change(ctx, key, None, Action::WorkOnTicket, |tx, ticket| {
        if reported_at.is_some_and(|at| at > ctx.now) {
            return Err(Refusal::new("reported-in-future").into());
        }
        let backing = match told.filter(|told| told.at < ctx.now) {
            Some(told) => {
                allow_ticket(tx, &ctx.by, Action::Backdate, ticket)?;
                ticket_times::refuse_own(tx, ctx, ticket)?;
                ticket_times::refuse_beyond_limit(tx, ctx, ticket, &[customer], told.at)?;
                let evidence = ticket_times::evidence(tx, ticket, told.evidence)?;
                Some((written("why", told.why)?, evidence))
            }
            None => None,
        };
        let found = store::customer::by_id(tx, customer)?;
        let name = found
            .ok_or_else(|| FieldError::new("customer", "unknown-customer"))?
            .name;
        if !add_hit(tx, ctx, ticket, customer, reported_at)? {
            return Err(Refusal::new("already-affected").with("name", name).into());
        }
        // Who may read what was written before has changed.
        store::search::reindex(tx, ticket)?;
        let mut added = Entry::new(EntryKind::AffectedAdded)
            .fact("customer", customer)
            .fact("name", &name)
            .fact_some("reported_at", reported_at.map(Timestamp::rfc3339));
        if let Some((why, evidence)) = backing {
            let facts = Facts::new()
                .with("evidence", &evidence)
                .with("why", &why)
                .with("affected_added name", &name)
                .with_some("affected_added to", reported_at.map(Timestamp::rfc3339));
            audit::note(tx, ctx, "times-corrected", &key.to_string(), &facts)?;
            added = added.body(&why).fact("evidence", evidence);
        }
        Ok(vec![added])
    })
}

/// Writes who was hit; whether it is news.
pub(super) fn add_hit(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: &Ticket,
    customer_id: CustomerId,
    reported_at: Option<Timestamp>,
) -> Result<bool> {
    let known = store::ticket::affected(tx, ticket.id)?;
    if known.iter().any(|row| row.customer_id == customer_id) {
        return Ok(false);
    }
    let hit = Affected {
        id: Id::new(ctx.now),
        ticket_id: ticket.id,
        customer_id,
        service_id: ticket.service,
        impact_at: ticket.impact_at,
        reported_at,
        restored_at: ticket.restored_at,
    };
    store::ticket::add_affected(tx, &hit)?;
    Ok(true)
}

/// Takes a role on an incident, or hands it to somebody. Taking over is one action, and recorded.
pub fn set_role(
    ctx: &Ctx<'_>,
    key: TicketKey,
    role: Role,
    person: Option<PersonId>,
) -> Result<Ticket> {
    change(ctx, key, None, Action::WorkOnTicket, |tx, ticket| {
        if ticket.key.kind != Kind::Incident {
            return Err(Refusal::new("no-roles").with("key", key.to_string()).into());
        }
        let entry = match person {
            Some(person) => role_taken(role, person, &active_name(tx, person)?),
            None => Entry::new(EntryKind::RoleLeft).fact("role", role),
        };
        store::ticket::set_role(tx, ticket.id, role, person, ctx.now)?;
        Ok(vec![entry])
    })
}

pub(super) fn role_taken(role: Role, person: PersonId, name: &str) -> Entry {
    Entry::new(EntryKind::RoleTaken)
        .fact("role", role)
        .fact("person", person)
        .fact("name", name)
}

pub fn watch(ctx: &Ctx<'_>, key: TicketKey, who: Watcher) -> Result<Ticket> {
    change(ctx, key, None, Action::WorkOnTicket, |tx, ticket| {
        let name = watcher_name(tx, who)?;
        let is_new = store::ticket::watch(tx, ticket.id, who, ctx.now)?;
        reread(tx, ticket, who, is_new)?;
        Ok(is_new
            .then(|| Entry::new(EntryKind::WatcherAdded).fact("name", name))
            .into_iter()
            .collect())
    })
}

pub fn unwatch(ctx: &Ctx<'_>, key: TicketKey, who: Watcher) -> Result<Ticket> {
    change(ctx, key, None, Action::WorkOnTicket, |tx, ticket| {
        let name = watcher_name(tx, who)?;
        let was_one = store::ticket::unwatch(tx, ticket.id, who)?;
        reread(tx, ticket, who, was_one)?;
        Ok(was_one
            .then(|| Entry::new(EntryKind::WatcherRemoved).fact("name", name))
            .into_iter()
            .collect())
    })
}

/// A contact who begins or stops watching finds what was written before, or no longer does; staff find everything.
fn reread(tx: &mut Tx, ticket: &Ticket, who: Watcher, is_news: bool) -> Result<()> {
    match who {
        Watcher::Contact(_) if is_news => store::search::reindex(tx, ticket),
        Watcher::Contact(_) | Watcher::Person(_) => Ok(()),
    }
}

fn watcher_name(tx: &mut Tx, who: Watcher) -> Result<String> {
    match who {
        Watcher::Person(id) => name_of(tx, id),
        Watcher::Contact(id) => {
            let contact = store::people::contact(tx, id)?;
            Ok(contact
                .ok_or_else(|| FieldError::new("contact", "unknown-contact"))?
                .name)
        }
    }
}

pub fn label(ctx: &Ctx<'_>, key: TicketKey, label: &str) -> Result<Ticket> {
    let label = text::one_line("label", label, 40)?.to_lowercase();
    change(ctx, key, None, Action::WorkOnTicket, |tx, ticket| {
        let is_new = store::ticket::label(tx, ticket.id, &label)?;
        Ok(is_new
            .then(|| Entry::new(EntryKind::Labelled).fact("label", &label))
            .into_iter()
            .collect())
    })
}

pub fn unlabel(ctx: &Ctx<'_>, key: TicketKey, label: &str) -> Result<Ticket> {
    change(ctx, key, None, Action::WorkOnTicket, |tx, ticket| {
        let was_there = store::ticket::unlabel(tx, ticket.id, label)?;
        Ok(was_there
            .then(|| Entry::new(EntryKind::Unlabelled).fact("label", label))
            .into_iter()
            .collect())
    })
}

/// Links two tickets; both timelines say so.
pub fn link(ctx: &Ctx<'_>, from: TicketKey, relation: Relation, to: TicketKey) -> Result<Ticket> {
    change(ctx, from, None, Action::WorkOnTicket, |tx, ticket| {
        if from == to {
            return Err(Refusal::new("link-to-itself").into());
        }
        let other = store::ticket::by_key(tx, to)?;
        let mut other = other
            .ok_or_else(|| FieldError::new("to", "unknown-ticket").with("value", to.to_string()))?;
        link_in(tx, ctx, ticket, relation, &mut other)
    })
}

/// The link itself and the other side's entry; returns this side's. Nothing if they were linked so already.
pub fn link_in(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    from: &Ticket,
    relation: Relation,
    other: &mut Ticket,
) -> Result<Vec<Entry>> {
    if !store::ticket_link::link(tx, from.id, relation, other.id, ctx.now)? {
        return Ok(Vec::new());
    }
    let back = Entry::new(EntryKind::Linked)
        .fact("relation", relation)
        .fact("from", from.key);
    record(tx, ctx, other, vec![back])?;
    Ok(vec![
        Entry::new(EntryKind::Linked)
            .fact("relation", relation)
            .fact("to", other.key),
    ])
}

pub fn unlink(ctx: &Ctx<'_>, from: TicketKey, relation: Relation, to: TicketKey) -> Result<Ticket> {
    change(ctx, from, None, Action::WorkOnTicket, |tx, ticket| {
        let other = store::ticket::by_key(tx, to)?.ok_or(Error::NotFound)?;
        let was_there = store::ticket_link::unlink(tx, ticket.id, relation, other.id)?;
        let entry = || {
            Entry::new(EntryKind::Unlinked)
                .fact("relation", relation)
                .fact("to", to)
        };
        Ok(was_there.then(entry).into_iter().collect())
    })
}

/// A file whose bytes are stored already ([`store::blob::put`]).
#[derive(Debug, Clone)]
pub struct Evidence {
    pub hash: store::blob::Hash,
    pub name: String,
    pub media_type: String,
    pub size_bytes: i64,
    /// What it would do when opened, if a stranger brought it. Whoever of ours attaches something by hand knows what it is.
    pub danger: Option<Danger>,
}

/// Attaches files to a new entry for the team: graphs, logs, screenshots. What customers may read goes by
/// [`super::ticket_answer::bring`].
pub fn attach(ctx: &Ctx<'_>, key: TicketKey, text: &str, files: &[Evidence]) -> Result<Ticket> {
    let text = text::body("body", text)?;
    if files.is_empty() {
        return Err(FieldError::new("file", "required").into());
    }
    change(ctx, key, None, Action::WorkOnTicket, |tx, ticket| {
        attach_in(tx, ctx, ticket.id, ticket.entry_count + 1, files)?;
        Ok(vec![
            Entry::new(EntryKind::Evidence)
                .body(&text)
                .fact_some("files", file_names(files)),
        ])
    })
}

/// As an entry names them; nothing without any.
pub fn file_names(files: &[Evidence]) -> Option<String> {
    let names: Vec<String> = files
        .iter()
        .map(|file| text::file_name(&file.name))
        .collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// The files of an entry that are still there, to be hung on another one.
pub fn files_of(tx: &mut Tx, ticket: &Ticket, seq: i64) -> Result<Vec<Evidence>> {
    let all = store::blob::attachments(tx, ticket.id)?;
    let there = all
        .into_iter()
        .filter(|file| file.entry_seq == seq && file.redacted_at.is_none());
    Ok(there.map(Evidence::from).collect())
}

/// Files of a ticket by their ids, in that order; the first id that is none of them is refused.
pub fn files_named(
    conn: &mut Conn,
    ticket: TicketId,
    ids: &[AttachmentId],
) -> Result<Vec<Evidence>> {
    let all = store::blob::attachments(conn, ticket)?;
    let file = |id: &AttachmentId| {
        let file = all
            .iter()
            .find(|file| file.id == *id && file.redacted_at.is_none())
            .filter(|file| file.quarantined_for().is_none());
        file.cloned()
            .map(Evidence::from)
            .ok_or_else(|| FieldError::new("files", "unknown-file").with("value", id.to_string()))
    };
    // Named twice, a file goes once.
    let mut seen = HashSet::new();
    Ok(ids
        .iter()
        .filter(|id| seen.insert(**id))
        .map(file)
        .collect::<std::result::Result<_, _>>()?)
}

impl From<store::blob::Attachment> for Evidence {
    fn from(file: store::blob::Attachment) -> Self {
        Self {
            hash: file.hash,
            name: file.name,
            media_type: file.media_type,
            size_bytes: file.size_bytes,
            danger: file.danger,
        }
    }
}

/// Ids sort by the millisecond: each file of an entry gets one of its own, so that they stay in their order.
pub(super) const fn in_order(now: Timestamp, place: i64) -> Timestamp {
    now.plus_micros(place * 1_000)
}

/// Hangs files on the entry that will get `seq`.
pub fn attach_in(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: TicketId,
    seq: i64,
    files: &[Evidence],
) -> Result<()> {
    for (place, file) in (0..).zip(files) {
        let name = text::file_name(&file.name);
        let file = store::blob::NewFile {
            hash: file.hash,
            name: &name,
            media_type: &file.media_type,
            size_bytes: file.size_bytes,
            danger: file.danger,
        };
        store::blob::attach(tx, ticket, seq, &file, in_order(ctx.now, place))?;
    }
    Ok(())
}

/// Marks an entry as fit for the customer's outage report, or takes the mark away.
pub fn mark_for_report(ctx: &Ctx<'_>, key: TicketKey, seq: i64, mark: bool) -> Result<Ticket> {
    change(ctx, key, None, Action::WorkOnTicket, |tx, ticket| {
        let entry = store::timeline::by_seq(tx, ticket.id, seq)?.ok_or(Error::NotFound)?;
        if entry.for_report == mark {
            return Ok(Vec::new());
        }
        store::timeline::mark_for_report(tx, ticket.id, seq, mark)?;
        Ok(vec![
            Entry::new(EntryKind::ReportMarked)
                .fact("entry", seq)
                .fact("mark", mark),
        ])
    })
}
