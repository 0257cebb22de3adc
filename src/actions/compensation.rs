//! The ledger's chain: each committed fact gets a link that holds its canonical text and hangs on the link before.

use std::collections::HashMap;

use crate::app::Ctx;
use crate::domain::compensation::{self, Entry, FactKind, GENESIS};
use crate::domain::id::{EntryId, Id};
use crate::error::{Error, Result, is_unique_violation};
use crate::store::compensation::Link;
use crate::store::page_log::PageEvent;
use crate::store::timeline::Recorded;
use crate::store::{self, Conn, deployment_fact};

/// Links up to `most` facts; how many there were. Another node that chains at the same moment wins, and the next look goes on
/// from its head.
pub fn chain(ctx: &Ctx<'_>, most: i64) -> Result<usize> {
    let has_work = |conn: &mut Conn| {
        let is_idle = store::compensation::unchained(conn, 1)?.is_empty();
        Ok(!is_idle || deployment_fact::is_any_missing(conn)?)
    };
    if !ctx.read(has_work)? {
        return Ok(0);
    }
    let done = ctx.app.store.write(|tx| {
        deployment_fact::keep_missing(tx, ctx.now, most)?;
        let waiting = store::compensation::unchained(tx, most)?;
        let (mut seq, mut head) = match store::compensation::head(tx)? {
            Some(link) => (link.seq, link.hash),
            None => (0, GENESIS.to_owned()),
        };
        let kept = Kept::of(tx, waiting.iter().copied())?;
        let mut links = Vec::with_capacity(waiting.len());
        for (fact, kind) in &waiting {
            seq += 1;
            let canonical = entry(tx, &kept, *kind, *fact)?
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

/// Those of the facts of which there are many, read together.
struct Kept {
    events: HashMap<Id<()>, PageEvent>,
    entries: HashMap<Id<()>, Recorded>,
}

impl Kept {
    fn of(conn: &mut Conn, facts: impl Iterator<Item = (Id<()>, FactKind)>) -> Result<Self> {
        let (mut events, mut entries) = (Vec::new(), Vec::new());
        for (fact, kind) in facts {
            match kind {
                FactKind::PageEvent => events.push(fact),
                FactKind::Approval => entries.push(fact),
                FactKind::Shift | FactKind::Work | FactKind::Deployment => {}
            }
        }
        Ok(Self {
            events: store::page_log::events(conn, &events)?,
            entries: {
                let ids: Vec<EntryId> = entries.iter().map(|id| Id::from_uuid(id.uuid())).collect();
                let found = store::timeline::by_ids(conn, &ids)?;
                let by_fact = |it: Recorded| (Id::from_uuid(it.id.uuid()), it);
                found.into_iter().map(by_fact).collect()
            },
        })
    }
}

/// What an entry of an approval says that nobody's name or words are in.
const APPROVAL_FACTS: [&str; 8] = [
    "digest",
    "for",
    "not_before",
    "review_until",
    "rule",
    "to",
    "until",
    "verdict",
];

/// A stored fact as the chain writes it. People stand there by their id: a name may have to be forgotten one day.
fn entry(conn: &mut Conn, kept: &Kept, kind: FactKind, fact: Id<()>) -> Result<Entry> {
    let base = Entry::default()
        .text("fact", fact.to_string())
        .text("kind", kind.as_str());
    Ok(match kind {
        FactKind::PageEvent => {
            let event = kept
                .events
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
        FactKind::Deployment => {
            let told = deployment_fact::fact(conn, fact)?;
            base.text("deployment", told.deployment_id.to_string())
                .integer("nth", told.nth)
                .text("told", told.told)
                .text("kept", told.recorded_at.rfc3339())
        }
        FactKind::Approval => {
            let entry = kept
                .entries
                .get(&fact)
                .ok_or_else(|| store::compensation::lost("approval", fact))?;
            let base = base
                .text("event", entry.kind.as_str())
                .text("ticket", entry.ticket.to_string())
                .integer("place", entry.seq)
                .text("at", entry.effective_at.rfc3339())
                .text("recorded", entry.recorded_at.rfc3339())
                .text("door", entry.door.as_str())
                .maybe_text("by", entry.actor.person().map(|id| id.to_string()));
            APPROVAL_FACTS.iter().fold(base, |base, name| {
                base.maybe_text(name, entry.facts.get(name))
            })
        }
    })
}

/// Whether the ledger still says what its last telling was; what other facts say is all that there is of them.
fn is_in_the_ledger(conn: &mut Conn, link: &Link) -> Result<bool> {
    if link.kind != FactKind::Deployment {
        return Ok(true);
    }
    let told = deployment_fact::fact(conn, link.fact_id)?;
    deployment_fact::stands(conn, told.deployment_id)
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
        let kept = ctx.read(|conn| Kept::of(conn, facts))?;
        for link in &links {
            let now = ctx.read(|conn| {
                let entry = entry(conn, &kept, link.kind, link.fact_id)?;
                Ok((entry, is_in_the_ledger(conn, link)?))
            });
            let holds = match now {
                Ok((fact, is_there)) => {
                    is_there && fact.integer("entry", link.seq).canonical() == link.canonical
                }
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
