//! Which entries tell a ticket's story, which are talk with the customer, and how they look on the tape.

use crate::domain::timeline::EntryKind;

/// Whether an entry is one of the moments that tell the story.
pub const fn is_key(kind: EntryKind) -> bool {
    matches!(
        kind,
        EntryKind::Opened
            | EntryKind::Reply
            | EntryKind::Update
            | EntryKind::CustomerMessage
            | EntryKind::CustomerSolved
            | EntryKind::CustomerContact
            | EntryKind::StateChanged
            | EntryKind::Restored
            | EntryKind::Resolved
            | EntryKind::Closed
            | EntryKind::Reopened
            | EntryKind::Cancelled
            | EntryKind::SeverityChanged
            | EntryKind::Shared
            | EntryKind::Merged
            | EntryKind::Absorbed
            | EntryKind::Unmerged
            | EntryKind::RoleTaken
            | EntryKind::OwnerSet
            | EntryKind::HandedOver
            | EntryKind::ClockBreached
            | EntryKind::Paged
            | EntryKind::PageAcknowledged
            | EntryKind::DeadEnd
            | EntryKind::GlassBroken
            | EntryKind::Deployed
            | EntryKind::DeploymentReleased
    )
}

/// Whether an entry was written between us and the customer.
pub const fn is_talk(kind: EntryKind) -> bool {
    matches!(
        kind,
        EntryKind::Opened
            | EntryKind::Reply
            | EntryKind::Update
            | EntryKind::CustomerMessage
            | EntryKind::CustomerSolved
            | EntryKind::CustomerContact
            | EntryKind::Shared
            | EntryKind::NoReplyNeeded
            | EntryKind::AutomaticMail
            | EntryKind::UpdatePromised
            | EntryKind::WordsProposed
            | EntryKind::WordsApproved
            | EntryKind::WordsSentBack
            | EntryKind::WordsWithdrawn
            | EntryKind::CallbackPromised
            | EntryKind::CallbackDone
    )
}

/// What kind of dot stands before it.
pub(super) const fn dot(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::ClockBreached
        | EntryKind::ClockStillLate
        | EntryKind::GlassBroken
        | EntryKind::Paged
        | EntryKind::DeadEnd
        | EntryKind::PageUndelivered
        | EntryKind::DeliveryFailed
        | EntryKind::Unsatisfied => "bad",
        EntryKind::Restored
        | EntryKind::Resolved
        | EntryKind::PageAcknowledged
        | EntryKind::CustomerSolved
        | EntryKind::CallbackDone => "ok",
        kind if is_key(kind) => "key",
        _ => "",
    }
}
