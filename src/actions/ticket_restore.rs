//! When it works again for one customer while others still wait, and that it doesn't after all; and what the rows say of since when
//! it works, which follows from the timeline. Restoring everybody at once is a step of the ticket (`ticket`).

use super::ticket::{change, written};
use super::{audit, ticket_times};
use crate::app::Ctx;
use crate::domain::access::Action;
use crate::domain::correction::{self, End, Restoration, Said};
use crate::domain::id::{CustomerId, Kind, TicketKey};
use crate::domain::refusal::FieldError;
use crate::domain::ticket::Ticket;
use crate::domain::timeline::{Entry, EntryKind, Facts};
use crate::domain::timestamp::Timestamp;
use crate::error::Result;
use crate::store::ticket::Affected;
use crate::store::timeline::Recorded;
use crate::store::{self, Tx};

/// When it worked again, if that was before now, with what that is backed by.
#[derive(Debug, Clone, Copy)]
pub struct Earlier<'a> {
    pub at: Timestamp,
    pub why: &'a str,
    pub evidence: &'a str,
}

/// For this customer it works again: their promise to restore is kept, and what they count as an outage is over. The others' go on. A
/// time before now takes the right, the reason and the evidence of a correction ([`ticket_times`]).
pub fn restored_for(
    ctx: &Ctx<'_>,
    key: TicketKey,
    rev: Option<i64>,
    customer: CustomerId,
    earlier: Option<Earlier<'_>>,
) -> Result<Ticket> {
    change(ctx, key, rev, Action::MoveTicket, |tx, ticket| {
        let hit = Hit::load(tx, ticket, customer)?;
        let at = earlier.map_or(ctx.now, |earlier| earlier.at);
        hit.restoration(ticket, &hit.story()).check(at, ctx.now)?;
        let mut entry = Entry::new(EntryKind::AffectedRestored)
            .fact(correction::CUSTOMER, customer)
            .fact("name", &hit.name)
            .at(at);
        if let Some(earlier) = earlier.filter(|_| at < ctx.now) {
            let (why, evidence) =
                ticket_times::backed(tx, ctx, ticket, earlier.why, earlier.evidence)?;
            ticket_times::refuse_long_ago(tx, ctx, ticket, &[customer], ctx.now, at)?;
            let facts = Facts::new()
                .with("evidence", &evidence)
                .with("why", &why)
                .with("affected_restored name", &hit.name)
                .with_instant("affected_restored to", at);
            audit::note(tx, ctx, "times-corrected", &key.to_string(), &facts)?;
            entry = entry.body(why).fact("evidence", evidence);
        }
        let entries = vec![entry];
        follow(tx, ctx, ticket, &hit.entries, &entries)?;
        Ok(entries)
    })
}

/// It doesn't work for this customer after all: what said so was wrong, and their clock and their outage run on as if it had never been
/// said. Both stay on the timeline.
pub fn not_restored_for(
    ctx: &Ctx<'_>,
    key: TicketKey,
    rev: Option<i64>,
    customer: CustomerId,
    why: &str,
) -> Result<Ticket> {
    let why = written("why", why)?;
    change(ctx, key, rev, Action::MoveTicket, |tx, ticket| {
        let hit = Hit::load(tx, ticket, customer)?;
        let undone = hit.restoration(ticket, &hit.story()).undo()?;
        let also: Vec<String> = undone.iter().skip(1).map(i64::to_string).collect();
        let mut entry = Entry::new(EntryKind::TakenBack)
            .fact("what", EntryKind::AffectedRestored)
            .fact(correction::CUSTOMER, customer)
            .fact("name", &hit.name)
            .fact_some(correction::ALSO, (!also.is_empty()).then(|| also.join(",")))
            .body(&why);
        entry.corrects = undone.first().copied();
        let entries = vec![entry];
        follow(tx, ctx, ticket, &hit.entries, &entries)?;
        Ok(entries)
    })
}

/// One customer of those who were hit, and what the timeline says of whether it works for them.
struct Hit {
    row: Affected,
    name: String,
    /// Those of [`correction::STORY`].
    entries: Vec<Recorded>,
}

impl Hit {
    fn load(tx: &mut Tx, ticket: &Ticket, customer: CustomerId) -> Result<Self> {
        let hits = store::ticket::affected(tx, ticket.id)?;
        let row = hits.into_iter().find(|hit| hit.customer_id == customer);
        let row = row.ok_or_else(|| {
            FieldError::new("customer", "not-affected").with("value", customer.to_string())
        })?;
        let name = store::customer::by_id(tx, customer)?.map(|customer| customer.name);
        Ok(Self {
            row,
            name: name.unwrap_or_default(),
            entries: store::timeline::of_kinds(tx, ticket.id, correction::STORY)?,
        })
    }

    fn story(&self) -> Vec<Said<'_>> {
        self.entries.iter().map(Recorded::said).collect()
    }

    fn restoration<'a>(&'a self, ticket: &'a Ticket, story: &'a [Said<'a>]) -> Restoration<'a> {
        Restoration {
            ticket,
            party: self.row.customer_id,
            name: &self.name,
            impact_at: self.row.impact_at,
            story,
        }
    }
}

/// The entries of a timeline with those that will stand at its end.
fn with<'a>(
    recorded: &'a [Recorded],
    ctx: &Ctx<'_>,
    ticket: &Ticket,
    entries: &'a [Entry],
) -> Vec<Said<'a>> {
    let mut story: Vec<Said<'_>> = recorded.iter().map(Recorded::said).collect();
    story.extend((1..).zip(entries).map(|(place, entry)| Said {
        seq: ticket.entry_count + place,
        kind: entry.kind,
        effective_at: entry.effective_at.unwrap_or(ctx.now),
        corrects: entry.corrects,
        facts: &entry.facts,
    }));
    story
}

/// Writes since when it works for whom, now that `entries` will stand at the end of the timeline. `recorded`: its entries of
/// [`correction::STORY`].
pub(super) fn follow(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: &mut Ticket,
    recorded: &[Recorded],
    entries: &[Entry],
) -> Result<()> {
    let (before, after) = (
        with(recorded, ctx, ticket, &[]),
        with(recorded, ctx, ticket, entries),
    );
    let news = |party, impact_at| {
        let since = correction::works_since(party, impact_at, &after);
        (since != correction::works_since(party, impact_at, &before)).then_some(since)
    };
    for hit in store::ticket::affected(tx, ticket.id)? {
        if let Some(since) = news(Some(hit.customer_id), hit.impact_at) {
            store::affected::set_restored(tx, hit.id, since)?;
        }
    }
    if let Some(since) = news(None, ticket.impact_at).filter(|_| ticket.key.kind == Kind::Incident)
    {
        ticket.restored_at = since;
    }
    Ok(())
}

/// Corrects when it worked again and when it was resolved: never later than it was said, and no sooner than what came before it. What
/// was said stays where it stands.
pub(super) fn correct_ends(
    tx: &mut Tx,
    ctx: &Ctx<'_>,
    ticket: &mut Ticket,
    restored_at: Option<Timestamp>,
    resolved_at: Option<Timestamp>,
) -> Result<Vec<Entry>> {
    let recorded = store::timeline::of_kinds(tx, ticket.id, correction::STORY)?;
    let hits = store::ticket::affected(tx, ticket.id)?;
    let customers: Vec<CustomerId> = hits.iter().map(|hit| hit.customer_id).collect();
    let mut entries: Vec<Entry> = Vec::new();
    if let Some(at) = restored_at {
        correction::refuse_unless_incident(ticket)?;
        let story = with(&recorded, ctx, ticket, &[]);
        let end = correction::restoration(ticket.impact_at, &story)?;
        if at != end.at {
            correction::check_restored(ticket.impact_at, &story, at)?;
            let said_at = end.said.effective_at;
            ticket_times::refuse_long_ago(tx, ctx, ticket, &customers, said_at, at)?;
            entries.push(moved(EntryKind::RestoredChanged, &end, at));
            follow(tx, ctx, ticket, &recorded, &entries)?;
        }
    }
    if let Some(at) = resolved_at {
        let held = store::timeline::of_kinds(tx, ticket.id, &[EntryKind::Held])?;
        let story = with(&recorded, ctx, ticket, &entries);
        let end = correction::resolution(ticket, &story)?;
        if at != end.at {
            let held = held.iter().filter(|entry| entry.seq < end.said.seq);
            let held_at = held.map(|entry| entry.effective_at).max();
            correction::check_resolved(ticket, &story, held_at, at)?;
            let said_at = end.said.effective_at;
            ticket_times::refuse_long_ago(tx, ctx, ticket, &customers, said_at, at)?;
            let moved = moved(EntryKind::ResolvedChanged, &end, at);
            ticket.resolved_at = Some(at);
            entries.push(moved);
            follow(tx, ctx, ticket, &recorded, &entries)?;
        }
    }
    Ok(entries)
}

fn moved(kind: EntryKind, end: &End<'_>, to: Timestamp) -> Entry {
    let mut entry = Entry::new(kind)
        .fact("from", end.at.rfc3339())
        .fact("to", to.rfc3339());
    entry.corrects = Some(end.said.seq);
    entry
}
