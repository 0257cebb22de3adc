//! In whose hands a ticket was, as its timeline says: who owned it, with which team it was, for whom it waited.

use crate::domain::id::{CustomerId, Id};
use crate::domain::sla_clock::{self, Event};
use crate::domain::sla_holder::{Custody, Turn};
use crate::domain::ticket::Ticket;
use crate::domain::timeline::EntryKind;
use crate::store::timeline::Recorded;

use super::sla_reading::{KINDS, events};

/// The kinds of entry by which a ticket changes hands, besides those that drive clocks.
const HANDS: [EntryKind; 2] = [EntryKind::OwnerCleared, EntryKind::TeamChanged];

/// What a proof reads of the timeline.
pub fn kinds() -> Vec<EntryKind> {
    KINDS.iter().copied().chain(HANDS).collect()
}

/// Expects all entries of [`kinds`], oldest first, and the events read from them.
pub fn custody(ticket: &Ticket, entries: &[Recorded], events: &[Event]) -> Custody {
    let moved = |entry: &&Recorded| entry.kind == EntryKind::TeamChanged;
    let mut turn = Turn {
        at: ticket.logged_at,
        seq: 1,
        owner: None,
        // The team that it was logged with is the one that the first change came from.
        team: match entries.iter().find(moved) {
            Some(first) => first.facts.get("from").and_then(Id::parse),
            None => ticket.team,
        },
    };
    let mut turns = vec![turn];
    for entry in entries {
        match entry.kind {
            EntryKind::OwnerSet | EntryKind::HandedOver => {
                turn.owner = entry.facts.get("person").and_then(Id::parse);
            }
            EntryKind::OwnerCleared => turn.owner = None,
            EntryKind::TeamChanged => turn.team = entry.facts.get("to").and_then(Id::parse),
            _ => continue,
        }
        turn.at = entry.effective_at;
        turn.seq = entry.seq;
        turns.push(turn);
    }
    turns.sort_by_key(|turn| (turn.at, turn.seq));
    Custody::new(turns, events)
}

/// The events of one party's clocks, in the order in which they count.
pub fn told(ticket: &Ticket, party: Option<CustomerId>, entries: &[Recorded]) -> Vec<Event> {
    sla_clock::in_order(events(ticket, party, entries))
}
