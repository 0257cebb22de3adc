//! When it works again for one customer while others still wait, and that it doesn't after all. Restoring everybody at once is a step
//! of the ticket (`ticket`); correcting when that was is next door in `ticket_times`.

use super::ticket::{change, written};
use super::{audit, ticket_times};
use crate::app::Ctx;
use crate::domain::access::Action;
use crate::domain::correction::{self, Restoration, Said};
use crate::domain::id::{CustomerId, TicketKey};
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
        hit.follow(tx, ctx, ticket, &entry)?;
        Ok(vec![entry])
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
        let also: Vec<String> = undone
            .iter()
            .skip(1)
            .map(|(seq, _)| seq.to_string())
            .collect();
        let mut entry = Entry::new(EntryKind::TakenBack)
            .fact("what", EntryKind::AffectedRestored)
            .fact(correction::CUSTOMER, customer)
            .fact("name", &hit.name)
            .fact_some(correction::ALSO, (!also.is_empty()).then(|| also.join(",")))
            .body(&why);
        entry.corrects = undone.first().map(|(seq, _)| *seq);
        hit.follow(tx, ctx, ticket, &entry)?;
        Ok(vec![entry])
    })
}

/// One customer of those who were hit, and what the timeline says of whether it works for them.
struct Hit {
    row: Affected,
    name: String,
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

    /// Writes since when it works for them, now that `entry` stands at the end of the timeline.
    fn follow(&self, tx: &mut Tx, ctx: &Ctx<'_>, ticket: &Ticket, entry: &Entry) -> Result<()> {
        let mut story = self.story();
        story.push(Said {
            seq: ticket.entry_count + 1,
            kind: entry.kind,
            effective_at: entry.effective_at.unwrap_or(ctx.now),
            corrects: entry.corrects,
            facts: &entry.facts,
        });
        let party = Some(self.row.customer_id);
        let since = correction::works_since(party, self.row.impact_at, &story);
        store::affected::set_restored(tx, self.row.id, since)
    }
}
