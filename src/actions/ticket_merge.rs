//! Merging two tickets into one and taking them apart again, and parents that resolve their children.

use super::ticket::{change, change_any, written};
use super::{allow_ticket, record, sla, sla_reading, ticket_talk};
use crate::app::Ctx;
use crate::domain::access::Action;
use crate::domain::id::{CustomerId, TicketKey};
use crate::domain::refusal::{FieldError, Refusal};
use crate::domain::sla_agreement::Metric;
use crate::domain::sla_clock::Clock;
use crate::domain::ticket::Ticket;
use crate::domain::timeline::{Entry, EntryKind, Facts};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::store::sla::ClockRow;
use crate::store::ticket::Watcher;
use crate::store::{self, Conn, Tx};

/// `key` goes on in `into`: what is still owed on it is owed there, and its mail is read there. Its own timeline and its clocks
/// stay as they stood. Nobody is told: whoever merges looks at both.
pub fn merge(
    ctx: &Ctx<'_>,
    key: TicketKey,
    rev: Option<i64>,
    into: TicketKey,
    why: &str,
) -> Result<Ticket> {
    let why = written("why", why)?;
    change(ctx, key, rev, Action::MoveTicket, |tx, ticket| {
        let found = store::ticket::by_key(tx, into)?;
        let mut survivor = found.ok_or_else(|| {
            FieldError::new("into", "unknown-ticket").with("value", into.to_string())
        })?;
        allow_ticket(tx, &ctx.by, Action::WorkOnTicket, &survivor)?;
        refuse_merged(&survivor)?;
        let merged = ticket.merge_into(&survivor, &why)?;
        refuse_other_customers(tx, ticket, &survivor)?;
        let entries = absorb(tx, ctx, ticket, &mut survivor, &why)?;
        record(tx, ctx, &mut survivor, entries)?;
        Ok(vec![merged])
    })
}

/// Work on a merged ticket goes on where it goes on.
pub(super) fn refuse_merged(ticket: &Ticket) -> Result<()> {
    if ticket.merged_into.is_some() {
        return Err(Refusal::new("merged")
            .with("key", ticket.key.to_string())
            .into());
    }
    Ok(())
}

/// Customers' clocks stay apart: whoever was promised something here must be promised it there.
fn refuse_other_customers(tx: &mut Tx, ticket: &Ticket, survivor: &Ticket) -> Result<()> {
    let theirs = parties(tx, survivor)?;
    let mut missing = parties(tx, ticket)?;
    missing.retain(|customer| !theirs.contains(customer));
    if missing.is_empty() {
        return Ok(());
    }
    let names = store::customer::names(tx, &missing)?;
    let mut names: Vec<String> = names.into_values().collect();
    names.sort();
    Err(Refusal::new("merge-other-customers")
        .with("key", survivor.key.to_string())
        .with("names", names.join(", "))
        .into())
}

fn parties(conn: &mut Conn, ticket: &Ticket) -> Result<Vec<CustomerId>> {
    let hits = store::ticket::affected(conn, ticket.id)?;
    let hit = hits.into_iter().map(|hit| hit.customer_id);
    Ok(ticket.customer.into_iter().chain(hit).collect())
}

/// What the survivor takes over: since when each promise counts, who asked, and what was promised by hand. All of it stands in one
/// entry, so that taking the two apart takes all of it back.
fn absorb(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: &Ticket,
    survivor: &mut Ticket,
    why: &str,
) -> Result<Vec<Entry>> {
    let mut facts = Facts::new()
        .with("from", ticket.key)
        .with("title", &ticket.title);
    let clocks = store::sla::of_ticket(tx, ticket.id)?;
    for clock in clocks.iter().filter(|clock| clock.state.is_open()) {
        // What was promised by hand has no anchor that anything counts from.
        if clock.target_id.is_some() {
            let name = sla_reading::anchor_fact(clock.metric, clock.customer_id);
            facts = facts.with_instant(name, clock.anchor_at);
        }
    }
    for (party, until) in promised_updates(tx, ctx, ticket, survivor)? {
        let name = sla_reading::promise_fact(Metric::Update, party);
        facts = facts.with_instant(name, until);
    }
    if let Some(due) = ticket.callback_at
        && survivor.callback_at.is_none_or(|at| due < at)
    {
        let to = ticket_talk::owed_call_back_to(tx, ticket)?;
        let name = sla_reading::promise_fact(Metric::CallBack, to);
        facts = facts.with_instant(name, due);
        let at_was = survivor.callback_at.map(Timestamp::rfc3339);
        facts = facts
            .with_some("callback_was", at_was)
            .with_some("number_was", survivor.callback_number.take());
        survivor.callback_at = Some(due);
        survivor.callback_number.clone_from(&ticket.callback_number);
    }
    let mut absorbed = Entry::new(EntryKind::Absorbed).body(why);
    absorbed.facts = facts;
    for who in store::ticket::watchers(tx, ticket.id)?
        .into_iter()
        .chain(ticket.requester.map(Watcher::Contact))
    {
        store::ticket::watch(tx, survivor.id, who, ctx.now)?;
    }
    store::search::reindex(tx, survivor)?;
    store::mail_named::name_all_on(tx, ticket.id, survivor.id)?;
    store::mail_join::ask_of(tx, ticket.id, survivor.id)?;
    if let Some(address) = &ticket.requester_address {
        store::mail_named::name_on_ticket(tx, survivor.id, &address.to_lowercase())?;
    }
    survivor.awaits_us |= ticket.awaits_us;
    Ok(vec![absorbed])
}

/// The updates that were promised by hand on the absorbed ticket and are owed still, sooner than what is owed on the survivor.
fn promised_updates(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: &Ticket,
    survivor: &Ticket,
) -> Result<Vec<(Option<CustomerId>, Timestamp)>> {
    let owed = |(row, _): &(ClockRow, Clock)| row.metric == Metric::Update && row.state.is_open();
    let theirs = sla::derived(ctx.app, tx, ticket, ctx.now)?;
    let theirs = theirs.into_iter().filter(owed);
    let by_hand = theirs.filter(|(row, clock)| clock.by_hand.is_some() || row.target_id.is_none());
    let promised: Vec<_> = by_hand
        .filter_map(|(row, clock)| Some((row.customer_id, clock.deadline_at?)))
        .collect();
    if promised.is_empty() {
        return Ok(promised);
    }
    let own = sla::derived(ctx.app, tx, survivor, ctx.now)?;
    let own: Vec<_> = own.into_iter().filter(owed).collect();
    let is_sooner = |(party, until): &(Option<CustomerId>, Timestamp)| {
        let mut same = own.iter().filter(|(row, _)| row.customer_id == *party);
        same.all(|(_, clock)| clock.deadline_at.is_none_or(|at| *until < at))
    };
    Ok(promised.into_iter().filter(is_sooner).collect())
}

/// Gives the survivor back what it had promised before it took over an earlier call-back; what was done or promised since stays.
fn give_back_callback(survivor: &mut Ticket, took_in: &Facts) {
    let to = sla_reading::promised_to(Metric::CallBack, took_in);
    let name = to.map(|to| sla_reading::promise_fact(Metric::CallBack, to));
    let Some(taken_over) = name.and_then(|name| took_in.instant(&name)) else {
        return;
    };
    if survivor.callback_at == Some(taken_over) {
        survivor.callback_at = took_in.instant("callback_was");
        survivor.callback_number = took_in.get("number_was").map(str::to_owned);
    }
}

/// They were two after all: both clocks run as if they had never been merged. What turns out not to have been late is marked
/// withdrawn; what was written meanwhile stays where it was written.
pub fn unmerge(ctx: &Ctx<'_>, key: TicketKey, rev: Option<i64>, why: &str) -> Result<Ticket> {
    let why = written("why", why)?;
    change_any(ctx, key, rev, Action::MoveTicket, |tx, ticket| {
        let not_merged = || Refusal::new("not-merged").with("key", key.to_string());
        let survivor = ticket.merged_into.ok_or_else(not_merged)?;
        let mut survivor = store::ticket::by_id(tx, survivor)?.ok_or(Error::NotFound)?;
        allow_ticket(tx, &ctx.by, Action::WorkOnTicket, &survivor)?;
        let merges = store::timeline::of_kinds(tx, ticket.id, &[EntryKind::Merged])?;
        let merged = merges.last().ok_or_else(not_merged)?;
        let entry = ticket.unmerge(&survivor, &merged.facts, merged.seq, &why)?;
        ticket.awaits_us = !ticket_talk::waiting(tx, ticket, None)?.is_empty();
        let took_in = store::timeline::of_kinds(tx, survivor.id, &[EntryKind::Absorbed])?;
        let own = key.to_string();
        let took_in = took_in
            .iter()
            .rfind(|entry| entry.facts.get("from") == Some(own.as_str()));
        let mut apart = Entry::new(EntryKind::Unmerged)
            .fact("other", key)
            .body(&why);
        apart.corrects = took_in.map(|entry| entry.seq);
        if let Some(took_in) = took_in {
            give_back_callback(&mut survivor, &took_in.facts);
        }
        record(tx, ctx, &mut survivor, vec![apart])?;
        Ok(vec![entry])
    })
}

/// The ticket in which this one goes on; itself, if it wasn't merged.
pub(super) fn survivor(conn: &mut Conn, ticket: Ticket) -> Result<Ticket> {
    let mut ticket = ticket;
    // A survivor is open when it takes another in, so that the way always ends.
    while let Some(into) = ticket.merged_into {
        ticket = store::ticket::by_id(conn, into)?.ok_or(Error::NotFound)?;
    }
    Ok(ticket)
}

/// The key under which a ticket is to be found now.
pub(super) fn living(ctx: &Ctx<'_>, key: TicketKey) -> Result<TicketKey> {
    ctx.read(|conn| {
        let ticket = store::ticket::by_key(conn, key)?.ok_or(Error::NotFound)?;
        Ok(survivor(conn, ticket)?.key)
    })
}

/// Resolves children with their parent: what kept its promise keeps theirs. Each child's timeline says so.
pub(super) fn resolve_children(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    parent: &Ticket,
    chosen: &[TicketKey],
    how: &str,
) -> Result<()> {
    if chosen.is_empty() {
        return Ok(());
    }
    let children = store::kin::children(tx, parent.id)?;
    let mut done: Vec<TicketKey> = Vec::new();
    for key in chosen {
        if done.contains(key) {
            continue;
        }
        done.push(*key);
        let child = children.iter().find(|child| child.key == *key);
        let mut child = child.cloned().ok_or_else(|| {
            FieldError::new("children", "not-a-child")
                .with("value", key.to_string())
                .with("key", parent.key.to_string())
        })?;
        allow_ticket(tx, &ctx.by, Action::MoveTicket, &child)?;
        let resolved = child.resolve(how, ctx.now)?;
        let at: Option<Timestamp> = Some(ctx.now);
        store::ticket::restore_affected(tx, child.id, at)?;
        let resolved = resolved.fact("cause", "parent").fact("parent", parent.key);
        record(tx, ctx, &mut child, vec![resolved])?;
    }
    Ok(())
}
