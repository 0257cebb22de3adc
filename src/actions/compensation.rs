//! The ledger's chain: each committed fact gets a link that holds its canonical text and hangs on the link before.

use std::collections::HashMap;

use crate::app::Ctx;
use crate::domain::compensation::{self, Entry, FactKind, GENESIS};
use crate::domain::id::Id;
use crate::error::{Error, Result, is_unique_violation};
use crate::store::compensation::Link;
use crate::store::page_log::PageEvent;
use crate::store::{self, Conn};

/// Links up to `most` facts; how many there were. Another node that chains at the same moment wins, and the next look goes on
/// from its head.
pub fn chain(ctx: &Ctx<'_>, most: i64) -> Result<usize> {
    if ctx
        .read(|conn| store::compensation::unchained(conn, 1))?
        .is_empty()
    {
        return Ok(0);
    }
    let done = ctx.app.store.write(|tx| {
        let waiting = store::compensation::unchained(tx, most)?;
        let (mut seq, mut head) = match store::compensation::head(tx)? {
            Some(link) => (link.seq, link.hash),
            None => (0, GENESIS.to_owned()),
        };
        let events = page_events(tx, waiting.iter().copied())?;
        let mut links = Vec::with_capacity(waiting.len());
        for (fact, kind) in &waiting {
            seq += 1;
            let canonical = entry(tx, &events, *kind, *fact)?
                .integer("entry", seq)
                .canonical();
            head = compensation::link(&head, &canonical);
            links.push(Link {
                seq,
                kind: *kind,
                fact_id: *fact,
                canonical,
                hash: head.clone(),
                chained_at: ctx.now,
            });
        }
        store::compensation::insert_links(tx, &links)?;
        Ok(waiting.len())
    });
    match done {
        Err(error) if is_unique_violation(&error) => Ok(0),
        other => other,
    }
}

/// Those of the facts that are page events: by far the most, so that they are read together.
fn page_events(
    conn: &mut Conn,
    facts: impl Iterator<Item = (Id<()>, FactKind)>,
) -> Result<HashMap<Id<()>, PageEvent>> {
    let ids: Vec<Id<()>> = facts
        .filter(|(_, kind)| *kind == FactKind::PageEvent)
        .map(|(fact, _)| fact)
        .collect();
    store::page_log::events(conn, &ids)
}

/// A stored fact as the chain writes it. People stand there by their id: a name may have to be forgotten one day.
fn entry(
    conn: &mut Conn,
    events: &HashMap<Id<()>, PageEvent>,
    kind: FactKind,
    fact: Id<()>,
) -> Result<Entry> {
    let base = Entry::default()
        .text("fact", fact.to_string())
        .text("kind", kind.as_str());
    Ok(match kind {
        FactKind::PageEvent => {
            let event = events
                .get(&fact)
                .ok_or_else(|| store::compensation::lost("page event", fact))?;
            base.text("event", event.kind.as_str())
                .text("at", event.at.rfc3339())
                .text("detail", event.detail.clone())
                .maybe_text("page", event.page_id.map(|id| id.to_string()))
                .maybe_text("run", event.run_id.map(|id| id.to_string()))
                .maybe_text("ticket", event.ticket_id.map(|id| id.to_string()))
                .maybe_text("team", event.team_id.map(|id| id.to_string()))
                .maybe_text("engineer", event.person_id.map(|id| id.to_string()))
                .maybe_text("reason", event.reason.map(|word| word.as_str()))
                .maybe_text("channel", event.channel.map(|word| word.as_str()))
                .maybe_text("door", event.door.map(|word| word.as_str()))
        }
        FactKind::Shift => {
            let shift = store::compensation::shift(conn, fact)?;
            base.text("team", shift.team_id.to_string())
                .maybe_text("engineer", shift.person_id.map(|id| id.to_string()))
                .text("start", shift.starts_at.rfc3339())
                .text("end", shift.ends_at.rfc3339())
                .text("because", shift.because)
                .text("recorded", shift.recorded_at.rfc3339())
        }
        FactKind::Work => {
            let work = store::compensation::work(conn, fact)?;
            base.text("ticket", work.ticket_id.to_string())
                .text("engineer", work.person_id.to_string())
                .maybe_text("page", work.page_id.map(|id| id.to_string()))
                .text("start", work.started_at.rfc3339())
                .text("end", work.ended_at.rfc3339())
        }
    })
}

/// What checking the whole chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    pub links: i64,
    pub head: String,
    /// The first entry that is wrong: its link doesn't hold, or its fact no longer says what was chained.
    pub broken_at: Option<i64>,
}

/// Re-computes every link and compares every fact with what was chained. Reads in batches; no transaction is held.
pub fn check(ctx: &Ctx<'_>) -> Result<Checked> {
    const BATCH: i64 = 500;
    let mut checked = Checked {
        links: 0,
        head: GENESIS.to_owned(),
        broken_at: None,
    };
    loop {
        let links =
            ctx.read(|conn| store::compensation::links_after(conn, checked.links, BATCH))?;
        if links.is_empty() {
            return Ok(checked);
        }
        let texts = links
            .iter()
            .map(|link| (link.seq, link.canonical.as_str(), link.hash.as_str()));
        match compensation::verify(&checked.head, checked.links + 1, texts) {
            Ok(head) => checked.head = head,
            Err(broken) => {
                return Ok(Checked {
                    broken_at: Some(broken.seq),
                    ..checked
                });
            }
        }
        let facts = links.iter().map(|link| (link.fact_id, link.kind));
        let events = ctx.read(|conn| page_events(conn, facts))?;
        for link in &links {
            let now = ctx.read(|conn| entry(conn, &events, link.kind, link.fact_id));
            let holds = match now {
                Ok(fact) => fact.integer("entry", link.seq).canonical() == link.canonical,
                // The fact is gone.
                Err(Error::Internal(_)) => false,
                Err(error) => return Err(error),
            };
            if !holds {
                return Ok(Checked {
                    broken_at: Some(link.seq),
                    ..checked
                });
            }
            checked.links = link.seq;
        }
    }
}
