//! How clocks read the timeline: which entry is which happening, for which of the parties that a ticket's promises are made to.

use crate::domain::correction::{CUSTOMER, Corrections};
use crate::domain::id::{CustomerId, Id};
use crate::domain::sla_agreement::{Anchor, Metric};
use crate::domain::sla_clock::{Event, Happening};
use crate::domain::ticket::{State, Ticket};
use crate::domain::timeline::{Actor, Audience, EntryKind, Facts};
use crate::domain::timestamp::Timestamp;
use crate::store::timeline::Recorded;

/// The kinds of entry that drive clocks; all others are skipped without a look.
pub const KINDS: &[EntryKind] = &[
    EntryKind::Opened,
    EntryKind::CustomerMessage,
    EntryKind::CustomerSolved,
    EntryKind::Reply,
    EntryKind::Update,
    EntryKind::CustomerContact,
    EntryKind::Shared,
    EntryKind::NoReplyNeeded,
    EntryKind::Unsatisfied,
    EntryKind::OwnerSet,
    EntryKind::HandedOver,
    EntryKind::PageAcknowledged,
    EntryKind::StateChanged,
    EntryKind::ApprovalAsked,
    EntryKind::Approved,
    EntryKind::ApprovalRefused,
    EntryKind::Restored,
    EntryKind::AffectedRestored,
    EntryKind::TakenBack,
    EntryKind::Resolved,
    EntryKind::Closed,
    EntryKind::Reopened,
    EntryKind::Cancelled,
    EntryKind::Held,
    EntryKind::Released,
    EntryKind::SeverityChanged,
    EntryKind::CustomerChanged,
    EntryKind::ServiceChanged,
    EntryKind::ImpactChanged,
    EntryKind::RestoredChanged,
    EntryKind::ResolvedChanged,
    EntryKind::ReportedChanged,
    EntryKind::AffectedAdded,
    EntryKind::Merged,
    EntryKind::Absorbed,
    EntryKind::Unmerged,
    EntryKind::DueChanged,
    EntryKind::CallbackPromised,
    EntryKind::CallbackDone,
    EntryKind::UpdatePromised,
    EntryKind::MeetingSet,
    EntryKind::MeetingHeld,
    EntryKind::MeetingCancelled,
    EntryKind::ReportSent,
    EntryKind::GlassBroken,
    EntryKind::GlassReviewed,
    EntryKind::TermsChanged,
    EntryKind::AgreementEnded,
];

/// The fact of a promise that is later than what was agreed: when that was. Made by who may lengthen one.
pub(super) const LATER_THAN: &str = "later_than";

/// Whether the terms may be others after such an entry.
pub fn retargets(kind: EntryKind) -> bool {
    matches!(
        kind,
        EntryKind::SeverityChanged
            | EntryKind::CustomerChanged
            | EntryKind::ServiceChanged
            | EntryKind::AffectedAdded
            | EntryKind::TermsChanged
            | EntryKind::AgreementEnded
    )
}

/// The fact of a merge that says since when the absorbed ticket's clock of this metric counts for this party (`None`: the house).
pub(super) fn anchor_fact(metric: Metric, party: Option<CustomerId>) -> String {
    let party = party.map_or_else(|| "house".to_owned(), |id| id.to_string());
    format!("anchor.{metric}.{party}")
}

/// The fact of a merge that says what was promised by hand to this party on the absorbed ticket, and is promised here now.
pub(super) fn promise_fact(metric: Metric, party: Option<CustomerId>) -> String {
    format!("promised.{}", anchor_fact(metric, party))
}

/// To whom the absorbed ticket had promised this by hand, by the facts of the merge.
pub(super) fn promised_to(metric: Metric, facts: &Facts) -> Option<Option<CustomerId>> {
    let named = format!("promised.anchor.{metric}.");
    let mut parties = facts
        .iter()
        .filter_map(|(name, _)| name.strip_prefix(&named));
    parties.next().map(Id::parse)
}

/// Of which customer an entry that readers outside don't see speaks: the one it names, else the ticket's own.
pub(super) fn told_to(ticket: &Ticket, entry: &Recorded) -> Option<CustomerId> {
    let named = entry.facts.get(CUSTOMER).and_then(Id::parse);
    named.or(ticket.customer)
}

/// The timeline as the clocks of `party` read it (`None`: the house). Expects all entries of [`KINDS`], oldest first.
pub fn events(ticket: &Ticket, party: Option<CustomerId>, entries: &[Recorded]) -> Vec<Event> {
    let mut events = Vec::with_capacity(2 * entries.len() + 1);
    let corrections = Corrections::of(entries.iter().map(Recorded::said));
    for entry in entries {
        if corrections.is_void(entry.seq) {
            continue;
        }
        let mut push_at = |effective_at: Timestamp, what: Happening| {
            events.push(Event {
                seq: entry.seq,
                effective_at,
                recorded_at: entry.recorded_at,
                what,
            });
        };
        let counts = !corrections.is_void_for(entry.seq, party);
        if let Some(what) = happening(ticket, party, entry, entries).filter(|_| counts) {
            // The state it was in is a matter of record; since when it worked is not.
            let worked_at = corrections.worked_at(entry.seq);
            let at = match what {
                Happening::Restored => worked_at,
                Happening::Resolved => corrections.resolved_at(entry.seq),
                _ => None,
            };
            push_at(at.unwrap_or(entry.effective_at), what);
            if let (Happening::Resolved, Some(at)) = (what, worked_at) {
                push_at(at, Happening::Restored);
            }
        }
        let mut push = |what| push_at(entry.effective_at, what);
        if let Some(state) = entered(ticket, entry) {
            push(Happening::Entered(state));
        }
        if entry.kind == EntryKind::Absorbed {
            for metric in Metric::ALL.iter().copied() {
                if let Some(anchor_at) = entry.facts.instant(&anchor_fact(metric, party)) {
                    push(Happening::Absorbed { metric, anchor_at });
                }
                let promised = entry.facts.instant(&promise_fact(metric, party));
                if promised.is_some() {
                    push(Happening::Promised {
                        metric,
                        at: promised,
                        lengthens: false,
                    });
                }
            }
        }
        // A letter that arrived nowhere promised nothing.
        if let Some(seq) = promised_with(entry, entries) {
            push(Happening::Withdrawn { seq });
        }
        let is_first = entry.kind == EntryKind::Opened && party == ticket.customer;
        if let Some(at) = first_due(ticket, entries).filter(|_| is_first) {
            push(Happening::Promised {
                metric: Metric::Due,
                at: Some(at),
                lengthens: false,
            });
        }
    }
    events
}

/// Whether those of `party` read what is written for `audience`.
pub(super) fn concerns(ticket: &Ticket, party: Option<CustomerId>, audience: Audience) -> bool {
    match audience {
        Audience::Internal => party == ticket.customer,
        Audience::Customer(customer) => party == Some(customer),
        Audience::AllAffected => true,
    }
}

/// The promise of a next update that stood in the letter which `unsatisfied` takes back.
fn promised_with(unsatisfied: &Recorded, entries: &[Recorded]) -> Option<i64> {
    let letter = unsatisfied
        .corrects
        .filter(|_| unsatisfied.kind == EntryKind::Unsatisfied)?;
    // What is said and what is promised with it are written at once, in this order.
    let next = entries.iter().find(|entry| {
        entry.seq > letter
            && matches!(
                entry.kind,
                EntryKind::Reply | EntryKind::Update | EntryKind::UpdatePromised
            )
    })?;
    (next.kind == EntryKind::UpdatePromised).then_some(next.seq)
}

/// The state that a ticket was in from this entry on.
fn entered(ticket: &Ticket, entry: &Recorded) -> Option<State> {
    use EntryKind as K;
    let to = || entry.facts.get("to").and_then(|word| word.parse().ok());
    match entry.kind {
        K::Opened => Some(State::first(ticket.key.kind)),
        // Steps of a change's approval have kinds of their own.
        K::ApprovalAsked | K::Approved | K::ApprovalRefused => to(),
        K::StateChanged | K::Restored | K::Resolved | K::Closed | K::Reopened | K::Cancelled => {
            to()
        }
        _ => None,
    }
}

/// The entry that began this hold. One from before holds had ids of their own is known by its entry's.
fn begun_by(entries: &[Recorded], hold: &str) -> Option<i64> {
    let is_its = |entry: &&Recorded| {
        entry.kind == EntryKind::Held
            && (entry.facts.get("hold") == Some(hold) || entry.id.to_string() == hold)
    };
    entries.iter().find(is_its).map(|entry| entry.seq)
}

/// The due date that the ticket was opened with: what the first change of it came from.
fn first_due(ticket: &Ticket, entries: &[Recorded]) -> Option<Timestamp> {
    match entries
        .iter()
        .find(|entry| entry.kind == EntryKind::DueChanged)
    {
        Some(change) => change.facts.instant("from"),
        None => ticket.due_at,
    }
}

fn happening(
    ticket: &Ticket,
    party: Option<CustomerId>,
    entry: &Recorded,
    entries: &[Recorded],
) -> Option<Happening> {
    use EntryKind as K;
    use Happening as H;
    let is_primary = party == ticket.customer;
    let concerns = concerns(ticket, party, entry.audience);
    let is_told = party == told_to(ticket, entry);
    // Auto-answers and letters of a job satisfy nothing.
    let by_us = matches!(entry.actor, Actor::Person(_) | Actor::Token(_));
    let promised = |metric| H::Promised {
        metric,
        at: entry.facts.instant("until"),
        lengthens: entry.facts.get(LATER_THAN).is_some(),
    };
    let changed_to = |state: State| entry.facts.get("to") == Some(state.as_str());
    Some(match entry.kind {
        K::Opened => H::Opened,
        K::CustomerMessage if concerns => H::CustomerWrote,
        K::CustomerSolved if concerns => H::Kept(Metric::Respond),
        // Who spoke with the customer was a human, whatever wrote it down.
        K::CustomerContact if is_told && by_us => H::Replied,
        K::Reply | K::Update | K::Shared if concerns => match entry.actor {
            Actor::Person(_) => H::Replied,
            Actor::Token(_) => H::Announced,
            Actor::Contact(_) | Actor::Stranger | Actor::System => return None,
        },
        K::NoReplyNeeded if is_told => H::NoReplyNeeded,
        K::Unsatisfied => H::Withdrawn {
            seq: entry.corrects?,
        },
        K::OwnerSet | K::HandedOver => {
            let who = entry.actor.person().map(|id| id.to_string());
            H::OwnerSet {
                by_self: who.is_some() && who.as_deref() == entry.facts.get("person"),
            }
        }
        K::PageAcknowledged => H::Acknowledged,
        // Restored, and then it wasn't: the restore clock runs on.
        K::StateChanged
            if entry.facts.get("from") == Some(State::Restored.as_str())
                && changed_to(State::InProgress) =>
        {
            H::Reopened
        }
        K::StateChanged => H::StateChanged,
        K::Restored => H::Restored,
        K::AffectedRestored => {
            let customer = entry.facts.get("customer");
            if party.map(|id| id.to_string()).as_deref() != customer {
                return None;
            }
            H::Restored
        }
        K::Resolved => H::Resolved,
        K::Closed => H::Closed,
        K::Reopened => H::Reopened,
        K::Cancelled => H::Cancelled,
        K::Held => H::Held {
            on: entry.facts.get("on").and_then(|word| word.parse().ok())?,
            until: entry.facts.instant("until"),
            // As other systems have it, whose history was imported: the wait belongs to the state.
            by_state: entry.facts.get("by_state").is_some(),
        },
        K::Released => match entry.facts.get("hold") {
            Some(hold) => H::ReleasedOne {
                seq: begun_by(entries, hold)?,
            },
            None => H::Released,
        },
        K::SeverityChanged
        | K::CustomerChanged
        | K::ServiceChanged
        | K::AffectedAdded
        | K::TermsChanged
        | K::AgreementEnded => H::Retargeted,
        K::ImpactChanged => H::AnchorMoved(Anchor::Impact),
        K::ReportedChanged => {
            let customer = entry.facts.get("customer");
            if party.map(|id| id.to_string()).as_deref() != customer {
                return None;
            }
            H::AnchorMoved(Anchor::Reported)
        }
        K::Merged => H::Merged,
        K::Unmerged => H::Unmerged {
            seq: entry.corrects?,
        },
        K::DueChanged if is_primary => H::Promised {
            metric: Metric::Due,
            at: entry.facts.instant("to"),
            lengthens: false,
        },
        K::CallbackPromised if is_told => promised(Metric::CallBack),
        K::CallbackDone if is_told => H::Kept(Metric::CallBack),
        K::UpdatePromised if concerns => promised(Metric::Update),
        // Moving a meeting doesn't move the promise; a cancelled one promises nothing.
        K::MeetingSet | K::MeetingCancelled => promised(Metric::Meeting),
        K::MeetingHeld => H::Kept(Metric::Meeting),
        K::ReportSent if concerns => H::Kept(Metric::Report),
        K::GlassBroken if is_primary => promised(Metric::Review),
        K::GlassReviewed if is_primary => H::Kept(Metric::Review),
        _ => return None,
    })
}
