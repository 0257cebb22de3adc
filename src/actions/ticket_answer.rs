//! What answers a customer: a reply, an update, a note that they may read after all; and when they hear from us again.

use super::proposal::{self, Said, Speech};
use super::ticket::{refuse_nobody, refuse_unseen, written};
use super::ticket_parts::{Evidence, attach, files_of};
use super::{allow_ticket, letters, sla, sla_reading};
use crate::app::Ctx;
use crate::domain::access::Action;
use crate::domain::id::{CustomerId, TicketKey};
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::ticket::Ticket;
use crate::domain::timeline::{Entry, EntryKind};
use crate::domain::timestamp::Timestamp;
use crate::domain::wording::Speaking;
use crate::error::{Error, Result};
use crate::store::timeline::Recorded;
use crate::store::{self, Tx};

/// A reply to the customer who asked. It satisfies `respond` at this instant; the letter follows. Where the house wants it, own
/// words wait for a second person.
///
/// `next_update_by` is promised to that customer alone. `seen` is the newest entry that the writer saw: if the
/// customer wrote since, the reply waits for another look.
pub fn reply(
    ctx: &Ctx<'_>,
    key: TicketKey,
    text: &str,
    next_update_by: Option<Timestamp>,
    seen: Option<i64>,
) -> Result<Said> {
    reply_with(ctx, key, text, next_update_by, seen, &[])
}

/// As [`reply`], with files, which the customer reads too.
pub fn reply_with(
    ctx: &Ctx<'_>,
    key: TicketKey,
    text: &str,
    next_update_by: Option<Timestamp>,
    seen: Option<i64>,
    files: &[Evidence],
) -> Result<Said> {
    reply_to(ctx, key, None, text, next_update_by, seen, files)
}

/// As [`reply_with`], to one of the customers who were hit; without `to` to whoever asked.
pub fn reply_to(
    ctx: &Ctx<'_>,
    key: TicketKey,
    to: Option<CustomerId>,
    text: &str,
    next_update_by: Option<Timestamp>,
    seen: Option<i64>,
    files: &[Evidence],
) -> Result<Said> {
    let text = written("body", text)?;
    proposal::speak(ctx, key, |tx, ticket| {
        let other = other_hit(tx, ticket, to)?;
        if other.is_none() {
            refuse_nobody(ticket)?;
        }
        refuse_unseen(tx, ticket, seen)?;
        Ok(Speech {
            what: Speaking::Reply,
            to: other,
            note: None,
            text: text.clone(),
            next_update_by,
            dated_as: None,
            files: files.to_vec(),
        })
    })
}

/// An update for everybody affected: closes one `update` cycle and opens the next. Own words may wait, as those of a reply.
pub fn update(
    ctx: &Ctx<'_>,
    key: TicketKey,
    text: &str,
    next_update_by: Option<Timestamp>,
) -> Result<Said> {
    update_with(ctx, key, text, next_update_by, &[])
}

/// As [`update`], with files, which everybody affected reads too.
pub fn update_with(
    ctx: &Ctx<'_>,
    key: TicketKey,
    text: &str,
    next_update_by: Option<Timestamp>,
    files: &[Evidence],
) -> Result<Said> {
    let text = written("body", text)?;
    proposal::speak(ctx, key, |_, _| {
        Ok(Speech {
            what: Speaking::Update,
            to: None,
            note: None,
            text: text.clone(),
            next_update_by,
            dated_as: None,
            files: files.to_vec(),
        })
    })
}

/// Who may read what is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    Team,
    /// One of the customers who were hit; `None`: whoever asked.
    Customer(Option<CustomerId>),
    AllAffected,
}

/// Attaches files with a word about them. What a customer may read of it is an answer to them, or an update for everybody affected,
/// with all that follows: clocks, letters, and a second person where the house wants one.
pub fn bring(
    ctx: &Ctx<'_>,
    key: TicketKey,
    text: &str,
    files: &[Evidence],
    seen: Option<i64>,
    readers: Readers,
) -> Result<Said> {
    match readers {
        Readers::Team => Ok(Said {
            ticket: attach(ctx, key, text, files)?,
            waits: false,
        }),
        Readers::Customer(to) => reply_to(ctx, key, to, text, None, seen, files),
        Readers::AllAffected => update_with(ctx, key, text, None, files),
    }
}

/// Which customer is meant, with their name, if it isn't the ticket's own; only one who was hit.
pub(super) fn other_hit(
    tx: &mut Tx,
    ticket: &Ticket,
    to: Option<CustomerId>,
) -> Result<Option<(CustomerId, String)>> {
    let Some(to) = to.filter(|to| Some(*to) != ticket.customer) else {
        return Ok(None);
    };
    let known = match letters::is_hit_besides(tx, ticket, to)? {
        true => store::customer::by_id(tx, to)?,
        false => None,
    };
    let unknown = || FieldError::new("customer", "not-affected").with("value", to.to_string());
    Ok(Some((to, known.ok_or_else(unknown)?.name)))
}

/// The customer may read this note of ours from now on. It counts as an answer at this moment, not at the one it was written at.
/// Like other own words it may wait for a second person.
pub fn share(ctx: &Ctx<'_>, key: TicketKey, seq: i64) -> Result<Said> {
    proposal::speak(ctx, key, |tx, ticket| {
        let note = shareable(tx, ticket, seq)?;
        refuse_nobody(ticket)?;
        let own = seq.to_string();
        for waiting in store::proposal::of_ticket(tx, ticket.id)? {
            if waiting.note_seq == Some(seq) {
                return Err(Refusal::new("already-waits").with("entry", own).into());
            }
        }
        Ok(Speech {
            what: Speaking::Share,
            to: None,
            note: Some(seq),
            text: note.body,
            next_update_by: None,
            dated_as: None,
            files: files_of(tx, ticket, seq)?,
        })
    })
}

/// A note of ours that the customer doesn't know yet.
pub(super) fn shareable(tx: &mut Tx, ticket: &Ticket, seq: i64) -> Result<Recorded> {
    let note = store::timeline::by_seq(tx, ticket.id, seq)?.ok_or(Error::NotFound)?;
    let is_ours =
        matches!(note.kind, EntryKind::Note | EntryKind::Evidence) && note.actor.person().is_some();
    // Files alone say something too.
    let is_empty = note.body.trim().is_empty() && files_of(tx, ticket, seq)?.is_empty();
    if !is_ours || note.redacted_at.is_some() || is_empty {
        return Err(Refusal::new("not-to-be-shared").into());
    }
    let shared = store::timeline::of_kinds(tx, ticket.id, &[EntryKind::Shared])?;
    let own = seq.to_string();
    if shared
        .iter()
        .any(|entry| entry.facts.get("entry") == Some(own.as_str()))
    {
        return Err(Refusal::new("already-shared").into());
    }
    Ok(note)
}

/// Promises the next update to whoever reads what is said to them, the first of `entries`; none is promised without `until`.
///
/// Sooner than agreed is for anybody to promise. Later is for who may lengthen a promise: then that time holds, and the entry says
/// what it was later than. Others are refused at the field, with the agreed instant.
pub(super) fn promise_update(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: &Ticket,
    until: Option<Timestamp>,
    entries: &mut Vec<Entry>,
) -> Result<()> {
    let (Some(until), Some(said)) = (until, entries.first()) else {
        return Ok(());
    };
    if until <= ctx.now {
        return Err(Refusal::new("promise-in-past").into());
    }
    let audience = said.audience;
    let mut promise = Entry::new(EntryKind::UpdatePromised).fact("until", until.rfc3339());
    let agreed = sla::next_update(tx, ctx, ticket, entries, audience)?;
    if let Some(agreed) = agreed.filter(|agreed| *agreed < until) {
        match allow_ticket(tx, &ctx.by, Action::LengthenPromise, ticket) {
            Ok(()) => promise = promise.fact(sla_reading::LATER_THAN, agreed.rfc3339()),
            Err(Error::Forbidden(_)) => {
                let later = FieldError::new("next_update_by", "later-than-agreed");
                return Err(later.with("agreed", agreed.rfc3339()).into());
            }
            Err(other) => return Err(other),
        }
    }
    entries.push(promise.audience(audience));
    Ok(())
}
